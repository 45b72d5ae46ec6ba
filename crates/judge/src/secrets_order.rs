//! Versions of secrets that an agent gets between releases: who put each, and whether it counts.
//!
//! Invariant: a version counts only if a person in the role for it signed it for exactly this place, under the judge's own root,
//! a grant in force lets the service have it now, and nothing that the judge knows withdraws one of the two. Whether a number is old is the caller's to compare: an order may omit what it
//! likes.

use std::collections::BTreeMap;

use evidence::dsse::Envelope;
use evidence::enrolment::Purpose;
use evidence::secrets_order::SecretsOrder;
use evidence::statements::{SecretVersion, Statement};
use evidence::status::Status;
use evidence::{Digest, Moment, Name};

use crate::context::{Anchors, VerificationContext};
use crate::people::{People, roles};
use crate::reasons::{RENEW_ROOT, Reasons, one_reason};
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
    pub versions: Vec<CountedVersion>,
    /// Versions that count or would with a grant to the service: everything else about them holds.
    pub put: Vec<SecretVersion>,
    /// Why others do not: a sentence for each.
    pub refused: Vec<RefusedVersion>,
    /// Digests of the statements that the status withdraws.
    pub withdrawn: Vec<Digest>,
}

/// A version that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedVersion {
    /// The statement that put it.
    pub statement: Digest,
    /// The version.
    pub version: SecretVersion,
}

/// A version that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedVersion {
    /// The secret and number that it is said to be; absent if it cannot be read.
    pub of: Option<(Name, u32)>,
    /// Code of the reason.
    pub code: &'static str,
    /// A sentence about it.
    pub what: String,
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
    // Otherwise a server could withhold the status that withdraws a version or a key, for as long as it likes.
    if root.expires <= now {
        let what = format!("the trust root ended at {}", root.expires);
        return Err(one_reason("root-expired", what, RENEW_ROOT));
    }
    if status.expires <= now {
        let what = format!("status {} ended at {}", status.number, status.expires);
        return Err(one_reason("status-expired", what, "renew it with `countersign trust status --renew`"));
    }
    // Nothing here is proven to be on record, so a revoked key does not count.
    let revoked = Revoked::new(&status, now, &BTreeMap::new());
    let people = People::open(&order.enrolments, &root, &status, revoked, now)
        .map_err(|flaw| wrong(flaw.code, flaw.what))?;
    let judged = Judged { order, people: &people, status: &status, root: root.version, now };
    let grants: Vec<_> =
        order.grants.iter().take(STATEMENTS_MAX).map(|envelope| judged.grant(envelope)).collect();
    let (mut versions, mut put, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for envelope in order.statements.iter().take(STATEMENTS_MAX) {
        let judged = judged.version(envelope).and_then(|version| {
            put.push(version.clone());
            judged.granted(&version, &grants).map(|()| version)
        });
        match judged {
            Ok(version) => versions.push(CountedVersion { statement: envelope.payload_digest(), version }),
            Err(fault) => refused.push(fault),
        }
    }
    let withdrawn = status.withdrawn.clone();
    Ok(CheckedSecrets { root: root.version, status: status.number, versions, put, refused, withdrawn })
}

/// All that a statement of an order is judged by.
struct Judged<'a> {
    order: &'a SecretsOrder,
    people: &'a People,
    status: &'a Status,
    root: u32,
    now: Moment,
}

impl Judged<'_> {
    /// A version that counts, as far as its own statement says.
    fn version(&self, envelope: &Envelope) -> Result<SecretVersion, RefusedVersion> {
        let refuse = |code, what: String| RefusedVersion { of: None, code, what };
        let statement = Statement::read(envelope).map_err(|error| refuse(UNSOUND, error.to_string()))?;
        let version =
            statement.secret().ok_or_else(|| refuse(STRAY, "it is no version of a secret".into()))?;
        let named = format!("version {} of secret `{}`", version.number, version.secret);
        let counts = self.counts(envelope, &statement, &named);
        let of = Some((version.secret.clone(), version.number));
        counts.map(|()| version.clone()).map_err(|fault| RefusedVersion { of, ..fault })
    }

    /// A grant to the service.
    fn grant(&self, envelope: &Envelope) -> Result<Statement, RefusedVersion> {
        let refuse = |code, what: String| RefusedVersion { of: None, code, what };
        let statement = Statement::read(envelope).map_err(|error| refuse(UNSOUND, error.to_string()))?;
        let given = statement.gives().filter(|given| *given.service == self.order.place.service);
        let secret = given.map(|given| given.secret.clone());
        let secret = secret.ok_or_else(|| refuse(STRAY, "it is no grant to the service".into()))?;
        let counts = self.counts(envelope, &statement, &format!("a grant of secret `{secret}`"));
        counts.map(|()| statement).map_err(|fault| RefusedVersion { of: Some((secret, 0)), ..fault })
    }

    /// Whether the service may have a version now.
    fn granted(
        &self,
        version: &SecretVersion,
        grants: &[Result<Statement, RefusedVersion>],
    ) -> Result<(), RefusedVersion> {
        let SecretVersion { secret, number, .. } = version;
        let given =
            grants.iter().flatten().filter_map(Statement::gives).filter(|given| given.secret == secret);
        let given: Vec<_> = given.collect();
        let is_open = given.iter().any(|given| given.hours.is_none_or(|hours| hours.has(self.now)));
        if is_open {
            return Ok(());
        }
        let (service, of) = (&self.order.place.service, Some((secret.clone(), *number)));
        if let [first, ..] = given.as_slice() {
            let hours = first.hours.map(ToString::to_string).unwrap_or_default();
            let what = format!("version {number} of secret `{secret}` is granted to {service} only {hours}");
            return Err(RefusedVersion { of, code: "secret-outside-hours", what });
        }
        let faults = grants.iter().filter_map(|grant| grant.as_ref().err());
        let faults = faults.filter(|fault| fault.of.as_ref().is_some_and(|(of, _)| of == secret));
        let why: String = faults.map(|fault| format!("; {}", fault.what)).collect();
        let what = format!(
            "no grant in force lets service {service} have version {number} of secret `{secret}`{why}"
        );
        Err(RefusedVersion { of, code: "secret-not-granted", what })
    }

    /// Whether a statement counts at the place: signed by a person in the role for it, in force, and not withdrawn.
    fn counts(&self, envelope: &Envelope, statement: &Statement, named: &str) -> Result<(), RefusedVersion> {
        let refuse = |code, what: String| Err(RefusedVersion { of: None, code, what });
        let (order, people) = (self.order, self.people);
        if statement.installation != order.installation {
            return refuse(UNSOUND, format!("{named} is of another installation"));
        }
        if statement.root > self.root {
            return refuse(UNSOUND, format!("{named} names a trust root that is still to come"));
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
        if self.status.withdrawn.contains(&envelope.payload_digest()) {
            return refuse("statement-withdrawn", format!("{named} was withdrawn"));
        }
        if !statement.is_in_force(self.now) {
            let what = format!("{named} counts from {} until {}", statement.not_before, statement.expires);
            return refuse("expired", what);
        }
        Ok(())
    }
}

const UNSOUND: &str = "statement-unsound";
const STRAY: &str = "statement-stray";
/// More secrets than a place can have.
const STATEMENTS_MAX: usize = 1_024;
