//! How a finding stands at a moment: whether a person's statement settles it, and until when.
//!
//! Input: findings, and statements that count at the moment. Output: values. Invariant: a statement that its finding has outgrown
//! settles nothing. This module deliberately omits whether a statement counts: the caller has compared signer, role and time.

use std::collections::BTreeSet;
use std::sync::Arc;

use evidence::document::findings::Finding;
use evidence::dsse::Envelope;
use evidence::statements::{Body, Statement, StatementKind, Waiver};
use evidence::{Digest, Id, Moment};

/// A statement of a person, with the digest by which a status withdraws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counting {
    /// Digest of the statement.
    pub digest: Digest,
    /// Fingerprint of the key that signed it.
    pub key: String,
    /// The statement.
    pub statement: Statement,
}

impl Counting {
    /// The statement of a recorded envelope; `None` if it cannot be read.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Option<Self> {
        let [signature] = envelope.signatures() else { return None };
        let (digest, key) = (envelope.payload_digest(), signature.keyid.clone());
        Some(Self { digest, key, statement: Statement::read(envelope).ok()? })
    }
}

/// How a finding stands at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No statement settles it.
    Open,
    /// The finding became worse than the signer of its statement saw, so it is open. The sentence says how.
    Outgrown(String),
    /// A waiver settles it until a time.
    Waived(Moment, Digest),
    /// A statement that it does not affect the product settles it until a time.
    Harmless(Moment, Digest),
}

impl Standing {
    /// The statement that ends last settles it.
    #[must_use]
    pub fn of(id: &Digest, finding: &Finding, counting: &[&Counting]) -> Self {
        let settling = counting.iter().filter(|known| known.statement.settles(id, finding));
        if let Some(known) = settling.max_by_key(|known| known.statement.expires) {
            let (until, digest) = (known.statement.expires, known.digest);
            return match known.statement.kind() {
                StatementKind::NotAffected => Self::Harmless(until, digest),
                _ => Self::Waived(until, digest),
            };
        }
        let outgrown = counting.iter().filter_map(|known| {
            let why = known.statement.outgrown(id, finding)?;
            Some((known.statement.expires, format!("its {} {why}", known.statement.kind().as_str())))
        });
        outgrown.max_by_key(|(until, _)| *until).map_or(Self::Open, |(_, why)| Self::Outgrown(why))
    }

    /// Whether nothing settles it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Outgrown(_))
    }

    /// End of what settles it, and the statement's digest.
    #[must_use]
    pub const fn settled(&self) -> Option<(Moment, Digest)> {
        match self {
            Self::Waived(until, digest) | Self::Harmless(until, digest) => Some((*until, *digest)),
            Self::Open | Self::Outgrown(_) => None,
        }
    }
}

/// Why a waiver with the rule of an open finding does not settle it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Near {
    /// It is for this other finding of the same rule.
    Other(Digest),
    /// Its signer is behind the change.
    Barred,
}

/// A waiver with the rule of a finding that does not settle it, where none does and none is outgrown; the one that ends last.
/// `barred` are the people behind the change.
#[must_use]
pub fn near<'a>(
    (id, finding): (&Digest, &Finding),
    barred: &BTreeSet<Id>,
    statements: &'a [Arc<Counting>],
) -> Option<(&'a Counting, Near)> {
    let is_barred = |known: &Counting| barred.contains(&known.statement.person);
    let counting: Vec<&Counting> =
        statements.iter().map(AsRef::as_ref).filter(|known| !is_barred(known)).collect();
    if Standing::of(id, finding, &counting) != Standing::Open {
        return None;
    }
    let has_rule = |known: &&Counting| matches!(&known.statement.body, Body::Waiver(Waiver::Finding(seen)) if seen.rule == finding.rule);
    let near = statements.iter().map(AsRef::as_ref).filter(has_rule);
    let why = |known: &'a Counting| {
        let why = match known.statement.settles(id, finding) {
            true => Near::Barred,
            false => Near::Other(known.statement.subjects.first().copied()?),
        };
        Some((known, why))
    };
    near.filter_map(why).max_by_key(|(known, why)| (*why == Near::Barred, known.statement.expires))
}

/// Whether statements of a kind settle findings.
#[must_use]
pub const fn settles(kind: StatementKind) -> bool {
    matches!(kind, StatementKind::Waiver | StatementKind::NotAffected)
}

/// The same by the name of the kind.
#[must_use]
pub fn settles_by_name(kind: &str) -> bool {
    [StatementKind::Waiver, StatementKind::NotAffected].iter().any(|known| known.as_str() == kind)
}
