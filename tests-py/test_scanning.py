"""What comes in is looked through, whatever its uploader says of it: what is found makes its label stricter, and never looser."""

import concurrent.futures
import csv
import gzip
import http.client
import io
import json
import os
import random
import signal
import zipfile
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from identities import taken_back
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


def test_what_would_cost_much_is_stored_at_once_and_read_behind_that(server, bucket):
    """Less than a megabyte that unpacks to a hundred: nobody is told of it abroad before it was read."""
    s3, rows = server.client(), people(20, 21)
    draw = random.Random(21)
    line = "".join(draw.choice("abcdefgh \n") for _ in range(16 << 10)).encode()
    nothing = line * (100 * MIB // len(line))
    bomb = gzip.compress(nothing + b"\n" + table(rows), 6)
    assert len(bomb) < MIB
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("nothing", nothing)
        archive.writestr("people.csv", table(rows))
    bodies = {"deep.gz": bomb, "deep.zip": packed.getvalue(), "in parts": None}
    for key, body in bodies.items():
        if body is None:
            upload = s3.create_multipart_upload(Bucket=bucket, Key=key, Metadata={"onshore-class": "general"})["UploadId"]
            etag = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=bomb)["ETag"]
            s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
        else:
            put(s3, bucket, key, body)
        found = findings(server, bucket)[key]
        if found["scan"]["standing"] == "pending":
            assert found["label"] == "unclassified", key
        assert is_refused_abroad(server, bucket, key), key
    while any(found["scan"]["standing"] == "pending" for found in findings(server, bucket).values()):
        pass
    for key, found in findings(server, bucket).items():
        assert (found["label"], counts(found)["cn.resident-id"], found["scan"].get("unread", [])) == ("sensitive-personal", 20, []), (key, found)
        # It was stored before it was read: its label came with a leaf of its own.
        assert [leaf["label"] for leaf in leaves(server, "scanned") if leaf["version"] == found["version"]] == ["sensitive-personal"], key


def test_many_that_unpack_keep_nobody_waiting(server, bucket):
    s3 = server.client()
    bomb = gzip.compress(bytes(60 * MIB), 1)
    put(s3, bucket, "small", b"something else")
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        writes = [pool.submit(put, s3, bucket, f"{number}.gz", bomb) for number in range(24)]
        served = 0
        while not all(write.done() for write in writes):
            assert s3.get_object(Bucket=bucket, Key="small")["Body"].read() == b"something else"
            served += 1
        for write in writes:
            write.result()
    assert served > 0
    assert {found["label"] for key, found in findings(server, bucket).items() if key.endswith(".gz")} <= {"general", "unclassified"}


def test_a_text_behind_the_first_bytes_of_something_else_is_read(server, bucket):
    s3, rows = server.client(), people(30, 22)
    text = table(rows)
    marks = {
        "pdf": b"%PDF-1.7\n",
        "png": b"\x89PNG\r\n\x1a\n",
        "jpeg": b"\xff\xd8\xff\xe0",
        "gif": b"GIF89a",
        "zip": b"PK\x03\x04",
        "gzip": b"\x1f\x8b\x08\x0e",
        "zstd": b"\x28\xb5\x2f\xfd",
        "xz": b"\xfd7zXZ\0",
        "bzip2": b"BZh91AY&SY",
        "ole": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "parquet": b"PAR1",
        "cut": gzip.compress(os.urandom(3000))[:2000],
        "behind": gzip.compress(b"nothing"),
    }
    for key, mark in marks.items():
        put(s3, bucket, key, mark + text)
        put(s3, bucket, key + ".gz", gzip.compress(mark + text))
    found = findings(server, bucket)
    for key in [*marks, *[key + ".gz" for key in marks]]:
        assert counts(found[key]).get("cn.resident-id", 0) >= 30, (key, found[key]["scan"])
        assert found[key]["label"] != "general" and is_refused_abroad(server, bucket, key), key


