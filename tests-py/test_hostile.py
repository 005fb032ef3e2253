"""Requests that somebody wants to be mistaken for good ones, and folders in a state nobody wants."""

import contextlib
import datetime
import hashlib
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import urllib3
from botocore.exceptions import ClientError, HTTPClientError

from onshore_server import CONFIG, Ended, Server, mode_of
from raw_s3 import CHECKSUMS, Raw, b64, encode

MIB = 1 << 20


@pytest.fixture(scope="module")
def raw(server):
    server.client().create_bucket(Bucket="here")
    server.client().put_object(Bucket="here", Key="a", Body=b"x")
    return Raw(server)


@pytest.fixture(autouse=True)
def alive(request):
    """Whatever was asked, the server still serves afterwards and has not panicked."""
    yield
    if "server" in request.fixturenames:
        server = request.getfixturevalue("server")
        assert Raw(server).request("GET", "/here/a").body == b"x"
        assert "panicked" not in server.log


def is_error(answer, status, code=None):
    assert answer.status == status, answer
    if code:
        assert answer.code == code, answer


def absent(server, key):
    with pytest.raises(ClientError):
        server.client().head_object(Bucket="here", Key=key)


# Signatures


def test_unsigned(raw):
    for method, path in (("GET", "/"), ("GET", "/here"), ("GET", "/here/a"), ("PUT", "/here/u"), ("DELETE", "/here/a"), ("POST", "/here?delete")):
        is_error(raw.send(method, path, {"host": raw.host}), 403, "AccessDenied")
    assert raw.send("HEAD", "/here/a", {"host": raw.host}).status == 403


def test_wrong_signature(raw):
    is_error(raw.request("GET", "/here/a", signature="0" * 64), 403, "SignatureDoesNotMatch")
    is_error(raw.request("GET", "/here/a", signature="not hex at all"), 403)
    is_error(raw.request("GET", "/here/a", secret_key="wrong"), 403, "SignatureDoesNotMatch")
    is_error(raw.request("GET", "/here/a", access_key="ABSENTKEY123"), 403, "InvalidAccessKeyId")
    is_error(raw.request("GET", "/here/a", sent_target="/here/b"), 403, "SignatureDoesNotMatch")
    is_error(raw.request("GET", "/here/a", sent_target="/here/a?tagging"), 403, "SignatureDoesNotMatch")
    is_error(raw.request("GET", "/here", [("list-type", "2")], sent_target="/here?list-type=2&prefix=a"), 403, "SignatureDoesNotMatch")


def test_wrong_scope(raw):
    answer = raw.request("GET", "/here/a", region="us-east-1")
    is_error(answer, 400, "AuthorizationHeaderMalformed")
    assert answer.field("Region") == "cn-north-1"
    assert "cn-north-1" in answer.field("Message")
    assert raw.request("GET", "/here/a", service="sts").status in (400, 403)
    answer = raw.presigned_request("GET", "/here/a", region="us-east-1")
    assert answer.status == 400 and answer.code in ("AuthorizationQueryParametersError", "AuthorizationHeaderMalformed")
    assert b"cn-north-1" in answer.body


@pytest.mark.parametrize(
    "authorization",
    ["", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 garbage", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=, Signature=", "Bearer token", "Basic YTpi", "\u00ff", "AWS4-HMAC-SHA256 " + "a" * 10000],
)
def test_malformed_authorization(raw, authorization):
    target, headers, _ = raw.signed("GET", "/here/a")
    headers["authorization"] = authorization.encode("latin-1")
    assert raw.send("GET", target, headers).status in (400, 403, 431)


def test_old_and_unknown_signatures(raw):
    is_error(raw.send("GET", "/here/a", {"host": raw.host, "date": "Thu, 01 Jan 2026 00:00:00 GMT", "authorization": "AWS KEY:c2lnbmF0dXJl"}), 400, "InvalidRequest")
    is_error(raw.send("GET", "/here/a?AWSAccessKeyId=KEY&Signature=c2ln&Expires=4102444800", {"host": raw.host}), 400, "InvalidRequest")
    target, headers, _ = raw.signed("GET", "/here/a")
    headers["authorization"] = headers["authorization"].replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")
    is_error(raw.send("GET", target, headers), 501, "NotImplemented")
    target, headers = raw.presigned("GET", "/here/a")
    is_error(raw.send("GET", target.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), headers), 501, "NotImplemented")


