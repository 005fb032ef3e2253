"""What real clients once found wrong, as the smallest requests and through the clients themselves."""

import io
import shutil
import subprocess
from pathlib import Path

import pytest
import requests
from minio import Minio

from calls import get, put
from clients import plant, run, same
from onshore_server import clean_env
from raw_s3 import CHECKSUMS, Raw

JS = Path(__file__).parent / "js"


# A checksum in the query of a presigned link is ignored by AWS (a link cannot know what will be sent)


@pytest.mark.parametrize("name", ["x-amz-checksum-crc32", "x-amz-checksum-sha256"])
def test_a_link_ignores_the_checksum_in_its_query(server, s3, bucket, name):
    empty = CHECKSUMS[name.removeprefix("x-amz-checksum-")](b"")
    query = [(name, empty), ("x-amz-sdk-checksum-algorithm", name.removeprefix("x-amz-checksum-").upper())]
    answer = Raw(server).presigned_request("PUT", f"/{bucket}/k", query=query, body=b"by link")
    assert answer.status == 200, answer
    assert get(s3, bucket, "k") == b"by link"


def test_a_link_to_a_part_ignores_the_checksum_in_its_query(server, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    query = [("partNumber", "1"), ("uploadId", upload), ("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-sdk-checksum-algorithm", "CRC32")]
    answer = Raw(server).presigned_request("PUT", f"/{bucket}/k", query=query, body=b"by link")
    assert answer.status == 200, answer


@pytest.mark.skipif(not (shutil.which("node") and (JS / "node_modules").is_dir()), reason="the AWS SDK for JavaScript is not here: npm ci --prefix tests-py/js")
def test_a_link_of_the_js_sdk_as_it_makes_them_by_itself(server, s3, bucket):
    script = """
    import * as s3 from "@aws-sdk/client-s3"; import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
    const client = new s3.S3Client({ endpoint: "%s", region: "cn-north-1", forcePathStyle: true });
    console.log(await getSignedUrl(client, new s3.PutObjectCommand({ Bucket: "%s", Key: "k" }), { expiresIn: 60 }));
    process.exit();
    """ % (server.s3, bucket)
    env = clean_env(AWS_ACCESS_KEY_ID=server.access_key, AWS_SECRET_ACCESS_KEY=server.secret_key)
    link = subprocess.run(["node", "--input-type=module", "-e", script], cwd=JS, env=env, capture_output=True, text=True, check=True).stdout.strip()
    answer = requests.put(link, data=b"by link", timeout=30)
    assert answer.status_code == 200, (link, answer.content)


# A plus sign in x-amz-copy-source is a space to AWS


def test_a_plus_in_a_copy_source_is_a_space(server, s3, bucket):
    put(s3, bucket, "a b+c", b"spaced")
    put(s3, bucket, "a+b", b"plus")
    raw = Raw(server)
    answer = raw.request("PUT", f"/{bucket}/copy", headers={"x-amz-copy-source": f"/{bucket}/a+b%2Bc"})
    assert answer.status == 200, answer
    assert get(s3, bucket, "copy") == b"spaced"
    answer = raw.request("PUT", f"/{bucket}/copy", headers={"x-amz-copy-source": f"/{bucket}/a+b"})
    assert (answer.status, answer.code) == (404, "NoSuchKey"), "there is no 'a b'"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    answer = raw.request("PUT", f"/{bucket}/parts", [("partNumber", "1"), ("uploadId", upload)], {"x-amz-copy-source": f"/{bucket}/a+b%2Bc"})
    assert answer.status == 200, answer


def test_s5cmd_copies_what_has_a_space(server, s3, bucket, tmp_path):
    s5cmd = lambda *args, **more: run(server, "s5cmd", "--endpoint-url", server.s3, *args, **more)
    here = plant(tmp_path / "here", {"sub/a b+c&d#e.txt": b"odd", "sub/\u6587 \u6863.log": b"log"})
    s5cmd("sync", f"{here}/", f"s3://{bucket}/t/")
    s5cmd("sync", "--size-only", f"s3://{bucket}/t/*", f"s3://{bucket}/u/")
    s5cmd("mv", f"s3://{bucket}/u/*", f"s3://{bucket}/v/")
    s5cmd("sync", f"s3://{bucket}/v/*", f"{tmp_path}/back/")
    same(here, tmp_path / "back")


# GetBucketLocation is answered whatever region signed it (AWS: by its global endpoint; MinIO: everywhere)


def test_the_location_of_a_bucket_is_told_to_who_does_not_know_it(server, bucket):
    answer = Raw(server).request("GET", f"/{bucket}", [("location", "")], region="us-east-1")
    assert answer.status == 200 and b">cn-north-1<" in answer.body, answer


def test_minio_without_a_region_finds_it(server, bucket):
    minio = Minio(endpoint=f"{server.s3_host}:{server.s3_port}", access_key=server.access_key, secret_key=server.secret_key, secure=False)
    minio.put_object(bucket_name=bucket, object_name="k", data=io.BytesIO(b"x"), length=1)
    assert minio.stat_object(bucket_name=bucket, object_name="k").size == 1
