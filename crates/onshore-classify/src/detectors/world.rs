//! Identifiers that are used everywhere.

use super::china::NOT_OF_PERSONS;
use super::digits::{is_one_digit, luhn, number};
use crate::detector::{Detector, Evidence, Form, Mark, Subject, Vector};

/// How cards are written.
const CARD_GROUPS: &[&[usize]] = &[
    &[15],
    &[16],
    &[19],
    // The longer row first: a tenth of those of five groups holds without the last.
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[6, 13],
];
/// The same, in lengths that other numbers have more often.
const RARE_CARD_GROUPS: &[&[usize]] = &[&[13], &[14], &[15], &[19], &[4, 6, 4], &[4, 4, 4, 4, 3]];
/// The same, where something says that they are cards.
const NAMED_CARD_GROUPS: &[&[usize]] = &[
    &[12],
    &[13],
    &[14],
    &[15],
    &[16],
    &[17],
    &[18],
    &[19],
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[6, 13],
];

/// What numbers of the social security of the USA are called.
const SOCIAL_SECURITY_WORDS: &[&str] = &[
    "ssn",
    "social security",
    "social_security",
    "socialsecurity",
];

/// What passports are called.
const PASSPORT_WORDS: &[&str] = &[
    "passport",
    "reisepass",
    "passeport",
    "pasaporte",
    "passaporto",
    "paspoort",
    "paszport",
    "护照",
    "護照",
];

/// What cards are called.
const CARD_WORDS: &[&str] = &[
    "卡号",
    "卡號",
    "银行卡",
    "信用卡",
    "借记卡",
    "储蓄卡",
    "银联",
    "card",
    "bankcard",
    "creditcard",
    "debitcard",
    "yhk",
    "yhkh",
    "yinhangka",
    "卡编号",
    "账号",
    "账户",
    "帐号",
    "pan",
    "visa",
    "mastercard",
    "amex",
    "unionpay",
    "maestro",
    "转账",
    "转帐",
    "汇款",
    "付款",
    "打款",
    "收款",
    "开户",
];

