"""A migration is held to a pace, waits when it is told to, and goes on."""

import json
import os
import time

from test_migrate import everything, source_bucket

MIB = 1 << 20


def order(server, moto, source, bucket, *args):
    done = server.run("--json", "migrate", source, bucket, "--endpoint", moto.url, "--detach", *args, env=moto.env)
    assert done.returncode == 0, done
    return json.loads(done.stdout)["id"]


def test_a_job_waits_and_goes_on(server, moto):
    s3 = source_bucket(moto, "wait", {f"k{n}": dict(Body=os.urandom(MIB)) for n in range(12)})
    # Slow enough to be met on its way.
    job = order(server, moto, "s3://wait", "onshore-wait", "--max-rate", "1MiB")
    while server.cli("job", "show", job)["progress"]["copied"] < 1:
        pass
    paused = server.cli("job", "pause", job)
    assert paused["state"] == "paused"
    stands = server.cli("job", "show", job)["progress"]
    assert stands["copied"] < 12
    # It waits through a restart of the server too.
    server.restart()
    assert server.cli("job", "show", job)["state"] == "paused"
    assert server.cli("job", "resume", job)["state"] == "running"
    done = server.run("--json", "migrate", "s3://wait", "onshore-wait", "--endpoint", moto.url, env=moto.env)
    assert json.loads(done.stdout)["id"] == job and json.loads(done.stdout)["state"] == "complete"
    assert everything(server.client(), "onshore-wait") == everything(s3, "wait")
    assert server.run("job", "pause", job).returncode == 1, "it has ended"


def test_a_pace_is_kept(server, moto):
    source_bucket(moto, "pace", {f"k{n}": dict(Body=os.urandom(MIB)) for n in range(6)})
    began = time.monotonic()
    done = server.run("--json", "migrate", "s3://pace", "onshore-pace", "--endpoint", moto.url, "--max-rate", "2MiB", env=moto.env)
    assert json.loads(done.stdout)["state"] == "complete"
    # Six mebibytes at two a second; what comes first need not wait.
    assert time.monotonic() - began >= 2.5


def test_hours_at_which_nothing_goes(server, moto):
    source_bucket(moto, "hours", {"k": dict(Body=b"k" * 100)})
    job = order(server, moto, "s3://hours", "onshore-hours", "--rate-at", "mon-sun 00:00-24:00 0")
    while server.cli("job", "show", job)["phase"] != "copying":
        pass
    assert server.cli("job", "show", job)["progress"]["copied"] == 0
    assert server.cli("job", "cancel", job)["state"] in ("cancelling", "cancelled")
    for wrong in ("8-18 1MiB", "mon 08:00-18:00 fast"):
        said = server.run("migrate", "s3://hours", "onshore-hours", "--endpoint", moto.url, "--rate-at", wrong, env=moto.env)
        assert said.returncode == 2 and "mon-fri 08:00-18:00 2MiB" in said.stderr + said.stdout or "rate" in said.stderr, said
