//! Where an address is, and whose address a request came from. The configuration says both, and a country database beside it
//! (docs/decisions/0036); this room only reads them.
//! What it cannot tell is nowhere, and nowhere counts as abroad.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use onshore_types::{Jurisdiction, Peer, Place, Timestamp};

use crate::countries::Countries;
use crate::error::Error;

/// The bits before an IPv4 address that is mapped into IPv6.
const MAPPED_BITS: u8 = 96;

/// Where networks are. The longest prefix wins; an address in none is where the country database says, and in an unknown
/// place where that is silent. Where both say something the more foreign counts.
#[derive(Debug, Clone, Default)]
pub struct Networks {
    places: BTreeMap<IpNet, Place>,
    countries: Option<Arc<Countries>>,
    /// Where the database errs: it is not asked.
    overruled: Vec<IpNet>,
    /// The lengths that occur, longest first.
    lengths_v4: Vec<u8>,
    lengths_v6: Vec<u8>,
}

/// Whose word on addresses is believed: what they write into `X-Forwarded-For`, and in front of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    trusted: Vec<IpNet>,
}

/// Returns the more foreign of two places, as seen from a region: what goes to somebody goes to both. Of two that are abroad
/// the one that contains the other; where neither does, no place that anybody could approve.
#[must_use]
pub fn more_foreign(region: Jurisdiction, one: Place, other: Place, now: Timestamp) -> Place {
    let is_inside = |place| region.contains(place, now);
    let contains = |outer, inner| match outer {
        Place::In(outer) => outer.contains(inner, now),
        Place::Unknown => true,
    };
    match (is_inside(one), is_inside(other)) {
        (true, _) => other,
        (false, true) => one,
        (false, false) if contains(one, other) => one,
        (false, false) if contains(other, one) => other,
        (false, false) => Place::Unknown,
    }
}

impl Networks {
    /// Reads the configured networks. Host bits are cleared, and IPv4 networks that are written as IPv6 are unwrapped.
    ///
    /// # Errors
    /// [`Error::NetworkTwice`] when the same network is then said to be in two places.
    pub fn new(networks: impl IntoIterator<Item = (IpNet, Place)>) -> Result<Self, Error> {
        let mut places = BTreeMap::new();
        for (network, place) in networks {
            match places.entry(canonical(network)) {
                Entry::Vacant(vacant) => {
                    vacant.insert(place);
                }
                Entry::Occupied(there) if *there.get() == place => {}
                Entry::Occupied(there) => {
                    return Err(Error::NetworkTwice {
                        network: *there.key(),
                    });
                }
            }
        }
        let (v4, v6): (Vec<IpNet>, Vec<IpNet>) =
            places.keys().partition(|network| network.addr().is_ipv4());
        Ok(Self {
            places,
            countries: None,
            overruled: Vec::new(),
            lengths_v4: lengths(&v4),
            lengths_v6: lengths(&v6),
        })
    }

    /// Asks a country database too, except in networks in which it is overruled.
    ///
    /// # Errors
    /// [`Error::OverruledByNothing`] where no configured network says where such a network is.
    pub fn with_countries(
        self,
        countries: Arc<Countries>,
        overruled: impl IntoIterator<Item = IpNet>,
    ) -> Result<Self, Error> {
        let overruled: Vec<IpNet> = overruled.into_iter().map(canonical).collect();
        let stated = |network: &&IpNet| self.places.keys().any(|known| known.contains(*network));
        if let Some(network) = overruled.iter().find(|network| !stated(network)) {
            return Err(Error::OverruledByNothing { network: *network });
        }
        Ok(Self {
            countries: Some(countries),
            overruled,
            ..self
        })
    }

    /// Returns where an address is, as seen from a region.
    #[must_use]
    pub fn place_of(&self, address: IpAddr, region: Jurisdiction, now: Timestamp) -> Place {
        let address = address.to_canonical();
        let stated = self.stated(address);
        let is_overruled = || {
            let mut networks = self.overruled.iter();
            networks.any(|network| network.contains(&address))
        };
        let found = self
            .countries
            .as_ref()
            .filter(|_| !is_overruled())
            .and_then(|countries| countries.place_of(address));
        match (stated, found) {
            (Some(stated), Some(found)) => more_foreign(region, stated, found, now),
            (Some(place), None) | (None, Some(place)) => place,
            (None, None) => Place::Unknown,
        }
    }

