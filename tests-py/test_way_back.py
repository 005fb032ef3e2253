"""The way back of a cut-over: what was changed here behind the switch goes back to where the bucket came from, as the border lets it,
over nothing that somebody changed there, through failures of the old cloud and kills of the server; and both sides are compared."""

import hashlib
import json

import pytest

from calls import code, get, put
from cut_over import CutOver
from onshore_server import CONFIG, Server


@pytest.fixture()
def switched(server, moto, request):
    """A bucket that was cut over, and its way back is open."""
    made = []

    def make(objects, *args, host="127.0.0.1"):
        name = f"back-{hashlib.sha256(request.node.name.encode()).hexdigest()[:10]}"
        cutover = CutOver(server, moto, name, objects, host)
        made.append(cutover)
        cutover.switch(*args)
        return cutover

    yield make
    for cutover in made:
        server.run("cutover", "abort", cutover.name)
        cutover.close()


def take_back(cutover, *args, status=0):
    done = cutover.server.run("cutover", "return", cutover.name, "--json", *args, env=cutover.env, timeout=170)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


def there(cutover):
    pages = cutover.there.get_paginator("list_objects_v2").paginate(Bucket=cutover.name)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return {key: get(cutover.there, cutover.name, key) for key in keys}


def code_of(cutover, *args):
    return cutover.server.run("cutover", *args, env=cutover.env).returncode


def test_what_was_changed_here_is_there_again_and_the_rest_is_not_touched(switched):
    objects = {f"k{number:02}": b"%d" % number for number in range(30)}
    cutover = switched(objects)
    here, name = cutover.here, cutover.name
    here.put_object(Bucket=name, Key="k00", Body=b"new", ContentType="text/csv", CacheControl="no-store", Metadata={"who": "somebody"}, Tagging="a=b&c=d")
    here.put_object(Bucket=name, Key="neu/\u00fc \u4e2d\u6587+&?", Body=b"x" * 300_000)
    here.put_object(Bucket=name, Key="empty", Body=b"")
    here.delete_object(Bucket=name, Key="k01")
    put(here, name, "came-and-went", b"1")
    here.delete_object(Bucket=name, Key="came-and-went")
    here.put_object_tagging(Bucket=name, Key="k02", Tagging={"TagSet": [{"Key": "late", "Value": "1"}]})
    upload = here.create_multipart_upload(Bucket=name, Key="parts", ContentType="video/mp4")["UploadId"]
    bodies = [b"p" * (5 << 20), b"q" * (5 << 20), b"r" * 1000]
    etags = [here.upload_part(Bucket=name, Key="parts", UploadId=upload, PartNumber=number, Body=body)["ETag"] for number, body in enumerate(bodies, 1)]
    here.complete_multipart_upload(
        Bucket=name, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]}
    )
    before = {key: cutover.there.head_object(Bucket=name, Key=key)["LastModified"] for key in objects if key > "k02"}
    asked = sum(count for (method, path, _), count in cutover.cloud.asked.items() if path.endswith("came-and-went"))

    told = take_back(cutover)
    assert told["step"] == "returning" and told["changed"] == 0 and told["return"]["exceptions"] == 0
    # It goes on: what is changed now is there in a moment.
    put(here, name, "k03", b"later")
    cutover.until(lambda status: status["changed"] == 0)
    assert get(cutover.there, name, "k03") == b"later"
    told = take_back(cutover, "--finish")
    assert told["step"] == "returned" and told["return"]["state"] == "complete"
    wanted = {**objects, "k00": b"new", "k03": b"later", "neu/\u00fc \u4e2d\u6587+&?": b"x" * 300_000, "empty": b"", "parts": b"".join(bodies)}
    del wanted["k01"]
    assert there(cutover) == wanted
    assert told["return"]["report"] | {"named": []} == {
        "same": len(wanted),
        "same_bytes": sum(map(len, wanted.values())),
        "different": 0,
        "only_here": 0,
        "only_there": 0,
        "named": [],
    }
    head = cutover.there.head_object(Bucket=name, Key="k00")
    assert (head["ContentType"], head["CacheControl"], head["Metadata"]) == ("text/csv", "no-store", {"who": "somebody"})
    tags = lambda key: {tag["Key"]: tag["Value"] for tag in cutover.there.get_object_tagging(Bucket=name, Key=key)["TagSet"]}
    assert (tags("k00"), tags("k02")) == ({"a": "b", "c": "d"}, {"late": "1"})
    parts = cutover.there.head_object(Bucket=name, Key="parts")
    assert parts["ETag"] == here.head_object(Bucket=name, Key="parts")["ETag"] and parts["ContentType"] == "video/mp4"
    after = {key: cutover.there.head_object(Bucket=name, Key=key)["LastModified"] for key in before}
    assert {key for key in before if before[key] != after[key]} <= {"k03"}
    assert asked == sum(count for (method, path, _), count in cutover.cloud.asked.items() if path.endswith("came-and-went")), "its name never leaves"
    # Now the old cloud is what holds: nothing is noted, and nothing goes back any more.
    put(here, name, "k04", b"stays here")
    assert cutover.status()["changed"] == 0 and get(cutover.there, name, "k04") == b"4"
    assert code_of(cutover, "return", name) == 1
    # And the bucket can be cut over once more.
    cutover.switch("--accept-exceptions")


