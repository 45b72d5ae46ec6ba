//! Rules for services, and for the two files together.
//!
//! Invariant: only problems stop a run. Notes are hints that never do.

use std::collections::BTreeMap;

use super::{Problem, text_fault};
use crate::Name;
use crate::pipeline::{Artifact, Pipeline, Run};
use crate::release_file::{PATH, Probe, ReleaseFile, Service, ServiceLimits};

/// Problems of the services of a release file.
pub fn problems(file: &ReleaseFile) -> Vec<Problem> {
    file.services.iter().flat_map(|(name, service)| of_service(name, service)).collect()
}

/// Problems between the release file and the pipeline.
pub fn between(pipeline: &Pipeline, file: &ReleaseFile) -> Vec<Problem> {
    let mut found = Vec::new();
    for (name, service) in &file.services {
        let mut say = |field: &str, what: String| {
            found.push(Problem::new(PATH, format!("services.{name}.{field}"), what));
        };
        let Some(artifact) = pipeline.artifacts.get(&service.artifact) else {
            let known = pipeline.artifacts.keys().map(Name::as_str).collect::<Vec<_>>().join(", ");
            say(
                "artifact",
                format!("the pipeline makes no artifact `{}`; it makes: {known}", service.artifact),
            );
            continue;
        };
        let process = service.process.as_ref().map(|process| ("process.command", &process.command));
        let probe = service.probe.command.as_ref().map(|command| ("probe.command", command));
        for (field, command) in process.into_iter().chain(probe) {
            let program = command.first().map(String::as_str).unwrap_or_default();
            if !may_hold(artifact, program) {
                let paths = artifact.files.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let what =
                    format!("`{program}` is not in artifact `{}`, which holds: {paths}", service.artifact);
                say(field, what);
            }
        }
    }
    found
}

/// Hints at things that are allowed but probably not intended.
pub fn notes(file: &ReleaseFile) -> Vec<String> {
    let mut notes = Vec::new();
    let mut ports: BTreeMap<u16, &Name> = BTreeMap::new();
    for (name, service) in &file.services {
        let Some(process) = &service.process else {
            if let Some(check) = service.checks.keys().next() {
                notes
                    .push(format!("check `{check}` of `{name}` reaches nothing: the service has no process"));
            }
            continue;
        };
        match process.port {
            Some(port) => {
                if port < PRIVILEGED {
                    notes.push(format!("service `{name}`: port {port} is below 1024; its agent needs the right to bind it"));
                }
                if let Some(other) = ports.insert(port, name) {
                    notes.push(format!(
                        "services `{other}` and `{name}` have port {port}; on one machine, give each place its own \
                         (`countersign trust environment PLACE --port PORT`)"
                    ));
                }
            }
            None if service.probe.http.is_some() => notes.push(format!(
                "service `{name}`: it is probed over HTTP and names no port; the configuration of each place must \
                 (`countersign trust environment PLACE --port PORT`)"
            )),
            None => notes.push(format!(
                "service `{name}` has neither a port nor an HTTP probe: only a command tells whether it works; if it listens, \
                 give it `process.port` (with `listen: variable` it finds that as `PORT`) and `probe.http`"
            )),
        }
    }
    notes
}

fn of_service(name: &Name, service: &Service) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut say = |field: &str, what: String| {
        found.push(Problem::new(PATH, format!("services.{name}.{field}"), what));
    };
    if let Some(process) = &service.process {
        if process.port == Some(0) {
            say("process.port", "is 0, which is no port; name one of 1 to 65535".into());
        }
        for why in process.command.iter().filter_map(|word| text_fault(word)) {
            say("process.command", format!("a word {why}"));
        }
    }
    for (variable, value) in &service.env {
        if let Some(why) = text_fault(value) {
            say("env", format!("the value of `{variable}` {why}"));
        }
    }
    for (check, described) in &service.checks {
        match &described.run {
            Run::Script(text) if text.contains('\0') => {
                say(&format!("checks.{check}.run"), "holds a NUL byte".into());
            }
            Run::Script(_) => {}
            Run::Program(words) => {
                for why in words.iter().filter_map(|word| text_fault(word)) {
                    say(&format!("checks.{check}.run"), format!("a word {why}"));
                }
            }
        }
    }
    for (field, what) in of_limits(service.limits).into_iter().chain(of_probe(&service.probe)) {
        say(field, what);
    }
    found
}

fn of_limits(limits: ServiceLimits) -> Vec<(&'static str, String)> {
    let all = [
        ("limits.open-files", limits.open_files, OPEN_FILES_MIN, OPEN_FILES_MAX),
        ("limits.memory-mib", limits.memory_mib, 1, MEMORY_MIB_MAX),
    ];
    let wrong = all
        .into_iter()
        .filter(|(_, limit, min, max)| limit.is_some_and(|limit| limit < *min || limit > *max));
    wrong.map(|(name, _, min, max)| (name, format!("must lie between {min} and {max}"))).collect()
}

fn of_probe(probe: &Probe) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let time_ms = u64::from(probe.attempts.unwrap_or(30)).saturating_mul(probe.interval_ms.unwrap_or(200));
    if time_ms > PROBE_MS_MAX {
        let what = format!(
            "`attempts` times `interval-ms` is {} seconds; at most an hour is waited",
            time_ms / 1000
        );
        found.push(("probe", what));
    }
    if let Some(path) = probe.http.as_deref().filter(|path| !is_request_path(path)) {
        let what =
            format!("`{path}` cannot be asked for over HTTP; write other characters as `%XX`, and no `#`");
        found.push(("probe.http", what));
    }
    for why in probe.command.iter().flatten().filter_map(|word| text_fault(word)) {
        found.push(("probe.command", format!("a word {why}")));
    }
    found
}

/// Whether an artifact may contain a file at this path. The contents of a directory are only known after the build.
fn may_hold(artifact: &Artifact, path: &str) -> bool {
    artifact.files.keys().any(|target| {
        path.strip_prefix(target.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether a text is a path with an optional query in origin form
/// (<https://www.rfc-editor.org/rfc/rfc9112#section-3.2.1>; characters of RFC 3986, section 3.3).
fn is_request_path(path: &str) -> bool {
    path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte))
}

/// Ports below this one need a special right on Linux (`ip_unprivileged_port_start`).
const PRIVILEGED: u16 = 1024;
/// Standard streams, the listening socket, and some files for the program itself.
const OPEN_FILES_MIN: u64 = 8;
/// Linux's `fs.nr_open`.
const OPEN_FILES_MAX: u64 = 1 << 20;
const MEMORY_MIB_MAX: u64 = 1 << 20;
/// Longest time of all tries of a probe together, in milliseconds. Agents wait no longer.
const PROBE_MS_MAX: u64 = 3_600_000;
