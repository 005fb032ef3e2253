"""One writer of a table among many, run as a program of its own: it commits as Delta Lake and Apache Iceberg do.

    committer.py ENDPOINT ACCESS_KEY SECRET_KEY BUCKET KIND WRITER COMMITS

`log` puts the next numbered file of a log if no file has that name. `pointer` replaces one file if it is still the one
that was read. Prints, as JSON, what this writer committed and how often it lost a race.
"""

import json
import sys

import boto3
import botocore.config
from botocore.exceptions import ClientError

endpoint, access_key, secret_key, bucket, kind, writer, commits = sys.argv[1:]
s3 = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name="cn-north-1",
    aws_access_key_id=access_key,
    aws_secret_access_key=secret_key,
    config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}),
)


def log_name(number):
    return f"table/_delta_log/{number:020}.json"


def append_to_the_log():
    """Reads the log to its end and puts the file that comes next."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="table/_delta_log/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    assert keys == [log_name(number) for number in range(len(keys))], "the log has a hole"
    before = s3.get_object(Bucket=bucket, Key=keys[-1])["Body"].read().decode() if keys else None
    body = {"number": len(keys), "writer": writer, "after": json.loads(before)["writer"] if before else None}
    s3.put_object(Bucket=bucket, Key=log_name(len(keys)), Body=json.dumps(body), IfNoneMatch="*")
    return len(keys)


def turn_the_pointer():
    """Counts one further in the file that all writers share."""
    found = s3.get_object(Bucket=bucket, Key="table/pointer.json")
    body = json.loads(found["Body"].read())
    body = {"count": body["count"] + 1, "writers": [*body["writers"], writer]}
    s3.put_object(Bucket=bucket, Key="table/pointer.json", Body=json.dumps(body), IfMatch=found["ETag"])
    return body["count"]


print("ready", flush=True)
sys.stdin.readline()
won, lost = [], 0
while len(won) < int(commits):
    try:
        won.append(append_to_the_log() if kind == "log" else turn_the_pointer())
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        lost += 1
print(json.dumps({"won": won, "lost": lost}))
