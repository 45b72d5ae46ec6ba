//! Faults on purpose: `COUNTERSIGN_FAULT=POINT:KIND` makes the first write at that point of each process go
//! wrong. Kinds: `fail` (nothing is written), `full` (the same, because the disk is full), `persisted` (it is
//! written and fails all the same), `crash` (it is written and the process is gone).

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static FAULT: OnceLock<Option<(String, String)>> = OnceLock::new();
static DONE: AtomicBool = AtomicBool::new(false);

fn due(point: &str, kinds: &[&str]) -> Option<&'static str> {
    let fault = FAULT.get_or_init(|| {
        let text = std::env::var("COUNTERSIGN_FAULT").ok()?;
        text.split_once(':').map(|(point, kind)| (point.to_owned(), kind.to_owned()))
    });
    let (at, kind) = fault.as_ref()?;
    let due = at == point && kinds.contains(&kind.as_str()) && !DONE.swap(true, Ordering::SeqCst);
    due.then_some(kind.as_str())
}

pub fn before(point: &str) -> io::Result<()> {
    match due(point, &["fail", "full"]) {
        Some("full") => Err(io::Error::from_raw_os_error(28)),
        Some(_) => Err(io::Error::other("a fault on purpose")),
        None => Ok(()),
    }
}

pub fn after(point: &str) -> io::Result<()> {
    match due(point, &["persisted", "crash"]) {
        Some("crash") => std::process::abort(),
        Some(_) => Err(io::Error::other("a fault on purpose, after all was done")),
        None => Ok(()),
    }
}
