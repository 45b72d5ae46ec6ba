//! The version and labels of a pending release's artifact, and the page that a person reads before they sign.

use std::collections::BTreeMap;
use std::str::FromStr;

use evidence::Name;
use evidence::statements::{Scope, Tag};
use judge::Checked;

use super::Until;
use crate::error::Error;

/// A label as people type it: NAME=VALUE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: String,
}

/// Why a text is no label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected NAME=VALUE with a name of lower-case letters, digits and dashes, such as channel=stable")]
pub struct LabelError;

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or(LabelError)?;
        let name = name.parse().map_err(|_| LabelError)?;
        Ok(Self { name, value: value.to_owned() })
    }
}

/// The tag of a release.
///
/// # Errors
/// `Error` if another release is pending, or two labels have one name.
pub fn body(checked: &Checked<'_>, release: u64, version: &str, labels: &[Label]) -> Result<Tag, Error> {
    let pending = checked.bundle.release;
    if release != pending {
        let place = &checked.place;
        return Err(Error::unusable(format!("release {pending} is pending at {place}, not {release}")));
    }
    let mut named = BTreeMap::new();
    for label in labels {
        if named.insert(label.name.clone(), label.value.clone()).is_some() {
            return Err(Error::unusable(format!("label `{}` is given twice", label.name)));
        }
    }
    Ok(Tag { version: version.to_owned(), labels: named })
}

/// The page that a person reads before the signature.
pub fn page(checked: &Checked<'_>, tag: &Tag, scope: &Scope, until: Until) -> String {
    let labels: Vec<_> =
        tag.labels.iter().map(|(name, value)| format!("\n  {name} = {}", shown::line(value))).collect();
    format!(
        "tag release {} as {} in {scope}, until {} in UTC{}\nartifact: {}",
        checked.bundle.release,
        shown::line(&tag.version),
        until.0,
        labels.concat(),
        checked.bundle.artifact()
    )
}

#[cfg(test)]
mod tests {
    use super::{Label, LabelError};

    #[test]
    fn labels_have_a_name_and_a_value() {
        let label: Label = "channel=a=b".parse().unwrap();
        assert_eq!((label.name.as_str(), label.value.as_str()), ("channel", "a=b"));
        for wrong in ["", "channel", "=x", "Channel=x", "a b=x"] {
            assert_eq!(wrong.parse::<Label>(), Err(LabelError), "{wrong}");
        }
    }
}
