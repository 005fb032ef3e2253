"""What comes in is looked through, whatever its uploader says of it: what is found makes its label stricter, and never looser."""

import csv
import gzip
import io
import json
import os
import random
import signal
import zipfile

import pytest
from botocore.exceptions import ClientError

from test_classify import luhn, resident_id
from test_upkeep import leaves

US = "127.0.0.66"
MIB = 1 << 20


def people(number, seed=20261129):
    draw = random.Random(seed)
    return [(resident_id(draw), f"1{draw.randint(3, 9)}{draw.randint(0, 999_999_999):09}", luhn("622202" + f"{draw.randint(0, 10**12 - 1):012}")) for _ in range(number)]


def table(rows):
    text = io.StringIO()
    csv.writer(text).writerows([("证件号码", "手机号", "卡号"), *rows])
    return text.getvalue().encode()


def put(s3, bucket, key, body, label="general", **more):
    metadata = {"onshore-class": label} if label else {}
    return s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata, **more)


def findings(server, bucket, *more):
    told = server.cli("classify", f"s3://{bucket}", *more)
    return {found["key"]: found for found in told["objects"]}


def counts(found):
    return {kind["kind"]: kind["count"] for kind in found["scan"]["kinds"]}


def is_refused_abroad(server, bucket, key):
    try:
        server.client(source=US).get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        return True
    return False


def test_what_is_found_is_stricter_than_what_was_said(server, bucket):
    s3, rows = server.client(), people(40)
    put(s3, bucket, "plain.txt", b"Nothing in here tells of anybody.\n" * 100)
    put(s3, bucket, "people.csv", table(rows))
    put(s3, bucket, "inline.txt", f"身份证号 {rows[0][0]}".encode())
    put(s3, bucket, "core.csv", table(rows), label="core")
    put(s3, bucket, "nothing-said.csv", table(rows), label=None)
    found = findings(server, bucket)
    assert {key: view["label"] for key, view in found.items()} == {
        "plain.txt": "general",
        "people.csv": "sensitive-personal",  # bank cards: PIPL article 28
        "inline.txt": "personal",  # the number of an identity card is not sensitive since 2025-11-01
        "core.csv": "core,sensitive-personal",
        "nothing-said.csv": "unclassified",
    }
    assert counts(found["people.csv"]) == {"cn.resident-id": 40, "cn.mobile": 40, "payment-card": 40}
    assert not is_refused_abroad(server, bucket, "plain.txt")
    for key in ("people.csv", "inline.txt", "core.csv", "nothing-said.csv"):
        assert is_refused_abroad(server, bucket, key), key
    told = json.dumps(found, ensure_ascii=False)
    assert not any(value in told for row in rows for value in row)
    assert s3.get_object(Bucket=bucket, Key="people.csv")["Body"].read() == table(rows)


def test_what_is_packed_is_unpacked(server, bucket):
    s3, rows = server.client(), people(30, 3)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "nothing")
        archive.writestr("deep/people.csv.gz", gzip.compress(table(rows)))
    noise = os.urandom(300_000)
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("noise.bin", noise)
    for key, body in (("a.gz", gzip.compress(table(rows))), ("b.zip", packed.getvalue()), ("noise.bin", noise)):
        put(s3, bucket, key, body)
    found = findings(server, bucket)
    for key in ("a.gz", "b.zip"):
        assert counts(found[key]) == {"cn.resident-id": 30, "cn.mobile": 30, "payment-card": 30}, key
        assert found[key]["label"] == "sensitive-personal" and is_refused_abroad(server, bucket, key)
    assert found["noise.bin"]["label"] == "general" and found["noise.bin"]["scan"]["unread"] == [{"reason": "unknown-format", "count": 1}]


def test_copies_forms_and_parts_are_looked_through_too(server, bucket):
    s3, rows = server.client(), people(30, 5)
    put(s3, bucket, "source", table(rows))
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/source", MetadataDirective="REPLACE", Metadata={"onshore-class": "general"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", Metadata={"onshore-class": "general"})["UploadId"]
    body = (b"line without anybody in it\n" * 250_000)[: 5 * MIB - 10] + b"\n" + rows[0][0].encode() + b"\nand more\n"
    border = body.index(rows[0][0].encode()) + 9
    parts = {2: body[border:], 1: body[:border]}
    etags = {number: s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=part)["ETag"] for number, part in parts.items()}
    done = s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": number, "ETag": etags[number]} for number in sorted(etags)]})
    assert done["ETag"].endswith('-2"')
    found = findings(server, bucket)
    assert found["copy"]["label"] == "sensitive-personal" and counts(found["copy"])["payment-card"] == 30
    assert counts(found["parts"]) == {"cn.resident-id": 1}, found["parts"]
    assert found["parts"]["label"] == "personal" and is_refused_abroad(server, bucket, "parts")


