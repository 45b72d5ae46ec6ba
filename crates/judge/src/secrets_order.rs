//! Versions of secrets that an agent gets between releases: who put each, and whether it counts.
//!
//! Invariant: a version counts only if a person in the role for it signed it for exactly this place, under the judge's own root,
//! and nothing that the judge knows withdraws it. Whether a number is old is the caller's to compare: an order may omit what it
//! likes.

use std::collections::BTreeMap;

use evidence::dsse::Envelope;
use evidence::enrolment::Purpose;
use evidence::secrets_order::SecretsOrder;
use evidence::statements::{SecretVersion, Statement};
use evidence::status::Status;
use evidence::{Moment, Name};

use crate::context::{Anchors, VerificationContext};
use crate::people::{People, roles};
use crate::reasons::{Reasons, one_reason};
use crate::records::Revoked;
use crate::roots::{self, walk};

/// The versions of an order.
#[derive(Clone, Debug)]
pub struct CheckedSecrets {
    /// Version of the newest trust root.
    pub root: u32,
    /// Number of the status.
    pub status: u64,
    /// Versions that count.
    pub versions: Vec<SecretVersion>,
    /// Why others do not: a sentence for each.
    pub refused: Vec<RefusedVersion>,
}

/// A version that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedVersion {
    /// Code of the reason.
    pub code: &'static str,
    /// A sentence about it.
    pub what: String,
    /// The secret and number that it is said to be; absent if it cannot be read.
    pub of: Option<(Name, u32)>,
}

/// Checks an order against a pinned root and the judge's own knowledge.
///
/// # Errors
/// `Reasons` with the faults of what all versions rest on.
pub fn check_secrets(
    order: &SecretsOrder,
    anchors: &Anchors,
    seen: &VerificationContext,
    now: Moment,
) -> Result<CheckedSecrets, Reasons> {
    let wrong = |code: &str, what: String| one_reason(code, what, "ask for it again");
    if order.v != 1 {
        return Err(wrong(UNSOUND, "the order is of a version that this program does not know".into()));
    }
    let (root, _) = walk(&order.roots, anchors, seen)?;
    if order.installation != root.installation {
        return Err(wrong(UNSOUND, "the order is of another installation".into()));
    }
    let status = roots::newest_status(&order.status, &root, seen)?;
    // Nothing here is proven to be on record, so a revoked key does not count.
    let revoked = Revoked::new(&status, now, &BTreeMap::new());
    let people = People::open(&order.enrolments, &root, &status, revoked, now)
        .map_err(|flaw| wrong(flaw.code, flaw.what))?;
    let (mut versions, mut refused) = (Vec::new(), Vec::new());
    for envelope in order.statements.iter().take(STATEMENTS_MAX) {
        match version(order, envelope, &people, &status, now) {
            Ok(statement) if statement.root > root.version => {
                let what = "it names a trust root that is still to come".to_owned();
                refused.push(RefusedVersion { code: UNSOUND, what, of: said(envelope) });
            }
            Ok(statement) => versions.extend(statement.secret().cloned()),
            Err(fault) => refused.push(RefusedVersion { of: said(envelope), ..fault }),
        }
    }
    Ok(CheckedSecrets { root: root.version, status: status.number, versions, refused })
}

/// The secret and number that a statement names, whether it counts or not.
fn said(envelope: &Envelope) -> Option<(Name, u32)> {
    let statement = Statement::read(envelope).ok()?;
    statement.secret().map(|version| (version.secret.clone(), version.number))
}

/// The statement of a version that counts.
fn version(
    order: &SecretsOrder,
    envelope: &Envelope,
    people: &People,
    status: &Status,
    now: Moment,
) -> Result<Statement, RefusedVersion> {
    let refuse = |code, what: String| Err(RefusedVersion { code, what, of: None });
    let statement = match Statement::read(envelope) {
        Ok(statement) => statement,
        Err(error) => return refuse(UNSOUND, error.to_string()),
    };
    let Some(of) = statement.secret() else { return refuse(STRAY, "it is no version of a secret".into()) };
    let named = format!("version {} of secret `{}`", of.number, of.secret);
    if statement.installation != order.installation {
        return refuse(UNSOUND, format!("{named} is of another installation"));
    }
    let Some(person) = people.by_id(statement.person) else {
        return refuse(UNSOUND, format!("{named} is by a person who is not enrolled"));
    };
    let keys: Vec<_> = person.keys_for(Purpose::Approve).collect();
    let key = match statement.verify(envelope, &keys) {
        Ok(key) => key,
        Err(error) => return refuse(UNSOUND, format!("{named}: {error}")),
    };
    if !people.keys(person, Purpose::Approve, &envelope.payload_digest()).contains(&key) {
        return refuse(UNSOUND, format!("{named} is by a key that is revoked"));
    }
    let place = &order.place;
    if !statement.scope.covers(place) {
        return refuse(STRAY, format!("{named} is of {}", statement.scope));
    }
    let held = roles(person, &place.project, Some(&place.environment));
    if !held.iter().any(|role| statement.kind().rules().roles.contains(&role.as_str())) {
        return refuse("role-missing", format!("{named} is by {}, who may not put it here", person.name));
    }
    if status.withdrawn.contains(&envelope.payload_digest()) {
        return refuse("statement-withdrawn", format!("{named} was withdrawn"));
    }
    if !statement.is_in_force(now) {
        let what = format!("{named} counts from {} until {}", statement.not_before, statement.expires);
        return refuse("expired", what);
    }
    Ok(statement)
}

const UNSOUND: &str = "statement-unsound";
const STRAY: &str = "statement-stray";
/// More secrets than a place can have.
const STATEMENTS_MAX: usize = 1_024;
