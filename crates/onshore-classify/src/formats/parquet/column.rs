//! A column on its way: its pages, and the values in them, record by record.

use std::fmt::Write;
use std::io::{self, Read, Seek};

use crate::findings::Unread;
use crate::formats::parquet::at;
use crate::formats::parquet::footer::{Leaf, Physical, Place};
use crate::formats::parquet::levels::{Differences, Hybrid, little};
use crate::formats::parquet::page::{Head, Of, PAGE_MAX_BYTES, with_len};

/// How much is read for the head of a page, at first and at most: it may tell the least and the greatest value.
const HEAD_BYTES: usize = 1 << 12;
const HEAD_MAX_BYTES: usize = 1 << 20;

/// A longer value is read by itself: it may be a file.
const VALUE_MAX_BYTES: usize = 1 << 16;
/// A record that says more in one column is read as several.
const RECORD_MAX_BYTES: usize = 1 << 20;

/// What came of reading a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Record,
    End,
    Broken(Unread),
}

/// The values of a column in a group of rows.
#[derive(Debug)]
pub(super) struct Column<'a> {
    leaf: &'a Leaf,
    place: Place,
    /// So many values are not in a page that was begun.
    left: u64,
    dictionary: Dictionary,
    page: Page,
}

/// Values that others refer to, and where they are.
#[derive(Debug, Default)]
struct Dictionary {
    bytes: Vec<u8>,
    places: Vec<(u32, u32)>,
}

#[derive(Debug, Default)]
struct Page {
    bytes: Vec<u8>,
    left: u64,
    repetition: Hybrid,
    definition: Hybrid,
    /// How often what comes next came before in its record.
    next: Option<u32>,
    values: Values,
}

/// How the values of a page are written.
#[derive(Debug, Default)]
enum Values {
    #[default]
    None,
    /// One behind the other, from here on.
    Plain(usize),
    /// By their places in the dictionary.
    Places(Hybrid),
    Truths(Hybrid),
    Differences(Differences),
    /// Lengths, and behind them the bytes, from here on.
    Lengths(Differences, usize),
    /// What each has of the one before it, lengths of the rest, and the rest.
    Prefixes {
        prefixes: Differences,
        lengths: Differences,
        at: usize,
        last: Vec<u8>,
    },
    /// First all first bytes, then all second ones: so many values from here on.
    Split {
        at: usize,
        count: usize,
        next: usize,
    },
}

impl<'a> Column<'a> {
    pub(super) fn new(leaf: &'a Leaf, place: Place) -> Self {
        Self {
            leaf,
            place,
            left: place.values,
            dictionary: Dictionary::default(),
            page: Page::default(),
        }
    }

    /// How much of pages is held.
    pub(super) fn held_bytes(&self) -> usize {
        self.page.bytes.len() + self.dictionary.bytes.len() + self.dictionary.places.len() * 8
    }

    /// Writes the values of the next record, with blanks between them.
    pub(super) fn next_record<R: Read + Seek>(
        &mut self,
        bytes: &mut R,
        room: usize,
        row: &mut String,
        read_long: &mut dyn FnMut(&[u8]),
    ) -> io::Result<Next> {
        let start = row.len();
        let mut is_begun = false;
        loop {
            if self.page.left == 0 {
                match self.next_page(bytes, room)? {
                    Ok(true) => continue,
                    Ok(false) if is_begun => return Ok(Next::Record),
                    Ok(false) => return Ok(Next::End),
                    Err(why) => return Ok(Next::Broken(why)),
                }
            }
            let Some(repetition) = self.page.repetition() else {
                return Ok(Next::Broken(Unread::Damaged));
            };
            if is_begun && (repetition == 0 || row.len() - start > RECORD_MAX_BYTES) {
                return Ok(Next::Record);
            }
            is_begun = true;
            if self.value(start, row, read_long).is_none() {
                row.truncate(start);
                return Ok(Next::Broken(Unread::Damaged));
            }
            if self.leaf.repetition_max == 0 {
                return Ok(Next::Record);
            }
        }
    }

