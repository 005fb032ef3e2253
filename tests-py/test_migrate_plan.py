"""A whole account before anything moves: what is in each bucket, how it is set, what may not be seen, and the command that brings it."""

import http.client
import json
import shlex
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from test_migrate import everything

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::plain/*"}]}


class Refusing:
    """Stands before the source and refuses what a request line has in it."""

    def __init__(self, behind, *refused):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                target = urlsplit(behind)
                body, status = b"<Error><Code>AccessDenied</Code></Error>", 403
                if not any(word in self.path for word in refused):
                    upstream = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
                    upstream.request("GET", self.path, headers={name: value for name, value in self.headers.items() if name.lower() != "host"} | {"host": target.netloc})
                    got = upstream.getresponse()
                    body, status = got.read(), got.status
                self.send_response_only(status)
                self.send_header("content-length", str(len(body)))
                self.send_header("content-type", "application/xml")
                self.end_headers()
                self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def account(moto):
    s3 = moto.client()
    s3.create_bucket(Bucket="plain")
    for number in range(1050):
        s3.put_object(Bucket="plain", Key=f"k{number:04}", Body=b"12345")
    s3.put_object(Bucket="plain", Key="cold", Body=b"cold!!", StorageClass="GLACIER")
    s3.put_bucket_policy(Bucket="plain", Policy=json.dumps(POLICY))
    s3.put_bucket_cors(Bucket="plain", CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})
    s3.put_bucket_tagging(Bucket="plain", Tagging={"TagSet": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]})
    s3.put_bucket_website(Bucket="plain", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    s3.put_bucket_lifecycle_configuration(
        Bucket="plain", LifecycleConfiguration={"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 9}}]}
    )
    s3.create_bucket(Bucket="kept", ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(
        Bucket="kept", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}}
    )
    for body in (b"one", b"two!", b"three"):
        s3.put_object(Bucket="kept", Key="k", Body=body)
    s3.delete_object(Bucket="kept", Key="k")
    s3.put_object(Bucket="kept", Key="other", Body=b"x")
    s3.create_bucket(Bucket="empty")
    s3.put_bucket_encryption(
        Bucket="empty", ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    )
    return moto


def plan(server, endpoint, *args, status=0, env=None, json_wanted=True):
    done = server.run(*(["--json"] if json_wanted else []), "migrate", "plan", "--account", "s3://", "--endpoint", endpoint, *args, env=env)
    assert done.returncode == status, done
    return {one["bucket"]: one for one in json.loads(done.stdout)["buckets"]} if json_wanted else done.stdout


def test_every_bucket_is_told_with_what_is_in_it(server, account):
    found = plan(server, account.url, env=account.env)
    assert set(found) == {"plain", "kept", "empty"} and {one["region"] for one in found.values()} == {"us-east-1"}
    contents = found["plain"]["contents"]
    assert contents["counted"] == "listed by Onshore" and contents["unknown"] is None
    assert contents["current"] == {"objects": 1051, "bytes": 1050 * 5 + 6}
    assert contents["classes"] == {"GLACIER": {"objects": 1, "bytes": 6}, "STANDARD": {"objects": 1050, "bytes": 5250}}
    contents = found["kept"]["contents"]
    assert contents["current"] == {"objects": 1, "bytes": 1} and contents["earlier"] == {"objects": 3, "bytes": 12} and contents["delete_markers"] == 1
    assert found["empty"]["contents"]["current"] == {"objects": 0, "bytes": 0}


def test_every_setting_is_told_as_what_it_is(server, account):
    found = plan(server, account.url, env=account.env)
    settings = found["plain"]["settings"]
    told = {name: setting["to"] for name, setting in settings.items() if setting["state"] == "set"}
    assert told.pop("acl", None) is None
    assert told == {"policy": "1 statements", "cors": "1 rules", "tags": "2 tags", "website": "index index.html", "lifecycle": "1 rules"} | (
        {"encryption": told["encryption"]} if "encryption" in told else {}
    )
    assert found["kept"]["settings"]["versioning"] == {"state": "set", "to": "Enabled"}
    assert found["kept"]["settings"]["object-lock"] == {"state": "set", "to": "GOVERNANCE for 3 days"}
    assert found["empty"]["settings"]["encryption"] == {"state": "set", "to": "aws:kms"}
    for name in ("versioning", "object-lock", "policy", "cors", "tags", "website", "lifecycle", "notifications", "logging", "replication"):
        assert found["empty"]["settings"][name] == {"state": "not-set"}, name


def test_what_may_not_be_seen_is_unknown_and_never_none(server, account):
    proxy = Refusing(account.url, "/plain/?policy", "/kept/?versions", "/kept/?versioning", "/kept/?list-type")
    found = plan(server, proxy.url, status=1, env=account.env)
    policy = found["plain"]["settings"]["policy"]
    assert policy["state"] == "unknown" and "AccessDenied" in policy["why"]
    assert found["kept"]["settings"]["versioning"]["state"] == "unknown"
    contents = found["kept"]["contents"]
    assert contents["counted"] is None and "AccessDenied" in contents["unknown"]
    assert found["empty"]["contents"]["unknown"] is None
    text = plan(server, proxy.url, status=1, env=account.env, json_wanted=False)
    assert "policy unknown: the source refuses this (403 AccessDenied)" in text and "contents unknown" in text
    proxy.close()
    # What is current may be counted where versions may not; they are not taken for none.
    proxy = Refusing(account.url, "/kept/?versions", "/kept/?versioning")
    contents = plan(server, proxy.url, status=1, env=account.env)["kept"]["contents"]
    assert contents["current"] == {"objects": 1, "bytes": 1} and "earlier versions" in contents["unknown"]
    proxy.close()


def test_the_command_of_a_bucket_brings_it(server, account):
    found = plan(server, account.url, env=account.env)
    command = shlex.split(found["kept"]["command"])
    assert command[:2] == ["onshore", "migrate"]
    done = server.run(*command[1:], env=account.env)
    assert done.returncode == 0, done
    assert {key: body for key, (body, _) in everything(server.client(), "kept").items()} == {"other": b"x"}


def test_an_account_that_opens_to_nobody_says_so(server, account):
    proxy = Refusing(account.url, "/?x-id=ListBuckets", "x-id=ListBuckets")
    done = server.run("migrate", "plan", "--account", "s3://", "--endpoint", proxy.url, env=account.env)
    proxy.close()
    assert done.returncode == 1 and "AccessDenied" in done.stderr, done
    for args, word in [(("--account", "s3://bucket"), "without a bucket"), (("--account", "ftp://"), "s3://"), ((), "--account")]:
        done = server.run("migrate", "plan", *args)
        assert done.returncode == 2 and word in done.stderr, done
    # What brings a bucket is asked for as before.
    done = server.run("migrate", "s3://bucket")
    assert done.returncode == 2 and "BUCKET" in done.stderr, done
