//! Governance records under attack: arithmetic that must hold, secrets that must not show, states that must not be left.

mod approvals;
mod house;
mod jobs;
mod notices;
mod persons;
mod proofs;
mod refusals;
mod secrets;
