//! Documents of offices: zip archives with XML in them, of OOXML (docx, pptx, xlsx) and OpenDocument (odt, odp, ods).
//!
//! Text is read without its marks, so that a number is found that is half bold. Tables are read as tables and sheets as
//! records. Parts that only say how things look are passed over; all others are read as any member of an archive is.

use std::io::{self, Read, Seek};

use crate::findings::Unread;
use crate::formats::gather::Gather;
use crate::formats::legible;
use crate::formats::packed::Sink;
use crate::formats::sheet::Sheet;
use crate::formats::xml::{Attributes, Told, Xml};
use crate::formats::zip::{Archive, Entry};
use crate::passage::Passage;

/// How much is kept of the strings that cells share; those beyond are read as text.
const STRINGS_MAX_BYTES: usize = 64 << 20;
/// How much of the list of members is looked at for encryption.
const MANIFEST_MAX_BYTES: usize = 1 << 20;
/// So many cells one may stand for.
const REPEATED_MAX: usize = 64;
/// The longest value of a cell.
const VALUE_MAX_BYTES: usize = 1 << 16;

/// What kind of document an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    Words,
    Slides,
    Sheets,
    OpenText,
    OpenSlides,
    OpenSheets,
}

/// How a part of a document is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Text of OOXML.
    Text,
    /// Text of OpenDocument.
    OpenText,
    /// Cells of OOXML.
    Cells,
    /// Strings that cells share: read before them.
    Strings,
    /// Says only how things look.
    Looks,
    /// As any other member of an archive.
    Any,
}

impl Document {
    /// Says what document an archive is, if it is one.
    pub(crate) fn of<R: Read + Seek>(
        archive: &mut Archive<R>,
        gather: &mut Gather,
    ) -> io::Result<Option<Self>> {
        let entries = std::mem::take(&mut archive.entries);
        let has_in = |folder: &str| entries.iter().any(|entry| entry.name.starts_with(folder));
        let mut document = None;
        if has_in("[Content_Types].xml") {
            let folders = [
                ("word/", Self::Words),
                ("xl/", Self::Sheets),
                ("ppt/", Self::Slides),
            ];
            let folder = folders.into_iter().find(|(folder, _)| has_in(folder));
            document = folder.map(|(_, document)| document);
        } else if has_in("content.xml") {
            const OPEN: &[u8] = b"application/vnd.oasis.opendocument.";
            let kind = held(&entries, "mimetype", archive, gather)?;
            document = match kind.strip_prefix(OPEN) {
                Some([b's', ..]) => Some(Self::OpenSheets),
                Some([b'p', ..]) => Some(Self::OpenSlides),
                Some(_) => Some(Self::OpenText),
                None => None,
            };
        }
        archive.entries = entries;
        Ok(document)
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Words => "docx",
            Self::Slides => "pptx",
            Self::Sheets => "xlsx",
            Self::OpenText => "odt",
            Self::OpenSlides => "odp",
            Self::OpenSheets => "ods",
        }
    }

    /// Says how to read a part.
    fn part(self, name: &str) -> Part {
        const LOOKS: &[&str] = &[
            "/theme/",
            "docProps/thumbnail",
            "/styles.xml",
            "/settings.xml",
            "/fontTable.xml",
            "/webSettings.xml",
            "/printerSettings/",
            "/calcChain.xml",
            "/tableStyles.xml",
            "/presProps.xml",
            "/viewProps.xml",
            "/numbering.xml",
            "/slideLayouts/",
        ];
        let is_looks = LOOKS.iter().any(|looks| name.contains(looks));
        match self {
            Self::OpenText | Self::OpenSlides | Self::OpenSheets => {
                match name.rsplit('/').next().unwrap_or(name) {
                    "content.xml" | "styles.xml" => Part::OpenText,
                    "settings.xml" | "manifest.xml" | "manifest.rdf" | "mimetype"
                    | "thumbnail.png" => Part::Looks,
                    _ => Part::Any,
                }
            }
            Self::Words | Self::Slides | Self::Sheets
                if is_looks || name == "[Content_Types].xml" =>
            {
                Part::Looks
            }
            Self::Sheets if name == "xl/sharedStrings.xml" => Part::Strings,
            Self::Sheets if name.starts_with("xl/worksheets/") && name.ends_with(".xml") => {
                Part::Cells
            }
            Self::Sheets
                if name.starts_with("xl/comments")
                    || name.starts_with("xl/drawings/")
                    || name.starts_with("xl/threadedComments/") =>
            {
                of_xml(name)
            }
            Self::Words if name.starts_with("word/") => of_xml(name),
            Self::Slides if name.starts_with("ppt/") => of_xml(name),
            Self::Words | Self::Slides | Self::Sheets => Part::Any,
        }
    }
}

