//! Identifiers that are used everywhere, and secrets.

use super::china::NOT_OF_PERSONS;
use super::digits::{is_one_digit, luhn, number};
use crate::detector::{Detector, Evidence, Form, Mark, Subject, Vector};

/// How cards are written.
const CARD_GROUPS: &[&[usize]] = &[
    &[13],
    &[14],
    &[15],
    &[16],
    &[17],
    &[18],
    &[19],
    &[4, 4, 4, 4],
    &[4, 4, 4, 4, 3],
    &[4, 6, 5],
    &[6, 13],
];

/// What cards are called.
const CARD_WORDS: &[&str] = &["卡号", "银行卡", "card", "账号", "账户", "pan"];

pub(super) const DETECTORS: &[Detector] = &[
    Detector {
        id: "payment-card",
        title: "bank or payment card",
        subject: Subject::Person,
        form: Form::Digits {
            groups: CARD_GROUPS,
            holds: is_card_alone,
        },
        evidence: Evidence::Check {
            chance_per_mille: 40,
            words: CARD_WORDS,
            against: NOT_OF_PERSONS,
        },
        vectors: &[
            Vector {
                text: "⟦6222021234567890128⟧, ⟦4111 1111 1111 1111⟧, ⟦3782-822463-10005⟧",
                source: "UnionPay of 19 digits, made up; numbers for trials of two networks",
            },
            Vector {
                text: "6222021234567890129, 4111 1111-1111 1111, 1111111111111117",
                source: "another check digit; two separators; no issuer",
            },
            Vector {
                text: "order no. 4111111111111111",
                source: "something else is said of it",
            },
        ],
    },
    Detector {
        id: "payment-card",
        title: "bank or payment card",
        subject: Subject::Person,
        form: Form::Digits {
            groups: CARD_GROUPS,
            holds: is_card,
        },
        evidence: Evidence::WordsUnless {
            words: CARD_WORDS,
            against: NOT_OF_PERSONS,
        },
        vectors: &[
            Vector {
                text: "card ⟦36227206271667⟧ 卡号⟦4917610000000000003⟧",
                source: "numbers for trials, of rarer lengths",
            },
            Vector {
                text: "36227206271667, 4917610000000000003",
                source: "nothing says what they are",
            },
        ],
    },
    Detector {
        id: "e-mail",
        title: "e-mail address",
        subject: Subject::Person,
        form: Form::Around {
            mark: Mark::At,
            find: find_mail,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "<⟦first.last+tag@mail.example.com⟧>, mailto:⟦a@b.cn⟧.",
                source: "RFC 5322, in use",
            },
            Vector {
                text: "@media, a@b, user@localhost, x@1.2.3.4, git@@host.com, @name.com",
                source: "no address, or of no public host",
            },
        ],
    },
    Detector {
        id: "ip-address",
        title: "IPv4 address",
        subject: Subject::Device,
        form: Form::Around {
            mark: Mark::DotInNumber,
            find: find_address,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "from ⟦203.0.113.7⟧:443, ⟦8.8.8.8⟧",
                source: "RFC 5737",
            },
            Vector {
                text: "1.2.3, 1.2.3.4.5, 256.1.1.1, v1.2.3.4, 01.2.3.4, 0.1.2.3, 127.0.0.1",
                source: "versions; too large; a leading zero; this host",
            },
        ],
    },
    Detector {
        id: "coordinates",
        title: "position on the ground",
        subject: Subject::Place,
        form: Form::Around {
            mark: Mark::DotInNumber,
            find: find_position,
        },
        evidence: Evidence::Words(&[
            "gps", "lat", "lng", "lon", "坐标", "经度", "纬度", "经纬", "position", "location",
            "geo",
        ]),
        vectors: &[
            Vector {
                text: "坐标 ⟦39.90420, 116.40740⟧; gps: ⟦-33.8568,151.2153⟧",
                source: "two well-known places",
            },
            Vector {
                text: "39.90420, 116.40740",
                source: "nothing says what it is",
            },
            Vector {
                text: "gps 99.90420, 116.40740",
                source: "no latitude",
            },
        ],
    },
    Detector {
        id: "imei",
        title: "IMEI of a device",
        subject: Subject::Device,
        form: Form::Digits {
            groups: &[&[15], &[2, 6, 6, 1]],
            holds: |digits| luhn(digits) && !is_one_digit(digits),
        },
        evidence: Evidence::Words(&["imei", "串号"]),
        vectors: &[
            Vector {
                text: "IMEI: ⟦490154203237518⟧",
                source: "GSMA TS.06, example",
            },
            Vector {
                text: "490154203237518 and IMEI 490154203237519",
                source: "nothing says what it is; another check digit",
            },
        ],
    },
    Detector {
        id: "mrz",
        title: "machine readable zone of a travel document",
        subject: Subject::Person,
        form: Form::Around {
            mark: Mark::Fillers,
            find: find_zone,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\n⟦L898902C36UTO7408122F1204159ZE184226B<<<<<10⟧\n",
                source: "ICAO 9303-4, appendix B",
            },
            Vector {
                text: "L898902C37UTO7408122F1204159ZE184226B<<<<<10\n",
                source: "another check digit",
            },
            Vector {
                text: "a << b, vec<vec<<int>>>",
                source: "program text",
            },
        ],
    },
    Detector {
        id: "secret.aws-access-key",
        title: "access key id of an S3 service",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("AKIA"),
            find: |text, at| {
                word_of(text, at, 20, |byte| {
                    byte.is_ascii_uppercase() || byte.is_ascii_digit()
                })
            },
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "key=⟦AKIAIOSFODNN7EXAMPLE⟧",
                source: "the example of its documentation",
            },
            Vector {
                text: "AKIAIOSFODNN7EXAMPL, XAKIAIOSFODNN7EXAMPLE",
                source: "too short; within a word",
            },
        ],
    },
    Detector {
        id: "secret.github-token",
        title: "token of a code host",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("ghp_"),
            find: |text, at| word_of(text, at, 40, is_token),
        },
        evidence: Evidence::Form,
        vectors: &[Vector {
            text: "⟦ghp_0123456789abcdefghijklmnopqrstuvwxyz⟧",
            source: "made up",
        }],
    },
    Detector {
        id: "secret.private-key",
        title: "private key",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("-----BEGIN "),
            find: find_private_key,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "⟦-----BEGIN RSA PRIVATE KEY-----⟧\nMII",
                source: "RFC 7468",
            },
            Vector {
                text: "-----BEGIN CERTIFICATE-----",
                source: "no secret",
            },
        ],
    },
    Detector {
        id: "secret.web-token",
        title: "JSON web token",
        subject: Subject::Secret,
        form: Form::Around {
            mark: Mark::Prefix("eyJ"),
            find: find_web_token,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "Bearer ⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXRleHQ⟧",
                source: "RFC 7519, made up",
            },
            Vector {
                text: "eyJhbGciOiJIUzI1NiJ9",
                source: "one part",
            },
        ],
    },
];

