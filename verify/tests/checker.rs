//! The checker on documents that a server wrote (`documents/`, made by `documents/make.py`): each holds, and none does with a
//! byte changed.

use onshore_verify::{Key, Policy, check};

const KEY: &str = include_str!("documents/key");
const POLICY: &str = include_str!("documents/policy");
const DOCUMENTS: [(&str, &[u8]); 5] = [
    ("certificate", include_bytes!("documents/certificate.json")),
    ("proof", include_bytes!("documents/proof.json")),
    ("read", include_bytes!("documents/read.json")),
    ("tlog-proof", include_bytes!("documents/leaf.tlog-proof")),
    ("evidence", include_bytes!("documents/bundle.jsonl")),
];

fn key() -> Key {
    Key::parse(KEY).expect("the ledger's key")
}

fn policy(name: &str) -> Option<Policy> {
    // A certificate's own proof is made before witnesses were asked.
    (name != "certificate").then(|| Policy::parse(POLICY).expect("the policy"))
}

#[test]
fn documents_of_a_server_hold() {
    for (name, document) in DOCUMENTS {
        let said = check(document, &[key()], policy(name).as_ref()).expect(name);
        assert!(said.len() >= 2, "{name}: {said:?}");
    }
    let (_, evidence) = DOCUMENTS[4];
    let said = check(evidence, &[key()], policy("evidence").as_ref()).expect("evidence").join("\n");
    for words in
        ["nothing left out", "exported payroll.csv", "to US on approval", "was refused plans.pdf", "border SHA-256"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn no_document_holds_with_a_byte_changed() {
    for (name, document) in DOCUMENTS {
        let (keys, policy) = ([key()], policy(name));
        let honest: Option<serde_json::Value> = serde_json::from_slice(document).ok();
        for place in 0..document.len() {
            let mut spoiled = document.to_vec();
            spoiled[place] ^= 1 << (place % 7);
            // In a document of plain JSON another spelling of the same is no lie.
            let is_same = honest.is_some() && serde_json::from_slice(&spoiled).ok() == honest;
            assert!(is_same || check(&spoiled, &keys, policy.as_ref()).is_err(), "{name}, byte {place}");
        }
        for cut in [0, 1, document.len() / 3, document.len() - 2] {
            assert!(check(&document[..cut], &keys, policy.as_ref()).is_err(), "{name}, cut to {cut}");
        }
    }
}

#[test]
fn nothing_holds_without_the_right_key_or_quorum() {
    let witness = POLICY.lines().find(|line| line.starts_with("witness")).expect("a witness");
    let none = "quorum none\n";
    for (name, document) in DOCUMENTS {
        assert!(check(document, &[], None).is_err(), "{name}");
        let stranger = KEY.replacen("+", "x+", 1);
        assert!(Key::parse(&stranger).is_err(), "its hash does not fit");
        let policy = Policy::parse(none).expect("no witness");
        assert!(check(document, &[key()], Some(&policy)).is_ok(), "{name}");
        let both = format!("{witness}\nquorum {}\n", witness.split(' ').nth(1).expect("a name"));
        assert!(Policy::parse(&both).is_ok());
    }
    for bad in [
        "",
        "quorum none",
        "quorum W\n",
        "group g 2 none\nquorum g\n",
        "quorum none\nquorum none\n",
        "log x\nquorum none\n",
    ] {
        assert!(Policy::parse(bad).is_err(), "{bad:?}");
    }
}
