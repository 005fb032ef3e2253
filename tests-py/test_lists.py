"""Listings at their edges: markers, limits, delimiters and prefixes that nobody would choose."""

import itertools
import xml.etree.ElementTree as tree
from urllib.parse import quote, unquote

import pytest

from calls import NAMESPACE, code, put, race
from onshore_server import find
from raw_s3 import Raw

INVALID = ("InvalidArgument", 400)


@pytest.fixture
def filled(s3, bucket):
    """Fills the bucket with empty objects."""

    def fill(*names):
        for name in names:
            put(s3, bucket, name, b"")
        return bucket

    return fill


def names(page):
    return [item["Key"] for item in page.get("Contents", [])]


def prefixes(page):
    return [item["Prefix"] for item in page.get("CommonPrefixes", [])]


@pytest.fixture(params=["v1", "v2"])
def lister(s3, request):
    return s3.list_objects if request.param == "v1" else s3.list_objects_v2


def raw_list(server, bucket, *query):
    return Raw(server).request("GET", f"/{bucket}", list(query))


# What a page tells


def test_an_empty_bucket(s3, bucket, lister):
    page = lister(Bucket=bucket)
    assert "Contents" not in page and "CommonPrefixes" not in page
    assert (page["IsTruncated"], page["Name"], page["MaxKeys"], page["Prefix"]) == (False, bucket, 1000, "")
    assert not {"Delimiter", "NextMarker", "NextContinuationToken"} & page.keys()


def test_what_was_asked_is_told_again(s3, filled):
    bucket = filled("a", "b")
    page = s3.list_objects(Bucket=bucket, Prefix="p", Delimiter="/", Marker="m", MaxKeys=7)
    assert (page["Prefix"], page["Delimiter"], page["Marker"], page["MaxKeys"]) == ("p", "/", "m", 7)
    page = s3.list_objects_v2(Bucket=bucket, Prefix="p", Delimiter="/", StartAfter="m", MaxKeys=7)
    assert (page["Prefix"], page["Delimiter"], page["StartAfter"], page["MaxKeys"], page["KeyCount"]) == ("p", "/", "m", 7, 0)


def test_the_owner_is_told_by_the_first_version_and_on_demand_by_the_second(s3, filled):
    bucket = filled("a")
    owner = s3.list_buckets()["Owner"]["ID"]
    assert s3.list_objects(Bucket=bucket)["Contents"][0]["Owner"]["ID"] == owner
    assert s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"]["ID"] == owner
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket, FetchOwner=False)["Contents"][0]


def test_an_absent_bucket(lister):
    assert code(lister, Bucket="lists-nowhere") == ("NoSuchBucket", 404)


def test_keys_come_in_the_order_of_their_bytes(s3, filled, lister):
    keys = ["B", "a", "A", "a/", "a0", "a-", "Z", "_", "~", "\u00e9", "e\u0301", "\uffed", "\U0001f600", " ", "10", "9", "a\u0001"]
    assert names(lister(Bucket=filled(*keys))) == sorted(keys, key=str.encode)


# Markers


BEHIND = [("", "abc"), ("a", "bc"), ("aa", "bc"), ("b", "c"), ("c", ""), ("zzz", ""), ("A", "abc"), ("\u6587", ""), (" ", "abc"), ("\n", "abc"), ("\U0001f600", "")]


def test_listings_go_on_behind_a_marker(s3, filled):
    bucket = filled("a", "b", "c")
    for marker, expected in BEHIND:
        page = s3.list_objects(Bucket=bucket, Marker=marker)
        assert (names(page), page["Marker"], page["IsTruncated"]) == (list(expected), marker, False)
        page = s3.list_objects_v2(Bucket=bucket, StartAfter=marker)
        assert (names(page), page["IsTruncated"], page["KeyCount"]) == (list(expected), False, len(expected))


def test_a_marker_within_a_prefix(s3, filled):
    bucket = filled("a", "p/1", "p/2", "z")
    assert names(s3.list_objects(Bucket=bucket, Prefix="p/", Marker="a")) == ["p/1", "p/2"]
    assert names(s3.list_objects(Bucket=bucket, Prefix="p/", Marker="p/1")) == ["p/2"]
    assert names(s3.list_objects(Bucket=bucket, Prefix="p/", Marker="z")) == []


