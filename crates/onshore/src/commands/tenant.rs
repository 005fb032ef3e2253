//! `onshore tenant` and `onshore key`.

use anyhow::Result;
use http::Method;
use onshore_api::{
    CreateKey, CreateTenant, KeyEntryView, KeyView, SetGroup, SetJurisdiction, SetKeyState,
    SetStanding, TenantView,
};
use onshore_types::{AccessKeyId, TenantName};

use crate::cli::{KeyCommand, TargetArgs, TenantCommand};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: TenantCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        TenantCommand::Create { name, group } => {
            let made: TenantView = client
                .send(Method::POST, "/v1/tenants", &CreateTenant { name, group })
                .await?;
            match target.style() {
                Style::Json => output::json(&made)?,
                Style::Text => output::line(&format!(
                    "Tenant {} is made ({}). Give it a key: onshore key create --tenant {}",
                    made.name, made.id, made.name
                )),
            }
        }
        TenantCommand::Change { name, to } => {
            let path = format!("/v1/tenants/{name}/group");
            let changed: TenantView = client
                .send(Method::PUT, &path, &SetGroup { group: to.group })
                .await?;
            match target.style() {
                Style::Json => output::json(&changed)?,
                Style::Text => output::line(&match changed.group {
                    Some(group) => format!("Tenant {name} is in group {group}."),
                    None => format!("Tenant {name} is in no group."),
                }),
            }
        }
        TenantCommand::Standing {
            name,
            critical_infrastructure,
            state_organ,
        } => {
            let path = format!("/v1/tenants/{name}/standing");
            let question = SetStanding {
                critical_infrastructure,
                state_organ,
            };
            let changed: TenantView = client.send(Method::PUT, &path, &question).await?;
            match target.style() {
                Style::Json => output::json(&changed)?,
                Style::Text => output::line(&format!("Tenant {name} is {}.", standing(&changed))),
            }
        }
        TenantCommand::SetJurisdiction { name, jurisdiction } => {
            let path = format!("/v1/tenants/{name}/jurisdiction");
            let changed: TenantView = client
                .send(Method::PUT, &path, &SetJurisdiction { jurisdiction })
                .await?;
            match target.style() {
                Style::Json => output::json(&changed)?,
                Style::Text => output::line(&match changed.jurisdiction {
                    Some(jurisdiction) => {
                        format!("The organisation of tenant {name} is in {jurisdiction}.")
                    }
                    None => format!("The organisation of tenant {name} is the region's own."),
                }),
            }
        }
        TenantCommand::List => {
            let tenants: Vec<TenantView> = client.list("/v1/tenants").await?;
            match target.style() {
                Style::Json => output::json(&tenants)?,
                Style::Text => {
                    let rows: Vec<_> = tenants
                        .iter()
                        .map(|tenant| {
                            vec![
                                tenant.name.to_string(),
                                tenant.id.to_string(),
                                tenant
                                    .group
                                    .as_ref()
                                    .map_or_else(String::new, ToString::to_string),
                                standing(tenant).to_owned(),
                                tenant.created.to_string(),
                            ]
                        })
                        .collect();
                    output::table(&["NAME", "ID", "GROUP", "STANDING", "CREATED"], &rows);
                }
            }
        }
    }
    Ok(Exit::Done)
}

fn standing(tenant: &TenantView) -> &'static str {
    match (tenant.critical_infrastructure, tenant.state_organ) {
        (true, true) => "critical infrastructure, state organ",
        (true, false) => "critical infrastructure",
        (false, true) => "state organ",
        (false, false) => "ordinary",
    }
}

pub(crate) async fn run_key(target: &TargetArgs, command: KeyCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        KeyCommand::Create {
            tenant,
            access_key,
            secret_key,
            user,
        } => {
            let asked = CreateKey {
                access_key,
                secret_key,
                user,
            };
            let path = format!("/v1/tenants/{tenant}/keys");
            let made: KeyView = client.send(Method::POST, &path, &asked).await?;
            show_key(target, &made)
        }
        KeyCommand::Rotate { key, tenant } => {
            let path = format!("/v1/tenants/{tenant}/keys/{key}/rotation");
            let made: KeyView = client.send(Method::POST, &path, &()).await?;
            show_key(target, &made)
        }
        KeyCommand::List { tenant } => {
            let path = format!("/v1/tenants/{tenant}/keys");
            let keys: Vec<KeyEntryView> = client.list(&path).await?;
            match target.style() {
                Style::Json => output::json(&keys)?,
                Style::Text => {
                    let rows: Vec<_> = keys.iter().map(key_row).collect();
                    output::table(&["ACCESS KEY", "USER", "STATE", "CREATED"], &rows);
                }
            }
            Ok(Exit::Done)
        }
        KeyCommand::Enable { key, tenant } => set_key_state(target, &tenant, &key, true).await,
        KeyCommand::Disable { key, tenant } => set_key_state(target, &tenant, &key, false).await,
        KeyCommand::Delete { key, tenant } => {
            let path = format!("/v1/tenants/{tenant}/keys/{key}");
            let gone: KeyEntryView = client.delete(&path).await?;
            show_entry(target, &gone, "is gone")
        }
    }
}

async fn set_key_state(
    target: &TargetArgs,
    tenant: &TenantName,
    key: &AccessKeyId,
    enabled: bool,
) -> Result<Exit> {
    let client = target::client(target)?;
    let path = format!("/v1/tenants/{tenant}/keys/{key}/state");
    let changed: KeyEntryView = client
        .send(Method::PUT, &path, &SetKeyState { enabled })
        .await?;
    show_entry(
        target,
        &changed,
        if enabled { "is enabled" } else { "is disabled" },
    )
}

fn show_entry(target: &TargetArgs, key: &KeyEntryView, what: &str) -> Result<Exit> {
    match target.style() {
        Style::Json => output::json(key)?,
        Style::Text => output::line(&format!("Access key {} {what}.", key.access_key)),
    }
    Ok(Exit::Done)
}

fn show_key(target: &TargetArgs, made: &KeyView) -> Result<Exit> {
    match target.style() {
        Style::Json => output::json(made)?,
        Style::Text => {
            output::line(&format!("access key  {}", made.access_key));
            if let Some(secret) = &made.secret_key {
                output::line(&format!("secret key  {secret}"));
                output::line("The secret is shown this once.");
            }
        }
    }
    Ok(Exit::Done)
}

fn key_row(key: &KeyEntryView) -> Vec<String> {
    vec![
        key.access_key.to_string(),
        key.user
            .as_ref()
            .map_or_else(|| "(admin)".to_owned(), ToString::to_string),
        if key.enabled { "enabled" } else { "disabled" }.to_owned(),
        key.created.to_string(),
    ]
}
