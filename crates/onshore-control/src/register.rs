//! The register, what orders freeze, and where everybody stands.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use onshore_api::{
    AmendRecord, ApproveExemptions, AskStatement, AskStatus, BreachView, CheckProcurement,
    ContractStatusView, FileDeletion, FiledReportView, ImportedView, ListRecords, OrderStatusView,
    OrganisationStatusView, Problem, ProcurementView, ProveAsset, RecordView, ShowRecord,
    SignTranche, StatusReportView,
};
use onshore_gate::{
    Closing, FiledReport, Procurement, Proving, REGISTER_PAGE_MAX, StatusQuestion, StatusReport,
    TrancheSigned,
};
use onshore_ledger::Hash;
use onshore_orders::{FreezeKind, Id, Record, RecordKind, tables};
use onshore_registry::{Job, RegisterPage, Revision};
use onshore_sources::{SourceAccess, SourceSpec, VersionsWish};
use onshore_types::{LeafIndex, Timestamp};
use serde_json::Value;

use crate::caller::{By, Caller, Operators, Readers, Signatories, Supervisors};
use crate::decommissions;
use crate::error::Error;
use crate::extract::{Asked, Body, Segment, Segments};
use crate::language::wanted;
use crate::paging::linked;
use crate::parts::ControlParts;

/// The longest table.
pub(crate) const TABLE_BYTES_MAX: usize = 512 << 20;
/// How long a table may take to arrive.
const TABLE_PATIENCE: Duration = Duration::from_secs(600);

