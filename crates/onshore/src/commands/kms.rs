//! `onshore kms`.

use anyhow::Result;
use http::Method;
use onshore_api::{CreateKmsKey, KmsKeyStateView, KmsKeyView, SetKmsKeyState};
use onshore_types::{KmsKeyId, TenantName};

use crate::cli::{KmsCommand, TargetArgs};
use crate::client::Client;
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: KmsCommand) -> Result<Exit> {
    let client = target::client(target)?;
    let keys = match command {
        KmsCommand::Create { tenant, alias } => {
            let asked = CreateKmsKey { alias };
            let made: KmsKeyView = client.send(Method::POST, &path(&tenant), &asked).await?;
            return show_one(target, &made);
        }
        KmsCommand::Enable { id, tenant } => {
            let key = set(&client, &tenant, id, KmsKeyStateView::Enabled).await?;
            return show_one(target, &key);
        }
        KmsCommand::Disable { id, tenant } => {
            let key = set(&client, &tenant, id, KmsKeyStateView::Disabled).await?;
            return show_one(target, &key);
        }
        KmsCommand::List { tenant } => {
            let keys: Vec<KmsKeyView> = client.list(&path(&tenant)).await?;
            keys
        }
    };
    match target.style() {
        Style::Json => output::json(&keys)?,
        Style::Text => show(&keys),
    }
    Ok(Exit::Done)
}

async fn set(
    client: &Client,
    tenant: &TenantName,
    id: KmsKeyId,
    state: KmsKeyStateView,
) -> Result<KmsKeyView> {
    let path = format!("{}/{id}/state", path(tenant));
    let asked = SetKmsKeyState { state };
    client.send(Method::PUT, &path, &asked).await
}

fn path(tenant: &TenantName) -> String {
    format!("/v1/tenants/{tenant}/kms-keys")
}

fn show_one(target: &TargetArgs, key: &KmsKeyView) -> Result<Exit> {
    match target.style() {
        Style::Json => output::json(key)?,
        Style::Text => show(std::slice::from_ref(key)),
    }
    Ok(Exit::Done)
}

fn show(keys: &[KmsKeyView]) {
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            let state = match key.state {
                KmsKeyStateView::Enabled => "enabled",
                KmsKeyStateView::Disabled => "disabled",
            };
            vec![
                key.id.to_string(),
                key.alias.clone().unwrap_or_default(),
                state.to_owned(),
                key.created.to_string(),
                key.arn.clone(),
            ]
        })
        .collect();
    output::table(&["ID", "ALIAS", "STATE", "CREATED", "ARN"], &rows);
}
