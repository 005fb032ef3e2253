"""What is said of an object beside its bytes, in its name, headers, metadata and tags, is looked through with them."""

import base64
import random
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError

from test_classify import resident_id
from test_persons import held, report, tenant  # noqa: F401
from test_scanning import US, counts, findings, is_refused_abroad, people, put, table
from test_upkeep import leaves

MIB = 1 << 20


def number(seed):
    return resident_id(random.Random(seed))


def label_of(server, bucket, key):
    return findings(server, bucket)[key]["label"]


def test_a_name_a_header_metadata_and_a_tag_make_it_stricter(server, bucket):
    s3 = server.client()
    general = {"onshore-class": "general"}
    body = b"nothing in here tells of anybody"
    word = lambda text: "=?utf-8?B?" + base64.b64encode(text.encode()).decode() + "?="
    cases = {
        f"customers/{number(1)}.pdf": {},
        f"scan_{number(2)}_v2.png": {},
        f"customers/{quote('张三 ' + number(3))}": {},
        "metadata": {"Metadata": {**general, "ident": number(4)}},
        "metadata-encoded": {"Metadata": {**general, "ident": word("身份证 " + number(5))}},
        "metadata-phone": {"Metadata": {**general, "phone": "13800138000"}},
        "disposition": {"ContentDisposition": f'attachment; filename="{number(6)}.pdf"'},
        "language": {"ContentLanguage": number(7)},
        "type": {"ContentType": f"text/plain; name={number(8)}"},
        "cache": {"CacheControl": f"x={number(9)}"},
        "tag": {"Tagging": f"ident={number(10)}"},
        "tag-key": {"Tagging": f"{number(11)}=x"},
        "redirect": {"WebsiteRedirectLocation": f"/{number(12)}"},
    }
    for key, more in cases.items():
        s3.put_object(**{"Bucket": bucket, "Key": key, "Body": body, "Metadata": general, **more})
    plain = {"ContentDisposition": 'attachment; filename="report_2026.pdf"', "Tagging": "team=north&cost=4711", "Metadata": {**general, "note": "order 20261129-0815"}}
    s3.put_object(**{"Bucket": bucket, "Key": "reports/2026/11/29/part-00001_of_00008.csv", "Body": body, **plain})
    found = findings(server, bucket)
    for key in cases:
        assert found[key]["label"] == "personal", (key, found[key])
        assert is_refused_abroad(server, bucket, key), key
    assert found["reports/2026/11/29/part-00001_of_00008.csv"]["label"] == "general"
    assert not is_refused_abroad(server, bucket, "reports/2026/11/29/part-00001_of_00008.csv")
    # The receipt tells the stricter label, and nothing of the name.
    told = str(server.cli("ledger", "tail", "-n", 200))
    assert not any(number(seed) in told for seed in range(1, 13))
    # A listing from abroad of what has such a name is refused.
    with pytest.raises(ClientError) as refused:
        server.client(source=US).list_objects_v2(Bucket=bucket, Prefix="customers/")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_tag_that_is_set_later_makes_it_stricter_with_a_leaf(server, bucket):
    s3 = server.client()
    put(s3, bucket, "a", b"nothing")
    assert not is_refused_abroad(server, bucket, "a")
    version = findings(server, bucket)["a"]["version"]
    tags = lambda value: s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "about", "Value": value}]})
    tags("nobody")
    assert label_of(server, bucket, "a") == "general"
    assert [leaf for leaf in leaves(server, "scanned") if leaf["version"] == version] == []
    tags(number(20))
    found = findings(server, bucket)["a"]
    assert found["label"] == "personal" and counts(found) == {"cn.resident-id": 1}
    assert [(leaf["before"], leaf["label"]) for leaf in leaves(server, "scanned") if leaf["version"] == version] == [("general", "personal")]
    assert is_refused_abroad(server, bucket, "a")
    # It only tightens: what goes again leaves it as it is.
    tags("nobody")
    s3.delete_object_tagging(Bucket=bucket, Key="a")
    assert label_of(server, bucket, "a") == "personal" and is_refused_abroad(server, bucket, "a")
    # An earlier version is tightened by itself.
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = put(s3, bucket, "b", b"one")["VersionId"]
    second = put(s3, bucket, "b", b"two")["VersionId"]
    s3.put_object_tagging(Bucket=bucket, Key="b", VersionId=first, Tagging={"TagSet": [{"Key": "about", "Value": number(21)}]})
    abroad = server.client(source=US)
    assert abroad.get_object(Bucket=bucket, Key="b", VersionId=second)["Body"].read() == b"two"
    with pytest.raises(ClientError):
        abroad.get_object(Bucket=bucket, Key="b", VersionId=first)


def test_a_tag_from_abroad_is_judged_by_what_is_in_it(server, bucket):
    """Who sets a tag is not told more than who reads it: where the stricter label is refused the tag is not set."""
    put(server.client(), bucket, "a", b"nothing")
    abroad = server.client(source=US)
    tag = lambda value: abroad.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "x", "Value": value}]})
    tag("plain")
    before = server.client().get_object_tagging(Bucket=bucket, Key="a")["TagSet"]
    assert before == [{"Key": "x", "Value": "plain"}]
    try:
        tag(number(22))
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert server.client().get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == before
        assert label_of(server, bucket, "a") == "general"
    else:
        # Bringing something in is free; what it makes of the object holds.
        assert label_of(server, bucket, "a") == "personal"


