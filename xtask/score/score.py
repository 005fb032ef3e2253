"""Scores what is found: strict spans of generated identifiers among what only looks like them, columns of names and addresses,
what is found in workbooks, Parquet, documents, mail and archives, and what is found in clean text.

score.py PROGRAM SEED [ROOT ...]: PROGRAM is the example `places` of onshore-classify; each ROOT is a folder of clean text. A span
counts only if kind, beginning and end are right.
"""

import collections
import gzip
import itertools
import pathlib
import subprocess
import sys

import containers
from generate import Generator
from shapes import Shapes

PROGRAM, SEED, ROOTS = sys.argv[1], int(sys.argv[2]), [pathlib.Path(root) for root in sys.argv[3:]]
ITEMS, ROWS, TABLES = 40_000, 4_000, 300
# Of the other shapes, and of what is put into containers.
SHAPE_ITEMS, SHAPE_ROWS, SHAPE_TABLES, CONTAINED = 20_000, 1_000, 6, 1_000
CLEAN_MAX = 64_000_000
BARS = {"cn.resident-id": 0.999, "cn.social-credit-code": 0.999, "payment-card": 0.999, "eu.iban": 0.999, "cn.mobile": 0.995}
COLUMN_BAR = 0.95
# Spans of these are no identifiers of the generator's: they are told of columns.
totals = collections.defaultdict(lambda: [0, 0, 0])
short = []


def told_of(data):
    done = subprocess.run([PROGRAM], input=data, capture_output=True, check=True)
    return [line.split("\t") for line in done.stdout.decode().splitlines()]


def places(data):
    lines = told_of(data)
    spans = [(line[1], int(line[2]), int(line[3])) for line in lines if line[0] == "place"]
    return spans, [(int(line[2]), line[1]) for line in lines if line[0] == "column"]


def score(name, text, spans, encoding="utf-8", show=3):
    found, columns = places(text.encode(encoding))
    at = list(itertools.accumulate((len(sign.encode()) for sign in text), initial=0))
    true = {(kind, at[start], at[end]) for kind, start, end in spans}
    told = set(found)
    print(f"\n{name} ({encoding})")
    print(f"  {'KIND':26} {'TRUE':>7} {'RECALL':>8} {'PRECISION':>10} {'FALSE':>6}")
    data = text.encode()
    for kind in sorted({kind for kind, _, _ in true | told}):
        ours, theirs = {span for span in told if span[0] == kind}, {span for span in true if span[0] == kind}
        both = len(ours & theirs)
        recall, precision = both / len(theirs) if theirs else 1.0, both / len(ours) if ours else 1.0
        bar = BARS.get(kind, 0)
        mark = " !" if min(recall, precision) < bar else ""
        if mark:
            short.append(f"{name}: {kind}")
        for at_place, count in enumerate((both, len(theirs), len(ours))):
            totals[kind][at_place] += count
        print(f"  {kind:26} {len(theirs):7} {recall:8.4f} {precision:10.4f} {len(ours - theirs):6}{mark}")
        for what, some in (("missed", theirs - ours), ("false", ours - theirs)):
            for _, start, end in sorted(some)[:show]:
                near = data[max(0, start - 40):start].decode(errors="ignore"), data[start:end].decode(errors="ignore"), data[end:end + 12].decode(errors="ignore")
                print(f"      {what}: {near[0]}⟦{near[1]}⟧{near[2]}".replace("\n", "⏎"))
    return columns


