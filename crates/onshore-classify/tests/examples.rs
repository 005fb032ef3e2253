//! Masked examples: where they stand, how many there are, and that no value is in them.

use onshore_classify::{Findings, Options, Outcome, Sample, Scanner};

fn scan(bytes: &[u8], cut: usize, samples_max: usize) -> Findings {
    let mut scanner = Scanner::new(Options {
        samples_max,
        found_max: 10_000,
        ..Options::default()
    });
    for piece in bytes.chunks(cut) {
        scanner.push(piece);
    }
    let Outcome::Done(findings) = scanner.finish() else {
        panic!("it is a text");
    };
    *findings
}

/// Examples, which are the same however the bytes are cut.
fn samples(bytes: &[u8], samples_max: usize) -> Vec<Sample> {
    let whole = scan(bytes, bytes.len(), samples_max).samples;
    for cut in [1, 7, 4099] {
        assert_eq!(scan(bytes, cut, samples_max).samples, whole, "cut at {cut}");
    }
    whole
}

fn of<'a>(samples: &'a [Sample], kind: &str) -> Vec<&'a Sample> {
    samples.iter().filter(|sample| sample.id == kind).collect()
}

/// A table of people, a quoted line break among them.
fn table(rows: usize) -> String {
    let given = [
        "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳",
    ];
    let row = |at: usize| {
        let note = if at == 0 { "\"two\nlines\"" } else { "one" };
        let name = format!("王{}{}", given[at % 12], given[at / 12 % 12]);
        format!("{name},1380013{:04},{note},a{at}@example.com\n", 8000 + at)
    };
    let rows: String = (0..rows).map(row).collect();
    format!("姓名,手机号,备注,e-mail\n{rows}")
}

#[test]
fn examples_say_line_row_column_and_bytes() {
    let text = table(40);
    let samples = samples(text.as_bytes(), 3);
    let mobiles = of(&samples, "cn.mobile");
    let places: Vec<_> = mobiles
        .iter()
        .map(|sample| (sample.place.row, sample.place.line))
        .collect();
    // The first record goes over two lines.
    assert_eq!(
        places,
        [(2, 2), (3, 4), (4, 5)].map(|(row, line)| (Some(row), Some(line)))
    );
    for sample in &mobiles {
        assert_eq!(sample.mask, "138********");
        assert_eq!(sample.place.column, Some(2));
        assert_eq!(sample.place.header.as_deref(), Some("手机号"));
        let (start, end) = sample.place.span.expect("bytes");
        let value = &text[start as usize..end as usize];
        assert!(value.starts_with("1380013") && value.len() == 11, "{value}");
    }
    let names = of(&samples, "cn.name");
    assert_eq!(names.len(), 3);
    for (at, sample) in names.iter().enumerate() {
        assert_eq!(
            (sample.mask.as_str(), sample.place.column),
            ("***", Some(1))
        );
        assert_eq!(sample.place.row, Some(2 + at as u64));
        let (start, end) = sample.place.span.expect("bytes");
        assert!(text[start as usize..end as usize].starts_with('王'));
    }
    assert_eq!(of(&samples, "e-mail").len(), 3);
}

#[test]
fn there_are_as_many_as_were_asked_for_and_none_unasked() {
    let text = table(40);
    assert_eq!(scan(text.as_bytes(), 1 << 20, 0).samples, []);
    for asked in [1, 7, 100] {
        let found = samples(text.as_bytes(), asked);
        for kind in ["cn.mobile", "cn.name", "e-mail"] {
            assert_eq!(of(&found, kind).len(), asked.min(40), "{kind} {asked}");
        }
    }
}

#[test]
fn examples_are_those_of_what_holds() {
    // Chance makes one of ten such numbers hold: those before the cards are told by nobody.
    let chance: String = (0..400)
        .map(|at| format!("order {}\n", 4_111_111_111_111_000_u64 + at))
        .collect();
    let text = format!("{chance}card 4111111111111111\n");
    let samples = samples(text.as_bytes(), 5);
    let lines: Vec<_> = of(&samples, "payment-card")
        .iter()
        .map(|sample| sample.place.line)
        .collect();
    assert_eq!(lines, [Some(401)]);
}

