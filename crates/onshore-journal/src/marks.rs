//! Where to find the leaves that other leaves speak of, and the first leaf of a time.

use onshore_db::{Unit, View, params};
use onshore_types::{LeafIndex, Timestamp};
use serde_json::Value;

/// What leaves are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// A configuration epoch, by its number.
    Epoch,
    /// What happened to an approval, by its id.
    Approval,
    /// The closing of an export, by the leaf that opened it.
    Closing,
}

impl Mark {
    fn word(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Approval => "approval",
            Self::Closing => "closing",
        }
    }
}

/// Notes a leaf that others may speak of.
pub(crate) fn note(unit: &Unit<'_>, index: i64, body: &Value) -> Result<(), onshore_db::Error> {
    let text = |member: &str| body.get(member).and_then(Value::as_str);
    let number = |member: &str| body.get(member).and_then(Value::as_u64);
    let mark = match text("kind") {
        Some("epoch") => number("epoch").map(|epoch| (Mark::Epoch, epoch.to_string())),
        Some("export.closed") => number("opened").map(|leaf| (Mark::Closing, leaf.to_string())),
        Some(kind) if kind.starts_with("approval.") => {
            text("approval").map(|id| (Mark::Approval, id.to_owned()))
        }
        Some(_) | None => None,
    };
    if let Some((mark, value)) = mark {
        unit.execute(
            "INSERT INTO marks (kind, value, idx) VALUES (?1, ?2, ?3)",
            params![mark.word(), value, index],
        )?;
    }
    Ok(())
}

/// Returns the leaves that bear a mark, in their order.
pub(crate) fn marked(
    view: &View<'_>,
    mark: Mark,
    value: &str,
) -> Result<Vec<LeafIndex>, onshore_db::Error> {
    view.all(
        "SELECT idx FROM marks WHERE kind = ?1 AND value = ?2 ORDER BY idx",
        params![mark.word(), value],
        |row| Ok(row.get::<_, i64>(0)?.cast_unsigned()),
    )
}

/// Returns the first of the leaves before `size` that is not older than a time; `size` where all are older. Along the
/// ledger time never runs backwards, so a few looks find it.
pub(crate) fn first_at(
    view: &View<'_>,
    time: Timestamp,
    size: u64,
) -> Result<LeafIndex, onshore_db::Error> {
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<i64> = view.one(
            "SELECT time_ms FROM leaves WHERE idx = ?1",
            [middle.cast_signed()],
            |row| row.get(0),
        )?;
        if found.is_some_and(|at| at < time.as_millis()) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
