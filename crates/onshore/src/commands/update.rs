//! `onshore update`. Making keys and bundles needs no server: the technology provider does that at home. What is staged is
//! compared here once more with the id that was asked for, whatever the server sent.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use http::Method;
use onshore_api::{RejectUpdate, UpdateView};
use onshore_ledger::{Hash, Platform, Signer, UpdateManifest, unpack_update};
use onshore_types::{UpdateId, Wording};
use ring::digest::{Context as Digest, SHA256};
use serde_json::json;

use crate::cli::{TargetArgs, UpdateCommand};
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: UpdateCommand) -> Result<Exit> {
    match command {
        UpdateCommand::Key { name, out } => make_key(target.style(), &name, &out),
        UpdateCommand::Pack {
            binary,
            version,
            escrow,
            key,
            out,
            notes,
            platform,
        } => {
            let wanted = Bundle {
                version,
                platform,
                notes: notes.as_deref().map(read_text).transpose()?,
            };
            tokio::task::block_in_place(|| {
                pack(target.style(), wanted, &binary, &escrow, &key, &out)
            })
        }
        UpdateCommand::Import { file, allow_older } => {
            let bundle = open(&file)?;
            let path = if allow_older {
                "/v1/updates?allow_older=true"
            } else {
                "/v1/updates"
            };
            let update: UpdateView = target::client(target)?.send_file(path, bundle).await?;
            tell(target.style(), &update)
        }
        UpdateCommand::List => {
            let updates: Vec<UpdateView> = target::client(target)?.list("/v1/updates").await?;
            list(target.style(), &updates)
        }
        UpdateCommand::Show { id } => {
            let client = target::client(target)?;
            let update: UpdateView = client.get(&format!("/v1/updates/{id}")).await?;
            tell(target.style(), &update)
        }
        UpdateCommand::Approve { id } => {
            let path = format!("/v1/updates/{id}/approvals");
            let client = target::client(target)?;
            let update: UpdateView = client.send(Method::POST, &path, &()).await?;
            tell(target.style(), &update)
        }
        UpdateCommand::Reject { id, reason } => reject(target, id, reason).await,
        UpdateCommand::Stage { id, to } => stage(target, id, &to).await,
    }
}

/// What is said of a binary that is not in its files.
struct Bundle {
    version: String,
    platform: Option<String>,
    notes: Option<String>,
}

/// Makes a key that signs notes: the secret half into a file, the other half to the reader.
pub(crate) fn make_key(style: Style, name: &str, out: &Path) -> Result<Exit> {
    let text = Signer::private_text(name, &onshore_keys::random())
        .map_err(|error| usage(format!("{name}: {error}")))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(out)
        .with_context(|| format!("cannot make {}", out.display()))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", out.display()))?;
    let key = Signer::parse_private(&text)?.verifier().to_string();
    match style {
        Style::Json => output::json(&json!({ "key": key }))?,
        Style::Text => output::line(&key),
    }
    Ok(Exit::Done)
}

/// Reads the secret half of a key.
pub(crate) fn signer(path: &Path) -> Result<Signer> {
    Signer::parse_private(&read_text(path)?)
        .map_err(|error| usage(format!("{} holds no key: {error}", path.display())))
}

fn pack(
    style: Style,
    wanted: Bundle,
    binary: &Path,
    escrow: &Path,
    key: &Path,
    out: &Path,
) -> Result<Exit> {
    let bad = |error: onshore_ledger::Error| usage(error.to_string());
    let signer = signer(key)?;
    let (sha256, size_bytes) = digest(binary)?;
    let (escrow, _) = digest(escrow)?;
    let mut notes = wanted.notes.unwrap_or_default();
    if !notes.ends_with('\n') {
        notes.push('\n');
    }
    let manifest = UpdateManifest {
        version: wanted.version.parse().map_err(bad)?,
        platform: match wanted.platform {
            Some(platform) => platform.parse().map_err(bad)?,
            None => Platform::here(),
        },
        sha256,
        size_bytes,
        escrow,
        notes,
    };
    let head = manifest.seal(&signer).map_err(bad)?;
    let mut bundle = File::create(out).with_context(|| format!("cannot make {}", out.display()))?;
    bundle
        .write_all(head.as_bytes())
        .and_then(|()| io::copy(&mut open_io(binary)?, &mut bundle))
        .and_then(|_| bundle.sync_all())
        .with_context(|| format!("cannot write {}", out.display()))?;
    match style {
        Style::Json => output::json(&json!({
            "version": manifest.version.to_string(),
            "platform": manifest.platform.to_string(),
            "sha256": manifest.sha256,
            "size_bytes": manifest.size_bytes,
            "escrow": manifest.escrow,
            "signed_by": signer.verifier().to_string(),
        }))?,
        Style::Text => output::line(&format!(
            "{}: release {} for {}, signed by {}",
            out.display(),
            manifest.version,
            manifest.platform,
            signer.name()
        )),
    }
    Ok(Exit::Done)
}

