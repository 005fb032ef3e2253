"""Outgoing providers: they acknowledge an order, deliver their inventory, sign hand-overs and deletions, and see nothing else."""

import hashlib
import json

import pytest

from test_control_api import ask
from test_handover import with_signatories
from test_regions import Records
from test_register import as_person


@pytest.fixture
def left(make_server, request, tmp_path):
    records = Records(make_server(request.node.name[:40]), tmp_path)
    does = records.does
    does("organisation", "add", 'id = "tianjin-sasac"\nname = "S"\nkind = "state-organ"\n')
    does("organisation", "add", 'id = "port"\nname = "港口"\nowners = [{ owner = "tianjin-sasac", percent = 51, from = "2000-01-01" }]\n')
    does("organisation", "add", 'id = "shop"\nname = "A private shop"\n')
    does("provider", "add", 'id = "alibaba-cloud"\nname = "A"\nkind = "third-party-cloud"\n')
    does("provider", "add", 'id = "tencent-cloud"\nname = "T"\nkind = "third-party-cloud"\n')
    does("order", "add", records.server.run("order", "example").stdout)
    for name, organisation, provider in [("c-1", "port", "alibaba-cloud"), ("c-2", "port", "tencent-cloud"), ("c-3", "shop", "alibaba-cloud")]:
        does("contract", "add", f'id = "{name}"\norganisation = "{organisation}"\nprovider = "{provider}"\nservice = "oss"\nstart = "2019-01-01"\n')
    return records


def of(records, provider="alibaba-cloud", person="ma"):
    made = records.server.cli("token", "create", "--role", "outgoing-provider", "--provider", provider, "--person", person)
    return {"ONSHORE_TOKEN": made["token"]}


def said(records, env, *arguments, fails=False):
    done = records.server.run("departure", *arguments, "--json", env=env)
    assert (done.returncode != 0) == fails, (arguments, done.stdout, done.stderr)
    return done.stderr if fails else json.loads(done.stdout)


def inventory(records, *lines):
    return records.file("kind,name,place,objects,bytes\n" + "".join(line + "\n" for line in lines))


def test_a_provider_acknowledges_what_binds_its_contract(left):
    ma = of(left)
    assert [one["contract"] for one in said(left, ma, "mine")] == ["c-1", "c-3"]
    record = said(left, ma, "acknowledge", "c-1", "--order", "tianjin-2021")["record"]
    assert record["acknowledged"][0]["order"] == "tianjin-2021" and record["acknowledged"][0]["by"]["person"] == "ma"
    assert "before" in said(left, ma, "acknowledge", "c-1", "--order", "tianjin-2021", fails=True)
    # Why an order does not bind is no business of the provider's, nor which orders there are.
    refused = said(left, ma, "acknowledge", "c-3", "--order", "tianjin-2021", fails=True)
    assert "no order `tianjin-2021` binds" in refused and "shop" not in refused
    assert "no order `no-order` binds" in said(left, ma, "acknowledge", "c-1", "--order", "no-order", fails=True)
    # The contract of another is not there, whether there is one or not.
    for other in ("c-2", "c-99"):
        assert f"`{other}`" in said(left, ma, "acknowledge", other, "--order", "tianjin-2021", fails=True)
    unnamed = left.server.run("token", "create", "--role", "outgoing-provider", "--provider", "alibaba-cloud")
    assert unnamed.returncode == 1 and "--person" in unnamed.stderr
    operator = left.server.run("departure", "acknowledge", "c-1", "--order", "tianjin-2021")
    assert operator.returncode == 1 and "outgoing provider" in operator.stderr
    leaves = json.dumps(left.server.cli("ledger", "tail", "-n", "5"))
    assert "departure.acknowledged" in leaves and "alibaba" not in leaves


