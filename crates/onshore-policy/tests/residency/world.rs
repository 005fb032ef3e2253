//! Small builders for questions. Ids are numbers; nothing here is a real name.

use onshore_policy::{
    ApprovalFact, ExporterFact, Facts, Flow, Policy, Principal, Role, Subject, Transfer,
};
use onshore_types::{
    ApprovalId, BucketId, ByteRange, Jurisdiction, Label, Level, ObjectKey, Personal, Place,
    PrincipalId, TenantId, Timestamp, VersionId,
};

/// The instant of every question that does not say otherwise.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

pub(crate) const FLOWS: [Flow; 5] = [
    Flow::Read,
    Flow::Inspect,
    Flow::List,
    Flow::Store,
    Flow::Change,
];

pub(crate) fn policy() -> Policy {
    Policy::embedded().expect("the embedded pack opens")
}

pub(crate) fn code(text: &str) -> Jurisdiction {
    Jurisdiction::parse(text).expect("a code")
}

pub(crate) fn place(text: &str) -> Place {
    if text == "unknown" {
        Place::Unknown
    } else {
        Place::In(code(text))
    }
}

pub(crate) fn tenant(number: u8) -> TenantId {
    TenantId::from_bytes([number; 16])
}

pub(crate) fn approval_id(number: u8) -> ApprovalId {
    ApprovalId::from_bytes([number; 16])
}

pub(crate) fn known(level: Level, personal: Personal) -> Label {
    Label::Known { level, personal }
}

pub(crate) fn strictest() -> Label {
    known(Level::Core, Personal::Sensitive)
}

/// All ten labels, the loosest first and the unclassified last.
pub(crate) fn labels() -> Vec<Label> {
    let mut all = Vec::new();
    for level in [Level::General, Level::Important, Level::Core] {
        for personal in [Personal::None, Personal::Personal, Personal::Sensitive] {
            all.push(known(level, personal));
        }
    }
    all.push(Label::Unclassified);
    all
}

/// What a user of tenant 1 asks about an object of tenant 1.
pub(crate) fn transfer(flow: Flow, label: Label, from: Place, to: Place) -> Transfer {
    Transfer {
        principal: Principal {
            id: PrincipalId::from_bytes([9; 16]),
            tenant: Some(tenant(1)),
            role: Role::TenantUser,
        },
        operation: "Test",
        flow,
        subject: Subject {
            bucket: Some(BucketId::from_bytes([8; 16])),
            owner: Some(tenant(1)),
            key: Some(ObjectKey::parse("a/key").expect("a key")),
            version: Some(VersionId::from_bytes([7; 16])),
            label,
            range: match flow {
                Flow::Read | Flow::Store => ByteRange::whole(1000),
                Flow::Inspect | Flow::List | Flow::Change => ByteRange::whole(0),
            },
        },
        from,
        to,
    }
}

/// A read of an object in `CN` by its tenant's user in `US`.
pub(crate) fn outward(label: Label) -> Transfer {
    transfer(Flow::Read, label, place("CN"), place("US"))
}

/// An approval of tenant 1 in force at `NOW` that covers every classified label to `US`.
pub(crate) fn approval(number: u8) -> ApprovalFact {
    ApprovalFact {
        id: approval_id(number),
        tenant: tenant(1),
        to: code("US"),
        label: strictest(),
        remaining_bytes: 1_000_000,
        objects: None,
        persons: None,
        instrument: None,
        recipient: None,
        purpose: None,
        granted_at: NOW.plus_millis(-1000),
        until: NOW.plus_millis(1000),
        revoked_at: None,
    }
}

pub(crate) fn facts(region: &str, approvals: Vec<ApprovalFact>) -> Facts {
    Facts {
        region: code(region),
        epoch: 1,
        approvals,
        exporter: ExporterFact::default(),
    }
}
