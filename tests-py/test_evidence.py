"""Evidence for somebody who trusts nobody: bundles and proven reads, checked by Onshore, by the checker that shares nothing
with it, and by the page that does the same in a browser."""

import base64
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import tlog
from onshore_server import BINARY, Server, clean_env
from raw_s3 import Raw
from witnesses import Witness, policy, witnessed_config

CHECKER = Path(os.environ.get("ONSHORE_VERIFY_BIN", BINARY.parent / "onshore-verify"))
PAGE = Path(os.environ.get("ONSHORE_VERIFY_PAGE", BINARY.parent.parent / "onshore-verify.html"))

# Plays the browser: the page's own script, with no more of a document than it asks for.
BROWSER = """
const fs = require("fs");
const [page, ...files] = process.argv.slice(1);
const script = fs.readFileSync(page, "utf8").match(/<script id="logic">([^]*?)<\\/script>/)[1];
const { keys, policy } = JSON.parse(fs.readFileSync(0, "utf8"));
const nodes = {};
const find = (id) => nodes[id] ??= { value: "", addEventListener(_, done) { this.click = done; } };
find("keys").value = keys;
find("policy").value = policy;
globalThis.fetch = globalThis.WebSocket = () => { throw new Error("the page asked for the network"); };
new Function("document", script)({ getElementById: find });
(async () => {
  for (const file of files) {
    const bytes = fs.readFileSync(file);
    find("document").files = [{ arrayBuffer: async () => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) }];
    await find("check").click();
    console.log(JSON.stringify({ verdict: find("verdict").textContent, said: find("said").textContent }));
  }
})();
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A witnessed server on which something left, something was refused and something was read; and a bundle of it."""
    folder = tmp_path_factory.mktemp("evidence")
    server = Server(folder / "data").start()
    witnesses = [Witness(f"witness.example/w{number}", [server.vkey]).start() for number in range(2)]
    server.terminate()
    server.config = witnessed_config(witnesses)
    server.output = []
    server.start()
    s3 = server.client()
    s3.create_bucket(Bucket="told")
    s3.put_object(Bucket="told", Key="payroll.csv", Body=b"x" * 1000, Metadata={"onshore-class": "personal"})
    s3.put_object(Bucket="told", Key="plans.pdf", Body=b"y" * 10, Metadata={"onshore-class": "core"})
    before = server.grant()
    abroad = Raw(server, source="127.0.0.66")
    assert abroad.request("GET", "/told/payroll.csv").status == 200, "before the span"
    time.sleep(0.05)
    start = server.cli("ledger", "tail", "-n", "1")[0]["time"]
    time.sleep(0.05)
    assert abroad.request("GET", "/told/payroll.csv").status == 200
    for _ in range(3):
        assert abroad.request("GET", "/told/plans.pdf").status == 403
    for number in range(40):
        s3.put_object(Bucket="told", Key=f"more-{number}", Body=b"z")
    s3.get_object(Bucket="told", Key="plans.pdf")["Body"].read()
    end = time.monotonic() + 30
    while not any(leaf["body"]["kind"] == "reads" for leaf in server.cli("ledger", "tail", "-n", "100")):
        assert time.monotonic() < end
    bundle, trusted = folder / "bundle.jsonl", folder / "policy"
    trusted.write_text(policy(witnesses, 2, server.vkey))
    after = server.cli("ledger", "tail", "-n", "1")[0]["time"].replace("Z", "1Z")
    assert server.run("report", "bundle", "--from", start[:-1] + "1Z", "--to", after, "-o", bundle).returncode == 0
    yield server, witnesses, bundle, trusted, before
    server.kill9()
    for witness in witnesses:
        witness.remove()


def checker(file, key, trusted=None):
    assert CHECKER.is_file(), "build it: cargo build -p onshore-verify"
    command = [CHECKER, file, "--key", key, *(["--policy", trusted] if trusted else [])]
    return subprocess.run(command, env=clean_env(), capture_output=True, text=True, timeout=120)


