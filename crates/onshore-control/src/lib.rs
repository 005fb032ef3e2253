//! The control API: what operators, regulators, auditors and tenants' administrators ask of a region over HTTP. Its contract is `onshore-api`.
//!
//! Everything but `/healthz` needs a control token and a caller inside the region's jurisdiction; a tenant's S3 key
//! opens nothing here. This room speaks HTTP and decides nothing: acts go through the gate, which records them, and
//! what is stored is looked at with a permit, as everywhere.
//!
//! - [`leasing`]: what is asked of the migration engine about leases.
//! - [`parts`]: what the handlers work with.
//! - [`routes`]: which path leads to which handler.
//! - [`server`]: connections, their limits, and how they end.

pub mod leasing;
pub mod parts;
pub mod routes;
pub mod server;

mod admit;
mod alarms;
mod answers;
mod approvals;
mod assessments;
mod buckets;
mod caller;
mod cases;
mod cutovers;
mod decommissions;
mod departures;
mod dora;
mod drills;
mod engineer;
mod erasures;
mod error;
mod etags;
mod evidence;
mod explain;
mod extract;
mod files;
mod findings;
mod forecast;
mod guard;
mod idempotency;
mod identities;
mod information;
mod jobs;
mod kms;
mod labels;
mod language;
mod leases;
mod ledger;
mod openapi;
mod orders;
mod packs;
mod paging;
mod persons;
mod problems;
mod purposes;
mod quarterly;
mod quotas;
mod rates;
mod register;
mod samples;
mod state;
mod support;
mod tenants;
mod tokens;
mod updates;

pub use drills::Drills;
pub use leasing::{DeliveredBody, LeaseAsker, LeaseDesk, LeasedAt, Unserved};
pub use parts::{ControlParts, MigrateRules, TelemetryPreview};
pub use rates::RequestRate;
pub use routes::router;
pub use server::serve;
