"""Events are told to webhooks and over NATS: at least once, from what is durable, and only where the object may be told of."""

import base64
import json
import queue
import shutil
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from botocore.exceptions import ClientError

from calls import put, race, set_versioning, upload
from onshore_server import CONFIG, Ended, await_port, bound, clean_env, free_port
from test_upkeep import eventually, leaves, metrics

MIB = 1 << 20


class Hook:
    """A webhook that keeps what it is told, and can be told to refuse."""

    def __init__(self, host="127.0.0.1", port=0):
        self.told, self.status, self.headers = queue.Queue(), 200, []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = hook.status(json.loads(body)) if callable(hook.status) else hook.status
                if status == 200:
                    hook.headers.append({name.lower(): value for name, value in self.headers.items()})
                    hook.told.put(json.loads(body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if status == 307:
                    self.send_header("Location", f"http://127.0.0.1:{port}/elsewhere")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer((host, port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        """The next record; tests of a target are passed over."""
        while True:
            told = self.told.get(timeout=30)
            if told.get("Event") != "s3:TestEvent":
                (record,) = told["Records"]
                return record

    def names(self, count):
        return sorted((record["eventName"], record["s3"]["object"]["key"]) for record in (self.next() for _ in range(count)))

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def hook():
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture(scope="module")
def abroad():
    hook = Hook("127.0.0.66")
    yield hook
    hook.close()


@pytest.fixture(scope="module")
def late():
    """The port of a webhook that is not there yet."""
    return free_port()


@pytest.fixture(scope="module")
def nats(tmp_path_factory):
    if not shutil.which("nats-server"):
        pytest.skip("nats-server is missing: apt-get install nats-server")
    port, folder = free_port(), tmp_path_factory.mktemp("nats")
    command = ["nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder), "--auth", "word-of-nats"]
    process = subprocess.Popen(bound(command), env=clean_env(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    await_port(process, port)
    yield port
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def server(make_server, hook, abroad, late, nats, tmp_path_factory):
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("word-of-nats\n")
    return make_server(
        config=f"""{CONFIG}
[events.hook]
url = "http://127.0.0.1:{hook.port}/here?a=b"
token_file = "{token}"
[events.abroad]
url = "http://127.0.0.66:{abroad.port}/"
[events.kept-to-one]
url = "http://127.0.0.1:{hook.port}/?secret=SECRETWORD"
tenants = ["one"]
[events.late]
url = "http://127.0.0.1:{late}/"
[events.away]
url = "http://127.0.0.1:1/"
[events.bus]
url = "nats://127.0.0.1:{nats}"
subject = "onshore.plain"
token_file = "{token}"
[events.kept]
url = "nats://localhost:{nats}"
subject = "onshore.kept"
token_file = "{token}"
"""
    )


def arn(target):
    return f"arn:onshore:sqs:cn-north-1::{target}"


def tell(s3, bucket, target, *events, prefix="", suffix="", kind="Queue"):
    rules = [{"Name": name, "Value": value} for name, value in (("prefix", prefix), ("suffix", suffix)) if value]
    said = {f"{kind}Arn": arn(target), "Events": list(events) or ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
    if rules:
        said["Filter"] = {"Key": {"FilterRules": rules}}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={f"{kind}Configurations": [said]})


def test_a_target_is_tested_and_told_what_s3_tells(s3, bucket, hook):
    tell(s3, bucket, "hook")
    test = hook.told.get(timeout=30)
    assert (test["Service"], test["Event"], test["Bucket"]) == ("Amazon S3", "s3:TestEvent", bucket)
    put(s3, bucket, "in/a b+\u6587.csv", b"12345")
    record = hook.next()
    assert record["eventVersion"] == "2.1" and record["eventSource"] == "aws:s3" and record["awsRegion"] == "cn-north-1"
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["bucket"]["name"] == bucket and record["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{bucket}"
    told = record["s3"]["object"]
    assert (told["key"], told["size"]) == ("in/a+b%2B%E6%96%87.csv", 5)
    assert f'"{told["eTag"]}"' == s3.head_object(Bucket=bucket, Key="in/a b+\u6587.csv")["ETag"]
    assert "versionId" not in told and len(told["sequencer"]) == 16
    assert hook.headers[-1]["authorization"] == "Bearer word-of-nats"
    assert "sourceIPAddress" not in json.dumps(record) and "127.0.0.1" not in json.dumps(record)


def test_every_way_to_write_and_remove_is_told(server, s3, bucket, hook):
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"]
    tell(s3, bucket, "hook", *events, kind="Topic")
    put(s3, bucket, "put")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/put")
    upload(s3, bucket, "parts", [b"x" * (5 * MIB), b"y"])
    s3.put_object_tagging(Bucket=bucket, Key="put", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object_tagging(Bucket=bucket, Key="put")
    s3.delete_object(Bucket=bucket, Key="copy")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "parts"}, {"Key": "never"}]})
    assert hook.names(7) == sorted(
        [
            ("ObjectCreated:Put", "put"),
            ("ObjectCreated:Copy", "copy"),
            ("ObjectCreated:CompleteMultipartUpload", "parts"),
            ("ObjectTagging:Put", "put"),
            ("ObjectTagging:Delete", "put"),
            ("ObjectRemoved:Delete", "copy"),
            ("ObjectRemoved:Delete", "parts"),
        ]
    )


def test_versions_and_markers_are_told_by_their_ids(s3, bucket, hook):
    set_versioning(s3, bucket, "Enabled")
    tell(s3, bucket, "hook")
    version = put(s3, bucket, "k")["VersionId"]
    created = hook.next()
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    marked = hook.next()
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    removed = hook.next()
    told = [(record["eventName"], record["s3"]["object"]["versionId"]) for record in (created, marked, removed)]
    assert told == [("ObjectCreated:Put", version), ("ObjectRemoved:DeleteMarkerCreated", marker), ("ObjectRemoved:Delete", version)]
    sequence = [record["s3"]["object"]["sequencer"] for record in (created, marked, removed)]
    assert sequence == sorted(sequence)


def test_only_what_a_rule_names_is_told(s3, bucket, hook):
    tell(s3, bucket, "hook", "s3:ObjectCreated:Put", prefix="in/", suffix=".csv")
    for key in ("in/a.txt", "out/a.csv", "in/a.csv"):
        put(s3, bucket, key)
    s3.copy_object(Bucket=bucket, Key="in/copy.csv", CopySource=f"{bucket}/in/a.csv")
    s3.delete_object(Bucket=bucket, Key="in/a.csv")
    put(s3, bucket, "in/last.csv")
    assert hook.names(2) == [("ObjectCreated:Put", "in/a.csv"), ("ObjectCreated:Put", "in/last.csv")]
    # An order that fails tells nothing.
    with pytest.raises(ClientError):
        s3.put_object(Bucket=bucket, Key="in/last.csv", Body=b"x", IfNoneMatch="*")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    put(s3, bucket, "in/silent.csv")
    tell(s3, bucket, "hook")
    put(s3, bucket, "in/heard.csv")
    assert hook.next()["s3"]["object"]["key"] == "in/heard.csv"


def test_a_setting_is_told_as_it_was_said_and_checked(s3, bucket):
    said = {
        "QueueConfigurations": [
            {
                "Id": "one",
                "QueueArn": "arn:aws:sqs:cn-north-1:000000000000:hook",
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "a/"}, {"Name": "Suffix", "Value": ".x"}]}},
            }
        ],
        "TopicConfigurations": [{"Id": "two", "TopicArn": arn("hook"), "Events": ["s3:ObjectRemoved:Delete"]}],
        "LambdaFunctionConfigurations": [{"Id": "three", "LambdaFunctionArn": arn("hook"), "Events": ["s3:ObjectRestore:*"]}],
    }
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=said)
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    del told["ResponseMetadata"]
    assert told == said
    queue_of = lambda **more: {"QueueConfigurations": [{"QueueArn": arn("hook"), "Events": ["s3:ObjectCreated:*"], **more}]}
    for bad in (
        queue_of(QueueArn=arn("nobody")),
        queue_of(QueueArn="hook"),
        queue_of(Events=["s3:ObjectEaten:*"]),
        queue_of(Filter={"Key": {"FilterRules": [{"Name": "prefix", "Value": "a"}, {"Name": "Prefix", "Value": "b"}]}}),
        {"QueueConfigurations": queue_of()["QueueConfigurations"] * 2},
    ):
        with pytest.raises(ClientError) as refused:
            s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=bad)
        assert refused.value.response["Error"]["Code"] == "InvalidArgument", bad
    with pytest.raises(ClientError) as refused:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"] == said["QueueConfigurations"]


