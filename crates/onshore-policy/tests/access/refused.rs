//! What cannot be compiled is refused, with the element that is to blame; what is strange and can be, is taken.

use onshore_policy::iam::{Compiled, Kind, Publicity};
use onshore_types::BucketName;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{arn, bucket_policy, identity_policy, own, user};

fn statement(changes: &[(&str, Value)]) -> Value {
    let mut statement = json!({
        "Effect": "Allow", "Principal": { "AWS": arn(&user(1, "bob")) },
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bkt/*",
    });
    let members = statement.as_object_mut().expect("an object");
    for (name, value) in changes {
        if value.is_null() {
            members.remove(*name);
        } else {
            members.insert((*name).to_owned(), value.clone());
        }
    }
    statement
}

#[test]
fn the_element_that_is_to_blame_is_named() {
    let condition = |operator: &str, key: &str, value: Value| {
        ("Condition", json!({ operator: { key: value } }))
    };
    let cases: Vec<(Vec<(&str, Value)>, &str)> = vec![
        (vec![("Effect", json!("allow"))], "Effect"),
        (vec![("Effect", Value::Null)], "Effect"),
        (vec![("Principal", Value::Null)], "Principal"),
        (vec![("Principal", json!("bob"))], "Principal"),
        (
            vec![(
                "Principal",
                json!({ "Service": "cloudtrail.amazonaws.com" }),
            )],
            "Principal.Service",
        ),
        (vec![("Principal", json!({ "AWS": [] }))], "Principal"),
        (
            vec![("Principal", json!({ "AWS": "arn:aws:iam::1:user/bob" }))],
            "Principal",
        ),
        (vec![("NotPrincipal", json!("*"))], "NotPrincipal"),
        (
            vec![
                ("Principal", Value::Null),
                ("NotPrincipal", json!({ "AWS": arn(&user(1, "bob")) })),
            ],
            "NotPrincipal",
        ),
        (vec![("Action", Value::Null)], "Action"),
        (vec![("Action", json!([]))], "Action"),
        (vec![("Action", json!("s3:GetObjec"))], "Action"),
        (vec![("Action", json!("ec2:*"))], "Action"),
        (vec![("Action", json!("sts:AssumeRole"))], "Action"),
        (vec![("Action", json!("s3:ListBucket"))], "Action"),
        (vec![("NotAction", json!("s3:GetObject"))], "NotAction"),
        (
            vec![("Action", Value::Null), ("NotAction", json!("*"))],
            "NotAction",
        ),
        (vec![("Resource", Value::Null)], "Resource"),
        (
            vec![("Resource", json!("arn:aws:s3:::other/*"))],
            "Resource",
        ),
        (vec![("Resource", json!("arn:aws:s3:::bktx/*"))], "Resource"),
        (
            vec![("Resource", json!("arn:aws-us-gov:s3:::bkt/*"))],
            "Resource",
        ),
        (
            vec![("Resource", json!("arn:elsewhere:s3:::bkt/*"))],
            "Resource",
        ),
        (vec![("Resource", json!("bkt/*"))], "Resource"),
        (
            vec![("Resource", json!("arn:aws:s3:::bkt/${aws:nothing}"))],
            "Resource",
        ),
        (
            vec![("Resource", json!("arn:aws:s3:::bkt/${aws:username"))],
            "Resource",
        ),
        (
            vec![condition(
                "StringEquals",
                "aws:MultiFactorAuthPresent",
                json!("true"),
            )],
            "Condition.StringEquals.aws:MultiFactorAuthPresent",
        ),
        (
            vec![condition("StringSounds", "s3:prefix", json!("a"))],
            "Condition.StringSounds",
        ),
        (
            vec![condition(
                "ForSomeValues:StringEquals",
                "s3:prefix",
                json!("a"),
            )],
            "Condition.ForSomeValues:StringEquals",
        ),
        (
            vec![condition(
                "StringEquals",
                "s3:RequestObjectTagKeys",
                json!("a"),
            )],
            "RequestObjectTagKeys",
        ),
        (
            vec![condition("NullIfExists", "s3:prefix", json!("true"))],
            "Condition.NullIfExists",
        ),
        (
            vec![condition("Bool", "aws:SecureTransport", json!("perhaps"))],
            "SecureTransport",
        ),
        (
            vec![condition("NumericEquals", "s3:max-keys", json!("ten"))],
            "max-keys",
        ),
        (
            vec![condition("IpAddress", "aws:SourceIp", json!("10.0.0.0/33"))],
            "SourceIp",
        ),
        (
            vec![condition(
                "DateLessThan",
                "aws:CurrentTime",
                json!("tomorrow"),
            )],
            "CurrentTime",
        ),
        (
            vec![condition("ArnLike", "aws:PrincipalArn", json!("bob"))],
            "PrincipalArn",
        ),
        (
            vec![condition("StringEquals", "s3:prefix", json!([]))],
            "prefix",
        ),
        (
            vec![condition("StringEquals", "s3:prefix", json!({ "a": 1 }))],
            "prefix",
        ),
        (vec![("Condition", json!("always"))], "Condition"),
        (vec![("Comment", json!("x"))], "Comment"),
        (vec![("Sid", json!(1))], "Sid"),
    ];
    assert!(bucket_policy(&json!([statement(&[])])).is_ok());
    for (changes, element) in cases {
        let fault = bucket_policy(&json!([statement(&changes)])).expect_err(element);
        assert!(fault.element.contains(element), "{element}: {fault}");
        assert!(fault.element.starts_with("Statement[0]"), "{fault}");
    }
    let twice = statement(&[("Sid", json!("a"))]);
    assert!(
        bucket_policy(&json!([twice, twice])).is_err(),
        "no two have one Sid"
    );
    assert!(bucket_policy(&json!([])).is_err());
    let named = json!({ "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*" });
    assert!(
        identity_policy(&json!(named)).is_err(),
        "an identity names no principal"
    );
}

#[test]
fn documents_as_clients_write_them_are_taken() {
    for statement in [
        statement(&[("Principal", json!("*")), ("Action", json!("s3:*"))]),
        statement(&[("Principal", json!({ "AWS": "*" }))]),
        statement(&[(
            "Principal",
            json!({ "AWS": [onshore_types::TenantId::from_bytes([3; 16]).to_string()] }),
        )]),
        statement(&[
            (
                "Resource",
                json!(["arn:aws:s3:::bkt", "arn:aws-cn:s3:::bkt/a/*"]),
            ),
            ("Action", json!(["s3:ListBucket", "s3:GetObject"])),
        ]),
        statement(&[("Resource", json!("arn:onshore:s3:::bkt/?x*"))]),
        statement(&[
            ("Effect", json!("Deny")),
            ("Principal", Value::Null),
            ("NotPrincipal", json!({ "AWS": arn(&user(1, "bob")) })),
        ]),
        statement(&[
            ("Action", Value::Null),
            ("NotAction", json!("s3:DeleteObject*")),
        ]),
        statement(&[
            ("Resource", Value::Null),
            ("NotResource", json!("arn:aws:s3:::bkt/private/*")),
        ]),
    ] {
        let taken = bucket_policy(&statement);
        assert!(taken.is_ok(), "{statement}: {:?}", taken.err());
    }
}

#[test]
fn a_document_has_a_limit_and_is_one_object() {
    let name = BucketName::parse("bkt").expect("a bucket");
    let kind = Kind::Bucket { name: &name };
    let of_len = |len: usize| {
        let mut text =
            json!({ "Version": "2012-10-17", "Statement": [statement(&[])] }).to_string();
        text.extend(std::iter::repeat_n(' ', len - text.len()));
        Compiled::parse(&text, &kind, &own())
    };
    assert!(of_len(20 * 1024).is_ok());
    assert!(of_len(20 * 1024 + 1).is_err());
    let one = statement(&[]).to_string();
    for bad in [
        "".to_owned(),
        "[]".to_owned(),
        format!(r#"{{"Statement": {one}, "Statement": {one}}}"#),
        format!(r#"{{"Version": "2026-01-01", "Statement": {one}}}"#),
        format!(r#"{{"Statement": {one}, "More": 1}}"#),
        r#"{"Version": "2012-10-17"}"#.to_owned(),
    ] {
        assert!(Compiled::parse(&bad, &kind, &own()).is_err(), "{bad}");
    }
}

#[test]
fn a_policy_is_public_unless_a_fixed_condition_confines_it() {
    let of = |changes: &[(&str, Value)]| {
        let everybody = [&[("Principal", json!("*"))], changes].concat();
        bucket_policy(&json!([statement(&everybody)]))
            .expect("a policy")
            .publicity()
    };
    let with = |condition: Value| of(&[("Condition", condition)]);
    assert_eq!(of(&[]), Publicity::Public);
    assert_eq!(of(&[("Effect", json!("Deny"))]), Publicity::Confined);
    assert_eq!(
        of(&[("Principal", json!({ "AWS": arn(&user(1, "bob")) }))]),
        Publicity::Confined
    );
    for (condition, expected) in [
        (
            json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }),
            Publicity::Confined,
        ),
        (
            json!({ "IpAddress": { "aws:SourceIp": "0.0.0.0/1" } }),
            Publicity::Public,
        ),
        (
            json!({ "NotIpAddress": { "aws:SourceIp": "10.0.0.0/8" } }),
            Publicity::Public,
        ),
        (
            json!({ "IpAddressIfExists": { "aws:SourceIp": "10.0.0.0/8" } }),
            Publicity::Public,
        ),
        (
            json!({ "StringLike": { "aws:PrincipalArn": "arn:aws:iam::*" } }),
            Publicity::Public,
        ),
        (
            json!({ "StringLike": { "aws:Referer": "https://example.com/*" } }),
            Publicity::Public,
        ),
        (
            json!({ "StringEquals": { "aws:userid": "x" } }),
            Publicity::Confined,
        ),
    ] {
        assert_eq!(with(condition.clone()), expected, "{condition}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in ".{0,200}") {
        let name = BucketName::parse("bkt").expect("a bucket");
        let _ = Compiled::parse(&text, &Kind::Bucket { name: &name }, &own());
    }

    #[test]
    fn whatever_stands_in_a_value_stays_a_value(value in "\\PC{0,40}", prefix in "\\PC{0,40}") {
        let policy = bucket_policy(&json!([{
            "Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::bkt",
            "Condition": { "StringEquals": { "s3:prefix": value.replace("${", "$") } },
        }])).expect("a policy");
        let word = crate::support::ask(
            &policy,
            &onshore_policy::iam::Asker::anonymous(),
            "s3:ListBucket",
            "bkt",
            &[("s3:prefix", json!(prefix))],
        );
        let expected = value.replace("${", "$") == prefix;
        prop_assert_eq!(word == onshore_policy::iam::Word::Allow, expected);
    }
}
