//! `countersign explain`: an effective value of an installation, traced to file, line, commit, author and signers.
//!
//! Invariant: it changes nothing and signs nothing.

use std::path::PathBuf;

use clap::Args;
use client::clock::now;
use client::declared::declaration::{Declared, Part};
use client::declared::explain::{Authority, Trace, traces};
use serde_json::Value;

use super::DataDir;
use super::apply::seen;
use crate::failure::Failure;
use crate::output::Output;
use crate::trust;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    data_dir: DataDir,
    /// A place, PROJECT/SERVICE/ENVIRONMENT, or `trust`, `status`, `people/NAME` or `statements/NAME`.
    part: Part,
    /// Key of the value, such as `soak` or `variables.LOG_LEVEL`, or the first words of several; default: all values.
    key: Option<String>,
    /// Directory of the files.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Traces the values, and prints them.
pub fn run(verb: &Explain, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let declared = Declared::read(&verb.dir, now()?)?;
    let in_force = seen(&access)?.in_force;
    let root = trust::envelope_of(&access, in_force.root.version)?;
    let found = traces(&declared, &in_force, Some(&root), &verb.part, verb.key.as_deref());
    if found.is_empty() {
        let all = traces(&declared, &in_force, None, &verb.part, None);
        let keys: Vec<_> = all.iter().map(|trace| trace.key.clone()).collect();
        return Err(match (keys.is_empty(), &verb.key) {
            (false, Some(key)) => Failure::error(format!(
                "`{}` has no value `{key}`, in no file and not in force; it has {}",
                verb.part,
                keys.join(", ")
            )),
            _ => Failure::error(format!("`{}` is in no file and not in force", verb.part)),
        });
    }
    output.print(&found, |found| match verb.key {
        Some(_) => found.iter().map(whole).collect(),
        None => found.iter().map(line).collect(),
    })
}

/// One value on one line.
fn line(trace: &Trace) -> String {
    let value = words(trace.declared.as_ref().or(trace.in_force.as_ref()));
    let from = trace.at.as_ref().map_or_else(|| "in force, and in no file".to_owned(), ToString::to_string);
    let differs = if trace.is_same { "" } else { ", files and force differ" };
    format!("{} = {value}   ({from}{differs})\n", trace.key)
}

/// One value with everything that is known of it.
fn whole(trace: &Trace) -> String {
    let value = words(trace.declared.as_ref().or(trace.in_force.as_ref()));
    let mut lines = vec![format!("{} {} = {value}", trace.part, trace.key)];
    match &trace.at {
        Some(at) => {
            let layer = trace.layer.as_ref().map(|layer| format!(" ({layer})")).unwrap_or_default();
            lines.push(format!("  set by    {at}{layer}"));
        }
        None => lines.push("  set by    no file".to_owned()),
    }
    for beaten in &trace.beaten {
        let at = beaten.at.as_ref().map(ToString::to_string).unwrap_or_default();
        lines.push(format!("  beats     {} at {at} ({})", words(Some(&beaten.value)), beaten.layer));
    }
    if let Some(changed) = &trace.changed {
        lines.push(match &changed.commit {
            Some(commit) => format!(
                "  changed   by {} in {commit}: {}",
                shown::line(&changed.author),
                shown::line(&changed.summary)
            ),
            None => "  changed   in the working tree, and not committed".to_owned(),
        });
    }
    let force = trace.in_force.as_ref();
    lines.push(match (&trace.by, force) {
        (Some(by), Some(_)) => format!("  in force  {}, by {}", words(force), authority(by)),
        _ => format!("  in force  {}", words(force)),
    });
    if !trace.is_same {
        lines.push("  differs   files and force say different things; `countersign apply DIR` shows what it would change".into());
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn authority(by: &Authority) -> String {
    let number = by.number.map(|number| format!(" {number}")).unwrap_or_default();
    let entry = by.entry.map(|entry| format!(", entry {entry}")).unwrap_or_default();
    let signers = match by.signed_by.is_empty() {
        true => String::new(),
        false => format!(", signed by {}", shown::line(&by.signed_by.join(", "))),
    };
    format!("statement{number} ({}{entry}){signers}", by.statement)
}

fn words(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => shown::line(text),
        Some(other) => shown::line(&other.to_string()),
    }
}
