"""Support sessions: the technology provider's staff see what two of the operator's people let them, and nothing unrecorded."""

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from onshore_server import CONFIG
from test_residency import DE, PROXY, US

VIEWS = ["/metrics", "/openapi.json", "/v1/whoami", "/v1/ledger/key", "/v1/ledger/status", "/v1/packs/activations", "/v1/rescan"]
TENANT_VIEWS = ["/v1/buckets", "/v1/jobs", "/v1/tenants/acme/quota", "/v1/buckets/acme-papers/quota", "/v1/buckets/acme-papers/findings"]


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, dict(response.getheaders()), response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]

    @property
    def leaf(self):
        return int(self.headers["x-onshore-leaf"])


class Crew:
    """Two operators, somebody who is one of them again, an auditor and an engineer, with a token each."""

    def __init__(self, server):
        self.server = server
        for name, role, person in [
            ("ada", "operator", "ada"),
            ("bo", "operator", "bo"),
            ("ada2", "operator", "ADA"),
            ("auditor", "auditor", "cy"),
            ("eve", "support-engineer", "eve"),
        ]:
            self.hire(name, role, person)
        for tenant in ("acme", "other"):
            server.cli("tenant", "create", tenant)
            server.cli("bucket", "create", f"{tenant}-papers", "--tenant", tenant, "--class", "general")

    def hire(self, name, role, person=None, by=None):
        named = ["--person", person] if person else []
        env = {"ONSHORE_TOKEN": getattr(self, by)} if by else None
        made = self.server.cli("token", "create", "--role", role, *named, env=env)
        setattr(self, name, made["token"])
        setattr(self, f"{name}_id", made["principal"])

    def run(self, who, *args):
        return self.server.run(*args, "--json", env={"ONSHORE_TOKEN": getattr(self, who)})

    def does(self, who, *args):
        done = self.run(who, *args)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def fails(self, who, *args):
        done = self.run(who, *args)
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def open(self, *more, engineer=None, organisation="CN", minutes="60", purpose="slow reads"):
        return ["support", "open", "--engineer", engineer or self.eve_id, "--purpose", purpose, "--minutes", minutes,
                "--organisation", organisation, *more]

    def session(self, *more, **how):
        """A session in force; any other of the engineer is closed first."""
        self.close()
        session = self.does("ada", *self.open(*more, **how))["id"]
        assert self.does("bo", "support", "approve", session)["state"] == "in-force"
        return session

    def close(self):
        for session in self.server.cli("support", "list"):
            if session["state"] in ("in-force", "proposed"):
                self.does("bo", "support", "close", session["id"])

    def ask(self, path, method="GET", token=None, source=None, body=None, **headers):
        host, port = self.server.control.removeprefix("http://").rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=60, source_address=(source, 0) if source else None)
        try:
            headers = {"Authorization": f"Bearer {token or self.eve}", **({"Content-Type": "application/json"} if body else {}), **headers}
            connection.request(method, path, body, headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def requests(self, session=None):
        """What is recorded, oldest first."""
        if session:
            return self.server.cli("support", "show", session).get("requests", [])[::-1]
        return self.server.cli("support", "requests")[::-1]

    def leaf(self, index):
        return next(leaf["body"] for leaf in self.server.cli("ledger", "tail", "-n", "1000") if leaf["index"] == index)


@pytest.fixture(scope="module")
def crew(make_server):
    return Crew(make_server())


def test_a_support_token_opens_nothing_by_itself(crew):
    crew.close()
    before = len(crew.requests())
    for path in [*VIEWS, *TENANT_VIEWS, "/v1/tenants", "/v1/ledger/leaves", "/ledger/checkpoint", "/nothing/here"]:
        answer = crew.ask(path)
        assert (answer.status, answer.code) == (403, "support.no-session"), path
        assert "onshore support open" in answer.json["detail"]
    answer = crew.ask("/v1/tokens", "POST", body=json.dumps({"role": "operator"}))
    assert (answer.status, answer.code) == (403, "support.no-session")
    # From abroad it is told the same, and no other token learns anything there.
    assert crew.ask("/metrics", source=US).code == "support.no-session"
    assert crew.ask("/metrics", source=US, token=crew.ada).code == crew.ask("/metrics", source=US, token="0" * 64).code == "border.control"
    told = crew.requests()[before:]
    assert len(told) == len(VIEWS) + len(TENANT_VIEWS) + 6
    assert all(request["refused_by"] == "support.no-session" and "session" not in request for request in told)
    assert told[-1]["place"] == "US" and told[-2]["operation"] == "POST /v1/tokens" and told[-3]["operation"] == "GET unlisted"


def test_two_persons_open_a_session_and_no_one_does_alone(crew):
    crew.close()
    session = crew.does("ada", *crew.open())["id"]
    assert crew.ask("/metrics").code == "support.no-session", "one word is none"
    crew.hire("puppet", "operator", "mallory", by="ada")
    crew.hire("puppets_puppet", "operator", "niaj", by="puppet")
    crew.hire("nameless", "operator", by="ada")
    crew.hire("by_nameless", "operator", "olivia", by="nameless")
    for who in ("ada", "ada2", "puppet", "puppets_puppet", "by_nameless"):
        assert "two people" in crew.fails(who, "support", "approve", session), who
    assert "names nobody" in crew.fails("nameless", "support", "approve", session)
    for who in ("auditor", "eve"):
        crew.fails(who, "support", "approve", session)
    # The first token of a folder names nobody either.
    done = crew.server.run("support", "approve", session)
    assert done.returncode != 0 and "names nobody" in done.stderr
    assert crew.server.cli("support", "show", session)["state"] == "proposed"
    approved = crew.does("bo", "support", "approve", session)
    assert approved["state"] == "in-force" and approved["approved"]["person"] == "bo"
    assert crew.ask("/metrics").status == 200
    assert "in-force" in crew.fails("bo", "support", "approve", session)
    # Of one engineer one is in force.
    second = crew.does("ada", *crew.open())["id"]
    assert "in force" in crew.fails("bo", "support", "approve", second)
    # Whoever asked does not come into it: anybody who operates may close.
    assert crew.does("puppet", "support", "close", session)["state"] == "closed"
    assert crew.ask("/metrics").code == "support.no-session"
    assert "closed" in crew.fails("bo", "support", "approve", session)
    crew.does("ada", "support", "close", second)
    assert "closed" in crew.fails("bo", "support", "approve", second)
    # An operator who is the engineer, under two tokens, lets himself in by neither word.
    crew.hire("self", "support-engineer", "Bo")
    own = crew.does("ada", *crew.open(engineer=crew.self_id))["id"]
    assert "two people" in crew.fails("bo", "support", "approve", own)
    assert "two people" in crew.fails("bo", *crew.open(engineer=crew.self_id))
    crew.does("ada", "support", "close", own)


@pytest.mark.parametrize("how", [{"minutes": "0"}, {"minutes": "481"}, {"purpose": ""}, {"purpose": "  "}, {"organisation": "XX"}])
def test_a_session_has_a_purpose_and_a_time_box(crew, how):
    before = crew.server.cli("support", "list")
    crew.fails("ada", *crew.open(**how))
    body = {"engineer": crew.eve_id, "purpose": "p", "minutes": 1, "organisation": "CN", **{name: value if name != "minutes" else int(value) for name, value in how.items()}}
    assert crew.ask("/v1/support/sessions", "POST", token=crew.ada, body=json.dumps(body)).status == 400
    assert crew.server.cli("support", "list") == before


def test_a_session_is_for_a_named_engineer(crew):
    crew.hire("nobody", "support-engineer")
    assert "names nobody" in crew.fails("ada", *crew.open(engineer=crew.nobody_id))
    assert "support engineer" in crew.fails("ada", *crew.open(engineer=crew.auditor_id))
    assert "control token" in crew.fails("ada", *crew.open(engineer="pri_" + "0" * 32))
    crew.fails("auditor", *crew.open())


def test_a_session_reads_views_and_changes_nothing(crew):
    session = crew.session("--tenant", "acme")
    document = crew.ask("/openapi.json", token=crew.ada).json
    opened = {*VIEWS, "/v1/buckets", "/v1/jobs", "/v1/jobs/{id}", "/v1/tenants/{name}/quota", "/v1/buckets/{name}/quota", "/v1/buckets/{name}/findings"}
    state = lambda: [crew.server.cli(what, "list") for what in ("tenant", "bucket", "token", "approval", "support")]
    before = state()
    asked = 0
    for path, methods in document["paths"].items():
        if path == "/healthz":
            continue
        real = path
        for part, value in {"{name}": "acme", "{id}": session, "{index}": "0", "{leaf}": "0", "{position}": "0", "{path}": "0/000", "{kind}": "users"}.items():
            real = real.replace(part, value)
        for method in {*methods, "head", "put", "post", "delete", "patch"}:
            answer = crew.ask(real, method.upper(), body="{}" if method in ("put", "post") else None)
            asked += 1
            if method == "get" and path in opened:
                assert answer.status != 403, (path, answer.body)
            else:
                assert answer.status == 403, (method, path)
    assert state() == before
    told = crew.requests(session)
    # A thousand are told at most, and these are fewer.
    assert len(told) == asked < 1000
    assert all((request["status"] == 403) == ("refused_by" in request) for request in told)


def test_a_session_is_for_one_tenant_or_for_none(crew):
    session = crew.session()
    for path in TENANT_VIEWS:
        answer = crew.ask(path)
        assert (answer.status, answer.code) == (403, "support.no-tenant"), path
    answers = [crew.ask(path) for path in VIEWS]
    assert {answer.status for answer in answers} == {200}
    assert [request["bytes"] for request in crew.requests(session)[-len(VIEWS):]] == [len(answer.body) for answer in answers]
    session = crew.session("--tenant", "acme")
    for path in TENANT_VIEWS:
        assert crew.ask(path).status == 200, path
    assert [bucket["name"] for bucket in crew.ask("/v1/buckets").json] == ["acme-papers"]
    for path in ("/v1/buckets/{}/quota", "/v1/buckets/{}/findings", "/v1/tenants/{}/quota"):
        theirs, absent = (crew.ask(path.format(name)) for name in ("other-papers" if "buckets" in path else "other", "absent-papers"))
        assert theirs.status == absent.status == 404, path
        assert theirs.json["detail"].replace("other-papers", "absent-papers").replace("other", "absent-papers") == absent.json["detail"]


def test_each_request_is_a_row_and_a_leaf_that_names_nobody(crew):
    session = crew.session("--tenant", "acme")
    answer = crew.ask("/v1/buckets/acme-papers/findings?prefix=patients/li-wei")
    assert answer.status == 200
    row = crew.requests(session)[-1]
    assert row["target"] == "/v1/buckets/acme-papers/findings?prefix=patients/li-wei" and row["leaf"] == answer.leaf
    leaf = crew.leaf(answer.leaf)
    assert leaf["kind"] == "support.request" and leaf["session"] == session and leaf["by"] == crew.eve_id and leaf["status"] == 200
    assert leaf["operation"] == "GET /v1/buckets/{name}/findings" and leaf["bytes"] == len(answer.body)
    assert "li-wei" not in json.dumps(leaf) and "acme" not in json.dumps(leaf)
    told = [crew.leaf(leaf["index"]) for leaf in crew.server.cli("ledger", "tail", "-n", "50") if leaf["body"].get("session") == session]
    assert [leaf["kind"] for leaf in told][:2] == ["support.proposed", "support.approved"]
    assert "slow reads" not in json.dumps(told) and '"eve"' not in json.dumps(told)


def grant(crew, tenant="acme", to="US", label="important,personal", most=10 << 20):
    return crew.server.cli("approval", "grant", "--tenant", tenant, "--to", to, "--class", label, "--max-bytes", most, "--until", "2099-01-01")["id"]


@pytest.mark.parametrize("how", ["address", "proxy", "organisation"])
def test_what_goes_abroad_is_an_export(crew, how):
    organisation = "US" if how == "organisation" else "CN"
    at = {"address": {"source": US}, "proxy": {"source": PROXY, "X-Forwarded-For": "127.0.0.66"}, "organisation": {}}[how]
    session = crew.session("--tenant", "acme", organisation=organisation)
    for path in [*VIEWS, *TENANT_VIEWS]:
        answer = crew.ask(path, **at)
        assert (answer.status, answer.code) == (403, "refused"), path
        assert "border" in answer.json["detail"] and "acme-papers" not in answer.body.decode()
    refused = crew.requests(session)
    assert len(refused) == len(VIEWS) + len(TENANT_VIEWS) and all(request["place"] == "US" and "border" in request["refused_by"] for request in refused)
    for label, to in (("personal", "US"), ("general", "US"), ("core,sensitive-personal", "DE")):
        approval = grant(crew, to=to, label=label)
        assert crew.ask("/metrics", **at).status == 403, "it does not cover"
        crew.server.cli("approval", "revoke", approval)
    approval = grant(crew)
    spent = lambda: crew.server.cli("approval", "show", approval)["spent_bytes"]
    sent = 0
    for path in [*VIEWS, *TENANT_VIEWS]:
        answer = crew.ask(path, **at)
        assert answer.status == 200, (path, answer.body)
        sent += len(answer.body)
        told = crew.leaf(answer.leaf)
        opened = crew.leaf(told["export"])
        assert opened["kind"] == "export.opened" and opened["operation"] == "SupportView" and opened["approval"] == approval
        assert opened["reserved_bytes"] == told["bytes"] == len(answer.body) and opened["to"] == told["to"] == "US"
    assert spent() == sent
    crew.server.cli("approval", "revoke", approval)
    assert crew.ask("/metrics", **at).status == 403
    small = grant(crew, most=10)
    assert crew.ask("/metrics", **at).status == 403, "more than is left"
    crew.server.cli("approval", "revoke", small)


def test_no_approval_carries_what_no_tenant_answers_for_nor_to_nowhere(crew):
    approvals = [grant(crew), grant(crew, tenant="other"), grant(crew, to="DE")]
    crew.session(organisation="US")
    assert crew.ask("/metrics").status == 403
    crew.session("--tenant", "other", organisation="US")
    assert crew.ask("/metrics").status == 200
    # Between two countries abroad there is no place that anybody could approve.
    assert crew.ask("/metrics", source=DE).status == 403
    assert crew.ask("/metrics", source=PROXY).status == 403, "a proxy that vouches for nobody"
    for approval in approvals:
        crew.server.cli("approval", "revoke", approval)


def test_findings_abroad_are_as_strict_as_what_they_tell_of(crew):
    crew.server.cli("bucket", "create", "acme-strict", "--tenant", "acme", "--class", "sensitive-personal")
    crew.server.cli("bucket", "create", "acme-none", "--tenant", "acme")
    crew.session("--tenant", "acme", organisation="US")
    loose, strict = grant(crew), None
    assert crew.ask("/v1/buckets/acme-papers/findings").status == 200
    assert crew.ask("/v1/buckets/acme-strict/findings").status == 403
    strict = grant(crew, label="important,sensitive-personal")
    assert crew.ask("/v1/buckets/acme-strict/findings").status == 200
    assert crew.ask("/v1/buckets/acme-none/findings").status == 403, "unclassified"
    for approval in (loose, strict):
        crew.server.cli("approval", "revoke", approval)


def test_closing_binds_at_once_however_many_ask(crew):
    session = crew.session()
    stop, last_good = threading.Event(), []

    def asks(_):
        while not stop.is_set():
            try:
                answer = crew.ask("/v1/rescan")
            except (OSError, http.client.HTTPException):
                # It was closed between the record and the first byte: nothing of it came.
                continue
            assert answer.status == 200 or answer.code == "support.no-session"
            if answer.status == 200:
                last_good.append(answer.leaf)

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(asks, number) for number in range(8)]
        while len(last_good) < 20:
            stop.wait(0.01)
        closed = crew.does("bo", "support", "close", session)["leaf"]
        after = crew.ask("/v1/rescan")
        stop.set()
        for done in asking:
            done.result()
    assert after.code == "support.no-session"
    # The ledger has them in one order: no answer behind the closing.
    told = crew.requests(session)
    recorded = {request["leaf"] for request in told if "refused_by" not in request}
    assert set(last_good) <= recorded and max(recorded) < closed
    assert all(request["refused_by"] == "support.over" for request in told if request["leaf"] > closed)


