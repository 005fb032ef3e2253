"""What a bucket is told to do: tags, CORS, lifecycle, access, encryption, and what it answers when it was told nothing."""

import datetime
import re

import pytest

from calls import code, exists, get, put, set_versioning, status, tag_set, tags, upload
from onshore_server import find
from raw_s3 import Raw

DAY = datetime.timedelta(days=1)
INVALID = {"InvalidArgument", "InvalidRequest", "MalformedXML"}


def refused(call, **arguments):
    """The call is refused as wrong, whichever word is used for it."""
    said = code(call, **arguments)
    assert said[1] == 400 and said[0] in INVALID, said


# What was never set

UNSET = {
    "get_bucket_tagging": ("NoSuchTagSet", 404),
    "get_bucket_cors": ("NoSuchCORSConfiguration", 404),
    "get_bucket_lifecycle_configuration": ("NoSuchLifecycleConfiguration", 404),
    "get_bucket_policy": ("NoSuchBucketPolicy", 404),
    "get_bucket_website": ("NoSuchWebsiteConfiguration", 404),
    "get_bucket_replication": ("ReplicationConfigurationNotFoundError", 404),
    "get_object_lock_configuration": ("ObjectLockConfigurationNotFoundError", 404),
}
EMPTY = {
    "get_bucket_accelerate_configuration": "Status",
    "get_bucket_logging": "LoggingEnabled",
    "get_bucket_notification_configuration": "QueueConfigurations",
    "get_bucket_versioning": "Status",
}
DEFAULTS = ["get_bucket_acl", "get_bucket_encryption", "get_bucket_location", "get_bucket_request_payment"]


@pytest.mark.parametrize("operation", UNSET)
def test_what_was_never_set_is_told_by_its_own_error(s3, bucket, operation):
    assert code(getattr(s3, operation), Bucket=bucket) == UNSET[operation]


@pytest.mark.parametrize("operation", EMPTY)
def test_what_was_never_set_is_an_empty_document(s3, bucket, operation):
    found = getattr(s3, operation)(Bucket=bucket)
    assert status(found) == 200 and EMPTY[operation] not in found


def test_an_absent_bucket_has_no_settings(s3):
    operations = [*UNSET, *EMPTY, *DEFAULTS, "get_public_access_block", "get_bucket_ownership_controls", "get_bucket_policy_status"]
    said = {operation: code(getattr(s3, operation), Bucket="settings-nowhere") for operation in operations}
    assert said == dict.fromkeys(operations, ("NoSuchBucket", 404))


@pytest.mark.parametrize("operation", ["delete_bucket_tagging", "delete_bucket_cors", "delete_bucket_lifecycle", "delete_bucket_encryption", "delete_public_access_block", "delete_bucket_ownership_controls"])
def test_deleting_what_was_never_set_is_quiet(s3, bucket, operation):
    assert status(getattr(s3, operation)(Bucket=bucket)) == 204


def test_another_tenant_sees_and_changes_no_settings(server, s3, bucket):
    server.cli("tenant", "create", "settings-stranger")
    key = server.cli("key", "create", "--tenant", "settings-stranger")
    other = server.client(access_key=find(key, "access_key"), secret_key=find(key, "secret_key"))
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(a="1"))
    for operation in [*UNSET, *EMPTY, *DEFAULTS]:
        assert code(getattr(other, operation), Bucket=bucket) == ("AccessDenied", 403), operation
    assert code(other.put_bucket_tagging, Bucket=bucket, Tagging=tag_set(a="2")) == ("AccessDenied", 403)
    assert code(other.delete_bucket_tagging, Bucket=bucket) == ("AccessDenied", 403)
    assert tags(s3.get_bucket_tagging(Bucket=bucket)) == {"a": "1"}


def test_settings_go_with_their_bucket(s3, bucket):
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(a="1"))
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert code(s3.get_bucket_tagging, Bucket=bucket) == UNSET["get_bucket_tagging"]
    assert code(s3.get_bucket_cors, Bucket=bucket) == UNSET["get_bucket_cors"]


# Tags


