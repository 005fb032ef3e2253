//! Texts with a structure are read as records, with their places as they were, however they are cut and written.

use encoding_rs::{BIG5, GB18030};
use onshore_classify::{Findings, Options, Outcome, Scanner};
use proptest::prelude::*;

const RESIDENT: &str = "11010519491231002X";
const PASSPORT: &str = "E12345678";

fn read(bytes: &[u8], cut: usize) -> Findings {
    let mut scanner = Scanner::new(Options {
        found_max: 100_000,
        ..Options::default()
    });
    for piece in bytes.chunks(cut) {
        scanner.push(piece);
    }
    match scanner.finish() {
        Outcome::Done(findings) => *findings,
        Outcome::Whole(whole) => panic!("a text is no {}", whole.format()),
    }
}

/// What was found: the kind, the text and the record of each.
fn told(text: &str) -> Vec<(&'static str, &str, u64)> {
    let whole = places(&read(text.as_bytes(), 1 << 20));
    for cut in [1, 2, 3, 7] {
        assert_eq!(
            places(&read(text.as_bytes(), cut)),
            whole,
            "cut at {cut}: {text}"
        );
    }
    let told = whole.into_iter().map(|(id, start, end, record)| {
        let value = text.get(start as usize..end as usize);
        (id, value.expect("a place in the text"), record)
    });
    told.collect()
}

fn places(findings: &Findings) -> Vec<(&'static str, u64, u64, u64)> {
    let found = findings.found.iter();
    found
        .map(|found| (found.detector.id, found.start, found.end, found.record))
        .collect()
}

fn columns(text: &str) -> Vec<(usize, Option<String>, &'static str)> {
    let findings = read(text.as_bytes(), 11);
    let columns = findings.columns.into_iter();
    columns
        .map(|found| (found.column, found.header, found.id))
        .collect()
}

/// Kinds and values, without records.
fn values(text: &str) -> Vec<(&'static str, &str)> {
    let told = told(text).into_iter();
    told.map(|(id, value, _)| (id, value)).collect()
}

const NAMES: [&str; 3] = ["张伟", "王芳", "李静"];

#[test]
fn names_of_json_say_what_values_are() {
    let lines: String = NAMES
        .map(|name| format!("{{\"护照\": {{\"号\": \"{PASSPORT}\", \"签发\":\"上海\"}}, \"name\": \"{name}\"}}\n"))
        .concat();
    let all = told(&lines);
    assert_eq!(all.len(), 3);
    assert!(
        all.iter()
            .all(|(id, value, _)| (*id, *value) == ("cn.passport", PASSPORT))
    );
    let [(_, _, first), (_, _, second), _] = all.as_slice() else {
        panic!("three");
    };
    assert_ne!(first, second);
    assert_eq!(columns(&lines), [(4, Some("name".to_owned()), "cn.name")]);
    // What says it may be the value before; a number between says nothing of what comes behind it.
    let beside = format!(
        "[{{\"type\":\"护照\",\"number\":\"{PASSPORT}\"}}, {{\"护照\":\"G87654321\",\"code\":\"{PASSPORT}\"}}]"
    );
    assert_eq!(
        values(&beside),
        [("cn.passport", PASSPORT), ("cn.passport", "G87654321")]
    );
    // Only the nearest name speaks against what stands under it.
    let order = "{\"order\": {\"mobile\": \"13800138000\", \"order\": \"13900139000\"}}";
    assert_eq!(values(order), [("cn.mobile", "13800138000")]);
}

#[test]
fn escapes_of_json_are_read_and_places_are_those_of_the_text_as_it_is() {
    let text = format!(
        "[{{\"\\u62a4\\u7167\": \"{PASSPORT}\", \"\\u59d3\\u540d\": \"\\u5f20\\u4f1f\"}},\n{{\"note\": \"\\n{RESIDENT}\\n, \\u4eacA12345 \\ud83d\\ude00 a@b.cn\"}}]"
    );
    assert_eq!(
        values(&text),
        [
            ("cn.passport", PASSPORT),
            ("cn.resident-id", RESIDENT),
            ("cn.plate", "\\u4eacA12345"),
            ("e-mail", "a@b.cn"),
        ]
    );
    assert_eq!(columns(&text).len(), 1);
}

