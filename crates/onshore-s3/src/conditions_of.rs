//! The values that condition keys have for a request. What it does not say has none.

use std::collections::BTreeMap;

use onshore_gate::Region;
use onshore_policy::iam::{Key, Named, Standing, Values};
use onshore_types::{TenantId, Timestamp};

use crate::call::Call;
use crate::caller::Signed;

/// The milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Returns the value of a key.
pub(crate) fn value(
    key: &Key,
    call: &Call,
    region: &Region,
    owner: Option<TenantId>,
    tags: &BTreeMap<String, String>,
) -> Option<Values> {
    let (base, tag) = key.parts();
    let one = |text: &str| Some(Values::One(text.to_owned()));
    match (base, tag) {
        ("aws:principaltag", Some(tag)) => call.caller().tag(tag).and_then(one),
        ("s3:existingobjecttag", Some(tag)) => tagged(tags, tag).and_then(one),
        ("s3:requestobjecttag", Some(tag)) => tagged(&call.said_tags()?, tag).and_then(one),
        ("s3:requestobjecttagkeys", None) => {
            let keys: Vec<String> = call.said_tags()?.into_keys().collect();
            (!keys.is_empty()).then_some(Values::Many(keys))
        }
        _ => single(base, call, region, owner).map(Values::One),
    }
}

fn single(key: &str, call: &Call, region: &Region, owner: Option<TenantId>) -> Option<String> {
    let caller = call.caller();
    let way = call.way();
    let session = caller.session.as_ref().map(|session| &session.session);
    if let Some(said) = call.said(key) {
        return Some(said);
    }
    match key {
        "aws:currenttime" => Some(way.at.to_string()),
        "aws:epochtime" => Some(way.at.as_seconds().to_string()),
        "aws:principalaccount" => (!caller.is_anonymous()).then(|| caller.tenant.to_string()),
        // That of the role, whatever the session is called.
        "aws:principalarn" => caller.bearer.named.arn(&region.partition),
        "aws:principaltype" => Some(
            match (caller.bearer.standing, caller.named()) {
                (Standing::Anonymous, _) => "Anonymous",
                (Standing::Admin, _) => "Account",
                (Standing::Identity, Named::Session(..)) => "AssumedRole",
                (Standing::Identity, _) => "User",
            }
            .to_owned(),
        ),
        "aws:referer" => call.header("referer").map(str::to_owned),
        "aws:useragent" => call.header("user-agent").map(str::to_owned),
        "aws:requestedregion" => Some(region.id.to_string()),
        "aws:resourceaccount" | "s3:resourceaccount" => owner.map(|owner| owner.to_string()),
        "aws:securetransport" => Some(way.tls.is_some().to_string()),
        "s3:tlsversion" => way.tls.map(str::to_owned),
        "aws:sourceip" => way.client.map(|address| address.to_string()),
        "aws:tokenissuetime" => session.map(|session| session.issued.to_string()),
        "aws:userid" => caller.user_id(),
        "aws:username" => match &caller.bearer.named {
            Named::User(_, name) => Some(name.to_string()),
            Named::Everybody | Named::Tenant(_) | Named::Role(..) | Named::Session(..) => None,
        },
        "s3:authtype" => match caller.signed {
            Signed::InHeader => Some("REST-HEADER".to_owned()),
            Signed::InLink { .. } => Some("REST-QUERY-STRING".to_owned()),
            Signed::InForm => Some("POST".to_owned()),
            Signed::Not => None,
        },
        "s3:signatureage" => match caller.signed {
            Signed::InLink { age_ms } => Some(age_ms.to_string()),
            Signed::InHeader | Signed::InForm | Signed::Not => None,
        },
        "s3:signatureversion" => {
            (caller.signed != Signed::Not).then(|| "AWS4-HMAC-SHA256".to_owned())
        }
        "s3:prefix" | "s3:delimiter" | "s3:max-keys" => call.parameter(key.strip_prefix("s3:")?),
        "s3:versionid" => call.parameter("versionId").or_else(|| {
            let source = call.header("x-amz-copy-source")?;
            source
                .split_once("?versionId=")
                .map(|(_, version)| version.to_owned())
        }),
        "s3:object-lock-mode"
        | "s3:object-lock-legal-hold"
        | "s3:object-lock-retain-until-date" => {
            let name = key.strip_prefix("s3:")?;
            call.header(&format!("x-amz-{name}")).map(str::to_owned)
        }
        "s3:object-lock-remaining-retention-days" => {
            let until = call
                .said("s3:object-lock-retain-until-date")
                .or_else(|| {
                    call.header("x-amz-object-lock-retain-until-date")
                        .map(str::to_owned)
                })?
                .parse::<Timestamp>()
                .ok()?;
            let left_ms = until.as_millis().saturating_sub(way.at.as_millis());
            Some(left_ms.div_euclid(DAY_MS).to_string())
        }
        _ => {
            let header = key
                .strip_prefix("s3:")
                .filter(|name| name.starts_with("x-amz-"))?;
            call.header(header).map(str::to_owned)
        }
    }
}

/// Finds a tag whose name may differ in letter case: AWS finds condition keys so.
fn tagged<'a>(tags: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    tags.iter()
        .find(|(known, _)| known.to_lowercase() == name)
        .map(|(_, value)| value.as_str())
}
