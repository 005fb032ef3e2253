//! Records of the register over time, as far as that was known at an instant.

use onshore_db::View;
use onshore_orders::{Id, Record, RecordKind, Timeline, Told};
use onshore_registry::Registry;
use onshore_types::Timestamp;

use crate::Error;

/// Returns all records of a kind by their ids, each with every revision; those that ever belonged to somebody alone, if given.
pub(crate) fn timelines<T>(
    registry: &Registry,
    view: &View<'_>,
    (kind, of): (RecordKind, Option<&Id>),
    known_at: Timestamp,
    wanted: impl Fn(Record) -> Option<T>,
) -> Result<Vec<Timeline<T>>, Error> {
    let mut all: Vec<Timeline<T>> = Vec::new();
    registry.each_revision(view, kind, of, known_at, |revision| {
        let Some(record) = wanted(revision.record) else {
            return;
        };
        let told = Told {
            record,
            from: revision.from,
            recorded: revision.recorded,
        };
        match all.last_mut() {
            Some(line) if revision.number > 1 => line.push(told),
            _ => all.push(Timeline::new(told)),
        }
    })?;
    Ok(all)
}
