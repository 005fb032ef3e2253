"""Every S3 operation of the slice through boto3, on one server."""

import base64
import datetime
import hashlib
import io
import socket
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import boto3.s3.transfer
import pytest
from botocore.exceptions import ClientError

import keys
from onshore_server import find
from raw_s3 import CHECKSUMS, Raw, encode, flipped

MIB = 1 << 20


def code(function, **arguments):
    """The code and status of the error a call must give."""
    with pytest.raises(ClientError) as caught:
        function(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def put(s3, bucket, key, body=b"x", **more):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **more)


def get(s3, bucket, key, **more):
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def listed(s3, bucket, **more):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **more)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


# Buckets


def test_bucket_life(s3, server):
    assert s3.create_bucket(Bucket="life")["Location"] == "/life"
    assert s3.head_bucket(Bucket="life")["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "cn-north-1"
    assert s3.get_bucket_location(Bucket="life")["LocationConstraint"] == "cn-north-1"
    made = [item for item in s3.list_buckets()["Buckets"] if item["Name"] == "life"]
    assert abs((made[0]["CreationDate"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 60
    put(s3, "life", "a")
    assert code(s3.delete_bucket, Bucket="life") == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket="life", Key="a")
    s3.delete_bucket(Bucket="life")
    assert code(s3.head_bucket, Bucket="life") == ("404", 404)
    assert code(s3.list_objects_v2, Bucket="life") == ("NoSuchBucket", 404)
    assert code(s3.delete_bucket, Bucket="life") == ("NoSuchBucket", 404)
    s3.create_bucket(Bucket="life", CreateBucketConfiguration={"LocationConstraint": "cn-north-1"})


def test_bucket_names(s3):
    assert code(s3.create_bucket, Bucket="mars", CreateBucketConfiguration={"LocationConstraint": "mars-1"})[1] == 400
    s3.create_bucket(Bucket="mine")
    assert code(s3.create_bucket, Bucket="mine") == ("BucketAlreadyOwnedByYou", 409)
    assert code(s3.put_object, Bucket="not-there", Key="a", Body=b"") == ("NoSuchBucket", 404)


def test_what_is_not_there_yet_says_so(s3, bucket):
    website = {"IndexDocument": {"Suffix": "index.html"}}
    assert code(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration=website) == ("NotImplemented", 501)
    bridge = {"EventBridgeConfiguration": {}}
    assert code(s3.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=bridge) == ("NotImplemented", 501)
    assert code(s3.restore_object, Bucket=bucket, Key="a", RestoreRequest={"Days": 1}) == ("NotImplemented", 501)


def test_what_says_that_nothing_is_set_is_taken(s3, bucket):
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Suspended"})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


def test_another_tenants_bucket_tells_nothing(server, s3, bucket):
    server.cli("tenant", "create", "stranger")
    key = server.cli("key", "create", "--tenant", "stranger")
    other = server.client(access_key=find(key, "access_key"), secret_key=find(key, "secret_key"))
    put(s3, bucket, "there")
    for name in ("there", "absent"):
        assert code(other.get_object, Bucket=bucket, Key=name) == ("AccessDenied", 403)
        assert code(other.head_object, Bucket=bucket, Key=name) == ("403", 403)
        assert code(other.put_object, Bucket=bucket, Key=name, Body=b"x") == ("AccessDenied", 403)
        assert code(other.delete_object, Bucket=bucket, Key=name) == ("AccessDenied", 403)
        assert code(other.get_object_tagging, Bucket=bucket, Key=name) == ("AccessDenied", 403)
    assert code(other.list_objects_v2, Bucket=bucket) == ("AccessDenied", 403)
    assert code(other.delete_bucket, Bucket=bucket) == ("AccessDenied", 403)
    assert code(other.create_bucket, Bucket=bucket) == ("BucketAlreadyExists", 409)
    assert other.list_buckets()["Buckets"] == []
    mine = "stranger-own"
    other.create_bucket(Bucket=mine)
    assert code(other.copy_object, Bucket=mine, Key="c", CopySource={"Bucket": bucket, "Key": "there"}) == ("AccessDenied", 403)
    assert get(s3, bucket, "there") == b"x"


# Objects


def test_round_trip_with_everything_a_client_may_say(s3, bucket):
    body = bytes(range(256)) * 4000
    expires = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    done = put(
        s3, bucket, "a", body,
        ContentType="text/x-poem; charset=utf-8", CacheControl="max-age=60", ContentDisposition='attachment; filename="a.txt"',
        ContentEncoding="identity", ContentLanguage="zh-CN", Expires=expires,
        Metadata={"author": "someone", "two-words": "a b  c", "plus": "1+1=2", "class-like": "x"},
    )
    assert done["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert done["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"].isdigit()
    for found in (s3.head_object(Bucket=bucket, Key="a"), s3.get_object(Bucket=bucket, Key="a")):
        assert found["ContentLength"] == len(body)
        assert found["ETag"] == done["ETag"]
        assert found["ContentType"] == "text/x-poem; charset=utf-8"
        assert found["CacheControl"] == "max-age=60"
        assert found["ContentDisposition"] == 'attachment; filename="a.txt"'
        assert found["ContentEncoding"] == "identity"
        assert found["ContentLanguage"] == "zh-CN"
        assert found["Metadata"] == {"author": "someone", "two-words": "a b  c", "plus": "1+1=2", "class-like": "x"}
        assert found["AcceptRanges"] == "bytes"
        assert abs((found["LastModified"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 60
    assert get(s3, bucket, "a") == body
    plain = s3.head_object(Bucket=bucket, Key=put(s3, bucket, "plain") and "plain")
    assert plain["ContentType"] == "binary/octet-stream" and plain["Metadata"] == {}


def test_overridden_answer_headers(s3, bucket):
    put(s3, bucket, "a")
    found = s3.get_object(Bucket=bucket, Key="a", ResponseContentType="text/html", ResponseContentDisposition="inline", ResponseCacheControl="no-store")
    assert (found["ContentType"], found["ContentDisposition"], found["CacheControl"]) == ("text/html", "inline", "no-store")


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 9 * MIB + 7])
def test_sizes_around_every_boundary(s3, bucket, size):
    body = bytes((index * 31 + index // 7) % 256 for index in range(4096)) * (size // 4096 + 1)
    body = body[:size]
    put(s3, bucket, "a", body)
    assert get(s3, bucket, "a") == body
    assert s3.head_object(Bucket=bucket, Key="a")["ContentLength"] == size
    for first, last in [(0, 0), (size // 2, size // 2 + 70000), (65530, 65540), (262140, 262150), (size - 1, size + 5)]:
        if 0 <= first < size:
            part = s3.get_object(Bucket=bucket, Key="a", Range=f"bytes={first}-{last}")
            assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
            assert part["Body"].read() == body[first : last + 1]
            assert part["ContentRange"] == f"bytes {first}-{min(last, size - 1)}/{size}"


def test_ranges(s3, bucket):
    body = b"0123456789"
    put(s3, bucket, "a", body)
    assert get(s3, bucket, "a", Range="bytes=3-5") == b"345"
    assert get(s3, bucket, "a", Range="bytes=7-") == b"789"
    assert get(s3, bucket, "a", Range="bytes=-3") == b"789"
    assert get(s3, bucket, "a", Range="bytes=-30") == body
    assert get(s3, bucket, "a", Range="bytes=0-18446744073709551615") == body
    for bad in ("bytes=10-", "bytes=10-20", "bytes=-0"):
        assert code(s3.get_object, Bucket=bucket, Key="a", Range=bad) == ("InvalidRange", 416)
    put(s3, bucket, "empty", b"")
    assert code(s3.get_object, Bucket=bucket, Key="empty", Range="bytes=0-0") == ("InvalidRange", 416)
    head = s3.head_object(Bucket=bucket, Key="a", Range="bytes=2-4")
    assert head["ContentLength"] == 3


def test_conditions_on_reads(s3, bucket):
    etag = put(s3, bucket, "a")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="a")["LastModified"]
    hour = datetime.timedelta(hours=1)
    for call in (s3.get_object, s3.head_object):
        same = dict(Bucket=bucket, Key="a")
        assert call(**same, IfMatch=etag)["ETag"] == etag
        assert call(**same, IfMatch="*")["ETag"] == etag
        assert call(**same, IfNoneMatch='"other"')["ETag"] == etag
        assert call(**same, IfModifiedSince=modified - hour)["ETag"] == etag
        assert call(**same, IfUnmodifiedSince=modified + hour)["ETag"] == etag
        assert code(call, **same, IfMatch='"other"')[1] == 412
        assert code(call, **same, IfNoneMatch=etag)[1] == 304
        assert code(call, **same, IfModifiedSince=modified)[1] == 304
        assert code(call, **same, IfUnmodifiedSince=modified - hour)[1] == 412
        assert call(**same, IfMatch=etag, IfUnmodifiedSince=modified - hour)["ETag"] == etag
        assert code(call, **same, IfNoneMatch=etag, IfModifiedSince=modified - hour)[1] == 304


def test_conditions_on_writes(s3, bucket):
    etag = put(s3, bucket, "a", b"1", IfNoneMatch="*")["ETag"]
    assert code(s3.put_object, Bucket=bucket, Key="a", Body=b"2", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert code(s3.put_object, Bucket=bucket, Key="a", Body=b"2", IfMatch='"other"') == ("PreconditionFailed", 412)
    assert get(s3, bucket, "a") == b"1"
    put(s3, bucket, "a", b"2", IfMatch=etag)
    assert get(s3, bucket, "a") == b"2"
    assert code(s3.put_object, Bucket=bucket, Key="absent", Body=b"2", IfMatch=etag) == ("NoSuchKey", 404)


def test_one_winner_of_a_race(s3, bucket):
    def attempt(number):
        try:
            put(s3, bucket, "once", str(number).encode(), IfNoneMatch="*")
            return number
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412)
            return None

    with ThreadPoolExecutor(16) as pool:
        winners = [number for number in pool.map(attempt, range(32)) if number is not None]
    assert len(winners) == 1
    assert get(s3, bucket, "once") == str(winners[0]).encode()


def test_absent_objects(s3, bucket):
    assert code(s3.get_object, Bucket=bucket, Key="absent") == ("NoSuchKey", 404)
    assert code(s3.head_object, Bucket=bucket, Key="absent") == ("404", 404)
    assert s3.delete_object(Bucket=bucket, Key="absent")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_every_key_that_must_arrive(s3, bucket):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: put(s3, bucket, key, keys.body_of(key)), keys.ALL))
        bodies = list(pool.map(lambda key: get(s3, bucket, key), keys.ALL))
    assert bodies == [keys.body_of(key) for key in keys.ALL]
    assert listed(s3, bucket) == sorted(keys.ALL, key=lambda key: key.encode())
    assert listed(s3, bucket, PaginationConfig={"PageSize": 3}) == sorted(keys.ALL, key=lambda key: key.encode())
    for key in keys.ALL:
        assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(keys.body_of(key)), repr(key)


def test_every_key_can_be_copied_tagged_and_deleted(s3, bucket):
    for key in keys.ALL:
        put(s3, bucket, key, keys.body_of(key))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: s3.copy_object(Bucket=bucket, Key=f"copy/{number}", CopySource={"Bucket": bucket, "Key": keys.ALL[number]}), range(len(keys.ALL))))
        list(pool.map(lambda key: s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]}), keys.ALL))
    for number, key in enumerate(keys.ALL):
        assert get(s3, bucket, f"copy/{number}") == keys.body_of(key), repr(key)
        s3.delete_object(Bucket=bucket, Key=f"copy/{number}")
    # XML 1.0 cannot carry control characters: those keys are deleted one by one.
    for start in range(0, len(keys.PLAIN), 1000):
        objects = [{"Key": key} for key in keys.PLAIN[start : start + 1000]]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
        assert "Errors" not in answer
        assert sorted(item["Key"] for item in answer["Deleted"]) == sorted(item["Key"] for item in objects)
    assert sorted(listed(s3, bucket)) == sorted(keys.CONTROL)
    for key in keys.CONTROL:
        s3.delete_object(Bucket=bucket, Key=key)
    assert listed(s3, bucket) == []


def test_delete_many(s3, bucket):
    names = [f"k{number:04}" for number in range(1000)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: put(s3, bucket, name, b""), names))
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": name} for name in names[:999]] + [{"Key": "absent"}], "Quiet": False})
    assert len(answer["Deleted"]) == 1000 and "Errors" not in answer
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": names[999]}], "Quiet": True})
    assert "Deleted" not in quiet
    assert listed(s3, bucket) == []


