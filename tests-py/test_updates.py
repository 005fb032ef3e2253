"""Updates: nothing that the technology provider sends becomes anything but a file in quarantine until two operators said so."""

import hashlib
import json
import os
import platform
import secrets
import subprocess
import urllib.error
import urllib.request

import pytest

from onshore_server import BINARY, CONFIG, Ended, clean_env, find, mode_of

PLATFORM = f"{platform.machine()}-linux"
SIZE_MAX = 300_000


class Provider:
    """A technology provider, at home."""

    def __init__(self, folder):
        self.folder = folder
        self.key = folder / "provider.key"
        self.vkey = self.run("key", "provider.example", "--out", self.key).strip()
        (folder / "sources.tar").write_bytes(b"the sources of everything")

    def run(self, *args, ok=True):
        done = subprocess.run([str(BINARY), "update", *map(str, args)], env=clean_env(), capture_output=True, text=True)
        assert not ok or done.returncode == 0, done.stderr
        return done.stdout if ok else done

    def pack(self, binary=None, version="9.1.0", **more):
        name = secrets.token_hex(4)
        path, bundle = self.folder / f"{name}.bin", self.folder / f"{name}.update"
        path.write_bytes(binary if binary is not None else b"#!/bin/sh\nexit 0\n" + secrets.token_bytes(5000))
        options = {"binary": path, "version": version, "escrow": self.folder / "sources.tar", "key": self.key, "out": bundle, **more}
        self.run("pack", *(word for name, value in options.items() for word in (f"--{name}", value)))
        return bundle, path.read_bytes()


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    return Provider(tmp_path_factory.mktemp("provider"))


@pytest.fixture(scope="module")
def server(make_server, provider):
    config = f'{CONFIG}\n[updates]\nkeys = ["{provider.vkey}"]\nsize_max_bytes = {SIZE_MAX}\n'
    made = make_server(config=config)
    made.ada, made.bo = (operator(made, name) for name in ("ada", "bo"))
    return made


def operator(server, person, by=None):
    """The token of a person in the role of the operator."""
    return server.cli("token", "create", "--role", "operator", "--person", person, env={"ONSHORE_TOKEN": by} if by else None)["token"]


def update(server, *args, by=None, ok=True):
    env = {"ONSHORE_TOKEN": by} if by else None
    if ok:
        return server.cli("update", *args, env=env)
    done = server.run("update", *args, env=env)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    return done.stderr


def imported(server, provider, **more):
    bundle, binary = provider.pack(**more)
    return update(server, "import", bundle), binary


def approved(server, provider, **more):
    made, binary = imported(server, provider, **more)
    update(server, "approve", made["id"], by=server.ada)
    assert update(server, "approve", made["id"], by=server.bo)["state"] == "approved"
    return made["id"], binary


def quarantine(server):
    return server.data / "quarantine"


def leaves(server, kind, id=None):
    told = [leaf["body"] for leaf in server.cli("ledger", "tail", "-n", 1000)]
    return [leaf for leaf in told if leaf["kind"] == kind and id in (None, leaf.get("update"))]


def test_the_way_of_an_update(server, provider, tmp_path):
    (tmp_path / "notes").write_text("What is new:\n\n- everything\n")
    bundle, binary = provider.pack(notes=tmp_path / "notes")
    made = update(server, "import", bundle)
    id = made["id"]
    assert (made["state"], made["version"], made["platform"], made["approvals"]) == ("quarantined", "9.1.0", PLATFORM, [])
    assert made["sha256"] == hashlib.sha256(binary).hexdigest() and made["size_bytes"] == len(binary)
    assert made["escrow"] == hashlib.sha256(b"the sources of everything").hexdigest()
    assert made["signed_by"] == provider.vkey and "- everything" in made["notes"] and made["older"] is False
    kept = quarantine(server) / id
    assert kept.read_bytes() == bundle.read_bytes() and mode_of(kept) == 0o600 and mode_of(quarantine(server)) == 0o700
    for by, state, words in ((server.ada, "quarantined", 1), (server.bo, "approved", 2)):
        said = update(server, "approve", id, by=by)
        assert (said["state"], len(said["approvals"])) == (state, words)
    to = tmp_path / "onshore-next"
    to.write_bytes(b"what runs today")
    update(server, "stage", id, "--to", to)
    assert to.read_bytes() == binary and mode_of(to) == 0o755
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [], "no drafts stay"
    assert mode_of(kept) == 0o600, "what is in quarantine is never to be run"
    assert update(server, "show", id)["state"] == "staged"
    assert id in [one["id"] for one in update(server, "list")]
    for kind in ("update.quarantined", "update.approved", "update.approved", "update.staged"):
        assert leaves(server, kind, id), kind
    assert [leaf["approvals"] for leaf in reversed(leaves(server, "update.approved", id))] in ([1, 2], [2, 1])
    assert leaves(server, "update.staged", id)[0]["escrow"] == made["escrow"], "the deposit of the sources is in the ledger, release by release"
    # The same again is the same, and has no further leaf.
    again = update(server, "import", bundle)
    assert (again["id"], again["state"], again.get("leaf")) == (id, "staged", None)
    assert len(leaves(server, "update.quarantined", id)) == 1


