"""The register of information of DORA: templates, faults with their places, and the package that is filed."""

import csv
import io
import json
import zipfile

import pytest

from test_control_api import ask, problem
from test_guard import run
from test_regions import Records

BANK = "529900T8BM49AURSDO55"
ROWS = {
    "b_01.01": [BANK, "Bank", "eba_GA:DE", "eba_CT:x12", "BaFin", "2025-12-31"],
    "b_01.02": [BANK, "Bank", "eba_GA:DE", "eba_CT:x12", "eba_RP:x53", BANK, "2025-12-31", "2020-01-01", "9999-12-31", "eba_CU:EUR", "1000000"],
    "b_02.01": ["CA-1", "eba_CO:x1", "", "eba_CU:EUR", "12000"],
    "b_05.01": ["P-1", "eba_CT:x1", "", "", "Provider, Inc", "", "eba_CT:x212", "eba_GA:US", "", "", "", ""],
}
FILING = ["--scope", "consolidated", "--country", "DE", "--reference", "2025-12-31"]


def fill(folder, rows=ROWS):
    assert run("dora", "templates", folder).returncode == 0
    assert len(list(folder.glob("*.csv"))) == 15
    for name, row in rows.items():
        path = folder / f"{name}.csv"
        with path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(row)


def test_a_register_that_holds_is_packed_as_authorities_take_it(tmp_path):
    tables, out = tmp_path / "tables", tmp_path / "out"
    out.mkdir()
    fill(tables)
    checked = run("dora", "check", tables)
    assert checked.returncode == 0 and "0 faults" in checked.stdout, checked.stdout
    packed = run("dora", "package", tables, "--out", out, *FILING, "--json")
    assert packed.returncode == 0, packed.stderr
    (path,) = out.iterdir()
    assert json.loads(packed.stdout)["package"] == str(path)
    assert path.name.startswith(f"{BANK}.CON_DE_DORA010100_DORA_2025-12-31_") and len(path.stem.rsplit("_", 1)[1]) == 17
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = {name.removeprefix(path.stem + "/") for name in archive.namelist()}
        assert len(names) == 19 and {"META-INF/reportPackage.json", "reports/report.json", "reports/parameters.csv", "reports/FilingIndicators.csv", "reports/b_99.01.csv"} <= names
        read = lambda name: archive.read(f"{path.stem}/{name}").decode()
        assert json.loads(read("META-INF/reportPackage.json"))["documentInfo"]["documentType"].endswith("report-package/2023")
        assert json.loads(read("reports/report.json"))["documentInfo"]["extends"][0].endswith("dora.json")
        parameters = dict(csv.reader(io.StringIO(read("reports/parameters.csv"))))
        assert parameters["entityID"] == f"rs:{BANK}.CON" and parameters["refPeriod"] == "2025-12-31" and parameters["baseCurrency"] == "iso4217:EUR"
        (head, row) = csv.reader(io.StringIO(read("reports/b_05.01.csv")))
        assert head[0] == "c0010" and row == ROWS["b_05.01"]


def test_faults_are_told_and_nothing_is_packed(tmp_path):
    tables, out = tmp_path / "tables", tmp_path / "out"
    out.mkdir()
    fill(tables, {**ROWS, "b_02.01": ["CA-1", "eba_CO:x1", "CA-0", "eba_CU:EUR", ""], "b_03.01": ["CA-2", BANK]})
    checked = run("dora", "check", tables, "--json")
    faults = {(one["template"], one.get("column")) for one in json.loads(checked.stdout)["faults"]}
    assert checked.returncode == 1 and faults == {("B_02.01", "c0030"), ("B_02.01", "c0050"), ("B_03.01", "c0010")}
    assert run("dora", "package", tables, "--out", out, *FILING).returncode == 1 and not list(out.iterdir())
    (tables / "b_77.01.csv").write_text("c0010\n")
    assert "no such table" in run("dora", "check", tables).stdout
    assert run("dora", "check", tmp_path / "nowhere").returncode == 2
    good = {"--scope": "individual", "--country": "DE", "--reference": "2025-12-31", "--currency": "EUR"}
    for name, bad in (("--country", "Germany"), ("--reference", "2025-02-29"), ("--scope", "both"), ("--currency", "euro")):
        arguments = [part for pair in {**good, name: bad}.items() for part in pair]
        refused = run("dora", "package", tables, "--out", out, *arguments)
        assert refused.returncode == 2 and bad in refused.stderr


