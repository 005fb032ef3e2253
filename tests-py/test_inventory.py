"""Inventories: what a bucket holds, listed where its owner wants it; read back by a reader of our own."""

import base64
import csv
import gzip
import hashlib
import io
import json
import re
from datetime import datetime, timedelta, timezone
from urllib.parse import unquote_plus

import pytest

import keys
from calls import code, get, listed, put, race, set_versioning, upload
from onshore_server import CONFIG
from test_upkeep import LIFECYCLE, eventually, leaves

FIELDS = """Size LastModifiedDate ETag StorageClass IsMultipartUploaded ReplicationStatus EncryptionStatus ObjectLockRetainUntilDate
ObjectLockMode ObjectLockLegalHoldStatus IntelligentTieringAccessTier BucketKeyStatus ChecksumAlgorithm ObjectAccessControlList
ObjectOwner""".split()


def order(s3, bucket, target, name="all", prefix="reports", versions="All", fields=FIELDS, frequency="Daily", **more):
    destination = {"Bucket": f"arn:aws:s3:::{target}", "Format": "CSV", **more.pop("destination", {})}
    if prefix is not None:
        destination["Prefix"] = prefix
    configuration = {
        "Destination": {"S3BucketDestination": destination},
        "IsEnabled": True,
        "Id": name,
        "IncludedObjectVersions": versions,
        "Schedule": {"Frequency": frequency},
        **({"OptionalFields": list(fields)} if fields else {}),
        **more,
    }
    s3.put_bucket_inventory_configuration(Bucket=bucket, Id=name, InventoryConfiguration=configuration)
    return configuration


def manifests(s3, target, place):
    """The manifests whose report is whole."""
    done = [key for key in listed(s3, target, Prefix=f"{place}/") if key.endswith("/manifest.checksum")]
    return [key.removesuffix(".checksum") + ".json" for key in done]


def report(s3, target, place, number=0):
    """The rows of a report, once it is there; everything that the manifest vouches for is compared. A report of the same
    minute takes its place: then it is read again."""
    for _ in range(9):
        key = eventually(lambda: (manifests(s3, target, place) + [None] * (number + 1))[number])
        vouched = lambda: get(s3, target, key.replace(".json", ".checksum")).decode()
        before = vouched()
        text = get(s3, target, key)
        manifest = json.loads(text)
        begun = datetime.fromtimestamp(int(manifest["creationTimestamp"]) / 1000, timezone.utc)
        links = get(s3, target, f"{place}/hive/dt={begun:%Y-%m-%d-%H-%M}/symlink.txt").decode().split()
        if vouched() == before == hashlib.md5(text).hexdigest() and links == [f"s3://{target}/{file['key']}" for file in manifest["files"]]:
            return rows_of(s3, target, place, key, manifest, begun)
        # What differs must be of another report, which ends with another checksum.
        eventually(lambda: vouched() != before)
    raise AssertionError("no report was whole")


def rows_of(s3, target, place, key, manifest, begun):
    assert key == f"{place}/{begun:%Y-%m-%dT%H-%MZ}/manifest.json"
    assert (manifest["version"], manifest["fileFormat"]) == ("2016-11-30", "CSV")
    assert manifest["destinationBucket"] == f"arn:aws:s3:::{target}"
    rows = []
    for file in manifest["files"]:
        body = get(s3, target, file["key"])
        assert (len(body), hashlib.md5(body).hexdigest()) == (file["size"], file["MD5checksum"])
        rows += csv.reader(io.StringIO(gzip.decompress(body).decode()))
    columns = manifest["fileSchema"].split(", ")
    assert all(len(row) == len(columns) for row in rows)
    return [dict(zip(columns, row)) for row in rows]


@pytest.fixture(scope="module")
def server(make_server):
    return make_server(name="inventories", config=CONFIG + LIFECYCLE)


@pytest.fixture()
def target(server, bucket):
    return server.bucket(f"{bucket}-lists"[:63], "general")