def test_bucket_tags_are_put_replaced_and_deleted(s3, bucket):
    for wanted in ({"a": "1", "b": ""}, {"\u952e": "\u503c +-=._:/@"}, {f"k{number}": "v" * 256 for number in range(50)}):
        assert status(s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(**wanted))) == 204
        assert tags(s3.get_bucket_tagging(Bucket=bucket)) == wanted
    assert status(s3.delete_bucket_tagging(Bucket=bucket)) == 204
    assert code(s3.get_bucket_tagging, Bucket=bucket) == UNSET["get_bucket_tagging"]


@pytest.mark.parametrize(
    "wanted",
    [[("a", "1"), ("a", "2")], [("k" * 129, "")], [("k", "v" * 257)], [("", "v")], [("aws:mine", "v")], [("k", "a&b")], [("a*", "")], [("k", "<x>")], [("k\t", "")], [(f"k{number}", "") for number in range(51)]],
    ids=["twice", "long-key", "long-value", "empty-key", "aws", "ampersand", "star", "angles", "tab", "fifty-one"],
)
def test_bad_bucket_tags_are_refused(server, s3, bucket, wanted):
    tagging = {"TagSet": [{"Key": key, "Value": value} for key, value in wanted]}
    said = code(server.client(parameter_validation=False).put_bucket_tagging, Bucket=bucket, Tagging=tagging)
    assert said[1] == 400 and said[0] in {"InvalidTag", "BadRequest"} | INVALID
    assert code(s3.get_bucket_tagging, Bucket=bucket) == UNSET["get_bucket_tagging"]


# CORS


def allow(s3, bucket, *rules):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": list(rules)})


def cors(methods="GET", origins="*", **more):
    return {"AllowedMethods": methods.split(), "AllowedOrigins": origins.split(), **more}


def preflight(server, bucket, origin="http://app.example", method="GET", asked=None, key="a"):
    raw = Raw(server)
    headers = {"host": raw.host}
    if origin is not None:
        headers["origin"] = origin
    if method is not None:
        headers["access-control-request-method"] = method
    if asked is not None:
        headers["access-control-request-headers"] = asked
    return raw.send("OPTIONS", f"/{bucket}/{key}" if key else f"/{bucket}", headers)


def words(value):
    return {word.strip().lower() for word in (value or "").split(",")}


def granted(answer):
    return answer.status == 200 and "access-control-allow-origin" in answer.headers


def denied(answer):
    return answer.status == 403 and answer.code in ("AccessForbidden", "AccessDenied") and "access-control-allow-origin" not in answer.headers


