"""Keys that tenants name (SSE-KMS): made by the operator, named by id, alias or ARN, disabled and enabled, of one tenant alone."""

import base64
import json
import shutil
import sqlite3
import subprocess

import pytest

from calls import code, get, put, upload
from onshore_server import BINARY, CONFIG, Server, clean_env

MIB = 1 << 20
DISABLED = ("KMS.DisabledException", 400)
UNKNOWN = ("KMS.NotFoundException", 400)


@pytest.fixture(scope="module")
def region(make_server):
    return make_server("kms")


@pytest.fixture
def s3(region):
    client = region.client()
    if not any(bucket["Name"] == "kept" for bucket in client.list_buckets()["Buckets"]):
        client.create_bucket(Bucket="kept")
    return client


def make(server, *more):
    return server.cli("kms", "create", *more)


def under(name, **more):
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": name, **more}


def test_a_key_is_named_by_id_alias_and_arn(region, s3):
    key = make(region, "--alias", "alias/pay/roll-1")
    assert key["state"] == "enabled" and key["alias"] == "alias/pay/roll-1" and key["leaf"] > 0
    aliased = key["arn"].replace(f"key/{key['id']}", "alias/pay/roll-1")
    for name in (key["id"], key["alias"], key["arn"], aliased):
        told = put(s3, "kept", "a", b"body" * 50_000, **under(name))
        assert (told["ServerSideEncryption"], told["SSEKMSKeyId"]) == ("aws:kms", name)
        head = s3.head_object(Bucket="kept", Key="a")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", name)
        assert get(s3, "kept", "a") == b"body" * 50_000
        assert get(s3, "kept", "a", Range="bytes=70000-70007") == b"body" * 2
    abroad = key["arn"].split(":")
    abroad[3] = "us-east-1"
    for name in ("kms_" + "0" * 32, "alias/none", ":".join(abroad), aliased + "x", "arn:aws:s3:::kept", ""):
        assert code(put, s3=s3, bucket="kept", key="b", **under(name))[1] == 400, name
        if name:
            assert code(put, s3=s3, bucket="kept", key="b", **under(name)) == UNKNOWN, name
            assert code(s3.create_multipart_upload, Bucket="kept", Key="b", **under(name)) == UNKNOWN
            assert code(s3.copy_object, Bucket="kept", Key="b", CopySource="kept/a", **under(name)) == UNKNOWN
    assert "b" not in [entry["Key"] for entry in s3.list_objects_v2(Bucket="kept")["Contents"]]
    listed = region.cli("kms", "list")
    assert [entry["id"] for entry in listed] == [key["id"]] and "leaf" not in listed[0]


def test_what_is_wrong_is_refused(region):
    make(region, "--alias", "alias/taken")
    for alias, status in (("alias/taken", 409), ("taken", 400), ("alias/", 400), ("alias/aws/s3", 400), ("alias/onshore/x", 400), ("alias/a b", 400), ("alias/" + "x" * 251, 400)):
        done = region.run("kms", "create", "--alias", alias)
        assert done.returncode == 1 and done.stderr, alias
    assert region.run("kms", "create", "--tenant", "nobody").returncode == 1
    assert region.run("kms", "disable", "kms_" + "1" * 32).returncode == 1
    assert region.run("kms", "disable", "alias/taken").returncode == 2
    make(region, "--alias", "alias/" + "x" * 250)


def test_a_disabled_key_stops_reads_and_writes_and_loses_nothing(region, s3):
    key = make(region, "--alias", "alias/stopped")
    put(s3, "kept", "under", b"x" * 100_000, Metadata={"who": "someone"}, Tagging="a=b", **under(key["id"]))
    put(s3, "kept", "free", b"free")
    joined = upload(s3, "kept", "joined", [b"a" * 5 * MIB, b"b"], **under(key["alias"]))
    assert joined["SSEKMSKeyId"] == key["alias"]
    begun = s3.create_multipart_upload(Bucket="kept", Key="begun", **under(key["id"]))["UploadId"]
    part = s3.upload_part(Bucket="kept", Key="begun", UploadId=begun, PartNumber=1, Body=b"part")["ETag"]
    assert region.cli("kms", "disable", key["id"])["state"] == "disabled"

    assert code(s3.get_object, Bucket="kept", Key="under") == DISABLED
    assert code(s3.get_object, Bucket="kept", Key="joined", Range="bytes=0-3") == DISABLED
    assert code(s3.copy_object, Bucket="kept", Key="copied", CopySource="kept/under") == DISABLED
    assert code(put, s3=s3, bucket="kept", key="new", **under(key["alias"])) == DISABLED
    assert code(s3.create_multipart_upload, Bucket="kept", Key="new", **under(key["id"])) == DISABLED
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    assert code(s3.complete_multipart_upload, Bucket="kept", Key="begun", UploadId=begun, MultipartUpload=parts) == DISABLED
    # What is known of it is not under the key, as at AWS; and it can be removed and listed.
    assert s3.head_object(Bucket="kept", Key="under")["Metadata"] == {"who": "someone"}
    assert s3.get_object_tagging(Bucket="kept", Key="under")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert get(s3, "kept", "free") == b"free"

    assert region.cli("kms", "enable", key["id"])["state"] == "enabled"
    assert get(s3, "kept", "under") == b"x" * 100_000
    assert get(s3, "kept", "joined") == b"a" * 5 * MIB + b"b"
    s3.complete_multipart_upload(Bucket="kept", Key="begun", UploadId=begun, MultipartUpload=parts)
    assert get(s3, "kept", "begun") == b"part"
    s3.copy_object(Bucket="kept", Key="copied", CopySource="kept/under")
    assert s3.head_object(Bucket="kept", Key="copied")["ServerSideEncryption"] == "AES256"
    states = [leaf["body"]["operation"] for leaf in region.cli("ledger", "tail", "-n", 60) if "operation" in leaf["body"]]
    assert states.count("SetKmsKeyState") >= 2


