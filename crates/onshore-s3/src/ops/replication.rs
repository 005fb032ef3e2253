//! What of a bucket is brought to other regions: read from the XML of S3 and shown in it. Regions are those that the
//! operator has configured; the region of a bucket's ARN names one, and may be left out where there is one only.

use std::collections::HashSet;

use onshore_store::{Replication, ReplicationDestination, ReplicationRule, ReplicationScope};
use onshore_types::BucketName;
use s3s::dto;
use serde_json::json;

use crate::fault::{Code, Fault};
use crate::front::OtherRegion;
use crate::ops::{Asked, Operations};

/// The most rules of one bucket.
const RULES_MAX: usize = 1000;
/// The longest id of a rule.
const ID_MAX: usize = 255;
/// The longest prefix.
const PREFIX_MAX: usize = 1024;
/// The longest document: every write to its bucket reads it.
const DOCUMENT_MAX_BYTES: usize = 256 * 1024;

/// A region that the caller's tenant may name.
#[derive(Debug, Clone)]
struct Reachable {
    name: String,
    region: String,
}

impl Operations {
    /// Says what of a bucket is brought elsewhere, or that nothing is.
    pub(crate) async fn set_replication(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        configuration: Option<dto::ReplicationConfiguration>,
    ) -> Result<(), Fault> {
        let regions = self.regions_of(asked).await?;
        let replication = configuration
            .map(|configuration| parse(configuration, &regions))
            .transpose()?;
        let said = serde_json::to_string(&replication).map_err(|_| Fault::internal())?;
        self.change_bucket(asked, name, &said, move |store, unit, permit, _now| {
            store.set_replication(unit, permit, replication.as_ref())?;
            let rules = replication.as_ref().map(|replication| &replication.rules);
            Ok(json!({ "change": "bucket.replication", "rules": rules }))
        })
        .await
    }

    /// Returns what of a bucket is brought elsewhere.
    pub(crate) async fn replication(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
    ) -> Result<Replication, Fault> {
        let bucket = self.readable_bucket(asked, name).await?;
        self.store
            .replication(&bucket)
            .await
            .map_err(|error| self.fault(asked.call, error))?
            .ok_or_else(|| {
                Fault::new(
                    Code::ReplicationConfigurationNotFoundError,
                    "The replication configuration was not found",
                )
            })
    }

    async fn regions_of(&self, asked: Asked<'_>) -> Result<Vec<Reachable>, Fault> {
        let tenant = self
            .registry
            .tenant_by_id(asked.call.tenant())
            .await
            .map_err(|error| self.fault(asked.call, onshore_gate::Error::from(error)))?;
        let reachable = |(name, other): (&String, &OtherRegion)| {
            (other.tenant == tenant.name).then(|| Reachable {
                name: name.clone(),
                region: other.region.clone(),
            })
        };
        Ok(self.other_regions.iter().filter_map(reachable).collect())
    }
}

fn parse(
    configuration: dto::ReplicationConfiguration,
    regions: &[Reachable],
) -> Result<Replication, Fault> {
    if configuration.rules.is_empty() {
        return Err(Fault::malformed());
    }
    if configuration.rules.len() > RULES_MAX {
        return Err(invalid(
            "A replication configuration has at most 1,000 rules.",
        ));
    }
    let mut rules: Vec<ReplicationRule> = Vec::new();
    for said in configuration.rules {
        let rule = parse_rule(said, &rules, regions)?;
        rules.push(rule);
    }
    check_together(&rules)?;
    let replication = Replication {
        role: configuration.role,
        rules,
    };
    let is_short =
        serde_json::to_vec(&replication).is_ok_and(|text| text.len() <= DOCUMENT_MAX_BYTES);
    if !is_short {
        return Err(invalid(
            "The replication configuration is too large for this service: fewer rules, or shorter prefixes and tags.",
        ));
    }
    Ok(replication)
}