def test_a_frozen_source_is_open_again(server, moto):
    cutover = CutOver(server, moto, "back-frozen", {"k": b"k"})
    try:
        cutover.order()
        assert code(cutover.there.put_object, Bucket="back-frozen", Key="k", Body=b"x")[1] == 403
        put(cutover.here, "back-frozen", "k", b"changed")
        take_back(cutover, "--finish")
        assert get(cutover.there, "back-frozen", "k") == b"changed"
        assert code(cutover.there.get_bucket_policy, Bucket="back-frozen")[0] == "NoSuchBucketPolicy"
    finally:
        cutover.close()


def test_what_somebody_changed_there_is_not_written_over(switched):
    cutover = switched({"a": b"a", "b": b"b", "c": b"c", "d": b"d"})
    here, old, name = cutover.here, cutover.there, cutover.name
    for key in "abc":
        put(here, name, key, key.encode() * 2)
    here.delete_object(Bucket=name, Key="d")
    put(here, name, "new", b"ours")
    old.put_object(Bucket=name, Key="a", Body=b"theirs")
    old.delete_object(Bucket=name, Key="b")
    old.put_object(Bucket=name, Key="d", Body=b"theirs too")
    old.put_object(Bucket=name, Key="new", Body=b"theirs as well")
    told = take_back(cutover, status=1)
    assert told["return"]["exceptions"] == 4 and told["changed"] == 4
    assert {one["key"]: one["why"].split(":")[0] for one in told["return"]["named"]} == dict.fromkeys(("a", "b", "d", "new"), "changed-there")
    assert there(cutover) == {"a": b"theirs", "c": b"cc", "d": b"theirs too", "new": b"theirs as well"}
    told = take_back(cutover, "--finish", status=1)
    assert told["step"] == "returning" and "--accept-exceptions" in told["detail"]
    told = take_back(cutover, "--finish", "--overwrite")
    assert there(cutover) == {"a": b"aa", "b": b"bb", "c": b"cc", "new": b"ours"}
    assert told["step"] == "returned" and told["return"]["report"]["different"] == 0


