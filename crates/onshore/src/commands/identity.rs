//! `onshore user`, `onshore group`, `onshore role`, `onshore token` and `onshore whoami`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use http::Method;
use onshore_api::{
    CreateIdentity, CreateToken, Done, HolderView, IdentityDetails, IdentityKindView, IdentityView,
    OpenSession, PutPolicy, SessionView, TokenView,
};
use onshore_types::{IdentityName, TenantName};

use crate::cli::{
    GroupCommand, IdentityCommand, RoleCommand, SessionCommand, TargetArgs, TokenCommand,
    UserCommand,
};
use crate::client::Client;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run_user(target: &TargetArgs, command: UserCommand) -> Result<Exit> {
    match command {
        UserCommand::Create {
            name,
            tenant,
            tags,
            organisation,
        } => {
            let details = IdentityDetails {
                tags: read_tags(&tags)?,
                organisation,
                ..IdentityDetails::default()
            };
            create(target, IdentityKindView::Users, &tenant, name, details).await
        }
        UserCommand::Of(command) => run(target, IdentityKindView::Users, command).await,
    }
}

pub(crate) async fn run_group(target: &TargetArgs, command: GroupCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        GroupCommand::Create { name, tenant } => {
            let details = IdentityDetails::default();
            create(target, IdentityKindView::Groups, &tenant, name, details).await
        }
        GroupCommand::Add {
            group,
            user,
            tenant,
        } => {
            let path = format!("/v1/tenants/{tenant}/groups/{group}/members/{user}");
            let done: Done = client.send(Method::PUT, &path, &()).await?;
            told(target, done, &format!("{user} is in {group}."))
        }
        GroupCommand::Remove {
            group,
            user,
            tenant,
        } => {
            let path = format!("/v1/tenants/{tenant}/groups/{group}/members/{user}");
            let done: Done = client.delete(&path).await?;
            told(target, done, &format!("{user} is not in {group}."))
        }
        GroupCommand::Of(command) => run(target, IdentityKindView::Groups, command).await,
    }
}

pub(crate) async fn run_role(target: &TargetArgs, command: RoleCommand) -> Result<Exit> {
    match command {
        RoleCommand::Create {
            name,
            tenant,
            trust,
            max_session,
            tags,
        } => {
            let details = role_details(&trust, max_session, &tags)?;
            create(target, IdentityKindView::Roles, &tenant, name, details).await
        }
        RoleCommand::Change {
            name,
            tenant,
            trust,
            max_session,
            tags,
        } => {
            let client = target::client(target)?;
            let details = role_details(&trust, max_session, &tags)?;
            let path = format!("/v1/tenants/{tenant}/identities/roles/{name}");
            let changed: IdentityView = client.send(Method::PUT, &path, &details).await?;
            show_made(target, &changed, "is changed")
        }
        RoleCommand::Of(command) => run(target, IdentityKindView::Roles, command).await,
    }
}

pub(crate) async fn run_session(target: &TargetArgs, command: &SessionCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        SessionCommand::Open { minutes } => {
            let asked = OpenSession { minutes: *minutes };
            let opened: SessionView = client.send(Method::POST, "/v1/sessions", &asked).await?;
            match target.style() {
                Style::Json => output::json(&opened)?,
                Style::Text => {
                    output::line(&format!("token   {}", opened.token));
                    output::line(&format!("until   {}", opened.until));
                    output::line("The token is shown this once.");
                }
            }
        }
        SessionCommand::End => {
            let ended: Done = client.delete("/v1/sessions").await?;
            match target.style() {
                Style::Json => output::json(&ended)?,
                Style::Text => output::line("All your sessions have ended."),
            }
        }
    }
    Ok(Exit::Done)
}

pub(crate) async fn run_token(target: &TargetArgs, command: TokenCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        TokenCommand::Create {
            role,
            tenant,
            person,
            provider,
        } => {
            let asked = CreateToken {
                role: role.word(),
                tenant,
                person,
                provider: provider.map(String::from),
            };
            let made: TokenView = client.send(Method::POST, "/v1/tokens", &asked).await?;
            match target.style() {
                Style::Json => output::json(&made)?,
                Style::Text => {
                    output::line(&format!("token   {}", made.token));
                    output::line(&format!("holder  {}", made.principal));
                    output::line("The token is shown this once.");
                }
            }
            Ok(Exit::Done)
        }
        TokenCommand::List => {
            let holders: Vec<HolderView> = client.list("/v1/tokens").await?;
            match target.style() {
                Style::Json => output::json(&holders)?,
                Style::Text => output::table(
                    &["HOLDER", "ROLE", "TENANT", "PERSON"],
                    &holders.iter().map(row).collect::<Vec<_>>(),
                ),
            }
            Ok(Exit::Done)
        }
        TokenCommand::Revoke { id } => {
            let done: Done = client.delete(&format!("/v1/tokens/{id}")).await?;
            told(target, done, "The token opens nothing any more.")
        }
    }
}

