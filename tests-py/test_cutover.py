"""A bucket that is cut over from another cloud while programs use it: it answers as if all were here from the first moment,
what is changed here stays, nothing that was removed comes back, and in the end nothing is asked of the old cloud any more."""

import hashlib
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

from calls import code, get, put
from clients import run
from cut_over import CutOver
from old_cloud import SamePort
from onshore_server import CONFIG, REGION, Server
from programs import Programs, seeded



def patient_client(server, endpoint=None):
    """A client as programs have it: it tries again."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint or server.s3,
        region_name=REGION,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 12, "mode": "standard"}, max_pool_connections=64),
    )


def keys_of(s3, bucket, operation="list_objects_v2", **more):
    pages = s3.get_paginator(operation).paginate(Bucket=bucket, **more)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def names_of(s3, bucket, limit, **more):
    """Keys and common prefixes of a listing in pages of this length, each page checked for its length and order."""
    found, token = [], {}
    while True:
        page = s3.list_objects_v2(Bucket=bucket, MaxKeys=limit, **{**more, **token})
        names = sorted([item["Key"] for item in page.get("Contents", [])] + [item["Prefix"] for item in page.get("CommonPrefixes", [])], key=str.encode)
        assert len(names) == page["KeyCount"] <= limit
        assert len(names) == limit or not page["IsTruncated"]
        found += names
        if not page["IsTruncated"]:
            return found
        token = {"ContinuationToken": page["NextContinuationToken"]}
        more.pop("StartAfter", None)


def expected(keys, prefix="", delimiter=None, after=""):
    names = set()
    for key in keys:
        if key.startswith(prefix) and key.encode() > after.encode():
            rest = key[len(prefix) :]
            names.add(prefix + rest[: rest.index(delimiter) + len(delimiter)] if delimiter and delimiter in rest else key)
    return sorted(names, key=str.encode)


@pytest.fixture()
def cut(server, moto, request):
    made = []

    def make(objects, name=None):
        name = name or f"cut-{hashlib.sha256(request.node.name.encode()).hexdigest()[:10]}"
        made.append(CutOver(server, moto, name, objects))
        return made[-1]

    yield make
    for cutover in made:
        cutover.close()
        server.run("cutover", "abort", cutover.name)


@pytest.fixture()
def stalled_job(cut):
    """A bucket that is cut over whose job waits: only what somebody asks for comes."""

    def make(objects, *args):
        cutover = cut(objects)
        # The job lists a thousand at a time, and is let do so only when it waits.
        cutover.cloud.fail("503", lambda method, path: "max-keys=1000" in path)
        cutover.order("--detach", *args)
        job = cutover.until(lambda status: status["step"] == "pulling")["job"]
        cutover.server.cli("job", "pause", job)
        cutover.paused = job
        while f"migration paused job={job}" not in cutover.server.log:
            time.sleep(0.05)
        cutover.cloud.heal()
        return cutover

    return make


def test_what_is_not_here_is_read_as_if_it_were(stalled_job):
    objects = {f"dir/{number:02}": b"%d" % number for number in range(20)} | {"top": b"0123456789", "empty": b"", "a b+c%25/\u6587": b"odd"}
    cutover = stalled_job(objects)
    here, there, name = cutover.here, cutover.there, cutover.name
    there.put_object(Bucket=name, Key="said", Body=b"said", ContentType="text/x", Metadata={"who": "somebody"}, Tagging="a=b", CacheControl="no-cache")
    answer = here.get_object(Bucket=name, Key="said")
    assert (answer["Body"].read(), answer["ContentType"], answer["Metadata"], answer["CacheControl"]) == (b"said", "text/x", {"who": "somebody"}, "no-cache")
    assert answer["ETag"] == there.head_object(Bucket=name, Key="said")["ETag"]
    assert here.get_object_tagging(Bucket=name, Key="said")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert here.head_object(Bucket=name, Key="dir/00")["ContentLength"] == 1
    assert get(here, name, "top", Range="bytes=2-4") == b"234"
    for key, body in objects.items():
        assert get(here, name, key) == body, key
        assert cutover.cloud.fetched(key) == 1, "it is fetched once"
    assert code(here.get_object, Bucket=name, Key="nowhere") == ("NoSuchKey", 404)
    assert code(here.head_object, Bucket=name, Key="dir")[1] == 404
    assert code(here.delete_bucket, Bucket=name) == ("BucketNotEmpty", 409)


def test_many_readers_of_a_missing_key_fetch_it_once(stalled_job):
    body = bytes(range(256)) * 4 * 1024 * 8
    cutover = stalled_job({"large": body})
    with ThreadPoolExecutor(32) as pool:
        bodies = list(pool.map(lambda number: get(cutover.server.client(), cutover.name, "large"), range(32)))
    assert all(got == body for got in bodies)
    assert cutover.cloud.fetched("large") == 1


def test_listings_are_those_of_both_sides(stalled_job):
    there = {"a", "a/1", "a/2", "b", "dir/x/1", "dir/x/2", "dir/y", "dir", "e\u0301", "\u00e9", "gone/1", "gone/2", "half/1", "half/2", "z"}
    cutover = stalled_job({key: b"there" for key in there})
    here, name = cutover.here, cutover.name
    written = {"a/0", "b", "c", "dir/x/3", "new/1", "zz"}
    for key in written:
        put(here, name, key, b"written here")
    removed = {"gone/1", "gone/2", "half/1", "dir/y", "zz"}
    here.delete_object(Bucket=name, Key="gone/1")
    here.delete_objects(Bucket=name, Delete={"Objects": [{"Key": key} for key in sorted(removed - {"gone/1"})]})
    keys = (there | written) - removed
    for limit in (1, 2, 3, 5, 1000):
        assert names_of(here, name, limit) == expected(keys)
        for prefix in ("", "a", "a/", "dir/", "gone", "gone/", "half/", "nothing/", "dir/x/"):
            for delimiter in ("/", "i", None):
                more = {"Delimiter": delimiter} if delimiter else {}
                assert names_of(here, name, limit, Prefix=prefix, **more) == expected(keys, prefix, delimiter), (limit, prefix, delimiter)
    for after in ("a", "a/1", "dir/x/2", "half/", "gone/1", "m", "zzz"):
        assert names_of(here, name, 3, StartAfter=after) == expected(keys, after=after), after
        assert names_of(here, name, 3, StartAfter=after, Delimiter="/") == expected(keys, delimiter="/", after=after), after
    assert keys_of(here, name, "list_objects", PaginationConfig={"PageSize": 4}) == expected(keys)
    versions = [item for page in here.get_paginator("list_object_versions").paginate(Bucket=name, PaginationConfig={"PageSize": 3}) for item in page["Versions"]]
    assert [(item["Key"], item["VersionId"], item["IsLatest"]) for item in versions] == [(key, "null", True) for key in expected(keys)]
    listed = {item["Key"]: item for item in here.list_objects_v2(Bucket=name)["Contents"]}
    assert listed["a"]["ETag"] == '"%s"' % hashlib.md5(b"there").hexdigest() and listed["a"]["Size"] == 5
    assert listed["b"]["Size"] == len(b"written here"), "what is here goes before what is there"
    assert here.list_objects_v2(Bucket=name, MaxKeys=0)["KeyCount"] == 0


def test_what_is_written_here_wins_and_what_is_removed_stays_away(stalled_job):
    cutover = stalled_job({key: b"there" for key in ("written", "removed", "copied", "tagged", "conditional", "parts", "untouched")})
    here, name = cutover.here, cutover.name
    put(here, name, "written", b"here")
    here.delete_object(Bucket=name, Key="removed")
    here.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": name, "Key": "copied"})
    here.put_object_tagging(Bucket=name, Key="tagged", Tagging={"TagSet": [{"Key": "here", "Value": "1"}]})
    assert code(here.put_object, Bucket=name, Key="conditional", Body=b"x", IfNoneMatch="*") == ("PreconditionFailed", 412)
    put(here, name, "conditional", b"matched", IfMatch=hashlib.md5(b"there").hexdigest())
    upload = here.create_multipart_upload(Bucket=name, Key="parts")["UploadId"]
    part = here.upload_part(Bucket=name, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    here.complete_multipart_upload(Bucket=name, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    wanted = {"written": b"here", "copy": b"there", "copied": b"there", "tagged": b"there", "conditional": b"matched", "parts": b"part", "untouched": b"there"}

    def check():
        assert {key: get(here, name, key) for key in wanted} == wanted
        assert code(here.get_object, Bucket=name, Key="removed") == ("NoSuchKey", 404)
        assert keys_of(here, name) == sorted(wanted)
        assert here.get_object_tagging(Bucket=name, Key="tagged")["TagSet"] == [{"Key": "here", "Value": "1"}]

    check()
    cutover.cloud.heal()
    status = cutover.switch()
    assert status["report"]["lost"] == 0 and status["report"]["exceptions"] == {"removed-here": 1, "superseded-here": 2}
    assert status["report"]["changed_here"] == 2 and status["report"]["same"] == 2
    check()
    asked = sum(cutover.cloud.asked.values())
    check()
    assert sum(cutover.cloud.asked.values()) == asked, "nothing is asked of the old cloud any more"
    put(here, name, "removed", b"again")
    assert get(here, name, "removed") == b"again"


def test_an_old_cloud_that_fails_is_waited_for_and_never_believed(stalled_job):
    cutover = stalled_job({"one": b"1" * 100_000, "two": b"2", "three": b"3" * 200_000})
    once = cutover.here
    name, cloud = cutover.name, cutover.cloud
    of = lambda *parts: lambda method, path: any(part in path for part in parts)
    cloud.fail("503", of("/one", "list-type"))
    assert code(once.get_object, Bucket=name, Key="one") == ("SlowDown", 503)
    assert code(once.list_objects_v2, Bucket=name) == ("SlowDown", 503)
    assert code(once.put_object, Bucket=name, Key="one", Body=b"x", IfNoneMatch="*") == ("SlowDown", 503)
    cloud.fail("truncate", of("/three"))
    assert code(once.get_object, Bucket=name, Key="three") == ("SlowDown", 503)
    cloud.fail("stall", of("/two"))
    began = time.monotonic()
    assert code(once.get_object, Bucket=name, Key="two") == ("SlowDown", 503)
    assert time.monotonic() - began < 15
    put(once, name, "four", b"4")
    assert get(once, name, "four") == b"4", "what is here is not kept waiting"
    cloud.heal()
    patient = patient_client(cutover.server)
    assert [len(get(patient, name, key)) for key in ("one", "two", "three")] == [100_000, 1, 200_000]
    assert keys_of(patient, name) == ["four", "one", "three", "two"]


def test_what_the_gate_refuses_is_refused_and_not_missing(server, stalled_job):
    cutover = stalled_job({"k": b"k"})
    abroad = server.client(source="127.0.0.66")
    assert code(abroad.get_object, Bucket=cutover.name, Key="k") == ("AccessDenied", 403)
    assert code(abroad.get_object, Bucket=cutover.name, Key="nowhere") == ("AccessDenied", 403)
    assert code(abroad.list_objects_v2, Bucket=cutover.name) == ("AccessDenied", 403)
    assert code(abroad.head_object, Bucket=cutover.name, Key="k")[1] == 403
    assert cutover.cloud.fetched("k") == 0, "nothing is brought for whoever may not have it"


def test_a_write_racing_a_pull_stays(stalled_job):
    cutover = stalled_job({f"k{number}": b"there" for number in range(6)})
    name, cloud = cutover.name, cutover.cloud
    for number, (write, wanted) in enumerate(3 * [("put", b"here"), ("delete", None)]):
        key = f"k{number}"
        cloud.fail("stall", lambda method, path: path.split("?")[0].endswith("/" + key))
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(lambda: get(cutover.server.client(), name, key))
            assert cloud.arrived.wait(30)
            if write == "put":
                put(cutover.here, name, key, b"here")
            else:
                cutover.here.delete_object(Bucket=name, Key=key)
            cloud.heal()
            try:
                assert reading.result(60) in (b"there", b"here")
            except ClientError as error:
                assert wanted is None and error.response["Error"]["Code"] in ("NoSuchKey", "404")
        if wanted is None:
            assert code(cutover.here.get_object, Bucket=name, Key=key) == ("NoSuchKey", 404)
        else:
            assert get(cutover.here, name, key) == wanted


def test_a_delete_racing_the_job_stays(cut):
    cutover = cut({f"k{number:02}": b"there" for number in range(30)})
    name, cloud = cutover.name, cutover.cloud
    cloud.fail("stall", lambda method, path: path.split("?")[0].endswith("/k07"))
    cutover.order("--detach")
    assert cloud.arrived.wait(60), "the job is fetching it"
    cutover.here.delete_object(Bucket=name, Key="k07")
    put(cutover.here, name, "k09", b"here")
    cloud.heal()
    cutover.until(lambda status: status["step"] == "switched")
    assert code(cutover.here.get_object, Bucket=name, Key="k07") == ("NoSuchKey", 404)
    assert get(cutover.here, name, "k09") == b"here"
    status = cutover.status()
    assert keys_of(cutover.here, name) == [f"k{number:02}" for number in range(30) if number != 7]
    assert status["report"]["exceptions"].get("removed-here") == 1


def test_what_the_source_changes_before_the_freeze_comes_and_what_it_removes_goes(cut):
    cutover = cut({f"k{number}": b"first" for number in range(5)})
    there, name = cutover.there, cutover.name
    cutover.bring_all()
    there.put_object(Bucket=name, Key="k0", Body=b"second, and longer")
    there.put_object(Bucket=name, Key="late", Body=b"late")
    there.delete_object(Bucket=name, Key="k1")
    put(cutover.here, name, "k2", b"here")
    there.put_object(Bucket=name, Key="k2", Body=b"changed on both sides")
    there.delete_object(Bucket=name, Key="k3")
    put(cutover.here, name, "k3", b"here")
    assert get(cutover.here, name, "late") == b"late"
    cutover.switch()
    assert {key: get(cutover.here, name, key) for key in keys_of(cutover.here, name)} == {
        "k0": b"second, and longer", "k2": b"here", "k3": b"here", "k4": b"first", "late": b"late"
    }


def test_pages_while_the_job_copies_have_neither_gaps_nor_doubles(cut):
    keys = [f"{number % 7}/{number:04}" for number in range(300)]
    cutover = cut({key: b"x" for key in keys})
    cutover.order("--detach")
    rounds = 0
    while cutover.status()["step"] != "switched":
        assert names_of(cutover.here, cutover.name, 97) == sorted(keys)
        assert names_of(cutover.here, cutover.name, 2, Delimiter="/") == [f"{number}/" for number in range(7)]
        rounds += 1
    assert rounds > 0
    assert names_of(cutover.here, cutover.name, 200) == sorted(keys)


def test_a_rehearsal_says_what_would_happen_and_leaves_the_source_alone(cut):
    cutover = cut({f"k{number}": b"x" * number for number in range(50)})
    done = cutover.order("--rehearse")
    told = json.loads(done.stdout)
    assert told["step"] == "rehearsed" and told["report"]["same"] == 50 and told["report"]["would_switch"] is True
    assert told["report"]["freezes_by_policy"] in (True, False) and told["report"]["freeze_seconds"] >= 0
    assert "freeze" not in told and "switched" not in told
    cutover.there.put_object(Bucket=cutover.name, Key="after", Body=b"after")
    assert code(cutover.here.get_object, Bucket=cutover.name, Key="after") == ("NoSuchKey", 404), "nothing is pulled any more"
    cutover.switch()
    assert get(cutover.here, cutover.name, "after") == b"after"


def test_one_can_be_called_off(cut):
    cutover = cut({"k": b"k"})
    cutover.bring_all()
    ended = cutover.server.cli("cutover", "abort", cutover.name)
    assert ended["step"] == "aborted"
    cutover.there.put_object(Bucket=cutover.name, Key="after", Body=b"after")
    assert code(cutover.here.get_object, Bucket=cutover.name, Key="after") == ("NoSuchKey", 404)
    assert get(cutover.here, cutover.name, "k") == b"k"
    cutover.switch()
    assert get(cutover.here, cutover.name, "after") == b"after"


def test_a_source_with_a_policy_is_frozen_by_it_and_has_its_own_back(cut):
    cutover = cut({"k": b"k"})
    there, name = cutover.there, cutover.name
    there.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    own = {"Version": "2012-10-17", "Statement": [{"Sid": "Own", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}]}
    there.put_bucket_policy(Bucket=name, Policy=json.dumps(own))
    there.put_object(Bucket=name, Key="cold", Body=b"cold", StorageClass="GLACIER")
    told = json.loads(cutover.order(status=1).stdout)
    assert (told["step"], told["freeze"]) == ("blocked", "shown")
    assert code(there.put_object, Bucket=name, Key="k", Body=b"x")[1] == 403
    assert code(there.delete_object, Bucket=name, Key="k")[1] == 403
    assert [item["Sid"] for item in json.loads(there.get_bucket_policy(Bucket=name)["Policy"])["Statement"]] == ["Own", "OnshoreCutoverFreeze"]
    history = there.list_object_versions(Bucket=name)
    assert [item["Key"] for item in history["Versions"]] == ["cold", "k"], "nobody who reads it meanwhile sees the write that was tried"
    assert "DeleteMarkers" not in history
    put(cutover.here, name, "here", b"here")
    assert cutover.server.cli("cutover", "abort", name)["step"] == "aborted"
    assert json.loads(there.get_bucket_policy(Bucket=name)["Policy"]) == own
    there.put_object(Bucket=name, Key="k", Body=b"again")


def test_what_cannot_be_brought_is_in_the_way_until_it_is_accepted(cut):
    cutover = cut({"k": b"k"})
    cutover.there.put_object(Bucket=cutover.name, Key="cold", Body=b"cold", StorageClass="GLACIER")
    blocked = cutover.order("--source-is-frozen", status=1)
    told = json.loads(blocked.stdout)
    assert told["step"] == "blocked" and "archived" in told["detail"] and "--accept-exceptions" in told["detail"]
    assert code(cutover.here.get_object, Bucket=cutover.name, Key="cold") == ("InvalidObjectState", 403)
    status = cutover.switch("--accept-exceptions")
    assert status["report"]["exceptions"] == {"archived": 1}


def test_orders_that_cannot_be_are_refused(cut, server, moto, tmp_path):
    cutover = cut({"k": b"k"})
    cutover.bring_all()
    other = server.run("cutover", cutover.name, "s3://elsewhere", "--endpoint", moto.url, "--detach", env=moto.env)
    assert other.returncode != 0 and "being cut over" in other.stderr
    assert server.run("cutover", "status", "no-such-bucket").returncode != 0
    folder = server.run("cutover", "from-a-folder", str(tmp_path), "--detach")
    assert folder.returncode != 0 and "migrated" in folder.stderr
    mistyped = server.run("cutover", "mistyped", "s3://no-such-bucket-there", "--endpoint", moto.url, "--json", env=moto.env, timeout=120)
    assert mistyped.returncode == 1 and json.loads(mistyped.stdout)["step"] == "aborted"


def test_each_step_is_in_the_ledger(cut, server):
    cutover = cut({"k": b"k"})
    cutover.switch()
    job = cutover.status()["job"]
    bodies = [leaf["body"] for leaf in server.cli("ledger", "tail", "--number", "60")]
    steps = [body["step"] for body in bodies if body.get("job") == job and body["kind"].startswith("cutover.")]
    assert sorted(steps) == sorted(["ordered", "pulling", "freezing", "last-pass", "verifying", "switched"])
    assert server.cli("job", "show", job)["state"] == "complete"


def test_a_kill_at_any_step_loses_nothing(moto, tmp_path):
    server = Server(tmp_path / "data", config=CONFIG).start()
    objects = {f"k{number:03}": b"%d" % number for number in range(120)}
    cutover = CutOver(server, moto, "cut-killed", objects)
    name = cutover.name
    try:
        cutover.cloud.fail("501", lambda method, path: "policy" in path)
        cutover.order("--detach")
        put_here, removed = {}, set()
        for turn in range(6):
            cutover.here = server.client()
            put(cutover.here, name, f"k{turn:03}", b"here %d" % turn)
            put_here[f"k{turn:03}"] = b"here %d" % turn
            cutover.here.delete_object(Bucket=name, Key=f"k{turn + 50:03}")
            removed.add(f"k{turn + 50:03}")
            server.restart()
            cutover.here = server.client()
            # From the first request on it answers as if all were here, wherever the job is.
            assert get(cutover.here, name, f"k{turn + 80:03}") == b"%d" % (turn + 80)
            assert code(cutover.here.get_object, Bucket=name, Key=f"k{turn + 50:03}") == ("NoSuchKey", 404)
            assert len(keys_of(cutover.here, name)) == 120 - len(removed)
        cutover.order("--source-is-frozen", "--detach")
        server.restart()
        cutover.until(lambda status: status["step"] == "switched")
        cutover.here = server.client()
        wanted = {key: put_here.get(key, body) for key, body in objects.items() if key not in removed}
        assert {key: get(cutover.here, name, key) for key in keys_of(cutover.here, name)} == wanted
    finally:
        cutover.close()
        server.kill9()


OPERATIONS = int(os.environ.get("ONSHORE_CUTOVER_OPERATIONS", "2000"))
SEED = int(os.environ.get("ONSHORE_TEST_SEED", "1"))


@pytest.mark.timeout(3600)
def test_programs_see_no_error_through_the_whole_of_it(cut, server, tmp_path):
    """Programs use the bucket at the old cloud, and then here from before it is here until long after."""
    held = seeded(6, 40)
    bulk = {f"bulk/{number:04}": b"b" * 200 for number in range(600)}
    cutover = cut(held | bulk)
    name, there, here = cutover.name, cutover.there, lambda: patient_client(server)
    with Programs(6, name, lambda: cutover.there, held, SEED) as before:
        before.until(OPERATIONS // 4, 1200)
    assert not before.wrong, before.wrong[:5]
    cutover.cloud.fail("501", lambda method, path: "policy" in path)
    cutover.order("--detach")
    with Programs(6, name, here, before.held(), SEED + 1) as programs:
        for number in range(3):
            (tmp_path / f"{number}").write_bytes(b"%d" % number)
            run(server, "s5cmd", "--endpoint-url", server.s3, "cp", tmp_path / f"{number}", f"s3://{name}/s5/{number}")
        listed = run(server, "s5cmd", "--endpoint-url", server.s3, "ls", f"s3://{name}/bulk/*").stdout.splitlines()
        assert len(listed) == len(bulk)
        programs.until(OPERATIONS // 2, 1200)
        cutover.cloud.heal()
        status = cutover.switch()
        run(server, "s5cmd", "--endpoint-url", server.s3, "cp", f"s3://{name}/s5/*", f"{tmp_path}/back/")
        programs.until(OPERATIONS * 3 // 4, 1200)
    assert not programs.wrong, programs.wrong[:5]
    assert before.count + programs.count >= OPERATIONS
    assert status["report"]["lost"] == 0 and set(status["report"]["exceptions"]) <= {"superseded-here", "removed-here"}
    wanted = {**programs.held(), **bulk, **{f"s5/{number}": b"%d" % number for number in range(3)}}
    assert keys_of(here(), name) == sorted(wanted)
    with ThreadPoolExecutor(8) as pool:
        assert dict(pool.map(lambda key: (key, get(cutover.here, name, key)), wanted)) == wanted
    slow, fast = programs.p99(), before.p99()
    print(f"{before.count} operations before, p99 {fast * 1000:.0f} ms; {programs.count} through the cut-over, p99 {slow * 1000:.0f} ms")
    # At length (cargo xtask soak) it is a measurement; among other tests it would be one of the machine.
    assert OPERATIONS < 100_000 or slow <= 3 * fast, (slow, fast)


def test_programs_go_on_through_kills(moto, tmp_path):
    server = Server(tmp_path / "data", config=CONFIG).start()
    held = seeded(4, 30)
    cutover = CutOver(server, moto, "cut-kills", held)
    port = SamePort(server.s3_port)
    try:
        cutover.cloud.fail("501", lambda method, path: "policy" in path)
        cutover.order("--detach")
        with Programs(4, cutover.name, lambda: patient_client(server, port.url), held, SEED) as programs:
            for kill in range(4):
                programs.until(programs.count + 150, 60)
                if kill == 3:
                    cutover.order("--source-is-frozen", "--detach")
                server.restart()
                port.port_there = server.s3_port
            cutover.until(lambda status: status["step"] == "switched")
            programs.until(programs.count + 150, 60)
        assert not programs.wrong, programs.wrong[:5]
        here = server.client()
        assert {key: get(here, cutover.name, key) for key in keys_of(here, cutover.name)} == programs.held()
    finally:
        port.close()
        cutover.close()
        server.kill9()
