"""TLS on both listeners: real clients, raw handshakes, certificates replaced under way, refusals at start."""

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import tomllib
import urllib.parse

import pytest
from cryptography import x509

from calls import put
from certificates import PKCS8, TRADITIONAL, Authority
from onshore_server import BINARY, CONFIG, clean_env
from test_access_logs import awaited, log_to
from test_boto3 import local_names  # noqa: F401, a fixture


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.install(*authority.issue()[:2])
    return authority


@pytest.fixture(scope="module")
def server(make_server, authority):
    return make_server(config=CONFIG + authority.config(), ca=authority.path)


def context(authority, **limits):
    made = ssl.create_default_context(cafile=authority.path)
    for limit, version in limits.items():
        setattr(made, limit, version)
    return made


def serial_shown(server, authority, port=None):
    """The serial number of the certificate that a new connection is shown."""
    with socket.create_connection(("127.0.0.1", port or server.s3_port), 10) as plain:
        with context(authority).wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True)).serial_number


def control_port(server):
    return int(server.control.rsplit(":", 1)[1])


def test_addresses_say_https(server):
    told = json.loads((server.data / "server.json").read_text())
    assert told["scheme"] == "https"
    assert f"https://{told['s3']}" in server.log and f"https://{told['control']}" in server.log
    credentials = tomllib.loads((server.data / "credentials.toml").read_text())
    assert credentials["s3"]["endpoint"] == server.s3 and server.s3.startswith("https://")


def test_boto3_path_style(server):
    s3 = server.client()
    s3.create_bucket(Bucket="secured")
    body = os.urandom(300_000)
    for key in ("a", "b c/\u6587", "//x"):
        s3.put_object(Bucket="secured", Key=key, Body=body)
        assert s3.get_object(Bucket="secured", Key=key)["Body"].read() == body
    assert s3.get_object(Bucket="secured", Key="a", Range="bytes=100-199")["Body"].read() == body[100:200]


def test_boto3_virtual_host_style_with_a_wildcard_certificate(server, local_names):  # noqa: F811
    s3 = server.client(endpoint=f"https://s3.localhost:{server.s3_port}", style="virtual")
    s3.create_bucket(Bucket="wild")
    s3.put_object(Bucket="wild", Key="a/b", Body=b"by host")
    assert s3.get_object(Bucket="wild", Key="a/b")["Body"].read() == b"by host"
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="wild")["Contents"]] == ["a/b"]


