//! The world: all nodes on one thread, the next event chosen by a seed, and the checks after every event.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use disk::faults::{Gone, Kind};
use fastrand::Rng;
use lab::Lab;
use lab::parts::RELEASE_ROLLED;
use tlog::{AddCheckpoint, Checkpoint, CosignatureKey, WitnessRefusal};
use witness::Store;

use crate::build::{Builder, Repository};
use crate::control::Control;
use crate::deploy::Agent;
use crate::event::SimEvent;
use crate::fault_rates::FaultRates;
use crate::installation::{self, ENVIRONMENTS};
use crate::machine;
use crate::net::{Content, Message, Node, Outbox, PeerReply, PeerRequest};
use crate::people::{PersonNode, Surroundings};
use crate::promises::Promises;
use crate::report::Report;
use crate::truth::Truth;

/// The whole simulation.
pub struct World {
    /// The seed.
    pub seed: u64,
    /// The random generator.
    pub chance: Rng,
    /// The frequency of faults.
    pub fault_rates: FaultRates,
    /// All keys.
    pub lab: Lab,
    /// Directory of all disks.
    pub root: tempfile::TempDir,
    /// True time, in milliseconds since the Epoch.
    pub now: u64,
    /// Number of the last event.
    pub order: u64,
    /// Events by time and number.
    pub queue: BTreeMap<(u64, u64), SimEvent>,
    /// Errors of the clocks, in milliseconds.
    pub skew: BTreeMap<Node, i64>,
    /// Nodes that are cut off from all others.
    pub cut: BTreeSet<Node>,
    /// The fault of each node's next write.
    pub armed: BTreeMap<Node, (Option<&'static str>, Kind)>,
    /// The server.
    pub server: Option<Control>,
    /// The runners.
    pub builders: [Option<Builder>; 2],
    /// The agents.
    pub agents: [Option<Agent>; 2],
    /// The witnesses.
    pub witnesses: [Option<Store>; 3],
    /// The people.
    pub people: Vec<PersonNode>,
    /// Nodes that are down.
    pub down: BTreeSet<Node>,
    /// Every commit.
    pub repository: Repository,
    /// The checks of the simulation.
    pub truth: Truth,
    /// The result so far.
    pub report: Report,
    /// Whether there are no more faults.
    pub calm: bool,
    /// Whether every event is printed.
    pub tells: bool,
    /// The required content of the disks, if it is printed.
    pub promised: Option<Promises>,
}

/// Simulates this many hours of a seed, and then two hours without faults.
#[must_use]
pub fn run(seed: u64, hours: u64) -> Report {
    told(seed, hours, false)
}

/// The same, with every event printed as it happens.
#[must_use]
pub fn told(seed: u64, hours: u64, tells: bool) -> Report {
    let mut world = World::new(seed);
    world.tells = tells;
    let calm = START + hours * HOUR;
    world.until(calm);
    world.calm_down();
    world.until(calm + CALM);
    world.conclude()
}

/// Simulates this many hours without faults, and prints beside every event the directory of the disks and their required
/// content: another process watches what is written.
pub fn watched(seed: u64, hours: u64) {
    let mut world = World::new(seed);
    (world.calm, world.tells, world.promised) = (true, true, Some(Promises::default()));
    println!("root {}", world.root.path().display());
    world.until(START + hours * HOUR);
    println!("end {}", world.now);
}

impl World {
    fn new(seed: u64) -> Self {
        machine::begin(seed ^ 0x5eed);
        machine::set_now(START);
        let mut chance = Rng::with_seed(seed);
        let fault_rates = FaultRates::of(&mut chance);
        let mut lab = Lab::new(0);
        // Most installations roll their releases out step by step.
        if !seed.is_multiple_of(7) {
            lab.release = RELEASE_ROLLED;
        }
        let root = installation::disk();
        let seen = installation::found(&root.path().join("data"), &lab);
        for n in 0..2 {
            let dir = root.path().join(format!("agent-{n}"));
            disk::make_dir(&dir).unwrap();
            installation::joined(&lab, n, &seen).write(&dir).unwrap();
        }
        let mut world = Self {
            seed,
            chance,
            fault_rates,
            people: (0..4).map(|who| PersonNode::new(who, &lab, &seen)).collect(),
            lab,
            root,
            now: START,
            order: 0,
            queue: BTreeMap::new(),
            skew: BTreeMap::new(),
            cut: BTreeSet::new(),
            armed: BTreeMap::new(),
            server: None,
            builders: [None, None],
            agents: [None, None],
            witnesses: [None, None, None],
            down: everybody().collect(),
            repository: Repository::new(),
            truth: Truth::default(),
            report: Report::default(),
            calm: false,
            tells: false,
            promised: None,
        };
        world.truth.committed(installation::baseline(&world.lab));
        for who in everybody() {
            let skew = world.chance.i64(-15_000..15_000);
            world.skew.insert(who, skew);
            world.at(1, SimEvent::Starts(who));
            world.at(10, SimEvent::Acts(who));
        }
        let first = world.minutes();
        world.at(first, SimEvent::Trouble);
        world
    }

