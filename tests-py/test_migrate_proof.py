"""What a certificate shows of the source's listing, a count of somebody else's, spot checks of both clouds, and forecasts."""

import hashlib
import json
import time

import pytest

from onshore_server import REGION, clean_env
from test_migrate import migrate, source_bucket
from witnesses import Witness, policy, witnessed_config


@pytest.fixture(scope="module")
def source(moto):
    # More than one page of a listing.
    return source_bucket(moto, "proof", {f"k/{n:04}": dict(Body=b"%d" % n) for n in range(1100)})


def rewritten(good, path, change):
    document = json.loads(good)
    change(document)
    path.write_text(json.dumps(document))
    return path


def test_both_inventories_are_shown(server, moto, source, tmp_path):
    path = tmp_path / "certificate.json"
    migrate(server, moto, "s3://proof", "onshore-proof", certificate=path)
    certificate = json.loads(path.read_text())
    body, pages = certificate["body"], certificate["pages"]
    assert body["format"] == "onshore-certificate/2"
    first, last = body["inventories"]
    assert first["order"] == last["order"] == "by-key"
    assert last["entries"] == 1100 and last["pages"] == len(pages[1]) > 1
    assert last["bytes"] == sum(len(b"%d" % n) for n in range(1100)) == body["bytes"]
    # Each page begins behind the one before, and its digest is that of the records which name it.
    after = None
    for number, page in enumerate(pages[1]):
        assert page["after"] == after and (after is None or page["first"] > after)
        after = page["last"]
        lines = b"".join(
            json.dumps([entry["key"], entry["version"], entry["size"]], separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
            for entry in certificate["objects"] if entry["page"] == number
        )
        assert page["digest"] == hashlib.sha256(lines).hexdigest()
    assert after == "k/1099"
    # The leaves of the two listings, and of each object's decision, are in the ledger.
    said = server.run("verify", path, "--key", server.vkey)
    assert said.returncode == 0 and "The last inventory" in said.stdout and "exactly what the last inventory names" in said.stdout, said
    for leaf in (first["leaf"], last["leaf"], certificate["objects"][7]["decision"]):
        proof = tmp_path / f"leaf-{leaf}.json"
        assert server.run("ledger", "prove", str(leaf), "--out", proof).returncode == 0
        assert server.run("verify", proof, "--key", server.vkey).returncode == 0
    good = path.read_text()
    changes = {
        "a dropped key": lambda document: document["objects"].pop(500),
        "a dropped key and its count": lambda document: (document["objects"].pop(500), document["body"]["counts"].update(listed=1099, copied=1099)),
        "a dropped page": lambda document: document["pages"][1].pop(0),
        "pages the other way round": lambda document: document["pages"][1].reverse(),
        "a page of the first inventory": lambda document: document["pages"][0][0].update(last="k/0998"),
        "no inventory": lambda document: (document.pop("pages"), document["body"].pop("inventories")),
        "another page": lambda document: document["objects"][3].update(page=1),
    }
    for what, change in changes.items():
        spoiled = rewritten(good, tmp_path / "spoiled.json", change)
        assert server.run("verify", spoiled, "--key", server.vkey).returncode == 1, what


def test_a_count_of_somebody_elses_is_held_against_it(server, moto, source, tmp_path):
    total = sum(len(b"%d" % n) for n in range(1100))
    # A second inventory, by somebody who has other credentials, and without the server.
    env = {**moto.env, "AWS_ACCESS_KEY_ID": "AUDITOR", "ONSHORE_SERVER": "http://127.0.0.1:9", "ONSHORE_TOKEN": ""}
    done = server.run("migrate", "count", "s3://proof", "--endpoint", moto.url, "--json", env=env)
    counted = json.loads(done.stdout)
    assert (counted["objects"], counted["bytes"], counted["access_key"]) == (1100, total, "AUDITOR")
    told = server.run("migrate", "count", "s3://proof", "--endpoint", moto.url, env=env).stdout
    assert f"--counted 1100,{total} --counted-by" in told
    assert server.run("migrate", "count", "s3://no-such-bucket", "--endpoint", moto.url, env=env).returncode == 2
    path = tmp_path / "counted.json"
    migrate(server, moto, "s3://proof", "onshore-counted", "--counted", f"1100,{total}", "--counted-by", "usage figure of the provider", certificate=path)
    body = json.loads(path.read_text())["body"]
    assert body["listing"] == "complete as listed by Onshore and as counted independently"
    assert body["counted"] == {"by": "usage figure of the provider", "objects": 1100, "bytes": total}
    assert "as many as were counted independently" in server.run("verify", path, "--key", server.vkey).stdout
    done = migrate(server, moto, "s3://proof", "onshore-miscounted", "--counted", "1101", "--counted-by", "somebody", certificate=path, status=1)
    assert "independent count" in done.stdout + done.stderr, done
    said = server.run("verify", path, "--key", server.vkey)
    assert said.returncode == 1 and "INCOMPLETE" in said.stdout, said
    for bad in (["--counted", "7"], ["--counted", "many", "--counted-by", "x"], ["--counted-by", "x"], ["--counted", "1", "--counted-by", " "]):
        assert server.run("migrate", "s3://proof", "onshore-never", "--endpoint", moto.url, *bad, env=moto.env).returncode in (1, 2), bad


def test_what_a_later_checkpoint_draws_is_read_again(make_server, moto, source, tmp_path):
    server = make_server()
    witness = Witness("witness.example/w1", [server.vkey]).start()
    try:
        rules = tmp_path / "policy"
        rules.write_text(policy([witness], 1, server.vkey))
        server.config = witnessed_config([witness])
        server.restart()
        path, published = tmp_path / "certificate.json", server.data / "ledger/checkpoint.witnessed"
        migrate(server, moto, "s3://proof", "onshore-spot", certificate=path)
        recorded = int(json.loads(path.read_text())["proof"]["checkpoint"].split("\n")[1])
        later = tmp_path / "later"

        def witnessed_later():
            server.bucket(f"b{time.monotonic_ns()}")
            return published.exists() and int(published.read_text().split("\n")[1]) > recorded

        end = time.monotonic() + 60
        while not witnessed_later():
            assert time.monotonic() < end
            time.sleep(0.2)
        later.write_bytes(published.read_bytes())
        ours = {"aws_access_key_id": server.access_key, "aws_secret_access_key": server.secret_key}
        profiles = tmp_path / "credentials"
        profiles.write_text(
            "[ours]\n" + "".join(f"{name} = {value}\n" for name, value in ours.items())
            + f"[theirs]\naws_access_key_id = {moto.env['AWS_ACCESS_KEY_ID']}\naws_secret_access_key = {moto.env['AWS_SECRET_ACCESS_KEY']}\n"
        )
        env = clean_env(AWS_SHARED_CREDENTIALS_FILE=profiles)

        def spot(count, *more):
            return server.run(
                "--json", "verify", path, "--key", server.vkey, "--policy", rules, "--spot", str(count), "--later", later, "--source-profile", "theirs",
                "--dest", "s3://onshore-spot", "--dest-endpoint", server.s3, "--dest-region", REGION, "--dest-profile", "ours", *more, env=env,
            )

        said = spot(20)
        assert said.returncode == 0, said
        told = json.loads(said.stdout)
        assert told["same"] and len(told["looked"]) == 20
        assert [look["key"] for look in told["looked"]] == [look["key"] for look in json.loads(spot(20).stdout)["looked"]]
        # One changed at the source, one here, one gone at each: all are named, and nothing else is.
        drawn = [look["key"] for look in told["looked"]]
        here, there = server.client(), moto.client()
        there.put_object(Bucket="proof", Key=drawn[0], Body=b"other")
        there.delete_object(Bucket="proof", Key=drawn[1])
        here.put_object(Bucket="onshore-spot", Key=drawn[2], Body=b"other")
        here.delete_object(Bucket="onshore-spot", Key=drawn[3])
        said = spot(20)
        assert said.returncode == 1
        looked = {look["key"]: (look["source"]["is"], look["destination"]["is"]) for look in json.loads(said.stdout)["looked"]}
        wrong = {key: seen for key, seen in looked.items() if seen != ("same", "same")}
        assert wrong == {drawn[0]: ("other", "same"), drawn[1]: ("gone", "same"), drawn[2]: ("same", "other"), drawn[3]: ("same", "gone")}
        # A checkpoint that was known before, one without a quorum, another source: refused.
        later.write_text(json.loads(path.read_text())["proof"]["checkpoint"])
        assert spot(20).returncode != 0
        later.write_bytes(published.read_bytes().split(b"\n\n")[0] + b"\n\n" + published.read_bytes().split(b"\n\n")[1].split(b"\n")[0] + b"\n")
        assert spot(20).returncode != 0
        later.write_bytes(published.read_bytes())
        assert spot(20, "--source", "s3://another").returncode == 2
        assert server.run("verify", path, "--key", server.vkey, "--spot", "3", "--later", later, "--dest", "s3://onshore-spot").returncode == 2, "no policy"
    finally:
        witness.remove()


def test_when_it_will_be_done(server, moto):
    assert "No migration is under way" in server.run("migrate", "status").stdout
    source_bucket(moto, "slow", {f"k{n:02}": dict(Body=bytes(1 << 20)) for n in range(40)})
    ordered = server.run("--json", "migrate", "s3://slow", "onshore-slow", "--endpoint", moto.url, "--detach", "--max-rate", "1MiB", env=moto.env)
    job = json.loads(ordered.stdout)["id"]
    try:
        end = time.monotonic() + 100
        while True:
            (found,) = server.cli("migrate", "status", "--by", "2099-01-01")
            forecast = found["forecast"]
            if "likely" in forecast:
                break
            assert time.monotonic() < end and forecast["unknown"], forecast
            time.sleep(0.2)
        assert 0 < forecast["objects_left"] < 40 and forecast["bytes_left"] == forecast["objects_left"] << 20
        assert 0.5 * (1 << 20) < forecast["bytes_per_s"] < 2 * (1 << 20)
        assert forecast["early"] <= forecast["likely"] <= forecast["late"]
        assert forecast["deadline"]["chance"] > 0.99
        (soon,) = server.cli("migrate", "status", job, "--by", forecast["early"][:10])
        assert soon["forecast"]["deadline"]["chance"] < 0.01, "the first instant of today is over"
        text = server.run("migrate", "status", job, "--by", "2099-01-01").stdout
        assert "eight times of ten between" in text and "of 100" in text, text
    finally:
        server.cli("job", "cancel", job)
    done = server.run("migrate", "status", job)
    assert done.returncode == 0 and "cancel" in done.stdout
    assert server.run("migrate", "status", "job_" + "0" * 32).returncode == 1
    assert server.run("migrate").returncode == 2
    assert server.run("migrate", "status", job, "--by", "soon").returncode == 2
