"""Attributes of objects and their parts, every checksum, reads by part, and the limits of names, metadata and tags."""

import base64
import functools
import hashlib
import itertools
import socket
import xml.etree.ElementTree as tree
from urllib.parse import unquote, unquote_plus

import pytest

import keys
from calls import MIB, NAMESPACE, code, exists, get, headers, listed, put, set_versioning, tag_set, tags, upload
from raw_s3 import CHECKSUMS, Raw, flipped

EVERY = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
FIRST = bytes(range(256)) * (5 * MIB // 256)
LAST = b"the last part"
COMPOSITE = ["crc32", "crc32c", "sha1", "sha256"]
FULL = ["crc32", "crc32c", "crc64nvme"]


@functools.cache
def checksum(name, body):
    return CHECKSUMS[name](body)


def composite(name, *bodies):
    together = b"".join(base64.b64decode(checksum(name, body)) for body in bodies)
    return f"{CHECKSUMS[name](together)}-{len(bodies)}"


def member(name):
    return f"Checksum{name.upper()}"


def attributes(s3, bucket, key, *wanted, **more):
    return s3.get_object_attributes(Bucket=bucket, Key=key, ObjectAttributes=list(wanted or EVERY), **more)


def send_parts(s3, bucket, key, name, bodies, **more):
    """An upload whose parts come with their checksums; returns its id and its parts."""
    made = s3.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm=name.upper(), **more)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        value = checksum(name, body)
        answer = s3.upload_part(Bucket=bucket, Key=key, UploadId=made, PartNumber=number, Body=body, **{member(name): value})
        assert answer[member(name)] == value
        parts.append({"PartNumber": number, "ETag": answer["ETag"], member(name): value})
    return made, parts


def complete(s3, bucket, key, made, parts, **more):
    return s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=made, MultipartUpload={"Parts": parts}, **more)


# Attributes


def test_the_attributes_of_an_object(s3, bucket):
    value = checksum("sha256", b"body")
    put(s3, bucket, "a", b"body", ChecksumSHA256=value)
    found = attributes(s3, bucket, "a")
    assert (found["ETag"], found["ObjectSize"], found["StorageClass"]) == (hashlib.md5(b"body").hexdigest(), 4, "STANDARD")
    assert found["Checksum"]["ChecksumSHA256"] == value and found["Checksum"].get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    assert found["LastModified"] == s3.head_object(Bucket=bucket, Key="a")["LastModified"]
    assert "ObjectParts" not in found and "VersionId" not in found


@pytest.mark.parametrize("name", ["ETag", "StorageClass", "ObjectSize"])
def test_only_the_attributes_asked_for_are_told(s3, bucket, name):
    put(s3, bucket, "a", b"body")
    assert set(attributes(s3, bucket, "a", name)) & set(EVERY) == {name}


@pytest.mark.parametrize("wanted", [None, "", "Everything", "etag", "ETag,Nonsense"])
def test_attributes_must_be_named(server, s3, bucket, wanted):
    put(s3, bucket, "a")
    answer = Raw(server).request("GET", f"/{bucket}/a", [("attributes", "")], {} if wanted is None else {"x-amz-object-attributes": wanted})
    assert answer.status == 400 and answer.code in ("InvalidArgument", "InvalidRequest"), answer


def test_attributes_may_be_named_in_several_ways(server, s3, bucket):
    put(s3, bucket, "a", b"body")
    answer = Raw(server).request("GET", f"/{bucket}/a", [("attributes", "")], {"x-amz-object-attributes": "ETag, ObjectSize"})
    assert answer.status == 200 and (answer.field("ETag"), answer.field("ObjectSize")) == (hashlib.md5(b"body").hexdigest(), "4"), answer
    assert tree.fromstring(answer.body).tag.rpartition("}")[2] in ("GetObjectAttributesResponse", "GetObjectAttributesOutput")


def test_the_attributes_of_what_is_absent(s3, bucket):
    assert code(attributes, s3=s3, bucket=bucket, key="absent") == ("NoSuchKey", 404)
    assert code(attributes, s3=s3, bucket="attributes-nowhere", key="a") == ("NoSuchBucket", 404)


