//! `pom.xml` of Maven (<https://maven.apache.org/pom.html>).
//!
//! A POM names direct dependencies only. Versions come from it, from its properties and from the POMs above it in the
//! tree. A version that a POM outside the tree decides is unknown here: the component then has no version in its package
//! URL, unless the output of `mvn dependency:tree` in the tree names it. No POM pins anything by checksum.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;
use roxmltree::{Document, Node};

use crate::ScanError;
use crate::reports::xml;

use super::fault::{Fault, Within};
use super::graph::{Graph, Package};
use super::input::{Input, base, directory, joined, within_directory};
use super::maven_projects::Projects;
use super::purl::Purl;
use super::purl::is_exact;

/// Reads a POM.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let xml = parse(input.text)?;
    let pom = Pom::of(&xml, input)?;
    let projects = input.own.maven.get_or_init(|| projects_of(input));
    let is_own = |name: &str| projects.is_own(input.path, name);
    let mut graph = Graph::default();
    let root = graph.add(Package::own(&pom.artifact));
    let project = xml.root_element();
    let mut lists = vec![(project, Scope::Runtime)];
    let profiles = child(project, "profiles").into_iter().flat_map(|profiles| children(profiles, "profile"));
    lists.extend(profiles.map(|profile| (profile, Scope::Optional)));
    for (holder, widest) in lists {
        for node in child(holder, "dependencies").into_iter().flat_map(|list| children(list, "dependency")) {
            let place = || format!("dependency at line {}", xml.text_pos_at(node.range().start).row);
            let Some(package) = pom.dependency(node, &is_own).within(place)? else { continue };
            let number = graph.add(package);
            graph.edge(root, number, scope(node).max(widest));
        }
    }
    // Where several POMs have one artifact, a range or a property that is not known counts more than no version at all.
    let open = graph.packages().iter().filter(|package| !matches!(package.version.as_str(), "" | "*"));
    let open = open.filter_map(|package| Some((package.purl.clone()?, package.version.clone())));
    let open: Vec<_> = open.filter(|(purl, _)| !is_exact(purl)).collect();
    graph.finish(document, input.path);
    for (purl, version) in open {
        if let Some(component) = document.components.get_mut(&purl).filter(|found| found.version == "*") {
            component.version = version;
        }
    }
    Ok(())
}

/// Leaves out a component of which no POM says a version or range, where a tree by Maven names the version of the same
/// artifact.
pub fn complete(document: &mut ComponentsDocument) {
    let is_tree = |source: &String| base(source).ends_with("dependency-tree.txt");
    let mut exact: BTreeMap<String, String> = BTreeMap::new();
    for (purl, component) in document.components.iter().filter(|(purl, _)| purl.starts_with("pkg:maven/")) {
        if is_exact(purl) && component.sources.iter().any(is_tree) {
            exact.insert(purl.split(['@', '?']).next().unwrap_or_default().to_owned(), purl.clone());
        }
    }
    let open = document.components.iter().filter(|(_, component)| component.version == "*");
    let open: Vec<String> = open
        .map(|(purl, _)| purl)
        .filter(|purl| purl.starts_with("pkg:maven/") && !is_exact(purl))
        .filter(|purl| exact.contains_key(purl.split('?').next().unwrap_or_default()))
        .cloned()
        .collect();
    for purl in open {
        let Some(component) = document.components.remove(&purl) else { continue };
        let known = exact.get(purl.split('?').next().unwrap_or_default());
        if let Some(known) = known.and_then(|known| document.components.get_mut(known)) {
            known.sources.extend(component.sources);
            known.scope = known.scope.min(component.scope);
            known.direct = known.direct.max(component.direct);
        }
    }
}

/// Reads XML with the limits of XML reports. A document type is refused, and with it every entity that it declares.
pub fn parse(text: &str) -> Result<Document<'_>, Fault> {
    xml::parse("pom.xml", text).map_err(|error| match error {
        ScanError::Format { why, .. } => Fault::new(why),
        error => Fault::new(error.to_string()),
    })
}

/// A package URL and name of an artifact.
pub fn purl(group: &str, artifact: &str, kind: &str, classifier: &str) -> Result<Purl, Fault> {
    let kind = if matches!(kind, "jar" | "bundle") { "" } else { kind };
    Purl::maven(group, artifact)?.with("classifier", classifier)?.with("type", kind)
}

/// A POM with what it inherits from the POMs above it in the tree.
#[derive(Debug, Default)]
struct Pom {
    group: String,
    artifact: String,
    properties: BTreeMap<String, String>,
    /// Versions by `GROUP:ARTIFACT`.
    managed: BTreeMap<String, String>,
    /// Properties that a profile or the command line sets, which nothing here decides.
    undecided: BTreeSet<String>,
    /// `GROUP:ARTIFACT` of versions that a profile sets.
    undecided_managed: BTreeSet<String>,
}

