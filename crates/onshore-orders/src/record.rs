//! A record of any kind: read, checked, and named.

use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::assessment::Assessment;
use crate::asset::{Asset, Proof};
use crate::contract::Contract;
use crate::departure::Departure;
use crate::handover::Handover;
use crate::incident::Incident;
use crate::information::Information;
use crate::licence::Licence;
use crate::order::Order;
use crate::partnership::Partnership;
use crate::records::{Id, Organisation, Provider};
use crate::region::Region;
use crate::request::Request;
use crate::review::Review;
use crate::schema::{Schemas, schemas_of};
use crate::{Day, Error};

/// What a record of any kind says of itself.
pub trait Registered: Serialize + DeserializeOwned {
    /// Returns its id.
    fn id(&self) -> &Id;

    /// Checks what one member of a record cannot say alone.
    ///
    /// # Errors
    /// [`Error::Contradiction`].
    fn check(&self) -> Result<(), Error>;

    /// Checks what is asked of a record on entry alone: what was recorded before that was asked for stays as it was.
    ///
    /// # Errors
    /// [`Error::Contradiction`].
    fn check_entry(&self, _before: Option<&Self>) -> Result<(), Error> {
        Ok(())
    }

    /// Returns what it belongs to.
    fn holder(&self) -> Option<&Id> {
        None
    }

    /// Returns what must be there before it.
    fn references(&self) -> Vec<(RecordKind, &Id)> {
        Vec::new()
    }

    /// Whether what acts of their own filed in it is what they filed in the revision before.
    fn keeps_filed(&self, _before: &Self) -> bool {
        false
    }

    /// Says how what it has is filed, where that is by an act of its own and not by hand.
    fn filed_by(&self) -> Option<&'static str> {
        None
    }
}

impl<T: Registered> Registered for Box<T> {
    fn id(&self) -> &Id {
        (**self).id()
    }

    fn check(&self) -> Result<(), Error> {
        (**self).check()
    }

    fn check_entry(&self, before: Option<&Self>) -> Result<(), Error> {
        (**self).check_entry(before.map(|before| &**before))
    }

    fn holder(&self) -> Option<&Id> {
        (**self).holder()
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        (**self).references()
    }

    fn keeps_filed(&self, before: &Self) -> bool {
        (**self).keeps_filed(before)
    }

    fn filed_by(&self) -> Option<&'static str> {
        (**self).filed_by()
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident($record:ty) = $word:literal;)*) => {
        /// What a record is of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RecordKind {
            $($(#[$doc])* $kind,)*
        }

        /// A record that holds by itself.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Record {
            $($(#[$doc])* $kind($record),)*
        }

        impl RecordKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// Returns what it is called in documents, as its schema is.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                }
            }

            /// Returns what records of this kind look like, under its name, and all that this refers to.
            #[must_use]
            pub fn schemas(self) -> Schemas {
                match self {
                    $(Self::$kind => schemas_of::<$record>(stringify!($kind)),)*
                }
            }

            /// Reads a record of this kind, and checks nothing of it.
            ///
            /// # Errors
            /// What does not read.
            pub fn reads(self, value: &Value) -> Result<(), serde_json::Error> {
                match self {
                    $(Self::$kind => <$record>::deserialize(value).map(drop),)*
                }
            }

            /// Returns the word for it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }
        }

        impl Record {
            fn of_value(kind: RecordKind, value: &Value) -> Result<Self, Error> {
                Ok(match kind {
                    $(RecordKind::$kind => Self::$kind(readable(kind, <$record>::deserialize(value))?),)*
                })
            }

            fn of_text(kind: RecordKind, text: &str) -> Result<Self, Error> {
                Ok(match kind {
                    $(RecordKind::$kind => Self::$kind(readable(kind, serde_json::from_str::<$record>(text))?),)*
                })
            }

            /// Checks what one member of a record cannot say alone.
            ///
            /// # Errors
            /// [`Error::Contradiction`].
            pub fn check(&self) -> Result<(), Error> {
                match self {
                    $(Self::$kind(one) => Registered::check(one),)*
                }
            }

            /// Returns what it is of.
            #[must_use]
            pub fn kind(&self) -> RecordKind {
                match self {
                    $(Self::$kind(_) => RecordKind::$kind,)*
                }
            }

            /// Returns its id.
            #[must_use]
            pub fn id(&self) -> &Id {
                match self {
                    $(Self::$kind(one) => Registered::id(one),)*
                }
            }

            /// Returns what it belongs to: a contract to an organisation, an asset to a contract.
            #[must_use]
            pub fn holder(&self) -> Option<&Id> {
                match self {
                    $(Self::$kind(one) => Registered::holder(one),)*
                }
            }

            /// Returns what must be there before it. An order names whom it names, known here or not.
            #[must_use]
            pub fn references(&self) -> Vec<(RecordKind, &Id)> {
                match self {
                    $(Self::$kind(one) => Registered::references(one),)*
                }
            }

            fn check_entry(&self, before: Option<&Self>) -> Result<(), Error> {
                match (self, before) {
                    $((Self::$kind(one), Some(Self::$kind(before))) => Registered::check_entry(one, Some(before)),)*
                    $((Self::$kind(one), _) => Registered::check_entry(one, None),)*
                }
            }

            fn filed_by(&self) -> Option<&'static str> {
                match self {
                    $(Self::$kind(one) => Registered::filed_by(one),)*
                }
            }

            fn keeps_filed(&self, before: &Self) -> bool {
                match (self, before) {
                    $((Self::$kind(one), Self::$kind(before)) => Registered::keeps_filed(one, before),)*
                    _ => false,
                }
            }

            /// Returns it as a JSON value.
            ///
            /// # Errors
            /// [`Error::Contradiction`] where it cannot be written.
            pub fn to_value(&self) -> Result<Value, Error> {
                written(match self {
                    $(Self::$kind(one) => serde_json::to_value(one),)*
                })
            }

            /// Returns it as JSON.
            ///
            /// # Errors
            /// [`Error::Contradiction`] where it cannot be written.
            pub fn to_json(&self) -> Result<String, Error> {
                written(match self {
                    $(Self::$kind(one) => serde_json::to_string(one),)*
                })
            }
        }
    };
}

