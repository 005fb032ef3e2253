"""Rule packs: what the law of a place asks of a transfer, in the path of real requests, changed while the server runs."""

import csv
import datetime
import io
import json
import random
import shutil
import threading
import time
from pathlib import Path

import pytest
import urllib3
from botocore.exceptions import ClientError

from test_classify import luhn, resident_id
from test_scanning import US, put

PACKS = Path(__file__).parent.parent / "crates/onshore-policy/packs"
UNTIL = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=300)).strftime("%Y-%m-%dT%H:%M:%SZ")


def ids(number, seed):
    """So many different resident ids: of a draw without order, each once."""
    draw, found = random.Random(seed), {}
    while len(found) < number:
        found[resident_id(draw)] = None
    return list(found)


def table(people, more=None):
    text = io.StringIO()
    rows = [["身份证号", *(["银行卡号"] if more else [])]]
    rows += [[person, *([more(place)] if more else [])] for place, person in enumerate(people)]
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def sensitive(people):
    return table(people, lambda place: luhn("622202" + f"{place + 10:012}"))


class Firm:
    """A tenant of its own."""

    def __init__(self, server, name, *create):
        self.server, self.name = server, name
        server.cli("tenant", "create", name, *create)
        key = server.cli("key", "create", "--tenant", name)
        keys = {"access_key": key["access_key"], "secret_key": key["secret_key"]}
        self.inside, self.abroad = server.client(**keys), server.client(source=US, **keys)
        self.inside.create_bucket(Bucket=name)

    def put(self, key, body, **more):
        put(self.inside, self.name, key, body, **more)

    def grant(self, instrument, *more, label="sensitive-personal,important", until=UNTIL, token=None):
        terms = ["--recipient", "Example Corp", "--purpose", "customer care"] if instrument else []
        terms += ["--instrument", instrument] if instrument else []
        env = {"ONSHORE_TOKEN": token} if token else None
        return self.server.cli(
            "approval", "grant", "--tenant", self.name, "--to", "US", "--class", label, "--max-bytes", 1 << 40, "--until", until, *terms, *more, env=env
        )

    def revoke(self, approval):
        self.server.cli("approval", "revoke", approval["id"])

    def get(self, key, **more):
        return self.abroad.get_object(Bucket=self.name, Key=key, **more)["Body"].read()

    def why(self, key):
        """None if it may leave, else the rule that refuses; a request is made, and what it is told is what is explained."""
        told = self.server.cli("explain", "--object", f"{self.name}/{key}", "--from-address", US)
        try:
            self.get(key)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied" and told["verdict"] == "refused"
            return told["rule"]
        assert told["verdict"] == "allowed"
        return None


@pytest.fixture(scope="module")
def ruled(make_server):
    server = make_server(name="ruled")
    server.cli("pack", "activate", "cn")
    return server


def test_the_shipped_packs_hold_their_cases_without_a_server(server):
    for pack in ["cn", "eu", "open", PACKS / "cn"]:
        told = server.cli("pack", "test", pack, env={"ONSHORE_SERVER": "http://127.0.0.1:9"})
        assert told["failed"] == [] and told["cases"] > 2


def test_a_case_that_does_not_hold_is_told_and_such_a_pack_is_not_activated(server, tmp_path):
    mine = shutil.copytree(PACKS / "cn", tmp_path / "mine")
    limits = (mine / "thresholds.toml").read_text()
    (mine / "thresholds.toml").write_text(limits.replace("value = 1000000", "value = 900000", 1))
    told = server.run("pack", "test", mine)
    assert told.returncode == 1 and "999999 persons" not in told.stderr and "other with 999999 persons" in told.stdout
    refused = server.run("pack", "activate", mine)
    assert refused.returncode == 1 and "do not hold" in refused.stderr
    (mine / "thresholds.toml").write_text(limits + "\n[[threshold]]\nname = \"x\"\n")
    broken = server.run("pack", "activate", mine)
    assert broken.returncode == 1 and "thresholds.toml" in broken.stderr and "value" in broken.stderr
    # Cases that hold whatever the rules are hold of nothing.
    (mine / "thresholds.toml").write_text(limits)
    header = (mine / "cases.csv").read_text().splitlines()[0]
    (mine / "cases.csv").write_text(f"{header}\ngeneral data is free,2026-06-01,,,0,,general,US,,,none,,,allow,,,,\n")
    told = server.run("pack", "test", mine)
    assert told.returncode == 1 and "No case tries the rule cn.volume-assessment." in told.stdout
    refused = server.run("pack", "activate", mine)
    assert refused.returncode == 1 and "no case of the rule pack cn tries" in refused.stderr
    assert server.run("pack", "test", tmp_path / "none").returncode == 2
    assert server.run("pack", "activate", "eu").returncode == 1, "a pack of another jurisdiction"
    assert server.cli("pack", "list")["activations"] == []


