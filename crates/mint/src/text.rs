//! Names and literals in statements of PostgreSQL, quoted by its own rules (SQL Syntax, 4.1.1 and 4.1.2).
//!
//! Invariant: nothing enters the text of a statement but through `quoted` or `literal`. A name has 1 to 63 bytes, because
//! the server cuts longer ones silently, and two names could then be one.

use serde::{Deserialize, Serialize};

use crate::error::TextError;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as it is.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name as an identifier in a statement.
            #[must_use]
            pub fn quoted(&self) -> String {
                format!("\"{}\"", self.0.replace('"', "\"\""))
            }
        }

        impl std::str::FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                fault(text).map_or_else(|| Ok(Self(text.to_owned())), Err)
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;

            fn try_from(text: String) -> Result<Self, TextError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name! {
    /// Name of a role.
    RoleName
}

name! {
    /// Name of a database.
    DatabaseName
}

fn fault(text: &str) -> Option<TextError> {
    match text.len() {
        1..=NAME_BYTES_MAX if text.contains('\0') => Some(TextError::Zero),
        1..=NAME_BYTES_MAX => None,
        length => Some(TextError::Length(length)),
    }
}

/// A text as a literal in a statement. A backslash means itself, whatever `standard_conforming_strings` says.
#[must_use]
pub fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') {
        format!(" E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// `NAMEDATALEN - 1` of PostgreSQL.
const NAME_BYTES_MAX: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_server_would_cut_or_refuse_are_refused() {
        let long = "é".repeat(32);
        let said = ["", "a\0b", &long].map(|text| text.parse::<RoleName>().unwrap_err().to_string());
        assert_eq!(
            said,
            [
                "a name has 1 to 63 bytes; this one has 0",
                "a name contains no zero byte",
                "a name has 1 to 63 bytes; this one has 64",
            ]
        );
    }

    #[test]
    fn attack_a_name_does_not_leave_its_quotes() {
        let name: RoleName = "shop\"; DROP ROLE postgres; --".parse().unwrap();
        assert_eq!(name.quoted(), "\"shop\"\"; DROP ROLE postgres; --\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), " E'a\\\\''b'");
    }
}