def test_an_inventory_is_held_against_the_assets(left):
    ma = of(left)
    assert left.server.run("departure", "compare", "c-1").returncode == 1
    left.does("asset", "add", 'id = "a-1"\ncontract = "c-1"\nkind = "bucket"\nname = "logs"\n')
    left.does("asset", "add", 'id = "a-2"\ncontract = "c-1"\nkind = "database"\nname = "orders"\n')
    told = said(left, ma, "inventory", "c-1", inventory(left, "bucket,logs,CN-BJ,12,345", "bucket,forgotten,,,"))
    assert told["record"]["inventory"]["items"][0] == {"kind": "bucket", "name": "logs", "place": "CN-BJ", "objects": 12, "bytes": 345}
    compared = left.server.run("departure", "compare", "c-1", "--json")
    assert compared.returncode == 1
    assert json.loads(compared.stdout) == {
        "same": 1,
        "not_an_asset": [{"kind": "bucket", "name": "forgotten"}],
        "not_in_the_inventory": [{"kind": "database", "name": "orders"}],
    }
    in_chinese = left.server.run("departure", "compare", "c-1", "--lang", "zh").stdout
    assert "服务商持有，但不是该合同的资产" in in_chinese and "双方一致 1 项" in in_chinese and "provider" not in in_chinese, in_chinese
    said(left, ma, "inventory", "c-1", inventory(left, "bucket,logs,,,", "database,orders,,,"))
    assert left.server.run("departure", "compare", "c-1").returncode == 0
    history = left.server.cli("departure", "show", "c-1", "--history")
    assert [len(one["record"]["inventory"]["items"]) for one in history] == [2, 2] and [one["revision"] for one in history] == [1, 2]
    for bad in (["bucket,logs,,,", "bucket,logs,,,"], ["cupboard,x,,,"], ["bucket,,,,"], ["bucket,x,,-1,"], ["bucket,x,,99999999999999999,"]):
        said(left, ma, "inventory", "c-1", inventory(left, *bad), fails=True)
    assert left.server.cli("departure", "show", "c-1")["revision"] == 2


def test_what_another_provider_said_is_not_the_next_ones_word(left):
    ma, wei = of(left), of(left, "tencent-cloud", "wei")
    said(left, ma, "inventory", "c-1", inventory(left, "bucket,logs,,,"))
    said(left, ma, "sign-deletion", "c-1", left.file("old"))
    other = left.file('id = "c-1"\norganisation = "port"\nprovider = "tencent-cloud"\nservice = "oss"\nstart = "2019-01-01"\n')
    left.server.cli("contract", "amend", other, "--from", "2021-06-01")
    mine = {one["contract"]: one for one in said(left, wei, "mine")}
    assert "departure" not in mine["c-1"] and [one["contract"] for one in said(left, ma, "mine")] == ["c-3"]
    record = said(left, wei, "inventory", "c-1", inventory(left, "bucket,other,,,"))["record"]
    assert record["provider"] == "tencent-cloud" and "deletion" not in record
    # What he says he has and nobody brought keeps the contract open, unless a named person sets it aside.
    close = ("contract", "close", "c-1", "--statement", left.file("new"), "--negative-probe", "2021-01-01")
    refused = left.server.run(*close)
    assert refused.returncode == 1 and "1 things more" in refused.stderr and "bucket `other`" in refused.stderr
    assert as_person(left.server, "ada", *close, "--set-aside")["record"]["deletion"]["set_aside"] is True
    # What he says afterwards is told.
    contradicted = lambda: [one for one in left.server.cli("report", "cases") if one["kind"] == "inventory"]
    assert contradicted() == []
    said(left, wei, "inventory", "c-1", inventory(left, "bucket,other,,,", "bucket,hidden,,,"))
    (case,) = contradicted()
    assert (case["id"], case["organisation"]) == ("c-1", "port") and "2 things more" in case["why"]
    assert "交付清单" in left.server.run("report", "cases", "--lang", "zh").stdout
    said(left, wei, "inventory", "c-1", inventory(left))
    assert contradicted() == []


def test_long_inventories_and_lists_of_contracts_come_whole(left):
    ma = of(left)
    many = [f"bucket,{'n' * 60}-{number},CN-BJ,{number},{number << 20}" for number in range(10_000)]
    told = said(left, ma, "inventory", "c-1", inventory(left, *many))
    assert len(told["record"]["inventory"]["items"]) == 10_000
    refused = said(left, ma, "inventory", "c-1", inventory(left, *many, "bucket,one-more,,,"), fails=True)
    assert "10000" in refused
    paged = ask(left.server, "GET", "/v1/departures?limit=1", token=ma["ONSHORE_TOKEN"])
    assert len(paged.json) == 1 and "after=c%2D1" in paged.headers["link"]


