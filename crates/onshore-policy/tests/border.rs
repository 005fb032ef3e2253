//! Where an address is and whose address it is, against a naive oracle and hostile headers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use onshore_policy::border::more_foreign;
use onshore_policy::{Error, Networks, Proxies};
use onshore_types::{Jurisdiction, Peer, Place, Timestamp};
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, prop_assume, proptest};

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn network(text: &str) -> IpNet {
    text.parse().expect("a network")
}

fn place(text: &str) -> Place {
    Place::In(Jurisdiction::parse(text).expect("a code"))
}

fn networks(entries: &[(&str, &str)]) -> Networks {
    Networks::new(entries.iter().map(|(net, at)| (network(net), place(at)))).expect("networks")
}

fn place_in(networks: &Networks, asked: IpAddr) -> Place {
    let region = Jurisdiction::parse("CN").expect("a code");
    networks.place_of(asked, region, Timestamp::from_millis(0))
}

fn proxies(trusted: &[&str]) -> Proxies {
    Proxies::new(trusted.iter().map(|text| network(text)))
}

/// Addresses in a small corner, so that prefixes meet.
fn any_address() -> impl Strategy<Value = IpAddr> {
    let corner = (0_u32..16, 0_u32..4).prop_map(|(low, high)| (high << 30) | low);
    prop_oneof![
        corner.prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        (0_u128..16, 0_u128..4)
            .prop_map(|(low, high)| IpAddr::V6(Ipv6Addr::from_bits((high << 126) | low))),
    ]
}

fn any_network() -> impl Strategy<Value = IpNet> {
    (any_address(), prop_oneof![0_u8..4, 28_u8..33, 124_u8..129]).prop_map(|(address, length)| {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        IpNet::new(address, length.min(longest)).expect("the length fits")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_longest_prefix_wins(
        configured in proptest::collection::btree_map(
            any_network().prop_map(|network| network.trunc()),
            proptest::sample::select(vec!["CN", "US", "HK"]),
            0..12,
        ),
        asked in any_address(),
    ) {
        let expected = configured
            .iter()
            .filter(|(network, _)| network.contains(&asked))
            .max_by_key(|(network, _)| network.prefix_len())
            .map_or(Place::Unknown, |(_, at)| place(at));
        let entries: BTreeMap<IpNet, Place> =
            configured.iter().map(|(network, at)| (*network, place(at))).collect();
        let networks = Networks::new(entries).expect("networks");
        prop_assert_eq!(place_in(&networks, asked), expected);
    }

    #[test]
    fn a_header_is_ignored_unless_the_peer_is_trusted(
        peer in any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        lines in proptest::collection::vec(".{0,40}", 0..4),
    ) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        prop_assume!(peer != address("10.0.0.1"));
        let found = proxies(&["10.0.0.1/32"]).client_address(Peer::At(peer), &lines);
        prop_assert_eq!(found, Some(peer));
    }

    #[test]
    fn no_header_makes_a_trusted_proxy_panic_or_the_client(
        lines in proptest::collection::vec("[0-9a-f:.,\\[\\] %\t]{0,30}", 0..4),
    ) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let trusted = proxies(&["10.0.0.0/8"]);
        let found = trusted.client_address(Peer::At(address("10.0.0.1")), &lines);
        prop_assert_eq!(found.filter(|client| network("10.0.0.0/8").contains(client)), None);
    }
}

#[test]
fn addresses_that_are_mapped_are_unwrapped_on_both_sides() {
    let both = networks(&[
        ("::ffff:10.0.0.0/104", "CN"),
        ("10.0.0.66/32", "US"),
        ("::1/128", "HK"),
    ]);
    for (asked, at) in [
        ("10.1.2.3", place("CN")),
        ("::ffff:10.1.2.3", place("CN")),
        ("::ffff:10.0.0.66", place("US")),
        ("::1", place("HK")),
        ("::10.1.2.3", Place::Unknown),
        ("11.0.0.1", Place::Unknown),
        ("64:ff9b::10.1.2.3", Place::Unknown),
    ] {
        assert_eq!(place_in(&both, address(asked)), at, "{asked}");
    }
    let everything = networks(&[("::/0", "CN")]);
    assert_eq!(
        place_in(&everything, address("::ffff:1.2.3.4")),
        Place::Unknown
    );
    assert_eq!(place_in(&everything, address("2001:db8::1")), place("CN"));
}

