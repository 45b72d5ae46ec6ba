//! A control group for each step, if the host allows this user to create one. The kernel then limits all memory that
//! the step causes, including its files, memory shared between its processes, and kernel memory. It also counts the
//! step's processes, independently of other processes of the same user.
//!
//! Invariant: a step is in its group before it is told what to run. If there is no group, the step's level says so.
//! Version 2 groups are created below a delegated group (<https://docs.kernel.org/admin-guide/cgroup-v2.html>,
//! "Delegation"), version 1 groups below the supervisor's own.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::spec::Limits;

/// The group of one step. It is removed when this value is dropped.
#[derive(Debug)]
pub struct Group {
    dir: PathBuf,
    version: Version,
}

/// The group that counts processes, if it is a separate one: version 1 has one tree for each controller.
#[derive(Debug)]
pub struct ProcessGroup(PathBuf);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Group {
    /// Puts a process, and all processes that it will start, into a new group with these limits. `None` if the host
    /// does not allow a group.
    pub fn hold(limits: &Limits, pid: u32) -> Option<Self> {
        let below = |(version, own)| Self::below(&base(version, own)?, version, limits, pid).ok();
        own_places("memory").into_iter().find_map(below)
    }

    fn below(base: &Path, version: Version, limits: &Limits, pid: u32) -> io::Result<Self> {
        let group = Self { dir: make(base, pid)?, version };
        group.fill(limits, pid)?;
        Ok(group)
    }

    /// Sets the limits first, so that the process is never in a group without limits.
    fn fill(&self, limits: &Limits, pid: u32) -> io::Result<()> {
        let write = |file: &str, value: u64| write(&self.dir, file, value);
        let bytes = limits.filled_bytes();
        match self.version {
            Version::One => {
                write("memory.limit_in_bytes", bytes)?;
                // Limits memory including swap, if the kernel counts swap; otherwise forbids swap.
                write("memory.memsw.limit_in_bytes", bytes).or_else(|_| write("memory.swappiness", 0))?;
            }
            Version::Two => {
                write("memory.max", bytes)?;
                // A kernel without swap does not have this file.
                write("memory.swap.max", 0).or_else(ignore_missing)?;
                // If only memory is delegated, the limit on the user's processes still applies.
                write("pids.max", processes(limits)).or_else(ignore_missing)?;
            }
        }
        // A kernel that does not count kills would end processes without our knowledge.
        self.kills().ok_or(io::ErrorKind::Unsupported)?;
        write("cgroup.procs", pid.into())
    }

    /// Whether the kernel had to kill a process of the step. An unreadable count is taken as yes, to fail closed.
    pub fn ran_out(&self) -> bool {
        self.kills() != Some(0)
    }

    fn kills(&self) -> Option<u64> {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = fs::read_to_string(self.dir.join(file)).ok()?;
        text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A process that has just ended may still be counted for a moment. The next step removes a group that is left.
        drop(fs::remove_dir(&self.dir));
    }
}

impl ProcessGroup {
    /// Puts a process, and all processes that it will start, into a group that counts them. `None` if the host does not
    /// allow one, or if the memory group counts processes, too.
    pub fn hold(limits: &Limits, pid: u32) -> Option<Self> {
        let mut bases = own_places("pids").into_iter().filter(|(version, _)| *version == Version::One);
        bases.find_map(|(_, base)| {
            let group = Self(make(&base, pid).ok()?);
            write(&group.0, "pids.max", processes(limits)).ok()?;
            write(&group.0, "cgroup.procs", pid.into()).ok().map(|()| group)
        })
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.0));
    }
}

/// Process limit of a step, including the two processes that hold it.
const fn processes(limits: &Limits) -> u64 {
    limits.processes.saturating_add(2)
}

fn write(dir: &Path, file: &str, value: u64) -> io::Result<()> {
    fs::File::options().write(true).open(dir.join(file))?.write_all(value.to_string().as_bytes())
}

fn make(base: &Path, pid: u32) -> io::Result<PathBuf> {
    sweep(base);
    let dir = base.join(format!("{PREFIX}{}-{pid}", std::process::id()));
    // A process id that was used before, by a step that has ended.
    fs::create_dir(&dir).or_else(|_| fs::remove_dir(&dir).and_then(|()| fs::create_dir(&dir)))?;
    Ok(dir)
}

