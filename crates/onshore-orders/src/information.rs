//! The register of information of an organisation under DORA, as it was taken in: fifteen tables whose arrangements stand in the
//! register as contracts too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Error;
use crate::record::{RecordKind, Registered};
use crate::records::Id;

/// The tables of a register of information.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Information {
    /// The id of the organisation that maintains it.
    pub id: Id,
    /// Each table as CSV, by the name of its file; those without rows are left out.
    pub tables: BTreeMap<String, String>,
}

impl Registered for Information {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.id)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![(RecordKind::Organisation, &self.id)]
    }

    fn filed_by(&self) -> Option<&'static str> {
        Some("a register of information is taken in with `onshore dora import`")
    }
}