def test_time(raw):
    now = datetime.datetime.now(datetime.timezone.utc)
    minutes = lambda count: now + datetime.timedelta(minutes=count)
    for count in (-14, 14):
        assert raw.request("GET", "/here/a", now=minutes(count)).status == 200
    for count in (-17, 17, -60 * 24 * 365):
        is_error(raw.request("GET", "/here/a", now=minutes(count)), 403, "RequestTimeTooSkewed")
    target, headers, _ = raw.signed("GET", "/here/a")
    headers["x-amz-date"] = "garbage"
    assert raw.send("GET", target, headers).status in (400, 403)


def test_presigned_times(raw):
    now = datetime.datetime.now(datetime.timezone.utc)
    assert raw.presigned_request("GET", "/here/a", 604800).status == 200
    for expires in (604801, 10**9, 10**30, -1, "x", ""):
        assert raw.presigned_request("GET", "/here/a", expires).status == 400, expires
    answer = raw.presigned_request("GET", "/here/a", 60, now=now - datetime.timedelta(seconds=90))
    is_error(answer, 403, "AccessDenied")
    assert raw.presigned_request("GET", "/here/a", 604800, now=now - datetime.timedelta(days=6)).status == 200
    assert raw.presigned_request("GET", "/here/a", 604800, now=now + datetime.timedelta(days=1)).status == 403


def test_presigned_twice_over(raw):
    target, headers = raw.presigned("GET", "/here/a")
    assert raw.send("GET", target + "&X-Amz-Expires=600", headers).status in (400, 403)
    assert raw.send("GET", target.replace("X-Amz-Signature", "x-amz-signature"), headers).status in (400, 403)
    both = raw.signed("GET", "/here/a")[1]
    assert raw.send("GET", target, {**headers, "authorization": both["authorization"]}).status in (400, 403)


@pytest.mark.parametrize("name", ["x-amz-meta-onshore-class", "x-amz-acl", "x-amz-copy-source", "x-amz-tagging", "x-amz-security-token"])
def test_what_is_not_signed_does_not_count(raw, server, name):
    value = {"x-amz-copy-source": "/here/a"}.get(name, "general")
    is_error(raw.request("PUT", "/here/unsigned", (), {name: value}, b"", unsigned=[name]), 403, "AccessDenied")
    absent(server, "unsigned")
    target, headers = raw.presigned("PUT", "/here/unsigned")
    is_error(raw.send("PUT", target, {**headers, name: value}), 403, "AccessDenied")
    absent(server, "unsigned")


def test_the_host_must_be_signed(raw):
    assert raw.request("GET", "/here/a", unsigned=["host"]).status in (400, 403)
    target, headers = raw.presigned("GET", "/here/a", unsigned=["host"])
    assert raw.send("GET", target, headers).status in (400, 403)


def test_signed_headers_must_be_there(raw):
    is_error(raw.request("GET", "/here/a", extra_signed=["x-absent"]), 403)
    is_error(raw.request("GET", "/here/a", extra_signed=["x-amz-meta-absent"]), 403)