def test_a_bucket_has_its_objects_under_a_key(region, s3):
    key = make(region, "--alias", "alias/of-bucket")
    s3.create_bucket(Bucket="under")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key["arn"]}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket="under", ServerSideEncryptionConfiguration={"Rules": [rule]})
    said = s3.get_bucket_encryption(Bucket="under")["ServerSideEncryptionConfiguration"]["Rules"]
    assert said[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key["arn"]
    told = put(s3, "under", "plain", b"body")
    assert (told["ServerSideEncryption"], told["SSEKMSKeyId"], told["BucketKeyEnabled"]) == ("aws:kms", key["arn"], True)
    assert put(s3, "under", "service", b"body", ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"
    region.cli("kms", "disable", key["id"])
    assert code(get, s3=s3, bucket="under", key="plain") == DISABLED
    assert code(put, s3=s3, bucket="under", key="more") == DISABLED
    assert get(s3, "under", "service") == b"body"
    region.cli("kms", "enable", key["id"])
    # AWS takes a key here that is not there, and refuses what is written then.
    rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] = "alias/comes-later"
    s3.put_bucket_encryption(Bucket="under", ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert code(put, s3=s3, bucket="under", key="more") == UNKNOWN
    make(region, "--alias", "alias/comes-later")
    assert put(s3, "under", "more", b"later")["SSEKMSKeyId"] == "alias/comes-later"


def test_a_key_is_of_one_tenant(region, s3):
    region.cli("tenant", "create", "neighbour")
    said = region.cli("key", "create", "--tenant", "neighbour")
    theirs = region.client(access_key=said["access_key"], secret_key=said["secret_key"])
    theirs.create_bucket(Bucket="theirs")
    ours = make(region, "--alias", "alias/shared-name")
    own = make(region, "--alias", "alias/shared-name", "--tenant", "neighbour")
    assert ours["id"] != own["id"]
    assert code(put, s3=theirs, bucket="theirs", key="a", **under(ours["id"])) == UNKNOWN
    put(theirs, "theirs", "a", b"theirs", **under("alias/shared-name"))
    put(s3, "kept", "ours", b"ours", **under("alias/shared-name"))
    assert region.run("kms", "disable", own["id"]).returncode == 1, "it is not the default tenant's"
    region.cli("kms", "disable", own["id"], "--tenant", "neighbour")
    assert code(get, s3=theirs, bucket="theirs", key="a") == DISABLED
    assert get(s3, "kept", "ours") == b"ours"
    assert own["id"] not in [entry["id"] for entry in region.cli("kms", "list")]


def test_what_is_under_a_key_opens_with_it_alone(region, s3, tmp_path):
    """On a copy of the folder: with another secret in the key's row nothing of it opens, whatever the tenant's own key is."""
    one, other = make(region), make(region)
    put(s3, "kept", "sealed", b"sealed" * 20_000, **under(one["id"]))
    put(s3, "kept", "beside", b"beside", **under(other["id"]))
    assert region.terminate() == 0
    data = shutil.copytree(region.data, tmp_path / "data")
    region.start()
    run = lambda *args: subprocess.run([str(BINARY), *map(str, args)], env=clean_env(), capture_output=True, text=True, timeout=120)

    clean = run("fsck", "--data", data, "--json")
    assert clean.returncode == 0, clean.stdout
    scrubbed = run("scrub", "--data", data)
    assert scrubbed.returncode == 0, scrubbed.stdout
    # Another root key: what is named is wrapped anew too, and no body is written.
    before = sorted(path.name for path in (data / "objects").glob("??/*"))
    run("rekey", "--data", data, "--new-root-key", tmp_path / "new.key")
    shutil.copy(tmp_path / "new.key", data / "root.key")
    again = Server(data, config=CONFIG).start()
    try:
        client = again.client()
        assert get(client, "kept", "sealed") == b"sealed" * 20_000 and get(client, "kept", "beside") == b"beside"
        assert sorted(path.name for path in (data / "objects").glob("??/*")) == before
        assert again.terminate() == 0
        with sqlite3.connect(data / "onshore.db") as connection:
            (wrapped,), = connection.execute("SELECT wrapped FROM kms_keys WHERE id = ?", (bytes.fromhex(other["id"][4:]),)).fetchall()
            connection.execute("UPDATE kms_keys SET wrapped = ? WHERE id = ?", (wrapped, bytes.fromhex(one["id"][4:])))
        connection.close()
        found = json.loads(run("fsck", "--data", data, "--json").stdout)["findings"]
        assert [(finding["fault"], finding["subjects"]) for finding in found] == [("kms-key-shut", [one["id"]])]
        again.start()
        assert code(get, s3=again.client(), bucket="kept", key="sealed")[1] >= 500
        assert get(again.client(), "kept", "beside") == b"beside"
        assert again.terminate() == 0
        damaged = run("scrub", "--data", data, "--json")
        assert damaged.returncode == 1 and "key" in damaged.stdout
    finally:
        again.kill9()


def test_names_are_exact(region, s3):
    key = make(region, "--alias", "alias/exact")
    parts = key["arn"].split(":")
    for name in (
        f"key/{key['id']}", f"arn:{':'.join(parts[1:5])}:{key['id']}", key["arn"] + ":alias/exact", key["id"].upper(), "alias/Exact", "alias%2Fexact", "x" * 2049,
        ":".join([*parts[:5], "key/nonsense:alias/exact"]), ":".join([*parts[:2], "s3", *parts[3:]]),
    ):
        assert code(put, s3=s3, bucket="kept", key="n", **under(name)) == UNKNOWN, name
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": ":".join([*parts[:3], "us-east-1", *parts[4:]])}}
    assert code(s3.put_bucket_encryption, Bucket="kept", ServerSideEncryptionConfiguration={"Rules": [rule]}) == UNKNOWN


def test_a_context_is_json_in_base64_and_binds(region, s3):
    key = make(region)
    good = base64.b64encode(json.dumps({"of": "payroll"}).encode()).decode()
    put(s3, "kept", "bound", b"bound", **under(key["id"], SSEKMSEncryptionContext=good))
    assert get(s3, "kept", "bound") == b"bound"
    for bad in ("notbase64!!", base64.b64encode(b"[1]").decode(), base64.b64encode(b'{"a": 1}').decode()):
        assert code(put, s3=s3, bucket="kept", key="n", **under(key["id"], SSEKMSEncryptionContext=bad)) == ("InvalidArgument", 400), bad


def test_parts_tell_their_key_and_need_it(region, s3):
    key = make(region)
    put(s3, "kept", "source", b"s" * 5 * MIB)
    begun = s3.create_multipart_upload(Bucket="kept", Key="of-parts", **under(key["id"]))["UploadId"]
    at = dict(Bucket="kept", Key="of-parts", UploadId=begun)
    copied = s3.upload_part_copy(**at, PartNumber=1, CopySource="kept/source")
    assert (copied["ServerSideEncryption"], copied["SSEKMSKeyId"]) == ("aws:kms", key["id"])
    region.cli("kms", "disable", key["id"])
    assert code(s3.upload_part, **at, PartNumber=2, Body=b"x") == DISABLED
    assert code(s3.upload_part_copy, **at, PartNumber=2, CopySource="kept/source") == DISABLED
    assert not get(s3, "kept", "source").strip(b"s")


def test_what_is_migrated_has_the_encryption_of_its_bucket(make_server, tmp_path):
    region = make_server("migrating", config=CONFIG + f'\n[migrate]\nroots = ["{tmp_path}"]\n')
    s3 = region.client()
    key = make(region)
    s3.create_bucket(Bucket="migrated")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key["id"]}}
    s3.put_bucket_encryption(Bucket="migrated", ServerSideEncryptionConfiguration={"Rules": [rule]})
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"migrated")
    done = region.run("migrate", folder, "migrated", "--class", "general")
    assert done.returncode == 0, done.stderr
    assert s3.head_object(Bucket="migrated", Key="a.txt")["SSEKMSKeyId"] == key["id"]
    assert get(s3, "migrated", "a.txt") == b"migrated"
    region.cli("kms", "disable", key["id"])
    assert code(get, s3=s3, bucket="migrated", key="a.txt") == DISABLED


def test_a_long_record_is_no_tampering(make_server):
    server = make_server("long")
    s3 = server.client()
    s3.create_bucket(Bucket="long")
    rules = [{"ID": f"{number:04}{'x' * 40}", "Status": "Enabled", "Filter": {"Prefix": f"{number}/" + "y" * 60}, "Expiration": {"Days": 9000}} for number in range(500)]
    s3.put_bucket_lifecycle_configuration(Bucket="long", LifecycleConfiguration={"Rules": rules})
    last = server.cli("ledger", "tail", "-n", 1)[0]["index"]
    bundle = server.cli("ledger", "prove", last)
    assert len(json.dumps(bundle)) > 70_000
    assert server.terminate() == 0
    done = subprocess.run([str(BINARY), "fsck", "--data", str(server.data)], env=clean_env(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout

