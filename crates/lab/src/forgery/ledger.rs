//! The ledger: forks, rewinds, missing entries, witnesses that are silent or lie.

use evidence::bundle::Bundle;
use evidence::trust_root::LedgerKey;
use evidence::{Bytes, Digest};
use tlog::{Checkpoint, CosignatureKey, Note, leaf_hash};

use super::row::{Forgery, forged, patched};
use crate::parts::{Parts, report};
use crate::readers::Reader::{State, Verify};
use crate::world::{Lab, ledger_key};

pub(super) fn rows() -> Vec<Forgery> {
    [logs(), origins(), witnesses(), entries()].concat()
}

fn logs() -> Vec<Forgery> {
    vec![
        forged("a forked ledger that witnesses were made to sign", "ledger-forked", |lab, parts| {
            fork(lab, parts);
        })
        .unknown_to(&[Verify]),
        forged("a rewound ledger", "ledger-forked", |_, parts| {
            parts.head.kept_back = (0..40_u8).map(|n| leaf_hash(&[n, n])).collect();
        })
        .all_seen()
        .unknown_to(&[Verify, State]),
        forged("a ledger under another name", "checkpoint-unsound", |_, parts| {
            parts.head.origin = "countersign/0202".into();
        }),
        forged("a ledger signed by another key", "checkpoint-unsound", |_, parts| parts.head.key = 1),
        forged("two agents were shown two ledgers", "ledger-forked", |lab, parts| {
            let mut other = parts.head.clone();
            other.past[5] = leaf_hash(b"another history");
            let head = other.seen(11);
            let mut staging = report("staging", 3, Digest::of(&parts.manifest), &parts.source.commit);
            (staging.checkpoint, staging.checkpoint_root) =
                (11, Some(Digest::from_bytes(*head.root.as_bytes())));
            parts.reports[0] = lab.report(&staging, &lab.staging);
            lab.approve(parts);
        }),
        patched("a signature that nobody known made", "checkpoint-unsound", |_, bundle| {
            let stranger = CosignatureKey::from_seed("witness-9/0101", &[9; 32]).unwrap();
            let mut note: Note = bundle.checkpoint.parse().unwrap();
            note.extend([stranger.cosign(&note.clone(), 1_790_000_000).unwrap()]);
            bundle.checkpoint = note.to_string();
        }),
    ]
}

/// Holders have signed that the ledger continues under another name; its owner misuses that.
fn origins() -> Vec<Forgery> {
    vec![
        forged("a new origin with another history", "ledger-forked", |lab, parts| {
            new_origin_without(lab, parts, 3);
        }),
        forged("a new origin without the last entries of the old one", "ledger-forked", |lab, parts| {
            new_origin_without(lab, parts, 10);
        }),
        forged(
            "an old origin goes on after holders have signed its end",
            "checkpoint-unsound",
            |lab, parts| {
                let old = parts.head.clone();
                new_origin(lab, parts, 12);
                parts.head = old;
                lab.approve(parts);
            },
        ),
        forged("a new origin that replaces another ledger", "ledger-forked", |lab, parts| {
            new_origin_of(lab, parts, "countersign/0909", 12);
        })
        .unknown_to(&[Verify]),
    ]
}

fn new_origin_without(lab: &Lab, parts: &mut Parts, entry: usize) {
    new_origin(lab, parts, 12);
    parts.head.past[entry] = leaf_hash(b"another entry");
    lab.approve(parts);
}

/// Root 2 names a new key and origin, and the end of the old one.
pub fn new_origin(lab: &Lab, parts: &mut Parts, end: u64) {
    new_origin_of(lab, parts, "countersign/0101", end);
}

