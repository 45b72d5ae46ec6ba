//! The server as a node: the real writer, edge, executor and proofs over a real ledger on disk; only HTTP and threads are
//! omitted.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::State;
use evidence::machine::MachineSigner;
use judge::{Store as _, collect};
use lab::Lab;
use ledger::Ledger;
use server::{
    Answer, Gatekeeper, Job, Readers, Round, Waiting, Writer, attach_log_proofs, consistency, due,
    take_cosignatures, witness_question,
};
use tlog::{Checkpoint, Hash, Note, NoteVerifier, leaf_hash};
use wire::Submission;

use crate::machine;
use crate::net::{Content, Message, Node, Outbox, PeerReply, PeerRequest};

/// A running server.
#[derive(Debug)]
pub struct Control {
    writer: Writer,
    durable: Arc<RwLock<Arc<State>>>,
    keeper: Gatekeeper,
    provenance: MachineSigner,
    started: u64,
    waiting: Waiting,
    /// The executor's commands that were not submitted yet, and the size of the state that they were made for.
    jobs: Vec<Job>,
    looked_at: Option<u64>,
    witnesses: Vec<NoteVerifier>,
    quorum: usize,
    /// The checkpoint for which witnesses were asked.
    asked: Option<(Note, u64)>,
    witnessed: u64,
    sizes: [u64; 3],
    /// Time of the last sweep of blobs.
    swept: u64,
}

impl Control {
    /// Starts from the files on disk.
    ///
    /// # Errors
    /// A text, if it cannot start now.
    pub fn start(dir: &Path, lab: &Lab) -> Result<Self, String> {
        let ledger = Ledger::open(dir, crate::installation::ledger_key(lab)).map_err(text)?;
        let writer = Writer::open(dir, ledger, machine::world()).map_err(text)?;
        let keeper = Gatekeeper::open(Readers::new(dir)).map_err(text)?;
        let root = lab.root();
        Ok(Self {
            durable: writer.durable(),
            writer,
            keeper,
            provenance: MachineSigner::from_seed([121; 32]).map_err(text)?,
            started: machine::now().millis(),
            waiting: Waiting::new(),
            jobs: Vec::new(),
            looked_at: None,
            witnesses: root.witness_keys().map_err(text)?,
            quorum: root.witnesses.quorum as usize,
            asked: None,
            witnessed: 0,
            sizes: [0; 3],
            swept: machine::now().millis(),
        })
    }

    /// The durable state.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.durable.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Leaves of the entries from a number on, with their times.
    ///
    /// # Errors
    /// A text.
    pub fn leaves(&self, from: u64) -> Result<Vec<(Hash, u64)>, String> {
        let size = self.state().entries;
        let mut leaves = Vec::new();
        let mut at = from;
        while at < size {
            let entries = self.keeper.readers().with(|reader| reader.entries(at, size)).map_err(text)?;
            for entry in entries {
                let header = entry.check().map_err(text)?;
                leaves.push((leaf_hash(&entry.header), header.time.millis()));
                at += 1;
            }
        }
        Ok(leaves)
    }

    /// Root and size of the tree on disk.
    ///
    /// # Errors
    /// A text.
    pub fn head(&self) -> Result<Checkpoint, String> {
        let head = self.keeper.readers().with(|reader| reader.head()).map_err(text)?;
        head.checkpoint.text().parse().map_err(text)
    }

    /// Computes the state from the first entry on and replays every decision: the number that agree, and a text for each that
    /// does not.
    ///
    /// # Errors
    /// A text, if the ledger cannot be read.
    pub fn replay(&self) -> Result<(State, u64, Vec<String>), String> {
        let store = self.keeper.store();
        let reader = ledger::Reader::open(self.keeper.readers().dir()).map_err(text)?;
        let replay = server::replay(&reader, &store, |_| {}).map_err(text)?;
        let others = replay.others.iter().map(|other| format!("entry {}: {}", other.entry, other.what));
        Ok((replay.state().clone(), replay.agree, others.collect()))
    }

