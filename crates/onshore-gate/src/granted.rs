//! Grants that are remembered: transfers alike in everything the rules may speak of are judged once. Only what stays
//! inside or comes in is remembered, never a refusal and never what an approval carries; the memory ends with the
//! policy epoch, since a gate has one epoch in its life.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use onshore_policy::{Bearing, Grant};

/// How many are remembered; then the memory begins anew.
const REMEMBERED_MAX: usize = 4096;

/// Grants by what they depend on.
#[derive(Debug, Default)]
pub(crate) struct Granted {
    known: Mutex<HashMap<Bearing, Grant>>,
}

impl Granted {
    /// Returns the grant for transfers of this bearing, if there is one.
    pub(crate) fn recall(&self, bearing: &Bearing) -> Option<Grant> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(bearing).cloned()
    }

    /// Remembers a grant.
    pub(crate) fn remember(&self, bearing: Bearing, grant: &Grant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(bearing, grant.clone());
    }
}
