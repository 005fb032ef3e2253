//! Judges orders: who is bound by an authority's directive, what it freezes, by which day each contract must be left, and
//! how far that is.
//!
//! Pure: records are values, the day is an argument, nothing is read or kept. `registry` keeps the records and their earlier
//! revisions, `gate` changes them and records that; a question about an earlier state is the same question put to the records
//! of then.
//!
//! Two times are apart throughout. *Valid time* stands in the records as days: a holding from then until then, a prohibition
//! from then on; and each revision of a record says from which day on it holds. *Recorded time* is when Onshore was told, and is the
//! keeper's: what is judged here is what was recorded.
//!
//! - [`records`]: organisations and who holds them, and providers; [`contract`], [`asset`]: what binds them, and what is moved.
//! - [`order`]: an order: its text, whom it addresses, what it prohibits and freezes, and until when.
//! - [`deadline`]: the rule that makes a day of a contract's expiry.
//! - [`ownership`]: who is controlled by whom, through chains.
//! - [`licence`], [`region`], [`partnership`]: who may run what, and on whose technology.
//! - [`lister`]: who is to be listed, with all whom it controls.
//! - [`handover`]: what one sells to another in tranches.
//! - [`quarter`]: a quarter of a year, and its days.
//! - [`assessment`], [`review`], [`incident`], [`request`]: cases with dates of their own; [`duty`]: what begins with a number of persons.
//! - [`alarm`]: of what somebody is told before a day comes.
//! - [`judge`]: all of it together, on a day, in the words of a [`language`].
//! - [`forecast`]: when a migration will be done, and how likely by a date.
//! - [`guard`]: a plan of Terraform, before it is carried out.
//! - [`record`]: a record of any kind, read and checked.
//! - [`schema`]: what records look like, for a document of them.
//! - [`sector`]: trades by the words of a table.
//! - [`signature`]: somebody's word for a part of a record.
//! - [`tables`]: records as CSV.
//! - [`timeline`]: a record over time, and what of it was corrected.

pub mod alarm;
pub mod assessment;
pub mod asset;
pub mod contract;
pub mod day;
pub mod deadline;
pub mod departure;
pub mod duty;
pub mod error;
pub mod forecast;
pub mod guard;
pub mod handover;
pub mod incident;
pub mod information;
pub mod judge;
pub mod language;
pub mod licence;
pub mod lister;
pub mod order;
pub mod ownership;
pub mod partnership;
pub mod purpose;
pub mod quarter;
pub mod record;
pub mod records;
pub mod region;
pub mod request;
pub mod review;
pub mod schema;
pub mod sector;
pub mod signature;
pub mod tables;
pub mod timeline;

/// The order of Tianjin of 2021, as a file that is read.
pub const TIANJIN_2021: &str = include_str!("../orders/tianjin-2021.toml");
/// The purchase by Sinnet of 2017, as a file that is read.
pub const SINNET_2017: &str = include_str!("../orders/sinnet-2017.toml");

pub use alarm::{Alarm, AlarmKind};
pub use assessment::Assessment;
pub use asset::{Asset, AssetTally, Doubt, Proof};
pub use contract::{Contract, Deletion, Renewal};
pub use day::{Day, UtcOffset};
pub use deadline::DeadlineRule;
pub use departure::Departure;
pub use error::Error;
pub use forecast::{
    Brought, Forecast, Load, NoForecast, Outlook, SIZE_CLASSES, Stretch, size_class,
};
pub use handover::Handover;
pub use incident::Incident;
pub use information::Information;
pub use judge::{Asked, Breach, Finding, Frozen, Judge, OnDay, OverTime, Standing, Status};
pub use language::{Language, Said};
pub use licence::Licence;
pub use lister::Lister;
pub use order::{FreezeKind, Order};
pub use partnership::Partnership;
pub use purpose::{HeldFor, LawfulBasis};
pub use quarter::Quarter;
pub use record::{Record, RecordKind, Registered};
pub use records::{Id, Organisation, Provider, Share};
pub use region::{Operating, Region, RegionStanding};
pub use request::Request;
pub use review::Review;
pub use signature::Signature;
pub use timeline::{Earlier, Timeline, Told};
