//! Reading files and folders, and a table of what is in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use onshore_classify::{Findings, Judgement, Kind, LegalTable, Options, Outcome, Scanner, Sign};
use onshore_types::Timestamp;

use super::samples::{self, Shown};
use super::words;
use crate::cli::ClassifyArgs;
use crate::exit::usage;
use crate::output;

/// How much is read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// What is in a file, or why nobody knows.
pub(super) struct Classified {
    pub(super) path: PathBuf,
    pub(super) findings: io::Result<(Findings, Judgement)>,
}

/// Reads what the arguments name, with progress on a terminal.
pub(super) fn classify(args: &ClassifyArgs, on: Timestamp) -> Result<Vec<Classified>> {
    let mut paths = Vec::new();
    for path in &args.paths {
        if path.symlink_metadata().is_err() {
            return Err(usage(format!("there is no {}", path.display())));
        }
        collect(path, &mut paths);
    }
    let total = paths
        .iter()
        .filter_map(|path| path.metadata().ok())
        .map(|file| file.len())
        .sum();
    let bar = progress(total);
    let options = Options {
        found_max: usize::try_from(args.places).unwrap_or(usize::MAX),
        samples_max: usize::try_from(args.samples).unwrap_or(usize::MAX),
        on,
        ..Options::default()
    };
    let classified = paths
        .into_iter()
        .map(|path| Classified {
            findings: read(&path, options, &bar),
            path,
        })
        .collect();
    bar.finish_and_clear();
    Ok(classified)
}

fn progress(total: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
    ProgressBar::new(total).with_style(style.expect("the template is written here"))
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

fn read(path: &Path, options: Options, bar: &ProgressBar) -> io::Result<(Findings, Judgement)> {
    let mut file = File::open(path)?;
    let mut scanner = Scanner::new(options);
    let mut chunk = vec![0; CHUNK_BYTES];
    while !scanner.needs_whole() {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        bar.inc(read as u64);
        scanner.push(chunk.get(..read).unwrap_or_default());
    }
    let findings = match scanner.finish() {
        Outcome::Done(findings) => *findings,
        Outcome::Whole(scan) => {
            file.rewind()?;
            scan.read(file)?
        }
    };
    let judgement = LegalTable::shipped().judge(&findings, options.on);
    Ok((findings, judgement))
}

/// Returns the examples of a file, as a table shows them.
fn of_file(file: &Classified) -> impl Iterator<Item = Shown> {
    let findings = file.findings.as_ref().ok().map(|(findings, _)| findings);
    let path = file.path.display().to_string();
    findings.into_iter().flat_map(move |findings| {
        let path = path.clone();
        findings.samples.iter().map(move |sample| {
            let member = sample.place.member;
            let member = member.and_then(|member| findings.member_names.get(member));
            let place = match member {
                Some(member) => format!("{path}!{member}"),
                None => path.clone(),
            };
            Shown::of_file(sample, place)
        })
    })
}

/// Shows a table: a line for each kind in each file, and what they come to.
pub(super) fn show(files: &[Classified]) {
    let mut totals: BTreeMap<&str, (Kind, u64)> = BTreeMap::new();
    let mut rows = Vec::new();
    let (mut unread, mut bytes) = (0_u64, 0);
    for file in files {
        let path = file.path.display().to_string();
        let (findings, judgement) = match &file.findings {
            Ok(found) => found,
            Err(error) => {
                output::problem(&format!("cannot read {path}: {error}"));
                continue;
            }
        };
        bytes += findings.len_bytes;
        unread += u64::from(!findings.unread.is_empty());
        let label = judgement.label.to_string();
        let mut row = |kind: &str, count: String, how: String| {
            rows.push(vec![
                kind.to_owned(),
                count,
                how,
                label.clone(),
                path.clone(),
            ]);
        };
        for kind in &findings.kinds {
            let (_, files) = totals
                .entry(kind.id)
                .and_modify(|(total, _)| total.count += kind.count)
                .or_insert((*kind, 0));
            *files += 1;
            let how = words::confidence(kind.confidence).to_owned();
            row(kind.id, kind.count.to_string(), how);
        }
        for found in &findings.columns {
            let how = format!("{} % of {}", found.share_percent, found.sampled);
            row(found.id, format!("column {}", found.column), how);
        }
        for found in &findings.important {
            let how = match found.sign {
                Sign::Mark | Sign::Told => "says so",
                Sign::Title | Sign::Word | Sign::LikeMark => "hint",
            };
            row(&found.entry, found.count.to_string(), how.to_owned());
        }
    }
    if !rows.is_empty() {
        output::table(
            &["KIND", "COUNT", "HOW SURELY", "CLASS OF FILE", "FILE"],
            &rows,
        );
        output::line("");
    }
    samples::show(files.iter().flat_map(of_file));
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
