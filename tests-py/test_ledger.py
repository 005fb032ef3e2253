"""The ledger as a stranger sees it: tiles, checkpoints and proofs checked by a verifier that is not ours."""

import base64
import hashlib
import hmac
import json
import time

import pytest

import tlog
from raw_s3 import Raw


@pytest.fixture(scope="module")
def grown(server):
    """A ledger of more than one full tile."""
    s3 = server.client()
    s3.create_bucket(Bucket="grown")
    receipts = {}
    for number in range(300):
        done = s3.put_object(Bucket="grown", Key=f"name-of-a-person-{number}", Body=str(number).encode(), Metadata={"onshore-class": "personal"})
        receipts[number] = int(done["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"])
    return receipts


def settled(server, size):
    """The log, once its published checkpoint has reached that size."""
    until = time.monotonic() + 30
    while True:
        log = tlog.Log(tlog.over_http(server), server.vkey)
        if log.size >= size:
            return log
        assert time.monotonic() < until, f"the checkpoint stays at {log.size}, {size} are promised"


def test_tiles_and_checkpoint_hold_for_a_stranger(server, grown):
    log = settled(server, max(grown.values()) + 1)
    assert log.size > 256
    assert len(set(grown.values())) == len(grown), "each receipt is a leaf of its own"
    folder = tlog.Log(tlog.from_folder(server.data / "ledger"), server.vkey)
    assert folder.leaves[: log.size] == log.leaves


def test_paths_that_are_not_of_this_log(server, grown):
    fetch = tlog.over_http(server)
    for path in ("tile/0/999", "tile/0/000.p/0", "tile/0/000.p/257", "tile/00/000", "tile/entries/0", "tile/9/000", "tile/0/../../onshore.db", "../root.key", "tile/0/%2e%2e", ""):
        assert tlog.absent(fetch, path), path


def test_leaves_are_canonical_and_tell_no_names(server, grown):
    log = settled(server, max(grown.values()) + 1)
    for raw, leaf in zip(log.leaves, log.json()):
        assert len(raw) <= 60 * 1024
        assert raw.decode() == json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    whole = b"".join(log.leaves)
    assert b"name-of-a-person" not in whole and b"grown" not in whole
    for number in range(300):
        body = str(number).encode()
        for digest in (hashlib.md5(body).hexdigest(), hashlib.sha256(body).hexdigest(), base64.b64encode(hashlib.sha256(body).digest()).decode()):
            assert digest.encode() not in whole
    assert b"127.0.0." not in b"".join(raw for raw, leaf in zip(log.leaves, log.json()) if "epoch" not in tlog.words(leaf) and b"networks" not in raw)


def test_every_stored_leaf_names_its_epoch(server, grown):
    log = settled(server, max(grown.values()) + 1)
    for index in grown.values():
        assert "epoch" in log.json()[index], log.json()[index]


def test_times_never_run_backwards(server, grown):
    log = settled(server, max(grown.values()) + 1)
    times = [leaf["time"] for leaf in log.json() if "time" in leaf]
    assert times and times == sorted(times)