def test_what_may_not_leave_stays_and_is_named(switched):
    """The old cloud is in the United States: what is personal needs an approval to go there."""
    cutover = switched({"k": b"k"}, "--class", "general", host="127.0.0.66")
    here, name = cutover.here, cutover.name
    put(here, name, "free", b"free")
    here.put_object(Bucket=name, Key="person", Body=b"secret person", Metadata={"onshore-class": "personal"})
    put(here, name, "under-a-key", b"sealed", SSECustomerAlgorithm="AES256", SSECustomerKey="k" * 32)
    told = take_back(cutover, status=1)
    assert told["return"]["exceptions"] == 2
    assert there(cutover) == {"k": b"k", "free": b"free"}
    assert not [path for (method, path, _) in cutover.cloud.asked if path.endswith("person")], "not even its name leaves"
    leaves = [leaf["body"] for leaf in cutover.server.cli("ledger", "tail", "--number", "40")]
    assert any(body["kind"] == "refused" for body in leaves)
    assert {one["key"]: one["why"].split(":")[0] for one in told["return"]["named"]} == {"person": "refused", "under-a-key": "customer-key"}
    told = take_back(cutover, "--finish", "--accept-exceptions", status=1)
    assert told["step"] == "returned" and told["return"]["state"] == "incomplete"
    assert told["return"]["report"]["only_here"] == 2
    assert get(here, name, "person") == b"secret person"


def test_a_source_that_fails_is_waited_for(switched):
    cutover = switched({f"k{number}": b"k" for number in range(20)})
    for number in range(20):
        put(cutover.here, cutover.name, f"k{number}", b"changed %d" % number)
    cutover.cloud.fail("503", lambda method, path: method == "PUT")
    assert code_of(cutover, "return", cutover.name, "--detach") == 0
    cutover.cloud.arrived.wait(60)
    assert there(cutover)["k1"] == b"k"
    cutover.cloud.heal()
    take_back(cutover, "--finish")
    assert there(cutover) == {f"k{number}": b"changed %d" % number for number in range(20)}


def test_kills_lose_nothing(moto, tmp_path):
    server = Server(tmp_path / "data", config=CONFIG).start()
    cutover = CutOver(server, moto, "back-killed", {f"k{number:03}": b"old" for number in range(60)})
    try:
        cutover.switch()
        wanted = {f"k{number:03}": b"old" for number in range(60)}
        assert code_of(cutover, "return", cutover.name, "--detach") == 0
        for turn in range(5):
            here = server.client()
            for number in range(turn * 10, turn * 10 + 10):
                key = f"k{number:03}"
                if number % 3:
                    put(here, cutover.name, key, b"turn %d" % turn)
                    wanted[key] = b"turn %d" % turn
                else:
                    here.delete_object(Bucket=cutover.name, Key=key)
                    wanted.pop(key)
            server.restart()
        told = take_back(cutover, "--finish")
        assert told["step"] == "returned" and told["return"]["exceptions"] == 0
        assert there(cutover) == wanted
    finally:
        cutover.close()
        server.kill9()


def test_a_way_back_can_be_called_off_and_given_up(switched, server):
    cutover = switched({"k": b"k"})
    name = cutover.name
    put(cutover.here, name, "k", b"1")
    take_back(cutover)
    assert server.cli("cutover", "abort", name)["step"] == "switched"
    put(cutover.here, name, "k", b"2")
    cutover.until(lambda status: status["changed"] == 1)
    assert get(cutover.there, name, "k") == b"1"
    named = {**cutover.env, "ONSHORE_TOKEN": server.cli("token", "create", "--role", "operator", "--person", "ada")["token"]}
    refused = server.run("decommission", "propose", cutover.status()["job"], env=named)
    assert refused.returncode != 0 and "cutover stay" in refused.stderr
    take_back(cutover)
    assert get(cutover.there, name, "k") == b"2"
    server.cli("cutover", "abort", name)
    server.cli("cutover", "stay", name)
    assert code_of(cutover, "return", name) == 1


def test_there_is_none_where_none_was_wanted_or_nothing_was_switched(switched, server):
    cutover = switched({"k": b"k"}, "--way-back", "0")
    assert "way_back_until" not in cutover.status()
    refused = server.run("cutover", "return", cutover.name, env=cutover.env)
    assert refused.returncode == 1 and "--way-back" in refused.stderr
    assert server.run("cutover", "return", "no-such-bucket", env=cutover.env).returncode != 0
    assert server.run("cutover", "x", "s3://y", "--way-back", "366").returncode == 2
