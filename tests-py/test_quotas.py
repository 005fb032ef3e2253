"""Quotas of buckets and tenants: nobody gets past one, together or alone, and whoever is over one can still remove."""

import pytest
from botocore.exceptions import ClientError

from calls import listed, put, race, set_versioning, upload

MIB = 1 << 20


def held(server, bucket):
    told = server.cli("quota", "show", "--bucket", bucket)
    return told["bytes"], told["objects"]


def limit(server, bucket, **limits):
    args = [part for name, value in limits.items() for part in (f"--{name.replace('_', '-')}", value)]
    return server.cli("quota", "set", "--bucket", bucket, *args)


def exceeded(function, **arguments):
    with pytest.raises(ClientError) as refused:
        function(**arguments)
    answer = refused.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("QuotaExceeded", 403), answer
    return answer["Error"]["Message"]


def test_what_is_held_is_counted_through_every_change(server, s3, bucket):
    assert held(server, bucket) == (0, 0)
    put(s3, bucket, "a", b"x" * 100)
    put(s3, bucket, "a", b"x" * 70)
    put(s3, bucket, "b", b"x" * MIB)
    assert held(server, bucket) == (70 + MIB, 2)
    set_versioning(s3, bucket, "Enabled")
    version = put(s3, bucket, "a", b"x" * 5)["VersionId"]
    s3.delete_object(Bucket=bucket, Key="a")
    assert held(server, bucket) == (75 + MIB, 3)
    s3.delete_object(Bucket=bucket, Key="a", VersionId=version)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/b")
    assert held(server, bucket) == (70 + 2 * MIB, 3)
    begun = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    for body in (b"1" * 300, b"2" * 40):
        s3.upload_part(Bucket=bucket, Key="parts", UploadId=begun, PartNumber=1, Body=body)
    assert held(server, bucket) == (110 + 2 * MIB, 3)
    s3.abort_multipart_upload(Bucket=bucket, Key="parts", UploadId=begun)
    upload(s3, bucket, "parts", [b"x" * (5 * MIB), b"y" * 3])
    assert held(server, bucket) == (73 + 7 * MIB, 4)
    server.kill9()
    server.start()
    assert held(server, bucket) == (73 + 7 * MIB, 4)


def test_no_way_to_write_gets_past_a_quota_of_bytes(server, bucket):
    s3 = server.client()
    limit(server, bucket, max_bytes=6 * MIB)
    put(s3, bucket, "first", b"x" * (5 * MIB))
    message = exceeded(s3.put_object, Bucket=bucket, Key="second", Body=b"x" * (2 * MIB))
    assert f"the bucket is exhausted: {6 * MIB} bytes" in message
    exceeded(s3.copy_object, Bucket=bucket, Key="copy", CopySource=f"{bucket}/first")
    begun = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = lambda number, size: s3.upload_part(Bucket=bucket, Key="parts", UploadId=begun, PartNumber=number, Body=b"x" * size)
    etag = part(1, MIB)["ETag"]
    exceeded(part, number=2, size=1)
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=begun, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert held(server, bucket) == (6 * MIB, 2)
    # What takes the place of something counts for the difference, and what is over may still be removed and read.
    put(s3, bucket, "first", b"y" * (5 * MIB))
    exceeded(s3.put_object, Bucket=bucket, Key="first", Body=b"x" * (5 * MIB + 1))
    assert s3.get_object(Bucket=bucket, Key="first")["Body"].read() == b"y" * (5 * MIB)
    limit(server, bucket, max_bytes=10)
    exceeded(s3.put_object, Bucket=bucket, Key="tiny", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="first")
    s3.delete_object(Bucket=bucket, Key="parts")
    put(s3, bucket, "tiny", b"x" * 10)
    limit(server, bucket)
    put(s3, bucket, "large", b"x" * MIB)


def test_what_takes_the_place_of_something_counts_for_the_difference(server, bucket):
    s3 = server.client()
    limit(server, bucket, max_bytes=10 * MIB, max_objects=3)
    begun = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    for _ in range(2):
        etag = s3.upload_part(Bucket=bucket, Key="parts", UploadId=begun, PartNumber=1, Body=b"x" * (8 * MIB))["ETag"]
    limit(server, bucket, max_bytes=MIB)
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=begun, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    # Above a limit that was lowered, less may be held and no more.
    put(s3, bucket, "parts", b"x" * (7 * MIB))
    exceeded(s3.put_object, Bucket=bucket, Key="parts", Body=b"x" * (7 * MIB + 1))
    limit(server, bucket, max_bytes=10 * MIB, max_objects=2)
    set_versioning(s3, bucket, "Enabled")
    set_versioning(s3, bucket, "Suspended")
    put(s3, bucket, "parts", b"x" * (8 * MIB))
    put(s3, bucket, "parts", b"x" * (9 * MIB))
    put(s3, bucket, "second", b"x")
    assert "2 objects" in exceeded(s3.put_object, Bucket=bucket, Key="third", Body=b"")
    assert held(server, bucket) == (9 * MIB + 1, 2)


def test_racing_writers_do_not_overrun_a_quota_together(server, bucket):
    s3 = server.client()
    limit(server, bucket, max_objects=10, max_bytes=1000)

    def write(number):
        try:
            put(s3, bucket, f"k{number}", b"x" * 60)
            return True
        except ClientError as error:
            assert error.response["Error"]["Code"] == "QuotaExceeded"
            return False

    assert sum(race(write, 60)) == 10
    assert held(server, bucket) == (600, 10) and len(listed(s3, bucket)) == 10


def test_a_tenants_quota_holds_over_all_its_buckets(server):
    server.cli("tenant", "create", "small")
    key = server.cli("key", "create", "--tenant", "small")
    s3 = server.client(access_key=key["access_key"], secret_key=key["secret_key"])
    for name in ("small-a", "small-b"):
        s3.create_bucket(Bucket=name)
    told = server.cli("quota", "set", "--tenant", "small", "--max-bytes", 100)
    assert told["max_bytes"] == 100 and told["leaf"] > 0
    put(s3, "small-a", "k", b"x" * 60)
    assert "the tenant is exhausted" in exceeded(s3.put_object, Bucket="small-b", Key="k", Body=b"x" * 41)
    put(s3, "small-b", "k", b"x" * 40)
    told = server.cli("quota", "show", "--tenant", "small")
    assert (told["bytes"], told["objects"], told["max_bytes"]) == (100, 2, 100)
    # Others are not concerned, and it holds through a restart.
    put(server.client(), server.bucket("not-small"), "k", b"x" * 1000)
    server.restart()
    s3 = server.client(access_key=key["access_key"], secret_key=key["secret_key"])
    exceeded(s3.put_object, Bucket="small-b", Key="more", Body=b"x")
    s3.delete_object(Bucket="small-a", Key="k")
    s3.delete_bucket(Bucket="small-a")
    put(s3, "small-b", "more", b"x" * 60)


def test_only_an_operator_says_how_much(server, bucket):
    wrong = server.run("quota", "set", "--bucket", bucket, "--max-bytes", "10", env={"ONSHORE_TOKEN": "onshore_00"})
    assert wrong.returncode == 1 and "token" in wrong.stderr
    for args in ((), ("--bucket", bucket, "--tenant", "default")):
        assert server.run("quota", "show", *args).returncode == 2
    gone = server.run("quota", "show", "--bucket", "no-such-bucket")
    assert gone.returncode == 1 and "no bucket" in gone.stderr
    assert "HELD" in server.run("quota", "show", "--bucket", bucket).stdout
    put(server.client(), bucket, "k")
