//! Circles of imports between the files of one crate: none of their files can be read before the others.
//!
//! Invariant: a name that is imported through another module counts for the file that defines it; `mod` alone imports
//! nothing. Circles that remain are in `KNOWN` with their reason, and the table may only shrink.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{self, Imports, Route};
use super::is_test;

/// Circles that the table does not have, and rows of it that are wider than what is left.
pub fn broken(files: &[(String, String)]) -> Vec<String> {
    against(&circles(files), KNOWN)
}

/// A known circle: its files, and why it is there.
type Row = (&'static [&'static str], &'static str);

fn against(found: &[BTreeSet<String>], known: &[Row]) -> Vec<String> {
    let listed = |circle: &BTreeSet<String>| {
        known.iter().any(|(files, _)| circle.iter().all(|file| files.contains(&file.as_str())))
    };
    let new = found.iter().filter(|circle| !listed(circle)).map(|circle| {
        let files = circle.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        format!("{files}: import each other in a circle: move what they share into a file below them")
    });
    let wide = known.iter().filter_map(|(files, _)| {
        let left = |file: &&&str| !found.iter().any(|circle| circle.contains(**file));
        let gone: Vec<_> = files.iter().filter(left).copied().collect();
        (!gone.is_empty()).then(|| {
            format!(
                "{}: in no circle any more: remove from KNOWN in xtask/src/tidy/circles.rs",
                gone.join(", ")
            )
        })
    });
    new.chain(wide).collect()
}

/// Sets of files that import each other, by way of others or not.
fn circles(files: &[(String, String)]) -> Vec<BTreeSet<String>> {
    let mut crates: BTreeMap<&str, Vec<(&str, Route, Imports)>> = BTreeMap::new();
    for (name, text) in files.iter().filter(|(name, _)| !is_test(name)) {
        let (Some(route), Some((own, _))) = (imports::module_of(name), name.split_once("/src/")) else {
            continue;
        };
        let imports = imports::read(&route, text);
        crates.entry(own).or_default().push((name, route, imports));
    }
    crates.values().flat_map(|files| of_crate(files)).collect()
}

fn of_crate(files: &[(&str, Route, Imports)]) -> Vec<BTreeSet<String>> {
    let tests: Vec<&Route> = files.iter().flat_map(|(_, _, imports)| &imports.tests).collect();
    let seen = files.iter().filter(|(_, route, _)| !tests.iter().any(|test| route.starts_with(test)));
    let seen: Vec<_> = seen.collect();
    let modules = seen.iter().map(|(name, route, _)| (route.clone(), *name)).collect();
    let names = seen.iter().flat_map(|(_, _, imports)| &imports.names).map(|(a, b)| (a.clone(), b.clone()));
    let map = Map { modules, names: names.collect() };
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, _, imports) in seen {
        let to = imports.paths.iter().filter_map(|path| map.file_of(path)).filter(|to| to != name);
        edges.insert(name, to.collect());
    }
    together(&edges)
}

/// Where the modules and the imported names of a crate lead.
struct Map<'a> {
    modules: BTreeMap<Route, &'a str>,
    names: BTreeMap<Route, Route>,
}

impl<'a> Map<'a> {
    /// The file that defines what a path names; none for a module as such, and for what is of another crate.
    fn file_of(&self, path: &Route) -> Option<&'a str> {
        let mut path = path.clone();
        for _ in 0..HOPS_MAX {
            // The longest beginning that was imported stands for something else.
            let lengths = (1..=path.len()).rev();
            let mut begun = lengths.filter_map(|length| Some((length, self.names.get(path.get(..length)?)?)));
            let Some((length, target)) = begun.next().filter(|(_, target)| !path.starts_with(target)) else {
                break;
            };
            path = [target.as_slice(), path.get(length..).unwrap_or_default()].concat();
        }
        let lengths = (0..=path.len()).rev();
        let mut begun = lengths.filter_map(|length| Some((length, *self.modules.get(path.get(..length)?)?)));
        let (length, file) = begun.next()?;
        (length < path.len()).then_some(file)
    }
}

