//! How a job is to be done, as whoever orders it says: kept with the job, and committed to by the leaf of its order.

use std::num::NonZeroU32;

use onshore_ledger::IndependentCount;
use onshore_types::JobId;
use onshore_types::pace::Pace;
use onshore_types::selection::Selection;
use serde::{Deserialize, Serialize};

/// How a job is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobOptions {
    /// What is to be done at all.
    #[serde(default)]
    pub mode: Mode,
    /// What becomes of what the source removes after it was brought.
    #[serde(default)]
    pub deletes: Deletes,
    /// Who reads the source.
    #[serde(default)]
    pub readers: Readers,
    /// How fast it may read the source.
    #[serde(default)]
    pub pace: Pace,
    /// The job whose certificate says what a decommissioning deletes, or whose cut-over is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<JobId>,
    /// How many seconds after a listing that found nothing new the source is listed again, where the job keeps on until somebody
    /// asks it to finish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch_s: Option<NonZeroU32>,
    /// Which of the source's objects it brings, by what they hold.
    #[serde(default, skip_serializing_if = "Selection::is_everything")]
    pub select: Selection,
    /// What somebody else counted at the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<IndependentCount>,
}

/// What a job does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It brings everything.
    #[default]
    Bring,
    /// It cuts a bucket over: what is not here yet is brought when somebody asks for it, and what is changed here stays.
    CutOver,
    /// It deletes at the source what an earlier job brought, as that one's certificate says.
    Decommission,
    /// It reads what is needed to know what would come, and brings nothing.
    DryRun,
    /// It takes back what was changed in a bucket since that was cut over.
    Return,
}

/// Who reads what is brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readers {
    /// The server, and workers that ask.
    #[default]
    All,
    /// Workers; the server brings what none of them can.
    Workers,
}

/// What becomes here of what the source removes after it was brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deletes {
    /// It is removed here too, as long as nobody has written over it here.
    #[default]
    Follow,
    /// It stays.
    Keep,
}