def test_cors_rules_are_kept_as_given(s3, bucket):
    wanted = [
        {"ID": "one", "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["http://*.example", "https://b.example:8080"], "AllowedHeaders": ["x-amz-*", "Content-Type"], "ExposeHeaders": ["ETag", "x-amz-meta-a"], "MaxAgeSeconds": 600},
        {"AllowedMethods": ["POST", "DELETE", "HEAD"], "AllowedOrigins": ["*"]},
    ]
    allow(s3, bucket, *wanted)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == wanted
    allow(s3, bucket, wanted[1])
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == wanted[1:]
    assert status(s3.delete_bucket_cors(Bucket=bucket)) == 204
    assert code(s3.get_bucket_cors, Bucket=bucket) == UNSET["get_bucket_cors"]


@pytest.mark.parametrize(
    "rule",
    [
        cors("PATCH"), cors("OPTIONS"), cors("get"), cors("GET", "http://*.a.*"), cors("GET", "**"), cors(AllowedHeaders=["*-a-*"]),
        cors(ExposeHeaders=["x-*"]), {"AllowedMethods": ["GET"], "AllowedOrigins": []}, {"AllowedMethods": [], "AllowedOrigins": ["*"]}, cors(ID="i" * 256),
    ],
    ids=["patch", "options", "small", "two-stars", "double-star", "header-stars", "expose-star", "no-origin", "no-method", "long-id"],
)
def test_bad_cors_rules_are_refused(s3, bucket, rule):
    refused(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert code(s3.get_bucket_cors, Bucket=bucket) == UNSET["get_bucket_cors"]


def test_no_rule_and_too_many_rules_are_refused(s3, bucket):
    refused(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": []})
    allow(s3, bucket, *[cors()] * 100)
    refused(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": [cors()] * 101})
    assert len(s3.get_bucket_cors(Bucket=bucket)["CORSRules"]) == 100


def test_a_preflight_is_answered_without_a_signature(server, s3, bucket):
    allow(s3, bucket, cors("GET PUT", "http://app.example", AllowedHeaders=["*"], ExposeHeaders=["ETag", "x-amz-request-id"], MaxAgeSeconds=3000))
    answer = preflight(server, bucket, method="PUT", asked="content-type, X-Amz-Date")
    assert granted(answer), answer
    assert answer.headers["access-control-allow-origin"] == "http://app.example"
    assert words(answer.headers["access-control-allow-methods"]) == {"get", "put"}
    assert words(answer.headers["access-control-allow-headers"]) == {"content-type", "x-amz-date"}
    assert words(answer.headers["access-control-expose-headers"]) == {"etag", "x-amz-request-id"}
    assert answer.headers["access-control-max-age"] == "3000"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "origin" in words(answer.headers["vary"])
    assert answer.body == b""


def test_a_preflight_for_the_bucket_itself(server, s3, bucket):
    allow(s3, bucket, cors("POST"))
    assert granted(preflight(server, bucket, method="POST", key=""))


def test_any_origin_is_answered_by_an_asterisk(server, s3, bucket):
    allow(s3, bucket, cors())
    answer = preflight(server, bucket)
    assert answer.headers["access-control-allow-origin"] == "*" and "access-control-allow-credentials" not in answer.headers, answer
    assert "access-control-max-age" not in answer.headers and "access-control-expose-headers" not in answer.headers


ORIGINS = [
    ("http://a.example", "http://a.example", True), ("http://a.example", "https://a.example", False), ("http://a.example", "http://a.example:8080", False),
    ("http://a.example", "http://b.a.example", False), ("http://a.example", "http://a.example.evil", False),
    ("http://*.example", "http://a.example", True), ("http://*.example", "http://a.b.example", True), ("http://*.example", "http://a.example.evil", False),
    ("*.example", "https://a.example", True), ("*.example", "https://example", False), ("http://a*", "http://abc", True), ("http://a*", "http://ba", False),
    ("http://a.*.b", "http://a.x.b", True), ("http://a.*.b", "http://a.b", False), ("http://aXexample", "http://a.example", False), ("*", "null", True),
]


def test_origins_match(server, s3, bucket):
    wrong = []
    for pattern, origin, good in ORIGINS:
        allow(s3, bucket, cors("GET", pattern))
        answer = preflight(server, bucket, origin)
        if not (granted(answer) if good else denied(answer)):
            wrong.append((pattern, origin, answer))
    assert not wrong


ASKED = [
    ([], None, True), ([], "x-custom", False), (["*"], "x-custom, authorization", True), (["x-amz-*"], "x-amz-date,X-AMZ-META-a", True),
    (["x-amz-*"], "x-amz-date,content-type", False), (["Content-Type", "x-amz-*"], "content-type", True), (["*-type"], "content-type", True), (["x-a"], "x-ab", False),
]


def test_headers_asked_for_match(server, s3, bucket):
    wrong = []
    for allowed, asked, good in ASKED:
        allow(s3, bucket, cors(AllowedHeaders=allowed) if allowed else cors())
        answer = preflight(server, bucket, asked=asked)
        if not (granted(answer) if good else denied(answer)):
            wrong.append((allowed, asked, answer))
    assert not wrong


def test_a_method_that_no_rule_allows(server, s3, bucket):
    allow(s3, bucket, cors("GET"))
    assert denied(preflight(server, bucket, method="PUT"))


def test_the_first_rule_that_matches_counts(server, s3, bucket):
    allow(s3, bucket, cors("PUT", "http://a.example", MaxAgeSeconds=1), cors("GET", "http://a.example", MaxAgeSeconds=2), cors("GET PUT", "*", MaxAgeSeconds=3))
    ages = [preflight(server, bucket, origin, method).headers["access-control-max-age"] for origin, method in [("http://a.example", "PUT"), ("http://a.example", "GET"), ("http://b.example", "GET")]]
    assert ages == ["1", "2", "3"]


def test_a_bucket_without_cors_answers_no_preflight(server, bucket):
    assert denied(preflight(server, bucket))
    answer = preflight(server, "cors-nowhere")
    assert answer.status in (403, 404) and "access-control-allow-origin" not in answer.headers


def test_a_preflight_that_asks_nothing_is_refused(server, s3, bucket):
    allow(s3, bucket, cors())
    assert preflight(server, bucket, origin=None).status == 400
    assert preflight(server, bucket, method=None).status == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_answers_carry_cors_headers_for_allowed_origins(server, s3, bucket, method):
    put(s3, bucket, "a")
    allow(s3, bucket, cors(method, "http://app.example", ExposeHeaders=["ETag"]))
    raw = Raw(server)
    good = raw.request(method, f"/{bucket}/a", (), {"origin": "http://app.example"})
    assert good.status in (200, 204) and good.headers["access-control-allow-origin"] == "http://app.example", good
    assert words(good.headers["access-control-expose-headers"]) == {"etag"} and "origin" in words(good.headers["vary"])
    put(s3, bucket, "a")
    other = raw.request(method, f"/{bucket}/a", (), {"origin": "http://evil.example"})
    assert other.status in (200, 204) and "access-control-allow-origin" not in other.headers, other


def test_another_method_gets_no_cors_headers(server, s3, bucket):
    put(s3, bucket, "a")
    allow(s3, bucket, cors("PUT"))
    assert "access-control-allow-origin" not in Raw(server).request("GET", f"/{bucket}/a", (), {"origin": "http://a.example"}).headers


def test_errors_carry_cors_headers_too(server, s3, bucket):
    allow(s3, bucket, cors())
    put(s3, bucket, "a")
    for key, more, expected in [("absent", {}, 404), ("a", {"if-match": '"other"'}, 412), ("a", {"range": "bytes=9-"}, 416)]:
        answer = Raw(server).request("GET", f"/{bucket}/{key}", (), {"origin": "http://a.example", **more})
        assert answer.status == expected and answer.headers["access-control-allow-origin"] == "*", answer


def test_presigned_links_and_lists_carry_cors_headers(server, s3, bucket):
    put(s3, bucket, "a")
    allow(s3, bucket, cors())
    raw = Raw(server)
    target, headers = raw.presigned("GET", f"/{bucket}/a")
    answer = raw.send("GET", target, {**headers, "origin": "http://a.example"})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert raw.request("GET", f"/{bucket}", [("list-type", "2")], {"origin": "http://a.example"}).headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in raw.request("GET", f"/{bucket}/a").headers


# Lifecycle


def rule(name="r", prefix="", **more):
    return {"ID": name, "Status": "Enabled", "Filter": {"Prefix": prefix}, **({"Expiration": {"Days": 1}} if not more else {}), **more}


def live(s3, bucket, *rules):
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})


def rules(s3, bucket):
    return s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]


MIDNIGHT = datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)
GOOD = {
    "days": rule(), "prefix": rule(prefix="logs/"), "date": rule(Expiration={"Date": MIDNIGHT}), "disabled": {**rule(), "Status": "Disabled"},
    "marker": rule(Expiration={"ExpiredObjectDeleteMarker": True}),
    "noncurrent": rule(NoncurrentVersionExpiration={"NoncurrentDays": 3}),
    "newer": rule(NoncurrentVersionExpiration={"NoncurrentDays": 3, "NewerNoncurrentVersions": 5}),
    "abort": rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}),
    "all": rule(Expiration={"Days": 30}, NoncurrentVersionExpiration={"NoncurrentDays": 3}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}),
    "tag": {**rule(), "Filter": {"Tag": {"Key": "k", "Value": "v"}}},
    "greater": {**rule(), "Filter": {"ObjectSizeGreaterThan": 1024}}, "less": {**rule(), "Filter": {"ObjectSizeLessThan": 1024}},
    "and": {**rule(), "Filter": {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}, {"Key": "l", "Value": ""}], "ObjectSizeGreaterThan": 10, "ObjectSizeLessThan": 1000}}},
    "and-tags": {**rule(), "Filter": {"And": {"Tags": [{"Key": "k", "Value": "v"}, {"Key": "l", "Value": "w"}]}}},
    "long-id": rule("i" * 255), "unicode": rule("\u89c4\u5219", prefix="\u6587/ &<"),
}


