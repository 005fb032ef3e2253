//! Every operator, with a value that fits, one that does not, and none.

use onshore_policy::iam::{Asker, Word};
use serde_json::{Value, json};

use crate::support::{ask, bucket_policy, user};

/// Operator, key, the value of the policy, one that fits, one that does not, what is said.
type Case = (
    &'static str,
    &'static str,
    Value,
    Value,
    Value,
    (bool, bool, bool),
);

/// What an operator says of a value: where it fits, where it does not, where there is none.
const PLAIN: (bool, bool, bool) = (true, false, false);
const NEGATED: (bool, bool, bool) = (false, true, true);
const IF_EXISTS: (bool, bool, bool) = (true, false, true);

#[test]
fn operators_say_what_they_say_at_aws() {
    let ip = "aws:SourceIp";
    let cases: &[Case] = &[
        (
            "StringEquals",
            "s3:prefix",
            json!(["a", "b"]),
            json!("b"),
            json!("B"),
            PLAIN,
        ),
        (
            "StringNotEquals",
            "s3:prefix",
            json!(["a", "b"]),
            json!("b"),
            json!("c"),
            NEGATED,
        ),
        (
            "StringEqualsIfExists",
            "s3:prefix",
            json!("a"),
            json!("a"),
            json!("c"),
            IF_EXISTS,
        ),
        (
            "StringEqualsIgnoreCase",
            "s3:prefix",
            json!("Äb"),
            json!("äB"),
            json!("c"),
            PLAIN,
        ),
        (
            "StringNotEqualsIgnoreCase",
            "s3:prefix",
            json!("A"),
            json!("a"),
            json!("c"),
            NEGATED,
        ),
        (
            "StringLike",
            "s3:prefix",
            json!("h*/x"),
            json!("home/x"),
            json!("home/y"),
            PLAIN,
        ),
        (
            "StringLike",
            "s3:prefix",
            json!("h?/x"),
            json!("h1/x"),
            json!("home/x"),
            PLAIN,
        ),
        (
            "StringNotLike",
            "s3:prefix",
            json!("h*"),
            json!("home"),
            json!("x"),
            NEGATED,
        ),
        (
            "StringNotLike",
            "s3:prefix",
            json!("h?"),
            json!("h1"),
            json!("home"),
            NEGATED,
        ),
        (
            "Bool",
            "aws:SecureTransport",
            json!(true),
            json!("true"),
            json!("false"),
            PLAIN,
        ),
        (
            "Bool",
            "aws:SecureTransport",
            json!("false"),
            json!("false"),
            json!("true"),
            PLAIN,
        ),
        (
            "NumericEquals",
            "s3:max-keys",
            json!(10),
            json!("10"),
            json!("11"),
            PLAIN,
        ),
        (
            "NumericNotEquals",
            "s3:max-keys",
            json!("10"),
            json!("10"),
            json!("11"),
            NEGATED,
        ),
        (
            "NumericLessThanEquals",
            "s3:max-keys",
            json!(10),
            json!("10"),
            json!("11"),
            PLAIN,
        ),
        (
            "NumericLessThan",
            "s3:TlsVersion",
            json!("1.3"),
            json!("1.2"),
            json!("1.3"),
            PLAIN,
        ),
        (
            "NumericGreaterThan",
            "s3:signatureAge",
            json!("600000"),
            json!("600001"),
            json!("600000"),
            PLAIN,
        ),
        (
            "NumericGreaterThanEquals",
            "s3:max-keys",
            json!("5"),
            json!("5"),
            json!("4"),
            PLAIN,
        ),
        (
            "NumericLessThan",
            "s3:max-keys",
            json!("5"),
            json!("4"),
            json!("many"),
            PLAIN,
        ),
        (
            "DateLessThan",
            "aws:CurrentTime",
            json!("2026-06-01T00:00:00Z"),
            json!("2026-05-31T23:59:59Z"),
            json!("2026-06-01T00:00:00Z"),
            PLAIN,
        ),
        (
            "DateGreaterThanEquals",
            "aws:CurrentTime",
            json!("2026-06-01"),
            json!("2026-06-01T00:00:00Z"),
            json!("2026-05-31T23:59:59Z"),
            PLAIN,
        ),
        (
            "DateEquals",
            "aws:CurrentTime",
            json!("1780272000"),
            json!("2026-06-01T00:00:00Z"),
            json!("2026-06-01T00:00:01Z"),
            PLAIN,
        ),
        (
            "DateNotEquals",
            "aws:CurrentTime",
            json!("2026-06-01"),
            json!("2026-06-01T00:00:00Z"),
            json!("2026-06-02T00:00:00Z"),
            NEGATED,
        ),
        (
            "IpAddress",
            ip,
            json!(["10.0.0.0/8", "2001:db8::/32"]),
            json!("10.1.2.3"),
            json!("11.0.0.1"),
            PLAIN,
        ),
        (
            "IpAddress",
            ip,
            json!("2001:db8::/32"),
            json!("2001:db8::7"),
            json!("10.0.0.1"),
            PLAIN,
        ),
        (
            "IpAddress",
            ip,
            json!("::ffff:10.0.0.0/104"),
            json!("10.0.0.1"),
            json!("11.0.0.1"),
            PLAIN,
        ),
        (
            "NotIpAddress",
            ip,
            json!("10.0.0.0/8"),
            json!("10.1.2.3"),
            json!("11.0.0.1"),
            NEGATED,
        ),
        (
            "ArnEquals",
            "aws:PrincipalArn",
            json!("arn:aws:iam::t:user/bob"),
            json!("arn:onshore:iam::t:user/bob"),
            json!("arn:onshore:iam::t:user/eve"),
            PLAIN,
        ),
        (
            "ArnLike",
            "aws:PrincipalArn",
            json!("arn:aws:iam::*:user/b?b"),
            json!("arn:onshore:iam::t:user/bob"),
            json!("arn:onshore:iam::a:b:user/bob"),
            PLAIN,
        ),
        (
            "ArnLike",
            "aws:PrincipalArn",
            json!("arn:aws:iam::*:user/*"),
            json!("arn:onshore:iam::t:user/bob"),
            json!("arn:onshore:sts::t:user/bob"),
            PLAIN,
        ),
        (
            "ArnNotLike",
            "aws:PrincipalArn",
            json!("arn:aws:iam::*:user/*"),
            json!("arn:onshore:iam::t:user/bob"),
            json!("arn:onshore:iam::t:role/r"),
            NEGATED,
        ),
        (
            "StringLike",
            "aws:PrincipalArn",
            json!("arn:aws:iam::t:user/*"),
            json!("arn:onshore:iam::t:user/bob"),
            json!("x"),
            PLAIN,
        ),
        (
            "ForAnyValue:StringEquals",
            "s3:RequestObjectTagKeys",
            json!(["a", "b"]),
            json!(["x", "a"]),
            json!(["x"]),
            PLAIN,
        ),
        (
            "ForAllValues:StringEquals",
            "s3:RequestObjectTagKeys",
            json!(["a", "b"]),
            json!(["b", "a"]),
            json!(["a", "x"]),
            IF_EXISTS,
        ),
        (
            "ForAllValues:StringLike",
            "s3:RequestObjectTagKeys",
            json!("p*"),
            json!(["pa", "pb"]),
            json!(["pa", "x"]),
            IF_EXISTS,
        ),
        (
            "ForAnyValue:StringLike",
            "s3:RequestObjectTagKeys",
            json!("p*"),
            json!(["x", "pb"]),
            json!(["x", "y"]),
            PLAIN,
        ),
        (
            "ForAnyValue:StringNotEquals",
            "s3:RequestObjectTagKeys",
            json!("a"),
            json!(["a", "x"]),
            json!(["a"]),
            PLAIN,
        ),
        (
            "ForAllValues:StringNotEquals",
            "s3:RequestObjectTagKeys",
            json!("a"),
            json!(["x"]),
            json!(["x", "a"]),
            IF_EXISTS,
        ),
        (
            "ForAnyValue:StringNotLike",
            "s3:RequestObjectTagKeys",
            json!("p*"),
            json!(["pa", "x"]),
            json!(["pa"]),
            PLAIN,
        ),
        (
            "ForAllValues:StringEquals",
            "s3:prefix",
            json!("a"),
            json!("a"),
            json!("b"),
            IF_EXISTS,
        ),
        (
            "ForAnyValue:StringEqualsIfExists",
            "s3:RequestObjectTagKeys",
            json!("a"),
            json!(["a"]),
            json!(["b"]),
            IF_EXISTS,
        ),
        (
            "Null",
            "s3:prefix",
            json!("false"),
            json!("a"),
            Value::Null,
            PLAIN,
        ),
        (
            "stringequals",
            "S3:Prefix",
            json!("a"),
            json!("a"),
            json!("c"),
            PLAIN,
        ),
    ];
    let bob = Asker::named(&user(1, "bob"));
    for (operator, key, policy, fits, other, expected) in cases {
        let policy = bucket_policy(&json!([{
            "Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::bkt", "Condition": { *operator: { *key: policy } },
        }]))
        .unwrap_or_else(|fault| panic!("{operator}: {fault}"));
        let say = |list: &[(&str, Value)]| {
            ask(&policy, &bob, "s3:ListBucket", "bkt", list) == Word::Allow
        };
        let of = |value: &Value| {
            if value.is_null() {
                say(&[])
            } else {
                say(&[(*key, value.clone())])
            }
        };
        let said = (of(fits), of(other), say(&[]));
        assert_eq!(said, *expected, "{operator} {key}: {fits} {other}");
    }
}