def test_what_may_not_be_told_abroad_is_refused_there_and_recorded(server, s3, abroad):
    server.cli("bucket", "create", "told-abroad", "--class", "general")
    before = len(leaves(server, "refused"))
    tell(s3, "told-abroad", "abroad")
    put(s3, "told-abroad", "bound", Metadata={"onshore-class": "personal"})
    put(s3, "told-abroad", "free")
    assert abroad.next()["s3"]["object"]["key"] == "free"
    eventually(lambda: metrics(server).get('onshore_events_total{target="abroad",result="refused"}', 0) >= 1)
    assert len(leaves(server, "refused")) > before
    # The test of the target may come behind; nothing else does.
    while not abroad.told.empty():
        assert abroad.told.get()["Event"] == "s3:TestEvent"


def test_events_wait_for_a_target_through_kill_9(server, late):
    s3 = server.client()
    s3.create_bucket(Bucket="waits")
    tell(s3, "waits", "late")
    race(lambda number: put(s3, "waits", f"before/{number}"), 40)
    server.kill9()
    server.start()
    s3 = server.client()
    race(lambda number: put(s3, "waits", f"after/{number}"), 40)
    assert metrics(server).get('onshore_events_total{target="late",result="told"}', 0) == 0
    hook = Hook(port=late)
    flaky = {"left": 10}

    def status(told):
        """Refuses one key for good, and ten times whatever comes."""
        if told.get("Records") and told["Records"][0]["s3"]["object"]["key"] == "before/7":
            return 400
        flaky["left"] -= 1
        return 503 if flaky["left"] >= 0 else 200

    hook.status = status
    try:
        expected = {f"{when}/{number}" for when in ("before", "after") for number in range(40)} - {"before/7"}
        seen = set()
        while seen != expected:
            seen.add(hook.next()["s3"]["object"]["key"])
        hook.status = 200
        assert hook.next()["s3"]["object"]["key"] == "before/7"
        eventually(lambda: metrics(server).get('onshore_events_waiting{target="late"}') == 0)
    finally:
        hook.close()


