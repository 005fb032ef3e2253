//! What takes two people: the first proposes, a second who is apart from him approves. Persons are told by the names that
//! tokens were made for, never by tokens: one person may hold several.

use onshore_db::View;
use onshore_orders::Signature;
use onshore_policy::Principal;
use onshore_registry::{Person, Registry, Vouched};
use onshore_types::Timestamp;

use crate::Error;

/// Returns somebody's word as one of two people. His token must name a person.
pub(crate) fn vouch(
    registry: &Registry,
    view: &View<'_>,
    by: Principal,
    now: Timestamp,
) -> Result<Vouched, Error> {
    let holder = registry.holder(view, by.id)?;
    let person = holder.named().ok_or(Error::Unnamed)?;
    Ok(Vouched {
        by: by.id,
        person,
        at: now,
    })
}

/// Returns somebody's word as the second of two people, if he is apart from the first.
pub(crate) fn second(
    registry: &Registry,
    view: &View<'_>,
    by: Principal,
    first: &Person,
    now: Timestamp,
) -> Result<Vouched, Error> {
    let vouched = vouch(registry, view, by, now)?;
    if vouched.person.is_apart_from(first) {
        Ok(vouched)
    } else {
        Err(Error::SamePerson)
    }
}

/// Returns somebody's word as a record of the register keeps it.
pub(crate) fn signature(word: Vouched) -> Signature {
    Signature {
        person: word.person.name,
        vouched_by: word.person.vouched_by,
        token: word.by,
        at: word.at,
    }
}

/// Returns whose word a record of the register keeps.
pub(crate) fn person(signature: &Signature) -> Person {
    Person {
        name: signature.person.clone(),
        vouched_by: signature.vouched_by.clone(),
    }
}
