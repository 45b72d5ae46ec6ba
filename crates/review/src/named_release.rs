//! A release by its place and number, as people write it: `shop/api/production@42`.
//!
//! Invariant: the written form parses back to the same release.

use std::fmt;
use std::str::FromStr;

use evidence::Place;

/// A release by its place and number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedRelease {
    /// Its place.
    pub place: Place,
    /// Its number.
    pub release: u64,
}

/// Why a text names no release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedReleaseError(String);

impl fmt::Display for NamedReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` names no release, such as `shop/api/production@42`: a place, `@` and a number",
            self.0
        )
    }
}

impl std::error::Error for NamedReleaseError {}

impl fmt::Display for NamedRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.place, self.release)
    }
}

impl FromStr for NamedRelease {
    type Err = NamedReleaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NamedReleaseError(shown::brief(text, TEXT_CHARS));
        let (place, number) = text.rsplit_once('@').ok_or_else(wrong)?;
        let release: u64 = number.parse().map_err(|_| wrong())?;
        if release == 0 || release.to_string() != number {
            return Err(wrong());
        }
        Ok(Self { place: place.parse().map_err(|_| wrong())?, release })
    }
}

const TEXT_CHARS: usize = 100;

#[cfg(test)]
mod tests {
    use super::NamedRelease;

    #[test]
    fn a_release_is_read_as_it_is_written() {
        let text = "shop/api/production@42";
        assert_eq!(text.parse::<NamedRelease>().map(|named| named.to_string()), Ok(text.to_owned()));
        for wrong in
            ["", "42", "shop/api@1", "shop/api/production", "shop/api/production@", "shop/api/production@0"]
                .into_iter()
                .chain([
                    "shop/api/production@042",
                    "shop/api/production@+1",
                    "shop/api/production@1@2",
                    "a/b/c@-1",
                ])
        {
            let said = wrong.parse::<NamedRelease>().map_err(|error| error.to_string());
            let expected = format!(
                "`{wrong}` names no release, such as `shop/api/production@42`: a place, `@` and a number"
            );
            assert_eq!(said, Err(expected));
        }
    }
}