fn parse_rule(
    said: dto::ReplicationRule,
    before: &[ReplicationRule],
    regions: &[Reachable],
) -> Result<ReplicationRule, Fault> {
    let scope = parse_scope(said.prefix, said.filter)?;
    let is_old = matches!(scope, ReplicationScope::OfPrefix(_));
    let marked = said
        .delete_marker_replication
        .and_then(|said| said.status)
        .map(|status| is_enabled(status.as_str()))
        .transpose()?;
    if !is_old && said.priority.is_none() {
        return Err(invalid(
            "Priority must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.",
        ));
    }
    if !is_old && marked.is_none() {
        return Err(invalid(
            "DeleteMarkerReplication must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.",
        ));
    }
    if is_old && marked.is_some() {
        return Err(invalid(
            "DeleteMarkerReplication cannot be used for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.",
        ));
    }
    if said.priority.is_some_and(|priority| priority < 0) {
        return Err(Fault::malformed());
    }
    if marked == Some(true) && scope.names_tags() {
        return Err(invalid(
            "Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 Developer Guide for more information.",
        ));
    }
    if let Some(existing) = said.existing_object_replication
        && is_enabled(existing.status.as_str())?
    {
        return Err(Fault::not_implemented(
            "Replication of objects that were there before",
        ));
    }
    let criteria = said.source_selection_criteria;
    if let Some(modifications) = criteria
        .as_ref()
        .and_then(|criteria| criteria.replica_modifications.as_ref())
        && is_enabled(modifications.status.as_str())?
    {
        return Err(Fault::not_implemented(
            "Replication of what changes beside a replica",
        ));
    }
    let brings_kms = criteria
        .and_then(|criteria| criteria.sse_kms_encrypted_objects)
        .map(|selected| is_enabled(selected.status.as_str()))
        .transpose()?;
    let destination = parse_destination(said.destination, regions)?;
    if (brings_kms == Some(true)) != destination.kms_key.is_some() {
        return Err(invalid(
            "SseKmsEncryptedObjects and EncryptionConfiguration must be specified together.",
        ));
    }
    let id = said.id.filter(|id| !id.is_empty());
    let id = id.unwrap_or_else(|| free_id(before));
    if id.len() > ID_MAX {
        return Err(Fault::new(
            Code::InvalidArgument,
            "The maximum length for rule ID is 255",
        ));
    }
    if before.iter().any(|rule| rule.id == id) {
        return Err(Fault::new(
            Code::InvalidArgument,
            "Rule ID must be unique. Found same ID for more than one rule",
        ));
    }
    Ok(ReplicationRule {
        id,
        priority: said.priority,
        is_enabled: is_enabled(said.status.as_str())?,
        scope,
        brings_markers: marked,
        brings_kms,
        destination,
    })
}

fn parse_scope(
    prefix: Option<String>,
    filter: Option<dto::ReplicationRuleFilter>,
) -> Result<ReplicationScope, Fault> {
    let pair = |tag: dto::Tag| Some((tag.key?, tag.value?));
    let scope = match (prefix, filter) {
        (Some(_), Some(_)) => return Err(Fault::malformed()),
        (prefix, None) => ReplicationScope::OfPrefix(prefix.unwrap_or_default()),
        (None, Some(filter)) => match (filter.prefix, filter.tag, filter.and) {
            (None, None, None) => ReplicationScope::All,
            (Some(prefix), None, None) => ReplicationScope::Prefix(prefix),
            (None, Some(tag), None) => {
                let (name, value) = pair(tag).ok_or_else(Fault::malformed)?;
                ReplicationScope::Tag(name, value)
            }
            (None, None, Some(and)) => {
                let tags = and.tags.unwrap_or_default();
                let tags = tags.into_iter().map(pair).collect::<Option<Vec<_>>>();
                let tags = tags.ok_or_else(Fault::malformed)?;
                let names: HashSet<_> = tags.iter().map(|(name, _)| name).collect();
                if names.len() != tags.len() {
                    return Err(Fault::new(
                        Code::InvalidTag,
                        "Cannot provide multiple Tags with the same key",
                    ));
                }
                ReplicationScope::And(and.prefix, tags)
            }
            _ => return Err(Fault::malformed()),
        },
    };
    if scope.prefix().len() > PREFIX_MAX {
        return Err(Fault::new(
            Code::InvalidArgument,
            "The maximum size of a prefix is 1024",
        ));
    }
    Ok(scope)
}

