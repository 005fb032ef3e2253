"""Versions of objects: how they are made, addressed, listed, hidden and removed."""

import hashlib
import re
from urllib.parse import unquote

import pytest

from calls import MIB, code, exists, get, headers, history, listed, put, race, refusal, set_versioning, status, tag_set, tags, upload
from raw_s3 import Raw

GARBAGE = "not-a-version-id"
BAD = ("InvalidArgument", 400)
UNKNOWN = ("NoSuchVersion", 404)


@pytest.fixture
def versioned(s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    return bucket


def state(s3, bucket):
    return s3.get_bucket_versioning(Bucket=bucket).get("Status")


def make(s3, bucket, key, *bodies):
    """The version ids of these bodies, put one after another."""
    return [put(s3, bucket, key, body)["VersionId"] for body in bodies]


def remove(s3, bucket, key, **more):
    """The version id of the delete marker this makes."""
    answer = s3.delete_object(Bucket=bucket, Key=key, **more)
    assert status(answer) == 204 and answer["DeleteMarker"] is True
    return answer["VersionId"]


def gone(s3, bucket, key="gone"):
    """A version id that was real once."""
    (version,) = make(s3, bucket, key, b"gone")
    s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
    return version


def versions(s3, bucket, **more):
    return [item for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, **more) for item in page.get("Versions", [])]


def markers(s3, bucket, **more):
    return [item for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, **more) for item in page.get("DeleteMarkers", [])]


# The bucket's state


def test_a_fresh_bucket_has_no_status(server, s3, bucket):
    found = s3.get_bucket_versioning(Bucket=bucket)
    assert "Status" not in found and "MFADelete" not in found
    answer = Raw(server).request("GET", f"/{bucket}", [("versioning", "")])
    assert answer.status == 200 and b"VersioningConfiguration" in answer.body and b"Status" not in answer.body, answer


def test_versioning_is_enabled_suspended_and_enabled_again(s3, bucket):
    for wanted in ("Enabled", "Enabled", "Suspended", "Suspended", "Enabled"):
        set_versioning(s3, bucket, wanted)
        assert state(s3, bucket) == wanted


def test_versioning_can_be_suspended_first(s3, bucket):
    set_versioning(s3, bucket, "Suspended")
    assert state(s3, bucket) == "Suspended"


