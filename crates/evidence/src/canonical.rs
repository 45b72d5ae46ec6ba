//! Canonical JSON (RFC 8785, <https://www.rfc-editor.org/rfc/rfc8785>): the one encoding of everything that is signed
//! or committed to.
//!
//! Invariant: `decode` accepts exactly the bytes that `encode` makes. Duplicate keys, another order, white space,
//! floats, numbers above 2^53 and unknown fields all fail, because `encode` would make other bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ordered;

/// Errors of encoding and decoding canonical JSON.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The input is longer than the format allows.
    #[error("{what} has {found} bytes, at most {max} are allowed")]
    Long {
        /// Name of the format.
        what: &'static str,
        /// Length found, in bytes.
        found: usize,
        /// Length allowed, in bytes.
        max: usize,
    },
    /// The input is not JSON of this format.
    #[error("{what}: {source}")]
    Shape {
        /// Name of the format.
        what: &'static str,
        /// Position and cause.
        source: serde_json::Error,
    },
    /// The input is JSON of this format, but not in its canonical encoding.
    #[error("{what} is not in canonical form (RFC 8785) at byte {at}")]
    Encoding {
        /// Name of the format.
        what: &'static str,
        /// Position of the first byte that differs.
        at: usize,
    },
}

/// Encodes a value canonically.
///
/// # Errors
/// `CanonicalError::Shape` when JSON cannot express the value, for instance a map whose keys are not text.
pub fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, CanonicalError> {
    ordered::to_vec(value).map_err(|source| CanonicalError::Shape { what, source })
}

/// Parses at most `bytes_max` canonical bytes.
///
/// # Errors
/// `CanonicalError` names the format and the position.
pub fn decode<T: Serialize + DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
    bytes_max: usize,
) -> Result<T, CanonicalError> {
    if bytes.len() > bytes_max {
        return Err(CanonicalError::Long { what, found: bytes.len(), max: bytes_max });
    }
    let value: T = serde_json::from_slice(bytes).map_err(|source| CanonicalError::Shape { what, source })?;
    let again = encode(what, &value)?;
    if again == bytes {
        return Ok(value);
    }
    let same = again.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    Err(CanonicalError::Encoding { what, at: same })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        b: u64,
        a: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        c: Option<bool>,
    }

    #[test]
    fn one_encoding_only() {
        let value = Sample { b: 7, a: "x\u{e9}\n".into(), c: None };
        let bytes = encode("sample", &value).unwrap();
        assert_eq!(bytes, "{\"a\":\"x\u{e9}\\n\",\"b\":7}".as_bytes());
        assert_eq!(decode::<Sample>("sample", &bytes, 100).unwrap(), value);
        for bad in [
            r#"{"a":"x","b":7,"c":null}"#,
            r#"{"b":7,"a":"x"}"#,
            r#"{"a":"x","b":7.0}"#,
            r#"{"a":"x","b":7} "#,
            r#"{"a":"\u0078","b":7}"#,
            r#"{"a":"x","a":"x","b":7}"#,
            r#"{"a":"x","b":7,"d":1}"#,
            r#"{"a":"x","b":9007199254740993}"#,
            r#"{"a":"x","b":-1}"#,
            "",
            "null",
            "[]",
        ] {
            assert!(decode::<Sample>("sample", bad.as_bytes(), 100).is_err(), "{bad}");
        }
        assert!(decode::<Sample>("sample", &bytes, bytes.len() - 1).is_err());
    }
}
