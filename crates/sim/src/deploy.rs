//! An agent as a node: the real deployer with its memory and releases on disk; services are simulated.

use std::path::{Path, PathBuf};

use std::sync::Arc;

use agent::{DeployError, Deployer, Layer, Memory, RequestedRelease, Widening};
use evidence::Moment;
use evidence::Place;
use evidence::bundle::Bundle;
use evidence::machine::MachineSigner;
use tlog::Checkpoint;
use wire::AgentWork;

use crate::installation::place;
use crate::machine;
use crate::net::{Connection, Content, Message, Outbox, PeerReply, PeerRequest};
use crate::services::SimulatedServices;

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    place: Place,
    dir: PathBuf,
    deployer: Deployer,
    services: SimulatedServices,
    line: Connection,
    /// Number of the observation that was sent last.
    observed: Option<u64>,
    /// The release whose evidence was requested.
    asked: Option<RequestedRelease>,
}

impl Agent {
    /// Starts from the files on disk, and starts the release that ran before.
    ///
    /// # Errors
    /// A text.
    pub fn start(dir: &Path, n: usize) -> Result<Self, String> {
        let memory = Memory::read(dir).map_err(|error| error.to_string())?;
        let seed = 124 + u8::try_from(n).map_err(|error| error.to_string())?;
        let signer = MachineSigner::from_seed([seed; 32]).map_err(|error| error.to_string())?;
        let now: fn() -> Moment = machine::now;
        let services = SimulatedServices::default();
        let mut deployer = Deployer::new(dir.to_path_buf(), memory, signer, Box::new(services.clone()), now)
            .map_err(|error| error.to_string())?;
        deployer.resume();
        Ok(Self {
            place: place(n),
            dir: dir.to_path_buf(),
            deployer,
            services,
            line: Connection::default(),
            observed: None,
            asked: None,
        })
    }

    /// Its memory.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        self.deployer.memory()
    }

    /// The highest release number that is stored on its disk.
    #[must_use]
    pub fn noted(&self) -> Option<u64> {
        Memory::read(&self.dir).ok().map(|memory| memory.seen_release)
    }

    /// The artifact that its `current` link names.
    #[must_use]
    pub fn current(&self) -> Option<String> {
        let link = std::fs::read_link(self.dir.join("current")).ok()?;
        Some(link.file_name()?.to_string_lossy().into_owned())
    }

    /// Its services.
    #[must_use]
    pub const fn services(&self) -> &SimulatedServices {
        &self.services
    }

    /// Whether its release works as far as it knows.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.deployer.condition().down.is_some()
    }

    /// Goes on with a rollout, sends what was observed, and asks for due work.
    ///
    /// # Errors
    /// A text, if it cannot work now.
    pub fn tick(&mut self, out: &mut Outbox) -> Result<(), String> {
        self.deployer.watch();
        let rolled = self.roll();
        let now = machine::now().millis();
        if self.line.is_busy() {
            self.line.again(now, out);
            return rolled;
        }
        match self.deployer.unsent().map_err(text)? {
            Some((number, envelope)) => {
                self.observed = Some(number);
                self.line.ask(now, 0, PeerRequest::Observation(Box::new(envelope)), out);
            }
            None => {
                let agent = self.deployer.memory().agent.clone();
                self.line.ask(now, 0, PeerRequest::AgentWork(self.place.clone(), agent), out);
            }
        }
        rolled
    }

    fn roll(&mut self) -> Result<(), String> {
        let Some(release) = self.deployer.rolls_out() else { return Ok(()) };
        if self.deployer.tick().map_err(text)? {
            let bundle = agent::rolled_bundle(&self.dir, release).map_err(text)?;
            let widening = Widening { bundle: Arc::new(bundle), fresh: None };
            self.deployer.widen(&widening).map_err(text)?;
        }
        Ok(())
    }

    /// Handles an answer.
    ///
    /// # Errors
    /// A text, if it cannot work now: due work stays due.
    pub fn take(&mut self, message: &Message, out: &mut Outbox) -> Result<(), String> {
        let Content::PeerReply(told) = &message.content else { return Ok(()) };
        let Some(asked) = self.line.answered(message.call) else { return Ok(()) };
        if matches!(asked, PeerRequest::Observation(_)) {
            return self.was_observed(told);
        }
        let now = machine::now().millis();
        let report = match told {
            PeerReply::AgentWork(Some(AgentWork::Release {
                bundle,
                release,
                artifact,
                ahead,
                statement,
                ..
            })) => {
                self.deployer.shown(None, ahead.clone(), statement.as_deref().cloned());
                let Some(settled) = settled(self.deployer.settled(*release, artifact))? else {
                    return Ok(());
                };
                if let Some(report) = settled {
                    report
                } else {
                    self.asked =
                        Some(RequestedRelease { release: *release, artifact: *artifact, plan: *artifact });
                    let seen: Checkpoint =
                        self.deployer.memory().checkpoint.parse().map_err(|_| "the memory is damaged")?;
                    self.line.ask(now, 0, PeerRequest::Fetch(*bundle, seen), out);
                    return Ok(());
                }
            }
            PeerReply::AgentWork(Some(AgentWork::Rollback(order))) => {
                self.deployer.rollback(order).map_err(|error| error.to_string())?
            }
            PeerReply::AgentWork(Some(AgentWork::Retreat(order))) => {
                self.deployer.retreat(order).map_err(|error| error.to_string())?
            }
            PeerReply::Evidence(bytes, proof, layer) => {
                let Some(asked) = self.asked.take() else { return Ok(()) };
                let done = match Bundle::decode(bytes) {
                    Ok(bundle) if bundle.release == asked.release => {
                        let layer = layer.clone().map_or(Layer::Lacking, Layer::Bytes);
                        self.deployer.release(&bundle, proof, &layer)
                    }
                    _ => self.deployer.unread(&asked, "it cannot be read or is of another release"),
                };
                let Some(report) = settled(done)? else { return Ok(()) };
                report
            }
            _ => return Ok(()),
        };
        self.line.ask(now, 0, PeerRequest::Report(Box::new(report)), out);
        Ok(())
    }

    fn was_observed(&mut self, told: &PeerReply) -> Result<(), String> {
        match (told, self.observed.take()) {
            (PeerReply::Accepted(_), Some(number)) => self.deployer.sent(number).map_err(text),
            _ => Ok(()),
        }
    }
}

/// The result for a release; `None` while it is rolled out.
fn settled<T>(done: Result<T, DeployError>) -> Result<Option<T>, String> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(DeployError::UnderWay(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn text(error: DeployError) -> String {
    error.to_string()
}