#[test]
fn broken_json_is_text() {
    for broken in [
        format!("{{\"a\": \"{RESIDENT}"),
        format!("{{\"a\": \"\\u12{RESIDENT}"),
        format!("{{\"a\": \"\\ud83d\\u{RESIDENT}"),
        format!("{{\"a\": {}{RESIDENT}", "[{".repeat(1000)),
        format!("{{\"a\": 1{}\n{RESIDENT}", "]}#".repeat(1000)),
        format!("{{\"a\": \"no end\n{RESIDENT}\n"),
        format!("{{\"\\{RESIDENT}\": \"\\"),
    ] {
        let found = values(&broken);
        let is_in_escape = broken.contains(&format!("u12{RESIDENT}"));
        assert_eq!(found.len(), usize::from(!is_in_escape), "{broken}");
    }
}

#[test]
fn rows_of_sql_have_the_columns_of_their_table() {
    let dump = format!(
        "-- It's a dump\nCREATE TABLE `people` (\n  `id` int(11) NOT NULL COMMENT 'a; (b)',\n  `护照` varchar(20),\n  `姓名` varchar(20),\n  PRIMARY KEY (`id`)\n);\n\
         INSERT INTO `people` VALUES (1,'{PASSPORT}','张伟'),(2,'{PASSPORT}','王\\'芳'),\n(3,NULL,'it''s {RESIDENT}');\n\
         INSERT INTO people (姓名, id, 护照) VALUES ('李静', 4, '{PASSPORT}');\n\
         INSERT INTO other VALUES ('{PASSPORT}');\n"
    );
    let all = told(&dump);
    let kinds: Vec<_> = all.iter().map(|(id, value, _)| (*id, *value)).collect();
    let passport = ("cn.passport", PASSPORT);
    assert_eq!(
        kinds,
        [passport, passport, ("cn.resident-id", RESIDENT), passport]
    );
    let records: Vec<_> = all.iter().map(|(_, _, record)| record).collect();
    assert!(records.is_sorted_by(|one, next| one < next), "{records:?}");
    assert_eq!(columns(&dump), [(3, Some("姓名".to_owned()), "cn.name")]);
}

#[test]
fn lines_of_copy_have_the_columns_that_it_names() {
    let dump = format!(
        "SET client_encoding = 'UTF8';\nCOPY public.people (id, \"passport\", 姓名) FROM stdin;\n\
         1\t{PASSPORT}\t张伟\n2\t\\N\t王芳\n3\t{PASSPORT}\tone\\t{RESIDENT}\\n\n\\.\n\nSELECT '{PASSPORT}';\n"
    );
    assert_eq!(
        values(&dump),
        [
            ("cn.passport", PASSPORT),
            ("cn.passport", PASSPORT),
            ("cn.resident-id", RESIDENT)
        ]
    );
    assert_eq!(columns(&dump), [(3, Some("姓名".to_owned()), "cn.name")]);
}

#[test]
fn elements_and_attributes_say_what_values_are() {
    let people: String = NAMES
        .map(|name| {
            format!(
                "<person 护照=\"{PASSPORT}\"><姓名>{name}</姓名><note><b/>&#x4eac;A12345, &lt;a@b.cn&gt;</note></person>\n"
            )
        })
        .concat();
    let text = format!("<?xml version=\"1.0\"?>\n<!-- > -->\n<people>\n{people}</people>");
    let all = told(&text);
    let one = [
        ("cn.passport", PASSPORT),
        ("cn.plate", "&#x4eac;A12345"),
        ("e-mail", "a@b.cn"),
    ];
    assert_eq!(values(&text), [one; 3].concat());
    let records: Vec<_> = all.iter().map(|(_, _, record)| *record).collect();
    assert_eq!(
        records
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        3
    );
    assert!(
        records
            .chunks(3)
            .all(|of_one| of_one.iter().min() == of_one.iter().max())
    );
    let found = columns(&text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.as_deref(), Some("people.person.姓名"));
}