def test_a_told_word_is_found_across_lines_and_there_are_not_too_many(server, bucket):
    server.cli("tenant", "create", "told-lines")
    key = server.cli("key", "create", "--tenant", "told-lines")
    s3 = server.client(access_key=key["access_key"], secret_key=key["secret_key"])
    s3.create_bucket(Bucket="told-lines")
    tell = lambda number, word: ("important", "tell", "--tenant", "told-lines", "--id", f"n-{number}", "--word", word, "--ground", "public-interest", "--authority", "notice 7")
    server.cli(*tell(0, "白鹤滩工程"))
    server.cli(*tell(1, "Projekt Adler"))
    for name, text in {"a": "所谓白鹤\n滩工程", "b": "Projekt\r\n  Adler", "c": "der Pro-\njekt Adler", "d": "Adler Projekt\nund白鹤", "e/白鹤滩工程.txt": "x"}.items():
        put(s3, "told-lines", name, text.encode())
    labels = {name: view["label"] for name, view in findings(server, "told-lines").items()}
    assert labels == {"a": "important", "b": "important", "c": "important", "d": "general", "e/白鹤滩工程.txt": "important"}
    # As many as are allowed, and then a clear word; one that is told anew is no more than before.
    for number in range(2, 1000):
        server_tell(server, "told-lines", f"n-{number}", f"word number {number} of many")
    refused = server.run(*tell(1000, "one too many"))
    assert refused.returncode == 1 and "1000" in refused.stderr
    assert "two people" in server.run(*tell(999, "another in its place")).stderr
    taken_back(server, "told-lines", "n-5")
    server.cli(*tell(1000, "one in its place"))


def server_tell(server, tenant, id, word):
    """Without a process for each word."""
    address = urlsplit(server.control)
    door = http.client.HTTPConnection(address.hostname, address.port)
    body = json.dumps({"word": word, "level": "important", "ground": "public-interest", "authority": "notice 7"})
    door.request("PUT", f"/v1/tenants/{tenant}/important/{id}", body, {"authorization": f"Bearer {server.token}", "content-type": "application/json"})
    answer = door.getresponse()
    assert answer.status == 200, answer.read()
    door.close()


def test_a_tag_declares_a_class_and_the_strictest_word_holds(server, bucket):
    s3, abroad = server.client(), server.client(source=US)
    s3.put_object(Bucket=bucket, Key="tagged", Body=b"nothing", Tagging="onshore-class=personal", Metadata={"onshore-class": "general"})
    s3.put_object(Bucket=bucket, Key="alone", Body=b"nothing", Tagging="onshore-class=general")
    with pytest.raises(ClientError):
        abroad.get_object(Bucket=bucket, Key="tagged")
    assert abroad.get_object(Bucket=bucket, Key="alone")["Body"].read() == b"nothing"
    # One that is set later tightens, one that is taken away loosens nothing.
    s3.put_object_tagging(Bucket=bucket, Key="alone", Tagging={"TagSet": [{"Key": "onshore-class", "Value": "important"}]})
    with pytest.raises(ClientError):
        abroad.get_object(Bucket=bucket, Key="alone")
    for tags in [[{"Key": "onshore-class", "Value": "general"}], []]:
        s3.put_object_tagging(Bucket=bucket, Key="alone", Tagging={"TagSet": tags})
        with pytest.raises(ClientError):
            abroad.get_object(Bucket=bucket, Key="alone")
    for bad in [lambda: s3.put_object(Bucket=bucket, Key="bad", Body=b"", Tagging="onshore-class=secret"), lambda: s3.put_object_tagging(Bucket=bucket, Key="alone", Tagging={"TagSet": [{"Key": "onshore-class", "Value": "secret"}]})]:
        with pytest.raises(ClientError) as caught:
            bad()
        assert caught.value.response["Error"]["Code"] == "InvalidTag"
