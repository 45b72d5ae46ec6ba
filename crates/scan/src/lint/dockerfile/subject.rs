//! A Dockerfile as rules see it: stages with the instructions of each.
//!
//! Invariant: a value is known or it is not. What an argument of the build may change has the default that the file names, and none if it
//! names none.

use std::collections::BTreeMap;

use crate::lint::shell::Script;

/// A Dockerfile.
#[derive(Debug)]
pub struct Dockerfile {
    /// Stages, in the order of the file.
    pub stages: Vec<Stage>,
    /// Instructions before the first stage, which can only be ARG.
    pub globals: Vec<Instruction>,
    /// Defaults of the arguments before the first stage.
    known: BTreeMap<String, String>,
    /// Places of stages by their names; of two, the later.
    named: BTreeMap<String, usize>,
    runs: Vec<Run>,
}

/// A stage: what follows a FROM.
#[derive(Debug)]
pub struct Stage {
    /// The image that it begins with.
    pub base: Base,
    /// Its name.
    pub name: Option<String>,
    /// Line of its FROM.
    pub line: u32,
    /// Its instructions, FROM not among them.
    pub instructions: Vec<Instruction>,
}

/// What a stage begins with.
#[derive(Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing at all.
    Scratch,
    /// An earlier stage, by its place.
    Stage(usize),
    /// An image of a registry.
    Image(String),
    /// An argument of the build without a default says it.
    Unknown,
}

/// An instruction.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// Line of its first word.
    pub line: u32,
    /// Name, in capitals; of ONBUILD, that of the instruction behind it.
    pub name: String,
    /// Flags.
    pub flags: Vec<Flag>,
    /// What follows name and flags, with continued lines joined.
    pub text: String,
    /// The same letters, each with its line.
    pub chars: Vec<(char, u32)>,
    /// Form of its command.
    pub form: Form,
    /// Here-documents.
    pub documents: Vec<HereDocument>,
    /// Whether images that are built on this one run it.
    pub is_onbuild: bool,
    /// The letter that continues lines.
    pub escape: char,
}

/// A flag of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Name, in small letters.
    pub name: String,
    /// Value; empty if there is none.
    pub value: String,
}

/// Form of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// A list of words, run without a shell.
    Exec(Vec<String>),
    /// A text for the shell.
    Shell,
}

/// A here-document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HereDocument {
    /// The line that ends it.
    pub end: String,
    /// Its lines, with their numbers.
    pub lines: Vec<(u32, String)>,
}

/// A RUN with its commands.
#[derive(Debug)]
pub struct Run {
    /// Its flags.
    pub flags: Vec<Flag>,
    /// Its commands.
    pub script: Script,
    /// Whether the shell that runs it lets a failure in a pipe count.
    pub has_pipefail: bool,
    /// Place of its stage.
    pub stage: usize,
}

impl Dockerfile {
    /// The stages of these instructions.
    pub(super) fn of(all: Vec<Instruction>) -> Result<Self, String> {
        let mut file = Self {
            stages: Vec::new(),
            globals: Vec::new(),
            known: BTreeMap::new(),
            named: BTreeMap::new(),
            runs: Vec::new(),
        };
        for instruction in all {
            if instruction.name == "FROM" {
                let stage = file.stage(&instruction)?;
                if let Some(name) = stage.name.clone() {
                    file.named.insert(name, file.stages.len());
                }
                file.stages.push(stage);
            } else if let Some(stage) = file.stages.last_mut() {
                stage.instructions.push(instruction);
            } else if instruction.name == "ARG" {
                file.learn(&instruction);
                file.globals.push(instruction);
            } else {
                return Err(format!(
                    "line {}: {} stands before the first FROM",
                    instruction.line, instruction.name
                ));
            }
        }
        if file.stages.is_empty() {
            return Err("it has no FROM".to_owned());
        }
        file.runs = file.read_runs();
        Ok(file)
    }

    fn stage(&self, from: &Instruction) -> Result<Stage, String> {
        let words: Vec<&str> = from.text.split_whitespace().collect();
        let (image, name) = match words.as_slice() {
            [image] => (*image, None),
            [image, word, name] if word.eq_ignore_ascii_case("as") => {
                (*image, Some((*name).to_ascii_lowercase()))
            }
            _ => return Err(format!("line {}: FROM takes an image, and perhaps AS and a name", from.line)),
        };
        let base = match substituted(image.trim_matches(['"', '\'']), &self.known) {
            None => Base::Unknown,
            Some(image) if image.is_empty() => Base::Unknown,
            Some(image) if image.eq_ignore_ascii_case("scratch") => Base::Scratch,
            Some(image) => match self.named.get(&image.to_ascii_lowercase()) {
                Some(earlier) => Base::Stage(*earlier),
                None => Base::Image(image),
            },
        };
        Ok(Stage { base, name, line: from.line, instructions: Vec::new() })
    }

