"""The report on minimising: purposes and retention by bucket and object, what nobody read, what would go; and who may see it."""

import http.client
import json
import time
import uuid
from urllib.parse import urlsplit

import pytest

from identities import new_tenant

PERSON = "手机号 13800138000 邮箱 someone@example.com\n".encode()


@pytest.fixture(scope="module")
def tenants(server):
    return new_tenant(server), new_tenant(server)


def admin_of(server, tenant):
    return {"ONSHORE_TOKEN": server.cli("token", "create", "--role", "tenant-admin", "--tenant", tenant.tenant)["token"]}


@pytest.fixture
def held(server, tenants):
    name = f"b-{uuid.uuid4().hex[:20]}"
    server.cli("bucket", "create", name, "--tenant", tenants[0].tenant)
    tenants[0].s3.put_object(Bucket=name, Key="plain", Body=PERSON)
    tenants[0].s3.put_object(Bucket=name, Key="said", Body=PERSON, Tagging="onshore-purpose=billing&onshore-keep-until=2020-01-01")
    tenants[0].s3.put_object(Bucket=name, Key="mail", Body=b"someone@example.com\n")
    return name


def rows(server, bucket, *options, env=None):
    told = server.cli("report", "holdings", "--bucket", bucket, *options, env=env)
    return {row["kind"]: row for row in told["holdings"]}, told


def test_a_bucket_says_for_what_and_an_object_says_it_better(server, held):
    found, _ = rows(server, held)
    assert (found["cn.mobile"]["objects"], found["cn.mobile"]["without_purpose"], found["cn.mobile"]["past_retention"]) == (2, 1, 1)
    assert (found["e-mail"]["objects"], found["e-mail"]["without_purpose"]) == (3, 2)
    declared = server.cli("bucket", "purpose", held, "--declare", "客户服务", "--until", "2099-12-31")
    assert declared["revision"] == 1 and declared["until"].startswith("2099-12-31")
    found, _ = rows(server, held)
    assert found["e-mail"]["without_purpose"] == 0 and found["e-mail"]["past_retention"] == 1
    leaf = server.cli("ledger", "tail", "-n", 1)[0]
    assert leaf["index"] == declared["leaf"] and leaf["body"]["kind"] == "bucket.purpose" and "客户" not in json.dumps(leaf, ensure_ascii=False)
    server.cli("bucket", "purpose", held, "--withdraw")
    found, _ = rows(server, held)
    assert found["e-mail"]["without_purpose"] == 2
    history = server.cli("bucket", "purpose", held)
    assert [(one["revision"], one.get("purpose")) for one in history] == [(2, None), (1, "客户服务")]
    view = next(bucket for bucket in server.cli("bucket", "list") if bucket["name"] == held)
    assert "purpose" not in view
    for bad in (("--declare", "x", "--until", "2001-01-01"), ("--declare", ""), ("--declare", "x" * 257), ("--until", "2099-01-01"), ("--withdraw", "--declare", "x")):
        assert server.run("bucket", "purpose", held, *bad).returncode in (1, 2), bad
    assert server.cli("bucket", "purpose", held) == history


def test_a_bucket_says_on_which_ground_and_for_how_long(server, held):
    found, _ = rows(server, held)
    assert found["e-mail"]["without_basis"] == 3
    said = ("bucket", "purpose", held, "--declare", "newsletter")
    for bad in (["--basis", "consent"], ["--basis", "contract", "--consent", "crm"], ["--consent", "crm"], ["--keep-days", 0], ["--basis", "whim"]):
        assert server.run(*said, *bad).returncode in (1, 2), bad
    declared = server.cli(*said, "--basis", "consent", "--consent", "crm", "--keep-days", 30)
    assert (declared["basis"], declared["consent"], declared["keep_days"]) == ("consent", "crm", 30)
    found, _ = rows(server, held)
    assert found["e-mail"]["without_basis"] == 0 and found["e-mail"]["past_retention"] == 1
    leaf = json.dumps(server.cli("ledger", "tail", "-n", 1))
    assert '"keep_days": 30' in leaf and "crm" not in leaf
    assert server.cli("bucket", "purpose", held)[0]["consent"] == "crm"