#[test]
fn tables_of_pages_have_headers() {
    let rows: String = NAMES
        .map(|name| format!("<tr><td>{name}<td class=\"x\">{PASSPORT}</td></tr>"))
        .concat();
    let text = format!(
        "<!DOCTYPE html><html><table><tr><th>姓名</th><th><b>护照</b></th></tr>{rows}</table><p>{PASSPORT}"
    );
    assert_eq!(values(&text), [("cn.passport", PASSPORT); 3]);
    assert_eq!(columns(&text), [(1, Some("姓名".to_owned()), "cn.name")]);
}

/// Pieces of which texts are made that look like something.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        RESIDENT,
        "13800138000",
        "电话",
        "订单号",
        "身份证号：",
        "護照",
        PASSPORT,
        "１１０１０５１９４９１２３１００２Ｘ",
        "a@b.cn",
        "车牌京A12345",
        "4917610000000000003",
        "卡号",
        "\n",
        ",",
        "，",
        " ",
        "\"",
        "'",
        "{",
        "}",
        "[",
        "]",
        ":",
        "<a>",
        "</a>",
        "<",
        "&",
        ";",
        "\\",
        "\\u",
        "62a4",
        "\t",
        "(",
        ")",
        "王小明",
        "192.0.2.77",
        "x",
        "--",
        "/*",
        "*/",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// What readers are begun by.
const BEGINNINGS: &[&str] = &[
    "",
    "a,b\n1,2\n3,4\n5,6\n",
    "{\"a\":1,",
    "[{\"护照\":\"",
    "INSERT INTO t VALUES ('",
    "COPY t (a) FROM stdin;\n",
    "<a><b>",
    "<html><table><tr><td>",
];

proptest! {
    #[test]
    fn cuts_change_nothing(beginning in prop::sample::select(BEGINNINGS), text in pieces(), cut in 1..50_usize) {
        let text = format!("{beginning}{text}");
        let whole = read(text.as_bytes(), 1 << 20);
        let parts = read(text.as_bytes(), cut);
        prop_assert_eq!(places(&parts), places(&whole));
        prop_assert_eq!(&parts.kinds, &whole.kinds);
        prop_assert_eq!(&parts.columns, &whole.columns);
    }

    #[test]
    fn encodings_change_nothing(beginning in prop::sample::select(BEGINNINGS), text in pieces()) {
        // Enough of a language to tell its encoding by.
        const SIMPLE: &str = "床前明月光，疑是地上霜。举头望明月，低头思故乡。春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。";
        const OTHER: &str = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。";
        for (encoding, names, poem) in [(GB18030, &["GBK", "gb18030"][..], SIMPLE), (BIG5, &["Big5"][..], OTHER)] {
            // The poem makes it longer than what the encoding is guessed from, and stands behind what says the structure.
            let text = format!("{beginning}{text}{poem}");
            let (bytes, _, _) = encoding.encode(&text);
            // What cannot be written so is replaced.
            let (text, _, _) = encoding.decode(&bytes);
            let plain = read(text.as_bytes(), 1 << 20);
            let wide: Vec<u8> = [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
            let wide = read(&wide, 5);
            prop_assert_eq!(wide.encoding, Some("UTF-16LE"));
            prop_assert_eq!(places(&wide), places(&plain));
            let other = read(&bytes, 5);
            prop_assert!(other.encoding.is_some_and(|name| names.contains(&name)), "{:?}", other.encoding);
            prop_assert_eq!(places(&other), places(&plain));
            prop_assert_eq!(&other.kinds, &plain.kinds);
        }
    }

    /// What a number of its own is found in text is found in the same text read as something else.
    #[test]
    fn readers_lose_nothing(beginning in prop::sample::select(BEGINNINGS), text in pieces()) {
        let text = format!("{beginning}{text} a@b.cn {RESIDENT} x");
        let found = read(text.as_bytes(), 1 << 20);
        let has = |id: &str| found.found.iter().any(|found| found.detector.id == id && text.get(found.start as usize..found.end as usize).is_some_and(|value| value == RESIDENT || value == "a@b.cn"));
        prop_assert!(has("cn.resident-id"));
        prop_assert!(has("e-mail"));
    }
}

/// A card of nineteen digits that holds its check, one for each number.
fn card(number: u64) -> String {
    let front = format!("622202{:012}", number * 7_919_234_567 % 1_000_000_000_000);
    let sum: u32 = front
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0');
            match (at % 2, digit) {
                (0, 0..=4) => digit * 2,
                (0, _) => digit * 2 - 9,
                _ => digit,
            }
        })
        .sum();
    format!("{front}{}", (10 - sum % 10) % 10)
}