    /// One round of the executor, and one of asking witnesses.
    ///
    /// # Errors
    /// A text, if it cannot work now.
    pub fn tick(&mut self, out: &mut Outbox) -> Result<(), String> {
        // The executor's commands were made for an older state, as in the real server; the state may have changed since.
        for job in std::mem::take(&mut self.jobs) {
            drop(self.put(&job));
        }
        self.sweep()?;
        let state = self.state();
        if self.looked_at != Some(state.entries) || !self.waiting.is_empty() {
            let round = Round {
                held: &std::collections::BTreeMap::new(),
                keeper: &self.keeper,
                state: &state,
                provenance: &self.provenance,
                moment: machine::now(),
                running: Duration::from_millis(machine::now().millis().saturating_sub(self.started)),
            };
            self.jobs = round.jobs(&mut self.waiting).map_err(text)?;
            self.looked_at = Some(state.entries);
        }
        if self.witnessed < state.entries {
            self.ask_witnesses(out)?;
        }
        Ok(())
    }

    /// Removes blobs that no entry names, however young: then only a waiting command protects a blob.
    fn sweep(&mut self) -> Result<(), String> {
        let now = machine::now().millis();
        if now.saturating_sub(self.swept) >= SWEEP_EVERY_MS {
            self.swept = now;
            let blobs = self.keeper.blobs();
            let swept = self.keeper.readers().with(|reader| blobs.sweep(reader, Duration::ZERO, &|| true));
            swept.map_err(text)?;
        }
        Ok(())
    }

    fn ask_witnesses(&mut self, out: &mut Outbox) -> Result<(), String> {
        let head = self.keeper.readers().with(|reader| reader.head()).map_err(text)?;
        let size = head.frontier.size();
        for n in 0..3 {
            self.ask_witness(n, &head.checkpoint, size, out)?;
        }
        self.asked = Some((head.checkpoint, size));
        Ok(())
    }

    fn ask_witness(&self, n: usize, note: &Note, size: u64, out: &mut Outbox) -> Result<(), String> {
        let old = self.sizes.get(n).copied().unwrap_or_default().min(size);
        let question = witness_question(self.keeper.readers(), note, old, size).map_err(text)?;
        out.ask(Node::Witness(n), size, PeerRequest::Cosign(Box::new(question)));
        Ok(())
    }

    /// Handles a message.
    ///
    /// # Errors
    /// A text, if it cannot work now; the asker then gets no answer.
    pub fn take(&mut self, message: &Message, out: &mut Outbox) -> Result<(), String> {
        match &message.content {
            Content::PeerRequest(ask) => {
                let told = self.answer(ask).unwrap_or_else(PeerReply::Failed);
                out.tell(message, told);
                Ok(())
            }
            Content::PeerReply(PeerReply::Cosigned(cosigned)) => self.cosigned(message, cosigned, out),
            Content::PeerReply(_) => Ok(()),
        }
    }

    fn cosigned(
        &mut self,
        message: &Message,
        cosigned: &Result<Vec<tlog::NoteSignature>, Option<u64>>,
        out: &mut Outbox,
    ) -> Result<(), String> {
        let Node::Witness(n) = message.from else { return Ok(()) };
        let Some((mut note, size)) = self.asked.clone().filter(|(_, size)| *size == message.call) else {
            return Ok(());
        };
        match cosigned {
            Ok(lines) => {
                let found = take_cosignatures(&mut note, lines.clone(), &self.witnesses);
                self.sizes[n] = size;
                self.asked = Some((note.clone(), size));
                if found >= self.quorum && size >= self.witnessed {
                    self.writer.witnessed(&note).map_err(text)?;
                    self.witnessed = size;
                }
            }
            Err(Some(seen)) if *seen <= size => {
                self.sizes[n] = *seen;
                self.ask_witness(n, &note, size, out)?;
            }
            Err(_) => {}
        }
        Ok(())
    }

