//! `onshore verify --spot`: records of a certificate, drawn by a checkpoint that nobody could know when it was made, are read
//! again from both clouds.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use onshore_ledger::{
    Certificate, CertificateEntry, CertificateSummary, Checkpoint, Hash, Note, draw_spot,
};
use onshore_migrate::{OpenSource, Sources};
use onshore_sources::{
    Credentials, Error as SourceError, Network, Source, SourceAccess, SourceOptions, SourceSpec,
    SwiftAccount, SwiftSpec, resolve_container_credentials, resolve_credentials, resolve_swift,
    resolve_tree_credentials,
};
use ring::digest::{Context as Digest, SHA256};
use serde::Serialize;
use serde_json::json;

use super::Trusted;
use crate::cli::SpotArgs;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};

/// What a delete marker's record says of how it was checked.
const PLACED: &str = "placed";

/// What a look at an object showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "why")]
enum Seen {
    /// The bytes that the certificate names.
    Same,
    /// Other bytes.
    Other,
    /// Nothing there.
    Gone,
    /// It could not be read.
    Unread(String),
}

/// A record that was looked at.
#[derive(Debug, Serialize)]
struct Looked<'c> {
    record: u64,
    key: &'c str,
    source: Seen,
    destination: Seen,
}

/// Draws records and reads them from both clouds.
pub(super) async fn look(
    style: Style,
    trusted: &Trusted,
    (certificate, summary): (&Certificate, &CertificateSummary),
    count: u64,
    args: &SpotArgs,
) -> Result<Exit> {
    let later = later(trusted, args)?;
    let records = certificate.objects.len() as u64;
    let drawn = draw_spot(
        &later,
        &summary.checkpoint,
        &summary.body_hash,
        records,
        count,
    )?;
    let certified = certified_source(certificate);
    let source = open_source(certified.as_ref(), args)
        .await
        .context("opening the source")?;
    let dest = args.dest.as_deref().unwrap_or_default();
    let mut spec = parse(dest, args.dest_endpoint.as_deref())?;
    if let SourceSpec::S3(s3) = &mut spec {
        s3.region.clone_from(&args.dest_region);
    }
    let destination = open_spec(spec, args.dest_profile.as_deref())
        .await
        .context("opening the destination")?;
    let keeps_versions = certificate.body.source.ends_with("(all versions)");
    let (mut looked, mut markers) = (Vec::new(), 0_u64);
    for record in drawn {
        let Some(entry) = usize::try_from(record)
            .ok()
            .and_then(|at| certificate.objects.get(at))
        else {
            continue;
        };
        if entry.verified.as_deref() == Some(PLACED) {
            markers += 1;
            continue;
        }
        let versions = keeps_versions
            .then_some((entry.version.as_deref(), entry.destination_version.as_str()));
        looked.push(Looked {
            record,
            key: &entry.key,
            source: read(&*source, entry, versions.and_then(|(there, _)| there)).await,
            destination: read(&*destination, entry, versions.map(|(_, here)| here)).await,
        });
    }
    tell(style, &later, records, &looked, markers)
}

/// Reads the checkpoint that draws, and has it cosigned as the policy wants it.
fn later(trusted: &Trusted, args: &SpotArgs) -> Result<Checkpoint> {
    let path = args.later.as_deref().unwrap_or(Path::new(""));
    let text = std::fs::read_to_string(path)
        .map_err(|error| usage(format!("cannot read {}: {error}", path.display())))?;
    let note = Note::parse(&text)?;
    let checkpoint = Checkpoint::verify(&text, &trusted.keys)?;
    let policy = trusted.policy.as_ref();
    if policy.is_none_or(|policy| policy.require(&note).is_ok_and(|by| by.is_empty())) {
        return Err(usage(
            "the policy asks for no witness: then whoever made the certificate chose what is looked at",
        ));
    }
    trusted.check(&text)?;
    Ok(checkpoint)
}

/// Returns the source that the certificate was made of, as its settings say.
fn certified_source(certificate: &Certificate) -> Option<SourceSpec> {
    let settings = certificate.body.settings.as_ref()?;
    let access: SourceAccess = serde_json::from_value(settings.get("source")?.clone()).ok()?;
    Some(access.source)
}

async fn open_source(certified: Option<&SourceSpec>, args: &SpotArgs) -> Result<Arc<dyn Source>> {
    let endpoint = args.source_endpoint.as_deref();
    let profile = args.source_profile.as_deref();
    match (&args.source, certified) {
        (Some(named), Some(certified)) => {
            let spec = parse(named, endpoint.or(endpoint_of(certified)))?;
            if spec.identity() != certified.identity() {
                return Err(usage(format!(
                    "the certificate is of {certified}, not of {spec}"
                )));
            }
            open_spec(spec, profile).await
        }
        (Some(named), None) => open_spec(parse(named, endpoint)?, profile).await,
        (None, Some(certified)) => open_spec(certified.clone(), profile).await,
        (None, None) => Err(usage(
            "the certificate is of an older format and does not hold its source: pass --source",
        )),
    }
}

fn endpoint_of(spec: &SourceSpec) -> Option<&str> {
    match spec {
        SourceSpec::S3(s3) => s3.endpoint.as_deref(),
        SourceSpec::Container(container) => Some(&container.endpoint),
        SourceSpec::Swift(swift) => Some(&swift.account.endpoint),
        SourceSpec::Tree(tree) => tree.named_endpoint(),
        SourceSpec::Folder(_) => None,
    }
}

