//! Assets that were proven before it was noted by how many objects, and what of a proof was set aside.

use std::sync::Arc;

use onshore_db::{Database, Options, Schema, params};
use onshore_keys::FileRootKey;
use onshore_registry::{AsOf, Error, Registry, SCHEMA};
use onshore_types::JobId;

use crate::house::NOW;

#[test]
fn what_was_set_aside_before_that_was_told_apart_was_a_name() {
    let steps: &'static [&'static str] = SCHEMA.steps;
    let of_proofs = steps.iter().position(|step| step.contains("proven_by"));
    let (before, _) = steps.split_at(of_proofs.expect("there is such a step"));
    let folder = onshore_testkit::TempFolder::new("registry-proofs").expect("a folder");
    let path = folder.path().join("onshore.db");
    let open = |schema| Database::open(&path, &[schema], Options::default()).expect("a database");
    let old = open(Schema {
        steps: before,
        ..SCHEMA
    });
    let job = JobId::from_bytes([7; 16]);
    let written: Result<(), Error> = old.write_blocking(move |unit| {
        for (id, set_aside) in [("a-1", ""), ("a-2", r#", "set_aside": true"#)] {
            let record = format!(
                r#"{{"id": "{id}", "contract": "c-1", "kind": "bucket", "name": "b",
                    "proof": {{"job": "{job}", "leaf": 1, "filed": "2022-01-01"{set_aside}}}}}"#
            );
            unit.execute(
                "INSERT INTO register (kind, id, revision, holder, recorded_ms, recorded_by, proven, record)
                 VALUES ('asset', ?1, 1, 'c-1', 0, ?2, '2022-01-01', ?3)",
                params![id, [1_u8; 16], record],
            )?;
        }
        Ok(())
    });
    written.expect("written");
    drop(old);
    let db = open(SCHEMA);
    let key = FileRootKey::open_or_create(&folder.path().join("root.key")).expect("a key");
    let registry = Registry::new(db.clone(), Arc::new(key));
    let tally = |on: &str| {
        let as_of = AsOf {
            on: on.parse().expect("a day"),
            known_at: NOW,
        };
        let read: Result<_, Error> =
            db.read_blocking(|view| registry.asset_tallies(view, None, as_of));
        read.expect("read").remove("c-1").expect("the contract")
    };
    let then = tally("2022-01-01");
    assert_eq!((then.proven, then.objects, then.set_aside), (2, 0, 1));
    assert_eq!(then.against, [1, 0, 0, 0, 0, 0, 0]);
    let earlier = tally("2021-12-31");
    assert_eq!(
        (earlier.assets, earlier.proven, earlier.set_aside),
        (2, 0, 0)
    );
    let proven: Result<_, Error> = db.read_blocking(|view| registry.proven_by(view, job));
    let ids: Vec<String> = proven
        .expect("read")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(ids, ["a-1", "a-2"]);
}
