//! Governance acts and engines' results: who may, the record, and the leaf that tells of it, in one unit of work.

use std::sync::atomic::Ordering;

use onshore_db::Unit;
use onshore_journal::Leaf;
use onshore_keys::{KeyProvider, Secret};
use onshore_ledger::Disclosure;
use onshore_orders::RecordKind;
use onshore_policy::rule_pack::Granter;
use onshore_policy::{Principal, Role};
use onshore_registry::{
    AccessKey, Approval, GrantBasis, Limit, Registry, Standing, Tenant, TokenHolder,
};
use onshore_types::{
    AccessKeyId, ApprovalId, BucketId, GroupName, IdentityName, Instrument, Jurisdiction, Label,
    LeafIndex, Place, PrincipalId, Recipient, TenantId, TenantName, Timestamp, UploadId, VersionId,
    Wording,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::gate::{Inner, body, salt};
use crate::identities::KeyOf;
use crate::support::close_sessions_of;
use crate::{Error, Gate, licensing};

/// The largest number that a leaf can carry (RFC 8785 keeps to what every JSON reader can hold).
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// What an approval is to allow.
#[derive(Debug, Clone)]
pub struct ApprovalRequest {
    /// Whose data may go.
    pub tenant: TenantName,
    /// Where it may go.
    pub to: Jurisdiction,
    /// The strictest label it covers.
    pub label: Label,
    /// How many bytes may go in all.
    pub max_bytes: u64,
    /// The first instant at which it no longer holds.
    pub until: Timestamp,
    /// What it says beyond that.
    pub terms: Terms,
}

/// What an approval says beyond how much may go where until when. What of it the law wants is for the rule pack to say.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// How many objects may go, each counted once.
    pub max_objects: Option<u64>,
    /// How many persons' data may go, each counted once.
    pub max_persons: Option<u64>,
    /// What it rests on in law, as the rule pack in force names it.
    pub instrument: Option<Instrument>,
    /// Who receives what goes.
    pub recipient: Option<Recipient>,
    /// For what.
    pub purpose: Option<Wording>,
}

/// Something stored that is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DamagedFact {
    /// In which bucket.
    pub bucket: BucketId,
    /// What it is.
    pub of: DamagedThing,
    /// What does not hold.
    pub what: &'static str,
}

/// A version whose label is another since somebody looked what is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScannedFact {
    /// Whose it is.
    pub tenant: TenantId,
    /// In which bucket.
    pub bucket: BucketId,
    /// Which version.
    pub version: VersionId,
    /// Its label before.
    pub before: Label,
    /// Its label now.
    pub now: Label,
    /// What was found, to be committed to.
    pub record: Value,
}

/// What can be damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamagedThing {
    /// A version.
    Version(VersionId),
    /// A part of an upload under way, by its number.
    Part(UploadId, u32),
}

/// How long a session on the control API holds at most.
pub const SESSION_MINUTES_MAX: u32 = 12 * 60;

impl Gate {
    /// Makes a tenant.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Unlicensed`] where whoever runs the region may not; a name that is taken; those of the keepers.
    pub async fn create_tenant(
        &self,
        by: Principal,
        name: TenantName,
        group: Option<GroupName>,
    ) -> Result<(Tenant, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        let own = self.inner.region.id.to_string();
        self.act_licensed(by, move |registry, unit, now| {
            if let Some(why) = licensing::tenant_refused(registry, unit, &own, now)? {
                return Ok((licensing::refused("tenant.refused", &why), Err(why)));
            }
            let tenant = Tenant {
                id: TenantId::from_bytes(onshore_keys::random()),
                name,
                group,
                standing: Standing::default(),
                jurisdiction: None,
                created: now,
            };
            registry.save_tenant(unit, &tenant)?;
            let record = json!({ "tenant": tenant.id, "name": tenant.name, "group": tenant.group });
            Ok((
                Act {
                    kind: "tenant.created",
                    body: json!({ "tenant": tenant.id }),
                    record,
                },
                Ok(tenant),
            ))
        })
        .await
    }

