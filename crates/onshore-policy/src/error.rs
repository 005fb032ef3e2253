//! Why the compiled-in rules or the configured networks cannot be used. Refusals are no errors: they are answers.

use ipnet::IpNet;

/// Why a judge could not be built, or a rule pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The schema of the rule pack does not parse.
    #[error("the schema of the rule pack does not parse")]
    Schema(#[source] Box<cedar_policy::CedarSchemaError>),
    /// The schema of the border and that of the rule pack do not make one.
    #[error("the schema of the rule pack does not go with the schema of the border")]
    Fragments(#[source] Box<cedar_policy::SchemaError>),
    /// The policies of the rule pack do not parse.
    #[error("the policies of the rule pack do not parse")]
    Policies(#[source] Box<cedar_policy::ParseErrors>),
    /// The policies of the rule pack cannot be gathered into one set: two have the same id.
    #[error("the policies of the rule pack do not make a set")]
    Set(#[source] Box<cedar_policy::PolicySetError>),
    /// The policies of the rule pack do not fit its schema.
    #[error("the policies of the rule pack do not fit its schema: {report}")]
    Misfit {
        /// What the validator found.
        report: String,
    },
    /// A policy lacks an annotation that every policy must have.
    #[error("policy `{policy}` of the rule pack has no annotation @{annotation}")]
    Unannotated {
        /// The policy's id.
        policy: String,
        /// The annotation that is missing.
        annotation: &'static str,
    },
    /// A policy names a rule that this version does not know, or that has the other effect.
    #[error(
        "policy `{policy}` of the rule pack names `{rule}`, which is no rule of this version with that effect"
    )]
    UnknownRule {
        /// The policy's id.
        policy: String,
        /// What it names.
        rule: String,
    },
    /// A rule that this version reports is in no policy.
    #[error("the rule pack has no policy for rule `{rule}`")]
    MissingRule {
        /// The rule's name.
        rule: &'static str,
    },
    /// A country database is damaged, or something else.
    #[error(
        "it is no country database in the format of MaxMind, or it is damaged: get it anew, whole and unpacked (.mmdb)"
    )]
    CountryDatabase(#[source] Box<maxminddb::MaxMindDbError>),
    /// A database tells no country.
    #[error(
        "it is a database `{kind}` in which no record tells a country: take one such as GeoLite2-Country"
    )]
    NoCountries {
        /// What it calls itself.
        kind: String,
    },
    /// A network in which the country database is overruled is in no configured network.
    #[error(
        "the country database is overruled in {network}, of which no configured network says where it is"
    )]
    OverruledByNothing {
        /// The network.
        network: IpNet,
    },
    /// A file of a rule pack cannot be used.
    #[error("{file} of the rule pack: {fault}")]
    Pack {
        /// Which file.
        file: String,
        /// What is wrong with it.
        fault: String,
    },
    /// A policy of a rule pack permits, which only the rules of the border do.
    #[error(
        "policy `{policy}` of the rule pack permits: a pack can only forbid, what may leave the rules of the border say"
    )]
    Permits {
        /// The policy's id.
        policy: String,
    },
    /// A rule of a rule pack is named like no rule of this pack can be.
    #[error(
        "policy `{policy}` of the rule pack names its rule `{rule}`: it must begin with `{prefix}.`"
    )]
    RuleName {
        /// The policy's id.
        policy: String,
        /// What it names.
        rule: String,
        /// The pack's name.
        prefix: String,
    },
    /// Two configured prefixes are the same network in two places.
    #[error("the network {network} is configured twice, in different places")]
    NetworkTwice {
        /// The network, with its host bits cleared.
        network: IpNet,
    },
}

impl Error {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever has a fault hands it over, as a text or as the error of a reader"
    )]
    pub(crate) fn pack(file: &str, fault: impl ToString) -> Self {
        Self::Pack {
            file: file.to_owned(),
            fault: fault.to_string(),
        }
    }
}
