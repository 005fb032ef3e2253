"""Replication to another region of Onshore: each version once and as it is, in its order, through failures, and only where
it may go."""

import os
import socket
import threading

import pytest
import requests
from botocore.exceptions import ClientError

from calls import MIB, code, exists, get, headers, history, put, race, set_versioning, tag_set, tags, upload
from certificates import Authority
from onshore_server import CONFIG, Ended
from test_upkeep import eventually, leaves, metrics

FAR = CONFIG.replace("cn-north-1", "cn-south-1")


class Relay:
    """Passes connections on to wherever the other region is by now; can be away, and can lose answers."""

    def __init__(self, host):
        self.target, self.open = None, []
        self.lost = 0
        self.losing = False
        self.listener = socket.create_server((host, 0))
        self.url = f"http://{host}:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            if self.target is None:
                return
            try:
                far = socket.create_connection(self.target)
            except OSError:
                return
            with far:
                self.open += [connection, far]
                threading.Thread(target=self.pump, args=(connection, far, False), daemon=True).start()
                self.pump(far, connection, True)

    def pump(self, source, sink, is_answer):
        try:
            while data := source.recv(1 << 16):
                if is_answer and self.losing and b" 100 " not in data[:16]:
                    self.lost += 1
                    break
                sink.sendall(data)
        except OSError:
            pass
        cut(source, sink)

    def part(self):
        self.target = None
        cut(*self.open)
        self.open = []


def cut(*connections):
    for connection in connections:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Regions:
    def __init__(self, make_server, tmp):
        self.far = make_server("far", config=FAR)
        self.inside, self.abroad = Relay("127.0.0.1"), Relay("127.0.0.66")
        self.reach()
        secret = tmp / "far.toml"
        secret.write_text(f'access_key = "{self.far.access_key}"\nsecret_key = "{self.far.secret_key}"\n')
        self.config = CONFIG + "".join(
            f'\n[replication.{name}]\nurl = "{relay.url}"\nregion = "cn-south-1"\ntenant = "default"\ncredentials_file = "{secret}"\n'
            for name, relay in (("south", self.inside), ("west", self.abroad))
        )
        self.near = make_server("near", config=self.config)

    def reach(self):
        self.inside.target = self.abroad.target = (self.far.s3_host, self.far.s3_port)

    def part(self):
        self.inside.part()
        self.abroad.part()


@pytest.fixture(scope="module")
def regions(make_server, tmp_path_factory):
    return Regions(make_server, tmp_path_factory.mktemp("regions"))


@pytest.fixture
def near(regions):
    return regions.near.client()


@pytest.fixture
def far(regions):
    return regions.far.client(region="cn-south-1")


def rule(bucket, number=1, to="south", filter=None, markers="Enabled", status="Enabled", **more):
    return {
        "ID": f"r{number}",
        "Priority": number,
        "Status": status,
        "Filter": filter or {},
        "DeleteMarkerReplication": {"Status": markers},
        "Destination": {"Bucket": f"arn:aws:s3:{to}::{bucket}", **more.pop("destination", {})},
        **more,
    }


def replicate(s3, bucket, *rules):
    s3.put_bucket_replication(
        Bucket=bucket, ReplicationConfiguration={"Role": "arn:aws:iam::000000000000:role/replication", "Rules": list(rules)}
    )


def pair(near, far, name, lock=False):
    """A bucket on both sides, versioned, and brought from one to the other."""
    for s3 in (near, far):
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        set_versioning(s3, name, "Enabled")
    replicate(near, name, rule(name))
    return name


def state(s3, bucket, key, **more):
    return s3.head_object(Bucket=bucket, Key=key, **more).get("ReplicationStatus")


def done(s3, bucket, key, wanted="COMPLETED", **more):
    eventually(lambda: state(s3, bucket, key, **more) != "PENDING")
    assert state(s3, bucket, key, **more) == wanted


