"""Versions at the border: each is judged by its own label, and nothing tells abroad which there are."""

import pytest
from botocore.exceptions import ClientError

from onshore_server import CONFIG
from test_residency import US, put, refused, same_apart_from_request

UNKNOWN = "ver_00000000000000000000000000000001"


@pytest.fixture(scope="module")
def histories(server):
    """Keys whose newest version is free and an earlier one is not, and the other way round; one behind a marker."""
    s3 = server.client()
    server.cli("bucket", "create", "histories", "--class", "general")
    s3.put_bucket_versioning(Bucket="histories", VersioningConfiguration={"Status": "Enabled"})
    made = {}
    for key, labels in {"freed": ("personal", "general"), "bound": ("general", "personal"), "hidden": ("personal",)}.items():
        made[key] = [put(s3, "histories", key, label=label)["VersionId"] for label in labels]
    made["marker"] = s3.delete_object(Bucket="histories", Key="hidden")["VersionId"]
    return made


READS = {
    "get": lambda s3, **at: s3.get_object(**at),
    "range": lambda s3, **at: s3.get_object(Range="bytes=0-0", **at),
    "head": lambda s3, **at: s3.head_object(**at),
    "tags": lambda s3, **at: s3.get_object_tagging(**at),
    "acl": lambda s3, **at: s3.get_object_acl(**at),
    "attributes": lambda s3, **at: s3.get_object_attributes(ObjectAttributes=["ETag"], **at),
    "not modified": lambda s3, **at: s3.get_object(IfNoneMatch="*", **at),
    "copy": lambda s3, **at: s3.copy_object(Bucket=at["Bucket"], Key="copied", CopySource=at),
}


@pytest.mark.parametrize("read", READS)
def test_each_version_is_judged_by_its_own_label(server, histories, read):
    abroad = server.client(source=US)
    at = dict(Bucket="histories")
    for key, number in (("freed", 1), ("bound", 0)):
        try:
            READS[read](abroad, Key=key, VersionId=histories[key][number], **at)
        except ClientError as error:
            assert (read, error.response["ResponseMetadata"]["HTTPStatusCode"]) == ("not modified", 304)
    for key, number in (("freed", 0), ("bound", 1), ("hidden", 0)):
        refused(READS[read], s3=abroad, Key=key, VersionId=histories[key][number], **at)


@pytest.mark.parametrize("read", [name for name in READS if name != "copy"])
def test_absent_versions_markers_and_refused_ones_look_the_same(server, histories, read):
    abroad = server.client(source=US)
    shown = [
        refused(READS[read], s3=abroad, Bucket="histories", Key=key, VersionId=version)
        for key, version in (
            ("freed", histories["freed"][0]),
            ("freed", UNKNOWN),
            ("hidden", histories["marker"]),
            ("hidden", histories["hidden"][0]),
            ("never", UNKNOWN),
            ("freed", "null"),
        )
    ]
    for other in shown[1:]:
        same_apart_from_request(shown[0], other)
    for response in shown:
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        assert not {"x-amz-delete-marker", "x-amz-version-id", "last-modified", "etag", "allow"} & set(headers)


def test_a_listing_of_versions_is_judged_by_all_of_them(server, histories):
    abroad = server.client(source=US)
    refused(abroad.list_object_versions, Bucket="histories")
    for prefix in histories:
        if prefix != "marker":
            refused(abroad.list_object_versions, Bucket="histories", Prefix=prefix)
    refused(abroad.list_object_versions, Bucket="histories", Prefix="nothing")
    for prefix in ("freed", "bound", "nothing"):
        refused(abroad.list_objects_v2, Bucket="histories", Prefix=prefix)


def test_settings_and_locks_are_read_at_home(server):
    s3 = server.client()
    s3.create_bucket(Bucket="settings-abroad", ObjectLockEnabledForBucket=True)
    version = put(s3, "settings-abroad", "k", label="personal", ObjectLockLegalHoldStatus="ON")["VersionId"]
    abroad = server.client(source=US)
    for read in (abroad.get_bucket_versioning, abroad.get_bucket_acl, abroad.get_bucket_tagging, abroad.get_object_lock_configuration, abroad.get_bucket_cors):
        refused(read, Bucket="settings-abroad")
    refused(abroad.get_object_legal_hold, Bucket="settings-abroad", Key="k", VersionId=version)
    refused(abroad.get_object_retention, Bucket="settings-abroad", Key="k")


def test_a_deletion_of_a_version_from_abroad_tells_nothing(server, histories):
    abroad = server.client(source=US)
    told = [
        refused(abroad.delete_object, Bucket="histories", Key="freed", VersionId=version)
        for version in (histories["freed"][0], UNKNOWN)
    ]
    same_apart_from_request(*told)
    s3 = server.client()
    assert s3.head_object(Bucket="histories", Key="freed", VersionId=histories["freed"][0])["ContentLength"] == 10
    answer = abroad.delete_objects(Bucket="histories", Delete={"Objects": [{"Key": "freed", "VersionId": histories["freed"][0]}]})
    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]


def test_an_approval_opens_the_version_it_covers(server, histories):
    server.cli("approval", "grant", "--tenant", "default", "--to", "US", "--class", "personal", "--max-bytes", "10", "--until", "2099-01-01")
    abroad = server.client(source=US)
    at = dict(Bucket="histories", Key="freed", VersionId=histories["freed"][0])
    answer = abroad.get_object(**at)
    assert answer["Body"].read() == b"0123456789" and answer["VersionId"] == histories["freed"][0]
    refused(abroad.get_object, **at)


def test_a_preflight_from_abroad_learns_no_rules(make_server):
    from raw_s3 import Raw

    server = make_server("preflight", config=CONFIG)
    s3 = server.client()
    s3.create_bucket(Bucket="pages")
    rule = {"AllowedOrigins": ["https://app.example"], "AllowedMethods": ["GET"]}
    s3.put_bucket_cors(Bucket="pages", CORSConfiguration={"CORSRules": [rule]})
    asked = {"origin": "https://app.example", "access-control-request-method": "GET"}
    ask = lambda raw: raw.send("OPTIONS", "/pages/k", {"host": raw.host, **asked})
    assert ask(Raw(server)).status == 200
    answer = ask(Raw(server, source=US))
    assert answer.status == 403 and "access-control-allow-origin" not in answer.headers