    /// Writes the next value, if there is one in its place.
    fn value(
        &mut self,
        start: usize,
        row: &mut String,
        read_long: &mut dyn FnMut(&[u8]),
    ) -> Option<()> {
        let page = &mut self.page;
        page.left -= 1;
        page.next = None;
        if page.definition.next(&page.bytes)? < self.leaf.definition_max {
            return Some(());
        }
        if row.len() > start {
            row.push(' ');
        }
        match &mut page.values {
            Values::None => None,
            Values::Plain(at) => {
                let len = plain_len(self.leaf, &page.bytes, at)?;
                let value = page.bytes.get(*at..at.checked_add(len)?)?;
                *at += len;
                write(self.leaf.kind, value, row, read_long)
            }
            Values::Places(places) => {
                let place = usize::try_from(places.next(&page.bytes)?).ok()?;
                let (from, to) = *self.dictionary.places.get(place)?;
                let value = self.dictionary.bytes.get(from as usize..to as usize)?;
                write(self.leaf.kind, value, row, read_long)
            }
            Values::Truths(truths) => truths.next(&page.bytes).map(|_| ()),
            Values::Differences(numbers) => {
                write_number(numbers.next(&page.bytes)?, row);
                Some(())
            }
            Values::Lengths(lengths, at) => {
                let len = usize::try_from(lengths.next(&page.bytes)?).ok()?;
                let value = page.bytes.get(*at..at.checked_add(len)?)?;
                *at += len;
                write(self.leaf.kind, value, row, read_long)
            }
            Values::Prefixes {
                prefixes,
                lengths,
                at,
                last,
            } => {
                let prefix = usize::try_from(prefixes.next(&page.bytes)?).ok()?;
                let len = usize::try_from(lengths.next(&page.bytes)?).ok()?;
                if prefix > last.len() {
                    return None;
                }
                last.truncate(prefix);
                last.extend_from_slice(page.bytes.get(*at..at.checked_add(len)?)?);
                *at += len;
                write(self.leaf.kind, last, row, read_long)
            }
            Values::Split { at, count, next } => {
                let len = fixed_len(self.leaf)?;
                let mut value = [0; 16];
                for (place, byte) in value.iter_mut().enumerate().take(len) {
                    *byte = *page.bytes.get(*at + place * *count + *next)?;
                }
                *next += 1;
                write(self.leaf.kind, value.get(..len)?, row, read_long)
            }
        }
    }

    /// Goes on to the next page with values. Returns whether there is one.
    fn next_page<R: Read + Seek>(
        &mut self,
        bytes: &mut R,
        room: usize,
    ) -> io::Result<Result<bool, Unread>> {
        self.page = Page::default();
        while self.left > 0 && self.place.start < self.place.end {
            let rest = usize::try_from(self.place.end - self.place.start).unwrap_or(usize::MAX);
            let mut head = at(bytes, self.place.start, rest.min(HEAD_BYTES))?;
            if Head::parse(&head).is_none() {
                head = at(bytes, self.place.start, rest.min(HEAD_MAX_BYTES))?;
            }
            let Some(head) = Head::parse(&head) else {
                return Ok(Err(Unread::Damaged));
            };
            let from = self.place.start + head.len as u64;
            self.place.start = from + head.packed as u64;
            if head.kind == Of::Other {
                continue;
            }
            let held = self.dictionary.bytes.len() + self.dictionary.places.len() * 8;
            // A dictionary of empty values takes more than its bytes.
            let most = match head.kind {
                Of::Dictionary => head.unpacked.saturating_mul(3),
                Of::Values | Of::Other => head.unpacked,
            };
            if head.packed > PAGE_MAX_BYTES || held.saturating_add(most) > room {
                return Ok(Err(Unread::OverLimit));
            }
            let packed = at(bytes, from, head.packed)?;
            let page = match head.unpack(self.place.codec, &packed) {
                Ok(page) => page,
                Err(why) => return Ok(Err(why)),
            };
            let read = match head.kind {
                Of::Dictionary => self.begin_dictionary(page, head.values),
                Of::Values | Of::Other => self.begin_page(page, &head),
            };
            if let Err(why) = read {
                return Ok(Err(why));
            }
            if self.page.left > 0 {
                return Ok(Ok(true));
            }
        }
        Ok(Ok(false))
    }

    fn begin_dictionary(&mut self, bytes: Vec<u8>, values: u64) -> Result<(), Unread> {
        let mut places = Vec::new();
        let mut at = 0;
        for _ in 0..values {
            let len = plain_len(self.leaf, &bytes, &mut at).ok_or(Unread::Damaged)?;
            let end = at.saturating_add(len);
            let (Ok(from), Ok(to)) = (u32::try_from(at), u32::try_from(end)) else {
                return Err(Unread::Damaged);
            };
            if end > bytes.len() || len == 0 && self.leaf.kind != Physical::Bytes {
                return Err(Unread::Damaged);
            }
            places.push((from, to));
            at = end;
        }
        self.dictionary = Dictionary { bytes, places };
        Ok(())
    }

    fn begin_page(&mut self, bytes: Vec<u8>, head: &Head) -> Result<(), Unread> {
        let repetition_bits = u32::BITS - self.leaf.repetition_max.leading_zeros();
        let definition_bits = u32::BITS - self.leaf.definition_max.leading_zeros();
        let mut at = 0;
        let (mut repetition, mut definition) = (Hybrid::default(), Hybrid::default());
        if let Some(levels) = head.levels {
            let middle = levels.repetition;
            at = middle.saturating_add(levels.definition);
            repetition = Hybrid::new(0, middle, repetition_bits);
            definition = Hybrid::new(middle, at, definition_bits);
        } else {
            for (bits, levels) in [
                (repetition_bits, &mut repetition),
                (definition_bits, &mut definition),
            ] {
                if bits > 0 {
                    let (start, end) = with_len(&bytes, at).ok_or(Unread::Damaged)?;
                    *levels = Hybrid::new(start, end, bits);
                    at = end;
                }
            }
        }
        let values = self
            .values(&bytes, at, head.encoding)
            .ok_or(Unread::Damaged)??;
        let left = head.values.min(self.left);
        self.left -= left;
        self.page = Page {
            bytes,
            left,
            repetition,
            definition,
            next: None,
            values,
        };
        Ok(())
    }

