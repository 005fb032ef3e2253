//! Who is meant by a principal, and what several documents say together.

use std::collections::BTreeMap;
use std::sync::Arc;

use onshore_policy::iam::Named;
use onshore_policy::iam::{
    Access, Ask, Asker, Compiled, Kind, Kinship, Sides, Standing, Word, actions,
};
use serde_json::{Value, json};

use crate::support::{
    arn, ask, ask_from, bucket_policy, identity_policy, own, session, tenant, user,
};

fn of(effect: &str, member: &str, principal: &Value) -> Compiled {
    bucket_policy(&json!([{
        "Effect": effect, member: principal, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bkt/*",
    }]))
    .expect("a policy")
}

#[test]
fn a_principal_names_whom_it_names_at_aws() {
    let bob = Asker::named(&user(1, "bob"));
    let eve = Asker::named(&user(1, "eve"));
    let admin = Asker::admin(tenant(1));
    let taken = Asker::named(&session(1, "reader", "job"));
    let stranger = Asker::named(&user(2, "bob"));
    let nobody = Asker::anonymous();
    let root = json!({ "AWS": arn(&Named::Tenant(tenant(1))) });
    let bobs = json!({ "AWS": arn(&user(1, "bob")) });
    let role = arn(&session(1, "reader", "x"))
        .replace("sts", "iam")
        .replace("assumed-role/reader/x", "role/reader");
    let get = |policy: &Compiled, who: &Asker| ask(policy, who, "s3:GetObject", "bkt/k", &[]);
    let allow = of("Allow", "Principal", &bobs);
    for (who, word) in [
        (&bob, Word::Allow),
        (&eve, Word::Silent),
        (&stranger, Word::Silent),
        (&nobody, Word::Silent),
    ] {
        assert_eq!(get(&allow, who), word);
    }
    let everybody = of("Allow", "Principal", &json!("*"));
    for who in [&bob, &admin, &taken, &stranger, &nobody] {
        assert_eq!(get(&everybody, who), Word::Allow);
    }
    let to_role = of("Allow", "Principal", &json!({ "AWS": role }));
    assert_eq!(get(&to_role, &taken), Word::Allow);
    let to_session = of(
        "Allow",
        "Principal",
        &json!({ "AWS": arn(&session(1, "reader", "job")) }),
    );
    assert_eq!(get(&to_session, &taken), Word::Allow);
    assert_eq!(
        get(&to_session, &Asker::named(&session(1, "reader", "other"))),
        Word::Silent
    );
    // A tenant that is named lets in its administrator; its users ask their own policies besides.
    let to_root = of("Allow", "Principal", &root);
    assert_eq!(get(&to_root, &admin), Word::Allow);
    assert_eq!(get(&to_root, &bob), Word::Silent);
    let away = |who: &Asker| ask_from(&to_root, who, "s3:GetObject", "bkt/k", &[], Kinship::Other);
    assert_eq!((away(&bob), away(&stranger)), (Word::Allow, Word::Silent));
    let no_root = of("Deny", "Principal", &root);
    for (who, word) in [
        (&bob, Word::Deny),
        (&admin, Word::Deny),
        (&taken, Word::Deny),
        (&stranger, Word::Silent),
    ] {
        assert_eq!(get(&no_root, who), word);
    }
    let but_bob = of(
        "Deny",
        "NotPrincipal",
        &json!({ "AWS": [arn(&user(1, "bob")), arn(&Named::Tenant(tenant(1)))] }),
    );
    for (who, word) in [
        (&bob, Word::Silent),
        (&admin, Word::Silent),
        (&eve, Word::Deny),
        (&stranger, Word::Deny),
        (&nobody, Word::Deny),
    ] {
        assert_eq!(get(&but_bob, who), word);
    }
    let without_tenant = of("Deny", "NotPrincipal", &bobs);
    assert_eq!(
        get(&without_tenant, &bob),
        Word::Deny,
        "his tenant is not spared"
    );
}

#[test]
fn actions_and_resources_are_these_or_all_but_these() {
    let bob = Asker::named(&user(1, "bob"));
    let policy = identity_policy(&json!([
        { "Effect": "Allow", "NotAction": "s3:Delete*", "Resource": "arn:aws:s3:::b?t/*" },
        { "Effect": "Deny", "Action": "s3:Get*", "NotResource": ["arn:aws:s3:::bkt/open/*", "arn:aws:s3:::bkt"] },
    ]))
    .expect("a policy");
    let say = |action: &str, path: &str| ask(&policy, &bob, action, path, &[]);
    assert_eq!(say("s3:GetObject", "bkt/open/x"), Word::Allow);
    assert_eq!(say("s3:GetObject", "bkt/shut/x"), Word::Deny);
    assert_eq!(say("s3:PutObject", "bkt/shut/x"), Word::Allow);
    assert_eq!(say("s3:PutObject", "bkkt/x"), Word::Silent);
    assert_eq!(say("s3:DeleteObject", "bkt/open/x"), Word::Silent);
}

fn one(policy: Compiled) -> Vec<Arc<Compiled>> {
    vec![Arc::new(policy)]
}

#[test]
fn a_denial_anywhere_wins_and_over_a_tenants_border_both_sides_must_allow() {
    let get = |effect: &str| {
        identity_policy(&json!([{ "Effect": effect, "Action": "s3:GetObject", "Resource": "*" }]))
            .expect("a policy")
    };
    let (allows, denies, none) = (one(get("Allow")), one(get("Deny")), Vec::new());
    let open = of("Allow", "Principal", &json!("*"));
    let shut = of("Deny", "Principal", &json!("*"));
    let elsewhere =
        identity_policy(&json!([{ "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*" }]))
            .expect("a policy");
    let same = get("Allow");
    let bob = Asker::named(&user(1, "bob"));
    let values = BTreeMap::new();
    let (action, _) = actions::lookup("s3:GetObject").expect("an action");
    let judge = |identity: &[Arc<Compiled>],
                 session: Option<&Compiled>,
                 resource: Option<&Compiled>,
                 kinship,
                 standing,
                 restricted| {
        let sides = Sides {
            standing,
            identity,
            session,
            resource,
            kinship,
            restricted,
        };
        sides.judge(&Ask {
            who: &bob,
            action,
            resource: "s3:::bkt/k",
            values: &values,
        })
    };
    let (own, other) = (Kinship::Own, Kinship::Other);
    let (identity, admin, anonymous) = (Standing::Identity, Standing::Admin, Standing::Anonymous);
    use Access::{Allowed, Denied, NotAllowed};
    for (at, (said, expected)) in [
        (judge(&allows, None, None, own, identity, false), Allowed),
        (judge(&none, None, None, own, identity, false), NotAllowed),
        (
            judge(&none, None, Some(&open), own, identity, false),
            Allowed,
        ),
        (
            judge(&denies, None, Some(&open), own, identity, false),
            Denied,
        ),
        (
            judge(&allows, None, Some(&shut), own, identity, false),
            Denied,
        ),
        (judge(&none, None, None, own, admin, false), Allowed),
        (judge(&none, None, Some(&shut), own, admin, false), Denied),
        (judge(&none, None, None, other, admin, false), NotAllowed),
        (
            judge(&none, None, Some(&open), other, admin, false),
            Allowed,
        ),
        (
            judge(&allows, None, None, other, identity, false),
            NotAllowed,
        ),
        (
            judge(&none, None, Some(&open), other, identity, false),
            NotAllowed,
        ),
        (
            judge(&allows, None, Some(&open), other, identity, false),
            Allowed,
        ),
        (
            judge(&allows, None, Some(&open), other, identity, true),
            NotAllowed,
        ),
        (
            judge(&allows, None, Some(&open), own, identity, true),
            Allowed,
        ),
        (
            judge(&none, None, Some(&open), other, anonymous, false),
            Allowed,
        ),
        (
            judge(&none, None, Some(&open), other, anonymous, true),
            NotAllowed,
        ),
        (
            judge(&none, None, None, other, anonymous, false),
            NotAllowed,
        ),
        (
            judge(&allows, Some(&elsewhere), None, own, identity, false),
            NotAllowed,
        ),
        (
            judge(&allows, Some(&same), None, own, identity, false),
            Allowed,
        ),
        (
            judge(&none, Some(&same), None, own, identity, false),
            NotAllowed,
        ),
        (
            judge(&none, Some(&elsewhere), None, own, admin, false),
            NotAllowed,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(said, expected, "case {at}");
    }
}

#[test]
fn a_role_is_taken_by_whom_it_trusts() {
    let trust = |principal: &Value| {
        let text = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole",
        }] })
        .to_string();
        Compiled::parse(&text, &Kind::Trust, &own()).expect("a trust policy")
    };
    let may = one(
        identity_policy(&json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": format!("arn:aws:iam::{}:role/r*", tenant(1)) }]))
            .expect("a policy"),
    );
    let bob = Asker::named(&user(1, "bob"));
    let values = BTreeMap::new();
    let (action, _) = actions::lookup("sts:AssumeRole").expect("an action");
    let resource = format!("iam::{}:role/reader", tenant(1));
    let judge = |trust: &Compiled, identity: &[Arc<Compiled>], kinship| {
        let sides = Sides {
            standing: Standing::Identity,
            identity,
            session: None,
            resource: Some(trust),
            kinship,
            restricted: false,
        };
        sides.judge_trust(&Ask {
            who: &bob,
            action,
            resource: &resource,
            values: &values,
        })
    };
    let whole = trust(&json!({ "AWS": tenant(1).to_string() }));
    let bobs = trust(&json!({ "AWS": arn(&user(1, "bob")) }));
    let others = trust(&json!({ "AWS": arn(&user(1, "eve")) }));
    assert_eq!(judge(&bobs, &[], Kinship::Own), Access::Allowed);
    assert_eq!(judge(&whole, &[], Kinship::Own), Access::NotAllowed);
    assert_eq!(judge(&whole, &may, Kinship::Own), Access::Allowed);
    assert_eq!(judge(&others, &may, Kinship::Own), Access::NotAllowed);
    assert_eq!(judge(&bobs, &[], Kinship::Other), Access::NotAllowed);
    assert_eq!(judge(&bobs, &may, Kinship::Other), Access::Allowed);
}
