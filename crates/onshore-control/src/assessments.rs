//! Reports of impact assessments.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use onshore_api::{AssessmentReportView, Problem};
use onshore_orders::Id;

use crate::caller::{By, Readers, Supervisors};
use crate::error::Error;
use crate::extract::{Segment, taken_in};
use crate::parts::ControlParts;

/// How long a report is at most.
pub(crate) const REPORT_BYTES_MAX: usize = 32 << 20;

/// Files the report of an assessment, the one whose digest the assessment has; it is kept for good.
#[utoipa::path(post, path = "/v1/assessments/{id}/report", tag = "register", params(("id" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = AssessmentReportView), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn file(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segment(id): Segment<Id>,
    request: Request,
) -> Result<(StatusCode, Json<AssessmentReportView>), Error> {
    let report = taken_in(request.into_body(), REPORT_BYTES_MAX).await?;
    let bytes = report.len() as u64;
    let (assessment, leaf) = control
        .gate
        .file_assessment_report(by.caller.principal(), id, report.into())
        .await?;
    let filed = AssessmentReportView {
        assessment: assessment.id.to_string(),
        sha256: assessment.report_sha256,
        bytes,
        kept_until: assessment.kept_until.to_string(),
        leaf,
    };
    Ok((StatusCode::CREATED, Json(filed)))
}

/// Returns the report of an assessment as it was filed.
#[utoipa::path(get, path = "/v1/assessments/{id}/report", tag = "register", params(("id" = String, Path)),
    responses((status = 200, description = "its bytes", content_type = "application/octet-stream"), (status = 404, body = Problem)))]
pub(crate) async fn report(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segment(id): Segment<Id>,
) -> Result<Response, Error> {
    let found = control.gate.assessment_report(id.clone()).await?;
    let report = found.ok_or_else(|| {
        Error::Missing(format!(
            "the report of `{id}` was not filed (onshore assessment file)"
        ))
    })?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], report).into_response())
}
