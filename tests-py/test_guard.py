"""The guard over plans of Terraform: the format of `terraform show -json`, orders as files and orders of a server."""

import json
import subprocess

import pytest

from onshore_server import BINARY, clean_env
from test_control_api import ask, problem


def change(address, kind, provider, actions=("create",), after=None, unknown=None):
    return {
        "address": address, "mode": "managed", "type": kind, "name": address.split(".")[-1], "provider_name": f"registry.terraform.io/hashicorp/{provider}",
        "change": {"actions": list(actions), "before": None, "after": after or {}, "after_unknown": unknown or {}},
    }


def plan(*changes):
    return {"format_version": "1.2", "terraform_version": "1.9.8", "planned_values": {"root_module": {}}, "resource_changes": list(changes)}


HOME = change("alicloud_oss_bucket.home", "alicloud_oss_bucket", "alicloud", after={"region": "cn-beijing"})
ABROAD = change("module.a.aws_s3_bucket.b", "aws_s3_bucket", "aws", after={"region": "us-east-1"})
CHINA = change("aws_s3_bucket.c", "aws_s3_bucket", "aws", after={"region": "cn-north-1"})
UNKNOWN = change("aws_braket_thing.q", "aws_braket_thing", "aws", after={"region": "cn-north-1"})


@pytest.fixture
def guard(tmp_path):
    """Runs the guard without any server."""
    order = tmp_path / "tianjin 2021.toml"
    order.write_text(run("order", "example").stdout, encoding="utf-8")

    def guard(document, *arguments, orders=True):
        path = tmp_path / "a plan.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return run("guard", path, *(["--orders", order] if orders else []), *arguments)

    guard.order = order
    return guard


def run(*arguments):
    return subprocess.run([str(BINARY), *map(str, arguments)], env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def test_a_violation_is_exit_1_and_wrong_usage_exit_2(guard):
    refused = guard(plan(HOME, CHINA), "--residency", "CN")
    assert refused.returncode == 1 and "alicloud_oss_bucket.home" in refused.stdout and "clause prohibited" in refused.stdout and "aws_s3_bucket.c" not in refused.stdout
    assert guard(plan(CHINA), "--residency", "CN").returncode == 0
    assert guard(plan(CHINA, ABROAD), "--residency", "CN").returncode == 1
    assert guard(plan(ABROAD), "--residency", "CN", orders=False).returncode == 1
    assert guard(plan(ABROAD), "--residency", "US", orders=False).returncode == 0
    assert guard(plan(HOME), "--on", "2021-08-11").returncode == 0
    assert guard(plan(HOME), "--on", "2021-08-12").returncode == 1
    for document in ("", "[]", "{}", "not json", json.dumps({"format_version": "1.0", "values": {}}), json.dumps({"format_version": "9.0", "resource_changes": []})):
        assert guard(document).returncode == 2, document
    assert guard(plan(), orders=False).returncode == 2
    assert guard(plan(), "--residency", "Mars").returncode == 2
    assert guard(plan(), "--on", "2021-02-29").returncode == 2
    assert run("guard", "/nowhere", "--residency", "CN").returncode == 2
    guard.order.write_text("id = 1", encoding="utf-8")
    assert guard(plan()).returncode == 2


def test_what_is_not_known_is_told(guard):
    told = guard(plan(UNKNOWN), "--residency", "CN")
    assert told.returncode == 0 and "aws_braket_thing" in told.stdout and "1 not known" in told.stdout
    assert guard(plan(UNKNOWN), "--residency", "CN", "--strict").returncode == 1
    open_place = change("aws_s3_bucket.o", "aws_s3_bucket", "aws", unknown={"region": True})
    assert guard(plan(open_place), "--residency", "CN").returncode == 1


def test_json_and_sarif_tell_the_same(guard):
    document = plan(HOME, ABROAD, UNKNOWN, change("aws_s3_bucket.gone", "aws_s3_bucket", "aws", actions=["delete"]))
    told = guard(document, "--residency", "CN", "--json")
    found = json.loads(told.stdout)
    assert told.returncode == 1 and (found["judged"], found["passed"]) == (3, 1)
    assert [one["rule"] for one in found["findings"]] == ["order.prohibited", "residency.place", "unknown.type"]
    scanned = guard(document, "--residency", "CN", "--sarif")
    sarif = json.loads(scanned.stdout)
    (results,) = [one["results"] for one in sarif["runs"]]
    assert scanned.returncode == 1 and sarif["version"] == "2.1.0"
    assert [(one["ruleId"], one["level"]) for one in results] == [("order.prohibited", "error"), ("residency.place", "error"), ("unknown.type", "warning")]
    assert " " not in results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    rules = {one["id"] for one in sarif["runs"][0]["tool"]["driver"]["rules"]}
    assert {one["ruleId"] for one in results} <= rules


def test_a_server_says_which_orders_bind_whom(make_server, guard, tmp_path):
    server = make_server("guarded")
    server.cli("order", "add", guard.order)
    files = {
        "organisation": ['id = "tianjin-sasac"\nname = "S"\nkind = "state-organ"\n', 'id = "port"\nname = "P"\nowners = [{ owner = "tianjin-sasac", percent = 51, from = "2000-01-01" }]\n', 'id = "private"\nname = "F"\n'],
        "provider": ['id = "china-telecom"\nname = "Tianyi"\nkind = "carrier-cloud"\nterraform = ["ctyun"]\n'],
    }
    for kind, texts in files.items():
        for text in texts:
            path = tmp_path / "record.toml"
            path.write_text(text, encoding="utf-8")
            server.cli(kind, "add", path)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan(change("ctyun_vm.v", "ctyun_vm", "ctyun"))), encoding="utf-8")
    bound = server.run("guard", path, "--organisation", "port")
    assert bound.returncode == 1 and "prohibited" in bound.stdout, bound
    assert server.run("guard", path, "--organisation", "port", "--on", "2021-08-11").returncode == 0
    assert server.run("guard", path, "--organisation", "private").returncode == 0
    assert server.run("guard", path, "--organisation", "nobody").returncode == 1
    # An exemption that two people made for somebody else binds the rest as before, and is read as it is kept.
    exempt = tmp_path / "exempt.toml"
    exempt.write_text(guard.order.read_text(encoding="utf-8") + '\n[[exemptions]]\norganisation = "private"\nfrom = "2021-09-01"\ngranted = "letter 7"\nreason = "flood"\n', encoding="utf-8")
    tokens = {name: server.cli("token", "create", "--role", "operator", "--person", name)["token"] for name in ("ada", "bo")}
    assert server.run("order", "amend", exempt, env={"ONSHORE_TOKEN": tokens["ada"]}).returncode == 0
    assert server.run("order", "approve", "tianjin-2021", env={"ONSHORE_TOKEN": tokens["bo"]}).returncode == 0
    assert server.run("guard", path, "--organisation", "port").returncode == 1
    exempt.write_text(exempt.read_text(encoding="utf-8").replace('organisation = "private"', 'organisation = "port"'), encoding="utf-8")
    assert server.run("order", "amend", exempt, env={"ONSHORE_TOKEN": tokens["ada"]}).returncode == 0
    assert server.run("guard", path, "--organisation", "port").returncode == 1
    assert server.run("order", "approve", "tianjin-2021", env={"ONSHORE_TOKEN": tokens["bo"]}).returncode == 0
    assert server.run("guard", path, "--organisation", "port").returncode == 0


