"""The control API's manners: problems, requests that are done once, edits of what was seen, pages, rates; and everything that its OpenAPI
document says, tried by Schemathesis."""

import http.client
import json
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from onshore_server import CONFIG

PROBLEM = "application/problem+json"
SCHEMATHESIS_S = 90


class Answer:
    def __init__(self, response):
        self.status, self.headers = response.status, {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)


def ask(server, method, path, body=None, token=None, **headers):
    connection = http.client.HTTPConnection(urlsplit(server.control).netloc, timeout=60)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
        body = body if isinstance(body, (str, bytes)) else json.dumps(body)
    connection.request(method, path, body, {"Authorization": f"Bearer {token or server.token}", **headers})
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def new_name():
    return f"t-{uuid.uuid4().hex[:20]}"


def problem(answer, status, code=None):
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == PROBLEM
    told = answer.json
    assert told["status"] == status and told["title"] and told["detail"]
    assert told["type"] == f"urn:onshore:problem:{told['code']}"
    assert code in (None, told["code"]), told
    return told


def test_what_goes_wrong_is_told_as_a_problem(server):
    problem(ask(server, "GET", "/v1/nowhere"), 404, "not-found")
    problem(ask(server, "GET", "/v1/tenants", token="unknown"), 401, "unauthenticated")
    problem(ask(server, "DELETE", "/v1/tenants"), 405, "method-not-allowed")
    problem(ask(server, "POST", "/v1/tenants", "{"), 400, "bad-request")
    problem(ask(server, "POST", "/v1/tenants", "name=x", Content_Type="text/plain"), 415, "not-json")
    problem(ask(server, "POST", "/v1/tenants", {"name": "x" * (1 << 20)}), 413, "body-too-long")
    # A list is no object, whatever the order of its members.
    problem(ask(server, "PUT", "/v1/tenants/default/quota", [None, None]), 400, "bad-request")


def tenants(server):
    return [tenant["name"] for tenant in server.cli("tenant", "list")]


def test_a_request_with_a_key_is_done_once(server):
    name, key = new_name(), str(uuid.uuid4())
    first = ask(server, "POST", "/v1/tenants", {"name": name}, Idempotency_Key=key)
    assert first.status == 201 and "idempotency-replayed" not in first.headers
    for form in (key, f'"{key}"'):
        again = ask(server, "POST", "/v1/tenants", {"name": name}, Idempotency_Key=form)
        assert (again.status, again.body) == (201, first.body)
        assert again.headers["idempotency-replayed"] == "true"
    # Without the key it is another request, and so it is with another key.
    problem(ask(server, "POST", "/v1/tenants", {"name": name}), 409)
    problem(ask(server, "POST", "/v1/tenants", {"name": name}, Idempotency_Key=str(uuid.uuid4())), 409)
    for path, body in (("/v1/tenants", {"name": new_name()}), ("/v1/buckets", {"name": name, "tenant": name})):
        problem(ask(server, "POST", path, body, Idempotency_Key=key), 422, "idempotency-key-reused")
    # Refusals are answers too.
    key = str(uuid.uuid4())
    refused = ask(server, "POST", "/v1/tenants", {"name": "NO"}, Idempotency_Key=key)
    again = ask(server, "POST", "/v1/tenants", {"name": "NO"}, Idempotency_Key=key)
    assert refused.status == again.status == 400 and refused.body == again.body and again.headers["content-type"] == PROBLEM
    for bad in ("", "a b", "k" * 256, "ü"):
        problem(ask(server, "POST", "/v1/tenants", {"name": new_name()}, Idempotency_Key=bad.encode("latin-1")), 400, "bad-request")


def test_another_holder_has_keys_of_his_own(server):
    other = server.cli("token", "create", "--role", "operator")["token"]
    key, names = str(uuid.uuid4()), (new_name(), new_name())
    assert ask(server, "POST", "/v1/tenants", {"name": names[0]}, Idempotency_Key=key).status == 201
    assert ask(server, "POST", "/v1/tenants", {"name": names[1]}, token=other, Idempotency_Key=key).status == 201
    assert set(names) <= set(tenants(server))


