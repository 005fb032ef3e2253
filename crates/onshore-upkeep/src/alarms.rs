//! Raises alarms, and tells them: at each look it finds what somebody must be told today and was not told yet. Each is recorded
//! once, with a leaf, together with whom it is for; each target is told until it has it, through restarts, and that has a leaf too.
//!
//! Nobody abroad is told: the connection goes to the address that the gate has judged, and no other.

mod mail;
mod target;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use onshore_gate::{LookedAt, Watched};
use onshore_orders::duty::Counts;
use onshore_orders::{Alarm, AlarmKind, Language};
use onshore_registry::RaisedAlarm;
use onshore_sources::Purpose;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::mail::{Mail, MailLink};
pub use self::target::{
    AlarmTarget, AlarmTargetError, MailLogin, MailSecurity, Mailbox, WebhookSecret,
};
use crate::notify::{Link, TargetError};
use crate::patience::{backoff, cause};
use crate::{Error, Parts};

/// How long one telling may take.
const TELLING_MAX: Duration = Duration::from_secs(60);
/// So many alarms are told on one look.
const PAGE: u32 = 100;

/// The engine that raises alarms and tells them.
#[derive(Debug)]
pub struct AlarmEngine {
    parts: Parts,
    targets: BTreeMap<String, AlarmTarget>,
    interval: Duration,
    raised: Arc<Notify>,
}

impl AlarmEngine {
    /// Makes an engine that looks so often, and tells these targets by their names.
    #[must_use]
    pub fn new(parts: Parts, targets: BTreeMap<String, AlarmTarget>, interval: Duration) -> Self {
        Self {
            parts,
            targets,
            interval,
            raised: Arc::default(),
        }
    }

