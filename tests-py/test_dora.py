"""The register of information of DORA: templates, faults with their places, and the package that is filed."""

import csv
import io
import json
import zipfile

from test_guard import run

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
