//! Memory of a process that holds keys: it goes into no core file, and onto no swap where the host allows that.
//!
//! Invariant: nothing fails because of it. A limit on locked memory would end the process later, at some allocation, so memory
//! is locked only where no limit counts.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};

/// Protections that the host allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyMemory {
    /// No core file has its memory, and other processes of the user cannot read it.
    pub is_private: bool,
    /// No page of it is written to swap.
    pub is_locked: bool,
}

/// Protects the memory of this process.
#[must_use]
pub fn guard_key_memory() -> KeyMemory {
    let is_private = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok();
    // A host may forbid this; a process that is not dumpable writes no core file anyway.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    KeyMemory { is_private, is_locked: lock_memory() }
}

/// Keeps the memory of this process from swap, where the host sets no limit on that. Returns whether it is locked.
#[must_use]
pub fn lock_memory() -> bool {
    let all = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    is_lock_unlimited() && mlockall(all).is_ok()
}

/// Whether this process may lock all memory that it will ever have: no limit is set, or none counts for it (mlock(2), "Limits and
/// permissions").
fn is_lock_unlimited() -> bool {
    let may_exceed = capabilities(None).is_ok_and(|own| own.effective.contains(CapabilitySet::IPC_LOCK));
    may_exceed || getrlimit(Resource::Memlock).current.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guarded_process_is_not_dumpable() {
        let guarded = guard_key_memory();
        assert!(guarded.is_private);
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
        assert_eq!(locked.trim() != "0 kB", guarded.is_locked, "{locked}");
        assert!(guarded.is_locked || !is_lock_unlimited());
    }
}
