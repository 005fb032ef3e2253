"""fsck: a folder is damaged in one way at a time, and exactly that is found. No object key is ever printed."""

import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from onshore_server import BINARY, CONFIG, Server, clean_env

SECRET = "very-secret-name"


def run(data, *args, key=None):
    config = data.parent / "fsck.toml"
    config.write_text(CONFIG + (f'[keys]\nroot_key_file = "{key}"\n' if key else ""))
    return subprocess.run(
        [BINARY, "fsck", "--data", data, "--config", config, *args],
        env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )


def fsck(data, *args, key=None):
    """Returns the exit status, and how often each fault was found."""
    done = run(data, "--json", *args, key=key)
    assert done.returncode in (0, 1), done.stderr
    people = run(data, *args, key=key) if "--repair" not in args else done
    for text in (done.stdout, done.stderr, people.stdout, people.stderr):
        assert SECRET not in text
    said = json.loads(done.stdout)
    assert said["clean"] is (done.returncode == 0) and people.returncode == done.returncode
    for finding in said["findings"]:
        assert "--repair" in args or finding["fault"] in people.stdout
    return done.returncode, {finding["fault"]: finding["count"] for finding in said["findings"]}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A folder with something of every kind in it, shut down in order."""
    server = Server(tmp_path_factory.mktemp("sound") / "data").start()
    try:
        s3 = server.client()
        s3.create_bucket(Bucket="plain")
        for number in range(300):
            s3.put_object(Bucket="plain", Key=f"{SECRET}/{number}", Body=b"small", Metadata={"onshore-class": "general"})
        for number in range(3):
            s3.put_object(Bucket="plain", Key=f"{SECRET}/large/{number}", Body=os.urandom(200_000 + number))
        s3.put_object(Bucket="plain", Key=f"{SECRET}/empty", Body=b"")
        s3.create_bucket(Bucket="turned")
        s3.put_bucket_versioning(Bucket="turned", VersioningConfiguration={"Status": "Enabled"})
        for number in range(3):
            s3.put_object(Bucket="turned", Key=SECRET, Body=os.urandom(100_000))
        s3.put_object(Bucket="turned", Key=f"{SECRET}-gone", Body=b"x")
        s3.delete_object(Bucket="turned", Key=f"{SECRET}-gone")
        upload = s3.create_multipart_upload(Bucket="plain", Key=f"{SECRET}-parts")["UploadId"]
        for number in (1, 2):
            s3.upload_part(Bucket="plain", Key=f"{SECRET}-parts", UploadId=upload, PartNumber=number, Body=os.urandom(100_000 * number))
        done = s3.create_multipart_upload(Bucket="plain", Key=f"{SECRET}-whole")["UploadId"]
        parts = [
            {"PartNumber": number, "ETag": s3.upload_part(Bucket="plain", Key=f"{SECRET}-whole", UploadId=done, PartNumber=number, Body=body)["ETag"]}
            for number, body in ((1, bytes(5 << 20)), (7, b"tail"))
        ]
        s3.complete_multipart_upload(Bucket="plain", Key=f"{SECRET}-whole", UploadId=done, MultipartUpload={"Parts": parts})
        server.grant("personal", "US", 1 << 20)
        in_use = run(server.data)
        assert in_use.returncode == 2 and "stop it" in in_use.stderr
        assert server.terminate() == 0
        yield server.data
    finally:
        server.kill9()


@pytest.fixture
def copy(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "data")


def sql(data, *statements):
    with sqlite3.connect(data / "onshore.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def one(data, query):
    connection = sqlite3.connect(data / "onshore.db")
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()


def a_file(data):
    return sorted(path for path in (data / "objects").glob("??/*") if path.stat().st_size > 200_000)[0]


def test_a_sound_folder_is_clean_and_stays_as_it_is(copy):
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    assert fsck(copy) == (0, {})
    after = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file() and path.suffix not in (".db-wal", ".db-shm")}
    for path, bytes_ in after.items():
        assert path.name.startswith("onshore.db-") or before.get(path) == bytes_, path
    said = json.loads(run(copy, "--json").stdout)
    assert said["versions"] == 309 and said["uploads"] == 1 and said["files"] == 9 and said["leaves"] > 300


def test_a_killed_server_leaves_nothing_but_orphans(make_server):
    server = make_server("killed")
    s3 = server.client()
    s3.create_bucket(Bucket="killed")
    s3.put_object(Bucket="killed", Key=SECRET, Body=bytes(100_000))
    server.kill9()
    status, found = fsck(server.data)
    assert set(found) <= {"file-without-row", "file-unfinished", "tile-differs"}, found


def test_files(copy):
    a_file(copy).unlink()
    assert fsck(copy) == (1, {"file-missing": 1})
    with open(a_file(copy), "ab") as file:
        file.write(b"x")
    assert fsck(copy) == (1, {"file-missing": 1, "file-length": 1})


def test_orphans_are_removed_and_nothing_else(copy):
    shutil.copy(a_file(copy), copy / "objects/ab" / ("ab" + "0" * 30))
    (copy / "objects/staging/begun").write_bytes(b"x")
    (copy / "objects/cd/stranger").write_bytes(b"x")
    found = {"file-without-row": 1, "file-unfinished": 1, "file-strange": 1}
    files = sum(path.is_file() for path in (copy / "objects").rglob("*"))
    assert fsck(copy) == (1, found)
    assert sum(path.is_file() for path in (copy / "objects").rglob("*")) == files
    assert fsck(copy, "--repair") == (1, found)
    assert sum(path.is_file() for path in (copy / "objects").rglob("*")) == files - 2
    (copy / "objects/cd/stranger").unlink()
    assert fsck(copy) == (0, {})
    (copy / "objects/staging/begun").write_bytes(b"x")
    assert fsck(copy, "--repair") == (0, {"file-unfinished": 1})


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM objects WHERE size = 5 AND key = (SELECT min(key) FROM objects WHERE size = 5)", {"version-without-key": 1}),
        ("UPDATE objects SET label = 'core' WHERE size = 200000", {"facts-differ": 1}),
        ("UPDATE objects SET size = 200009 WHERE size = 200000", {"facts-differ": 1, "usage-differs": 1}),
        ("UPDATE usage SET bytes = bytes - 1 WHERE bytes = (SELECT max(bytes) FROM usage)", {"usage-differs": 1}),
        ("UPDATE objects SET key = x'6e6577' WHERE size = 200000", {"facts-differ": 1}),
        ("UPDATE versions SET facts = zeroblob(100) WHERE id = (SELECT version FROM objects WHERE size = 200000)", {"facts-shut": 1}),
        ("UPDATE versions SET wrapped = zeroblob(100) WHERE id = (SELECT version FROM objects WHERE size = 200000)", {"facts-shut": 1}),
        ("DELETE FROM versions WHERE id = (SELECT version FROM objects WHERE size = 200000)", {"key-without-version": 1, "body-without-owner": 1}),
        ("DELETE FROM bodies WHERE owner = (SELECT version FROM objects WHERE size = 200000)", {"body-missing": 1, "file-without-row": 1}),
        ("UPDATE bodies SET sealed = x'00' WHERE owner = (SELECT version FROM objects WHERE size = 200000)", {"body-differs": 1, "file-without-row": 1}),
        ("INSERT INTO bodies (owner, part, body, sealed) SELECT version, 99, zeroblob(16), x'00' FROM objects WHERE size = 200000", {"body-surplus": 1}),
        ("INSERT INTO bodies (owner, part, body, sealed) VALUES (zeroblob(16), 1, zeroblob(16), x'00')", {"body-without-owner": 1}),
        ("UPDATE objects SET turn = 0 WHERE bucket = (SELECT id FROM buckets WHERE name = 'turned')", {"turns-crossed": 1}),
        ("DELETE FROM objects WHERE bucket = (SELECT id FROM buckets WHERE name = 'turned')", {"version-without-key": 1, "key-without-current": 1}),
        ("UPDATE history SET kind = 'object' WHERE kind = 'marker'", {"key-without-version": 1, "key-without-current": 1, "usage-differs": 1}),
        ("UPDATE uploads SET facts = zeroblob(50)", {"upload-shut": 1}),
        ("UPDATE parts SET facts = zeroblob(50) WHERE number = 2", {"upload-shut": 1}),
        ("DELETE FROM uploads", {"part-without-upload": 1, "usage-differs": 1}),
        ("DELETE FROM parts WHERE number = 2", {"body-without-owner": 1}),
        ("UPDATE tenant_keys SET wrapped = zeroblob(60)", {"tenant-key-shut": 2}),
        ("UPDATE leaves SET body = replace(CAST(body AS TEXT), 'kind', 'kinb') WHERE idx = 3", None),
        ("UPDATE leaves SET hash = zeroblob(32) WHERE idx = 3", {"leaf-damaged": 1}),
        ("DELETE FROM leaves WHERE idx = (SELECT max(idx) FROM leaves)", {"ledger-rewritten": 1, "record-without-leaf": 1}),
        ("UPDATE ledger_key SET sealed_seed = zeroblob(60)", {"ledger-key-shut": 1}),
        ("DELETE FROM ledger_key", {"ledger-key-shut": 1}),
        ("UPDATE records SET salt = zeroblob(32) WHERE idx = (SELECT min(idx) FROM records)", {"record-differs": 1}),
        ("INSERT INTO records (idx, salt, record) VALUES (999999, zeroblob(32), x'7b7d')", {"record-without-leaf": 1}),
        ("UPDATE epochs SET leaf = 999999", {"record-beyond-ledger": 1}),
        ("UPDATE access_keys SET tenant = zeroblob(16)", {"reference-broken": 1}),
    ],
)
def test_rows(copy, statement, found):
    if statement.startswith("UPDATE leaves SET body"):
        statement = statement.replace("replace(CAST(body AS TEXT), 'kind', 'kinb')", "CAST(replace(CAST(body AS TEXT), 'kind', 'kinb') AS BLOB)")
        found = {"leaf-damaged", "ledger-rewritten", "tile-differs"}
    sql(copy, statement)
    status, said = fsck(copy)
    assert status == 1
    if isinstance(found, set):
        assert set(said) & found and set(said) <= found, said
    else:
        assert said == found


def test_a_tile_and_a_checkpoint_that_are_gone_come_back(copy, make_server):
    full = sorted((copy / "ledger/tile").rglob("*"))
    tiles = [path for path in full if path.is_file()]
    tiles[0].write_bytes(b"x")
    tiles[-1].unlink()
    status, found = fsck(copy)
    assert status == 1 and set(found) == {"tile-differs"}
    server = Server(copy).start()
    assert server.terminate() == 0
    assert fsck(copy) == (0, {})
    shutil.rmtree(copy / "ledger")
    assert fsck(copy)[0] == 1


def test_another_root_key_opens_nothing(copy, sound, tmp_path):
    other = tmp_path / "other.key"
    other.touch(0o600)
    other.write_text("0" * 64 + "\n")
    status, found = fsck(copy, key=other)
    assert status == 1 and {"ledger-key-shut", "tenant-key-shut"} <= set(found)


def test_a_database_that_is_damaged_or_none(copy):
    bytes_ = bytearray((copy / "onshore.db").read_bytes())
    for page in range(3, len(bytes_) // 8192, 2):
        bytes_[page * 8192 + 100 : page * 8192 + 4000] = os.urandom(3900)
    (copy / "onshore.db").write_bytes(bytes_)
    status, found = fsck(copy)
    assert status == 1 and {"database-damaged", "unreadable"} & set(found)
    (copy / "onshore.db").write_bytes(b"not a database" * 1000)
    assert fsck(copy) == (1, {"unreadable": 1})


def test_wrong_usage(copy, tmp_path):
    def alone(*args):
        return subprocess.run([BINARY, "fsck", *map(str, args)], env=clean_env(), capture_output=True, text=True, timeout=60)

    assert alone().returncode == 2
    assert alone("--data", tmp_path / "nothing").returncode == 2
    (copy / "root.key").unlink()
    done = alone("--data", copy)
    assert done.returncode == 2 and "root.key" in done.stderr and not (copy / "root.key").exists()
