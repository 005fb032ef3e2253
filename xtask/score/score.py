"""Scores `onshore classify`: strict spans of generated identifiers among what only looks like them, and the pace.

score.py BINARY FOLDER SEED: writes its files into FOLDER and prints tables. Everything is generated from the seed; no real
person is in it. A span counts only if kind, beginning and end are right.
"""

import itertools
import json
import pathlib
import random
import resource
import subprocess
import sys

from faker import Faker

BINARY, FOLDER, SEED = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
ITEMS = 40_000
ROWS = 20_000
PACE_BYTES = 200_000_000

Faker.seed(SEED)
fake, west, draw = Faker("zh_CN"), Faker("de_DE"), random.Random(SEED)

CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT_WEIGHTS = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]


def credit_code():
    body = "".join(draw.choice("0123456789") if draw.random() < 0.7 else draw.choice(CREDIT[10:]) for _ in range(9))
    front = draw.choice(["91", "51", "12"]) + draw.choice(["110105", "310115", "440305"]) + body
    return front + CREDIT[-sum(CREDIT.index(sign) * weight for sign, weight in zip(front, CREDIT_WEIGHTS)) % 31]


def card():
    """Half of them UnionPay's with 19 digits, which Faker does not make."""
    if draw.random() < 0.5:
        return fake.credit_card_number()
    front = draw.choice(["622202", "621700", "622848"]) + f"{draw.randrange(10**12):012}"
    total = sum(sum(divmod(int(digit) * 2, 10)) if at % 2 == 0 else int(digit) for at, digit in enumerate(reversed(front)))
    return front + str(-total % 10)


KINDS = {
    "cn.resident-id": (fake.ssn, ["身份证号{}", "{}", "证件号码：{}，请核对", "ID {} ok", "他的身份证({})已过期"]),
    "cn.mobile": (fake.phone_number, ["手机{}", "{}", "致电{}。", "call {} now", "tel:{}", "联系方式：{}/微信同号"]),
    "payment-card": (card, ["卡号{}", "{}", "银行卡 {} 工商银行", "card {} visa"]),
    "e-mail": (fake.email, ["邮箱{}", "{}", "<{}>", "写信给{}，谢谢", "mail to {}."]),
    "cn.plate": (fake.license_plate, ["车牌{}", "{}", "一辆{}的车"]),
    "ip-address": (fake.ipv4_public, ["{}", "from {} to", "登录IP：{}，", "{}:8080"]),
    "cn.social-credit-code": (credit_code, ["信用代码{}", "{}"]),
    "eu.iban": (west.iban, ["IBAN {}", "{}", "Konto: {}, danke"]),
}


def negative():
    day = f"{draw.randint(1990, 2026)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
    return draw.choice([
        lambda: f"订单号{draw.randrange(10**18):018}",
        lambda: str(draw.randrange(10**15, 10**19)),
        lambda: day.replace("-", "") + f"{draw.randrange(10**6):06}",
        lambda: f"{draw.getrandbits(128):032x}",
        lambda: f"SKU-1{draw.randrange(10**10):010}",
        lambda: f"版本 {draw.randint(0, 9)}.{draw.randint(0, 99)}.{draw.randint(0, 99)}",
        lambda: f"{draw.random():.12f}",
        lambda: f"let x = foo_{draw.randrange(10**9)}(bar);",
        lambda: str(fake.uuid4(cast_to=str)),
        fake.sentence,
        lambda: f"单价{draw.randint(1, 9999)}.{draw.randint(0, 99):02}元",
        lambda: f"@media screen {{ width: {draw.randint(1, 2000)}px }}",
        lambda: f"{day}T{draw.randint(0, 23):02}:{draw.randint(0, 59):02}:07.{draw.randrange(10**6):06}+0800",
        lambda: f"订单 {draw.randrange(10**10, 10**11)}",
    ])()


def prose():
    text, spans, length = [], [], 0
    for _ in range(ITEMS):
        if draw.random() < 0.5:
            pieces = [negative(), draw.choice("\n\n ，；")]
        else:
            kind = draw.choice(list(KINDS))
            make, templates = KINDS[kind]
            front, back = draw.choice(templates).split("{}")
            value = make()
            spans.append((kind, length + len(front), length + len(front) + len(value)))
            pieces = [front, value, back, draw.choice("\n\n\n，；")]
        text += pieces
        length += sum(map(len, pieces))
    return "".join(text), spans


