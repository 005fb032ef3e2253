"""Cases: assessments that stay as they were made, reviews that block a listing abroad, incidents and requests with their clocks."""

import hashlib
import json
from datetime import datetime, timedelta, timezone

import pytest

from test_regions import Records

UTC = timezone.utc


def day(days=0):
    """Where no order says where days end, they end in UTC."""
    return str((datetime.now(UTC) + timedelta(days=days)).date())


@pytest.fixture
def cases(make_server, request, tmp_path):
    records = Records(make_server(request.node.name[:40]), tmp_path)
    records.does("organisation", "add", 'id = "app"\nname = "App"\nsector = "other"\nusers = 1_000_001\n')
    records.does("organisation", "add", 'id = "small"\nname = "Small"\nsector = "other"\nusers = 1_000_000\n')
    records.does("organisation", "add", 'id = "grid"\nname = "Grid"\ncritical_infrastructure = true\n')
    return records


def listing(records, organisation, place="US"):
    return records.server.run("listing", "check", "--organisation", organisation, "--place", place)


def review(more=""):
    return f'id = "r-1"\norganisation = "app"\nplace = "US"\nopened = "{day(-10)}"\n{more}'


def found(records, kind):
    return {(one["id"], one["organisation"]): one for one in records.server.cli("report", "cases") if one["kind"] == kind}


def test_a_listing_abroad_waits_for_its_review(cases):
    refused = listing(cases, "app")
    # Asking opens the case, once, and only for whoever may record it.
    assert refused.returncode == 1 and "article 7" in refused.stderr and "is open from now on" in refused.stderr
    opened = f"app-us-{day()}"
    assert set(found(cases, "review")) == {(opened, "app")}
    assert opened in listing(cases, "app").stderr and set(found(cases, "review")) == {(opened, "app")}
    assert opened not in listing(cases, "app", "DE").stderr
    auditor = cases.server.cli("token", "create", "--role", "auditor")["token"]
    read = cases.server.run("listing", "check", "--organisation", "app", "--place", "GB", env={"ONSHORE_TOKEN": auditor})
    assert read.returncode == 1 and "onshore review add" in read.stderr and len(found(cases, "review")) == 2
    assert listing(cases, "small").returncode == 0
    assert listing(cases, "app", "HK").returncode == 0 and listing(cases, "app", "CN").returncode == 0
    assert listing(cases, "nobody").returncode == 1 and listing(cases, "app", "Mars").returncode == 2
    cases.does("organisation", "add", 'id = "silent"\nname = "S"\n')
    silent = listing(cases, "silent")
    assert silent.returncode == 1 and "onshore organisation amend" in silent.stderr and ("silent-us-" + day()) not in {name for name, _ in found(cases, "review")}


def test_what_a_review_said_takes_two_people_to_take_back(cases):
    consent = '[[consents]]\nauthority = "CSRC"\n'
    assert "ISO 3166-1" in cases.fails("review", "add", review(consent).replace('"US"', '"New York"'), code=2)
    cases.does("review", "add", review(consent))
    waits = listing(cases, "app")
    assert waits.returncode == 1 and "r-1" in waits.stderr and "CSRC" in waits.stderr
    outcome = f'[outcome]\nresult = "may-proceed"\ndecided = "{day()}"\npaper = "letter 1"\n'
    assert "CSRC" in cases.fails("review", "amend", review(consent + outcome), code=2)
    given = f'[[consents]]\nauthority = "CSRC"\ngiven = "{day(-1)}"\npaper = "letter 0"\n'
    assert "more than" in cases.fails("review", "amend", review(given + outcome.replace("may-proceed", "not-needed")))
    against = outcome.replace("may-proceed", "may-not-list")
    cases.does("review", "amend", review(given + against))
    assert "letter 1" in listing(cases, "app").stderr
    # Nobody without a name takes anything back, and nobody alone.
    for later in (given + outcome, against, given):
        cases.fails("review", "amend", review(later))
    people = {name: {"ONSHORE_TOKEN": cases.server.cli("token", "create", "--role", "operator", "--person", name)["token"]} for name in ("ada", "bo")}
    amended = cases.file(review(given + outcome))
    assert cases.server.run("review", "amend", amended, env=people["ada"]).returncode == 0
    waits = listing(cases, "app")
    assert waits.returncode == 1 and "second person" in waits.stderr and ("r-1", "app") in found(cases, "review")
    assert cases.server.run("review", "approve", "r-1", env=people["ada"]).returncode == 1
    assert cases.server.run("review", "approve", "r-1", env=people["bo"]).returncode == 0
    assert listing(cases, "app").returncode == 0
    assert cases.server.run("review", "approve", "r-1", env=people["bo"]).returncode == 1
    # It was for one place alone.
    assert listing(cases, "app", "DE").returncode == 1
    # Another review does not overrule one that refused by the word of one.
    cases.does("review", "add", review(given + against).replace("r-1", "r-0").replace('"US"', '"GB"'))
    newer = review(given + outcome).replace("r-1", "r-2").replace('"US"', '"GB"').replace(day(-10), day(-5))
    cases.fails("review", "add", newer)
    assert cases.server.run("review", "add", cases.file(newer), env=people["ada"]).returncode == 0
    assert "second person" in listing(cases, "app", "GB").stderr