def test_a_lifecycle_rule_is_kept_as_given(s3, bucket):
    kept = {}
    for name, wanted in GOOD.items():
        live(s3, bucket, wanted)
        kept[name] = rules(s3, bucket)
    assert kept == {name: [wanted] for name, wanted in GOOD.items()}


def test_lifecycle_rules_are_replaced_and_deleted(s3, bucket):
    live(s3, bucket, *(rule(f"r{number}", f"p{number}/") for number in range(20)))
    assert sorted(item["ID"] for item in rules(s3, bucket)) == sorted(f"r{number}" for number in range(20))
    live(s3, bucket, rule("only"))
    assert [item["ID"] for item in rules(s3, bucket)] == ["only"]
    assert status(s3.delete_bucket_lifecycle(Bucket=bucket)) == 204
    assert code(s3.get_bucket_lifecycle_configuration, Bucket=bucket) == UNSET["get_bucket_lifecycle_configuration"]


def test_rules_without_a_name_get_one_each(s3, bucket):
    bare = [{key: value for key, value in rule(prefix=prefix).items() if key != "ID"} for prefix in ("a/", "b/")]
    live(s3, bucket, *bare)
    names = [item["ID"] for item in rules(s3, bucket)]
    assert all(names) and len(set(names)) == 2


def test_the_old_place_of_the_prefix_is_taken(s3, bucket):
    old = {"ID": "old", "Prefix": "a/", "Status": "Enabled", "Expiration": {"Days": 1}}
    live(s3, bucket, old)
    (found,) = rules(s3, bucket)
    assert found.get("Prefix", found.get("Filter", {}).get("Prefix")) == "a/" and found["Expiration"] == {"Days": 1}


