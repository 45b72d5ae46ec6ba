//! SPDX 2.3 in JSON (<https://spdx.github.io/spdx-spec/v2.3/>) of a `components` document.
//!
//! Invariant: equal documents and subjects give equal bytes, as in the module `cyclonedx`.

use evidence::Digest;
use evidence::canonical::{self, CanonicalError};
use evidence::document::ComponentsDocument;
use evidence::document::components::{Component, Scope};
use serde_json::{Value, json};

use super::cyclonedx::{Subject, uuid};
use super::purl::is_exact;

/// The bill of materials.
///
/// # Errors
/// `CanonicalError` when it cannot be encoded.
pub fn spdx(document: &ComponentsDocument, subject: &Subject) -> Result<Vec<u8>, CanonicalError> {
    let creators = document.tools.iter().map(|tool| {
        let version = tool.version.as_ref().map(|version| format!("-{version}")).unwrap_or_default();
        format!("Tool: {}{version}", tool.name.replace(' ', "-"))
    });
    let mut packages = vec![package(ROOT, &subject.name, subject.version.as_deref())];
    packages.extend(document.components.iter().map(|(purl, component)| entry(purl, component)));
    let bill = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": subject.name,
        "documentNamespace": format!("urn:uuid:{}", uuid(document, subject)?),
        "creationInfo": {
            "created": seconds(subject),
            "creators": creators.collect::<Vec<_>>(),
        },
        "packages": packages,
        "relationships": relationships(document),
    });
    canonical::encode("SPDX", &bill)
}

fn package(id: &str, name: &str, version: Option<&str>) -> Value {
    let mut value = json!({
        "SPDXID": id,
        "name": name,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    });
    if let (Value::Object(map), Some(version)) = (&mut value, version) {
        map.insert("versionInfo".to_owned(), Value::from(version));
    }
    value
}

fn entry(purl: &str, component: &Component) -> Value {
    let version = is_exact(purl).then_some(component.version.as_str());
    let mut value = package(&id(purl), &component.name, version);
    let Value::Object(map) = &mut value else { return value };
    map.insert(
        "externalRefs".to_owned(),
        json!([{ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl }]),
    );
    // A licence by reference would need its text, which a lockfile does not have.
    if let Some(licence) = component.licence.as_ref().filter(|licence| !licence.contains("Ref-")) {
        map.insert("licenseDeclared".to_owned(), Value::from(licence.as_str()));
    }
    let known = |name: &str| matches!(name, "md5" | "sha1" | "sha256" | "sha384" | "sha512");
    let sums: Vec<Value> = component
        .checksums
        .iter()
        .filter(|(name, _)| known(name))
        .map(|(name, sum)| json!({ "algorithm": name.to_uppercase(), "checksumValue": sum }))
        .collect();
    if !sums.is_empty() {
        map.insert("checksums".to_owned(), Value::from(sums));
    }
    value
}

fn relationships(document: &ComponentsDocument) -> Vec<Value> {
    let row = |from: &str, kind: &str, to: &str| json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to });
    let mut rows = vec![row("SPDXRef-DOCUMENT", "DESCRIBES", ROOT)];
    for (purl, component) in &document.components {
        let from = id(purl);
        if component.direct != Some(false) {
            rows.push(match component.scope {
                Scope::Runtime => row(ROOT, "DEPENDS_ON", &from),
                Scope::Optional => row(&from, "OPTIONAL_DEPENDENCY_OF", ROOT),
                Scope::Development => row(&from, "DEV_DEPENDENCY_OF", ROOT),
            });
        }
        rows.extend(component.needs.iter().map(|need| row(&from, "DEPENDS_ON", &id(need))));
    }
    rows
}

/// The time without fractions of a second, which SPDX 2.3 does not take.
fn seconds(subject: &Subject) -> String {
    let text = subject.created.to_string();
    text.split_once('.').map_or(text.clone(), |(seconds, _)| format!("{seconds}Z"))
}

/// An id of letters and digits that follows from the package URL.
fn id(purl: &str) -> String {
    let digest = Digest::of(purl.as_bytes()).to_string();
    let hex: String = digest.chars().rev().take(32).collect();
    format!("SPDXRef-Package-{hex}")
}

const ROOT: &str = "SPDXRef-Root";
