//! What the handlers work with; the binary puts it together.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use onshore_db::Database;
use onshore_gate::{Gate, UpdateRules};
use onshore_keys::FileSeal;
use onshore_registry::Registry;
use onshore_store::Store;

use crate::drills::Drills;
use crate::leasing::LeaseDesk;
use crate::rates::RequestRate;

/// What the handlers work with.
#[derive(Clone)]
pub struct ControlParts {
    /// The database that all keepers share.
    pub db: Database,
    /// The one place where something is permitted and recorded.
    pub gate: Gate,
    /// Governance records.
    pub registry: Registry,
    /// Buckets and objects.
    pub store: Store,
    /// How fast each caller may ask.
    pub rate: RequestRate,
    /// What migrations may read.
    pub migrate: MigrateRules,
    /// Where workers of migrations are served.
    pub desk: Arc<dyn LeaseDesk>,
    /// What updates of the program are held against.
    pub updates: UpdateRules,
    /// What disconnect drills are made of.
    pub drills: Drills,
    /// Says exactly what telemetry would send now, or why nothing; none where no receiver is configured.
    pub telemetry: Option<TelemetryPreview>,
    /// The folder of migration certificates, one file for each job.
    pub certificates: PathBuf,
    /// What they are sealed with, if they are.
    pub seal: FileSeal,
    /// Renders the metrics as Prometheus reads them.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Says what telemetry would send, or why nothing would be sent.
pub type TelemetryPreview = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// What migrations may read.
#[derive(Debug, Clone, Default)]
pub struct MigrateRules {
    /// Folders of the server below which a source may lie.
    pub roots: Vec<PathBuf>,
    /// Endpoints that may be named by others than the operator although they are not public.
    pub allowed_endpoints: Vec<String>,
}

impl fmt::Debug for ControlParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlParts")
            .field("gate", &self.gate)
            .field("migrate", &self.migrate)
            .field("certificates", &self.certificates)
            .finish_non_exhaustive()
    }
}
