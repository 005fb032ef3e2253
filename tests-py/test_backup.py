"""The drill: back up under load, lose the folder, restore, and look at what a restore may and may not claim."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import threading

import pytest

import tlog
from onshore_server import BINARY, CONFIG, Server, clean_env, find, mode_of

SECRET = b"bytes that nobody but the holder of the root key reads"


def onshore(*args):
    return subprocess.run(
        [str(BINARY), *map(str, args)], env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )


def said(*args):
    done = onshore(*args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def point_of(folder):
    """The manifest of the newest point."""
    return sorted((folder / "points").glob("*.json"))[-1]


def manifest_of(folder):
    return json.loads(point_of(folder).read_text())


def is_gone(client, bucket, key):
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.get_object(Bucket=bucket, Key=key)
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    """A server whose root key lies outside its folder, and the key."""
    folder = tmp_path_factory.mktemp("region")
    key = folder / "root.key"
    server = Server(folder / "data", config=CONFIG + f'\n[keys]\nroot_key_file = "{key}"\n').start()
    yield server, key
    server.kill9()


@pytest.fixture(scope="module")
def backup(region, tmp_path_factory):
    """A backup that was made while objects came and went."""
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    bodies = {f"name-of-a-person-{number}": os.urandom(100_000) + SECRET for number in range(20)}
    bodies["small"] = SECRET
    for name, body in bodies.items():
        s3.put_object(Bucket="kept", Key=name, Body=body, Metadata={"onshore-class": "personal"})
    server.bucket("turned")
    s3.put_bucket_versioning(Bucket="turned", VersioningConfiguration={"Status": "Enabled"})
    for number in range(3):
        s3.put_object(Bucket="turned", Key="turned", Body=bytes([number]) * 100_000)
    approval = server.grant("personal", "US", 1 << 20)
    abroad = server.client(source="127.0.0.66")
    assert abroad.get_object(Bucket="kept", Key="small")["Body"].read() == SECRET

    ending = threading.Event()
    s3.create_bucket(Bucket="churn")

    def churn():
        own = server.client()
        number = 0
        while not ending.is_set():
            own.put_object(Bucket="churn", Key=str(number % 7), Body=os.urandom(70_000))
            own.delete_object(Bucket="churn", Key=str((number + 3) % 7))
            number += 1

    worker = threading.Thread(target=churn)
    worker.start()
    try:
        folder = tmp_path_factory.mktemp("backup") / "one"
        told = said("backup", "--data", server.data, "--to", folder, "--keys", key)
    finally:
        ending.set()
        worker.join()
    return folder, told, bodies, approval


def test_a_backup_says_what_is_in_it_and_keeps_secrets(region, backup):
    server, key = region
    folder, told, _, _ = backup
    manifest = manifest_of(folder)
    pieces = {f"pieces/{name[:2]}/{name}" for file in manifest["pieces"].values() for name in file["pieces"]}
    point = point_of(folder).relative_to(folder)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == set(manifest["bodies"]) | pieces | {"series.json", "lock", str(point), str(point.with_suffix(".seal"))}
    for name, entry in manifest["bodies"].items():
        body = (folder / name).read_bytes()
        assert len(body) == entry["len_bytes"] and hashlib.sha256(body).hexdigest() == entry["sha256"]
    assert manifest["format"] == 2 and told["files"] == len(manifest["bodies"]) + len(manifest["pieces"])
    assert manifest["ledger"]["key"] == server.vkey and 0 < manifest["ledger"]["size"] <= manifest["ledger"]["leaves"]
    keys = folder.with_name(folder.name + ".keys")
    assert told["key_store"] == str(keys)
    everything = [path for path in [*folder.rglob("*"), *keys.rglob("*")] if path.is_file()]
    whole = b"".join(path.read_bytes() for path in everything)
    # Names of objects and of buckets too: nothing in it lies open.
    for secret in (key.read_bytes().strip(), SECRET, server.secret_key.encode(), server.token.encode(), b"name-of-a-person", b"turned"):
        assert secret not in whole
    assert {mode_of(path) for path in everything} == {0o600} and mode_of(folder) == mode_of(keys) == 0o700
    assert not (server.data / "backup.db").exists()


def test_the_drill(region, backup, tmp_path):
    server, key = region
    folder, _, bodies, approval = backup
    s3 = server.client()

    if server.process is None:
        server.start()
        s3 = server.client()
    # After the backup: a new object, an overwrite, a removal, an export. All of it will be lost.
    late = s3.put_object(Bucket="kept", Key="late", Body=b"late", Metadata={"onshore-class": "personal"})
    s3.put_object(Bucket="kept", Key="small", Body=b"overwritten", Metadata={"onshore-class": "personal"})
    s3.delete_object(Bucket="kept", Key="name-of-a-person-0")
    assert server.client(source="127.0.0.66").get_object(Bucket="kept", Key="name-of-a-person-1")["Body"].read()
    assert server.terminate() == 0
    old_key = server.vkey
    old_note = (server.data / "ledger/checkpoint").read_text()
    old = tlog.Log(tlog.from_folder(server.data / "ledger"), old_key)

    data = tmp_path / "restored"
    told = said("restore", folder, "--data", data, "--keys", key, "--ledger", server.data / "ledger")
    assert old_key == told["old_ledger_key"] != told["ledger_key"]
    assert told["approvals_revoked"] == [approval]
    lost = {version["leaf"] for version in told["lost_versions"]}
    assert int(late["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"]) in lost
    assert all(old.json()[leaf]["version"] == version["version"] for version in told["lost_versions"] for leaf in [version["leaf"]])
    check = onshore("fsck", "--data", data, "--config", f"{server.data}.toml", "--json")
    found = {finding["fault"] for finding in json.loads(check.stdout)["findings"]}
    assert found <= {"tile-differs"}, check.stdout

    again = Server(data, config=server.config).start()
    try:
        client = again.client()
        for name, body in bodies.items():
            assert client.get_object(Bucket="kept", Key=name)["Body"].read() == body
        assert is_gone(client, "kept", "late")
        versions = client.list_object_versions(Bucket="turned")["Versions"]
        assert len(versions) == 3
        for version in versions:
            assert len(client.get_object(Bucket="turned", Key="turned", VersionId=version["VersionId"])["Body"].read()) == 100_000

        # The token and the S3 key are those of before; the ledger's key is new, and the old one signs no more.
        assert again.token == server.token and again.secret_key == server.secret_key
        assert again.vkey == told["ledger_key"] == find(again.cli("ledger", "key"), "key")
        log = tlog.Log(tlog.over_http(again), again.vkey)
        with pytest.raises(Exception):
            tlog.parse_checkpoint((data / "ledger/checkpoint").read_text(), old_key)
        leaves = log.json()
        restored = leaves[told["leaf"]]
        manifest = point_of(folder).read_bytes()
        assert restored["kind"] == "restored" and restored["backup_sha256"] == hashlib.sha256(manifest).hexdigest()
        assert restored["old_key"] == old_key and restored["old_size"] == json.loads(manifest)["ledger"]["size"]
        assert restored["last_known"]["size"] == old.size and str(old.size) in old_note
        assert leaves[: restored["old_size"]] == old.json()[: restored["old_size"]]
        revoked = leaves[told["leaf"] + 1]
        assert revoked["kind"] == "approval.revoked" and revoked["approval"] == approval and revoked["restored"] == told["leaf"]

        # Nothing leaves on an approval of before; the operator grants it again.
        abroad = again.client(source="127.0.0.66")
        with pytest.raises(abroad.exceptions.ClientError) as caught:
            abroad.get_object(Bucket="kept", Key="small")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        again.grant("personal", "US", 1 << 20)
        assert abroad.get_object(Bucket="kept", Key="small")["Body"].read() == SECRET

        assert again.terminate() == 0
        check = onshore("fsck", "--data", data, "--config", f"{server.data}.toml")
        assert check.returncode == 0, check.stdout
    finally:
        again.kill9()

    # A second restore from the same backup is a log of its own: no two trees of one size under one key.
    second = said("restore", folder, "--data", tmp_path / "second", "--keys", key)
    assert second["ledger_key"] not in (old_key, told["ledger_key"]) and second["lost_versions"] == []
    # A restored folder is backed up and restored like any other, and its log's name does not grow.
    said("backup", "--data", data, "--to", tmp_path / "next", "--keys", key)
    third = said("restore", tmp_path / "next", "--data", tmp_path / "third", "--keys", key)
    assert third["old_ledger_key"] == told["ledger_key"]
    assert len(third["ledger_key"].split("+")[0]) == len(told["ledger_key"].split("+")[0])


def still(server, to):
    """A copy of the server's folder, at rest."""
    assert server.terminate() in (0, None)
    return shutil.copytree(server.data, to)


