//! What is in files, for programs.

use onshore_classify::{Findings, Judgement, Sample};
use onshore_types::Timestamp;
use serde_json::{Value, json};

use super::files::Classified;
use super::words;

/// Tells all files, and on which day the law was asked.
pub(super) fn of_files(files: &[Classified], on: Timestamp) -> Value {
    json!({ "on": on, "files": files.iter().map(of_file).collect::<Vec<_>>() })
}

fn of_file(file: &Classified) -> Value {
    let path = file.path.to_string_lossy();
    match &file.findings {
        Ok((findings, judgement)) => of_findings(&path, findings, judgement),
        Err(error) => json!({ "path": path, "error": error.to_string() }),
    }
}

fn of_findings(path: &str, findings: &Findings, judgement: &Judgement) -> Value {
    let kinds = findings.kinds.iter().map(|kind| {
        json!({
            "kind": kind.id,
            "title": kind.title,
            "subject": words::subject(kind.subject),
            "count": kind.count,
            "confidence": words::confidence(kind.confidence),
        })
    });
    let places = findings.found.iter().map(|found| {
        json!({
            "kind": found.detector.id,
            "start": found.start,
            "end": found.end,
            "confidence": words::confidence(found.confidence),
            "member": member(findings, found.member),
        })
    });
    let samples = findings.samples.iter();
    let samples = samples.map(|sample| of_sample(findings, sample));
    let columns = findings.columns.iter().map(|found| {
        json!({
            "column": found.column,
            "header": found.header,
            "kind": found.id,
            "title": found.title,
            "subject": words::subject(found.subject),
            "share_percent": found.share_percent,
            "sampled": found.sampled,
            "member": member(findings, found.member),
        })
    });
    let important = findings.important.iter().map(|found| {
        json!({
            "entry": found.entry,
            "title": found.title,
            "category": found.category.map(words::category),
            "ground": words::ground(found.ground),
            "catalogue": found.catalogue,
            "sign": found.sign.word(),
            "count": found.count,
        })
    });
    let unread = findings.unread.iter().map(|unread| {
        json!({
            "why": unread.why.word(),
            "count": unread.count,
            "member": member(findings, unread.member),
        })
    });
    let formats = findings
        .formats
        .iter()
        .map(|format| json!({ "format": format.path, "count": format.count }));
    let reasons = judgement.reasons.iter().map(|reason| {
        json!({
            "kind": reason.kind,
            "count": reason.count,
            "source": reason.rule.source,
        })
    });
    json!({
        "path": path,
        "class": judgement.label,
        "reasons": reasons.collect::<Vec<_>>(),
        "tables": judgement.table_version,
        "bytes": findings.len_bytes,
        "unpacked_bytes": findings.unpacked_bytes,
        "encoding": findings.encoding,
        "formats": formats.collect::<Vec<_>>(),
        "members": findings.members,
        "unread": unread.collect::<Vec<_>>(),
        "kinds": kinds.collect::<Vec<_>>(),
        "columns": columns.collect::<Vec<_>>(),
        "important": important.collect::<Vec<_>>(),
        "places": places.collect::<Vec<_>>(),
        "samples": samples.collect::<Vec<_>>(),
    })
}

/// Tells an example.
pub(super) fn of_sample(findings: &Findings, sample: &Sample) -> Value {
    let place = &sample.place;
    json!({
        "kind": sample.id,
        "mask": sample.mask,
        "line": place.line,
        "row": place.row,
        "column": place.column,
        "header": place.header,
        "start": place.span.map(|(start, _)| start),
        "end": place.span.map(|(_, end)| end),
        "member": member(findings, place.member),
    })
}

fn member(findings: &Findings, member: Option<usize>) -> Option<&str> {
    findings.member_names.get(member?).map(String::as_str)
}
