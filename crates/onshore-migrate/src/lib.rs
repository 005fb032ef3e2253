//! The migration engine: brings the objects of a source into a bucket, proves that they arrived, and says what did not.
//!
//! It picks jobs up from the registry; nobody calls it. Everything it knows of a job is in the database, so that a kill
//! at any instant costs the objects under way and nothing else. A job goes through the phases of [`phase`]:
//! the source is listed (`inventory`), what it has removed goes here too (`removals`), each object, version and delete marker is
//! planned ([`plan`]), brought and verified (`object`, `large`, `marker`, `verify`),
//! what the job was not ordered to bring stays (`selecting`), the source is listed again until nothing has changed (`job`), and what arrived is certified (`certificate`).
//!
//! A job may delete at the source what an earlier one brought and certified (`decommission`).
//!
//! A job may be a pre-flight (`preflight`): it lists, asks about each object, and says what would come, what could not, how long it would
//! take and what it would cost (`egress`).
//!
//! A job may cut a bucket over (`cutover`): the bucket answers as if all were in it ([`PullThrough`]), what is changed here goes before
//! what the source has (`precedence`), the source is frozen (`freeze`), and in the end nothing is asked of it any more. For a while
//! behind that there is a way back (`way_back`): what was changed here is judged and written there (`leaving`), and both sides are held
//! against each other (`comparing`).
//!
//! A migration may be shared (`pool`, `leases`): [`Worker`]s on other machines take leases of what is to be brought and deliver its bytes to
//! the [`Desk`].
//!
//! - [`Engine`], [`Parts`]: what the binary builds and runs.
//! - [`OpenSource`], [`Sources`]: how a job's source is opened.
//! - [`JobOptions`]: how a job is to be done.
//! - [`Patience`]: how long a source that fails is waited for.

mod arriving;
mod certificate;
mod comparing;
mod copying;
mod cutover;
mod decommission;
mod delivered;
mod delivery;
mod desk;
mod destination;
mod egress;
mod engine;
mod error;
mod freeze;
mod inventory;
mod job;
mod key_locks;
mod large;
mod leases;
mod leaving;
mod marker;
mod meter;
mod object;
mod opening;
mod options;
mod outcome;
mod patience;
pub mod phase;
pub mod plan;
mod pool;
mod precedence;
mod preflight;
mod pull;
mod pull_through;
mod read_back;
mod removals;
mod selecting;
mod tempo;
mod throttle;
mod uploads;
mod verify;
mod watching;
mod way_back;
mod worker;

pub use crate::arriving::Body as DeliveredBody;
pub use crate::certificate::file_of as certificate_file;
pub use crate::desk::{Asker, Desk, DeskError, Holding, LeasedPlace};
pub use crate::engine::{Engine, Parts};
pub use crate::error::Error;
pub use crate::opening::{OpenSource, Sources};
pub use crate::options::{Deletes, JobOptions, Mode, Readers};
pub use crate::patience::Patience;
pub use crate::precedence::ChangedHere;
pub use crate::pull_through::{Coming, Pull, PullError, PullThrough};
pub use crate::worker::{Ended, Office, OfficeError, Settings, Worker, WorkerError};
