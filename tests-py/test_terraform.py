"""Terraform's AWS provider: each setting that it makes it reads back, waits for and compares with what was asked."""

import hashlib
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from calls import MIB, code, get, headers, put, set_versioning, tag_set, tags
from onshore_server import CONFIG, REGION, clean_env

PROVIDER = "registry.terraform.io/hashicorp/aws"
MIRRORS = [
    *filter(None, [os.environ.get("ONSHORE_TF_PLUGINS")]),
    "/opt/tf-plugins",
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
]
ODD_TAGS = {"a": "x", "a b": "\u503c +-=._:/@"}
KEY = "dir/a b+c&d=\u6587.txt"
LARGE = b"".join(hashlib.sha256(number.to_bytes(8)).digest() for number in range(12 * MIB // 32))


class Terraform:
    """A folder with a configuration, which the tests write as the JSON that Terraform takes beside its own language."""

    def __init__(self, server, folder, program, mirror):
        self.folder, self.program = folder, program
        (folder / "cli").write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n')
        provider = {
            "region": REGION,
            "endpoints": {"s3": server.s3},
            "s3_use_path_style": True,
            **dict.fromkeys(["skip_credentials_validation", "skip_metadata_api_check", "skip_requesting_account_id", "skip_region_validation"], True),
        }
        self.base = {"terraform": {"required_providers": {"aws": {"source": PROVIDER}}}, "provider": {"aws": provider}}
        self.env = clean_env(
            AWS_ACCESS_KEY_ID=server.access_key,
            AWS_SECRET_ACCESS_KEY=server.secret_key,
            TF_CLI_CONFIG_FILE=folder / "cli",
            CHECKPOINT_DISABLE="1",
            TF_IN_AUTOMATION="1",
            TF_INPUT="0",
        )

    def write(self, resource, **more):
        (self.folder / "main.tf.json").write_text(json.dumps({**self.base, "resource": resource, **more}))
        if not (self.folder / ".terraform").exists():
            self("init")
        return self

    def __call__(self, command, *args, status=0):
        done = subprocess.run(
            [self.program, command, "-no-color", *args],
            cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150,
        )
        assert done.returncode == status, f"terraform {command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def apply(self, resource, status=0, **more):
        return self.write(resource, **more)("apply", "-auto-approve", status=status)

    def state(self):
        return json.loads((self.folder / "terraform.tfstate").read_text())

    def assert_unchanged(self):
        self("plan", "-detailed-exitcode")


@pytest.fixture(scope="module")
def server(make_server, tmp_path_factory):
    secret = tmp_path_factory.mktemp("region") / "other.toml"
    secret.write_text('access_key = "a"\nsecret_key = "b"\n')
    table = f'\n[replication.other]\nurl = "http://127.0.0.1:1"\nregion = "cn-south-1"\ntenant = "default"\ncredentials_file = "{secret}"\n'
    return make_server(config=CONFIG + table)


@pytest.fixture(scope="module")
def make_terraform(server, tmp_path_factory):
    program = shutil.which("terraform") or pytest.skip("terraform is not on this machine")
    mirrors = [Path(path).expanduser() for path in MIRRORS]
    mirror = next((path for path in mirrors if (path / PROVIDER).is_dir()), None)
    if not mirror:
        pytest.skip(f"no mirror of Terraform's provider {PROVIDER}: set ONSHORE_TF_PLUGINS to its folder")
    return lambda: Terraform(server, tmp_path_factory.mktemp("terraform"), program, mirror)


@pytest.fixture
def terraform(make_terraform):
    return make_terraform()


def of_bucket(name, **settings):
    """Resources aws_s3_bucket_… that set up one bucket."""
    return {f"aws_s3_bucket_{setting}": {"it": {"bucket": name, **arguments}} for setting, arguments in settings.items()}


def rule(**arguments):
    return {"rule": [arguments]}


LIFECYCLE = {
    "rule": [
        {
            "id": "old",
            "status": "Enabled",
            "filter": {"and": {"prefix": "logs/", "object_size_greater_than": 500, "tags": {"a": "b", "c": "d"}}},
            "expiration": {"days": 30},
            "noncurrent_version_expiration": {"noncurrent_days": 7, "newer_noncurrent_versions": 2},
        },
        {"id": "uploads", "status": "Disabled", "filter": {}, "abort_incomplete_multipart_upload": {"days_after_initiation": 3}},
        {"id": "day", "status": "Enabled", "filter": {"prefix": "until/"}, "expiration": {"date": "2099-01-01T00:00:00Z"}},
        {"id": "markers", "status": "Enabled", "filter": {"tag": {"key": "k", "value": ""}}, "noncurrent_version_expiration": {"noncurrent_days": 1}},
    ]
}


@pytest.fixture(scope="module", autouse=True)
def lifecycle(make_terraform, s3):
    """The provider takes a lifecycle for set when it has read the same ten times, which is most of a minute: it waits beside
    the other tests."""
    s3.create_bucket(Bucket="tf-lifecycle")
    terraform = make_terraform()
    with ThreadPoolExecutor(1) as pool:
        yield terraform, pool.submit(terraform.apply, of_bucket("tf-lifecycle", lifecycle_configuration=LIFECYCLE))


def wanted(first):
    """Two configurations that differ in every setting, and objects in a bucket beside."""
    retention = {"mode": "GOVERNANCE", "days": 1} if first else {"mode": "COMPLIANCE", "years": 1}
    origins = ["https://example.cn"] if first else ["https://example.cn", "https://*.example.cn"]
    body = "hello" if first else "changed"
    etag = hashlib.md5(body.encode()).hexdigest()
    plain = {"key": KEY, "content": body, "etag": etag, "content_type": "text/plain", "cache_control": "max-age=7", "metadata": {"who": "terraform"}}
    objects = {"bucket": "${aws_s3_bucket_versioning.objects.bucket}"}
    made = of_bucket(
        "${aws_s3_bucket.it.id}",
        versioning={"versioning_configuration": {"status": "Enabled"}},
        object_lock_configuration=rule(default_retention=retention),
        server_side_encryption_configuration=rule(bucket_key_enabled=not first, apply_server_side_encryption_by_default={"sse_algorithm": "AES256" if first else "aws:kms"}),
        public_access_block={"block_public_acls": True, "ignore_public_acls": True, "block_public_policy": first, "restrict_public_buckets": first},
        ownership_controls=rule(object_ownership="BucketOwnerPreferred" if first else "ObjectWriter"),
        acl={"acl": "private", "depends_on": ["aws_s3_bucket_ownership_controls.it"]},
        cors_configuration={"cors_rule": [{"id": f"of {origin}", "allowed_methods": ["GET", "PUT"], "allowed_origins": [origin], "expose_headers": ["ETag"], "max_age_seconds": 7} for origin in origins]},
        request_payment_configuration={"payer": "BucketOwner"},
        replication_configuration={
            "role": "arn:aws:iam::000000000000:role/replication",
            "rule": [
                {
                    "id": "all",
                    "priority": 1,
                    "status": "Enabled" if first else "Disabled",
                    "filter": {"prefix": "in/"} if first else {"and": {"prefix": "out/", "tags": {"a": "b"}}},
                    "delete_marker_replication": {"status": "Enabled" if first else "Disabled"},
                    "destination": {"bucket": "arn:aws:s3:::copies", "storage_class": "STANDARD"},
                }
            ],
            "depends_on": ["aws_s3_bucket_versioning.it"],
        },
        logging={
            "target_bucket": "${aws_s3_bucket.objects.id}",
            "target_prefix": "log/" if first else "",
            "target_object_key_format": {"partitioned_prefix": {"partition_date_source": "EventTime" if first else "DeliveryTime"}},
        },
        inventory={
            "name": "all",
            "enabled": False,
            "included_object_versions": "All" if first else "Current",
            "schedule": {"frequency": "Daily" if first else "Weekly"},
            "optional_fields": ["Size", "ETag"] if first else ["EncryptionStatus"],
            "filter": {"prefix": "in/"},
            "destination": {"bucket": {"format": "CSV", "bucket_arn": "${aws_s3_bucket.objects.arn}", "prefix": "lists", "encryption": {"sse_s3": {}}}},
        },
    )
    made["aws_s3_bucket"] = {
        "it": {"bucket": "tf-made", "object_lock_enabled": True, "force_destroy": True, "tags": {"a": "b", "c": "d"} if first else ODD_TAGS},
        "objects": {"bucket": "tf-objects", "force_destroy": True},
    }
    made["aws_s3_bucket_versioning"]["objects"] = {"bucket": "${aws_s3_bucket.objects.id}", "versioning_configuration": {"status": "Enabled" if first else "Suspended"}}
    made["aws_s3_object"] = {
        "plain": {**objects, **plain, "tags": {"a": "b" if first else "c"}, "checksum_algorithm": "SHA256"},
        "large": {**objects, "key": "large", "source": "large", "server_side_encryption": "aws:kms"},
    }
    made["aws_s3_object_copy"] = {"it": {**objects, "key": "copy", "source": "tf-objects/${aws_s3_object.plain.key}", "tagging_directive": "REPLACE", "tags": {"copied": "yes"}}}
    return made


READS = {
    "data": {
        "aws_s3_object": {"it": {"bucket": "tf-objects", "key": "${aws_s3_object.plain.key}", "checksum_mode": "ENABLED"}},
        "aws_s3_objects": {"it": {"bucket": "tf-objects", "depends_on": ["aws_s3_object.plain", "aws_s3_object.large", "aws_s3_object_copy.it"]}},
        "aws_s3_bucket": {"it": {"bucket": "${aws_s3_bucket.it.id}"}},
    },
    "output": {"read": {"value": "${data.aws_s3_object.it}"}, "keys": {"value": "${data.aws_s3_objects.it.keys}"}, "region": {"value": "${data.aws_s3_bucket.it.region}"}},
}


def test_terraform_makes_changes_and_destroys(terraform, s3):
    (terraform.folder / "large").write_bytes(LARGE)
    terraform.apply(wanted(first=True), **READS)
    terraform.assert_unchanged()
    said = {name: output["value"] for name, output in terraform.state()["outputs"].items()}
    read = said["read"]
    assert said["keys"] == ["copy", KEY, "large"] and said["region"] == REGION
    assert (read["body"], read["cache_control"], read["metadata"], read["tags"]) == ("hello", "max-age=7", {"who": "terraform"}, {"a": "b"}) and read["checksum_sha256"]
    assert get(s3, "tf-objects", "large") == LARGE and headers(s3.head_object(Bucket="tf-objects", Key="large", PartNumber=1))["x-amz-mp-parts-count"] == "3"
    assert get(s3, "tf-objects", "copy") == b"hello" and tags(s3.get_object_tagging(Bucket="tf-objects", Key="copy")) == {"copied": "yes"}
    put(s3, "tf-made", "k", b"locked")
    s3.delete_object(Bucket="tf-made", Key="k")

    said = terraform.apply(wanted(first=False), **READS)
    assert "Resources: 0 added, 11 changed, 0 destroyed" in said, said
    assert get(s3, "tf-objects", KEY) == b"changed" and tags(s3.get_object_tagging(Bucket="tf-objects", Key=KEY)) == {"a": "c"}
    assert s3.get_bucket_versioning(Bucket="tf-objects")["Status"] == "Suspended"
    assert tags(s3.get_bucket_tagging(Bucket="tf-made")) == ODD_TAGS
    assert s3.get_object_lock_configuration(Bucket="tf-made")["ObjectLockConfiguration"]["Rule"] == {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 1}}
    blocked = s3.get_public_access_block(Bucket="tf-made")["PublicAccessBlockConfiguration"]
    assert blocked == {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}
    assert s3.get_bucket_ownership_controls(Bucket="tf-made")["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "ObjectWriter"}]
    assert sorted(rule["AllowedOrigins"] for rule in s3.get_bucket_cors(Bucket="tf-made")["CORSRules"]) == [["https://*.example.cn"], ["https://example.cn"]]
    encryption = s3.get_bucket_encryption(Bucket="tf-made")["ServerSideEncryptionConfiguration"]["Rules"]
    destroyed = terraform("destroy", "-auto-approve")
    left = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    assert not left & {"tf-made", "tf-objects"}, f"also what is locked by governance, versions and markers are gone: {destroyed}"
    assert encryption == [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}], "what was said, or Terraform sets it again each time"


def test_terraform_imports_a_bucket(terraform, s3):
    s3.create_bucket(Bucket="tf-imported")
    s3.put_bucket_tagging(Bucket="tf-imported", Tagging=tag_set(team="blue"))
    s3.put_bucket_cors(Bucket="tf-imported", CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})
    set_versioning(s3, "tf-imported", "Enabled")
    wanted = of_bucket(
        "tf-imported",
        versioning={"versioning_configuration": {"status": "Enabled"}},
        cors_configuration={"cors_rule": [{"allowed_methods": ["GET"], "allowed_origins": ["*"]}]},
        server_side_encryption_configuration=rule(apply_server_side_encryption_by_default={"sse_algorithm": "AES256"}),
        ownership_controls=rule(object_ownership="BucketOwnerEnforced"),
        request_payment_configuration={"payer": "BucketOwner"},
    )
    wanted["aws_s3_bucket"] = {"it": {"bucket": "tf-imported", "tags": {"team": "blue"}}}
    said = terraform.apply(wanted, **{"import": [{"to": f"{kind}.it", "id": "tf-imported"} for kind in wanted]})
    assert "Resources: 6 imported, 0 added, 0 changed, 0 destroyed" in said, said
    blocked = s3.get_public_access_block(Bucket="tf-imported")["PublicAccessBlockConfiguration"]
    assert len(blocked) == 4 and all(blocked.values()), "AWS says so of every new bucket, and it is imported with it"


