//! Reading typed values out of rows; a value that does not parse is damage, not a default.

use std::str::FromStr;

use onshore_db::Row;
use onshore_types::Timestamp;

/// Reads an id: sixteen bytes.
pub(crate) fn bytes16(row: &Row<'_>, column: &str) -> Result<[u8; 16], RowError> {
    row.get(column)
}

/// Reads a text and parses it.
pub(crate) fn parsed<T>(row: &Row<'_>, column: &str) -> Result<T, RowError>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    parse(&row.get::<_, String>(column)?)
}

/// Reads a text that may be missing and parses it.
pub(crate) fn parsed_opt<T>(row: &Row<'_>, column: &str) -> Result<Option<T>, RowError>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.get::<_, Option<String>>(column)?
        .as_deref()
        .map(parse)
        .transpose()
}

/// Reads a number that is never negative.
pub(crate) fn count(row: &Row<'_>, column: &str) -> Result<u64, RowError> {
    row.get::<_, i64>(column)
        .map(|number| u64::try_from(number).unwrap_or(0))
}

/// Reads a number that is never negative and may be missing.
pub(crate) fn count_opt(row: &Row<'_>, column: &str) -> Result<Option<u64>, RowError> {
    let number = row.get::<_, Option<i64>>(column)?;
    Ok(number.map(|number| u64::try_from(number).unwrap_or(0)))
}

/// Reads an instant.
pub(crate) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp, RowError> {
    row.get(column).map(Timestamp::from_millis)
}

/// Reads an instant that may be missing.
pub(crate) fn time_opt(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>, RowError> {
    Ok(row
        .get::<_, Option<i64>>(column)?
        .map(Timestamp::from_millis))
}

/// What a row mapping fails with.
pub(crate) type RowError = onshore_db::RowError;

fn parse<T>(text: &str) -> Result<T, RowError>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text.parse()
        .map_err(|error| onshore_db::unreadable(Box::new(error)))
}
