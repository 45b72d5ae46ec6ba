//! Figures of the running server: the one source of `/metrics` and of the console's page of the system.
//!
//! Invariant: figures count the whole installation and name no project, person or place. One that tells how much happens in
//! projects says so, so that an answer to a reader of some projects leaves it out.

use std::path::Path;

use ledger::DATABASE;

use crate::http::problem::Failure;
use crate::installation_view::witnessed_entries;
use crate::lanes::{FIRST_MAX, QUEUE_MAX};
use crate::shared::Shared;
use crate::snapshots::{HINT, Hint};
use crate::views;

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name for monitoring systems, in words of `snake_case`.
    pub name: &'static str,
    /// The thing that is counted.
    pub help: &'static str,
    /// Its value.
    pub value: u64,
    /// The highest possible value, where there is one.
    pub most: Option<u64>,
    /// Whether it tells how much happens in projects.
    pub is_of_projects: bool,
}

/// All figures, in order.
///
/// # Errors
/// `Failure` if the ledger cannot be read.
pub fn figures(shared: &Shared) -> Result<Vec<Figure>, Failure> {
    let mut found = of_ledger(shared)?;
    found.extend(of_work(shared));
    found.extend(of_disk(shared));
    Ok(found)
}

/// The figures that a reader may see: those of what happens in projects are for readers of every project.
pub fn visible(all: Vec<Figure>, reads_all: bool) -> Vec<Figure> {
    all.into_iter().filter(|figure| reads_all || !figure.is_of_projects).collect()
}

fn figure(name: &'static str, help: &'static str, value: u64) -> Figure {
    Figure { name, help, value, most: None, is_of_projects: false }
}

fn of_ledger(shared: &Shared) -> Result<Vec<Figure>, Failure> {
    let state = shared.intake.state();
    let readers = shared.gatekeeper.readers();
    let witnessed = witnessed_entries(shared)?;
    let views = shared.views.entries().map_err(Failure::failed)?;
    Ok(vec![
        figure("ledger_entries", "Entries of the ledger", state.entries),
        figure("ledger_witnessed_entries", "Entries that a quorum of witnesses has cosigned", witnessed),
        figure("ledger_misfits", "Entries that do not fit the state; 0 in a sound ledger", state.misfits),
        figure("views_entries", "Entries that the tables of the pages contain", views),
        figure(
            "snapshot_entry",
            "Entry of the newest snapshot; 0 before the first one",
            snapshot(readers.dir()),
        ),
    ])
}

fn of_work(shared: &Shared) -> Vec<Figure> {
    let state = shared.intake.state();
    let (first, ordinary) = shared.intake.waiting();
    let up = shared.attendance.up().as_secs();
    vec![
        figure("up_seconds", "Seconds since the server started", up),
        figure("writer_up", "1 while commands are accepted", u64::from(shared.intake.is_alive())),
        Figure {
            most: Some(count(FIRST_MAX)),
            ..figure("queue_first", "Commands in the lane of what stops something", count(first))
        },
        Figure {
            most: Some(count(QUEUE_MAX)),
            ..figure("queue_ordinary", "Commands in the ordinary lane", count(ordinary))
        },
        Figure {
            is_of_projects: true,
            ..figure("runs_active", "Runs that have not ended", count(state.build.runs().count()))
        },
        Figure {
            most: Some(count(listen::Limits::default().streams)),
            ..figure("live_streams", "Browsers that watch", count(shared.watchers.count()))
        },
        figure(
            "browser_sessions",
            "Sessions of browsers that have not ended",
            count(shared.browsers.count(crate::clock::now())),
        ),
    ]
}

fn of_disk(shared: &Shared) -> Vec<Figure> {
    let dir = shared.gatekeeper.readers().dir();
    let size = |name: &str| {
        // The log beside a database holds what it does not contain yet.
        let files = [name.to_owned(), format!("{name}-wal")];
        files.iter().filter_map(|file| std::fs::metadata(dir.join(file)).ok()).map(|found| found.len()).sum()
    };
    let mut found = vec![
        figure("ledger_bytes", "Bytes of the ledger's database", size(DATABASE)),
        figure("views_bytes", "Bytes of the tables of the pages", size(views::FILE)),
        Figure {
            is_of_projects: true,
            ..figure(
                "stored_bytes",
                "Bytes of stored evidence and artifacts",
                shared.gatekeeper.usage().total(),
            )
        },
    ];
    let free = shared.gatekeeper.disk_space().free();
    found.extend(free.map(|free| figure("disk_free_bytes", "Bytes that the server may still write", free)));
    found
}

/// Entry of the newest snapshot, by the file that names it.
fn snapshot(dir: &Path) -> u64 {
    let hint = std::fs::read(dir.join(HINT)).ok();
    hint.and_then(|bytes| serde_json::from_slice::<Hint>(&bytes).ok()).map_or(0, |hint| hint.entry)
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Figure, figure, visible};

    #[test]
    fn attack_who_reads_some_projects_gets_no_figure_of_what_happens_in_others() {
        let all = || {
            let of_projects = Figure { is_of_projects: true, ..figure("runs_active", "Runs", 7) };
            vec![figure("ledger_entries", "Entries", 9), of_projects]
        };
        let names = |reads_all| visible(all(), reads_all).iter().map(|one| one.name).collect::<Vec<_>>();
        assert_eq!(names(true), ["ledger_entries", "runs_active"]);
        assert_eq!(names(false), ["ledger_entries"]);
    }
}
