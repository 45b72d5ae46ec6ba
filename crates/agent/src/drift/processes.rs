//! The processes of a place, as the kernel tells of them: program, variables and limits of each that the agent started.
//!
//! Invariant: values of variables are hashed here and go nowhere. A program that could not be read is a difference. A process
//! that ends meanwhile is no difference: the agent starts it again, and that is not drift. A service chooses what it runs, so the
//! bytes that one look reads of programs are bounded: nothing that stops a service waits for them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use evidence::Digest;
use evidence::observations::Drifted;
use rustix::fs::OFlags;
use sandbox::Hold;
use zeroize::Zeroizing;

use super::files::hashed;
use super::found::{Found, Mend};
use super::manifest::{Declared, Manifest};
use super::watched::{Given, WatchedProcess};

/// A process as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub parent: u32,
    pub name: String,
}

/// All processes of this host, as far as this agent sees them.
#[derive(Clone, Debug, Default)]
pub struct ProcessTable(pub BTreeMap<u32, Listed>);

impl ProcessTable {
    /// Reads the table.
    ///
    /// # Errors
    /// The system's, if it lists no processes: a table without them would hide every difference.
    pub fn read() -> io::Result<Self> {
        Self::listed_in(Path::new(PROC))
    }

    fn listed_in(proc: &Path) -> io::Result<Self> {
        let mut table = BTreeMap::new();
        for item in fs::read_dir(proc)? {
            let pid = item?.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            table.extend(pid.and_then(|pid| Some((pid, listed(pid)?))));
        }
        Ok(Self(table))
    }

    /// A process and everything that descends from it.
    pub fn family(&self, of: u32) -> Vec<u32> {
        let mut below: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        self.0.iter().for_each(|(pid, listed)| below.entry(listed.parent).or_default().push(*pid));
        let (mut found, mut at) = (vec![of], 0);
        while let Some(pid) = found.get(at).copied() {
            found.extend(below.remove(&pid).unwrap_or_default());
            at += 1;
        }
        found
    }

    fn children(&self, of: u32) -> impl Iterator<Item = u32> {
        self.0.iter().filter(move |(_, listed)| listed.parent == of).map(|(pid, _)| *pid)
    }

    /// The process that holds others inside: process 1 of their namespace, or the keeper itself.
    pub fn holder(&self, of: &WatchedProcess) -> Option<u32> {
        match of.hold {
            Hold::Descendants => Some(of.keeper),
            Hold::Namespace | Hold::NamespaceHostProc => self.children(of.keeper).next(),
        }
    }

    /// The id that this host gives the process that the agent started.
    pub fn main(&self, of: &WatchedProcess) -> Option<u32> {
        let mut inside = self.children(self.holder(of)?);
        inside.find(|pid| inner_id(*pid) == Some(of.main))
    }
}

/// The difference of a host that lists no processes.
pub fn unlisted(error: &io::Error) -> Found {
    Found::new(Drifted::Process, PROC, "every process", &format!("cannot be read: {error}"), Mend::None)
}

/// All that is known of the programs that run.
#[derive(Debug, Default)]
pub struct ProcessLook {
    /// By keeper.
    programs: BTreeMap<u32, Program>,
    /// Bytes that this look may still read.
    room: u64,
}

#[derive(Clone, Debug)]
struct Program {
    number: Number,
    digest: Digest,
    /// The first one that was seen, if the release does not declare it: an interpreter of the host.
    first: Digest,
}

/// All that the kernel tells of a program's file: device, number, size and times.
type Number = (u64, u64, u64, i64, i64);

impl ProcessLook {
    /// The differences of the processes that the agent started.
    pub fn look(
        &mut self,
        table: &ProcessTable,
        all: &[WatchedProcess],
        dir: &Path,
        manifest: &Manifest,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        let declared = all.iter().filter_map(|one| declared_program(&one.given, dir, manifest));
        self.room = declared.map(|(_, size)| size).max().unwrap_or(0).max(PROGRAMS_BYTES_MAX);
        self.programs.retain(|keeper, _| all.iter().any(|one| one.keeper == *keeper));
        for one in all {
            let Some(pid) = table.main(one) else { continue };
            let mut own = self.program(pid, one, dir, manifest);
            own.extend(variables(pid, one));
            own.extend(limits(pid, one));
            // One that has ended meanwhile tells nothing that counts.
            if listed(pid).is_some() {
                found.append(&mut own);
            }
        }
        found
    }

