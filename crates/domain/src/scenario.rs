//! Fixtures for the tests of contexts: recorded events, a command, and the decision.

use std::collections::{BTreeMap, BTreeSet};

use evidence::approval::Decision;
use evidence::enrolment::{Grant, Purpose};
use evidence::receipt::Work;
use evidence::report::{AgentReport, ReleaseOutcome, Running};
use evidence::trust_root::Mode;
use evidence::{CommitId, Digest, Id, Moment, Name};

use crate::identity::{Enrolled, EnrolledKey, Rooted};
use crate::ids::{PersonId, RunId};
use crate::{Command, Event, State, approval, artifact, build, decide, gate, next, release, source};
use evidence::Place;

pub fn at(seconds: u64) -> Moment {
    Moment::from_millis(seconds * 1000).unwrap()
}

pub fn id(n: u8) -> Id {
    Id::from_random([n; 16])
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

pub fn commit(n: u8) -> CommitId {
    format!("{n:02x}").repeat(20).parse().unwrap()
}

pub fn run_id() -> RunId {
    id(50).into()
}

pub fn alice() -> PersonId {
    id(1).into()
}

pub fn bob() -> PersonId {
    id(2).into()
}

pub fn place(environment: &str) -> Place {
    Place { project: name("shop"), service: name("api"), environment: name(environment) }
}

/// A root and two people: Alice develops and releases, Bob releases.
pub fn people() -> Vec<Event> {
    let rooted = Rooted {
        installation: id(9),
        version: 1,
        digest: digest("root"),
        envelope: digest("root envelope"),
        mode: Mode::Team,
        expires: at(1_000),
    };
    let enrolled = |n: u8, roles: &[&str]| {
        let key =
            |purpose| EnrolledKey { fingerprint: format!("SHA256:{n}-{purpose:?}"), purposes: vec![purpose] };
        let grant = |role: &&str| Grant { role: name(role), project: None, environment: None };
        Event::Enrolled(Enrolled {
            person: id(n).into(),
            subject: Digest::of(&[n]),
            keys: [Purpose::SignIn, Purpose::Approve, Purpose::Commit].map(key).to_vec(),
            grants: roles.iter().map(grant).collect(),
            expires: at(900),
            digest: Digest::of(&[n, n]),
            root: 1,
        })
    };
    vec![
        Event::Rooted(rooted),
        enrolled(1, &["developer", "release-manager"]),
        enrolled(2, &["release-manager"]),
    ]
}

/// Alice runs commit 1 through a pipeline of `build`, and `sign-off` by release managers if `with_node`.
pub fn run(with_node: bool) -> build::Run {
    let mut steps = BTreeMap::from([(
        name("build"),
        build::StepPlan { needs: BTreeSet::new(), approval: None, apart: false },
    )]);
    if with_node {
        let approval = Some(build::Agreement { role: name("release-manager"), count: 1 });
        steps.insert(
            name("sign-off"),
            build::StepPlan { needs: [name("build")].into(), approval, apart: false },
        );
    }
    build::Run {
        take: source::RecordSource {
            run: run_id(),
            project: name("shop"),
            commit: commit(1),
            signature: source::Signature::By("SHA256:1-Commit".into()),
            requester: alice(),
            pack: digest("pack"),
            request: digest("request"),
        },
        pipeline: digest("pipeline"),
        steps,
        artifacts: [name("api")].into(),
        services: [(name("api"), name("api"))].into(),
        checks: [].into(),
        runners: vec![name("runner-1"), name("runner-2")],
        pool: None,
        checkers: None,
        seed: id(7),
        preview: None,
        again: Some(false),
    }
}

/// A report of work that is due on a runner, as the receipt of `work` would give it.
pub fn report(state: &State, runner: &str, work: Work, manifest: &str) -> build::Report {
    let due = state.build.outstanding(&name(runner)).find(|due| due.work == work).cloned().unwrap();
    let artifact = matches!(work, Work::Artifact(_)).then(|| (digest(manifest), digest("layer")));
    build::Report {
        nonce: due.nonce,
        project: due.project,
        commit: due.commit,
        pipeline: due.pipeline,
        receipt: digest(&format!("{runner} {work:?}")),
        envelope: digest(&format!("{runner} {work:?} envelope")),
        work,
        runner: name(runner),
        passed: true,
        log: digest("log"),
        tree: digest("tree"),
        artifact,
        documents: [].into(),
    }
}

/// Statements of dev, staging and production, each after the previous one; production is not automatic.
pub fn environments() -> Vec<Command> {
    let order = [("dev", None, true), ("staging", Some("dev"), true), ("production", Some("staging"), false)];
    let set = |(environment, after, automatic): (&str, Option<&str>, bool)| {
        let environment = gate::EnvironmentSet {
            previews: None,
            preview: None,
            place: place(environment),
            number: 1,
            envelope: digest(environment),
            policy: digest("policy"),
            configuration: digest("configuration"),
            agents: vec![gate::AgentKey { name: name("agent-1"), key: digest("agent key") }],
            baseline: commit(0),
            after: after.map(name),
            automatic,
            windows: None,
            soak_ms: None,
            root: 1,
        };
        Command::SetEnvironment(gate::SetEnvironment { environment, issued: at(1) })
    };
    order.map(set).to_vec()
}

/// Applies a command and everything that follows from it; panics when it is refused.
pub fn happen(state: &mut State, command: &Command) {
    let mut open: std::collections::VecDeque<Event> = decide(state, command, at(10)).unwrap().into();
    while let Some(event) = open.pop_front() {
        state.apply(&event, at(10));
        for command in next(state, &event) {
            open.extend(decide(state, &command, at(10)).expect("a command of the flow is never refused"));
        }
    }
    assert_eq!(state.misfits, 0, "{command:?}");
}

/// A state in which people and environments are set.
pub fn founded() -> State {
    let mut state = State::default();
    people().iter().for_each(|event| state.apply(event, at(5)));
    environments().iter().for_each(|command| happen(&mut state, command));
    state
}

/// A state in which commit 1 was built and is wanted in dev.
pub fn built() -> State {
    let mut state = founded();
    happen(&mut state, &Command::Run(Box::new(run(false))));
    for work in [Work::Step(name("build")), Work::Artifact(name("api"))] {
        for runner in ["runner-1", "runner-2"] {
            let report = report(&state, runner, work.clone(), "manifest");
            happen(&mut state, &Command::Report(Box::new(report)));
        }
    }
    assert!(state.artifact.get(run_id(), &digest("manifest")).is_some());
    state
}

pub fn propose(environment: &str) -> Command {
    Command::Propose(release::Propose {
        place: place(environment),
        artifact: digest("manifest"),
        statement: 1,
        plan: Ok((digest("plan"), digest("provenance"))),
    })
}

pub fn verdict(environment: &str, release: u64, generation: u32, outcome: gate::GateOutcome) -> Command {
    Command::RecordVerdict(Box::new(gate::RecordVerdict {
        judged: gate::Judged {
            place: place(environment),
            release,
            generation,
            outcome,
            reasons: Vec::new(),
            warnings: Vec::new(),
            policy: digest("policy"),
            engine: "engine".into(),
            at: 1,
            moment: at(10),
            bundle: Some(digest("bundle")),
            input: Some(digest("input")),
            verdict: digest("verdict"),
        },
    }))
}

pub fn agent_report(environment: &str, number: u64, outcome: ReleaseOutcome) -> Command {
    let running = Running::of(digest("manifest"), commit(1));
    Command::AgentReport(Box::new(release::Report {
        report: AgentReport {
            v: 1,
            installation: id(9),
            project: name("shop"),
            service: name("api"),
            environment: name(environment),
            agent: name("agent-1"),
            release: number,
            artifact: digest("manifest"),
            plan: digest("plan"),
            outcome,
            running: (outcome == ReleaseOutcome::Running).then_some(running),
            reasons: Vec::new(),
            detail: String::new(),
            root: 1,
            status: 1,
            statement: 1,
            checkpoint: 1,
            checkpoint_root: None,
            highest: None,
            time: at(10),
            sequence: None,
            previous: None,
            by_hand: None,
        },
        envelope: digest(&format!("report {environment} {number}")),
    }))
}

/// Brings release 1 of an environment to its agent's report.
pub fn deliver(state: &mut State, environment: &str) {
    happen(state, &propose(environment));
    happen(state, &verdict(environment, 1, 1, gate::GateOutcome::Pass));
    happen(state, &agent_report(environment, 1, ReleaseOutcome::Running));
}

/// A state in which dev and staging run commit 1 and production's release 1 waits for people.
pub fn proposed() -> State {
    let mut state = built();
    deliver(&mut state, "dev");
    deliver(&mut state, "staging");
    happen(&mut state, &propose("production"));
    state
}

pub fn approve(person: PersonId) -> approval::SubmitApproval {
    approval::SubmitApproval {
        given: approval::Given {
            place: place("production"),
            release: 1,
            person,
            decision: Decision::Approve,
            artifact: digest("manifest"),
            plan: digest("plan"),
            expires: at(100),
            envelope: digest("approval"),
        },
        key: "SHA256:2-Approve".into(),
        not_before: at(1),
        solo: false,
    }
}

/// Codes of the reasons against a command; empty when the command is accepted.
pub fn codes(state: &State, command: &Command) -> Vec<String> {
    let before = state.clone();
    let decided = decide(state, command, at(10));
    assert_eq!(*state, before, "deciding changes nothing");
    decided
        .err()
        .map(|refusal| refusal.reasons().map(|reason| reason.code.clone()).collect())
        .unwrap_or_default()
}

/// The conclusion about the artifact of a run, for readers of tests.
pub fn concluded(state: &State) -> Vec<Event> {
    artifact::conclude(&state.build, artifact::Conclude { run: run_id() }).unwrap()
}
