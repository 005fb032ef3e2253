"""Migrations in the way of each other and of the disk. One that is full before all is here: it says so and ends with status 1, what came is whole, the server goes on, and the
same command brings the rest once there is room."""

import json
import os
import subprocess

from onshore_server import Server
from test_hostile import small_disk  # noqa: F401
from test_migrate import everything, source_bucket

MIB = 1 << 20


def test_a_disk_that_is_full_ends_a_migration_named_and_the_rest_comes_later(small_disk, moto):  # noqa: F811
    server = Server(small_disk / "data").start()
    try:
        objects = {f"k{number:02}": dict(Body=os.urandom(2 * MIB)) for number in range(16)} | {"small": dict(Body=b"small")}
        s3 = source_bucket(moto, "too-much", objects)
        command = ("--json", "migrate", "s3://too-much", "onshore-too-much", "--endpoint", moto.url)
        done = server.run(*command, env=moto.env, timeout=170)
        assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
        job = json.loads(done.stdout)
        assert job["state"] in ("failed", "incomplete"), job
        assert "full" in json.dumps(job).lower() or "space" in json.dumps(job).lower(), job
        # What is here is whole, and the server answers.
        here = server.client()
        found = everything(here, "onshore-too-much")
        wanted = everything(s3, "too-much")
        assert 0 < len(found) < len(wanted)
        for key, value in found.items():
            assert value == wanted[key], key
        assert subprocess.run(["mount", "-o", "remount,size=128m", str(small_disk)]).returncode == 0
        done = server.run(*command, env=moto.env, timeout=170)
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        again = json.loads(done.stdout)
        assert again["state"] == "complete" and again["progress"]["exceptions"] == 0
        assert everything(here, "onshore-too-much") == wanted
    finally:
        server.kill9()


def test_two_migrations_of_one_source_at_the_same_time_bring_the_same(server, moto):
    objects = {f"k{number:03}": dict(Body=b"%d" % number * 500) for number in range(300)} | {"large": dict(Body=os.urandom(40 * MIB))}
    s3 = source_bucket(moto, "shared-source", objects)
    buckets = ("onshore-one", "onshore-other")
    jobs = {}
    for bucket in buckets:
        done = server.run("--json", "migrate", "s3://shared-source", bucket, "--endpoint", moto.url, "--detach", env=moto.env)
        assert done.returncode == 0, done.stderr
        jobs[bucket] = json.loads(done.stdout)["id"]
    assert jobs["onshore-one"] != jobs["onshore-other"]
    wanted = everything(s3, "shared-source")
    for bucket in buckets:
        # Whoever orders it again while it is under way follows it.
        done = server.run("--json", "migrate", "s3://shared-source", bucket, "--endpoint", moto.url, env=moto.env, timeout=170)
        assert done.returncode == 0, done.stderr
        assert everything(server.client(), bucket) == wanted
        first = server.cli("job", "show", jobs[bucket])
        assert first["state"] == "complete" and first["progress"]["exceptions"] == 0