def test_a_header_sent_twice_is_not_another_header(raw):
    target, headers, _ = raw.signed("PUT", "/here/twice", (), {"x-amz-meta-onshore-class": "personal"}, b"x")
    connection = raw.connect()
    connection.putrequest("PUT", target, skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.putheader("x-amz-meta-onshore-class", "general")
    connection.putheader("content-length", "1")
    connection.endheaders(b"x")
    assert connection.getresponse().status in (400, 403)
    connection.close()


# Bodies


def test_truncated_body(raw, server):
    target, headers, _ = raw.signed("PUT", "/here/cut", (), {"content-length": "1000"}, payload="UNSIGNED-PAYLOAD")
    with socket.create_connection((server.s3_host, server.s3_port), 30) as stream:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        stream.sendall(f"PUT {target} HTTP/1.1\r\n{lines}\r\n".encode() + b"only this")
        stream.shutdown(socket.SHUT_WR)
        stream.settimeout(30)
        answer = b""
        while piece := stream.recv(4096):
            answer += piece
        assert b" 200 " not in answer
    absent(server, "cut")


@pytest.mark.parametrize("body, good", [(b"", True), (b"x", True), (b"", False), (b"x", False)])
def test_an_answer_without_100_continue_ends_the_connection(server, raw, body, good):
    """botocore, and with it the AWS CLI, loses its place on a connection that was answered directly and kept."""
    more = {} if good else {"signature": "0" * 64}
    target, headers, _ = raw.signed("PUT", "/here/expecting", (), {"expect": "100-continue", "content-length": str(len(body))}, body, unsigned=["expect"], **more)
    with socket.create_connection((server.s3_host, server.s3_port), 30) as stream:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        stream.sendall(f"PUT {target} HTTP/1.1\r\n{lines}\r\n".encode())
        answer = stream.recv(65536)
        while b"\r\n\r\n" not in answer:
            answer += stream.recv(65536)
    assert answer.startswith(b"HTTP/1.1 100 ") or b"\r\nconnection: close" in answer.lower(), answer


def test_lying_hashes(raw, server):
    is_error(raw.request("PUT", "/here/lie", (), None, b"x", payload=hashlib.sha256(b"y").hexdigest()), 400, "XAmzContentSHA256Mismatch")
    assert raw.request("PUT", "/here/lie", (), None, b"x", payload="not a hash").status in (400, 403)
    is_error(raw.request("PUT", "/here/lie", (), {"content-md5": b64(hashlib.md5(b"y").digest())}, b"x"), 400, "BadDigest")
    is_error(raw.request("PUT", "/here/lie", (), {"content-md5": "!"}, b"x"), 400, "InvalidDigest")
    for name, make in CHECKSUMS.items():
        is_error(raw.request("PUT", "/here/lie", (), {f"x-amz-checksum-{name}": make(b"y")}, b"x"), 400, "BadDigest")
    two = {f"x-amz-checksum-{name}": CHECKSUMS[name](b"x") for name in ("crc32", "sha256")}
    assert raw.request("PUT", "/here/lie", (), two, b"x").status == 400
    assert raw.request("PUT", "/here/lie", (), {"x-amz-checksum-md7": "AAAA"}, b"x").status in (400, 501)
    absent(server, "lie")


def test_broken_chunks(raw, server):
    chunks = [b"a" * 8192, b"b" * 8192]
    trailer = ("x-amz-checksum-crc32", CHECKSUMS["crc32"](b"".join(chunks)))
    for number in range(3):
        is_error(raw.chunked("/here/chunk", chunks, break_chunk=number), 403, "SignatureDoesNotMatch")
        is_error(raw.chunked("/here/chunk", chunks, trailer, break_chunk=number), 403, "SignatureDoesNotMatch")
    is_error(raw.chunked("/here/chunk", chunks, trailer, break_trailer=True), 403, "SignatureDoesNotMatch")
    for signed in (True, False):
        for lie in (len(b"".join(chunks)) - 1, len(b"".join(chunks)) + 1, 0, 5 * 1024 * MIB):
            answer = raw.chunked("/here/chunk", chunks, trailer, signed, decoded_length=lie)
            assert 400 <= answer.status < 500, (lie, answer)
        assert 400 <= raw.chunked("/here/chunk", chunks, trailer, signed, drop_trailer=True).status < 500
        assert 400 <= raw.chunked("/here/chunk", chunks, trailer, signed, announce="x-amz-checksum-sha256").status < 500
        assert 400 <= raw.chunked("/here/chunk", chunks, ("x-amz-checksum-crc32", "garbage"), signed).status < 500
    absent(server, "chunk")


@pytest.mark.parametrize(
    "body",
    [b"", b"garbage", b"zz\r\nx\r\n0\r\n\r\n", b"-1\r\nx\r\n0\r\n\r\n", b"ffffffffffffffffff\r\nx\r\n", b"1\r\nxx0\r\n\r\n", b"1" * 100000, b"1;" + b"a" * 100000],
)
def test_chunks_that_are_none(raw, server, body):
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": "1", "x-amz-trailer": "x-amz-checksum-crc32"}
    target, headers, _ = raw.signed("PUT", "/here/none", (), headers, b"", payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    assert 400 <= raw.send("PUT", target, headers, body).status < 500
    absent(server, "none")


def test_a_form_is_not_gathered(raw, server):
    body = b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n'
    headers = {"host": raw.host, "content-type": "multipart/form-data; boundary=b"}
    is_error(raw.send("POST", "/here", headers, body), 403, "AccessDenied")
    is_error(raw.send("POST", "/here/", {**headers, "content-type": "Multipart/Form-Data; boundary=b"}, body), 403, "AccessDenied")
    started = time.monotonic()
    is_error(raw.send("POST", "/here", {**headers, "content-length": str(5 * 1024 * MIB)}, body[:-9]), 403, "AccessDenied")
    assert time.monotonic() - started < 10
    absent(server, "k")


XML = [
    ("POST", "/here", [("delete", "")]),
    ("PUT", "/here/a", [("tagging", "")]),
    ("PUT", "/made-by-xml", []),
]
BAD_XML = [
    b"garbage", b"<", b"<Delete>", b"<Delete><Object>", b"<Other/>", b"\xff\xfe", b"<a>" * 5000,
    b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>',
    b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Tagging><TagSet><Tag><Key>&a;</Key><Value/></Tag></TagSet></Tagging>',
]


@pytest.mark.parametrize("method, path, query", XML)
@pytest.mark.parametrize("body", BAD_XML)
def test_bad_xml(raw, method, path, query, body):
    answer = raw.request(method, path, query, {"content-md5": b64(hashlib.md5(body).digest())}, body)
    is_error(answer, 400)
    assert answer.code in ("MalformedXML", "InvalidRequest", "InvalidBucketName"), answer


def test_bad_xml_of_a_completion(raw, server):
    upload = server.client().create_multipart_upload(Bucket="here", Key="m")["UploadId"]
    for body in BAD_XML:
        is_error(raw.request("POST", "/here/m", [("uploadId", upload)], None, body), 400)
    assert server.client().list_parts(Bucket="here", Key="m", UploadId=upload)["UploadId"] == upload
    server.client().abort_multipart_upload(Bucket="here", Key="m", UploadId=upload)


def test_huge_xml(raw):
    objects = b"".join(b"<Object><Key>k%d</Key></Object>" % number for number in range(1001))
    body = b"<Delete>" + objects + b"</Delete>"
    is_error(raw.request("POST", "/here", [("delete", "")], {"content-md5": b64(hashlib.md5(body).digest())}, body), 400, "MalformedXML")
    body = b"<Delete>" + b" " * (40 * MIB) + b"</Delete>"
    assert raw.request("POST", "/here", [("delete", "")], {"content-md5": b64(hashlib.md5(body).digest())}, body).status in (400, 413)


# Names


@pytest.mark.parametrize("name", ["ab", "Abc", "a_b", "-ab", "192.168.0.1", "a..b", "xn--abc", "a" * 64, "%2e%2e", "%00abc", "\u6587\u6863"])
def test_bad_bucket_names(raw, name):
    target = "/" + (name if "%" in name else encode(name))
    answer = raw.request("PUT", "/", target=target)
    is_error(answer, 400, "InvalidBucketName")


def test_bad_keys(raw):
    is_error(raw.request("PUT", "/here/" + "k" * 1025, (), None, b"x"), 400, "KeyTooLongError")
    assert raw.request("PUT", "/here/" + "k" * 1024, (), None, b"x").status == 200
    for target in ("/here/a%00b", "/here/%ff", "/here/%c3%28"):
        assert raw.request("PUT", "/", (), None, b"x", target=target).status == 400, target


def test_paths_are_not_walked(raw, server):
    body = b"dots are only dots"
    for path in ("/here/../here/dots", "/here/./dots", "/here/..%2f..%2fdots", "/here//dots"):
        assert raw.request("PUT", "/", (), None, body, target=path).status in (200, 400, 403), path
    listed = server.client().list_objects_v2(Bucket="here")["Contents"]
    assert "dots" not in [item["Key"] for item in listed]
    assert not list(server.data.parent.glob("**/dots"))
    for target in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd"):
        assert raw.request("GET", "/", target=target).status in (400, 403, 404)


@pytest.mark.parametrize(
    "bytes_",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /here/a HTTP/1.1\r\n\r\n",
        b"GET /here/a HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"PUT /here/a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT /here/a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nxxxxxx",
        b"PUT /here/a HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"".join(b"x-%d: y\r\n" % number for number in range(5000)) + b"\r\n",
        b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_not_even_http(server, raw, bytes_):
    with socket.create_connection((server.s3_host, server.s3_port), 30) as stream:
        stream.settimeout(30)
        answer = b""
        try:
            stream.sendall(bytes_)
            stream.shutdown(socket.SHUT_WR)
            while piece := stream.recv(4096):
                answer += piece
        except OSError:
            pass  # cut off in the middle of it: as good an answer as any
    assert b"HTTP/1.1 2" not in answer


def test_nothing_secret_is_logged(server, raw):
    raw.request("PUT", "/here/name-of-a-person", (), None, b"x")
    _, headers, (_, _, signature) = raw.signed("GET", "/here/name-of-a-person")
    raw.send("GET", "/here/name-of-a-person", headers)
    for secret in (server.secret_key, server.token, signature, "name-of-a-person"):
        assert secret not in server.log


# Folders


def fails_to_start(server, *words):
    with pytest.raises(Ended) as caught:
        server.start()
    text = str(caught.value)
    assert text.startswith("status 1") or text.startswith("status 2"), text
    assert "panicked" not in text
    for word in words:
        assert word.lower() in text.lower(), text


def test_a_second_server_is_refused(make_server):
    first = make_server("first")
    fails_to_start(Server(first.data), "server")
    first.client().create_bucket(Bucket="still")


def test_credentials_are_for_the_owner_alone(make_server):
    server = make_server("modes")
    assert mode_of(server.data / "credentials.toml") == 0o600
    assert mode_of(server.data / "root.key") == 0o600
    assert mode_of(server.data) & 0o077 == 0
    assert str(server.data / "credentials.toml") in server.log
    assert server.secret_key not in server.log and server.token not in server.log


def test_keys_from_the_environment_count_once(make_server):
    env = {"ONSHORE_ACCESS_KEY": "FROMENV123", "ONSHORE_SECRET_KEY": "from-the-environment-0123456789"}
    server = make_server("env", env=env)
    assert server.access_key == "FROMENV123"
    assert env["ONSHORE_SECRET_KEY"] not in (server.data / "credentials.toml").read_text()
    server.client().create_bucket(Bucket="by-env")
    server.terminate()
    server.output = []
    server.start(ONSHORE_ACCESS_KEY="OTHERKEY123", ONSHORE_SECRET_KEY="another-secret-0123456789")
    assert "warn" in server.log.lower()
    assert server.client(access_key="FROMENV123", secret_key=env["ONSHORE_SECRET_KEY"]).list_buckets()["Buckets"]
    with pytest.raises(ClientError):
        server.client(access_key="OTHERKEY123", secret_key="another-secret-0123456789").list_buckets()


def test_half_a_key_from_the_environment(make_server):
    fails_to_start(make_server("half", start=False, env={"ONSHORE_ACCESS_KEY": "ONLYTHIS123"}), "ONSHORE_SECRET_KEY")


@pytest.mark.parametrize(
    "change, word",
    [
        ('[region]\nid = "cn-north-1"', '[region]\nregoin = 1\nid = "cn-north-1"'),
        ('[proxies]', '[unknown-section]\nx = 1\n\n[proxies]'),
        ('jurisdiction = "CN"', 'jurisdiction = "XQ-9"'),
        ('"127.0.0.66/32" = "US"', '"not-a-network" = "US"'),
        ('"127.0.0.66/32" = "US"', '"127.0.0.66/32" = "nowhere"'),
        ('[region]', '[region'),
    ],
)
def test_bad_configuration(make_server, tmp_path, change, word):
    config = CONFIG.replace(change, word)
    assert config != CONFIG
    server = make_server("bad", start=False, config=config)
    fails_to_start(server)
    assert not (server.data / "onshore.db").exists(), "a bad configuration changes nothing"
    path = tmp_path / "bad.toml"
    path.write_text(config)
    done = server.run("config", "check", path)
    assert done.returncode in (1, 2) and done.stderr and "panicked" not in done.stderr
    path.write_text(CONFIG)
    assert server.run("config", "check", path).returncode == 0


def test_an_unknown_key_is_named(make_server, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(CONFIG.replace("[s3]\n", "[s3]\ndomian = 1\n"))
    assert "domian" in make_server("none", start=False).run("config", "check", path).stderr


def fill(server):
    s3 = server.client()
    s3.create_bucket(Bucket="kept")
    for number in range(20):
        s3.put_object(Bucket="kept", Key=str(number), Body=bytes([number]) * 1000)
    s3.put_object(Bucket="kept", Key="large", Body=b"l" * (3 * MIB))
    return s3


def read_whole(s3, key):
    """The body, or None when the server reported an error or cut the connection."""
    try:
        return s3.get_object(Bucket="kept", Key=key)["Body"].read()
    except (ClientError, HTTPClientError, urllib3.exceptions.HTTPError):
        return None


def test_a_corrupt_database_is_named_and_left_alone(make_server):
    server = make_server("corrupt")
    fill(server)
    assert server.terminate() == 0
    database = server.data / "onshore.db"
    # What still lies in the write-ahead log would cover what is spoiled in the file.
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = database.read_bytes()
    for at, spoil in ((0, b"not a database at all!!!"), (100, os.urandom(200))):
        spoiled = bytearray(before)
        spoiled[at : at + len(spoil)] = spoil
        database.write_bytes(spoiled)
        server.output = []
        fails_to_start(server, "onshore.db")
        assert database.read_bytes() == bytes(spoiled), "a corrupt database is evidence"
    database.write_bytes(before)
    server.output = []
    server.start()
    assert server.client().get_object(Bucket="kept", Key="large")["Body"].read() == b"l" * (3 * MIB)


def test_a_flipped_bit_on_disk_is_reported(make_server):
    server = make_server("rot")
    s3 = fill(server)
    large = max((path for path in (server.data / "objects").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    assert large.stat().st_size >= 3 * MIB
    for place in (large.stat().st_size // 2, 10, large.stat().st_size - 1):
        with open(large, "r+b") as file:
            file.seek(place)
            byte = file.read(1)
            file.seek(place)
            file.write(bytes([byte[0] ^ 1]))
        assert read_whole(s3, "large") is None, f"the flipped bit at {place} was not reported"
        with open(large, "r+b") as file:
            file.seek(place)
            file.write(byte)
        assert server.client().get_object(Bucket="kept", Key="large")["Body"].read() == b"l" * (3 * MIB)


def test_a_lost_or_wrong_root_key_is_named(make_server):
    server = make_server("root")
    fill(server)
    assert server.terminate() == 0
    key = server.data / "root.key"
    right = key.read_text()
    key.unlink()
    server.output = []
    fails_to_start(server, "key")
    assert not key.exists(), "a second root key would hide the loss of the first"
    key.write_text("00" * 32 + "\n")
    key.chmod(0o600)
    server.output = []
    fails_to_start(server, "key")
    key.write_text(right)
    key.chmod(0o644)
    server.output = []
    fails_to_start(server, "root.key")
    key.chmod(0o600)
    server.output = []
    server.start()
    assert server.client().get_object(Bucket="kept", Key="3")["Body"].read() == b"\x03" * 1000


@pytest.fixture
def small_disk():
    """A file system of 24 MiB; only root may mount one."""
    folder = Path(tempfile.mkdtemp(prefix="onshore-small-disk-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True, text=True)
    if mounted.returncode != 0:
        folder.rmdir()
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_full_disk_is_an_error_and_nothing_is_lost(small_disk):
    server = Server(small_disk / "data").start()
    try:
        s3 = server.client()
        s3.create_bucket(Bucket="full")
        kept = []
        failure = None
        for number in range(200):
            size = MIB if number % 2 else 30_000
            try:
                s3.put_object(Bucket="full", Key=str(number), Body=bytes([number]) * size)
                kept.append((number, size))
            except ClientError as error:
                failure = error.response
                break
        assert failure and failure["ResponseMetadata"]["HTTPStatusCode"] in (500, 503, 507), failure
        assert kept
        for number, size in kept:
            assert s3.get_object(Bucket="full", Key=str(number))["Body"].read() == bytes([number]) * size
        server.kill9()
        # Room is made the way an operator makes it: by growing the disk.
        subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
        server.output = []
        server.start()
        s3 = server.client()
        for number, size in kept:
            assert s3.get_object(Bucket="full", Key=str(number))["Body"].read() == bytes([number]) * size
        s3.put_object(Bucket="full", Key="after", Body=b"x" * MIB)
    finally:
        server.kill9()
