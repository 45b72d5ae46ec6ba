//! Slots: decides which pieces of work a runner begins now, so that no project makes the others wait.
//!
//! Invariant: at most `steps` pieces run at once, at most `steps_per_project` of one project, and the project with the
//! fewest running pieces comes first. Work whose result could not be reported waits longer after each attempt. Pure but
//! for the current time, which the caller passes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use evidence::{Id, Name};
use wire::RunnerWork;

/// Limits on the steps that run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    steps: usize,
    steps_per_project: usize,
}

/// Invalid limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--steps-per-project {0} is more than --steps {1}; give at most as many")]
pub struct SlotsError(usize, usize);

impl Slots {
    /// Limits for all steps, by default the number of processors but at least four, and for the steps of one project, by
    /// default one less, so that one slot is left for other projects.
    ///
    /// # Errors
    /// `SlotsError` if the limit of one project is larger than the limit of all.
    pub fn new(steps: Option<usize>, steps_per_project: Option<usize>) -> Result<Self, SlotsError> {
        let processors = || std::thread::available_parallelism().map_or(STEPS_MIN, usize::from);
        let steps = steps.unwrap_or_else(|| processors().max(STEPS_MIN)).max(1);
        let steps_per_project = steps_per_project.unwrap_or_else(|| (steps - 1).max(1)).max(1);
        if steps_per_project > steps {
            return Err(SlotsError(steps_per_project, steps));
        }
        Ok(Self { steps, steps_per_project })
    }
}

/// Running work, and work whose result could not be reported.
#[derive(Debug)]
pub struct Desk {
    slots: Slots,
    busy: BTreeMap<Id, Doing>,
    failed: BTreeMap<Id, Failed>,
    /// Reported work that may still be in a list that was requested before.
    reported: BTreeSet<Id>,
    /// When each project last began a piece, as a turn number.
    turns: BTreeMap<Name, u64>,
    turn: u64,
}

#[derive(Debug)]
struct Doing {
    project: Name,
    wanted: Arc<AtomicBool>,
}

/// Work for which neither a receipt nor a failure could be reported.
#[derive(Clone, Copy, Debug)]
struct Failed {
    times: u32,
    again: Instant,
}

/// The next action for work that could not be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It is tried again later.
    Again,
    /// It was tried often enough: the server is told that this runner gives it up.
    GiveUp,
}

impl Desk {
    /// A desk without work.
    pub fn new(slots: Slots) -> Self {
        Self {
            slots,
            busy: BTreeMap::new(),
            failed: BTreeMap::new(),
            reported: BTreeSet::new(),
            turns: BTreeMap::new(),
            turn: 0,
        }
    }

    /// Nonces of the running work.
    pub fn nonces(&self) -> Vec<Id> {
        self.busy.keys().copied().collect()
    }

    /// Whether no work runs or waits for another attempt; the request for work may then wait at the server.
    pub fn is_idle(&self) -> bool {
        self.busy.is_empty() && self.failed.is_empty()
    }

    /// Applies a new list of due work: stops running work that is no longer due, and forgets failed work that is no longer
    /// due.
    pub fn due(&mut self, works: &[RunnerWork]) {
        let due: BTreeSet<Id> = works.iter().map(|work| work.due.nonce).collect();
        for (nonce, doing) in &self.busy {
            if !due.contains(nonce) {
                doing.wanted.store(false, Ordering::Relaxed);
            }
        }
        self.failed.retain(|nonce, _| due.contains(nonce));
        self.reported.retain(|nonce| due.contains(nonce));
        let busy: BTreeSet<&Name> = self.busy.values().map(|doing| &doing.project).collect();
        let projects: BTreeSet<&Name> = works.iter().map(|work| &work.due.project).chain(busy).collect();
        self.turns.retain(|project, _| projects.contains(project));
    }

    /// Selects the work of a list that begins now; each piece comes with a flag that says whether it is still wanted.
    pub fn begin(&mut self, mut works: Vec<RunnerWork>, now: Instant) -> Vec<(RunnerWork, Arc<AtomicBool>)> {
        works.retain(|work| {
            let waits = self.failed.get(&work.due.nonce).is_some_and(|failed| failed.again > now);
            !waits && !self.busy.contains_key(&work.due.nonce) && !self.reported.contains(&work.due.nonce)
        });
        let mut begun = Vec::new();
        while self.busy.len() < self.slots.steps {
            let Some(at) = self.next(&works) else { break };
            let work = works.remove(at);
            let project = work.due.project.clone();
            self.turn += 1;
            self.turns.insert(project.clone(), self.turn);
            let wanted = Arc::new(AtomicBool::new(true));
            self.busy.insert(work.due.nonce, Doing { project, wanted: Arc::clone(&wanted) });
            works.retain(|other| other.due.nonce != work.due.nonce);
            begun.push((work, wanted));
        }
        begun
    }

    /// The first piece of the project with the fewest running pieces; among equals, of the one that has waited longest.
    fn next(&self, works: &[RunnerWork]) -> Option<usize> {
        let under_way = |project: &Name| self.busy.values().filter(|doing| doing.project == *project).count();
        let turn = |project: &Name| self.turns.get(project).copied().unwrap_or_default();
        let rank = |work: &RunnerWork| (under_way(&work.due.project), turn(&work.due.project));
        let allowed = works
            .iter()
            .enumerate()
            .filter(|(_, work)| under_way(&work.due.project) < self.slots.steps_per_project);
        allowed.min_by_key(|(at, work)| (rank(work), *at)).map(|(at, _)| at)
    }

