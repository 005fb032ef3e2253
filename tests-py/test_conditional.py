"""Writes and deletes that depend on what is there: If-Match and If-None-Match on the destination."""

import pytest

from calls import code, exists, get, history, put, race, set_versioning, status, upload
from raw_s3 import Raw

FAILED = ("PreconditionFailed", 412)
ABSENT = ("NoSuchKey", 404)
LOST = {FAILED, ("ConditionalRequestConflict", 409)}
OTHER = '"0123456789abcdef0123456789abcdef"'


@pytest.fixture(params=["unversioned", "enabled", "suspended"])
def place(s3, bucket, request):
    """A bucket in each state of versioning."""
    if request.param != "unversioned":
        set_versioning(s3, bucket, request.param.capitalize())
    return bucket


@pytest.fixture(params=["enabled", "suspended"])
def versioned(s3, bucket, request):
    set_versioning(s3, bucket, request.param.capitalize())
    return bucket


def by_put(s3, bucket, key, body=b"new", **more):
    return put(s3, bucket, key, body, **more)


def by_copy(s3, bucket, key, body=b"new", **more):
    put(s3, bucket, "source-of-a-copy", body)
    return s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": "source-of-a-copy"}, **more)["CopyObjectResult"]


def by_upload(s3, bucket, key, body=b"new", **more):
    return upload(s3, bucket, key, [body], complete=more)


ways = pytest.mark.parametrize("write", [by_put, by_copy, by_upload])


# Every way to write


@ways
def test_if_none_match_writes_only_what_is_absent(s3, place, write):
    write(s3, place, "a", b"first", IfNoneMatch="*")
    assert code(write, s3=s3, bucket=place, key="a", IfNoneMatch="*") == FAILED
    assert get(s3, place, "a") == b"first"


@ways
def test_if_match_writes_only_over_what_is_known(s3, place, write):
    first = put(s3, place, "a", b"first")["ETag"]
    assert code(write, s3=s3, bucket=place, key="a", IfMatch=OTHER) == FAILED
    assert get(s3, place, "a") == b"first"
    second = write(s3, place, "a", b"second", IfMatch=first)["ETag"]
    assert second != first
    assert code(write, s3=s3, bucket=place, key="a", IfMatch=first) == FAILED
    assert get(s3, place, "a") == b"second"
    write(s3, place, "a", b"third", IfMatch=second)
    assert get(s3, place, "a") == b"third"


@ways
def test_if_match_on_what_is_absent(s3, place, write):
    assert code(write, s3=s3, bucket=place, key="a", IfMatch=OTHER) == ABSENT
    assert not exists(s3, place, "a")


@ways
def test_a_marker_counts_as_absent(s3, versioned, write):
    etag = put(s3, versioned, "a", b"first")["ETag"]
    s3.delete_object(Bucket=versioned, Key="a")
    assert code(write, s3=s3, bucket=versioned, key="a", IfMatch=etag) == ABSENT
    assert not exists(s3, versioned, "a")
    write(s3, versioned, "a", b"second", IfNoneMatch="*")
    assert get(s3, versioned, "a") == b"second"


@ways
def test_if_match_looks_at_the_current_version_only(s3, bucket, write):
    set_versioning(s3, bucket, "Enabled")
    old, new = (put(s3, bucket, "a", body) for body in (b"1", b"2"))
    assert code(write, s3=s3, bucket=bucket, key="a", IfMatch=old["ETag"]) == FAILED
    s3.delete_object(Bucket=bucket, Key="a", VersionId=new["VersionId"])
    write(s3, bucket, "a", b"3", IfMatch=old["ETag"])
    assert get(s3, bucket, "a") == b"3"


@ways
def test_a_refused_write_leaves_no_version(server, s3, bucket, write):
    set_versioning(s3, bucket, "Enabled")
    put(s3, bucket, "a", b"first")
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": OTHER}):
        assert code(write, s3=s3, bucket=bucket, key="a", **condition) == FAILED
    assert len([key for _, key, _, _ in history(server, bucket) if key == "a"]) == 1


@ways
def test_the_quotes_of_an_etag_may_be_left_out(s3, bucket, write):
    etag = put(s3, bucket, "a", b"first")["ETag"]
    write(s3, bucket, "a", b"second", IfMatch=etag.strip('"'))
    assert get(s3, bucket, "a") == b"second"


@ways
def test_if_none_match_takes_only_the_asterisk(s3, bucket, write):
    put(s3, bucket, "a", b"first")
    assert code(write, s3=s3, bucket=bucket, key="a", IfNoneMatch=OTHER)[1] in (400, 501)
    assert get(s3, bucket, "a") == b"first"


