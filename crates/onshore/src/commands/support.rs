//! `onshore support`.

use anyhow::Result;
use http::Method;
use onshore_api::{OpenSupport, SupportRequestView, SupportSessionView};

use crate::cli::{SupportCommand, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: SupportCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        SupportCommand::Open {
            engineer,
            purpose,
            minutes,
            organisation,
            tenant,
        } => {
            let question = OpenSupport {
                engineer,
                purpose,
                minutes,
                organisation,
                tenant,
            };
            let opened: SupportSessionView = client
                .send(Method::POST, "/v1/support/sessions", &question)
                .await?;
            show(target, &opened)?;
        }
        SupportCommand::Approve { id } => {
            let path = format!("/v1/support/sessions/{id}/approval");
            let approved: SupportSessionView = client.send(Method::POST, &path, &()).await?;
            show(target, &approved)?;
        }
        SupportCommand::Close { id } => {
            let path = format!("/v1/support/sessions/{id}");
            show(target, &client.delete(&path).await?)?;
        }
        SupportCommand::Show { id } => {
            let path = format!("/v1/support/sessions/{id}");
            show(target, &client.get(&path).await?)?;
        }
        SupportCommand::List => {
            let sessions: Vec<SupportSessionView> = client.list("/v1/support/sessions").await?;
            match target.style() {
                Style::Json => output::json(&sessions)?,
                Style::Text => output::table(
                    &["ID", "STATE", "ENGINEER", "TENANT", "UNTIL", "PURPOSE"],
                    &sessions.iter().map(row).collect::<Vec<_>>(),
                ),
            }
        }
        SupportCommand::Requests => {
            let requests: Vec<SupportRequestView> = client.list("/v1/support/requests").await?;
            match target.style() {
                Style::Json => output::json(&requests)?,
                Style::Text => show_requests(&requests),
            }
        }
    }
    Ok(Exit::Done)
}

fn row(session: &SupportSessionView) -> Vec<String> {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    vec![
        session.id.to_string(),
        session.state.clone(),
        session.person.to_string(),
        or_none(session.tenant.as_ref().map(ToString::to_string)),
        or_none(session.until.as_ref().map(ToString::to_string)),
        session.purpose.to_string(),
    ]
}

fn show(target: &TargetArgs, session: &SupportSessionView) -> Result<()> {
    if target.style() == Style::Json {
        return output::json(session);
    }
    output::line(&format!("session   {}", session.id));
    output::line(&format!("state     {}", session.state));
    output::line(&format!(
        "engineer  {} ({}), for an organisation in {}",
        session.person, session.engineer, session.organisation
    ));
    output::line(&format!("purpose   {}", session.purpose));
    if let Some(tenant) = &session.tenant {
        output::line(&format!("tenant    {tenant}"));
    }
    output::line(&format!(
        "lasts     {} minutes from the second word on",
        session.minutes
    ));
    output::line(&format!(
        "proposed  by {} at {}",
        session.proposed.person, session.proposed.at
    ));
    if let Some(approved) = &session.approved {
        output::line(&format!(
            "approved  by {} at {}",
            approved.person, approved.at
        ));
    }
    if let Some(until) = &session.until {
        output::line(&format!("until     {until}"));
    }
    if let Some(closed) = &session.closed {
        output::line(&format!("closed    {closed}"));
    }
    if let Some(leaf) = session.leaf {
        output::line(&format!("leaf      {leaf}"));
    }
    if !session.requests.is_empty() {
        show_requests(&session.requests);
    }
    Ok(())
}

fn show_requests(requests: &[SupportRequestView]) {
    let rows: Vec<_> = requests
        .iter()
        .map(|request| {
            vec![
                request.at.to_string(),
                request.operation.clone(),
                request.place.clone(),
                request
                    .refused_by
                    .clone()
                    .unwrap_or_else(|| request.status.to_string()),
                request.bytes.to_string(),
                request.leaf.to_string(),
            ]
        })
        .collect();
    output::table(&["AT", "OPERATION", "TO", "ANSWER", "BYTES", "LEAF"], &rows);
}
