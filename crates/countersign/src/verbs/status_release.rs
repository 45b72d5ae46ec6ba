//! `countersign status PLACE [RELEASE]`: one release in full: what its scanners and tests found, and what its gate says.
//!
//! Invariant: everything but the stage comes from evidence that was checked under the person's own pin.

use client::dossier::{Dossier, nothing_pinned};
use client::home::Home;
use client::profile::Profile;
use client::results::Results;
use client::{evidence_file, foresight, pins, places, review, session};
use domain::gate::GateOutcome;
use evidence::Place;
use evidence::bundle::{BYTES_MAX, Bundle};
use judge::{Checked, Judgement};
use policy::Reason;
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
pub fn run(home: &Home, place: &Place, release: Option<u64>, output: Output) -> Result<(), Failure> {
    let client = session::client(home)?;
    let runtime = runtime()?;
    let profile = Profile::of(home)?;
    let view = runtime.block_on(places::look(&client, place))?;
    if let Some(open) = view.open.as_ref().filter(|open| release.is_none_or(|number| number == open.release))
    {
        let dossier = runtime.block_on(Dossier::fetch(&profile, &client, place))?;
        let checked = dossier.check()?;
        let judgement = judge::judge_checked(&checked);
        let mut report = ReleaseReport::of(&checked, &judgement, open.stage.to_string());
        let left: Vec<_> =
            foresight::left(&judgement).into_iter().filter(|left| left.code != APPROVALS).collect();
        report.next = Some(match judgement.codes().iter().any(|code| code == APPROVALS) && left.is_empty() {
            true => format!("countersign approve {place}"),
            false => foresight::next(place, &left, &report.results),
        });
        return output.print(&report, ReleaseReport::text);
    }
    let meant = runtime.block_on(evidence_file::meant(&client, &view, release))?;
    let digest = meant.bundle.ok_or_else(|| {
        let number = meant.release.unwrap_or_default();
        Failure::error(format!("no gate judged release {number} of {place}: it is {}", meant.stage))
    })?;
    let bundle = Bundle::decode(&runtime.block_on(client.blob(&digest, BYTES_MAX))?)?;
    let pin = pins::read(profile.installation)?;
    let pin = pin.ok_or_else(nothing_pinned)?;
    let (anchors, seen) = review::context_of(&pin, &bundle, None);
    // The bundle keeps the verdict of its time: numbers that rose since do not count against it.
    let seen = judge::VerificationContext { root: 0, status: 0, statement: 0, ..seen };
    let checked = judge::check(&bundle, &anchors, &seen).map_err(|found| review::broken(&bundle, found))?;
    let judgement = judge::judge_checked(&checked);
    output.print(&ReleaseReport::of(&checked, &judgement, meant.stage.to_string()), ReleaseReport::text)
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
        let reasons = review::lines("missing", &self.reasons);
        let Self { place, release, commit, artifact, stage, .. } = self;
        let results = self.results.text();
        format!(
            "release {release} of {place}: {stage}\ncommit: {commit}\nartifact: {artifact}{results}{reasons}{next}"
        )
    }
}

const APPROVALS: &str = "approvals-missing";