def test_what_is_where_another_resource_is(guard):
    """A container has no place to write down: it is where its account is, and where no plan tells that, only `--strict` refuses."""
    account = {"name": "acc", "location": "chinanorth3", "account_replication_type": "LRS"}
    container = change("azurerm_storage_container.c", "azurerm_storage_container", "azurerm", after={"name": "c", "storage_account_name": "acc"})
    at_home = plan(container, change("azurerm_storage_account.a", "azurerm_storage_account", "azurerm", after=account))
    assert guard(at_home, "--residency", "CN", "--strict").returncode == 0
    abroad = guard(plan(container, change("azurerm_storage_account.a", "azurerm_storage_account", "azurerm", actions=["no-op"], after={**account, "location": "westeurope"})), "--residency", "CN", "--json")
    assert abroad.returncode == 1 and [one["rule"] for one in json.loads(abroad.stdout)["findings"]] == ["residency.place"]
    alone = guard(plan(container), "--residency", "CN", "--sarif")
    assert alone.returncode == 0 and "place not known from this plan" in alone.stdout and '"unknown.place"' in alone.stdout
    assert guard(plan(container), "--residency", "CN", "--strict").returncode == 1
    paired = change("azurerm_storage_account.a", "azurerm_storage_account", "azurerm", after={**account, "location": "brazilsouth", "account_replication_type": "GRS"})
    told = guard(plan(paired), "--residency", "BR")
    assert told.returncode == 1 and "southcentralus" in told.stdout


def test_a_larger_machine_at_a_prohibited_provider_is_refused(guard):
    def resized(before, after):
        one = change("alicloud_instance.i", "alicloud_instance", "alicloud", actions=["update"], after={"instance_type": after})
        one["change"]["before"] = {"instance_type": before}
        return guard(plan(one))

    assert resized("ecs.g6.large", "ecs.g6.4xlarge").returncode == 1
    assert resized("ecs.g6.4xlarge", "ecs.g6.large").returncode == 0


