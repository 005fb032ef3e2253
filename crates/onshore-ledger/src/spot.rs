//! Which records of a certificate are looked at again: drawn by a checkpoint that witnesses cosigned after the certificate was
//! recorded. Whoever made the certificate could not know it, and so could not know which records would be drawn.
//!
//! The seed is SHA-256 over [`SPOT_PREFIX`], the checkpoint's size (eight bytes, big-endian) and root, and the SHA-256 of the
//! certificate's body. Draw `n` is SHA-256 over the seed and `n` (eight bytes, big-endian); its first eight bytes, big-endian,
//! modulo the number of records, name a record. One that is biased (beyond the last whole multiple) or drawn before is passed over.

use std::collections::BTreeSet;

use crate::{Checkpoint, Error, Hash, Result};

/// What the seed begins with.
pub const SPOT_PREFIX: &[u8] = b"onshore-spot/1\n";

/// Draws `count` different records of `records`, or all of them, in ascending order of their positions.
///
/// # Errors
/// [`Error::CheckpointNotLater`] when the checkpoint is not of a larger tree than the certificate was recorded in.
pub fn draw_spot(
    later: &Checkpoint,
    recorded: &Checkpoint,
    body_hash: &Hash,
    records: u64,
    count: u64,
) -> Result<Vec<u64>> {
    if later.origin != recorded.origin || later.size <= recorded.size {
        return Err(Error::CheckpointNotLater {
            size: later.size,
            recorded: recorded.size,
        });
    }
    if count >= records {
        return Ok((0..records).collect());
    }
    let seed = Hash::of(
        &[
            SPOT_PREFIX,
            &later.size.to_be_bytes(),
            later.root.as_bytes(),
            body_hash.as_bytes(),
        ]
        .concat(),
    );
    // The largest multiple of the number of records that 64 bits hold: numbers from it on would favour the first records.
    let fair_below = u64::MAX - u64::MAX % records;
    let mut drawn = BTreeSet::new();
    let mut turn = 0_u64;
    while (drawn.len() as u64) < count {
        let hash = Hash::of(&[seed.as_bytes().as_slice(), &turn.to_be_bytes()].concat());
        turn += 1;
        let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        if number < fair_below {
            drawn.insert(number % records);
        }
    }
    Ok(drawn.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::draw_spot;
    use crate::{Checkpoint, Error, Hash};

    fn checkpoint(size: u64, root: &[u8]) -> Checkpoint {
        Checkpoint {
            origin: "ledger.example.org".to_owned(),
            size,
            root: Hash::of(root),
        }
    }

    #[test]
    fn the_draw_hangs_on_checkpoint_and_certificate() {
        let (recorded, body) = (checkpoint(10, b"old"), Hash::of(b"body"));
        let drawn = |later: &Checkpoint, body| {
            draw_spot(later, &recorded, body, 1_000_000, 20).expect("later")
        };
        let first = drawn(&checkpoint(11, b"new"), &body);
        assert_eq!(first, drawn(&checkpoint(11, b"new"), &body));
        for other in [
            drawn(&checkpoint(12, b"new"), &body),
            drawn(&checkpoint(11, b"newer"), &body),
            drawn(&checkpoint(11, b"new"), &Hash::of(b"other body")),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_checkpoint_that_was_known_before_is_refused() {
        let recorded = checkpoint(10, b"old");
        let elsewhere = Checkpoint {
            origin: "another.example.org".to_owned(),
            ..checkpoint(11, b"new")
        };
        for early in [checkpoint(10, b"old"), checkpoint(9, b"older"), elsewhere] {
            let refused = draw_spot(&early, &recorded, &Hash::of(b"body"), 100, 10);
            assert!(matches!(refused, Err(Error::CheckpointNotLater { .. })));
        }
    }

    #[test]
    fn every_record_is_as_likely() {
        let recorded = checkpoint(1, b"old");
        let mut times = [0_u32; 10];
        for size in 2..2002 {
            let later = checkpoint(size, &size.to_be_bytes());
            for record in draw_spot(&later, &recorded, &Hash::of(b"body"), 10, 3).expect("later") {
                times[usize::try_from(record).expect("small")] += 1;
            }
        }
        // 600 each are expected, with a deviation of about 20.
        assert!(
            times.iter().all(|times| (500..700).contains(times)),
            "{times:?}"
        );
    }

    proptest! {
        #[test]
        fn as_many_as_asked_for_and_none_twice(records in 0_u64..200, count in 0_u64..250) {
            let drawn = draw_spot(&checkpoint(2, b"new"), &checkpoint(1, b"old"), &Hash::of(b"body"), records, count).expect("later");
            prop_assert_eq!(drawn.len() as u64, count.min(records));
            prop_assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(drawn.iter().all(|record| *record < records));
        }
    }
}
