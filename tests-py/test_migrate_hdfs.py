"""Folders of HDFS: every file arrives from the datanodes that the namenode leads to, and nobody is led inside."""

import itertools
import os
import threading
import zlib

import pytest

import keys
from hdfs_peer import File, Hdfs
from test_migrate import everything
from test_migrate_containers import dry_run, migrate
from test_migrate_files import TREE_KEYS

MIB = 1 << 20


@pytest.fixture
def hdfs():
    opened = []

    def make(files, **more):
        opened.append(Hdfs(files, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def arrived(server, bucket):
    return {key: body for key, (body, _) in everything(server.client(), bucket).items()}


@pytest.mark.parametrize("has_batches", [True, False])
def test_every_file_of_hdfs_arrives(server, hdfs, tmp_path, has_batches):
    files = {f"data/{key}": File(keys.body_of(key)) for key in TREE_KEYS}
    files |= {f"data/parts/{number:04}.csv": File(b"%d" % number) for number in range(60)}
    files["data/large"] = File(os.urandom(70 * MIB))
    files["data/told"] = File(b"told", checksum={"algorithm": "MD5-of-0MD5-of-512CRC32C", "bytes": "00" * 28, "length": 28})
    files["other/x"] = File(b"x")
    source, bucket = hdfs(files, has_batches=has_batches, user="hadoop"), f"onshore-hdfs-{has_batches}".lower()
    env = {"HADOOP_USER_NAME": "hadoop"}
    found = migrate(server, f"hdfs://{source.host}/data", bucket, None, tmp_path, env=env)
    expected = {path.removeprefix("data/"): file.body for path, file in files.items() if path.startswith("data/")}
    assert arrived(server, bucket) == expected
    assert {entry["method"] for entry in found["objects"]} == {"read-twice"}
    assert server.client().head_object(Bucket=bucket, Key="parts/0001.csv")["ContentType"] == "text/csv"
    again = migrate(server, "hdfs://cluster/data/", bucket, f"http://{source.host}/webhdfs/v1", tmp_path, status=0, env=env)
    assert again["body"]["counts"]["listed"] == len(expected)


def crc32(body):
    return {"algorithm": "COMPOSITE-CRC32", "bytes": f"{zlib.crc32(body):08x}", "length": 4}


def test_a_checksum_of_the_whole_is_compared(server, hdfs, tmp_path):
    files = {"a/good": File(b"good", checksum=crc32(b"good")), "a/wrong": File(b"wrong", checksum=crc32(b"wronG"))}
    found = migrate(server, f"hdfs://{hdfs(files).host}/a", "onshore-hdfs-sums", None, tmp_path, status=1)
    (exception,) = found["body"]["exceptions"]
    assert (exception["key"], exception["reason"]) == ("wrong", "bytes-differ")
    assert {entry["key"]: entry["method"] for entry in found["objects"]}["good"] == "checksum-crc32"


def test_what_hdfs_cannot_bring_is_named(server, hdfs, tmp_path):
    files = {"a/good": File(b"good"), "a/link": File(b"", kind="SYMLINK"), "a/kept/x": File(b"x"), "a/closed/y": File(b"y")}
    fault = lambda op, path: (403, "AccessControlException") if path == "a/closed" else None
    source = hdfs(files, snapshots=("a/kept",), fault=fault)
    found = migrate(server, f"webhdfs://{source.host}/a", "onshore-hdfs-odd", None, tmp_path, status=1)
    named = {one["key"]: one["reason"] for one in found["body"]["exceptions"]}
    assert named == {"link": "symbolic-link", "kept/.snapshot": "snapshots", "closed/": "folder-unreadable"}
    assert set(arrived(server, "onshore-hdfs-odd")) == {"good", "kept/x"}


def test_a_cluster_that_fails_now_and_then_loses_nothing(server, hdfs, tmp_path):
    files = {f"a/{number % 5}/{number:03}": File(os.urandom(3000)) for number in range(100)}
    turns = itertools.count()
    said = itertools.cycle([(503, "RetriableException"), (403, "SafeModeException"), (403, "StandbyException"), (403, "IOException")])
    source = hdfs(files, fault=lambda op, path: next(said) if next(turns) % 9 == 8 else None, before_read=lambda path, reads: 403 if next(turns) % 11 == 10 else None)
    migrate(server, f"hdfs://{source.host}/a", "onshore-hdfs-faults", None, tmp_path)
    assert arrived(server, "onshore-hdfs-faults") == {path.removeprefix("a/"): file.body for path, file in files.items()}


def test_a_file_of_hdfs_that_is_replaced_while_it_is_read_arrives_whole(server, hdfs, tmp_path):
    old, new = File(os.urandom(70 * MIB)), File(os.urandom(70 * MIB), modified=1_444_000)
    files = {"a/changing": old}

    def before_read(path, reads):
        if reads == 3:
            files[path] = new

    migrate(server, f"hdfs://{hdfs(files, before_read=before_read).host}/a", "onshore-hdfs-changing", None, tmp_path)
    assert arrived(server, "onshore-hdfs-changing") == {"changing": new.body}


def test_a_short_body_never_becomes_an_object(server, hdfs, tmp_path):
    file = File(b"whole")
    file.handed_out = b"who"
    found = migrate(server, f"hdfs://{hdfs({'a/short': file, 'a/good': File(b'g')}).host}/a", "onshore-hdfs-short", None, tmp_path, status=1)
    assert [(one["key"], one["reason"]) for one in found["body"]["exceptions"]] == [("short", "changing")]


def test_a_kill_in_the_middle_of_a_large_file_goes_on_where_it_was(make_server, hdfs, tmp_path):
    server = make_server("hdfs-kill")
    file = File(os.urandom(160 * MIB))
    reached, go_on = threading.Event(), threading.Event()

    def before_read(path, reads):
        if reads >= 6:
            reached.set()
            go_on.wait(60)

    source = hdfs({"a/large": file}, before_read=before_read)
    assert server.run("migrate", f"hdfs://{source.host}/a", "onshore-kill", "--detach").returncode == 0
    assert reached.wait(60)
    server.kill9()
    server.output = []
    go_on.set()
    server.start()
    migrate(server, f"hdfs://{source.host}/a", "onshore-kill", None, tmp_path)
    assert arrived(server, "onshore-kill") == {"large": file.body}
    # Ten runs, what was under way when the server died, and the second reading.
    assert source.reads["a/large"] <= 10 + 4 + 1 + 2, source.reads


@pytest.mark.parametrize("datanode", ["169.254.169.254", "169.254.169.254:80", "[fe80::1]:9864"])
def test_a_namenode_leads_nobody_inside(server, hdfs, tmp_path, datanode):
    source = hdfs({"a/k": File(b"k")}, datanode=datanode)
    found = migrate(server, f"hdfs://{source.host}/a", f"onshore-led-{abs(hash(datanode))}", None, tmp_path, status=1)
    (exception,) = found["body"]["exceptions"]
    assert exception["key"] == "k" and "further inside" in exception["detail"], exception


def listing(*names, left=0):
    page = [{"pathSuffix": name, "type": "FILE", "length": 1, "modificationTime": 0} for name in names]
    return {"DirectoryListing": {"partialListing": {"FileStatuses": {"FileStatus": page}}, "remainingEntries": left}}


@pytest.mark.parametrize(
    "told, word",
    [
        (listing("../x"), "leads out of it"),
        (listing(".."), "leads out of it"),
        (listing("a/b"), "leads out of it"),
        (listing(""), "leads out of it"),
        (listing("b", left=5), "goes in a circle"),
        (listing(left=5), "goes in a circle"),
        ({"DirectoryListing": {}}, "not what was asked for"),
        ({"pad": "x" * 70 * MIB}, "without an end"),
    ],
)
def test_a_listing_of_hdfs_that_lies_is_an_error(server, hdfs, told, word):
    source = hdfs({"a/k": File(b"k")}, lists=lambda op, path, asked: told)
    done = server.run("migrate", f"hdfs://{source.host}/a", "onshore-lies")
    assert done.returncode == 1 and word in done.stdout + done.stderr, done


def test_who_may_not_read_hdfs_is_told_so(server, hdfs):
    source = hdfs({"a/k": File(b"k")}, user="hadoop")
    for env, path, word in [
        ({}, "a", "Kerberos"),
        ({"HADOOP_USER_NAME": "mallory"}, "a", "AccessControlException"),
        ({"HADOOP_USER_NAME": "hadoop"}, "nothing", "not found"),
        ({"HADOOP_USER_NAME": "hadoop"}, "a/k", "name the folder"),
    ]:
        done = server.run("migrate", f"hdfs://{source.host}/{path}", "onshore-refused", env=env)
        assert done.returncode == 1 and word in done.stdout + done.stderr, done
    wrong = server.run("migrate", "hdfs://namenode:8020/a", "onshore-b")
    assert wrong.returncode == 2 and "9870" in wrong.stderr, wrong
    dry_run(server, f"hdfs://{source.host}/a", None, {"HADOOP_USER_NAME": "hadoop"}, status=0)
