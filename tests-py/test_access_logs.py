"""Server access logs: a line for each request, in objects of the bucket that was named, read back by a parser of our own."""

import re
import urllib.request
from datetime import datetime, timezone
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError

from calls import code, get, listed, put, upload
from onshore_server import CONFIG
from raw_s3 import Raw
from test_upkeep import eventually, leaves, metrics

# The fields in their order, as the AWS documentation has them ("Amazon S3 server access log format").
FIELDS = """owner bucket time client requester request_id operation key target status code sent size total turnaround
referer agent version host_id signature cipher auth host tls access_point acl""".split()
FIELD = re.compile(r'\[([^\]]*)\]|"([^"]*)"|(\S+)')
UPKEEP = "\n[upkeep]\naccess_log_interval_s = 1\n"
SIMPLE_KEY = re.compile(r"log/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}\Z")


def parse(line):
    fields = [next(part for part in match.groups() if part is not None) for match in FIELD.finditer(line)]
    assert len(fields) == len(FIELDS), line
    return dict(zip(FIELDS, fields))


def lines(s3, target, prefix="log/"):
    texts = [get(s3, target, key).decode() for key in listed(s3, target, Prefix=prefix)]
    assert all(text.endswith("\n") for text in texts)
    return [parse(line) for text in texts for line in text.splitlines()]


def awaited(s3, target, operation, number=1, prefix="log/", **fields):
    """The lines of an operation, once there are so many."""

    def found():
        told = [line for line in lines(s3, target, prefix) if line["operation"] == operation]
        told = [line for line in told if all(line[name] == value for name, value in fields.items())]
        return told if len(told) >= number else None

    return eventually(found)


def log_to(s3, bucket, target, prefix="log/", **more):
    s3.put_bucket_logging(
        Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": prefix, **more}}
    )


@pytest.fixture(scope="module")
def server(make_server):
    return make_server(name="logs", config=CONFIG + UPKEEP)


@pytest.fixture()
def target(server, bucket):
    return server.bucket(f"{bucket}-logs"[:63], "general")


def test_the_setting_is_kept_and_refused_as_it_should_be(server, s3, bucket, target):
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    log_to(s3, bucket, target)
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"] == {"TargetBucket": target, "TargetPrefix": "log/"}
    for source in ("EventTime", "DeliveryTime"):
        form = {"PartitionedPrefix": {"PartitionDateSource": source}}
        log_to(s3, bucket, target, TargetObjectKeyFormat=form)
        assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]["TargetObjectKeyFormat"] == form

    def refused(**enabled):
        said = {"TargetBucket": target, "TargetPrefix": "", **enabled}
        return code(s3.put_bucket_logging, Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": said})

    assert refused(TargetBucket="nobody-has-this-one") == ("InvalidTargetBucketForLogging", 400)
    assert refused(TargetPrefix="x" * 701) == ("InvalidArgument", 400)
    grant = {"Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/s3/LogDelivery"}, "Permission": "READ"}
    assert refused(TargetGrants=[grant]) == ("InvalidArgument", 400)
    assert refused(TargetObjectKeyFormat={"SimplePrefix": {}, "PartitionedPrefix": {}}) == ("MalformedXML", 400)
    told = s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
    assert told["TargetObjectKeyFormat"] == {"PartitionedPrefix": {"PartitionDateSource": "DeliveryTime"}}, "what was refused changed nothing"
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


def test_nobody_logs_into_the_bucket_of_another_tenant(server, s3, bucket):
    server.cli("tenant", "create", "log-stranger")
    made = server.cli("key", "create", "--tenant", "log-stranger")
    stranger = server.client(access_key=made["access_key"], secret_key=made["secret_key"])
    stranger.create_bucket(Bucket="stranger-logs")
    assert code(
        s3.put_bucket_logging,
        Bucket=bucket,
        BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "stranger-logs", "TargetPrefix": ""}},
    ) == ("InvalidTargetBucketForLogging", 400)


