"""Telemetry: nothing leaves that the operator has not signed, and nothing can be signed that tells of anybody."""

import hashlib
import http.server
import json
import subprocess
import threading
import time

import pytest

from onshore_server import BINARY, CONFIG, Ended, clean_env, free_port, mode_of

ROWS = ["metric onshore_exports_total counter exports", "metric onshore_s3_requests_total counter requests status", "metric onshore_ledger_size gauge leaves"]
LATER = "2099-01-01T00:00:00Z"


def run(*args, ok=True):
    done = subprocess.run([str(BINARY), "telemetry", *map(str, args)], env=clean_env(), capture_output=True, text=True)
    assert not ok or done.returncode == 0, done.stderr
    return done


def until(wanted, patience=60):
    end = time.monotonic() + patience
    while not (seen := wanted()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return seen


class Receiver(http.server.ThreadingHTTPServer):
    """Whoever is told: it keeps every byte, and answers what it is told to."""

    def __init__(self):
        self.heard, self.status = [], 200
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append((dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.shutdown()


class Operator:
    """An operator with a key, who signs lists."""

    def __init__(self, folder, name="operator.example"):
        self.folder, self.key = folder, folder / "operator.key"
        self.vkey = run("key", name, "--out", self.key).stdout.strip()
        assert mode_of(self.key) == 0o600

    def sign(self, rows=ROWS, valid_until=LATER, name="list", ok=True):
        text, signed = self.folder / f"{name}.txt", self.folder / f"{name}.signed"
        text.write_text("\n".join(["onshore-telemetry/v1", f"until {valid_until}", *rows]) + "\n")
        done = run("sign", text, "--key", self.key, "--out", signed, ok=ok)
        return signed if ok else done


@pytest.fixture
def operator(tmp_path):
    return Operator(tmp_path)


def config(receiver, operator, file, period=1, more=""):
    return f"""{CONFIG}
[telemetry]
url = "http://127.0.0.1:{receiver.server_address[1]}/in"
list_file = "{file}"
keys = ["{operator.vkey}"]
period_s = {period}
{more}"""


def leaves(server):
    return [leaf["body"] for leaf in server.cli("ledger", "tail", "-n", 1000) if leaf["body"]["kind"] == "telemetry.sent"]


def withheld(server, receiver, why):
    """Nothing is sent while several periods go by, and the log says so."""
    until(lambda: server.log.count("NO TELEMETRY IS SENT") >= 2)
    assert why in server.log
    assert receiver.heard == []
    done = server.run("telemetry", "preview")
    assert done.returncode == 1 and done.stdout == "" and why in done.stderr
    assert leaves(server) == []


def test_it_is_off_by_default(make_server, receiver):
    server = make_server(name="off")
    done = server.run("telemetry", "preview")
    assert done.returncode == 1 and "no receiver is configured" in done.stderr
    assert leaves(server) == [] and receiver.heard == []


def test_what_a_row_names_leaves_and_nothing_else(make_server, receiver, operator):
    server = make_server(name="on", config=config(receiver, operator, operator.sign()))
    s3 = server.client()
    s3.create_bucket(Bucket="bucket-of-zhang-san")
    for number in range(3):
        s3.put_object(Bucket="bucket-of-zhang-san", Key=f"zhang-san-{number}", Body=b"x", Metadata={"onshore-class": "personal"})
    told = until(lambda: [body for _, body in receiver.heard if b'"status":"200"' in body])[-1]
    document = json.loads(told)
    assert set(document) == {"format", "list_sha256", "metrics"}
    assert {metric["metric"] for metric in document["metrics"]} <= {row.split()[1] for row in ROWS}
    for metric in document["metrics"]:
        assert set(metric) == {"metric", "type", "unit", "labels", "value"} and type(metric["value"]) is int
        assert set(metric["labels"]) <= {"status"}
    for headers, body in receiver.heard:
        whole = (json.dumps(headers) + body.decode()).lower()
        for secret in ("zhang", "bucket-of", "default", server.access_key.lower(), "cn-north", "putobject", "operator"):
            assert secret not in whole, secret
    # Each sending has its leaf, with the digest of what went and where to, before it went.
    digests = [hashlib.sha256(body).hexdigest() for _, body in receiver.heard]
    recorded = [leaf["document_sha256"] for leaf in leaves(server)]
    assert set(digests) <= set(recorded)
    leaf = leaves(server)[0]
    assert (leaf["to"], leaf["class"]) == ("CN", "general")
    text = (operator.folder / "list.txt").read_bytes()
    assert leaf["list_sha256"] == document["list_sha256"] == hashlib.sha256(text).hexdigest()
    preview = server.run("telemetry", "preview").stdout
    assert set(json.loads(preview)) == set(document) and json.loads(preview)["list_sha256"] == document["list_sha256"]
    # The list is taken away: from then on nothing is sent.
    (operator.folder / "list.signed").unlink()
    until(lambda: "NO TELEMETRY IS SENT" in server.log)
    count = len(receiver.heard)
    until(lambda: server.log.count("NO TELEMETRY IS SENT") >= 3)
    assert len(receiver.heard) == count


def test_lists_that_are_not_the_operators_send_nothing(make_server, receiver, operator, tmp_path):
    (tmp_path / "stranger").mkdir()
    stranger = Operator(tmp_path / "stranger")
    signed = operator.sign()
    good = signed.read_text()
    bad = {
        "unsigned": (operator.folder / "list.txt").read_text(),
        "foreign key": stranger.sign().read_text(),
        "altered": good.replace("onshore_exports_total counter exports", "onshore_refusals_total counter refusals"),
        "longer": good.replace("until", "until", 1).replace("\n\n", "\nmetric onshore_refusals_total counter refusals\n\n", 1),
        "later": good.replace("2099", "2199"),
        "empty": "",
        "binary": "\x00\x01",
    }
    file = tmp_path / "judged"
    server = make_server(name="bad", config=config(receiver, operator, file), start=False)
    for name, text in bad.items():
        file.write_text(text)
        server.output = []
        server.start()
        withheld(server, receiver, "is not one that a key of [telemetry] keys signed")
        server.terminate()
    file.write_text(operator.sign(valid_until="2020-01-01T00:00:00Z", name="lapsed").read_text())
    server.output = []
    server.start()
    withheld(server, receiver, "held until 2020-01-01")
    # The good one is taken at once, without another start.
    file.write_text(good)
    until(lambda: receiver.heard)


def test_nothing_that_tells_of_anybody_can_be_signed(operator):
    for row in (
        "metric onshore_events_waiting gauge events target",
        "metric onshore_replication_waiting gauge versions destination",
        "metric onshore_refusals_total counter refusals rule",
        "metric onshore_s3_requests_total counter requests operation",
        "metric onshore_s3_requests_total counter requests tenant",
        "metric onshore_exports_total gauge exports",
        "metric onshore_s3_request_duration_seconds histogram seconds",
        "object zhang-san.txt",
        "metric .* counter requests",
    ):
        assert operator.sign(rows=[*ROWS, row], ok=False).returncode == 2, row
    catalogue = run("catalogue").stdout.splitlines()
    assert len(catalogue) > 5
    operator.sign(rows=catalogue)
    for line in catalogue:
        labels = set(line.split()[4].split(",")) if len(line.split()) > 4 else set()
        assert labels <= {"status", "result", "kind", "action"}, line


def test_a_row_that_somebody_signs_by_hand_is_judged_by_the_server_too(make_server, receiver, operator):
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    text = f"onshore-telemetry/v1\nuntil {LATER}\nmetric onshore_events_waiting gauge events target\n"
    secret = base64.b64decode(operator.key.read_text().split("+", 4)[4])
    name, hash, _ = operator.vkey.split("+", 2)
    signature = Ed25519PrivateKey.from_private_bytes(secret[1:]).sign(text.encode())
    line = base64.b64encode(bytes.fromhex(hash) + signature).decode()
    file = operator.folder / "by-hand"
    file.write_text(f"{text}\n\u2014 {name} {line}\n")
    server = make_server(name="by-hand", config=config(receiver, operator, file))
    withheld(server, receiver, "no such metric can be sent")


def test_a_receiver_that_fails_slows_nothing_down(make_server, receiver, operator):
    receiver.status = 500
    server = make_server(name="failing", config=config(receiver, operator, operator.sign()))
    until(lambda: server.log.count("telemetry was not taken") >= 2)
    s3 = server.client()
    s3.create_bucket(Bucket="goes-on")
    s3.put_object(Bucket="goes-on", Key="x", Body=b"x", Metadata={"onshore-class": "general"})
    assert s3.get_object(Bucket="goes-on", Key="x")["Body"].read() == b"x"
    receiver.status, count = 200, len(receiver.heard)
    until(lambda: len(receiver.heard) > count)
    # Nobody answers at all: the server goes on, and ends when it is told to.
    server.config = server.config.replace(f":{receiver.server_address[1]}/", f":{free_port()}/")
    server.restart()
    until(lambda: "telemetry was not taken" in server.log)
    assert s3 is not None and server.terminate() == 0


def test_a_drill_keeps_it_in_and_addresses_are_bounded(make_server, receiver, operator):
    signed = operator.sign()
    server = make_server(name="shape", config=config(receiver, operator, signed))
    for url in ("http://192.0.2.1/in", "http://receiver.example/in", "nats://127.0.0.1:4222", "ftp://127.0.0.1/", "http://127.0.0.1.example/"):
        text = config(receiver, operator, signed).replace(f"http://127.0.0.1:{receiver.server_address[1]}/in", url)
        path = operator.folder / "shape.toml"
        path.write_text(text)
        assert server.run("config", "check", path).returncode == 2, url
    path.write_text(config(receiver, operator, signed).replace(f'keys = ["{operator.vkey}"]', "keys = []"))
    assert server.run("config", "check", path).returncode == 2
    server.config = config(receiver, operator, signed).replace(f"http://127.0.0.1:{receiver.server_address[1]}/in", "https://192.0.2.9/in")
    server.restart()
    done = server.run("drill", "disconnect", "--for", "12s", "--json")
    report = json.loads(done.stdout)["report"]
    assert done.returncode == 0 and report["held"] is True
    assert {"purpose": "telemetry", "name": "telemetry", "host": "192.0.2.9", "peer": False} in report["parties"]
    assert "192.0.2.9" in {wish["host"] for wish in report["wanted"] if wish["purpose"] == "telemetry"}