def columns_of(generator):
    counts = collections.defaultdict(lambda: [0, 0, 0])
    shown = collections.Counter()
    for _ in range(TABLES):
        text, true = generator.column_table(60)
        _, told = places(text.encode())
        told = set(told)
        for kind in {kind for _, kind in true | told}:
            ours, theirs = {one for one in told if one[1] == kind}, {one for one in true if one[1] == kind}
            for at, count in enumerate((len(ours & theirs), len(theirs), len(ours))):
                counts[kind][at] += count
            for column, _ in ours ^ theirs:
                shown[kind] += 1
                if shown[kind] <= 6:
                    what = "missed" if (column, kind) in theirs else "false"
                    print(f"      {what} {kind}: {[line.split(',')[column - 1] for line in text.splitlines()[:5]]}")
    print(f"\ncolumns of {TABLES} tables of 60 rows")
    for kind, (both, theirs, ours) in sorted(counts.items()):
        recall, precision = both / theirs if theirs else 1.0, both / ours if ours else 1.0
        mark = " !" if min(recall, precision) < COLUMN_BAR else ""
        if mark:
            short.append(f"columns: {kind}")
        print(f"  {kind:26} {theirs:7} {recall:8.4f} {precision:10.4f} {ours - both:6}{mark}")


def other_shapes(make):
    """Texts and records of the second generator."""
    for encoding in ("utf-8", "gb18030"):
        score("shapes, Chinese sentences", *make.sentences(SHAPE_ITEMS, make.chinese, make.chinese_negatives(), ["\n", " ", "，", "。"]), encoding)
    score("shapes, English sentences", *make.sentences(SHAPE_ITEMS, make.english, make.english_negatives(), ["\n", ". ", "; "]))
    score("shapes, program text", *make.program(SHAPE_ITEMS))
    score("shapes, log", *make.log(SHAPE_ITEMS))
    for form in (", with heads", ", without heads", "\t, without heads, quoted", ";, quoted", "|", "copy", "insert", "xml", "html", "json"):
        for turn in range(SHAPE_TABLES):
            heads, rows = make.heads_and_rows(SHAPE_ROWS)
            if form[0] in ",;|\t":
                rows = [[value.replace(form[0], " ") for value in row] for row in rows]
            columns = score(f"shapes, {form!r}, {turn}", *make.written(heads, rows, form), show=1)
            hold_columns(f"shapes, {form!r}, {turn}", heads, columns)


def hold_columns(name, heads, told):
    """Columns of names and addresses. Where they are within something else they are counted by kind."""
    true, ours = (collections.Counter(kinds) for kinds in ([kind for kind, _ in heads if kind in ("cn.name", "cn.address")], [kind for _, kind in told]))
    if true != ours:
        print(f"  columns: {dict(true)}, told {dict(ours)}")
        short.append(f"{name}: columns")


def contained(make):
    """What is in files that are no plain text: by kind and record where they have records, by kind alone where text flows."""
    print("\ncontainers, by kind and record")
    for turn in range(SHAPE_TABLES):
        heads, rows = make.heads_and_rows(CONTAINED)
        true = collections.Counter((make.kind(kind), at) for at, row in enumerate(rows) for (kind, _), value in zip(heads, row) if make.kind(kind) and value)
        table = make.written(heads, [[value.replace(",", " ") for value in row] for row in rows], ",")[0]
        book = containers.xlsx(heads, rows)
        files = [
            ("xlsx", book), ("Parquet", containers.parquet(heads, rows)), ("Parquet, zstd, plain", containers.parquet(heads, rows, "zstd")), ("CSV, gzip", containers.packed(table.encode())),
            ("CSV, GB18030, zip", containers.zipped(table.encode("gb18030"), "table.csv")), ("CSV, UTF-16", table.encode("utf-16")), ("xlsx in mail", containers.attached(book, "book.xlsx")),
        ]
        if turn == 0:
            files.append(("docx", containers.word(heads, rows)))
        for name, data in files:
            lines = told_of(data)
            records = [(line[1], int(line[4])) for line in lines if line[0] == "place"]
            # Where the rows begin: a header may be a record.
            first = min((record for _, record in records), default=0) - min((at for _, at in true), default=0)
            compare(f"{name}, {turn}", true, collections.Counter((kind, record - first) for kind, record in records))
            hold_columns(f"{name}, {turn}", heads, [(0, line[1]) for line in lines if line[0] == "column"])
    print("\ncontainers of flowing text, by kind")
    for name, kinds, negatives in (("Chinese", make.chinese, make.chinese_negatives()), ("English", make.english, make.english_negatives())):
        text, spans = make.sentences(CONTAINED, kinds, negatives, ["\n"])
        true = collections.Counter((kind, 0) for kind, _, _ in spans)
        for form, data in (("PDF", containers.pdf(text)), ("docx", containers.word_text(text)), ("mail", containers.mail(text, "utf-8")), ("mail, GB18030", containers.mail(text, "gb18030")), ("gzip", containers.packed(text.encode()))):
            compare(f"{form}, {name}", true, collections.Counter((line[1], 0) for line in told_of(data) if line[0] == "place"))


