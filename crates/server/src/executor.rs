//! The server's own executors: they derive plans that are wanted and judge gates that are due.
//!
//! Invariant: they make no choices. Outstanding work is read from the durable state, so a crash loses nothing: the next
//! start does it again, and a verdict that is no longer needed is refused.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::gate::{GateDue, Judged, RecordVerdict};
use domain::release::PlaceState;
use domain::{Command, State, release};
use evidence::Place;
use evidence::bundle::Bundle;
use evidence::entry::{Actor, Auth};
use evidence::machine::MachineSigner;
use evidence::windows::{WindowState, Windows};
use evidence::{Bytes, Digest, Moment};
use judge::{Judgement, own_context};
use tlog::{Checkpoint, Note};
use tracing::{Span, error, warn};

use crate::clock;
use crate::dossier::{DossierError, attach_log_proofs};
use crate::edge::{EdgeError, Gatekeeper};
use crate::job::{Answer, CommandSource, Job};
use crate::openings::{self, Opening};
use crate::rescan;
use crate::shared::Shared;

/// Gates that could not be judged yet, and the executor's running time when that was first seen.
pub type Waiting = BTreeMap<(Place, u64, u32), Duration>;

/// The inputs of one round of the executor.
#[derive(Clone, Copy, Debug)]
pub struct Round<'a> {
    /// The evidence on disk.
    pub keeper: &'a Gatekeeper,
    /// The durable state.
    pub state: &'a State,
    /// The key for provenance.
    pub provenance: &'a MachineSigner,
    /// The time at which gates are judged.
    pub moment: Moment,
    /// How long the executor has run.
    pub running: Duration,
    /// Places whose gates are held, with the reason.
    pub held: &'a BTreeMap<Place, String>,
}

/// Runs until the server ends: one round after each change of the ledger, and more after pauses while a gate waits for
/// its witnesses or a release for its time.
pub async fn run(shared: Arc<Shared>, provenance: Arc<MachineSigner>) {
    let mut changes = shared.intake.changes();
    let mut waiting = Waiting::new();
    let since = Instant::now();
    let mut failed = false;
    loop {
        changes.borrow_and_update();
        let (at, signer) = (Arc::clone(&shared), Arc::clone(&provenance));
        let mut held = std::mem::take(&mut waiting);
        let round = tokio::task::spawn_blocking(move || {
            let state = at.intake.state();
            let round = Round {
                keeper: &at.gatekeeper,
                held: &rescan::held(&at, &state),
                state: &state,
                provenance: &signer,
                moment: clock::now(),
                running: since.elapsed(),
            };
            (round.jobs(&mut held), held, round.pause())
        })
        .await;
        let Ok((jobs, held, pause)) = round else { return error!("the server's executor has failed") };
        waiting = held;
        match jobs {
            Ok(jobs) => {
                for job in jobs {
                    match shared.intake.submit(job).await {
                        Ok(Answer::Accepted { .. } | Answer::Repeated(_)) => {}
                        // The state changed meanwhile; the next round sees the change.
                        Ok(Answer::Refused { .. }) => {}
                        Err(error) => {
                            warn!("the writer did not accept the executor's command: {error}; trying again")
                        }
                    }
                }
            }
            Err(error) => {
                if !failed {
                    warn!("the executor cannot work: {error}");
                }
                failed = true;
                drop(tokio::time::timeout(AGAIN, changes.changed()).await);
                continue;
            }
        }
        failed = false;
        let pause = if waiting.is_empty() { pause } else { Some(PAUSE) };
        match pause {
            Some(pause) => drop(tokio::time::timeout(pause, changes.changed()).await),
            None if changes.changed().await.is_err() => return,
            None => {}
        }
    }
}

