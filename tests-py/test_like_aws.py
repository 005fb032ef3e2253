"""Small things in which other servers differ from AWS, and suites look at."""

import base64
import email.utils
import hashlib
import http.client
import os
import time

import pytest
from botocore.exceptions import ClientError

from calls import MIB, code, get, headers, put, race, refusal, set_versioning, status, tag_set, upload
from raw_s3 import Raw

SHA256 = lambda body: base64.b64encode(hashlib.sha256(body).digest()).decode()


@pytest.fixture
def bucket(s3, request):
    name = f"like-{abs(hash(request.node.name)):x}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def raw(server):
    return Raw(server)


def parts_of(s3, bucket, key, bodies, **more):
    made = s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]
    answers = [s3.upload_part(Bucket=bucket, Key=key, UploadId=made, PartNumber=number, Body=body) for number, body in enumerate(bodies, 1)]
    return made, [{"PartNumber": number, "ETag": answer["ETag"]} for number, answer in enumerate(answers, 1)]


def test_a_completion_that_is_asked_for_again_is_answered_again(s3, bucket):
    made, parts = parts_of(s3, bucket, "k", [b"a" * 5 * MIB, b"b"])
    complete = lambda number=0, listed=parts: s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=made, MultipartUpload={"Parts": listed})
    answers = race(complete, 6)
    assert len({answer["ETag"] for answer in answers}) == 1, "at once too"
    first, again = answers[0], complete()
    assert (again["ETag"], again["Key"], again["Location"]) == (first["ETag"], "k", first["Location"])
    assert code(complete, listed=parts[:1]) == ("NoSuchUpload", 404), "with other parts it is another"
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1
    put(s3, bucket, "k", b"new")
    assert code(complete) == ("NoSuchUpload", 404)
    assert get(s3, bucket, "k") == b"new", "and nothing comes back"
    other = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=other)
    assert code(s3.complete_multipart_upload, Bucket=bucket, Key="k", UploadId=other, MultipartUpload={"Parts": parts}) == ("NoSuchUpload", 404)


def test_what_is_written_while_versioning_is_suspended_names_no_version(s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    assert put(s3, bucket, "k")["VersionId"]
    set_versioning(s3, bucket, "Suspended")
    assert "VersionId" not in put(s3, bucket, "k")
    assert "VersionId" not in s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")
    assert "VersionId" not in upload(s3, bucket, "m", [b"x"])
    assert s3.head_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    assert s3.delete_object(Bucket=bucket, Key="k")["VersionId"] == "null"


def test_without_a_checksum_there_is_one(s3, raw, bucket):
    answer = raw.request("PUT", f"/{bucket}/k", body=b"123456789")
    assert (answer.status, answer.headers["x-amz-checksum-crc64nvme"]) == (200, "rosUhgp5mIg="), "the check value of the algorithm"
    assert answer.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    shown = lambda key: s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED").get("ChecksumCRC64NVME")
    assert shown("k") == "rosUhgp5mIg="
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")
    assert shown("c") == "rosUhgp5mIg="
    body = os.urandom(5 * MIB + 7)
    begun = raw.request("POST", f"/{bucket}/m", [("uploads", "")])
    made = begun.body.decode().split("<UploadId>")[1].split("<")[0]
    etags = []
    for number, part in ((1, body[: 5 * MIB]), (2, body[5 * MIB :])):
        etags.append(raw.request("PUT", f"/{bucket}/m", [("partNumber", str(number)), ("uploadId", made)], body=part).headers["etag"])
    listed = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
    assert code(
        s3.complete_multipart_upload, Bucket=bucket, Key="m", UploadId=made, MultipartUpload={"Parts": listed}, ChecksumType="COMPOSITE"
    ) == ("InvalidRequest", 400)
    done = s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=made, MultipartUpload={"Parts": listed}, ChecksumType="FULL_OBJECT")
    assert done["ChecksumType"] == "FULL_OBJECT"
    assert raw.request("PUT", f"/{bucket}/whole", body=body).headers["x-amz-checksum-crc64nvme"] == done["ChecksumCRC64NVME"] == shown("m")


