//! The pools of runners: how many there are, and the work that they do and that waits for them.
//!
//! Invariant: the amount of work tells how much happens in projects, so it is only for readers of every project.

use std::collections::BTreeSet;

use domain::State;
use evidence::pool::Pool;
use evidence::trust_root::{Machine, TrustRoot};
use review::outcome::is_gone;
use web::model::{Badge, SheetCell, SheetTable, State as Color};

use super::sheets::cell;
use super::words::badge;
use crate::attendance::{Attendance, MachineId};

/// One pool, with those of its runners that are in no other one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Capacity {
    /// The pool; `None` for runners that serve every run.
    pool: Option<Pool>,
    /// Number of runners.
    runners: usize,
    /// Number of runners that were not heard for long.
    gone: usize,
    /// Number of hosts.
    hosts: usize,
    /// Pieces of work that runners do now.
    running: usize,
    /// Pieces of work that wait for a runner.
    waiting: usize,
    /// Pieces of work of runners that are gone. Nobody else does them, so they wait for people and not for time.
    stranded: usize,
}

/// The table of the page.
pub fn table(root: &TrustRoot, state: &State, attendance: &Attendance, reads_all: bool) -> SheetTable {
    let own = ["Pool", "Runners", "Hosts"];
    let work = ["Work in progress", "Work waiting"];
    let columns = own.iter().chain(work.iter().filter(|_| reads_all)).map(|name| (*name).to_owned());
    SheetTable {
        title: "Capacity".to_owned(),
        columns: columns.collect(),
        rows: capacities(root, state, attendance).iter().map(|pool| row(pool, reads_all)).collect(),
        more: 0,
        empty: String::new(),
        fill: None,
    }
}

fn capacities(root: &TrustRoot, state: &State, attendance: &Attendance) -> Vec<Capacity> {
    let pools: BTreeSet<_> = root.runners.iter().map(|runner| runner.pool).collect();
    let of = |pool| {
        let own: Vec<&Machine> = root.runners.iter().filter(|runner| runner.pool == pool).collect();
        let due = own.iter().flat_map(|runner| {
            state.outstanding(&runner.name).map(|due| attendance.is_at(&runner.name, &due.nonce))
        });
        let (running, waiting): (Vec<_>, Vec<_>) = due.partition(|is_at| *is_at);
        let is_away = |runner: &Machine| is_gone(&attendance.of(&MachineId::Runner(runner.name.clone())));
        let gone: Vec<&Machine> = own.iter().copied().filter(|runner| is_away(runner)).collect();
        let hosts: BTreeSet<_> = own.iter().map(|runner| runner.place.host.to_ascii_lowercase()).collect();
        Capacity {
            pool,
            runners: own.len(),
            gone: gone.len(),
            hosts: hosts.len(),
            running: running.len(),
            waiting: waiting.len(),
            stranded: gone.iter().map(|runner| state.outstanding(&runner.name).count()).sum(),
        }
    };
    pools.into_iter().map(of).collect()
}

fn row(pool: &Capacity, reads_all: bool) -> Vec<SheetCell> {
    let mut runners = cell(pool.runners.to_string());
    runners.badge = presence(pool);
    let mut cells =
        vec![cell(pool.pool.map_or("every run", Pool::as_str)), runners, cell(pool.hosts.to_string())];
    if reads_all {
        let mut waiting = cell(pool.waiting.to_string());
        waiting.badge = (pool.stranded > 0).then(|| badge(Color::Wait, "run --without"));
        cells.extend([cell(pool.running.to_string()), waiting]);
    }
    cells
}

fn presence(pool: &Capacity) -> Option<Badge> {
    match pool.gone {
        0 => None,
        gone if gone == pool.runners => Some(badge(Color::Stop, "all gone")),
        gone => Some(badge(Color::Wait, format!("{gone} gone"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "test code")]

    use std::time::{Duration, Instant};

    use super::*;

    fn shown(attendance: &Attendance, reads_all: bool) -> Vec<Vec<String>> {
        shown_of([Some(Pool::Protected), None], attendance, reads_all)
    }

    /// The table of an installation whose two runners are in these pools, while work is due on the first one.
    fn shown_of(pools: [Option<Pool>; 2], attendance: &Attendance, reads_all: bool) -> Vec<Vec<String>> {
        let mut root = lab::Lab::default().root();
        root.runners.iter_mut().zip(pools).for_each(|(runner, pool)| runner.pool = pool);
        let asked = lab::forgery::runs::in_team().asked();
        let mut state = State::default();
        let due = asked.due;
        let started = domain::build::Started {
            preview: None,
            run: due.run,
            project: due.project.clone(),
            commit: due.commit.clone(),
            pipeline: due.pipeline,
            steps: [].into(),
            artifacts: [].into(),
            services: [].into(),
            checks: [].into(),
            runners: vec![due.runner.clone()],
            pool: Some(Pool::Protected),
            checkers: None,
            seed: due.nonce,
            again: Some(false),
        };
        state.apply(&domain::Event::Started(started), lab::at(0));
        state.apply(&domain::Event::Due(due), lab::at(0));
        let table = table(&root, &state, attendance, reads_all);
        let text = |cell: &SheetCell| match &cell.badge {
            Some(badge) => format!("{} [{}]", cell.text, badge.word),
            None => cell.text.clone(),
        };
        let rows = table.rows.iter().map(|row| row.iter().map(text).collect());
        std::iter::once(table.columns.clone()).chain(rows).collect()
    }

    #[test]
    fn pools_show_their_runners_and_their_work() {
        let now = Instant::now();
        let here = Attendance::new(now);
        let all = shown(&here, true);
        assert_eq!(all[0], ["Pool", "Runners", "Hosts", "Work in progress", "Work waiting"]);
        assert_eq!(all[1], ["every run", "1", "1", "0", "0"]);
        assert_eq!(all[2], ["protected", "1", "1", "0", "1"]);
        here.does(&lab::name("runner-1"), [lab::forgery::runs::in_team().asked().due.nonce].into());
        assert_eq!(shown(&here, true)[2], ["protected", "1", "1", "1", "0"]);
        assert_eq!(
            shown(&here, false)[2],
            ["protected", "1", "1"],
            "work is not for readers of some projects"
        );
    }

    #[test]
    fn a_pool_whose_runners_are_gone_says_so() {
        let long_ago = Instant::now().checked_sub(Duration::from_mins(10)).unwrap();
        let rows = shown(&Attendance::new(long_ago), true);
        assert_eq!(rows[1], ["every run", "1 [all gone]", "1", "0", "0"], "no work waits for this one");
        assert_eq!(rows[2], ["protected", "1 [all gone]", "1", "0", "1 [run --without]"]);
    }

    #[test]
    fn work_of_a_runner_that_is_here_waits_for_time_and_not_for_people() {
        let long_ago = Instant::now().checked_sub(Duration::from_mins(10)).unwrap();
        let attendance = Attendance::new(long_ago);
        let both = [Some(Pool::Protected); 2];
        assert_eq!(shown_of(both, &attendance, true)[1][4], "1 [run --without]");
        attendance.saw(&MachineId::Runner(lab::name("runner-1")), Instant::now());
        assert_eq!(shown_of(both, &attendance, true)[1], ["protected", "2 [1 gone]", "2", "0", "1"]);
    }
}
