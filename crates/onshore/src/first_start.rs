//! The first start on a folder: the first tenant, its key, the operator's token. Later starts take no keys from the
//! environment.

use std::path::Path;

use anyhow::{Context, Result, bail};
use onshore_keys::Secret;
use onshore_policy::{Principal, Role};
use onshore_registry::TokenHolder;
use onshore_types::{AccessKeyId, PrincipalId, TenantName};

use crate::credentials::{self, Credentials, S3Credentials};
use crate::exit::usage;
use crate::hidden_names;
use crate::house::House;

/// There while a restore is under way.
pub(crate) const RESTORING: &str = "restoring";

/// The name of the first tenant.
const FIRST_TENANT: &str = "default";

/// The shortest secret that is accepted.
pub(crate) const SECRET_LEN_MIN: usize = 8;

/// The S3 key that the environment gives, if it does.
pub(crate) fn key_from_environment() -> Result<Option<(AccessKeyId, Secret)>> {
    let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (read("ONSHORE_ACCESS_KEY"), read("ONSHORE_SECRET_KEY")) {
        (None, None) => Ok(None),
        (Some(access_key), Some(secret)) => {
            let access_key = AccessKeyId::parse(access_key)
                .map_err(|error| usage(format!("ONSHORE_ACCESS_KEY: {error}")))?;
            if !(SECRET_LEN_MIN..=128).contains(&secret.len()) {
                return Err(usage(
                    "ONSHORE_SECRET_KEY: a secret key has 8 to 128 characters",
                ));
            }
            Ok(Some((access_key, Secret::new(secret.into_bytes()))))
        }
        _ => Err(usage(
            "ONSHORE_ACCESS_KEY and ONSHORE_SECRET_KEY go together: set both or neither",
        )),
    }
}

/// Makes the first tenant, key and token if this folder has none, and warns when the environment's key is another.
pub(crate) async fn prepare(house: &House, data: &Path, endpoint: String) -> Result<()> {
    let given = key_from_environment()?;
    if house.registry.has_tokens().await? {
        return warn_when_other(house, given).await;
    }
    // A start that was cut short is repeated: what it made is used, and the token, which comes last, ends it.
    let operator = Principal {
        id: PrincipalId::from_bytes(onshore_keys::random()),
        tenant: None,
        role: Role::Operator,
    };
    let tenant = TenantName::parse(FIRST_TENANT)?;
    if house.registry.tenant(&tenant).await.is_err() {
        house
            .gate
            .create_tenant(operator, tenant.clone(), None)
            .await?;
    }
    let is_given = given.is_some();
    let known = match &given {
        Some((access_key, _)) => house.registry.access_key(access_key).await?,
        None => None,
    };
    let (access_key, secret) = match known {
        Some(key) => (key.access_key.clone(), key.secret.clone()),
        None => {
            let (key, _) = house.gate.create_key(operator, &tenant, given).await?;
            (key.access_key, key.secret)
        }
    };
    let token = format!("onshore_{}", hex(&onshore_keys::random::<24>()));
    let secret = String::from_utf8(secret.as_bytes().to_vec()).context("a secret key is text")?;
    credentials::write(
        data,
        &Credentials {
            control_token: token.clone(),
            ledger_key: house.gate.journal().verifier().to_string(),
            s3: S3Credentials {
                access_key: access_key.to_string(),
                secret_key: (!is_given).then_some(secret),
                tenant: tenant.to_string(),
                region: house.gate.region().id.to_string(),
                endpoint,
            },
        },
    )?;
    house
        .gate
        .issue_token(
            operator,
            token,
            TokenHolder {
                principal: operator.id,
                role: Role::Operator,
                tenant: None,
                person: None,
                provider: None,
                vouched_by: Vec::new(),
            },
        )
        .await?;
    Ok(())
}

async fn warn_when_other(house: &House, given: Option<(AccessKeyId, Secret)>) -> Result<()> {
    let Some((access_key, secret)) = given else {
        return Ok(());
    };
    let known = house.registry.access_key(&access_key).await?;
    if known.is_none_or(|key| key.secret.as_bytes() != secret.as_bytes()) {
        tracing::warn!(
            "ONSHORE_ACCESS_KEY and ONSHORE_SECRET_KEY differ from the keys in the data folder and are ignored: they \
             count at the first start only; make keys with `onshore key create`"
        );
    }
    Ok(())
}

/// Refuses a folder that holds something else than Onshore's data.
pub(crate) fn check_folder(data: &Path) -> Result<()> {
    if data.join(RESTORING).exists() {
        bail!(
            "a restore into {} did not come to its end: empty the folder and restore again",
            data.display()
        );
    }
    if data.join("onshore.db").exists() {
        return Ok(());
    }
    let ours = [
        "lock",
        "root.key",
        hidden_names::SEALED_KEY,
        "credentials.toml",
        "credentials.toml.new",
        "server.json",
        "objects",
        "ledger",
        "certificates",
        "quarantine",
    ];
    for entry in
        std::fs::read_dir(data).with_context(|| format!("cannot read {}", data.display()))?
    {
        let name = entry?.file_name();
        if !ours.iter().any(|known| name == *known) {
            bail!(
                "{} has no Onshore data in it but is not empty (there is `{}`): name an empty folder",
                data.display(),
                name.display()
            );
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
