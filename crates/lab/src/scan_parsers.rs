//! Parsers of crate `scan`: reports of tools, lockfiles, statements about vulnerabilities, advisories, and files with secrets.
//!
//! The first byte of an input chooses the format, or the name of the file.

use std::collections::BTreeMap;

use evidence::document::findings::Origin;
use evidence::document::{ComponentsDocument, Document as _, FindingsDocument};
use scan::advisories::{Builder, Database, Ecosystem, judge};
use scan::reports::{ReportFormat, translate};
use scan::{components, secrets, vex};

use crate::target::Target;

#[path = "../../scan/tests/reports/seeds.rs"]
mod seeds;

/// Reports of every format.
pub const REPORT: Target = Target {
    name: "report",
    run: report,
    seeds: |_| SEEDS.iter().zip(0..).map(|(text, first)| behind(first, text.as_bytes())).collect(),
    sources: &[
        "scan/src/reports/sarif.rs",
        "scan/src/reports/junit.rs",
        "scan/src/reports/json.rs",
        "scan/src/reports/xml.rs",
        "scan/src/reports/findings.rs",
        "scan/src/reports/path.rs",
        "scan/src/reports/purl.rs",
        "scan/src/reports/severity.rs",
        "scan/src/reports/vulnerabilities.rs",
        "scan/src/reports/bandit.rs",
        "scan/src/reports/checkov.rs",
        "scan/src/reports/coverage/cobertura.rs",
        "scan/src/reports/cyclonedx.rs",
        "scan/src/reports/grype.rs",
        "scan/src/reports/hadolint.rs",
        "scan/src/reports/coverage/lcov.rs",
        "scan/src/reports/npm_audit.rs",
        "scan/src/reports/osv_scanner.rs",
        "scan/src/reports/pip_audit.rs",
        "scan/src/reports/semgrep.rs",
        "scan/src/reports/tfsec.rs",
        "scan/src/reports/trivy.rs",
        "scan/src/reports/wapiti.rs",
        "scan/src/reports/zap.rs",
        "scan/src/reports/kics.rs",
        "scan/src/reports/terrascan.rs",
        "scan/src/reports/snyk.rs",
        "scan/src/reports/dependency_check.rs",
        "scan/src/reports/sonarqube.rs",
        "scan/src/reports/checkmarx.rs",
        "scan/src/reports/checkmarx/one.rs",
        "scan/src/reports/checkmarx/report.rs",
        "scan/src/reports/burp.rs",
        "scan/src/reports/openscap.rs",
        "scan/src/reports/inspec.rs",
    ],
};

/// Lockfiles and manifests of every format.
pub const LOCKFILE: Target = Target {
    name: "lockfile",
    run: lockfile,
    seeds: |_| TREES.iter().flat_map(|tree| lockfiles(tree)).collect(),
    sources: &[
        "scan/src/components/address.rs",
        "scan/src/components/cargo.rs",
        "scan/src/components/drift.rs",
        "scan/src/components/go.rs",
        "scan/src/components/graph.rs",
        "scan/src/components/manifests.rs",
        "scan/src/components/maven.rs",
        "scan/src/components/maven_tree.rs",
        "scan/src/components/node.rs",
        "scan/src/components/npm.rs",
        "scan/src/components/npm_entry.rs",
        "scan/src/components/npm_tree.rs",
        "scan/src/components/pip.rs",
        "scan/src/components/pnpm.rs",
        "scan/src/components/poetry.rs",
        "scan/src/components/purl.rs",
        "scan/src/components/urls.rs",
        "scan/src/components/uv.rs",
        "scan/src/components/yarn.rs",
        "scan/src/components/yarn_berry.rs",
        "scan/src/components/composer.rs",
        "scan/src/components/gem.rs",
        "scan/src/components/gradle.rs",
        "scan/src/components/nuget.rs",
        "scan/src/components/pdm.rs",
        "scan/src/components/pipenv.rs",
    ],
};

/// OpenVEX and CycloneDX with analyses.
pub const VEX: Target = Target {
    name: "vex",
    run: claims,
    seeds: |_| [OPENVEX, ANALYSIS].map(|text| text.as_bytes().to_vec()).to_vec(),
    sources: &["scan/src/vex/claim.rs", "scan/src/vex/cyclonedx.rs", "scan/src/vex/openvex.rs"],
};

/// Records and feeds of advisories, and databases made of them.
pub const ADVISORY: Target = Target {
    name: "advisory",
    run: advisory,
    seeds: |_| {
        let mut builder = Builder::new("x", Ecosystem::ALL);
        builder.record("x", RECORD.as_bytes()).unwrap();
        let database = builder.finish().unwrap();
        let texts = [RECORD, KEV, EPSS].map(str::as_bytes);
        texts
            .into_iter()
            .chain([database.as_slice()])
            .zip(0..)
            .map(|(seed, first)| behind(first, seed))
            .collect()
    },
    sources: &[
        "scan/src/advisories/affected.rs",
        "scan/src/advisories/builder.rs",
        "scan/src/advisories/database.rs",
        "scan/src/advisories/feeds.rs",
        "scan/src/advisories/layout.rs",
        "scan/src/advisories/record.rs",
        "scan/src/advisories/stored.rs",
    ],
};

