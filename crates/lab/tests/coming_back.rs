//! A release that comes back is judged again by the newest root, status, statement and policy on its agent's disk: what fails is
//! reported and due for review, and only a bar refuses.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use agent::{
    AliveError, Deployer, EVIDENCE_DIR, Fault, KnownRelease, Layer, Memory, ORDER_FILE, RULES_FILE,
    RequestedRelease, STATUS_FILE, Services, read_answer,
};
use evidence::configuration_order::ConfigurationOrder;
use evidence::environment::Environment;
use evidence::plan::Plan;
use evidence::policy_files::PolicyFiles;
use evidence::report::AgentReport;
use evidence::rollback_order::RollbackOrder;
use evidence::status::{Freeze, Revocation, Status};
use evidence::{Bytes, Digest, Moment};
use lab::{Lab, at, configuration, id, name};
use serde_json::json;

thread_local! {
    static SECONDS: Cell<i64> = const { Cell::new(0) };
    /// Whether the next process that starts fails its probe.
    static FAILS: Cell<bool> = const { Cell::new(false) };
}

fn now() -> Moment {
    at(SECONDS.get())
}

/// A host on which everything starts, unless it is told to fail once.
#[derive(Debug)]
struct Host;

impl Services for Host {
    fn prepare(&mut self, _: &Plan) -> Result<(), Fault> {
        Ok(())
    }

    fn before(&mut self, _: &Plan, _: &Path, _: u64) -> Result<(), Fault> {
        Ok(())
    }

    fn start(&mut self, _: &Plan, _: &Path) -> Result<(), Fault> {
        match FAILS.replace(false) {
            true => Err(Fault::new("probe-failed", "it does not answer")),
            false => Ok(()),
        }
    }

    fn stop(&mut self) -> Result<(), AliveError> {
        Ok(())
    }

    fn ended(&mut self) -> Option<String> {
        None
    }
}

/// An agent at which release 7 ran and something else runs now.
struct Stage {
    lab: Lab,
    dir: tempfile::TempDir,
    agent: Deployer,
    artifact: Digest,
    now_runs: Digest,
}

