//! The freeze of a source: a statement in its own policy that nobody may write or remove there any more. It counts as shown
//! where a write could be made before and is refused after; the policy from before is kept, and put back when the freeze ends.

use std::sync::Arc;

use onshore_registry::{Cutover, CutoverStep, Freeze, Job};
use onshore_sources::{Error as SourceError, Source, SourceAccess, WriteProbe};
use onshore_types::JobId;
use serde_json::{Value, json};

use crate::Error;
use crate::engine::Parts;
use crate::job::credentials_of;

/// What the statement is called.
pub(crate) const STATEMENT: &str = "OnshoreCutoverFreeze";

/// What nobody may do any more.
const ACTIONS: [&str; 9] = [
    "s3:PutObject",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
    "s3:PutObjectRetention",
    "s3:PutObjectLegalHold",
    "s3:DeleteObject",
    "s3:DeleteObjectTagging",
    "s3:DeleteObjectVersion",
    "s3:RestoreObject",
];

/// What became of trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tried {
    Frozen(Freeze),
    /// Why it could not be.
    Not(String),
}

/// Whether the source lets itself be frozen, as far as its policy can be read.
pub(crate) async fn is_offered(source: &dyn Source) -> bool {
    source.policy().await.is_ok()
}

/// Freezes the source, if it lets itself be.
pub(crate) async fn freeze(parts: &Parts, job: JobId, source: &dyn Source) -> Result<Tried, Error> {
    let old = match source.policy().await {
        Ok(old) => old,
        Err(error) => return not(error),
    };
    // A kill may have come after it was set.
    let is_set = old.as_deref().is_some_and(has_statement);
    if !is_set {
        save_old(parts, job, old.clone()).await?;
    }
    let before = match is_set {
        true => WriteProbe::Refused,
        false => match source.probe_write().await {
            Ok(probe) => probe,
            Err(error) => return not(error),
        },
    };
    let Some(new) = with_statement(old.as_deref(), &source.arn()) else {
        return Ok(Tried::Not(
            "the source's policy is not one that a statement can be added to".to_owned(),
        ));
    };
    if !is_set && let Err(error) = source.set_policy(Some(&new)).await {
        return not(error);
    }
    let reads_back = match source.policy().await {
        Ok(policy) => policy.as_deref().is_some_and(has_statement),
        Err(error) => return not(error),
    };
    let after = match source.probe_write().await {
        Ok(probe) => probe,
        Err(error) => return not(error),
    };
    match (before, after) {
        (WriteProbe::Done, WriteProbe::Refused) if reads_back => Ok(Tried::Frozen(Freeze::Shown)),
        (WriteProbe::Refused, WriteProbe::Refused) if reads_back => Ok(Tried::Frozen(Freeze::Set)),
        (_, WriteProbe::Done | WriteProbe::Refused) => {
            source.set_policy(old.as_deref()).await?;
            Ok(Tried::Not(
                "the source takes a policy and does not hold to it".to_owned(),
            ))
        }
    }
}

/// Puts the policy back that the source had before.
pub(crate) async fn thaw(parts: &Arc<Parts>, job: &Job, cutover: &Cutover) -> Result<(), Error> {
    let access: SourceAccess =
        serde_json::from_value(job.source.clone()).map_err(Error::Unreadable)?;
    let is_untouched = matches!(cutover.step, CutoverStep::Ordered | CutoverStep::Pulling);
    if is_untouched || cutover.freeze == Some(Freeze::Said) {
        return Ok(());
    }
    let credentials = credentials_of(parts, job.id).await?;
    let source = parts.sources.open(&access, credentials.as_ref()).await?;
    let now = match source.policy().await {
        Ok(policy) => policy,
        Err(SourceError::Unsupported { .. } | SourceError::Forbidden { .. })
            if cutover.freeze.is_none() =>
        {
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if now.as_deref().is_some_and(has_statement) {
        source.set_policy(cutover.old_policy.as_deref()).await?;
    }
    Ok(())
}

fn not(error: SourceError) -> Result<Tried, Error> {
    match error.kind() {
        onshore_sources::ErrorKind::Retry | onshore_sources::ErrorKind::Credentials => {
            Err(Error::Source(error))
        }
        onshore_sources::ErrorKind::Changed
        | onshore_sources::ErrorKind::Gone
        | onshore_sources::ErrorKind::Forbidden
        | onshore_sources::ErrorKind::Unsupported
        | onshore_sources::ErrorKind::Bug => Ok(Tried::Not(format!(
            "the source cannot be frozen by its own policy ({error})"
        ))),
    }
}

async fn save_old(parts: &Parts, job: JobId, policy: Option<String>) -> Result<(), Error> {
    let registry = parts.registry.clone();
    parts
        .db
        .write(move |unit| Ok(registry.save_old_policy(unit, job, policy.as_deref())?))
        .await
}

fn has_statement(policy: &str) -> bool {
    serde_json::from_str::<Value>(policy)
        .is_ok_and(|policy| statements(&policy).any(|statement| statement["Sid"] == STATEMENT))
}

/// Adds the statement to a policy. None where it is none that can be read.
fn with_statement(policy: Option<&str>, arn: &str) -> Option<String> {
    let mut policy: Value = match policy {
        Some(policy) => serde_json::from_str(policy).ok()?,
        None => json!({ "Version": "2012-10-17" }),
    };
    let mut all: Vec<Value> = statements(&policy)
        .filter(|statement| statement["Sid"] != STATEMENT)
        .cloned()
        .collect();
    all.push(json!({
        "Sid": STATEMENT,
        "Effect": "Deny",
        "Principal": "*",
        "Action": ACTIONS,
        "Resource": format!("{arn}*"),
    }));
    policy
        .as_object_mut()?
        .insert("Statement".to_owned(), json!(all));
    Some(policy.to_string())
}

/// Returns the statements of a policy: one may stand alone.
fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    let found = policy.get("Statement");
    let many = found.and_then(Value::as_array);
    let one = found.filter(|statement| statement.is_object());
    many.into_iter().flatten().chain(one)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{STATEMENT, has_statement, with_statement};

    #[test]
    fn a_statement_is_added_once_and_what_was_there_stays() {
        let own = json!({ "Sid": "Readers", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*" });
        for before in [
            None,
            Some(json!({ "Version": "2012-10-17", "Id": "x", "Statement": [own] })),
            Some(json!({ "Version": "2012-10-17", "Statement": own })),
        ] {
            let before = before.map(|policy| policy.to_string());
            let kept = before.iter().len();
            let frozen = with_statement(before.as_deref(), "arn:aws:s3:::b/p").expect("a policy");
            assert!(has_statement(&frozen) && !before.as_deref().is_some_and(has_statement));
            let again = with_statement(Some(&frozen), "arn:aws:s3:::b/p").expect("a policy");
            let again: Value = serde_json::from_str(&again).expect("JSON");
            let statements = again["Statement"].as_array().expect("statements");
            assert_eq!(statements.len(), kept + 1);
            let freeze = statements.last().expect("one");
            assert_eq!(
                (&freeze["Sid"], &freeze["Resource"]),
                (&json!(STATEMENT), &json!("arn:aws:s3:::b/p*"))
            );
        }
        assert_eq!(with_statement(Some("no policy"), "arn:aws:s3:::b/"), None);
        assert_eq!(with_statement(Some("[]"), "arn:aws:s3:::b/"), None);
    }
}
