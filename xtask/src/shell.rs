//! What the demo and the benchmarks ask of other programs: run one to its end, read what it says, show it to people.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::children::bound_to_us;

pub(crate) fn aws_variables<'a>(
    access_key: &'a str,
    secret_key: &'a str,
    region: &'a str,
) -> Vec<(&'a str, &'a str)> {
    vec![
        ("AWS_ACCESS_KEY_ID", access_key),
        ("AWS_SECRET_ACCESS_KEY", secret_key),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_CONFIG_FILE", "/nonexistent"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

/// Runs a program to its end and returns its output; anything but success is the error, with what it complained of.
pub(crate) fn output(program: &Path, args: &[&str], env: &[(&str, &str)]) -> Result<String> {
    let done = bound_to_us(program)
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {}", program.display()))?;
    if !done.status.success() {
        let (said, complained) = (
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr),
        );
        bail!(
            "{} ended with {}:\n{said}{complained}",
            program.display(),
            done.status
        );
    }
    String::from_utf8(done.stdout)
        .with_context(|| format!("{} printed something that is no text", program.display()))
}

/// Returns the largest HTML page below a folder: a real document of some size.
pub(crate) fn largest_page(folder: &Path) -> Result<PathBuf> {
    let (mut open, mut largest) = (vec![folder.to_owned()], None);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let path = entry.path();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file()
                && path
                    .extension()
                    .is_some_and(|extension| extension == "html")
            {
                largest = largest.max(Some((entry.metadata()?.len(), path)));
            }
        }
    }
    largest
        .map(|(_, path)| path)
        .with_context(|| format!("no page below {}", folder.display()))
}

pub(crate) fn read_json(path: &Path) -> Result<Value> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// Returns the text of the first member of that name, at any depth.
pub(crate) fn text_at(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(members) => members
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
            .or_else(|| members.values().find_map(|value| text_at(value, name))),
        Value::Array(items) => items.iter().find_map(|value| text_at(value, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Returns a value of `credentials.toml` in a data folder: flat `name = "value"` lines whose names are unique.
pub(crate) fn credential(data: &Path, name: &str) -> Result<String> {
    let path = data.join("credentials.toml");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    text.lines()
        .filter_map(|line| line.split_once('='))
        .find(|(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        .with_context(|| format!("{} has no {name}", path.display()))
}

pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?
        .1
        .split_once(end)
        .map(|(inside, _)| inside)
}

pub(crate) fn show(command: &[&str]) {
    println!("  $ {}", command.join(" "));
}

pub(crate) fn quote(text: &str) {
    for line in text.lines() {
        println!("    {line}");
    }
}

pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let shown: Vec<String> = [0, 12, 999, 1000, 6467, 1_234_567].map(thousands).to_vec();
        assert_eq!(shown, ["0", "12", "999", "1,000", "6,467", "1,234,567"]);
        assert_eq!(megabytes(1_500_000), "1.5 MB");
    }

    #[test]
    fn members_are_found_at_any_depth() {
        let value = serde_json::json!({"approval": {"terms": [{"id": "x"}]}});
        assert_eq!(text_at(&value, "id"), Some("x".to_owned()));
        assert_eq!(text_at(&value, "key"), None);
        assert_eq!(
            between("<a><Message>m</Message>", "<Message>", "</Message>"),
            Some("m")
        );
        assert_eq!(find(b"abcabc", b"ca"), Some(2));
    }
}
