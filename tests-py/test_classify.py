"""`onshore classify`: what is in files, whatever they are written in, and never the values themselves."""

import base64
import json
import os
import random
import sqlite3
import struct
import subprocess
import zlib

import pytest

from onshore_server import BINARY, clean_env

WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]


def classify(*args, status=0):
    done = subprocess.run([str(BINARY), "classify", *map(str, args)], env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def files(*args, status=0):
    return json.loads(classify(*args, "--json", status=status).stdout)["files"]


def counts(file):
    return {kind["kind"]: kind["count"] for kind in file["kinds"]}


def resident_id(draw):
    region = draw.choice(["110105", "310115", "440305", "510104", "650102"])
    front = f"{region}{draw.randint(1940, 2008)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}{draw.randint(0, 999):03}"
    return front + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(front, WEIGHTS)) % 11]


def luhn(front):
    total = sum(sum(divmod(int(digit) * 2, 10)) if at % 2 == 0 else int(digit) for at, digit in enumerate(reversed(front)))
    return front + str(-total % 10)


@pytest.fixture
def people():
    draw = random.Random(20261123)
    return [
        {
            "cn.resident-id": resident_id(draw),
            "cn.mobile": f"1{draw.randint(3, 9)}{draw.randint(0, 999_999_999):09}",
            "payment-card": luhn("622202" + f"{draw.randint(0, 10**12 - 1):012}"),
            "e-mail": f"someone.{number}@example.com",
        }
        for number in range(500)
    ]


