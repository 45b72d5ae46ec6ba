//! Secrets that stand readable in a file that configures: a name that says so, and a value that is one.
//!
//! Tokens that show by their own form what they are belong to the rules of secrets; here the name decides.

/// Whether a value is a secret: its name says so, or it is an address with a password.
#[must_use]
pub fn is_secret(name: &str, value: &str) -> bool {
    (is_secret_name(name) && is_literal_secret(value)) || is_address_with_password(value)
}

/// Whether a name says that its value is a secret: `DB_PASSWORD`, `apiKey`. Names of files, users, lengths and the like do not.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    let last = words.last().map(String::as_str).unwrap_or_default();
    if OTHER_ENDS.contains(&last) || words.iter().any(|word| NO_SECRET.contains(&word.as_str())) {
        return false;
    }
    let joined = words.concat();
    words.iter().any(|word| WORDS.contains(&word.as_str()))
        || PHRASES.iter().any(|phrase| joined.ends_with(phrase))
}

/// Whether a text can be a secret that somebody wrote down, and is no reference to one, no place for one and no switch.
#[must_use]
pub fn is_literal_secret(value: &str) -> bool {
    let value = value.trim();
    let small = value.to_ascii_lowercase();
    let is_reference = value.starts_with(['$', '<', '%', '/', '{', '@'])
        || value.starts_with("ENC[")
        || ["${", "$(", "{{", "://"].iter().any(|mark| value.contains(mark));
    let is_filler = small.chars().all(|letter| "x*.-_#?".contains(letter));
    let is_switch = NO_VALUES.contains(&small.as_str());
    let is_place = PLACES.iter().any(|mark| small.contains(mark));
    value.len() >= VALUE_BYTES_MIN && !is_reference && !is_filler && !is_switch && !is_place
}

/// Whether a text is an address with a password in it: `postgres://app:s3cret@db/app`.
#[must_use]
pub fn is_address_with_password(value: &str) -> bool {
    let Some((scheme, rest)) = value.trim().split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    let password = user.split_once(':').map_or("", |(_, password)| password);
    scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
        && is_literal_secret(password)
}

/// The words of a name in small letters: parts between signs, and between a small and a capital letter.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        let begins = was_small && letter.is_uppercase();
        if !letter.is_alphanumeric() || begins {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        was_small = letter.is_lowercase() || letter.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

const VALUE_BYTES_MIN: usize = 3;

/// Words that name secrets wherever they stand.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "pass",
    "passphrase",
    "secret",
    "secrets",
    "token",
    "apikey",
    "credential",
    "credentials",
    "pw",
    "rootpassword",
    "dbpassword",
    "userpassword",
    "adminpassword",
    "pgpassword",
];

/// Words that name secrets together, at the end of a name.
const PHRASES: &[&str] = &[
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "authkey",
    "accountkey",
    "licensekey",
    "sshkey",
    "password",
    "clientsecret",
];

/// Last words that make something else of the name.
const OTHER_ENDS: &[&str] = &[
    "file",
    "path",
    "dir",
    "name",
    "names",
    "ref",
    "reference",
    "arn",
    "id",
    "url",
    "uri",
    "endpoint",
    "length",
    "size",
    "ttl",
    "expiry",
    "expiration",
    "expires",
    "lifetime",
    "timeout",
    "seconds",
    "days",
    "hours",
    "minutes",
    "enabled",
    "disabled",
    "required",
    "policy",
    "type",
    "algorithm",
    "version",
    "count",
    "limit",
    "max",
    "min",
    "header",
    "field",
    "issuer",
    "audience",
    "store",
    "manager",
    "engine",
    "mount",
    "format",
    "rotation",
    "encryption",
    "provider",
    "backend",
    "class",
    "user",
    "username",
    "host",
    "port",
    "location",
    "regex",
    "pattern",
    "role",
    "yaml",
    "yml",
    "json",
    "xml",
    "conf",
    "cnf",
    "properties",
    "sh",
];

/// Words that say that the value is known to everybody.
const NO_SECRET: &[&str] =
    &["public", "allow", "enable", "disable", "use", "require", "bypass", "empty", "no", "skip"];

const NO_VALUES: &[&str] = &[
    "true",
    "false",
    "yes",
    "off",
    "null",
    "none",
    "nil",
    "default",
    "required",
    "optional",
    "enabled",
    "disabled",
    "random",
    "always",
    "never",
    "file",
    "vault",
    "env",
    "jwt",
    "bearer",
    "basic",
    "random_secret",
];

/// Parts of texts that stand for a value which is written elsewhere.
const PLACES: &[&str] = &[
    "your_",
    "your-",
    "replace_",
    "replace-",
    "replaceme",
    "placeholder",
    "<",
    "redacted",
    "to_be_set",
    "insert_",
    "todo",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_of_secrets_are_told_from_others() {
        for name in [
            "DB_PASSWORD",
            "apiKey",
            "API-KEY",
            "MYSQL_ROOT_PASSWORD",
            "jwtSecret",
            "GITHUB_TOKEN",
            "redis.password",
            "AWS_SECRET_ACCESS_KEY",
            "PGPASSWORD",
            "STRIPE_SECRET_KEY",
            "SMTP_PASS",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "DB_PASSWORD_FILE",
            "SECRET_NAME",
            "PASSWORD_MIN_LENGTH",
            "TOKEN_URL",
            "PUBLIC_KEY",
            "ALLOW_EMPTY_PASSWORD",
            "MYSQL_RANDOM_ROOT_PASSWORD_ENABLED",
            "COMPASS",
            "PASSENGERS",
            "KEY",
            "TOKEN_EXPIRATION",
            "SECRETS_MANAGER",
            "user",
            "MONKEY",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
        for value in ["hunter2", "changeme", "s3cr3t!", "pass word", "postgres"] {
            assert!(is_literal_secret(value), "{value}");
        }
        for value in [
            "",
            "$PASSWORD",
            "${PASSWORD}",
            "$(cat /x)",
            "<password>",
            "xxxxxx",
            "***",
            "true",
            "/run/secrets/db",
            "{{ x }}",
            "ENC[AES256,data]",
            "REPLACE_ME",
            "your-password",
        ] {
            assert!(!is_literal_secret(value), "{value}");
        }
        assert!(is_address_with_password("postgres://app:s3cret@db:5432/app"));
        for value in
            ["postgres://app:${PW}@db/app", "postgres://app@db/app", "https://example.org/a:b@c", "app:pw@db"]
        {
            assert!(!is_address_with_password(value), "{value}");
        }
    }
}