def test_the_setting_is_kept_listed_and_removed(server, s3, bucket, target):
    of = lambda name: s3.get_bucket_inventory_configuration(Bucket=bucket, Id=name)["InventoryConfiguration"]
    missing = ("NoSuchConfiguration", 404)
    assert code(s3.get_bucket_inventory_configuration, Bucket=bucket, Id="a") == missing
    assert code(s3.delete_bucket_inventory_configuration, Bucket=bucket, Id="a") == missing
    listing = s3.list_bucket_inventory_configurations(Bucket=bucket)
    assert listing["IsTruncated"] is False and "InventoryConfigurationList" not in listing
    kms = {"Encryption": {"SSEKMS": {"KeyId": "alias/onshore/default"}}}
    said = order(s3, bucket, target, "a", IsEnabled=False, destination={"Bucket": f"arn:aws-cn:s3:::{target}"})
    assert of("a") == said
    said = order(s3, bucket, target, "a", Filter={"Prefix": "in/"}, IsEnabled=False, destination=kms)
    assert of("a") == said
    plain = order(s3, bucket, target, "b", prefix=None, versions="Current", fields=(), frequency="Weekly", IsEnabled=False)
    assert of("b") == plain
    changed = order(s3, bucket, target, "a", fields=["ETag", "Size"], IsEnabled=False)
    assert of("a") == {**changed, "OptionalFields": ["Size", "ETag"]}
    for number in range(103):
        order(s3, bucket, target, f"n{number:03}", IsEnabled=False)
    first = s3.list_bucket_inventory_configurations(Bucket=bucket)
    assert first["IsTruncated"] and len(first["InventoryConfigurationList"]) == 100
    rest = s3.list_bucket_inventory_configurations(Bucket=bucket, ContinuationToken=first["NextContinuationToken"])
    found = [one["Id"] for page in (first, rest) for one in page["InventoryConfigurationList"]]
    assert found == ["a", "b", *(f"n{number:03}" for number in range(103))] and not rest["IsTruncated"]
    s3.delete_bucket_inventory_configuration(Bucket=bucket, Id="a")
    assert code(s3.get_bucket_inventory_configuration, Bucket=bucket, Id="a") == missing
    assert listed(s3, target) == [], "what is not enabled is not made"


def test_what_cannot_be_is_refused(server, s3, bucket, target):
    refused = lambda *args, **more: code(lambda: order(s3, bucket, *args, **more))
    for arn in (target, f"arn:aws:sqs:::{target}", f"arn::s3:::{target}", f"arn:aws:s3:r::{target}"):
        assert refused(target, destination={"Bucket": arn}) == ("InvalidS3DestinationBucket", 400)
    assert refused("nobody-has-this-one") == ("InvalidS3DestinationBucket", 400)
    assert refused(target, "x" * 65) == ("InvalidArgument", 400)
    assert refused(target, "no blanks") == ("InvalidArgument", 400)
    assert refused(target, Id="another") == ("InvalidArgument", 400)
    assert refused(target, versions="Some") == ("MalformedXML", 400)
    assert refused(target, frequency="Hourly") == ("MalformedXML", 400)
    assert refused(target, fields=["Colour"]) == ("MalformedXML", 400)
    assert refused(target, Filter={"Prefix": "x" * 1025}) == ("InvalidArgument", 400)
    assert refused(target, prefix="x" * 701) == ("InvalidArgument", 400)
    assert refused(target, destination={"Format": "Parquet"}) == ("NotImplemented", 501)
    assert refused(target, destination={"Encryption": {"SSEKMS": {"KeyId": "another"}}})[0] == "KMS.NotFoundException"
    server.cli("tenant", "create", "list-stranger")
    made = server.cli("key", "create", "--tenant", "list-stranger")
    stranger = server.client(access_key=made["access_key"], secret_key=made["secret_key"])
    stranger.create_bucket(Bucket="stranger-lists")
    assert refused("stranger-lists") == ("InvalidS3DestinationBucket", 400)
    assert code(stranger.list_bucket_inventory_configurations, Bucket=bucket) == ("AccessDenied", 403)


def test_every_version_is_listed_with_all_that_is_told_of_it(server, s3, target):
    bucket = "inventoried"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    for key in keys.ALL:
        put(s3, bucket, key, b"x" * 5)
    until = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=3)
    locked = put(s3, bucket, "locked", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until, ObjectLockLegalHoldStatus="ON")
    put(s3, bucket, "kms", ServerSideEncryption="aws:kms", BucketKeyEnabled=True)
    secret = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": bytes(range(32))}
    put(s3, bucket, "customer", **secret)
    put(s3, bucket, "summed", ChecksumAlgorithm="SHA256")
    parts = upload(s3, bucket, "parts", [b"1" * (5 << 20), b"2"])
    hidden = put(s3, bucket, "hidden")
    marker = s3.delete_object(Bucket=bucket, Key="hidden")
    order(s3, bucket, target)
    rows = report(s3, target, f"reports/{bucket}/all")
    told = {(unquote_plus(row["Key"]), row["VersionId"]): row for row in rows}
    assert len(told) == len(rows)
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    held, markers = [], []
    for page in pages:
        held += page.get("Versions", [])
        markers += page.get("DeleteMarkers", [])
    assert set(told) == {(entry["Key"], entry["VersionId"]) for entry in [*held, *markers]}
    for entry in held:
        row = told[entry["Key"], entry["VersionId"]]
        assert (row["Bucket"], row["Size"], row["ETag"]) == (bucket, str(entry["Size"]), entry["ETag"].strip('"'))
        assert row["IsLatest"] == str(entry["IsLatest"]).lower() and row["IsDeleteMarker"] == "false"
        assert row["StorageClass"] == "STANDARD"
        assert datetime.fromisoformat(row["LastModifiedDate"].replace("Z", "+00:00")).replace(microsecond=0) == entry["LastModified"]
    gone = told["hidden", marker["VersionId"]]
    assert (gone["IsDeleteMarker"], gone["IsLatest"], gone["Size"], gone["ETag"]) == ("true", "true", "", "")
    assert told["hidden", hidden["VersionId"]]["IsLatest"] == "false"
    of = lambda key: next(row for (name, _), row in told.items() if name == key)
    held = of("locked")
    assert (held["ObjectLockMode"], held["ObjectLockLegalHoldStatus"], held["VersionId"]) == ("COMPLIANCE", "On", locked["VersionId"])
    assert datetime.fromisoformat(held["ObjectLockRetainUntilDate"].replace("Z", "+00:00")) == until
    assert [of(key)["EncryptionStatus"] for key in ("kms", "customer", "summed")] == ["SSE-KMS", "SSE-C", "SSE-S3"]
    assert [of(key)["BucketKeyStatus"] for key in ("kms", "summed")] == ["ENABLED", "DISABLED"]
    assert "SHA256" in of("summed")["ChecksumAlgorithm"]
    assert (of("parts")["IsMultipartUploaded"], of("parts")["ETag"]) == ("true", parts["ETag"].strip('"'))
    owner = s3.list_buckets()["Owner"]["ID"]
    assert of("kms")["ObjectOwner"] == owner
    access = json.loads(base64.b64decode(of("kms")["ObjectAccessControlList"]))
    assert access["grants"] == [{"canonicalId": owner, "type": "CanonicalUser", "permission": "FULL_CONTROL"}]
    # A lock must not hold the rest of the run up: the bucket stays.