impl Stage {
    fn new() -> Self {
        SECONDS.set(0);
        FAILS.set(false);
        let lab = Lab::default();
        let (bundle, leaves) = lab::assemble(&lab, &lab.honest());
        let proof = lab::proof_for(&bundle, &leaves, &lab.agent().checkpoint.parse().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let mut agent = Self::start(&lab, dir.path(), lab.agent());
        let layer = Layer::Bytes(lab::parts::built().layer);
        let report = AgentReport::read(&agent.release(&bundle, &proof, &layer).unwrap()).unwrap();
        assert_eq!((report.outcome.name(), report.reasons.len()), ("running", 0), "{}", report.detail);
        let mut memory = agent.memory().clone();
        let known = memory.running.clone().unwrap();
        // The files of a newer release are not needed here: the place leaves it.
        let now_runs = Digest::of(b"the release after it");
        memory.runs(&KnownRelease { artifact: now_runs, evidence: None, release: Some(8), ..known });
        memory.seen_release = 8;
        memory.write(dir.path()).unwrap();
        let agent = Self::start(&lab, dir.path(), memory);
        Self { lab, dir, agent, artifact: bundle.artifact(), now_runs }
    }

    fn start(lab: &Lab, dir: &Path, memory: Memory) -> Deployer {
        Deployer::new(dir.to_owned(), memory, lab.production.clone(), Box::new(Host), now).unwrap()
    }

    fn restart(&mut self) {
        self.agent = Self::start(&self.lab, self.dir.path(), Memory::read(self.dir.path()).unwrap());
    }

    /// Bob's order to go back to release 7, under this status.
    fn order(&self, status: &Status) -> RollbackOrder {
        let arguments = json!({
            "place": "shop/api/production", "from": self.now_runs, "to": self.artifact, "release": 7, "ends": true
        });
        let request = self.lab.request(&self.lab.bob, "rollback", arguments, 76).1;
        let status = self.lab.signed_status(status, &[0, 1]);
        RollbackOrder { release: 9, artifact: self.artifact, request, status, ..self.lab.order() }
    }

    /// The report of the return under this status; it has happened.
    fn goes_back_under(&mut self, status: &Status) -> AgentReport {
        let order = self.order(status);
        let report = AgentReport::read(&self.agent.rollback(&order).unwrap()).unwrap();
        assert_eq!(report.outcome.name(), "running", "{:?}: {}", report.reasons, report.detail);
        assert_eq!(report.running.as_ref().unwrap().artifact, self.artifact);
        report
    }

    fn goes_back(&mut self) -> AgentReport {
        self.goes_back_under(&self.lab.status())
    }

    /// The newest statement of the place as its agent gets it from the server.
    fn statement(&self, change: impl FnOnce(&mut Environment, &mut Vec<u8>)) -> ConfigurationOrder {
        let parts = self.lab.honest();
        let mut statement = Environment::read(parts.environments.last().unwrap()).unwrap();
        let mut configuration = parts.configuration;
        statement.number += 1;
        change(&mut statement, &mut configuration);
        statement.configuration = Digest::of(&configuration);
        ConfigurationOrder {
            v: 1,
            installation: id(1),
            place: "shop/api/production".parse().unwrap(),
            roots: vec![self.lab.signed_root(&self.lab.root(), &[0, 1])],
            statement: self.lab.signed_environment(&statement, &[0, 1]),
            configuration: Bytes(configuration),
        }
    }

    /// The agent gets a newer statement with this policy.
    fn gets_policy(&mut self, policy: &PolicyFiles) {
        let digest = policy.digest().unwrap();
        let order = self.statement(|statement, _| statement.policy = digest);
        self.agent.take_configuration(&order).unwrap();
        assert_eq!(self.agent.wants_policy(), Some(digest));
        self.agent.take_policy(policy.clone());
        assert_eq!(self.agent.wants_policy(), None);
    }

    fn evidence(&self) -> PathBuf {
        let mut files = fs::read_dir(self.dir.path().join(EVIDENCE_DIR)).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "one release has evidence");
        file
    }
}

/// A policy that denies with these codes.
fn denying(codes: &[String]) -> PolicyFiles {
    let denies: String = codes
        .iter()
        .map(|code| {
            format!(
                "deny contains {{\"code\": \"{code}\", \"what\": \"it is strict\", \"remedy\": \"wait\"}}\n"
            )
        })
        .collect();
    let text = format!("package countersign.gate\nimport rego.v1\nchecks contains \"strict\"\n{denies}");
    PolicyFiles { v: 1, files: [("gate.rego".to_owned(), text)].into() }
}

fn status(stage: &Stage, change: impl FnOnce(&mut Status)) -> Status {
    let mut status = stage.lab.status();
    status.number = 2;
    change(&mut status);
    status
}

const DUE: &str = "due-for-review";

#[test]
fn what_passes_comes_back_without_a_word_also_in_a_freeze() {
    assert_eq!(Stage::new().goes_back().reasons, [""; 0]);
    let mut stage = Stage::new();
    let place = Freeze { project: name("shop"), service: None, environment: None };
    let frozen = status(&stage, |status| status.frozen = vec![place]);
    let report = stage.goes_back_under(&frozen);
    assert_eq!(
        (report.reasons, report.detail.as_str()),
        (Vec::new(), ""),
        "a freeze is about releases that begin"
    );
    // An older statement than that of the evidence says nothing.
    let mut stage = Stage::new();
    let old = stage.statement(|statement, _| {
        (statement.number, statement.policy) = (1, Digest::of(b"an old policy"));
    });
    stage.agent.take_configuration(&old).unwrap();
    assert_eq!(stage.goes_back().reasons, [""; 0]);
}