def test_a_long_answer_breaks_off_when_its_session_is_closed(crew):
    s3 = crew.server.client()
    s3.create_bucket(Bucket="long-names")
    tenant = next(bucket["tenant"] for bucket in crew.server.cli("bucket", "list") if bucket["name"] == "long-names")
    with ThreadPoolExecutor(16) as pool:
        # Each of these characters is six in JSON.
        list(pool.map(lambda number: s3.put_object(Bucket="long-names", Key=f"{number:04}" + "\x01" * 1000, Body=b""), range(1000)))
    session = crew.session("--tenant", tenant)
    host, port = crew.server.control.removeprefix("http://").rsplit(":", 1)
    for close in (True, False):
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(60)
            slow.connect((host, int(port)))
            slow.sendall(f"GET /v1/buckets/long-names/findings HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {crew.eve}\r\n\r\n".encode())
            got = slow.recv(4096)
            length = int(got.split(b"content-length: ")[1].split(b"\r\n")[0])
            assert length > 5 << 20
            if close:
                crew.does("bo", "support", "close", session)
            while True:
                try:
                    part = slow.recv(1 << 16)
                except ConnectionResetError:
                    break
                if not part:
                    break
                got += part
        body = got.split(b"\r\n\r\n", 1)[1]
        if close:
            assert len(body) < length, "it went on to its end"
            crew.session("--tenant", tenant)
        else:
            assert len(body) == length and json.loads(body)


