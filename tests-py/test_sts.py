"""STS on the S3 port: roles taken by whom they trust, sessions that end with their time and with whom they were made of."""

import base64
import datetime
import json
import os
import shutil
import subprocess

import pytest

from identities import Holder, allow, deny, document, new_tenant, new_user, put_policy, refused, write
from onshore_server import CONFIG, Ended, Server, clean_env
from raw_s3 import Raw


@pytest.fixture
def s3(server):
    """The administrator's client, made anew: tests start the server again."""
    return server.client()


def trust(*principals, **more):
    return document({"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": ["sts:AssumeRole", "sts:TagSession"], **more})


def new_role(server, name, trusted, *statements, tenant="default", **options):
    made = server.cli("role", "create", name, "--tenant", tenant, "--trust", write(server, trusted), *(
        part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", value)
    ))
    if statements:
        put_policy(server, tenant, "role", name, *statements)
    return made["arn"]


def taken(holder, arn, name="job", **more):
    answer = holder.sts.assume_role(RoleArn=arn, RoleSessionName=name, **more)
    found = answer["Credentials"]
    session = Holder(holder.server, found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    session.answer = answer
    return session


def account_of(arn):
    return arn.rsplit(":", 1)[0] + ":root"


@pytest.fixture(scope="module")
def admin(server):
    return Holder(server, server.access_key, server.secret_key, tenant="default")


@pytest.fixture(scope="module")
def account(admin):
    return admin.sts.get_caller_identity()["Account"]


def test_everybody_is_told_who_he_is(server, admin, account):
    told = admin.sts.get_caller_identity()
    assert told["Arn"] == f"arn:onshore:iam::{account}:root" and told["UserId"] == account
    user = new_user(server, "default")
    told = user.sts.get_caller_identity()
    assert (told["Arn"], told["Account"]) == (user.arn, account)
    refused(Holder(server, user.access_key, "wrong" * 8).sts.get_caller_identity, "SignatureDoesNotMatch")
    refused(Holder(server, "ONSHAAAAAAAAAAAAAAAA", "wrong" * 8).sts.get_caller_identity, "InvalidClientTokenId")


def test_a_role_is_taken_by_whom_it_trusts_and_may_what_it_may(server, s3, bucket, account):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    user, other = new_user(server, "default"), new_user(server, "default", allow("sts:AssumeRole"))
    arn = new_role(server, "reader", trust(user.arn), allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/*"))
    refused(user.s3.get_object, Bucket=bucket, Key="k")
    session = taken(user, arn, DurationSeconds=900)
    assert session.answer["AssumedRoleUser"]["Arn"] == f"arn:onshore:sts::{account}:assumed-role/reader/job"
    left = session.answer["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert 840 < left.total_seconds() <= 900
    assert session.sts.get_caller_identity()["Arn"].endswith("assumed-role/reader/job")
    assert session.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    url = session.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    import urllib.request

    assert urllib.request.urlopen(url).read() == b"x"
    refused(session.s3.put_object, Bucket=bucket, Key="k", Body=b"y")
    refused(session.s3.list_objects_v2, Bucket=bucket)
    refused(other.sts.assume_role, RoleArn=arn, RoleSessionName="job")
    missing = refused(other.sts.assume_role, RoleArn=arn.replace("reader", "absent"), RoleSessionName="job")
    assert "not authorized to perform: sts:AssumeRole" in missing["Error"]["Message"]
    # The alias of AWS names the same role.
    taken(user, arn.replace("arn:onshore:", "arn:aws:"))


def test_a_session_needs_its_own_token_and_no_other(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    user = new_user(server, "default")
    arn = new_role(server, "tokens", trust(user.arn), allow("s3:*"))
    one, two = taken(user, arn, "one"), taken(user, arn, "two")
    mixed = [
        (Holder(server, one.access_key, one.secret_key), "InvalidAccessKeyId", 403),
        (Holder(server, one.access_key, one.secret_key, two.token), "InvalidToken", 400),
        (Holder(server, one.access_key, two.secret_key, one.token), "SignatureDoesNotMatch", 403),
        (Holder(server, user.access_key, user.secret_key, one.token), "InvalidToken", 400),
        (Holder(server, one.access_key, one.secret_key, "x"), "InvalidToken", 400),
    ]
    raw = bytearray(base64.urlsafe_b64decode(one.token + "=" * (-len(one.token) % 4)))
    for at in (0, len(raw) // 2, len(raw) - 1):
        flipped = bytearray(raw)
        flipped[at] ^= 1
        token = base64.urlsafe_b64encode(bytes(flipped)).decode().rstrip("=")
        mixed.append((Holder(server, one.access_key, one.secret_key, token), "InvalidToken", 400))
    for holder, code, status in mixed:
        refused(holder.s3.get_object, code, status, Bucket=bucket, Key="k")
    assert one.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    server.kill9()
    server.start()
    one.server = server
    assert one.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_session_ends_with_whom_it_was_made_of(server, admin, bucket):
    user = new_user(server, "default", allow("s3:*"), allow("sts:AssumeRole"))
    arn = new_role(server, "ending", trust(user.arn), allow("s3:*"))
    session = taken(user, arn)
    session.s3.list_objects_v2(Bucket=bucket)
    put_policy(server, "default", "role", "ending", deny("s3:ListBucket"))
    refused(session.s3.list_objects_v2, Bucket=bucket)
    put_policy(server, "default", "role", "ending", allow("s3:*"))
    session.s3.list_objects_v2(Bucket=bucket)
    server.cli("role", "delete", "ending")
    refused(session.s3.list_objects_v2, "InvalidToken", 400, Bucket=bucket)
    # One of the same name is another.
    new_role(server, "ending", trust(user.arn), allow("s3:*"))
    refused(session.s3.list_objects_v2, "InvalidToken", 400, Bucket=bucket)
    for holder in (user, admin):
        found = holder.sts.get_session_token(DurationSeconds=900)["Credentials"]
        token = Holder(server, found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        token.s3.list_objects_v2(Bucket=bucket)
        refused(token.sts.get_session_token)
    found = user.sts.get_session_token()["Credentials"]
    token = Holder(server, found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    again = new_role(server, "again", trust(account_of(user.arn)), allow("s3:*"), allow("sts:*"))
    role, chained = taken(user, again), taken(taken(user, again), again)
    for session in (token, role, chained):
        session.s3.list_objects_v2(Bucket=bucket)
    server.cli("key", "disable", user.access_key)
    for session in (token, role, chained):
        refused(session.s3.list_objects_v2, "InvalidToken", 400, Bucket=bucket)
    # So do those of a user who is gone, with whatever role he took.
    gone = new_user(server, "default", allow("*"))
    role, chained = taken(gone, again), taken(taken(gone, again), again)
    role.s3.list_objects_v2(Bucket=bucket)
    server.cli("user", "delete", gone.name)
    for session in (role, chained):
        refused(session.s3.list_objects_v2, "InvalidToken", 400, Bucket=bucket)


def test_a_session_is_confined_by_its_policy(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    s3.put_object(Bucket=bucket, Key="b", Body=b"x")
    user = new_user(server, "default")
    arn = new_role(server, "confined", trust(user.arn), allow("s3:GetObject"))
    only_a = json.dumps(document(allow("s3:GetObject", "s3:PutObject", on=f"arn:aws:s3:::{bucket}/a")))
    session = taken(user, arn, Policy=only_a)
    assert session.s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"x"
    refused(session.s3.get_object, Bucket=bucket, Key="b")
    refused(session.s3.put_object, Bucket=bucket, Key="a", Body=b"y")
    refused(user.sts.assume_role, "MalformedPolicyDocument", 400, RoleArn=arn, RoleSessionName="job", Policy="{}")


def test_conditions_of_trust_and_tags_that_go_on(server, s3, bucket):
    user = new_user(server, "default")
    arn = new_role(
        server, "vendor", trust(user.arn, Condition={"StringEquals": {"sts:ExternalId": "4711", "aws:RequestTag/team": "red"}}),
        allow("s3:PutObject", on=f"arn:aws:s3:::{bucket}/${{aws:PrincipalTag/team}}/*"), allow("sts:AssumeRole", "sts:TagSession"),
    )
    tags = [{"Key": "team", "Value": "red"}, {"Key": "cost", "Value": "7"}]
    refused(user.sts.assume_role, RoleArn=arn, RoleSessionName="job", Tags=tags)
    refused(user.sts.assume_role, RoleArn=arn, RoleSessionName="job", ExternalId="4712", Tags=tags)
    refused(user.sts.assume_role, RoleArn=arn, RoleSessionName="job", ExternalId="4711")
    session = taken(user, arn, ExternalId="4711", Tags=tags, TransitiveTagKeys=["team"])
    session.s3.put_object(Bucket=bucket, Key="red/x", Body=b"x")
    refused(session.s3.put_object, Bucket=bucket, Key="blue/x", Body=b"x")
    by_role = new_role(
        server, "second", trust(arn), allow("s3:PutObject", on=f"arn:aws:s3:::{bucket}/${{aws:PrincipalTag/team}}/*")
    )
    second = taken(session, by_role)
    second.s3.put_object(Bucket=bucket, Key="red/y", Body=b"x")
    other = [{"Key": "Team", "Value": "blue"}]
    refused(session.sts.assume_role, "ValidationError", 400, RoleArn=by_role, RoleSessionName="job", Tags=other)


def test_another_tenants_role_is_taken_where_both_sides_allow_it(server, s3, bucket, account):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    other = new_tenant(server)
    arn = new_role(server, "partner", trust(f"arn:aws:iam::{other.id}:root"), allow("s3:GetObject"))
    session = taken(other, arn)
    assert session.sts.get_caller_identity()["Account"] == account
    assert session.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    user = new_user(server, other.tenant)
    refused(user.sts.assume_role, RoleArn=arn, RoleSessionName="job")
    put_policy(server, other.tenant, "user", user.name, allow("sts:AssumeRole", on=arn))
    assert taken(user, arn).s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


@pytest.mark.parametrize(
    "more",
    [
        {"DurationSeconds": 899},
        {"DurationSeconds": 43201},
        {"DurationSeconds": 3601},
        {"RoleSessionName": "a b"},
        {"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}]},
        {"RoleArn": "arn:aws:iam::123456789012:role/reader"},
        {"TransitiveTagKeys": ["absent"]},
    ],
)
def test_what_is_out_of_bounds_is_refused(server, admin, account, more):
    from botocore.exceptions import ClientError, ParamValidationError

    arguments = {"RoleArn": f"arn:aws:iam::{account}:role/bounds", "RoleSessionName": "job", **more}
    if "bounds" not in {role["name"] for role in server.cli("role", "list")}:
        new_role(server, "bounds", trust(f"arn:aws:iam::{account}:root"))
    with pytest.raises((ClientError, ParamValidationError)):
        admin.sts.assume_role(**arguments)


def test_no_identity_is_valid_in_two_partitions(server, make_server, s3, bucket):
    elsewhere = make_server("elsewhere", config=CONFIG.replace('partition = "onshore"', 'partition = "elsewhere"'))
    user = new_user(server, "default", allow("s3:*"))
    arn = new_role(server, "here", trust(user.arn), allow("s3:*"))
    session = taken(user, arn)
    # A key of one partition is not known in the other, and neither is a session.
    told = refused(user.client(endpoint=elsewhere.s3).list_buckets, "InvalidAccessKeyId")
    assert "partition" in told["Error"]["Message"], told
    told = refused(session.client(endpoint=elsewhere.s3).list_buckets, "InvalidToken", 400)
    assert "partition" in told["Error"]["Message"], told
    there = Holder(elsewhere, elsewhere.access_key, elsewhere.secret_key)
    told = refused(there.sts.assume_role, "ValidationError", 400, RoleArn=arn, RoleSessionName="job")
    assert "`onshore`" in told["Error"]["Message"] and "`elsewhere`" in told["Error"]["Message"], told
    done = elsewhere.run("role", "create", "r", "--trust", write(elsewhere, trust(user.arn)))
    assert done.returncode == 1 and "partition `onshore`" in done.stderr, done.stderr
    # Not even a data folder that is served under another partition's name.
    server.terminate()
    with pytest.raises(Ended) as ended:
        Server(server.data, config=CONFIG.replace('partition = "onshore"', 'partition = "renamed"')).start()
    assert "`onshore`" in str(ended.value) and "`renamed`" in str(ended.value), ended.value
    server.start()
    server.client().list_buckets()


def aws(server, holder, *args):
    program = shutil.which("aws") or os.path.join(os.path.dirname(os.sys.executable), "aws")
    env = clean_env(
        AWS_ACCESS_KEY_ID=holder.access_key, AWS_SECRET_ACCESS_KEY=holder.secret_key, AWS_DEFAULT_REGION="cn-north-1",
        **({"AWS_SESSION_TOKEN": holder.token} if holder.token else {}),
    )
    done = subprocess.run([program, "--endpoint-url", server.s3, "--output", "json", *args], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_the_aws_command_line_takes_a_role(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    user = new_user(server, "default")
    arn = new_role(server, "cli", trust(user.arn), allow("s3:Get*", "s3:List*"))
    assert aws(server, user, "sts", "get-caller-identity")["Arn"] == user.arn
    found = aws(server, user, "sts", "assume-role", "--role-arn", arn, "--role-session-name", "job")["Credentials"]
    session = Holder(server, found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    listed = aws(server, session, "s3api", "list-objects-v2", "--bucket", bucket)
    assert [found["Key"] for found in listed["Contents"]] == ["k"]


def test_only_what_is_signed_for_sts_is_answered(server):
    raw = Raw(server)
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert raw.request("POST", "/", headers=kind, body=body, service="sts").status == 200
    assert raw.request("POST", "/", headers=kind, body=body, service="s3").status >= 400
    assert raw.send("POST", "/", {**kind, "host": raw.host}, body).status == 403
    target, headers, _ = raw.signed("POST", "/", headers=kind, body=body, service="sts")
    assert raw.send("POST", target, headers, body.replace(b"GetCaller", b"GotCaller")).status == 403
    assert raw.request("POST", "/", headers=kind, body=b"Action=DeleteEverything", service="sts").status == 400


def new_foreigner(server, *statements):
    """A user of the tenant whose organisation is in the United States."""
    name = f"foreigner-{os.urandom(4).hex()}"
    made = server.cli("user", "create", name, "--organisation", "US")
    put_policy(server, "default", "user", name, *(statements or [allow("*")]))
    key = server.cli("key", "create", "--user", name)
    return Holder(server, key["access_key"], key["secret_key"], name=name, arn=made["arn"], tenant="default")


@pytest.fixture(scope="module")
def guarded(server):
    server.cli("bucket", "create", "guarded", "--class", "personal")
    server.client().put_object(Bucket="guarded", Key="k", Body=b"secret")
    return {"Bucket": "guarded", "Key": "k"}


def is_outward(function, **arguments):
    told = refused(function, **arguments)
    assert "border.outward" in told["Error"]["Message"], told
    return True


def test_a_role_brings_nobody_home(server, admin, guarded):
    foreigner, clerk = new_foreigner(server), new_user(server, "default", allow("sts:AssumeRole"))
    arn = new_role(server, "washing", trust(foreigner.arn, clerk.arn), allow("s3:GetObject", "sts:AssumeRole"))
    second = new_role(server, "washing-twice", trust(arn), allow("s3:GetObject", "sts:AssumeRole"))
    third = new_role(server, "washing-thrice", trust(second), allow("s3:GetObject"))
    is_outward(foreigner.s3.get_object, **guarded)
    direct = taken(foreigner, arn)
    chained = taken(taken(direct, second), third)
    found = foreigner.sts.get_session_token()["Credentials"]
    lasting = Holder(server, found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    through = taken(lasting, arn)
    home = taken(taken(taken(clerk, arn), second), third)
    for _ in range(2):
        for session in (direct, chained, lasting, through):
            is_outward(session.s3.get_object, **guarded)
            # What a copy tells is told abroad as well, and a link is as far away as whoever made it.
            url = session.s3.generate_presigned_url("get_object", Params=guarded)
            assert urlopen_status(url) == 403
        assert home.s3.get_object(**guarded)["Body"].read() == b"secret"
        # What a session is stays in its token through a restart.
        server.restart()
        for holder in (foreigner, clerk, direct, chained, lasting, through, home):
            holder.server = server
    # Without whoever took it there is no session, also where one of his name is made anew.
    server.cli("user", "delete", foreigner.name)
    refused(direct.s3.get_object, "InvalidToken", 400, **guarded)
    server.cli("user", "create", foreigner.name)
    refused(chained.s3.get_object, "InvalidToken", 400, **guarded)


def test_a_role_of_another_tenant_brings_nobody_home(server, s3, guarded):
    abroad, between = new_tenant(server), new_tenant(server)
    server.cli("tenant", "set-jurisdiction", abroad.name, "US")
    joe = new_user(server, abroad.name, allow("*"))
    arn = new_role(server, "lent", trust(abroad.arn, joe.arn, between.arn), allow("s3:GetObject"))
    for holder in (abroad, joe):
        is_outward(taken(holder, arn).s3.get_object, **guarded)
    # One at home goes abroad while his session goes on, and so does the session.
    clerk = new_user(server, between.name, allow("*"))
    arn = new_role(server, "lent-home", trust(clerk.arn), allow("s3:GetObject"))
    session = taken(clerk, arn)
    assert session.s3.get_object(**guarded)["Body"].read() == b"secret"
    server.cli("tenant", "set-jurisdiction", between.name, "US")
    is_outward(session.s3.get_object, **guarded)
    # A role of a tenant abroad on the way is abroad too.
    middle = new_role(server, "middle", trust(new_user(server, "default", allow("*"), name="through").arn), allow("*"), tenant=abroad.name)
    key = server.cli("key", "create", "--user", "through")
    through = Holder(server, key["access_key"], key["secret_key"])
    back = new_role(server, "back", trust(middle), allow("s3:GetObject"))
    is_outward(taken(taken(through, middle), back).s3.get_object, **guarded)


def urlopen_status(url):
    import urllib.error
    import urllib.request

    try:
        return urllib.request.urlopen(url).status
    except urllib.error.HTTPError as error:
        return error.code
