//! What the footer of a Parquet file says.

use crate::findings::Unread;
use crate::formats::parquet::thrift::{Fields, Kind, Thrift};

/// How many columns a table may have.
const LEAVES_MAX: usize = 10_000;
/// How deep they may lie.
const DEPTH_MAX: usize = 64;

/// What is in a file.
#[derive(Debug)]
pub(super) struct Footer<'a> {
    pub(super) leaves: Vec<Leaf>,
    pub(super) is_encrypted: bool,
    /// How many groups of rows there are, and where the first begins.
    groups: Option<(usize, Thrift<'a>)>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) title: String,
    pub(super) kind: Physical,
    /// How long values are that are all of one length.
    pub(super) len: usize,
    /// So many things around a value may be missing, or come again.
    pub(super) definition_max: u32,
    pub(super) repetition_max: u32,
}

/// How values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    Bytes,
    Fixed,
}

impl Physical {
    fn of(code: i64) -> Option<Self> {
        Some(match code {
            0 => Self::Boolean,
            1 => Self::Int32,
            2 => Self::Int64,
            3 => Self::Int96,
            4 => Self::Float,
            5 => Self::Double,
            6 => Self::Bytes,
            7 => Self::Fixed,
            _ => return None,
        })
    }
}

/// Where the values of a column are, for a group of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    Plain(Place),
    Encrypted,
}

/// The pages of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) codec: i64,
    pub(super) values: u64,
}

/// The groups of rows, one by one.
#[derive(Debug)]
pub(super) struct Groups<'a> {
    left: usize,
    thrift: Thrift<'a>,
    leaves: usize,
}

/// An element of the schema: a column, or what columns lie in.
#[derive(Debug, Default)]
struct Element {
    name: String,
    kind: Option<i64>,
    len: usize,
    repetition: i64,
    children: u64,
}

/// An element around others, while they are read.
struct Around {
    left: u64,
    name: String,
    definition: u32,
    repetition: u32,
}

impl<'a> Footer<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Unread> {
        let mut footer = Self {
            leaves: Vec::new(),
            is_encrypted: false,
            groups: None,
        };
        footer.read(Thrift::new(bytes)).ok_or(Unread::Damaged)?;
        if footer.leaves.len() > LEAVES_MAX {
            return Err(Unread::OverLimit);
        }
        Ok(footer)
    }

    fn read(&mut self, mut thrift: Thrift<'a>) -> Option<()> {
        let mut fields = Fields::default();
        while let Some((field, kind)) = fields.next(&mut thrift)? {
            match (field, kind) {
                (2, Kind::List) => self.schema(&mut thrift)?,
                (4, Kind::List) => {
                    let mut list = thrift;
                    let (len, _) = list.list()?;
                    self.groups = Some((len, list));
                    thrift.skip(kind)?;
                }
                (8, _) => {
                    self.is_encrypted = true;
                    thrift.skip(kind)?;
                }
                _ => thrift.skip(kind)?,
            }
        }
        Some(())
    }

    /// Reads the columns: elements stand before those that lie in them.
    fn schema(&mut self, thrift: &mut Thrift<'a>) -> Option<()> {
        let (len, _) = thrift.list()?;
        let mut around: Vec<Around> = Vec::new();
        for at in 0..len {
            let element = element(thrift)?;
            while around.last().is_some_and(|around| around.left == 0) {
                around.pop();
            }
            let (mut definition, mut repetition) = (0, 0);
            if let Some(around) = around.last_mut() {
                around.left -= 1;
                (definition, repetition) = (around.definition, around.repetition);
            }
            match element.repetition {
                1 => definition += 1,
                2 => {
                    definition += 1;
                    repetition += 1;
                }
                _ => {}
            }
            if element.children > 0 {
                if around.len() > DEPTH_MAX {
                    return None;
                }
                around.push(Around {
                    left: element.children,
                    name: if at == 0 { String::new() } else { element.name },
                    definition,
                    repetition,
                });
                continue;
            }
            if self.leaves.len() > LEAVES_MAX {
                return Some(());
            }
            let Some(kind) = element.kind else {
                // A root without columns.
                continue;
            };
            self.leaves.push(Leaf {
                title: title(&around, &element.name),
                kind: Physical::of(kind)?,
                len: element.len,
                definition_max: definition,
                repetition_max: repetition,
            });
        }
        Some(())
    }

    /// Returns the groups of rows.
    pub(super) fn groups(&self) -> Groups<'a> {
        let (left, thrift) = self.groups.unwrap_or((0, Thrift::new(&[])));
        Groups {
            left,
            thrift,
            leaves: self.leaves.len(),
        }
    }
}

