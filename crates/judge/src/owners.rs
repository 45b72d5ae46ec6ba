//! Owners: whom people ask about a release and about a finding in it.
//!
//! Input: the files of the source pack, which are proven to be in the commit. Invariant: `owner` of the service in the
//! release file comes first, then `CODEOWNERS`. A server can withhold `CODEOWNERS`; the owner is then unknown. An owner
//! decides nothing.

use evidence::Name;
use evidence::codeowners::{self, CodeOwners};
use evidence::release_file::{self, ReleaseFile};
use evidence::source_pack::SourcePack;

/// Owners of a service and of the files of its commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    service: Option<String>,
    files: Option<CodeOwners>,
}

impl Owners {
    /// The owners that a commit names for a service.
    #[must_use]
    pub fn of(source: &SourcePack, service: &Name) -> Self {
        let file = |path: &str| source.files.get(path).map(|bytes| bytes.0.as_slice());
        let release = file(release_file::PATH).and_then(|bytes| ReleaseFile::parse(bytes).ok());
        Self {
            service: release.and_then(|release| release.services.get(service)?.owner.clone()),
            files: codeowners::PATHS.iter().find_map(|path| file(path)).map(CodeOwners::parse),
        }
    }

    /// The owner of the service.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// The owner of what is found in a file, or elsewhere: several owners in one line.
    #[must_use]
    pub fn at(&self, file: Option<&str>) -> Option<String> {
        if self.service.is_some() {
            return self.service.clone();
        }
        let owners = self.files.as_ref()?.of(file?);
        (!owners.is_empty()).then(|| owners.join(" "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use std::collections::BTreeMap;

    use evidence::Bytes;

    use super::*;

    fn owners(release: &str, codeowners: Option<&str>) -> Owners {
        let mut files = BTreeMap::from([(release_file::PATH.to_owned(), Bytes(release.into()))]);
        files.extend(codeowners.map(|text| ("CODEOWNERS".to_owned(), Bytes(text.into()))));
        let commit = "1".repeat(40).parse().unwrap();
        let pack = SourcePack { v: 1, commit, commits: BTreeMap::new(), trees: BTreeMap::new(), files };
        Owners::of(&pack, &"api".parse().unwrap())
    }

    #[test]
    fn the_release_file_comes_before_codeowners() {
        let service = |owner: &str| {
            format!(
                "version: 1\nservices:\n  api:\n    artifact: api\n{owner}    probe:\n      command: [run]\n"
            )
        };
        let found = |owners: &Owners| (owners.at(Some("src/a.rs")), owners.at(Some("other/b")));
        let code = "/src/ @rust @second\n";
        let named = |text: &str| Some(text.to_owned());
        let both = owners(&service("    owner: Team Payments\n"), Some(code));
        assert_eq!(both.service(), Some("Team Payments"));
        assert_eq!(found(&both), (named("Team Payments"), named("Team Payments")));
        assert_eq!(both.at(None), named("Team Payments"));
        let only = owners(&service(""), Some(code));
        assert_eq!((only.service(), found(&only)), (None, (named("@rust @second"), None)));
        assert_eq!(only.at(None), None);
        assert_eq!(found(&owners(&service(""), None)), (None, None));
        assert_eq!(found(&owners("no yaml: [", Some(code))), (named("@rust @second"), None));
    }
}
