//! Canonical JSON, leaves and commitments: one spelling per meaning.

use onshore_ledger::{Error, LEAF_BYTES_MAX, canonical, commitment, encode_leaf, parse_leaf};
use proptest::prelude::{
    Just, Strategy, any, prop_assert_eq, prop_assert_ne, prop_oneof, proptest,
};
use serde_json::{Map, Value, json};

fn text(value: &Value) -> String {
    String::from_utf8(canonical(value).expect("canonical")).expect("UTF-8")
}

#[test]
fn strings_are_escaped_as_the_rfc_shows() {
    let value: Value = serde_json::from_str(
        r#"{"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
    )
    .expect("JSON");
    assert_eq!(
        text(&value),
        "{\"literals\":[null,true,false],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
    );
    let controls = json!("\u{8}\t\n\u{c}\r\0\u{1f}\u{7f}\u{2028}");
    assert_eq!(
        text(&controls),
        "\"\\b\\t\\n\\f\\r\\u0000\\u001f\u{7f}\u{2028}\""
    );
}

#[test]
fn names_are_sorted_by_utf16_units_as_the_rfc_shows() {
    let value = json!({
        "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
        "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis",
    });
    let sorted = text(&value);
    let positions = [
        "\\r",
        "1",
        "\u{80}",
        "\u{f6}",
        "\u{20ac}",
        "\u{1f600}",
        "\u{fb33}",
    ]
    .map(|name| sorted.find(&format!("\"{name}\":")).expect("there"));
    assert!(positions.is_sorted(), "{sorted}");
}

#[test]
fn only_integers_every_reader_agrees_on_are_numbers() {
    let limit = (1u64 << 53) - 1;
    assert_eq!(text(&json!([0, -1, limit])), "[0,-1,9007199254740991]");
    assert_eq!(
        text(&json!(-9_007_199_254_740_991_i64)),
        "-9007199254740991"
    );
    for bad in [
        "1.0",
        "0.5",
        "1e3",
        "-0",
        "9007199254740992",
        "-9007199254740992",
        "1e400",
    ] {
        let refused = serde_json::from_str::<Value>(bad).map(|value| canonical(&value));
        assert!(!matches!(refused, Ok(Ok(_))), "{bad}");
    }
    for bad in [u64::MAX, 1 << 53] {
        assert!(matches!(
            canonical(&json!(bad)),
            Err(Error::NumberNotCanonical)
        ));
    }
    assert!(canonical(&json!(i64::MIN)).is_err());
    assert!(canonical(&json!({"a": [1.5]})).is_err());
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| (0..depth).fold(json!(0), |value, _| json!([value]));
    assert!(canonical(&nested(64)).is_ok());
    assert!(matches!(
        canonical(&nested(65)),
        Err(Error::NestedTooDeep { .. })
    ));
}

#[test]
fn a_leaf_is_one_canonical_object_within_the_limit() {
    for bad in [
        &b""[..],
        b"{",
        b"[]",
        b"1",
        b"\"x\"",
        b"null",
        b"{ }",
        b"{}\n",
        b"\xef\xbb\xbf{}",
        b"{\"b\":1,\"a\":2}",
        b"{\"a\":1,\"a\":1}",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":1.0}",
        b"{\"a\":\"\\u0041\"}",
        b"{\"a\":\"\\/\"}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\\ud800\"}",
    ] {
        assert!(parse_leaf(bad).is_err(), "{}", bad.escape_ascii());
    }
    assert!(encode_leaf(&json!(["not an object"])).is_err());
    let padded = |len: usize| json!({ "a": "x".repeat(len - 8) });
    let longest = encode_leaf(&padded(LEAF_BYTES_MAX)).expect("the longest leaf");
    assert_eq!(longest.len(), LEAF_BYTES_MAX);
    assert!(parse_leaf(&longest).is_ok());
    let longer = canonical(&padded(LEAF_BYTES_MAX + 1)).expect("canonical");
    assert!(matches!(
        parse_leaf(&longer),
        Err(Error::LeafTooLong { .. })
    ));
    assert!(matches!(
        encode_leaf(&padded(LEAF_BYTES_MAX + 1)),
        Err(Error::LeafTooLong { .. })
    ));
}

#[test]
fn a_commitment_is_hmac_sha256_over_the_canonical_record() {
    // Computed with another implementation: hmac.new(bytes(range(32)), b'{"a":1,"b":"x"}', sha256).
    let salt = std::array::from_fn(|byte| u8::try_from(byte).expect("below 32"));
    let hash = commitment(&salt, &json!({"b": "x", "a": 1})).expect("a record");
    assert_eq!(
        hash.to_string(),
        "e8ecd7b7a19fbb61a416b75ab54c2a6423a27cb4ce35427987f737f196c3a25d"
    );
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1i64 << 53) + 1..1i64 << 53).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        "[\\x00-\\x20\"\\\\]{0,6}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((".{0,4}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn canonical_form_is_a_fixed_point_and_keeps_the_meaning(value in values()) {
        let bytes = canonical(&value).expect("integers only");
        let read: Value = serde_json::from_slice(&bytes).expect("JSON");
        prop_assert_eq!(&read, &value);
        prop_assert_eq!(canonical(&read).expect("canonical"), bytes);
    }

    #[test]
    fn member_order_does_not_matter(members in proptest::collection::btree_map(".{0,4}", any::<u32>(), 0..8)) {
        let forward: Map<String, Value> = members.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let backward: Map<String, Value> = members.iter().rev().map(|(name, value)| (name.clone(), json!(value))).collect();
        prop_assert_eq!(canonical(&forward.into()).expect("canonical"), canonical(&backward.into()).expect("canonical"));
    }

    #[test]
    fn a_leaf_returns_and_no_other_bytes_mean_it(value in values(), place in any::<usize>(), bit in 0u8..8) {
        let leaf = encode_leaf(&json!({ "value": value })).expect("an object");
        prop_assert_eq!(&parse_leaf(&leaf).expect("own leaf")["value"], &value);
        let mut changed = leaf.clone();
        changed[place % leaf.len()] ^= 1 << bit;
        if let Ok(read) = parse_leaf(&changed) {
            prop_assert_ne!(read, json!({ "value": value }));
        }
    }

    #[test]
    fn commitments_bind_salt_and_record(salt in any::<[u8; 32]>(), bit in 0usize..256, value in values()) {
        let mut other = salt;
        other[bit / 8] ^= 1 << (bit % 8);
        let hash = commitment(&salt, &value).expect("a record");
        prop_assert_ne!(hash, commitment(&other, &value).expect("a record"));
        prop_assert_ne!(hash, commitment(&salt, &json!([value])).expect("a record"));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_leaf(&bytes);
    }
}