async fn reject(target: &TargetArgs, id: UpdateId, reason: Wording) -> Result<Exit> {
    let path = format!("/v1/updates/{id}/rejection");
    let asked = RejectUpdate { reason };
    let client = target::client(target)?;
    let update: UpdateView = client.send(Method::POST, &path, &asked).await?;
    tell(target.style(), &update)
}

async fn stage(target: &TargetArgs, id: UpdateId, to: &Path) -> Result<Exit> {
    let client = target::client(target)?;
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let draft = Draft::new(&folder)?;
    let bundle = Draft::new(&folder)?;
    let mut file = tokio::fs::File::from_std(bundle.open()?);
    client
        .post_into(&format!("/v1/updates/{id}/staging"), &mut file)
        .await?;
    let manifest = tokio::task::block_in_place(|| {
        let mut binary = draft.open()?;
        let manifest = unpack_update(&mut open(&bundle.0)?, id.as_bytes(), &mut binary)
            .context("what the server handed out is not what was approved")?;
        // It can be run from here on, and not before it is known what it is.
        binary
            .set_permissions(Permissions::from_mode(0o755))
            .and_then(|()| binary.sync_all())
            .and_then(|()| std::fs::rename(&draft.0, to))
            .and_then(|()| File::open(&folder)?.sync_all())
            .with_context(|| format!("cannot write {}", to.display()))?;
        Ok::<_, anyhow::Error>(manifest)
    })?;
    match target.style() {
        Style::Json => output::json(&json!({
            "id": id,
            "path": to,
            "version": manifest.version.to_string(),
            "sha256": manifest.sha256,
        }))?,
        Style::Text => output::line(&format!(
            "{} is release {}; have your service manager install it.",
            to.display(),
            manifest.version
        )),
    }
    Ok(Exit::Done)
}

/// A file beside where something goes to; removed unless it went there.
struct Draft(PathBuf);

impl Draft {
    fn new(folder: &Path) -> Result<Self> {
        let name = hex::encode(onshore_keys::random::<8>());
        let path = folder.join(format!(".onshore-update-{name}"));
        let draft = Self(path);
        draft.open()?;
        Ok(draft)
    }

    fn open(&self) -> Result<File> {
        OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.0)
            .with_context(|| format!("cannot make {}", self.0.display()))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn list(style: Style, updates: &[UpdateView]) -> Result<Exit> {
    if style == Style::Json {
        output::json(&updates)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = updates
        .iter()
        .map(|update| {
            vec![
                update.id.to_string(),
                update.version.clone(),
                update.platform.clone(),
                format!("{}/{}", update.approvals.len(), update.approvals_needed),
                update.state.clone(),
            ]
        })
        .collect();
    output::table(
        &["UPDATE", "RELEASE", "PLATFORM", "APPROVALS", "STATE"],
        &rows,
    );
    Ok(Exit::Done)
}

fn tell(style: Style, update: &UpdateView) -> Result<Exit> {
    if style == Style::Json {
        output::json(update)?;
        return Ok(Exit::Done);
    }
    let older = if update.older {
        " (older than what ran)"
    } else {
        ""
    };
    output::line(&format!("update     {}", update.id));
    output::line(&format!("state      {}", update.state));
    output::line(&format!("release    {}{older}", update.version));
    output::line(&format!("platform   {}", update.platform));
    output::line(&format!(
        "binary     SHA-256 {}, {}",
        update.sha256,
        output::bytes(update.size_bytes)
    ));
    output::line(&format!("sources    SHA-256 {}", update.escrow));
    output::line(&format!("signed by  {}", update.signed_by));
    for approval in &update.approvals {
        output::line(&format!(
            "approved   by {} at {}",
            approval.person, approval.at
        ));
    }
    output::line(&format!(
        "approvals  {} of {}",
        update.approvals.len(),
        update.approvals_needed
    ));
    if let Some(reason) = &update.reason {
        output::line(&format!("because    {reason}"));
    }
    if let Some(leaf) = update.leaf {
        output::line(&format!("leaf       {leaf}"));
    }
    if !update.notes.trim().is_empty() {
        output::line("");
        output::line(update.notes.trim_end());
    }
    Ok(Exit::Done)
}

fn digest(path: &Path) -> Result<(Hash, u64)> {
    let mut file = open(path)?;
    let mut digest = Digest::new(&SHA256);
    let mut chunk = vec![0; 1 << 16];
    let mut len = 0;
    loop {
        let read = file
            .read(&mut chunk)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = chunk.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        digest.update(bytes);
        len += bytes.len() as u64;
    }
    Ok((Hash::from_slice(digest.finish().as_ref())?, len))
}

fn open_io(path: &Path) -> io::Result<File> {
    File::open(path)
}

fn open(path: &Path) -> Result<File> {
    open_io(path).map_err(|error| usage(format!("cannot read {}: {error}", path.display())))
}

/// Reads a text that an argument names.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| usage(format!("cannot read {}: {error}", path.display())))
}
