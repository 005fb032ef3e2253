"""Folders on other machines: every file arrives, what cannot be a key is named, and no file arrives as a mixture of two."""

import contextlib
import hashlib
import itertools
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

import pytest
from cheroot import wsgi
from wsgidav.wsgidav_app import WsgiDAVApp

import keys
from old_cloud import OldCloud
from test_decommission import as_person, ended, people  # noqa: F401
from test_migrate import everything
from test_migrate_containers import dry_run, migrate

MIB = 1 << 20
DAV_ENV = {"WEBDAV_USER": "wang", "WEBDAV_PASSWORD": "the password"}


def is_path(key):
    """Whether a key can be the path of a file, with none that would have to be a folder and a file."""
    return all(0 < len(part.encode()) <= 255 and part not in (".", "..") for part in key.split("/")) and key != "node"


TREE_KEYS = [key for key in keys.ALL if is_path(key)]


def grow(folder, files):
    for key, body in files.items():
        path = os.path.join(folder, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(body)


class Dav:
    """A third-party server of WebDAV on a folder."""

    def __init__(self, folder):
        self.folder = folder
        app = WsgiDAVApp({
            "provider_mapping": {"/dav": str(folder)},
            "simple_dc": {"user_mapping": {"*": {DAV_ENV["WEBDAV_USER"]: {"password": DAV_ENV["WEBDAV_PASSWORD"]}}}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "verbose": 0,
            "logging": {"enable": False},
        })
        self.server = wsgi.Server(("127.0.0.1", 0), app)
        self.server.prepare()
        self.thread = threading.Thread(target=self.server.serve, daemon=True)
        self.thread.start()
        self.host = f"127.0.0.1:{self.server.bind_addr[1]}"

    def close(self):
        self.server.stop()
        self.thread.join()


@pytest.fixture
def dav(tmp_path):
    folder = tmp_path / "dav"
    folder.mkdir()
    server = Dav(folder)
    yield server
    server.close()


@pytest.fixture
def before(dav):
    """A proxy before it, which fails on demand."""
    proxy = OldCloud(f"http://{dav.host}")
    yield proxy
    proxy.close()


def host_of(proxy):
    return proxy.url.removeprefix("http://")


def arrived(server, bucket):
    return {key: body for key, (body, _) in everything(server.client(), bucket).items()}


def test_every_file_behind_webdav_arrives(server, dav, tmp_path):
    files = {key: keys.body_of(key) for key in TREE_KEYS}
    files |= {f"docs/{number % 7}/{number:04}.html": b"%d" % number for number in range(1200)}
    files["large"] = os.urandom(70 * MIB)
    grow(dav.folder, files)
    (dav.folder / "an-empty-folder").mkdir()
    os.utime(dav.folder / "large", (1_600_000_000, 1_600_000_000))
    found = migrate(server, f"webdav://{dav.host}/dav", "onshore-dav", None, tmp_path, env=DAV_ENV)
    assert arrived(server, "onshore-dav") == files
    assert {entry["method"] for entry in found["objects"]} == {"read-twice"}
    head = server.client().head_object(Bucket="onshore-dav", Key="docs/0/0007.html")
    assert head["ContentType"].startswith("text/html")
    again = migrate(server, f"webdav://{dav.host}/dav/", "onshore-dav", None, tmp_path, env=DAV_ENV)
    assert again["body"]["counts"]["unchanged"] == len(files)
    assert DAV_ENV["WEBDAV_PASSWORD"] not in server.log and DAV_ENV["WEBDAV_PASSWORD"] not in json.dumps(found)
    # Below a folder keys are paths below it.
    migrate(server, f"webdav://{dav.host}/dav/docs/3", "onshore-dav-below", None, tmp_path, env=DAV_ENV)
    assert set(arrived(server, "onshore-dav-below")) == {f"{number:04}.html" for number in range(1200) if number % 7 == 3}


@pytest.mark.parametrize("mode", ["503", "truncate"])
def test_a_server_of_webdav_that_fails_now_and_then_loses_nothing(server, dav, before, tmp_path, mode):
    files = {f"{number:03}": os.urandom(5000 + number) for number in range(150)}
    grow(dav.folder, files)
    turns = itertools.count()
    before.fail(mode, lambda method, path: next(turns) % 5 == 4)
    migrate(server, f"webdav://{host_of(before)}/dav", f"onshore-dav-{mode}", None, tmp_path, env=DAV_ENV)
    assert arrived(server, f"onshore-dav-{mode}") == files


def test_a_file_that_is_replaced_while_it_is_read_arrives_whole(server, dav, before, tmp_path):
    old, new = os.urandom(70 * MIB), os.urandom(70 * MIB)
    grow(dav.folder, {"changing": old})
    turns = itertools.count()

    def befalls(method, path):
        if method == "GET" and next(turns) == 2:
            (dav.folder / "new").write_bytes(new)
            os.replace(dav.folder / "new", dav.folder / "changing")
        return False

    before.befalls = befalls
    migrate(server, f"webdav://{host_of(before)}/dav", "onshore-dav-changing", None, tmp_path, env=DAV_ENV)
    assert arrived(server, "onshore-dav-changing") == {"changing": new}


def test_a_kill_in_the_middle_of_a_large_file_goes_on_where_it_was(make_server, dav, before, tmp_path):
    server = make_server("dav-kill")
    body = os.urandom(160 * MIB)
    grow(dav.folder, {"large": body})
    turns = itertools.count()
    before.fail("stall", lambda method, path: method == "GET" and next(turns) >= 6)
    source = f"webdav://{host_of(before)}/dav"
    assert server.run("migrate", source, "onshore-kill", "--detach", env=DAV_ENV).returncode == 0
    assert before.arrived.wait(60)
    server.kill9()
    server.output = []
    before.heal()
    server.start()
    migrate(server, source, "onshore-kill", None, tmp_path, env=DAV_ENV)
    assert arrived(server, "onshore-kill") == {"large": body}
    # The whole, what was under way when the server died, and the second reading.
    assert before.bytes_out <= 2 * len(body) + 4 * 16 * MIB + MIB, before.bytes_out


def test_who_may_not_read_webdav_is_told_so(server, dav):
    grow(dav.folder, {"a": b"a", "b/c": b"c"})
    wrong = {**DAV_ENV, "WEBDAV_PASSWORD": "another"}
    for env, path, word in [
        (wrong, "dav", "does not accept the credentials"),
        ({}, "dav", "does not accept the credentials"),
        (DAV_ENV, "dav/nothing", "not found"),
        (DAV_ENV, "dav/a", "name the folder"),
    ]:
        done = server.run("migrate", f"webdav://{dav.host}/{path}", "onshore-refused", env=env)
        assert done.returncode == 1 and word in done.stdout + done.stderr, done
    for args, word in [
        ((f"webdav://wang:secret@{dav.host}/", "onshore-b"), "credentials"),
        ((f"webdav://{dav.host}/a/../b", "onshore-b"), "dot"),
        ((f"webdav://{dav.host}/", "onshore-b", "--endpoint", "http://x"), "--endpoint"),
        ((f"webdav://{dav.host}/", "onshore-b", "--profile", "x"), "--profile"),
        ((f"webdav://{dav.host}/", "onshore-b", "--versions", "all"), "--versions"),
    ]:
        done = server.run("migrate", *args)
        assert done.returncode == 2 and word in done.stderr and "secret" not in done.stderr, done
    half = server.run("migrate", f"webdav://{dav.host}/", "onshore-b", env={"WEBDAV_USER": "wang"})
    assert half.returncode == 2 and "WEBDAV_PASSWORD" in half.stderr, half
    report = dry_run(server, f"webdav://{dav.host}/dav", None, DAV_ENV, status=0)
    assert report["objects"] == 2, report


def told(path, length=None, etag='"e"', more="", status=None):
    if status:
        return f"<d:response><d:href>{escape(path)}</d:href><d:status>HTTP/1.1 {status} X</d:status></d:response>"
    kind = "<d:resourcetype><d:collection/></d:resourcetype>" if length is None else f"<d:resourcetype/><d:getcontentlength>{length}</d:getcontentlength><d:getetag>{etag}</d:getetag>"
    return f"<d:response><d:href>{escape(path)}</d:href><d:propstat><d:prop>{kind}{more}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"


class LyingDav:
    """Answers what it is told to: `listing` of a path is the inside of an answer, `bodies` are what it hands out."""

    def __init__(self, listing, bodies=()):
        bodies = dict(bodies)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PROPFIND(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                inside = listing(self.path, self.headers["depth"])
                text = f'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">{inside}</d:multistatus>'.encode()
                self.answer(207, text)

            def do_GET(self):
                self.answer(200, bodies[self.path])

            def answer(self, status, body):
                self.send_response_only(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.source = f"webdav://127.0.0.1:{self.server.server_port}/d"


@contextlib.contextmanager
def lying(listing, bodies=()):
    dav = LyingDav(listing, bodies)
    try:
        yield dav.source
    finally:
        dav.server.shutdown()
        dav.server.server_close()


@pytest.mark.parametrize(
    "inside, word",
    [
        (told("/d/..", 5), "leads out of it"),
        (told("/d/../etc/passwd", 5), "outside of the folder"),
        (told("/elsewhere/a", 5), "outside of the folder"),
        (told("/d/a/b", 5), "outside of the folder"),
        (told("/d/a%2Fb", 5), "leads out of it"),
        (told("/d/a", -5), "no number"),
        (told("/d/a", 5).replace("</d:response>", ""), "breaks off"),
        (told("/d/a", 5, more="x" * 2 * MIB), "more of one thing"),
        ("<!DOCTYPE x>" + told("/d/a", 5, more="&secret;"), "does not parse"),
    ],
)
def test_a_listing_that_lies_is_an_error(server, inside, word, request):
    answers = lambda path, depth: told("/d/") + (inside if depth == "1" else "")
    with lying(answers) as source:
        done = server.run("migrate", source, "onshore-lies")
        assert done.returncode == 1 and word in done.stdout + done.stderr, done


def test_what_webdav_cannot_bring_is_named(server, tmp_path):
    def listing(path, depth):
        if path == "/d/" and depth == "1":
            return told("/d/") + told("/d/good", 4) + told("/d/%FF", 4) + told("/d/no", status=403) + told("/d/gone/") + told("/d/l", more="<d:resourcetype><d:redirectref/></d:resourcetype>")
        if path.startswith("/d/again/"):
            return told(path) + (told(path + "again/") if depth == "1" else "")
        return {"/d/": told("/d/"), "/d/good": told("/d/good", 4)}.get(path, told(path, status=404))

    with lying(listing, {"/d/good": b"good"}) as source:
        found = migrate(server, source, "onshore-odd", None, tmp_path, status=1)
    named = {one["key"]: one["reason"] for one in found["body"]["exceptions"]}
    assert named["/\\xff"] == "name-not-utf8" and named["no"] == "file-unreadable" and named["gone/"] == "folder-unreadable", named
    assert arrived(server, "onshore-odd") == {"good": b"good"}
    # Folders that never end are named where a key could be no longer.
    with lying(lambda path, depth: told(path) + (told(path + "again/") if depth == "1" else "")) as source:
        found = migrate(server, source, "onshore-circle", None, tmp_path, status=1)
    assert [one["reason"] for one in found["body"]["exceptions"]] == ["path-too-long"]


def test_a_checksum_that_a_server_of_webdav_keeps_is_compared(server, tmp_path):
    right, wrong = hashlib.sha1(b"right").hexdigest(), hashlib.sha1(b"wrong").hexdigest()
    sums = {"/d/right": right, "/d/wrong": wrong}
    of = lambda path: told(path, 5, more=f"<oc:checksums><oc:checksum>SHA1:{sums[path]}</oc:checksum></oc:checksums>")

    def listing(path, depth):
        if path == "/d/":
            return told("/d/") + ("".join(map(of, sums)) if depth == "1" else "")
        return of(path)

    with lying(listing, {"/d/right": b"right", "/d/wrong": b"wronG"}) as source:
        found = migrate(server, source, "onshore-dav-sums", None, tmp_path, status=1)
    (exception,) = found["body"]["exceptions"]
    assert (exception["key"], exception["reason"]) == ("wrong", "bytes-differ")
    assert {entry["key"]: entry["method"] for entry in found["objects"]}["right"] == "checksum-sha1"


def test_bodies_of_a_wrong_length_never_become_objects(server, tmp_path):
    def listing(path, depth):
        if path == "/d/":
            return told("/d/") + (told("/d/long", 3) + told("/d/short", 9) if depth == "1" else "")
        return told(path, 3 if path == "/d/long" else 9)

    with lying(listing, {"/d/long": b"longer", "/d/short": b"short"}) as source:
        found = migrate(server, source, "onshore-dav-lengths", None, tmp_path, status=1)
    assert {one["key"]: one["reason"] for one in found["body"]["exceptions"]} == {"long": "changing", "short": "changing"}
    assert arrived(server, "onshore-dav-lengths") == {}


def test_what_is_behind_webdav_is_deleted_as_it_was_brought(server, dav, people):
    grow(dav.folder, {"a": b"a", "b/c": b"c", "b/d": b"d"})
    source = f"webdav://{dav.host}/dav"
    done = server.run("--json", "migrate", source, "onshore-dav-ending", env=DAV_ENV)
    assert done.returncode == 0, done
    job = json.loads(done.stdout)["id"]
    # Since then one has changed, and one is new.
    grow(dav.folder, {"b/c": b"another", "e": b"e"})
    proposed = as_person(server, people[0], "decommission", "propose", job, env=DAV_ENV)
    assert proposed.returncode == 0, proposed
    decommission = json.loads(proposed.stdout)["job"]["id"]
    assert as_person(server, people[1], "decommission", "approve", decommission).returncode == 0
    view, status = ended(server, decommission)
    assert (view["job"]["state"], status) == ("incomplete", 1), view
    assert sorted(str(path.relative_to(dav.folder)) for path in dav.folder.rglob("*") if path.is_file()) == ["b/c", "e"]
