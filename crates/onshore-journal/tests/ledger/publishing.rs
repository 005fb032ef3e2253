//! Tiles and checkpoints: derived from committed leaves, repaired from them, and never ahead of them.

use std::fs;
use std::sync::mpsc;

use onshore_journal::Error;
use onshore_ledger::{
    Checkpoint, TileRef, consistency_path, node_from_tiles, tiles_to_write, verify_consistency,
};
use tokio_util::sync::CancellationToken;

use crate::house::{House, leaf, record, wait};

/// Checks that one checkpoint continues another, from the files alone.
fn extends(house: &House, old: &Checkpoint, new: &Checkpoint) {
    let folder = house.ledger();
    let path = consistency_path(old.size, new.size, |node| {
        node_from_tiles(new.size, node, &mut |tile: &TileRef| {
            fs::read(folder.join(tile.path())).ok()
        })
    })
    .expect("provable");
    verify_consistency(old.size, &old.root, new.size, &new.root, &path).expect("continues");
}

#[test]
fn every_checkpoint_continues_the_one_before_across_tiles_and_restarts() {
    let house = House::new();
    let mut journal = house.open().expect("opened");
    let key = journal.verifier();
    let mut seen = house.check_as_stranger(&key);
    assert_eq!(seen.size, 0);
    let mut recorded = 0;
    for (round, more) in [1, 1, 253, 1, 1, 255, 0, 600, 4097, 3]
        .into_iter()
        .enumerate()
    {
        record(&journal, &house.db, recorded..recorded + more);
        recorded += more;
        if round % 2 == 0 {
            wait(journal.publish()).expect("published");
        } else {
            journal = house.open().expect("reopened");
        }
        let head = house.check_as_stranger(&key);
        assert_eq!(head.size, recorded);
        extends(&house, &seen, &head);
        seen = head;
    }
    assert_eq!(journal.verifier(), key, "the key stays");
}

#[test]
fn lost_and_damaged_files_are_written_again_at_open() {
    let house = House::new();
    let journal = house.open().expect("opened");
    let key = journal.verifier();
    record(&journal, &house.db, 0..1000);
    wait(journal.publish()).expect("published");
    let whole = house.check_as_stranger(&key);
    let tiles = tiles_to_write(0, 1000);
    let attacks: [fn(&std::path::Path); 5] = [
        |path| fs::remove_file(path).expect("removed"),
        |path| fs::write(path, b"").expect("emptied"),
        |path| fs::write(path, vec![0; 8192]).expect("zeroed"),
        |path| {
            let mut bytes = fs::read(path).expect("read");
            bytes.truncate(bytes.len() / 2);
            fs::write(path, bytes).expect("cut");
        },
        |path| {
            let mut bytes = fs::read(path).expect("read");
            if let Some(byte) = bytes.get_mut(7) {
                *byte ^= 4;
            }
            fs::write(path, bytes).expect("flipped");
        },
    ];
    for attack in attacks {
        for tile in &tiles {
            attack(&house.ledger().join(tile.path()));
        }
        attack(&house.ledger().join("checkpoint"));
        let journal = house.open().expect("repaired");
        assert_eq!(house.check_as_stranger(&key), whole);
        assert_eq!(journal.verifier(), key);
    }
    fs::remove_dir_all(house.ledger()).expect("all of it");
    house.open().expect("repaired");
    assert_eq!(house.check_as_stranger(&key), whole);
}

#[test]
fn a_publication_that_fails_midway_goes_on_once_the_folder_is_sound() {
    let house = House::new();
    let journal = house.open().expect("opened");
    let key = journal.verifier();
    record(&journal, &house.db, 0..100);
    wait(journal.publish()).expect("published");
    let before = house.check_as_stranger(&key);

    // Tiles cannot be written.
    let (tiles, aside) = (
        house.ledger().join("tile"),
        house.folder.path().join("aside"),
    );
    fs::rename(&tiles, &aside).expect("moved");
    fs::write(&tiles, b"in the way").expect("blocked");
    for round in 0..4 {
        record(&journal, &house.db, 100 + round * 300..400 + round * 300);
        let failed = wait(journal.publish());
        assert!(matches!(failed, Err(Error::File { .. })), "{failed:?}");
        assert_eq!(
            journal.checkpoint(),
            fs::read_to_string(house.ledger().join("checkpoint")).expect("the old one")
        );
    }
    fs::remove_file(&tiles).expect("cleared");
    fs::rename(&aside, &tiles).expect("back");
    wait(journal.publish()).expect("recovered");
    let middle = house.check_as_stranger(&key);
    assert_eq!(middle.size, 1300);
    extends(&house, &before, &middle);

    // The checkpoint cannot be written, after it was signed and kept.
    let checkpoint = house.ledger().join("checkpoint");
    fs::remove_file(&checkpoint).expect("moved");
    fs::create_dir_all(checkpoint.join("in the way")).expect("blocked");
    record(&journal, &house.db, 1300..1310);
    let failed = wait(journal.publish());
    assert!(matches!(failed, Err(Error::File { .. })), "{failed:?}");
    fs::remove_dir_all(&checkpoint).expect("cleared");
    wait(journal.publish()).expect("recovered");
    let after = house.check_as_stranger(&key);
    assert_eq!(after.size, 1310);
    extends(&house, &middle, &after);
    house.open().expect("and it opens");
}

#[test]
fn a_checkpoint_never_covers_what_is_not_committed() {
    let house = House::new();
    let journal = house.open().expect("opened");
    record(&journal, &house.db, 0..3);
    let (entered, inside) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let recorder = journal.clone();
    house.db.submit(
        move |unit| {
            recorder.record(unit, leaf(3))?;
            entered.send(()).expect("the test waits");
            let _released = released.recv();
            Err::<(), _>(Error::NotAnObject)
        },
        |_| {},
    );
    inside.recv().expect("a leaf is recorded and not committed");
    let publisher = journal.clone();
    let publishing = std::thread::spawn(move || wait(publisher.publish()));
    drop(release);
    publishing.join().expect("no panic").expect("published");
    let head = house.check_as_stranger(&journal.verifier());
    assert_eq!(head.size, 3);
    record(&journal, &house.db, 30..31);
    wait(journal.publish()).expect("published");
    extends(&house, &head, &house.check_as_stranger(&journal.verifier()));
}

#[test]
fn the_publisher_follows_commits_and_publishes_once_more_when_it_is_stopped() {
    let house = House::new();
    let journal = house.open().expect("opened");
    let key = journal.verifier();
    let stop = CancellationToken::new();
    let (running, stopping) = (journal.clone(), stop.clone());
    let runner = std::thread::spawn(move || wait(running.run(stopping)));
    let mut seen = house.check_as_stranger(&key);
    for number in 0..200 {
        record(&journal, &house.db, number..number + 1);
        let note = journal.checkpoint();
        let head = Checkpoint::verify(&note, std::slice::from_ref(&key)).expect("signed");
        assert!(head.size >= seen.size && head.size <= number + 1);
        seen = head;
    }
    stop.cancel();
    runner.join().expect("it ends");
    assert_eq!(house.check_as_stranger(&key).size, 200);
}
