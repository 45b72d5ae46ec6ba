//! A damaged database is an error, and never "no advisories".

use evidence::document::Document as _;
use scan::advisories::{AdvisoriesError, Database, judge};
use serde_json::{Value, json};

use super::{bytes, components, database, record, rules};

fn some() -> Vec<Value> {
    (0..40)
        .map(|n| {
            record(
                &format!("X-{n}"),
                "npm",
                &format!("p{n}"),
                &json!([{"introduced": "0"}, {"fixed": "2.0.0"}]),
            )
        })
        .collect()
}

#[test]
fn any_changed_byte() {
    let sound = bytes(&some());
    let names: Vec<String> = (0..40).map(|n| format!("pkg:npm/p{n}@1.0.0")).collect();
    let bill = components(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let expected = judge(&bill, &Database::open(sound.clone()).unwrap()).unwrap().encode().unwrap();
    let mut random = fastrand::Rng::with_seed(17);
    for _ in 0..10_000 {
        let mut changed = sound.clone();
        match random.u8(..4) {
            0 => changed.truncate(random.usize(..sound.len())),
            1 => changed.push(random.u8(..)),
            _ => {
                let at = random.usize(..sound.len());
                changed[at] ^= 1 << random.u8(..8);
            }
        }
        // Every block is read, so every change is seen.
        let answer = Database::open(changed).and_then(|database| judge(&bill, &database));
        match answer {
            Err(AdvisoriesError::Damaged { .. } | AdvisoriesError::Read(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(judge(&bill, &Database::open(sound).unwrap()).unwrap().encode().unwrap(), expected);
}

#[test]
fn foreign_files() {
    for foreign in [&b""[..], b"{}", b"PK\x03\x04", &[0; 4096], b"countersign-advisories-2\n"] {
        let error = Database::open(foreign.to_vec()).unwrap_err().to_string();
        assert!(error.ends_with("run `countersign osv sync` again"), "{error}");
    }
}

#[test]
fn a_database_of_all_ecosystems_is_whole() {
    let events = json!([{"introduced": "0"}]);
    let names = [("crates.io", "a"), ("Go", "a.b/c"), ("Maven", "a:b"), ("npm", "a"), ("PyPI", "a")];
    let records: Vec<_> = names.iter().map(|(kind, name)| record(kind, kind, name, &events)).collect();
    let database = database(&records);
    assert_eq!(database.check().unwrap(), 5);
    for (purl, rule) in [
        ("pkg:cargo/a@1.0.0", "crates.io"),
        ("pkg:golang/a.b/c@v1.0.0", "Go"),
        ("pkg:maven/a/b@1.0", "Maven"),
        ("pkg:npm/a@1.0.0", "npm"),
        ("pkg:pypi/a@1.0", "PyPI"),
    ] {
        assert_eq!(rules(&records, purl), [rule]);
    }
}
