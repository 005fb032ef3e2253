"""Users and groups: what their policies allow and nothing else, and keys that open nothing once they are taken away."""

import json

import pytest

from identities import Holder, allow, deny, document, new_tenant, new_user, put_policy, refused, write
from test_ledger import settled


@pytest.fixture
def s3(server):
    """The administrator's client, made anew: tests start the server again."""
    return server.client()


def test_a_user_may_what_his_policies_allow(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="home/a", Body=b"x")
    user = new_user(server, "default")
    for function, arguments in (
        (user.s3.get_object, {"Bucket": bucket, "Key": "home/a"}),
        (user.s3.put_object, {"Bucket": bucket, "Key": "home/b", "Body": b"y"}),
        (user.s3.list_objects_v2, {"Bucket": bucket}),
        (user.s3.get_bucket_location, {"Bucket": bucket}),
        (user.s3.create_bucket, {"Bucket": "made-by-a-user"}),
        (user.s3.get_bucket_policy, {"Bucket": bucket}),
        (user.s3.list_buckets, {}),
    ):
        told = refused(function, **arguments)
        assert "access.not-allowed" in told["Error"]["Message"], told
    put_policy(
        server,
        "default",
        "user",
        user.name,
        allow("s3:GetObject", "s3:PutObject", on=f"arn:aws:s3:::{bucket}/home/*"),
        allow("s3:ListAllMyBuckets"),
        allow("s3:ListBucket", on=f"arn:aws:s3:::{bucket}", Condition={"StringLike": {"s3:prefix": "home/*"}}),
    )
    assert user.s3.get_object(Bucket=bucket, Key="home/a")["Body"].read() == b"x"
    user.s3.put_object(Bucket=bucket, Key="home/b", Body=b"y")
    refused(user.s3.put_object, Bucket=bucket, Key="other", Body=b"y")
    refused(user.s3.delete_object, Bucket=bucket, Key="home/b")
    assert bucket in {found["Name"] for found in user.s3.list_buckets()["Buckets"]}
    assert user.s3.list_objects_v2(Bucket=bucket, Prefix="home/")["KeyCount"] == 2
    refused(user.s3.list_objects_v2, Bucket=bucket)
    upload = user.s3.create_multipart_upload(Bucket=bucket, Key="home/parts")["UploadId"]
    part = user.s3.upload_part(Bucket=bucket, Key="home/parts", UploadId=upload, PartNumber=1, Body=b"z")
    refused(user.s3.list_parts, Bucket=bucket, Key="home/parts", UploadId=upload)
    refused(user.s3.abort_multipart_upload, Bucket=bucket, Key="home/parts", UploadId=upload)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    user.s3.complete_multipart_upload(Bucket=bucket, Key="home/parts", UploadId=upload, MultipartUpload=parts)
    refused(user.s3.put_object, Bucket=bucket, Key="home/t", Body=b"x", Tagging="a=b")
    server.cli("user", "delete-policy", user.name, "inline")
    refused(user.s3.get_object, Bucket=bucket, Key="home/a")


