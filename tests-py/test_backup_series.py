"""A series of backups: its points, what they share, what is kept apart from them, and what an erasure leaves of it."""

import hashlib
import hmac
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from onshore_server import BINARY, CONFIG, Server, clean_env
from test_backup import is_gone, manifest_of, onshore, piece, said

SECRET = b"bytes that nobody reads without the key store"


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def noise(name, size):
    return hashlib.shake_256(name.encode()).digest(size)


@pytest.fixture
def region(tmp_path):
    """A server whose root key lies outside its folder."""
    key = tmp_path / "root.key"
    server = Server(tmp_path / "data", config=CONFIG + f'\n[keys]\nroot_key_file = "{key}"\n').start()
    yield server, key
    server.kill9()


def serving(server, data):
    return Server(data, config=server.config).start()


def read(client, bucket, key, **more):
    return client.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def test_points_are_restored_by_time_and_share_what_did_not_change(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    s3.create_bucket(Bucket="plain")
    series = tmp_path / "series"
    for number in range(300):
        s3.put_object(Bucket="plain", Key=f"small/{number:04}", Body=noise(f"small/{number}", 20_000))
    s3.put_object(Bucket="plain", Key="large", Body=noise("large", 5_000_000))

    points = []
    sizes = []
    for number in range(4):
        s3.put_object(Bucket="kept", Key="turn", Body=b"turn %d" % number)
        s3.put_object(Bucket="plain", Key="over", Body=noise(f"over {number}", 200_000))
        s3.put_object(Bucket="plain", Key=f"of-{number}", Body=b"x", Tagging=f"point={number}")
        s3.put_object_tagging(Bucket="plain", Key="large", Tagging={"TagSet": [{"Key": "at", "Value": str(number)}]})
        if number:
            s3.delete_object(Bucket="plain", Key=f"of-{number - 1}")
        points.append(said("backup", "--data", server.data, "--to", series, "--keys", key)["made"])
        sizes.append(size_of(series))
    first, rest = sizes[0], [after - before for before, after in zip(sizes, sizes[1:])]
    assert first > 10_000_000 and max(rest) < 2_500_000, sizes
    listed = said("backup", "list", "--to", series, "--keys", key)
    assert [point["made"] for point in listed] == points == sorted(points)
    assert said("backup", "check", "--to", series, "--keys", key) == {"points": 4, "sound": True, "damaged": []}

    for number, at in enumerate([points[0], points[1], points[2].replace("Z", "+00:00"), None]):
        data = tmp_path / f"restored-{number}"
        told = said("restore", series, "--data", data, "--keys", key, *(["--at", at] if at else []))
        assert told["made"] == points[number] and told["erased_versions"] == 0
        again = serving(server, data)
        try:
            client = again.client()
            assert read(client, "kept", "turn") == b"turn %d" % number
            assert len(client.list_object_versions(Bucket="kept")["Versions"]) == number + 1
            assert read(client, "plain", "over") == noise(f"over {number}", 200_000)
            assert read(client, "plain", "large") == noise("large", 5_000_000)
            assert read(client, "plain", "small/0123") == noise("small/123", 20_000)
            assert client.get_object_tagging(Bucket="plain", Key="large")["TagSet"] == [{"Key": "at", "Value": str(number)}]
            assert client.get_object_tagging(Bucket="plain", Key=f"of-{number}")["TagSet"] == [{"Key": "point", "Value": str(number)}]
            others = {entry["Key"] for entry in client.list_objects_v2(Bucket="plain", Prefix="of-")["Contents"]}
            assert others == {f"of-{number}"}
            assert again.terminate() == 0
            check = onshore("fsck", "--data", data, "--config", f"{server.data}.toml")
            assert check.returncode == 0, check.stdout
        finally:
            again.kill9()
    # Between two points it is the one before, and before the first there is none.
    early = said("restore", series, "--data", tmp_path / "between", "--keys", key, "--at", points[2][:-1] + "999Z")
    assert early["made"] == points[2]

    # A restored folder is another one: it does not go on with the series of the one that was lost.
    other = onshore("backup", "--data", tmp_path / "restored-3", "--to", series, "--keys", key)
    assert other.returncode == 2 and "another" in other.stderr

    # What only old points had goes with them; what is left restores.
    told = said("backup", "prune", "--to", series, "--keys", key, "--keep", 2)
    assert (told["removed"], told["kept"]) == (2, 2) and told["freed_bytes"] > 200_000
    assert [point["made"] for point in said("backup", "list", "--to", series, "--keys", key)] == points[2:]
    assert said("backup", "check", "--to", series, "--keys", key)["points"] == 2
    held = {name for path in (series / "points").glob("*.json") for name in json.loads(path.read_text())["bodies"]}
    assert {str(path.relative_to(series)) for path in (series / "objects").glob("??/*")} == held
    gone = onshore("restore", series, "--data", tmp_path / "pruned", "--keys", key, "--at", points[1])
    assert gone.returncode == 1 and "no point" in gone.stderr
    assert said("restore", series, "--data", tmp_path / "third", "--keys", key, "--at", points[2])["made"] == points[2]
    assert [path.name for path in Path(f"{series}.keys").iterdir()] == ["keys.db"], "nothing lies beside it"
    with sqlite3.connect(f"file:{series}.keys/keys.db?mode=ro", uri=True) as store:
        kept = store.execute("SELECT count(*) FROM owners WHERE gone IS NOT NULL AND gone <= 3").fetchone()
    assert kept == (0,), "what opens versions that no point has is destroyed"


class Thief:
    """Somebody with the series and the root key, who reads the format as it is written down."""

    def __init__(self, series, root):
        head = json.loads((series / "series.json").read_text())
        sealed = bytes.fromhex(head["key"])
        key = AESGCM(bytes.fromhex(root.read_text().strip())).decrypt(sealed[:12], sealed[12:], b"onshore backup series 2")
        self.series = series
        self.seal = AESGCM(hmac.digest(key, b"onshore backup pieces 1", "sha256"))

    def give(self, file):
        whole = b""
        for name in file["pieces"]:
            body = (self.series / "pieces" / name[:2] / name).read_bytes()
            whole += self.seal.decrypt(bytes.fromhex(name)[:12], body, name.encode())
        assert hashlib.sha256(whole).hexdigest() == file["whole"]["sha256"]
        return whole


def test_the_series_and_the_root_key_open_nothing_without_the_key_store(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="the-name", Body=SECRET, Metadata={"who": "someone"}, Tagging="of=somebody")
    upload = s3.create_multipart_upload(Bucket="kept", Key="in-parts")["UploadId"]
    s3.upload_part(Bucket="kept", Key="in-parts", UploadId=upload, PartNumber=1, Body=SECRET)
    series, keys = tmp_path / "series", tmp_path / "elsewhere/keys"
    keys.parent.mkdir()
    said("backup", "--data", server.data, "--to", series, "--keys", key, "--key-store", keys)
    assert not Path(f"{series}.keys").exists()

    database = tmp_path / "stolen.db"
    database.write_bytes(Thief(series, key).give(manifest_of(series)["pieces"]["onshore.db"]))
    with sqlite3.connect(server.data / "onshore.db") as live, sqlite3.connect(database) as stolen, sqlite3.connect(keys / "keys.db") as store:
        # The thief reads names: they are what the root key alone guards. What opens anything is not there.
        assert stolen.execute("SELECT key FROM objects").fetchall() == [(b"the-name",)]
        for column, table in [("facts", "versions"), ("wrapped", "versions"), ("tags", "versions"), ("facts", "uploads"), ("facts", "parts")]:
            (real,), = live.execute(f"SELECT {column} FROM {table}").fetchall()
            (mark,), = stolen.execute(f"SELECT {column} FROM {table}").fetchall()
            assert len(mark) == len(real) and mark[16:] == bytes(len(mark) - 16), (column, table)
            assert store.execute("SELECT content FROM kept WHERE mark = ?", (mark[:16],)).fetchall() == [(real,)]
            for taken in (real, real[12:44]):
                assert taken not in database.read_bytes(), (column, table)
    # And the key store alone is sealed too.
    assert SECRET not in (keys / "keys.db").read_bytes() and b"the-name" not in (keys / "keys.db").read_bytes()
    with pytest.raises(InvalidTag):
        other = tmp_path / "other.key"
        other.write_text("00" * 32)
        Thief(series, other)

    lost = onshore("restore", series, "--data", tmp_path / "y", "--keys", key)
    assert lost.returncode == 2 and "--key-store" in lost.stderr
    said("restore", series, "--data", tmp_path / "back", "--keys", key, "--key-store", keys)
    again = serving(server, tmp_path / "back")
    try:
        client = again.client()
        answer = client.get_object(Bucket="kept", Key="the-name")
        assert answer["Body"].read() == SECRET and answer["Metadata"] == {"who": "someone"}
        etag = client.list_parts(Bucket="kept", Key="in-parts", UploadId=upload)["Parts"][0]["ETag"]
        done = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        client.complete_multipart_upload(Bucket="kept", Key="in-parts", UploadId=upload, MultipartUpload=done)
        assert read(client, "kept", "in-parts") == SECRET
    finally:
        again.kill9()

    # A key store that lost what it should have is not taken for one that was told to destroy it.
    with sqlite3.connect(keys / "keys.db") as store:
        store.execute("DELETE FROM kept")
    store.close()
    emptied = onshore("restore", series, "--data", tmp_path / "z", "--keys", key, "--key-store", keys)
    assert emptied.returncode == 1 and "not told to destroy" in emptied.stderr
    served = onshore("serve", "--data", tmp_path / "z", "--s3-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0")
    assert served.returncode == 1 and "restore" in served.stderr


def versions_of(client, bucket, key):
    """The ids of a key's versions, newest first."""
    return [entry["VersionId"] for entry in client.list_object_versions(Bucket=bucket, Prefix=key).get("Versions", [])]


def test_what_is_erased_opens_in_no_point(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    ids = [s3.put_object(Bucket="kept", Key="person", Body=SECRET + bytes([n]) * 70_000)["VersionId"] for n in range(3)]
    s3.put_object(Bucket="kept", Key="other", Body=b"stays")
    s3.put_object(Bucket="kept", Key="whole", Body=b"every version goes")
    s3.delete_object(Bucket="kept", Key="whole")
    upload = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
    part = s3.upload_part(Bucket="kept", Key="parts", UploadId=upload, PartNumber=1, Body=SECRET)["ETag"]
    one, two = tmp_path / "one", tmp_path / "two"
    early = said("backup", "--data", server.data, "--to", one, "--keys", key)["made"]
    said("backup", "--data", server.data, "--to", two, "--keys", key)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    joined = s3.complete_multipart_upload(Bucket="kept", Key="parts", UploadId=upload, MultipartUpload=parts)["VersionId"]
    said("backup", "--data", server.data, "--to", one, "--keys", key)

    told = server.cli("erase", "kept", "person", "--version", ids[1])
    assert [entry["version"] for entry in told["erased"]] == [ids[1]] and told["postponed"] == []
    told = server.cli("erase", "kept", "whole", "--every-version")
    assert len(told["erased"]) == 2
    server.cli("erase", "kept", "parts", "--version", joined)
    kinds = [leaf["body"]["kind"] for leaf in server.cli("ledger", "tail", "-n", 100)]
    assert kinds.count("erased") == 4
    assert versions_of(s3, "kept", "person") == [ids[2], ids[0]]
    for wrong in (("kept", "person", "--version", ids[1]), ("kept", "nothing", "--every-version"), ("none", "x", "--every-version")):
        assert server.run("erase", *wrong).returncode == 1
    assert server.run("erase", "kept", "person").returncode == 2
    assert server.run("erase", "kept", "person", "--version", "nonsense").returncode == 1
    with sqlite3.connect(server.data / "onshore.db") as live:
        wrapped = live.execute("SELECT count(*) FROM versions").fetchone()
    assert wrapped == (3,)

    # One series hears of it with its next point, the other is told without one.
    said("backup", "--data", server.data, "--to", one, "--keys", key)
    assert said("backup", "erase", "--data", server.data, "--to", two, "--keys", key) == {"erased": 2}
    assert said("backup", "erase", "--data", server.data, "--to", two, "--keys", key) == {"erased": 0}
    for series in (one, two):
        data = tmp_path / f"data-{series.name}"
        told = said("restore", series, "--data", data, "--keys", key, "--at", early if series == one else "2099-01-01T00:00:00Z")
        assert told["erased_versions"] == 2, "one of a person, one of the other key; a marker holds nothing to destroy"
        again = serving(server, data)
        try:
            client = again.client()
            left = versions_of(client, "kept", "person")
            assert left == [ids[2], ids[0]]
            assert read(client, "kept", "person")[: len(SECRET)] == SECRET and read(client, "kept", "other") == b"stays"
            with pytest.raises(client.exceptions.ClientError):
                read(client, "kept", "person", VersionId=ids[1])
            assert is_gone(client, "kept", "whole")
            uploads = client.list_multipart_uploads(Bucket="kept").get("Uploads", [])
            # The upload was over with the next point, or when the series was told, and what became of it is erased.
            assert uploads == [] and told["uploads_left_out"] == 1
            usage = again.cli("quota", "show", "--bucket", "kept")
            assert usage["objects"] == 3, usage
            assert again.terminate() == 0
            check = onshore("fsck", "--data", data, "--config", f"{server.data}.toml")
            assert check.returncode == 0, check.stdout
        finally:
            again.kill9()
    # Nobody finds it again in what is left of the key store.
    with sqlite3.connect(f"file:{one}.keys/keys.db?mode=ro", uri=True) as store:
        owners = {row[0] for row in store.execute("SELECT owner FROM kept")}
        assert not owners & {row[0] for row in store.execute("SELECT owner FROM erased")}


def test_a_lock_is_stronger_than_an_erasure(region):
    server, _ = region
    s3 = server.client()
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    free = s3.put_object(Bucket="locked", Key="k", Body=b"free")["VersionId"]
    held = s3.put_object(Bucket="locked", Key="k", Body=b"held", ObjectLockLegalHoldStatus="ON")["VersionId"]
    until = "2090-01-01T00:00:00.000Z"
    kept = s3.put_object(Bucket="locked", Key="k", Body=b"kept", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)["VersionId"]
    done = server.run("erase", "locked", "k", "--every-version", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1 and [entry["version"] for entry in told["erased"]] == [free]
    assert [(entry["version"], entry.get("until")) for entry in told["postponed"]] == [(held, None), (kept, until)]
    assert set(versions_of(s3, "locked", "k")) == {held, kept}
    leaves = [leaf["body"] for leaf in server.cli("ledger", "tail", "-n", 20)]
    postponed = [leaf for leaf in leaves if leaf["kind"] == "erasure.postponed"]
    assert [leaf["version"] for leaf in postponed] == [held, kept] and postponed[1]["until"] == until
    s3.put_object_legal_hold(Bucket="locked", Key="k", VersionId=held, LegalHold={"Status": "OFF"})
    assert [entry["version"] for entry in server.cli("erase", "locked", "k", "--version", held)["erased"]] == [held]


def test_what_is_locked_is_not_brought_to_light(region):
    server, _ = region
    s3 = server.client()
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    for number in range(520):
        s3.put_object(Bucket="locked", Key="k", Body=b"%d" % number)
    held = s3.put_object(Bucket="locked", Key="k", Body=b"held", ObjectLockLegalHoldStatus="ON")["VersionId"]
    s3.delete_object(Bucket="locked", Key="k")
    done = server.run("erase", "locked", "k", "--every-version", "--json")
    told = json.loads(done.stdout)
    assert len(told["erased"]) == 520 and [entry["version"] for entry in told["postponed"]] == [held]
    leaves = [entry["leaf"] for entry in told["erased"] + told["postponed"]]
    assert len(set(leaves)) == 521
    assert is_gone(s3, "locked", "k") and versions_of(s3, "locked", "k") == [held]
    s3.put_object_legal_hold(Bucket="locked", Key="k", VersionId=held, LegalHold={"Status": "OFF"})
    assert len(server.cli("erase", "locked", "k", "--every-version")["erased"]) == 2
    answer = s3.list_object_versions(Bucket="locked")
    assert "Versions" not in answer and "DeleteMarkers" not in answer


def test_a_backup_that_is_killed_harms_neither_folder_nor_series(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    for number in range(60):
        s3.put_object(Bucket="kept", Key=str(number), Body=noise(str(number), 300_000))
    series = tmp_path / "series"
    first = said("backup", "--data", server.data, "--to", series, "--keys", key)["made"]
    for number in range(60, 160):
        s3.put_object(Bucket="kept", Key=str(number), Body=noise(str(number), 300_000))
    had = len(list((series / "objects").glob("??/*")))
    killed = subprocess.Popen([str(BINARY), "backup", "--data", server.data, "--to", series, "--keys", key], env=clean_env())
    second = onshore("backup", "--data", server.data, "--to", tmp_path / "other", "--keys", key)
    assert (second.returncode == 1 and "under way" in second.stderr) or second.returncode == 0
    while killed.poll() is None and len(list((series / "objects").glob("??/*"))) < had + 5:
        pass
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert [point["made"] for point in said("backup", "list", "--to", series, "--keys", key)][:1] == [first]
    said("backup", "--data", server.data, "--to", series, "--keys", key)
    assert said("backup", "check", "--to", series, "--keys", key)["sound"]
    assert not list(series.rglob("*.draft")) and not (server.data / "backup.db").exists()
    told = said("restore", series, "--data", tmp_path / "back", "--keys", key)
    again = serving(server, tmp_path / "back")
    try:
        client = again.client()
        assert told["made"] > first
        for number in (0, 59, 60, 159):
            assert read(client, "kept", str(number)) == noise(str(number), 300_000)
    finally:
        again.kill9()
    # A body that was damaged or lost in the series is told, and not passed on.
    body = sorted((series / "objects").glob("??/*"))[3]
    body.write_bytes(body.read_bytes()[:-1] + b"\0")
    assert onshore("backup", "check", "--to", series, "--keys", key).returncode == 1


def test_a_backup_of_an_earlier_version_restores(tmp_path):
    with tarfile.open(Path(__file__).parent / "formats/backup-1.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    key, old = tmp_path / "root.key", tmp_path / "backup"
    told = json.loads((tmp_path / "told.json").read_text())
    for wrong in (["--at", "2030-01-01T00:00:00Z"], ["--key-store", tmp_path]):
        assert onshore("restore", old, "--data", tmp_path / "x", "--keys", key, *wrong).returncode == 2
    assert onshore("backup", "--data", tmp_path, "--to", old, "--keys", key).returncode == 2
    said("restore", old, "--data", tmp_path / "data", "--keys", key)
    shutil.copy(key, tmp_path / "data/root.key")
    server = Server(tmp_path / "data", config=CONFIG).start()
    try:
        client = server.client()
        for wanted in told["objects"]:
            if not wanted["customer"]:
                at = {"VersionId": wanted["version"]} if wanted["version"] else {}
                body = read(client, wanted["bucket"], wanted["key"], **at)
                assert hashlib.sha256(body).hexdigest() == wanted["sha256"]
        assert server.terminate() == 0
        # And goes on in a series.
        said("backup", "--data", tmp_path / "data", "--to", tmp_path / "series")
        said("restore", tmp_path / "series", "--data", tmp_path / "second", "--keys", key)
    finally:
        server.kill9()
    damaged = sorted((old / "objects").glob("??/*"))[0]
    damaged.write_bytes(damaged.read_bytes()[::-1])
    done = onshore("restore", old, "--data", tmp_path / "third", "--keys", key)
    assert done.returncode == 1 and "damaged" in done.stderr


def test_nothing_of_what_is_withheld_lies_in_corners_of_pages(region, tmp_path):
    """Rows that move from page to page leave what they were behind, which no query shows."""
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    order = sorted(range(1200), key=lambda number: hashlib.sha256(b"%d" % number).digest())
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: s3.put_object(Bucket="kept", Key=f"{number:05}", Body=b"x" * (number % 900), Tagging=f"n={number}"), order))
        list(pool.map(lambda number: s3.put_object_tagging(Bucket="kept", Key=f"{number:05}", Tagging={"TagSet": [{"Key": "again", "Value": "y" * (number % 200)}]}), order))
        list(pool.map(lambda number: s3.delete_object(Bucket="kept", Key=f"{number:05}"), order[::3]))
    seen = set()
    with sqlite3.connect(server.data / "onshore.db") as live:
        for row in live.execute("SELECT facts, wrapped, tags FROM versions"):
            seen.update(row)
    series = tmp_path / "series"
    said("backup", "--data", server.data, "--to", series, "--keys", key)
    stolen = Thief(series, key).give(manifest_of(series)["pieces"]["onshore.db"])
    windows = {stolen[at : at + 16] for at in range(len(stolen) - 16)}
    # Behind the mark that was written over the beginning of each.
    assert len(seen) == 2400 and not [content for content in seen if content[20:36] in windows]

    for number in order[1:600:3]:
        server.cli("erase", "kept", f"{number:05}", "--every-version") if number % 10 == 0 else s3.delete_object(Bucket="kept", Key=f"{number:05}")
    with sqlite3.connect(f"{series}.keys/keys.db") as store:
        contents = dict(store.execute("SELECT content, owner FROM kept"))
    said("backup", "erase", "--data", server.data, "--to", series, "--keys", key)
    with sqlite3.connect(f"file:{series}.keys/keys.db?mode=ro", uri=True) as store:
        left = {row[0] for row in store.execute("SELECT content FROM kept")}
    raw = Path(f"{series}.keys/keys.db").read_bytes()
    windows = {raw[at : at + 16] for at in range(len(raw) - 16)}
    destroyed = [content for content in contents if content not in left]
    assert len(destroyed) > 30 and not [content for content in destroyed if content[20:36] in windows]


def test_what_was_removed_before_is_erased_by_its_key(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="plain")
    s3.put_object(Bucket="plain", Key="person", Body=b"old")
    s3.put_object(Bucket="plain", Key="other", Body=b"other")
    series = tmp_path / "series"
    say = lambda *args: said("backup", *args, "--data", server.data, "--to", series, "--keys", key)
    first = say()["made"]
    s3.put_object(Bucket="plain", Key="person", Body=b"new")
    say()
    say()
    refused = onshore("backup", "erase", "--data", server.data, "--to", series, "--keys", key, "--bucket", "plain", "--key", "person")
    assert refused.returncode == 2 and "onshore erase" in refused.stderr
    s3.delete_object(Bucket="plain", Key="person")
    done = server.run("erase", "plain", "person", "--every-version")
    assert done.returncode == 1 and "onshore backup erase" in done.stderr
    assert say("erase", "--bucket", "plain", "--key", "nothing") == {"erased": 0}
    assert say("erase", "--bucket", "plain", "--key", "person") == {"erased": 2}
    assert not list(server.data.glob("backup.db*"))
    told = said("restore", series, "--data", tmp_path / "back", "--keys", key, "--at", first)
    assert told["erased_versions"] == 1
    again = serving(server, tmp_path / "back")
    try:
        assert is_gone(again.client(), "plain", "person") and read(again.client(), "plain", "other") == b"other"
    finally:
        again.kill9()


def test_an_erasure_survives_a_restore(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="plain")
    s3.put_object(Bucket="plain", Key="person", Body=b"PERSON")
    one, two = tmp_path / "one", tmp_path / "two"
    for series in (one, two):
        said("backup", "--data", server.data, "--to", series, "--keys", key)
    server.cli("erase", "plain", "person", "--every-version")
    said("backup", "erase", "--data", server.data, "--to", one, "--keys", key)
    back = tmp_path / "back"
    assert said("restore", one, "--data", back, "--keys", key)["erased_versions"] == 1
    # The other series never heard of it from the folder that is lost.
    assert said("backup", "erase", "--data", back, "--to", two, "--keys", key) == {"erased": 1}
    assert said("restore", two, "--data", tmp_path / "again", "--keys", key)["erased_versions"] == 1


def test_a_copy_that_a_killed_backup_left_goes(region, tmp_path):
    server, key = region
    stale = server.data / "backup.db"
    stale.write_bytes(b"what opens everything")
    assert server.terminate() == 0
    server.start()
    assert not stale.exists()
    said("backup", "--data", server.data, "--to", tmp_path / "series", "--keys", key)
    stale.write_bytes(b"what opens everything")
    said("backup", "erase", "--data", server.data, "--to", tmp_path / "series", "--keys", key)
    assert not stale.exists()


def test_a_folder_that_was_put_back_is_not_backed_up_into_its_series(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="plain")
    s3.put_object(Bucket="plain", Key="k", Body=b"x")
    series = tmp_path / "series"
    said("backup", "--data", server.data, "--to", series, "--keys", key)
    assert server.terminate() == 0
    shutil.copytree(server.data, tmp_path / "before")
    server.start()
    server.client().delete_object(Bucket="plain", Key="k")
    said("backup", "--data", server.data, "--to", series, "--keys", key)
    assert server.terminate() == 0
    done = onshore("backup", "--data", tmp_path / "before", "--to", series, "--keys", key)
    assert done.returncode == 2 and "put back" in done.stderr
    assert len(said("backup", "list", "--to", series, "--keys", key)) == 2


def test_damage_is_told_before_anything_is_removed(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="plain")
    for number in range(3):
        s3.put_object(Bucket="plain", Key="small", Body=b"%d" % number * 1000)
        s3.put_object(Bucket="plain", Key="large", Body=noise(f"large {number}", 200_000))
        said("backup", "--data", server.data, "--to", tmp_path / "good", "--keys", key)

    def broken(name):
        shutil.copytree(tmp_path / "good", tmp_path / name)
        shutil.copytree(tmp_path / "good.keys", tmp_path / f"{name}.keys")
        return tmp_path / name

    run = lambda series, command, *more: onshore("backup", command, "--to", series, "--keys", key, *more)
    one = broken("manifest")
    newest = sorted((one / "points").glob("*.json"))[-1]
    newest.write_bytes(newest.read_bytes()[:100])
    assert run(one, "prune", "--keep", 1).returncode == 1 and len(list((one / "points").glob("*.json"))) == 3
    two = broken("body")
    lost = two / sorted(manifest_of(two)["bodies"])[-1]
    lost.unlink()
    done = run(two, "prune", "--keep", 1)
    assert done.returncode == 1 and "nothing was removed" in done.stderr and len(list((two / "points").glob("*.json"))) == 3
    # What the data folder still has comes back with the next point.
    said("backup", "--data", server.data, "--to", two, "--keys", key)
    assert lost.exists() and run(two, "check").returncode == 0
    zeroed = broken("zeroed")
    victim = piece(zeroed, "onshore.db")
    victim.write_bytes(bytes(victim.stat().st_size))
    assert run(zeroed, "prune", "--keep", 1).returncode == 1 and len(list((zeroed / "points").glob("*.json"))) == 3
    three = broken("pieces")
    for path in (three / "pieces").glob("??/*"):
        path.write_bytes(b"")
    checked = run(three, "check", "--json")
    assert checked.returncode == 1 and len(json.loads(checked.stdout)["damaged"]) >= 3
    said("backup", "--data", server.data, "--to", three, "--keys", key)
    said("restore", three, "--data", tmp_path / "healed", "--keys", key)
    four = broken("store")
    with sqlite3.connect(f"{four}.keys/keys.db") as store:
        for owner, mark, content in store.execute("SELECT owner, mark, content FROM kept").fetchall():
            store.execute("UPDATE kept SET content = ? WHERE owner = ? AND mark = ?", (content[:-1] + bytes([content[-1] ^ 1]), owner, mark))
    store.close()
    assert run(four, "check").returncode == 1
    restored = onshore("restore", four, "--data", tmp_path / "never", "--keys", key)
    assert restored.returncode == 1 and "key store is damaged" in restored.stderr


def test_a_point_that_fails_takes_nothing_from_those_before(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="plain")
    upload = s3.create_multipart_upload(Bucket="plain", Key="parts")["UploadId"]
    part = s3.upload_part(Bucket="plain", Key="parts", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    series = tmp_path / "series"
    said("backup", "--data", server.data, "--to", series, "--keys", key)
    s3.complete_multipart_upload(Bucket="plain", Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    hidden = server.data / "credentials.toml"
    hidden.rename(server.data / "kept.toml")
    hidden.mkdir()
    assert onshore("backup", "--data", server.data, "--to", series, "--keys", key).returncode == 1
    hidden.rmdir()
    (server.data / "kept.toml").rename(hidden)
    assert said("restore", series, "--data", tmp_path / "back", "--keys", key)["uploads_left_out"] == 0
    again = serving(server, tmp_path / "back")
    try:
        uploads = again.client().list_multipart_uploads(Bucket="plain")["Uploads"]
        assert [entry["UploadId"] for entry in uploads] == [upload]
    finally:
        again.kill9()


def test_a_beginning_that_was_broken_off_begins_again(region, tmp_path):
    server, key = region
    series, store = tmp_path / "series", tmp_path / "store"
    begin = lambda *more: onshore("backup", "--data", server.data, "--to", series, "--keys", key, *more)
    in_the_way = tmp_path / "file"
    in_the_way.write_text("x")
    assert begin("--key-store", in_the_way).returncode == 1
    assert begin("--key-store", store).returncode == 0 and begin("--key-store", store).returncode == 0
    # Killed at any moment of its first run, the second one makes a point.
    for number in range(12):
        series, store = tmp_path / f"series-{number}", tmp_path / f"store-{number}"
        killed = subprocess.Popen([str(BINARY), "backup", "--data", server.data, "--to", series, "--keys", key, "--key-store", store], env=clean_env(), stdout=subprocess.DEVNULL)
        waited = [lambda: series.exists(), lambda: store.exists(), lambda: (store / "keys.db").exists(), lambda: (series / "series.json").exists(), lambda: (server.data / "backup.db").exists(), lambda: any(series.glob("pieces/??/*"))][number % 6]
        while killed.poll() is None and not waited():
            pass
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        done = begin("--key-store", store)
        assert done.returncode == 0, (number, done.stderr)
        assert said("backup", "check", "--to", series, "--keys", key, "--key-store", store)["sound"]


def test_what_is_to_be_apart_is_apart(region, tmp_path):
    server, key = region
    series = tmp_path / "series"
    link = tmp_path / "link"
    link.symlink_to(series)
    dangling = onshore("backup", "--data", server.data, "--to", series, "--keys", key, "--key-store", link / "k")
    assert dangling.returncode == 2 and "leads nowhere" in dangling.stderr
    link.unlink()
    link.symlink_to(server.data)
    for to, store in ((series, series), (series, series / "pieces/aa"), (server.data / "backups", tmp_path / "k"), (series, server.data / "k"), (series, link / "k"), (tmp_path, tmp_path / "k"), (series, tmp_path)):
        done = onshore("backup", "--data", server.data, "--to", to, "--keys", key, "--key-store", store)
        assert done.returncode == 2 and "apart" in done.stderr, (to, store, done.stderr)
    assert not series.exists()


def test_tags_that_are_erased_are_nowhere(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="plain")
    s3.put_object(Bucket="plain", Key="k", Body=b"x")
    s3.put_object_tagging(Bucket="plain", Key="k", Tagging={"TagSet": [{"Key": "z", "Value": "DIAGNOSISSECRET"}]})
    series = tmp_path / "series"
    said("backup", "--data", server.data, "--to", series, "--keys", key)
    assert b"DIAGNOSISSECRET" not in Thief(series, key).give(manifest_of(series)["pieces"]["onshore.db"])
    assert server.terminate() == 0
    assert b"DIAGNOSISSECRET" not in (server.data / "onshore.db").read_bytes()


def test_another_folder_destroys_nothing_of_a_series(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    series = tmp_path / "series"
    upload = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
    said("backup", "--data", server.data, "--to", series, "--keys", key)
    said("restore", series, "--data", tmp_path / "other", "--keys", key)
    s3.put_object(Bucket="kept", Key="later", Body=b"later")
    said("backup", "--data", server.data, "--to", series, "--keys", key)
    done = onshore("backup", "erase", "--data", tmp_path / "other", "--to", series, "--keys", key, "--bucket", "kept", "--key", "later")
    assert done.returncode == 2 and "another" in done.stderr
    assert said("backup", "erase", "--data", tmp_path / "other", "--to", series, "--keys", key) == {"erased": 0}
    assert said("restore", series, "--data", tmp_path / "again", "--keys", key)["uploads_left_out"] == 0
    again = serving(server, tmp_path / "again")
    try:
        assert read(again.client(), "kept", "later") == b"later"
        assert again.client().list_multipart_uploads(Bucket="kept")["Uploads"][0]["UploadId"] == upload
    finally:
        again.kill9()
    # A key store that was told to destroy what lives makes no point that would lack it.
    with sqlite3.connect(server.data / "onshore.db") as live, sqlite3.connect(f"{series}.keys/keys.db") as store:
        (owner,), = live.execute("SELECT id FROM versions").fetchall()
        store.execute("INSERT INTO erased (owner) VALUES (?)", (owner,))
    store.close()
    refused = onshore("backup", "--data", server.data, "--to", series, "--keys", key)
    assert refused.returncode == 1 and "told to destroy" in refused.stderr


def test_the_lost_ledger_tells_what_was_erased(region, tmp_path):
    server, key = region
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="gone", Body=b"person")
    s3.put_object(Bucket="kept", Key="here", Body=b"here")
    series = tmp_path / "series"
    said("backup", "--data", server.data, "--to", series, "--keys", key)
    server.cli("erase", "kept", "gone", "--every-version")
    assert server.terminate() == 0
    told = said("restore", series, "--data", tmp_path / "back", "--keys", key, "--ledger", server.data / "ledger")
    assert told["erased_versions"] == 1 and told["lost_versions"] == []
    again = serving(server, tmp_path / "back")
    try:
        assert is_gone(again.client(), "kept", "gone") and read(again.client(), "kept", "here") == b"here"
    finally:
        again.kill9()
    assert said("backup", "erase", "--data", tmp_path / "back", "--to", series, "--keys", key) == {"erased": 1}


def test_folders_are_apart_by_any_path(region, tmp_path):
    server, key = region
    sly = tmp_path / "nope/.." / server.data.name / "inner"
    for to, store in ((sly, tmp_path / "k"), (tmp_path / "s", sly)):
        done = onshore("backup", "--data", server.data, "--to", to, "--keys", key, "--key-store", store)
        assert done.returncode == 2 and not (server.data / "inner").exists()
    said("backup", "--data", server.data, "--to", tmp_path / "series", "--keys", key)
    inside = onshore("restore", tmp_path / "series", "--data", tmp_path / "series/data", "--keys", key)
    assert inside.returncode == 2 and "apart" in inside.stderr

