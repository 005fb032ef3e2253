//! What a restored folder must say before anyone works with it: that it was restored, from what, and that no approval
//! of the time before holds. What happened between the backup and the loss is unknown, so nothing is left to rest on it.

use std::sync::Arc;

use onshore_db::{Database, Unit};
use onshore_journal::{Leaf, Succession, record};
use onshore_keys::KeyProvider;
use onshore_ledger::VerifierKey;
use onshore_registry::Registry;
use onshore_types::{ApprovalId, LeafIndex, PrincipalId, Timestamp};
use serde_json::{Value, json};

use crate::Error;
use crate::gate::body;

/// Who closes what a restore closes: nobody who holds a token.
const RESTORE: PrincipalId = PrincipalId::from_bytes([0; 16]);

/// The backup that a folder is restored from.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The SHA-256 of its manifest, in hexadecimal digits.
    pub backup_sha256: String,
    /// When it was made.
    pub made: Timestamp,
    /// The newest checkpoint of the old log that is known from elsewhere: size and root.
    pub last_known: Option<Value>,
}

/// What a restore left.
#[derive(Debug, Clone)]
pub struct Afresh {
    /// The key that checks the log from now on.
    pub verifier: VerifierKey,
    /// The leaf that tells of the restore.
    pub leaf: LeafIndex,
    /// The approvals that no longer hold and may be granted again.
    pub revoked: Vec<ApprovalId>,
}

/// Begins a new log over the leaves of a backup, whose first own leaf names the old checkpoint and the backup, and
/// revokes every approval and closes every support session. Exports that were open in the backup are closed as interrupted, all of them spent, when the
/// gate is opened. It is one unit of work and blocks.
///
/// # Errors
/// Those of the keepers; a log that does not agree with its checkpoint.
pub fn restore(
    db: &Database,
    keys: Arc<dyn KeyProvider>,
    restored: Restored,
    now: Timestamp,
) -> Result<Afresh, Error> {
    let registry = Registry::new(db.clone(), Arc::clone(&keys));
    db.write_blocking(move |unit| {
        let succession = Succession::begin(unit, &*keys)?;
        let epoch = registry.next_epoch(unit)?.saturating_sub(1);
        let predecessor = succession.predecessor();
        let rest = json!({
            "backup_sha256": restored.backup_sha256,
            "backup_made": restored.made,
            "old_key": predecessor.verifier.to_string(),
            "old_size": predecessor.size,
            "old_root": predecessor.root,
            "last_known": restored.last_known,
        });
        let leaf = tell(unit, body("restored", epoch, rest), now)?;
        let mut revoked = Vec::new();
        for approval in registry.unrevoked_approvals(unit)? {
            registry.revoke_approval(unit, approval.id, now)?;
            let rest = json!({
                "approval": approval.id,
                "tenant": approval.tenant,
                "restored": leaf,
            });
            tell(unit, body("approval.revoked", epoch, rest), now)?;
            revoked.push(approval.id);
        }
        // Nor does any support session: whoever closed one after the backup meant it.
        for session in registry.open_support_sessions(unit, None, now)? {
            registry.close_support_session(unit, session.id, RESTORE, now)?;
            let rest = json!({ "session": session.id, "restored": leaf });
            tell(unit, body("support.closed", epoch, rest), now)?;
        }
        Ok(Afresh {
            verifier: succession.complete(unit)?,
            leaf,
            revoked,
        })
    })
}

fn tell(unit: &Unit<'_>, body: Value, time: Timestamp) -> Result<LeafIndex, Error> {
    Ok(record(
        unit,
        Leaf {
            time,
            body,
            disclosure: None,
        },
    )?)
}