def test_what_is_not_signed_by_a_configured_key_does_not_come_in(server, provider, tmp_path):
    (tmp_path / "stranger").mkdir()
    stranger = Provider(tmp_path / "stranger")
    assert stranger.vkey != provider.vkey, "the name is the same, the key is not"
    bundle, _ = stranger.pack()
    before = len(leaves(server, "update.refused"))
    assert "signed by no key of [updates] keys" in update(server, "import", bundle, ok=False)
    assert len(leaves(server, "update.refused")) == before + 1
    assert "unknown-signer" in [leaf["cause"] for leaf in leaves(server, "update.refused")]
    # A bundle cannot bring the key along by which it is to be judged.
    head, note, binary = parts(provider.pack()[0].read_bytes())
    lines = parts(bundle.read_bytes())[1].split(b"\n\n")[-1]
    forged = note[: note.rindex(b"\n\n") + 2] + lines
    (tmp_path / "forged").write_bytes(joined(forged, binary))
    update(server, "import", tmp_path / "forged", ok=False)


def parts(bundle):
    head, rest = bundle.split(b"\n", 1)
    length = int(head.split()[-1])
    return head, rest[:length], rest[length:]


def joined(note, binary):
    return b"onshore-update-bundle/v1 %08d\n" % len(note) + note + binary