def test_an_unknown_status_is_refused(s3, bucket):
    for wanted in ("Disabled", "enabled", "", "Unversioned"):
        refused = code(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": wanted})
        assert refused in {("MalformedXML", 400), ("IllegalVersioningConfigurationException", 400)}, wanted
    assert state(s3, bucket) is None


def test_a_configuration_without_status_is_refused(s3, versioned):
    refused = code(s3.put_bucket_versioning, Bucket=versioned, VersioningConfiguration={})
    assert refused in {("MalformedXML", 400), ("IllegalVersioningConfigurationException", 400)}
    assert state(s3, versioned) == "Enabled"


def test_mfa_delete_is_refused_and_changes_nothing(s3, bucket):
    wanted = {"Status": "Enabled", "MFADelete": "Enabled"}
    assert code(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=wanted)[1] in (400, 403, 501)
    assert code(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=wanted, MFA="serial 123456")[1] in (400, 403, 501)
    assert state(s3, bucket) is None


def test_mfa_delete_may_be_declined(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled", "MFADelete": "Disabled"})
    found = s3.get_bucket_versioning(Bucket=bucket)
    assert found["Status"] == "Enabled" and found.get("MFADelete") in (None, "Disabled")


def test_versioning_of_an_absent_bucket(s3):
    assert code(s3.get_bucket_versioning, Bucket="versioning-nowhere") == ("NoSuchBucket", 404)
    assert code(set_versioning, s3=s3, bucket="versioning-nowhere", state="Enabled") == ("NoSuchBucket", 404)


# Version ids in answers


def test_an_unversioned_bucket_tells_no_version_ids(s3, bucket):
    assert "VersionId" not in put(s3, bucket, "a")
    assert s3.head_object(Bucket=bucket, Key="a").get("VersionId") in (None, "null")
    answer = s3.delete_object(Bucket=bucket, Key="a")
    assert "VersionId" not in answer and "DeleteMarker" not in answer


def test_each_put_makes_a_version_that_can_be_read(s3, versioned):
    bodies = [b"one", b"two", b"three", b"two"]
    made = make(s3, versioned, "a", *bodies)
    assert len(set(made)) == 4 and all(re.fullmatch(r"[A-Za-z0-9._~-]{1,1024}", version) and version != "null" for version in made)
    for version, body in zip(made, bodies):
        for found in (s3.get_object(Bucket=versioned, Key="a", VersionId=version), s3.head_object(Bucket=versioned, Key="a", VersionId=version)):
            assert (found["VersionId"], found["ContentLength"], found["ETag"]) == (version, len(body), f'"{hashlib.md5(body).hexdigest()}"')
            assert "DeleteMarker" not in found
        assert get(s3, versioned, "a", VersionId=version) == body
    current = s3.get_object(Bucket=versioned, Key="a")
    assert (current["VersionId"], current["Body"].read()) == (made[-1], b"two")
    assert s3.head_object(Bucket=versioned, Key="a")["VersionId"] == made[-1]


def test_versions_keep_their_own_metadata_and_type(s3, versioned):
    first = put(s3, versioned, "a", ContentType="text/one", Metadata={"n": "1"})["VersionId"]
    second = put(s3, versioned, "a", ContentType="text/two", Metadata={"n": "2"})["VersionId"]
    for version, kind, metadata in [(first, "text/one", {"n": "1"}), (second, "text/two", {"n": "2"})]:
        found = s3.head_object(Bucket=versioned, Key="a", VersionId=version)
        assert (found["ContentType"], found["Metadata"]) == (kind, metadata)


def test_large_versions_are_read_whole_and_in_ranges(s3, versioned):
    bodies = [bytes([number]) * (300_000 + number) for number in range(3)]
    for version, body in zip(make(s3, versioned, "a", *bodies), bodies):
        assert get(s3, versioned, "a", VersionId=version) == body
        part = s3.get_object(Bucket=versioned, Key="a", VersionId=version, Range="bytes=-5")
        assert (part["Body"].read(), part["VersionId"]) == (body[-5:], version)
        assert part["ContentRange"] == f"bytes {len(body) - 5}-{len(body) - 1}/{len(body)}"


def test_conditions_on_reads_count_for_the_version_asked_for(s3, versioned):
    first, second = (put(s3, versioned, "a", body) for body in (b"1", b"2"))
    same = dict(Bucket=versioned, Key="a", VersionId=first["VersionId"])
    assert s3.get_object(**same, IfMatch=first["ETag"])["VersionId"] == first["VersionId"]
    assert code(s3.get_object, **same, IfMatch=second["ETag"])[1] == 412
    assert code(s3.get_object, **same, IfNoneMatch=first["ETag"])[1] == 304


def test_a_presigned_link_may_name_a_version(server, s3, versioned):
    first, _ = make(s3, versioned, "a", b"1", b"2")
    answer = Raw(server).presigned_request("GET", f"/{versioned}/a", query=[("versionId", first)])
    assert (answer.status, answer.body, answer.headers["x-amz-version-id"]) == (200, b"1", first)


def test_response_overrides_work_with_versions(s3, versioned):
    first, _ = make(s3, versioned, "a", b"1", b"2")
    assert s3.get_object(Bucket=versioned, Key="a", VersionId=first, ResponseContentType="text/q")["ContentType"] == "text/q"


@pytest.mark.parametrize("operation", ["get_object", "head_object", "delete_object", "get_object_tagging", "delete_object_tagging"])
def test_garbage_is_no_version_id(s3, versioned, operation):
    put(s3, versioned, "a")
    refused = code(getattr(s3, operation), Bucket=versioned, Key="a", VersionId=GARBAGE)
    assert refused == (("400", 400) if operation == "head_object" else BAD)
    assert get(s3, versioned, "a") == b"x"


def test_hostile_version_ids_are_refused(server, s3, versioned):
    put(s3, versioned, "a")
    for bad in ("", " ", "a" * 2000, "../../etc/passwd", "%00", "\u6587", "NULL", "0", "-1"):
        answer = Raw(server).request("GET", f"/{versioned}/a", [("versionId", bad)])
        assert answer.status in (400, 404) and answer.code in ("InvalidArgument", "NoSuchVersion"), (bad, answer)


@pytest.mark.parametrize("operation", ["get_object", "head_object", "get_object_tagging"])
def test_a_version_that_is_gone_is_unknown(s3, versioned, operation):
    version = gone(s3, versioned)
    put(s3, versioned, "gone")
    refused = code(getattr(s3, operation), Bucket=versioned, Key="gone", VersionId=version)
    assert refused == (("404", 404) if operation == "head_object" else UNKNOWN)


def test_a_version_id_belongs_to_its_key(s3, versioned):
    first, other = make(s3, versioned, "a", b"a") + make(s3, versioned, "b", b"b")
    assert code(s3.get_object, Bucket=versioned, Key="a", VersionId=other) in {UNKNOWN, BAD}
    assert code(s3.get_object, Bucket=versioned, Key="absent", VersionId=first) in {UNKNOWN, BAD}
    try:
        s3.delete_object(Bucket=versioned, Key="a", VersionId=other)
    except s3.exceptions.ClientError:
        pass
    assert (get(s3, versioned, "a"), get(s3, versioned, "b")) == (b"a", b"b")


def test_a_version_id_belongs_to_its_bucket(s3, versioned):
    other = f"{versioned}-2"
    s3.create_bucket(Bucket=other)
    set_versioning(s3, other, "Enabled")
    (version,) = make(s3, versioned, "a", b"1")
    make(s3, other, "a", b"2")
    assert code(s3.get_object, Bucket=other, Key="a", VersionId=version) in {UNKNOWN, BAD}


# Null versions


def test_what_was_there_before_is_the_null_version(server, s3, bucket):
    put(s3, bucket, "a", b"old")
    set_versioning(s3, bucket, "Enabled")
    assert history(server, bucket) == [("Version", "a", "null", True)]
    assert s3.head_object(Bucket=bucket, Key="a").get("VersionId") in (None, "null")
    (version,) = make(s3, bucket, "a", b"new")
    assert history(server, bucket) == [("Version", "a", version, True), ("Version", "a", "null", False)]
    found = s3.get_object(Bucket=bucket, Key="a", VersionId="null")
    assert (found["Body"].read(), found["VersionId"]) == (b"old", "null")
    assert get(s3, bucket, "a") == b"new"


def test_the_null_version_can_be_addressed_in_an_unversioned_bucket(s3, bucket):
    put(s3, bucket, "a", b"only")
    assert get(s3, bucket, "a", VersionId="null") == b"only"
    assert s3.head_object(Bucket=bucket, Key="a", VersionId="null")["ContentLength"] == 4
    assert code(s3.get_object, Bucket=bucket, Key="a", VersionId=GARBAGE) == BAD
    s3.delete_object(Bucket=bucket, Key="a", VersionId="null")
    assert not exists(s3, bucket, "a")


def test_a_key_without_null_version(s3, versioned):
    make(s3, versioned, "a", b"1")
    assert code(s3.get_object, Bucket=versioned, Key="a", VersionId="null") == UNKNOWN
    assert code(s3.head_object, Bucket=versioned, Key="a", VersionId="null") == ("404", 404)


def test_deleting_the_null_version_leaves_the_others(server, s3, bucket):
    put(s3, bucket, "a", b"old")
    set_versioning(s3, bucket, "Enabled")
    (version,) = make(s3, bucket, "a", b"new")
    assert s3.delete_object(Bucket=bucket, Key="a", VersionId="null")["VersionId"] == "null"
    assert history(server, bucket) == [("Version", "a", version, True)]


def test_enabling_twice_leaves_the_null_version_alone(server, s3, bucket):
    put(s3, bucket, "a", b"old")
    for wanted in ("Enabled", "Suspended", "Enabled"):
        set_versioning(s3, bucket, wanted)
    (version,) = make(s3, bucket, "a", b"new")
    assert history(server, bucket) == [("Version", "a", version, True), ("Version", "a", "null", False)]


# Suspended


def test_a_suspended_bucket_overwrites_the_null_version_and_only_it(server, s3, versioned):
    made = make(s3, versioned, "a", b"1", b"2")
    set_versioning(s3, versioned, "Suspended")
    for body in (b"3", b"4", b"5"):
        assert put(s3, versioned, "a", body).get("VersionId") in (None, "null")
        assert get(s3, versioned, "a") == get(s3, versioned, "a", VersionId="null") == body
    assert history(server, versioned) == [("Version", "a", "null", True), ("Version", "a", made[1], False), ("Version", "a", made[0], False)]
    assert [get(s3, versioned, "a", VersionId=version) for version in made] == [b"1", b"2"]


def test_a_null_version_overwritten_beneath_others_becomes_the_latest(server, s3, bucket):
    put(s3, bucket, "a", b"0")
    set_versioning(s3, bucket, "Enabled")
    (version,) = make(s3, bucket, "a", b"1")
    set_versioning(s3, bucket, "Suspended")
    put(s3, bucket, "a", b"2")
    assert history(server, bucket) == [("Version", "a", "null", True), ("Version", "a", version, False)]
    assert get(s3, bucket, "a") == b"2"


def test_enabled_after_suspended_keeps_the_null_version(server, s3, versioned):
    (first,) = make(s3, versioned, "a", b"1")
    set_versioning(s3, versioned, "Suspended")
    put(s3, versioned, "a", b"2")
    set_versioning(s3, versioned, "Enabled")
    (third,) = make(s3, versioned, "a", b"3")
    assert [version for _, _, version, _ in history(server, versioned)] == [third, "null", first]
    assert get(s3, versioned, "a", VersionId="null") == b"2"


def test_a_delete_while_suspended_replaces_the_null_version_by_a_null_marker(server, s3, versioned):
    (first,) = make(s3, versioned, "a", b"1")
    set_versioning(s3, versioned, "Suspended")
    put(s3, versioned, "a", b"2")
    assert remove(s3, versioned, "a") == "null"
    assert history(server, versioned) == [("DeleteMarker", "a", "null", True), ("Version", "a", first, False)]
    assert remove(s3, versioned, "a") == "null"
    assert len(history(server, versioned)) == 2
    assert code(s3.get_object, Bucket=versioned, Key="a") == ("NoSuchKey", 404)
    assert code(s3.get_object, Bucket=versioned, Key="a", VersionId="null") == ("MethodNotAllowed", 405)
    s3.delete_object(Bucket=versioned, Key="a", VersionId="null")
    assert get(s3, versioned, "a") == b"1"


def test_a_put_while_suspended_replaces_the_null_marker(server, s3, versioned):
    (first,) = make(s3, versioned, "a", b"1")
    set_versioning(s3, versioned, "Suspended")
    remove(s3, versioned, "a")
    put(s3, versioned, "a", b"2")
    assert history(server, versioned) == [("Version", "a", "null", True), ("Version", "a", first, False)]


def test_a_version_can_be_deleted_while_suspended(server, s3, versioned):
    first, second = make(s3, versioned, "a", b"1", b"2")
    set_versioning(s3, versioned, "Suspended")
    assert s3.delete_object(Bucket=versioned, Key="a", VersionId=second)["VersionId"] == second
    assert history(server, versioned) == [("Version", "a", first, True)]


def test_a_copy_and_an_upload_while_suspended_are_null_versions(server, s3, versioned):
    make(s3, versioned, "a", b"1")
    set_versioning(s3, versioned, "Suspended")
    assert s3.copy_object(Bucket=versioned, Key="b", CopySource={"Bucket": versioned, "Key": "a"}).get("VersionId") in (None, "null")
    assert upload(s3, versioned, "c", [b"part"]).get("VersionId") in (None, "null")
    assert [(key, version) for _, key, version, _ in history(server, versioned)][1:] == [("b", "null"), ("c", "null")]


# Delete markers


def test_a_delete_makes_a_marker_that_hides_the_object(server, s3, versioned):
    made = make(s3, versioned, "a", b"1", b"2")
    marker = remove(s3, versioned, "a")
    assert marker not in made and marker != "null"
    assert history(server, versioned) == [("DeleteMarker", "a", marker, True), ("Version", "a", made[1], False), ("Version", "a", made[0], False)]
    for call, shown in ((s3.get_object, "NoSuchKey"), (s3.head_object, "404")):
        refused = refusal(call, Bucket=versioned, Key="a")
        assert (refused["Error"]["Code"], status(refused)) == (shown, 404)
        assert (headers(refused)["x-amz-delete-marker"], headers(refused)["x-amz-version-id"]) == ("true", marker)
    assert [get(s3, versioned, "a", VersionId=version) for version in made] == [b"1", b"2"]
    assert listed(s3, versioned) == []


def test_a_markers_own_version_cannot_be_read(s3, versioned):
    make(s3, versioned, "a", b"1")
    marker = remove(s3, versioned, "a")
    make(s3, versioned, "a", b"2")
    for call, shown in ((s3.get_object, "MethodNotAllowed"), (s3.head_object, "405")):
        refused = refusal(call, Bucket=versioned, Key="a", VersionId=marker)
        assert (refused["Error"]["Code"], status(refused)) == (shown, 405)
        assert (headers(refused)["x-amz-delete-marker"], headers(refused)["x-amz-version-id"]) == ("true", marker)
        assert "DELETE" in headers(refused).get("allow", "DELETE")


def test_an_absent_key_has_no_marker_headers(s3, versioned):
    for key in ("absent", "gone"):
        if key == "gone":
            gone(s3, versioned)
        assert not {"x-amz-delete-marker", "x-amz-version-id"} & headers(refusal(s3.get_object, Bucket=versioned, Key=key)).keys()


def test_removing_the_marker_restores(server, s3, versioned):
    (version,) = make(s3, versioned, "a", b"1")
    marker = remove(s3, versioned, "a")
    answer = s3.delete_object(Bucket=versioned, Key="a", VersionId=marker)
    assert (status(answer), answer["DeleteMarker"], answer["VersionId"]) == (204, True, marker)
    assert get(s3, versioned, "a") == b"1" and listed(s3, versioned) == ["a"]
    assert history(server, versioned) == [("Version", "a", version, True)]


def test_each_delete_makes_another_marker(server, s3, versioned):
    make(s3, versioned, "a", b"1")
    made = [remove(s3, versioned, "a") for _ in range(3)]
    assert len(set(made)) == 3
    assert [(kind, version, latest) for kind, _, version, latest in history(server, versioned)][:3] == [
        ("DeleteMarker", made[2], True), ("DeleteMarker", made[1], False), ("DeleteMarker", made[0], False),
    ]
    s3.delete_object(Bucket=versioned, Key="a", VersionId=made[2])
    assert not exists(s3, versioned, "a")


def test_deleting_what_never_was_makes_a_marker(server, s3, versioned):
    marker = remove(s3, versioned, "never")
    assert history(server, versioned) == [("DeleteMarker", "never", marker, True)]
    assert headers(refusal(s3.get_object, Bucket=versioned, Key="never"))["x-amz-delete-marker"] == "true"


def test_a_put_over_a_marker_is_the_latest(server, s3, versioned):
    marker = remove(s3, versioned, "a")
    (version,) = make(s3, versioned, "a", b"back")
    assert get(s3, versioned, "a") == b"back"
    assert history(server, versioned) == [("Version", "a", version, True), ("DeleteMarker", "a", marker, False)]


def test_a_marker_has_no_tags_and_is_no_source(s3, versioned):
    make(s3, versioned, "a", b"1")
    marker = remove(s3, versioned, "a")
    for more in ({}, {"VersionId": marker}):
        allowed = {("MethodNotAllowed", 405)} if more else {("MethodNotAllowed", 405), ("NoSuchKey", 404)}
        assert code(s3.get_object_tagging, Bucket=versioned, Key="a", **more) in allowed
        assert code(s3.put_object_tagging, Bucket=versioned, Key="a", Tagging=tag_set(a="1"), **more) in allowed
    source = {"Bucket": versioned, "Key": "a"}
    assert code(s3.copy_object, Bucket=versioned, Key="b", CopySource=source) == ("NoSuchKey", 404)
    assert code(s3.copy_object, Bucket=versioned, Key="b", CopySource={**source, "VersionId": marker}) == ("InvalidRequest", 400)


# Versions are deleted for good


def test_deleting_the_current_version_promotes_the_one_before(server, s3, versioned):
    made = make(s3, versioned, "a", b"1", b"2", b"3")
    for expected, version in ((b"2", made[2]), (b"1", made[1])):
        answer = s3.delete_object(Bucket=versioned, Key="a", VersionId=version)
        assert (status(answer), answer["VersionId"], answer.get("DeleteMarker", False)) == (204, version, False)
        assert get(s3, versioned, "a") == expected
    assert history(server, versioned) == [("Version", "a", made[0], True)]
    s3.delete_object(Bucket=versioned, Key="a", VersionId=made[0])
    assert history(server, versioned) == [] and not exists(s3, versioned, "a")


def test_deleting_a_version_in_the_middle_leaves_the_latest(server, s3, versioned):
    made = make(s3, versioned, "a", b"1", b"2", b"3")
    s3.delete_object(Bucket=versioned, Key="a", VersionId=made[1])
    assert history(server, versioned) == [("Version", "a", made[2], True), ("Version", "a", made[0], False)]
    assert code(s3.get_object, Bucket=versioned, Key="a", VersionId=made[1]) == UNKNOWN


def test_deleting_the_version_above_a_marker_brings_the_marker_back(server, s3, versioned):
    make(s3, versioned, "a", b"1")
    marker = remove(s3, versioned, "a")
    (version,) = make(s3, versioned, "a", b"2")
    s3.delete_object(Bucket=versioned, Key="a", VersionId=version)
    assert headers(refusal(s3.get_object, Bucket=versioned, Key="a"))["x-amz-version-id"] == marker


def test_deleting_a_version_twice_makes_no_marker(server, s3, versioned):
    version = gone(s3, versioned, "a")
    try:
        assert status(s3.delete_object(Bucket=versioned, Key="a", VersionId=version)) == 204
    except s3.exceptions.ClientError as error:
        assert status(error.response) == 404 and error.response["Error"]["Code"] == "NoSuchVersion"
    assert history(server, versioned) == []


# DeleteObjects


def test_delete_many_versions_and_markers(server, s3, versioned):
    made = {key: make(s3, versioned, key, b"1", b"2") for key in "abc"}
    old = remove(s3, versioned, "c")
    answer = s3.delete_objects(
        Bucket=versioned,
        Delete={"Objects": [{"Key": "a"}, {"Key": "b", "VersionId": made["b"][1]}, {"Key": "c", "VersionId": old}, {"Key": "never"}]},
    )
    assert "Errors" not in answer
    found = {item["Key"]: item for item in answer["Deleted"]}
    assert found["a"]["DeleteMarker"] is True and found["a"]["DeleteMarkerVersionId"] and "VersionId" not in found["a"]
    assert found["b"]["VersionId"] == made["b"][1] and not found["b"].get("DeleteMarker")
    assert (found["c"]["VersionId"], found["c"]["DeleteMarker"], found["c"]["DeleteMarkerVersionId"]) == (old, True, old)
    assert found["never"]["DeleteMarker"] is True
    assert history(server, versioned) == [
        ("DeleteMarker", "a", found["a"]["DeleteMarkerVersionId"], True), ("Version", "a", made["a"][1], False), ("Version", "a", made["a"][0], False),
        ("Version", "b", made["b"][0], True),
        ("Version", "c", made["c"][1], True), ("Version", "c", made["c"][0], False),
        ("DeleteMarker", "never", found["never"]["DeleteMarkerVersionId"], True),
    ]


def test_delete_many_versions_of_one_key(server, s3, versioned):
    made = make(s3, versioned, "a", b"1", b"2", b"3")
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "a", "VersionId": version} for version in made]})
    assert sorted(item["VersionId"] for item in answer["Deleted"]) == sorted(made) and "Errors" not in answer
    assert history(server, versioned) == []