def test_checksums_of_parts_come_with_the_parts_and_with_the_completion(s3, raw, bucket):
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    bare = raw.request("PUT", f"/{bucket}/k", [("partNumber", "1"), ("uploadId", made)], body=b"x")
    assert bare.status == 400 and b"InvalidRequest" in bare.body and b"actual checksum Type: null" in bare.body
    answer = s3.upload_part(Bucket=bucket, Key="k", UploadId=made, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256")
    part = {"PartNumber": 1, "ETag": answer["ETag"]}
    complete = lambda *parts, **more: s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=made, MultipartUpload={"Parts": list(parts)}, **more)
    with pytest.raises(ClientError) as refused:
        complete(part)
    assert "It was missing for part 1" in refused.value.response["Error"]["Message"]
    with_sum = {**part, "ChecksumSHA256": answer["ChecksumSHA256"]}
    for wrong in ({"ChecksumType": "FULL_OBJECT"}, {"ChecksumSHA256": SHA256(hashlib.sha256(b"x").digest()) + "-9"}):
        with pytest.raises(ClientError) as refused:
            complete(with_sum, **wrong)
        assert refused.value.response["Error"]["Code"] == "InvalidRequest", wrong
    assert complete(with_sum)["ChecksumSHA256"] == SHA256(hashlib.sha256(b"x").digest()) + "-1"
    of_part = s3.head_object(Bucket=bucket, Key="k", PartNumber=1, ChecksumMode="ENABLED")
    assert of_part["ChecksumSHA256"] == SHA256(b"x")


def test_a_part_under_another_key_than_its_upload_is_a_bad_request(s3, bucket):
    key = lambda letter: {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": letter * 32}
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", **key("a"))["UploadId"]
    assert code(s3.upload_part, Bucket=bucket, Key="k", UploadId=made, PartNumber=1, Body=b"x", **key("b")) == ("InvalidRequest", 400)


def test_an_empty_delimiter_is_none(s3, bucket):
    put(s3, bucket, "a/b")
    for listing in (s3.list_objects, s3.list_objects_v2, s3.list_object_versions, s3.list_multipart_uploads):
        answer = listing(Bucket=bucket, Delimiter="")
        assert "Delimiter" not in answer and "CommonPrefixes" not in answer and "NextMarker" not in answer


def test_who_owns_is_named(s3, bucket):
    put(s3, bucket, "k")
    owner = s3.get_bucket_acl(Bucket=bucket)["Owner"]
    assert owner["DisplayName"]
    assert s3.list_objects(Bucket=bucket)["Contents"][0]["Owner"] == owner == s3.get_object_acl(Bucket=bucket, Key="k")["Owner"]
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Grants"][0]["Grantee"]["DisplayName"] == owner["DisplayName"]


@pytest.mark.parametrize("name", ["foo.-bar", "foo-.bar", "foo..bar", "-foo", "foo-"])
def test_names_with_dashes_beside_dots_are_none(raw, name):
    answer = raw.request("PUT", f"/{name}")
    assert answer.status == 400 and b"InvalidBucketName" in answer.body


@pytest.mark.parametrize(
    "sent, kept", [("deflate, gzip", "deflate, gzip"), ("aws-chunked", None), ("gzip, aws-chunked", "gzip"), ("aws-chunked,gzip", "gzip"), ("br", "br")]
)
def test_an_encoding_is_kept_as_it_was_said(raw, bucket, sent, kept):
    assert raw.request("PUT", f"/{bucket}/k", body=b"x", headers={"content-encoding": sent}).status == 200
    assert raw.request("HEAD", f"/{bucket}/k").headers.get("content-encoding") == kept


def test_a_copy_onto_itself_changes_the_class_or_where_pages_are_led(s3, bucket):
    put(s3, bucket, "k", b"x", WebsiteRedirectLocation="/old")
    onto = lambda **more: s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k", **more)
    assert code(onto) == ("InvalidRequest", 400)
    onto(StorageClass="STANDARD")
    assert "WebsiteRedirectLocation" not in s3.head_object(Bucket=bucket, Key="k"), "no copy has it by itself"
    onto(WebsiteRedirectLocation="https://example.cn/")
    assert s3.head_object(Bucket=bucket, Key="k")["WebsiteRedirectLocation"] == "https://example.cn/"
    assert code(put, s3=s3, bucket=bucket, key="k", WebsiteRedirectLocation="somewhere") == ("InvalidRedirectLocation", 400)


def test_errors_name_what_they_are_about(s3, raw, bucket):
    missing = refusal(s3.get_object, Bucket=bucket, Key="absent & <gone>")
    assert missing["Error"]["Key"] == "absent & <gone>" and missing["ResponseMetadata"]["HostId"] == headers({"ResponseMetadata": missing["ResponseMetadata"]})["x-amz-id-2"]
    assert refusal(s3.list_objects, Bucket="like-nowhere")["Error"]["BucketName"] == "like-nowhere"
    put(s3, bucket, "k", b"0123456789")
    outside = refusal(s3.get_object, Bucket=bucket, Key="k", Range="bytes=40-50")["Error"]
    assert (outside["RangeRequested"], outside["ActualObjectSize"]) == ("bytes=40-50", "10")
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"", IfNoneMatch="*")["Error"]["Condition"] == "If-None-Match"
    assert code(s3.list_parts, Bucket="like-nowhere", Key="k", UploadId="no-id") == ("NoSuchBucket", 404)
    assert code(s3.list_parts, Bucket=bucket, Key="k", UploadId="no-id") == ("NoSuchUpload", 404)


