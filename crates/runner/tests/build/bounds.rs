//! Memory and limits of the tasks that read reports: never beside the operator's account.

use std::sync::{Mutex, PoisonError};

use evidence::receipt::Ending;
use runner::{Caps, Execution, IsWanted, Isolation, Log, Part, RetainedOutputs, Room, Sandbox};
use sandbox::{Input, Limits, SandboxError, Spec, StepOutcome};

use super::{isolation, name, project, run_in, source};

/// A sandbox that writes down what each task of this program gets, and what is free at that moment.
struct Watched {
    sandbox: Sandbox,
    room: Room,
    tasks: Mutex<Vec<TaskSeen>>,
}

struct TaskSeen {
    limits: Limits,
    originals: usize,
    step_holds_memory: bool,
}

impl Watched {
    fn new(caps: Caps) -> Self {
        Self { sandbox: isolation(caps), room: Room::new(caps.total_mib << 20), tasks: Mutex::default() }
    }

    /// Whether no step has reserved anything.
    fn is_free(&self) -> bool {
        self.room.take(u64::MAX, &|| false, &|| {}).is_some()
    }
}

impl Isolation for Watched {
    fn run(
        &self,
        spec: &Spec,
        inputs: &[Input<'_>],
        log: Log<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<StepOutcome, SandboxError> {
        if spec.own {
            let originals = inputs.iter().filter(|input| input.path.ends_with("report")).count();
            let seen = TaskSeen { limits: spec.limits, originals, step_holds_memory: !self.is_free() };
            self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        }
        self.sandbox.run(spec, inputs, log, wanted)
    }

    fn reserve(
        &self,
        bytes: u64,
        _: Log<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<Option<Part<'_>>, SandboxError> {
        self.room.take(bytes, wanted, &|| {}).map(Some).ok_or(SandboxError::Unwanted)
    }

    fn caps(&self) -> Caps {
        self.sandbox.caps()
    }
}

/// Two reports of a step whose limits the pipeline sets.
fn two_reports(watched: &Watched, limits: &str) -> Execution {
    let report = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"scanner"}},"results":[]}]}"#;
    let pipeline = format!(
        "version: 1\nsteps:\n  scan:\n    limits: {limits}\n    run: |\n      echo '{report}' | tee a.sarif > b.sarif\n    \
         reports: [{{kind: sarif, path: a.sarif}}, {{kind: sarif, path: b.sarif}}]\n"
    );
    run_in(watched, &source(&project(&pipeline)), &name("scan"), &RetainedOutputs::new(), 1).unwrap()
}

const SMALL: &str = "{memory-mib: 48, workspace-mib: 64}";

/// A pipeline whose readers took memory beside the steps' could have the machine run out of it.
#[test]
fn attack_the_files_of_a_step_stay_counted_while_its_reports_are_read() {
    let watched = Watched::new(Caps::default());
    let done = two_reports(&watched, SMALL);
    assert!(done.facts.passed(), "{}", String::from_utf8_lossy(&done.log));
    let tasks = watched.tasks.lock().unwrap();
    assert_eq!(tasks.len(), 2);
    for task in tasks.iter() {
        assert!(task.step_holds_memory, "the workspace of the step is still in memory");
        assert_eq!(task.originals, 1, "one original at a time");
    }
    assert!(watched.is_free(), "everything is given back");
}

/// The operator's limits hold for readers too: each alone, and all together with what the step left.
#[test]
fn attack_a_reader_gets_no_more_than_the_operator_gives() {
    let caps = Caps { memory_mib: 96, workspace_mib: 64, time_seconds: 20, processes: 5, total_mib: 330 };
    let watched = Watched::new(caps);
    let done = two_reports(&watched, SMALL);
    assert!(done.facts.passed(), "{}", String::from_utf8_lossy(&done.log));
    for task in watched.tasks.lock().unwrap().iter() {
        let limits = task.limits;
        assert!(limits.memory_bytes <= 96 << 20 && limits.workspace_bytes <= 64 << 20, "{limits:?}");
        assert!(limits.wall_ms <= 20_000 && limits.processes <= 5, "{limits:?}");
        assert!(limits.filled_bytes() + (64 << 20) <= 330 << 20, "beside the workspace: {limits:?}");
    }
}

#[test]
fn a_reader_that_does_not_fit_the_runner_says_which_limit_is_too_low() {
    let narrow = Caps { workspace_mib: 16, ..Caps::default() };
    let full = Caps { memory_mib: 96, workspace_mib: 170, total_mib: 331, ..Caps::default() };
    for (caps, limits, said) in [
        (
            narrow,
            "{memory-mib: 48, workspace-mib: 16}",
            "takes a workspace of 17 MiB, this runner gives at most 16",
        ),
        (full, "{memory-mib: 16, workspace-mib: 170}", "have the operator raise `--steps-memory-max`"),
    ] {
        let done = two_reports(&Watched::new(caps), limits);
        let log = String::from_utf8_lossy(&done.log).into_owned();
        assert_eq!(done.facts.exit, Ending::Code(253), "{log}");
        assert!(log.contains(said), "{log}");
    }
}