def test_an_empty_filter_means_everything(s3, bucket):
    live(s3, bucket, {**rule(), "Filter": {}})
    assert rules(s3, bucket)[0].get("Filter", {}) in ({}, {"Prefix": ""})
    assert "Expiration" in put(s3, bucket, "a")


NOON = datetime.datetime(2099, 1, 1, 12, tzinfo=datetime.timezone.utc)
TAGGED = {"Filter": {"Tag": {"Key": "k", "Value": "v"}}}
BAD = {
    "id-too-long": [rule("i" * 256)], "id-twice": [rule("r", "a/"), rule("r", "b/")],
    "no-action": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}}], "empty-expiration": [rule(Expiration={})],
    "days-zero": [rule(Expiration={"Days": 0})], "days-negative": [rule(Expiration={"Days": -1})], "noon": [rule(Expiration={"Date": NOON})],
    "days-and-date": [rule(Expiration={"Days": 1, "Date": MIDNIGHT})], "marker-and-days": [rule(Expiration={"Days": 1, "ExpiredObjectDeleteMarker": True})],
    "marker-and-date": [rule(Expiration={"Date": MIDNIGHT, "ExpiredObjectDeleteMarker": True})],
    "marker-and-tag": [{**rule(Expiration={"ExpiredObjectDeleteMarker": True}), **TAGGED}],
    "abort-and-tag": [{**rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}), **TAGGED}],
    "prefix-and-filter": [{**rule(), "Prefix": "a/"}], "neither-prefix-nor-filter": [{"ID": "r", "Status": "Enabled", "Expiration": {"Days": 1}}],
    "filter-of-two": [{**rule(), "Filter": {"Prefix": "a/", "Tag": {"Key": "k", "Value": "v"}}}],
    "sizes-crossed": [{**rule(), "Filter": {"And": {"ObjectSizeGreaterThan": 100, "ObjectSizeLessThan": 100}}}],
    "size-negative": [{**rule(), "Filter": {"ObjectSizeGreaterThan": -1}}],
    "tags-twice": [{**rule(), "Filter": {"And": {"Tags": [{"Key": "k", "Value": "v"}, {"Key": "k", "Value": "w"}]}}}],
    "status": [{**rule(), "Status": "enabled"}], "no-status": [{key: value for key, value in rule().items() if key != "Status"}],
    "noncurrent-zero": [rule(NoncurrentVersionExpiration={"NoncurrentDays": 0})],
    "newer-zero": [rule(NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 0})],
    "newer-too-many": [rule(NoncurrentVersionExpiration={"NoncurrentDays": 1, "NewerNoncurrentVersions": 101})],
    "abort-zero": [rule(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 0})],
    "no-rules": [], "too-many": [rule(f"r{number}", f"{number}/") for number in range(1001)],
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_lifecycle_is_refused_whole(server, s3, bucket, name):
    live(s3, bucket, rule("before"))
    careless = server.client(parameter_validation=False)
    refused(careless.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": BAD[name]})
    assert [item["ID"] for item in rules(s3, bucket)] == ["before"]


def test_a_lifecycle_that_is_none_is_refused(server, bucket):
    within = "<LifecycleConfiguration><Rule><Expiration>{}</Expiration><Filter/><Status>Enabled</Status></Rule></LifecycleConfiguration>".format
    for body in ("", "<LifecycleConfiguration/>", "garbage", within("<Days>one</Days>"), within("<Date>20200101</Date>")):
        answer = Raw(server).request("PUT", f"/{bucket}", [("lifecycle", "")], None, body.encode())
        assert answer.status == 400 and answer.code in INVALID | {"MissingRequestBodyError"}, (body, answer)


def expiry(answer):
    """The instant and the rule that an answer's x-amz-expiration tells."""
    date, name = re.fullmatch(r'expiry-date="([^"]+)", rule-id="([^"]*)"', answer["Expiration"]).groups()
    return datetime.datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=datetime.timezone.utc), name