fn of_xml(name: &str) -> Part {
    if name.ends_with(".xml") {
        Part::Text
    } else {
        Part::Any
    }
}

/// Reads a document.
pub(crate) fn read<R: Read + Seek>(
    document: Document,
    archive: &mut Archive<R>,
    gather: &mut Gather,
) -> io::Result<()> {
    let entries = std::mem::take(&mut archive.entries);
    let manifest = held(&entries, "META-INF/manifest.xml", archive, gather)?;
    let encrypted = b"encryption-data";
    if manifest
        .windows(encrypted.len())
        .any(|word| word == encrypted)
    {
        gather.not_read(Unread::Encrypted);
        return Ok(());
    }
    let mut strings = Strings::default();
    for entry in &entries {
        if document.part(&entry.name) == Part::Strings {
            let mut xml = Xml::new(ReadStrings::new(strings, gather));
            gather.enter_part(&entry.name);
            archive.unpack(entry, &mut xml, gather)?;
            strings = xml.finish(gather).finish(gather);
            gather.leave();
        }
    }
    for entry in &entries {
        if gather.is_over() {
            break;
        }
        match document.part(&entry.name) {
            Part::Strings | Part::Looks => {}
            Part::Any => archive.read_part(entry, gather)?,
            Part::Text => read_flow(Dialect::Office, entry, archive, gather)?,
            Part::OpenText => read_flow(Dialect::Open, entry, archive, gather)?,
            Part::Cells => {
                gather.enter_part(&entry.name);
                let mut xml = Xml::new(Cells::new(&strings));
                archive.unpack(entry, &mut xml, gather)?;
                xml.finish(gather).sheet.finish(gather);
                gather.leave();
            }
        }
    }
    Ok(())
}

fn read_flow<R: Read + Seek>(
    dialect: Dialect,
    entry: &Entry,
    archive: &mut Archive<R>,
    gather: &mut Gather,
) -> io::Result<()> {
    gather.enter_part(&entry.name);
    let mut xml = Xml::new(Flow::new(dialect, gather));
    archive.unpack(entry, &mut xml, gather)?;
    xml.finish(gather).finish(gather);
    gather.leave();
    Ok(())
}

/// Returns the beginning of a small member.
fn held<R: Read + Seek>(
    entries: &[Entry],
    name: &str,
    archive: &mut Archive<R>,
    gather: &mut Gather,
) -> io::Result<Vec<u8>> {
    struct Held(Vec<u8>);

    impl Sink for Held {
        fn take(&mut self, bytes: &[u8], _: &mut Gather) {
            let room = MANIFEST_MAX_BYTES - self.0.len();
            self.0.extend(bytes.iter().take(room));
        }
    }

    let mut held = Held(Vec::new());
    if let Some(entry) = entries.iter().find(|entry| entry.name == name) {
        archive.unpack(entry, &mut held, gather)?;
    }
    Ok(held.0)
}

/// Which names elements have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Office,
    Open,
}

/// Text with tables in it.
#[derive(Debug)]
struct Flow {
    dialect: Dialect,
    text: Passage,
    has_text: bool,
    /// How many elements around here hold text, and how many hold what is said elsewhere too.
    text_depth: usize,
    passed_depth: usize,
    table_depth: usize,
    sheet: Option<Sheet>,
    column: usize,
    /// So many cells the current one stands for.
    repeated: usize,
    /// What the current cell says, and whether its element said it already.
    cell: String,
    is_valued: bool,
}

impl Flow {
    fn new(dialect: Dialect, gather: &Gather) -> Self {
        Self {
            dialect,
            text: Passage::new(gather.wanted()),
            has_text: false,
            text_depth: 0,
            passed_depth: 0,
            table_depth: 0,
            sheet: None,
            column: 0,
            repeated: 1,
            cell: String::new(),
            is_valued: false,
        }
    }

    fn finish(mut self, gather: &mut Gather) {
        self.end_cell(gather);
        if let Some(sheet) = self.sheet.take() {
            sheet.finish(gather);
        }
        if self.has_text {
            gather.is_format("text");
        }
        gather.take(self.text.finish());
    }

    fn write(&mut self, text: &str, gather: &mut Gather) {
        if self.table_depth == 0 {
            self.has_text = true;
            self.text.push(legible(text).as_bytes());
        } else if !self.is_valued {
            self.cell.push_str(text);
            if self.cell.len() > VALUE_MAX_BYTES {
                let cell = std::mem::take(&mut self.cell);
                if let Some(sheet) = &mut self.sheet {
                    sheet.cell(self.column, &cell, gather);
                }
            }
        }
    }

