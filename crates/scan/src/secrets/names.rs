//! Files that are secrets by their names, whatever they contain.

/// A rule about names.
#[derive(Debug)]
pub struct NameRule {
    /// Id in findings.
    pub id: &'static str,
    /// Contents of such a file.
    pub what: &'static str,
    /// Names, and ends of names that begin with `*`.
    pub names: &'static [&'static str],
}

/// The rules.
pub const NAMES: [NameRule; 4] = [
    NameRule {
        id: "env-file",
        what: "environment of a service",
        names: &[".env", "*.env", ".env.*", ".envrc"],
    },
    NameRule {
        id: "key-file",
        what: "private key",
        names: &[
            "id_rsa",
            "id_dsa",
            "id_ecdsa",
            "id_ed25519",
            "id_ecdsa_sk",
            "id_ed25519_sk",
            "*.ppk",
            "*.p12",
            "*.pfx",
            "*.pkcs12",
            "*.jks",
            "*.keystore",
            "*.kdbx",
            "*.agekey",
            "secring.gpg",
        ],
    },
    NameRule {
        id: "credentials-file",
        what: "passwords of a user",
        names: &[
            ".netrc",
            "_netrc",
            ".pgpass",
            ".git-credentials",
            ".pypirc",
            ".dockercfg",
            ".htpasswd",
            ".my.cnf",
        ],
    },
    NameRule {
        id: "state-file",
        what: "state of Terraform, with every secret in clear",
        names: &["*.tfstate"],
    },
];

/// The rule that a path breaks.
pub fn of(path: &str) -> Option<&'static NameRule> {
    let name = path.rsplit('/').next().unwrap_or_default();
    if EXAMPLES.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    NAMES.iter().find(|rule| rule.names.iter().any(|pattern| fits(pattern, name)))
}

fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (None, Some(begin)) => name.starts_with(begin),
        (None, None) => name == pattern,
    }
}

/// Ends of files that show how the real one looks. Their content is scanned as that of every other file.
const EXAMPLES: [&str; 6] = [".example", ".sample", ".template", ".dist", ".tmpl", ".j2"];
