//! A gate on a folder of its own, a tenant with one object that the tests speak of, and the ways to ask for it.

use std::sync::Arc;

use onshore_gate::{ApprovalRequest, Error, Gate, Refused, Terms};
use onshore_journal::RecordedLeaf;
use onshore_policy::{Flow, Permit, Principal, Role, Subject, Transfer};
use onshore_registry::Approval;
use onshore_testkit::TempFolder;
use onshore_types::{
    BucketId, ByteRange, Jurisdiction, Label, ObjectKey, Place, PrincipalId, TenantName, VersionId,
};
use serde_json::Value;

use crate::sim::house::{House, StepClock, operator};

/// A key that no leaf may tell.
pub(crate) const KEY: &str = "patients/Zhang San 1987-03-14.dcm";

pub(crate) struct World {
    pub(crate) folder: TempFolder,
    pub(crate) clock: Arc<StepClock>,
    pub(crate) house: House,
    pub(crate) user: Principal,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = TempFolder::new("gate").expect("a folder");
        let clock = StepClock::starting_at("2026-11-22T08:00:00Z").expect("a time");
        let house = House::open(folder.path(), &clock).expect("opened");
        let made = wait(house.gate.create_tenant(operator(), tenant(), None));
        let (tenant, _) = made.expect("a tenant");
        let user = Principal {
            id: PrincipalId::from_bytes([5; 16]),
            tenant: Some(tenant.id),
            role: Role::TenantUser,
        };
        Self {
            folder,
            clock,
            house,
            user,
        }
    }

    /// Starts another server on the same folder, as after a kill.
    pub(crate) fn restart(&mut self) {
        self.house = House::open(self.folder.path(), &self.clock).expect("opened again");
    }

    pub(crate) fn gate(&self) -> Gate {
        self.house.gate.clone()
    }

    pub(crate) fn transfer(
        &self,
        flow: Flow,
        label: &str,
        len_bytes: u64,
        away: Place,
    ) -> Transfer {
        let home = self.house.gate.home();
        let (from, to) = match flow {
            Flow::Read | Flow::Inspect | Flow::List => (home, away),
            Flow::Store | Flow::Change => (away, home),
        };
        Transfer {
            principal: self.user,
            operation: "GetObject",
            flow,
            subject: Subject {
                bucket: Some(BucketId::from_bytes([6; 16])),
                owner: self.user.tenant,
                key: Some(ObjectKey::parse(KEY).expect("a key")),
                version: Some(VersionId::from_bytes([7; 16])),
                label: label.parse().expect("a label"),
                range: ByteRange::whole(len_bytes),
            },
            from,
            to,
        }
    }

    /// Asks for so many bytes of personal data from the United States.
    pub(crate) fn export(&self, len_bytes: u64) -> Result<Permit, Error> {
        let transfer = self.transfer(Flow::Read, "personal", len_bytes, place("US"));
        wait(self.house.gate.permit(transfer))
    }

    pub(crate) fn refused(&self, transfer: Transfer) -> Refused {
        match wait(self.house.gate.permit(transfer)) {
            Err(Error::Refused(refused)) => *refused,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Lets personal data go to the United States for an hour.
    pub(crate) fn grant(&self, max_bytes: u64) -> Approval {
        let request = self.request("US", "personal", max_bytes, 3_600_000);
        let granted = wait(self.house.gate.grant_approval(operator(), &request));
        granted.expect("granted").0
    }

    pub(crate) fn request(
        &self,
        to: &str,
        label: &str,
        max_bytes: u64,
        millis: i64,
    ) -> ApprovalRequest {
        ApprovalRequest {
            tenant: tenant(),
            to: Jurisdiction::parse(to).expect("a place"),
            label: label.parse::<Label>().expect("a label"),
            max_bytes,
            until: self.house.gate.now().plus_millis(millis),
            terms: Terms::default(),
        }
    }

    /// Waits until everything queued before is done.
    pub(crate) fn settle(&self) {
        self.house
            .db
            .write_blocking(|_| Ok::<_, onshore_db::Error>(()))
            .expect("settled");
    }

    pub(crate) fn spent(&self, approval: &Approval) -> u64 {
        self.settle();
        let found = wait(self.house.registry.approval(approval.id));
        found.expect("there").spent_bytes
    }

    pub(crate) fn leaves(&self) -> Vec<RecordedLeaf> {
        wait(self.house.gate.journal().leaves(0, 100_000)).expect("readable")
    }

    /// Returns the bodies of the leaves of a kind.
    pub(crate) fn told(&self, kind: &str) -> Vec<Value> {
        self.leaves()
            .into_iter()
            .map(|leaf| leaf.body)
            .filter(|body| text(body, "kind") == Some(kind))
            .collect()
    }
}

pub(crate) fn tenant() -> TenantName {
    TenantName::parse("huaxia-clinic").expect("a name")
}

pub(crate) fn place(code: &str) -> Place {
    Place::In(Jurisdiction::parse(code).expect("a place"))
}

pub(crate) fn text<'v>(body: &'v Value, member: &str) -> Option<&'v str> {
    body.get(member).and_then(Value::as_str)
}

pub(crate) fn number(body: &Value, member: &str) -> Option<u64> {
    body.get(member).and_then(Value::as_u64)
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}
