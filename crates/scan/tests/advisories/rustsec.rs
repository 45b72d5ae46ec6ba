//! `RustSec`'s own database against cargo-audit: five lockfiles with versions around the limits of the advisories.
//!
//! `audit.py` kept cargo-audit's answers in `audit.txt`. The program itself comes with `cargo x setup --peers`; then
//! `cargo_audit_answers_as_kept` runs it on the same lockfiles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use evidence::document::findings::{Class, Site};
use scan::advisories::{Builder, Database, Ecosystem, is_rustsec, judge};
use serde_json::Value;

use super::published_vectors::suite;

/// Versions whose answers differ, with the reason. At most 5 % of all.
const DIFFERENCES: &[(&str, &str)] = &[];

type Answers = BTreeMap<(String, String), BTreeSet<String>>;

/// The lockfiles: crates with versions, and what cargo-audit said about each; `~` marks what is no vulnerability.
fn kept() -> BTreeMap<u8, Answers> {
    let mut locks: BTreeMap<u8, Answers> = BTreeMap::new();
    for line in include_str!("audit.txt").lines() {
        let mut words = line.split(' ');
        let lock = words.next().unwrap().parse().unwrap();
        let crate_and_version = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        let ids = words.filter(|word| *word != "-").map(str::to_owned).collect();
        locks.entry(lock).or_default().insert(crate_and_version, ids);
    }
    locks
}

fn lockfile(answers: &Answers) -> String {
    let package = |(name, version): &(String, String)| {
        format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\
             source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"
        )
    };
    answers.keys().fold("version = 4\n".to_owned(), |text, row| text + &package(row))
}

/// The published advisories, unpacked.
fn unpacked(into: &Path) -> Option<PathBuf> {
    let archive = suite("rustsec")?.join("advisories-to-2025.tar.gz");
    let tar = Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(into).status().unwrap();
    assert!(tar.success());
    Some(into.to_owned())
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn cargo_audit_agrees() {
    let temp = tempfile::tempdir().unwrap();
    let Some(directory) = unpacked(temp.path()) else { return };
    let mut builder = Builder::new("rustsec", Ecosystem::ALL);
    let mut read = 0;
    for path in files(&directory) {
        let name = path.display().to_string();
        if is_rustsec(&name) {
            assert!(builder.rustsec(&name, &std::fs::read(&path).unwrap()).unwrap());
            read += 1;
        }
    }
    assert_eq!(read, 939);
    let database = Database::open(builder.finish().unwrap()).unwrap();
    let (mut rows, mut vulnerable) = (0, 0);
    let mut differences = Vec::new();
    for answers in kept().into_values() {
        let file = BTreeMap::from([("Cargo.lock".to_owned(), lockfile(&answers).into_bytes())]);
        let components = scan::components::of(&file).unwrap();
        let mut found: Answers = BTreeMap::new();
        for finding in judge(&components, &database).unwrap().findings.into_values() {
            let Site::Component { purl, .. } = &finding.site else { panic!("{finding:?}") };
            let component = &components.components[purl];
            let own = found.entry((component.name.clone(), component.version.clone())).or_default();
            let ids = finding.aliases.iter().chain([&finding.rule]).filter(|id| id.starts_with("RUSTSEC-"));
            for id in ids {
                own.insert(if finding.class == Class::Supply { format!("~{id}") } else { id.clone() });
            }
        }
        rows += answers.len();
        vulnerable += answers.values().filter(|ids| ids.iter().any(|id| !id.starts_with('~'))).count();
        for (row, expected) in answers {
            // An unsound crate is a vulnerable one here, and a warning there.
            let mut found = found.remove(&row).unwrap_or_default();
            let warned = |id: &str| expected.contains(&format!("~{id}"));
            found = found.into_iter().map(|id| if warned(&id) { format!("~{id}") } else { id }).collect();
            let is_known = DIFFERENCES.iter().any(|(known, _)| *known == format!("{} {}", row.0, row.1));
            if found != expected && !is_known {
                differences.push(format!("{row:?}: expected {expected:?}, found {found:?}"));
            }
        }
    }
    assert!(rows > 700 && vulnerable > 200, "{vulnerable} of {rows}");
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    assert!(DIFFERENCES.len() * 20 <= rows);
}

#[test]
fn cargo_audit_answers_as_kept() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers/bin/cargo-audit");
    if !program.exists() {
        assert!(
            std::env::var_os("COUNTERSIGN_PEERS").is_none(),
            "cargo-audit is missing: cargo x setup --peers"
        );
        println!("skipped: cargo-audit is not here; `cargo x test --peers` fetches it");
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let Some(database) = unpacked(temp.path()) else { return };
    for (number, answers) in kept() {
        let file = temp.path().join(format!("{number}.lock"));
        std::fs::write(&file, lockfile(&answers)).unwrap();
        let mut audit = Command::new(&program);
        audit.args(["audit", "--no-fetch", "--stale", "--json", "--db"]).arg(&database).arg("-f").arg(&file);
        let answer: Value = serde_json::from_slice(&audit.output().unwrap().stdout).unwrap();
        let mut found: Answers = answers.keys().map(|row| (row.clone(), BTreeSet::new())).collect();
        let vulnerabilities =
            answer["vulnerabilities"]["list"].as_array().unwrap().iter().map(|row| ("", row));
        let warnings =
            answer["warnings"].as_object().unwrap().values().flat_map(|rows| rows.as_array().unwrap());
        for (mark, row) in vulnerabilities.chain(warnings.map(|row| ("~", row))) {
            let Some(id) = row["advisory"]["id"].as_str() else { continue };
            let part = |key: &str| row["package"][key].as_str().unwrap().to_owned();
            found.get_mut(&(part("name"), part("version"))).unwrap().insert(format!("{mark}{id}"));
        }
        assert_eq!(found, answers, "lockfile {number}");
    }
}

#[test]
fn mutations_of_advisories() {
    let temp = tempfile::tempdir().unwrap();
    let Some(directory) = unpacked(temp.path()) else { return };
    let mut seeds = files(&directory);
    seeds.retain(|path| std::fs::metadata(path).unwrap().len() < 4_096);
    seeds.sort();
    let mut random = fastrand::Rng::with_seed(5);
    let mut kept = 0;
    for round in 0..10_000 {
        let mut bytes = std::fs::read(&seeds[round % seeds.len()]).unwrap();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(..bytes.len());
            match random.u8(..4) {
                0 => bytes[at] = random.u8(..),
                1 => bytes.insert(at, b"[]\"=<>^~*,."[random.usize(..11)]),
                2 => drop(bytes.remove(at)),
                _ => {
                    let end = (at + random.usize(..30)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    bytes.splice(at..at, part);
                }
            }
        }
        let mut builder = Builder::new("x", Ecosystem::ALL);
        match builder.rustsec("RUSTSEC-0.md", &bytes) {
            Ok(_) => {
                drop(builder.finish());
                kept += 1;
            }
            Err(error) => assert!(error.to_string().len() < 2_000, "{error}"),
        }
    }
    assert!(kept > 1_000, "{kept}");
}
