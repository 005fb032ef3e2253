"""Round trips of the clients people use: the AWS CLI, s5cmd, rclone."""

import datetime
import json
import os
import shutil
import subprocess

import pytest

from calls import MIB, exists, get, history, listed, put
from clients import plant, run, same
from tls_proxy import TlsProxy


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A folder with what folders have: nested, empty, large, oddly named."""
    files = {
        "plain.txt": b"plain",
        "empty": b"",
        "no-extension": b"x",
        "sub/folder/deep.html": "<p>\u4e2d\u6587</p>".encode(),
        "sub/\u6587\u6863.txt": b"chinese name",
        "sub/a b+c&d#e.txt": b"odd name",
        "sub/caf\u00e9.txt": b"nfc",
        "large.bin": bytes(range(256)) * (20 * MIB // 256),
        **{f"many/{number:03}.txt": str(number).encode() for number in range(60)},
    }
    return plant(tmp_path_factory.mktemp("tree"), files)


def aws(server, *args, **more):
    return run(server, "aws", "--endpoint-url", server.s3, *args, **more)


def test_aws_cli_folders(server, bucket, tree, tmp_path):
    aws(server, "s3", "cp", "--recursive", "--only-show-errors", tree, f"s3://{bucket}/t/")
    aws(server, "s3", "cp", "--recursive", "--only-show-errors", f"s3://{bucket}/t/", tmp_path / "back")
    same(tree, tmp_path / "back")
    assert "large.bin" in aws(server, "s3", "ls", f"s3://{bucket}/t/").stdout
    assert aws(server, "s3", "sync", tree, f"s3://{bucket}/t/").stdout == "", "nothing changed, nothing is sent"
    aws(server, "s3", "sync", "--only-show-errors", f"s3://{bucket}/t/", f"s3://{bucket}/u/")
    aws(server, "s3", "rm", "--recursive", "--only-show-errors", f"s3://{bucket}/t/")
    assert aws(server, "s3", "ls", f"s3://{bucket}/t/", check=False).stdout == ""
    aws(server, "s3", "rb", "--force", f"s3://{bucket}")


def test_aws_cli_api(server, bucket, tree, tmp_path):
    etag = json.loads(aws(server, "s3api", "put-object", "--bucket", bucket, "--key", "k", "--body", tree / "plain.txt", "--metadata", "a=b", "--checksum-algorithm", "SHA256").stdout)["ETag"]
    said = json.loads(aws(server, "s3api", "get-object", "--bucket", bucket, "--key", "k", "--checksum-mode", "ENABLED", tmp_path / "k").stdout)
    assert said["ETag"] == etag and said["Metadata"] == {"a": "b"} and said["ChecksumSHA256"]
    assert (tmp_path / "k").read_bytes() == b"plain"
    assert json.loads(aws(server, "s3api", "list-objects-v2", "--bucket", bucket, "--max-items", "1").stdout)["Contents"][0]["Key"] == "k"
    link = aws(server, "s3", "presign", f"s3://{bucket}/k").stdout.strip()
    assert subprocess.run(["curl", "-sf", link], capture_output=True, timeout=30).stdout == b"plain" if shutil.which("curl") else True
    failed = aws(server, "s3api", "get-object", "--bucket", bucket, "--key", "absent", tmp_path / "x", check=False)
    assert failed.returncode != 0 and "NoSuchKey" in failed.stderr


def test_s5cmd_folders(server, bucket, tree, tmp_path):
    s5cmd = lambda *args: run(server, "s5cmd", "--endpoint-url", server.s3, *args)
    s5cmd("cp", "--part-size", "5", f"{tree}/", f"s3://{bucket}/t/")
    s5cmd("cp", f"s3://{bucket}/t/*", f"{tmp_path}/back/")
    same(tree, tmp_path / "back")
    assert len(s5cmd("ls", f"s3://{bucket}/t/many/").stdout.splitlines()) == 60
    assert s5cmd("cat", f"s3://{bucket}/t/plain.txt").stdout == "plain"
    s5cmd("cp", f"s3://{bucket}/t/large.bin", f"s3://{bucket}/copy.bin")
    s5cmd("rm", f"s3://{bucket}/t/*")
    assert [line.split()[-1] for line in s5cmd("ls", f"s3://{bucket}/*").stdout.splitlines()] == ["copy.bin"]


def test_rclone_folders(server, bucket, tree, tmp_path):
    rclone = lambda *args, **more: run(server, "rclone", *args, **more)
    rclone("copy", "--s3-upload-cutoff", "6M", "--s3-chunk-size", "5M", tree, f"on:{bucket}/t")
    rclone("check", "--download", tree, f"on:{bucket}/t")
    rclone("check", tree, f"on:{bucket}/t")
    rclone("copy", f"on:{bucket}/t", tmp_path / "back")
    same(tree, tmp_path / "back")
    listed = json.loads(rclone("lsjson", "-R", "--files-only", f"on:{bucket}/t").stdout)
    assert len(listed) == sum(len(files) for _, _, files in os.walk(tree))
    rclone("copyto", f"on:{bucket}/t/large.bin", f"on:{bucket}/moved.bin")
    rclone("purge", f"on:{bucket}/t")
    assert rclone("lsf", f"on:{bucket}").stdout == "moved.bin\n"


# More of s5cmd


@pytest.fixture
def s5cmd(server):
    return lambda *args, **more: run(server, "s5cmd", "--endpoint-url", server.s3, *args, **more)


def test_s5cmd_syncs(s5cmd, s3, bucket, tmp_path):
    here = plant(tmp_path / "here", {"one.txt": b"1", "sub/two.txt": b"2", "sub/a b+c&d#e.txt": b"odd", "sub/\u6587\u6863.log": b"log"})
    assert len(s5cmd("sync", f"{here}/", f"s3://{bucket}/t/").stdout.splitlines()) == 4
    assert s5cmd("sync", f"{here}/", f"s3://{bucket}/t/").stdout == "", "nothing changed, nothing is sent"
    (here / "one.txt").write_bytes(b"one, longer")
    (here / "sub/two.txt").unlink()
    put(s3, bucket, "t/strange", b"not from here")
    said = sorted(line.split()[0] for line in s5cmd("sync", "--delete", f"{here}/", f"s3://{bucket}/t/").stdout.splitlines())
    assert said == ["cp", "rm", "rm"]
    s5cmd("sync", f"s3://{bucket}/t/*", f"{tmp_path}/back/")
    same(here, tmp_path / "back")


def test_s5cmd_takes_wildcards(s5cmd, s3, bucket, tmp_path):
    for number in range(20):
        put(s3, bucket, f"logs/{number:02}/app.{('log', 'txt')[number % 2]}", str(number).encode())
    s5cmd("cp", f"s3://{bucket}/logs/1*/*.log", f"{tmp_path}/some/")
    assert sorted(path.read_text() for path in (tmp_path / "some").rglob("*.log")) == ["10", "12", "14", "16", "18"]
    s5cmd("cp", "--exclude", "*.txt", f"s3://{bucket}/logs/*", f"s3://{bucket}/copy/")
    assert listed(s3, bucket, Prefix="copy/") == [f"copy/{number:02}/app.log" for number in range(0, 20, 2)]
    s5cmd("mv", f"s3://{bucket}/copy/0*", f"s3://{bucket}/moved/")
    assert len(listed(s3, bucket, Prefix="copy/")) == len(listed(s3, bucket, Prefix="moved/")) == 5
    s5cmd("rm", f"s3://{bucket}/logs/*.txt")
    assert listed(s3, bucket, Prefix="logs/") == [f"logs/{number:02}/app.log" for number in range(0, 20, 2)]
    none = s5cmd("rm", f"s3://{bucket}/logs/*.txt", check=False)
    assert none.returncode != 0 and "no object found" in none.stderr


def test_s5cmd_runs_batches(s5cmd, s3, bucket, tree, tmp_path):
    lines = [f"cp {tree}/many/{number:03}.txt s3://{bucket}/batch/{number:03}" for number in range(60)]
    lines += [f"cp --part-size 5 {tree}/large.bin s3://{bucket}/batch/large"]
    (tmp_path / "first").write_text("\n".join(lines))
    s5cmd("run", tmp_path / "first")
    assert len(listed(s3, bucket, Prefix="batch/")) == 61 and s3.head_object(Bucket=bucket, Key="batch/large", PartNumber=1)["PartsCount"] == 4
    lines = [f"mv s3://{bucket}/batch/{number:03} s3://{bucket}/moved/{number:03}" for number in range(30)]
    lines += [f"rm s3://{bucket}/batch/{number:03}" for number in range(30, 60)] + [f"cp s3://{bucket}/batch/large {tmp_path}/large"]
    s5cmd("run", stdin="\n".join(lines))
    assert listed(s3, bucket) == ["batch/large", *(f"moved/{number:03}" for number in range(30))]
    assert get(s3, bucket, "moved/007") == b"7" and (tmp_path / "large").read_bytes() == (tree / "large.bin").read_bytes()
    failed = s5cmd("run", stdin=f"cat s3://{bucket}/absent\nrm s3://{bucket}/moved/000\n", check=False)
    assert failed.returncode != 0 and "absent" in failed.stderr and not exists(s3, bucket, "moved/000"), "one failure does not stop the others"


def test_s5cmd_keeps_versions(server, s5cmd, s3, bucket):
    s5cmd("bucket-version", "--set", "Enabled", f"s3://{bucket}")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    first = put(s3, bucket, "k", b"first")["VersionId"]
    put(s3, bucket, "k", b"second")
    s5cmd("rm", f"s3://{bucket}/k")
    assert s5cmd("cat", f"s3://{bucket}/k", check=False).returncode != 0
    assert s5cmd("cat", "--version-id", first, f"s3://{bucket}/k").stdout == "first"
    assert len(s5cmd("ls", "--all-versions", f"s3://{bucket}/*").stdout.splitlines()) == 3
    s5cmd("rm", "--all-versions", f"s3://{bucket}/*")
    assert history(server, bucket) == []


def test_s5cmd_streams(s5cmd, s3, bucket):
    text = "".join(f"{number}\n" for number in range(1_500_000))
    s5cmd("pipe", "--part-size", "5", f"s3://{bucket}/piped", stdin=text)
    assert get(s3, bucket, "piped").decode() == text and s3.head_object(Bucket=bucket, Key="piped", PartNumber=1)["PartsCount"] > 1
    assert s5cmd("cat", f"s3://{bucket}/piped").stdout == text


# More of rclone


@pytest.fixture
def rclone(server):
    return lambda *args, **more: run(server, "rclone", "--stats-one-line", *args, **more)


@pytest.fixture
def tls(server, tmp_path):
    proxy = TlsProxy(server, tmp_path)
    yield proxy
    proxy.close()


@pytest.mark.parametrize("provider", ["AWS", "Minio", "Other"])
def test_rclone_syncs(rclone, tls, s3, bucket, tmp_path, provider):
    """It has quirks for each provider: what was set up for another store must work here too. As for AWS it adds checksums
    after the body, and that over TLS only."""
    here = plant(tmp_path / "here", {"one.txt": b"1", "sub/two.txt": b"2", "sub/a b+c&d#e.txt": b"odd", "sub/\u6587\u6863.log": b"log"})
    settings, args = {"RCLONE_CONFIG_ON_PROVIDER": provider}, ["--s3-force-path-style"]
    if provider == "AWS":
        settings["RCLONE_CONFIG_ON_ENDPOINT"] = f"https://{tls.address}"
        args += ["--ca-cert", tls.certificate]
    call = lambda *more, **options: rclone(*args, *more, **settings, **options)
    call("sync", here, f"on:{bucket}/t")
    put(s3, bucket, "t/strange", b"not from here")
    (here / "one.txt").write_bytes(b"changed")
    (here / "sub/two.txt").unlink()
    os.utime(here / "sub/a b+c&d#e.txt", (1e9, 1e9))
    assert call("check", "--download", here, f"on:{bucket}/t", check=False).returncode != 0
    call("sync", here, f"on:{bucket}/t")
    call("check", "--download", here, f"on:{bucket}/t")
    assert len(listed(s3, bucket)) == 3
    found = {item["Path"]: item["ModTime"] for item in json.loads(call("lsjson", "-R", "--files-only", f"on:{bucket}/t").stdout)}
    assert found["sub/a b+c&d#e.txt"].startswith("2001-09-09T01:46:40"), "a new time is set by a copy onto itself"
    call("sync", f"on:{bucket}/t", f"on:{bucket}/u")
    call("sync", "--s3-list-version", "1", f"on:{bucket}/u", tmp_path / "back")
    same(here, tmp_path / "back")


def test_rclone_checks_its_uploads_in_parts(rclone, s3, bucket, tree, tmp_path):
    parts = ["--s3-use-multipart-etag=true", "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", "--s3-copy-cutoff", "6M"]
    rclone(*parts, "copyto", tree / "large.bin", f"on:{bucket}/large.bin")
    assert s3.head_object(Bucket=bucket, Key="large.bin")["ETag"].endswith('-4"')
    rclone(*parts, "copyto", f"on:{bucket}/large.bin", f"on:{bucket}/copy.bin")
    assert s3.head_object(Bucket=bucket, Key="copy.bin", PartNumber=1)["PartsCount"] > 1
    rclone("--multi-thread-cutoff", "1M", "--multi-thread-streams", "4", "copyto", f"on:{bucket}/copy.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == (tree / "large.bin").read_bytes()
    text = "".join(f"{number}\n" for number in range(1_500_000))
    rclone(*parts, "rcat", "--streaming-upload-cutoff", "1M", f"on:{bucket}/streamed", stdin=text)
    assert rclone("cat", f"on:{bucket}/streamed").stdout == text
    assert json.loads(rclone("backend", "list-multipart-uploads", f"on:{bucket}").stdout) == {bucket: []}


def test_rclone_cleans_up_uploads(rclone, s3, bucket):
    left = s3.create_multipart_upload(Bucket=bucket, Key="sub/a b+c")["UploadId"]
    found = json.loads(rclone("backend", "list-multipart-uploads", f"on:{bucket}").stdout)[bucket]
    assert [(item["Key"], item["UploadId"]) for item in found] == [("sub/a b+c", left)]
    rclone("backend", "cleanup", f"on:{bucket}")
    assert len(s3.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1, "one of today stays"
    rclone("backend", "cleanup", "-o", "max-age=0s", f"on:{bucket}")
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_rclone_shows_versions(server, rclone, s3, bucket, tmp_path):
    rclone("backend", "versioning", f"on:{bucket}", "Enabled")
    here = plant(tmp_path / "here", {"sub/a b.txt": b"first", "gone.txt": b"gone"})
    rclone("sync", here, f"on:{bucket}")
    (here / "sub/a b.txt").write_bytes(b"second")
    (here / "gone.txt").unlink()
    rclone("sync", here, f"on:{bucket}")
    assert rclone("lsf", "-R", "--files-only", f"on:{bucket}").stdout == "sub/a b.txt\n"
    shown = rclone("--s3-versions", "lsf", "-R", "--files-only", f"on:{bucket}").stdout.splitlines()
    old = next(name for name in shown if name.startswith("sub/a b-v"))
    assert len(shown) == 3 and any(name.startswith("gone-v") for name in shown)
    assert rclone("--s3-versions", "cat", f"on:{bucket}/{old}").stdout == "first"
    first = min(item["LastModified"] for item in s3.list_object_versions(Bucket=bucket)["Versions"])
    before = (first - datetime.timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert rclone("--s3-version-at", before, "lsf", "-R", "--files-only", f"on:{bucket}").stdout == ""
    rclone("backend", "cleanup-hidden", f"on:{bucket}")
    assert [(kind, key) for kind, key, _, _ in history(server, bucket)] == [("Version", "sub/a b.txt")]


def test_rclone_encrypts(rclone, s3, bucket, tree, tmp_path):
    password = rclone("obscure", "generated for a test").stdout.strip()
    crypt = {"RCLONE_CONFIG_CR_TYPE": "crypt", "RCLONE_CONFIG_CR_REMOTE": f"on:{bucket}/secret", "RCLONE_CONFIG_CR_PASSWORD": password}
    rclone("copy", tree / "sub", "cr:sub", **crypt)
    assert not any("txt" in key for key in listed(s3, bucket)), "names are encrypted too"
    rclone("cryptcheck", tree / "sub", "cr:sub", **crypt)
    rclone("copy", "cr:sub", tmp_path / "back", **crypt)
    same(tree / "sub", tmp_path / "back")
    key = listed(s3, bucket)[0]
    put(s3, bucket, key, get(s3, bucket, key)[:-1] + b"\0")
    assert rclone("cryptcheck", tree / "sub", "cr:sub", check=False, **crypt).returncode != 0


def test_rclone_keeps_folders_and_locks(server, rclone, s3, bucket, tree):
    rclone("--s3-directory-markers", "mkdir", f"on:{bucket}/empty/deep")
    assert "empty/deep/" in listed(s3, bucket)
    rclone("--s3-directory-markers", "rmdirs", f"on:{bucket}/empty")
    assert listed(s3, bucket) == []
    locked = f"{bucket}-l"
    rclone("--s3-bucket-object-lock-enabled", "mkdir", f"on:{locked}")
    assert s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
    until = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    rclone("--s3-object-lock-mode", "GOVERNANCE", "--s3-object-lock-retain-until-date", until, "copyto", tree / "plain.txt", f"on:{locked}/k")
    assert s3.get_object_retention(Bucket=locked, Key="k")["Retention"]["Mode"] == "GOVERNANCE"
    rclone("deletefile", f"on:{locked}/k")
    assert rclone("backend", "cleanup-hidden", f"on:{locked}", check=False).returncode != 0
    assert ("Version", "k") in [(kind, key) for kind, key, _, _ in history(server, locked)], "a version that is kept stays"
