//! Policy documents as an attacker makes them: honest ones with a few changes, seeded and repeatable. Most are refused. One that
//! is accepted must say one thing only: the same to a plain reader of JSON, nothing once it denies everything, and nothing that
//! it allows when all of it denies.

use std::collections::BTreeMap;

use onshore_policy::iam::{Ask, Asker, Compiled, Kind, Kinship, Named, Values, Word, actions};
use onshore_types::{BucketName, IdentityName, PartitionName, TenantId};
use serde_json::{Value, json};

/// What is asked of each policy that is accepted.
const ASKED: [(&str, &str); 5] = [
    ("s3:GetObject", "bkt/a/b"),
    ("s3:PutObject", "bkt/${aws:username}"),
    ("s3:ListBucket", "bkt"),
    ("s3:DeleteObject", "bkt/*"),
    ("s3:PutBucketPolicy", "bkt"),
];
/// What conditions are told, whatever they ask for.
const TOLD: [&str; 2] = ["bob", "10.1.2.3"];

/// Policies that are accepted.
pub(crate) const HONEST: [&str; 5] = [
    r#"{"Version":"2012-10-17","Id":"one","Statement":[{"Sid":"a","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/*"}]}"#,
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["s3:Get*","s3:PutObject"],"Resource":["arn:aws:s3:::bkt/${aws:username}/*","arn:aws:s3:::bkt/a?b*"],"Condition":{"StringLike":{"aws:UserAgent":["a*","b?c"]},"IpAddress":{"aws:SourceIp":["10.0.0.0/8","2001:db8::/32"]}}},{"Effect":"Deny","Principal":"*","NotAction":"s3:*","Resource":"arn:aws:s3:::bkt"}]}"#,
    r#"{"Version":"2008-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","NotResource":"arn:aws:s3:::bkt/open/*","Condition":{"Bool":{"aws:SecureTransport":"false"},"DateLessThan":{"aws:CurrentTime":"2026-12-01T00:00:00Z"},"NumericLessThanEquals":{"s3:max-keys":"100"}}}}"#,
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket"],"Resource":"arn:aws:s3:::bkt","Condition":{"StringEqualsIfExists":{"s3:prefix":["","home/","home/${aws:username}/*"]},"Null":{"s3:delimiter":"true"}}},{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}}}]}"#,
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}]}"#,
];

/// What is put in between.
const PIECES: &[&str] = &[
    "\"*\"",
    "\"s3:*\"",
    "\"\\u0041\"",
    "\"Effect\":\"Allow\",",
    "\"Effect\":\"Deny\",",
    "\"Principal\":\"*\",",
    "[",
    "]",
    "{",
    "}",
    "\"NotAction\":\"s3:GetObject\",",
    "\"Resource\":\"*\",",
    "${*}",
    "${?}",
    "${$}",
    "${aws:username",
    "null",
    "-0",
    "1e999",
    "\\ud800",
    "\u{0}",
    "\u{feff}",
    "\"Condition\":{},",
    "\"Action\":[],",
    "::",
    "*",
    "?",
    ",",
    "\"",
    "\\",
    "arn:aws-cn:s3:::bkt/*",
    "\"Version\":\"2012-10-17\",",
];

/// Attacks an altered copy of each honest document, as each kind of policy.
///
/// # Panics
/// When something is accepted that says two things, or a reader panics.
pub(crate) fn round(seed: u64) {
    let mut draw = Draw(seed);
    for honest in HONEST {
        let altered = draw.altered(honest);
        let is_accepted = as_each_kind(&altered);
        assert!(
            is_accepted || altered != honest,
            "an honest one is refused: {honest}"
        );
    }
}

/// Attacks a text as each kind of policy, and returns whether it is one of any kind.
pub(crate) fn as_each_kind(text: &str) -> bool {
    let own = PartitionName::parse("onshore").expect("a partition");
    let bucket = BucketName::parse("bkt").expect("a bucket");
    let kinds = [
        Kind::Bucket { name: &bucket },
        Kind::Identity,
        Kind::Session,
        Kind::Trust,
    ];
    let accepted = kinds.iter().filter(|kind| attack(text, kind, &own));
    accepted.count() > 0
}

/// Returns whether a text is accepted.
fn attack(text: &str, kind: &Kind<'_>, own: &PartitionName) -> bool {
    let Ok(accepted) = Compiled::parse(text, kind, own) else {
        return false;
    };
    let plain: Value = serde_json::from_str(text)
        .unwrap_or_else(|fault| panic!("no JSON was accepted, {fault}: {text}"));
    let words = judged(&accepted);
    if let Ok(again) = Compiled::parse(&plain.to_string(), kind, own) {
        assert_eq!(
            words,
            judged(&again),
            "a plain reader reads something else: {text}"
        );
    } else {
        panic!("a plain reader reads something that is refused: {text}");
    }
    let mut statements = match &plain["Statement"] {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    for statement in &mut statements {
        statement["Effect"] = json!("Deny");
    }
    let with = |statements: &[Value]| {
        let mut document = plain.clone();
        document["Statement"] = json!(statements);
        Compiled::parse(&document.to_string(), kind, own)
    };
    // Nothing that denies may be refused where it could allow, but for its length and a role that nobody may take.
    if let Ok(denying) = with(&statements) {
        assert!(
            !judged(&denying).contains(&Word::Allow),
            "it denies all it says, and allows: {text}"
        );
    }
    let mut everything = json!({ "Effect": "Deny" });
    match kind {
        Kind::Bucket { .. } => {
            everything["Principal"] = json!("*");
            everything["Resource"] = json!(["arn:aws:s3:::bkt", "arn:aws:s3:::bkt/*"]);
            everything["Action"] = json!("s3:*");
        }
        Kind::Identity | Kind::Session => {
            everything["Resource"] = json!("*");
            everything["Action"] = json!("*");
        }
        Kind::Trust => return true,
    }
    statements.push(everything);
    if let Ok(shut) = with(&statements) {
        assert!(
            judged(&shut).iter().all(|word| *word == Word::Deny),
            "it denies everything, and something passes: {text}"
        );
    }
    true
}

/// What a policy says to every question.
fn judged(policy: &Compiled) -> Vec<Word> {
    let tenant = TenantId::from_bytes([1; 16]);
    let bob = IdentityName::parse("bob").expect("a name");
    let askers = [
        Asker::anonymous(),
        Asker::admin(tenant),
        Asker::named(&Named::User(tenant, bob.clone())),
        Asker::named(&Named::Session(tenant, bob.clone(), bob)),
    ];
    let mut words = Vec::new();
    for told in TOLD {
        let values: BTreeMap<_, _> = policy
            .keys()
            .iter()
            .map(|key| {
                let values = if key.has_many_values() {
                    Values::Many(vec![told.to_owned(), "a".to_owned()])
                } else {
                    Values::One(told.to_owned())
                };
                (key.clone(), values)
            })
            .collect();
        for who in &askers {
            for (action, path) in ASKED {
                let (action, _) = actions::lookup(action).expect("an action");
                let ask = Ask {
                    who,
                    action,
                    resource: &format!("s3:::{path}"),
                    values: &values,
                };
                words.extend(
                    [Kinship::Own, Kinship::Other].map(|kinship| policy.judge(&ask, kinship)),
                );
            }
        }
    }
    words
}

/// Draws numbers, the same for the same seed (splitmix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).expect("small");
        usize::try_from(self.next() % end).expect("small")
    }

    /// Returns a document with at most three changes.
    fn altered(&mut self, honest: &str) -> String {
        let mut signs: Vec<char> = honest.chars().collect();
        for _ in 0..self.below(4) {
            let (a, b) = (self.below(signs.len()), self.below(signs.len()));
            let run = a.min(b)..a.max(b).min(a.min(b) + 80);
            match self.below(7) {
                0 => drop(signs.drain(run)),
                1 => {
                    let copy = signs[run].to_vec();
                    drop(signs.splice(a..a, copy));
                }
                2 => signs.truncate(a),
                3 => {
                    let other: Vec<char> = HONEST[self.below(HONEST.len())].chars().collect();
                    let from = self.below(other.len());
                    let piece = other[from..(from + 60).min(other.len())].to_vec();
                    drop(signs.splice(a..a, piece));
                }
                4 => {
                    let depth = self.below(400);
                    let piece = ["[", "{\"a\":"][self.below(2)].repeat(depth);
                    drop(signs.splice(a..a, piece.chars()));
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())].chars();
                    drop(signs.splice(a..a, piece));
                }
            }
            if signs.is_empty() {
                break;
            }
        }
        signs.into_iter().collect()
    }
}