def test_a_marker_and_common_prefixes(s3, filled):
    bucket = filled("a", "p/1", "p/2", "q/1", "z")
    for marker, expected in [("p/", ["q/"]), ("p/1", ["p/", "q/"]), ("p", ["p/", "q/"]), ("q/", []), ("p/2", ["q/"])]:
        found = prefixes(s3.list_objects(Bucket=bucket, Delimiter="/", Marker=marker))
        assert found == expected or (marker.startswith("p/") and found == ["q/"]), marker


def test_the_first_version_tells_its_next_marker_only_with_a_delimiter(s3, filled):
    bucket = filled("a", "b", "c")
    page = s3.list_objects(Bucket=bucket, MaxKeys=2)
    assert page["IsTruncated"] and page.get("NextMarker", "b") == "b"
    page = s3.list_objects(Bucket=bucket, MaxKeys=2, Delimiter="/")
    assert page["IsTruncated"] and page["NextMarker"] == "b"
    assert "NextMarker" not in s3.list_objects(Bucket=bucket, MaxKeys=3, Delimiter="/")


def test_a_continuation_token_beats_a_start(s3, filled):
    bucket = filled("a", "b", "c", "d")
    page = s3.list_objects_v2(Bucket=bucket, MaxKeys=1, StartAfter="a")
    assert names(page) == ["b"]
    page = s3.list_objects_v2(Bucket=bucket, MaxKeys=1, StartAfter="a", ContinuationToken=page["NextContinuationToken"])
    assert names(page) == ["c"]
    page = s3.list_objects_v2(Bucket=bucket, MaxKeys=1, StartAfter="zzz", ContinuationToken=page["NextContinuationToken"])
    assert names(page) == ["d"] and not page["IsTruncated"]


def test_the_token_is_told_again(s3, filled):
    bucket = filled("a", "b")
    token = s3.list_objects_v2(Bucket=bucket, MaxKeys=1)["NextContinuationToken"]
    page = s3.list_objects_v2(Bucket=bucket, MaxKeys=1, ContinuationToken=token)
    assert page["ContinuationToken"] == token and "NextContinuationToken" not in page


def test_a_token_outlives_the_key_it_came_from(s3, filled):
    bucket = filled("a", "b", "c")
    token = s3.list_objects_v2(Bucket=bucket, MaxKeys=1)["NextContinuationToken"]
    for key in "ab":
        s3.delete_object(Bucket=bucket, Key=key)
    assert names(s3.list_objects_v2(Bucket=bucket, ContinuationToken=token)) == ["c"]


def test_tokens_that_are_none(server, bucket):
    for token in ("", " ", "garbage", "a" * 5000, "AAAA", "%00"):
        answer = raw_list(server, bucket, ("list-type", "2"), ("continuation-token", token))
        assert (answer.status, answer.code) == (400, "InvalidArgument"), (token, answer)


# Limits


@pytest.mark.parametrize("query, limit", [([], "max-keys"), ([("list-type", "2")], "max-keys"), ([("uploads", "")], "max-uploads")], ids=["v1", "v2", "uploads"])
def test_limits_that_are_none(server, bucket, query, limit):
    for value in ("-1", "many", "1.5", "1e3", "0x10", "99999999999999999999"):
        answer = raw_list(server, bucket, *query, (limit, value))
        assert (answer.status, answer.code) == (400, "InvalidArgument"), (value, answer)


def test_a_page_of_nothing(s3, filled, lister):
    page = lister(Bucket=filled("a", "b/1"), MaxKeys=0, Delimiter="/")
    assert not names(page) and not prefixes(page) and not page["IsTruncated"] and page["MaxKeys"] == 0


def test_a_page_has_at_most_a_thousand_keys(s3, bucket):
    race(lambda thread: [put(s3, bucket, f"{number:04}", b"") for number in range(thread, 1001, 32)])
    for call, more in itertools.product((s3.list_objects, s3.list_objects_v2), ({}, {"MaxKeys": 5000}, {"MaxKeys": 2147483647})):
        page = call(Bucket=bucket, **more)
        assert names(page) == [f"{number:04}" for number in range(1000)] and page["IsTruncated"]


def test_a_page_exactly_full_is_the_last(s3, filled, lister):
    page = lister(Bucket=filled("a", "b", "c"), MaxKeys=3)
    assert names(page) == ["a", "b", "c"] and not page["IsTruncated"]


# Delimiters


