//! `countersign status PLACE [RELEASE]`: one release in full: what its scanners and tests found, and what its gate says.
//!
//! Invariant: everything but the stage comes from evidence that was checked under the person's own pin.

use client::access::Access;
use client::dossier::Dossier;
use client::profile::Profile;
use client::{pinned_review, session};
use domain::gate::GateOutcome;
use evidence::Place;
use judge::{Checked, Judgement};
use policy::Reason;
use review::next_step;
use review::results::Results;
use serde::Serialize;

use super::runtime;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Debug, Serialize)]
struct ReleaseReport {
    place: Place,
    release: u64,
    commit: String,
    artifact: String,
    stage: String,
    outcome: GateOutcome,
    #[serde(flatten)]
    results: Results,
    /// All reasons of the gate.
    reasons: Vec<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Fetches the evidence, checks and judges it, and prints the result.
pub fn run(access: &Access, place: &Place, release: Option<u64>, output: Output) -> Result<(), Failure> {
    let client = session::client(access)?;
    let profile = Profile::of(access)?;
    let (dossier, stage, is_pending) =
        runtime()?.block_on(Dossier::of_release(&profile, &client, place, release))?;
    let checked = dossier.check()?;
    let judgement = judge::judge_checked(&checked);
    let mut report = ReleaseReport::of(&checked, &judgement, stage.to_string());
    if is_pending {
        let left: Vec<_> =
            next_step::left(&judgement).into_iter().filter(|left| left.code != APPROVALS).collect();
        report.next = Some(match judgement.codes().iter().any(|code| code == APPROVALS) && left.is_empty() {
            true => format!("countersign approve {place}"),
            false => next_step::next(place, &left, &report.results),
        });
    }
    output.print(&report, ReleaseReport::text)
}

impl ReleaseReport {
    fn of(checked: &Checked<'_>, judgement: &Judgement, stage: String) -> Self {
        Self {
            place: checked.place.clone(),
            release: checked.bundle.release,
            commit: checked.bundle.source.commit.to_string(),
            artifact: checked.bundle.artifact().to_string(),
            stage,
            outcome: judgement.outcome,
            results: Results::of(checked, judgement),
            reasons: judgement.reasons.iter().chain(&judgement.unclear).cloned().collect(),
            next: None,
        }
    }

    fn text(&self) -> String {
        let next = self.next.as_ref().map(|next| format!("\nnext: {next}")).unwrap_or_default();
        let reasons = pinned_review::lines("missing", &self.reasons);
        let Self { place, release, commit, artifact, stage, .. } = self;
        let results = self.results.text();
        format!(
            "release {release} of {place}: {stage}\ncommit: {commit}\nartifact: {artifact}{results}{reasons}{next}"
        )
    }
}

const APPROVALS: &str = "approvals-missing";
