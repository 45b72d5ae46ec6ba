//! Databases of packages that an image may have, and that were not read.
//!
//! Invariant: a database behind a link, or one that a later layer removes, is told: what it names may be there all the same. One that
//! was written anew in another file of its sort is not missing.

use std::collections::BTreeMap;

use super::super::image::Image;
use super::super::tree::NodeKind;
use super::places::{APK, BARE, DPKG, is_bare};
use super::rpm;

/// Sorts of databases.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Dpkg,
    Apk,
    Rpm,
}

/// Sentences by the paths of databases that were not read.
pub fn databases(image: &Image) -> BTreeMap<String, String> {
    let mut unread: BTreeMap<String, String> =
        PLACES.iter().filter_map(|path| Some(((*path).to_owned(), behind_link(image, path)?))).collect();
    let has = |sort: Sort| image.pass.kept.keys().any(|path| sort_of(path) == Some(sort));
    let here = [Sort::Dpkg, Sort::Apk, Sort::Rpm].map(|sort| (sort, has(sort)));
    for (path, layer) in &image.pass.removed {
        let is_gone = here.iter().any(|(sort, is_here)| !is_here && sort_of(path) == Some(*sort));
        if is_gone {
            let why = format!(
                "layer {} has it and a later one removes it, so nobody knows which packages are left; keep it",
                layer + 1
            );
            unread.insert(path.clone(), why);
        }
    }
    unread
}

/// Why the file at a path is not read, if a link leads from it to another one.
fn behind_link(image: &Image, path: &str) -> Option<String> {
    let tree = &image.pass.tree;
    let found = tree.resolve(path).filter(|found| found != path)?;
    let is_read = match &tree.node(&found)?.kind {
        NodeKind::File(_) => image.pass.kept.contains_key(&found) && sort_of(&found) == sort_of(path),
        NodeKind::Directory => found == BARE,
        NodeKind::Link(_) | NodeKind::Special => false,
    };
    (!is_read)
        .then(|| format!("a link leads from it to `{found}`, which is not read; put the file itself there"))
}

fn sort_of(path: &str) -> Option<Sort> {
    if path == DPKG || is_bare(path) {
        return Some(Sort::Dpkg);
    }
    if APK.contains(&path) {
        return Some(Sort::Apk);
    }
    rpm::kind_of(path).map(|_| Sort::Rpm)
}

/// Files that are read by their path alone, and that say which packages, which distribution and which accounts there are.
const PLACES: [&str; 18] = [
    DPKG,
    BARE,
    APK[0],
    APK[1],
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages",
    "var/lib/rpm/Packages.db",
    "usr/lib/sysimage/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages",
    "usr/lib/sysimage/rpm/Packages.db",
    "usr/share/rpm/rpmdb.sqlite",
    "usr/share/rpm/Packages",
    "usr/share/rpm/Packages.db",
    "var/lib/rpm/rpmdb.sqlite-wal",
    "etc/os-release",
    "usr/lib/os-release",
    "etc/passwd",
    "etc/shadow",
];
