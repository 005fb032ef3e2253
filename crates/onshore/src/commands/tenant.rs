//! `onshore tenant` and `onshore key`.

use anyhow::Result;
use http::Method;
use onshore_api::{CreateKey, CreateTenant, KeyView, TenantView};

use crate::cli::{KeyCommand, TargetArgs, TenantCommand};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: TenantCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        TenantCommand::Create { name } => {
            let made: TenantView = client
                .send(Method::POST, "/v1/tenants", &CreateTenant { name })
                .await?;
            match target.style() {
                Style::Json => output::json(&made)?,
                Style::Text => output::line(&format!(
                    "Tenant {} is made ({}). Give it a key: onshore key create --tenant {}",
                    made.name, made.id, made.name
                )),
            }
        }
        TenantCommand::List => {
            let tenants: Vec<TenantView> = client.get("/v1/tenants").await?;
            match target.style() {
                Style::Json => output::json(&tenants)?,
                Style::Text => {
                    let rows: Vec<_> = tenants
                        .iter()
                        .map(|tenant| {
                            vec![
                                tenant.name.to_string(),
                                tenant.id.to_string(),
                                tenant.created.to_string(),
                            ]
                        })
                        .collect();
                    output::table(&["NAME", "ID", "CREATED"], &rows);
                }
            }
        }
    }
    Ok(Exit::Done)
}

pub(crate) async fn run_key(target: &TargetArgs, command: KeyCommand) -> Result<Exit> {
    let client = target::client(target)?;
    let KeyCommand::Create {
        tenant,
        access_key,
        secret_key,
    } = command;
    let path = format!("/v1/tenants/{tenant}/keys");
    let made: KeyView = client
        .send(
            Method::POST,
            &path,
            &CreateKey {
                access_key,
                secret_key,
            },
        )
        .await?;
    match target.style() {
        Style::Json => output::json(&made)?,
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
