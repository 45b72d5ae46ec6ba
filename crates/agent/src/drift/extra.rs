//! Processes and listeners that are not ours: inside the service's process namespace or the agent's own control group, running a
//! program of the release, or at a port of the place.
//!
//! Invariant: what descends from the agent is ours. Only a process inside a group of the service may be ended, and only while it
//! is in that group.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use evidence::observations::Drifted;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use sandbox::Hold;

use super::found::{Found, Mend};
use super::processes::ProcessTable;
use super::watched::WatchedProcess;
use crate::ports::near;
use crate::sockets;

/// Listeners that are known to be ours.
#[derive(Debug, Default)]
pub struct ExtraLook {
    own: BTreeSet<u64>,
}

impl ExtraLook {
    /// Everything that is not ours. `releases` is the directory of all releases, `port` that of the place.
    pub fn look(
        &mut self,
        table: &ProcessTable,
        all: &[WatchedProcess],
        releases: &Path,
        port: Option<u16>,
    ) -> Vec<Found> {
        let own: BTreeSet<u32> = table.family(std::process::id()).into_iter().collect();
        let namespaces = all.iter().filter_map(|one| {
            Some((namespace_of(table, one)?, table.family(one.keeper).into_iter().collect::<BTreeSet<_>>()))
        });
        let groups: Vec<_> = namespaces.chain(own_group().map(|group| (group, own.clone()))).collect();
        let mut found = Vec::new();
        for (pid, listed) in &table.0 {
            let name = format!("{} ({pid})", listed.name);
            let group = groups.iter().find(|(group, family)| !family.contains(pid) && is_in(*pid, group));
            if let Some((group, _)) = group {
                let words = format!("in {group}, where the service runs, and not started by it");
                let mend = Mend::End(*pid, group.clone());
                found.push(Found::new(Drifted::Process, &name, "absent", &words, mend));
            } else if !own.contains(pid)
                && fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.starts_with(releases))
            {
                let words = "runs a program of a release, and was not started by the agent";
                found.push(Found::new(Drifted::Process, &name, "absent", words, Mend::None));
            }
        }
        found.extend(self.listeners(&own, all, port));
        found
    }

    fn listeners(&mut self, own: &BTreeSet<u32>, all: &[WatchedProcess], port: Option<u16>) -> Vec<Found> {
        let ports: BTreeSet<u16> = port.into_iter().chain(all.iter().filter_map(|one| one.port)).collect();
        let mut found = Vec::new();
        let mut there = BTreeSet::new();
        for port in ports {
            let listeners = match near(port) {
                Ok(listeners) => listeners,
                // Nobody knows whether it is ours, so the place is not as declared.
                Err(error) => {
                    let (name, words) = (format!("port {port}"), format!("cannot be read: {error}"));
                    let declared = "a process of the release";
                    found.push(Found::new(Drifted::Listener, &name, declared, &words, Mend::None));
                    continue;
                }
            };
            for listening in listeners {
                there.insert(listening.inode);
                if self.own.contains(&listening.inode) {
                    continue;
                }
                let holders = sockets::holders(listening.inode);
                let strangers: Vec<_> =
                    holders.seen.iter().filter(|pid| !own.contains(pid)).copied().collect();
                if strangers.is_empty() && !holders.seen.is_empty() {
                    self.own.insert(listening.inode);
                    continue;
                }
                let named: Vec<_> = strangers.into_iter().map(sockets::name_of).collect();
                let words = if named.is_empty() { "somebody".to_owned() } else { named.join(", ") };
                let name = format!("{}", listening.address);
                found.push(Found::new(
                    Drifted::Listener,
                    &name,
                    "a process of the release",
                    &words,
                    Mend::None,
                ));
            }
        }
        self.own.retain(|inode| there.contains(inode));
        found
    }
}

/// The process namespace that the agent made for a process.
fn namespace_of(table: &ProcessTable, one: &WatchedProcess) -> Option<String> {
    if one.hold == Hold::Descendants {
        return None;
    }
    let link = fs::read_link(format!("/proc/{}/ns/pid", table.holder(one)?)).ok()?;
    let own = fs::read_link("/proc/self/ns/pid").ok()?;
    (link != own).then(|| link.to_string_lossy().into_owned())
}

/// The control group of the agent, if a service manager made it for the agent alone.
fn own_group() -> Option<String> {
    let parent = rustix::process::getppid()?;
    let group = group_of(std::process::id())?;
    (parent.is_init() && group.ends_with(".service")).then_some(group)
}

fn group_of(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(format!("control group {path}"))
}

fn is_in(pid: u32, group: &str) -> bool {
    if group.starts_with("pid:") {
        let link = fs::read_link(format!("/proc/{pid}/ns/pid"));
        return link.is_ok_and(|link| link.to_string_lossy() == group);
    }
    group_of(pid).is_some_and(|found| found == group)
}

/// Ends a process, if it is in this group.
///
/// # Errors
/// When the kernel refuses, or it has left the group.
pub fn end(pid: u32, group: &str) -> io::Result<()> {
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    // From here on the handle means this very process, whatever gets its number.
    let handle = match pidfd_open(id, PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        handle => handle?,
    };
    if !is_in(pid, group) {
        return Err(io::Error::other("it is not in the group of the service any more"));
    }
    match pidfd_send_signal(handle, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
