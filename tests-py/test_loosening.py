"""A label is loosened by two named people, for what they saw and no longer, and not otherwise."""

import http.client
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from identities import taken_back
from test_scanning import US, counts, findings, is_refused_abroad, people, put, table

GENERAL = "general"


class People:
    """Operators with names, and administrators of two tenants."""

    def __init__(self, server):
        self.server = server
        for tenant in ("acme", "other"):
            server.cli("tenant", "create", tenant)
        for name, role, *more in [
            ("ada", "operator", "--person", "ada"),
            ("bo", "operator", "--person", "bo"),
            ("ada2", "operator", "--person", "Ada"),
            ("nameless", "operator"),
            ("auditor", "auditor", "--person", "cy"),
            ("own_admin", "tenant-admin", "--tenant", "acme", "--person", "dee"),
            ("other_admin", "tenant-admin", "--tenant", "other", "--person", "eli"),
        ]:
            setattr(self, name, server.cli("token", "create", "--role", role, *more)["token"])
        key = server.cli("key", "create", "--tenant", "acme")
        self.key = (key["access_key"], key["secret_key"])

    def client(self, source=None):
        return self.server.client(source, *self.key)

    def run(self, who, *args):
        return self.server.run(*args, "--json", env={"ONSHORE_TOKEN": getattr(self, who)})

    def does(self, who, *args):
        done = self.run(who, *args)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def fails(self, who, *args):
        done = self.run(who, *args)
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def propose(self, of, to=GENERAL, who="ada", reason="test data, none of it is real", *more):
        return self.does(who, "label", "loosen", f"s3://{of}", "--to", to, "--reason", reason, *more)["id"]

    def loosen(self, of, to=GENERAL, *more):
        return self.does("bo", "label", "approve", self.propose(of, to, "ada", "test data", *more))

    def label(self, bucket, key):
        return findings(self.server, bucket)[key]["label"]


@pytest.fixture(scope="module")
def crew(make_server):
    return People(make_server())


@pytest.fixture
def papers(crew, request):
    """A bucket of acme's for each test, with people in a table and in a line."""
    count = getattr(crew, "made", 0)
    crew.made = count + 1
    name = f"papers-{count}"
    s3 = crew.client()
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    rows = people(5)
    put(s3, name, "people.csv", table(rows))
    put(s3, name, "line.txt", f"身份证号 {rows[0][0]}".encode())
    return name


def abroad(crew, bucket, key):
    try:
        crew.client(source=US).get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
        return False
    return True


def leaves(crew, kind):
    return [leaf for leaf in crew.server.cli("ledger", "tail", "-n", "1000") if leaf["body"]["kind"] == kind]


def ask(crew, path):
    host, port = crew.server.control.removeprefix("http://").rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.request("GET", path, headers={"Authorization": f"Bearer {crew.server.token}"})
    return json.loads(connection.getresponse().read())


def looked_through(crew):
    """Returns once everything is looked through by what is known now."""
    while True:
        told = ask(crew, "/v1/rescan")
        if told["left"] == 0 and told["put_off"] == 0:
            return
        threading.Event().wait(0.05)


def tell(crew, id, word):
    crew.server.cli("important", "tell", "--tenant", "acme", "--id", id, "--word", word, "--ground", "public-interest", "--authority", "notice 7")


