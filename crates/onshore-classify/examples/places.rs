//! Reads standard input and tells what was found in it, a line each: `place KIND START END`, `column KIND COLUMN PERCENT SAMPLED`,
//! `kind KIND COUNT`. The scoring of accuracy (`cargo xtask score`) reads it.

use std::io::{self, Read as _, Write as _};

use onshore_classify::Scanner;

fn main() -> io::Result<()> {
    let mut scanner = Scanner::new(usize::MAX);
    let mut input = io::stdin().lock();
    let mut bytes = vec![0; 1 << 20];
    loop {
        let len = input.read(&mut bytes)?;
        match bytes.get(..len) {
            Some(read) if len > 0 => scanner.push(read),
            _ => break,
        }
    }
    let findings = scanner.finish();
    let mut output = io::BufWriter::new(io::stdout().lock());
    for found in &findings.found {
        let (id, start, end) = (found.detector.id, found.start, found.end);
        writeln!(output, "place\t{id}\t{start}\t{end}")?;
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