#[test]
fn far_behind_the_beginning_lines_are_counted_still() {
    let filler = "nothing to see\n\n".repeat(60_000);
    let text = format!("{filler}手机 13800138000\n{filler}\"x\" 13900139000");
    let samples = samples(text.as_bytes(), 5);
    let lines: Vec<_> = samples.iter().map(|sample| sample.place.line).collect();
    assert_eq!(lines, [Some(120_001), Some(240_002)]);
    for sample in &samples {
        let (start, end) = sample.place.span.expect("bytes");
        assert_eq!(text[start as usize..end as usize].len(), 11);
        assert_eq!(sample.place.row, None, "lines are no rows");
    }
}

#[test]
fn places_in_what_was_unescaped_are_those_of_the_text_as_it_was() {
    let rows: Vec<String> = (0..30)
        .map(|at| {
            format!(
                "{{\"note\": \"\\u4e2d\\n\\n\\u6587\", \"phone\": \"+861380013{:04}\"}}",
                8000 + at
            )
        })
        .collect();
    let text = format!("[\n{}\n]", rows.join(",\n"));
    let found = samples(text.as_bytes(), 30);
    let mobiles = of(&found, "cn.mobile");
    assert_eq!(mobiles.len(), 30);
    for (at, sample) in mobiles.iter().enumerate() {
        let (start, end) = sample.place.span.expect("bytes");
        assert!(
            text[start as usize..end as usize].contains("1380013"),
            "{at}"
        );
        assert_eq!(sample.place.line, Some(2 + at as u64));
        assert_eq!(sample.place.header.as_deref(), Some("phone"));
    }
}

#[test]
fn bytes_are_counted_in_utf_8_whatever_the_text_is_in() {
    let text = table(40);
    let (encoded, _, _) = encoding_rs::GB18030.encode(&text);
    assert_eq!(samples(&encoded, 4), samples(text.as_bytes(), 4));
}

#[test]
fn titles_that_are_values_are_not_told() {
    let rows: Vec<String> = (0..20)
        .map(|at| format!("{{\"张伟{at}\": {{\"phone\": \"1380013{:04}\"}}, \"1101051949123{at:04}\": \"13900139000\"}}", 8000 + at))
        .collect();
    let text = rows.join("\n");
    let found = samples(text.as_bytes(), 100);
    assert!(of(&found, "cn.mobile").len() >= 20);
    for sample in found {
        let header = sample.place.header.unwrap_or_default();
        assert!(header.is_empty() || header == "phone", "{header}");
    }
}

#[test]
fn hostile_texts_make_neither_a_panic_nor_more_than_was_asked_for() {
    let mut texts: Vec<Vec<u8>> = vec![
        b"a@b.cn ".repeat(50_000),
        b"\n".repeat(1 << 20),
        b"13800138000,".repeat(100_000),
        b"{\"a\":\"13800138000\",".repeat(20_000),
        [b"\"".repeat(1 << 18), b"13800138000".to_vec()].concat(),
        [
            b"\0\x01\xFF".repeat(1 << 14),
            b"tel 13800138000 tel".to_vec(),
        ]
        .concat(),
    ];
    // A trial for each of many words before a number: of all of them together no more is told.
    let words = (0..30_000_u64).map(|at| format!("w{at:05} {}\n", 6_222_021_234_567_890_128_u64));
    texts.push(words.collect::<String>().into_bytes());
    for text in texts {
        for cut in [1 << 20, 1000] {
            let found = scan(&text, cut, 20).samples;
            for sample in &found {
                assert!(of(&found, sample.id).len() <= 20);
                assert!(!sample.mask.contains("0013800"), "{}", sample.mask);
            }
        }
    }
}
