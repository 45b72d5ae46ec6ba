//! The output of `mvn dependency:tree` as text, from `-DoutputFile` or from Maven's own log
//! (<https://maven.apache.org/plugins/maven-dependency-plugin/tree-mojo.html>).
//!
//! It has the versions that Maven resolved, and the graph. A root of a tree is a module of the project.

use std::collections::BTreeSet;

use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::graph::{Graph, Package};
use super::input::Input;
use super::maven::purl;

/// Reads an output.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let lines = lines(input.text)?;
    let roots: BTreeSet<String> =
        lines.iter().filter(|line| line.depth == 0).map(|line| line.artifact.name()).collect();
    if roots.is_empty() {
        return Err(Fault::new("it has no tree"));
    }
    let mut graph = Graph::default();
    let mut above: Vec<usize> = Vec::new();
    for line in &lines {
        let place = || format!("line {}", line.number);
        if line.depth > above.len() {
            return Err(Fault::new("it is deeper than the line above allows").within(place()));
        }
        above.truncate(line.depth);
        let artifact = &line.artifact;
        let is_own = line.depth == 0 || roots.contains(&artifact.name());
        let number = graph.add(if is_own {
            Package::own(&artifact.name())
        } else {
            let purl =
                purl(artifact.group, artifact.name, artifact.kind, artifact.classifier).within(place)?;
            let purl = purl.at(artifact.version).within(place)?;
            let mut package = Package::foreign(purl, &artifact.name(), artifact.version);
            package.scope = Some(line.scope);
            package.direct = Some(line.depth == 1);
            package
        });
        if let Some(from) = above.last() {
            graph.edge(*from, number, line.scope);
        }
        above.push(number);
    }
    graph.finish(document, input.path);
    Ok(())
}

/// An artifact: `GROUP:NAME:KIND[:CLASSIFIER]:VERSION`.
#[derive(Debug)]
struct Artifact<'a> {
    group: &'a str,
    name: &'a str,
    kind: &'a str,
    classifier: &'a str,
    version: &'a str,
}

impl Artifact<'_> {
    fn name(&self) -> String {
        format!("{}:{}", self.group, self.name)
    }
}

#[derive(Debug)]
struct Line<'a> {
    number: usize,
    depth: usize,
    artifact: Artifact<'a>,
    scope: Scope,
}

fn lines(text: &str) -> Result<Vec<Line<'_>>, Fault> {
    let mut lines = Vec::new();
    let is_log = text.lines().any(|line| line.starts_with("[INFO]"));
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let failed = line.starts_with("[ERROR]") || line.contains("BUILD FAILURE");
        if is_log && failed {
            return Err(
                Fault::new("Maven failed, so its tree may not be whole").within(format!("line {number}"))
            );
        }
        let content = if is_log { line.strip_prefix("[INFO] ") } else { Some(line) };
        let Some(content) = content.filter(|content| !content.trim().is_empty()) else { continue };
        let (depth, rest) = indentation(content);
        let rest = rest.trim_end();
        if rest.starts_with('(') {
            continue; // Verbose output: the artifact stands elsewhere in the tree.
        }
        match artifact(rest, depth) {
            Some((artifact, scope)) => lines.push(Line { number, depth, artifact, scope }),
            None if is_log && depth == 0 => {}
            None => return Err(Fault::new("it names no artifact").within(format!("line {number}"))),
        }
    }
    Ok(lines)
}

/// Depth of a line by its marks of three characters, and the text behind them.
fn indentation(line: &str) -> (usize, &str) {
    let mut depth = 0;
    let mut rest = line;
    loop {
        let after = ["|  ", "   ", "+- ", "\\- "].iter().find_map(|mark| rest.strip_prefix(mark));
        let Some(after) = after else { return (depth, rest) };
        depth += 1;
        rest = after;
    }
}

fn artifact(text: &str, depth: usize) -> Option<(Artifact<'_>, Scope)> {
    let (coordinates, notes) = text.split_once(' ').unwrap_or((text, ""));
    let parts: Vec<&str> = coordinates.split(':').collect();
    let fine = parts.iter().all(|part| !part.is_empty());
    let (parts, scope) = match (depth, parts.len()) {
        (0, 4 | 5) => (parts.as_slice(), ""),
        (1.., 5 | 6) => parts.split_last().map(|(scope, parts)| (parts, *scope))?,
        _ => return None,
    };
    let (group, name, kind, classifier, version) = match parts {
        [group, name, kind, version] => (group, name, kind, &"", version),
        [group, name, kind, classifier, version] => (group, name, kind, classifier, version),
        _ => return None,
    };
    let scope = match (scope, notes.contains("(optional")) {
        ("test", _) => Scope::Development,
        (_, true) => Scope::Optional,
        ("" | "compile" | "runtime" | "provided" | "system" | "import", false) => Scope::Runtime,
        _ => return None,
    };
    fine.then_some((Artifact { group, name, kind, classifier, version }, scope))
}