    /// Schedules an event.
    pub fn at(&mut self, later: u64, what: SimEvent) {
        self.order += 1;
        self.queue.insert((self.now + later, self.order), what);
    }

    /// Counts a fault.
    pub fn count(&mut self, fault: impl Into<String>) {
        *self.report.faults.entry(fault.into()).or_default() += 1;
    }

    fn until(&mut self, end: u64) {
        while let Some(first) = self.queue.first_entry() {
            if first.key().0 > end || !self.truth.breaches.is_empty() {
                return;
            }
            let ((now, _), what) = first.remove_entry();
            self.now = now;
            self.report.events += 1;
            if self.tells {
                let seconds = (self.now - START) / 1000;
                let (minutes, seconds) = (seconds / 60, seconds % 60);
                match &what {
                    SimEvent::Arrives(message) => println!("{minutes:>5}:{seconds:02} {message}"),
                    SimEvent::Acts(_) => {}
                    other => println!("{minutes:>5}:{seconds:02} {other:?}"),
                }
            }
            self.happen(what);
        }
    }

    fn happen(&mut self, what: SimEvent) {
        match what {
            SimEvent::Arrives(message) => {
                if !self.down.contains(&message.to) {
                    self.note_answer(&message);
                    self.act(message.to, Some(*message));
                }
            }
            SimEvent::Acts(who) => {
                if !self.down.contains(&who) {
                    self.act(who, None);
                }
                let again = match who {
                    Node::Server => self.chance.u64(500..4_000),
                    Node::Person(_) => self.chance.u64(20_000..60_000),
                    _ => self.chance.u64(5_000..30_000),
                };
                self.at(again, SimEvent::Acts(who));
            }
            SimEvent::Dies(who) => self.die(who),
            SimEvent::Starts(who) => self.start(who),
            SimEvent::ClockTurns(who, by) => {
                *self.skew.entry(who).or_default() += by;
            }
            SimEvent::Divides(some) => self.cut = some,
            SimEvent::Reunites => self.cut.clear(),
            SimEvent::DiskFails(who) => self.break_disk(who),
            SimEvent::Trouble => self.trouble(),
        }
    }

    fn note_answer(&mut self, message: &Message) {
        let Content::PeerReply(told) = &message.content else { return };
        let words = match told {
            PeerReply::Refused(codes) => {
                codes.iter().map(|code| format!("refused: {}", first_words(code))).collect()
            }
            PeerReply::Failed(what) => vec![format!("failed: {}", first_words(what))],
            _ => Vec::new(),
        };
        for word in words {
            *self.report.answers.entry(word).or_default() += 1;
        }
    }

    /// Removes a node, which comes back after some time.
    pub fn gone(&mut self, who: Node) {
        self.down.insert(who);
        match who {
            Node::Server => self.server = None,
            Node::Runner(n) => self.builders[n] = None,
            Node::Agent(n) => self.agents[n] = None,
            Node::Witness(n) => self.witnesses[n] = None,
            Node::Person(n) => self.people[n].crash(),
        }
        let most = if self.calm { 5_000 } else { 8 * MINUTE };
        let back = self.chance.u64(1_000..=most);
        self.at(back, SimEvent::Starts(who));
    }

