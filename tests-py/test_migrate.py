"""Migration from a third-party server and from a folder: everything arrives or is named, and the certificate proves it."""

import base64
import hashlib
import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import keys
from onshore_server import BINARY, CONFIG, clean_env, find

MIB = 1 << 20
# moto, the third-party server, cannot be asked for these; they are brought from a folder or not at all.
# The AWS SDK for Rust builds no request for a key of blanks alone: such a key is named as an exception.
NOT_FOR_MOTO = {" ", "/", "//", "//a", "/leading", ".", "..", "./a", "../a", "a/./b", "a/../b", "a/.", "a/.."}


def source_bucket(moto, name, objects):
    s3 = moto.client()
    s3.create_bucket(Bucket=name)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda item: s3.put_object(Bucket=name, Key=item[0], **item[1]), objects.items()))
    return s3


def migrate(server, moto, source, bucket, *args, certificate=None, status=0, timeout=170):
    done = server.run(
        "migrate", source, bucket, "--endpoint", moto.url, *args, *(["--certificate", certificate] if certificate else []), env=moto.env, timeout=timeout
    )
    assert done.returncode == status, done
    return done


def everything(s3, bucket, **more):
    found = [item for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **more) for item in page.get("Contents", [])]
    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda item: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read(), found))
    return {item["Key"]: (body, item["ETag"]) for item, body in zip(found, bodies)}


def everything_listed(s3, bucket):
    return [item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket) for item in page.get("Contents", [])]


