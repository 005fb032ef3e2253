//! Decides what a change must pass: the fast `check` and the whole `test` that CI runs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::debian;
use crate::python::Python;
use crate::shell::output;
use crate::steps::{Skips, Steps, cargo, on_path, target_folder};
use crate::{deny, floors, page};

/// A cold build above this is a defect.
const COLD_BUILD_MAX: Duration = Duration::from_secs(20 * 60);
/// The steps whose time is the cold build: everything that compiles.
const BUILD_STEPS: &[&str] = &["clippy", "docs", "build"];

/// The seeds of the simulation that every run repeats; `cargo xtask sim` takes any other.
const SIM_SEEDS: &[u64] = &[1, 2, 3];

/// Runs the fast part: format, lints, floors, dependencies, unit tests, documentation.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut steps = Steps::new(root);
    static_checks(&mut steps);
    steps.step("unit tests", |steps| {
        cargo_tests(steps, &["test", "--workspace", "--lib", "--bins"])
    });
    steps.close(Skips::Named)
}

/// Runs all that CI runs.
pub(crate) fn test(root: &Path, skips: Skips) -> Result<()> {
    let mut steps = Steps::new(root);
    let cold = is_cold(root);
    static_checks(&mut steps);
    // One build serves all: the binary that the clients are tested against is the one its own tests are built with.
    // `cargo build` would choose other features of some dependencies and compile the largest of them a second time.
    let built = steps.step("build", |steps| {
        cargo_run(steps, &["test", "--workspace", "--no-run"], &[])
    });
    report_build(&mut steps, cold);
    if built {
        steps.step("workspace tests", |steps| {
            cargo_tests(steps, &["test", "--workspace", "--no-fail-fast"])
        });
        steps.step("simulation", |steps| {
            // The example that the build made; `cargo run` would build it with other features.
            let program = target_folder(steps.root())
                .join("debug/examples/sim")
                .display()
                .to_string();
            SIM_SEEDS
                .iter()
                .try_for_each(|seed| steps.tool(&program, &["--seed", &seed.to_string()], &[]))
        });
        client_tests(&mut steps, skips);
    }
    steps.close(skips)
}

fn static_checks(steps: &mut Steps) {
    steps.step("format", |steps| {
        cargo_run(steps, &["fmt", "--all", "--check"], &[])
    });
    steps.step("floors", |steps| floors::check(steps.root()));
    steps.step("dependencies", deny::check);
    steps.step("build tools", |_| debian::ensure_build_tools());
    steps.step("clippy", |steps| {
        cargo_run(
            steps,
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
            &[],
        )
    });
    steps.step("docs", |steps| {
        let mut env = vec![("RUSTDOCFLAGS", "-D warnings")];
        // What clippy has checked is not checked once more: Cargo tells the two apart by the program that wraps rustc, and clippy by
        // its arguments (docs/decisions/0067).
        let driver = clippy_driver();
        if let Some(driver) = &driver {
            env.push(("RUSTC_WORKSPACE_WRAPPER", driver));
            env.push((
                "CLIPPY_ARGS",
                "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__",
            ));
        }
        cargo_run(
            steps,
            &["doc", "--no-deps", "--workspace", "--locked"],
            &env,
        )
    });
}

/// Returns what `cargo clippy` wraps rustc in, where it is found.
fn clippy_driver() -> Option<String> {
    let sysroot = output(Path::new("rustc"), &["--print", "sysroot"], &[]).ok()?;
    let driver = Path::new(sysroot.trim()).join("bin/clippy-driver");
    driver.is_file().then(|| driver.display().to_string())
}