/// Highest memory in bytes that this process's own group and its parents allow; `None` without a limit.
#[must_use]
pub fn memory_max() -> Option<u64> {
    let limit = |(version, own): (Version, PathBuf)| {
        let file = match version {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        };
        let texts = own.ancestors().map(|dir| fs::read_to_string(dir.join(file)));
        texts.flatten().filter_map(|text| text.trim().parse::<u64>().ok()).min()
    };
    own_places("memory").into_iter().filter_map(limit).min()
}

fn own_places(controller: &str) -> Vec<(Version, PathBuf)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    places(controller, &read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
}

/// The groups of this process in each hierarchy that has a controller: proc(5), `mountinfo` and cgroups(7).
fn places(controller: &str, mountinfo: &str, own: &str) -> Vec<(Version, PathBuf)> {
    let found = mountinfo.lines().filter_map(|line| {
        let (mount, system) = line.split_once(" - ")?;
        let (root, point) = (mount.split(' ').nth(3)?, mount.split(' ').nth(4)?);
        let (kind, options) = (system.split(' ').next()?, system.split(' ').nth(2)?);
        let has_it = |list: &str| list.split(',').any(|item| item == controller);
        let (version, path) = match kind {
            "cgroup2" => (Version::Two, own.lines().find_map(|line| line.strip_prefix("0::"))?),
            "cgroup" if has_it(options) => (
                Version::One,
                own.lines().find_map(|line| {
                    let (list, path) = line.split_once(':')?.1.split_once(':')?;
                    has_it(list).then_some(path)
                })?,
            ),
            _ => return None,
        };
        let below = Path::new(path).strip_prefix(root).ok()?;
        Some((version, Path::new(point).join(below)))
    });
    found.collect()
}

/// The group below which the groups of steps are created.
fn base(version: Version, own: PathBuf) -> Option<PathBuf> {
    match version {
        Version::One => Some(own),
        // Only groups without processes may delegate memory. So it is not the supervisor's own group but its parent, if
        // that is delegated: systemd's `Delegate=` with `DelegateSubgroup=`.
        Version::Two => {
            own.parent().filter(|base| is_delegated(base) && hands_memory_on(base)).map(Path::to_path_buf)
        }
    }
}

fn is_delegated(base: &Path) -> bool {
    let mut value = [0; 1];
    let marked = ["user.delegate", "trusted.delegate"]
        .iter()
        .any(|name| matches!(rustix::fs::getxattr(base, *name, &mut value), Ok(1)) && value == *b"1");
    let user = geteuid();
    marked || !user.is_root() && fs::metadata(base).is_ok_and(|meta| meta.uid() == user.as_raw())
}

fn hands_memory_on(base: &Path) -> bool {
    let file = base.join("cgroup.subtree_control");
    let hands_on = |controller: &str| {
        let listed = fs::read_to_string(&file)
            .is_ok_and(|list| list.split_whitespace().any(|item| item == controller));
        listed || fs::write(&file, format!("+{controller}")).is_ok()
    };
    // Processes are counted if possible. Only memory decides whether there is a group.
    let memory = hands_on("memory");
    hands_on("pids");
    memory
}

/// Removes groups of steps that have ended. A group with a living process cannot be removed.
fn sweep(base: &Path) {
    let is_gone = |pid: &str| !Path::new("/proc").join(pid).exists();
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pids = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'));
        if pids.is_some_and(|(supervisor, step)| is_gone(supervisor) || is_gone(step)) {
            drop(fs::remove_dir(entry.path()));
        }
    }
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