    fn end_cell(&mut self, gather: &mut Gather) {
        let cell = std::mem::take(&mut self.cell);
        let cell = cell.trim();
        if let Some(sheet) = &mut self.sheet
            && !cell.is_empty()
        {
            for _ in 0..self.repeated.min(REPEATED_MAX) {
                sheet.cell(self.column, cell, gather);
                self.column += 1;
            }
        } else {
            self.column = self.column.saturating_add(self.repeated);
        }
        self.is_valued = false;
        self.repeated = 1;
    }
}

impl Told for Flow {
    fn open(&mut self, name: &str, attributes: Attributes<'_>, gather: &mut Gather) {
        match (self.dialect, name) {
            // Says for old programs what stands before it.
            (Dialect::Office, "Fallback") => self.passed_depth += 1,
            (Dialect::Office, "t" | "delText" | "instrText") | (Dialect::Open, "p" | "h") => {
                self.text_depth += 1;
            }
            (Dialect::Office, "tbl") | (Dialect::Open, "table") => {
                self.table_depth += 1;
                if self.table_depth == 1 {
                    self.sheet = Some(Sheet::default());
                }
            }
            (Dialect::Office, "tr") | (Dialect::Open, "table-row") if self.table_depth == 1 => {
                self.column = 0;
            }
            (Dialect::Open, "table-cell" | "covered-table-cell") if self.table_depth == 1 => {
                let repeated = attributes.value("number-columns-repeated");
                self.repeated = repeated.and_then(|count| count.parse().ok()).unwrap_or(1);
                if attributes.value("value-type").as_deref() == Some("float")
                    && let Some(value) = attributes.value("value")
                {
                    self.cell = plain(&value);
                    self.is_valued = true;
                }
            }
            (_, "tab" | "s") => self.write(" ", gather),
            (_, "br" | "cr" | "line-break") => self.write("\n", gather),
            _ => {}
        }
    }

    fn close(&mut self, name: &str, gather: &mut Gather) {
        match (self.dialect, name) {
            (Dialect::Office, "Fallback") => {
                self.passed_depth = self.passed_depth.saturating_sub(1);
            }
            (Dialect::Office, "t" | "delText" | "instrText") => {
                self.text_depth = self.text_depth.saturating_sub(1);
            }
            (Dialect::Open, "p" | "h") => {
                self.text_depth = self.text_depth.saturating_sub(1);
                self.write("\n", gather);
            }
            (Dialect::Office, "p") => self.write("\n", gather),
            (Dialect::Office, "tbl") | (Dialect::Open, "table") => {
                self.table_depth = self.table_depth.saturating_sub(1);
                if self.table_depth == 0
                    && let Some(sheet) = self.sheet.take()
                {
                    sheet.finish(gather);
                }
            }
            (Dialect::Office, "tc") | (Dialect::Open, "table-cell" | "covered-table-cell")
                if self.table_depth == 1 =>
            {
                self.end_cell(gather);
            }
            (Dialect::Office, "tr") | (Dialect::Open, "table-row") if self.table_depth == 1 => {
                if let Some(sheet) = &mut self.sheet {
                    sheet.end_row(gather);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, gather: &mut Gather) {
        if self.text_depth > 0 && self.passed_depth == 0 {
            self.write(text, gather);
        }
    }
}

/// Strings that cells share.
#[derive(Debug, Default)]
struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    fn at(&self, place: usize) -> &str {
        let start = match place.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or_default(),
            None => 0,
        };
        let end = self.ends.get(place).copied().unwrap_or(start);
        self.text.get(start..end).unwrap_or_default()
    }
}

/// Reads them.
#[derive(Debug)]
struct ReadStrings {
    strings: Strings,
    /// Takes those that are too many to keep.
    rest: Passage,
    is_in: bool,
    /// How one says it aloud stands in it too.
    is_said: bool,
}

impl ReadStrings {
    fn new(strings: Strings, gather: &Gather) -> Self {
        Self {
            strings,
            rest: Passage::new(gather.wanted()),
            is_in: false,
            is_said: false,
        }
    }

    fn finish(self, gather: &mut Gather) -> Strings {
        gather.take(self.rest.finish());
        self.strings
    }

    fn is_full(&self) -> bool {
        let kept = self.strings.text.len() + self.strings.ends.len() * size_of::<usize>();
        kept > STRINGS_MAX_BYTES
    }
}

impl Told for ReadStrings {
    fn open(&mut self, name: &str, _: Attributes<'_>, _: &mut Gather) {
        match name {
            "t" => self.is_in = true,
            "rPh" => self.is_said = true,
            _ => {}
        }
    }

