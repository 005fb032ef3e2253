"""From an order to its proof: the register over the real binary. Days are those of Asia/Shanghai, where the order was given."""

import hashlib
import json
import threading

import pypdf
import pytest

from onshore_server import CONFIG
from test_control_api import ask

ORGANISATIONS = """id,name,kind,region,owner,percent,from,until
tianjin-sasac,SASAC of Tianjin,state-organ,CN-TJ,,,,
port,Port,company,CN-TJ,tianjin-sasac,100,2003-01-01,
logistics,Logistics,company,CN-TJ,port,51,2010-01-01,
sold,Sold,company,CN-TJ,tianjin-sasac,60,2005-01-01,2022-03-01
private,Private,company,CN-TJ,,,,
ring-a,A,company,CN-TJ,ring-b,100,2005-01-01,
ring-b,B,company,CN-TJ,ring-a,100,2005-01-01,
"""
CONTRACTS = """id,organisation,provider,service,start,end
c-0729,port,alibaba-cloud,oss,2019-01-01,2022-07-29
c-0731,logistics,alibaba-cloud,oss,2019-01-01,2022-07-31
c-0801,port,alibaba-cloud,oss,2019-01-01,2022-08-01
c-1231,port,alibaba-cloud,oss,2019-01-01,2021-12-31
c-leap,port,alibaba-cloud,oss,2019-01-01,2024-02-29
c-before,port,alibaba-cloud,oss,2019-01-01,2021-05-31
c-sold,sold,alibaba-cloud,oss,2019-01-01,2022-07-29
c-private,private,alibaba-cloud,oss,2019-01-01,2022-07-29
c-state,port,guoziyun,oss,2019-01-01,2022-07-29
c-ring,ring-a,alibaba-cloud,oss,2019-01-01,2022-07-29
"""
ASSETS = """id,contract,kind,name,planned,moving,moved
a-1,c-0729,bucket,invoices,2022-01-10,2022-02-01,2022-02-03
a-2,c-0729,database,ledger,2022-01-10,,
"""


@pytest.fixture
def register(make_server, request, tmp_path):
    """A server with the order of Tianjin and who is around it."""
    server = make_server(name=request.node.name[:40], config=CONFIG + f'\n[migrate]\nroots = ["{tmp_path}"]\n')
    files = iter(range(1000))

    def write(text, suffix="toml"):
        path = tmp_path / f"file-{next(files)}.{suffix}"
        path.write_text(text, encoding="utf-8")
        return str(path)

    server.write = write
    server.example = server.run("order", "example").stdout
    server.cli("order", "add", write(server.example))
    for provider, kind in [("alibaba-cloud", "third-party-cloud"), ("guoziyun", "state-cloud")]:
        server.cli("provider", "add", write(f'id = "{provider}"\nname = "{provider}"\nkind = "{kind}"\n'))
    for kind, table in [("organisation", ORGANISATIONS), ("contract", CONTRACTS), ("asset", ASSETS)]:
        server.cli(kind, "import", write(table, "csv"))
    return server


def status(server, day, *more):
    """Each contract that is bound on a day, with its status and date."""
    report = server.cli("report", "status", "--as-of", day, *more)
    contracts = {}
    for order in report["orders"]:
        for organisation in order["organisations"]:
            for one in organisation["contracts"]:
                contracts[one["contract"]] = (one.get("status"), one.get("due"))
    return contracts


def as_person(server, person, *arguments, role="operator", fails=False):
    """Runs a command with a token made for a person: its answer, or why it was refused."""
    tokens = server.__dict__.setdefault("tokens", {})
    if (person, role) not in tokens:
        tokens[person, role] = server.cli("token", "create", "--role", role, "--person", person)["token"]
    done = server.run(*arguments, "--json", env={"ONSHORE_TOKEN": tokens[person, role]})
    assert (done.returncode != 0) == fails, (arguments, done.stdout, done.stderr)
    return done.stderr if fails else json.loads(done.stdout)


def leaves(server, kind):
    return [leaf for leaf in server.cli("ledger", "tail", "-n", "100") if kind in json.dumps(leaf)]


def test_every_contract_has_its_day(register):
    found = status(register, "2021-12-01")
    due = {name: due for name, (_, due) in found.items()}
    assert due == {
        "c-before": "2021-08-12",
        "c-0729": "2022-09-29",
        "c-0731": "2022-09-30",
        "c-0801": "2022-09-30",
        "c-1231": "2022-02-28",
        "c-leap": "2022-09-30",
        "c-sold": "2022-09-29",
    }
    assert status(register, "2021-08-11") == {}
    assert "c-sold" not in status(register, "2022-03-01")
    assert status(register, "2022-02-28")["c-1231"][0] == "not-started"
    assert status(register, "2022-03-01")["c-1231"][0] == "late"
    assert status(register, "2022-01-09")["c-0729"][0] == "not-started"
    assert status(register, "2022-01-10")["c-0729"][0] == "planned"
    assert status(register, "2022-02-01")["c-0729"][0] == "moving"
    assert status(register, "2022-09-30")["c-0731"][0] == "not-started"
    assert {one for one, _ in status(register, "2022-10-01").values()} == {"late"}


