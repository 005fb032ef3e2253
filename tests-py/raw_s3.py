"""Speaks S3 by hand, so that every part of a request can be made wrong: what is signed, what is sent, and when."""

import base64
import binascii
import datetime
import hashlib
import hmac
import http.client
import re
import zlib
from urllib.parse import quote

EMPTY = hashlib.sha256(b"").hexdigest()
UNRESERVED = "-_.~"


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


def crc64nvme_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x9A6C9329AC4BC9B5 if byte & 1 else 0)
        table.append(byte)
    return table


CRC32C = crc32c_table()
CRC64 = crc64nvme_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def crc64nvme(data):
    crc = 0xFFFFFFFFFFFFFFFF
    for byte in data:
        crc = CRC64[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFFFFFFFFFF


def b64(data):
    return base64.b64encode(data).decode()


CHECKSUMS = {
    "crc32": lambda data: b64(zlib.crc32(data).to_bytes(4, "big")),
    "crc32c": lambda data: b64(crc32c(data).to_bytes(4, "big")),
    "crc64nvme": lambda data: b64(crc64nvme(data).to_bytes(8, "big")),
    "sha1": lambda data: b64(hashlib.sha1(data).digest()),
    "sha256": lambda data: b64(hashlib.sha256(data).digest()),
}


def flipped(checksum):
    """Another checksum of the same form."""
    raw = bytearray(base64.b64decode(checksum))
    raw[0] ^= 1
    return b64(bytes(raw))


def encode(text, safe="/"):
    return quote(text, safe=UNRESERVED + safe)


class Response:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def code(self):
        return self.field("Code")

    def field(self, name):
        match = re.search(rf"<{name}>(.*?)</{name}>".encode(), self.body, re.S)
        return match.group(1).decode() if match else None

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:2000]!r}"


