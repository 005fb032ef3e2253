"""Puts the files of unpacked Debian packages, and the package files themselves, into a bucket of a foreign S3 server.

usage: upload.py ENDPOINT BUCKET PACKAGES-FOLDER NAME...

Objects get what real ones have: content types, user metadata, tags on some, and large ones go up in parts. Prints one
JSON line: files, bytes, parts uploads, seconds."""

import json
import mimetypes
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

IN_PARTS = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20, use_threads=False)


def main(endpoint, bucket, folder, names):
    s3 = boto3.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}, max_pool_connections=16))
    s3.create_bucket(Bucket=bucket)
    files = []
    for name in names:
        root = Path(folder) / name
        found = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
        files += [(path, f"{name}/{path.relative_to(root)}", name) for path in found]
        files += [(path, f"packages/{path.name}", name) for path in Path(folder).glob(f"{name}_*.deb")]

    def put(item):
        number, (path, key, package) = item
        more = {
            "ContentType": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            "Metadata": {"debian-package": package, "number": str(number)},
        }
        if number % 10 == 0:
            more["Tagging"] = f"package={package}&sample=yes"
        size = path.stat().st_size
        if size > IN_PARTS.multipart_threshold:
            s3.upload_file(str(path), bucket, key, ExtraArgs=more, Config=IN_PARTS)
            return size, 1
        s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), **more)
        return size, 0

    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(put, enumerate(files)))
    told = {
        "files": len(done),
        "bytes": sum(size for size, _ in done),
        "in_parts": sum(parts for _, parts in done),
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
