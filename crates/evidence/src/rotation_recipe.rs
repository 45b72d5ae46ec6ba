//! A recipe of a rotation: how one secret gets its next value, who uses it, and how the value before it ends. A person writes
//! it for `countersign secret rotate`. Schema: `docs/schema/rotation.schema.json`, generated from these types and their comments.
//!
//! Invariant: a recipe holds no value of a secret; it says which program prints one. Nothing of it is passed to a shell.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pipeline::yaml_words;
use crate::place::Place;
use crate::statements::GrantedSecret;

/// Largest recipe in bytes.
pub const BYTES_MAX: usize = 64 * 1024;
/// Time for which consumers are waited for, if the recipe names none.
pub const WAIT_SECONDS: u64 = 900;
const WAIT_SECONDS_MAX: u64 = 24 * 60 * 60;
const DAYS_MAX: u32 = 3_650;
/// A statement about a version of a place lasts no longer.
const PLACE_DAYS_MAX: u32 = 366;
const WORDS_MAX: usize = 64;
const WORD_BYTES_MAX: usize = 4_096;
const NAME_BYTES_MAX: usize = 63;

/// How a secret is rotated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RotationRecipe {
    /// Version of this format; 1.
    pub version: u8,
    /// The secret: PROJECT/PATH of a build secret, or with `place` its name there.
    #[schemars(with = "String")]
    pub secret: GrantedSecret,
    /// The place of a deploy secret, PROJECT/SERVICE/ENVIRONMENT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub place: Option<Place>,
    /// The next value, which has to be valid beside the one in use.
    pub source: Source,
    /// The program that makes the former value invalid. Without it, the former value stays valid. `postgres` has its own way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retire: Option<Program>,
    /// Seconds to wait until everybody who uses the secret has the new version; 900 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u64>,
    /// Days after which `--due` rotates the secret: from the last tenth of them on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_days: Option<u32>,
    /// A place: `--due` rotates the secret after each release there, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub after_release: Option<Place>,
    /// Days after which a version ends by itself; default: never, at a place after 365 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_days: Option<u32>,
}

/// The origin of the next value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Standard input of `countersign secret rotate`.
    Input,
    /// A program that makes a value and prints it. It may be called again for the same version, if a rotation was interrupted.
    Command(Vec<String>),
    /// Two users of a PostgreSQL server that take turns.
    Postgres(Box<PostgresTurns>),
}

/// A program of the person, without a shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Program {
    /// The program, by its path or its name on your PATH, and its arguments.
    pub command: Vec<String>,
}

/// Two users of a PostgreSQL server, one of which is in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PostgresTurns {
    /// Host of the server, or the directory of its Unix socket.
    pub host: String,
    /// Its port; 5432 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The database.
    pub database: String,
    /// Certificates in PEM, one of which vouches for the server. Needed unless the server is on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The two users. Both exist; the one in use may log in, the other may not.
    pub users: [String; 2],
    /// User and password of somebody who may change both, as `USER:PASSWORD`.
    pub credential: Credential,
    /// The value: a text in which `{user}` and `{password}` are replaced; `{user}:{password}` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Where a credential comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// A file that only you may read.
    File(String),
    /// A program that prints it.
    Command(Vec<String>),
}

/// A text is not a recipe.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RotationRecipeError {
    /// It is larger than allowed.
    #[error("more than {BYTES_MAX} bytes")]
    Long,
    /// It is not YAML of this format; the text names line and column.
    #[error("{0}")]
    Yaml(String),
    /// It breaks a rule.
    #[error("{place}: {what}")]
    Rule {
        /// Place in the recipe.
        place: &'static str,
        /// The fault and its remedy.
        what: &'static str,
    },
}

impl RotationRecipe {
    /// Parses and checks a recipe, which is YAML or JSON.
    ///
    /// # Errors
    /// `RotationRecipeError` names the place and the remedy.
    pub fn parse(bytes: &[u8]) -> Result<Self, RotationRecipeError> {
        if bytes.len() > BYTES_MAX {
            return Err(RotationRecipeError::Long);
        }
        let yaml = |error: &dyn std::fmt::Display| {
            RotationRecipeError::Yaml(yaml_words("recipe", &error.to_string()))
        };
        let text = std::str::from_utf8(bytes).map_err(|error| yaml(&error))?;
        let recipe: Self = serde_saphyr::from_str(text).map_err(|error| yaml(&error))?;
        match recipe.fault() {
            None => Ok(recipe),
            Some((place, what)) => Err(RotationRecipeError::Rule { place, what }),
        }
    }