def test_the_reason_cites_its_source_and_every_form_prints(register):
    report = register.cli("report", "status", "--as-of", "2022-01-01", "--organisation", "logistics")
    (organisation,) = report["orders"][0]["organisations"]
    assert "tianjin-sasac > port > logistics" in organisation["why"] and "TechNode" in organisation["why"]
    assert set(organisation["frozen"]) == {"contract.new", "contract.renew", "procure.datacentre", "procure.server", "procure.storage"}
    assert "2022-07-31" in organisation["contracts"][0]["why"]
    assert report["tree_size"] > 0
    ring = register.cli("report", "status", "--as-of", "2022-01-01", "--organisation", "ring-a")
    assert "bound_by" not in ring["orders"][0]["organisations"][0]
    table = register.run("report", "status", "--as-of", "2022-01-01", "--why").stdout
    assert "c-0731" in table and "PingWest" in table and "organisations bound" in table and "Logistics (logistics)" in table
    rows = register.run("report", "status", "--as-of", "2022-01-01", "--format", "csv").stdout.splitlines()
    assert rows[0].startswith("order,as_of,organisation,contract") and any("c-0731" in row and row.endswith(",Logistics") for row in rows)
    summary = register.cli("report", "status", "--as-of", "2022-01-01", "--summary")
    assert "organisations" not in summary["orders"][0] and summary["orders"][0]["contracts"] == {"late": 1, "not-started": 6}
    for arguments in (["--as-of", "2022-02-30"], ["--as-of", "tomorrow"], ["--order", "A B"]):
        assert register.run("report", "status", *arguments).returncode == 2
    assert register.run("report", "status", "--organisation", "nobody").returncode == 1


def test_what_is_frozen_is_refused_with_its_clause_and_a_leaf(register):
    def contract(organisation, provider, end="2030-01-01", name="c-new"):
        return register.write(f'id = "{name}"\norganisation = "{organisation}"\nprovider = "{provider}"\nservice = "s"\nstart = "2026-01-01"\nend = "{end}"\n')

    refused = register.run("contract", "sign", contract("port", "alibaba-cloud"))
    assert refused.returncode == 1 and "lease-freeze" in refused.stderr and "contract.new" in refused.stderr, refused.stderr
    renewed = register.run("contract", "sign", contract("port", "alibaba-cloud", name="c-0729"))
    assert renewed.returncode == 1 and "contract.renew" in renewed.stderr
    assert register.run("contract", "show", "c-new").returncode == 1
    assert register.cli("contract", "show", "c-0729")["revision"] == 1
    signed = register.cli("contract", "sign", contract("port", "guoziyun"))
    assert signed["revision"] == 1
    assert register.cli("contract", "sign", contract("port", "guoziyun", "2031-01-01"))["revision"] == 2
    for what in ("procure.datacentre", "procure.server", "procure.storage"):
        check = register.run("procure", "check", what, "--organisation", "logistics")
        assert check.returncode == 1 and "hardware-freeze" in check.stderr
        assert register.run("procure", "check", what, "--organisation", "private").returncode == 0
    assert len(leaves(register, "procurement.refused")) == 3, "those of hardware"
    assert len(leaves(register, "contract.refused")) == 2
    assert register.run("procure", "check", "procure.yacht", "--organisation", "port").returncode == 2
    assert register.run("procure", "check", "procure.server", "--organisation", "nobody").returncode == 1
    # Who says with nobody what only somebody is asked of is told so, and not that it is frozen.
    for what, more in [("contract.new", []), ("procure.server", ["--provider", "guoziyun"])]:
        check = register.run("procure", "check", what, "--organisation", "port", *more)
        assert check.returncode == 2 and "--provider" in check.stderr, check.stderr
    # An order names whom it names, recorded or not.
    named = register.run("procure", "check", "contract.new", "--organisation", "port", "--provider", "tencent-cloud")
    assert named.returncode == 1 and "lease-freeze" in named.stderr and "tencent-cloud" in named.stderr, named.stderr
    unknown = register.run("procure", "check", "contract.new", "--organisation", "port", "--provider", "nobody")
    assert unknown.returncode == 1 and "nobody" in unknown.stderr and "clause" not in unknown.stderr

    # An exemption of two people lets it pass; withdrawn, the order freezes nothing.
    exempt = register.write(register.example + '\n[[exemptions]]\norganisation = "port"\nfrom = "2022-01-01"\ngranted = "letter 7"\nreason = "flood"\n')
    unnamed = register.run("order", "amend", exempt)
    assert unnamed.returncode == 1 and "--person" in unnamed.stderr
    as_person(register, "ada", "order", "amend", exempt)
    assert register.run("procure", "check", "procure.server", "--organisation", "port").returncode == 1
    assert status(register, "2022-02-01")["c-0801"][0] == "not-started"
    assert "two people" in as_person(register, "ada", "order", "approve", "tianjin-2021", fails=True)
    assert "two people" in as_person(register, "Ada", "order", "approve", "tianjin-2021", fails=True)
    as_person(register, "bo", "order", "approve", "tianjin-2021", "--revision", "1", fails=True)
    approved = as_person(register, "bo", "order", "approve", "tianjin-2021")
    assert approved["record"]["exemptions"][0]["approved"]["person"] == "bo"
    assert "waits" in as_person(register, "bo", "order", "approve", "tianjin-2021", fails=True)
    assert register.run("procure", "check", "procure.server", "--organisation", "port").returncode == 0
    assert register.run("procure", "check", "procure.server", "--organisation", "logistics").returncode == 1
    assert status(register, "2022-02-01")["c-0801"][0] == "exempt"
    # The same exemption stays approved in later revisions, a longer one does not, and a signature is not written by hand.
    register.cli("order", "amend", exempt)
    assert status(register, "2022-02-01")["c-0801"][0] == "exempt"
    wider = register.write(register.example + '\n[[exemptions]]\norganisation = "port"\nfrom = "2021-12-01"\ngranted = "letter 7"\nreason = "flood"\n')
    as_person(register, "ada", "order", "amend", wider)
    assert status(register, "2022-02-01")["c-0801"][0] == "not-started"
    forged = register.write(register.example + '\n[[exemptions]]\norganisation = "port"\nfrom = "2022-01-01"\ngranted = "x"\nreason = "x"\napproved = { person = "bo", token = "%s", at = "2022-01-01T00:00:00Z" }\n' % approved["recorded_by"])
    assert register.run("order", "amend", forged).returncode == 2
    withdrawn = register.example + '\n[withdrawn]\nfrom = "2022-06-01"\nreason = "replaced"\n'
    register.cli("order", "amend", register.write(withdrawn))
    assert register.run("procure", "check", "procure.server", "--organisation", "logistics").returncode == 0
    assert status(register, "2022-06-01") == {} and status(register, "2022-05-31")


