//! Questions in few words.

use std::collections::BTreeMap;

use onshore_policy::iam::{
    Ask, Asker, Compiled, Key, Kind, Kinship, Malformed, Named, Values, Word, actions,
};
use onshore_types::{BucketName, IdentityName, PartitionName, TenantId};
use serde_json::{Value, json};

pub(crate) fn own() -> PartitionName {
    PartitionName::parse("onshore").expect("a partition")
}

pub(crate) fn tenant(number: u8) -> TenantId {
    TenantId::from_bytes([number; 16])
}

pub(crate) fn user(number: u8, name: &str) -> Named {
    Named::User(tenant(number), IdentityName::parse(name).expect("a name"))
}

pub(crate) fn session(number: u8, role: &str, name: &str) -> Named {
    let name_of = |text| IdentityName::parse(text).expect("a name");
    Named::Session(tenant(number), name_of(role), name_of(name))
}

pub(crate) fn arn(named: &Named) -> String {
    named.arn(&own()).expect("it has one")
}

pub(crate) fn bucket_policy(statements: &Value) -> Result<Compiled, Malformed> {
    let name = BucketName::parse("bkt").expect("a bucket");
    let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    Compiled::parse(&text, &Kind::Bucket { name: &name }, &own())
}

pub(crate) fn identity_policy(statements: &Value) -> Result<Compiled, Malformed> {
    let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    Compiled::parse(&text, &Kind::Identity, &own())
}

pub(crate) fn key(policy: &Compiled, name: &str) -> Key {
    policy
        .keys()
        .iter()
        .find(|key| key.as_str() == name.to_ascii_lowercase())
        .unwrap_or_else(|| panic!("the policy asks for {name}"))
        .clone()
}

pub(crate) fn values(policy: &Compiled, list: &[(&str, Value)]) -> BTreeMap<Key, Values> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    list.iter()
        .map(|(name, value)| {
            let values = match value {
                Value::Array(all) => Values::Many(all.iter().map(text).collect()),
                one => Values::One(text(one)),
            };
            (key(policy, name), values)
        })
        .collect()
}

/// Asks one policy, of the tenant of who asks.
pub(crate) fn ask(
    policy: &Compiled,
    who: &Asker,
    action: &str,
    path: &str,
    list: &[(&str, Value)],
) -> Word {
    ask_from(policy, who, action, path, list, Kinship::Own)
}

pub(crate) fn ask_from(
    policy: &Compiled,
    who: &Asker,
    action: &str,
    path: &str,
    list: &[(&str, Value)],
    kinship: Kinship,
) -> Word {
    let values = values(policy, list);
    let (action, _) = actions::lookup(action).expect("an action");
    let ask = Ask {
        who,
        action,
        resource: &format!("s3:::{path}"),
        values: &values,
    };
    policy.judge(&ask, kinship)
}