/// Records an organisation, a provider, an order, a contract or an asset.
#[utoipa::path(post, path = "/v1/register/{kind}", tag = "register", params(("kind" = String, Path)),
    request_body(content = Object), responses((status = 201, body = RecordView), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn add(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segment(kind): Segment<RecordKind>,
    Body(value): Body<Value>,
) -> Result<(StatusCode, Json<RecordView>), Error> {
    let record = Record::read(kind, &value).map_err(Error::Record)?;
    let (revision, leaf) = control
        .gate
        .add_record(by.caller.principal(), record)
        .await?;
    Ok((StatusCode::CREATED, Json(view(&revision, Some(leaf))?)))
}

/// Records the next revision of a record.
#[utoipa::path(put, path = "/v1/register/{kind}/{id}", tag = "register", params(("kind" = String, Path), ("id" = String, Path)),
    request_body = AmendRecord, responses((status = 200, body = RecordView), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn amend(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segments(kind, id): Segments<RecordKind, Id>,
    headers: HeaderMap,
    Body(asked): Body<AmendRecord>,
) -> Result<Json<RecordView>, Error> {
    let before = match control.gate.record(kind, id.clone()).await {
        Ok(before) => Some(before),
        // That it is not there is told behind what is wrong with what was sent.
        Err(onshore_gate::Error::Registry(onshore_registry::Error::NoSuchRecord { .. })) => None,
        Err(other) => return Err(other.into()),
    };
    let read = before.as_ref().map_or_else(
        || Record::read(kind, &asked.record),
        |before| Record::read_after(kind, &asked.record, &before.record),
    );
    let record = read.map_err(Error::Record)?;
    if *record.id() != id {
        return Err(Error::Malformed(
            "the id of the record is not that of the path".to_owned(),
        ));
    }
    let made_of = match asked.revision {
        Some(revision) => revision,
        // What `If-Match` named was compared with what is there, and nobody edits meanwhile.
        None if headers.contains_key(header::IF_MATCH) => {
            control.gate.record(kind, id).await?.number
        }
        None => return Err(Error::NeedsPrecondition),
    };
    let (revision, leaf) = control
        .gate
        .amend_record(
            by.caller.principal(),
            record,
            (made_of, parsed(asked.from.as_deref())?),
        )
        .await?;
    Ok(Json(view(&revision, Some(leaf))?))
}

/// Lists records of a kind by their ids.
#[utoipa::path(get, path = "/v1/register/{kind}", tag = "register",
    params(("kind" = String, Path), ("after" = Option<String>, Query), ("of" = Option<String>, Query), ("known_at" = Option<String>, Query), ("limit" = Option<u32>, Query)),
    responses((status = 200, body = Vec<RecordView>), (status = 400, body = Problem)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segment(kind): Segment<RecordKind>,
    Asked(asked): Asked<ListRecords>,
) -> Result<Response, Error> {
    let limit = asked.limit.unwrap_or(REGISTER_PAGE_MAX);
    if !(1..=REGISTER_PAGE_MAX).contains(&limit) {
        return Err(Error::Malformed(format!(
            "from 1 to {REGISTER_PAGE_MAX} records are told at once"
        )));
    }
    let page = RegisterPage {
        after: parsed(asked.after.as_deref())?,
        of: parsed(asked.of.as_deref())?,
        known_at: asked.known_at.unwrap_or_else(|| control.gate.now()),
        limit: limit + 1,
    };
    let revisions = control.gate.records(kind, page).await?;
    let views = revisions
        .iter()
        .map(|revision| view(revision, None))
        .collect::<Result<Vec<_>, Error>>()?;
    let of = asked.of.map(|of| format!("of={of}&")).unwrap_or_default();
    let known_at = asked.known_at.map(|at| format!("known_at={at}&"));
    let rest = of + &known_at.unwrap_or_default();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(linked(views, limit, &rest, |one| one.id.clone()))
}

/// Shows a revision of a record, the newest one where none is named.
#[utoipa::path(get, path = "/v1/register/{kind}/{id}", tag = "register", params(("kind" = String, Path), ("id" = String, Path), ("revision" = Option<u32>, Query)),
    responses((status = 200, body = RecordView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segments(kind, id): Segments<RecordKind, Id>,
    Asked(asked): Asked<ShowRecord>,
) -> Result<Json<RecordView>, Error> {
    let Some(number) = asked.revision else {
        return Ok(Json(view(&control.gate.record(kind, id).await?, None)?));
    };
    let history = control.gate.record_history(kind, id.clone()).await?;
    let found = history.iter().find(|one| one.number == number);
    let found = found
        .ok_or_else(|| Error::Missing(format!("the {kind} `{id}` has no revision {number}")))?;
    Ok(Json(view(found, None)?))
}

/// Shows all revisions of a record, the first one first.
#[utoipa::path(get, path = "/v1/register/{kind}/{id}/history", tag = "register", params(("kind" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = Vec<RecordView>), (status = 404, body = Problem)))]
pub(crate) async fn history(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segments(kind, id): Segments<RecordKind, Id>,
) -> Result<Json<Vec<RecordView>>, Error> {
    let revisions = control.gate.record_history(kind, id).await?;
    revisions
        .iter()
        .map(|revision| view(revision, None))
        .collect::<Result<Vec<_>, Error>>()
        .map(Json)
}

/// Records all of a table of organisations, contracts or assets (CSV), or nothing of it.
#[utoipa::path(post, path = "/v1/register-tables/{kind}", tag = "register", params(("kind" = String, Path)),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 201, body = ImportedView), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn import(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segment(kind): Segment<RecordKind>,
    table: Table,
) -> Result<(StatusCode, Json<ImportedView>), Error> {
    let Table(text) = table;
    let read = tokio::task::spawn_blocking(move || {
        let digest = Hash::of(&text).to_string();
        tables::read(kind, &text).map(|rows| (rows, digest))
    });
    let (rows, digest) = read.await.map_err(|_| Error::Stopping)?.map_err(|faults| {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Error::Malformed(format!("nothing was recorded: {}", told.join("; ")))
    })?;
    let numbers: Vec<u64> = rows.iter().map(|one| one.row).collect();
    let records: Vec<Record> = rows.into_iter().map(|one| one.record).collect();
    let is_lacking = |one: &&Record| lacks(one).next().is_some();
    let lacking = records.iter().filter(is_lacking).count() as u64;
    let imported = control
        .gate
        .import_records(by.caller.principal(), kind, records, digest)
        .await;
    let (records, leaf) = imported.map_err(|error| match error {
        onshore_gate::Error::Imported { place, error } => Error::Malformed(format!(
            "nothing was recorded: row {}: {error}",
            numbers.get(place).copied().unwrap_or_default()
        )),
        other => other.into(),
    })?;
    let imported = ImportedView {
        records: records as u64,
        lacking,
        leaf,
    };
    Ok((StatusCode::CREATED, Json(imported)))
}

/// Signs a contract, or renews one that is there, unless an order freezes that.
#[utoipa::path(post, path = "/v1/contracts/signing", tag = "register", request_body(content = Object),
    responses((status = 201, body = RecordView), (status = 400, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn sign(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Body(value): Body<Value>,
) -> Result<(StatusCode, Json<RecordView>), Error> {
    let Record::Contract(contract) =
        Record::read(RecordKind::Contract, &value).map_err(Error::Record)?
    else {
        return Err(Error::Malformed("it is not a contract".to_owned()));
    };
    let (revision, leaf) = control
        .gate
        .sign_contract(by.caller.principal(), contract)
        .await?;
    Ok((StatusCode::CREATED, Json(view(&revision, Some(leaf))?)))
}

/// Says whether somebody may buy something now.
#[utoipa::path(post, path = "/v1/procurement/check", tag = "register", request_body = CheckProcurement,
    responses((status = 200, body = ProcurementView), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn check(
    State(control): State<Arc<ControlParts>>,
    by: By<Readers>,
    Body(asked): Body<CheckProcurement>,
) -> Result<Json<ProcurementView>, Error> {
    let what = asked.what.parse::<FreezeKind>().map_err(Error::Record)?;
    let provider: Option<Id> = parsed(asked.provider.as_deref())?;
    match (what.is_of_contracts(), provider.is_some()) {
        (true, false) => Err(Error::Malformed(format!(
            "{what} is asked with `provider`: with whom the contract would be"
        ))),
        (false, true) => Err(Error::Malformed(format!(
            "{what} is asked without `provider`: a contract alone is with one"
        ))),
        _ => Ok(()),
    }?;
    let asked = Procurement {
        what,
        organisation: asked.organisation.parse().map_err(Error::Record)?,
        provider,
    };
    control
        .gate
        .check_procurement(by.caller.principal(), asked)
        .await?;
    Ok(Json(ProcurementView { allowed: true }))
}

/// Gives the second word for the exemptions of an order that somebody else recorded.
#[utoipa::path(post, path = "/v1/orders/{id}/exemptions/approval", tag = "register", params(("id" = String, Path)),
    request_body = ApproveExemptions,
    responses((status = 201, body = RecordView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn approve_exemptions(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segment(id): Segment<Id>,
    Body(asked): Body<ApproveExemptions>,
) -> Result<(StatusCode, Json<RecordView>), Error> {
    let (revision, leaf) = control
        .gate
        .approve_exemptions(by.caller.principal(), id, asked.revision)
        .await?;
    Ok((StatusCode::CREATED, Json(view(&revision, Some(leaf))?)))
}

/// Signs for a tranche of a hand-over, on behalf of one side.
#[utoipa::path(post, path = "/v1/handovers/{id}/tranches/{tranche}/signatures", tag = "register",
    params(("id" = String, Path), ("tranche" = String, Path)), request_body = SignTranche,
    responses((status = 201, body = RecordView), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn sign_tranche(
    State(control): State<Arc<ControlParts>>,
    by: By<Signatories>,
    Segments(handover, tranche): Segments<Id, Id>,
    Body(asked): Body<SignTranche>,
) -> Result<(StatusCode, Json<RecordView>), Error> {
    let signed = TrancheSigned {
        handover,
        tranche,
        side: asked.side.parse().map_err(Error::Record)?,
        expected: asked.revision,
    };
    let (revision, leaf) = control
        .gate
        .sign_tranche(by.caller.principal(), signed)
        .await?;
    Ok((StatusCode::CREATED, Json(view(&revision, Some(leaf))?)))
}

/// Records that all of an asset arrived, by the certificate of a job that is complete.
#[utoipa::path(post, path = "/v1/assets/{id}/proof", tag = "register", params(("id" = String, Path)), request_body = ProveAsset,
    responses((status = 201, body = RecordView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn prove(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<Id>,
    Body(asked): Body<ProveAsset>,
) -> Result<(StatusCode, Json<RecordView>), Error> {
    let job = control.registry.job(asked.job).await?;
    let Brought {
        names: brought,
        cloud,
        current_alone,
    } = brought(&job);
    let tally = control.registry.tally(asked.job).await?;
    let proving = Proving {
        job: asked.job,
        brought,
        cloud,
        tenant: job.tenant,
        current_alone,
        objects: tally.copied + tally.unchanged,
        sets_aside: asked.set_aside,
    };
    let (revision, leaf) = control
        .gate
        .prove_asset(by.caller.principal(), id, proving)
        .await?;
    Ok((StatusCode::CREATED, Json(view(&revision, Some(leaf))?)))
}

/// What a job brought all of.
#[derive(Default)]
struct Brought {
    /// The names that it has: of a bucket or folder its own, and its source as it is written.
    names: Vec<String>,
    /// From which cloud.
    cloud: Option<&'static str>,
    /// Whether somebody said that what is current alone be brought.
    current_alone: bool,
}

fn brought(job: &Job) -> Brought {
    let brings = matches!(
        job.options.get("mode").and_then(Value::as_str),
        None | Some("bring" | "cut-over")
    );
    let access = serde_json::from_value::<SourceAccess>(job.source.clone());
    let (true, Ok(access)) = (brings, access) else {
        return Brought::default();
    };
    let own = match &access.source {
        SourceSpec::S3(spec) => spec.prefix.is_empty().then(|| spec.bucket.clone()),
        SourceSpec::Container(spec) => spec.prefix.is_empty().then(|| spec.container.clone()),
        SourceSpec::Swift(spec) => spec.prefix.is_empty().then(|| spec.container.clone()),
        SourceSpec::Tree(spec) => Some(spec.path.clone()),
        SourceSpec::Folder(spec) => Some(spec.path.display().to_string()),
    };
    let names = own.into_iter().chain([access.source.to_string()]);
    Brought {
        names: names.collect(),
        cloud: access.source.cloud(),
        current_alone: matches!(&access.source, SourceSpec::S3(spec) if spec.versions == VersionsWish::Current),
    }
}

/// Files that what was kept under a contract is deleted.
#[utoipa::path(post, path = "/v1/contracts/{id}/deletion", tag = "register", params(("id" = String, Path)), request_body = FileDeletion,
    responses((status = 201, body = RecordView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn close(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<Id>,
    Body(asked): Body<FileDeletion>,
) -> Result<(StatusCode, Json<RecordView>), Error> {
    let statement = decommissions::statement_bytes(&asked.statement)?;
    let closing = Closing {
        statement,
        probes: asked.probes,
        negative_probe: parsed(asked.negative_probe.as_deref())?,
        sets_aside: asked.set_aside,
    };
    let (revision, leaf) = control
        .gate
        .close_contract(by.caller.principal(), id, closing)
        .await?;
    Ok((StatusCode::CREATED, Json(view(&revision, Some(leaf))?)))
}

/// Returns the statement of the provider by which a contract was closed; where it was closed again, an earlier one by its SHA-256.
#[utoipa::path(get, path = "/v1/contracts/{id}/deletion", tag = "register", params(("id" = String, Path), ("sha256" = Option<String>, Query)),
    responses((status = 200, description = "its bytes", content_type = "application/octet-stream"), (status = 404, body = Problem)))]
pub(crate) async fn deletion_statement(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segment(id): Segment<Id>,
    Asked(asked): Asked<AskStatement>,
) -> Result<Response, Error> {
    let found = control.gate.deletion_statement(id.clone(), asked.sha256);
    let found = found.await?;
    let statement = found.ok_or_else(|| {
        Error::Missing(format!(
            "no statement that what was kept under `{id}` is deleted is here (onshore contract close)"
        ))
    })?;
    Ok((
        [(header::CONTENT_TYPE, "application/octet-stream")],
        statement,
    )
        .into_response())
}

/// Says where everybody stands.
#[utoipa::path(get, path = "/v1/report/status", tag = "register",
    params(("as_of" = Option<String>, Query), ("known_at" = Option<String>, Query), ("order" = Option<String>, Query), ("organisation" = Option<String>, Query), ("summary" = Option<bool>, Query), ("lang" = Option<String>, Query)),
    responses((status = 200, body = StatusReportView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn status(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Asked(asked): Asked<AskStatus>,
) -> Result<Response, Error> {
    let report = control.gate.status(question(&control, &asked)?).await?;
    let is_summary = asked.summary;
    // A report of a hundred thousand contracts takes a while to write.
    let written =
        tokio::task::spawn_blocking(move || Json(report_view(report, is_summary)).into_response());
    written.await.map_err(|_| Error::Stopping)
}

/// Makes a report and records its digest in the ledger: with the proof of that leaf it verifies offline.
#[utoipa::path(post, path = "/v1/report/status/filing", tag = "register", request_body = AskStatus,
    responses((status = 201, body = FiledReportView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn file_status(
    State(control): State<Arc<ControlParts>>,
    by: By<Readers>,
    headers: HeaderMap,
    Body(mut asked): Body<AskStatus>,
) -> Result<(StatusCode, Json<FiledReportView>), Error> {
    asked
        .lang
        .get_or_insert_with(|| wanted(&headers).to_string());
    let report = control.gate.status(question(&control, &asked)?).await?;
    let (of, is_summary) = ((report.tree_size, report.known_at), asked.summary);
    let report = report_view(report, is_summary);
    let filed = file_report(&control, &by.caller, "status", of, report).await?;
    Ok((StatusCode::CREATED, Json(filed)))
}

/// Writes a report down, and has its digest recorded.
pub(crate) async fn file_report(
    control: &ControlParts,
    by: &Caller,
    what: &'static str,
    (tree_size, known_at): (u64, Timestamp),
    report: impl serde::Serialize + Send + 'static,
) -> Result<FiledReportView, Error> {
    let written = tokio::task::spawn_blocking(move || {
        let text = serde_json::to_string(&report);
        text.map(|text| (Hash::of(text.as_bytes()), text))
    });
    let (digest, report) = written
        .await
        .map_err(|_| Error::Stopping)?
        .map_err(|error| Error::Malformed(error.to_string()))?;
    let filed = FiledReport {
        what,
        digest,
        tree_size,
        known_at,
    };
    let leaf = control.gate.file_report(by.principal(), filed).await?;
    Ok(FiledReportView { report, leaf })
}

/// Nobody knows yet what will be known.
pub(crate) fn check_known_at(
    control: &ControlParts,
    known_at: Option<Timestamp>,
) -> Result<(), Error> {
    match known_at {
        Some(at) if at > control.gate.now() => Err(Error::Malformed(format!(
            "known_at is {at}, which has not come yet"
        ))),
        _ => Ok(()),
    }
}

fn question(control: &ControlParts, asked: &AskStatus) -> Result<StatusQuestion, Error> {
    check_known_at(control, asked.known_at)?;
    Ok(StatusQuestion {
        as_of: parsed(asked.as_of.as_deref())?,
        known_at: asked.known_at,
        order: parsed(asked.order.as_deref())?,
        organisation: parsed(asked.organisation.as_deref())?,
        language: parsed(asked.lang.as_deref())?.unwrap_or_default(),
    })
}

/// A table, longer than other bodies.
pub(crate) struct Table(Bytes);

impl<S: Send + Sync> axum::extract::FromRequest<S> for Table {
    type Rejection = Error;

    async fn from_request(request: axum::extract::Request, state: &S) -> Result<Self, Error> {
        let bytes = tokio::time::timeout(TABLE_PATIENCE, Bytes::from_request(request, state))
            .await
            .map_err(|_| Error::BodyTooSlow)?;
        bytes
            .map(Self)
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    Error::Malformed("a table is up to 512 MiB long; import it in parts".to_owned())
                }
                _ => Error::Malformed("the table broke off".to_owned()),
            })
    }
}

pub(crate) fn parsed<T>(text: Option<&str>) -> Result<Option<T>, Error>
where
    T: std::str::FromStr<Err = onshore_orders::Error>,
{
    text.map(str::parse).transpose().map_err(Error::Record)
}

pub(crate) fn view(revision: &Revision, leaf: Option<LeafIndex>) -> Result<RecordView, Error> {
    Ok(RecordView {
        kind: revision.record.kind().to_string(),
        id: revision.record.id().to_string(),
        revision: revision.number,
        from: revision.from.map(String::from),
        recorded: revision.recorded,
        recorded_by: revision.recorded_by,
        superseded: revision.superseded,
        record: revision.record.to_value().map_err(Error::Record)?,
        lacks: lacks(&revision.record).map(str::to_owned).collect(),
        leaf,
    })
}

/// Returns what a record lacks, where it is a contract.
fn lacks(record: &Record) -> impl Iterator<Item = &'static str> {
    let lacks = match record {
        Record::Contract(one) => one.lacks(),
        _ => Vec::new(),
    };
    lacks.into_iter()
}

pub(crate) fn report_view(report: StatusReport, is_summary: bool) -> StatusReportView {
    let orders = report.orders.into_iter().map(|order| {
        let bound = order
            .organisations
            .iter()
            .filter(|one| one.standing.bound_by.is_some());
        OrderStatusView {
            bound: bound.count() as u64,
            order: order.order.to_string(),
            as_of: order.as_of.to_string(),
            contracts: order
                .contracts
                .iter()
                .map(|(status, number)| (status.to_string(), *number))
                .collect(),
            breached: order.breached,
            corrected: order.corrected,
            taken_out: order.taken_out,
            organisations: (!is_summary).then(|| {
                let all = order.organisations.into_iter();
                all.map(organisation_view).collect()
            }),
        }
    });
    StatusReportView {
        tree_size: report.tree_size,
        known_at: report.known_at,
        orders: orders.collect(),
    }
}

fn organisation_view(one: onshore_gate::OrganisationStatus) -> OrganisationStatusView {
    let contracts = one.contracts.into_iter().map(|one| ContractStatusView {
        contract: one.contract.to_string(),
        provider: one.provider.to_string(),
        bound_by: one.finding.bound_by.map(String::from),
        frozen: one.finding.is_frozen,
        due: one.finding.due.map(String::from),
        status: one.finding.status.map(|status| status.to_string()),
        breaches: one
            .finding
            .breaches
            .iter()
            .map(|breach| BreachView {
                what: breach.what.to_string(),
                signed: breach.signed.to_string(),
                clause: breach.clause.to_string(),
            })
            .collect(),
        corrected: one.finding.corrected.map(String::from),
        assets: one.assets.assets,
        proven: one.assets.proven,
        objects: one.assets.objects,
        set_aside: one.assets.set_aside,
        taken_out: one.assets.taken_out,
        why: one.finding.why,
    });
    OrganisationStatusView {
        organisation: one.organisation.to_string(),
        name: one.name,
        bound_by: one.standing.bound_by.map(String::from),
        exempt: one.standing.is_exempt,
        frozen: one
            .standing
            .frozen
            .iter()
            .map(ToString::to_string)
            .collect(),
        why: one.standing.why,
        contracts: contracts.collect(),
    }
}