const PREFIX: &str = "countersign-";

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n";
    const TWO: &str = "41 31 0:38 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn the_place_in_each_hierarchy_is_found() {
        let place = |mountinfo: &str, own: &str| {
            places("memory", mountinfo, own)
                .into_iter()
                .map(|(_, path)| path.display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(place(ONE, "8:pids:/a\n4:memory:/b/c\n0::/\n"), ["/sys/fs/cgroup/memory/b/c"]);
        assert_eq!(place(ONE, "4:cpu,memory:/b\n"), ["/sys/fs/cgroup/memory/b"]);
        assert_eq!(place(TWO, "0::/x.slice/y.service/runner\n"), ["/sys/fs/cgroup/x.slice/y.service/runner"]);
        let both = format!("{ONE}{TWO}");
        assert_eq!(place(&both, "4:memory:/b\n0::/d\n"), ["/sys/fs/cgroup/memory/b", "/sys/fs/cgroup/d"]);
        // A container's mount that shows its own part of the tree, and one that shows another part.
        let part = ONE.replace(" / ", " /docker/abc ");
        assert_eq!(place(&part, "4:memory:/docker/abc\n"), ["/sys/fs/cgroup/memory/"]);
        assert!(place(&part, "4:memory:/docker/abcd\n").is_empty());
        for (mountinfo, own) in
            [("", ""), (ONE, ""), (ONE, "4:cpu:/\n"), ("x - y", "0::/"), (TWO, "4:memory:/\n")]
        {
            assert!(places("memory", mountinfo, own).is_empty(), "{mountinfo:?} {own:?}");
        }
        let pids = ONE.replace("memory", "pids");
        let found = places("pids", &pids, "8:pids:/a\n4:memory:/b\n");
        assert_eq!(found, [(Version::One, PathBuf::from("/sys/fs/cgroup/pids/a"))]);
    }

    /// The files of version 2, in a directory that stands in for a delegated group.
    #[test]
    fn a_group_of_version_2_gets_limits_and_its_process() {
        let limits = Limits {
            workspace_bytes: 1 << 20,
            tmp_bytes: 1 << 20,
            memory_bytes: 1 << 30,
            processes: 1,
            open_files: 1,
            wall_ms: 1,
            log_bytes: 1,
        };
        let base = tempfile::tempdir().unwrap();
        for left in
            ["countersign-0-17", "countersign-1-0", &format!("countersign-{}-4711", std::process::id())]
        {
            fs::create_dir(base.path().join(left)).unwrap();
        }
        assert!(Group::below(base.path(), Version::Two, &limits, 4711).is_err(), "no files, no group");
        assert_eq!(
            fs::read_dir(base.path()).unwrap().count(),
            0,
            "nor is anything left of one, or of others"
        );
        let group = Group { dir: base.path().to_path_buf(), version: Version::Two };
        for file in ["memory.max", "cgroup.procs"] {
            fs::write(group.dir.join(file), "").unwrap();
        }
        assert!(group.fill(&limits, 4711).is_err(), "nothing counts the kills");
        assert!(group.ran_out(), "an unreadable count is not a pass");
        fs::write(group.dir.join("memory.events"), "oom 0\noom_kill 0\n").unwrap();
        group.fill(&limits, 4711).unwrap();
        fs::write(group.dir.join("memory.swap.max"), "").unwrap();
        group.fill(&limits, 4711).unwrap();
        let read = |file: &str| fs::read_to_string(group.dir.join(file)).unwrap();
        assert_eq!(read("memory.max"), limits.filled_bytes().to_string());
        assert_eq!(read("memory.swap.max"), "0");
        assert_eq!(read("cgroup.procs"), "4711");
        assert!(!group.ran_out());
        for (events, ran_out) in [("oom 3\noom_kill 0\n", false), ("low 0\noom 1\noom_kill 12\n", true)] {
            fs::write(group.dir.join("memory.events"), events).unwrap();
            assert_eq!(group.ran_out(), ran_out, "{events}");
        }
        assert_eq!(Limits { memory_bytes: u64::MAX, ..limits }.filled_bytes(), u64::MAX);
        fs::write(group.dir.join("pids.max"), "").unwrap();
        group.fill(&limits, 4711).unwrap();
        assert_eq!(read("pids.max"), "3", "the step's one, and the two that hold it");
    }

    /// If this user may create a group that counts processes, each step is in one, and the group ends with the step.
    #[test]
    fn processes_are_counted_where_they_can_be() {
        let limits = Limits {
            workspace_bytes: 1,
            tmp_bytes: 1,
            memory_bytes: 1,
            processes: 40,
            open_files: 1,
            wall_ms: 1,
            log_bytes: 1,
        };
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let held = ProcessGroup::hold(&limits, child.id());
        let dir = held.as_ref().map(|group| group.0.clone());
        if let Some(dir) = &dir {
            let read = |file: &str| fs::read_to_string(dir.join(file)).unwrap().trim().to_owned();
            assert_eq!((read("pids.max"), read("cgroup.procs")), ("42".into(), child.id().to_string()));
        }
        let first = own_places("pids").into_iter().any(|(version, _)| version == Version::One);
        assert_eq!(dir.is_some(), first && geteuid().is_root(), "this machine lets root make one");
        child.kill().unwrap();
        child.wait().unwrap();
        drop(held);
        assert!(dir.is_none_or(|dir| !dir.exists()));
    }
}
