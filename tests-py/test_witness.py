"""Witnesses: what they cosign, what they refuse, and what becomes of an operator who rewrites his ledger."""

import base64
import concurrent.futures
import os
import re
import shutil
import time
import urllib.request

import pytest

import tlog
from onshore_server import CONFIG, Ended, Server
from witnesses import NOBODY, Witness, policy, witnessed_config


@pytest.fixture
def make_witness():
    made = []

    def make(name, logs):
        made.append(Witness(name, logs))
        return made[-1].start()

    yield make
    for witness in made:
        witness.remove()


def request(old, proof, note):
    return "".join([f"old {old}\n", *(base64.b64encode(node).decode() + "\n" for node in proof), "\n", note]).encode()


def grown(count, odd=None):
    return [tlog.leaf_hash(b"other" if number == odd else str(number).encode()) for number in range(count)]


def until(what, wanted, patience=40):
    end = time.monotonic() + patience
    while not wanted(seen := what()):
        assert time.monotonic() < end, seen
        time.sleep(0.05)
    return seen


def test_every_answer_of_the_specification(make_witness):
    signer = tlog.Signer("example.com/log")
    witness = make_witness("witness.example/w1", [signer.vkey])
    ask = lambda old, leaves, **more: witness.ask(request(old, tlog.consistency(leaves, old), signer.checkpoint(leaves, **more)))
    size = lambda number: (409, "text/x.tlog.size", f"{number}\n".encode())

    status, kind, line = ask(0, grown(5))
    assert status == 200
    assert tlog.cosigned_at(signer.checkpoint(grown(5)) + line.decode(), witness.vkey) == pytest.approx(time.time(), abs=60)
    assert ask(5, grown(5))[0] == 200, "the same again"
    assert ask(5, grown(12))[0] == 200
    # Rollback, truncation, and forks: of the same size and longer.
    assert ask(5, grown(8)) == size(12)
    assert ask(0, grown(20)) == size(12)
    assert ask(12, grown(12, odd=3)) == size(12)
    assert ask(12, grown(20, odd=3))[0] == 422
    assert ask(12, grown(20))[0] == 200
    assert witness.ask(request(20, [b"x" * 32], signer.checkpoint(grown(21))))[0] == 422
    assert witness.ask(request(20, [], signer.checkpoint(grown(21))))[0] == 422
    assert witness.ask(request(21, [], signer.checkpoint(grown(20))))[0] == 400, "the old size is the larger one"
    # Whose it is.
    stranger = tlog.Signer("example.com/other")
    assert witness.ask(request(0, [], stranger.checkpoint(grown(5))))[0] == 404
    forger = tlog.Signer("example.com/log", seed=b"\x08" * 32)
    assert witness.ask(request(20, [], forger.checkpoint(grown(20))))[0] == 403
    assert ask(20, grown(20), origin="example.com/elsewhere")[0] == 404
    # What is no request.
    good = request(20, tlog.consistency(grown(30), 20), signer.checkpoint(grown(30)))
    for bad in (b"", b"old\n\n", good.replace(b"old 20", b"old 020"), good.replace(b"old 20", b"old -1"), good[:-1], good.replace(b"\n\n", b"\n"),
                good.replace(b"old 20\n", b"old 20\n" + base64.b64encode(b"x" * 32) + b"\n" * 64), b"\xff" * 100, good.replace(b"old 20\n", b"old 20\nAAAA\n")):
        assert witness.ask(bad)[0] == 400, bad
    assert witness.ask(b"x" * (1 << 20))[0] == 413
    assert witness.ask(b"", method="GET")[0] == 405
    assert witness.ask(good, path="/elsewhere")[0] == 404
    assert witness.ask(good)[0] == 200, "nothing of that harmed it"


def test_what_was_cosigned_survives_a_kill(make_witness):
    signer = tlog.Signer("example.com/log")
    witness = make_witness("witness.example/w1", [signer.vkey])
    for size in range(1, 30):
        leaves = grown(size)
        assert witness.ask(request(size - 1, tlog.consistency(leaves, size - 1), signer.checkpoint(leaves)))[0] == 200
        if size % 7 == 0:
            witness.kill9()
            witness.start()
            assert witness.ask(request(0, [], signer.checkpoint(leaves)))[2] == f"{size}\n".encode()
    assert [(log["origin"], log["size"]) for log in witness.status()] == [("example.com/log", 29)]


