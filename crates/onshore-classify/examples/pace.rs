//! Tells how fast files are read: for each the best of some rounds, in bytes per second of this thread's time on the
//! processor, how many identifiers there are, and in how many microseconds its beginning is read, as long as a small object,
//! with persons counted. `cargo xtask bench --classify` reads it.

use std::io::{self, Cursor, Write as _};

use onshore_classify::persons::PersonKey;
use onshore_classify::{Findings, Options, Outcome, Scanner};

const ROUNDS: usize = 5;
/// What a request brings at once.
const PIECE_BYTES: usize = 1 << 16;
/// A small object, and how often it is read in a round.
const SMALL_BYTES: usize = 1 << 12;
const SMALL_ROUNDS: usize = 500;

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement reads its own arguments and files"
)]
fn main() -> io::Result<()> {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let small = bytes.get(..SMALL_BYTES).unwrap_or(&bytes);
        let (mut best, mut best_small, mut count) = (f64::MAX, f64::MAX, 0);
        for _ in 0..ROUNDS {
            let begin = spent_seconds()?;
            let findings = scan(Scanner::new(Options::default()), &bytes)?;
            best = best.min(spent_seconds()? - begin);
            count = findings.kinds.iter().map(|kind| kind.count).sum();

            let begin = spent_seconds()?;
            for _ in 0..SMALL_ROUNDS {
                let scanner = Scanner::new(Options::default());
                scan(scanner.with_persons(PersonKey::new(&[7; 32])), small)?;
            }
            best_small = best_small.min((spent_seconds()? - begin) / SMALL_ROUNDS as f64);
        }
        let (pace, small) = (bytes.len() as f64 / best, best_small * 1e6);
        writeln!(io::stdout(), "{path}\t{pace}\t{count}\t{small}")?;
    }
    Ok(())
}

fn scan(mut scanner: Scanner, bytes: &[u8]) -> io::Result<Findings> {
    for piece in bytes.chunks(PIECE_BYTES) {
        scanner.push(piece);
    }
    match scanner.finish() {
        Outcome::Done(findings) => Ok(*findings),
        Outcome::Whole(whole) => whole.read(Cursor::new(bytes)),
    }
}

/// Returns how long this thread has run on a processor. The system reckons that up when another thread may have its turn.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement looks at the time it takes"
)]
fn spent_seconds() -> io::Result<f64> {
    std::thread::yield_now();
    let said = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = said.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds
        .map(|nanoseconds: f64| nanoseconds / 1e9)
        .ok_or_else(|| io::Error::other("the system does not tell"))
}
