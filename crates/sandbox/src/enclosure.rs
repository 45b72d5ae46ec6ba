//! An enclosure holds a service together with everything that it starts: a process namespace where the host
//! allows one, else a subreaper.
//!
//! Invariant: nothing leaves a process namespace, and the kernel reports the end of its process 1 only after
//! everything in it has ended (pid_namespaces(7)). A subreaper gets every orphan of its descendants
//! (`PR_SET_CHILD_SUBREAPER`, prctl(2)), but ends them only as long as nobody ends the subreaper. An enclosure
//! deliberately lacks limits, a root directory and a network of its own: it isolates nothing but lifetimes.

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

/// What holds the processes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// A process namespace with a `/proc` of its own.
    Namespace,
    /// A process namespace; `/proc` is that of the host, since this host lets nobody mount another one.
    NamespaceHostProc,
    /// A subreaper.
    Descendants,
}

/// Which side of an enclosure the caller is on.
#[derive(Debug)]
pub enum Enclosed {
    /// The process inside to which everything else will belong.
    Inside(Hold),
    /// The process outside, which waits for that one.
    Outside(Pid),
}

/// Makes an enclosure; with `namespace`, in a process namespace or not at all. The caller must have one thread.
///
/// # Errors
/// When the host does not allow it. The caller may be half inside then and has to end.
pub fn enclose(namespace: bool) -> io::Result<Enclosed> {
    if !namespace {
        set_child_subreaper(Some(rustix::process::getpid()))?;
        return Ok(Enclosed::Inside(Hold::Descendants));
    }
    enter()?;
    match fork()? {
        Fork::Parent(pid) => Ok(Enclosed::Outside(pid)),
        Fork::Child => {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // What runs inside may have the same user, and must not take this process over (ptrace(2)).
            set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
            let own_proc = private_proc().is_ok();
            Ok(Enclosed::Inside(if own_proc { Hold::Namespace } else { Hold::NamespaceHostProc }))
        }
    }
}

/// Sends a signal to everybody in the enclosure but the caller, who is inside.
///
/// # Errors
/// When the kernel refuses for another reason than that nobody is left.
pub fn signal_all(hold: Hold, signal: Signal) -> io::Result<()> {
    let sent = match hold {
        // `kill(-1)` from process 1 reaches its own namespace alone (kill(2)); from elsewhere it would not.
        Hold::Namespace | Hold::NamespaceHostProc if rustix::process::getpid().is_init() => {
            rustix::process::kill_process_group(Pid::INIT, signal)
        }
        Hold::Namespace | Hold::NamespaceHostProc => Err(Errno::PERM),
        Hold::Descendants => {
            for pid in descendants(std::process::id()) {
                if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                    // It may have ended since it was listed.
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

/// Everything below a process, as `/proc` lists it now.
#[must_use]
pub fn descendants(of: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for item in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = item.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // pid (comm) state ppid …: the name may hold anything, so the last parenthesis counts (proc(5)).
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

/// Enters the namespaces; an ordinary user needs one of users for that, in which that user stays who it is.
fn enter() -> io::Result<()> {
    let flags = UnshareFlags::NEWPID | UnshareFlags::NEWNS;
    match unshare(flags) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
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

/// A `/proc` of the new namespace; mounts of the host still arrive, none leave.
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

    /// Outside of a namespace `kill(-1)` would end everything that this user runs.
    #[test]
    fn nobody_but_process_1_signals_a_whole_namespace() {
        assert!(signal_all(Hold::Namespace, Signal::CONT).is_err());
    }
}
