//! One database: opens it, brings its schema up to date, runs units of work.
//!
//! Every keeper keeps its tables here and none of them talks to SQLite otherwise. All changes go through one writer
//! that puts many units of work into one transaction (group commit), each in its own savepoint: a unit that fails
//! rolls back alone, and nobody hears of success before the commit is on stable storage. This room knows no table.
//!
//! - [`Database`]: open, [`Database::write`], [`Database::read`], [`Database::examine`].
//! - [`Unit`] and [`View`]: what a unit of work and a read may do.
//! - [`CrashPoints`]: where tests let the process die.

mod crash;
mod database;
mod error;
mod examine;
mod file;
mod pages;
mod readers;
mod schema;
mod view;
mod wipe;
mod writer;

pub use rusqlite::{Row, params};

pub use crate::crash::{CrashPoint, CrashPoints};
pub use crate::database::{Database, Options};
pub use crate::error::{Error, ErrorKind};
pub use crate::file::{DatabaseFile, PAGE_KEY_LEN_BYTES};
pub use crate::pages::{Pages, is_plain};
pub use crate::schema::Schema;
pub use crate::view::{RowError, Unit, View, unreadable};