def test_a_replica_is_what_it_is_a_replica_of(near, far):
    bucket = pair(near, far, "as-it-is")
    body = os.urandom(300_000)
    made = put(
        near, bucket, "käse & co/文.txt", body, ContentType="text/x-strange", CacheControl="no-cache", ContentEncoding="gzip",
        ContentLanguage="de", ContentDisposition="inline", Metadata={"who": "me", "odd": "a  b"},
        Tagging="a=1&b%20c=%40%3D", ChecksumAlgorithm="SHA256",
    )
    assert state(near, bucket, "käse & co/文.txt") in ("PENDING", "COMPLETED")
    done(near, bucket, "käse & co/文.txt")
    ours = near.get_object(Bucket=bucket, Key="käse & co/文.txt", ChecksumMode="ENABLED")
    theirs = far.get_object(Bucket=bucket, Key="käse & co/文.txt", ChecksumMode="ENABLED")
    assert theirs["Body"].read() == body
    assert theirs.pop("ReplicationStatus") == "REPLICA" and ours.pop("ReplicationStatus") == "COMPLETED"
    for answer in (ours, theirs):
        answer.pop("ResponseMetadata"), answer.pop("Body")
    assert ours == theirs and theirs["VersionId"] == made["VersionId"]
    same = lambda s3: tags(s3.get_object_tagging(Bucket=bucket, Key="käse & co/文.txt"))
    assert same(near) == same(far) == {"a": "1", "b c": "@="}


def test_without_a_type_and_without_bytes_it_is_the_same_too(near, far):
    bucket = pair(near, far, "bare")
    put(near, bucket, "empty", b"")
    put(near, bucket, "dir/", b"")
    for key in ("empty", "dir/"):
        done(near, bucket, key)
        ours, theirs = (s3.head_object(Bucket=bucket, Key=key) for s3 in (near, far))
        assert (ours["ContentType"], ours["ETag"], ours["LastModified"]) == (theirs["ContentType"], theirs["ETag"], theirs["LastModified"])


@pytest.mark.parametrize("checksum", [{}, {"ChecksumAlgorithm": "SHA256"}, {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}])
def test_parts_stay_parts(near, far, checksum):
    bucket = pair(near, far, f"parts-{checksum.get('ChecksumAlgorithm', 'none').lower()}")
    bodies = [os.urandom(5 * MIB), os.urandom(7 * MIB + 3), os.urandom(11)]
    algorithm = {name: value for name, value in checksum.items() if name == "ChecksumAlgorithm"}
    if algorithm:
        made = near.create_multipart_upload(Bucket=bucket, Key="big", **checksum)["UploadId"]
        parts = []
        for number, body in enumerate(bodies, 1):
            answer = near.upload_part(Bucket=bucket, Key="big", UploadId=made, PartNumber=number, Body=body, **algorithm)
            kept = {name: value for name, value in answer.items() if name.startswith("Checksum") and name != "ChecksumType"}
            parts.append({"PartNumber": number, "ETag": answer["ETag"], **kept})
        near.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=made, MultipartUpload={"Parts": parts})
    else:
        upload(near, bucket, "big", bodies)
    done(near, bucket, "big")
    asked = dict(Bucket=bucket, Key="big", ObjectAttributes=["ETag", "Checksum", "ObjectParts", "ObjectSize"])
    ours, theirs = (s3.get_object_attributes(**asked) for s3 in (near, far))
    for answer in (ours, theirs):
        answer.pop("ResponseMetadata")
    assert ours == theirs
    assert ours["ETag"].endswith("-3")
    assert get(far, bucket, "big") == b"".join(bodies)
    assert get(far, bucket, "big", PartNumber=2) == bodies[1]
    assert "Uploads" not in far.list_multipart_uploads(Bucket=bucket)


def test_versions_come_in_their_order_and_markers_with_them(regions, near, far):
    bucket = pair(near, far, "order")
    for turn in range(25):
        put(near, bucket, "k", f"turn {turn}".encode())
        if turn % 10 == 4:
            near.delete_object(Bucket=bucket, Key="k")
    put(near, bucket, "other", b"o")
    near.delete_object(Bucket=bucket, Key="other")
    wanted = history(regions.near, bucket)
    far_history = lambda: history_of(far, bucket)
    eventually(lambda: far_history() == history_of(near, bucket))
    assert len(wanted) == 25 + 3 + 2


def history_of(s3, bucket):
    page = s3.list_object_versions(Bucket=bucket)
    told = [("version", item) for item in page.get("Versions", [])] + [("marker", item) for item in page.get("DeleteMarkers", [])]
    return [(kind, item["Key"], item["VersionId"], item["IsLatest"], item["LastModified"]) for kind, item in told]


