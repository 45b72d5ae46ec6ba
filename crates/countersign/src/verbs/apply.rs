//! `countersign apply`: brings what files declare into force, and shows what differs.
//!
//! Invariant: nothing is signed that was not shown, and nothing is sent while a file has a fault. Each statement is sent after the
//! one before it was recorded; the first refusal ends the work, and a second run goes on where it ended.

use std::path::{Path, PathBuf};

use clap::Args;
use client::access::Access;
use client::clock::now;
use client::declared::declaration::Declared;
use client::declared::difference::{Row, Sort};
use client::declared::export::export;
use client::declared::in_force::InForce;
use client::declared::origin::{self, Origin, State};
use client::declared::plan::{Plan, Step, Way};
use client::profile::Profile;
use client::session;
use domain::Reason;
use evidence::pin::Pin;
use evidence::trust_root::TrustRoot;
use serde::Serialize;
use serde_json::json;
use shown::shell;

use super::apply_steps::{self, Done};
use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;
use crate::trust;

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    data_dir: DataDir,
    /// Directory of the files, below a git repository.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only show what differs; the exit code is 3 if something does.
    #[arg(long, conflicts_with_all = ["prune", "out", "yes"])]
    check: bool,
    /// Remove what is in force and in no file; default: it is shown and stays.
    #[arg(long)]
    prune: bool,
    /// Write everything in force into DIR, a new directory, as files to start from.
    #[arg(long, conflicts_with_all = ["check", "prune", "out", "yes"])]
    export: bool,
    /// Directory to write the statements to, for others to sign; default: they are sent.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show every open time of windows before a signature; default: the next five.
    #[arg(long)]
    all: bool,
    /// Sign without asking; default: show each statement and ask.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct ApplyReport {
    /// Every difference before anything was sent.
    differences: Vec<Row>,
    /// Statements that were recorded, in their order.
    applied: Vec<Done>,
    /// Files for others to sign.
    files: Vec<PathBuf>,
    source: State,
    notes: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    next: String,
}

/// The installation, as a verb about files needs it.
pub struct Seen {
    pub root: TrustRoot,
    pub pin: Pin,
    pub in_force: InForce,
}

/// Everything in force, verified under the person's pin.
pub fn seen(access: &Access) -> Result<Seen, Failure> {
    let client = session::client(access)?;
    let (root, pin) = trust::pinned_root_of(access)?;
    let in_force = runtime()?.block_on(InForce::fetch(&client, &root, &pin))?;
    Ok(Seen { root, pin, in_force })
}

/// Shows what differs, and brings it into force.
pub fn run(verb: &Apply, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    if verb.export {
        return write_all(&access, &verb.dir, output);
    }
    let now = now()?;
    let declared = Declared::read(&verb.dir, now)?;
    let Seen { root, pin, in_force } = seen(&access)?;
    let me = Profile::of(&access)?.person;
    let mut plan = Plan::make(&declared, &in_force, Way { prune: verb.prune, me, now })?;
    let source = origin::state(&declared.path);
    if verb.check {
        return check(plan, source, output);
    }
    let steps = std::mem::take(&mut plan.steps);
    let mut report = ApplyReport {
        differences: plan.rows,
        applied: Vec::new(),
        files: Vec::new(),
        notes: plan.notes,
        next: String::new(),
        source,
    };
    if steps.is_empty() {
        return output.print(&report, |report| {
            differences(report) + "nothing to apply: everything that the files declare is in force"
        });
    }
    let root = after(root, &steps);
    enough(verb, &root, &steps)?;
    if output == Output::Text {
        crate::output::show(&differences(&report))?;
    }
    let way = apply_steps::Way {
        access: &access,
        pin: &pin,
        yes: verb.yes,
        all: verb.all,
        output,
        origin: committed(&report.source),
    };
    match &verb.out {
        Some(out) => {
            let written = apply_steps::write(&way, &root, steps, out)?;
            report.next = written.next;
            report.files = written.files;
            report.notes.extend(written.notes);
        }
        None => report.applied = apply_steps::send(&way, steps)?,
    }
    output.print(&report, |report| {
        let applied: String = report
            .applied
            .iter()
            .map(|done| format!("{}: recorded as entry {}\n", done.what, done.entry))
            .collect();
        let files: String = report.files.iter().map(|file| format!("wrote {}\n", file.display())).collect();
        let next = if report.next.is_empty() { String::new() } else { format!("next:{}", report.next) };
        format!("\n{applied}{files}{next}")
    })
}

