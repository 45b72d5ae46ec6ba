//! Observations of the agent about its own place: signed, chained with its reports, kept, and sent in order.
//!
//! Invariant: an observation is durable before anybody can act on it or send it, and goes before the report that follows from
//! it. While the server is away the outbox keeps them; beyond its bound a verdict takes the place of the one before it of the
//! same release, never of the last one of a release.

use std::path::Path;

use evidence::dsse::Envelope;
use evidence::machine::MachineSigner;
use evidence::observations::{Body, Observation, ObservationError};
use evidence::{Digest, Moment};
use tlog::Checkpoint;
use tracing::warn;
use wire::Client;

use crate::deployer::Deployer;
use crate::error::{AgentError, DeployError};
use crate::memory::Memory;
use crate::outbox::{MERGED_FROM, Outbox, Unsent};
use crate::own_thread::OwnThread;

impl Deployer {
    /// Signs an observation, chains it, and keeps it until the server has it. One that bars its artifact bars it from now on.
    ///
    /// # Errors
    /// `DeployError` when it cannot be signed or kept.
    pub fn observe(&mut self, body: impl Into<Body>) -> Result<Digest, DeployError> {
        let time = (self.now)();
        self.memory.observe(&self.dir, &self.signer, time, body.into())
    }

    /// The oldest observation that the server does not have.
    ///
    /// # Errors
    /// `DeployError` when it cannot be read.
    pub fn unsent(&self) -> Result<Option<(u64, Envelope)>, DeployError> {
        let outbox = Outbox::of(&self.dir);
        let Some(number) = outbox.numbers()?.first().copied() else { return Ok(None) };
        Ok(Some((number, outbox.read(number)?.envelope)))
    }

    /// Notes that the server has an observation. Its link and bar are in the memory before it goes.
    ///
    /// # Errors
    /// `DeployError` when the memory cannot be written.
    pub fn sent(&mut self, number: u64) -> Result<(), DeployError> {
        let outbox = Outbox::of(&self.dir);
        self.memory.adopt(&outbox)?;
        self.memory.write(&self.dir)?;
        Ok(outbox.remove(number)?)
    }
}

impl Memory {
    /// Signs an observation at a time, chains it, and keeps it in the outbox of the directory of this memory.
    ///
    /// # Errors
    /// `DeployError` when it cannot be signed or kept.
    pub fn observe(
        &mut self,
        dir: &Path,
        signer: &MachineSigner,
        time: Moment,
        body: Body,
    ) -> Result<Digest, DeployError> {
        let outbox = Outbox::of(dir);
        self.adopt(&outbox)?;
        let (sequence, previous) = match self.superseded(&outbox, &body)? {
            Some(before) => (before.observation.sequence, before.observation.previous),
            None => {
                outbox.make_room()?;
                self.next_link()
            }
        };
        let head = self.checkpoint.parse::<Checkpoint>().ok();
        let observation = Observation {
            installation: self.installation,
            place: self.place.clone(),
            agent: self.agent.clone(),
            time,
            checkpoint: head.as_ref().map_or(0, |head| head.size),
            checkpoint_root: head.map(|head| Digest::from_bytes(*head.root.as_bytes())),
            root: self.seen_root,
            status: self.seen_status,
            statement: self.seen_statement,
            sequence,
            previous,
            body,
        };
        let signed = observation.sign(signer)?;
        outbox.put(sequence, &signed.encode().map_err(ObservationError::Envelope)?)?;
        self.observed(&observation, &signed);
        // It is kept already: a start takes link and bar from the outbox.
        if let Err(error) = self.write(dir) {
            warn!("{error}");
        }
        Ok(signed.payload_digest())
    }

    /// The newest observation, if the next one takes its place: many wait, it is the last link of the chain, and the next one
    /// says all that it says. The first that waits may be on its way and stays.
    fn superseded(&self, outbox: &Outbox, body: &Body) -> Result<Option<Unsent>, DeployError> {
        if outbox.numbers()?.len() < MERGED_FROM {
            return Ok(None);
        }
        let newest = outbox.newest()?.filter(|newest| {
            let is_last = self.chain.is_some_and(|last| last.sequence == newest.observation.sequence);
            let (old, about) = (&newest.observation.body, newest.observation.about());
            is_last && old.is_intermediate() && old.kind() == body.kind() && about == body.about()
        });
        Ok(newest)
    }
}

/// Sends the observations that wait, in order.
///
/// # Errors
/// `AgentError` at the first one that the server does not take now; it stays.
pub async fn send(running: &OwnThread<Deployer>, client: &Client) -> Result<(), AgentError> {
    while let Some((number, envelope)) = running.run(|running| running.unsent()).await?? {
        client.report_observation(envelope).await?;
        running.run(move |running| running.sent(number)).await??;
    }
    Ok(())
}
