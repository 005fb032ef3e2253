//! What contracts of financial entities must say before they are recorded: whoever maintains a register of information under DORA files
//! what he is asked for. What is found in an inventory is recorded as it is found.

use onshore_db::View;
use onshore_dora::Lei;
use onshore_orders::sector::{self, FINANCE};
use onshore_orders::{Contract, Organisation, Record, RecordKind};
use onshore_registry::{Registry, Revision};
use onshore_types::{Jurisdiction, Place, Timestamp};

use crate::Error;
use crate::information::found;

const EUROPEAN_UNION: &str = "EU";

/// How a contract comes to be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Somebody writes it down, and may have found it in an inventory.
    Recorded,
    /// It is signed now.
    Signed,
}

/// Refuses a contract of a financial entity that says less than its register of information asks for. What is signed now was not found.
///
/// # Errors
/// [`Error::Record`] that names each that is lacking; those of the keepers.
pub(crate) fn require_whole(
    registry: &Registry,
    view: &View<'_>,
    contract: &Contract,
    (entry, now): (Entry, Timestamp),
) -> Result<(), Error> {
    if entry == Entry::Recorded && contract.found.is_some() {
        return Ok(());
    }
    let holder = found(
        registry,
        view,
        RecordKind::Organisation,
        &contract.organisation,
    )?;
    // Whoever is not there is told by whoever records it.
    let Some(Record::Organisation(organisation)) = holder.map(|revision| revision.record) else {
        return Ok(());
    };
    let tables = found(registry, view, RecordKind::Information, &organisation.id)?;
    if tables.is_none() && !is_financial_entity(&organisation, now) {
        return Ok(());
    }
    let mut lacks: Vec<String> = contract.lacks().into_iter().map(str::to_owned).collect();
    let lei = organisation.lei.as_deref().map(str::parse::<Lei>);
    if !matches!(lei, Some(Ok(_))) {
        lacks.push(format!("the lei of the organisation `{}`", organisation.id));
    }
    let provider = found(registry, view, RecordKind::Provider, &contract.provider)?;
    let is_coded =
        |one: &Revision| matches!(&one.record, Record::Provider(one) if !one.codes.is_empty());
    if provider.as_ref().is_some_and(|one| !is_coded(one)) {
        lacks.push(format!("codes of the provider `{}`", contract.provider));
    }
    if lacks.is_empty() {
        return Ok(());
    }
    let how = match entry {
        Entry::Recorded => {
            "; say it, or, where it is a contract as an inventory found it, on which day: `found`"
        }
        Entry::Signed => "",
    };
    Err(Error::Record(onshore_orders::Error::Contradiction(
        format!(
            "`{}` maintains a register of information under DORA, and its contract `{}` lacks what that asks for: {}{how}",
            organisation.id,
            contract.id,
            lacks.join(", "),
        ),
    )))
}

/// Whether an organisation is one of those that maintain registers: in finance or a part of it, in the Union, with a LEI.
fn is_financial_entity(organisation: &Organisation, now: Timestamp) -> bool {
    let sector = organisation.sector.as_deref().unwrap_or_default();
    let country = organisation.region.as_deref().unwrap_or_default();
    let country = country.split('-').next().unwrap_or_default();
    let (Ok(union), Ok(country)) = (
        Jurisdiction::parse(EUROPEAN_UNION),
        Jurisdiction::parse(country),
    ) else {
        return false;
    };
    organisation.lei.is_some()
        && sector::lies_in(sector, FINANCE)
        && union.contains(Place::In(country), now)
}