#[test]
fn the_same_network_cannot_be_in_two_places() {
    let twice = |first: &str, second: &str, at: &str| {
        Networks::new([(network(first), place("CN")), (network(second), place(at))])
    };
    for (first, second) in [
        ("127.0.0.1/8", "127.0.0.2/8"),
        ("10.0.0.0/8", "::ffff:10.0.0.0/104"),
    ] {
        assert!(matches!(
            twice(first, second, "US"),
            Err(Error::NetworkTwice { .. })
        ));
        assert!(twice(first, second, "CN").is_ok());
    }
}

#[test]
fn the_rightmost_address_that_is_no_proxy_is_the_client() {
    let trusted = proxies(&["10.0.0.0/8", "::1/128", "::ffff:192.168.0.0/112"]);
    let peer = address("::ffff:10.0.0.1");
    for (lines, client) in [
        (vec!["1.2.3.4"], "1.2.3.4"),
        (vec!["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        (vec!["6.6.6.6, 1.2.3.4, 10.9.9.9,192.168.0.7"], "1.2.3.4"),
        (vec!["6.6.6.6", "1.2.3.4", "10.9.9.9"], "1.2.3.4"),
        (vec!["1.2.3.4", "10.9.9.9, [::1]:80"], "1.2.3.4"),
        (vec!["junk, 1.2.3.4"], "1.2.3.4"),
        (vec!["\t1.2.3.4:65535 "], "1.2.3.4"),
        (vec!["::ffff:1.2.3.4"], "1.2.3.4"),
        (vec!["[::ffff:1.2.3.4]:1"], "1.2.3.4"),
        (vec!["2001:db8::1"], "2001:db8::1"),
        (vec!["[2001:db8::1]"], "2001:db8::1"),
        (vec!["[2001:db8::1]:443"], "2001:db8::1"),
    ] {
        let found = trusted.client_address(Peer::At(peer), &lines);
        assert_eq!(found, Some(address(client)), "{lines:?}");
    }
}

#[test]
fn what_a_proxy_tells_in_front_of_a_connection_does_not_silence_the_request() {
    let trusted = proxies(&["10.0.0.0/8"]);
    let by = |peer: Peer, lines: &[&str]| {
        let all: Vec<Option<String>> = trusted
            .addresses(peer, lines)
            .map(|address| address.map(|address| address.to_string()))
            .collect();
        let nearest = trusted.client_address(peer, lines);
        assert_eq!(
            nearest.map(|address| address.to_string()),
            all[0],
            "{peer:?}"
        );
        all.into_iter()
            .map(|address| address.unwrap_or("?".to_owned()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let told = |text: &str| Peer::Told(address(text));
    for (peer, lines, expected) in [
        (told("1.2.3.4"), &[][..], "1.2.3.4"),
        (told("::ffff:1.2.3.4"), &[], "1.2.3.4"),
        (told("1.2.3.4"), &["5.6.7.8"], "1.2.3.4 5.6.7.8"),
        (
            told("1.2.3.4"),
            &["9.9.9.9, 5.6.7.8, 10.0.0.2"],
            "1.2.3.4 5.6.7.8",
        ),
        (told("1.2.3.4"), &["junk"], "1.2.3.4 ?"),
        (told("1.2.3.4"), &[""], "1.2.3.4 ?"),
        (told("1.2.3.4"), &["10.0.0.2"], "1.2.3.4 ?"),
        // Another proxy opened the connection: the request alone can say for whom.
        (told("10.0.0.2"), &[], "?"),
        (told("::ffff:10.0.0.2"), &[], "?"),
        (told("10.0.0.2"), &["5.6.7.8"], "5.6.7.8"),
        (Peer::At(address("10.0.0.1")), &["5.6.7.8"], "5.6.7.8"),
        (Peer::At(address("10.0.0.1")), &[], "?"),
        (Peer::At(address("1.2.3.4")), &["5.6.7.8"], "1.2.3.4"),
        (Peer::Untold, &[], "?"),
        (Peer::Untold, &["5.6.7.8"], "?"),
    ] {
        assert_eq!(by(peer, lines), expected, "{peer:?} {lines:?}");
    }
}

#[test]
fn behind_a_proxy_what_does_not_parse_is_nowhere() {
    let trusted = proxies(&["10.0.0.0/8"]);
    for lines in [
        vec![],
        vec![""],
        vec![" "],
        vec![","],
        vec!["1.2.3.4,"],
        vec!["1.2.3.4", ""],
        vec!["1.2.3.4, , 10.0.0.2"],
        vec!["1.2.3.4", "unknown"],
        vec!["1.2.3.4, _hidden"],
        vec!["1.2.3.4, \"10.0.0.2\""],
        vec!["1.2.3.4;5.6.7.8"],
        vec!["1.2.3.4 5.6.7.8"],
        vec!["01.2.3.4"],
        vec!["1.2.3"],
        vec!["0x01020304"],
        vec!["16909060"],
        vec!["1.2.3.4:65536"],
        vec!["1.2.3.4:"],
        vec!["1.2.3.4:-1"],
        vec!["1.2.3.4/32"],
        vec!["2001:db8::1%eth0"],
        vec!["[fe80::1%1]:80"],
        vec!["[2001:db8::1"],
        vec!["2001:db8::1]"],
        vec!["[1.2.3.4]"],
        vec!["[[::1]]"],
        vec!["1.2.3.4\u{a0}"],
        vec!["1.2.3.4\r\n"],
        vec!["１.2.3.4"],
        vec!["10.0.0.2, 10.0.0.3"],
    ] {
        assert_eq!(
            trusted.client_address(Peer::At(address("10.0.0.1")), &lines),
            None,
            "{lines:?}"
        );
    }
}

#[test]
fn without_trusted_proxies_the_peer_is_the_client() {
    let nobody = proxies(&[]);
    for peer in ["1.2.3.4", "::ffff:1.2.3.4"] {
        let found = nobody.client_address(Peer::At(address(peer)), &["9.9.9.9"]);
        assert_eq!(found, Some(address("1.2.3.4")));
    }
}

proptest! {
    /// What goes to somebody goes to where he is and to whom he works for: whoever may have it must be able to have it at both.
    #[test]
    fn the_more_foreign_of_two_places_is_abroad_if_either_is_and_is_covered_only_where_both_are(
        one in 0_usize..6,
        other in 0_usize..6,
        approved in 0_usize..5,
    ) {
        let place = |at: usize| match ["CN", "US", "DE", "FR", "EU", ""][at] {
            "" => Place::Unknown,
            code => Place::In(Jurisdiction::parse(code).expect("a jurisdiction")),
        };
        let region = Jurisdiction::parse("CN").expect("a jurisdiction");
        let now = Timestamp::from_millis(1_767_225_600_000);
        let (one, other) = (place(one), place(other));
        let together = more_foreign(region, one, other, now);
        let inside = |place| region.contains(place, now);
        prop_assert_eq!(inside(together), inside(one) && inside(other));
        prop_assert_eq!(together, more_foreign(region, other, one, now));
        let Place::In(approved) = place(approved) else { unreachable!("the last is not drawn") };
        if !inside(together) && approved.contains(together, now) {
            for place in [one, other] {
                prop_assert!(inside(place) || approved.contains(place, now), "{place} {together}");
            }
        }
    }
}
