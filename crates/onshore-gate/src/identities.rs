//! Users, groups and roles of tenants, their policies and keys: acts with a leaf each. The operator may do them for every
//! tenant, a tenant's administrator for his own. The ledger tells which tenant and which identity by id; names are personal
//! data, and it commits to them.

use onshore_db::Unit;
use onshore_keys::Secret;
use onshore_policy::iam::{Compiled, Kind};
use onshore_policy::{Principal, Role};
use onshore_registry::{
    AccessKey, Details, Identity, IdentityKind, KeyEntry, KeyState, Registry, Session, Tenant,
};
use onshore_types::{
    AccessKeyId, IdentityName, Jurisdiction, LeafIndex, PrincipalId, TenantId, TenantName,
    Timestamp,
};
use serde_json::{Value, json};

use crate::acts::{Act, draw_key};
use crate::{Error, Gate};

/// Whose key pair it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOf {
    /// The administrator's.
    Admin,
    /// A user's.
    User(IdentityName),
}

/// Whether a user is to be in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// He is.
    In,
    /// He is not.
    Out,
}

/// Says that somebody may act for a tenant, or why not.
pub(crate) fn require_of(by: Principal, tenant: TenantId) -> Result<(), Error> {
    match by.role {
        Role::Operator => Ok(()),
        Role::TenantAdmin if by.tenant == Some(tenant) => Ok(()),
        Role::TenantAdmin
        | Role::Regulator
        | Role::Auditor
        | Role::TenantUser
        | Role::SupportEngineer
        | Role::OutgoingProvider
        | Role::Worker => Err(Error::RoleForbids {
            needed: "operator, or tenant admin of that tenant",
            held: crate::acts::role_word(by.role),
        }),
    }
}

