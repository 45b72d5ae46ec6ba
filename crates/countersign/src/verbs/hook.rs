//! `countersign hook`: git scans what it is about to commit or to push, and refuses it if there is a secret.
//!
//! Invariant: what could not be scanned is refused like a secret. The hook only warns its owner early: a commit that gets
//! around it meets the same rules at the gate.

use std::io::{self, Read as _};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use client::changes::Repository;
use client::hooks::{self, Hook};
use serde::Serialize;

use super::scan_changes;
use super::scan_report::{ScanReport, text};
use crate::failure::Failure;
use crate::output::Output;

/// Verbs about hooks.
#[derive(Debug, Subcommand)]
pub enum HookVerb {
    /// Write git's hook `pre-commit`, which refuses a commit with a secret, and with `--pre-push` its hook `pre-push`.
    Install(Install),
    /// Remove the hooks that `hook install` wrote.
    Remove(Remove),
    /// Scan what git is about to do; started by the hooks.
    #[command(hide = true)]
    Run(Run),
}

/// Arguments of `hook install`.
#[derive(Debug, Args)]
pub struct Install {
    /// Directory in the repository; default: the current directory.
    path: Option<PathBuf>,
    /// Scan the commits of each push, too.
    #[arg(long)]
    pre_push: bool,
}

/// Arguments of `hook remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// Directory in the repository; default: the current directory.
    path: Option<PathBuf>,
}

/// Arguments of `hook run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The hook.
    #[arg(value_enum)]
    hook: HookName,
    /// Arguments that git gives to the hook.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Names of hooks.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum HookName {
    /// Before a commit.
    PreCommit,
    /// Before a push.
    PrePush,
}

#[derive(Debug, Serialize)]
struct HookReport {
    hooks: Vec<PathBuf>,
}

/// Installs, removes or runs hooks.
pub fn run(verb: &HookVerb, output: Output) -> Result<(), Failure> {
    match verb {
        HookVerb::Install(verb) => install(verb, output),
        HookVerb::Remove(verb) => remove(verb, output),
        HookVerb::Run(verb) => match verb.hook {
            HookName::PreCommit => scan(&scan_changes::staged(None, None)?, "commit", output),
            HookName::PrePush => pushed(verb.arguments.first().map_or("", String::as_str), output),
        },
    }
}

fn install(verb: &Install, output: Output) -> Result<(), Failure> {
    let repository = Repository::open(verb.path.as_deref())?;
    let program = std::env::current_exe()?;
    let chosen = Hook::ALL.into_iter().filter(|hook| *hook == Hook::PreCommit || verb.pre_push);
    let hooks = chosen.map(|hook| hooks::install(&repository, hook, &program)).collect::<Result<_, _>>()?;
    output.print(&HookReport { hooks }, |report| {
        let lines = report.hooks.iter().map(|hook| format!("wrote {}", hook.display()));
        let lines = lines.collect::<Vec<_>>().join("\n");
        format!("{lines}\ngit now refuses what holds a secret; `countersign scan --staged` shows it before")
    })
}

fn remove(verb: &Remove, output: Output) -> Result<(), Failure> {
    let repository = Repository::open(verb.path.as_deref())?;
    let mut hooks = Vec::new();
    for hook in Hook::ALL {
        hooks.extend(hooks::remove(&repository, hook)?);
    }
    output.print(&HookReport { hooks }, |report| {
        let lines: Vec<_> = report.hooks.iter().map(|hook| format!("removed {}", hook.display())).collect();
        if lines.is_empty() { "there was no hook of countersign".to_owned() } else { lines.join("\n") }
    })
}

/// Scans each history that is pushed. Git tells them on standard input
/// (<https://git-scm.com/docs/githooks#_pre_push>).
fn pushed(remote: &str, output: Output) -> Result<(), Failure> {
    let mut lines = String::new();
    io::stdin().take(INPUT_BYTES_MAX).read_to_string(&mut lines)?;
    if lines.len() as u64 == INPUT_BYTES_MAX {
        return Err(Failure::error("git pushes too many branches at once; push fewer"));
    }
    for line in lines.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [_, head, _, known] = words.as_slice() else {
            return Err(Failure::error("git describes the push in a form that this program does not know"));
        };
        // A branch that is removed brings nothing.
        if head.bytes().any(|byte| byte != b'0') {
            scan(&scan_changes::pushed(remote, known, head)?, "push", output)?;
        }
    }
    Ok(())
}

/// Prints nothing about what passes, since git's own words follow.
fn scan(report: &ScanReport, what: &str, output: Output) -> Result<(), Failure> {
    let Err(failure) = report.outcome() else { return Ok(()) };
    output.print(report, text)?;
    let ways = format!(
        "the {what} is refused: {}\n\
         If that is wrong: a colleague can accept it for the gate by `countersign waive`; `git {what} --no-verify` only moves the question there. \
         This hook asks no server: a waiver counts at the gate, not in this hook.",
        failure.message()
    );
    Err(failure.saying(ways))
}

const INPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;