def test_locations_say_https(server):
    s3 = server.client()
    s3.create_bucket(Bucket="located")
    upload = s3.create_multipart_upload(Bucket="located", Key="big one")["UploadId"]
    part = s3.upload_part(Bucket="located", Key="big one", UploadId=upload, PartNumber=1, Body=b"x" * 1000)
    done = s3.complete_multipart_upload(
        Bucket="located", Key="big one", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    assert done["Location"] == f"{server.s3}/located/big%20one"

    import requests

    form = server.client(signature_version="s3v4").generate_presigned_post("located", "by form", {"success_action_status": "201"}, [{"success_action_status": "201"}])
    answer = requests.post(form["url"], data=form["fields"], files={"file": b"formed"}, verify=str(server.ca), timeout=30)
    assert answer.status_code == 201, answer.text
    assert re.search("<Location>([^<]*)", answer.text)[1] == answer.headers["location"] == f"{server.s3}/located/by%20form"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_of_tls(server, authority, version):
    for port in (server.s3_port, control_port(server)):
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            made = context(authority, minimum_version=version, maximum_version=version)
            made.set_alpn_protocols(["h2", "http/1.1"])
            with made.wrap_socket(plain, server_hostname="localhost") as secured:
                assert secured.version() == version.name.replace("_", ".")
                assert secured.selected_alpn_protocol() == "http/1.1"
                secured.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = b"".join(iter(lambda: secured.recv(4096), b""))
                assert answer.startswith(b"HTTP/1.1 200 " if port != server.s3_port else b"HTTP/1.1 403 "), answer


def test_old_tls_and_other_protocols_are_refused(server, authority):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(authority.path)
    made.set_alpn_protocols(["h2"])
    with socket.create_connection(("127.0.0.1", server.s3_port), 10) as plain, pytest.raises(ssl.SSLError):
        made.wrap_socket(plain, server_hostname="localhost")
    # A hello that offers TLS 1.1 at most, by hand: this machine's library no longer makes one.
    hello = b"\x03\x02" + bytes(32) + b"\x00" + b"\x00\x02\xc0\x13" + b"\x01\x00"
    hello = b"\x01" + len(hello).to_bytes(3, "big") + hello
    with socket.create_connection(("127.0.0.1", server.s3_port), 10) as plain:
        plain.sendall(b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello)
        alert = plain.recv(4096)
        assert alert[0] == 21 and alert[6] in (40, 70), "handshake_failure or protocol_version"


def test_whoever_is_not_trusted_is_told_so_by_clients(server):
    other = ssl.create_default_context()
    with socket.create_connection(("127.0.0.1", server.s3_port), 10) as plain, pytest.raises(ssl.SSLCertVerificationError):
        other.wrap_socket(plain, server_hostname="localhost")
    assert server.client().list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_plain_http_gets_an_answer_and_an_end(server):
    for port in (server.s3_port, control_port(server)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("PUT", "/bucket/key", body=b"x" * 10_000)
        answer = connection.getresponse()
        assert answer.status == 400 and b"https://" in answer.read() and answer.getheader("connection") == "close"
        connection.close()
    with socket.create_connection(("127.0.0.1", server.s3_port), 10) as plain:
        plain.sendall(b"\x16nonsense that is no hello" + bytes(1000))
        assert b"".join(iter(lambda: plain.recv(4096), b""))[:1] in (b"\x15", b"")


def test_a_silent_client_holds_nobody_up(server):
    silent = [socket.create_connection(("127.0.0.1", port), 10) for port in (server.s3_port, control_port(server)) for _ in range(20)]
    try:
        assert server.client().list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200
        server.cli("tenant", "list")
        for one in silent[::20]:
            one.settimeout(30)
            assert one.recv(1) == b"", "closed once its time is up"
    finally:
        for one in silent:
            one.close()


def test_the_command_line_over_tls(server, authority):
    server.cli("tenant", "list")
    assert server.run("tenant", "list", "--ca", authority.path, env={"ONSHORE_CA": "/nonexistent"}).returncode == 0

    def alone(*args):
        return subprocess.run([BINARY, *map(str, args)], env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    assert alone("tenant", "list", "--data", server.data, "--ca", authority.path).returncode == 0
    untrusted = alone("tenant", "list", "--data", server.data)
    assert untrusted.returncode in (1, 2) and "--ca" in untrusted.stderr
    for bad in (server.data / "nothing.pem", authority.folder / "key.pem"):
        done = alone("tenant", "list", "--data", server.data, "--ca", bad)
        assert done.returncode == 2 and str(bad) in done.stderr


@pytest.mark.parametrize(("kind", "form"), [("ec", PKCS8), ("ec", TRADITIONAL), ("rsa", PKCS8), ("rsa", TRADITIONAL)])
def test_kinds_of_keys_and_renewal_on_a_signal(server, authority, kind, form):
    goes_on = http.client.HTTPSConnection("127.0.0.1", control_port(server), context=context(authority), timeout=30)
    goes_on.request("GET", "/healthz")
    assert goes_on.getresponse().read() is not None
    before, open_socket = serial_shown(server, authority), goes_on.sock
    chain, key, serial = authority.issue(kind=kind, form=form)
    authority.install(chain, key)
    server.process.send_signal(signal.SIGHUP)
    await_serial(server, authority, serial)
    assert before != serial and serial_shown(server, authority, control_port(server)) == serial
    goes_on.request("GET", "/healthz")
    assert goes_on.getresponse().status == 200 and goes_on.sock is open_socket
    goes_on.close()


def test_renewal_when_the_files_change(server, authority):
    chain, key, serial = authority.issue()
    authority.install(chain, key)
    await_serial(server, authority, serial)


def test_a_certificate_that_cannot_be_used_changes_nothing(server, authority):
    chain, key, serial = authority.issue()
    authority.install(chain, key)
    server.process.send_signal(signal.SIGHUP)
    await_serial(server, authority, serial)
    other_key = authority.issue()[1]
    for number, (bad_chain, bad_key) in enumerate([(chain, other_key), (b"", key), (chain, b"nonsense"), (b"-----BEGIN CERTIFICATE-----\nx", key)], 1):
        said = server.log.count("the old one stays in force")
        authority.install(bad_chain, bad_key)
        server.process.send_signal(signal.SIGHUP)
        await_true(lambda: server.log.count("the old one stays in force") > said)
        assert serial_shown(server, authority) == serial, number
    authority.install(chain, key)
    assert "PRIVATE" not in server.log


def await_true(holds, looks=600):
    """Looks until it holds; each look that fails waits on the system for a moment."""
    for _ in range(looks):
        if holds():
            return
        subprocess.run(["sleep", "0.05"], check=True)
    pytest.fail("it never held")


def await_serial(server, authority, serial):
    await_true(lambda: serial_shown(server, authority) == serial)


def start(server_args, config, tmp_path):
    (tmp_path / "config.toml").write_text(config)
    return subprocess.run(
        [BINARY, "serve", "--data", tmp_path / "data", "--config", tmp_path / "config.toml", *server_args],
        env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )


LOOPBACK = ["--s3-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0"]


@pytest.mark.parametrize("what", ["no file", "no certificate", "no key", "other key", "nonsense"])
def test_a_bad_certificate_at_start_is_wrong_usage(tmp_path, what):
    authority = Authority(tmp_path)
    chain, key, _ = authority.issue()
    if what != "no file":
        bad = {"no certificate": (key, key), "no key": (chain, chain), "other key": (chain, authority.issue()[1]), "nonsense": (b"\xff", b"\x00")}
        authority.install(*bad[what])
    done = start(LOOPBACK, CONFIG + authority.config(), tmp_path)
    assert done.returncode == 2 and str(tmp_path) in done.stderr and "[tls]" in done.stderr, done
    assert not (tmp_path / "data/onshore.db").exists()
    check = subprocess.run([BINARY, "config", "check", tmp_path / "config.toml"], env=clean_env(), capture_output=True, text=True, timeout=60)
    assert check.returncode == 2 and "[tls]" in check.stderr


def test_half_a_table_is_wrong_usage(tmp_path):
    done = start(LOOPBACK, CONFIG + '\n[tls]\ncertificate = "chain.pem"\n', tmp_path)
    assert done.returncode == 2 and "key" in done.stderr


def test_off_loopback_needs_tls_or_consent(make_server, authority, tmp_path):
    for args in (["--s3-listen", "0.0.0.0:0"], ["--control-listen", "0.0.0.0:0"]):
        done = start([*LOOPBACK[:2], *args] if "control" in args[0] else [*args, *LOOPBACK[2:]], CONFIG, tmp_path)
        assert done.returncode == 2 and "--insecure" in done.stderr and "[tls]" in done.stderr
    insecure = make_server("insecure", args=["--insecure"], listen="0.0.0.0:0")
    assert "unencrypted" in insecure.log and insecure.s3.startswith("http://")
    secured = make_server("secured", listen="0.0.0.0:0", config=CONFIG + authority.config(), ca=authority.path)
    assert "unencrypted" not in secured.log
    assert isinstance(serial_shown(secured, authority), int)
    assert urllib.parse.urlsplit(secured.s3).scheme == "https"


@pytest.mark.parametrize("version, told, cipher", [("TLSv1_2", "TLSv1.2", "TLS_ECDHE_"), ("TLSv1_3", "TLSv1.3", "TLS_AES_")])
def test_access_lines_tell_how_the_connection_was_secured(make_server, authority, version, told, cipher):
    upkeep = "\n[upkeep]\naccess_log_interval_s = 1\n"
    server = make_server(f"logs-{version}", config=CONFIG + authority.config() + upkeep, ca=authority.path)
    s3 = server.client()
    for name in ("told", "logs"):
        s3.create_bucket(Bucket=name)
    log_to(s3, "told", "logs")
    put(s3, "told", "k")
    link = urllib.parse.urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": "told", "Key": "k"}))
    limit = getattr(ssl.TLSVersion, version)
    limited = context(authority, minimum_version=limit, maximum_version=limit)
    connection = http.client.HTTPSConnection(link.hostname, link.port, context=limited, timeout=30)
    connection.request("GET", f"{link.path}?{link.query}")
    assert connection.getresponse().read() == b"x"
    line = awaited(s3, "logs", "REST.GET.OBJECT")[0]
    assert line["tls"] == told and line["cipher"].startswith(cipher), line
