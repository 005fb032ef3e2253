"""Where somebody is: what a proxy says in front of a connection, what a country database says, and who tries to be elsewhere.

127.0.0.66 is in the United States, 127.0.0.99 is a proxy whose word is believed."""

import gzip
import hashlib
import http.client
import json
import socket
import ssl
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import tlog
from certificates import Authority
from identities import deny, document
from mmdb import country, database, encoded
from onshore_server import CONFIG, Ended
from proxying import LOCAL, PROXY, SIGNATURE, TCP4, TCP6, UDP4, UNIX, UNSPEC, HeaderProxy, header, tlv
from raw_s3 import Raw, crc32c

INSIDE, US, TRUSTED = "127.0.0.5", "127.0.0.66", "127.0.0.99"
SPOKEN = CONFIG.replace("[s3]", 'proxy_protocol = ["s3", "control"]\n\n[s3]')
BODY = b"0123456789"


def control_port(server):
    return int(server.control.rsplit(":", 1)[1])


def behind(server):
    """Lets the command line and clients through: they speak by a proxy that says they are inside."""
    server.direct = control_port(server)
    server.by_control = HeaderProxy(server.direct, TRUSTED, header(INSIDE))
    server.by_s3 = HeaderProxy(server.s3_port, TRUSTED, header(INSIDE))
    server.control = f"{server.control.split('//')[0]}//127.0.0.1:{server.by_control.port}"
    server.s3 = f"{server.s3.split('//')[0]}//127.0.0.1:{server.by_s3.port}"
    return server


@pytest.fixture(scope="module")
def spoken(make_server):
    """A server to which proxies speak the protocol, with an object that must not leave."""
    server = behind(make_server(config=SPOKEN))
    s3 = server.client()
    s3.create_bucket(Bucket="placed")
    s3.put_object(Bucket="placed", Key="bound", Body=BODY, Metadata={"onshore-class": "personal"})
    s3.put_object(Bucket="placed", Key="free", Body=BODY, Metadata={"onshore-class": "general"})
    return server


def connected(server, source=TRUSTED, port=None):
    return socket.create_connection(("127.0.0.1", port or server.s3_port), 30, source_address=(source, 0))


