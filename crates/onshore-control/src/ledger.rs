//! The ledger: leaves, proofs, the key, and the static files that any reader of C2SP tlog-tiles understands.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use onshore_api::{LeafView, LedgerKeyView, LedgerStatusView, Problem, ReadView, WitnessView};
use onshore_ledger::{Disclosure, ProofBundle, ReadProof, TileRef, parse_leaf};
use onshore_policy::{Flow, Role, Subject, Transfer};
use onshore_types::{BucketId, ByteRange, LeafIndex, Timestamp, VersionId};
use serde::Deserialize;
use serde_json::Value;

use crate::caller::{By, Caller, Readers, Viewers};
use crate::error::Error;
use crate::extract::{Asked, Segment, Segments};
use crate::files;
use crate::parts::ControlParts;

/// How many leaves are told when nobody says.
const LEAVES: u32 = 100;
/// How many leaves are told at once.
const LEAVES_MAX: u32 = 1000;
/// The last leaf that a ledger could have.
const INDEX_MAX: LeafIndex = i64::MAX.cast_unsigned();

/// Which leaves are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// The first one; the ledger's first where none is named.
    #[param(value_type = Option<u64>)]
    from: Option<LeafIndex>,
    /// How many at most, up to 1000.
    #[param(maximum = 1000)]
    limit: Option<u32>,
    /// So many of the newest instead, up to 1000.
    #[param(maximum = 1000)]
    last: Option<u32>,
}

/// Returns a run of leaves in their order.
#[utoipa::path(get, path = "/v1/ledger/leaves", tag = "ledger", params(Which),
    responses((status = 200, body = Vec<LeafView>), (status = 400, body = Problem)))]
pub(crate) async fn leaves(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Asked(which): Asked<Which>,
) -> Result<Json<Vec<LeafView>>, Error> {
    let journal = control.gate.journal();
    let limit = which.last.or(which.limit).unwrap_or(LEAVES);
    if limit > LEAVES_MAX {
        return Err(Error::Malformed(format!(
            "at most {LEAVES_MAX} leaves are told at once"
        )));
    }
    let from = match (which.from, which.limit, which.last) {
        (None, None, Some(last)) => journal.size().await?.saturating_sub(last.into()),
        (_, _, Some(_)) => {
            return Err(Error::Malformed(
                "`last` goes with neither `from` nor `limit`".to_owned(),
            ));
        }
        (from, _, None) => from.unwrap_or(0),
    };
    within("from", from)?;
    let leaves = journal.leaves(from, limit).await?;
    Ok(Json(
        leaves
            .into_iter()
            .map(|leaf| LeafView {
                index: leaf.index,
                time: leaf.time,
                body: leaf.body,
            })
            .collect(),
    ))
}

/// Proves a leaf: a document that `onshore verify` checks offline. What opened an export is proven together with what
/// closed it.
#[utoipa::path(get, path = "/v1/ledger/proofs/{index}", tag = "ledger", params(("index" = u64, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub(crate) async fn prove(
    State(control): State<Arc<ControlParts>>,
    by: By<Readers>,
    Segment(index): Segment<LeafIndex>,
) -> Result<Json<ProofBundle>, Error> {
    let journal = control.gate.journal();
    if index > INDEX_MAX {
        let size = journal.size().await?;
        return Err(onshore_journal::Error::NoSuchLeaf { index, size }.into());
    }
    let related = control
        .registry
        .export_opened_by(index)
        .await?
        .and_then(|export| export.closed_leaf)
        .into_iter()
        .collect();
    let mut bundle = journal.prove(index, related).await?;
    if bundle.disclosure.is_none() {
        bundle.disclosure = stored_record(&control, &by.caller, &bundle.leaf).await?;
    }
    Ok(Json(bundle))
}

/// Returns the ledger's public key and its length.
#[utoipa::path(get, path = "/v1/ledger/key", tag = "ledger", responses((status = 200, body = LedgerKeyView)))]
pub(crate) async fn key(
    State(control): State<Arc<ControlParts>>,
    _: By<Viewers>,
) -> Result<Json<LedgerKeyView>, Error> {
    let journal = control.gate.journal();
    Ok(Json(LedgerKeyView {
        key: journal.verifier().to_string(),
        size: journal.size().await?,
    }))
}

/// Tells how long the ledger is, and how much of it witnesses cosigned.
#[utoipa::path(get, path = "/v1/ledger/status", tag = "ledger", responses((status = 200, body = LedgerStatusView)))]
pub(crate) async fn status(
    State(control): State<Arc<ControlParts>>,
    _: By<Viewers>,
) -> Result<Json<LedgerStatusView>, Error> {
    let journal = control.gate.journal();
    let witnesses = journal.witness_states().await?.into_iter();
    Ok(Json(LedgerStatusView {
        key: journal.verifier().to_string(),
        size: journal.size().await?,
        published_size: journal.head().size,
        witnessed_size: journal.witnessed().map(|head| head.size),
        witnesses: witnesses
            .map(|witness| WitnessView {
                name: witness.name,
                key: witness.key,
                url: witness.url,
                cosigned_size: witness.cosigned.map(|(size, _)| size),
                cosigned: witness.cosigned.map(|(_, time_s)| {
                    let time_s = i64::try_from(time_s).unwrap_or(i64::MAX);
                    Timestamp::from_millis(time_s.saturating_mul(1000))
                }),
            })
            .collect(),
    }))
}

/// Refuses a number that no ledger can have.
fn within(what: &str, number: u64) -> Result<(), Error> {
    if number > INDEX_MAX {
        return Err(Error::Malformed(format!("{what} is at most {INDEX_MAX}")));
    }
    Ok(())
}