# Each way's own


def test_an_upload_is_judged_when_it_completes(s3, bucket):
    made = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="a", UploadId=made, PartNumber=1, Body=b"upload")["ETag"]
    etag = put(s3, bucket, "a", b"meanwhile")["ETag"]
    complete = dict(Bucket=bucket, Key="a", UploadId=made, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    assert code(s3.complete_multipart_upload, **complete, IfNoneMatch="*") == FAILED
    assert code(s3.complete_multipart_upload, **complete, IfMatch=OTHER) == FAILED
    assert get(s3, bucket, "a") == b"meanwhile"
    s3.complete_multipart_upload(**complete, IfMatch=etag)
    assert get(s3, bucket, "a") == b"upload"


def test_an_upload_matches_the_etag_of_an_upload(s3, bucket):
    etag = upload(s3, bucket, "a", [b"1"])["ETag"]
    assert etag.endswith('-1"')
    put(s3, bucket, "a", b"2", IfMatch=etag)
    assert get(s3, bucket, "a") == b"2"


def test_a_copy_is_judged_at_both_ends(s3, bucket):
    source = put(s3, bucket, "a", b"source")["ETag"]
    target = put(s3, bucket, "b", b"target")["ETag"]
    copy = dict(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    assert code(s3.copy_object, **copy, CopySourceIfMatch=source, IfMatch=source) == FAILED
    assert code(s3.copy_object, **copy, CopySourceIfMatch=target, IfMatch=target) == FAILED
    assert get(s3, bucket, "b") == b"target"
    s3.copy_object(**copy, CopySourceIfMatch=source, IfMatch=target)
    assert get(s3, bucket, "b") == b"source"


def test_an_object_replaces_its_own_metadata_if_it_matches(s3, bucket):
    etag = put(s3, bucket, "a", b"1")["ETag"]
    copy = dict(Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a"}, MetadataDirective="REPLACE", Metadata={"m": "1"})
    assert code(s3.copy_object, **copy, IfMatch=OTHER) == FAILED
    assert code(s3.copy_object, **copy, IfNoneMatch="*") == FAILED
    s3.copy_object(**copy, IfMatch=etag)
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"] == {"m": "1"}


def test_conditions_on_what_is_streamed(server, s3, bucket):
    raw = Raw(server)
    assert raw.chunked(f"/{bucket}/a", [b"x" * 70000], headers={"if-none-match": "*"}).status == 200
    answer = raw.chunked(f"/{bucket}/a", [b"y" * 70000], headers={"if-none-match": "*"})
    assert (answer.status, answer.code) == FAILED[::-1], answer
    assert get(s3, bucket, "a") == b"x" * 70000


def test_conditions_in_a_presigned_link(server, s3, bucket):
    raw = Raw(server)
    assert raw.presigned_request("PUT", f"/{bucket}/a", headers={"if-none-match": "*"}, body=b"1").status == 200
    assert raw.presigned_request("PUT", f"/{bucket}/a", headers={"if-none-match": "*"}, body=b"2").status == 412
    assert get(s3, bucket, "a") == b"1"


def test_a_condition_on_an_absent_bucket(s3):
    assert code(put, s3=s3, bucket="conditional-nowhere", key="a", IfNoneMatch="*") == ("NoSuchBucket", 404)


# Deletes


def test_a_delete_that_matches(s3, place):
    etag = put(s3, place, "a")["ETag"]
    assert code(s3.delete_object, Bucket=place, Key="a", IfMatch=OTHER) == FAILED
    assert exists(s3, place, "a")
    assert status(s3.delete_object(Bucket=place, Key="a", IfMatch=etag)) == 204
    assert not exists(s3, place, "a")


def test_a_delete_of_whatever_is_there(s3, place):
    put(s3, place, "a")
    assert status(s3.delete_object(Bucket=place, Key="a", IfMatch="*")) == 204
    assert not exists(s3, place, "a")


@pytest.mark.parametrize("condition", ["*", OTHER], ids=["any", "etag"])
def test_a_conditional_delete_of_what_is_absent(server, s3, place, condition):
    assert code(s3.delete_object, Bucket=place, Key="a", IfMatch=condition) in {ABSENT, FAILED}
    assert history(server, place) == []


@pytest.mark.parametrize("condition", ["any", "etag"])
def test_a_conditional_delete_behind_a_marker_makes_no_other(server, s3, versioned, condition):
    etag = put(s3, versioned, "a")["ETag"]
    s3.delete_object(Bucket=versioned, Key="a")
    before = history(server, versioned)
    assert code(s3.delete_object, Bucket=versioned, Key="a", IfMatch="*" if condition == "any" else etag) in {ABSENT, FAILED}
    assert history(server, versioned) == before


def test_a_delete_matches_the_current_version(server, s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    old, new = (put(s3, bucket, "a", body) for body in (b"1", b"2"))
    assert code(s3.delete_object, Bucket=bucket, Key="a", IfMatch=old["ETag"]) == FAILED
    assert len(history(server, bucket)) == 2
    answer = s3.delete_object(Bucket=bucket, Key="a", IfMatch=new["ETag"])
    assert answer["DeleteMarker"] is True and len(history(server, bucket)) == 3


def test_delete_many_with_an_etag_each(s3, place):
    etags = {key: put(s3, place, key, key.encode())["ETag"] for key in "abc"}
    answer = s3.delete_objects(
        Bucket=place,
        Delete={"Objects": [{"Key": "a", "ETag": etags["a"]}, {"Key": "b", "ETag": etags["a"]}, {"Key": "c", "ETag": "*"}]},
    )
    assert sorted(item["Key"] for item in answer["Deleted"]) == ["a", "c"]
    assert [(item["Key"], item["Code"]) for item in answer["Errors"]] == [("b", "PreconditionFailed")]
    assert [exists(s3, place, key) for key in "abc"] == [False, True, False]


def test_delete_many_with_etags_of_what_is_absent(server, s3, place):
    answer = s3.delete_objects(Bucket=place, Delete={"Objects": [{"Key": "a", "ETag": OTHER}, {"Key": "b", "ETag": "*"}]})
    assert "Deleted" not in answer
    assert {(item["Key"], item["Code"]) for item in answer["Errors"]} <= {(key, code) for key in "ab" for code in ("NoSuchKey", "PreconditionFailed")}
    assert len(answer["Errors"]) == 2 and history(server, place) == []


# Races


@pytest.mark.parametrize("write", [by_put, by_upload])
def test_one_of_many_racing_writers_is_first(s3, place, write):
    found = race(lambda number: write(s3, place, "a", b"%d" % number, IfNoneMatch="*") and number)
    winners = [answer for answer in found if isinstance(answer, int)]
    assert len(winners) == 1 and set(found) - set(winners) <= LOST
    assert get(s3, place, "a") == b"%d" % winners[0]


def test_one_of_many_racing_copies_is_first(s3, place):
    for number in range(32):
        put(s3, place, f"source/{number}", b"%d" % number)
    copy = lambda number: s3.copy_object(Bucket=place, Key="a", CopySource={"Bucket": place, "Key": f"source/{number}"}, IfNoneMatch="*") and number
    found = race(copy)
    winners = [answer for answer in found if isinstance(answer, int)]
    assert len(winners) == 1 and set(found) - set(winners) <= LOST
    assert get(s3, place, "a") == b"%d" % winners[0]


def test_one_of_many_racing_writers_replaces_what_all_have_seen(s3, place):
    etag = put(s3, place, "a", b"seen")["ETag"]
    found = race(lambda number: put(s3, place, "a", b"%d" % number, IfMatch=etag) and number)
    winners = [answer for answer in found if isinstance(answer, int)]
    assert len(winners) == 1 and set(found) - set(winners) <= LOST
    assert get(s3, place, "a") == b"%d" % winners[0]


def test_a_counter_that_many_raise_loses_no_step(s3, bucket):
    put(s3, bucket, "counter", b"0")

    def raise_it(number):
        while True:
            found = s3.get_object(Bucket=bucket, Key="counter")
            try:
                return put(s3, bucket, "counter", b"%d" % (int(found["Body"].read()) + 1), IfMatch=found["ETag"])
            except s3.exceptions.ClientError as error:
                assert status(error.response) in (409, 412)

    race(raise_it, 8)
    assert get(s3, bucket, "counter") == b"8"


def test_one_of_many_racing_deletes_removes(server, s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    etag = put(s3, bucket, "a")["ETag"]
    found = race(lambda number: s3.delete_object(Bucket=bucket, Key="a", IfMatch=etag)["VersionId"])
    assert len([answer for answer in found if isinstance(answer, str)]) == 1
    assert {answer for answer in found if not isinstance(answer, str)} <= LOST | {ABSENT}
    assert len(history(server, bucket)) == 2
