//! The distribution of an image (<https://www.freedesktop.org/software/systemd/man/latest/os-release.html>).

/// A distribution and its release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its name for programs: `debian`.
    pub id: String,
    /// Its version, else the name of one that has none yet: `12`, `sid`; may be empty.
    pub version: String,
}

impl Release {
    /// Reads the lines of `os-release`; `None` if they name no distribution.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
            let value = lines.next_back()?.trim().trim_matches(['"', '\'']);
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
            let is_sound = !value.is_empty() && value.len() <= 60 && value.chars().all(is_plain);
            is_sound.then(|| value.to_ascii_lowercase())
        };
        let version = value("VERSION_ID").or_else(|| value("VERSION_CODENAME")).unwrap_or_default();
        Some(Self { id: value("ID")?, version })
    }

    /// The value of the qualifier `distro` of package URLs.
    #[must_use]
    pub fn qualifier(&self) -> String {
        if self.version.is_empty() { self.id.clone() } else { format!("{}-{}", self.id, self.version) }
    }
}