def test_delete_many_with_a_bad_version_id_tells_it_for_that_key(s3, versioned):
    (version,) = make(s3, versioned, "a", b"1")
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "a", "VersionId": GARBAGE}, {"Key": "a", "VersionId": version}]})
    assert [(item["Key"], item["VersionId"]) for item in answer["Deleted"]] == [("a", version)]
    (error,) = answer["Errors"]
    assert (error["Key"], error["VersionId"]) == ("a", GARBAGE) and error["Code"] in ("InvalidArgument", "NoSuchVersion")


def test_delete_many_null_versions(server, s3, bucket):
    put(s3, bucket, "a", b"0")
    set_versioning(s3, bucket, "Enabled")
    (version,) = make(s3, bucket, "a", b"1")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a", "VersionId": "null"}]})
    assert answer["Deleted"][0]["VersionId"] == "null"
    assert history(server, bucket) == [("Version", "a", version, True)]


def test_delete_many_quietly(server, s3, versioned):
    (version,) = make(s3, versioned, "a", b"1")
    make(s3, versioned, "b", b"1")
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "a", "VersionId": version}, {"Key": "b"}], "Quiet": True})
    assert "Deleted" not in answer and "Errors" not in answer
    assert [(kind, key) for kind, key, _, _ in history(server, versioned)] == [("DeleteMarker", "b"), ("Version", "b")]