impl Pom {
    fn of(xml: &Document<'_>, input: &Input<'_>) -> Result<Self, Fault> {
        let mut pom = Self { undecided: command_line(input)?, ..Self::default() };
        pom.join(xml, true)?;
        let mut directory_now = input.directory().to_owned();
        let mut parent = parent_path(xml, &directory_now);
        for _ in 0..PARENTS_MAX {
            let Some(path) = parent else { return Ok(pom.resolved()) };
            let Some(text) = input.other(&path)? else { return Ok(pom.resolved()) };
            let above = parse(text).within(|| &path)?;
            pom.join(&above, false).within(|| &path)?;
            directory(&path).clone_into(&mut directory_now);
            parent = parent_path(&above, &directory_now);
        }
        Err(Fault::new(format!("more than {PARENTS_MAX} parents; they may form a circle")))
    }

    /// Adds what a POM says; what is known already comes from one nearer to the project.
    fn join(&mut self, xml: &Document<'_>, is_project: bool) -> Result<(), Fault> {
        let project = xml.root_element();
        if project.tag_name().name() != "project" {
            return Err(Fault::new(format!("the root is `{}`, not `project`", project.tag_name().name())));
        }
        let parent = child(project, "parent");
        let own = |name| child_text(project, name);
        let inherited = |name| own(name).or_else(|| parent.and_then(|parent| child_text(parent, name)));
        if is_project {
            self.artifact = own("artifactId").ok_or_else(|| Fault::new("`artifactId` is missing"))?;
            self.group = inherited("groupId").unwrap_or_default();
            for (name, value) in [("groupId", Some(self.group.clone())), ("version", inherited("version"))] {
                for prefix in ["project", "pom"] {
                    self.properties.insert(format!("{prefix}.{name}"), value.clone().unwrap_or_default());
                }
            }
            self.properties.insert("project.artifactId".to_owned(), self.artifact.clone());
            for name in ["groupId", "version"] {
                let value = parent.and_then(|parent| child_text(parent, name)).unwrap_or_default();
                self.properties.insert(format!("project.parent.{name}"), value);
            }
        }
        for node in child(project, "properties").into_iter().flat_map(|node| node.children()) {
            if node.is_element() {
                let value = node.text().unwrap_or_default().trim().to_owned();
                self.properties.entry(node.tag_name().name().to_owned()).or_insert(value);
            }
        }
        let managed = child(project, "dependencyManagement").and_then(|node| child(node, "dependencies"));
        for node in managed.into_iter().flat_map(|node| children(node, "dependency")) {
            let text = |name| child_text(node, name).unwrap_or_default();
            let key = format!("{}:{}", text("groupId"), text("artifactId"));
            self.managed.entry(key).or_insert_with(|| text("version"));
        }
        self.join_profiles(project);
        Ok(())
    }

    fn join_profiles(&mut self, project: Node<'_, '_>) {
        let profiles = child(project, "profiles").into_iter().flat_map(|list| children(list, "profile"));
        for profile in profiles {
            let properties = child(profile, "properties").into_iter().flat_map(|node| node.children());
            let properties = properties.filter(|node| node.is_element());
            self.undecided.extend(properties.map(|node| node.tag_name().name().to_owned()));
            let managed = child(profile, "dependencyManagement").and_then(|node| child(node, "dependencies"));
            for node in managed.into_iter().flat_map(|node| children(node, "dependency")) {
                let text = |name| child_text(node, name).unwrap_or_default();
                self.undecided_managed.insert(format!("{}:{}", text("groupId"), text("artifactId")));
            }
        }
    }

    /// `GROUP:ARTIFACT`.
    fn name(&self) -> String {
        format!("{}:{}", self.group, self.artifact)
    }

    /// The POM with the properties filled in that are known.
    fn resolved(mut self) -> Self {
        let managed = std::mem::take(&mut self.managed);
        self.managed =
            managed.into_iter().map(|(key, value)| (self.filled(&key), self.filled(&value))).collect();
        self.undecided_managed = self.undecided_managed.iter().map(|key| self.filled(key)).collect();
        self.group = self.filled(&self.group.clone());
        self
    }