pub(crate) async fn whoami(target: &TargetArgs) -> Result<Exit> {
    let client = target::client(target)?;
    let holder: HolderView = client.get("/v1/whoami").await?;
    match target.style() {
        Style::Json => output::json(&holder)?,
        Style::Text => output::table(&["HOLDER", "ROLE", "TENANT", "PERSON"], &[row(&holder)]),
    }
    Ok(Exit::Done)
}

async fn run(
    target: &TargetArgs,
    kind: IdentityKindView,
    command: IdentityCommand,
) -> Result<Exit> {
    let client = target::client(target)?;
    let below = |tenant: &TenantName| format!("/v1/tenants/{tenant}/identities/{}", kind.as_str());
    match command {
        IdentityCommand::List { tenant } => {
            let found: Vec<IdentityView> = client.list(&below(&tenant)).await?;
            match target.style() {
                Style::Json => output::json(&found)?,
                Style::Text => {
                    let rows: Vec<_> = found
                        .iter()
                        .map(|identity| {
                            vec![
                                identity.name.to_string(),
                                identity.id.to_string(),
                                identity.created.to_string(),
                            ]
                        })
                        .collect();
                    output::table(&["NAME", "ID", "CREATED"], &rows);
                }
            }
        }
        IdentityCommand::Show { name, tenant } => {
            let found = one(&client, &below(&tenant), &name).await?;
            match target.style() {
                Style::Json => output::json(&found)?,
                Style::Text => show(&found),
            }
        }
        IdentityCommand::Delete { name, tenant } => {
            let path = format!("{}/{name}", below(&tenant));
            let gone: IdentityView = client.delete(&path).await?;
            return show_made(
                target,
                &gone,
                "is gone, and what it had opens nothing any more",
            );
        }
        IdentityCommand::PutPolicy {
            name,
            policy,
            file,
            tenant,
        } => {
            let path = format!("{}/{name}/policies/{policy}", below(&tenant));
            let asked = PutPolicy {
                document: read(&file)?,
            };
            let done: Done = client.send(Method::PUT, &path, &asked).await?;
            return told(target, done, &format!("{name} has the policy {policy}."));
        }
        IdentityCommand::DeletePolicy {
            name,
            policy,
            tenant,
        } => {
            let path = format!("{}/{name}/policies/{policy}", below(&tenant));
            let done: Done = client.delete(&path).await?;
            return told(target, done, &format!("{name} has no policy {policy}."));
        }
    }
    Ok(Exit::Done)
}

async fn one(client: &Client, below: &str, name: &IdentityName) -> Result<IdentityView> {
    client.get(&format!("{below}/{name}")).await
}

async fn create(
    target: &TargetArgs,
    kind: IdentityKindView,
    tenant: &TenantName,
    name: IdentityName,
    details: IdentityDetails,
) -> Result<Exit> {
    let client = target::client(target)?;
    let path = format!("/v1/tenants/{tenant}/identities/{}", kind.as_str());
    let asked = CreateIdentity { name, details };
    let made: IdentityView = client.send(Method::POST, &path, &asked).await?;
    show_made(target, &made, "is made")
}

fn show_made(target: &TargetArgs, identity: &IdentityView, what: &str) -> Result<Exit> {
    match target.style() {
        Style::Json => output::json(identity)?,
        Style::Text => output::line(&format!("{} ({}) {what}.", identity.name, identity.id)),
    }
    Ok(Exit::Done)
}

fn show(identity: &IdentityView) {
    output::line(&format!("name     {}", identity.name));
    output::line(&format!("id       {}", identity.id));
    if let Some(arn) = &identity.arn {
        output::line(&format!("arn      {arn}"));
    }
    for (key, value) in &identity.details.tags {
        output::line(&format!("tag      {key}={value}"));
    }
    for related in &identity.related {
        output::line(&format!("related  {related}"));
    }
    for (name, document) in &identity.policies {
        output::line(&format!("policy   {name}: {document}"));
    }
}

fn told(target: &TargetArgs, done: Done, text: &str) -> Result<Exit> {
    match target.style() {
        Style::Json => output::json(&done)?,
        Style::Text => output::line(text),
    }
    Ok(Exit::Done)
}

fn role_details(
    trust: &Path,
    max_session: Option<u32>,
    tags: &[String],
) -> Result<IdentityDetails> {
    Ok(IdentityDetails {
        tags: read_tags(tags)?,
        trust: Some(read(trust)?),
        session_max_s: max_session,
        organisation: None,
    })
}

fn read_tags(tags: &[String]) -> Result<BTreeMap<String, String>> {
    tags.iter()
        .map(|tag| {
            let (key, value) = tag
                .split_once('=')
                .ok_or_else(|| usage(format!("the tag `{tag}` is not written KEY=VALUE")))?;
            Ok((key.to_owned(), value.to_owned()))
        })
        .collect()
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn row(holder: &HolderView) -> Vec<String> {
    let role = serde_json::to_value(holder.role)
        .ok()
        .and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default();
    let tenant = holder
        .tenant
        .as_ref()
        .map_or_else(|| "-".to_owned(), ToString::to_string);
    let person = holder
        .person
        .as_ref()
        .map_or_else(|| "-".to_owned(), ToString::to_string);
    vec![holder.principal.to_string(), role, tenant, person]
}
