//! Jobs move forward only, and their credentials go when they end.

use onshore_keys::Secret;
use onshore_registry::{
    EntryId, EntryKind, EntryOutcome, EntryState, Error, JobState, ListedEntry, NewJob, Sighting,
};
use onshore_types::{BucketName, JobId, PrincipalId};
use serde_json::json;

use crate::house::{House, NOW, wait};

const PLAIN: &[u8] = b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const OTHER: &[u8] = b"another secret that was handed over later";

fn job(house: &House, id: u8) -> JobId {
    let id = JobId::from_bytes([id; 16]);
    let tenant = house.tenant.id;
    house
        .write(move |registry, unit| {
            let job = NewJob {
                id,
                tenant,
                bucket: BucketName::parse("archive").expect("a name"),
                source: json!({ "s3": "s3://old-cloud/archive" }),
                fingerprint: [3; 32],
                label: None,
                options: json!({}),
                credentials: Some(Secret::new(PLAIN.to_vec())),
                created_by: PrincipalId::from_bytes([4; 16]),
                created: NOW,
            };
            registry.save_job(unit, &job)
        })
        .expect("saved");
    id
}

/// What is kept of a job's credentials, as it is kept.
fn sealed(house: &House, id: JobId) -> Option<Vec<u8>> {
    let read = house.db.read_blocking(|view| {
        view.one(
            "SELECT sealed_credentials FROM jobs WHERE id = ?1",
            [id.as_bytes()],
            |row| row.get::<_, Option<Vec<u8>>>(0),
        )
    });
    read.map_err(|error: onshore_db::Error| error)
        .expect("read")
        .flatten()
}

fn end(house: &House, id: JobId, state: JobState) -> Result<(), Error> {
    house.write(move |registry, unit| registry.end_job(unit, id, state, None, None, NOW))
}

#[test]
fn credentials_are_never_plain_on_disk_and_their_seal_goes_with_the_job() {
    let house = House::new();
    let id = job(&house, 1);
    assert!(!house.holds(PLAIN));
    let opened = wait(house.registry.job_credentials(id)).expect("opens");
    assert_eq!(opened.expect("there").as_bytes(), PLAIN);
    let first = sealed(&house, id).expect("kept");

    house
        .write(move |registry, unit| {
            registry.renew_credentials(unit, id, &Secret::new(OTHER.to_vec()))
        })
        .expect("renewed");
    assert!(!house.holds(OTHER));
    let second = sealed(&house, id).expect("kept");
    assert_ne!(first, second);
    assert!(house.holds(&second), "the test looks in the right place");

    end(&house, id, JobState::Complete).expect("ended");
    assert_eq!(sealed(&house, id), None);
    assert!(
        wait(house.registry.job_credentials(id))
            .expect("read")
            .is_none()
    );
    let late = house.write(move |registry, unit| {
        registry.renew_credentials(unit, id, &Secret::new(PLAIN.to_vec()))
    });
    late.expect("nothing to renew");
    assert_eq!(
        sealed(&house, id),
        None,
        "an ended job takes no credentials"
    );

    // Once the log is emptied into the file, no copy of a seal is left in either.
    house.db.fold_back().expect("emptied");
    let log = std::fs::metadata(house.folder.path().join("onshore.db-wal"));
    assert_eq!(log.expect("the log").len(), 0);
    assert!(!house.holds(&first) && !house.holds(&second));
    assert!(
        house.holds(b"s3://old-cloud/archive"),
        "the job itself is there"
    );
}

#[test]
fn credentials_of_one_job_do_not_open_as_anothers() {
    let house = House::new();
    let (one, other) = (job(&house, 1), job(&house, 2));
    let moved = sealed(&house, one).expect("kept");
    house
        .write(move |_, unit| {
            Ok(unit.execute(
                "UPDATE jobs SET sealed_credentials = ?2 WHERE id = ?1",
                onshore_db::params![other.as_bytes(), moved],
            )?)
        })
        .expect("moved");
    let opened = wait(house.registry.job_credentials(other));
    assert!(matches!(opened, Err(Error::Key(_))), "{opened:?}");
}