    /// A text with the properties filled in that are known.
    fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..PROPERTIES_MAX {
            let place = text.match_indices("${").find_map(|(from, _)| {
                let to = text.get(from..)?.find('}')? + from;
                let name = text.get(from + 2..to).filter(|name| !self.undecided.contains(*name))?;
                Some((from, to, self.properties.get(name)?.clone()))
            });
            let Some((from, to, value)) = place else { return text };
            text.replace_range(from..=to, &value);
            if text.len() > TEXT_BYTES_MAX {
                return text.chars().take(TEXT_BYTES_MAX / 4).collect();
            }
        }
        text
    }

    fn managed_version(&self, name: &str) -> Option<String> {
        self.managed.get(name).filter(|_| !self.undecided_managed.contains(name)).cloned()
    }

    fn dependency(
        &self,
        node: Node<'_, '_>,
        is_own: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Package>, Fault> {
        let text = |name| child_text(node, name).map(|text| self.filled(&text));
        let missing = |name: &str| Fault::new(format!("`{name}` is missing"));
        let group = text("groupId").ok_or_else(|| missing("groupId"))?;
        let artifact = text("artifactId").ok_or_else(|| missing("artifactId"))?;
        let name = format!("{group}:{artifact}");
        if is_own(&name) {
            return Ok(None);
        }
        let kind = text("type").unwrap_or_default();
        let purl = purl(&group, &artifact, &kind, &text("classifier").unwrap_or_default())?;
        let version = text("version").or_else(|| self.managed_version(&name)).unwrap_or_default();
        let is_open = version.is_empty() || version.contains("${") || version.starts_with(['[', '(']);
        Ok(Some(match (is_open, version.is_empty()) {
            (false, _) => Package::foreign(purl.at(&version)?, &name, &version),
            (true, true) => Package::foreign(purl.open(), &name, "*"),
            (true, false) => Package::foreign(purl.open(), &name, &version),
        }))
    }
}

/// Names of the properties that the files in `.mvn` here or above set for each call of Maven.
fn command_line(input: &Input<'_>) -> Result<BTreeSet<String>, Fault> {
    let mut names = BTreeSet::new();
    let mut above = input.directory();
    loop {
        for file in ["maven.config", "jvm.config"] {
            let path = within_directory(above, &format!(".mvn/{file}"));
            let mut words = input.other(&path)?.unwrap_or_default().split_whitespace();
            while let Some(word) = words.next() {
                let word = word.trim_matches(['"', '\'']);
                let definition = word.strip_prefix("-D").or_else(|| word.strip_prefix("--define="));
                let definition = if matches!(word, "-D" | "--define") { words.next() } else { definition };
                let name = definition.and_then(|definition| definition.split('=').next());
                names.extend(name.map(|name| name.trim_matches(['"', '\'']).to_owned()));
            }
        }
        if above.is_empty() {
            return Ok(names);
        }
        above = directory(above);
    }
}

/// The path of a POM's parent, if it may be in the tree.
fn parent_path(xml: &Document<'_>, directory: &str) -> Option<String> {
    let parent = child(xml.root_element(), "parent")?;
    let relative = match child(parent, "relativePath") {
        Some(node) => node.text().unwrap_or_default().trim().to_owned(),
        None => "../pom.xml".to_owned(),
    };
    if relative.is_empty() {
        return None;
    }
    let path = joined(directory, &relative)?;
    Some(if base(&path).ends_with(".xml") { path } else { within_directory(&path, "pom.xml") })
}

/// Reads the POMs of a tree. One that cannot be read is an error where it is read as a source.
fn projects_of(input: &Input<'_>) -> Projects {
    let mut projects = Projects::default();
    for path in input.files.keys().filter(|path| base(path) == "pom.xml") {
        let Some(xml) = input.other(path).ok().flatten().and_then(|text| parse(text).ok()) else { continue };
        let mut pom = Pom::default();
        if pom.join(&xml, true).is_err() {
            continue;
        }
        let root = xml.root_element();
        let profiles = child(root, "profiles").into_iter().flat_map(|list| children(list, "profile"));
        let lists = std::iter::once(root).chain(profiles).filter_map(|holder| child(holder, "modules"));
        let modules = lists.flat_map(|list| children(list, "module")).filter_map(|module| {
            let path = joined(directory(path), module.text().unwrap_or_default().trim())?;
            Some(if base(&path).ends_with(".xml") { path } else { within_directory(&path, "pom.xml") })
        });
        projects.add(path, pom.resolved().name(), modules.collect(), parent_path(&xml, directory(path)));
    }
    projects.linked()
}

fn scope(node: Node<'_, '_>) -> Scope {
    match (child_text(node, "scope").as_deref(), child_text(node, "optional").as_deref()) {
        (Some("test"), _) => Scope::Development,
        (_, Some("true")) => Scope::Optional,
        _ => Scope::Runtime,
    }
}

fn child<'a, 'b>(node: Node<'a, 'b>, name: &str) -> Option<Node<'a, 'b>> {
    node.children().find(|child| child.is_element() && child.tag_name().name() == name)
}

fn children<'a, 'b>(node: Node<'a, 'b>, name: &'static str) -> impl Iterator<Item = Node<'a, 'b>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn child_text(node: Node<'_, '_>, name: &str) -> Option<String> {
    let text = child(node, name)?.text()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

const PARENTS_MAX: usize = 16;
const PROPERTIES_MAX: usize = 32;
const TEXT_BYTES_MAX: usize = 4096;
