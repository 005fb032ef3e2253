"""The border under racing clients from two sides, through the real S3 port: writers and readers inside, readers abroad in two countries, a
daughter firm whose organisation is abroad, an operator who grants, lets lapse, revokes, tightens classes and changes rules, and kill -9 in between.

A model holds what was acknowledged and when. What it checks afterwards: no protected byte or name came abroad without an approval that was in
force at some moment of the request; no approval let out more bytes or objects than it says; every refusal names its rule, and a leaf that is
in the ledger; inside, everybody reads what was written. What is asked is drawn from a seed, each client's from its own: ONSHORE_TEST_SEED
names it (`cargo xtask soak` takes ever new ones), ONSHORE_RACE_SECONDS makes it longer."""

import hashlib
import http.client
import json
import os
import random
import re
import threading
import time
import traceback
from urllib.parse import urlsplit

import tlog
from onshore_server import find
from raw_s3 import Raw

SEED = int(os.environ.get("ONSHORE_TEST_SEED", "1"))
SECONDS = float(os.environ.get("ONSHORE_RACE_SECONDS") or 36)
ROUNDS = 3
US, DE, INSIDE = "127.0.0.66", "127.0.0.77", "127.0.0.5"
RECORD = 32
FAR = time.time() + 10**7

# What a label binds: how important, how personal. None is unclassified, which no approval covers.
LABELS = {
    "general": (0, 0),
    "important": (1, 0),
    "personal": (0, 1),
    "sensitive-personal": (0, 2),
    "important,personal": (1, 1),
    "unclassified": None,
}
BUCKETS = {"race-open": "general", "race-bound": "personal", "race-none": None, "race-tight-0": "general", "race-tight-1": "general", "race-tight-2": "personal"}
KEYS = [f"{folder}/{number}" for folder in "ab" for number in range(4)]


def joined(one, other):
    return None if one is None or other is None else tuple(map(max, one, other))


def covers(approval, label):
    return label is not None and all(map(lambda most, is_: most >= is_, approval, label))


