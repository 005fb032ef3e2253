//! Who got a notice of an authority that not everything stored has been looked through for. What such a notice speaks of is
//! important from the moment it is recorded: until somebody has looked, it counts at the border as what nobody has
//! classified, whatever its label says (docs/decisions/0036).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use onshore_db::View;
use onshore_policy::{Flow, Transfer};
use onshore_registry::Notices;
use onshore_types::{Label, TenantId, Timestamp};

use crate::gate::Inner;
use crate::{Error, Gate};

/// The tenants that ever got a notice. Others are not asked about.
#[derive(Debug, Default)]
pub(crate) struct Noticed(RwLock<HashMap<TenantId, Standing>>);

#[derive(Debug, Clone, Copy)]
struct Standing {
    /// It counts up with each notice, also with one that came to nothing.
    notice: u64,
    /// Whether everything has been looked through since.
    is_settled: bool,
}

impl Noticed {
    pub(crate) fn new(all: Vec<(TenantId, Notices)>) -> Self {
        let standing = |notices: Notices| Standing {
            notice: 0,
            is_settled: notices.are_settled(),
        };
        let all = all
            .into_iter()
            .map(|(tenant, notices)| (tenant, standing(notices)));
        Self(RwLock::new(all.collect()))
    }

    /// Takes note of a notice, in the unit of work that records it: whoever is judged in a later one is judged by it, and
    /// what was judged before stops.
    pub(crate) fn announce(&self, tenant: TenantId) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let standing = all.entry(tenant).or_insert(Standing {
            notice: 0,
            is_settled: false,
        });
        standing.notice += 1;
        standing.is_settled = false;
    }

    /// Returns the newest notice of a tenant.
    pub(crate) fn newest(&self, tenant: Option<TenantId>) -> Option<u64> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&tenant?).map(|standing| standing.notice)
    }

    fn is_settled(&self, tenant: TenantId) -> bool {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&tenant).is_none_or(|standing| standing.is_settled)
    }

    /// Returns the notices that are not settled.
    fn open(&self) -> Vec<(TenantId, u64)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .filter(|(_, standing)| !standing.is_settled)
            .map(|(tenant, standing)| (*tenant, standing.notice))
            .collect()
    }

    /// Takes these notices for settled, but for tenants that got another meanwhile.
    fn settle(&self, settled: &[(TenantId, u64)]) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (tenant, notice) in settled {
            if let Some(standing) = all.get_mut(tenant)
                && standing.notice == *notice
            {
                standing.is_settled = true;
            }
        }
    }
}

impl Gate {
    /// Whether a tenant got a notice that not everything it stores was looked through for since.
    #[must_use]
    pub fn has_open_notice(&self, tenant: TenantId) -> bool {
        !self.inner.noticed.is_settled(tenant)
    }

    /// Takes note that everything stored was looked through by what tenants had been told after so many changes of it:
    /// see [`Gate::told_changes`].
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn settle_told(&self, changes: u64) -> Result<(), Error> {
        let open = self.inner.noticed.open();
        if open.is_empty() {
            return Ok(());
        }
        let registry = self.inner.registry.clone();
        let is_settled = self
            .inner
            .db
            .write(move |unit| Ok::<_, Error>(registry.settle_notices(unit, changes)?))
            .await?;
        if is_settled {
            self.inner.noticed.settle(&open);
        }
        Ok(())
    }
}

impl Inner {
    /// Returns a transfer as its owner's notices have it judged: what leaves and was not looked through since the newest is
    /// unclassified.
    pub(crate) fn as_noticed<'a>(
        &self,
        view: &View<'_>,
        transfer: &'a Transfer,
        now: Timestamp,
    ) -> Result<Cow<'a, Transfer>, Error> {
        let is_outward = match transfer.flow {
            Flow::Read | Flow::Inspect | Flow::List => !self.is_inside(transfer.to, now),
            Flow::Store | Flow::Change => false,
        };
        let owner = transfer.subject.owner.filter(|_| is_outward);
        let Some(owner) = owner.filter(|owner| !self.noticed.is_settled(*owner)) else {
            return Ok(Cow::Borrowed(transfer));
        };
        let notices = self.registry.notices(view, owner)?;
        let Some(notices) = notices.filter(|notices| !notices.are_settled()) else {
            return Ok(Cow::Borrowed(transfer));
        };
        if let Some(version) = transfer.subject.version
            && self.told_beside.of(view, version)? >= notices.newest
        {
            return Ok(Cow::Borrowed(transfer));
        }
        let mut noticed = transfer.clone();
        noticed.subject.label = Label::Unclassified;
        Ok(Cow::Owned(noticed))
    }
}