#[test]
fn null_is_of_keys_that_are_not_there() {
    let policy = bucket_policy(&json!([{
        "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::bkt/*",
        "Condition": { "Null": { "s3:x-amz-server-side-encryption": "true" } },
    }]))
    .expect("a policy");
    let bob = Asker::named(&user(1, "bob"));
    let word = |list: &[(&str, Value)]| ask(&policy, &bob, "s3:PutObject", "bkt/k", list);
    assert_eq!(word(&[]), Word::Deny);
    let said = [("s3:x-amz-server-side-encryption", json!("AES256"))];
    assert_eq!(word(&said), Word::Silent);
}

#[test]
fn all_conditions_must_hold_and_of_one_any_value() {
    let policy = bucket_policy(&json!([{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bkt/*",
        "Condition": {
            "IpAddress": { "aws:SourceIp": ["10.0.0.0/8", "192.0.2.7"] },
            "Bool": { "aws:SecureTransport": "true" },
        },
    }]))
    .expect("a policy");
    let anyone = Asker::anonymous();
    let word = |address: &str, secure: &str| {
        let list = [
            ("aws:SourceIp", json!(address)),
            ("aws:SecureTransport", json!(secure)),
        ];
        ask(&policy, &anyone, "s3:GetObject", "bkt/k", &list)
    };
    assert_eq!(word("192.0.2.7", "true"), Word::Allow);
    assert_eq!(word("192.0.2.8", "true"), Word::Silent);
    assert_eq!(word("10.0.0.1", "false"), Word::Silent);
}

#[test]
fn variables_take_the_values_of_the_question() {
    let policy = bucket_policy(&json!([
        {
            "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::bkt/home/${aws:username}/*",
        },
        {
            "Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::bkt",
            "Condition": { "StringLike": { "s3:prefix": ["", "home/${aws:username}/*"] } },
        },
        {
            "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject",
            "Resource": "arn:aws:s3:::bkt/*",
            "Condition": { "StringNotEquals": { "aws:PrincipalTag/team": "${s3:ExistingObjectTag/team}" } },
        },
    ]))
    .expect("a policy");
    let bob = Asker::named(&user(1, "bob"));
    let name = ("aws:username", json!("bob"));
    let get = |path: &str| {
        ask(
            &policy,
            &bob,
            "s3:GetObject",
            path,
            std::slice::from_ref(&name),
        )
    };
    assert_eq!(get("bkt/home/bob/x"), Word::Allow);
    assert_eq!(get("bkt/home/eve/x"), Word::Silent);
    assert_eq!(
        ask(&policy, &bob, "s3:GetObject", "bkt/home/bob/x", &[]),
        Word::Silent
    );
    let list = |prefix: &str| {
        let values = [name.clone(), ("s3:prefix", json!(prefix))];
        ask(&policy, &bob, "s3:ListBucket", "bkt", &values)
    };
    assert_eq!(list("home/bob/2026"), Word::Allow);
    assert_eq!(list("home/"), Word::Silent);
    let delete = |mine: &str, of_object: &str| {
        let values = [
            ("aws:PrincipalTag/team", json!(mine)),
            ("s3:ExistingObjectTag/team", json!(of_object)),
        ];
        ask(&policy, &bob, "s3:DeleteObject", "bkt/k", &values)
    };
    assert_eq!(delete("red", "red"), Word::Silent);
    assert_eq!(delete("red", "blue"), Word::Deny);
    assert_eq!(
        ask(&policy, &bob, "s3:DeleteObject", "bkt/k", &[]),
        Word::Deny
    );
}