def test_attributes_of_a_version(s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    first, second = (put(s3, bucket, "a", body)["VersionId"] for body in (b"1", b"22"))
    assert [attributes(s3, bucket, "a", VersionId=version)["ObjectSize"] for version in (first, second)] == [1, 2]
    assert attributes(s3, bucket, "a")["VersionId"] == second
    assert code(attributes, s3=s3, bucket=bucket, key="a", VersionId="not-a-version-id") == ("InvalidArgument", 400)


def test_the_attributes_of_an_upload_tell_its_parts(s3, bucket):
    bodies = [FIRST, FIRST, LAST]
    made, parts = send_parts(s3, bucket, "a", "sha256", bodies)
    etag = complete(s3, bucket, "a", made, parts)["ETag"]
    found = attributes(s3, bucket, "a")
    assert (found["ETag"], found["ObjectSize"]) == (etag.strip('"'), sum(map(len, bodies)))
    assert found["Checksum"]["ChecksumSHA256"].removesuffix("-3") == composite("sha256", *bodies).removesuffix("-3")
    told = found["ObjectParts"]
    assert (told["TotalPartsCount"], told["IsTruncated"]) == (3, False)
    assert [(part["PartNumber"], part["Size"], part["ChecksumSHA256"]) for part in told["Parts"]] == [
        (number, len(body), checksum("sha256", body)) for number, body in enumerate(bodies, 1)
    ]


def test_the_parts_of_an_upload_are_told_in_pages(s3, bucket):
    made, parts = send_parts(s3, bucket, "a", "sha1", [FIRST, FIRST, LAST])
    complete(s3, bucket, "a", made, parts)
    page = lambda **more: attributes(s3, bucket, "a", "ObjectParts", **more)["ObjectParts"]
    first = page(MaxParts=2)
    assert ([part["PartNumber"] for part in first["Parts"]], first["IsTruncated"], first["NextPartNumberMarker"], first["MaxParts"], first["TotalPartsCount"]) == ([1, 2], True, 2, 2, 3)
    second = page(MaxParts=2, PartNumberMarker=2)
    assert ([part["PartNumber"] for part in second["Parts"]], second["IsTruncated"], second["PartNumberMarker"]) == ([3], False, 2)
    assert page(PartNumberMarker=3).get("Parts", []) == []


def test_an_upload_without_checksums_tells_how_many_parts(server, s3, bucket):
    plain = server.client(request_checksum_calculation="when_required")
    upload(plain, bucket, "a", [FIRST, LAST])
    assert attributes(s3, bucket, "a", "ObjectParts")["ObjectParts"]["TotalPartsCount"] == 2


# Checksums of wholes


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_checksum_is_echoed_and_told_only_on_demand(s3, bucket, name):
    value = checksum(name, b"body")
    done = put(s3, bucket, "a", b"body", **{member(name): value})
    assert done[member(name)] == value and done.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    assert member(name) not in s3.head_object(Bucket=bucket, Key="a")
    found = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert found[member(name)] == value and found.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    assert [other for other in CHECKSUMS if member(other) in found] == [name]
    assert attributes(s3, bucket, "a", "Checksum")["Checksum"][member(name)] == value


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_wrong_checksum_stores_nothing(s3, bucket, name):
    put(s3, bucket, "a", b"before")
    assert code(put, s3=s3, bucket=bucket, key="a", body=b"body", **{member(name): flipped(checksum(name, b"body"))}) == ("BadDigest", 400)
    assert get(s3, bucket, "a") == b"before"


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_checksum_of_nothing(s3, bucket, name):
    put(s3, bucket, "a", b"", **{member(name): checksum(name, b"")})
    assert s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")[member(name)] == checksum(name, b"")


def test_what_is_no_checksum_is_refused(server, s3, bucket):
    for name, value in itertools.product(CHECKSUMS, ["", "nonsense", "AAAA", "!!!!!!=="]):
        answer = Raw(server).request("PUT", f"/{bucket}/a", (), {f"x-amz-checksum-{name}": value}, b"x")
        assert answer.status == 400 and answer.code in ("InvalidRequest", "InvalidDigest", "BadDigest", "InvalidArgument"), (name, value, answer)
    assert not exists(s3, bucket, "a")


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_checksum_in_a_trailer_is_kept(server, s3, bucket, name):
    value = checksum(name, b"body")
    answer = Raw(server).chunked(f"/{bucket}/a", [b"body"], (f"x-amz-checksum-{name}", value), False, {"x-amz-sdk-checksum-algorithm": name.upper()})
    assert answer.status == 200 and answer.headers[f"x-amz-checksum-{name}"] == value, answer
    assert s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")[member(name)] == value


def test_an_announced_trailer_must_come(server, s3, bucket):
    answer = Raw(server).chunked(f"/{bucket}/a", [b"body"], ("x-amz-checksum-crc32", checksum("crc32", b"body")), False, drop_trailer=True)
    assert answer.status == 400, answer
    assert not exists(s3, bucket, "a")


def test_one_checksum_at_a_time(server, bucket):
    both = {"x-amz-checksum-crc32": checksum("crc32", b"x"), "x-amz-checksum-sha256": checksum("sha256", b"x")}
    answer = Raw(server).request("PUT", f"/{bucket}/a", (), both, b"x")
    assert (answer.status, answer.code) == (400, "InvalidRequest"), answer


@pytest.mark.parametrize("said", [{"x-amz-sdk-checksum-algorithm": "ROT13", "x-amz-checksum-crc32": CHECKSUMS["crc32"](b"x")}, {"x-amz-sdk-checksum-algorithm": "SHA256", "x-amz-checksum-crc32": CHECKSUMS["crc32"](b"x")}], ids=["unknown", "another"])
def test_the_algorithm_announced_must_be_the_one_used(server, s3, bucket, said):
    answer = Raw(server).request("PUT", f"/{bucket}/a", (), said, b"x")
    assert answer.status == 400 and answer.code in ("InvalidRequest", "InvalidArgument"), answer
    assert not exists(s3, bucket, "a")


@pytest.mark.parametrize("name", ["CRC32", "SHA1", "SHA256"])
def test_the_checksum_the_client_computes(s3, bucket, name):
    done = put(s3, bucket, "a", b"body", ChecksumAlgorithm=name)
    assert done[f"Checksum{name}"] == checksum(name.lower(), b"body")
    found = s3.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert found["Body"].read() == b"body" and found[f"Checksum{name}"] == done[f"Checksum{name}"]


def test_a_range_tells_no_checksum_of_the_whole(s3, bucket):
    put(s3, bucket, "a", b"body", ChecksumAlgorithm="SHA256")
    found = s3.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED", Range="bytes=0-1")
    assert found["Body"].read() == b"bo" and "ChecksumSHA256" not in found


def test_a_list_tells_the_algorithm(s3, bucket):
    put(s3, bucket, "a", b"body", ChecksumAlgorithm="SHA256")
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0].get("ChecksumAlgorithm", ["SHA256"]) == ["SHA256"]