class Raw:
    def __init__(self, server, source=None, host=None):
        self.server = server
        self.source = source
        self.host = host or f"{server.s3_host}:{server.s3_port}"

    def connect(self):
        source = (self.source, 0) if self.source else None
        return http.client.HTTPConnection(self.server.s3_host, self.server.s3_port, timeout=30, source_address=source)

    def scope(self, options):
        now = options.get("now") or datetime.datetime.now(datetime.timezone.utc)
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        region, service = options.get("region", "cn-north-1"), options.get("service", "s3")
        return stamp, f"{stamp[:8]}/{region}/{service}/aws4_request"

    def key(self, scope, options):
        key = ("AWS4" + options.get("secret_key", self.server.secret_key)).encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key

    def signature(self, method, target, query, headers, signed, payload, stamp, scope, options):
        lines = [f"{encode(name, '')}={encode(value, '')}" for name, value in query]
        found = {name.lower(): str(value).strip() for name, value in headers.items()}
        canonical = "\n".join(
            [method, target, "&".join(sorted(lines)), *(f"{name}:{found.get(name, '')}" for name in signed), "", ";".join(signed), payload]
        )
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        return hmac.new(self.key(scope, options), text.encode(), hashlib.sha256).hexdigest()

    def signed(self, method, path, query=(), headers=None, body=b"", **options):
        """The target and the headers of a header-signed request. `unsigned` names headers that are sent and not
        signed; `extra_signed` names headers that are signed and not sent; `payload` replaces the payload hash."""
        target = options.get("target") or encode(path)
        stamp, scope = self.scope(options)
        payload = options.get("payload") or hashlib.sha256(body).hexdigest()
        headers = {"host": self.host, "x-amz-date": stamp, "x-amz-content-sha256": payload, **(headers or {})}
        unsigned = [name.lower() for name in options.get("unsigned", ())]
        names = sorted({name.lower() for name in headers} - set(unsigned) | set(options.get("extra_signed", ())))
        signature = self.signature(method, target, query, headers, names, payload, stamp, scope, options)
        signature = options.get("signature") or signature
        access = options.get("access_key", self.server.access_key)
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={access}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
        )
        if query:
            target += "?" + "&".join(f"{encode(name, '')}={encode(value, '')}" if value else encode(name, "") for name, value in query)
        return target, headers, (stamp, scope, signature)

    def request(self, method, path, query=(), headers=None, body=b"", **options):
        target, headers, _ = self.signed(method, path, query, headers, body, **options)
        return self.send(method, options.get("sent_target") or target, headers, body)

    def send(self, method, target, headers, body=b""):
        connection = self.connect()
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if "content-length" not in {name.lower() for name in headers} and (body or method in ("PUT", "POST")):
                connection.putheader("content-length", str(len(body)))
            connection.endheaders()
            try:
                connection.send(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before the body was taken; the answer is there to be read
            return Response(connection.getresponse())
        finally:
            connection.close()

    def presigned(self, method, path, expires=600, query=(), headers=None, **options):
        """The target and headers of a presigned request."""
        target = options.get("target") or encode(path)
        stamp, scope = self.scope(options)
        headers = {"host": self.host, **(headers or {})}
        names = sorted(set(name.lower() for name in headers) - set(options.get("unsigned", ())))
        access = options.get("access_key", self.server.access_key)
        query = [
            *query,
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", f"{access}/{scope}"),
            ("X-Amz-Date", stamp),
            ("X-Amz-Expires", str(expires)),
            ("X-Amz-SignedHeaders", ";".join(names)),
        ]
        signature = self.signature(method, target, query, headers, names, "UNSIGNED-PAYLOAD", stamp, scope, options)
        query.append(("X-Amz-Signature", options.get("signature") or signature))
        return target + "?" + "&".join(f"{encode(name, '')}={encode(value, '')}" for name, value in query), headers

    def presigned_request(self, method, path, *args, body=b"", **options):
        target, headers = self.presigned(method, path, *args, **options)
        return self.send(method, target, headers, body)

    def chunked(self, path, chunks, trailer=None, signed_chunks=True, headers=None, **options):
        """A PUT in aws-chunked encoding. `trailer` is (name, value); `break_chunk` gives a chunk's signature a wrong
        digit, `decoded_length` lies about the length, `cut` drops that many bytes from the end of the body, `announce`
        replaces the announced trailer, `break_trailer` spoils the trailer's signature."""
        payload = {
            (True, False): "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            (True, True): "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            (False, True): "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        }[signed_chunks, trailer is not None]
        data = b"".join(chunks)
        headers = {
            "content-encoding": "aws-chunked",
            "x-amz-decoded-content-length": str(options.get("decoded_length", len(data))),
            **(headers or {}),
        }
        if trailer:
            headers["x-amz-trailer"] = options.get("announce") or trailer[0]
        target, headers, (stamp, scope, previous) = self.signed("PUT", path, (), headers, b"", payload=payload, **options)
        key = self.key(scope, options)

        def sign(kind, *lines):
            text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", stamp, scope, previous, *lines])
            return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

        body = b""
        for number, chunk in enumerate([*chunks, b""]):
            head = f"{len(chunk):x}"
            if signed_chunks:
                previous = sign("PAYLOAD", EMPTY, hashlib.sha256(chunk).hexdigest())
                shown = previous
                if options.get("break_chunk") == number:
                    shown = ("0" if shown[0] != "0" else "1") + shown[1:]
                head += f";chunk-signature={shown}"
            body += head.encode() + b"\r\n" + chunk + (b"\r\n" if chunk else b"")
        if trailer and not options.get("drop_trailer"):
            name, value = trailer
            body += f"{name}:{value}\r\n".encode()
            if signed_chunks:
                signature = sign("TRAILER", hashlib.sha256(f"{name}:{value}\n".encode()).hexdigest())
                if options.get("break_trailer"):
                    signature = ("0" if signature[0] != "0" else "1") + signature[1:]
                body += f"x-amz-trailer-signature:{signature}\r\n".encode()
        body += b"\r\n"
        if options.get("cut"):
            body = body[: -options["cut"]]
        return self.send("PUT", target, headers, body)


def self_test():
    assert crc32c(b"123456789") == 0xE3069283
    assert crc64nvme(b"123456789") == 0xAE8B14860A799888
    assert binascii.crc32(b"123456789") == 0xCBF43926


self_test()
