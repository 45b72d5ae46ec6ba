//! Keys of documents as other programs read them.
//!
//! Invariant: no document is one image here and another one where it runs. Runtimes and registries are written in Go, which takes
//! `Layers` for `layers` (<https://pkg.go.dev/encoding/json#Unmarshal>), so a key that is another spelling of a field is refused.

use std::collections::BTreeMap;

use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize as _, Deserializer};

/// Reads the other keys of an object, of which none is one of its fields in another spelling.
pub fn other<'de, D: Deserializer<'de>>(from: D, fields: &[&str]) -> Result<(), D::Error> {
    let others = BTreeMap::<String, IgnoredAny>::deserialize(from)?;
    for key in others.keys() {
        let spelled = folded(key);
        if let Some(field) = fields.iter().find(|field| folded(field) == spelled) {
            let key = evidence::document::text(key, 40);
            return Err(D::Error::custom(format_args!(
                "the key `{key}` is `{field}` for some tools and nothing for others"
            )));
        }
    }
    Ok(())
}

/// A key in the one spelling that Go compares. Two letters beyond ASCII are spellings of letters of ASCII.
fn folded(key: &str) -> String {
    let letter = |letter: char| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    };
    key.chars().map(letter).collect()
}
