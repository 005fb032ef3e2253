"""The disconnect drill: the server goes out nowhere, everything here goes on, and both are told as they were."""

import hashlib
import http.server
import json
import subprocess
import threading
import time

import pytest

from onshore_server import BINARY, CONFIG, bound, clean_env, free_port

# An address of documentation that nobody has, and a name that nobody may be asked for.
FAR = "192.0.2.7"


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def hook():
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    made.heard = []
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()


def config(hook, more=""):
    return f"""{CONFIG}
[events.far]
url = "http://{FAR}:9/hook"
[events.named]
url = "http://no-such-host.example:9/hook"
[events.near]
url = "http://127.0.0.1:{hook.server_address[1]}/hook"
{more}"""


@pytest.fixture(scope="module")
def server(make_server, hook):
    made = make_server(config=config(hook))
    s3 = made.client()
    for name in ("far", "named", "near"):
        s3.create_bucket(Bucket=f"told-{name}", ObjectLockEnabledForBucket=False)
        s3.put_bucket_notification_configuration(
            Bucket=f"told-{name}",
            NotificationConfiguration={"QueueConfigurations": [{"Id": "all", "QueueArn": f"arn:aws:sqs:cn-north-1:onshore:{name}", "Events": ["s3:ObjectCreated:*"]}]},
            SkipDestinationValidation=True,
        )
    return made


