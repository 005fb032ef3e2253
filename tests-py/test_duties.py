"""The watch over thresholds: persons who are counted open duties, once, for organisations, groups and tenants; whoever waits for them is told."""

import json

import pytest

from identities import new_tenant
from onshore_server import CONFIG
from test_alarms import Hook
from test_classify import luhn
from test_persons import people, table
from test_regions import Records, wait_for
from test_scanning import US, put

MILLION = 1_000_000


def mails(start, number):
    """A table of so many persons, each told of by an address of mail alone."""
    return ("e-mail\n" + "".join(f"p{at}@mail{at % 97}.cn\n" for at in range(start, start + number))).encode()


@pytest.fixture
def watched(make_server, request, tmp_path):
    hook = Hook()
    server = make_server(request.node.name[:40], config=CONFIG + f'\n[alarms]\ninterval_s = 1\n\n[alarms.webhooks.hook]\nurl = "{hook.url}"\n')
    server.hook, server.records = hook, Records(server, tmp_path)
    yield server
    hook.shutdown()


def begun(server):
    return {(one["of"], one["duty"]) for one in server.cli("alarm", "list") if one["what"] == "duty.begins"}


def duties(server):
    return {(one["organisation"], one["id"]): one["why"] for one in server.cli("report", "cases") if one["kind"] == "duty"}


def held(server, *tenants):
    return server.cli("report", "persons", *[word for one in tenants for word in ("--tenant", one.tenant)])["held"]["upper"]


def test_a_million_held_is_a_million_and_not_one_fewer(watched):
    one, other = new_tenant(watched), new_tenant(watched)
    watched.records.does("organisation", "add", f'id = "app"\nname = "App"\nsector = "other"\nusers = 10\ntenants = ["{one.tenant}", "{other.tenant}"]\n')
    for tenant in (one, other):
        tenant.s3.create_bucket(Bucket=tenant.tenant)
    # Half of them in each tenant, and a thousand of them in both.
    one.s3.put_object(Bucket=one.tenant, Key="a.csv", Body=mails(0, 500_000), ContentType="text/csv")
    other.s3.put_object(Bucket=other.tenant, Key="b.csv", Body=mails(499_000, 500_999), ContentType="text/csv")
    assert held(watched, one, other) == MILLION - 1
    assert watched.run("listing", "check", "--organisation", "app", "--place", "US").returncode == 0
    # A look that begins now has counted these, since one that tells of the next person comes behind it.
    other.s3.put_object(Bucket=other.tenant, Key="c.csv", Body=mails(MILLION, 1), ContentType="text/csv")
    officers = {("app", "storage-at-home"), ("app", "protection-officer")}
    wait_for(lambda: begun(watched) == officers)
    assert "1000000 persons held" in duties(watched)["app", "protection-officer"]
    other.s3.put_object(Bucket=other.tenant, Key="d.csv", Body=mails(MILLION + 1, 1), ContentType="text/csv")
    wait_for(lambda: begun(watched) == officers | {("app", "listing-review")})
    # Whoever may be listed knows it too, and each was told of once.
    assert "article 7" in watched.run("listing", "check", "--organisation", "app", "--place", "US").stderr
    wait_for(lambda: len(watched.hook.heard) == 3)
    told = [json.loads(body) for _, body in watched.hook.heard]
    assert {(one["of"], one["duty"]) for one in told} == begun(watched) and "order" not in told[0]
    # Fewer again end none of them, and more of the same begin none anew, nor does a restart.
    other.s3.delete_object(Bucket=other.tenant, Key="b.csv")
    watched.restart()
    assert set(duties(watched)) == begun(watched) == officers | {("app", "listing-review")}
    leaves = json.dumps(watched.cli("ledger", "tail", "-n", "100"))
    assert leaves.count('"duty.begins"') == 3 and "p1@" not in leaves


def test_what_left_opens_duties_by_the_year(watched):
    tenant = new_tenant(watched)
    tenant.s3.create_bucket(Bucket=tenant.tenant)
    cards = [(number, luhn("622202" + f"{at:012}")) for at, (number, _) in enumerate(people(3, 5))]
    put(tenant.s3, tenant.tenant, "cards.csv", table(cards, ("身份证号", "卡号")))
    put(tenant.s3, tenant.tenant, "many.csv", mails(0, 100_000))
    watched.grant(label="sensitive-personal", tenant=tenant.tenant)
    abroad = tenant.client(source=US)
    abroad.get_object(Bucket=tenant.tenant, Key="cards.csv", Range="bytes=0-0")["Body"].read()
    name = f"tenant.{tenant.tenant}"
    wait_for(lambda: begun(watched) == {(name, "sensitive-export-contract")})
    abroad.get_object(Bucket=tenant.tenant, Key="many.csv", Range="bytes=0-0")["Body"].read()
    wait_for(lambda: begun(watched) == {(name, "sensitive-export-contract"), (name, "export-contract")})
    assert "100000 persons exported since 1 January" in duties(watched)[name, "export-contract"]
    # What somebody typed is told as what was counted is, once.
    before = begun(watched)
    watched.records.does("organisation", "add", 'id = "typed"\nname = "T"\nusers = 1_000_000\n')
    wait_for(lambda: begun(watched) == before | {("typed", "storage-at-home"), ("typed", "protection-officer")})
    watched.records.does("organisation", "amend", 'id = "typed"\nname = "T"\nusers = 1_000_001\n')
    wait_for(lambda: ("typed", "listing-review") in begun(watched))
    assert len([one for one in watched.cli("alarm", "list") if one["of"] == "typed"]) == 3


def test_whoever_is_critical_to_the_country_has_an_assessment_from_the_first_person_on(watched):
    tenant = new_tenant(watched)
    watched.records.does("organisation", "add", f'id = "grid"\nname = "Grid"\ncritical_infrastructure = true\ntenants = ["{tenant.tenant}"]\n')
    tenant.s3.create_bucket(Bucket=tenant.tenant)
    put(tenant.s3, tenant.tenant, "one.csv", mails(0, 1))
    watched.grant(label="sensitive-personal", tenant=tenant.tenant)
    tenant.client(source=US).get_object(Bucket=tenant.tenant, Key="one.csv", Range="bytes=0-0")["Body"].read()
    wait_for(lambda: begun(watched) == {("grid", "critical-export-assessment"), ("grid", "critical-storage-at-home")})
    assert "CSL article 39" in duties(watched)["grid", "critical-storage-at-home"]
    assert "Order 16 article 7(1)" in duties(watched)["grid", "critical-export-assessment"]
    told = watched.run("report", "cases", "--lang", "zh").stdout + watched.run("alarm", "list", "--lang", "zh").stdout
    assert "《促进和规范数据跨境流动规定》第七条第一项" in told and "“grid”（单位）" in told and "article" not in told, told


def test_sister_companies_are_counted_together(watched):
    sisters = [new_tenant(watched) for _ in range(2)]
    for at, tenant in enumerate(sisters):
        watched.cli("tenant", "change", tenant.tenant, "--group", "sisters")
        tenant.s3.create_bucket(Bucket=tenant.tenant)
        tenant.s3.put_object(Bucket=tenant.tenant, Key="a.csv", Body=mails(at * 500_000, 500_000), ContentType="text/csv")
    wait_for(lambda: begun(watched) == {("group.sisters", "storage-at-home"), ("group.sisters", "protection-officer")})