def test_current_objects_beneath_a_prefix_in_many_pages_day_after_day(server, s3, bucket, target):
    set_versioning(s3, bucket, "Enabled")
    wanted = {f"in/{number:05}" for number in range(2300)}
    race(lambda number: put(s3, bucket, f"in/{number:05}"), len(wanted))
    put(s3, bucket, "in/00007", b"again")
    put(s3, bucket, "in/gone")
    s3.delete_object(Bucket=bucket, Key="in/gone")
    put(s3, bucket, "out/1")
    order(s3, bucket, target, "some", prefix="", versions="Current", fields=["Size"], Filter={"Prefix": "in/"})
    rows = report(s3, target, f"{bucket}/some")
    assert list(rows[0]) == ["Bucket", "Key", "Size"]
    assert sorted(unquote_plus(row["Key"]) for row in rows) == sorted(wanted)
    put(s3, bucket, "in/new")
    # A report is called by its minute; each is there once its checksum is, and the next day's says what is new.
    made = lambda: len([leaf for leaf in leaves(server, "stored") if leaf["operation"] == "Inventory"])
    before = made()
    eventually(lambda: made() >= before + 8)
    last = len(manifests(s3, target, f"{bucket}/some")) - 1
    assert "in/new" in {unquote_plus(row["Key"]) for row in report(s3, target, f"{bucket}/some", last)}
    s3.delete_bucket_inventory_configuration(Bucket=bucket, Id="some")


def test_a_list_is_as_strict_as_what_it_tells(server, s3, bucket, target):
    server.bucket(f"{bucket}-core", "core")
    put(s3, f"{bucket}-core", "k")
    server.bucket(f"{bucket}-free", "general")
    put(s3, f"{bucket}-free", "k")
    put(s3, f"{bucket}-free", "personal", Metadata={"onshore-class": "personal"})
    abroad = server.client(source="127.0.0.66")
    for source in (f"{bucket}-core", f"{bucket}-free"):
        order(s3, source, target)
        report(s3, target, f"reports/{source}/all")
        for key in listed(s3, target, Prefix=f"reports/{source}/"):
            assert code(abroad.get_object, Bucket=target, Key=key) == ("AccessDenied", 403), key
    put(s3, target, "free")
    assert get(abroad, target, "free") == b"x"
    free = server.bucket(f"{bucket}-all-free", "general")
    put(s3, free, "k")
    order(s3, free, target)
    report(s3, target, f"reports/{free}/all")
    assert all(get(abroad, target, key) for key in listed(s3, target, Prefix=f"reports/{free}/") if "symlink" not in key)


def test_a_report_that_a_kill_broke_off_is_made_again(make_server):
    server = make_server(name="inventories-kill", config=CONFIG + LIFECYCLE.replace("lifecycle_day_s = 2", "lifecycle_day_s = 86400"))
    s3 = server.client()
    bucket, target = server.bucket("source"), server.bucket("target")
    for number in range(50):
        put(s3, bucket, f"k{number}")
    order(s3, bucket, target)
    report(s3, target, f"reports/{bucket}/all")
    first = manifests(s3, target, f"reports/{bucket}/all")
    server.restart()
    s3 = server.client()
    assert manifests(s3, target, f"reports/{bucket}/all") == first, "the day is not over"
    order(s3, bucket, target, "second")
    server.kill9()
    server.start()
    s3 = server.client()
    rows = report(s3, target, f"reports/{bucket}/second")
    assert len(rows) == 50
    assert re.match(r"reports/source/second/data/[0-9a-f]{32}\.csv\.gz\Z", [key for key in listed(s3, target, Prefix="reports/source/second/data")][0])