/// The same where nothing says that it is one: the lengths and ranges that most cards have. Other numbers have those lengths
/// as well.
fn is_card_alone(digits: &[u8]) -> bool {
    let is_common = match digits.len() {
        16 => true,
        15 => digits.first() == Some(&b'3'),
        19 => digits.starts_with(b"62"),
        _ => false,
    };
    is_common && is_card(digits)
}

/// ISO/IEC 7812: an issuer's range, its lengths, and the check.
fn is_card(digits: &[u8]) -> bool {
    let front = |len: usize| digits.get(..len).and_then(number).unwrap_or_default();
    let len = digits.len();
    let is_issued = match (front(1), front(2), front(4)) {
        (_, 62, _) => (16..=19).contains(&len),
        (_, 51..=55, _) | (_, _, 2221..=2720) => len == 16,
        (_, 34 | 37, _) => len == 15,
        (_, 35, 3528..=3589) => (16..=19).contains(&len),
        (_, 36 | 38 | 39, _) => matches!(len, 14 | 16),
        (_, 65, _) | (_, _, 6011) => (16..=19).contains(&len),
        (_, 50 | 56..=58 | 60 | 63 | 67 | 68 | 69, _) => (13..=19).contains(&len),
        (4, _, _) => matches!(len, 13 | 16 | 19),
        _ => false,
    };
    is_issued && luhn(digits)
}

