//! What a text holds in another writing than its own is found too, and what only looks like that is left.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use onshore_classify::{Findings, Ground, Options, Outcome, Scanner, ToldTerm, ToldTerms};
use onshore_types::Level;

const CUSTOMERS: &str =
    "客户 张伟 身份证 11010519491231002X 手机 13912345678\n客户 李娜 手机 13800138000\n";

fn scan(bytes: &[u8]) -> Findings {
    let whole = scan_in(bytes, bytes.len().max(1));
    for cut in [1, 7, 4096] {
        let cut = scan_in(bytes, cut);
        assert_eq!((&cut.kinds, &cut.formats), (&whole.kinds, &whole.formats));
        assert_eq!(cut.unread, whole.unread);
    }
    whole
}

fn scan_in(bytes: &[u8], cut: usize) -> Findings {
    let told = ToldTerm {
        id: "heron".to_owned(),
        word: "BLUEHERON".to_owned(),
        level: Level::Important,
        category: None,
        ground: Ground::NationalSecurity,
        authority: "notice".to_owned(),
    };
    let told = ToldTerms::new(vec![told], 1).expect("a word");
    let mut scanner = Scanner::new(Options::default()).with_told(Arc::new(told));
    bytes.chunks(cut).for_each(|piece| scanner.push(piece));
    match scanner.finish() {
        Outcome::Done(findings) => *findings,
        Outcome::Whole(_) => panic!("no archive"),
    }
}

fn count(findings: &Findings, id: &str) -> u64 {
    let kind = findings.kinds.iter().find(|kind| kind.id == id);
    kind.map_or(0, |kind| kind.count)
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let mut room = [0; 4];
        let (_, some) = room.split_at_mut(1);
        some.iter_mut()
            .zip(three)
            .for_each(|(to, byte)| *to = *byte);
        let held = u32::from_be_bytes(room);
        for place in 0..4 {
            let sign = SIGNS[(held >> (18 - 6 * place) & 63) as usize];
            out.push(if place > three.len() {
                '='
            } else {
                sign.into()
            });
        }
    }
    out
}

fn in_lines(text: &str, len: usize) -> String {
    let lines = text.as_bytes().chunks(len);
    lines
        .map(|line| String::from_utf8_lossy(line).into_owned() + "\r\n")
        .collect()
}

fn each_sign(text: &str, write: impl Fn(&mut String, char)) -> String {
    let mut out = String::new();
    text.chars().for_each(|sign| write(&mut out, sign));
    out
}

fn hex(bytes: &[u8], before: &str) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{before}{byte:02x}").expect("a string takes all");
        out
    })
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

#[test]
fn customers_are_found_however_they_are_written() {
    let all = CUSTOMERS.as_bytes();
    let digits = |zero: char| {
        each_sign(CUSTOMERS, |out, sign| {
            let digit = sign
                .to_digit(10)
                .and_then(|digit| char::from_u32(u32::from(zero) + digit));
            out.push(digit.unwrap_or(sign));
        })
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("Base64", base64(all).into()),
        ("Base64 in lines", in_lines(&base64(all), 76).into()),
        ("Base64 in lines of 70", in_lines(&base64(all), 70).into()),
        (
            "Base64 in JSON",
            format!("[{{\"key\": 1, \"value\": \"{}\"}}]", base64(all)).into(),
        ),
        (
            "a link to data",
            format!("<img src=\"data:text/plain;base64,{}\">", base64(all)).into(),
        ),
        ("Base64 of Base64", base64(base64(all).as_bytes()).into()),
        ("Base64 of gzip", base64(&gzip(all)).into()),
        ("Base64 of zlib", base64(&zlib(all)).into()),
        ("hexadecimal", hex(all, "").to_uppercase().into()),
        (
            "hexadecimal behind 0x",
            format!("x = 0x{}", hex(all, "")).into(),
        ),
        ("octets in percent signs", hex(all, "%").into()),
        (
            "references",
            each_sign(CUSTOMERS, |out, sign| {
                write!(out, "&#{};", u32::from(sign)).expect("a string takes all");
            })
            .into(),
        ),
        (
            "signs that nobody sees",
            each_sign(CUSTOMERS, |out, sign| out.extend([sign, '\u{200B}'])).into(),
        ),
        ("Arabic digits", digits('\u{660}').into()),
        ("Tibetan digits", digits('\u{F20}').into()),
        ("digits of full width", digits('０').into()),
        ("zlib", zlib(all)),
        ("zlib in gzip", gzip(&zlib(all))),
        (
            "UTF-16",
            base64(all)
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect(),
        ),
    ];
    for (name, bytes) in cases {
        let findings = scan(&bytes);
        assert_eq!(
            count(&findings, "cn.resident-id"),
            1,
            "{name}: {:?}",
            findings.kinds
        );
        assert_eq!(
            count(&findings, "cn.mobile"),
            2,
            "{name}: {:?}",
            findings.kinds
        );
        assert_eq!(findings.unread.len(), 0, "{name}: {:?}", findings.unread);
    }
}

