//! What all documents that speak of a question say together, as AWS puts them together: an explicit `Deny` anywhere wins;
//! within a tenant one `Allow` is enough, over its border both sides must allow; a session may do what its own policy allows
//! of that.

use std::sync::Arc;

use super::compile::{Compiled, Publicity};
use super::question::{Ask, Kinship, Word};

/// Who asks, as far as his own side is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The administrator of his tenant: what it may do, he may.
    Admin,
    /// A user or role, who may do what its policies allow.
    Identity,
    /// Nobody known.
    Anonymous,
}

/// The documents that speak of a question.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// Who asks.
    pub standing: Standing,
    /// The policies of who asks, and of his groups.
    pub identity: &'a [Arc<Compiled>],
    /// The policies that his session was confined to.
    pub session: Option<&'a Compiled>,
    /// The policy of what he asks for.
    pub resource: Option<&'a Compiled>,
    /// Whether what he asks for is of his own tenant.
    pub kinship: Kinship,
    /// Whether a public policy lets in those of its own tenant alone (`RestrictPublicBuckets`).
    pub restricted: bool,
}

/// What they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It may be done.
    Allowed,
    /// A document denies it.
    Denied,
    /// None allows it.
    NotAllowed,
}

impl Sides<'_> {
    /// Says whether something may be done.
    #[must_use]
    pub fn judge(&self, ask: &Ask<'_>) -> Access {
        self.judge_with(ask, false)
    }

    /// Says whether a role may be taken: what it trusts must allow that, and where it trusts a tenant as a whole, that
    /// tenant's own policies too.
    #[must_use]
    pub fn judge_trust(&self, ask: &Ask<'_>) -> Access {
        self.judge_with(ask, true)
    }

    fn judge_with(&self, ask: &Ask<'_>, needs_resource: bool) -> Access {
        let mut own = if self.standing == Standing::Admin {
            Word::Allow
        } else {
            Word::Silent
        };
        for policy in self.identity {
            match policy.judge(ask, Kinship::Own) {
                Word::Deny => return Access::Denied,
                Word::Allow => own = Word::Allow,
                Word::Silent => {}
            }
        }
        let session = self.session.map(|policy| policy.judge(ask, Kinship::Own));
        if session == Some(Word::Deny) {
            return Access::Denied;
        }
        let word = |kinship| {
            self.resource
                .map_or(Word::Silent, |policy| policy.judge(ask, kinship))
        };
        let direct = word(self.kinship);
        if direct == Word::Deny {
            return Access::Denied;
        }
        let is_public = self
            .resource
            .is_some_and(|policy| policy.publicity() == Publicity::Public);
        let is_shut = self.restricted && is_public && self.kinship == Kinship::Other;
        let own_allows = own == Word::Allow;
        let allows = match self.kinship {
            Kinship::Own if needs_resource => {
                direct == Word::Allow || (own_allows && word(Kinship::Other) == Word::Allow)
            }
            Kinship::Own => direct == Word::Allow || own_allows,
            Kinship::Other => {
                direct == Word::Allow
                    && !is_shut
                    && (own_allows || self.standing == Standing::Anonymous)
            }
        };
        if allows && session.is_none_or(|word| word == Word::Allow) {
            Access::Allowed
        } else {
            Access::NotAllowed
        }
    }
}