class Model:
    """What was acknowledged, and when; whatever nobody was told of counts for the server."""

    def __init__(self):
        self.lock = threading.Lock()
        self.serial = 0
        # By what stands in each of its records: the label that it was written with. By its ETag: which it is.
        self.written = {}
        self.etags = {}
        # Surely as strict as this since then.
        self.classes = {bucket: [(0.0, LABELS[label or "general"])] for bucket, label in BUCKETS.items()}
        # Each from the moment in which it was asked for until the moment in which it surely held no more.
        self.approvals = []
        # Whether the pack `cn` surely is in force, from when on; the last entry holds until somebody asks for something else.
        self.packs = [(0.0, False)]
        self.received = []
        self.refused = []
        self.counts = {}
        self.faults = []

    def body(self, label, size):
        with self.lock:
            self.serial += 1
            serial = self.serial
            self.written[serial] = LABELS[label]
        body = f"<{serial:08}>".encode().ljust(RECORD, b".") * (size // RECORD)
        digest = hashlib.md5(body)
        self.etags[digest.hexdigest()] = serial
        self.etags[hashlib.md5(digest.digest()).hexdigest() + "-1"] = serial
        return body

    def told_of(self, answer):
        """Which bodies an answer tells something of, by what stands in them and by their ETags."""
        text = answer.body.decode("latin-1") + answer.headers.get("etag", "")
        return serials(answer.body) | {self.etags[etag] for etag in re.findall(r"[0-9a-f]{32}(?:-1)?", text) if etag in self.etags}

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def fault(self, *what):
        with self.lock:
            self.faults.append(" ".join(map(str, what)))

    def surely(self, bucket, at):
        """The class that a bucket surely had."""
        return max(entry for entry in self.classes[bucket] if entry[0] <= at)[1]

    def carries(self, label, to, begun, ended):
        """Whether some approval was in force at some moment of a request."""
        was_china = self.was_china(begun, ended)
        return any(
            approval["to"] == to
            and covers(approval["label"], label)
            and approval["from"] <= ended
            and begun <= approval["until"]
            and (approval["instrument"] or not was_china)
            for approval in self.approvals
        )

    def was_china(self, begun, ended):
        """Whether the pack surely was in force all along: what a change that came between let through is let through."""
        before = [entry for entry in self.packs if entry[0] <= ended]
        return before[-1][1] and before[-1][0] <= begun


def serials(data):
    return {int(found) for found in re.findall(rb"<(\d{8})>", data)}


class Client:
    """Sends requests, one after the other, from one place."""

    def __init__(self, model, server, name, source, to, keys=None):
        self.model, self.server, self.name, self.source, self.to = model, server, name, source, to
        self.keys = keys or {}
        self.draw = random.Random(f"{SEED} {name}")

    def ask(self, method, path, query=(), **more):
        """Returns an answer and when it was asked for and came; none while there is no server."""
        begun = time.time()
        raw = Raw(self.server, source=self.source)
        link = more.pop("link", None)
        try:
            if link:
                answer = raw.send(method, link[0], {"host": link[1]})
            else:
                answer = raw.request(method, path, query, **more, **self.keys)
        except (OSError, http.client.HTTPException):
            return None, begun, time.time()
        if answer.status >= 500 and answer.code != "SlowDown":
            self.model.fault(self.name, method, path, answer)
        return answer, begun, time.time()

    def bucket(self):
        return self.draw.choice(list(BUCKETS))

    def range(self):
        """A range in which a whole record stands."""
        start = self.draw.randrange(0, 4 * RECORD)
        return f"bytes={start}-{start + 2 * RECORD + self.draw.randrange(200)}"

    def check_refused(self, answer, what):
        if answer.status == 403:
            rule, leaf = answer.headers.get("x-onshore-refusal", ""), answer.headers.get("x-onshore-leaf", "")
            if not rule or not leaf.isdigit():
                self.model.fault(self.name, what, "is refused without rule and leaf:", answer)
            else:
                self.model.refused.append((int(leaf), rule))
            self.model.count("refused")
            return True
        return False

    def out(self, answer, begun, ended, bucket, what):
        """Checks what came abroad: bytes by what stands in them."""
        if answer is None or self.check_refused(answer, what):
            return
        if answer.status == 404:
            # That something is not there is told where the bucket's class may be.
            self.must_be_carried(self.model.surely(bucket, begun), begun, ended, what, answer)
            return
        held = self.model.told_of(answer)
        for serial in held:
            label = joined(self.model.written.get(serial), self.model.surely(bucket, begun))
            self.must_be_carried(label, begun, ended, f"{what} of {serial}", answer)
        if serials(answer.body):
            leaf = answer.headers.get("x-onshore-leaf", "")
            if leaf.isdigit():
                self.model.received.append((int(leaf), len(answer.body)))
            else:
                self.model.fault(self.name, what, "came without a leaf:", answer.headers)
        elif answer.status in (200, 206, 304, 412) and not held:
            # What is known of a bucket: at least as strict as its class.
            self.must_be_carried(self.model.surely(bucket, begun), begun, ended, what, answer)

    def must_be_carried(self, label, begun, ended, what, answer):
        if label == (0, 0):
            self.model.count("free")
        elif self.model.carries(label, self.to, begun, ended):
            self.model.count("carried")
        else:
            self.model.fault(f"{self.name}: {what} labelled {label} came to {self.to} between {begun:.6f} and {ended:.6f}: {answer!r:.300}")


class Abroad(Client):
    """Tries to get at what is inside."""

    def step(self):
        bucket, key, draw = self.bucket(), self.draw.choice(KEYS), self.draw
        path = f"/{bucket}/{key}"
        what = draw.choice(["get", "get", "get", "range", "range", "head", "list", "versions", "link", "match", "no match", "since", "copy", "part copy", "parts"])
        if what == "get":
            self.out(*self.ask("GET", path), bucket, what)
        elif what == "range":
            self.out(*self.ask("GET", path, headers={"range": self.range()}), bucket, what)
        elif what == "head":
            self.out(*self.ask("HEAD", path), bucket, what)
        elif what == "list":
            prefix = [("prefix", draw.choice(["a/", "b/", "b/3"]))] if draw.random() < 0.5 else []
            self.out(*self.ask("GET", f"/{bucket}", [("list-type", "2"), *prefix]), bucket, what)
        elif what == "versions":
            self.out(*self.ask("GET", f"/{bucket}", [("versions", "")]), bucket, what)
        elif what == "link":
            # A link that somebody inside made and handed on.
            target, headers = Raw(self.server).presigned("GET", path)
            self.out(*self.ask("GET", path, link=(target, headers["host"])), bucket, what)
        elif what in ("match", "no match"):
            header = {"match": "if-match", "no match": "if-none-match"}[what]
            self.out(*self.ask("GET", path, headers={header: draw.choice(["*", '"0123456789abcdef0123456789abcdef"'])}), bucket, what)
        elif what == "since":
            self.out(*self.ask("HEAD", path, headers={"if-unmodified-since": "Thu, 01 Jan 2015 00:00:00 GMT"}), bucket, what)
        elif what == "copy":
            to = f"/race-open/copied-by-{self.name}"
            self.out(*self.ask("PUT", to, headers={"x-amz-copy-source": path}), bucket, what)
        elif what in ("part copy", "parts"):
            self.upload(path, bucket, what)

    def upload(self, path, bucket, what):
        """An upload of one's own is no way around either: its parts are bytes of what is copied into them."""
        answer, *_ = self.ask("POST", f"/race-open/upload-by-{self.name}", [("uploads", "")], headers={"x-amz-meta-onshore-class": "general"})
        if answer is None or answer.status != 200:
            return
        upload = answer.field("UploadId")
        target = f"/race-open/upload-by-{self.name}"
        if what == "part copy":
            copied = self.ask("PUT", target, [("partNumber", "1"), ("uploadId", upload)], headers={"x-amz-copy-source": path})
            self.out(*copied, bucket, what)
        else:
            self.ask("PUT", target, [("partNumber", "1"), ("uploadId", upload)], body=self.model.body("general", 128))
            self.out(*self.ask("GET", target, [("uploadId", upload)]), "race-open", what)
        self.ask("DELETE", target, [("uploadId", upload)])


class Daughter(Client):
    """Asks from inside, for an organisation abroad, into a bucket of its own."""

    def step(self):
        bucket, key = self.bucket(), self.draw.choice(KEYS)
        what = self.draw.choice(["get", "copy", "copy", "head"])
        if what == "copy":
            done = self.ask("PUT", f"/race-daughter/{self.draw.randrange(4)}", headers={"x-amz-copy-source": f"/{bucket}/{key}"})
            self.out(*done, bucket, what)
        else:
            self.out(*self.ask(what.upper(), f"/{bucket}/{key}"), bucket, what)


class Inside(Client):
    """Writes and reads; nothing is refused, and what is read is what was written."""

    def step(self):
        bucket, key, draw = self.bucket(), self.draw.choice(KEYS), self.draw
        path = f"/{bucket}/{key}"
        what = draw.choice(["put", "put", "put", "get", "get", "delete", "copy", "multipart", "list"])
        label = draw.choice(list(LABELS))
        # Without a word of the uploader it has its bucket's class, and is unclassified where there is none.
        bound = bucket if label == "unclassified" and BUCKETS[bucket] else None
        declared = {} if label == "unclassified" else {"x-amz-meta-onshore-class": label}
        written = "general" if bound else label
        if what == "put":
            body = self.model.body(written, RECORD * draw.choice([8, 8, 40, 4000]))
            self.fine(*self.ask("PUT", path, headers=declared, body=body), what)
        elif what == "get":
            answer, *_ = self.fine(*self.ask("GET", path), what)
            if answer is not None and answer.status == 200 and len(serials(answer.body)) != 1:
                self.model.fault(self.name, path, "is a mixture", serials(answer.body))
        elif what == "delete" and draw.random() < 0.3:
            self.fine(*self.ask("DELETE", path), what)
        elif what == "copy":
            # Into another bucket and another class: it stays as strict as it was.
            to = f"/{self.bucket()}/{draw.choice(KEYS)}"
            if to != path:
                self.fine(*self.ask("PUT", to, headers={"x-amz-copy-source": path}), what)
        elif what == "list":
            self.fine(*self.ask("GET", f"/{bucket}", [("list-type", "2")]), what)
        elif what == "multipart":
            self.multipart(path, declared, written)

    def multipart(self, path, declared, written):
        answer, *_ = self.fine(*self.ask("POST", path, [("uploads", "")], headers=declared), "upload")
        upload = answer.field("UploadId") if answer is not None and answer.status == 200 else None
        if not upload:
            return
        body = self.model.body(written, RECORD * 64)
        part, *_ = self.fine(*self.ask("PUT", path, [("partNumber", "1"), ("uploadId", upload)], body=body), "part")
        if part is not None and part.status == 200:
            listed = f'<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part.headers["etag"]}</ETag></Part></CompleteMultipartUpload>'
            self.fine(*self.ask("POST", path, [("uploadId", upload)], body=listed.encode()), "complete")

    def fine(self, answer, begun, ended, what):
        if answer is not None and answer.status not in (200, 204, 206, 404) and answer.code != "OperationAborted":
            self.model.fault(self.name, what, "inside:", answer)
        if answer is not None:
            self.model.count("inside")
        return answer, begun, ended


class Operator:
    """Grants, revokes, tightens, and changes the rules."""

    def __init__(self, model, server):
        self.model, self.server = model, server
        self.draw = random.Random(f"{SEED} operator")
        self.granted = []

    def call(self, method, path, body=None):
        """Returns what is answered and when it was asked for and came; none where nobody can say what became of it."""
        begun = time.time()
        try:
            address = urlsplit(self.server.control)
            door = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
            headers = {"authorization": f"Bearer {self.server.token}", "content-type": "application/json"}
            door.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = door.getresponse()
            read = answer.read()
            door.close()
        except (OSError, http.client.HTTPException):
            return None, begun, time.time()
        if answer.status >= 500:
            self.model.fault("operator", method, path, answer.status, read)
        if answer.status >= 400:
            # What it asked for came too late: an approval that has lapsed already.
            return None, begun, time.time()
        return json.loads(read) if read else {}, begun, time.time()

    def step(self):
        what = self.draw.choice(["grant", "grant", "grant", "revoke", "tighten", "pack", "rest", "rest"])
        getattr(self, what)()

    def rest(self):
        time.sleep(self.draw.random() / 4)

    def grant(self):
        draw = self.draw
        label = draw.choice(["personal", "sensitive-personal", "important", "core,sensitive-personal"])
        lasts = draw.choice([0.5, 1, 3, 60])
        until = time.time() + lasts
        body = {
            "tenant": "default",
            "to": draw.choice(["US", "US", "US", "DE"]),
            "class": label,
            "max_bytes": draw.choice([500, 5000, 200_000, 10_000_000]),
            "until": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(until)) + f".{int(until % 1 * 1000):03}Z",
        }
        if draw.random() < 0.5:
            body["max_objects"] = draw.choice([1, 3, 10])
        if draw.random() < 0.5:
            body.update(instrument="security-assessment", purpose="racing", recipient={"name": "Example Corp", "jurisdiction": body["to"], "kind": "organisation"})
        level = {"core,sensitive-personal": (2, 2)}.get(label) or LABELS[label]
        approval = {"from": time.time(), "until": until + 0.001, "to": body["to"], "label": level, "instrument": "instrument" in body}
        # Before it is asked for: it may be in force before anybody is told.
        self.model.approvals.append(approval)
        said, *_ = self.call("POST", "/v1/approvals", body)
        if said is not None:
            self.granted.append((find(said, "id"), approval))

    def revoke(self):
        if not self.granted:
            return
        identity, approval = self.granted.pop(self.draw.randrange(len(self.granted)))
        said, _, ended = self.call("DELETE", f"/v1/approvals/{identity}")
        if said is not None:
            approval["until"] = min(approval["until"], ended)

    def tighten(self):
        bucket = self.draw.choice([name for name in BUCKETS if "tight" in name])
        former = self.model.classes[bucket][-1][1]
        label = self.draw.choice([word for word, bound in LABELS.items() if bound and covers(bound, former)])
        said, _, ended = self.call("PUT", f"/v1/buckets/{bucket}/class", {"class": label})
        if said is not None:
            self.model.classes[bucket].append((ended, LABELS[label]))
        else:
            # It may be as strict as that now; nothing looser is asked for afterwards.
            self.model.classes[bucket].append((FAR, LABELS[label]))

    def pack(self):
        is_china = self.draw.random() < 0.4
        self.model.packs.append((time.time(), False))
        said, _, ended = self.call("POST", "/v1/packs/activations", {"pack": {"shipped": "cn"} if is_china else "none"})
        if said is not None:
            self.model.packs.append((ended, is_china))


