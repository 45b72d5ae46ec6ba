//! Compares our canonical JSON with another implementation: RFC 8785 has one encoding.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::collections::BTreeMap;

use evidence::canonical;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

fn ours(value: &impl Serialize) -> Result<Vec<u8>, String> {
    canonical::encode("sample", value).map_err(|error| error.to_string())
}

fn documents() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        ".*",
        "[ -~]{0,6}",
        "[\u{0}-\u{20}\"\\\\\u{7f}\u{e000}-\u{ffff}\u{10000}-\u{10400}]{0,4}"
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53) + 1..1 << 53).prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::btree_map(text.clone(), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Writes the properties of every object in the opposite order of `Value`'s own.
struct Reversed<'a>(&'a Value);

impl Serialize for Reversed<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                to.collect_map(fields.iter().rev().map(|(key, value)| (key, Reversed(value))))
            }
            Value::Array(items) => to.collect_seq(items.iter().map(Reversed)),
            other => other.serialize(to),
        }
    }
}

proptest! {
    #[test]
    fn another_writer_of_rfc_8785_writes_the_same(value in documents()) {
        let theirs = serde_json_canonicalizer::to_vec(&value).unwrap();
        prop_assert_eq!(&ours(&value).unwrap(), &theirs);
        prop_assert_eq!(&ours(&Reversed(&value)).unwrap(), &theirs);
        prop_assert_eq!(canonical::decode::<Value>("sample", &theirs, usize::MAX).unwrap(), value);
    }
}

/// RFC 8785, section 3.2.3: order by UTF-16 code units, so a key that is larger in UTF-8 may come first.
#[test]
fn properties_are_ordered_as_in_the_rfc() {
    let value = json!({
        "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
        "1": "One", "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "o with diaeresis",
    });
    let text = String::from_utf8(ours(&value).unwrap()).unwrap();
    let names = ["Carriage Return", "One", "Control", "o with", "Euro Sign", "Emoji", "Hebrew"];
    let places: Vec<_> = names.iter().map(|name| text.find(name).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
    // A key that is a prefix of another one comes first.
    assert_eq!(ours(&json!({ "a!": 1, "a": 2, "a ": 3 })).unwrap(), br#"{"a":2,"a ":3,"a!":1}"#);
}

#[test]
fn what_has_no_one_encoding_is_refused() {
    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_map([("b", 1), ("a", 2), ("b", 1)])
        }
    }
    let large = (1_u64 << 53) - 1;
    for (refused, why) in [
        (ours(&1.5), "no integer"),
        (ours(&json!({ "a": [1e3] })), "no integer"),
        (ours(&1.0_f32), "no integer"),
        (ours(&(large + 1)), "larger than 2^53 - 1"),
        (ours(&i64::MIN), "larger than 2^53 - 1"),
        (ours(&u128::MAX), "larger than 2^53 - 1"),
        (ours(&Twice), "stands twice"),
        (ours(&BTreeMap::from([((1, 2), 3)])), "key must be a string"),
    ] {
        let said = refused.unwrap_err();
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(ours(&[large]).unwrap(), b"[9007199254740991]");
    assert_eq!(ours(&[-i128::from(large)]).unwrap(), b"[-9007199254740991]");
    assert_eq!(ours(&BTreeMap::from([(10, "x"), (9, "y")])).unwrap(), br#"{"10":"x","9":"y"}"#);
}
