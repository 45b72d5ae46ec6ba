//! An enclosure holds a service together with all processes that it starts: a process namespace if the host allows one,
//! otherwise a subreaper.
//!
//! Invariant: no process leaves a process namespace, and the kernel reports the end of its process 1 only after all
//! other processes in it have ended (pid_namespaces(7)). A subreaper adopts every orphan of its descendants
//! (`PR_SET_CHILD_SUBREAPER`, prctl(2)), but only while the subreaper itself lives. An enclosure deliberately has no
//! limits, no separate root directory and no separate network: it isolates only lifetimes.

use std::fs;
use std::io::{self, Write as _};

use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{
    DumpableBehavior, Pid, Signal, getegid, geteuid, set_child_subreaper, set_dumpable_behavior,
    set_parent_process_death_signal,
};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

use crate::process::{Fork, fork, unshare};

/// Mechanisms that hold processes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// A process namespace with a separate `/proc`.
    Namespace,
    /// A process namespace with the host's `/proc`, because this host does not allow another one to be mounted.
    NamespaceHostProc,
    /// A subreaper.
    Descendants,
}

/// The side of an enclosure that the caller is on.
#[derive(Debug)]
pub enum Enclosed {
    /// Inside: the process that all other processes will belong to.
    Inside(Hold),
    /// Outside: the process that waits for the one inside.
    Outside(Pid),
}

/// Creates an enclosure. With `namespace`, it must be a process namespace. The caller must have a single thread. Without
/// `one_user` processes inside have to change accounts: a user namespace, which knows only this user, does not do then.
///
/// # Errors
/// When the host does not allow it. The caller may be half inside then, so it has to exit.
pub fn enclose(namespace: bool, one_user: bool) -> io::Result<Enclosed> {
    if !namespace {
        set_child_subreaper(Some(rustix::process::getpid()))?;
        return Ok(Enclosed::Inside(Hold::Descendants));
    }
    enter(one_user)?;
    match fork()? {
        Fork::Parent(pid) => Ok(Enclosed::Outside(pid)),
        Fork::Child => {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // A program inside may run as the same user. It must not be able to trace this process (ptrace(2)).
            set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
            let own_proc = private_proc().is_ok();
            Ok(Enclosed::Inside(if own_proc { Hold::Namespace } else { Hold::NamespaceHostProc }))
        }
    }
}

/// Sends a signal to every process in the enclosure except the caller, which is inside.
///
/// # Errors
/// When the kernel refuses, unless no process is left.
pub fn signal_all(hold: Hold, signal: Signal) -> io::Result<()> {
    let sent = match hold {
        // From process 1, `kill(-1)` reaches only its own namespace (kill(2)). From elsewhere it would reach more.
        Hold::Namespace | Hold::NamespaceHostProc if rustix::process::getpid().is_init() => {
            rustix::process::kill_process_group(Pid::INIT, signal)
        }
        Hold::Namespace | Hold::NamespaceHostProc => Err(Errno::PERM),
        Hold::Descendants => {
            for pid in descendants(std::process::id()) {
                if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                    // The process may have ended since it was listed.
                    let _ = rustix::process::kill_process(pid, signal);
                }
            }
            Ok(())
        }
    };
    match sent {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// All descendants of a process that `/proc` lists now.
#[must_use]
pub fn descendants(of: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for item in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = item.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // pid (comm) state ppid …: the name may contain any character, so the last parenthesis ends it (proc(5)).
        let stat = fs::read_to_string(item.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        parents.extend(parent.map(|parent| (pid, parent)));
    }
    let mut found = vec![of];
    let mut looked = 0;
    while let Some(at) = found.get(looked).copied() {
        let children = parents.iter().filter(|(_, parent)| *parent == at).map(|(pid, _)| *pid);
        found.extend(children.filter(|pid| *pid != of).collect::<Vec<_>>());
        looked += 1;
    }
    found.remove(0);
    found
}

/// Enters the namespaces. An ordinary user needs a user namespace for that, in which the user id stays the same.
fn enter(one_user: bool) -> io::Result<()> {
    let flags = UnshareFlags::NEWPID | UnshareFlags::NEWNS;
    match unshare(flags) {
        Err(error) if one_user && error.kind() == io::ErrorKind::PermissionDenied => {}
        done => return done,
    }
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    unshare(flags | UnshareFlags::NEWUSER)?;
    let write = |file: &str, text: String| {
        fs::File::options().write(true).open(format!("/proc/self/{file}"))?.write_all(text.as_bytes())
    };
    write("setgroups", "deny".into())?;
    write("uid_map", format!("{uid} {uid} 1"))?;
    write("gid_map", format!("{gid} {gid} 1"))
}

/// Mounts the `/proc` of the new namespace. Mounts of the host still arrive; none propagate back.
fn private_proc() -> io::Result<()> {
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(mount("proc", "/proc", "proc", flags, None)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_over_several_generations() {
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", "sleep 1000 & (sleep 1000 & echo; wait) & wait"])
            .stdout(std::process::Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut line = [0; 1];
        io::Read::read_exact(&mut shell.stdout.take().unwrap(), &mut line).unwrap();
        let below = loop {
            let below = descendants(shell.id());
            if below.len() == 3 {
                break below;
            }
        };
        assert!(descendants(std::process::id()).contains(&shell.id()));
        for pid in below {
            let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            rustix::process::kill_process(pid, Signal::KILL).unwrap();
        }
        shell.wait().unwrap();
    }

    /// Outside of a namespace, `kill(-1)` would end all processes of this user.
    #[test]
    fn nobody_but_process_1_signals_a_whole_namespace() {
        assert!(signal_all(Hold::Namespace, Signal::CONT).is_err());
    }
}
