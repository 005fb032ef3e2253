//! What the control API asks of the migration engine about leases: the two are neighbours and do not know each other.

use std::fmt;
use std::io;
use std::pin::Pin;

use async_trait::async_trait;
use axum::body::Bytes;
use futures_util::Stream;
use onshore_api::{
    AskLease, DeliveredView, JobWorkerView, LeaseAnswer, LeaseRefusal, LeaseRenewed, RunsView,
};
use onshore_types::{JobId, LeaseId, PrincipalId, TenantId};

/// What a worker sends.
pub type DeliveredBody = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A worker that asks.
#[derive(Debug, Clone, Copy)]
pub struct LeaseAsker {
    /// Whose token it has.
    pub principal: PrincipalId,
    /// Whose jobs it brings.
    pub tenant: TenantId,
}

/// An object of a lease.
#[derive(Debug, Clone, Copy)]
pub struct LeasedAt {
    /// The lease.
    pub lease: LeaseId,
    /// The object's number in it.
    pub number: u32,
}

/// Why a worker was not served.
#[derive(Debug)]
pub enum Unserved {
    /// It asks for what is not to be had.
    Refused(LeaseRefusal),
    /// The registry failed.
    Registry(onshore_registry::Error),
    /// The server ends.
    Stopping,
}

/// Where workers are served.
#[async_trait]
pub trait LeaseDesk: Send + Sync + fmt::Debug {
    /// Grants a lease.
    async fn lease(&self, asker: LeaseAsker, asked: AskLease) -> Result<LeaseAnswer, Unserved>;
    /// Renews one.
    fn renew(&self, asker: LeaseAsker, lease: LeaseId) -> Result<LeaseRenewed, Unserved>;
    /// Takes one back.
    fn give_back(&self, asker: LeaseAsker, lease: LeaseId) -> Result<(), Unserved>;
    /// Leaves an object to the server.
    fn leave(&self, asker: LeaseAsker, at: LeasedAt) -> Result<DeliveredView, Unserved>;
    /// Takes the bytes of an object, and their SHA-256 behind them.
    async fn deliver(
        &self,
        asker: LeaseAsker,
        at: LeasedAt,
        body: DeliveredBody,
    ) -> Result<DeliveredView, Unserved>;
    /// Says which runs of a large object are missing.
    async fn runs(&self, asker: LeaseAsker, at: LeasedAt) -> Result<RunsView, Unserved>;
    /// Takes a run, and its SHA-256 behind it.
    async fn deliver_run(
        &self,
        asker: LeaseAsker,
        at: LeasedAt,
        run: u32,
        body: DeliveredBody,
    ) -> Result<DeliveredView, Unserved>;
    /// Makes a large object of its runs.
    async fn complete(&self, asker: LeaseAsker, at: LeasedAt) -> Result<DeliveredView, Unserved>;
    /// Returns who holds leases of a job; what each brought stands elsewhere.
    fn holders(&self, job: JobId) -> Vec<JobWorkerView>;
}