#[test]
fn a_person_who_was_removed_and_a_key_that_was_revoked_are_due_for_review() {
    let mut stage = Stage::new();
    let ada = stage
        .lab
        .honest()
        .enrolments
        .iter()
        .find(|one| evidence::enrolment::Enrolment::read(one).unwrap().person == stage.lab.ada.id)
        .unwrap()
        .payload_digest();
    let removed = status(&stage, |status| status.withdrawn = vec![ada]);
    let report = stage.goes_back_under(&removed);
    assert_eq!(report.reasons, [DUE, "enrolment-withdrawn"]);
    assert!(
        report.detail.starts_with("the release that runs again is due for review:\nenrolment-withdrawn: ")
    );
    assert_eq!(report.status, 2);
    // The newest status stays on the disk, also when a later return happens without a server.
    let kept = Memory::read(stage.dir.path()).unwrap().status.unwrap();
    assert_eq!(Status::read(&kept.base).unwrap().number, 2);

    let mut stage = Stage::new();
    let key = stage.lab.bob.approve.key.fingerprint().to_owned();
    let since = at(-30 * 86_400);
    let revoked = status(&stage, |status| status.revoked = vec![Revocation { key, invalid_since: since }]);
    let report = stage.goes_back_under(&revoked);
    assert!(report.reasons.contains(&DUE.to_owned()) && report.reasons.len() > 1, "{:?}", report.reasons);
}

#[test]
fn a_stricter_policy_and_another_configuration_are_due_for_review() {
    let mut stage = Stage::new();
    stage.gets_policy(&denying(&["too-lax".into()]));
    // An agent that starts again knows them, and no server answers any more.
    stage.restart();
    assert_eq!(stage.goes_back().reasons, [DUE, "too-lax"]);

    let mut stage = Stage::new();
    let mut other = configuration();
    other.variables.insert("LIMIT".to_owned(), "20".to_owned());
    let order = stage.statement(|_, configuration| *configuration = other.encode().unwrap());
    stage.agent.take_configuration(&order).unwrap();
    assert_eq!(stage.agent.wants_policy(), None, "it is the same policy");
    let report = stage.goes_back();
    assert_eq!(report.reasons, ["configuration-changed", DUE]);
    assert!(report.detail.contains("statement 2 gives another plan"), "{}", report.detail);
}

