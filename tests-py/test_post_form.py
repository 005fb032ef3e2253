"""Uploads from a browser's form: a signed policy in the fields, the file last."""

import base64
import datetime
import hashlib
import hmac
import json
import socket
import xml.etree.ElementTree as tree
from urllib.parse import parse_qs, urlsplit

import pytest

from calls import MIB, code, exists, get, history, set_versioning, tags
from raw_s3 import CHECKSUMS, Raw, encode, flipped

BOUNDARY = "----a-boundary-of-the-test"
AUTHORITY = ["policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"]


def form(fields, file=b"content", after=(), filename="name.txt", kind="text/plain", end=True):
    """The body of a form: fields, then the file, then what comes after it."""
    part = lambda name, value: f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
    bytes_of = lambda value: value if isinstance(value, bytes) else str(value).encode()
    body = b"".join(part(name, bytes_of(value)) for name, value in fields)
    if file is not None:
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\nContent-Type: {kind}\r\n\r\n'.encode() + file + b"\r\n"
    body += b"".join(part(name, bytes_of(value)) for name, value in after)
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


class Form:
    def __init__(self, server, bucket):
        self.server = server
        self.bucket = bucket
        self.raw = Raw(server)

    def policy(self, *conditions, expires=3600, **more):
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=expires)
        stamp, scope = self.raw.scope({})
        said = [{"x-amz-algorithm": "AWS4-HMAC-SHA256"}, {"x-amz-credential": f"{self.server.access_key}/{scope}"}, {"x-amz-date": stamp}]
        return {"expiration": until.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "conditions": [*said, *conditions], **more}

    def signed(self, policy, **options):
        """The fields that vouch for a policy; a string is signed as it is."""
        stamp, scope = self.raw.scope(options)
        text = policy if isinstance(policy, str) else base64.b64encode(json.dumps(policy).encode()).decode()
        signature = hmac.new(self.raw.key(scope, options), text.encode(), hashlib.sha256).hexdigest()
        access = options.get("access_key", self.server.access_key)
        return list(zip(AUTHORITY, [text, "AWS4-HMAC-SHA256", f"{access}/{scope}", stamp, options.get("signature") or signature]))

    def send(self, body, content_type=f"multipart/form-data; boundary={BOUNDARY}", target=None, **headers):
        return self.raw.send("POST", target or f"/{self.bucket}", {"host": self.raw.host, "content-type": content_type, **headers}, body)

    def post(self, *fields, file=b"content", conditions=None, expires=3600, options=None, **more):
        """Posts these fields under a policy that allows exactly them, or under these conditions."""
        if conditions is None:
            conditions = [{name: value} for name, value in fields if "${filename}" not in value]
            conditions += [["starts-with", f"${name}", ""] for name, value in fields if "${filename}" in value]
        policy = self.policy({"bucket": self.bucket}, *conditions, expires=expires)
        return self.send(form([*fields, *self.signed(policy, **(options or {}))], file, **more))


@pytest.fixture
def page(server, bucket):
    return Form(server, bucket)


def refused(answer, status, *codes):
    assert answer.status == status and (not codes or answer.code in codes), answer


# What works


def test_a_form_stores_its_file(s3, bucket, page):
    answer = page.post(("key", "a"), file=b"the content")
    assert (answer.status, answer.body) == (204, b""), answer
    found = s3.get_object(Bucket=bucket, Key="a")
    assert found["Body"].read() == b"the content"
    assert answer.headers["etag"] == found["ETag"] == f'"{hashlib.md5(b"the content").hexdigest()}"'
    assert answer.headers["location"].endswith(f"/{bucket}/a") or answer.headers["location"].endswith("/a")


