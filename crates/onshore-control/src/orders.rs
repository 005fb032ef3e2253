//! What a migration may be ordered to read: a source is checked and bound to what the server may reach before a job
//! exists. What leaves here is the engine's own form of a source, without credentials.

use std::path::{Path, PathBuf};

use onshore_api::{MigrateFrom, OrderMigration, SourceCredentials, SwiftScope};
use onshore_keys::Secret;
use onshore_ledger::{Hash, canonical};
use onshore_policy::Role;
use onshore_sources::{
    Addressing, ContainerSpec, Credentials, Dialect, DialectError, FolderSpec, KeystoneScope,
    Network, Protocol, S3Spec, SourceAccess, SourceSpec, SwiftAccount, SwiftAuth, SwiftSpec,
    TreeProtocol, TreeSpec, VersionsWish,
};
use onshore_types::TenantId;
use serde_json::{Value, json};

use crate::error::Error;
use crate::parts::MigrateRules;

/// How many characters say who counted a source.
const COUNTED_BY_CHARS_MAX: usize = 200;

/// The largest number that a certificate can carry (RFC 8785).
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Checks the source of an order and says how far the server may go for it.
pub(crate) async fn access(
    rules: &MigrateRules,
    role: Role,
    asked: &OrderMigration,
) -> Result<SourceAccess, Error> {
    match &asked.source {
        MigrateFrom::S3 {
            bucket,
            prefix,
            endpoint,
            region,
            addressing,
            versions,
            dialect,
        } => {
            let spec = SourceSpec::S3(S3Spec {
                bucket: bucket.clone(),
                prefix: prefix.clone(),
                endpoint: endpoint.clone(),
                region: region.clone(),
                addressing: parse_addressing(addressing.as_deref())?,
                versions: parse_versions(versions.as_deref())?,
                dialect: dialect.as_deref().map(parse_dialect).transpose()?,
            });
            Ok(SourceAccess {
                source: spec.checked()?,
                network: network(rules, role, endpoint.as_deref()),
            })
        }
        MigrateFrom::Container {
            protocol,
            container,
            prefix,
            endpoint,
        } => {
            let spec = SourceSpec::Container(ContainerSpec {
                protocol: parse_protocol(protocol)?,
                container: container.clone(),
                prefix: prefix.clone(),
                endpoint: endpoint.clone(),
            });
            Ok(SourceAccess {
                source: spec.checked()?,
                network: network(rules, role, Some(endpoint)),
            })
        }
        MigrateFrom::Swift {
            container,
            prefix,
            endpoint,
            auth,
            user,
            scope,
        } => {
            let spec = SourceSpec::Swift(SwiftSpec {
                container: container.clone(),
                prefix: prefix.clone(),
                account: SwiftAccount {
                    auth: parse_swift_auth(auth)?,
                    endpoint: endpoint.clone(),
                    user: user.clone().unwrap_or_default(),
                    scope: scope_of(scope),
                },
            });
            Ok(SourceAccess {
                source: spec.checked()?,
                network: network(rules, role, Some(endpoint)),
            })
        }
        MigrateFrom::Tree {
            protocol,
            endpoint,
            path,
        } => {
            let spec = SourceSpec::Tree(TreeSpec {
                protocol: parse_tree_protocol(protocol)?,
                endpoint: endpoint.clone(),
                path: path.clone(),
            });
            Ok(SourceAccess {
                source: spec.checked()?,
                network: network(rules, role, Some(endpoint)),
            })
        }
        MigrateFrom::Folder { path } => {
            if asked.credentials.is_some() {
                return malformed("a folder takes no credentials");
            }
            let spec = FolderSpec {
                path: PathBuf::from(path),
            };
            let SourceSpec::Folder(spec) = SourceSpec::Folder(spec).checked()? else {
                return malformed("the source is not a folder");
            };
            let path = below_a_root(&rules.roots, &spec.path).await?;
            Ok(SourceAccess {
                source: SourceSpec::Folder(FolderSpec { path }),
                network: Network::PublicOnly,
            })
        }
    }
}

