"""The old cloud is emptied of what a complete certificate covers, after two people said so, and of nothing else."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from test_migrate import source_bucket
from test_regions import Records


def keys_at(s3, bucket):
    return sorted(item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket) for item in page.get("Contents", []))


def migrated(server, moto, name, *args):
    done = server.run("--json", "migrate", f"s3://{name}", f"onshore-{name}", "--endpoint", moto.url, *args, env=moto.env)
    assert done.returncode == 0, done
    return json.loads(done.stdout)["id"]


def ended(server, job):
    end = time.monotonic() + 90
    while True:
        found = server.run("--json", "decommission", "show", job)
        view = json.loads(found.stdout)
        if "ended" in view["job"]:
            return view, found.returncode
        assert time.monotonic() < end, view
        time.sleep(0.05)


@pytest.fixture(scope="module")
def people(server):
    """Two operators who are apart."""
    return [server.cli("token", "create", "--role", "operator", "--person", name)["token"] for name in ("wang", "li")]


def as_person(server, token, *args, **more):
    return server.run("--json", *args, env={"ONSHORE_TOKEN": token, **more.pop("env", {})}, **more)


def propose(server, moto, people, job):
    done = as_person(server, people[0], "decommission", "propose", job, env=moto.env)
    assert done.returncode == 0, done
    return json.loads(done.stdout)["job"]["id"]


def test_what_is_covered_goes_and_nothing_else(server, moto, people, tmp_path):
    bodies = {f"k{n:03}": b"%d" % n for n in range(60)}
    theirs = source_bucket(moto, "ending", {key: dict(Body=body) for key, body in bodies.items()})
    job = migrated(server, moto, "ending")
    ours = server.client()
    # Since then: one changed there, one new there, one changed here, one removed here.
    theirs.put_object(Bucket="ending", Key="k000", Body=b"changed")
    theirs.put_object(Bucket="ending", Key="new", Body=b"new")
    ours.put_object(Bucket="onshore-ending", Key="k001", Body=b"changed here")
    ours.delete_object(Bucket="onshore-ending", Key="k002")
    theirs.delete_object(Bucket="ending", Key="k003")
    decommission = propose(server, moto, people, job)
    # One person is not enough, and no other way leads there.
    assert as_person(server, people[0], "decommission", "approve", decommission).returncode == 1
    assert server.run("job", "resume", decommission).returncode == 1
    assert as_person(server, people[0], "decommission", "propose", job, env=moto.env).returncode == 1, "proposed already"
    assert len(keys_at(theirs, "ending")) == 60, "nothing was deleted"
    server.restart()
    assert len(keys_at(theirs, "ending")) == 60, "and nothing is after a restart"
    ours = server.client()
    done = as_person(server, people[1], "decommission", "approve", decommission)
    assert done.returncode == 0, done
    view, status = ended(server, decommission)
    report = view["report"]
    assert status == 1 and view["job"]["state"] == "incomplete"
    assert keys_at(theirs, "ending") == ["k000", "k001", "k002", "new"]
    assert (report["deleted"], report["gone_before"], report["left"]) == (56, 1, 4)
    assert {kept["key"]: kept["reason"] for kept in report["kept"]} == {"k000": "changed-at-source", "k001": "not-here", "k002": "not-here"}
    assert report["left_keys"] == ["k000", "k001", "k002", "new"]
    assert {view["proposed"]["person"], view["approved"]["person"]} == {"wang", "li"}
    # What is here is untouched.
    assert ours.get_object(Bucket="onshore-ending", Key="k010")["Body"].read() == b"10"
    # The provider's statement is filed once, and comes back byte for byte.
    statement = tmp_path / "deletion.pdf"
    statement.write_bytes(b"%PDF we deleted everything\n")
    assert server.run("decommission", "statement", decommission, statement).returncode == 0
    assert server.run("decommission", "statement", decommission, statement).returncode == 1, "nothing is overwritten"
    back = tmp_path / "back.pdf"
    assert server.run("decommission", "statement", decommission, "--out", back).returncode == 0
    assert back.read_bytes() == statement.read_bytes()
    text = server.run("decommission", "show", decommission).stdout
    assert "deleted       56" in text and "left: new" in text and "deletion.pdf" in text, text


def test_a_bucket_that_was_brought_whole_is_emptied(server, moto, people, tmp_path):
    theirs = source_bucket(moto, "whole", {f"k{n}": dict(Body=b"x" * n) for n in range(30)})
    decommission = propose(server, moto, people, migrated(server, moto, "whole"))
    assert as_person(server, people[1], "decommission", "approve", decommission).returncode == 0
    view, status = ended(server, decommission)
    assert status == 0 and view["job"]["state"] == "complete" and view["report"]["left"] == 0
    assert keys_at(theirs, "whole") == []
    # It has looked there for what was kept under a contract, and is the probe by which that is closed.
    records = Records(server, tmp_path)
    records.does("organisation", "add", 'id = "ended"\nname = "E"\n')
    records.does("provider", "add", 'id = "old-cloud"\nname = "O"\nkind = "third-party-cloud"\n')
    for contract in ("ended-1", "ended-2"):
        records.does("contract", "add", f'id = "{contract}"\norganisation = "ended"\nprovider = "old-cloud"\nservice = "s"\nstart = "2020-01-01"\n')
        records.does("asset", "add", f'id = "{contract}"\ncontract = "{contract}"\nkind = "bucket"\nname = "whole"\n')
    assert server.cli("asset", "prove", "ended-1", "--job", view["of"])["record"]["proof"]["objects"] == 30
    close = ("contract", "close", "ended-1", "--statement", records.file("deleted"))
    assert server.run(*close).returncode == 2 and server.run(*close, "--probe", view["of"]).returncode == 1
    refused = server.run("contract", "close", "ended-2", "--statement", records.file("deleted"), "--probe", decommission)
    assert refused.returncode == 1 and "`ended-2`" in refused.stderr
    deletion = server.cli(*close, "--probe", decommission, "--probe", decommission)["record"]["deletion"]
    assert deletion["probes"] == [decommission] and "typed_by" not in deletion


def test_a_certificate_of_another_cloud_proves_no_asset(server, moto, tmp_path):
    source_bucket(moto, "elsewhere", {"k": dict(Body=b"x")})
    job = migrated(server, moto, "elsewhere", "--dialect", "aws")
    records = Records(server, tmp_path)
    records.does("organisation", "add", 'id = "moved"\nname = "M"\n')
    for provider, more in [("alibaba-cloud", ""), ("amazon", ""), ("other", 'terraform = ["huaweicloud"]\n'), ("unknown", "")]:
        records.does("provider", "add", f'id = "{provider}"\nname = "P"\nkind = "third-party-cloud"\n{more}')
        records.does("contract", "add", f'id = "m-{provider}"\norganisation = "moved"\nprovider = "{provider}"\nservice = "s"\nstart = "2020-01-01"\n')
        records.does("asset", "add", f'id = "m-{provider}"\ncontract = "m-{provider}"\nkind = "bucket"\nname = "elsewhere"\n')
    for provider in ("alibaba-cloud", "other"):
        refused = server.run("asset", "prove", f"m-{provider}", "--job", job)
        assert refused.returncode == 1 and f"`{provider}`" in refused.stderr and "from aws" in refused.stderr, refused.stderr
    assert "set_aside" not in server.cli("asset", "prove", "m-amazon", "--job", job)["record"]["proof"]
    # Nor that of objects a database, nor that of another tenant's bucket what an organisation has in its own.
    records.does("asset", "add", 'id = "m-database"\ncontract = "m-amazon"\nkind = "database"\nname = "elsewhere"\n')
    again = migrated(server, moto, "elsewhere", "--dialect", "aws", "--versions", "current")
    refused = server.run("asset", "prove", "m-database", "--job", again)
    assert refused.returncode == 1 and "is a database" in refused.stderr and "current alone" in refused.stderr and "tenant" not in refused.stderr
    server.cli("tenant", "create", "moved")
    records.does("organisation", "amend", 'id = "moved"\nname = "M"\ntenants = ["moved"]\n')
    refused = server.run("asset", "prove", "m-database", "--job", again, "--lang", "zh")
    assert refused.returncode == 1 and "“default”" in refused.stderr and "类型是 database" in refused.stderr, refused.stderr


def test_versions_go_with_what_hides_them(server, moto, people):
    theirs = moto.client()
    theirs.create_bucket(Bucket="turns")
    theirs.put_bucket_versioning(Bucket="turns", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        theirs.put_object(Bucket="turns", Key="a", Body=body)
    theirs.put_object(Bucket="turns", Key="b", Body=b"b")
    theirs.delete_object(Bucket="turns", Key="b")
    # A certificate of what is current does not cover what it hides.
    current = propose(server, moto, people, migrated(server, moto, "turns", "--versions", "current"))
    assert as_person(server, people[1], "decommission", "approve", current).returncode == 0
    view, status = ended(server, current)
    assert status == 1 and view["job"]["state"] == "failed" and "--versions all" in view["job"]["detail"]
    assert len(theirs.list_object_versions(Bucket="turns")["Versions"]) == 3
    done = server.run("--json", "migrate", "s3://turns", "onshore-all-turns", "--endpoint", moto.url, env=moto.env)
    decommission = propose(server, moto, people, json.loads(done.stdout)["id"])
    assert as_person(server, people[1], "decommission", "approve", decommission).returncode == 0
    view, status = ended(server, decommission)
    assert status == 0 and view["report"]["deleted"] == 4, view
    left = theirs.list_object_versions(Bucket="turns")
    assert "Versions" not in left and "DeleteMarkers" not in left


def test_only_a_complete_certificate_covers_anything(server, moto, people, tmp_path):
    theirs = source_bucket(moto, "partly", {"good": dict(Body=b"x"), "k" * 20: dict(Body=b"y")})
    cancelled = json.loads(
        server.run("--json", "migrate", "s3://partly", "onshore-partly", "--endpoint", moto.url, "--detach", "--max-rate", "1", env=moto.env).stdout
    )["id"]
    assert as_person(server, people[0], "decommission", "propose", cancelled, env=moto.env).returncode == 1, "it has not ended"
    server.cli("job", "cancel", cancelled)
    assert as_person(server, people[0], "decommission", "propose", cancelled, env=moto.env).returncode == 1
    assert server.run("decommission", "propose", "job_" + "0" * 32, env=moto.env).returncode == 1
    dry = json.loads(server.run("--json", "migrate", "s3://partly", "onshore-partly", "--endpoint", moto.url, "--dry-run", env=moto.env).stdout)
    listed = [job["id"] for job in server.cli("job", "list") if job["state"] == "complete" and job["bucket"] == "onshore-partly"]
    for pre_flight in listed:
        assert as_person(server, people[0], "decommission", "propose", pre_flight, env=moto.env).returncode == 1, dry
    assert len(keys_at(theirs, "partly")) == 2
    with pytest.raises(ClientError):
        server.client().head_object(Bucket="onshore-partly", Key="good")


def test_a_kill_in_the_middle_deletes_nothing_twice_or_else(server, moto, people):
    theirs = source_bucket(moto, "killed", {f"k{n:03}": dict(Body=b"%d" % n) for n in range(300)})
    decommission = propose(server, moto, people, migrated(server, moto, "killed"))
    theirs.put_object(Bucket="killed", Key="k299", Body=b"changed")
    assert as_person(server, people[1], "decommission", "approve", decommission).returncode == 0
    end = time.monotonic() + 60
    while len(keys_at(theirs, "killed")) > 250:
        assert time.monotonic() < end
    server.kill9()
    server.output = []
    server.start()
    view, status = ended(server, decommission)
    assert status == 1 and keys_at(theirs, "killed") == ["k299"]
    assert view["report"]["deleted"] + view["report"]["gone_before"] == 299