#[test]
fn what_cannot_be_judged_comes_back_and_says_so() {
    let unjudged = ["due-for-review", "return-not-judged"];
    let lost = |file: &Path| fs::remove_file(file).unwrap();
    let changed = |file: &Path| {
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    let cut = |file: &Path| {
        let bytes = fs::read(file).unwrap();
        fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    };
    let other = |file: &Path| fs::write(file, "{}").unwrap();
    let damages: [&dyn Fn(&Path); 4] = [&lost, &changed, &cut, &other];
    for damage in damages {
        let mut stage = Stage::new();
        damage(&stage.evidence());
        let report = stage.goes_back();
        assert_eq!(report.reasons, unjudged);
        assert!(report.detail.contains("its evidence `"), "{}", report.detail);
    }
    // An older program applied it.
    let mut stage = Stage::new();
    let mut memory = Memory::read(stage.dir.path()).unwrap();
    memory.before.as_mut().unwrap().evidence = None;
    memory.write(stage.dir.path()).unwrap();
    stage.restart();
    let report = stage.goes_back();
    assert_eq!(report.reasons, unjudged);
    assert!(report.detail.contains("an older program applied it"), "{}", report.detail);
    // Rules that are damaged or lost count as absent, so nobody knows the newest policy.
    let mut stage = Stage::new();
    stage.gets_policy(&denying(&["too-lax".into()]));
    fs::write(stage.dir.path().join(RULES_FILE), "{").unwrap();
    stage.restart();
    let report = stage.goes_back();
    assert_eq!(report.reasons, unjudged);
    assert!(report.detail.contains("the newest rules of the place are not here"), "{}", report.detail);
}

/// The server may withhold a policy, name one that nobody signed, or serve one that its signers made by mistake: the place goes back.
#[test]
fn attack_a_server_that_lies_about_policies_prevents_no_return() {
    // It has the newest statement, and withholds the policy that it names, or gives other bytes.
    let mut stage = Stage::new();
    let strict = denying(&["too-lax".into()]);
    let digest = strict.digest().unwrap();
    let order = stage.statement(|statement, _| statement.policy = digest);
    stage.agent.take_configuration(&order).unwrap();
    stage.agent.take_policy(denying(&["other".into()]));
    assert_eq!(stage.agent.wants_policy(), Some(digest), "other bytes are no answer");
    let report = stage.goes_back();
    assert_eq!(report.reasons, [DUE, "return-not-judged"]);
    assert!(report.detail.contains("the policy of statement 2 is not here"), "{}", report.detail);

    // A statement that too few signed changes nothing.
    let mut stage = Stage::new();
    let mut order = stage.statement(|statement, _| statement.policy = digest);
    let statement = Environment::read(&order.statement).unwrap();
    order.statement = stage.lab.signed_environment(&statement, &[0]);
    assert_eq!(stage.agent.take_configuration(&order).unwrap_err().reasons, ["environment-unsound"]);
    assert_eq!(stage.goes_back().reasons, [""; 0]);

    // The right signers signed each policy. The first cannot be read, the second never ends, the third has more codes than a report may have.
    let broken = PolicyFiles { v: 1, files: [("gate.rego".to_owned(), "package".to_owned())].into() };
    let endless = "package countersign.gate\nimport rego.v1\nchecks contains \"endless\"\n\
                   deny contains {\"code\": \"a\", \"what\": \"b\", \"remedy\": \"c\"} if count([1 | numbers.range(1, 1000)[_] > numbers.range(1, 1000)[_]; numbers.range(1, 1000)[_] > 0]) < 0\n";
    let endless = PolicyFiles { v: 1, files: [("gate.rego".to_owned(), endless.to_owned())].into() };
    let many: Vec<_> = (0..200).map(|n| format!("code-{n:03}")).collect();
    let long = denying(&["x".repeat(5_000)]);
    for (policy, codes, first) in
        [(&broken, 2, DUE), (&endless, 2, DUE), (&denying(&many), 33, "code-000"), (&long, 2, DUE)]
    {
        let mut stage = Stage::new();
        stage.gets_policy(policy);
        let report = stage.goes_back();
        assert_eq!(
            (report.reasons.len(), report.reasons[0].as_str()),
            (codes, first),
            "{:?}",
            report.reasons
        );
        assert!(report.reasons.contains(&DUE.to_owned()));
    }
}

#[test]
fn only_a_bar_refuses_a_return() {
    let mut stage = Stage::new();
    let artifact = stage.artifact;
    let barred = status(&stage, |status| status.barred = vec![artifact]);
    let order = stage.order(&barred);
    let report = AgentReport::read(&stage.agent.rollback(&order).unwrap()).unwrap();
    assert_eq!((report.outcome.name(), report.reasons), ("refused", vec!["artifact-barred".to_owned()]));
}

/// A person brings the order while the server is away.
#[test]
fn a_return_by_hand_is_judged_again_and_its_answer_says_so() {
    let mut stage = Stage::new();
    stage.gets_policy(&denying(&["too-lax".into()]));
    stage.restart();
    let number = stage.agent.memory().overview().next_by_hand;
    let order = RollbackOrder { release: number, ..stage.order(&stage.lab.status()) };
    fs::write(stage.dir.path().join(ORDER_FILE), order.encode().unwrap()).unwrap();
    // A status that a person brought counts, too.
    let key = stage.lab.runners[0].public().id().to_string();
    let revoked = status(&stage, |status| {
        status.revoked = vec![Revocation { key, invalid_since: at(-30 * 86_400) }];
    });
    let file = stage.lab.signed_status(&revoked, &[0, 1]).encode().unwrap();
    fs::write(stage.dir.path().join(STATUS_FILE), file).unwrap();
    assert!(stage.agent.take_order().unwrap());
    let answer = read_answer(stage.dir.path(), &order.request.payload_digest()).unwrap().unwrap();
    assert_eq!(answer.outcome.name(), "running", "{answer:?}");
    assert!(answer.reasons.contains(&DUE.to_owned()) && answer.reasons.len() > 1, "{answer:?}");
    let report = &stage.agent.memory().carried_out[0].report;
    assert_eq!(AgentReport::read(report).unwrap().reasons, answer.reasons, "the server gets the same");
}

/// The release that was to replace it does not work: what runs again is judged as well.
#[test]
fn a_return_after_a_failure_is_judged_again() {
    let mut stage = Stage::new();
    stage.gets_policy(&denying(&["too-lax".into()]));
    stage.goes_back();
    // A person goes forward again, and that does not start.
    let arguments = json!({
        "place": "shop/api/production", "from": stage.artifact, "to": stage.now_runs, "release": 8, "ends": true
    });
    let request = stage.lab.request(&stage.lab.bob, "rollback", arguments, 77).1;
    let order =
        RollbackOrder { release: 10, artifact: stage.now_runs, request, ..stage.order(&stage.lab.status()) };
    let report = AgentReport::read(&stage.agent.rollback(&order).unwrap()).unwrap();
    assert_eq!(report.outcome.name(), "returned", "{}", report.detail);
    assert_eq!(report.reasons, ["artifact-differs", DUE, "too-lax"]);
    assert!(
        report.detail.contains("\nthe release that runs again is due for review:\ntoo-lax: "),
        "{}",
        report.detail
    );
}

/// A newer program made what its signers signed.
#[test]
fn rules_that_this_program_cannot_read_are_refused_in_words() {
    let mut stage = Stage::new();
    let order = stage.statement(|_, configuration| *configuration = b"{\"v\":9}".to_vec());
    let refused = stage.agent.take_configuration(&order).unwrap_err();
    assert_eq!(refused.reasons, ["configuration-unread"]);
    let words = refused.words.join("; ");
    let first = "configuration-unread: this program cannot read the configuration of statement 2: ";
    assert!(words.starts_with(first) && words.ends_with("; upgrade this agent"), "{words}");

    let mut stage = Stage::new();
    let bytes = b"{\"v\":9}";
    let order = stage.statement(|statement, _| statement.policy = Digest::of(bytes));
    stage.agent.take_configuration(&order).unwrap();
    let wanted = stage.agent.wants_policy().unwrap();
    let error = stage.agent.take_policy_bytes(&wanted, bytes).unwrap_err().to_string();
    let first = format!("this program cannot read the policy {wanted} of statement 2: ");
    assert!(error.starts_with(&first) && error.ends_with("; upgrade this agent"), "{error}");
    assert_eq!(stage.agent.wants_policy(), Some(wanted));
}

/// At a place with several agents, a release that fails at another one brings back what ran here before.
#[test]
fn evidence_stays_for_what_a_retreat_brings_back() {
    let mut stage = Stage::new();
    let file = stage.evidence();
    let mut memory = Memory::read(stage.dir.path()).unwrap();
    // Five returns later, nothing else knows the release any more.
    let known = memory.running.clone().unwrap();
    memory.shared = true;
    let asked = RequestedRelease { release: 8, artifact: known.artifact, plan: known.plan.digest().unwrap() };
    memory.takes_in_turn(&asked, &known);
    (memory.before, memory.earlier) = (None, Vec::new());
    memory.write(stage.dir.path()).unwrap();
    stage.restart();
    assert!(file.exists());
}

/// The directory has the evidence of what the place can go back to, and of nothing else.
#[test]
fn evidence_goes_with_the_release() {
    let mut stage = Stage::new();
    let file = stage.evidence();
    let mut memory = Memory::read(stage.dir.path()).unwrap();
    let known = memory.running.clone().unwrap();
    for n in 0..10 {
        let artifact = Digest::of(format!("release {n}").as_bytes());
        memory.runs(&KnownRelease { artifact, ..known.clone() });
    }
    memory.write(stage.dir.path()).unwrap();
    stage.restart();
    assert!(!file.exists());
}
