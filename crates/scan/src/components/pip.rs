//! Requirements files of pip (<https://pip.pypa.io/en/stable/reference/requirements-file-format/>), with the files that
//! they include by `-r` and the constraints of `-c`.
//!
//! Only `==` and `===` name a version. A hash pins a requirement, and so does a full commit. The files do not tell
//! which packages the project names itself, because `pip-compile` writes all into one.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::ComponentsDocument;

use super::address;
use super::fault::{Fault, Within};
use super::graph::{Graph, Package};
use super::input::{Input, base, joined};
use super::purl::{Purl, pypi_name};
use super::urls;

/// Reads a file.
pub fn read(input: &Input<'_>, document: &mut ComponentsDocument) -> Result<(), Fault> {
    let Reader { files, constraints, .. } = Reader::of(input)?;
    for (path, requirements) in files {
        let mut graph = Graph::default();
        for (line, requirement) in requirements {
            let constraint = constraints.get(&pypi_name(&requirement.name));
            graph.add(requirement.package(constraint).within(|| format!("{path}: line {line}"))?);
        }
        graph.finish(document, &path);
    }
    Ok(())
}

/// Normal names of the projects that a file and those that it includes ask for.
pub fn names(input: &Input<'_>) -> Result<BTreeSet<String>, Fault> {
    let requirements = Reader::of(input)?.files.into_values().flatten();
    Ok(requirements.map(|(_, requirement)| pypi_name(&requirement.name)).collect())
}

/// A requirement (<https://packaging.python.org/en/latest/specifications/dependency-specifiers/>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    /// Name; empty if only an address is known.
    pub name: String,
    /// Range of versions; empty if every version fits.
    pub range: String,
    /// Address.
    pub url: Option<String>,
    /// Hashes by algorithm.
    hashes: Vec<(String, String)>,
}

impl Requirement {
    /// The version, if the range names one.
    pub fn exact(&self) -> Option<&str> {
        let range = self.range.trim().trim_start_matches('(').trim_end_matches(')').trim();
        let version = range.strip_prefix("===").or_else(|| range.strip_prefix("=="))?.trim();
        let fine = !version.is_empty() && !version.contains([',', '*', ' ', '=', '<', '>', '!', '~']);
        fine.then_some(version)
    }

    fn package(&self, constraint: Option<&Self>) -> Result<Package, Fault> {
        let mut purl = match self.name.as_str() {
            "" => Purl::generic(&self.name_by_address()?)?,
            name => Purl::pypi(name)?,
        };
        let mut hashes = self.hashes.clone();
        let mut version = self.exact().map(str::to_owned);
        let mut range = self.range.clone();
        let mut pinned = false;
        if let Some(constraint) = constraint.filter(|_| version.is_none() && self.url.is_none()) {
            version = constraint.exact().map(str::to_owned);
            hashes.extend(constraint.hashes.iter().cloned());
        }
        if let Some(url) = &self.url {
            let bare = url.split('#').next().unwrap_or_default();
            if url.starts_with("git+") {
                let (repository, reference) = split_reference(bare);
                let commit = reference.filter(|reference| urls::is_commit(reference));
                pinned = commit.is_some();
                version = commit.map(str::to_owned);
                purl = purl.with("vcs_url", &urls::git(repository, reference))?;
            } else {
                purl = purl.with("download_url", &urls::public(url))?;
                hashes.extend(fragment_hash(url));
            }
            version = version.or_else(|| version_of_archive(base(&urls::public(bare))));
            range = urls::public(bare);
        }
        let name = if self.name.is_empty() { self.name_by_address()? } else { self.name.clone() };
        let mut package = match version {
            Some(version) => Package::foreign(purl.at(&version)?, &name, &version),
            None if range.trim().is_empty() => Package::foreign(purl.open(), &name, "*"),
            None => Package::foreign(purl.open(), &name, range.trim()),
        };
        if let Some(url) = self.url.as_deref().filter(|url| !url.starts_with("git+") && !self.name.is_empty())
        {
            package.differs = address::pypi(&self.name, None, url);
        }
        package.pinned = pinned || !hashes.is_empty();
        // Several hashes belong to several archives of one version, of which an installation takes one.
        if let [(algorithm, sum)] = hashes.as_slice() {
            package.checksums.insert(algorithm.clone(), sum.clone());
        }
        Ok(package)
    }