/// Runs the real clients against the real server.
fn client_tests(steps: &mut Steps, skips: Skips) {
    let mut environment = None;
    steps.step("Python environment", |steps| {
        environment = Some(Python::ensure(steps.root())?);
        for (tool, package, what) in [
            ("curl", "curl", "curl"),
            ("strace", "strace", "power cuts"),
            ("restic", "restic", "restic"),
            ("nats-server", "nats-server", "NATS"),
            ("haproxy", "haproxy", "HAProxy"),
            ("s3fs", "s3fs", "s3fs"),
            ("rsync", "rsync", "rsync over s3fs"),
            ("duplicity", "duplicity", "duplicity"),
            ("go", "golang-go", "Go's verifiers"),
            ("setpriv", "util-linux", "witnesses under another user"),
        ] {
            if let Err(error) = debian::ensure_tool(tool, package) {
                steps.skip(format!("{what} in the client tests: {error:#}"));
            }
        }
        // Another `aws`, of the first generation, may be on the path.
        if !Path::new("/usr/bin/aws").is_file()
            && let Err(error) = debian::install("the AWS CLI of the second generation", "awscli")
        {
            steps.skip(format!(
                "the AWS CLI of the second generation in the client tests: {error:#}"
            ));
        }
        // No program of its own: duplicity speaks S3 through it.
        if !Path::new("/usr/lib/python3/dist-packages/boto3").is_dir()
            && let Err(error) = debian::install("duplicity's S3", "python3-boto3")
        {
            steps.skip(format!("duplicity in the client tests: {error:#}"));
        }
        if !Path::new("/usr/share/gocode/src/golang.org/x/mod/sumdb").is_dir()
            && let Err(error) = debian::install("Go's verifiers", "golang-golang-x-mod-dev")
        {
            steps.skip(format!("Go's verifiers in the client tests: {error:#}"));
        }
        if let Err(error) = page::build(steps.root()) {
            steps.skip(format!("the page that checks evidence: {error:#}"));
        }
        if let Err(error) = ensure_node_modules(steps.root()) {
            steps.skip(format!("the AWS SDK for JavaScript: {error:#}"));
        }
        Ok(())
    });
    let Some(python) = environment else { return };
    steps.step("client tests", |steps| {
        pytest(
            steps,
            &python,
            // In the order that conftest.py gives. Two workers leave a third of two cores idle: tests wait for disks, clocks and what
            // they killed.
            &[
                "tests-py",
                "-n",
                "3",
                "--dist",
                "loadfile",
                "--no-loadscope-reorder",
            ],
            skips,
            &[],
        )
    });
}

/// Installs the packages of the JavaScript client below the tests, unless those of this lock file are there.
fn ensure_node_modules(root: &Path) -> Result<()> {
    let folder = root.join("tests-py/js");
    let lock = std::fs::read(folder.join("package-lock.json"))?;
    let installed = folder.join("node_modules/.installed-lock.json");
    if std::fs::read(&installed).is_ok_and(|known| known == lock) {
        return Ok(());
    }
    ensure!(
        on_path("npm"),
        "npm is missing: install Node.js 20 or later"
    );
    let folder_text = folder.display().to_string();
    output(
        Path::new("npm"),
        &["ci", "--prefix", &folder_text, "--no-audit", "--no-fund"],
        &[],
    )?;
    Ok(std::fs::write(installed, lock)?)
}

