//! Documented commands: each verb, subcommand and flag must exist in the program.
//!
//! Invariant: `docs/cli.md` decides, which a test of the binary keeps equal to its command line; this file links no crate
//! of the product.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{Page, Piece};
use crate::tidy::prose;

/// The commands and flags of the program.
#[derive(Debug, Default)]
pub struct Commands {
    /// Flags of each command, by its words, such as `trust status`; with whether a flag takes a value.
    flags: BTreeMap<String, BTreeMap<String, bool>>,
    /// Flags of every command.
    everywhere: BTreeMap<String, bool>,
}

impl Commands {
    /// Reads the page that the binary's test writes.
    pub fn read(page: &Page) -> Self {
        let mut read = Self::default();
        read.everywhere.extend(["-h", "--help", "-V", "--version"].map(|flag| (flag.to_owned(), false)));
        let mut current = None;
        for line in page.text.lines() {
            if let Some(name) = line.strip_prefix("## `countersign") {
                let name = name.trim_end_matches('`').trim().to_owned();
                read.flags.entry(name.clone()).or_default();
                current = Some(name);
            }
            let Some(cell) = line.strip_prefix("| `").and_then(|row| row.split(" | ").next()) else {
                continue;
            };
            let takes = cell.contains('<');
            let flags = cell.split(['`', ',', ' ']).filter(|word| word.starts_with('-'));
            let flags = flags.map(|flag| (flag.to_owned(), takes));
            match current.as_ref().and_then(|name| read.flags.get_mut(name)) {
                Some(own) => own.extend(flags),
                None => read.everywhere.extend(flags),
            }
        }
        read
    }

    fn inner(&self, way: &str, word: &str) -> Option<String> {
        let inner = if way.is_empty() { word.to_owned() } else { format!("{way} {word}") };
        self.flags.contains_key(&inner).then_some(inner)
    }

    fn has_inner(&self, way: &str) -> bool {
        let start = if way.is_empty() { String::new() } else { format!("{way} ") };
        self.flags.keys().any(|known| known.len() > start.len() && known.starts_with(&start))
    }

    fn takes(&self, way: &str, flag: &str) -> Option<bool> {
        let own = self.flags.get(way).and_then(|flags| flags.get(flag));
        own.or_else(|| self.everywhere.get(flag)).copied()
    }

    /// The first part of a command line, without the program's name, that the program does not have.
    fn wrong(&self, line: &str) -> Option<String> {
        let mut way = String::new();
        let mut words = line.split_whitespace().map(bare).filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            // A placeholder for a value: the rest of the line may be anything.
            if word.starts_with('{') && self.has_inner(&way) {
                return None;
            }
            if ENDS.iter().any(|end| word.starts_with(end)) {
                return None;
            }
            if word.starts_with('-') && word != "-" {
                let mut takes = false;
                for flag in word.split(['|', '/']).map(|flag| flag.split('=').next().unwrap_or(flag)) {
                    takes = match self.takes(&way, bare(flag)) {
                        Some(takes) => takes && !word.contains('='),
                        None => return Some(format!("the flag `{flag}` of `{}`", spoken(&way))),
                    };
                }
                if takes {
                    words.next_if(|value| !value.starts_with('-'));
                }
                continue;
            }
            // `server|witness`: each is a verb.
            let each: Vec<&str> = word.split('|').filter(|word| !word.is_empty()).collect();
            if !self.has_inner(&way) {
                continue;
            }
            if !each.iter().all(|word| is_verb_like(word)) {
                return None;
            }
            for word in &each {
                if self.inner(&way, word).is_none() {
                    return Some(format!("`{word}` of `{}`", spoken(&way)));
                }
            }
            way = each.last().and_then(|word| self.inner(&way, word)).unwrap_or(way);
        }
        None
    }

    fn verbs(&self) -> BTreeSet<&str> {
        self.flags.keys().map(String::as_str).filter(|name| !name.is_empty() && !name.contains(' ')).collect()
    }
}

/// The text after the program's name, for a text that begins with it.
fn of_program(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches("$ ").strip_prefix("countersign ")?;
    // `countersign answer v1` is the beginning of a signed format.
    let version = text.split_whitespace().nth(1).and_then(|word| word.strip_prefix('v'));
    version.is_none_or(|digits| digits.parse::<u32>().is_err()).then(|| text.to_owned())
}

/// Commands between backticks in a source file's messages and comments that the program does not have.
pub fn unknown_in_source(name: &str, text: &str, commands: &Commands) -> Vec<String> {
    let mut found = Vec::new();
    for said in prose::with_code(text) {
        for (number, span) in said.text.split('`').enumerate().filter(|(number, _)| number % 2 == 1) {
            let before =
                said.text.split('`').take(number).map(|part| part.matches('\n').count()).sum::<usize>();
            if let Some(what) = of_program(span).and_then(|line| commands.wrong(&line)) {
                let remedy = "name one that docs/cli.md has";
                found.push(format!(
                    "{name}:{}: says {what}, which the program does not have: {remedy}",
                    said.line + before
                ));
            }
        }
    }
    found
}