/// Files that are searched for secrets.
pub const SECRET: Target = Target {
    name: "secret",
    run: secret,
    seeds: |_| {
        // Put together, so that no scanner finds one in this file.
        let token = ["k = \"sk_live", "_4eC39HqLyjWDarjtT1zdp7aa\"\n"].concat();
        let address = ["postgres://app:Vq8wLz3x", "@db.test/app\n"].concat();
        let marked =
            [&b"\xff\xfe"[..], &token.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat();
        vec![token.into_bytes(), address.into_bytes(), marked, b"PK\x03\x04".to_vec()]
    },
    sources: &[
        "scan/src/secrets/engine.rs",
        "scan/src/secrets/mod.rs",
        "scan/src/secrets/proof.rs",
        "scan/src/secrets/sound.rs",
    ],
};

fn report(bytes: &[u8]) {
    let Some((first, report)) = bytes.split_first() else { return };
    let formats: Vec<_> = ReportFormat::all().collect();
    let format = formats[usize::from(*first) % formats.len()];
    let files = [("a.py", "eval(x)\n".to_owned()), ("src/cart.js", "x\n".repeat(20))];
    let tree: BTreeMap<String, String> = files.map(|(path, text)| (path.to_owned(), text)).into();
    if let Ok(read) = translate(format, report, &tree, Origin::Scan) {
        let summary = read.kind.inspect(&read.document).unwrap();
        assert_eq!(summary.items, read.items, "the counts are those of the document");
    }
}

fn lockfile(bytes: &[u8]) {
    let Some((first, text)) = bytes.split_first() else { return };
    let path = NAMES[usize::from(*first) % NAMES.len()];
    let Ok(document) = components::of(&[(path.to_owned(), text.to_vec())].into()) else { return };
    let encoded = document.encode().unwrap();
    assert_eq!(ComponentsDocument::decode(&encoded).unwrap(), document, "one spelling");
}

fn claims(bytes: &[u8]) {
    if let Ok(vex) = vex::read(bytes) {
        let is_whole = |claim: &vex::Claim| !claim.products.is_empty() && !claim.vulnerabilities.is_empty();
        assert!(vex.statements.iter().all(is_whole), "each statement is about something");
    }
}

fn advisory(bytes: &[u8]) {
    let Some((first, input)) = bytes.split_first() else { return };
    let mut builder = Builder::new("x", Ecosystem::ALL);
    let database = match first % 4 {
        0 if builder.record("x", input).is_ok_and(|kept| kept) => builder.finish().unwrap(),
        1 => return drop(builder.exploited("x", input)),
        2 => return drop(builder.probabilities("x", input)),
        3 => input.to_vec(),
        _ => return,
    };
    let lock = br#"{"lockfileVersion": 3, "packages": {"node_modules/a": {"version": "1.0.0"}}}"#;
    let bill = components::of(&[("package-lock.json".to_owned(), lock.to_vec())].into()).unwrap();
    if let Ok(found) = Database::open(database).and_then(|database| judge(&bill, &database)) {
        let encoded = found.encode().unwrap();
        assert_eq!(FindingsDocument::decode(&encoded).unwrap(), found, "one spelling");
    }
}

fn secret(bytes: &[u8]) {
    let Ok(found) = secrets::of(&[("a".to_owned(), bytes.to_vec())].into()) else { return };
    assert_eq!(found.files + found.skipped.len(), 1, "a file is scanned or named");
    drop(found.document.encode().unwrap());
}

fn behind(first: u8, bytes: &[u8]) -> Vec<u8> {
    [&[first], bytes].concat()
}

/// The lockfiles of a tree in one text, each behind the number of its name.
fn lockfiles(tree: &str) -> Vec<Vec<u8>> {
    let parts = tree.split("-- ").filter_map(|part| part.split_once(" --\n"));
    let named = parts.filter_map(|(path, text)| {
        let base = path.rsplit('/').next()?;
        let first = NAMES.iter().zip(0..).find(|(name, _)| **name == base)?.1;
        Some(behind(first, shortened(text).as_bytes()))
    });
    named.filter(|seed| seed.len() <= SEED_BYTES_MAX).collect()
}

/// The first packages of a long lockfile in TOML, with what stands behind all of them.
fn shortened(text: &str) -> String {
    let ends =
        text.match_indices("\n[[package]]").map(|(at, _)| at).take_while(|at| *at < SEED_BYTES_MAX / 2);
    match ends.last().filter(|_| text.len() > SEED_BYTES_MAX) {
        Some(end) => {
            let rest = text.find("\n[metadata]").unwrap_or(text.len());
            format!("{}{}", &text[..end], &text[rest.max(end)..])
        }
        None => text.to_owned(),
    }
}

const SEED_BYTES_MAX: usize = 16 * 1024;

/// Names of files, one of each format.
const NAMES: [&str; 19] = [
    "Cargo.lock",
    "go.mod",
    "pom.xml",
    "dependency-tree.txt",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "requirements.txt",
    "poetry.lock",
    "uv.lock",
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "composer.lock",
    "gems.locked",
    "packages.lock.json",
    "gradle.lockfile",
    "pdm.lock",
    "Pipfile.lock",
];

const TREES: [&str; 18] = [
    include_str!("../../scan/tests/lockfiles/cargo-ws.txtar"),
    include_str!("../../scan/tests/lockfiles/go-app.txtar"),
    include_str!("../../scan/tests/lockfiles/mvn-debian.txtar"),
    include_str!("../../scan/tests/lockfiles/npm1-tool.txtar"),
    include_str!("../../scan/tests/lockfiles/npm3-tool.txtar"),
    include_str!("../../scan/tests/lockfiles/pnpm7-tool.txtar"),
    include_str!("../../scan/tests/lockfiles/pnpm9-tool.txtar"),
    include_str!("../../scan/tests/lockfiles/yarn1-tool.txtar"),
    include_str!("../../scan/tests/lockfiles/pip-app.txtar"),
    include_str!("../../scan/tests/lockfiles/poetry-old.txtar"),
    include_str!("../../scan/tests/lockfiles/uv-app.txtar"),
    include_str!("../../scan/tests/lockfiles/yarn4-tool.txtar"),
    include_str!("../../scan/tests/lockfiles/composer-app.txtar"),
    include_str!("../../scan/tests/lockfiles/gem-checks.txtar"),
    include_str!("../../scan/tests/lockfiles/nuget-app.txtar"),
    include_str!("../../scan/tests/lockfiles/gradle-app.txtar"),
    include_str!("../../scan/tests/lockfiles/pdm-app.txtar"),
    include_str!("../../scan/tests/lockfiles/pipenv-app.txtar"),
];

/// A report of each format, in the order of [`ReportFormat::all`].
const SEEDS: [&str; 29] = [
    seeds::SARIF,
    seeds::JUNIT,
    seeds::OSV,
    seeds::TRIVY,
    seeds::GRYPE,
    seeds::CYCLONEDX,
    seeds::CYCLONEDX_XML,
    seeds::ZAP,
    seeds::ZAP_XML,
    seeds::WAPITI,
    seeds::SEMGREP,
    seeds::BANDIT,
    seeds::PIP_AUDIT,
    seeds::NPM_AUDIT,
    seeds::CHECKOV,
    seeds::HADOLINT,
    seeds::TFSEC,
    seeds::KICS,
    seeds::TERRASCAN,
    seeds::SNYK,
    seeds::DEPENDENCY_CHECK,
    seeds::SONARQUBE,
    seeds::CHECKMARX_XML,
    seeds::CHECKMARX_JSON,
    seeds::BURP_XML,
    seeds::OPENSCAP,
    seeds::INSPEC,
    include_str!("../../scan/tests/reports/coverage/c8.xml"),
    include_str!("../../scan/tests/reports/coverage/c8.info"),
];

const OPENVEX: &str = r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://x.test/1","author":"a","timestamp":"2024-01-01T00:00:00Z","version":1,"statements":[
{"vulnerability":{"name":"CVE-1","aliases":["GHSA-1"]},"products":[{"@id":"pkg:npm/app@1","subcomponents":[{"@id":"pkg:npm/b@2"}]}],"status":"not_affected","justification":"component_not_present"}]}"#;
const ANALYSIS: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"b","version":"1","bom-ref":"r","purl":"pkg:npm/b@1"}],
"vulnerabilities":[{"id":"CVE-1","analysis":{"state":"not_affected","justification":"code_not_reachable","detail":"d"},"affects":[{"ref":"r"}]}]}"#;
const RECORD: &str = r#"{"id":"X-1","modified":"2026-11-20T00:00:00Z","published":"2026-01-01T00:00:00Z","aliases":["CVE-1"],"summary":"s","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
"affected":[{"package":{"ecosystem":"npm","name":"a"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.0"}]}],"versions":["1.0.0"]}]}"#;
const KEV: &str = r#"{"title":"t","catalogVersion":"1","count":1,"vulnerabilities":[{"cveID":"CVE-1","vendorProject":"v"}]}"#;
const EPSS: &str =
    "#model_version:v2023.03.01,score_date:2026-11-20\ncve,epss,percentile\nCVE-1,0.00042,0.05\n";