# Copies


def test_copies(s3, bucket):
    put(s3, bucket, "a", b"body", ContentType="text/a", Metadata={"m": "1"}, Tagging="t=1")
    done = s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    assert done["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(b"body").hexdigest()}"'
    found = s3.get_object(Bucket=bucket, Key="b")
    assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (b"body", "text/a", {"m": "1"})
    assert s3.get_object_tagging(Bucket=bucket, Key="b")["TagSet"] == [{"Key": "t", "Value": "1"}]
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/a", MetadataDirective="REPLACE", ContentType="text/c", Metadata={"n": "2"}, TaggingDirective="REPLACE", Tagging="u=2")
    found = s3.head_object(Bucket=bucket, Key="c")
    assert (found["ContentType"], found["Metadata"]) == ("text/c", {"n": "2"})
    assert s3.get_object_tagging(Bucket=bucket, Key="c")["TagSet"] == [{"Key": "u", "Value": "2"}]
    s3.create_bucket(Bucket=f"{bucket}-2")
    s3.copy_object(Bucket=f"{bucket}-2", Key="d", CopySource={"Bucket": bucket, "Key": "a"})
    assert get(s3, f"{bucket}-2", "d") == b"body"
    assert code(s3.copy_object, Bucket=bucket, Key="e", CopySource={"Bucket": bucket, "Key": "absent"}) == ("NoSuchKey", 404)
    assert code(s3.copy_object, Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a"}) == ("InvalidRequest", 400)
    s3.copy_object(Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a"}, MetadataDirective="REPLACE", Metadata={"new": "yes"})
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"] == {"new": "yes"}


def test_conditional_copies(s3, bucket):
    etag = put(s3, bucket, "a", b"body")["ETag"]
    source = {"Bucket": bucket, "Key": "a"}
    s3.copy_object(Bucket=bucket, Key="b", CopySource=source, CopySourceIfMatch=etag)
    assert code(s3.copy_object, Bucket=bucket, Key="b", CopySource=source, CopySourceIfMatch='"other"') == ("PreconditionFailed", 412)
    assert code(s3.copy_object, Bucket=bucket, Key="b", CopySource=source, CopySourceIfNoneMatch=etag) == ("PreconditionFailed", 412)


# Listings


def test_listing_with_prefix_and_delimiter(s3, bucket):
    names = ["a", "b/1", "b/2", "b/c/3", "d/4", "e", "\u6587/1", "\u6587/2"]
    for name in names:
        put(s3, bucket, name)
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [item["Key"] for item in page["Contents"]] == ["a", "e"]
    assert [item["Prefix"] for item in page["CommonPrefixes"]] == ["b/", "d/", "\u6587/"]
    assert page["KeyCount"] == 5 and not page["IsTruncated"]
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="b/")
    assert [item["Key"] for item in page["Contents"]] == ["b/1", "b/2"]
    assert [item["Prefix"] for item in page["CommonPrefixes"]] == ["b/c/"]
    assert listed(s3, bucket, StartAfter="b/2") == ["b/c/3", "d/4", "e", "\u6587/1", "\u6587/2"]
    assert listed(s3, bucket, Prefix="b") == ["b/1", "b/2", "b/c/3"]
    assert listed(s3, bucket, Prefix="zzz") == []
    assert [item["Prefix"] for item in s3.list_objects_v2(Bucket=bucket, Delimiter="/c/")["CommonPrefixes"]] == ["b/c/"]


def test_pages_of_keys_and_prefixes(s3, bucket):
    names = sorted([f"p{number:02}/{sub}" for number in range(10) for sub in "ab"] + [f"k{number:02}" for number in range(10)])
    for name in names:
        put(s3, bucket, name, b"")
    for size in (1, 2, 7, 19, 20, 1000):
        found, token = [], {}
        while True:
            page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", MaxKeys=size, **token)
            items = [item["Key"] for item in page.get("Contents", [])] + [item["Prefix"] for item in page.get("CommonPrefixes", [])]
            assert len(items) == page["KeyCount"] <= size
            found += items
            if not page["IsTruncated"]:
                break
            assert items, "a truncated page moves on"
            token = {"ContinuationToken": page["NextContinuationToken"]}
        assert sorted(found) == [f"k{number:02}" for number in range(10)] + [f"p{number:02}/" for number in range(10)], size
    page = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert page["KeyCount"] == 0 and not page["IsTruncated"]
    assert code(s3.list_objects_v2, Bucket=bucket, ContinuationToken="garbage")[1] == 400


def test_list_version_one(s3, bucket):
    names = [f"k{number:02}" for number in range(10)] + ["d/1", "d/2"]
    for name in names:
        put(s3, bucket, name)
    found, marker = [], ""
    while True:
        page = s3.list_objects(Bucket=bucket, MaxKeys=4, Marker=marker)
        found += [item["Key"] for item in page["Contents"]]
        if not page["IsTruncated"]:
            break
        marker = page.get("NextMarker") or page["Contents"][-1]["Key"]
    assert found == sorted(names)
    page = s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=1)
    assert page["NextMarker"] == "d/" and [item["Prefix"] for item in page["CommonPrefixes"]] == ["d/"]
    assert page["IsTruncated"]


def test_listing_tells_etag_size_and_time(s3, bucket):
    etag = put(s3, bucket, "a", b"12345")["ETag"]
    item = s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]
    assert (item["ETag"], item["Size"], item["StorageClass"]) == (etag, 5, "STANDARD")


