//! The simulation's state, and its small moves: a server, what was acknowledged by it, streams that are open.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures_util::stream;
use onshore_db::Unit;
use onshore_gate::{Error as GateError, Gate, Outflow, StoredFact};
use onshore_policy::{Flow, Permit, Principal, Subject, Transfer};
use onshore_store::{
    BodyStream, Bucket, Checks, Committed, NewBucket, NewObject, Staged, WriteCondition,
};
use onshore_types::{
    BucketName, ByteRange, Jurisdiction, Label, LeafIndex, ObjectKey, Place, PrincipalId,
    TenantName,
};
use serde_json::json;

use super::house::{House, StepClock, operator};
use super::model::{Model, Name, Object, Tenant};
use super::place::Place as Base;
use super::random::{Dice, content};

/// What a unit of work of the simulation fails with.
#[derive(Debug)]
pub(crate) enum UnitError {
    Gate(GateError),
    Store(onshore_store::Error),
    Other(anyhow::Error),
}

impl From<onshore_db::Error> for UnitError {
    fn from(error: onshore_db::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<UnitError> for anyhow::Error {
    fn from(error: UnitError) -> Self {
        match error {
            UnitError::Gate(error) => error.into(),
            UnitError::Store(error) => error.into(),
            UnitError::Other(error) => error,
        }
    }
}

/// Bytes on their way abroad.
pub(crate) struct Stream {
    pub(crate) outflow: Outflow,
    pub(crate) body: BodyStream,
    pub(crate) expected: Vec<u8>,
    pub(crate) sent: usize,
    /// The approval's index; none for data that is general.
    pub(crate) approval: Option<usize>,
    /// What it was judged by.
    pub(crate) judged_by: (Option<usize>, usize),
}

/// A running simulation.
pub(crate) struct Runner {
    pub(crate) dice: Dice,
    pub(crate) clock: Arc<StepClock>,
    pub(crate) model: Model,
    pub(crate) base: Base,
    pub(crate) starts: u32,
    pub(crate) house: House,
    pub(crate) streams: Vec<Stream>,
}

pub(crate) fn abroad() -> Result<[Place; 3]> {
    Ok([
        Place::In(Jurisdiction::parse("US")?),
        Place::In(Jurisdiction::parse("DE")?),
        Place::Unknown,
    ])
}

impl Runner {
    /// Opens a fresh folder.
    pub(crate) fn new(seed: u64) -> Result<Self> {
        let base = Base::new()?;
        let clock = StepClock::starting_at("2026-11-22T08:00:00Z")?;
        let folder = base.path().join("0");
        std::fs::create_dir(&folder)?;
        let house = House::open(&folder, &clock)?;
        Ok(Self {
            dice: Dice::new(seed),
            clock,
            model: Model::default(),
            base,
            starts: 0,
            house,
            streams: Vec::new(),
        })
    }

    pub(crate) fn folder(&self, start: u32) -> PathBuf {
        self.base.path().join(start.to_string())
    }

    /// Makes two tenants with two buckets each: one without a class, one with.
    pub(crate) async fn furnish(&mut self) -> Result<()> {
        for (index, name) in ["north", "south"].into_iter().enumerate() {
            let name = TenantName::parse(name)?;
            let (tenant, leaf) = self
                .house
                .gate
                .create_tenant(operator(), name.clone(), None)
                .await?;
            self.model.told(leaf, "tenant.created");
            let user = Principal {
                id: PrincipalId::from_bytes([u8::try_from(index + 1)?; 16]),
                tenant: Some(tenant.id),
                role: onshore_policy::Role::TenantUser,
            };
            self.model.tenants.push(Tenant {
                name,
                user,
                is_critical: false,
            });
            let class = [Label::GENERAL, "personal".parse()?];
            for class in [None, class.get(index).copied()] {
                self.create_bucket(index, class).await?;
            }
        }
        Ok(())
    }

    async fn create_bucket(&mut self, tenant: usize, class: Option<Label>) -> Result<()> {
        let user = self.user(tenant);
        let owner = user.tenant.context("a user has a tenant")?;
        let home = self.house.gate.home();
        let subject = Subject {
            bucket: None,
            owner: Some(owner),
            key: None,
            version: None,
            label: class.unwrap_or(Label::Unclassified),
            range: ByteRange::whole(0),
        };
        let transfer = Transfer {
            principal: user,
            operation: "CreateBucket",
            flow: Flow::Change,
            subject,
            from: home,
            to: home,
        };
        let permit = self.house.gate.permit(transfer).await?;
        let name = BucketName::parse(format!("bucket-{}", self.model.buckets.len()))?;
        let (gate, store) = (self.house.gate.clone(), self.house.store.clone());
        let made = self.house.db.write(move |unit| {
            let bucket = store
                .create_bucket(
                    unit,
                    &permit,
                    &name,
                    owner,
                    NewBucket { class, lock: None },
                    gate.now(),
                )
                .map_err(UnitError::Store)?;
            let leaf = gate
                .settle_changed(unit, &permit, json!({ "name": bucket.name }))
                .map_err(UnitError::Gate)?;
            Ok::<_, UnitError>((bucket, leaf))
        });
        let (bucket, leaf) = made.await?;
        self.model.told(leaf, "changed");
        self.model.buckets.push((tenant, bucket));
        Ok(())
    }

    pub(crate) fn user(&self, tenant: usize) -> Principal {
        let tenant = self.model.tenants.get(tenant);
        tenant.expect("tenants stay").user
    }

    pub(crate) fn bucket(&self, index: usize) -> (usize, Bucket) {
        let bucket = self.model.buckets.get(index);
        bucket.expect("buckets stay").clone()
    }

    /// Describes a transfer of an object by its owner.
    pub(crate) fn transfer(
        &self,
        name: &Name,
        flow: Flow,
        label: Label,
        range: ByteRange,
        away: Place,
    ) -> Result<Transfer> {
        let (tenant, bucket) = self.bucket(name.0);
        let home = self.house.gate.home();
        let (from, to) = match flow {
            Flow::Read | Flow::Inspect | Flow::List => (home, away),
            Flow::Store | Flow::Change => (away, home),
        };
        let key = match flow {
            Flow::List => None,
            Flow::Read | Flow::Inspect | Flow::Store | Flow::Change => {
                Some(ObjectKey::parse(name.1.clone())?)
            }
        };
        let version = match flow {
            Flow::Read | Flow::Inspect | Flow::Change => {
                self.model.objects.get(name).map(|object| object.version)
            }
            Flow::Store | Flow::List => None,
        };
        Ok(Transfer {
            principal: self.user(tenant),
            operation: match flow {
                Flow::Read => "GetObject",
                Flow::Inspect => "HeadObject",
                Flow::List => "ListObjectsV2",
                Flow::Store => "PutObject",
                Flow::Change => "DeleteObject",
            },
            flow,
            subject: Subject {
                bucket: Some(bucket.id),
                owner: Some(bucket.tenant),
                key,
                version,
                label,
                range,
            },
            from,
            to,
        })
    }

    /// Throws a name, one that has an object if there are any and `taken` says so.
    pub(crate) fn name(&mut self, is_taken: bool) -> Option<Name> {
        if is_taken {
            let count = self.model.objects.len();
            let nth = self.dice.index(count.max(1));
            return self.model.objects.keys().nth(nth).cloned();
        }
        let bucket = self.dice.index(self.model.buckets.len());
        let key = self.dice.below(12);
        Some((bucket, format!("Wang Fang/passport scan {key}.pdf")))
    }

    /// Takes a body in, ready to be committed.
    pub(crate) async fn stage(&mut self, name: &Name) -> Result<Draft> {
        let declared = match self.dice.below(4) {
            0 => None,
            1 => Some("personal".parse()?),
            2 => Some("important,personal".parse()?),
            _ => Some(Label::GENERAL),
        };
        let (_, bucket) = self.bucket(name.0);
        let label = Label::of_declarations([declared, bucket.class]);
        let size_bytes = match self.dice.below(8) {
            0 => 0,
            1 => 1,
            2 => (64 << 10) - 1,
            3 => 64 << 10,
            4 => (64 << 10) + 1,
            5 => 70_000 + self.dice.below(300_000),
            _ => self.dice.below(20_000),
        };
        let home = self.house.gate.home();
        let range = ByteRange::whole(size_bytes);
        let transfer = self.transfer(name, Flow::Store, label, range, home)?;
        let permit = self.house.gate.permit(transfer).await?;
        let seed = self.dice.throw();
        let bytes = Bytes::from(content(seed, size_bytes));
        let chunk = usize::try_from(1 + self.dice.below(100_000))?;
        let chunks: Vec<_> = (0..bytes.len())
            .step_by(chunk)
            .map(|at| Ok(bytes.slice(at..bytes.len().min(at + chunk))))
            .collect();
        let checks = Checks {
            len_bytes: Some(size_bytes),
            ..Checks::default()
        };
        let object = NewObject {
            declared,
            ..NewObject::default()
        };
        let staged = self
            .house
            .store
            .stage(
                &permit,
                &object,
                stream::iter(chunks),
                &checks,
                self.house.gate.scanner(permit.tenant()),
            )
            .await?;
        Ok(Draft {
            permit,
            staged,
            object,
            seed,
        })
    }
}

/// A body that has been taken in.
pub(crate) struct Draft {
    permit: Permit,
    staged: Staged,
    object: NewObject,
    pub(crate) seed: u64,
}

impl Draft {
    /// Commits it, and the leaf that tells of it.
    pub(crate) fn commit(
        self,
        unit: &Unit<'_>,
        gate: &Gate,
        store: &onshore_store::Store,
        condition: &WriteCondition,
    ) -> Result<(Committed, LeafIndex), UnitError> {
        let Self {
            permit,
            staged,
            object,
            ..
        } = self;
        let committed = store
            .commit(unit, &permit, &staged, &object, condition, gate.now())
            .map_err(UnitError::Store)?;
        let bucket = permit.bucket().context("a put has a bucket");
        let stored = StoredFact {
            tenant: permit.tenant(),
            bucket: bucket.map_err(UnitError::Other)?,
            version: committed.version,
            label: committed.label,
            size_bytes: committed.size_bytes,
            replaced: committed.replaced,
            record: committed.record.clone(),
            salt: committed.salt,
        };
        let leaf = gate
            .settle_stored(unit, &permit, &stored)
            .map_err(UnitError::Gate)?;
        Ok((committed, leaf))
    }
}

/// Returns what the model keeps of a commit.
pub(crate) fn object(seed: u64, committed: &Committed, leaf: LeafIndex) -> Object {
    Object {
        version: committed.version,
        label: committed.label,
        size_bytes: committed.size_bytes,
        seed,
        leaf,
    }
}

/// Says that something must be so, with both values when it is not.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, must: &T) -> Result<()> {
    ensure!(found == must, "{what}: found {found:?}, must be {must:?}");
    Ok(())
}
