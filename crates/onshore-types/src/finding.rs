//! Findings: what is stored and is not as it should be. A finding names ids, positions and sizes, never keys or bytes
//! of objects.

/// Something stored that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// With which record or file.
    pub subject: String,
    /// What became of it.
    pub remedy: Remedy,
}

/// A way in which something stored can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Its name, for programs.
    pub name: &'static str,
    /// What it means, for people.
    pub meaning: &'static str,
}

/// What became of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// It is as it was.
    None,
    /// It was put right.
    Repaired,
}

/// Whether what belongs to nobody is removed when it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// It is told of and kept.
    Keep,
    /// It is told of and removed.
    Remove,
}

/// Takes findings as they come.
pub type Findings<'a> = &'a mut dyn FnMut(Finding);

impl Fault {
    /// Makes a finding that nothing was done about.
    #[must_use]
    pub fn of(self, subject: impl Into<String>) -> Finding {
        Finding {
            fault: self,
            subject: subject.into(),
            remedy: Remedy::None,
        }
    }
}
