//! What the control API asks of the migration engine about leases: the two are neighbours and do not know each other.

use async_trait::async_trait;
use onshore_api::{AskLease, DeliveredView, JobWorkerView, LeaseAnswer, LeaseRenewed, RunsView};
use onshore_control::{DeliveredBody, LeaseAsker, LeaseDesk, LeasedAt, Unserved};
use onshore_migrate::{Asker, Desk, DeskError, LeasedPlace};
use onshore_types::{JobId, LeaseId};

/// The workers of migrations.
#[derive(Debug)]
pub(crate) struct WorkersOf(pub(crate) Desk);

#[async_trait]
impl LeaseDesk for WorkersOf {
    async fn lease(&self, asker: LeaseAsker, asked: AskLease) -> Result<LeaseAnswer, Unserved> {
        self.0.lease(of(asker), asked).await.map_err(unserved)
    }

    fn renew(&self, asker: LeaseAsker, lease: LeaseId) -> Result<LeaseRenewed, Unserved> {
        self.0.renew(of(asker), lease).map_err(unserved)
    }

    fn give_back(&self, asker: LeaseAsker, lease: LeaseId) -> Result<(), Unserved> {
        self.0.give_back(of(asker), lease).map_err(unserved)
    }

    fn leave(&self, asker: LeaseAsker, at: LeasedAt) -> Result<DeliveredView, Unserved> {
        self.0.leave(of(asker), place(at)).map_err(unserved)
    }

    async fn deliver(
        &self,
        asker: LeaseAsker,
        at: LeasedAt,
        body: DeliveredBody,
    ) -> Result<DeliveredView, Unserved> {
        let delivered = self.0.deliver(of(asker), place(at), body).await;
        delivered.map_err(unserved)
    }

    async fn runs(&self, asker: LeaseAsker, at: LeasedAt) -> Result<RunsView, Unserved> {
        self.0.runs(of(asker), place(at)).await.map_err(unserved)
    }

    async fn deliver_run(
        &self,
        asker: LeaseAsker,
        at: LeasedAt,
        run: u32,
        body: DeliveredBody,
    ) -> Result<DeliveredView, Unserved> {
        let delivered = self.0.deliver_run(of(asker), place(at), run, body).await;
        delivered.map_err(unserved)
    }

    async fn complete(&self, asker: LeaseAsker, at: LeasedAt) -> Result<DeliveredView, Unserved> {
        let completed = self.0.complete(of(asker), place(at)).await;
        completed.map_err(unserved)
    }

    fn holders(&self, job: JobId) -> Vec<JobWorkerView> {
        let holdings = self.0.holdings(job);
        let views = holdings.into_iter().map(|holding| JobWorkerView {
            worker: holding.worker,
            principal: holding.principal,
            objects: 0,
            bytes: 0,
            leased: holding.objects,
        });
        views.collect()
    }
}

fn of(asker: LeaseAsker) -> Asker {
    Asker {
        principal: asker.principal,
        tenant: asker.tenant,
    }
}

fn place(at: LeasedAt) -> LeasedPlace {
    LeasedPlace {
        lease: at.lease,
        number: at.number,
    }
}

fn unserved(error: DeskError) -> Unserved {
    match error {
        DeskError::Refused(refusal) => Unserved::Refused(refusal),
        DeskError::Registry(error) => Unserved::Registry(error),
        DeskError::Stopping => Unserved::Stopping,
    }
}
