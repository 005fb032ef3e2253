"""The MinIO SDK for Python: its own signatures, its own XML, and no bucket set up for it beforehand."""

import datetime
import io

import pytest
import requests
import urllib3
from minio import Minio
from minio.commonconfig import COMPLIANCE, GOVERNANCE, REPLACE, ComposeSource, CopySource, Filter, Tags
from minio.datatypes import PostPolicy
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.lifecycleconfig import AbortIncompleteMultipartUpload, Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule
from minio.objectlockconfig import DAYS, ObjectLockConfig
from minio.retention import Retention
from minio.sse import SseCustomerKey
from minio.versioningconfig import ENABLED, SUSPENDED, VersioningConfig

from calls import MIB, get
from onshore_server import REGION
from tls_proxy import TlsProxy

ODD = "sub/a b+c&d#e?f=g%41 \u6587\u6863~.txt"
LARGE = bytes(range(256)) * (16 * MIB // 256)


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


@pytest.fixture(scope="module")
def minio(server):
    return Minio(endpoint=f"{server.s3_host}:{server.s3_port}", access_key=server.access_key, secret_key=server.secret_key, region=REGION, secure=False)


@pytest.fixture
def versioned(minio, bucket):
    minio.set_bucket_versioning(bucket_name=bucket, config=VersioningConfig(ENABLED))
    return bucket


def put(minio, bucket, key, body=b"x", **more):
    return minio.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(body), length=len(body), **more)


def read(minio, bucket, key, **more):
    answer = minio.get_object(bucket_name=bucket, object_name=key, **more)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


def error(function, **arguments):
    with pytest.raises(S3Error) as caught:
        function(**arguments)
    return caught.value.code


def test_minio_makes_and_removes_buckets(minio):
    minio.make_bucket(bucket_name="made-by-minio", location="cn-north-1")
    assert minio.bucket_exists(bucket_name="made-by-minio") and "made-by-minio" in [found.name for found in minio.list_buckets()]
    assert error(minio.make_bucket, bucket_name="made-by-minio", location="cn-north-1") == "BucketAlreadyOwnedByYou"
    put(minio, "made-by-minio", "k")
    assert error(minio.remove_bucket, bucket_name="made-by-minio") == "BucketNotEmpty"
    minio.remove_object(bucket_name="made-by-minio", object_name="k")
    minio.remove_bucket(bucket_name="made-by-minio")
    assert not minio.bucket_exists(bucket_name="made-by-minio")


