//! Tests of the command line's help: its words, and the page `docs/cli.md`, which contains all of it. `UPDATE_CLI=1`
//! writes the page.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _, Parser as _};

use super::CommandLine;

/// Help of a command and of all commands below it, one line for each described item.
fn help(command: &Command, way: &str, lines: &mut Vec<String>) {
    let way = format!("{way} {}", command.get_name());
    lines.extend(command.get_about().map(|about| format!("{way}: {about}")));
    for argument in command.get_arguments() {
        lines.extend(argument.get_help().map(|said| format!("{way} {}: {said}", argument.get_id())));
    }
    command.get_subcommands().for_each(|inner| help(inner, &way, lines));
}

#[test]
fn help_says_what_is_taken_where_nothing_is_given_in_the_same_words() {
    let mut lines = Vec::new();
    help(&CommandLine::command(), "", &mut lines);
    let of_key = " countersign key use key: ";
    assert!(lines.iter().any(|line| line.starts_with(of_key) && line.contains("default: ")), "{lines:#?}");
    let other = ["left away", "left out", "found out", "by default", "when omitted"];
    let is_other = |line: &&String| other.iter().any(|words| line.contains(words));
    let found: Vec<_> = lines.iter().filter(is_other).collect();
    assert!(found.is_empty(), "say `default: ...` or `if omitted, ...`: {found:#?}");
}

/// Help as one line that ends with a full stop, because clap removes the full stop.
fn sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    if line.is_empty() || line.ends_with(['.', '?', '!', ':']) { line } else { format!("{line}.") }
}

/// The spelling of an argument, as code: `-o`, `--output <OUTPUT>`, or `<COMMIT>`.
fn spelling(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default();
    let names = values.iter().map(|name| format!("<{}>", name.replace('|', "\\|")));
    let mut value = names.collect::<Vec<_>>().join(" ");
    if argument.get_num_args().is_some_and(|count| count.max_values() > values.len().max(1)) {
        value.push_str("...");
    }
    let takes = argument.get_action().takes_values();
    match (argument.get_short(), argument.get_long()) {
        (_, None) if argument.is_positional() => format!("`{value}`"),
        (short, long) => {
            let mut names: Vec<_> = short.map(|short| format!("-{short}")).into_iter().collect();
            names.extend(long.map(|long| format!("--{long}")));
            let last = if takes { format!(" {value}") } else { String::new() };
            format!("`{}{last}`", names.join("`, `"))
        }
    }
}

/// The row of an argument: its spelling, its help, its default.
fn row(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string);
    let mut said = sentence(&help.unwrap_or_default());
    let defaults: Vec<_> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !argument.get_action().takes_values() {
        return format!("| {} | {said} |\n", spelling(argument));
    }
    let possible: Vec<_> = argument.get_possible_values();
    let shown: Vec<_> = possible.iter().filter(|value| !value.is_hide_set()).collect();
    if !shown.is_empty() {
        let names: Vec<_> = shown.iter().map(|value| format!("`{}`", value.get_name())).collect();
        let _ = write!(said, " Values: {}.", names.join(", "));
    }
    if !defaults.is_empty() {
        let _ = write!(said, " Default: `{}`.", defaults.join(" "));
    }
    if let Some(variable) = argument.get_env() {
        let _ = write!(said, " Environment variable: `{}`.", variable.to_string_lossy());
    }
    let needed = if argument.is_required_set() { " Required." } else { "" };
    format!("| {} | {said}{needed} |\n", spelling(argument))
}

fn table<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let is_ours = |argument: &&Arg| {
        !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str())
    };
    let rows: String = arguments.filter(is_ours).map(row).collect();
    if rows.is_empty() { rows } else { format!("\n| argument | meaning |\n|---|---|\n{rows}") }
}

/// The section of a command, and of all commands below it.
fn section(command: &Command, page: &mut String) {
    let mut usage = command.clone();
    let usage = usage.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string);
    let _ = write!(page, "\n## `{name}`\n\n{}\n\n```\n{usage}\n```\n", sentence(&about.unwrap_or_default()));
    page.push_str(&table(command.get_arguments().filter(|argument| !argument.is_global_set())));
    let shown = command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help");
    shown.for_each(|inner| section(inner, page));
}