def browser(files, key, trusted):
    node = shutil.which("node")
    if not node or not PAGE.is_file():
        pytest.skip(f"the page needs Node.js here, and to be made: cargo xtask page ({PAGE})")
    asked = json.dumps({"keys": key, "policy": trusted})
    done = subprocess.run([node, "-e", BROWSER, "--", str(PAGE), *map(str, files)], input=asked, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return list(map(json.loads, done.stdout.splitlines()))


def test_a_bundle_tells_who_exported_what_to_where_on_which_approval(told):
    server, witnesses, bundle, trusted, approval = told
    said = json.loads(server.run("verify", bundle, "--key", server.vkey, "--policy", trusted, "--json").stdout)
    assert said["valid"] and {by["witness"] for by in said["witnesses"]} == {"w0", "w1"}
    inside = [entry for entry in said["entries"] if entry["in_span"]]
    opened = [entry for entry in inside if entry["leaf"]["kind"] == "export.opened"]
    assert [(entry["leaf"]["approval"], entry["leaf"]["to"], entry["record"]["key"]) for entry in opened] == [(approval, "US", "payroll.csv")]
    closed = [entry for entry in said["entries"] if entry["leaf"].get("opened") == opened[0]["index"]]
    assert closed[0]["leaf"]["sent_bytes"] == 1000
    refused = [entry for entry in inside if entry["leaf"]["kind"] == "refused"]
    assert {(entry["record"]["key"], entry["leaf"]["to"]) for entry in refused} == {("plans.pdf", "US")}
    assert said["counts"]["stored"] == 40 and said["counts"]["export.opened"] == 1
    # What the span speaks of and what came before it: rules by their hash, the approval.
    outside = [entry["leaf"] for entry in said["entries"] if not entry["in_span"]]
    assert any(re.fullmatch("[0-9a-f]{64}", leaf["document"]["pack_sha256"]) for leaf in outside if leaf["kind"] == "epoch")
    assert any(leaf["approval"] == approval for leaf in outside if leaf["kind"] == "approval.granted")
    text = server.run("verify", bundle, "--key", server.vkey, "--policy", trusted).stdout
    for words in ("nothing left out", "payroll.csv", approval, "plans.pdf", "no rule pack", "w0, w1"):
        assert words in text, text
    # That it was handed out is recorded.
    assert server.cli("ledger", "tail", "-n", "3")[0]["body"]["kind"] == "report.bundled" or "report.bundled" in json.dumps(server.cli("ledger", "tail", "-n", "9"))


def test_the_checker_that_shares_nothing_says_the_same(told):
    server, witnesses, bundle, trusted, approval = told
    done = checker(bundle, server.vkey, trusted)
    assert done.returncode == 0, done.stderr
    for words in ("IT HOLDS", "nothing left out", "payroll.csv", approval, "plans.pdf", "cosigned by enough witnesses"):
        assert words in done.stdout, done.stdout
    assert checker(bundle, server.vkey).returncode == 0
    assert checker(bundle, tlog.Signer("other").vkey).returncode == 1
    lone = trusted.parent / "lone"
    lone.write_text(policy([*witnesses, Named(tlog.Signer("third", kind=4).vkey)], 3, server.vkey))
    assert checker(bundle, server.vkey, lone).returncode == 1
    assert server.run("verify", bundle, "--key", server.vkey, "--policy", lone).returncode == 1


class Named:
    def __init__(self, vkey):
        self.vkey = vkey


def spoiled(good, folder, count):
    """Copies with one byte changed, and some with lines missing."""
    files = []
    for number, place in enumerate(range(0, len(good), max(1, len(good) // count))):
        path = folder / f"spoiled-{number}"
        path.write_bytes(good[:place] + bytes([good[place] ^ (1 << number % 8)]) + good[place + 1 :])
        files.append(path)
    return files


def test_any_flipped_byte_is_found_by_all_of_them(told, tmp_path):
    server, _, bundle, trusted, _ = told
    good = bundle.read_bytes()
    files = spoiled(good, tmp_path, 150)
    lines = good.splitlines(keepends=True)
    for name, cut in (("cut", good[: len(good) // 2]), ("line", b"".join(lines[:3] + lines[4:])), ("unsigned", b"".join(lines[:-1])), ("twice", good * 2), ("more", good + b"\n")):
        (tmp_path / name).write_bytes(cut)
        files.append(tmp_path / name)
    for file in files:
        assert checker(file, server.vkey, trusted).returncode == 1, file
    for file in files[::6] + files[-5:]:
        done = server.run("verify", file, "--key", server.vkey, "--policy", trusted)
        assert done.returncode == 1, (file, done.stdout)


def test_the_page_opens_a_bundle_without_a_network(told, tmp_path):
    server, _, bundle, trusted, approval = told
    good = bundle.read_bytes()
    files = [bundle, *spoiled(good, tmp_path, 60)]
    answers = browser(files, server.vkey, trusted.read_text())
    assert answers[0]["verdict"] == "It holds.", answers[0]
    assert "payroll.csv" in answers[0]["said"] and approval in answers[0]["said"]
    assert len(answers) == len(files)
    assert {answer["verdict"] for answer in answers[1:]} == {"IT DOES NOT HOLD."}
    page = PAGE.read_text()
    assert "http:" not in page.lower() and "https:" not in page.lower() and "src=" not in page, "one file, and nothing else"
    assert browser([bundle], "", trusted.read_text())[0]["verdict"] == "It holds.", "the policy names the log"
    assert browser([bundle], "", "")[0]["verdict"] == "IT DOES NOT HOLD."


def test_records_may_stay_out(told, tmp_path):
    server, _, _, trusted, _ = told
    path = tmp_path / "bare"
    assert server.run("report", "bundle", "--from", "2020-01-01", "--to", "2099-01-01", "--without-records", "-o", path).returncode == 0
    text = path.read_text()
    assert "payroll.csv" not in text and "plans.pdf" not in text
    said = json.loads(server.run("verify", path, "--key", server.vkey, "--policy", trusted, "--json").stdout)
    assert said["open"], "the ledger goes on before the span ends"
    assert said["counts"]["export.opened"] == 2
    assert checker(path, server.vkey, trusted).returncode == 0
    assert server.run("report", "bundle", "--from", "2020-01-02", "--to", "2020-01-01").returncode == 1


def test_one_read_can_be_proven(told, tmp_path):
    server, _, _, trusted, _ = told
    batches = [leaf["index"] for leaf in server.cli("ledger", "tail", "-n", "1000") if leaf["body"]["kind"] == "reads"]
    reads = [(leaf, read) for leaf in batches for read in server.cli("ledger", "reads", leaf)]
    leaf, read = next((leaf, read) for leaf, read in reads if read["record"].get("key") == "plans.pdf")
    path = tmp_path / "read.json"
    assert server.run("ledger", "prove-read", leaf, read["position"], "-o", path).returncode == 0
    said = json.loads(server.run("verify", path, "--key", server.vkey, "--policy", trusted, "--json").stdout)
    assert said["read"] == read["record"] and said["index"] == leaf
    good = path.read_bytes()
    assert checker(path, server.vkey, trusted).returncode == 0
    document = json.loads(good)
    for file in spoiled(good, tmp_path, 100):
        if same_meaning(file.read_bytes(), document):
            continue
        assert checker(file, server.vkey, trusted).returncode == 1, file
    assert server.run("ledger", "prove-read", leaf, 10**6).returncode == 1
    assert server.run("ledger", "prove-read", 0, 0).returncode == 1, "no batch of reads"


def test_the_checker_reads_proofs_as_well(told, tmp_path):
    server, _, _, trusted, _ = told
    opened = next(leaf["index"] for leaf in server.cli("ledger", "tail", "-n", "1000") if leaf["body"]["kind"] == "export.opened")
    for command, name in (("prove", "proof.json"), ("proof", "leaf.tlog-proof")):
        path = tmp_path / name
        assert server.run("ledger", command, opened, "--out", path).returncode == 0
        assert checker(path, server.vkey, trusted).returncode == 0
        good = path.read_bytes()
        for file in spoiled(good, tmp_path, 100):
            if name.endswith(".json") and same_meaning(file.read_bytes(), json.loads(good)):
                continue
            assert checker(file, server.vkey, trusted).returncode == 1, (name, file)


def same_meaning(spoiled, document):
    try:
        return json.loads(spoiled) == document
    except ValueError:
        return False


def test_the_checker_reads_certificates(make_server, tmp_path):
    source = tmp_path / "old"
    source.mkdir()
    for number in range(20):
        (source / f"file-{number}").write_text(f"contents {number}")
    server = make_server("certified", config=f'{witnessed_config([]).split("[ledger]")[0]}\n[migrate]\nroots = ["{tmp_path}"]\n')
    certificate = tmp_path / "certificate.json"
    done = server.run("migrate", source, "arrived", "--class", "general", "--certificate", certificate)
    assert done.returncode == 0, done.stderr
    done = checker(certificate, server.vkey)
    assert done.returncode == 0, done.stderr
    assert "complete as listed by Onshore" in done.stdout
    good = certificate.read_bytes()
    for file in spoiled(good, tmp_path, 300):
        if not same_meaning(file.read_bytes(), json.loads(good)):
            assert checker(file, server.vkey).returncode == 1, file


def test_records_of_reads_go_when_their_time_is_over_and_not_before(make_server, tmp_path):
    server = make_server("kept", config="[ledger]\nreads_kept_days = 180\n")
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="a", Body=b"x")
    s3.get_object(Bucket="kept", Key="a")["Body"].read()
    batch = lambda: [leaf for leaf in server.cli("ledger", "tail", "-n", "100") if leaf["body"]["kind"] == "reads"]
    end = time.monotonic() + 30
    while not batch():
        assert time.monotonic() < end
    leaf = batch()[0]["index"]
    server.restart()
    assert len(server.cli("ledger", "reads", leaf)) == batch()[0]["body"]["count"]
    # For trials alone it is less; where a region is named that is refused.
    server.kill9()
    server.output, server.config = [], "[ledger]\nreads_kept_days = 0\n"
    server.start()
    assert "FOR TRIALS ALONE" in server.log.upper()
    while server.cli("ledger", "reads", leaf):
        assert time.monotonic() < end
    removed = [leaf["body"] for leaf in server.cli("ledger", "tail", "-n", "100") if leaf["body"]["kind"] == "reads.removed"]
    assert sum(leaf["reads"] for leaf in removed) >= 1
    assert server.run("ledger", "prove-read", leaf, 0).returncode == 1
    path = tmp_path / "config.toml"
    for days, status in ((179, 2), (180, 0)):
        path.write_text(f'[region]\nid = "cn-north-1"\njurisdiction = "CN"\n[ledger]\nreads_kept_days = {days}\n')
        assert server.run("config", "check", path).returncode == status
