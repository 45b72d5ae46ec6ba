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
use super::purl::Purl;
use super::purl::is_exact;

/// Reads a POM.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let xml = parse(input.text)?;
    let pom = Pom::of(&xml, input)?;
    let own = input.own.maven.get_or_init(|| own_projects(input));
    let mut graph = Graph::default();
    let root = graph.add(Package::own(&pom.artifact));
    let project = xml.root_element();
    let mut lists = vec![(project, Scope::Runtime)];
    let profiles = child(project, "profiles").into_iter().flat_map(|profiles| children(profiles, "profile"));
    lists.extend(profiles.map(|profile| (profile, Scope::Optional)));
    for (holder, widest) in lists {
        for node in child(holder, "dependencies").into_iter().flat_map(|list| children(list, "dependency")) {
            let place = || format!("dependency at line {}", xml.text_pos_at(node.range().start).row);
            let Some(package) = pom.dependency(node, own).within(place)? else { continue };
            let number = graph.add(package);
            graph.edge(root, number, scope(node).max(widest));
        }
    }
    graph.finish(document, input.path);
    Ok(())
}

/// Leaves out a component without a version where a tree by Maven names the version of the same artifact.
pub fn complete(document: &mut ComponentsDocument) {
    let is_tree = |source: &String| base(source).ends_with("dependency-tree.txt");
    let mut exact: BTreeMap<String, String> = BTreeMap::new();
    for (purl, component) in document.components.iter().filter(|(purl, _)| purl.starts_with("pkg:maven/")) {
        if is_exact(purl) && component.sources.iter().any(is_tree) {
            exact.insert(purl.split(['@', '?']).next().unwrap_or_default().to_owned(), purl.clone());
        }
    }
    let open: Vec<String> = document
        .components
        .keys()
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
}

impl Pom {
    fn of(xml: &Document<'_>, input: &Input<'_>) -> Result<Self, Fault> {
        let mut pom = Self::default();
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
        Ok(())
    }

    fn resolved(mut self) -> Self {
        let managed = std::mem::take(&mut self.managed);
        self.managed =
            managed.into_iter().map(|(key, value)| (self.filled(&key), self.filled(&value))).collect();
        self.group = self.filled(&self.group.clone());
        self
    }

    /// A text with the properties filled in that are known.
    fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..PROPERTIES_MAX {
            let place = text.find("${").and_then(|from| {
                let to = text.get(from..)?.find('}')? + from;
                let value = self.properties.get(text.get(from + 2..to)?)?.clone();
                Some((from, to, value))
            });
            let Some((from, to, value)) = place else { return text };
            text.replace_range(from..=to, &value);
            if text.len() > TEXT_BYTES_MAX {
                return text.chars().take(TEXT_BYTES_MAX / 4).collect();
            }
        }
        text
    }

    fn dependency(&self, node: Node<'_, '_>, own: &BTreeSet<String>) -> Result<Option<Package>, Fault> {
        let text = |name| child_text(node, name).map(|text| self.filled(&text));
        let missing = |name: &str| Fault::new(format!("`{name}` is missing"));
        let group = text("groupId").ok_or_else(|| missing("groupId"))?;
        let artifact = text("artifactId").ok_or_else(|| missing("artifactId"))?;
        let name = format!("{group}:{artifact}");
        if own.contains(&name) {
            return Ok(None);
        }
        let kind = text("type").unwrap_or_default();
        let purl = purl(&group, &artifact, &kind, &text("classifier").unwrap_or_default())?;
        let version = text("version").or_else(|| self.managed.get(&name).cloned()).unwrap_or_default();
        let is_open = version.is_empty() || version.contains("${") || version.starts_with(['[', '(']);
        Ok(Some(match (is_open, version.is_empty()) {
            (false, _) => Package::foreign(purl.at(&version)?, &name, &version),
            (true, true) => Package::foreign(purl.open(), &name, "*"),
            (true, false) => Package::foreign(purl.open(), &name, &version),
        }))
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

/// `GROUP:ARTIFACT` of the projects in the tree.
fn own_projects(input: &Input<'_>) -> BTreeSet<String> {
    let mut own = BTreeSet::new();
    for path in input.files.keys().filter(|path| base(path) == "pom.xml") {
        let Some(xml) = input.other(path).ok().flatten().and_then(|text| parse(text).ok()) else { continue };
        let mut pom = Pom::default();
        if pom.join(&xml, true).is_ok() {
            let pom = pom.resolved();
            own.insert(format!("{}:{}", pom.group, pom.artifact));
        }
    }
    own
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