def prose(people):
    return "".join(
        f"第{at}位的身份证号是{person['cn.resident-id']}，电话{person['cn.mobile']}；卡号 {person['payment-card']}，请写信到 {person['e-mail']} 。\n"
        for at, person in enumerate(people)
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le"])
def test_every_identifier_is_found_where_it_stands_in_every_encoding(people, encoding, tmp_path):
    text = prose(people)
    path = tmp_path / "people.txt"
    path.write_bytes(text.encode(encoding))
    (found,) = files(path, "--places", 10_000)
    assert counts(found) == {kind: 500 for kind in people[0]}
    plain = ("\ufeff" * (encoding == "utf-8-sig") + text).encode()
    told = {(place["kind"], plain[place["start"] : place["end"]].decode()) for place in found["places"]}
    assert told == {(kind, value) for person in people for kind, value in person.items()}
    assert found["bytes"] == path.stat().st_size and found["unread"] == []


def test_what_only_looks_like_one_is_not_told(people, tmp_path):
    draw = random.Random(7)
    lines = []
    for person in people:
        front, last = person["cn.resident-id"][:-1], person["cn.resident-id"][-1]
        lines.append("id " + front + draw.choice([digit for digit in "0123456789X" if digit != last]))
        lines.append(f"订单 {person['cn.mobile']} sku-{person['cn.mobile']} {person['cn.mobile']}0 1.{person['cn.mobile']}")
        lines.append(f"{draw.getrandbits(128):032x} {draw.getrandbits(256):064X} 2026-11-23T01:02:03.{draw.randint(0, 999999):06}Z")
        lines.append(f"{draw.randint(10**15, 10**16 - 1)} {draw.randint(10**18, 10**19 - 1)} {1_700_000_000_000 + draw.randint(0, 10**9)}")
        lines.append(f"v{draw.randint(1, 9)}.{draw.randint(0, 99)}.{draw.randint(0, 99)} @override user@host {draw.random()} {draw.randint(0, 10**9)}")
    path = tmp_path / "noise.txt"
    path.write_text("\n".join(lines))
    (found,) = files(path, "--places", 100)
    assert counts(found) == {}, [lines[0], found]


def test_a_folder_is_read_whole_and_nothing_of_the_values_is_shown(people, tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/people.txt").write_text(prose(people[:3]))
    (folder / "empty").write_bytes(b"")
    (folder / "image.bin").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 40)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    found = {os.path.relpath(file["path"], folder): file for file in files(folder, "--places", 10)}
    assert set(found) == {"deep/er/people.txt", "empty", "image.bin"}
    assert [why["why"] for why in found["image.bin"]["unread"]] == ["picture"] and found["empty"]["kinds"] == []
    for shown in (classify(folder).stdout, json.dumps(found)):
        assert not any(value in shown for person in people for value in person.values())
    shown = classify(folder).stdout
    assert "cn.resident-id" in shown and "1 of them could not be read" in shown
    assert classify(tmp_path / "nothing", status=2).stderr.count("there is no") == 1


def test_a_table_is_told_by_its_header_and_its_columns(people, tmp_path):
    draw = random.Random(11)
    given = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"
    rows = [
        [str(at), draw.choice("王李张刘陈杨") + draw.choice(given) + draw.choice(given), person["cn.mobile"], luhn("4" + f"{draw.randint(0, 10**14 - 1):014}"),
         f"E{draw.randint(0, 10**8 - 1):08}", f"广东省深圳市南山区科技路{at}号", person["cn.mobile"]]
        for at, person in enumerate(people)
    ]
    heads = ["编号", "客户姓名", "手机号码", "卡号", "护照", "联系地址", "order_no"]
    for name, delimiter, encoding in [("a.csv", ",", "utf-8"), ("b.tsv", "\t", "gb18030"), ("c.txt", ";", "utf-8-sig")]:
        path = tmp_path / name
        path.write_bytes("".join(delimiter.join(row) + "\r\n" for row in [heads, *rows]).encode(encoding))
        (found,) = files(path)
        assert counts(found) == {"cn.mobile": 500, "payment-card": 500, "cn.passport": 500}, name
        assert [(column["column"], column["kind"], column["header"]) for column in found["columns"]] == [(2, "cn.name", "客户姓名"), (6, "cn.address", "联系地址")]
    # Without a header a passport is no passport, and no value is shown as one.
    path.write_text("".join(",".join(row[1:]) + "\n" for row in rows))
    (found,) = files(path)
    assert "cn.passport" not in counts(found) and [column["header"] for column in found["columns"]] == [None, None]
    # Lines of JSON are alike as well.
    path.write_text("".join(json.dumps({"phone": row[2], "passport": row[4], "order": row[6]}) + "\n" for row in rows))
    (found,) = files(path)
    assert counts(found) == {"cn.mobile": 500, "cn.passport": 500} and found["columns"] == []


def test_a_line_without_end_takes_no_memory(tmp_path):
    path = tmp_path / "long"
    with open(path, "wb") as file:
        for piece in (b"1234567890" * 100_000, b"1 " * 500_000, b"a@" * 500_000, b"eyJ." * 250_000, b"<" * 1_000_000, b"1-2" * 300_000):
            for _ in range(40):
                file.write(piece)
    command = ["/usr/bin/env", "bash", "-c", 'ulimit -v 2000000; exec "$0" classify "$1" --json', str(BINARY), str(path)]
    done = subprocess.run(command, env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"][0]["bytes"] == path.stat().st_size


def varint(number):
    out = [number & 0x7F]
    while number := number >> 7:
        out.append((number & 0x7F) | 0x80)
    return bytes(reversed(out))


def page_of_one_cell(cell, times, header=b"", page=65536):
    """A page of a database that names one cell many times."""
    at = page - len(cell)
    head = header + b"\x0d\0\0" + struct.pack(">HH", times, at) + b"\0" + struct.pack(">H", at) * times
    return head.ljust(at, b"\0") + cell


def schema_page(cell, times=1):
    """The first page, that of the schema."""
    header = bytearray(100)
    header[:24] = b"SQLite format 3\0" + struct.pack(">H", 1) + bytes([1, 1, 0, 64, 32, 32])
    header[56:60] = struct.pack(">I", 1)
    return page_of_one_cell(cell, times, bytes(header))


def schema_cell(statement):
    parts = [b"table", b"t", b"t"]
    kinds = b"".join(varint(13 + 2 * len(part)) for part in parts) + b"\x01" + varint(13 + 2 * len(statement))
    record = varint(len(kinds) + 1) + kinds + b"".join(parts) + b"\x02" + statement
    return varint(len(record)) + b"\x01" + record


BOMB = schema_page(schema_cell(b"CREATE TABLE t(" + b"a," * 8000 + b"a)"), 2000)


def test_a_database_that_names_its_cells_again_and_again_costs_no_more_than_it_is_long(tmp_path):
    row = varint(3000 + 2) + b"\x01" + varint(3002) + b"\0" * 3000
    (tmp_path / "schema.db").write_bytes(BOMB)
    (tmp_path / "rows.db").write_bytes(schema_page(schema_cell(b"CREATE TABLE t(a)")) + page_of_one_cell(row, 30_000))
    (tmp_path / "note.txt").write_bytes(b"note: " + base64.b64encode(zlib.compress(BOMB, 9)) + b" end")
    for file in files(tmp_path):
        assert file["unread"], file


def test_numbers_of_a_database_are_found_or_it_is_said_that_they_were_not_read(tmp_path, people):
    mobiles = [(int(person["cn.mobile"]),) for person in people]
    for name, columns, row in [
        ("key.db", "n text, phone integer primary key", "(null, ?)"),
        ("behind.db", "n text, phone integer, primary key (phone)", "(null, ?)"),
        ("plain.db", "n text, phone integer", "('a', ?)"),
        ("far.db", "n text, phone integer", f"('{'x' * 6000}', ?)"),
    ]:
        with sqlite3.connect(tmp_path / name) as made:
            made.execute(f"create table customers({columns})")
            made.executemany(f"insert or ignore into customers values {row}", mobiles)
        made.close()
    told = {file["path"].rsplit("/", 1)[-1]: file for file in files(tmp_path)}
    for name in ("key.db", "behind.db", "plain.db"):
        assert any(column["kind"] == "cn.mobile" for column in told[name]["columns"]) or counts(told[name]).get("cn.mobile", 0) > 100, told[name]
        assert not told[name]["unread"], told[name]
    assert told["far.db"]["unread"], "what goes on in other pages is not read, and that is said"


def test_words_that_begin_as_zlib_does_are_words(tmp_path):
    for number, text in enumerate(["HK\nphone: 13912345678\n", "HKBN 13912345678 customers\n", "x^2 + y, phone: 13912345678\n"]):
        (tmp_path / f"{number}.txt").write_text(text)
    (tmp_path / "hotel.txt").write_text("hotel13912345678 intel13912345678\n")
    told = {file["path"].rsplit("/", 1)[-1]: file for file in files(tmp_path)}
    for number in range(3):
        assert counts(told[f"{number}.txt"]) == {"cn.mobile": 1} and not told[f"{number}.txt"]["unread"], told[f"{number}.txt"]
    assert not counts(told["hotel.txt"])
