"""Folders that earlier versions wrote open in this one, and everything is still there (tests-py/formats/make.py)."""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

import tlog
from calls import get, headers, listed, put, tags
from onshore_server import BINARY, CONFIG, Server, clean_env

FIXTURES = sorted((Path(__file__).parent / "formats").glob("format-*.tar.gz"))


def test_there_is_a_fixture_for_every_format():
    schema = (Path(__file__).parent.parent / "crates/onshore-store/src/schema.rs").read_text()
    steps = schema.count('        "\n        CREATE') + schema.count('        "\n        ALTER')
    newest = max(int(path.name.removeprefix("format-").removesuffix(".tar.gz")) for path in FIXTURES)
    assert newest == steps, "the tables changed: make a fixture of the new format (tests-py/formats/make.py)"


@pytest.fixture(scope="module", params=FIXTURES, ids=lambda path: path.name.split(".")[0])
def opened(request, tmp_path_factory):
    """A server of this version on the folder, and what was told of it."""
    folder = tmp_path_factory.mktemp("format")
    with tarfile.open(request.param) as archive:
        archive.extractall(folder, filter="data")
    (folder / "data").chmod(0o700)
    server = Server(folder / "data", config=CONFIG).start()
    yield server, json.loads((folder / "told.json").read_text())
    server.kill9()


def customer(told, wanted):
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": base64.b64decode(told["customer_key"])} if wanted["customer"] else {}


def check_objects(s3, told):
    for wanted in told["objects"]:
        at = dict(Bucket=wanted["bucket"], Key=wanted["key"], **customer(told, wanted))
        if wanted["version"]:
            at["VersionId"] = wanted["version"]
        answer = s3.get_object(**at)
        assert hashlib.sha256(answer["Body"].read()).hexdigest() == wanted["sha256"], wanted
        assert (answer["ETag"], answer["ContentLength"]) == (wanted["etag"], wanted["size"])
        assert answer["Metadata"] == wanted["metadata"]
        if wanted["tags"]:
            assert tags(s3.get_object_tagging(Bucket=wanted["bucket"], Key=wanted["key"])) == {"a": "b", "c": "d"}


def test_every_version_reads_back(opened):
    server, told = opened
    s3 = server.client()
    assert (server.access_key, server.secret_key) == (told["access_key"], told["secret_key"])
    check_objects(s3, told)
    page = s3.list_object_versions(Bucket="versioned")
    wanted = [item["version"] for item in told["objects"] if item["bucket"] == "versioned"]
    assert [item["VersionId"] for item in page["Versions"]] == wanted[::-1]
    assert [(item["VersionId"], item["IsLatest"]) for item in page["DeleteMarkers"]] == [(told["marker"], True)]
    large = s3.head_object(Bucket="plain", Key="large", ChecksumMode="ENABLED")
    assert large["ChecksumType"] == "FULL_OBJECT" and large["ChecksumSHA256"]


def test_settings_locks_and_approvals_hold(opened):
    server, told = opened
    s3 = server.client()
    assert s3.get_bucket_lifecycle_configuration(Bucket="plain")["Rules"][0]["Expiration"] == {"Days": 3000}
    assert s3.get_bucket_cors(Bucket="plain")["CORSRules"][0]["AllowedOrigins"] == ["https://example.cn"]
    assert tags(s3.get_bucket_tagging(Bucket="plain")) == {"of": "format"}
    rule = s3.get_bucket_encryption(Bucket="versioned")["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    held = next(item for item in told["objects"] if item["bucket"] == "locked")
    at = dict(Bucket="locked", Key="held", VersionId=held["version"])
    assert s3.get_object_retention(**at)["Retention"]["Mode"] == "COMPLIANCE"
    assert s3.get_object_legal_hold(**at)["LegalHold"]["Status"] == "ON"
    with pytest.raises(s3.exceptions.ClientError):
        s3.delete_object(**at)
    abroad = server.client(source="127.0.0.66")
    assert get(abroad, "plain", "small \u6587.txt"), "the approval still opens the border"
    with pytest.raises(s3.exceptions.ClientError):
        abroad.head_object(Bucket="versioned", Key="turns", VersionId=told["objects"][4]["version"])
    assert {tenant["name"] for tenant in server.cli("tenant", "list")} == {"default", "other"}


def test_work_goes_on_where_it_was(opened):
    server, told = opened
    s3 = server.client()
    held = sum(item["size"] for item in told["objects"] if item["bucket"] == "versioned")
    assert server.cli("quota", "show", "--bucket", "versioned")["bytes"] == held
    begun = told["upload"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": begun["part"]}]}
    s3.complete_multipart_upload(Bucket="plain", Key="parts", UploadId=begun["id"], MultipartUpload=parts)
    answer = s3.get_object(Bucket="plain", Key="parts")
    assert hashlib.sha256(answer["Body"].read()).hexdigest() == begun["sha256"] and answer["Metadata"] == {"begun": "earlier"}
    put(s3, "plain", "new", b"x" * 100_000)
    s3.delete_object(Bucket="plain", Key="empty")
    assert set(listed(s3, "plain")) == {"customer", "large", "new", "parts", "small \u6587.txt"}
    s3.delete_object(Bucket="versioned", Key="turns", VersionId=told["marker"])
    assert headers(s3.head_object(Bucket="versioned", Key="turns"))["x-amz-version-id"] == told["objects"][6]["version"]


def test_the_ledger_extends_what_was_signed(opened):
    server, told = opened
    size, root = tlog.parse_checkpoint(told["checkpoint"], server.vkey)
    tree = tlog.read_growing(server)
    assert tree.extends(size, root)


def test_nothing_is_wrong_after_the_end(opened):
    server, told = opened
    server.restart()
    told["objects"] = [item for item in told["objects"] if item["key"] != "empty"]
    check_objects(server.client(), told)
    server.terminate()
    done = subprocess.run([BINARY, "fsck", "--data", server.data], env=clean_env(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(server.data)
