//! What a bucket holds data for, and until when: an act of its tenant's administrator, or of the operator.

use onshore_policy::Principal;
use onshore_registry::Purpose;
use onshore_types::{BucketId, LeafIndex, TenantId, Timestamp, Wording};
use serde_json::json;

use crate::acts::Act;
use crate::identities::require_of;
use crate::{Error, Gate};

impl Gate {
    /// Declares what a bucket of a tenant holds data for and until when, in place of what was declared before; without a
    /// purpose that is taken back. The ledger tells that it was declared, and not for what.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Past`]; those of the keepers.
    pub async fn declare_purpose(
        &self,
        by: Principal,
        (tenant, bucket): (TenantId, BucketId),
        purpose: Option<Wording>,
        until: Option<Timestamp>,
    ) -> Result<(Purpose, LeafIndex), Error> {
        require_of(by, tenant)?;
        let now = self.now();
        if until.is_some_and(|until| until <= now) {
            return Err(Error::Past { now });
        }
        self.act(by, move |registry, unit, now| {
            let declared = Purpose {
                bucket,
                revision: 0,
                purpose,
                until,
                declared: now,
                by: by.id,
            };
            let declared = registry.save_purpose(unit, declared)?;
            let body = json!({
                "tenant": tenant,
                "bucket": bucket,
                "revision": declared.revision,
                "until": until,
            });
            let record = json!({
                "tenant": tenant,
                "bucket": bucket,
                "revision": declared.revision,
                "purpose": declared.purpose,
                "until": until,
            });
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
