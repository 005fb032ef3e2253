//! The simulation with fixed seeds and few steps; `cargo xtask sim` runs it with any.
#![expect(
    clippy::disallowed_methods,
    reason = "a crash is a copy of the data folder as it is on disk"
)]

mod sim;

#[test]
fn nothing_acknowledged_is_lost_through_crashes() {
    for seed in [7, 1_000_003] {
        sim::run(seed, 60, |_| {}).expect("no invariant is broken");
    }
}
