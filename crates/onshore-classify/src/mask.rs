//! What may be shown of a value that was found: its shape, and of some kinds what a great many values have in common.
//!
//! A mask is made of the kind, of the signs that part groups, and of the few first signs that its kind keeps; of nothing else.
//! All values alike in those have one mask, so nobody finds a value by masking all that there are and comparing: where
//! fewer than [`HIDDEN_MIN`] signs would be hidden, nothing of the value is told, and where lengths tell
//! something (names, addresses, secrets) neither are they.

use std::fmt::Write;

/// What stands for a value of which nothing is told.
const WHOLE: &str = "***";
/// What stands for a sign that is not shown.
const HIDDEN: char = '*';
/// So many signs are hidden at least where any shape is shown: ten million values and more are behind every mask.
const HIDDEN_MIN: usize = 7;
/// A longer value has no shape.
const SIGNS_MAX: usize = 40;

/// How a kind is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mask {
    /// What parts groups is shown, and so many of the first signs.
    Signs { kept: usize },
    /// Every value has this mask.
    Alike(&'static str),
}

/// How kinds are masked. One that is not here has the one mask that tells nothing.
const MASKS: &[(&str, Mask)] = &[
    // The province where it was issued.
    ("cn.resident-id", Mask::Signs { kept: 2 }),
    ("cn.resident-id-15", Mask::Signs { kept: 2 }),
    // The network that the number was first given out by.
    ("cn.mobile", Mask::Signs { kept: 3 }),
    // What sort of document it is.
    ("cn.passport", Mask::Signs { kept: 1 }),
    ("cn.travel-permit", Mask::Signs { kept: 1 }),
    ("cn.residence-permit", Mask::Signs { kept: 2 }),
    ("cn.foreigner-residence-card", Mask::Signs { kept: 0 }),
    // Which authority registered it, and what sort of organisation it is.
    ("cn.social-credit-code", Mask::Signs { kept: 2 }),
    // The scheme and the first signs of the issuer.
    ("payment-card", Mask::Signs { kept: 4 }),
    // The country.
    ("eu.iban", Mask::Signs { kept: 2 }),
    ("eu.vat", Mask::Signs { kept: 2 }),
    ("phone", Mask::Signs { kept: 0 }),
    ("imei", Mask::Signs { kept: 2 }),
    ("passport", Mask::Signs { kept: 0 }),
    ("tw.national-id", Mask::Signs { kept: 0 }),
    ("us.ssn", Mask::Signs { kept: 0 }),
    ("de.tax-id", Mask::Signs { kept: 0 }),
    ("de.identity-card", Mask::Signs { kept: 0 }),
    ("es.dni", Mask::Signs { kept: 0 }),
    ("fr.nir", Mask::Signs { kept: 0 }),
    ("it.codice-fiscale", Mask::Signs { kept: 0 }),
    ("nl.bsn", Mask::Signs { kept: 0 }),
    ("pl.pesel", Mask::Signs { kept: 0 }),
    // Where a length tells how many letters or digits somebody's has.
    ("e-mail", Mask::Alike("***@***")),
    ("ip-address", Mask::Alike("***.***.***.***")),
    (
        "ipv6-address",
        Mask::Alike("***:***:***:***:***:***:***:***"),
    ),
    ("coordinates", Mask::Alike("***, ***")),
];

/// Returns what is shown of a value of a kind.
pub(crate) fn masked(kind: &str, value: &[u8]) -> String {
    let of = MASKS.iter().find(|(id, _)| *id == kind);
    match of.map(|(_, mask)| *mask) {
        Some(Mask::Signs { kept }) => signs(value, kept).unwrap_or_else(|| WHOLE.to_owned()),
        Some(Mask::Alike(mask)) => mask.to_owned(),
        None => WHOLE.to_owned(),
    }
}

/// Returns the shape of a value with its first signs; none where that would hide too little.
fn signs(value: &[u8], kept: usize) -> Option<String> {
    let value = str::from_utf8(value).ok()?;
    let (mut shape, mut count) = (String::new(), 0_usize);
    for letter in value.chars() {
        if parts(letter) {
            shape.push(letter);
            continue;
        }
        count += 1;
        // What is kept is a letter or a digit: anything else stands there by mistake.
        let shown = if count <= kept && letter.is_alphanumeric() {
            letter
        } else {
            HIDDEN
        };
        shape.write_char(shown).ok()?;
    }
    let hidden = count.saturating_sub(kept);
    (hidden >= HIDDEN_MIN && count <= SIGNS_MAX).then_some(shape)
}

