//! The key ring: what opens, what does not, and what is left of a value that was destroyed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;

use evidence::{Digest, Id, Moment};
use proptest::prelude::*;
use vault::{
    Binding, FileKey, Key, KeyRing, RingError, RootKey, SealSecret, SealedValue, SecretVersion, WrappedKey,
};
use zeroize::Zeroizing;

/// A source of bytes that never gives the same ones twice.
struct Counter(u64);

impl Counter {
    fn draw(&mut self) -> impl FnMut(&mut [u8]) + '_ {
        |bytes| {
            for chunk in bytes.chunks_mut(8) {
                self.0 += 1;
                let number = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
                chunk.copy_from_slice(&number[..chunk.len()]);
            }
        }
    }
}

fn installation(number: u8) -> Id {
    Id::from_random([number; 16])
}

fn root(number: u8) -> FileKey {
    FileKey::filled(|bytes| bytes.fill(number))
}

fn version(name: &str, number: u32) -> SecretVersion {
    SecretVersion::build(name.parse().unwrap(), number)
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis).unwrap()
}

/// A value as a person's program makes it: sealed, and its key wrapped to the ring's intake key.
fn made(
    ring: &KeyRing,
    name: &str,
    number: u32,
    value: &[u8],
    random: &mut Counter,
) -> (SealedValue, WrappedKey) {
    let of = version(name, number);
    let (sealed, key) = SealedValue::seal(installation(1), &of, value, &mut random.draw()).unwrap();
    let wrapped = key.wrap(ring.intake(), &sealed.binding(installation(1), None).unwrap()).unwrap();
    (sealed, wrapped)
}

/// A ring with two values.
struct Two {
    random: Counter,
    ring: KeyRing,
    token: SealedValue,
    other: SealedValue,
}

fn two() -> Two {
    let mut random = Counter(0);
    let mut ring = KeyRing::empty(installation(1), &mut random.draw()).unwrap();
    let put = |ring: &mut KeyRing, number: u32, value: &[u8], random: &mut Counter| {
        let (sealed, wrapped) = made(ring, "shop/registry/token", number, value, random);
        assert_eq!(ring.take_in(&sealed, &wrapped, at(1)).unwrap(), sealed.digest().unwrap());
        sealed
    };
    let token = put(&mut ring, 1, b"hunter2", &mut random);
    let other = put(&mut ring, 2, b"hunter3", &mut random);
    Two { random, ring, token, other }
}

fn holder() -> SealSecret {
    SealSecret::filled(|bytes| bytes.fill(5))
}

/// The value as somebody opens it to whom its key is lent for a piece of work.
fn lent(ring: &KeyRing, sealed: &SealedValue) -> Result<Zeroizing<Vec<u8>>, RingError> {
    let binding = sealed.binding(installation(1), Some(Id::from_random([4; 16]))).unwrap();
    let wrapped = ring.lend(&holder().public().unwrap(), &binding)?;
    let key = holder().unwrap(&wrapped, &binding).unwrap();
    Ok(sealed.open(installation(1), &key).unwrap())
}

fn reopened(ring: &KeyRing, random: &mut Counter) -> KeyRing {
    let bytes = ring.encode(&root(9), &mut random.draw()).unwrap();
    KeyRing::open(&bytes, installation(1), &root(9)).unwrap()
}

fn destroy(ring: &mut KeyRing, value: &SealedValue, random: &mut Counter) -> BTreeSet<Digest> {
    let digest = value.digest().unwrap();
    ring.destroy(|value, _| *value == digest, &mut random.draw()).unwrap()
}

#[test]
fn a_value_comes_back_after_a_restart() {
    let Two { mut random, ring, token, other } = two();
    let token = SealedValue::decode(&token.encode().unwrap()).unwrap();
    let again = reopened(&ring, &mut random);
    assert_eq!(lent(&again, &token).unwrap().as_slice(), b"hunter2");
    assert_eq!(lent(&again, &other).unwrap().as_slice(), b"hunter3");
    assert_eq!(again.values().count(), 2);
    assert_eq!(again.intake(), ring.intake(), "what was wrapped before a restart is taken in after it");
}