def test_listing_without_encoding_is_well_formed(server, s3, bucket):
    import xml.etree.ElementTree as tree

    for name in ("a&b", "a<b", "a\rb", "plain"):
        put(s3, bucket, name, b"")
    answer = Raw(server).request("GET", f"/{bucket}", [("list-type", "2")])
    assert answer.status == 200
    tree.fromstring(answer.body)
    answer = Raw(server).request("GET", f"/{bucket}", [("list-type", "2"), ("encoding-type", "url"), ("prefix", "a&")])
    assert b"<Key>a%26b</Key>" in answer.body
    assert Raw(server).request("GET", f"/{bucket}", [("list-type", "2"), ("encoding-type", "rot13")]).status == 400


# Tags


def test_tags(s3, bucket):
    put(s3, bucket, "a", Tagging="one=1&two=b%20c")
    got = lambda: {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"]}
    assert got() == {"one": "1", "two": "b c"}
    assert s3.get_object(Bucket=bucket, Key="a")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "\u952e", "Value": "\u503c +-=._:/@"}]})
    assert got() == {"\u952e": "\u503c +-=._:/@"}
    s3.delete_object_tagging(Bucket=bucket, Key="a")
    assert got() == {}
    eleven = {"TagSet": [{"Key": str(number), "Value": ""} for number in range(11)]}
    assert code(s3.put_object_tagging, Bucket=bucket, Key="a", Tagging=eleven)[1] == 400
    twice = {"TagSet": [{"Key": "x", "Value": ""}, {"Key": "x", "Value": ""}]}
    assert code(s3.put_object_tagging, Bucket=bucket, Key="a", Tagging=twice)[1] == 400
    assert code(s3.put_object_tagging, Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "k" * 129, "Value": ""}]})[1] == 400
    assert code(s3.get_object_tagging, Bucket=bucket, Key="absent") == ("NoSuchKey", 404)
    assert get(s3, bucket, "a") == b"x"


