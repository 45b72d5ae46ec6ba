//! Parsers of what surrounds secrets: lines of records, grants, and sealed values.

use evidence::dsse::Envelope;
use evidence::records::Lines;
use evidence::statements::{GrantedSecret, PAYLOAD_TYPE, Statement};
use evidence::{Digest, Id, canonical};
use serde_json::json;
use vault::{Key, SealedValue, SecretVersion};

use crate::target::Target;

/// Lines of records.
pub const RECORD: Target = Target {
    name: "record",
    run: record,
    seeds: |_| vec![LINES.as_bytes().to_vec()],
    sources: &[
        "evidence/src/records/form.rs",
        "evidence/src/records/table.rs",
        "evidence/src/records/rules.rs",
        "evidence/src/records/secret_used.rs",
        "evidence/src/records/alert.rs",
    ],
};

/// Grants.
pub const GRANT: Target = Target {
    name: "grant",
    run: grant,
    seeds: |_| [json!({ "step": "publish" }), json!({ "service": "api" })].map(granted).to_vec(),
    sources: &["evidence/src/statements/grant.rs", "evidence/src/statements/form.rs"],
};

/// Sealed values.
pub const SEALED: Target = Target {
    name: "sealed-value",
    run: sealed_value,
    seeds: |_| vec![sealed().0],
    sources: &["vault/src/sealed.rs", "vault/src/cipher.rs", "vault/src/binding.rs"],
};

fn record(bytes: &[u8]) {
    let Ok(lines) = Lines::decode(bytes) else { return };
    assert_eq!(canonical::encode("lines", &lines).unwrap(), bytes, "one spelling");
    let root = lines.root().unwrap();
    for (at, line) in lines.iter().enumerate() {
        let proof = lines.proof(at).unwrap().unwrap();
        let (leaf, root) =
            (tlog::leaf_hash(&line.encode().unwrap()), tlog::Hash::from_bytes(*root.as_bytes()));
        let size = lines.iter().len() as u64;
        assert!(
            tlog::verify_inclusion(&leaf, at as u64, size, &proof, &root).is_ok(),
            "each line is provable"
        );
    }
}

fn grant(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    if let Ok(secret) = text.parse::<GrantedSecret>() {
        assert_eq!(secret.to_string(), text, "one spelling");
    }
    let Ok(statement) = Statement::read(&Envelope::new(PAYLOAD_TYPE, bytes.to_vec())) else { return };
    let again = statement.envelope().unwrap();
    assert_eq!(again.payload(PAYLOAD_TYPE).unwrap(), bytes, "one spelling");
}

fn sealed_value(bytes: &[u8]) {
    let Ok(value) = SealedValue::decode(bytes) else { return };
    assert_eq!(value.encode().unwrap(), bytes, "one spelling");
    let (honest, key) = sealed();
    if let Ok(opened) = value.open(INSTALLATION, &key) {
        assert_eq!((bytes, opened.as_slice()), (honest.as_slice(), VALUE), "a changed value does not open");
    }
    assert_ne!(
        value.binding(INSTALLATION, None).ok(),
        value.binding(INSTALLATION, Some(INSTALLATION)).ok(),
        "a key that was lent for work opens nothing else"
    );
}

/// A sealed value and its key, the same every time.
fn sealed() -> (Vec<u8>, Key) {
    let mut next = 0_u8;
    let mut draw = |bytes: &mut [u8]| {
        next = next.wrapping_add(1);
        bytes.fill(next);
    };
    let version = SecretVersion::build("shop/registry/token".parse().unwrap(), 3);
    let (value, key) = SealedValue::seal(INSTALLATION, &version, VALUE, &mut draw).unwrap();
    (value.encode().unwrap(), key)
}

/// A statement that lets somebody have a secret.
fn granted(to: serde_json::Value) -> Vec<u8> {
    let mut body = json!({ "secret": "database", "to": to });
    let mut subject: &[u8] = b"countersign-secret@v1\ndatabase\n";
    if to.get("step").is_some() {
        body = json!({
            "hours": { "days": ["mon", "fri"], "from": "22:00", "to": "02:00" }, "network": ["registry.example:443"],
            "pools": ["protected"], "refs": ["refs/heads/main"], "secret": "shop/registry/token", "to": to,
        });
        subject = b"countersign-secret@v1\nshop/registry/token\n";
    }
    let mut scope = json!({ "project": "shop" });
    if to.get("service").is_some() {
        scope = json!({ "environment": "production", "project": "shop", "service": "api" });
    }
    let statement = json!({
        "body": body, "kind": "grant", "scope": scope, "subjects": [Digest::of(subject)], "v": 1,
        "checkpoint": "countersign/0101\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        "expires": "2026-12-31T00:00:00.000Z", "not_before": "2026-11-21T02:41:44.000Z",
        "installation": INSTALLATION, "nonce": INSTALLATION, "person": INSTALLATION, "root": 1,
        "reason": "it publishes", "via": "command-line",
    });
    canonical::encode("statement", &statement).unwrap()
}

const INSTALLATION: Id = Id::from_random([1; 16]);
const VALUE: &[u8] = b"correct horse battery staple";
const LINES: &str = r#"{"lines":[{"body":{"allowed":true,"number":3,"run":"32323232323232323232323232323232","secret":"shop/registry/token","step":"publish","who":{"machine":"runner-1"}},"kind":"secret-used","salt":"01010101010101010101010101010101"},{"body":{"allowed":false,"reasons":["secret-outside-hours","secret-pool"],"run":"32323232323232323232323232323232","secret":"shop/registry/token","step":"publish","who":{"machine":"runner-1"}},"kind":"secret-used","salt":"02020202020202020202020202020202"},{"body":{"run":"32323232323232323232323232323232","secret":"shop/registry/token","sort":"outside-hours","step":"publish","who":{"machine":"runner-1"}},"kind":"alert","salt":"03030303030303030303030303030303"}],"v":1}"#;

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise mutations would begin far from anything that is accepted.
    #[test]
    fn seeds_are_accepted() {
        assert!(Lines::decode(LINES.as_bytes()).is_ok());
        assert!(SealedValue::decode(&sealed().0).is_ok());
        for to in [json!({ "step": "publish" }), json!({ "service": "api" })] {
            let read = Statement::read(&Envelope::new(PAYLOAD_TYPE, granted(to)));
            assert!(read.is_ok(), "{read:?}");
        }
    }
}