def test_a_plan_is_judged_over_the_control_api(make_server, guard, tmp_path):
    server = make_server("asked")
    server.cli("order", "add", guard.order)
    for kind, text in (
        ("organisation", 'id = "tianjin-sasac"\nname = "S"\nkind = "state-organ"\n'),
        ("organisation", 'id = "port"\nname = "P"\nowners = [{ owner = "tianjin-sasac", percent = 51, from = "2000-01-01" }]\n'),
        ("organisation", 'id = "private"\nname = "F"\n'),
        ("provider", 'id = "china-telecom"\nname = "Tianyi"\nkind = "carrier-cloud"\nterraform = ["ctyun"]\n'),
    ):
        path = tmp_path / "record.toml"
        path.write_text(text, encoding="utf-8")
        server.cli(kind, "add", path)
    auditor = server.cli("token", "create", "--role", "auditor")["token"]
    document = plan(HOME, ABROAD, UNKNOWN, change("ctyun_vm.v", "ctyun_vm", "ctyun"))
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document), encoding="utf-8")

    def judged(query, body=document, **headers):
        answer = ask(server, "POST", f"/v1/guard?{query}", body, token=auditor, **headers)
        assert answer.status == 200, answer.body
        return answer.json

    # The same as the command says, whoever judges: with the orders of the server, with a place, on another day.
    for query, arguments in (
        ("organisation=port", ["--organisation", "port"]), ("organisation=private", ["--organisation", "private"]), ("residency=CN", ["--residency", "CN"]),
        ("organisation=port&residency=CN&on=2021-08-11", ["--organisation", "port", "--residency", "CN", "--on", "2021-08-11"]),
        ("organisation=port&residency=CN&on=2021-08-12", ["--organisation", "port", "--residency", "CN", "--on", "2021-08-12"]),
    ):  # fmt: skip
        said = server.run("guard", path, *arguments, "--json", env={"ONSHORE_TOKEN": auditor})
        assert judged(query) == json.loads(said.stdout), query
        scanned = json.loads(server.run("guard", path, *arguments, "--sarif").stdout)["runs"][0]
        for found in (judged(f"{query}&format=sarif"), judged(query, Accept="text/html, application/sarif+json;q=0.9")):
            (run_,) = found["runs"]
            assert [(one["ruleId"], one["level"], one["message"]) for one in run_["results"]] == [(one["ruleId"], one["level"], one["message"]) for one in scanned["results"]]
            assert run_["tool"] == scanned["tool"]
    prohibited = {one["address"] for one in judged("organisation=port")["findings"] if one["rule"] == "order.prohibited"}
    assert prohibited == {"alicloud_oss_bucket.home", "ctyun_vm.v"} and judged("organisation=private")["findings"][0]["rule"] != "order.prohibited"
    assert ask(server, "POST", "/v1/guard?residency=CN&format=sarif", document).headers["content-type"] == "application/sarif+json"
    # Nothing of a plan is kept, and nothing of the question.
    leaves = server.cli("ledger", "tail", "-n", "5")
    assert "ctyun" not in json.dumps(leaves) and "guard" not in json.dumps(leaves)


def test_what_is_no_plan_is_refused_and_says_what_to_do(make_server):
    server = make_server("no-plans")
    judge = lambda query, body, **more: ask(server, "POST", f"/v1/guard?{query}", body, **more)
    assert "organisation" in problem(judge("", plan()), 400, "bad-request")["detail"]
    assert "terraform show -json" in problem(judge("residency=CN", {"format_version": "1.0", "values": {}}), 400)["detail"]
    assert "terraform show -json" in problem(judge("residency=CN", '{"secret": "AKIA'), 400)["detail"]
    assert "AKIA" not in judge("residency=CN", '{"x": AKIA}').body.decode()
    for query in ("residency=Mars", "residency=CN&strict=true", "residency=CN&format=pdf", "residency=CN&on=2021-02-29", "organisation=No", "residency=CN&residency=US"):
        problem(judge(query, plan()), 400, "bad-request")
    problem(judge("organisation=nobody", plan()), 404)
    problem(judge("residency=CN", json.dumps(plan()), Content_Type="text/plain"), 415)
    deep = '{"format_version":"1.2","resource_changes":' + "[" * 100_000
    assert "not JSON" in problem(judge("residency=CN", deep), 400)["detail"]
    # Long plans are judged, and those that are too long are told so, with a key or without.
    filler = {**plan(CHINA), "configuration": "x" * (2 << 20)}
    for more in ({}, {"Idempotency_Key": "plan-1"}):
        assert judge("residency=CN", filler, **more).json == {"judged": 1, "passed": 0, "findings": []}
    long = json.dumps({**plan(), "configuration": "x" * (32 << 20)})
    assert "32 MiB" in problem(judge("residency=CN", long), 413, "body-too-long")["detail"]