impl Gate {
    /// Finds the tenant that somebody acts for; for who may not act for it, it is not there.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn tenant_of(&self, by: Principal, name: &TenantName) -> Result<Tenant, Error> {
        let found = self.inner.registry.tenant(name).await;
        match by.role {
            // Whether there is such a tenant is nothing for another.
            Role::TenantAdmin => {
                let own = found.ok().filter(|tenant| by.tenant == Some(tenant.id));
                own.ok_or_else(|| onshore_registry::Error::NoSuchTenant(name.to_string()).into())
            }
            _ => {
                let tenant = found?;
                require_of(by, tenant.id).map(|()| tenant)
            }
        }
    }

    /// Says where the organisation of a tenant is; none is the region's own jurisdiction.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn set_jurisdiction(
        &self,
        by: Principal,
        tenant: &TenantName,
        jurisdiction: Option<Jurisdiction>,
    ) -> Result<(Tenant, LeafIndex), Error> {
        crate::acts::require(by, &[Role::Operator])?;
        let mut tenant = self.inner.registry.tenant(tenant).await?;
        self.act_on_identities(by, move |registry, unit, _| {
            registry.set_jurisdiction(unit, tenant.id, jurisdiction)?;
            let body = json!({ "tenant": tenant.id, "jurisdiction": jurisdiction });
            tenant.jurisdiction = jurisdiction;
            Ok((
                Act {
                    kind: "tenant.jurisdiction",
                    record: body.clone(),
                    body,
                },
                tenant,
            ))
        })
        .await
    }

    /// Makes a user, a group or a role.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; a name that is taken; a trust policy that does not compile; those of the keepers.
    pub async fn create_identity(
        &self,
        by: Principal,
        tenant: &TenantName,
        kind: IdentityKind,
        name: IdentityName,
        details: Details,
    ) -> Result<(Identity, LeafIndex), Error> {
        let tenant = self.tenant_of(by, tenant).await?;
        self.check_details(&details)?;
        self.act_on_identities(by, move |registry, unit, now| {
            let identity = Identity {
                id: PrincipalId::from_bytes(onshore_keys::random()),
                tenant: tenant.id,
                kind,
                name,
                details,
                created: now,
            };
            registry.save_identity(unit, &identity)?;
            let record = json!({ "identity": identity.id, "name": identity.name, "details": identity.details });
            Ok((act(created_word(kind), &identity, record), identity))
        })
        .await
    }

    /// Says something else of a user or a role: tags, who may take it, how long its sessions last.
    ///
    /// # Errors
    /// As [`Gate::create_identity`].
    pub async fn change_identity(
        &self,
        by: Principal,
        tenant: &TenantName,
        kind: IdentityKind,
        name: IdentityName,
        details: Details,
    ) -> Result<(Identity, LeafIndex), Error> {
        let tenant = self.tenant_of(by, tenant).await?;
        self.check_details(&details)?;
        self.act_on_identities(by, move |registry, unit, _| {
            let mut identity = registry.identity(unit, tenant.id, kind, &name)?;
            registry.save_details(unit, identity.id, &details)?;
            let record =
                json!({ "identity": identity.id, "before": identity.details, "details": details });
            identity.details = details;
            Ok((act("identity.changed", &identity, record), identity))
        })
        .await
    }

    /// Removes a user, a group or a role. Its keys and sessions open nothing from now on.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn remove_identity(
        &self,
        by: Principal,
        tenant: &TenantName,
        kind: IdentityKind,
        name: IdentityName,
    ) -> Result<(Identity, LeafIndex), Error> {
        let tenant = self.tenant_of(by, tenant).await?;
        self.act_on_identities(by, move |registry, unit, _| {
            let identity = registry.identity(unit, tenant.id, kind, &name)?;
            registry.remove_identity(unit, identity.id)?;
            let record = json!({ "identity": identity.id, "name": identity.name });
            Ok((act(removed_word(kind), &identity, record), identity))
        })
        .await
    }

    /// Puts a user into a group, or takes him out.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn set_membership(
        &self,
        by: Principal,
        tenant: &TenantName,
        user: IdentityName,
        group: IdentityName,
        membership: Membership,
    ) -> Result<LeafIndex, Error> {
        let tenant = self.tenant_of(by, tenant).await?;
        let ((), leaf) = self
            .act_on_identities(by, move |registry, unit, _| {
                let user = registry.identity(unit, tenant.id, IdentityKind::User, &user)?;
                let group = registry.identity(unit, tenant.id, IdentityKind::Group, &group)?;
                let kind = match membership {
                    Membership::In => {
                        registry.save_membership(unit, user.id, group.id)?;
                        "group.joined"
                    }
                    Membership::Out => {
                        registry.remove_membership(unit, user.id, group.id)?;
                        "group.left"
                    }
                };
                let record = json!({ "identity": user.id, "group": group.id });
                Ok((act(kind, &user, record), ()))
            })
            .await?;
        Ok(leaf)
    }

    /// Gives a user, a group or a role a policy, in place of one with the same name.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; a policy that does not compile; those of the keepers.
    pub async fn put_policy(
        &self,
        by: Principal,
        tenant: &TenantName,
        kind: IdentityKind,
        name: IdentityName,
        policy: IdentityName,
        document: String,
    ) -> Result<LeafIndex, Error> {
        let tenant = self.tenant_of(by, tenant).await?;
        self.compile(&document, &Kind::Identity)?;
        let ((), leaf) = self
            .act_on_identities(by, move |registry, unit, _| {
                let identity = registry.identity(unit, tenant.id, kind, &name)?;
                registry.save_policy(unit, identity.id, &policy, &document)?;
                let record =
                    json!({ "identity": identity.id, "policy": policy, "document": document });
                Ok((act("policy.put", &identity, record), ()))
            })
            .await?;
        Ok(leaf)
    }

    /// Takes a policy from a user, a group or a role.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn remove_policy(
        &self,
        by: Principal,
        tenant: &TenantName,
        kind: IdentityKind,
        name: IdentityName,
        policy: IdentityName,
    ) -> Result<LeafIndex, Error> {
        let tenant = self.tenant_of(by, tenant).await?;
        let ((), leaf) = self
            .act_on_identities(by, move |registry, unit, _| {
                let identity = registry.identity(unit, tenant.id, kind, &name)?;
                registry.remove_policy(unit, identity.id, &policy)?;
                let record = json!({ "identity": identity.id, "policy": policy });
                Ok((act("policy.removed", &identity, record), ()))
            })
            .await?;
        Ok(leaf)
    }

    /// Makes a key pair for the administrator or a user of a tenant; what is not given is drawn at random.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; an access key in use; those of the keepers.
    pub async fn create_key_of(
        &self,
        by: Principal,
        tenant: &TenantName,
        whose: KeyOf,
        given: Option<(AccessKeyId, Secret)>,
    ) -> Result<(AccessKey, LeafIndex), Error> {
        let tenant = self.tenant_of(by, tenant).await?;
        let (access_key, secret) = given.unwrap_or_else(draw_key);
        self.act_on_identities(by, move |registry, unit, now| {
            let user = match whose {
                KeyOf::Admin => None,
                KeyOf::User(name) => Some(
                    registry
                        .identity(unit, tenant.id, IdentityKind::User, &name)?
                        .id,
                ),
            };
            let key = AccessKey {
                access_key,
                secret,
                principal: user.unwrap_or_else(|| PrincipalId::from_bytes(onshore_keys::random())),
                tenant: tenant.id,
                user,
            };
            registry.save_access_key(unit, &key, now)?;
            Ok((act_on_key("key.created", &key), key))
        })
        .await
    }

    /// Makes a new key pair in the place of another, which opens nothing from now on.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn rotate_key(
        &self,
        by: Principal,
        tenant: &TenantName,
        old: AccessKeyId,
    ) -> Result<(AccessKey, LeafIndex), Error> {
        let tenant = self.tenant_of(by, tenant).await?;
        let (access_key, secret) = draw_key();
        self.act_on_identities(by, move |registry, unit, now| {
            let gone = registry.remove_key(unit, tenant.id, &old)?;
            let key = AccessKey {
                access_key,
                secret,
                principal: gone.principal,
                tenant: tenant.id,
                user: gone.user,
            };
            registry.save_access_key(unit, &key, now)?;
            Ok((act_on_key("key.rotated", &key), key))
        })
        .await
    }

    /// Lets a key pair open something, or nothing.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn set_key_state(
        &self,
        by: Principal,
        tenant: &TenantName,
        access_key: AccessKeyId,
        state: KeyState,
    ) -> Result<(KeyEntry, LeafIndex), Error> {
        let tenant = self.tenant_of(by, tenant).await?;
        self.act_on_identities(by, move |registry, unit, _| {
            let entry = registry.set_key_state(unit, tenant.id, &access_key, state)?;
            let kind = match state {
                KeyState::Enabled => "key.enabled",
                KeyState::Disabled => "key.disabled",
            };
            Ok((act_on_entry(kind, tenant.id, &entry), entry))
        })
        .await
    }

    /// Removes a key pair for good.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn remove_key(
        &self,
        by: Principal,
        tenant: &TenantName,
        access_key: AccessKeyId,
    ) -> Result<(KeyEntry, LeafIndex), Error> {
        let tenant = self.tenant_of(by, tenant).await?;
        self.act_on_identities(by, move |registry, unit, _| {
            let entry = registry.remove_key(unit, tenant.id, &access_key)?;
            Ok((act_on_entry("key.removed", tenant.id, &entry), entry))
        })
        .await
    }

    /// Records that somebody took a role or made a session, and who acts in it.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn open_session(&self, by: Principal, session: &Session) -> Result<LeafIndex, Error> {
        let body = json!({
            "tenant": session.tenant,
            "for": session.principal,
            "identity": session.identity,
            "until": session.until,
        });
        let mut record = body.clone();
        if let Value::Object(members) = &mut record {
            members.insert("name".to_owned(), json!(session.name));
            members.insert("tags".to_owned(), json!(session.tags));
            members.insert("access_key".to_owned(), json!(session.access_key));
        }
        let ((), leaf) = self
            .act(by, move |_, _, _| {
                Ok((
                    Act {
                        kind: "session.opened",
                        body,
                        record,
                    },
                    (),
                ))
            })
            .await?;
        Ok(leaf)
    }

    fn check_details(&self, details: &Details) -> Result<(), Error> {
        if let Some(trust) = &details.trust {
            self.compile(trust, &Kind::Trust)?;
        }
        Ok(())
    }

    fn compile(&self, document: &str, kind: &Kind<'_>) -> Result<Compiled, Error> {
        Compiled::parse(document, kind, &self.inner.region.partition)
            .map_err(|fault| onshore_registry::Error::Policy(fault).into())
    }

    /// Does an act, and once it is durable lets nobody act any more by what was so before.
    async fn act_on_identities<T, F>(&self, by: Principal, deed: F) -> Result<(T, LeafIndex), Error>
    where
        T: Send + 'static,
        F: FnOnce(&Registry, &Unit<'_>, Timestamp) -> Result<(Act, T), Error> + Send + 'static,
    {
        let registry = self.inner.registry.clone();
        self.act_then(by, deed, move |_| registry.forget()).await
    }
}

fn created_word(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::User => "user.created",
        IdentityKind::Group => "group.created",
        IdentityKind::Role => "role.created",
    }
}

fn removed_word(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::User => "user.removed",
        IdentityKind::Group => "group.removed",
        IdentityKind::Role => "role.removed",
    }
}

fn act(kind: &'static str, identity: &Identity, record: Value) -> Act {
    Act {
        kind,
        body: json!({ "tenant": identity.tenant, "identity": identity.id }),
        record,
    }
}

fn act_on_key(kind: &'static str, key: &AccessKey) -> Act {
    let body = json!({ "tenant": key.tenant, "for": key.principal });
    let record =
        json!({ "tenant": key.tenant, "for": key.principal, "access_key": key.access_key });
    Act { kind, body, record }
}

fn act_on_entry(kind: &'static str, tenant: TenantId, entry: &KeyEntry) -> Act {
    let body = json!({ "tenant": tenant, "for": entry.principal });
    let record =
        json!({ "tenant": tenant, "for": entry.principal, "access_key": entry.access_key });
    Act { kind, body, record }
}