    /// Says what a tenant is to the law: the rules of a pack ask more of some. What flows out of it is judged anew.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; a tenant that does not exist; those of the keepers.
    pub async fn set_standing(
        &self,
        by: Principal,
        tenant: &TenantName,
        standing: Standing,
    ) -> Result<(Tenant, LeafIndex), Error> {
        require(by, &[Role::Operator, Role::Regulator])?;
        let tenant = self.inner.registry.tenant(tenant).await?;
        let gate = self.clone();
        self.act_then(
            by,
            move |registry, unit, _| {
                registry.set_standing(unit, tenant.id, standing)?;
                let body = json!({
                    "tenant": tenant.id,
                    "critical_infrastructure": standing.critical_infrastructure,
                    "state_organ": standing.state_organ,
                });
                Ok((
                    Act {
                        kind: "tenant.standing",
                        record: body.clone(),
                        body,
                    },
                    Tenant { standing, ..tenant },
                ))
            },
            move |_| gate.inner.stop_what_was_judged(),
        )
        .await
    }

    /// Puts a tenant into a group, or into none: what is counted for one of a group counts for all of it. The ledger tells
    /// that it was done, and commits to which group.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; a tenant that does not exist; those of the keepers.
    pub async fn set_group(
        &self,
        by: Principal,
        tenant: &TenantName,
        group: Option<GroupName>,
    ) -> Result<(Tenant, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        let mut tenant = self.inner.registry.tenant(tenant).await?;
        self.act(by, move |registry, unit, _| {
            registry.set_group(unit, tenant.id, group.as_ref())?;
            let record = json!({ "tenant": tenant.id, "before": tenant.group, "group": group });
            let act = Act {
                kind: "tenant.regrouped",
                body: json!({ "tenant": tenant.id }),
                record,
            };
            tenant.group = group;
            Ok((act, tenant))
        })
        .await
    }

    /// Makes an S3 key pair for the administrator of a tenant; what is not given is drawn at random.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; an access key in use; those of the keepers.
    pub async fn create_key(
        &self,
        by: Principal,
        tenant: &TenantName,
        given: Option<(AccessKeyId, Secret)>,
    ) -> Result<(AccessKey, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        self.create_key_of(by, tenant, KeyOf::Admin, given).await
    }