def test_the_removal_of_a_version_stays_here(near, far):
    bucket = pair(near, far, "removed")
    version = put(near, bucket, "k", b"1")["VersionId"]
    done(near, bucket, "k")
    near.delete_object(Bucket=bucket, Key="k", VersionId=version)
    put(near, bucket, "later", b"2")
    done(near, bucket, "later")
    assert get(far, bucket, "k", VersionId=version) == b"1"


def test_rules_choose_by_prefix_tag_priority_and_status(near, far):
    source = pair(near, far, "chosen")
    for name in ("chosen-low", "chosen-off"):
        far.create_bucket(Bucket=name)
        set_versioning(far, name, "Enabled")
    replicate(
        near, source,
        rule("chosen", 1, filter={"Prefix": "a/"}, markers="Disabled"),
        rule("chosen-low", 2, filter={"And": {"Prefix": "a/", "Tags": [{"Key": "t", "Value": "1"}]}}, markers="Disabled"),
        rule("chosen-off", 3, status="Disabled"),
    )
    put(near, source, "b/no", b"x")
    put(near, source, "a/both", b"x", Tagging="t=1&u=2")
    put(near, source, "a/one", b"x", Tagging="t=2")
    for key in ("a/both", "a/one"):
        done(near, source, key)
    assert state(near, source, "b/no") is None
    assert exists(far, "chosen", "a/both") and exists(far, "chosen", "a/one") and not exists(far, "chosen", "b/no")
    assert exists(far, "chosen-low", "a/both") and not exists(far, "chosen-low", "a/one")
    assert not exists(far, "chosen-off", "a/both")
    near.delete_object(Bucket=source, Key="a/one")
    put(near, source, "a/last", b"x")
    done(near, source, "a/last")
    assert exists(far, "chosen", "a/one"), "this rule brings no delete markers"


def test_what_was_there_before_is_not_brought(near, far):
    bucket = "before"
    for s3 in (near, far):
        s3.create_bucket(Bucket=bucket)
        set_versioning(s3, bucket, "Enabled")
    put(near, bucket, "old", b"x")
    replicate(near, bucket, rule(bucket))
    near.put_object_tagging(Bucket=bucket, Key="old", Tagging=tag_set(a="1"))
    put(near, bucket, "new", b"x")
    done(near, bucket, "new")
    assert state(near, bucket, "old") is None and not exists(far, bucket, "old")


