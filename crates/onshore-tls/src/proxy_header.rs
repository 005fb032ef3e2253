//! The header of the PROXY protocol, version 2: for whom a proxy opened a connection. It is read byte for byte, as long as
//! it says it is, so that what comes after it is untouched; what it says besides addresses is passed over, except for its
//! checksum. Nothing that is malformed has a meaning.
//!
//! The format is that of <https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt>, section 2.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crc_fast::{CrcAlgorithm, Digest};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::error::Error;

/// What every header begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family, and the length of the rest.
const HEAD_BYTES: usize = 16;
/// The longest rest of a header that is taken: addresses, and what a proxy may say besides.
const REST_MAX_BYTES: usize = 4096;
/// Two addresses and two ports; the first address is the source's.
const IPV4_BYTES: usize = 12;
const IPV6_BYTES: usize = 36;
/// Two paths of sockets.
const UNIX_BYTES: usize = 216;
/// Kind and length of what is said besides.
const TLV_HEAD_BYTES: usize = 3;
/// The kind that is a checksum of the header: CRC32C, reckoned with zeros in its place.
const TLV_CHECKSUM: u8 = 0x03;

/// For whom a connection was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// For somebody at this address.
    At(IpAddr),
    /// For the proxy itself, which looks whether the service is there.
    Proxy,
    /// For somebody whose address the proxy does not tell.
    Untold,
}

/// Reads a header, and no byte behind it.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Origin, Error> {
    let mut head = [0; HEAD_BYTES];
    stream
        .read_exact(&mut head)
        .await
        .map_err(Error::ProxyHeader)?;
    let [signature @ .., command, family, high, low] = head;
    if signature != SIGNATURE {
        return Err(Error::NoProxyHeader);
    }
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len > REST_MAX_BYTES {
        return Err(malformed("it is too long"));
    }
    let mut rest = vec![0; len];
    stream
        .read_exact(&mut rest)
        .await
        .map_err(Error::ProxyHeader)?;
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(malformed("another version or command")),
    };
    let (origin, addresses_bytes) = origin(family, &rest, is_local)?;
    check_besides(&head, &rest, addresses_bytes)?;
    Ok(if is_local { Origin::Proxy } else { origin })
}

/// Reads who it is for, and says how many bytes tell it. Datagrams come in as streams where a proxy speaks HTTP/3 to its side.
fn origin(family: u8, rest: &[u8], is_local: bool) -> Result<(Origin, usize), Error> {
    let (origin, len) = match family {
        // A family that is not told has no addresses that are: what stands there is not looked at.
        0x00 => (Some(Origin::Untold), rest.len()),
        // The proxy's own connection may name a family and leave its addresses out.
        _ if is_local && rest.is_empty() => (Some(Origin::Proxy), 0),
        0x11 | 0x12 => {
            let source = rest.first_chunk::<4>();
            let at = source.map(|source| Origin::At(Ipv4Addr::from(*source).into()));
            (at, IPV4_BYTES)
        }
        0x21 | 0x22 => {
            let source = rest.first_chunk::<16>();
            let address = source.map(|source| IpAddr::V6(Ipv6Addr::from(*source)));
            let at = address.map(|address| Origin::At(address.to_canonical()));
            (at, IPV6_BYTES)
        }
        0x31 | 0x32 => (Some(Origin::Untold), UNIX_BYTES),
        _ => return Err(malformed("another family or transport")),
    };
    match origin {
        Some(origin) if rest.len() >= len => Ok((origin, len)),
        Some(_) | None => Err(malformed("it is shorter than its addresses")),
    }
}

/// Passes over what is said besides addresses; each must end where the header does, and a checksum must be right.
fn check_besides(head: &[u8], rest: &[u8], addresses_bytes: usize) -> Result<(), Error> {
    let mut at = addresses_bytes;
    while let Some(besides) = rest.get(at..).filter(|besides| !besides.is_empty()) {
        let Some(([kind, high, low], behind)) = besides.split_first_chunk::<TLV_HEAD_BYTES>()
        else {
            return Err(malformed("what it says besides is cut short"));
        };
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(value) = behind.get(..len) else {
            return Err(malformed("what it says besides is longer than it"));
        };
        let value_at = at + TLV_HEAD_BYTES;
        if *kind == TLV_CHECKSUM && value != checksum(head, rest, value_at, len) {
            return Err(malformed("its checksum is another"));
        }
        at = value_at + len;
    }
    Ok(())
}

/// Reckons the checksum of a header in which it stands at this place.
fn checksum(head: &[u8], rest: &[u8], at: usize, len: usize) -> [u8; 4] {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    let (before, after) = (rest.get(..at), rest.get(at + len..));
    digest.update(head);
    digest.update(before.unwrap_or_default());
    digest.update(&vec![0; len]);
    digest.update(after.unwrap_or_default());
    u32::try_from(digest.finalize())
        .expect("CRC32C has 32 bits")
        .to_be_bytes()
}

fn malformed(why: &'static str) -> Error {
    Error::ProxyHeaderMalformed(why)
}