    /// The longest wait for those who use the secret.
    #[must_use]
    pub fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds.unwrap_or(WAIT_SECONDS))
    }

    fn fault(&self) -> Option<(&'static str, &'static str)> {
        if self.version != 1 {
            return Some(("version", "must be 1, the version that this program knows"));
        }
        match (&self.secret, &self.place) {
            (GrantedSecret::Build(_), None) | (GrantedSecret::Deploy(_), Some(_)) => {}
            (GrantedSecret::Build(_), Some(_)) => {
                return Some((
                    "secret",
                    "a secret of a place has a plain name; PROJECT/PATH is a build secret, without `place`",
                ));
            }
            (GrantedSecret::Deploy(_), None) => {
                return Some((
                    "place",
                    "is missing: a plain name is a secret of a place; a build secret is PROJECT/PATH",
                ));
            }
        }
        if !self.wait_seconds.is_none_or(|seconds| (1..=WAIT_SECONDS_MAX).contains(&seconds)) {
            return Some(("wait-seconds", "must be 1 to 86400"));
        }
        if !self.every_days.is_none_or(|days| (1..=DAYS_MAX).contains(&days)) {
            return Some(("every-days", "must be 1 to 3650"));
        }
        let most = if self.place.is_some() { PLACE_DAYS_MAX } else { DAYS_MAX };
        if !self.expires_days.is_none_or(|days| (1..=most).contains(&days)) {
            return Some(("expires-days", "must be 1 to 3650, and at a place at most 366"));
        }
        if let (Some(every), Some(ends)) = (self.every_days, self.expires_days)
            && ends <= every
        {
            return Some((
                "expires-days",
                "must be more than `every-days`, or a version ends before the next one is there",
            ));
        }
        if self.retire.as_ref().is_some_and(|retire| !is_command(&retire.command)) {
            return Some(("retire.command", COMMAND));
        }
        match &self.source {
            Source::Input => None,
            Source::Command(words) => (!is_command(words)).then_some(("source.command", COMMAND)),
            Source::Postgres(_) if self.retire.is_some() => Some((
                "retire",
                "means nothing here: `postgres` takes the former user's password away by itself",
            )),
            Source::Postgres(turns) => turns.fault(),
        }
    }
}

impl PostgresTurns {
    /// The value for one of the users.
    #[must_use]
    pub fn value(&self, user: &str, password: &str) -> String {
        let form = self.value.as_deref().unwrap_or("{user}:{password}");
        // A password has digits and the letters a to f alone, so nothing of it is replaced again.
        form.replace("{password}", password).replace("{user}", user)
    }

    fn fault(&self) -> Option<(&'static str, &'static str)> {
        let is_user = |user: &String| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            (1..=NAME_BYTES_MAX).contains(&user.len()) && user.bytes().all(is_plain)
        };
        let [one, other] = &self.users;
        if one == other || !self.users.iter().all(is_user) {
            return Some((
                "source.postgres.users",
                "must be two different names of letters, digits, `_`, `-` and `.`",
            ));
        }
        let is_name = |text: &str| (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains('\0');
        if self.host.is_empty() || !is_name(&self.database) {
            return Some((
                "source.postgres",
                "`host` and `database` must be named; a database's name has at most 63 bytes",
            ));
        }
        if self.value.as_ref().is_some_and(|form| form.matches("{password}").count() != 1) {
            return Some(("source.postgres.value", "must have `{password}` once"));
        }
        match &self.credential {
            Credential::File(path) if !path.starts_with('/') => {
                Some(("source.postgres.credential.file", "must be an absolute path"))
            }
            Credential::Command(words) if !is_command(words) => {
                Some(("source.postgres.credential.command", COMMAND))
            }
            _ => None,
        }
    }
}

/// Whether these words are a program that can be found from any directory, and its arguments.
fn is_command(words: &[String]) -> bool {
    let is_found =
        |program: &String| program.starts_with('/') || !program.is_empty() && !program.contains('/');
    let is_word = |word: &String| word.len() <= WORD_BYTES_MAX && !word.contains('\0');
    words.first().is_some_and(is_found) && words.len() <= WORDS_MAX && words.iter().all(is_word)
}

const COMMAND: &str = "must be a program, by its absolute path or its plain name, and its arguments: at most 64 words of 4,096 bytes";