# Copies and uploads


def test_a_copy_takes_the_version_asked_for(s3, versioned):
    first, second = make(s3, versioned, "a", b"1", b"2")
    done = s3.copy_object(Bucket=versioned, Key="b", CopySource={"Bucket": versioned, "Key": "a", "VersionId": first})
    assert done["CopySourceVersionId"] == first and done["VersionId"] not in (first, second)
    assert get(s3, versioned, "b") == b"1"
    done = s3.copy_object(Bucket=versioned, Key="b", CopySource={"Bucket": versioned, "Key": "a"})
    assert done["CopySourceVersionId"] == second
    assert get(s3, versioned, "b") == b"2"


def test_an_old_version_is_restored_by_a_copy_onto_itself(server, s3, versioned):
    first = put(s3, versioned, "a", b"1", Metadata={"n": "1"})["VersionId"]
    (second,) = make(s3, versioned, "a", b"2")
    done = s3.copy_object(Bucket=versioned, Key="a", CopySource={"Bucket": versioned, "Key": "a", "VersionId": first})
    found = s3.get_object(Bucket=versioned, Key="a")
    assert (found["Body"].read(), found["Metadata"], found["VersionId"]) == (b"1", {"n": "1"}, done["VersionId"])
    assert [version for _, _, version, _ in history(server, versioned)] == [done["VersionId"], second, first]


