//! Shell text as commands, for rules about what a file has run.
//!
//! Invariant: it never fails, and quotes, substitutions, groups and `sh -c` hide no command. It reads what POSIX shells and Bash share
//! (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html>); nothing is expanded or run.

pub mod checks;
mod command;
mod read;
#[cfg(test)]
mod tests;

use super::marked::Marked;

pub use command::{Command, Joint, Redirect, Variable, Word, is_shell};

/// A text of commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The commands, in the order of the text. Those within a group or a condition stand here too.
    pub commands: Vec<Command>,
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

/// The commands up to each one that is not piped into the next.
pub fn pipes(list: &[Command]) -> impl Iterator<Item = &[Command]> {
    list.split_inclusive(|command| command.joint != Joint::Pipe)
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