def test_racing_requests_follow_one_another(make_witness):
    signer = tlog.Signer("example.com/log")
    witness = make_witness("witness.example/w1", [signer.vkey])
    leaves, size = grown(1), 1
    assert witness.ask(request(0, [], signer.checkpoint(leaves)))[0] == 200
    while size < 12:
        # A fork each: of all that extend the same size at most one may ever be cosigned.
        forks = [leaves + grown(number % 3) + [tlog.leaf_hash(bytes([number]))] for number in range(12)]
        bodies = [request(size, tlog.consistency(fork, size), signer.checkpoint(fork)) for fork in forks]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(witness.ask, bodies))
        won = [fork for fork, answer in zip(forks, answers) if answer[0] == 200]
        assert len(won) == 1, answers
        assert {answer[0] for answer in answers} == {200, 409}
        assert witness.status()[0]["size"] == len(won[0])
        assert tlog.parse_checkpoint(witness.status()[0]["checkpoint"], signer.vkey)[1] == tlog.root(won[0])
        leaves = won[0]
        size = len(leaves)


def test_a_witness_is_made_once_and_watches_no_log_of_its_own(make_witness, tmp_path):
    witness = make_witness("witness.example/w1", [tlog.Signer("example.com/log").vkey])
    assert witness.run("init", "--name", "again", ok=False).returncode == 1
    assert witness.run("key").stdout.strip() == witness.vkey
    assert witness.run("watch", "not-a-key", ok=False).returncode == 2
    assert os.stat(witness.data / "witness.key").st_mode & 0o077 == 0
    if os.geteuid() == 0:
        assert {os.stat(path).st_uid for path in (witness.data, witness.data / "witness.key", witness.data / "witness.db")} == {NOBODY}


@pytest.fixture
def watched(make_witness, tmp_path_factory):
    """A server, and two witnesses that watch it."""
    server = Server(tmp_path_factory.mktemp("watched") / "data").start()
    witnesses = [make_witness(f"witness.example/w{number}", [server.vkey]) for number in range(2)]
    server.terminate()
    server.config = witnessed_config(witnesses)
    server.output = []
    yield server.start(), witnesses
    server.kill9()


def fill(server, count=3):
    s3 = server.client()
    if "watched" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket="watched")
    for number in range(count):
        done = s3.put_object(Bucket="watched", Key=f"{time.time_ns()}-{number}", Body=b"x")
    return int(done["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"])


def witnessed_size(server):
    return server.cli("ledger", "status")["witnessed_size"] or 0