def run(client, until, faults):
    try:
        while time.time() < until and not faults:
            client.step()
    except Exception:
        faults.append(traceback.format_exc())


def test_no_race_gets_anything_across_the_border(make_server):
    print(f"ONSHORE_TEST_SEED={SEED}")
    server = make_server(name="race")
    model = Model()
    for bucket, label in BUCKETS.items():
        server.bucket(bucket, label)
    daughter = new_daughter(server)
    clients = [
        Abroad(model, server, "us-1", US, "US"),
        Abroad(model, server, "us-2", US, "US"),
        Abroad(model, server, "de", DE, "DE"),
        Daughter(model, server, "daughter", INSIDE, "US", daughter),
        Inside(model, server, "inside-1", INSIDE, None),
        Inside(model, server, "inside-2", INSIDE, None),
        Operator(model, server),
    ]
    for number in range(ROUNDS):
        until = time.time() + SECONDS / ROUNDS
        threads = [threading.Thread(target=run, args=(client, until, model.faults)) for client in clients]
        for thread in threads:
            thread.start()
        if number < ROUNDS - 1:
            # In the midst of everything.
            threads[0].join(SECONDS / ROUNDS * 0.8)
            server.restart()
        for thread in threads:
            thread.join()
    assert not model.faults, f"ONSHORE_TEST_SEED={SEED}\n" + "\n".join(model.faults[:10])
    check_ledger(server, model)
    print(model.counts)
    for what, least in (("carried", 20), ("free", 20), ("refused", 50), ("inside", 200)):
        assert model.counts.get(what, 0) >= least, (what, model.counts, f"ONSHORE_TEST_SEED={SEED}")


