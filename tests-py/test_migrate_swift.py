"""Containers of OpenStack Swift: every object arrives, large ones too, through tokens that end, and nobody is led inside."""

import json
import os
import threading

import pytest

import keys
from onshore_server import CONFIG
from swift_peer import KEY, USER, Swift, Thing
from test_migrate import everything
from test_migrate_containers import dry_run, migrate

MIB = 1 << 20


@pytest.fixture
def swift():
    opened = []

    def make(things, **more):
        opened.append(Swift(things, **more))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def arrived(server, bucket):
    return {key: body for key, (body, _) in everything(server.client(), bucket).items()}


def large(sizes, **more):
    segments = [os.urandom(size) for size in sizes]
    return Thing(b"".join(segments), segments=segments, **more)


def test_every_object_of_a_container_arrives_as_it_was(server, swift, tmp_path):
    things = {key: Thing(keys.body_of(key)) for key in keys.ALL}
    said = {"content-type": "text/h", "content-disposition": "inline", "content-encoding": "x-none", "x-object-meta-onshore-class": "core", "x-object-meta-colour": "blue"}
    things["headers"] = Thing(b"h", **said)
    things["static"] = large([5 * MIB, 70 * MIB, 7])
    things["dynamic"] = large([3 * MIB, 5], dynamic=True)
    things["plain-large"] = Thing(os.urandom(70 * MIB))
    source = swift(things)
    found = migrate(server, "swift://container", "onshore-swift", None, tmp_path, env=source.v1)
    assert arrived(server, "onshore-swift") == {key: thing.body for key, thing in things.items()}
    methods = {entry["key"]: entry["method"] for entry in found["objects"]}
    assert methods.pop("static") == methods.pop("dynamic") == "read-twice"
    assert set(methods.values()) == {"md5-etag"}, set(methods.values())
    head = server.client().head_object(Bucket="onshore-swift", Key="headers")
    assert (head["ContentType"], head["ContentDisposition"], head["ContentEncoding"], head["Metadata"]["colour"]) == ("text/h", "inline", "x-none", "blue")
    labels = {entry["key"]: entry["label"] for entry in found["objects"]}
    assert labels["headers"].startswith("core")
    # What is there already is not brought again.
    again = migrate(server, "swift://container", "onshore-swift", None, tmp_path, env=source.v1)
    assert again["body"]["counts"]["unchanged"] == len(things)
    assert KEY not in server.log and KEY not in json.dumps(found)


@pytest.mark.parametrize("env", ["password", "application", "v1"])
def test_a_token_that_ends_in_the_middle_is_asked_for_anew(server, swift, tmp_path, env):
    things = {f"a/{number:03}": Thing(b"%d" % number) for number in range(200)}
    source = swift({**things, "b": Thing(b"b")}, tokens_last=40)
    envs = {
        "password": source.v3,
        "application": {"OS_AUTH_URL": source.url, "OS_APPLICATION_CREDENTIAL_ID": "app", "OS_APPLICATION_CREDENTIAL_SECRET": KEY},
        "v1": source.v1,
    }
    migrate(server, "swift://container/a/", f"onshore-token-{env}", None, tmp_path, env=envs[env])
    assert arrived(server, f"onshore-token-{env}") == {key: thing.body for key, thing in things.items()}
    assert len(source.granted) > 3


def test_a_public_container_needs_no_token(server, swift, tmp_path):
    source = swift({"a": Thing(b"a")})
    migrate(server, "swift://public", "onshore-public", source.storage, tmp_path, "--anonymous", env=source.v1)
    assert arrived(server, "onshore-public") == {"a": b"a"} and source.granted == []


@pytest.mark.parametrize("size", [1000, 70 * MIB])
def test_a_wrong_byte_of_an_object_of_swift_is_found(server, swift, tmp_path, size):
    thing = Thing(os.urandom(size))
    thing.handed_out = thing.body[:-1] + bytes([thing.body[-1] ^ 1])
    bucket = f"onshore-swift-wrong-{size}"
    found = migrate(server, "swift://container", bucket, None, tmp_path, status=1, env=swift({"wrong": thing, "good": Thing(b"g")}).v1)
    (exception,) = found["body"]["exceptions"]
    assert (exception["key"], exception["reason"]) == ("wrong", "bytes-differ")
    assert set(arrived(server, bucket)) == {"good"}


