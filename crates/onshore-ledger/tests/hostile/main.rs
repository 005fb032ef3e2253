//! Checkpoints, proofs, requests, policies and bundles as attackers make them, of the seeds that every run repeats;
//! `cargo xtask fuzz` goes on with others.

mod attack;

#[test]
fn nothing_is_accepted_that_the_log_does_not_say() {
    (0..4000).for_each(attack::round);
}