kinds! {
    /// An organisation.
    Organisation(Organisation) = "organisation";
    /// A provider.
    Provider(Provider) = "provider";
    /// An order.
    Order(Box<Order>) = "order";
    /// A contract.
    Contract(Contract) = "contract";
    /// An asset.
    Asset(Asset) = "asset";
    /// A licence.
    Licence(Box<Licence>) = "licence";
    /// A region.
    Region(Box<Region>) = "region";
    /// A partnership.
    Partnership(Box<Partnership>) = "partnership";
    /// A hand-over plan.
    Handover(Box<Handover>) = "handover";
    /// An impact assessment.
    Assessment(Box<Assessment>) = "assessment";
    /// A review before a listing abroad.
    Review(Box<Review>) = "review";
    /// An incident.
    Incident(Box<Incident>) = "incident";
    /// A request of somebody whose data is held.
    Request(Box<Request>) = "request";
    /// How a provider leaves a contract.
    Departure(Box<Departure>) = "departure";
    /// The register of information of an organisation under DORA.
    Information(Box<Information>) = "information";
}

impl RecordKind {
    /// Whether records of this kind are written by hand; others are made by acts of their own.
    #[must_use]
    pub fn is_written(self) -> bool {
        match self {
            Self::Departure | Self::Information => false,
            Self::Organisation
            | Self::Provider
            | Self::Order
            | Self::Contract
            | Self::Asset
            | Self::Licence
            | Self::Region
            | Self::Partnership
            | Self::Handover
            | Self::Assessment
            | Self::Review
            | Self::Incident
            | Self::Request => true,
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
        let found = Self::ALL.iter().find(|kind| kind.word() == text);
        found.copied().ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|kind| kind.word()).collect();
            Error::contradiction(format!("a record is one of {}", words.join(", ")))
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
        let record = Self::of_value(kind, value)?;
        record.check()?;
        record.check_entry(None)?;
        match record.filed_by() {
            Some(how) => Err(Error::contradiction(how)),
            None => Ok(record),
        }
    }

    /// Reads the next revision of a record as people write it, and checks it. What acts of their own filed may stand in it as it stands in
    /// the one before, so that what was read can be changed and sent back.
    ///
    /// # Errors
    /// Those of [`Record::read`].
    pub fn read_after(kind: RecordKind, value: &Value, before: &Self) -> Result<Self, Error> {
        let record = Self::of_value(kind, value)?;
        record.check()?;
        record.check_entry(Some(before))?;
        match record.filed_by() {
            Some(how) if !record.keeps_filed(before) => Err(Error::contradiction(how)),
            Some(_) | None => Ok(record),
        }
    }

    /// Reads a record as it is kept, which was checked before.
    ///
    /// # Errors
    /// What does not read.
    pub fn from_json(kind: RecordKind, text: &str) -> Result<Self, Error> {
        Self::of_text(kind, text)
    }

    /// Returns the proof of it, where it is an asset that has one.
    #[must_use]
    pub fn proof(&self) -> Option<&Proof> {
        match self {
            Self::Asset(one) => one.proof.as_ref(),
            _ => None,
        }
    }

    /// Returns since when it is at least planned, moving, moved and proven.
    #[must_use]
    pub fn steps(&self) -> [Option<Day>; 4] {
        match self {
            Self::Asset(one) => one.steps(),
            _ => [None; 4],
        }
    }
}

fn readable<T>(kind: RecordKind, read: Result<T, serde_json::Error>) -> Result<T, Error> {
    read.map_err(|error| Error::contradiction(format!("the {kind} does not read: {error}")))
}

fn written<T>(written: Result<T, serde_json::Error>) -> Result<T, Error> {
    written.map_err(|error| Error::contradiction(format!("it cannot be written: {error}")))
}
