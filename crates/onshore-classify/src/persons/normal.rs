//! Brings all writings of an identifier into one, so that one person is one pseudonym whoever wrote it down.

use std::borrow::Cow;

/// Weights and check characters of ISO 7064, MOD 11-2, over 17 digits.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

/// No writing is longer than the one it is brought into by more bytes than this.
pub(super) const LONGER_BY: usize = 4;

/// Letters and digits alone, in capitals.
pub(super) fn word(value: &str, normal: &mut Vec<u8>) -> Option<()> {
    normal.extend(letters(value));
    Some(())
}

/// A number of the first generation becomes one of the second: all who have one were born in the 1900s.
pub(super) fn resident_id(value: &str, normal: &mut Vec<u8>) -> Option<()> {
    let begun = normal.len();
    normal.extend(letters(value));
    if normal.len() - begun != 15 {
        return Some(());
    }
    normal.splice(begun + 6..begun + 6, *b"19");
    let digits = normal.get(begun..)?.iter().zip(WEIGHTS);
    let sum: Option<u32> = digits
        .map(|(digit, weight)| Some(char::from(*digit).to_digit(10)? * weight))
        .sum();
    normal.push(*CHECKS.get(sum? as usize % CHECKS.len())?);
    Some(())
}

/// A passport's number behind the country it belongs to. Of a machine readable zone the line with the number is read, whose
/// holder is a national of the country that gave it.
pub(super) fn passport(value: &str, normal: &mut Vec<u8>) -> Option<()> {
    let plain = value.trim();
    if plain.contains('<') || plain.len() >= 36 {
        let (number, country) = (plain.get(..9)?, plain.get(10..13)?);
        normal.extend(letters(country).chain([b':']).chain(letters(number)));
        return Some(());
    }
    let mut number = letters(plain).peekable();
    number.peek()?;
    normal.extend(b"CHN:".iter().copied().chain(number));
    Some(())
}

/// A number with its country, behind a plus. One without a country is of the mainland.
pub(super) fn phone(value: &str, normal: &mut Vec<u8>) -> Option<()> {
    let begun = normal.len();
    normal.push(b'+');
    let has_plus = value.trim_start().starts_with('+');
    normal.extend(value.bytes().filter(u8::is_ascii_digit));
    let digits = normal.get(begun + 1..)?;
    if digits.is_empty() {
        return None;
    }
    if has_plus || (digits.len() == 13 && digits.starts_with(b"86")) {
        return Some(());
    }
    if digits.starts_with(b"00") {
        normal.drain(begun + 1..begun + 3);
    } else {
        normal.splice(begun + 1..begun + 1, *b"86");
    }
    Some(())
}

/// Small letters. A part behind a plus stays: not every host leaves it out.
pub(super) fn mail(value: &str, normal: &mut Vec<u8>) -> Option<()> {
    let plain = value.trim();
    if plain.is_ascii() {
        normal.extend(plain.bytes().map(|letter| letter.to_ascii_lowercase()));
    } else {
        normal.extend(plain.to_lowercase().bytes());
    }
    Some(())
}

/// Brings full-width forms into what they are forms of.
pub(super) fn narrow(value: &str) -> Cow<'_, str> {
    if value.is_ascii() {
        return Cow::Borrowed(value);
    }
    let narrow = |letter| match letter {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(letter) - 0xFEE0).unwrap_or(letter),
        '\u{3000}' => ' ',
        _ => letter,
    };
    Cow::Owned(value.chars().map(narrow).collect())
}

fn letters(value: &str) -> impl Iterator<Item = u8> {
    value
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
}