# Checksums of copies


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_copy_keeps_or_changes_the_checksum(s3, bucket, name):
    put(s3, bucket, "a", b"body", ChecksumSHA256=checksum("sha256", b"body"))
    copy = dict(Bucket=bucket, CopySource={"Bucket": bucket, "Key": "a"})
    assert s3.copy_object(**copy, Key="b")["CopyObjectResult"]["ChecksumSHA256"] == checksum("sha256", b"body")
    value = checksum(name, b"body")
    assert s3.copy_object(**copy, Key="c", ChecksumAlgorithm=name.upper())["CopyObjectResult"][member(name)] == value
    assert s3.head_object(Bucket=bucket, Key="c", ChecksumMode="ENABLED")[member(name)] == value
    assert s3.head_object(Bucket=bucket, Key="b", ChecksumMode="ENABLED")["ChecksumSHA256"] == checksum("sha256", b"body")


def test_a_copy_of_an_upload_has_the_checksum_of_the_whole(s3, bucket):
    made, parts = send_parts(s3, bucket, "a", "sha256", [FIRST, LAST])
    complete(s3, bucket, "a", made, parts)
    done = s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"}, ChecksumAlgorithm="SHA256")
    assert done["CopyObjectResult"]["ChecksumSHA256"] == checksum("sha256", FIRST + LAST)


# Checksums of uploads


@pytest.mark.parametrize("name", COMPOSITE)
def test_a_composite_checksum(s3, bucket, name):
    made, parts = send_parts(s3, bucket, "a", name, [FIRST, LAST])
    done = complete(s3, bucket, "a", made, parts)
    value = composite(name, FIRST, LAST)
    assert done[member(name)] == value and done.get("ChecksumType", "COMPOSITE") == "COMPOSITE"
    found = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert found[member(name)] == value and found.get("ChecksumType", "COMPOSITE") == "COMPOSITE"


