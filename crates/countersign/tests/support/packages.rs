//! A lockfile of one package, and advisories about packages of crates.io.

/// A lockfile whose package depends on `serde`.
pub const LOCKFILE: &str = "version = 4

[[package]]
name = \"app\"
version = \"0.1.0\"
dependencies = [\"serde\"]

[[package]]
name = \"serde\"
version = \"1.0.0\"
source = \"registry+https://github.com/rust-lang/crates.io-index\"
checksum = \"abababababababababababababababababababababababababababababababab\"
";

/// An advisory of OSV's form about a package before 1.0.1.
pub fn record(id: &str, name: &str) -> String {
    let alias = id.replace("RUSTSEC-2026-000", "CVE-2026-");
    format!(
        r#"{{"id": "{id}", "modified": "2026-08-21T10:00:00Z", "published": "2026-08-01T10:00:00Z",
  "aliases": ["{alias}"], "summary": "Memory is read after it was freed",
  "severity": [{{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}],
  "affected": [{{"package": {{"ecosystem": "crates.io", "name": "{name}"}},
    "ranges": [{{"type": "SEMVER", "events": [{{"introduced": "0.0.0-0"}}, {{"fixed": "1.0.1"}}]}}]}}]}}"#
    )
}
