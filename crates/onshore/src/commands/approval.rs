//! `onshore approval`.

use anyhow::Result;
use http::Method;
use onshore_api::{ApprovalView, GrantApproval};
use onshore_types::Recipient;

use crate::cli::{ApprovalCommand, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style, bytes};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: ApprovalCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        ApprovalCommand::Grant {
            tenant,
            to,
            class,
            max_bytes,
            until,
            terms,
        } => {
            let recipient = terms.recipient.map(|name| Recipient {
                name,
                jurisdiction: terms.recipient_in.unwrap_or(to),
                kind: terms.recipient_kind,
            });
            let question = GrantApproval {
                tenant,
                to,
                class: class.to_string(),
                max_bytes,
                until,
                max_objects: terms.max_objects,
                max_persons: terms.max_persons,
                instrument: terms.instrument,
                recipient,
                purpose: terms.purpose,
            };
            let granted: ApprovalView = client
                .send(Method::POST, "/v1/approvals", &question)
                .await?;
            show(target, &granted)?;
        }
        ApprovalCommand::List => {
            let approvals: Vec<ApprovalView> = client.list("/v1/approvals").await?;
            match target.style() {
                Style::Json => output::json(&approvals)?,
                Style::Text => {
                    let rows: Vec<_> = approvals
                        .iter()
                        .map(|approval| {
                            vec![
                                approval.id.to_string(),
                                approval.tenant.to_string(),
                                approval.to.to_string(),
                                approval.class.to_string(),
                                format!(
                                    "{} of {}",
                                    bytes(approval.spent_bytes),
                                    bytes(approval.max_bytes)
                                ),
                                approval.until.to_string(),
                                approval.state.clone(),
                            ]
                        })
                        .collect();
                    output::table(
                        &["ID", "TENANT", "TO", "CLASS", "SPENT", "UNTIL", "STATE"],
                        &rows,
                    );
                }
            }
        }
        ApprovalCommand::Show { id } => {
            show(target, &client.get(&format!("/v1/approvals/{id}")).await?)?;
        }
        ApprovalCommand::Revoke { id } => show(
            target,
            &client.delete(&format!("/v1/approvals/{id}")).await?,
        )?,
    }
    Ok(Exit::Done)
}

fn show(target: &TargetArgs, approval: &ApprovalView) -> Result<()> {
    if target.style() == Style::Json {
        return output::json(approval);
    }
    output::line(&format!("approval  {}", approval.id));
    output::line(&format!("state     {}", approval.state));
    output::line(&format!(
        "allows    class {} of tenant {} to go to {}",
        approval.class, approval.tenant, approval.to
    ));
    output::line(&format!(
        "bytes     {} of {} spent or reserved",
        approval.spent_bytes, approval.max_bytes
    ));
    for (what, limit) in [("objects", approval.objects), ("persons", approval.persons)] {
        if let Some(limit) = limit {
            output::line(&format!("{what}   {} of {} gone", limit.spent, limit.max));
        }
    }
    if let Some(instrument) = &approval.instrument {
        output::line(&format!("on        {instrument}"));
    }
    if let Some(recipient) = &approval.recipient {
        output::line(&format!(
            "recipient {}, {} in {}",
            recipient.name, recipient.kind, recipient.jurisdiction
        ));
    }
    if let Some(purpose) = &approval.purpose {
        output::line(&format!("purpose   {purpose}"));
    }
    output::line(&format!("from      {}", approval.granted));
    output::line(&format!("until     {}", approval.until));
    if let Some(renewal) = &approval.renewal_until {
        let moves = approval
            .renewal_unannounced
            .map_or_else(String::new, |year| {
                format!(", or earlier: the days off of {year} are not announced")
            });
        output::line(&format!("renewal   to be asked for by {renewal}{moves}"));
    }
    output::line(&format!(
        "granted   by {} ({})",
        approval.granted_by, approval.basis
    ));
    if let Some(revoked) = approval.revoked {
        output::line(&format!("revoked   {revoked}"));
    }
    if let Some(leaf) = approval.leaf {
        output::line(&format!("leaf      {leaf}"));
    }
    Ok(())
}
