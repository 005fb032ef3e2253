//! A certificate says complete only if it is, whatever the source does.

use md5::{Digest, Md5};
use onshore_registry::JobState;
use onshore_sources::{Obstacle, Oddity, OddityKind};

use crate::fake::{Mischief, Object, Vouch};
use crate::world::{World, label};

#[tokio::test]
async fn an_honest_source_arrives_whole() {
    let world = World::new().await;
    let big: Vec<u8> = (0..3_000_000_u32)
        .map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
        .collect();
    let awkward = [
        "/", "//", "../x", ".", "a\nb", "\r", " ", "%25", "e\u{301}", "é", "文档/",
    ];
    for key in awkward {
        world.source.put_bytes(key, key.as_bytes());
    }
    world.source.put_bytes("empty", b"");
    let parts = Object {
        bytes: big.clone(),
        vouch: Vouch::Parts(1_000_000),
        ..Object::default()
    };
    world.source.put("big", parts);
    world.source.put(
        "opaque",
        Object {
            bytes: big.clone(),
            vouch: Vouch::Nothing,
            ..Object::default()
        },
    );

    let outcome = world.migrate(Some("personal")).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    let counts = outcome.certificate().body.counts;
    assert_eq!(
        (counts.listed, counts.copied, counts.exceptions),
        (14, 14, 0)
    );
    let methods = outcome.objects();
    assert!(methods.contains(&("big", "composite-etag")));
    assert!(methods.contains(&("opaque", "read-twice")));
    assert!(methods.contains(&("empty", "md5-etag")));
    for key in awkward {
        let (head, bytes) = world.read(key).await.expect(key);
        assert_eq!(bytes, key.as_bytes());
        assert_eq!(head.content.content_type.as_deref(), Some("text/plain"));
        assert_eq!(
            head.user_metadata.get("origin").map(String::as_str),
            Some("fake")
        );
        assert_eq!((head.tags.len(), head.label), (1, label("personal")));
    }
    // The layout is kept, so that the ETag is the source's.
    let (head, bytes) = world.read("big").await.expect("big");
    assert_eq!(bytes, big);
    let mut whole = Md5::new();
    big.chunks(1_000_000)
        .for_each(|part| whole.update(Md5::digest(part)));
    let etag: String = whole
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(head.etag, format!("{etag}-3"));
    // Each object of the certificate can be proven.
    let certificate = outcome.certificate();
    for (key, _) in outcome.objects() {
        assert_eq!(certificate.prove_object(key).expect("proven").len(), 1);
    }
}

#[tokio::test]
async fn a_source_that_takes_little_at_once_is_asked_for_little() {
    let world = World::new().await;
    for n in 0..80_u8 {
        world
            .source
            .put_bytes(&format!("{n:02}"), &vec![n; 300_000]);
    }
    world.source.take_at_once(2);
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    // Asked for eight at a time it would refuse most of the time.
    assert!(world.source.refused() < 60, "{}", world.source.refused());
}

#[tokio::test]
async fn what_a_source_cannot_or_will_not_give_is_named() {
    let world = World::new().await;
    let cases = [
        ("wrong", Mischief::WrongBytes, "bytes-differ"),
        ("restless", Mischief::ChangesAlways, "still-changing"),
        ("gone", Mischief::Disappears, "disappeared"),
        ("locked", Mischief::Forbidden, "forbidden"),
        ("silent", Mischief::Silent, "unavailable"),
        ("short", Mischief::EndsEarly, "unavailable"),
        ("long", Mischief::EndsLate, "changing"),
    ];
    for (key, mischief, _) in cases {
        world.source.put_mischief(key, mischief);
    }
    world.source.put(
        "liar",
        Object {
            bytes: b"never twice the same".to_vec(),
            vouch: Vouch::Nothing,
            mischief: Mischief::OtherBytesEachTime,
            ..Object::default()
        },
    );
    for (key, obstacle) in [
        ("cold", Obstacle::Archived),
        ("theirs", Obstacle::CustomerKey),
    ] {
        world.source.put(
            key,
            Object {
                obstacle: Some(obstacle),
                ..Object::default()
            },
        );
    }
    let long_key = "k".repeat(1025);
    world.source.put_bytes(&long_key, b"x");
    world.source.put_bytes("nul\0", b"x");
    world.source.put_oddity(Oddity {
        name: "link".into(),
        why: OddityKind::SymbolicLink,
    });
    world.source.put_bytes("good", b"good");

    let outcome = world.migrate(Some("general")).await;
    assert_eq!(outcome.job.state, JobState::Incomplete);
    let mut expected: Vec<(&str, &str)> = cases
        .iter()
        .map(|(key, _, reason)| (*key, *reason))
        .collect();
    expected.extend([
        ("liar", "bytes-differ"),
        ("cold", "archived"),
        ("theirs", "customer-key"),
        (long_key.as_str(), "key-not-addressable"),
        ("nul\0", "key-not-addressable"),
        ("link", "symbolic-link"),
    ]);
    expected.sort_unstable();
    assert_eq!(outcome.exceptions(), expected);
    assert_eq!(outcome.objects(), [("good", "md5-etag")]);
    // Nothing of what failed is there, not even for a moment under another name.
    for (key, _, _) in cases {
        assert!(world.read(key).await.is_none(), "{key}");
    }
    assert!(world.read("liar").await.is_none());
}

