"""The AWS CLI of the second generation: another signer and other defaults than the first, which test_clients.py runs."""

import hashlib
import json
import os
import shutil
import subprocess
import urllib.request

import pytest

from calls import MIB, exists, get, listed, refusal
from clients import plant, same
from onshore_server import REGION, clean_env

ODD = "a b+c&d=e#f?g%41.txt"
LARGE = b"".join(hashlib.sha256(number.to_bytes(8)).digest() for number in range(20 * MIB // 32))
TREE = {
    "plain.txt": b"plain",
    "empty": b"",
    f"sub/folder/{ODD}": b"odd",
    "sub/\u6587\u6863 caf\u00e9.txt": b"beyond ASCII",
    "large.bin": LARGE,
    **{f"many/{number:03}.txt": str(number).encode() for number in range(60)},
}
PLACES = [os.environ.get("ONSHORE_AWS_V2", ""), "/usr/local/bin/aws", "/usr/bin/aws"]  # the first generation may be before it on PATH


@pytest.fixture(scope="module")
def aws(server):
    places = [place for place in PLACES if shutil.which(place)]
    version = lambda place: subprocess.run([place, "--version"], capture_output=True, text=True).stdout
    program = next((place for place in places if version(place).startswith("aws-cli/2")), None)
    if not program:
        pytest.skip("no AWS CLI 2 on this machine: apt-get install awscli, or set ONSHORE_AWS_V2 to it")
    env = clean_env(AWS_ACCESS_KEY_ID=server.access_key, AWS_SECRET_ACCESS_KEY=server.secret_key, AWS_DEFAULT_REGION=REGION, AWS_PAGER="", LC_ALL="C.UTF-8")

    def call(*args, check=True, text=True, **more):
        done = subprocess.run([program, "--endpoint-url", server.s3, *map(str, args)], env={**env, **more}, stdin=subprocess.DEVNULL, capture_output=True, text=text, timeout=120)
        if check:
            assert done.returncode == 0, f"aws {' '.join(map(str, args))}\n{done.stdout}\n{done.stderr}"
        return done

    return call


def told(done):
    return json.loads(done.stdout)


def test_aws_cli_2_carries_a_tree(aws, s3, bucket, tmp_path):
    here = plant(tmp_path / "here", TREE)
    aws("s3", "cp", "--recursive", "--only-show-errors", here, f"s3://{bucket}/t/")
    assert sorted(listed(s3, bucket)) == sorted(f"t/{name}" for name in TREE)
    assert s3.head_object(Bucket=bucket, Key="t/large.bin", PartNumber=1)["PartsCount"] == 3
    assert aws("s3", "sync", here, f"s3://{bucket}/t/").stdout == "", "nothing changed, nothing is sent"
    aws("s3", "sync", "--only-show-errors", f"s3://{bucket}/t/", f"s3://{bucket}/u/")
    aws("s3", "cp", "--recursive", "--only-show-errors", f"s3://{bucket}/u/", tmp_path / "back")
    same(here, tmp_path / "back")
    (here / "plain.txt").unlink()
    assert aws("s3", "sync", "--delete", here, f"s3://{bucket}/t/").stdout.split() == ["delete:", f"s3://{bucket}/t/plain.txt"]
    aws("s3", "rm", "--recursive", "--only-show-errors", f"s3://{bucket}/t/", "--exclude", "many/*")
    assert listed(s3, bucket, Prefix="t/") == [f"t/many/{number:03}.txt" for number in range(60)]
    aws("s3", "rb", "--force", f"s3://{bucket}")


def test_aws_cli_2_copies_with_all_that_belongs_to_an_object(aws, s3, bucket, tmp_path):
    """Between buckets it reads the metadata and tags of an object that is large, and says them again: --copy-props."""
    plant(tmp_path, {"large": LARGE})
    aws("s3", "cp", "--only-show-errors", "--metadata", "who=me", "--content-type", "text/x-own", "--cache-control", "max-age=7", tmp_path / "large", f"s3://{bucket}/{ODD}")
    aws("s3api", "put-object-tagging", "--bucket", bucket, "--key", ODD, "--tagging", "TagSet=[{Key=a b,Value=c+d}]")
    aws("s3", "mv", "--only-show-errors", f"s3://{bucket}/{ODD}", f"s3://{bucket}/moved {ODD}")
    head = s3.head_object(Bucket=bucket, Key=f"moved {ODD}")
    assert (head["Metadata"], head["ContentType"], head["CacheControl"]) == ({"who": "me"}, "text/x-own", "max-age=7")
    assert told(aws("s3api", "get-object-tagging", "--bucket", bucket, "--key", f"moved {ODD}"))["TagSet"] == [{"Key": "a b", "Value": "c+d"}]
    assert not exists(s3, bucket, ODD) and get(s3, bucket, f"moved {ODD}") == LARGE


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_aws_cli_2_says_and_checks_sums(aws, bucket, tmp_path, algorithm):
    plant(tmp_path, {"body": b"body"})
    put = told(aws("s3api", "put-object", "--bucket", bucket, "--key", "k", "--body", tmp_path / "body", "--checksum-algorithm", algorithm))
    got = told(aws("s3api", "get-object", "--bucket", bucket, "--key", "k", "--checksum-mode", "ENABLED", tmp_path / "back"))
    assert put[f"Checksum{algorithm}"] == got[f"Checksum{algorithm}"] and (tmp_path / "back").read_bytes() == b"body"


def test_aws_cli_2_pages_waits_links_and_is_refused(aws, s3, bucket, tmp_path):
    for number in range(25):
        s3.put_object(Bucket=bucket, Key=f"{number:02} {ODD}", Body=b"x")
    first = told(aws("s3api", "list-objects-v2", "--bucket", bucket, "--page-size", "4", "--max-items", "10"))
    rest = told(aws("s3api", "list-objects-v2", "--bucket", bucket, "--page-size", "4", "--starting-token", first["NextToken"]))
    assert [item["Key"] for page in (first, rest) for item in page["Contents"]] == [f"{number:02} {ODD}" for number in range(25)]
    aws("s3api", "wait", "object-exists", "--bucket", bucket, "--key", f"07 {ODD}")
    aws("s3api", "wait", "bucket-not-exists", "--bucket", "cli-2-nowhere")
    link = aws("s3", "presign", f"s3://{bucket}/07 {ODD}", "--expires-in", "60").stdout.strip()
    assert urllib.request.urlopen(link).read() == b"x"
    failed = aws("s3api", "get-object", "--bucket", bucket, "--key", "absent", tmp_path / "x", check=False)
    assert failed.returncode == 254 and "(NoSuchKey)" in failed.stderr, failed
    wrong = aws("s3", "ls", f"s3://{bucket}", check=False, AWS_SECRET_ACCESS_KEY="wrong")
    assert wrong.returncode == 254 and "(SignatureDoesNotMatch)" in wrong.stderr, wrong


def test_aws_cli_2_keeps_its_own_key(aws, s3, bucket, tmp_path):
    plant(tmp_path, {"large": LARGE, "key": hashlib.sha256(b"generated for a test").digest()})
    own = ["--sse-c", "AES256", "--sse-c-key", f"fileb://{tmp_path}/key"]
    aws("s3", "cp", "--only-show-errors", *own, tmp_path / "large", f"s3://{bucket}/k")
    aws("s3", "cp", "--only-show-errors", *own, f"s3://{bucket}/k", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == LARGE
    assert refusal(s3.get_object, Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 400
