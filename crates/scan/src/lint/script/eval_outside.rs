//! `script-eval-outside`.
//!
//! `sh -c "$1"` and `eval` read text as commands
//! (<https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_21>).

use evidence::document::findings::Severity;

use super::Source;
use super::subject::Kind;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::{Command, Word, is_shell};

pub const RULE: Rule<Source> = Rule {
    facts: Facts {
        id: "script-eval-outside",
        severity: Severity::Medium,
        title: "text from outside is run as a command",
        why: "An argument or a line of the input such as `; rm -rf ~` is run with the rights of this script.",
        remedy: "call the program with the arguments as they are: `\"$@\"`, or compare the text with a list of words",
        same: &[],
    },
    check,
};

fn check(source: &Source, hits: &mut Hits) {
    if source.kind != Kind::Shell {
        return;
    }
    let functions = functions(&source.text);
    let read: Vec<&str> =
        source.script.all().filter(|command| command.program() == "read").flat_map(names).collect();
    for command in source.script.all().filter(|command| is_eval(command)) {
        // Within a function the arguments are those of its caller, which stands in the same file.
        let has_arguments = !functions.iter().any(|(from, to)| (*from..=*to).contains(&command.line));
        let is_outside = |word: &Word| {
            let by_mark = ["$@", "$*", "${@}", "${*}"].iter().any(|mark| word.text.contains(mark));
            let by_number = word
                .variables
                .iter()
                .any(|one| one.name.starts_with(|first: char| first.is_ascii_digit() && first != '0'));
            has_arguments && (by_mark || by_number)
                || word.variables.iter().any(|one| read.contains(&one.name.as_str()))
        };
        if evaluated(command).iter().any(is_outside) {
            hits.at(command.line, command.shown());
        }
    }
}

fn is_eval(command: &Command) -> bool {
    command.program() == "eval" || is_shell(command.program())
}

/// The words that a command runs as shell text.
fn evaluated(command: &Command) -> &[Word] {
    if command.program() == "eval" {
        return command.args();
    }
    let at = command.args().iter().position(|word| word.is_script);
    at.and_then(|at| command.args().get(at..=at)).unwrap_or_default()
}

/// Variables that a command reads from its input.
fn names(command: &Command) -> impl Iterator<Item = &str> {
    let is_name = |text: &&str| text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    command.operands().map(|word| word.text.as_str()).filter(is_name)
}

/// First and last line of each function.
fn functions(text: &str) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    let mut open: Option<(u32, &str)> = None;
    for (line, number) in text.lines().zip(1..) {
        let indent = line.get(..line.len() - line.trim_start().len()).unwrap_or_default();
        match open {
            None => {
                let plain = line.trim();
                let is_head = plain.starts_with("function ")
                    || plain
                        .split_once("()")
                        .is_some_and(|(name, _)| !name.is_empty() && !name.contains(['"', '\'', '=', '$']));
                if is_head && plain.ends_with('}') {
                    found.push((number, number));
                } else if is_head {
                    open = Some((number, indent));
                }
            }
            Some((from, own)) => {
                if line.trim_end().strip_prefix(own).is_some_and(|rest| rest.starts_with('}') || rest == ")")
                {
                    found.push((from, number));
                    open = None;
                }
            }
        }
    }
    found
}