def test_a_version_behind_a_marker_is_restored_by_a_copy(s3, versioned):
    (version,) = make(s3, versioned, "a", b"1")
    remove(s3, versioned, "a")
    s3.copy_object(Bucket=versioned, Key="a", CopySource={"Bucket": versioned, "Key": "a", "VersionId": version})
    assert get(s3, versioned, "a") == b"1"


def test_the_null_version_is_a_source(s3, bucket):
    put(s3, bucket, "a", b"0")
    set_versioning(s3, bucket, "Enabled")
    make(s3, bucket, "a", b"1")
    done = s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a", "VersionId": "null"})
    assert done["CopySourceVersionId"] == "null" and get(s3, bucket, "b") == b"0"


def test_a_copy_between_versioned_and_unversioned(s3, versioned):
    plain = f"{versioned}-plain"
    s3.create_bucket(Bucket=plain)
    first, _ = make(s3, versioned, "a", b"1", b"2")
    done = s3.copy_object(Bucket=plain, Key="a", CopySource={"Bucket": versioned, "Key": "a", "VersionId": first})
    assert done["CopySourceVersionId"] == first and done.get("VersionId") in (None, "null")
    done = s3.copy_object(Bucket=versioned, Key="a", CopySource={"Bucket": plain, "Key": "a"})
    assert done["VersionId"] and done.get("CopySourceVersionId") in (None, "null")
    assert get(s3, versioned, "a") == b"1"


def test_bad_source_versions(s3, versioned):
    version = gone(s3, versioned, "a")
    put(s3, versioned, "a")
    source = {"Bucket": versioned, "Key": "a"}
    assert code(s3.copy_object, Bucket=versioned, Key="b", CopySource={**source, "VersionId": GARBAGE}) == BAD
    assert code(s3.copy_object, Bucket=versioned, Key="b", CopySource={**source, "VersionId": version}) == UNKNOWN
    assert not exists(s3, versioned, "b")


def test_conditions_on_the_source_count_for_its_version(s3, versioned):
    first, second = (put(s3, versioned, "a", body) for body in (b"1", b"2"))
    source = {"Bucket": versioned, "Key": "a", "VersionId": first["VersionId"]}
    assert code(s3.copy_object, Bucket=versioned, Key="b", CopySource=source, CopySourceIfMatch=second["ETag"]) == ("PreconditionFailed", 412)
    s3.copy_object(Bucket=versioned, Key="b", CopySource=source, CopySourceIfMatch=first["ETag"])


def test_an_upload_makes_a_version(server, s3, versioned):
    (first,) = make(s3, versioned, "a", b"1")
    done = upload(s3, versioned, "a", [b"p" * 5 * MIB, b"q"])
    assert done["VersionId"] not in (None, first)
    assert s3.head_object(Bucket=versioned, Key="a")["VersionId"] == done["VersionId"]
    assert s3.head_object(Bucket=versioned, Key="a", VersionId=done["VersionId"])["ContentLength"] == 5 * MIB + 1
    assert get(s3, versioned, "a", VersionId=first) == b"1"
    assert [version for _, _, version, _ in history(server, versioned)] == [done["VersionId"], first]


