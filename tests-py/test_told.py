"""What an authority tells binds from the moment it is recorded, also what was stored before: nothing leaves until somebody has
looked. The looking is held by its rate, and let go on by a restart. 127.0.0.66 is in the United States."""

import http.client
import json
import socket
import time
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from identities import taken_back
from onshore_server import CONFIG
from raw_s3 import Raw

US, DE = "127.0.0.66", "127.0.0.77"
MIB = 1 << 20
WORD = "天舟九号工程"
HELD = CONFIG + "\n[upkeep]\nrescan_bytes_per_s = 1\n"


@pytest.fixture
def held(make_server, request):
    """A server that will not look through what is stored, with objects of two tenants."""
    server = make_server(name=request.node.name[:40], config=HELD)
    s3 = server.client()
    server.bucket("mixed", "general")
    server.bucket("harmless", "general")
    put = lambda bucket, key, body, label: s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), Metadata={"onshore-class": label}, Tagging="t=1")
    put("mixed", "told", f"关于{WORD}的说明", "general")
    put("mixed", "other", "about something else", "general")
    put("mixed", "person", "about somebody", "personal")
    put("harmless", "a/b", "nothing", "general")
    server.cli("tenant", "create", "neighbour")
    key = server.cli("key", "create", "--tenant", "neighbour")
    server.neighbour = {"access_key": key["access_key"], "secret_key": key["secret_key"]}
    theirs = server.client(**server.neighbour)
    theirs.create_bucket(Bucket="theirs")
    theirs.put_object(Bucket="theirs", Key="k", Body=WORD.encode(), Metadata={"onshore-class": "general"})
    return server


def tell(server, number=1, word=WORD, tenant="default"):
    return server.cli("important", "tell", "--tenant", tenant, "--id", f"notice-{number}", "--word", word, "--ground", "national-security", "--authority", f"notice {number}")


def let_go(server):
    """Lets it look through what is stored."""
    server.config = CONFIG
    server.restart()


