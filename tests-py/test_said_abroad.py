"""What is said of a protected object leaves as its bytes do: under an approval, counted in bytes, objects and persons, and refused where one is
spent or has lapsed. And what is done from abroad tells nothing of bytes that are here already."""

import base64
import hashlib
import itertools
import json
import random
import shutil
import urllib.parse
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from identities import allow, deny, new_user
from identities import refused as denied
from test_classify import BOMB, resident_id
from test_packs import PACKS, Firm
from test_scanning import US

MIB = 1 << 20
OTHER_RULES = [
    "foreign-authority", "instrument-unnamed", "recipient-unnamed", "leave-for-authorities-only", "critical-infrastructure", "state-organ",
    "important-data", "assessment-too-long", "certificate-too-long",
]  # fmt: skip
NUMBERS = itertools.count()


def number(seed):
    return resident_id(random.Random(f"said-abroad-{seed}"))


def text(seeds):
    return "\n".join("身份证 " + number(seed) for seed in seeds).encode()


def tags(*seeds):
    return {"TagSet": [{"Key": f"who{place}", "Value": number(seed)} for place, seed in enumerate(seeds)]}


def status(function, **arguments):
    try:
        return function(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def firm(server):
    """A tenant with a bucket of personal data."""
    firm = Firm(server, f"said-{next(NUMBERS)}")
    firm.inside.delete_bucket(Bucket=firm.name)
    server.cli("bucket", "create", firm.name, "--tenant", firm.name, "--class", "personal")

    def grant(max_bytes=1 << 30, *more):
        made = server.cli(
            "approval", "grant", "--tenant", firm.name, "--to", "US", "--class", "personal", "--max-bytes", max_bytes,
            "--until", "2099-01-01T00:00:00Z", *more,
        )  # fmt: skip
        return lambda: server.cli("approval", "show", made["id"]), made["id"]

    firm.approve = grant
    return firm


LOOKS = {
    "head": lambda s3, **at: s3.head_object(**at),
    "tags": lambda s3, **at: s3.get_object_tagging(**at),
    "attributes": lambda s3, **at: s3.get_object_attributes(ObjectAttributes=["ETag", "Checksum", "ObjectSize"], **at),
    "acl": lambda s3, **at: s3.get_object_acl(**at),
    "not modified": lambda s3, **at: s3.get_object(IfNoneMatch="*", **at),
    "head not modified": lambda s3, **at: s3.head_object(IfNoneMatch="*", **at),
    "no match": lambda s3, **at: s3.get_object(IfMatch='"00"', **at),
    "unsatisfiable": lambda s3, **at: s3.get_object(Range="bytes=1000000-", **at),
}
ENDS = {"not modified": 304, "head not modified": 304, "no match": 412, "unsatisfiable": 416}


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_said_is_counted_as_bytes_are(firm, look):
    for key in "ab":
        firm.inside.put_object(Bucket=firm.name, Key=key, Body=text([key]), Metadata={"note": "geheim " * 100}, Tagging="t=1")
    show, identity = firm.approve(1 << 20, "--max-objects", 1, "--max-persons", 1)
    do = lambda key: status(LOOKS[look], s3=firm.abroad, Bucket=firm.name, Key=key)
    assert do("a") == ENDS.get(look, 200)
    told = show()
    assert told["objects"] == {"max": 1, "spent": 1} and told["persons"] == {"max": 1, "spent": 1}
    assert told["spent_bytes"] >= (1 if look == "acl" else 700), told
    # Another object is one too many, whatever is asked of it, and no answer tells whether a condition holds.
    assert {status(every, s3=firm.abroad, Bucket=firm.name, Key="b") for every in LOOKS.values()} == {403}
    assert do("a") == ENDS.get(look, 200)
    assert show()["objects"] == {"max": 1, "spent": 1} and show()["spent_bytes"] > told["spent_bytes"] - 1
    report = firm.server.cli("report", "persons", "--tenant", firm.name)
    assert report["exported_to"]["US"]["persons"]["upper"] == report["volumes"]["non_sensitive"] == 1
    firm.server.cli("approval", "revoke", identity)
    assert do("a") == 403


@pytest.mark.parametrize("look", LOOKS)
def test_an_approval_that_is_spent_tells_nothing_more(firm, look):
    firm.inside.put_object(Bucket=firm.name, Key="a", Body=b"hi", Metadata={"note": "geheim " * 100})
    firm.inside.put_object(Bucket=firm.name, Key="plain", Body=b"hi")
    show, _ = firm.approve(2)
    assert firm.get("plain") == b"hi"
    assert show()["spent_bytes"] == 2
    assert status(LOOKS[look], s3=firm.abroad, Bucket=firm.name, Key="a") == 403
    assert status(LOOKS[look], s3=firm.abroad, Bucket=firm.name, Key="none") == 403
    assert status(firm.abroad.get_bucket_tagging, Bucket=firm.name) == 403
    assert show()["spent_bytes"] == 2


def test_each_answer_pays_for_what_it_tells_and_is_an_export(firm):
    firm.inside.put_object(Bucket=firm.name, Key="a", Body=b"hi", Metadata={"note": "geheim " * 250})
    firm.inside.put_bucket_tagging(Bucket=firm.name, Tagging={"TagSet": [{"Key": "k", "Value": "v" * 200}]})
    show, _ = firm.approve(6000)
    for turn in range(3):
        assert status(firm.abroad.head_object, Bucket=firm.name, Key="a") == 200
        assert show()["spent_bytes"] >= 1750 * (turn + 1)
    assert status(firm.abroad.head_object, Bucket=firm.name, Key="a") == 403, "what is left is less than its metadata"
    before = show()["spent_bytes"]
    assert status(firm.abroad.get_bucket_tagging, Bucket=firm.name) == 200
    assert show()["spent_bytes"] >= before + 202
    told = firm.server.cli("ledger", "tail", "-n", 1000)
    described = [leaf for leaf in told if '"export.described"' in str(leaf).replace("'", '"')]
    assert len(described) >= 4
    # Inside nothing of it is counted.
    before = show()["spent_bytes"]
    for look in LOOKS.values():
        status(look, s3=firm.inside, Bucket=firm.name, Key="a")
    assert show()["spent_bytes"] == before


def test_a_read_pays_for_its_metadata_too(firm):
    firm.inside.put_object(Bucket=firm.name, Key="a", Body=b"hi", Metadata={"note": "geheim " * 250})
    show, _ = firm.approve(4000)
    for turn in range(2):
        assert firm.get("a", Range="bytes=0-0") == b"h"
        assert show()["spent_bytes"] >= 1751 * (turn + 1)
    assert status(firm.abroad.get_object, Bucket=firm.name, Key="a", Range="bytes=0-0") == 403
    firm.inside.put_object(Bucket=firm.name, Key="plain", Body=b"hi", Metadata={"onshore-class": "personal"})
    before = show()["spent_bytes"]
    assert firm.get("plain") == b"hi" and show()["spent_bytes"] == before + 2


def test_persons_in_tags_that_come_later_are_counted_at_the_next_look(firm):
    firm.inside.put_object(Bucket=firm.name, Key="a", Body=text(range(2)))
    firm.inside.put_object(Bucket=firm.name, Key="b", Body=text([0]), Tagging=f"who={number(50)}")
    show, _ = firm.approve(1 << 20, "--max-persons", 4)
    assert firm.get("a") and show()["persons"] == {"max": 4, "spent": 2}
    firm.inside.put_object_tagging(Bucket=firm.name, Key="a", Tagging=tags(2))
    assert status(firm.abroad.get_object_tagging, Bucket=firm.name, Key="a") == 200
    assert show()["persons"] == {"max": 4, "spent": 3} and firm.get("a")
    assert show()["persons"] == {"max": 4, "spent": 3}
    firm.inside.put_object_tagging(Bucket=firm.name, Key="a", Tagging=tags(*range(3, 11)))
    for look in LOOKS.values():
        assert status(look, s3=firm.abroad, Bucket=firm.name, Key="a") == 403
    assert status(firm.abroad.get_object, Bucket=firm.name, Key="a") == 403
    assert show()["persons"] == {"max": 4, "spent": 3}
    # One and the same in another object, and one more in its tags: the last there is room for.
    assert status(firm.abroad.head_object, Bucket=firm.name, Key="b") == 200
    assert show()["persons"] == {"max": 4, "spent": 4}
    report = firm.server.cli("report", "persons", "--tenant", firm.name)
    assert report["volumes"]["non_sensitive"] == 4
    firm.server.restart()
    assert show()["persons"] == {"max": 4, "spent": 4}


@pytest.fixture(scope="module")
def few(make_server, tmp_path_factory):
    """A server under the pack `cn` with lines at five and ten persons, and at eight of whom something is sensitive."""
    server = make_server(name="said-few")
    pack = shutil.copytree(PACKS / "cn", tmp_path_factory.mktemp("packs") / "few")
    manifest, limits = (pack / "pack.toml").read_text(), (pack / "thresholds.toml").read_text()
    (pack / "pack.toml").write_text(manifest.replace('name = "cn"', 'name = "few"', 1))
    for value, fewer in ((1_000_000, 10), (100_000, 5), (10_000, 8)):
        limits = limits.replace(f"value = {value}\n", f"value = {fewer}\n")
    (pack / "thresholds.toml").write_text(limits)
    policies = (pack / "policies.cedar").read_text()
    (pack / "policies.cedar").write_text(policies.replace('@rule("cn.', '@rule("few.'))
    header, *rows = (pack / "cases.csv").read_text().splitlines()
    # Those that hold whatever the lines are, and others for where they are now.
    kept = [row.replace(",cn.", ",few.").replace(",100000,", ",1,") for row in rows if any(f",cn.{rule}" in row for rule in OTHER_RULES)]
    cases = [
        f"{day} {less} {more} {instrument},{day},,,{less},{more},personal,US,,,{instrument},,,{verdict},,,,"
        for day, less, more, instrument, verdict in [
            ("2024-03-01", 4, "", "exemption", "allow"),
            ("2024-03-01", 5, "", "standard-contract", "few.volume-assessment"),
            ("2026-06-01", 4, "", "exemption", "allow"),
            ("2026-06-01", 9, "", "exemption", "few.volume-contract"),
            ("2026-06-01", 10, "", "standard-contract", "few.volume-assessment"),
            ("2026-06-01", "", 7, "standard-contract", "allow"),
            ("2026-06-01", "", 8, "standard-contract", "few.volume-assessment"),
        ]
    ]
    (pack / "cases.csv").write_text("\n".join([header, *kept, *cases, ""]))
    server.cli("pack", "activate", pack)
    return server


def volumes(server, name):
    return server.cli("report", "persons", "--tenant", name)["volumes"]


def test_what_is_said_of_empty_objects_uses_a_volume_up(few):
    firm = Firm(few, "volumes")
    for place in range(8):
        firm.put(f"o{place}", b"", Tagging=f"who={number(100 + place)}")
    firm.grant("exemption")
    look = lambda place: status(firm.abroad.get_object_tagging, Bucket="volumes", Key=f"o{place}")
    assert [look(place) for place in range(8)] == [200] * 4 + [403] * 4
    assert look(0) == 200 and volumes(few, "volumes") == {"non_sensitive": 4, "sensitive": 0}
    assert firm.why("o7") == "few.volume-contract"


def test_sensitive_data_of_the_same_persons_takes_nobody_back(few):
    """Table 1.2: whose non-sensitive data has left stays counted whatever else leaves of him."""
    firm = Firm(few, "both")
    firm.put("ten", text(range(200, 210)))
    firm.put("eleventh", text([210]))
    firm.inside.put_object(Bucket="both", Key="sensitive", Body=text(range(200, 204)), Metadata={"onshore-class": "sensitive-personal"})
    contract = firm.grant("standard-contract", label="sensitive-personal")
    assert firm.why("ten") == "few.volume-assessment"
    assessed = firm.grant("security-assessment", label="sensitive-personal")
    assert firm.why("ten") is None
    firm.revoke(assessed)
    assert volumes(few, "both") == {"non_sensitive": 10, "sensitive": 0}
    for key in ("eleventh", "sensitive", "eleventh", "ten"):
        assert firm.why(key) == "few.volume-assessment"
    assessed = firm.grant("security-assessment", label="sensitive-personal")
    assert firm.why("sensitive") is None
    firm.revoke(assessed)
    report = few.cli("report", "persons", "--tenant", "both")
    assert report["volumes"] == {"non_sensitive": 10, "sensitive": 4}
    assert report["exported"]["persons"]["sensitive_upper"] == 4, "what is labelled sensitive is, whatever was found in it"
    few.restart()
    keys = few.cli("key", "create", "--tenant", "both")
    firm.abroad = few.client(source=US, access_key=keys["access_key"], secret_key=keys["secret_key"])
    assert volumes(few, "both") == {"non_sensitive": 10, "sensitive": 4}
    for key in ("eleventh", "ten"):
        assert firm.why(key) == "few.volume-assessment"
    firm.revoke(contract)


def completed(s3, bucket, key, upload, *etags):
    listed = [{"PartNumber": place + 1, "ETag": etag} for place, etag in enumerate(etags)]
    return s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": listed})


@pytest.mark.parametrize("where", ["personal", "general"])
@pytest.mark.parametrize("how", ["sent", "copied"])
def test_completing_from_abroad_tells_nothing_of_what_is_here(firm, where, how):
    bucket, body = firm.name, b"13912345678"
    if where == "general":
        bucket = firm.name + "-general"
        firm.server.cli("bucket", "create", bucket, "--tenant", firm.name, "--class", "general")
    etag = '"' + hashlib.md5(body).hexdigest() + '"'
    upload = firm.inside.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    if how == "sent":
        firm.inside.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=body)
    else:
        firm.inside.put_object(Bucket=firm.name, Key="source", Body=body)
        source = {"Bucket": firm.name, "Key": "source"}
        firm.inside.upload_part_copy(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, CopySource=source)
    answers = []
    for guess in ('"' + "0" * 32 + '"', etag):
        with pytest.raises(ClientError) as caught:
            completed(firm.abroad, bucket, "k", upload, guess)
        answers.append((caught.value.response["ResponseMetadata"]["HTTPStatusCode"], caught.value.response["Error"]["Code"]))
    assert answers == [(403, "AccessDenied")] * 2, "a right guess and a wrong one are the same"
    # Under an approval it is paid for like the bytes.
    show, _ = firm.approve(1000, "--max-objects", 1)
    assert completed(firm.abroad, bucket, "k", upload, etag)["ETag"].strip('"').endswith("-1")
    assert show()["spent_bytes"] >= len(body) and show()["objects"]["spent"] == 1


