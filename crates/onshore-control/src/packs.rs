//! Rule packs: which are in force, and what others would have decided.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{
    ActivatePack, ActivationView, ComparePack, ComparisonView, DifferenceView, PackChoice, Problem,
};
use onshore_gate::is_lapsed;
use onshore_policy::PackFiles;
use onshore_registry::PackActivation;
use onshore_types::LeafIndex;

use crate::answers::TenantNames;
use crate::caller::{By, Readers, Supervisors, Viewers};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Activates a rule pack, as of an instant or of now. What flows out when it takes effect is judged anew. One that opens the border is
/// `proposed` until a second person approved it.
#[utoipa::path(post, path = "/v1/packs/activations", tag = "packs", request_body = ActivatePack,
    responses((status = 201, body = ActivationView), (status = 400, body = Problem)))]
pub(crate) async fn activate(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Body(asked): Body<ActivatePack>,
) -> Result<(StatusCode, Json<ActivationView>), Error> {
    let files = files(asked.pack)?;
    let acting = Arc::clone(&control);
    // What was recorded is put in force whether or not the caller is still there.
    let act = tokio::spawn(async move {
        let by = by.caller.principal();
        acting.gate.activate_pack(by, files, asked.as_of).await
    });
    let (activation, leaf) = act.await.map_err(|_| Error::Stopping)??;
    let all = control.gate.pack_activations().await?;
    let state = state(&all, &activation, &control);
    Ok((
        StatusCode::CREATED,
        Json(view(activation, state, Some(leaf))),
    ))
}

/// Gives the second word for a pack that opens the border and that somebody else proposed.
#[utoipa::path(post, path = "/v1/packs/activations/{id}/approval", tag = "packs", params(("id" = u64, Path)),
    responses((status = 201, body = ActivationView), (status = 403, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn approve(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segment(id): Segment<u64>,
) -> Result<(StatusCode, Json<ActivationView>), Error> {
    let acting = Arc::clone(&control);
    let act = tokio::spawn(async move {
        let by = by.caller.principal();
        acting.gate.approve_pack(by, id).await
    });
    let (activation, leaf) = act.await.map_err(|_| Error::Stopping)??;
    let all = control.gate.pack_activations().await?;
    let state = state(&all, &activation, &control);
    Ok((
        StatusCode::CREATED,
        Json(view(activation, state, Some(leaf))),
    ))
}

/// Lists what was activated, in the order in which it takes effect.
#[utoipa::path(get, path = "/v1/packs/activations", tag = "packs", responses((status = 200, body = Vec<ActivationView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Viewers>,
) -> Result<Json<Vec<ActivationView>>, Error> {
    let all = control.gate.pack_activations().await?;
    let views = all
        .iter()
        .map(|activation| view(activation.clone(), state(&all, activation, &control), None));
    Ok(Json(views.collect()))
}

/// Says what of the decisions of the last days a rule pack would have decided otherwise. Nothing is changed.
#[utoipa::path(post, path = "/v1/packs/comparison", tag = "packs", request_body = ComparePack,
    responses((status = 200, body = ComparisonView), (status = 400, body = Problem)))]
pub(crate) async fn compare(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Body(asked): Body<ComparePack>,
) -> Result<Json<ComparisonView>, Error> {
    let files = files(asked.pack)?;
    let since = control
        .gate
        .now()
        .plus_millis(-i64::from(asked.days).saturating_mul(DAY_MS));
    let comparison = control.gate.compare_pack(files, since).await?;
    let names = TenantNames::read(&control.registry).await?;
    let differences = comparison
        .differences
        .into_iter()
        .map(|difference| {
            Ok(DifferenceView {
                leaf: difference.leaf,
                time: difference.time,
                tenant: names.of(difference.tenant)?,
                to: difference.to.to_string(),
                class: difference.label,
                now: difference.now,
                then: difference.then,
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(Json(ComparisonView {
        looked_at: comparison.looked_at,
        unreadable: comparison.unreadable,
        otherwise: comparison.otherwise,
        differences,
    }))
}

fn files(choice: PackChoice) -> Result<Option<PackFiles>, Error> {
    match choice {
        PackChoice::None => Ok(None),
        PackChoice::Shipped(name) => PackFiles::shipped(&name).map(Some).ok_or_else(|| {
            let shipped = onshore_policy::rule_pack::SHIPPED_PACKS.join(", ");
            Error::Malformed(format!(
                "Onshore ships no rule pack `{name}`; it ships {shipped}"
            ))
        }),
        PackChoice::Files(files) => {
            let files = PackFiles::new(files).map_err(onshore_gate::Error::Pack)?;
            Ok(Some(files))
        }
    }
}

fn state(
    all: &[PackActivation],
    activation: &PackActivation,
    control: &ControlParts,
) -> &'static str {
    let now = control.gate.now();
    let mut in_effect = all.iter().filter(|other| !other.is_proposal());
    let in_force = in_effect.rfind(|other| other.as_of <= now);
    if activation.is_proposal() {
        return if is_lapsed(activation, now) {
            "lapsed"
        } else {
            "proposed"
        };
    }
    if activation.as_of > now {
        "to-come"
    } else if in_force.is_some_and(|other| other.id == activation.id) {
        "in-force"
    } else {
        "past"
    }
}

fn view(
    activation: PackActivation,
    state: &'static str,
    leaf: Option<LeafIndex>,
) -> ActivationView {
    let (pack, version) = match activation.pack {
        Some(pack) => (Some(pack.name), Some(pack.version)),
        None => (None, None),
    };
    ActivationView {
        id: activation.id,
        pack,
        version,
        as_of: activation.as_of,
        recorded: activation.recorded,
        state: state.to_owned(),
        leaf,
    }
}
