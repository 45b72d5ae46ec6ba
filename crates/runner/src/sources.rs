//! Sources that steps of this runner share: each commit is fetched once; different commits may be fetched in parallel.
//!
//! Invariant: no lock is held while git is read, so a slow repository delays only work on its own commit. A waiting step
//! stops as soon as it is not wanted any more. This file checks no rights: the caller decides what may be fetched.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evidence::CommitId;

use crate::host::IsWanted;
use crate::origin_error::{OriginError, is_damage};
use crate::origins::Damage;
use crate::repository::RepositoryError;
use crate::source::{Source, SourceError};
use crate::trust::TrustError;

/// The newest sources, and the commits that are being fetched.
#[derive(Debug, Default)]
pub struct Sources {
    held: Mutex<SourceCache>,
    changed: Condvar,
}

/// Why the source of a commit cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// The work was cancelled meanwhile.
    #[error("nobody wants this work any more")]
    Unwanted,
    /// The commit, or the ref on which it was to be found, cannot be had.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The repository cannot be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The commit cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The commit is not signed by a person who may.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl Damage for SourcesError {
    fn is_of_copy(&self) -> bool {
        match self {
            Self::Origin(error) => error.is_of_copy(),
            Self::Repository(error) | Self::Source(SourceError::Repository(error)) => is_damage(error),
            Self::Unwanted | Self::Source(_) | Self::Trust(_) => false,
        }
    }

    fn is_of_origin(&self) -> bool {
        matches!(self, Self::Origin(_) | Self::Repository(_))
    }
}

#[derive(Debug, Default)]
struct SourceCache {
    /// Fetched sources, the newest first.
    known: Vec<Arc<Source>>,
    /// Commits whose objects a thread is reading now.
    fetching: Vec<CommitId>,
}

impl Sources {
    /// Adds a source that was fetched elsewhere.
    pub fn add(&self, source: Arc<Source>) {
        let mut held = self.lock();
        held.known.retain(|known| known.id != source.id);
        held.known.insert(0, source);
        held.known.truncate(KNOWN_MAX);
        let mut bytes = 0_u64;
        // The newest one stays, however large, because its next steps are about to need it.
        let last = held.known.iter().skip(1).position(|source| {
            bytes += source.bytes();
            bytes > KNOWN_BYTES_MAX
        });
        held.known.truncate(last.map_or(KNOWN_MAX, |last| last + 1));
    }

    /// The source of a commit: a known one, or the result of `fetch`, which gets a callback that says whether to go on and has
    /// a separate budget. Two callers never fetch the same commit at once.
    ///
    /// # Errors
    /// `SourcesError` when it cannot be fetched, or nobody wants it any more.
    pub fn of(
        &self,
        commit: &CommitId,
        wanted: IsWanted<'_>,
        fetch: impl FnOnce(IsWanted<'_>) -> Result<Source, SourcesError>,
    ) -> Result<Arc<Source>, SourcesError> {
        let mut held = self.lock();
        loop {
            if let Some(known) = held.known.iter().find(|source| source.id == *commit) {
                return Ok(Arc::clone(known));
            }
            if !held.fetching.contains(commit) {
                break;
            }
            if !wanted() {
                return Err(SourcesError::Unwanted);
            }
            held = self.changed.wait_timeout(held, LOOK_AGAIN).unwrap_or_else(PoisonError::into_inner).0;
        }
        held.fetching.push(commit.clone());
        drop(held);
        let fetching = Fetching { sources: self, commit };
        let fetched = fetch(wanted);
        let source =
            fetched.map(Arc::new).map_err(|error| if wanted() { error } else { SourcesError::Unwanted })?;
        self.add(Arc::clone(&source));
        drop(fetching);
        Ok(source)
    }

    fn lock(&self) -> MutexGuard<'_, SourceCache> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch in progress; when it ends, for whatever reason, other callers may fetch.
struct Fetching<'a> {
    sources: &'a Sources,
    commit: &'a CommitId,
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        self.sources.lock().fetching.retain(|other| other != self.commit);
        self.sources.changed.notify_all();
    }
}