    fn answer(&mut self, ask: &PeerRequest) -> Result<PeerReply, String> {
        let state = self.state();
        let keeper = &self.keeper;
        match ask {
            PeerRequest::Submit(submission) => self.submit(submission),
            PeerRequest::RunnerWork(n) => {
                let works = due::on_runner(keeper, &state, &crate::installation::runner_name(*n), &[].into());
                let Some(work) = works.map_err(text)?.into_iter().next() else {
                    return Ok(PeerReply::RunnerWork(None));
                };
                let order = due::order(keeper, &state, work.due.run, machine::now()).map_err(text)?;
                Ok(PeerReply::RunnerWork(order.map(|order| Box::new((work, order)))))
            }
            PeerRequest::Receipt(blobs, envelope) => {
                for blob in blobs {
                    keeper.blobs().put(blob).map_err(text)?;
                }
                let job = keeper.admit_receipt(&state, envelope, machine::now()).map_err(text)?;
                Ok(told(self.put(&job)?))
            }
            PeerRequest::AgentWork(place, agent) => {
                Ok(PeerReply::AgentWork(due::at_agent(keeper, &state, place, agent).map_err(text)?))
            }
            PeerRequest::Report(envelope) => {
                let job = keeper.admit_report(&state, envelope, machine::now()).map_err(text)?;
                Ok(told(self.put(&job)?))
            }
            PeerRequest::Observation(envelope) => {
                let job = keeper.admit_observation(&state, envelope, machine::now()).map_err(text)?;
                Ok(told(self.put(&job)?))
            }
            PeerRequest::Fetch(digest, seen) => {
                let bytes = keeper.blobs().read(digest, u64::MAX - 1).map_err(text)?;
                let bundle = evidence::bundle::Bundle::decode(&bytes).map_err(text)?;
                let proof = self.proof(&bundle, seen)?;
                let manifest = evidence::oci::Manifest::decode(&bundle.manifest.0).map_err(text)?;
                let layer = manifest.layers.first().map(|layer| layer.digest);
                let layer = layer.map(|layer| keeper.blobs().read(&layer, u64::MAX - 1)).transpose();
                Ok(PeerReply::Evidence(bytes, proof, layer.map_err(text)?))
            }
            PeerRequest::Look(place, seen) => {
                let standing = state.release.at(place);
                let both = standing.and_then(|standing| {
                    let (now, before) = (standing.running.as_ref()?, standing.before.as_ref()?);
                    Some((now.artifact, before.artifact, before.release))
                });
                if standing.is_none_or(|standing| standing.open.is_none()) {
                    return Ok(PeerReply::Nothing(both));
                }
                let collected = collect(&state, &keeper.store(), place, machine::now()).map_err(text)?;
                let made = attach_log_proofs(&collected, keeper.readers()).map_err(text)?;
                let proof = self.proof(&made.bundle, seen)?;
                Ok(PeerReply::Evidence(made.bytes, proof, None))
            }
            PeerRequest::Status => {
                let status = state.identity.status().ok_or("no status is in force")?;
                let bytes = keeper.store().blob(&status.2).map_err(text)?;
                let file = evidence::status::StatusFile::decode(&bytes).map_err(text)?;
                Ok(PeerReply::Status(Box::new(file)))
            }
            PeerRequest::Cosign(_) => Err("a server cosigns nothing".into()),
        }
    }

    fn proof(
        &self,
        bundle: &evidence::bundle::Bundle,
        seen: &Checkpoint,
    ) -> Result<Vec<evidence::Bytes>, String> {
        match judge::sizes_to_prove(bundle, seen) {
            Some((old, new)) => consistency(self.keeper.readers(), old, new)
                .map_err(text)?
                .map_err(|size| format!("the ledger has {size} entries")),
            None => Ok(Vec::new()),
        }
    }

    fn submit(&mut self, submission: &Submission) -> Result<PeerReply, String> {
        match self.keeper.admit(&self.state(), submission, machine::now()) {
            Ok(job) => Ok(told(self.put(&job)?)),
            Err(error) => Ok(PeerReply::Refused(vec![text(error)])),
        }
    }

    /// Submits a person's request for a decision.
    ///
    /// # Errors
    /// A text, if it could not be decided.
    pub fn put_request(&mut self, submission: &Submission) -> Result<(), String> {
        let job = self.keeper.admit(&self.state(), submission, machine::now()).map_err(text)?;
        self.put(&job).map(drop)
    }

    fn put(&mut self, job: &Job) -> Result<Answer, String> {
        let answer = self.writer.take(std::iter::once(job)).pop();
        self.writer.settle();
        answer.ok_or("no answer")?.map_err(text)
    }
}

fn told(answer: Answer) -> PeerReply {
    match answer {
        Answer::Accepted { entry, .. } | Answer::Repeated(entry) => PeerReply::Accepted(entry),
        Answer::Refused { refusal, .. } => {
            PeerReply::Refused(refusal.reasons().map(|reason| reason.code.clone()).collect())
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

const SWEEP_EVERY_MS: u64 = 3_600_000;