    fn program(&mut self, pid: u32, one: &WatchedProcess, dir: &Path, manifest: &Manifest) -> Vec<Found> {
        let path = PathBuf::from(format!("/proc/{pid}/exe"));
        let of = |declared: &str, found: &str| {
            let name = format!("program of {} ({})", one.name, one.keeper);
            vec![Found::new(Drifted::Binary, &name, declared, found, Mend::Restart(one.keeper, one.name))]
        };
        let unread = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Vec::new(),
            _ => of("the program of the release", &format!("cannot be read: {error}")),
        };
        let meta = match fs::metadata(&path) {
            Ok(meta) => meta,
            Err(error) => return unread(error),
        };
        let declared = declared_program(&one.given, dir, manifest);
        let number = (meta.dev(), meta.ino(), meta.size(), meta.mtime(), meta.ctime());
        let known = self.programs.get(&one.keeper).cloned();
        // Instances of a release run one file.
        let same = self.programs.values().find(|known| known.number == number).map(|known| known.digest);
        let digest = match (same, declared) {
            (Some(digest), _) => digest,
            (None, Some((digest, size))) if size != meta.size() => {
                return of(&digest.to_string(), &format!("a program of {} bytes", meta.size()));
            }
            (None, _) => {
                let Some(room) = self.room.checked_sub(meta.size()) else {
                    let found = format!("{} bytes, too many to be read at once", meta.size());
                    return of("the program of the release", &found);
                };
                self.room = room;
                match hashed(&path, OFlags::empty(), meta.size()) {
                    Ok(digest) => digest,
                    Err(error) => return unread(error),
                }
            }
        };
        let first = known.map_or(digest, |known| known.first);
        self.programs.insert(one.keeper, Program { number, digest, first });
        let declared = declared.map_or(first, |(digest, _)| digest);
        if digest == declared {
            return Vec::new();
        }
        let runs = fs::read_link(&path).map(|link| link.to_string_lossy().into_owned()).unwrap_or_default();
        of(&declared.to_string(), &format!("{digest}, {runs}"))
    }
}

/// Digest and size that the release declares for the program of a process; `None` if it is a script, whose interpreter runs, or no
/// file of the release.
fn declared_program(given: &Given, dir: &Path, manifest: &Manifest) -> Option<(Digest, u64)> {
    let path = given.program.strip_prefix(dir).ok()?.to_str()?;
    match manifest.get(path)? {
        Declared::File { digest, size, script: false, .. } => Some((*digest, *size)),
        _ => None,
    }
}

fn variables(pid: u32, one: &WatchedProcess) -> Vec<Found> {
    let mend = Mend::Restart(one.keeper, one.name);
    let of = |name: &str, declared: &str, found: &str| {
        let name = format!("{name} of {} ({})", one.name, one.keeper);
        Found::new(Drifted::Variable, &name, declared, found, mend.clone())
    };
    let bytes = match environ(pid) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            return vec![Found::new(
                Drifted::Variable,
                &format!("all of {} ({})", one.name, one.keeper),
                "as they were given",
                &format!("cannot be read: {error}"),
                Mend::None,
            )];
        }
    };
    compared(&bytes, &one.given)
        .into_iter()
        .map(|(name, declared, found)| of(&name, &declared, &found))
        .collect()
}