def test_whoever_sent_the_parts_from_there_completes_from_there(firm):
    body = text([1]) + b" " * (5 * MIB)
    upload = firm.abroad.create_multipart_upload(Bucket=firm.name, Key="k")["UploadId"]
    etags = [
        firm.abroad.upload_part(Bucket=firm.name, Key="k", UploadId=upload, PartNumber=place + 1, Body=body)["ETag"]
        for place in range(2)
    ]
    # One that was sent from inside among them is one too many.
    firm.inside.upload_part(Bucket=firm.name, Key="k", UploadId=upload, PartNumber=3, Body=b"13912345678")
    last = '"' + hashlib.md5(b"13912345678").hexdigest() + '"'
    denied(lambda: completed(firm.abroad, firm.name, "k", upload, *etags, last))
    done = completed(firm.abroad, firm.name, "k", upload, *etags)
    assert done["ETag"].strip('"').endswith("-2")
    denied(firm.abroad.get_object, Bucket=firm.name, Key="k")
    assert firm.inside.get_object(Bucket=firm.name, Key="k")["Body"].read() == body * 2


def test_general_parts_are_completed_from_anywhere(firm):
    bucket = firm.name + "-free"
    firm.server.cli("bucket", "create", bucket, "--tenant", firm.name, "--class", "general")
    upload = firm.inside.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    etag = firm.inside.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"nothing of anybody")["ETag"]
    denied(lambda: completed(firm.abroad, bucket, "k", upload, '"' + "0" * 32 + '"'), "InvalidPart", 400)
    assert completed(firm.abroad, bucket, "k", upload, etag)


