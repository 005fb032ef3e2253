//! Reads standard input and tells what was found in it, a line each: `place KIND START END RECORD`, `column KIND COLUMN PERCENT SAMPLED`,
//! `kind KIND COUNT`. The scoring of accuracy (`cargo xtask score`) reads it.

use std::io::{self, Cursor, Read as _, Write as _};

use onshore_classify::{Options, Outcome, Scanner};

fn main() -> io::Result<()> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let mut scanner = Scanner::new(Options {
        found_max: usize::MAX,
        ..Options::default()
    });
    scanner.push(&bytes);
    let findings = match scanner.finish() {
        Outcome::Done(findings) => *findings,
        Outcome::Whole(whole) => whole.read(Cursor::new(&bytes))?,
    };
    let mut output = io::BufWriter::new(io::stdout().lock());
    for found in &findings.found {
        let (id, start, end) = (found.detector.id, found.start, found.end);
        writeln!(output, "place\t{id}\t{start}\t{end}\t{}", found.record)?;
    }
    for column in &findings.columns {
        let (id, share, sampled) = (column.id, column.share_percent, column.sampled);
        writeln!(
            output,
            "column\t{id}\t{}\t{share}\t{sampled}",
            column.column
        )?;
    }
    for kind in &findings.kinds {
        writeln!(output, "kind\t{}\t{}", kind.id, kind.count)?;
    }
    output.flush()
}