def test_a_redirection_is_not_followed(server, hook):
    s3 = server.client()
    s3.create_bucket(Bucket="redirected")
    hook.status = 307
    tell(s3, "redirected", "hook")
    eventually(lambda: "it answers 307" in server.log)
    hook.status = 200
    assert hook.told.get(timeout=30)["Event"] == "s3:TestEvent"


def waiting_abroad(server, abroad, name, label="general"):
    """A bucket that tells abroad, to somebody who takes nothing for now."""
    abroad.status = 503
    server.cli("bucket", "create", name, "--class", label)
    s3 = server.client()
    tell(s3, name, "abroad")
    return s3


def told_abroad(server, abroad, refused_before, refused):
    """Everything that is told once the target takes it, when so many are refused."""
    abroad.status = 200
    eventually(lambda: metrics(server).get(REFUSED, 0) >= refused_before + refused)
    eventually(lambda: metrics(server).get('onshore_events_waiting{target="abroad"}') == 0)
    told = []
    while not abroad.told.empty():
        told += [record["s3"]["object"]["key"] for record in abroad.told.get().get("Records", [])]
    return told


REFUSED = 'onshore_events_total{target="abroad",result="refused"}'


def test_what_waits_is_as_strict_as_its_bucket_became(server, abroad):
    s3 = waiting_abroad(server, abroad, "tightened")
    before = metrics(server).get(REFUSED, 0)
    put(s3, "tightened", "waits")
    server.cli("bucket", "set-class", "tightened", "core")
    # Its test of the target waits too, and tells the bucket's name.
    assert "waits" not in told_abroad(server, abroad, before, 2)