/// Tasks of `cargo x` that a page names and that do not exist.
pub fn unknown_tasks(page: &Page, usage: &str) -> Vec<String> {
    let tasks: BTreeSet<&str> =
        usage.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let of_cargo = |piece: Piece| {
        let task = piece
            .text
            .trim()
            .trim_start_matches("$ ")
            .strip_prefix("cargo x ")?
            .split_whitespace()
            .next()?
            .to_owned();
        (!tasks.contains(task.as_str())).then(|| {
            format!(
                "{}:{}: names `cargo x {task}`, which does not exist: `cargo x` lists the tasks",
                page.name, piece.line
            )
        })
    };
    page.fenced().into_iter().chain(page.spans()).filter_map(of_cargo).collect()
}

/// Commands in a page that the program does not have.
pub fn unknown(page: &Page, commands: &Commands) -> Vec<String> {
    let verbs = commands.verbs();
    let operating = page.name.starts_with("docs/operating/") || page.name == "README.md";
    let spoken_alone = |text: &str| {
        let first = text.split_whitespace().next()?;
        (operating && text.contains(' ') && verbs.contains(first)).then(|| text.to_owned())
    };
    let fenced = page.fenced().into_iter().filter_map(|piece| Some((piece.line, of_program(&piece.text)?)));
    let spans = page.spans().into_iter().filter_map(|piece| {
        Some((piece.line, of_program(&piece.text).or_else(|| spoken_alone(&piece.text))?))
    });
    let wrong = fenced.chain(spans).filter_map(|(line, text)| Some((line, commands.wrong(&text)?)));
    wrong
        .map(|(line, what)| {
            format!("{}:{line}: names {what}, which the program does not have: see docs/cli.md", page.name)
        })
        .collect()
}

/// A word without surrounding brackets, quotes and punctuation.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| "[](),;:'\"`".contains(c)).trim_end_matches('.')
}

/// Whether a word can be a verb; placeholders and values cannot: `VERB`, `./file`, `api/production`.
fn is_verb_like(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

fn spoken(way: &str) -> String {
    if way.is_empty() { "countersign".to_owned() } else { format!("countersign {way}") }
}

/// Words that end the command line of the program.
const ENDS: [&str; 7] = ["#", "&&", "||", ">", "<", "--]", "\\"];

#[cfg(test)]
mod tests {
    use super::*;

    const CLI: &str = "# Every command\n\n## Everywhere\n\n| argument | meaning |\n|---|---|\n| `-o`, `--output <OUTPUT>` | x |\n\n\
        ## `countersign`\n\n## `countersign run`\n\n| `<COMMIT>` | x |\n| `--again` | x |\n| `--project <P>` | x |\n\n\
        ## `countersign trust`\n\n## `countersign trust pin`\n";

    fn found(name: &str, text: &str) -> Vec<String> {
        let commands = Commands::read(&Page { name: "docs/cli.md".to_owned(), text: CLI.to_owned() });
        unknown(&Page { name: name.to_owned(), text: text.to_owned() }, &commands)
    }

    #[test]
    fn what_the_program_has_is_fine() {
        let fine = "`countersign run [COMMIT] --again` `countersign -o json run`, `countersign trust pin`, `countersign VERB --x`\n\
            `countersign answer v1` \
            ```\ncountersign run main --project shop   # not --more\n$ countersign run --help\nother --flag\n```\n";
        assert_eq!(found("docs/a.md", fine), Vec::<String>::new());
    }

    #[test]
    fn a_verb_subcommand_or_flag_that_is_not_there_is_named_with_its_line() {
        let cases = [
            ("docs/a.md", "x\n\n`countersign walk`", "docs/a.md:3: names `walk` of `countersign`"),
            ("docs/a.md", "`countersign trust\npull`", "docs/a.md:1: names `pull` of `countersign trust`"),
            (
                "docs/a.md",
                "```\ncountersign run --slow\n```",
                "docs/a.md:2: names the flag `--slow` of `countersign run`",
            ),
            ("docs/a.md", "`countersign run --again|--agian`", "the flag `--agian`"),
            ("docs/a.md", "`countersign --again run`", "the flag `--again` of `countersign`"),
            ("docs/operating/a.md", "`trust pull PIN`", "names `pull` of `countersign trust`"),
            ("docs/operating/a.md", "`run --project x --slow`", "the flag `--slow`"),
        ];
        for (name, text, expected) in cases {
            let found = found(name, text);
            assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
        }
        assert_eq!(
            found("docs/formats/a.md", "`trust pull PIN`"),
            Vec::<String>::new(),
            "only the operating docs"
        );
    }

    #[test]
    fn a_task_that_is_not_there_is_named_with_its_line() {
        let text = "`cargo x check`\n```\ncargo x test --peers\ncargo x chekc\n```\n".to_owned();
        let page = Page { name: "a.md".to_owned(), text };
        let found = unknown_tasks(&page, "usage: cargo x <task>\n\n  check    all\n  test [ARGS]  tests\n");
        assert!(found.len() == 1 && found[0].starts_with("a.md:4: names `cargo x chekc`"), "{found:?}");
    }
}
