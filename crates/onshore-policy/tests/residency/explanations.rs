//! What is said of a verdict: to the operator everything, to a client abroad nothing of the object.

use onshore_policy::{ApprovalFact, Explanation, Flow, Outcome, Verdict, border_message};
use onshore_types::{Label, Level, Personal, Timestamp};

use crate::world::{
    NOW, approval, code, facts, known, labels, outward, place, policy, strictest, tenant, transfer,
};

/// Reads the command that a remedy proposes, as the operator would carry it out.
fn carried_out(remedy: &str) -> Option<ApprovalFact> {
    let word = |flag: &str| {
        let mut words = remedy.split_ascii_whitespace();
        words.find(|word| *word == flag).and_then(|_| words.next())
    };
    assert_eq!(word("--until")?, "TIME");
    assert_eq!(word("--tenant")?, "hospital");
    Some(ApprovalFact {
        tenant: tenant(1),
        to: word("--to")?.parse().ok()?,
        label: Label::parse_declaration(word("--class")?).ok()?,
        remaining_bytes: word("--max-bytes")?.parse().ok()?,
        granted_at: NOW,
        until: NOW.plus_millis(1),
        ..approval(42)
    })
}

#[test]
fn the_remedy_turns_the_refusal_and_nothing_smaller_does() {
    let policy = policy();
    let expired = ApprovalFact {
        until: NOW,
        ..approval(1)
    };
    for on_record in [vec![], vec![expired]] {
        for label in labels() {
            for flow in [Flow::Read, Flow::Inspect] {
                let asked = transfer(flow, label, place("CN"), place("DE"));
                let before = facts("CN", on_record.clone());
                let told = policy.explain(&before, &asked, "hospital", NOW);
                if label.is_free() {
                    assert_eq!((told.verdict, told.remedy), (Outcome::Allowed, None));
                    continue;
                }
                assert_eq!(told.verdict, Outcome::Refused);
                let granted = carried_out(&told.remedy.expect("a refusal has a remedy"));
                let Some(granted) = granted else {
                    assert_eq!(label, Label::Unclassified);
                    continue;
                };
                let mut after = before.clone();
                after.approvals.push(granted.clone());
                let verdict = policy.decide(&after, &asked, NOW);
                assert!(matches!(verdict, Verdict::Allowed(_)), "{label} {flow:?}");
                if flow == Flow::Read {
                    let mut short = before;
                    short.approvals.push(ApprovalFact {
                        remaining_bytes: granted.remaining_bytes - 1,
                        ..granted
                    });
                    let verdict = policy.decide(&short, &asked, NOW);
                    assert!(matches!(verdict, Verdict::Refused(_)), "{label}");
                }
            }
        }
    }
}

#[test]
fn an_explanation_reads_well() {
    let policy = policy();
    let personal = known(Level::General, Personal::Personal);
    let told = policy.explain(&facts("CN", vec![]), &outward(personal), "hospital", NOW);
    assert_eq!(
        told,
        Explanation {
            verdict: Outcome::Refused,
            rule: "border.no-approval".to_owned(),
            cause: "data governed by CN that is not general leaves only under a transfer approval, and its tenant has none".to_owned(),
            remedy: Some(format!(
                "onshore approval grant --tenant hospital --to US --class personal --max-bytes 1000 --until TIME (TIME: any instant after {NOW})"
            )),
            approval: None,
        }
    );
    let json = serde_json::to_value(&told).expect("it is plain data");
    assert_eq!(json["verdict"], "refused");

    let spent = ApprovalFact {
        remaining_bytes: 999,
        ..approval(1)
    };
    let told = policy.explain(
        &facts("CN", vec![spent.clone()]),
        &outward(strictest()),
        "t",
        NOW,
    );
    assert_eq!(told.approval, Some(spent.id));
    assert_eq!(
        told.cause,
        format!("{} has 999 bytes left and 1000 are asked for", spent.id)
    );

    let early = ApprovalFact {
        granted_at: NOW.plus_millis(500),
        ..approval(1)
    };
    let begins: Timestamp = early.granted_at;
    let told = policy.explain(&facts("CN", vec![early]), &outward(strictest()), "t", NOW);
    assert_eq!(told.remedy, Some(format!("wait until {begins}")));
}

#[test]
fn a_client_abroad_reads_the_border_alone() {
    assert_eq!(
        border_message(code("CN"), place("US")),
        "Refused by rule border.outward: data governed by CN leaves for US only if it is labelled general or a transfer approval in force covers it. \
         Remedy: the operator grants one (onshore approval grant --tenant … --to US --class … --max-bytes … --until …); `onshore explain` tells the operator the exact cause."
    );
    let unknown = border_message(code("CN"), place("unknown"));
    assert!(
        unknown.contains("leaves for an unknown place only if") && unknown.contains("[networks]")
    );
}

#[test]
fn what_is_printed_for_debugging_names_no_key() {
    let asked = outward(strictest());
    assert!(!format!("{asked:?}").contains("a/key"));
}
