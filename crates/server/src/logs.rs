//! Live logs: pieces appended to a file while a step runs, until a report names the whole log as a blob.
//!
//! Invariant: a live log is only for convenience; the blob is the record. It is bounded for each step, run and project,
//! and is removed once its work was reported or given up, or its run has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use domain::{RunId, State, build};
use evidence::Name;
use evidence::receipt::Work;
use wire::LOG_PIECE_BYTES_MAX;

use crate::quotas::Limits;

/// Live logs of one data directory.
#[derive(Debug)]
pub struct Logs {
    dir: PathBuf,
    run_bytes_max: u64,
    project_bytes_max: u64,
    held: Mutex<BTreeMap<String, OpenLog>>,
}

/// A log that is still growing.
#[derive(Debug)]
struct OpenLog {
    run: RunId,
    project: Name,
    bytes: u64,
    is_full: bool,
}

/// The owner of a log.
#[derive(Clone, Copy, Debug)]
pub struct LogOwner<'a> {
    /// The run.
    pub run: RunId,
    /// Its project.
    pub project: &'a Name,
    /// The work that writes it.
    pub work: &'a Work,
    /// The runner that executes the work.
    pub runner: &'a Name,
}

impl Logs {
    /// Opens the directory of live logs below the data directory, and removes the logs of an earlier process.
    ///
    /// # Errors
    /// If the directory cannot be made.
    pub fn open(data: &Path, limits: &Limits) -> io::Result<Self> {
        let dir = data.join("live-logs");
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        Ok(Self {
            dir,
            run_bytes_max: limits.live_log_mib_per_run.saturating_mul(1 << 20),
            project_bytes_max: limits.live_log_mib_per_project.saturating_mul(1 << 20),
            held: Mutex::default(),
        })
    }

    /// Appends a piece; beyond a limit it is dropped, and the log says so once.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn append(&self, by: &LogOwner<'_>, piece: &[u8]) -> io::Result<()> {
        let name = file_name(by.run, by.work.kind(), &by.work.label(), by.runner);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |of: &dyn Fn(&OpenLog) -> bool| {
            held.values().filter(|log| of(log)).map(|log| log.bytes).sum::<u64>()
        };
        let of_run = sum(&|log| log.run == by.run);
        let of_project = sum(&|log| log.project == *by.project);
        let new = OpenLog { run: by.run, project: by.project.clone(), bytes: 0, is_full: false };
        let log = held.entry(name.clone()).or_insert(new);
        let piece_bytes = piece.len() as u64;
        let fits = log.bytes + piece_bytes <= STEP_BYTES_MAX
            && of_run + piece_bytes <= self.run_bytes_max
            && of_project + piece_bytes <= self.project_bytes_max;
        let piece = match (fits, log.is_full) {
            (true, false) => piece,
            (_, true) => return Ok(()),
            (false, false) => {
                log.is_full = true;
                FULL
            }
        };
        let mut file = OpenOptions::new().create(true).append(true).open(self.dir.join(name))?;
        file.write_all(piece)?;
        log.bytes += piece.len() as u64;
        Ok(())
    }

    /// The file of a log; `None` if nothing was appended yet.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        match File::open(self.dir.join(name)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the logs of work that is no longer outstanding.
    pub fn keep_outstanding(&self, state: &State) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_empty() {
            return;
        }
        let due = state
            .build
            .runs()
            .flat_map(|run| run.due.iter().filter(|due| run.report(&due.work, &due.runner).is_none()));
        let checks = state.check.places().flat_map(|(_, checks)| checks.outstanding());
        let name = |due: &build::Due| file_name(due.run, due.work.kind(), &due.work.label(), &due.runner);
        let names: BTreeSet<String> = due.chain(checks).map(name).collect();
        held.retain(|name, _| {
            let stays = names.contains(name);
            if !stays {
                // A log that cannot be removed now is removed at the next start.
                drop(fs::remove_file(self.dir.join(name)));
            }
            stays
        });
    }
}

/// Name of the file of a live log.
pub fn file_name(run: RunId, kind: &str, label: &str, runner: &Name) -> String {
    format!("{run}.{kind}.{label}.{runner}")
}

/// The part of a file from an offset on that fits into one answer.
///
/// # Errors
/// If it cannot be read.
pub fn piece_of(file: &mut File, from: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.min(size)))?;
    file.take(LOG_PIECE_BYTES_MAX as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Largest live log of one step: a step's own limit and the lines around it.
const STEP_BYTES_MAX: u64 = 32 * 1024 * 1024;
const FULL: &[u8] = b"\ncountersign: the live log reached its limit; the rest comes with the report\n";

#[cfg(test)]
mod tests {
    use domain::{Event, build};

    use super::*;

    fn state(runs: &[u8]) -> State {
        let due = lab::forgery::runs::in_team().asked().due;
        let mut state = State::default();
        for n in runs {
            let run: RunId = lab::id(*n).into();
            let started = build::Started {
                preview: None,
                run,
                project: due.project.clone(),
                commit: due.commit.clone(),
                pipeline: due.pipeline,
                steps: BTreeMap::new(),
                artifacts: [].into(),
                services: BTreeMap::new(),
                checks: BTreeMap::new(),
                runners: vec![due.runner.clone()],
                pool: None,
                checkers: None,
                seed: due.nonce,
                again: Some(false),
            };
            state.apply(&Event::Started(started), lab::at(0));
            state.apply(&Event::Due(build::Due { run, ..due.clone() }), lab::at(0));
        }
        state
    }

    #[test]
    fn attack_live_logs_leave_with_their_run_and_have_limits() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { live_log_mib_per_run: 1, live_log_mib_per_project: 2, ..Limits::default() };
        let logs = Logs::open(dir.path(), &limits).unwrap();
        let (due, project) = (lab::forgery::runs::in_team().asked().due, lab::name("shop"));
        let piece = vec![b'x'; 400_000];
        let written = |n: u8, step: &str| {
            let work = Work::Step(lab::name(step));
            let by = LogOwner { run: lab::id(n).into(), project: &project, work: &work, runner: &due.runner };
            for _ in 0..5 {
                logs.append(&by, &piece).unwrap();
            }
            let name = file_name(by.run, by.work.kind(), &by.work.label(), by.runner);
            let mut file = logs.open_file(&name).unwrap().unwrap();
            piece_of(&mut file, 0).unwrap().len()
        };
        assert_eq!(written(1, "test"), 800_000 + FULL.len(), "a run has a limit");
        assert_eq!(written(1, "build"), FULL.len(), "of all its steps");
        assert_eq!(written(2, "test"), 800_000 + FULL.len());
        assert_eq!(written(3, "test"), 400_000 + FULL.len(), "a project has a limit");
        let held = || fs::read_dir(dir.path().join("live-logs")).unwrap().count();
        logs.keep_outstanding(&state(&[1, 2, 3]));
        assert_eq!(held(), 3, "a step that is not outstanding has no live log");
        logs.keep_outstanding(&state(&[3]));
        assert_eq!((held(), logs.held.lock().unwrap().len()), (1, 1), "a run that has ended has none");
        logs.keep_outstanding(&state(&[]));
        assert_eq!(held(), 0);
    }
}
