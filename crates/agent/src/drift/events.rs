//! Events of the kernel about files of a release (inotify(7)).
//!
//! Invariant: an event only makes a look come sooner; what it says is not read. So lost events, and directories beyond the bound,
//! cost time and nothing else.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// Watched directories.
#[derive(Debug)]
pub struct Events {
    events: OwnedFd,
    of: Arc<BTreeSet<PathBuf>>,
}

impl Events {
    /// Watches directories.
    ///
    /// # Errors
    /// When the kernel gives no watch at all.
    pub fn of(dirs: &Arc<BTreeSet<PathBuf>>) -> io::Result<Self> {
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let new = Self { events, of: Arc::clone(dirs) };
        new.watch();
        Ok(new)
    }

    /// Whether these are the directories.
    pub fn is_of(&self, dirs: &Arc<BTreeSet<PathBuf>>) -> bool {
        Arc::ptr_eq(&self.of, dirs)
    }

    /// Watches again what was removed and made anew meanwhile. One that is watched already stays so.
    pub fn watch(&self) {
        let flags = WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        for dir in self.of.iter().take(DIRS_MAX) {
            // Without it, the next look finds what changed.
            let _ = inotify::add_watch(&self.events, dir, flags);
        }
    }

    /// Waits for an event for so long, and takes all that there are; whether there was one.
    pub fn wait(&self, most: Duration) -> bool {
        let seconds = i64::try_from(most.as_secs()).unwrap_or(i64::MAX);
        let wait = Timespec { tv_sec: seconds, tv_nsec: i64::from(most.subsec_nanos()) };
        let mut polled = [PollFd::new(&self.events, PollFlags::IN)];
        if poll(&mut polled, Some(&wait)).is_ok_and(|ready| ready > 0) {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(1..) = rustix::io::read(&self.events, &mut buffer[..]) {}
            return true;
        }
        false
    }
}

/// Highest number of watched directories.
const DIRS_MAX: usize = 4_096;