def test_the_volume_decides_on_the_instrument_at_both_sides_of_each_line(ruled):
    firm = Firm(ruled, "volumes")
    people = ids(100_001, 1)
    firm.put("most.csv", table(people[:99_999]))
    firm.put("again.csv", table(people[:50_000]))
    firm.put("one-more.csv", table(people[99_999:100_000]))
    exempt = firm.grant("exemption")
    assert firm.why("most.csv") is None
    assert firm.why("again.csv") is None, "the same persons through another file count once"
    assert firm.why("one-more.csv") == "cn.volume-contract", "the hundred thousandth"
    contract = firm.grant("standard-contract")
    assert firm.why("one-more.csv") is None
    firm.revoke(contract)
    # A hundred thousand have left: nothing is exempt any more, whoever it tells of.
    assert firm.why("again.csv") == "cn.volume-contract"
    firm.revoke(exempt)
    firm.grant("certification")
    assert firm.why("again.csv") is None


def test_one_sensitive_person_needs_a_contract_and_ten_thousand_an_assessment(ruled):
    firm = Firm(ruled, "sensitive")
    people = ids(10_000, 2)
    firm.put("one.csv", sensitive(people[:1]))
    firm.put("many.csv", sensitive(people[1:9_999]))
    firm.put("last.csv", sensitive(people[9_999:]))
    firm.grant("exemption")
    assert firm.why("one.csv") == "cn.volume-contract"
    firm.grant("standard-contract")
    assert firm.why("one.csv") is None and firm.why("many.csv") is None
    assert firm.why("last.csv") == "cn.volume-assessment"
    firm.grant("security-assessment")
    assert firm.why("last.csv") is None


def test_a_million_persons_need_an_assessment(ruled):
    firm = Firm(ruled, "million")
    people = ids(1_000_000, 3)
    for part in range(10):
        firm.put(f"{part}.csv", table(people[part * 100_000 : (part + 1) * 100_000 - (part == 9)]))
    firm.put("last.csv", table(people[-1:]))
    firm.grant("standard-contract")
    for part in range(10):
        assert firm.why(f"{part}.csv") is None
    assert firm.why("last.csv") == "cn.volume-assessment", "the millionth"
    firm.grant("security-assessment")
    assert firm.why("last.csv") is None


def test_who_and_what_decide_whatever_the_volume(ruled):
    firm = Firm(ruled, "who")
    firm.put("one.csv", table(ids(1, 4)))
    firm.put("plan.txt", b"a plan", label="important")
    firm.grant("standard-contract")
    assert firm.why("one.csv") is None
    assert firm.why("plan.txt") == "cn.important-data"
    ruled.cli("tenant", "standing", "who", "--critical-infrastructure", "yes")
    assert firm.why("one.csv") == "cn.critical-infrastructure"
    ruled.cli("tenant", "standing", "who", "--critical-infrastructure", "no", "--state-organ", "yes")
    assert firm.why("one.csv") == "cn.state-organ"
    firm.grant("security-assessment")
    assert firm.why("one.csv") is None and firm.why("plan.txt") is None
    standing = {view["name"]: view for view in ruled.cli("tenant", "list")}["who"]
    assert standing["state_organ"] and not standing["critical_infrastructure"]


