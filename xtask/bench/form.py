"""Prints an HTML form upload under a signed policy for every key below many/, with @KEY@ where the key goes.

usage: form.py ENDPOINT BUCKET"""

import sys

import boto3
from botocore.config import Config

endpoint, bucket = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint, config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
fields = s3.generate_presigned_post(bucket, "many/${filename}", ExpiresIn=86400)["fields"] | {"key": "@KEY@"}
parts = [f'--onshorebench\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
parts.append('--onshorebench\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nonshore!\r\n--onshorebench--\r\n')
sys.stdout.write("".join(parts))
