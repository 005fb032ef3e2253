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

/// Prints a table.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) {
    line(tabled(header, rows).trim_end_matches('\n'));
}

/// Writes a table: columns as wide as their widest cell, the last one unpadded.
pub(crate) fn tabled(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| wide(cell)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(wide(cell));
        }
    }
    let mut text = String::new();
    let mut print = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(cells) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(
                ' ',
                (width + 2).saturating_sub(wide(cell)),
            ));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    print(&mut header.iter().copied());
    for row in rows {
        print(&mut row.iter().map(String::as_str));
    }
    text
}

/// Returns how many columns of a terminal a text takes: letters of Chinese, Japanese and Korean take two.
fn wide(text: &str) -> usize {
    text.chars()
        .map(|letter| match letter {
            '\u{1100}'..='\u{115F}'
            | '\u{2E80}'..='\u{A4CF}'
            | '\u{AC00}'..='\u{D7A3}'
            | '\u{F900}'..='\u{FAFF}'
            | '\u{FE30}'..='\u{FE6F}'
            | '\u{FF00}'..='\u{FF60}'
            | '\u{20000}'..='\u{3FFFD}' => 2,
            _ => 1,
        })
        .sum()
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
