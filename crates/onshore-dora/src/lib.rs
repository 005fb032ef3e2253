//! The register of information of DORA (Regulation (EU) 2022/2554, article 28; Implementing Regulation (EU) 2024/2956): its fifteen
//! templates as tables, checked against each other, and packed as authorities take them (xBRL-CSV, framework 4.0).
//!
//! Pure: tables are bytes, the instant is an argument, nothing is read or kept.
//!
//! - [`template`]: which columns a template has, which of them are needed, and what they refer to.
//! - [`arrangement`]: what the tables say of each contract.
//! - [`register`]: all tables together, read and checked.
//! - [`typed`]: rows for contracts that stand in no table.
//! - [`mod@package`]: the file that is filed.

pub mod arrangement;
pub mod lei;
pub mod package;
pub mod register;
pub mod template;
pub mod typed;

pub use arrangement::{Arrangement, Party, contract_id};
/// A day, such as 2025-12-31.
pub use jiff::civil::Date as Day;
pub use lei::Lei;
pub use package::{Country, Currency, Filing, Scope, package};
pub use register::{Fault, Register};
pub use template::{Template, templates};
pub use typed::{TypedContract, TypedEntity, TypedProvider};