DELIMITERS = {
    "a": (["bar", "baz", "cab", "foo"], ["foo"], ["ba", "ca"]),
    " ": (["b ar", "b az", "c ab", "foo"], ["foo"], ["b ", "c "]),
    "\t": (["a\tb", "a\tc", "d"], ["d"], ["a\t"]),
    ".": (["b.ar", "b.az", "c.ab", "foo"], ["foo"], ["b.", "c."]),
    "%": (["b%ar", "b%az", "c%ab", "foo"], ["foo"], ["b%", "c%"]),
    "//": (["a//b", "a//c", "a/b", "//x"], ["a/b"], ["//", "a//"]),
    "::": (["a::b", "a:b", "a:::b"], ["a:b"], ["a::"]),
    "\u6587": (["a\u6587b", "a\u6587c", "d"], ["d"], ["a\u6587"]),
    "\U0001f600": (["x\U0001f600y", "z"], ["z"], ["x\U0001f600"]),
    "\n": (["a\nb", "c"], ["c"], ["a\n"]),
    "/": (["/", "//", "a", "a/", "a/b"], ["a"], ["/", "a/"]),
    "abc": (["ab", "abc", "abcd", "xabcx"], ["ab"], ["abc", "xabc"]),
    "absent": (["a", "b/c"], ["a", "b/c"], []),
}


@pytest.mark.parametrize("delimiter", DELIMITERS, ids=lambda value: value.encode().hex())
def test_delimiters(s3, filled, delimiter):
    keys, expected, rolled = DELIMITERS[delimiter]
    bucket = filled(*keys)
    for call in (s3.list_objects, s3.list_objects_v2):
        page = call(Bucket=bucket, Delimiter=delimiter)
        assert (names(page), prefixes(page), page["Delimiter"]) == (expected, rolled, delimiter)
    found = [[], []]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter=delimiter, PaginationConfig={"PageSize": 1}):
        assert len(names(page)) + len(prefixes(page)) <= 1
        found[0] += names(page)
        found[1] += prefixes(page)
    assert found == [expected, rolled]


def test_an_empty_delimiter_is_none(s3, filled, lister):
    page = lister(Bucket=filled("a/b", "c"), Delimiter="")
    assert names(page) == ["a/b", "c"] and "CommonPrefixes" not in page and page.get("Delimiter", "") == ""


def test_a_delimiter_within_the_prefix_counts_only_behind_it(s3, filled, lister):
    bucket = filled("a/b/c/d", "a/b/e", "a/f", "a/b/", "a/")
    page = lister(Bucket=bucket, Prefix="a/", Delimiter="/")
    assert (names(page), prefixes(page)) == (["a/", "a/f"], ["a/b/"])
    page = lister(Bucket=bucket, Prefix="a/b", Delimiter="/")
    assert (names(page), prefixes(page)) == ([], ["a/b/"])
    page = lister(Bucket=bucket, Prefix="a/b/", Delimiter="/")
    assert (names(page), prefixes(page)) == (["a/b/", "a/b/e"], ["a/b/c/"])
    page = lister(Bucket=bucket, Prefix="/", Delimiter="/")
    assert (names(page), prefixes(page)) == ([], [])