def test_an_upload_that_is_not_complete_is_no_version(server, s3, versioned):
    made = s3.create_multipart_upload(Bucket=versioned, Key="a")["UploadId"]
    s3.upload_part(Bucket=versioned, Key="a", UploadId=made, PartNumber=1, Body=b"x")
    assert history(server, versioned) == []
    s3.abort_multipart_upload(Bucket=versioned, Key="a", UploadId=made)


def test_a_part_is_copied_from_a_version(s3, versioned):
    first, _ = make(s3, versioned, "a", b"first", b"second")
    made = s3.create_multipart_upload(Bucket=versioned, Key="b")["UploadId"]
    part = s3.upload_part_copy(Bucket=versioned, Key="b", UploadId=made, PartNumber=1, CopySource={"Bucket": versioned, "Key": "a", "VersionId": first})
    assert part["CopySourceVersionId"] == first
    s3.complete_multipart_upload(Bucket=versioned, Key="b", UploadId=made, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]})
    assert get(s3, versioned, "b") == b"first"


# Tags, ACLs and attributes of versions


def test_tags_belong_to_a_version(s3, versioned):
    first = put(s3, versioned, "a", b"1", Tagging="n=1")["VersionId"]
    second = put(s3, versioned, "a", b"2", Tagging="n=2")["VersionId"]
    read = lambda **more: s3.get_object_tagging(Bucket=versioned, Key="a", **more)
    assert (tags(read(VersionId=first)), tags(read(VersionId=second)), tags(read())) == ({"n": "1"}, {"n": "2"}, {"n": "2"})
    assert (read()["VersionId"], read(VersionId=first)["VersionId"]) == (second, first)
    assert s3.put_object_tagging(Bucket=versioned, Key="a", VersionId=first, Tagging=tag_set(m="3"))["VersionId"] == first
    assert s3.put_object_tagging(Bucket=versioned, Key="a", Tagging=tag_set(m="4"))["VersionId"] == second
    assert (tags(read(VersionId=first)), tags(read())) == ({"m": "3"}, {"m": "4"})
    assert s3.delete_object_tagging(Bucket=versioned, Key="a", VersionId=first)["VersionId"] == first
    assert (tags(read(VersionId=first)), tags(read())) == ({}, {"m": "4"})
    assert "TagCount" not in s3.get_object(Bucket=versioned, Key="a", VersionId=first)
    assert s3.get_object(Bucket=versioned, Key="a")["TagCount"] == 1


def test_tagging_makes_no_version(server, s3, versioned):
    (version,) = make(s3, versioned, "a", b"1")
    s3.put_object_tagging(Bucket=versioned, Key="a", Tagging=tag_set(a="1"))
    s3.delete_object_tagging(Bucket=versioned, Key="a")
    assert history(server, versioned) == [("Version", "a", version, True)]


def test_a_copied_version_brings_its_own_tags(s3, versioned):
    first = put(s3, versioned, "a", b"1", Tagging="n=1")["VersionId"]
    put(s3, versioned, "a", b"2", Tagging="n=2")
    s3.copy_object(Bucket=versioned, Key="b", CopySource={"Bucket": versioned, "Key": "a", "VersionId": first})
    assert tags(s3.get_object_tagging(Bucket=versioned, Key="b")) == {"n": "1"}


def test_the_acl_of_a_version(s3, versioned):
    first, _ = make(s3, versioned, "a", b"1", b"2")
    found = s3.get_object_acl(Bucket=versioned, Key="a", VersionId=first)
    assert [grant["Permission"] for grant in found["Grants"]] == ["FULL_CONTROL"]
    assert code(s3.get_object_acl, Bucket=versioned, Key="a", VersionId=GARBAGE) == BAD
    assert code(s3.get_object_acl, Bucket=versioned, Key="a", VersionId=gone(s3, versioned, "a")) == UNKNOWN


def test_the_attributes_of_a_version(s3, versioned):
    first, second = make(s3, versioned, "a", b"1", b"22")
    read = lambda **more: s3.get_object_attributes(Bucket=versioned, Key="a", ObjectAttributes=["ETag", "ObjectSize"], **more)
    assert (read(VersionId=first)["ObjectSize"], read(VersionId=first)["VersionId"]) == (1, first)
    assert (read()["ObjectSize"], read()["VersionId"], read()["ETag"]) == (2, second, hashlib.md5(b"22").hexdigest())
    marker = remove(s3, versioned, "a")
    assert code(read, VersionId=marker) == ("MethodNotAllowed", 405)
    refused = refusal(read)
    assert (refused["Error"]["Code"], status(refused), headers(refused)["x-amz-delete-marker"]) == ("NoSuchKey", 404, "true")


# ListObjectVersions


def test_versions_are_listed_by_key_and_then_newest_first(server, s3, versioned):
    made = {}
    for turn in range(3):
        for key in ("b", "a/b", "\u6587", "a", "B"):
            made.setdefault(key, []).append(put(s3, versioned, key, b"%d" % turn)["VersionId"])
    expected = [("Version", key, version, number == 0) for key in ("B", "a", "a/b", "b", "\u6587") for number, version in enumerate(reversed(made[key]))]
    assert history(server, versioned) == expected


def test_versions_made_within_a_moment_stay_in_order(server, s3, versioned):
    made = make(s3, versioned, "a", *(b"%d" % number for number in range(40)))
    assert [version for _, _, version, _ in history(server, versioned)] == made[::-1]
    times = [item["LastModified"] for item in versions(s3, versioned)]
    assert times == sorted(times, reverse=True)


def test_markers_are_listed_among_versions(server, s3, versioned):
    (first,) = make(s3, versioned, "a", b"1")
    marker = remove(s3, versioned, "a")
    (second,) = make(s3, versioned, "a", b"2")
    assert history(server, versioned) == [("Version", "a", second, True), ("DeleteMarker", "a", marker, False), ("Version", "a", first, False)]