def test_the_consent_of_a_trade_is_asked_whether_or_not_it_is_typed(cases):
    cases.does("organisation", "add", 'id = "bank"\nname = "B"\nsector = "finance"\nusers = 500\n')
    refused = listing(cases, "bank")
    assert refused.returncode == 1 and "National Financial Regulatory Administration" in refused.stderr
    (opened,) = {name for name, organisation in found(cases, "review") if organisation == "bank"}
    shown = cases.server.cli("review", "show", opened)["record"]
    assert [one["authority"] for one in shown["consents"]] == ["National Financial Regulatory Administration"]
    outcome = f'id = "{opened}"\norganisation = "bank"\nplace = "US"\nopened = "{day()}"\n[outcome]\nresult = "not-needed"\ndecided = "{day()}"\npaper = "letter 1"\n'
    assert "must have consented" in cases.fails("review", "amend", outcome)
    leaves = json.dumps(cases.server.cli("ledger", "tail", "-n", "50"))
    assert leaves.count("listing.refused") == 1


def test_an_assessment_stays_as_it_was_made(cases):
    text = f'id = "a-1"\norganisation = "app"\nsubject = "ads"\ntriggers = ["export", "sensitive"]\nmade = "2026-01-01"\nreport_sha256 = "{"0" * 64}"\nkept_until = "2029-01-01"\n'
    assert "three years" in cases.fails("assessment", "add", text.replace("2029-01-01", "2028-12-31"), code=2)
    cases.does("assessment", "add", text)
    locked = cases.fails("assessment", "amend", text.replace("ads", "nothing"))
    three_years = str(datetime.now(UTC).year + 3)
    assert three_years in locked
    assert cases.server.cli("assessment", "show", "a-1")["revision"] == 1
    old = text.replace("a-1", "a-0").replace("2026-01-01", "2020-01-01").replace("2029-01-01", "2023-01-01")
    cases.does("assessment", "add", old)
    # However long ago it was made, it is kept for three years from when it was recorded.
    assert three_years in cases.fails("assessment", "amend", old.replace("ads", "other"))