def test_tags_and_locks_that_change_later_come_too(near, far):
    bucket = pair(near, far, "beside", lock=True)
    until = "2099-01-01T00:00:00Z"
    version = put(near, bucket, "k", b"1", Tagging="a=1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)["VersionId"]
    put(near, bucket, "k", b"2")
    done(near, bucket, "k", VersionId=version)
    locks = lambda: {name: value for name, value in far.head_object(Bucket=bucket, Key="k", VersionId=version).items() if name.startswith("ObjectLock")}
    assert locks()["ObjectLockMode"] == "GOVERNANCE" and locks()["ObjectLockRetainUntilDate"].year == 2099
    named = dict(Bucket=bucket, Key="k", VersionId=version)
    near.put_object_tagging(**named, Tagging=tag_set(a="2", b="3"))
    near.put_object_legal_hold(**named, LegalHold={"Status": "ON"})
    near.put_object_retention(**named, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": "2098-01-01T00:00:00Z"}, BypassGovernanceRetention=True)
    done(near, bucket, "k", VersionId=version)
    assert tags(far.get_object_tagging(**named)) == {"a": "2", "b": "3"}
    assert locks()["ObjectLockLegalHoldStatus"] == "ON" and locks()["ObjectLockRetainUntilDate"].year == 2098
    assert code(far.delete_object, **named) == ("AccessDenied", 403)
    near.delete_object_tagging(**named)
    near.put_object_legal_hold(**named, LegalHold={"Status": "OFF"})
    near.put_object_retention(**named, Retention={}, BypassGovernanceRetention=True)
    done(near, bucket, "k", VersionId=version)
    assert tags(far.get_object_tagging(**named)) == {}
    assert "ObjectLockMode" not in locks() and locks()["ObjectLockLegalHoldStatus"] == "OFF"


def test_through_outages_kills_and_lost_answers_everything_is_there_once(regions, near, far):
    bucket = pair(near, far, "once")
    regions.part()
    for number in range(40):
        put(near, bucket, f"k{number % 15:02}", f"body {number}".encode())
    upload(near, bucket, "big", [os.urandom(5 * MIB), b"end"])
    near.delete_object(Bucket=bucket, Key="k03")
    assert state(near, bucket, "k00") == "PENDING"
    regions.near.restart()
    near = regions.near.client()
    assert state(near, bucket, "k00") == "PENDING"
    eventually(lambda: metrics(regions.near).get('onshore_replication_waiting{destination="south/default"}', 0) == 42)
    # Now it takes everything and no answer comes back.
    regions.inside.lost, regions.inside.losing = 0, True
    regions.reach()
    eventually(lambda: regions.inside.lost >= 16)
    regions.near.restart()
    regions.far.restart()
    regions.inside.losing = False
    regions.reach()
    near, far = regions.near.client(), regions.far.client(region="cn-south-1")
    eventually(lambda: history_of(far, bucket) == history_of(near, bucket))
    done(near, bucket, "big")
    assert get(far, bucket, "big") == get(near, bucket, "big")
    eventually(lambda: metrics(regions.near).get('onshore_replication_waiting{destination="south/default"}') == 0)


def test_many_at_once_all_arrive(near, far):
    bucket = pair(near, far, "many")
    race(lambda number: [put(near, bucket, f"{number}/{turn}", os.urandom(10)) for turn in range(10)])
    eventually(lambda: history_of(far, bucket) == history_of(near, bucket))
    assert len(history_of(far, bucket)) == 320


def test_a_replica_is_not_brought_on(make_server, tmp_path, regions, near, far):
    """A third region that brings everything back to the first: nothing goes round."""
    bucket = pair(near, far, "round")
    far.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(a="1"))
    secret = tmp_path / "near.toml"
    secret.write_text(f'access_key = "{regions.near.access_key}"\nsecret_key = "{regions.near.secret_key}"\n')
    back = f'\n[replication.back]\nurl = "{regions.near.s3}"\nregion = "cn-north-1"\ntenant = "default"\ncredentials_file = "{secret}"\n'
    regions.far.config = FAR + back
    regions.far.restart()
    regions.reach()
    far = regions.far.client(region="cn-south-1")
    replicate(far, bucket, rule(bucket, to="back"))
    put(near, bucket, "from-near", b"n")
    put(far, bucket, "from-far", b"f")
    done(near, bucket, "from-near")
    done(far, bucket, "from-far")
    assert state(far, bucket, "from-near") == state(near, bucket, "from-far") == "REPLICA"
    near.put_object_tagging(Bucket=bucket, Key="from-far", Tagging=tag_set(a="1"))
    put(near, bucket, "last", b"l")
    done(near, bucket, "last")
    assert tags(far.get_object_tagging(Bucket=bucket, Key="from-far")) == {}
    assert len(history_of(near, bucket)) == len(history_of(far, bucket)) == 3


def test_what_may_not_go_where_the_region_is_does_not(regions, near, far):
    bucket = pair(near, far, "abroad")
    replicate(near, bucket, rule(bucket, to="west"))
    before = len(leaves(regions.near, "refused"))
    put(near, bucket, "free", b"x" * 1000, Metadata={"onshore-class": "general"})
    put(near, bucket, "person", b"y" * 1000, Metadata={"onshore-class": "personal"})
    put(near, bucket, "unknown", b"z")
    done(near, bucket, "free")
    done(near, bucket, "person", "FAILED")
    done(near, bucket, "unknown", "FAILED")
    assert exists(far, bucket, "free") and not exists(far, bucket, "person") and not exists(far, bucket, "unknown")
    assert len(leaves(regions.near, "refused")) > before
    near.delete_object(Bucket=bucket, Key="person")
    # With an approval it goes, as an export that the ledger tells of; what is asked again is what had failed.
    regions.near.grant(to="US")
    put(near, bucket, "approved", b"w" * 70_000, Metadata={"onshore-class": "personal"})
    done(near, bucket, "approved")
    assert get(far, bucket, "approved") == b"w" * 70_000
    closed = eventually(lambda: [leaf for leaf in leaves(regions.near, "export.closed") if leaf["sent_bytes"] == 70_000])
    assert len(closed) == 1


def test_a_replica_is_as_strict_as_what_it_is_a_replica_of(regions, near, far):
    """The bucket there is open to the world; what comes into it is not."""
    near.create_bucket(Bucket="strict")
    set_versioning(near, "strict", "Enabled")
    regions.far.bucket("strict", "general")
    set_versioning(far, "strict", "Enabled")
    replicate(near, "strict", rule("strict"))
    regions.near.cli("bucket", "set-class", "strict", "personal")
    put(near, "strict", "by-bucket", b"x")
    put(near, "strict", "by-word", b"x", Metadata={"onshore-class": "important"})
    upload(near, "strict", "in-parts", [b"p"])
    for key in ("by-bucket", "by-word", "in-parts"):
        done(near, "strict", key)
    put(far, "strict", "free", b"x")
    abroad = regions.far.client("127.0.0.66", region="cn-south-1")
    assert exists(abroad, "strict", "free")
    for key in ("by-bucket", "by-word", "in-parts"):
        assert code(abroad.get_object, Bucket="strict", Key=key) == ("AccessDenied", 403)
    near.create_bucket(Bucket="unknown")
    set_versioning(near, "unknown", "Enabled")
    replicate(near, "unknown", rule("strict"))
    put(near, "unknown", "no-word", b"x")
    done(near, "unknown", "no-word")
    assert code(abroad.get_object, Bucket="strict", Key="no-word") == ("AccessDenied", 403)
    assert "onshore-class" not in far.head_object(Bucket="strict", Key="no-word")["Metadata"]


def test_what_the_region_does_not_take_has_failed_and_is_tried_again_when_asked(near, far):
    near.create_bucket(Bucket="late")
    set_versioning(near, "late", "Enabled")
    replicate(near, "late", rule("late"))
    put(near, "late", "k", b"old")
    done(near, "late", "k", "FAILED")
    put(near, "late", "k", b"new")
    done(near, "late", "k", "FAILED")
    far.create_bucket(Bucket="late")
    replicate(near, "late", rule("late"))
    done(near, "late", "k", "FAILED")
    set_versioning(far, "late", "Enabled")
    replicate(near, "late", rule("late"))
    done(near, "late", "k")
    assert get(far, "late", "k") == b"new" and len(history_of(far, "late")) == 1
    # Without a rule what waits has failed, and with another one it goes.
    near.delete_bucket_replication(Bucket="late")
    put(near, "late", "none", b"x")
    assert state(near, "late", "none") is None


def test_keys_that_nobody_here_has_keep_an_object_here(near, far):
    bucket = pair(near, far, "keys")
    with_key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(16).hex()}
    put(near, bucket, "mine", b"x", **with_key)
    assert near.head_object(Bucket=bucket, Key="mine", **with_key)["ReplicationStatus"] == "FAILED"
    kms = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/onshore/default"}
    put(near, bucket, "named", b"x", **kms)
    assert state(near, bucket, "named") is None, "no rule names objects under named keys"
    replicate(
        near, bucket,
        rule(
            bucket,
            SourceSelectionCriteria={"SseKmsEncryptedObjects": {"Status": "Enabled"}},
            destination={"EncryptionConfiguration": {"ReplicaKmsKeyID": "alias/onshore/default"}},
        ),
    )
    put(near, bucket, "named", b"y", **kms)
    done(near, bucket, "named")
    assert far.head_object(Bucket=bucket, Key="named")["ServerSideEncryption"] == "aws:kms"


