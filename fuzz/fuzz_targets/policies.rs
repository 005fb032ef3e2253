//! Access policies: one that is accepted says one thing only.
#![no_main]

#[path = "../../crates/onshore-policy/tests/hostile/attack.rs"]
#[expect(dead_code, reason = "the rounds are those of tests")]
mod attack;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    attack::as_each_kind(text);
});