pub(super) const DETECTORS: &[Detector] = &[
    Detector {
        id: "payment-card",
        title: "bank or payment card",
        subject: Subject::Person,
        form: Form::Digits {
            groups: NAMED_CARD_GROUPS,
            holds: |digits| is_issued(digits) && luhn(digits),
        },
        evidence: Evidence::Words(CARD_WORDS),
        vectors: &[
            Vector {
                text: "card ⟦36227206271667⟧ 卡号⟦4917610000000000003⟧, 转账到⟦676770838958⟧",
                source: "numbers for trials, of rarer lengths",
            },
            Vector {
                text: "36227206271667, 4917610000000000003, card order 4111111111111111",
                source: "nothing says what they are; the last word says otherwise",
            },
        ],
    },
    Detector {
        id: "payment-card",
        title: "bank or payment card",
        subject: Subject::Person,
        form: Form::Digits {
            groups: CARD_GROUPS,
            holds: |digits| is_issued_much(digits) && luhn(digits),
        },
        evidence: Evidence::Check {
            fits: is_issued_much,
            chance_per_mille: 100,
            least: 1,
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
            Vector {
                text: "联系陈秀珍⟦6222021234567890128⟧, 客户的资料：⟦4111111111111111⟧",
                source: "what stands before anything says nothing else of it",
            },
        ],
    },
    // Chance is reckoned apart where next to no issuer is: of what is told there by chance nothing hides among real cards.
    Detector {
        id: "payment-card",
        title: "bank or payment card",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[19], &[4, 4, 4, 4, 3], &[6, 13]],
            holds: |digits| is_issued_seldom(digits) && luhn(digits),
        },
        evidence: Evidence::Check {
            fits: is_issued_seldom,
            chance_per_mille: 100,
            least: 1,
            words: CARD_WORDS,
            against: NOT_OF_PERSONS,
        },
        vectors: &[
            Vector {
                text: "⟦6266616874095964115⟧",
                source: "UnionPay's range, where few issuers are; made up",
            },
            Vector {
                text: "6266616874095964115 6266616874095964113 6266616874095964114 6266616874095964116",
                source: "one of four holds",
            },
        ],
    },
    Detector {
        id: "payment-card",
        title: "bank or payment card",
        subject: Subject::Person,
        form: Form::Digits {
            groups: RARE_CARD_GROUPS,
            holds: |digits| is_issued_rarely(digits) && luhn(digits),
        },
        evidence: Evidence::Check {
            fits: is_issued_rarely,
            chance_per_mille: 100,
            least: 3,
            words: CARD_WORDS,
            against: NOT_OF_PERSONS,
        },
        vectors: &[
            Vector {
                text: "⟦36227206271667⟧ ⟦30569309025904⟧ ⟦38520000023237⟧",
                source: "numbers for trials: three of a length that bear each other out",
            },
            Vector {
                text: "4222222222222, 30569309025904",
                source: "one of each length",
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
        evidence: Evidence::FormUnless(&[
            "version",
            "版本",
            "release",
            "released",
            "ver",
            "rev",
            "revision",
            "build",
            "upgrade to",
            "section",
            "changelog",
        ]),
        vectors: &[
            Vector {
                text: "from ⟦203.0.113.7⟧:443, ⟦8.8.8.8⟧",
                source: "RFC 5737",
            },
            Vector {
                text: "1.2.3, 1.2.3.4.5, 256.1.1.1, v1.2.3.4, 01.2.3.4, 0.1.2.3, 127.0.0.1, version 2.0.3.4, 版本：3.23.91.1",
                source: "versions; too large; a leading zero; this host; what is called a version",
            },
        ],
    },
    Detector {
        id: "ipv6-address",
        title: "IPv6 address",
        subject: Subject::Device,
        form: Form::Around {
            mark: Mark::DigitsAtColon,
            find: find_wide_address,
        },
        evidence: Evidence::Form,
        vectors: &[
            Vector {
                text: "from ⟦2001:db8:0:0:8:800:200c:417a⟧, [⟦2001:db8::8a2e:370:7334⟧]:443, ⟦a5ae:5edf:be2c:8c3d:c9b0:7c5f:42ea:ad9f⟧",
                source: "RFC 4291, RFC 5952; without three digits in a row, made up",
            },
            Vector {
                text: "12:345:67, at 10:20:30.123, 1:2:3:4:5:6:7:8888:9, std::f123::b456, a::123",
                source: "times; too many; program text; too little to tell",
            },
        ],
    },
    Detector {
        id: "us.ssn",
        title: "social security number of the USA",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[3, 2, 4]],
            holds: is_social_security_number,
        },
        evidence: Evidence::Words(SOCIAL_SECURITY_WORDS),
        vectors: &[
            Vector {
                text: "SSN ⟦219-09-9999⟧",
                source: "once printed on an advertisement",
            },
            Vector {
                text: "219-09-9999, SSN 000-09-9999, SSN 219-00-9999, SSN 219-09-0000",
                source: "nothing says what it is; parts that are never given out",
            },
        ],
    },
    Detector {
        id: "us.ssn",
        title: "social security number of the USA",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[9]],
            holds: is_social_security_number,
        },
        evidence: Evidence::WordsNext(SOCIAL_SECURITY_WORDS),
        vectors: &[Vector {
            text: "social security number: ⟦219099999⟧, no. 219099998",
            source: "the same without groups; behind another there may be any number",
        }],
    },
    Detector {
        id: "passport",
        title: "passport",
        subject: Subject::Person,
        form: Form::Word {
            lens: &[8, 9],
            holds: |word| {
                word.first().is_some_and(u8::is_ascii_uppercase)
                    && word.iter().filter(|byte| byte.is_ascii_digit()).count() >= 5
            },
        },
        evidence: Evidence::WordsNext(PASSPORT_WORDS),
        vectors: &[
            Vector {
                text: "passport no. ⟦L8988901⟧, passaporto ⟦YA1234567⟧",
                source: "made up",
            },
            Vector {
                text: "L8988901",
                source: "nothing says what it is",
            },
        ],
    },
    Detector {
        id: "passport",
        title: "passport",
        subject: Subject::Person,
        form: Form::Digits {
            groups: &[&[9]],
            holds: |digits| digits.iter().all(u8::is_ascii_digit) && !is_one_digit(digits),
        },
        evidence: Evidence::WordsNext(PASSPORT_WORDS),
        vectors: &[Vector {
            text: "passport number ⟦533380006⟧;\n533380006",
            source: "of digits alone, made up; nothing says what it is",
        }],
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
                text: "490154203237518, IMEI 490154203237519",
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
                text: "I<UTOD231458907<<<<<<<<<<<<<<<\n⟦7408122F1204159UTO<<<<<<<<<<<6⟧\nERIKSSON<<ANNA<MARIA<<<<<<<<<<\n",
                source: "ICAO 9303-5, appendix B: a card of three lines",
            },
            Vector {
                text: "a << b, vec<vec<<int>>>",
                source: "program text",
            },
        ],
    },
];

/// Returns the first digits as a number.
fn front(digits: &[u8], len: usize) -> u32 {
    digits.get(..len).and_then(number).unwrap_or_default()
}

/// ISO/IEC 7812: the ranges and lengths that most cards have.
fn is_issued_much(digits: &[u8]) -> bool {
    matches!(
        (digits.len(), front(digits, 2), front(digits, 4)),
        (16, 35 | 40..=49 | 51..=55 | 62 | 65, _)
            | (16, _, 2221..=2720 | 6011 | 6440..=6499)
            | (15, 34 | 37, _)
            | (19, _, 6200..=6239)
    )
}

