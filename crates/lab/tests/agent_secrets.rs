//! A live agent and the secrets of its place: a server that shows an older version again, a grant that was taken back, and a
//! version in use that was withdrawn.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use agent::{AliveError, Deployer, Fault, HeldSecret, Memory, SEAL_FILE, Services};
use evidence::dsse::Envelope;
use evidence::plan::{Plan, SecretReference};
use evidence::seal::WrappedKey;
use evidence::secrets_order::SecretsOrder;
use evidence::statements::{Body, DeploySecret, NAMESPACE, Statement};
use evidence::{Bytes, Digest, Moment};
use lab::{Lab, Parts, at, forgery, id, name};
use vault::SealSecret;

/// A service that starts and stops, and counts that.
#[derive(Clone, Debug, Default)]
struct Counted {
    starts: Arc<AtomicU32>,
    stops: Arc<AtomicU32>,
}

impl Services for Counted {
    fn prepare(&mut self, _: &Plan) -> Result<(), Fault> {
        Ok(())
    }

    fn before(&mut self, _: &Plan, _: &Path, _: u64) -> Result<(), Fault> {
        Ok(())
    }

    fn start(&mut self, _: &Plan, _: &Path) -> Result<(), Fault> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn stop(&mut self) -> Result<(), AliveError> {
        self.stops.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn ended(&mut self) -> Option<String> {
        None
    }
}

fn now() -> Moment {
    at(0)
}

/// An agent whose service runs with version 2, which Bob put.
struct Live {
    lab: Lab,
    parts: Parts,
    dir: tempfile::TempDir,
    agent: Deployer,
    service: Counted,
}

impl Live {
    fn new() -> Self {
        let kind = forgery::KINDS.iter().find(|kind| kind.open == "secret-missing").unwrap();
        let (lab, parts) = kind.stated(|_| ());
        let dir = tempfile::tempdir().unwrap();
        let seal = SealSecret::filled(|bytes| bytes.fill(8));
        std::fs::write(dir.path().join(SEAL_FILE), seal.line().as_bytes()).unwrap();
        let mut memory = lab.agent();
        let database = SecretReference { secret: name("database"), least: 1, variable: None };
        let running = memory.running.as_mut().unwrap();
        running.plan.secrets.insert(name("password"), database);
        let key = WrappedKey { enc: Bytes(vec![1; 32]), bytes: Bytes(vec![2; 48]) };
        let value = Digest::of(b"a sealed value");
        let (key, statement) = (Some(key), None);
        let held = HeldSecret { number: 2, value, key, statement, withdrawn: false, from: None };
        memory.secrets.insert(name("database"), held);
        let service = Counted::default();
        let agent = Self::start(dir.path(), memory, &lab, &service);
        Self { lab, parts, dir, agent, service }
    }

    fn start(dir: &Path, memory: Memory, lab: &Lab, service: &Counted) -> Deployer {
        let signer = lab.production.clone();
        Deployer::new(dir.to_owned(), memory, signer, Box::new(service.clone()), now).unwrap()
    }

    /// Bob's version with this number.
    fn version(&self, number: u32) -> Envelope {
        let honest = self.parts.statements.last().unwrap();
        if number == 2 {
            return honest.clone();
        }
        let mut statement = Statement { nonce: id(90), ..Statement::read(honest).unwrap() };
        if let Body::DeploySecret(DeploySecret(version)) = &mut statement.body {
            let seal = SealSecret::filled(|bytes| bytes.fill(8)).public().unwrap();
            let key = version.keys.values().next().unwrap().clone();
            version.keys.insert(seal, key);
            version.number = number;
            version.value = Digest::of(&number.to_be_bytes());
            statement.subjects = vec![version.value];
        }
        let mut envelope = statement.envelope().unwrap();
        self.lab.bob.approve.sign(&mut envelope, NAMESPACE);
        envelope
    }

    fn order(&self, statement: Option<Envelope>) -> SecretsOrder {
        let is_grant = |it: &&Envelope| Statement::read(it).is_ok_and(|read| read.gives().is_some());
        let mut enrolments = self.parts.enrolments.clone();
        enrolments.sort_by_key(Envelope::payload_digest);
        SecretsOrder {
            v: 1,
            installation: id(1),
            place: "shop/api/production".parse().unwrap(),
            numbers: [(name("database"), 3)].into(),
            roots: vec![self.lab.signed_root(&self.lab.root(), &[0, 1])],
            status: self.parts.status.clone(),
            enrolments,
            statements: statement.into_iter().collect(),
            grants: self.parts.statements.iter().filter(is_grant).cloned().collect(),
        }
    }