def test_a_copy_takes_tags_along_only_for_whom_policies_let(server, bucket):
    s3 = server.client()
    s3.put_object(Bucket=bucket, Key="tagged", Body=b"x", Tagging="a=b")
    s3.put_object(Bucket=bucket, Key="bare", Body=b"x")
    both = allow("s3:GetObject", "s3:PutObject", "s3:GetObjectTagging", "s3:PutObjectTagging")
    copy = lambda user, source, **more: user.s3.copy_object(
        Bucket=bucket, Key=f"copy-{user.name}", CopySource={"Bucket": bucket, "Key": source}, **more
    )
    user = new_user(server, "default", both)
    copy(user, "tagged")
    assert user.s3.get_object_tagging(Bucket=bucket, Key=f"copy-{user.name}")["TagSet"] == [{"Key": "a", "Value": "b"}]
    for action in ("s3:GetObjectTagging", "s3:PutObjectTagging"):
        user = new_user(server, "default", both, deny(action))
        denied(lambda: copy(user, "tagged"))
        copy(user, "bare")
    copy(new_user(server, "default", both, deny("s3:GetObjectTagging")), "tagged", TaggingDirective="REPLACE")
    denied(lambda: copy(new_user(server, "default", allow("s3:GetObject", "s3:PutObject")), "tagged"))


