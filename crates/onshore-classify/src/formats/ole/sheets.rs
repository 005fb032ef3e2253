//! Old workbooks (BIFF 5 and 8): records one behind the other, sheet by sheet.

use encoding_rs::{BIG5, Encoding, GBK, SHIFT_JIS, UTF_16LE, WINDOWS_1252};

use crate::findings::Unread;
use crate::formats::gather::Gather;
use crate::formats::ole::records::{f64_at, u16_at, u32_at};
use crate::formats::sheet::Sheet;

/// A workbook on its way.
#[derive(Debug)]
struct Book {
    strings: Vec<String>,
    encoding: &'static Encoding,
    is_wide: bool,
    sheet: Sheet,
    row: u16,
    /// The cell whose formula gave a text, which comes behind it.
    awaited: Option<(u16, u16)>,
    /// A text in a box comes behind what tells of the box.
    is_box: bool,
}

/// Reads a workbook.
pub(super) fn read(bytes: &[u8], gather: &mut Gather) -> Result<(), Unread> {
    let mut book = Book {
        strings: Vec::new(),
        encoding: WINDOWS_1252,
        is_wide: true,
        sheet: Sheet::default(),
        row: 0,
        awaited: None,
        is_box: false,
    };
    let mut rest = bytes;
    let mut is_first = true;
    while let Some((head, later)) = rest.split_first_chunk::<4>() {
        let (kind, len) = (u16_at(head, 0), usize::from(u16_at(head, 2)));
        let body = later.get(..len.min(later.len())).unwrap_or_default();
        rest = later.get(body.len()..).unwrap_or_default();
        match kind {
            0x0809 => {
                if is_first {
                    book.is_wide = u16_at(body, 0) >= 0x600;
                }
                is_first = false;
                std::mem::take(&mut book.sheet).finish(gather);
                book.row = 0;
            }
            _ if is_first => return Err(Unread::Damaged),
            0x002F => return Err(Unread::Encrypted),
            0x00FC => {
                let mut pieces = vec![body];
                while let Some((head, later)) = rest.split_first_chunk::<4>()
                    && u16_at(head, 0) == 0x003C
                {
                    let len = usize::from(u16_at(head, 2)).min(later.len());
                    let (more, later) = later.split_at(len);
                    pieces.push(more);
                    rest = later;
                }
                book.strings = Strings::new(pieces).read();
            }
            _ => book.record(kind, body, gather),
        }
        if gather.is_over() {
            return Ok(());
        }
    }
    book.sheet.finish(gather);
    Ok(())
}

impl Book {
    fn record(&mut self, kind: u16, body: &[u8], gather: &mut Gather) {
        let (row, column) = (u16_at(body, 0), u16_at(body, 2));
        match kind {
            0x0042 => {
                self.encoding = match u16_at(body, 0) {
                    936 => GBK,
                    950 => BIG5,
                    932 => SHIFT_JIS,
                    _ => WINDOWS_1252,
                };
            }
            0x00FD => {
                let place = u32_at(body, 6) as usize;
                if let Some(text) = self.strings.get(place) {
                    let text = text.clone();
                    self.cell(row, column, &text, gather);
                }
            }
            // A text in its cell, and one with formats.
            0x0204 | 0x00D6 => {
                let text = self.text(body.get(6..).unwrap_or_default());
                self.cell(row, column, &text, gather);
            }
            0x0203 => self.number(row, column, f64_at(body, 6), gather),
            0x027E => self.number(row, column, packed(u32_at(body, 6)), gather),
            0x00BD => {
                let cells = body
                    .get(4..body.len().saturating_sub(2))
                    .unwrap_or_default();
                for (column, cell) in (column..).zip(cells.chunks_exact(6)) {
                    self.number(row, column, packed(u32_at(cell, 2)), gather);
                }
            }
            0x0006 => {
                if u16_at(body, 12) == 0xFFFF {
                    self.awaited = Some((row, column)).filter(|_| body.get(6) == Some(&0));
                } else {
                    self.number(row, column, f64_at(body, 6), gather);
                }
            }
            0x0207 => {
                if let Some((row, column)) = self.awaited.take() {
                    let text = self.text(body);
                    self.cell(row, column, &text, gather);
                }
            }
            0x01B6 => self.is_box = true,
            0x003C if self.is_box => {
                self.is_box = false;
                let text =
                    self.letters(body.get(1..).unwrap_or_default(), body.first() == Some(&1));
                self.sheet.end_row(gather);
                self.sheet.cell(0, &text, gather);
                self.sheet.end_row(gather);
            }
            // What heads and feet of printed pages say.
            0x0014 | 0x0015 if !body.is_empty() => {
                let text = self.text(body);
                self.sheet.end_row(gather);
                self.sheet.cell(0, &text, gather);
                self.sheet.end_row(gather);
            }
            _ => {}
        }
    }

    fn number(&mut self, row: u16, column: u16, number: f64, gather: &mut Gather) {
        let text = crate::formats::office::plain(&format!("{number:e}"));
        self.cell(row, column, &text, gather);
    }