    /// Numbers that the agent takes, and why it refuses others.
    fn newer(&mut self, order: &SecretsOrder) -> (Vec<u32>, String) {
        let newer = self.agent.newer(order).unwrap();
        let numbers = newer.values().map(|held| held.number).collect();
        (numbers, self.agent.condition().secret_refused.unwrap_or_default())
    }

    /// A status that withdraws these statements.
    fn withdraws(&mut self, statements: &[&Envelope]) {
        let mut status = self.lab.status();
        status.number = 2;
        status.withdrawn = statements.iter().map(|it| it.payload_digest()).collect();
        status.withdrawn.sort();
        self.parts.status = self.lab.signed_status(&status, &[0, 1]);
    }
}

#[test]
fn attack_a_lower_version_is_shown_again_by_a_live_server() {
    let mut live = Live::new();
    let (older, newer) = (live.version(1), live.version(3));
    let order = live.order(Some(newer));
    assert_eq!(live.newer(&order), (vec![3], String::new()), "a newer one is taken");
    let order = live.order(Some(older));
    let (taken, why) = live.newer(&order);
    assert_eq!(taken, [0; 0]);
    assert!(why.starts_with("secret-older: version 1 of secret `database` is older than 2"), "{why}");
    assert_eq!(live.service.stops.load(Ordering::Relaxed), 0, "the service runs on");
}

#[test]
fn attack_a_grant_that_was_taken_back_gives_no_newer_version() {
    let mut live = Live::new();
    let newer = live.version(3);
    let grant = live.order(None).grants[0].clone();
    live.withdraws(&[&grant]);
    let order = live.order(Some(newer));
    let (taken, why) = live.newer(&order);
    assert_eq!(taken, [0; 0]);
    assert!(
        why.starts_with("secret-not-granted: no grant in force lets service api have version 3"),
        "{why}"
    );
    assert!(why.contains("was withdrawn"), "{why}");
    live.agent.end_withdrawn();
    assert_eq!((live.agent.condition().down, live.service.stops.load(Ordering::Relaxed)), (None, 0));
}

#[test]
fn attack_a_version_that_was_withdrawn_runs_on() {
    let mut live = Live::new();
    let (used, newer) = (live.version(2), live.version(3));
    let order = live.order(Some(used.clone()));
    assert_eq!(live.newer(&order), (vec![], String::new()));
    live.agent.end_withdrawn();
    assert_eq!(live.service.stops.load(Ordering::Relaxed), 0, "it counts");
    // The server forgets a statement that the status withdraws; the agent has not forgotten which one it runs with.
    live.withdraws(&[&used]);
    let order = live.order(None);
    assert_eq!(live.newer(&order), (vec![], String::new()));
    live.agent.end_withdrawn();
    let down = live.agent.condition().down.unwrap();
    assert!(down.starts_with("secret-withdrawn: version 2 of secret `database` was withdrawn"), "{down}");
    assert_eq!(live.service.stops.load(Ordering::Relaxed), 1);
    live.agent.end_withdrawn();
    live.agent.watch();
    // Neither a later look nor a restart of the agent starts it again.
    let memory = Memory::read(live.dir.path()).unwrap();
    let mut again = Live::start(live.dir.path(), memory, &live.lab, &live.service);
    again.resume();
    assert_eq!(again.condition().down, Some(down));
    assert_eq!(
        (live.service.starts.load(Ordering::Relaxed), live.service.stops.load(Ordering::Relaxed)),
        (0, 1)
    );
    // A newer version takes its place.
    let order = live.order(Some(newer));
    assert_eq!(live.newer(&order).0, [3]);
}

#[test]
fn attack_a_status_from_elsewhere_withdraws_while_the_server_shows_an_old_one() {
    let mut live = Live::new();
    let used = live.version(2);
    let order = live.order(Some(used.clone()));
    assert_eq!(live.newer(&order), (vec![], String::new()));
    live.withdraws(&[&used]);
    let brought = live.parts.status.encode().unwrap();
    std::fs::write(live.dir.path().join(agent::STATUS_FILE), brought).unwrap();
    live.newer(&order);
    live.agent.end_withdrawn();
    assert!(live.agent.condition().down.unwrap().starts_with("secret-withdrawn"));
}