proptest! {
    #[test]
    fn every_value_comes_back(value in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut random = Counter(7);
        let seal = |value: &[u8], random: &mut Counter| {
            SealedValue::seal(installation(1), &version("shop/a", 1), value, &mut random.draw()).unwrap()
        };
        let (sealed, key) = seal(&value, &mut random);
        let opened = sealed.open(installation(1), &key).unwrap();
        prop_assert_eq!(opened.as_slice(), &value);
        // Values of about one length have sealed values of one length.
        let (shorter, _) = seal(&value[..value.len() / 64 * 64], &mut random);
        prop_assert_eq!(shorter.encode().unwrap().len(), sealed.encode().unwrap().len());
    }

    #[test]
    fn attack_a_changed_ring_opens_nowhere(at: prop::sample::Index, to: u8) {
        let Two { mut random, ring, .. } = two();
        let honest = ring.encode(&root(9), &mut random.draw()).unwrap();
        let mut bytes = honest.clone();
        let at = at.index(bytes.len());
        bytes[at] = to;
        let opened = KeyRing::open(&bytes, installation(1), &root(9));
        prop_assert_eq!(opened.is_ok(), bytes == honest);
    }

    #[test]
    fn attack_a_changed_value_does_not_open(at: prop::sample::Index, to: u8) {
        let (sealed, key) =
            SealedValue::seal(installation(1), &version("shop/a", 1), b"hunter2", &mut Counter(3).draw()).unwrap();
        let honest = sealed.encode().unwrap();
        let mut bytes = honest.clone();
        let at = at.index(bytes.len());
        bytes[at] = to;
        let opened = SealedValue::decode(&bytes).ok().and_then(|it| it.open(installation(1), &key).ok());
        prop_assert_eq!(opened.is_some(), bytes == honest);
    }
}

#[test]
fn attack_values_in_each_others_place() {
    let mut random = Counter(0);
    let mut seal = |name: &str, number, value: &[u8]| {
        SealedValue::seal(installation(1), &version(name, number), value, &mut random.draw()).unwrap()
    };
    let (first, key) = seal("shop/registry/token", 1, b"hunter2");
    assert_eq!(first.open(installation(1), &key).unwrap().as_slice(), b"hunter2");
    assert!(first.open(installation(2), &key).is_err(), "another installation");
    let (second, second_key) = seal("shop/registry/token", 2, b"hunter3");
    assert!(second.open(installation(1), &key).is_err(), "the key of another version");
    // The same bytes under another label.
    let text = String::from_utf8(second.encode().unwrap()).unwrap();
    let relabelled = text.replace("\"number\":2", "\"number\":1");
    assert_ne!(relabelled, text);
    assert!(SealedValue::decode(relabelled.as_bytes()).unwrap().open(installation(1), &second_key).is_err());
    let renamed = text.replace("shop/registry/token", "shop/other");
    assert!(SealedValue::decode(renamed.as_bytes()).unwrap().open(installation(1), &second_key).is_err());
    // A deploy secret at a place that is spelt like a path.
    let placed = text.replace(
        r#"{"name":"shop/registry/token"}"#,
        r#"{"name":"token","place":"shop/registry/production"}"#,
    );
    assert_ne!(placed, text);
    assert!(SealedValue::decode(placed.as_bytes()).unwrap().open(installation(1), &second_key).is_err());
}

/// Everything that a wrapped key is bound to: who opens, for which work, which version and which sealed bytes.
#[test]
fn attack_a_wrapped_key_for_something_else() {
    let (sealed, key) =
        SealedValue::seal(installation(1), &version("shop/a", 1), b"hunter2", &mut Counter(3).draw())
            .unwrap();
    let binding = sealed.binding(installation(1), Some(Id::from_random([4; 16]))).unwrap();
    let wrapped = key.wrap(&holder().public().unwrap(), &binding).unwrap();
    holder().unwrap(&wrapped, &binding).expect("unmutated");
    let others = [
        Binding { installation: installation(2), ..binding.clone() },
        Binding { lent: Some(Id::from_random([5; 16])), ..binding.clone() },
        Binding { lent: None, ..binding.clone() },
        Binding { of: version("shop/a", 2), ..binding.clone() },
        Binding { of: version("shop/b", 1), ..binding.clone() },
        Binding { value: Digest::of(b"other bytes"), ..binding.clone() },
    ];
    for other in others {
        assert!(holder().unwrap(&wrapped, &other).is_err(), "{other:?}");
    }
    let neighbour = SealSecret::filled(|bytes| bytes.fill(6));
    assert!(neighbour.unwrap(&wrapped, &binding).is_err(), "another recipient");
    let mut cut = wrapped.clone();
    cut.bytes.0.pop();
    assert!(holder().unwrap(&cut, &binding).is_err(), "truncated");
    let again = key.wrap(&holder().public().unwrap(), &binding).unwrap();
    assert_ne!(again, wrapped, "each wrapping has a fresh secret");
    let mixed = WrappedKey { enc: again.enc, ..wrapped };
    assert!(holder().unwrap(&mixed, &binding).is_err(), "the secret of another wrapping");
}