# Parts


def parts_of(s3, bucket, key, bodies, **more):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        etag = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body)["ETag"]
        assert etag == f'"{hashlib.md5(body).hexdigest()}"'
        parts.append({"PartNumber": number, "ETag": etag})
    return upload, parts


def test_multipart(s3, bucket):
    bodies = [b"a" * (5 * MIB), b"b" * (5 * MIB + 1), b"c"]
    upload, parts = parts_of(s3, bucket, "big", bodies, ContentType="text/big", Metadata={"m": "1"}, Tagging="t=1")
    assert [item["PartNumber"] for item in s3.list_parts(Bucket=bucket, Key="big", UploadId=upload)["Parts"]] == [1, 2, 3]
    page = s3.list_parts(Bucket=bucket, Key="big", UploadId=upload, MaxParts=2)
    assert page["IsTruncated"] and page["NextPartNumberMarker"] == 2
    assert [item["Size"] for item in s3.list_parts(Bucket=bucket, Key="big", UploadId=upload, PartNumberMarker=2)["Parts"]] == [1]
    assert [item["UploadId"] for item in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    assert code(s3.get_object, Bucket=bucket, Key="big") == ("NoSuchKey", 404)
    done = s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    expected = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies)).hexdigest()
    assert done["ETag"] == f'"{expected}-3"'
    found = s3.get_object(Bucket=bucket, Key="big")
    assert found["Body"].read() == b"".join(bodies)
    assert (found["ContentType"], found["Metadata"], found["ETag"], found["TagCount"]) == ("text/big", {"m": "1"}, done["ETag"], 1)
    assert get(s3, bucket, "big", Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}") == b"aabb"
    assert get(s3, bucket, "big", Range="bytes=-2") == b"bc"
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    assert code(s3.list_parts, Bucket=bucket, Key="big", UploadId=upload) == ("NoSuchUpload", 404)


