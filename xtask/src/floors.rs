//! Decides whether the house stands: every arrow between crates runs downward, the judges stay pure, and only the gate
//! issues permits. Reads `cargo metadata` and the sources; changes nothing.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The floors of the house, lowest first. A crate depends only on crates of lower floors.
const FLOORS: &[(&str, &[&str])] = &[
    ("words", &["onshore-types"]),
    (
        "judges",
        &[
            "onshore-policy",
            "onshore-classify",
            "onshore-orders",
            "onshore-dora",
            "onshore-ledger",
            "onshore-api",
        ],
    ),
    (
        "ground",
        &[
            "onshore-db",
            "onshore-keys",
            "onshore-sources",
            "onshore-tls",
        ],
    ),
    (
        "keepers",
        &["onshore-registry", "onshore-journal", "onshore-store"],
    ),
    ("gate", &["onshore-gate"]),
    (
        "fronts",
        &[
            "onshore-s3",
            "onshore-migrate",
            "onshore-control",
            "onshore-console",
            "onshore-compute",
            "onshore-upkeep",
            "onshore-witness",
        ],
    ),
    ("doors", &["onshore"]),
];

/// Stand beside the house: nothing in it may ship with them, and they lean on nothing in it.
const TESTKIT: &str = "onshore-testkit";
const XTASK: &str = "xtask";
/// Checks what the house hands out, and must share nothing with it: a second opinion, short enough to be read.
const VERIFY: &str = "onshore-verify";
const VERIFY_LINES_MAX: usize = 1000;

/// Rooms without I/O, clock or randomness, and what they therefore may not depend on.
const PURE: &[&str] = &[
    "onshore-types",
    "onshore-policy",
    "onshore-classify",
    "onshore-ledger",
    "onshore-dora",
    "onshore-api",
];
const IMPURE: &[&str] = &[
    "tokio",
    "rusqlite",
    "getrandom",
    "rand",
    "hyper",
    "reqwest",
    "aws-sdk-s3",
];

/// The rooms in which `Permit::issue` may be named.
const PERMIT_ROOMS: &[&str] = &["onshore-policy", "onshore-gate"];
/// The room whose tests may name it too: the store's suite stands where the gate would. Its shipped code may not.
const PERMIT_TESTS: &str = "onshore-store";

/// What opens a connection, or asks for an address. A disconnect drill shuts the one way out; whoever went another would be let
/// through.
const WAYS_OUT: &[&str] = &[
    "TcpStream::connect",
    "TcpSocket::new",
    "UdpSocket",
    "lookup_host",
    "to_socket_addrs",
    "connect::HttpConnector",
    "build_with_resolver",
    "build_http(",
    "build_https(",
    "aws_config::",
];
/// Where that may be done, and why.
const WAYS_OUT_ALLOWED: &[(&str, &str)] = &[
    (
        "crates/onshore-sources/src/outward.rs",
        "the way out itself",
    ),
    (
        "crates/onshore-sources/src/s3/network.rs",
        "asks the way out for each request",
    ),
    (
        "crates/onshore-sources/src/s3/region.rs",
        "asks the way out for each request",
    ),
    (
        "crates/onshore-sources/src/credentials.rs",
        "the command line's own, no server calls it",
    ),
    (
        "crates/onshore-sources/src/environment.rs",
        "reads variables and files alone",
    ),
    ("crates/onshore/src/client.rs", "the command line's own"),
    (
        "crates/onshore/src/commands/drill/s3.rs",
        "the command line's own",
    ),
    ("crates/onshore/src/listen.rs", "listens"),
];

/// A workspace crate as `cargo metadata` tells it.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    name: String,
    folder: PathBuf,
    needs: Vec<Need>,
}

#[derive(Debug, Clone)]
struct Need {
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Build,
    Dev,
}