def test_what_was_signed_while_it_was_frozen_is_told(register):
    head = "id,organisation,provider,service,start,signed,renewed,end\n"
    rows = [
        "b-new,port,alibaba-cloud,oss,2021-09-01,2021-08-12,,2023-01-01",
        "b-before,port,alibaba-cloud,oss,2021-09-01,2021-08-11,,2023-01-01",
        "b-start,port,alibaba-cloud,oss,2021-08-12,,,2023-01-01",
        "b-renewed,port,alibaba-cloud,oss,2019-01-01,,2022-01-01,2023-01-01",
        "b-state,port,guoziyun,oss,2022-01-01,,,2023-01-01",
        "b-private,private,alibaba-cloud,oss,2022-01-01,,,2023-01-01",
    ]
    register.cli("contract", "import", register.write(head + "\n".join(rows) + "\n", "csv"))

    def breaches(day):
        (order,) = register.cli("report", "status", "--as-of", day)["orders"]
        found = {one["contract"]: [(each["what"], each["signed"]) for each in one["breaches"]] for whose in order["organisations"] for one in whose["contracts"] if one["breaches"]}
        assert order["breached"] == len(found)
        return found

    new = {"b-new": [("contract.new", "2021-08-12")], "b-start": [("contract.new", "2021-08-12")]}
    assert breaches("2021-08-12") == new and breaches("2021-12-31") == new
    assert breaches("2022-01-01") == {**new, "b-renewed": [("contract.renew", "2022-01-01")]}
    # Whoever makes the end of a contract later renews it, and does not take that back by leaving it out.
    longer = 'id = "c-0729"\norganisation = "port"\nprovider = "alibaba-cloud"\nservice = "oss"\nstart = "2019-01-01"\nend = "2023-07-29"\n'
    register.cli("contract", "amend", register.write(longer))
    register.cli("contract", "amend", register.write(longer.replace("2023-07-29", "2022-07-29")))
    assert [what for what, _ in breaches("2099-01-01")["c-0729"]] == ["contract.renew"]
    assert "c-0729" not in breaches("2022-01-01")
    table = register.run("report", "status", "--as-of", "2022-01-01", "--format", "csv").stdout
    assert "contract.renew 2022-01-01" in table and "breaches" in table.splitlines()[0]
    assert "contract.renew 2022-01-01" in register.run("report", "status", "--as-of", "2022-01-01").stdout


def test_nothing_is_overwritten_and_earlier_knowledge_is_read_again(register):
    before = register.cli("report", "status", "--as-of", "2022-08-01")
    changed = '\n[[prohibited]]\nprovider = "guoziyun"\nclause = "prohibited"\nfrom = "2022-07-01"\n'
    register.cli("order", "amend", register.write(register.example.replace("\n[[freezes]]", changed + "\n[[freezes]]", 1)))
    assert "c-state" in status(register, "2022-07-01") and "c-state" not in status(register, "2022-06-30")
    known = before["known_at"]
    assert "c-state" not in status(register, "2022-07-01", "--known-at", known)
    then = register.cli("report", "status", "--as-of", "2022-08-01", "--known-at", known)
    assert then["orders"] == before["orders"]
    register.restart()
    history = register.cli("order", "show", "tianjin-2021", "--history")
    assert [one["revision"] for one in history] == [1, 2]
    assert history[0]["superseded"] == history[1]["recorded"] and len(history[0]["record"]["prohibited"]) == 6
    assert "c-state" in status(register, "2022-07-01")
    assert register.run("report", "status").returncode == 0


