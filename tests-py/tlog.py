"""A verifier of the ledger that shares nothing with Onshore: C2SP tlog-tiles, tlog-checkpoint and signed-note from their
texts, Ed25519 from `cryptography`. It reads the log over HTTP or from the folder of static files."""

import base64
import hashlib
import json
import urllib.error
import urllib.request
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Wrong(Exception):
    """The ledger does not hold."""


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(data):
    return sha256(b"\x00" + data)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def split(count):
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def root(hashes):
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    at = split(len(hashes))
    return node_hash(root(hashes[:at]), root(hashes[at:]))


def verify_inclusion(leaf, index, size, path, expected):
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        raise Wrong("the index lies outside the tree")
    fn, sn, found = index, size - 1, leaf
    for sibling in path:
        if sn == 0:
            raise Wrong("the path is too long")
        if fn & 1 or fn == sn:
            found = node_hash(sibling, found)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            found = node_hash(found, sibling)
        fn >>= 1
        sn >>= 1
    if sn or found != expected:
        raise Wrong("the path does not lead to the root")


def verify_note(note, vkey):
    name, key_hash, key = vkey.split("+", 2)
    key = base64.b64decode(key, validate=True)
    if key[0] != 1 or sha256(name.encode() + b"\n" + key)[:4].hex() != key_hash:
        raise Wrong("the verifier key does not hold")
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if dash == "\u2014" and signer == name and signature[:4].hex() == key_hash:
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
            except InvalidSignature as error:
                raise Wrong("the signature is wrong") from error
            return text
    raise Wrong("nobody known has signed")


def cosigned_at(note, vkey):
    """When a witness cosigned a note (C2SP tlog-cosignature), None where it did not."""
    name, key_hash, key = vkey.split("+", 2)
    key = base64.b64decode(key, validate=True)
    if key[0] != 4 or sha256(name.encode() + b"\n" + key)[:4].hex() != key_hash:
        raise Wrong("the witness's key does not hold")
    text, signatures = note.rsplit("\n\n", 1)
    for line in signatures.splitlines():
        _, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if signer == name and signature[:4].hex() == key_hash:
            time = int.from_bytes(signature[4:12], "big")
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[12:], f"cosignature/v1\ntime {time}\n{text}\n".encode())
            except InvalidSignature as error:
                raise Wrong("the cosignature is wrong") from error
            return time
    return None


class Signer:
    """A log's key, for logs that the tests make up themselves."""

    def __init__(self, name, seed=b"\x07" * 32, kind=1):
        self.name, self.private = name, Ed25519PrivateKey.from_private_bytes(seed)
        public = bytes([kind]) + self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_hash = sha256(name.encode() + b"\n" + public)[:4]
        self.vkey = f"{name}+{self.key_hash.hex()}+{base64.b64encode(public).decode()}"

    def checkpoint(self, hashes, origin=None):
        text = f"{origin or self.name}\n{len(hashes)}\n{base64.b64encode(root(hashes)).decode()}\n"
        signature = base64.b64encode(self.key_hash + self.private.sign(text.encode())).decode()
        return f"{text}\n\u2014 {self.name} {signature}\n"


def consistency(hashes, old):
    """The proof that these leaves extend the first `old` of them (RFC 6962, section 2.1.2)."""

    def subproof(m, part, is_whole):
        if m == len(part):
            return [] if is_whole else [root(part)]
        at = split(len(part))
        if m <= at:
            return [*subproof(m, part[:at], is_whole), root(part[at:])]
        return [*subproof(m - at, part[at:], False), root(part[:at])]

    return subproof(old, hashes, True) if 0 < old < len(hashes) else []


def parse_checkpoint(note, vkey):
    """The size and root of a checkpoint signed by the log itself."""
    origin, size, encoded, *_ = verify_note(note, vkey).split("\n")
    if origin != vkey.split("+")[0]:
        raise Wrong("the checkpoint is another log's")
    return int(size), base64.b64decode(encoded, validate=True)


def tile_path(level, index, width=256):
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    suffix = f".p/{width}" if width < 256 else ""
    return f"tile/{level}/{'/'.join(reversed(groups))}{suffix}"


def over_http(server):
    def fetch(path):
        request = urllib.request.Request(f"{server.control}/ledger/{path}", headers={"authorization": f"Bearer {server.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    return fetch


def read_growing(server):
    """The log while it grows. Partial tiles give way to wider ones within a few checkpoints, so a reader that was too
    slow begins again with a newer checkpoint."""
    for _ in range(9):
        try:
            return Log(over_http(server), server.vkey)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
    return Log(over_http(server), server.vkey)


def from_folder(folder):
    return lambda path: (Path(folder) / path).read_bytes()


class Log:
    """A log that has been verified: its leaves, its hashes, its root."""

    def __init__(self, fetch, vkey):
        self.checkpoint = fetch("checkpoint").decode()
        self.size, self.root = parse_checkpoint(self.checkpoint, vkey)
        self.leaves = []
        for index, width in widths(self.size):
            self.leaves += entries(fetch_tile(fetch, "entries", index, width))[:width]
        if len(self.leaves) != self.size:
            raise Wrong(f"{len(self.leaves)} leaves for a checkpoint of {self.size}")
        self.hashes = [leaf_hash(leaf) for leaf in self.leaves]
        if root(self.hashes) != self.root:
            raise Wrong("the leaves do not make the root")
        self._check_tiles(fetch)

    def _check_tiles(self, fetch):
        level, hashes = 0, self.hashes
        while hashes:
            for index, width in widths(len(hashes)):
                tile = fetch_tile(fetch, level, index, width)[: width * 32]
                if tile != b"".join(hashes[index * 256 : index * 256 + width]):
                    raise Wrong(f"tile {level}/{index} does not hold")
            hashes = [root(hashes[at : at + 256]) for at in range(0, len(hashes) // 256 * 256, 256)]
            level += 1

    def extends(self, size, old_root):
        return size <= self.size and root(self.hashes[:size]) == old_root

    def json(self):
        return [json.loads(leaf) for leaf in self.leaves]


def widths(count):
    full, rest = divmod(count, 256)
    return [(index, 256) for index in range(full)] + ([(full, rest)] if rest else [])


def fetch_tile(fetch, level, index, width):
    """A tile at least that wide: a log may drop a partial tile once the full one is there, and only then."""
    try:
        return fetch(tile_path(level, index, width))
    except (urllib.error.HTTPError, FileNotFoundError):
        if width == 256:
            raise
        return fetch(tile_path(level, index))


def entries(bundle):
    found = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        if len(bundle) < 2 + length:
            raise Wrong("an entry is cut short")
        found.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    return found


def words(leaf):
    """Every text in a leaf, at any depth."""
    if isinstance(leaf, str):
        return [leaf]
    if isinstance(leaf, dict):
        leaf = list(leaf.values())
    return [word for item in leaf for word in words(item)] if isinstance(leaf, list) else []


def absent(fetch, path):
    try:
        fetch(path)
    except (urllib.error.HTTPError, FileNotFoundError):
        return True
    return False


# The examples of the specification.
assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
assert tile_path("entries", 0, 5) == "tile/entries/000.p/5"
