"""A bucket at an old cloud that the tests own, and its cut-over."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from old_cloud import OldCloud


class CutOver:
    """A bucket at moto, behind a proxy, and its cut-over into a server."""

    def __init__(self, server, moto, name, objects, host="127.0.0.1"):
        self.server, self.name, self.paused = server, name, None
        self.cloud = OldCloud(moto.url, host)
        self.env = moto.env
        self.there = moto.client()
        self.there.create_bucket(Bucket=name)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda item: self.there.put_object(Bucket=name, Key=item[0], Body=item[1]), objects.items()))
        self.here = server.client()

    def order(self, *args, status=0, timeout=170):
        done = self.server.run("cutover", self.name, f"s3://{self.name}", "--endpoint", self.cloud.url, "--json", *args, env=self.env, timeout=timeout)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done

    def status(self):
        return self.server.cli("cutover", "status", self.name)

    def until(self, holds, timeout=60):
        end = time.monotonic() + timeout
        while not holds(status := self.status()):
            assert time.monotonic() < end, json.dumps(status)
            time.sleep(0.05)
        return status

    def bring_all(self):
        """Orders it from a cloud that knows no policies, and returns when it waits to hear that the source is frozen."""
        self.cloud.fail("501", lambda method, path: "policy" in path)
        self.order("--detach")
        self.until(lambda status: status["step"] == "freezing" and "--source-is-frozen" in status.get("detail", ""))

    def switch(self, *args):
        if self.paused:
            self.server.cli("job", "resume", self.paused)
        self.order("--source-is-frozen", *args)
        return self.until(lambda status: status["step"] == "switched")

    def close(self):
        self.cloud.close()
