//! The advisories of the story: a directory of records, as a mirror has them, and the database made of them by which the server
//! and the runners judge.

use std::path::PathBuf;

use serde_json::json;

use super::repository::Repository;
use crate::failure::Failure;

/// The database.
pub fn database(of: &Repository) -> PathBuf {
    of.people.join("advisories")
}

/// Makes a database whose advisories are about nothing that ships, and writes the operator's rules about alerts.
pub fn prepare(of: &Repository) -> Result<(), Failure> {
    publish(of, "RUSTSEC-2026-0001", "left-pad")?;
    Ok(std::fs::write(of.data.join("alerts.json"), RULES)?)
}

/// Adds an advisory about a package to the records, and makes the database anew.
pub fn publish(of: &Repository, id: &str, package: &str) -> Result<(), Failure> {
    let mirror = of.people.join("mirror");
    std::fs::create_dir_all(&mirror)?;
    let record = json!({
        "id": id, "modified": "2026-08-21T10:00:00Z", "published": "2026-08-01T10:00:00Z",
        "summary": "Memory is read after it was freed",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [{
            "package": {"ecosystem": "crates.io", "name": package},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0.0.0-0"}, {"fixed": "1.0.1"}]}],
        }],
    });
    std::fs::write(mirror.join(format!("{id}.json")), record.to_string())?;
    let (from, to) = (mirror.display().to_string(), database(of).display().to_string());
    let sync = ["osv", "sync", "--from", &from, "--advisories", &to];
    of.expect("bob", &sync, 0, "getting the advisories")?;
    Ok(())
}

const RULES: &str =
    r#"{ "days": { "critical": 3 }, "champions": { "@bank/payments": "bob" }, "hold": ["production"] }"#;
