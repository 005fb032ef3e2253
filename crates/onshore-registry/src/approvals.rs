//! Transfer approvals and what is spent of them.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_policy::{Allowance, ApprovalFact};
use onshore_types::{
    ApprovalId, Instrument, Jurisdiction, Label, PrincipalId, Recipient, TenantId, Timestamp,
    Wording,
};
use serde::{Deserialize, Serialize};

use crate::rows::{bytes16, count, count_opt, parsed, parsed_opt, time, time_opt};
use crate::{Error, Registry};

/// On whose word an approval was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantBasis {
    /// One operator, where there is no second one to ask.
    SingleOperator,
    /// A holder of the regulator's role.
    Regulator,
}

/// Leave for a tenant's data of a class to go to a jurisdiction, up to a number of bytes, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// Whose data may go.
    pub tenant: TenantId,
    /// Where it may go.
    pub to: Jurisdiction,
    /// The strictest label it covers.
    pub label: Label,
    /// How many bytes may go in all.
    pub max_bytes: u64,
    /// How many have gone or are reserved.
    pub spent_bytes: u64,
    /// How many objects may go, each counted once however often it does; none where it does not say.
    pub objects: Option<Limit>,
    /// How many persons' data may go, each counted once; none where it does not say.
    pub persons: Option<Limit>,
    /// What it rests on in law, as a rule pack names it.
    pub instrument: Option<Instrument>,
    /// Who receives what goes.
    pub recipient: Option<Recipient>,
    /// For what.
    pub purpose: Option<Wording>,
    /// From when it holds.
    pub granted: Timestamp,
    /// Who granted it.
    pub granted_by: PrincipalId,
    /// On whose word.
    pub basis: GrantBasis,
    /// When it lapses: the first instant at which it no longer holds.
    pub until: Timestamp,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

/// A limit, and what has gone of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How much may go.
    pub max: u64,
    /// How much has gone.
    pub spent: u64,
}

impl Limit {
    /// Returns how much is left.
    #[must_use]
    pub fn left(self) -> u64 {
        self.max.saturating_sub(self.spent)
    }
}

const COLUMNS: &str = "SELECT id, tenant, destination, label, max_bytes, spent_bytes, granted_ms, granted_by, basis, \
                       until_ms, revoked_ms, max_objects, spent_objects, max_persons, spent_persons, instrument, \
                       recipient, purpose FROM approvals";

