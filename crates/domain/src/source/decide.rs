//! Decisions about sources: who signed, and may this person put it forward.

use evidence::enrolment::Purpose;
use evidence::{CommitId, Digest, Moment, Name};

use super::event::Taken;
use crate::identity;
use crate::ids::{PersonId, RunId};
use crate::refusal::Reason;

/// Put a commit forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// The run that it is for.
    pub run: RunId,
    /// The project.
    pub project: Name,
    /// The commit.
    pub commit: CommitId,
    /// What its signature says, the bytes verified.
    pub signature: Signature,
    /// Who puts it forward.
    pub requester: PersonId,
    /// Digest of the source pack.
    pub pack: Digest,
    /// Digest of the signed request.
    pub request: Digest,
}

/// What a commit's signature says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// There is none, or none that could count; in words.
    None(String),
    /// It matches, by the key with this fingerprint.
    By(String),
}

/// Decides whether a commit is taken.
///
/// # Errors
/// Every reason against.
pub fn take(identity: &identity::State, command: &Take, moment: Moment) -> Result<Taken, Vec<Reason>> {
    let mut reasons = Vec::new();
    let developer: Option<Name> = DEVELOPER.parse().ok();
    let may = developer
        .is_some_and(|role| identity.has_role(command.requester, &role, &command.project, None, moment));
    if !may {
        let what = format!("person {} is no {DEVELOPER} of project `{}`", command.requester, command.project);
        reasons.push(Reason::new("role-missing", what, "ask a registrar for an enrolment with this role"));
    }
    let signer = match &command.signature {
        Signature::None(_) if cfg!(feature = "drill-commit-signature") => Some(command.requester),
        Signature::None(what) => {
            let remedy = "sign it with an enrolled key: `git -c gpg.format=ssh commit --amend --no-edit -S`";
            reasons.push(Reason::new("commit-unsigned", what.clone(), remedy));
            None
        }
        Signature::By(key) if identity.is_revoked(key, moment) => {
            let what = format!("commit {} is signed by key {key}, which is revoked", command.commit);
            reasons.push(Reason::new("commit-key-revoked", what, "sign it again with a key that counts"));
            None
        }
        Signature::By(key) => {
            let mut people = identity.people(moment);
            let found = people.find(|(_, person)| person.has_key(key, Purpose::Commit)).map(|(id, _)| id);
            if found.is_none() {
                let what =
                    format!("nobody is enrolled with key {key}, which signed commit {}", command.commit);
                let other = identity
                    .people(moment)
                    .find(|(_, person)| person.keys.iter().any(|known| known.fingerprint == *key));
                let remedy = other.map_or("have its holder enrolled", |_| {
                    "it is enrolled for something else: sign commits with the key that is enrolled for them, \
                     `git config user.signingkey FILE`, and commit again"
                });
                reasons.push(Reason::new("commit-signer-unknown", what, remedy));
            }
            found
        }
    };
    match signer {
        Some(signer) if reasons.is_empty() => Ok(Taken {
            run: command.run,
            project: command.project.clone(),
            commit: command.commit.clone(),
            signer,
            requester: command.requester,
            pack: command.pack,
            request: command.request,
        }),
        _ => Err(reasons),
    }
}

/// Role that may put commits forward.
const DEVELOPER: &str = "developer";
