"""Clouds that speak S3 each in its own way: what vouches for bytes, what an ETag says, how a listing goes on, what cannot be read."""

import hashlib
import json
import os

import pytest

from dialects import Cloud, Object, crc64_of_repeated
from test_migrate import everything

MIB = 1 << 20
ENV = {"AWS_ACCESS_KEY_ID": "source-key", "AWS_SECRET_ACCESS_KEY": "source-secret", "AWS_REGION": "us-east-1"}
RANDOM_ETAG = "5B3C1A2E053D763E1B002CC607C5A0FE-2"


@pytest.fixture
def cloud():
    opened = []

    def make(objects, prefix, **more):
        opened.append(Cloud(objects, prefix, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def migrate(server, source, bucket, cloud, *args, status=0, env=ENV):
    done = server.run("migrate", source, bucket, "--endpoint", cloud.url, *args, env=env, timeout=170)
    assert done.returncode == status, done
    return done


def certificate(server, source, bucket, cloud, tmp_path, *args, status=0, env=ENV):
    path = tmp_path / f"{bucket}.json"
    migrate(server, source, bucket, cloud, "--certificate", path, *args, status=status, env=env)
    return json.loads(path.read_text())


def repeated(size):
    block = os.urandom(1000)
    return block * (size // 1000), crc64_of_repeated(block, size // 1000)


def objects_of():
    objects = {f"docs/{number:03}": Object(os.urandom(100 + number)) for number in range(250)}
    body, crc = repeated(3 * MIB)
    objects["parts"] = Object(body, kind="Multipart", etag=RANDOM_ETAG, crc=crc)
    objects["log"] = Object(b"line\n" * 1000, kind="Appendable", etag=RANDOM_ETAG)
    body, crc = repeated(70 * MIB)
    objects["large"] = Object(body, kind="Multipart", etag=RANDOM_ETAG.replace("-2", "-9"), crc=crc)
    objects["odd +%\t\x01//./é"] = Object(b"odd")
    objects["empty"] = Object(b"")
    return objects


@pytest.mark.parametrize(("scheme", "prefix", "by_marker"), [("oss", "x-oss-", False), ("cos", "x-cos-", True)])
def test_a_crc64_vouches_where_the_etag_does_not(server, cloud, tmp_path, scheme, prefix, by_marker):
    objects = objects_of()
    source = cloud(objects, prefix, by_marker=by_marker)
    found = certificate(server, f"{scheme}://bucket", f"onshore-{scheme}", source, tmp_path)
    ours = everything(server.client(), f"onshore-{scheme}")
    assert {key: body for key, (body, _) in ours.items()} == {key: one.body for key, one in objects.items()}
    methods = {entry["key"]: entry["method"] for entry in found["objects"]}
    assert set(methods) == set(objects) and set(methods.values()) == {"checksum-crc64ecma"}
    assert found["body"]["source"].startswith(f"{scheme}://bucket/ at {source.url}")
    # ETags that are an MD5 stay; nothing was asked for that such a cloud does not know.
    assert ours["docs/001"][1] == f'"{hashlib.md5(objects["docs/001"].body).hexdigest()}"'
    assert not [path for _, path, headers in source.asked if "x-amz-checksum-mode" in headers]
    # Each object was read once: the checksum spares the second reading.
    reads = [path for method, path, _ in source.asked if method == "GET" and path.startswith("/bucket/docs/007?") and "tagging" not in path]
    assert len(reads) == 1, reads


@pytest.mark.parametrize("size", [1000, 5 * MIB, 70 * MIB])
def test_a_wrong_byte_is_found_by_the_crc64(server, cloud, tmp_path, size):
    right, crc = repeated(size)
    size = len(right)
    wrong = right[: size // 2] + bytes([right[size // 2] ^ 1]) + right[size // 2 + 1 :]
    objects = {"good": Object(b"good"), "wrong": Object(wrong, kind="Multipart", etag=RANDOM_ETAG, crc=crc)}
    bucket = f"onshore-wrong-{size}"
    found = certificate(server, "oss://bucket", bucket, cloud(objects, "x-oss-"), tmp_path, status=1)
    (exception,) = found["body"]["exceptions"]
    assert (exception["key"], exception["reason"]) == ("wrong", "bytes-differ")
    assert set(everything(server.client(), bucket)) == {"good"}


def test_links_and_archives_are_named(server, cloud, tmp_path):
    objects = {
        "good": Object(b"good"),
        "link": Object(b"what it points to", kind="Symlink"),
        "cold": Object(b"cold", tier="ColdArchive"),
        "warm": Object(b"warm"),
    }
    source = cloud(objects, "x-oss-")
    report = server.run("--json", "migrate", "oss://bucket", "onshore-named", "--endpoint", source.url, "--dry-run", env=ENV)
    assert report.returncode == 1
    cannot = {one["reason"]: one["keys"] for one in json.loads(report.stdout)["cannot"]}
    assert cannot == {"symbolic-link": ["link"], "archived": ["cold"]}
    found = certificate(server, "oss://bucket", "onshore-named", source, tmp_path, status=1)
    assert {(one["key"], one["reason"]) for one in found["body"]["exceptions"]} == {("link", "symbolic-link"), ("cold", "archived")}
    assert set(everything(server.client(), "onshore-named")) == {"good", "warm"}


def test_an_endpoint_at_loopback_speaks_what_is_named(server, cloud, tmp_path):
    objects = {"parts": Object(os.urandom(1000), kind="Multipart", etag=RANDOM_ETAG)}
    source = cloud(objects, "x-oss-")
    named = certificate(server, "s3://bucket", "onshore-spoken", source, tmp_path, "--dialect", "oss")
    assert named["objects"][0]["method"] == "checksum-crc64ecma"
    # Nobody says so: its own headers mean nothing, and what nothing vouches for is read twice.
    other = certificate(server, "s3://bucket", "onshore-unspoken", source, tmp_path)
    assert other["objects"][0]["method"] == "read-twice"


def test_variables_of_the_clouds_own_tools_open_it(server, cloud, tmp_path):
    source = cloud({"k": Object(b"k")}, "x-oss-")
    env = {"OSS_ACCESS_KEY_ID": "LTAI-source", "OSS_ACCESS_KEY_SECRET": "oss-secret", **{name: "" for name in ENV}}
    certificate(server, "oss://bucket", "onshore-variables", source, tmp_path, env=env)
    done = migrate(server, "oss://bucket", "onshore-half", source, status=2, env={"OSS_ACCESS_KEY_ID": "LTAI-source"})
    assert "OSS_ACCESS_KEY_SECRET" in done.stderr
    assert "oss-secret" not in server.log + done.stderr


def test_what_does_not_go_together_says_what_to_do(server):
    for args, word in [
        (("oss://bucket", "onshore-b"), "--region"),
        (("r2://bucket", "onshore-b"), "--account-id"),
        (("minio://bucket", "onshore-b"), "not supported"),
        (("s3://bucket", "onshore-b", "--dialect", "minio"), "--endpoint"),
        (("oss://bucket", "onshore-b", "--region", "x", "--dialect", "cos"), "not the same"),
        (("s3://bucket", "onshore-b", "--dialect", "aliyun"), "possible values"),
    ]:
        done = server.run("migrate", *args, env={"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"})
        assert done.returncode == 2 and word in done.stderr, done
