//! How many persons are told of in what is held and in what left, where one is told of, and what authorities told.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onshore_api::{
    ExportedView, FindSubject, PersonsEstimate, PersonsReport, PersonsView, Problem, Recorded,
    SetSubjectFinding, SubjectView, TakenBackView, TellImportant, ToldInView, VolumesView,
};
use onshore_classify::persons::Tally;
use onshore_classify::{Category, Ground, ToldTerm};
use onshore_gate::TakenBack;
use onshore_policy::{Flow, Subject, Transfer};
use onshore_registry::{ExportedTally, SubjectFinding, Tenant};
use onshore_types::{ByteRange, GroupName, Label, Level, TenantName};
use serde::Deserialize;
use serde_json::json;

use crate::caller::{By, Operators, Readers, Supervisors};
use crate::error::Error;
use crate::extract::{Asked, Body, Segment, Segments};
use crate::parts::ControlParts;

/// The longest word that an authority can tell, in bytes.
const WORD_LEN_MAX: usize = 256;
/// The longest id of one.
const ID_LEN_MAX: usize = 64;

/// Whose persons are counted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Names of tenants with commas between: several are counted as one.
    tenants: Option<String>,
    /// In place of that, the name of a group: all its tenants are counted as one.
    group: Option<String>,
}

/// Counts the persons in what is held and in what left since the first of January.
#[utoipa::path(get, path = "/v1/report/persons", tag = "reports", params(Which),
    responses((status = 200, body = PersonsReport), (status = 404, body = Problem)))]
pub(crate) async fn report(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Asked(which): Asked<Which>,
) -> Result<Json<PersonsReport>, Error> {
    let tenants = named(&control, &which).await?;
    let ids: Vec<_> = tenants.iter().map(|tenant| tenant.id).collect();
    let held = control.store.held_persons(&ids).await?;
    let now = control.gate.now();
    let exported = control.registry.exported_persons(ids, now).await?;
    let by_place = exported.by_place.into_iter();
    Ok(Json(PersonsReport {
        tenants: names(tenants),
        held: persons(held),
        exported: exported_view(exported.all),
        exported_to: by_place
            .map(|(place, tally)| (place, exported_view(tally)))
            .collect(),
        volumes: VolumesView {
            non_sensitive: exported.non_sensitive,
            sensitive: exported.sensitive,
        },
    }))
}

/// Says about how many persons are told of in what is held, for what is shown often.
#[utoipa::path(get, path = "/v1/report/persons/estimate", tag = "reports", params(Which),
    responses((status = 200, body = PersonsEstimate), (status = 404, body = Problem)))]
pub(crate) async fn estimate(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Asked(which): Asked<Which>,
) -> Result<Json<PersonsEstimate>, Error> {
    let tenants = named(&control, &which).await?;
    let ids: Vec<_> = tenants.iter().map(|tenant| tenant.id).collect();
    let held_about = control.store.held_persons_estimate(&ids).await?;
    Ok(Json(PersonsEstimate {
        tenants: names(tenants),
        held_about,
    }))
}

/// Lets a tenant's persons be looked for by an identifier, or not. It is off unless that was said.
#[utoipa::path(put, path = "/v1/tenants/{name}/subject-finding", tag = "tenants", params(("name" = String, Path)),
    request_body = SetSubjectFinding, responses((status = 200, body = Recorded), (status = 404, body = Problem)))]
pub(crate) async fn set_finding(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(name): Segment<TenantName>,
    Body(asked): Body<SetSubjectFinding>,
) -> Result<Json<Recorded>, Error> {
    let finding = if asked.on {
        SubjectFinding::On
    } else {
        SubjectFinding::Off
    };
    let leaf = control
        .gate
        .set_subject_finding(by.caller.principal(), &name, finding)
        .await?;
    Ok(Json(Recorded { leaf }))
}

