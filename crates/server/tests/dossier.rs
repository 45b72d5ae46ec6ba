//! Evidence from a real ledger, for keys that are revoked after they were used.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use evidence::bundle::Bundle;
use evidence::entry::{Entry, Payload};
use evidence::tree_list::{FileMode, TreeFile, TreeList};
use judge::{Collected, LargeEvidence};
use lab::{CosignatureTime, Lab, Parts, Reader, assemble, at, entry, forgery, said};
use ledger::Ledger;
use server::{Dossier, DossierError, Readers, attach_log_proofs};
use tlog::{CosignatureKey, leaf_hash};

/// Sixteen entries, then those of a release, each with its own append; witnesses cosign at given points.
struct DossierLedger {
    dir: tempfile::TempDir,
    lab: Lab,
    parts: Parts,
    bundle: Bundle,
}

impl DossierLedger {
    /// `cosigned` has the number of the release's entries, the cosigning witnesses, and their times.
    fn new(cosigned: &[(usize, [CosignatureTime; 2])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lab = Lab::default();
        let past: Vec<_> = (0..16_u8).map(|n| made(entry("release.promoted", facts(n), digest(n)))).collect();
        let mut parts = lab.honest();
        parts.head.past = past.iter().map(|entry| leaf_hash(&entry.header)).collect();
        forgery::revoke(&lab, &mut parts, lab.bob.approve.key.fingerprint());
        lab.approve(&mut parts);
        let (bundle, leaves) = assemble(&lab, &parts);
        let mut ledger = Ledger::create(dir.path(), lab::ledger_key("countersign/0101", 120)).unwrap();
        ledger.begin(0).unwrap().append(&past).unwrap();
        for (held, logged) in bundle.logged.iter().enumerate() {
            let facts = logged.facts().unwrap();
            let entry = Entry { header: logged.header.0.clone(), facts, particulars: None };
            ledger.begin(0).unwrap().append(&[entry]).unwrap();
            for (_, by) in cosigned.iter().filter(|(after, _)| *after == held + 1) {
                let note = parts.head.note(&lab, &leaves[..17 + held], by);
                ledger.set_witnessed(&note, at(by[0].1)).unwrap();
            }
        }
        let note = parts.head.note(&lab, &leaves, &parts.head.cosigned);
        ledger.set_witnessed(&note, at(-30)).unwrap();
        Self { dir, lab, parts, bundle }
    }

    fn attach_log_proofs(&self, bounded: bool) -> Bundle {
        self.attached(self.bundle.bare(), None, bounded).unwrap().bundle
    }

    fn attached(
        &self,
        bundle: Bundle,
        large: Option<LargeEvidence>,
        bounded: bool,
    ) -> Result<Dossier, DossierError> {
        let collected = Collected {
            bundle,
            entries: self.bundle.logged.iter().map(|logged| logged.index).collect(),
            ancestors: self.bundle.ancestors.iter().map(|ancestor| ancestor.size).collect(),
            bounded: bounded.then(|| self.lab.root()),
            large,
        };
        attach_log_proofs(&collected, &Readers::new(self.dir.path()))
    }

    fn sizes(&self) -> Vec<u64> {
        let size = |text: &str| text.lines().nth(1).unwrap().parse::<u64>().unwrap();
        self.attach_log_proofs(true).earlier.iter().map(|earlier| size(&earlier.checkpoint) - 16).collect()
    }

    /// A verifier's findings on the completed evidence.
    fn said(&self, bundle: &Bundle) -> Vec<String> {
        let (_, leaves) = assemble(&self.lab, &self.parts);
        said(&self.lab, Reader::Verify, bundle, &leaves, at(0))
    }
}

fn made((header, facts): (Vec<u8>, Payload)) -> Entry {
    Entry { header, facts, particulars: None }
}

fn facts(n: u8) -> Payload {
    Payload::new("facts", &n, [n; 16]).unwrap()
}

fn digest(n: u8) -> evidence::Digest {
    evidence::Digest::of(&[n])
}

fn both(seconds: i64) -> [CosignatureTime; 2] {
    [(0, seconds), (1, seconds)]
}

/// The findings if the approval does not count.
const REVOKED: [&str; 2] = ["approval-void", "approvals-missing"];

#[test]
fn what_a_key_signed_before_it_was_revoked_still_counts() {
    // An approval is the ninth entry of its release.
    let told = DossierLedger::new(&[(6, both(-9_000)), (10, both(-7_200))]);
    let plain = told.attach_log_proofs(false);
    assert_eq!(plain, told.bundle, "where nothing is revoked nothing comes along");
    assert_eq!(told.said(&plain), REVOKED);
    assert_eq!(told.sizes(), [6, 10]);
    let full = told.attach_log_proofs(true);
    assert_eq!(told.said(&full), Vec::<String>::new());
}

#[test]
fn what_it_signed_later_does_not() {
    let told = DossierLedger::new(&[(8, both(-7_200)), (10, both(-3_000))]);
    assert_eq!(told.sizes(), [8, 10]);
    assert_eq!(told.said(&told.attach_log_proofs(true)), REVOKED);
}

/// Nobody could read such a bundle, so it is never stored, and the message says what is large.
#[test]
fn evidence_that_is_too_large_is_named_and_not_stored() {
    let told = DossierLedger::new(&[(6, both(-9_000))]);
    let fits = told.attached(told.bundle.bare(), None, false).unwrap();
    assert_eq!(fits.bytes, fits.bundle.encode().unwrap());
    let mut bundle = told.bundle.bare();
    let file = |n: usize| TreeFile {
        path: format!("vendor/{n:0>200}"),
        mode: FileMode::Plain,
        size: 1,
        sha256: digest(1),
    };
    bundle.tree = TreeList::new((0..110_000).map(file).collect()).unwrap();
    let Err(DossierError::Large(large)) = told.attached(bundle, None, false) else { panic!("it passed") };
    assert!(large.what.contains("at most 33554432 are allowed"), "{large}");
    assert!(large.what.contains("the largest parts are the list of the commit's files"), "{large}");
    assert!(large.remedy.contains("remove files"), "{}", large.remedy);
    let documents = Some(LargeEvidence::documents(5_000_000));
    let Err(DossierError::Large(large)) = told.attached(told.bundle.bare(), documents, false) else {
        panic!("it passed")
    };
    assert!(large.what.contains("5000000 bytes or more together, at most 4194304"), "{large}");
}

/// Cosignatures of witnesses that the root no longer names prove no time.
#[test]
fn replaced_witnesses_bound_nothing() {
    let mut told = DossierLedger::new(&[
        (2, [(1, -9_000), (2, -9_000)]),
        (4, [(1, -8_000), (2, -8_000)]),
        (6, both(-7_500)),
        (10, both(-7_200)),
    ]);
    assert_eq!(told.sizes(), [2, 4, 6, 10]);
    told.lab.witnesses[2] = CosignatureKey::from_seed("witness-4/0101", &[77; 32]).unwrap();
    assert_eq!(told.sizes(), [6, 10]);
}

/// Witnesses cosign the same ledger again and again while nothing is recorded. That makes no entry younger.
#[test]
fn a_ledger_that_is_cosigned_again_proves_the_first_time() {
    let whole = DossierLedger::new(&[]).bundle.logged.len();
    let told = DossierLedger::new(&[(whole, both(-7_200))]);
    assert_eq!(told.sizes(), [whole as u64]);
    assert_eq!(told.said(&told.attach_log_proofs(true)), Vec::<String>::new());
    let once = DossierLedger::new(&[]);
    assert_eq!(once.sizes(), Vec::<u64>::new(), "the newest checkpoint says it itself");
}

/// In a slot of five minutes only the last checkpoint is stored, and the first time at which a size was seen.
#[test]
fn the_last_checkpoint_of_five_minutes_is_kept() {
    let told = DossierLedger::new(&[
        (2, both(-7_199)),
        (3, both(-7_190)),
        (3, both(-3_000)),
        (5, both(-7_100)),
        (7, both(-6_000)),
    ]);
    // `at(0)` begins a slot, so -7,200 does too: 2 and 3 and 5 share one.
    assert_eq!(told.sizes(), [5, 7]);
    let reader = ledger::Reader::open(told.dir.path()).unwrap();
    assert_eq!(reader.cosigned(28).unwrap(), None);
    assert!(reader.cosigned(27).unwrap().is_some());
}