def test_multipart_with_gaps_overwritten_and_left_out_parts(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="g")["UploadId"]
    send = lambda number, body: s3.upload_part(Bucket=bucket, Key="g", UploadId=upload, PartNumber=number, Body=body)["ETag"]
    send(7, b"old" * 10)
    first = send(7, b"7" * (5 * MIB))
    send(8, b"left out")
    last = send(10000, b"end")
    s3.complete_multipart_upload(
        Bucket=bucket, Key="g", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 7, "ETag": first}, {"PartNumber": 10000, "ETag": last}]}
    )
    assert get(s3, bucket, "g") == b"7" * (5 * MIB) + b"end"


def test_multipart_that_must_fail(s3, bucket):
    upload, parts = parts_of(s3, bucket, "f", [b"a" * (5 * MIB), b"b"])
    complete = lambda parts, **more: code(
        s3.complete_multipart_upload, **{**dict(Bucket=bucket, Key="f", UploadId=upload, MultipartUpload={"Parts": parts}), **more}
    )
    assert complete(parts[::-1]) == ("InvalidPartOrder", 400)
    assert complete([parts[0], parts[0]]) == ("InvalidPartOrder", 400)
    assert complete([{"PartNumber": 1, "ETag": '"0123456789abcdef0123456789abcdef"'}]) == ("InvalidPart", 400)
    assert complete([{"PartNumber": 3, "ETag": parts[0]["ETag"]}]) == ("InvalidPart", 400)
    assert complete([]) == ("MalformedXML", 400)
    assert complete(parts, Key="other") == ("NoSuchUpload", 404)
    assert complete(parts, UploadId="not-an-upload") == ("NoSuchUpload", 404)
    for number in (0, 10001, -1):
        assert code(s3.upload_part, Bucket=bucket, Key="f", UploadId=upload, PartNumber=number, Body=b"x")[1] == 400
    small, small_parts = parts_of(s3, bucket, "small", [b"a", b"b"])
    assert code(s3.complete_multipart_upload, Bucket=bucket, Key="small", UploadId=small, MultipartUpload={"Parts": small_parts}) == ("EntityTooSmall", 400)
    s3.abort_multipart_upload(Bucket=bucket, Key="f", UploadId=upload)
    assert code(s3.abort_multipart_upload, Bucket=bucket, Key="f", UploadId=upload) == ("NoSuchUpload", 404)
    assert code(s3.upload_part, Bucket=bucket, Key="f", UploadId=upload, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)
    assert code(s3.get_object, Bucket=bucket, Key="f") == ("NoSuchKey", 404)