def test_a_prefix_that_is_not_the_delimiters_end(s3, filled, lister):
    page = lister(Bucket=filled("asdf", "boo/bar", "boo/baz/xyzzy", "cquux/thud", "cquux/bla"), Prefix="boo/", Delimiter="a")
    assert (names(page), prefixes(page)) == ([], ["boo/ba"])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_many_keys_beneath_a_prefix_are_one_entry_on_every_page(s3, filled, size):
    bucket = filled(*(f"{top}/{number}" for top in "abc" for number in range(5)), "z")
    entries, marker = [], {}
    while True:
        page = s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=size, **marker)
        entries += prefixes(page) + names(page)
        assert len(prefixes(page) + names(page)) <= size
        if not page["IsTruncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    assert entries == ["a/", "b/", "c/", "z"]


# Prefixes


BENEATH = [("", ["\x0a", "a", "a b", "a+b", "\u6587/1"]), ("\x0a", ["\x0a"]), ("a ", ["a b"]), ("a+", ["a+b"]), ("\u6587", ["\u6587/1"]), ("\u6587/1", ["\u6587/1"]), ("\u6587/1/", []), ("b", []), ("A", [])]


def test_prefixes(s3, filled, lister):
    bucket = filled("a", "a b", "a+b", "\u6587/1", "\x0a")
    for prefix, expected in BENEATH:
        page = lister(Bucket=bucket, Prefix=prefix)
        assert (names(page), unquote(page["Prefix"])) == (expected, prefix)  # botocore decodes only the second version's


def test_a_prefix_ends_at_its_bytes(s3, filled, lister):
    bucket = filled("a\U0010ffff", "a\U0010ffffb", "b", "a\uffff")
    assert names(lister(Bucket=bucket, Prefix="a\U0010ffff")) == ["a\U0010ffff", "a\U0010ffffb"]
    assert names(lister(Bucket=bucket, Prefix="a")) == ["a\uffff", "a\U0010ffff", "a\U0010ffffb"]


def test_nothing_in_a_query_is_a_pattern(s3, filled, lister):
    bucket = filled("a%b", "aXb", "a_b", "a*b", "a'b", "a\\b", 'a"b')
    for prefix in ("a%", "a_", "a*", "a'", "a\\", 'a"'):
        assert names(lister(Bucket=bucket, Prefix=prefix)) == [f"{prefix}b"]


def test_a_query_that_is_no_text_is_refused(server, bucket):
    raw = Raw(server)
    target, headers, _ = raw.signed("GET", f"/{bucket}", [("prefix", "x")])
    answer = raw.send("GET", target.replace("prefix=x", "prefix=%ff"), headers)
    assert answer.status in (400, 403), answer


@pytest.mark.parametrize("blank", ["%20", "+"])
def test_blanks_in_a_query(server, s3, bucket, blank):
    put(s3, bucket, "a b", b"")
    raw = Raw(server)
    target, headers, _ = raw.signed("GET", f"/{bucket}", [("prefix", "a b")])
    answer = raw.send("GET", target.replace("%20", blank), headers)
    assert answer.status in (200, 403) if blank == "+" else answer.status == 200 and b"<Key>a b</Key>" in answer.body, answer


# Who may list


def test_nobody_lists_anonymously(server, filled):
    bucket = filled("a")
    raw = Raw(server)
    for target in (f"/{bucket}", f"/{bucket}?list-type=2", f"/{bucket}?versions", f"/{bucket}?uploads", "/"):
        answer = raw.send("GET", target, {"host": raw.host})
        assert answer.status == 403 and answer.code == "AccessDenied" and b"<Contents>" not in answer.body, (target, answer)


# Uploads


def uploads(page):
    return [(item["Key"], item["UploadId"]) for item in page.get("Uploads", [])]


def test_uploads_are_listed_by_key_and_then_oldest_first(s3, bucket):
    made = [(key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]) for key in ("b", *"aaaaaa", "c", "a/1")]
    found = uploads(s3.list_multipart_uploads(Bucket=bucket))
    assert found == [*made[1:7], made[8], made[0], made[7]]


def test_what_is_told_of_an_upload(s3, bucket):
    made = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    page = s3.list_multipart_uploads(Bucket=bucket)
    (item,) = page["Uploads"]
    assert (item["Key"], item["UploadId"], item["StorageClass"]) == ("a", made, "STANDARD")
    owner = s3.list_buckets()["Owner"]["ID"]
    assert item["Owner"]["ID"] == owner and item["Initiator"]["ID"]
    assert (page["Bucket"], page["MaxUploads"], page["IsTruncated"]) == (bucket, 1000, False) and item["Initiated"]


