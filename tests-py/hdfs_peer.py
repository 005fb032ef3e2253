"""A namenode and a datanode as WebHDFS is documented, which can be made to lie."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit

BATCH = 7


class File:
    def __init__(self, body, kind="FILE", modified=1_333_000, checksum=None):
        self.body, self.kind, self.modified, self.checksum = body, kind, modified, checksum


class Hdfs:
    """`files` by path below the root. `before_read` is called with a path and the number of reads so far before each body, and may return the status of a fault."""

    def __init__(self, files, has_batches=True, snapshots=(), before_read=None, datanode=None, user=None, fault=None, lists=None):
        self.files, self.reads, self.asked, self.lock = files, {}, [], threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def send(self, status, body=b"", headers=()):
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def tell(self, told, status=200):
                self.send(status, json.dumps(told).encode(), [("content-type", "application/json")])

            def refuse(self, status, exception):
                self.tell({"RemoteException": {"exception": exception, "javaClassName": f"x.{exception}", "message": "a text"}}, status)

            def do_GET(self):
                url = urlsplit(self.path)
                asked = dict(parse_qsl(url.query, keep_blank_values=True))
                assert url.path.startswith("/webhdfs/v1/"), url.path
                path = unquote(url.path.removeprefix("/webhdfs/v1/"))
                assert not path.endswith("/"), url.path
                op = asked["op"]
                with outer.lock:
                    outer.asked.append((op, path))
                if fault and (said := fault(op, path)):
                    return self.refuse(*said)
                if user is not None and asked.get("user.name") != user:
                    return self.refuse(403, "AccessControlException") if "user.name" in asked else self.send(401, b"", [("www-authenticate", "Negotiate")])
                if op == "GETFILESTATUS":
                    told = self.status(path, "")
                    return self.refuse(404, "FileNotFoundException") if told is None else self.tell({"FileStatus": told})
                if op in ("LISTSTATUS", "LISTSTATUS_BATCH"):
                    return self.list(op, path, asked)
                if path not in outer.files:
                    return self.refuse(404, "FileNotFoundException")
                if self.headers["host"] == outer.host:
                    where = datanode or outer.host.replace("127.0.0.1", "localhost")
                    return self.send(307, b"", [("location", f"http://{where}/webhdfs/v1/{quote(path)}?{url.query}&namenoderpcaddress=nn:8020")])
                if op == "GETFILECHECKSUM":
                    sum_ = outer.files[path].checksum
                    return self.tell({"FileChecksum": sum_}) if sum_ else self.refuse(403, "IOException")
                self.hand_out(path, asked)

            def status(self, path, suffix):
                file = outer.files.get(path)
                told = {"pathSuffix": suffix, "accessTime": 0, "blockSize": 1 << 27, "owner": "o", "group": "g", "permission": "644", "replication": 1}
                if file is not None:
                    return told | {"type": file.kind, "length": len(file.body), "modificationTime": file.modified, "fileId": id(file) % (1 << 40)}
                if path and not any(name.startswith(path + "/") for name in outer.files):
                    return None
                return told | {"type": "DIRECTORY", "length": 0, "modificationTime": 0, "fileId": 1} | ({"snapshotEnabled": True} if path in snapshots else {})

            def list(self, op, path, asked):
                if op == "LISTSTATUS_BATCH" and not has_batches:
                    return self.refuse(400, "IllegalArgumentException")
                below = path + "/" if path else ""
                names = sorted({name.removeprefix(below).split("/")[0] for name in outer.files if name.startswith(below)}, key=str.encode)
                if lists is not None:
                    return self.tell(lists(op, path, asked))
                if op == "LISTSTATUS":
                    return self.tell({"FileStatuses": {"FileStatus": [self.status(below + name, name) for name in names]}})
                names = [name for name in names if name.encode() > asked.get("startAfter", "").encode()]
                page = [self.status(below + name, name) for name in names[:BATCH]]
                self.tell({"DirectoryListing": {"partialListing": {"FileStatuses": {"FileStatus": page}}, "remainingEntries": len(names) - len(page)}})

            def hand_out(self, path, asked):
                with outer.lock:
                    outer.reads[path] = outer.reads.get(path, 0) + 1
                    reads = outer.reads[path]
                if before_read is not None and (status := before_read(path, reads)):
                    return self.refuse(status, "IOException")
                file = outer.files[path]
                body = getattr(file, "handed_out", file.body)
                start = int(asked["offset"])
                self.send(200, body[start : start + int(asked["length"])])

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.host = f"127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
