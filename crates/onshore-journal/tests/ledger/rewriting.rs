//! A history that was changed, cut or rolled back is refused at start, and what contradicts it stays on disk.

use std::fs;

use onshore_db::{Error as DbError, params};
use onshore_journal::Error;
use onshore_keys::FileRootKey;
use onshore_ledger::{Checkpoint, Hash, Signer, tiles_to_write};
use tokio_util::sync::CancellationToken;

use crate::house::{House, record, wait};

/// Makes a ledger of so many leaves, published and closed.
fn published(leaves: u64) -> House {
    let house = House::new();
    let journal = house.open().expect("opened");
    record(&journal, &house.db, 0..leaves);
    wait(journal.publish()).expect("published");
    house
}

fn refused(house: &House) -> Error {
    let files: Vec<_> = tiles_to_write(0, 300)
        .iter()
        .map(|tile| house.ledger().join(tile.path()))
        .chain([house.ledger().join("checkpoint")])
        .map(|path| (fs::read(&path).ok(), path))
        .collect();
    let error = house.open().expect_err("a rewritten history must not open");
    for (bytes, path) in files {
        assert_eq!(
            fs::read(&path).ok(),
            bytes,
            "{} was touched",
            path.display()
        );
    }
    error
}

#[test]
fn changed_leaves_are_found() {
    for attack in [
        r#"UPDATE leaves SET body = CAST('{"kind":"test","number":1000}' AS BLOB) WHERE idx = 3"#,
        r#"UPDATE leaves SET body = CAST('{"kind":"test","number":1000}' AS BLOB) WHERE idx = 299"#,
        "DELETE FROM leaves WHERE idx = 0",
        "DELETE FROM leaves WHERE idx = 150",
        "DELETE FROM leaves WHERE idx = 299",
        "DELETE FROM leaves WHERE idx > 100",
        "DELETE FROM leaves",
        "UPDATE leaves SET body = (SELECT body FROM leaves AS other WHERE other.idx = leaves.idx + 1) WHERE idx = 20",
        "UPDATE leaves SET idx = -1 WHERE idx = 5",
    ] {
        let house = published(300);
        house.tamper(attack);
        let error = refused(&house);
        assert!(
            matches!(error, Error::Rewritten { .. }),
            "{attack}: {error}"
        );
        let again = house.open().expect_err("nor the next time");
        assert!(
            matches!(again, Error::Rewritten { .. }),
            "{attack}: {again}"
        );
    }
}

#[test]
fn a_changed_or_missing_checkpoint_row_is_found() {
    for attack in [
        "UPDATE checkpoint SET size = size - 1",
        "UPDATE checkpoint SET root = zeroblob(32)",
        "UPDATE checkpoint SET note = replace(note, '300', '299')",
        "UPDATE checkpoint SET note = ''",
        "DELETE FROM checkpoint",
    ] {
        let house = published(300);
        house.tamper(attack);
        let error = refused(&house);
        assert!(
            matches!(error, Error::Rewritten { .. }),
            "{attack}: {error}"
        );
    }
}

#[test]
fn a_database_rolled_back_to_an_older_signed_state_contradicts_what_was_published() {
    let house = House::new();
    let journal = house.open().expect("opened");
    record(&journal, &house.db, 0..300);
    wait(journal.publish()).expect("published");
    let old = journal.checkpoint();
    record(&journal, &house.db, 300..310);
    wait(journal.publish()).expect("published");
    let head = Checkpoint::verify(&old, &[journal.verifier()]).expect("signed");
    house
        .db
        .write_blocking(move |unit| {
            unit.execute("DELETE FROM leaves WHERE idx >= 300", [])?;
            unit.execute(
                "UPDATE checkpoint SET size = 300, root = ?1, note = ?2",
                params![head.root.as_bytes(), old],
            )
        })
        .map_err(|error: DbError| error)
        .expect("rolled back");
    let error = refused(&house);
    assert!(matches!(error, Error::Rewritten { .. }), "{error}");
    // With other leaves in the place of the lost ones it is a fork.
    record(&journal, &house.db, 400..420);
    let error = refused(&house);
    assert!(matches!(error, Error::Rewritten { .. }), "{error}");
}

