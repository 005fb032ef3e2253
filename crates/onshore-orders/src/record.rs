//! A record of any kind: read, checked, and named.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::order::Order;
use crate::records::{Asset, Contract, Id, Organisation, Provider};
use crate::{Day, Error};

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// An organisation.
    Organisation,
    /// A provider.
    Provider,
    /// An order.
    Order,
    /// A contract.
    Contract,
    /// An asset.
    Asset,
}

/// A record that holds by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An organisation.
    Organisation(Organisation),
    /// A provider.
    Provider(Provider),
    /// An order.
    Order(Box<Order>),
    /// A contract.
    Contract(Contract),
    /// An asset.
    Asset(Asset),
}

impl RecordKind {
    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Provider => "provider",
            Self::Order => "order",
            Self::Contract => "contract",
            Self::Asset => "asset",
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for RecordKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [
            Self::Organisation,
            Self::Provider,
            Self::Order,
            Self::Contract,
            Self::Asset,
        ]
        .into_iter()
        .find(|kind| kind.word() == text)
        .ok_or_else(|| {
            Error::contradiction("a record is an organisation, provider, order, contract or asset")
        })
    }
}

impl Record {
    /// Reads a record as people write it, and checks it. What acts of their own file (the proof of an asset, the deletion
    /// under a contract) is not written by hand.
    ///
    /// # Errors
    /// What does not read, or contradicts itself.
    pub fn read(kind: RecordKind, value: &Value) -> Result<Self, Error> {
        let record = Self::kept(kind, value)?;
        match &record {
            Self::Contract(Contract {
                deletion: Some(_), ..
            }) => Err(Error::contradiction(
                "a deletion is filed with `onshore contract close`",
            )),
            Self::Asset(Asset { proof: Some(_), .. }) => Err(Error::contradiction(
                "a proof is filed with `onshore asset prove`",
            )),
            _ => Ok(record),
        }
    }

    /// Reads a record as it is kept, which was checked before.
    ///
    /// # Errors
    /// What does not read.
    pub fn from_json(kind: RecordKind, text: &str) -> Result<Self, Error> {
        fn of<'a, T: Deserialize<'a>>(kind: RecordKind, text: &'a str) -> Result<T, Error> {
            serde_json::from_str(text)
                .map_err(|error| Error::contradiction(format!("the {kind} does not read: {error}")))
        }
        Ok(match kind {
            RecordKind::Organisation => Self::Organisation(of(kind, text)?),
            RecordKind::Provider => Self::Provider(of(kind, text)?),
            RecordKind::Order => Self::Order(Box::new(of(kind, text)?)),
            RecordKind::Contract => Self::Contract(of(kind, text)?),
            RecordKind::Asset => Self::Asset(of(kind, text)?),
        })
    }

    fn kept(kind: RecordKind, value: &Value) -> Result<Self, Error> {
        fn of<'a, T: Deserialize<'a>>(kind: RecordKind, value: &'a Value) -> Result<T, Error> {
            T::deserialize(value)
                .map_err(|error| Error::contradiction(format!("the {kind} does not read: {error}")))
        }
        let record = match kind {
            RecordKind::Organisation => Self::Organisation(of(kind, value)?),
            RecordKind::Provider => Self::Provider(of(kind, value)?),
            RecordKind::Order => Self::Order(Box::new(of(kind, value)?)),
            RecordKind::Contract => Self::Contract(of(kind, value)?),
            RecordKind::Asset => Self::Asset(of(kind, value)?),
        };
        record.check()?;
        Ok(record)
    }

    /// Checks what one member of a record cannot say alone.
    ///
    /// # Errors
    /// [`Error::Contradiction`].
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Organisation(one) => one.check(),
            Self::Provider(one) => one.check(),
            Self::Order(one) => one.check(),
            Self::Contract(one) => one.check(),
            Self::Asset(one) => one.check(),
        }
    }

    /// Returns what it is of.
    #[must_use]
    pub fn kind(&self) -> RecordKind {
        match self {
            Self::Organisation(_) => RecordKind::Organisation,
            Self::Provider(_) => RecordKind::Provider,
            Self::Order(_) => RecordKind::Order,
            Self::Contract(_) => RecordKind::Contract,
            Self::Asset(_) => RecordKind::Asset,
        }
    }

    /// Returns its id.
    #[must_use]
    pub fn id(&self) -> &Id {
        match self {
            Self::Organisation(one) => &one.id,
            Self::Provider(one) => &one.id,
            Self::Order(one) => &one.id,
            Self::Contract(one) => &one.id,
            Self::Asset(one) => &one.id,
        }
    }

    /// Returns what it belongs to: a contract to an organisation, an asset to a contract.
    #[must_use]
    pub fn holder(&self) -> Option<&Id> {
        match self {
            Self::Contract(one) => Some(&one.organisation),
            Self::Asset(one) => Some(&one.contract),
            Self::Organisation(_) | Self::Provider(_) | Self::Order(_) => None,
        }
    }

    /// Returns since when it is at least planned, moving, moved and proven.
    #[must_use]
    pub fn steps(&self) -> [Option<Day>; 4] {
        match self {
            Self::Asset(one) => one.steps(),
            Self::Organisation(_) | Self::Provider(_) | Self::Order(_) | Self::Contract(_) => {
                [None; 4]
            }
        }
    }

    /// Returns what must be there before it. An order names whom it names, known here or not.
    #[must_use]
    pub fn references(&self) -> Vec<(RecordKind, &Id)> {
        match self {
            Self::Organisation(one) => one
                .owners
                .iter()
                .map(|holding| (RecordKind::Organisation, &holding.owner))
                .collect(),
            Self::Contract(one) => vec![
                (RecordKind::Organisation, &one.organisation),
                (RecordKind::Provider, &one.provider),
            ],
            Self::Asset(one) => vec![(RecordKind::Contract, &one.contract)],
            Self::Provider(_) | Self::Order(_) => Vec::new(),
        }
    }

    /// Returns it as a JSON value.
    ///
    /// # Errors
    /// [`Error::Contradiction`] where it cannot be written.
    pub fn to_value(&self) -> Result<Value, Error> {
        let written = match self {
            Self::Organisation(one) => serde_json::to_value(one),
            Self::Provider(one) => serde_json::to_value(one),
            Self::Order(one) => serde_json::to_value(one),
            Self::Contract(one) => serde_json::to_value(one),
            Self::Asset(one) => serde_json::to_value(one),
        };
        written.map_err(|error| Error::contradiction(format!("it cannot be written: {error}")))
    }

    /// Returns it as JSON.
    ///
    /// # Errors
    /// [`Error::Contradiction`] where it cannot be written.
    pub fn to_json(&self) -> Result<String, Error> {
        fn of(value: &impl Serialize) -> Result<String, Error> {
            serde_json::to_string(value)
                .map_err(|error| Error::contradiction(format!("it cannot be written: {error}")))
        }
        match self {
            Self::Organisation(one) => of(one),
            Self::Provider(one) => of(one),
            Self::Order(one) => of(one),
            Self::Contract(one) => of(one),
            Self::Asset(one) => of(one),
        }
    }
}
