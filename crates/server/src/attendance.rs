//! Attendance: when each machine was heard last and whether it waits for work. Clients report a machine that is gone to
//! their users, and a run that waits for a runner that is gone ends.
//!
//! Invariant: attendance itself decides nothing; a run ends by a command like any other, which is recorded and replayed.
//! It is kept in memory, so a server that has just started treats each runner as if it had just been heard. A machine
//! whose request waits for an answer is present; when it is gone, its connection closes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::{State, build};
use evidence::{Id, Name, Place};
use tracing::{debug, warn};
use wire::MachineView;

use crate::line_limit::{self, LineLimit};

/// A machine whose attendance is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineId {
    /// A runner.
    Runner(Name),
    /// An agent of a place.
    Agent(Name, Place),
}

/// Everything known of the machines since this server started.
#[derive(Debug)]
pub struct Attendance {
    since: Instant,
    heard: Mutex<BTreeMap<MachineId, MachineRecord>>,
    /// Nonces of the work that each runner reports as running.
    doing: Mutex<BTreeMap<Name, BTreeSet<Id>>>,
    /// Rate-limited log lines of each machine, by kind.
    line_limits: Mutex<BTreeMap<(String, &'static str), LineLimit>>,
}

/// Attendance of one machine.
#[derive(Clone, Copy, Debug)]
struct MachineRecord {
    last: Instant,
    /// Number of its requests that wait for an answer.
    waiting: u32,
    at_work: bool,
}

/// A request for work, until it is answered or given up.
#[derive(Debug)]
pub struct WorkRequest<'a> {
    attendance: &'a Attendance,
    who: MachineId,
}

impl Attendance {
    /// No machine was heard yet. Time in which the host sleeps does not count.
    pub const fn new(since: Instant) -> Self {
        Self {
            since,
            heard: Mutex::new(BTreeMap::new()),
            doing: Mutex::new(BTreeMap::new()),
            line_limits: Mutex::new(BTreeMap::new()),
        }
    }

    /// The time since the server's start.
    pub fn up(&self) -> Duration {
        self.since.elapsed()
    }

    /// Notes that a machine has proved its identity now.
    pub fn saw(&self, who: &MachineId, now: Instant) {
        self.change(who, now, |_| {});
    }

    /// Notes that a machine asks for work.
    pub fn asks(&self, who: MachineId) -> WorkRequest<'_> {
        self.change(&who, Instant::now(), |heard| {
            heard.waiting += 1;
            heard.at_work = false;
        });
        WorkRequest { attendance: self, who }
    }

    /// Notes the work that a runner reports as running.
    pub fn does(&self, runner: &Name, nonces: BTreeSet<Id>) {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner).insert(runner.clone(), nonces);
    }

    /// Whether a runner reports this work as running.
    pub fn is_at(&self, runner: &Name, nonce: &Id) -> bool {
        let doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        doing.get(runner).is_some_and(|nonces| nonces.contains(nonce))
    }

    /// The attendance of a machine, as far as it was heard.
    pub fn of(&self, who: &MachineId) -> MachineView {
        let heard = self.heard().get(who).copied();
        let last = heard.map_or(self.since, |heard| heard.last);
        let is_waiting = heard.is_some_and(|heard| heard.waiting > 0);
        MachineView {
            name: who.name().clone(),
            silent_seconds: if is_waiting { 0 } else { last.elapsed().as_secs() },
            at_work: heard.is_some_and(|heard| heard.at_work),
        }
    }

    /// Logs an event that a machine, or somebody in its name, may cause at will: at most one line a minute for each kind.
    pub fn warn(&self, machine: &Name, kind: &'static str, what: &dyn fmt::Display, now: Instant) {
        match self.warning(machine, kind, what, now) {
            Some(line) => warn!(%machine, kind, "{line}"),
            None => debug!(%machine, kind, "{what}"),
        }
    }

    fn warning(
        &self,
        machine: &Name,
        kind: &'static str,
        what: &dyn fmt::Display,
        now: Instant,
    ) -> Option<String> {
        let mut line_limits = self.line_limits.lock().unwrap_or_else(PoisonError::into_inner);
        let count = line_limits.entry((machine.to_string(), kind)).or_default().admit(now)?;
        Some(format!("{what}{}", line_limit::suffix(count)))
    }

    /// The commands that end runs which wait for a runner that was not heard for this long; one for each run.
    pub fn lost(&self, state: &State, now: Instant, gone_after: Duration) -> Vec<build::Lose> {
        let is_gone = |runner: &Name| {
            let last =
                self.heard().get(&MachineId::Runner(runner.clone())).map_or(self.since, |heard| heard.last);
            now.saturating_duration_since(last) >= gone_after
        };
        let lost = state.build.runs().filter_map(|run| {
            let outstanding = run.due.iter().filter(|due| run.report(&due.work, &due.runner).is_none());
            let mut gone = outstanding.filter(|due| is_gone(&due.runner));
            gone.next().map(|due| build::Lose { run: due.run, work: due.work.clone(), runner: None })
        });
        let checks = state.check.places().filter_map(|(_, checks)| {
            let mut gone = checks.outstanding().filter(|due| is_gone(&due.runner));
            gone.next().map(|due| build::Lose { run: due.run, work: due.work.clone(), runner: None })
        });
        lost.chain(checks).collect()
    }

    fn change(&self, who: &MachineId, now: Instant, change: impl FnOnce(&mut MachineRecord)) {
        let mut all = self.heard();
        let heard = all.entry(who.clone()).or_insert(MachineRecord { last: now, waiting: 0, at_work: false });
        heard.last = now;
        change(heard);
    }

    fn heard(&self) -> MutexGuard<'_, BTreeMap<MachineId, MachineRecord>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MachineId {
    const fn name(&self) -> &Name {
        match self {
            Self::Runner(name) | Self::Agent(name, _) => name,
        }
    }
}