def test_an_approval_says_on_what_for_whom_and_what_for(ruled):
    firm = Firm(ruled, "terms")
    firm.put("one.csv", table(ids(1, 5)))
    bare = firm.grant(None)
    assert firm.why("one.csv") == "cn.instrument-unnamed"
    firm.revoke(bare)
    named = ruled.cli("approval", "grant", "--tenant", "terms", "--to", "US", "--class", "personal", "--max-bytes", 1000, "--until", UNTIL, "--instrument", "exemption")
    assert firm.why("one.csv") == "cn.recipient-unnamed"
    firm.revoke(named)
    refused = ruled.run("approval", "grant", "--tenant", "terms", "--to", "US", "--class", "personal", "--max-bytes", 1, "--until", UNTIL, "--instrument", "adequacy")
    assert refused.returncode == 1 and "standard-contract" in refused.stderr
    four_years = (datetime.datetime.now() + datetime.timedelta(days=1200)).strftime("%Y-%m-%d")
    firm.grant("security-assessment", until=four_years)
    assert firm.why("one.csv") == "cn.assessment-too-long"
    told = firm.grant("exemption")
    assert (told["instrument"], told["recipient"]["name"], told["purpose"]) == ("exemption", "Example Corp", "customer care")
    assert firm.why("one.csv") is None
    # The ledger tells the instrument and where the recipient is, and commits to his name.
    leaves = str(ruled.cli("ledger", "tail", "-n", 1000))
    assert "exemption" in leaves and "Example Corp" not in leaves and "customer care" not in leaves
    assert "Example Corp" in str(ruled.cli("ledger", "prove", told["leaf"]))


def test_a_foreign_court_gets_nothing_whatever_else_is_approved(ruled):
    firm = Firm(ruled, "court")
    firm.put("one.csv", table(ids(1, 6)))
    firm.grant("security-assessment", "--recipient-kind", "foreign-authority")
    assert firm.why("one.csv") == "cn.foreign-authority"
    refused = ruled.run(
        "approval", "grant", "--tenant", "court", "--to", "US", "--class", "personal", "--max-bytes", 1, "--until", UNTIL,
        "--instrument", "authority-approval", "--recipient", "District Court", "--recipient-kind", "foreign-authority", "--purpose", "evidence",
    )  # fmt: skip
    assert refused.returncode == 1 and "regulator" in refused.stderr