def test_the_form_that_boto3_makes(server, s3, bucket, page):
    made = server.client(signature_version="s3v4").generate_presigned_post(
        bucket, "from/${filename}", Fields={"acl": "private", "Content-Type": "text/x"}, Conditions=[{"acl": "private"}, ["starts-with", "$Content-Type", "text/"], ["content-length-range", 1, 100]]
    )
    target = urlsplit(made["url"]).path or "/"
    assert page.send(form(made["fields"].items()), target=target).status == 204
    assert get(s3, bucket, "from/name.txt") == b"content"
    assert s3.head_object(Bucket=bucket, Key="from/name.txt")["ContentType"] == "text/x"


def test_the_status_of_success_is_asked_for(s3, bucket, page):
    for wanted, status in [("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204), ("abc", 204)]:
        answer = page.post(("key", f"a{wanted}"), ("success_action_status", wanted))
        assert answer.status == status and (status == 201 or answer.body == b""), (wanted, answer)
        assert get(s3, bucket, f"a{wanted}") == b"content"


def test_a_created_answer_tells_everything(s3, bucket, page):
    answer = page.post(("key", "a b/\u6587&"), ("success_action_status", "201"))
    assert answer.status == 201 and answer.headers["content-type"].startswith(("application/xml", "text/xml")), answer
    root = tree.fromstring(answer.body)
    text = lambda name: next(item.text for item in root.iter() if item.tag.rpartition("}")[2] == name)
    assert root.tag.rpartition("}")[2] == "PostResponse"
    assert (text("Bucket"), text("Key"), text("ETag")) == (bucket, "a b/\u6587&", s3.head_object(Bucket=bucket, Key="a b/\u6587&")["ETag"])
    assert encode("a b/\u6587&") in text("Location") or encode("a b/\u6587&", "") in text("Location")


@pytest.mark.parametrize("field", ["success_action_redirect", "redirect"])
@pytest.mark.parametrize("url", ["http://app.example/done", "http://app.example/done?x=1"])
def test_a_redirect_tells_what_was_stored(s3, bucket, page, field, url):
    answer = page.post(("key", "a b&c"), (field, url))
    assert answer.status == 303, answer
    location = answer.headers["location"]
    query = parse_qs(urlsplit(location).query)
    assert location.startswith(url.split("?")[0])
    assert (query["bucket"], query["key"], query["etag"]) == ([bucket], ["a b&c"], [s3.head_object(Bucket=bucket, Key="a b&c")["ETag"]])
    assert query.get("x", ["1"]) == ["1"]


def test_a_redirect_beats_a_status(page):
    assert page.post(("key", "a"), ("success_action_redirect", "http://app.example/"), ("success_action_status", "201")).status == 303


@pytest.mark.parametrize("bad", ["not a url", "javascript:alert(1)", "//evil"])
def test_a_redirect_to_nowhere_is_left_out(s3, bucket, page, bad):
    answer = page.post(("key", "a"), ("success_action_redirect", bad))
    assert answer.status in (204, 400) and answer.headers.get("location", "http").startswith("http"), answer


@pytest.mark.parametrize("key, filename, stored", [
    ("${filename}", "a.txt", "a.txt"), ("u/${filename}/x", "a b.txt", "u/a b.txt/x"), ("u/${filename}", "\u6587.txt", "u/\u6587.txt"), ("u/${filename}", "", "u/"), ("$filename", "a.txt", "$filename"),
])
def test_the_file_name_becomes_part_of_the_key(s3, bucket, page, key, filename, stored):
    answer = page.post(("key", key), filename=filename, conditions=[["starts-with", "$key", ""]])
    assert answer.status == 204, answer
    assert get(s3, bucket, stored) == b"content"


@pytest.mark.parametrize("filename", ["C:\\\\dir\\\\a.txt", "dir/a.txt"])
def test_a_path_in_the_file_name_escapes_no_prefix(server, s3, bucket, page, filename):
    assert page.post(("key", "u/${filename}"), filename=filename, conditions=[["starts-with", "$key", "u/"]]).status == 204
    (item,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert item["Key"] == "u/a.txt", "of a path its last piece is the name, and the policy sees it"


def test_metadata_and_headers_come_as_fields(s3, bucket, page):
    fields = [
        ("key", "a"), ("Content-Type", "text/x-a"), ("Cache-Control", "max-age=1"), ("Content-Disposition", "inline"), ("Content-Encoding", "identity"),
        ("x-amz-meta-one", "1"), ("X-Amz-Meta-Two", "2 2"), ("acl", "private"),
    ]
    assert page.post(*fields).status == 204
    found = s3.head_object(Bucket=bucket, Key="a")
    assert (found["ContentType"], found["CacheControl"], found["ContentDisposition"], found["ContentEncoding"]) == ("text/x-a", "max-age=1", "inline", "identity")
    assert found["Metadata"] == {"one": "1", "two": "2 2"}


def test_the_type_of_the_file_part_is_not_the_objects(s3, bucket, page):
    assert page.post(("key", "a"), kind="image/png").status == 204
    assert s3.head_object(Bucket=bucket, Key="a")["ContentType"] in ("binary/octet-stream", "application/octet-stream")


def test_tags_come_as_xml(s3, bucket, page):
    tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b c</Key><Value>c@</Value></Tag></TagSet></Tagging>"
    assert page.post(("key", "a"), ("tagging", tagging)).status == 204
    assert tags(s3.get_object_tagging(Bucket=bucket, Key="a")) == {"a": "1", "b c": "c@"}
    refused(page.post(("key", "b"), ("tagging", "<Tagging>")), 400)
    refused(page.post(("key", "b"), ("tagging", tagging.replace("b c", "a"))), 400)
    assert not exists(s3, bucket, "b")


def test_other_acls_are_not_supported(s3, bucket, page):
    refused(page.post(("key", "a"), ("acl", "public-read")), 400, "AccessControlListNotSupported")
    assert not exists(s3, bucket, "a")


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_checksum_comes_as_a_field(s3, bucket, page, name):
    value = CHECKSUMS[name](b"content")
    assert page.post(("key", "a"), (f"x-amz-checksum-{name}", value)).status == 204
    assert s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")[f"Checksum{name.upper()}"] == value
    refused(page.post(("key", "b"), (f"x-amz-checksum-{name}", flipped(value))), 400, "BadDigest")
    assert not exists(s3, bucket, "b")


def test_an_encryption_comes_as_a_field(s3, bucket, page):
    answer = page.post(("key", "a"), ("x-amz-server-side-encryption", "AES256"))
    assert (answer.status, answer.headers["x-amz-server-side-encryption"]) == (204, "AES256"), answer


def test_what_follows_the_file_is_ignored(s3, bucket, page):
    answer = page.post(("key", "a"), after=[("key", "b"), ("x-amz-meta-late", "1"), ("success_action_status", "201")])
    assert answer.status == 204 and exists(s3, bucket, "a") and not exists(s3, bucket, "b"), answer
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"] == {}


def test_names_of_fields_are_the_same_in_any_case(s3, bucket, page):
    policy = page.policy({"bUcKeT": bucket}, ["StArTs-WiTh", "$KeY", "fo"], ["EQ", "$CONTENT-TYPE", "text/plain"])
    fields = [("kEy", "foo"), ("cOnTeNt-TyPe", "text/plain"), *((name.title(), value) for name, value in page.signed(policy))]
    assert page.send(form(fields)).status == 204
    assert s3.head_object(Bucket=bucket, Key="foo")["ContentType"] == "text/plain"


def test_fields_to_be_ignored_are_ignored(s3, bucket, page):
    assert page.post(("key", "a"), ("x-ignore-this", "1"), ("submit", "x"), conditions=[{"key": "a"}, {"submit": "x"}]).status == 204


def test_a_dollar_sign_is_escaped_in_a_policy(s3, bucket, page):
    policy = page.policy({"bucket": bucket}, ["starts-with", "$key", "@@foo"])
    text = base64.b64encode(json.dumps(policy).replace("@@", "\\$").encode()).decode()
    assert page.send(form([("key", "$foo.txt"), *page.signed(text)])).status == 204
    assert exists(s3, bucket, "$foo.txt")


def test_a_file_may_be_empty_or_hold_what_looks_like_a_boundary(s3, bucket, page):
    for number, body in enumerate([b"", b"\r\n", f"\r\n--{BOUNDARY[:-1]}\r\n".encode(), b"--\r\n--", bytes(range(256)) * 300, b"\r\n--" * 50_000]):
        assert page.post(("key", f"k{number}"), file=body).status == 204
        assert get(s3, bucket, f"k{number}") == body


def test_a_boundary_may_be_quoted_and_what_follows_the_end_is_ignored(s3, bucket, page):
    policy = page.policy({"bucket": bucket}, {"key": "a"})
    body = form([("key", "a"), *page.signed(policy)])
    assert page.send(body, f'multipart/form-data; charset=utf-8; boundary="{BOUNDARY}"').status == 204
    assert page.send(body + b"an epilogue").status == 204
    assert get(s3, bucket, "a") == b"content"


def test_a_large_file_is_streamed(s3, bucket, page):
    body = bytes(range(251)) * (20 * MIB // 251)
    answer = page.post(("key", "large"), file=body)
    assert answer.status == 204, answer
    assert get(s3, bucket, "large") == body
    assert answer.headers["etag"] == f'"{hashlib.md5(body).hexdigest()}"'


def test_a_form_in_pieces(server, s3, bucket, page):
    policy = page.policy({"bucket": bucket}, {"key": "a"})
    body = form([("key", "a"), *page.signed(policy)], b"piece" * 100)
    head = f"POST /{bucket} HTTP/1.1\r\nhost: {page.raw.host}\r\nconnection: close\r\ncontent-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((server.s3_host, server.s3_port), 30) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.sendall(head.encode())
        for start in range(0, len(body), 7):
            stream.sendall(body[start : start + 7])
        answer = b""
        while piece := stream.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 204"), answer
    assert get(s3, bucket, "a") == b"piece" * 100


def test_a_form_makes_a_version(server, s3, bucket, page):
    set_versioning(s3, bucket, "Enabled")
    made = [page.post(("key", "a"), file=body).headers["x-amz-version-id"] for body in (b"1", b"2")]
    assert [version for _, _, version, _ in history(server, bucket)] == made[::-1]


# Conditions


@pytest.mark.parametrize(
    "condition, fields, good",
    [
        (["eq", "$key", "a"], [], True), (["eq", "$key", "b"], [], False), (["starts-with", "$key", "a"], [], True), (["starts-with", "$key", ""], [], True), (["starts-with", "$key", "u/"], [], False),
        (["eq", "$x-amz-meta-m", "1"], [("x-amz-meta-m", "1")], True), (["eq", "$x-amz-meta-m", "1"], [("x-amz-meta-m", "2")], False), (["eq", "$x-amz-meta-m", "1"], [], False),
        (["starts-with", "$x-amz-meta-m", "1"], [("x-amz-meta-m", "12")], True), ({"x-amz-meta-m": "1"}, [], False), ({"acl": "private"}, [], False),
        (["starts-with", "$Content-Type", "image/"], [("Content-Type", "image/png")], True), (["starts-with", "$Content-Type", "image/"], [("Content-Type", "text/html")], False),
        (["starts-with", "$Content-Type", "image/"], [("Content-Type", "image/png,image/gif")], True),
        (["eq", "$success_action_status", "201"], [("success_action_status", "200")], False),
        (["content-length-range", 7, 7], [], True), (["content-length-range", "0", "100"], [], True),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, (list, dict)) else None,
)
def test_conditions_decide(s3, bucket, page, condition, fields, good):
    key = [] if "$key" in condition else [{"key": "a"}]
    answer = page.post(("key", "a"), *fields, conditions=[*key, condition])
    if good:
        assert answer.status in (201, 204), answer
    else:
        refused(answer, 403, "AccessDenied")
    assert exists(s3, bucket, "a") == good


def test_a_field_that_no_condition_names_is_refused(s3, bucket, page):
    for field in ("x-amz-meta-sneaked", "Content-Type", "acl", "success_action_status", "tagging", "x-amz-storage-class", "unknown"):
        refused(page.post(("key", "a"), (field, "private"), conditions=[{"key": "a"}]), 403, "AccessDenied")
    assert not exists(s3, bucket, "a")


@pytest.mark.parametrize("first, last, word", [(0, 6, "EntityTooLarge"), (8, 100, "EntityTooSmall"), (0, 0, "EntityTooLarge")])
def test_the_size_must_be_in_range(s3, bucket, page, first, last, word):
    refused(page.post(("key", "a"), conditions=[{"key": "a"}, ["content-length-range", first, last]]), 400, word)
    assert not exists(s3, bucket, "a")


def test_a_large_file_out_of_range_is_refused(s3, bucket, page):
    refused(page.post(("key", "a"), file=b"x" * 3 * MIB, conditions=[{"key": "a"}, ["content-length-range", 0, MIB]]), 400, "EntityTooLarge")
    assert not exists(s3, bucket, "a")


def test_the_policy_is_for_one_bucket(s3, bucket, page):
    other = f"{bucket}-2"
    s3.create_bucket(Bucket=other)
    policy = page.policy({"bucket": other}, {"key": "a"})
    fields = [("key", "a"), *page.signed(policy)]
    refused(page.send(form(fields)), 403, "AccessDenied")
    refused(page.send(form([*fields[:1], ("bucket", other), *fields[1:]])), 403, "AccessDenied")
    assert not exists(s3, bucket, "a")
    assert page.send(form(fields), target=f"/{other}").status == 204


def test_a_policy_that_names_no_bucket_or_no_key(s3, bucket, page):
    refused(page.send(form([("key", "a"), *page.signed(page.policy({"key": "a"}))])), 403, "AccessDenied")
    refused(page.send(form([("key", "a"), *page.signed(page.policy({"bucket": bucket}))])), 403, "AccessDenied")
    assert not exists(s3, bucket, "a")


# Policies that are none


def test_an_expired_policy(s3, bucket, page):
    refused(page.post(("key", "a"), expires=-60), 403, "AccessDenied")
    assert not exists(s3, bucket, "a")


BAD_POLICIES = ["!!! not base64 !!!", *(base64.b64encode(text).decode() for text in (b"{not json", b"[]", b"{}", b"\xff\xfe{}"))]


def test_a_policy_that_cannot_be_read(s3, bucket, page):
    for policy in BAD_POLICIES:
        refused(page.send(form([("key", "a"), *page.signed(policy)])), 400, "InvalidPolicyDocument")
    assert not exists(s3, bucket, "a")


@pytest.mark.parametrize(
    "change",
    [
        {"expiration": None}, {"conditions": None}, {"expiration": "tomorrow"}, {"expiration": "2099-01-01"}, {"expiration": None, "EXPIRATION": "2099-01-01T00:00:00Z"},
        {"conditions": None, "CONDITIONS": []}, {"conditions": {}}, {"conditions": [{}]}, {"conditions": [["eq", "$key"]]}, {"conditions": [["content-length-range", 0]]},
        {"conditions": [["content-length-range", -1, 0]]}, {"conditions": [["content-length-range", 10, 1]]}, {"conditions": [["like", "$key", "a"]]}, {"conditions": ["key"]}, {"conditions": [[]]}, {"conditions": [["eq", "key", "a"]]},
    ],
    ids=json.dumps,
)
def test_a_policy_that_says_nothing_sensible(s3, bucket, page, change):
    policy = page.policy({"bucket": bucket}, {"key": "a"})
    if isinstance(change.get("conditions"), list):
        change = {**change, "conditions": [*policy["conditions"], *change["conditions"]]}
    policy = {name: value for name, value in {**policy, **change}.items() if value is not None}
    refused(page.send(form([("key", "a"), *page.signed(policy)])), 400, "InvalidPolicyDocument", "InvalidArgument", "InvalidRequest")
    assert not exists(s3, bucket, "a")


# Signatures


def test_a_wrong_signature(s3, bucket, page):
    for options in ({"signature": "0" * 64}, {"secret_key": "wrong"}):
        refused(page.post(("key", "a"), options=options), 403, "SignatureDoesNotMatch")
    assert not exists(s3, bucket, "a")


def test_a_policy_changed_after_it_was_signed(s3, bucket, page):
    fields = dict(page.signed(page.policy({"bucket": bucket}, {"key": "b"})))
    fields["policy"] = dict(page.signed(page.policy({"bucket": bucket}, ["starts-with", "$key", ""])))["policy"]
    refused(page.send(form([("key", "a"), *fields.items()])), 403, "SignatureDoesNotMatch")
    assert not exists(s3, bucket, "a")


def test_an_unknown_access_key(page):
    policy = page.policy({"bucket": page.bucket}, {"key": "a"})
    policy["conditions"] = [item for item in policy["conditions"] if "x-amz-credential" not in item] + [["starts-with", "$x-amz-credential", ""]]
    refused(page.send(form([("key", "a"), *page.signed(policy, access_key="AKIANOBODY0000000000")])), 403, "InvalidAccessKeyId")


@pytest.mark.parametrize("options", [{"region": "mars-1"}, {"service": "ec2"}, {"now": datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)}], ids=["region", "service", "date"])
def test_a_credential_of_another_scope(s3, bucket, page, options):
    policy = page.policy({"bucket": bucket}, {"key": "a"})
    policy["conditions"] = [{"bucket": bucket}, {"key": "a"}, *(["starts-with", f"${name}", ""] for name in AUTHORITY[1:4])]
    answer = page.send(form([("key", "a"), *page.signed(policy, **options)]))
    if "now" not in options:
        assert answer.status in (400, 403), answer
        assert not exists(s3, bucket, "a")
    else:
        assert answer.status in (204, 400, 403), answer


def test_without_any_authority(s3, bucket, page):
    refused(page.send(form([("key", "a")])), 403, "AccessDenied")
    assert not exists(s3, bucket, "a")


@pytest.mark.parametrize("name", [*AUTHORITY, "key"])
def test_a_field_that_is_missing(s3, bucket, page, name):
    fields = [("key", "a"), *page.signed(page.policy({"bucket": bucket}, {"key": "a"}))]
    answer = page.send(form([field for field in fields if field[0] != name]))
    assert answer.status in ((400,) if name == "key" else (400, 403)) and answer.code in ("InvalidArgument", "AccessDenied", "InvalidRequest"), answer
    assert not exists(s3, bucket, "a")


def test_a_wrong_algorithm(s3, bucket, page):
    fields = dict(page.signed(page.policy({"bucket": bucket}, {"key": "a"}, ["starts-with", "$x-amz-algorithm", ""])))
    assert page.send(form([("key", "a"), *{**fields, "x-amz-algorithm": "AWS4-HMAC-MD5"}.items()])).status in (400, 403)
    assert not exists(s3, bucket, "a")


def test_version_two_signatures_are_refused(s3, bucket, page):
    policy = dict(page.signed(page.policy({"bucket": bucket}, {"key": "a"})))["policy"]
    signature = base64.b64encode(hmac.new(page.server.secret_key.encode(), policy.encode(), hashlib.sha1).digest()).decode()
    answer = page.send(form([("key", "a"), ("AWSAccessKeyId", page.server.access_key), ("policy", policy), ("signature", signature)]))
    assert answer.status in (400, 403), answer
    assert not exists(s3, bucket, "a")


# Forms that are none


def test_a_form_without_file(s3, bucket, page):
    refused(page.post(("key", "a"), file=None), 400, "InvalidArgument", "MalformedPOSTRequest")
    assert not exists(s3, bucket, "a")


def test_two_keys(s3, bucket, page):
    answer = page.post(("key", "a"), ("key", "b"), conditions=[["starts-with", "$key", ""]])
    assert answer.status == 400 or answer.status == 204, answer
    assert sum(exists(s3, bucket, key) for key in "ab") == (answer.status == 204)


@pytest.mark.parametrize("key", ["", "k" * 1025])
def test_bad_keys(s3, bucket, page, key):
    refused(page.post(("key", key), conditions=[["starts-with", "$key", ""]]), 400, "InvalidArgument", "KeyTooLongError", "UserKeyMustBeSpecified")


def test_a_truncated_form(s3, bucket, page):
    refused(page.post(("key", "a"), end=False), 400, "MalformedPOSTRequest", "IncompleteBody")
    policy = page.signed(page.policy({"bucket": bucket}, {"key": "a"}))
    body = form([("key", "a"), *policy])
    for cut in (3, len(BOUNDARY) + 2, len(body) // 2, len(body) - 20):
        refused(page.send(body[:-cut]), 400, "MalformedPOSTRequest", "IncompleteBody", "InvalidArgument")
    assert not exists(s3, bucket, "a")


def test_a_body_shorter_than_announced(server, s3, bucket, page):
    body = form([("key", "a"), *page.signed(page.policy({"bucket": bucket}, {"key": "a"}))], b"x" * 1000)
    head = f"POST /{bucket} HTTP/1.1\r\nhost: {page.raw.host}\r\ncontent-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((server.s3_host, server.s3_port), 30) as stream:
        stream.sendall(head.encode() + body[:-500])
        stream.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := stream.recv(65536):
            answer += piece
    assert b" 204 " not in answer.split(b"\r\n")[0]
    assert not exists(s3, bucket, "a")


def test_a_wrong_boundary(s3, bucket, page):
    body = form([("key", "a"), *page.signed(page.policy({"bucket": bucket}, {"key": "a"}))])
    refused(page.send(body, "multipart/form-data; boundary=another"), 400, "MalformedPOSTRequest", "InvalidArgument")
    refused(page.send(body, "multipart/form-data"), 400, "MalformedPOSTRequest", "InvalidArgument")
    refused(page.send(body, "multipart/form-data; boundary=" + "b" * 5000), 400)
    refused(page.send(b""), 400, "MalformedPOSTRequest", "InvalidArgument")
    assert not exists(s3, bucket, "a")


def test_a_post_of_another_type_is_no_form(s3, bucket, page):
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/mixed; boundary=b"):
        assert page.send(b"key=a&file=x", kind).status in (400, 403, 405, 412, 415, 501)
    assert code(s3.head_object, Bucket=bucket, Key="a") == ("404", 404)


def test_fields_have_a_limit(s3, bucket, page):
    refused(page.post(("key", "a"), ("x-ignore-much", "m" * 3 * MIB), conditions=[{"key": "a"}]), 400, "MaxPostPreDataLengthExceeded", "MaxPostPreDataLengthExceededError", "MalformedPOSTRequest", "EntityTooLarge")
    assert page.post(*[(f"x-ignore-{number}", "") for number in range(100_000)], ("key", "a"), conditions=[{"key": "a"}]).status == 400
    assert not exists(s3, bucket, "a")


def test_a_form_for_an_absent_bucket(server):
    page = Form(server, "form-nowhere")
    assert page.post(("key", "a")).status in (403, 404)


def test_metadata_of_a_form_has_a_limit_too(s3, bucket, page):
    refused(page.post(("key", "a"), ("x-amz-meta-m", "m" * 3000)), 400, "MetadataTooLarge")
    assert not exists(s3, bucket, "a")
