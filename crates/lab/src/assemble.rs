//! What whoever owns the server makes of the pieces: provenance, entries, proofs, a checkpoint.
//!
//! Invariant: with the ledger's and the provenance key alone everything here is as consistent as it can be,
//! so that no forgery is refused for a clumsiness of its maker.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use domain::release::Proposed;
use domain::{Event, RULES};
use evidence::bundle::{Ancestor, Bundle, Earlier, Logged};
use evidence::canonical;
use evidence::dsse::{Envelope, PAYLOAD_BYTES_MAX};
use evidence::entry::{Actor, Auth, Header, Payload};
use evidence::provenance::provenance;
use evidence::receipt::Receipt;
use evidence::trust_root::TrustRoot;
use evidence::{Bytes, Digest};
use tlog::{Checkpoint, Hash, Nodes, Note, consistency_proof, inclusion_proof, leaf_hash, node_hash};

use crate::parts::Parts;
use crate::world::{Lab, at, id, ledger_key, name};

/// The ledger as the server tells it.
#[derive(Clone, Debug)]
pub struct Head {
    /// Name of the log.
    pub origin: String,
    /// Seed of the key that signs it.
    pub key: u8,
    /// Leaves before those of this release; agents and approvers have seen some of them.
    pub past: Vec<Hash>,
    /// Leaves that came after, and that the server keeps back.
    pub kept_back: Vec<Hash>,
    /// Which witnesses cosign, and how many seconds before now.
    pub cosigned: Vec<Cosigned>,
    /// Earlier checkpoints that come along: how many of the release's entries each holds, and who cosigned it.
    pub earlier: Vec<(usize, Vec<Cosigned>)>,
}

/// A witness by its place, and how many seconds from now it cosigned.
pub type Cosigned = (usize, i64);

impl Head {
    /// The log that everybody has seen.
    #[must_use]
    pub fn honest(lab: &Lab) -> Self {
        Self {
            origin: "countersign/0101".into(),
            key: lab.ledger_seed,
            past: (0..16_u8).map(|n| leaf_hash(&[n])).collect(),
            kept_back: Vec::new(),
            cosigned: vec![(0, -30), (1, -30)],
            earlier: Vec::new(),
        }
    }

    /// The checkpoint when the log had so many entries of its past.
    #[must_use]
    pub fn seen(&self, size: u64) -> Checkpoint {
        self.of(&self.past[..usize::try_from(size).unwrap()])
    }

    /// The checkpoint of some leaves.
    #[must_use]
    pub fn of(&self, leaves: &[Hash]) -> Checkpoint {
        let (origin, size) = (self.origin.clone(), leaves.len() as u64);
        Checkpoint { origin, size, root: Tree(leaves).root() }
    }

    /// A note of some leaves, signed and cosigned.
    #[must_use]
    pub fn note(&self, lab: &Lab, leaves: &[Hash], cosigned: &[Cosigned]) -> Note {
        let mut note = self.of(leaves).sign(&ledger_key(&self.origin, self.key)).unwrap();
        let unsigned = note.clone();
        note.extend(cosigned.iter().map(|(witness, seconds)| {
            lab.witnesses[*witness].cosign(&unsigned, at(*seconds).millis() / 1000).unwrap()
        }));
        note
    }
}

/// Puts a bundle together; the leaves of its log come with it, for further proofs.
#[must_use]
pub fn assemble(lab: &Lab, parts: &Parts) -> (Bundle, Vec<Hash>) {
    let receipts: Vec<_> = sorted(&parts.receipts).iter().filter_map(opened).collect();
    let summary = summary(lab, parts, &receipts);
    let mut bundle = Bundle {
        v: 1,
        installation: id(1),
        project: name("shop"),
        service: name("api"),
        environment: parts.environment.clone(),
        release: parts.release,
        manifest: Bytes(parts.manifest.clone()),
        plan: parts.plan.clone(),
        roots: parts.roots.clone(),
        status: parts.status.clone(),
        enrolments: sorted(&parts.enrolments),
        environments: parts.environments.clone(),
        requests: sorted(&parts.requests),
        source: parts.source.clone(),
        tree: parts.tree.clone(),
        configuration: Bytes(parts.configuration.clone()),
        receipts: sorted(&parts.receipts),
        provenance: summary,
        reports: sorted(&parts.reports),
        approvals: sorted(&parts.approvals),
        policy: parts.policy.clone(),
        logged: Vec::new(),
        ancestors: Vec::new(),
        earlier: Vec::new(),
        checkpoint: String::new(),
    };
    let mut leaves = parts.head.past.clone();
    let entries = entries(&bundle, parts);
    leaves.extend(entries.iter().map(|(header, _)| leaf_hash(header)));
    let tree = Tree(&leaves);
    for ((header, facts), index) in entries.into_iter().zip(parts.head.past.len() as u64..) {
        let Ok(proof) = inclusion_proof(&tree, index, leaves.len() as u64);
        bundle.logged.push(Logged {
            index,
            header: Bytes(header),
            salt: Bytes(facts.salt.to_vec()),
            facts: Bytes(facts.bytes),
            proof: bytes(&proof),
        });
    }
    for size in seen_sizes(&bundle) {
        if size < leaves.len() as u64 {
            bundle
                .ancestors
                .push(Ancestor { size, proof: proof_between(&leaves, size, leaves.len() as u64) });
        }
    }
    for (held, cosigned) in &parts.head.earlier {
        let size = parts.head.past.len() + held;
        bundle.earlier.push(Earlier {
            checkpoint: parts.head.note(lab, &leaves[..size], cosigned).to_string(),
            proof: proof_between(&leaves, size as u64, leaves.len() as u64),
        });
    }
    bundle.checkpoint = parts.head.note(lab, &leaves, &parts.head.cosigned).to_string();
    leaves.extend(&parts.head.kept_back);
    (bundle, leaves)
}

