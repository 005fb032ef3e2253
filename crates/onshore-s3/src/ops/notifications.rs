//! What a bucket tells of what happens in it: read from the XML of S3 and shown in it. Targets are those that the
//! operator has configured; the last part of an ARN names one, whatever stands before it.

use std::collections::HashSet;

use onshore_store::{NotificationRule, Notifications, Setting, TargetKind};
use onshore_types::BucketName;
use s3s::dto;
use serde_json::json;

use crate::fault::{Code, Fault};
use crate::ops::{Asked, Operations};

/// The most rules of one bucket.
const RULES_MAX: usize = 100;
/// The longest id of a rule.
const ID_MAX: usize = 255;
/// The longest prefix or suffix.
const FILTER_MAX: usize = 1024;

impl Operations {
    /// Says what a bucket tells to whom.
    pub(crate) async fn set_notifications(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        configuration: dto::NotificationConfiguration,
    ) -> Result<(), Fault> {
        let targets = self.targets_of(asked).await?;
        let notifications = parse(configuration, &targets)?;
        let said = serde_json::to_string(&notifications.rules).map_err(|_| Fault::internal())?;
        self.change_bucket(asked, name, &said, move |store, unit, permit, now| {
            store.set_notifications(unit, permit, &notifications, now)?;
            Ok(json!({ "change": "bucket.notification", "rules": notifications.rules }))
        })
        .await
    }

    /// Returns the targets that the caller's tenant may name.
    async fn targets_of(&self, asked: Asked<'_>) -> Result<HashSet<String>, Fault> {
        let tenant = self
            .registry
            .tenant_by_id(asked.call.tenant())
            .await
            .map_err(|error| self.fault(asked.call, onshore_gate::Error::from(error)))?;
        let named = self.event_targets.iter();
        Ok(named
            .filter(|(_, audience)| audience.has(&tenant.name))
            .map(|(name, _)| name.clone())
            .collect())
    }

    /// Returns what a bucket tells to whom.
    pub(crate) async fn notifications(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
    ) -> Result<Notifications, Fault> {
        let bucket = self.readable_bucket(asked, name).await?;
        let document = self
            .store
            .setting(bucket.id, Setting::Notification)
            .await
            .map_err(|error| self.fault(asked.call, error))?;
        let Some(document) = document else {
            return Ok(Notifications::default());
        };
        serde_json::from_str(&document).map_err(|error| {
            tracing::error!(bucket = %bucket.id, %error, "the notifications of a bucket do not read");
            Fault::internal()
        })
    }
}

/// Shows what a bucket tells to whom.
pub(crate) fn show(notifications: Notifications) -> dto::NotificationConfiguration {
    let mut shown = dto::NotificationConfiguration::default();
    for rule in notifications.rules {
        let (filter, id) = (show_filter(&rule), Some(rule.id));
        let events = rule.events.into_iter().map(dto::Event::from).collect();
        match rule.kind {
            TargetKind::Queue => {
                shown
                    .queue_configurations
                    .get_or_insert_default()
                    .push(dto::QueueConfiguration {
                        events,
                        filter,
                        id,
                        queue_arn: rule.arn,
                    });
            }
            TargetKind::Topic => {
                shown
                    .topic_configurations
                    .get_or_insert_default()
                    .push(dto::TopicConfiguration {
                        events,
                        filter,
                        id,
                        topic_arn: rule.arn,
                    });
            }
            TargetKind::Function => shown
                .lambda_function_configurations
                .get_or_insert_default()
                .push(dto::LambdaFunctionConfiguration {
                    events,
                    filter,
                    id,
                    lambda_function_arn: rule.arn,
                }),
        }
    }
    shown
}

fn show_filter(rule: &NotificationRule) -> Option<dto::NotificationConfigurationFilter> {
    let named = [("Prefix", &rule.prefix), ("Suffix", &rule.suffix)];
    let rules: Vec<_> = named
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| dto::FilterRule {
            name: Some(dto::FilterRuleName::from_static(name)),
            value: Some(value.clone()),
        })
        .collect();
    (!rules.is_empty()).then_some(dto::NotificationConfigurationFilter {
        key: Some(dto::S3KeyFilter {
            filter_rules: Some(rules),
        }),
    })
}

fn parse(
    configuration: dto::NotificationConfiguration,
    targets: &HashSet<String>,
) -> Result<Notifications, Fault> {
    if configuration.event_bridge_configuration.is_some() {
        return Err(Fault::not_implemented(
            "Event notification through EventBridge",
        ));
    }
    let queues = configuration.queue_configurations.unwrap_or_default();
    let topics = configuration.topic_configurations.unwrap_or_default();
    let functions = configuration
        .lambda_function_configurations
        .unwrap_or_default();
    let said = queues
        .into_iter()
        .map(|said| {
            (
                TargetKind::Queue,
                said.id,
                said.queue_arn,
                said.events,
                said.filter,
            )
        })
        .chain(topics.into_iter().map(|said| {
            (
                TargetKind::Topic,
                said.id,
                said.topic_arn,
                said.events,
                said.filter,
            )
        }))
        .chain(functions.into_iter().map(|said| {
            (
                TargetKind::Function,
                said.id,
                said.lambda_function_arn,
                said.events,
                said.filter,
            )
        }));
    let mut rules: Vec<NotificationRule> = Vec::new();
    for (kind, id, arn, events, filter) in said {
        let (prefix, suffix) = parse_filter(filter)?;
        let rule = NotificationRule {
            id: id.unwrap_or_else(|| free_id(&rules)),
            kind,
            target: parse_arn(&arn, targets)?,
            arn,
            events: parse_events(events)?,
            prefix,
            suffix,
        };
        check_beside(&rule, &rules)?;
        rules.push(rule);
    }
    Ok(Notifications { rules })
}

