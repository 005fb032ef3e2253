//! Governance records under attack: arithmetic that must hold, secrets that must not show, states that must not be left.
#![expect(
    clippy::disallowed_methods,
    reason = "whether a secret shows is asked of the files themselves"
)]

mod approvals;
mod house;
mod jobs;
mod notices;
mod persons;
mod refusals;
mod secrets;