def test_the_configuration_is_shown_as_it_was_said_and_keeps_the_bucket_versioned(near, far):
    near.create_bucket(Bucket="said")
    assert code(near.get_bucket_replication, Bucket="said") == ("ReplicationConfigurationNotFoundError", 404)
    with_rules = lambda *rules: dict(Bucket="said", ReplicationConfiguration={"Role": "r", "Rules": list(rules)})
    assert code(near.put_bucket_replication, **with_rules(rule("xxx"))) == ("InvalidRequest", 400)
    set_versioning(near, "said", "Enabled")
    rules = [rule("xxx", 1), rule("yyy", 7, filter={"Tag": {"Key": "a", "Value": "b"}}, markers="Disabled", destination={"StorageClass": "STANDARD"})]
    near.put_bucket_replication(**with_rules(*rules))
    assert near.get_bucket_replication(Bucket="said")["ReplicationConfiguration"] == {"Role": "r", "Rules": rules}
    assert code(set_versioning_of, s3=near, bucket="said") == ("InvalidBucketState", 409)
    for bad in (
        rule("xxx", to="nowhere"),
        {**rule("xxx"), "Destination": {"Bucket": "arn:aws:s3:::xxx"}},
        {**rule("xxx"), "Destination": {"Bucket": "x"}},
        rule("xxx", filter={"Tag": {"Key": "a", "Value": "b"}}),
        rule("xxx", destination={"StorageClass": "GLACIER"}),
    ):
        assert code(near.put_bucket_replication, **with_rules(bad))[1] == 400, bad
    near.delete_bucket_replication(Bucket="said")
    near.delete_bucket_replication(Bucket="said")
    assert code(near.get_bucket_replication, Bucket="said") == ("ReplicationConfigurationNotFoundError", 404)
    set_versioning(near, "said", "Suspended")


