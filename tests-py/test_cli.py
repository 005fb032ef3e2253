"""The command line: exit statuses, what is printed for people and for programs, wrong usage."""

import json
import subprocess

import pytest

from onshore_server import BINARY, clean_env, find


def alone(*args, env=None):
    return subprocess.run([str(BINARY), *map(str, args)], env=clean_env(**(env or {})), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "args",
    [
        [], ["nonsense"], ["serve"], ["serve", "--data"], ["serve", "--nonsense"], ["tenant"], ["tenant", "create"], ["approval", "grant"],
        ["verify"], ["verify", "file-without-key"], ["ledger", "prove"], ["migrate", "only-one"], ["bucket", "set-class", "b"],
        ["approval", "grant", "--tenant", "t", "--to", "US", "--class", "personal", "--max-bytes", "lots", "--until", "2099-01-01T00:00:00Z"],
        ["explain"], ["config", "check"], ["job", "show"],
    ],
)
def test_wrong_usage_is_two(args):
    done = alone(*args)
    assert done.returncode == 2, done
    assert done.stderr and done.stdout == ""


def test_help_and_version_are_zero():
    for args in (["--help"], ["help"], ["--version"], ["serve", "--help"], ["approval", "grant", "--help"]):
        done = alone(*args)
        assert done.returncode == 0 and done.stdout, args


def test_no_server_is_one():
    done = alone("tenant", "list", "--server", "http://127.0.0.1:9", "--token", "x")
    assert done.returncode == 1 and "127.0.0.1:9" in done.stderr
    done = alone("tenant", "list", "--server", "not a url", "--token", "x")
    assert done.returncode in (1, 2)


def test_the_token_is_found_in_three_places(server):
    for args, env in (
        (["--server", server.control, "--token", server.token], {}),
        ([], {"ONSHORE_SERVER": server.control, "ONSHORE_TOKEN": server.token}),
        (["--server", server.control, "--data", server.data], {}),
    ):
        assert alone("tenant", "list", *args, env=env).returncode == 0, args
    wrong = alone("tenant", "list", "--server", server.control, "--token", "wrong")
    assert wrong.returncode == 1 and "wrong" not in wrong.stdout


def test_tenants_keys_and_buckets(server):
    server.cli("tenant", "create", "firm")
    again = server.run("tenant", "create", "firm")
    assert again.returncode == 1 and "firm" in again.stderr
    assert server.run("tenant", "create", "Not A Name").returncode in (1, 2)
    assert "firm" in server.run("tenant", "list").stdout
    key = server.cli("key", "create", "--tenant", "firm", "--access-key", "FIRMKEY123", "--secret-key", "firm-secret-0123456789abcdef")
    assert find(key, "access_key") == "FIRMKEY123"
    server.cli("bucket", "create", "firm-bucket", "--tenant", "firm", "--class", "important")
    assert [item["Name"] for item in server.client(access_key="FIRMKEY123", secret_key="firm-secret-0123456789abcdef").list_buckets()["Buckets"]] == ["firm-bucket"]
    assert server.run("key", "create", "--tenant", "nobody").returncode == 1
    assert server.run("key", "create", "--tenant", "firm", "--access-key", "FIRMKEY123", "--secret-key", "other-secret-0123456789").returncode == 1
    assert server.run("bucket", "create", "Bad_Name").returncode in (1, 2)
    assert server.run("bucket", "create", "other", "--class", "secret").returncode in (1, 2)
    assert server.run("bucket", "set-class", "firm-bucket", "general").returncode == 1
    server.cli("bucket", "set-class", "firm-bucket", "important,personal")
    assert "important,personal" in server.run("bucket", "list").stdout


def test_approvals(server):
    identity = server.grant("personal", "US", 12345, "2099-01-01T00:00:00Z")
    shown = server.cli("approval", "show", identity)
    assert find(shown, "id") == identity and 12345 in [find(shown, "max_bytes")]
    assert identity in server.run("approval", "list").stdout
    server.cli("approval", "revoke", identity)
    assert server.run("approval", "show", "no-such-approval").returncode in (1, 2)
    good = ["approval", "grant", "--tenant", "default", "--to", "US", "--class", "personal", "--max-bytes", "1", "--until", "2099-01-01T00:00:00Z"]
    for name, value in (("--tenant", "nobody"), ("--to", "XX1"), ("--class", "unclassified"), ("--max-bytes", "-1"), ("--until", "yesterday"), ("--until", "2001-01-01T00:00:00Z")):
        args = list(good)
        args[args.index(name) + 1] = value
        done = server.run(*args)
        assert done.returncode in (1, 2) and done.stderr, (name, value, done)


def test_everything_for_people_has_json(server):
    for args in (
        ["tenant", "list"], ["bucket", "list"], ["approval", "list"], ["job", "list"], ["ledger", "checkpoint"], ["ledger", "key"],
    ):
        people, programs = server.run(*args), server.run(*args, "--json")
        assert people.returncode == programs.returncode == 0, args
        json.loads(programs.stdout)
        with pytest.raises(ValueError):
            json.loads(people.stdout or "{")


def test_a_control_api_speaks_openapi(server):
    import requests

    said = requests.get(f"{server.control}/openapi.json", headers={"authorization": f"Bearer {server.token}"}, timeout=30).json()
    assert said["openapi"].startswith("3.") and "/v1/tenants" in said["paths"]


def test_ready_in_json(make_server):
    server = make_server("json", start=False)
    process = subprocess.Popen(
        [str(BINARY), "serve", "--data", str(server.data), "--s3-listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0", "--json"],
        env=clean_env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )
    try:
        for line in process.stdout:
            said = json.loads(line)
            if said["event"] == "ready":
                assert ":" in said["s3"] and ":" in said["control"]
                break
        else:
            pytest.fail("never ready")
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stdout.close()


def test_listeners_off_loopback_need_leave(make_server):
    server = make_server("off", start=False)
    done = alone("serve", "--data", server.data, "--s3-listen", "0.0.0.0:0", "--control-listen", "127.0.0.1:0")
    assert done.returncode in (1, 2) and "--insecure" in done.stderr
