//! PDF: objects that refer to one another, with pages among them.
//!
//! The directory is not believed, nor is the tree of pages: every object in the file is found by what begins it, and every page,
//! form, file and text among them is read. So a file is read that no viewer would open, and what a later version of it took
//! out of its pages is read too while it is there.

mod crypt;
mod filter;
mod font;
mod object;
mod text;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::findings::Unread;
use crate::formats::gather::Gather;
use crate::formats::legible;
use crate::formats::node::Node;
use crate::formats::pdf::crypt::{Crypt, Id};
use crate::formats::pdf::filter::{Rest, unpack};
use crate::formats::pdf::font::Font;
use crate::formats::pdf::object::{Dictionary, Lexer, Object};
use crate::formats::pdf::text::{Fonts, Resources, Shower, named};
use crate::passage::Passage;

/// How far references are followed, and pages up to what holds them.
const STEPS_MAX: usize = 32;
/// So often may all of the file be gone through in search of objects, and so much more.
const WORK_RATIO: usize = 16;
const WORK_FREE_BYTES: usize = 64 << 20;
/// How much is held of streams that are full of objects.
const HELD_MAX_BYTES: usize = 64 << 20;

/// Reads a file.
pub(crate) fn read<R: Read + Seek>(mut bytes: R, gather: &mut Gather) -> io::Result<()> {
    gather.is_format("pdf");
    let len = bytes.seek(SeekFrom::End(0))?;
    let may_go_in = gather.go_in("pdf");
    if !may_go_in || len > gather.options.limits.whole_max_bytes {
        gather.not_read(Unread::OverLimit);
    } else {
        let mut all = Vec::new();
        bytes.seek(SeekFrom::Start(0))?;
        bytes.take(len).read_to_end(&mut all)?;
        let mut document = Document::new(&all);
        document.find_objects(gather);
        document.read(gather);
    }
    gather.come_out();
    Ok(())
}

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    At(usize, Id),
    /// In one of the streams that are full of objects.
    Within(usize, usize),
}

/// A file.
#[derive(Debug)]
struct Document<'a> {
    bytes: &'a [u8],
    places: HashMap<u32, Place>,
    /// Streams that are full of objects.
    held: Vec<Vec<u8>>,
    held_bytes: usize,
    /// How much may be gone through still.
    work: usize,
    fonts: HashMap<u32, Option<Rc<Font>>>,
    /// What says how the file is encrypted, and the id of the file, which is part of its key.
    encrypt: Option<(Object, Vec<u8>)>,
    crypt: Option<Crypt>,
    /// What was told once.
    is_over: bool,
    is_unknown: bool,
}

/// An object and, if it is a stream, where its bytes are.
#[derive(Debug)]
struct Loaded {
    object: Object,
    stream: Option<(usize, usize)>,
    /// What it is encrypted with, if its place is in the file itself.
    id: Option<Id>,
}

