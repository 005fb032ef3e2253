//! Arithmetic that several families share: check digits, dates, shapes.

/// Returns what a digit stands for.
pub(super) fn value(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

/// Returns the number that some digits are.
pub(super) fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, byte| {
        Some(number.checked_mul(10)? + value(*byte)?)
    })
}

/// The check of ISO/IEC 7812-1, annex B (Luhn).
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: Option<u32> = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = value(*byte)?;
            Some(match at % 2 {
                0 => digit,
                _ if digit > 4 => 2 * digit - 9,
                _ => 2 * digit,
            })
        })
        .sum();
    sum.is_some_and(|sum| sum % 10 == 0)
}

/// Returns the sum of digits, each times its weight.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> Option<u32> {
    digits
        .iter()
        .zip(weights)
        .map(|(byte, weight)| Some(value(*byte)? * weight))
        .sum()
}

/// Whether there is such a day, from 1900 on.
pub(super) fn is_day(year: u32, month: u32, day: u32) -> bool {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return false,
    };
    (1900..2100).contains(&year) && (1..=days).contains(&day)
}

/// Whether all are the same digit, which is never given out.
pub(super) fn is_one_digit(digits: &[u8]) -> bool {
    digits
        .first()
        .is_some_and(|first| digits.iter().all(|digit| digit == first))
}

/// Returns the remainder by 97 of letters and digits, a letter being its place in the alphabet and nine (ISO 7064).
pub(super) fn mod_97<'a>(word: impl Iterator<Item = &'a u8>) -> Option<u32> {
    let mut rest = 0;
    for byte in word {
        rest = match byte {
            b'0'..=b'9' => rest * 10 + u32::from(byte - b'0'),
            b'A'..=b'Z' => rest * 100 + u32::from(byte - b'A') + 10,
            _ => return None,
        } % 97;
    }
    Some(rest)
}
