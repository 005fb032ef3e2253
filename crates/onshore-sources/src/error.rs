//! What can go wrong on the wire to a source, by what the caller should do about it. No error carries a key, a
//! credential or a text the source wrote, so every one may be logged.

/// A fault at a source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source did not answer, or asked for patience.
    #[error("the source is not available at the moment ({what})")]
    Unavailable {
        /// The status, code or transport fault.
        what: String,
    },
    /// The object is no longer the one that was described.
    #[error("the object changed at the source")]
    Changed,
    /// The object, or what holds it, is not there.
    #[error("not found at the source ({what})")]
    Gone {
        /// The status and code.
        what: String,
    },
    /// These credentials may not do this.
    #[error("the source refuses this ({what})")]
    Forbidden {
        /// The status and code, or what the file system said.
        what: String,
    },
    /// The credentials themselves are not accepted (any longer).
    #[error(
        "the source does not accept the credentials ({what}): give new ones and run the same command again"
    )]
    Credentials {
        /// The status and code.
        what: String,
    },
    /// The source cannot do this.
    #[error("the source does not support this ({what})")]
    Unsupported {
        /// The status and code, or the feature.
        what: String,
    },
    /// The source speaks against its own protocol, or we do.
    #[error("the source answered what its protocol does not allow: {what}")]
    Protocol {
        /// What was wrong.
        what: String,
    },
    /// The bucket is elsewhere.
    #[error(
        "the bucket is in another region or behind another endpoint ({what}): give --region or --endpoint"
    )]
    Elsewhere {
        /// The status and code.
        what: String,
    },
    /// The endpoint lies in a network that this caller may not reach through the server.
    #[error(
        "the endpoint resolves to {address}, which is not a public address: only the operator may name it, or `[migrate] allowed_endpoints` lists it"
    )]
    PrivateEndpoint {
        /// The address.
        address: std::net::IpAddr,
    },
    /// The source leads on to where it may not lead.
    #[error(
        "the source leads on to {address}, which lies further inside than its endpoint does: a source is not followed there"
    )]
    LedInside {
        /// The address.
        address: std::net::IpAddr,
    },
    /// The folder lies below none of the folders that may be read.
    #[error(
        "the folder lies below none of the folders in `[migrate] roots`: add one there, or move the folder"
    )]
    OutsideRoots,
    /// The text is no source.
    #[error("`{text}` is not a source: {why}")]
    Spec {
        /// What was written, shortened.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No usable credentials or settings could be read from the environment.
    #[error("the settings of this machine for the source cannot be used: {what}")]
    Environment {
        /// What is wrong with them.
        what: String,
    },
}

/// What to do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Wait and try again.
    Retry,
    /// Start this object again from its description.
    Changed,
    /// The object disappeared.
    Gone,
    /// This object cannot be had with these credentials.
    Forbidden,
    /// Nothing can be had with these credentials.
    Credentials,
    /// This object cannot be had from this source.
    Unsupported,
    /// The call itself is wrong, or the source is.
    Bug,
}

impl Error {
    /// Returns what to do about it.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Unavailable { .. } => ErrorKind::Retry,
            Self::Changed => ErrorKind::Changed,
            Self::Gone { .. } => ErrorKind::Gone,
            Self::Forbidden { .. } => ErrorKind::Forbidden,
            Self::Credentials { .. } => ErrorKind::Credentials,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Protocol { .. }
            | Self::Elsewhere { .. }
            | Self::PrivateEndpoint { .. }
            | Self::LedInside { .. }
            | Self::OutsideRoots
            | Self::Spec { .. }
            | Self::Environment { .. } => ErrorKind::Bug,
        }
    }
}
