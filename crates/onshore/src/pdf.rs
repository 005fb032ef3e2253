//! A report as PDF: lines and columns of text on landscape pages, and nothing else. Two fonts that every reader has stand for all
//! text: Courier, whose letters are all as wide as each other, and the Chinese one of Adobe's collection GB1 (PDF 1.7, 9.7.5.2).

use std::fmt::Write as _;

/// A4, in points.
const WIDTH: f32 = 842.0;
const HEIGHT: f32 = 595.0;
const MARGIN: f32 = 36.0;
/// How wide a letter of Courier is, and one of the Chinese font, in its size.
const LATIN: f32 = 0.6;
const WIDE: f32 = 1.0;
/// How far lines are apart, in their size.
const LEADING: f32 = 1.35;

/// A document that is being written, from the top of its first page on.
#[derive(Debug)]
pub(crate) struct Document {
    title: String,
    pages: Vec<String>,
    y: f32,
}

/// A text in a column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell<'a> {
    pub(crate) text: &'a str,
    /// How wide the column is, in points.
    pub(crate) width: f32,
}

impl Document {
    /// Begins a document.
    pub(crate) fn new(title: &str) -> Self {
        let mut document = Self {
            title: title.to_owned(),
            pages: Vec::new(),
            y: 0.0,
        };
        document.turn();
        document.text(title, 14.0, 0.0);
        document
    }

    /// Writes a text so large and so far from the margin, on as many lines as it takes.
    pub(crate) fn text(&mut self, text: &str, size: f32, indent: f32) {
        for line in wrapped(text, size, WIDTH - 2.0 * MARGIN - indent) {
            self.feed(size);
            self.put(&line, size, MARGIN + indent);
        }
    }

    /// Writes a row; what does not fit into a column goes on beneath it.
    pub(crate) fn row(&mut self, cells: &[Cell<'_>], size: f32) {
        let columns: Vec<(f32, Vec<String>)> = cells
            .iter()
            .scan(MARGIN, |x, cell| {
                let at = *x;
                *x += cell.width;
                Some((at, wrapped(cell.text, size, cell.width - size / 2.0)))
            })
            .collect();
        let height = columns.iter().map(|(_, lines)| lines.len()).max();
        for number in 0..height.unwrap_or_default() {
            self.feed(size);
            for (x, lines) in &columns {
                if let Some(line) = lines.get(number) {
                    self.put(line, size, *x);
                }
            }
        }
    }

    /// Leaves a line of this size empty.
    pub(crate) fn skip(&mut self, size: f32) {
        self.y -= size * LEADING;
    }

    /// Returns the file.
    pub(crate) fn finish(self) -> Vec<u8> {
        let count = self.pages.len();
        // 1 is the catalogue, 2 the pages, 3 to 7 the fonts; then a page and its content for each.
        let first = 8;
        let mut objects = vec![
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            pages(first, count),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>"
                .to_owned(),
            "<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [5 0 R] /ToUnicode 7 0 R >>"
                .to_owned(),
            "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) \
             /Supplement 4 >> /DW 1000 /FontDescriptor 6 0 R >>"
                .to_owned(),
            "<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 /Ascent 880 \
             /Descent -120 /CapHeight 880 /StemV 93 >>"
                .to_owned(),
            stream(&to_unicode()),
        ];
        for (number, content) in self.pages.iter().enumerate() {
            let mut content = content.clone();
            let footer = format!("{} - {} / {count}", self.title, number + 1);
            show(&mut content, &footer, 7.0, MARGIN, MARGIN / 2.0);
            objects.push(format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> \
                 /Contents {} 0 R >>",
                first + 2 * number + 1
            ));
            objects.push(stream(&content));
        }
        file(&objects, &self.title)
    }

    /// Goes down to the next line, on the next page where there is none.
    fn feed(&mut self, size: f32) {
        if self.y - size * LEADING < MARGIN {
            self.turn();
        }
        self.y -= size * LEADING;
    }

    fn turn(&mut self) {
        self.pages.push(String::new());
        self.y = HEIGHT - MARGIN;
    }

    fn put(&mut self, line: &str, size: f32, x: f32) {
        let y = self.y;
        if let Some(page) = self.pages.last_mut() {
            show(page, line, size, x, y);
        }
    }
}

/// How wide a letter is, in its size.
fn width(letter: char) -> f32 {
    if is_latin(letter) { LATIN } else { WIDE }
}

fn is_latin(letter: char) -> bool {
    matches!(letter, ' '..='~')
}

