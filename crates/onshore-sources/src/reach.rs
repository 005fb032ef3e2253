//! Where an endpoint leads: to the public network, or into one that only the server can see. A server that fetches
//! what a tenant names must not become the tenant's way into the operator's network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::spec::parse_endpoint;
use crate::{Error, Network, Purpose, outward};

/// Where an endpoint leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Every address of it is public.
    Public,
    /// One of its addresses is not.
    Private {
        /// That address.
        address: IpAddr,
    },
}

/// Resolves an endpoint's host and says where it leads. The answer holds for this moment; a connection made with
/// [`crate::Network::PublicOnly`] looks again each time it resolves the name.
///
/// # Errors
/// [`Error::Spec`] for a bad URL, [`Error::Unavailable`] when the name does not resolve.
pub async fn endpoint_reach(url: &str) -> Result<Reach, Error> {
    let (host, port) = parse_endpoint(url)?;
    let unresolved = || Error::Unavailable {
        what: "the endpoint's name does not resolve".to_owned(),
    };
    let addresses: Vec<IpAddr> = outward()
        .addresses(Purpose::Migration, &host, port)
        .await
        .map_err(|_| unresolved())?
        .into_iter()
        .map(|socket| socket.ip())
        .collect();
    if addresses.is_empty() {
        return Err(unresolved());
    }
    Ok(reach_of(&addresses))
}

/// How far a connection may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// Anywhere.
    Anywhere,
    /// To public addresses.
    Public,
    /// To those, and into private networks.
    Inner,
    /// To those, and to this machine.
    Own,
}

impl Span {
    /// Returns how far somebody at a source may lead: no further inside than the endpoint lies that was named, and never to what
    /// only this machine or its own link can see, such as the metadata of a cloud, unless the endpoint lies here, too.
    pub(crate) fn onward(network: Network, endpoint: &[IpAddr]) -> Self {
        match network {
            Network::PublicOnly => Self::Public,
            Network::Anywhere if endpoint.iter().any(|at| at.to_canonical().is_loopback()) => {
                Self::Own
            }
            Network::Anywhere => match reach_of(endpoint) {
                Reach::Public => Self::Public,
                Reach::Private { .. } => Self::Inner,
            },
        }
    }

    /// Whether an address lies in it.
    pub(crate) fn admits(self, address: IpAddr) -> bool {
        let is_own = || address.to_canonical().is_loopback();
        match self {
            Self::Anywhere => true,
            Self::Public => is_public(address),
            Self::Inner => is_public(address) || is_inner(address),
            Self::Own => is_public(address) || is_inner(address) || is_own(),
        }
    }
}

impl From<Network> for Span {
    fn from(network: Network) -> Self {
        match network {
            Network::Anywhere => Self::Anywhere,
            Network::PublicOnly => Self::Public,
        }
    }
}

/// Whether an address is one of a private network (RFC 1918, RFC 4193). Clouds keep their metadata at some of the latter.
fn is_inner(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            first & 0xfe00 == 0xfc00
                && !matches!((first, second), (0xfd00, 0x0ec2) | (0xfd20, 0x00ce))
        }
    }
}

pub(crate) fn reach_of(addresses: &[IpAddr]) -> Reach {
    addresses
        .iter()
        .copied()
        .find(|address| !is_public(*address))
        .map_or(Reach::Public, |address| Reach::Private { address })
}

/// Whether an address is one that anybody could reach without standing where the server stands.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// The special-purpose registry of IANA, minus what is globally reachable.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, ..] = address.segments();
    let octets = address.octets();
    let low_v4 = |at: usize| -> Option<Ipv4Addr> {
        let four: [u8; 4] = octets.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(four))
    };
    // An address that carries an IPv4 address is judged by that one: mapped, NAT64 and 6to4.
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    if address.segments().starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]) {
        return low_v4(12).is_some_and(is_public_v4);
    }
    if first == 0x2002 {
        return low_v4(2).is_some_and(is_public_v4);
    }
    // Only 2000::/3 is given out as global unicast; ::/8, ULA, link-local and multicast all lie outside it.
    let global = first & 0xe000 == 0x2000;
    let documentation = (first, second) == (0x2001, 0x0db8) || first == 0x3fff;
    let protocol = first == 0x2001 && second < 0x0200;
    let benchmark_or_orchid = (first, second, third) == (0x2001, 0x0002, 0) || first == 0x5f00;
    global && !documentation && !protocol && !benchmark_or_orchid
}

#[cfg(test)]
mod tests {
    use super::{Reach, Span, endpoint_reach, is_public, reach_of};
    use crate::Network;

    #[test]
    fn nobody_leads_further_inside_than_the_endpoint_lies() {
        let admitted = |network, endpoint: &str| {
            let span = Span::onward(network, &[endpoint.parse().expect("an address")]);
            let all = [
                "8.8.8.8",
                "10.1.2.3",
                "fd12::1",
                "127.0.0.1",
                "::1",
                "169.254.169.254",
                "fe80::1",
                "fd00:ec2::254",
                "100.100.100.200",
                "0.0.0.0",
                "::ffff:169.254.169.254",
            ];
            let admits = |at: &&&str| span.admits(at.parse().expect("an address"));
            all.iter().filter(admits).count()
        };
        assert_eq!(admitted(Network::PublicOnly, "127.0.0.1"), 1);
        assert_eq!(admitted(Network::Anywhere, "8.8.8.8"), 1);
        assert_eq!(admitted(Network::Anywhere, "10.9.9.9"), 3);
        assert_eq!(admitted(Network::Anywhere, "169.254.1.1"), 3);
        assert_eq!(admitted(Network::Anywhere, "127.0.0.9"), 5);
        assert!(
            Span::from(Network::Anywhere).admits("169.254.169.254".parse().expect("an address"))
        );
    }

    #[test]
    fn only_public_addresses_are_public() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fdff::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(
                !is_public(private.parse().expect("an address")),
                "{private}"
            );
        }
    }

    #[test]
    fn one_private_answer_among_public_ones_is_enough() {
        let answers = ["8.8.8.8", "10.0.0.7"].map(|text| text.parse().expect("an address"));
        assert_eq!(
            reach_of(&answers),
            Reach::Private {
                address: answers[1]
            }
        );
    }

    #[tokio::test]
    async fn odd_spellings_of_loopback_are_seen() {
        for url in [
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://[::ffff:127.0.0.1]",
            "http://localhost:9",
            "http://0.0.0.0",
        ] {
            assert!(
                matches!(endpoint_reach(url).await, Ok(Reach::Private { .. })),
                "{url}"
            );
        }
        // Spellings the system's resolver takes for loopback must not pass as public either.
        for url in [
            "http://2130706433",
            "http://127.1",
            "http://0x7f.1",
            "http://0177.0.0.1",
        ] {
            assert!(
                !matches!(endpoint_reach(url).await, Ok(Reach::Public)),
                "{url}"
            );
        }
    }
}
