//! Masked examples of what was found in an object. The object is read again for each look; that somebody looks is in the ledger
//! before the first byte is read, and what is shown is kept nowhere.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onshore_api::{AskSamples, Problem, SampleView, SamplesView};
use onshore_classify::{Options, Sample, Scanner};
use onshore_policy::{Flow, Subject, Transfer};
use onshore_store::{Described, Description, Sampled, VersionWish};
use onshore_types::{BucketName, ByteRange};

use crate::answers::place_of_answer;
use crate::buckets::named_for;
use crate::caller::{By, TenantKeepers};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;

/// What leaves and permits call it.
const OPERATION: &str = "SampleFindings";
/// So many examples of each kind are shown at most.
const EACH_MAX: u64 = 100;

/// Shows masked examples of what is in an object, and where they stand. Each look has a leaf of its own.
#[utoipa::path(post, path = "/v1/buckets/{name}/samples", tag = "buckets", params(("name" = String, Path)),
    request_body = AskSamples,
    responses((status = 200, body = SamplesView), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantKeepers>,
    Segment(name): Segment<BucketName>,
    Body(asked): Body<AskSamples>,
) -> Result<Json<SamplesView>, Error> {
    if !(1..=EACH_MAX).contains(&asked.each_max) {
        return Err(Error::Malformed(format!(
            "`each_max` says how many examples of each kind are shown: 1 to {EACH_MAX}"
        )));
    }
    // Who may see nothing of a bucket does not learn what is in it.
    let bucket = named_for(&control, &by.caller, &name).await?;
    let described = described(&control, &name, &asked).await?;
    let version = described.version;
    let transfer = Transfer {
        principal: by.caller.on_behalf_of(bucket.tenant),
        operation: OPERATION,
        flow: Flow::Inspect,
        subject: Subject {
            bucket: Some(bucket.id),
            owner: Some(bucket.tenant),
            key: Some(asked.key.clone()),
            version: Some(version),
            label: described.label,
            range: ByteRange::whole(described.size_bytes),
        },
        from: control.gate.home(),
        to: place_of_answer(&control, &by.caller, bucket.tenant).await?,
    };
    let permit = control.gate.permit(transfer).await?;
    let (gate, each_max) = (control.gate.clone(), asked.each_max);
    let (permit, leaf) = control
        .db
        .write(move |unit| {
            let leaf = gate.settle_sampled(unit, &permit, each_max)?;
            Ok::<_, Error>((permit, leaf))
        })
        .await?;
    let scanner = Scanner::new(Options {
        samples_max: usize::try_from(each_max).unwrap_or_default(),
        on: control.gate.now(),
        ..Options::default()
    });
    let looked = control.store.look_through(permit, scanner).await?;
    let Sampled {
        findings,
        size_bytes,
        read_bytes,
    } = looked;
    Ok(Json(SamplesView {
        key: asked.key,
        version,
        leaf,
        size_bytes,
        read_bytes,
        samples: findings.samples.into_iter().map(view).collect(),
    }))
}

async fn described(
    control: &ControlParts,
    name: &BucketName,
    asked: &AskSamples,
) -> Result<Description, Error> {
    let wish = match asked.version.as_deref() {
        None => VersionWish::Current,
        Some("null") => VersionWish::Null,
        Some(id) => VersionWish::Id(
            id.parse()
                .map_err(|_| Error::Malformed(format!("`{id}` is no version id")))?,
        ),
    };
    match control.store.look(name, &asked.key, wish).await? {
        Some((_, Described::Object(described))) => Ok(described),
        Some((_, Described::Absent | Described::Marker(_))) | None => Err(Error::Missing(
            "there is no such key or version in this bucket".to_owned(),
        )),
    }
}

fn view(sample: Sample) -> SampleView {
    let place = sample.place;
    let number = |place: usize| u64::try_from(place).unwrap_or(u64::MAX);
    SampleView {
        kind: sample.id.to_owned(),
        mask: sample.mask,
        member: place.member.map(|member| number(member) + 1),
        line: place.line,
        row: place.row,
        column: place.column.map(number),
        header: place.header,
        start: place.span.map(|(start, _)| start),
        end: place.span.map(|(_, end)| end),
    }
}