def settings(bucket, said):
    """Every setting of a bucket that words of the client's own are in."""
    rule = {"ID": said, "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 1}}
    cors = {"ID": said, "AllowedMethods": ["GET"], "AllowedOrigins": ["http://a.example"]}
    statement = {"Sid": "a", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    statement["Condition"] = {"IpAddress": {"aws:SourceIp": [f"198.51.100.{place}/32" for place in range(20)]}}
    policy = {"Version": "2012-10-17", "Id": said, "Statement": [statement]}
    inventory = {"Bucket": f"arn:aws:s3:::{bucket}", "Format": "CSV", "Prefix": said}
    return {
        "put_bucket_tagging": {"Tagging": {"TagSet": [{"Key": "owner", "Value": said}]}},
        "put_bucket_lifecycle_configuration": {"LifecycleConfiguration": {"Rules": [rule]}},
        "put_bucket_cors": {"CORSConfiguration": {"CORSRules": [cors]}},
        "put_bucket_policy": {"Policy": json.dumps(policy)},
        "put_bucket_logging": {"BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": said}}},
        "put_bucket_inventory_configuration": {
            "Id": "a",
            "InventoryConfiguration": {
                "Destination": {"S3BucketDestination": inventory}, "IsEnabled": True, "Id": "a", "IncludedObjectVersions": "Current",
                "Schedule": {"Frequency": "Daily"},
            },
        },
    }  # fmt: skip


