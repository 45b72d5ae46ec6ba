//! Pending releases: what their scanners and tests found, and what their gates would say now.
//!
//! Input: views of places, and the person's pin. Output: one value for each release that waits. Invariant: the reasons
//! come from evidence that was checked under the person's own pin; evidence that does not hold is a reason itself.

use evidence::Place;
use policy::Reason;
use review::results::Results;
use review::{next_step, waivers};
use serde::Serialize;
use wire::{Client, PlaceView, ReleaseStage};

use crate::dossier::Dossier;
use crate::error::Error;
use crate::profile::Profile;

/// A release that waits, and the reasons of its gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingGate {
    /// The place.
    pub place: Place,
    /// Number of the release.
    pub release: u64,
    /// Results of scanners and tests.
    #[serde(flatten)]
    pub results: Results,
    /// The gate's reasons against it now, apart from a missing promotion.
    pub left: Vec<Reason>,
}

/// The gates of all releases that wait, at most [`GATES_MAX`].
pub async fn gates(profile: &Profile, client: &Client, places: &[PlaceView]) -> Vec<PendingGate> {
    let waits = |view: &&PlaceView| {
        let stage = view.open.as_ref().map(|open| open.stage);
        match stage {
            Some(ReleaseStage::Held) => true,
            Some(ReleaseStage::Proposed) => !view.automatic,
            _ => false,
        }
    };
    let mut gates = Vec::new();
    for view in places.iter().filter(waits).take(GATES_MAX) {
        let release = view.open.as_ref().map(|open| open.release).unwrap_or_default();
        let gate = gate(profile, client, view, release).await;
        gates.push(gate.unwrap_or_else(|error| PendingGate {
            place: view.place.clone(),
            release,
            results: Results::default(),
            left: reasons(error),
        }));
    }
    gates
}

async fn gate(
    profile: &Profile,
    client: &Client,
    view: &PlaceView,
    release: u64,
) -> Result<PendingGate, Error> {
    let dossier = Dossier::fetch(profile, client, &view.place).await?;
    let checked = dossier.check()?;
    let judgement = judge::judge_checked(&checked);
    Ok(PendingGate {
        place: view.place.clone(),
        release,
        results: Results::of(&checked, &judgement),
        left: next_step::left(&judgement),
    })
}

/// The reasons of an error, or the error as a reason.
fn reasons(error: Error) -> Vec<Reason> {
    match error {
        Error::Decided { reasons, .. } if !reasons.is_empty() => reasons,
        other => vec![Reason {
            code: "evidence-unread".to_owned(),
            what: other.to_string(),
            remedy: "ask again; `countersign approve --show` says more".to_owned(),
            finding: None,
        }],
    }
}

impl PendingGate {
    /// The release and its gate in lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} release {}:", self.place, self.release)];
        let reports = self.results.reports.iter().take(REPORTS_MAX);
        lines.extend(reports.map(|report| format!("  {}", report.line())));
        for (nth, reason) in self.left.iter().enumerate() {
            let same = self.left.iter().take(nth).filter(|other| other.code == reason.code).count();
            if same < EACH_MAX {
                let code = shown::brief(&reason.code, CODE_CHARS);
                lines.push(format!(
                    "  {code}: {}{}",
                    shown::brief(&reason.what, WHAT_CHARS),
                    self.about(reason)
                ));
                lines.extend(
                    self.waive(reason).map(|command| format!("    to accept it until a date: {command}")),
                );
            } else if same == EACH_MAX {
                let all = self.left.iter().filter(|other| other.code == reason.code).count();
                let code = shown::brief(&reason.code, CODE_CHARS);
                lines.push(format!("  and {} more of {code}", all.saturating_sub(EACH_MAX)));
            }
        }
        if self.left.is_empty() {
            lines.push("  its gate misses nothing but the promotion".to_owned());
        }
        lines
    }
}

impl PendingGate {
    /// The facts about the finding of a reason that decide on it, with its id.
    fn about(&self, reason: &Reason) -> String {
        let Some(finding) = waivers::finding(&self.results, reason) else { return String::new() };
        let exploited = if finding.exploited { "known to be exploited, " } else { "" };
        format!(" ({exploited}finding {})", finding.id)
    }

    /// The command that accepts the finding of a reason, for a person who may.
    fn waive(&self, reason: &Reason) -> Option<String> {
        let finding = waivers::finding(&self.results, reason)?;
        Some(waivers::command(&finding.id, &self.place))
    }
}

/// Most releases whose evidence is fetched.
pub const GATES_MAX: usize = 20;
const REPORTS_MAX: usize = 10;
/// Most reasons of one code that are shown.
const EACH_MAX: usize = 3;
const CODE_CHARS: usize = 60;
const WHAT_CHARS: usize = 200;
