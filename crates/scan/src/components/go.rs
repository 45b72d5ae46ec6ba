//! `go.mod` (<https://go.dev/ref/mod#go-mod-file>) with the `go.sum` beside it.
//!
//! The nearest `go.work` above replaces modules too. Nothing tells whether a build uses it, so that both are listed.
//!
//! Since Go 1.17 `go.mod` lists every module that the build uses. For an older one the modules of `go.sum` are added,
//! among them some that no build uses: too many is safe, too few is not.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evidence::document::ComponentsDocument;
use evidence::document::components::Scope;

use super::fault::{Fault, Within};
use super::graph::{Graph, Package};
use super::input::{Input, base, directory, joined, within_directory};
use super::purl::Purl;

/// Reads a `go.mod`.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let module = Module::parse(input.text)?;
    let mut sums = Sums::new();
    for path in sum_files(input) {
        if let Some(text) = input.other(&path)? {
            read_sums(text, &mut sums).within(|| &path)?;
            document.sources.insert(path);
        }
    }
    let own = input.own.go.get_or_init(|| own_modules(input));
    let work = workspace(input)?;
    document.sources.extend(work.iter().map(|(path, _)| path.clone()));
    let mut places = vec![(input.directory(), &module)];
    places.extend(work.iter().map(|(path, work)| (directory(path), work)));
    let mut graph = Graph::default();
    let root = graph.add(Package::own(&module.path));
    let mut listed = BTreeSet::new();
    for require in &module.requires {
        listed.insert(require.path.as_str());
        for (number, (at, from)) in places.iter().enumerate() {
            let replaced = from.replaced(require);
            if number > 0 && replaced.is_none() {
                continue;
            }
            let Some(package) = module.package(input, require, (*at, replaced), own, &sums)? else {
                continue;
            };
            let number = graph.add(package);
            if !require.indirect {
                graph.edge(root, number, Scope::Runtime);
            }
        }
    }
    if !module.lists_all {
        for ((path, version), sum) in sums.iter().filter(|((path, _), _)| !listed.contains(path.as_str())) {
            let purl = Purl::golang(path)?.at(version)?;
            graph.add(Package::foreign(purl, path, version).pinned_by(sum_of(sum)));
        }
    }
    graph.finish(document, input.path);
    Ok(())
}

/// Sums of module archives, by path and version.
type Sums = BTreeMap<(String, String), String>;

#[derive(Debug)]
struct Require {
    path: String,
    version: String,
    indirect: bool,
}

/// The parts of a `go.mod` that say which modules are used.
#[derive(Debug, Default)]
struct Module {
    path: String,
    /// Whether it is a `go.work`.
    is_work: bool,
    lists_all: bool,
    requires: Vec<Require>,
    /// Replacements by path and, if the line names one, version.
    replaces: BTreeMap<(String, Option<String>), Replacement>,
}

/// A module and its version, or a path.
type Replacement = (String, Option<String>);

impl Module {
    fn parse(text: &str) -> Result<Self, Fault> {
        Self::default().with(text)
    }

    fn with(self, text: &str) -> Result<Self, Fault> {
        let mut module = self;
        let mut block: Option<String> = None;
        for (number, line) in text.lines().enumerate() {
            let (code, comment) =
                line.split_once("//").map_or((line, ""), |(code, comment)| (code, comment.trim()));
            let words = words(code).within(|| format!("line {}", number + 1))?;
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let indirect = comment == "indirect" || comment.starts_with("indirect;");
            match (block.as_deref(), words.as_slice()) {
                (_, []) => {}
                (Some(_), [")"]) => block = None,
                (None, [verb, "("]) => block = Some((*verb).to_owned()),
                (Some(verb), rest) => {
                    module.line(verb, rest, indirect).within(|| format!("line {}", number + 1))?
                }
                (None, [verb, rest @ ..]) => {
                    module.line(verb, rest, indirect).within(|| format!("line {}", number + 1))?;
                }
            }
        }
        match (block, module.path.is_empty() && !module.is_work) {
            (Some(verb), _) => Err(Fault::new(format!("the block `{verb} (` has no end"))),
            (None, true) => Err(Fault::new("`module` is missing")),
            (None, false) => Ok(module),
        }
    }

    fn line(&mut self, verb: &str, words: &[&str], indirect: bool) -> Result<(), Fault> {
        match (verb, words) {
            ("module", [path]) => self.path = (*path).to_owned(),
            ("go", [version]) => self.lists_all = is_since_1_17(version)?,
            ("require", [path, version]) => {
                let (path, version) = ((*path).to_owned(), (*version).to_owned());
                self.requires.push(Require { path, version, indirect });
            }
            ("replace", [path, "=>", rest @ ..]) => self.replace(path, None, rest)?,
            ("replace", [path, version, "=>", rest @ ..]) => self.replace(path, Some(version), rest)?,
            ("use", [_]) if self.is_work => {}
            ("exclude" | "retract" | "toolchain" | "tool" | "godebug" | "ignore", [_, ..]) => {}
            _ => return Err(Fault::new(format!("`{verb}` is unknown, or has too few or too many words"))),
        }
        Ok(())
    }

