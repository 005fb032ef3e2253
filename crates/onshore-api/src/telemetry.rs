//! Telemetry: what would be sent.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/telemetry/preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TelemetryView {
    /// Whether a receiver is configured.
    pub configured: bool,
    /// Exactly what would be sent now; absent where nothing would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Why nothing would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
}