def test_the_report_of_an_assessment_is_filed_once_and_for_good(cases, tmp_path):
    server, report, other = cases.server, tmp_path / "report.pdf", tmp_path / "other.pdf"
    report.write_bytes(b"%PDF-1.7 \x00\xff what was found")
    other.write_bytes(report.read_bytes() + b".")
    text = f'id = "a-1"\norganisation = "app"\nsubject = "ads"\ntriggers = ["export"]\nmade = "2026-01-01"\nreport_sha256 = "{hashlib.sha256(report.read_bytes()).hexdigest()}"\nkept_until = "2029-01-01"\n'
    cases.does("assessment", "add", text)
    assert "onshore assessment file" in found(cases, "assessment")[("a-1", "app")]["why"]
    out = tmp_path / "out.pdf"
    assert "was not filed" in server.run("assessment", "report", "a-1", "--out", out).stderr and not out.exists()
    assert "SHA-256" in server.run("assessment", "file", "a-1", other).stderr
    assert server.run("assessment", "file", "a-2", report).returncode == 1
    tokens = {role: server.cli("token", "create", "--role", role)["token"] for role in ("auditor", "regulator")}
    assert server.run("assessment", "file", "a-1", report, env={"ONSHORE_TOKEN": tokens["auditor"]}).returncode == 1
    filed = server.cli("assessment", "file", "a-1", report)
    assert filed["bytes"] == len(report.read_bytes()) and filed["kept_until"] == "2029-01-01"
    assert found(cases, "assessment") == {}
    assert "2029-01-01" in server.run("assessment", "file", "a-1", report).stderr
    server.kill9()
    server.start()
    assert server.run("assessment", "report", "a-1", "--out", out, env={"ONSHORE_TOKEN": tokens["auditor"]}).returncode == 0
    assert out.read_bytes() == report.read_bytes()
    assert [leaf for leaf in server.cli("ledger", "tail", "-n", "20") if "assessment.filed" in json.dumps(leaf)]
    # What is longer is refused, and says how long it may be.
    other.write_bytes(b"x" * ((32 << 20) + 1))
    assert server.run("assessment", "file", "a-1", other).returncode == 1


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
    for name, due, more in [("q-open", day(1), ""), ("q-late", day(-1), ""), ("q-done", day(1), f'[answer]\non = "{day(-1)}"\nresult = "done"\nnothing_held = "never a client"\n')]:
        cases.does("request", "add", f'id = "{name}"\norganisation = "app"\nasks = "delete"\nreceived = "{day(-5)}"\ndue = "{due}"\n{more}')
    late = {name: one["late"] for (name, _), one in found(cases, "request").items()}
    assert late == {"q-open": False, "q-late": True}
    cases.fails("request", "add", f'id = "q"\norganisation = "app"\nasks = "sing"\nreceived = "{day()}"\ndue = "{day()}"\n', code=2)
    ahead = f'id = "q"\norganisation = "app"\nasks = "access"\nreceived = "{day(-1)}"\n[answer]\non = "{day(3)}"\nresult = "done"\n'
    assert "has not come yet" in cases.fails("request", "add", ahead)
    assert "has not come yet" in cases.fails("request", "add", f'id = "q"\norganisation = "app"\nasks = "access"\nreceived = "{day(3)}"\n')
    assert "only be earlier" in cases.fails("request", "add", f'id = "q"\norganisation = "app"\nasks = "delete"\nreceived = "{day()}"\ndue = "2099-11-16"\n', code=2)
    cases.does("request", "add", f'id = "q-derived"\norganisation = "app"\nasks = "delete"\nreceived = "{day(-21)}"\n')
    derived = found(cases, "request")["q-derived", "app"]
    assert derived["due"] == day() and not derived["late"] and "15 working days" in derived["why"]
    duties = {name for name, _ in found(cases, "duty")}
    assert duties == {"storage-at-home", "protection-officer", "listing-review"}
    assert ("listing-review", "small") not in found(cases, "duty")
    assert "late" in cases.server.run("report", "cases").stdout


def test_what_was_late_stays_late(cases):
    ago = lambda **span: (datetime.now(UTC) - timedelta(**span)).isoformat(timespec="seconds")
    incident = lambda organisation, noticed, more="": f'id = "i"\norganisation = "{organisation}"\nwhat = "a leak"\nnoticed = "{noticed}"\n{more}'
    reported = f'reported = "{ago(hours=2)}"\n'
    cases.does("incident", "add", incident("grid", ago(hours=9), reported + f'ended = "{ago(hours=1)}"\n'))
    cases.does("incident", "amend", incident("small", ago(hours=3), reported))
    case = found(cases, "incident")["i", "grid"]
    assert case["late"] and f"corrected on {day()}" in case["why"], case
    request = lambda name, asks, received, more="": f'id = "{name}"\norganisation = "app"\nasks = "{asks}"\nreceived = "{received}"\n{more}'
    answer = f'[answer]\non = "{day()}"\nresult = "refused"\nreason = "x"\n'
    cases.does("request", "add", request("answered", "access", day(-60), answer))
    cases.does("request", "add", request("amended", "delete", day(-60)))
    cases.does("request", "amend", request("amended", "access", day(-1)))
    cases.does("request", "add", request("in-time", "access", day(-20), answer))
    told = found(cases, "request")
    assert {(name, one["late"], one["due"]) for (name, _), one in told.items()} == {("answered", True, day(-30)), ("amended", True, day(-39))}
    assert f"answered on {day()}" in told["answered", "app"]["why"] and "corrected on" in told["amended", "app"]["why"]
    assert "更正" in cases.server.run("report", "cases", "--lang", "zh").stdout


