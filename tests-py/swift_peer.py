"""A container of OpenStack Swift as its API is documented, with TempAuth and Keystone before it; it can be made to lie."""

import datetime
import hashlib
import json
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

USER, KEY = "test:tester", "the key"
TIME = 1_628_668_800.39027
PAGE = 50


class Thing:
    """An object; `segments` make it a large one, `dynamic` one whose manifest names no segments."""

    def __init__(self, body, segments=None, dynamic=False, link=None, **headers):
        self.body, self.link, self.headers, self.dynamic, self.segments = body, link, headers, dynamic, segments
        self.etag = hashlib.md5(body).hexdigest()
        self.hash = self.etag
        if segments:
            self.etag = hashlib.md5("".join(hashlib.md5(part).hexdigest() for part in segments).encode()).hexdigest()
            self.hash = hashlib.md5(b"" if dynamic else repr([len(part) for part in segments]).encode()).hexdigest()

    @property
    def listed_bytes(self):
        return 0 if self.dynamic else len(self.body)


class Swift:
    """`tokens_last` is how many requests a token is good for. `before_read` is called with a key and the number of reads so far before each body."""

    def __init__(self, things, tokens_last=None, before_read=None, storage=None, regions=("one",), expires_in=3600):
        self.things, self.granted, self.asked, self.reads, self.lock = things, [], [], {}, threading.Lock()
        self.left = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def send(self, status, body=b"", headers=(), length=None):
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body) if length is None else length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def grant(self):
                with outer.lock:
                    outer.granted.append(f"token-{len(outer.granted)}")
                    outer.left = tokens_last
                    return outer.granted[-1]

            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["auth"]
                assert urlsplit(self.path).path == "/v3/auth/tokens", self.path
                identity = asked["identity"]
                if identity["methods"] == ["application_credential"]:
                    is_known = identity["application_credential"] == {"id": "app", "secret": KEY}
                else:
                    is_known = identity["password"]["user"] == {"name": "tester", "domain": {"name": "Home"}, "password": KEY}
                    is_known = is_known and asked["scope"] == {"project": {"name": "test", "domain": {"id": "default"}}}
                if not is_known:
                    return self.send(401, b"{}")
                until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=expires_in)
                endpoints = [
                    {"interface": interface, "region": region, "region_id": region, "url": outer.storage if interface == "public" else "http://127.0.0.1:9/"}
                    for region in regions
                    for interface in ("internal", "public")
                ]
                token = {"expires_at": until.strftime("%Y-%m-%dT%H:%M:%S.000000Z"), "catalog": [{"type": "identity", "endpoints": []}, {"type": "object-store", "endpoints": endpoints}]}
                self.send(201, json.dumps({"token": token}).encode(), [("x-subject-token", self.grant())])

            def answer(self):
                url = urlsplit(self.path)
                asked = dict(parse_qsl(url.query, keep_blank_values=True))
                if url.path == "/auth/v1.0":
                    if (self.headers["x-auth-user"], self.headers["x-auth-key"]) != (USER, KEY):
                        return self.send(401)
                    return self.send(200, headers=[("x-auth-token", self.grant()), ("x-storage-url", outer.storage), ("x-auth-token-expires", str(expires_in))])
                with outer.lock:
                    outer.asked.append((self.command, self.path))
                    is_good = bool(outer.granted) and self.headers["x-auth-token"] == outer.granted[-1] and outer.left != 0
                    if is_good and outer.left is not None:
                        outer.left -= 1
                is_public = url.path.startswith("/v1/AUTH_test/public")
                if not is_good and not is_public:
                    return self.send(401)
                _, _, account, container, *rest = url.path.split("/", 4)
                if account != "AUTH_test" or container not in ("container", "public"):
                    return self.send(404)
                if not rest:
                    return self.list(asked)
                key = unquote(rest[0])
                thing = outer.things.get(key)
                if thing is None:
                    return self.send(404)
                self.hand_out(key, thing)

            def list(self, asked):
                keys = [key for key in sorted(outer.things, key=str.encode) if key.startswith(asked["prefix"]) and key.encode() > asked.get("marker", "").encode()]
                items = []
                for key in keys[: min(PAGE, int(asked["limit"]))]:
                    thing = outer.things[key]
                    when = datetime.datetime.fromtimestamp(TIME, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")
                    item = {"name": key, "bytes": thing.listed_bytes, "hash": thing.hash, "last_modified": when, "content_type": "application/octet-stream"}
                    items.append(item | ({"symlink_path": thing.link} if thing.link else {}))
                self.send(200, json.dumps(items).encode(), [("content-type", "application/json; charset=utf-8")])

            def hand_out(self, key, thing):
                if self.command == "GET":
                    with outer.lock:
                        outer.reads[key] = outer.reads.get(key, 0) + 1
                        reads = outer.reads[key]
                    if before_read is not None:
                        before_read(key, reads)
                        thing = outer.things[key]
                if self.headers.get("if-match", thing.etag).strip('"') != thing.etag:
                    return self.send(412)
                headers = [("x-timestamp", f"{TIME:.5f}"), ("last-modified", formatdate(int(TIME) + 1, usegmt=True)), *thing.headers.items()]
                headers.append(("etag", f'"{thing.etag}"' if thing.segments else thing.etag))
                if thing.segments:
                    headers += [("x-object-manifest", "segments/x")] if thing.dynamic else [("x-static-large-object", "True"), ("x-manifest-etag", thing.hash)]
                body, status = getattr(thing, "handed_out", thing.body), 200
                if wanted := self.headers.get("range"):
                    first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-"))
                    headers.append(("content-range", f"bytes {first}-{last}/{len(body)}"))
                    body, status = body[first : last + 1], 206
                self.send(status, b"" if self.command == "HEAD" else body, headers, length=len(body))

            do_GET = do_HEAD = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.storage = storage or f"{self.url}/v1/AUTH_test"
        self.v1 = {"ST_AUTH": f"{self.url}/auth/v1.0", "ST_USER": USER, "ST_KEY": KEY}
        self.v3 = {"OS_AUTH_URL": f"{self.url}/v3", "OS_USERNAME": "tester", "OS_PASSWORD": KEY, "OS_PROJECT_NAME": "test", "OS_USER_DOMAIN_NAME": "Home"}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