    /// Gives somebody a control token for a role.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn issue_token(
        &self,
        by: Principal,
        token: String,
        mut holder: TokenHolder,
    ) -> Result<LeafIndex, Error> {
        require(by, &[Role::Operator])?;
        let ((), leaf) = self
            .act(by, move |registry, unit, now| {
                if let Some(provider) = &holder.provider {
                    registry.record(unit, RecordKind::Provider, provider)?;
                }
                holder.vouched_by = vouchers(registry, unit, by.id)?;
                registry.save_token(unit, &token, &holder, now)?;
                let body = json!({ "for": holder.principal, "role": holder.role });
                let record = json!({
                    "for": holder.principal,
                    "role": holder.role,
                    "person": holder.person,
                    "provider": holder.provider,
                    "vouched_by": holder.vouched_by,
                });
                Ok((
                    Act {
                        kind: "token.issued",
                        record,
                        body,
                    },
                    (),
                ))
            })
            .await?;
        Ok(leaf)
    }

    /// Opens a session for whoever asks: another token that acts as his own does, for so many minutes.
    ///
    /// # Errors
    /// [`Error::SessionTime`]; [`Error::RoleForbids`] for a support engineer, whose sessions others open; those of the keepers.
    pub async fn open_control_session(
        &self,
        by: Principal,
        token: String,
        minutes: u32,
    ) -> Result<(Timestamp, LeafIndex), Error> {
        if matches!(by.role, Role::SupportEngineer | Role::Worker) {
            return Err(Error::RoleForbids {
                needed: "any but support engineer and worker",
                held: role_word(by.role),
            });
        }
        if !(1..=SESSION_MINUTES_MAX).contains(&minutes) {
            return Err(Error::SessionTime);
        }
        self.act(by, move |registry, unit, now| {
            let until = now.plus_millis(i64::from(minutes) * 60_000);
            registry.save_control_session(unit, &token, by.id, (now, until))?;
            let body = json!({ "for": by.id, "until": until });
            Ok((
                Act {
                    kind: "session.opened",
                    record: body.clone(),
                    body,
                },
                until,
            ))
        })
        .await
    }

    /// Ends all sessions of whoever asks.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn end_control_sessions(&self, by: Principal) -> Result<(usize, LeafIndex), Error> {
        self.act(by, move |registry, unit, _| {
            let ended = registry.end_control_sessions(unit, by.id)?;
            let body = json!({ "for": by.id, "sessions": ended });
            Ok((
                Act {
                    kind: "session.ended",
                    record: body.clone(),
                    body,
                },
                ended,
            ))
        })
        .await
    }

    /// Takes somebody's control token away. Support sessions that it has end with it.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; whoever holds none; those of the keepers.
    pub async fn revoke_token(
        &self,
        by: Principal,
        principal: PrincipalId,
    ) -> Result<LeafIndex, Error> {
        require(by, &[Role::Operator])?;
        let gate = self.clone();
        let (_, leaf) = self
            .act_then(
                by,
                move |registry, unit, now| {
                    registry.remove_token(unit, principal)?;
                    let ended = close_sessions_of(registry, unit, principal, by.id, now)?;
                    let sessions = (!ended.is_empty()).then_some(&ended);
                    let body = json!({ "for": principal, "sessions": sessions });
                    Ok((
                        Act {
                            kind: "token.revoked",
                            record: body.clone(),
                            body,
                        },
                        ended,
                    ))
                },
                move |ended| ended.iter().for_each(|id| gate.inner.end_support(*id)),
            )
            .await?;
        Ok(leaf)
    }

    /// Grants a transfer approval. A regulator grants alone; an operator's grant is recorded as one operator's word.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::Past`], [`Error::NotAbroad`], [`Error::Uncoverable`], [`Error::TooLarge`]; a
    /// tenant that does not exist; those of the keepers.
    pub async fn grant_approval(
        &self,
        by: Principal,
        request: &ApprovalRequest,
    ) -> Result<(Approval, LeafIndex), Error> {
        require(by, &[Role::Operator, Role::Regulator])?;
        self.check_request(by, request)?;
        let tenant = self.inner.registry.tenant(&request.tenant).await?;
        let ApprovalRequest {
            to,
            label,
            max_bytes,
            until,
            ..
        } = *request;
        let terms = request.terms.clone();
        self.act(by, move |registry, unit, now| {
            let approval = Approval {
                id: ApprovalId::from_bytes(onshore_keys::random()),
                tenant: tenant.id,
                to,
                label,
                max_bytes,
                spent_bytes: 0,
                objects: terms.max_objects.map(|max| Limit { max, spent: 0 }),
                persons: terms.max_persons.map(|max| Limit { max, spent: 0 }),
                instrument: terms.instrument,
                recipient: terms.recipient,
                purpose: terms.purpose,
                granted: now,
                granted_by: by.id,
                basis: match by.role {
                    Role::Regulator => GrantBasis::Regulator,
                    Role::Operator
                    | Role::Auditor
                    | Role::TenantAdmin
                    | Role::TenantUser
                    | Role::SupportEngineer
                    | Role::OutgoingProvider
                    | Role::Worker => GrantBasis::SingleOperator,
                },
                until,
                revoked: None,
            };
            registry.save_approval(unit, &approval)?;
            let body = json!({
                "approval": approval.id,
                "tenant": approval.tenant,
                "to": approval.to,
                "class": approval.label,
                "max_bytes": approval.max_bytes,
                "until": approval.until,
                "basis": approval.basis,
                "max_objects": terms.max_objects,
                "max_persons": terms.max_persons,
                "instrument": approval.instrument,
                "recipient_in": approval.recipient.as_ref().map(|recipient| recipient.jurisdiction),
                "recipient_kind": approval.recipient.as_ref().map(|recipient| recipient.kind),
            });
            // Names that people gave are committed to and shown with the proof alone.
            let mut record = body.clone();
            if let Value::Object(members) = &mut record {
                members.insert("recipient".to_owned(), json!(approval.recipient));
                members.insert("purpose".to_owned(), json!(approval.purpose));
            }
            Ok((
                Act {
                    kind: "approval.granted",
                    record,
                    body,
                },
                approval,
            ))
        })
        .await
    }

    /// Revokes a transfer approval: streams that it carries stop.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; an approval that does not exist or is revoked already; those of the keepers.
    pub async fn revoke_approval(
        &self,
        by: Principal,
        id: ApprovalId,
    ) -> Result<(Approval, LeafIndex), Error> {
        require(by, &[Role::Operator, Role::Regulator])?;
        let gate = self.clone();
        self.act_then(
            by,
            move |registry, unit, now| {
                let approval = registry.revoke_approval(unit, id, now)?;
                let body = json!({ "approval": id, "tenant": approval.tenant });
                Ok((
                    Act {
                        kind: "approval.revoked",
                        record: body.clone(),
                        body,
                    },
                    approval,
                ))
            },
            // Not left to the caller, who may have gone away: streams stop because the revocation is durable.
            move |_| gate.inner.revoked(id).store(true, Ordering::SeqCst),
        )
        .await
    }

    /// Records that something stored is not what was written. It names no key: whoever may read the object looks it up.
    ///
    /// # Errors
    /// Those of the journal.
    pub fn settle_damaged(
        &self,
        unit: &Unit<'_>,
        damaged: &DamagedFact,
    ) -> Result<LeafIndex, Error> {
        let (version, upload, part) = match damaged.of {
            DamagedThing::Version(version) => (Some(version), None, None),
            DamagedThing::Part(upload, number) => (None, Some(upload), Some(number)),
        };
        let rest = json!({
            "bucket": damaged.bucket,
            "version": version,
            "upload": upload,
            "part": part,
            "what": damaged.what,
        });
        let leaf = Leaf {
            time: self.now(),
            body: body("damaged", self.inner.epoch(), rest),
            disclosure: None,
        };
        Ok(self.inner.journal.record(unit, leaf)?)
    }

    /// Records that the label of a version is another since somebody looked what is in it. What was found is committed to,
    /// and shown with the proof alone.
    ///
    /// # Errors
    /// Those of the journal.
    pub fn settle_scanned(
        &self,
        unit: &Unit<'_>,
        scanned: &ScannedFact,
    ) -> Result<LeafIndex, Error> {
        let rest = json!({
            "tenant": scanned.tenant,
            "bucket": scanned.bucket,
            "version": scanned.version,
            "before": scanned.before,
            "label": scanned.now,
        });
        let leaf = Leaf {
            time: self.now(),
            body: body("scanned", self.inner.epoch(), rest),
            disclosure: Some(Disclosure {
                salt: salt(),
                record: scanned.record.clone(),
            }),
        };
        Ok(self.inner.journal.record(unit, leaf)?)
    }

    /// Seals anew, under another root key, what the registry and the ledger keep sealed, and records that.
    ///
    /// # Errors
    /// Those of the keepers and the key providers.
    pub fn rotate_root_key(
        &self,
        unit: &Unit<'_>,
        from: &dyn KeyProvider,
        to: &dyn KeyProvider,
    ) -> Result<LeafIndex, Error> {
        let Inner {
            registry, journal, ..
        } = &*self.inner;
        registry.seal_anew(unit, from, to)?;
        journal.seal_key_anew(unit, from, to)?;
        let rest = json!({ "from": from.key_id(), "to": to.key_id() });
        let leaf = Leaf {
            time: self.now(),
            body: body("root-key.rotated", self.inner.epoch(), rest),
            disclosure: None,
        };
        Ok(journal.record(unit, leaf)?)
    }

    pub(crate) async fn act<T, F>(&self, by: Principal, deed: F) -> Result<(T, LeafIndex), Error>
    where
        T: Send + 'static,
        F: FnOnce(&Registry, &Unit<'_>, Timestamp) -> Result<(Act, T), Error> + Send + 'static,
    {
        self.act_then(by, deed, |_| {}).await
    }

    /// Does an act, and once it is durable what follows from it, whether or not anybody still waits.
    pub(crate) async fn act_then<T, F, A>(
        &self,
        by: Principal,
        deed: F,
        after: A,
    ) -> Result<(T, LeafIndex), Error>
    where
        T: Send + 'static,
        F: FnOnce(&Registry, &Unit<'_>, Timestamp) -> Result<(Act, T), Error> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        let gate = self.clone();
        let (reply, answer) = oneshot::channel();
        self.inner.db.submit(
            move |unit| {
                let now = gate.now();
                let (act, value) = deed(&gate.inner.registry, unit, now)?;
                let leaf = gate.inner.record_act(unit, by, act, now)?;
                Ok((value, leaf))
            },
            move |acted: Result<(T, LeafIndex), Error>| {
                if let Ok((value, _)) = &acted {
                    after(value);
                }
                drop(reply.send(acted));
            },
        );
        answer
            .await
            .unwrap_or_else(|_| Err(onshore_db::Error::Closed.into()))
    }

    fn check_request(&self, by: Principal, request: &ApprovalRequest) -> Result<(), Error> {
        let (now, region) = (self.now(), self.inner.region.jurisdiction);
        if request.until <= now {
            return Err(Error::Past { now });
        }
        if request.label == Label::Unclassified {
            return Err(Error::Uncoverable);
        }
        let terms = &request.terms;
        let numbers = [
            (
                "the number of bytes of an approval",
                Some(request.max_bytes),
            ),
            ("the number of objects of an approval", terms.max_objects),
            ("the number of persons of an approval", terms.max_persons),
        ];
        for (what, number) in numbers {
            if number.is_some_and(|number| number > NUMBER_MAX) {
                return Err(Error::TooLarge {
                    what,
                    max: NUMBER_MAX,
                });
            }
        }
        let rules = self.inner.rules();
        if let (Some(pack), Some(instrument)) = (rules.policy.pack(), &terms.instrument) {
            let row = pack.instrument(instrument).ok_or_else(|| {
                let known = pack.instruments().iter().map(|row| row.word.as_str());
                Error::NoSuchInstrument {
                    pack: pack.name().clone(),
                    instrument: instrument.clone(),
                    known: known.collect::<Vec<_>>().join(", "),
                }
            })?;
            if row.granted_by == Granter::Regulator {
                require_regulator(by, instrument)?;
            }
        }
        if let Some(recipient) = &terms.recipient
            && region.contains(Place::In(recipient.jurisdiction), now)
        {
            return Err(Error::NotAbroad {
                to: recipient.jurisdiction,
                region,
            });
        }
        if region.contains(Place::In(request.to), now) {
            return Err(Error::NotAbroad {
                to: request.to,
                region,
            });
        }
        Ok(())
    }
}