def test_what_would_go_without_a_kind(server, held):
    _, told = rows(server, held, "--without", "e-mail")
    (gone,) = told["without"]["buckets"]
    assert (gone["objects"], gone["identifiers"], gone["nothing_left"]) == (3, 3, 1)
    _, told = rows(server, held, "--without", "e-mail", "--without", "cn.mobile")
    assert told["without"]["buckets"][0]["nothing_left"] == 3
    _, told = rows(server, held, "--without", "cn.resident-id")
    assert told["without"]["buckets"] == []
    refused = server.run("report", "holdings", "--without", "no-such-kind")
    assert refused.returncode == 2 and "cn.mobile" in refused.stderr


def test_what_nobody_read_is_told_as_far_as_reads_are_on_record(server, tenants, held):
    # All of it came just now: nothing of it could have been read for a day.
    found, _ = rows(server, held, "--unread-days", 1)
    assert found["e-mail"]["unread"] == 0
    tenants[0].s3.get_object(Bucket=held, Key="plain")["Body"].read()
    versions = {entry["key"]: entry["version"] for entry in server.cli("classify", f"s3://{held}")["objects"]}
    await_reads(server, held, {versions["plain"]})
    server.restart()
    tenants[0].s3.get_object(Bucket=held, Key="mail", Range="bytes=0-1")["Body"].read()
    await_reads(server, held, {versions["plain"], versions["mail"]})
    other = new_tenant(server)
    assert server.run("report", "holdings", "--bucket", held, "--unread-days", 0).returncode == 2
    assert rows(server, held, "--unread-days", 1, env=admin_of(server, other))[1]["holdings"] == []


def read_versions(server, bucket):
    connection = http.client.HTTPConnection(urlsplit(server.control).netloc, timeout=30)
    connection.request("GET", f"/v1/buckets/{bucket}/reads?since=2020-01-01", headers={"Authorization": f"Bearer {server.token}"})
    return set(json.loads(connection.getresponse().read())["versions"])


def await_reads(server, bucket, versions):
    """Records of reads are durable within a second."""
    until = time.monotonic() + 30
    while (found := read_versions(server, bucket)) != versions:
        assert time.monotonic() < until and found <= versions, (found, versions)


def test_a_tenants_administrator_sees_his_own_report_and_nothing_else(server, tenants, held):
    own, other = admin_of(server, tenants[0]), admin_of(server, tenants[1])
    found, told = rows(server, held, "--unread-days", 7, "--without", "e-mail", env=own)
    assert found["e-mail"]["objects"] == 3 and {row["tenant"] for row in told["holdings"]} == {tenants[0].tenant}
    everything = server.cli("report", "holdings", env=own)["holdings"]
    assert {row["tenant"] for row in everything} == {tenants[0].tenant}
    assert server.cli("report", "holdings", env=other)["holdings"] == []
    server.cli("bucket", "purpose", held, "--declare", "own word", env=own)
    theirs = server.run("bucket", "purpose", held, "--declare", "not theirs", env=other)
    nobodys = server.run("bucket", "purpose", "no-such-bucket", "--declare", "nobody's", env=other)
    assert theirs.returncode == 1 and theirs.stderr.replace(held, "no-such-bucket") == nobodys.stderr
    for command in (("report", "persons"), ("tenant", "list"), ("ledger", "tail"), ("quota", "show", "--bucket", held)):
        assert server.run(*command, env=own).returncode == 1, command
    for role in ("regulator", "auditor"):
        env = {"ONSHORE_TOKEN": server.cli("token", "create", "--role", role)["token"]}
        assert server.run("bucket", "purpose", held, "--declare", "x", env=env).returncode == 1