def contract(name="c-0729", organisation="port", provider="alibaba-cloud", end="2022-07-29", more=""):
    return f'id = "{name}"\norganisation = "{organisation}"\nprovider = "{provider}"\nservice = "oss"\nstart = "2019-01-01"\nend = "{end}"\n{more}'


def told(server, name, day, *more):
    """What a report as of a day says of a contract."""
    (order,) = server.cli("report", "status", "--as-of", day, *more)["orders"]
    return {whose["organisation"]: one for whose in order["organisations"] for one in whose["contracts"] if one["contract"] == name}


def test_what_changes_on_a_day_leaves_the_days_before_as_they_were(register):
    def amend(kind, text, *more):
        return register.cli(kind, "amend", register.write(text), *more)

    before = {day: register.cli("report", "status", "--as-of", day) for day in ("2021-12-01", "2022-05-31")}
    changed = amend("contract", contract(provider="guoziyun", end="2030-01-01"), "--from", "2022-06-01")
    assert changed["from"] == "2022-06-01" and changed["revision"] == 2
    amend("organisation", 'id = "logistics"\nname = "Logistics"\n', "--from", "2022-06-01")
    for day, report in before.items():
        assert register.cli("report", "status", "--as-of", day)["orders"] == report["orders"], day
    # It is left as what it was, and nobody is bound any more who was sold.
    (one,) = told(register, "c-0729", "2022-06-01").values()
    assert one["provider"] == "alibaba-cloud" and one["due"] == "2022-09-29" and "until 2022-06-01" in one["why"]
    assert told(register, "c-0731", "2022-05-31") and not told(register, "c-0731", "2022-06-01")
    history = register.cli("contract", "show", "c-0729", "--history")
    assert [one.get("from") for one in history] == [None, "2022-06-01"] and history[0]["superseded"] == history[1]["recorded"]
    assert "from 2022-06-01 on" in register.run("contract", "show", "c-0729").stdout
    assert register.run("contract", "amend", register.write(contract()), "--from", "2022-02-30").returncode == 2
    future = register.run("contract", "amend", register.write(contract()), "--from", "2099-01-01")
    assert future.returncode == 1 and "has not come" in future.stderr
    register.restart()
    assert register.cli("report", "status", "--as-of", "2021-12-01")["orders"] == before["2021-12-01"]["orders"]


def test_a_renewal_moves_the_day_from_its_own_on_and_none_that_was_against_the_order(register):
    renewed = contract(end="2023-07-29", more='renewals = [{ signed = "2021-08-11", end = "2023-07-29" }]\n')
    register.cli("contract", "amend", register.write(renewed))
    due = lambda day: told(register, "c-0729", day)["port"]["due"]
    assert due("2022-01-01") == "2022-09-30"
    against = contract("c-1231", end="2027-12-31", more='renewals = [{ signed = "2021-08-12", end = "2027-12-31" }]\n')
    register.cli("contract", "amend", register.write(against))
    for day in ("2021-08-12", "2022-02-28", "2022-03-01"):
        one = told(register, "c-1231", day)["port"]
        assert one["due"] == "2022-02-28" and "moves no day" in one["why"] and "lease-freeze" in one["why"], one
    assert one["status"] == "late"
    assert register.cli("contract", "show", "c-1231")["record"]["renewals"][0]["before"] == "2021-12-31"


def test_nothing_bound_is_corrected_away_unseen(register):
    known = register.cli("report", "status", "--as-of", "2022-01-01")
    assert known["orders"][0]["corrected"] == known["orders"][0]["taken_out"] == 0
    register.cli("asset", "amend", register.write('id = "a-2"\ncontract = "c-state"\nkind = "database"\nname = "ledger"\n'))
    one = told(register, "c-0729", "2022-03-01")["port"]
    assert (one["assets"], one["taken_out"]) == (1, 1) and "1 asset was taken out of it unproven" in one["why"]
    register.cli("contract", "amend", register.write(contract("c-0801", provider="guoziyun", end="2022-08-01")))
    one = told(register, "c-0801", "2022-03-01")["port"]
    assert "status" not in one and one["corrected"] and "alibaba-cloud" in one["why"] and "lease-freeze" not in one["why"]
    register.cli("contract", "amend", register.write(contract("c-leap", organisation="private", end="2024-02-29")))
    assert told(register, "c-leap", "2022-03-01")["port"]["corrected"]
    (order,) = register.cli("report", "status", "--as-of", "2022-03-01")["orders"]
    assert (order["corrected"], order["taken_out"]) == (2, 1)
    table = register.run("report", "status", "--as-of", "2022-03-01").stdout
    assert "2 contracts; taken out unproven: 1 assets" in table and "(-1)" in table
    chinese = register.run("report", "status", "--as-of", "2022-03-01", "--lang", "zh", "--why").stdout
    assert "更正" in chinese and "移出" in chinese
    rows = register.run("report", "status", "--as-of", "2022-03-01", "--format", "csv").stdout.splitlines()
    assert "taken_out,corrected" in rows[0] and len({row.count(",") >= 16 for row in rows}) == 1
    then = register.cli("report", "status", "--as-of", "2022-01-01", "--known-at", known["known_at"])
    assert then["orders"] == known["orders"]

    # What nobody may sign nobody corrects a contract into; since a day it is recorded, and a breach.
    bad = register.write(contract("c-state"))
    refused = register.run("contract", "amend", bad)
    assert refused.returncode == 1 and "contract.new" in refused.stderr and "lease-freeze" in refused.stderr, refused.stderr
    assert register.cli("contract", "show", "c-state")["revision"] == 1 and len(leaves(register, "contract.refused")) == 1
    register.cli("contract", "amend", bad, "--from", "2022-01-01")
    assert [each["signed"] for each in told(register, "c-state", "2022-01-01")["port"]["breaches"]] == ["2022-01-01"]
    assert not told(register, "c-state", "2021-12-31")


