//! Steps with secrets: what the step sees, what it cannot do with them, and that init keeps no copy.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::{Mutex, PoisonError};

use sandbox::{Exit, SandboxError, Secret};

use crate::trial::Trial;

type Case<'a> = (&'a str, Vec<Secret>, &'a str, String);

/// Runs all of them, and prints a line for each.
pub fn all(environment: &BTreeMap<String, String>) -> bool {
    // Drawn at run time, so that no program has it by chance.
    let value = format!("drawn-{:032x}", RandomState::new().hash_one(std::process::id()));
    let token = |variable: Option<&str>| vec![secret("token", variable, value.as_bytes())];
    let large = vec![7; sandbox::SECRET_BYTES_MAX];
    let cases: [Case<'_>; 6] = [
        (
            "a secret is a file of the step's user alone",
            token(None),
            "stat -c '%a %u' /run/secrets /run/secrets/token; cat /run/secrets/token; echo ${TOKEN-none}",
            format!("500 1000\n400 1000\n{value}none\n"),
        ),
        ("a secret is a variable if asked for", token(Some("TOKEN")), "printf %s $TOKEN", value.clone()),
        (
            "secrets may be empty and large",
            vec![secret("empty", Some("EMPTY"), b""), secret("large", None, &large)],
            "echo \"${EMPTY-none}\" $(cat /run/secrets/empty | wc -c) $(cat /run/secrets/large | wc -c)",
            format!(" 0 {}\n", large.len()),
        ),
        (
            "attack: the secrets of another step",
            vec![],
            "ls /run/secrets 2>/dev/null || echo none",
            "none\n".into(),
        ),
        (
            "attack: a secret is changed for what follows",
            token(None),
            "exec 2>/dev/null; cd /run/secrets; (echo x > token) || touch x || rm -f token || chmod 600 token || echo kept",
            "kept\n".into(),
        ),
        (
            "attack: a crash writes the secrets to the host",
            token(None),
            "sed -n 's/^Max core file size *\\([01]\\) *\\([01]\\) *bytes *$/no core/p' /proc/self/limits",
            "no core\n".into(),
        ),
    ];
    let mut good = true;
    for (name, secrets, script, said) in cases {
        let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let verdict = match (Trial { secrets, ..Trial::new(command, environment) }).run() {
            Ok((outcome, log)) if outcome.exit == Exit::Code(0) && log == said => "ok".to_owned(),
            Ok((outcome, log)) => format!("WRONG: {:?} {log:?}", outcome.exit),
            Err(error) => format!("did not run: {error}"),
        };
        good &= verdict == "ok";
        println!("{name}: {verdict}");
    }
    let verdict = searched(environment, token(Some("TOKEN")), value.as_bytes());
    println!("attack: the memory of init: {verdict}");
    good && verdict == "ok"
}

fn secret(name: &str, variable: Option<&str>, bytes: &[u8]) -> Secret {
    Secret { name: name.into(), variable: variable.map(str::to_owned), bytes: bytes.to_vec().into() }
}

/// While a step waits that has a secret in a variable and a file: the step's own process has it, and init's two have it not.
fn searched(environment: &BTreeMap<String, String>, secrets: Vec<Secret>, value: &[u8]) -> String {
    let command = ["/bin/sh", "-c", "echo ready; cat /run/secrets/token >/dev/null; sleep 100; echo $TOKEN"];
    let trial = Trial { secrets, ..Trial::new(command.map(str::to_owned).to_vec(), environment) };
    let found = Mutex::new(None);
    let look = |log: &[u8]| {
        if log.is_empty() {
            return true;
        }
        *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(holders(value));
        false
    };
    let ended = trial.run_while(&look);
    if !matches!(ended, Err(SandboxError::Unwanted)) {
        return format!("did not wait: {:?}", ended.map(|(outcome, log)| (outcome.exit, log)));
    }
    match found.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((true, false, 2)) => "ok".into(),
        other => format!("WRONG: {other:?}"),
    }
}

/// Whether a program of the step has the value, whether init has it, and how many processes init is.
fn holders(value: &[u8]) -> (bool, bool, usize) {
    let (mut step, mut init, mut inits) = (false, false, 0);
    let mut open = children(std::process::id());
    while let Some(pid) = open.pop() {
        open.extend(children(pid));
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.starts_with("sandbox-probe") {
            inits += 1;
            init |= has(pid, value);
        } else {
            step |= has(pid, value);
        }
    }
    (step, init, inits)
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Whether the memory of a process has these bytes. Nothing is found in a process that may not be read.
fn has(pid: u32, value: &[u8]) -> bool {
    let Ok(mut memory) = std::fs::File::open(format!("/proc/{pid}/mem")) else { return false };
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with('r'))).any(
        |line| {
            let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap();
            let at = |text: &str| u64::from_str_radix(text, 16).unwrap();
            let mut bytes = Vec::new();
            // Some ranges are the kernel's and cannot be read.
            let read = memory
                .seek(SeekFrom::Start(at(start)))
                .and_then(|_| memory.by_ref().take(at(end) - at(start)).read_to_end(&mut bytes));
            drop(read);
            bytes.windows(value.len()).any(|window| window == value)
        },
    )
}