@pytest.fixture(scope="module")
def documents(moto):
    """All kinds of objects at the source."""
    objects = {key: dict(Body=keys.body_of(key)) for key in keys.PLAIN if key not in NOT_FOR_MOTO}
    objects |= {f"docs/{number:03}.html": dict(Body=b"<p>%d" % number, ContentType="text/html", Metadata={"n": str(number)}) for number in range(100)}
    objects["tagged"] = dict(Body=b"t", Tagging="one=1&two=b%20c")
    objects["headers"] = dict(Body=b"h", ContentType="text/h", CacheControl="max-age=1", ContentDisposition="inline", ContentLanguage="zh", ContentEncoding="x-none")
    objects["strict"] = dict(Body=b"s", Metadata={"onshore-class": "core,sensitive-personal"})
    objects["loose"] = dict(Body=b"l", Metadata={"onshore-class": "general"})
    objects["checksummed"] = dict(Body=b"c", ChecksumAlgorithm="SHA256")
    s3 = source_bucket(moto, "docs", objects)
    for key, sizes in (("parts", [5 * MIB, 5 * MIB, 1234]), ("odd-parts", [6 * MIB, 5 * MIB + 1, 7])):
        upload = s3.create_multipart_upload(Bucket="docs", Key=key, ContentType="text/parts", Metadata={"p": "1"})["UploadId"]
        parts = [
            {"PartNumber": n, "ETag": s3.upload_part(Bucket="docs", Key=key, UploadId=upload, PartNumber=n, Body=bytes([n]) * size)["ETag"]}
            for n, size in enumerate(sizes, 1)
        ]
        s3.complete_multipart_upload(Bucket="docs", Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    return "docs"


@pytest.fixture(scope="module")
def migrated(server, moto, documents, tmp_path_factory):
    path = tmp_path_factory.mktemp("certificate") / "certificate.json"
    done = migrate(server, moto, f"s3://{documents}", "onshore-docs", "--class", "personal", certificate=path)
    return path, done


def test_every_object_arrives_as_it_was(server, moto, documents, migrated):
    theirs, ours = everything(moto.client(), documents), everything(server.client(), "onshore-docs")
    assert set(theirs) == set(ours)
    for key in theirs:
        assert ours[key] == theirs[key], key


def test_what_belongs_to_an_object_arrives_with_it(server, moto, migrated):
    theirs, ours = moto.client(), server.client()
    for key in ("headers", "parts", "docs/007.html"):
        one, two = theirs.head_object(Bucket="docs", Key=key), ours.head_object(Bucket="onshore-docs", Key=key)
        for name in ("ContentType", "CacheControl", "ContentDisposition", "ContentLanguage", "ContentEncoding", "Metadata", "ETag", "ContentLength"):
            assert one.get(name) == two.get(name), (key, name)
    tags = lambda s3, bucket: sorted((tag["Key"], tag["Value"]) for tag in s3.get_object_tagging(Bucket=bucket, Key="tagged")["TagSet"])
    assert tags(ours, "onshore-docs") == tags(theirs, "docs") == [("one", "1"), ("two", "b c")]


def test_a_class_at_the_source_can_only_tighten(server, migrated, tmp_path):
    body = json.loads(migrated[0].read_text())
    labels = {entry["key"]: entry["label"] for entry in body["objects"]}
    assert labels["strict"] == "core,sensitive-personal"
    assert labels["loose"] == "personal"
    assert labels["tagged"] == "personal"
    with pytest.raises(ClientError):
        server.client(source="127.0.0.66").get_object(Bucket="onshore-docs", Key="loose")


def test_the_certificate_lists_and_proves(server, migrated, tmp_path):
    path, _ = migrated
    said = server.run("verify", path, "--key", server.vkey)
    assert said.returncode == 0, said
    certificate = json.loads(path.read_text())
    body = certificate["body"]
    ours = everything(server.client(), "onshore-docs")
    assert body["listing"] == "complete as listed by Onshore"
    assert body["counts"] == {"listed": len(ours), "copied": len(ours), "unchanged": 0, "exceptions": 0}
    assert body["bytes"] == sum(len(content) for content, _ in ours.values())
    for entry in certificate["objects"]:
        assert entry["sha256"] == hashlib.sha256(ours[entry["key"]][0]).hexdigest()
        assert entry["method"]
    assert server.run("verify", path, "--key", server.vkey, "--object", "docs/007.html").returncode == 0
    assert server.run("verify", path, "--key", server.vkey, "--object", "docs/absent").returncode == 1
    assert server.run("verify", path).returncode == 2
    for secret in ("source-secret", "source-key"):
        assert secret not in path.read_text() and secret not in server.log


def test_a_spoiled_certificate_is_refused(server, migrated, tmp_path):
    good = migrated[0].read_bytes()
    path = tmp_path / "spoiled.json"
    document = json.loads(good)

    def refused(text):
        path.write_text(text)
        return server.run("verify", path, "--key", server.vkey).returncode == 1

    for place in range(0, len(good), len(good) // 40):
        spoiled = bytearray(good)
        spoiled[place] ^= 1
        path.write_bytes(bytes(spoiled))
        try:
            if json.loads(spoiled) == document:
                continue
        except ValueError:
            pass
        assert server.run("verify", path, "--key", server.vkey).returncode == 1, place
    fewer = json.loads(good)
    fewer["objects"].pop()
    assert refused(json.dumps(fewer))
    more = json.loads(good)
    more["body"]["counts"]["listed"] += 1
    assert refused(json.dumps(more))
    assert refused(good.decode() + " x")
    assert refused("")
    stolen = make_vkey_of_a_stranger()
    path.write_bytes(good)
    assert server.run("verify", path, "--key", stolen).returncode == 1


def make_vkey_of_a_stranger():
    public = b"\x01" + Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key_hash = hashlib.sha256(b"stranger\n" + public).digest()[:4].hex()
    return f"stranger+{key_hash}+{base64.b64encode(public).decode()}"


def test_a_second_run_copies_only_what_changed(server, moto, tmp_path):
    s3 = source_bucket(moto, "twice", {f"k{number}": dict(Body=b"%d" % number) for number in range(50)})
    migrate(server, moto, "s3://twice", "onshore-twice", "--class", "general")
    s3.put_object(Bucket="twice", Key="k7", Body=b"changed")
    s3.put_object(Bucket="twice", Key="new", Body=b"new")
    path = tmp_path / "second.json"
    migrate(server, moto, "s3://twice", "onshore-twice", "--class", "general", certificate=path)
    counts = json.loads(path.read_text())["body"]["counts"]
    assert counts == {"listed": 51, "copied": 2, "unchanged": 49, "exceptions": 0}
    assert server.run("verify", path, "--key", server.vkey).returncode == 0
    assert everything(server.client(), "onshore-twice") == everything(s3, "twice")


def test_a_prefix(server, moto):
    source_bucket(moto, "prefixed", {"a/1": dict(Body=b"1"), "a/2": dict(Body=b"2"), "b/3": dict(Body=b"3")})
    migrate(server, moto, "s3://prefixed/a/", "onshore-prefixed", "--class", "general")
    assert sum(1 for _ in everything(server.client(), "onshore-prefixed")) == 2


def test_kill_nine_and_run_again(make_server, moto, tmp_path):
    server = make_server("killed")
    s3 = source_bucket(moto, "killed", {f"k{number:04}": dict(Body=os.urandom(3000)) for number in range(800)})
    s3.put_object(Bucket="killed", Key="large", Body=os.urandom(30 * MIB))
    migrate(server, moto, "s3://killed", "onshore-killed", "--class", "personal", "--detach")
    until = time.monotonic() + 60
    while True:  # the kill comes when some objects have arrived, however fast the machine is
        try:
            count = server.client().list_objects_v2(Bucket="onshore-killed")["KeyCount"]
        except ClientError:
            count = 0
        if count >= 50 or time.monotonic() > until:
            break
    assert count >= 50
    server.kill9()
    server.output = []
    server.start()
    path = tmp_path / "certificate.json"
    migrate(server, moto, "s3://killed", "onshore-killed", "--class", "personal", certificate=path)
    assert everything(server.client(), "onshore-killed") == everything(s3, "killed")
    assert server.run("verify", path, "--key", server.vkey).returncode == 0
    counts = json.loads(path.read_text())["body"]["counts"]
    assert counts["listed"] == 801 and counts["exceptions"] == 0


def test_an_incomplete_migration_says_so(server, moto, tmp_path):
    s3 = source_bucket(moto, "holes", {"good": dict(Body=b"g"), "frozen": dict(Body=b"f", StorageClass="GLACIER"), " ": dict(Body=b"blank")})
    path = tmp_path / "certificate.json"
    migrate(server, moto, "s3://holes", "onshore-holes", "--class", "general", certificate=path, status=1)
    body = json.loads(path.read_text())["body"]
    assert body["listing"] == "incomplete"
    arrived = set(everything(server.client(), "onshore-holes"))
    assert "good" in arrived and "frozen" not in arrived
    assert {item["key"] for item in body["exceptions"]} | arrived == set(everything_listed(s3, "holes")), "what did not arrive is named"
    assert server.run("verify", path, "--key", server.vkey).returncode in (0, 1)


def test_sources_that_are_not_there(server, moto):
    migrate(server, moto, "s3://no-such-bucket", "onshore-none", "--class", "general", status=1)
    for source in ("ftp://x/y", "s3://", "s3:///x", ""):
        done = server.run("migrate", source, "onshore-none", "--endpoint", moto.url, env=moto.env)
        assert done.returncode in (1, 2) and "panicked" not in done.stderr, (source, done)
    assert server.run("migrate", "s3://docs", "Bad_Bucket", "--endpoint", moto.url, env=moto.env).returncode in (1, 2)
    assert server.run("migrate", "s3://docs", "onshore-x", "--class", "secret", "--endpoint", moto.url, env=moto.env).returncode in (1, 2)


def test_jobs_are_shown_and_canceled(server, moto):
    source_bucket(moto, "canceled", {f"k{number:04}": dict(Body=b"x" * 2000) for number in range(500)})
    server.run("migrate", "s3://canceled", "onshore-canceled", "--class", "general", "--endpoint", moto.url, "--detach", env=moto.env)
    jobs = server.cli("job", "list")
    jobs = jobs if isinstance(jobs, list) else jobs["jobs"]
    mine = [job for job in jobs if "onshore-canceled" in json.dumps(job)]
    assert len(mine) == 1
    identity = mine[0]["id"]
    server.run("job", "cancel", identity)
    until = time.monotonic() + 60
    while True:
        shown = server.cli("job", "show", identity)
        state = str(find(shown, "state")).lower()
        if "cancel" in state or "complete" in state or "done" in state or time.monotonic() > until:
            break
    assert "running" not in state, shown
    assert "source-secret" not in json.dumps(shown)


# Folders


@pytest.fixture(scope="module")
def folders(make_server, tmp_path_factory):
    """A server that may read below one folder."""
    root = tmp_path_factory.mktemp("roots")
    (root / "outside").mkdir()
    (root / "outside" / "secret").write_text("not yours")
    allowed = root / "allowed"
    allowed.mkdir()
    server = make_server("folders", config=CONFIG + f'\n[migrate]\nroots = ["{allowed}"]\n')
    return server, allowed


def test_a_folder_arrives(folders, tmp_path):
    server, allowed = folders
    tree = allowed / "tree"
    files = {"a.html": b"<p>", "sub/deep/b.txt": b"b", "empty": b"", "\u6587\u6863/\u4e2d.txt": b"c", "a b+c#d": b"d", "large": os.urandom(9 * MIB)}
    for name, body in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(body)
    path = tmp_path / "certificate.json"
    done = server.run("migrate", tree, "folder", "--class", "personal", "--certificate", path)
    assert done.returncode == 0, done
    assert {key: body for key, (body, _) in everything(server.client(), "folder").items()} == files
    assert server.client().head_object(Bucket="folder", Key="a.html")["ContentType"] == "text/html"
    assert server.run("verify", path, "--key", server.vkey, "--object", "empty").returncode == 0
    (tree / "a.html").write_bytes(b"<p>changed")
    second = tmp_path / "second.json"
    assert server.run("migrate", tree, "folder", "--class", "personal", "--certificate", second).returncode == 0
    assert json.loads(second.read_text())["body"]["counts"]["copied"] == 1


def test_no_link_leads_out(folders, tmp_path):
    server, allowed = folders
    tree = allowed / "links"
    tree.mkdir()
    (tree / "good").write_text("good")
    (tree / "file").symlink_to(allowed.parent / "outside" / "secret")
    (tree / "folder").symlink_to(allowed.parent / "outside")
    (tree / "passwd").symlink_to("/etc/passwd")
    (tree / "loop").symlink_to(tree)
    (tree / "dangling").symlink_to(tree / "nothing")
    path = tmp_path / "certificate.json"
    done = server.run("migrate", tree, "links", "--class", "general", "--certificate", path)
    assert done.returncode == 1, done
    assert set(everything(server.client(), "links")) == {"good"}
    named = {item["key"].rstrip("/") for item in json.loads(path.read_text())["body"]["exceptions"]}
    assert {"file", "folder", "passwd"} <= named


@pytest.mark.parametrize("where", ["outside", "allowed/../outside", "link", "/etc"])
def test_only_below_the_roots(folders, where):
    server, allowed = folders
    link = allowed / "link"
    if not link.is_symlink():
        link.symlink_to(allowed.parent / "outside")
    path = {"link": link, "/etc": "/etc"}.get(where) or allowed.parent / where
    done = server.run("migrate", path, "outside", "--class", "general")
    assert done.returncode in (1, 2), done
    try:
        assert everything(server.client(), "outside") == {}
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchBucket"


def test_a_folder_without_roots_is_refused(server, tmp_path):
    (tmp_path / "a").write_text("a")
    assert server.run("migrate", tmp_path, "noroots", "--class", "general").returncode in (1, 2)


def test_without_a_server_it_runs_in_process(make_server, moto, documents, tmp_path):
    server = make_server("inprocess")
    assert server.terminate() == 0
    source_bucket(moto, "alone", {"a": dict(Body=b"a"), "b": dict(Body=b"b")})
    path = tmp_path / "certificate.json"
    command = [BINARY, "migrate", "s3://alone", "alone", "--class", "general", "--endpoint", moto.url, "--data", server.data, "--certificate", path]
    done = subprocess.run([str(part) for part in command], env=clean_env(**moto.env), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done
    assert server.run("verify", path, "--key", server.vkey).returncode == 0
    server.output = []
    server.start()
    assert {key: body for key, (body, _) in everything(server.client(), "alone").items()} == {"a": b"a", "b": b"b"}