/// A key is only taken in with the value that it opens, so the ring has no key that opens nothing.
#[test]
fn attack_a_key_comes_with_a_value_that_it_does_not_open() {
    let Two { mut random, mut ring, token, .. } = two();
    let (third, wrapped) = made(&ring, "shop/registry/token", 3, b"hunter4", &mut random);
    let refused = |ring: &mut KeyRing, sealed: &SealedValue, wrapped: &WrappedKey| {
        matches!(ring.take_in(sealed, wrapped, at(2)), Err(RingError::Intake { .. }))
    };
    assert!(refused(&mut ring, &token, &wrapped), "a wrapping for another value");
    let foreign = Key::filled(|bytes| bytes.fill(1));
    let foreign = foreign.wrap(ring.intake(), &third.binding(installation(1), None).unwrap()).unwrap();
    assert!(refused(&mut ring, &third, &foreign), "another key, honestly wrapped");
    assert_eq!(ring.values().count(), 2);
    ring.take_in(&third, &wrapped, at(2)).expect("unmutated");
}

#[test]
fn attack_keys_of_values_in_each_others_place() {
    let Two { mut random, ring, .. } = two();
    let bytes = ring.encode(&root(9), &mut random.draw()).unwrap();
    let mut stored: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let again = |stored: &serde_json::Value| {
        let bytes = evidence::canonical::encode("key ring", stored).unwrap();
        KeyRing::open(&bytes, installation(1), &root(9))
    };
    again(&stored).expect("unmutated");
    let digests: Vec<String> = ring.values().map(ToString::to_string).collect();
    let (first, second) = (stored["keys"][&digests[0]].clone(), stored["keys"][&digests[1]].clone());
    stored["keys"][&digests[0]] = second;
    stored["keys"][&digests[1]] = first;
    let error = again(&stored).unwrap_err();
    assert!(matches!(error, RingError::Damaged { .. }), "{error}");
}

#[test]
fn another_root_key_is_named() {
    let Two { mut random, ring, .. } = two();
    let bytes = ring.encode(&root(9), &mut random.draw()).unwrap();
    let error = KeyRing::open(&bytes, installation(1), &root(8)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("root key {} does not open the key ring: it needs root key {}", root(8).id(), root(9).id())
    );
    let error = KeyRing::open(&bytes, installation(2), &root(9)).unwrap_err();
    assert!(matches!(error, RingError::Installation { .. }), "{error}");
    // The identity alone opens nothing.
    let named = String::from_utf8(bytes).unwrap();
    let named = named.replace(&root(9).id().to_string(), &root(8).id().to_string());
    let error = KeyRing::open(named.as_bytes(), installation(1), &root(8)).unwrap_err();
    assert!(matches!(error, RingError::RootKey(_)), "{error}");
    // A new root key: the ring is written under it, and the old one opens it no longer.
    let moved = ring.encode(&root(8), &mut random.draw()).unwrap();
    assert!(KeyRing::open(&moved, installation(1), &root(9)).is_err());
    assert_eq!(KeyRing::open(&moved, installation(1), &root(8)).unwrap().values().count(), 2);
}

#[test]
fn a_destroyed_value_opens_from_no_later_ring() {
    let Two { mut random, mut ring, token, other } = two();
    lent(&ring, &token).unwrap();
    assert_eq!(destroy(&mut ring, &token, &mut random), [token.digest().unwrap()].into());
    let again = reopened(&ring, &mut random);
    assert_eq!(
        lent(&again, &token).unwrap_err().to_string(),
        format!(
            "the vault has no key for sealed value {}: it was destroyed, or it never was here",
            token.digest().unwrap()
        )
    );
    assert_eq!(lent(&again, &other).unwrap().as_slice(), b"hunter3");
    assert!(destroy(&mut ring, &token, &mut random).is_empty());
}

