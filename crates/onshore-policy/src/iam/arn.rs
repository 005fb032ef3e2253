//! Who is named: by an ARN, a tenant's id, or `*`. ARNs of this service carry its partition; those that name AWS's own are
//! taken too, since clients and templates write them. Every other partition is refused by name: no identity works in two.

use onshore_types::{IdentityName, PartitionName, TenantId};
use serde_json::Value;

use super::Malformed;
use super::cedar;
use super::json::Json;

/// The partitions of AWS that stand for this one, whatever it is called.
const ALIASES: [&str; 2] = ["aws", "aws-cn"];

/// Somebody who can be named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// Whoever asks, with or without a signature.
    Everybody,
    /// A tenant: its administrator, and whom it lets do what it is allowed.
    Tenant(TenantId),
    /// A user of a tenant.
    User(TenantId, IdentityName),
    /// A role of a tenant, by whomever it was taken.
    Role(TenantId, IdentityName),
    /// One session of a role.
    Session(TenantId, IdentityName, IdentityName),
}

/// The principals of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principals(Vec<Named>);

/// An ARN, cut at its first five colons.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arn<'a> {
    pub(crate) partition: &'a str,
    pub(crate) service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Reads an ARN.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.splitn(6, ':');
        if fields.next() != Some("arn") {
            return None;
        }
        Some(Self {
            partition: fields.next()?,
            service: fields.next()?,
            region: fields.next()?,
            account: fields.next()?,
            resource: fields.next()?,
        })
    }
}

/// Whether a partition is this one, by its name or as AWS's.
pub(crate) fn is_here(partition: &str, own: &PartitionName) -> bool {
    partition == own.as_str() || ALIASES.contains(&partition)
}

/// Says what is wrong with another partition.
pub(crate) fn elsewhere(partition: &str, own: &PartitionName) -> String {
    format!(
        "partition `{partition}` is not this one: it is called `{own}`, and `aws` and `aws-cn` stand for it; no identity is valid in two partitions"
    )
}

/// Writes an ARN that names AWS's partition with the name of this one, so that it compares.
pub(crate) fn in_own_partition(text: &str, own: &PartitionName) -> String {
    for alias in ALIASES {
        if let Some(rest) = text.strip_prefix(&format!("arn:{alias}:")) {
            return format!("arn:{own}:{rest}");
        }
    }
    text.to_owned()
}

impl Named {
    /// Reads who is named.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, own: &PartitionName) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Everybody);
        }
        if let Ok(tenant) = text.parse() {
            return Ok(Self::Tenant(tenant));
        }
        let unknown = || {
            format!(
                "`{}` names nobody here: write `*`, a tenant's id, or an ARN such as arn:{own}:iam::TENANT:user/NAME",
                text.chars().take(128).collect::<String>()
            )
        };
        let arn = Arn::parse(text).ok_or_else(unknown)?;
        if !is_here(arn.partition, own) {
            return Err(elsewhere(arn.partition, own));
        }
        let tenant = arn.account.parse().map_err(|_| unknown())?;
        let name = |text: &str| IdentityName::parse(text).map_err(|fault| fault.to_string());
        if !arn.region.is_empty() {
            return Err(unknown());
        }
        match (arn.service, arn.resource.split_once('/')) {
            ("iam", None) if arn.resource == "root" => Ok(Self::Tenant(tenant)),
            ("iam", Some(("user", user))) => Ok(Self::User(tenant, name(user)?)),
            ("iam", Some(("role", role))) => Ok(Self::Role(tenant, name(role)?)),
            ("sts", Some(("assumed-role", rest))) => {
                let (role, session) = rest.split_once('/').ok_or_else(unknown)?;
                Ok(Self::Session(tenant, name(role)?, name(session)?))
            }
            _ => Err(unknown()),
        }
    }

    /// Returns the ARN; none for everybody.
    #[must_use]
    pub fn arn(&self, own: &PartitionName) -> Option<String> {
        Some(match self {
            Self::Everybody => return None,
            Self::Tenant(tenant) => format!("arn:{own}:iam::{tenant}:root"),
            Self::User(tenant, user) => format!("arn:{own}:iam::{tenant}:user/{user}"),
            Self::Role(tenant, role) => format!("arn:{own}:iam::{tenant}:role/{role}"),
            Self::Session(tenant, role, session) => {
                format!("arn:{own}:sts::{tenant}:assumed-role/{role}/{session}")
            }
        })
    }

    fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Everybody => None,
            Self::Tenant(tenant)
            | Self::User(tenant, _)
            | Self::Role(tenant, _)
            | Self::Session(tenant, ..) => Some(*tenant),
        }
    }

    /// Returns the entity type and id under which somebody asks.
    pub(crate) fn uid(&self) -> (&'static str, String) {
        match self {
            Self::Everybody => ("Everybody", "*".to_owned()),
            Self::Tenant(tenant) => ("Tenant", tenant.to_string()),
            Self::User(tenant, user) => ("User", format!("{tenant}/{user}")),
            Self::Role(tenant, role) => ("Role", format!("{tenant}/{role}")),
            Self::Session(tenant, role, session) => {
                ("Session", format!("{tenant}/{role}/{session}"))
            }
        }
    }

    fn entity(&self) -> Value {
        let (kind, id) = self.uid();
        cedar::entity(kind, &id)
    }
}