USES = ["CA-1", BANK, "P-1", "eba_CT:x1", "F-1", "eba_TA:S17", "2021-01-01", "9999-12-31", "", "90", "30", "eba_GA:DE", "eba_GA:US", "eba_BT:x28", "eba_GA:IE", "", "", ""]
FUNCTION = ["F-1", "eba_TA:x28", "payments", BANK, "eba_BT:x28", "", "2025-01-01", "4", "4", "eba_ZZ:x791"]
WHOLE = {**ROWS, "b_02.02": USES, "b_06.01": FUNCTION, "b_03.01": ["CA-1", BANK], "b_03.02": ["CA-1", "P-1", "eba_CT:x1"]}


@pytest.fixture
def bank(make_server, request, tmp_path):
    records = Records(make_server(request.node.name[:40]), tmp_path)
    records.does("organisation", "add", 'id = "bank"\nname = "Bank"\n')
    return records


def test_tables_are_contracts_of_the_register_and_come_out_as_they_went_in(bank, tmp_path):
    tables, out = tmp_path / "tables", tmp_path / "out"
    bank.does("provider", "add", 'id = "big-cloud"\nname = "Big Cloud"\nkind = "third-party-cloud"\ncodes = ["P-1"]\n')
    fill(tables, WHOLE)
    server = bank.server
    taken = server.cli("dora", "import", tables, "--organisation", "bank")
    assert (taken["added"], taken["amended"], taken["parties"], taken["without_terms"]) == (["ca-1"], [], [], [])
    contract = server.cli("contract", "show", "ca-1")["record"]
    assert (contract["organisation"], contract["provider"], contract["start"], contract["notice_days"], contract["data_location"]) == ("bank", "big-cloud", "2021-01-01", 90, "IE")
    assert "end" not in contract and contract["service"] == "eba_TA:S17"
    assert server.cli("organisation", "show", "bank")["record"]["lei"] == BANK
    # The same once more amends nothing; another end is a later revision of the contract.
    again = server.cli("dora", "import", tables, "--organisation", "bank")
    assert (again["added"], again["amended"], again["revision"]) == ([], [], 2)
    exported = server.cli("dora", "export", out, "--organisation", "bank")
    assert (exported["revision"], exported["added"], exported["faults"]) == (2, [], [])
    read = lambda folder: {path.name: list(csv.reader(path.open(encoding="utf-8"))) for path in folder.glob("*.csv")}
    assert read(out) == read(tables) and len(read(out)) == 15
    assert run("dora", "check", out).returncode == 0
    (out / "b_02.02.csv").write_text((out / "b_02.02.csv").read_text().replace("9999-12-31", "2027-06-30"))
    amended = server.cli("dora", "import", out, "--organisation", "bank")
    assert amended["amended"] == ["ca-1"]
    assert server.cli("contract", "show", "ca-1")["record"]["end"] == "2027-06-30"
    first = server.cli("contract", "show", "ca-1", "--history")[0]
    older = server.cli("dora", "export", tmp_path / "older", "--organisation", "bank", "--known-at", first["recorded"])
    assert older["revision"] == 1 and read(tmp_path / "older") == read(tables)
    # What the tables leave open stays as it was said.
    (out / "b_02.02.csv").write_text((out / "b_02.02.csv").read_text().replace(",90,30,", ",,,").replace("eba_GA:IE", ""))
    assert server.cli("dora", "import", out, "--organisation", "bank")["amended"] == []
    assert server.cli("contract", "show", "ca-1")["record"]["notice_days"] == 90
    leaves = json.dumps(server.cli("ledger", "tail", "-n", "20"))
    assert leaves.count("information.taken-in") == 4 and BANK not in leaves