/// The provenance of these receipts, in this order.
#[must_use]
pub fn summary(lab: &Lab, parts: &Parts, receipts: &[(Digest, Receipt)]) -> Envelope {
    let artifact = Digest::of(&parts.manifest);
    let mut summary = provenance(&parts.plan.artifact, &artifact, receipts).unwrap();
    lab.provenance.sign(&mut summary).unwrap();
    summary
}

/// A consistency proof between two sizes of a log.
#[must_use]
pub fn proof_between(leaves: &[Hash], old: u64, new: u64) -> Vec<Bytes> {
    let Ok(proof) = consistency_proof(&Tree(leaves), old, new);
    bytes(&proof)
}

/// Entries that name what the evidence needs, and the proposal.
fn entries(bundle: &Bundle, parts: &Parts) -> Vec<(Vec<u8>, Payload)> {
    let (replaces, base) = parts.replaces.clone();
    let mut proposed = Proposed {
        place: bundle.place(),
        release: parts.release,
        artifact: bundle.artifact(),
        commit: parts.source.commit.clone(),
        run: id(80).into(),
        plan: parts.plan.digest().unwrap(),
        provenance: bundle.provenance.payload_digest(),
        statement: 1,
        replaces,
        base,
    };
    (parts.proposal)(&mut proposed);
    let proposed = Event::Proposed(proposed);
    let own = |envelope: &Envelope| Digest::of(&envelope.encode().unwrap());
    let envelopes = bundle.receipts.iter().chain(&bundle.requests).chain(&bundle.approvals);
    let mut named: Vec<Digest> = envelopes.map(own).collect();
    named.push(Digest::of(&parts.source.encode().unwrap()));
    named.extend(&parts.strays);
    let nothing = Payload::new("facts", &BTreeMap::<String, String>::new(), [1; 16]).unwrap();
    let mut entries: Vec<_> =
        named.into_iter().map(|digest| entry("build.reported", nothing.clone(), digest)).collect();
    let plan = parts.plan.digest().unwrap();
    entries.push(entry(proposed.kind(), proposed.facts([2; 16]).unwrap(), plan));
    entries
}

/// One entry.
#[must_use]
pub fn entry(kind: &str, facts: Payload, names: Digest) -> (Vec<u8>, Payload) {
    let header = Header {
        v: 1,
        kind: kind.to_owned(),
        rules: RULES,
        time: at(-60),
        project: Some(name("shop")),
        subject: None,
        actor: Actor::System,
        auth: Auth::None,
        cause: None,
        idempotency: None,
        facts: facts.commitment(),
        particulars: None,
        blobs: vec![names],
    };
    (header.encode().unwrap(), facts)
}

fn seen_sizes(bundle: &Bundle) -> BTreeSet<u64> {
    let votes = bundle.approvals.iter().filter_map(|envelope| {
        let signed = evidence::approval::Signed::read(envelope).ok()?;
        signed.said.checkpoint.parse::<Checkpoint>().ok().map(|seen| seen.size)
    });
    let reports = bundle.reports.iter().filter_map(|envelope| {
        let report = evidence::report::AgentReport::read(envelope).ok()?;
        report.checkpoint_root.map(|_| report.checkpoint)
    });
    let roots: Vec<_> = bundle.roots.iter().filter_map(|root| TrustRoot::read(root).ok()).collect();
    let ends = judge::ends(&roots).into_iter().map(|end| end.size);
    votes.chain(reports).chain(ends).filter(|size| *size > 0).collect()
}

/// A receipt as it is written, whoever signed it.
#[must_use]
pub fn opened(envelope: &Envelope) -> Option<(Digest, Receipt)> {
    let payload = envelope.payload(evidence::receipt::PAYLOAD_TYPE).ok()?;
    let receipt = canonical::decode("receipt", payload, PAYLOAD_BYTES_MAX).ok()?;
    Some((envelope.payload_digest(), receipt))
}

fn sorted(envelopes: &[Envelope]) -> Vec<Envelope> {
    let mut envelopes = envelopes.to_vec();
    envelopes.sort_by_key(Envelope::payload_digest);
    envelopes
}

fn bytes(hashes: &[Hash]) -> Vec<Bytes> {
    hashes.iter().map(|hash| Bytes(hash.as_bytes().to_vec())).collect()
}

/// A tree over leaves in memory.
struct Tree<'a>(&'a [Hash]);

impl Tree<'_> {
    fn root(&self) -> Hash {
        if self.0.is_empty() {
            return Hash::empty_tree();
        }
        let Ok(root) = tlog::root_of(self, 0, self.0.len() as u64);
        root
    }
}

impl Nodes for Tree<'_> {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        if level == 0 {
            return Ok(self.0[usize::try_from(index).unwrap()]);
        }
        Ok(node_hash(&self.node(level - 1, 2 * index)?, &self.node(level - 1, 2 * index + 1)?))
    }
}
