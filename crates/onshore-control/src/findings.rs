//! What was found in what is stored: shown to whoever answers for it, page by page, as listings are.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use onshore_api::{
    FindingsPage, FindingsView, FoundColumnsView, FoundImportantView, FoundKindView, Problem,
    RescanView, ScanView, UnreadView,
};
use onshore_classify::{LegalTable, SCANNER_VERSION};
use onshore_policy::{Flow, Permit, Subject, Transfer};
use onshore_store::{
    Bucket, FoundConfidence, Holding, HoldingsQuery, RescanEnd, Scan, ScanStanding, Standing,
};
use onshore_types::{BucketName, ByteRange, Label};
use serde::Deserialize;

use crate::answers::place_of_answer;
use crate::buckets::named_for;
use crate::caller::{By, Caller, HoldingViewers, Viewers};
use crate::engineer::AnswerLabel;
use crate::error::Error;
use crate::extract::{Asked, Segment};
use crate::parts::ControlParts;

/// What leaves and permits call it.
const OPERATION: &str = "ListFindings";
/// How many versions a page looks at.
const PAGE: usize = 1000;
/// How often a page is judged anew when labels change meanwhile.
const JUDGED_MAX: u32 = 5;

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Keys begin with this.
    prefix: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Returns a page of what a bucket holds, with what was found in it.
#[utoipa::path(get, path = "/v1/buckets/{name}/findings", tag = "buckets", params(("name" = String, Path), Which),
    responses((status = 200, body = FindingsPage), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn of_bucket(
    State(control): State<Arc<ControlParts>>,
    by: By<HoldingViewers>,
    Segment(name): Segment<BucketName>,
    Asked(which): Asked<Which>,
) -> Result<(Extension<AnswerLabel>, Json<FindingsPage>), Error> {
    let bucket = named_for(&control, &by.caller, &name).await?;
    let after = which
        .after
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|_| Error::Malformed("`after` is not the `next` of a page".to_owned()))?;
    let query = HoldingsQuery {
        prefix: which.prefix.unwrap_or_default(),
        after,
        looked_at_max: PAGE,
    };
    for _ in 0..JUDGED_MAX {
        let label = control
            .store
            .inventory_label(&bucket, &query.prefix)
            .await?;
        let permit = permit(&control, &by.caller, &bucket, label).await?;
        match control.store.holdings(permit, query.clone()).await {
            Err(onshore_store::Error::LabelChanged { .. }) => {}
            page => {
                let page = page?;
                let next = page.next.map(|next| serde_json::to_string(&next));
                let page = FindingsPage {
                    objects: page.holdings.into_iter().map(view).collect(),
                    next: next
                        .transpose()
                        .map_err(|_| onshore_store::Error::CorruptRecord("a marker"))?,
                };
                return Ok((Extension(AnswerLabel(label)), Json(page)));
            }
        }
    }
    Err(onshore_store::Error::VersionGone.into())
}

/// Says how far what is stored is looked through.
#[utoipa::path(get, path = "/v1/rescan", tag = "state", responses((status = 200, body = RescanView)))]
pub(crate) async fn rescan(
    State(control): State<Arc<ControlParts>>,
    _: By<Viewers>,
) -> Result<Json<RescanView>, Error> {
    let (scanner, tables) = (SCANNER_VERSION, LegalTable::shipped().version());
    let marker = control.store.rescan_marker().await?;
    let told = control.gate.told_changes();
    let marker = marker.filter(|marker| {
        marker.scanner == scanner && marker.tables == tables && marker.told == told
    });
    let behind = marker.and_then(|marker| marker.behind);
    let (put_off, left) = control.store.left_to_scan(behind).await?;
    let is_over = marker.is_some_and(|marker| marker.end == RescanEnd::Reached);
    Ok(Json(RescanView {
        scanner,
        tables,
        put_off,
        // What came since was looked through as it came.
        left: if is_over { 0 } else { left },
    }))
}

async fn permit(
    control: &ControlParts,
    caller: &Caller,
    bucket: &Bucket,
    label: Label,
) -> Result<Permit, Error> {
    let transfer = Transfer {
        principal: caller.on_behalf_of(bucket.tenant),
        operation: OPERATION,
        flow: Flow::Inspect,
        subject: Subject {
            bucket: Some(bucket.id),
            owner: Some(bucket.tenant),
            key: None,
            version: None,
            label,
            range: ByteRange::whole(0),
        },
        from: control.gate.home(),
        to: place_of_answer(control, caller, bucket.tenant).await?,
    };
    Ok(control.gate.permit(transfer).await?)
}

fn view(holding: Holding) -> FindingsView {
    FindingsView {
        key: holding.entry.key,
        version: holding.entry.version,
        is_latest: holding.entry.standing == Standing::Latest,
        size_bytes: holding.entry.size_bytes,
        modified: holding.entry.modified,
        label: holding.label,
        declared: holding.declared,
        purpose: holding.purpose,
        keep_until: holding.keep_until,
        scan: holding.scan.map(scan_view),
    }
}

fn scan_view(scan: Scan) -> ScanView {
    let standing = match scan.standing {
        ScanStanding::Read => "read",
        ScanStanding::Pending => "pending",
        ScanStanding::Outdated => "outdated",
    };
    let confidence = |confidence| match confidence {
        FoundConfidence::Named => "named",
        FoundConfidence::Checked => "checked",
        FoundConfidence::Certain => "certain",
    };
    let kinds = scan.kinds.into_iter().map(|found| FoundKindView {
        kind: found.kind,
        count: found.count,
        confidence: confidence(found.confidence).to_owned(),
    });
    let columns = scan.columns.into_iter().map(|found| FoundColumnsView {
        kind: found.kind,
        columns: found.columns,
    });
    let important = scan.important.into_iter().map(|found| FoundImportantView {
        entry: found.entry,
        catalogue: found.catalogue,
        sign: found.sign,
        count: found.count,
    });
    let unread = scan.unread.into_iter().map(|unread| UnreadView {
        reason: unread.reason,
        count: unread.count,
    });
    ScanView {
        scanner: scan.scanner,
        tables: scan.tables,
        standing: standing.to_owned(),
        label: scan.label,
        kinds: kinds.collect(),
        columns: columns.collect(),
        important: important.collect(),
        formats: scan.formats,
        unread: unread.collect(),
    }
}