def test_what_is_removed_while_it_is_copied_is_not_in_it(make_server, tmp_path):
    server = make_server("removed")
    s3 = server.client()
    s3.create_bucket(Bucket="going")
    keys = [str(number) for number in range(300)]
    for key in keys:
        s3.put_object(Bucket="going", Key=key, Body=os.urandom(70_000))
    folder = tmp_path / "backup"
    process = subprocess.Popen(
        [str(BINARY), "backup", "--data", server.data, "--to", folder, "--json"], env=clean_env(), stdout=subprocess.PIPE, text=True
    )
    while process.poll() is None and not any(folder.glob("objects/??")):
        pass
    s3.delete_objects(Bucket="going", Delete={"Objects": [{"Key": key} for key in keys[:299]], "Quiet": True})
    assert json.loads(process.communicate(timeout=120)[0])["files"] and process.returncode == 0
    there = {str(path.relative_to(folder)) for path in (folder / "objects").glob("??/*")}
    assert there == set(manifest_of(folder)["bodies"])
    data = tmp_path / "data"
    said("restore", folder, "--data", data, "--keys", server.data / "root.key")
    shutil.copy(server.data / "root.key", data / "root.key")
    found = {finding["fault"] for finding in json.loads(onshore("fsck", "--data", data, "--json").stdout)["findings"]}
    assert found <= {"tile-differs"}


