//! What can go wrong here: data that is not what it should be. Bytes that are scanned are never an error.

/// Why a table of this crate cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The legal table does not read.
    #[error("the legal table does not read")]
    LegalTable(#[source] toml::de::Error),
    /// The tables of important data do not read.
    #[error("the tables of important data do not read")]
    Catalogue(#[source] toml::de::Error),
    /// A word that hints at important data is looked for by two characters of Chinese, and has no two in a row.
    #[error("a word of the dictionary has no two characters of Chinese in a row")]
    Dictionary,
    /// Words cannot be looked for at once.
    #[error("the words are too many to be looked for at once")]
    ToldTerms(#[source] aho_corasick::BuildError),
    /// A rule of the legal table names a group that the table does not have.
    #[error("a rule of the legal table is of `{group}`, and there is no such group")]
    NoSuchGroup {
        /// The group.
        group: String,
    },
}