def expected(made, days):
    """The first midnight after that many days."""
    end = made + days * DAY
    return end if end.time() == datetime.time() else (end + DAY).replace(hour=0, minute=0, second=0, microsecond=0)


def test_answers_tell_when_an_object_expires(s3, bucket):
    live(s3, bucket, rule("soon", "logs/", Expiration={"Days": 3}))
    said = put(s3, bucket, "logs/a")
    head = s3.head_object(Bucket=bucket, Key="logs/a")
    for answer in (said, head, s3.get_object(Bucket=bucket, Key="logs/a"), upload(s3, bucket, "logs/b", [b"x"])):
        assert expiry(answer) == (expected(head["LastModified"], 3), "soon")
    copied = s3.copy_object(Bucket=bucket, Key="logs/c", CopySource={"Bucket": bucket, "Key": "logs/a"})
    assert expiry(copied)[1] == "soon"
    assert "Expiration" not in put(s3, bucket, "other/a") and "Expiration" not in s3.head_object(Bucket=bucket, Key="other/a")


def test_a_rule_made_later_counts_for_what_is_there(s3, bucket):
    put(s3, bucket, "a")
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="a")
    live(s3, bucket, rule("later", Expiration={"Date": MIDNIGHT}))
    assert expiry(s3.head_object(Bucket=bucket, Key="a")) == (MIDNIGHT, "later")
    live(s3, bucket, {**rule("later"), "Status": "Disabled"})
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="a")


def test_the_earliest_expiry_is_told(s3, bucket):
    live(s3, bucket, rule("late", "", Expiration={"Days": 9}), rule("early", "a", Expiration={"Days": 2}))
    put(s3, bucket, "a")
    put(s3, bucket, "b")
    assert [expiry(s3.head_object(Bucket=bucket, Key=key))[1] for key in "ab"] == ["early", "late"]