def test_what_is_told_of_a_version(s3, versioned):
    (version,) = make(s3, versioned, "a", b"12345")
    marker = remove(s3, versioned, "a")
    (item,) = versions(s3, versioned)
    assert (item["Key"], item["VersionId"], item["IsLatest"], item["Size"], item["StorageClass"]) == ("a", version, False, 5, "STANDARD")
    assert item["ETag"] == f'"{hashlib.md5(b"12345").hexdigest()}"'
    (other,) = markers(s3, versioned)
    assert (other["Key"], other["VersionId"], other["IsLatest"]) == ("a", marker, True)
    assert item["Owner"]["ID"] and item["Owner"]["ID"] == other["Owner"]["ID"]
    assert item["LastModified"] <= other["LastModified"]
    head = s3.head_object(Bucket=versioned, Key="a", VersionId=version)
    assert item["LastModified"].replace(microsecond=0) == head["LastModified"]


def test_an_unversioned_bucket_lists_null_versions(server, s3, bucket):
    put(s3, bucket, "b")
    put(s3, bucket, "a")
    assert history(server, bucket) == [("Version", "a", "null", True), ("Version", "b", "null", True)]


def test_pages_of_versions(s3, versioned):
    expected = []
    for key in ("a", "b", "b/1", "c"):
        made = [("Version", key, version) for version in make(s3, versioned, key, b"1", b"2")]
        made.append(("DeleteMarker", key, remove(s3, versioned, key)))
        expected += made[::-1]
    expected += [("Version", "d", version) for version in make(s3, versioned, "d", b"1")]
    for size in (1, 2, 3, 5, 8, 13, 14, 1000):
        found, marker, pages = [], {}, 0
        while True:
            page = s3.list_object_versions(Bucket=versioned, MaxKeys=size, **marker)
            items = [(kind[:-1], item["Key"], item["VersionId"]) for kind in ("Versions", "DeleteMarkers") for item in page.get(kind, [])]
            assert len(items) <= size and page["MaxKeys"] == size
            found += items
            pages += 1
            if not page["IsTruncated"]:
                assert "NextKeyMarker" not in page and "NextVersionIdMarker" not in page
                break
            assert len(items) == size
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
        assert sorted(found) == sorted(expected) and pages == -(-13 // size), size


def test_a_page_ends_within_the_versions_of_a_key(server, s3, versioned):
    made = make(s3, versioned, "a", b"1", b"2", b"3")
    page = s3.list_object_versions(Bucket=versioned, MaxKeys=2)
    assert (page["IsTruncated"], page["NextKeyMarker"], page["NextVersionIdMarker"]) == (True, "a", made[1])
    assert [version for _, _, version, _ in history(server, versioned, key_marker="a", version_id_marker=made[1])] == [made[0]]
    assert history(server, versioned, key_marker="a", version_id_marker=made[1])[0][3] is False


def test_a_null_version_is_a_marker_of_a_page(s3, bucket):
    put(s3, bucket, "a", b"0")
    put(s3, bucket, "b", b"0")
    set_versioning(s3, bucket, "Enabled")
    (version,) = make(s3, bucket, "a", b"1")
    found = versions(s3, bucket, PaginationConfig={"PageSize": 1})
    assert [(item["Key"], item["VersionId"]) for item in found] == [("a", version), ("a", "null"), ("b", "null")]


def test_a_key_marker_alone_skips_all_its_versions(server, s3, versioned):
    for key in "abc":
        make(s3, versioned, key, b"1", b"2")
    assert [key for _, key, _, _ in history(server, versioned, key_marker="a")] == ["b", "b", "c", "c"]
    assert [key for _, key, _, _ in history(server, versioned, key_marker="aa")] == ["b", "b", "c", "c"]
    assert history(server, versioned, key_marker="c") == history(server, versioned, key_marker="z") == []


def test_a_version_id_marker_needs_a_key_marker(s3, versioned):
    (version,) = make(s3, versioned, "a", b"1")
    assert code(s3.list_object_versions, Bucket=versioned, VersionIdMarker=version) == BAD
    assert code(s3.list_object_versions, Bucket=versioned, KeyMarker="a", VersionIdMarker=GARBAGE) == BAD


def test_versions_beneath_a_prefix(s3, versioned):
    for key in ("a", "b/1", "b/2", "c"):
        make(s3, versioned, key, b"1", b"2")
    remove(s3, versioned, "b/2")
    assert [item["Key"] for item in versions(s3, versioned, Prefix="b/")] == ["b/1", "b/1", "b/2", "b/2"]
    assert [item["Key"] for item in markers(s3, versioned, Prefix="b/")] == ["b/2"]
    page = s3.list_object_versions(Bucket=versioned, Prefix="zzz")
    assert page["Prefix"] == "zzz" and "Versions" not in page and not page["IsTruncated"]


def test_versions_are_rolled_up_by_delimiter(s3, versioned):
    for key in ("a", "b/1", "b/2", "c/1", "d", "\u6587/1"):
        make(s3, versioned, key, b"1", b"2")
    remove(s3, versioned, "c/1")
    remove(s3, versioned, "only-marker/1")
    page = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [item["Key"] for item in page["Versions"]] == ["a", "a", "d", "d"] and "DeleteMarkers" not in page
    assert [item["Prefix"] for item in page["CommonPrefixes"]] == ["b/", "c/", "only-marker/", "\u6587/"]
    page = s3.list_object_versions(Bucket=versioned, Delimiter="/", Prefix="b/")
    assert [item["Key"] for item in page["Versions"]] == ["b/1", "b/1", "b/2", "b/2"] and "CommonPrefixes" not in page


def test_pages_of_versions_and_prefixes(s3, versioned):
    for key in ("a", "b/1", "b/2", "c/1", "d"):
        make(s3, versioned, key, b"1", b"2")
    for size in (1, 2, 3, 6):
        found, marker = [], {}
        while True:
            page = s3.list_object_versions(Bucket=versioned, Delimiter="/", MaxKeys=size, **marker)
            items = [item["Key"] for item in page.get("Versions", [])] + [item["Prefix"] for item in page.get("CommonPrefixes", [])]
            assert len(items) <= size
            found += items
            if not page["IsTruncated"]:
                break
            assert items, "a truncated page moves on"
            marker = {name[4:]: page[name] for name in ("NextKeyMarker", "NextVersionIdMarker") if page.get(name)}
        assert sorted(found) == ["a", "a", "b/", "c/", "d", "d"], size


def test_versions_with_url_encoding(server, s3, versioned):
    names = sorted(["a b+c", "\u6587/1", "a&b<c>", "q?x=1", "tab\tnew\nline", "%41"], key=str.encode)
    for name in names:
        make(s3, versioned, name, b"1")
    assert [item["Key"] for item in versions(s3, versioned)] == names
    assert [unquote(key) for _, key, _, _ in history(server, versioned, encoding_type="url")] == names
    answer = Raw(server).request("GET", f"/{versioned}", [("versions", ""), ("encoding-type", "url"), ("prefix", "a&"), ("delimiter", "<")])
    assert b"<EncodingType>url</EncodingType>" in answer.body and b"a%26b%3C" in answer.body, answer
    assert Raw(server).request("GET", f"/{versioned}", [("versions", ""), ("encoding-type", "rot13")]).code == "InvalidArgument"


def test_bad_page_sizes_of_versions(server, versioned):
    for bad in ("-1", "many", "2147483648"):
        answer = Raw(server).request("GET", f"/{versioned}", [("versions", ""), ("max-keys", bad)])
        assert (answer.status, answer.code) == (400, "InvalidArgument"), (bad, answer)


def test_a_page_of_no_versions(s3, versioned):
    make(s3, versioned, "a", b"1")
    page = s3.list_object_versions(Bucket=versioned, MaxKeys=0)
    assert "Versions" not in page and not page["IsTruncated"]


def test_a_page_has_at_most_a_thousand_versions(s3, versioned):
    page = s3.list_object_versions(Bucket=versioned, MaxKeys=5000)
    assert page["MaxKeys"] in (1000, 5000) and not page["IsTruncated"]
    assert page["Name"] == versioned


# Other listings, the bucket's end, races


def test_listings_hide_what_is_deleted_and_show_what_is_current(s3, versioned):
    make(s3, versioned, "a", b"1", b"22")
    make(s3, versioned, "b", b"1")
    remove(s3, versioned, "b")
    remove(s3, versioned, "never/1")
    make(s3, versioned, "c/1", b"1")
    for call in (s3.list_objects, s3.list_objects_v2):
        page = call(Bucket=versioned, Delimiter="/")
        assert [(item["Key"], item["Size"]) for item in page["Contents"]] == [("a", 2)]
        assert [item["Prefix"] for item in page["CommonPrefixes"]] == ["c/"]
    assert listed(s3, versioned, PaginationConfig={"PageSize": 1}) == ["a", "c/1"]


def test_many_hidden_keys_do_not_end_a_listing_early(s3, versioned):
    for number in range(30):
        remove(s3, versioned, f"k{number:02}")
    make(s3, versioned, "z", b"1")
    assert listed(s3, versioned, PaginationConfig={"PageSize": 5}) == ["z"]
    page = s3.list_objects_v2(Bucket=versioned, MaxKeys=1)
    assert page["KeyCount"] == 1 and not page["IsTruncated"]


def test_a_bucket_with_old_versions_or_markers_is_not_empty(s3, versioned):
    (version,) = make(s3, versioned, "a", b"1")
    marker = remove(s3, versioned, "a")
    assert listed(s3, versioned) == []
    assert code(s3.delete_bucket, Bucket=versioned) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=versioned, Key="a", VersionId=version)
    assert code(s3.delete_bucket, Bucket=versioned) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=versioned, Key="a", VersionId=marker)
    s3.delete_bucket(Bucket=versioned)