def test_minio_carries_files(minio, s3, bucket, tmp_path):
    (tmp_path / "up").write_bytes(LARGE)
    sent = minio.fput_object(bucket_name=bucket, object_name=ODD, file_path=str(tmp_path / "up"), content_type="text/x-own", metadata={"who": "me"}, part_size=5 * MIB)
    found = minio.stat_object(bucket_name=bucket, object_name=ODD)
    assert (found.size, found.etag, found.content_type, found.metadata["x-amz-meta-who"]) == (len(LARGE), sent.etag, "text/x-own", "me")
    assert s3.head_object(Bucket=bucket, Key=ODD, PartNumber=1)["PartsCount"] == 4
    minio.fget_object(bucket_name=bucket, object_name=ODD, file_path=str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == LARGE
    assert read(minio, bucket, ODD, offset=5 * MIB - 3, length=7) == LARGE[5 * MIB - 3 : 5 * MIB + 4]
    assert read(minio, bucket, ODD, offset=len(LARGE) - 9) == LARGE[-9:]
    assert error(minio.stat_object, bucket_name=bucket, object_name="absent") == "NoSuchKey"
    assert error(minio.get_object, bucket_name=bucket, object_name="absent") == "NoSuchKey"
    assert error(minio.get_object, bucket_name="absent-bucket", object_name="absent") == "NoSuchBucket"


def test_minio_uploads_what_has_no_length(minio, bucket):
    minio.put_object(bucket_name=bucket, object_name="k", data=io.BytesIO(LARGE[: 11 * MIB]), length=-1, part_size=5 * MIB)
    assert read(minio, bucket, "k") == LARGE[: 11 * MIB]


def test_minio_lists(minio, bucket):
    keys = sorted([f"many/{number:04}" for number in range(1005)] + [ODD, "top"])
    for key in keys[-2:]:
        put(minio, bucket, key)
    for number in range(1005):
        put(minio, bucket, f"many/{number:04}", b"")
    names = lambda **more: [found.object_name for found in minio.list_objects(bucket_name=bucket, **more)]
    assert names(recursive=True) == keys
    assert names(recursive=True, use_api_v1=True) == keys
    assert names(recursive=True, use_url_encoding_type=False) == keys
    assert sorted(names()) == ["many/", "sub/", "top"]
    assert names(prefix="sub/") == [ODD]
    assert names(recursive=True, start_after="many/1003") == ["many/1004", ODD, "top"]


def test_minio_lists_and_removes_versions(minio, versioned):
    ids = [put(minio, versioned, ODD, body).version_id for body in (b"one", b"two")]
    minio.remove_object(bucket_name=versioned, object_name=ODD)
    put(minio, versioned, "other")
    found = list(minio.list_objects(bucket_name=versioned, recursive=True, include_version=True))
    assert [item.version_id for item in found if item.object_name == ODD and not item.is_delete_marker] == ids[::-1], "the newest first"
    assert [(item.object_name, item.is_delete_marker) for item in found if item.is_latest == "true"] in ([("other", False), (ODD, True)], [(ODD, True), ("other", False)])
    assert [read(minio, versioned, ODD, version_id=identity) for identity in ids] == [b"one", b"two"]
    everything = [DeleteObject(item.object_name, item.version_id) for item in minio.list_objects(bucket_name=versioned, recursive=True, include_version=True)]
    assert list(minio.remove_objects(bucket_name=versioned, delete_object_list=everything)) == []
    assert list(minio.list_objects(bucket_name=versioned, recursive=True, include_version=True)) == []


def test_minio_suspends_versioning(minio, versioned):
    kept = put(minio, versioned, "k", b"kept").version_id
    minio.set_bucket_versioning(bucket_name=versioned, config=VersioningConfig(SUSPENDED))
    assert minio.get_bucket_versioning(bucket_name=versioned).status == SUSPENDED
    put(minio, versioned, "k", b"null")
    put(minio, versioned, "k", b"null again")
    assert sorted(item.version_id for item in minio.list_objects(bucket_name=versioned, include_version=True)) == sorted([kept, "null"])
    assert read(minio, versioned, "k", version_id=kept) == b"kept" and read(minio, versioned, "k") == b"null again"


def test_minio_links(minio, versioned):
    link = minio.presigned_put_object(bucket_name=versioned, object_name=ODD)
    assert requests.put(link, data=b"by link", timeout=30).status_code == 200
    link = minio.presigned_get_object(bucket_name=versioned, object_name=ODD, expires=datetime.timedelta(minutes=1), response_headers={"response-content-type": "text/x-own"})
    answer = requests.get(link, timeout=30)
    assert answer.content == b"by link" and answer.headers["content-type"] == "text/x-own"
    old = minio.stat_object(bucket_name=versioned, object_name=ODD).version_id
    put(minio, versioned, ODD, b"newer")
    assert requests.get(minio.presigned_get_object(bucket_name=versioned, object_name=ODD, version_id=old), timeout=30).content == b"by link"
    assert requests.get(link.replace("text%2Fx-own", "text%2Fx-other"), timeout=30).status_code == 403
    past = minio.presigned_get_object(bucket_name=versioned, object_name=ODD, expires=datetime.timedelta(minutes=1), request_date=now() - datetime.timedelta(minutes=2))
    assert requests.get(past, timeout=30).status_code == 403


def test_minio_posts_a_form(minio, server, s3, bucket):
    policy = PostPolicy(bucket, now() + datetime.timedelta(minutes=5))
    policy.add_starts_with_condition("key", "in/")
    policy.add_starts_with_condition("Content-Type", "image/")
    policy.add_content_length_range_condition(1, 1000)
    form = {**minio.presigned_post_policy(policy=policy), "Content-Type": "image/png"}
    post = lambda key, body, **more: requests.post(f"{server.s3}/{bucket}", data={**form, "key": key, **more}, files={"file": ("name.png", body)}, timeout=30).status_code
    assert post("in/${filename}", b"picture") == 204
    assert get(s3, bucket, "in/name.png") == b"picture" and s3.head_object(Bucket=bucket, Key="in/name.png")["ContentType"] == "image/png"
    assert post("out/k", b"picture") == 403
    assert post("in/k", b"p" * 1001) == 400
    assert post("in/k", b"picture", **{"Content-Type": "text/html"}) == 403
    assert [item.object_name for item in minio.list_objects(bucket_name=bucket, recursive=True)] == ["in/name.png"]


def test_minio_tags(minio, bucket):
    tags = Tags.new_object_tags()
    tags.update({"team": "blue + green", "\u6587": "\u6863"})
    put(minio, bucket, "k", tags=tags)
    assert dict(minio.get_object_tags(bucket_name=bucket, object_name="k")) == dict(tags)
    tags = Tags.new_object_tags()
    tags["only"] = "one"
    minio.set_object_tags(bucket_name=bucket, object_name="k", tags=tags)
    assert dict(minio.get_object_tags(bucket_name=bucket, object_name="k")) == {"only": "one"}
    minio.delete_object_tags(bucket_name=bucket, object_name="k")
    assert not minio.get_object_tags(bucket_name=bucket, object_name="k")
    tags = Tags.new_bucket_tags()
    tags["cost"] = "1"
    minio.set_bucket_tags(bucket_name=bucket, tags=tags)
    assert dict(minio.get_bucket_tags(bucket_name=bucket)) == {"cost": "1"}
    minio.delete_bucket_tags(bucket_name=bucket)
    assert minio.get_bucket_tags(bucket_name=bucket) is None


def test_minio_locks_objects(minio, bucket):
    locked = f"{bucket}-l"
    minio.make_bucket(bucket_name=locked, location="cn-north-1", object_lock=True)
    minio.set_object_lock_config(bucket_name=locked, config=ObjectLockConfig(GOVERNANCE, 3, DAYS))
    config = minio.get_object_lock_config(bucket_name=locked)
    assert (config.mode, config.duration) == (GOVERNANCE, 3)
    kept = put(minio, locked, "kept").version_id
    retention = minio.get_object_retention(bucket_name=locked, object_name="kept")
    assert retention.mode == GOVERNANCE and abs(retention.retain_until_date - now() - datetime.timedelta(days=3)) < datetime.timedelta(minutes=1)
    until = now() + datetime.timedelta(days=9)
    strict = put(minio, locked, "strict", retention=Retention(COMPLIANCE, until), legal_hold=True).version_id
    retention = minio.get_object_retention(bucket_name=locked, object_name="strict", version_id=strict)
    assert (retention.mode, retention.retain_until_date) == (COMPLIANCE, until)
    assert minio.is_object_legal_hold_enabled(bucket_name=locked, object_name="strict")
    minio.disable_object_legal_hold(bucket_name=locked, object_name="strict")
    assert not minio.is_object_legal_hold_enabled(bucket_name=locked, object_name="strict")
    minio.set_object_retention(bucket_name=locked, object_name="strict", config=Retention(COMPLIANCE, until + datetime.timedelta(days=1)))
    assert error(minio.set_object_retention, bucket_name=locked, object_name="strict", config=Retention(COMPLIANCE, until)) == "AccessDenied"
    assert error(minio.remove_object, bucket_name=locked, object_name="kept", version_id=kept) == "AccessDenied"
    both = [DeleteObject("kept", kept), DeleteObject("strict", strict)]
    failed = list(minio.remove_objects(bucket_name=locked, delete_object_list=both, bypass_governance_mode=True))
    assert [(one.name, one.code) for one in failed] == [("strict", "AccessDenied")]
    assert [item.object_name for item in minio.list_objects(bucket_name=locked, include_version=True)] == ["strict"]
    minio.delete_object_lock_config(bucket_name=locked)
    assert minio.get_object_lock_config(bucket_name=locked).mode is None


def test_minio_holds_what_has_no_retention(minio, bucket):
    locked = f"{bucket}-l"
    minio.make_bucket(bucket_name=locked, location="cn-north-1", object_lock=True)
    held = put(minio, locked, "k").version_id
    assert minio.get_object_retention(bucket_name=locked, object_name="k") is None
    assert not minio.is_object_legal_hold_enabled(bucket_name=locked, object_name="k")
    minio.enable_object_legal_hold(bucket_name=locked, object_name="k")
    assert error(minio.remove_object, bucket_name=locked, object_name="k", version_id=held) == "AccessDenied"
    minio.disable_object_legal_hold(bucket_name=locked, object_name="k")
    minio.remove_object(bucket_name=locked, object_name="k", version_id=held)


def test_minio_sets_a_lifecycle(minio, bucket):
    assert minio.get_bucket_lifecycle(bucket_name=bucket) is None
    rules = [
        Rule("Enabled", Filter(prefix="log/"), rule_id="logs", expiration=Expiration(days=7), noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=3)),
        Rule("Disabled", Filter(prefix=""), rule_id="parts", abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(2)),
    ]
    minio.set_bucket_lifecycle(bucket_name=bucket, config=LifecycleConfig(rules))
    found = minio.get_bucket_lifecycle(bucket_name=bucket).rules
    assert [(rule.rule_id, rule.status, rule.rule_filter.prefix or "") for rule in found] == [("logs", "Enabled", "log/"), ("parts", "Disabled", "")]
    assert found[0].expiration.days == 7 and found[0].noncurrent_version_expiration.noncurrent_days == 3
    assert found[1].abort_incomplete_multipart_upload.days_after_initiation == 2
    minio.delete_bucket_lifecycle(bucket_name=bucket)
    assert minio.get_bucket_lifecycle(bucket_name=bucket) is None


