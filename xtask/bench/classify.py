"""Measures how fast texts are classified, beside other programs that look for personal data, on the same files.

classify.py PACE FOLDER: PACE is the measurement of `onshore-classify`, which reads whole files, and their beginning as a small
object. The others read as much of the beginning of each as they manage in a few seconds. Megabytes per second of CPU time, one
core, the best of some rounds; of Parquet, which the others do not read, megabytes of decoded columns. Everything is generated; no
real person is in it.
"""

import json
import pathlib
import random
import re
import subprocess
import sys
import time
from importlib.metadata import version

import pyarrow
import pyarrow.parquet
import spacy
from datafog.processing.text_processing.regex_annotator import RegexAnnotator
from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine

PACE, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
FILE_BYTES = 24_000_000
ROWS = 10_000
# What a peer reads first, and how long it may take in all.
SLICE_CHARACTERS = 20_000
SECONDS = 4

draw = random.Random(4)
WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
TITLES = ["编号", "姓名", "身份证号", "手机号", "银行卡号", "邮箱", "地址", "金额", "出生日期", "登记时间"]
NAMES = ["id", "name", "id_no", "mobile", "card_no", "email", "address", "amount", "birthday", "created_at"]


def day():
    return f"{draw.randint(1950, 2005)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"


def resident():
    body = draw.choice(["110105", "310115", "440305", "330106"]) + day().replace("-", "") + f"{draw.randrange(1000):03}"
    return body + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS)) % 11]


def card():
    front = draw.choice(["622202", "621700", "622848"]) + f"{draw.randrange(10**12):012}"
    total = sum(sum(divmod(int(digit) * 2, 10)) if at % 2 == 0 else int(digit) for at, digit in enumerate(reversed(front)))
    return front + str(-total % 10)


def row():
    return [
        str(draw.randrange(10**6)),
        draw.choice("王李张刘陈杨黄赵吴周") + "".join(draw.choices("伟芳娜敏静丽强磊军洋", k=draw.randint(1, 2))),
        resident(),
        "1" + draw.choice("35789") + f"{draw.randrange(10**9):09}",
        card(),
        "".join(draw.choices("abcdefghijklmnop", k=7)) + draw.choice(["@qq.com", "@163.com", "@example.com"]),
        draw.choice(["北京市朝阳区建国路", "上海市浦东新区世纪大道", "广东省深圳市南山区科技园路"]) + f"{draw.randint(1, 999)}号",
        f"{draw.uniform(1, 99_999):.2f}",
        day(),
        f"{day()} {draw.randint(0, 23):02}:{draw.randint(0, 59):02}:{draw.randint(0, 59):02}",
    ]


def chinese(count):
    """Of the more common characters, with punctuation and lines."""
    signs = (bytes([draw.randrange(0xB0, 0xD7), draw.randrange(0xA1, 0xFA)]).decode("gb2312") for _ in range(count))
    return "".join(sign + ("，" if draw.random() < 0.08 else "\n" if draw.random() < 0.01 else "") for sign in signs)


def english(count):
    words = "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what".split()
    return "".join(draw.choice(words) + (".\n" if draw.random() < 0.05 else " ") for _ in range(count))


def log(count):
    return "".join(
        f"2025-11-03T{draw.randint(10, 23)}:{draw.randint(10, 59)}:{draw.randint(10, 59)}.{draw.randrange(1000):03}Z INFO  worker-{draw.randrange(64)} "
        f"request id={draw.getrandbits(64):016x} path=/api/v1/items/{draw.randrange(10**6)} status=200 took={draw.randrange(5000)}us\n"
        for _ in range(count)
    )


def program_text():
    root = pathlib.Path(__file__).resolve().parents[2]
    return "".join(path.read_text() for path in sorted(root.glob("crates/*/src/**/*.rs")) if "detectors" not in path.parts)


def texts():
    rows = [row() for _ in range(ROWS)]
    table = "".join(",".join(values) + "\n" for values in rows)
    han = chinese(200_000)
    return [
        ("English", "", english(100_000), "utf-8"),
        ("Chinese", "", han, "utf-8"),
        ("Chinese, GB18030", "", han, "gb18030"),
        ("Chinese, UTF-16", "", han, "utf-16"),
        ("program text", "", program_text(), "utf-8"),
        ("log", "", log(20_000), "utf-8"),
        ("dense CSV", ",".join(TITLES) + "\n", table, "utf-8"),
        ("dense CSV, GB18030", ",".join(TITLES) + "\n", table, "gb18030"),
        ("dense JSON lines", "", "".join(json.dumps(dict(zip(NAMES, values)), ensure_ascii=False) + "\n" for values in rows), "utf-8"),
        ("dense SQL", "", "".join(f"INSERT INTO people ({', '.join(NAMES)}) VALUES ({', '.join(map(repr, values))});\n" for values in rows), "utf-8"),
    ]