fn free_id(rules: &[NotificationRule]) -> String {
    let name = |number: usize| format!("notification-{number}");
    let mut names = (1..).map(name);
    names
        .find(|id| rules.iter().all(|rule| rule.id != *id))
        .unwrap_or_default()
}

/// Checks a rule against those before it.
fn check_beside(rule: &NotificationRule, rules: &[NotificationRule]) -> Result<(), Fault> {
    if rules.len() >= RULES_MAX {
        return Err(invalid(
            "A bucket has at most 100 notification configurations.",
        ));
    }
    if rule.id.len() > ID_MAX {
        return Err(invalid(
            "The ID of a configuration has at most 255 characters.",
        ));
    }
    if rules.iter().any(|other| other.id == rule.id) {
        return Err(invalid(
            "Same ID used for multiple configurations. IDs must be unique",
        ));
    }
    if rules.iter().any(|other| other.overlaps(rule)) {
        return Err(invalid(
            "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
        ));
    }
    Ok(())
}

fn parse_arn(arn: &str, targets: &HashSet<String>) -> Result<String, Fault> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [first, _, _, _, _, name] = parts.as_slice() else {
        return Err(invalid("The ARN is not well formed").with_detail("ArgumentValue", arn));
    };
    if *first != "arn" || !targets.contains(*name) {
        return Err(invalid(
            "Unable to validate the following destination configurations: the operator of this service names its targets in [events], and the last part of an ARN is such a name",
        )
        .with_detail("ArgumentName", arn)
        .with_detail("ArgumentValue", "The destination does not exist"));
    }
    Ok((*name).to_owned())
}

fn parse_events(events: dto::EventList) -> Result<Vec<String>, Fault> {
    if events.is_empty() {
        return Err(Fault::malformed());
    }
    let mut parsed: Vec<String> = Vec::new();
    for event in events {
        let name: &str = event.as_ref();
        if !NotificationRule::is_event_type(name) {
            return Err(
                invalid("A specified event is not supported for notifications.")
                    .with_detail("ArgumentName", "Event")
                    .with_detail("ArgumentValue", name),
            );
        }
        if !parsed.iter().any(|known| known == name) {
            parsed.push(name.to_owned());
        }
    }
    Ok(parsed)
}

fn parse_filter(
    filter: Option<dto::NotificationConfigurationFilter>,
) -> Result<(String, String), Fault> {
    let rules = filter
        .and_then(|filter| filter.key)
        .and_then(|key| key.filter_rules)
        .unwrap_or_default();
    let (mut prefix, mut suffix) = (None, None);
    for rule in rules {
        let name = rule
            .name
            .as_ref()
            .map(|name| name.as_str().to_ascii_lowercase());
        let place = match name.as_deref() {
            Some("prefix") => &mut prefix,
            Some("suffix") => &mut suffix,
            _ => return Err(invalid("filter rule name must be either prefix or suffix")),
        };
        let value = rule.value.unwrap_or_default();
        if value.len() > FILTER_MAX {
            return Err(invalid(
                "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation",
            ));
        }
        if place.replace(value).is_some() {
            return Err(invalid(
                "Cannot specify more than one prefix or suffix rule in a filter.",
            ));
        }
    }
    Ok((prefix.unwrap_or_default(), suffix.unwrap_or_default()))
}

fn invalid(message: &'static str) -> Fault {
    Fault::new(Code::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use s3s::dto;

    use super::{parse, show};

    fn queue(id: Option<&str>, arn: &str, events: &[&str]) -> dto::QueueConfiguration {
        dto::QueueConfiguration {
            events: events
                .iter()
                .map(|&event| event.to_owned().into())
                .collect(),
            filter: None,
            id: id.map(str::to_owned),
            queue_arn: arn.to_owned(),
        }
    }

    fn of_queues(queues: Vec<dto::QueueConfiguration>) -> dto::NotificationConfiguration {
        dto::NotificationConfiguration {
            queue_configurations: Some(queues),
            ..dto::NotificationConfiguration::default()
        }
    }

    #[test]
    fn what_is_said_is_shown_and_what_cannot_be_is_refused() {
        let targets = HashSet::from(["hook".to_owned()]);
        let arn = "arn:aws:sqs:cn-north-1:000000000000:hook";
        let put = "s3:ObjectCreated:Put";
        let mut said = queue(Some("a"), arn, &[put]);
        said.filter = Some(dto::NotificationConfigurationFilter {
            key: Some(dto::S3KeyFilter {
                filter_rules: Some(vec![dto::FilterRule {
                    name: Some("Prefix".to_owned().into()),
                    value: Some("in/".to_owned()),
                }]),
            }),
        });
        let shown = show(parse(of_queues(vec![said]), &targets).expect("parsed"));
        let [one] = shown.queue_configurations.as_deref().expect("a queue") else {
            panic!("{shown:?}");
        };
        assert_eq!(
            (one.queue_arn.as_str(), one.id.as_deref()),
            (arn, Some("a"))
        );
        for bad in [
            vec![queue(None, "arn:aws:sqs:r:0:other", &[put])],
            vec![queue(None, "hook", &[put])],
            vec![queue(None, arn, &["s3:ObjectEaten"])],
            vec![queue(None, arn, &[])],
            vec![
                queue(None, arn, &[put]),
                queue(None, arn, &["s3:ObjectCreated:*"]),
            ],
            vec![
                queue(Some("a"), arn, &[put]),
                queue(Some("a"), arn, &["s3:ObjectRemoved:*"]),
            ],
        ] {
            assert!(parse(of_queues(bad.clone()), &targets).is_err(), "{bad:?}");
        }
    }
}