def compare(name, true, ours):
    worst = []
    for kind in sorted({kind for kind, _ in true | ours}):
        some = lambda counts: {key: count for key, count in counts.items() if key[0] == kind}
        both, theirs, told = (sum(some(counts).values()) for counts in (true & ours, true, ours))
        recall, precision = both / theirs if theirs else 1.0, both / told if told else 1.0
        for at, count in enumerate((both, theirs, told)):
            totals[kind][at] += count
        if min(recall, precision) < BARS.get(kind, 0):
            short.append(f"{name}: {kind}")
        if min(recall, precision) < 1:
            worst.append(f"{kind} {recall:.4f} {precision:.4f}")
    print(f"  {name:32} {sum(true.values()):7} {'; '.join(worst) or 'all'}")


def clean(root):
    size, counts, shown = 0, collections.Counter(), collections.defaultdict(list)
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.is_symlink() or size > CLEAN_MAX:
            continue
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        if b"\0" in data[:4096]:
            continue
        size += len(data)
        for kind, start, end in places(data)[0]:
            counts[kind] += 1
            if len(shown[kind]) < 5:
                shown[kind].append(f"{path.name}: {data[max(0, start - 30):end].decode(errors='replace')}".replace("\n", "⏎"))
    print(f"\nclean text: {root}, {size / 1e6:.1f} MB")
    for kind, count in counts.most_common():
        print(f"  {kind:26} {count:7} {count / max(size, 1) * 1e6:9.3f} for each MB")
        for line in shown[kind]:
            print(f"      {line}")


def main():
    make = Generator(SEED)
    print(f"seed {SEED}: prose of {ITEMS} items, half of them none of these; tables and records of {ROWS} rows")
    for encoding in ("utf-8", "gb18030", "utf-16"):
        score("prose", *make.prose(ITEMS, make.values()), encoding)
    score("prose without words", *make.prose(ITEMS, {kind: (value, ["{}"]) for kind, (value, _) in make.values().items()}))
    score("prose, few of them", *make.prose(ITEMS, make.values(), positives=0.02))
    score("prose of rarer kinds", *make.prose(ITEMS, make.rare_values()))
    for name, heads, delimiter, has_header in [
        ("Chinese heads", make.CHINESE_HEADS, ",", True), ("English heads", make.SNAKE_HEADS, ",", True), ("no heads", make.CHINESE_HEADS, ",", False),
        ("tab", make.CHINESE_HEADS, "\t", True), ("semicolon", make.SNAKE_HEADS, ";", True),
    ]:
        for turn in range(3):
            (text, spans), columns = make.table(ROWS, heads, delimiter, has_header)
            told = score(f"table, {name}, {turn}", text, spans, "gb18030" if delimiter == "\t" else "utf-8")
            missed, false = set(columns) - set(told), set(told) - set(columns)
            if missed or false:
                short.append(f"table, {name}, {turn}: columns missed {sorted(missed)}, false {sorted(false)}")
    for form in ("snake", "camel", "array", "sql", "log"):
        for turn in range(2):
            score(f"records, {form}, {turn}", *make.records(ROWS, form))
    columns_of(make)
    shapes = Shapes(SEED)
    other_shapes(shapes)
    contained(shapes)
    print("\nall together")
    for kind, (both, theirs, ours) in sorted(totals.items()):
        print(f"  {kind:26} {theirs:7} {both / theirs if theirs else 1:8.4f} {both / ours if ours else 1:10.4f} {ours - both:6}")
    for root in ROOTS:
        clean(root)
    print("\nbelow their bars: " + ("; ".join(short) or "none"))


main()
