//! Brings all writings of an identifier into one, so that one person is one pseudonym whoever wrote it down.

/// Weights and check characters of ISO 7064, MOD 11-2, over 17 digits.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: [char; 11] = ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'];

/// No writing is longer than the one it is brought into by more bytes than this.
pub(super) const LONGER_BY: usize = 4;

/// Letters and digits alone, in capitals.
pub(super) fn word(value: &str, normal: &mut String) -> Option<()> {
    normal.extend(letters(value));
    Some(())
}

/// A number of the first generation becomes one of the second: all who have one were born in the 1900s.
pub(super) fn resident_id(value: &str, normal: &mut String) -> Option<()> {
    let begun = normal.len();
    normal.extend(letters(value));
    if normal.len() - begun != 15 {
        return Some(());
    }
    normal.insert_str(begun + 6, "19");
    let sum: Option<u32> = normal
        .get(begun..)?
        .chars()
        .zip(WEIGHTS)
        .map(|(digit, weight)| Some(digit.to_digit(10)? * weight))
        .sum();
    normal.push(*CHECKS.get(sum? as usize % CHECKS.len())?);
    Some(())
}

/// A passport's number behind the country it belongs to. Of a machine readable zone the line with the number is read, whose
/// holder is a national of the country that gave it.
pub(super) fn passport(value: &str, normal: &mut String) -> Option<()> {
    let plain: String = value.chars().map(narrow).collect();
    let plain = plain.trim();
    if plain.contains('<') || plain.len() >= 36 {
        let (number, country) = (plain.get(..9)?, plain.get(10..13)?);
        normal.extend(letters(country).chain([':']).chain(letters(number)));
        return Some(());
    }
    let mut number = letters(plain).peekable();
    number.peek()?;
    normal.extend("CHN:".chars().chain(number));
    Some(())
}

/// A number with its country, behind a plus. One without a country is of the mainland.
pub(super) fn phone(value: &str, normal: &mut String) -> Option<()> {
    let begun = normal.len();
    let has_plus = value.trim_start().starts_with(['+', '\u{FF0B}']);
    normal.extend(value.chars().map(narrow).filter(char::is_ascii_digit));
    let digits = normal.get(begun..)?;
    let has_country = has_plus || (digits.len() == 13 && digits.starts_with("86"));
    if digits.is_empty() {
        return None;
    } else if has_country {
        normal.insert(begun, '+');
    } else if digits.starts_with("00") {
        normal.replace_range(begun..begun + 2, "+");
    } else {
        normal.insert_str(begun, "+86");
    }
    Some(())
}

/// Small letters. A part behind a plus stays: not every host leaves it out.
pub(super) fn mail(value: &str, normal: &mut String) -> Option<()> {
    let plain = value.trim();
    normal.extend(plain.chars().map(narrow).flat_map(char::to_lowercase));
    Some(())
}

fn letters(value: &str) -> impl Iterator<Item = char> {
    value
        .chars()
        .map(narrow)
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
}

/// Full-width forms as what they are forms of.
fn narrow(letter: char) -> char {
    match letter {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(letter) - 0xFEE0).unwrap_or(letter),
        '\u{3000}' => ' ',
        _ => letter,
    }
}