/// Without a new ring key, a key of a value out of an older ring would open under the newer one; without a new intake pair,
/// the request that put the value would bring its key back.
#[test]
fn attack_a_key_from_before_the_destruction() {
    let mut random = Counter(0);
    let mut ring = KeyRing::empty(installation(1), &mut random.draw()).unwrap();
    let (token, wrapped) = made(&ring, "shop/a", 1, b"hunter2", &mut random);
    ring.take_in(&token, &wrapped, at(1)).unwrap();
    let (kept, of_kept) = made(&ring, "shop/a", 2, b"hunter3", &mut random);
    ring.take_in(&kept, &of_kept, at(1)).unwrap();
    let before = String::from_utf8(ring.encode(&root(9), &mut random.draw()).unwrap()).unwrap();
    let same = String::from_utf8(ring.encode(&root(9), &mut random.draw()).unwrap()).unwrap();
    let put_back = |older: &str, newer: &str| {
        let of = |text: &str| -> (String, String, String) {
            let (head, keys) = text.split_once("\"keys\":").unwrap();
            let (keys, tail) = keys.split_once(",\"root\"").unwrap();
            (head.to_owned(), keys.to_owned(), tail.to_owned())
        };
        let ((_, keys, _), (head, _, tail)) = (of(older), of(newer));
        KeyRing::open(format!("{head}\"keys\":{keys},\"root\"{tail}").as_bytes(), installation(1), &root(9))
    };
    put_back(&before, &same).expect("unmutated: keys of an older ring open while the ring's key is the same");
    ring.take_in(&token, &wrapped, at(1)).expect("unmutated: a put that comes twice is taken in twice");
    destroy(&mut ring, &token, &mut random);
    let after = String::from_utf8(ring.encode(&root(9), &mut random.draw()).unwrap()).unwrap();
    assert!(matches!(put_back(&before, &after), Err(RingError::Damaged { .. })));
    assert!(matches!(ring.take_in(&token, &wrapped, at(2)), Err(RingError::Intake { .. })));
}

/// A source of randomness that failed leaves zeros: nothing is sealed under them.
#[test]
fn attack_a_key_of_zeros() {
    let zeros = &mut |_: &mut [u8]| ();
    assert!(matches!(KeyRing::empty(installation(1), zeros), Err(RingError::Drawn)));
    let sealed = SealedValue::seal(installation(1), &version("shop/a", 1), b"hunter2", zeros);
    assert_eq!(sealed.unwrap_err().to_string(), "the value could not be sealed");
    let Two { mut ring, token, .. } = two();
    assert!(matches!(ring.destroy(|_, _| true, zeros), Err(RingError::Drawn)));
    assert_eq!(lent(&ring, &token).unwrap().as_slice(), b"hunter2", "the ring is as it was");
}

#[test]
fn a_value_is_no_file() {
    let seal = |value: &[u8]| {
        SealedValue::seal(installation(1), &version("shop/large", 1), value, &mut Counter(1).draw())
    };
    for value in [&b""[..], &vec![7; vault::VALUE_BYTES_MAX]] {
        let (sealed, key) = seal(value).unwrap();
        let read = SealedValue::decode(&sealed.encode().unwrap()).unwrap();
        assert_eq!(read.open(installation(1), &key).unwrap().as_slice(), value);
    }
    assert_eq!(
        seal(&vec![7; vault::VALUE_BYTES_MAX + 1]).unwrap_err().to_string(),
        "the value has 1048577 bytes, at most 1048576 are allowed; a secret is no place for files"
    );
}

#[test]
fn root_keys_have_one_spelling() {
    let key = root(9);
    let line = key.line();
    let read: FileKey = line.parse().unwrap();
    assert_eq!(read.id(), key.id());
    assert_eq!(format!("{key:?}"), "FileKey(Key(..))", "a key is never printed");
    for wrong in
        ["", "countersign-root-key@v1", "countersign-root-key@v1 AAAA", &line[1..], &format!("{}x", *line)]
    {
        let error = wrong.parse::<FileKey>().unwrap_err().to_string();
        assert!(error.starts_with("the file has no root key") && !error.contains("CQkJ"), "{error}");
    }
}
