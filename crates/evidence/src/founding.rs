//! A founding: the first statements of an installation, while its people sign them on their own machines. Format:
//! `docs/formats/founding.md`.
//!
//! Invariant: only signatures are ever added, each verified under a key that the statements themselves name for it; so a
//! copy can be signed anywhere, and copies can be united in any order. A founding decides nothing: the ledger begins
//! with the statements alone.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::dsse::{Envelope, PAYLOAD_BYTES_MAX, SIGNATURES_MAX, Signature};
use crate::enrolment::{self, Enrolment, EnrolmentError};
use crate::environment::{self, Environment, EnvironmentError};
use crate::ssh::{self, SshKey, SshSigError};
use crate::status::{self, Status, StatusError};
use crate::trust_root::{self, Mode, Quorum, TrustRoot, TrustRootError};
use crate::{Bytes, Digest, Id};

/// Largest founding in bytes.
pub const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Highest number of people.
pub const PEOPLE_MAX: usize = 256;
/// Highest number of places.
pub const PLACES_MAX: usize = 256;

/// A founding whose statements are sound; its signatures are valid, and may be too few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    /// Trust root version 1.
    pub root: Founded<TrustRoot>,
    /// The first status.
    pub status: Founded<Status>,
    /// Enrolments of the first people.
    pub enrolments: Vec<Founded<Enrolment>>,
    /// Statements of the first places, each place after the one that comes before it.
    pub places: Vec<FoundedPlace>,
}

/// A statement with the signatures so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founded<T> {
    /// The statement.
    pub said: T,
    /// The same in an envelope, which may have no signature yet.
    pub envelope: Envelope,
}

/// The statement of a place with the payloads that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundedPlace {
    /// The statement.
    pub statement: Founded<Environment>,
    /// The policy.
    pub policy: Vec<u8>,
    /// The configuration.
    pub configuration: Vec<u8>,
}

/// One statement, as its signers see it.
#[derive(Debug)]
pub struct Signable<'a> {
    /// Description of the statement.
    pub what: String,
    /// Namespace of its signatures.
    pub namespace: &'static str,
    /// The people who may sign, and how many of them must.
    pub quorum: Quorum,
    /// The subject whose signature does not count: outside solo mode nobody vouches for an own enrolment.
    pub barred: Option<String>,
    /// The statement.
    pub envelope: &'a mut Envelope,
}

/// A statement that too few people have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// Description of the statement.
    pub what: String,
    /// Number of people who signed.
    pub found: usize,
    /// Number of people needed.
    pub needed: u32,
}