def test_a_contract_is_closed_by_the_statement_that_the_provider_signed(left):
    ma = of(left)
    statement = left.file("All of it is deleted.")
    signed = said(left, ma, "sign-deletion", "c-1", statement)["record"]["deletion"]
    assert signed["statement_sha256"] == hashlib.sha256(statement.read_bytes()).hexdigest()
    other = left.server.run("contract", "close", "c-1", "--statement", left.file("Nothing is."), "--negative-probe", "2021-01-01")
    assert other.returncode == 1 and signed["statement_sha256"] in other.stderr
    left.server.cli("contract", "close", "c-1", "--statement", statement, "--negative-probe", "2021-01-01")
    assert "for good" in said(left, ma, "sign-deletion", "c-1", left.file("Not all."), fails=True)
    # A provider that signs nonsense keeps no contract open: a named person sets it aside, and the ledger tells.
    said(left, ma, "sign-deletion", "c-3", left.file("nonsense"))
    aside = ("contract", "close", "c-3", "--statement", statement, "--negative-probe", "2021-01-01", "--set-aside")
    assert "--person" in left.server.run(*aside).stderr
    as_person(left.server, "ada", *aside)
    assert '"set_aside": true' in json.dumps(left.server.cli("ledger", "tail", "-n", 2))
    # Nobody writes by hand what a provider says.
    by_hand = ask(left.server, "POST", "/v1/register/departure", {"id": "c-3", "provider": "alibaba-cloud"})
    assert by_hand.status == 400 and "token" in by_hand.json["detail"]


def test_a_provider_signs_for_what_it_sells_and_for_no_other(left):
    for name in ("amazon", "sinnet", "nobody"):
        left.does("organisation", "add", f'id = "{name}"\nname = "{name}"\n')
    left.does("provider", "add", 'id = "aws"\nname = "AWS"\nkind = "third-party-cloud"\norganisation = "amazon"\n')
    plan = with_signatories(left.server.run("handover", "example").stdout)
    left.does("handover", "add", plan)
    accept = ("handover", "accept", "sinnet-2017", "assets", "--side")
    wei = of(left, "aws", "wei")
    revision = ("--revision", "1")
    assert left.server.run(*accept, "buyer", *revision, env=wei).returncode == 1
    assert left.server.run(*accept, "seller", *revision, env=of(left, "alibaba-cloud", "wei")).returncode == 1
    assert left.server.run(*accept, "seller", *revision, env=of(left, "aws", "li")).returncode == 1
    done = left.server.run(*accept, "seller", *revision, "--json", env=wei)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["record"]["tranches"][0]["signed_by_seller"]["person"] == "wei"


def test_a_provider_sees_nothing_else(left):
    ma = of(left)
    document = ask(left.server, "GET", "/openapi.json").json
    seen = []
    for path, methods in document["paths"].items():
        for method in methods:
            body = {} if method in ("post", "put", "patch") else None
            answer = ask(left.server, method.upper(), path.replace("{", "").replace("}", ""), body, token=ma["ONSHORE_TOKEN"])
            if answer.status not in (401, 403, 404):
                seen.append((method, path, answer.status))
    theirs = {"/v1/departures", "/v1/whoami", "/v1/sessions", "/openapi.json", "/healthz", "/v1/handovers/{id}/tranches/{tranche}/signatures"}
    theirs |= {f"/v1/departures/{{contract}}/{what}" for what in ("acknowledgements", "inventory", "deletion")}
    assert {path for _, path, _ in seen} <= theirs, seen
    for bad in (["--role", "outgoing-provider"], ["--role", "operator", "--provider", "alibaba-cloud"], ["--role", "outgoing-provider", "--provider", "nobody"]):
        assert left.server.run("token", "create", *bad).returncode == 1, bad