def test_what_waits_of_a_removed_bucket_is_as_strict_as_it_was(server, abroad):
    s3 = waiting_abroad(server, abroad, "removed")
    before = metrics(server).get(REFUSED, 0)
    put(s3, "removed", "goes")
    server.cli("bucket", "set-class", "removed", "core")
    s3.delete_object(Bucket="removed", Key="goes")
    s3.delete_bucket(Bucket="removed")
    assert "goes" not in told_abroad(server, abroad, before, 3)


def test_a_marker_on_a_marker_is_as_strict_as_what_it_hides(server, abroad):
    s3 = waiting_abroad(server, abroad, "marked")
    set_versioning(s3, "marked", "Enabled")
    before = metrics(server).get(REFUSED, 0)
    put(s3, "marked", "hidden", Metadata={"onshore-class": "core"})
    s3.delete_object(Bucket="marked", Key="hidden")
    s3.delete_object(Bucket="marked", Key="hidden")
    assert "hidden" not in told_abroad(server, abroad, before, 3)


def test_a_target_that_refuses_is_asked_ever_less_often(server, hook):
    s3 = server.client()
    s3.create_bucket(Bucket="patient")
    asked = []

    def status(told):
        asked.append(told)
        return 503

    hook.status = status
    tell(s3, "patient", "hook")
    put(s3, "patient", "k")
    eventually(lambda: len(asked) >= 6)
    failed = 'onshore_events_failed_total{target="hook"}'
    rounds = metrics(server)[failed]
    # Half a second, one, two: four rounds take three and a half seconds at least.
    begun = time.monotonic()
    eventually(lambda: metrics(server)[failed] >= rounds + 1)
    put(s3, "patient", "other")
    eventually(lambda: metrics(server)[failed] >= rounds + 2)
    assert time.monotonic() - begun > 1
    hook.status = 200
    keys = set()
    while keys != {"k", "other"}:
        keys.add(hook.next()["s3"]["object"]["key"])


def test_a_target_that_is_away_is_asked_ever_less_often(server):
    s3 = server.client()
    s3.create_bucket(Bucket="nobody")
    tell(s3, "nobody", "away")
    failed = lambda: metrics(server).get('onshore_events_failed_total{target="away"}', 0)
    eventually(lambda: failed() >= 1)
    begun, before = time.monotonic(), failed()
    eventually(lambda: failed() >= before + 3)
    assert time.monotonic() - begun > 2.5, "0.5, 1, 2 seconds, or more"


