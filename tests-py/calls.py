"""Calls that many tests make, and what their answers hold."""

import xml.etree.ElementTree as tree
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from raw_s3 import Raw

MIB = 1 << 20
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def refusal(function, **arguments):
    """The whole answer of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        function(**arguments)
    return caught.value.response


def code(function, **arguments):
    """The code and status of the error a call must give."""
    response = refusal(function, **arguments)
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def headers(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]


def put(s3, bucket, key, body=b"x", **more):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **more)


def get(s3, bucket, key, **more):
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def exists(s3, bucket, key, **more):
    try:
        s3.head_object(Bucket=bucket, Key=key, **more)
        return True
    except ClientError as error:
        assert status(error.response) == 404, error.response
        return False


def listed(s3, bucket, **more):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **more)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def tags(answer):
    return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


def tag_set(**values):
    return {"TagSet": [{"Key": key, "Value": value} for key, value in values.items()]}


def upload(s3, bucket, key, bodies, complete=None, part=None, **more):
    """A multipart upload from beginning to end; returns the answer of its completion."""
    made = s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        etag = s3.upload_part(Bucket=bucket, Key=key, UploadId=made, PartNumber=number, Body=body, **(part or {}))["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    return s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=made, MultipartUpload={"Parts": parts}, **(complete or {}))


def set_versioning(s3, bucket, state):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": state})


def history(server, bucket, **query):
    """What ListObjectVersions tells, in its own order: (kind, key, version id, is it the latest)."""
    answer = Raw(server).request("GET", f"/{bucket}", [("versions", ""), *((name.replace("_", "-"), str(value)) for name, value in query.items())])
    assert answer.status == 200, answer
    found = []
    for item in tree.fromstring(answer.body):
        kind = item.tag.removeprefix(NAMESPACE)
        if kind in ("Version", "DeleteMarker"):
            text = lambda name: item.find(NAMESPACE + name).text
            found.append((kind, text("Key"), text("VersionId"), text("IsLatest") == "true"))
    return found


def race(function, count=32):
    """Calls function(0), function(1), … at once: for each its answer or the (code, status) of its error."""

    def call(number):
        try:
            return function(number)
        except ClientError as error:
            return error.response["Error"]["Code"], status(error.response)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))
