//! Changed files: every bit, every member, and files of other kinds.

use onshore_ledger::{Document, Error};
use proptest::prelude::{any, prop_assert, proptest};
use serde_json::{Value, json};

use crate::fixture::{
    ORIGIN, body, certificate, entries, exception, export_bundle, file, issue, keys, verify,
};

#[test]
fn honest_documents_return_and_verify() {
    let bundle = export_bundle();
    assert_eq!(
        verify(&file(&bundle)).expect("honest"),
        Document::Proof(Box::new(bundle.clone()))
    );
    let verified = bundle.verify(&keys()).expect("honest");
    assert_eq!(verified.record.expect("disclosed")["key"], "invoice-17.pdf");
    assert_eq!(verified.related[0].leaf["sent"], 4096);
    let certificate = certificate();
    assert_eq!(
        verify(&file(&certificate)).expect("honest"),
        Document::Certificate(Box::new(certificate.clone()))
    );
    let summary = certificate.verify(&keys()).expect("honest");
    assert_eq!((summary.objects, summary.body.bytes), (5, 42));
    assert_eq!((summary.origin.as_str(), summary.leaf_index), (ORIGIN, 11));
}

#[test]
fn any_flipped_bit_of_a_file_is_refused_or_changes_nothing() {
    let exceptions = issue(body(&entries(), vec![exception("c")]), entries());
    for bytes in [
        file(&export_bundle()),
        file(&certificate()),
        file(&exceptions),
    ] {
        let honest = verify(&bytes).expect("honest");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = verify(&changed) {
                assert_eq!(read, honest, "bit {bit}");
            }
        }
    }
}

/// Calls `visit` with every file that differs from `document` in one member or element.
fn alterations(document: &Value, visit: &mut dyn FnMut(Value)) {
    let mut pointers = vec![];
    collect_pointers(document, String::new(), &mut pointers);
    for pointer in pointers {
        let mut alter = |change: &dyn Fn(&mut Value)| {
            let mut altered = document.clone();
            change(altered.pointer_mut(&pointer).expect("collected"));
            visit(altered);
        };
        alter(&|value| *value = Value::Null);
        alter(&|value| *value = json!([]));
        alter(&|value| *value = json!({}));
        alter(&|value| *value = json!(-1));
        alter(&|value| *value = json!(1.5));
        alter(&|value| *value = json!(u64::MAX));
        alter(&|value| {
            if let Some(text) = value.as_str() {
                *value = json!(format!("{text}x"));
            }
        });
        alter(&|value| {
            if let Some(members) = value.as_object_mut() {
                members.insert("surplus".to_owned(), json!(1));
            }
        });
        alter(&|value| {
            if let Some(items) = value.as_array_mut() {
                items.pop();
            }
        });
        alter(&|value| {
            if let Some(items) = value.as_array_mut() {
                items.reverse();
            }
        });
        alter(&|value| {
            if let Some(items) = value.as_array_mut()
                && let Some(last) = items.last().cloned()
            {
                items.push(last);
            }
        });
    }
}

fn collect_pointers(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect_pointers(member, format!("{pointer}/{name}"), pointers);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                collect_pointers(item, format!("{pointer}/{place}"), pointers);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    pointers.push(pointer);
}

#[test]
fn any_altered_member_of_a_file_is_refused() {
    // What may be left out without a lie: the record, and the leaves beside the one proven.
    let lesser = |document: &Document, honest: &Document| match (document, honest) {
        (Document::Proof(read), Document::Proof(honest)) => {
            read.leaf == honest.leaf
                && (read.disclosure.is_none() || read.disclosure == honest.disclosure)
                && read
                    .related
                    .iter()
                    .all(|related| honest.related.contains(related))
        }
        _ => false,
    };
    let exceptions = issue(body(&entries(), vec![exception("c")]), entries());
    let files = [
        json!(export_bundle()),
        json!(certificate()),
        json!(exceptions),
    ];
    for document in files {
        let honest = verify(&file(&document)).expect("honest");
        let mut tried = 0;
        alterations(&document, &mut |altered| {
            tried += 1;
            if let Ok(read) = verify(&file(&altered)) {
                assert!(read == honest || lesser(&read, &honest), "{altered}");
            }
        });
        assert!(tried > 100);
    }
}

#[test]
fn files_of_other_kinds_get_a_clear_answer() {
    let deep = "[".repeat(100_000);
    assert!(Document::parse(deep.as_bytes()).is_err());
    for bad in ["", "not json", "{", "\u{feff}{}", "<xml/>"] {
        assert!(matches!(
            Document::parse(bad.as_bytes()),
            Err(Error::DocumentNotJson(_))
        ));
    }
    for bad in [
        "1",
        "null",
        "[]",
        "{}",
        "{\"body\":{}}",
        "{\"body\":3}",
        "{\"format\":7}",
    ] {
        assert!(
            matches!(
                Document::parse(bad.as_bytes()),
                Err(Error::DocumentUnknown { .. })
            ),
            "{bad}"
        );
    }
    let newer = Document::parse(b"{\"format\":\"onshore-proof/2\"}").expect_err("newer");
    assert!(newer.to_string().contains("newer Onshore"), "{newer}");
    let long = format!("{{\"format\":\"{}\"}}", "x".repeat(10_000));
    let refused = Document::parse(long.as_bytes())
        .expect_err("unknown")
        .to_string();
    assert!(refused.len() < 400);
    assert!(matches!(
        Document::parse(b"{\"format\":\"onshore-proof/1\"}"),
        Err(Error::Json(_))
    ));
}

#[test]
fn a_record_that_names_a_member_twice_is_refused() {
    let text = String::from_utf8(file(&export_bundle())).expect("JSON");
    let doubled = text.replace("\"bytes\":4096", "\"bytes\":1,\"bytes\":4096");
    assert_ne!(doubled, text);
    assert!(Document::parse(doubled.as_bytes()).is_err());
}

#[test]
fn debug_output_shows_no_salt() {
    let salt = hex::encode([9; 32]);
    let bundle = export_bundle();
    assert!(
        String::from_utf8(file(&bundle))
            .expect("JSON")
            .contains(&salt)
    );
    let debug = format!("{bundle:?}");
    assert!(!debug.contains(&salt) && !debug.contains("[9, 9"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(verify(&bytes).is_err());
    }
}
