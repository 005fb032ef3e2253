"""duplicity keeps chains of backups in a bucket through boto3: a full one, what changed since, volumes of a size it is told."""

import os
import hashlib
import shutil
import subprocess

import pytest

from calls import MIB, exists, get, listed, put
from clients import plant, same
from onshore_server import REGION, clean_env

DAY = 86_400
FIRST = 1_700_000_000  # duplicity is told the time, so that the days of a chain take no days
TREE = {
    "plain.txt": b"plain",
    "empty": b"",
    "sub/\u6587\u6863 a b+c&d#e.txt": b"odd name",
    "large.bin": b"".join(hashlib.sha256(number.to_bytes(8)).digest() for number in range(16 * MIB // 32)),
    **{f"many/{number:03}.txt": hashlib.sha256(str(number).encode()).digest() * 40 for number in range(60)},
}


@pytest.fixture
def duplicity(server, bucket, tmp_path):
    """Calls duplicity on the backups in a bucket, in volumes of 5 MB, each sent in parts."""
    program = shutil.which("duplicity") or pytest.skip("duplicity is not on this machine: apt-get install duplicity python3-boto3")
    if subprocess.run(["/usr/bin/python3", "-c", "import boto3"], capture_output=True).returncode != 0:
        pytest.skip("duplicity has no boto3: apt-get install python3-boto3")
    url = f"boto3+s3://{bucket}/back ups/of me"
    env = clean_env(AWS_ACCESS_KEY_ID=server.access_key, AWS_SECRET_ACCESS_KEY=server.secret_key, LC_ALL="C.UTF-8", HOME=tmp_path)
    settings = ["--no-encryption", "--no-compression", "--s3-endpoint-url", server.s3, "--s3-region-name", REGION, "--num-retries", "1", "--allow-source-mismatch"]
    sizes = ["--volsize", "7", "--s3-multipart-chunk-size", "5"]

    def call(command, *args, day=0, check=True, archive="archive"):
        """With another archive duplicity knows nothing but what is in the bucket."""
        command = [program, command, *settings, *sizes, "--archive-dir", tmp_path / archive, "--current-time", FIRST + day * DAY]
        done = subprocess.run([str(part) for part in [*command, *(url if arg is None else arg for arg in args)]], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if check:
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    return call


def names(s3, bucket, kind):
    return [key for key in listed(s3, bucket) if kind in key]


def change(path, body, day):
    """Writes a file on a day: what changes twice within a second duplicity does not see."""
    path.write_bytes(body)
    os.utime(path, (FIRST + day * DAY,) * 2)


def test_duplicity_backs_up_and_restores_each_day(duplicity, s3, bucket, tmp_path):
    here = plant(tmp_path / "here", TREE)
    duplicity("full", here, None, day=0)
    volumes = names(s3, bucket, "/duplicity-full.")
    assert len(volumes) == 4 and all(key.startswith("back ups/of me/") for key in listed(s3, bucket)), "three volumes and a manifest"
    assert any(s3.head_object(Bucket=bucket, Key=key, PartNumber=1).get("PartsCount", 1) == 2 for key in volumes)
    shutil.copytree(here, tmp_path / "first")

    change(here / "plain.txt", b"changed", day=1)
    (here / "empty").unlink()
    plant(here, {"new/file": b"new"})
    duplicity("incremental", here, None, day=1)
    assert len(names(s3, bucket, "/duplicity-inc.")) == 2 and names(s3, bucket, "/duplicity-full.") == volumes
    assert sum(item["Size"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="back ups/of me/duplicity-inc.")["Contents"]) < MIB, "only what changed"
    change(here / "plain.txt", b"changed once more", day=2)
    duplicity("incremental", here, None, day=2)

    fresh = {"archive": "fresh", "day": 3}
    duplicity("verify", "--compare-data", None, here, **fresh)
    status = duplicity("collection-status", None, **fresh).stdout
    assert status.count("Incremental") >= 2 and "No orphaned or incomplete backup sets found" in status
    duplicity("restore", None, tmp_path / "latest", **fresh)
    same(here, tmp_path / "latest")
    duplicity("restore", "--time", FIRST + DAY // 2, None, tmp_path / "older", **fresh)
    same(tmp_path / "first", tmp_path / "older")
    duplicity("restore", "--time", FIRST + DAY, "--file-to-restore", "plain.txt", None, tmp_path / "one", **fresh)
    assert (tmp_path / "one").read_bytes() == b"changed"
    change(here / "plain.txt", b"not in any backup", day=3)
    differs = duplicity("verify", "--compare-data", None, here, check=False, **fresh)
    assert differs.returncode == 1 and "plain.txt" in differs.stdout


def test_duplicity_removes_what_is_old_or_broken(duplicity, s3, bucket, tmp_path):
    here = plant(tmp_path / "here", {"plain.txt": b"plain", "large.bin": TREE["large.bin"][: 9 * MIB]})
    duplicity("full", here, None, day=0)
    duplicity("incremental", here, None, day=1)
    old = set(listed(s3, bucket))
    duplicity("full", here, None, day=9)
    new = set(listed(s3, bucket)) - old
    told = duplicity("remove-older-than", FIRST + 5 * DAY, None, day=10).stdout
    assert set(listed(s3, bucket)) == old | new and "--force" in told, "it removes nothing unless told to"
    duplicity("remove-older-than", FIRST + 5 * DAY, "--force", None, day=10)
    assert set(listed(s3, bucket)) == new

    stray = "back ups/of me/duplicity-inc.20231201T000000Z.to.20231202T000000Z.vol1.difftar"
    put(s3, bucket, stray, b"of a backup that was cut off")
    assert stray.rpartition("/")[2] in duplicity("cleanup", None, day=11).stdout and exists(s3, bucket, stray)
    duplicity("cleanup", "--force", None, day=11)
    assert set(listed(s3, bucket)) == new
    duplicity("restore", None, tmp_path / "back", day=11, archive="fresh")
    same(here, tmp_path / "back")


def test_duplicity_notices_what_is_lost_or_cut(duplicity, s3, bucket, tmp_path):
    here = plant(tmp_path / "here", {"large.bin": TREE["large.bin"][: 9 * MIB]})
    duplicity("full", here, None)
    volume = names(s3, bucket, "vol2.")[0]
    body = get(s3, bucket, volume)
    put(s3, bucket, volume, body[:-1000])
    cut = duplicity("restore", None, tmp_path / "cut", check=False)
    assert cut.returncode != 0 and "hash mismatch" in (cut.stdout + cut.stderr).lower(), cut
    s3.delete_object(Bucket=bucket, Key=volume)
    lost = duplicity("restore", None, tmp_path / "lost", check=False)
    assert lost.returncode != 0, lost
    put(s3, bucket, volume, body)
    duplicity("restore", None, tmp_path / "back")
    same(here, tmp_path / "back")


def test_duplicity_is_told_of_a_bucket_that_is_not_there(duplicity, server, tmp_path):
    here = plant(tmp_path / "here", {"plain.txt": b"plain"})
    failed = duplicity("full", here, "boto3+s3://duplicity-nowhere/x", check=False)
    assert failed.returncode != 0 and 'S3 bucket "duplicity-nowhere" does not exist' in failed.stdout + failed.stderr, failed