def test_groups_hand_on_their_policies_and_a_denial_wins(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    server.cli("group", "create", "readers")
    put_policy(server, "default", "group", "readers", allow("s3:Get*", "s3:List*"))
    user = new_user(server, "default", groups=["readers"])
    assert user.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    put_policy(server, "default", "user", user.name, deny("s3:GetObject", on=f"arn:aws:s3:::{bucket}/k"), policy="no")
    refused(user.s3.get_object, Bucket=bucket, Key="k")
    server.cli("user", "delete-policy", user.name, "no")
    assert user.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert server.cli("user", "show", user.name)["related"] == ["readers"]
    server.cli("group", "remove", "readers", user.name)
    refused(user.s3.get_object, Bucket=bucket, Key="k")


def test_variables_and_tags_speak_of_who_asks(server, s3, bucket):
    statement = allow("s3:PutObject", "s3:GetObject", on=f"arn:aws:s3:::{bucket}/${{aws:username}}/${{aws:PrincipalTag/team}}/*")
    red = new_user(server, "default", statement, tags=["team=red"])
    untagged = new_user(server, "default", statement)
    red.s3.put_object(Bucket=bucket, Key=f"{red.name}/red/x", Body=b"x")
    refused(red.s3.put_object, Bucket=bucket, Key=f"{red.name}/blue/x", Body=b"x")
    refused(red.s3.put_object, Bucket=bucket, Key=f"{untagged.name}/red/x", Body=b"x")
    refused(untagged.s3.put_object, Bucket=bucket, Key=f"{untagged.name}//x", Body=b"x")


def test_keys_open_nothing_once_they_are_taken_away(server, s3, bucket):
    user = new_user(server, "default", allow("s3:*"))
    listed = {key["access_key"]: key for key in server.cli("key", "list")}
    assert listed[user.access_key]["user"] == user.name and "user" not in listed[server.access_key]
    user.s3.list_objects_v2(Bucket=bucket)
    server.cli("key", "disable", user.access_key)
    refused(user.s3.list_objects_v2, "InvalidAccessKeyId", Bucket=bucket)
    server.cli("key", "enable", user.access_key)
    user.s3.list_objects_v2(Bucket=bucket)
    made = server.cli("key", "rotate", user.access_key)
    refused(user.s3.list_objects_v2, "InvalidAccessKeyId", Bucket=bucket)
    user.access_key, user.secret_key = made["access_key"], made["secret_key"]
    user.s3.list_objects_v2(Bucket=bucket)
    # The same access key with another secret is another key pair.
    server.cli("key", "delete", user.access_key)
    other = "another-secret-of-forty-letters-in-all-x"
    server.cli("key", "create", "--user", user.name, "--access-key", user.access_key, "--secret-key", other)
    refused(user.s3.list_objects_v2, "SignatureDoesNotMatch", Bucket=bucket)
    user.secret_key = other
    user.s3.list_objects_v2(Bucket=bucket)
    server.cli("user", "delete", user.name)
    refused(user.s3.list_objects_v2, "InvalidAccessKeyId", Bucket=bucket)
    server.kill9()
    server.start()
    refused(user.s3.list_objects_v2, "InvalidAccessKeyId", Bucket=bucket)


def test_a_tenants_administrator_looks_after_his_own(server):
    tenant, other = new_tenant(server), new_tenant(server)
    token = server.cli("token", "create", "--role", "tenant-admin", "--tenant", tenant.tenant)["token"]
    env = {"ONSHORE_TOKEN": token}
    assert server.cli("whoami", env=env)["role"] == "tenant-admin"
    server.cli("user", "create", "own", "--tenant", tenant.tenant, env=env)
    server.cli("key", "create", "--user", "own", "--tenant", tenant.tenant, env=env)
    for command in (
        ("user", "create", "theirs", "--tenant", other.tenant),
        ("user", "list", "--tenant", other.tenant),
        ("key", "create", "--tenant", other.tenant),
        ("key", "list", "--tenant", other.tenant),
        ("user", "list", "--tenant", "no-such-tenant"),
        ("tenant", "list"),
        ("token", "create", "--role", "operator"),
    ):
        done = server.run(*command, env=env)
        assert done.returncode == 1, (command, done.stdout)
    assert server.cli("bucket", "list", env=env) == [], "those of others are not listed"
    server.cli("bucket", "create", f"of-{tenant.tenant}", "--tenant", tenant.tenant)
    assert [found["name"] for found in server.cli("bucket", "list", env=env)] == [f"of-{tenant.tenant}"]
    answers = [server.run("user", "list", "--tenant", name, env=env).stderr.replace(name, "X") for name in (other.tenant, "nobody")]
    assert answers[0] == answers[1], "whether there is another tenant is not told"
    holder = next(found for found in server.cli("token", "list") if found.get("tenant") == tenant.tenant)
    server.cli("token", "revoke", holder["principal"])
    assert server.run("whoami", env=env).returncode == 1


def test_a_policy_that_does_not_compile_is_refused(server):
    user = new_user(server, "default")
    for bad, element in (
        (document({**allow("s3:GetObject"), "Principal": "*"}), "Principal"),
        (document(allow("ec2:RunInstances")), "Action"),
        (document(allow("s3:GetObject", on="arn:elsewhere:s3:::b/*")), "elsewhere"),
        ("{", "JSON"),
    ):
        done = server.run("user", "put-policy", user.name, "p", write(server, bad))
        assert done.returncode == 1 and element in done.stderr, (bad, done.stderr)
    assert "policies" not in server.cli("user", "show", user.name)


def test_what_is_done_to_identities_is_in_the_ledger_without_a_name(server):
    name = "secret.person@example.com"
    made = server.cli("user", "create", name)
    server.cli("user", "delete", name)
    log = settled(server, made["leaf"] + 2)
    kinds = [leaf.get("kind") for leaf in log.json()]
    assert "user.created" in kinds and "user.removed" in kinds
    assert name.encode() not in b"".join(log.leaves)


def test_a_user_is_no_closer_than_his_tenant(server, s3):
    """Whoever looks after the identities of a tenant abroad says where its people work: it brings nobody home."""
    server.cli("bucket", "create", "closer", "--class", "personal")
    s3.put_object(Bucket="closer", Key="k", Body=b"13912345678")
    abroad = new_tenant(server)
    server.cli("tenant", "set-jurisdiction", abroad.name, "US")
    token = server.cli("token", "create", "--role", "tenant-admin", "--tenant", abroad.name)["token"]
    policy = {
        "Effect": "Allow",
        "Principal": {"AWS": [abroad.arn]},
        "Action": ["s3:GetObject"],
        "Resource": "arn:aws:s3:::closer/*",
    }
    s3.put_bucket_policy(Bucket="closer", Policy=json.dumps(document(policy)))
    for organisation in (None, "CN", "US", "DE"):
        name = f"mole-{organisation or 'none'}".lower()
        said = ("--organisation", organisation) if organisation else ()
        server.cli("user", "create", name, "--tenant", abroad.name, *said, env={"ONSHORE_TOKEN": token})
        put_policy(server, abroad.name, "user", name, allow("s3:GetObject"))
        key = server.cli("key", "create", "--tenant", abroad.name, "--user", name)
        mole = Holder(server, key["access_key"], key["secret_key"])
        told = refused(mole.s3.get_object, Bucket="closer", Key="k")
        assert "border.outward" in told["Error"]["Message"], (organisation, told)
    # A tenant at home has people at home, and such as are not.
    for organisation, is_home in ((None, True), ("CN", True), ("US", False)):
        name = f"clerk-{organisation or 'none'}".lower()
        said = ("--organisation", organisation) if organisation else ()
        server.cli("user", "create", name, *said)
        put_policy(server, "default", "user", name, allow("s3:GetObject"))
        key = server.cli("key", "create", "--user", name)
        clerk = Holder(server, key["access_key"], key["secret_key"])
        if is_home:
            assert clerk.s3.get_object(Bucket="closer", Key="k")["Body"].read() == b"13912345678"
        else:
            assert "border.outward" in refused(clerk.s3.get_object, Bucket="closer", Key="k")["Error"]["Message"]