impl Round<'_> {
    /// The commands for all outstanding work that can be done now.
    ///
    /// # Errors
    /// `EdgeError` if the server's own files fail.
    pub fn jobs(&self, waiting: &mut Waiting) -> Result<Vec<Job>, EdgeError> {
        // Evidence takes space, and this work can wait until there is enough.
        self.keeper.disk_space().for_anything()?;
        let mut jobs = Vec::new();
        for (place, standing) in self.state.release.places() {
            if self.is_due_again(place, standing) {
                let retry = Command::Retry(release::Retry { place: place.clone() });
                jobs.push(job("retry", place, retry, Vec::new())?);
            }
            if standing.wanted.is_none() {
                continue;
            }
            match self.propose(place) {
                Ok(job) => jobs.extend(job),
                // A place whose evidence cannot be read must not stop the other places.
                Err(error) => warn!("nothing can be proposed at {place}: {error}"),
            }
        }
        let due: Vec<_> = self.state.gate.outstanding().collect();
        waiting.retain(|(place, release, generation), _| {
            due.iter()
                .any(|due| due.place == *place && due.release == *release && due.generation == *generation)
        });
        let mut failed = None;
        for due in due {
            match self.judge(due, waiting) {
                Ok(job) => jobs.extend(job),
                // A gate that cannot be judged must not stop the other gates.
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            // Recording a command starts the next round; with nothing to record, the failed one is tried again after a pause.
            Some(error) if jobs.is_empty() => return Err(error),
            Some(error) => warn!("a gate could not be judged: {error}"),
            None => {}
        }
        Ok(jobs)
    }

    /// Whether something is tried again at a place: a freeze has ended, or its time has come.
    fn is_due_again(&self, place: &Place, standing: &PlaceState) -> bool {
        if self.state.identity.is_frozen(place) {
            return false;
        }
        standing.waits_for_thaw(self.state.identity.status_number())
            || self.opening(place, standing) == Some(Opening::Now)
    }

    /// When something that came at the wrong time is tried again at a place, if nothing else holds it.
    fn opening(&self, place: &Place, standing: &PlaceState) -> Option<Opening> {
        let is_thawed = standing.open.is_some() || standing.frozen.is_none();
        let hold = standing.waits_for_time().filter(|_| is_thawed)?;
        Some(openings::opening(self.state, &self.keeper.store(), place, hold, self.moment))
    }

    /// How long nothing is to do, if only time passes; `None` if nothing waits for a time.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        let places = self.state.release.places();
        let openings = places.filter(|(place, _)| !self.state.identity.is_frozen(place));
        let openings = openings.filter_map(|(place, standing)| match self.opening(place, standing)? {
            Opening::Now => Some(PAUSE),
            Opening::At(moment) => {
                Some(Duration::from_millis(moment.millis().saturating_sub(self.moment.millis())))
            }
            Opening::Never => None,
        });
        // Clocks are set, and machines sleep.
        openings.min().map(|pause| pause.clamp(PAUSE, LOOK_MAX))
    }

    fn propose(&self, place: &Place) -> Result<Option<Job>, EdgeError> {
        let keeper = self.keeper;
        let root = keeper.root(self.state)?;
        let Some(planned) = judge::plan(self.state, &root, &keeper.store(), place)? else { return Ok(None) };
        let made = match &planned.made {
            Ok((plan, summary)) => {
                let plan = plan.encode().map_err(|error| EdgeError::Evidence(error.to_string()))?;
                let mut summary = summary.clone();
                self.provenance.sign(&mut summary)?;
                Ok((keeper.blobs().put(&plan)?, keeper.blobs().put(&summary.encode()?)?))
            }
            Err(code) => Err(code.clone()),
        };
        job("propose", place, planned.command(made), Vec::new()).map(Some)
    }

    /// Judges one gate; `None` while the newest entries are not witnessed, for a limited time.
    fn judge(&self, due: &GateDue, waiting: &mut Waiting) -> Result<Option<Job>, EdgeError> {
        let (keeper, moment) = (self.keeper, self.moment);
        if let Some(what) = self.held.get(&due.place) {
            return self.record(due, None, &Judgement::undecided("alert-open", what, ALERTS)).map(Some);
        }
        let collected = match judge::collect(self.state, &keeper.store(), &due.place, moment) {
            Ok(collected) => collected,
            Err(error) => {
                let judgement = Judgement::undecided("evidence-unavailable", error.to_string(), AUDIT);
                return self.record(due, None, &judgement).map(Some);
            }
        };
        let (bundle, judgement) = match attach_log_proofs(&collected, keeper.readers()) {
            Ok(dossier) => {
                let (anchors, seen) = own_context(self.state, &due.place, moment)
                    .map_err(|error| EdgeError::Evidence(error.to_string()))?;
                let judgement = judge::judge(&dossier.bundle, &anchors, &seen);
                // Witnesses signed the shown checkpoint before the time had come, and sign the newest one soon.
                let may_pass = dossier.bundle.windows.as_ref().is_none_or(|bytes| is_open(bytes, moment));
                let is_late =
                    judgement.is_untimely() && may_pass && size(&dossier.bundle) < self.state.entries;
                if is_late && self.is_patient(due, waiting) {
                    return Ok(None);
                }
                (Some(dossier.bytes), judgement)
            }
            // Agents could not read such a bundle, and would ask for it again and again.
            Err(DossierError::Large(large)) => {
                (None, Judgement::undecided(judge::LARGE, large.what, large.remedy))
            }
            Err(DossierError::NotWitnessed) => {
                if self.is_patient(due, waiting) {
                    return Ok(None);
                }
                let what = "the witnesses have not signed the newest entries";
                let remedy = "see that the witnesses are up, and ask again";
                (None, Judgement::undecided("not-witnessed", what, remedy))
            }
            Err(error) => (None, Judgement::undecided("evidence-unavailable", error.to_string(), AUDIT)),
        };
        self.record(due, bundle.as_deref(), &judgement).map(Some)
    }

    /// Whether a gate waits for its witnesses a little longer.
    fn is_patient(&self, due: &GateDue, waiting: &mut Waiting) -> bool {
        let key = (due.place.clone(), due.release, due.generation);
        let since = *waiting.entry(key).or_insert(self.running);
        self.running.saturating_sub(since) < PATIENCE
    }

    fn record(&self, due: &GateDue, bundle: Option<&[u8]>, judgement: &Judgement) -> Result<Job, EdgeError> {
        let blobs = self.keeper.blobs();
        let unsound = |error: &dyn std::fmt::Display| EdgeError::Evidence(error.to_string());
        let verdict = judgement.encode().map_err(|error| unsound(&error))?;
        let bundle: Option<Digest> = bundle.map(|bytes| blobs.put(bytes)).transpose()?;
        if judgement.input.is_some() {
            blobs.put(&judgement.bytes)?;
        }
        let judged = Judged {
            place: due.place.clone(),
            release: due.release,
            generation: due.generation,
            outcome: judgement.outcome,
            reasons: judgement.codes(),
            warnings: judgement.warned(),
            policy: due.policy,
            engine: judgement.engine.clone(),
            at: self.state.entries,
            moment: self.moment,
            bundle,
            input: judgement.input,
            verdict: blobs.put(&verdict)?,
        };
        job("judge", &due.place, Command::RecordVerdict(Box::new(RecordVerdict { judged })), Vec::new())
    }
}

