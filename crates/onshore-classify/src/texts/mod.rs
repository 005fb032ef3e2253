//! Texts that have a structure: readers that say where the values of records begin, in which columns they stand, and what
//! escapes stand for. They change nothing else of a text, lose nothing of it, and what they do not understand is text.

mod json;
mod markup;
mod paths;
mod sheet;
mod sql;

use self::json::Json;
use self::markup::Markup;
pub(crate) use self::sheet::Sheet;
use self::sql::Sql;

/// Reads a text that has a structure.
#[derive(Debug)]
pub(crate) enum Reader {
    Json(Json),
    Sql(Sql),
    Markup(Markup),
}

impl Reader {
    /// Looks whether a text begins as one of those that are known here.
    pub(crate) fn sniff(text: &[u8]) -> Option<Self> {
        let text = text.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(text);
        let text = text.trim_ascii_start();
        Json::sniff(text)
            .map(Self::Json)
            .or_else(|| Markup::sniff(text).map(Self::Markup))
            .or_else(|| Sql::sniff(text).map(Self::Sql))
    }

    /// Reads on.
    pub(crate) fn read(&mut self, bytes: &[u8], sheet: &mut Sheet) {
        match self {
            Self::Json(json) => json.read(bytes, sheet),
            Self::Sql(sql) => sql.read(bytes, sheet),
            Self::Markup(markup) => markup.read(bytes, sheet),
        }
    }

    /// Reads to the end.
    pub(crate) fn finish(&mut self, sheet: &mut Sheet) {
        match self {
            Self::Json(json) => json.finish(sheet),
            Self::Sql(sql) => sql.finish(sheet),
            Self::Markup(markup) => markup.finish(sheet),
        }
    }
}
