//! The one request that a witness answers, and the status of each answer.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use onshore_ledger::{ADD_CHECKPOINT_BYTES_MAX, WitnessRefusal};

use crate::{Answer, Witness};

/// Returns what a witness answers on its port; its submission prefix is the root.
pub fn router(witness: Witness) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .layer(DefaultBodyLimit::max(ADD_CHECKPOINT_BYTES_MAX))
        .with_state(witness)
}

async fn add_checkpoint(State(witness): State<Witness>, body: Bytes) -> Response {
    match witness.add_checkpoint(&body).await {
        Ok(Answer::Cosigned(line)) => {
            ([(header::CONTENT_TYPE, TEXT)], format!("{line}\n")).into_response()
        }
        Ok(Answer::Refused(refusal)) => refused(refusal),
        Err(error) => {
            tracing::error!(%error, "a checkpoint could not be kept, so it is not cosigned");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

fn refused(refusal: WitnessRefusal) -> Response {
    let (status, why) = match refusal {
        WitnessRefusal::Malformed => (StatusCode::BAD_REQUEST, "this is not a request to cosign\n"),
        WitnessRefusal::NotSigned => (
            StatusCode::FORBIDDEN,
            "no key that is known of this log signed the checkpoint\n",
        ),
        WitnessRefusal::LogUnknown => (StatusCode::NOT_FOUND, "this log is not known here\n"),
        WitnessRefusal::NotConsistent => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "the proof does not show that the checkpoint extends what was cosigned last\n",
        ),
        WitnessRefusal::Conflict { cosigned_size } => {
            let size = format!("{cosigned_size}\n");
            let kind = [(header::CONTENT_TYPE, "text/x.tlog.size")];
            return (StatusCode::CONFLICT, kind, size).into_response();
        }
    };
    tracing::warn!(%status, why = why.trim_end(), "a checkpoint is not cosigned");
    (status, [(header::CONTENT_TYPE, TEXT)], why).into_response()
}