def set_versioning_of(s3, bucket):
    set_versioning(s3, bucket, "Suspended")


REPLICA = "x-amz-onshore-replica-"


def as_replica(s3, version, label="general"):
    """A client all of whose requests say that they bring a replica."""

    def add(request, **_):
        for name, value in (("of", version), ("label", label)):
            if value is not None:
                request.headers[REPLICA + name] = value

    s3.meta.events.register("before-sign.s3", add)
    return s3


def test_who_brings_a_version_twice_brings_it_once(regions, far):
    far.create_bucket(Bucket="twice")
    far.create_bucket(Bucket="twice-too")
    client = lambda **said: as_replica(regions.far.client(region="cn-south-1"), **said)
    version = put(far, "twice", "made-here", b"x").get("VersionId")
    assert version is None
    own = "ver_0190f5fe7c007a9ab1d2c3e4f5061728"
    assert code(put, s3=client(version=own), bucket="twice", key="k") == ("InvalidRequest", 400), "not versioned"
    for bucket in ("twice", "twice-too"):
        set_versioning(far, bucket, "Enabled")
    sample = put(far, "twice", "sample", b"x")["VersionId"]
    own = sample[:-4] + ("0000" if sample[-4:] != "0000" else "1111")
    assert put(client(version=own), "twice", "k", b"1")["VersionId"] == own
    assert code(put, s3=client(version=own), bucket="twice", key="k") == ("ReplicaExists", 409)
    assert code(client(version=own).delete_object, Bucket="twice", Key="k") == ("ReplicaExists", 409)
    assert code(client(version=own).create_multipart_upload, Bucket="twice", Key="k") == ("ReplicaExists", 409)
    assert get(far, "twice", "k") == b"1"
    # Elsewhere the same id is another's: it keeps nobody out.
    there = put(client(version=own), "twice-too", "k", b"2")["VersionId"]
    assert there != own and get(far, "twice", "k", VersionId=own) == b"1"
    for bad in (dict(version=own, label=None), dict(version="no"), dict(version=own, label="secret")):
        assert code(put, s3=client(**bad), bucket="twice", key="z") == ("InvalidArgument", 400), bad
    copying = dict(Bucket="twice", Key="copy", CopySource={"Bucket": "twice", "Key": "k"})
    assert code(client(version=own).copy_object, **copying) == ("InvalidArgument", 400)
    assert code(client(version=own).delete_object, Bucket="twice", Key="k", VersionId=own) == ("InvalidArgument", 400)
    many = client(version=own[:-4] + "3333").delete_objects
    assert code(many, Bucket="twice", Delete={"Objects": [{"Key": "k"}]}) == ("InvalidArgument", 400)
    # Nobody writes into the future by it.
    far_off = put(client(version="ver_" + "f" * 32), "twice", "future", b"x")["VersionId"]
    assert far.head_object(Bucket="twice", Key="future", VersionId=far_off)["LastModified"].year < 2100


