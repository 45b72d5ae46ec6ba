//! in-toto Statement v1 (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>).
//!
//! Invariant: only a Statement v1 is accepted, with at least one subject and a digest for every subject. This module
//! does not parse predicates; the module of each predicate type does.

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
    /// Subjects of the statement.
    pub subject: Vec<ResourceDescriptor>,
    /// Type URI of the predicate.
    pub predicate_type: String,
    /// The predicate; absent counts as empty.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub predicate: Map<String, Value>,
}

/// A resource by name, location or digest
/// (<https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md>).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDescriptor {
    /// Name within the statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Location of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Digests by algorithm, lower-case hex.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// Content of the resource, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Location that the resource was downloaded from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_location: Option<String>,
    /// Media type of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Further information.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub annotations: Map<String, Value>,
}

/// Errors of reading a Statement v1.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The bytes are not the JSON of a statement.
    #[error("statement: {0}")]
    Json(#[from] serde_json::Error),
    /// The statement is larger than allowed.
    #[error("statement: more than {BYTES_MAX} bytes")]
    Long,
    /// The statement has another type or version.
    #[error("statement: `_type` is `{0}`, expected `{TYPE}`")]
    Type(String),
    /// The statement has no subject, or a subject has no digest.
    #[error("statement: every statement needs a subject, and every subject a digest")]
    Subject,
}

/// Largest statement in bytes.
pub const BYTES_MAX: usize = 512 * 1024;

impl Statement {
    /// Parses a statement. Unknown fields are ignored, as the specification demands of consumers
    /// (<https://github.com/in-toto/attestation/blob/main/spec/v1/README.md#parsing-rules>).
    ///
    /// # Errors
    /// `StatementError` names the fault.
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
