"""A proxy in front of an old cloud, which the tests own: it counts what is asked, and fails in the ways that old clouds do."""

import collections
import contextlib
import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"}


class OldCloud:
    """`mode` is what befalls requests that `befalls` is true of: pass, 501, 503, stall (until `go_on`), truncate, or slow."""

    def __init__(self, url, host="127.0.0.1"):
        self.to = urlsplit(url).netloc
        self.mode = "pass"
        self.befalls = lambda method, path: True
        self.go_on = threading.Event()
        self.arrived = threading.Event()
        self.asked = collections.Counter()
        self.bytes_out = 0
        self._lock = threading.Lock()
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self):
                cloud._pass_on(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PROPFIND = _handle

            def log_message(self, *args):
                pass

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *args):
                pass

        self._server = Listener((host, 0), Handler)
        self.url = f"http://{host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def fetched(self, key):
        """How often the bytes of an object were asked for."""
        return sum(count for (method, path, besides), count in self.asked.items() if method == "GET" and not besides and path.endswith("/" + key))

    def fail(self, mode, befalls=lambda method, path: True):
        self.go_on.clear()
        self.arrived.clear()
        self.mode, self.befalls = mode, befalls

    def heal(self):
        self.mode = "pass"
        self.go_on.set()

    def close(self):
        self.heal()
        self._server.shutdown()
        self._server.server_close()

    def _pass_on(self, request):
        length = int(request.headers.get("content-length") or 0)
        body = request.rfile.read(length) if length else None
        parts = urlsplit(request.path)
        mode = self.mode if self.befalls(request.command, request.path) else "pass"
        with self._lock:
            besides = any(word in parts.query for word in ("list-type", "tagging", "policy"))
            self.asked[request.command, unquote(parts.path), besides] += 1
        if mode != "pass":
            self.arrived.set()
        if mode == "stall":
            self.go_on.wait(120)
        if mode in ("501", "503"):
            text = b"<Error><Code>%s</Code><Message>no</Message></Error>" % (b"SlowDown" if mode == "503" else b"NotImplemented")
            request.send_response(int(mode))
            request.send_header("content-length", str(len(text)))
            request.send_header("content-type", "application/xml")
            request.end_headers()
            if request.command != "HEAD":
                request.wfile.write(text)
            return
        connection = http.client.HTTPConnection(self.to, timeout=120)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(request.command, request.path, body=body, headers=headers)
        answer = connection.getresponse()
        request.send_response(answer.status)
        length = answer.getheader("content-length")
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP | {"content-length", "server", "date"}:
                request.send_header(name, value)
        if request.command == "HEAD" or answer.status in (204, 304):
            if length is not None:
                request.send_header("content-length", length)
            request.end_headers()
            connection.close()
            return
        data = None if length is not None else answer.read()
        request.send_header("content-length", length if data is None else str(len(data)))
        request.end_headers()
        self._send(request, answer, data, int(length or len(data or b"")), mode)
        connection.close()

    def _send(self, request, answer, data, length, mode):
        sent = 0
        end = length // 2 if mode == "truncate" else length
        while sent < end:
            chunk = data if data is not None else answer.read(min(1 << 16, end - sent))
            if not chunk:
                break
            chunk = chunk[: end - sent]
            request.wfile.write(chunk)
            sent += len(chunk)
            with self._lock:
                self.bytes_out += len(chunk)
            if mode == "slow" and not self.go_on.wait(0.05):
                continue
        if mode == "truncate":
            request.close_connection = True


class SamePort:
    """Passes connections on to a server that comes back on another port each time it is started."""

    def __init__(self, port):
        self.port_there = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.port_there), timeout=10)
                    server.settimeout(None)
                except OSError:
                    client.close()
                    continue
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    @staticmethod
    def _pump(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
