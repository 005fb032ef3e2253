"""What a hostile reader of the versions, forms and settings once found; none of it is there any more."""

import datetime

import pytest

from calls import put
from raw_s3 import Raw
from test_residency import US, refused

MIB = 1 << 20


@pytest.mark.parametrize("days", [2_920_000, 2**31 - 1])
def test_an_expiry_beyond_all_calendars_is_told_as_the_last_day(s3, bucket, days):
    rule = {"ID": "far", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": days}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert "9999" in put(s3, bucket, "k")["Expiration"]
    assert "9999" in s3.head_object(Bucket=bucket, Key="k")["Expiration"] and s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    assert s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]


def test_an_old_date_is_shown_as_it_was_set(s3, bucket):
    date = datetime.datetime(1900, 1, 1, tzinfo=datetime.timezone.utc)
    rule = {"ID": "old", "Status": "Disabled", "Filter": {}, "Expiration": {"Date": date}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Expiration"]["Date"] == date


def rss(server):
    for line in open(f"/proc/{server.process.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return 0


@pytest.mark.parametrize("start", [b"hello " * 20, b"--b\r\nContent-Disposition: form-data; name=\"key\"; x=" + b"a" * 100])
def test_a_form_that_never_comes_to_its_file_holds_no_memory(make_server, start):
    server = make_server(f"form-{len(start)}")
    server.client().create_bucket(Bucket="forms")
    before = rss(server)
    raw = Raw(server)
    connection = raw.connect()
    connection.putrequest("POST", "/forms")
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(512 * MIB))
    connection.endheaders()
    sent = 0
    try:
        connection.send(start)
        while sent < 64 * MIB:
            connection.send(b"x" * 65_536)
            sent += 65_536
    except OSError:
        pass
    assert sent < 64 * MIB, "it was taken and taken"
    assert rss(server) - before < 48 * MIB


def test_settings_are_not_told_by_how_changes_from_abroad_end(server, s3):
    for name in ("held-abroad", "empty-abroad"):
        server.cli("bucket", "create", name, "--class", "personal")
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    put(s3, "held-abroad", "k")
    s3.delete_object(Bucket="held-abroad", Key="k")
    rule = {"ID": "secret-rule", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 3}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket="held-abroad", LifecycleConfiguration={"Rules": [rule]})
    abroad = server.client(source=US)
    answers = [refused(abroad.delete_bucket, Bucket=name) for name in ("held-abroad", "empty-abroad")]
    assert answers[0]["Error"]["Code"] == answers[1]["Error"]["Code"]
    told = [put(abroad, "held-abroad", "in"), abroad.create_multipart_upload(Bucket="held-abroad", Key="in")]
    for answer in told:
        assert not {"x-amz-expiration", "x-amz-abort-date", "x-amz-abort-rule-id"} & set(answer["ResponseMetadata"]["HTTPHeaders"])
    refused(abroad.put_object, Bucket="held-abroad", Key="in", ObjectLockLegalHoldStatus="OFF")
    refused(abroad.put_bucket_versioning, Bucket="held-abroad", VersioningConfiguration={"Status": "Suspended"})
    refused(abroad.put_bucket_lifecycle_configuration, Bucket="held-abroad", LifecycleConfiguration={"Rules": [rule]})


def test_an_object_may_be_of_the_type_of_a_form(s3, bucket):
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", ContentType="multipart/form-data; boundary=b")
    assert made["UploadId"]
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=made["UploadId"])
