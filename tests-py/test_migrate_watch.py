"""A migration that keeps up with its source until it is asked to finish: what comes, changes and goes there does here; and it ends with a certificate."""

import json
import uuid

import pytest

from old_cloud import OldCloud
from test_migrate import everything
from test_regions import wait_for


@pytest.fixture
def watched(server, moto):
    name = f"w-{uuid.uuid4().hex[:16]}"
    there = moto.client()
    there.create_bucket(Bucket=name)
    for number in range(20):
        there.put_object(Bucket=name, Key=f"k{number:02}", Body=b"%d" % number)
    return name, there


def order(server, moto, name, *more):
    return server.cli("migrate", f"s3://{name}", name, "--endpoint", moto.url, "--watch", 1, "--detach", *more, env=moto.env)["id"]


def bodies(s3, bucket):
    return {key: body for key, (body, _) in everything(s3, bucket).items()}


def listed(s3, bucket):
    return {item["Key"]: item["ETag"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}


def keeps_up(server, there, name):
    wanted = listed(there, name)
    wait_for(lambda: listed(server.client(), name) == wanted)


def ended(server, job):
    return wait_for(lambda: (shown := server.cli("job", "show", job))["state"] in ("complete", "incomplete", "failed", "cancelled") and shown)


def test_what_changes_there_changes_here_until_the_end(server, moto, watched, tmp_path):
    name, there = watched
    job = order(server, moto, name)
    wait_for(lambda: server.cli("job", "show", job)["phase"].startswith("watching"))
    keeps_up(server, there, name)
    for turn in range(3):
        there.put_object(Bucket=name, Key=f"new{turn}", Body=b"new %d" % turn)
        there.put_object(Bucket=name, Key=f"k{turn:02}", Body=b"changed %d" % turn)
        there.delete_object(Bucket=name, Key=f"k{turn + 10:02}")
        keeps_up(server, there, name)
    # It goes on where a restart left it, and what came meanwhile is brought too.
    there.put_object(Bucket=name, Key="late", Body=b"late")
    server.cli("job", "finish", job)
    shown = ended(server, job)
    assert shown["state"] == "complete" and bodies(server.client(), name) == bodies(there, name)
    certificate = tmp_path / "certificate.json"
    assert server.run("job", "certificate", job, "--out", certificate).returncode == 0
    verified = server.run("verify", certificate, "--key", server.vkey)
    assert verified.returncode == 0, verified.stderr
    assert "job.finished" in json.dumps(server.cli("ledger", "tail", "-n", "60"))
    assert server.run("job", "finish", job).returncode == 1


def test_a_kill_ends_nothing(make_server, moto, watched):
    name, there = watched
    server = make_server()
    job = order(server, moto, name)
    keeps_up(server, there, name)
    server.restart()
    there.put_object(Bucket=name, Key="behind-the-kill", Body=b"x")
    keeps_up(server, there, name)
    server.cli("job", "finish", job)
    server.restart()
    assert ended(server, job)["state"] == "complete"


def test_it_keeps_no_other_waiting_and_can_be_paused_and_cancelled(server, moto, watched):
    name, there = watched
    jobs = []
    for number in range(5):
        one = f"{name}-{number}"
        there.create_bucket(Bucket=one)
        jobs.append(order(server, moto, one))
    wait_for(lambda: all(server.cli("job", "show", job)["phase"].startswith("watching") for job in jobs[:4]))
    done = server.run("migrate", f"s3://{name}", name, "--endpoint", moto.url, env=moto.env, timeout=120)
    assert done.returncode == 0, done.stderr
    server.cli("job", "pause", jobs[0])
    assert server.cli("job", "show", jobs[0])["state"] == "paused"
    for job in jobs:
        server.cli("job", "cancel", job)
        assert ended(server, job)["state"] == "cancelled"


def test_only_what_keeps_up_can_be_finished(server, moto, watched):
    name, _ = watched
    done = server.run("migrate", f"s3://{name}", name, "--endpoint", moto.url, "--max-rate", "1B", "--detach", "--json", env=moto.env)
    job = json.loads(done.stdout)["id"]
    refused = server.run("job", "finish", job)
    assert refused.returncode == 1 and "--watch" in refused.stderr
    server.cli("job", "cancel", job)
    for bad in (["--watch", "0"], ["--watch", "604801"], ["--watch", "--dry-run"]):
        assert server.run("migrate", f"s3://{name}", name, "--endpoint", moto.url, *bad, env=moto.env).returncode in (1, 2), bad


def test_a_source_that_is_away_and_what_could_not_be_brought_is_tried_again(server, moto):
    cloud = OldCloud(moto.url)
    name, there = f"w-{uuid.uuid4().hex[:16]}", moto.client()
    there.create_bucket(Bucket=name)
    try:
        there.put_object(Bucket=name, Key="first", Body=b"1")
        there.put_object(Bucket=name, Key="denied", Body=b"2")
        cloud.fail("501", lambda method, path: path.split("?")[0].endswith("/denied"))
        job = server.cli("migrate", f"s3://{name}", name, "--endpoint", cloud.url, "--watch", 1, "--detach", env=moto.env)["id"]
        wait_for(lambda: server.cli("job", "show", job)["phase"].startswith("watching"))
        assert set(listed(server.client(), name)) == {"first"}
        cloud.heal()
        wait_for(lambda: set(listed(server.client(), name)) == {"first", "denied"})
        # A listing that breaks with an error that no waiting helps against ends other jobs.
        cloud.fail("501", lambda method, path: "list-type" in path)
        there.put_object(Bucket=name, Key="later", Body=b"3")
        wait_for(lambda: "it is tried again" in server.log)
        cloud.heal()
        wait_for(lambda: "later" in listed(server.client(), name))
        server.cli("job", "finish", job)
        assert ended(server, job)["state"] == "complete"
    finally:
        cloud.close()


def test_who_waits_for_an_end_does_not_attach_to_one_without(server, moto, watched):
    name, _ = watched
    job = order(server, moto, name)
    refused = server.run("migrate", f"s3://{name}", name, "--endpoint", moto.url, env=moto.env)
    assert refused.returncode == 1 and "onshore job finish" in refused.stderr
    assert order(server, moto, name) == job
    server.cli("job", "cancel", job)
