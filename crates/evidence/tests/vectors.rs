//! Published vectors: the DSSE protocol's worked example and the in-toto attestation examples.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use evidence::dsse::{Envelope, pae};
use evidence::statement::{Statement, TYPE};

fn suite(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("COUNTERSIGN_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"), PathBuf::from);
    let path = root.join(name);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "vectors `{name}` are missing at {}", path.display());
    eprintln!("skipped: vectors `{name}` are not at {}", path.display());
    None
}

#[test]
fn dsse_example() {
    let Some(dir) = suite("dsse") else { return };
    let text = std::fs::read_to_string(dir.join("protocol.md")).unwrap();
    let block = text.split("```json").nth(1).unwrap().split("```").next().unwrap();
    let envelope = Envelope::decode_foreign(block.as_bytes()).unwrap();
    assert_eq!(envelope.payload("http://example.com/HelloWorld").unwrap(), b"hello world");
    let expected = "DSSEv1 29 http://example.com/HelloWorld 11 hello world";
    assert!(text.contains(expected));
    assert_eq!(envelope.pae(), expected.as_bytes());
    let decimal = |field: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        decimal_to_bytes(line.trim())
    };
    let point = [vec![4], decimal("X: "), decimal("Y: ")].concat();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    let [signature] = envelope.signatures() else { unreachable!("the example has one signature") };
    key.verify(&envelope.pae(), &signature.sig).unwrap();
    key.verify(&pae("http://example.com/HelloWorld", b"hello worlt"), &signature.sig).unwrap_err();
    assert!(Envelope::decode(block.as_bytes()).is_err(), "ours are canonical, this one is not");
}

fn decimal_to_bytes(decimal: &str) -> Vec<u8> {
    let mut bytes = vec![0_u8; 32];
    for digit in decimal.bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 10;
            *byte = u8::try_from(carry % 256).unwrap();
            carry /= 256;
        }
        assert_eq!(carry, 0);
    }
    bytes
}

#[test]
fn in_toto_examples() {
    let Some(dir) = suite("in-toto-examples") else { return };
    let (mut accepted, mut refused) = (0, 0);
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let ending = path.extension().unwrap_or_default().to_owned();
        let parsed = Statement::decode(&std::fs::read(&path).unwrap());
        if ending == "json" {
            let statement = parsed.unwrap_or_else(|error| unreachable!("{}: {error}", path.display()));
            assert_eq!(statement.type_uri, TYPE);
            accepted += 1;
        } else if ending == "txt" {
            assert!(parsed.is_err(), "{}", path.display());
            refused += 1;
        }
    }
    assert!(accepted >= 4 && refused >= 10, "{accepted} accepted, {refused} refused");
}