fn parse_destination(
    said: dto::Destination,
    regions: &[Reachable],
) -> Result<ReplicationDestination, Fault> {
    if said.replication_time.is_some() || said.metrics.is_some() {
        return Err(Fault::not_implemented(
            "Replication within a time that is vouched for, and its metrics,",
        ));
    }
    if let Some(class) = &said.storage_class
        && class.as_str() != dto::StorageClass::STANDARD
    {
        return Err(Fault::new(
            Code::InvalidStorageClass,
            "The storage class you specified is not valid: this service has STANDARD alone.",
        ));
    }
    let bad = || Fault::new(Code::InvalidArgument, "Invalid bucket ARN");
    let parts: Vec<&str> = said.bucket.splitn(6, ':').collect();
    let ["arn", _, "s3", region, _, bucket] = parts.as_slice() else {
        return Err(bad());
    };
    let bucket = BucketName::parse((*bucket).to_owned()).map_err(|_| bad())?;
    Ok(ReplicationDestination {
        name: region_named(region, regions)?,
        bucket,
        arn: said.bucket.clone(),
        account: said.account,
        owns_replicas: said.access_control_translation.is_some(),
        storage_class: said.storage_class.map(|class| class.as_str().to_owned()),
        kms_key: said
            .encryption_configuration
            .and_then(|configuration| configuration.replica_kms_key_id),
    })
}

/// Finds the region that an ARN names.
fn region_named(region: &str, regions: &[Reachable]) -> Result<String, Fault> {
    // A name in the configuration has its tenant behind it.
    let name_of = |known: &Reachable| known.name.split('/').next() == Some(region);
    let fits = |known: &&Reachable| region.is_empty() || known.region == region || name_of(known);
    let mut fitting = regions.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one.name.clone()),
        (None, _) => Err(invalid(
            "Destination bucket must exist: the operator of this service names other regions in [replication], and the region of the destination's ARN is none of those that you may use.",
        )),
        (Some(_), Some(_)) => Err(invalid(
            "There are several other regions: name one in the ARN of the destination, arn:aws:s3:REGION::BUCKET.",
        )),
    }
}

/// Checks rules against each other.
fn check_together(rules: &[ReplicationRule]) -> Result<(), Fault> {
    let is_old = |rule: &ReplicationRule| matches!(rule.scope, ReplicationScope::OfPrefix(_));
    let old = rules.iter().filter(|rule| is_old(rule)).count();
    if old != 0 && old != rules.len() {
        return Err(invalid(
            "Rules with a Filter and rules without cannot stand in one replication configuration.",
        ));
    }
    for (position, rule) in rules.iter().enumerate() {
        for other in rules.iter().take(position) {
            if rule.priority.is_some() && rule.priority == other.priority {
                return Err(invalid(
                    "Found duplicate priority in the replication configuration.",
                ));
            }
            let (one, two) = (rule.scope.prefix(), other.scope.prefix());
            if old != 0 && (one.starts_with(two) || two.starts_with(one)) {
                return Err(invalid("Found overlapping prefixes in the rules."));
            }
        }
    }
    Ok(())
}

/// Shows what of a bucket is brought elsewhere.
pub(crate) fn show(replication: Replication) -> dto::ReplicationConfiguration {
    dto::ReplicationConfiguration {
        role: replication.role,
        rules: replication.rules.into_iter().map(show_rule).collect(),
    }
}

