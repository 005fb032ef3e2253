//! Tells how fast texts are read: for each file the best of some rounds, in bytes per second of this thread's time on the
//! processor, and how many identifiers there are. `cargo xtask bench --classify` reads it.

use std::io::{self, Write as _};

use onshore_classify::{Options, Outcome, Scanner};

const ROUNDS: usize = 5;
/// What a request brings at once.
const PIECE_BYTES: usize = 1 << 16;

#[expect(
    clippy::disallowed_methods,
    reason = "a measurement reads its own arguments and files"
)]
fn main() -> io::Result<()> {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let (mut best, mut count) = (f64::MAX, 0);
        for _ in 0..ROUNDS {
            let begin = spent_seconds()?;
            let mut scanner = Scanner::new(Options::default());
            for piece in bytes.chunks(PIECE_BYTES) {
                scanner.push(piece);
            }
            let Outcome::Done(findings) = scanner.finish() else {
                return Err(io::Error::other(format!("{path} is no text")));
            };
            best = best.min(spent_seconds()? - begin);
            count = findings.kinds.iter().map(|kind| kind.count).sum();
        }
        writeln!(
            io::stdout(),
            "{path}\t{}\t{count}",
            bytes.len() as f64 / best
        )?;
    }
    Ok(())
}

/// Returns how long this thread has run on a processor.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement looks at the time it takes"
)]
fn spent_seconds() -> io::Result<f64> {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = said.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds
        .map(|nanoseconds: f64| nanoseconds / 1e9)
        .ok_or_else(|| io::Error::other("the system does not tell"))
}