def test_two_people_loosen_and_no_one_does_alone(crew, papers):
    assert crew.label(papers, "line.txt") == "personal" and not abroad(crew, papers, "line.txt")
    proposed = crew.propose(f"{papers}/line.txt")
    assert not abroad(crew, papers, "line.txt"), "one word is none"
    for who in ("ada", "ada2"):
        assert "two people" in crew.fails(who, "label", "approve", proposed)
    assert "names nobody" in crew.fails("nameless", "label", "approve", proposed)
    for who in ("auditor", "own_admin", "other_admin"):
        assert "role" in crew.fails(who, "label", "approve", proposed)
    assert crew.label(papers, "line.txt") == "personal" and not abroad(crew, papers, "line.txt")
    approved = crew.does("bo", "label", "approve", proposed)
    assert approved["state"] == "approved" and (approved["from"], approved["to"]) == ("personal", "general")
    assert abroad(crew, papers, "line.txt") and not abroad(crew, papers, "people.csv")
    found = findings(crew.server, papers)["line.txt"]
    assert found["label"] == "general" and counts(found) == {"cn.resident-id": 1}, "what was found stays known"
    assert "approved" in crew.fails("bo", "label", "approve", proposed)
    told = next(leaf["body"] for leaf in leaves(crew, "label.loosened") if leaf["index"] == approved["leaf"])
    assert (told["before"], told["label"], told["version"]) == ("personal", "general", found["version"])
    assert not any(word in json.dumps(told) for word in ("line.txt", "test data", '"ada"', papers))
    head = crew.client().head_object(Bucket=papers, Key="line.txt")
    assert head["VersionId"] and head["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_tenants_administrator_proposes_for_his_own_and_learns_of_no_other(crew, papers):
    theirs = crew.fails("other_admin", "label", "loosen", f"s3://{papers}/line.txt", "--to", GENERAL, "--reason", "r")
    absent = crew.fails("other_admin", "label", "loosen", "s3://nothing-here/line.txt", "--to", GENERAL, "--reason", "r")
    assert theirs.replace(papers, "nothing-here") == absent
    for who in ("auditor", "nameless"):
        crew.fails(who, "label", "loosen", f"s3://{papers}/line.txt", "--to", GENERAL, "--reason", "r")
    proposed = crew.propose(f"{papers}/line.txt", who="own_admin")
    crew.does("bo", "label", "approve", proposed)
    assert abroad(crew, papers, "line.txt")


def test_an_export_of_the_looser_class_waits_for_the_second_word(crew, papers):
    approval = crew.server.cli("approval", "grant", "--tenant", "acme", "--to", "US", "--class", "personal", "--max-bytes", "100000", "--until", "2099-01-01")["id"]
    assert crew.label(papers, "people.csv") == "sensitive-personal" and not abroad(crew, papers, "people.csv")
    proposed = crew.propose(f"{papers}/people.csv", "personal")
    assert not abroad(crew, papers, "people.csv")
    crew.does("bo", "label", "approve", proposed)
    assert abroad(crew, papers, "people.csv")
    crew.server.cli("approval", "revoke", approval)
    assert not abroad(crew, papers, "people.csv"), "personal still"


@pytest.mark.parametrize("to", ["sensitive-personal", "core", "important", "personal", "important,personal"])
def test_only_what_is_looser_loosens(crew, papers, to):
    crew.fails("ada", "label", "loosen", f"s3://{papers}/line.txt", "--to", to, "--reason", "r")
    assert crew.label(papers, "line.txt") == "personal"


def test_a_loosening_needs_a_reason_and_something_to_loosen(crew, papers):
    for reason in ("", " "):
        crew.fails("ada", "label", "loosen", f"s3://{papers}/line.txt", "--to", GENERAL, "--reason", reason)
    for of in (f"{papers}/absent", "absent-bucket/k", papers):
        crew.fails("ada", "label", "loosen", f"s3://{of}", "--to", GENERAL, "--reason", "r")
    crew.fails("ada", "label", "loosen", f"s3://{papers}/line.txt", "--to", GENERAL, "--reason", "r", "--version-id", "ver_" + "0" * 32)


def test_it_holds_for_that_version_alone(crew, papers):
    s3 = crew.client()
    old = s3.head_object(Bucket=papers, Key="line.txt")["VersionId"]
    crew.loosen(f"{papers}/line.txt", GENERAL, "--version-id", old)
    body = s3.get_object(Bucket=papers, Key="line.txt")["Body"].read()
    put(s3, papers, "line.txt", body)
    s3.copy_object(Bucket=papers, Key="copy.txt", CopySource={"Bucket": papers, "Key": "line.txt", "VersionId": old})
    assert not abroad(crew, papers, "line.txt") and not abroad(crew, papers, "copy.txt")
    far = crew.client(source=US)
    assert far.get_object(Bucket=papers, Key="line.txt", VersionId=old)["Body"].read() == body
    # An old version becomes the newest again, and stays as it is.
    s3.delete_object(Bucket=papers, Key="line.txt", VersionId=s3.head_object(Bucket=papers, Key="line.txt")["VersionId"])
    assert abroad(crew, papers, "line.txt")


def test_what_changed_since_it_was_seen_is_not_loosened(crew, papers):
    s3 = crew.client()
    proposed = crew.propose(f"{papers}/line.txt")
    s3.put_object_tagging(Bucket=papers, Key="line.txt", Tagging={"TagSet": [{"Key": "onshore-class", "Value": "important"}]})
    assert "since" in crew.fails("bo", "label", "approve", proposed)
    assert crew.label(papers, "line.txt") == "important,personal"
    # Of two proposals one comes about.
    first, second = crew.propose(f"{papers}/people.csv", "personal"), crew.propose(f"{papers}/people.csv", GENERAL)
    crew.does("bo", "label", "approve", first)
    assert "since" in crew.fails("bo", "label", "approve", second)
    assert crew.label(papers, "people.csv") == "personal"
    taken_back = crew.propose(f"{papers}/people.csv", GENERAL)
    crew.does("bo", "label", "withdraw", taken_back)
    assert "withdrawn" in crew.fails("bo", "label", "approve", taken_back)
    gone = crew.propose(f"{papers}/people.csv", GENERAL)
    s3.delete_object(Bucket=papers, Key="people.csv", VersionId=s3.head_object(Bucket=papers, Key="people.csv")["VersionId"])
    crew.fails("bo", "label", "approve", gone)


def test_a_stricter_word_tightens_again(crew, papers):
    s3 = crew.client()
    crew.loosen(f"{papers}/line.txt")
    tag = lambda **tags: s3.put_object_tagging(Bucket=papers, Key="line.txt", Tagging={"TagSet": [{"Key": key.replace("_", "-"), "Value": value} for key, value in tags.items()]})
    tag(project="blue")
    assert abroad(crew, papers, "line.txt"), "nothing new is in it"
    tag(contact="13812345678")
    assert crew.label(papers, "line.txt") == "personal" and not abroad(crew, papers, "line.txt")
    tag(project="blue")
    assert not abroad(crew, papers, "line.txt"), "it does not come back by itself"
    crew.loosen(f"{papers}/line.txt")
    tag(onshore_class="core")
    assert crew.label(papers, "line.txt") == "core,personal"


def test_looking_again_does_not_undo_it_and_what_is_found_then_does(crew, papers):
    s3 = crew.client()
    put(s3, papers, "river.txt", "白鹤滩 联系人 13812345678".encode())
    crew.loosen(f"{papers}/river.txt")
    crew.loosen(f"{papers}/line.txt")
    tell(crew, f"{papers}-1", "a word that is nowhere")
    looked_through(crew)
    assert crew.label(papers, "river.txt") == crew.label(papers, "line.txt") == GENERAL
    assert abroad(crew, papers, "river.txt") and abroad(crew, papers, "line.txt")
    tell(crew, f"{papers}-2", "白鹤滩")
    looked_through(crew)
    assert crew.label(papers, "river.txt") == "important,personal" and not abroad(crew, papers, "river.txt")
    assert abroad(crew, papers, "line.txt")
    scanned = [leaf["body"] for leaf in leaves(crew, "scanned")]
    assert any((leaf["before"], leaf["label"]) == (GENERAL, "important,personal") for leaf in scanned)
    # What an authority told is not for two people here to loosen.
    for to in (GENERAL, "personal"):
        assert "authority" in crew.fails("ada", "label", "loosen", f"s3://{papers}/river.txt", "--to", to, "--reason", "r")
    crew.loosen(f"{papers}/river.txt", "important")
    assert crew.label(papers, "river.txt") == "important"
    taken_back(crew.server, "acme", f"{papers}-2")
    looked_through(crew)
    assert crew.label(papers, "river.txt") == "important" and not abroad(crew, papers, "river.txt")


def test_it_is_durable_once_it_is_told(crew, papers):
    proposed = crew.propose(f"{papers}/line.txt")
    crew.server.restart()
    assert not abroad(crew, papers, "line.txt")
    crew.does("bo", "label", "approve", proposed)
    crew.server.restart()
    assert abroad(crew, papers, "line.txt") and crew.label(papers, "line.txt") == GENERAL
    assert crew.server.cli("label", "show", proposed)["state"] == "approved"
    assert crew.server.terminate() == 0
    done = crew.server.run("fsck", "--data", crew.server.data)
    assert done.returncode == 0, done.stdout + done.stderr
    crew.server.output = []
    crew.server.start()


def test_readers_that_race_get_it_whole_or_not_at_all(crew, papers):
    s3 = crew.client()
    body = table(people(200, 7))
    put(s3, papers, "raced.csv", body)
    stop, answers = threading.Event(), []

    def reads(_):
        far = crew.client(source=US)
        while not stop.is_set():
            try:
                answers.append(far.get_object(Bucket=papers, Key="raced.csv")["Body"].read() == body)
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error
                answers.append(None)

    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(reads, number) for number in range(4)]

        def until(number):
            while len(answers) < number and not all(done.done() for done in reading):
                stop.wait(0.01)

        try:
            proposed = crew.propose(f"{papers}/raced.csv")
            until(20)
            assert not any(answers)
            crew.does("bo", "label", "approve", proposed)
            until(len(answers) + 40)
        finally:
            stop.set()
        for done in reading:
            done.result()
    assert all(answers[-20:]) and False not in answers


