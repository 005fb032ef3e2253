//! Why a record cannot be taken.

/// Why a record cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not an id.
    #[error(
        "`{0}` is not an id: 1 to 64 small letters, digits and . _ - are, beginning with a letter or digit"
    )]
    Id(String),
    /// It is not a day.
    #[error("`{0}` is not a day such as 2022-09-30")]
    Day(String),
    /// It is not a distance from UTC.
    #[error("`{0}` is not a distance from UTC such as +08:00")]
    Offset(String),
    /// It is not a share.
    #[error("a share is a number of percent from 0 to 100 with at most two decimals, not {0}")]
    Share(String),
    /// It is not a rule for a deadline.
    #[error("the deadline rule `{rule}` does not read: {why}")]
    Deadline {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        why: String,
    },
    /// Members of a record contradict each other.
    #[error("{0}")]
    Contradiction(String),
}

impl Error {
    pub(crate) fn contradiction(what: impl Into<String>) -> Self {
        Self::Contradiction(what.into())
    }
}