fn new_origin_of(lab: &Lab, parts: &mut Parts, old: &str, end: u64) {
    let ends = Checkpoint { origin: old.to_owned(), ..parts.head.seen(end) };
    let vkey = ledger_key(ORIGIN_2, ORIGIN_2_SEED).verifier().to_string();
    let mut root = lab.root();
    root.version = 2;
    root.ledger = LedgerKey { vkey, replaces: Some(ends.to_string()) };
    parts.roots.push(lab.signed_root(&root, &[0, 1]));
    (parts.head.origin, parts.head.key) = (ORIGIN_2.to_owned(), ORIGIN_2_SEED);
    lab.approve(parts);
}

const ORIGIN_2: &str = "countersign/0101/2";
const ORIGIN_2_SEED: u8 = 99;

fn witnesses() -> Vec<Forgery> {
    vec![
        forged("a ledger that one witness of two saw", "not-witnessed", |_, parts| {
            parts.head.cosigned = vec![(0, -30)];
        }),
        forged("a ledger that no witness saw", "not-witnessed", |_, parts| parts.head.cosigned.clear()),
        forged("one witness down, the other's clock moved back", "witness-times-differ", |_, parts| {
            parts.head.cosigned = vec![(0, -30), (1, -86_400)];
        }),
        forged("one witness down, the other's clock moved on", "witness-times-differ", |_, parts| {
            parts.head.cosigned = vec![(0, -30), (2, 86_400)];
        }),
        forged("a witness on the server's own host", "not-witnessed", |_, _| {})
            .in_lab(|lab| lab.unusual = |root| root.witnesses.keys[0].place.host = root.server.host.clone()),
    ]
}

fn entries() -> Vec<Forgery> {
    vec![
        patched("an entry twice", "entry-unproven", |_, bundle| {
            bundle.logged.insert(1, bundle.logged[0].clone());
        }),
        forged("an approval that is not on record", "not-on-record", |_, _| {}).then(|_, bundle| {
            let own = Digest::of(&bundle.approvals[0].encode().unwrap());
            drop_entry(bundle, own);
        }),
        forged("a receipt that is not on record", "not-on-record", |_, _| {}).then(|_, bundle| {
            let own = Digest::of(&bundle.receipts[0].encode().unwrap());
            drop_entry(bundle, own);
        }),
        patched("an entry that the ledger does not hold", "entry-unproven", |_, bundle| {
            let header = String::from_utf8(bundle.logged[0].header.0.clone()).unwrap();
            bundle.logged[0].header = Bytes(header.replace("reported", "recorded").into_bytes());
        }),
        forged("facts that the entry does not commit to", "entry-unproven", |_, parts| {
            parts.proposal = |proposal| proposal.release = 8;
        })
        .then(|_, bundle| {
            let at = bundle.logged.len() - 1;
            let text = String::from_utf8(bundle.logged[at].facts.0.clone()).unwrap();
            bundle.logged[at].facts = Bytes(text.replace("\"release\":8", "\"release\":7").into_bytes());
        }),
        patched("a salt of another length", "entry-unproven", |_, bundle| {
            bundle.logged[0].salt = Bytes(vec![1])
        }),
        forged("no proposal", "proposal-missing", |_, _| {}).then(|_, bundle| drop(bundle.logged.pop())),
        forged("an entry that nothing needs", "stray-entry", |_, parts| {
            parts.strays.push(Digest::of(b"a stray"));
        }),
        patched("a proof that nothing needs", "stray-ancestor", |_, bundle| {
            let mut more = bundle.ancestors[0].clone();
            more.size -= 1;
            bundle.ancestors.insert(0, more);
        }),
    ]
}

/// Another history that agrees with the approved one but not with the one that agent and people have seen.
fn fork(lab: &Lab, parts: &mut Parts) {
    parts.head.past[3] = leaf_hash(b"another entry");
    lab.approve(parts);
}

fn drop_entry(bundle: &mut Bundle, names: Digest) {
    let hex = names.to_string();
    bundle.logged.retain(|logged| !String::from_utf8_lossy(&logged.header.0).contains(&hex));
}