fn find_mail(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const LOCAL_MAX: usize = 64;
    const HOST_MAX: usize = 253;
    let is_local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-'".contains(byte);
    let local = text
        .get(..at)?
        .iter()
        .rev()
        .take(LOCAL_MAX + 1)
        .take_while(|byte| is_local(byte))
        .count();
    let mut start = at - local;
    // What only closes something before it.
    while start < at
        && text
            .get(start)
            .is_some_and(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
    {
        start += 1;
    }
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let rest = text.get(at + 1..)?;
    let mut host = rest
        .iter()
        .take(HOST_MAX + 1)
        .take_while(|byte| is_host(byte))
        .count();
    while host > 0
        && rest
            .get(host - 1)
            .is_some_and(|byte| matches!(byte, b'.' | b'-'))
    {
        host -= 1;
    }
    let name = rest.get(..host)?;
    let top = name.iter().rposition(|byte| *byte == b'.')?;
    let top_level = name.get(top + 1..)?;
    let is_named = top > 0
        && top_level.len() >= 2
        && top_level.iter().all(u8::is_ascii_alphabetic)
        && name
            .split(|byte| *byte == b'.')
            .all(|label| !label.is_empty());
    let is_sound = start < at
        && at - start <= LOCAL_MAX
        && host <= HOST_MAX
        && text.get(at - 1) != Some(&b'.');
    (is_named && is_sound).then_some((start, at + 1 + host))
}

/// Returns the start of the run of such bytes that a place is in, and its end.
fn run_around(
    text: &[u8],
    at: usize,
    most: usize,
    is_in: impl Fn(&u8) -> bool,
) -> Option<(usize, usize)> {
    let before = text
        .get(..at)?
        .iter()
        .rev()
        .take(most)
        .take_while(|byte| is_in(byte))
        .count();
    let behind = text
        .get(at..)?
        .iter()
        .take(most)
        .take_while(|byte| is_in(byte))
        .count();
    Some((at - before, at + behind))
}

fn find_address(text: &[u8], dot: usize) -> Option<(usize, usize)> {
    let (start, mut end) =
        run_around(text, dot, 24, |byte| byte.is_ascii_digit() || *byte == b'.')?;
    if text.get(end - 1) == Some(&b'.') {
        end -= 1;
    }
    let is_word = |at: Option<usize>| {
        at.and_then(|at| text.get(at))
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    if is_word(start.checked_sub(1)) || is_word(Some(end)) {
        return None;
    }
    let mut parts = text.get(start..end)?.split(|byte| *byte == b'.');
    let mut next = || {
        let part = parts.next()?;
        let is_plain = part.len() <= 3 && (part.len() == 1 || part.first() != Some(&b'0'));
        number(part).filter(|number| is_plain && !part.is_empty() && *number <= 255)
    };
    let (first, _, _, _) = (next()?, next()?, next()?, next()?);
    (!matches!(first, 0 | 127) && parts.next().is_none()).then_some((start, end))
}

/// Latitude and longitude in degrees with four decimals or more, a comma between them.
fn find_position(text: &[u8], dot: usize) -> Option<(usize, usize)> {
    let (start, middle) = run_around(text, dot, 16, |byte| {
        byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
    })?;
    let is_degrees = |bytes: &[u8], most: f64| {
        let decimals = bytes
            .iter()
            .rposition(|byte| *byte == b'.')
            .map(|dot| bytes.len() - dot - 1);
        decimals.is_some_and(|count| (4..=10).contains(&count))
            && str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse::<f64>().ok())
                .is_some_and(|degrees| degrees.abs() <= most)
    };
    let rest = text.get(middle..)?.strip_prefix(b",")?;
    let blank = usize::from(rest.first() == Some(&b' '));
    let from = middle + 1 + blank;
    let (_, end) = run_around(text, from, 16, |byte| {
        byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
    })?;
    (is_degrees(text.get(start..middle)?, 90.0) && is_degrees(text.get(from..end)?, 180.0))
        .then_some((start, end))
}

/// ICAO 9303: the line with number, birth and expiry, each with its check digit: 44 characters in a passport, 36 in a
/// visa of the second size.
fn find_zone(text: &[u8], at: usize) -> Option<(usize, usize)> {
    // A row of fillers is looked at once, from its beginning.
    if at.checked_sub(1).and_then(|before| text.get(before)) == Some(&b'<') {
        return None;
    }
    let is_in = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'<';
    let (start, end) = run_around(text, at, 48, is_in)?;
    let line = text.get(start..end)?;
    let checks = |from: usize, to: usize| {
        let part = line.get(from..to)?;
        let sum: u32 = part
            .iter()
            .zip([7, 3, 1].into_iter().cycle())
            .map(|(byte, weight)| {
                weight
                    * match byte {
                        b'0'..=b'9' => u32::from(byte - b'0'),
                        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
                        _ => 0,
                    }
            })
            .sum();
        (u32::from(line.get(to)?.checked_sub(b'0')?) == sum % 10).then_some(())
    };
    if !matches!(line.len(), 44 | 36) {
        return None;
    }
    checks(0, 9)?;
    checks(13, 19)?;
    checks(21, 27)?;
    Some((start, end))
}

fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// A word of a certain length that begins here.
fn word_of(text: &[u8], at: usize, len: usize, is_in: fn(&u8) -> bool) -> Option<(usize, usize)> {
    let is_word = |at: Option<usize>| {
        at.and_then(|at| text.get(at))
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    let word = text.get(at..at + len)?;
    let is_whole = word.iter().all(|byte| is_in(byte) || *byte == b'_');
    (is_whole && !is_word(at.checked_sub(1)) && !is_word(Some(at + len))).then_some((at, at + len))
}

fn find_private_key(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const END: &[u8] = b"PRIVATE KEY-----";
    const MOST: usize = 64;
    let head = text.get(at..text.len().min(at + MOST))?;
    let line = head.split(|byte| *byte == b'\n').next()?;
    let found = line.windows(END.len()).position(|window| window == END)?;
    Some((at, at + found + END.len()))
}

/// Three parts in base64url, the first two of which are objects.
fn find_web_token(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const MOST: usize = 4096;
    let is_in = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    // A word that goes on is looked at once, from its beginning.
    if at
        .checked_sub(1)
        .and_then(|before| text.get(before))
        .is_some_and(is_in)
    {
        return None;
    }
    let len = text
        .get(at..)?
        .iter()
        .take(MOST)
        .take_while(|byte| is_in(byte))
        .count();
    let mut token = text.get(at..at + len)?;
    while token.last() == Some(&b'.') {
        token = token.get(..token.len() - 1)?;
    }
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [head, body, signature] = parts.as_slice() else {
        return None;
    };
    let is_token = head.len() >= 10 && body.starts_with(b"eyJ") && signature.len() >= 10;
    is_token.then_some((at, at + token.len()))
}