@pytest.mark.parametrize("name", FULL)
def test_a_checksum_of_the_full_object(s3, bucket, name):
    made, parts = send_parts(s3, bucket, "a", name, [FIRST, LAST], ChecksumType="FULL_OBJECT")
    value = checksum(name, FIRST + LAST)
    done = complete(s3, bucket, "a", made, parts, ChecksumType="FULL_OBJECT", **{member(name): value})
    assert (done[member(name)], done["ChecksumType"]) == (value, "FULL_OBJECT")
    found = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert (found[member(name)], found["ChecksumType"]) == (value, "FULL_OBJECT")


@pytest.mark.parametrize("name", FULL)
def test_the_full_object_is_reckoned_without_being_told(s3, bucket, name):
    made, parts = send_parts(s3, bucket, "a", name, [FIRST, LAST], ChecksumType="FULL_OBJECT")
    assert complete(s3, bucket, "a", made, parts)[member(name)] == checksum(name, FIRST + LAST)


@pytest.mark.parametrize("name", FULL)
def test_a_wrong_checksum_of_the_full_object(s3, bucket, name):
    made, parts = send_parts(s3, bucket, "a", name, [b"one part"], ChecksumType="FULL_OBJECT")
    assert code(complete, s3=s3, bucket=bucket, key="a", made=made, parts=parts, ChecksumType="FULL_OBJECT", **{member(name): flipped(checksum(name, b"one part"))}) == ("BadDigest", 400)
    assert not exists(s3, bucket, "a")


def test_crc64nvme_is_of_the_full_object_unless_asked_otherwise(s3, bucket):
    assert s3.create_multipart_upload(Bucket=bucket, Key="a", ChecksumAlgorithm="CRC64NVME").get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    assert s3.create_multipart_upload(Bucket=bucket, Key="a", ChecksumAlgorithm="SHA256").get("ChecksumType", "COMPOSITE") == "COMPOSITE"


@pytest.mark.parametrize("name, kind", [("CRC64NVME", "COMPOSITE"), ("SHA1", "FULL_OBJECT"), ("SHA256", "FULL_OBJECT"), ("ROT13", "COMPOSITE"), ("CRC32", "HALF")])
def test_types_that_do_not_go_with_their_algorithm(s3, bucket, name, kind):
    said = code(s3.create_multipart_upload, Bucket=bucket, Key="a", ChecksumAlgorithm=name, ChecksumType=kind)
    assert said[1] == 400 and said[0] in ("InvalidRequest", "InvalidArgument")


def test_a_type_needs_an_algorithm(server, bucket):
    answer = Raw(server).request("POST", f"/{bucket}/a", [("uploads", "")], {"x-amz-checksum-type": "COMPOSITE"})
    assert answer.status == 400, answer


def test_the_parts_checksums_are_told_and_compared(s3, bucket):
    made, parts = send_parts(s3, bucket, "a", "sha256", [FIRST, LAST])
    told = s3.list_parts(Bucket=bucket, Key="a", UploadId=made)
    assert told["ChecksumAlgorithm"] == "SHA256" and [part["ChecksumSHA256"] for part in told["Parts"]] == [part["ChecksumSHA256"] for part in parts]
    wrong = [parts[0], {**parts[1], "ChecksumSHA256": flipped(parts[1]["ChecksumSHA256"])}]
    assert code(complete, s3=s3, bucket=bucket, key="a", made=made, parts=wrong) in {("InvalidPart", 400), ("BadDigest", 400), ("InvalidRequest", 400)}
    assert code(complete, s3=s3, bucket=bucket, key="a", made=made, parts=parts, ChecksumSHA256=flipped(composite("sha256", FIRST, LAST)[:-2]) + "-2")[1] == 400
    assert not exists(s3, bucket, "a")
    complete(s3, bucket, "a", made, parts, ChecksumSHA256=composite("sha256", FIRST, LAST).removesuffix("-2"))


def test_a_part_with_another_algorithm_is_refused(s3, bucket):
    made = s3.create_multipart_upload(Bucket=bucket, Key="a", ChecksumAlgorithm="SHA256")["UploadId"]
    assert code(s3.upload_part, Bucket=bucket, Key="a", UploadId=made, PartNumber=1, Body=b"x", ChecksumCRC32=checksum("crc32", b"x")) == ("InvalidRequest", 400)
    assert s3.list_parts(Bucket=bucket, Key="a", UploadId=made).get("Parts", []) == []