/// Says in which versions somebody is told of, for a request to know or to erase. The ledger tells that somebody was looked
/// for, and not who.
#[utoipa::path(post, path = "/v1/tenants/{name}/subjects", tag = "tenants", params(("name" = String, Path)),
    request_body = FindSubject,
    responses((status = 200, body = SubjectView), (status = 400, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn find(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(name): Segment<TenantName>,
    Body(asked): Body<FindSubject>,
) -> Result<Json<SubjectView>, Error> {
    let tenant = control.registry.tenant(&name).await?;
    if control.registry.subject_finding(tenant.id).await? == SubjectFinding::Off {
        return Err(Error::NotAllowed(format!(
            "persons of tenant `{name}` are not to be looked for; `onshore subject allow --tenant {name}` lets them be"
        )));
    }
    let pseudonyms = control.gate.pseudonyms(&asked.identifier);
    if pseudonyms.is_empty() {
        return Err(Error::Malformed(
            "that is no identifier of a person in any kind that is counted".to_owned(),
        ));
    }
    let what = "FindSubject";
    let transfer = Transfer {
        principal: by.caller.on_behalf_of(tenant.id),
        operation: what,
        flow: Flow::Inspect,
        subject: Subject {
            bucket: None,
            owner: Some(tenant.id),
            key: None,
            version: None,
            label: Label::Unclassified,
            range: ByteRange::whole(0),
        },
        from: control.gate.home(),
        to: by.caller.place,
    };
    let permit = control.gate.permit(transfer).await?;
    let found = control
        .store
        .versions_that_tell_of(tenant.id, pseudonyms)
        .await?;
    let (gate, count) = (control.gate.clone(), found.len());
    let leaf = control
        .db
        .write(move |unit| {
            let record = json!({ "operation": what, "tenant": permit.tenant(), "versions": count });
            Ok::<_, Error>(gate.settle_changed(unit, &permit, record)?)
        })
        .await?;
    let versions = found.into_iter().map(|told| ToldInView {
        bucket: told.bucket,
        key: told.key,
        version: told.version,
    });
    Ok(Json(SubjectView {
        versions: versions.collect(),
        leaf,
    }))
}

/// Takes a word that an authority told a tenant: data that it stands in is important, and what is stored is looked through
/// again.
#[utoipa::path(put, path = "/v1/tenants/{name}/important/{id}", tag = "tenants",
    params(("name" = String, Path), ("id" = String, Path)), request_body = TellImportant,
    responses((status = 200, body = Recorded), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn tell(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segments(name, id): Segments<TenantName, String>,
    Body(asked): Body<TellImportant>,
) -> Result<Json<Recorded>, Error> {
    let is_wrong = |text: &str| {
        let letters = text
            .chars()
            .filter(|letter| letter.is_alphanumeric())
            .count();
        letters < 2 || text.len() > WORD_LEN_MAX || text.chars().any(char::is_control)
    };
    if is_wrong(&asked.word) || is_wrong(&asked.authority) {
        return Err(Error::Malformed(format!(
            "word and authority have at least two letters or digits, no control characters, and at most {WORD_LEN_MAX} bytes"
        )));
    }
    let is_of_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if id.is_empty() || id.len() > ID_LEN_MAX || !id.bytes().all(is_of_id) {
        return Err(Error::Malformed(format!(
            "an id has letters and digits of ASCII, hyphens, dots and underscores, at most {ID_LEN_MAX}"
        )));
    }
    let unknown = |what: &str, words: &str| Error::Malformed(format!("{what} is {words}"));
    let category = match asked.category.as_deref() {
        None => None,
        Some("economic") => Some(Category::Economic),
        Some("scientific") => Some(Category::Scientific),
        Some("technological") => Some(Category::Technological),
        Some(_) => return Err(unknown("category", "economic, scientific or technological")),
    };
    let term = ToldTerm {
        id,
        word: asked.word,
        level: match asked.level.as_str() {
            "important" => Level::Important,
            "core" => Level::Core,
            _ => return Err(unknown("level", "important or core")),
        },
        category,
        ground: match asked.ground.as_str() {
            "national-security" => Ground::NationalSecurity,
            "public-interest" => Ground::PublicInterest,
            _ => return Err(unknown("ground", "national-security or public-interest")),
        },
        authority: asked.authority,
    };
    let store = control.store.clone();
    let leaf = control
        .gate
        .tell_term(by.caller.principal(), &name, term, {
            move |unit, tenant, changes| store.note_told(unit, tenant, changes)
        })
        .await?;
    control.store.wake_scans();
    Ok(Json(Recorded { leaf }))
}

/// Takes a word back, once two people who are apart have asked for it within a day. What it made important stays so: labels only
/// tighten.
#[utoipa::path(delete, path = "/v1/tenants/{name}/important/{id}", tag = "tenants",
    params(("name" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = TakenBackView), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn take_back(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segments(name, id): Segments<TenantName, String>,
) -> Result<Json<TakenBackView>, Error> {
    let (taken, leaf) = control
        .gate
        .take_term_back(by.caller.principal(), &name, id)
        .await?;
    let state = match taken {
        TakenBack::WasNotTold => {
            return Err(Error::Missing(format!(
                "tenant `{name}` was told no word of that id"
            )));
        }
        TakenBack::Proposed => "proposed",
        TakenBack::Done => {
            control.store.wake_scans();
            "taken-back"
        }
    };
    Ok(Json(TakenBackView {
        state: state.to_owned(),
        leaf,
    }))
}

/// Returns the tenants that are asked for, each once.
async fn named(control: &ControlParts, which: &Which) -> Result<Vec<Tenant>, Error> {
    let malformed = |name: &str, error| Error::Malformed(format!("`{name}` names none: {error}"));
    let names = match (&which.tenants, &which.group) {
        (Some(names), None) => names,
        (None, Some(name)) => {
            let group = GroupName::parse(name).map_err(|error| malformed("group", error))?;
            let tenants = control.registry.group(&group).await?;
            if tenants.is_empty() {
                return Err(Error::Missing(format!("no tenant is in group `{group}`")));
            }
            return Ok(tenants);
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Error::Malformed(
                "say either `tenants` or `group`".to_owned(),
            ));
        }
    };
    let mut tenants: Vec<Tenant> = Vec::new();
    for name in names.split(',') {
        let name = TenantName::parse(name).map_err(|error| malformed("tenants", error))?;
        let tenant = control.registry.tenant(&name).await?;
        if tenants.iter().all(|known| known.id != tenant.id) {
            tenants.push(tenant);
        }
    }
    Ok(tenants)
}

fn names(tenants: Vec<Tenant>) -> Vec<String> {
    let name = |tenant: Tenant| tenant.name.to_string();
    tenants.into_iter().map(name).collect()
}

fn exported_view(tally: ExportedTally) -> ExportedView {
    ExportedView {
        persons: persons(tally.persons),
        unknown_versions: tally.unknown_versions,
    }
}

fn persons(tally: Tally) -> PersonsView {
    PersonsView {
        lower: tally.persons.lower,
        upper: tally.persons.upper,
        sensitive_lower: tally.sensitive.lower,
        sensitive_upper: tally.sensitive.upper,
        local: tally.local,
        abroad: tally.abroad,
        residence_unknown: tally.residence_unknown,
    }
}