def test_limits_of_objects_and_persons_are_never_overspent(ruled):
    firm = Firm(ruled, "limits")
    people = ids(60, 7)
    for part in range(6):
        firm.put(f"{part}.csv", table(people[part * 10 : part * 10 + 10]))
    firm.put("all.csv", table(people))
    objects = firm.grant("exemption", "--max-objects", 3)
    won, lost = [], []

    def read(part):
        try:
            firm.get(f"{part}.csv")
            won.append(part)
        except ClientError:
            lost.append(part)

    threads = [threading.Thread(target=read, args=(part,)) for part in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 3 and len(lost) == 3
    assert all(firm.get(f"{part}.csv") for part in won), "what has left may leave again"
    assert firm.why(f"{lost[0]}.csv") == "border.approval-objects-exhausted"
    shown = ruled.cli("approval", "show", objects["id"])
    assert shown["objects"] == {"max": 3, "spent": 3}
    ruled.restart()
    assert firm.server.cli("approval", "show", objects["id"])["objects"] == {"max": 3, "spent": 3}
    keys = ruled.cli("key", "create", "--tenant", "limits")
    firm.abroad = ruled.client(source=US, access_key=keys["access_key"], secret_key=keys["secret_key"])
    firm.revoke(objects)
    firm.grant("exemption", "--max-persons", 25)
    assert firm.why("0.csv") is None and firm.why("1.csv") is None
    assert firm.why("2.csv") == "border.approval-persons-exhausted"
    assert firm.why("all.csv") == "border.approval-persons-exhausted"
    assert firm.why("0.csv") is None, "the same persons cost nothing more"


def test_splitting_over_sister_firms_raises_one_alarm(make_server):
    server = make_server(name="sisters")
    server.cli("pack", "activate", "cn")
    people = ids(120_000, 8)
    firms = [Firm(server, f"sister-{number}", "--group", "holding") for number in range(2)]
    alarms = lambda: [leaf for leaf in server.cli("ledger", "tail", "-n", 1000) if "alarm.splitting" in str(leaf)]
    for number, firm in enumerate(firms):
        firm.put("same.csv", table(people[:60_000]))
        firm.put("own.csv", table(people[60_000 + number * 30_000 : 90_000 + number * 30_000]))
        firm.grant("exemption")
        assert firm.why("same.csv") is None
    assert alarms() == [], "the same sixty thousand count once in the group"
    assert firms[0].why("own.csv") is None and alarms() == []
    assert firms[1].why("own.csv") is None
    (alarm,) = alarms()
    assert '"persons": 120000' in str(alarm).replace("'", '"') and "holding" not in str(alarm)
    firms[0].get("own.csv")
    assert len(alarms()) == 1


def test_a_pack_takes_effect_on_open_connections_and_at_its_time(make_server):
    server = make_server(name="switch")
    firm = Firm(server, "switch")
    firm.put("big.csv", table(ids(1, 9)) + b"\n" * (64 << 20))
    firm.put("one.csv", table(ids(1, 10)))
    firm.grant(None)
    assert firm.why("one.csv") is None
    body = firm.abroad.get_object(Bucket="switch", Key="big.csv")["Body"]
    body.read(1 << 16)
    before = server.cli("pack", "diff", "cn")
    assert before["otherwise"] == before["looked_at"] >= 2
    assert {found["then"] for found in before["differences"]} == {"cn.instrument-unnamed"}
    assert server.cli("pack", "diff", "open")["otherwise"] == 0
    server.cli("pack", "activate", "cn")
    with pytest.raises(Exception):
        while body.read(1 << 20):
            pass
    assert firm.why("one.csv") == "cn.instrument-unnamed"
    # One that is to come takes effect by itself, at its instant, and through a restart.
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4)
    planned = server.cli("pack", "deactivate", "--as-of", soon.isoformat().replace("+00:00", "Z"))
    assert planned["state"] == "to-come" and firm.why("one.csv") == "cn.instrument-unnamed"
    server.restart()
    keys = server.cli("key", "create", "--tenant", "switch")
    firm.abroad = server.client(source=US, access_key=keys["access_key"], secret_key=keys["secret_key"])
    while datetime.datetime.now(datetime.timezone.utc) < soon:
        time.sleep(0.05)
    assert firm.why("one.csv") is None
    states = [one["state"] for one in server.cli("pack", "list")["activations"]]
    assert states == ["past", "in-force"]
    kinds = [leaf for leaf in server.cli("ledger", "tail", "-n", 1000) if "'epoch'" in str(leaf) or "pack.activated" in str(leaf)]
    assert "rule_pack" in str(kinds) and len([leaf for leaf in kinds if "pack.activated" in str(leaf)]) == 2