fn parse(text: &str, endpoint: Option<&str>) -> Result<SourceSpec> {
    let is_swift = text
        .split_once("://")
        .is_some_and(|(scheme, _)| scheme == SwiftSpec::SCHEME);
    let swift = if is_swift { swift_found()? } else { None };
    let options = SourceOptions {
        swift: swift.map(|(account, _)| account),
        endpoint: endpoint.map(str::to_owned),
        ..SourceOptions::default()
    };
    let working_folder = std::env::current_dir().context("the working folder is gone")?;
    SourceSpec::parse(text, options, &working_folder).map_err(|error| usage(error.to_string()))
}

fn swift_found() -> Result<Option<(SwiftAccount, Credentials)>> {
    resolve_swift().map_err(|error| usage(error.to_string()))
}

async fn open_spec(mut spec: SourceSpec, profile: Option<&str>) -> Result<Arc<dyn Source>> {
    let (credentials, roots) = match &mut spec {
        SourceSpec::S3(s3) => {
            let resolved = resolve_credentials(profile, s3.dialect)
                .await
                .map_err(|error| usage(error.to_string()))?;
            s3.region = s3.region.take().or(resolved.region);
            (resolved.credentials, Vec::new())
        }
        SourceSpec::Container(container) => {
            let (credentials, _) = resolve_container_credentials(container.protocol, None)
                .map_err(|error| usage(error.to_string()))?;
            (credentials, Vec::new())
        }
        SourceSpec::Swift(_) => (swift_found()?.map(|(_, secret)| secret), Vec::new()),
        SourceSpec::Tree(tree) => {
            let credentials = resolve_tree_credentials(tree.protocol)
                .map_err(|error| usage(error.to_string()))?;
            (credentials, Vec::new())
        }
        // Whoever looks may look where he can.
        SourceSpec::Folder(_) => (None, vec!["/".into()]),
    };
    let access = SourceAccess {
        source: spec,
        network: Network::Anywhere,
    };
    Ok(Sources { roots }
        .open(&access, credentials.as_ref())
        .await?)
}

async fn read(cloud: &dyn Source, entry: &CertificateEntry, version: Option<&str>) -> Seen {
    match hash(cloud, &entry.key, version).await {
        Ok(found) if found == entry.sha256 => Seen::Same,
        Ok(_) => Seen::Other,
        Err(SourceError::Gone { .. }) => Seen::Gone,
        Err(error) => Seen::Unread(error.to_string()),
    }
}

async fn hash(cloud: &dyn Source, key: &str, version: Option<&str>) -> Result<Hash, SourceError> {
    let fetched = cloud.fetch(key, version).await?;
    let mut body = fetched.body.map_err(|obstacle| SourceError::Unsupported {
        what: obstacle.detail().to_owned(),
    })?;
    let mut digest = Digest::new(&SHA256);
    while let Some(chunk) = body.try_next().await? {
        digest.update(&chunk);
    }
    let bytes = digest.finish().as_ref().try_into();
    Ok(Hash(bytes.expect("SHA-256 gives 32 bytes")))
}

fn tell(
    style: Style,
    later: &Checkpoint,
    records: u64,
    looked: &[Looked<'_>],
    markers: u64,
) -> Result<Exit> {
    let wrong: Vec<_> = looked
        .iter()
        .filter(|looked| looked.source != Seen::Same || looked.destination != Seen::Same)
        .collect();
    match style {
        Style::Json => output::json(&json!({
            "kind": "spot",
            "drawn_by": { "origin": later.origin, "size": later.size, "root": later.root },
            "records": records,
            "looked": looked,
            "delete_markers": markers,
            "same": wrong.is_empty(),
        }))?,
        Style::Text => {
            output::line(&format!(
                "Looked at {} of {records} objects, drawn by the checkpoint of {} leaves.",
                looked.len(),
                later.size
            ));
            if markers > 0 {
                output::line(&format!(
                    "{markers} more are delete markers, which have nothing to be read."
                ));
            }
            for looked in &wrong {
                output::line(&format!(
                    "Object {}: at the source {}, here {}.",
                    looked.key.escape_debug(),
                    looked.source,
                    looked.destination
                ));
            }
            output::line(&conclusion(looked.len(), records, wrong.len()));
        }
    }
    Ok(if wrong.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Says what can be said of all from what was drawn.
fn conclusion(looked: usize, records: u64, wrong: usize) -> String {
    if wrong > 0 {
        return format!("{wrong} of {looked} are not what the certificate says.");
    }
    if looked as u64 >= records {
        return "Every one is at both clouds what the certificate says.".to_owned();
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a chance of five in a hundred is no exact figure"
    )]
    let missed = 1.0 - 0.05_f64.powf(1.0 / looked.max(1) as f64);
    format!(
        "Every one is at both clouds what the certificate says. Were {:.1} % of all others or more, such a draw would have shown it 95 times of 100.",
        missed * 100.0
    )
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("as certified"),
            Self::Other => f.write_str("other bytes"),
            Self::Gone => f.write_str("gone"),
            Self::Unread(why) => write!(f, "not to be read ({why})"),
        }
    }
}
