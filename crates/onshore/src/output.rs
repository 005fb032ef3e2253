//! What commands print: tables for people, JSON for programs, problems on the error stream.

use std::io::Write;

use serde::Serialize;

/// For whom a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Prints a line.
pub(crate) fn line(text: &str) {
    // A reader that has gone away, such as `head`, is no failure of the command.
    drop(writeln!(std::io::stdout().lock(), "{text}"));
}

/// Prints a value as one JSON document.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints a problem on the error stream.
pub(crate) fn problem(text: &str) {
    drop(writeln!(std::io::stderr().lock(), "onshore: {text}"));
}

/// Prints a table: columns as wide as their widest cell, the last one unpadded.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (width, cell) in widths.iter().zip(cells) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(
                ' ',
                (width + 2).saturating_sub(cell.chars().count()),
            ));
        }
        line(text.trim_end());
    };
    print(&mut header.iter().copied());
    for row in rows {
        print(&mut row.iter().map(String::as_str));
    }
}

/// Returns a number of bytes in the unit that people read: 1.5 MiB.
pub(crate) fn bytes(number: u64) -> String {
    indicatif::BinaryBytes(number).to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_are_read_by_people() {
        assert_eq!(super::bytes(0), "0 B");
        assert_eq!(super::bytes(1536), "1.50 KiB");
    }
}
