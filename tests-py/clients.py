"""Runs the programs people use as clients, and the folders they carry to and fro."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from onshore_server import REGION, clean_env

PROGRAMS = Path(sys.executable).parent


def program(name):
    path = PROGRAMS / name
    if not path.is_file():
        path = shutil.which(name)
    if not path:
        pytest.skip(f"{name} is not in the Python environment")
    return str(path)


def run(server, name, *args, check=True, stdin=None, **more):
    """Runs a client against the server; `more` is of its environment."""
    env = {
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "RCLONE_CONFIG": "/nonexistent/rclone.conf",
        "RCLONE_CONFIG_ON_TYPE": "s3",
        "RCLONE_CONFIG_ON_PROVIDER": "Other",
        "RCLONE_CONFIG_ON_ENV_AUTH": "true",
        "RCLONE_CONFIG_ON_REGION": REGION,
        "RCLONE_CONFIG_ON_ENDPOINT": server.s3,
        **more,
    }
    source = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run([program(name), *map(str, args)], env=clean_env(**env), **source, capture_output=True, text=True, timeout=120)
    if check:
        assert done.returncode == 0, f"{name} {' '.join(map(str, args))}\n{done.stdout}\n{done.stderr}"
    return done


def plant(root, files):
    """Writes files, given by their paths, below a folder. They are an hour old: S3 tells whole seconds, and a client that
    syncs would take a file for newer than the object that was made of it within the same second."""
    made = time.time() - 3600
    for name, body in files.items():
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        os.utime(path, (made, made))
    return root


def same(one, two):
    read = lambda root: {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(root).rglob("*") if path.is_file()}
    assert read(one) == read(two)