/// Checks the whole house and fails with one line for each fault.
pub(crate) fn check(root: &Path) -> Result<()> {
    let packages = packages(&metadata(root)?)?;
    let mut faults = arrow_faults(&packages);
    for package in &packages {
        if package.name == VERIFY {
            faults.extend(length_fault(&package.folder)?);
        }
        for file in rust_files(&package.folder)? {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("reading {}", file.display()))?;
            let shown = file
                .strip_prefix(root)
                .unwrap_or(&file)
                .display()
                .to_string();
            faults.extend(permit_faults(&package.name, &shown, &text));
            faults.extend(way_out_faults(&package.name, &shown, &text));
        }
    }
    if faults.is_empty() {
        println!(
            "floors: {} crates, every arrow runs downward",
            packages.len()
        );
        return Ok(());
    }
    for fault in &faults {
        eprintln!("floors: {fault}");
    }
    bail!("{} fault(s) in the house", faults.len())
}

fn metadata(root: &Path) -> Result<Value> {
    // Without dependencies nothing needs the network; the second try is for a cargo that insists on an index.
    for offline in [&["--offline"][..], &[]] {
        let output = std::process::Command::new(crate::steps::cargo())
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .args(offline)
            .current_dir(root)
            .output()
            .context("running cargo metadata")?;
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).context("reading cargo metadata");
        }
    }
    bail!("cargo metadata failed; run it by hand to see why")
}

fn packages(metadata: &Value) -> Result<Vec<Package>> {
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .context("metadata field is not text")
    };
    let list = metadata["packages"]
        .as_array()
        .context("metadata has no packages")?;
    list.iter()
        .map(|package| {
            let manifest = PathBuf::from(text(&package["manifest_path"])?);
            let needs = package["dependencies"]
                .as_array()
                .context("package has no dependency list")?;
            Ok(Package {
                name: text(&package["name"])?,
                folder: manifest
                    .parent()
                    .context("manifest has no folder")?
                    .to_owned(),
                needs: needs
                    .iter()
                    .map(|need| {
                        let kind = match need["kind"].as_str() {
                            None => Kind::Normal,
                            Some("build") => Kind::Build,
                            Some("dev") => Kind::Dev,
                            Some(other) => bail!("unknown dependency kind {other}"),
                        };
                        Ok(Need {
                            name: text(&need["name"])?,
                            kind,
                        })
                    })
                    .collect::<Result<_>>()?,
            })
        })
        .collect()
}

fn floor_of(name: &str) -> Option<usize> {
    FLOORS.iter().position(|(_, crates)| crates.contains(&name))
}

fn is_ours(name: &str) -> bool {
    name == "onshore" || name == XTASK || name.starts_with("onshore-")
}

/// Returns one line for each arrow that may not be there.
fn arrow_faults(packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let beside = name == TESTKIT || name == XTASK || name == VERIFY;
        let floor = floor_of(name);
        if floor.is_none() && !beside {
            faults.push(format!(
                "{name} has no floor: add it to FLOORS in xtask/src/floors.rs, on the floor DESIGN gives it, or move its code into a room that exists"
            ));
        }
        for need in &package.needs {
            let target = need.name.as_str();
            if PURE.contains(&name) && need.kind != Kind::Dev && IMPURE.contains(&target) {
                faults.push(format!(
                    "{name} is pure (no I/O, clock or randomness) and may not depend on {target}: pass the value in as an argument"
                ));
            }
            if !is_ours(target) {
                continue;
            }
            if target == XTASK {
                faults.push(format!(
                    "{name} depends on xtask, which stands beside the house"
                ));
            } else if target == TESTKIT {
                if need.kind != Kind::Dev {
                    faults.push(format!("{name} ships {TESTKIT}: make it a dev-dependency"));
                }
            } else if beside {
                faults.push(format!(
                    "{name} stands beside the house and may not depend on {target}"
                ));
            } else if let Some(here) = floor {
                match floor_of(target) {
                    Some(there) if there < here => {}
                    Some(there) => {
                        let way = if there == here { "sideways" } else { "upward" };
                        faults.push(format!(
                            "{name} ({}) depends {way} on {target} ({}): move what both need to a lower floor",
                            FLOORS[here].0, FLOORS[there].0
                        ));
                    }
                    None => faults.push(format!(
                        "{name} depends on {target}, which has no floor in xtask/src/floors.rs"
                    )),
                }
            }
        }
    }
    faults
}

