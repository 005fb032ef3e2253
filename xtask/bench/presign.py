"""Prints presigned request targets, one a line; `{}` in the pattern is replaced by a number below COUNT.

usage: presign.py ENDPOINT BUCKET get_object|put_object KEY-PATTERN COUNT"""

import sys

import boto3
from botocore.config import Config

endpoint, bucket, method, pattern, count = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
for number in range(int(count)):
    link = s3.generate_presigned_url(method, {"Bucket": bucket, "Key": pattern.format(number)}, ExpiresIn=86400)
    print(link.removeprefix(endpoint))