def test_an_order_is_held_against_contracts_out_of_tables(bank, tmp_path):
    does = bank.does
    does("organisation", "add", 'id = "tianjin-sasac"\nname = "S"\nkind = "state-organ"\n')
    does("organisation", "amend", 'id = "bank"\nname = "Bank"\nowners = [{ owner = "tianjin-sasac", percent = 51, from = "2000-01-01" }]\n')
    does("provider", "add", 'id = "alibaba-cloud"\nname = "A"\nkind = "third-party-cloud"\ncodes = ["P-1"]\n')
    does("order", "add", bank.server.run("order", "example").stdout)
    tables = tmp_path / "tables"
    fill(tables, {**WHOLE, "b_02.02": [cell.replace("9999-12-31", "2022-07-29") for cell in USES]})
    bank.server.cli("dora", "import", tables, "--organisation", "bank")
    report = bank.server.cli("report", "status", "--as-of", "2021-12-01")
    assert "2022-09-29" in json.dumps(report)


def test_faulty_tables_leave_nothing(bank, tmp_path):
    tables = tmp_path / "tables"
    fill(tables, {**WHOLE, "b_02.02": ["CA-9", *USES[1:]]})
    server = bank.server
    refused = server.run("dora", "import", tables, "--organisation", "bank", "--json")
    assert refused.returncode == 1 and json.loads(refused.stdout)["faults"][0]["template"] == "B_02.02"
    # Nor where nobody checked them before.
    texts = {path.name: path.read_text() for path in tables.glob("*.csv")}
    answer = ask(server, "PUT", "/v1/information/bank", {"tables": texts})
    assert answer.status == 400 and "B_02.02 row 2" in answer.json["detail"]
    assert ask(server, "PUT", "/v1/information/bank", {"tables": {"b_77.01.csv": "c0010\n"}}).status == 400
    assert ask(server, "PUT", "/v1/information/nobody", {"tables": {name: text for name, text in texts.items() if name != "b_02.02.csv"}}).status == 404
    assert server.cli("contract", "list") == [] and server.cli("provider", "list") == []
    # References that differ by a sign are contracts of their own; by the size of a letter they are one too many.
    two = tmp_path / "two"
    fill(two, WHOLE)
    for name, row in (("b_02.01", ROWS["b_02.01"]), ("b_02.02", USES), ("b_03.01", ["CA-1", BANK]), ("b_03.02", ["CA-1", "P-1", "eba_CT:x1"])):
        with (two / f"{name}.csv").open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(["CA/1", *row[1:]])
    taken = ask(server, "PUT", "/v1/information/bank", {"tables": {path.name: path.read_text() for path in two.glob("*.csv")}})
    assert taken.status == 200 and len(taken.json["added"]) == 2, taken.body
    low = {path.name: path.read_text().replace("CA/1", "ca-1") for path in two.glob("*.csv")}
    refused = ask(server, "PUT", "/v1/information/bank", {"tables": low})
    assert refused.status == 400 and "another reference" in refused.json["detail"]
    # Nobody's tables are another's, and a contract is with whom it was.
    fill(tmp_path / "good", WHOLE)
    server.cli("dora", "import", tmp_path / "good", "--organisation", "bank")
    bank.does("organisation", "add", 'id = "other"\nname = "Other"\nlei = "254900OPPU84GM83MG36"\n')
    assert BANK in server.run("dora", "import", tmp_path / "good", "--organisation", "other").stderr
    # Of whoever has no tables they are made of the records, and nobody has none.
    assert server.cli("dora", "export", tmp_path / "none", "--organisation", "other")["revision"] is None
    assert server.run("dora", "export", tmp_path / "none", "--organisation", "nobody").returncode == 1
    by_hand = ask(server, "POST", "/v1/register/information", {"id": "other", "tables": {}})
    assert by_hand.status == 400 and "dora import" in by_hand.json["detail"]


