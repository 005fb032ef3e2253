//! Whether what was read is among what a job asks for. It is known once an object was looked through; before that it is staged here
//! and nowhere visible, and what is not asked for goes no further.

use std::collections::BTreeSet;

use onshore_ledger::NOT_SELECTED;
use onshore_store::{Described, VersionWish};
use onshore_types::selection::Residence;
use onshore_types::{Label, ObjectKey};

use crate::Error;
use crate::job::Work;
use crate::outcome::Exception;

/// Returns what is said of an object whose class is to be found out: who says nothing keeps it from nothing.
pub(crate) fn said(work: &Work, declared: Option<Label>) -> Label {
    let said = [declared, work.bucket.class].into_iter().flatten();
    said.reduce(Label::join).unwrap_or(Label::GENERAL)
}

/// Returns why an object is left where it is; none when it is asked for. What follows upon something that is here comes whatever it
/// holds: what is here would else pass for what the source has.
pub(crate) async fn left_out(
    work: &Work,
    key: &ObjectKey,
    label: Label,
    residences: &BTreeSet<Residence>,
) -> Result<Option<Exception>, Error> {
    let is_taken = work.options.select.takes(label, residences);
    if is_taken || is_here(work, key).await? {
        return Ok(None);
    }
    Ok(Some(Exception::new(
        NOT_SELECTED,
        format!("it is {label}, and not among what the job was ordered to bring"),
    )))
}

/// Returns why a delete marker is left where it is: nothing of its key is here that it could hide.
pub(crate) async fn marker_left_out(
    work: &Work,
    key: &ObjectKey,
) -> Result<Option<Exception>, Error> {
    if work.options.select.is_everything() || is_here(work, key).await? {
        return Ok(None);
    }
    Ok(Some(Exception::new(
        NOT_SELECTED,
        "no version that it hides is among what the job was ordered to bring",
    )))
}

/// Whether a key stands for something here, be it a delete marker.
async fn is_here(work: &Work, key: &ObjectKey) -> Result<bool, Error> {
    let found = work
        .parts
        .store
        .look(&work.bucket.name, key, VersionWish::Current)
        .await?;
    Ok(found.is_some_and(|(_, described)| !matches!(described, Described::Absent)))
}