/// Most sources that are kept in memory for the next step.
const KNOWN_MAX: usize = 2;
/// Most bytes of the files of all of them but the newest.
const KNOWN_BYTES_MAX: u64 = 512 << 20;
/// Interval at which a caller that waits for another's fetch checks whether its work is still wanted.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    fn source(text: &str) -> (CommitId, impl Fn() -> Result<Source, SourcesError> + use<>) {
        let lab = lab::Lab::default();
        let (pack, list) = lab.written(text, &[]);
        let object = pack.commits.values().next().unwrap().0.clone();
        let commit = evidence::git::Commit::parse(&object).unwrap();
        let id = pack.commit.clone();
        let made = move || {
            let (id, object, commit, list) = (id.clone(), object.clone(), commit.clone(), list.clone());
            Ok(Source { id, object, commit, list, files: Vec::new() })
        };
        (pack.commit, made)
    }

    /// Sources that no step uses any more are dropped from memory.
    #[test]
    fn attack_large_sources_are_not_kept_for_nothing() {
        let (first, of_first) = source("first");
        let (_, of_second) = source("second");
        let sized = |source: Result<Source, SourcesError>, sizes: &[u64]| {
            let file = |size: &u64| {
                let bytes = vec![0; usize::try_from(*size).unwrap()];
                crate::SourceFile { path: "large".into(), mode: evidence::tree_list::FileMode::Plain, bytes }
            };
            Arc::new(Source { files: sizes.iter().map(file).collect(), ..source.unwrap() })
        };
        for (bytes, kept) in [(1, true), (KNOWN_BYTES_MAX + 1, false)] {
            let sources = Sources::default();
            sources.add(sized(of_first(), &[bytes]));
            sources.add(sized(of_second(), &[KNOWN_BYTES_MAX + 1]));
            let known = sources.lock().known.iter().any(|source| source.id == first);
            assert_eq!(known, kept, "{bytes}");
            assert_eq!(sources.lock().known.len(), 1 + usize::from(kept), "the newest one always");
        }
    }

    /// With one lock around all fetches, the second commit would wait for the first without end.
    #[test]
    fn attack_a_slow_repository_holds_up_no_other_commit() {
        let (slow, of_slow) = source("slow");
        let (quick, of_quick) = source("quick");
        let sources = Sources::default();
        let (both, done) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                sources.of(&slow, &|| true, |_| {
                    both.wait();
                    done.wait();
                    of_slow()
                })
            });
            both.wait();
            assert_eq!(sources.of(&quick, &|| true, |_| of_quick()).unwrap().id, quick);
            done.wait();
            assert_eq!(reader.join().unwrap().unwrap().id, slow);
        });
    }

    #[test]
    fn a_commit_is_fetched_once_for_all_who_need_it_and_again_after_a_failure() {
        let (commit, made) = source("shared");
        let sources = Sources::default();
        let fetched = AtomicUsize::new(0);
        let failed =
            sources.of(&commit, &|| true, |_| Err(SourcesError::Origin(OriginError::Unwanted))).unwrap_err();
        assert!(matches!(failed, SourcesError::Origin(OriginError::Unwanted)));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let found = sources.of(&commit, &|| true, |_| {
                        fetched.fetch_add(1, Ordering::Relaxed);
                        made()
                    });
                    assert_eq!(found.unwrap().id, commit);
                });
            }
        });
        assert_eq!(fetched.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn attack_who_waits_for_a_slow_fetch_stops_when_the_run_is_cancelled() {
        let (commit, made) = source("slow");
        let sources = Sources::default();
        let (begun, is_begun) = channel();
        let (end, ended) = channel::<()>();
        let wanted = AtomicBool::new(true);
        std::thread::scope(|scope| {
            let (sources, commit, wanted) = (&sources, &commit, &wanted);
            let first = scope.spawn(move || {
                sources.of(commit, &|| wanted.load(Ordering::Relaxed), |going| {
                    begun.send(()).unwrap();
                    ended.recv().unwrap();
                    if going() { made() } else { Err(SourcesError::Origin(OriginError::Unwanted)) }
                })
            });
            is_begun.recv().unwrap();
            wanted.store(false, Ordering::Relaxed);
            let second = sources.of(commit, &|| wanted.load(Ordering::Relaxed), |_| {
                Err(SourcesError::Origin(OriginError::Unwanted))
            });
            assert!(matches!(second, Err(SourcesError::Unwanted)));
            end.send(()).unwrap();
            assert!(matches!(first.join().unwrap(), Err(SourcesError::Unwanted)));
        });
    }
}