    fn name_by_address(&self) -> Result<String, Fault> {
        let url = urls::public(self.url.as_deref().unwrap_or_default());
        let last = base(split_reference(url.trim_end_matches('/')).0).trim_end_matches(".git").to_owned();
        match last.is_empty() {
            true => Err(Fault::new("the address names no package; write `NAME @ ADDRESS`")),
            false => Ok(last),
        }
    }
}

/// Reads one requirement, without the options behind it.
pub fn requirement(text: &str) -> Result<Requirement, Fault> {
    let text = text.trim();
    let wrong = || Fault::new(format!("`{text}` is no requirement"));
    if let Some(url) = address(text) {
        let egg = url.split_once('#').and_then(|(_, fragment)| {
            fragment
                .split('&')
                .find_map(|part| part.strip_prefix("egg="))
                .map(|egg| egg.split('[').next().unwrap_or(egg))
        });
        let name = egg.map(str::to_owned).or_else(|| wheel(url).map(|(name, _)| name));
        return Ok(Requirement {
            name: name.unwrap_or_default(),
            url: Some(url.to_owned()),
            ..Requirement::default()
        });
    }
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !name.ends_with(|c: char| c.is_ascii_alphanumeric())
    {
        return Err(wrong());
    }
    let mut rest = rest.trim_start();
    if let Some(extras) = rest.strip_prefix('[') {
        rest = extras.split_once(']').ok_or_else(wrong)?.1.trim_start();
    }
    if let Some(url) = rest.strip_prefix('@') {
        let url = url.split(" ;").next().unwrap_or_default().trim();
        let fine = !url.is_empty() && !url.contains(char::is_whitespace);
        let url = fine.then(|| url.to_owned()).ok_or_else(wrong)?;
        return Ok(Requirement { name: name.to_owned(), url: Some(url), ..Requirement::default() });
    }
    let range = rest.split(';').next().unwrap_or_default().trim();
    if !range.is_empty() && !range.starts_with(['=', '<', '>', '!', '~', '(']) {
        return Err(wrong());
    }
    Ok(Requirement { name: name.to_owned(), range: range.to_owned(), ..Requirement::default() })
}

struct Reader<'a> {
    input: &'a Input<'a>,
    /// Files that are being read, from the first to the innermost.
    open: Vec<String>,
    files: BTreeMap<String, Vec<(usize, Requirement)>>,
    constraints: BTreeMap<String, Requirement>,
}

impl<'a> Reader<'a> {
    fn of(input: &'a Input<'a>) -> Result<Self, Fault> {
        let mut reader =
            Self { input, open: Vec::new(), files: BTreeMap::new(), constraints: BTreeMap::new() };
        reader.file(input.path, input.text, false)?;
        Ok(reader)
    }

    fn file(&mut self, path: &str, text: &str, is_constraint: bool) -> Result<(), Fault> {
        if self.open.iter().any(|open| open == path) {
            return Err(Fault::new(format!("`{path}` includes itself")));
        }
        if self.open.len() >= INCLUDES_MAX {
            return Err(Fault::new(format!("more than {INCLUDES_MAX} files include each other")));
        }
        if self.files.contains_key(path) && !is_constraint {
            return Ok(());
        }
        if !is_constraint {
            self.files.insert(path.to_owned(), Vec::new());
        }
        self.open.push(path.to_owned());
        check_coding(text)?;
        for (number, line) in logical(text) {
            self.line(path, number, &line, is_constraint).within(|| format!("line {number}"))?;
        }
        self.open.pop();
        Ok(())
    }

