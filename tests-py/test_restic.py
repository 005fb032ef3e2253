"""restic keeps backups in a bucket: encrypted, in packs of many files, with locks it makes and removes itself."""

import hashlib
import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from calls import MIB, get, listed, put
from clients import plant, same
from onshore_server import REGION, clean_env

TREE = {
    "plain.txt": b"plain",
    "empty": b"",
    "sub/\u6587\u6863 a b+c&d#e.txt": b"odd name",
    "large.bin": b"".join(hashlib.sha256(number.to_bytes(8)).digest() for number in range(24 * MIB // 32)),
    **{f"many/{number:03}.txt": hashlib.sha256(str(number).encode()).digest() * 40 for number in range(100)},
}


@pytest.fixture(scope="module")
def program(server):
    """Calls restic on the repository in a bucket."""
    found = shutil.which("restic")
    if not found:
        pytest.skip("restic is not on this machine: apt-get install restic")

    def call(bucket, *args, check=True):
        env = clean_env(
            AWS_ACCESS_KEY_ID=server.access_key,
            AWS_SECRET_ACCESS_KEY=server.secret_key,
            AWS_DEFAULT_REGION=REGION,
            RESTIC_REPOSITORY=f"s3:{server.s3}/{bucket}/backups",
            RESTIC_PASSWORD="generated for a test",
        )
        done = subprocess.run([found, "--no-cache", *map(str, args)], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if check:
            assert done.returncode == 0, f"restic {' '.join(map(str, args))}\n{done.stdout}\n{done.stderr}"
        return done

    return call


@pytest.fixture(scope="module")
def fresh(program, s3):
    """A bucket with a repository that holds nothing yet: to make its key takes seconds, to copy it takes none."""
    s3.create_bucket(Bucket="fresh-repository")
    program("fresh-repository", "init")
    return "fresh-repository"


@pytest.fixture
def restic(program, fresh, s3, bucket):
    for key in listed(s3, fresh):
        s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": fresh, "Key": key})
    return lambda *args, **more: program(bucket, *args, **more)


def test_restic_keeps_and_restores(restic, s3, bucket, tmp_path):
    here = plant(tmp_path / "here", TREE)
    restic("backup", "--tag", "first", here)
    first = {key for key in listed(s3, bucket) if "/data/" in key}
    (here / "plain.txt").write_bytes(b"changed")
    restic("backup", "--tag", "second", here)
    second = {key for key in listed(s3, bucket) if "/data/" in key}
    assert first < second and len(second - first) <= 2, "only what changed is sent"
    shots = json.loads(restic("snapshots", "--json").stdout)
    assert [shot["tags"] for shot in shots] == [["first"], ["second"]]
    assert restic("dump", shots[0]["id"], here / "plain.txt").stdout == "plain"
    restic("forget", "--keep-last", "1", "--prune", "--max-unused", "0")
    restic("check", "--read-data")
    kept = {key for key in listed(s3, bucket) if "/data/" in key}
    assert kept and not first <= kept, "what nobody needs is gone"
    assert [key for key in listed(s3, bucket) if "/locks/" in key] == []
    restic("restore", "--target", tmp_path / "back", "latest")
    same(here, f"{tmp_path}/back{here}")


def test_restic_notices_what_is_lost_or_cut(restic, s3, bucket, tmp_path):
    """It compares its index with the listing, so that the listing must tell the truth at once."""
    restic("backup", plant(tmp_path / "here", {"large.bin": TREE["large.bin"][: MIB]}))
    packs = s3.list_objects_v2(Bucket=bucket, Prefix="backups/data/")["Contents"]
    pack = max(packs, key=lambda item: item["Size"])["Key"]  # not that of the folders, which restic asks for again and again
    body = get(s3, bucket, pack)
    put(s3, bucket, pack, body[:-1])
    cut = restic("check", check=False)
    assert cut.returncode != 0 and "unexpected file size" in cut.stderr, cut
    s3.delete_object(Bucket=bucket, Key=pack)
    lost = restic("check", check=False)
    assert lost.returncode != 0 and "does not exist" in lost.stderr, lost
    put(s3, bucket, pack, body)
    restic("check", "--read-data")


def test_restic_backs_up_from_two_places_at_once(restic, tmp_path):
    places = [plant(tmp_path / f"place-{number}", {f"{number}-{name}": f"{number} {name}".encode() for name in range(20)}) for number in range(2)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda place: restic("backup", place), places))
    assert len(json.loads(restic("snapshots", "--json").stdout)) == 2
    for place in places:
        restic("restore", "--target", tmp_path / "back", "--path", place, "latest")
        same(place, f"{tmp_path}/back{place}")