impl WorkRequest<'_> {
    /// Notes that the machine was given work.
    pub fn has_work(&self) {
        self.attendance.change(&self.who, Instant::now(), |heard| heard.at_work = true);
    }
}

impl Drop for WorkRequest<'_> {
    fn drop(&mut self) {
        let answered = |heard: &mut MachineRecord| heard.waiting = heard.waiting.saturating_sub(1);
        self.attendance.change(&self.who, Instant::now(), answered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(name: &str) -> MachineId {
        MachineId::Runner(lab::name(name))
    }

    /// Claims with two different faults in turn must not print a line each.
    #[test]
    fn attack_what_is_brought_about_at_will_is_a_line_a_minute() {
        let base = Instant::now();
        let attendance = Attendance::new(base);
        let name = lab::name("runner-1");
        let at = |seconds, what: &str| {
            attendance.warning(&name, "claim", &what, base + Duration::from_secs(seconds))
        };
        assert_eq!(at(0, "it has expired").unwrap(), "it has expired");
        for second in 1..60 {
            let what = if second % 2 == 0 { "it has expired" } else { "it is for another operation" };
            assert_eq!(at(second, what), None);
        }
        let later = at(60, "it has expired").unwrap();
        assert_eq!(later, "it has expired (59 more since the last line like this)");
        // Another kind, and another machine, has a separate limit.
        let now = base + Duration::from_secs(60);
        assert!(attendance.warning(&name, "report", &"x", now).is_some());
        assert!(attendance.warning(&lab::name("runner-2"), "claim", &"x", now).is_some());
    }

    #[test]
    fn a_machine_is_here_while_it_asks_and_at_work_after_it_was_given_some() {
        let attendance = Attendance::new(Instant::now());
        let question = attendance.asks(runner("runner-1"));
        assert_eq!(attendance.of(&runner("runner-1")).silent_seconds, 0);
        assert!(!attendance.of(&runner("runner-1")).at_work);
        question.has_work();
        drop(question);
        assert!(attendance.of(&runner("runner-1")).at_work, "until it asks for more");
        drop(attendance.asks(runner("runner-1")));
        assert!(!attendance.of(&runner("runner-1")).at_work);
        assert!(!attendance.of(&runner("runner-2")).at_work, "never heard of");
        let place = "shop/api/production".parse().unwrap();
        let agent = MachineId::Agent(lab::name("runner-1"), place);
        drop(attendance.asks(runner("runner-1")));
        assert!(!attendance.heard().contains_key(&agent), "an agent of the same name is another machine");
    }

    #[test]
    fn a_run_is_lost_once_its_runner_was_silent_for_long_and_not_before() {
        let base = Instant::now();
        let at = |minutes: u64| base + Duration::from_mins(minutes);
        let name = |text: &str| -> Name { text.parse().unwrap() };
        let due = lab::forgery::runs::in_team().asked().due;
        let (project, commit, pipeline, run) =
            (due.project.clone(), due.commit.clone(), due.pipeline, due.run);
        let mut state = State::default();
        let started = build::Started {
            preview: None,
            run,
            project,
            commit,
            pipeline,
            steps: BTreeMap::new(),
            artifacts: [].into(),
            services: BTreeMap::new(),
            checks: BTreeMap::new(),
            runners: vec![name("runner-1")],
            pool: None,
            checkers: None,
            seed: due.nonce,
            again: Some(false),
        };
        state.apply(&domain::Event::Started(started), lab::at(0));
        state.apply(&domain::Event::Due(build::Due { runner: name("runner-1"), ..due.clone() }), lab::at(0));
        let attendance = Attendance::new(at(0));
        let lost = |now| attendance.lost(&state, at(now), Duration::from_mins(60));
        assert!(lost(59).is_empty(), "a server that has just started waits");
        attendance.saw(&runner("runner-1"), at(30));
        attendance.saw(&runner("runner-2"), at(90));
        assert!(lost(89).is_empty());
        assert_eq!(lost(90), [build::Lose { run, work: due.work, runner: None }]);
    }
}