def test_answers_outlive_a_kill_and_no_secret_is_kept_open(make_server):
    server = make_server()
    key = str(uuid.uuid4())
    first = ask(server, "POST", "/v1/tenants/default/keys", {}, Idempotency_Key=key)
    assert first.status == 201
    secret = first.json["secret_key"]
    server.restart()
    again = ask(server, "POST", "/v1/tenants/default/keys", {}, Idempotency_Key=key)
    assert (again.status, again.body) == (201, first.body)
    server.kill9()
    for file in Path(server.data).rglob("*"):
        if file.is_file():
            held = file.read_bytes()
            assert secret.encode() not in held and key.encode() not in held, file


def test_of_many_at_once_one_is_done(server):
    name, key = new_name(), str(uuid.uuid4())
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: ask(server, "POST", "/v1/tenants", {"name": name}, Idempotency_Key=key), range(48)))
    done = [answer for answer in answers if answer.status == 201]
    assert {answer.body for answer in done} == {done[0].body}
    assert sum("idempotency-replayed" not in answer.headers for answer in done) == 1
    for answer in answers:
        if answer.status != 201:
            problem(answer, 409, "idempotency-key-under-way")
    assert tenants(server).count(name) == 1
    made = [leaf for leaf in server.cli("ledger", "tail", "-n", 1000) if leaf["index"] == done[0].json["leaf"]]
    assert len(made) == 1


@pytest.fixture
def purpose(server):
    bucket = f"b-{uuid.uuid4().hex[:20]}"
    server.cli("bucket", "create", bucket)
    return f"/v1/buckets/{bucket}/purpose"


def test_an_edit_of_what_was_seen_is_done_and_no_other(server, purpose):
    seen = ask(server, "GET", purpose)
    etag = seen.headers["etag"]
    assert ask(server, "GET", purpose, If_None_Match=etag).status == 304
    assert ask(server, "GET", purpose, If_None_Match=f'"other", W/{etag}').body == b""
    assert ask(server, "PUT", purpose, {"purpose": "one"}, If_Match=etag).status == 200
    told = problem(ask(server, "PUT", purpose, {"purpose": "two"}, If_Match=etag), 412, "changed-since")
    now = ask(server, "GET", purpose)
    assert now.headers["etag"] != etag and now.headers["etag"] in told["detail"]
    assert ask(server, "GET", purpose, If_None_Match=etag).status == 200
    assert [one["purpose"] for one in now.json] == ["one"]
    assert ask(server, "PUT", purpose, {"purpose": "two"}, If_Match=f'"x", {now.headers["etag"]}').status == 200
    assert ask(server, "PUT", purpose, {"purpose": "three"}, If_Match="*").status == 200
    for nothing in ("", "x", f"W/{now.headers['etag']}"):
        problem(ask(server, "PUT", purpose, {"purpose": "four"}, If_Match=nothing), 412)
    # Of what is not there nothing was seen.
    problem(ask(server, "PUT", "/v1/buckets/no-such-bucket/purpose", {"purpose": "x"}, If_Match="*"), 412)
    problem(ask(server, "DELETE", f"/v1/approvals/apr_{'0' * 32}", If_Match="*"), 412)


def test_of_many_edits_of_one_state_one_is_done(server, purpose):
    etag = ask(server, "GET", purpose).headers["etag"]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda at: ask(server, "PUT", purpose, {"purpose": f"p{at}"}, If_Match=etag).status, range(32)))
    assert sorted(answers) == [200] + [412] * 31
    assert len(ask(server, "GET", purpose).json) == 1


