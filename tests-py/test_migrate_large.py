"""Migration of large objects: a server that is killed asks again for no more than what was under way."""

import hashlib
import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from test_migrate import source_bucket

MIB = 1 << 20
SIZE = 160 * MIB
# What is in flight when the server dies: two objects of two streams each, and what sockets buffer of them.
RUN = 16 * MIB


class Counting:
    """Stands before the source, counts the bytes of bodies that it hands out, and can be told to wait once so many have gone."""

    def __init__(self, behind):
        self.sent, self.limit, self.reached, self.open = 0, None, threading.Event(), threading.Event()
        self.open.set()
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                target = urlsplit(behind)
                upstream = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
                upstream.request(self.command, self.path, headers={name: value for name, value in self.headers.items()})
                got = upstream.getresponse()
                self.send_response_only(got.status)
                for name, value in got.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection"):
                        self.send_header(name, value)
                if got.getheader("content-length") is None and self.command != "HEAD":
                    body = got.read()
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    return
                self.end_headers()
                while self.command != "HEAD" and (chunk := got.read(64 * 1024)):
                    outer.open.wait(60)
                    self.wfile.write(chunk)
                    with outer.lock:
                        outer.sent += len(chunk)
                        if outer.limit is not None and outer.sent >= outer.limit:
                            outer.limit = None
                            outer.open.clear()
                            outer.reached.set()
                upstream.close()

            do_GET = do_HEAD = answer

            def handle(self):
                try:
                    super().handle()
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def counting(moto):
    proxy = Counting(moto.url)
    yield proxy
    proxy.close()


def body(seed):
    block = hashlib.sha512(seed).digest() * (MIB // 64)
    return b"".join(bytes([n]) + block[1:] for n in range(SIZE // MIB))


def test_a_kill_in_the_middle_costs_what_was_under_way(make_server, moto, counting):
    server = make_server()
    bodies = {"one": body(b"1"), "two": body(b"2")}
    theirs = source_bucket(moto, "large", {key: dict(Body=content) for key, content in bodies.items()})
    total = 2 * SIZE
    counting.limit = int(total * 0.55)
    asked = ("migrate", "s3://large", "onshore-large", "--endpoint", counting.url)
    assert server.run(*asked, "--detach", env=moto.env).returncode == 0
    assert counting.reached.wait(120)
    server.kill9()
    server.output = []
    counting.open.set()
    server.start()
    done = server.run("--json", *asked, env=moto.env, timeout=170)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["progress"]["copied"] == 2
    ours = server.client()
    for key, content in bodies.items():
        got = ours.get_object(Bucket="onshore-large", Key=key)
        assert got["ETag"] == theirs.head_object(Bucket="large", Key=key)["ETag"]
        assert hashlib.sha256(got["Body"].read()).digest() == hashlib.sha256(content).digest()
        middle = ours.get_object(Bucket="onshore-large", Key=key, Range=f"bytes={RUN - 5}-{RUN + 4}")
        assert middle["Body"].read() == content[RUN - 5 : RUN + 5]
    # Two runs of each object were under way when the server died; listings and sockets take a little more.
    assert counting.sent <= total + 4 * RUN + 4 * MIB, counting.sent - total
    assert "Uploads" not in ours.list_multipart_uploads(Bucket="onshore-large")
    # Where its bytes lie is of no account to whoever looks at the folder from outside.
    server.terminate()
    for look in ("fsck", "scrub"):
        said = server.run(look, "--data", server.data)
        assert said.returncode == 0, said
