"""Objects that must stay: retention, legal holds, and who may lift them."""

import datetime
import itertools

import pytest

from calls import code, exists, get, headers, history, put, race, refusal, set_versioning, status, tag_set, upload
from raw_s3 import Raw

DAY = datetime.timedelta(days=1)
DENIED = ("AccessDenied", 403)
NO_LOCK = ("InvalidRequest", 400)
NOTHING = ("NoSuchObjectLockConfiguration", 404)
NO_CONFIGURATION = ("ObjectLockConfigurationNotFoundError", 404)
MALFORMED = ("MalformedXML", 400)


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def in_days(count):
    return now() + count * DAY


@pytest.fixture
def locked(s3, bucket):
    """A bucket made with object lock, without a default."""
    name = f"{bucket}-l"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def rule(mode="GOVERNANCE", **period):
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": mode, **period}}}


def configure(s3, bucket, configuration):
    return s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=configuration)


def configuration(s3, bucket):
    return s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]


def keep(s3, bucket, key, mode="GOVERNANCE", until=None, **more):
    """Puts a version that is kept and returns its id."""
    return put(s3, bucket, key, ObjectLockMode=mode, ObjectLockRetainUntilDate=until or in_days(1), **more)["VersionId"]


def retain(s3, bucket, key, mode, until, **more):
    return s3.put_object_retention(Bucket=bucket, Key=key, Retention={"Mode": mode, "RetainUntilDate": until}, **more)


def retention(s3, bucket, key, **more):
    found = s3.get_object_retention(Bucket=bucket, Key=key, **more)["Retention"]
    return found["Mode"], found["RetainUntilDate"]


def hold(s3, bucket, key, wanted="ON", **more):
    return s3.put_object_legal_hold(Bucket=bucket, Key=key, LegalHold={"Status": wanted}, **more)


def held(s3, bucket, key, **more):
    return s3.get_object_legal_hold(Bucket=bucket, Key=key, **more)["LegalHold"]["Status"]


def delete(s3, bucket, key, version, **more):
    return s3.delete_object(Bucket=bucket, Key=key, VersionId=version, **more)


# The bucket's configuration


def test_a_bucket_made_with_lock_is_versioned_at_once(s3, locked):
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    assert configuration(s3, locked) == {"ObjectLockEnabled": "Enabled"}
    assert put(s3, locked, "a")["VersionId"]


def test_versioning_of_a_locked_bucket_cannot_be_suspended(s3, locked):
    assert code(set_versioning, s3=s3, bucket=locked, state="Suspended") == ("InvalidBucketState", 409)
    set_versioning(s3, locked, "Enabled")
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"


def test_a_bucket_without_lock_has_no_configuration(s3, bucket):
    assert code(s3.get_object_lock_configuration, Bucket=bucket) == NO_CONFIGURATION
    s3.create_bucket(Bucket=f"{bucket}-2", ObjectLockEnabledForBucket=False)
    assert code(s3.get_object_lock_configuration, Bucket=f"{bucket}-2") == NO_CONFIGURATION


def test_lock_of_an_absent_bucket(s3):
    assert code(s3.get_object_lock_configuration, Bucket="lock-nowhere") == ("NoSuchBucket", 404)
    assert code(configure, s3=s3, bucket="lock-nowhere", configuration=rule(Days=1)) == ("NoSuchBucket", 404)


def test_an_unversioned_bucket_cannot_be_locked(s3, bucket):
    assert code(configure, s3=s3, bucket=bucket, configuration=rule(Days=1)) == ("InvalidBucketState", 409)
    set_versioning(s3, bucket, "Suspended")
    assert code(configure, s3=s3, bucket=bucket, configuration=rule(Days=1)) == ("InvalidBucketState", 409)
    assert code(s3.get_object_lock_configuration, Bucket=bucket) == NO_CONFIGURATION