impl Principals {
    /// Reads the value of `Principal` or `NotPrincipal`.
    pub(crate) fn parse(
        value: &Json,
        own: &PartitionName,
        element: &str,
    ) -> Result<Self, Malformed> {
        let texts = match value {
            Json::Text(text) if text == "*" => vec!["*".to_owned()],
            Json::Object(members) => {
                let mut texts = Vec::new();
                for (kind, value) in members {
                    if kind != "AWS" {
                        return Err(Malformed::new(
                            format!("{element}.{kind}"),
                            "only principals of kind `AWS` are known here: tenants, users, roles and sessions",
                        ));
                    }
                    texts.extend(super::document::texts(value, &format!("{element}.AWS"))?);
                }
                texts
            }
            _ => {
                return Err(Malformed::new(
                    element,
                    "it is `*` or an object with a member `AWS`",
                ));
            }
        };
        if texts.is_empty() {
            return Err(Malformed::new(element, "it names nobody"));
        }
        texts
            .iter()
            .map(|text| Named::parse(text, own).map_err(|why| Malformed::new(element, why)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether everybody is among them.
    #[must_use]
    pub fn has_everybody(&self) -> bool {
        self.0.contains(&Named::Everybody)
    }

    /// Returns who is named.
    #[must_use]
    pub fn named(&self) -> &[Named] {
        &self.0
    }

    /// Whom an `Allow` lets in. A tenant that is named may let in whom it likes: its users are in `Account` only where
    /// their own policies are asked besides.
    pub(crate) fn allowed(&self) -> Value {
        cedar::principal_in(
            self.0
                .iter()
                .map(|named| match named {
                    Named::Tenant(tenant) => cedar::entity("Account", &tenant.to_string()),
                    named => named.entity(),
                })
                .collect(),
        )
    }

    /// Whom a `Deny` shuts out: of a tenant everybody.
    pub(crate) fn denied(&self) -> Value {
        cedar::principal_in(self.0.iter().map(Named::entity).collect())
    }

    /// Whom a `Deny` spares that names principals in `NotPrincipal`: who is named himself, if his tenant is named too.
    pub(crate) fn spared(&self) -> Value {
        let mut themselves = Vec::new();
        let mut tenants = Vec::new();
        for named in &self.0 {
            match (named, named.tenant()) {
                (Named::Tenant(tenant), _) => {
                    themselves.push(cedar::entity("Admin", &tenant.to_string()));
                    tenants.push(named.entity());
                }
                (named, Some(_)) => themselves.push(named.entity()),
                (_, None) => {}
            }
        }
        cedar::all(vec![
            cedar::principal_in(themselves),
            cedar::principal_in(tenants),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::{Named, in_own_partition};
    use onshore_types::{PartitionName, TenantId};

    #[test]
    fn arns_read_back_and_those_of_other_partitions_do_not_read() {
        let own = PartitionName::parse("onshore-cn").expect("a partition");
        let tenant = TenantId::from_bytes([7; 16]);
        for rest in ["root", "user/bob", "role/r", "user/a.b@c"] {
            let text = format!("arn:onshore-cn:iam::{tenant}:{rest}");
            let named = Named::parse(&text, &own).expect("an ARN");
            assert_eq!(named.arn(&own).as_deref(), Some(text.as_str()));
            for alias in ["aws", "aws-cn"] {
                let same = format!("arn:{alias}:iam::{tenant}:{rest}");
                assert_eq!(Named::parse(&same, &own).as_ref(), Ok(&named));
                assert_eq!(in_own_partition(&same, &own), text);
            }
            let other = format!("arn:onshore-eu:iam::{tenant}:{rest}");
            let why = Named::parse(&other, &own).expect_err("another partition");
            assert!(
                why.contains("onshore-eu") && why.contains("onshore-cn"),
                "{why}"
            );
        }
        for bad in [
            "",
            "123456789012",
            "arn:aws:iam::123456789012:user/bob",
            "arn:aws:iam::*:user/bob",
            "arn:aws:iam::ten_07070707070707070707070707070707:user/*",
            "arn:aws:iam::ten_07070707070707070707070707070707:group/g",
            "arn:aws:s3:::bucket",
        ] {
            assert!(Named::parse(bad, &own).is_err(), "{bad}");
        }
    }
}
