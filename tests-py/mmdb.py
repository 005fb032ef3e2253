"""Writes country databases in the format of MaxMind (https://maxmind.github.io/MaxMind-DB/), a few networks large."""

import ipaddress
import struct

MARK = b"\xab\xcd\xefMaxMind.com"


class U16(int):
    """A number of two bytes."""


class U64(int):
    """A number of eight."""


def encoded(value):
    """A value of the data section."""
    if isinstance(value, bool):
        return bytes([int(value), 14 - 7])
    if isinstance(value, str):
        text = value.encode()
        assert len(text) < 29
        return bytes([2 << 5 | len(text)]) + text
    if isinstance(value, U16):
        return bytes([5 << 5 | 2]) + struct.pack(">H", value)
    if isinstance(value, U64):
        return bytes([8, 9 - 7]) + struct.pack(">Q", value)
    if isinstance(value, int):
        return bytes([6 << 5 | 4]) + struct.pack(">I", value)
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(encoded, value))
    return bytes([7 << 5 | len(value)]) + b"".join(encoded(key) + encoded(inner) for key, inner in value.items())


def country(code, **more):
    return {"country": {"iso_code": code, "geoname_id": 7}, **more}


def database(records, built=1_790_000_000, kind="Test-Country"):
    """A database of networks and what is said of them; the more specific ones must come later."""
    nodes, data = [[None, None]], b""
    for network, value in records.items():
        network = ipaddress.ip_network(network)
        key = int(network.network_address)
        length = network.prefixlen + (96 if network.version == 4 else 0)
        leaf = ("data", len(data))
        data += encoded(country(value) if isinstance(value, str) else value)
        node = 0
        for depth in range(length):
            side = key >> (127 - depth) & 1
            if depth + 1 == length:
                nodes[node][side] = leaf
            elif isinstance(nodes[node][side], int):
                node = nodes[node][side]
            else:
                # What is more specific stands within what was there.
                nodes.append([nodes[node][side]] * 2)
                nodes[node][side] = node = len(nodes) - 1
    number = lambda branch: len(nodes) if branch is None else branch if isinstance(branch, int) else len(nodes) + 16 + branch[1]
    tree = b"".join(struct.pack(">I", number(branch))[1:] for node in nodes for branch in node)
    metadata = {
        "binary_format_major_version": U16(2),
        "binary_format_minor_version": U16(0),
        "build_epoch": U64(built),
        "database_type": kind,
        "description": {"en": "made up"},
        "ip_version": U16(6),
        "languages": [],
        "node_count": len(nodes),
        "record_size": U16(24),
    }
    return tree + bytes(16) + data + MARK + encoded(metadata)