def new_daughter(server):
    """A tenant whose organisation is in the United States, let in by a policy of every bucket."""
    made = server.cli("tenant", "create", "daughter")
    server.cli("tenant", "set-jurisdiction", "daughter", "US")
    key = server.cli("key", "create", "--tenant", "daughter")
    keys = {"access_key": key["access_key"], "secret_key": key["secret_key"]}
    server.client(source=INSIDE, **keys).create_bucket(Bucket="race-daughter")
    for bucket in BUCKETS:
        # Without the right to list, what is not there would be denied by the policy, and not by the border.
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{made['id']}:root"},
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        }
        server.client().put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return keys


def check_ledger(server, model):
    """No approval let out more than it says, by what clients received and by what the ledger tells."""
    newest = max(leaf for leaf, _ in model.received + model.refused)
    until = time.monotonic() + 60
    while (log := tlog.read_growing(server)).size <= newest:
        assert time.monotonic() < until, "the checkpoint does not come"
    leaves = log.json()
    approvals = {view["id"]: view for view in server.cli("approval", "list")}
    received, sent, versions = {}, {}, {}
    for leaf, len_bytes in model.received:
        opened = leaves[leaf]
        assert opened["kind"] == "export.opened", opened
        if opened.get("approval"):
            assert len_bytes <= opened["reserved_bytes"], (opened, len_bytes)
            received[opened["approval"]] = received.get(opened["approval"], 0) + len_bytes
    for leaf in leaves:
        if leaf.get("kind") == "export.closed" and leaf.get("approval"):
            sent[leaf["approval"]] = sent.get(leaf["approval"], 0) + leaf["spent_bytes"]
        if leaf.get("kind") in ("export.opened", "export.described") and leaf.get("approval"):
            # Parts of an upload are no version yet: each look at them counts as an object.
            versions.setdefault(leaf["approval"], set()).add(leaf.get("version") or leaf["export"])
    for identity, view in approvals.items():
        for told in (received, sent):
            assert told.get(identity, 0) <= view["max_bytes"], (view, told[identity], f"ONSHORE_TEST_SEED={SEED}")
        assert received.get(identity, 0) <= view["spent_bytes"], view
        if view.get("objects"):
            assert len(versions.get(identity, ())) <= view["objects"]["max"], (view, f"ONSHORE_TEST_SEED={SEED}")
    assert set(received) <= set(approvals) and received, "nothing was received under an approval"
    for leaf, rule in model.refused:
        # A copy that was stopped on its way names the leaf by which it began.
        kinds = ["export.opened"] if "ask again" in rule else ["refused", "refused.access"]
        assert leaves[leaf]["kind"] in kinds and ("ask again" in rule or leaves[leaf]["rule"] == "border.outward"), leaves[leaf]
