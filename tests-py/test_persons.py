"""Distinct persons: each counts once, however often and in whatever writing; in what is held, and in what left."""

import csv
import http.client
import io
import random
import zlib
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from test_classify import luhn, resident_id
from test_scanning import US, counts, findings, put

PLACE = "US"


def person(draw):
    return resident_id(draw), f"1{draw.randint(3, 9)}{draw.randint(0, 999_999_999):09}"


def people(number, seed):
    draw = random.Random(seed)
    return [person(draw) for _ in range(number)]


def table(rows, header=("身份证号", "手机")):
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


@pytest.fixture
def tenant(server, request):
    """A tenant of its own, so that what others hold does not count."""
    name = "p-" + str(zlib.crc32(request.node.name.encode()))
    server.cli("tenant", "create", name)
    key = server.cli("key", "create", "--tenant", name)
    s3 = lambda **more: server.client(access_key=key["access_key"], secret_key=key["secret_key"], **more)
    s3().create_bucket(Bucket=name)
    return name, s3


def report(server, *tenants):
    return server.cli("report", "persons", *[word for tenant in tenants for word in ("--tenant", tenant)])


def held(server, *tenants):
    told = report(server, *tenants)["held"]
    return told["lower"], told["upper"]


def test_a_person_counts_once_in_all_that_is_held(server, tenant):
    name, s3 = tenant
    rows = people(1000, 1)
    put(s3(), name, "a.csv", table(rows))
    assert held(server, name) == (1000, 1000)
    # The same once more, and half of them with others, written in another way.
    put(s3(), name, "again.csv", table(rows))
    others = people(500, 2)
    spaced = [(f"{number[:6]} {number[6:14]} {number[14:]}", f"+86 {mobile}") for number, mobile in rows[:500]]
    put(s3(), name, "b.csv", table([*spaced, *others]))
    assert held(server, name) == (1500, 1500)
    # What is gone counts no longer, unless something else has it; what comes back counts once.
    s3().delete_object(Bucket=name, Key="a.csv")
    assert held(server, name) == (1500, 1500)
    s3().delete_object(Bucket=name, Key="again.csv")
    assert held(server, name) == (1000, 1000)
    for _ in range(3):
        put(s3(), name, "a.csv", table(rows))
    assert held(server, name) == (1500, 1500)


def test_counts_are_the_same_after_a_kill(make_server):
    server = make_server(name="persons-kill")
    server.cli("bucket", "create", "people")
    put(server.client(), "people", "a.csv", table(people(700, 3)))
    before = report(server, "default")
    assert before["held"]["upper"] == 700
    server.kill9()
    server.start()
    assert report(server, "default") == before


def test_what_leaves_is_counted_whole_and_once(server, tenant):
    name, s3 = tenant
    cards = [(luhn("622202" + f"{number:012}"),) for number in range(10, 30)]
    put(s3(), name, "people.csv", table(people(300, 4)))
    put(s3(), name, "cards.csv", table([(number, card[0]) for (number, _), card in zip(people(20, 5), cards)], ("身份证号", "卡号")))
    server.grant(label="sensitive-personal", tenant=name)
    abroad = s3(source=US)
    abroad.get_object(Bucket=name, Key="people.csv", Range="bytes=0-0")["Body"].read()
    told = report(server, name)
    assert told["exported_to"][PLACE]["persons"]["upper"] == 300 and told["exported"]["persons"]["sensitive_upper"] == 0
    for _ in range(3):
        abroad.get_object(Bucket=name, Key="people.csv")["Body"].read()
    abroad.get_object(Bucket=name, Key="cards.csv")["Body"].read()
    told = report(server, name)
    assert told["exported"]["persons"]["upper"] == 320 and told["exported"]["persons"]["sensitive_upper"] == 20
    assert told["exported"]["unknown_versions"] == 0
    # What left stays counted when it is gone here.
    s3().delete_object(Bucket=name, Key="people.csv")
    assert report(server, name)["exported"]["persons"]["upper"] == 320 and held(server, name) == (20, 20)


def test_a_group_counts_a_person_once(server, tenant):
    name, s3 = tenant
    sister = name + "-sister"
    server.cli("tenant", "create", sister)
    key = server.cli("key", "create", "--tenant", sister)
    other = server.client(access_key=key["access_key"], secret_key=key["secret_key"])
    other.create_bucket(Bucket=sister)
    rows = people(400, 6)
    put(s3(), name, "a.csv", table(rows[:300]))
    put(other, sister, "a.csv", table(rows[200:]))
    assert [held(server, name), held(server, sister), held(server, name, sister)] == [(300, 300), (200, 200), (400, 400)]