def test_a_number_that_one_person_types_down_opens_no_way(cases):
    before = set(found(cases, "duty"))
    assert ("storage-at-home", "app") in before
    cases.does("organisation", "amend", 'id = "app"\nname = "App"\nusers = 10\n')
    assert set(found(cases, "duty")) == before and "highest number of the year" in found(cases, "duty")["storage-at-home", "app"]["why"]
    assert "article 7" in listing(cases, "app").stderr


def test_a_trade_is_a_word_that_is_known(cases):
    trade = lambda name, sector: f'id = "{name}"\nname = "B"\nsector = "{sector}"\nusers = 500\n'
    assert "banking (银行)" in cases.fails("organisation", "add", trade("bank", "Banking & Finance"))
    cases.does("organisation", "add", trade("bank", "金融"))
    assert "National Financial Regulatory Administration" in listing(cases, "bank").stderr
    # A table holds what there is, and what it says in other words is asked for before anybody lists.
    path = cases.folder / "table.csv"
    path.write_text("id,name,sector,users\nold,Old,Toys,500\n", encoding="utf-8")
    cases.server.cli("organisation", "import", path)
    assert "`Toys`" in listing(cases, "old").stderr
    cases.does("organisation", "add", 'id = "wordless"\nname = "W"\nusers = 500\n')
    told = listing(cases, "wordless").stderr
    assert "the trade of `wordless`" in told and "onshore organisation amend" in told
    # Another word is another trade from the next year on.
    cases.does("organisation", "amend", trade("bank", "other"))
    told = listing(cases, "bank", "DE")
    assert told.returncode == 1 and "National Financial Regulatory Administration" in told.stderr and "within the year" in told.stderr, told
    cases.does("organisation", "amend", trade("old", "Toys").replace("500", "600"))
    cases.fails("organisation", "amend", trade("old", "Games"))


def test_a_holding_is_listed_with_all_whom_it_controls(cases):
    held = lambda name, owner, percent, more: cases.does("organisation", "add", f'id = "{name}"\nname = "N"\n{more}\nowners = [{{ owner = "{owner}", percent = {percent}, from = "2020-01-01" }}]\n')
    cases.does("organisation", "add", 'id = "holding"\nname = "H"\nsector = "other"\nusers = 0\n')
    held("half", "holding", 50, 'sector = "other"\nusers = 3_000_000')
    held("middle", "holding", 51, 'sector = "other"\nusers = 600_000')
    assert listing(cases, "holding").returncode == 0
    held("bottom", "middle", 100, 'sector = "保险"\nusers = 400_000')
    told = listing(cases, "holding", "GB")
    assert "National Financial Regulatory Administration" in told.stderr and "`bottom`, which it controls, is in `insurance`" in told.stderr, told
    (opened,) = [name for name, of in found(cases, "review") if of == "holding"]
    assert len(cases.server.cli("review", "show", opened)["record"]["consents"]) == 1
    held("other", "bottom", 60, 'sector = "other"\nusers = 1')
    told = listing(cases, "holding")
    assert told.returncode == 1 and "it and those whom it controls have the data of more than 1000000 persons" in told.stderr, told
    zh = cases.server.run("listing", "check", "--organisation", "holding", "--place", "DE", "--lang", "zh").stderr
    assert "连同其控制的单位" in zh, zh


