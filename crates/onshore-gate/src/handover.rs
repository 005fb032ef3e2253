//! Hand-overs: a tranche is accepted when somebody of either side has signed for it, two people who are apart (decision 0034), each
//! of them named in the plan.

use onshore_orders::handover::{Side, Tranche};
use onshore_orders::{Id, Record, RecordKind, Registered as _};
use onshore_policy::{Principal, Role};
use onshore_registry::Revision;
use onshore_types::LeafIndex;

use crate::acts::require;
use crate::departures::organisation_of;
use crate::people::{person, second, signature, vouch};
use crate::register::told;
use crate::{Error, Gate};

/// What somebody signs for.
#[derive(Debug, Clone)]
pub struct TrancheSigned {
    /// In which plan.
    pub handover: Id,
    /// Which tranche.
    pub tranche: Id,
    /// For which side.
    pub side: Side,
    /// The revision of the plan that was looked at.
    pub expected: u32,
}

/// Why nobody's signature can be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandoverRefusal {
    /// The plan has no such tranche.
    #[error("the plan has no tranche `{0}`; `onshore handover show` shows them")]
    NoSuchTranche(Id),
    /// The side has signed already.
    #[error("the {0} has signed for the tranche already, which is for good")]
    Signed(Side),
    /// The plan does not name the person for the side.
    #[error("`{name}` is not named in {side}_signatories of the plan: whoever signs for a side is")]
    NotNamed {
        /// The person.
        name: onshore_types::IdentityName,
        /// For which side.
        side: Side,
    },
}

impl Gate {
    /// Signs for a tranche on behalf of a side. With both signatures it is accepted.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::Unnamed`], [`Error::SamePerson`], [`Error::Handover`]; a plan that is not there or was changed
    /// meanwhile; those of the keepers.
    pub async fn sign_tranche(
        &self,
        by: Principal,
        signed: TrancheSigned,
    ) -> Result<(Revision, LeafIndex), Error> {
        require(
            by,
            &[Role::Operator, Role::Regulator, Role::OutgoingProvider],
        )?;
        self.act(by, move |registry, unit, now| {
            let before = registry.record(unit, RecordKind::Handover, &signed.handover)?;
            let Record::Handover(mut plan) = before.record else {
                return Err(HandoverRefusal::NoSuchTranche(signed.tranche).into());
            };
            if by.role == Role::OutgoingProvider {
                // He signs for what his provider sells, and other plans are not there for him.
                let organisation = organisation_of(registry, unit, by)?;
                if organisation.as_ref() != Some(&plan.seller) || signed.side != Side::Seller {
                    return Err(onshore_registry::Error::NoSuchRecord {
                        kind: RecordKind::Handover,
                        id: signed.handover,
                    }
                    .into());
                }
            }
            let (side, other) = match signed.side {
                Side::Seller => (Side::Seller, Side::Buyer),
                Side::Buyer => (Side::Buyer, Side::Seller),
            };
            let first = |one: &Tranche| one.signature(other).map(person);
            let tranche = plan.tranches.iter().find(|one| one.id == signed.tranche);
            let tranche =
                tranche.ok_or_else(|| HandoverRefusal::NoSuchTranche(signed.tranche.clone()))?;
            if tranche.signature(side).is_some() {
                return Err(HandoverRefusal::Signed(side).into());
            }
            let word = match first(tranche) {
                Some(first) => second(registry, unit, by, &first, now)?,
                None => vouch(registry, unit, by, now)?,
            };
            let names = plan.signatories(side);
            if !names.iter().any(|name| word.person.is_called(name)) {
                let name = word.person.name;
                return Err(HandoverRefusal::NotNamed { name, side }.into());
            }
            for tranche in &mut plan.tranches {
                if tranche.id == signed.tranche {
                    let word = Some(signature(word.clone()));
                    match side {
                        Side::Seller => tranche.signed_by_seller = word,
                        Side::Buyer => tranche.signed_by_buyer = word,
                    }
                }
            }
            plan.check().map_err(Error::Record)?;
            let accepted = plan
                .tranches
                .iter()
                .any(|one| one.id == signed.tranche && one.is_accepted());
            let kind = if accepted {
                "handover.accepted"
            } else {
                "handover.signed"
            };
            let plan = Record::Handover(plan);
            let revision = registry.amend_record(unit, &plan, signed.expected, by.id, now)?;
            Ok((told(kind, &revision)?, revision))
        })
        .await
    }
}