def test_altered_cut_and_foreign_bundles_do_not_come_in(server, provider, tmp_path):
    good = provider.pack()[0].read_bytes()
    head, note, binary = parts(good)
    assert joined(note, binary) == good
    flipped = bytearray(binary)
    flipped[len(flipped) // 2] ^= 1
    bad = {
        "binary": joined(note, bytes(flipped)),
        "longer": good + b"x",
        "cut": good[:-1],
        "cut note": good[:100],
        "empty": b"",
        "version": joined(note.replace(b"9.1.0", b"9.2.0"), binary),
        "size": joined(note.replace(b"size ", b"size 1"), binary),
        "platform": joined(note.replace(PLATFORM.encode(), b"riscv64-linux"), binary),
        "escrow": joined(note.replace(b"escrow ", b"escrow f"), binary),
        "unsigned": joined(note[: note.rindex(b"\n\n") + 2], binary),
        "no bundle": binary,
        "long note": b"onshore-update-bundle/v1 99999999\n" + note + binary,
        "negative": b"onshore-update-bundle/v1 -0000001\n" + note + binary,
    }
    known = {one["id"] for one in update(server, "list")}
    files = set(os.listdir(quarantine(server)))
    for name, bytes_ in bad.items():
        (tmp_path / "bad").write_bytes(bytes_)
        assert "refused" in update(server, "import", tmp_path / "bad", ok=False), name
    assert {one["id"] for one in update(server, "list")} == known
    assert set(os.listdir(quarantine(server))) == files, "nothing stays of what was refused"
    # What is signed, and leads somewhere: no manifest can say it.
    for version in ("../../9.1.0", "9.1.0/../..", "/etc/9.1.0", "9.1", "09.1.0"):
        refused = provider.run("pack", "--binary", tmp_path / "bad", "--version", version, "--escrow", tmp_path / "bad", "--key", provider.key, "--out", tmp_path / "out", ok=False)
        assert refused.returncode == 2, version
    (tmp_path / "evil").write_bytes(signed_by_hand(provider, tmp_path, note.replace(b"version 9.1.0", b"version ../../etc/x"), binary))
    assert "MAJOR.MINOR.PATCH" in update(server, "import", tmp_path / "evil", ok=False)
    assert set(os.listdir(quarantine(server))) == files


def signed_by_hand(provider, folder, note, binary):
    """What the key of the provider signs, whatever it says: by another implementation of Ed25519."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    import base64

    secret = base64.b64decode(provider.key.read_text().split("+", 4)[4])
    text = note[: note.rindex(b"\n\n") + 1]
    name, hash, _ = provider.vkey.split("+", 2)
    signature = Ed25519PrivateKey.from_private_bytes(secret[1:]).sign(text)
    line = base64.b64encode(bytes.fromhex(hash) + signature)
    return joined(text + b"\n" + "\u2014 ".encode() + name.encode() + b" " + line + b"\n", binary)


def test_another_implementation_signs_bundles_too(server, provider, tmp_path):
    _, note, binary = parts(provider.pack()[0].read_bytes())
    (tmp_path / "bundle").write_bytes(signed_by_hand(provider, tmp_path, note, binary))
    assert update(server, "import", tmp_path / "bundle")["state"] == "quarantined"


def test_length_is_bounded_and_refused_before_the_disk_is_full(server, provider):
    files = set(os.listdir(quarantine(server)))
    bundle, _ = provider.pack(secrets.token_bytes(SIZE_MAX + 1))
    assert "longer than" in update(server, "import", bundle, ok=False)
    assert set(os.listdir(quarantine(server))) == files


def test_what_runs_elsewhere_or_is_older_is_refused(server, provider):
    assert "riscv64-linux" in update(server, "import", provider.pack(platform="riscv64-linux")[0], ok=False)
    bundle, binary = provider.pack(version="0.0.1")
    assert "--allow-older" in update(server, "import", bundle, ok=False)
    made = update(server, "import", bundle, "--allow-older")
    assert made["older"] is True
    assert leaves(server, "update.quarantined", made["id"])[0]["older"] is True


def test_one_person_is_not_two(server, provider, tmp_path):
    made, _ = imported(server, provider)
    id = made["id"]
    update(server, "approve", id, by=server.ada)
    update(server, "approve", id, by=server.ada, ok=False)
    # Neither another token of the same person, nor one that she made for somebody else.
    update(server, "approve", id, by=operator(server, "ada"), ok=False)
    update(server, "approve", id, by=operator(server, "puppet", by=server.ada), ok=False)
    # Nor a token that names nobody, nor another role.
    nobody = server.cli("token", "create", "--role", "operator")["token"]
    update(server, "approve", id, by=nobody, ok=False)
    for role in ("regulator", "auditor"):
        token = server.cli("token", "create", "--role", role, "--person", "cy")["token"]
        update(server, "approve", id, by=token, ok=False)
        update(server, "reject", id, "--reason", "no", by=token, ok=False)
        update(server, "stage", id, "--to", tmp_path / "x", by=token, ok=False)
    assert len(update(server, "show", id)["approvals"]) == 1
    assert "1 of 2" in update(server, "stage", id, "--to", tmp_path / "x", ok=False)
    assert list(tmp_path.iterdir()) == []
    update(server, "approve", id, by=server.bo)
    update(server, "stage", id, "--to", tmp_path / "x", by=server.bo)


def test_nothing_is_staged_before_its_approvals(server, provider, tmp_path):
    made, _ = imported(server, provider)
    assert "0 of 2" in update(server, "stage", made["id"], "--to", tmp_path / "x", ok=False)
    # The port itself gives nothing out either.
    for method, path in (("GET", ""), ("POST", "/staging"), ("GET", "/staging")):
        request = urllib.request.Request(f"{server.control}/v1/updates/{made['id']}{path}", method=method, headers={"Authorization": f"Bearer {server.token}"})
        try:
            answer = urllib.request.urlopen(request).read()
        except urllib.error.HTTPError as error:
            answer = error.read()
        assert b"#!/bin/sh" not in answer
    assert list(tmp_path.iterdir()) == []
    assert "not-approved" in [leaf["cause"] for leaf in leaves(server, "update.refused", made["id"])]


def test_a_file_swapped_in_quarantine_is_not_staged(server, provider, tmp_path):
    id, binary = approved(server, provider)
    kept, whole = quarantine(server) / id, (quarantine(server) / id).read_bytes()
    other = approved(server, provider)[0]
    attacks = {
        "flipped": whole[:-1] + bytes([whole[-1] ^ 1]),
        "cut": whole[:-100],
        "swapped for another that is approved too": (quarantine(server) / other).read_bytes(),
        "empty": b"",
    }
    target = tmp_path / "next"
    target.write_bytes(b"what runs today")
    for name, bad in attacks.items():
        kept.write_bytes(bad)
        update(server, "stage", id, "--to", target, ok=False)
        assert target.read_bytes() == b"what runs today", name
        assert [path.name for path in tmp_path.iterdir()] == ["next"], name
    kept.unlink()
    assert "import it again" in update(server, "stage", id, "--to", target, ok=False)
    assert {"altered", "swapped", "gone"} <= {leaf["cause"] for leaf in leaves(server, "update.refused", id)}
    # Imported again, it is what was approved.
    (tmp_path / "bundle").write_bytes(whole)
    assert update(server, "import", tmp_path / "bundle")["state"] == "approved"
    update(server, "stage", id, "--to", target)
    assert target.read_bytes() == binary


def test_a_rejected_update_is_gone_for_good(server, provider, tmp_path):
    id, _ = approved(server, provider)
    whole = (quarantine(server) / id).read_bytes()
    said = update(server, "reject", id, "--reason", "Mr Example says it is haunted", by=server.ada)
    assert (said["state"], said["reason"]) == ("rejected", "Mr Example says it is haunted")
    assert not (quarantine(server) / id).exists()
    assert "Mr Example" not in json.dumps(leaves(server, "update.rejected", id)), "people write names into reasons"
    (tmp_path / "bundle").write_bytes(whole)
    for args in (("import", tmp_path / "bundle"), ("approve", id), ("stage", id, "--to", tmp_path / "x"), ("reject", id, "--reason", "again")):
        assert "rejected" in update(server, *args, ok=False), args
    assert not (quarantine(server) / id).exists() and not (tmp_path / "x").exists()


def test_what_the_server_was_killed_over_is_swept_and_records_stay(server, provider, tmp_path):
    id, binary = approved(server, provider)
    (quarantine(server) / "deadbeef.draft").write_bytes(b"half")
    (quarantine(server) / "upd_00000000000000000000000000000000").write_bytes(b"of no record")
    server.restart()
    assert set(os.listdir(quarantine(server))) == {one["id"] for one in update(server, "list") if one["state"] != "rejected"}
    update(server, "stage", id, "--to", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == binary


def test_a_key_taken_out_of_the_configuration_stages_nothing_more(make_server, provider, tmp_path):
    config = CONFIG + f'\n[updates]\nkeys = ["{provider.vkey}"]\n'
    made = make_server(name="withdrawn", config=config)
    made.ada, made.bo = (operator(made, name) for name in ("ada", "bo"))
    id, _ = approved(made, provider)
    made.config = CONFIG
    made.restart()
    assert "names no key" in update(made, "stage", id, "--to", tmp_path / "x", ok=False)
    assert "names no key" in update(made, "import", provider.pack()[0], ok=False)
    (tmp_path / "other").mkdir()
    other = Provider(tmp_path / "other")
    made.config = CONFIG + f'\n[updates]\nkeys = ["{other.vkey}"]\n'
    made.restart()
    assert "signed by no key" in update(made, "stage", id, "--to", tmp_path / "x", ok=False)
    assert not (tmp_path / "x").exists()
    made.config = CONFIG + '\n[updates]\nkeys = ["not-a-key"]\n'
    with pytest.raises(Ended):
        made.restart()


def test_keys_are_their_owners_and_are_not_overwritten(provider):
    assert mode_of(provider.key) == 0o600
    before = provider.key.read_bytes()
    assert provider.run("key", "provider.example", "--out", provider.key, ok=False).returncode == 1
    assert provider.key.read_bytes() == before
