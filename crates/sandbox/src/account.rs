//! Another account for a process, for good: what an agent gives to a service before it becomes the service.
//!
//! Invariant: afterwards the process has the ids of the account, no group besides, and no capability, also if it had some
//! without being root (capabilities(7), "Effect of user ID changes on capabilities": the kernel keeps those).

use std::io;

use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities};

use crate::process::become_account;

/// Changes this process to an account for good.
///
/// # Errors
/// If the account is root's, or the kernel refuses. The caller may be half changed then, so it has to exit.
pub fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    if uid == 0 || gid == 0 {
        return Err(io::Error::other("a service must not run as root"));
    }
    clear_ambient_capability_set()?;
    become_account(uid, gid)?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    if (geteuid().as_raw(), getegid().as_raw()) != (uid, gid) {
        return Err(io::Error::other("the kernel did not change the account"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn nobody_becomes_root() {
        for (uid, gid) in [(0, 7), (7, 0), (0, 0)] {
            let refused = super::become_user(uid, gid).unwrap_err();
            assert_eq!(refused.to_string(), "a service must not run as root");
        }
    }
}
