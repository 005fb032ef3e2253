"""Runs witnesses for the tests: each in a data folder of its own and, where the tests run as root, as another user."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

from onshore_server import BINARY, CONFIG, bound, clean_env

NOBODY = 65534


def as_nobody(command):
    """Another user may run it; the operator's folders are closed to that one."""
    if os.geteuid():
        return list(command)
    return ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--", *command]


class Witness:
    def __init__(self, name, logs):
        self.home = Path(tempfile.mkdtemp(prefix="onshore-witness-", dir="/tmp"))
        self.data = self.home / "data"
        self.binary = BINARY
        self.process = None
        if os.geteuid() == 0:
            os.chown(self.home, NOBODY, NOBODY)
            if subprocess.run(as_nobody([BINARY, "--version"]), capture_output=True).returncode:
                self.binary = shutil.copy2(BINARY, self.home / "onshore")
                os.chmod(self.binary, 0o755)
        self.vkey = self.run("init", "--name", name, *(f"--log={log}" for log in logs)).stdout.strip()
        self.port = 0

    def run(self, *args, ok=True):
        done = subprocess.run(
            as_nobody([str(self.binary), "witness", *map(str, args), "--data", str(self.data)]),
            env=clean_env(), capture_output=True, text=True, timeout=60, cwd="/",
        )
        assert not ok or done.returncode == 0, done.stderr
        return done

    def start(self):
        command = [str(self.binary), "witness", "serve", "--listen", f"127.0.0.1:{self.port}", "--data", str(self.data), "--json"]
        self.log = []
        self.process = subprocess.Popen(
            bound(as_nobody(command)), env=clean_env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, cwd="/",
        )
        told = None
        for line in self.process.stdout:
            self.log.append(line)
            if line.startswith("{"):
                told = json.loads(line)
                break
        assert told, "".join(self.log)
        self.url = told["url"]
        self.port = int(self.url.rsplit(":", 1)[1])
        threading.Thread(target=lambda: self.log.extend(self.process.stdout), daemon=True).start()
        return self

    def kill9(self):
        process, self.process = self.process, None
        if process:
            process.kill()
            process.wait()

    def remove(self):
        self.kill9()
        shutil.rmtree(self.home, ignore_errors=True)

    def ask(self, body, path="/add-checkpoint", method="POST"):
        """Posts a request, and returns status, content type and body of the answer."""
        request = urllib.request.Request(self.url + path, data=body if method == "POST" else None, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers["content-type"], answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["content-type"], error.read()

    def status(self):
        return json.loads(self.run("status", "--json").stdout)


def witnessed_config(witnesses, quorum=None, more=""):
    listed = ", ".join(f'{{ url = "{witness.url}", key = "{witness.vkey}" }}' for witness in witnesses)
    counted = f"quorum = {quorum}\n" if quorum else ""
    return f"{CONFIG}\n[ledger]\nwitnesses = [{listed}]\n{counted}witness_interval_s = 1\n{more}"


def policy(witnesses, quorum, vkey):
    lines = [f"log {vkey}", *(f"witness w{number} {witness.vkey}" for number, witness in enumerate(witnesses))]
    members = " ".join(f"w{number}" for number in range(len(witnesses)))
    return "\n".join([*lines, f"group g {quorum} {members}", "quorum g", ""])