def test_markers_of_uploads(s3, bucket):
    made = {key: s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"] for key in "abc"}
    second = s3.create_multipart_upload(Bucket=bucket, Key="b")["UploadId"]
    ask = lambda **more: uploads(s3.list_multipart_uploads(Bucket=bucket, **more))
    assert ask(KeyMarker="a") == [("b", made["b"]), ("b", second), ("c", made["c"])]
    assert ask(KeyMarker="b") == [("c", made["c"])]
    assert ask(KeyMarker="c") == ask(KeyMarker="zzz") == []
    first = uploads(s3.list_multipart_uploads(Bucket=bucket, KeyMarker="a", MaxUploads=1))
    assert ask(KeyMarker="b", UploadIdMarker=first[0][1]) == [("b", ({made["b"], second} - {first[0][1]}).pop()), ("c", made["c"])]
    assert ask(UploadIdMarker=second) == ask()


def test_pages_of_uploads_and_prefixes(s3, bucket):
    for key in ("a", "b/1", "b/2", "c/1", "d", "d"):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    for size in (1, 2, 3, 4):
        found, marker = [], {}
        while True:
            page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", MaxUploads=size, **marker)
            items = [key for key, _ in uploads(page)] + prefixes(page)
            assert len(items) <= size
            found += items
            if not page["IsTruncated"]:
                break
            assert items, "a truncated page moves on"
            marker = {name[4:]: page[name] for name in ("NextKeyMarker", "NextUploadIdMarker") if page.get(name)}
        assert sorted(found) == ["a", "b/", "c/", "d", "d"], size


def test_uploads_beneath_a_prefix(s3, bucket):
    for key in ("a/1", "a/b/2", "a/b/3", "c"):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    page = s3.list_multipart_uploads(Bucket=bucket, Prefix="a/", Delimiter="/")
    assert ([key for key, _ in uploads(page)], prefixes(page), page["Prefix"], page["Delimiter"]) == (["a/1"], ["a/b/"], "a/", "/")
    page = s3.list_multipart_uploads(Bucket=bucket, Prefix="zzz")
    assert uploads(page) == [] and not page["IsTruncated"]


def test_uploads_with_url_encoding(server, s3, bucket):
    s3.create_multipart_upload(Bucket=bucket, Key="a b/\u6587")
    answer = raw_list(server, bucket, ("uploads", ""), ("encoding-type", "url"))
    assert answer.status == 200 and (quote("a b/\u6587", "/") in answer.field("Key") or quote("a b/\u6587", "") in answer.field("Key")), answer
    assert raw_list(server, bucket, ("uploads", ""), ("encoding-type", "rot13")).code == "InvalidArgument"


def test_finished_uploads_are_not_listed(s3, bucket):
    done, aborted, left = (s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"] for _ in range(3))
    part = s3.upload_part(Bucket=bucket, Key="a", UploadId=done, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key="a", UploadId=done, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    s3.abort_multipart_upload(Bucket=bucket, Key="a", UploadId=aborted)
    assert uploads(s3.list_multipart_uploads(Bucket=bucket)) == [("a", left)]


# Parts


def parts(page):
    return [item["PartNumber"] for item in page.get("Parts", [])]


@pytest.fixture
def upload(s3, bucket):
    """An upload with the parts 2, 3, 5 and 10000."""
    same = dict(Bucket=bucket, Key="a", UploadId=s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"])
    for number in (5, 2, 10000, 3):
        s3.upload_part(**same, PartNumber=number, Body=b"x" * number)
    return same


def test_parts_are_listed_by_number(s3, bucket, upload):
    page = s3.list_parts(**upload)
    assert [(part["PartNumber"], part["Size"]) for part in page["Parts"]] == [(number, number) for number in (2, 3, 5, 10000)]
    assert (page["Bucket"], page["Key"], page["UploadId"], page["MaxParts"], page["IsTruncated"], page["StorageClass"]) == (bucket, "a", upload["UploadId"], 1000, False, "STANDARD")
    assert page["Owner"]["ID"] and page["Initiator"]["ID"] and all(part["LastModified"] and part["ETag"] for part in page["Parts"])


def test_pages_of_parts(s3, upload):
    for size in (1, 2, 3, 4, 1000):
        found, marker = [], 0
        for turn in itertools.count(1):
            page = s3.list_parts(**upload, MaxParts=size, PartNumberMarker=marker)
            found += parts(page)
            assert len(parts(page)) <= size and page["PartNumberMarker"] == marker
            if not page["IsTruncated"]:
                break
            marker = page["NextPartNumberMarker"]
            assert marker == found[-1]
        assert found == [2, 3, 5, 10000] and turn == -(-4 // size)


def test_markers_of_parts(s3, upload):
    for marker, expected in [(0, [2, 3, 5, 10000]), (1, [2, 3, 5, 10000]), (2, [3, 5, 10000]), (4, [5, 10000]), (10000, []), (20000, [])]:
        assert parts(s3.list_parts(**upload, PartNumberMarker=marker)) == expected
    assert parts(s3.list_parts(**upload, MaxParts=0)) == []


def test_limits_of_parts_that_are_none(server, bucket, upload):
    for name, value in itertools.product(["max-parts", "part-number-marker"], ["-1", "many"]):
        answer = Raw(server).request("GET", f"/{bucket}/a", [("uploadId", upload["UploadId"]), (name, value)])
        assert (answer.status, answer.code) == (400, "InvalidArgument"), (name, value, answer)


def test_parts_of_what_is_no_upload(s3, bucket, upload):
    assert code(s3.list_parts, Bucket=bucket, Key="b", UploadId=upload["UploadId"]) == ("NoSuchUpload", 404)
    assert code(s3.list_parts, Bucket=bucket, Key="a", UploadId="not-an-upload") == ("NoSuchUpload", 404)
    s3.create_bucket(Bucket=f"{bucket}-2")
    assert code(s3.list_parts, Bucket=f"{bucket}-2", Key="a", UploadId=upload["UploadId"]) == ("NoSuchUpload", 404)


def test_a_part_put_again_is_listed_once(s3, upload):
    etag = s3.upload_part(**upload, PartNumber=3, Body=b"again")["ETag"]
    found = [part for part in s3.list_parts(**upload)["Parts"] if part["PartNumber"] == 3]
    assert [(part["ETag"], part["Size"]) for part in found] == [(etag, 5)]


# Buckets


@pytest.fixture
def buckets(server, request):
    """A tenant of its own with five buckets, and its client."""
    name = f"lister-{getattr(server, 'tenants_made', 0)}"
    server.tenants_made = getattr(server, "tenants_made", 0) + 1
    server.cli("tenant", "create", name)
    key = server.cli("key", "create", "--tenant", name)
    client = server.client(access_key=find(key, "access_key"), secret_key=find(key, "secret_key"))
    made = [f"{name}-{word}" for word in ("alpha-1", "alpha-2", "beta", "gamma-1", "gamma-2")]
    for bucket in reversed(made):
        client.create_bucket(Bucket=bucket)
    return client, made


def bucket_names(page):
    return [item["Name"] for item in page["Buckets"]]


def test_buckets_come_in_order_and_belong_to_their_tenant(buckets):
    client, made = buckets
    page = client.list_buckets()
    assert bucket_names(page) == made and page["Owner"]["ID"] and "ContinuationToken" not in page


def test_pages_of_buckets(buckets):
    client, made = buckets
    for size in (1, 2, 4, 5, 10000):
        found, token = [], {}
        for turn in itertools.count(1):
            page = client.list_buckets(MaxBuckets=size, **token)
            found += bucket_names(page)
            assert len(page["Buckets"]) <= size
            if not page.get("ContinuationToken"):
                break
            token = {"ContinuationToken": page["ContinuationToken"]}
            assert turn < 10
        assert found == made, size


def test_buckets_with_a_prefix(buckets):
    client, made = buckets
    stem = made[0].removesuffix("alpha-1")
    page = client.list_buckets(Prefix=f"{stem}alpha")
    assert bucket_names(page) == made[:2] and page["Prefix"] == f"{stem}alpha"
    page = client.list_buckets(Prefix=f"{stem}gamma", MaxBuckets=1)
    assert bucket_names(page) == made[3:4]
    assert bucket_names(client.list_buckets(Prefix=f"{stem}gamma", MaxBuckets=1, ContinuationToken=page["ContinuationToken"])) == made[4:]
    assert bucket_names(client.list_buckets(Prefix="zzz")) == []


def test_buckets_of_a_region(buckets):
    client, made = buckets
    assert bucket_names(client.list_buckets(BucketRegion="cn-north-1")) == made
    page = client.list_buckets()["Buckets"]
    assert {item.get("BucketRegion", "cn-north-1") for item in page} == {"cn-north-1"}


@pytest.mark.parametrize("query", [("max-buckets", "0"), ("max-buckets", "-1"), ("max-buckets", "10001"), ("max-buckets", "many"), ("continuation-token", "garbage")])
def test_queries_for_buckets_that_are_none(server, query):
    answer = Raw(server).request("GET", "/", [query])
    assert (answer.status, answer.code) == (400, "InvalidArgument"), answer


def test_a_list_of_buckets_is_well_formed(server, bucket):
    root = tree.fromstring(Raw(server).request("GET", "/").body)
    assert root.tag == f"{NAMESPACE}ListAllMyBucketsResult"
    assert bucket in [item.text for item in root.iter(f"{NAMESPACE}Name")]
    assert all(item.text.endswith("Z") for item in root.iter(f"{NAMESPACE}CreationDate"))
