"""What the house does by itself: lifecycles are carried out, rot is found."""

import json
import time
import urllib.request
from datetime import datetime, timezone

import pytest

from calls import listed, put, set_versioning
from onshore_server import CONFIG

DAY_S = 2
LIFECYCLE = f"""
[upkeep]
lifecycle_interval_s = 1
lifecycle_day_s = {DAY_S}
"""


def eventually(look, deadline_s=60):
    """What `look` returns once it is true; polls, since nobody tells a client what the house did by itself."""
    end = time.monotonic() + deadline_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"not within {deadline_s} s"
        time.sleep(0.1)


def metrics(server):
    """The metrics as the control API tells them: name with labels to number."""
    request = urllib.request.Request(f"{server.control}/metrics", headers={"Authorization": f"Bearer {server.token}"})
    with urllib.request.urlopen(request) as answer:
        lines = [line for line in answer.read().decode().splitlines() if line and not line.startswith("#")]
    return {name: float(number) for name, number in (line.rsplit(" ", 1) for line in lines)}


def leaves(server, kind):
    return [leaf["body"] for leaf in server.cli("ledger", "tail", "--number", "1000") if leaf["body"]["kind"] == kind]


def rounds_to_come(server, number=2):
    """Returns after so many more rounds of lifecycles."""
    done = lambda: metrics(server).get("onshore_lifecycle_rounds_total", 0)
    wanted = done() + number
    eventually(lambda: done() >= wanted)


def versions(s3, bucket):
    """Every version and delete marker."""
    page = s3.list_object_versions(Bucket=bucket)
    return [*page.get("Versions", []), *page.get("DeleteMarkers", [])]


def rule(s3, bucket, *rules):
    rules = [{"ID": f"r{n}", "Status": "Enabled", "Filter": {"Prefix": ""}, **rest} for n, rest in enumerate(rules)]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})


@pytest.fixture(scope="module")
def server(make_server):
    return make_server(config=CONFIG + LIFECYCLE)


def test_a_short_day_is_warned_about(server):
    assert "A DAY OF A LIFECYCLE LASTS 2 SECONDS HERE" in server.log


def test_objects_expire_by_prefix_and_tag(server, s3, bucket):
    put(s3, bucket, "logs/goes", b"x")
    put(s3, bucket, "logs/tagged", b"x", Tagging="keep=no")
    put(s3, bucket, "data/tagged", b"x", Tagging="drop=yes")
    put(s3, bucket, "data/stays", b"x")
    rule(
        s3,
        bucket,
        {"Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 1}},
        {"Filter": {"Tag": {"Key": "drop", "Value": "yes"}}, "Expiration": {"Days": 1}},
    )
    eventually(lambda: listed(s3, bucket) == ["data/stays"])
    removed = [leaf for leaf in leaves(server, "removed") if leaf["operation"] == "Lifecycle"]
    assert len(removed) >= 3
    assert metrics(server)['onshore_lifecycle_removed_total{action="expired"}'] >= 3
    # The header tells the date that the owner's rule means, whatever a day is worth here.
    expiration = s3.head_object(Bucket=bucket, Key="data/stays").get("Expiration")
    assert expiration is None
    rule(s3, bucket, {"Filter": {"Prefix": "data/"}, "Expiration": {"Days": 1000}})
    told = s3.head_object(Bucket=bucket, Key="data/stays")["Expiration"]
    day = datetime.strptime(told.split('"')[1], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=timezone.utc)
    assert 999 <= (day - datetime.now(timezone.utc)).days <= 1001


def test_an_object_stays_until_its_days_are_over(server, s3, bucket):
    rule(s3, bucket, {"Expiration": {"Days": 1000}})
    put(s3, bucket, "k", b"x")
    rounds_to_come(server)
    assert listed(s3, bucket) == ["k"]


def test_versions_are_hidden_then_gone_then_their_marker(server, s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    for body in (b"1", b"2", b"3"):
        put(s3, bucket, "k", body)
    rule(s3, bucket, {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 1}})
    eventually(lambda: len(versions(s3, bucket)) == 2)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"
    rule(s3, bucket, {"Expiration": {"Days": 1}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}})
    eventually(lambda: versions(s3, bucket) == [])
    assert metrics(server)['onshore_lifecycle_removed_total{action="hidden"}'] >= 1
    assert metrics(server)['onshore_lifecycle_removed_total{action="noncurrent"}'] >= 3
    assert metrics(server)['onshore_lifecycle_removed_total{action="marker"}'] >= 1


