//! How a provider leaves a contract: it acknowledges the orders that bind it, says what it has, and signs that all of it is deleted.
//! Each is an act of somebody whom the provider sent, and none is written by hand.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Error;
use crate::asset::AssetKind;
use crate::record::{RecordKind, Registered};
use crate::records::{Id, is_sha256, texts};
use crate::signature::Signature;

/// So much may a provider say that it has under one contract.
pub const ITEMS_MAX: usize = 10_000;

/// How a provider leaves a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Departure {
    /// The id of the contract.
    pub id: Id,
    /// Who leaves.
    pub provider: Id,
    /// Orders that it acknowledged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<Acknowledged>,
    /// What it says it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<DeliveredInventory>,
    /// That it deleted what it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<SignedDeletion>,
}

/// That an order is known to whom it prohibits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    /// Which order.
    pub order: Id,
    /// Who said so.
    pub by: Signature,
}

/// What a provider says it has under a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveredInventory {
    /// All of it.
    pub items: Vec<Item>,
    /// Who said so.
    pub by: Signature,
}

/// Something that a provider has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// What it is.
    pub kind: AssetKind,
    /// Its name there.
    pub name: String,
    /// Where it is, such as CN-SH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// How many objects are in it, where it is a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<u64>,
    /// How much it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// A provider's word that it deleted what it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedDeletion {
    /// SHA-256 of the statement.
    pub statement_sha256: String,
    /// Who signed it.
    pub by: Signature,
}

impl Departure {
    /// Returns that of a contract of which nothing was said yet.
    #[must_use]
    pub fn new(contract: Id, provider: Id) -> Self {
        Self {
            id: contract,
            provider,
            acknowledged: Vec::new(),
            inventory: None,
            deletion: None,
        }
    }
}

impl Registered for Departure {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        let items = self.inventory.iter().flat_map(|one| &one.items);
        if items.clone().count() > ITEMS_MAX {
            return Err(Error::contradiction(format!(
                "an inventory has up to {ITEMS_MAX} things; file what is alike as one system"
            )));
        }
        let mut named: Vec<(AssetKind, &str)> = Vec::new();
        for item in items {
            texts(&[("name", Some(&item.name)), ("place", item.place.as_ref())])?;
            let is_much = |number: Option<u64>| number.is_some_and(|number| number > 1 << 53);
            if is_much(item.objects) || is_much(item.bytes) {
                return Err(Error::contradiction(format!(
                    "`{}` holds more than there is",
                    item.name
                )));
            }
            named.push((item.kind, &item.name));
        }
        named.sort_unstable();
        if let Some([(_, name), _]) = named.array_windows().find(|[one, next]| one == next) {
            return Err(Error::contradiction(format!("`{name}` is told of twice")));
        }
        match &self.deletion {
            Some(deletion) if !is_sha256(&deletion.statement_sha256) => Err(Error::contradiction(
                "statement_sha256 is 64 small hexadecimal digits",
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.provider)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![
            (RecordKind::Contract, &self.id),
            (RecordKind::Provider, &self.provider),
        ]
    }

    fn filed_by(&self) -> Option<&'static str> {
        Some(
            "a provider says itself what it has and deleted: `onshore departure`, with its own token",
        )
    }
}
