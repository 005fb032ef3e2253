//! The verdict that a transfer of a tenant's own would get from an address, without the transfer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onshore_api::{AskedOperation, ExplanationView, Problem, Question};
use onshore_policy::{Flow, Outcome, Principal, Role, Subject, Transfer};
use onshore_store::{Bucket, Description, Reach};
use onshore_types::{ByteRange, Label, ObjectKey};

use crate::buckets;
use crate::caller::{By, Supervisors};
use crate::error::Error;
use crate::extract::Body;
use crate::parts::ControlParts;

/// Explains how a transfer would be answered. Nothing is recorded or reserved.
#[utoipa::path(post, path = "/v1/explain", tag = "explain", request_body = Question,
    responses((status = 200, body = ExplanationView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn explain(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Body(asked): Body<Question>,
) -> Result<Json<ExplanationView>, Error> {
    let bucket = buckets::named(&control, &asked.bucket).await?;
    let tenant = control.registry.tenant_by_id(bucket.tenant).await?;
    let there = control.gate.place_of_address(asked.from_address);
    let home = control.gate.home();
    let look = look(&control, &bucket, asked.operation, asked.key).await?;
    let (from, to) = match look.flow {
        Flow::Read | Flow::Inspect | Flow::List => (home, there),
        Flow::Store | Flow::Change => (there, home),
    };
    let transfer = Transfer {
        principal: Principal {
            id: by.caller.id,
            tenant: Some(bucket.tenant),
            role: Role::TenantUser,
        },
        operation: look.operation,
        flow: look.flow,
        subject: look.subject,
        from,
        to,
    };
    let explanation = control
        .gate
        .explain(&transfer, tenant.name.as_str())
        .await?;
    Ok(Json(ExplanationView {
        verdict: match explanation.verdict {
            Outcome::Allowed => "allowed",
            Outcome::Refused => "refused",
        }
        .to_owned(),
        rule: explanation.rule,
        cause: explanation.cause,
        remedy: explanation.remedy,
        approval: explanation.approval,
        label: look.label.map(|label| label.to_string()),
        from: from.to_string(),
        to: to.to_string(),
    }))
}

/// A transfer before it is known who asks from where.
struct Look {
    operation: &'static str,
    flow: Flow,
    subject: Subject,
    /// The label to tell; none where there is no such object.
    label: Option<Label>,
}

/// Describes the transfer as the S3 front would.
async fn look(
    control: &ControlParts,
    bucket: &Bucket,
    operation: AskedOperation,
    key: Option<ObjectKey>,
) -> Result<Look, Error> {
    let subject = |key, version, label, range| Subject {
        bucket: Some(bucket.id),
        owner: Some(bucket.tenant),
        key,
        version,
        label,
        range,
    };
    let nothing = ByteRange::whole(0);
    let (operation, flow) = match operation {
        AskedOperation::Get => ("GetObject", Flow::Read),
        AskedOperation::Head => ("HeadObject", Flow::Inspect),
        AskedOperation::List => {
            let label = control.store.list_label(bucket, "", Reach::Objects).await?;
            return Ok(Look {
                operation: "ListObjectsV2",
                flow: Flow::List,
                subject: subject(None, None, label, nothing),
                label: Some(label),
            });
        }
        AskedOperation::Put => ("PutObject", Flow::Store),
    };
    let key = key.ok_or_else(|| {
        Error::Malformed(
            "name an object: BUCKET/KEY; a bucket alone goes with the operation list".to_owned(),
        )
    })?;
    let found = control.store.describe(bucket, &key).await?;
    let label = found.as_ref().map(|found| found.label);
    let subject = match (flow, found) {
        (
            Flow::Read,
            Some(Description {
                version,
                size_bytes,
                label,
                ..
            }),
        ) => subject(
            Some(key),
            Some(version),
            label,
            ByteRange::whole(size_bytes),
        ),
        (Flow::Inspect, Some(Description { version, label, .. })) => {
            subject(Some(key), Some(version), label, nothing)
        }
        // What an upload declares is not known here: the bucket's class is the least it will have.
        (Flow::Store, _) => {
            let stored = bucket.class.unwrap_or(Label::Unclassified);
            subject(Some(key), None, stored, nothing)
        }
        // An absent key is judged as the strictest, so that nobody abroad learns that it is absent.
        (Flow::Read | Flow::Inspect | Flow::List | Flow::Change, _) => {
            subject(Some(key), None, Label::Unclassified, nothing)
        }
    };
    Ok(Look {
        operation,
        flow,
        subject,
        label,
    })
}