def test_a_target_that_closes_or_dawdles_behind_its_answer_is_told_each_event_once(server, late):
    """One connection for each event, and a body that never ends: the status is the answer."""
    listener = socket.create_server(("127.0.0.1", late))
    told, ends = [], threading.Event()

    def answer(connection):
        with connection, connection.makefile("rb") as file:
            length = 0
            while (line := file.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            if not (body := file.read(length)):
                return
            told.append(json.loads(body))
            if len(told) % 2:
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nfine")
            else:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnever all of it")
                ends.wait(60)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    s3 = server.client()
    s3.create_bucket(Bucket="dawdles")
    tell(s3, "dawdles", "late")
    race(lambda number: put(s3, "dawdles", f"k{number}"), 30)
    eventually(lambda: len(told) >= 31)
    eventually(lambda: metrics(server).get('onshore_events_waiting{target="late"}') == 0)
    ends.set()
    listener.close()
    keys = [record["s3"]["object"]["key"] for one in told for record in one.get("Records", [])]
    assert sorted(keys) == sorted(f"k{number}" for number in range(30))


def test_a_target_of_one_tenant_is_nobody_elses_and_its_address_is_no_secret_told(server, bucket):
    s3 = server.client()
    answers = []
    for target in ("kept-to-one", "nobody-at-all"):
        with pytest.raises(ClientError) as caught:
            tell(s3, bucket, target)
        answers.append(caught.value.response["Error"]["Message"])
    assert answers[0] == answers[1]
    server.cli("tenant", "create", "one")
    key = server.cli("key", "create", "--tenant", "one")
    one = server.client(access_key=key["access_key"], secret_key=key["secret_key"])
    one.create_bucket(Bucket="of-one")
    tell(one, "of-one", "kept-to-one")
    told = json.dumps([leaf["body"] for leaf in server.cli("ledger", "tail", "--number", "1000")])
    assert "SECRETWORD" not in told and "http://127.0.0.1:" in told


def test_forms_and_lifecycles_are_told(make_server, hook):
    server = make_server(
        name="lifecycle", config=f"{CONFIG}\n[upkeep]\nlifecycle_interval_s = 1\nlifecycle_day_s = 1\n[events.hook]\nurl = \"http://127.0.0.1:{hook.port}/\"\n"
    )
    s3 = server.client()
    s3.create_bucket(Bucket="expires")
    tell(s3, "expires", "hook", "s3:ObjectCreated:Post", "s3:LifecycleExpiration:*")
    form = s3.generate_presigned_post("expires", "by/form")
    done = requests.post(form["url"], data=form["fields"], files={"file": b"x"})
    assert done.status_code == 204
    rules = [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]
    s3.put_bucket_lifecycle_configuration(Bucket="expires", LifecycleConfiguration={"Rules": rules})
    assert hook.names(2) == [("LifecycleExpiration:Delete", "by/form"), ("ObjectCreated:Post", "by/form")]


class Listener:
    """A client of NATS that listens, and may ask."""

    def __init__(self, port, subject):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.file = self.socket.makefile("rb")
        assert self.file.readline().startswith(b"INFO ")
        self.send(f'CONNECT {{"verbose":false,"auth_token":"word-of-nats"}}\r\nSUB {subject} 1\r\nSUB inbox.test 2\r\nPING\r\n')
        while self.file.readline() != b"PONG\r\n":
            pass

    def send(self, text):
        self.socket.sendall(text.encode())

    def next(self):
        while True:
            line = self.file.readline().split()
            if line[0] == b"PING":
                self.send("PONG\r\n")
            elif line[0] == b"MSG":
                return json.loads(self.file.read(int(line[-1]) + 2))

    def ask(self, subject, question):
        text = json.dumps(question)
        self.send(f"PUB {subject} inbox.test {len(text)}\r\n{text}\r\n")
        return self.next()


def test_nats_hears_and_a_stream_keeps(server, nats):
    s3 = server.client()
    listener = Listener(nats, "onshore.plain")
    s3.create_bucket(Bucket="on-the-bus")
    tell(s3, "on-the-bus", "bus")
    assert listener.next()["Event"] == "s3:TestEvent"
    put(s3, "on-the-bus", "k")
    assert listener.next()["Records"][0]["s3"]["object"]["key"] == "k"

    asking = Listener(nats, "unused")
    made = asking.ask("$JS.API.STREAM.CREATE.EVENTS", {"name": "EVENTS", "subjects": ["onshore.kept"], "storage": "file"})
    assert "error" not in made, made
    s3.create_bucket(Bucket="in-the-stream")
    tell(s3, "in-the-stream", "kept")
    race(lambda number: put(s3, "in-the-stream", f"k{number}"), 50)
    count = lambda: asking.ask("$JS.API.STREAM.INFO.EVENTS", {})["state"]["messages"]
    eventually(lambda: count() >= 51)
    keys = set()
    for number in range(1, count() + 1):
        message = asking.ask("$JS.API.STREAM.MSG.GET.EVENTS", {"seq": number})["message"]
        told = json.loads(base64.b64decode(message["data"]))
        keys |= {record["s3"]["object"]["key"] for record in told.get("Records", [])}
    assert keys == {f"k{number}" for number in range(50)}


class FalseNats:
    """A server of NATS that answers whoever asks for streams, and whoever sends, as it is told to."""

    def __init__(self, port, streams, acknowledgement):
        self.streams, self.acknowledgement, self.published = streams, acknowledgement, []
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as file:
            connection.sendall(b'INFO {"jetstream": false}\r\n')
            while line := file.readline():
                words = line.split()
                if words[0] == b"PING":
                    connection.sendall(b"PONG\r\n")
                elif words[0] == b"PUB":
                    body = file.read(int(words[-1]) + 2)
                    asked = words[1] == b"$JS.API.STREAM.NAMES"
                    if not asked:
                        self.published.append(body)
                    if len(words) == 4:
                        answer = json.dumps(self.streams if asked else self.acknowledgement).encode()
                        connection.sendall(b"MSG %s 1 %d\r\n%s\r\n" % (words[2], len(answer), answer))


KEPT = {"streams": ["EVENTS"], "total": 1}
UNAVAILABLE = {"error": {"code": 503, "err_code": 10008, "description": "JetStream system temporarily unavailable"}}


@pytest.mark.parametrize(
    "streams, acknowledgement",
    [(UNAVAILABLE, {}), ({"odd": True}, {}), (KEPT, {}), (KEPT, {"stream": "EVENTS"}), (KEPT, {"error": {"code": 500}, "stream": "EVENTS", "seq": 1})],
)
def test_nothing_but_a_streams_own_word_counts(make_server, streams, acknowledgement):
    port = free_port()
    false = FalseNats(port, streams, acknowledgement)
    server = make_server(name="false", config=f'{CONFIG}\n[events.bus]\nurl = "nats://127.0.0.1:{port}"\nsubject = "s"\n')
    s3 = server.client()
    s3.create_bucket(Bucket="told")
    tell(s3, "told", "bus")
    eventually(lambda: metrics(server).get('onshore_events_failed_total{target="bus"}', 0) >= 2)
    assert metrics(server).get('onshore_events_waiting{target="bus"}') == 1
    false.streams, false.acknowledgement = KEPT, {"stream": "EVENTS", "seq": 7}
    eventually(lambda: metrics(server).get('onshore_events_waiting{target="bus"}') == 0)
    assert false.published
    false.listener.close()


@pytest.mark.parametrize(
    "table, said",
    [
        ('[events.a]\nurl = "ftp://h/"', "write http://HOST"),
        ('[events.a]\nurl = "nats://h"', "NATS wants a `subject`"),
        ('[events.a]\nurl = "http://u:p@h/"', "without a name or password"),
        ('[events."a b"]\nurl = "http://h/"', "a name has up to 64"),
        ('[events.a]\nurl = "http://h/"\ntoken_file = "/nonexistent/token"', "cannot read /nonexistent/token"),
        ('[events.a]\nurl = "http://h/"\nsubjekt = "x"', "unknown field"),
    ],
)
def test_a_target_that_is_none_is_a_clear_error(make_server, table, said):
    with pytest.raises(Ended) as ended:
        make_server(name="wrong", config=f"{CONFIG}\n{table}\n")
    assert "status 2" in str(ended.value) and said in str(ended.value)