def test_a_group_is_named_once_and_then_asked_by_its_name(server, tenant):
    name, s3 = tenant
    sister, group = name + "-sister", name + "-holding"
    assert server.cli("tenant", "create", sister, "--group", group)["group"] == group
    key = server.cli("key", "create", "--tenant", sister)
    other = server.client(access_key=key["access_key"], secret_key=key["secret_key"])
    other.create_bucket(Bucket=sister)
    rows = people(400, 16)
    put(s3(), name, "a.csv", table(rows[:300]))
    put(other, sister, "a.csv", table(rows[200:]))
    of_group = lambda: server.cli("report", "persons", "--group", group)
    assert of_group()["tenants"] == [sister] and of_group()["held"]["upper"] == 200
    changed = server.cli("tenant", "change", name, "--group", group)
    assert changed["group"] == group and set(of_group()["tenants"]) == {name, sister}
    assert of_group()["held"]["upper"] == 400
    # What each exports counts for the group, each person once.
    for tenant_name, client in [(name, s3(source=US)), (sister, server.client(access_key=key["access_key"], secret_key=key["secret_key"], source=US))]:
        server.grant(label="sensitive-personal", tenant=tenant_name)
        client.get_object(Bucket=tenant_name, Key="a.csv")["Body"].read()
    assert of_group()["exported_to"][PLACE]["persons"]["upper"] == 400
    groups = {view["name"]: view.get("group") for view in server.cli("tenant", "list")}
    assert groups[name] == groups[sister] == group and "default" in groups and groups["default"] is None
    # The leaf tells that the tenant is in another group, and commits to which one.
    bundle = server.cli("ledger", "prove", changed["leaf"])
    leaf = server.cli("ledger", "tail", "-n", 1000)
    assert group not in str(leaf) and "tenant.regrouped" in str(leaf) and group in str(bundle)
    server.cli("tenant", "change", sister, "--no-group")
    assert of_group()["tenants"] == [name]
    server.cli("tenant", "change", name, "--no-group")
    empty = server.run("report", "persons", "--group", group)
    assert empty.returncode == 1 and "no tenant is in group" in empty.stderr
    assert server.run("report", "persons", "--group", group, "--tenant", name).returncode == 2


def test_somebody_is_found_where_that_is_allowed(server, tenant):
    name, s3 = tenant
    rows = people(50, 7)
    put(s3(), name, "a/people.csv", table(rows))
    put(s3(), name, "b/letter.txt", f"尊敬的客户，您的手机 {rows[7][1]} 已登记。".encode())
    put(s3(), name, "c/others.csv", table(people(50, 8)))
    asked = server.run("subject", "find", "--tenant", name, rows[7][0])
    assert asked.returncode == 1 and "onshore subject allow" in asked.stderr
    server.cli("subject", "allow", "--tenant", name)
    keys = lambda identifier: sorted(found["key"] for found in server.cli("subject", "find", "--tenant", name, identifier)["versions"])
    assert keys(rows[7][0]) == ["a/people.csv"]
    assert keys(f"+86-{rows[7][1]}") == ["a/people.csv", "b/letter.txt"]
    assert keys(people(1, 99)[0][0]) == []
    server.cli("erase", name, "a/people.csv", "--every-version")
    assert keys(rows[7][0]) == []
    server.cli("subject", "forbid", "--tenant", name)
    assert server.run("subject", "find", "--tenant", name, rows[7][0]).returncode == 1


def test_holdings_tell_what_has_no_purpose_or_is_past_its_time(server, tenant):
    name, s3 = tenant
    rows = people(5, 9)
    put(s3(), name, "none.csv", table(rows))
    put(s3(), name, "kept.csv", table(rows), Tagging="onshore-purpose=billing&onshore-keep-until=2099-01-01")
    put(s3(), name, "over.csv", table(rows), Tagging="onshore-purpose=billing&onshore-keep-until=2020-01-01")
    put(s3(), name, "plain.txt", b"nobody")
    told = server.cli("report", "holdings", "--tenant", name)["holdings"]
    (row,) = [row for row in told if row["kind"] == "cn.resident-id"]
    assert (row["objects"], row["identifiers"], row["without_purpose"], row["past_retention"]) == (3, 15, 1, 1)
    assert row["age"] == "under 30 days"