/// The page that people read must be the program's own help; `cargo x docs` checks every documented command against it.
#[test]
fn the_cli_page_is_the_help_of_the_program() {
    let mut command = CommandLine::command();
    command.build();
    let mut page = format!(
        "# Every command\n\n{CLI_PAGE_INTRODUCTION}\n\n## Everywhere\n\nEvery command takes these:\n{}\n{CLI_PAGE_FILES}\n",
        table(command.get_arguments().filter(|argument| argument.is_global_set()))
    );
    section(&command, &mut page);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    if std::env::var_os("UPDATE_CLI").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = |(written, now): &(&str, &str)| written != now;
    let first = written.lines().zip(page.lines()).find(differs);
    assert!(
        written == page,
        "docs/cli.md is not the help of the program, first at {first:?}; `UPDATE_CLI=1 cargo x test cli_page` writes it"
    );
}

const CLI_PAGE_FILES: &str = "A file that you name for an answer (`--out`, `--bundle`, `--save`) replaces an existing one, as a \
                              whole or not at all; no command\nasks before. A key, a profile or an installation is never \
                              replaced in this way.";
const CLI_PAGE_INTRODUCTION: &str = "The test `the_cli_page_is_the_help_of_the_program` writes this page from the program \
                                     itself. Do not edit it: change the help in\n`crates/countersign/src/verbs/` and run \
                                     `UPDATE_CLI=1 cargo x test cli_page`. `--help` after a command prints the same.";

/// Names of the commands below a command that take a reason.
fn with_reason(command: &Command, names: &mut Vec<String>) {
    if command.get_arguments().any(|argument| argument.get_long() == Some("reason")) {
        names.push(command.get_name().to_owned());
    }
    command.get_subcommands().for_each(|inner| with_reason(inner, names));
}

#[test]
fn attack_a_placeholder_is_no_reason_of_any_verb() {
    let place = "shop/api/production";
    let verbs: [&[&str]; 19] = [
        &["approve", place],
        &["reject", place],
        &["waive", "78f0ee1d6acb", "--until", "2026-12-31"],
        &[
            "not-affected",
            "78f0ee1d6acb",
            "--until",
            "2026-12-31",
            "--justification",
            "component_not_present",
        ],
        &["sign-off", "--until", "2026-12-31"],
        &["tag", "1", "1.2.3"],
        &["override", "1"],
        &["lift"],
        &["rollback", place],
        &["rollout", "pause", place],
        &["rollout", "resume", place],
        &["rollout", "promote", place],
        &["rollout", "abort", place],
        &["secret", "put", "--place", place, "database"],
        &["secret", "grant", "shop/a", "--to-step", "b", "--ref", "refs/heads/main", "--pool", "branch"],
        &["secret", "get", "shop/a"],
        &["secret", "exec", "shop/a=A"],
        &["secret", "rotate", "recipe.yaml"],
        &["alerts", "acknowledge", "78f0ee1d6acb"],
    ];
    let mut names = Vec::new();
    with_reason(&CommandLine::command(), &mut names);
    let name =
        |verb: &&[&str]| verb[usize::from(["secret", "rollout", "alerts"].contains(&verb[0]))].to_owned();
    let mut listed: Vec<_> = verbs.iter().map(name).collect();
    names.sort();
    listed.sort();
    assert_eq!(names, listed, "the table has each verb that takes a reason");
    let parsed = |verb: &[&str], reason: &str| {
        let rest: &[&str] = if verb.contains(&"exec") { &["--", "true"] } else { &[] };
        let words = [&["countersign"], verb, &["--reason", reason], rest].concat();
        CommandLine::try_parse_from(words).map(drop)
    };
    for verb in verbs {
        for placeholder in ["WHY", " TEXT ", "REASON", "…", "...", "<WHY>", "[REASON]"] {
            let error = parsed(verb, placeholder).unwrap_err();
            let said = error.to_string();
            assert_eq!(error.exit_code(), 2, "{said}");
            let remedy = "it is only a placeholder; give your reason in words in its place";
            assert!(said.contains(remedy), "{verb:?} {placeholder}: {said}");
        }
        for reason in ["WHY NOT: the input is ours", "TEXT of the ticket was read", "why"] {
            parsed(verb, reason).unwrap_or_else(|error| panic!("{verb:?} {reason}: {error}"));
        }
    }
}