    fn learn(&mut self, argument: &Instruction) {
        for (name, value) in argument.pairs() {
            if let Some(value) = value.and_then(|value| substituted(&value, &self.known)) {
                self.known.insert(name, value);
            }
        }
    }

    /// The last stage, which becomes the image.
    pub fn last(&self) -> Option<&Stage> {
        self.stages.last()
    }

    /// Instructions of all stages, each with the place of its stage.
    pub fn instructions(&self) -> impl Iterator<Item = (usize, &Instruction)> {
        let staged = self.stages.iter().enumerate();
        staged.flat_map(|(at, stage)| stage.instructions.iter().map(move |instruction| (at, instruction)))
    }

    /// Instructions of this name.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Instruction> {
        self.instructions()
            .map(|(_, instruction)| instruction)
            .filter(move |instruction| instruction.name == name)
    }

    /// The stage and those that it is built on, itself first. A stage is only built on earlier ones.
    pub fn lineage(&self, stage: usize) -> Vec<&Stage> {
        let mut all = Vec::new();
        let mut next = Some(stage);
        while let Some(stage) = next.and_then(|at| self.stages.get(at)) {
            all.push(stage);
            next = match stage.base {
                Base::Stage(earlier) => Some(earlier),
                _ => None,
            };
        }
        all
    }

    /// The commands of each RUN that a POSIX shell runs, in all stages. Those of PowerShell and cmd are left out.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    fn read_runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        let mut shells: Vec<Shell> = Vec::new();
        for (at, stage) in self.stages.iter().enumerate() {
            let mut shell = match stage.base {
                Base::Stage(earlier) => shells.get(earlier).copied().unwrap_or_default(),
                Base::Image(ref image) if is_windows(image) => Shell { is_posix: false, has_pipefail: false },
                _ => Shell::default(),
            };
            for instruction in &stage.instructions {
                if instruction.name == "SHELL"
                    && let Form::Exec(words) = &instruction.form
                {
                    shell = Shell::of(words);
                }
                let is_read = instruction.name == "RUN"
                    && (shell.is_posix || matches!(instruction.form, Form::Exec(_)));
                if is_read {
                    let script = instruction.script();
                    let has_pipefail = shell.has_pipefail || script.has_pipefail();
                    runs.push(Run { flags: instruction.flags.clone(), script, has_pipefail, stage: at });
                }
            }
            shells.push(shell);
        }
        runs
    }

    /// Images of registries that a stage or an instruction takes files from: line and name. Those that an argument without default names
    /// are not known and left out.
    pub fn images(&self) -> Vec<(u32, String)> {
        let mut images = Vec::new();
        for stage in &self.stages {
            if let Base::Image(image) = &stage.base {
                images.push((stage.line, image.clone()));
            }
            for instruction in &stage.instructions {
                for source in instruction.sources() {
                    let is_number = source.chars().all(|letter| letter.is_ascii_digit());
                    let known = self.named.contains_key(&source.to_ascii_lowercase());
                    let is_image = source.contains(['/', ':', '@', '.']);
                    let image = substituted(source, &self.known).filter(|_| is_image && !is_number && !known);
                    images.extend(image.map(|image| (instruction.line, image)));
                }
            }
        }
        images
    }
}

/// The shell of a stage.
#[derive(Clone, Copy)]
struct Shell {
    is_posix: bool,
    has_pipefail: bool,
}

impl Default for Shell {
    fn default() -> Self {
        Self { is_posix: true, has_pipefail: false }
    }
}

impl Shell {
    fn of(words: &[String]) -> Self {
        let program = words.first().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
        let is_posix = !["powershell", "pwsh", "cmd"].iter().any(|name| program.contains(name));
        Self {
            is_posix,
            has_pipefail: words.iter().any(|word| word == "pipefail" || word.ends_with("opipefail")),
        }
    }
}