    fn line(&mut self, path: &str, number: usize, line: &str, is_constraint: bool) -> Result<(), Fault> {
        let mut found = if let Some(option) = line.strip_prefix('-') {
            let (name, value) = option_and_value(option);
            match name {
                "r" | "-requirement" => return self.include(path, value, is_constraint),
                "c" | "-constraint" => return self.include(path, value, true),
                "e" | "-editable" => requirement(value)?,
                name if OPTIONS.contains(&name) => return Ok(()),
                name => return Err(Fault::new(format!("option `-{name}` is unknown"))),
            }
        } else {
            let (line, options) = line.split_once(" --").unwrap_or((line, ""));
            let mut found = requirement(line)?;
            found.hashes = hashes(options)?;
            found
        };
        if is_constraint {
            self.constraints.insert(pypi_name(&found.name), found);
            return Ok(());
        }
        if let Some(local) = found.url.clone().filter(|url| !url.contains("://")) {
            let local = local
                .strip_prefix("file:")
                .unwrap_or(&local)
                .split(['[', '#', ';'])
                .next()
                .unwrap_or_default();
            let place = joined(super::input::directory(path), local.trim());
            if wheel(local).is_none() && place.is_some_and(|place| self.input.has_directory(&place)) {
                return Ok(()); // The project's package.
            }
            if found.name.is_empty() {
                return Err(Fault::new(format!("`{local}` leads to no package of the tree")));
            }
            found.url = Some(local.trim().to_owned());
        }
        self.files.entry(path.to_owned()).or_default().push((number, found));
        Ok(())
    }

    fn include(&mut self, from: &str, value: &str, is_constraint: bool) -> Result<(), Fault> {
        let path = joined(super::input::directory(from), value.trim());
        let path = path.ok_or_else(|| Fault::new(format!("`{value}` leads out of the tree")))?;
        let text = self.input.other(&path)?;
        let text = text.ok_or_else(|| Fault::new(format!("`{path}` is not in the tree")))?;
        self.file(&path, text, is_constraint).within(|| &path)
    }
}

/// Refuses a comment in one of the first two lines that names another encoding, as pip obeys it
/// (<https://peps.python.org/pep-0263/>): what is a comment in one encoding is a requirement in another.
fn check_coding(text: &str) -> Result<(), Fault> {
    for (number, line) in text.split('\n').take(2).enumerate() {
        let comment = line.trim_start().strip_prefix('#').unwrap_or_default();
        let Some(name) = comment.split("coding").skip(1).find_map(coding) else { continue };
        let normal = name.to_ascii_lowercase().replace(['_', '-'], "");
        if !matches!(normal.as_str(), "utf8" | "utf8sig" | "ascii" | "usascii") {
            let why = format!(
                "the comment names the encoding `{name}`; save the file as UTF-8 without the comment"
            );
            return Err(Fault::new(why).within(format!("line {}", number + 1)));
        }
    }
    Ok(())
}

/// The name of an encoding, in what stands behind `coding`.
fn coding(behind: &str) -> Option<&str> {
    let name = behind.strip_prefix([':', '='])?.trim_start();
    let end = name.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.')));
    Some(name.get(..end.unwrap_or(name.len())).unwrap_or_default()).filter(|name| !name.is_empty())
}

/// The lines of a text as Python's `str.splitlines` has them, because pip reads these.
fn python_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
    while let Some((line, after)) = rest.split_once(ends) {
        lines.push(line);
        // CR and LF together end one line.
        let is_pair = rest.get(line.len()..).is_some_and(|end| end.starts_with("\r\n"));
        rest = if is_pair { after.strip_prefix('\n').unwrap_or(after) } else { after };
    }
    lines.push(rest);
    lines
}

/// Lines without comments, with those joined that end in `\`; the number is that of the first.
fn logical(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut begun: Option<(usize, String)> = None;
    for (number, line) in python_lines(text).into_iter().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        let (first, mut whole) = begun.take().unwrap_or((number + 1, String::new()));
        if let Some(part) = line.strip_suffix('\\').filter(|_| !is_comment) {
            whole.push_str(part);
            begun = Some((first, whole));
            continue;
        }
        whole.push_str(if is_comment { "" } else { line });
        lines.push((first, whole));
    }
    lines.extend(begun);
    let bare = |line: &str| {
        let comment = line
            .match_indices('#')
            .find(|(at, _)| line.get(..*at).is_some_and(|b| b.ends_with(char::is_whitespace)));
        line.get(..comment.map_or(line.len(), |(at, _)| at)).unwrap_or_default().trim().to_owned()
    };
    let lines = lines.into_iter().map(|(number, line)| (number, bare(&line)));
    lines.filter(|(_, line)| !line.is_empty()).collect()
}