/// The part of UnionPay's range in which cards of nineteen digits are seldom issued.
fn is_issued_seldom(digits: &[u8]) -> bool {
    digits.len() == 19 && matches!(front(digits, 4), 6240..=6299)
}

/// The same, of lengths that other numbers have more often.
fn is_issued_rarely(digits: &[u8]) -> bool {
    matches!(
        (digits.len(), front(digits, 2), front(digits, 4)),
        (13, 40..=49, _)
            | (14, 36 | 38 | 39, _)
            | (14, _, 3000..=3059)
            | (15, _, 2131 | 1800)
            | (19, 40..=49 | 65, _)
            | (19, _, 6011 | 9558)
    )
}

/// The same, of any.
fn is_issued(digits: &[u8]) -> bool {
    is_issued_much(digits)
        || is_issued_rarely(digits)
        || match front(digits, 2) {
            62 => (16..=19).contains(&digits.len()),
            35 | 36 | 38 | 39 | 60 | 64 | 65 | 95 => (16..=19).contains(&digits.len()),
            // The last is 06.
            50 | 56..=59 | 61 | 63 | 66..=69 | 6 => (12..=19).contains(&digits.len()),
            _ => false,
        }
}

fn find_mail(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const LOCAL_MAX: usize = 64;
    const HOST_MAX: usize = 253;
    let is_local = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'')
    };
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
    // A fraction has one dot.
    let is_other_dot = |at: Option<usize>| at.and_then(|at| text.get(at)) == Some(&b'.');
    if !(2..=4).any(|by| is_other_dot(Some(dot + by)) || is_other_dot(dot.checked_sub(by))) {
        return None;
    }
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

/// RFC 4291: eight groups of up to four hexadecimal digits with colons between them, or fewer with one gap of two colons.
fn find_wide_address(text: &[u8], at: usize) -> Option<(usize, usize)> {
    const MOST: usize = 45;
    let (start, mut end) = run_around(text, at, MOST, |byte| {
        byte.is_ascii_hexdigit() || *byte == b':'
    })?;
    let is_word = |at: Option<usize>| {
        at.and_then(|at| text.get(at))
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    if is_word(start.checked_sub(1)) || is_word(Some(end)) {
        return None;
    }
    // What only closes a list or a clause behind it.
    if text.get(end - 1) == Some(&b':') && text.get(end.checked_sub(2)?) != Some(&b':') {
        end -= 1;
    }
    let address = text.get(start..end)?;
    let groups = address.split(|byte| *byte == b':');
    let (mut full, mut empty, mut long) = (0, 0, 0);
    for group in groups {
        match group.len() {
            0 => empty += 1,
            1..=4 => full += 1,
            _ => return None,
        }
        long += usize::from(group.len() >= 3);
    }
    // A gap at either end leaves two empty groups.
    let at_ends = address.starts_with(b"::") || address.ends_with(b"::");
    let is_whole = empty == 0 && full == 8 && long > 0;
    let is_short = empty == 1 + usize::from(at_ends) && (3..8).contains(&full) && long > 1;
    (is_whole || is_short).then_some((start, end))
}

/// Never given out: areas 000, 666 and from 900 on, group 00, serial 0000.
fn is_social_security_number(digits: &[u8]) -> bool {
    let part = |from: usize, to: usize| digits.get(from..to).and_then(number);
    part(0, 3).is_some_and(|area| (1..900).contains(&area) && area != 666)
        && part(3, 5).is_some_and(|group| group > 0)
        && part(5, 9).is_some_and(|serial| serial > 0)
}

/// Latitude and longitude in degrees with four decimals or more, a comma between them.
fn find_position(text: &[u8], dot: usize) -> Option<(usize, usize)> {
    const DECIMALS_MIN: usize = 4;
    let decimals = text.get(dot + 1..dot + 1 + DECIMALS_MIN)?;
    if !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (start, middle) = run_around(text, dot, 16, |byte| {
        byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
    })?;
    let is_degrees = |bytes: &[u8], most: f64| {
        let decimals = bytes
            .iter()
            .rposition(|byte| *byte == b'.')
            .map(|dot| bytes.len() - dot - 1);
        decimals.is_some_and(|count| (DECIMALS_MIN..=10).contains(&count))
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
/// visa or card of the second size; and the second of the three lines of 30 of a card, with birth and expiry.
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
    if line.len() == 30 {
        let is_sex = matches!(line.get(7), Some(b'M' | b'F' | b'X' | b'<'));
        checks(0, 6)?;
        checks(8, 14)?;
        return is_sex.then_some((start, end));
    }
    if !matches!(line.len(), 44 | 36) {
        return None;
    }
    checks(0, 9)?;
    checks(13, 19)?;
    checks(21, 27)?;
    Some((start, end))
}
