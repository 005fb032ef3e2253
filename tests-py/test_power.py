"""Power cuts at any instant of a load: the folder as a disk could have it then opens clean, and has every write, version,
part and leaf that was acknowledged by then, and every checkpoint that anybody had seen."""

import hashlib
import os
import random
import shutil
import threading

import pytest
from botocore.exceptions import BotoCoreError, ClientError

import tlog
from onshore_server import Server
from power import Recorder, now

SEED = int(os.environ.get("ONSHORE_TEST_SEED", "20261122"))
CUTS = int(os.environ.get("ONSHORE_TEST_CUTS", "14"))
THREADS = 4
SIZES = [0, 100, 5000, 65_536, 65_537, 150_000]

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace is not here: apt-get install strace")


def body_of(key, number, size):
    block = hashlib.sha256(f"{key}/{number}".encode()).digest()
    return (block * (size // 32 + 1))[:size]


class Writer(threading.Thread):
    """Writes keys of its own, and remembers what was acknowledged when."""

    def __init__(self, server, name, operations):
        super().__init__(daemon=True)
        self.server, self.s3, self.name_of, self.operations = server, server.client(), name, operations
        self.random = random.Random(f"{SEED}/{name}")
        self.history = {}  # (bucket, key) -> [(begun, acknowledged, number, size, version)], deletions with number None
        self.leaves = []  # (acknowledged, index)
        self.parts = []  # (acknowledged, upload, number, etag)
        self.checkpoints = []  # (seen, size, root)

    def run(self):
        try:
            for number in range(self.operations):
                self.one(number)
        except (BotoCoreError, ClientError):
            pass

    def one(self, number):
        bucket = self.random.choice(["plain", "versioned"])
        key = f"{self.name_of}/{self.random.randrange(8)}"
        roll = self.random.random()
        if roll < 0.1:
            self.note(bucket, key, None, 0, lambda: self.s3.delete_object(Bucket=bucket, Key=key))
        elif roll < 0.15:
            upload = self.s3.create_multipart_upload(Bucket=bucket, Key=f"{self.name_of}/parts")["UploadId"]
            for part in (1, 2):
                done = self.s3.upload_part(Bucket=bucket, Key=f"{self.name_of}/parts", UploadId=upload, PartNumber=part, Body=body_of(upload, part, 70_000))
                self.parts.append((now(), bucket, f"{self.name_of}/parts", upload, part, done["ETag"]))
        elif roll < 0.2:
            log = tlog.read_growing(self.server)
            self.checkpoints.append((now(), log.size, log.root))
        else:
            size = self.random.choice(SIZES)
            put = lambda: self.s3.put_object(Bucket=bucket, Key=key, Body=body_of(key, number, size), Metadata={"number": str(number)})
            self.note(bucket, key, number, size, put)

    def note(self, bucket, key, number, size, do):
        begun = now()
        entry = [begun, None, number, size, None]
        self.history.setdefault((bucket, key), []).append(entry)
        done = do()
        entry[1], entry[4] = now(), done.get("VersionId")
        leaf = done["ResponseMetadata"]["HTTPHeaders"].get("x-onshore-leaf")
        if leaf:
            self.leaves.append((now(), int(leaf)))


@pytest.fixture(scope="module")
def recorded(make_server, tmp_path_factory):
    server = make_server("power")
    s3 = server.client()
    for bucket in ("plain", "versioned"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    tlog.read_growing(server)
    recorder = Recorder(server, tmp_path_factory.mktemp("power") / "recording")
    writers = [Writer(server, f"w{number}", 60) for number in range(THREADS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(240)
        assert not writer.is_alive()
    server.kill9()
    return server, recorder.end(), writers


def cuts(recording):
    """Lines at which the power goes: where the disk is asked to order things, just before, and anywhere."""
    chance = random.Random(f"{SEED}/cuts")
    lines = chance.sample(recording.syncs(), CUTS // 2)
    lines = [line - chance.randint(0, 1) for line in lines]
    return lines + [chance.randrange(recording.length) for _ in range(CUTS - len(lines))]


@pytest.mark.parametrize("cut", range(CUTS))
def test_a_power_cut_loses_nothing_acknowledged(recorded, tmp_path, cut):
    server, recording, writers = recorded
    line = cuts(recording)[cut]
    instant = recording.instant(line)
    recording.folder_at(line, random.Random(f"{SEED}/{cut}"), tmp_path / "after")
    after = Server(tmp_path / "after").start()
    try:
        account(after, writers, instant)
    finally:
        after.kill9()


def account(server, writers, instant):
    s3 = server.client()
    for writer in writers:
        for (bucket, key), history in writer.history.items():
            one_key(s3, bucket, key, [entry for entry in history if entry[0] <= instant], instant)
        for acknowledged, bucket, key, upload, number, etag in writer.parts:
            if acknowledged <= instant:
                parts = s3.list_parts(Bucket=bucket, Key=key, UploadId=upload)["Parts"]
                assert etag in [part["ETag"] for part in parts if part["PartNumber"] == number]
    log = tlog.Log(tlog.over_http(server), server.vkey)
    leaves = [leaf for writer in writers for at, leaf in writer.leaves if at <= instant]
    assert not leaves or max(leaves) < log.size, "a receipt is not in the ledger"
    for writer in writers:
        for seen, size, root in writer.checkpoints:
            if seen <= instant:
                assert log.extends(size, root), "the ledger forgot a checkpoint that somebody has seen"
    done = s3.put_object(Bucket="plain", Key="afterwards", Body=b"it goes on")
    assert int(done["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"]) >= (max(leaves) if leaves else 0)


def one_key(s3, bucket, key, history, instant):
    """The last acknowledged state is there, or one that was under way after it."""
    if not history:
        return
    sure = [index for index, entry in enumerate(history) if entry[1] and entry[1] <= instant]
    allowed = history[sure[-1] :] if sure else [None, *history]
    try:
        found = s3.get_object(Bucket=bucket, Key=key)
        state = (int(found["Metadata"]["number"]), found["Body"].read())
        assert any(entry and entry[2] == state[0] and state[1] == body_of(key, entry[2], entry[3]) for entry in allowed), (bucket, key, state[0])
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchKey", (key, error)
        assert any(entry is None or entry[2] is None for entry in allowed), f"{bucket}/{key}: acknowledged and gone"
    for index in sure:
        _, _, number, size, version = history[index]
        if version and number is not None:
            body = s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()
            assert body == body_of(key, number, size), "a version is another"