#[tokio::test]
async fn faults_that_pass_leave_no_trace() {
    let world = World::new().await;
    for (key, mischief) in [
        ("storm", Mischief::Storm(4)),
        ("spoilt once", Mischief::WrongBytesOnce),
        ("changes once", Mischief::ChangesOnce),
    ] {
        world.source.put_mischief(key, mischief);
    }
    let big = vec![5; 2_000_000];
    world.source.put(
        "broken",
        Object {
            bytes: big.clone(),
            mischief: Mischief::BreaksOnce,
            ..Object::default()
        },
    );
    world.source.storm_listings(3);
    let outcome = world.migrate(None).await;
    assert_eq!(
        outcome.job.state,
        JobState::Complete,
        "{:?}",
        outcome.exceptions()
    );
    for key in ["storm", "spoilt once", "changes once", "broken"] {
        assert_eq!(
            world.read(key).await.expect(key).1,
            world.source.bytes(key),
            "{key}"
        );
    }
    // It went on where it broke off.
    let from: Vec<u64> = world
        .source
        .opened()
        .iter()
        .filter(|(key, _)| key == "broken")
        .map(|(_, from)| *from)
        .collect();
    assert_eq!(from, [0, 1_000_000]);
}

#[tokio::test]
async fn what_appears_meanwhile_is_caught_up_with() {
    let world = World::new().await;
    world.source.put_mischief("first", Mischief::MakesAnother);
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    assert!(world.read("first another").await.is_some());
    assert_eq!(outcome.certificate().body.counts.listed, 2);
}

#[tokio::test]
async fn a_source_that_never_rests_is_never_complete() {
    let world = World::new().await;
    world.source.put_bytes("first", b"x");
    world.source.make_restless();
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Incomplete);
    let exceptions = outcome.exceptions();
    assert_eq!(exceptions.len(), 1);
    assert!(
        exceptions
            .iter()
            .all(|(_, reason)| *reason == "still-changing")
    );
}

#[tokio::test]
async fn a_source_that_goes_away_fails_the_job_and_not_a_million_objects() {
    let world = World::new().await;
    for n in 0..40 {
        world
            .source
            .put_mischief(&format!("{n:02}"), Mischief::Silent);
    }
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Failed);
    assert!(outcome.certificate.is_none());
    assert!(
        outcome
            .job
            .detail
            .clone()
            .expect("a reason")
            .contains("stopped answering")
    );

    let world = World::new().await;
    world.source.storm_listings(u32::MAX);
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Failed);

    let world = World::new().await;
    world.source.put_mischief("k", Mischief::CredentialsExpire);
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Failed);
    assert!(
        outcome
            .job
            .detail
            .clone()
            .expect("a reason")
            .contains("credentials")
    );
}

#[tokio::test]
async fn an_empty_source_says_so() {
    let world = World::new().await;
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    assert!(
        outcome
            .job
            .detail
            .clone()
            .expect("a word")
            .contains("nothing")
    );
    assert!(outcome.certificate().objects.is_empty());
}

#[tokio::test]
async fn a_class_found_at_the_source_tightens_and_never_loosens() {
    let world = World::new().await;
    for (key, class) in [
        ("a", Some("general")),
        ("b", Some("core")),
        ("c", Some("nonsense")),
        ("d", None),
    ] {
        world.source.put(
            key,
            Object {
                class: class.map(str::to_owned),
                ..Object::default()
            },
        );
    }
    world.migrate(Some("personal")).await;
    for (key, expected) in [
        ("a", "personal"),
        ("b", "core,personal"),
        ("c", "unclassified"),
        ("d", "personal"),
    ] {
        assert_eq!(
            world.read(key).await.expect(key).0.label,
            label(expected),
            "{key}"
        );
    }
}

#[tokio::test]
async fn no_secret_and_no_name_of_an_object_reaches_the_ledger() {
    let world = World::new().await;
    world.source.put_bytes("Zhang San's diagnosis", b"x");
    world
        .source
        .put_mischief("Li Si's payslip", Mischief::Forbidden);
    let outcome = world.migrate(None).await;
    let certificate = serde_json::to_string(outcome.certificate()).expect("serializes");
    let ledger = world.ledger().await;
    assert!(!ledger.contains("very secret") && !certificate.contains("very secret"));
    for name in ["diagnosis", "payslip"] {
        assert!(!ledger.contains(name));
        assert!(certificate.contains(name));
    }
}