/// Strongly connected sets of more than one file.
fn together<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<BTreeSet<String>> {
    let reach = |from: &'a str| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(next) = open.pop() {
            open.extend(edges.get(next).into_iter().flatten().filter(|to| reached.insert(**to)));
        }
        reached
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> = edges.keys().map(|name| (*name, reach(name))).collect();
    let mut found = BTreeSet::new();
    for (name, there) in &reached {
        let back = |other: &&&str| reached.get(**other).is_some_and(|back| back.contains(name));
        let circle: BTreeSet<String> = there.iter().filter(back).map(|other| (*other).to_owned()).collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

/// Most imports of imports that are followed.
const HOPS_MAX: usize = 16;

/// The known circles. A file leaves its row when it leaves its circle; no row is added.
const KNOWN: &[Row] = &[(
    &[
        "crates/evidence/src/rules/every.rs",
        "crates/evidence/src/rules/mod.rs",
        "crates/evidence/src/rules/release.rs",
        "crates/evidence/src/rules/step.rs",
    ],
    "the problem of a rule is defined where all rules are collected",
)];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let files: Vec<_> =
            files.iter().map(|(name, text)| (format!("crates/{name}"), (*text).to_owned())).collect();
        circles(&files).into_iter().map(|circle| circle.into_iter().collect()).collect()
    }

    #[test]
    fn files_that_import_each_other_are_named() {
        let circle = [
            ("x/src/lib.rs", "mod a; mod b; mod c;"),
            ("x/src/a.rs", "use crate::b::B;"),
            ("x/src/b.rs", "fn f() { crate::c::g() }"),
            ("x/src/c.rs", "use super::a; fn g(_: a::A) {}"),
        ];
        let expected = ["a", "b", "c"].map(|file| format!("crates/x/src/{file}.rs"));
        assert_eq!(found(&circle), [expected.to_vec()]);
        // A module that hands out the items of its parts, and has one that they use.
        let parts = [
            ("x/src/verbs/mod.rs", "pub use run::Run; pub struct Place;"),
            ("x/src/verbs/run.rs", "use super::Place;"),
            ("x/src/verbs/other.rs", "use super::Run;"),
        ];
        let expected = ["mod", "run"].map(|file| format!("crates/x/src/verbs/{file}.rs"));
        assert_eq!(found(&parts), [expected.to_vec()]);
    }

    #[test]
    fn what_only_looks_like_a_circle_is_none() {
        for files in [
            // An item that is handed out by the module above is an item of the file that defines it.
            [
                ("x/src/a/mod.rs", "mod b; mod c; pub use b::B;"),
                ("x/src/a/b.rs", ""),
                ("x/src/a/c.rs", "use super::B;"),
            ],
            // A crate of the same name, and a module that is only named.
            [
                ("x/src/a.rs", "use crate::b; use ::b::C;"),
                ("x/src/b.rs", "use crate::a::A;"),
                ("x/src/lib.rs", ""),
            ],
            // What only tests see.
            [
                ("x/src/a.rs", "use crate::b::B; #[cfg(test)] mod t;"),
                ("x/src/b.rs", "#[cfg(test)] mod tests { use crate::a::A; }"),
                ("x/src/a/t.rs", "use crate::a::A;"),
            ],
        ] {
            assert_eq!(found(&files), Vec::<Vec<String>>::new(), "{files:?}");
        }
    }

    #[test]
    fn the_table_only_shrinks() {
        let circle = |files: &[&str]| files.iter().map(|file| (*file).to_owned()).collect::<BTreeSet<_>>();
        let known: [Row; 1] = [(&["a", "b", "c"], "why")];
        assert_eq!(against(&[circle(&["a", "b", "c"])], &known), Vec::<String>::new());
        let found = against(&[circle(&["a", "b"])], &known);
        assert!(found[0].starts_with("c: in no circle any more"), "{found:?}");
        let found = against(&[circle(&["a", "b", "c", "d"])], &known);
        assert!(found[0].starts_with("a, b, c, d: import each other"), "{found:?}");
    }
}