def test_what_is_said_of_a_bucket_is_covered_by_its_class(firm):
    free = f"{firm.name}-free"
    firm.server.cli("bucket", "create", free, "--tenant", firm.name, "--class", "general")
    for operation, said in settings(free, f"of/{number(1)}").items():
        with pytest.raises(ClientError) as refused:
            getattr(firm.inside, operation)(Bucket=free, **said)
        assert refused.value.response["Error"]["Code"] == "InvalidRequest", operation
        assert "personal" in refused.value.response["Error"]["Message"], operation
    assert status(firm.abroad.get_bucket_tagging, Bucket=free) == 404
    for operation, said in settings(free, "of/nobody").items():
        assert status(getattr(firm.inside, operation), Bucket=free, **said) in (200, 204), operation
    assert status(firm.abroad.get_bucket_tagging, Bucket=free) == 200
    for operation, said in settings(firm.name, f"of/{number(1)}").items():
        assert status(getattr(firm.inside, operation), Bucket=firm.name, **said) in (200, 204), operation
    assert status(firm.abroad.get_bucket_tagging, Bucket=firm.name) == 403
    # A condition hides nothing by its name, and neither does a bucket that gets its class later.
    for condition in [
        {"StringEquals": {"s3:ExistingObjectTag/IpAddress": number(2)}},
        {"IpAddress": {f"aws:RequestTag/{number(2)}": "10.0.0.0/8"}},
        {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", number(2)]}},
    ]:
        statement = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{free}/*", "Condition": condition}
        assert status(firm.inside.put_bucket_policy, Bucket=free, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})) == 400, condition
    later = f"{firm.name}-later"
    firm.server.cli("bucket", "create", later, "--tenant", firm.name)
    operations = settings(later, f"of/{number(1)}").items()
    assert {status(getattr(firm.inside, operation), Bucket=later, **said) for operation, said in operations} == {400}


def test_a_text_or_a_key_that_unfolds_keeps_nobody_waiting(firm):
    unfolds = base64.b64encode(zlib.compress(BOMB, 9)).decode()
    note = f"note: {unfolds} end".encode()
    with ThreadPoolExecutor(4) as pool:
        puts = [pool.submit(status, firm.inside.put_object, Bucket=firm.name, Key=f"{at}.txt", Body=note) for at in range(4)]
        assert status(firm.inside.delete_object, Bucket=firm.name, Key=unfolds) == 204
        assert firm.server.cli("tenant", "list") and {put.result() for put in puts} == {200}


def test_a_delete_marker_of_what_never_was_is_as_strict_as_its_name(firm):
    free = f"{firm.name}-free"
    firm.server.cli("bucket", "create", free, "--tenant", firm.name, "--class", "general")
    firm.inside.put_bucket_versioning(Bucket=free, VersioningConfiguration={"Status": "Enabled"})
    firm.inside.delete_object(Bucket=free, Key="nobody")
    assert status(firm.abroad.list_object_versions, Bucket=free) == 200
    firm.inside.delete_objects(Bucket=free, Delete={"Objects": [{"Key": f"of/{number(1)}.pdf"}]})
    assert status(firm.abroad.list_object_versions, Bucket=free) == 403
    assert status(firm.abroad.list_object_versions, Bucket=free, Prefix="nobody") == 403
    assert status(firm.abroad.list_objects_v2, Bucket=free, Prefix="nobody") == 200


def test_identifiers_in_another_writing_are_held(firm):
    free = f"{firm.name}-free"
    firm.server.cli("bucket", "create", free, "--tenant", firm.name, "--class", "general")
    plain = text(range(2))
    bodies = {
        "base64": base64.encodebytes(plain), "hex": plain.hex().encode(), "zlib": zlib.compress(plain),
        "percent": urllib.parse.quote(plain, safe="").encode(), "letters": f"id_{number(1)}_".encode(),
        "json": json.dumps({"payload": base64.b64encode(plain).decode()}).encode(),
    }  # fmt: skip
    for name, body in bodies.items():
        firm.inside.put_object(Bucket=free, Key=name, Body=body)
        assert status(firm.abroad.get_object, Bucket=free, Key=name) == 403, name
    firm.inside.put_object(Bucket=free, Key="noise", Body=base64.b64encode(random.Random(7).randbytes(1 << 16)))
    assert status(firm.abroad.get_object, Bucket=free, Key="noise") == 200


def test_a_declared_count_only_raises(firm):
    firm.inside.put_object(Bucket=firm.name, Key="few", Body=text(range(2)), Metadata={"onshore-persons": "1"})
    firm.inside.put_object(Bucket=firm.name, Key="many", Body=text(range(2)), Metadata={"onshore-persons": "5"})
    firm.inside.put_object(Bucket=firm.name, Key="later", Body=text(range(2)))
    show, _ = firm.approve(1 << 20, "--max-persons", 5)
    assert firm.get("few") and show()["persons"]["spent"] == 2, "not lowered"
    assert firm.get("many") and show()["persons"]["spent"] == 5, "two who are known, and three more"
    assert firm.get("later") and show()["persons"]["spent"] == 5
    for turn in range(2):
        firm.inside.put_object_tagging(Bucket=firm.name, Key="later", Tagging={"TagSet": [{"Key": "onshore-persons", "Value": "3"}]})
    assert status(firm.abroad.get_object, Bucket=firm.name, Key="later") == 403, "one too many"
    report = firm.server.cli("report", "persons", "--tenant", firm.name)
    assert report["held"]["upper"] == 2 + 3 + 1
    assert status(firm.inside.put_object, Bucket=firm.name, Key="x", Body=b"", Metadata={"onshore-persons": "many"}) == 400
    assert status(firm.inside.put_object, Bucket=firm.name, Key="x", Body=b"", Tagging="onshore-persons=-1") == 400
