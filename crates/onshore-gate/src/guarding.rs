//! What plans of somebody who makes resources are held against: the orders that bind him. The plan itself is judged where it is: it may
//! hold secrets, and nothing of it is kept.

use std::collections::HashMap;

use onshore_db::View;
use onshore_orders::{Day, Id, Order, Provider, RecordKind};
use onshore_policy::{Principal, Role};

use crate::acts::require;
use crate::status::StatusQuestion;
use crate::{Error, Gate};

/// What plans of an organisation are held against.
#[derive(Debug, Clone, Default)]
pub struct Binding {
    /// Orders that bind it and do not exempt it.
    pub orders: Vec<Order>,
    /// Providers that they may speak of.
    pub providers: Vec<Provider>,
}

impl Gate {
    /// Returns the orders that bind an organisation on a day, or today where each was given, and the providers of the register.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; an organisation that is not there; those of the keepers.
    pub async fn binding(
        &self,
        by: Principal,
        organisation: Id,
        on: Option<Day>,
    ) -> Result<Binding, Error> {
        // Whoever only asks, such as what builds and deploys, needs no token that keeps the register.
        require(by, &[Role::Operator, Role::Regulator, Role::Auditor])?;
        let gate = self.clone();
        let read = move |view: &View<'_>| gate.binding_in(view, &organisation, on);
        self.inner.db.read(read).await
    }

    fn binding_in(
        &self,
        view: &View<'_>,
        organisation: &Id,
        on: Option<Day>,
    ) -> Result<Binding, Error> {
        let registry = &self.inner.registry;
        registry.record(view, RecordKind::Organisation, organisation)?;
        let asked = StatusQuestion {
            as_of: on,
            ..StatusQuestion::default()
        };
        let mut orders = Vec::new();
        let mut providers: HashMap<Id, Provider> = HashMap::new();
        for (on, named) in self.days(view, &asked, self.now())? {
            let parties = self.parties_on(view, on)?;
            let judge = parties.judge()?;
            for order in parties.orders.iter().filter(|one| named.contains(&one.id)) {
                let standing = judge.on(order, on).organisation(organisation);
                if standing.bound_by.is_some() && !standing.is_exempt {
                    orders.push(order.clone());
                }
            }
            let known = parties.providers.iter();
            providers.extend(known.map(|one| (one.id.clone(), one.clone())));
        }
        orders.sort_by(|one, other| one.id.cmp(&other.id));
        let mut providers: Vec<Provider> = providers.into_values().collect();
        providers.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(Binding { orders, providers })
    }
}