    /// Returns what the longest prefix says.
    fn stated(&self, address: IpAddr) -> Option<Place> {
        let lengths = match address {
            IpAddr::V4(_) => &self.lengths_v4,
            IpAddr::V6(_) => &self.lengths_v6,
        };
        lengths
            .iter()
            .filter_map(|length| IpNet::new(address, *length).ok())
            .find_map(|network| self.places.get(&network.trunc()))
            .copied()
    }
}

impl Proxies {
    /// Reads the networks of the trusted proxies.
    #[must_use]
    pub fn new(trusted: impl IntoIterator<Item = IpNet>) -> Self {
        Self {
            trusted: trusted.into_iter().map(canonical).collect(),
        }
    }

    /// Returns the addresses that a request came by, the nearest first, none of them a trusted proxy's: the peer's, or
    /// behind a trusted proxy the rightmost in `X-Forwarded-For` that is not a trusted proxy's. Where a proxy told an address
    /// in front of the connection, and the request names others, what it is sent goes by both. `forwarded_for` holds the
    /// values of that header line by line, as they came. None stands for an address that nobody can tell: the header is
    /// missing, an entry on the way does not parse, or all of them are proxies; there somebody is in an unknown place.
    pub fn addresses(
        &self,
        peer: Peer,
        forwarded_for: &[&str],
    ) -> impl Iterator<Item = Option<IpAddr>> {
        let (nearest, beyond) = match peer {
            Peer::Untold => (None, None),
            Peer::At(address) | Peer::Told(address) if self.trusts(address) => {
                (self.forwarded(forwarded_for), None)
            }
            // Whoever connects by himself writes into the header what he likes.
            Peer::At(address) => (Some(address.to_canonical()), None),
            Peer::Told(address) => {
                let beyond = (!forwarded_for.is_empty()).then(|| self.forwarded(forwarded_for));
                (Some(address.to_canonical()), beyond)
            }
        };
        std::iter::once(nearest).chain(beyond)
    }

    /// Returns the nearest of those addresses.
    #[must_use]
    pub fn client_address(&self, peer: Peer, forwarded_for: &[&str]) -> Option<IpAddr> {
        self.addresses(peer, forwarded_for).next().flatten()
    }

    /// Whether an address is a trusted proxy's.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Returns the rightmost address that is not a trusted proxy's.
    fn forwarded(&self, forwarded_for: &[&str]) -> Option<IpAddr> {
        for entry in forwarded_for.iter().rev().flat_map(|line| line.rsplit(',')) {
            let address = parse_entry(entry)?;
            if !self.trusts(address) {
                return Some(address);
            }
        }
        None
    }
}

/// The prefix lengths that occur, each once and the longest first.
fn lengths(networks: &[IpNet]) -> Vec<u8> {
    let mut lengths: Vec<u8> = networks.iter().map(IpNet::prefix_len).collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    lengths.dedup();
    lengths
}

/// Clears the host bits, and unwraps an IPv4 network that is mapped into IPv6.
pub(crate) fn canonical(network: IpNet) -> IpNet {
    let network = network.trunc();
    let IpNet::V6(v6) = network else {
        return network;
    };
    v6.prefix_len()
        .checked_sub(MAPPED_BITS)
        .and_then(|length| Ipv4Net::new(v6.addr().to_ipv4_mapped()?, length).ok())
        .map_or(network, IpNet::V4)
}

/// Reads `1.2.3.4`, `1.2.3.4:port`, `v6`, `[v6]` and `[v6]:port`; nothing else, and no zone.
fn parse_entry(entry: &str) -> Option<IpAddr> {
    let text = entry.trim_matches([' ', '\t']);
    if text.contains('%') {
        return None;
    }
    let bracketed = || {
        text.strip_prefix('[')?
            .strip_suffix(']')?
            .parse::<Ipv6Addr>()
            .ok()
            .map(IpAddr::V6)
    };
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(bracketed)
        .map(|address| address.to_canonical())
}
