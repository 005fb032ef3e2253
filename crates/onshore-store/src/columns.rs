//! What a column holds, read back into the words of the house. What does not read is damage, not a default.

use onshore_db::{Row, RowError, unreadable};
use onshore_types::{Label, ObjectKey};

use crate::checksum::{Checksum, ChecksumAlgorithm, ChecksumKind};

/// Reads an id or a hash.
pub(crate) fn bytes16(row: &Row<'_>, column: usize) -> Result<[u8; 16], RowError> {
    row.get(column)
}

/// Reads a size.
pub(crate) fn size(row: &Row<'_>, column: usize) -> Result<u64, RowError> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|error| unreadable(Box::new(error)))
}

/// Reads a label.
pub(crate) fn label(row: &Row<'_>, column: usize) -> Result<Label, RowError> {
    let text: String = row.get(column)?;
    text.parse()
        .map_err(|error: onshore_types::label::LabelError| unreadable(Box::new(error)))
}

/// Reads a key.
pub(crate) fn key(row: &Row<'_>, column: usize) -> Result<ObjectKey, RowError> {
    let text = String::from_utf8(row.get(column)?).map_err(|error| unreadable(Box::new(error)))?;
    ObjectKey::parse(text).map_err(|error| unreadable(Box::new(error)))
}

/// Reads one of the words of an enumeration.
pub(crate) fn word<T: Copy>(
    row: &Row<'_>,
    column: usize,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<T, RowError> {
    let text: String = row.get(column)?;
    all.iter()
        .copied()
        .find(|word| as_str(*word) == text)
        .ok_or_else(|| unreadable("an unknown word".into()))
}

/// Writes a size: SQLite's integers are signed, and no object is as large as half of what they count.
pub(crate) fn size_column(size_bytes: u64) -> i64 {
    i64::try_from(size_bytes).unwrap_or(i64::MAX)
}

/// Reads which checksums an object has.
pub(crate) fn checksums(
    row: &Row<'_>,
    column: usize,
) -> Result<Vec<(ChecksumAlgorithm, ChecksumKind)>, RowError> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| unreadable(Box::new(error)))
}

/// Writes which checksums an object has.
pub(crate) fn checksums_column(checksums: &[Checksum]) -> String {
    let kinds: Vec<_> = checksums.iter().map(|c| (c.algorithm, c.kind)).collect();
    serde_json::to_string(&kinds).expect("names of algorithms are JSON")
}