def test_who_signs_over_a_contract_with_somebody_else_signs_a_new_one(register):
    without_renewals = [part for part in register.example.split("[[freezes]]") if "contract.renew" not in part]
    register.cli("order", "amend", register.write("[[freezes]]".join(without_renewals)))
    sign = lambda *terms: register.run("contract", "sign", register.write(contract(*terms)))
    over = sign("c-state", "port", "alibaba-cloud", "2030-01-01")
    assert over.returncode == 1 and "contract.new" in over.stderr and "lease-freeze" in over.stderr, over.stderr
    for terms in [("c-private", "port", "guoziyun"), ("c-private", "private", "guoziyun"), ("c-state", "private", "guoziyun")]:
        taken = sign(*terms, "2030-01-01")
        assert taken.returncode == 1 and "somebody else" in taken.stderr, taken.stderr
    assert register.cli("contract", "show", "c-state")["record"]["organisation"] == "port"
    assert register.cli("contract", "show", "c-private")["record"]["provider"] == "alibaba-cloud"
    assert sign("c-0801", "port", "alibaba-cloud", "2023-08-01").returncode == 0, "renewing is not frozen now"


def test_one_of_many_who_amend_at_once_wins(register):
    path = register.write('id = "port"\nname = "Port of Tianjin"\n[[owners]]\nowner = "tianjin-sasac"\npercent = 100\nfrom = "2003-01-01"\n')
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(register.run("organisation", "amend", path, "--revision", "1").returncode)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [0] + [1] * 7
    assert register.cli("organisation", "show", "port")["revision"] == 2
    # Signing races its own freeze as little as anything else: one id is recorded once.
    signed = []
    contract = register.write('id = "c-race"\norganisation = "private"\nprovider = "alibaba-cloud"\nservice = "s"\nstart = "2026-01-01"\n')
    threads = [threading.Thread(target=lambda: signed.append(register.run("contract", "add", contract).returncode)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(signed) == [0] + [1] * 7


def test_tables_are_taken_whole_or_not_at_all(register):
    head = "id,organisation,provider,service,start,end\n"
    good = "t-1,port,alibaba-cloud,oss,2019-01-01,2022-01-01\n"
    for bad, said in [
        ("t-2,port,alibaba-cloud,oss,2019-01-01,2021-02-29\n", "row 3, column end"),
        ("t-2,nobody,alibaba-cloud,oss,2019-01-01,\n", "row 3"),
        ("t-1,port,alibaba-cloud,oss,2019-01-01,\n", "row 3, column id"),
        ("c-0729,port,alibaba-cloud,oss,2019-01-01,\n", "row 3"),
        ("t-2,port,alibaba-cloud,oss,2022-01-01,2019-01-01\n", "row 3"),
        ("t-2,port\n", "row 3"),
        ('t-2,"port,alibaba-cloud,oss,2019-01-01,\n', "row 3"),
    ]:
        refused = register.run("contract", "import", register.write(head + good + bad, "csv"))
        assert refused.returncode == 1 and said in refused.stderr and "nothing was recorded" in refused.stderr, (bad, refused.stderr)
        assert register.run("contract", "show", "t-1").returncode == 1
    assert register.cli("contract", "import", register.write(head + good, "csv"))["records"] == 1
    ids = [one["id"] for one in register.cli("contract", "list", "--of", "port")]
    assert ids == sorted(ids) and "t-1" in ids and "c-sold" not in ids


def test_files_that_do_not_hold_are_wrong_usage(register):
    for kind, text in [
        ("organisation", 'id = "x"\nname = "x"\nowners = [{ owner = "x", percent = 10, from = "2020-01-01" }]\n'),
        ("organisation", 'id = "x"\nname = "x"\nowners = [{ owner = "port", percent = 60, from = "2020-01-01" }, { owner = "private", percent = 50, from = "2021-01-01" }]\n'),
        ("organisation", 'id = "x"\nname = "x"\nstate_owned = true\n'),
        ("provider", 'id = "x"\nname = "x"\nkind = "cloudy"\n'),
        ("provider", 'id = "x"\nname = "x\\nPort  c-1  proven"\nkind = "third-party-cloud"\n'),
        ("provider", 'id = "x"\nname = "x\\u202Ey"\nkind = "third-party-cloud"\n'),
        ("contract", 'id = "x"\norganisation = "port"\nprovider = "alibaba-cloud"\nservice = "s"\nstart = "2021-02-29"\n'),
        ("asset", 'id = "x"\ncontract = "c-0729"\nkind = "bucket"\nname = "x"\nproof = { job = "j", leaf = 1, filed = "2022-01-01" }\n'),
        ("asset", 'id = "x"\ncontract = "c-0729"\nkind = "bucket"\nname = "x"\nmoved = "2022-01-01"\nmoving = "2022-01-02"\n'),
        ("order", register.example.replace("expiry + 2 months", "expiry + 2 moons")),
        ("order", register.example.replace('effective = "2021-08-12"', 'effective = "2021-08-11"')),
        ("order", "not toml"),
    ]:
        for act in ("add", "amend"):
            assert register.run(kind, act, register.write(text)).returncode == 2, text
    missing = register.run("organisation", "add", register.write('id = "x"\nname = "x"\nowners = [{ owner = "nobody", percent = 10, from = "2020-01-01" }]\n'))
    assert missing.returncode == 1 and "nobody" in missing.stderr
    assert register.run("organisation", "show", "x").returncode == 1


def test_an_asset_is_proven_by_a_complete_certificate_and_a_contract_closed_with_its_deletion(register, tmp_path):
    assert register.run("asset", "prove", "a-1", "--job", "job_" + "0" * 32).returncode == 1
    statement = tmp_path / "statement.pdf"
    statement.write_bytes(b"deleted")
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "invoice").write_text("1")
    job = register.run("migrate", str(folder), "invoices", "--class", "general", "--json")
    if job.returncode != 0:
        pytest.fail(job.stderr)
    (done,) = register.cli("job", "list")
    # A complete certificate of something else proves nothing.
    refused = register.run("asset", "prove", "a-1", "--job", done["id"])
    assert refused.returncode == 1 and str(folder) in refused.stderr and "--set-aside" in refused.stderr
    assert register.run("asset", "prove", "a-1", "--job", done["id"], "--set-aside").returncode == 1, "on the word of nobody"
    early = register.run("contract", "close", "c-0729", "--statement", str(statement), "--negative-probe", "2026-01-01")
    assert early.returncode == 1 and "2 assets" in early.stderr
    proven = as_person(register, "ada", "asset", "prove", "a-1", "--job", done["id"], "--set-aside")
    assert proven["record"]["proof"]["job"] == done["id"] and proven["record"]["proof"]["set_aside"] is True
    register.cli("asset", "amend", register.write(f'id = "a-2"\ncontract = "c-0729"\nkind = "bucket"\nname = "{folder}"\n'))
    # A job is the proof of one asset, and an empty folder is the proof of none.
    twice = register.run("asset", "prove", "a-2", "--job", done["id"])
    assert twice.returncode == 1 and "`a-1` already" in twice.stderr and "the asset is called" not in twice.stderr
    assert "已证实资产“a-1”" in register.run("asset", "prove", "a-2", "--job", done["id"], "--lang", "zh").stderr
    (folder / "invoice").rename(tmp_path / "kept")
    assert register.run("migrate", str(folder), "nothing", "--class", "general").returncode == 0
    (empty,) = [one for one in register.cli("job", "list") if one["bucket"] == "nothing"]
    nothing = register.run("asset", "prove", "a-2", "--job", empty["id"])
    assert nothing.returncode == 1 and "listed nothing" in nothing.stderr and "--set-aside" in nothing.stderr
    (tmp_path / "kept").rename(folder / "invoice")
    assert register.run("migrate", str(folder), "again", "--class", "general").returncode == 0
    (again,) = [one for one in register.cli("job", "list") if one["bucket"] == "again"]
    proven = register.cli("asset", "prove", "a-2", "--job", again["id"])
    assert "set_aside" not in proven["record"]["proof"] and proven["record"]["proof"]["objects"] == 1
    report = lambda: status(register, "2099-01-01")["c-0729"][0]
    assert report() == "late"
    one = told(register, "c-0729", "2099-01-01")["port"]
    assert (one["objects"], one["set_aside"]) == (2, 1) and "cover 2 objects" in one["why"] and "1 by another name" in one["why"], one
    assert register.run("contract", "close", "c-0729", "--statement", str(statement), "--negative-probe", "2999-01-01").returncode == 1
    # Nobody found nothing there while all of it was still to come.
    assert register.run("contract", "close", "c-0729", "--statement", str(statement), "--negative-probe", "2022-01-01").returncode == 1
    register.cli("contract", "close", "c-0729", "--statement", str(statement), "--negative-probe", proven["record"]["proof"]["filed"])
    assert report() == "proven"
    why = told(register, "c-0729", "2099-01-01")["port"]["why"]
    assert "typed by pri_" in why and "not run by Onshore" in why, why
    assert "并非由 Onshore 执行" in register.run("report", "status", "--as-of", "2099-01-01", "--lang", "zh", "--why").stdout
    # The statement itself is kept, and stays unless a named person stands for another: then both are there.
    out = tmp_path / "back.pdf"
    register.run("contract", "statement", "c-0729", "--out", str(out))
    assert out.read_bytes() == b"deleted"
    first = told(register, "c-0729", "2099-01-01")["port"]["why"]
    statement.write_bytes(b"deleted, really")
    again = ("contract", "close", "c-0729", "--statement", str(statement), "--negative-probe", proven["record"]["proof"]["filed"])
    refused = register.run(*again)
    digest = hashlib.sha256(b"deleted").hexdigest()
    assert refused.returncode == 1 and digest in refused.stderr and "--set-aside" in refused.stderr, refused.stderr
    assert register.run(*again, "--set-aside").returncode == 1 and told(register, "c-0729", "2099-01-01")["port"]["why"] == first
    assert as_person(register, "ada", *again, "--set-aside")["record"]["deletion"]["set_aside"] is True
    for more, body in [((), b"deleted, really"), (("--sha256", digest), b"deleted")]:
        assert register.run("contract", "statement", "c-0729", "--out", str(out), *more).returncode == 0
        assert out.read_bytes() == body
    assert register.run("contract", "statement", "c-0729", "--out", str(out), "--sha256", "0" * 64).returncode == 1
    assert register.run("contract", "statement", "c-0731", "--out", str(out)).returncode == 1
    # What was read goes back as it is, and nothing that was filed is written by hand.
    shown = register.cli("contract", "show", "c-0729")
    edited = shown["record"] | {"service": "oss and more"}
    put = lambda record: ask(register, "PUT", "/v1/register/contract/c-0729", {"record": record, "revision": shown["revision"]}).status
    forged = edited | {"deletion": edited["deletion"] | {"negative_probe": "2022-01-01"}}
    assert [put(record) for record in (forged, edited)] == [400, 200]
    # What was filed stays when the record is amended by hand, and it was not so before.
    asset = 'id = "a-1"\ncontract = "c-0729"\nkind = "bucket"\nname = "{}"\n'
    register.cli("asset", "amend", register.write(asset.format("invoices") + 'place = "CN"\n'))
    assert report() == "proven" and status(register, "2022-09-30")["c-0729"][0] == "late"
    # What is something else has not arrived, also once it is called as before.
    for name in ("other name", "invoices"):
        amended = register.cli("asset", "amend", register.write(asset.format(name)))
        assert "proof" not in amended["record"] and report() == "late"
    # Nor has what is kept somewhere else by another contract.
    moved = 'id = "a-2"\ncontract = "{}"\nkind = "bucket"\nname = "{}"\n'
    assert "proof" in register.cli("asset", "amend", register.write(moved.format("c-0729", folder)))["record"]
    for contract in ("c-0731", "c-0729"):
        assert "proof" not in register.cli("asset", "amend", register.write(moved.format(contract, folder)))["record"]
    assert "has not come" in register.run("contract", "add", register.write('id = "c-later"\norganisation = "port"\nprovider = "alibaba-cloud"\nservice = "oss"\nsigned = "2999-01-01"\nstart = "2999-01-01"\n')).stderr


def test_a_report_is_read_in_chinese_and_as_pdf(register, tmp_path):
    zh = register.cli("report", "status", "--as-of", "2022-01-01", "--organisation", "logistics", "--lang", "zh")
    (organisation,) = zh["orders"][0]["organisations"]
    why = organisation["contracts"][0]["why"]
    assert "须于 2022-09-30 前迁出" in why and "tianjin-sasac > port > logistics" in organisation["why"] and "PingWest" in why
    english = register.cli("report", "status", "--as-of", "2022-01-01", "--organisation", "logistics")
    assert english["orders"][0]["organisations"][0]["contracts"][0]["due"] == organisation["contracts"][0]["due"]
    table = register.run("report", "status", "--as-of", "2022-10-01", "--lang", "zh", "--why").stdout
    assert "逾期" in table and "服务商" in table and "late" not in table
    assert register.run("report", "status", "--lang", "fr").returncode == 2
    for lang, said in [("en", "late"), ("zh", "逾期")]:
        out = tmp_path / f"report-{lang}.pdf"
        done = register.run("report", "status", "--as-of", "2022-10-01", "--format", "pdf", "--why", "--lang", lang, "--out", out)
        assert done.returncode == 0 and done.stdout == "", done.stderr
        text = "\n".join(page.extract_text() for page in pypdf.PdfReader(out).pages)
        assert said in text and "c-0731" in text and "2022-09-30" in text and "leaves" in text or "账本" in text
        assert "PingWest" in text
    printed = register.run("report", "status", "--format", "pdf", "--out", tmp_path / "no" / "such")
    assert printed.returncode == 1


def test_a_quarter_is_told_beside_the_one_before(register, tmp_path):
    report = register.cli("report", "quarterly", "--quarter", "2022Q3")
    assert (report["as_of"], report["before"]) == ("2022-09-30", "2022-06-30") and report["tree_size"] > 0
    lines = {one.get("organisation"): one for one in report["lines"]}
    assert lines[None]["contracts"] == sum(one["contracts"] for name, one in lines.items() if name) == 6
    # Their days are over on 2022-09-29, 2022-02-28 and, of what nobody knows whether it was left before, 2021-08-12; the others end with
    # the quarter.
    assert lines["port"]["late"] == 3 and lines["logistics"]["late"] == 0
    earlier = {one.get("organisation"): one for one in register.cli("report", "quarterly", "--quarter", "2022Q2")["lines"]}
    assert earlier["logistics"]["due_next_quarter"] == 1 and earlier["port"]["late"] == 2
    table = register.run("report", "quarterly", "--quarter", "2022Q3", "--lang", "zh").stdout
    assert "2022Q3 季度报告" in table and "合计" in table and "Port (port)" in table
    rows = register.run("report", "quarterly", "--quarter", "2022Q3", "--format", "csv").stdout.splitlines()
    assert rows[0].startswith("quarter,as_of,order,organisation,contracts") and any(row.startswith("2022Q3,2022-09-30,tianjin-2021,,6,") for row in rows)
    out = tmp_path / "quarter.pdf"
    assert register.run("report", "quarterly", "--quarter", "2022Q3", "--format", "pdf", "-o", out).returncode == 0
    assert "2022Q3" in pypdf.PdfReader(out).pages[0].extract_text()
    for bad in ("2022", "2022Q5", "Q3"):
        assert register.run("report", "quarterly", "--quarter", bad).returncode == 2
    # What is filed verifies offline, and of one organisation alone.
    proof, filed = tmp_path / "quarter.proof", tmp_path / "quarter.json"
    assert register.run("report", "quarterly", "--quarter", "2022Q3", "--organisation", "port", "--proof", proof, "-o", filed).returncode == 0
    told = json.loads(filed.read_text(encoding="utf-8"))
    assert {one.get("organisation") for one in told["lines"]} == {None, "port"}
    verify = ("verify", proof, "--key", register.vkey, "--of", filed)
    assert register.run(*verify).returncode == 0
    filed.write_text(filed.read_text(encoding="utf-8").replace("2022Q3", "2022Q2"), encoding="utf-8")
    assert register.run(*verify).returncode == 1
    for report in ("status", "quarterly"):
        more = ("--quarter", "2022Q3") if report == "quarterly" else ()
        late = register.run("report", report, *more, "--known-at", "2099-01-01")
        assert late.returncode == 1 and "not come yet" in late.stderr


def test_tables_go_out_as_they_come_in(register, make_server, tmp_path):
    other = make_server("elsewhere")
    for number, provider in enumerate(register.cli("provider", "list")):
        other.cli("provider", "add", register.write("\n".join(f"{name} = {json.dumps(value)}" for name, value in provider["record"].items() if not isinstance(value, (dict, list)))))
    for kind in ("organisation", "contract", "asset"):
        table = tmp_path / f"{kind}.csv"
        assert register.run(kind, "export", "-o", table).returncode == 0
        known = [one["record"] for one in register.cli(kind, "list")]
        assert other.cli(kind, "import", table)["records"] == len(known)
        again = tmp_path / f"{kind}-again.csv"
        assert other.run(kind, "export", "-o", again).returncode == 0
        assert again.read_bytes() == table.read_bytes()


def test_a_filed_report_verifies_offline(register, tmp_path):
    report, proof = tmp_path / "report.json", tmp_path / "report.proof"
    filed = register.cli("report", "status", "--as-of", "2022-10-01", "--lang", "zh", "--out", report, "--proof", proof)
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["orders"][0]["contracts"]["late"] and told["tree_size"] <= filed["leaf"]

    def verify(of=report, key=register.vkey):
        return register.run("verify", proof, "--of", of, "--key", key, env={"ONSHORE_SERVER": "http://127.0.0.1:9", "ONSHORE_TOKEN": ""})

    done = verify()
    assert done.returncode == 0 and "report.filed" in done.stdout, done.stderr
    changed = tmp_path / "changed.json"
    changed.write_text(report.read_text(encoding="utf-8").replace("2022-09-30", "2022-10-30"), encoding="utf-8")
    refused = verify(changed)
    assert refused.returncode == 1 and "not the file" in refused.stderr
    assert verify(tmp_path / "nothing").returncode == 2
    assert register.run("report", "status", "--proof", proof).returncode == 2
    unrelated = tmp_path / "other.proof"
    unrelated.write_text(json.dumps(register.cli("ledger", "prove", "1")), encoding="utf-8")
    assert register.run("verify", unrelated, "--of", report, "--key", register.vkey).returncode == 1
