"""Programs that use a bucket: each reads, writes, lists, copies and deletes among keys of its own, and knows what must be there."""

import collections
import random
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

PART = 5 << 20


def seeded(programs, keys):
    """What is in the bucket before any of them begins."""
    return {f"p{program:02}/{number % 5}/{number:04}": b"before %d %d" % (program, number) for program in range(programs) for number in range(keys)}


class Program(threading.Thread):
    """One of them. `client` makes a client of the cloud that it uses at present."""

    def __init__(self, number, bucket, client, held, seed, stop):
        super().__init__(daemon=True)
        self.prefix, self.bucket, self.stop = f"p{number:02}/", bucket, stop
        self.make_client = client
        self.s3 = client()
        self.random = random.Random(seed * 1000 + number)
        self.held = {key: body for key, body in held.items() if key.startswith(self.prefix)}
        self.names = sorted(self.held) + [f"{self.prefix}{self.random.randrange(5)}/new-{turn:03}" for turn in range(20)]
        self.count, self.wrong, self.times = 0, [], collections.defaultdict(list)

    def run(self):
        ways = [self.get] * 45 + [self.head] * 10 + [self.put] * 20 + [self.delete] * 6 + [self.list] * 10 + [self.range] * 5 + [self.copy] * 2 + [self.delete_many] * 1 + [self.tags] * 1
        while not self.stop.is_set():
            way = self.random.choice(ways)
            began = time.monotonic()
            try:
                way()
            except (ClientError, BotoCoreError, AssertionError) as error:
                self.wrong.append(f"{way.__name__}: {error!r}"[:300])
            self.times[way.__name__].append(time.monotonic() - began)
            self.count += 1

    def key(self):
        return self.random.choice(self.names)

    def get(self):
        key = self.key()
        wanted = self.held.get(key)
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchKey" and wanted is None, (key, wanted, error.response["Error"])
            return
        assert body == wanted, (key, body, wanted)

    def range(self):
        key = self.random.choice(sorted(self.held))
        body = self.s3.get_object(Bucket=self.bucket, Key=key, Range="bytes=2-4")["Body"].read()
        assert body == self.held[key][2:5], (key, body)

    def head(self):
        key = self.key()
        wanted = self.held.get(key)
        try:
            length = self.s3.head_object(Bucket=self.bucket, Key=key)["ContentLength"]
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404 and wanted is None, (key, error.response)
            return
        assert wanted is not None and length == len(wanted), (key, length, wanted)

    def put(self):
        key, body = self.key(), b"written %d" % self.random.randrange(1 << 40)
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        self.held[key] = body

    def delete(self):
        key = self.key()
        self.s3.delete_object(Bucket=self.bucket, Key=key)
        self.held.pop(key, None)

    def delete_many(self):
        keys = self.random.sample(self.names, 3)
        answer = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in keys]})
        assert not answer.get("Errors"), answer
        for key in keys:
            self.held.pop(key, None)

    def copy(self):
        source, key = self.random.choice(sorted(self.held)), self.key()
        if source != key:
            self.s3.copy_object(Bucket=self.bucket, Key=key, CopySource={"Bucket": self.bucket, "Key": source})
            self.held[key] = self.held[source]

    def tags(self):
        key = self.random.choice(sorted(self.held))
        tag = [{"Key": "t", "Value": str(self.random.randrange(100))}]
        self.s3.put_object_tagging(Bucket=self.bucket, Key=key, Tagging={"TagSet": tag})
        assert self.s3.get_object_tagging(Bucket=self.bucket, Key=key)["TagSet"] == tag, key

    def list(self):
        folder = f"{self.prefix}{self.random.randrange(5)}/"
        limit = self.random.choice([7, 1000])
        found, token = [], {}
        while True:
            page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=folder, MaxKeys=limit, **token)
            found += [item["Key"] for item in page.get("Contents", [])]
            if not page["IsTruncated"]:
                break
            token = {"ContinuationToken": page["NextContinuationToken"]}
        wanted = sorted(key for key in self.held if key.startswith(folder))
        assert found == wanted, (folder, set(found) ^ set(wanted), len(found), len(wanted))


class Programs:
    """Some of them at once."""

    def __init__(self, count, bucket, client, held, seed):
        self.stop = threading.Event()
        self.all = [Program(number, bucket, client, held, seed, self.stop) for number in range(count)]

    def __enter__(self):
        for program in self.all:
            program.start()
        return self

    def __exit__(self, *caught):
        self.stop.set()
        for program in self.all:
            program.join(120)

    @property
    def count(self):
        return sum(program.count for program in self.all)

    @property
    def wrong(self):
        return [wrong for program in self.all for wrong in program.wrong]

    def held(self):
        return {key: body for program in self.all for key, body in program.held.items()}

    def until(self, count, timeout):
        end = time.monotonic() + timeout
        while self.count < count and time.monotonic() < end:
            time.sleep(0.05)

    def p99(self):
        times = sorted(spent for program in self.all for spent in sum(program.times.values(), []))
        return times[int(len(times) * 0.99)] if times else 0.0