    fn replace(&mut self, path: &str, version: Option<&str>, by: &[&str]) -> Result<(), Fault> {
        let by = match by {
            [path] => ((*path).to_owned(), None),
            [path, version] => ((*path).to_owned(), Some((*version).to_owned())),
            _ => return Err(Fault::new("`replace` wants a path or a module and its version behind `=>`")),
        };
        self.replaces.insert((path.to_owned(), version.map(str::to_owned)), by);
        Ok(())
    }

    fn replaced(&self, require: &Require) -> Option<&Replacement> {
        let key = |version| (require.path.clone(), version);
        self.replaces.get(&key(Some(require.version.clone()))).or_else(|| self.replaces.get(&key(None)))
    }

    /// The component that a requirement leads to, replaced by what stands in a file of this directory; `None` for a module of the project.
    fn package(
        &self,
        input: &Input<'_>,
        require: &Require,
        (at, replaced): (&str, Option<&Replacement>),
        own: &BTreeSet<String>,
        sums: &Sums,
    ) -> Result<Option<Package>, Fault> {
        let (path, version) = match replaced {
            None => (&require.path, &require.version),
            Some((path, Some(version))) => (path, version),
            Some((place, None)) => {
                let is_inside = joined(at, place).is_some_and(|path| input.has_directory(&path));
                if is_inside && own.contains(&require.path) && is_of(&self.path, &require.path) {
                    return Ok(None);
                }
                let purl = Purl::golang(&require.path)?.at(&require.version)?;
                let mut package = Package::foreign(purl, &require.path, &require.version);
                package.pinned = is_inside;
                return Ok(Some(package));
            }
        };
        let purl = Purl::golang(path)?.at(version)?;
        let sum = sums.get(&(path.clone(), version.clone()));
        let package = Package::foreign(purl, path, version);
        Ok(Some(package.pinned_by(sum.map(|sum| sum_of(sum)).unwrap_or_default())))
    }
}

/// Whether two modules are of one repository: their host, owner and repository are the same.
fn is_of(module: &str, other: &str) -> bool {
    let repository = |path: &str| path.split('/').take(3).map(str::to_owned).collect::<Vec<_>>();
    repository(module) == repository(other)
}

/// Paths of the modules in the tree.
fn own_modules(input: &Input<'_>) -> BTreeSet<String> {
    let manifests = input.files.keys().filter(|path| base(path) == "go.mod");
    let texts = manifests.filter_map(|path| input.other(path).ok().flatten());
    texts.filter_map(|text| Module::parse(text).ok()).map(|module| module.path).collect()
}

/// The nearest `go.work` in the directory or above, with its path.
fn workspace(input: &Input<'_>) -> Result<Option<(String, Module)>, Fault> {
    let mut above = input.directory();
    loop {
        let path = within_directory(above, "go.work");
        if let Some(text) = input.other(&path)? {
            let work = Module { is_work: true, ..Module::default() };
            let work = work.with(text).within(|| &path)?;
            return Ok(Some((path, work)));
        }
        if above.is_empty() {
            return Ok(None);
        }
        above = directory(above);
    }
}

/// The files with sums: beside `go.mod`, and of the workspaces above it.
fn sum_files(input: &Input<'_>) -> Vec<String> {
    let mut files = vec![within_directory(input.directory(), "go.sum")];
    let mut above = input.directory();
    loop {
        files.push(within_directory(above, "go.work.sum"));
        if above.is_empty() {
            return files;
        }
        above = directory(above);
    }
}

fn read_sums(text: &str, sums: &mut Sums) -> Result<(), Fault> {
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong =
            || Fault::new("`MODULE VERSION h1:SUM` is expected").within(format!("line {}", number + 1));
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [path, version, sum] = words.as_slice() else { return Err(wrong()) };
        let Some(digits) = sum.strip_prefix("h1:") else { continue };
        let digits = STANDARD.decode(digits).ok().filter(|digits| digits.len() == 32).ok_or_else(wrong)?;
        if !version.ends_with("/go.mod") {
            let known = sums.insert(((*path).to_owned(), (*version).to_owned()), hex::encode(&digits));
            if known.is_some_and(|known| known != hex::encode(&digits)) {
                return Err(Fault::new(format!("line {}: {path} {version} has two sums", number + 1)));
            }
        }
    }
    Ok(())
}

/// A sum under its algorithm: `h1` is the SHA-256 of a list of the archive's files, not of the archive.
fn sum_of(sum: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("h1".to_owned(), sum.to_owned())])
}

fn is_since_1_17(version: &str) -> Result<bool, Fault> {
    let mut parts =
        version.split('.').map(|part| part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default());
    let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
    match (number(), number()) {
        (Some(1), Some(minor)) => Ok(minor >= 17),
        (Some(1), None) => Ok(false),
        _ => Err(Fault::version(version, "Go 1")),
    }
}

/// The words of a line; those in quotes are Go strings.
fn words(line: &str) -> Result<Vec<String>, Fault> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '`'));
        if let Some(quote) = quote {
            let (word, after) = rest
                .get(1..)
                .and_then(|rest| rest.split_once(quote))
                .ok_or_else(|| Fault::new("a quote has no end"))?;
            words.push(word.to_owned());
            rest = after.trim_start();
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == '(').filter(|end| *end > 0);
            let end = end.unwrap_or(if rest.starts_with('(') { 1 } else { rest.len() });
            let (word, after) = rest.split_at(end);
            words.push(word.to_owned());
            rest = after.trim_start();
        }
    }
    Ok(words)
}
