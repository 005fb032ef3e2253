"""A container of Azure Blob Storage as its REST API is documented, which checks each signature by itself and can be made to lie."""

import base64
import hashlib
import hmac
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

ACCOUNT, KEY = "sourceaccount", base64.b64encode(b"the account's key").decode()
PAGE = 50
DATE = "Wed, 11 Aug 2021 08:00:00 GMT"


class Blob:
    def __init__(self, body, md5=True, tags=None, tier="Hot", folder=False, **headers):
        self.body, self.tags, self.tier, self.folder = body, tags or {}, tier, folder
        self.headers = dict(headers)
        self.etag = "0x" + hashlib.sha1(body).hexdigest()[:15].upper()
        if md5:
            self.headers["content-md5"] = base64.b64encode(hashlib.md5(body).digest()).decode()


class Azure:
    """The account's key opens it, or the signature that is given. `before_read` is called with a key and the number of reads so far before each body."""

    def __init__(self, blobs, signature=None, before_read=None, no_tags=False):
        self.blobs, self.asked, self.lock, self.reads = blobs, [], threading.Lock(), {}
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

            def refuse(self, status, code):
                self.send(status, f"<Error><Code>{code}</Code></Error>".encode(), [("x-ms-error-code", code)])

            def is_signed(self, url, query):
                if signature is not None:
                    return dict(query).get("sig") == signature
                header = lambda name: self.headers.get(name, "")
                order = "Content-Encoding Content-Language Content-Length Content-MD5 Content-Type Date If-Modified-Since If-Match If-None-Match If-Unmodified-Since Range"
                lengths = {"Content-Length": "" if header("Content-Length") in ("", "0") else header("Content-Length")}
                lines = [self.command, *(lengths.get(name, header(name)) for name in order.split())]
                lines += sorted(f"{name.lower()}:{value}" for name, value in self.headers.items() if name.lower().startswith("x-ms-"))
                lines.append(f"/{ACCOUNT}{url.path}")
                lines += sorted(f"{name.lower()}:{value}" for name, value in query)
                mac = hmac.new(base64.b64decode(KEY), "\n".join(lines).encode(), hashlib.sha256).digest()
                return header("Authorization") == f"SharedKey {ACCOUNT}:{base64.b64encode(mac).decode()}"

            def answer(self):
                url = urlsplit(self.path)
                query = parse_qsl(url.query, keep_blank_values=True)
                asked = dict(query)
                with outer.lock:
                    outer.asked.append((self.command, self.path))
                if "x-ms-version" not in self.headers or not self.is_signed(url, query):
                    return self.refuse(403, "AuthenticationFailed")
                _, _, container, *rest = url.path.split("/", 3)
                if container != "container":
                    return self.refuse(404, "ContainerNotFound")
                if not rest:
                    assert asked["restype"] == "container" and asked["comp"] == "list"
                    return self.list(asked)
                blob = outer.blobs.get(unquote(rest[0]))
                if blob is None or blob.folder:
                    return self.refuse(404, "BlobNotFound")
                if asked.get("comp") == "tags":
                    if no_tags:
                        return self.refuse(403, "AuthorizationPermissionMismatch")
                    tags = "".join(f"<Tag><Key>{escape(k)}</Key><Value>{escape(v)}</Value></Tag>" for k, v in blob.tags.items())
                    return self.send(200, f"<Tags><TagSet>{tags}</TagSet></Tags>".encode())
                self.hand_out(unquote(rest[0]), blob)

            def list(self, asked):
                keys = [key for key in sorted(outer.blobs) if key.startswith(asked["prefix"]) and key > asked.get("marker", "")]
                length = min(int(asked["maxresults"]), PAGE)
                page, marker = keys[:length], keys[length - 1] if len(keys) > length else ""
                items = []
                for key in page:
                    blob = outer.blobs[key]
                    plain = key.isprintable()
                    name = f"<Name>{escape(key)}</Name>" if plain else f'<Name Encoded="true">{quote(key)}</Name>'
                    kind = "<ResourceType>directory</ResourceType>" if blob.folder else ""
                    items.append(
                        f"<Blob>{name}<Properties><Last-Modified>{DATE}</Last-Modified><Etag>{blob.etag}</Etag>"
                        f"<Content-Length>{len(blob.body)}</Content-Length>{kind}<AccessTier>{blob.tier}</AccessTier></Properties></Blob>"
                    )
                xml = f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>{"".join(items)}</Blobs><NextMarker>{escape(marker)}</NextMarker></EnumerationResults>'
                self.send(200, b"\xef\xbb\xbf" + xml.encode())

            def hand_out(self, key, blob):
                if self.command == "GET" and blob.tier == "Archive":
                    return self.refuse(409, "BlobArchived")
                if self.command == "GET":
                    with outer.lock:
                        outer.reads[key] = outer.reads.get(key, 0) + 1
                        reads = outer.reads[key]
                    if before_read is not None:
                        before_read(key, reads)
                        blob = outer.blobs[key]
                if self.headers.get("if-match", f'"{blob.etag}"') != f'"{blob.etag}"':
                    return self.refuse(412, "ConditionNotMet")
                headers = [("etag", f'"{blob.etag}"'), ("last-modified", DATE), ("x-ms-access-tier", blob.tier), *blob.headers.items()]
                if blob.tags:
                    headers.append(("x-ms-tag-count", str(len(blob.tags))))
                body, status = getattr(blob, "handed_out", blob.body), 200
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
        self.url = f"http://127.0.0.1:{self.server.server_port}/{ACCOUNT}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