impl<'a> Document<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            places: HashMap::new(),
            held: Vec::new(),
            held_bytes: 0,
            work: bytes
                .len()
                .saturating_mul(WORK_RATIO)
                .saturating_add(WORK_FREE_BYTES),
            fonts: HashMap::new(),
            encrypt: None,
            crypt: None,
            is_over: false,
            is_unknown: false,
        }
    }

    /// Finds all objects: two numbers and a word begin each.
    fn find_objects(&mut self, gather: &mut Gather) {
        let starts: Vec<(Id, usize)> = self.starts().collect();
        let place = |(id, at): &(Id, usize)| (id.number, Place::At(*at, *id));
        // References to lengths may be to later objects.
        self.places = starts.iter().map(place).collect();
        self.find_trailers(&starts);
        self.open();
        let mut places = HashMap::new();
        for (id, at) in starts {
            let place = Place::At(at, id);
            places.insert(id.number, place);
            let Some(loaded) = self.load(place) else {
                continue;
            };
            let Some(dictionary) = loaded.object.dictionary() else {
                continue;
            };
            if dictionary.is("Type", "ObjStm")
                && let Some(within) = self.stream(&loaded, gather)
                && self.held_bytes + within.len() <= HELD_MAX_BYTES
            {
                let count = self.number(dictionary, "N");
                let first = self.number(dictionary, "First");
                let mut lexer = Lexer::new(&within, 0);
                for _ in 0..count {
                    let (Some(Object::Number(number)), Some(at)) = (lexer.object(), lexer.object())
                    else {
                        break;
                    };
                    let at = first.saturating_add(at.count().unwrap_or_default());
                    places.insert(number as u32, Place::Within(self.held.len(), at));
                }
                self.held_bytes += within.len();
                self.held.push(within);
            }
        }
        self.places = places;
    }

    /// Looks for what says that the file is encrypted: behind a word, or in the streams that took its place.
    fn find_trailers(&mut self, starts: &[(Id, usize)]) {
        let mut rest = self.bytes;
        while let Some(at) = rest.windows(7).position(|word| word == b"trailer") {
            rest = rest.get(at + 7..).unwrap_or_default();
            let mut lexer = Lexer::new(rest, 0);
            if let Some(Object::Dictionary(trailer)) = lexer.object() {
                self.note_trailer(&trailer);
            }
            self.work(lexer.at);
            if self.is_over {
                break;
            }
        }
        for (id, at) in starts {
            if let Some(loaded) = self.load(Place::At(*at, *id))
                && let Some(dictionary) = loaded.object.dictionary()
                && dictionary.is("Type", "XRef")
            {
                self.note_trailer(dictionary);
            }
        }
    }

    fn note_trailer(&mut self, trailer: &Dictionary) {
        if let Some(encrypt) = trailer.value("Encrypt") {
            let ids = self.entry(trailer, "ID");
            let ids = ids.as_ref().and_then(Object::array).unwrap_or_default();
            let id = ids.first().and_then(Object::text).unwrap_or_default();
            self.encrypt = Some((encrypt.clone(), id.to_vec()));
        }
    }

    /// Opens a file that everybody may open.
    fn open(&mut self) {
        if let Some((encrypt, id)) = self.encrypt.clone()
            && let Some(encrypt) = self.resolved(&encrypt)
            && let Some(encrypt) = encrypt.object.dictionary()
        {
            self.crypt = Crypt::open(encrypt, &id);
        }
    }

    fn starts(&self) -> impl Iterator<Item = (Id, usize)> + use<'a> {
        let bytes = self.bytes;
        let words = bytes
            .windows(3)
            .enumerate()
            .filter(|(_, word)| *word == b"obj");
        words.filter_map(move |(at, _)| {
            let before = bytes.get(..at)?;
            let end = before.trim_ascii_end();
            let number_end = without_digits(end)?;
            let generation = number_in(end.get(number_end.len()..)?)?;
            let trimmed = number_end.trim_ascii_end();
            if trimmed.len() == number_end.len() {
                return None;
            }
            let number = number_in(trimmed.get(without_digits(trimmed)?.len()..)?)?;
            let generation = u16::try_from(generation).unwrap_or_default();
            Some((Id { number, generation }, at + 3))
        })
    }

    /// Counts what was gone through.
    fn work(&mut self, len: usize) {
        self.work = self.work.saturating_sub(len);
        self.is_over |= self.work == 0;
    }

    fn load(&mut self, place: Place) -> Option<Loaded> {
        if self.is_over {
            return None;
        }
        let (start, mut lexer) = match place {
            Place::At(at, _) => (at, Lexer::new(self.bytes, at)),
            Place::Within(held, at) => (at, Lexer::new(self.held.get(held)?, at)),
        };
        let id = match place {
            Place::At(_, id) => Some(id),
            Place::Within(..) => None,
        };
        let mut object = lexer.object()?;
        let len = lexer.at.saturating_sub(start);
        let mut stream = None;
        if let (Some(_), Some(dictionary)) = (id, object.dictionary()) {
            lexer.skip_space();
            if let Some(behind) = lexer.rest().strip_prefix(b"stream") {
                let from = lexer.at + 6;
                let from = match behind {
                    [b'\r', b'\n', ..] => from + 2,
                    [b'\n' | b'\r', ..] => from + 1,
                    _ => from,
                };
                let told = self
                    .direct_length(dictionary)
                    .map(|len| from.saturating_add(len));
                stream = Some((from, self.stream_end(from, told)));
            }
        }
        self.work(len);
        if let (Some(crypt), Some(id)) = (&self.crypt, id) {
            crypt.decrypt_texts(id, &mut object);
        }
        Some(Loaded { object, stream, id })
    }

    /// Returns how long a stream says it is, by itself or in another object.
    fn direct_length(&self, dictionary: &Dictionary) -> Option<usize> {
        match dictionary.value("Length")? {
            Object::Reference(number) => match self.places.get(number)? {
                Place::At(at, _) => Lexer::new(self.bytes, *at).object()?.count(),
                Place::Within(held, at) => Lexer::new(self.held.get(*held)?, *at).object()?.count(),
            },
            length => length.count(),
        }
    }

    /// Where a stream ends: where it says, if a word stands there, else at the next such word.
    fn stream_end(&mut self, from: usize, told: Option<usize>) -> usize {
        if let Some(told) = told
            && let Some(behind) = self.bytes.get(told..)
            && behind.trim_ascii_start().starts_with(b"endstream")
        {
            return told;
        }
        let rest = self.bytes.get(from..).unwrap_or_default();
        let end = rest.windows(9).position(|word| word == b"endstream");
        let len = end.unwrap_or(rest.len());
        self.work(len);
        from + len
    }

    fn object(&mut self, number: u32) -> Option<Loaded> {
        let place = *self.places.get(&number)?;
        self.load(place)
    }

    /// Returns an object, or what it refers to.
    fn resolved(&mut self, object: &Object) -> Option<Loaded> {
        let mut object = object.clone();
        for _ in 0..STEPS_MAX {
            let Object::Reference(number) = object else {
                let (stream, id) = (None, None);
                return Some(Loaded { object, stream, id });
            };
            let loaded = self.object(number)?;
            if !matches!(loaded.object, Object::Reference(_)) {
                return Some(loaded);
            }
            object = loaded.object;
        }
        None
    }

    fn entry(&mut self, dictionary: &Dictionary, name: &str) -> Option<Object> {
        let value = dictionary.value(name)?;
        self.resolved(value).map(|loaded| loaded.object)
    }

    fn number(&mut self, dictionary: &Dictionary, name: &str) -> usize {
        let number = self.entry(dictionary, name);
        number.and_then(|number| number.count()).unwrap_or_default()
    }

    /// Returns what a stream says, if it could be unpacked.
    fn stream(&mut self, loaded: &Loaded, gather: &mut Gather) -> Option<Vec<u8>> {
        let (bytes, rest) = self.unpacked(loaded, gather)?;
        (rest == Rest::Nothing).then_some(bytes)
    }

    fn unpacked(&mut self, loaded: &Loaded, gather: &mut Gather) -> Option<(Vec<u8>, Rest)> {
        let (from, to) = loaded.stream?;
        let dictionary = loaded.object.dictionary()?;
        let mut packed = Cow::Borrowed(self.bytes.get(from..to)?);
        if let (Some(crypt), Some(id)) = (&self.crypt, loaded.id)
            && !dictionary.is("Type", "XRef")
        {
            packed = crypt.decrypt_stream(id, &packed).into();
        }
        let mut lists = [("Filter", "F"), ("DecodeParms", "DP")].map(|(name, short)| {
            let list = self
                .entry(dictionary, name)
                .or_else(|| self.entry(dictionary, short));
            match list {
                Some(Object::Array(list)) => list,
                Some(one) => vec![one],
                None => Vec::new(),
            }
        });
        for object in lists.iter_mut().flatten() {
            if let Some(loaded) = self.resolved(object) {
                *object = loaded.object;
            }
        }
        let [filters, parameters] = lists;
        let unpacked = unpack(&filters, &parameters, &packed);
        if unpacked.rest == Rest::OverLimit {
            self.is_over = true;
        }
        if unpacked.rest == Rest::Unknown {
            self.is_unknown = true;
        }
        if !gather.unpacked(unpacked.bytes.len() as u64) {
            return None;
        }
        Some((unpacked.bytes, unpacked.rest))
    }

    /// Reads everything in the file.
    fn read(&mut self, gather: &mut Gather) {
        if self.encrypt.is_some() && self.crypt.is_none() {
            gather.not_read(Unread::Encrypted);
            return;
        }
        let mut numbers: Vec<u32> = self.places.keys().copied().collect();
        numbers.sort_unstable();
        let mut text = Passage::new(gather.wanted());
        let (mut pages, mut forms, mut shown) = (0_u64, Vec::new(), HashSet::new());
        for number in numbers {
            let Some(loaded) = self.object(number) else {
                continue;
            };
            if gather.is_over() {
                break;
            }
            let mut said = String::new();
            say(&loaded.object, &mut said, 0);
            text.push(legible(&said).as_bytes());
            let Some(dictionary) = loaded.object.dictionary() else {
                continue;
            };
            if dictionary.is("Type", "Page") {
                pages += 1;
                self.page(dictionary, &mut text, &mut shown, gather);
            } else if dictionary.is("Subtype", "Form") {
                forms.push(number);
            } else if dictionary.is("Subtype", "Image") {
                self.picture(&loaded, gather);
            } else if dictionary.is("Type", "EmbeddedFile") || dictionary.is("Type", "Metadata") {
                self.file(&loaded, gather);
            }
        }
        // What is drawn on no page, such as what was written into a form.
        for number in forms {
            if shown.insert(number) {
                let mut shower = Shower::new();
                self.form(number, &mut shower, &mut shown, gather);
                text.push(legible(&shower.text).as_bytes());
            }
        }
        gather.is_format("text");
        gather.take(text.finish());
        if self.is_over {
            gather.not_read(Unread::OverLimit);
        }
        if self.is_unknown || pages == 0 {
            gather.not_read(Unread::Damaged);
        }
    }

    fn picture(&mut self, loaded: &Loaded, gather: &mut Gather) {
        match self.unpacked(loaded, gather) {
            Some((bytes, Rest::Jpeg)) => {
                let mut node = Node::within();
                node.push(&bytes, gather);
                node.finish(gather);
            }
            _ => gather.not_read(Unread::Picture),
        }
    }

    fn file(&mut self, loaded: &Loaded, gather: &mut Gather) {
        if let Some(bytes) = self.stream(loaded, gather) {
            let mut node = Node::within();
            node.push(&bytes, gather);
            node.finish(gather);
        }
    }

    fn page(
        &mut self,
        page: &Dictionary,
        text: &mut Passage,
        shown: &mut HashSet<u32>,
        gather: &mut Gather,
    ) {
        let resources = self.inherited(page, "Resources");
        let resources = resources.as_ref().and_then(Object::dictionary).cloned();
        let mut content = Vec::new();
        let contents = page.value("Contents").cloned();
        let contents = contents.and_then(|contents| self.resolved(&contents));
        match contents {
            Some(Loaded {
                object: Object::Array(parts),
                ..
            }) => {
                for part in &parts {
                    let Some(loaded) = self.resolved(part) else {
                        continue;
                    };
                    let Some(bytes) = self.stream(&loaded, gather) else {
                        continue;
                    };
                    content.extend_from_slice(&bytes);
                    content.push(b'\n');
                    if content.len() > filter::STREAM_MAX_BYTES {
                        self.is_over = true;
                        break;
                    }
                }
            }
            Some(loaded) => content = self.stream(&loaded, gather).unwrap_or_default(),
            None => {}
        }
        let mut shower = Shower::new();
        self.show(
            &content,
            resources.unwrap_or_default(),
            &mut shower,
            shown,
            gather,
        );
        let has_text = shower.text.chars().any(|letter| !letter.is_whitespace());
        if shower.is_unknown || (!has_text && shower.has_pictures) {
            gather.not_read(Unread::NoText);
        }
        shower.end_page();
        text.push(legible(&shower.text).as_bytes());
    }

    /// Shows some content, and what is drawn within it, each once in a file.
    fn show(
        &mut self,
        content: &[u8],
        resources: Dictionary,
        shower: &mut Shower,
        shown: &mut HashSet<u32>,
        gather: &mut Gather,
    ) {
        let mut names = Names {
            document: self,
            resources,
            fonts: Fonts::new(),
            drawn: Vec::new(),
            has_pictures: false,
            gather,
        };
        shower.show(content, &mut names);
        shower.has_pictures |= names.has_pictures;
        for number in names.drawn {
            if shown.insert(number) && shown.len() < 1 << 20 {
                self.form(number, shower, shown, gather);
            }
        }
    }

    fn form(
        &mut self,
        number: u32,
        shower: &mut Shower,
        shown: &mut HashSet<u32>,
        gather: &mut Gather,
    ) {
        // Forms are drawn in forms: those that wait are kept here and not on the stack.
        let mut waiting = vec![number];
        while let Some(number) = waiting.pop() {
            let Some(loaded) = self.object(number) else {
                continue;
            };
            let Some(content) = self.stream(&loaded, gather) else {
                continue;
            };
            let resources = loaded
                .object
                .dictionary()
                .and_then(|form| self.entry(form, "Resources"));
            let resources = resources.as_ref().and_then(Object::dictionary).cloned();
            let mut names = Names {
                document: self,
                resources: resources.unwrap_or_default(),
                fonts: Fonts::new(),
                drawn: Vec::new(),
                has_pictures: false,
                gather,
            };
            shower.text.push('\n');
            shower.show(&content, &mut names);
            shower.has_pictures |= names.has_pictures;
            let drawn = names.drawn;
            waiting.extend(drawn.into_iter().filter(|number| shown.insert(*number)));
        }
    }

    /// Returns what a page says, or what holds it.
    fn inherited(&mut self, page: &Dictionary, name: &str) -> Option<Object> {
        let mut page = page.clone();
        for _ in 0..STEPS_MAX {
            if let Some(value) = self.entry(&page, name) {
                return Some(value);
            }
            match self.entry(&page, "Parent")? {
                Object::Dictionary(parent) => page = parent,
                _ => return None,
            }
        }
        None
    }

    fn font(&mut self, object: &Object, gather: &mut Gather) -> Option<Rc<Font>> {
        if let Object::Reference(number) = object {
            if let Some(font) = self.fonts.get(number) {
                return font.clone();
            }
            let font = self.read_font(object, gather);
            self.fonts.insert(*number, font.clone());
            return font;
        }
        self.read_font(object, gather)
    }

    fn read_font(&mut self, object: &Object, gather: &mut Gather) -> Option<Rc<Font>> {
        let loaded = self.resolved(object)?;
        let mut font = loaded.object.dictionary()?.clone();
        for name in ["Encoding", "Widths", "FirstChar"] {
            if let Some(value) = self.entry(&font, name) {
                for (_, old) in font
                    .0
                    .iter_mut()
                    .filter(|(known, _)| known == name.as_bytes())
                {
                    *old = value.clone();
                }
            }
        }
        let within = self.entry(&font, "DescendantFonts");
        let within = within
            .as_ref()
            .and_then(Object::array)
            .and_then(<[Object]>::first);
        let mut within = within
            .and_then(|within| self.resolved(within))
            .and_then(|within| within.object.dictionary().cloned());
        if let Some(within) = &mut within
            && let Some(widths) = self.entry(within, "W")
        {
            for (_, old) in within.0.iter_mut().filter(|(known, _)| known == b"W") {
                *old = widths.clone();
            }
        }
        let table = font.value("ToUnicode").cloned();
        let table = table.and_then(|table| self.resolved(&table));
        let table = table.and_then(|table| self.stream(&table, gather));
        Some(Rc::new(Font::new(&font, within.as_ref(), table.as_deref())))
    }
}

