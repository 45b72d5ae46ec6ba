//! The git command that commits files with a signature by the enrolled key, as a person can type it.
//!
//! Input: the key, and what git is told already. Output: a line for a shell. Invariant: the line works without any
//! setting of the person: whatever git does not know yet is in it.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::signing::{self, git_config};
use shown::shell;

/// Settings of a person's git.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitSettings {
    format: Option<String>,
    key: Option<PathBuf>,
    name: Option<String>,
    email: Option<String>,
}

impl GitSettings {
    /// The settings of this person.
    ///
    /// # Errors
    /// `Error` when git cannot read them.
    pub fn read() -> Result<Self, Error> {
        Ok(Self {
            format: git_config("gpg.format")?,
            key: git_config("user.signingkey")?.map(|named| signing::expand(&named)),
            name: git_config("user.name")?,
            email: git_config("user.email")?,
        })
    }

    /// The SSH key by which git signs, if it knows one.
    #[must_use]
    pub fn ssh_key(&self) -> Option<&Path> {
        self.key.as_deref().filter(|key| self.format.as_deref() == Some("ssh") || key.exists())
    }
}

/// The command that commits what is staged. `person` is the name and the address under which the key is enrolled, if known.
#[must_use]
pub fn commit(git: &GitSettings, key: &Path, person: Option<(&str, &str)>, message: &str) -> String {
    let mut set: Vec<(&str, String)> = Vec::new();
    if git.format.as_deref() != Some("ssh") {
        set.push(("gpg.format", "ssh".to_owned()));
    }
    let mut public = key.as_os_str().to_owned();
    public.push(".pub");
    if !git.key.as_ref().is_some_and(|named| named == key || named.as_os_str() == public) {
        set.push(("user.signingkey", key.display().to_string()));
    }
    if let Some((name, email)) = person {
        let lacks = |known: &Option<String>| known.is_none();
        set.extend(lacks(&git.name).then(|| ("user.name", name.to_owned())));
        set.extend(lacks(&git.email).then(|| ("user.email", email.to_owned())));
    }
    let set: Vec<_> =
        set.into_iter().map(|(name, value)| format!("-c {name}={} ", shell::word(&value))).collect();
    format!("git {}commit -S -m {message}", set.concat())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{GitSettings, commit};

    #[test]
    fn the_line_has_what_git_does_not_know() {
        let key = Path::new("/home/ada/my keys/id");
        let nothing = GitSettings::default();
        let line = commit(&nothing, key, Some(("Ada L", "ada@example.com")), "countersign");
        let all = "git -c gpg.format=ssh -c user.signingkey='/home/ada/my keys/id' -c user.name='Ada L' \
                   -c user.email=ada@example.com commit -S -m countersign";
        assert_eq!(line, all);
        let known = |key: &str| GitSettings {
            format: Some("ssh".into()),
            key: Some(key.into()),
            name: Some("Ada".into()),
            email: Some("a@example.com".into()),
        };
        for file in ["/home/ada/my keys/id", "/home/ada/my keys/id.pub"] {
            assert_eq!(commit(&known(file), key, Some(("Ada", "a")), "x"), "git commit -S -m x");
        }
        let other = commit(&known("/home/ada/other"), key, None, "x");
        assert_eq!(other, "git -c user.signingkey='/home/ada/my keys/id' commit -S -m x");
    }
}