#[test]
fn another_signing_key_is_found() {
    let house = published(300);
    house.tamper("DELETE FROM ledger_key");
    let error = refused(&house);
    assert!(matches!(error, Error::Rewritten { .. }), "{error}");

    let house = published(300);
    let sealed = house
        .keys
        .wrap(b"onshore ledger signing key", &[7; 32])
        .expect("sealed");
    house
        .db
        .write_blocking(move |unit| {
            unit.execute("UPDATE ledger_key SET sealed_seed = ?1", [sealed])
        })
        .map_err(|error: DbError| error)
        .expect("swapped");
    let error = refused(&house);
    assert!(matches!(error, Error::Rewritten { .. }), "{error}");
}

#[test]
fn another_root_key_does_not_open_the_ledger() {
    let house = published(3);
    let other = FileRootKey::open_or_create(&house.folder.path().join("other.key"));
    let error = house.open_with(&other.expect("a key"));
    assert!(matches!(error, Err(Error::Key(_))), "{error:?}");
    house.open().expect("the right one does");
}

#[test]
fn a_checkpoint_file_of_another_log_is_written_over() {
    let house = published(300);
    let stranger = Signer::from_seed("cn-north-1.example", &[3; 32]).expect("a signer");
    let forged = Checkpoint {
        origin: "cn-north-1.example".to_owned(),
        size: 9000,
        root: Hash([1; 32]),
    };
    let note = forged.sign(&stranger).expect("signed");
    fs::write(house.ledger().join("checkpoint"), note).expect("written");
    let journal = house.open().expect("a stranger's word counts for nothing");
    assert_eq!(house.check_as_stranger(&journal.verifier()).size, 300);
}

#[test]
fn leaves_committed_after_the_last_checkpoint_are_no_rewriting() {
    let house = published(300);
    let journal = house.open().expect("opened");
    record(&journal, &house.db, 300..700);
    drop(journal);
    let journal = house.open().expect("a crash before the checkpoint");
    assert_eq!(house.check_as_stranger(&journal.verifier()).size, 700);
}

/// More leaves than a start reads.
const MANY: u64 = 100_700;

#[test]
fn a_long_log_goes_on_from_its_tiles_and_is_read_behind_the_start() {
    let house = published(MANY);
    let journal = house.open().expect("opened");
    record(&journal, &house.db, MANY..MANY + 1000);
    wait(journal.publish()).expect("published");
    let head = house.check_as_stranger(&journal.verifier());
    assert_eq!(head.size, MANY + 1000);
    wait(journal.read_behind(CancellationToken::new())).expect("nothing is wrong");
    wait(journal.read_behind(CancellationToken::new())).expect("nor the second time");
    drop(journal);

    // Tiles that are missing are no evidence: the leaves are read, and the tiles come back.
    fs::remove_dir_all(house.ledger().join("tile/0")).expect("removed");
    let journal = house.open().expect("opened");
    assert_eq!(house.check_as_stranger(&journal.verifier()), head);
    drop(journal);

    // One that is not needed to go on is missed behind the start.
    let tile = house.ledger().join("tile/entries/000");
    fs::write(&tile, b"damaged").expect("written");
    let journal = house.open().expect("opened");
    wait(journal.read_behind(CancellationToken::new())).expect("repaired");
    assert_eq!(house.check_as_stranger(&journal.verifier()), head);
    drop(journal);

    // A tile that leads elsewhere makes nothing be signed that does not extend what was.
    let tile = house.ledger().join("tile/0/390");
    let mut bytes = fs::read(&tile).expect("a tile");
    bytes[0] ^= 1;
    fs::write(&tile, bytes).expect("written");
    let journal = house.open().expect("opened");
    assert_eq!(house.check_as_stranger(&journal.verifier()), head);
    drop(journal);

    house.tamper(
        r#"UPDATE leaves SET body = CAST('{"kind":"test","number":1000}' AS BLOB) WHERE idx = 3"#,
    );
    let journal = house.open().expect("its end is as it was");
    let error =
        wait(journal.read_behind(CancellationToken::new())).expect_err("its beginning is not");
    assert!(matches!(error, Error::Rewritten { .. }), "{error}");
    drop(journal);
    house.tamper("DELETE FROM leaves WHERE idx > 100690");
    let error = house.open().expect_err("nor is its end now");
    assert!(matches!(error, Error::Rewritten { .. }), "{error}");
}
