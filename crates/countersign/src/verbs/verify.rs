//! `countersign verify`: judges an evidence bundle offline, against a pinned root, at the time that its
//! witnesses vouch for.

use std::path::PathBuf;

use clap::Args;
use domain::gate::Outcome;
use evidence::bundle::Bundle;
use evidence::trust_root::Mode;
use judge::{Checked, Judgement, Seen};
use serde::Serialize;

use crate::failure::Failure;
use crate::home;
use crate::output::Output;
use crate::review;
use crate::trust;

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The bundle.
    bundle: PathBuf,
    /// File of the trust root to believe; your pinned one when left away.
    #[arg(long)]
    trust_root: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Verified {
    trust_root: String,
    root_version: u32,
    mode: Mode,
    witnesses: usize,
    same_machine: bool,
    judged_at: String,
    place: String,
    release: u64,
    artifact: String,
    commit: String,
    outcome: Outcome,
    checks: Vec<String>,
    reasons: Vec<String>,
}

/// Verifies and prints.
pub fn run(verb: &Verify, output: Output) -> Result<(), Failure> {
    let bytes = review::read(&verb.bundle)?;
    let (anchors, seen) = match &verb.trust_root {
        Some(file) => {
            let anchors = review::anchors_of(file)?;
            let seen = Seen { root: anchors.version, ..Seen::default() };
            (anchors, seen)
        }
        None => {
            let bundle = Bundle::decode(&bytes)?;
            let pin = home::read_pin(bundle.installation)?.ok_or_else(|| {
                Failure::error(
                    "you have pinned no root of this installation; name one with --trust-root FILE",
                )
            })?;
            // A bundle stays what it was: numbers that rose since do not count against it.
            let (anchors, seen) = review::eyes_of(&pin, &bundle, None);
            (anchors, Seen { root: 0, status: 0, statement: 0, ..seen })
        }
    };
    let shown = judge::verify(&bytes, &anchors, &seen, |checked, judgement| {
        (verified(checked, judgement), judgement.clone(), review::summary(checked))
    });
    let (verified, judgement, summary) = shown.map_err(review::unverified)?;
    if judgement.outcome == Outcome::Pass || output == Output::Text {
        output.print(&verified, |verified| {
            let checks: String =
                verified.checks.iter().map(|check| format!("\n  checked: {check}")).collect();
            format!(
                "{summary}\nassurance: {}\njudged at {}: {:?}{checks}",
                trust::assurance(verified.mode),
                verified.judged_at,
                verified.outcome
            )
        })?;
    }
    review::verdict(&judgement)
}

fn verified(checked: &Checked<'_>, judgement: &Judgement) -> Verified {
    Verified {
        trust_root: checked.root_digest.to_string(),
        root_version: checked.root.version,
        mode: checked.root.mode,
        witnesses: checked.proven.witnesses,
        same_machine: checked.proven.same_machine,
        judged_at: checked.now.to_string(),
        place: checked.place.to_string(),
        release: checked.bundle.release,
        artifact: checked.bundle.artifact().to_string(),
        commit: checked.bundle.source.commit.to_string(),
        outcome: judgement.outcome,
        checks: judgement.checks.clone(),
        reasons: judgement.codes(),
    }
}