def test_parts_copied_from_an_object(s3, bucket):
    body = bytes(range(256)) * (6 * MIB // 256)
    put(s3, bucket, "source", body)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="target")["UploadId"]
    copy = lambda number, **more: s3.upload_part_copy(
        Bucket=bucket, Key="target", UploadId=upload, PartNumber=number, CopySource={"Bucket": bucket, "Key": "source"}, **more
    )["CopyPartResult"]["ETag"]
    etags = [copy(1), copy(2, CopySourceRange="bytes=100-199")]
    assert etags[1] == f'"{hashlib.md5(body[100:200]).hexdigest()}"'
    assert code(
        s3.upload_part_copy, Bucket=bucket, Key="target", UploadId=upload, PartNumber=3, CopySource={"Bucket": bucket, "Key": "source"}, CopySourceRange=f"bytes=0-{len(body)}"
    )[1] in (400, 416)
    s3.complete_multipart_upload(
        Bucket=bucket, Key="target", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": n, "ETag": e} for n, e in enumerate(etags, 1)]}
    )
    assert get(s3, bucket, "target") == body + body[100:200]


def test_the_transfer_manager(s3, bucket):
    body = bytes(range(251)) * (20 * MIB // 251)
    config = boto3.s3.transfer.TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    s3.upload_fileobj(io.BytesIO(body), bucket, "managed", Config=config)
    out = io.BytesIO()
    s3.download_fileobj(bucket, "managed", out, Config=config)
    assert out.getvalue() == body
    s3.copy({"Bucket": bucket, "Key": "managed"}, bucket, "copied", Config=config)
    assert get(s3, bucket, "copied") == body


def test_uploads_listed_by_key_and_prefix(s3, bucket):
    made = sorted((key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]) for key in ("a/1", "a/1", "a/2", "b"))
    found = [(item["Key"], item["UploadId"]) for item in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]]
    assert sorted(found) == made and [key for key, _ in found] == ["a/1", "a/1", "a/2", "b"]
    assert len(s3.list_multipart_uploads(Bucket=bucket, Prefix="a/")["Uploads"]) == 3
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [item["Prefix"] for item in page["CommonPrefixes"]] == ["a/"]
    seen = []
    marker = {}
    while True:
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1, **marker)
        seen += [(item["Key"], item["UploadId"]) for item in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert sorted(seen) == made


# Checksums


@pytest.mark.parametrize("name", CHECKSUMS)
def test_checksums_in_headers_are_compared_and_kept(s3, bucket, name):
    body = b"checksummed"
    value = CHECKSUMS[name](body)
    member = f"Checksum{name.upper()}"
    put(s3, bucket, "a", body, **{member: value})
    found = s3.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert found["Body"].read() == body and found[member] == value
    assert s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")[member] == value
    assert code(s3.put_object, Bucket=bucket, Key="b", Body=body, **{member: flipped(value)}) == ("BadDigest", 400)
    assert code(s3.put_object, Bucket=bucket, Key="b", Body=body, **{member: "bm90IGEgY2hlY2tzdW0gYXQgYWxsLCBub3BlLCBubw=="})[1] == 400
    assert code(s3.get_object, Bucket=bucket, Key="b") == ("NoSuchKey", 404)


@pytest.mark.parametrize("name", CHECKSUMS)
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_checksums_in_trailers_are_compared_and_kept(server, s3, bucket, name, signed):
    chunks = [b"a" * 8192, b"b" * 8192, b"c" * 100]
    body = b"".join(chunks)
    value = CHECKSUMS[name](body)
    raw = Raw(server)
    answer = raw.chunked(f"/{bucket}/t", chunks, (f"x-amz-checksum-{name}", value), signed)
    assert answer.status == 200, answer
    found = s3.get_object(Bucket=bucket, Key="t", ChecksumMode="ENABLED")
    assert found["Body"].read() == body and found[f"Checksum{name.upper()}"] == value
    assert found.get("ContentEncoding", "") == ""
    answer = raw.chunked(f"/{bucket}/wrong", chunks, (f"x-amz-checksum-{name}", flipped(value)), signed)
    assert (answer.status, answer.code) == (400, "BadDigest"), answer
    assert code(s3.get_object, Bucket=bucket, Key="wrong") == ("NoSuchKey", 404)


def test_signed_chunks_without_trailer(server, s3, bucket):
    chunks = [b"a" * 65536, b"b" * 65536, b"c"]
    answer = Raw(server).chunked(f"/{bucket}/t", chunks)
    assert answer.status == 200, answer
    assert get(s3, bucket, "t") == b"".join(chunks)
    assert Raw(server).chunked(f"/{bucket}/empty", []).status == 200
    assert get(s3, bucket, "empty") == b""


def test_part_checksums_are_compared(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="p", ChecksumAlgorithm="SHA256")["UploadId"]
    body = b"part"
    value = CHECKSUMS["sha256"](body)
    assert code(s3.upload_part, Bucket=bucket, Key="p", UploadId=upload, PartNumber=1, Body=body, ChecksumSHA256=flipped(value)) == ("BadDigest", 400)
    part = s3.upload_part(Bucket=bucket, Key="p", UploadId=upload, PartNumber=1, Body=body, ChecksumSHA256=value)
    s3.complete_multipart_upload(
        Bucket=bucket, Key="p", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": value}]}
    )
    composite = base64.b64encode(hashlib.sha256(hashlib.sha256(body).digest()).digest()).decode()
    assert s3.head_object(Bucket=bucket, Key="p", ChecksumMode="ENABLED")["ChecksumSHA256"] == f"{composite}-1"


def test_content_md5(s3, bucket):
    right = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    put(s3, bucket, "a", b"x", ContentMD5=right)
    assert code(s3.put_object, Bucket=bucket, Key="b", Body=b"y", ContentMD5=right) == ("BadDigest", 400)
    assert code(s3.put_object, Bucket=bucket, Key="b", Body=b"y", ContentMD5="short") == ("InvalidDigest", 400)
    assert code(s3.head_object, Bucket=bucket, Key="b") == ("404", 404)


# Styles of address, presigned links


@pytest.fixture
def local_names(monkeypatch):
    """Names below s3.localhost are here, whatever the machine's resolver says."""
    ask = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: ask("127.0.0.1" if str(host).endswith("s3.localhost") else host, *rest, **more))


