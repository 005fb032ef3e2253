"""Prints presigned request targets, one a line; `{}` in the pattern is replaced by a number below COUNT.

usage: presign.py ENDPOINT BUCKET get_object|put_object KEY-PATTERN COUNT
       presign.py ENDPOINT BUCKET list_objects_v2 PREFIX COUNT    (pages that begin at places scattered over the keys of fill.lua)"""

import sys

import boto3
from botocore.config import Config

endpoint, bucket, method, pattern, count = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
for number in range(int(count)):
    if method == "list_objects_v2":
        what = {"StartAfter": f"{pattern}{number * 2654435761 % 4294967296:08x}"}
    else:
        what = {"Key": pattern.format(number)}
    link = s3.generate_presigned_url(method, {"Bucket": bucket, **what}, ExpiresIn=86400)
    print(link.removeprefix(endpoint))