def table(delimiter):
    """Rows of values with a header, and a column of order numbers beside them."""
    heads = {"cn.resident-id": "证件号码", "cn.mobile": "手机", "payment-card": "卡号", "e-mail": "邮箱"}
    text, spans, length = [], [], 0

    def add(piece, kind=None):
        nonlocal length
        if kind:
            spans.append((kind, length, length + len(piece)))
        text.append(piece)
        length += len(piece)

    add(delimiter.join(["姓名", *heads.values(), "订单", "地址"]) + "\n")
    for _ in range(ROWS):
        add(fake.name() + delimiter)
        for kind in heads:
            add(KINDS[kind][0](), kind)
            add(delimiter)
        add(f"{draw.randrange(10**15, 10**16)}{delimiter}{fake.address().split(' ')[0]}\n")
    return "".join(text), spans


def lines_of_json():
    names = {"cn.resident-id": "id_no", "cn.mobile": "phone", "payment-card": "card", "e-mail": "mail"}
    text, spans, length = [], [], 0
    for _ in range(ROWS):
        line = "{"
        for kind, name in names.items():
            value = KINDS[kind][0]()
            line += f'"{name}": "'
            spans.append((kind, length + len(line), length + len(line) + len(value)))
            line += value + '", '
        line += f'"order": {draw.randrange(10**15, 10**16)}, "at": {1_700_000_000_000 + draw.randrange(10**9)}}}\n'
        text.append(line)
        length += len(line)
    return "".join(text), spans


def classify(path, places):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([BINARY, "classify", str(path), "--json", "--places", str(places)], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout)["files"][0], seconds


def score(name, text, spans, encoding):
    path = FOLDER / name
    path.write_bytes(text.encode(encoding))
    found, _ = classify(path, 10**7)
    at = list(itertools.accumulate((len(sign.encode()) for sign in text), initial=0))
    true = {(kind, at[start], at[end]) for kind, start, end in spans}
    told = {(place["kind"], place["start"], place["end"]) for place in found["places"]}
    rows = {}
    for kind in sorted({kind for kind, _, _ in true | told}):
        ours, theirs = {span for span in told if span[0] == kind}, {span for span in true if span[0] == kind}
        both = len(ours & theirs)
        rows[kind] = (len(theirs), both / len(theirs) if theirs else 1.0, both / len(ours) if ours else 1.0, len(ours - theirs))
    print(f"\n{name} ({encoding})")
    print(f"  {'KIND':26} {'TRUE':>7} {'RECALL':>8} {'PRECISION':>10} {'FALSE':>6}")
    for kind, (count, recall, precision, false) in rows.items():
        print(f"  {kind:26} {count:7} {recall:8.4f} {precision:10.4f} {false:6}")
    for column in found["columns"]:
        print(f"  {column['kind']} in column {column['column']}: {column['share_percent']} % of {column['sampled']}")


def pace(name, piece):
    path = FOLDER / name
    with open(path, "wb") as file:
        for _ in range(PACE_BYTES // len(piece)):
            file.write(piece)
    found, seconds = classify(path, 0)
    count = sum(kind["count"] for kind in found["kinds"])
    print(f"  {name:26} {path.stat().st_size / seconds / 1e6:7.0f} MB/s of CPU time, {count} found")
    path.unlink()


FOLDER.mkdir(parents=True, exist_ok=True)
print(f"seed {SEED}: {ITEMS} items of prose, half of them none of these; tables of {ROWS} rows")
for name, (text, spans), encoding in [
    ("prose.txt", prose(), "utf-8"),
    ("prose-gb18030.txt", prose(), "gb18030"),
    ("prose-utf16.txt", prose(), "utf-16"),
    ("table.csv", table(","), "utf-8"),
    ("table-gb18030.tsv", table("\t"), "gb18030"),
    ("lines.jsonl", lines_of_json(), "utf-8"),
]:
    score(name, text, spans, encoding)

print("\npace, one core, the start of the program included")
root = pathlib.Path(__file__).resolve().parents[2]
papers = b"".join(path.read_bytes() for path in sorted(root.glob("crates/*/src/**/*.rs")) + sorted(root.glob("docs/**/*.md")))
han = "".join(chr(draw.randint(0x4E00, 0x9FA5)) + ("，" if draw.random() < 0.1 else "") for _ in range(300_000))
dense, _ = table(",")
pace("program-text", papers)
pace("chinese", han.encode())
pace("chinese-gb18030", han.encode("gb18030"))
pace("dense.csv", dense.encode())
pace("dense-gb18030.csv", dense.encode("gb18030"))