/// Joins names, but for those that only say that there is a list.
fn title(around: &[Around], name: &str) -> String {
    const OF_LISTS: &[&str] = &[
        "list",
        "element",
        "array",
        "item",
        "bag",
        "array_element",
        "key_value",
    ];
    let mut title = String::new();
    for name in around
        .iter()
        .map(|around| around.name.as_str())
        .chain([name])
    {
        let is_said = name.is_empty() || OF_LISTS.contains(&name);
        if is_said && !title.is_empty() || name.is_empty() {
            continue;
        }
        if !title.is_empty() {
            title.push('.');
        }
        title.extend(name.chars().take(64));
    }
    title
}

fn element(thrift: &mut Thrift<'_>) -> Option<Element> {
    let mut element = Element::default();
    let mut fields = Fields::default();
    while let Some((field, kind)) = fields.next(thrift)? {
        match (field, kind) {
            (1, Kind::Number) => element.kind = Some(thrift.number()?),
            (2, Kind::Number) => element.len = usize::try_from(thrift.number()?).ok()?,
            (3, Kind::Number) => element.repetition = thrift.number()?,
            (4, Kind::Binary) => {
                element.name = String::from_utf8_lossy(thrift.binary()?).into_owned();
            }
            (5, Kind::Number) => element.children = thrift.count()?,
            _ => thrift.skip(kind)?,
        }
    }
    Some(element)
}

impl Groups<'_> {
    /// Returns where the columns are for the next group of rows.
    pub(super) fn next_group(&mut self) -> Option<Result<Vec<Chunk>, Unread>> {
        self.left = self.left.checked_sub(1)?;
        let group = group(&mut self.thrift, self.leaves);
        if group.is_none() {
            self.left = 0;
        }
        Some(group.ok_or(Unread::Damaged))
    }
}

fn group(thrift: &mut Thrift<'_>, leaves: usize) -> Option<Vec<Chunk>> {
    let mut chunks = Vec::new();
    let mut fields = Fields::default();
    while let Some((field, kind)) = fields.next(thrift)? {
        if (field, kind) != (1, Kind::List) {
            thrift.skip(kind)?;
            continue;
        }
        let (len, _) = thrift.list()?;
        if len != leaves {
            return None;
        }
        for _ in 0..len {
            chunks.push(chunk(thrift)?);
        }
    }
    Some(chunks)
}

fn chunk(thrift: &mut Thrift<'_>) -> Option<Chunk> {
    let mut place = None;
    let mut fields = Fields::default();
    while let Some((field, kind)) = fields.next(thrift)? {
        match (field, kind) {
            (3, Kind::Struct) => place = Some(self::place(thrift)?),
            _ => thrift.skip(kind)?,
        }
    }
    Some(place.map_or(Chunk::Encrypted, Chunk::Plain))
}

fn place(thrift: &mut Thrift<'_>) -> Option<Place> {
    let (mut place, mut len) = (Place::default(), 0);
    let (mut data_at, mut dictionary_at) = (0, None);
    let mut fields = Fields::default();
    while let Some((field, kind)) = fields.next(thrift)? {
        match (field, kind) {
            (4, Kind::Number) => place.codec = thrift.number()?,
            (5, Kind::Number) => place.values = thrift.count()?,
            (7, Kind::Number) => len = thrift.count()?,
            (9, Kind::Number) => data_at = thrift.count()?,
            (11, Kind::Number) => dictionary_at = Some(thrift.count()?),
            _ => thrift.skip(kind)?,
        }
    }
    // Some writers say nought where there is no dictionary.
    place.start = match dictionary_at {
        Some(at) if at > 0 && at < data_at => at,
        _ => data_at,
    };
    place.end = place.start.checked_add(len)?;
    Some(place)
}
