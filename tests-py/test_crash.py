"""kill -9 in the middle of load, and an abort at each crash point: every acknowledged write is there afterwards, every
receipt is in the ledger, and no version is without its leaf."""

import hashlib
import os
import random
import socket
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

import tlog
from onshore_server import Ended
from raw_s3 import Raw

SEED = int(os.environ.get("ONSHORE_TEST_SEED", "20261122"))
THREADS = 6
CUT_OFF = (BotoCoreError, ClientError)


def body_of(key, number, size):
    """A body that can be told from every other by its key and number."""
    block = hashlib.sha256(f"{key}/{number}".encode()).digest()
    return (block * (size // 32 + 1))[:size]


class Writer(threading.Thread):
    """Writes keys of its own again and again, and remembers what was acknowledged and what was under way."""

    def __init__(self, server, name, seed):
        super().__init__(daemon=True)
        self.s3 = server.client()
        self.name_of = name
        self.random = random.Random(f"{seed}/{name}")
        self.acknowledged = {}  # key -> (number, size) or None when deleted
        self.under_way = {}  # key -> the one that may or may not have happened
        self.leaves = []
        self.fresh = 0

    def run(self):
        number = 0
        try:
            while True:
                number += 1
                key = f"{self.name_of}/{self.random.randrange(40)}"
                size = self.random.choice([0, 10, 1000, 65_536, 65_537, 300_000])
                if self.random.random() < 0.1:
                    self.under_way[key] = None
                    done = self.s3.delete_object(Bucket="crash", Key=key)
                    self.acknowledged[key] = None
                elif self.random.random() < 0.05:
                    self.under_way[key] = (number, 5 * 1024 * 1024 + size)
                    done = self.multipart(key, number, 5 * 1024 * 1024 + size)
                    self.acknowledged[key] = (number, 5 * 1024 * 1024 + size)
                else:
                    self.under_way[key] = (number, size)
                    done = self.s3.put_object(Bucket="crash", Key=key, Body=body_of(key, number, size), Metadata={"number": str(number)})
                    self.acknowledged[key] = (number, size)
                if "x-onshore-leaf" in done["ResponseMetadata"]["HTTPHeaders"]:
                    self.leaves.append(int(done["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"]))
                del self.under_way[key]
        except CUT_OFF:
            pass

    def multipart(self, key, number, size):
        body, at = body_of(key, number, size), 5 * 1024 * 1024
        upload = self.s3.create_multipart_upload(Bucket="crash", Key=key, Metadata={"number": str(number)})["UploadId"]
        parts = []
        for index, part in enumerate((body[:at], body[at:]), 1):
            if part:
                etag = self.s3.upload_part(Bucket="crash", Key=key, UploadId=upload, PartNumber=index, Body=part)["ETag"]
                parts.append({"PartNumber": index, "ETag": etag})
        return self.s3.complete_multipart_upload(Bucket="crash", Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def account(server, writers):
    """Compares what the server has with what it acknowledged."""
    s3 = server.client()
    counted = 0
    for writer in writers:
        for key in set(writer.acknowledged) | set(writer.under_way):
            allowed = [writer.acknowledged.get(key)]
            if key in writer.under_way:
                allowed.append(writer.under_way[key])
            try:
                found = s3.get_object(Bucket="crash", Key=key)
                body, number = found["Body"].read(), int(found["Metadata"]["number"])
                assert any(state and state[0] == number and body == body_of(key, *state) for state in allowed), (key, number, len(body), allowed)
                counted += 1
            except ClientError as error:
                assert error.response["Error"]["Code"] == "NoSuchKey", (key, error)
                assert None in allowed, f"{key}: acknowledged {allowed} and gone"
    listed = [item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="crash") for item in page.get("Contents", [])]
    assert len(listed) == counted, "nothing is there that nobody wrote"


def ledger_holds(server, earlier, leaves):
    """The tree is whole, extends every earlier checkpoint and has every receipt."""
    log = tlog.Log(tlog.over_http(server), server.vkey)
    for size, root in earlier:
        assert log.extends(size, root), "the ledger forgot a checkpoint it had signed"
    if leaves:
        assert max(leaves) < log.size, "a receipt is not in the ledger"
    assert len(leaves) == len(set(leaves)), "one leaf was given as receipt twice"
    return log


@pytest.mark.parametrize("round_", range(3))
def test_kill_nine_under_load(make_server, round_):
    chance = random.Random(f"{SEED}/{round_}")
    server = make_server("crash")
    server.client().create_bucket(Bucket="crash")
    earlier, leaves, writers = [], [], []
    for restart in range(3):
        # Each life has writers of their own: what was under way at a death stays the last word on that key.
        alive = [Writer(server, f"{restart}-{number}", f"{SEED}/{round_}") for number in range(THREADS)]
        for writer in alive:
            writer.start()
        time.sleep(chance.uniform(0.3, 1.5))  # the load, not a wait for something to happen
        log = tlog.read_growing(server)
        earlier.append((log.size, log.root))
        server.kill9()
        for writer in alive:
            writer.join(60)
            assert not writer.is_alive()
        writers += alive
        leaves += [leaf for writer in alive for leaf in writer.leaves]
        server.output = []
        server.start()
        account(server, writers)
        ledger_holds(server, earlier, leaves)
    assert sum(len(writer.leaves) for writer in writers) > 20, "there was load"
    assert server.terminate() == 0


POINTS = ["staged", "committed", "tile", "checkpoint", "answer"]


# An object that goes into the database inline is staged nowhere.
@pytest.mark.parametrize("point, size", [(point, size) for point in POINTS for size in (100, 200_000) if (point, size) != ("staged", 100)])
def test_crash_points(make_server, point, size):
    chance = random.Random(f"{SEED}/{point}/{size}")
    server = make_server(f"{point}-{size}")
    server.client().create_bucket(Bucket="crash")
    for life in range(2):
        server.terminate()
        server.output = []
        # Tiles and checkpoints are published for many leaves at once, so these points are passed less often.
        count = chance.randrange(1, 6 if point in ("tile", "checkpoint") else 30)
        acknowledged, last = {}, None
        try:
            server.start(ONSHORE_CRASH_AT=f"{point}:{count}")
            assert "ONSHORE_CRASH_AT" in server.log, "a test aid in production is loud"
            s3 = server.client()
            for number in range(400):
                last = f"{life}-{number}"
                done = s3.put_object(Bucket="crash", Key=last, Body=body_of(last, number, size))
                acknowledged[last] = (number, int(done["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"]))
                last = None
            pytest.fail(f"the server never came to {point}:{count}")
        except CUT_OFF:
            assert server.wait() != 0
        except Ended:
            # The start itself records leaves, so it passes some of the points before anybody is served.
            assert point in ("committed", "tile", "checkpoint")
        server.output = []
        server.start()
        s3 = server.client()
        for key, (number, _) in acknowledged.items():
            assert s3.get_object(Bucket="crash", Key=key)["Body"].read() == body_of(key, number, size)
        log = ledger_holds(server, [], [leaf for _, leaf in acknowledged.values()])
        listed = {item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="crash") for item in page.get("Contents", [])}
        stored = [leaf for leaf in log.json() if "stored" in tlog.words(leaf)]
        assert len(stored) == len(listed), "each version has its leaf, and each leaf its version"
        if point == "staged":
            assert last not in listed, "nothing was committed yet"
        if point == "answer":
            assert last in listed, "what was committed is there although nobody was told"
    left = [path for path in (server.data / "objects").rglob("*") if path.is_file()]
    assert len(left) <= (len(listed) if size > 65_536 else 0), f"orphans were not swept: {len(left)} files for {len(listed)} objects"


def test_an_export_cut_by_a_crash_stays_spent(make_server):
    server = make_server("export")
    s3 = server.client()
    s3.create_bucket(Bucket="crash")
    size = 32 * 1024 * 1024
    s3.put_object(Bucket="crash", Key="a", Body=b"x" * size, Metadata={"onshore-class": "personal"})
    server.grant(max_bytes=size + 1000)
    raw = Raw(server, source="127.0.0.66")
    target, headers = raw.presigned("GET", "/crash/a")
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        stream.bind(("127.0.0.66", 0))
        stream.connect((server.s3_host, server.s3_port))
        stream.settimeout(30)
        stream.sendall(f"GET {target} HTTP/1.1\r\nhost: {headers['host']}\r\n\r\n".encode())
        assert b" 200 " in stream.recv(4096)
        server.kill9()
    server.output = []
    server.start()
    abroad = server.client(source="127.0.0.66")
    with pytest.raises(ClientError) as caught:
        abroad.get_object(Bucket="crash", Key="a")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert len(abroad.get_object(Bucket="crash", Key="a", Range="bytes=0-999")["Body"].read()) == 1000
    with pytest.raises(ClientError):
        abroad.get_object(Bucket="crash", Key="a", Range="bytes=0-0")


def test_stopping_drains(make_server):
    server = make_server("drain")
    server.client().create_bucket(Bucket="crash")
    writers = [Writer(server, str(number), SEED) for number in range(THREADS)]
    for writer in writers:
        writer.start()
    time.sleep(0.5)  # the load, not a wait for something to happen
    assert server.terminate() == 0
    for writer in writers:
        writer.join(60)
    server.output = []
    server.start()
    account(server, writers)
    ledger_holds(server, [], [leaf for writer in writers for leaf in writer.leaves])


def test_an_uploaded_part_survives(make_server):
    server = make_server("parts")
    s3 = server.client()
    s3.create_bucket(Bucket="crash")
    upload = s3.create_multipart_upload(Bucket="crash", Key="a")["UploadId"]
    body = b"p" * (5 * 1024 * 1024)
    etag = s3.upload_part(Bucket="crash", Key="a", UploadId=upload, PartNumber=1, Body=body)["ETag"]
    server.restart()
    s3 = server.client()
    s3.complete_multipart_upload(Bucket="crash", Key="a", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert s3.get_object(Bucket="crash", Key="a")["Body"].read() == body
