//! Records: what is read, what is refused, and 10,000 mutations.

use scan::advisories::{Builder, Database, Ecosystem, Record, judge};
use serde_json::{Value, json};

use super::{components, record};

fn seed() -> Value {
    let mut seed =
        record("GHSA-aaaa-bbbb-cccc", "npm", "a", &json!([{"introduced": "0"}, {"fixed": "2.0.0"}]));
    seed["aliases"] = json!(["CVE-2026-1"]);
    seed["severity"] = json!([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]);
    seed["affected"][0]["versions"] = json!(["1.0.0", "2.1.0", "odd"]);
    seed
}

#[test]
fn what_is_no_record() {
    for (field, value) in [
        ("id", json!("")),
        ("id", json!("a b")),
        ("id", json!(7)),
        ("modified", json!("yesterday")),
        ("modified", Value::Null),
        ("published", json!("2026")),
        ("aliases", json!(["\u{7f}"])),
        ("aliases", json!((0..100).map(|n| format!("CVE-{n}")).collect::<Vec<_>>())),
        ("affected", json!([{"package": {"ecosystem": "npm", "name": ""}}])),
        ("affected", json!([{"package": {"ecosystem": "npm"}}])),
        ("affected", json!({})),
    ] {
        let mut record = seed();
        record[field] = value.clone();
        let error = Record::decode("file.json", record.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("file.json: "), "{field} {value}: {error}");
    }
    for bad in [&b""[..], b"[]", b"{}", b"\xff", br#"{"id":"X","id":"Y","modified":"2026-01-01T00:00:00Z"}"#]
    {
        Record::decode("file.json", bad).unwrap_err();
    }
    // Go's own mirror has a time before 1970.
    let mut old = seed();
    old["modified"] = json!("0001-01-01T00:00:00Z");
    assert_eq!(Record::decode("x", old.to_string().as_bytes()).unwrap().modified, None);
}

#[test]
fn mutations() {
    let seed = seed().to_string().into_bytes();
    let bill = components(&["pkg:npm/a@1.0.0"]);
    let mut random = fastrand::Rng::with_seed(4);
    let mut kept = 0;
    for _ in 0..10_000 {
        let mut changed = seed.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..changed.len());
            match random.u8(..4) {
                0 => changed[at] = random.u8(..),
                1 => changed.insert(at, b"{}[]\",:0v.-"[random.usize(..11)]),
                2 => drop(changed.remove(at)),
                _ => {
                    let end = (at + random.usize(..30)).min(changed.len());
                    let part = changed[at..end].to_vec();
                    changed.splice(at..at, part);
                }
            }
        }
        let mut builder = Builder::new("x", Ecosystem::ALL);
        let is_kept = builder.record("x", &changed).is_ok_and(|kept| kept);
        if is_kept && let Ok(bytes) = builder.finish() {
            let database = Database::open(bytes).unwrap();
            evidence::document::Document::encode(&judge(&bill, &database).unwrap()).unwrap();
            kept += 1;
        }
    }
    assert!(kept > 1_000, "{kept}");
}
