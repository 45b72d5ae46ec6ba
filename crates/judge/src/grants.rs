//! Grants as a person sees them: who signed each, and whether it counts.
//!
//! Invariant: a grant is shown only if a person who is enrolled under the pinned root signed it; a server that shows another one has
//! lied, and nothing is shown. Why a genuine one does not count is said beside it. Whether a step or service gets a secret is decided
//! elsewhere: by runners (`loans.rs`) and agents (`secrets.rs`).

use std::collections::BTreeMap;

use evidence::dsse::Envelope;
use evidence::enrolment::Purpose;
use evidence::statements::Statement;
use evidence::status::Status;
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Moment, Name};

use crate::people::{People, roles};
use crate::reasons::{Reasons, one_reason};
use crate::records::Revoked;

/// A grant with a verified signature.
#[derive(Clone, Debug)]
pub struct KnownGrant {
    /// The statement.
    pub statement: Statement,
    /// Digest of its payload, by which people withdraw it.
    pub digest: Digest,
    /// Name of the person who signed it.
    pub by: String,
    /// Why it does not count; empty if it does.
    pub void: Vec<&'static str>,
}

/// Verifies grants of a project with the enrolments of the people who signed them, sorted by their digests.
///
/// # Errors
/// `Reasons` if one of them is no grant of this project that an enrolled person signed.
pub fn known_grants(
    statements: &[Envelope],
    enrolments: &[Envelope],
    (root, status): (&TrustRoot, &Status),
    project: &Name,
    now: Moment,
) -> Result<Vec<KnownGrant>, Reasons> {
    let revoked = Revoked::new(status, now, &BTreeMap::new());
    let people = People::open(enrolments, root, status, revoked, now);
    let people = people.map_err(|flaw| one_reason(flaw.code, flaw.what, AGAIN))?;
    statements.iter().map(|envelope| known(envelope, &people, (root, status), project, now)).collect()
}

fn known(
    envelope: &Envelope,
    people: &People,
    (root, status): (&TrustRoot, &Status),
    project: &Name,
    now: Moment,
) -> Result<KnownGrant, Reasons> {
    let unsound = |what: String| one_reason("statement-unsound", what, AGAIN);
    let statement = Statement::read(envelope).map_err(|error| unsound(error.to_string()))?;
    if statement.installation != root.installation {
        return Err(unsound("a grant is of another installation".into()));
    }
    if !statement.kind().lends() || statement.scope.project != *project {
        return Err(one_reason(
            "statement-stray",
            format!("a statement grants no secret of {project}"),
            AGAIN,
        ));
    }
    let person = people.by_id(statement.person);
    let person = person.ok_or_else(|| unsound(format!("person {} is not enrolled", statement.person)))?;
    let keys: Vec<_> = person.keys_for(Purpose::Approve).collect();
    let key = statement.verify(envelope, &keys).map_err(|error| unsound(error.to_string()))?;
    let digest = envelope.payload_digest();
    let held = roles(person, project, statement.scope.environment.as_ref());
    let has_role = held.iter().any(|role| statement.kind().rules().roles.contains(&role.as_str()));
    let faults = [
        (status.withdrawn.contains(&digest), "it was withdrawn"),
        (!people.keys(person, Purpose::Approve, &digest).contains(&key), "its key is revoked"),
        (!has_role, "its signer does not hold the role for it"),
        (!statement.is_in_force(now), "it has ended, or begins later"),
        (statement.root > root.version, "it names a trust root that is still to come"),
    ];
    let void = faults.into_iter().filter_map(|(is_so, what)| is_so.then_some(what)).collect();
    Ok(KnownGrant { digest, by: person.name.clone(), statement, void })
}

const AGAIN: &str = "ask again; if it stays so, the server shows what nobody signed";