fn show_rule(rule: ReplicationRule) -> dto::ReplicationRule {
    let (prefix, filter) = show_scope(rule.scope);
    let destination = rule.destination;
    dto::ReplicationRule {
        delete_marker_replication: rule
            .brings_markers
            .map(|brings| dto::DeleteMarkerReplication {
                status: Some(dto::DeleteMarkerReplicationStatus::from_static(word(
                    brings,
                ))),
            }),
        destination: dto::Destination {
            access_control_translation: destination.owns_replicas.then(|| {
                dto::AccessControlTranslation {
                    owner: dto::OwnerOverride::from_static(dto::OwnerOverride::DESTINATION),
                }
            }),
            account: destination.account,
            bucket: destination.arn,
            encryption_configuration: destination.kms_key.map(|key| dto::EncryptionConfiguration {
                replica_kms_key_id: Some(key),
            }),
            metrics: None,
            replication_time: None,
            storage_class: destination.storage_class.map(dto::StorageClass::from),
        },
        existing_object_replication: None,
        filter,
        id: Some(rule.id),
        prefix,
        priority: rule.priority,
        source_selection_criteria: rule.brings_kms.map(|brings| dto::SourceSelectionCriteria {
            replica_modifications: None,
            sse_kms_encrypted_objects: Some(dto::SseKmsEncryptedObjects {
                status: dto::SseKmsEncryptedObjectsStatus::from_static(word(brings)),
            }),
        }),
        status: dto::ReplicationRuleStatus::from_static(word(rule.is_enabled)),
    }
}

fn show_scope(scope: ReplicationScope) -> (Option<String>, Option<dto::ReplicationRuleFilter>) {
    let tag = |(key, value)| dto::Tag {
        key: Some(key),
        value: Some(value),
    };
    let mut filter = dto::ReplicationRuleFilter::default();
    match scope {
        ReplicationScope::OfPrefix(prefix) => return (Some(prefix), None),
        ReplicationScope::All => {}
        ReplicationScope::Prefix(prefix) => filter.prefix = Some(prefix),
        ReplicationScope::Tag(name, value) => filter.tag = Some(tag((name, value))),
        ReplicationScope::And(prefix, tags) => {
            filter.and = Some(dto::ReplicationRuleAndOperator {
                prefix,
                tags: Some(tags.into_iter().map(tag).collect()),
            });
        }
    }
    (None, Some(filter))
}

const fn word(is_enabled: bool) -> &'static str {
    if is_enabled { "Enabled" } else { "Disabled" }
}

fn is_enabled(word: &str) -> Result<bool, Fault> {
    match word {
        "Enabled" => Ok(true),
        "Disabled" => Ok(false),
        _ => Err(Fault::malformed()),
    }
}

fn free_id(rules: &[ReplicationRule]) -> String {
    let mut names = (1..).map(|number: usize| format!("rule-{number}"));
    names
        .find(|id| rules.iter().all(|rule| rule.id != *id))
        .unwrap_or_default()
}

