//! Decisions about sources: the signer must be known, and the requester must be allowed to submit the commit.
//!
//! Invariant: the signature bytes were verified before. This module only maps the key to a person and checks roles.

use evidence::enrolment::Purpose;
use evidence::{CommitId, Digest, Moment, Name};

use super::event::Taken;
use crate::identity;
use crate::ids::{PersonId, RunId};
use crate::refusal::Reason;

/// Submits a commit for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSource {
    /// The run that builds the commit.
    pub run: RunId,
    /// The project.
    pub project: Name,
    /// The commit.
    pub commit: CommitId,
    /// Result of verifying the commit's signature.
    pub signature: Signature,
    /// The person who submits it.
    pub requester: PersonId,
    /// Digest of the source pack.
    pub pack: Digest,
    /// Digest of the signed request.
    pub request: Digest,
}

/// Result of verifying a commit's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// The signature is missing or invalid; the text says why.
    None(String),
    /// The signature is valid for the key with this fingerprint.
    By(String),
}

/// Decides whether a commit is accepted.
///
/// # Errors
/// All reasons against it.
pub fn take(
    identity: &identity::State,
    command: &RecordSource,
    moment: Moment,
) -> Result<Taken, Vec<Reason>> {
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
                reasons.push(unknown(identity, moment, &command.commit, key));
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

/// The reason against a signature whose key nobody has, or whose key is enrolled for other purposes only.
fn unknown(identity: &identity::State, moment: Moment, commit: &CommitId, key: &str) -> Reason {
    let of = |person: &identity::Person| person.keys.iter().find(|known| known.fingerprint == key).cloned();
    let Some((person, known)) = identity.people(moment).find_map(|(_, person)| Some((person, of(person)?)))
    else {
        let what = format!("nobody is enrolled with key {key}, which signed commit {commit}");
        return Reason::new("commit-signer-unknown", what, "have its holder enrolled");
    };
    let purposes: Vec<_> = known.purposes.iter().map(|purpose| signs(*purpose)).collect();
    let what = format!(
        "commit {commit} is signed with key {key}, which is enrolled for {} and not for commits",
        purposes.join(" and ")
    );
    let commits = person.keys.iter().find(|key| key.purposes.contains(&Purpose::Commit));
    let right = commits.map_or_else(
        || "have a key for commits enrolled".to_owned(),
        |key| {
            format!(
                "sign with {}, which is enrolled for commits: `git config user.signingkey FILE`, \
                 `git commit --amend --no-edit -S`",
                key.fingerprint
            )
        },
    );
    Reason::new("commit-signer-unknown", what, right)
}

/// Plural name of the statements of a purpose, for messages.
const fn signs(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SignIn => "requests",
        Purpose::Approve => "approvals",
        Purpose::Commit => "commits",
    }
}

/// Role that may submit commits.
const DEVELOPER: &str = "developer";