#[cfg(test)]
mod tests {
    use super::{Origin, SIGNATURE, checksum, read};
    use proptest::prelude::{any, proptest};
    use proptest::{prop_assert, prop_assert_eq};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).expect("it is short");
        [&SIGNATURE[..], &[command, family], &len.to_be_bytes(), rest].concat()
    }

    /// Returns what is read, and how much is left.
    fn run(bytes: &[u8]) -> (Result<Origin, crate::Error>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let mut stream = bytes;
        let read = runtime.expect("a runtime").block_on(read(&mut stream));
        (read, stream.len())
    }

    fn v4() -> Vec<u8> {
        [&[192, 0, 2, 7, 10, 0, 0, 1], &[0x12, 0x34, 0, 80][..]].concat()
    }

    fn at(address: [u8; 4]) -> Origin {
        Origin::At(IpAddr::V4(Ipv4Addr::from(address)))
    }

    #[test]
    fn what_a_proxy_says_besides_addresses_is_passed_over() {
        let rest = [
            v4(),
            vec![0x04, 0, 4, 1, 2, 3, 4, 0xE0, 0, 1, 0, 0x30, 0, 0],
        ]
        .concat();
        let bytes = [header(0x21, 0x11, &rest), b"GET / HTTP/1.1\r\n".to_vec()].concat();
        let (origin, left) = run(&bytes);
        assert_eq!(origin.expect("read"), at([192, 0, 2, 7]));
        assert_eq!(left, 16, "the request is untouched");
    }

    #[test]
    fn each_family_means_what_the_protocol_says() {
        let mapped = [
            Ipv4Addr::new(192, 0, 2, 7)
                .to_ipv6_mapped()
                .octets()
                .to_vec(),
            vec![0; 20],
        ]
        .concat();
        for (command, family, rest, expected) in [
            (0x20, 0x00, vec![], Origin::Proxy),
            (0x20, 0x00, vec![9; 7], Origin::Proxy),
            (0x20, 0x11, v4(), Origin::Proxy),
            (0x20, 0x11, vec![], Origin::Proxy),
            (0x21, 0x00, vec![], Origin::Untold),
            (0x21, 0x00, vec![9; 7], Origin::Untold),
            (0x21, 0x31, vec![0; 216], Origin::Untold),
            (0x21, 0x32, vec![b'/'; 216], Origin::Untold),
            (0x21, 0x12, v4(), at([192, 0, 2, 7])),
            (0x21, 0x21, mapped.clone(), at([192, 0, 2, 7])),
            (0x21, 0x22, mapped, at([192, 0, 2, 7])),
        ] {
            let read = run(&header(command, family, &rest)).0;
            assert_eq!(read.expect("read"), expected, "{command:x} {family:x}");
        }
    }

    #[test]
    fn whatever_is_malformed_is_refused() {
        let good = v4();
        let mut signature = header(0x21, 0x11, &good);
        signature[11] = b'\r';
        for bad in [
            Vec::new(),
            b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 80\r\n".to_vec(),
            signature,
            header(0x11, 0x11, &good),
            header(0x22, 0x11, &good),
            header(0x21, 0x10, &good),
            header(0x21, 0x13, &good),
            header(0x21, 0x01, &good),
            header(0x21, 0x41, &good),
            header(0x21, 0x11, &[]),
            header(0x21, 0x11, &good[..11]),
            header(0x20, 0x11, &good[..11]),
            header(0x21, 0x21, &good),
            header(0x21, 0x31, &[0; 215]),
            header(0x21, 0x11, &good)[..20].to_vec(),
            header(0x21, 0x11, &vec![0; 4097]),
            header(0x21, 0x11, &[&good[..], &[4, 0]].concat()),
            header(0x21, 0x11, &[&good[..], &[4, 0, 2, 1]].concat()),
            header(0x21, 0x11, &[&good[..], &[4, 255, 255]].concat()),
        ] {
            assert!(run(&bad).0.is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_checksum_is_reckoned_with() {
        let rest = [v4(), vec![3, 0, 4, 0, 0, 0, 0, 4, 0, 1, 7]].concat();
        let mut bytes = header(0x21, 0x11, &rest);
        let (head, rest) = bytes.split_at(16);
        let sum = checksum(head, rest, 15, 4);
        // The check value of CRC32C, so that both sides do not share a fault.
        assert_eq!(
            checksum(b"123456789", &[], 0, 0),
            0xE306_9283_u32.to_be_bytes()
        );
        bytes[31..35].copy_from_slice(&sum);
        assert_eq!(run(&bytes).0.expect("read"), at([192, 0, 2, 7]));
        for flipped in 16..bytes.len() {
            let mut other = bytes.clone();
            other[flipped] ^= 1;
            // The kind of the checksum itself: then there is none.
            let is_read = run(&other).0.is_ok();
            assert_eq!(is_read, flipped == 28, "byte {flipped}");
        }
    }

    proptest! {
        #[test]
        fn the_source_is_read_as_it_was_written(source in any::<[u8; 16]>(), more in proptest::collection::vec(any::<u8>(), 0..64)) {
            let len = u16::try_from(more.len()).expect("it is short").to_be_bytes();
            let rest = [&source[..], &[0; 20], &[0xE1], &len, &more].concat();
            let (origin, left) = run(&header(0x21, 0x21, &rest));
            let address = IpAddr::V6(Ipv6Addr::from(source)).to_canonical();
            prop_assert_eq!(origin.expect("read"), Origin::At(address));
            prop_assert_eq!(left, 0);
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..256), family in any::<u8>(), command in any::<u8>()) {
            prop_assert!(run(&bytes).0.is_err());
            drop(run(&header(command, family, &bytes)));
            drop(run(&header(0x21, 0x11, &[v4(), bytes].concat())));
        }
    }
}
