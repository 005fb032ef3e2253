//! Access policies as attackers make them, of the seeds that every run repeats; `cargo xtask fuzz` goes on with others.

mod attack;

#[test]
fn nothing_is_accepted_that_says_two_things() {
    (0..300).for_each(attack::round);
}