def test_minio_copies_and_composes(minio, versioned):
    first = put(minio, versioned, ODD, LARGE[: 6 * MIB], metadata={"who": "me"})
    put(minio, versioned, ODD, b"newer")
    minio.copy_object(bucket_name=versioned, object_name="copy", source=CopySource(versioned, ODD, version_id=first.version_id))
    assert read(minio, versioned, "copy") == LARGE[: 6 * MIB] and minio.stat_object(bucket_name=versioned, object_name="copy").metadata["x-amz-meta-who"] == "me"
    minio.copy_object(bucket_name=versioned, object_name="replaced", source=CopySource(versioned, "copy"), metadata={"who": "you"}, metadata_directive=REPLACE)
    assert minio.stat_object(bucket_name=versioned, object_name="replaced").metadata["x-amz-meta-who"] == "you"
    sources = [ComposeSource(versioned, ODD, version_id=first.version_id), ComposeSource(versioned, "copy", offset=10, length=5 * MIB), ComposeSource(versioned, ODD)]
    minio.compose_object(bucket_name=versioned, object_name="composed", sources=sources)
    assert read(minio, versioned, "composed") == LARGE[: 6 * MIB] + LARGE[10 : 10 + 5 * MIB] + b"newer"
    wrong = CopySource(versioned, ODD, match_etag="0123456789abcdef0123456789abcdef")
    assert error(minio.copy_object, bucket_name=versioned, object_name="refused", source=wrong) == "PreconditionFailed"
    assert error(minio.stat_object, bucket_name=versioned, object_name="refused") == "NoSuchKey"