fn invalid(message: &'static str) -> Fault {
    Fault::new(Code::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use s3s::dto;

    use super::{Reachable, parse, show};

    fn regions(names: &[&str]) -> Vec<Reachable> {
        let named = |name: &&str| Reachable {
            name: format!("to-{name}"),
            region: (*name).to_owned(),
        };
        names.iter().map(named).collect()
    }

    fn rule(id: &str, priority: Option<i32>, arn: &str) -> dto::ReplicationRule {
        dto::ReplicationRule {
            delete_marker_replication: priority.map(|_| dto::DeleteMarkerReplication {
                status: Some("Enabled".to_owned().into()),
            }),
            destination: dto::Destination {
                access_control_translation: None,
                account: None,
                bucket: arn.to_owned(),
                encryption_configuration: None,
                metrics: None,
                replication_time: None,
                storage_class: None,
            },
            existing_object_replication: None,
            filter: priority.map(|_| dto::ReplicationRuleFilter::default()),
            id: Some(id.to_owned()),
            prefix: None,
            priority,
            source_selection_criteria: None,
            status: "Enabled".to_owned().into(),
        }
    }

    fn of(rules: Vec<dto::ReplicationRule>) -> dto::ReplicationConfiguration {
        dto::ReplicationConfiguration {
            role: "arn:aws:iam::1:role/r".to_owned(),
            rules,
        }
    }

    const ARN: &str = "arn:aws:s3:::copies";

    #[test]
    fn what_is_said_is_shown_again() {
        let two = regions(&["cn-south-1"]);
        let mut tagged = rule("b", Some(2), ARN);
        tagged.delete_marker_replication = Some(dto::DeleteMarkerReplication {
            status: Some("Disabled".to_owned().into()),
        });
        tagged.filter = Some(dto::ReplicationRuleFilter {
            and: Some(dto::ReplicationRuleAndOperator {
                prefix: Some("p/".to_owned()),
                tags: Some(vec![dto::Tag {
                    key: Some("k".to_owned()),
                    value: Some("v".to_owned()),
                }]),
            }),
            ..Default::default()
        });
        let said = of(vec![rule("a", Some(1), ARN), tagged]);
        assert_eq!(
            show(parse(said.clone(), &two).expect("parsed")),
            said,
            "as it was said"
        );
        let old = of(vec![rule("a", None, ARN)]);
        let shown = show(parse(old, &two).expect("parsed"));
        assert_eq!(shown.rules[0].prefix.as_deref(), Some(""));
    }

    #[test]
    fn a_region_is_named_by_the_arn_or_is_the_only_one() {
        let named = "arn:aws:s3:cn-south-1::copies";
        let both = regions(&["cn-south-1", "cn-west-1"]);
        let of_arn = |arn: &str, regions: &[Reachable]| {
            parse(of(vec![rule("a", Some(1), arn)]), regions)
                .map(|replication| replication.rules[0].destination.name.clone())
        };
        assert_eq!(of_arn(named, &both).expect("found"), "to-cn-south-1");
        assert_eq!(of_arn(ARN, &both[..1]).expect("found"), "to-cn-south-1");
        for (arn, regions) in [
            (ARN, &both[..]),
            (ARN, &[]),
            ("arn:aws:s3:cn-east-1::copies", &both),
            ("arn:aws:sqs:::copies", &both[..1]),
            ("copies", &both[..1]),
            ("arn:aws:s3:::No", &both[..1]),
        ] {
            assert!(of_arn(arn, regions).is_err(), "{arn}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let one = regions(&["cn-south-1"]);
        let changed = |change: fn(&mut dto::ReplicationRule)| {
            let mut rule = rule("a", Some(1), ARN);
            change(&mut rule);
            vec![rule]
        };
        for bad in [
            vec![],
            changed(|rule| rule.priority = None),
            changed(|rule| rule.delete_marker_replication = None),
            changed(|rule| rule.prefix = Some("p".to_owned())),
            changed(|rule| rule.status = "On".to_owned().into()),
            changed(|rule| rule.id = Some("i".repeat(256))),
            changed(|rule| rule.destination.storage_class = Some("GLACIER".to_owned().into())),
            changed(|rule| {
                rule.filter = Some(dto::ReplicationRuleFilter {
                    tag: Some(dto::Tag {
                        key: Some("k".to_owned()),
                        value: Some("v".to_owned()),
                    }),
                    ..Default::default()
                });
            }),
            vec![rule("a", Some(1), ARN), rule("a", Some(2), ARN)],
            vec![rule("a", Some(1), ARN), rule("b", Some(1), ARN)],
            vec![rule("a", None, ARN), rule("b", None, ARN)],
            vec![rule("a", None, ARN), rule("b", Some(1), ARN)],
        ] {
            assert!(parse(of(bad.clone()), &one).is_err(), "{bad:?}");
        }
    }
}