/// The names that a page has for things.
struct Names<'a, 'b> {
    document: &'a mut Document<'b>,
    resources: Dictionary,
    fonts: Fonts,
    /// Forms that were drawn.
    drawn: Vec<u32>,
    has_pictures: bool,
    gather: &'a mut Gather,
}

impl Names<'_, '_> {
    fn find(&mut self, kind: &str, name: &[u8]) -> Option<Object> {
        if let Some(object) = named(&self.resources, kind, name) {
            return Some(object.clone());
        }
        // The names of a kind may be an object of their own.
        let names = self.document.entry(&self.resources, kind)?;
        let mut names = names.dictionary()?.0.iter();
        names
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }
}

impl Resources for Names<'_, '_> {
    fn font(&mut self, name: &[u8]) -> Option<Rc<Font>> {
        if let Some(font) = self.fonts.get(name) {
            return font.clone();
        }
        let font = self
            .find("Font", name)
            .and_then(|font| self.document.font(&font, self.gather));
        self.fonts.insert(name.to_vec(), font.clone());
        font
    }

    fn drawn(&mut self, name: &[u8]) {
        let Some(object) = self.find("XObject", name) else {
            return;
        };
        let Object::Reference(number) = object else {
            return;
        };
        if self.drawn.contains(&number) {
            return;
        }
        let loaded = self.document.object(number);
        let drawn = loaded
            .as_ref()
            .and_then(|loaded| loaded.object.dictionary());
        if drawn.is_some_and(|drawn| drawn.is("Subtype", "Image")) {
            self.has_pictures = true;
        } else if self.drawn.len() < 1000 {
            self.drawn.push(number);
        }
    }
}

