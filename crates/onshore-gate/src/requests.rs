//! Requests of those whose data is held: no day of them is in the future, and what was erased for them is told by leaves that are there
//! (docs/decisions/0066).

use std::collections::BTreeMap;

use onshore_db::View;
use onshore_orders::{Day, Organisation, Record, RecordKind, Request, UtcOffset};
use onshore_registry::Registry;
use onshore_types::{LeafIndex, TenantId, Timestamp};
use serde_json::Value;

use crate::{Error, Gate};

/// Of which tenant something was erased, by the leaf that tells of it.
pub(crate) type Erased = BTreeMap<LeafIndex, TenantId>;

impl Gate {
    /// Looks up what the leaves that a record names tell of erasures: they never change, so that this needs no unit of work.
    pub(crate) async fn erased_for(&self, record: &Record) -> Result<Erased, Error> {
        let mut erased = Erased::new();
        let Record::Request(request) = record else {
            return Ok(erased);
        };
        let named = request.answer.iter().flat_map(|answer| &answer.erased);
        for index in named {
            let found = self.inner.journal.leaves(*index, 1).await?;
            let leaf = found.into_iter().find(|leaf| leaf.index == *index);
            if let Some(tenant) = leaf.and_then(|leaf| of_erasure(&leaf.body)) {
                erased.insert(*index, tenant);
            }
        }
        Ok(erased)
    }
}

/// Checks a request against the clock, and what it says was erased against the ledger: each leaf is of an erasure, in a tenant of the
/// organisation that was asked.
pub(crate) fn check(
    registry: &Registry,
    view: &View<'_>,
    request: &Request,
    erased: &Erased,
    now: Timestamp,
) -> Result<(), Error> {
    let fail = |why: String| Err(Error::Record(onshore_orders::Error::Contradiction(why)));
    // Whose days end where is not known: a day that has begun somewhere may be theirs.
    if let Some(day) = request.ahead_of(Day::at(now, UtcOffset::EASTERNMOST)) {
        return fail(format!("{day} has not come yet"));
    }
    let named = request.answer.iter().flat_map(|answer| &answer.erased);
    let mut organisation: Option<Organisation> = None;
    for index in named {
        let Some(tenant) = erased.get(index) else {
            return fail(format!("leaf {index} tells of nothing that was erased"));
        };
        if organisation.is_none() {
            let id = &request.organisation;
            match registry.record(view, RecordKind::Organisation, id)?.record {
                Record::Organisation(one) => organisation = Some(one),
                _ => return fail(format!("`{id}` is no organisation")),
            }
        }
        let tenant = registry.tenant_in(view, *tenant)?;
        let is_its = organisation.iter().any(|one| {
            let name = tenant.as_ref().map(|tenant| &tenant.name);
            name.is_some_and(|name| one.tenants.contains(name))
        });
        if !is_its {
            return fail(format!(
                "leaf {index} tells of what was erased in a tenant that `{}` does not name as its own (`tenants`)",
                request.organisation
            ));
        }
    }
    Ok(())
}

fn of_erasure(body: &Value) -> Option<TenantId> {
    if body.get("kind")?.as_str()? != "erased" {
        return None;
    }
    body.get("tenant")?.as_str()?.parse().ok()
}