def test_a_buckets_class_is_loosened_for_what_comes(crew, papers):
    s3 = crew.client()
    crew.server.cli("bucket", "create", f"{papers}-class", "--tenant", "acme", "--class", "core,personal")
    s3.put_object(Bucket=f"{papers}-class", Key="before", Body=b"nothing")
    assert "strict" in crew.fails("ada", "label", "loosen", f"s3://{papers}-class/before", "--to", GENERAL, "--reason", "r")
    proposed = crew.propose(f"{papers}-class")
    for who in ("ada", "ada2", "nameless", "own_admin"):
        crew.fails(who, "label", "approve", proposed)
    s3.put_object(Bucket=f"{papers}-class", Key="between", Body=b"nothing")
    crew.does("bo", "label", "approve", proposed)
    s3.put_object(Bucket=f"{papers}-class", Key="after", Body=b"nothing")
    assert {key: view["label"] for key, view in findings(crew.server, f"{papers}-class").items()} == {
        "before": "core,personal", "between": "core,personal", "after": "general"}
    assert abroad(crew, f"{papers}-class", "after") and not abroad(crew, f"{papers}-class", "before")
    crew.loosen(f"{papers}-class/before")
    assert abroad(crew, f"{papers}-class", "before")
    # It is tightened by one as ever, and then a proposal of before is of another class.
    crew.server.cli("bucket", "set-class", f"{papers}-class", "important")
    assert not abroad(crew, f"{papers}-class", "after")
    first = crew.propose(f"{papers}-class")
    crew.server.cli("bucket", "set-class", f"{papers}-class", "core")
    assert "since" in crew.fails("bo", "label", "approve", first)
    assert crew.server.run("bucket", "set-class", f"{papers}-class", GENERAL).returncode != 0