def test_a_session_ends_with_the_token_it_is_for(crew):
    crew.hire("zoe", "support-engineer", "zoe")
    session = crew.does("ada", *crew.open(engineer=crew.zoe_id))["id"]
    crew.does("bo", "support", "approve", session)
    assert crew.ask("/metrics", token=crew.zoe).status == 200
    crew.does("ada", "token", "revoke", crew.zoe_id)
    assert crew.ask("/metrics", token=crew.zoe).status == 401
    assert crew.server.cli("support", "show", session)["state"] == "closed"


def test_the_s3_port_opens_nothing_to_it(crew):
    crew.session("--tenant", "acme")
    host, port = crew.server.s3_host, crew.server.s3_port
    for headers in (
        {"Authorization": f"Bearer {crew.eve}"},
        {"Authorization": f"AWS4-HMAC-SHA256 Credential={crew.eve[:20].upper()}/20261130/cn-north-1/s3/aws4_request, SignedHeaders=host, Signature={'0' * 64}"},
        {"x-amz-security-token": crew.eve},
    ):
        for path in ("/", "/acme-papers", "/acme-papers/k"):
            connection = http.client.HTTPConnection(host, port, timeout=60)
            connection.request("GET", path, headers=headers)
            assert connection.getresponse().status in (400, 403), (headers, path)
            connection.close()


