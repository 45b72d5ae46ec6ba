//! The people of a bundle: valid enrolments, found by id, key, address and name.
//!
//! Invariant: one invalid enrolment fails the whole bundle.

use std::collections::{BTreeMap, BTreeSet};

use evidence::dsse::Envelope;
use evidence::enrolment::{Enrolment, Purpose};
use evidence::git::{Commit, Identity};
use evidence::ssh::{self, SshKey};
use evidence::status::Status;
use evidence::trust_root::TrustRoot;
use evidence::{CommitId, Digest, Id, Moment, Name};

use crate::reasons::Flaw;
use crate::records::Revoked;

/// Enrolments that are valid now.
#[derive(Clone, Debug)]
pub struct People {
    enrolments: Vec<Enrolment>,
    revoked: Revoked,
}

/// Change authors of a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeAuthors {
    /// Subjects of all people found.
    pub subjects: BTreeSet<String>,
    /// Addresses that belong to no enrolment.
    pub unknown: BTreeSet<String>,
    /// Names without an address that match no enrolment, each with a commit that has it.
    pub nameless: BTreeMap<String, CommitId>,
    /// Subjects of all people who signed a commit off.
    pub signed_off: BTreeSet<String>,
}

impl People {
    /// Opens every enrolment against the root. One invalid enrolment is an error for all.
    pub fn open(
        envelopes: &[Envelope],
        root: &TrustRoot,
        status: &Status,
        revoked: Revoked,
        now: Moment,
    ) -> Result<Self, Flaw> {
        let sorted = envelopes.is_sorted_by(|a, b| a.payload_digest() < b.payload_digest());
        if !sorted {
            return Err(Flaw::new("enrolments-unsorted", "enrolments are not sorted, or one stands twice"));
        }
        let mut enrolments: Vec<Enrolment> = Vec::new();
        for envelope in envelopes {
            let enrolment = Enrolment::open(envelope, root)
                .map_err(|error| Flaw::new("enrolment-unsound", error.to_string()))?;
            let digest: Digest = envelope.payload_digest();
            if status.withdrawn.contains(&digest) {
                let what = format!("the enrolment of {} was withdrawn", enrolment.name);
                return Err(Flaw::new("enrolment-withdrawn", what));
            }
            if enrolment.expires <= now {
                let what = format!("the enrolment of {} ended at {}", enrolment.name, enrolment.expires);
                return Err(Flaw::new("enrolment-expired", what));
            }
            let taken = enrolments.iter().any(|other| {
                other.person == enrolment.person
                    || other.subject == enrolment.subject
                    || other.keys.iter().any(|key| enrolment.keys.iter().any(|new| new.key == key.key))
            });
            if taken {
                let what = format!("{} shares person, subject or key with another enrolment", enrolment.name);
                return Err(Flaw::new("enrolment-twice", what));
            }
            enrolments.push(enrolment);
        }
        Ok(Self { enrolments, revoked })
    }

    /// All people.
    pub fn all(&self) -> impl Iterator<Item = &Enrolment> {
        self.enrolments.iter()
    }

    /// A person by id.
    pub fn by_id(&self, id: Id) -> Option<&Enrolment> {
        self.enrolments.iter().find(|enrolment| enrolment.person == id)
    }

    /// A person's keys for a purpose that count for the record with this digest.
    pub fn keys<'a>(&self, person: &'a Enrolment, purpose: Purpose, record: &Digest) -> Vec<&'a SshKey> {
        person.keys_for(purpose).filter(|key| self.revoked.counts(key.fingerprint(), record)).collect()
    }

    /// The person who signed a commit of a source pack, if the key counts.
    pub fn signer(&self, commit: &Commit, pack: &Digest) -> Option<&Enrolment> {
        let blob = commit.signature.as_ref()?.blob()?;
        let embedded = ssh::embedded_key(&blob)?;
        let keys = |person| self.keys(person, Purpose::Commit, pack);
        let person = self.enrolments.iter().find(|person| keys(person).contains(&&embedded))?;
        commit.signer(&keys(person)).ok().map(|_| person)
    }

    /// All people whom commits name, and the addresses and names that match nobody.
    pub fn authors<'a>(
        &self,
        commits: impl Iterator<Item = (&'a CommitId, &'a Commit)>,
        pack: &Digest,
    ) -> ChangeAuthors {
        let mut authors = ChangeAuthors::default();
        // Caches the matches: a range of thousands of commits names few people.
        let mut met: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
        for (id, commit) in commits {
            authors.subjects.extend(self.signer(commit, pack).map(|person| person.subject.clone()));
            for person in commit.people() {
                let found = met.entry((&person.email, &person.name)).or_insert_with(|| self.subjects(person));
                if found.is_empty() && person.email.is_empty() {
                    authors.nameless.entry(person.name.clone()).or_insert_with(|| id.clone());
                } else if found.is_empty() {
                    authors.unknown.insert(person.email.clone());
                }
                authors.subjects.extend(found.iter().cloned());
            }
            for person in &commit.signed_off {
                let found = met.entry((&person.email, &person.name)).or_insert_with(|| self.subjects(person));
                authors.signed_off.extend(found.iter().cloned());
            }
        }
        authors
    }

    fn subjects(&self, named: &Identity) -> BTreeSet<String> {
        let named = self.enrolments.iter().filter(|person| is_named(person, named));
        named.map(|person| person.subject.clone()).collect()
    }
}

/// Whether a name in a commit can mean this person: by the address, by an address or a whole name inside the name, and,
/// if there is no address at all, by any word of the name.
pub fn is_named(person: &Enrolment, named: &Identity) -> bool {
    let own = |address: &str| person.emails.iter().any(|email| email == address);
    let name = person.name.to_lowercase();
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_');
        words.filter(|word| word.chars().count() > 1).map(str::to_lowercase).collect()
    };
    let several = named.names().count() > 1;
    own(&named.email)
        || named.name.split(char::is_whitespace).any(|word| own(&word.to_lowercase()))
        || several && named.names().any(|part| part.to_lowercase() == name)
        || named.email.is_empty() && {
            let locals = person.emails.iter().filter_map(|email| email.split('@').next());
            let known: BTreeSet<String> = locals.chain([name.as_str()]).flat_map(words).collect();
            !known.is_disjoint(&words(&named.name))
        }
}

/// Roles of a person in a project and environment.
pub fn roles(enrolment: &Enrolment, project: &Name, environment: Option<&Name>) -> BTreeSet<Name> {
    let covers = |grant: &&evidence::enrolment::Grant| {
        grant.project.as_ref().is_none_or(|name| name == project)
            && grant.environment.as_ref().is_none_or(|name| Some(name) == environment)
    };
    enrolment.grants.iter().filter(covers).map(|grant| grant.role.clone()).collect()
}