def asked(connection, target, headers, method="GET"):
    """Sends a request on an open connection and returns the status of the answer; none where the connection is ended."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "connection: close", "", ""]
    try:
        connection.sendall("\r\n".join(lines).encode())
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        answer.body = answer.read()
        return answer
    except (ConnectionError, http.client.HTTPException, ssl.SSLError):
        return None
    finally:
        connection.close()


def status(server, head, source=TRUSTED, key="bound", forwarded=None, method="GET", pieces=None, wrap=None):
    """The status of a read behind a header; none where the connection is ended."""
    raw = Raw(server)
    target, headers = raw.presigned(method, f"/placed/{key}")
    if forwarded is not None:
        headers["x-forwarded-for"] = forwarded
    connection = connected(server, source)
    try:
        for piece in pieces or [head]:
            connection.sendall(piece)
    except ConnectionError:
        return None
    answer = asked(wrap(connection) if wrap else connection, target, headers, method)
    if answer is None:
        return None
    assert (answer.body == BODY) == (answer.status == 200 and method == "GET"), answer.body
    return answer.status


# Who it is for


@pytest.mark.parametrize(
    "head, bound, free",
    [
        (header(INSIDE), 200, 200),
        (header(US), 403, 200),
        (header("203.0.113.9"), 403, 200),
        (header("2001:db8::1"), 403, 200),
        (header("::ffff:127.0.0.5"), 200, 200),
        (header("::ffff:127.0.0.66"), 403, 200),
        # The proxy's own address is nobody's who asks.
        (header(TRUSTED), 403, 200),
        (header("::ffff:127.0.0.99"), 403, 200),
        (header(INSIDE, family=UDP4), 200, 200),
        (header(command=LOCAL), 403, 200),
        # What a proxy adds to its own connection says nothing of anybody.
        (header(INSIDE, command=LOCAL), 403, 200),
        (header(family=UNSPEC), 403, 200),
        (header(family=UNSPEC, rest=bytes(12)), 403, 200),
        (header(family=UNIX, rest=bytes(216)), 403, 200),
        (header(INSIDE, besides=tlv(0x04, b"no operation") + tlv(0x02, b"s3.localhost") + tlv(0xEA, b"\x01vpce-1")), 200, 200),
        (header(US, besides=tlv(0x01, b"http/1.1")), 403, 200),
        (header(INSIDE, besides=tlv(0x04, bytes(4081))), 200, 200),
    ],
)
def test_a_trusted_proxy_says_for_whom_it_connects(spoken, head, bound, free):
    assert status(spoken, head) == bound
    assert status(spoken, head, method="HEAD") == bound
    assert status(spoken, head, key="free") == free


def with_checksum(spoil=0):
    bare = header(INSIDE, besides=tlv(0x03, bytes(4)) + tlv(0x04, b"x"))
    right = struct.pack(">I", crc32c(bare) ^ spoil)
    return header(INSIDE, besides=tlv(0x03, right) + tlv(0x04, b"x"))


def test_a_checksum_is_reckoned_with(spoken):
    assert status(spoken, with_checksum()) == 200
    assert status(spoken, with_checksum(spoil=1)) is None


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"PROXY TCP4 127.0.0.5 127.0.0.1 4660 80\r\n",
        header(INSIDE, signature=SIGNATURE[:-1] + b"\r"),
        header(INSIDE, signature=b"\0" + SIGNATURE[1:]),
        header(INSIDE, command=0x11),
        header(INSIDE, command=0x22),
        header(INSIDE, family=0x41),
        header(INSIDE, family=0x10),
        header(INSIDE, family=0x13),
        header(INSIDE, family=TCP6),
        header(family=TCP4),
        header(family=UNIX, rest=bytes(215)),
        header(INSIDE, length=11),
        # As long as it says, the header would take in the request.
        header(INSIDE, length=200),
        header(INSIDE, length=65535),
        header(INSIDE, besides=bytes(4085)),
        header(INSIDE, besides=b"\x04"),
        header(INSIDE, besides=b"\x04\0"),
        header(INSIDE, besides=b"\x04\0\x02x"),
        # A second header is no request.
        header(INSIDE) + header(US),
    ],
)
def test_what_is_malformed_ends_the_connection(spoken, head):
    assert status(spoken, head, key="free") in (None, 400)


@pytest.mark.parametrize("source", ["127.0.0.1", INSIDE, US])
def test_only_a_trusted_proxy_is_heard(spoken, source):
    for head in (header(INSIDE), header(command=LOCAL), b""):
        assert status(spoken, head, source=source, key="free") is None
        connection = connected(spoken, source, spoken.direct)
        connection.sendall(head)
        assert asked(connection, "/healthz", {"host": "x"}) is None


def test_a_header_may_come_in_single_bytes(spoken):
    for head, expected in ((header(INSIDE, besides=tlv(0x04, b"abc")), 200), (header(US), 403)):
        connection_pieces = [head[at : at + 1] for at in range(len(head))]
        assert status(spoken, head, pieces=connection_pieces) == expected


def test_a_request_directly_behind_the_header_is_not_eaten(spoken):
    raw = Raw(spoken)
    target, headers = raw.presigned("GET", "/placed/bound")
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "connection: close", "", ""]
    connection = connected(spoken)
    connection.sendall(header(INSIDE) + "\r\n".join(lines).encode())
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    assert (answer.status, answer.read()) == (200, BODY)
    connection.close()


def test_slow_senders_hold_nothing(spoken):
    """Many that say nothing, or too little, are ended in a few seconds; meanwhile others are served."""
    stalled = [connected(spoken) for _ in range(60)]
    for number, connection in enumerate(stalled):
        connection.sendall(header(INSIDE)[: number % 28])
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: status(spoken, header(INSIDE)), range(16))) == [200] * 16
    assert time.monotonic() - started < 4
    for connection in stalled:
        connection.settimeout(15)
        assert connection.recv(1) == b""
        connection.close()
    assert 3 < time.monotonic() - started < 14
    trickling = connected(spoken)
    started = time.monotonic()
    with pytest.raises(ConnectionError):
        for byte in header(INSIDE, besides=tlv(0x04, bytes(200))):
            trickling.sendall(bytes([byte]))
            time.sleep(0.1)
    assert time.monotonic() - started < 14
    trickling.close()


# With X-Forwarded-For


@pytest.mark.parametrize(
    "told, forwarded, expected",
    [
        (INSIDE, INSIDE, 200),
        (INSIDE, US, 403),
        (US, INSIDE, 403),
        (US, US, 403),
        (INSIDE, "8.8.8.8", 403),
        (INSIDE, f"{US}, {INSIDE}", 200),
        (INSIDE, f"{INSIDE}, {US}", 403),
        (INSIDE, "", 403),
        (INSIDE, "nonsense", 403),
        # One proxy behind the other: the nearer is the peer of the connection, the farther wrote the header.
        (TRUSTED, INSIDE, 200),
        (TRUSTED, US, 403),
        (TRUSTED, f"{US}, {TRUSTED}", 403),
        (TRUSTED, None, 403),
        (None, INSIDE, 403),
    ],
)
def test_the_more_foreign_of_both_words_wins(spoken, told, forwarded, expected):
    head = header(told) if told else header(family=UNSPEC)
    assert status(spoken, head, forwarded=forwarded) == expected


def test_the_proxy_itself_passes_on_by_x_forwarded_for(spoken):
    assert status(spoken, header(command=LOCAL), forwarded=INSIDE) == 200
    assert status(spoken, header(command=LOCAL), forwarded=US) == 403


def test_a_link_made_inside_is_refused_abroad(spoken):
    link = spoken.client().generate_presigned_url("get_object", Params={"Bucket": "placed", "Key": "bound"})
    target = link[link.index("/placed") :]
    host = link.split("/")[2]
    for told, expected in ((INSIDE, 200), (US, 403), ("203.0.113.9", 403)):
        connection = connected(spoken)
        connection.sendall(header(told))
        answer = asked(connection, target, {"host": host})
        assert answer.status == expected
        if expected == 403:
            assert "border.outward" in answer.headers["x-onshore-refusal"] and answer.headers["x-onshore-leaf"].isdigit()


def test_conditions_see_the_address_that_the_proxy_tells(spoken):
    s3 = spoken.client()
    s3.create_bucket(Bucket="conditioned")
    s3.put_object(Bucket="conditioned", Key="k", Body=BODY, Metadata={"onshore-class": "general"})
    forbid = deny("s3:GetObject", on="arn:aws:s3:::conditioned/*", Principal="*", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.6/32"}})
    s3.put_bucket_policy(Bucket="conditioned", Policy=json.dumps(document(forbid)))
    raw = Raw(spoken)
    for told, forwarded, expected in (("127.0.0.6", None, 403), (INSIDE, None, 200), ("127.0.0.6", INSIDE, 403), (INSIDE, "127.0.0.6", 200)):
        target, headers = raw.presigned("GET", "/conditioned/k")
        if forwarded:
            headers["x-forwarded-for"] = forwarded
        connection = connected(spoken)
        connection.sendall(header(told))
        assert asked(connection, target, headers).status == expected, (told, forwarded)


# The other ports


def test_sts_is_behind_the_header_too(spoken):
    sts = lambda head, source=TRUSTED: _caller_identity(spoken, head, source)
    assert sts(header(INSIDE)).status == 200
    assert sts(header(INSIDE), "127.0.0.1") is None
    assert sts(b"") is None


def _caller_identity(server, head, source):
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    raw = Raw(server)
    target, headers, _ = raw.signed("POST", "/", (), {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))}, body, service="sts")
    connection = connected(server, source)
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "connection: close", "", ""]
    try:
        connection.sendall(head + "\r\n".join(lines).encode() + body)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer
    except (ConnectionError, http.client.HTTPException):
        return None


def test_the_control_port_believes_the_header(spoken):
    def ask(head, **more):
        connection = connected(spoken, port=spoken.direct)
        connection.sendall(head)
        answer = asked(connection, "/v1/tenants", {"host": "x", "authorization": f"Bearer {spoken.token}", **more})
        return answer and answer.status

    assert ask(header(INSIDE)) == 200
    for head in (header(US), header("203.0.113.9"), header(command=LOCAL), header(family=UNSPEC), header(family=UNIX, rest=bytes(216)), header(TRUSTED)):
        assert ask(head) == 403
    assert ask(header(INSIDE), **{"x-forwarded-for": US}) == 403
    for head in (b"", b"PROXY TCP4 127.0.0.5 127.0.0.1 1 2\r\n", header(INSIDE, length=4097)):
        assert ask(head) is None


def test_a_listener_without_the_protocol_takes_a_header_for_a_bad_request(make_server):
    """A header must not be believed where nobody configured it."""
    server = make_server(name="unspoken", config=CONFIG.replace("[s3]", 'proxy_protocol = ["control"]\n\n[s3]'))
    direct = control_port(server)
    server.control = f"http://127.0.0.1:{HeaderProxy(direct, TRUSTED, header(INSIDE)).port}"
    s3 = server.client()
    s3.create_bucket(Bucket="placed")
    s3.put_object(Bucket="placed", Key="free", Body=BODY, Metadata={"onshore-class": "general"})
    assert status(server, header(INSIDE), key="free") in (None, 400)
    assert status(server, b"", source=INSIDE, key="free") == 200
    assert server.cli("tenant", "list")


def test_tls_begins_behind_the_header(make_server, tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.install(*authority.issue()[:2])
    server = behind(make_server(name="secured", config=SPOKEN + authority.config(), ca=authority.path))
    s3 = server.client()
    s3.create_bucket(Bucket="placed")
    s3.put_object(Bucket="placed", Key="bound", Body=BODY, Metadata={"onshore-class": "personal"})
    context = ssl.create_default_context(cafile=authority.path)
    wrap = lambda connection: context.wrap_socket(connection, server_hostname="127.0.0.1")
    assert status(server, header(INSIDE), wrap=wrap) == 200
    assert status(server, header(US), wrap=wrap) == 403
    # Inside TLS the header is no header, and without one there is no handshake.
    for head, source in ((b"", TRUSTED), (header(INSIDE), "127.0.0.1")):
        try:
            assert status(server, head, source=source, wrap=wrap) is None
        except OSError:
            pass  # The handshake ends with the connection.
    inner = wrap(_after(connected(server), header(INSIDE)))
    inner.sendall(header(US))
    target, headers = Raw(server).presigned("GET", "/placed/bound")
    answer = asked(inner, target, headers)
    assert answer is None or answer.status == 400
    assert server.cli("tenant", "list")


def _after(connection, head):
    connection.sendall(head)
    return connection


def test_nobody_could_connect_without_trusted_proxies(make_server):
    server = make_server(name="nobody", start=False, config=SPOKEN.replace('trusted = ["127.0.0.99/32"]', "trusted = []"))
    with pytest.raises(Ended, match="proxies.proxy_protocol"):
        server.start()


def epoch(server):
    """What the configuration epoch in force was made of, once the ledger that is shown has come so far."""
    leaf = server.client().put_object(Bucket="placed", Key="receipt", Body=b"")["ResponseMetadata"]["HTTPHeaders"]["x-onshore-leaf"]
    until = time.monotonic() + 30
    while True:
        log = tlog.Log(tlog.from_folder(server.data / "ledger"), server.vkey)
        if log.size > int(leaf):
            return [leaf["document"] for leaf in log.json() if leaf.get("kind") == "epoch"][-1]
        assert time.monotonic() < until, f"the checkpoint stays at {log.size}"


def test_the_epoch_says_where_the_protocol_is_spoken(spoken):
    assert epoch(spoken)["configuration"]["proxy_protocol"] == ["s3", "control"]


# The country database

COUNTRIES = {
    "127.0.1.0/24": "CN",
    "127.0.2.0/24": "US",
    "127.0.3.0/24": "CN",
    "127.0.3.128/25": "HK",
    "127.0.4.0/24": {"registered_country": {"iso_code": "CN"}},
    "127.0.5.0/24": country("CN", traits={"is_anonymous_proxy": True}),
    "127.0.6.0/24": country("CN", represented_country={"iso_code": "US"}),
    "127.0.7.0/24": country("XX"),
    "127.0.9.0/24": "US",
    "198.51.100.0/24": "CN",
    "2001:db8::/32": "CN",
    "2002::/16": "CN",
}
# The table says nothing of 127.0.1.0 and what follows, but for three networks.
TABLE = CONFIG.replace('"127.0.0.0/8" = "CN"', '"127.0.0.0/24" = "CN"\n"127.0.2.0/25" = "CN"\n"127.0.8.0/24" = "CN"\n"127.0.9.0/24" = "CN"\n"127.0.1.66/32" = "US"')
BORDER = '[border]\ncountry_database = "countries.mmdb"\noverruled = ["127.0.9.0/28"]\n\n[region]'


def countries(server, records=COUNTRIES, **more):
    path = server.data.parent / "countries.mmdb"
    path.write_bytes(records if isinstance(records, bytes) else database(records, **more))
    return path


@pytest.fixture(scope="module")
def located(make_server):
    """A server with a country database, and an object that must not leave."""
    server = make_server(name="located", start=False, config=TABLE.replace("[region]", BORDER))
    countries(server)
    server.start()
    s3 = server.client()
    s3.create_bucket(Bucket="placed")
    s3.put_object(Bucket="placed", Key="bound", Body=BODY, Metadata={"onshore-class": "personal"})
    s3.put_object(Bucket="placed", Key="free", Body=BODY, Metadata={"onshore-class": "general"})
    return server


@pytest.mark.parametrize(
    "source, bound",
    [
        ("127.0.0.5", 200),
        ("127.0.0.66", 403),
        # The database alone speaks.
        ("127.0.1.1", 200),
        ("127.0.3.127", 200),
        ("127.0.3.128", 403),
        ("127.0.4.1", 403),
        ("127.0.5.1", 403),
        ("127.0.6.1", 403),
        ("127.0.7.1", 403),
        # Nobody does.
        ("127.0.10.1", 403),
        # The table alone.
        ("127.0.8.1", 200),
        # Both: the more foreign counts, whichever says it.
        ("127.0.1.66", 403),
        ("127.0.2.1", 403),
        ("127.0.9.16", 403),
        # The operator knows better there.
        ("127.0.9.15", 200),
    ],
)
def test_the_database_says_where_somebody_is(located, source, bound):
    assert status(located, b"", source=source) == bound
    assert status(located, b"", source=source, key="free") == 200


@pytest.mark.parametrize("forwarded, bound", [
    ("198.51.100.7", 200),
    ("::ffff:198.51.100.7", 200),
    ("198.51.101.7", 403),
    ("2001:db8::7", 200),
    ("2001:db9::7", 403),
    # A relay of IPv4 stands where it stands; whoever is behind it may be anywhere.
    ("2002:c633:6407::1", 403),
    ("64:ff9b::198.51.100.7", 403),
    ("::198.51.100.7", 403),
])
def test_the_database_is_asked_for_whom_a_proxy_speaks(located, forwarded, bound):
    assert status(located, b"", source=TRUSTED, forwarded=forwarded) == bound


def test_the_control_port_asks_the_database_too(located):
    def ask(source):
        connection = connected(located, source, control_port(located))
        return asked(connection, "/v1/tenants", {"host": "x", "authorization": f"Bearer {located.token}"}).status

    assert [ask(source) for source in ("127.0.1.1", "127.0.2.1", "127.0.4.1", "127.0.9.1")] == [200, 403, 403, 200]


def test_a_link_made_inside_is_refused_where_the_database_says_abroad(located):
    link = located.client(source="127.0.1.1").generate_presigned_url("get_object", Params={"Bucket": "placed", "Key": "bound"})
    target, host = link[link.index("/placed") :], link.split("/")[2]
    assert asked(connected(located, "127.0.1.1"), target, {"host": host}).status == 200
    assert asked(connected(located, "127.0.2.129"), target, {"host": host}).status == 403


def test_an_approval_is_for_where_the_database_says(located):
    approval = located.grant(to="US")
    assert status(located, b"", source="127.0.2.129") == 200
    assert status(located, b"", source="127.0.3.129") == 403
    assert status(located, b"", source="127.0.4.1") == 403
    located.cli("approval", "revoke", approval)
    assert status(located, b"", source="127.0.2.129") == 403


def test_another_database_is_another_epoch(located):
    path = located.data.parent / "countries.mmdb"
    first = epoch(located)
    told = first["configuration"]["country_database"]
    assert told == {"sha256": told["sha256"], "kind": "Test-Country", "built_s": 1_790_000_000}
    assert bytes.fromhex(told["sha256"]) == hashlib.sha256(path.read_bytes()).digest()
    assert first["configuration"]["overruled"] == ["127.0.9.0/28"]
    try:
        countries(located, {**COUNTRIES, "127.0.1.0/24": "US"})
        assert status(located, b"", source="127.0.1.1") == 200, "what was read at the start is in force"
        located.restart()
        assert status(located, b"", source="127.0.1.1") == 403
        again = epoch(located)["configuration"]["country_database"]
        assert again["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() != told["sha256"]
    finally:
        countries(located)
        located.restart()
    assert epoch(located)["configuration"] == first["configuration"]


def test_a_configuration_is_checked_with_its_database(located):
    file = f"{located.data}.toml"
    checked = located.run("config", "check", file)
    assert checked.returncode == 0 and "Test-Country" in checked.stdout
    told = located.cli("config", "check", file)["configuration"]["country_database"]
    assert told["kind"] == "Test-Country"


def damaged():
    whole = database(COUNTRIES)
    loop = bytearray(whole)
    loop[0:6] = bytes(6)
    pointer = bytearray(whole)
    pointer[0:3] = b"\xff\xff\xff"
    record = bytearray(whole)
    at = whole.index(encoded("country"))
    record[at] = 0xFF
    return {
        "missing": None,
        "empty": b"",
        "text": b"127.0.0.0/8 CN\n",
        "packed": gzip.compress(whole),
        "cut": whole[: len(whole) // 2],
        "without its end": whole[:-30],
        "a tree that leads to itself": bytes(loop),
        "a tree that leads nowhere": bytes(pointer),
        "a broken record": bytes(record),
        "no countries": database({"127.0.0.0/8": {"autonomous_system_number": 64512}}, kind="Test-ASN"),
    }


@pytest.mark.parametrize("fault", damaged())
def test_a_database_that_cannot_be_used_keeps_the_server_from_starting(make_server, fault):
    server = make_server(name=f"fault-{fault.replace(' ', '-')}", start=False, config=TABLE.replace("[region]", BORDER))
    bytes_ = damaged()[fault]
    if bytes_ is not None:
        countries(server, bytes_)
    with pytest.raises(Ended) as ended:
        server.start()
    assert "status 2" in str(ended.value) and "border.country_database" in str(ended.value), ended.value
    assert "panicked" not in str(ended.value)
    assert not (server.data / "onshore.db").exists()


@pytest.mark.parametrize("wrong, says", [
    ('overruled = ["127.0.9.0/28"]', "nothing to overrule"),
    ('country_database = "countries.mmdb"\noverruled = ["203.0.113.0/24"]', "203.0.113.0/24"),
    ('country_database = "countries.mmdb"\noverruled = ["nowhere"]', "border.overruled"),
    ('country_database = "."', "not a file"),
])
def test_what_makes_no_sense_is_refused(make_server, wrong, says):
    server = make_server(name="senseless", start=False, config=TABLE.replace("[region]", f"[border]\n{wrong}\n\n[region]"))
    countries(server)
    with pytest.raises(Ended, match=says):
        server.start()