class Drill:
    """`onshore drill disconnect` in the background."""

    def __init__(self, server, last, *args):
        command = [str(BINARY), "drill", "disconnect", "--for", last, *args, "--json"]
        env = clean_env(ONSHORE_SERVER=server.control, ONSHORE_TOKEN=server.token)
        self.server = server
        self.process = subprocess.Popen(bound(command), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def under_way(self):
        return until(lambda: [one for one in self.server.cli("drill", "list") if one["state"] == "under-way"])[0]

    def end(self):
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, json.loads(out) if out else None, err


def until(wanted, patience=60):
    end = time.monotonic() + patience
    while not (seen := wanted()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return seen


def leaves(server, kind):
    return [leaf["body"] for leaf in server.cli("ledger", "tail", "-n", 1000) if leaf["body"]["kind"] == kind]


def put(server, name, key="told"):
    server.client().put_object(Bucket=f"told-{name}", Key=key, Body=b"x", Metadata={"onshore-class": "general"})


def test_everything_goes_on_and_nothing_goes_out(server, hook):
    drill = Drill(server, "8s")
    began = drill.under_way()
    for name in ("far", "named", "near"):
        put(server, name)
    until(lambda: hook.heard)
    status, told, err = drill.end()
    assert status == 0, err or told
    assert (told["id"], told["state"]) == (began["id"], "time")
    report = told["report"]
    assert report["held"] is True
    tried = {check["name"] for check in report["checks"]}
    for wanted in ("stored", "read back", "listed", "removed", "inside is allowed", "abroad is refused", "leaf is proven", "token", "named key is unwrapped"):
        assert any(wanted in name for name in tried), wanted
    assert all(check["held"] and check["times"] >= 1 for check in report["checks"])
    parties = {party["name"]: party["peer"] for party in report["parties"]}
    assert parties == {"far": False, "named": False, "near": True}
    wishes = {(wish["purpose"], wish["host"]) for wish in report["wanted"]}
    assert wishes == {("notification", FAR), ("notification", "no-such-host.example")}, "who wanted what, and loopback is not outside"
    assert leaves(server, "drill.began")[-1]["drill"] == began["id"]
    ended = [leaf for leaf in leaves(server, "drill.ended") if leaf["drill"] == began["id"]]
    assert [(leaf["how"], leaf["held"]) for leaf in ended] == [("time", True)]
    assert FAR not in json.dumps(ended), "the ledger holds the digest of what was found, and no host"
    canonical = json.dumps(report, separators=(",", ":"), ensure_ascii=False)
    assert ended[0]["report_sha256"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert server.cli("drill", "show", began["id"])["report"] == report


def test_what_waited_is_told_once_the_drill_is_over(make_server, hook):
    """A target that is cut off loses nothing; it is 127.0.0.1 under an address that the drill does not know as loopback."""
    # The machine's own address outside loopback, where it has one.
    address = outside_address()
    if address is None:
        pytest.skip("this machine has no address besides loopback")
    target = http.server.ThreadingHTTPServer((address, 0), Hook)
    target.heard = []
    threading.Thread(target=target.serve_forever, daemon=True).start()
    port = target.server_address[1]
    text = CONFIG.replace('"127.0.0.0/8" = "CN"', f'"127.0.0.0/8" = "CN"\n"{address}/32" = "CN"') + f'\n[events.out]\nurl = "http://{address}:{port}/hook"\n'
    made = make_server(name="waits", config=text)
    s3 = made.client()
    s3.create_bucket(Bucket="told-out")
    queue = {"Id": "all", "QueueArn": "arn:aws:sqs:cn-north-1:onshore:out", "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(Bucket="told-out", NotificationConfiguration={"QueueConfigurations": [queue]}, SkipDestinationValidation=True)
    put(made, "out", "before")
    until(lambda: any(b"before" in body for body in target.heard))
    # The connection to it is kept: the drill must stop requests over it too.
    drill = Drill(made, "60s")
    began = drill.under_way()
    put(made, "out", "meanwhile")
    until(lambda: address in {wish["host"] for wish in made.cli("drill", "show", began["id"])["report"]["wanted"]})
    assert not any(b"meanwhile" in body for body in target.heard)
    made.run("drill", "end")
    status, told, _ = drill.end()
    assert told["state"] == "early" and (status == 0) == told["report"]["held"]
    assert address in {wish["host"] for wish in told["report"]["wanted"]}
    until(lambda: any(b"meanwhile" in body for body in target.heard), patience=120)
    # A peer of the own partition is let through.
    made.config = text + f'\n[drill]\npeers = ["{address}/32"]\n'
    made.restart()
    drill = Drill(made, "60s")
    drill.under_way()
    put(made, "out", "as-a-peer")
    until(lambda: any(b"as-a-peer" in body for body in target.heard))
    made.run("drill", "end")
    _, told, _ = drill.end()
    assert told["report"]["wanted"] == [] and told["report"]["parties"][0]["peer"] is True
    target.shutdown()


def outside_address():
    done = subprocess.run(["hostname", "-I"], capture_output=True, text=True)
    found = [word for word in done.stdout.split() if "." in word and not word.startswith("127.")]
    return found[0] if found else None


def test_a_drill_in_which_something_fails_says_so(server):
    # S3 is looked for where nobody serves it.
    drill = Drill(server, "6s", "--s3", f"http://127.0.0.1:{free_port()}")
    status, told, _ = drill.end()
    assert status == 1 and told["report"]["held"] is False
    failed = {check["name"]: check.get("found") for check in told["report"]["checks"] if not check["held"]}
    assert any("stored" in name for name in failed) and all(failed.values())
    assert any(check["held"] for check in told["report"]["checks"]), "what does not need S3 held"
    assert [leaf["held"] for leaf in leaves(server, "drill.ended") if leaf["drill"] == told["id"]] == [False]


def test_a_drill_in_which_nothing_was_tried_has_not_held(server):
    drill = Drill(server, "3s")
    began = drill.under_way()
    drill.process.kill()
    drill.process.wait()
    ended = until(lambda: (one := server.cli("drill", "list")[0])["state"] != "under-way" and one)
    assert ended["id"] == began["id"] and ended["state"] == "time"
    done = server.run("drill", "show", began["id"], "--json")
    report = json.loads(done.stdout)["report"]
    assert (done.returncode == 0) == report["held"] and (report["held"] or report["checks"] == [])


def test_one_drill_at_a_time_and_by_operators_alone(server):
    drill = Drill(server, "60s")
    drill.under_way()
    assert "under way" in server.run("drill", "disconnect", "--for", "1s").stderr
    for role in ("regulator", "auditor"):
        token = server.cli("token", "create", "--role", role)["token"]
        assert server.run("drill", "end", env={"ONSHORE_TOKEN": token}).returncode == 1
        assert server.run("drill", "disconnect", "--for", "1s", env={"ONSHORE_TOKEN": token}).returncode == 1
    said = server.cli("drill", "list")
    assert said[0]["state"] == "under-way"
    server.run("drill", "end")
    _, told, _ = drill.end()
    assert told["state"] == "early"
    ended = [leaf for leaf in leaves(server, "drill.ended") if leaf["drill"] == told["id"]]
    assert [leaf["how"] for leaf in ended] == ["early"] and "by" in ended[0]
    assert server.run("drill", "end").returncode == 1
    for bad in ("0s", "10", "25h", "-1m"):
        assert server.run("drill", "disconnect", f"--for={bad}").returncode in (1, 2), bad
    assert all(one["state"] != "under-way" for one in server.cli("drill", "list"))


def test_a_kill_breaks_a_drill_off_and_opens_the_way(server, hook):
    drill = Drill(server, "10m")
    began = drill.under_way()
    server.restart()
    drill.process.kill()
    drill.process.wait()
    told = json.loads(server.run("drill", "show", began["id"], "--json").stdout)
    assert told["state"] == "broken-off" and told.get("report") is None
    ended = [leaf for leaf in leaves(server, "drill.ended") if leaf["drill"] == began["id"]]
    assert [(leaf["how"], leaf["held"]) for leaf in ended] == [("broken-off", False)]
    # The way is open again, and another drill can begin.
    drill = Drill(server, "2s")
    drill.under_way()
    until(lambda: server.cli("drill", "list")[0]["state"] == "time")
    drill.end()
    # So does an orderly end.
    drill = Drill(server, "10m")
    began = drill.under_way()
    drill.process.kill()
    drill.process.wait()
    server.terminate()
    server.output = []
    server.start()
    assert json.loads(server.run("drill", "show", began["id"], "--json").stdout)["state"] == "broken-off"
