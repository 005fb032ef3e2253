//! The simulation with fixed seeds and few steps; `cargo xtask sim` runs it with any.

use crate::sim;

#[test]
fn nothing_acknowledged_is_lost_through_crashes() {
    for seed in [7, 1_000_003] {
        let mut lines = 0;
        sim::run(seed, 60, |_| lines += 1).expect("no invariant is broken");
        assert_eq!(lines, 1);
    }
}
