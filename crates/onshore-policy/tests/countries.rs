//! Country databases, made here byte by byte: what they say, and what no damage makes of them.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use onshore_policy::{Countries, Error, Networks};
use onshore_types::{Jurisdiction, Place, Timestamp};
use proptest::prelude::{ProptestConfig, any};
use proptest::proptest;

/// A value of the data section.
#[derive(Clone)]
enum Value {
    Text(&'static str),
    Number(u32),
    Short(u16),
    Long(u64),
    Flag(bool),
    Map(Vec<(&'static str, Value)>),
    List(Vec<Value>),
}

impl Value {
    fn write(&self, into: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                into.push((2 << 5) | u8::try_from(text.len()).expect("short"));
                into.extend(text.bytes());
            }
            Self::Number(number) => {
                into.push((6 << 5) | 4);
                into.extend(number.to_be_bytes());
            }
            Self::Short(number) => {
                into.push((5 << 5) | 2);
                into.extend(number.to_be_bytes());
            }
            Self::Long(number) => {
                into.extend([8, 9 - 7]);
                into.extend(number.to_be_bytes());
            }
            // The kinds above seven stand in a second byte.
            Self::Flag(flag) => into.extend([u8::from(*flag), 14 - 7]),
            Self::Map(entries) => {
                into.push((7 << 5) | u8::try_from(entries.len()).expect("short"));
                for (key, value) in entries {
                    Self::Text(key).write(into);
                    value.write(into);
                }
            }
            Self::List(values) => {
                into.extend([u8::try_from(values.len()).expect("short"), 11 - 7]);
                for value in values {
                    value.write(into);
                }
            }
        }
    }
}

fn country(code: &'static str) -> Value {
    Value::Map(vec![(
        "country",
        Value::Map(vec![
            ("iso_code", Value::Text(code)),
            ("geoname_id", Value::Number(7)),
        ]),
    )])
}

/// Makes a database of IPv6, with IPv4 below `::/96`, in records of so many bits.
fn database(records: &[(&str, Value)], bits: u32) -> Vec<u8> {
    #[derive(Clone, Copy, PartialEq)]
    enum Branch {
        Empty,
        Node(u32),
        Data(u32),
    }
    let (mut nodes, mut data) = (vec![[Branch::Empty; 2]], Vec::new());
    for (network, value) in records {
        let network: IpNet = network.parse().expect("a network");
        let (key, length) = match network {
            IpNet::V4(v4) => (u128::from(u32::from(v4.addr())), 96 + v4.prefix_len()),
            IpNet::V6(v6) => (u128::from(v6.addr()), v6.prefix_len()),
        };
        let at = u32::try_from(data.len()).expect("short");
        value.write(&mut data);
        let mut node = 0;
        for depth in 0..length {
            let side = usize::from((key >> (127 - depth)) & 1 == 1);
            if depth + 1 == length {
                nodes[node][side] = Branch::Data(at);
            } else {
                node = match nodes[node][side] {
                    Branch::Node(next) => next as usize,
                    // What is more specific stands within what was there.
                    former => {
                        nodes.push([former; 2]);
                        let next = u32::try_from(nodes.len() - 1).expect("few");
                        nodes[node][side] = Branch::Node(next);
                        next as usize
                    }
                };
            }
        }
    }
    let count = u32::try_from(nodes.len()).expect("few");
    let number = |branch: Branch| match branch {
        Branch::Empty => count,
        Branch::Node(node) => node,
        Branch::Data(at) => count + 16 + at,
    };
    let mut bytes = Vec::new();
    for node in &nodes {
        let [left, right] = node.map(|branch| number(branch).to_be_bytes());
        match bits {
            24 => bytes.extend([&left[1..], &right[1..]].concat()),
            28 => {
                bytes.extend(&left[1..]);
                bytes.push((left[0] << 4) | (right[0] & 0x0F));
                bytes.extend(&right[1..]);
            }
            _ => bytes.extend([left, right].concat()),
        }
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = Value::Map(vec![
        ("binary_format_major_version", Value::Short(2)),
        ("binary_format_minor_version", Value::Short(0)),
        ("build_epoch", Value::Long(1_790_000_000)),
        ("database_type", Value::Text("Test-Country")),
        (
            "description",
            Value::Map(vec![("en", Value::Text("made up"))]),
        ),
        ("ip_version", Value::Short(6)),
        ("languages", Value::List(vec![])),
        ("node_count", Value::Number(count)),
        (
            "record_size",
            Value::Short(u16::try_from(bits).expect("few")),
        ),
    ]);
    metadata.write(&mut bytes);
    bytes
}

fn sample() -> Vec<(&'static str, Value)> {
    let marked = |mark| {
        Value::Map(vec![
            ("country", Value::Map(vec![("iso_code", Value::Text("CN"))])),
            ("traits", Value::Map(vec![(mark, Value::Flag(true))])),
        ])
    };
    let represents = |code| {
        let of = |code| Value::Map(vec![("iso_code", Value::Text(code))]);
        Value::Map(vec![
            ("country", of("CN")),
            ("represented_country", of(code)),
        ])
    };
    let named = |name, code| {
        Value::Map(vec![
            ("country", Value::Text(name)),
            ("country_code", Value::Text(code)),
        ])
    };
    let registered = Value::Map(vec![(
        "registered_country",
        Value::Map(vec![("iso_code", Value::Text("CN"))]),
    )]);
    vec![
        ("192.0.2.0/24", country("CN")),
        ("192.0.2.128/25", country("US")),
        ("198.51.100.0/24", country("HK")),
        ("203.0.113.0/28", marked("is_anonymous_proxy")),
        ("203.0.113.16/28", marked("is_satellite_provider")),
        ("203.0.113.32/28", represents("US")),
        ("203.0.113.48/28", represents("CN")),
        ("203.0.113.64/28", registered),
        ("203.0.113.80/28", country("XX")),
        ("203.0.113.96/28", country("ZZ")),
        ("203.0.113.112/28", Value::Map(vec![])),
        ("203.0.113.128/28", Value::Text("CN")),
        (
            "203.0.113.144/28",
            Value::Map(vec![("country", Value::Text("CN"))]),
        ),
        (
            "203.0.113.160/28",
            Value::Map(vec![("country_code", Value::Text("CN"))]),
        ),
        ("203.0.113.176/28", named("China", "CN")),
        ("203.0.113.192/28", named("US", "CN")),
        (
            "203.0.113.208/28",
            Value::Map(vec![("country", Value::Text("China"))]),
        ),
        (
            "203.0.113.224/28",
            Value::Map(vec![
                ("country", Value::Map(vec![("iso_code", Value::Text("CN"))])),
                ("country_code", Value::Text("US")),
            ]),
        ),
        (
            "203.0.113.240/28",
            Value::Map(vec![("country_code", Value::Number(86))]),
        ),
        ("2001:db8::/32", country("CN")),
        ("2001:db8:1::/48", country("US")),
        ("2001::/32", country("CN")),
        ("2002::/16", country("CN")),
        ("64:ff9b::/96", country("CN")),
        ("fd00::/8", country("CN")),
    ]
}

fn place_in(countries: &Countries, text: &str) -> String {
    let address: IpAddr = text.parse().expect("an address");
    let place = countries.place_of(address);
    place.map_or("silent".to_owned(), |place| place.to_string())
}

#[test]
fn a_record_says_where_an_address_is_or_nothing_beyond_doubt() {
    for bits in [24, 28, 32] {
        let countries = Countries::parse(database(&sample(), bits)).expect("a database");
        for (asked, expected) in [
            ("192.0.2.1", "CN"),
            ("::ffff:192.0.2.1", "CN"),
            ("192.0.2.127", "CN"),
            ("192.0.2.128", "US"),
            ("192.0.3.0", "silent"),
            ("198.51.100.1", "HK"),
            ("203.0.113.1", "unknown"),
            ("203.0.113.17", "unknown"),
            ("203.0.113.33", "unknown"),
            ("203.0.113.49", "CN"),
            ("203.0.113.65", "unknown"),
            ("203.0.113.81", "unknown"),
            ("203.0.113.97", "unknown"),
            ("203.0.113.113", "unknown"),
            ("203.0.113.129", "unknown"),
            // Others write a code where MaxMind has a map, or beside a name.
            ("203.0.113.145", "CN"),
            ("203.0.113.161", "CN"),
            ("203.0.113.177", "CN"),
            ("203.0.113.193", "unknown"),
            ("203.0.113.209", "unknown"),
            ("203.0.113.225", "unknown"),
            ("203.0.113.241", "unknown"),
            ("203.0.112.255", "silent"),
            ("127.0.0.1", "silent"),
            ("2001:db8::1", "CN"),
            ("2001:db8:1::1", "US"),
            ("2001:db9::1", "silent"),
            // An IPv4 address of a relay is not that of whoever is behind it.
            ("2001::1", "silent"),
            ("2002:c000:201::1", "silent"),
            ("64:ff9b::192.0.2.1", "silent"),
            ("::192.0.2.1", "silent"),
            ("fd00::1", "silent"),
        ] {
            assert_eq!(
                place_in(&countries, asked),
                expected,
                "{asked} in {bits} bits"
            );
        }
    }
}

#[test]
fn the_more_foreign_of_table_and_database_counts() {
    let countries = Arc::new(Countries::parse(database(&sample(), 24)).expect("a database"));
    let in_ = |text: &str| Place::In(Jurisdiction::parse(text).expect("a code"));
    let network = |text: &str| text.parse::<IpNet>().expect("a network");
    let table = || {
        Networks::new([
            (network("10.0.0.0/8"), in_("CN")),
            (network("192.0.2.0/26"), in_("US")),
            (network("192.0.2.128/25"), in_("CN")),
            (network("203.0.113.0/24"), in_("CN")),
        ])
        .expect("networks")
    };
    let overruled = [network("192.0.2.192/26"), network("::ffff:203.0.113.0/125")];
    let networks = table()
        .with_countries(Arc::clone(&countries), overruled)
        .expect("networks");
    let at = |region: &str, text: &str| {
        let region = Jurisdiction::parse(region).expect("a code");
        let address = text.parse().expect("an address");
        networks
            .place_of(address, region, Timestamp::from_millis(0))
            .to_string()
    };
    for (asked, expected) in [
        // The database is silent.
        ("10.0.0.1", "CN"),
        ("8.8.8.8", "unknown"),
        // The table is.
        ("192.0.2.64", "CN"),
        ("198.51.100.1", "HK"),
        // Both speak.
        ("192.0.2.1", "US"),
        ("192.0.2.129", "US"),
        ("203.0.113.10", "unknown"),
        ("203.0.113.49", "CN"),
        // The database errs.
        ("192.0.2.193", "CN"),
        ("203.0.113.1", "CN"),
        ("::ffff:203.0.113.7", "CN"),
        ("203.0.113.8", "unknown"),
    ] {
        assert_eq!(at("CN", asked), expected, "{asked}");
    }
    // Of two that are abroad neither contains the other.
    assert_eq!(at("DE", "192.0.2.129"), "unknown");
    let nothing = table().with_countries(countries, [network("198.51.100.0/24")]);
    assert!(matches!(nothing, Err(Error::OverruledByNothing { .. })));
}

#[test]
fn what_is_no_database_of_countries_is_refused() {
    let whole = database(&sample(), 24);
    let none = database(&[("192.0.2.0/24", Value::Map(vec![]))], 24);
    assert!(matches!(
        Countries::parse(none),
        Err(Error::NoCountries { kind }) if kind == "Test-Country"
    ));
    let metadata = whole.windows(11).rposition(|bytes| bytes == b"MaxMind.com");
    let metadata = metadata.expect("a mark");
    for bad in [
        Vec::new(),
        b"no database".to_vec(),
        whole[..whole.len() - 40].to_vec(),
        whole[..metadata].to_vec(),
        whole[100..].to_vec(),
        [&whole[..200], &whole[400..]].concat(),
    ] {
        let refused = Countries::parse(bad);
        assert!(matches!(refused, Err(Error::CountryDatabase(_))));
    }
}

#[test]
fn a_database_without_a_description_is_one() {
    let whole = database(&sample(), 24);
    let described = [
        &b"\x4bdescription\xe1\x42en"[..],
        &[(2 << 5) | 7],
        b"made up",
    ]
    .concat();
    let at = whole
        .windows(described.len())
        .position(|bytes| bytes == described);
    let at = at.expect("a description");
    let bare = [
        &whole[..at],
        b"\x4bdescription\xe0",
        &whole[at + described.len()..],
    ];
    let countries = Countries::parse(bare.concat()).expect("a database");
    assert_eq!(place_in(&countries, "192.0.2.1"), "CN");
}

#[test]
fn branches_that_meet_again_are_no_way_to_keep_a_server_from_starting() {
    // Each node leads to the next by both sides: 2^100 ways through a hundred nodes, and a circle at the end.
    for last in [0_u32, 101] {
        let mut bytes = Vec::new();
        for node in 0..100_u32 {
            let next = if node == 99 { last } else { node + 1 }.to_be_bytes();
            bytes.extend([&next[1..], &next[1..]].concat());
        }
        let small = database(&[("0.0.0.0/1", country("CN"))], 24);
        let rest = small.windows(17).position(|bytes| bytes[..16] == [0; 16]);
        bytes.extend(&small[rest.expect("a gap")..]);
        let metadata = bytes.windows(10).position(|bytes| bytes == b"node_count");
        let count = metadata.expect("a count") + 11;
        bytes[count..count + 4].copy_from_slice(&100_u32.to_be_bytes());
        assert!(Countries::parse(bytes).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_makes_it_panic_or_stand_still(
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
        bits in proptest::sample::select(vec![24, 28, 32]),
        asked in any::<[u8; 16]>(),
    ) {
        let mut bytes = database(&sample(), bits);
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(countries) = Countries::parse(bytes) {
            black_box(countries.place_of(IpAddr::from(asked)));
            let [a, b, c, d, ..] = asked;
            black_box(countries.place_of(IpAddr::from([a, b, c, d])));
            for (network, _) in sample() {
                let network: IpNet = network.parse().expect("a network");
                black_box(countries.place_of(network.addr()));
            }
        }
    }

    #[test]
    fn no_bytes_are_a_database_by_chance(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let marked = [&bytes[..], b"\xab\xcd\xefMaxMind.com", &bytes].concat();
        assert!(Countries::parse(bytes).is_err() && Countries::parse(marked).is_err());
    }
}