impl Registry {
    /// Saves a new approval.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_approval(&self, unit: &Unit<'_>, approval: &Approval) -> Result<(), Error> {
        let recipient = approval.recipient.as_ref().map(|recipient| {
            serde_json::to_string(recipient).expect("a name and two words are JSON")
        });
        unit.execute(
            "INSERT INTO approvals (id, tenant, destination, label, max_bytes, granted_ms, granted_by, basis, until_ms,
                                    max_objects, max_persons, instrument, recipient, purpose)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            params![
                approval.id.as_bytes(),
                approval.tenant.as_bytes(),
                approval.to.as_str(),
                approval.label.to_string(),
                clamped(approval.max_bytes),
                approval.granted.as_millis(),
                approval.granted_by.as_bytes(),
                basis_word(approval.basis),
                approval.until.as_millis(),
                approval.objects.map(|limit| clamped(limit.max)),
                approval.persons.map(|limit| clamped(limit.max)),
                approval.instrument.as_ref().map(Instrument::as_str),
                recipient,
                approval.purpose.as_ref().map(Wording::as_str),
            ],
        )?;
        Ok(())
    }

    /// Returns all approvals, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn approvals(&self) -> Result<Vec<Approval>, Error> {
        let found = self
            .db
            .read(|view| {
                view.all(
                    &format!("{COLUMNS} ORDER BY granted_ms DESC, id"),
                    [],
                    approval,
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Looks an approval up.
    ///
    /// # Errors
    /// [`Error::NoSuchApproval`] when there is none.
    pub async fn approval(&self, id: ApprovalId) -> Result<Approval, Error> {
        self.db.read(move |view| lookup(view, id)).await
    }

    /// Returns the approvals that nobody revoked, by id.
    ///
    /// # Errors
    /// Those of the database.
    pub fn unrevoked_approvals(&self, view: &View<'_>) -> Result<Vec<Approval>, Error> {
        Ok(view.all(
            &format!("{COLUMNS} WHERE revoked_ms IS NULL ORDER BY id"),
            [],
            approval,
        )?)
    }

    /// Revokes an approval: from this instant it does not hold.
    ///
    /// # Errors
    /// [`Error::NoSuchApproval`], [`Error::AlreadyRevoked`].
    pub fn revoke_approval(
        &self,
        unit: &Unit<'_>,
        id: ApprovalId,
        now: Timestamp,
    ) -> Result<Approval, Error> {
        if lookup(unit, id)?.revoked.is_some() {
            return Err(Error::AlreadyRevoked(id));
        }
        unit.execute(
            "UPDATE approvals SET revoked_ms = ?2 WHERE id = ?1",
            params![id.as_bytes(), now.as_millis()],
        )?;
        lookup(unit, id)
    }

    /// Returns what a decision needs to know of a tenant's approvals: up to a thousand, those that can still carry
    /// something first. Those long lapsed are left out; the ones that lapsed in the last year are there so that a
    /// refusal can name its cause.
    ///
    /// # Errors
    /// Those of the database.
    pub fn approval_facts(
        &self,
        view: &View<'_>,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<Vec<ApprovalFact>, Error> {
        const YEAR_MS: i64 = 366 * 24 * 3600 * 1000;
        let found = view.all(
            &format!(
                "{COLUMNS} WHERE tenant = ?1 AND until_ms > ?2
                 ORDER BY (until_ms <= ?3) + (revoked_ms IS NOT NULL) + (spent_bytes >= max_bytes), until_ms, id LIMIT 1000"
            ),
            params![
                tenant.as_bytes(),
                now.as_millis().saturating_sub(YEAR_MS),
                now.as_millis()
            ],
            approval,
        )?;
        Ok(found.iter().map(Approval::fact).collect())
    }

    /// Takes bytes off an approval, all or none.
    ///
    /// # Errors
    /// [`Error::Exhausted`] when fewer are left.
    pub fn reserve(&self, unit: &Unit<'_>, id: ApprovalId, len_bytes: u64) -> Result<(), Error> {
        let found = lookup(unit, id)?;
        let remaining_bytes = found.max_bytes.saturating_sub(found.spent_bytes);
        if len_bytes > remaining_bytes {
            return Err(Error::Exhausted {
                approval: id,
                remaining_bytes,
                wanted_bytes: len_bytes,
            });
        }
        spend(unit, id, clamped(len_bytes))
    }

    /// Returns how many persons' data may go under an approval that says so.
    ///
    /// # Errors
    /// [`Error::NoSuchApproval`].
    pub fn persons_limit(&self, view: &View<'_>, id: ApprovalId) -> Result<u64, Error> {
        Ok(lookup(view, id)?
            .persons
            .map_or(u64::MAX, |limit| limit.max))
    }

    /// Whether an approval limits objects or persons.
    ///
    /// # Errors
    /// [`Error::NoSuchApproval`].
    pub fn has_limits(&self, view: &View<'_>, id: ApprovalId) -> Result<bool, Error> {
        let found = lookup(view, id)?;
        Ok(found.objects.is_some() || found.persons.is_some())
    }

    /// Notes what left under an approval that limits objects or persons: `objects` that had not left under it before, and the
    /// persons that they add, counted from what was said to be `left` before.
    ///
    /// # Errors
    /// Those of the database.
    pub fn spend_limits(
        &self,
        unit: &Unit<'_>,
        id: ApprovalId,
        objects: u64,
        persons: Option<Allowance>,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE approvals SET spent_objects = spent_objects + ?2 WHERE id = ?1",
            params![id.as_bytes(), clamped(objects)],
        )?;
        if let Some(persons) = persons {
            // What is left was counted anew where it mattered: the sum of what each object added may be higher.
            let left = persons.left.saturating_sub(persons.needed);
            unit.execute(
                "UPDATE approvals SET spent_persons = max_persons - ?2 WHERE id = ?1",
                params![id.as_bytes(), clamped(left)],
            )?;
        }
        Ok(())
    }

    /// Gives unsent bytes back to an approval.
    pub(crate) fn give_back(
        &self,
        unit: &Unit<'_>,
        id: ApprovalId,
        len_bytes: u64,
    ) -> Result<(), Error> {
        spend(unit, id, -clamped(len_bytes))
    }
}

impl Approval {
    /// Returns what a decision needs to know.
    #[must_use]
    pub fn fact(&self) -> ApprovalFact {
        ApprovalFact {
            id: self.id,
            tenant: self.tenant,
            to: self.to,
            label: self.label,
            remaining_bytes: self.max_bytes.saturating_sub(self.spent_bytes),
            objects: self.objects.map(untouched),
            persons: self.persons.map(untouched),
            instrument: self.instrument.clone(),
            recipient: self.recipient.clone(),
            purpose: self.purpose.clone(),
            granted_at: self.granted,
            until: self.until,
            revoked_at: self.revoked,
        }
    }
}

/// What a transfer takes of it is for the gate to say.
fn untouched(limit: Limit) -> Allowance {
    Allowance {
        left: limit.left(),
        needed: 0,
    }
}

fn spend(unit: &Unit<'_>, id: ApprovalId, len_bytes: i64) -> Result<(), Error> {
    unit.execute(
        "UPDATE approvals SET spent_bytes = spent_bytes + ?2 WHERE id = ?1",
        params![id.as_bytes(), len_bytes],
    )?;
    Ok(())
}

fn lookup(view: &View<'_>, id: ApprovalId) -> Result<Approval, Error> {
    view.one(
        &format!("{COLUMNS} WHERE id = ?1"),
        [id.as_bytes()],
        approval,
    )?
    .ok_or(Error::NoSuchApproval(id))
}

fn approval(row: &Row<'_>) -> Result<Approval, RowError> {
    let basis = match row.get::<_, String>("basis")?.as_str() {
        "regulator" => GrantBasis::Regulator,
        // The weaker word is the safe reading of one that is not known.
        _ => GrantBasis::SingleOperator,
    };
    let limit = |max, spent| {
        let max = count_opt(row, max)?;
        let spent = count(row, spent)?;
        Ok::<_, RowError>(max.map(|max| Limit { max, spent }))
    };
    let recipient = row.get::<_, Option<String>>("recipient")?;
    let recipient = recipient
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| onshore_db::unreadable(Box::new(error)))?;
    Ok(Approval {
        objects: limit("max_objects", "spent_objects")?,
        persons: limit("max_persons", "spent_persons")?,
        instrument: parsed_opt(row, "instrument")?,
        recipient,
        purpose: parsed_opt(row, "purpose")?,
        id: ApprovalId::from_bytes(bytes16(row, "id")?),
        tenant: TenantId::from_bytes(bytes16(row, "tenant")?),
        to: parsed(row, "destination")?,
        label: parsed(row, "label")?,
        max_bytes: count(row, "max_bytes")?,
        spent_bytes: count(row, "spent_bytes")?,
        granted: time(row, "granted_ms")?,
        granted_by: PrincipalId::from_bytes(bytes16(row, "granted_by")?),
        basis,
        until: time(row, "until_ms")?,
        revoked: time_opt(row, "revoked_ms")?,
    })
}

fn basis_word(basis: GrantBasis) -> &'static str {
    match basis {
        GrantBasis::SingleOperator => "single-operator",
        GrantBasis::Regulator => "regulator",
    }
}

/// SQLite counts to 2^63 - 1, which no approval reaches.
pub(crate) fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
