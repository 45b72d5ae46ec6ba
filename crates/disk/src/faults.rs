//! Injected faults, for tests of every write.
//!
//! With the feature `faults`, `COUNTERSIGN_FAULT=POINT:KIND` makes the first write at that point of each process fail.
//! With the feature `inject`, a thread can inject faults into its own writes. Invariant: without these features no code
//! here is built, and nothing outside the process can inject a fault.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::path::Path;

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The write fails, and nothing is written.
    Fail,
    /// The same, because the disk is full (`ENOSPC`).
    Full,
    /// The same, because the disk is broken (`EIO`).
    Broken,
    /// Only half of the bytes are written, and the write reports it.
    Short,
    /// The process crashes before the file gets its name.
    Lost,
    /// The write succeeds but reports a failure.
    Persisted,
    /// The write succeeds, and then the process crashes.
    Crash,
}

/// All kinds, by their names in `COUNTERSIGN_FAULT`.
pub const KINDS: [(&str, Kind); 7] = [
    ("fail", Kind::Fail),
    ("full", Kind::Full),
    ("broken", Kind::Broken),
    ("short", Kind::Short),
    ("lost", Kind::Lost),
    ("persisted", Kind::Persisted),
    ("crash", Kind::Crash),
];

/// Panic payload of a thread that simulates a crashed process.
#[derive(Debug)]
pub struct Gone;

type FaultSource = Box<dyn FnMut(&'static str) -> Option<Kind>>;

thread_local! {
    static ASK: RefCell<Option<FaultSource>> = const { RefCell::new(None) };
    static PENDING: Cell<Option<Kind>> = const { Cell::new(None) };
}

/// Calls `ask` before each write of this thread for the fault to inject. A simulated crash unwinds the thread with
/// [`Gone`].
#[cfg(feature = "inject")]
pub fn on_write(ask: impl FnMut(&'static str) -> Option<Kind> + 'static) {
    ASK.set(Some(Box::new(ask)));
}

/// Called before a file gets its name, or a transaction is committed. `staged` is the file that waits for its name.
pub fn before(point: &'static str, staged: Option<&Path>) -> io::Result<()> {
    let kind = due(point);
    PENDING.set(kind);
    match kind {
        Some(Kind::Fail) => Err(io::Error::other("a fault on purpose")),
        Some(Kind::Full) => Err(io::Error::from_raw_os_error(28)),
        Some(Kind::Broken) => Err(io::Error::from_raw_os_error(5)),
        Some(Kind::Short) => {
            if let Some(path) = staged.filter(|path| path.is_file()) {
                let file = File::options().write(true).open(path)?;
                file.set_len(file.metadata()?.len() / 2)?;
            }
            Err(io::Error::from(io::ErrorKind::WriteZero))
        }
        Some(Kind::Lost) => gone(),
        Some(Kind::Persisted | Kind::Crash) | None => Ok(()),
    }
}

/// Called after the file got its name, or the transaction was committed.
pub fn after() -> io::Result<()> {
    match PENDING.take() {
        Some(Kind::Persisted) => Err(io::Error::other("a fault on purpose, after all was done")),
        Some(Kind::Crash) => gone(),
        _ => Ok(()),
    }
}

fn due(point: &'static str) -> Option<Kind> {
    let asked = ASK.with_borrow_mut(|ask| ask.as_mut().and_then(|ask| ask(point)));
    asked.or_else(|| environment::due(point))
}

fn gone() -> ! {
    if ASK.with_borrow(Option::is_some) {
        std::panic::resume_unwind(Box::new(Gone));
    }
    std::process::abort()
}

#[cfg(feature = "faults")]
mod environment {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::{KINDS, Kind};

    static FAULT: OnceLock<Option<(String, Kind)>> = OnceLock::new();
    static DONE: AtomicBool = AtomicBool::new(false);

    pub fn due(point: &str) -> Option<Kind> {
        let fault = FAULT.get_or_init(|| {
            let text = std::env::var("COUNTERSIGN_FAULT").ok()?;
            let (point, kind) = text.split_once(':')?;
            let (_, kind) = KINDS.iter().find(|(name, _)| *name == kind)?;
            Some((point.to_owned(), *kind))
        });
        let (at, kind) = fault.as_ref()?;
        (at == point && !DONE.swap(true, Ordering::SeqCst)).then_some(*kind)
    }
}

#[cfg(not(feature = "faults"))]
mod environment {
    pub const fn due(_: &str) -> Option<super::Kind> {
        None
    }
}

#[cfg(all(test, feature = "inject"))]
mod tests {
    use super::*;

    #[test]
    fn each_kind_leaves_the_old_file_or_the_new_one() {
        for (name, kind) in KINDS {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("kept");
            crate::replace("people.private", &path, b"the old one", 0o600).unwrap();
            let mut once = Some(kind);
            on_write(move |_| once.take());
            let written = std::panic::catch_unwind(|| {
                crate::replace("people.private", &path, b"the new one", 0o600).is_ok()
            });
            let (noticed, bytes) = (!matches!(written, Ok(true)), std::fs::read(&path).unwrap());
            assert!(noticed, "{name}: nobody noticed");
            let new = matches!(kind, Kind::Persisted | Kind::Crash);
            assert_eq!(bytes == b"the new one", new, "{name}");
            assert_eq!(bytes == b"the old one", !new, "{name}");
            let gone = matches!(kind, Kind::Lost | Kind::Crash);
            assert_eq!(written.err().is_some_and(|with| with.is::<Gone>()), gone, "{name}");
            crate::replace("people.private", &path, b"another", 0o600).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"another", "{name}: a leftover is in the way");
        }
    }
}