def test_filters_decide_what_expires(s3, bucket):
    both = {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}, {"Key": "l", "Value": "w"}]}}
    live(s3, bucket, {**rule("both"), "Filter": both}, {**rule("large"), "Filter": {"ObjectSizeGreaterThan": 100}}, {**rule("tag"), "Filter": {"Tag": {"Key": "t", "Value": "1"}}})
    for key, body, tagging, wanted in [
        ("a/1", b"", "k=v&l=w", "both"), ("a/2", b"", "k=v&l=w&more=1", "both"), ("a/3", b"", "k=v", None), ("b/1", b"", "k=v&l=w", None),
        ("c", b"x" * 101, "", "large"), ("d", b"x" * 100, "", None), ("e", b"", "t=1", "tag"), ("f", b"", "t=2", None),
    ]:
        put(s3, bucket, key, body, Tagging=tagging)
        found = s3.head_object(Bucket=bucket, Key=key)
        assert (expiry(found)[1] if "Expiration" in found else None) == wanted, key


def test_rules_for_old_versions_and_uploads_tell_nothing_of_objects(s3, bucket):
    live(s3, bucket, GOOD["noncurrent"], {**GOOD["abort"], "ID": "abort"}, {**GOOD["marker"], "ID": "marker"})
    assert "Expiration" not in put(s3, bucket, "a") and "Expiration" not in s3.head_object(Bucket=bucket, Key="a")


def test_an_upload_tells_when_it_is_aborted(s3, bucket):
    live(s3, bucket, rule("abort", "a/", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2}))
    before = datetime.datetime.now(datetime.timezone.utc)
    made = s3.create_multipart_upload(Bucket=bucket, Key="a/1")
    assert made["AbortRuleId"] == "abort" and before + 2 * DAY <= made["AbortDate"] <= before + 3 * DAY + datetime.timedelta(minutes=1)
    assert "AbortDate" not in s3.create_multipart_upload(Bucket=bucket, Key="b/1")


# Public access, ownership, ACLs


BLOCK = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]


def test_public_access_is_blocked_at_first(s3, bucket):
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == dict.fromkeys(BLOCK, True)


def test_public_access_block_is_put_and_deleted(s3, bucket):
    wanted = {name: name.startswith("Block") for name in BLOCK}
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=wanted)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == wanted
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == {**dict.fromkeys(BLOCK, False), "BlockPublicAcls": True}
    assert status(s3.delete_public_access_block(Bucket=bucket)) == 204
    assert code(s3.get_public_access_block, Bucket=bucket) == ("NoSuchPublicAccessBlockConfiguration", 404)


def test_the_owner_is_enforced_at_first(s3, bucket):
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_ownership_is_put_and_deleted(s3, bucket):
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    refused(s3.put_bucket_ownership_controls, Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "Everybody"}]})
    assert status(s3.delete_bucket_ownership_controls(Bucket=bucket)) == 204
    assert code(s3.get_bucket_ownership_controls, Bucket=bucket) == ("OwnershipControlsNotFoundError", 404)


def test_the_owner_has_full_control(s3, bucket):
    put(s3, bucket, "a")
    owner = s3.list_buckets()["Owner"]["ID"]
    for found in (s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="a")):
        assert found["Owner"]["ID"] == owner
        (grant,) = found["Grants"]
        assert (grant["Grantee"]["Type"], grant["Grantee"]["ID"], grant["Permission"]) == ("CanonicalUser", owner, "FULL_CONTROL")
    assert code(s3.get_object_acl, Bucket=bucket, Key="absent") == ("NoSuchKey", 404)


def test_acls_that_change_nothing_are_taken(s3, bucket):
    put(s3, bucket, "a", ACL="private")
    put(s3, bucket, "b", ACL="bucket-owner-full-control")
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    s3.put_object_acl(Bucket=bucket, Key="a", ACL="private")
    s3.put_object_acl(Bucket=bucket, Key="a", ACL="bucket-owner-full-control")
    s3.create_bucket(Bucket=f"{bucket}-2", ACL="private")
    assert [grant["Permission"] for grant in s3.get_object_acl(Bucket=bucket, Key="a")["Grants"]] == ["FULL_CONTROL"]


