//! Backups (decision 0018): a series of points in one folder, and a key store in another. A point is the state of a data
//! folder at one time; points share what did not change. What opens the versions of a point is not in it but in the key
//! store, so that to erase a version is to destroy a few bytes there, in all points at once.

pub(crate) mod files;
pub(crate) mod key_store;
pub(crate) mod making;
pub(crate) mod manifest;
pub(crate) mod pieces;
pub(crate) mod series;
pub(crate) mod state_copy;
