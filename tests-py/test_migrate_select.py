"""A job brings what it was ordered to choose, by what the objects hold, and names what it left where it was."""

import json
import random

import pytest

from onshore_server import CONFIG
from test_classify import resident_id
from test_evidence import checker
from test_migrate import everything_listed, migrate, source_bucket
from test_persons import table

LARGE = 64 << 20


def column(title, values):
    return table([[value] for value in values], header=(title,))


@pytest.fixture(scope="module")
def customers(moto):
    draw = random.Random(20261201)
    local = [resident_id(draw) for _ in range(50)]
    # Mobile numbers of the United States: who has one lives there, as far as anybody can tell.
    abroad = [f"+1 212 555 {draw.randint(1000, 9999)}" for _ in range(50)]
    objects = {
        "local.csv": dict(Body=column("身份证号", local)),
        "abroad.csv": dict(Body=column("mobile phone", abroad)),
        "both.csv": dict(Body=column("身份证号", local) + column("mobile phone", abroad)),
        "mail.csv": dict(Body=column("e-mail", [f"customer{n}@example.org" for n in range(50)])),
        "notes.txt": dict(Body=b"The kettle is in the kitchen.\n" * 20),
        "said.txt": dict(Body=b"Nothing in here.\n", Metadata={"onshore-class": "important"}),
        "map.txt": dict(Body=b"Nothing in here either.\n", Metadata={"onshore-class": "core"}),
        # These come in runs.
        "large-local.bin": dict(Body=b"\n".join(value.encode() for value in local).ljust(LARGE, b"\n")),
        "large-notes.bin": dict(Body=b"kettle\n".ljust(LARGE, b"\n")),
    }
    return source_bucket(moto, "customers", objects)


LOCAL = {"local.csv", "both.csv", "large-local.bin"}
ALL = LOCAL | {"abroad.csv", "mail.csv", "notes.txt", "said.txt", "map.txt", "large-notes.bin"}


@pytest.fixture(scope="module")
def wang(server):
    """An operator who is named."""
    return server.cli("token", "create", "--role", "operator", "--person", "wang")["token"]


def left(certificate):
    return {entry["key"] for entry in certificate["body"]["exceptions"]}


@pytest.mark.parametrize("args, brought", [
    (["--select-persons", "local"], LOCAL),
    (["--select-persons", "abroad", "--select-persons", "unknown"], {"abroad.csv", "both.csv", "mail.csv"}),
    (["--select-class", "important"], {"said.txt", "map.txt"}),
    (["--select-class", "core", "--select-class", "general"], {"map.txt", "notes.txt", "large-notes.bin"}),
    (["--select-class", "personal", "--select-persons", "local"], LOCAL),
], ids=["local", "abroad", "important", "two", "both"])
def test_what_is_chosen_comes(server, moto, customers, wang, tmp_path, args, brought):
    bucket, path = "select-" + "-".join(args[1::2]), tmp_path / "certificate.json"
    done = migrate(server, moto, "s3://customers", bucket, *args, certificate=path)
    assert "selected" in done.stdout and "still there" in done.stdout, done
    assert set(everything_listed(server.client(), bucket)) == brought
    certificate = json.loads(path.read_text())
    assert certificate["body"]["listing"] == "complete as selected"
    assert left(certificate) == ALL - brought
    assert {entry["reason"] for entry in certificate["body"]["exceptions"]} == {"not-selected"}
    said = server.run("verify", path, "--key", server.vkey)
    assert said.returncode == 0 and "Complete as selected" in said.stdout, said
    read = checker(path, server.vkey)
    assert read.returncode == 0 and "complete as selected" in read.stdout, read
    # It does not stand for the whole: nothing is deleted at the source on its word.
    job = certificate["body"]["job"]
    refused = server.run("decommission", "propose", job, env={**moto.env, "ONSHORE_TOKEN": wang})
    assert refused.returncode == 1 and "ended complete" in refused.stderr, refused