    fn start(&mut self, who: Node) {
        if !self.down.contains(&who) {
            return;
        }
        machine::set_now(self.clock_of(who));
        machine::arm(self.armed.remove(&who));
        let data = self.root.path().to_path_buf();
        let started = catch_unwind(AssertUnwindSafe(|| -> Result<(), String> {
            match who {
                Node::Server => self.server = Some(Control::start(&data.join("data"), &self.lab)?),
                Node::Runner(n) => {
                    self.builders[n] = Some(Builder::start(&data.join(format!("runner-{n}")), n, &self.lab)?);
                }
                Node::Agent(n) => self.agents[n] = Some(Agent::start(&data.join(format!("agent-{n}")), n)?),
                Node::Witness(n) => {
                    let dir = data.join(format!("witness-{n}"));
                    self.witnesses[n] = Some(witness_of(&dir, &self.lab, n)?);
                }
                Node::Person(_) => {}
            }
            Ok(())
        }));
        self.keep_fault(who);
        match started {
            Ok(Ok(())) => {
                self.down.remove(&who);
                if who == Node::Server {
                    self.look(|truth, world| truth.look_at_start(world.server.as_ref().unwrap()));
                }
            }
            Ok(Err(what)) => {
                // It tries again, as a supervisor would do.
                self.count(format!("start failed: {}", first_words(&what)));
                self.gone(who);
            }
            Err(unwound) => self.crashed(who, unwound),
        }
    }

    fn clock_of(&self, who: Node) -> u64 {
        self.now.saturating_add_signed(self.skew.get(&who).copied().unwrap_or_default())
    }

    fn keep_fault(&mut self, who: Node) {
        if let Some(fault) = machine::armed() {
            self.armed.insert(who, fault);
        }
        machine::arm(None);
        for (point, kind) in machine::met() {
            self.count(format!("{kind:?} at {point}").to_lowercase());
        }
    }

    /// Lets a node act, by itself or on a message; the messages that it sends are scheduled.
    fn act(&mut self, who: Node, message: Option<Message>) {
        machine::set_now(self.clock_of(who));
        machine::arm(self.armed.remove(&who));
        let mut out = Outbox::default();
        let acted = catch_unwind(AssertUnwindSafe(|| self.inside(who, message.as_ref(), &mut out)));
        self.keep_fault(who);
        match acted {
            Ok(Ok(())) => {}
            Ok(Err(what)) => self.count(format!("could not: {}", first_words(&what))),
            Err(unwound) => {
                // Messages of a node that crashed while it acted are not sent.
                self.crashed(who, unwound);
                out = Outbox::default();
            }
        }
        self.promise(who, &out);
        match who {
            Node::Server if self.server.is_some() => {
                self.look(|truth, world| truth.look_at_server(world.server.as_ref().unwrap()));
            }
            Node::Agent(n) => {
                if let Some(agent) = &self.agents[n] {
                    self.truth.look_at_agent(n, agent);
                }
            }
            Node::Runner(_) => {
                for (_, _, _, content) in &out.messages {
                    if let Content::PeerRequest(PeerRequest::Receipt(_, receipt)) = content {
                        self.truth.sent(receipt);
                    }
                }
            }
            _ => {}
        }
        for (work, to, call, content) in out.messages {
            self.send(work, Message { from: who, to, call, content });
        }
    }

    fn inside(&mut self, who: Node, message: Option<&Message>, out: &mut Outbox) -> Result<(), String> {
        match (who, message) {
            (Node::Server, None) => self.server.as_mut().map_or(Ok(()), |server| server.tick(out)),
            (Node::Server, Some(message)) => {
                self.server.as_mut().map_or(Ok(()), |server| server.take(message, out))
            }
            (Node::Runner(n), None) => {
                self.builders[n].iter_mut().for_each(|builder| builder.tick(out));
                Ok(())
            }
            (Node::Runner(n), Some(message)) => {
                let repository = &self.repository;
                self.builders[n].as_mut().map_or(Ok(()), |builder| builder.take(message, repository, out))
            }
            (Node::Agent(n), None) => self.agents[n].as_mut().map_or(Ok(()), |agent| agent.tick(out)),
            (Node::Agent(n), Some(message)) => {
                self.agents[n].as_mut().map_or(Ok(()), |agent| agent.take(message, out))
            }
            (Node::Witness(n), Some(message)) => self.cosign(n, message, out),
            (Node::Witness(_), None) => Ok(()),
            (Node::Person(n), message) => {
                let mut surroundings =
                    Surroundings { lab: &self.lab, repository: &mut self.repository, truth: &mut self.truth };
                match message {
                    None => self.people[n].tick(&mut surroundings, out),
                    Some(message) => self.people[n].take(message, &mut surroundings, out),
                }
                Ok(())
            }
        }
    }