def test_virtual_host_style(server, s3, bucket, local_names):
    virtual = server.client(endpoint=f"http://s3.localhost:{server.s3_port}", style="virtual")
    for key in ("a", "a/b", "//x", "\u6587", "a b+c"):
        put(virtual, bucket, key, key.encode())
        assert get(s3, bucket, key) == key.encode()
        assert get(virtual, bucket, key) == key.encode()
    assert len(listed(virtual, bucket)) == 5
    virtual.create_bucket(Bucket="made-by-host", CreateBucketConfiguration={"LocationConstraint": "cn-north-1"})
    assert virtual.list_objects_v2(Bucket="made-by-host")["KeyCount"] == 0
    assert any(item["Name"] == "made-by-host" for item in virtual.list_buckets()["Buckets"])


def test_presigned_links(server, bucket):
    signed = server.client(signature_version="s3v4")
    for key in ("a", "b c/\u6587+&?#", "x%2Fy"):
        link = signed.generate_presigned_url("put_object", {"Bucket": bucket, "Key": key, "ContentType": "text/p"}, ExpiresIn=60)
        request = urllib.request.Request(link, b"linked", {"Content-Type": "text/p"}, method="PUT")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200 and answer.headers["x-onshore-leaf"]
        link = signed.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key, "ResponseContentType": "text/q"}, ExpiresIn=604800)
        with urllib.request.urlopen(link) as answer:
            assert answer.read() == b"linked" and answer.headers["content-type"] == "text/q"
        for spoiled in (link.replace("X-Amz-Expires=604800", "X-Amz-Expires=604799"), link + "&extra=1", link[:-1] + ("0" if link[-1] != "0" else "1")):
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(spoiled)
            assert caught.value.code == 403


def test_presigned_by_hand(server, bucket, s3):
    put(s3, bucket, "a", b"x")
    assert Raw(server).presigned_request("GET", f"/{bucket}/a").body == b"x"
    assert encode("/a b") == "/a%20b"


# Labels as they are declared


def test_a_bad_class_is_refused_before_the_body(s3, bucket):
    refused = code(s3.put_object, Bucket=bucket, Key="a", Body=b"x", Metadata={"onshore-class": "secret"})
    assert refused[1] == 400
    assert code(s3.head_object, Bucket=bucket, Key="a")[1] == 404
    put(s3, bucket, "a", Metadata={"onshore-class": "personal, important"})
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"]["onshore-class"] == "personal, important"