def test_every_request_has_its_line(server, s3, bucket, target):
    log_to(s3, bucket, target)
    begun = datetime.now(timezone.utc).replace(microsecond=0)
    key, encoded = 'a "quoted" ключ\n', "a%20%22quoted%22%20%D0%BA%D0%BB%D1%8E%D1%87%0A"
    put(s3, bucket, key, b"x" * 70_000)
    assert get(s3, bucket, key) == b"x" * 70_000
    s3.get_object(Bucket=bucket, Key=key, Range="bytes=0-9")["Body"].read()
    s3.head_object(Bucket=bucket, Key=key)
    s3.list_objects_v2(Bucket=bucket, Prefix="a")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    with pytest.raises(ClientError):
        s3.get_object(Bucket=bucket, Key="missing")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "copy"}, {"Key": "never-there"}]})
    upload(s3, bucket, "parts", [b"1" * 300])
    s3.delete_object(Bucket=bucket, Key=key)

    stored = awaited(s3, target, "REST.PUT.OBJECT", key=encoded)[0]
    owner = s3.list_buckets()["Owner"]["ID"]
    assert (stored["owner"], stored["requester"], stored["bucket"]) == (owner, owner, bucket)
    assert (stored["status"], stored["code"], stored["size"], stored["sent"]) == ("200", "-", "70000", "-")
    assert (stored["client"], stored["signature"], stored["auth"], stored["tls"]) == ("127.0.0.1", "SigV4", "AuthHeader", "-")
    assert stored["target"] == f"PUT /{bucket}/{encoded} HTTP/1.1"
    assert stored["agent"].startswith("Boto3/") and stored["host"] == f"{server.s3_host}:{server.s3_port}"
    at = datetime.strptime(stored["time"], "%d/%b/%Y:%H:%M:%S %z")
    assert begun <= at <= datetime.now(timezone.utc)
    assert int(stored["total"]) >= int(stored["turnaround"]) >= 0

    read, part = awaited(s3, target, "REST.GET.OBJECT", 2, key=encoded)
    assert (read["status"], read["sent"], read["size"]) == ("200", "70000", "70000")
    assert (part["status"], part["sent"], part["size"]) == ("206", "10", "70000")
    looked = awaited(s3, target, "REST.HEAD.OBJECT")[0]
    assert (looked["status"], looked["sent"], looked["size"]) == ("200", "-", "70000")
    assert awaited(s3, target, "REST.GET.BUCKET")[0]["key"] == "-"
    assert awaited(s3, target, "REST.COPY.OBJECT")[0]["key"] == "copy"
    assert awaited(s3, target, "REST.COPY.OBJECT_GET")[0]["key"] == encoded
    missing = awaited(s3, target, "REST.GET.OBJECT", key="missing")[0]
    assert (missing["status"], missing["code"]) == ("404", "NoSuchKey")
    assert awaited(s3, target, "REST.POST.MULTI_OBJECT_DELETE")[0]["status"] == "200"
    assert {line["key"] for line in awaited(s3, target, "BATCH.DELETE.OBJECT", 2)} == {"copy", "never-there"}
    assert awaited(s3, target, "REST.POST.UPLOADS")[0]["key"] == "parts"
    assert awaited(s3, target, "REST.PUT.PART")[0]["size"] == "300"
    assert awaited(s3, target, "REST.POST.UPLOAD")[0]["status"] == "200"
    assert awaited(s3, target, "REST.DELETE.OBJECT")[0]["status"] == "204"
    ids = [line["request_id"] for line in lines(s3, target) if line["operation"].startswith("REST")]
    assert len(set(ids)) == len(ids) - 1, "each request has one id; the copy alone has two lines"
    assert all(SIMPLE_KEY.match(key) for key in listed(s3, target))
    assert s3.head_object(Bucket=target, Key=listed(s3, target)[0])["ContentType"] == "text/plain"


def test_who_is_not_let_in_has_a_line_too_and_links_stay_secret(server, s3, bucket, target):
    put(s3, bucket, "held")
    log_to(s3, bucket, target)
    wrong = server.client(secret_key="x" * 40)
    assert code(wrong.get_object, Bucket=bucket, Key="held") == ("SignatureDoesNotMatch", 403)
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "held"})
    signature = re.search("X-Amz-Signature=([0-9a-f]{64})", link).group(1)
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"x"
    refused = awaited(s3, target, "REST.GET.OBJECT", code="SignatureDoesNotMatch")[0]
    assert (refused["requester"], refused["status"], refused["auth"]) == ("-", "403", "AuthHeader")
    linked = awaited(s3, target, "REST.GET.OBJECT", auth="QueryString")[0]
    assert "X-Amz-Signature=-" in linked["target"] and linked["status"] == "200"
    assert not any(signature.encode() in get(s3, target, key) for key in listed(s3, target))


