//! Memory of a process that holds keys: it goes into no core file, and onto no swap where the host allows that.
//!
//! Invariant: nothing fails because of it. A limit on locked memory would end the process later, at some allocation, so memory
//! is locked only without such a limit.
#![expect(unsafe_code, reason = "rustix has mlockall behind a feature that nothing else needs")]

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

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
    let is_locked = getrlimit(Resource::Memlock).current.is_none() && lock_all();
    KeyMemory { is_private, is_locked }
}

fn lock_all() -> bool {
    // SAFETY: mlockall(2) takes flags alone and touches no memory of this program.
    unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) == 0 }
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
    }
}