@pytest.mark.parametrize("acl", ["public-read", "public-read-write", "authenticated-read"])
def test_other_acls_are_not_supported(s3, bucket, acl):
    put(s3, bucket, "a")
    unsupported = ("AccessControlListNotSupported", 400)
    assert code(s3.put_bucket_acl, Bucket=bucket, ACL=acl) == unsupported
    assert code(s3.put_object_acl, Bucket=bucket, Key="a", ACL=acl) == unsupported
    assert code(put, s3=s3, bucket=bucket, key="b", ACL=acl) == unsupported
    assert code(s3.create_multipart_upload, Bucket=bucket, Key="b", ACL=acl) == unsupported
    assert code(s3.copy_object, Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"}, ACL=acl) == unsupported
    assert not exists(s3, bucket, "b")


def test_grants_to_everybody_are_not_supported(s3, bucket):
    grant = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
    assert code(s3.put_bucket_acl, Bucket=bucket, GrantRead=grant) == ("AccessControlListNotSupported", 400)
    assert code(put, s3=s3, bucket=bucket, key="a", GrantRead=grant) == ("AccessControlListNotSupported", 400)
    assert not exists(s3, bucket, "a")


def test_an_unknown_acl_is_refused(s3, bucket):
    assert code(s3.put_bucket_acl, Bucket=bucket, ACL="mine")[1] == 400
    assert code(put, s3=s3, bucket=bucket, key="a", ACL="mine")[1] == 400


# Encryption by default, payment, policy


def encryption(s3, bucket):
    (found,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    return found["ApplyServerSideEncryptionByDefault"]


def encrypt(s3, bucket, **wanted):
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": wanted}]})


def test_encryption_is_on_at_first_and_after_its_deletion(s3, bucket):
    assert encryption(s3, bucket) == {"SSEAlgorithm": "AES256"}
    encrypt(s3, bucket, SSEAlgorithm="aws:kms")
    assert encryption(s3, bucket)["SSEAlgorithm"] == "aws:kms"
    assert put(s3, bucket, "a")["ServerSideEncryption"] == "aws:kms"
    assert s3.head_object(Bucket=bucket, Key="a")["ServerSideEncryption"] == "aws:kms"
    encrypt(s3, bucket, SSEAlgorithm="AES256")
    assert encryption(s3, bucket) == {"SSEAlgorithm": "AES256"}
    encrypt(s3, bucket, SSEAlgorithm="aws:kms")
    assert status(s3.delete_bucket_encryption(Bucket=bucket)) == 204
    assert encryption(s3, bucket) == {"SSEAlgorithm": "AES256"}
    assert get(s3, bucket, "a") == b"x"


@pytest.mark.parametrize("wanted", [{"SSEAlgorithm": "AES512"}, {"SSEAlgorithm": ""}, {"SSEAlgorithm": "AES256", "KMSMasterKeyID": "some-key"}], ids=str)
def test_bad_encryption_is_refused(s3, bucket, wanted):
    refused(encrypt, s3=s3, bucket=bucket, **wanted)
    assert encryption(s3, bucket) == {"SSEAlgorithm": "AES256"}


def test_the_owner_pays(s3, bucket):
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    assert code(s3.put_bucket_request_payment, Bucket=bucket, RequestPaymentConfiguration={"Payer": "Nobody"})[1] == 400
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"


def test_a_bucket_without_policy_is_not_public(s3, bucket):
    try:
        assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    except s3.exceptions.ClientError as error:
        assert (error.response["Error"]["Code"], status(error.response)) == ("NoSuchBucketPolicy", 404)


def test_settings_survive_a_kill(make_server):
    server = make_server("killed")
    s3 = server.client()
    s3.create_bucket(Bucket="killed")
    s3.put_bucket_tagging(Bucket="killed", Tagging=tag_set(a="1"))
    allow(s3, "killed", cors())
    live(s3, "killed", GOOD["and"])
    set_versioning(s3, "killed", "Enabled")
    server.restart()
    s3 = server.client()
    assert tags(s3.get_bucket_tagging(Bucket="killed")) == {"a": "1"}
    assert s3.get_bucket_cors(Bucket="killed")["CORSRules"] == [cors()]
    assert rules(s3, "killed") == [GOOD["and"]]
    assert s3.get_bucket_versioning(Bucket="killed")["Status"] == "Enabled"
