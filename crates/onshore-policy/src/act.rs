//! The actions of the rule pack: what a flow is called there, and what it becomes when an approval is put beside it.

use crate::transfer::Flow;

/// An action that the rules can be asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    Store,
    Change,
    Read,
    Inspect,
    List,
    ReadUnderApproval,
    InspectUnderApproval,
}

impl Act {
    pub(crate) const ALL: [Self; 7] = [
        Self::Store,
        Self::Change,
        Self::Read,
        Self::Inspect,
        Self::List,
        Self::ReadUnderApproval,
        Self::InspectUnderApproval,
    ];

    /// Returns its id in the schema.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Change => "change",
            Self::Read => "read",
            Self::Inspect => "inspect",
            Self::List => "list",
            Self::ReadUnderApproval => "read-under-approval",
            Self::InspectUnderApproval => "inspect-under-approval",
        }
    }

    /// Returns what a flow is called before any approval is looked at.
    pub(crate) const fn of(flow: Flow) -> Self {
        match flow {
            Flow::Store => Self::Store,
            Flow::Change => Self::Change,
            Flow::Read => Self::Read,
            Flow::Inspect => Self::Inspect,
            Flow::List => Self::List,
        }
    }

    /// Returns what it becomes under an approval; none when no approval can carry it.
    pub(crate) const fn under_approval(self) -> Option<Self> {
        match self {
            Self::Read => Some(Self::ReadUnderApproval),
            Self::Inspect => Some(Self::InspectUnderApproval),
            Self::Store
            | Self::Change
            | Self::List
            | Self::ReadUnderApproval
            | Self::InspectUnderApproval => None,
        }
    }
}