def test_a_replica_cannot_lay_hands_on_an_upload(regions, far):
    """Bodies go by the ids of versions and of uploads alike."""
    far.create_bucket(Bucket="hands")
    set_versioning(far, "hands", "Enabled")
    for end in ("abort", "complete"):
        made = far.create_multipart_upload(Bucket="hands", Key=end)["UploadId"]
        body = os.urandom(300_000)
        etag = far.upload_part(Bucket="hands", Key=end, UploadId=made, PartNumber=1, Body=body)["ETag"]
        of = "ver_" + made.split("_")[1]
        taken = put(as_replica(regions.far.client(region="cn-south-1"), of), "hands", "replica", b"r" * 100_000)["VersionId"]
        assert taken != of
        if end == "abort":
            far.abort_multipart_upload(Bucket="hands", Key=end, UploadId=made)
        else:
            far.delete_object(Bucket="hands", Key="replica", VersionId=taken)
            far.complete_multipart_upload(Bucket="hands", Key=end, UploadId=made, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
            assert get(far, "hands", end) == body
    assert len(history_of(far, "hands")) == 2


def test_a_hold_that_changes_leaves_the_retention_of_the_other_region(near, far):
    bucket = pair(near, far, "default-lock", lock=True)
    far.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 10}}}
    )
    version = put(near, bucket, "k", b"x")["VersionId"]
    done(near, bucket, "k")
    named = dict(Bucket=bucket, Key="k", VersionId=version)
    near.put_object_legal_hold(**named, LegalHold={"Status": "ON"})
    near.put_object_legal_hold(**named, LegalHold={"Status": "OFF"})
    done(near, bucket, "k")
    assert far.head_object(**named)["ObjectLockMode"] == "GOVERNANCE"
    assert code(far.delete_object, **named) == ("AccessDenied", 403)


def test_a_delete_marker_is_as_strict_and_is_tried_again_as_well(regions, near, far):
    regions.near.bucket("gone-near", "personal")
    regions.far.bucket("gone-far", "general")
    for s3, name in ((near, "gone-near"), (far, "gone-far")):
        set_versioning(s3, name, "Enabled")
    replicate(near, "gone-near", rule("gone-far"))
    put(near, "gone-near", "patient", b"x")
    done(near, "gone-near", "patient")
    replicate(near, "gone-near", rule("nowhere-far"))
    near.delete_object(Bucket="gone-near", Key="patient")
    put(near, "gone-near", "later", b"x")
    done(near, "gone-near", "later", "FAILED")
    assert exists(far, "gone-far", "patient")
    replicate(near, "gone-near", rule("gone-far"))
    done(near, "gone-near", "later")
    replicate(near, "gone-near", rule("gone-far"))
    near.delete_object(Bucket="gone-near", Key="unknown-name")
    eventually(lambda: not exists(far, "gone-far", "unknown-name") and history_of(far, "gone-far") and any(kind == "marker" for kind, *_ in history_of(far, "gone-far")))
    abroad = regions.far.client("127.0.0.66", region="cn-south-1")
    assert code(abroad.list_object_versions, Bucket="gone-far") == ("AccessDenied", 403)