@pytest.mark.parametrize("value", ["bytes= -1", "bytes=0 -1", "bytes= 0-1", "bytes =0-1"])
def test_a_range_with_blanks_is_none(raw, s3, bucket, value):
    put(s3, bucket, "k", b"0123456789")
    answer = raw.request("GET", f"/{bucket}/k", headers={"range": value})
    assert (answer.status, answer.body) == (200, b"0123456789")


@pytest.mark.parametrize(
    "method, path, wanted", [("POST", "/{}/k", 405), ("POST", "/{}", 412), ("PUT", "/", 405), ("DELETE", "/", 405), ("POST", "/", 405)]
)
def test_what_is_no_operation_is_not_allowed(raw, bucket, method, path, wanted):
    answer = raw.request(method, path.format(bucket))
    assert answer.status == wanted, answer
    assert (b"MethodNotAllowed" if wanted == 405 else b"PreconditionFailed") in answer.body


def test_a_delete_marker_tells_when_it_was_made(s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    told = refusal(s3.get_object, Bucket=bucket, Key="k", VersionId=marker)
    assert told["Error"]["Code"] == "MethodNotAllowed"
    made = email.utils.parsedate_to_datetime(headers({"ResponseMetadata": told["ResponseMetadata"]})["last-modified"]).timestamp()
    assert abs(made - time.time()) < 60


def test_documents_that_cannot_be_are_named_rightly(s3, bucket):
    rules = lambda **rule: {"Rules": [{"ID": "r", "Status": "Enabled", **rule}]}
    for bad in (
        rules(Filter={}),
        rules(Filter={"Tag": {"Key": "a", "Value": "b"}}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}),
        rules(Filter={"Tag": {"Key": "a", "Value": "b"}}, Expiration={"ExpiredObjectDeleteMarker": True}),
    ):
        assert code(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration=bad) == ("InvalidRequest", 400), bad
    owner = {"ID": s3.get_bucket_acl(Bucket=bucket)["Owner"]["ID"]}
    policy = lambda *permissions: {"Owner": owner, "Grants": [{"Grantee": {"Type": "CanonicalUser", **owner}, "Permission": name} for name in permissions]}
    put_acl = lambda policy: s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy)
    assert code(put_acl, policy=policy("READ")) == ("AccessControlListNotSupported", 400)
    assert code(put_acl, policy=policy("BOGUS")) == ("MalformedACLError", 400)
    put_acl(policy("FULL_CONTROL"))
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": []})
    assert code(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
    assert code(s3.put_bucket_acl, Bucket=bucket) == ("MissingSecurityHeader", 400)
    located = lambda place: dict(Bucket="like-located", CreateBucketConfiguration={"LocationConstraint": place})
    assert code(s3.create_bucket, **located("nowhere-9")) == ("InvalidLocationConstraint", 400)
    assert code(s3.create_bucket, **located("eu-central-1")) == ("IllegalLocationConstraintException", 400)
    assert code(s3.create_bucket, Bucket="like-owned", ObjectOwnership="Nobody") == ("InvalidArgument", 400)
    assert code(put, s3=s3, bucket=bucket, key="k", Tagging="a=1&a=2") == ("InvalidArgument", 400)
    failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": "no-id"}]})["Errors"]
    assert failed[0]["Code"] == "NoSuchVersion"
    put(s3, bucket, "k")
    assert code(s3.list_object_versions, Bucket=bucket, KeyMarker="k", VersionIdMarker="") == ("InvalidArgument", 400)


def test_shapes_of_signing_are_told_apart(server, s3, raw, bucket):
    put(s3, bucket, "k", b"x")
    bare = lambda headers, query="": plain(server, f"/{bucket}/k{query}", headers)
    for sent, query, wanted in (
        ({"authorization": ""}, "", (403, "AccessDenied")),
        ({"authorization": "Bearer abc"}, "", (400, "InvalidArgument")),
        ({"authorization": "abc"}, "", (400, "InvalidArgument")),
        ({"authorization": "AWS k:s"}, "", (400, "InvalidRequest")),
        ({}, "?X-Amz-Signature=s", (403, "AccessDenied")),
        ({}, "?AWSAccessKeyId=k", (403, "AccessDenied")),
        ({}, "?X-Amz-Algorithm=AWS4-HMAC-SHA512&X-Amz-Signature=s", (400, "AuthorizationQueryParametersError")),
    ):
        told, body = bare(sent, query)
        assert (told, body.split("<Code>")[1].split("<")[0]) == wanted, (sent, query)
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=0)
    told, body = plain(server, signed.split(server.s3)[1], {})
    assert told == 403 and "Request has expired" in body