/// Whether a sign parts groups and is no part of what it stands in.
fn parts(letter: char) -> bool {
    matches!(
        letter,
        ' ' | '-' | '.' | '/' | '+' | '(' | ')' | '（' | '）'
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{HIDDEN, HIDDEN_MIN, MASKS, Mask, masked, parts};
    use crate::detectors;

    /// What is shown of the values of each kind, and nothing more.
    const SHOWN: &[(&str, &str, &str)] = &[
        ("cn.resident-id", "11010519491231002X", "11****************"),
        (
            "cn.resident-id",
            "110105 19491231 002X",
            "11**** ******** ****",
        ),
        (
            "cn.resident-id",
            "１１０１０５１９４９１２３１００２Ｘ",
            "１１****************",
        ),
        ("cn.resident-id-15", "110105491231002", "11*************"),
        ("cn.mobile", "13800138000", "138********"),
        ("cn.mobile", "138-0013-8000", "138-****-****"),
        ("cn.mobile", "+86 138 0013 8000", "+86 1** **** ****"),
        ("cn.passport", "E12345678", "E********"),
        ("cn.travel-permit", "H12345678", "H********"),
        (
            "cn.residence-permit",
            "810000199408230021",
            "81****************",
        ),
        (
            "cn.foreigner-residence-card",
            "USA110019900101",
            "***************",
        ),
        (
            "cn.social-credit-code",
            "91350100M000100Y43",
            "91****************",
        ),
        ("cn.plate", "京A12345", "***"),
        ("cn.qq", "123456789", "***"),
        ("cn.wechat", "wxid_abcdef123", "***"),
        ("cn.name", "欧阳娜", "***"),
        ("cn.name", "王伟", "***"),
        ("cn.address", "北京市朝阳区建国路1号", "***"),
        ("name", "Ada Lovelace", "***"),
        ("address", "10 Downing Street", "***"),
        ("payment-card", "6222021234567890128", "6222***************"),
        ("payment-card", "4111 1111 1111 1111", "4111 **** **** ****"),
        (
            "eu.iban",
            "DE89 3704 0044 0532 0130 00",
            "DE** **** **** **** **** **",
        ),
        ("eu.vat", "DE136695976", "DE*********"),
        ("phone", "+49 30 901820", "+** ** ******"),
        ("phone", "112", "***"),
        ("imei", "490154203237518", "49*************"),
        ("passport", "C01X00T47", "*********"),
        ("mrz", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "***"),
        ("hk.identity-card", "A123456(7)", "***"),
        ("tw.national-id", "A123456789", "**********"),
        ("us.ssn", "078-05-1120", "***-**-****"),
        ("de.tax-id", "86 095 742 719", "** *** *** ***"),
        ("es.dni", "12345678Z", "*********"),
        ("e-mail", "zhang.wei@example.cn", "***@***"),
        ("e-mail", "a@b.c", "***@***"),
        ("ip-address", "8.8.8.8", "***.***.***.***"),
        ("ip-address", "203.119.250.113", "***.***.***.***"),
        (
            "ipv6-address",
            "2001:db8::1",
            "***:***:***:***:***:***:***:***",
        ),
        (
            "ipv6-address",
            "2001:db8:1:2:3:4:5:6",
            "***:***:***:***:***:***:***:***",
        ),
        ("coordinates", "39.9042, 116.4074", "***, ***"),
        ("secret.assignment", "hunter2-is-long", "***"),
        (
            "secret.github-token",
            "ghp_000000000000000000000000000000000000",
            "***",
        ),
        ("a.kind-of-tomorrow", "anything", "***"),
    ];

    #[test]
    fn each_kind_shows_what_its_table_says() {
        for (kind, value, mask) in SHOWN {
            assert_eq!(masked(kind, value.as_bytes()), *mask, "{kind} {value}");
        }
    }

    #[test]
    fn kinds_that_are_masked_are_kinds_that_there_are() {
        let known: BTreeSet<&str> = detectors::kinds().collect();
        for (kind, _) in MASKS {
            assert!(known.contains(kind), "{kind} is found by no detector");
        }
    }

    /// Every value that a vector marks: all behind what is kept is hidden, and enough of it.
    #[test]
    fn every_value_is_behind_its_mask_with_ten_million_others() {
        for detector in detectors::all() {
            let kept = MASKS.iter().find(|(id, _)| *id == detector.id);
            let kept = kept.map_or(0, |(_, mask)| match mask {
                Mask::Signs { kept } => *kept,
                Mask::Alike(_) => 0,
            });
            for vector in detector.vectors {
                for value in vector
                    .text
                    .split('⟦')
                    .skip(1)
                    .filter_map(|rest| rest.split('⟧').next())
                {
                    let mask = masked(detector.id, value.as_bytes());
                    let shown = mask
                        .chars()
                        .filter(|letter| *letter != HIDDEN && !parts(*letter));
                    let shown = shown
                        .filter(|letter| !matches!(letter, '@' | ':' | ','))
                        .count();
                    assert!(shown <= kept, "{}: {value}: {mask}", detector.id);
                    let hidden = mask.chars().filter(|letter| *letter == HIDDEN).count();
                    assert!(
                        hidden >= HIDDEN_MIN
                            || mask == "***"
                            || mask == "***@***"
                            || mask == "***, ***",
                        "{}: {value}: {mask}",
                        detector.id
                    );
                }
            }
        }
    }

    /// What differs behind what is kept alone does not differ in its mask: nobody tells values apart by comparing masks.
    #[test]
    fn values_that_differ_in_what_is_hidden_have_one_mask() {
        for (kind, value, mask) in SHOWN {
            for digit in ['0', '7'] {
                let kept = mask.chars().take_while(|letter| *letter != HIDDEN).count();
                let other: String = value
                    .chars()
                    .enumerate()
                    .map(|(place, letter)| {
                        if place >= kept && letter.is_alphanumeric() {
                            digit
                        } else {
                            letter
                        }
                    })
                    .collect();
                assert_eq!(masked(kind, other.as_bytes()), *mask, "{kind} {other}");
            }
        }
    }

    #[test]
    fn what_is_no_text_and_what_is_too_long_shows_nothing() {
        assert_eq!(masked("cn.mobile", b"138\xFF0138000"), "***");
        assert_eq!(masked("eu.iban", &[b'1'; 41]), "***");
        assert_eq!(masked("cn.mobile", b""), "***");
        // A sign that belongs to no value is hidden, also where some are kept.
        assert_eq!(
            masked("cn.mobile", "1\u{202E}800138000".as_bytes()),
            "1*8********"
        );
    }
}