def test_no_approval_carries_anything_to_who_signs_nothing(make_server):
    server = make_server(name="anonymous")
    firm = Firm(server, "public")
    firm.put("one.csv", table(ids(1, 12)))
    firm.put("free.txt", b"for all")
    firm.inside.delete_public_access_block(Bucket="public")
    read = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::public/*"}
    firm.inside.put_bucket_policy(Bucket="public", Policy=json.dumps({"Version": "2012-10-17", "Statement": [read]}))
    firm.grant("exemption")
    status = lambda source, key: urllib3.HTTPConnectionPool("127.0.0.1", server.s3_port, source_address=(source, 0)).request("GET", f"/public/{key}").status
    assert (status("127.0.0.1", "one.csv"), status(US, "free.txt")) == (200, 200)
    assert status(US, "one.csv") == 403 and firm.get("one.csv"), "the recipient signs"


def test_to_open_a_border_takes_two_people_and_is_told(make_server, tmp_path):
    server = make_server(name="open")
    firm = Firm(server, "anywhere")
    firm.put("one.csv", table(ids(1, 11)))
    assert firm.why("one.csv") == "border.no-approval"
    # It takes two people who are apart and have names, whatever the pack is called.
    mine = tmp_path / "mine"
    shutil.copytree(PACKS / "open", mine)
    manifest = mine / "pack.toml"
    manifest.write_text(manifest.read_text().replace('name = "open"', 'name = "mine"'))
    token = lambda name: server.cli("token", "create", "--role", "operator", "--person", name)["token"]
    ada, bo, other = token("ada"), token("bo"), server.cli("token", "create", "--role", "operator")["token"]
    act = lambda token, *args: server.run("pack", *args, "--json", env={"ONSHORE_TOKEN": token})
    for pack in ("open", mine):
        assert "--person" in act(server.token, "activate", pack).stderr
        proposed = json.loads(act(ada, "activate", pack).stdout)
        assert proposed["state"] == "proposed" and firm.why("one.csv") == "border.no-approval"
        assert act(ada, "approve", proposed["id"]).returncode == 1 and act(other, "approve", proposed["id"]).returncode == 1
        server.restart()
        keys = server.cli("key", "create", "--tenant", "anywhere")
        firm.abroad = server.client(source=US, access_key=keys["access_key"], secret_key=keys["secret_key"])
        assert firm.why("one.csv") == "border.no-approval", "a proposal is not in force after a restart either"
        assert act(bo, "approve", proposed["id"] + 1).returncode == 1
        assert json.loads(act(bo, "approve", proposed["id"]).stdout)["state"] == "in-force"
        assert act(bo, "approve", proposed["id"]).returncode == 1
        assert firm.get("one.csv")
        # Whoever is asked why says it as it is, and so does the evidence.
        told = server.run("explain", "--object", "anywhere/one.csv", "--from-address", US)
        assert "no border" in told.stdout and "stays inside" not in told.stdout, told.stdout + told.stderr
        server.cli("pack", "deactivate")
        assert firm.why("one.csv") == "border.no-approval"
    bundle, now = tmp_path / "bundle", datetime.datetime.now(datetime.timezone.utc)
    span = [(now + datetime.timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z") for minutes in (-60, 60)]
    assert server.run("report", "bundle", "--from", span[0], "--to", span[1], "--out", bundle).returncode == 0
    said = server.run("verify", bundle, "--key", server.vkey).stdout
    assert said.count("THE BORDER WAS OPEN") >= 2 and "rule pack mine" in said and "rule pack open" in said
    leaves = str(server.cli("ledger", "tail", "-n", 200))
    assert leaves.count("pack.proposed") == 2


def test_the_route_of_a_volume_is_told_without_a_server(server):
    route = lambda *more: server.cli("pack", "route", "cn", "--to", "US", "--on", "2026-06-01", *more, env={"ONSHORE_SERVER": "http://127.0.0.1:9"})["route"]
    for persons, expected in [(99_999, "exempt"), (100_000, "contract-or-certification"), (999_999, "contract-or-certification"), (1_000_000, "security-assessment")]:
        assert route("--non-sensitive", persons) == expected
    for persons, expected in [(0, "exempt"), (1, "contract-or-certification"), (9_999, "contract-or-certification"), (10_000, "security-assessment")]:
        assert route("--sensitive", persons) == expected
    assert route("--non-sensitive", 1, "--critical-infrastructure") == route("--class", "important") == "security-assessment"


def test_working_days_are_counted_by_the_calendar(server):
    told = server.cli("pack", "clock", "cn", "assessment", "--from", "2026-03-02")
    assert [step["on"] for step in told] == ["2026-03-09", "2026-03-18", "2026-05-25"]
    # Days of a year that nobody has announced are weekdays, and that is said.
    assert not any("unannounced" in step for step in told)
    late = server.cli("pack", "clock", "cn", "assessment", "--from", "2026-12-14")
    assert [(step["on"], step.get("unannounced")) for step in late] == [("2026-12-21", None), ("2026-12-30", None), ("2027-03-03", 2027)]
    said = server.run("pack", "clock", "cn", "assessment", "--from", "2026-12-14").stdout
    assert "2027" in said and "calendar.toml" in said
    early = server.run("pack", "clock", "cn", "certificate-renewal", "--from", "2025-12-31")
    assert early.returncode == 2 and "its first day is 2026-01-01" in early.stderr
    switch = server.cli("pack", "clock", "eu", "switching", "--from", "2026-03-02")
    assert [step["on"] for step in switch] == ["2026-05-02", "2026-06-01", "2026-07-01", "2026-07-02"]
    charges = [row for row in server.cli("pack", "show", "eu")["terms"] if row["name"] == "switchingChargePercent"]
    assert [(row["value"], row["valid-from"], row.get("valid-to")) for row in charges] == [(100, "2024-01-11", "2027-01-11"), (0, "2027-01-12", None)]
    assert server.run("pack", "clock", "cn", "tea", "--from", "2026-12-01").returncode == 2
