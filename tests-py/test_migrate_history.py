"""Migration of a bucket that keeps versions: every version and delete marker arrives in its order, once, and deletes follow."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from test_migrate import migrate


def history(s3, bucket):
    """Versions and markers of every key, the newest first, as (is it a marker, version, time). Asked for one by one: that alone tells the order."""
    found, at = {}, {}
    while True:
        page = s3.list_object_versions(Bucket=bucket, MaxKeys=1, **at)
        for one in page.get("Versions", []):
            found.setdefault(one["Key"], []).append((False, one["VersionId"], one["LastModified"]))
        for one in page.get("DeleteMarkers", []):
            found.setdefault(one["Key"], []).append((True, one["VersionId"], one["LastModified"]))
        if not page["IsTruncated"]:
            return found
        at = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}


def told(s3, bucket):
    """What history tells, without the names of versions."""
    said = {}
    for key, versions in history(s3, bucket).items():
        for is_marker, version, modified in versions:
            if is_marker:
                said.setdefault(key, []).append(("marker", int(modified.timestamp())))
                continue
            got = s3.get_object(Bucket=bucket, Key=key, VersionId=version)
            tags = s3.get_object_tagging(Bucket=bucket, Key=key, VersionId=version)["TagSet"]
            said.setdefault(key, []).append((got["Body"].read(), int(modified.timestamp()), got["ETag"], got["Metadata"], got["ContentType"], tags))
    return said


def versioned(moto, name):
    s3 = moto.client()
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="before", Body=b"written before versions were kept")
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for n in range(5):
        s3.put_object(Bucket=name, Key="five", Body=b"%d" % n, Metadata={"n": str(n)}, Tagging=f"n={n}", ContentType="text/n")
        # The server tells the order of versions by milliseconds alone.
        time.sleep(0.01)
    s3.put_object(Bucket=name, Key="deleted", Body=b"was here")
    time.sleep(0.01)
    s3.delete_object(Bucket=name, Key="deleted")
    s3.put_object(Bucket=name, Key="back", Body=b"first")
    time.sleep(0.01)
    s3.delete_object(Bucket=name, Key="back")
    time.sleep(0.01)
    s3.put_object(Bucket=name, Key="back", Body=b"second")
    time.sleep(0.01)
    s3.put_object(Bucket=name, Key="before", Body=b"and written again")
    return s3


def test_every_version_and_marker_arrives(server, moto, tmp_path):
    theirs, ours = versioned(moto, "hist"), server.client()
    path = tmp_path / "certificate.json"
    migrate(server, moto, "s3://hist", "onshore-hist", "--class", "general", certificate=path)
    assert ours.get_bucket_versioning(Bucket="onshore-hist")["Status"] == "Enabled"
    assert told(ours, "onshore-hist") == told(theirs, "hist")
    with pytest.raises(ClientError):
        ours.get_object(Bucket="onshore-hist", Key="deleted")
    assert server.run("verify", path, "--key", server.vkey).returncode == 0
    body = json.loads(path.read_text())["body"]
    versions = sum(len(entries) for entries in history(theirs, "hist").values())
    assert body["counts"] == {"listed": versions, "copied": versions, "unchanged": 0, "exceptions": 0}
    assert body["source"].endswith("(all versions)")

    # A second run knows each of them; what is new comes in front, what is gone goes.
    theirs.put_object(Bucket="hist", Key="five", Body=b"5")
    gone = [version for is_marker, version, _ in history(theirs, "hist")["back"] if is_marker][0]
    theirs.delete_object(Bucket="hist", Key="back", VersionId=gone)
    theirs.delete_object(Bucket="hist", Key="before")
    migrate(server, moto, "s3://hist", "onshore-hist", "--class", "general", certificate=path)
    counts = json.loads(path.read_text())["body"]["counts"]
    assert counts == {"listed": versions + 1, "copied": 2, "unchanged": versions - 1, "exceptions": 0}
    assert told(ours, "onshore-hist") == told(theirs, "hist")


def test_current_versions_alone_can_be_brought(server, moto):
    theirs, ours = versioned(moto, "hist-now"), server.client()
    migrate(server, moto, "s3://hist-now", "onshore-hist-now", "--versions", "current")
    assert "Status" not in ours.get_bucket_versioning(Bucket="onshore-hist-now")
    found = {one["Key"]: int(one["LastModified"].timestamp()) for one in ours.list_objects_v2(Bucket="onshore-hist-now")["Contents"]}
    assert found == {one["Key"]: int(one["LastModified"].timestamp()) for one in theirs.list_objects_v2(Bucket="hist-now")["Contents"]}
    assert set(found) == {"five", "back", "before"}


def test_deletes_follow_and_what_was_written_here_stays(server, moto):
    theirs, ours = moto.client(), server.client()
    theirs.create_bucket(Bucket="follow")
    for key in ("stays", "goes", "mine"):
        theirs.put_object(Bucket="follow", Key=key, Body=key.encode())
    migrate(server, moto, "s3://follow", "onshore-follow")
    ours.put_object(Bucket="onshore-follow", Key="mine", Body=b"written here")
    for key in ("goes", "mine"):
        theirs.delete_object(Bucket="follow", Key=key)
    done = migrate(server, moto, "s3://follow", "onshore-follow")
    assert "removed     1 objects" in done.stdout
    assert {one["Key"] for one in ours.list_objects_v2(Bucket="onshore-follow")["Contents"]} == {"stays", "mine"}
    theirs.delete_object(Bucket="follow", Key="stays")
    theirs.put_object(Bucket="follow", Key="new", Body=b"new")
    migrate(server, moto, "s3://follow", "onshore-follow", "--deletes", "keep")
    assert {one["Key"] for one in ours.list_objects_v2(Bucket="onshore-follow")["Contents"]} == {"stays", "mine", "new"}


def test_a_bucket_that_holds_versions_back_is_said_to(server, moto):
    versioned(moto, "hist-held")
    ours = server.client()
    ours.create_bucket(Bucket="onshore-hist-held")
    for status in ("Enabled", "Suspended"):
        ours.put_bucket_versioning(Bucket="onshore-hist-held", VersioningConfiguration={"Status": status})
    done = migrate(server, moto, "s3://hist-held", "onshore-hist-held", status=1)
    assert "--versions current" in done.stdout + done.stderr
    assert "Contents" not in ours.list_objects_v2(Bucket="onshore-hist-held")


def test_locks_arrive_with_what_they_lock(server, moto):
    theirs, ours = moto.client(), server.client()
    theirs.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    theirs.put_object(Bucket="locked", Key="k", Body=b"k", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=time.time() + 86400, ObjectLockLegalHoldStatus="ON")
    migrate(server, moto, "s3://locked", "onshore-locked")
    one, two = theirs.head_object(Bucket="locked", Key="k"), ours.head_object(Bucket="onshore-locked", Key="k")
    assert two["ObjectLockMode"] == "COMPLIANCE" and two["ObjectLockLegalHoldStatus"] == "ON"
    assert abs((one["ObjectLockRetainUntilDate"] - two["ObjectLockRetainUntilDate"]).total_seconds()) < 1
    with pytest.raises(ClientError):
        ours.delete_object(Bucket="onshore-locked", Key="k", VersionId=two["VersionId"])
