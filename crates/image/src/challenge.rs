//! The ways in which a registry wants to know its clients: the header `WWW-Authenticate` (RFC 9110, section 11.6.1).
//!
//! Invariant: pure. Words that cannot be read are passed over, and nobody is told more for them.

/// A way in which a registry wants to know its clients.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Its name in lower case.
    pub scheme: String,
    /// Where tokens are.
    pub realm: Option<String>,
    /// The service for which a token is.
    pub service: Option<String>,
}

/// The challenges of a header.
pub fn challenges(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = header.trim_start();
    while !rest.is_empty() {
        let word = rest.split([' ', ',', '=']).next().unwrap_or_default();
        let after = rest.get(word.len()..).unwrap_or_default().trim_start();
        match after.strip_prefix('=') {
            Some(after) => {
                let (value, after) = value(after.trim_start());
                if let Some(last) = found.last_mut() {
                    match word.to_ascii_lowercase().as_str() {
                        "realm" => last.realm = Some(value),
                        "service" => last.service = Some(value),
                        _ => {}
                    }
                }
                rest = after;
            }
            None => {
                if !word.is_empty() {
                    found.push(Challenge { scheme: word.to_ascii_lowercase(), ..Challenge::default() });
                }
                rest = after;
            }
        }
        rest = rest.trim_start_matches([' ', ',']);
    }
    found
}

/// A value, in quotes or without, and what comes after it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', ',']).unwrap_or(text.len());
        return (text.get(..end).unwrap_or_default().to_owned(), text.get(end..).unwrap_or_default());
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            letter => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let one = |scheme: &str, realm: Option<&str>, service: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            Challenge { scheme: scheme.to_owned(), realm: owned(realm), service: owned(service) }
        };
        let bearer = one("bearer", Some("https://auth.example/token"), Some("reg, \"x\""));
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.example/token",service="reg, \"x\"",scope="a:b:pull""#,
                vec![bearer],
            ),
            (
                r#"Basic realm="here", bearer realm=there"#,
                vec![one("basic", Some("here"), None), one("bearer", Some("there"), None)],
            ),
            ("Negotiate", vec![one("negotiate", None, None)]),
            ("", vec![]),
            (", ,=", vec![]),
            ("realm=\"x", vec![]),
            ("Bearer realm=\"x\\", vec![one("bearer", Some("x"), None)]),
        ] {
            assert_eq!(challenges(header), expected, "{header}");
        }
    }
}