#[test]
fn told_words_are_found_however_they_are_written() {
    let plain = "about BLUEHERON and what it is for";
    let cases: Vec<Vec<u8>> = vec![
        plain.into(),
        plain.replace("BLUEHERON", "ＢＬＵＥＨＥＲＯＮ").into(),
        plain.replace("BLUEHERON", "BLUE<b>HERON</b>").into(),
        format!(
            "<html><p>{}</p></html>",
            plain.replace("UE", "U<!-- x --><i class=\"a\">E</i>")
        )
        .into(),
        plain.replace('U', "U\u{200B}").into(),
        plain.replace('U', "%55").into(),
        base64(plain.as_bytes()).into(),
        hex(plain.as_bytes(), "").into(),
        zlib(plain.as_bytes()),
    ];
    for bytes in cases {
        let findings = scan(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(
            findings.important.len(),
            1,
            "{text}: {:?}",
            findings.important
        );
    }
}

#[test]
fn a_hyphen_to_another_number_hides_none() {
    let (id, other, mobile) = ("11010519491231002X", "110105194912310046", "13912345678");
    for text in [
        format!("{id}-{mobile}"),
        format!("{mobile}-{id}"),
        format!("{id}-{other}"),
        format!("c/{id}-1.pdf"),
        format!("c/{id}-001.jpg"),
        format!("c/{id}-20261201.pdf"),
        format!("c/2026-12-01-{id}.pdf"),
        format!("c/20261201-{id}.pdf"),
        format!("{other}.00"),
    ] {
        assert!(
            count(&scan(text.as_bytes()), "cn.resident-id") > 0,
            "{text}"
        );
    }
    for text in [
        format!("手机 {mobile}-13812345677"),
        format!("手机 {mobile}_13812345677"),
        format!("c/{mobile}-20261201.wav"),
        format!("{id}-{mobile}"),
    ] {
        assert!(count(&scan(text.as_bytes()), "cn.mobile") > 0, "{text}");
    }
    // Parts of a longer number, and fractions, are none.
    for text in [
        format!("4711-{mobile}-0815"),
        format!("a1-{mobile}"),
        format!("0.{mobile}"),
        format!("{mobile}.25"),
        format!("3.{other}"),
    ] {
        assert_eq!(scan(text.as_bytes()).kinds, [], "{text}");
    }
}

#[test]
fn whole_numbers_with_a_fraction_of_nothing_are_whole() {
    for head in ["id,mobile", "id,手机号"] {
        let rows: String = (0..200_u64)
            .map(|row| format!("{row},138{:08}.0\n", row * 7919))
            .collect();
        let table = format!("{head}\n{rows}");
        assert_eq!(count(&scan(table.as_bytes()), "cn.mobile"), 200, "{head}");
    }
    let json = r#"[{"phone": 13900000001.0}, {"phone": 13900000002.0}]"#;
    assert_eq!(count(&scan(json.as_bytes()), "cn.mobile"), 2);
}

#[test]
fn long_lines_and_many_runs_are_read() {
    // Every place of an identifier comes to lie between two pieces of a line.
    for before in 3900..4100 {
        let text =
            "%20".repeat(before / 3) + &"x".repeat(before % 3) + &hex(CUSTOMERS.as_bytes(), "%");
        let findings = scan_in(text.as_bytes(), 1 << 20);
        assert_eq!(count(&findings, "cn.resident-id"), 1, "{before}");
    }
    let many: String = (0..3000_u64)
        .map(|row| {
            let value = format!("{{\"phone\": \"138{:08}\"}}", row * 7919);
            format!("{row},{}\n", base64(value.as_bytes()).trim_end_matches('='))
        })
        .collect();
    assert_eq!(count(&scan(many.as_bytes()), "cn.mobile"), 3000);
}

#[test]
fn what_only_looks_so_is_left() {
    let hashes: String = (0..20_000_u64)
        .map(|row| {
            let noise = |by: u64| row.wrapping_add(by).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let bytes: Vec<u8> = (0..4).flat_map(|by| noise(by << 40).to_be_bytes()).collect();
            format!(
                "{} {} /usr/share/doc/some-package/examples/{row} getElementsByTagNameAndClass_{row}\n",
                hex(&bytes, ""),
                base64(&bytes)
            )
        })
        .collect();
    // Two letters that are what a number is called.
    let hashes = hashes
        .replace("QQ", "Q/")
        .replace("qq", "q/")
        .replace("Qq", "Q/")
        .replace("qQ", "q/");
    let findings = scan_in(hashes.as_bytes(), 1 << 16);
    assert_eq!((&findings.kinds[..], findings.unread.len()), (&[][..], 0));
    for text in [
        "x^2 + y^2 = z^2",
        "hC is no header",
        "100 % of it, &#x; and %d%s",
    ] {
        let findings = scan(text.as_bytes());
        assert_eq!(
            (&findings.kinds[..], findings.unread.len()),
            (&[][..], 0),
            "{text}"
        );
    }
}