def test_what_a_client_says_cannot_forge_a_line(server, s3, bucket, target):
    log_to(s3, bucket, target)
    forged = 'x" 200 - - - - - "-" "-" - - - - - - - - -'
    answer = Raw(server).request("GET", f"/{bucket}/k", headers={"user-agent": forged, "referer": 'http://x/"\t\\'}, unsigned=["user-agent", "referer"])
    assert answer.status == 404
    line = awaited(s3, target, "REST.GET.OBJECT", key="k")[0]
    assert unquote(line["agent"]) == forged and unquote(line["referer"]) == 'http://x/"\t\\'


def labels(server):
    """The labels of the log objects in free buckets, as the ledger has them."""
    return {leaf["label"] for leaf in leaves(server, "stored") if leaf["operation"] == "AccessLog"} - {"unclassified"}


def test_lines_are_as_strict_as_what_they_tell_and_never_free(server, s3, bucket, target):
    server.bucket(f"{bucket}-free", "general")
    log_to(s3, f"{bucket}-free", target)
    put(s3, f"{bucket}-free", "k")
    awaited(s3, target, "REST.PUT.OBJECT")
    key = listed(s3, target)[0]
    abroad = server.client(source="127.0.0.66")
    put(s3, target, "free")
    assert get(abroad, target, "free") == b"x", "the bucket itself is free"
    assert code(abroad.get_object, Bucket=target, Key=key) == ("AccessDenied", 403)
    assert labels(server) == {"personal"}
    server.bucket(f"{bucket}-core", "core")
    log_to(s3, f"{bucket}-core", target, prefix="core/")
    put(s3, f"{bucket}-core", "k")
    awaited(s3, target, "REST.PUT.OBJECT", prefix="core/")
    assert labels(server) == {"personal", "core,personal"}


def test_lines_outlive_a_kill_and_a_target_that_has_no_room(make_server, bucket):
    server = make_server(name="logs-kill", config=CONFIG + "\n[upkeep]\naccess_log_interval_s = 4\n")
    s3 = server.client()
    source, target = server.bucket("source"), server.bucket("target")
    server.cli("quota", "set", "--bucket", target, "--max-objects", "1")
    put(s3, target, "takes-the-room")
    log_to(s3, source, target)
    for number in range(20):
        put(s3, source, f"k{number}")
    eventually(lambda: metrics(server).get("onshore_access_lines_total", 0) >= 20)
    server.kill9()
    server.start()
    s3 = server.client()
    # It was tried and did not go in.
    eventually(lambda: "an access log cannot be stored" in server.log)
    assert listed(s3, target) == ["takes-the-room"]
    server.cli("quota", "set", "--bucket", target)
    told = awaited(s3, target, "REST.PUT.OBJECT", 20)
    assert sorted(line["key"] for line in told) == sorted(f"k{number}" for number in range(20)), "each once"
    put(s3, source, "last")
    server.terminate()
    server.start()
    awaited(server.client(), target, "REST.PUT.OBJECT", key="last")


def test_a_removed_target_takes_its_lines_along_and_stops_nobody(server, s3, bucket, target):
    other = server.bucket(f"{bucket}-other")
    log_to(s3, bucket, target)
    log_to(s3, other, bucket, prefix="of-other/")
    put(s3, other, "k")
    awaited(s3, bucket, "REST.PUT.OBJECT", prefix="of-other/")
    for key in listed(s3, target):
        s3.delete_object(Bucket=target, Key=key)
    eventually(lambda: not [s3.delete_object(Bucket=target, Key=key) for key in listed(s3, target)] and gone(s3, target))
    put(s3, bucket, "told-to-nobody")
    eventually(lambda: metrics(server).get("onshore_access_lines_lost_total", 0) >= 1)
    put(s3, other, "k2")
    awaited(s3, bucket, "REST.PUT.OBJECT", key="k2", prefix="of-other/")