/// Number of entries of the checkpoint of a bundle; 0 if it cannot be read.
fn size(bundle: &Bundle) -> u64 {
    let note = Note::parse(bundle.checkpoint.as_bytes()).ok();
    let checkpoint = note.and_then(|note| note.text().parse::<Checkpoint>().ok());
    checkpoint.map_or(0, |checkpoint| checkpoint.size)
}

/// Whether these windows are open at a moment.
fn is_open(windows: &Bytes, moment: Moment) -> bool {
    let windows = Windows::decode(&windows.0);
    windows.is_ok_and(|windows| matches!(windows.state_at(moment), WindowState::Open { .. }))
}

fn job(action: &str, place: &Place, command: Command, blobs: Vec<Digest>) -> Result<Job, EdgeError> {
    let origin = CommandSource {
        actor: Actor::System,
        auth: Auth::None,
        action: action.parse().map_err(|error| EdgeError::Evidence(format!("{error}")))?,
        idempotency: None,
        project: Some(place.project.clone()),
    };
    Ok(Job { command, origin, particulars: None, blobs, bodies: Vec::new(), span: Span::none() })
}

const ALERTS: &str = "mend it in a new run, or have the finding waived there; once `countersign alerts` shows the alert no more, promote again";
const AUDIT: &str = "run `countersign audit verify`, mend what it names, and ask again";
/// Pause between two rounds while a gate waits for its witnesses.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest pause while a release waits for its time.
const LOOK_MAX: Duration = Duration::from_secs(30);
/// Pause after a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// Time for which a gate waits for its witnesses before it is undecided.
const PATIENCE: Duration = Duration::from_secs(30);
