//! The server of a seeded installation: the product's writer, edge, planner and judge over a ledger on disk. HTTP and
//! threads are omitted. Its witnesses sign without proof that the ledger only grew.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::State;
use evidence::Place;
use evidence::bundle::Bundle;
use evidence::dsse::Envelope;
use evidence::machine::MachineSigner;
use ledger::Ledger;
use server::{Answer, Gatekeeper, Job, Readers, Round, Waiting, Writer, attach_log_proofs, due};
use tlog::CosignatureKey;
use wire::{AgentWork, Submission};

use super::estate::{Estate, PROVENANCE, signer};
use crate::machine;

/// The server.
#[derive(Debug)]
pub struct Office {
    writer: Writer,
    durable: Arc<RwLock<Arc<State>>>,
    /// The edge.
    pub keeper: Gatekeeper,
    provenance: MachineSigner,
    waiting: Waiting,
}

impl Office {
    /// Opens a data directory.
    pub fn open(dir: &Path) -> Self {
        let ledger = Ledger::open(dir, Estate::ledger_key()).unwrap();
        let writer = Writer::open(dir, ledger, machine::world()).unwrap();
        Self {
            durable: writer.durable(),
            writer,
            keeper: Gatekeeper::open(Readers::new(dir)).unwrap(),
            provenance: signer(PROVENANCE),
            waiting: Waiting::new(),
        }
    }

    /// The durable state. The writer has to copy it if somebody holds it while something is written.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.durable.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Decides commands, and records them in one batch.
    pub fn put(&mut self, jobs: &[Job]) -> Vec<Answer> {
        let answers = self.writer.take(jobs.iter()).into_iter().map(Result::unwrap).collect();
        self.writer.settle();
        answers
    }

    /// Submits people's requests, in one batch.
    pub fn ask_all(&mut self, submissions: &[Submission]) -> Vec<Answer> {
        let state = self.state();
        let admit = |submission| self.keeper.admit(&state, submission, machine::now()).unwrap();
        let jobs: Vec<_> = submissions.iter().map(admit).collect();
        drop(state);
        self.put(&jobs)
    }

    /// Submits a person's request.
    pub fn ask(&mut self, submission: &Submission) -> Answer {
        self.ask_all(std::slice::from_ref(submission)).remove(0)
    }

    /// Takes runners' receipts, each with the blobs that it names, in one batch.
    pub fn receipts(&mut self, receipts: &[(Vec<Vec<u8>>, Envelope)]) {
        let state = self.state();
        let mut jobs = Vec::new();
        for (blobs, envelope) in receipts {
            for blob in blobs {
                self.keeper.blobs().put(blob).unwrap();
            }
            jobs.push(self.keeper.admit_receipt(&state, envelope, machine::now()).unwrap());
        }
        drop(state);
        self.put(&jobs);
    }

    /// Takes agents' reports.
    pub fn reports(&mut self, reports: &[Envelope]) {
        let state = self.state();
        let jobs: Vec<_> = reports
            .iter()
            .map(|report| self.keeper.admit_report(&state, report, machine::now()).unwrap())
            .collect();
        drop(state);
        self.put(&jobs);
    }

    /// Work that is due at a place.
    pub fn due_at(&self, place: &Place) -> Option<AgentWork> {
        due::at_agent(&self.keeper, &self.state(), place, &lab::name("agent-1")).unwrap()
    }

    /// Plans and judges until nothing is left to do.
    pub fn judge(&mut self, witnesses: &[CosignatureKey]) {
        loop {
            self.cosign(witnesses);
            let state = self.state();
            let round = Round {
                held: &std::collections::BTreeMap::new(),
                keeper: &self.keeper,
                state: &state,
                provenance: &self.provenance,
                moment: machine::now(),
                running: Duration::ZERO,
            };
            let jobs = round.jobs(&mut self.waiting).unwrap();
            drop(state);
            if jobs.is_empty() {
                return;
            }
            self.put(&jobs);
        }
    }

    /// Stores a checkpoint of all entries, signed by the witnesses.
    pub fn cosign(&mut self, witnesses: &[CosignatureKey]) {
        let head = self.keeper.readers().with(|reader| reader.head()).unwrap();
        let mut note = head.checkpoint.clone();
        let seconds = machine::now().millis() / 1000;
        note.extend(witnesses.iter().map(|witness| witness.cosign(&head.checkpoint, seconds).unwrap()));
        self.writer.witnessed(&note).unwrap();
    }

    /// The evidence of the pending release of a place, as an approver gets it.
    pub fn dossier(&self, place: &Place) -> Bundle {
        let state = self.state();
        let collected = judge::collect(&state, &self.keeper.store(), place, machine::now()).unwrap();
        attach_log_proofs(&collected, self.keeper.readers()).unwrap().bundle
    }
}