/// Runs pytest on the built binary and takes over the list of tests that could not run.
pub(crate) fn pytest(
    steps: &mut Steps,
    python: &Python,
    args: &[&str],
    skips: Skips,
    env: &[(&str, &str)],
) -> Result<()> {
    let root = steps.root().to_owned();
    let list = target_folder(&root).join("pytest-skipped.txt");
    drop(std::fs::remove_file(&list));
    let (binary, list_text) = (
        target_folder(&root)
            .join("debug/onshore")
            .display()
            .to_string(),
        list.display().to_string(),
    );
    let path = format!(
        "{}:{}",
        python.program("").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut all = vec![
        ("ONSHORE_BIN", binary.as_str()),
        ("ONSHORE_SKIPPED_LIST", list_text.as_str()),
        ("PATH", path.as_str()),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ];
    all.extend_from_slice(env);
    if skips == Skips::Fail {
        all.push(("ONSHORE_STRICT", "1"));
    }
    let program = python.program("python").display().to_string();
    let mut full = vec!["-m", "pytest", "-p", "no:cacheprovider", "-q"];
    full.extend_from_slice(args);
    let result = steps.tests(&program, &full, &all);
    for line in std::fs::read_to_string(&list).unwrap_or_default().lines() {
        steps.skip(line);
    }
    result
}

/// Returns whether nothing of the house has been built in this target folder yet. (We ourselves have been.)
fn is_cold(root: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(target_folder(root).join("debug/deps")) else {
        return true;
    };
    !entries.flatten().any(|entry| {
        entry
            .file_name()
            .to_string_lossy()
            .starts_with("libonshore_types")
    })
}

fn report_build(steps: &mut Steps, cold: bool) {
    let time = steps.time_of(BUILD_STEPS);
    let record = target_folder(steps.root()).join("cold-build-seconds");
    let seconds = time.as_secs();
    if !cold {
        let last = std::fs::read_to_string(&record).unwrap_or_else(|_| "unknown".to_owned());
        println!(
            "\nwarm build: {seconds} s (the target folder was not empty; its cold build took {} s)",
            last.trim()
        );
        return;
    }
    println!(
        "\ncold build: {seconds} s (lints, documentation, binary and tests from an empty target folder)"
    );
    if let Err(error) = std::fs::write(&record, format!("{seconds}\n")) {
        eprintln!("{}: {error}", record.display());
    }
    steps.step("cold build time", |_| {
        if time > COLD_BUILD_MAX {
            bail!(
                "DEFECT: the cold build took {seconds} s; above {} s it is a defect",
                COLD_BUILD_MAX.as_secs()
            );
        }
        Ok(())
    });
}

/// Steps gate, journal and store through crashes, the same for the same seed.
pub(crate) fn simulate(steps: &Steps, seed: u64, count: Option<u64>) -> Result<()> {
    let seed = seed.to_string();
    let count = count.map(|count| count.to_string());
    let mut args = vec![
        "run",
        "--quiet",
        "--package",
        "onshore-gate",
        "--example",
        "sim",
        "--",
        "--seed",
        &seed,
    ];
    if let Some(count) = &count {
        args.extend(["--steps", count]);
    }
    cargo_run(steps, &args, &[])
}

fn cargo_run(steps: &Steps, args: &[&str], env: &[(&str, &str)]) -> Result<()> {
    steps.tool(&cargo().to_string_lossy(), args, env)
}

fn cargo_tests(steps: &mut Steps, args: &[&str]) -> Result<()> {
    steps.tests(&cargo().to_string_lossy(), args, &[])
}

/// Builds the binary for the demo and the benchmarks and returns its path.
pub(crate) fn build_binary(
    root: &Path,
    release: &[&str],
    folder: &str,
) -> Result<std::path::PathBuf> {
    debian::ensure_build_tools()?;
    let steps = Steps::new(root);
    let mut args = vec!["build", "--package", "onshore", "--bin", "onshore"];
    args.extend_from_slice(release);
    cargo_run(&steps, &args, &[]).context("building the onshore binary")?;
    Ok(target_folder(root).join(folder).join("onshore"))
}

/// Builds an example of a package in release mode and returns its path.
pub(crate) fn build_example(
    root: &Path,
    package: &str,
    example: &str,
) -> Result<std::path::PathBuf> {
    debian::ensure_build_tools()?;
    let steps = Steps::new(root);
    let args = [
        "build",
        "--release",
        "--package",
        package,
        "--example",
        example,
    ];
    cargo_run(&steps, &args, &[]).with_context(|| format!("building the example {example}"))?;
    Ok(target_folder(root).join("release/examples").join(example))
}
