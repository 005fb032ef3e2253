"""Round trips of the clients people use: the AWS CLI, s5cmd, rclone."""

import json
import os
import shutil
import subprocess

import pytest

from calls import MIB
from clients import plant, run, same


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
