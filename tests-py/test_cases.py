"""Cases: assessments that stay as they were made, reviews that block a listing abroad, incidents and requests with their clocks."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from test_regions import Records, day

UTC = timezone.utc


@pytest.fixture
def cases(make_server, request, tmp_path):
    records = Records(make_server(request.node.name[:40]), tmp_path)
    records.does("organisation", "add", 'id = "app"\nname = "App"\nusers = 1_000_001\n')
    records.does("organisation", "add", 'id = "small"\nname = "Small"\nusers = 1_000_000\n')
    records.does("organisation", "add", 'id = "grid"\nname = "Grid"\ncritical_infrastructure = true\n')
    return records


def listing(records, organisation, place="US"):
    return records.server.run("listing", "check", "--organisation", organisation, "--place", place)


def review(more=""):
    return f'id = "r-1"\norganisation = "app"\nplace = "New York"\nopened = "{day(-10)}"\n{more}'


def found(records, kind):
    return {(one["id"], one["organisation"]): one for one in records.server.cli("report", "cases") if one["kind"] == kind}


def test_a_listing_abroad_waits_for_its_review(cases):
    refused = listing(cases, "app")
    assert refused.returncode == 1 and "article 7" in refused.stderr and "onshore review add" in refused.stderr
    assert listing(cases, "small").returncode == 0
    assert listing(cases, "app", "HK").returncode == 0 and listing(cases, "app", "CN").returncode == 0
    assert listing(cases, "nobody").returncode == 1 and listing(cases, "app", "Mars").returncode == 2
    consent = '[[consents]]\nauthority = "CSRC"\n'
    cases.does("review", "add", review(consent))
    waits = listing(cases, "app")
    assert waits.returncode == 1 and "r-1" in waits.stderr and "CSRC" in waits.stderr
    assert ("r-1", "app") in found(cases, "review")
    outcome = f'[outcome]\nresult = "may-proceed"\ndecided = "{day()}"\npaper = "letter 1"\n'
    assert "CSRC" in cases.fails("review", "amend", review(consent + outcome), code=2)
    given = f'[[consents]]\nauthority = "CSRC"\ngiven = "{day(-1)}"\npaper = "letter 0"\n'
    cases.does("review", "amend", review(given + outcome))
    assert listing(cases, "app").returncode == 0 and not found(cases, "review")
    cases.does("review", "amend", review(given + outcome.replace("may-proceed", "may-not-list")))
    assert "letter 1" in listing(cases, "app").stderr
    leaves = json.dumps(cases.server.cli("ledger", "tail", "-n", "50"))
    assert leaves.count("listing.refused") == 3
    auditor = cases.server.cli("token", "create", "--role", "auditor")["token"]
    assert cases.server.run("listing", "check", "--organisation", "small", "--place", "US", env={"ONSHORE_TOKEN": auditor}).returncode == 1


def test_an_assessment_stays_as_it_was_made(cases):
    text = f'id = "a-1"\norganisation = "app"\nsubject = "ads"\ntriggers = ["export", "sensitive"]\nmade = "2026-01-01"\nreport_sha256 = "{"0" * 64}"\nkept_until = "2029-01-01"\n'
    assert "three years" in cases.fails("assessment", "add", text.replace("2029-01-01", "2028-12-31"), code=2)
    cases.does("assessment", "add", text)
    locked = cases.fails("assessment", "amend", text.replace("ads", "nothing"))
    assert "2029-01-01" in locked
    assert cases.server.cli("assessment", "show", "a-1")["revision"] == 1
    old = text.replace("a-1", "a-0").replace("2026-01-01", "2020-01-01").replace("2029-01-01", "2023-01-01")
    cases.does("assessment", "add", old)
    assert cases.does("assessment", "amend", old.replace("ads", "other"))["revision"] == 2


def test_clocks_of_incidents_and_requests(cases):
    ago = lambda **span: (datetime.now(UTC) - timedelta(**span)).isoformat(timespec="seconds")

    def incident(name, organisation, noticed, more=""):
        cases.does("incident", "add", f'id = "{name}"\norganisation = "{organisation}"\nwhat = "a leak"\nnoticed = "{noticed}"\n{more}')

    incident("i-in-time", "app", ago(hours=3))
    incident("i-late", "app", ago(hours=5))
    incident("i-critical", "grid", ago(hours=2))
    incident("i-told", "app", ago(hours=5), f'reported = "{ago(hours=2)}"\n')
    incident("i-told-late", "app", ago(hours=9), f'reported = "{ago(hours=2)}"\n')
    incident("i-over", "app", ago(days=40), f'reported = "{ago(days=40)}"\nended = "{ago(days=31)}"\n')
    late = {name: one["late"] for (name, _), one in found(cases, "incident").items()}
    assert late == {"i-in-time": False, "i-late": True, "i-critical": True, "i-told-late": True}
    assert found(cases, "incident.summary")["i-over", "app"]["late"]
    for name, due, more in [("q-open", day(1), ""), ("q-late", day(-1), ""), ("q-done", day(1), f'[answer]\non = "{day(-1)}"\nresult = "done"\n')]:
        cases.does("request", "add", f'id = "{name}"\norganisation = "app"\nasks = "delete"\nreceived = "{day(-5)}"\ndue = "{due}"\n{more}')
    late = {name: one["late"] for (name, _), one in found(cases, "request").items()}
    assert late == {"q-open": False, "q-late": True}
    cases.fails("request", "add", f'id = "q"\norganisation = "app"\nasks = "sing"\nreceived = "{day()}"\ndue = "{day()}"\n', code=2)
    duties = {name for name, _ in found(cases, "duty")}
    assert duties == {"storage-at-home", "protection-officer", "listing-review"}
    assert ("listing-review", "small") not in found(cases, "duty")
    assert "late" in cases.server.run("report", "cases").stdout


def test_an_asset_says_what_it_holds_data_for_and_until_when(cases):
    cases.does("provider", "add", 'id = "cloud"\nname = "C"\nkind = "third-party-cloud"\n')
    cases.does("contract", "add", 'id = "c-1"\norganisation = "app"\nprovider = "cloud"\nservice = "db"\nstart = "2020-01-01"\n')

    def asset(name, held, act="add"):
        return f'id = "{name}"\ncontract = "c-1"\nkind = "database"\nname = "{name}"\n[[held_for]]\n{held}'

    cases.does("asset", "add", asset("over", f'purpose = "orders"\nbasis = "contract"\nkeep_until = "{day(-1)}"\n'))
    cases.does("asset", "add", asset("today", f'purpose = "orders"\nbasis = "consent"\nconsent = "crm"\nkeep_until = "{day()}"\nkeep_days = 30\n'))
    due = found(cases, "retention")
    assert set(due) == {("over", "app")} and due["over", "app"]["late"] and "orders" in due["over", "app"]["why"]
    for bad in ('purpose = ""\n', 'purpose = "x"\nbasis = "consent"\n', 'purpose = "x"\nconsent = "crm"\n', 'purpose = "x"\nkeep_days = 0\n', 'basis = "news"\n'):
        cases.fails("asset", "add", asset("bad", bad), code=2)