def parquet(path, rows):
    """Writes rows as Parquet, so often that they are as long as a file of text, and returns how many bytes its columns are."""
    table = pyarrow.table({name: [values[at] for values in rows] for at, name in enumerate(NAMES)})
    table = pyarrow.concat_tables([table] * max(1, FILE_BYTES // table.nbytes))
    pyarrow.parquet.write_table(table, path, use_dictionary=False)
    return table.nbytes


def plain_row():
    """As many columns with nothing to find."""
    words = english(40).replace("\n", " ").split()
    return [" ".join(words[at * 4 : at * 4 + 4]) if at % 2 else f"{draw.uniform(1, 99_999):.4f}" for at in range(len(NAMES))]


class Blank(SpacyNlpEngine):
    """No language model: words are parted and no more, as recognisers of patterns need it."""

    def __init__(self):
        super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
        self.nlp = {"en": spacy.blank("en")}
        self.nlp["en"].max_length = 10**8

    def load(self):
        pass


def presidio():
    kinds = {
        "resident-id": r"(?<!\d)[1-8]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\d)",
        "mobile": r"(?<!\d)1[3-9]\d{9}(?!\d)",
        "card": r"(?<!\d)\d{13,19}(?!\d)",
        "e-mail": r"\b[\w.%+-]+@[\w-]+(?:\.[\w-]+)+\b",
        "ip-address": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
        "plate": r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][A-Z0-9]{5,6}",
        "passport": r"\b[EG]\d{8}\b",
        "iban": r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b",
    }
    recognisers = [
        PatternRecognizer(kind.upper(), patterns=[Pattern(kind, regex, 0.6)], supported_language="en", global_regex_flags=re.DOTALL)
        for kind, regex in kinds.items()
    ]
    registry = RecognizerRegistry(recognizers=recognisers, supported_languages=["en"])
    engine = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])
    return lambda text: len(engine.analyze(text, language="en"))


def data_fog():
    annotator = RegexAnnotator()
    return lambda text: sum(map(len, annotator.annotate(text).values()))


def pace_of(look, path, encoding):
    """Bytes per second of CPU time, decoding included, of as much of a file as a few seconds take."""
    begun = time.process_time()
    best, characters = 0.0, SLICE_CHARACTERS
    whole = path.read_bytes()[: FILE_BYTES // 4].decode(encoding, "ignore")
    while time.process_time() - begun < SECONDS:
        piece = whole[:characters].encode(encoding)
        before = time.process_time()
        look(piece.decode(encoding))
        best = max(best, len(piece) / max(time.process_time() - before, 1e-9))
        if characters < len(whole) and time.process_time() - before < SECONDS / 8:
            characters *= 4
    return best


FOLDER.mkdir(parents=True, exist_ok=True)
files = []
for name, head, body, encoding in texts():
    path = FOLDER / re.sub(r"\W+", "-", name.lower())
    repeated = body.encode(encoding)
    path.write_bytes(head.encode(encoding) + repeated * (FILE_BYTES // len(repeated)))
    files.append((name, path, encoding, path.stat().st_size))
noise = FOLDER / "noise"
noise.write_bytes(draw.randbytes(FILE_BYTES))
files.append(("noise", noise, None, FILE_BYTES))
for name, make in (("Parquet, plain", plain_row), ("Parquet, dense", row)):
    path = FOLDER / re.sub(r"\W+", "-", name.lower())
    files.append((name, path, None, parquet(path, [make() for _ in range(ROWS)])))
said = subprocess.run([PACE, *(str(path) for _, path, _, _ in files)], capture_output=True, text=True, check=True).stdout
ours = {line.split("\t")[0]: line.split("\t")[1:] for line in said.splitlines()}
peers = [(f"Presidio {version('presidio-analyzer')}", presidio()), (f"DataFog {version('datafog')}", data_fog())]
print("MB/s of CPU time on one core, and how many times slower; microseconds for the first 4 KiB with persons counted\n")
print(f"{'TEXT':22}{'onshore':>10}{'4 KiB':>10}{'found':>10}" + "".join(f"{name:>28}" for name, _ in peers))
for name, path, encoding, size in files:
    speed, found, small = float(ours[str(path)][0]) * size / path.stat().st_size, int(ours[str(path)][1]), float(ours[str(path)][2])
    cells = []
    for _, look in peers if encoding else []:
        theirs = pace_of(look, path, encoding)
        cells.append(f"{theirs / 1e6:.3f} ({speed / theirs:,.0f} x)")
    beginning = f"{small:10.1f}" if "Parquet" not in name else f"{'-':>10}"
    print(f"{name:22}{speed / 1e6:10.0f}{beginning}{found:10}" + "".join(f"{cell:>28}" for cell in cells), flush=True)
    path.unlink()
print("\nPresidio with recognisers of patterns for the same kinds and no language model; DataFog with its own regular expressions. Neither checks digits.")