def test_what_failed_beside_a_version_comes_when_the_rules_are_set_again(near, far):
    for s3, lock in ((near, True), (far, False)):
        s3.create_bucket(Bucket="beside-late", ObjectLockEnabledForBucket=lock)
        set_versioning(s3, "beside-late", "Enabled")
    replicate(near, "beside-late", rule("beside-late"))
    version = put(near, "beside-late", "k", b"x")["VersionId"]
    done(near, "beside-late", "k")
    named = dict(Bucket="beside-late", Key="k", VersionId=version)
    near.put_object_legal_hold(**named, LegalHold={"Status": "ON"})
    done(near, "beside-late", "k", "FAILED")
    near.put_object_tagging(**named, Tagging=tag_set(a="1"))
    far.put_object_lock_configuration(Bucket="beside-late", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    replicate(near, "beside-late", rule("beside-late"))
    done(near, "beside-late", "k")
    assert tags(far.get_object_tagging(**named)) == {"a": "1"}
    assert far.head_object(**named)["ObjectLockLegalHoldStatus"] == "ON"


def test_another_tenant_does_not_write_by_a_key_that_is_not_its_own(regions):
    regions.near.cli("tenant", "create", "mallory")
    key = regions.near.cli("key", "create", "--tenant", "mallory")
    s3 = regions.near.client(access_key=key["access_key"], secret_key=key["secret_key"])
    s3.create_bucket(Bucket="mallorys")
    set_versioning(s3, "mallorys", "Enabled")
    for arn in ("arn:aws:s3:::victim", "arn:aws:s3:south::victim", "arn:aws:s3:cn-south-1::victim"):
        bad = {**rule("victim"), "Destination": {"Bucket": arn}}
        with pytest.raises(ClientError) as refused:
            replicate(s3, "mallorys", bad)
        assert refused.value.response["Error"]["Code"] == "InvalidRequest", arn


def test_what_cannot_be_brought_keeps_nobody_waiting(regions, near, far):
    """Tabs in metadata come in by forms, and no client signs them alike."""
    bucket = pair(near, far, "patience")
    for number in range(20):
        form = near.generate_presigned_post(
            bucket, f"odd-{number}", Fields={"x-amz-meta-odd": "a\tb"}, Conditions=[{"x-amz-meta-odd": "a\tb"}]
        )
        answer = requests.post(form["url"], data=form["fields"], files={"file": b"x"})
        assert answer.status_code == 204, answer.text
    put(near, bucket, "plain", b"x")
    done(near, bucket, "plain")
    eventually(lambda: state(near, bucket, "odd-19") != "PENDING")


def test_a_secured_region_is_the_one_that_its_authority_vouches_for(make_server, tmp_path):
    for folder in ("trusted", "other"):
        (tmp_path / folder).mkdir()
    trusted, other = Authority(tmp_path / "trusted"), Authority(tmp_path / "other")
    trusted.install(*trusted.issue()[:2])
    far = make_server("secured", config=FAR + trusted.config(), ca=trusted.path)
    (tmp_path / "far.toml").write_text(f'access_key = "{far.access_key}"\nsecret_key = "{far.secret_key}"\n')
    table = '\n[replication.{}]\nurl = "{}"\nregion = "cn-south-1"\ntenant = "default"\ncredentials_file = "{}"\nca_file = "{}"\n'
    url = far.s3.replace("127.0.0.1", "localhost")
    wanted = (("known", trusted), ("stranger", other))
    near = make_server(
        "to-secured", config=CONFIG + "".join(table.format(name, url, tmp_path / "far.toml", authority.path) for name, authority in wanted)
    )
    s3, there = near.client(), far.client(region="cn-south-1")
    for name, _ in wanted:
        for client in (s3, there):
            client.create_bucket(Bucket=name)
            set_versioning(client, name, "Enabled")
        replicate(s3, name, rule(name, to=name))
    put(s3, "stranger", "k", b"x")
    upload(s3, "known", "k", [os.urandom(5 * MIB), b"x"])
    done(s3, "known", "k")
    assert get(there, "known", "k") == get(s3, "known", "k")
    eventually(lambda: metrics(near).get('onshore_replication_failed_rounds_total{destination="stranger/default"}', 0) >= 2)
    assert state(s3, "stranger", "k") == "PENDING" and not exists(there, "stranger", "k")


def test_a_configuration_that_cannot_work_ends_the_start(make_server, tmp_path):
    good = tmp_path / "good.toml"
    good.write_text('access_key = "a"\nsecret_key = "b"\n')
    bad = tmp_path / "bad.toml"
    bad.write_text('secret = "hidden-word"\n')
    table = '\n[replication.{name}]\nurl = "{url}"\nregion = "{region}"\ntenant = "default"\ncredentials_file = "{file}"\n'
    right = dict(name="x", url="http://127.0.0.1:1", region="cn-south-1", file=good)
    for number, wrong in enumerate((dict(url="ftp://h"), dict(url="http://h/path"), dict(url="http://a:b@h"), dict(file=bad), dict(file=tmp_path / "none"), dict(name="a:b"), dict(region="No!"))):
        name = wrong.get("name", "x")
        text = table.format(**{**right, **wrong, "name": f'"{name}"'})
        with pytest.raises(Ended) as ended:
            make_server(f"wrong-{number}", config=CONFIG + text)
        assert "replication" in str(ended.value) or "region" in str(ended.value), wrong
        assert "hidden-word" not in str(ended.value)