def test_an_amendment_says_what_it_was_made_of(server):
    record = {"id": f"org-{uuid.uuid4().hex[:12]}", "name": "Example"}
    made = ask(server, "POST", "/v1/register/organisation", record)
    if made.status == 400:
        pytest.fail(made.body)
    path = f"/v1/register/organisation/{record['id']}"
    etag = ask(server, "GET", path).headers["etag"]
    problem(ask(server, "PUT", path, {"record": record}), 428, "precondition-required")
    problem(ask(server, "PUT", path, {"record": record}, If_Match='"stale"'), 412)
    assert ask(server, "PUT", path, {"record": {**record, "name": "Other"}}, If_Match=etag).json["revision"] == 2
    problem(ask(server, "PUT", path, {"record": record, "revision": 1}), 409)
    # What it was made of can be seen, and nothing else is said in a query.
    shown = [ask(server, "GET", path + query).json for query in ("?revision=1", "?revision=2", "")]
    assert [(one["revision"], one["record"]["name"]) for one in shown] == [(1, "Example"), (2, "Other"), (2, "Other")]
    problem(ask(server, "GET", f"{path}?revision=3"), 404)
    for query in ("revisions=1", "revision=x", "known_at=2026-01-01"):
        problem(ask(server, "GET", f"{path}?{query}"), 400)


def test_lists_come_in_pages(server):
    names = [new_name() for _ in range(7)]
    for name in names:
        assert ask(server, "POST", "/v1/tenants", {"name": name}).status == 201
    whole = [tenant["name"] for tenant in ask(server, "GET", "/v1/tenants").json]
    seen, path = [], "/v1/tenants?limit=3"
    while path:
        page = ask(server, "GET", path)
        assert page.status == 200 and 0 < len(page.json) <= 3
        seen += [tenant["name"] for tenant in page.json]
        link = page.headers.get("link")
        path = f"/v1/tenants{link[1 : link.index('>')]}" if link else None
        assert link is None or link.endswith('; rel="next"')
    assert seen == whole and set(names) <= set(seen)
    for bad in ("limit=1&limit=2", "limit=0", "limit=1001", "limit=-1", "limit=x", "after=nothing-there", "page=2"):
        problem(ask(server, "GET", f"/v1/tenants?{bad}"), 400, "bad-request")
    assert set(names) <= set(tenants(server))


def test_every_list_has_pages(server):
    document = ask(server, "GET", "/openapi.json").json
    for path, methods in document["paths"].items():
        operation = methods.get("get", {})
        answer = operation.get("responses", {}).get("200", {}).get("content", {}).get("application/json", {})
        if answer.get("schema", {}).get("type") == "array":
            told = {one["name"] for one in operation["parameters"]}
            assert "limit" in told and told & {"after", "from"}, path


def test_whoever_asks_too_fast_is_told_to_wait(make_server):
    server = make_server(config=CONFIG + "\n[control]\nrequests_per_s = 1\nburst = 20\n")
    other = server.cli("token", "create", "--role", "auditor")["token"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(server, "GET", "/v1/whoami"), range(60)))
    late = [answer for answer in answers if answer.status == 429]
    assert 20 <= len(late) < 60
    for answer in late:
        problem(answer, 429, "too-many-requests")
        assert answer.headers["retry-after"] == "1"
    assert ask(server, "GET", "/v1/whoami", token=other).status == 200, "others are not kept waiting"
    assert ask(server, "GET", "/healthz").status == 200


CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,"
    "negative_data_rejection,unsupported_method,ignored_auth,missing_required_header,allow_header_conformance"
)


def test_the_api_is_what_its_document_says(make_server, tmp_path):
    server = make_server()
    server.cli("bucket", "create", "papers")
    # What is wrong with a request is refused also where `If-Match` is what refuses it.
    refusals = [400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 428, 429]
    (tmp_path / "schemathesis.toml").write_text(f"[checks.negative_data_rejection]\nexpected-statuses = {[str(status) for status in refusals]}\n")
    command = [
        Path(sys.executable).with_name("st"), "run", f"{server.control}/openapi.json", "-H", f"Authorization: Bearer {server.token}",
        "--seed", "20261130", "--max-time", SCHEMATHESIS_S, "--phases", "coverage,fuzzing", "-n", 10, "--request-timeout", 20,
        "--continue-on-failure", "--no-shrink", "--checks", CHECKS, "--warnings", "off",
    ]  # fmt: skip
    done = subprocess.run([str(part) for part in command], cwd=tmp_path, capture_output=True, text=True, timeout=SCHEMATHESIS_S + 60)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "ERROR" not in server.log and "panicked" not in server.log, server.log[-4000:]