/// Which reads of a batch are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhichReads {
    /// The first one; the batch's first where none is named.
    from: Option<u64>,
    /// How many at most, up to 1000.
    #[param(maximum = 1000)]
    limit: Option<u32>,
}

/// Returns reads of the batch that a leaf tells of.
#[utoipa::path(get, path = "/v1/ledger/reads/{leaf}", tag = "ledger", params(("leaf" = u64, Path), WhichReads),
    responses((status = 200, body = Vec<ReadView>), (status = 400, body = Problem)))]
pub(crate) async fn reads(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segment(leaf): Segment<LeafIndex>,
    Asked(which): Asked<WhichReads>,
) -> Result<Json<Vec<ReadView>>, Error> {
    let limit = which.limit.unwrap_or(LEAVES);
    if limit > LEAVES_MAX {
        return Err(Error::Malformed(format!(
            "at most {LEAVES_MAX} reads are told at once"
        )));
    }
    let from = which.from.unwrap_or(0);
    within("from", from)?;
    within("leaf", leaf)?;
    let reads = control.gate.journal().reads(leaf, from, limit).await?;
    Ok(Json(
        reads
            .into_iter()
            .map(|read| ReadView {
                position: read.position,
                time: read.time,
                record: read.record,
            })
            .collect(),
    ))
}

/// Proves one read: a document that `onshore verify` checks offline.
#[utoipa::path(get, path = "/v1/ledger/reads/{leaf}/{position}", tag = "ledger",
    params(("leaf" = u64, Path), ("position" = u64, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub(crate) async fn prove_read(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segments(leaf, position): Segments<LeafIndex, u64>,
) -> Result<Json<ReadProof>, Error> {
    if leaf > INDEX_MAX {
        return Err(onshore_journal::Error::NoSuchRead { leaf, position }.into());
    }
    Ok(Json(
        control.gate.journal().prove_read(leaf, position).await?,
    ))
}

/// Returns the newest checkpoint that enough witnesses cosigned.
#[utoipa::path(get, path = "/ledger/checkpoint.witnessed", tag = "ledger",
    responses((status = 200, body = String), (status = 404, body = Problem)))]
pub(crate) async fn witnessed_checkpoint(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
) -> Result<impl IntoResponse, Error> {
    let head = control.gate.journal().witnessed().ok_or_else(|| {
        Error::Missing(
            "no checkpoint has been cosigned by enough witnesses: [ledger] of the configuration names them"
                .to_owned(),
        )
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, head.note))
}

/// Returns the newest signed checkpoint, with the cosignatures that it has so far.
#[utoipa::path(get, path = "/ledger/checkpoint", tag = "ledger", responses((status = 200, body = String)))]
pub(crate) async fn checkpoint(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, control.gate.journal().checkpoint())
}

/// Returns a tile.
#[utoipa::path(get, path = "/ledger/tile/{path}", tag = "ledger", params(("path" = String, Path)),
    responses((status = 200, body = String, content_type = "application/octet-stream"), (status = 404, body = Problem)))]
pub(crate) async fn tile(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Path(path): Path<String>,
) -> Result<Response, Error> {
    let missing = || {
        Error::Missing(
            "there is no such tile; the checkpoint says how long the ledger is".to_owned(),
        )
    };
    let tile = TileRef::parse(&format!("tile/{path}")).map_err(|_| missing())?;
    let path = control.gate.journal().folder().join(tile.path());
    let mut response = files::stream(&path, "application/octet-stream")
        .await?
        .ok_or_else(missing)?;
    // Readers show a token, so nobody between may keep it for others; a partial tile gives way to a full one.
    let caching = if tile.is_full() {
        "private, max-age=31536000, immutable"
    } else {
        "private, no-cache"
    };
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    Ok(response)
}

/// Opens what the leaf of a stored version commits to, which the store keeps beside the version as long as that is
/// there. It holds the object's key, so it takes a permit, and only the operator's role gets one.
async fn stored_record(
    control: &ControlParts,
    caller: &Caller,
    leaf: &[u8],
) -> Result<Option<Disclosure>, Error> {
    let leaf = parse_leaf(leaf)?;
    let Some((bucket, version)) = stored_version(&leaf).filter(|_| caller.role == Role::Operator)
    else {
        return Ok(None);
    };
    let Some((key, found)) = control.store.describe_version(bucket, version).await? else {
        return Ok(None);
    };
    let transfer = Transfer {
        principal: caller.on_behalf_of(found.bucket.tenant),
        operation: "ProveLeaf",
        flow: Flow::Inspect,
        subject: Subject {
            bucket: Some(bucket),
            owner: Some(found.bucket.tenant),
            key: Some(key),
            version: Some(version),
            label: found.label,
            range: ByteRange::whole(0),
        },
        from: control.gate.home(),
        to: caller.place,
    };
    let permit = control.gate.permit(transfer).await?;
    match control.store.disclose(permit).await {
        Ok(disclosure) => Ok(Some(Disclosure {
            salt: disclosure.salt.into(),
            record: disclosure.record,
        })),
        // Removed since it was described: the record went with it.
        Err(onshore_store::Error::VersionGone) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn stored_version(leaf: &Value) -> Option<(BucketId, VersionId)> {
    let member = |name: &str| leaf.get(name).and_then(Value::as_str);
    if member("kind") != Some("stored") {
        return None;
    }
    Some((
        member("bucket")?.parse().ok()?,
        member("version")?.parse().ok()?,
    ))
}
