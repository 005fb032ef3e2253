"""Encryption that clients ask for: with the store's keys, with their own, with those of a key service."""

import base64
import hashlib
import os
from pathlib import Path

import pytest

from calls import MIB, code, exists, get, headers, put, refusal, set_versioning, upload
from raw_s3 import Raw, b64

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
DENIED = ("AccessDenied", 403)
WITHOUT = ("InvalidRequest", 400)


def own(key=KEY, **more):
    """The arguments of a request with a key of the client's."""
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key, **more}


def source(key=KEY):
    return {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": key}


def sent(key=KEY, prefix="x-amz-", algorithm="AES256", digest=None):
    """The same as headers, each as wrong as wanted."""
    said = {
        "algorithm": algorithm,
        "key": None if key is None else b64(key),
        "key-md5": digest if digest is not None else (None if key is None else b64(hashlib.md5(key).digest())),
    }
    return {f"{prefix}server-side-encryption-customer-{name}": value for name, value in said.items() if value is not None}


# The store's keys


def test_the_stores_own_encryption_is_echoed(s3, bucket):
    assert put(s3, bucket, "a", b"body", ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"
    for found in (s3.head_object(Bucket=bucket, Key="a"), s3.get_object(Bucket=bucket, Key="a")):
        assert found["ServerSideEncryption"] == "AES256" and "SSEKMSKeyId" not in found
    assert get(s3, bucket, "a") == b"body"


def test_what_asks_for_nothing_is_encrypted_and_says_so(s3, bucket):
    assert put(s3, bucket, "a")["ServerSideEncryption"] == "AES256"
    assert s3.head_object(Bucket=bucket, Key="a")["ServerSideEncryption"] == "AES256"


def test_copies_and_uploads_echo_it_too(s3, bucket):
    put(s3, bucket, "a")
    assert s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"}, ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"
    made = s3.create_multipart_upload(Bucket=bucket, Key="c", ServerSideEncryption="AES256")
    assert made["ServerSideEncryption"] == "AES256"
    part = s3.upload_part(Bucket=bucket, Key="c", UploadId=made["UploadId"], PartNumber=1, Body=b"x")
    done = s3.complete_multipart_upload(Bucket=bucket, Key="c", UploadId=made["UploadId"], MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert done["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_with_a_header_for_writing_is_refused(server, s3, bucket, method):
    put(s3, bucket, "a", ServerSideEncryption="AES256")
    answer = Raw(server).request(method, f"/{bucket}/a", (), {"x-amz-server-side-encryption": "AES256"})
    assert answer.status == 400, answer
    if method == "GET":
        assert answer.code in ("InvalidArgument", "InvalidRequest"), answer


@pytest.mark.parametrize("algorithm", ["AES512", "aes256", ""])
def test_an_unknown_algorithm_is_refused(server, bucket, algorithm):
    answer = Raw(server).request("PUT", f"/{bucket}/a", (), {"x-amz-server-side-encryption": algorithm}, b"x")
    assert answer.status == 400 and answer.code in ("InvalidArgument", "InvalidEncryptionAlgorithmError", "InvalidRequest"), answer


# Keys of the client's: wholes


@pytest.mark.parametrize("size", [0, 1, 1000, 65536, 65537, 300_001, 3 * MIB + 1])
def test_a_body_under_the_clients_key_comes_back(s3, bucket, size):
    body = (bytes(range(251)) * (size // 251 + 1))[:size]
    done = put(s3, bucket, "a", body, **own())
    digest = b64(hashlib.md5(KEY).digest())
    assert (done["SSECustomerAlgorithm"], done["SSECustomerKeyMD5"]) == ("AES256", digest) and "ServerSideEncryption" not in done
    for found in (s3.head_object(Bucket=bucket, Key="a", **own()), s3.get_object(Bucket=bucket, Key="a", **own())):
        assert (found["ContentLength"], found["ETag"], found["SSECustomerAlgorithm"], found["SSECustomerKeyMD5"]) == (size, done["ETag"], "AES256", digest)
        assert "ServerSideEncryption" not in found
    assert get(s3, bucket, "a", **own()) == body


def test_ranges_under_the_clients_key(s3, bucket):
    body = bytes(range(251)) * 2000
    put(s3, bucket, "a", body, **own())
    for first, last in [(0, 0), (65535, 65536), (100_000, 400_000), (len(body) - 1, len(body) - 1)]:
        assert get(s3, bucket, "a", Range=f"bytes={first}-{last}", **own()) == body[first : last + 1]
    assert code(s3.get_object, Bucket=bucket, Key="a", Range="bytes=0-0") == WITHOUT
    assert code(s3.get_object, Bucket=bucket, Key="a", Range="bytes=0-0", **own(OTHER)) == DENIED


def test_nothing_is_read_without_the_key(s3, bucket):
    put(s3, bucket, "a", **own())
    assert code(s3.get_object, Bucket=bucket, Key="a") == WITHOUT
    assert code(s3.head_object, Bucket=bucket, Key="a") == ("400", 400)
    assert code(s3.get_object_attributes, Bucket=bucket, Key="a", ObjectAttributes=["ETag"]) == WITHOUT


def test_nothing_is_read_with_another_key(server, s3, bucket):
    put(s3, bucket, "a", **own())
    assert code(s3.get_object, Bucket=bucket, Key="a", **own(OTHER)) == DENIED
    assert code(s3.head_object, Bucket=bucket, Key="a", **own(OTHER)) == ("403", 403)
    asked = {**sent(OTHER), "x-amz-object-attributes": "ETag"}
    assert Raw(server).request("GET", f"/{bucket}/a", [("attributes", "")], headers=asked).status == 403


def test_a_key_for_what_has_none_is_refused(s3, bucket):
    put(s3, bucket, "a")
    assert code(s3.get_object, Bucket=bucket, Key="a", **own()) == WITHOUT
    assert code(s3.head_object, Bucket=bucket, Key="a", **own()) == ("400", 400)


def test_a_refusal_tells_nothing_of_the_key(s3, bucket):
    put(s3, bucket, "a", **own())
    for refused in (refusal(s3.get_object, Bucket=bucket, Key="a"), refusal(s3.get_object, Bucket=bucket, Key="a", **own(OTHER))):
        assert not [name for name in headers(refused) if "customer-key" in name]


WRONG = {
    "digest of another key": sent(digest=b64(hashlib.md5(OTHER).digest())), "digest that is none": sent(digest="nonsense"), "no digest": {k: v for k, v in sent().items() if "md5" not in k},
    "short key": sent(KEY[:31]), "long key": sent(KEY + b"x"), "empty key": sent(b""), "key not in base64": {**sent(), "x-amz-server-side-encryption-customer-key": "!" * 44},
    "no key": sent(None), "digest without key": sent(None, digest=b64(hashlib.md5(KEY).digest())), "no algorithm": sent(algorithm=None),
    "other algorithm": sent(algorithm="AES128"), "key service": sent(algorithm="aws:kms"), "both": {**sent(), "x-amz-server-side-encryption": "AES256"},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_keys_are_refused_on_writing(server, s3, bucket, name):
    raw = Raw(server)
    answer = raw.request("PUT", f"/{bucket}/a", (), WRONG[name], b"x")
    assert answer.status == 400 and answer.code in ("InvalidArgument", "InvalidRequest", "InvalidEncryptionAlgorithmError"), answer
    if name == "digest of another key":
        assert answer.code == "InvalidArgument", answer
    assert raw.request("POST", f"/{bucket}/a", [("uploads", "")], WRONG[name]).status == 400
    assert not exists(s3, bucket, "a")


@pytest.mark.parametrize("name", [name for name in WRONG if name != "both"])
def test_wrong_keys_are_refused_on_reading(server, s3, bucket, name):
    put(s3, bucket, "a", b"the words", **own())
    answer = Raw(server).request("GET", f"/{bucket}/a", (), WRONG[name])
    assert answer.status == 400 and b"the words" not in answer.body, answer


def test_a_key_in_the_query_does_not_count(server, s3, bucket):
    put(s3, bucket, "a", b"the words", **own())
    answer = Raw(server).request("GET", f"/{bucket}/a", list(sent().items()))
    assert answer.status in (400, 403) and b"the words" not in answer.body, answer


def test_a_presigned_link_needs_the_key_beside_it(server, s3, bucket):
    raw = Raw(server)
    assert raw.presigned_request("PUT", f"/{bucket}/a", headers=sent(), body=b"the words").status == 200
    assert raw.presigned_request("GET", f"/{bucket}/a", headers=sent()).body == b"the words"
    assert raw.presigned_request("GET", f"/{bucket}/a").status == 400
    assert get(s3, bucket, "a", **own()) == b"the words"


def test_what_is_streamed_under_the_clients_key(server, s3, bucket):
    chunks = [b"a" * 65536, b"b" * 65536, b"c"]
    assert Raw(server).chunked(f"/{bucket}/a", chunks, headers=sent()).status == 200
    assert get(s3, bucket, "a", **own()) == b"".join(chunks)


def test_what_needs_no_key(s3, bucket):
    put(s3, bucket, "a", b"12345", Tagging="t=1", **own())
    (item,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert (item["Key"], item["Size"]) == ("a", 5)
    assert s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"] == [{"Key": "t", "Value": "1"}]
    s3.delete_object(Bucket=bucket, Key="a")
    assert not exists(s3, bucket, "a")


def test_an_object_is_overwritten_without_its_key(s3, bucket):
    put(s3, bucket, "a", b"1", **own())
    put(s3, bucket, "a", b"2", **own(OTHER))
    assert get(s3, bucket, "a", **own(OTHER)) == b"2" and code(s3.get_object, Bucket=bucket, Key="a", **own()) == DENIED
    put(s3, bucket, "a", b"3")
    assert get(s3, bucket, "a") == b"3"


def test_each_version_has_its_own_key(s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    made = [put(s3, bucket, "a", body, **more)["VersionId"] for body, more in ((b"1", own()), (b"2", own(OTHER)), (b"3", {}))]
    assert get(s3, bucket, "a", VersionId=made[0], **own()) == b"1"
    assert get(s3, bucket, "a", VersionId=made[1], **own(OTHER)) == b"2"
    assert get(s3, bucket, "a") == b"3"
    assert code(s3.get_object, Bucket=bucket, Key="a", VersionId=made[0], **own(OTHER)) == DENIED
    assert code(s3.get_object, Bucket=bucket, Key="a", VersionId=made[1]) == WITHOUT


def test_conditions_and_checksums_under_the_clients_key(s3, bucket):
    done = put(s3, bucket, "a", b"body", ChecksumAlgorithm="SHA256", **own())
    assert code(s3.get_object, Bucket=bucket, Key="a", IfNoneMatch=done["ETag"], **own())[1] == 304
    assert code(s3.get_object, Bucket=bucket, Key="a", IfNoneMatch=done["ETag"])[1] == 400
    assert s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED", **own())["ChecksumSHA256"] == b64(hashlib.sha256(b"body").digest())


def test_neither_plain_text_nor_key_is_anywhere_in_the_data_folder(make_server):
    server = make_server("plain")
    s3 = server.client()
    s3.create_bucket(Bucket="plain")
    key, word = os.urandom(32), os.urandom(16).hex().encode()
    for number, size in enumerate((1, 100, 10_000)):
        put(s3, "plain", f"own-{number}", word * size, **own(key))
        put(s3, "plain", f"store-{number}", word * size, ServerSideEncryption="AES256")
    upload(s3, "plain", "parts", [word * (5 * MIB // 32), word], part=own(key), **own(key))
    s3.copy_object(Bucket="plain", Key="copy", CopySource={"Bucket": "plain", "Key": "own-2"}, **own(key), **source(key))
    assert get(s3, "plain", "parts", **own(key)).startswith(word)
    server.terminate()
    secrets = [word, key, key.hex().encode(), base64.b64encode(key), base64.b64encode(hashlib.md5(key).digest())]
    files = [path for path in Path(server.data).rglob("*") if path.is_file()]
    assert len(files) > 3
    for path in files:
        content = path.read_bytes()
        assert not [secret for secret in secrets[:4] if secret in content], path
    assert not [secret for secret in secrets if secret.decode("latin-1") in server.log]


def test_a_wrong_key_is_still_wrong_after_a_restart(make_server):
    server = make_server("restarted")
    s3 = server.client()
    s3.create_bucket(Bucket="restarted")
    put(s3, "restarted", "a", b"body" * 50_000, **own())
    server.restart()
    s3 = server.client()
    assert code(s3.get_object, Bucket="restarted", Key="a", **own(OTHER)) == DENIED
    assert get(s3, "restarted", "a", **own()) == b"body" * 50_000


# Keys of the client's: copies and parts


@pytest.mark.parametrize("size", [10, 200_000])
def test_a_copy_between_keys(s3, bucket, size):
    body = b"0123456789" * (size // 10)
    put(s3, bucket, "a", body, Metadata={"m": "1"}, **own())
    copy = dict(Bucket=bucket, CopySource={"Bucket": bucket, "Key": "a"})
    done = s3.copy_object(Key="b", **copy, **source(), **own(OTHER))
    assert done["SSECustomerKeyMD5"] == b64(hashlib.md5(OTHER).digest())
    assert get(s3, bucket, "b", **own(OTHER)) == body and code(s3.get_object, Bucket=bucket, Key="b", **own()) == DENIED
    s3.copy_object(Key="c", **copy, **source())
    assert get(s3, bucket, "c") == body and s3.head_object(Bucket=bucket, Key="c")["Metadata"] == {"m": "1"}
    s3.copy_object(Bucket=bucket, Key="d", CopySource={"Bucket": bucket, "Key": "c"}, **own())
    assert get(s3, bucket, "d", **own()) == body


def test_a_copy_without_the_sources_key(s3, bucket):
    put(s3, bucket, "a", **own())
    put(s3, bucket, "plain")
    copy = dict(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    assert code(s3.copy_object, **copy) == WITHOUT
    assert code(s3.copy_object, **copy, **own()) == WITHOUT
    assert code(s3.copy_object, **copy, **source(OTHER)) == DENIED
    assert code(s3.copy_object, **{**copy, "CopySource": {"Bucket": bucket, "Key": "plain"}}, **source())[1] == 400
    assert not exists(s3, bucket, "b")


def test_a_key_is_changed_by_a_copy_onto_itself(s3, bucket):
    put(s3, bucket, "a", b"body", **own())
    s3.copy_object(Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a"}, **source(), **own(OTHER))
    assert get(s3, bucket, "a", **own(OTHER)) == b"body"
    assert code(s3.get_object, Bucket=bucket, Key="a", **own()) == DENIED


def test_an_upload_under_the_clients_key(s3, bucket):
    bodies = [b"a" * 5 * MIB, b"b" * 5 * MIB, b"c"]
    done = upload(s3, bucket, "a", bodies, part=own(), ContentType="text/x", Metadata={"m": "1"}, **own())
    found = s3.head_object(Bucket=bucket, Key="a", **own())
    assert (found["ContentLength"], found["ContentType"], found["Metadata"], found["ETag"]) == (10 * MIB + 1, "text/x", {"m": "1"}, done["ETag"])
    assert get(s3, bucket, "a", **own()) == b"".join(bodies)
    assert get(s3, bucket, "a", Range=f"bytes={5 * MIB - 1}-{5 * MIB}", **own()) == b"ab"
    assert get(s3, bucket, "a", Range="bytes=-2", **own()) == b"bc"
    assert s3.head_object(Bucket=bucket, Key="a", PartNumber=3, **own())["ContentLength"] == 1
    assert code(s3.get_object, Bucket=bucket, Key="a") == WITHOUT
    assert code(s3.get_object, Bucket=bucket, Key="a", **own(OTHER)) == DENIED


def test_each_part_needs_the_uploads_key(s3, bucket):
    made = s3.create_multipart_upload(Bucket=bucket, Key="a", **own())
    assert made["SSECustomerKeyMD5"] == b64(hashlib.md5(KEY).digest())
    part = dict(Bucket=bucket, Key="a", UploadId=made["UploadId"], PartNumber=1, Body=b"x")
    assert code(s3.upload_part, **part) == WITHOUT
    assert code(s3.upload_part, **part, **own(OTHER))[1] in (400, 403)
    assert s3.upload_part(**part, **own())["SSECustomerAlgorithm"] == "AES256"
    plain = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    assert code(s3.upload_part, **{**part, "UploadId": plain}, **own())[1] == 400


def test_a_part_is_copied_between_keys(s3, bucket):
    put(s3, bucket, "a", b"0123456789", **own())
    made = s3.create_multipart_upload(Bucket=bucket, Key="b", **own(OTHER))["UploadId"]
    copy = dict(Bucket=bucket, Key="b", UploadId=made, PartNumber=1, CopySource={"Bucket": bucket, "Key": "a"}, CopySourceRange="bytes=2-5")
    assert code(s3.upload_part_copy, **copy, **own(OTHER)) == WITHOUT
    assert code(s3.upload_part_copy, **copy, **source(OTHER), **own(OTHER)) == DENIED
    etag = s3.upload_part_copy(**copy, **source(), **own(OTHER))["CopyPartResult"]["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key="b", UploadId=made, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert get(s3, bucket, "b", **own(OTHER)) == b"2345"


# A key service


def test_the_service_default_key_is_named(s3, bucket):
    done = put(s3, bucket, "a", b"body", ServerSideEncryption="aws:kms")
    assert done["ServerSideEncryption"] == "aws:kms" and done["SSEKMSKeyId"]
    for found in (s3.head_object(Bucket=bucket, Key="a"), s3.get_object(Bucket=bucket, Key="a")):
        assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", done["SSEKMSKeyId"])
    assert get(s3, bucket, "a") == b"body" and get(s3, bucket, "a", Range="bytes=1-2") == b"od"


def test_the_key_that_was_named_may_be_asked_for(s3, bucket):
    name = put(s3, bucket, "a", ServerSideEncryption="aws:kms")["SSEKMSKeyId"]
    assert put(s3, bucket, "b", b"body", ServerSideEncryption="aws:kms", SSEKMSKeyId=name)["SSEKMSKeyId"] == name
    assert get(s3, bucket, "b") == b"body"


@pytest.mark.parametrize("name", ["11111111-2222-3333-4444-555555555555", "arn:aws-cn:kms:cn-north-1:111111111111:key/11111111-2222-3333-4444-555555555555", "alias/unknown"])
def test_an_unknown_key_of_the_service(s3, bucket, name):
    said = code(put, s3=s3, bucket=bucket, key="a", ServerSideEncryption="aws:kms", SSEKMSKeyId=name)
    assert said[1] == 400 and said[0] in ("KMS.NotFoundException", "InvalidArgument")
    assert code(s3.create_multipart_upload, Bucket=bucket, Key="a", ServerSideEncryption="aws:kms", SSEKMSKeyId=name)[1] == 400
    assert not exists(s3, bucket, "a")


def test_a_key_of_the_service_needs_the_service(s3, bucket):
    name = put(s3, bucket, "a", ServerSideEncryption="aws:kms")["SSEKMSKeyId"]
    assert code(put, s3=s3, bucket=bucket, key="b", ServerSideEncryption="AES256", SSEKMSKeyId=name) == ("InvalidArgument", 400)
    assert code(put, s3=s3, bucket=bucket, key="b", SSEKMSKeyId=name) == ("InvalidArgument", 400)
    assert code(put, s3=s3, bucket=bucket, key="b", ServerSideEncryption="aws:kms", **own())[1] == 400
    assert not exists(s3, bucket, "b")


def test_an_upload_and_a_copy_under_the_service(s3, bucket):
    done = upload(s3, bucket, "a", [b"a" * 5 * MIB, b"b"], ServerSideEncryption="aws:kms")
    assert done["ServerSideEncryption"] == "aws:kms" and done["SSEKMSKeyId"]
    assert get(s3, bucket, "a", Range="bytes=-2") == b"ab"
    copied = s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"}, ServerSideEncryption="aws:kms")
    assert copied["ServerSideEncryption"] == "aws:kms"
    s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "a"}, ServerSideEncryption="AES256")
    assert s3.head_object(Bucket=bucket, Key="c")["ServerSideEncryption"] == "AES256"


def test_a_service_header_on_reading_is_refused(server, s3, bucket):
    put(s3, bucket, "a", b"body", ServerSideEncryption="aws:kms")
    answer = Raw(server).request("GET", f"/{bucket}/a", (), {"x-amz-server-side-encryption": "aws:kms"})
    assert answer.status == 400 and answer.code in ("InvalidArgument", "InvalidRequest"), answer