def outcome(function, **arguments):
    """The status of a call; a refusal must name its rule and leaf."""
    try:
        status = function(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
        return 200 if status == 206 else status
    except ClientError as error:
        answer = error.response["ResponseMetadata"]
        if answer["HTTPStatusCode"] == 403:
            assert "border.outward" in answer["HTTPHeaders"]["x-onshore-refusal"] and answer["HTTPHeaders"]["x-onshore-leaf"].isdigit()
        return answer["HTTPStatusCode"]


def everything(server, source, bucket="mixed", key="other"):
    """Each way in which an object can be got at."""
    s3 = server.client(source=source)
    at = {"Bucket": bucket, "Key": key}
    statuses = {
        "get": outcome(s3.get_object, **at),
        "range": outcome(s3.get_object, Range="bytes=0-1", **at),
        "head": outcome(s3.head_object, **at),
        "tags": outcome(s3.get_object_tagging, **at),
        "match": outcome(s3.get_object, IfMatch="*", **at),
        "attributes": outcome(s3.get_object_attributes, ObjectAttributes=["ObjectSize"], **at),
        "list": outcome(s3.list_objects_v2, Bucket=bucket),
        "list of it": outcome(s3.list_objects_v2, Bucket=bucket, Prefix=key),
        "versions": outcome(s3.list_object_versions, Bucket=bucket),
    }
    raw = Raw(server, source=source)
    statuses["link"] = raw.presigned_request("GET", f"/{bucket}/{key}").status
    # What is not modified says that it is there.
    raw = Raw(server, source=source)
    statuses["not modified"] = {304: 200}.get(raw.request("GET", f"/{bucket}/{key}", headers={"if-none-match": "*"}).status, 403)
    return statuses


def all_of(statuses, status):
    assert set(statuses.values()) == {status}, statuses


def await_outcome(expected, function, **arguments):
    until = time.monotonic() + 60
    while (seen := outcome(function, **arguments)) != expected:
        assert time.monotonic() < until, seen


def test_nothing_leaves_from_the_notice_on_until_somebody_has_looked(held):
    server = held
    # Both an approval for what it was and the freedom of what is general end where nobody knows any more what it is.
    server.grant(label="personal")
    abroad = lambda: server.client(source=US)
    assert [outcome(abroad().get_object, Bucket="mixed", Key=key) for key in ("told", "other", "person")] == [200] * 3
    all_of(everything(server, US, "harmless", "a/b"), 200)
    labels = {key: server.client().head_object(Bucket="mixed", Key=key)["Metadata"] for key in ("told", "other", "person")}

    tell(server)
    for restarted in (False, True):
        if restarted:
            server.restart()
        for key in ("told", "other", "person"):
            assert outcome(abroad().get_object, Bucket="mixed", Key=key) == 403
        all_of(everything(server, US), 403)
        all_of(everything(server, US, "harmless", "a/b"), 403)
        all_of(everything(server, DE, "harmless", "a/b"), 403)
        # An object that is not there is refused alike.
        assert outcome(abroad().head_object, Bucket="harmless", Key="absent") == 403
        # Inside nothing changes.
        all_of(everything(server, None), 200)
        assert labels == {key: server.client().head_object(Bucket="mixed", Key=key)["Metadata"] for key in labels}
        # Nor for anybody else.
        theirs = server.client(source=US, **server.neighbour)
        assert outcome(theirs.get_object, Bucket="theirs", Key="k") == 200
        # What comes in is looked through for the word as it comes, and may leave again.
        s3 = server.client()
        s3.put_object(Bucket="mixed", Key="new", Body=b"nothing", Metadata={"onshore-class": "general"})
        s3.put_object(Bucket="mixed", Key="new-told", Body=WORD.encode(), Metadata={"onshore-class": "general"})
        assert [outcome(abroad().get_object, Bucket="mixed", Key=key) for key in ("new", "new-told")] == [200, 403]
        # A copy of what nobody has looked through is no way out.
        s3.copy_object(Bucket="harmless", Key="copy", CopySource={"Bucket": "mixed", "Key": "told"})
        assert outcome(abroad().get_object, Bucket="harmless", Key="copy") == 403
    s3.delete_object(Bucket="harmless", Key="copy")

    let_go(server)
    await_outcome(200, abroad().get_object, Bucket="mixed", Key="other")
    await_outcome(200, abroad().get_object, Bucket="mixed", Key="person")
    await_outcome(200, abroad().list_objects_v2, Bucket="harmless")
    all_of(everything(server, US, "harmless", "a/b"), 200)
    for key in ("told", "new-told"):
        assert outcome(abroad().get_object, Bucket="mixed", Key=key) == 403
    assert outcome(abroad().list_objects_v2, Bucket="mixed") == 403
    # What is settled stays so.
    server.config = HELD
    server.restart()
    assert outcome(abroad().get_object, Bucket="mixed", Key="other") == 200
    assert outcome(abroad().list_objects_v2, Bucket="harmless") == 200
    # The next notice binds again, and what is taken back binds nobody.
    taken_back(server, "default", "notice-1")
    assert outcome(abroad().get_object, Bucket="mixed", Key="other") == 200
    tell(server, 2, "别的工程")
    all_of(everything(server, US), 403)
    all_of(everything(server, None), 200)


def test_explaining_knows_the_notice_too(held):
    ask = lambda source: held.cli("explain", "--object", "mixed/other", "--from-address", source)["verdict"]
    assert (ask(US), ask("127.0.0.5")) == ("allowed", "allowed")
    tell(held)
    assert (ask(US), ask("127.0.0.5")) == ("refused", "allowed")


def test_what_flows_out_stops_at_the_notice(held):
    server = held
    size = 96 * MIB
    server.client().put_object(Bucket="harmless", Key="big", Body=b"b" * size, Metadata={"onshore-class": "general"})
    server.client(**server.neighbour).put_object(Bucket="theirs", Key="big", Body=b"b" * size, Metadata={"onshore-class": "general"})

    def begin(bucket, **options):
        raw = Raw(server, source=US)
        target, headers = raw.presigned("GET", f"/{bucket}/big", **options)
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        stream.bind((US, 0))
        stream.connect((server.s3_host, server.s3_port))
        stream.settimeout(30)
        stream.sendall(f"GET {target} HTTP/1.1\r\nhost: {headers['host']}\r\nconnection: close\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += stream.recv(4096)
        assert b" 200 " in head.split(b"\r\n")[0], head
        return stream, len(head.split(b"\r\n\r\n", 1)[1])

    def rest(stream, got):
        try:
            while piece := stream.recv(65536):
                got += len(piece)
        except ConnectionResetError:
            pass
        stream.close()
        return got

    ours, theirs = begin("harmless"), begin("theirs", **server.neighbour)
    tell(server)
    assert rest(*ours) < size // 2
    assert rest(*theirs) == size, "nobody told the neighbour anything"
    assert outcome(server.client(source=US).get_object, Bucket="harmless", Key="big") == 403


def test_a_notice_of_the_control_api_binds_in_the_same_instant(held):
    """Whoever asks once the notice was answered is refused, however closely."""
    abroad = held.client(source=US)
    address = urlsplit(held.control)
    door = http.client.HTTPConnection(address.hostname, address.port)
    body = json.dumps({"word": WORD, "level": "important", "ground": "public-interest", "authority": "notice 7"})
    assert outcome(abroad.get_object, Bucket="mixed", Key="told") == 200
    door.request("PUT", "/v1/tenants/default/important/n-7", body, {"authorization": f"Bearer {held.token}", "content-type": "application/json"})
    assert door.getresponse().status == 200
    assert outcome(abroad.get_object, Bucket="mixed", Key="told") == 403
    # A notice that is refused binds nobody.
    door = http.client.HTTPConnection(address.hostname, address.port)
    door.request("PUT", "/v1/tenants/neighbour/important/n-7", json.dumps({"word": ""}), {"authorization": f"Bearer {held.token}", "content-type": "application/json"})
    assert door.getresponse().status >= 400
    assert outcome(held.client(source=US, **held.neighbour).get_object, Bucket="theirs", Key="k") == 200
