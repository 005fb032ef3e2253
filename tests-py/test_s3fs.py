"""s3fs-fuse: a bucket mounted as a folder. Files get copies, metadata, ranges and parts as S3 has them; boto3 sees the same."""

import hashlib
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from calls import MIB, exists, get, listed, put
from clients import plant, same
from onshore_server import REGION, clean_env

ODD = "a b+c&d=e#f%41 ;'\u6587\u6863 caf\u00e9 (1).txt"
LARGE = b"".join(hashlib.sha256(number.to_bytes(8)).digest() for number in range(30 * MIB // 32))
TREE = {
    "plain.txt": b"plain",
    "empty": b"",
    f"sub folder/deep/{ODD}": b"odd",
    "sub folder/.hidden": b"hidden",
    "sub folder/~tilde @$!*{}[]^`|,.txt": b"signs",
    "twelve": LARGE[: 12 * MIB],
    **{f"many/{number:03}.txt": str(number).encode() for number in range(60)},
}


def unmount(folder):
    """In earnest first, so that nothing is lost; lazily where something still holds it."""
    for how in (["-u"], ["-uz"]):
        if subprocess.run([shutil.which("fusermount") or "fusermount3", *how, str(folder)], capture_output=True).returncode == 0:
            return


@contextmanager
def mounted(server, bucket, base):
    """Mounts a bucket; s3fs stays our child and ends when it is unmounted."""
    program = shutil.which("s3fs")
    if not program:
        pytest.skip("s3fs is not on this machine: apt-get install s3fs")
    if not (shutil.which("fusermount") or shutil.which("fusermount3")):
        pytest.skip("fusermount is not on this machine: apt-get install fuse")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse is not there, or not for us")
    folder = Path(base) / "mounted"
    folder.mkdir(parents=True)
    settings = [f"url={server.s3}", "use_path_request_style", f"endpoint={REGION}", "multipart_size=10", "retries=1", "use_xattr"]
    env = clean_env(AWSACCESSKEYID=server.access_key, AWSSECRETACCESSKEY=server.secret_key, LC_ALL="C.UTF-8")
    command = [program, bucket, str(folder), *(part for setting in settings for part in ("-o", setting))]
    said = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    try:
        if not os.path.ismount(folder):
            if "fuse" in said.stderr and ("not permitted" in said.stderr or "denied" in said.stderr):
                pytest.skip(f"mounting is not permitted here: {said.stderr.strip()}")
            raise AssertionError(f"s3fs did not mount: {said}")
        yield folder
    finally:
        unmount(folder)


@pytest.fixture
def folder(server, bucket, tmp_path):
    with mounted(server, bucket, tmp_path) as folder:
        yield folder


def command(*args):
    done = subprocess.run([str(part) for part in args], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done.stdout


def test_s3fs_writes_appends_and_cuts(folder, s3, bucket):
    file = folder / "notes.txt"
    file.write_bytes(b"one\n")
    assert get(s3, bucket, "notes.txt") == b"one\n" and s3.head_object(Bucket=bucket, Key="notes.txt")["ContentType"] == "text/plain"
    with file.open("ab") as opened:
        opened.write(b"two\n")
    assert file.read_bytes() == get(s3, bucket, "notes.txt") == b"one\ntwo\n"
    with file.open("r+b") as opened:
        opened.seek(4)
        opened.write(b"TWO")
    assert get(s3, bucket, "notes.txt") == b"one\nTWO\n"
    with file.open("r+b") as opened:  # cut by its path, unread, a file turns to zeros in s3fs 1.90 itself: it asks for nothing before it puts
        assert opened.read() == b"one\nTWO\n"
        opened.truncate(3)
    assert file.read_bytes() == get(s3, bucket, "notes.txt") == b"one"
    with file.open("r+b") as opened:
        assert opened.read() == b"one"
        opened.truncate(6)
    assert get(s3, bucket, "notes.txt") == b"one\0\0\0" and file.stat().st_size == 6
    file.unlink()
    assert not file.exists() and not exists(s3, bucket, "notes.txt")
    with pytest.raises(FileNotFoundError):
        file.read_bytes()


def test_s3fs_changes_a_large_file_in_parts(folder, s3, bucket, server, tmp_path):
    (folder / "large").write_bytes(LARGE)
    assert s3.head_object(Bucket=bucket, Key="large", PartNumber=1)["PartsCount"] > 1 and get(s3, bucket, "large") == LARGE
    with (folder / "large").open("r+b") as opened:
        opened.seek(15 * MIB)
        opened.write(b"in the middle")
        opened.seek(0, os.SEEK_END)
        opened.write(b"at the end")
    wanted = LARGE[: 15 * MIB] + b"in the middle" + LARGE[15 * MIB + 13 :] + b"at the end"
    assert get(s3, bucket, "large") == wanted, "the parts that did not change are copied"
    (folder / "large").rename(folder / "renamed")
    assert listed(s3, bucket) == ["renamed"] and s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    with mounted(server, bucket, tmp_path / "second") as second, (second / "renamed").open("rb") as opened:
        assert os.pread(opened.fileno(), 13, 15 * MIB) == b"in the middle"
        assert os.pread(opened.fileno(), 100, len(wanted) - 10) == b"at the end"
        assert hashlib.sha256(opened.read()).digest() == hashlib.sha256(wanted).digest()


def test_s3fs_renames_and_removes(folder, s3, bucket):
    plant(folder, {"a/one": b"1", f"a/b/{ODD}": b"2", "a/b/c/three": b"3"})
    (folder / "a/one").rename(folder / "a/first")
    (folder / "a").rename(folder / ODD)
    files = {f"{ODD}/first": b"1", f"{ODD}/b/{ODD}": b"2", f"{ODD}/b/c/three": b"3"}
    assert {key: get(s3, bucket, key) for key in listed(s3, bucket) if not key.endswith("/")} == files
    assert sorted(os.listdir(folder)) == [ODD] and sorted(os.listdir(folder / ODD)) == ["b", "first"]
    (folder / "old").write_bytes(b"old")
    (folder / ODD / "first").replace(folder / "old")
    assert get(s3, bucket, "old") == b"1"
    with pytest.raises(OSError, match="not empty"):
        (folder / ODD).rmdir()
    shutil.rmtree(folder / ODD)
    assert listed(s3, bucket) == ["old"]


def test_s3fs_keeps_modes_times_and_links(folder, server, s3, bucket, tmp_path):
    file = folder / "script"
    file.write_bytes(b"#!/bin/sh\n")
    file.chmod(0o750)
    os.utime(file, (1_000_000_000, 1_000_000_000))
    os.setxattr(file, "user.who", "me & \u4f60".encode())
    (folder / "sub").mkdir(mode=0o700)
    (folder / "link").symlink_to(f"sub/{ODD}")
    with mounted(server, bucket, tmp_path / "second") as second:
        found = (second / "script").stat()
        assert (found.st_mode & 0o7777, found.st_mtime, found.st_size) == (0o750, 1_000_000_000, 10)
        assert os.getxattr(second / "script", "user.who") == "me & \u4f60".encode()
        assert (second / "sub").is_dir() and (second / "sub").stat().st_mode & 0o7777 == 0o700
        assert os.readlink(second / "link") == f"sub/{ODD}"
    head = s3.head_object(Bucket=bucket, Key="script")
    assert int(head["Metadata"]["mode"]) & 0o7777 == 0o750 and head["Metadata"]["mtime"].startswith("1000000000")
    assert get(s3, bucket, "script") == b"#!/bin/sh\n", "a change of metadata is a copy onto itself"


def test_s3fs_shows_what_others_put(folder, s3, bucket):
    put(s3, bucket, f"there/before/{ODD}", b"theirs")
    put(s3, bucket, "folder/", b"")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: put(s3, bucket, f"pages/{number:04}", b""), range(1100)))
    assert len(os.listdir(folder / "pages")) == 1100, "more than a page of a listing"
    assert sorted(os.listdir(folder)) == ["folder", "pages", "there"] and os.listdir(folder / "folder") == []
    assert (folder / "there/before" / ODD).read_bytes() == b"theirs"


def test_s3fs_carries_a_tree(folder, s3, bucket, tmp_path):
    here = plant(tmp_path / "here", TREE)
    command("cp", "-r", here, folder / "tree")
    command("diff", "-r", here, folder / "tree")
    same(here, folder / "tree")
    assert {key for key in listed(s3, bucket) if not key.endswith("/")} == {f"tree/{name}" for name in TREE}
    command("cp", "-r", folder / "tree", folder / "again")
    command("cp", "-r", folder / "again", tmp_path / "back")
    same(here, tmp_path / "back")


def test_s3fs_is_a_place_for_rsync(folder, s3, bucket, tmp_path):
    rsync = shutil.which("rsync") or pytest.skip("rsync is not on this machine: apt-get install rsync")
    here = plant(tmp_path / "here", TREE)
    command(rsync, "-rt", "--delete", f"{here}/", folder / "tree")
    same(here, folder / "tree")
    assert command(rsync, "-rti", "--delete", f"{here}/", folder / "tree") == "", "nothing changed, nothing is sent"
    (here / "plain.txt").write_bytes(b"other")
    (here / "empty").unlink()
    assert len(command(rsync, "-rti", "--omit-dir-times", "--delete", f"{here}/", folder / "tree").splitlines()) == 2
    assert get(s3, bucket, "tree/plain.txt") == b"other" and not exists(s3, bucket, "tree/empty")


def test_s3fs_takes_writers_at_once(folder, s3, bucket):
    bodies = {f"{number}.bin": hashlib.sha256(str(number).encode()).digest() * (1 + number * 3000) for number in range(24)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda item: (folder / item[0]).write_bytes(item[1]), bodies.items()))
        assert dict(zip(bodies, pool.map(lambda name: (folder / name).read_bytes(), bodies))) == bodies
    assert {key: get(s3, bucket, key) for key in listed(s3, bucket)} == bodies
