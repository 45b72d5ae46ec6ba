//! Decisions of the server's own executors, made again: a plan, a verdict, a snapshot.
//!
//! Invariant: the evidence of a verdict is collected again, from what the ledger held when the gate was judged.

use domain::gate::{self, GateOutcome, Judged};
use domain::snapshot::{RecordSnapshot, Snapshotted};
use domain::{Command, Event, RULES, decide};
use evidence::bundle::Bundle;
use evidence::canonical;
use evidence::dsse::Envelope;
use evidence::entry::Header;
use evidence::{Digest, Place};
use tlog::leaf_hash;

use crate::collect::collect;
use crate::decision_error::DecisionError;
use crate::plan::plan;
use crate::recorded::Again;
use crate::store::Store;
use crate::verdict::{judge, own_context};

use super::Replay;

impl<S: Store> Replay<'_, S> {
    /// Plans again like the server's planner.
    pub(super) fn proposed(
        &self,
        place: &Place,
        recorded: Option<(Digest, Digest)>,
    ) -> Result<Command, DecisionError> {
        let root = self.root()?;
        let planned = plan(&self.state, &root, self.store, place)?;
        let planned = planned.ok_or("nothing was wanted there")?;
        let made = match (&planned.made, recorded) {
            (Ok((plan, unsigned)), Some((_, provenance))) => {
                let bytes = self.store.blob(&provenance)?;
                let envelope = Envelope::decode(&bytes)?;
                root.provenance.verify(&envelope)?;
                if envelope.payload_digest() != unsigned.payload_digest() {
                    return Err("the provenance is not what the receipts say".into());
                }
                Ok((plan.digest()?, provenance))
            }
            (Err(code), _) => Err(code.clone()),
            (Ok(_), None) => return Err("a plan can be derived".into()),
        };
        Ok(planned.command(made))
    }

    /// Judges a gate again, on evidence that is collected again.
    pub(super) fn judged(&self, judged: &Judged) -> Result<Again, DecisionError> {
        let state = self.recent.get(&judged.at).ok_or("it names a state in which no gate was due")?;
        let Some(digest) = &judged.bundle else {
            let fails = judged.outcome == GateOutcome::Undecided;
            let recorded = Again { events: vec![Event::Judged(judged.clone())], recorded: true };
            return if fails { Ok(recorded) } else { Err("it was decided without evidence".into()) };
        };
        let collected = collect(state, self.store, &judged.place, judged.moment)?;
        let bytes = self.store.blob(digest)?;
        let bundle = Bundle::decode(&bytes)?;
        let bare = bundle.bare();
        if bare != collected.bundle {
            return Err("its evidence is not what the ledger held then".into());
        }
        let (anchors, seen) = own_context(state, &judged.place, judged.moment)?;
        let judgement = judge(&bundle, &anchors, &seen);
        let verdict = judgement.encode()?;
        let again = Judged {
            outcome: judgement.outcome,
            reasons: judgement.codes(),
            warnings: judgement.warned(),
            policy: bundle.policy.digest()?,
            engine: judgement.engine.clone(),
            input: judgement.input,
            verdict: Digest::of(&verdict),
            ..judged.clone()
        };
        if again.input != judged.input {
            return Err("its input comes out differently".into());
        }
        if again != *judged {
            return Err(DecisionError::OtherVerdict { outcome: again.outcome, reasons: again.reasons });
        }
        let command = Command::RecordVerdict(Box::new(gate::RecordVerdict { judged: again }));
        decide(&self.state, &command, judged.moment).map(Again::from).map_err(DecisionError::VerdictRefused)
    }

    /// Takes a snapshot again: it must have the same state at the same size of the same ledger.
    pub(super) fn snapshot(&mut self, facts: &Snapshotted) -> Result<Command, DecisionError> {
        if facts.size < self.authors.entries {
            return Err("it is older than the snapshot before it".into());
        }
        while self.authors.entries < facts.size.min(self.state.entries) {
            let entry = self.store.entry(self.authors.entries)?;
            let header = Header::decode(&entry.header)?;
            self.tree.push(leaf_hash(&entry.header));
            self.authors.fold(&header, &entry.facts)?;
        }
        let bytes = canonical::encode("snapshot", &self.authors)?;
        let again = Snapshotted {
            size: self.authors.entries,
            root: Digest::from_bytes(*self.tree.root().as_bytes()),
            state: Digest::of(&bytes),
            rules: RULES,
        };
        if again != *facts {
            return Err("the state comes out differently".into());
        }
        Ok(Command::RecordSnapshot(RecordSnapshot { snapshotted: again }))
    }
}
