//! Keys that were stolen and revoked: the thief's later signatures are made to look older than they are.
//!
//! The thief owns the server too. All witnesses but one are honest; the ledger has the entries in the order of `assemble`:
//! receipts, requests, approvals, the source, the proposal.

use evidence::bundle::Earlier;
use evidence::machine::MachineSigner;
use evidence::status::Revocation;
use evidence::trust_root::{FormerKey, TrustRoot};
use tlog::{CosignatureKey, Note, leaf_hash};

use super::row::{Forgery, forged, patched};
use crate::assemble::Head;
use crate::parts::Parts;
use crate::world::{Lab, at};

/// Revokes a key from an hour ago on.
pub fn revoke(lab: &Lab, parts: &mut Parts, key: &str) {
    let mut status = lab.status();
    status.revoked = vec![Revocation { key: key.to_owned(), invalid_since: at(-3_600) }];
    parts.status = lab.signed_status(&status, &[0, 1]);
}

/// Renews the key of the second runner, whose former key counted until an hour ago.
pub fn renew(root: &mut TrustRoot) {
    let runner = &mut root.runners[1];
    runner.former = Some(FormerKey { key: runner.key, until: at(-3_600) });
    runner.key = *MachineSigner::from_seed([99; 32]).unwrap().public();
}

/// All statements were in the ledger two hours ago, and witnesses saw them.
pub fn long_there(parts: &mut Parts) {
    parts.head.earlier = vec![(SIGNED, vec![(0, -7_200), (1, -7_200)])];
}

pub(super) fn rows() -> Vec<Forgery> {
    [signed_later(), checkpoints()].concat()
}

/// Signatures of a thief after the key was revoked.
fn signed_later() -> Vec<Forgery> {
    vec![
        forged(
            "an approval by a revoked key, older by the word of one witness",
            "earlier-unsound",
            |l, p| {
                stolen_approval(l, p);
                p.head.earlier = vec![(SIGNED, vec![(0, -7_200)])];
            },
        ),
        forged("the same, by a witness that lies and one that does not", "approvals-missing", |l, p| {
            stolen_approval(l, p);
            p.head.earlier = vec![(SIGNED, vec![(0, -7_200), (1, -60)])];
        }),
        forged("the same, by a witness that lies and two that do not", "approvals-missing", |l, p| {
            stolen_approval(l, p);
            p.head.earlier = vec![(SIGNED, vec![(0, -7_200), (1, -60), (2, -60)])];
        }),
        forged("the same, under a checkpoint without it", "approvals-missing", |lab, parts| {
            stolen_approval(lab, parts);
            parts.head.earlier = vec![(REQUESTS, vec![(0, -7_200), (1, -7_200)])];
        }),
        forged("the same, under a checkpoint of the very moment", "approvals-missing", |lab, parts| {
            stolen_approval(lab, parts);
            parts.head.earlier = vec![(SIGNED, vec![(0, -3_600), (1, -3_600)])];
        }),
        forged("the same, under a checkpoint of another history", "earlier-unsound", |lab, parts| {
            stolen_approval(lab, parts);
            long_there(parts);
        })
        .then(|lab, bundle| {
            let head = Head::honest(lab);
            let other: Vec<_> = (0..26_u8).map(|n| leaf_hash(&[n, n])).collect();
            bundle.earlier[0].checkpoint = head.note(lab, &other, &[(0, -7_200), (1, -7_200)]).to_string();
        }),
        forged(
            "a commit by a revoked key, newer than the other witnessed checkpoint",
            "commit-unsigned",
            |l, p| {
                revoke(l, p, l.ada.commits.key.fingerprint());
                p.head.earlier =
                    vec![(REQUESTS, vec![(0, -7_200), (1, -7_200)]), (SIGNED, vec![(0, -60), (1, -60)])];
            },
        ),
        forged("a receipt by a revoked key, newer than its revocation", "runner-revoked", |lab, parts| {
            revoke(lab, parts, &lab.runners[1].public().id().to_string());
            parts.head.earlier = vec![(SIGNED, vec![(0, -60), (1, -60)])];
        }),
        forged("a receipt by a former key of a runner, newer than its end", "runner-revoked", |_, parts| {
            parts.head.earlier = vec![(SIGNED, vec![(0, -60), (1, -60)])];
        })
        .in_lab(|lab| lab.unusual = renew),
        forged("a receipt by a former key of a runner, seen at no proven time", "runner-revoked", |_, _| {})
            .in_lab(|lab| lab.unusual = renew),
        forged("a request by a revoked key, newer than its revocation", "request-unsound", |lab, parts| {
            revoke(lab, parts, lab.ada.sign_in.key.fingerprint());
            parts.head.earlier = vec![(SIGNED, vec![(0, -60), (1, -60)])];
        }),
    ]
}

/// Earlier checkpoints that prove nothing, or are invalid.
fn checkpoints() -> Vec<Forgery> {
    vec![
        forged("an earlier checkpoint that no entry needs", "earlier-unsound", |_, parts| {
            parts.head.earlier = vec![(0, vec![(0, -7_200), (1, -7_200)])];
        }),
        forged("earlier checkpoints in another order", "earlier-unsound", |_, parts| {
            let by = vec![(0, -7_200), (1, -7_200)];
            parts.head.earlier = vec![(SIGNED, by.clone()), (REQUESTS, by)];
        }),
        forged("an earlier checkpoint with a damaged proof", "earlier-unsound", |_, parts| long_there(parts))
            .then(|_, bundle| bundle.earlier[0].proof[0].0.truncate(31)),
        forged("an earlier checkpoint that a stranger signed too", "checkpoint-unsound", |_, parts| {
            long_there(parts);
        })
        .then(|_, bundle| {
            let stranger = CosignatureKey::from_seed("witness-9/0101", &[9; 32]).unwrap();
            let mut note: Note = bundle.earlier[0].checkpoint.parse().unwrap();
            note.extend([stranger.cosign(&note.clone(), 1_790_000_000).unwrap()]);
            bundle.earlier[0].checkpoint = note.to_string();
        }),
        patched("an earlier checkpoint that is not a checkpoint", "checkpoint-unsound", |_, bundle| {
            bundle.earlier.push(Earlier { checkpoint: "nothing".into(), proof: Vec::new() });
        }),
    ]
}

fn stolen_approval(lab: &Lab, parts: &mut Parts) {
    revoke(lab, parts, lab.bob.approve.key.fingerprint());
}

/// Number of entries that hold receipts and requests.
const REQUESTS: usize = 8;
/// Number of entries that hold all statements: every entry but the proposal.
const SIGNED: usize = 10;