    fn cosign(&mut self, n: usize, message: &Message, out: &mut Outbox) -> Result<(), String> {
        let (Some(store), Content::PeerRequest(PeerRequest::Cosign(request))) =
            (&self.witnesses[n], &message.content)
        else {
            return Ok(());
        };
        let request: &AddCheckpoint = request;
        let added = store.add(request, machine::now().millis() / 1000).map_err(|error| error.to_string())?;
        let answer = match added {
            Ok(lines) => {
                let checkpoint: Checkpoint =
                    request.note.text().parse().map_err(|_| "the cosigned text is not a checkpoint")?;
                self.truth.cosigned(&checkpoint);
                Ok(lines)
            }
            Err(WitnessRefusal::Conflict(size)) => Err(Some(size)),
            Err(_) => Err(None),
        };
        out.tell(message, PeerReply::Cosigned(answer));
        Ok(())
    }

    fn crashed(&mut self, who: Node, unwound: Box<dyn std::any::Any + Send>) {
        if !unwound.is::<Gone>() {
            eprintln!("seed {}: {who} panicked at {}", self.seed, self.now - START);
            resume_unwind(unwound);
        }
        self.gone(who);
    }

    fn look(&mut self, look: impl FnOnce(&mut Truth, &Self) -> Result<(), String>) {
        let mut truth = std::mem::take(&mut self.truth);
        if let Err(what) = look(&mut truth, self) {
            truth.broken(format!("the ledger cannot be read: {what}"));
        }
        self.truth = truth;
    }

    /// Checks that all due work is done, and that the last commit runs in production.
    fn conclude(mut self) -> Report {
        if self.truth.breaches.is_empty() {
            match self.server.as_ref().ok_or_else(|| "the server is down".to_owned()) {
                Ok(server) => {
                    let state = server.state();
                    let due: usize =
                        (0..2).map(|n| state.build.outstanding(&installation::runner_name(n)).count()).sum();
                    if due > 0 || state.gate.outstanding().count() > 0 {
                        self.truth.broken(format!("{due} steps or some gates are still due after the calm"));
                    }
                    self.report.entries = state.entries;
                    for n in 0..2 {
                        self.is_up_to_date(n);
                    }
                }
                Err(what) => self.truth.broken(what),
            }
            let mut agree = 0;
            self.look(|truth, world| {
                agree = truth.look_at_end(world.server.as_ref().ok_or("the server is down")?)?;
                Ok(())
            });
            self.report.decisions = agree;
        }
        self.report.acknowledged = self.truth.acknowledgements;
        self.report.applied = self.truth.applied;
        self.report.rollouts = self.truth.rollouts;
        self.report.disbelief = self.truth.disbelief().clone();
        self.report.breaches = std::mem::take(&mut self.truth.breaches);
        self.report.course = self.truth.course();
        self.report
    }

    fn is_up_to_date(&mut self, n: usize) {
        let last = self.people.first().map(PersonNode::last_commit);
        let runs = self.agents[n].as_ref().and_then(|agent| agent.memory().running.as_ref());
        if runs.map(|known| &known.commit) != last {
            self.truth.broken(format!("after the calm {} does not run the last commit", ENVIRONMENTS[n]));
        }
    }
}

/// Every node.
pub fn everybody() -> impl Iterator<Item = Node> {
    let roles = [Node::Server, Node::Runner(0), Node::Runner(1), Node::Agent(0), Node::Agent(1)];
    roles.into_iter().chain((0..3).map(Node::Witness)).chain((0..4).map(Node::Person))
}

pub fn witness_of(dir: &std::path::Path, lab: &Lab, n: usize) -> Result<Store, String> {
    let seed = 131 + u8::try_from(n).map_err(|error| error.to_string())?;
    let key = CosignatureKey::from_seed(&format!("witness-{}/0101", n + 1), &[seed; 32])
        .map_err(|error| error.to_string())?;
    Store::open(dir, vec![key], vec![installation::ledger_key(lab).verifier().clone()])
        .map_err(|error| error.to_string())
}

fn first_words(what: &str) -> String {
    what.split([':', '`']).next().unwrap_or_default().trim().to_owned()
}

/// Lab's own time, in milliseconds since the Epoch: its statements are of the day before.
const START: u64 = 1_795_262_400_000;
/// Milliseconds.
pub const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// Time without faults at the end.
const CALM: u64 = 2 * HOUR;
