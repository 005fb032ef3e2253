//! Decides whether the dependencies may stay: licences, banned crates and registries, by the lists of `deny.toml`.
//! `cargo deny` does it where it is installed; where it is not, the essential part is done here from `cargo metadata`
//! and the rest is named as skipped.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::steps::{Steps, cargo, on_path};

/// The lists of `deny.toml` that are checked here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lists {
    licences: Vec<String>,
    banned: Vec<String>,
    registries: Vec<String>,
}

pub(crate) fn check(steps: &mut Steps) -> Result<()> {
    if on_path("cargo-deny") {
        let cargo = cargo();
        return steps.tool(
            &cargo.to_string_lossy(),
            &["deny", "--offline", "check", "bans", "licenses", "sources"],
            &[],
        );
    }
    let root = steps.root().to_owned();
    let lists = Lists::read(
        &std::fs::read_to_string(root.join("deny.toml")).context("reading deny.toml")?,
    )?;
    let metadata = metadata(&root)?;
    let faults = faults(&lists, &metadata)?;
    for fault in &faults {
        eprintln!("deny: {fault}");
    }
    if !faults.is_empty() {
        bail!("{} dependency fault(s)", faults.len());
    }
    println!(
        "deny: licences, bans and registries hold (checked here: cargo-deny is not installed)"
    );
    steps.note("cargo-deny is not installed: advisories and duplicate versions were not checked (`cargo install cargo-deny` adds them)");
    Ok(())
}

fn metadata(root: &Path) -> Result<Value> {
    let output = Command::new(cargo())
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .context("running cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata --locked: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("reading cargo metadata")
}

impl Lists {
    /// Reads the three lists; anything else in the file is for `cargo deny`.
    fn read(text: &str) -> Result<Lists> {
        let mut lists = Lists::default();
        let mut section = String::new();
        let mut list = String::new();
        for line in text.lines() {
            let line = line.trim();
            if line.starts_with('#') {
                continue;
            }
            if list.is_empty() && line.starts_with('[') {
                line.trim_matches(['[', ']']).clone_into(&mut section);
                continue;
            }
            if let Some((name, rest)) = line.split_once(" = [") {
                name.clone_into(&mut list);
                lists.take(&section, &list, rest);
                if rest.ends_with(']') {
                    list.clear();
                }
            } else if line == "]" {
                list.clear();
            } else if !list.is_empty() {
                lists.take(&section, &list, line);
            }
        }
        if lists.licences.is_empty() || lists.registries.is_empty() {
            bail!("deny.toml names no licence or no registry that is allowed");
        }
        Ok(lists)
    }

    fn take(&mut self, section: &str, list: &str, line: &str) {
        let quoted = || line.split('"').skip(1).step_by(2).map(str::to_owned);
        match (section, list) {
            ("licenses", "allow") => self.licences.extend(quoted()),
            ("sources", "allow-registry") => self.registries.extend(quoted()),
            ("bans", "deny") => self.banned.extend(quoted().take(1)),
            _ => {}
        }
    }
}

fn faults(lists: &Lists, metadata: &Value) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for package in metadata["packages"]
        .as_array()
        .context("metadata has no packages")?
    {
        let name = package["name"].as_str().context("package has no name")?;
        let version = package["version"].as_str().unwrap_or("?");
        match package["license"].as_str() {
            Some(licence) if is_allowed(licence, &lists.licences) => {}
            Some(licence) => faults.push(format!(
                "{name} {version}: licence `{licence}` is not in deny.toml"
            )),
            None => faults.push(format!("{name} {version} names no licence")),
        }
        if lists.banned.iter().any(|banned| banned == name) {
            faults.push(format!("{name} {version} is banned in deny.toml"));
        }
        if let Some(source) = package["source"].as_str() {
            let known = source
                .strip_prefix("registry+")
                .is_some_and(|registry| lists.registries.iter().any(|allowed| allowed == registry));
            if !known {
                faults.push(format!(
                    "{name} {version} comes from {source}, which deny.toml does not allow"
                ));
            }
        }
    }
    Ok(faults)
}

/// Returns whether an SPDX expression can be met with the allowed licences alone. Anything unreadable cannot.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Spdx {
        words: &words,
        allowed,
    };
    reader.any() == Some(true) && reader.words.is_empty()
}

struct Spdx<'a> {
    words: &'a [&'a str],
    allowed: &'a [String],
}

impl<'a> Spdx<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn next_is(&mut self, word: &str) -> bool {
        let is = self.words.first() == Some(&word);
        if is {
            self.words = &self.words[1..];
        }
        is
    }

    fn any(&mut self) -> Option<bool> {
        let mut met = self.all()?;
        while self.next_is("OR") {
            met |= self.all()?;
        }
        Some(met)
    }

    fn all(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.next_is("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        let word = self.next()?;
        if word == "(" {
            let met = self.any()?;
            return self.next_is(")").then_some(met);
        }
        let licence = if self.next_is("WITH") {
            format!("{word} WITH {}", self.next()?)
        } else {
            word.to_owned()
        };
        Some(self.allowed.contains(&licence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Vec<String> {
        ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn expressions_are_met_or_not() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR GPL-3.0) AND Apache-2.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
            "GPL-3.0 OR (GPL-2.0 OR MIT)",
        ] {
            assert!(is_allowed(good, &allowed()), "{good}");
        }
        for bad in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "MIT WITH LLVM-exception",
            "(MIT",
            "MIT)",
            "MIT MIT",
            "OR MIT",
            "MIT OR",
        ] {
            assert!(!is_allowed(bad, &allowed()), "{bad}");
        }
    }

    #[test]
    fn the_lists_of_deny_toml_are_found() {
        let lists = Lists::read(include_str!("../../deny.toml")).expect("our own file is readable");
        assert!(
            lists
                .licences
                .iter()
                .any(|licence| licence == "Apache-2.0 WITH LLVM-exception")
        );
        assert!(lists.banned.iter().any(|banned| banned == "openssl"));
        assert_eq!(
            lists.registries,
            ["https://github.com/rust-lang/crates.io-index"]
        );
        assert!(Lists::read("[licenses]\nallow = []\n").is_err());
    }

    #[test]
    fn a_bad_licence_a_banned_crate_and_a_strange_registry_are_each_a_fault() {
        let lists = Lists {
            licences: allowed(),
            banned: vec!["openssl".to_owned()],
            registries: vec!["https://good".to_owned()],
        };
        let package = |name: &str, licence: Option<&str>, source: Option<&str>| serde_json::json!({"packages": [{"name": name, "version": "1.0.0", "license": licence, "source": source}]});
        let count = |value: Value| faults(&lists, &value).expect("well-formed metadata").len();
        assert_eq!(
            count(package("a", Some("MIT"), Some("registry+https://good"))),
            0
        );
        assert_eq!(count(package("a", Some("MIT"), None)), 0);
        assert_eq!(count(package("a", None, None)), 1);
        assert_eq!(count(package("a", Some("GPL-3.0"), None)), 1);
        assert_eq!(count(package("openssl", Some("MIT"), None)), 1);
        assert_eq!(
            count(package("a", Some("MIT"), Some("git+https://good"))),
            1
        );
        assert_eq!(
            count(package("a", Some("MIT"), Some("registry+https://evil"))),
            1
        );
    }
}
