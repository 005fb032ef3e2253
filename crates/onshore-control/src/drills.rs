//! Disconnect drills: one shuts the way out of this process for a while, and opens it again whoever is still there. What is
//! tried meanwhile is tried by the command line, through the ports that everybody uses.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{
    BeginDrill, DrillCheck, DrillParty, DrillReport, DrillView, DrillWish, Problem, TellChecks,
};
use onshore_policy::Principal;
use onshore_registry::Drill;
use onshore_sources::{Peers, Wish, outward};
use onshore_types::{DrillId, LeafIndex};

use crate::caller::{By, Operators, Readers};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;

/// How many things may be tried, and how long what is said of one may be.
const CHECKS_MAX: usize = 64;
const WORDS_MAX: usize = 1000;

/// What drills are made of. Clones share it.
#[derive(Clone)]
pub struct Drills {
    inner: Arc<Inner>,
}

struct Inner {
    peers: Peers,
    parties: Vec<DrillParty>,
    s3: Option<String>,
    under_way: Mutex<Option<UnderWay>>,
}

/// The drill that is under way.
struct UnderWay {
    id: DrillId,
    checks: Vec<DrillCheck>,
}

impl Drills {
    /// Takes whom a drill lets through, whom the configuration names, and where S3 is served.
    #[must_use]
    pub fn new(peers: Peers, parties: Vec<DrillParty>, s3: Option<String>) -> Self {
        Self {
            inner: Arc::new(Inner {
                peers,
                parties,
                s3,
                under_way: Mutex::default(),
            }),
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Option<UnderWay>> {
        self.inner
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, id: DrillId) {
        let checks = Vec::new();
        *self.locked() = Some(UnderWay { id, checks });
        outward().cut_off(self.inner.peers.clone());
    }

    /// Opens the way out again and says what was found; none where somebody else has done so.
    fn end(&self, id: DrillId) -> Option<DrillReport> {
        let mut under_way = self.locked();
        let ended = under_way.take_if(|one| one.id == id)?;
        Some(self.report(outward().reconnect(), ended.checks))
    }

    /// Says what was found so far; none where it is not under way.
    fn so_far(&self, id: DrillId) -> Option<DrillReport> {
        let under_way = self.locked();
        let one = under_way.as_ref().filter(|one| one.id == id)?;
        Some(self.report(outward().wishes(), one.checks.clone()))
    }

    fn report(&self, wanted: Vec<Wish>, checks: Vec<DrillCheck>) -> DrillReport {
        DrillReport {
            parties: self.inner.parties.clone(),
            wanted: wanted.into_iter().map(wish).collect(),
            held: !checks.is_empty() && checks.iter().all(|check| check.held),
            checks,
        }
    }

    fn tell(&self, id: DrillId, checks: Vec<DrillCheck>) -> bool {
        match self.locked().as_mut() {
            Some(one) if one.id == id => {
                one.checks = checks;
                true
            }
            Some(_) | None => false,
        }
    }
}

impl fmt::Debug for Drills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drills")
            .field("peers", &self.inner.peers)
            .finish_non_exhaustive()
    }
}

/// Cuts the server off for a while.
#[utoipa::path(post, path = "/v1/drills", tag = "drills", request_body = BeginDrill,
    responses((status = 201, body = DrillView), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn begin(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Body(asked): Body<BeginDrill>,
) -> Result<(StatusCode, Json<DrillView>), Error> {
    let acting = Arc::clone(&control);
    // What was recorded begins, and ends, whether or not the caller is still there.
    let begun = tokio::spawn(async move {
        let by = by.caller.principal();
        let (drill, leaf) = acting.gate.begin_drill(by, asked.seconds).await?;
        acting.drills.begin(drill.id);
        tracing::warn!(drill = %drill.id, until = %drill.until, "a disconnect drill is under way: nothing outside is connected to");
        let id = drill.id;
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(asked.seconds.into())).await;
            if let Err(error) = finish(&acting, id, None).await {
                tracing::error!(%error, "the end of a disconnect drill could not be recorded");
            }
        });
        Ok::<_, onshore_gate::Error>((drill, leaf))
    });
    let (drill, leaf) = begun.await.map_err(|_| Error::Stopping)??;
    let mut view = view(drill, Some(leaf));
    view.s3.clone_from(&control.drills.inner.s3);
    view.region = Some(control.gate.region().id.to_string());
    Ok((StatusCode::CREATED, Json(view)))
}

