//! Whether the server is well, what it counts, and what it can be asked.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use onshore_api::{Problem, TelemetryView};

use crate::caller::{By, Readers, Viewers};
use crate::error::Error;
use crate::openapi;
use crate::parts::ControlParts;

/// How long the database may take before it counts as stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says whether the server takes work. Anybody may ask.
#[utoipa::path(get, path = "/healthz", tag = "state", security(()),
    responses((status = 200, body = String), (status = 503, body = Problem)))]
pub(crate) async fn health(
    State(control): State<Arc<ControlParts>>,
) -> Result<&'static str, Error> {
    let check = async {
        control
            .db
            .read(|view| view.one("SELECT 1", [], |_| Ok(())))
            .await?;
        // A unit that changes nothing costs no sync, and fails once the writer has stopped.
        control.db.write(|_| Ok::<(), onshore_db::Error>(())).await
    };
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(())) => Ok("ok"),
        Ok(Err(error)) => {
            tracing::error!(%error, "the server is not well");
            Err(Error::Unwell)
        }
        Err(_) => Err(Error::Unwell),
    }
}

/// Returns the metrics as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "state", responses((status = 200, body = String)))]
pub(crate) async fn metrics(
    State(control): State<Arc<ControlParts>>,
    _: By<Viewers>,
) -> impl IntoResponse {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], (control.metrics)())
}

/// Says exactly what telemetry would send now.
#[utoipa::path(get, path = "/v1/telemetry/preview", tag = "state", responses((status = 200, body = TelemetryView)))]
pub(crate) async fn telemetry(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
) -> Result<Json<TelemetryView>, Error> {
    let Some(preview) = control.telemetry.clone() else {
        return Ok(Json(TelemetryView {
            configured: false,
            document: None,
            withheld: None,
        }));
    };
    // It reads a file.
    let made = tokio::task::spawn_blocking(move || preview()).await;
    let made = made.map_err(|_| Error::Stopping)?;
    Ok(Json(TelemetryView {
        configured: true,
        withheld: made.as_ref().err().cloned(),
        document: made.ok(),
    }))
}

/// Returns this document.
#[utoipa::path(get, path = "/openapi.json", tag = "state", responses((status = 200, body = Object)))]
pub(crate) async fn document(_: By<Viewers>) -> impl IntoResponse {
    Json(openapi::document())
}