    /// Raises and tells what is due until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let telling = self
            .targets
            .iter()
            .map(|(name, target)| self.tell_all(name, target));
        let work = async { tokio::join!(self.raise_all(), join_all(telling)) };
        tokio::select! {
            _ = work => {}
            () = stop.cancelled() => {}
        }
    }

    async fn raise_all(&self) {
        let mut looked = None;
        loop {
            match self.raise(looked).await {
                Ok(at) => looked = Some(at),
                Err(error) => {
                    tracing::error!(%error, "alarms could not be raised; it is tried again");
                }
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    async fn raise(&self, looked: Option<LookedAt>) -> Result<LookedAt, Error> {
        let names: Vec<String> = self.targets.keys().cloned().collect();
        // What cannot be counted keeps nobody from hearing of days that come near.
        let counted = self.watch(&names).await;
        let (near, at) = match self.parts.gate.raise_alarms(names, looked).await {
            Ok((near, at)) => (near, Ok(at)),
            Err(error) => (Vec::new(), Err(error.into())),
        };
        let alarms: Vec<Alarm> = counted.into_iter().chain(near).collect();
        for alarm in &alarms {
            let (what, of, due) = (alarm.what.word(), alarm.of.as_str(), alarm.due);
            metrics::counter!("onshore_alarms_total", "what" => what).increment(1);
            match alarm.what {
                AlarmKind::LicenceLapsed
                | AlarmKind::ContractLate
                | AlarmKind::TrancheLate
                | AlarmKind::IncidentLate
                | AlarmKind::SummaryLate
                | AlarmKind::RequestLate => {
                    tracing::error!(what, of, %due, "{}", alarm.why);
                }
                AlarmKind::ContractDue
                | AlarmKind::LicenceEnds
                | AlarmKind::TrancheDue
                | AlarmKind::SummaryDue
                | AlarmKind::RequestDue => {
                    tracing::warn!(what, of, %due, days_before = alarm.days_before, "a day comes near");
                }
                AlarmKind::DutyBegins | AlarmKind::IncidentDue => {
                    tracing::warn!(what, of, %due, "{}", alarm.why);
                }
            }
        }
        if !alarms.is_empty() {
            self.raised.notify_waiters();
        }
        at
    }

    /// Counts whose data is held and has left, and returns what begins with so many. Whoever cannot be counted is counted next time.
    async fn watch(&self, targets: &[String]) -> Vec<Alarm> {
        let watched = match self.parts.gate.watched().await {
            Ok(watched) => watched,
            Err(error) => {
                tracing::error!(%error, "whose persons are counted is not known; it is tried again");
                return Vec::new();
            }
        };
        let mut alarms = Vec::new();
        for one in watched {
            match self.count(&one, targets).await {
                Ok(begun) => alarms.extend(begun),
                Err(error) => {
                    let of = one.of.name.as_str();
                    tracing::error!(%error, of, "persons could not be counted; it is tried again");
                }
            }
        }
        alarms
    }

    async fn count(&self, watched: &Watched, targets: &[String]) -> Result<Vec<Alarm>, Error> {
        let Parts { gate, store, .. } = &self.parts;
        let at = gate.now();
        let held = store.held_persons(&watched.tenants).await?;
        let tenants = watched.tenants.clone();
        let (exported, exported_sensitive) = gate.exported_so_far(tenants, at).await?;
        let counts = Counts {
            held: held.persons.upper,
            exported,
            exported_sensitive,
            is_critical: watched.is_critical,
        };
        Ok(gate
            .begin_duties(&watched.of, (counts, at), targets)
            .await?)
    }

    /// Tells one target what waits for it, one after the other; what it does not take waits, ever longer.
    async fn tell_all(&self, name: &str, target: &AlarmTarget) {
        let mut failures = 0;
        loop {
            let raised = self.raised.notified();
            let wait = match self.tell_waiting(name, target).await {
                Ok(()) => {
                    failures = 0;
                    self.interval
                }
                Err(error) => {
                    failures += 1;
                    let why = cause(&error);
                    tracing::warn!(
                        target_name = name,
                        why,
                        failures,
                        "an alarm was not taken; it is tried again"
                    );
                    backoff(failures)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = raised, if failures == 0 => {}
            }
        }
    }

    async fn tell_waiting(&self, name: &str, target: &AlarmTarget) -> Result<(), Error> {
        loop {
            let waiting = self.parts.gate.untold_alarms(name, PAGE).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            for alarm in waiting {
                timeout(TELLING_MAX, self.tell(name, target, &alarm))
                    .await
                    .unwrap_or(Err(Error::Target(TargetError::TooSlow)))?;
                metrics::counter!("onshore_alarms_told_total").increment(1);
            }
        }
    }

    async fn tell(
        &self,
        name: &str,
        target: &AlarmTarget,
        alarm: &RaisedAlarm,
    ) -> Result<(), Error> {
        let gate = &self.parts.gate;
        let id = format!("alarm-{}-{}", gate.region().id, alarm.number);
        let inside = |peer| {
            let place = gate.place_of_address(peer);
            if gate.is_inside(place) {
                Ok(place)
            } else {
                Err(Error::Target(TargetError::Abroad(place.to_string())))
            }
        };
        let place = match target {
            AlarmTarget::Webhook { target, secret } => {
                let opened = Link::open(target, Purpose::Alarm).await;
                let mut link = opened.map_err(Error::Target)?;
                let place = inside(link.peer())?;
                let message = self.document(&id, alarm);
                let seconds = gate.now().as_seconds();
                let mut head = vec![
                    ("webhook-id", id.clone()),
                    ("webhook-timestamp", seconds.to_string()),
                ];
                if let Some(secret) = secret {
                    head.push(("webhook-signature", secret.sign(&id, seconds, &message)));
                }
                link.send_with(&head, message)
                    .await
                    .map_err(Error::Target)?;
                place
            }
            AlarmTarget::Mail(mailbox) => {
                let link = MailLink::open(mailbox).await.map_err(Error::Target)?;
                let place = inside(link.peer())?;
                let (subject, text) = self.words(alarm);
                let mail = Mail {
                    id: format!("{id}@onshore.invalid"),
                    date: gate.now().written_as("%a, %d %b %Y %H:%M:%S +0000"),
                    subject: &subject,
                    text: &text,
                };
                link.send(mailbox, &mail).await.map_err(Error::Target)?;
                place
            }
        };
        gate.note_told(alarm, name, place).await?;
        Ok(())
    }

    fn document(&self, id: &str, alarm: &RaisedAlarm) -> Vec<u8> {
        let one = &alarm.alarm;
        let mut document = json!({
            "id": id,
            "region": self.parts.gate.region().id,
            "what": one.what,
            "of": one.of,
            "due": one.due,
            "days_before": one.days_before,
            "why": one.why.in_language(Language::En),
            "why_zh": one.why.in_language(Language::Zh),
            "raised": alarm.raised,
            "leaf": alarm.leaf,
        });
        for (name, cause) in [
            ("order", &one.order),
            ("duty", &one.duty),
            ("tranche", &one.tranche),
        ] {
            if let (Some(cause), Some(members)) = (cause, document.as_object_mut()) {
                members.insert(name.to_owned(), json!(cause));
            }
        }
        document.to_string().into_bytes()
    }

    /// Returns the subject and text of a mail, in English and Chinese.
    fn words(&self, alarm: &RaisedAlarm) -> (String, String) {
        let one = &alarm.alarm;
        let english = one.what.words_in(Language::En);
        let chinese = one.what.words_in(Language::Zh);
        let subject = format!("{english} · {chinese}: {}, {}", one.of, one.due);
        let region = &self.parts.gate.region().id;
        let order = match (&one.order, &one.duty, &one.tranche) {
            (Some(order), ..) => format!("Order · 命令: {order}\n"),
            (None, Some(duty), _) => format!("Duty · 义务: {duty}\n"),
            (None, None, Some(tranche)) => format!("Tranche · 批次: {tranche}\n"),
            (None, None, None) => String::new(),
        };
        let text = format!(
            "{english}\n{chinese}\n\nOf · 对象: {}\nDay · 日期: {}\nDays before · 提前天数: {}\n{order}Region · 区域: {region}\nLeaf · 账本条目: {}\n\n{}\n{}\n",
            one.of,
            one.due,
            one.days_before,
            alarm.leaf,
            one.why.in_language(Language::En),
            one.why.in_language(Language::Zh)
        );
        (subject, text)
    }
}
