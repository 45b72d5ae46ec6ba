//! After a step that printed its secret in every way, no process that goes on has it: only the holder had it, while the step ran.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::process::{Child, Command, Stdio};

use evidence::Id;
use mask::{Masker, Search};
use wire::LentSecrets;

use super::{TEN, children, command, lent_by};

#[test]
fn attack_the_memory_of_a_runner() {
    let value =
        format!("drawn-{:016x}-{:016x}", RandomState::new().hash_one(1), RandomState::new().hash_one(2));
    let masker = Masker::new([value.as_bytes()]).unwrap();
    let script = format!("{TEN}\necho begun; sleep 1000 & read -r x </dev/null; wait");
    let mut runner = Command::new(env!("CARGO_BIN_EXE_runner-init"));
    let runner = runner.args(["held", &script]).env_clear().stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut runner = Ended(runner.spawn().unwrap());
    let mut said = BufReader::new(runner.0.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let id = Id::from_random([1; 16]);
    let values = vec![lent_by(&line.trim().parse().unwrap(), "token", value.as_bytes(), (id, id))];
    let mut given = serde_json::to_vec(&LentSecrets { values, ..LentSecrets::default() }).unwrap();
    given.push(b'\n');
    runner.0.stdin.as_mut().unwrap().write_all(&given).unwrap();
    let mut log = String::new();
    while !log.ends_with("begun\n") {
        assert_ne!(said.read_line(&mut log).unwrap(), 0, "{log}");
    }
    assert!(log.contains("plain ***") && !masker.finds(log.as_bytes()), "{log}");
    let pid = runner.0.id();
    let holder = children(pid).into_iter().find(|pid| command(*pid).contains("secret-holder")).unwrap();
    assert!(has(holder, &masker) || !is_root(), "the search finds what is there");
    assert!(!has(pid, &masker), "while the step runs");
    let inits: Vec<u32> =
        children(holder).into_iter().flat_map(|pid| [vec![pid], children(pid)].concat()).collect();
    assert!(
        inits.len() >= 2 && inits.iter().all(|pid| !has(*pid, &masker)),
        "nor the sandbox's own processes"
    );
    let sleeps = inits.iter().flat_map(|pid| children(*pid)).find(|pid| command(*pid).starts_with("sleep"));
    let sleeps =
        sleeps.or_else(|| inits.iter().flat_map(|pid| children(*pid)).flat_map(children).next()).unwrap();
    assert!(Command::new("kill").args(["-9", &sleeps.to_string()]).status().unwrap().success());
    while !log.contains("ended: ") {
        assert_ne!(said.read_line(&mut log).unwrap(), 0, "{log}");
    }
    assert!(!has(pid, &masker), "and afterwards");
    for file in ["environ", "cmdline"] {
        assert!(!masker.finds(&std::fs::read(format!("/proc/{pid}/{file}")).unwrap()), "{file}");
    }
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| line == "Uid:\t0\t0\t0\t0")
}

/// Whether the memory of a process has a value, in any encoding. Nothing is found in a process that may not be read.
fn has(pid: u32, masker: &Masker) -> bool {
    let Ok(mut memory) = std::fs::File::open(format!("/proc/{pid}/mem")) else { return false };
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let readable = |line: &&str| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with('r'));
    maps.lines().filter(readable).any(|line| {
        let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap();
        let at = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = Vec::new();
        // Some ranges are the kernel's and cannot be read.
        let read = memory.seek(SeekFrom::Start(at(start))).and_then(|_| {
            std::io::Read::by_ref(&mut memory).take(at(end) - at(start)).read_to_end(&mut bytes)
        });
        drop(read);
        Search::new(masker).push(&bytes)
    })
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
