//! An agent as a node: the real deployer with its memory and releases on disk; services are simulated.

use std::path::{Path, PathBuf};

use agent::{AliveError, Deployer, Fault, Layer, Memory, RequestedRelease, Services};
use evidence::Moment;
use evidence::Place;
use evidence::bundle::Bundle;
use evidence::machine::MachineSigner;
use evidence::plan::Plan;
use tlog::Checkpoint;
use wire::AgentWork;

use crate::installation::place;
use crate::machine::{self, fails};
use crate::net::{Connection, Content, Message, Outbox, PeerReply, PeerRequest};

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    place: Place,
    dir: PathBuf,
    deployer: Deployer,
    line: Connection,
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
        let mut deployer = Deployer::new(dir.to_path_buf(), memory, signer, Box::new(SimulatedServices), now)
            .map_err(|error| error.to_string())?;
        deployer.resume();
        Ok(Self {
            place: place(n),
            dir: dir.to_path_buf(),
            deployer,
            line: Connection::default(),
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

    /// Asks for due work.
    pub fn tick(&mut self, out: &mut Outbox) {
        let now = machine::now().millis();
        if self.line.is_busy() {
            self.line.again(now, out);
        } else {
            self.line.ask(now, 0, PeerRequest::AgentWork(self.place.clone()), out);
        }
    }

    /// Handles an answer.
    ///
    /// # Errors
    /// A text, if it cannot work now: due work stays due.
    pub fn take(&mut self, message: &Message, out: &mut Outbox) -> Result<(), String> {
        let Content::PeerReply(told) = &message.content else { return Ok(()) };
        if self.line.answered(message.call).is_none() {
            return Ok(());
        }
        let now = machine::now().millis();
        let report = match told {
            PeerReply::AgentWork(Some(AgentWork::Release { bundle, release, artifact, .. })) => {
                if let Some(report) = self.deployer.reported(*release, artifact) {
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
            PeerReply::Evidence(bytes, proof, layer) => {
                let Some(asked) = self.asked.take() else { return Ok(()) };
                match Bundle::decode(bytes) {
                    Ok(bundle) if bundle.release == asked.release => {
                        let layer = layer.clone().map_or(Layer::Lacking, Layer::Bytes);
                        self.deployer.release(&bundle, proof, &layer)
                    }
                    _ => self.deployer.unread(&asked, "it cannot be read or is of another release"),
                }
                .map_err(|error| error.to_string())?
            }
            _ => return Ok(()),
        };
        self.line.ask(now, 0, PeerRequest::Report(Box::new(report)), out);
        Ok(())
    }
}

/// Services that start, except for a few.
#[derive(Debug)]
struct SimulatedServices;

impl Services for SimulatedServices {
    fn prepare(&mut self, _: &Plan) -> Result<(), Fault> {
        Ok(())
    }

    fn start(&mut self, _: &Plan, _: &Path) -> Result<(), Fault> {
        if fails(20) { Err(Fault::new("probe-failed", "by chance")) } else { Ok(()) }
    }

    fn before(&mut self, plan: &Plan, _: &Path, _: u64) -> Result<(), Fault> {
        if !plan.before.is_empty() && fails(20) {
            Err(Fault::new("before-failed", "by chance"))
        } else {
            Ok(())
        }
    }

    fn stop(&mut self) -> Result<(), AliveError> {
        Ok(())
    }

    fn ended(&mut self) -> Option<String> {
        fails(5).then(|| "by chance".to_owned())
    }
}
