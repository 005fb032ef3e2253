//! Evidence for somebody who trusts nobody: everything that was recorded in a span of time, in one file.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use onshore_api::{AskEvidence, Problem};
use onshore_journal::{EvidencePlan, Journal, Records, Span};
use tokio::sync::mpsc;

use crate::caller::{By, Readers};
use crate::error::Error;
use crate::extract::Body as Told;
use crate::parts::ControlParts;

/// How long it is waited for witnesses to cosign a checkpoint that covers the span. Without them the bundle is as good as
/// the operator's own signature.
const WITNESS_PATIENCE: Duration = Duration::from_secs(30);
/// How many pieces wait for a slow reader.
const PIECES_MAX: usize = 4;

/// Hands out everything of a span: a document that `onshore verify` checks offline. That it was handed out is recorded
/// first, so that the leaf that says so closes a span that ends now.
#[utoipa::path(post, path = "/v1/report/evidence", tag = "ledger", request_body = AskEvidence,
    responses((status = 200, body = String, content_type = "application/jsonl"), (status = 400, body = Problem)))]
pub(crate) async fn report(
    State(control): State<Arc<ControlParts>>,
    by: By<Readers>,
    Told(asked): Told<AskEvidence>,
) -> Result<Response, Error> {
    let span = Span {
        from: asked.from,
        to: asked.to,
    };
    if span.from >= span.to {
        return Err(Error::Malformed(
            "the span ends before it begins".to_owned(),
        ));
    }
    let records = if asked.without_records {
        Records::Withheld
    } else {
        Records::Shown
    };
    let leaf = control
        .gate
        .report_evidence(by.caller.principal(), span, records)
        .await?;
    let journal = control.gate.journal().clone();
    let is_asked = |policy: &onshore_ledger::TlogPolicy| policy.asks_for_witnesses();
    if journal.witnesses().is_some_and(is_asked)
        && !journal.await_witnessed(leaf + 1, WITNESS_PATIENCE).await
    {
        tracing::warn!("a bundle is handed out that too few witnesses cosigned");
    }
    let plan = journal.plan_evidence(span).await?;
    let mut response = stream_of(journal, plan, records).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/jsonl"),
    );
    Ok(response)
}

/// Writes the bundle behind the answer, as fast as it is read.
fn stream_of(journal: Journal, plan: EvidencePlan, records: Records) -> Body {
    let (pieces, written) = mpsc::channel::<Result<Vec<u8>, onshore_journal::Error>>(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        let done = journal.write_evidence(&plan, records, |piece| {
            // Whoever asked may have gone away.
            pieces
                .blocking_send(Ok(piece))
                .map_err(|_| onshore_journal::Error::Interrupted)
        });
        if let Err(error) = done {
            tracing::warn!(%error, "a bundle was not written to its end");
            // The answer is cut, and its reader sees that it has no signature.
            drop(pieces.blocking_send(Err(error)));
        }
    });
    Body::from_stream(stream::unfold(written, |mut written| async {
        written.recv().await.map(|piece| (piece, written))
    }))
}