/// A governance act on its way into the ledger.
pub(crate) struct Act {
    pub(crate) kind: &'static str,
    /// What everyone may read.
    pub(crate) body: Value,
    /// What the leaf commits to.
    pub(crate) record: Value,
}

impl Inner {
    pub(crate) fn record_act(
        &self,
        unit: &Unit<'_>,
        by: Principal,
        act: Act,
        now: Timestamp,
    ) -> Result<LeafIndex, Error> {
        let mut leaf = body(act.kind, self.epoch(), act.body);
        if let Value::Object(members) = &mut leaf {
            members.insert("by".to_owned(), json!(by.id));
            members.insert("role".to_owned(), json!(by.role));
        }
        let disclosure = Some(Disclosure {
            salt: salt(),
            record: act.record,
        });
        Ok(self.journal.record(
            unit,
            Leaf {
                time: now,
                body: leaf,
                disclosure,
            },
        )?)
    }
}

/// Returns who vouches for a token that somebody makes: himself, if his own names him, and whoever vouched for that. The first
/// token of a folder is made by nobody who holds one.
fn vouchers(
    registry: &Registry,
    unit: &Unit<'_>,
    by: PrincipalId,
) -> Result<Vec<IdentityName>, Error> {
    match registry.holder(unit, by) {
        Ok(maker) => Ok(maker.vouched_by.into_iter().chain(maker.person).collect()),
        Err(onshore_registry::Error::NoSuchToken(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// What an authority alone can give is granted by somebody in the role of the regulator.
fn require_regulator(by: Principal, instrument: &Instrument) -> Result<(), Error> {
    match by.role {
        Role::Regulator => Ok(()),
        Role::Operator
        | Role::Auditor
        | Role::TenantAdmin
        | Role::TenantUser
        | Role::SupportEngineer
        | Role::OutgoingProvider
        | Role::Worker => Err(Error::ForRegulator {
            instrument: instrument.clone(),
        }),
    }
}

pub(crate) fn require(by: Principal, roles: &[Role]) -> Result<(), Error> {
    if roles.contains(&by.role) {
        return Ok(());
    }
    let needed = match roles {
        [Role::OutgoingProvider] => "outgoing provider",
        roles if roles.contains(&Role::Regulator) => "operator or regulator",
        _ => "operator",
    };
    Err(Error::RoleForbids {
        needed,
        held: role_word(by.role),
    })
}

pub(crate) fn role_word(role: Role) -> &'static str {
    match role {
        Role::Operator => "operator",
        Role::Regulator => "regulator",
        Role::Auditor => "auditor",
        Role::TenantAdmin => "tenant admin",
        Role::TenantUser => "tenant user",
        Role::SupportEngineer => "support engineer",
        Role::OutgoingProvider => "outgoing provider",
        Role::Worker => "worker",
    }
}

/// Draws a key pair in the shape that S3 clients expect: 20 characters, and 40.
pub(crate) fn draw_key() -> (AccessKeyId, Secret) {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut access_key = String::from("ONSH");
    access_key.extend(
        onshore_keys::random::<16>()
            .iter()
            .filter_map(|byte| LETTERS.get(usize::from(byte % 32)))
            .map(|letter| char::from(*letter)),
    );
    let access_key =
        AccessKeyId::parse(access_key).expect("twenty capitals and digits are an access key");
    let secret = hex::encode(onshore_keys::random::<20>());
    (access_key, Secret::new(secret.into_bytes()))
}