def test_a_token_of_another_partition_is_nobodys(crew, make_server):
    crew.session()
    other = make_server("other", config=CONFIG.replace('partition = "onshore"', 'partition = "elsewhere"'))
    there = Crew(other)
    assert there.ask("/metrics", token=crew.eve).status == 401
    assert crew.ask("/metrics", token=there.eve).status == 401
    session = there.session()
    assert "no support session" in crew.fails("ada", "support", "show", session)


def test_what_was_answered_is_recorded_whatever_happens_then(crew):
    session = crew.session()
    answered, lock = [], threading.Lock()

    def asks(_):
        try:
            while True:
                answer = crew.ask("/v1/rescan")
                assert answer.status == 200
                with lock:
                    answered.append(answer.leaf)
        except (OSError, http.client.HTTPException):
            pass

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(asks, number) for number in range(8)]
        while len(answered) < 50:
            threading.Event().wait(0.01)
        crew.server.kill9()
        for done in asking:
            done.result()
    crew.server.output = []
    crew.server.start()
    assert set(answered) <= {request["leaf"] for request in crew.requests(session)}
    # It is in force still, and can still be closed.
    assert crew.ask("/v1/rescan").status == 200
    crew.does("ada", "support", "close", session)
    assert crew.ask("/v1/rescan").code == "support.no-session"
    crew.server.restart()
    assert crew.ask("/v1/rescan").code == "support.no-session"
    assert crew.server.run("support", "show", session).stdout.count("GET /v1/rescan") >= 50