@pytest.mark.parametrize("number", [0, 100, 255, 256, 299])
def test_a_receipt_is_proven_to_a_stranger(server, grown, tmp_path, number):
    settled(server, grown[number] + 1)
    path = tmp_path / "bundle.json"
    assert server.run("ledger", "prove", grown[number], "--out", path).returncode == 0
    bundle = json.loads(path.read_text())
    size, root = tlog.parse_checkpoint(bundle["checkpoint"], server.vkey)
    leaf = base64.b64decode(bundle["leaf"])
    tlog.verify_inclusion(tlog.leaf_hash(leaf), bundle["index"], size, [bytes.fromhex(node) for node in bundle["path"]], root)
    if "disclosure" in bundle:
        record = json.dumps(bundle["disclosure"]["record"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        shown = hmac.new(bytes.fromhex(bundle["disclosure"]["salt"]), record.encode(), hashlib.sha256).hexdigest()
        assert shown == json.loads(leaf)["record"]
    assert server.run("verify", path, "--key", server.vkey).returncode == 0


def test_every_flipped_byte_of_a_bundle_is_caught(server, grown, tmp_path):
    path = tmp_path / "bundle.json"
    assert server.run("ledger", "prove", grown[7], "--out", path).returncode == 0
    good = path.read_bytes()
    document = json.loads(good)
    for place in range(0, len(good), max(1, len(good) // 60)):
        spoiled = bytearray(good)
        spoiled[place] ^= 1
        path.write_bytes(bytes(spoiled))
        done = server.run("verify", path, "--key", server.vkey)
        assert done.returncode == 1 or same_meaning(bytes(spoiled), document), (place, bytes(spoiled[place - 20 : place + 20]), done.stdout)
    path.write_bytes(good)
    other = server.vkey.replace("+", "x+", 1)
    assert server.run("verify", path, "--key", other).returncode in (1, 2)
    assert server.run("verify", path).returncode == 2


def same_meaning(spoiled, document):
    """A flipped blank between two members changes nothing that is said."""
    try:
        return json.loads(spoiled) == document
    except ValueError:
        return False


def test_proofs_of_what_is_not_there(server, grown):
    assert server.run("ledger", "prove", 10**9).returncode == 1
    assert server.run("ledger", "prove", "-1").returncode == 2
    assert server.run("ledger", "prove", "x").returncode == 2


def test_the_log_grows_and_never_changes(make_server):
    server = make_server("growing")
    s3 = server.client()
    s3.create_bucket(Bucket="growing")
    seen = []
    for number in range(4):
        for count in range(20):
            done = s3.put_object(Bucket="growing", Key=f"{number}-{count}", Body=b"x")
        log = settled(server, int(done["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"]) + 1)
        seen.append((log.size, log.root))
        if number % 2:
            server.terminate()
        else:
            server.kill9()
        server.output = []
        server.start()
        s3 = server.client()
    log = tlog.Log(tlog.over_http(server), server.vkey)
    for size, root in seen:
        assert log.extends(size, root)


def test_derived_files_come_back(make_server):
    server = make_server("derived")
    s3 = server.client()
    s3.create_bucket(Bucket="derived")
    for number in range(270):
        done = s3.put_object(Bucket="derived", Key=str(number), Body=b"x")
    before = settled(server, int(done["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"]) + 1)
    server.kill9()
    for path in (server.data / "ledger").rglob("*"):
        if path.is_file() and "tile" in path.parts:
            path.unlink()
    server.output = []
    server.start()
    after = tlog.Log(tlog.over_http(server), server.vkey)
    assert after.extends(before.size, before.root)
    assert after.leaves[: before.size] == before.leaves


def test_equal_refusals_are_counted_and_unsigned_requests_make_no_leaf(server):
    s3 = server.client()
    s3.create_bucket(Bucket="refusals")
    put = s3.put_object(Bucket="refusals", Key="a", Body=b"x", Metadata={"onshore-class": "core"})
    size = lambda: tlog.Log(tlog.over_http(server), server.vkey).size
    raw, abroad = Raw(server), Raw(server, source="127.0.0.66")
    # What was recorded so far is published within a moment.
    while (before := size()) <= int(put["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"]):
        time.sleep(0.05)
    for _ in range(20):
        assert raw.send("GET", "/refusals/a", {"host": raw.host}).status == 403
        assert raw.request("GET", "/refusals/a", signature="0" * 64).status == 403
    assert size() == before
    leaves = {int(abroad.request("GET", "/refusals/a").headers["x-onshore-leaf"]) for _ in range(100)}
    assert len(leaves) <= 2, "one leaf for each minute"


def test_tail_shows_the_newest_leaves(server, grown):
    shown = server.run("ledger", "tail", "-n", "5", "--json")
    assert shown.returncode == 0
    leaves = [json.loads(line) for line in shown.stdout.splitlines()] if shown.stdout.startswith("{\"index") else json.loads(shown.stdout)
    leaves = leaves if isinstance(leaves, list) else leaves["leaves"]
    assert len(leaves) == 5
    indices = [leaf["index"] for leaf in leaves]
    assert indices == sorted(indices)


def test_the_key_shown_is_the_key_that_signs(server):
    assert server.vkey in server.run("ledger", "key").stdout
