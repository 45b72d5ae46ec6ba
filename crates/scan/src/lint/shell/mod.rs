//! Shell text as commands, for rules about what a file has run.
//!
//! Invariant: it never fails, and quotes, substitutions, groups and `sh -c` hide no command. It reads what POSIX shells and Bash share
//! (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html>); nothing is expanded or run.

pub mod checks;
mod read;
#[cfg(test)]
mod tests;

use super::marked::Marked;

/// A text of commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The commands, in the order of the text. Those within a group or a condition stand here too.
    pub commands: Vec<Command>,
}

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Line of its first word.
    pub line: u32,
    /// Variables that are set for it alone, or for the shell if it has no words.
    pub assigned: Vec<(String, Word)>,
    /// Program and arguments, without words of the shell's grammar such as `if` and `{`.
    pub words: Vec<Word>,
    /// Files and texts that it reads from or writes to.
    pub redirects: Vec<Redirect>,
    /// What joins it to the next command.
    pub joint: Joint,
    /// Number of words that only start another program, such as `sudo` and `env`, with their options.
    start: usize,
}

/// What joins a command to the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Joint {
    /// `;`, a line's end, `&`, or the end of the text.
    #[default]
    Next,
    /// `&&`.
    And,
    /// `||`.
    Or,
    /// `|` or `|&`.
    Pipe,
}

/// A redirection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Operator, such as `>` and `<<`.
    pub operator: String,
    /// File, or the text of a here-document.
    pub word: Word,
}

/// A word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Text without quotes. Variables and substitutions stand in it as they are written.
    pub text: String,
    /// Variables that the shell puts into it.
    pub variables: Vec<Variable>,
    /// Commands of its substitutions; if it is a script for another shell, the commands of that script.
    pub inner: Vec<Command>,
    /// Whether it is a script for another shell.
    pub is_script: bool,
}

/// A variable in a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Name.
    pub name: String,
    /// Whether it stands in double quotes, so that its value stays one word.
    pub is_quoted: bool,
}

impl Script {
    /// The commands of a text whose first line is this one.
    #[must_use]
    pub fn of(text: &str, line: u32) -> Self {
        let mut line = line;
        let chars = text.chars().map(|letter| {
            let own = line;
            line = line.saturating_add(u32::from(letter == '\n'));
            (letter, own)
        });
        Self::of_chars(chars.collect())
    }

    /// The commands of letters that each know their line.
    #[must_use]
    pub fn of_chars(chars: Vec<(char, u32)>) -> Self {
        Self { commands: read::commands(chars, 0) }
    }

    /// A command whose words are known.
    #[must_use]
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>, line: u32) -> Self {
        let word = |text: &str| Word { text: text.to_owned(), ..Word::default() };
        let command = Command { line, words: words.into_iter().map(word).collect(), ..Command::default() };
        Self { commands: vec![read::completed(command, 0)] }
    }

    /// The commands of a text in a file of YAML, whose lines these are, with the lines of a block where it is one.
    #[must_use]
    pub fn of_node(lines: &[&str], node: &Marked) -> Self {
        let text = node.text().unwrap_or_default();
        let first = text.lines().next().unwrap_or_default().trim();
        let line_at = |line: u32| {
            let before = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
            lines.get(before).map(|line| line.trim()).unwrap_or_default()
        };
        let is_block = text.trim_end().contains('\n') || line_at(node.line).ends_with(['|', '>', '-', '+']);
        let starts = [node.line, node.line.saturating_add(1)];
        let start = starts.into_iter().find(|line| is_block && !first.is_empty() && line_at(*line) == first);
        match start {
            Some(line) => Self::of(text, line),
            None => Self::of_chars(text.chars().map(|letter| (letter, node.line)).collect()),
        }
    }

    /// Lists of commands that follow each other: that of the text, and those of each substitution and inner script.
    #[must_use]
    pub fn lists(&self) -> Vec<&[Command]> {
        lists_of(&self.commands)
    }

    /// All commands, inner ones too.
    pub fn all(&self) -> impl Iterator<Item = &Command> {
        self.lists().into_iter().flatten()
    }

    /// Whether a failure in a pipe counts.
    #[must_use]
    pub fn has_pipefail(&self) -> bool {
        self.all().any(|command| {
            command.program() == "set" && command.args().iter().any(|word| word.text == "pipefail")
                || is_shell(command.program()) && command.args().iter().any(|word| word.text == "pipefail")
        })
    }
}

impl Command {
    /// Name of the program that does the work, without its directory: that behind `sudo` and `env`.
    #[must_use]
    pub fn program(&self) -> &str {
        let text = self.words.get(self.start).map(|word| word.text.as_str()).unwrap_or_default();
        let name = text.rsplit('/').next().unwrap_or(text);
        name.strip_suffix(".exe").unwrap_or(name)
    }

    /// Arguments of that program.
    #[must_use]
    pub fn args(&self) -> &[Word] {
        self.words.get(self.start + 1..).unwrap_or_default()
    }

    /// Whether one of these is an argument.
    #[must_use]
    pub fn has(&self, args: &[&str]) -> bool {
        self.args().iter().any(|word| args.contains(&word.text.as_str()))
    }

    /// Words before the program that does the work, such as `sudo`.
    #[must_use]
    pub fn starters(&self) -> &[Word] {
        self.words.get(..self.start).unwrap_or_default()
    }

    /// Arguments that are no options. The value of an option that stands apart is among them.
    pub fn operands(&self) -> impl Iterator<Item = &Word> {
        self.args().iter().filter(|word| !word.text.starts_with('-'))
    }

    /// The value of an option, in the forms `--name value` and `--name=value`.
    pub fn values<'a>(&'a self, option: &'a str) -> impl Iterator<Item = &'a str> {
        self.args().iter().enumerate().filter_map(move |(at, word)| {
            let rest = word.text.strip_prefix(option)?;
            if rest.is_empty() {
                return self.args().get(at + 1).map(|word| word.text.as_str());
            }
            rest.strip_prefix('=')
        })
    }

    /// The command as people read it, shortened.
    #[must_use]
    pub fn shown(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        let text = words.join(" ");
        let line = text.lines().next().unwrap_or_default();
        evidence::document::text(line, SHOWN_BYTES_MAX)
    }
}

/// The commands up to each one that is not piped into the next.
pub fn pipes(list: &[Command]) -> impl Iterator<Item = &[Command]> {
    list.split_inclusive(|command| command.joint != Joint::Pipe)
}

/// Whether a program is a shell.
#[must_use]
pub fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "mksh" | "fish")
}

fn lists_of(commands: &[Command]) -> Vec<&[Command]> {
    let mut open = vec![commands];
    let mut all = Vec::new();
    while let Some(list) = open.pop() {
        all.push(list);
        for command in list.iter().rev() {
            let assigned = command.assigned.iter().map(|(_, word)| word);
            let redirected = command.redirects.iter().map(|redirect| &redirect.word);
            let words = command.words.iter().chain(assigned).chain(redirected);
            open.extend(words.rev().map(|word| word.inner.as_slice()).filter(|inner| !inner.is_empty()));
        }
    }
    all
}

const SHOWN_BYTES_MAX: usize = 60;