/// Returns the credentials in the form in which they are sealed.
pub(crate) fn sealable(credentials: &SourceCredentials) -> Secret {
    let credentials = Credentials::new(
        credentials.access_key.as_str(),
        credentials.secret_key.as_str(),
        credentials.session_token.clone(),
    );
    Secret::new(credentials.to_bytes().to_vec())
}

/// A job lists its source once a week at least.
const WATCH_S_MAX: u32 = 604_800;

/// Returns how a job is to be done, in the engine's own form.
pub(crate) fn options(asked: &OrderMigration) -> Result<Value, Error> {
    let deletes = match asked.deletes.as_deref() {
        None | Some("follow") => "follow",
        Some("keep") => "keep",
        Some(_) => return malformed("deletes is follow or keep"),
    };
    let mode = if asked.dry_run { "dry-run" } else { "bring" };
    let mut options = json!({ "deletes": deletes, "mode": mode, "pace": asked.pace });
    if let Some(seconds) = asked.watch_s {
        if asked.dry_run {
            return malformed("a pre-flight brings nothing that it could keep up with");
        }
        if !(1..=WATCH_S_MAX).contains(&seconds) {
            return malformed("watch_s is from 1 to 604800 seconds, a week");
        }
        options["watch_s"] = seconds.into();
    }
    if !asked.select.is_everything() {
        if asked.dry_run {
            return malformed("a pre-flight reads no objects, and cannot tell which are asked for");
        }
        options["select"] = json!(asked.select);
    }
    if asked.workers_only {
        if asked.dry_run {
            return malformed("a pre-flight brings nothing that workers could bring");
        }
        if matches!(asked.source, MigrateFrom::Folder { .. }) {
            return malformed(
                "a folder of the server is reached by no worker: leave workers_only out",
            );
        }
        options["readers"] = "workers".into();
    }
    if let Some(counted) = &asked.counted {
        if asked.dry_run {
            return malformed("a pre-flight certifies nothing: leave counted to the migration");
        }
        if !(1..=COUNTED_BY_CHARS_MAX).contains(&counted.by.trim().chars().count()) {
            return malformed("counted.by says in 1 to 200 characters who counted, and when");
        }
        if counted.objects.max(counted.bytes.unwrap_or(0)) > NUMBER_MAX {
            return malformed("counted is more than 2^53-1");
        }
        options["counted"] = json!({ "by": counted.by.trim(), "objects": counted.objects });
        if let Some(bytes) = counted.bytes {
            options["counted"]["bytes"] = bytes.into();
        }
    }
    Ok(options)
}

/// Returns what is the same for the same source, bucket and tenant, whatever the class and the credentials.
pub(crate) fn fingerprint(
    tenant: TenantId,
    asked: &OrderMigration,
    source: &SourceSpec,
) -> Result<[u8; 32], Error> {
    let mut what = json!({ "tenant": tenant, "bucket": asked.bucket, "source": source.identity() });
    if asked.dry_run {
        // A pre-flight knows nothing that a migration may rely on, and none attaches to it.
        what["dry-run"] = true.into();
    }
    Ok(*Hash::of(&canonical(&what)?).as_bytes())
}

/// The operator may name an endpoint in a network that only the server can see; others may where it is listed.
fn network(rules: &MigrateRules, role: Role, endpoint: Option<&str>) -> Network {
    let plain = |url: &str| url.trim_end_matches('/').to_ascii_lowercase();
    let is_listed = endpoint.is_some_and(|endpoint| {
        rules
            .allowed_endpoints
            .iter()
            .any(|allowed| plain(allowed) == plain(endpoint))
    });
    match role {
        Role::Operator => Network::Anywhere,
        Role::Regulator
        | Role::Auditor
        | Role::TenantAdmin
        | Role::TenantUser
        | Role::SupportEngineer
        | Role::OutgoingProvider
        | Role::Worker => {
            if is_listed {
                Network::Anywhere
            } else {
                Network::PublicOnly
            }
        }
    }
}

