//! CycloneDX 1.6 in JSON (<https://cyclonedx.org/docs/1.6/json/>) of a `components` document.
//!
//! Invariant: equal documents and subjects give equal bytes: no clock, no chance. The serial number is derived from the
//! digest of both.

use std::collections::BTreeSet;

use evidence::canonical::{self, CanonicalError};
use evidence::document::ComponentsDocument;
use evidence::document::components::{Component, Scope};
use evidence::{Digest, Moment};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::purl::is_exact;

/// The thing that a bill of materials is about.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    /// Name.
    pub name: String,
    /// Version, if it has one.
    pub version: Option<String>,
    /// Time of the bill, such as that of the commit: not the clock's, so that the bytes can be made again.
    pub created: Moment,
}

/// The bill of materials.
///
/// # Errors
/// `CanonicalError` when it cannot be encoded.
pub fn cyclonedx(document: &ComponentsDocument, subject: &Subject) -> Result<Vec<u8>, CanonicalError> {
    let tools = document.tools.iter().map(|tool| {
        let mut value = json!({ "type": "application", "name": tool.name });
        set(&mut value, "version", tool.version.clone().map(Value::from));
        value
    });
    let mut root = json!({ "type": "application", "bom-ref": ROOT, "name": subject.name });
    set(&mut root, "version", subject.version.clone().map(Value::from));
    let components = document.components.iter().map(|(purl, component)| entry(purl, component));
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid(document, subject)?),
        "version": 1,
        "metadata": {
            "timestamp": subject.created.to_string(),
            "tools": { "components": tools.collect::<Vec<_>>() },
            "component": root,
        },
        "components": components.collect::<Vec<_>>(),
        "dependencies": dependencies(document),
    });
    canonical::encode("CycloneDX", &bill)
}

/// A UUID of version 8 (<https://www.rfc-editor.org/rfc/rfc9562#section-5.8>) out of document and subject.
pub(super) fn uuid(document: &ComponentsDocument, subject: &Subject) -> Result<String, CanonicalError> {
    let digest = Digest::of(&canonical::encode("bill of materials", &(document, subject))?).to_string();
    let hex: String = digest.chars().rev().take(32).collect();
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    Ok(format!("{}-{}-8{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32)))
}

fn entry(purl: &str, component: &Component) -> Value {
    let (group, name) = match component.name.split_once('/').filter(|(group, _)| group.starts_with('@')) {
        Some((group, name)) => (Some(group), name),
        None => match component.name.split_once(':').filter(|_| purl.starts_with("pkg:maven/")) {
            Some((group, name)) => (Some(group), name),
            None => (None, component.name.as_str()),
        },
    };
    let scope = match component.scope {
        Scope::Runtime => "required",
        Scope::Optional => "optional",
        Scope::Development => "excluded",
    };
    let mut value = json!({
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "purl": purl,
        "scope": scope,
        "properties": properties(component),
    });
    set(&mut value, "group", group.map(Value::from));
    set(&mut value, "version", is_exact(purl).then(|| Value::from(component.version.as_str())));
    let hashes = component.checksums.iter().filter_map(|(name, sum)| {
        let name = ALGORITHMS.iter().find(|(ours, _)| ours == name)?.1;
        Some(json!({ "alg": name, "content": sum }))
    });
    let hashes: Vec<Value> = hashes.collect();
    set(&mut value, "hashes", (!hashes.is_empty()).then(|| Value::from(hashes)));
    let licences = component.licence.as_ref().map(|licence| json!([{ "expression": licence }]));
    set(&mut value, "licenses", licences);
    value
}

fn properties(component: &Component) -> Vec<Value> {
    let mut properties = vec![("countersign:pinned", component.pinned.to_string())];
    properties.extend(component.direct.map(|direct| ("countersign:direct", direct.to_string())));
    properties.extend(component.sources.iter().map(|source| ("countersign:source", source.clone())));
    properties.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn dependencies(document: &ComponentsDocument) -> Vec<Value> {
    let direct: BTreeSet<&String> = document
        .components
        .iter()
        .filter(|(_, component)| component.direct != Some(false))
        .map(|(purl, _)| purl)
        .collect();
    let mut rows = vec![json!({ "ref": ROOT, "dependsOn": direct })];
    rows.extend(
        document
            .components
            .iter()
            .map(|(purl, component)| json!({ "ref": purl, "dependsOn": component.needs })),
    );
    rows
}

fn set(value: &mut Value, key: &str, entry: Option<Value>) {
    if let (Value::Object(map), Some(entry)) = (value, entry) {
        let map: &mut Map<String, Value> = map;
        map.insert(key.to_owned(), entry);
    }
}

const ROOT: &str = "root";

/// Names of algorithms in documents and in CycloneDX.
const ALGORITHMS: [(&str, &str); 5] =
    [("md5", "MD5"), ("sha1", "SHA-1"), ("sha256", "SHA-256"), ("sha384", "SHA-384"), ("sha512", "SHA-512")];