def test_who_is_named_in_a_name_or_a_tag_is_counted_and_found(server, tenant):  # noqa: F811
    name, make = tenant
    s3 = make()
    put(s3, name, f"people/{number(30)}.txt", b"nothing")
    put(s3, name, "b", b"nothing", Tagging=f"ident={number(31)}")
    put(s3, name, "c", f"身份证号 {number(32)}".encode())
    s3.put_object_tagging(Bucket=name, Key="c", Tagging={"TagSet": [{"Key": "ident", "Value": number(33)}]})
    assert held(server, name) == (4, 4)
    server.cli("subject", "allow", "--tenant", name)
    for seed, key in ((30, f"people/{number(30)}.txt"), (31, "b"), (32, "c"), (33, "c")):
        assert [view["key"] for view in server.cli("subject", "find", "--tenant", name, number(seed))["versions"]] == [key]
    s3.delete_object(Bucket=name, Key=f"people/{number(30)}.txt")
    assert held(server, name) == (3, 3)


def test_an_upload_in_parts_is_as_strict_as_what_is_said_of_it(server, bucket):
    s3 = server.client()
    general = {"onshore-class": "general"}
    for key, more in ((f"big/{number(40)}.bin", {}), ("meta", {"Metadata": {**general, "ident": number(41)}}), ("tag", {"Tagging": f"ident={number(42)}"})):
        upload = s3.create_multipart_upload(**{"Bucket": bucket, "Key": key, "Metadata": general, **more})["UploadId"]
        etag = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"nothing")["ETag"]
        # While it is under way it is told abroad no more than later.
        with pytest.raises(ClientError) as refused:
            server.client(source=US).list_parts(Bucket=bucket, Key=key, UploadId=upload)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403, key
        s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        found = findings(server, bucket)[key]
        assert found["label"] == "personal" and counts(found) == {"cn.resident-id": 1}, key
        assert is_refused_abroad(server, bucket, key)


def test_copies_with_new_metadata_are_looked_through(server, bucket):
    s3 = server.client()
    put(s3, bucket, "source", b"nothing")
    s3.copy_object(Bucket=bucket, Key="a", CopySource=f"{bucket}/source", MetadataDirective="REPLACE", Metadata={"ident": number(50)})
    s3.copy_object(Bucket=bucket, Key=number(51), CopySource=f"{bucket}/source")
    s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/source", TaggingDirective="REPLACE", Tagging=f"x={number(52)}")
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/source")
    labels = {key: view["label"] for key, view in findings(server, bucket).items()}
    assert labels == {"source": "general", "a": "personal", number(51): "personal", "b": "personal", "c": "general"}


def test_a_part_may_be_copied_from_something_stricter(server, bucket):
    """What was copied makes the upload as strict, also where another part takes its place."""
    s3, general = server.client(), {"onshore-class": "general"}
    put(s3, bucket, "people.csv", table(people(20, 60)))
    put(s3, bucket, "core", b"x" * 5 * MIB, label="core")
    for key, source, range_, expected in (
        ("from-people", "people.csv", None, "sensitive-personal"),
        ("from-head", "people.csv", "bytes=0-3", "sensitive-personal"),
        ("from-core", "core", None, "core"),
    ):
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key, Metadata=general)["UploadId"]
        own = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"y" * 5 * MIB)["ETag"]
        listed = lambda: server.client(source=US).list_parts(Bucket=bucket, Key=key, UploadId=upload)  # noqa: B023
        assert len(listed()["Parts"]) == 1
        more = {"CopySourceRange": range_} if range_ else {}
        copied = s3.upload_part_copy(Bucket=bucket, Key=key, UploadId=upload, PartNumber=2, CopySource=f"{bucket}/{source}", **more)["CopyPartResult"]["ETag"]
        with pytest.raises(ClientError) as refused:
            listed()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": own}, {"PartNumber": 2, "ETag": copied}]})
        assert label_of(server, bucket, key) == expected, key
        assert is_refused_abroad(server, bucket, key)


def test_a_migrated_object_is_looked_through_with_its_name_and_metadata(server, moto):
    source = moto.client()
    source.create_bucket(Bucket="said-source")
    source.put_object(Bucket="said-source", Key=f"a/{number(70)}.txt", Body=b"nothing")
    source.put_object(Bucket="said-source", Key="b", Body=b"nothing", Metadata={"ident": number(71)})
    source.put_object(Bucket="said-source", Key="c", Body=b"nothing")
    done = server.run("migrate", "s3://said-source", "said-migrated", "--endpoint", moto.url, "--class", "general", env=moto.env)
    assert done.returncode == 0, done.stderr
    labels = {key: view["label"] for key, view in findings(server, "said-migrated").items()}
    assert labels == {f"a/{number(70)}.txt": "personal", "b": "personal", "c": "general"}
