"""Runs the real binary for a test: a data folder of its own, ports of its own, the command line against it."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import threading
import tomllib
from pathlib import Path

import boto3
import botocore.config

BINARY = Path(os.environ.get("ONSHORE_BIN", Path(__file__).parent.parent / "target/debug/onshore"))
REGION = "cn-north-1"

# 127.0.0.66 is in the United States, 127.0.0.77 in Germany, 127.0.0.99 is a proxy whose word is believed.
CONFIG = """\
[region]
id = "cn-north-1"
jurisdiction = "CN"
partition = "onshore"
operator = "Example Operator"
technology_provider = "Example Provider"

[networks]
"127.0.0.0/8" = "CN"
"127.0.0.66/32" = "US"
"127.0.0.77/32" = "DE"

[proxies]
trusted = ["127.0.0.99/32"]

[s3]
domains = ["s3.localhost"]
"""


def clean_env(**more):
    """The environment without any setting that could leak into the program under test."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ONSHORE_", "AWS_", "RCLONE_"))}
    env.update(AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/nonexistent", AWS_SHARED_CREDENTIALS_FILE="/nonexistent")
    env.update({name: str(value) for name, value in more.items()})
    return env


def bound(command):
    """The kernel ends the child with us, so that a killed test run leaves nothing behind."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--", *command] if setpriv else list(command)


def await_port(process, port):
    """Returns once a program listens."""
    while True:
        assert process.poll() is None, f"it ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Ended(Exception):
    """The server ended before it was ready."""


class Server:
    def __init__(self, data, config=CONFIG, env=None, args=(), ca=None, listen="127.0.0.1:0"):
        self.data = Path(data)
        self.config = config
        self.env = env or {}
        self.args = list(args)
        self.ca = ca
        self.listen = listen
        self.process = None
        self.output = []
        self.reader = None

    def start(self, **env):
        assert self.process is None, "already running"
        command = [BINARY, "serve", "--data", self.data, "--s3-listen", self.listen, "--control-listen", self.listen]
        if self.config is not None:
            path = Path(f"{self.data}.toml")
            path.write_text(self.config)
            command += ["--config", path]
        self.process = subprocess.Popen(
            bound([str(part) for part in [*command, *self.args]]),
            env=clean_env(**{**self.env, **env}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        ready = threading.Event()
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout, ready), daemon=True)
        self.reader.start()
        if not ready.wait(60) or not self._told_ready():
            process, self.process = self.process, None
            process.kill()
            process.wait()
            self.reader.join()
            raise Ended(f"status {process.returncode}:\n{self.log}")
        told = json.loads((self.data / "server.json").read_text())
        assert told["pid"] == self.process.pid
        self.s3 = f"{told['scheme']}://{told['s3']}"
        self.control = f"{told['scheme']}://{told['control']}"
        self.s3_host, port = told["s3"].rsplit(":", 1)
        self.s3_port = int(port)
        credentials = tomllib.loads((self.data / "credentials.toml").read_text())
        self.token = credentials["control_token"]
        self.vkey = credentials["ledger_key"]
        self.access_key = credentials["s3"]["access_key"]
        self.secret_key = credentials["s3"].get("secret_key", self.env.get("ONSHORE_SECRET_KEY"))
        return self

    def _read(self, pipe, ready):
        for line in pipe:
            self.output.append(line)
            if line.strip() == "ready":
                ready.set()
        ready.set()

    def _told_ready(self):
        return any(line.strip() == "ready" for line in self.output)

    @property
    def log(self):
        return "".join(self.output)

    def kill9(self):
        self._end(signal.SIGKILL)

    def terminate(self):
        return self._end(signal.SIGTERM)

    def wait(self, timeout=60):
        return self._end(None, timeout)

    def _end(self, send, timeout=60):
        process, self.process = self.process, None
        if process is None:
            return None
        if send is not None:
            process.send_signal(send)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            self.reader.join()
        return process.returncode

    def restart(self, **env):
        self.kill9()
        self.output = []
        return self.start(**env)

    def run(self, *args, env=None, timeout=120):
        """Runs the command line against this server."""
        return subprocess.run(
            [str(BINARY), *map(str, args)],
            env=clean_env(**{
                "ONSHORE_SERVER": getattr(self, "control", "http://127.0.0.1:9"),
                "ONSHORE_TOKEN": getattr(self, "token", ""),
                **({"ONSHORE_CA": self.ca} if self.ca else {}),
                **(env or {}),
            }),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def cli(self, *args, env=None, timeout=120):
        """Runs the command line with --json; it must succeed; returns what it says."""
        done = self.run(*args, "--json", env=env, timeout=timeout)
        assert done.returncode == 0, f"onshore {' '.join(map(str, args))}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def bucket(self, name, label=None):
        self.cli("bucket", "create", name, *(["--class", label] if label else []))
        return name

    def grant(self, label="personal", to="US", max_bytes=1 << 40, until="2099-01-01T00:00:00Z", tenant="default"):
        """Grants an approval and returns its id."""
        said = self.cli(
            "approval", "grant", "--tenant", tenant, "--to", to, "--class", label, "--max-bytes", max_bytes, "--until", until
        )
        return find(said, "id")

    def client(self, source=None, access_key=None, secret_key=None, endpoint=None, **config):
        """A boto3 client, connecting from the loopback address `source`."""
        style = config.pop("style", "path")
        client = boto3.client(
            "s3",
            endpoint_url=endpoint or self.s3,
            verify=str(self.ca) if self.ca else None,
            region_name=config.pop("region", REGION),
            aws_access_key_id=access_key or self.access_key,
            aws_secret_access_key=secret_key or self.secret_key,
            config=botocore.config.Config(
                s3={"addressing_style": style},
                retries={"max_attempts": 0},
                max_pool_connections=64,
                connect_timeout=10,
                read_timeout=60,
                **config,
            ),
        )
        if source:
            client._endpoint.http_session._manager.connection_pool_kw["source_address"] = (source, 0)
        return client


def find(value, name):
    """The first member of that name, at any depth: the tests hold what is said, not how it is nested."""
    if isinstance(value, dict):
        if name in value:
            return value[name]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            found = find(item, name)
            if found is not None:
                return found
    return None


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)