@pytest.mark.parametrize("size, good", [(len(LAST), True), (len(LAST) + 1, False), (0, False)])
def test_the_size_of_the_whole_is_compared(s3, bucket, size, good):
    made, parts = send_parts(s3, bucket, "a", "crc32", [LAST])
    if good:
        complete(s3, bucket, "a", made, parts, MpuObjectSize=size)
    else:
        assert code(complete, s3=s3, bucket=bucket, key="a", made=made, parts=parts, MpuObjectSize=size) == ("InvalidRequest", 400)
    assert exists(s3, bucket, "a") == good


# Reads by part


def test_parts_are_read_by_number(s3, bucket):
    bodies = [FIRST, FIRST[::-1], LAST]
    done = upload(s3, bucket, "a", bodies)
    start = 0
    for number, body in enumerate(bodies, 1):
        found = s3.get_object(Bucket=bucket, Key="a", PartNumber=number)
        assert (found["ResponseMetadata"]["HTTPStatusCode"], found["PartsCount"], found["ContentLength"], found["ETag"]) == (206, 3, len(body), done["ETag"])
        assert found["ContentRange"] == f"bytes {start}-{start + len(body) - 1}/{sum(map(len, bodies))}"
        assert found["Body"].read() == body
        head = s3.head_object(Bucket=bucket, Key="a", PartNumber=number)
        assert (head["PartsCount"], head["ContentLength"]) == (3, len(body))
        start += len(body)
    assert "PartsCount" not in s3.head_object(Bucket=bucket, Key="a")


def test_parts_are_counted_from_one_whatever_their_numbers_were(s3, bucket):
    made = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    parts = [{"PartNumber": number, "ETag": s3.upload_part(Bucket=bucket, Key="a", UploadId=made, PartNumber=number, Body=body)["ETag"]} for number, body in ((5, FIRST), (9, LAST))]
    complete(s3, bucket, "a", made, parts)
    found = s3.get_object(Bucket=bucket, Key="a", PartNumber=1)
    assert (found["Body"].read(), found["PartsCount"]) == (FIRST, 2)


def test_a_part_that_is_not_there(s3, bucket):
    upload(s3, bucket, "a", [LAST])
    put(s3, bucket, "b", b"whole")
    for key in "ab":
        assert code(s3.get_object, Bucket=bucket, Key=key, PartNumber=2) == ("InvalidPartNumber", 416)
        assert code(s3.head_object, Bucket=bucket, Key=key, PartNumber=2)[1] == 416


def test_a_whole_is_its_first_part(s3, bucket):
    put(s3, bucket, "a", b"whole")
    found = s3.get_object(Bucket=bucket, Key="a", PartNumber=1)
    assert found["Body"].read() == b"whole" and found["ResponseMetadata"]["HTTPStatusCode"] in (200, 206)
    assert found.get("PartsCount", 1) == 1
    put(s3, bucket, "empty", b"")
    assert get(s3, bucket, "empty", PartNumber=1) == b""


def test_part_numbers_that_are_none(server, s3, bucket):
    put(s3, bucket, "a")
    for number in ("0", "-1", "10001", "one"):
        assert Raw(server).request("GET", f"/{bucket}/a", [("partNumber", number)]).status in (400, 416), number


def test_a_part_and_a_range_do_not_go_together(s3, bucket):
    put(s3, bucket, "a")
    assert code(s3.get_object, Bucket=bucket, Key="a", PartNumber=1, Range="bytes=0-0") == ("InvalidRequest", 400)


# Answers as the reader wants them


