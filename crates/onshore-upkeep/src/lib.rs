//! Upkeep: background work on what is stored, done by the house itself and never asked for by a client.
//!
//! What it does to a tenant's data it does as an operator on behalf of that tenant, under permits of the gate and with
//! leaves in the ledger like everybody else. The binary builds an engine and runs it; nobody else
//! calls it.
//!
//! - [`AccessLogEngine`]: makes objects of the lines of access logs.
//! - [`AlarmEngine`]: raises alarms of days that come near, and tells them.
//! - [`InventoryEngine`]: lists what buckets hold, where their owners want it.
//! - [`LifecycleEngine`]: removes what the lifecycles of buckets say is due.
//! - [`NotificationEngine`]: tells targets what happened, as far as the gate lets it go where they are.
//! - [`ReplicationEngine`]: brings to other regions what their rules say, as far as the gate lets it go there.
//! - [`RescanEngine`]: looks through what was put off, and through everything once it knows more.
//! - [`RetentionEngine`]: removes the records of reads that were kept long enough.
//! - [`ScrubEngine`]: reads everything round and round, and reports what is not what was written.
//! - [`TelemetryEngine`]: tells a receiver the numbers that the operator signed a list of, if he wants that.
//! - [`WitnessEngine`]: asks witnesses to cosign the ledger's checkpoints.

mod access_log;
mod alarms;
mod delivery;
mod error;
mod inventory;
mod lifecycle;
mod notify;
mod operator;
mod pace;
mod patience;
mod replicate;
mod rescan;
mod retention;
mod scrub;
mod telemetry;
mod witness;

pub use crate::access_log::{AccessLogEngine, AccessLogRhythm};
pub use crate::alarms::{
    AlarmEngine, AlarmTarget, AlarmTargetError, MailLogin, MailSecurity, Mailbox, WebhookSecret,
};
pub use crate::error::Error;
pub use crate::inventory::InventoryEngine;
pub use crate::lifecycle::{LifecycleEngine, LifecycleRhythm, LifecycleTally};
pub use crate::notify::{EventTarget, NotificationEngine, Protocol, TargetError};
pub use crate::replicate::ReplicationEngine;
pub use crate::rescan::{RescanEngine, RescanRhythm, RescanTally};
pub use crate::retention::RetentionEngine;
pub use crate::scrub::{ScrubEngine, ScrubRhythm, ScrubRound, ScrubTally};
pub use crate::telemetry::{
    CATALOGUE, Metric, MetricKind, MetricLabel, Telemetry, TelemetryEngine, TelemetryList,
    TelemetryListError,
};
pub use crate::witness::{WitnessEngine, WitnessTarget};

use onshore_db::Database;
use onshore_gate::Gate;
use onshore_store::Store;

/// What engines are made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The database that all keepers share.
    pub db: Database,
    /// What is looked after.
    pub store: Store,
    /// Who permits and records it.
    pub gate: Gate,
}