/// The variables that differ, each with digests instead of values. Bytes that are no variable count as one without a name.
pub fn compared(bytes: &[u8], given: &Given) -> Vec<(String, String, String)> {
    const NOT_SET: &str = "not set";
    let short = |digest: &Digest| digest.to_string().chars().take(DIGEST_CHARS).collect::<String>();
    let mut differ = Vec::new();
    let mut there: BTreeMap<String, Digest> = BTreeMap::new();
    let mut parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    for part in parts.by_ref().take(PARTS_MAX) {
        let at = part.iter().position(|byte| *byte == b'=').unwrap_or(0);
        let (name, value) = part.split_at_checked(at).unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        // The first one counts (environ(7)).
        there.entry(name).or_insert_with(|| Digest::of(value.get(1..).unwrap_or_default()));
    }
    if parts.next().is_some() {
        let few = format!("{} variables", given.variables.len());
        differ.push(("(all)".to_owned(), few, format!("more than {PARTS_MAX} variables")));
    }
    for (name, digest) in &given.variables {
        match there.get(name) {
            Some(found) if found == digest => {}
            Some(found) => differ.push((name.clone(), short(digest), short(found))),
            None => differ.push((name.clone(), short(digest), NOT_SET.to_owned())),
        }
    }
    let more =
        there.iter().filter(|(name, _)| !given.variables.contains_key(*name) && !given.is_sealed(name));
    for (name, digest) in more.take(VARIABLES_MAX) {
        let name = if name.is_empty() { "(without a name)" } else { name };
        differ.push((name.to_owned(), NOT_SET.to_owned(), short(digest)));
    }
    differ
}

/// The variables of a process. They may be secrets, so they are overwritten afterwards.
fn environ(pid: u32) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = fs::File::open(format!("/proc/{pid}/environ"))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    file.take(ENVIRON_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn limits(pid: u32, one: &WatchedProcess) -> Vec<Found> {
    let text = match fs::read_to_string(format!("/proc/{pid}/limits")) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let name = format!("all of {} ({})", one.name, one.keeper);
            let found = format!("cannot be read: {error}");
            return vec![Found::new(Drifted::Limit, &name, "as it was given", &found, Mend::None)];
        }
        Err(_) => return Vec::new(),
    };
    let wanted = [
        ("Max open files", "open files", one.given.open_files),
        ("Max data size", "memory", one.given.memory_bytes),
    ];
    let differ = wanted.into_iter().filter_map(|(line, name, most)| {
        let found = limit(&text, line)?;
        let declared = (most.to_string(), most.to_string());
        let name = format!("{name} of {} ({})", one.name, one.keeper);
        let words =
            |(soft, hard): (String, String)| if soft == hard { soft } else { format!("{soft} to {hard}") };
        (found != declared).then(|| {
            Found::new(
                Drifted::Limit,
                &name,
                &words(declared),
                &words(found),
                Mend::Restart(one.keeper, one.name),
            )
        })
    });
    differ.collect()
}

/// Soft and hard limit of a line (proc_pid_limits(5)).
pub fn limit(text: &str, name: &str) -> Option<(String, String)> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let mut parts = line.split_whitespace().map(str::to_owned);
    Some((parts.next()?, parts.next()?))
}

/// A process; `None` if it has ended.
pub fn listed(pid: u32) -> Option<Listed> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // pid (comm) state ppid …: the name may contain any character, so the last parenthesis ends it (proc(5)).
    let (head, rest) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let mut rest = rest.split(' ');
    let (state, parent) = (rest.next()?, rest.next()?.parse().ok()?);
    (!["Z", "X"].contains(&state)).then_some(Listed { parent, name })
}

/// The id of a process in its own namespace.
fn inner_id(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    ids.split_whitespace().last()?.parse().ok()
}