OVERRIDES = {
    "response-content-type": "text/x", "response-content-language": "zh", "response-expires": "Thu, 01 Jan 2099 00:00:00 GMT",
    "response-cache-control": "no-store", "response-content-disposition": 'attachment; filename="a b.txt"', "response-content-encoding": "identity",
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_signed_reader_overrides_headers(server, s3, bucket, method):
    put(s3, bucket, "a", ContentType="text/original", CacheControl="max-age=1")
    raw = Raw(server)
    for name, wanted in OVERRIDES.items():
        for answer in (raw.request(method, f"/{bucket}/a", [(name, wanted)]), raw.presigned_request(method, f"/{bucket}/a", query=[(name, wanted)])):
            assert answer.status == 200 and answer.headers[name.removeprefix("response-")] == wanted, answer


def test_an_override_makes_no_header_of_its_own(server, s3, bucket):
    put(s3, bucket, "a")
    answer = Raw(server).request("GET", f"/{bucket}/a", [("response-content-type", "text/x\r\nx-injected: 1")])
    assert "x-injected" not in answer.headers
    assert Raw(server).request("GET", f"/{bucket}/a").status == 200


def test_an_anonymous_reader_overrides_nothing(server, s3, bucket):
    put(s3, bucket, "a")
    raw = Raw(server)
    assert raw.send("GET", f"/{bucket}/a?response-content-type=text/x", {"host": raw.host}).status in (400, 403)


# Expect: 100-continue


def converse(server, target, lines, body):
    with socket.create_connection((server.s3_host, server.s3_port), 30) as stream:
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        stream.sendall(f"PUT {target} HTTP/1.1\r\n{head}\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += stream.recv(65536)
        first, _, rest = answer.partition(b"\r\n\r\n")
        if not first.startswith(b"HTTP/1.1 100"):
            return first, None
        stream.sendall(body)
        while b"\r\n\r\n" not in rest:
            rest += stream.recv(65536)
        return first, rest


@pytest.mark.parametrize("size", [1, 100_000])
def test_the_server_says_continue_before_the_body_comes(server, s3, bucket, size):
    body = b"x" * size
    target, lines, _ = Raw(server).signed("PUT", f"/{bucket}/a", (), {"expect": "100-continue", "content-length": str(size)}, body, unsigned=["expect"])
    first, rest = converse(server, target, lines, body)
    assert first.startswith(b"HTTP/1.1 100") and rest.startswith(b"HTTP/1.1 200"), (first, rest)
    assert get(s3, bucket, "a") == body


def test_what_is_refused_is_refused_before_the_body_comes(server, s3, bucket):
    put(s3, bucket, "there")
    raw = Raw(server)
    expecting = {"expect": "100-continue", "content-length": str(1 << 30)}
    for path, more, wanted in [("/expect-nowhere/a", {}, b" 404 "), (f"/{bucket}/a", {"x-amz-meta-m": "m" * 3000}, b" 400 ")]:
        target, lines, _ = raw.signed("PUT", path, (), {**expecting, **more}, payload="UNSIGNED-PAYLOAD", unsigned=["expect"])
        first, rest = converse(server, target, lines, b"")
        assert rest is None and wanted in first.split(b"\r\n")[0], first


# Limits


@pytest.mark.parametrize("key", ["k" * 1024, "\u6587" * 341 + "k", "\U0001f600" * 256, "/" * 1024, "a/" * 512], ids=["ascii", "han", "emoji", "slashes", "folders"])
def test_a_key_of_1024_bytes(s3, bucket, key):
    assert len(key.encode()) == 1024
    put(s3, bucket, key)
    assert get(s3, bucket, key) == b"x" and listed(s3, bucket) == [key]
    s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": key}, MetadataDirective="REPLACE")
    upload(s3, bucket, key, [b"y"])
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert listed(s3, bucket) == []


@pytest.mark.parametrize("key", ["k" * 1025, "\u6587" * 342, "\U0001f600" * 257], ids=["ascii", "han", "emoji"])
def test_a_key_above_1024_bytes(s3, bucket, key):
    put(s3, bucket, "a")
    too_long = ("KeyTooLongError", 400)
    assert code(put, s3=s3, bucket=bucket, key=key) == too_long
    assert code(s3.create_multipart_upload, Bucket=bucket, Key=key) == too_long
    assert code(s3.copy_object, Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": "a"}) == too_long
    assert listed(s3, bucket) == ["a"]


def test_every_key_is_listed_with_url_encoding(server, s3, bucket):
    for key in keys.ALL:
        put(s3, bucket, key, b"")
    wanted = sorted(keys.ALL, key=str.encode)
    for query in ([("list-type", "2")], []):
        root = tree.fromstring(Raw(server).request("GET", f"/{bucket}", [*query, ("encoding-type", "url")]).body)
        found = [item.text for item in root.iter(f"{NAMESPACE}Key")]
        assert [unquote_plus(key) for key in found] == [unquote(key) for key in found] == wanted
        assert all(key.isascii() and key.isprintable() for key in found)
        assert root.find(f"{NAMESPACE}EncodingType").text == "url"


def test_prefixes_and_markers_come_back_with_url_encoding(server, s3, bucket):
    for key in ("a b/\u6587+1", "a b/\u6587+2", "a b/z"):
        put(s3, bucket, key, b"")
    raw = Raw(server)
    root = tree.fromstring(raw.request("GET", f"/{bucket}", [("encoding-type", "url"), ("prefix", "a b/"), ("delimiter", "+"), ("marker", "a b/ "), ("max-keys", "1")]).body)
    text = lambda name: unquote(root.findtext(f"{NAMESPACE}{name}"))
    assert (text("Prefix"), text("Delimiter"), text("Marker"), text("NextMarker")) == ("a b/", "+", "a b/ ", "a b/z")
    root = tree.fromstring(raw.request("GET", f"/{bucket}", [("list-type", "2"), ("encoding-type", "url"), ("start-after", "a b/z"), ("delimiter", "+")]).body)
    assert text("StartAfter") == "a b/z"
    assert [unquote(item.findtext(f"{NAMESPACE}Prefix")) for item in root.iter(f"{NAMESPACE}CommonPrefixes")] == ["a b/\u6587+"]


def test_metadata_has_a_limit_of_two_kilobytes(s3, bucket):
    put(s3, bucket, "a", Metadata={"m": "m" * 1900, "n": "n" * 100})
    assert len(s3.head_object(Bucket=bucket, Key="a")["Metadata"]["m"]) == 1900
    for metadata in ({"m": "m" * 2049}, {f"name-{number}": "v" * 100 for number in range(21)}):
        assert code(put, s3=s3, bucket=bucket, key="b", Metadata=metadata) == ("MetadataTooLarge", 400)
        assert code(s3.create_multipart_upload, Bucket=bucket, Key="b", Metadata=metadata) == ("MetadataTooLarge", 400)
        assert code(s3.copy_object, Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"}, MetadataDirective="REPLACE", Metadata=metadata) == ("MetadataTooLarge", 400)
    assert not exists(s3, bucket, "b")


def test_metadata_comes_back_as_it_was(server, s3, bucket):
    for value in ("a", "a b", "=?UTF-8?B?5paH?=", "%E6%96%87", "a,b;c=d"):
        assert Raw(server).request("PUT", f"/{bucket}/a", (), {"x-amz-meta-m": value}, b"").status == 200
        assert headers(s3.head_object(Bucket=bucket, Key="a"))["x-amz-meta-m"] == value


def test_names_of_metadata_are_the_same_in_any_case(server, s3, bucket):
    assert Raw(server).request("PUT", f"/{bucket}/a", (), {"X-Amz-Meta-UPPER": "1"}, b"").status == 200
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"] == {"upper": "1"}


def test_tags_up_to_every_limit(s3, bucket):
    wanted = {f"{number}{'k' * 127}": "v" * 256 for number in range(9)} | {"\u6587" * 128: "\u503c" * 256}
    put(s3, bucket, "a")
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging=tag_set(**wanted))
    assert tags(s3.get_object_tagging(Bucket=bucket, Key="a")) == wanted
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "+ - = . _ : / @", "Value": ""}]})
    assert tags(s3.get_object_tagging(Bucket=bucket, Key="a")) == {"+ - = . _ : / @": ""}
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": []})
    assert tags(s3.get_object_tagging(Bucket=bucket, Key="a")) == {}