def gone(s3, bucket):
    try:
        s3.delete_bucket(Bucket=bucket)
        return True
    except ClientError as error:
        assert error.response["Error"]["Code"] == "BucketNotEmpty"
        return False


@pytest.mark.parametrize("source", ["EventTime", "DeliveryTime"])
def test_keys_are_partitioned_where_that_is_wanted(s3, bucket, target, source):
    log_to(s3, bucket, target, prefix="p/", TargetObjectKeyFormat={"PartitionedPrefix": {"PartitionDateSource": source}})
    put(s3, bucket, "k")
    awaited(s3, target, "REST.PUT.OBJECT", prefix="p/")
    owner = s3.list_buckets()["Owner"]["ID"]
    key = listed(s3, target, Prefix="p/")[0]
    day = r"\d{4}/\d\d/\d\d"
    clock = "00-00-00" if source == "EventTime" else r"\d\d-\d\d-\d\d"
    assert re.match(rf"p/{owner}/cn-north-1/{bucket}/{day}/\d{{4}}-\d\d-\d\d-{clock}-[0-9A-F]{{16}}\Z", key), key


def test_nobody_writes_into_the_log_of_another(server, s3, bucket, target):
    put(s3, bucket, "secret")
    log_to(s3, bucket, target)
    server.cli("tenant", "create", "log-forger")
    made = server.cli("key", "create", "--tenant", "log-forger")
    forger = server.client(access_key=made["access_key"], secret_key=made["secret_key"])
    forger.create_bucket(Bucket="forgers-own")
    put(forger, "forgers-own", "k")
    stolen = {"Bucket": bucket, "Key": "secret"}
    assert code(forger.copy_object, Bucket="forgers-own", Key="copy", CopySource=stolen) == ("AccessDenied", 403)
    keys = dict(access_key=made["access_key"], secret_key=made["secret_key"])
    answer = Raw(server).request("GET", "/forgers-own/k", headers={"x-amz-copy-source": f"/{bucket}/secret"}, **keys)
    assert answer.status in (200, 400)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=stolen)
    awaited(s3, target, "REST.COPY.OBJECT")
    told = lines(s3, target)
    assert [line["requester"] for line in told if line["operation"] == "REST.COPY.OBJECT_GET"] == [told[0]["owner"]]
    assert not any(b"forgers-own" in get(s3, target, key) for key in listed(s3, target))


def test_a_refused_copy_is_told_as_strictly_as_the_bucket_it_was_for(server, s3, bucket, target):
    free, core = server.bucket(f"{bucket}-free", "general"), server.bucket(f"{bucket}-core", "core")
    put(s3, free, "k")
    log_to(s3, core, target)
    before = labels(server)
    wrong = dict(MetadataDirective="REPLACE", Metadata={"onshore-class": "nonsense"})
    assert code(s3.copy_object, Bucket=core, Key="to", CopySource={"Bucket": free, "Key": "k"}, **wrong)[1] == 400
    awaited(s3, target, "REST.COPY.OBJECT", status="400")
    assert labels(server) - before <= {"core,personal"}, "the line names a key of a core bucket"
    abroad = server.client(source="127.0.0.66")
    assert all(code(abroad.get_object, Bucket=target, Key=key) == ("AccessDenied", 403) for key in listed(s3, target))
    stored = [leaf["label"] for leaf in leaves(server, "stored") if leaf["operation"] == "AccessLog"]
    assert stored[-1] == "core,personal"


def test_a_link_in_a_referer_stays_secret(server, s3, bucket, target):
    put(s3, bucket, "held")
    log_to(s3, bucket, target)
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "held"})
    signature = re.search("X-Amz-Signature=([0-9a-f]{64})", link).group(1)
    asked = urllib.request.Request(link, headers={"Referer": link.replace("X-Amz-Signature", "X-Amz-Signatur%65")})
    with urllib.request.urlopen(asked) as answer:
        assert answer.read() == b"x"
    line = awaited(s3, target, "REST.GET.OBJECT", key="held")[0]
    assert "X-Amz-Signatur%65=-" in line["referer"]
    assert not any(signature.encode() in get(s3, target, key) for key in listed(s3, target))