def test_an_existing_versioned_bucket_can_be_locked(s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    before = put(s3, bucket, "a")["VersionId"]
    configure(s3, bucket, {"ObjectLockEnabled": "Enabled"})
    assert configuration(s3, bucket) == {"ObjectLockEnabled": "Enabled"}
    assert code(set_versioning, s3=s3, bucket=bucket, state="Suspended") == ("InvalidBucketState", 409)
    retain(s3, bucket, "a", "GOVERNANCE", in_days(1))
    assert code(delete, s3=s3, bucket=bucket, key="a", version=before) == DENIED


def test_a_default_is_kept(s3, locked):
    for mode, period in itertools.product(["GOVERNANCE", "COMPLIANCE"], [{"Days": 1}, {"Days": 36500}, {"Years": 1}, {"Years": 100}]):
        wanted = rule(mode, **period)
        configure(s3, locked, wanted)
        assert configuration(s3, locked) == wanted


def test_a_default_is_replaced_and_removed(s3, locked):
    configure(s3, locked, rule(Days=1))
    configure(s3, locked, rule("COMPLIANCE", Years=2))
    assert configuration(s3, locked) == rule("COMPLIANCE", Years=2)
    configure(s3, locked, {"ObjectLockEnabled": "Enabled"})
    assert configuration(s3, locked) == {"ObjectLockEnabled": "Enabled"}
    version = put(s3, locked, "a")["VersionId"]
    delete(s3, locked, "a", version)


@pytest.mark.parametrize(
    "wanted",
    [
        rule(Days=1, Years=1), rule(), rule("governance", Days=1), rule("LEGAL", Days=1), rule("", Days=1),
        {"ObjectLockEnabled": "Disabled"}, {"ObjectLockEnabled": "enabled", **{"Rule": rule(Days=1)["Rule"]}},
        {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Days": 1}}},
    ],
    ids=["both", "neither", "small", "legal", "empty", "disabled", "enabled", "modeless"],
)
def test_malformed_configurations_are_refused(s3, locked, wanted):
    assert code(configure, s3=s3, bucket=locked, configuration=wanted) == MALFORMED
    assert configuration(s3, locked) == {"ObjectLockEnabled": "Enabled"}


def test_periods_out_of_range_are_refused(s3, locked):
    for period in ({"Days": 0}, {"Days": -1}, {"Years": 0}, {"Years": -1}, {"Days": 36501}, {"Years": 101}):
        refused = code(configure, s3=s3, bucket=locked, configuration=rule(**period))
        assert refused in {("InvalidArgument", 400), ("InvalidRetentionPeriod", 400), MALFORMED}, period
    assert configuration(s3, locked) == {"ObjectLockEnabled": "Enabled"}


# What a default does


@pytest.mark.parametrize("mode, period, days", [("GOVERNANCE", {"Days": 3}, 3), ("COMPLIANCE", {"Years": 1}, 365)], ids=["days", "years"])
def test_a_default_applies_to_new_versions(s3, locked, mode, period, days):
    before = put(s3, locked, "before")["VersionId"]
    configure(s3, locked, rule(mode, **period))
    made = put(s3, locked, "a")["VersionId"]
    found = s3.head_object(Bucket=locked, Key="a")
    assert found["ObjectLockMode"] == mode
    assert abs(found["ObjectLockRetainUntilDate"] - found["LastModified"] - days * DAY) <= (DAY if days > 3 else datetime.timedelta(minutes=1))
    assert retention(s3, locked, "a")[0] == mode
    assert code(delete, s3=s3, bucket=locked, key="a", version=made) == DENIED
    assert code(s3.get_object_retention, Bucket=locked, Key="before") == NOTHING
    delete(s3, locked, "before", before)


def test_a_default_applies_to_copies_and_uploads(s3, locked):
    put(s3, locked, "source")
    configure(s3, locked, rule(Days=1))
    s3.copy_object(Bucket=locked, Key="copy", CopySource={"Bucket": locked, "Key": "source"})
    upload(s3, locked, "upload", [b"x"])
    for key in ("copy", "upload"):
        assert retention(s3, locked, key)[0] == "GOVERNANCE"


def test_what_is_said_of_an_object_beats_the_default(s3, locked):
    configure(s3, locked, rule("GOVERNANCE", Days=1))
    until = in_days(5)
    keep(s3, locked, "a", "COMPLIANCE", until)
    assert retention(s3, locked, "a") == ("COMPLIANCE", until)


def test_a_default_does_not_count_for_markers(server, s3, locked):
    configure(s3, locked, rule("COMPLIANCE", Days=1))
    put(s3, locked, "a")
    marker = s3.delete_object(Bucket=locked, Key="a")["VersionId"]
    delete(s3, locked, "a", marker)
    assert exists(s3, locked, "a")


# Retention


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_retention_is_told_on_every_read(s3, locked, mode):
    until = in_days(2)
    version = keep(s3, locked, "a", mode, until)
    for found in (s3.head_object(Bucket=locked, Key="a"), s3.get_object(Bucket=locked, Key="a"), s3.get_object(Bucket=locked, Key="a", VersionId=version)):
        assert (found["ObjectLockMode"], found["ObjectLockRetainUntilDate"]) == (mode, until)
        assert found.get("ObjectLockLegalHoldStatus") in (None, "OFF")
    assert retention(s3, locked, "a") == retention(s3, locked, "a", VersionId=version) == (mode, until)


def test_an_object_without_lock_tells_none(s3, locked):
    put(s3, locked, "a")
    found = s3.head_object(Bucket=locked, Key="a")
    assert not {"ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus"} & found.keys()
    assert code(s3.get_object_retention, Bucket=locked, Key="a") == NOTHING
    assert code(s3.get_object_legal_hold, Bucket=locked, Key="a") == NOTHING


def test_retention_is_put_on_one_version(s3, locked):
    first, second = (put(s3, locked, "a", body)["VersionId"] for body in (b"1", b"2"))
    until = in_days(1)
    retain(s3, locked, "a", "GOVERNANCE", until, VersionId=first)
    assert retention(s3, locked, "a", VersionId=first) == ("GOVERNANCE", until)
    assert code(s3.get_object_retention, Bucket=locked, Key="a") == NOTHING
    assert code(delete, s3=s3, bucket=locked, key="a", version=first) == DENIED
    delete(s3, locked, "a", second)


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_a_kept_version_cannot_be_deleted(server, s3, locked, mode):
    version = keep(s3, locked, "a", mode)
    before = history(server, locked)
    assert code(delete, s3=s3, bucket=locked, key="a", version=version) == DENIED
    assert code(delete, s3=s3, bucket=locked, key="a", version=version, BypassGovernanceRetention=False) == DENIED
    assert history(server, locked) == before and get(s3, locked, "a") == b"x"


def test_governance_is_bypassed_on_demand(server, s3, locked):
    version = keep(s3, locked, "a", "GOVERNANCE")
    assert status(delete(s3, locked, "a", version, BypassGovernanceRetention=True)) == 204
    assert history(server, locked) == []


def test_compliance_is_never_bypassed(s3, locked):
    version = keep(s3, locked, "a", "COMPLIANCE")
    assert code(delete, s3=s3, bucket=locked, key="a", version=version, BypassGovernanceRetention=True) == DENIED
    assert get(s3, locked, "a", VersionId=version) == b"x"


def test_a_plain_delete_makes_a_marker_above_what_is_kept(server, s3, locked):
    version = keep(s3, locked, "a", "COMPLIANCE")
    marker = s3.delete_object(Bucket=locked, Key="a")
    assert marker["DeleteMarker"] is True
    assert not exists(s3, locked, "a") and get(s3, locked, "a", VersionId=version) == b"x"
    delete(s3, locked, "a", marker["VersionId"])
    assert history(server, locked) == [("Version", "a", version, True)]


def test_a_kept_object_is_overwritten_by_a_new_version(server, s3, locked):
    first = keep(s3, locked, "a", "COMPLIANCE")
    second = put(s3, locked, "a", b"2")["VersionId"]
    assert (get(s3, locked, "a"), get(s3, locked, "a", VersionId=first)) == (b"2", b"x")
    assert "ObjectLockMode" not in s3.head_object(Bucket=locked, Key="a")
    assert [version for _, _, version, _ in history(server, locked)] == [second, first]


def test_a_kept_version_can_still_be_tagged(s3, locked):
    keep(s3, locked, "a", "COMPLIANCE")
    s3.put_object_tagging(Bucket=locked, Key="a", Tagging=tag_set(a="1"))
    s3.delete_object_tagging(Bucket=locked, Key="a")
    assert retention(s3, locked, "a")[0] == "COMPLIANCE"


def test_a_bucket_with_kept_versions_stays(s3, locked):
    keep(s3, locked, "a", "COMPLIANCE")
    s3.delete_object(Bucket=locked, Key="a")
    assert code(s3.delete_bucket, Bucket=locked) == ("BucketNotEmpty", 409)


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_retention_is_extended_freely(s3, locked, mode):
    keep(s3, locked, "a", mode, in_days(1))
    until = in_days(3)
    retain(s3, locked, "a", mode, until)
    assert retention(s3, locked, "a") == (mode, until)
    retain(s3, locked, "a", mode, until)


def test_governance_is_shortened_only_with_bypass(s3, locked):
    until = in_days(3)
    keep(s3, locked, "a", "GOVERNANCE", until)
    assert code(retain, s3=s3, bucket=locked, key="a", mode="GOVERNANCE", until=in_days(1)) == DENIED
    assert retention(s3, locked, "a") == ("GOVERNANCE", until)
    shorter = in_days(1)
    retain(s3, locked, "a", "GOVERNANCE", shorter, BypassGovernanceRetention=True)
    assert retention(s3, locked, "a") == ("GOVERNANCE", shorter)


def test_compliance_is_never_shortened(s3, locked):
    until = in_days(3)
    keep(s3, locked, "a", "COMPLIANCE", until)
    for more in ({}, {"BypassGovernanceRetention": True}):
        assert code(retain, s3=s3, bucket=locked, key="a", mode="COMPLIANCE", until=in_days(1), **more) == DENIED
    assert retention(s3, locked, "a") == ("COMPLIANCE", until)


def test_compliance_never_becomes_governance(s3, locked):
    until = in_days(3)
    keep(s3, locked, "a", "COMPLIANCE", until)
    for more in ({}, {"BypassGovernanceRetention": True}):
        for wanted in (until, in_days(9)):
            assert code(retain, s3=s3, bucket=locked, key="a", mode="GOVERNANCE", until=wanted, **more) == DENIED
    assert retention(s3, locked, "a") == ("COMPLIANCE", until)


def test_governance_becomes_compliance_with_bypass(s3, locked):
    until = in_days(3)
    version = keep(s3, locked, "a", "GOVERNANCE", until)
    retain(s3, locked, "a", "COMPLIANCE", until, BypassGovernanceRetention=True)
    assert retention(s3, locked, "a") == ("COMPLIANCE", until)
    assert code(delete, s3=s3, bucket=locked, key="a", version=version, BypassGovernanceRetention=True) == DENIED


def test_retention_is_lifted_only_from_governance_and_with_bypass(s3, locked):
    lift = dict(Bucket=locked, Retention={})
    keep(s3, locked, "c", "COMPLIANCE")
    version = keep(s3, locked, "g", "GOVERNANCE")
    assert code(s3.put_object_retention, **lift, Key="c", BypassGovernanceRetention=True)[1] in (400, 403)
    assert code(s3.put_object_retention, **lift, Key="g")[1] in (400, 403)
    assert retention(s3, locked, "c")[0] == "COMPLIANCE" and retention(s3, locked, "g")[0] == "GOVERNANCE"
    try:
        s3.put_object_retention(**lift, Key="g", BypassGovernanceRetention=True)
    except s3.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "MalformedXML"
        return
    assert code(s3.get_object_retention, Bucket=locked, Key="g") == NOTHING
    delete(s3, locked, "g", version)


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_retention_ends(s3, locked, mode):
    until = now() + datetime.timedelta(seconds=2)
    version = keep(s3, locked, "a", mode, until)
    for _ in range(100_000):
        try:
            delete(s3, locked, "a", version)
            break
        except s3.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied"
            assert now() <= until + datetime.timedelta(seconds=5)
    assert now() >= until and not exists(s3, locked, "a")


def test_what_was_kept_can_be_kept_again(s3, locked):
    until = now() + datetime.timedelta(seconds=2)
    version = keep(s3, locked, "a", "COMPLIANCE", until)
    while now() <= until:
        assert retention(s3, locked, "a") == ("COMPLIANCE", until)
    retain(s3, locked, "a", "COMPLIANCE", in_days(1))
    assert code(delete, s3=s3, bucket=locked, key="a", version=version) == DENIED


# Retention that makes no sense


@pytest.mark.parametrize("past", [datetime.timedelta(seconds=-60), -365 * DAY], ids=["minute", "year"])
def test_a_past_date_is_refused(s3, locked, past):
    put(s3, locked, "a")
    refused = {("InvalidArgument", 400), ("InvalidRequest", 400)}
    assert code(retain, s3=s3, bucket=locked, key="a", mode="GOVERNANCE", until=now() + past) in refused
    assert code(keep, s3=s3, bucket=locked, key="b", until=now() + past) in refused
    assert not exists(s3, locked, "b")


def test_an_unknown_mode_is_refused(s3, locked):
    put(s3, locked, "a")
    for mode in ("governance", "LEGAL", ""):
        assert code(retain, s3=s3, bucket=locked, key="a", mode=mode, until=in_days(1)) == MALFORMED, mode
        assert code(keep, s3=s3, bucket=locked, key="b", mode=mode)[1] == 400, mode
    assert not exists(s3, locked, "b")


def test_mode_and_date_come_together(s3, locked):
    put(s3, locked, "a")
    for half in ({"Mode": "GOVERNANCE"}, {"RetainUntilDate": in_days(1)}):
        assert code(s3.put_object_retention, Bucket=locked, Key="a", Retention=half)[1] == 400
    for half in ({"ObjectLockMode": "GOVERNANCE"}, {"ObjectLockRetainUntilDate": in_days(1)}):
        assert code(put, s3=s3, bucket=locked, key="b", **half) in {("InvalidArgument", 400), ("InvalidRequest", 400)}
    assert not exists(s3, locked, "b")


def test_dates_that_are_none_are_refused(server, s3, locked):
    put(s3, locked, "a")
    for date in ("tomorrow", "2099-13-01T00:00:00Z", "2099-01-01"):
        answer = Raw(server).request("PUT", f"/{locked}/b", (), {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": date}, b"x")
        assert answer.status == 400, answer
        body = f"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{date}</RetainUntilDate></Retention>".encode()
        assert Raw(server).request("PUT", f"/{locked}/a", [("retention", "")], None, body).status == 400
    assert code(s3.get_object_retention, Bucket=locked, Key="a") == NOTHING


@pytest.mark.parametrize("versioned", [False, True], ids=["unversioned", "versioned"])
def test_a_bucket_without_lock_takes_no_locks(s3, bucket, versioned):
    if versioned:
        set_versioning(s3, bucket, "Enabled")
    put(s3, bucket, "a")
    assert code(retain, s3=s3, bucket=bucket, key="a", mode="GOVERNANCE", until=in_days(1)) == NO_LOCK
    assert code(hold, s3=s3, bucket=bucket, key="a") == NO_LOCK
    assert code(s3.get_object_retention, Bucket=bucket, Key="a") == NO_LOCK
    assert code(s3.get_object_legal_hold, Bucket=bucket, Key="a") == NO_LOCK
    assert code(keep, s3=s3, bucket=bucket, key="b") == NO_LOCK
    assert code(put, s3=s3, bucket=bucket, key="b", ObjectLockLegalHoldStatus="ON") == NO_LOCK
    assert code(s3.create_multipart_upload, Bucket=bucket, Key="b", ObjectLockLegalHoldStatus="ON") == NO_LOCK
    assert not exists(s3, bucket, "b")


def test_locks_of_what_is_absent(s3, locked):
    assert code(retain, s3=s3, bucket=locked, key="absent", mode="GOVERNANCE", until=in_days(1)) == ("NoSuchKey", 404)
    assert code(hold, s3=s3, bucket=locked, key="absent") == ("NoSuchKey", 404)
    assert code(s3.get_object_retention, Bucket=locked, Key="absent") == ("NoSuchKey", 404)
    assert code(s3.get_object_legal_hold, Bucket=locked, Key="absent") == ("NoSuchKey", 404)
    version = put(s3, locked, "a")["VersionId"]
    delete(s3, locked, "a", version)
    put(s3, locked, "a")
    assert code(retain, s3=s3, bucket=locked, key="a", mode="GOVERNANCE", until=in_days(1), VersionId=version) == ("NoSuchVersion", 404)
    assert code(s3.get_object_legal_hold, Bucket=locked, Key="a", VersionId="not-a-version-id") == ("InvalidArgument", 400)


def test_a_marker_cannot_be_kept(s3, locked):
    put(s3, locked, "a")
    marker = s3.delete_object(Bucket=locked, Key="a")["VersionId"]
    assert code(retain, s3=s3, bucket=locked, key="a", mode="GOVERNANCE", until=in_days(1), VersionId=marker) == ("MethodNotAllowed", 405)
    assert code(hold, s3=s3, bucket=locked, key="a", VersionId=marker) == ("MethodNotAllowed", 405)


# Legal holds


def test_a_legal_hold_stops_every_deletion_until_it_is_lifted(server, s3, locked):
    version = put(s3, locked, "a")["VersionId"]
    hold(s3, locked, "a")
    assert held(s3, locked, "a") == held(s3, locked, "a", VersionId=version) == "ON"
    for found in (s3.head_object(Bucket=locked, Key="a"), s3.get_object(Bucket=locked, Key="a")):
        assert found["ObjectLockLegalHoldStatus"] == "ON" and "ObjectLockMode" not in found
    for more in ({}, {"BypassGovernanceRetention": True}):
        assert code(delete, s3=s3, bucket=locked, key="a", version=version, **more) == DENIED
    hold(s3, locked, "a", "OFF")
    assert held(s3, locked, "a") == "OFF"
    delete(s3, locked, "a", version)
    assert history(server, locked) == []


def test_a_legal_hold_comes_with_the_object(s3, locked):
    version = put(s3, locked, "a", ObjectLockLegalHoldStatus="ON")["VersionId"]
    off = put(s3, locked, "b", ObjectLockLegalHoldStatus="OFF")["VersionId"]
    assert s3.head_object(Bucket=locked, Key="a")["ObjectLockLegalHoldStatus"] == "ON"
    assert code(delete, s3=s3, bucket=locked, key="a", version=version) == DENIED
    delete(s3, locked, "b", off)


def test_a_legal_hold_is_of_one_version(s3, locked):
    first, second = (put(s3, locked, "a")["VersionId"] for _ in range(2))
    hold(s3, locked, "a", VersionId=first)
    assert code(s3.get_object_legal_hold, Bucket=locked, Key="a") == NOTHING
    delete(s3, locked, "a", second)
    assert code(delete, s3=s3, bucket=locked, key="a", version=first) == DENIED


def test_a_legal_hold_and_retention_stand_apart(s3, locked):
    version = keep(s3, locked, "a", "GOVERNANCE", ObjectLockLegalHoldStatus="ON")
    found = s3.head_object(Bucket=locked, Key="a")
    assert (found["ObjectLockMode"], found["ObjectLockLegalHoldStatus"]) == ("GOVERNANCE", "ON")
    assert code(delete, s3=s3, bucket=locked, key="a", version=version, BypassGovernanceRetention=True) == DENIED
    hold(s3, locked, "a", "OFF")
    assert code(delete, s3=s3, bucket=locked, key="a", version=version) == DENIED
    assert retention(s3, locked, "a")[0] == "GOVERNANCE"
    delete(s3, locked, "a", version, BypassGovernanceRetention=True)


def test_an_unknown_legal_hold_is_refused(s3, locked):
    put(s3, locked, "a")
    for wanted in ("on", "MAYBE", ""):
        assert code(hold, s3=s3, bucket=locked, key="a", wanted=wanted) == MALFORMED, wanted
        assert code(put, s3=s3, bucket=locked, key="b", ObjectLockLegalHoldStatus=wanted)[1] == 400, wanted
    assert code(s3.get_object_legal_hold, Bucket=locked, Key="a") == NOTHING


# Uploads, copies, many at once


def test_an_upload_brings_its_locks(s3, locked):
    until = in_days(2)
    done = upload(s3, locked, "a", [b"x"], ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until, ObjectLockLegalHoldStatus="ON")
    found = s3.head_object(Bucket=locked, Key="a")
    assert (found["ObjectLockMode"], found["ObjectLockRetainUntilDate"], found["ObjectLockLegalHoldStatus"]) == ("COMPLIANCE", until, "ON")
    assert code(delete, s3=s3, bucket=locked, key="a", version=done["VersionId"], BypassGovernanceRetention=True) == DENIED


def test_a_copy_has_the_locks_asked_for_and_not_its_sources(s3, locked):
    keep(s3, locked, "a", "COMPLIANCE", ObjectLockLegalHoldStatus="ON")
    source = {"Bucket": locked, "Key": "a"}
    plain = s3.copy_object(Bucket=locked, Key="b", CopySource=source)
    assert not {"ObjectLockMode", "ObjectLockLegalHoldStatus"} & s3.head_object(Bucket=locked, Key="b").keys()
    delete(s3, locked, "b", plain["VersionId"])
    until = in_days(2)
    s3.copy_object(Bucket=locked, Key="c", CopySource=source, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until, ObjectLockLegalHoldStatus="ON")
    found = s3.head_object(Bucket=locked, Key="c")
    assert (found["ObjectLockMode"], found["ObjectLockRetainUntilDate"], found["ObjectLockLegalHoldStatus"]) == ("GOVERNANCE", until, "ON")


def test_a_kept_object_is_copied_to_a_bucket_without_lock(s3, bucket, locked):
    keep(s3, locked, "a", "COMPLIANCE")
    s3.copy_object(Bucket=bucket, Key="a", CopySource={"Bucket": locked, "Key": "a"})
    s3.delete_object(Bucket=bucket, Key="a")
    assert not exists(s3, bucket, "a")


def test_delete_many_tells_of_each_kept_version(server, s3, locked):
    kept = {"governance": keep(s3, locked, "governance"), "compliance": keep(s3, locked, "compliance", "COMPLIANCE")}
    kept["held"] = put(s3, locked, "held", ObjectLockLegalHoldStatus="ON")["VersionId"]
    free = put(s3, locked, "free")["VersionId"]
    objects = [{"Key": key, "VersionId": version} for key, version in {**kept, "free": free}.items()]
    answer = s3.delete_objects(Bucket=locked, Delete={"Objects": objects})
    assert [(item["Key"], item["VersionId"]) for item in answer["Deleted"]] == [("free", free)]
    assert {(item["Key"], item["VersionId"], item["Code"]) for item in answer["Errors"]} == {(key, version, "AccessDenied") for key, version in kept.items()}
    answer = s3.delete_objects(Bucket=locked, Delete={"Objects": objects[:3]}, BypassGovernanceRetention=True)
    assert [item["Key"] for item in answer["Deleted"]] == ["governance"]
    assert sorted(item["Key"] for item in answer["Errors"]) == ["compliance", "held"]
    assert [key for _, key, _, _ in history(server, locked)] == ["compliance", "held"]


def test_delete_many_without_versions_makes_markers_above_what_is_kept(s3, locked):
    version = keep(s3, locked, "a", "COMPLIANCE")
    answer = s3.delete_objects(Bucket=locked, Delete={"Objects": [{"Key": "a"}]})
    assert answer["Deleted"][0]["DeleteMarker"] is True and "Errors" not in answer
    assert get(s3, locked, "a", VersionId=version) == b"x"


def test_racing_deletions_never_remove_what_is_kept(server, s3, locked):
    version = keep(s3, locked, "a", "COMPLIANCE")
    assert set(race(lambda number: delete(s3, locked, "a", version, BypassGovernanceRetention=bool(number % 2)))) == {DENIED}
    assert history(server, locked) == [("Version", "a", version, True)]


def test_locks_survive_a_kill(make_server):
    server = make_server("killed")
    s3 = server.client()
    s3.create_bucket(Bucket="killed", ObjectLockEnabledForBucket=True)
    configure(s3, "killed", rule(Days=2))
    until = in_days(2)
    version = keep(s3, "killed", "a", "COMPLIANCE", until, ObjectLockLegalHoldStatus="ON")
    server.restart()
    s3 = server.client()
    assert configuration(s3, "killed") == rule(Days=2)
    assert (retention(s3, "killed", "a"), held(s3, "killed", "a")) == (("COMPLIANCE", until), "ON")
    assert code(delete, s3=s3, bucket="killed", key="a", version=version, BypassGovernanceRetention=True) == DENIED


def test_a_refusal_says_why(s3, locked):
    version = keep(s3, locked, "a", "COMPLIANCE")
    refused = refusal(delete, s3=s3, bucket=locked, key="a", version=version)
    assert "lock" in refused["Error"]["Message"].lower() or "reten" in refused["Error"]["Message"].lower()
    assert "x-amz-delete-marker" not in headers(refused)
