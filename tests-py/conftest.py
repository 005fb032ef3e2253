"""Starts servers for the tests, and tells the caller which tests could not run here."""

import collections
import os
import subprocess
import sys
from pathlib import Path

import boto3
import botocore.config
import pytest

from onshore_server import BINARY, Server, await_port, bound, clean_env, free_port

STRICT = os.environ.get("ONSHORE_STRICT") == "1"
SKIPPED_LIST = os.environ.get("ONSHORE_SKIPPED_LIST")


# Files that take longest, the longest first: whoever comes to them last would let the other cores wait.
LONGEST = [
    "test_terraform",
    "test_migrate_workers",
    "test_cutover",
    "test_control_api",
    "test_migrate_files",
    "test_scanning",
    "test_power",
    "test_migrate_containers",
    "test_migrate_swift",
    "test_migrate_hdfs",
    "test_migrate_proof",
]


def pytest_collection_modifyitems(items):
    """Whole files, those that take longest first, and then those with most tests."""
    count = collections.Counter(item.path for item in items)

    def turn(item):
        name = item.path.stem
        return (LONGEST.index(name) if name in LONGEST else len(LONGEST), -count[item.path], str(item.path))

    items.sort(key=turn)


def pytest_sessionstart(session):
    if not BINARY.is_file():
        pytest.exit(f"no binary at {BINARY}: cargo build -p onshore, or set ONSHORE_BIN", returncode=2)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if SKIPPED_LIST:
            with open(SKIPPED_LIST, "a") as file:
                file.write(f"{item.nodeid}: {reason}\n")
        if STRICT:
            report.outcome = "failed"
            report.longrepr = f"--strict: {reason}"
    return report


@pytest.fixture(scope="module")
def make_server(tmp_path_factory):
    """Makes servers that end with the module."""
    servers = []

    def make(name="data", start=True, **options):
        server = Server(tmp_path_factory.mktemp("onshore") / name, **options)
        servers.append(server)
        return server.start() if start else server

    yield make
    for server in servers:
        server.kill9()


@pytest.fixture(scope="module")
def server(make_server):
    return make_server()


@pytest.fixture(scope="module")
def s3(server):
    return server.client()


@pytest.fixture
def bucket(server, request):
    """A bucket of its own for each test, without a class."""
    name = "".join(char if char.isalnum() else "-" for char in request.node.name.lower()).strip("-")[:50].strip("-")
    count = getattr(server, "buckets_made", 0)
    server.buckets_made = count + 1
    name = f"{name}-{count}"
    server.client().create_bucket(Bucket=name)
    return name


class Moto:
    """A third-party S3 server."""

    def __init__(self, port):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="source-key",
            aws_secret_access_key="source-secret",
            config=botocore.config.Config(s3={"addressing_style": "path"}, max_pool_connections=32),
        )

    @property
    def env(self):
        return {"AWS_ACCESS_KEY_ID": "source-key", "AWS_SECRET_ACCESS_KEY": "source-secret", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    port = free_port()
    program = Path(sys.executable).parent / "moto_server"
    log = open(tmp_path_factory.mktemp("moto") / "log", "wb")
    process = subprocess.Popen(
        bound([str(program), "-H", "127.0.0.1", "-p", str(port)]), env=clean_env(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    moto = Moto(port)
    await_port(process, port)
    yield moto
    process.kill()
    process.wait()
    log.close()