/// Errors of reading and uniting foundings.
#[derive(Debug, thiserror::Error)]
pub enum FoundingError {
    /// The bytes are malformed.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The root is invalid.
    #[error(transparent)]
    Root(#[from] TrustRootError),
    /// The status is invalid.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// An enrolment is invalid.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// The statement of a place is invalid.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A signature is invalid.
    #[error("founding: {0}: {1}")]
    Signature(String, SshSigError),
    /// A rule of the format is broken.
    #[error("founding: {0}")]
    Rule(&'static str),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u8,
    root: Draft,
    status: Draft,
    enrolments: Vec<Draft>,
    places: Vec<WirePlace>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePlace {
    statement: Draft,
    policy: Bytes,
    configuration: Bytes,
}

/// A payload with its signatures; its position tells its type.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    payload: Bytes,
    signatures: Vec<DraftSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DraftSignature {
    keyid: String,
    sig: Bytes,
}

impl Founding {
    /// The founding of unsigned statements. Each place comes with policy and configuration.
    ///
    /// # Errors
    /// `FoundingError` when a rule of a format is broken.
    pub fn new(
        root: TrustRoot,
        status: Status,
        enrolments: Vec<Enrolment>,
        places: Vec<(Environment, Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, FoundingError> {
        let root = Founded { envelope: root.envelope()?, said: root };
        let status = Founded { envelope: status.envelope()?, said: status };
        let enrol = |said: Enrolment| Ok(Founded { envelope: said.envelope()?, said });
        let place = |(said, policy, configuration): (Environment, _, _)| {
            let statement = Founded { envelope: said.envelope()?, said };
            Ok(FoundedPlace { statement, policy, configuration })
        };
        let enrolments = enrolments.into_iter().map(enrol).collect::<Result<_, FoundingError>>()?;
        let places = places.into_iter().map(place).collect::<Result<_, FoundingError>>()?;
        Self { root, status, enrolments, places }.checked()
    }

    /// Whether bytes look like a founding, and like no statement.
    #[must_use]
    pub fn looks_like(bytes: &[u8]) -> bool {
        bytes.starts_with(BEGINNING)
    }

    /// Reads a founding. Every signature in it is verified.
    ///
    /// # Errors
    /// `FoundingError` names the fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, FoundingError> {
        let wire: Wire = canonical::decode("founding", bytes, BYTES_MAX)?;
        if wire.v != 1 {
            return Err(FoundingError::Rule("`v` is not 1, the version that this program knows"));
        }
        let root = wire.root.envelope(trust_root::PAYLOAD_TYPE)?;
        let status = wire.status.envelope(status::PAYLOAD_TYPE)?;
        let enrol = |draft: Draft| {
            let envelope = draft.envelope(enrolment::PAYLOAD_TYPE)?;
            Ok(Founded { said: Enrolment::read(&envelope)?, envelope })
        };
        let place = |place: WirePlace| {
            let envelope = place.statement.envelope(environment::PAYLOAD_TYPE)?;
            let statement = Founded { said: Environment::read(&envelope)?, envelope };
            Ok(FoundedPlace { statement, policy: place.policy.0, configuration: place.configuration.0 })
        };
        let founding = Self {
            root: Founded { said: TrustRoot::read(&root)?, envelope: root },
            status: Founded { said: Status::read(&status)?, envelope: status },
            enrolments: wire.enrolments.into_iter().map(enrol).collect::<Result<_, FoundingError>>()?,
            places: wire.places.into_iter().map(place).collect::<Result<_, FoundingError>>()?,
        };
        founding.checked()
    }

    /// Encodes it with the signatures so far.
    ///
    /// # Errors
    /// `FoundingError` when it is too large.
    pub fn encode(&self) -> Result<Vec<u8>, FoundingError> {
        let place = |place: &FoundedPlace| {
            Ok(WirePlace {
                statement: Draft::of(&place.statement.envelope)?,
                policy: Bytes(place.policy.clone()),
                configuration: Bytes(place.configuration.clone()),
            })
        };
        let enrolments = self.enrolments.iter().map(|enrolment| Draft::of(&enrolment.envelope));
        let wire = Wire {
            v: 1,
            root: Draft::of(&self.root.envelope)?,
            status: Draft::of(&self.status.envelope)?,
            enrolments: enrolments.collect::<Result<_, _>>()?,
            places: self.places.iter().map(place).collect::<Result<_, FoundingError>>()?,
        };
        let bytes = canonical::encode("founding", &wire)?;
        if bytes.len() > BYTES_MAX { Err(FoundingError::Rule("it is too large")) } else { Ok(bytes) }
    }

    /// The installation.
    #[must_use]
    pub const fn installation(&self) -> Id {
        self.root.said.installation
    }

    /// All statements, in the order in which they are signed.
    pub fn signables(&mut self) -> Vec<Signable<'_>> {
        let root = &self.root.said;
        let (mode, quorums) =
            (root.mode, [&root.holders, &root.status, &root.registrars, &root.policy].map(Clone::clone));
        let [holders, signers, registrars, policy] = quorums;
        let one = |what: String, namespace, quorum: &Quorum, envelope| Signable {
            what,
            namespace,
            quorum: quorum.clone(),
            barred: None,
            envelope,
        };
        let mut all = vec![
            one("trust root version 1".into(), trust_root::NAMESPACE, &holders, &mut self.root.envelope),
            one("status 1".into(), status::NAMESPACE, &signers, &mut self.status.envelope),
        ];
        for Founded { said, envelope } in &mut self.enrolments {
            let barred = (mode != Mode::Solo).then(|| said.subject.clone());
            let what = format!("enrolment of {}", said.name);
            all.push(Signable { barred, ..one(what, enrolment::NAMESPACE, &registrars, envelope) });
        }
        for FoundedPlace { statement: Founded { said, envelope }, .. } in &mut self.places {
            let what = format!("statement 1 of {}", said.place());
            all.push(one(what, environment::NAMESPACE, &policy, envelope));
        }
        all
    }

    /// Adds the signatures of a copy.
    ///
    /// # Errors
    /// `FoundingError` if the copy is not of the same statements.
    pub fn unite(&mut self, mut copy: Self) -> Result<(), FoundingError> {
        let same = FoundingError::Rule("the copies are not of the same statements");
        let theirs = copy.signables();
        let mine = self.signables();
        if mine.len() != theirs.len() {
            return Err(same);
        }
        for (mine, theirs) in mine.into_iter().zip(theirs) {
            if mine.envelope.payload_digest() != theirs.envelope.payload_digest() {
                return Err(same);
            }
            theirs.envelope.signatures().iter().cloned().for_each(|signature| mine.envelope.add(signature));
        }
        Ok(())
    }

    /// The statements that too few people have signed.
    ///
    /// # Errors
    /// `FoundingError` when a signature is invalid.
    pub fn unsigned(&mut self) -> Result<Vec<Unsigned>, FoundingError> {
        let mut lacking = Vec::new();
        for signable in self.signables() {
            let (found, needed) = (signable.signers()?.len(), signable.quorum.threshold);
            if found < needed as usize {
                lacking.push(Unsigned { what: signable.what, found, needed });
            }
        }
        Ok(lacking)
    }

    /// Checks that the statements belong together, and every signature.
    fn checked(mut self) -> Result<Self, FoundingError> {
        let rule = |holds: bool, text| if holds { Ok(()) } else { Err(FoundingError::Rule(text)) };
        let (root, status) = (&self.root.said, &self.status.said);
        rule(root.version == 1, "it begins with another root than version 1")?;
        let first = status.base.is_none() && status.number == 1;
        rule(first, "it begins with another status than a base with the number 1")?;
        rule(status.installation == root.installation, "the status is of another installation")?;
        rule((1..=PEOPLE_MAX).contains(&self.enrolments.len()), "it enrols nobody, or too many people")?;
        rule(self.places.len() <= PLACES_MAX, "it has too many places")?;
        let mut subjects = BTreeSet::new();
        for enrolment in self.enrolments.iter().map(|enrolment| &enrolment.said) {
            rule(enrolment.installation == root.installation, "an enrolment is of another installation")?;
            rule(subjects.insert(&enrolment.subject), "a person is enrolled twice")?;
        }
        let mut known = BTreeSet::new();
        for FoundedPlace { statement, policy, configuration } in &self.places {
            let said = &statement.said;
            rule(said.installation == root.installation, "a place is of another installation")?;
            rule(said.number == 1, "a place begins with another statement than number 1")?;
            rule(known.insert(said.place()), "a place stands twice")?;
            let named = [Digest::of(policy), Digest::of(configuration)];
            rule(
                named == [said.policy, said.configuration],
                "a place names another policy or configuration",
            )?;
        }
        for signable in self.signables() {
            signable.signers()?;
        }
        Ok(self)
    }
}

impl Signable<'_> {
    /// The different people whose signatures count.
    ///
    /// # Errors
    /// `FoundingError::Signature` when a signature is invalid.
    pub fn signers(&self) -> Result<BTreeSet<String>, FoundingError> {
        let signed = ssh::signers(self.envelope, self.namespace, &self.quorum.keys());
        let signed = signed.map_err(|error| FoundingError::Signature(self.what.clone(), error))?;
        let people = self.quorum.persons(&signed).into_iter().map(str::to_owned);
        Ok(people.filter(|subject| self.barred.as_ref() != Some(subject)).collect())
    }

    /// Whether a signature of this key would count and is missing.
    #[must_use]
    pub fn waits_for(&self, key: &SshKey) -> bool {
        let mut holders = self.quorum.holders.iter();
        let counts = holders.any(|it| it.key == *key && self.barred.as_ref() != Some(&it.subject));
        counts && !self.envelope.signatures().iter().any(|signature| signature.keyid == key.fingerprint())
    }
}

impl Draft {
    fn of(envelope: &Envelope) -> Result<Self, FoundingError> {
        let signature = |signature: &Signature| DraftSignature {
            keyid: signature.keyid.clone(),
            sig: Bytes(signature.sig.clone()),
        };
        Ok(Self {
            payload: Bytes(
                envelope
                    .payload(envelope.payload_type())
                    .map_err(|_| FoundingError::Rule("a statement has no payload"))?
                    .to_vec(),
            ),
            signatures: envelope.signatures().iter().map(signature).collect(),
        })
    }

    fn envelope(self, payload_type: &str) -> Result<Envelope, FoundingError> {
        let sorted = self.signatures.is_sorted_by(|a, b| a.keyid < b.keyid);
        if !sorted || self.signatures.len() > SIGNATURES_MAX || self.payload.0.len() > PAYLOAD_BYTES_MAX {
            return Err(FoundingError::Rule(
                "a statement is too long, or its signatures are unsorted or too many",
            ));
        }
        let mut envelope = Envelope::new(payload_type, self.payload.0);
        for DraftSignature { keyid, sig } in self.signatures {
            envelope.add(Signature { keyid, sig: sig.0 });
        }
        Ok(envelope)
    }
}

/// The first field in canonical order; no envelope begins with it.
const BEGINNING: &[u8] = b"{\"enrolments\":";
