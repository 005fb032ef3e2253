"""Masked examples of what was found: in files, and in objects by those who may look, each look in the ledger before."""

import base64
import gzip
import json
import random
import re

import pytest

from identities import new_tenant
from test_classify import classify, files, people, prose  # noqa: F401 (a fixture)
from test_ledger import settled

ADMIN = "tenant-admin"


def masked(shown):
    return {sample["kind"]: sample["mask"] for sample in shown}


def table(people):
    head = "姓名,身份证号,手机号,卡号,邮箱\n"
    draw = random.Random(4)
    name = lambda: draw.choice("王李张刘陈杨赵黄周吴") + "".join(draw.sample("伟芳娜敏静丽强磊军洋勇艳", 2))
    return head + "".join(
        f"{name()},{one['cn.resident-id']},{one['cn.mobile']},{one['payment-card']},{one['e-mail']}\n" for one in people
    )


def values(people):
    """What must stand in no answer: every value, and what is left of it behind what a mask keeps."""
    for one in people:
        for kind, value in one.items():
            yield value if kind == "e-mail" else value[4:]


def assert_nothing_is_told(text, people):
    told = [value for value in values(people) if value in text]
    assert not told, told[:3]
    assert not re.search(r"someone\.\d|[\u4e00-\u9fff]{2}[伟芳娜敏]", text)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_files_show_masks_and_where_values_stand(people, encoding, tmp_path):  # noqa: F811
    text = table(people)
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode(encoding))
    (found,) = files(path, "--samples", 3)
    told = found["samples"]
    for kind, mask in (("cn.resident-id", "*" * 16), ("cn.mobile", "*" * 8), ("payment-card", "*" * 15), ("e-mail", "***@***"), ("cn.name", "***")):
        of_it = [sample for sample in told if sample["kind"] == kind]
        assert len(of_it) == 3 and all(sample["mask"].endswith(mask) for sample in of_it), of_it
        assert [sample["row"] for sample in of_it] == [2, 3, 4] == [sample["line"] for sample in of_it]
    plain = text.encode()
    for sample in told:
        value = plain[sample["start"] : sample["end"]].decode()
        assert value in text.splitlines()[sample["line"] - 1].split(","), (sample, value)
    shown = classify(path, "--samples", 100).stdout + classify(path, "--samples", 100, "--sarif").stdout
    shown += classify(path, "--samples", 100, "--json").stdout
    assert "EXAMPLE OF" in shown and '"examples"' in shown
    assert_nothing_is_told(shown, people)
    assert "samples" in json.loads(classify(path, "--json").stdout)["files"][0] and files(path)[0]["samples"] == []
    assert classify(path, "--samples", 101, status=2).stdout == ""


def test_examples_in_archives_name_the_file_within(people, tmp_path):  # noqa: F811
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(table(people).encode()))
    (found,) = files(path, "--samples", 1)
    assert masked(found["samples"])["cn.mobile"].endswith("********")
    assert_nothing_is_told(json.dumps(found, ensure_ascii=False), people)


@pytest.fixture(scope="module")
def tenants(server):
    return new_tenant(server), new_tenant(server)


def admin_of(server, tenant):
    return {"ONSHORE_TOKEN": server.cli("token", "create", "--role", ADMIN, "--tenant", tenant.tenant)["token"]}


def leaves(server):
    return [leaf for leaf in server.cli("ledger", "tail", "-n", 1000) if leaf["body"]["kind"] == "sampled"]


@pytest.fixture
def held(server, tenants, people):  # noqa: F811
    """A bucket of the first tenant with people in it."""
    name = f"held-{len(server.cli('bucket', 'list'))}"
    server.cli("bucket", "create", name, "--tenant", tenants[0].tenant)
    tenants[0].s3.put_object(Bucket=name, Key="list/people.csv", Body=table(people).encode())
    tenants[0].s3.put_object(Bucket=name, Key="list/nothing.txt", Body=b"nothing at all")
    return name


@pytest.mark.parametrize("who", ["operator", ADMIN])
def test_objects_are_read_again_for_who_may_look(server, tenants, held, people, who):  # noqa: F811
    env = {} if who == "operator" else admin_of(server, tenants[0])
    before = len(leaves(server))
    told = server.cli("classify", f"s3://{held}/list/", "--samples", 2, env=env)
    assert len(told["objects"]) == 2 and [look["key"] for look in told["samples"]] == ["list/people.csv"]
    (look,) = told["samples"]
    assert sorted(masked(look["samples"])) == ["cn.mobile", "cn.name", "cn.resident-id", "e-mail", "payment-card"]
    assert all(sample["row"] in (2, 3) for sample in look["samples"])
    (leaf,) = leaves(server)[before:]
    assert leaf["index"] == look["leaf"] and leaf["body"]["version"] == look["version"] and leaf["body"]["each_max"] == 2
    assert "people" not in json.dumps(leaf)
    settled(server, leaf["index"] + 1)
    for style in ([], ["--json"], ["--sarif"]):
        done = server.run("classify", f"s3://{held}", "--samples", 100, *style, env=env)
        assert done.returncode == 0, done.stderr
        assert_nothing_is_told(done.stdout, people)
        assert "****" in done.stdout
    assert_nothing_is_told(server.log, people)


def test_nobody_else_sees_examples(server, tenants, held, people):  # noqa: F811
    before = len(leaves(server))
    for role in ("regulator", "auditor"):
        env = {"ONSHORE_TOKEN": server.cli("token", "create", "--role", role)["token"]}
        done = server.run("classify", f"s3://{held}", "--samples", 1, env=env)
        assert done.returncode == 1 and "needs the role" in done.stderr, done.stderr
    theirs = server.run("classify", f"s3://{held}", "--samples", 1, env=admin_of(server, tenants[1]))
    nobodys = server.run("classify", "s3://no-such-bucket", "--samples", 1, env=admin_of(server, tenants[1]))
    assert theirs.returncode == 1 and theirs.stderr.replace(held, "no-such-bucket") == nobodys.stderr
    assert len(leaves(server)) == before


def test_an_organisation_abroad_sees_no_examples(server, people):  # noqa: F811
    foreign = new_tenant(server)
    bucket = f"abroad-{foreign.tenant}"
    server.cli("bucket", "create", bucket, "--tenant", foreign.tenant)
    foreign.s3.put_object(Bucket=bucket, Key="k", Body=table(people).encode())
    env = admin_of(server, foreign)
    server.cli("classify", f"s3://{bucket}", "--samples", 1, env=env)
    server.cli("tenant", "set-jurisdiction", foreign.tenant, "US")
    before = len(leaves(server))
    done = server.run("classify", f"s3://{bucket}", "--samples", 1, env=env)
    assert done.returncode == 1 and "order" in done.stderr, done.stderr
    assert len(leaves(server)) == before


def test_what_a_client_keeps_the_key_of_and_what_is_gone_is_not_shown(server, tenants, held, people):  # noqa: F811
    key = base64.b64encode(bytes(range(32))).decode()
    tenants[0].s3.put_object(
        Bucket=held, Key="sealed", Body=table(people).encode(), SSECustomerAlgorithm="AES256", SSECustomerKey=base64.b64decode(key)
    )
    env = admin_of(server, tenants[0])
    done = server.run("classify", f"s3://{held}/sealed", "--samples", 1, env=env)
    assert done.returncode == 1 and "client" in done.stderr, done.stderr
    tenants[0].s3.delete_object(Bucket=held, Key="list/people.csv")
    told = server.cli("classify", f"s3://{held}/list/people", "--samples", 1, env=env)
    assert told == {"objects": [], "samples": []}
