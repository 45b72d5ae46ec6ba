//! `k8s-secret-in-file`. Sealed forms have another kind, or values that begin with `ENC[`.

use base64::Engine as _;
use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::plain_secret;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-secret-in-file",
        severity: Severity::High,
        title: "a Secret stands in a file with its values",
        why: "Base64 hides nothing: everybody who can read the repository has them, and they stay in its history.",
        remedy: "revoke the values, and keep them where only the cluster gets them, or seal them",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if !object.is("", &["Secret"]) || object.node.get("sops").is_some() {
        return;
    }
    let texts = object.node.get("stringData").into_iter().flat_map(Marked::entries);
    let encoded = object.node.get("data").into_iter().flat_map(Marked::entries);
    let decoded = encoded.filter_map(|(name, node)| Some((name, node, decoded(node.text()?)?)));
    let all = texts.filter_map(|(name, node)| Some((name, node, node.text()?.to_owned()))).chain(decoded);
    for (name, node, text) in all {
        if !is_public(name) && plain_secret::is_literal_secret(&text) {
            hits.of(node, format!("{}, {name}", object.name));
        }
    }
}

/// The text of a value; one that is no text has its bytes replaced, since it may be a key.
fn decoded(text: &str) -> Option<String> {
    let packed: String = text.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(packed).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a value is known to others by its nature: a certificate, a place, or the name of somebody.
fn is_public(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_name = name.contains("user") || name.ends_with("name") || name.ends_with("name_in");
    (is_name && !name.contains("pass"))
        || ["ca.crt", "tls.crt", "namespace", "host", "port", "database", "url"].contains(&name.as_str())
}