/// Resolves every link of the path, and returns it as a path below the root in the root's own spelling, which the
/// engine opens without following a link out of it.
async fn below_a_root(roots: &[PathBuf], path: &Path) -> Result<PathBuf, Error> {
    if roots.is_empty() {
        return Err(Error::NoRoots);
    }
    let resolved = match tokio::fs::canonicalize(path).await {
        Ok(resolved) => resolved,
        // Whether something outside the roots is there is not told.
        Err(_) if !roots.iter().any(|root| path.starts_with(root)) => {
            return Err(onshore_sources::Error::OutsideRoots.into());
        }
        Err(_) => {
            return malformed("there is no such folder on the server, or it cannot be reached");
        }
    };
    for root in roots {
        let Ok(real_root) = tokio::fs::canonicalize(root).await else {
            tracing::warn!(root = %root.display(), "a folder in `[migrate] roots` is not there");
            continue;
        };
        if let Ok(below) = resolved.strip_prefix(&real_root) {
            let metadata = tokio::fs::metadata(&resolved).await.map_err(Error::File)?;
            if !metadata.is_dir() {
                return malformed("the source is a file; name the folder it lies in");
            }
            return Ok(root.components().chain(below.components()).collect());
        }
    }
    Err(onshore_sources::Error::OutsideRoots.into())
}

fn parse_addressing(word: Option<&str>) -> Result<Addressing, Error> {
    match word {
        None | Some("auto") => Ok(Addressing::Auto),
        Some("path") => Ok(Addressing::Path),
        Some("virtual") => Ok(Addressing::Virtual),
        Some(_) => malformed("addressing is auto, path or virtual"),
    }
}

fn parse_versions(word: Option<&str>) -> Result<VersionsWish, Error> {
    match word {
        None | Some("auto") => Ok(VersionsWish::Auto),
        Some("all") => Ok(VersionsWish::All),
        Some("current") => Ok(VersionsWish::Current),
        Some(_) => malformed("versions is all, current or auto"),
    }
}

fn parse_protocol(word: &str) -> Result<Protocol, Error> {
    match Protocol::of_scheme(word) {
        Some(protocol) => Ok(protocol),
        None => malformed("protocol is azblob or gs"),
    }
}

fn parse_swift_auth(word: &str) -> Result<SwiftAuth, Error> {
    match SwiftAuth::parse(word) {
        Some(auth) => Ok(auth),
        None => malformed("auth is anonymous, v1, password or application-credential"),
    }
}

fn scope_of(scope: &SwiftScope) -> KeystoneScope {
    KeystoneScope {
        project_id: scope.project_id.clone(),
        project_name: scope.project_name.clone(),
        project_domain_id: scope.project_domain_id.clone(),
        project_domain_name: scope.project_domain_name.clone(),
        user_domain_id: scope.user_domain_id.clone(),
        user_domain_name: scope.user_domain_name.clone(),
        region: scope.region.clone(),
    }
}

fn parse_tree_protocol(word: &str) -> Result<TreeProtocol, Error> {
    match TreeProtocol::parse(word) {
        Some(protocol) => Ok(protocol),
        None => malformed("protocol is webdav or hdfs"),
    }
}

fn parse_dialect(word: &str) -> Result<Dialect, Error> {
    word.parse()
        .map_err(|error: DialectError| Error::Malformed(error.to_string()))
}

fn malformed<T>(why: &str) -> Result<T, Error> {
    Err(Error::Malformed(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use onshore_policy::Role;
    use onshore_sources::Network;

    use super::network;
    use crate::parts::MigrateRules;

    #[test]
    fn only_the_operator_and_the_list_reach_private_networks() {
        let rules = MigrateRules {
            roots: Vec::new(),
            allowed_endpoints: vec!["http://10.0.0.7:9000/".to_owned()],
        };
        let at = |role, url: &'static str| network(&rules, role, Some(url));
        assert_eq!(at(Role::Operator, "http://127.0.0.1"), Network::Anywhere);
        for role in [
            Role::Regulator,
            Role::Auditor,
            Role::TenantAdmin,
            Role::TenantUser,
            Role::SupportEngineer,
            Role::OutgoingProvider,
            Role::Worker,
        ] {
            assert_eq!(at(role, "http://10.0.0.7:9000"), Network::Anywhere);
            assert_eq!(at(role, "http://10.0.0.7:90001"), Network::PublicOnly);
            assert_eq!(at(role, "http://10.0.0.7"), Network::PublicOnly);
            assert_eq!(network(&rules, role, None), Network::PublicOnly);
        }
    }
}