def test_objects_under_a_clients_key_are_looked_through_in_flight(server, bucket):
    s3, rows = server.client(), people(10, 6)
    key = os.urandom(32)
    put(s3, bucket, "sealed", table(rows), SSECustomerAlgorithm="AES256", SSECustomerKey=key)
    assert counts(findings(server, bucket)["sealed"])["cn.resident-id"] == 10


def test_sarif_is_told_of_files_and_of_a_bucket(server, bucket, tmp_path):
    rows = people(5, 8)
    put(server.client(), bucket, "a b/人.csv", table(rows))
    (tmp_path / "people.csv").write_bytes(table(rows))
    for document, uri in (
        (server.cli("classify", f"s3://{bucket}/a", "--sarif"), f"s3://{bucket}/a%20b/%E4%BA%BA.csv"),
        (server.cli("classify", tmp_path, "--places", 100, "--sarif"), str(tmp_path / "people.csv")),
    ):
        assert document["version"] == "2.1.0"
        (run,) = document["runs"]
        rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
        assert {result["ruleId"] for result in run["results"]} == {"cn.resident-id", "cn.mobile", "payment-card"} <= rules
        assert {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]} == {uri}
    regions = [result["locations"][0]["physicalLocation"].get("region") for result in run["results"]]
    text = table(rows)
    assert {text[region["byteOffset"] : region["byteOffset"] + region["byteLength"]].decode() for region in regions} == {value for row in rows for value in row}


def test_the_day_decides_what_is_sensitive(server, tmp_path):
    (tmp_path / "a.txt").write_text("身份证 " + people(1)[0][0])
    label = lambda day: server.cli("classify", tmp_path, "--on", day)["files"][0]["class"]
    assert label("2025-10-31T15:59:59Z") == "sensitive-personal"
    assert label("2025-10-31T16:00:00Z") == "personal"


def test_what_is_no_text_to_its_readers_is_read_all_the_same(server, bucket):
    s3, rows = server.client(), people(30, 11)
    text = table(rows)
    bodies = {
        "zero": text[:40] + b"\0" + text[40:],
        "marked": b"\xff\xfe" + text,
        "marked-be": b"\xfe\xff" + text,
        "wide": b"\xff\xfe\0\0" + text.decode().encode("utf-32-le"),
        "behind": b"SQLite format 3\0" + bytes(100) + text,
    }
    for key, body in bodies.items():
        put(s3, bucket, key, body)
    found = findings(server, bucket)
    for key in bodies:
        assert counts(found[key]).get("cn.resident-id") == 30, (key, found[key]["scan"])
        assert is_refused_abroad(server, bucket, key), key


def test_an_upload_under_a_clients_key_in_parts_stays_unclassified(server, bucket):
    s3, key = server.client(), os.urandom(32)
    sealed = dict(SSECustomerAlgorithm="AES256", SSECustomerKey=key)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", Metadata={"onshore-class": "general"}, **sealed)["UploadId"]
    etag = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=table(people(5, 12)), **sealed)["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    (found,) = findings(server, bucket).values()
    assert (found["label"], found["scan"]["standing"]) == ("unclassified", "outdated")
    assert s3.get_object(Bucket=bucket, Key="parts", **sealed)["Body"].read() == table(people(5, 12))


def test_what_is_too_large_to_wait_for_is_unclassified_until_it_was_read(server, bucket):
    """An archive of more than 256 MiB: stored at once, readable abroad by nobody, and judged behind that."""
    s3, rows = server.client(), people(20, 13)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("noise", os.urandom(1 << 20) * 257)
        archive.writestr("people.csv", table(rows))
    put(s3, bucket, "large.zip", packed.getvalue())
    found = findings(server, bucket)["large.zip"]
    if found["scan"]["standing"] == "pending":
        assert found["label"] == "unclassified"
    assert is_refused_abroad(server, bucket, "large.zip")
    while findings(server, bucket)["large.zip"]["scan"]["standing"] == "pending":
        pass
    found = findings(server, bucket)["large.zip"]
    assert (found["label"], counts(found)["cn.resident-id"]) == ("sensitive-personal", 20)
    assert [leaf["label"] for leaf in leaves(server, "scanned") if leaf["version"] == found["version"]] == ["sensitive-personal"]
