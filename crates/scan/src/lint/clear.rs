//! Secrets that stand in clear in values of files that configure.
//!
//! The scan of secrets knows tokens by their form. Here the name of a value tells too: what is called a password and is written there is one.

use super::plain_secret;
use crate::secrets::scan;

/// Whether a text has a token or key that is known by its form.
pub fn has_secret(text: &str) -> bool {
    scan("value", text.as_bytes()).map_or(true, |hits| !hits.is_empty())
}

/// Whether a value is a secret by its name or form.
pub fn is_secret(name: &str, value: &str) -> bool {
    (plain_secret::is_secret(name, value) && !is_place(value)) || has_secret(value)
}

/// Whether a script sets a variable to a secret that stands there.
pub fn has_assignment(script: &str) -> bool {
    script.lines().any(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else { return false };
        let is_name =
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        let value = value.trim().trim_matches(['"', '\'']);
        is_name && plain_secret::is_secret(name, value) && !is_place(value)
    })
}

/// Whether a value names the place in a cloud where the secret is.
fn is_place(value: &str) -> bool {
    ["arn:", "projects/", "`"].iter().any(|start| value.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_forms_tell_secrets() {
        assert!(
            is_secret("DB_PASSWORD", "correct-horse")
                && has_assignment("set -e\nexport API_TOKEN='abcd1234'\n")
        );
        for (name, value) in [
            ("DB_PASSWORD", "arn:aws:ssm:x"),
            ("DB_PASSWORD", "/run/secrets/db"),
            ("DB_PASSWORD", "${var}"),
            ("USE_PASSWORD", "true"),
            ("PASSWORD_FILE", "db.txt"),
            ("HOST", "db.example.com"),
        ] {
            assert!(!is_secret(name, value), "{name}={value}");
        }
        assert!(!has_assignment("DB_PASSWORD=$(fetch db)\nif [ \"$x\" = y ]; then :; fi"));
    }
}
