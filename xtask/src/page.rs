//! Makes the page that checks evidence in a browser: one file, with the checker of `verify/` in it as WebAssembly, that
//! works from a USB stick without a network.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::shell::output;
use crate::steps::{Steps, cargo, on_path, target_folder};

const TARGET: &str = "wasm32-unknown-unknown";
/// Where the page's text wants the module.
const PLACE: &str = "@WASM@";

/// Builds the page and returns where it is.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    ensure_target()?;
    let args = [
        "build",
        "--release",
        "--package=onshore-verify",
        "--lib",
        "--target",
        TARGET,
    ];
    // The symbols of the checker would make the page four times as long.
    let plain = [
        ("CARGO_PROFILE_RELEASE_STRIP", "true"),
        ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ];
    Steps::new(root).tool(&cargo().to_string_lossy(), &args, &plain)?;
    let module = target_folder(root)
        .join(TARGET)
        .join("release/onshore_verify.wasm");
    let module = std::fs::read(&module).with_context(|| format!("reading {}", module.display()))?;
    let text = std::fs::read_to_string(root.join("verify/page.html"))?;
    if text.matches(PLACE).count() != 1 {
        bail!("verify/page.html does not say where the module goes: {PLACE}, once");
    }
    let page = target_folder(root).join("onshore-verify.html");
    std::fs::write(&page, text.replace(PLACE, &STANDARD.encode(module)))?;
    Ok(page)
}

/// Makes sure that what compiles to WebAssembly is there.
fn ensure_target() -> Result<()> {
    if !on_path("rustup") {
        bail!("rustup is missing: install the Rust target {TARGET} by hand");
    }
    let rustup = Path::new("rustup");
    let installed = output(rustup, &["target", "list", "--installed"], &[])?;
    if installed.lines().any(|target| target == TARGET) {
        return Ok(());
    }
    println!("installing the Rust target {TARGET}");
    output(rustup, &["target", "add", TARGET], &[]).map(drop)
}