def test_long_tables_are_taken_in(bank, tmp_path):
    tables = tmp_path / "tables"
    fill(tables, WHOLE)
    with (tables / "b_99.01.csv").open("a", encoding="utf-8") as file:
        file.writelines(f"{'definition ' * 5}{number}{',' * 18}\n" for number in range(30_000))
    taken = bank.server.cli("dora", "import", tables, "--organisation", "bank")
    assert taken["added"] == ["ca-1"]
    bank.server.cli("dora", "export", tmp_path / "out", "--organisation", "bank")
    assert (tmp_path / "out" / "b_99.01.csv").stat().st_size > 2 << 20
    # What has no tables is no longer than before.
    assert ask(bank.server, "PUT", "/v1/register/organisation/bank", {"revision": 1, "record": {"id": "bank", "name": "x" * (2 << 20)}}).status == 413


def test_tables_are_checked_and_packed_over_the_control_api(make_server, tmp_path):
    server = make_server("dora-asked")
    auditor = server.cli("token", "create", "--role", "auditor")["token"]
    tables, out = tmp_path / "tables", tmp_path / "out"
    out.mkdir()
    fill(tables, WHOLE)
    texts = {path.name: path.read_text() for path in tables.glob("*.csv")}
    check = lambda texts: ask(server, "POST", "/v1/dora/check", {"tables": texts}, token=auditor)
    query = "scope=consolidated&country=DE&reference=2025-12-31"
    pack = lambda query=query, texts=texts: ask(server, "POST", f"/v1/dora/package?{query}", {"tables": texts}, token=auditor)
    assert check(texts).json == {"faults": []}
    packed = pack()
    assert packed.status == 200 and packed.headers["content-type"] == "application/zip"
    name = packed.headers["content-disposition"].split('"')[1]
    assert name.startswith(f"{BANK}.CON_DE_DORA010100_DORA_2025-12-31_") and name.endswith(".zip")
    # The same files as the command packs, under another instant.
    assert run("dora", "package", tables, "--out", out, *FILING).returncode == 0
    (path,) = out.iterdir()
    with zipfile.ZipFile(io.BytesIO(packed.body)) as asked, zipfile.ZipFile(path) as written:
        read = lambda archive: {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
        assert asked.testzip() is None and read(asked) == read(written)
    with zipfile.ZipFile(io.BytesIO(pack(query + "&currency=SEK").body)) as asked:
        assert b"iso4217:SEK" in b"".join(asked.read(name) for name in asked.namelist() if name.endswith("parameters.csv"))
    # Faults are told by their places, as the command tells them.
    broken = {**texts, "b_02.02.csv": texts["b_02.02.csv"].replace("CA-1", "CA-9")}
    (tables / "b_02.02.csv").write_text(broken["b_02.02.csv"])
    said = json.loads(run("dora", "check", tables, "--json").stdout)
    assert check(broken).json == said and said["faults"][0]["template"] == "B_02.02"
    assert "B_02.02 row 2" in problem(pack(texts=broken), 400)["detail"]
    assert check({"b_77.01.csv": "c0010\n"}).json["faults"][0]["what"].startswith("there is no such table")
    assert check({}).json["faults"], "a register without the entity itself"
    for bad in ("", "scope=both&country=DE&reference=2025-12-31", query.replace("DE", "Germany"), query.replace("12-31", "02-30"), query + "&currency=euro", query + "&x=1"):
        problem(pack(bad), 400, "bad-request")
    for body in ({}, {"tables": {}, "more": 1}, {"tables": {"b_01.01.csv": 1}}, {"tables": []}):
        problem(ask(server, "POST", "/v1/dora/check", body), 400, "bad-request")
    problem(ask(server, "POST", "/v1/dora/check", {"tables": {"b_99.01.csv": "x" * (32 << 20)}}), 413, "body-too-long")
    # Nothing was recorded.
    assert server.cli("organisation", "list") == [] and server.cli("contract", "list") == []


HAND = 'id = "by-hand"\norganisation = "bank"\nprovider = "big-cloud"\nservice = "eba_TA:S17"\nstart = "2020-01-01"\n'
WORDS = 'data_location = "IE"\nnotice_days = 90\nrenewal = "yearly"\nexit_terms = "a year to leave"\n'


def test_a_contract_of_a_financial_entity_says_what_its_register_asks_for(bank, tmp_path):
    server, tables = bank.server, tmp_path / "tables"
    bank.does("provider", "add", 'id = "big-cloud"\nname = "Big Cloud"\nkind = "third-party-cloud"\n')
    # Whoever maintains no register may say less, and is told what.
    early = bank.does("contract", "add", HAND.replace("by-hand", "early"))
    assert early["lacks"] == ["data_location", "notice_days", "renewal", "exit_terms"]
    assert "lacks     data_location, notice_days, renewal, exit_terms" in server.run("contract", "show", "early").stdout
    fill(tables, WHOLE)
    server.cli("dora", "import", tables, "--organisation", "bank")
    refused = bank.fails("contract", "add", HAND)
    for lacking in ("data_location", "notice_days", "renewal", "exit_terms", "codes of the provider `big-cloud`", "found"):
        assert lacking in refused, refused
    assert "lei" not in refused
    refused = bank.fails("contract", "add", HAND + WORDS.replace("notice_days = 90\n", ""))
    assert "notice_days" in refused and "exit_terms" not in refused
    bank.does("provider", "amend", 'id = "big-cloud"\nname = "Big Cloud"\nkind = "third-party-cloud"\ncodes = ["P-1"]\n')
    assert bank.fails("contract", "sign", HAND + 'found = "2020-01-01"\n').count("lacks") == 1, "what is signed was not found"
    whole = bank.does("contract", "sign", HAND + WORDS)
    assert "lacks" not in whole
    # An inventory holds what should not be, one by one or as a table; what is amended says all of it, or that it was found.
    found = bank.does("contract", "add", HAND.replace("by-hand", "found-1") + 'found = "2024-01-01"\n')
    assert found["lacks"] and found["record"]["found"] == "2024-01-01"
    assert "has not come" in bank.fails("contract", "add", HAND.replace("by-hand", "found-0") + 'found = "2999-01-01"\n')
    table = tmp_path / "contracts.csv"
    table.write_text("id,organisation,provider,service,start\nfound-2,bank,big-cloud,x,2020-01-01\n")
    assert server.cli("contract", "import", table)["lacking"] == 1
    assert "notice_days" in bank.fails("contract", "amend", HAND.replace("by-hand", "found-2"))
    bank.does("contract", "amend", HAND.replace("by-hand", "found-2") + WORDS)
    exported = {row["id"]: row["lacks"] for row in csv.DictReader(io.StringIO(server.run("contract", "export").stdout))}
    everything = "data_location notice_days renewal exit_terms"
    assert exported == {"by-hand": "", "ca-1": "renewal exit_terms", "early": everything, "found-1": everything, "found-2": ""}
    # Without the LEI nobody can file it.
    bank.does("organisation", "amend", 'id = "bank"\nname = "Bank"\n')
    assert "the lei of the organisation `bank`" in bank.fails("contract", "amend", HAND + WORDS)


def test_finance_in_the_union_maintains_a_register_before_any_was_taken_in(bank):
    bank.does("provider", "add", 'id = "big-cloud"\nname = "Big Cloud"\nkind = "third-party-cloud"\ncodes = ["P-1"]\n')
    entity = f'id = "bank"\nname = "Bank"\nsector = "finance"\nregion = "DE-BE"\nlei = "{BANK}"\n'
    for other in (entity.replace("DE-BE", "CN-BJ"), entity.replace("finance", "industry"), entity.replace(f'lei = "{BANK}"\n', "")):
        bank.does("organisation", "amend", other)
        bank.does("contract", "add", HAND.replace("by-hand", f"c-{bank.count}"))
    for sector in ("金融", "banking", "保险", "securities", "funds", "payment", "finance"):
        bank.does("organisation", "amend", entity.replace("finance", sector))
        assert "exit_terms" in bank.fails("contract", "add", HAND)
    bank.does("contract", "add", HAND + WORDS)


def test_contracts_by_hand_come_out_in_the_tables_and_what_they_lack_is_told(bank, tmp_path):
    server, tables, out = bank.server, tmp_path / "tables", tmp_path / "out"
    bank.does("provider", "add", 'id = "big-cloud"\nname = "Big Cloud"\nkind = "third-party-cloud"\ncodes = ["P-1"]\n')
    bank.does("contract", "add", HAND + WORDS)
    read = lambda folder, name: [row for row in csv.DictReader((folder / f"{name}.csv").open(encoding="utf-8"))]
    # Before any table was taken in, the records alone make them.
    alone = server.cli("dora", "export", out, "--organisation", "bank")
    assert (alone["revision"], alone["added"]) == (None, ["by-hand"]) and len(list(out.glob("*.csv"))) == 15
    assert {"template": "B_01.01", "row": 2, "column": "c0010", "what": "it is needed"} in alone["faults"]
    fill(tables, WHOLE)
    server.cli("dora", "import", tables, "--organisation", "bank")
    told = server.cli("dora", "export", out, "--organisation", "bank")
    assert told["revision"] == 1 and told["added"] == ["by-hand"]
    assert {(one["template"], one["row"], one["column"]) for one in told["faults"]} == {("B_02.01", 3, "c0020"), ("B_02.01", 3, "c0040"), ("B_02.01", 3, "c0050"), ("B_02.02", 3, "c0050")}
    assert {one["template"]: one for one in json.loads(run("dora", "check", out, "--json").stdout)["faults"]} == {one["template"]: one for one in told["faults"]}
    terms = read(out, "b_02.02")[1]
    assert (terms["c0010"], terms["c0020"], terms["c0030"], terms["c0060"], terms["c0070"], terms["c0080"], terms["c0100"], terms["c0150"]) == ("by-hand", BANK, "P-1", "eba_TA:S17", "2020-01-01", "9999-12-31", "90", "eba_GA:IE")
    assert [row["c0010"] for row in read(out, "b_03.01")] == [row["c0010"] for row in read(out, "b_03.02")] == ["CA-1", "by-hand"]
    assert len(read(out, "b_05.01")) == len(read(out, "b_01.02")) == 1, "who is in the tables is not there twice"
    assert "B_02.01 row 3, column c0050: it is needed" in server.run("dora", "export", out, "--organisation", "bank").stdout
    # What is said in the tables completes it: then it is packed, and is still the same contract.
    rewrite = lambda name, change: (out / name).write_text(change((out / name).read_text()))
    rewrite("b_02.01.csv", lambda text: text.replace("by-hand,,,,", "by-hand,eba_CO:x1,,eba_CU:EUR,5"))
    rewrite("b_02.02.csv", lambda text: text.replace(f"by-hand,{BANK},P-1,eba_CT:x1,,", f"by-hand,{BANK},P-1,eba_CT:x1,F-1,"))
    packed = tmp_path / "packed"
    packed.mkdir()
    assert run("dora", "package", out, "--out", packed, *FILING).returncode == 0
    with zipfile.ZipFile(next(packed.iterdir())) as archive:
        assert any(b"by-hand" in archive.read(name) for name in archive.namelist() if name.endswith("b_02.01.csv"))
    again = server.cli("dora", "import", out, "--organisation", "bank")
    assert (again["added"], again["amended"], again["parties"]) == ([], [], [])
    assert server.cli("dora", "export", out, "--organisation", "bank")["added"] == []
    kept = server.cli("contract", "show", "by-hand")["record"]
    assert (kept["renewal"], kept["exit_terms"]) == ("yearly", "a year to leave")
    auditor = server.cli("token", "create", "--role", "auditor")["token"]
    over_http = ask(server, "GET", "/v1/information/bank", token=auditor)
    assert over_http.status == 200 and over_http.json["faults"] == [] and over_http.headers["etag"]
    problem(ask(server, "GET", "/v1/information/nobody"), 404)
    problem(ask(server, "GET", "/v1/information/bank?known_at=2999-01-01"), 400)
