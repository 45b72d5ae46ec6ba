//! PKCS#11 URIs (RFC 7512): they name a key, its token, the module that reaches it, and the file with its PIN.
//!
//! Invariant: an unknown attribute is refused, since it might have told two keys apart. The URI never contains the PIN
//! itself.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A private key in a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    text: String,
    /// The key that the URI names.
    pub key: Box<Key>,
}

/// The attributes of a URI: which key, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Attributes that the token must have; an attribute that is omitted matches every token.
    pub token: Token,
    /// Label of the key (`CKA_LABEL`).
    pub object: Option<Vec<u8>>,
    /// Id of the key (`CKA_ID`).
    pub id: Option<Vec<u8>>,
    /// The vendor's shared library.
    pub module: PathBuf,
    /// File with the PIN of the token's user.
    pub pin: PathBuf,
}

/// Attributes that distinguish tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// Label of the token.
    pub label: Option<String>,
    /// Serial number of the token.
    pub serial: Option<String>,
    /// Manufacturer of the token.
    pub manufacturer: Option<String>,
    /// Model of the token.
    pub model: Option<String>,
    /// Number of the slot that holds the token.
    pub slot: Option<u64>,
}

/// Why a text is not the URI of a key.
#[derive(Debug, PartialEq, Eq)]
pub struct UriError(String);

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not the PKCS#11 URI of a key: {}; expected for example {EXAMPLE} (RFC 7512)", self.0)
    }
}

impl std::error::Error for UriError {}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        if text.len() > BYTES_MAX {
            return Err(UriError(format!("it has more than {BYTES_MAX} bytes")));
        }
        let rest = text
            .strip_prefix("pkcs11:")
            .ok_or_else(|| UriError("it does not begin with `pkcs11:`".into()))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut path = attributes(path, ';')?;
        let mut query = attributes(query, '&')?;
        if query.contains_key("pin-value") {
            return Err(UriError(
                "it must not contain a PIN: write the PIN to a file and name the file in `pin-source`".into(),
            ));
        }
        if let Some(kind) = path.remove("type").filter(|kind| kind != b"private" && kind != b"secret-key") {
            return Err(UriError(format!(
                "`type` is `{}`, expected `private`, or `secret-key` for a root key",
                String::from_utf8_lossy(&kind)
            )));
        }
        let mut said = |name| path.remove(name).map(|value| words(name, value)).transpose();
        let token = Token {
            label: said("token")?,
            serial: said("serial")?,
            manufacturer: said("manufacturer")?,
            model: said("model")?,
            slot: said("slot-id")?
                .map(|number| number.parse())
                .transpose()
                .map_err(|_| UriError("`slot-id` is not a number".into()))?,
        };
        let (object, id) = (path.remove("object"), path.remove("id"));
        if object.is_none() && id.is_none() {
            return Err(UriError("neither `object` nor `id` names the key".into()));
        }
        let mut place = |name: &str| {
            let value =
                query.remove(name).ok_or_else(|| UriError(format!("`{name}` is missing after the `?`")))?;
            let value = words(name, value)?;
            let path = PathBuf::from(value.strip_prefix("file:").unwrap_or(&value));
            if path.is_absolute() {
                Ok(path)
            } else {
                Err(UriError(format!("`{name}` is not an absolute path")))
            }
        };
        let (module, pin) = (place("module-path")?, place("pin-source")?);
        if let Some(name) = path.keys().chain(query.keys()).next() {
            return Err(UriError(format!("attribute `{name}` is not known here")));
        }
        Ok(Self { text: text.to_owned(), key: Box::new(Key { token, object, id, module, pin }) })
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn attributes(text: &str, between: char) -> Result<BTreeMap<String, Vec<u8>>, UriError> {
    let mut found = BTreeMap::new();
    for part in text.split(between).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| UriError(format!("`{part}` has no `=`")))?;
        if found.insert(name.to_owned(), decoded(value)?).is_some() {
            return Err(UriError(format!("it has attribute `{name}` twice")));
        }
    }
    Ok(found)
}

/// Percent-decoding (RFC 3986, section 2.1).
fn decoded(value: &str) -> Result<Vec<u8>, UriError> {
    let wrong = || UriError(format!("`{value}` has a `%` without two hexadecimal digits"));
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_first_chunk::<2>().ok_or_else(wrong)?;
        let mut byte = [0];
        hex::decode_to_slice(digits, &mut byte).map_err(|_| wrong())?;
        bytes.extend(byte);
        rest = after;
    }
    Ok(bytes)
}

fn words(name: &str, value: Vec<u8>) -> Result<String, UriError> {
    String::from_utf8(value).map_err(|_| UriError(format!("`{name}` is not UTF-8")))
}

const EXAMPLE: &str = "`pkcs11:token=release;object=ledger?module-path=/usr/lib/softhsm/libsofthsm2.so&\
                       pin-source=file:/etc/countersign/pin`";
const BYTES_MAX: usize = 4_096;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    const TAIL: &str = "?module-path=/m.so&pin-source=file:/pin";

    #[test]
    fn a_uri_says_which_key() {
        let uri: Uri = "pkcs11:token=The%20token;serial=1;slot-id=7;object=a%3Bb;id=%01%ff;type=private\
                        ?module-path=/usr/lib/m.so&pin-source=file:/etc/pin"
            .parse()
            .unwrap();
        let uri = *uri.key;
        assert_eq!(uri.token.label.as_deref(), Some("The token"));
        assert_eq!((uri.token.serial.as_deref(), uri.token.slot), (Some("1"), Some(7)));
        assert_eq!(
            (uri.object.as_deref(), uri.id.as_deref()),
            (Some(b"a;b".as_slice()), Some([1, 0xff].as_slice()))
        );
        assert_eq!((uri.module, uri.pin), ("/usr/lib/m.so".into(), "/etc/pin".into()));
    }

    #[test]
    fn what_is_no_uri_of_a_key_is_refused() {
        for (text, why) in [
            ("ledger.pem".to_owned(), "does not begin"),
            (format!("pkcs11:token=t{TAIL}"), "neither `object` nor `id`"),
            (format!("pkcs11:object=a;object=b{TAIL}"), "twice"),
            (format!("pkcs11:object{TAIL}"), "no `=`"),
            (format!("pkcs11:object=%0{TAIL}"), "two hexadecimal digits"),
            (format!("pkcs11:object=a;type=public{TAIL}"), "expected `private`"),
            (format!("pkcs11:object=a;library-version=3{TAIL}"), "`library-version` is not known"),
            (format!("pkcs11:object=a{TAIL}&pin-value=1234"), "must not contain a PIN"),
            (format!("pkcs11:object=a;token=%ff{TAIL}"), "not UTF-8"),
            (format!("pkcs11:object=a;slot-id=x{TAIL}"), "not a number"),
            ("pkcs11:object=a?pin-source=/pin".to_owned(), "`module-path` is missing"),
            ("pkcs11:object=a?module-path=/m.so".to_owned(), "`pin-source` is missing"),
            ("pkcs11:object=a?module-path=m.so&pin-source=/pin".to_owned(), "not an absolute path"),
            (format!("pkcs11:object={}{TAIL}", "a".repeat(5_000)), "more than 4096"),
        ] {
            let refused = text.parse::<Uri>().unwrap_err().to_string();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