def test_a_retained_version_outlives_every_rule(server, s3, bucket):
    name = f"{bucket}-locked"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    until = datetime(2099, 1, 1, tzinfo=timezone.utc)
    kept = s3.put_object(Bucket=name, Key="k", Body=b"kept", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)["VersionId"]
    open_ = s3.put_object(Bucket=name, Key="k", Body=b"open")["VersionId"]
    s3.put_object(Bucket=name, Key="k", Body=b"current")
    rule(s3, name, {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}})

    def ids():
        return [version["VersionId"] for version in s3.list_object_versions(Bucket=name)["Versions"]]

    eventually(lambda: open_ not in ids())
    rounds_to_come(server)
    assert kept in ids()
    assert s3.get_object(Bucket=name, Key="k", VersionId=kept)["Body"].read() == b"kept"


def test_uploads_are_aborted(server, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x" * 200_000)
    rule(s3, bucket, {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}})
    eventually(lambda: "Uploads" not in s3.list_multipart_uploads(Bucket=bucket))
    assert metrics(server)['onshore_lifecycle_removed_total{action="upload"}'] >= 1


# What is stored is read through, and what is damaged is reported


@pytest.fixture
def stored(make_server, request):
    """A server of its own with a small object and one in a file, stopped; the file."""
    server = make_server(name=request.node.name)
    s3 = server.client()
    s3.create_bucket(Bucket="stored")
    put(s3, "stored", "secret-name/small", b"x")
    put(s3, "stored", "secret-name/large", bytes(300_000))
    assert server.terminate() == 0
    (file,) = [path for path in server.data.glob("objects/*/*") if path.is_file()]
    return server, file


def flip(file):
    content = bytearray(file.read_bytes())
    content[150_000] ^= 0x10
    file.write_bytes(content)


def scrub(server, *args):
    return server.run("scrub", "--data", server.data, "--config", f"{server.data}.toml", *args)


def is_through(server):
    return eventually(lambda: metrics(server).get("onshore_scrub_rounds_total", 0) >= 1)


def test_a_sound_store_has_no_finding(stored):
    server, _ = stored
    server.start()
    is_through(server)
    told = metrics(server)
    assert told["onshore_scrub_damaged"] == 0
    assert told['onshore_scrub_examined_total{kind="version"}'] == 2
    assert told["onshore_scrub_bytes_total"] > 300_000
    assert leaves(server, "damaged") == []


def test_damage_is_reported_once_however_often_it_is_seen(stored):
    server, file = stored
    flip(file)
    server.start()
    is_through(server)
    told = metrics(server)
    assert (told["onshore_scrub_damaged"], told["onshore_scrub_found_total"]) == (1, 1)
    (leaf,) = leaves(server, "damaged")
    assert leaf["what"] == "a frame's CRC32C does not match"
    assert leaf["version"].startswith("ver_") and leaf["bucket"].startswith("bkt_")
    assert leaf["version"] in server.log
    assert "stored data is damaged" in server.log and "secret-name" not in server.log

    server.restart()
    is_through(server)
    assert metrics(server)["onshore_scrub_damaged"] == 1
    assert len(leaves(server, "damaged")) == 1
    assert "stored data is damaged" not in server.log

    # What is removed is damaged no more.
    server.client().delete_object(Bucket="stored", Key="secret-name/large")
    server.restart()
    is_through(server)
    assert metrics(server)["onshore_scrub_damaged"] == 0


def test_a_round_goes_on_where_the_server_stopped(make_server):
    rate = "\n[upkeep]\nscrub_bytes_per_s = {}\n"
    server = make_server(name="slow", config=CONFIG + rate.format(0))
    s3 = server.client()
    s3.create_bucket(Bucket="slow")
    for number in range(40):
        put(s3, "slow", str(number), bytes(100_000))
    assert server.terminate() == 0
    server.config = CONFIG + rate.format(1_000_000)
    server.start()
    examined = lambda: metrics(server).get('onshore_scrub_examined_total{kind="version"}', 0)
    eventually(lambda: examined() >= 10)
    assert server.terminate() == 0
    server.start()
    is_through(server)
    # The one that was under way is examined again.
    assert 0 < examined() <= 31


def test_a_folder_is_scrubbed_without_a_server(stored):
    server, file = stored
    sound = scrub(server)
    assert sound.returncode == 0, sound.stderr
    assert "Read 2 versions and 0 parts" in sound.stdout and "Everything is what was written." in sound.stdout
    flip(file)
    for _ in range(2):
        damaged = scrub(server, "--json")
        assert damaged.returncode == 1
        told = json.loads(damaged.stdout)
        assert (told["versions"], told["damaged"], told["checksum_alone"]) == (2, 1, 0)
        (damage,) = told["damages"]
        assert damage["what"] == "a frame's CRC32C does not match"
        assert "secret-name" not in damaged.stdout + damaged.stderr
    flip(file)
    assert scrub(server).returncode == 0
    server.start()
    assert len(leaves(server, "damaged")) == 1
    refused = scrub(server)
    assert refused.returncode == 1 and "a server works on" in refused.stderr


def test_a_scrub_names_a_folder_with_data(server, tmp_path):
    for args in ([], ["--data", tmp_path]):
        assert server.run("scrub", *args).returncode == 2
