//! The trust root and the status in force: which ones a judge may believe.
//!
//! Invariant: a root counts only if it follows from the pinned one, and neither root nor status is older than the newest
//! that the judge has seen. The status that counts takes the place of every other known one as the server would let it, so
//! nobody lifts alone what another signer has stopped.

use evidence::bundle::Bundle;
use evidence::dsse::Envelope;
use evidence::status::{Status, StatusError, StatusFile, StatusInForce};
use evidence::trust_root::{Mode, TrustRoot};
use evidence::unread_status::UnreadStatus;

use crate::context::{Anchors, VerificationContext};
use crate::reasons::{NEW_BUNDLE, PIN, Reasons, one_reason};

/// The newest trust root of a bundle, with all roots.
pub fn of(
    bundle: &Bundle,
    anchors: &Anchors,
    seen: &VerificationContext,
) -> Result<(TrustRoot, Vec<TrustRoot>), Reasons> {
    let (root, roots) = walk(&bundle.roots, anchors, seen)?;
    if bundle.v != 1 || bundle.installation != root.installation {
        let what = "the bundle is of another version or installation than its root";
        return Err(one_reason("other-installation", what, NEW_BUNDLE));
    }
    Ok((root, roots))
}

/// The newest of these roots, if the pinned one is among them and each root follows the previous one.
///
/// # Errors
/// `Reasons` when the roots are not trusted.
pub fn newest_root(
    roots: &[Envelope],
    anchors: &Anchors,
    seen: &VerificationContext,
) -> Result<TrustRoot, Reasons> {
    walk(roots, anchors, seen).map(|(root, _)| root)
}

/// Like [`newest_root`], with all roots.
pub fn walk(
    roots: &[Envelope],
    anchors: &Anchors,
    seen: &VerificationContext,
) -> Result<(TrustRoot, Vec<TrustRoot>), Reasons> {
    let wrong = |what: String| one_reason("root-unsound", what, PIN);
    let mut opened: Vec<TrustRoot> = Vec::new();
    let mut pinned = false;
    for envelope in roots {
        let root = match opened.last() {
            None => TrustRoot::open(envelope),
            Some(before) => before.next(envelope),
        };
        let root = root.map_err(|error| wrong(error.to_string()))?;
        let digest = root.digest().map_err(|error| wrong(error.to_string()))?;
        pinned |= root.version == anchors.version && digest == anchors.digest;
        opened.push(root);
    }
    let root = opened.last().cloned().ok_or_else(|| wrong("there is no trust root".into()))?;
    if !pinned {
        let what =
            format!("no root has version {} and digest {}, the pinned one", anchors.version, anchors.digest);
        return Err(one_reason("root-not-pinned", what, PIN));
    }
    if root.version < seen.root {
        let what = format!("root version {} was seen before, the newest here is {}", seen.root, root.version);
        return Err(one_reason(
            "root-rollback",
            what,
            "ask for the newest evidence; somebody withholds a root",
        ));
    }
    if root.mode == Mode::Rehearsal && !anchors.rehearsal {
        let what = "this is a rehearsal's root, which counts only where that was agreed to";
        return Err(one_reason("rehearsal", what, "join with --rehearsal, or use a real installation"));
    }
    Ok((root, opened))
}

/// The newest known status: the one in the evidence, or a newer one that the judge received in another way.
pub fn newest_status(
    file: &StatusFile,
    root: &TrustRoot,
    seen: &VerificationContext,
) -> Result<Status, Reasons> {
    let unsound = |error: StatusError| one_reason("status-unsound", error.to_string(), NEW_BUNDLE);
    let shown = match (file.open(root), file.unread(root)) {
        (Ok(opened), _) => opened,
        (Err(_), Some(unread)) => return Err(unreadable(&unread)),
        (Err(error), None) => return Err(unsound(error)),
    };
    // A status whose signers the root no longer names is ignored, but its number counts as seen.
    let known: Vec<_> = seen.newer.iter().filter_map(|newer| newer.open(root).ok()).collect();
    let mut newest = &shown;
    for newer in &known {
        if newer.status.number > newest.status.number {
            newest = newer;
        }
    }
    let status = newest.status.clone();
    let mut unread = seen.newer.iter().filter_map(|newer| newer.unread(root));
    if let Some(unread) = unread.find(|unread| unread.outranks(status.number)) {
        return Err(unreadable(&unread));
    }
    if status.number < seen.status {
        let what = format!("status {} was seen before, this is {}", seen.status, status.number);
        return Err(one_reason("status-rollback", what, "ask for the newest status; somebody withholds it"));
    }
    known.iter().chain([&shown]).try_for_each(|other| keeps(newest, other))?;
    if root.version < status.minimum_root {
        let what = format!("the status asks for root version {} or later", status.minimum_root);
        return Err(one_reason("root-too-old", what, "ask for the newest evidence"));
    }
    Ok(status)
}

/// Checks that a status may take the place of another one that is known. A single signer may add to a status, so two of them
/// may have added to the same one; the number alone does not say that the later one knew of the other.
fn keeps(newest: &StatusInForce, other: &StatusInForce) -> Result<(), Reasons> {
    if newest.status == other.status || newest.follows(other) {
        return Ok(());
    }
    let what = format!(
        "status {} lifts something that status {} stops, which only a newer base may",
        newest.status.number, other.status.number
    );
    let remedy = "have the status signers sign a new base: `countersign trust status --renew`";
    Err(one_reason("status-loosens", what, remedy))
}

/// A status that cannot be read may freeze, bar or revoke anything, so nothing is decided, not even a return.
fn unreadable(unread: &UnreadStatus) -> Reasons {
    let number = unread.number.map_or_else(String::new, |number| format!(" {number}"));
    let what = format!(
        "a status signer signed status{number}, which this program cannot read ({}), so everything stays as it is; \
         upgrade this program, or have the status signers sign a newer status that it can read",
        unread.fault
    );
    let mut reasons = Reasons::default();
    reasons.unclear("status-unreadable", what, "upgrade this program");
    reasons
}
