"""Bucket policies, public access block, and who they let in; the border stands whatever they say."""

import json
import urllib.error
import urllib.request

import pytest

from identities import allow, deny, document, new_tenant, new_user, refused
from raw_s3 import Raw

US = "127.0.0.66"
OPEN = {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False, "RestrictPublicBuckets": False}


@pytest.fixture
def s3(server):
    """The administrator's client, made anew: tests start the server again."""
    return server.client()


def set_policy(s3, bucket, *statements):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document(*statements)))


def arns(bucket):
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def anonymous(server, bucket, key, source=None, method="GET"):
    answer = Raw(server, source=source).send(method, f"/{bucket}/{key}", {"host": f"{server.s3_host}:{server.s3_port}"})
    return answer.status, answer.body


@pytest.fixture(scope="module")
def other(server):
    return new_tenant(server)


def test_a_policy_is_kept_as_it_was_put_and_goes(server, s3, bucket):
    refused(s3.get_bucket_policy, "NoSuchBucketPolicy", 404, Bucket=bucket)
    text = json.dumps(document(deny("s3:DeleteObject", on=f"arn:aws:s3:::{bucket}/*", Principal="*")), indent=2)
    assert s3.put_bucket_policy(Bucket=bucket, Policy=text)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    told = refused(s3.delete_object, Bucket=bucket, Key="k")
    assert "access.denied" in told["Error"]["Message"]
    assert int(told["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"]) > 0
    server.kill9()
    server.start()
    s3 = server.client()
    refused(s3.delete_object, Bucket=bucket, Key="k")
    s3.delete_bucket_policy(Bucket=bucket)
    refused(s3.get_bucket_policy, "NoSuchBucketPolicy", 404, Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize(
    "change, element",
    [
        ({"Action": "s3:GetObjec"}, "Statement[0].Action"),
        ({"Resource": "arn:aws:s3:::somebody-elses/*"}, "Statement[0].Resource"),
        ({"Resource": "arn:aws-us-gov:s3:::{bucket}/*"}, "aws-us-gov"),
        ({"Principal": {"Service": "s3.amazonaws.com"}}, "Principal.Service"),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:user/bob"}}, "Statement[0].Principal"),
        ({"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}, "aws:MultiFactorAuthPresent"),
        ({"Condition": {"StringSounds": {"s3:prefix": "a"}}}, "StringSounds"),
        ({"Effect": "Perhaps"}, "Effect"),
        ({"Surprise": 1}, "Surprise"),
    ],
)
def test_what_cannot_be_compiled_is_refused_and_named(server, s3, bucket, change, element):
    statement = {**allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/*", Principal="*"), **change}
    text = json.dumps(document(statement)).replace("{bucket}", bucket)
    told = refused(s3.put_bucket_policy, "MalformedPolicy", 400, Bucket=bucket, Policy=text)
    assert element in told["Error"]["Message"], told
    refused(s3.get_bucket_policy, "NoSuchBucketPolicy", 404, Bucket=bucket)


def test_the_owner_cannot_lock_himself_out(s3, bucket):
    set_policy(s3, bucket, deny("s3:*", on=arns(bucket), Principal="*"))
    refused(s3.list_objects_v2, Bucket=bucket)
    refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")


def test_another_tenant_gets_in_by_the_policy_alone_and_learns_nothing_besides(server, s3, bucket, other):
    s3.put_object(Bucket=bucket, Key="open/a", Body=b"shared")
    s3.put_object(Bucket=bucket, Key="shut/a", Body=b"mine")
    theirs = other.s3
    same = []
    for key in ("open/a", "shut/a", "absent"):
        told = refused(theirs.get_object, Bucket=bucket, Key=key)
        same.append((told["Error"]["Code"], told["Error"]["Message"]))
    assert len(set(same)) == 1, same
    set_policy(
        s3,
        bucket,
        allow("s3:GetObject", "s3:PutObject", on=f"arn:aws:s3:::{bucket}/open/*", Principal={"AWS": other.arn}),
    )
    assert theirs.get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"shared"
    refused(theirs.get_object, Bucket=bucket, Key="shut/a")
    refused(theirs.get_object, Bucket=bucket, Key="open/absent")
    refused(theirs.list_objects_v2, Bucket=bucket)
    refused(theirs.delete_object, Bucket=bucket, Key="open/a")
    refused(theirs.get_bucket_policy, Bucket=bucket)
    # A copy is a read of its source: only from where he may read, only to where he may write.
    theirs.copy_object(Bucket=bucket, Key="open/b", CopySource=f"{bucket}/open/a")
    refused(theirs.copy_object, Bucket=bucket, Key="open/c", CopySource=f"{bucket}/shut/a")
    refused(theirs.copy_object, Bucket=bucket, Key="shut/c", CopySource=f"{bucket}/open/a")
    theirs.put_object(Bucket=bucket, Key="open/theirs", Body=b"given")
    assert s3.get_object(Bucket=bucket, Key="open/theirs")["Body"].read() == b"given"
    # A user of that tenant needs a policy of his own besides.
    alone = new_user(server, other.tenant)
    refused(alone.s3.get_object, Bucket=bucket, Key="open/a")
    may = new_user(server, other.tenant, allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/open/*"))
    assert may.s3.get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"shared"
    s3.delete_bucket_policy(Bucket=bucket)
    refused(theirs.get_object, Bucket=bucket, Key="open/a")


def test_no_policy_opens_the_border(server, other):
    s3 = server.client()
    for label, opens in (("general", True), ("personal", False), ("unclassified", False)):
        bucket = server.bucket(f"shared-{label}", label if label != "unclassified" else None)
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
        set_policy(s3, bucket, allow("s3:*", on=arns(bucket), Principal="*"))
        assert other.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
        assert anonymous(server, bucket, "k") == (200, b"x")
        abroad = other.client(source=US)
        if opens:
            assert abroad.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
            assert anonymous(server, bucket, "k", source=US) == (200, b"x")
        else:
            told = refused(abroad.get_object, Bucket=bucket, Key="k")
            assert "border" in told["ResponseMetadata"]["HTTPHeaders"]["x-onshore-refusal"]
            status, body = anonymous(server, bucket, "k", source=US)
            assert status == 403 and b"AccessDenied" in body


def test_everybody_gets_in_only_where_nothing_blocks_it(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    public = allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/*", Principal="*")
    assert anonymous(server, bucket, "k")[0] == 403
    told = refused(s3.put_bucket_policy, Bucket=bucket, Policy=json.dumps(document(public)))
    assert "BlockPublicPolicy" in told["Error"]["Message"]
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={**OPEN, "RestrictPublicBuckets": True})
    set_policy(s3, bucket, public)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": True}
    assert anonymous(server, bucket, "k")[0] == 403
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    assert anonymous(server, bucket, "k") == (200, b"x")
    assert anonymous(server, bucket, "k", method="HEAD")[0] == 200
    assert anonymous(server, bucket, "absent")[0] == 403, "who may not list learns not what is absent"
    assert anonymous(server, bucket, "")[0] == 403
    assert anonymous(server, "no-such-bucket-here", "k")[0] == 403
    for method in ("PUT", "DELETE", "POST"):
        assert anonymous(server, bucket, "k", method=method)[0] == 403, method
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={**OPEN, "RestrictPublicBuckets": True})
    assert anonymous(server, bucket, "k")[0] == 403
    s3.delete_public_access_block(Bucket=bucket)
    assert anonymous(server, bucket, "k")[0] == 200
    s3.delete_bucket_policy(Bucket=bucket)
    assert anonymous(server, bucket, "k")[0] == 403


def test_conditions_are_of_the_request(server, s3, bucket):
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    objects = f"arn:aws:s3:::{bucket}/*"
    set_policy(
        s3,
        bucket,
        deny("s3:GetObject", on=objects, Principal="*", Condition={"NotIpAddress": {"aws:SourceIp": "127.0.0.0/30"}}),
        deny("s3:PutObject", on=objects, Principal="*", Condition={"Null": {"s3:x-amz-server-side-encryption": "true"}}),
        deny(
            "s3:PutObject",
            on=objects,
            Principal="*",
            Condition={"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": "forbidden"}, "Null": {"s3:RequestObjectTagKeys": "false"}},
        ),
        deny("s3:ListBucket", on=f"arn:aws:s3:::{bucket}", Principal="*", Condition={"StringNotLike": {"s3:prefix": "home/*"}}),
        deny("s3:DeleteObject", on=objects, Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}}),
        deny(
            "s3:GetObjectTagging",
            on=objects,
            Principal="*",
            Condition={"StringEquals": {"s3:ExistingObjectTag/secret": "yes"}},
        ),
    )
    refused(s3.put_object, Bucket=bucket, Key="home/k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="home/k", Body=b"x", ServerSideEncryption="AES256")
    refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="AES256", Tagging="forbidden=1")
    s3.put_object(Bucket=bucket, Key="home/t", Body=b"x", ServerSideEncryption="AES256", Tagging="secret=yes&b=1")
    assert s3.get_object(Bucket=bucket, Key="home/k")["Body"].read() == b"x"
    refused(server.client(source="127.0.0.5").get_object, Bucket=bucket, Key="home/k")
    refused(s3.list_objects_v2, Bucket=bucket)
    assert s3.list_objects_v2(Bucket=bucket, Prefix="home/")["KeyCount"] == 2
    refused(s3.delete_object, Bucket=bucket, Key="home/k")
    assert s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "home/k"}]})["Errors"][0]["Code"] == "AccessDenied"
    assert s3.get_object_tagging(Bucket=bucket, Key="home/k")["TagSet"] == []
    refused(s3.get_object_tagging, Bucket=bucket, Key="home/t")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "home/k"})
    assert urllib.request.urlopen(url).read() == b"x"
    set_policy(
        s3, bucket, deny("s3:*", on=arns(bucket), Principal="*", Condition={"StringNotEquals": {"s3:authType": "REST-HEADER"}})
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url)
    assert caught.value.code == 403
    assert s3.get_object(Bucket=bucket, Key="home/k")["Body"].read() == b"x"
