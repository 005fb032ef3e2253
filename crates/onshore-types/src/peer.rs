//! Who is at the other end of a connection, and who says so.

use std::net::IpAddr;

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Whoever has this address, from which the connection came.
    At(IpAddr),
    /// Whoever has this address, as the trusted proxy says from which the connection came.
    Told(IpAddr),
    /// Somebody of whom that proxy does not say where he is.
    Untold,
}