def plain(server, target, headers):
    connection = http.client.HTTPConnection(server.s3_host, server.s3_port)
    connection.request("GET", target, headers=headers)
    answer = connection.getresponse()
    told = answer.status, answer.read().decode()
    connection.close()
    return told


def test_uploads_under_way_tell_their_checksums(s3, bucket):
    s3.create_multipart_upload(Bucket=bucket, Key="a")
    s3.create_multipart_upload(Bucket=bucket, Key="b", ChecksumAlgorithm="SHA256")
    s3.create_multipart_upload(Bucket=bucket, Key="c", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    told = [(entry["Key"], entry.get("ChecksumAlgorithm"), entry.get("ChecksumType")) for entry in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]]
    assert told == [("a", None, None), ("b", "SHA256", "COMPOSITE"), ("c", "CRC32", "FULL_OBJECT")]


def test_the_region_of_a_bucket_is_told(s3, bucket):
    region = headers(s3.head_bucket(Bucket=bucket))["x-amz-bucket-region"]
    assert headers(s3.list_objects_v2(Bucket=bucket))["x-amz-bucket-region"] == region
    assert headers(s3.list_objects(Bucket=bucket))["x-amz-bucket-region"] == region
    assert "BucketRegion" not in s3.list_buckets()["Buckets"][0]
    assert s3.list_buckets(Prefix=bucket)["Buckets"][0]["BucketRegion"] == region
    assert [entry["Name"] for entry in s3.list_buckets(Prefix=bucket, BucketRegion=region)["Buckets"]] == [bucket]
    assert s3.list_buckets(Prefix=bucket, BucketRegion="us-west-2")["Buckets"] == []