@pytest.fixture
def over_tls(server, tmp_path):
    proxy = TlsProxy(server, tmp_path)
    pool = urllib3.PoolManager(ca_certs=str(proxy.certificate), retries=False)
    yield Minio(endpoint=proxy.address, access_key=server.access_key, secret_key=server.secret_key, region=REGION, secure=True, http_client=pool)
    pool.clear()
    proxy.close()


def test_minio_encrypts_with_keys_of_its_own(over_tls, minio, bucket):
    """The SDK gives its keys away over TLS only."""
    ours, other = SseCustomerKey(b"k" * 32), SseCustomerKey(b"o" * 32)
    put(over_tls, bucket, "small", b"small", sse=ours)
    put(over_tls, bucket, "large", LARGE, sse=ours, part_size=5 * MIB)
    assert read(over_tls, bucket, "small", ssec=ours) == b"small" and read(over_tls, bucket, "large", ssec=ours) == LARGE
    assert over_tls.stat_object(bucket_name=bucket, object_name="large", ssec=ours).size == len(LARGE)
    assert error(over_tls.get_object, bucket_name=bucket, object_name="small") == "InvalidRequest"
    assert error(over_tls.get_object, bucket_name=bucket, object_name="small", ssec=other) == "AccessDenied"
    over_tls.copy_object(bucket_name=bucket, object_name="turned", source=CopySource(bucket, "small", ssec=ours), sse=other)
    assert read(over_tls, bucket, "turned", ssec=other) == b"small"
    over_tls.compose_object(bucket_name=bucket, object_name="composed", sources=[ComposeSource(bucket, "large", ssec=ours), ComposeSource(bucket, "turned", ssec=other)], sse=ours)
    assert read(over_tls, bucket, "composed", ssec=ours) == LARGE + b"small"
    over_tls.copy_object(bucket_name=bucket, object_name="opened", source=CopySource(bucket, "small", ssec=ours))
    assert read(minio, bucket, "opened") == b"small"


def test_minio_signs_chunks_without_tls_and_not_with_it(over_tls, minio, bucket):
    put(over_tls, bucket, "k", b"over TLS")
    assert read(minio, bucket, "k") == b"over TLS"
    put(minio, bucket, "k", b"without")
    assert read(over_tls, bucket, "k") == b"without"