def test_the_log_shows_which_size_is_witnessed_and_hands_out_the_cosigned_checkpoint(watched, tmp_path):
    server, witnesses = watched
    leaf = fill(server)
    until(lambda: witnessed_size(server), lambda size: size > leaf)
    note = (server.data / "ledger/checkpoint.witnessed").read_text()
    size, root = tlog.parse_checkpoint(note, server.vkey)
    assert all(tlog.cosigned_at(note, witness.vkey) for witness in witnesses)
    log = tlog.Log(tlog.from_folder(server.data / "ledger"), server.vkey)
    assert log.extends(size, root)
    # Nothing is written meanwhile: the newest checkpoint is the one that was cosigned.
    until(lambda: (server.data / "ledger/checkpoint").read_text(), lambda shown: all(tlog.cosigned_at(shown, witness.vkey) for witness in witnesses))
    status = server.cli("ledger", "status")
    assert [witness["cosigned_size"] for witness in status["witnesses"]] == [status["witnessed_size"]] * 2
    asked = urllib.request.Request(f"{server.control}/metrics", headers={"authorization": f"Bearer {server.token}"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert f"onshore_ledger_witnessed_size {size}" in answer.read().decode()
    # A proof demands its quorum, and no other one.
    path = tmp_path / "policy"
    proof, plain = tmp_path / "leaf.tlog-proof", tmp_path / "leaf.json"
    assert server.run("ledger", "proof", leaf, "-o", proof).returncode == 0
    assert server.run("ledger", "prove", leaf, "--out", plain).returncode == 0
    elsewhere = Witness("witness.example/w1", [server.vkey])
    try:
        for file in (proof, plain, server.data / "ledger"):
            for others, quorum, status in ((witnesses, 2, 0), (witnesses, 1, 0), ([*witnesses, elsewhere], 2, 0), ([*witnesses, elsewhere], 3, 1), ([elsewhere], 1, 1)):
                path.write_text(policy(others, quorum, server.vkey))
                done = server.run("verify", file, "--key", server.vkey, "--policy", path)
                assert done.returncode == status, (file, quorum, done.stdout, done.stderr)
                assert server.run("verify", file, "--policy", path).returncode == status, "the policy names the log"
    finally:
        elsewhere.remove()
    assert proof.read_text().startswith("c2sp.org/tlog-proof@v1\nextra ")
    # After a restart all of that is still there.
    server.terminate()
    server.output = []
    server.start()
    assert witnessed_size(server) >= size


def test_a_witness_that_is_down_delays_nothing(watched):
    server, witnesses = watched
    until(lambda: witnessed_size(server), lambda size: size > 0)
    witnesses[1].kill9()
    leaf = fill(server, 20)
    until(lambda: server.cli("ledger", "status")["witnesses"][0]["cosigned_size"], lambda size: size and size > leaf)
    assert witnessed_size(server) <= leaf, "one of two is not enough"
    witnesses[1].start()
    until(lambda: witnessed_size(server), lambda size: size > leaf)


@pytest.mark.parametrize("longer", [0, 40], ids=["truncated", "forked"])
def test_an_operator_who_puts_an_old_copy_back_is_found(watched, tmp_path, longer):
    server, witnesses = watched
    fill(server, 5)
    server.terminate()
    copy = tmp_path / "copy"
    shutil.copytree(server.data, copy)
    server.output = []
    server.start()
    leaf = fill(server, 20)
    until(lambda: witnessed_size(server), lambda size: size > leaf)
    server.terminate()
    seen = witnesses[0].status()[0]
    older = tmp_path / "older"
    older.write_text(seen["checkpoint"])
    assert server.run("verify", server.data / "ledger", "--key", server.vkey, "--older", older).returncode == 0
    # The whole folder, ledger and all: nothing in it tells of what came later.
    shutil.rmtree(server.data)
    shutil.copytree(copy, server.data)
    server.output = []
    server.start()
    if longer:
        until(lambda: fill(server, longer), lambda leaf: leaf > seen["size"])
        word = "THE WITNESS (DOES NOT SEE|COSIGNED ANOTHER ROOT|COSIGNED MORE)"
    else:
        word = "THE WITNESS COSIGNED MORE THAN THERE IS"
    until(lambda: server.log, lambda log: re.search(word, log))
    if longer:
        until(lambda: server.log, lambda log: "DOES NOT SEE" in log or "ANOTHER ROOT" in log)
    assert witnessed_size(server) <= 5 + seen["size"] - 20
    assert [log["size"] for log in witnesses[0].status()] == [seen["size"]], "it cosigned nothing of that"
    done = server.run("verify", server.data / "ledger", "--key", server.vkey, "--older", older)
    assert done.returncode == 1, done.stdout
    # By itself the folder is as good as ever: only what somebody else kept tells.
    assert server.run("verify", server.data / "ledger", "--key", server.vkey).returncode == 0
    path = tmp_path / "policy"
    path.write_text(policy(witnesses, 2, server.vkey))
    proof = tmp_path / "leaf.json"
    if longer:
        assert server.run("ledger", "prove", leaf + 10, "--out", proof).returncode == 0
        assert server.run("verify", proof, "--key", server.vkey).returncode == 0
        assert server.run("verify", proof, "--key", server.vkey, "--policy", path).returncode == 1


def test_the_operator_does_not_witness_himself(watched, make_witness, tmp_path):
    server, witnesses = watched
    server.terminate()
    name, _, key = server.vkey.split("+", 2)
    raw = b"\x04" + base64.b64decode(key)[1:]
    own = f"independent.example+{tlog.sha256(b'independent.example' + bytes([10]) + raw)[:4].hex()}+{base64.b64encode(raw).decode()}"
    good = server.config
    server.config = good.replace(witnesses[0].vkey, own)
    server.output = []
    with pytest.raises(Ended, match="does not witness itself"):
        server.start()
    path = tmp_path / "policy"
    path.write_text(f"log {server.vkey}\nwitness own {own}\nquorum own\n")
    assert server.run("verify", server.data / "ledger", "--key", server.vkey, "--policy", path).returncode == 2
    path.write_text(policy(witnesses, 2, server.vkey))
    server.config = f'{CONFIG}\n[ledger]\npolicy_file = "{path}"\n'
    server.output = []
    server.start()
    assert {witness["name"] for witness in server.cli("ledger", "status")["witnesses"]} == {"w0", "w1"}
