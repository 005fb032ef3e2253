"""Verifiers that are not ours accept what the server hands out, and nothing else: Go's sumdb note and tlog from Debian.
(The crates tlog_tiles and signed_note do the same in crates/onshore-ledger/tests/others.rs.)"""

import base64
import http.server
import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

import tlog
from onshore_server import CONFIG, Server
from witnesses import Witness, witnessed_config

GOPATH = Path("/usr/share/gocode")


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """Judges cases, each true where Go's verifier accepts it."""
    if not shutil.which("go") or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("Go and its module golang.org/x/mod are not on this machine (Debian: golang-go, golang-golang-x-mod-dev)")
    folder = tmp_path_factory.mktemp("go")
    program = folder / "verify"
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": str(GOPATH), "GOCACHE": str(folder / "cache"), "GOFLAGS": ""}
    source = Path(__file__).parent / "go/verify.go"
    done = subprocess.run(["go", "build", "-o", str(program), str(source)], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr

    def judge(*cases):
        lines = "".join(json.dumps(case) + "\n" for case in cases)
        done = subprocess.run([program], input=lines, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return [line == "true" for line in done.stdout.split()]

    return judge


def b64(data):
    return base64.b64encode(data).decode()


class Recorder(http.server.BaseHTTPRequestHandler):
    """Keeps what the server asks of a witness, and answers as one that has cosigned so many leaves."""

    requests, size = [], 0

    def do_POST(self):
        Recorder.requests.append(self.rfile.read(int(self.headers["content-length"])).decode())
        body = f"{Recorder.size}\n".encode()
        self.send_response(409)
        self.send_header("content-type", "text/x.tlog.size")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server of more than one tile, two witnesses, and a recorder of its consistency proofs."""
    recorder = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=recorder.serve_forever, daemon=True).start()
    server = Server(tmp_path_factory.mktemp("others") / "data").start()
    witnesses = [Witness("witness.example/w1", [server.vkey]).start()]
    server.terminate()
    away = Witness("witness.example/away", [server.vkey])
    away.url = f"http://127.0.0.1:{recorder.server_address[1]}"
    server.config = witnessed_config([*witnesses, away], quorum=1)
    server.output = []
    server.start()
    s3 = server.client()
    s3.create_bucket(Bucket="others")
    for number in range(300):
        done = s3.put_object(Bucket="others", Key=str(number), Body=b"x")
    leaf = int(done["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"])
    end = time.monotonic() + 30
    while (server.cli("ledger", "status")["witnessed_size"] or 0) <= leaf:
        assert time.monotonic() < end
        time.sleep(0.1)
    yield server, witnesses[0]
    server.kill9()
    recorder.shutdown()
    for witness in (*witnesses, away):
        witness.remove()


def said(note):
    """What a note says, however its base64 is written; None where it is no note."""
    text, separator, signatures = note.partition("\n\n")
    try:
        lines = [line.rsplit(" ", 1) for line in signatures.split("\n")[:-1]]
        return text, separator, [(name, base64.b64decode(signature, validate=True)) for name, signature in lines]
    except ValueError:
        return None


def altered(path):
    """Every way in which a proof is not the one that it was."""
    for at, node in enumerate(path):
        yield [*path[:at], bytes([node[0] ^ 1]) + node[1:], *path[at + 1 :]]
        yield [*path[:at], node[:-1] + bytes([node[-1] ^ 0x80]), *path[at + 1 :]]
        yield [*path[:at], *path[at + 1 :]]
        if len(path) > 1 and path[at] != path[at - 1]:
            swapped = list(path)
            swapped[at], swapped[at - 1] = swapped[at - 1], swapped[at]
            yield swapped
    yield [*path, b"x" * 32]


def test_go_accepts_our_checkpoints_and_no_other_ones(go, served):
    server, witness = served
    note = (server.data / "ledger/checkpoint.witnessed").read_text()
    keys = [server.vkey, witness.vkey]
    case = lambda note: {"Kind": "checkpoint", "Note": note, "Keys": keys}
    assert go(case(note)) == [True]
    spoiled = [note[:at] + chr(ord(note[at]) ^ bit) + note[at + 1 :] for at in range(len(note)) for bit in (1, 0x20)]
    # Go reads base64 whose last digit has unused bits set: such a note says the same in other letters, and no other one passes.
    assert go(*map(case, spoiled)) == [said(other) == said(note) for other in spoiled]


def test_go_accepts_our_inclusion_proofs_and_no_other_ones(go, served, tmp_path):
    server, _ = served
    cases, wrong = [], []
    for index in (0, 1, 100, 255, 256, 300):
        path = tmp_path / "proof"
        assert server.run("ledger", "proof", index, "-o", path).returncode == 0
        head, note = path.read_text().split("\n\n", 1)
        _, extra, place, *nodes = head.split("\n")
        size, root = tlog.parse_checkpoint(note, server.vkey)
        leaf, nodes = base64.b64decode(extra.removeprefix("extra ")), [base64.b64decode(node) for node in nodes]
        assert place == f"index {index}"
        case = lambda **other: {"Kind": "inclusion", "Leaf": b64(leaf), "Index": index, "Size": size, "Root": b64(root), "Path": list(map(b64, nodes)), **other}
        cases.append(case())
        wrong += [case(Path=list(map(b64, other))) for other in altered(nodes)]
        wrong += [case(Leaf=b64(leaf + b" ")), case(Root=b64(b"x" * 32)), case(Index=index + 1), case(Size=index + 1)]
    assert all(go(*cases))
    assert not any(go(*wrong))


def test_go_accepts_our_consistency_proofs_and_no_other_ones(go, served):
    server, _ = served
    log = tlog.read_growing(server)
    cases, wrong = [], []
    for size in (1, 2, 5, 128, 255, 256, 257, 299):
        Recorder.size, seen = size, len(Recorder.requests)
        server.client().put_object(Bucket="others", Key=f"more-{size}", Body=b"x")
        end = time.monotonic() + 30
        while not (asked := [body for body in Recorder.requests[seen:] if body.startswith(f"old {size}\n")]):
            assert time.monotonic() < end
            time.sleep(0.05)
        head, note = asked[0].split("\n\n", 1)
        path = [base64.b64decode(line) for line in head.split("\n")[1:]]
        new, root = tlog.parse_checkpoint(note, server.vkey)
        case = lambda **other: {"Kind": "consistency", "Size": new, "Root": b64(root), "OldSize": size, "OldRoot": b64(tlog.root(log.hashes[:size])), "Path": list(map(b64, path)), **other}
        cases.append(case())
        wrong += [case(Path=list(map(b64, other))) for other in altered(path)]
        wrong += [case(Root=b64(b"x" * 32)), case(OldRoot=b64(b"x" * 32)), case(OldSize=size + 1)]
    assert all(go(*cases))
    assert not any(go(*wrong))


def test_go_reads_the_published_folder_and_finds_what_was_changed(go, served, tmp_path):
    server, witness = served
    folder = tmp_path / "ledger"
    shutil.copytree(server.data / "ledger", folder)
    note = (folder / "checkpoint.witnessed").read_text()
    case = {"Kind": "folder", "Folder": str(folder), "Note": note, "Keys": [server.vkey, witness.vkey]}
    assert go(case) == [True]
    size, _ = tlog.parse_checkpoint(note, server.vkey)
    for path in ("tile/entries/000", "tile/0/000", f"tile/entries/001.p/{size - 256}", f"tile/0/001.p/{size - 256}"):
        good = (folder / path).read_bytes()
        for at in (2, len(good) // 2, len(good) - 1):
            (folder / path).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            assert go(case) == [False], (path, at)
        (folder / path).write_bytes(good)
    assert go(case) == [True]