def test_a_bucket_made_again_is_unversioned(s3, versioned):
    s3.delete_bucket(Bucket=versioned)
    s3.create_bucket(Bucket=versioned)
    assert state(s3, versioned) is None and "VersionId" not in put(s3, versioned, "a")


def test_racing_puts_make_a_version_each(server, s3, versioned):
    made = race(lambda number: put(s3, versioned, "a", b"%d" % number)["VersionId"])
    found = history(server, versioned)
    assert sorted(version for _, _, version, _ in found) == sorted(made) and len(set(made)) == 32
    assert [latest for _, _, _, latest in found] == [True] + [False] * 31
    current = s3.get_object(Bucket=versioned, Key="a")
    assert current["VersionId"] == found[0][2] and current["Body"].read() == b"%d" % made.index(found[0][2])
    for number, version in enumerate(made):
        assert get(s3, versioned, "a", VersionId=version) == b"%d" % number


def test_racing_puts_and_deletes_leave_one_latest(server, s3, versioned):
    race(lambda number: s3.delete_object(Bucket=versioned, Key="a") if number % 2 else put(s3, versioned, "a"))
    found = history(server, versioned)
    assert len(found) == len({version for _, _, version, _ in found}) == 32
    assert [latest for _, _, _, latest in found] == [True] + [False] * 31
    assert exists(s3, versioned, "a") == (found[0][0] == "Version")


def test_racing_puts_while_suspended_leave_one_null_version(server, s3, bucket):
    set_versioning(s3, bucket, "Suspended")
    race(lambda number: put(s3, bucket, "a", b"%d" % number))
    assert history(server, bucket) == [("Version", "a", "null", True)]


def test_racing_deletes_of_all_versions_leave_nothing(server, s3, versioned):
    made = make(s3, versioned, "a", *[b"x"] * 32)
    race(lambda number: s3.delete_object(Bucket=versioned, Key="a", VersionId=made[number]))
    assert history(server, versioned) == [] and not exists(s3, versioned, "a")


def test_versions_and_markers_survive_a_kill(make_server):
    server = make_server("killed")
    s3 = server.client()
    s3.create_bucket(Bucket="killed")
    set_versioning(s3, "killed", "Enabled")
    made = make(s3, "killed", "a", b"1", b"2" * 100_000)
    remove(s3, "killed", "a")
    before = history(server, "killed")
    server.restart()
    s3 = server.client()
    assert history(server, "killed") == before and state(s3, "killed") == "Enabled"
    assert get(s3, "killed", "a", VersionId=made[1]) == b"2" * 100_000