fn write_all(access: &Access, dir: &Path, output: Output) -> Result<(), Failure> {
    let in_force = seen(access)?.in_force;
    let files = export(&in_force, dir)?;
    output.print(&json!({ "directory": dir, "files": files }), |_| {
        let shown = shell::path(dir);
        format!(
            "wrote {} into {}: everything in force but values of secrets, and statements about one release\nnext: commit them, \
             change them by review, and bring them into force with: countersign apply {shown}",
            ::shown::many(files, "file"),
            dir.display()
        )
    })
}

/// The differences, as a failed check.
fn check(plan: Plan, source: State, output: Output) -> Result<(), Failure> {
    if plan.differs() {
        let reasons: Vec<_> = plan.rows.iter().map(reason).collect();
        let many = ::shown::many(reasons.len(), "value");
        let what = format!("files and force differ in {many}");
        return Err(Failure::counted(what, reasons));
    }
    let report = ApplyReport {
        differences: plan.rows,
        applied: Vec::new(),
        files: Vec::new(),
        notes: plan.notes,
        next: String::new(),
        source,
    };
    output.print(&report, |report| differences(report) + "files and force are the same")
}

fn reason(row: &Row) -> Reason {
    match row.sort {
        Sort::Undeclared => Reason::new(
            "undeclared",
            row.to_string(),
            "write it into the files, or remove it with `countersign apply DIR --prune`",
        ),
        Sort::Add | Sort::Change => {
            Reason::new("not-in-force", row.to_string(), "bring it into force with `countersign apply DIR`")
        }
    }
}

/// The root by which the steps are signed: the new one, if there is one, with the higher threshold of holders, since both
/// sign it.
fn after(root: TrustRoot, steps: &[Step]) -> TrustRoot {
    let next = steps.iter().find_map(|step| match step {
        Step::Root(next) => Some(TrustRoot::clone(next)),
        _ => None,
    });
    let Some(mut next) = next else { return root };
    next.holders.threshold = next.holders.threshold.max(root.holders.threshold);
    next
}

/// Fails if a statement needs more signatures than one and none can be collected: a request with one would only be refused.
fn enough(verb: &Apply, root: &TrustRoot, steps: &[Step]) -> Result<(), Failure> {
    if verb.out.is_some() {
        return Ok(());
    }
    let signers = steps.iter().map(|step| (step, apply_steps::signers(root, step)));
    let many: Vec<_> = signers
        .filter(|(_, signers)| *signers > 1)
        .map(|(step, signers)| format!("{} needs signatures of {signers} people", step.what()))
        .collect();
    if many.is_empty() {
        return Ok(());
    }
    Err(Failure::error(format!(
        "{}: nothing was signed and nothing was sent; write the statements for the others to sign with `countersign apply {} --out \
         NEW-DIR`",
        many.join("; "),
        shell::path(&verb.dir)
    )))
}

fn differences(report: &ApplyReport) -> String {
    let rows: String = report.differences.iter().map(|row| format!("{row}\n")).collect();
    let notes: String = report.notes.iter().map(|note| format!("note: {note}\n")).collect();
    let source = match &report.source {
        State::Committed(Origin { commit, .. }) => format!("files of commit {commit}\n"),
        State::Changed(paths) => {
            format!(
                "warning: {} not committed, so no commit is recorded: {}\n",
                ::shown::many(paths.len(), "file"),
                ::shown::line(&paths.join(", "))
            )
        }
        State::Outside => {
            "warning: the directory is in no git repository, so no commit is recorded\n".to_owned()
        }
    };
    format!("{rows}{notes}{source}")
}

const fn committed(state: &State) -> Option<&Origin> {
    match state {
        State::Committed(origin) => Some(origin),
        State::Changed(_) | State::Outside => None,
    }
}