def test_open_exports_count_as_spent(region, backup, tmp_path):
    server, key = region
    data = still(server, tmp_path / "open")
    with sqlite3.connect(data / "onshore.db") as connection:
        connection.execute("UPDATE exports SET ended = NULL, sent_bytes = NULL, closed_leaf = NULL")
    connection.close()
    said("backup", "--data", data, "--to", tmp_path / "backup", "--keys", key)
    said("restore", tmp_path / "backup", "--data", tmp_path / "data", "--keys", key)
    again = Server(tmp_path / "data", config=server.config).start()
    try:
        assert again.terminate() == 0
        log = tlog.Log(tlog.from_folder(again.data / "ledger"), again.vkey)
        assert [leaf["spent_bytes"] for leaf in log.json() if leaf.get("ended") == "interrupted"] != []
    finally:
        again.kill9()


def test_what_was_changed_is_not_restored(region, backup, tmp_path):
    _, key = region
    folder = backup[0]
    body = sorted(path for path in (folder / "objects").glob("??/*"))[0].relative_to(folder)
    cases = {
        "flipped": lambda copy: flip(copy / body),
        "gone": lambda copy: (copy / body).unlink(),
        "database": lambda copy: flip(piece(copy, "onshore.db")),
        "no database": lambda copy: piece(copy, "onshore.db").unlink(),
        "exchanged": lambda copy: shutil.copy(piece(copy, "credentials.sealed"), piece(copy, "onshore.db")),
        "credentials": lambda copy: flip(piece(copy, "credentials.sealed")),
        "manifest": lambda copy: flip(point_of(copy)),
        "no manifest": lambda copy: point_of(copy).unlink(),
        "renamed": lambda copy: [path.rename(path.with_name("2030-01-01T00-00-00.000Z" + path.suffix)) for path in (copy / "points").iterdir()],
        "seal": lambda copy: point_of(copy).with_suffix(".seal").write_text("00" * 60),
        "no seal": lambda copy: point_of(copy).with_suffix(".seal").unlink(),
        "series": lambda copy: flip(copy / "series.json"),
    }
    for number, (name, change) in enumerate(cases.items()):
        copy = shutil.copytree(folder, tmp_path / f"backup-{number}")
        shutil.copytree(folder.with_name(folder.name + ".keys"), tmp_path / f"backup-{number}.keys")
        change(copy)
        data = tmp_path / f"data-{number}"
        if "manifest" not in name:
            checked = onshore("backup", "check", "--to", copy, "--keys", key)
            assert checked.returncode == 1 and (checked.stderr or "damaged" in checked.stdout), (name, checked)
        done = onshore("restore", copy, "--data", data, "--keys", key)
        assert done.returncode == 1 and done.stderr, (name, done)
        if data.exists():
            served = onshore("serve", "--data", data, "--s3-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0")
            assert served.returncode == 1 and "restore" in served.stderr, name
            again = onshore("backup", "--data", data, "--to", tmp_path / f"again-{number}", "--keys", key)
            assert again.returncode in (1, 2) and not any(tmp_path.glob(f"again-{number}/points/*")), name


