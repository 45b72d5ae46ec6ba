//! in-toto Statement v1 (in-toto/attestation, spec/v1/statement.md).
//!
//! Invariant: what is not a Statement v1 with at least one subject that has a digest is refused. Predicates
//! are parsed by whoever knows their type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Type URI of Statement v1.
pub const TYPE: &str = "https://in-toto.io/Statement/v1";
/// DSSE payload type of in-toto statements.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A statement about subjects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// Always `TYPE`.
    #[serde(rename = "_type")]
    pub type_uri: String,
    /// What it is about.
    pub subject: Vec<ResourceDescriptor>,
    /// Type URI of the predicate.
    pub predicate_type: String,
    /// What is said; absent counts as empty.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub predicate: Map<String, Value>,
}

/// A resource by name, place or digest (spec/v1/resource_descriptor.md).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDescriptor {
    /// Name within the statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Digests by algorithm, lower-case hex.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// Its bytes, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Where it was downloaded from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_location: Option<String>,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub annotations: Map<String, Value>,
}

/// Why some bytes are not a Statement v1.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Not JSON of a statement.
    #[error("statement: {0}")]
    Json(#[from] serde_json::Error),
    /// Larger than allowed.
    #[error("statement: more than {BYTES_MAX} bytes")]
    Long,
    /// Another type or version.
    #[error("statement: `_type` is `{0}`, expected `{TYPE}`")]
    Type(String),
    /// No subject, or one without a digest.
    #[error("statement: every statement needs a subject, and every subject a digest")]
    Subject,
}

/// Largest statement in bytes.
pub const BYTES_MAX: usize = 512 * 1024;

impl Statement {
    /// Parses a statement; unknown fields are ignored, as the specification asks of consumers.
    ///
    /// # Errors
    /// `StatementError` names what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, StatementError> {
        if bytes.len() > BYTES_MAX {
            return Err(StatementError::Long);
        }
        let statement: Self = serde_json::from_slice(bytes)?;
        if statement.type_uri != TYPE {
            return Err(StatementError::Type(statement.type_uri.chars().take(80).collect()));
        }
        let described = statement.subject.iter().all(|subject| !subject.digest.is_empty());
        if statement.subject.is_empty() || !described {
            return Err(StatementError::Subject);
        }
        Ok(statement)
    }
}
