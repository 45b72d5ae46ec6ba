//! `countersign status PLACE [RELEASE]`: one release in full: what its scanners and tests found, and what its gate says.
//!
//! Invariant: everything but the stage, the rollout and the reasons of the server comes from evidence that was checked under the
//! person's own pin. The server's gate knows what no evidence of a release says, such as a bar of its place.

use client::access::Access;
use client::dossier::Dossier;
use client::profile::Profile;
use client::{pinned_review, places, session, waiting};
use domain::gate::GateOutcome;
use evidence::Place;
use judge::{Checked, Judgement};
use policy::Reason;
use review::results::Results;
use review::{next_step, place_words, rollout_words};
use serde::Serialize;
use wire::{Client, PlaceView, ReleaseStage, ReleaseView};

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
    /// Further reasons of the server's gate at its last attempt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held: Vec<Reason>,
    /// How far its rollout is, as its agent says.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<String>,
    /// The windows of the place, if they are closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    windows: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Fetches the evidence, checks and judges it, and prints the result.
pub fn run(access: &Access, place: &Place, release: Option<u64>, output: Output) -> Result<(), Failure> {
    let client = session::client(access)?;
    let profile = Profile::of(access)?;
    let runtime = runtime()?;
    let (dossier, stage, is_pending) =
        runtime.block_on(Dossier::of_release(&profile, &client, place, release))?;
    let checked = dossier.check()?;
    let judgement = judge::judge_checked(&checked);
    let mut report = ReleaseReport::of(&checked, &judgement, stage.to_string());
    if is_pending {
        let view = runtime.block_on(places::look(&client, place))?;
        report.held = runtime.block_on(held(&client, &view, &report))?;
        let windows = view.windows.as_ref().filter(|windows| !windows.open);
        report.windows = windows.map(place_words::windows_text);
        let rollout = [rollout_words::line(&view), rollout_words::order(&view)];
        report.rollout = Some(rollout.into_iter().flatten().collect::<Vec<_>>().join("; "));
        report.rollout = report.rollout.filter(|line| !line.is_empty());
        if stage == ReleaseStage::Due {
            report.next = report.rollout.as_ref().map(|_| match rollout_words::now(&view) {
                Some(now) if now.waits_for_person() => rollout_words::promote(place),
                _ => format!("countersign rollout show {place}"),
            });
            return output.print(&report, ReleaseReport::text);
        }
        let left: Vec<_> =
            next_step::left(&judgement).into_iter().filter(|left| left.code != APPROVALS).collect();
        report.next = Some(match judgement.codes().iter().any(|code| code == APPROVALS) && left.is_empty() {
            true => format!("countersign approve {place}"),
            false => next_step::next(place, &left, &report.results),
        });
    }
    output.print(&report, ReleaseReport::text)
}

/// The reasons of the server's gate that this program does not find by itself.
async fn held(client: &Client, view: &PlaceView, report: &ReleaseReport) -> Result<Vec<Reason>, Failure> {
    let is_held = |row: &&ReleaseView| row.release == Some(report.release) && row.stage == ReleaseStage::Held;
    let Some(row) = view.releases.iter().find(is_held) else { return Ok(Vec::new()) };
    let client::Error::Decided { reasons, .. } = waiting::why(client, row).await? else {
        return Ok(Vec::new());
    };
    let is_known = |code: &str| report.reasons.iter().any(|reason| reason.code == code);
    Ok(reasons.into_iter().filter(|reason| !is_known(&reason.code)).collect())
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
            held: Vec::new(),
            rollout: None,
            windows: None,
            next: None,
        }
    }

    fn text(&self) -> String {
        let next = self.next.as_ref().map(|next| format!("\nnext: {next}")).unwrap_or_default();
        let reasons = pinned_review::lines("missing", &self.reasons);
        let held = pinned_review::lines("held by the server's gate at its last attempt", &self.held);
        let said = [("rollout", &self.rollout), ("windows", &self.windows)];
        let said = said.into_iter().filter_map(|(name, said)| Some(format!("\n{name}: {}", said.as_ref()?)));
        let said: String = said.collect();
        let Self { place, release, commit, artifact, stage, .. } = self;
        let results = self.results.text();
        format!(
            "release {release} of {place}: {stage}\ncommit: {commit}\nartifact: {artifact}{said}{results}{reasons}{held}{next}"
        )
    }
}

const APPROVALS: &str = "approvals-missing";