/// Name of an option without its first dash, and its value.
fn option_and_value(option: &str) -> (&str, &str) {
    let is_short = !option.starts_with('-');
    let end = option.find(['=', ' ', '\t']).unwrap_or(option.len());
    // `-rother.txt` is a short option with its value behind it.
    let end = if is_short { end.min(1) } else { end };
    let (name, value) = option.split_at_checked(end).unwrap_or((option, ""));
    (name, value.trim_start_matches('=').trim())
}

fn hashes(options: &str) -> Result<Vec<(String, String)>, Fault> {
    let mut found = Vec::new();
    let words: Vec<&str> = options.split_ascii_whitespace().collect();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let word = word.trim_start_matches('-');
        let Some(value) = word.strip_prefix("hash") else { continue };
        let value =
            if value.is_empty() { words.next().unwrap_or_default() } else { value.trim_start_matches('=') };
        found.push(checksum(value)?);
    }
    Ok(found)
}

/// A checksum such as `sha256:…`.
pub fn checksum(text: &str) -> Result<(String, String), Fault> {
    let wrong = || Fault::new(format!("`{text}` is no checksum"));
    let (algorithm, sum) = text.split_once(':').ok_or_else(wrong)?;
    let digits = match algorithm {
        "md5" => 32,
        "sha1" => 40,
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Err(wrong()),
    };
    let fine = sum.len() == digits && sum.bytes().all(|b| b.is_ascii_hexdigit());
    fine.then(|| (algorithm.to_owned(), sum.to_ascii_lowercase())).ok_or_else(wrong)
}

fn fragment_hash(url: &str) -> Option<(String, String)> {
    let (_, fragment) = url.split_once('#')?;
    fragment.split('&').find_map(|part| checksum(&part.replacen('=', ":", 1)).ok())
}

/// The text as an address or a path, if it begins like one.
fn address(text: &str) -> Option<&str> {
    let text = text.split(" ;").next().unwrap_or_default().trim();
    let scheme = text.find(':').filter(|at| text.get(..*at).is_some_and(is_scheme));
    let is_path = text.starts_with(['.', '/', '~']) || text.ends_with(".whl") && !text.contains(" @ ");
    (scheme.is_some() || is_path).then_some(text)
}

fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+')
}

/// Address and reference of `ADDRESS@REFERENCE`; the `@` between user and host does not count.
fn split_reference(url: &str) -> (&str, Option<&str>) {
    let path = url
        .find("://")
        .map_or(0, |at| url.get(at + 3..).and_then(|rest| rest.find('/')).map_or(url.len(), |b| at + 3 + b));
    match url.rfind('@').filter(|at| *at > path) {
        Some(at) => (url.get(..at).unwrap_or_default(), url.get(at + 1..)),
        None => (url, None),
    }
}

/// Name and version by the file name of a wheel.
fn wheel(url: &str) -> Option<(String, String)> {
    let file = base(url.split(['#', '?']).next()?).strip_suffix(".whl")?;
    let mut parts = file.split('-');
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

fn version_of_archive(file: &str) -> Option<String> {
    wheel(file).map(|(_, version)| version)
}

/// Options that say from where and how pip installs, not what.
const OPTIONS: [&str; 18] = [
    "i",
    "f",
    "-index-url",
    "-extra-index-url",
    "-no-index",
    "-find-links",
    "-no-binary",
    "-only-binary",
    "-prefer-binary",
    "-require-hashes",
    "-pre",
    "-trusted-host",
    "-use-feature",
    "-pypi-url",
    "-process-dependency-links",
    "-use-wheel",
    "-no-use-wheel",
    "-always-unzip",
];

const INCLUDES_MAX: usize = 16;