ELSEWHERE = "arn:aws:iam::123456789012:role/r"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::tf-refused/*"}]}
NOT_DONE = of_bucket(
    "tf-refused",
    accelerate_configuration={"status": "Enabled"},
    analytics_configuration={"name": "all"},
    intelligent_tiering_configuration={"name": "all", "tiering": {"access_tier": "ARCHIVE_ACCESS", "days": 125}},
    inventory={"name": "all", "included_object_versions": "All", "schedule": {"frequency": "Daily"}, "destination": {"bucket": {"format": "ORC", "bucket_arn": "arn:aws:s3:::tf-refused"}}},
    metric={"name": "all"},
    request_payment_configuration={"payer": "Requester"},
    website_configuration={"index_document": {"suffix": "index.html"}},
)


def test_terraform_is_told_at_once_what_is_not_done(terraform, s3):
    s3.create_bucket(Bucket="tf-refused")
    queue = {"queue_arn": "arn:aws:sqs:cn-north-1:123456789012:q", "events": ["s3:ObjectCreated:*"]}
    nowhere = {"role": ELSEWHERE, "rule": [{"id": "r", "status": "Enabled", "destination": {"bucket": "arn:aws:s3:cn-east-9::tf-refused"}}]}
    refused = of_bucket("tf-refused", replication_configuration=nowhere, acl={"acl": "public-read"}, notification={"queue": [queue]}, policy={"policy": json.dumps(POLICY)})
    said = terraform.apply({**NOT_DONE, **refused}, status=1)
    errors = [error.split("\n\n")[0] for error in said.split("Error: ")[1:]]
    assert sum("StatusCode: 501" in error and "api error NotImplemented: " in error and "Notification" not in error for error in errors) == len(NOT_DONE), said
    assert [error for error in errors if "PutBucketAcl" in error and "AccessControlListNotSupported" in error], said
    assert [error for error in errors if "PutBucketPolicy" in error and "AccessDenied" in error], "public access is blocked"
    assert [error for error in errors if "PutBucketReplication" in error and "InvalidRequest" in error], "there is no such region"
    assert [error for error in errors if "PutBucketNotification" in error and ("NotImplemented" in error or "InvalidArgument" in error)], "there is no such queue"
    assert terraform.state()["resources"] == [], "nothing is held for made"


def test_terraform_sets_and_watches_a_policy(terraform, s3):
    s3.create_bucket(Bucket="tf-policy")
    deny = {"Version": "2012-10-17", "Statement": [{"Sid": "keep", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::tf-policy/kept/*"}]}
    terraform.apply(of_bucket("tf-policy", policy={"policy": json.dumps(deny)}))
    terraform.assert_unchanged()
    s3.put_object(Bucket="tf-policy", Key="kept/a", Body=b"")
    assert code(s3.delete_object, Bucket="tf-policy", Key="kept/a") == ("AccessDenied", 403)
    terraform("destroy", "-auto-approve")
    assert code(s3.get_bucket_policy, Bucket="tf-policy") == ("NoSuchBucketPolicy", 404)
    s3.delete_object(Bucket="tf-policy", Key="kept/a")


def test_terraform_sets_and_watches_a_lifecycle(lifecycle, s3):
    terraform, made = lifecycle
    made.result()
    terraform.assert_unchanged()
    rules = s3.get_bucket_lifecycle_configuration(Bucket="tf-lifecycle")["Rules"]
    old = next(rule for rule in rules if rule["ID"] == "old")
    asked = old["Filter"]["And"]
    assert (asked["Prefix"], asked["ObjectSizeGreaterThan"], tags({"TagSet": asked["Tags"]})) == ("logs/", 500, {"a": "b", "c": "d"})
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7, "NewerNoncurrentVersions": 2} and len(rules) == 4
    old["Expiration"]["Days"] = 31
    s3.put_bucket_lifecycle_configuration(Bucket="tf-lifecycle", LifecycleConfiguration={"Rules": rules})
    assert "31 -> 30" in terraform("plan", "-detailed-exitcode", status=2), "a change behind its back is seen"
    terraform("destroy", "-auto-approve")
    assert code(s3.get_bucket_lifecycle_configuration, Bucket="tf-lifecycle") == ("NoSuchLifecycleConfiguration", 404)