/// A number of an order: nineteen digits, with an issuer's range and a check that holds as often as chance has it.
fn order(number: u64) -> String {
    format!(
        "622208{:013}",
        number * 7_919_234_567_891 % 10_000_000_000_000
    )
}

fn count(text: &str, kind: &str) -> u64 {
    let kinds = read(text.as_bytes(), 1 << 16).kinds;
    let of_it = kinds.iter().find(|found| found.id == kind);
    of_it.map_or(0, |found| found.count)
}

#[test]
fn columns_of_numbers_are_reckoned_with_apart() {
    let rows = |first: fn(u64) -> String, second: fn(u64) -> String| -> String {
        (1..=200)
            .map(|at| format!("row,{},{}\n", first(at), second(at)))
            .collect()
    };
    let orders = rows(order, order);
    assert_eq!(count(&orders, "payment-card"), 0);
    // Numbers of orders make none of their own because there are cards beside them, and hide none of those.
    assert_eq!(count(&rows(card, order), "payment-card"), 200);
    assert_eq!(count(&rows(order, card), "payment-card"), 200);
    let lines: String = (1..=200)
        .map(|at| format!("at work bill={} paid={}\n", order(at), card(at)))
        .collect();
    assert_eq!(count(&lines, "payment-card"), 200);
    // Of numbers of any length some look like cards.
    let others: String = (1..=200_u64)
        .map(|at| {
            format!(
                "row,{:019}\n",
                at.wrapping_mul(4_319_234_567_891_234_567) >> 2
            )
        })
        .collect();
    assert_eq!(count(&others, "payment-card"), 0);
}

#[test]
fn what_is_said_of_one_number_is_not_said_of_the_next() {
    for text in [
        // The name of an element that is closed, a sentence in the value before, a number further on in the line.
        "<a><r><card_no>6222021234567890128</card_no><trade>36227206271667</trade></r></a>",
        "x,电话已经打过很多次了,0301234567\ny,电话已经打过很多次了,0301234568\nz,电话已经打过很多次了,0301234569\n",
        "BSN 111222333; a widget 123456782\n",
        "code 123456789QQ7 and 879186\n",
        "{\"idCard\":\"110105\",\"reqId\":\"622202123456789012\"} and more",
    ] {
        let left: Vec<_> = values(text)
            .into_iter()
            .filter(|(_, value)| !matches!(*value, "6222021234567890128" | "111222333"))
            .collect();
        assert_eq!(left, [], "{text}");
    }
    // But of all in a list, and by a short value beside it.
    assert_eq!(values("BSN 111222333, 123456782 en 223456780\n").len(), 3);
    assert_eq!(
        values("[{\"kind\": \"BSN\", \"value\": \"111222333\"}]"),
        [("nl.bsn", "111222333")]
    );
    assert_eq!(
        values(
            "{\"kind\": \"BSN\", \"value\": \"111222333\"}\n{\"kind\": \"x\", \"value\": \"123456782\"}\n"
        ),
        [("nl.bsn", "111222333")]
    );
}

#[test]
fn numbers_in_groups_are_taken_as_a_whole() {
    // The first four groups hold the check as well.
    let text = "卡号6230 5897 7578 8616 400，开户行";
    assert_eq!(values(text), [("payment-card", "6230 5897 7578 8616 400")]);
}