/// Most bytes that one look reads of programs.
const PROGRAMS_BYTES_MAX: u64 = 512 * 1024 * 1024;
const DIGEST_CHARS: usize = 23;
const VARIABLES_MAX: usize = 64;
/// Variables of a process that are looked at. It may have millions, and all instances together are looked at again and again.
const PARTS_MAX: usize = 4_096;
const ENVIRON_BYTES_MAX: u64 = 4 * 1024 * 1024;
const PROC: &str = "/proc";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    fn given() -> Given {
        let variables = [("MODE", "strict"), ("PATH", "/bin")];
        let variables = variables.map(|(name, value)| (name.to_owned(), Digest::of(value.as_bytes())));
        let sealed = ["TOKEN".to_owned(), "LISTEN_PID".to_owned()].into();
        Given { variables: variables.into(), sealed, ..Given::default() }
    }

    #[test]
    fn a_host_that_lists_no_processes_differs() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ProcessTable::listed_in(dir.path()).unwrap().0.len(), 0);
        let error = ProcessTable::listed_in(&dir.path().join("proc")).unwrap_err();
        let found = unlisted(&error);
        assert_eq!((found.what, found.name.as_str(), found.mend), (Drifted::Process, "/proc", Mend::None));
        assert!(found.found.starts_with("cannot be read: "), "{}", found.found);
    }

    #[test]
    fn variables_are_compared_by_digest_and_never_shown() {
        let differ = |text: &str| compared(text.as_bytes(), &given());
        assert!(differ("MODE=strict\0PATH=/bin\0TOKEN=hush\0LISTEN_PID=7\0").is_empty());
        let found = differ("MODE=lax-hush\0PATH=/bin\0TOKEN=hush\0LD_PRELOAD=/tmp/hush.so\0");
        let named: Vec<_> = found.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(named, ["MODE", "LD_PRELOAD"]);
        assert!(!format!("{found:?}").contains("hush"));
        assert_eq!(differ("PATH=/bin\0").first().map(|(_, _, found)| found.as_str()), Some("not set"));
        assert_eq!(differ("MODE=lax\0MODE=strict\0PATH=/bin\0").len(), 1, "the first one counts");
        assert_eq!(differ("MODE=strict\0PATH=/bin\0PGUSER=x\0").len(), 1);
        let role = Given { has_role: true, ..given() };
        assert!(compared(b"MODE=strict\0PATH=/bin\0PGUSER=x\0", &role).is_empty());
        assert_eq!(differ("MODE=strict\0PATH=/bin\0no variable\0").len(), 1);
    }

    #[test]
    fn attack_millions_of_variables_are_not_all_hashed() {
        let text: String = (0..1_000_000).map(|n| format!("{n}=\0")).collect();
        let found = compared(format!("MODE=strict\0PATH=/bin\0{text}").as_bytes(), &given());
        assert_eq!(found.len(), VARIABLES_MAX + 1);
        let (name, _, said) = found.first().unwrap();
        assert_eq!((name.as_str(), said.as_str()), ("(all)", "more than 4096 variables"));
    }

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let text = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        assert!(limit(&text, "Max open files").is_some());
        let text = "Limit   Soft Limit  Hard Limit  Units\nMax data size   unlimited   4096   bytes\n";
        assert_eq!(limit(text, "Max data size"), Some(("unlimited".into(), "4096".into())));
        assert_eq!(limit(text, "Max open files"), None);
    }

    /// A service runs a file with a hole of terabytes. An agent that reads all of it cannot stop anything meanwhile.
    #[test]
    fn attack_a_program_of_any_length_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("app");
        fs::copy("/bin/sleep", &program).unwrap();
        fs::File::options().append(true).open(&program).unwrap().set_len(1 << 40).unwrap();
        let mut child = std::process::Command::new(&program).arg("1000").spawn().unwrap();
        let of = |program: &Path| WatchedProcess {
            name: "stable",
            keeper: std::process::id(),
            main: child.id(),
            hold: Hold::Descendants,
            port: None,
            given: Given { program: program.to_path_buf(), ..Given::default() },
        };
        let file = evidence::oci::LayerFile { bytes: b"app".to_vec(), executable: true };
        let files = [("app".to_owned(), evidence::oci::LayerEntry::File(file))];
        let manifest = Manifest::of(&files.into());
        let said = |program: &Path| {
            let found = ProcessLook::default().look(
                &ProcessTable::read().unwrap(),
                &[of(program)],
                dir.path(),
                &manifest,
            );
            let found = found.into_iter().find(|one| one.what == Drifted::Binary);
            found.map(|one| one.found).unwrap_or_default()
        };
        let (declared, interpreter) = (said(&program), said(Path::new("/usr/bin/interpreter")));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(declared, "a program of 1099511627776 bytes");
        assert_eq!(interpreter, "1099511627776 bytes, too many to be read at once");
    }

    #[test]
    fn a_family_is_everything_that_descends() {
        let listed = |parent| Listed { parent, name: "x".into() };
        let table = ProcessTable([(1, listed(0)), (2, listed(1)), (3, listed(2)), (4, listed(1))].into());
        let mut family = table.family(2);
        family.sort_unstable();
        assert_eq!(family, [2, 3]);
        assert_eq!(table.family(9), [9]);
    }
}
