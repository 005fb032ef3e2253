"""Tables and jobs on S3, as Hadoop, Spark, Delta Lake and Apache Iceberg keep them: renames that are copies, folders that
are markers, commits that are one conditional put."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from calls import MIB, code, exists, get, listed, put
from onshore_server import bound, clean_env

COMMITTER = Path(__file__).parent / "committer.py"
WRITERS = 8


def rename(s3, bucket, source, target, threads=16):
    """Renames a folder as the S3A connector does: copies in parallel, then deletes in bulk."""
    keys = listed(s3, bucket, Prefix=source)
    copy = lambda key: s3.copy_object(Bucket=bucket, Key=target + key.removeprefix(source), CopySource={"Bucket": bucket, "Key": key})
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(keys), 50):
            page = keys[start : start + 50]
            list(pool.map(copy, page))
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in page], "Quiet": True})
            assert not answer.get("Errors"), answer


def plant(s3, bucket, bodies, **more):
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda item: put(s3, bucket, *item, **more), bodies.items()))


def folder(s3, bucket, prefix):
    """What is in a folder: its files, its folders."""
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/")
    return [item["Key"] for item in found.get("Contents", [])], [item["Prefix"] for item in found.get("CommonPrefixes", [])]


def race(server, bucket, kind, commits):
    """Starts the writers, lets them go at once, and returns what each says it did."""
    command = [sys.executable, str(COMMITTER), server.s3, server.access_key, server.secret_key, bucket, kind]
    writers = [
        subprocess.Popen(bound([*command, str(number), str(commits)]), env=clean_env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for number in range(WRITERS)
    ]
    try:
        assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * WRITERS
        for writer in writers:
            writer.stdin.write("go\n")
            writer.stdin.flush()
        said = [writer.communicate(timeout=120) for writer in writers]
        assert [writer.returncode for writer in writers] == [0] * WRITERS, said
        return [json.loads(out) for out, _ in said]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


# Renames


def test_a_tree_is_renamed_while_others_list_it(server, s3, bucket):
    """A file is copied before it is deleted: who lists the old place and then the new one sees each file at least once."""
    names = [f"year={number % 3}/month={number % 4}/part-{number:05}.parquet" for number in range(300)]
    plant(s3, bucket, {f"w/from/{name}": name.encode() for name in names})
    put(s3, bucket, "w/beside", b"beside")
    over, seen, wrong = threading.Event(), [], []

    def watch():
        client = server.client()
        while not over.is_set() or not seen:
            old = {key.removeprefix("w/from/") for key in listed(client, bucket, Prefix="w/from/", PaginationConfig={"PageSize": 37})}
            new = {key.removeprefix("w/to/") for key in listed(client, bucket, Prefix="w/to/", PaginationConfig={"PageSize": 41})}
            files, folders = folder(client, bucket, "w/")
            if old | new != set(names) or files != ["w/beside"] or not folders or not set(folders) <= {"w/from/", "w/to/"}:
                wrong.append((sorted(set(names) - old - new), sorted((old | new) - set(names)), files, folders))
            seen.append(len(new))

    watchers = [threading.Thread(target=watch) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    try:
        rename(s3, bucket, "w/from/", "w/to/")
    finally:
        over.set()
        for watcher in watchers:
            watcher.join()
    assert wrong == [] and seen
    assert folder(s3, bucket, "w/") == (["w/beside"], ["w/to/"])
    assert sorted(listed(s3, bucket, Prefix="w/to/")) == sorted(f"w/to/{name}" for name in names)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda name: get(s3, bucket, f"w/to/{name}").decode(), names)) == names


def test_a_rename_back_and_forth_changes_nothing(s3, bucket):
    names = [f"{number}" for number in range(60)]
    plant(s3, bucket, {f"a/{name}": name.encode() for name in names}, Metadata={"who": "me"}, ContentType="text/x-own")
    etags = {key: s3.head_object(Bucket=bucket, Key=key)["ETag"] for key in listed(s3, bucket)}
    for source, target in (("a/", "b/"), ("b/", "a/")) * 2:
        rename(s3, bucket, source, target)
    assert {key: s3.head_object(Bucket=bucket, Key=key)["ETag"] for key in listed(s3, bucket)} == etags
    head = s3.head_object(Bucket=bucket, Key="a/7")
    assert head["Metadata"] == {"who": "me"} and head["ContentType"] == "text/x-own"


# Folders that are markers


def test_a_marker_is_an_object_of_its_own(s3, bucket):
    put(s3, bucket, "dir/", b"", ContentType="application/x-directory")
    assert exists(s3, bucket, "dir/") and not exists(s3, bucket, "dir")
    assert folder(s3, bucket, "") == ([], ["dir/"])
    assert folder(s3, bucket, "dir/") == (["dir/"], [])
    assert folder(s3, bucket, "dir") == ([], ["dir/"])
    assert s3.head_object(Bucket=bucket, Key="dir/")["ContentType"] == "application/x-directory"
    put(s3, bucket, "dir/sub/", b"")
    put(s3, bucket, "dir/sub/file", b"x")
    put(s3, bucket, "dir", b"a file of the same name")
    assert folder(s3, bucket, "") == (["dir"], ["dir/"])
    assert folder(s3, bucket, "dir/") == (["dir/"], ["dir/sub/"])
    assert listed(s3, bucket) == ["dir", "dir/", "dir/sub/", "dir/sub/file"]


def test_a_marker_goes_and_the_files_stay(s3, bucket):
    plant(s3, bucket, {"dir/": b"", "dir/one": b"1", "dir/two": b"2"})
    s3.delete_object(Bucket=bucket, Key="dir/")
    assert listed(s3, bucket) == ["dir/one", "dir/two"]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "dir/"}, {"Key": "dir"}]})
    assert listed(s3, bucket) == ["dir/one", "dir/two"]
    put(s3, bucket, "dir/", b"")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "dir/one"}, {"Key": "dir/two"}]})
    assert folder(s3, bucket, "") == ([], ["dir/"]), "an emptied folder with a marker is still there"


def test_whether_a_folder_is_there_is_asked_by_one_key(s3, bucket):
    """The question S3A asks first of each path: is anything at or below it?"""
    plant(s3, bucket, {"a/b/c": b"x", "ab": b"y", "a.b": b"z"})
    ask = lambda prefix: s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/", MaxKeys=2)["KeyCount"]
    assert [ask(prefix) for prefix in ("a/", "a/b/", "a/b/c/", "b/")] == [1, 1, 0, 0]
    after = s3.list_objects_v2(Bucket=bucket, Prefix="a", Delimiter="/", MaxKeys=2)
    assert [item["Key"] for item in after["Contents"]] == ["a.b"] and after["CommonPrefixes"] == [{"Prefix": "a/"}] and after["IsTruncated"]
    rest = s3.list_objects_v2(Bucket=bucket, Prefix="a", Delimiter="/", MaxKeys=2, ContinuationToken=after["NextContinuationToken"])
    assert [item["Key"] for item in rest["Contents"]] == ["ab"] and not rest["IsTruncated"]


# Committers of jobs


def test_a_job_is_committed_by_renames(s3, bucket):
    """FileOutputCommitter: attempts write apart, one attempt of a task is renamed, then the job; a slow twin is dropped."""
    tasks, out = range(6), "out/"
    root = f"{out}_temporary/0/"
    put(s3, bucket, root, b"")

    def attempt(task, number):
        name = f"attempt_{task:06}_{number}"
        for part in range(5):
            put(s3, bucket, f"{root}_temporary/{name}/part-{task}-{part}", f"{task} {part}".encode())
        return name

    with ThreadPoolExecutor(8) as pool:
        attempts = list(pool.map(lambda pair: attempt(*pair), [(task, number) for task in tasks for number in range(2)]))
    for task in tasks:
        rename(s3, bucket, f"{root}_temporary/{attempts[2 * task]}/", f"{root}task_{task:06}/")
    assert not exists(s3, bucket, f"{out}_SUCCESS") and folder(s3, bucket, out) == ([], [f"{out}_temporary/"])
    for task in tasks:
        rename(s3, bucket, f"{root}task_{task:06}/", out)
    left = listed(s3, bucket, Prefix=f"{out}_temporary/")
    assert len(left) == 31, "the marker and the twins"
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in left]})
    put(s3, bucket, f"{out}_SUCCESS", b"")
    parts = [f"{out}part-{task}-{part}" for task in tasks for part in range(5)]
    assert folder(s3, bucket, out) == ([f"{out}_SUCCESS", *parts], [])
    assert [get(s3, bucket, key).decode() for key in parts] == [f"{task} {part}" for task in tasks for part in range(5)]
    assert s3.head_object(Bucket=bucket, Key=f"{out}_SUCCESS")["ContentLength"] == 0


def test_a_job_is_committed_by_uploads_left_open(s3, bucket):
    """The magic committer of S3A: each task leaves an upload open and notes it; the job completes the notes it finds."""
    notes = []
    for task in range(6):
        key = f"out/part-{task}"
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        body = str(task).encode() * 5 * MIB
        etags = [s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part)["ETag"] for number, part in ((1, body), (2, b"end"))]
        notes.append({"Key": key, "UploadId": upload, "MultipartUpload": {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]}})
        put(s3, bucket, f"out/__magic/job-1/task-{task}.pending", json.dumps(notes[-1]).encode())
    assert listed(s3, bucket, Prefix="out/part") == [], "nothing shows before the commit"
    opened = s3.list_multipart_uploads(Bucket=bucket, Prefix="out/")["Uploads"]
    assert [(item["Key"], item["UploadId"]) for item in opened] == [(note["Key"], note["UploadId"]) for note in notes]
    found = [json.loads(get(s3, bucket, key)) for key in listed(s3, bucket, Prefix="out/__magic/")]
    failed = found.pop(2)
    s3.abort_multipart_upload(Bucket=bucket, Key=failed["Key"], UploadId=failed["UploadId"])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda note: s3.complete_multipart_upload(Bucket=bucket, **note), found))
    assert listed(s3, bucket, Prefix="out/part") == [note["Key"] for note in found]
    assert get(s3, bucket, "out/part-5") == b"5" * 5 * MIB + b"end"
    assert code(s3.complete_multipart_upload, Bucket=bucket, **failed) == ("NoSuchUpload", 404)
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_a_lock_has_one_holder(server, s3, bucket):
    clients = [server.client() for _ in range(4)]
    for turn in range(10):

        def take(number):
            try:
                put(clients[number % 4], bucket, "table/_lock", str(number).encode(), IfNoneMatch="*")
                return number
            except s3.exceptions.ClientError as error:
                assert error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"), error.response
                return None

        with ThreadPoolExecutor(16) as pool:
            holders = [number for number in pool.map(take, range(16)) if number is not None]
        assert len(holders) == 1 and get(s3, bucket, "table/_lock").decode() == str(holders[0]), turn
        s3.delete_object(Bucket=bucket, Key="table/_lock")


# Tables


@pytest.mark.parametrize("versioning", [False, True], ids=["plain", "versioned"])
def test_eight_writers_append_to_one_log(server, s3, bucket, versioning):
    if versioning:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    said = race(server, bucket, "log", 5)
    log = [json.loads(get(s3, bucket, key)) for key in listed(s3, bucket, Prefix="table/_delta_log/")]
    assert [entry["number"] for entry in log] == list(range(WRITERS * 5)), "no commit is lost and none is made twice"
    for writer, own in enumerate(said):
        assert own["won"] == [entry["number"] for entry in log if entry["writer"] == str(writer)], "who was told it won is in the log"
    assert [entry["after"] for entry in log] == [None, *(entry["writer"] for entry in log[:-1])]
    assert sum(own["lost"] for own in said) > 0, "nobody raced"
    if versioning:
        assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == WRITERS * 5


def test_eight_writers_turn_one_pointer(server, s3, bucket):
    put(s3, bucket, "table/pointer.json", json.dumps({"count": 0, "writers": []}).encode())
    said = race(server, bucket, "pointer", 5)
    end = json.loads(get(s3, bucket, "table/pointer.json"))
    assert end["count"] == len(end["writers"]) == WRITERS * 5, "no turn is lost"
    for writer, own in enumerate(said):
        assert own["won"] == [count for count, name in enumerate(end["writers"], 1) if name == str(writer)]
    assert sum(own["lost"] for own in said) > 0, "nobody raced"
