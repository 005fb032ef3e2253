//! `onshore classify`: says what identifiers are in files, without showing any. It reads and writes nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::Result;
use onshore_classify::{Confidence, Findings, Kind, Options, Outcome, Scanner, Subject};
use serde_json::{Value, json};

use crate::cli::{ClassifyArgs, TargetArgs};
use crate::exit::{Exit, usage};
use crate::output::{self, Style};

/// How much is read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// What is in a file, or why nobody knows.
struct Classified {
    path: PathBuf,
    findings: io::Result<Findings>,
}

pub(crate) fn run(target: &TargetArgs, args: &ClassifyArgs) -> Result<Exit> {
    let mut files = Vec::new();
    for path in &args.paths {
        if path.symlink_metadata().is_err() {
            return Err(usage(format!("there is no {}", path.display())));
        }
        collect(path, &mut files);
    }
    let places = usize::try_from(args.places).unwrap_or(usize::MAX);
    let classified: Vec<Classified> = files
        .into_iter()
        .map(|path| Classified {
            findings: classify(&path, places),
            path,
        })
        .collect();
    show(target.style(), &classified)?;
    Ok(if classified.iter().all(|file| file.findings.is_ok()) {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Collects the files of a folder and of those in it, in the order of their names. Links are not followed; a folder that
/// cannot be read is told as a file that cannot.
fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    match entries {
        Ok(mut entries) if !path.is_symlink() => {
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => collect(&entry.path(), files),
                    Ok(kind) if kind.is_file() => files.push(entry.path()),
                    _ => {}
                }
            }
        }
        _ => files.push(path.to_owned()),
    }
}

fn classify(path: &Path, places: usize) -> io::Result<Findings> {
    let mut file = File::open(path)?;
    let mut scanner = Scanner::new(Options {
        found_max: places,
        ..Options::default()
    });
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return match scanner.finish() {
                Outcome::Done(findings) => Ok(findings),
                Outcome::Whole(scan) => {
                    file.rewind()?;
                    scan.read(file)
                }
            };
        }
        scanner.push(chunk.get(..read).unwrap_or_default());
    }
}

fn show(style: Style, files: &[Classified]) -> Result<()> {
    match style {
        Style::Json => {
            output::json(&json!({ "files": files.iter().map(as_json).collect::<Vec<_>>() }))
        }
        Style::Text => {
            show_table(files);
            Ok(())
        }
    }
}

fn as_json(file: &Classified) -> Value {
    let path = file.path.to_string_lossy();
    let findings = match &file.findings {
        Ok(findings) => findings,
        Err(error) => return json!({ "path": path, "error": error.to_string() }),
    };
    let kinds: Vec<Value> = findings
        .kinds
        .iter()
        .map(|kind| json!({ "kind": kind.id, "title": kind.title, "subject": subject(kind.subject), "count": kind.count, "confidence": word(kind.confidence) }))
        .collect();
    let places: Vec<Value> = findings
        .found
        .iter()
        .map(|found| {
            json!({
                "kind": found.detector.id,
                "start": found.start,
                "end": found.end,
                "confidence": word(found.confidence),
                "member": member(findings, found.member),
            })
        })
        .collect();
    let columns: Vec<Value> = findings
        .columns
        .iter()
        .map(|found| {
            json!({
                "column": found.column,
                "header": found.header,
                "kind": found.id,
                "title": found.title,
                "subject": subject(found.subject),
                "share_percent": found.share_percent,
                "sampled": found.sampled,
                "member": member(findings, found.member),
            })
        })
        .collect();
    let unread: Vec<Value> = findings
        .unread
        .iter()
        .map(|unread| {
            json!({
                "why": unread.why.word(),
                "count": unread.count,
                "member": member(findings, unread.member),
            })
        })
        .collect();
    let formats: Vec<Value> = findings
        .formats
        .iter()
        .map(|format| json!({ "format": format.path, "count": format.count }))
        .collect();
    json!({
        "path": path,
        "bytes": findings.len_bytes,
        "unpacked_bytes": findings.unpacked_bytes,
        "encoding": findings.encoding,
        "formats": formats,
        "members": findings.members,
        "unread": unread,
        "kinds": kinds,
        "columns": columns,
        "places": places,
    })
}

fn show_table(files: &[Classified]) {
    let mut totals: BTreeMap<&str, (Kind, u64)> = BTreeMap::new();
    let mut rows = Vec::new();
    let (mut unread, mut bytes) = (0_u64, 0);
    for file in files {
        let findings = match &file.findings {
            Ok(findings) => findings,
            Err(error) => {
                output::problem(&format!("cannot read {}: {error}", file.path.display()));
                continue;
            }
        };
        bytes += findings.len_bytes;
        unread += u64::from(!findings.unread.is_empty());
        for kind in &findings.kinds {
            let (_, files) = totals
                .entry(kind.id)
                .and_modify(|(total, _)| total.count += kind.count)
                .or_insert((*kind, 0));
            *files += 1;
            rows.push(vec![
                kind.id.to_owned(),
                kind.count.to_string(),
                word(kind.confidence).to_owned(),
                file.path.display().to_string(),
            ]);
        }
        for found in &findings.columns {
            rows.push(vec![
                found.id.to_owned(),
                format!("column {}", found.column),
                format!("{} % of {}", found.share_percent, found.sampled),
                file.path.display().to_string(),
            ]);
        }
    }
    if !rows.is_empty() {
        output::table(&["KIND", "COUNT", "CONFIDENCE", "FILE"], &rows);
        output::line("");
    }
    for (kind, files) in totals.values() {
        output::line(&format!(
            "{:>10} in {files} files: {} ({})",
            kind.count, kind.title, kind.id
        ));
    }
    output::line(&format!(
        "Read {} files of {}; {unread} of them could not be read, or not all of them: see --json.",
        files.len(),
        output::bytes(bytes)
    ));
}

fn word(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Named => "named",
        Confidence::Checked => "checked",
        Confidence::Certain => "certain",
    }
}

fn subject(subject: Subject) -> &'static str {
    match subject {
        Subject::Person => "person",
        Subject::Organisation => "organisation",
        Subject::Device => "device",
        Subject::Place => "place",
        Subject::Secret => "secret",
    }
}

fn member(findings: &Findings, member: Option<usize>) -> Option<&str> {
    findings.member_names.get(member?).map(String::as_str)
}