def test_what_follows_upon_what_came_comes_too(server, moto, tmp_path):
    """A key that came is followed whatever it holds later, and a key that did not is hidden by no marker."""
    draw = random.Random(7)
    theirs = source_bucket(moto, "followed", {})
    theirs.put_bucket_versioning(Bucket="followed", VersioningConfiguration={"Status": "Enabled"})
    bodies = [column("身份证号", [resident_id(draw) for _ in range(20)]), b"nobody is told of\n", b"nor here\n"]
    for body in bodies:
        theirs.put_object(Bucket="followed", Key="came", Body=body)
    for body in (b"nothing\n", b"nothing again\n"):
        theirs.put_object(Bucket="followed", Key="stays", Body=body)
    theirs.delete_object(Bucket="followed", Key="stays")
    theirs.delete_object(Bucket="followed", Key="came")
    path = tmp_path / "certificate.json"
    migrate(server, moto, "s3://followed", "select-followed", "--select-persons", "local", certificate=path)
    ours = server.client().list_object_versions(Bucket="select-followed")
    assert [version["Key"] for version in ours["Versions"]] == ["came"] * 3
    assert [marker["Key"] for marker in ours["DeleteMarkers"]] == ["came"]
    certificate = json.loads(path.read_text())
    assert [entry["key"] for entry in certificate["body"]["exceptions"]] == ["stays"] * 3
    # Where nothing stays it is complete, and a certificate of a choice does not pass for one.
    migrate(server, moto, "s3://followed", "select-followed", certificate=path)
    assert json.loads(path.read_text())["body"]["listing"] == "complete as listed by Onshore"


def test_orders_that_do_not_go_together_are_refused(server, moto, customers):
    running = ["migrate", "s3://customers", "select-slow", "--endpoint", moto.url, "--max-rate", "1", "--detach"]
    job = json.loads(server.run("--json", *running, "--select-class", "core", env=moto.env).stdout)["id"]
    other = server.run(*running, "--select-class", "important", env=moto.env)
    assert other.returncode == 1 and "another choice" in other.stderr, other
    same = server.run("--json", *running, "--select-class", "core", env=moto.env)
    assert json.loads(same.stdout)["attached"], same
    server.cli("job", "cancel", job)
    for wrong in (["--select-class", "secret"], ["--select-persons", "here"], ["--select-class", "core", "--dry-run"]):
        refused = server.run("migrate", "s3://customers", "select-never", "--endpoint", moto.url, *wrong, env=moto.env)
        assert refused.returncode == 2, refused


def test_a_region_elsewhere_does_not_choose_by_residence(make_server, moto, customers):
    server = make_server(config=CONFIG.replace('jurisdiction = "CN"', 'jurisdiction = "EU"').replace('"127.0.0.0/8" = "CN"', '"127.0.0.0/8" = "DE"'))
    refused = server.run("migrate", "s3://customers", "elsewhere", "--endpoint", moto.url, "--select-persons", "local", env=moto.env)
    assert refused.returncode == 1 and "choose by class" in refused.stderr, refused


def test_workers_leave_out_what_is_not_chosen(server, moto, customers, tmp_path):
    path = tmp_path / "certificate.json"
    order = ["migrate", "s3://customers", "select-workers", "--endpoint", moto.url, "--select-persons", "local", "--workers-only", "--detach"]
    job = json.loads(server.run("--json", *order, env=moto.env).stdout)["id"]
    token = tmp_path / "token"
    token.write_text(server.cli("token", "create", "--role", "worker", "--tenant", "default")["token"])
    worked = server.run("worker", "--job", job, "--token-file", token, env={**moto.env, "ONSHORE_TOKEN": ""})
    assert worked.returncode == 0 and "the job is selected" in worked.stdout, worked
    assert set(everything_listed(server.client(), "select-workers")) == LOCAL
    assert server.run("job", "certificate", job, "--out", path).returncode == 0
    assert left(json.loads(path.read_text())) == ALL - LOCAL
