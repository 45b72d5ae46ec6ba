//! The Maven projects of a tree: a POM is the project's if another one leads to it by `<modules>` or `<parent>`. Its
//! coordinates alone say nothing, because anybody can write those of somebody else's artifact.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{directory, within_directory};

/// The POMs of a tree.
#[derive(Debug, Default)]
pub struct Projects {
    poms: BTreeMap<String, Project>,
    /// The POMs to which each POM with modules leads.
    reaches: BTreeMap<String, Reach>,
}

#[derive(Debug)]
struct Project {
    /// `GROUP:ARTIFACT`.
    name: String,
    modules: Vec<String>,
    parent: Option<String>,
}

#[derive(Debug, Default)]
struct Reach {
    /// Paths that modules lead to.
    modules: BTreeSet<String>,
    /// Names of these, of their parents, and of the modules of the parents.
    names: BTreeSet<String>,
}

impl Projects {
    /// Adds a POM: its `GROUP:ARTIFACT`, the paths of its modules and that of its parent.
    pub fn add(&mut self, path: &str, name: String, modules: Vec<String>, parent: Option<String>) {
        self.poms.insert(path.to_owned(), Project { name, modules, parent });
    }

    /// Follows modules and parents, when all POMs are there.
    #[must_use]
    pub fn linked(mut self) -> Self {
        let aggregators = self.poms.iter().filter(|(_, project)| !project.modules.is_empty());
        self.reaches = aggregators.map(|(path, _)| (path.clone(), self.reach(path))).collect();
        self
    }

    fn reach(&self, from: &str) -> Reach {
        let names = self.closure(from, true);
        let names = names.iter().filter_map(|path| Some(self.poms.get(path)?.name.clone())).collect();
        Reach { modules: self.closure(from, false), names }
    }

    /// The POMs that one leads to, itself among them.
    fn closure(&self, from: &str, with_parents: bool) -> BTreeSet<String> {
        let mut found = BTreeSet::from([from.to_owned()]);
        let mut open = vec![from];
        while let Some(project) = open.pop().and_then(|path| self.poms.get(path)) {
            let parent = project.parent.iter().filter(|_| with_parents);
            for next in project.modules.iter().chain(parent) {
                if self.poms.contains_key(next) && found.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        found
    }

    /// Whether a name is that of a project that belongs to the POM at a path: one that a POM above leads to, and the
    /// path as well, or one that the path leads to.
    pub fn is_own(&self, path: &str, name: &str) -> bool {
        let is_in = |at: &str| self.reaches.get(at).is_some_and(|reach| reach.names.contains(name));
        let mut above = directory(path);
        loop {
            let aggregator = within_directory(above, "pom.xml");
            let leads_here = self.reaches.get(&aggregator).is_some_and(|reach| reach.modules.contains(path));
            if leads_here && is_in(&aggregator) {
                return true;
            }
            if above.is_empty() {
                break;
            }
            above = directory(above);
        }
        let mut seen = BTreeSet::new();
        let mut at = Some(path);
        while let Some((here, project)) = at.and_then(|at| Some((at, self.poms.get(at)?))) {
            if project.name == name || is_in(here) {
                return true;
            }
            at = project.parent.as_deref().filter(|_| seen.insert(here));
        }
        false
    }
}