    /// Notes that a piece is done and its report was accepted.
    pub fn done(&mut self, nonce: &Id) {
        self.busy.remove(nonce);
        self.failed.remove(nonce);
        self.reported.insert(*nonce);
    }

    /// Notes that a piece is done but could not be reported.
    pub fn failed(&mut self, nonce: Id, now: Instant) -> After {
        self.busy.remove(&nonce);
        let times = self.failed.get(&nonce).map_or(0, |failed| failed.times) + 1;
        let pause = if times < TRIES_MAX { AGAIN.saturating_mul(1 << times) } else { AGAIN_MAX };
        self.failed.insert(nonce, Failed { times, again: now + pause });
        if times < TRIES_MAX { After::Again } else { After::GiveUp }
    }
}

/// Fewest slots by default, so that a pipeline's steps run in parallel on a small machine too.
const STEPS_MIN: usize = 4;
/// Number of attempts for work that cannot be reported.
const TRIES_MAX: u32 = 5;
/// Pause after the first attempt; it doubles.
const AGAIN: Duration = Duration::from_secs(1);
/// Pause after the server could not be told that the work is given up.
const AGAIN_MAX: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn work(n: u8, project: &str) -> RunnerWork {
        let mut due = lab::forgery::runs::in_team().asked().due;
        due.nonce = lab::id(n);
        due.project = lab::name(project);
        RunnerWork { due, repository: None, upload: None }
    }

    fn projects(begun: &[(RunnerWork, Arc<AtomicBool>)]) -> Vec<String> {
        begun.iter().map(|(work, _)| work.due.project.to_string()).collect()
    }

    #[test]
    fn attack_a_hundred_steps_of_one_project_keep_no_step_of_another_waiting() {
        let mut desk = Desk::new(Slots::new(Some(4), None).unwrap());
        let hundred: Vec<_> = (0..100).map(|n| work(n, "hog")).collect();
        let begun = desk.begin(hundred.clone(), Instant::now());
        assert_eq!(projects(&begun), ["hog"; 3], "one slot is left");
        let late: Vec<_> = hundred.iter().cloned().chain([work(200, "shop")]).collect();
        assert_eq!(projects(&desk.begin(late.clone(), Instant::now())), ["shop"]);
        assert!(desk.begin(late.clone(), Instant::now()).is_empty(), "all slots are taken");
        desk.done(&begun[0].0.due.nonce);
        let more: Vec<_> = late.into_iter().chain([work(201, "shop")]).collect();
        let next = desk.begin(more, Instant::now());
        assert_eq!(projects(&next), ["shop"], "the project with fewer running pieces comes first");
    }

    #[test]
    fn projects_take_turns() {
        let mut desk = Desk::new(Slots::new(Some(1), None).unwrap());
        let mut works: Vec<_> = (0..9).map(|n| work(n, ["a", "b", "c"][usize::from(n / 3)])).collect();
        let mut order = Vec::new();
        for _ in 0..6 {
            let begun = desk.begin(works.clone(), Instant::now());
            order.extend(projects(&begun));
            desk.done(&begun[0].0.due.nonce);
            works.retain(|work| work.due.nonce != begun[0].0.due.nonce);
        }
        assert_eq!(order, ["a", "b", "c", "a", "b", "c"]);
    }

    #[test]
    fn what_was_reported_is_not_done_again_for_a_list_that_is_older() {
        let mut desk = Desk::new(Slots::new(None, None).unwrap());
        let works = vec![work(1, "shop")];
        desk.begin(works.clone(), Instant::now());
        desk.done(&lab::id(1));
        desk.due(&works);
        assert!(desk.begin(works, Instant::now()).is_empty());
        desk.due(&[]);
        assert!(desk.reported.is_empty());
    }

    #[test]
    fn what_is_not_due_any_more_is_ended() {
        let mut desk = Desk::new(Slots::new(None, None).unwrap());
        let works = vec![work(1, "shop"), work(2, "shop")];
        let begun = desk.begin(works.clone(), Instant::now());
        desk.due(&works[1..]);
        let wanted: Vec<_> = begun.iter().map(|(_, wanted)| wanted.load(Ordering::Relaxed)).collect();
        assert_eq!(wanted, [false, true]);
    }

    /// A refused report must not be tried without end: some twenty times a second.
    #[test]
    fn attack_what_cannot_be_reported_waits_longer_each_time_and_is_given_up() {
        let mut desk = Desk::new(Slots::new(None, None).unwrap());
        let due = vec![work(1, "shop")];
        let (mut now, mut pauses) = (Instant::now(), Vec::new());
        loop {
            assert_eq!(desk.begin(due.clone(), now).len(), 1);
            let after = desk.failed(lab::id(1), now);
            let seconds = (0..).find(|seconds| {
                let later = now + Duration::from_secs(*seconds);
                desk.failed[&lab::id(1)].again <= later
            });
            pauses.push(seconds.unwrap());
            assert!(desk.begin(due.clone(), now).is_empty());
            if after == After::GiveUp {
                break;
            }
            now += Duration::from_secs(*pauses.last().unwrap());
        }
        assert_eq!(pauses, [2, 4, 8, 16, 600]);
        desk.due(&[]);
        assert!(desk.is_idle(), "its run has ended");
    }

    #[test]
    fn slots_that_contradict_each_other_are_refused() {
        assert_eq!(Slots::new(Some(2), Some(3)), Err(SlotsError(3, 2)));
        assert_eq!(Slots::new(Some(1), None).unwrap(), Slots { steps: 1, steps_per_project: 1 });
        assert!(Slots::new(None, None).unwrap().steps >= STEPS_MIN);
    }
}