#[test]
fn an_ended_job_stays_as_it_ended() {
    for ended in [
        JobState::Complete,
        JobState::Incomplete,
        JobState::Failed,
        JobState::Cancelled,
    ] {
        let house = House::new();
        let id = job(&house, 1);
        let phase = |word: &'static str| {
            house.write(move |registry, unit| registry.advance_job(unit, id, word, None))
        };
        phase("inventory").expect("advanced");
        assert_eq!(
            wait(house.registry.job(id)).expect("there").state,
            JobState::Running
        );
        end(&house, id, ended).expect("ended");
        let known = wait(house.registry.job(id)).expect("there");
        for again in [JobState::Complete, JobState::Failed] {
            let refused = end(&house, id, again);
            assert!(matches!(refused, Err(Error::JobEnded(_))), "{refused:?}");
        }
        let cancelled = house.write(move |registry, unit| registry.cancel_job(unit, id));
        assert!(
            matches!(cancelled, Err(Error::JobEnded(_))),
            "{cancelled:?}"
        );
        phase("copy").expect("ignored");
        assert_eq!(wait(house.registry.job(id)).expect("there"), known);
        assert_eq!(wait(house.registry.unfinished_jobs()).expect("read"), []);
    }
}

#[test]
fn a_cancelled_job_is_not_brought_back_to_running() {
    let house = House::new();
    let id = job(&house, 1);
    house
        .write(move |registry, unit| registry.cancel_job(unit, id))
        .expect("asked");
    house
        .write(move |registry, unit| registry.advance_job(unit, id, "copy", Some("k")))
        .expect("advanced");
    let known = wait(house.registry.job(id)).expect("there");
    assert_eq!(
        (known.state, known.phase.as_str()),
        (JobState::Cancelling, "copy")
    );
}

#[test]
fn entries_page_in_key_order_and_a_changed_listing_begins_anew() {
    let house = House::new();
    let id = job(&house, 1);
    let list = |key: &str, size_bytes: u64| {
        let entry = ListedEntry {
            key: key.to_owned(),
            version: None,
            newer: 0,
            kind: EntryKind::Object,
            size_bytes,
            source_version: Some("v1".to_owned()),
            modified: None,
        };
        house
            .write(move |registry, unit| registry.save_listed(unit, id, Sighting::BESIDE, &entry))
            .expect("listed");
    };
    for key in ["b", "a\u{10ffff}", "a", "", "B", "a/b", "é"] {
        list(key, 1);
        list(key, 1);
    }
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = wait(house.registry.entries(id, after.take(), 2)).expect("read");
        let Some(last) = page.last() else { break };
        after = Some(last.listed.id());
        keys.extend(page.into_iter().map(|entry| entry.listed.key));
    }
    assert_eq!(keys, ["", "B", "a", "a/b", "a\u{10ffff}", "b", "é"]);

    let copied = EntryOutcome {
        state: EntryState::Copied,
        sha256: Some([5; 32]),
        method: Some("sha256".to_owned()),
        destination: None,
        label: None,
        detail: None,
        leaf: Some(7),
    };
    house
        .write(move |registry, unit| {
            let id_of_a = EntryId {
                key: "a".to_owned(),
                version: None,
            };
            registry.save_outcome(unit, id, &id_of_a, &copied)
        })
        .expect("saved");
    // The same keeps what became of it, another size begins anew.
    list("a", 1);
    let tally = wait(house.registry.tally(id)).expect("counted");
    assert_eq!((tally.listed, tally.copied), (7, 1));
    list("a", 2);
    let tally = wait(house.registry.tally(id)).expect("counted");
    assert_eq!((tally.listed, tally.listed_bytes, tally.copied), (7, 8, 0));
}
