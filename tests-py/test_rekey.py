"""Another root key: everything opens with it, nothing with the old one, and no body is written again."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

import tlog
from calls import get, put
from onshore_server import BINARY, CONFIG, Ended, Server, clean_env


def onshore(*args, **env):
    return subprocess.run([str(BINARY), *map(str, args)], env=clean_env(**env), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def digests(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture
def region(tmp_path):
    """A stopped server with an object, an upload under way and a key in a file of its own; and how to start it with another."""
    key = tmp_path / "first.key"
    server = Server(tmp_path / "data", config=f'{CONFIG}\n[keys]\nroot_key_file = "{key}"\n').start()
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    put(s3, "kept", "small", b"small")
    put(s3, "kept", "large", b"large" * 30_000)
    server.begun = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
    server.part = s3.upload_part(Bucket="kept", Key="parts", UploadId=server.begun, PartNumber=1, Body=b"part")["ETag"]
    server.cli("tenant", "create", "other")
    server.other = server.cli("key", "create", "--tenant", "other")
    server.terminate()
    yield server, key
    server.kill9()


def rekey(server, new, **env):
    return onshore("rekey", "--data", server.data, "--config", f"{server.data}.toml", "--new-root-key", new, **env)


def start_with(server, key):
    server.config = f'{CONFIG}\n[keys]\nroot_key_file = "{key}"\n'
    server.output = []
    return server.start()


def check(server):
    s3 = server.client()
    assert get(s3, "kept", "small") == b"small" and get(s3, "kept", "large") == b"large" * 30_000
    s3.complete_multipart_upload(
        Bucket="kept", Key="parts", UploadId=server.begun, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": server.part}]}
    )
    assert get(s3, "kept", "parts") == b"part"
    other = server.client(access_key=server.other["access_key"], secret_key=server.other["secret_key"])
    assert other.list_buckets()["Buckets"] == []
    put(s3, "kept", "new", b"new")


def test_everything_opens_under_the_new_key_and_nothing_under_the_old(region, tmp_path):
    server, old = region
    vkey, bodies = server.vkey, digests(server.data / "objects")
    shutil.copytree(server.data, tmp_path / "before")
    checkpoint = (server.data / "ledger/checkpoint").read_text()
    new = tmp_path / "second.key"
    done = rekey(server, new)
    assert done.returncode == 0 and "in [keys] root_key_file" in done.stdout, done.stderr
    assert digests(server.data / "objects") == bodies, "no body is written again"
    with pytest.raises(Ended) as ended:
        start_with(server, old)
    assert "root key" in str(ended.value)
    start_with(server, new)
    assert server.vkey == vkey, "the ledger is signed on by the same key"
    assert tlog.read_growing(server).extends(*tlog.parse_checkpoint(checkpoint, vkey))
    told = [leaf["body"] for leaf in server.cli("ledger", "tail", "--number", "50") if leaf["body"]["kind"] == "root-key.rotated"]
    assert len(told) == 1 and told[0]["from"].startswith("file-") and told[0]["to"] != told[0]["from"]
    check(server)
    server.terminate()
    done = onshore("fsck", "--data", server.data, "--config", f"{server.data}.toml")
    assert done.returncode == 0, done.stdout
    # Nothing of what the old key sealed is left lying about in the file.
    with sqlite3.connect(tmp_path / "before/onshore.db") as database:
        sealed = [row[0] for row in database.execute("SELECT wrapped FROM tenant_keys UNION SELECT sealed_secret FROM access_keys UNION SELECT sealed_seed FROM ledger_key")]
    left = b"".join(path.read_bytes() for path in server.data.glob("onshore.db*"))
    assert len(sealed) >= 4 and not any(piece in left for piece in sealed)


def test_a_rekey_that_is_killed_leaves_one_key_that_opens_all(region, tmp_path):
    server, old = region
    new = tmp_path / "second.key"
    killed = 0
    for number in range(1, 9):
        done = rekey(server, new, ONSHORE_CRASH_AT=f"committed:{number}")
        killed += done.returncode not in (0, 1, 2)
        for key in (old, new):
            if not key.exists():
                continue
            try:
                start_with(server, key)
            except Ended:
                continue
            assert get(server.client(), "kept", "small") == b"small"
            server.terminate()
            break
        else:
            raise AssertionError(f"neither key opens the folder after commit {number}")
        if server.config.count(str(new)):
            break
    assert killed >= 1 and server.config.count(str(new)), "the rotation was never reached"


def test_what_cannot_be_is_a_clear_error(region, tmp_path):
    server, old = region
    same = rekey(server, old)
    assert same.returncode == 2 and "is the root key already" in same.stderr
    exposed = tmp_path / "exposed.key"
    shutil.copy(old, exposed)
    exposed.chmod(0o644)
    assert rekey(server, exposed).returncode == 1
    assert onshore("rekey", "--data", tmp_path / "nowhere", "--new-root-key", tmp_path / "k").returncode == 2
    lost = tmp_path / "lost"
    os.rename(old, lost)
    missing = rekey(server, tmp_path / "k")
    assert missing.returncode == 2 and not (tmp_path / "k").exists(), missing.stderr
    os.rename(lost, old)
    start_with(server, old)
    running = rekey(server, tmp_path / "k")
    assert running.returncode == 1 and "stop it first" in running.stderr
    check(server)