/// Lists drills, the latest first.
#[utoipa::path(get, path = "/v1/drills", tag = "drills", responses((status = 200, body = Vec<DrillView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
) -> Result<Json<Vec<DrillView>>, Error> {
    let drills = control.gate.drills().await?;
    Ok(Json(
        drills.into_iter().map(|drill| view(drill, None)).collect(),
    ))
}

/// Shows a drill.
#[utoipa::path(get, path = "/v1/drills/{id}", tag = "drills", params(("id" = String, Path)),
    responses((status = 200, body = DrillView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segment(id): Segment<DrillId>,
) -> Result<Json<DrillView>, Error> {
    let so_far = control.drills.so_far(id);
    let mut view = view(control.gate.drill(id).await?, None);
    view.report = view.report.or(so_far);
    Ok(Json(view))
}

/// Says what was tried so far in a drill that is under way.
#[utoipa::path(put, path = "/v1/drills/{id}/checks", tag = "drills", params(("id" = String, Path)), request_body = TellChecks,
    responses((status = 200, body = DrillView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn tell(
    State(control): State<Arc<ControlParts>>,
    _: By<Operators>,
    Segment(id): Segment<DrillId>,
    Body(asked): Body<TellChecks>,
) -> Result<Json<DrillView>, Error> {
    let is_short = |text: &str| text.chars().count() <= WORDS_MAX;
    let is_good =
        |check: &DrillCheck| is_short(&check.name) && check.found.as_deref().is_none_or(is_short);
    if asked.checks.len() > CHECKS_MAX || !asked.checks.iter().all(is_good) {
        return Err(Error::Malformed(format!(
            "a drill has up to {CHECKS_MAX} checks, and up to {WORDS_MAX} characters are said of each"
        )));
    }
    let drill = control.gate.drill(id).await?;
    if !control.drills.tell(id, asked.checks) {
        return Err(onshore_registry::Error::DrillEnded(id).into());
    }
    Ok(Json(view(drill, None)))
}

/// Ends a drill early.
#[utoipa::path(post, path = "/v1/drills/{id}/end", tag = "drills", params(("id" = String, Path)),
    responses((status = 200, body = DrillView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn end(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<DrillId>,
) -> Result<Json<DrillView>, Error> {
    control.gate.drill(id).await?;
    let acting = Arc::clone(&control);
    let act = tokio::spawn(async move { finish(&acting, id, Some(by.caller.principal())).await });
    let leaf = act
        .await
        .map_err(|_| Error::Stopping)??
        .ok_or(onshore_registry::Error::DrillEnded(id))?;
    Ok(Json(view(control.gate.drill(id).await?, Some(leaf))))
}

/// Ends a drill and records what was found; none where it has ended.
async fn finish(
    control: &ControlParts,
    id: DrillId,
    by: Option<Principal>,
) -> Result<Option<LeafIndex>, onshore_gate::Error> {
    let Some(report) = control.drills.end(id) else {
        return Ok(None);
    };
    tracing::warn!(drill = %id, held = report.held, "the disconnect drill is over");
    let report = onshore_gate::DrillReport {
        held: report.held,
        text: serde_json::to_string(&report).expect("a report is JSON"),
    };
    control.gate.end_drill(by, id, report).await.map(Some)
}

fn wish(wish: Wish) -> DrillWish {
    DrillWish {
        purpose: wish.purpose.to_string(),
        host: wish.host,
        times: wish.times,
    }
}

fn view(drill: Drill, leaf: Option<LeafIndex>) -> DrillView {
    let end = drill.end;
    DrillView {
        id: drill.id,
        state: end
            .as_ref()
            .map_or("under-way", |end| end.how.word())
            .to_owned(),
        began: drill.began,
        until: drill.until,
        ended: end.as_ref().map(|end| end.at),
        s3: None,
        region: None,
        report: end
            .and_then(|end| end.report)
            .and_then(|text| serde_json::from_str(&text).ok()),
        leaf,
    }
}
