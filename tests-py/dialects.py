"""A small server that speaks S3 the way a cloud's documentation says it does, and that the tests can make lie."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 100


def crc64_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0xC96C5795D7870F42 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = crc64_table()


def crc64(data):
    """CRC-64 of ECMA-182 as OSS and COS compute it."""
    value = (1 << 64) - 1
    for byte in data:
        value = TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ ((1 << 64) - 1)


def crc64_of_repeated(block, times):
    """The same of a block many times over, without going through all of it: the way over a block is linear."""
    zeros = lambda value: crc64_over_zeros(value, len(block))
    columns = [zeros(1 << bit) for bit in range(64)]
    of_block, value = crc64(block), 0
    for _ in range(times):
        moved = 0
        for bit in range(64):
            if value >> bit & 1:
                moved ^= columns[bit]
        value = moved ^ of_block
    return value


def crc64_over_zeros(value, length):
    for _ in range(length):
        value = TABLE[value & 0xFF] ^ (value >> 8)
    return value


assert crc64(b"123456789") == 0x995DC9BBDF1939FA
assert crc64_of_repeated(b"ab", 5) == crc64(b"ab" * 5)


class Object:
    def __init__(self, body, kind="Normal", tier=None, etag=None, crc=None, **headers):
        self.body, self.kind, self.tier, self.headers = body, kind, tier, headers
        self.etag = etag or hashlib.md5(body).hexdigest().upper()
        # What the cloud says of the bytes is of these, whatever it hands out.
        self.crc = crc64(body) if crc is None else crc


class Cloud:
    """One bucket, path style. `prefix` is what its own headers begin with, `by_marker` that it knows ListObjects alone."""

    def __init__(self, objects, prefix, by_marker=False):
        self.objects, self.asked, self.lock = objects, [], threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def send(self, status, body=b"", headers=()):
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                if not any(name == "content-length" for name, _ in headers):
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def refuse(self, status, code):
                self.send(status, f"<Error><Code>{code}</Code></Error>".encode())

            def answer(self):
                url = urlsplit(self.path)
                query = parse_qs(url.query, keep_blank_values=True)
                with outer.lock:
                    outer.asked.append((self.command, self.path, {name.lower() for name in self.headers}))
                if "authorization" not in self.headers:
                    return self.refuse(403, "AccessDenied")
                if any("aws-chunked" in value for value in self.headers.values()):
                    return self.refuse(400, "InvalidArgument")
                key = unquote(url.path.lstrip("/").partition("/")[2])
                if not key:
                    if query.keys() & {"versioning", "versions", "tagging"}:
                        return self.refuse(501, "NotImplemented")
                    return self.list(query)
                if "tagging" in query:
                    return self.refuse(501, "NotImplemented")
                found = outer.objects.get(key)
                if found is None:
                    return self.refuse(404, "NoSuchKey")
                if self.command == "GET" and found.tier is not None:
                    return self.refuse(403, "InvalidObjectState")
                if self.headers.get("if-match", f'"{found.etag}"') != f'"{found.etag}"':
                    return self.refuse(412, "PreconditionFailed")
                self.hand_out(found)

            def list(self, query):
                # A server that knows ListObjects alone takes no notice of the words of ListObjectsV2.
                words = ["marker"] if by_marker else ["continuation-token", "start-after"]
                after = next((query[word][0] for word in words if word in query), "")
                length = min(int(query.get("max-keys", [PAGE])[0]), PAGE)
                keys = [key for key in sorted(outer.objects) if key > after and key.startswith(query.get("prefix", [""])[0])]
                page, cut = keys[:length], len(keys) > length
                contents = "".join(
                    f"<Contents><Key>{quote(key, safe='')}</Key><LastModified>2021-08-11T08:00:00.000Z</LastModified><Size>{len(outer.objects[key].body)}</Size>"
                    f"<ETag>\"{outer.objects[key].etag}\"</ETag><Type>{escape(outer.objects[key].kind)}</Type></Contents>"
                    for key in page
                )
                token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if cut and not by_marker else ""
                head = f"<EncodingType>url</EncodingType><IsTruncated>{str(cut).lower()}</IsTruncated>"
                self.send(200, f"<ListBucketResult>{head}{contents}{token}</ListBucketResult>".encode())

            def hand_out(self, found):
                headers = [
                    ("etag", f'"{found.etag}"'),
                    ("last-modified", "Wed, 11 Aug 2021 08:00:00 GMT"),
                    (f"{prefix}object-type", found.kind),
                    (f"{prefix}hash-crc64ecma", str(found.crc)),
                    *found.headers.items(),
                ]
                if found.tier is not None:
                    headers.append((f"{prefix}storage-class", found.tier))
                body, status = found.body, 200
                if wanted := self.headers.get("range"):
                    first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-"))
                    headers.append(("content-range", f"bytes {first}-{min(last, len(body) - 1)}/{len(body)}"))
                    body, status = body[first : last + 1], 206
                self.send(status, body, [*headers, ("content-length", str(len(body)))])

            do_GET = do_HEAD = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