    fn close(&mut self, name: &str, _: &mut Gather) {
        match name {
            "t" => self.is_in = false,
            "rPh" => self.is_said = false,
            "si" if self.is_full() => self.rest.push(b"\n"),
            "si" => self.strings.ends.push(self.strings.text.len()),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, _: &mut Gather) {
        if !self.is_in || self.is_said {
            return;
        }
        if self.is_full() {
            self.rest.push(legible(text).as_bytes());
        } else {
            self.strings.text.push_str(text);
        }
    }
}

/// Reads a sheet.
#[derive(Debug)]
struct Cells<'a> {
    strings: &'a Strings,
    sheet: Sheet,
    kind: Kind,
    column: usize,
    value: String,
    is_in: bool,
}

/// What the value of a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Shared,
    Text,
}

impl<'a> Cells<'a> {
    fn new(strings: &'a Strings) -> Self {
        Self {
            strings,
            sheet: Sheet::default(),
            kind: Kind::Number,
            column: 0,
            value: String::new(),
            is_in: false,
        }
    }
}

impl Told for Cells<'_> {
    fn open(&mut self, name: &str, attributes: Attributes<'_>, _: &mut Gather) {
        match name {
            "row" => self.column = 0,
            "c" => {
                if let Some(place) = attributes.value("r").as_deref().and_then(column) {
                    self.column = place;
                }
                self.kind = match attributes.value("t").as_deref() {
                    Some("s") => Kind::Shared,
                    Some("str" | "inlineStr" | "b" | "e" | "d") => Kind::Text,
                    _ => Kind::Number,
                };
                self.value.clear();
            }
            // Of a formula what it gave is read.
            "v" | "t" => self.is_in = true,
            // What heads and feet of printed pages say.
            "oddHeader" | "oddFooter" | "evenHeader" | "evenFooter" => {
                self.kind = Kind::Text;
                self.is_in = true;
                self.column = 0;
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str, gather: &mut Gather) {
        match name {
            "v" | "t" => self.is_in = false,
            "c" => {
                let value = match self.kind {
                    Kind::Shared => {
                        let place = self.value.trim().parse().unwrap_or(usize::MAX);
                        self.strings.at(place).to_owned()
                    }
                    Kind::Number => plain(&self.value),
                    Kind::Text => std::mem::take(&mut self.value),
                };
                if !value.is_empty() {
                    self.sheet.cell(self.column, &value, gather);
                }
                self.value.clear();
                self.column = self.column.saturating_add(1);
            }
            "row" => self.sheet.end_row(gather),
            "oddHeader" | "oddFooter" | "evenHeader" | "evenFooter" => {
                self.is_in = false;
                let value = std::mem::take(&mut self.value);
                self.sheet.cell(0, &value, gather);
                self.sheet.end_row(gather);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, gather: &mut Gather) {
        if !self.is_in {
            return;
        }
        self.value.push_str(text);
        if self.value.len() > VALUE_MAX_BYTES {
            let value = std::mem::take(&mut self.value);
            self.sheet.cell(self.column, &value, gather);
        }
    }
}

/// Returns the column that a place like `AB12` names, counted from zero.
fn column(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_uppercase).take(4);
    let number = letters.fold(0, |number, letter| {
        number * 26 + usize::from(letter - b'A') + 1
    });
    number.checked_sub(1)
}

/// Writes a number as people do: without a power of ten, and without what a binary fraction adds.
pub(crate) fn plain(value: &str) -> String {
    if !value.contains(['.', 'e', 'E']) {
        return value.to_owned();
    }
    match value.trim().parse::<f64>() {
        Ok(number) if number.is_finite() && number.abs() < 1e21 => {
            let short = format!("{number:.9}");
            short.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{column, plain};

    #[test]
    fn numbers_are_written_out() {
        assert_eq!(plain("13800138000"), "13800138000");
        assert_eq!(plain("1.3800138E10"), "13800138000");
        assert_eq!(plain("4.11111111111111E+15"), "4111111111111110");
        assert_eq!(plain("39.904200000000003"), "39.9042");
        assert_eq!(plain("0.5"), "0.5");
        assert_eq!(plain("1e999"), "1e999");
        assert_eq!(plain("x.e"), "x.e");
        assert_eq!(column("A1"), Some(0));
        assert_eq!(column("AB12"), Some(27));
        assert_eq!(column("12"), None);
    }
}
