//! Objects that are not here yet, of a bucket that is cut over from another cloud: brought before they are answered, and
//! handed through from where they are where that takes long. From abroad nothing is brought: what nobody has looked at is
//! refused there like everything unclassified.

use std::sync::Arc;

use onshore_policy::Flow;
use onshore_store::{Bucket, ObjectHead, Reach, VersionWish, Versioning, WriteCondition};
use onshore_types::{BucketName, ByteRange, Label, ObjectKey};

use crate::error::ReadAt;
use crate::fault::{Code, Fault};
use crate::ops::objects::{Answered, ReadWish, answer_headers, check_conditions, select_of};
use crate::ops::outgoing::Outgoing;
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, Target, keyed};
use crate::origin::{Brought, NotBrought, OriginSilent, Passing};

impl Operations {
    /// Returns the label that a listing is judged by, whatever it asks for: where its answer hung on what lies beneath a prefix, asking for
    /// ever longer ones would spell keys (docs/decisions/0081). What is elsewhere counts as unclassified.
    pub(crate) async fn list_label(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        reach: Reach,
    ) -> Result<Label, Fault> {
        if self.origin.reaches(bucket.id) {
            return Ok(Label::Unclassified);
        }
        self.store
            .list_label(bucket, "", reach)
            .await
            .map_err(|error| self.fault(asked.call, error))
    }

    /// Describes what a write will stand in the place of, brought first where the write depends on it.
    pub(crate) async fn target_of_write(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        condition: &WriteCondition,
    ) -> Result<Target, Fault> {
        let target = self
            .target_here(asked, Flow::Store, name, key, VersionWish::Current)
            .await?;
        if *condition == WriteCondition::Always {
            return Ok(target);
        }
        let target = self.brought(asked, Flow::Store, target).await?;
        match target.passing {
            Some(_) => Err(still_coming()),
            None => Ok(target),
        }
    }

    /// Brings an object that is not here, and describes it again.
    pub(crate) async fn brought(
        &self,
        asked: Asked<'_>,
        flow: Flow,
        mut target: Target,
    ) -> Result<Target, Fault> {
        for _ in 0..ATTEMPTS_MAX {
            if !self.may_be_elsewhere(asked, &target) {
                return Ok(target);
            }
            match self.origin.bring(target.bucket.id, &target.key).await {
                Ok(Brought::Settled) => {
                    let (name, key) = (target.bucket.name.clone(), target.key.clone());
                    let was_over = !self.origin.reaches(target.bucket.id);
                    target = self
                        .target_here(asked, flow, &name, &key, target.wish)
                        .await?;
                    // Removed here, perhaps before anybody asked.
                    if was_over || target.description.is_none() {
                        return Ok(target);
                    }
                }
                Ok(Brought::Nowhere) => return Ok(target),
                Ok(Brought::OnItsWay(passing)) => {
                    target.passing = Some(Arc::from(passing));
                    return Ok(target);
                }
                Err(not_brought) => return Err(of_not_brought(not_brought)),
            }
        }
        Ok(target)
    }

    fn may_be_elsewhere(&self, asked: Asked<'_>, target: &Target) -> bool {
        let is_current = match target.wish {
            VersionWish::Current => true,
            VersionWish::Null => target.bucket.versioning == Versioning::Off,
            VersionWish::Id(_) => false,
        };
        is_current
            && target.description.is_none()
            && target.marker.is_none()
            && self.origin.reaches(target.bucket.id)
            && self.read_at(asked.call) == ReadAt::Home
    }

    /// Hands out bytes of an object that is still coming, as it was described where it is.
    pub(crate) async fn pass_through(
        &self,
        asked: Asked<'_>,
        target: &Target,
        passing: &dyn Passing,
        wish: &ReadWish,
    ) -> Result<Answered, Fault> {
        let head = passing.head();
        check_conditions(asked.call, head)?;
        let selection = select_of(asked.call, head, wish)?;
        let subject = subject(target, head, selection.range);
        let permit = self.permit(asked, Flow::Read, subject).await?;
        let outflow = self.gate.watch(&permit);
        let body = passing
            .open(selection.range)
            .await
            .map_err(|silent| of_silent(&silent))?;
        if let Some(leaf) = outflow.leaf() {
            asked.call.note_leaf(leaf);
        }
        Ok(Answered {
            headers: answer_headers(None, head, wish, selection.extent),
            selection,
            body: Some(Outgoing::passing(body, outflow)),
        })
    }

    /// Describes an object that is still coming.
    pub(crate) async fn describe_passing(
        &self,
        asked: Asked<'_>,
        target: &Target,
        passing: &dyn Passing,
        wish: &ReadWish,
    ) -> Result<Answered, Fault> {
        let head = passing.head();
        let subject = subject(target, head, ByteRange::whole(0));
        let _seen = self.permit(asked, Flow::Inspect, subject).await?;
        check_conditions(asked.call, head)?;
        let selection = select_of(asked.call, head, wish)?;
        Ok(Answered {
            headers: answer_headers(None, head, wish, selection.extent),
            selection,
            body: None,
        })
    }
}

fn subject(target: &Target, head: &ObjectHead, range: ByteRange) -> onshore_policy::Subject {
    onshore_policy::Subject {
        range,
        ..keyed(&target.bucket, &target.key, None, head.label, 0)
    }
}

/// Says that an object is still coming, to whoever needs it here.
pub(crate) fn still_coming() -> Fault {
    slow_down(
        "The object is still coming from the cloud that the bucket is cut over from. Please try again.",
    )
}

/// Says that the cloud that the bucket comes from does not answer.
pub(crate) fn of_silent(silent: &OriginSilent) -> Fault {
    tracing::warn!(%silent, "a bucket that is cut over");
    slow_down(
        "The cloud that the bucket is cut over from does not answer at present. Please try again.",
    )
}

fn of_not_brought(not_brought: NotBrought) -> Fault {
    match not_brought {
        NotBrought::Refused(message) => Fault::new(Code::AccessDenied, message),
        NotBrought::Unreadable(why) => Fault::new(
            Code::InvalidObjectState,
            format!(
                "The object cannot be brought from the cloud that the bucket is cut over from: {why}"
            ),
        ),
        NotBrought::Silent(silent) => of_silent(&silent),
    }
}

fn slow_down(message: &'static str) -> Fault {
    Fault::new(Code::SlowDown, message).with_header("retry-after", "1")
}
