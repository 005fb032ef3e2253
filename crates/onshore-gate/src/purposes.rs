//! What buckets hold data for: declared by those who look after a tenant, each declaration an act with a leaf.

use onshore_orders::LawfulBasis;
use onshore_orders::purpose::check_terms;
use onshore_policy::Principal;
use onshore_registry::Purpose;
use onshore_types::{BucketId, LeafIndex, TenantId, Timestamp, Wording};
use serde_json::json;

use crate::acts::Act;
use crate::identities::require_of;
use crate::{Error, Gate};

/// What somebody declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeclaredPurpose {
    /// For what; none takes back what was declared before.
    pub purpose: Option<Wording>,
    /// On which ground.
    pub basis: Option<LawfulBasis>,
    /// Where the consents are kept.
    pub consent: Option<Wording>,
    /// Until when it is kept.
    pub until: Option<Timestamp>,
    /// For how many days each object is kept.
    pub keep_days: Option<u32>,
}

impl Gate {
    /// Declares what a tenant's bucket holds data for.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Past`] for an end that is over; a ground without what belongs to it; those of the keepers.
    pub async fn declare_purpose(
        &self,
        by: Principal,
        (tenant, bucket): (TenantId, BucketId),
        declared: DeclaredPurpose,
    ) -> Result<(Purpose, LeafIndex), Error> {
        require_of(by, tenant)?;
        let now = self.now();
        if declared.until.is_some_and(|until| until <= now) {
            return Err(Error::Past { now });
        }
        let has_consent = declared.consent.is_some();
        check_terms(declared.basis, has_consent, declared.keep_days).map_err(Error::Record)?;
        self.act(by, move |registry, unit, now| {
            let declared = Purpose {
                bucket,
                revision: 0,
                purpose: declared.purpose,
                basis: declared.basis,
                consent: declared.consent,
                until: declared.until,
                keep_days: declared.keep_days,
                declared: now,
                by: by.id,
            };
            let declared = registry.save_purpose(unit, declared)?;
            let body = json!({
                "tenant": tenant,
                "bucket": bucket,
                "revision": declared.revision,
                "basis": declared.basis,
                "until": declared.until,
                "keep_days": declared.keep_days,
            });
            let mut record = body.clone();
            record["purpose"] = json!(declared.purpose);
            record["consent"] = json!(declared.consent);
            let act = Act {
                kind: "bucket.purpose",
                body,
                record,
            };
            Ok((act, declared))
        })
        .await
    }
}
