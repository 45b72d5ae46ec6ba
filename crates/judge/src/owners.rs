//! Owners: whom people ask about a release and about a finding in it.
//!
//! Input: the files of the source pack, which are proven to be in the commit, and the list of all its files. Invariant:
//! `owner` of the service in the release file comes first, then the first `CODEOWNERS` that the commit has. A server can
//! withhold that file; the owner is then unknown, as it is where the file costs too many steps, and no other file takes its
//! place. An owner decides nothing.

use std::collections::BTreeMap;

use evidence::Name;
use evidence::bundle::Bundle;
use evidence::codeowners::{self, CodeOwners, Steps};
use evidence::release_file::{self, ReleaseFile};
use evidence::source_pack::SourcePack;
use evidence::tree_list::{FileMode, TreeList};

/// Owners of a service and of the files of its commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    service: Option<String>,
    files: Option<CodeOwners>,
}

impl Owners {
    /// The owners that the commit of checked evidence names for a service.
    #[must_use]
    pub fn of(bundle: &Bundle, service: &Name) -> Self {
        Self::within(&bundle.source, &bundle.tree, service)
    }

    fn within(source: &SourcePack, tree: &TreeList, service: &Name) -> Self {
        let file = |path: &str| source.files.get(path).map(|bytes| bytes.0.as_slice());
        let release = file(release_file::PATH).and_then(|bytes| ReleaseFile::parse(bytes).ok());
        Self {
            service: release.and_then(|release| release.services.get(service)?.owner.clone()),
            files: codeowners::PATHS
                .into_iter()
                .find(|path| is_read(tree, path))
                .and_then(file)
                .map(CodeOwners::parse),
        }
    }

    /// The owner of the service.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.service.as_deref()
    }

    /// Looks for the owners of many files, with limited steps in all.
    #[must_use]
    pub const fn lookup(&self) -> Lookup<'_> {
        Lookup { owners: self, known: BTreeMap::new(), steps: Steps::new(STEPS_MAX) }
    }
}

/// A search for the owners of many files. It looks at each file once.
#[derive(Debug)]
pub struct Lookup<'a> {
    owners: &'a Owners,
    known: BTreeMap<&'a str, Option<String>>,
    steps: Steps,
}

impl<'a> Lookup<'a> {
    /// The owner of what is found in a file, or elsewhere: several owners in one line. `None` as well after too many steps.
    pub fn at(&mut self, file: Option<&'a str>) -> Option<String> {
        if self.owners.service.is_some() {
            return self.owners.service.clone();
        }
        let (files, file) = (self.owners.files.as_ref()?, file?);
        let look = |steps: &mut Steps| {
            let owners = files.of(file, steps)?;
            (!owners.is_empty()).then(|| owners.join(" "))
        };
        self.known.entry(file).or_insert_with(|| look(&mut self.steps)).clone()
    }
}

/// Whether a commit has such a file that source packs take: they leave out links and long files.
fn is_read(tree: &TreeList, path: &str) -> bool {
    tree.file(path).is_some_and(|file| {
        matches!(file.mode, FileMode::Plain | FileMode::Executable)
            && file.size <= codeowners::BYTES_MAX as u64
    })
}

