//! `onshore fsck`: compares the database with itself, with the files and with what was signed, while no server runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use onshore_db::Database;
use onshore_keys::KeyProvider;
use onshore_store::Counted;
use onshore_types::finding::{Fault, Finding, Orphans, Remedy};
use serde_json::json;

use crate::backup::state_copy::StateCopy;
use crate::cli::{FsckArgs, TargetArgs};
use crate::config::Config;
use crate::exit::{Exit, usage};
use crate::hidden_names;
use crate::house::{self, FolderLock};
use crate::output::{self, Style};

/// Findings of one kind that are told one by one; all are counted.
const TOLD_MAX: usize = 1000;

/// The database cannot be read far enough to go on.
const UNREADABLE: Fault = Fault {
    name: "unreadable",
    meaning: "a part of the database cannot be read, so the rest of what it holds was not compared",
};

/// What was found, by kind.
#[derive(Debug, Default)]
struct Report {
    kinds: BTreeMap<Fault, Kind>,
    examined: Counted,
    leaves: u64,
}

#[derive(Debug, Default)]
struct Kind {
    told: Vec<String>,
    count: u64,
    repaired: u64,
}

pub(crate) fn run(target: &TargetArgs, args: &FsckArgs) -> Result<Exit> {
    let data = target
        .data
        .as_deref()
        .ok_or_else(|| usage("name the data folder: onshore fsck --data DIR"))?;
    let config = Config::load(args.config.as_deref())?;
    let database = data.join("onshore.db");
    if !database.is_file() {
        return Err(usage(format!("{} holds no Onshore data", data.display())));
    }
    let Some(_lock) = FolderLock::take(data)? else {
        return Err(usage(format!(
            "a server works on {}: stop it first",
            data.display()
        )));
    };
    let keys = house::existing_root_key(data, &config)?;
    StateCopy::clear(data);
    let orphans = if args.repair {
        Orphans::Remove
    } else {
        Orphans::Keep
    };
    let mut report = Report::default();
    let opened = hidden_names::open(data, &*keys)
        .map(|opened| Database::open_for_reading(opened.file, &house::SCHEMAS));
    match opened {
        Err(error) => report.add(UNREADABLE.of(format!("{error:#}"))),
        Ok(Ok(db)) => report.examine(data, &db, &keys, orphans),
        Ok(Err(error @ (onshore_db::Error::Older { .. } | onshore_db::Error::Newer { .. }))) => {
            return Err(anyhow!(error));
        }
        Ok(Err(error)) => report.add(UNREADABLE.of(error.to_string())),
    }
    report.show(target.style())?;
    Ok(if report.is_clean() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

impl Report {
    fn examine(
        &mut self,
        data: &Path,
        db: &Database,
        keys: &Arc<dyn KeyProvider>,
        orphans: Orphans,
    ) {
        if let Err(error) = db.examine(&mut |finding| self.add(finding)) {
            self.add(unreadable("database", error));
        }
        let folder = data.join("ledger");
        let ledger =
            onshore_journal::examine(db, &folder, &**keys, &mut |finding| self.add(finding));
        match ledger {
            Ok(leaves) => {
                self.leaves = leaves;
                let compared =
                    onshore_registry::examine(db, leaves, &mut |finding| self.add(finding));
                if let Err(error) = compared {
                    self.add(unreadable("registry", error));
                }
            }
            Err(error) => self.add(unreadable("ledger", error)),
        }
        let folder = data.join("objects");
        let keys = Arc::clone(keys);
        match onshore_store::examine(db, &folder, keys, orphans, &mut |finding| self.add(finding)) {
            Ok(examined) => self.examined = examined,
            Err(error) => self.add(unreadable("store", error)),
        }
    }

    fn add(&mut self, finding: Finding) {
        let kind = self.kinds.entry(finding.fault).or_default();
        kind.count += 1;
        if finding.remedy == Remedy::Repaired {
            kind.repaired += 1;
        }
        if kind.told.len() < TOLD_MAX {
            kind.told.push(finding.subject);
        }
    }

    /// Whether nothing is left to be put right.
    fn is_clean(&self) -> bool {
        self.kinds.values().all(|kind| kind.count == kind.repaired)
    }

    fn show(&self, style: Style) -> Result<()> {
        match style {
            Style::Json => output::json(&self.as_json()),
            Style::Text => {
                self.print();
                Ok(())
            }
        }
    }

    fn as_json(&self) -> serde_json::Value {
        let findings: Vec<_> = self
            .kinds
            .iter()
            .map(|(fault, kind)| {
                json!({
                    "fault": fault.name,
                    "meaning": fault.meaning,
                    "count": kind.count,
                    "repaired": kind.repaired,
                    "subjects": kind.told,
                })
            })
            .collect();
        json!({
            "clean": self.is_clean(),
            "leaves": self.leaves,
            "versions": self.examined.versions,
            "uploads": self.examined.uploads,
            "files": self.examined.files,
            "findings": findings,
        })
    }

    fn print(&self) {
        output::line(&format!(
            "Compared {} leaves, {} versions, {} uploads and {} files.",
            self.leaves, self.examined.versions, self.examined.uploads, self.examined.files
        ));
        if self.kinds.is_empty() {
            output::line("Nothing is wrong.");
            return;
        }
        let mut rows = Vec::new();
        for (fault, kind) in &self.kinds {
            for subject in &kind.told {
                rows.push(vec![fault.name.to_owned(), subject.clone()]);
            }
            if let more @ 1.. = kind.count.saturating_sub(kind.told.len() as u64) {
                rows.push(vec![fault.name.to_owned(), format!("and {more} more")]);
            }
        }
        output::table(&["FAULT", "SUBJECT"], &rows);
        for (fault, kind) in &self.kinds {
            output::line(&format!(
                "{}: {} found, {} repaired. {}.",
                fault.name, kind.count, kind.repaired, fault.meaning
            ));
        }
    }
}

fn unreadable(what: &str, error: impl Into<anyhow::Error>) -> Finding {
    UNREADABLE.of(format!("{what}: {:#}", error.into()))
}