/// Breaks a text into lines, between words where there are any.
fn wrapped(text: &str, size: f32, room: f32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let (mut used, mut gap) = (0.0, None);
    for letter in text.chars() {
        let letter = if letter.is_control() { ' ' } else { letter };
        let more = width(letter) * size;
        if used + more > room && !line.is_empty() {
            let rest = gap.map_or_else(String::new, |at: usize| line.split_off(at));
            lines.push(line.trim_end().to_owned());
            line = rest.trim_start().to_owned();
            used = line.chars().map(width).sum::<f32>() * size;
            gap = None;
        }
        if letter == ' ' {
            gap = Some(line.len());
        }
        line.push(letter);
        used += more;
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// Writes a line, each run of letters in the font that has them.
fn show(page: &mut String, line: &str, size: f32, x: f32, y: f32) {
    let mut rest = line;
    let mut at = x;
    while let Some(letter) = rest.chars().next() {
        let latin = is_latin(letter);
        let end = rest
            .find(|letter| is_latin(letter) != latin)
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        let (font, written) = if latin {
            ("F1", bytes(run))
        } else {
            ("F2", units(run))
        };
        // Writing into a text does not fail.
        let _ = writeln!(
            page,
            "BT /{font} {size} Tf {at:.2} {y:.2} Td <{written}> Tj ET"
        );
        at += run.chars().map(width).sum::<f32>() * size;
        rest = after;
    }
}

fn bytes(run: &str) -> String {
    run.bytes().map(|byte| format!("{byte:02X}")).collect()
}

/// Writes letters as the units of the font's encoding, which has none beyond the first plane.
fn units(run: &str) -> String {
    run.chars()
        .map(|letter| u16::try_from(u32::from(letter)).unwrap_or(0x25A1))
        .map(|unit| format!("{unit:04X}"))
        .collect()
}

fn pages(first: usize, count: usize) -> String {
    let kids: Vec<String> = (0..count)
        .map(|number| format!("{} 0 R", first + 2 * number))
        .collect();
    format!(
        "<< /Type /Pages /Kids [{}] /Count {count} >>",
        kids.join(" ")
    )
}

fn stream(content: &str) -> String {
    format!(
        "<< /Length {} >>\nstream\n{content}\nendstream",
        content.len()
    )
}

/// Says that each unit of the encoding is the letter of that number, for whoever searches or copies.
fn to_unicode() -> String {
    let mut map = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Onshore def\n/CMapType 2 def\n\
                   1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        .to_owned();
    // A block has up to 100 ranges, and a range does not leave its high byte.
    for block in (0_u32..256).collect::<Vec<_>>().chunks(100) {
        let _ = writeln!(map, "{} beginbfrange", block.len());
        for high in block {
            let _ = writeln!(map, "<{high:02X}00> <{high:02X}FF> <{high:02X}00>");
        }
        map.push_str("endbfrange\n");
    }
    map.push_str("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend");
    map
}

fn file(objects: &[String], title: &str) -> Vec<u8> {
    // The second line has bytes beyond ASCII, so that nobody takes it for a text.
    let mut file = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut places = Vec::with_capacity(objects.len());
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", number + 1).as_bytes());
    }
    let info = objects.len() + 1;
    places.push(file.len());
    file.extend(
        format!(
            "{info} 0 obj\n<< /Title <FEFF{}> /Producer (Onshore) >>\nendobj\n",
            units(title)
        )
        .as_bytes(),
    );
    let begin = file.len();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1);
    for place in &places {
        let _ = writeln!(table, "{place:010} 00000 n ");
    }
    file.extend(table.as_bytes());
    file.extend(
        format!(
            "trailer\n<< /Size {} /Root 1 0 R /Info {info} 0 R >>\nstartxref\n{begin}\n%%EOF\n",
            places.len() + 1
        )
        .as_bytes(),
    );
    file
}

#[cfg(test)]
mod tests {
    use super::{Cell, Document, wrapped};

    #[test]
    fn lines_break_between_words_and_never_lose_a_letter() {
        assert_eq!(wrapped("one two three", 10.0, 50.0), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 10.0, 30.0), ["abcde", "fghij"]);
        assert_eq!(wrapped("合同须迁出", 10.0, 25.0), ["合同", "须迁", "出"]);
        assert_eq!(wrapped("", 10.0, 30.0), [""]);
        for text in ["a b  c", "x", "合 a同b", "long-word-without-end and more"] {
            for room in 1_u8..80 {
                let joined: String = wrapped(text, 10.0, f32::from(room)).concat();
                let plain = |text: &str| text.replace(' ', "");
                assert_eq!(plain(&joined), plain(text));
            }
        }
    }

    #[test]
    fn every_object_is_where_the_table_says() {
        let mut document = Document::new("报告 (status) \\");
        for number in 0..200 {
            let text = format!("row {number} 合同 )( <>");
            let cell = Cell {
                text: &text,
                width: 200.0,
            };
            document.row(&[cell, cell], 9.0);
        }
        let file = document.finish();
        let text = String::from_utf8_lossy(&file);
        assert!(text.starts_with("%PDF-1.7") && text.ends_with("%%EOF\n"));
        let begin: usize = text
            .rsplit_once("startxref\n")
            .and_then(|(_, rest)| rest.lines().next()?.parse().ok())
            .expect("a place");
        let table = String::from_utf8_lossy(&file[begin..]).into_owned();
        assert!(table.starts_with("xref\n0 "));
        for (number, line) in table
            .lines()
            .skip(3)
            .take_while(|line| line.ends_with("n "))
            .enumerate()
        {
            let at: usize = line[..10].parse().expect("a place");
            assert!(file[at..].starts_with(format!("{} 0 obj\n", number + 1).as_bytes()));
        }
        assert!(text.matches("/Type /Page ").count() > 3);
    }
}
