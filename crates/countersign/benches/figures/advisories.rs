//! A bill of 1,000 crates against 200,000 records in a cold process, against the same with one record.

use std::fmt::Write as _;

use scan::advisories::{Builder, Ecosystem};

use crate::support::Home;
use crate::{print, spans};

/// Records of the mirror. Every second component has some.
const RECORDS: u64 = 200_000;
const COMPONENTS: u64 = 1_000;

pub fn components() {
    let home = Home::new();
    let write = |name: &str, bytes: &[u8]| std::fs::write(home.dir.path().join(name), bytes).unwrap();
    write("many", &database(RECORDS));
    write("one", &database(1));
    let mut lockfile = "version = 4\n".to_owned();
    for n in 0..COMPONENTS {
        let checksum = "ab".repeat(32);
        let source = "registry+https://github.com/rust-lang/crates.io-index";
        write!(lockfile, "\n[[package]]\nname = \"crate-{}\"\nversion = \"1.0.0\"\n", n * 97).unwrap();
        write!(lockfile, "source = \"{source}\"\nchecksum = \"{checksum}\"\n").unwrap();
    }
    std::fs::create_dir(home.dir.path().join("app")).unwrap();
    write("app/Cargo.lock", lockfile.as_bytes());
    let scan = |advisories: &str| {
        let out = home.run(&["scan", "app", "--advisories", advisories]);
        assert!(String::from_utf8_lossy(&out.stdout).contains("by the advisories of"));
    };
    let (ours, floor) = (spans(40, || scan("many")), spans(40, || scan("one")));
    print("scan of 1,000 crates, 200,000 records", &ours, &floor, "the same with one record");
}

/// Records of seeded sizes: a third have a vector, some have two ranges.
pub fn database(records: u64) -> Vec<u8> {
    let mut builder = Builder::new("seeded", [Ecosystem::CratesIo]);
    let mut seed = 17_u64;
    for n in 0..records {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let name = (seed >> 33) % 100_000;
        let severity = match seed % 3 {
            0 => r#""severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:L/A:N"}],"#,
            _ => "",
        };
        let events = match seed % 5 {
            0 => r#"{"introduced":"0"},{"fixed":"0.4.2"},{"introduced":"0.9.0"},{"fixed":"1.2.3"}"#,
            1 => r#"{"introduced":"0"}"#,
            _ => r#"{"introduced":"0.0.0-0"},{"fixed":"0.9.9"}"#,
        };
        let record = format!(
            r#"{{"id":"SEED-{n}","modified":"2026-08-21T10:00:00Z","published":"2026-08-01T10:00:00Z","aliases":["CVE-9999-{n}"],
            "summary":"A sentence of a usual length about what goes wrong in this version of the package","details":"{}",{severity}
            "affected":[{{"package":{{"ecosystem":"crates.io","name":"crate-{name}"}},"ranges":[{{"type":"SEMVER","events":[{events}]}}]}}]}}"#,
            "more ".repeat(60),
        );
        builder.record("seed", record.as_bytes()).unwrap();
    }
    builder.finish().unwrap()
}