/// Returns a line if the checker that anybody is to read has grown too long for that.
fn length_fault(folder: &Path) -> Result<Option<String>> {
    let mut lines = 0;
    for file in rust_files(&folder.join("src"))? {
        lines += std::fs::read_to_string(&file)
            .with_context(|| format!("reading {}", file.display()))?
            .lines()
            .count();
    }
    Ok((lines >= VERIFY_LINES_MAX).then(|| {
        format!("{VERIFY} has {lines} lines: it stays under {VERIFY_LINES_MAX}, so that anybody can read it")
    }))
}

/// Returns one line for each place outside the permit rooms that names the constructor of a permit.
fn permit_faults(package: &str, file: &str, text: &str) -> Vec<String> {
    let is_test_of_store =
        package == PERMIT_TESTS && file.contains("/tests/") && !file.contains("/src/");
    if PERMIT_ROOMS.contains(&package) || package == XTASK || is_test_of_store {
        return Vec::new();
    }
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//") && line.contains("Permit::issue"))
        .map(|(index, _)| {
            format!(
                "{file}:{}: only onshore-gate issues permits: call `gate.permit`",
                index + 1
            )
        })
        .collect()
}

/// Returns one line for each place that goes out another way than the one that a drill shuts.
fn way_out_faults(package: &str, file: &str, text: &str) -> Vec<String> {
    let ships = floor_of(package).is_some() && file.contains("/src/");
    if !ships || WAYS_OUT_ALLOWED.iter().any(|(allowed, _)| *allowed == file) {
        return Vec::new();
    }
    let names = |line: &str| WAYS_OUT.iter().any(|way| line.contains(way));
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//") && names(line))
        .map(|(index, _)| {
            format!(
                "{file}:{}: connections are made by `onshore_sources::outward()` alone: a disconnect drill shuts it",
                index + 1
            )
        })
        .collect()
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in
            std::fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))?
        {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, needs: &[(&str, Kind)]) -> Package {
        Package {
            name: name.to_owned(),
            folder: PathBuf::from("/nowhere"),
            needs: needs
                .iter()
                .map(|(name, kind)| Need {
                    name: (*name).to_owned(),
                    kind: *kind,
                })
                .collect(),
        }
    }

    fn faults(name: &str, needs: &[(&str, Kind)]) -> Vec<String> {
        arrow_faults(&[package(name, needs)])
    }

    #[test]
    fn every_arrow_of_every_pair_is_judged_by_its_floors() {
        let all: Vec<(usize, &str)> = FLOORS
            .iter()
            .enumerate()
            .flat_map(|(floor, (_, crates))| crates.iter().map(move |name| (floor, *name)))
            .collect();
        for (from_floor, from) in &all {
            for (to_floor, to) in &all {
                for kind in [Kind::Normal, Kind::Build, Kind::Dev] {
                    let found = faults(from, &[(to, kind)]);
                    assert_eq!(
                        found.is_empty(),
                        to_floor < from_floor,
                        "{from} -> {to}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_fault_names_the_direction() {
        assert!(faults("onshore-gate", &[("onshore-s3", Kind::Normal)])[0].contains("upward"));
        assert!(faults("onshore-db", &[("onshore-keys", Kind::Normal)])[0].contains("sideways"));
    }

    #[test]
    fn testkit_is_for_tests_only_and_leans_on_nothing() {
        assert_eq!(
            faults("onshore", &[(TESTKIT, Kind::Dev)]),
            Vec::<String>::new()
        );
        assert_eq!(faults("onshore", &[(TESTKIT, Kind::Normal)]).len(), 1);
        assert_eq!(faults("onshore", &[(TESTKIT, Kind::Build)]).len(), 1);
        assert_eq!(faults(TESTKIT, &[("onshore-types", Kind::Normal)]).len(), 1);
        assert_eq!(faults("onshore-types", &[(XTASK, Kind::Dev)]).len(), 1);
        assert_eq!(
            faults(XTASK, &[("anyhow", Kind::Normal)]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn an_unknown_room_is_refused_with_advice() {
        let found = faults("onshore-attic", &[]);
        assert!(found[0].contains("FLOORS"), "{found:?}");
        assert_eq!(
            faults("onshore", &[("onshore-attic", Kind::Normal)]).len(),
            1
        );
    }

    #[test]
    fn judges_stay_pure_but_may_test_with_more() {
        for judge in PURE {
            for impure in IMPURE {
                assert_eq!(
                    faults(judge, &[(impure, Kind::Normal)]).len(),
                    1,
                    "{judge} -> {impure}"
                );
                assert_eq!(
                    faults(judge, &[(impure, Kind::Build)]).len(),
                    1,
                    "{judge} -> {impure}"
                );
                assert_eq!(faults(judge, &[(impure, Kind::Dev)]), Vec::<String>::new());
            }
        }
        assert_eq!(
            faults("onshore-db", &[("rusqlite", Kind::Normal)]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn there_is_one_way_out() {
        for line in [
            "    let stream = TcpStream::connect(address).await?;",
            "use tokio::net::{TcpListener, lookup_host};",
            "    let client = Builder::new().build_http();",
        ] {
            let found = way_out_faults("onshore-upkeep", "crates/onshore-upkeep/src/x.rs", line);
            assert_eq!(found.len(), 1, "{line}");
            for (package, file) in [
                ("onshore-sources", "crates/onshore-sources/src/outward.rs"),
                ("onshore-upkeep", "crates/onshore-upkeep/tests/x.rs"),
                (TESTKIT, "crates/onshore-testkit/src/x.rs"),
            ] {
                assert_eq!(way_out_faults(package, file, line), Vec::<String>::new());
            }
        }
        let comment = "// as TcpStream::connect does";
        assert_eq!(
            way_out_faults("onshore-s3", "crates/onshore-s3/src/x.rs", comment),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_permit_is_issued_in_its_two_rooms_only() {
        let line = "    let permit = Permit::issue(facts);\n";
        assert_eq!(
            permit_faults("onshore-s3", "s3.rs", line),
            ["s3.rs:1: only onshore-gate issues permits: call `gate.permit`"]
        );
        assert_eq!(
            permit_faults("onshore-s3", "s3.rs", "// see Permit::issue\n"),
            Vec::<String>::new()
        );
        let suite = "crates/onshore-store/tests/conformance/house.rs";
        assert_eq!(
            permit_faults(PERMIT_TESTS, suite, line),
            Vec::<String>::new()
        );
        assert_eq!(
            permit_faults(PERMIT_TESTS, "crates/onshore-store/src/read.rs", line).len(),
            1
        );
        assert_eq!(
            permit_faults(PERMIT_TESTS, "crates/onshore-store/src/tests/read.rs", line).len(),
            1
        );
        assert_eq!(
            permit_faults("onshore-s3", "crates/onshore-s3/tests/read.rs", line).len(),
            1
        );
        for room in PERMIT_ROOMS {
            assert_eq!(permit_faults(room, "x.rs", line), Vec::<String>::new());
        }
    }

    #[test]
    fn metadata_is_read_with_its_kinds() {
        let value = serde_json::json!({"packages": [{
            "name": "onshore-db", "manifest_path": "/w/crates/onshore-db/Cargo.toml",
            "dependencies": [{"name": "rusqlite", "kind": null}, {"name": "onshore-testkit", "kind": "dev"}],
        }]});
        let read = packages(&value).expect("well-formed metadata");
        assert_eq!(read[0].folder, PathBuf::from("/w/crates/onshore-db"));
        assert_eq!(read[0].needs[1].kind, Kind::Dev);
        assert!(packages(&serde_json::json!({})).is_err());
    }
}
