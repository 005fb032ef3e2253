"""The AWS SDK for JavaScript, as servers and build tools on Node use it. What it does is in js/scenarios.mjs."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from onshore_server import bound, clean_env

FOLDER = Path(__file__).parent / "js"
SCENARIOS = re.findall(r"^  async (\w+)\(\)", (FOLDER / "scenarios.mjs").read_text(), re.M)


@pytest.fixture(scope="module")
def told(server):
    """How each scenario failed, if it did. One process plays them all: to load the SDK takes longer than most of them."""
    node = shutil.which("node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout if node else ""
    if not version or int(re.match(r"v(\d+)", version)[1]) < 20:
        pytest.skip(f"Node.js 20 or later is not on this machine ({version.strip() or 'there is none'})")
    if not (FOLDER / "node_modules/@aws-sdk/client-s3").is_dir():
        pytest.skip("the AWS SDK for JavaScript is not there: npm ci --prefix tests-py/js")
    env = clean_env(AWS_ACCESS_KEY_ID=server.access_key, AWS_SECRET_ACCESS_KEY=server.secret_key)
    command = bound([node, str(FOLDER / "scenarios.mjs"), server.s3, *SCENARIOS])
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    lines = map(json.loads, done.stdout.splitlines())
    return {line["scenario"]: line["failed"] for line in lines}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_js(told, scenario):
    assert told[scenario] is None, told[scenario]
