"""s3cmd: the tool of many backup scripts. It signs by itself, guesses the region and learns better from the answer."""

import hashlib

import pytest

from calls import MIB, code, exists, get, headers, listed, refusal
from clients import plant, run, same

ODD = "a b+c&d#e?f=g%41%.txt"
TREE = {
    "plain.txt": b"plain",
    "empty": b"",
    "sub/deep/er.html": b"<p>deep</p>",
    f"sub/{ODD}": b"odd",
    "sub/quotes'\"<&>.txt": b"quotes",
    "sub/\u6587\u6863 caf\u00e9.txt": b"beyond ASCII",
    "sub/~tilde (1) [2] {3} $4 @5 ;6,7!8*.txt": b"signs",
    **{f"many/{number:03}.txt": str(number).encode() for number in range(30)},
}


@pytest.fixture(scope="module")
def s3cmd(server, tmp_path_factory):
    """Calls s3cmd, told no region: it starts with us-east-1, as it does for those who never configure one."""
    config = tmp_path_factory.mktemp("s3cmd") / "config"
    host = f"{server.s3_host}:{server.s3_port}"
    settings = {
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "host_base": host,
        "host_bucket": host,
        "use_https": False,
        "signature_v2": False,
        "progress_meter": False,
        "multipart_copy_chunk_size_mb": 5,
        "max_retries": 1,
    }
    config.write_text("[default]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    return lambda *args, **more: run(server, "s3cmd", "-c", config, *args, **more)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.bin"
    path.write_bytes(b"".join(hashlib.sha256(number.to_bytes(8)).digest() for number in range(20 * MIB // 32)))
    return path


def test_s3cmd_makes_and_removes_buckets(s3cmd, server, s3):
    s3cmd("mb", "s3://made-by-s3cmd", "--bucket-location", "cn-north-1")
    assert "s3://made-by-s3cmd\n" in s3cmd("ls").stdout
    assert "cn-north-1" in s3cmd("info", "s3://made-by-s3cmd").stdout
    elsewhere = s3cmd("mb", "s3://made-elsewhere", "--bucket-location", "eu-central-1", check=False)
    assert elsewhere.returncode != 0 and "made-elsewhere" not in s3cmd("ls").stdout
    s3.put_object(Bucket="made-by-s3cmd", Key="k", Body=b"x")
    full = s3cmd("rb", "s3://made-by-s3cmd", check=False)
    assert full.returncode != 0 and "not empty" in full.stderr, full.stderr
    s3cmd("rb", "--recursive", "--force", "s3://made-by-s3cmd")
    assert "made-by-s3cmd" not in s3cmd("ls").stdout


def test_s3cmd_carries_small_files(s3cmd, s3, bucket, tmp_path):
    plant(tmp_path, {"up": b"small"})
    s3cmd("put", "--mime-type", "text/x-own", "--add-header", "x-amz-meta-who: me", "--add-header", "Cache-Control: max-age=7", tmp_path / "up", f"s3://{bucket}/{ODD}")
    head = s3.head_object(Bucket=bucket, Key=ODD)
    assert head["ContentType"].startswith("text/x-own") and head["Metadata"]["who"] == "me" and head["CacheControl"] == "max-age=7"
    s3cmd("get", f"s3://{bucket}/{ODD}", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == b"small"
    told = s3cmd("info", f"s3://{bucket}/{ODD}").stdout
    assert hashlib.md5(b"small").hexdigest() in told and "text/x-own" in told and "x-amz-meta-who" in told and "FULL_CONTROL" in told
    absent = s3cmd("get", f"s3://{bucket}/absent", tmp_path / "absent", check=False)
    assert absent.returncode != 0 and "does not exist" in absent.stderr and not (tmp_path / "absent").exists()
    assert s3cmd("info", f"s3://{bucket}/absent", check=False).returncode != 0


def test_s3cmd_resumes_a_download(s3cmd, s3, bucket, large, tmp_path):
    body = large.read_bytes()
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    (tmp_path / "part").write_bytes(body[:1_234_567])
    s3cmd("get", "--continue", f"s3://{bucket}/k", tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == body


def test_s3cmd_uploads_and_copies_in_parts(s3cmd, s3, bucket, large, tmp_path):
    s3cmd("put", "--multipart-chunk-size-mb=5", large, f"s3://{bucket}/large.bin")
    parts = headers(s3.head_object(Bucket=bucket, Key="large.bin", PartNumber=1))
    assert parts["x-amz-mp-parts-count"] == "4" and parts["content-length"] == str(5 * MIB)
    s3cmd("get", f"s3://{bucket}/large.bin", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    s3cmd("cp", f"s3://{bucket}/large.bin", f"s3://{bucket}/a copy.bin")
    assert s3.head_object(Bucket=bucket, Key="a copy.bin", PartNumber=1)["PartsCount"] == 4
    assert get(s3, bucket, "a copy.bin") == large.read_bytes()
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_s3cmd_lists_resumes_and_aborts_uploads(s3cmd, s3, bucket, large):
    body = large.read_bytes()
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=body[: 5 * MIB])["ETag"]
    left = s3.create_multipart_upload(Bucket=bucket, Key=ODD)["UploadId"]
    told = s3cmd("multipart", f"s3://{bucket}").stdout
    assert upload in told and left in told and ODD in told
    assert etag.strip('"') in s3cmd("listmp", f"s3://{bucket}/k", upload).stdout
    resumed = s3cmd("--debug", "put", "--multipart-chunk-size-mb=5", "--upload-id", upload, large, f"s3://{bucket}/k")
    sent = {number for number in range(1, 5) if f"partNumber={number}&" in resumed.stderr}
    assert sent == {2, 3, 4} and "part 1, skipping" in resumed.stderr, "the part that is there is not sent again"
    assert get(s3, bucket, "k") == body
    s3cmd("abortmp", f"s3://{bucket}/{ODD}", left)
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    assert s3cmd("abortmp", f"s3://{bucket}/{ODD}", left, check=False).returncode != 0


def test_s3cmd_syncs_a_tree(s3cmd, s3, bucket, tmp_path):
    here = plant(tmp_path / "here", TREE)
    s3cmd("sync", f"{here}/", f"s3://{bucket}/t/")
    assert sorted(listed(s3, bucket)) == sorted(f"t/{name}" for name in TREE)
    assert "upload:" not in s3cmd("sync", f"{here}/", f"s3://{bucket}/t/").stdout, "nothing changed, nothing is sent"
    s3cmd("sync", f"s3://{bucket}/t/", f"{tmp_path}/back/")
    same(here, tmp_path / "back")
    (here / "sub" / ODD).write_bytes(b"new words")
    (here / "plain.txt").unlink()
    sent = s3cmd("sync", "--delete-removed", f"{here}/", f"s3://{bucket}/t/").stdout
    assert sent.count("upload:") == 1 and sent.count("delete:") == 1
    assert get(s3, bucket, f"t/sub/{ODD}") == b"new words" and not exists(s3, bucket, "t/plain.txt")
    s3cmd("sync", f"s3://{bucket}/t/", f"s3://{bucket}/u/")
    s3cmd("sync", f"s3://{bucket}/u/", f"{tmp_path}/again/")
    same(here, tmp_path / "again")


def test_s3cmd_lists_by_folder(s3cmd, s3, bucket):
    for key in ("a/1", "a/b/2", "c d/3", "top"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    names = lambda *args: [line.split(None, 1)[1] if "DIR" in line else line.split(None, 3)[3] for line in s3cmd(*args).stdout.splitlines()]
    assert names("ls", f"s3://{bucket}") == [f"s3://{bucket}/a/", f"s3://{bucket}/c d/", f"s3://{bucket}/top"]
    assert names("ls", f"s3://{bucket}/a/") == [f"s3://{bucket}/a/b/", f"s3://{bucket}/a/1"]
    assert len(names("ls", "--recursive", f"s3://{bucket}")) == 4
    assert len(names("ls", "--recursive", "--limit", "3", f"s3://{bucket}")) == 3
    assert s3cmd("du", f"s3://{bucket}").stdout.split()[:2] == ["16", "4"]


def test_s3cmd_copies_moves_and_deletes(s3cmd, s3, bucket):
    s3.put_object(Bucket=bucket, Key=ODD, Body=b"odd", ContentType="text/x-own", Metadata={"who": "me"})
    s3cmd("cp", f"s3://{bucket}/{ODD}", f"s3://{bucket}/copy of {ODD}")
    assert s3.head_object(Bucket=bucket, Key=f"copy of {ODD}")["Metadata"] == {"who": "me"}
    s3cmd("mv", f"s3://{bucket}/{ODD}", f"s3://{bucket}/moved/{ODD}")
    assert sorted(listed(s3, bucket)) == sorted([f"copy of {ODD}", f"moved/{ODD}"])
    assert get(s3, bucket, f"moved/{ODD}") == b"odd"
    s3cmd("modify", "--add-header", "Cache-Control: no-store", f"s3://{bucket}/moved/{ODD}")
    assert s3.head_object(Bucket=bucket, Key=f"moved/{ODD}")["CacheControl"] == "no-store"
    for number in range(40):
        s3.put_object(Bucket=bucket, Key=f"many/{number} {ODD}", Body=b"x")
    s3cmd("del", "--recursive", f"s3://{bucket}/many/")
    assert sorted(listed(s3, bucket)) == sorted([f"copy of {ODD}", f"moved/{ODD}"])
    s3cmd("del", f"s3://{bucket}/copy of {ODD}")
    assert listed(s3, bucket) == [f"moved/{ODD}"]


def test_s3cmd_is_refused_what_the_owner_alone_may_have(s3cmd, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for args in (["setacl", "--acl-public", f"s3://{bucket}/k"], ["setacl", "--acl-public", f"s3://{bucket}"], ["setacl", "--acl-grant=read:0123456789abcdef", f"s3://{bucket}/k"]):
        refused = s3cmd(*args, check=False)
        assert refused.returncode != 0 and "AccessControlListNotSupported" in refused.stderr, refused
    assert [grant["Permission"] for grant in s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]] == ["FULL_CONTROL"]
    s3cmd("setacl", "--acl-private", f"s3://{bucket}/k")


def test_s3cmd_sets_what_a_bucket_has(s3cmd, s3, bucket, tmp_path):
    rules = '<LifecycleConfiguration><Rule><ID>old</ID><Prefix>log/</Prefix><Status>Enabled</Status><Expiration><Days>7</Days></Expiration></Rule></LifecycleConfiguration>'
    (tmp_path / "rules.xml").write_text(rules)
    s3cmd("setlifecycle", tmp_path / "rules.xml", f"s3://{bucket}")
    assert "log/" in s3cmd("getlifecycle", f"s3://{bucket}").stdout
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Expiration"] == {"Days": 7}
    s3cmd("dellifecycle", f"s3://{bucket}")
    assert code(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == ("NoSuchLifecycleConfiguration", 404)
    s3cmd("setversioning", f"s3://{bucket}", "enable")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    s3cmd("settagging", f"s3://{bucket}", "team=blue&cost=1")
    told = s3cmd("gettagging", f"s3://{bucket}").stdout
    assert "team" in told and "blue" in told and "cost" in told
