//! Brings all writings of an identifier into one, so that one person is one pseudonym whoever wrote it down.

/// Weights and check characters of ISO 7064, MOD 11-2, over 17 digits.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: [char; 11] = ['1', '0', 'X', '9', '8', '7', '6', '5', '4', '3', '2'];

/// Letters and digits alone, in capitals.
pub(super) fn word(value: &str) -> Option<String> {
    let normal: String = letters(value).collect();
    (!normal.is_empty()).then_some(normal)
}

/// A number of the first generation becomes one of the second: all who have one were born in the 1900s.
pub(super) fn resident_id(value: &str) -> Option<String> {
    let normal = word(value)?;
    if normal.len() != 15 {
        return Some(normal);
    }
    let (area, rest) = normal.split_at_checked(6)?;
    let lifted = format!("{area}19{rest}");
    let sum: Option<u32> = lifted
        .chars()
        .zip(WEIGHTS)
        .map(|(digit, weight)| Some(digit.to_digit(10)? * weight))
        .sum();
    let check = CHECKS.get(sum? as usize % CHECKS.len())?;
    Some(format!("{lifted}{check}"))
}

/// A passport's number behind the country it belongs to. Of a machine readable zone the line with the number is read, whose
/// holder is a national of the country that gave it.
pub(super) fn passport(value: &str) -> Option<String> {
    let plain: String = value.chars().map(narrow).collect();
    let plain = plain.trim();
    if plain.contains('<') || plain.len() >= 36 {
        let number = plain.get(..9)?.trim_end_matches('<');
        let country = plain.get(10..13)?.trim_end_matches('<');
        return Some(format!("{country}:{number}").to_uppercase());
    }
    Some(format!("CHN:{}", word(plain)?))
}

/// A number with its country, behind a plus. One without a country is of the mainland.
pub(super) fn phone(value: &str) -> Option<String> {
    let plain: String = value.chars().map(narrow).collect();
    let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return None;
    }
    if plain.trim_start().starts_with('+') {
        return Some(format!("+{digits}"));
    }
    if let Some(rest) = digits.strip_prefix("00") {
        return Some(format!("+{rest}"));
    }
    if digits.len() == 13 && digits.starts_with("86") {
        return Some(format!("+{digits}"));
    }
    Some(format!("+86{digits}"))
}

/// Small letters. A part behind a plus stays: not every host leaves it out.
pub(super) fn mail(value: &str) -> Option<String> {
    let plain: String = value.chars().map(narrow).collect();
    let normal = plain.trim().to_lowercase();
    (!normal.is_empty()).then_some(normal)
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