/// Writes what an object says to people: its title, its author, what was filled in.
fn say(object: &Object, said: &mut String, depth: usize) {
    const SAYING: &[&str] = &[
        "Title", "Author", "Subject", "Keywords", "Creator", "Contents", "RC", "V", "DV", "TU",
        "T", "URI", "UF", "Desc",
    ];
    if depth > STEPS_MAX {
        return;
    }
    match object {
        Object::Dictionary(dictionary) => {
            for (name, value) in &dictionary.0 {
                match value {
                    Object::Text(text) if SAYING.iter().any(|saying| saying.as_bytes() == name) => {
                        said.push_str(&written(text));
                        said.push('\n');
                    }
                    Object::Dictionary(_) | Object::Array(_) => say(value, said, depth + 1),
                    _ => {}
                }
            }
        }
        Object::Array(array) => array.iter().for_each(|object| say(object, said, depth + 1)),
        _ => {}
    }
}

/// Reads a text that stands outside pages.
fn written(text: &[u8]) -> String {
    let encoding = match text {
        [0xFE, 0xFF, ..] => UTF_16BE,
        [0xFF, 0xFE, ..] => UTF_16LE,
        _ if str::from_utf8(text).is_ok() => encoding_rs::UTF_8,
        _ => WINDOWS_1252,
    };
    encoding.decode_with_bom_removal(text).0.into_owned()
}

fn number_in(digits: &[u8]) -> Option<u32> {
    str::from_utf8(digits).ok()?.parse().ok()
}

fn without_digits(bytes: &[u8]) -> Option<&[u8]> {
    let digits = bytes
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits == 0 || digits > 10 {
        return None;
    }
    bytes.get(..bytes.len() - digits)
}