@pytest.mark.parametrize("kind", ["plain", "static", "emptied"])
def test_an_object_of_swift_that_changes_while_it_is_read_arrives_whole(server, swift, tmp_path, kind):
    make = (lambda: large([35 * MIB, 35 * MIB])) if kind == "static" else (lambda: Thing(os.urandom(70 * MIB)))
    old, new = make(), Thing(b"") if kind == "emptied" else make()
    things = {"changing": old}

    def before_read(key, reads):
        if reads == 3:
            things[key] = new

    source = swift(things, before_read=before_read)
    migrate(server, "swift://container", f"onshore-swift-changing-{kind}", None, tmp_path, env=source.v1)
    assert arrived(server, f"onshore-swift-changing-{kind}") == {"changing": new.body}


def test_a_kill_in_the_middle_of_a_large_object_goes_on_where_it_was(make_server, swift, tmp_path):
    server = make_server("swift-kill")
    thing = large([100 * MIB, 60 * MIB])
    reached, go_on = threading.Event(), threading.Event()

    def before_read(key, reads):
        if reads >= 6:
            reached.set()
            go_on.wait(60)

    source = swift({"large": thing}, before_read=before_read)
    assert server.run("migrate", "swift://container", "onshore-kill", "--detach", env=source.v1).returncode == 0
    assert reached.wait(60)
    server.kill9()
    server.output = []
    go_on.set()
    server.start()
    migrate(server, "swift://container", "onshore-kill", None, tmp_path, env=source.v1)
    assert arrived(server, "onshore-kill") == {"large": thing.body}
    # Ten runs, what was under way when the server died, and the second reading.
    assert source.reads["large"] <= 10 + 4 + 1 + 2, source.reads


def test_links_of_swift_are_named(server, swift, tmp_path):
    source = swift({"good": Thing(b"g"), "link": Thing(b"", link="/v1/AUTH_test/container/good")})
    found = migrate(server, "swift://container", "onshore-swift-links", None, tmp_path, status=1, env=source.v1)
    assert [(one["key"], one["reason"]) for one in found["body"]["exceptions"]] == [("link", "symbolic-link")]


def test_who_may_not_read_swift_is_told_so(server, swift):
    source = swift({"k": Thing(b"k")})
    two = swift({}, regions=("one", "two"))
    for env, name, word in [
        ({**source.v1, "ST_KEY": "another"}, "container", "does not accept the credentials"),
        ({**source.v3, "OS_PASSWORD": "another"}, "container", "does not accept the credentials"),
        (source.v1, "other", "not found"),
        (two.v3, "container", "several regions"),
        ({**two.v3, "OS_REGION_NAME": "three"}, "container", "no public object store"),
    ]:
        done = server.run("migrate", f"swift://{name}", "onshore-refused", env=env)
        assert done.returncode == 1 and word in done.stdout + done.stderr, done
    for env, word in [({}, "OS_AUTH_URL"), ({"ST_AUTH": "http://x", "ST_USER": USER}, "ST_KEY"), ({"OS_AUTH_URL": "http://x"}, "OS_USERNAME"), ({**source.v3, "OS_PROJECT_NAME": ""}, "OS_PROJECT_NAME")]:
        done = server.run("migrate", "swift://container", "onshore-b", env=env)
        assert done.returncode == 2 and word in done.stderr, done
    dry_run(server, "swift://container", None, source.v1, status=0)


def test_a_catalogue_leads_nobody_inside(server, make_server, swift):
    for storage, word in [("http://169.254.169.254/v1/AUTH_test", "further inside"), ("http://[fe80::1]/v1", "further inside"), ("ftp://x/", "no address"), ("", "not")]:
        source = swift({"k": Thing(b"k")}, storage=storage or "x")
        done = server.run("migrate", "swift://container", "onshore-led", env=source.v1)
        assert done.returncode == 1 and word in done.stdout + done.stderr, done