def test_what_an_authority_tells_makes_data_important_and_what_is_stored_too(server, tenant):
    name, s3 = tenant
    put(s3(), name, "before.txt", "关于天舟九号工程的说明".encode())
    put(s3(), name, "other.txt", "关于别的说明".encode())
    tell = ["important", "tell", "--tenant", name, "--id", "notice-7", "--word", "天舟九号工程", "--ground", "national-security", "--authority", "notice 7 of 2026"]
    server.cli(*tell)
    put(s3(), name, "behind.txt", "天舟九号工程".encode())
    await_label(server, name, "before.txt", "important")
    found = findings(server, name)
    assert {key: view["label"] for key, view in found.items()} == {"before.txt": "important", "other.txt": "general", "behind.txt": "important"}
    (told,) = found["behind.txt"]["scan"]["important"]
    assert told["entry"] == "notice-7" and told["sign"] == "told" and "天舟" not in str(found["behind.txt"]["scan"])
    with pytest.raises(ClientError):
        s3(source=US).get_object(Bucket=name, Key="before.txt")
    # What it made important stays so.
    take_back = ("important", "take-back", "--tenant", name, "notice-7", "--json")
    person = lambda who: server.cli("token", "create", "--role", "operator", "--person", who)["token"]
    ada, bo = person("ada"), person("bo")
    say = lambda token: server.run(*take_back, env={"ONSHORE_TOKEN": token})
    assert "--person" in server.run(*take_back).stderr
    assert '"proposed"' in say(ada).stdout and say(ada).returncode == 1, "one person is not two"
    put(s3(), name, "meanwhile.txt", "天舟九号工程".encode())
    assert findings(server, name)["meanwhile.txt"]["label"] == "important"
    # Nor is one person who tells another word in its place.
    assert "two people" in server.run(*[part.replace("天舟九号工程", "别的") for part in tell]).stderr
    assert '"taken-back"' in say(bo).stdout
    put(s3(), name, "later.txt", "天舟九号工程".encode())
    assert findings(server, name)["later.txt"]["label"] == "general"
    assert findings(server, name)["before.txt"]["label"] == "important"
    assert server.run("important", "take-back", "--tenant", name, "notice-7").returncode == 1


def await_label(server, bucket, key, label):
    """Asks until the background has come to an object; the test's own limit ends it."""
    while findings(server, bucket)[key]["label"] != label:
        pass


def test_what_was_under_way_when_an_authority_told_is_looked_through_again(server, tenant):
    name, s3 = tenant
    finish, body = slow_put(server, s3(), name, "slow.txt", "天舟九号工程".encode())
    server.cli("important", "tell", "--tenant", name, "--id", "n8", "--word", "天舟九号工程", "--ground", "public-interest", "--authority", "notice 8")
    assert finish(body) == 200
    await_label(server, name, "slow.txt", "important")


def slow_put(server, s3, bucket, key, body):
    """Begins a PUT and gives what sends the rest of its body."""
    link = urlsplit(s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key, "Metadata": {"onshore-class": "general"}}))
    connection = http.client.HTTPConnection(link.hostname, link.port, timeout=60)
    connection.putrequest("PUT", f"{link.path}?{link.query}")
    connection.putheader("content-length", str(len(body)))
    connection.putheader("x-amz-meta-onshore-class", "general")
    connection.endheaders()
    connection.send(body[:3])

    def finish(body):
        connection.send(body[3:])
        return connection.getresponse().status

    return finish, body


def test_what_lies_under_a_disabled_key_is_unclassified_until_it_was_read(server, tenant):
    name, s3 = tenant
    key = server.cli("kms", "create", "--tenant", name)["id"]
    put(s3(), name, "sealed.txt", "关于天舟九号工程的说明".encode(), ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    server.cli("kms", "disable", "--tenant", name, key)
    server.cli("important", "tell", "--tenant", name, "--id", "n9", "--word", "天舟九号工程", "--ground", "public-interest", "--authority", "notice 9")
    await_label(server, name, "sealed.txt", "unclassified")
    server.cli("kms", "enable", "--tenant", name, key)
    with pytest.raises(ClientError):
        s3(source=US).get_object(Bucket=name, Key="sealed.txt")
