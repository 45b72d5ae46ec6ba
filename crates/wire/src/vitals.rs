//! A role's figures about itself, for those who watch over it: when its server answered it last, and how much it has done.
//!
//! Invariant: a figure names no project, person or place. To note one waits for nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A figure, with the text that explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Name of the figure.
    pub name: &'static str,
    /// The text that explains it.
    pub help: &'static str,
    /// Its value now.
    pub value: u64,
}

/// The figures of one process.
#[derive(Debug)]
pub struct Vitals {
    started: Instant,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    heard: Option<Instant>,
    figures: BTreeMap<&'static str, (&'static str, u64)>,
}

impl Default for Vitals {
    fn default() -> Self {
        Self { started: Instant::now(), noted: Mutex::default() }
    }
}

impl Vitals {
    /// The server has answered, and proved itself.
    pub fn heard(&self) {
        self.noted().heard = Some(Instant::now());
    }

    /// Time since the server's last answer; `None` before the first.
    #[must_use]
    pub fn silence(&self) -> Option<Duration> {
        self.noted().heard.map(|heard| heard.elapsed())
    }

    /// Sets a figure.
    pub fn set(&self, name: &'static str, help: &'static str, value: u64) {
        self.noted().figures.insert(name, (help, value));
    }

    /// Adds one to a figure.
    pub fn count(&self, name: &'static str, help: &'static str) {
        self.noted().figures.entry(name).or_insert((help, 0)).1 += 1;
    }

    /// All figures, by name.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        let up = ("uptime_seconds", "Seconds since the process started", self.started.elapsed());
        let silence = self.silence();
        let silence =
            silence.map(|time| ("server_silent_seconds", "Seconds since the server's last answer", time));
        let times = [Some(up), silence].into_iter().flatten();
        let times = times.map(|(name, help, time)| Figure { name, help, value: time.as_secs() });
        let noted = self.noted();
        let figures = noted.figures.iter().map(|(name, (help, value))| Figure { name, help, value: *value });
        let mut all: Vec<_> = times.chain(figures).collect();
        all.sort_by_key(|figure| figure.name);
        all
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
