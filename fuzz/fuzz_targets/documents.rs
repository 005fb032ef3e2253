//! Documents of the ledger: what is accepted has to say what the log says. The first byte chooses the kind.
#![no_main]

#[path = "../../crates/onshore-ledger/tests/hostile/attack.rs"]
#[expect(dead_code, reason = "the rounds are those of tests")]
mod attack;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((kind, document)) = bytes.split_first() {
        let corpus = attack::corpus();
        corpus.attack(usize::from(*kind) % corpus.honest().len(), document);
    }
});