/// Most steps of one search. 10,000 findings in 5,000 files against 1,000 ordinary patterns take about 50,000,000.
const STEPS_MAX: u64 = 100_000_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

    use std::collections::BTreeMap;

    use evidence::tree_list::TreeFile;
    use evidence::{Bytes, Digest};

    use super::*;

    fn owners(release: &str, codeowners: Option<&str>) -> Owners {
        let found: Vec<_> = codeowners.into_iter().map(|text| ("CODEOWNERS", text)).collect();
        shown(release, &found, &found)
    }

    /// The owners by a release file and those files that a server shows of all that the commit has.
    fn shown(release: &str, shown: &[(&str, &str)], all: &[(&str, &str)]) -> Owners {
        let mut files = BTreeMap::from([(release_file::PATH.to_owned(), Bytes(release.into()))]);
        files.extend(shown.iter().map(|(path, text)| ((*path).to_owned(), Bytes((*text).into()))));
        let commit = "1".repeat(40).parse().unwrap();
        let pack = SourcePack {
            v: 1,
            commit,
            commits: BTreeMap::new(),
            trees: BTreeMap::new(),
            files,
            compared: None,
        };
        let listed = all.iter().map(|(path, text)| TreeFile {
            path: (*path).to_owned(),
            mode: FileMode::Plain,
            size: text.len() as u64,
            sha256: Digest::of(text.as_bytes()),
        });
        let tree = TreeList::new(listed.collect()).unwrap();
        Owners::within(&pack, &tree, &"api".parse().unwrap())
    }

    fn at(owners: &Owners, file: Option<&str>) -> Option<String> {
        owners.lookup().at(file)
    }

    #[test]
    fn no_other_file_takes_the_place_of_one_that_the_server_withholds() {
        let (first, second) = ((".github/CODEOWNERS", "* @security"), ("CODEOWNERS", "* @mallory"));
        let found = |given: &[_], all: &[_]| at(&shown("", given, all), Some("src/a.rs"));
        let named = |text: &str| Some(text.to_owned());
        assert_eq!(found(&[first, second], &[first, second]), named("@security"));
        assert_eq!(found(&[second], &[first, second]), None);
        assert_eq!(found(&[second], &[second]), named("@mallory"));
        let long = "#".repeat(codeowners::BYTES_MAX + 1);
        let long = (".github/CODEOWNERS", long.as_str());
        assert_eq!(found(&[second], &[long, second]), named("@mallory"), "no pack has the long one");
    }

    #[test]
    fn the_release_file_comes_before_codeowners() {
        let service = |owner: &str| {
            format!(
                "version: 1\nservices:\n  api:\n    artifact: api\n{owner}    probe:\n      command: [run]\n"
            )
        };
        let found = |owners: &Owners| (at(owners, Some("src/a.rs")), at(owners, Some("other/b")));
        let code = "/src/ @rust @second\n";
        let named = |text: &str| Some(text.to_owned());
        let both = owners(&service("    owner: Team Payments\n"), Some(code));
        assert_eq!(both.service(), Some("Team Payments"));
        assert_eq!(found(&both), (named("Team Payments"), named("Team Payments")));
        assert_eq!(at(&both, None), named("Team Payments"));
        let only = owners(&service(""), Some(code));
        assert_eq!((only.service(), found(&only)), (None, (named("@rust @second"), None)));
        assert_eq!(at(&only, None), None);
        assert_eq!(found(&owners(&service(""), None)), (None, None));
        assert_eq!(found(&owners("no yaml: [", Some(code))), (named("@rust @second"), None));
    }

    #[test]
    fn a_hostile_file_costs_limited_steps_and_bytes() {
        let line = format!("*{}", "a".repeat(450));
        let hostile = format!("* @all\n{}", format!("{line}b @team\n").repeat(100));
        let all = owners("", Some(&hostile));
        let paths: Vec<String> = (0..100).map(|n| "a".repeat(900) + &n.to_string()).collect();
        let mut lookup = all.lookup();
        let found: Vec<_> = paths.iter().map(|path| lookup.at(Some(path))).collect();
        assert_eq!(lookup.steps.left(), 0);
        assert_eq!((found.first(), found.last()), (Some(&Some("@all".to_owned())), Some(&None)));
        assert_eq!(lookup.at(Some(&paths[0])).as_deref(), Some("@all"), "known since before");
        let mut lookup = all.lookup();
        let mut left: Vec<u64> = Vec::new();
        for _ in 0..2 {
            lookup.at(Some(&paths[0]));
            left.push(lookup.steps.left());
        }
        assert_eq!(left[0], left[1], "a file is looked at once");
        let long = owners("", Some(&format!("* {}", "@owner ".repeat(30_000))));
        assert_eq!(at(&long, Some("a")), None, "each finding would hold all of it");
    }
}
