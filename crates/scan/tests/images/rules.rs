//! Each rule has two images: one that breaks it, and one that keeps it. A file of an image has a line for each entry: mode, owner
//! and path, with its content in the lines below, two spaces in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use evidence::document::findings::Severity;
use evidence::{Digest, Moment};
use scan::images::{Age, Asked, CONFIGURATION, ImageScan, facts, scan};
use serde_json::json;

use crate::support::{Build, Item, tar};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/rules")
}

/// The image that a text describes.
pub fn build(text: &str) -> Build {
    let mut build = Build::of(&[]);
    let mut layers: Vec<Vec<Item>> = Vec::new();
    for line in text.lines() {
        if let Some(content) = line.strip_prefix("  ") {
            let bytes = &mut layers.last_mut().unwrap().last_mut().unwrap().bytes;
            let content = if content == "@private-key" { key() } else { format!("{content}\n") };
            bytes.extend(content.as_bytes());
        } else if let Some(config) = line.strip_prefix("config ") {
            build.config = serde_json::from_str(config).unwrap();
        } else if let Some(step) = line.strip_prefix("history ") {
            build.history = json!([{"created_by": step}]);
        } else if let Some(created) = line.strip_prefix("created ") {
            build.created = created.to_owned().leak();
        } else if line == "layer" {
            layers.push(Vec::new());
        } else {
            layers.last_mut().unwrap().push(item(line));
        }
    }
    build.layers = layers.iter().map(|items| tar(items)).collect();
    build
}

fn item(line: &str) -> Item {
    let mut words = line.split(' ');
    let mode = u32::from_str_radix(words.next().unwrap(), 8).unwrap();
    let owner = words.next().unwrap().parse().unwrap();
    let path = words.next().unwrap();
    let item = match (words.next(), words.next()) {
        (Some("device"), None) => Item::device(path),
        (Some("->"), Some(target)) => Item::link(path, target),
        _ if path.ends_with('/') => Item::directory(path),
        _ => Item::file(path, ""),
    };
    Item { owner, ..item.with_mode(mode) }
}

/// A private key that belongs to nobody.
fn key() -> String {
    let line = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n";
    format!("-----BEGIN OPENSSH {0}-----\n{line}{line}{line}-----END OPENSSH {0}-----\n", "PRIVATE KEY")
}

fn asked() -> Asked {
    let base = Digest::of(&tar(&[Item::file("etc/name", "allowed base\n")]));
    // 2026-11-30.
    let now = Moment::from_millis(1_796_000_000_000).unwrap();
    Asked { bases: vec![vec![base]], age: Some(Age { now, days_max: 90 }) }
}

pub fn scanned(build: &Build) -> ImageScan {
    scan(&build.oci(), None, asked()).unwrap_or_else(|error| panic!("{error}"))
}

fn broken(scan: &ImageScan, rule: &str) -> Vec<String> {
    let findings = scan.document.findings.values().filter(|finding| finding.rule == rule);
    findings.map(|finding| format!("{}: {}", finding.site, finding.message)).collect()
}

#[test]
fn each_rule_is_broken_by_its_bad_image_alone() {
    let mut faults = Vec::new();
    for facts in facts() {
        for (name, is_bad) in [("bad", true), ("good", false)] {
            let path = here().join(facts.id).join(format!("{name}.txt"));
            let Ok(text) = std::fs::read_to_string(&path) else {
                faults.push(format!("{} is missing", path.display()));
                continue;
            };
            let hits = broken(&scanned(&build(&text)), facts.id);
            if hits.is_empty() == is_bad {
                faults.push(format!("{}/{name}: {hits:?}", facts.id));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_directory_is_of_a_rule_and_sentences_have_one_form() {
    let known: BTreeSet<_> = facts().map(|facts| facts.id.to_owned()).collect();
    let found = std::fs::read_dir(here()).unwrap();
    let found: BTreeSet<_> = found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(known, found);
    for facts in facts() {
        for text in [facts.title, facts.remedy] {
            assert!(!text.ends_with('.') && text.len() <= 160, "{}: {text}", facts.id);
            assert!(
                text.starts_with(|first: char| first.is_lowercase() || first == '`'),
                "{}: {text}",
                facts.id
            );
        }
        assert!(facts.why.ends_with('.'), "{}: {}", facts.id, facts.why);
    }
}

#[test]
fn findings_have_places_and_hold_no_secret() {
    let text = std::fs::read_to_string(here().join("image-secret-value/bad.txt")).unwrap();
    let scan = scanned(&build(&text));
    let hits = broken(&scan, "image-secret-value");
    assert_eq!(hits.len(), 3, "{hits:?}");
    assert!(hits.iter().all(|hit| hit.starts_with(CONFIGURATION)), "{hits:?}");
    let all = format!("{:?}", scan.document);
    for secret in ["Tr0ub4dor", "f81b2c90aa71", "9f2b77ac01de"] {
        assert!(!all.contains(secret));
    }
    let text = std::fs::read_to_string(here().join("image-deleted-secret/bad.txt")).unwrap();
    let scan = scanned(&build(&text));
    let secret = scan.document.findings.values().find(|finding| finding.rule.contains("key")).unwrap();
    assert_eq!(secret.site.file(), Some("root/.ssh/id"));
    assert!(
        secret.message.ends_with("; layer 1 of 2 has it, and a later one removes the file"),
        "{}",
        secret.message
    );
    assert_eq!(secret.severity, Severity::High);
}

#[test]
fn a_rule_that_many_files_break_has_a_finding_for_the_rest() {
    let items: Vec<Item> = (0..150).map(|n| Item::file(&format!("data/{n}"), "").with_mode(0o666)).collect();
    let scan = scanned(&Build::of(&[&items]));
    let hits = broken(&scan, "image-writable-by-all");
    assert_eq!(hits.len(), 101);
    assert!(hits.iter().any(|hit| hit.contains("(and 50 more)")), "{hits:?}");
}

#[test]
fn days_that_builders_make_up_are_no_ages() {
    let with = |created| {
        let mut build = Build::of(&[&[Item::file("a", "1")]]);
        build.created = created;
        broken(&scanned(&build), "image-old").join("")
    };
    for (created, why) in [
        ("1970-01-01T00:00:00Z", "cannot be right"),
        ("2099-01-01T00:00:00Z", "is in the future"),
        ("yesterday", "does not say when it was made"),
        ("2026-01-01T00:00:00Z", "days, at most 90"),
    ] {
        let told = with(created);
        assert!(told.contains(why), "{created}: {told}");
    }
    assert_eq!(with("2026-11-29T23:00:00.5+01:00"), "");
}

#[test]
fn files_that_were_not_scanned_are_undecided() {
    let items = [Item::bytes("a.zip", b"PK\x03\x04...."), Item::file("x", "1"), Item::file("x", "2")];
    let scan = scanned(&Build::of(&[&items]));
    let all: Vec<_> = scan.document.findings.values().filter(|finding| finding.undecided).collect();
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!((scan.packed, scan.unread.len()), (1, 1));
}