BAD_TAGS = {
    "eleven": [(f"k{number}", "") for number in range(11)], "long key": [("k" * 129, "")], "long value": [("k", "v" * 257)],
    "twice": [("k", "1"), ("k", "2")], "no key": [("", "v")], "aws": [("aws:k", "v")],
}


@pytest.mark.parametrize("name", BAD_TAGS)
def test_tags_beyond_a_limit(server, s3, bucket, name):
    put(s3, bucket, "a", Tagging="before=1")
    careless = server.client(parameter_validation=False)
    tagging = {"TagSet": [{"Key": key, "Value": value} for key, value in BAD_TAGS[name]]}
    said = code(careless.put_object_tagging, Bucket=bucket, Key="a", Tagging=tagging)
    assert said in ({("InvalidTag", 400), ("BadRequest", 400)} if name == "eleven" else {("InvalidTag", 400)} if name != "no key" else {("InvalidTag", 400), ("MalformedXML", 400)})
    assert tags(s3.get_object_tagging(Bucket=bucket, Key="a")) == {"before": "1"}
    header = "&".join(f"{key}={value}" for key, value in BAD_TAGS[name])
    said = code(put, s3=s3, bucket=bucket, key="b", Tagging=header)
    assert said[1] == 400 and said[0] in ("InvalidTag", "InvalidArgument", "BadRequest")
    assert not exists(s3, bucket, "b")