def piece(folder, name):
    """The first piece of a file of the newest point."""
    first = manifest_of(folder)["pieces"][name]["pieces"][0]
    return folder / "pieces" / first[:2] / first


def flip(path):
    bytes_ = bytearray(path.read_bytes())
    bytes_[len(bytes_) // 2] ^= 1
    path.write_bytes(bytes_)


def test_a_file_that_is_lost_is_told_and_not_passed_over(region, backup, tmp_path):
    server, key = region
    data = still(server, tmp_path / "data")
    sorted((data / "objects").glob("??/*"))[0].unlink()
    done = onshore("backup", "--data", data, "--to", tmp_path / "backup", "--keys", key)
    assert done.returncode == 1 and "fsck" in done.stderr
    assert not any((tmp_path / "backup/points").iterdir()) and not (data / "backup.db").exists()


def test_wrong_usage(region, backup, tmp_path):
    server, key = region
    folder = backup[0]
    other = tmp_path / "other.key"
    other.touch(0o600)
    other.write_text("0" * 64 + "\n")
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").write_text("x")
    for status, args in (
        (2, ["backup", "--to", tmp_path / "x"]),
        (2, ["backup", "--data", server.data]),
        (2, ["backup", "--data", server.data, "--to", full, "--keys", key]),
        (2, ["backup", "--data", tmp_path / "nothing", "--to", tmp_path / "x", "--keys", key]),
        (2, ["backup", "--data", server.data, "--to", tmp_path / "x"]),
        (2, ["restore", folder]),
        (2, ["restore", folder, "--data", full, "--keys", key]),
        (2, ["restore", folder, "--data", server.data, "--keys", key]),
        (2, ["restore", folder, "--data", tmp_path / "y"]),
        (2, ["restore", folder, "--data", tmp_path / "y", "--keys", key, "--at", "yesterday"]),
        (2, ["restore", folder, "--data", tmp_path / "y", "--keys", key, "--key-store", full]),
        (1, ["restore", folder, "--data", tmp_path / "y", "--keys", key, "--at", "2020-01-01T00:00:00Z"]),
        (2, ["backup", "list", "--to", folder]),
        (1, ["backup", "list", "--to", full, "--keys", key]),
        (2, ["backup", "prune", "--to", folder, "--keys", key, "--keep", "0"]),
        (1, ["backup", "--data", server.data, "--to", folder, "--keys", other]),
        (1, ["restore", folder, "--data", tmp_path / "y", "--keys", other]),
        (1, ["restore", full, "--data", tmp_path / "y", "--keys", key]),
        (1, ["restore", folder, "--data", tmp_path / "y", "--keys", key, "--ledger", full]),
    ):
        done = onshore(*args)
        assert done.returncode == status and done.stderr, (args, done)
        assert not (tmp_path / "y/onshore.db").exists()