    fn cell(&mut self, row: u16, column: u16, text: &str, gather: &mut Gather) {
        if row != self.row {
            self.sheet.end_row(gather);
            self.row = row;
        }
        // Cells may share a text: each costs what it says.
        if !text.is_empty() && gather.unpacked(text.len() as u64) {
            self.sheet.cell(column.into(), text, gather);
        }
    }

    /// Reads a text behind its length.
    fn text(&self, body: &[u8]) -> String {
        let len = usize::from(u16_at(body, 0));
        if !self.is_wide {
            let letters = body.get(2..).unwrap_or_default();
            let letters = letters.get(..len.min(letters.len())).unwrap_or_default();
            return self
                .encoding
                .decode_without_bom_handling(letters)
                .0
                .into_owned();
        }
        let is_wide = body.get(2).is_some_and(|flags| flags & 1 != 0);
        let letters = body.get(3..).unwrap_or_default();
        let bytes = if is_wide { len * 2 } else { len };
        self.letters(
            letters.get(..bytes.min(letters.len())).unwrap_or_default(),
            is_wide,
        )
    }

    fn letters(&self, bytes: &[u8], is_wide: bool) -> String {
        let encoding = if is_wide { UTF_16LE } else { WINDOWS_1252 };
        encoding.decode_without_bom_handling(bytes).0.into_owned()
    }
}

/// A number in thirty bits: whole or the upper half of a fraction, and maybe a hundredth.
fn packed(bits: u32) -> f64 {
    let number = if bits & 2 != 0 {
        f64::from(bits.cast_signed() >> 2)
    } else {
        f64::from_bits(u64::from(bits & !3) << 32)
    };
    if bits & 1 != 0 {
        number / 100.0
    } else {
        number
    }
}

/// The strings that cells share, over several records.
#[derive(Debug)]
struct Strings<'a> {
    pieces: std::vec::IntoIter<&'a [u8]>,
    now: &'a [u8],
}

impl<'a> Strings<'a> {
    fn new(pieces: Vec<&'a [u8]>) -> Self {
        let mut pieces = pieces.into_iter();
        let now = pieces.next().unwrap_or_default();
        Self { pieces, now }
    }

    fn read(mut self) -> Vec<String> {
        let mut strings = Vec::new();
        // How often they are used, and how many there are.
        self.take(8);
        while let Some(string) = self.string() {
            strings.push(string);
        }
        strings
    }

    /// Takes bytes that may stand in two records.
    fn take(&mut self, len: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        while taken.len() < len {
            if self.now.is_empty() {
                match self.pieces.next() {
                    Some(piece) => self.now = piece,
                    None => break,
                }
                continue;
            }
            let (now, rest) = self.now.split_at(self.now.len().min(len - taken.len()));
            taken.extend_from_slice(now);
            self.now = rest;
        }
        taken
    }

    fn string(&mut self) -> Option<String> {
        let head = self.take(3);
        let [low, high, flags] = *head.first_chunk::<3>()?;
        let mut left = usize::from(u16::from_le_bytes([low, high]));
        let formats = if flags & 8 != 0 {
            u16_at(&self.take(2), 0)
        } else {
            0
        };
        let more = if flags & 4 != 0 {
            u32_at(&self.take(4), 0)
        } else {
            0
        };
        let mut is_wide = flags & 1 != 0;
        let mut string = String::new();
        while left > 0 {
            if self.now.is_empty() {
                // Where letters go on in another record, it says anew how they are written.
                self.now = self.pieces.next()?;
                is_wide = self.take(1).first()? & 1 != 0;
            }
            let width = if is_wide { 2 } else { 1 };
            let letters = left.min(self.now.len() / width);
            if letters == 0 {
                self.now = &[];
                continue;
            }
            let bytes = self.take(letters * width);
            let encoding = if is_wide { UTF_16LE } else { WINDOWS_1252 };
            string.push_str(&encoding.decode_without_bom_handling(&bytes).0);
            left -= letters;
        }
        self.take(usize::from(formats) * 4);
        self.take(more as usize);
        Some(string)
    }
}

#[cfg(test)]
mod tests {
    use super::{Strings, packed};

    #[test]
    fn strings_go_on_in_other_records() {
        let first = b"\0\0\0\0\0\0\0\0\x03\0\0abc\x04\0\x01a\0b\0".as_slice();
        let second = b"\0cd\x01\0\x08\x01\0x\0\0\0\0".as_slice();
        let third = b"\x02\0\0y".as_slice();
        assert_eq!(
            Strings::new(vec![first, second, third]).read(),
            ["abc", "abcd", "x"]
        );
        assert!(
            Strings::new(vec![b"\0\0\0\0\0\0\0\0\xFF\xFF\0a"])
                .read()
                .is_empty()
        );
    }

    #[test]
    fn packed_numbers_are_read() {
        assert!((packed(0x0000_0006) - 1.0).abs() < 1e-9);
        assert!((packed(0x3FF0_0000) - 1.0).abs() < 1e-9);
        assert!((packed(0x3FF0_0001) - 0.01).abs() < 1e-9);
    }
}
