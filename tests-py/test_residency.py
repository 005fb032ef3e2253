"""The border: who may read what from where, and what an approval opens. 127.0.0.66 is in the United States."""

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from onshore_server import CONFIG, find
from raw_s3 import Raw

US, DE, PROXY = "127.0.0.66", "127.0.0.77", "127.0.0.99"
LABELS = ["general", "important", "core", "personal", "sensitive-personal", "important,personal", "unclassified"]
MIB = 1 << 20


def put(s3, bucket, key, body=b"0123456789", label=None, **more):
    metadata = {"onshore-class": label} if label and label != "unclassified" else {}
    return s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata, **more)


def refused(function, **arguments):
    with pytest.raises(ClientError) as caught:
        function(**arguments)
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 403, response
    return response


def leaf(response):
    return int(response["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"])


@pytest.fixture(scope="module")
def labelled(server):
    """A bucket with one object of each label."""
    s3 = server.client()
    s3.create_bucket(Bucket="labelled")
    for label in LABELS:
        put(s3, "labelled", label, label=label, Tagging="t=1")
    return "labelled"


READS = {
    "get": lambda s3, **at: s3.get_object(**at),
    "range": lambda s3, **at: s3.get_object(Range="bytes=0-0", **at),
    "head": lambda s3, **at: s3.head_object(**at),
    "tags": lambda s3, **at: s3.get_object_tagging(**at),
    "match": lambda s3, **at: s3.get_object(IfMatch="*", **at),
    "no match": lambda s3, **at: s3.get_object(IfMatch='"other"', **at),
    "not modified": lambda s3, **at: s3.get_object(IfNoneMatch="*", **at),
    "head not modified": lambda s3, **at: s3.head_object(IfNoneMatch="*", **at),
    "copy": lambda s3, **at: s3.copy_object(Bucket=at["Bucket"], Key="copy-of-" + at["Key"], CopySource=at),
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("place", [None, US, DE])
def test_matrix_without_approval(server, labelled, label, read, place):
    s3 = server.client(source=place)
    do = lambda: READS[read](s3, Bucket=labelled, Key=label)
    if place is None or label == "general":
        try:
            do()
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == {"no match": 412}.get(read, 304), error
            assert "not modified" in read or read == "no match"
    else:
        response = refused(do)
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        assert "border.outward" in headers["x-onshore-refusal"]
        assert headers["x-onshore-leaf"].isdigit()
        assert "last-modified" not in headers and "etag" not in headers
        if read not in ("head", "head not modified"):
            assert response["Error"]["Code"] == "AccessDenied"
            assert "border.outward" in response["Error"]["Message"] and "approval" in response["Error"]["Message"]


def same_apart_from_request(one, two):
    drop = ("RequestId", "HostId")
    clean = lambda response: (
        response["ResponseMetadata"]["HTTPStatusCode"],
        {name: value for name, value in response["Error"].items() if name not in (*drop, "Resource", "Key")},
        sorted(name for name in response["ResponseMetadata"]["HTTPHeaders"] if name != "date"),
        response["ResponseMetadata"]["HTTPHeaders"].get("x-onshore-refusal"),
    )
    assert clean(one) == clean(two)


@pytest.mark.parametrize("read", [name for name in READS if name != "copy"])
def test_absent_and_refused_look_the_same_from_abroad(server, labelled, read):
    abroad = server.client(source=US)
    shown = [refused(READS[read], s3=abroad, Bucket=labelled, Key=key) for key in ("personal", "absent", "unclassified", "also/absent")]
    for other in shown[1:]:
        same_apart_from_request(shown[0], other)


def test_a_conditional_write_from_abroad_tells_nothing(server, labelled):
    response = refused(server.client(source=US).put_object, Bucket=labelled, Key="personal", Body=b"x", IfNoneMatch="*")
    assert response["Error"]["Code"] == "AccessDenied"


def test_writes_may_come_in_from_abroad_and_not_go_out_again(server, bucket):
    abroad = server.client(source=US)
    put(abroad, bucket, "in", label="personal")
    refused(abroad.get_object, Bucket=bucket, Key="in")
    assert server.client().get_object(Bucket=bucket, Key="in")["Body"].read() == b"0123456789"
    abroad.delete_object(Bucket=bucket, Key="in")


def test_an_unread_body_is_refused_before_it_is_taken(server):
    server.cli("tenant", "create", "body-stranger")
    key = server.cli("key", "create", "--tenant", "body-stranger")
    raw = Raw(server)
    target, headers, _ = raw.signed(
        "PUT", "/labelled-elsewhere/a", (), {"content-length": str(5 * 1024 * MIB), "expect": "100-continue"}, payload="UNSIGNED-PAYLOAD",
        access_key=find(key, "access_key"), secret_key=find(key, "secret_key"),
    )
    started = time.monotonic()
    answer = raw.send("PUT", target, headers)
    assert answer.status in (403, 404) and time.monotonic() - started < 10


def test_lists_from_abroad(server):
    s3, abroad = server.client(), server.client(source=US)
    server.bucket("list-free", "general")
    server.bucket("list-bound", "personal")
    server.bucket("list-unknown")
    for name in ("list-free", "list-bound", "list-unknown"):
        put(s3, name, "free/a", label="general")
    put(s3, "list-free", "bound/b", label="personal")
    for call in (abroad.list_objects_v2, abroad.list_objects):
        refused(call, Bucket="list-free")
        # Whatever is asked for: else ever longer prefixes would spell what they must not tell.
        refused(call, Bucket="list-free", Prefix="free/")
        refused(call, Bucket="list-free", Prefix="nothing", MaxKeys=0)
        refused(call, Bucket="list-free", Prefix="b")
        refused(call, Bucket="list-free", Prefix="bound/", Delimiter="/")
        refused(call, Bucket="list-bound", Prefix="free/")
        refused(call, Bucket="list-unknown", Prefix="free/")
    server.grant("sensitive-personal,core")
    refused(abroad.list_objects_v2, Bucket="list-free")
    revoke_all(server)
    s3.delete_object(Bucket="list-free", Key="bound/b")
    assert abroad.list_objects_v2(Bucket="list-free")["KeyCount"] == 1
    assert abroad.list_objects_v2(Bucket="list-free", Prefix="nothing")["KeyCount"] == 0


def test_no_listing_abroad_spells_a_protected_key(server):
    s3, abroad = server.client(), server.client(source=US)
    server.bucket("spelt", "general")
    s3.put_bucket_versioning(Bucket="spelt", VersioningConfiguration={"Status": "Enabled"})
    put(s3, "spelt", "free/a", label="general")
    put(s3, "spelt", "c/11010519491231002X.pdf")
    upload = s3.create_multipart_upload(Bucket="spelt", Key="u/11010519491231002X.pdf")["UploadId"]
    calls = (abroad.list_objects_v2, abroad.list_objects, abroad.list_object_versions, abroad.list_multipart_uploads)

    def shown(call, **more):
        with pytest.raises(ClientError) as error:
            call(Bucket="spelt", **more)
        return error.value.response

    for call in calls:
        first = shown(call, Prefix="c/1")
        for more in [{}, {"Prefix": "c/2"}, {"Prefix": "u/1"}, {"Prefix": "free/"}, {"Prefix": "c/1", "Delimiter": "/"}, {"Prefix": "c/2", "Delimiter": "/"}]:
            same_apart_from_request(first, shown(call, **more))
    # What was removed stays in the history, and what is under way is there.
    s3.delete_object(Bucket="spelt", Key="c/11010519491231002X.pdf")
    for prefix in ("c/1", "c/2", "free/"):
        shown(abroad.list_object_versions, Prefix=prefix)
        shown(abroad.list_objects_v2, Prefix=prefix)
    s3.abort_multipart_upload(Bucket="spelt", Key="u/11010519491231002X.pdf", UploadId=upload)
    assert [one["Key"] for one in abroad.list_objects_v2(Bucket="spelt")["Contents"]] == ["free/a"]
    shown(abroad.list_object_versions, Prefix="free/")


def test_the_buckets_class_binds_what_is_in_it(server):
    s3, abroad = server.client(), server.client(source=US)
    server.bucket("tightened", "general")
    put(s3, "tightened", "a")
    assert abroad.get_object(Bucket="tightened", Key="a")["Body"].read()
    server.cli("bucket", "set-class", "tightened", "personal")
    refused(abroad.get_object, Bucket="tightened", Key="a")
    loosened = server.run("bucket", "set-class", "tightened", "general")
    assert loosened.returncode == 1, loosened
    refused(abroad.get_object, Bucket="tightened", Key="a")


def test_a_copy_keeps_its_label_whatever_the_directive(server):
    s3, abroad = server.client(), server.client(source=US)
    server.bucket("copies", "general")
    put(s3, "copies", "a", label="personal")
    for directive in ("COPY", "REPLACE"):
        more = {"Metadata": {"onshore-class": "general"}} if directive == "REPLACE" else {}
        s3.copy_object(Bucket="copies", Key=directive, CopySource="copies/a", MetadataDirective=directive, **more)
        refused(abroad.get_object, Bucket="copies", Key=directive)
    for declared in ({}, {"onshore-class": "general"}, {"onshore-class": "personal"}):
        upload = s3.create_multipart_upload(Bucket="copies", Key="parts", Metadata=declared)["UploadId"]
        try:
            part = s3.upload_part_copy(Bucket="copies", Key="parts", UploadId=upload, PartNumber=1, CopySource="copies/a")["CopyPartResult"]["ETag"]
        except ClientError as error:
            # An upload that was begun with a looser class may be refused instead of tightened.
            assert error.response["Error"]["Code"] == "InvalidRequest" and declared != {"onshore-class": "personal"}
            continue
        s3.complete_multipart_upload(Bucket="copies", Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
        refused(abroad.get_object, Bucket="copies", Key="parts")
    put(s3, "copies", "a", label="general")
    assert abroad.get_object(Bucket="copies", Key="a")["Body"].read()


def test_presigned_links_stop_at_the_border(server, labelled):
    for label in LABELS:
        for source, good in ((None, True), (US, label == "general")):
            answer = Raw(server, source=source).presigned_request("GET", f"/{labelled}/{label}")
            assert answer.status == (200 if good else 403), (label, source, answer)


# Approvals


def revoke_all(server):
    said = server.cli("approval", "list")
    for approval in said if isinstance(said, list) else said["approvals"]:
        server.run("approval", "revoke", approval["id"])


@pytest.fixture
def no_approvals(server):
    yield
    revoke_all(server)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("covers", ["personal", "sensitive-personal", "important", "core,sensitive-personal"])
def test_matrix_with_an_approval_for_the_united_states(server, labelled, label, covers, no_approvals):
    level = {"important": 1, "core": 2}
    person = {"personal": 1, "sensitive-personal": 2}
    facts = lambda text: [max([0, *(table[word] for word in text.split(",") if word in table)]) for table in (level, person)]
    open_to = label != "unclassified" and all(wide >= narrow for wide, narrow in zip(facts(covers), facts(label)))
    server.grant(covers)
    for place, good in ((US, open_to or label == "general"), (DE, label == "general")):
        for read in ("get", "head", "range", "tags"):
            do = lambda: READS[read](server.client(source=place), Bucket=labelled, Key=label)
            if good:
                do()
            else:
                refused(do)


def test_an_approval_is_spent_byte_by_byte(server, bucket, no_approvals):
    s3, abroad = server.client(), server.client(source=US)
    put(s3, bucket, "a", b"x" * 600, label="personal")
    identity = server.grant(max_bytes=1000)
    done = abroad.get_object(Bucket=bucket, Key="a")
    assert done["Body"].read() == b"x" * 600
    assert leaf(done) >= 0
    refused(abroad.get_object, Bucket=bucket, Key="a")
    assert abroad.get_object(Bucket=bucket, Key="a", Range="bytes=0-398")["Body"].read() == b"x" * 399
    refused(abroad.get_object, Bucket=bucket, Key="a", Range="bytes=0-1")
    assert abroad.get_object(Bucket=bucket, Key="a", Range="bytes=5-5")["Body"].read() == b"x"
    refused(abroad.get_object, Bucket=bucket, Key="a", Range="bytes=5-5")
    assert server.cli("approval", "show", identity)


def test_racing_requests_never_overspend(server, bucket, no_approvals):
    s3 = server.client()
    size = 100_000
    put(s3, bucket, "a", b"r" * size, label="personal")
    server.grant(max_bytes=10 * size + size // 2)
    clients = [server.client(source=US) for _ in range(8)]

    def attempt(number):
        try:
            return len(clients[number % 8].get_object(Bucket=bucket, Key="a")["Body"].read())
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
            return 0

    with ThreadPoolExecutor(16) as pool:
        taken = sum(pool.map(attempt, range(40)))
    assert taken == 10 * size


def test_revoked_expired_and_foreign_approvals_open_nothing(server, bucket, no_approvals):
    s3, abroad = server.client(), server.client(source=US)
    put(s3, bucket, "a", label="personal")
    identity = server.grant()
    assert abroad.get_object(Bucket=bucket, Key="a")["Body"].read()
    server.cli("approval", "revoke", identity)
    refused(abroad.get_object, Bucket=bucket, Key="a")
    soon = time.time() + 2
    server.grant(until=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(soon)))
    while time.time() < soon + 1:
        try:
            abroad.head_object(Bucket=bucket, Key="a")
        except ClientError:
            pass
    refused(abroad.get_object, Bucket=bucket, Key="a")
    server.cli("tenant", "create", "somebody-else")
    server.grant(tenant="somebody-else")
    refused(abroad.get_object, Bucket=bucket, Key="a")


def test_a_revoked_export_is_cut_and_never_ended_cleanly(server, bucket, no_approvals):
    size = 96 * MIB
    put(server.client(), bucket, "big", b"b" * size, label="personal")
    identity = server.grant()
    raw = Raw(server, source=US)
    target, headers = raw.presigned("GET", f"/{bucket}/big")
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        stream.bind((US, 0))
        stream.connect((server.s3_host, server.s3_port))
        stream.settimeout(30)
        stream.sendall(f"GET {target} HTTP/1.1\r\nhost: {headers['host']}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += stream.recv(4096)
        assert b" 200 " in head.split(b"\r\n")[0]
        got = len(head.split(b"\r\n\r\n", 1)[1])
        while got < MIB:
            got += len(stream.recv(65536))
        server.cli("approval", "revoke", identity)
        try:
            while piece := stream.recv(65536):
                got += len(piece)
        except ConnectionResetError:
            pass
    assert got < size // 2, f"{got} of {size} bytes came after all"
    # What was not sent is given back only by the closing leaf, so the ledger tells the bytes that were.
    shown = server.run("ledger", "tail", "-n", "20", "--json").stdout
    assert "export" in shown


def test_an_export_is_proven_from_the_ledger(server, bucket, no_approvals, tmp_path):
    put(server.client(), bucket, "a", label="personal")
    server.grant()
    done = server.client(source=US).get_object(Bucket=bucket, Key="a")
    assert done["Body"].read()
    bundle = tmp_path / "bundle.json"
    assert server.run("ledger", "prove", leaf(done), "--out", bundle).returncode == 0
    verified = server.run("verify", bundle, "--key", server.vkey)
    assert verified.returncode == 0, verified
    spoiled = bundle.read_text().replace('"index"', '"index" ', 1).replace(f": {leaf(done)}", f": {leaf(done) + 1}")
    (tmp_path / "spoiled.json").write_text(spoiled.replace(f":{leaf(done)},", f":{leaf(done) + 1},"))
    assert server.run("verify", tmp_path / "spoiled.json", "--key", server.vkey).returncode == 1
    assert server.run("verify", bundle).returncode == 2


def test_explain_decides_nothing_and_tells_the_remedy(make_server):
    server = make_server("explain")
    bucket = server.bucket("explained")
    put(server.client(), bucket, "a", label="personal")
    before = server.cli("ledger", "tail")
    inside = server.run("explain", "--object", f"{bucket}/a", "--from-address", "127.0.0.1")
    outside = server.run("explain", "--object", f"{bucket}/a", "--from-address", US)
    assert "approval" in outside.stdout and inside.stdout != outside.stdout
    assert inside.returncode == 0
    assert server.cli("ledger", "tail") == before, "asking is not trying: nothing is recorded"


# Where somebody is


@pytest.mark.parametrize(
    "peer, forwarded, good",
    [
        (PROXY, "127.0.0.5", True),
        (PROXY, US, False),
        (PROXY, None, False),
        (PROXY, "", False),
        (PROXY, "nonsense", False),
        (PROXY, "8.8.8.8", False),
        (PROXY, f"127.0.0.5, {US}", False),
        (PROXY, f"{US}, 127.0.0.5", True),
        (PROXY, f"{US}, {PROXY}", False),
        (PROXY, f"127.0.0.5,{PROXY},{PROXY}", True),
        (PROXY, f"127.0.0.5, nonsense, {PROXY}", False),
        (PROXY, PROXY, False),
        (US, "127.0.0.5", False),
        (None, US, True),
        (PROXY, "::ffff:127.0.0.66", False),
        (PROXY, "::ffff:127.0.0.5", True),
    ],
)
def test_only_a_trusted_proxy_says_where_somebody_is(server, labelled, peer, forwarded, good):
    raw = Raw(server, source=peer)
    target, headers = raw.presigned("GET", f"/{labelled}/personal")
    if forwarded is not None:
        headers["x-forwarded-for"] = forwarded
    assert raw.send("GET", target, headers).status == (200 if good else 403)


def test_forwarded_headers_are_read_as_one_list(server, labelled):
    raw = Raw(server, source=PROXY)
    target, headers = raw.presigned("GET", f"/{labelled}/personal")
    connection = raw.connect()
    connection.putrequest("GET", target, skip_host=True)
    connection.putheader("host", headers["host"])
    connection.putheader("x-forwarded-for", "127.0.0.5")
    connection.putheader("x-forwarded-for", US)
    connection.endheaders()
    assert connection.getresponse().status == 403
    connection.close()


def test_the_control_port_has_a_border_too(server):
    ask = lambda path, token=None, source=None: _ask(server, path, token, source)
    assert ask("/healthz")[0] == 200 and ask("/healthz", source=US)[0] == 200
    for path in ("/v1/tenants", "/v1/buckets", "/v1/approvals", "/metrics", "/ledger/checkpoint", "/v1/jobs", "/openapi.json"):
        assert ask(path)[0] == 401, path
        assert ask(path, "wrong")[0] == 401, path
        assert ask(path, server.secret_key)[0] == 401, path
        assert ask(path, server.access_key)[0] == 401, path
        assert ask(path, server.token)[0] == 200, path
        assert ask(path, server.token, US)[0] == 403, path


def _ask(server, path, token, source):
    host, port = server.control.removeprefix("http://").rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=30, source_address=(source, 0) if source else None)
    connection.request("GET", path, headers={"authorization": f"Bearer {token}"} if token else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_metrics_and_leaves_name_no_object(server, labelled):
    key = "name-of-a-person-0042"
    put(server.client(), labelled, key, label="personal")
    refused(server.client(source=US).get_object, Bucket=labelled, Key=key)
    assert key.encode() not in _ask(server, "/metrics", server.token, None)[1]
    assert key not in server.run("ledger", "tail", "-n", "50").stdout
    assert key not in server.log


def test_a_region_without_configuration(make_server):
    plain = make_server("plain", config=None)
    assert "ZZ" in plain.log
    s3 = plain.client(region="onshore-1")
    s3.create_bucket(Bucket="plain")
    put(s3, "plain", "a", label="core,sensitive-personal")
    assert s3.get_object(Bucket="plain", Key="a")["Body"].read()


def test_a_moved_border_is_an_epoch_in_the_ledger(make_server):
    moved = make_server("moved")
    s3 = moved.client()
    s3.create_bucket(Bucket="moved")
    put(s3, "moved", "a", label="personal")
    size = lambda: int(_ask(moved, "/ledger/checkpoint", moved.token, None)[1].split(b"\n")[1])
    refused(moved.client(source=US).get_object, Bucket="moved", Key="a")
    before = size()
    moved.config = CONFIG.replace('"127.0.0.66/32" = "US"', '"127.0.0.66/32" = "CN"')
    assert moved.terminate() == 0
    moved.output = []
    moved.start()
    assert moved.client(source=US).get_object(Bucket="moved", Key="a")["Body"].read()
    assert size() > before
    assert "epoch" in moved.run("ledger", "tail", "-n", "10", "--json").stdout
