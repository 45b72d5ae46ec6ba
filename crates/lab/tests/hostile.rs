//! The server's owner against those who read evidence: every forgery is refused by name.
#![allow(clippy::unwrap_used, reason = "test code")]

use evidence::bundle::Bundle;
use lab::forgery::{self, READERS};
use lab::{Lab, assemble, at, said};

#[test]
fn what_is_honest_passes_everywhere() {
    let lab = Lab::default();
    let (bundle, leaves) = assemble(&lab, &lab.honest());
    for reader in READERS {
        assert_eq!(said(&lab, reader, &bundle, &leaves, at(0)), Vec::<String>::new(), "{reader:?}");
    }
    assert_eq!(Bundle::decode(&bundle.encode().unwrap()).unwrap(), bundle);
}

#[test]
fn every_forgery_is_refused_by_name() {
    let rows = forgery::all();
    assert!(rows.len() >= 25);
    let mut wrong = Vec::new();
    for row in &rows {
        let made = row.made();
        for reader in READERS {
            let codes = made.by(reader);
            let right = match row.expected(reader) {
                Some(code) => codes.iter().any(|said| said == code),
                None => codes.is_empty(),
            };
            if !right {
                wrong.push(format!("{} / {reader:?}: {codes:?}, not {:?}", row.name, row.expected(reader)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    // Shown with --nocapture: the table itself.
    for row in &rows {
        let by: Vec<_> = READERS.iter().map(|reader| row.expected(*reader).unwrap_or("-")).collect();
        println!("{:<60} {}", row.name, by.join(" | "));
    }
}