def test_a_deletion_that_was_done_is_one_that_the_ledger_tells(cases):
    server = cases.server
    server.client().create_bucket(Bucket="clients")
    server.client().put_object(Bucket="clients", Key="ada", Body=b"x")
    (gone,) = server.cli("erase", "clients", "ada", "--every-version")["erased"]
    leaf = gone["leaf"]
    text = f'id = "q"\norganisation = "shop"\nasks = "delete"\nreceived = "{day()}"\n[answer]\non = "{day()}"\nresult = "done"\n'
    cases.does("organisation", "add", 'id = "shop"\nname = "Shop"\nusers = 10\n')
    assert "nothing_held" in cases.fails("request", "add", text, code=2)
    assert "tells of nothing that was erased" in cases.fails("request", "add", text + "erased = [0]\n")
    assert "tells of nothing that was erased" in cases.fails("request", "add", text + "erased = [999999]\n")
    assert "tenants" in cases.fails("request", "add", text + f"erased = [{leaf}]\n")
    tenant = server.cli("tenant", "list")[0]["name"]
    cases.does("organisation", "amend", f'id = "shop"\nname = "Shop"\nusers = 10\ntenants = ["{tenant}"]\n')
    cases.does("request", "add", text + f"erased = [{leaf}]\n")
    cases.does("request", "add", text.replace('"q"', '"q-2"') + 'nothing_held = "never a client"\n')
    assert not {name for name, _ in found(cases, "request")} & {"q", "q-2"}


def test_an_asset_says_what_it_holds_data_for_and_until_when(cases):
    cases.does("provider", "add", 'id = "cloud"\nname = "C"\nkind = "third-party-cloud"\n')
    cases.does("contract", "add", 'id = "c-1"\norganisation = "app"\nprovider = "cloud"\nservice = "db"\nstart = "2020-01-01"\n')

    def asset(name, held, act="add"):
        return f'id = "{name}"\ncontract = "c-1"\nkind = "database"\nname = "{name}"\n[[held_for]]\n{held}'

    cases.does("asset", "add", asset("over", f'purpose = "orders"\nbasis = "contract"\nkeep_until = "{day(-1)}"\n'))
    cases.does("asset", "add", asset("today", f'purpose = "orders"\nbasis = "consent"\nconsent = "crm"\nkeep_until = "{day()}"\nkeep_days = 30\n'))
    due = found(cases, "retention")
    assert set(due) == {("over", "app")} and due["over", "app"]["late"] and "orders" in due["over", "app"]["why"]
    # A day that is over is not put off: what is kept on another ground is kept for another purpose.
    for later in (f'keep_until = "{day(9)}"\n', ""):
        assert "day is over" in cases.fails("asset", "amend", asset("over", f'purpose = "orders"\nbasis = "contract"\n{later}'))
    cases.does("asset", "amend", asset("today", f'purpose = "orders"\nbasis = "consent"\nconsent = "crm"\nkeep_until = "{day(9)}"\nkeep_days = 30\n'))
    assert set(found(cases, "retention")) == {("over", "app")}
    cases.does("asset", "amend", asset("over", 'purpose = "tax"\nbasis = "legal-duty"\n'))
    assert not found(cases, "retention")
    for bad in ('purpose = ""\n', 'purpose = "x"\nbasis = "consent"\n', 'purpose = "x"\nconsent = "crm"\n', 'purpose = "x"\nkeep_days = 0\n', 'basis = "news"\n'):
        cases.fails("asset", "add", asset("bad", bad), code=2)


def test_cases_are_told_in_chinese(cases):
    cases.does("request", "add", f'id = "q"\norganisation = "app"\nasks = "delete"\nreceived = "{day(-30)}"\n')
    told = cases.server.run("report", "cases", "--lang", "zh").stdout
    assert "个人请求" in told and "逾期" in told and "十五个工作日" in told and "在境内存储个人信息" in told and "somebody asks" not in told
    asked = {one["id"]: one["why"] for one in cases.server.cli("report", "cases", "--lang", "zh")}
    assert "第四十四条" in asked["q"]
    assert "somebody asks" in cases.server.run("report", "cases").stdout
    assert cases.server.run("report", "cases", "--lang", "fr").returncode == 2
    cases.does("region", "add", 'id = "bj"\nname = "Beijing"\nplace = "CN-BJ"\noffset = "+08:00"\n')
    regions = cases.server.run("report", "regions", "--lang", "zh").stdout
    assert "没有登记的运营者" in regions and "停止" in regions
