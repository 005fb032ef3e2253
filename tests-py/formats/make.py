"""Makes a data folder as this version writes it, small, with something of everything, for all later versions to open.

usage: ONSHORE_BIN=... python tests-py/formats/make.py NUMBER

Writes format-NUMBER.tar.gz beside itself: the folder `data`, and `told.json` with what must be found in it. A fixture is
made once, when tables or files change, and never again: later versions must read what that one wrote.
"""

import base64
import hashlib
import json
import shutil
import sys
import tarfile
import tempfile
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from onshore_server import Server  # noqa: E402

MIB = 1 << 20
CUSTOMER_KEY = bytes(range(32))
UNTIL = datetime(2090, 1, 1, tzinfo=timezone.utc)


def noise(name, size):
    """Bytes that are the same in every run."""
    blocks = (hashlib.sha256(f"{name}/{number}".encode()).digest() for number in range(size // 32 + 1))
    return b"".join(blocks)[:size]


def settings(s3):
    rules = [{"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3000}}]
    s3.put_bucket_lifecycle_configuration(Bucket="plain", LifecycleConfiguration={"Rules": rules})
    cors = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.cn"]}]
    s3.put_bucket_cors(Bucket="plain", CORSConfiguration={"CORSRules": cors})
    s3.put_bucket_tagging(Bucket="plain", Tagging={"TagSet": [{"Key": "of", "Value": "format"}]})
    kms = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    s3.put_bucket_encryption(Bucket="versioned", ServerSideEncryptionConfiguration=kms)


def make(server):
    s3 = server.client()
    objects = []

    def put(bucket, key, size, **more):
        body = noise(key, size)
        answer = s3.put_object(Bucket=bucket, Key=key, Body=body, **more)
        told = {"bucket": bucket, "key": key, "version": answer.get("VersionId"), "sha256": hashlib.sha256(body).hexdigest(), "etag": answer["ETag"]}
        objects.append({**told, "size": size, "metadata": more.get("Metadata", {}), "tags": more.get("Tagging", ""), "customer": "SSECustomerKey" in more})

    server.cli("bucket", "create", "plain", "--class", "general")
    s3.create_bucket(Bucket="versioned")
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    settings(s3)
    put("plain", "empty", 0)
    put("plain", "small \u6587.txt", 1000, Metadata={"who": "a writer", "onshore-class": "personal"}, Tagging="a=b&c=d", ContentType="text/plain")
    put("plain", "large", 70_000, ChecksumAlgorithm="SHA256")
    put("plain", "customer", 5000, SSECustomerAlgorithm="AES256", SSECustomerKey=CUSTOMER_KEY)
    for size in (10, 66_000, 30):
        put("versioned", "turns", size)
    marker = s3.delete_object(Bucket="versioned", Key="turns")["VersionId"]
    server.cli("kms", "create", "--alias", "alias/of-format")
    put("versioned", "named", 3000, ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/of-format")
    put("locked", "held", 100, ObjectLockLegalHoldStatus="ON", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=UNTIL)
    begun = s3.create_multipart_upload(Bucket="plain", Key="parts", Metadata={"begun": "earlier"})["UploadId"]
    part = s3.upload_part(Bucket="plain", Key="parts", UploadId=begun, PartNumber=1, Body=noise("part", 200))["ETag"]
    server.cli("tenant", "create", "other")
    approval = server.grant("personal", "US", 1 << 20)
    return {
        "objects": objects,
        "marker": marker,
        "upload": {"id": begun, "part": part, "sha256": hashlib.sha256(noise("part", 200)).hexdigest()},
        "approval": approval,
        "customer_key": base64.b64encode(CUSTOMER_KEY).decode(),
        "until": UNTIL.isoformat(),
    }


def main(number):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        server = Server(folder / "data").start()
        try:
            told = make(server)
            told["access_key"], told["secret_key"] = server.access_key, server.secret_key
        finally:
            server.terminate()
        # Taken after the end, when the last checkpoint is signed.
        told["checkpoint"] = (folder / "data/ledger/checkpoint").read_text()
        shutil.rmtree(folder / "data/ledger/tile")
        (folder / "told.json").write_text(json.dumps(told, indent=1))
        with tarfile.open(Path(__file__).parent / f"format-{number}.tar.gz", "w:gz") as archive:
            for name in ("data", "told.json"):
                archive.add(folder / name, name)


if __name__ == "__main__":
    main(int(sys.argv[1]))
