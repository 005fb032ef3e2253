"""Workers on other machines share a migration: nothing is lost, nothing comes twice, and nobody is believed who delivers something else."""

import hashlib
import json
import os
import signal
import subprocess
import threading
import time

import pytest
import requests

from old_cloud import SamePort
from onshore_server import BINARY, CONFIG, bound, clean_env
from test_migrate import everything, source_bucket
from test_migrate_large import Counting
from test_migrate_pace import order

MIB = 1 << 20
RUN = 16 * MIB


def body(seed, size=64 * MIB):
    block = hashlib.sha512(seed).digest() * (MIB // 64)
    return b"".join(bytes([n % 256]) + block[1:] for n in range(size // MIB))


class Workers:
    """Workers of a server, which end with the test."""

    def __init__(self, server, env):
        self.server, self.env, self.running, self.port = server, env, [], SamePort(int(server.control.rsplit(":", 1)[1]))
        self.token = token(server)

    def start(self, name, *args, streams=4):
        path = self.server.data.parent / f"{name}.token"
        path.write_text(self.token + "\n")
        command = [BINARY, "worker", "--server", self.port.url, "--token-file", path, "--name", name, "--streams", streams, "--json", *args]
        worker = subprocess.Popen(
            bound([str(part) for part in command]), env=clean_env(**self.env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        said = []
        threading.Thread(target=lambda: said.extend(worker.stderr), daemon=True).start()
        worker.said = said
        self.running.append(worker)
        return worker

    def ended(self, worker, status=0, timeout=120):
        told = worker.stdout.read()
        assert worker.wait(timeout) == status, (told, worker.said)
        return json.loads(told)

    def server_restarted(self):
        self.server.output = []
        self.server.start()
        self.port.port_there = int(self.server.control.rsplit(":", 1)[1])

    def close(self):
        for worker in self.running:
            worker.kill()
            worker.wait()
        self.port.close()


def token(server, tenant="default"):
    return server.cli("token", "create", "--role", "worker", "--tenant", tenant)["token"]


@pytest.fixture
def workers(server, moto):
    if server.process is None:
        server.start()
    found = Workers(server, moto.env)
    yield found
    found.close()


def shown(server, job):
    return server.cli("job", "show", job)


def ended(server, job, timeout=150):
    until = time.monotonic() + timeout
    while True:
        job_now = shown(server, job)
        if job_now.get("ended"):
            return job_now
        assert time.monotonic() < until, job_now


def certified(server, job, tmp_path):
    path = tmp_path / f"{job}.json"
    assert server.run("job", "certificate", job, "--out", path).returncode == 0
    assert server.run("verify", path, "--key", server.vkey).returncode == 0
    return json.loads(path.read_text())


def by_name(job):
    found = {}
    for worker in job.get("workers", []):
        found[worker["worker"]] = worker
    return found


def many(count, size=2000):
    return {f"k{number:04}": dict(Body=os.urandom(size)) for number in range(count)}


class Raw:
    """A worker by hand."""

    def __init__(self, server, token):
        self.url, self.headers = server.control, {"Authorization": f"Bearer {token}"}

    def lease(self, job, objects=1000):
        asked = {"job": job, "worker": "by-hand", "objects": objects, "bytes": 1 << 40}
        return requests.post(f"{self.url}/v1/leases", json=asked, headers=self.headers)

    def leased(self, job, objects=1000):
        while True:
            answer = self.lease(job, objects)
            assert answer.status_code == 200, answer.text
            if "lease" in answer.json():
                return answer.json()["lease"]
            assert "ended" not in answer.json(), answer.text

    def post(self, lease, path, data=None):
        kind = {"Content-Type": "application/octet-stream" if data is not None else "application/json"}
        return requests.post(f"{self.url}/v1/leases/{lease}/{path}", data=data if data is not None else "{}", headers=self.headers | kind)

    def deliver(self, lease, number, content, digest=None):
        return self.post(lease, f"objects/{number}/bytes", content + (digest or hashlib.sha256(content).digest()))


def problem(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_two_workers_and_the_server_share_a_job(server, moto, workers, tmp_path):
    objects = many(300, 60_000) | {"large-1": dict(Body=body(b"1")), "large-2": dict(Body=body(b"2"))}
    objects["described"] = dict(Body=b"d", ContentType="text/d", Metadata={"who": "a writer", "onshore-class": "personal"}, Tagging="a=b")
    s3 = source_bucket(moto, "shared", objects)
    both = [workers.start("one"), workers.start("two")]
    job = order(server, moto, "s3://shared", "onshore-shared", "--class", "general")
    done = ended(server, job)
    assert done["state"] == "complete", done
    assert done["progress"]["copied"] == len(objects)
    assert everything(server.client(), "onshore-shared") == everything(s3, "shared")
    told = server.client().head_object(Bucket="onshore-shared", Key="described")
    assert (told["ContentType"], told["Metadata"]) == ("text/d", {"who": "a writer", "onshore-class": "personal"})
    certificate = certified(server, job, tmp_path)
    assert certificate["body"]["counts"] == {"listed": len(objects), "copied": len(objects), "unchanged": 0, "exceptions": 0}
    labels = {entry["key"]: entry["label"] for entry in certificate["objects"]}
    assert labels["described"] == "personal"
    brought = by_name(done)
    assert set(brought) <= {"one", "two"} and sum(worker["objects"] for worker in brought.values()) > 0, done
    for worker in both:
        worker.send_signal(signal.SIGTERM)
        assert workers.ended(worker)["job"] is None
    said = server.run("job", "show", job)
    assert "brought" in said.stdout, said


def test_workers_alone_bring_what_the_server_leaves_to_them(server, moto, workers, tmp_path):
    objects = many(120) | {"empty": dict(Body=b""), "large": dict(Body=body(b"3"))}
    s3 = source_bucket(moto, "alone", objects)
    job = order(server, moto, "s3://alone", "onshore-alone", "--workers-only")
    while shown(server, job)["phase"] != "copying":
        pass
    assert shown(server, job)["progress"]["copied"] == 0
    worker = workers.start("alone", "--job", job)
    done = workers.ended(worker)
    assert done["job"] == "complete" and done["objects"] == len(objects), done
    brought = by_name(shown(server, job))["alone"]
    assert (brought["objects"], brought["bytes"]) == (len(objects), sum(len(item["Body"]) for item in objects.values()))
    assert everything(server.client(), "onshore-alone") == everything(s3, "alone")
    certified(server, job, tmp_path)
    # Whoever comes late is told how it ended.
    assert workers.ended(workers.start("late", "--job", job))["job"] == "complete"


def test_versions_come_in_their_order(server, moto, workers, tmp_path):
    s3 = moto.client()
    s3.create_bucket(Bucket="turns")
    s3.put_bucket_versioning(Bucket="turns", VersioningConfiguration={"Status": "Enabled"})
    for turn in range(5):
        for key in ("a", "b", "c", "hidden"):
            s3.put_object(Bucket="turns", Key=key, Body=f"{key} {turn}".encode())
    s3.delete_object(Bucket="turns", Key="hidden")
    job = order(server, moto, "s3://turns", "onshore-turns", "--workers-only")
    for name in ("one", "two"):
        workers.start(name, "--job", job)
    for worker in workers.running:
        workers.ended(worker)
    ours = server.client()
    found = {}
    for version in ours.list_object_versions(Bucket="onshore-turns")["Versions"]:
        content = ours.get_object(Bucket="onshore-turns", Key=version["Key"], VersionId=version["VersionId"])["Body"].read()
        found.setdefault(version["Key"], []).append(content.decode())
    assert found == {key: [f"{key} {turn}" for turn in reversed(range(5))] for key in ("a", "b", "c", "hidden")}
    assert [marker["Key"] for marker in ours.list_object_versions(Bucket="onshore-turns")["DeleteMarkers"]] == ["hidden"]
    certified(server, job, tmp_path)


def test_a_worker_that_is_killed_leaves_the_rest_to_others(server, moto, workers, tmp_path):
    counting = Counting(moto.url)
    objects = many(40) | {"large": dict(Body=body(b"4", 112 * MIB))}
    s3 = source_bucket(moto, "killed-worker", objects)
    total = sum(len(item["Body"]) for item in objects.values())
    done = server.run("--json", "migrate", "s3://killed-worker", "onshore-killed-worker", "--endpoint", counting.url, "--detach", "--workers-only", env=moto.env)
    job = json.loads(done.stdout)["id"]
    counting.limit = int(total * 0.55)
    first = workers.start("first", "--job", job)
    assert counting.reached.wait(120)
    first.kill()
    first.wait()
    counting.open.set()
    second = workers.start("second", "--job", job)
    assert workers.ended(second)["job"] == "complete"
    assert everything(server.client(), "onshore-killed-worker") == everything(s3, "killed-worker")
    # What the first had delivered of the large object is not asked for again.
    assert counting.sent <= total + 3 * RUN + 2 * MIB, counting.sent - total
    assert "Uploads" not in server.client().list_multipart_uploads(Bucket="onshore-killed-worker")
    done = shown(server, job)
    assert done["progress"]["copied"] == len(objects) and done["progress"]["exceptions"] == 0
    certified(server, job, tmp_path)
    counting.close()


def test_the_server_is_killed_and_workers_go_on(server, moto, workers, tmp_path):
    objects = many(400, 20_000) | {"large": dict(Body=body(b"5"))}
    s3 = source_bucket(moto, "killed-server", objects)
    job = order(server, moto, "s3://killed-server", "onshore-killed-server", "--workers-only")
    both = [workers.start(name, "--job", job) for name in ("one", "two")]
    while shown(server, job)["progress"]["copied"] < 20:
        pass
    server.kill9()
    workers.server_restarted()
    for worker in both:
        assert workers.ended(worker)["job"] == "complete"
    assert everything(server.client(), "onshore-killed-server") == everything(s3, "killed-server")
    done = shown(server, job)
    assert done["progress"]["copied"] == len(objects)
    assert sum(worker["objects"] for worker in done["workers"]) == len(objects), done
    certified(server, job, tmp_path)


def test_what_is_delivered_under_a_lease_that_ran_out_is_refused(server, moto, workers):
    objects = many(6)
    s3 = source_bucket(moto, "late", objects)
    job = order(server, moto, "s3://late", "onshore-late", "--workers-only")
    raw = Raw(server, workers.token)
    lease = raw.leased(job)
    numbered = {item["number"]: item for key in lease["keys"] for item in key}
    first = numbered[0]
    assert raw.deliver(lease["id"], 0, objects[first["key"]]["Body"]).json() == {"state": "copied"}
    # Whoever did not hear the answer delivers it again, and nothing is done twice.
    assert raw.deliver(lease["id"], 0, objects[first["key"]]["Body"]).json() == {"state": "done"}
    held = by_name(shown(server, job))["by-hand"]
    assert (held["leased"], held["objects"]) == (5, 1)
    # One that is under way when the lease runs out: all has come but the end of it.
    content = objects[numbered[1]["key"]]["Body"] + hashlib.sha256(objects[numbered[1]["key"]]["Body"]).digest()
    go_on, answers = threading.Event(), []

    def slowly():
        yield content[:-1]
        assert go_on.wait(60)
        yield content[-1:]

    slow = threading.Thread(target=lambda: answers.append(raw.post(lease["id"], "objects/1/bytes", slowly())))
    slow.start()
    worker = workers.start("successor", "--job", job)
    assert workers.ended(worker)["job"] == "complete"
    go_on.set()
    slow.join()
    # The job has ended meanwhile, and with it what was on its way.
    assert answers[0].status_code == 409 and answers[0].json()["code"] in ("lease-gone", "standstill"), answers[0].text
    problem(raw.deliver(lease["id"], 2, objects[numbered[2]["key"]]["Body"]), 409, "lease-gone")
    problem(raw.post(lease["id"], "renewal"), 409, "lease-gone")
    assert everything(server.client(), "onshore-late") == everything(s3, "late")
    brought = {name: worker["objects"] for name, worker in by_name(shown(server, job)).items()}
    assert brought == {"by-hand": 1, "successor": 5}


def test_a_worker_that_lies_is_refused(server, moto, workers, tmp_path):
    objects = many(4) | {"large": dict(Body=body(b"6", 64 * MIB))}
    s3 = source_bucket(moto, "lies", objects)
    job = order(server, moto, "s3://lies", "onshore-lies", "--workers-only")
    raw, lease = Raw(server, workers.token), None
    lease = raw.leased(job)
    numbers = {item["key"]: item["number"] for key in lease["keys"] for item in key}
    good = objects["k0000"]["Body"]
    lie = bytes(len(good))
    number = numbers["k0000"]
    # Not the bytes of the SHA-256 behind them; and those, but not what the source vouches for.
    problem(raw.deliver(lease["id"], number, good, hashlib.sha256(b"other").digest()), 400, "bytes-differ")
    problem(raw.deliver(lease["id"], number, lie), 400, "bytes-differ")
    problem(raw.deliver(lease["id"], number, good + b"x"), 400, "bytes-differ")
    problem(raw.deliver(lease["id"], number, good[:-1]), 400, "broke-off")
    assert "Contents" not in server.client().list_objects_v2(Bucket="onshore-lies")
    # What it has no lease of.
    problem(raw.deliver(lease["id"], 99, good), 404, "not-found")
    problem(raw.deliver("lse_" + "0" * 32, number, good), 409, "lease-gone")
    problem(Raw(server, token(server)).deliver(lease["id"], number, good), 409, "lease-gone")
    # A large object comes in runs, and only in runs; a small one never.
    large = numbers["large"]
    problem(raw.deliver(lease["id"], large, objects["large"]["Body"][:100]), 409, "conflict")
    problem(raw.post(lease["id"], f"objects/{number}/runs"), 409, "conflict")
    problem(raw.post(lease["id"], f"objects/{large}/runs/1", b"x" * 32), 409, "conflict")
    runs = raw.post(lease["id"], f"objects/{large}/runs").json()["missing"]
    assert [run["len_bytes"] for run in runs] == [RUN] * 4
    problem(raw.post(lease["id"], f"objects/{large}/completion"), 400, "bytes-differ")
    for run in runs:
        content = bytes(run["len_bytes"])
        stored = raw.post(lease["id"], f"objects/{large}/runs/{run['number']}", content + hashlib.sha256(content).digest())
        assert stored.json() == {"state": "stored"}, stored.text
    problem(raw.post(lease["id"], f"objects/{large}/completion"), 400, "bytes-differ")
    # Its runs were given up: all are asked for again.
    assert len(raw.post(lease["id"], f"objects/{large}/runs").json()["missing"]) == 4
    # What it gives back as if it could not be had, the server brings itself.
    assert raw.post(lease["id"], f"objects/{number}/return").json() == {"state": "kept"}
    while shown(server, job)["progress"]["copied"] < 1:
        pass
    assert raw.post(lease["id"], "return").status_code == 200
    assert workers.ended(workers.start("honest", "--job", job))["job"] == "complete"
    assert everything(server.client(), "onshore-lies") == everything(s3, "lies")
    certificate = certified(server, job, tmp_path)
    assert certificate["body"]["counts"]["exceptions"] == 0
    assert by_name(shown(server, job))["honest"]["objects"] == 4


def test_a_job_that_waits_or_was_stopped_takes_nothing(server, moto, workers):
    objects = many(5)
    source_bucket(moto, "halted", objects)
    job = order(server, moto, "s3://halted", "onshore-halted", "--workers-only")
    raw = Raw(server, workers.token)
    lease = raw.leased(job, objects=2)
    numbered = {item["number"]: item["key"] for key in lease["keys"] for item in key}
    assert len(numbered) == 2
    content = objects[numbered[0]]["Body"] + hashlib.sha256(objects[numbered[0]]["Body"]).digest()
    sent, answers = threading.Event(), []

    def slowly():
        yield content[:-1]
        sent.set()
        until = time.monotonic() + 60
        while shown(server, job)["state"] != "paused" or raw.post(lease["id"], "renewal").status_code == 200:
            assert time.monotonic() < until
        yield content[-1:]

    def deliver():
        try:
            answers.append(raw.post(lease["id"], "objects/0/bytes", slowly()))
        except requests.ConnectionError:
            answers.append(None)

    slow = threading.Thread(target=deliver)
    slow.start()
    assert sent.wait(60)
    assert server.cli("job", "pause", job)["state"] == "paused"
    slow.join()
    # The answer comes while bytes are still on their way: a client may see the connection go first.
    assert answers[0] is None or answers[0].status_code == 409, answers[0].text
    assert "lease" not in raw.lease(job).json()
    problem(raw.deliver(lease["id"], 1, objects[numbered[1]]["Body"]), 409, "lease-gone")
    assert "Contents" not in server.client().list_objects_v2(Bucket="onshore-halted")
    server.cli("job", "resume", job)
    again = raw.leased(job)
    key = again["keys"][0][0]
    assert raw.deliver(again["id"], key["number"], objects[key["key"]]["Body"]).json() == {"state": "copied"}
    server.cli("job", "cancel", job)
    assert ended(server, job)["state"] == "cancelled"
    assert raw.lease(job).json() == {"ended": "cancelled", "wait_ms": 0}
    key = again["keys"][1][0]
    problem(raw.deliver(again["id"], key["number"], objects[key["key"]]["Body"]), 409, "lease-gone")
    assert workers.ended(workers.start("late", "--job", job), status=1)["job"] == "cancelled"


def test_a_worker_may_lease_and_deliver_for_its_tenant_and_nothing_else(server, moto, workers, tmp_path):
    source_bucket(moto, "rights", many(2))
    job = order(server, moto, "s3://rights", "onshore-rights", "--workers-only")
    server.cli("tenant", "create", "others")
    stranger = Raw(server, token(server, "others"))
    problem(stranger.lease(job), 404, "not-found")
    assert "lease" not in stranger.lease(None).json()
    problem(Raw(server, server.token).lease(job), 403, "forbidden")
    problem(Raw(server, "nobody-holds-this").lease(job), 401, "unauthenticated")
    for path in ("jobs", "tenants", "buckets", "tokens", f"jobs/{job}", f"jobs/{job}/certificate"):
        answer = requests.get(f"{server.control}/v1/{path}", headers={"Authorization": f"Bearer {workers.token}"})
        problem(answer, 403, "forbidden")
    assert server.run("token", "create", "--role", "worker").returncode == 1, "it is for a tenant"
    # The lease names the source, and nothing that opens it.
    lease = Raw(server, workers.token).leased(job)
    assert "source-secret" not in json.dumps(lease) and lease["source"]["source"]["bucket"] == "rights"
    server.cli("job", "cancel", job)
    assert workers.ended(workers.start("other", "--job", job), status=1)["job"] == "cancelled"


def test_a_folder_is_the_servers_own(make_server, moto, tmp_path):
    (tmp_path / "root").mkdir()
    for number in range(3):
        (tmp_path / "root" / f"f{number}").write_bytes(b"%d" % number)
    server = make_server("folders", config=CONFIG + f'\n[migrate]\nroots = ["{tmp_path}/root"]\n')
    said = server.run("migrate", tmp_path / "root", "onshore-folder", "--workers-only", "--detach")
    assert said.returncode == 1 and "no worker" in said.stderr, said
    said = server.run("--json", "migrate", tmp_path / "root", "onshore-folder", "--detach", "--rate-at", "mon-sun 00:00-24:00 0")
    job = json.loads(said.stdout)["id"]
    problem(Raw(server, token(server)).lease(job), 409, "not-shared")
    workers = Workers(server, {})
    worker = workers.start("folder", "--job", job)
    assert worker.wait(60) == 1 and "folder of the server" in "".join(worker.said)
    workers.close()
    server.cli("job", "cancel", job)