impl Instruction {
    /// Its commands, where it has some.
    pub fn script(&self) -> Script {
        if let Form::Exec(words) = &self.form {
            return Script::of_words(words.iter().map(String::as_str), self.line);
        }
        let is_document = self.text.starts_with("<<");
        if is_document {
            let first = self.documents.first().and_then(|document| document.lines.first());
            let runs_shell = first.is_none_or(|(_, line)| !line.starts_with("#!") || line.ends_with("sh"));
            let lines = self.documents.iter().flat_map(|document| &document.lines).filter(|_| runs_shell);
            return Script::of_chars(lines.flat_map(|(number, line)| with_end(line, *number)).collect());
        }
        let mut chars = self.chars.clone();
        for document in &self.documents {
            let last = document.lines.last().map_or(self.line, |(number, _)| *number);
            let end = (last, document.end.clone());
            for (number, line) in document.lines.iter().chain([&end]) {
                if chars.last().is_some_and(|(letter, _)| *letter != '\n') {
                    chars.push(('\n', *number));
                }
                chars.extend(with_end(line, *number));
            }
        }
        Script::of_chars(chars)
    }

    /// Names and values of ENV, ARG and LABEL; a value that is missing is none.
    pub fn pairs(&self) -> Vec<(String, Option<String>)> {
        let words = words(&self.text);
        let first = words.first().map(String::as_str).unwrap_or_default();
        if self.name == "ENV" && !first.contains('=') {
            let value = self.text.get(first.len()..).unwrap_or_default().trim();
            return vec![(first.to_owned(), Some(value.to_owned()))];
        }
        let pair = |word: &String| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.clone(), None),
        };
        words.iter().map(pair).collect()
    }

    /// Sources and destination of COPY and ADD, or the words of another list.
    pub fn words(&self) -> Vec<String> {
        match &self.form {
            Form::Exec(words) => words.clone(),
            Form::Shell => words(&self.text),
        }
    }

    /// The value of a flag.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|flag| flag.name == name).map(|flag| flag.value.as_str())
    }

    /// Images and stages that it takes files from.
    fn sources(&self) -> Vec<&str> {
        let mut sources: Vec<&str> = Vec::new();
        if matches!(self.name.as_str(), "COPY" | "ADD") {
            sources.extend(self.flag("from"));
        }
        for flag in self.flags.iter().filter(|flag| self.name == "RUN" && flag.name == "mount") {
            sources.extend(flag.value.split(',').filter_map(|part| part.strip_prefix("from=")));
        }
        sources
    }
}

/// Whether the file's base is one of Windows, whose shell is cmd.
fn is_windows(image: &str) -> bool {
    let image = image.to_ascii_lowercase();
    ["nanoserver", "servercore", "windowsservercore", "mcr.microsoft.com/windows"]
        .iter()
        .any(|part| image.contains(part))
}

fn with_end(line: &str, number: u32) -> impl Iterator<Item = (char, u32)> {
    line.chars().chain(['\n']).map(move |letter| (letter, number))
}

/// Words of a text, without their quotes.
pub(super) fn words(text: &str) -> Vec<String> {
    let (mut all, mut word, mut quote, mut is_open) = (Vec::new(), String::new(), None, false);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => (quote, is_open) = (Some(letter), true),
            (None | Some('"'), '\\') => word.extend(letters.next()),
            (None, _) if letter.is_whitespace() => {
                if is_open || !word.is_empty() {
                    all.push(std::mem::take(&mut word));
                }
                is_open = false;
            }
            _ => word.push(letter),
        }
    }
    if is_open || !word.is_empty() {
        all.push(word);
    }
    all
}

/// A text with its variables replaced; none if one is not known
/// (<https://docs.docker.com/reference/dockerfile/#environment-replacement>).
pub(super) fn substituted(text: &str, known: &BTreeMap<String, String>) -> Option<String> {
    let mut all = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        all.push_str(before);
        if let Some(braced) = after.strip_prefix('{') {
            let (inner, behind) = braced.split_once('}')?;
            let name: String =
                inner.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
            let operator = inner.get(name.len()..).unwrap_or_default();
            let value = known.get(&name).filter(|value| !value.is_empty());
            let default = operator.strip_prefix(":-").or_else(|| operator.strip_prefix('-'));
            all.push_str(match (operator.is_empty(), value, default) {
                (true, Some(value), _) | (false, Some(value), Some(_)) => value,
                (false, None, Some(default)) if !default.contains('$') => default,
                _ => return None,
            });
            rest = behind;
        } else {
            let name: String =
                after.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
            all.push_str(known.get(&name).filter(|value| !value.is_empty())?);
            rest = after.get(name.len()..).unwrap_or_default();
        }
    }
    all.push_str(rest);
    Some(all)
}
