"""A pre-flight reads what a migration would, says what it would do, and brings nothing."""

import json

import pytest
from botocore.exceptions import ClientError

from test_migrate import migrate, source_bucket


def dry_run(server, moto, source, bucket, *args, status=0):
    done = server.run("--json", "migrate", source, bucket, "--endpoint", moto.url, "--dry-run", *args, env=moto.env)
    assert done.returncode == status, done
    return json.loads(done.stdout)


def test_what_would_come_is_told_and_nothing_comes(server, moto):
    objects = {f"k{n:02}": dict(Body=b"x" * 1000 * n) for n in range(50)} | {"large": dict(Body=b"l" * (2 << 20))}
    source_bucket(moto, "plan", objects)
    sizes = [len(item["Body"]) for item in objects.values()]
    report = dry_run(server, moto, "s3://plan", "onshore-plan")
    assert (report["objects"], report["bytes"], report["largest_bytes"]) == (len(sizes), sum(sizes), max(sizes))
    assert sum(report["sizes"].values()) == len(sizes) and report["sizes"]["below_64_mib"] == 1
    assert report["cannot"] == [] and report["delete_markers"] == 0 and report["coverage"] == "current versions"
    assert 0 < report["estimate"]["seconds_at_best"] <= report["estimate"]["seconds_at_worst"]
    assert 0 < report["estimate"]["measured_bytes"] <= sum(sizes)
    assert report["egress"] is None, "nobody knows what a server on loopback charges"
    with pytest.raises(ClientError) as missing:
        server.client().head_bucket(Bucket="onshore-plan")
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    # It is no migration: the migration behind it brings everything, and has nothing to attach to.
    done = migrate(server, moto, "s3://plan", "onshore-plan")
    assert f"copied      {len(sizes)} objects" in done.stdout


def test_what_cannot_come_is_named_with_its_reason(server, moto):
    s3 = source_bucket(moto, "plan-holes", {"good": dict(Body=b"g"), "cold": dict(Body=b"cold", StorageClass="GLACIER"), "deep": dict(Body=b"deep!", StorageClass="DEEP_ARCHIVE")})
    report = dry_run(server, moto, "s3://plan-holes", "onshore-plan-holes", status=1)
    (archived,) = [one for one in report["cannot"] if one["reason"] == "archived"]
    assert (archived["objects"], archived["bytes"], archived["keys"]) == (2, 9, ["cold", "deep"])
    assert report["objects"] == 1
    said = server.run("migrate", "s3://plan-holes", "onshore-plan-holes", "--endpoint", moto.url, "--dry-run", env=moto.env)
    assert said.returncode == 1 and "restore it at the source" in said.stdout and "cold" in said.stdout
    # The same bucket with versions: each is counted, and each marker.
    s3.put_bucket_versioning(Bucket="plan-holes", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="plan-holes", Key="good", Body=b"better")
    s3.delete_object(Bucket="plan-holes", Key="good")
    report = dry_run(server, moto, "s3://plan-holes", "onshore-plan-holes", status=1)
    assert (report["objects"], report["delete_markers"], report["coverage"]) == (2, 1, "all versions")


def test_a_source_that_is_not_there_says_so(server, moto):
    done = server.run("migrate", "s3://no-such-bucket", "onshore-x", "--endpoint", moto.url, "--dry-run", env=moto.env)
    assert done.returncode == 1 and "NoSuchBucket" in done.stdout + done.stderr


def test_only_who_may_see_names_sees_the_report(server, moto):
    source_bucket(moto, "plan-roles", {"name-of-somebody": dict(Body=b"x")})
    done = server.run("--json", "migrate", "s3://plan-roles", "onshore-plan-roles", "--endpoint", moto.url, "--dry-run", "--detach", env=moto.env)
    job = json.loads(done.stdout)["id"]
    assert "name-of-somebody" not in server.run("--json", "job", "show", job).stdout