    /// Begins with the values of a page. None where it breaks the rules.
    fn values(&self, page: &[u8], at: usize, encoding: i64) -> Option<Result<Values, Unread>> {
        let end = page.len();
        Some(Ok(match (encoding, self.leaf.kind) {
            // Nothing but gaps may need no bytes.
            _ if at >= end => Values::None,
            (0, Physical::Boolean) => Values::Truths(Hybrid::default()),
            (0, _) => Values::Plain(at),
            (2 | 8, _) => {
                let bits = u32::from(*page.get(at)?);
                if bits > 32 {
                    return None;
                }
                Values::Places(Hybrid::new(at + 1, end, bits))
            }
            (3, Physical::Boolean) => Values::Truths(Hybrid::default()),
            (5, Physical::Int32 | Physical::Int64) => {
                Values::Differences(Differences::new(page, at, end)?)
            }
            (6, Physical::Bytes) => {
                let lengths = Differences::new(page, at, end)?;
                let behind = bounded(&lengths, self.left)?.behind(page)?;
                Values::Lengths(lengths, behind)
            }
            (7, Physical::Bytes | Physical::Fixed) => {
                let prefixes = Differences::new(page, at, end)?;
                let behind = bounded(&prefixes, self.left)?.behind(page)?;
                let lengths = Differences::new(page, behind, end)?;
                let at = bounded(&lengths, self.left)?.behind(page)?;
                let last = Vec::new();
                Values::Prefixes {
                    prefixes,
                    lengths,
                    at,
                    last,
                }
            }
            (9, _) => {
                let len = fixed_len(self.leaf).filter(|len| (1..=16).contains(len))?;
                let (count, next) = ((end - at) / len, 0);
                Values::Split { at, count, next }
            }
            _ => return Some(Err(Unread::UnknownFormat)),
        }))
    }
}

/// Numbers that say they are more than there are values are going through in vain.
fn bounded(numbers: &Differences, values: u64) -> Option<Differences> {
    (numbers.left() <= values && numbers.left() <= 1 << 24).then(|| numbers.clone())
}

impl Page {
    /// Returns how often what comes next came before in its record.
    fn repetition(&mut self) -> Option<u32> {
        if self.next.is_none() {
            self.next = Some(self.repetition.next(&self.bytes)?);
        }
        self.next
    }
}

/// How long values are that are all of one length.
fn fixed_len(leaf: &Leaf) -> Option<usize> {
    match leaf.kind {
        Physical::Int32 | Physical::Float => Some(4),
        Physical::Int64 | Physical::Double => Some(8),
        Physical::Int96 => Some(12),
        Physical::Fixed => Some(leaf.len),
        Physical::Boolean | Physical::Bytes => None,
    }
}

/// Returns how long the value is that stands here, behind its own length if it has one.
fn plain_len(leaf: &Leaf, page: &[u8], at: &mut usize) -> Option<usize> {
    if leaf.kind == Physical::Bytes {
        let len = page.get(*at..)?.first_chunk::<4>()?;
        *at += 4;
        return usize::try_from(u32::from_le_bytes(*len)).ok();
    }
    fixed_len(leaf)
}

/// Writes a value as people do.
fn write(
    kind: Physical,
    value: &[u8],
    row: &mut String,
    read_long: &mut dyn FnMut(&[u8]),
) -> Option<()> {
    match kind {
        Physical::Boolean | Physical::Int96 => {}
        Physical::Int32 => write_number(i32::from_le_bytes(*value.first_chunk()?).into(), row),
        Physical::Int64 => write_number(little(value).cast_signed(), row),
        Physical::Float => {
            let number = f32::from_le_bytes(*value.first_chunk()?);
            row.write_fmt(format_args!("{number}")).ok()?;
        }
        Physical::Double => {
            let number = f64::from_le_bytes(*value.first_chunk()?);
            row.write_fmt(format_args!("{number}")).ok()?;
        }
        Physical::Bytes | Physical::Fixed if value.len() > VALUE_MAX_BYTES => read_long(value),
        Physical::Bytes | Physical::Fixed => match str::from_utf8(value) {
            Ok(text) => row.push_str(text),
            Err(_) => row.push_str(&String::from_utf8_lossy(value)),
        },
    }
    Some(())
}

/// Writes a whole number. There are millions of them, and what formats anything takes its time.
fn write_number(number: i64, row: &mut String) {
    if number < 0 {
        row.push('-');
    }
    let (mut digits, mut len, mut rest) = ([0_u8; 20], 0, number.unsigned_abs());
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        len += 1;
        if rest == 0 {
            break;
        }
    }
    let digits = digits.iter().skip(20 - len);
    row.extend(digits.map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::write_number;

    #[test]
    fn numbers_are_written_as_others_write_them() {
        for number in [0, 7, -7, 10, 13_800_138_000, i64::MAX, i64::MIN] {
            let mut row = String::new();
            write_number(number, &mut row);
            assert_eq!(row, number.to_string());
        }
    }
}
