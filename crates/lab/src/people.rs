//! People with their SSH keys, made from fixed seeds.

use evidence::Id;
use evidence::dsse::{Envelope, Signature};
use evidence::enrolment::{EnrolledKey, Enrolment, Grant, Purpose};
use evidence::ssh::SshKey;
use evidence::trust_root::Holder;
use ssh_encoding::Encode as _;
use ssh_key::private::{Ed25519Keypair, PrivateKey};
use ssh_key::{HashAlg, LineEnding};

use crate::fixed::{at, id, name};

/// A key pair.
#[derive(Debug)]
pub struct Pair {
    /// The public half.
    pub key: SshKey,
    private: PrivateKey,
}

/// A person: three keys, one for each purpose.
#[derive(Debug)]
pub struct Person {
    /// Name in lower case.
    pub label: &'static str,
    /// Random id of the enrolment.
    pub id: Id,
    /// Immutable subject.
    pub subject: String,
    /// Signs approvals, and root, enrolment, environment and status statements if the root allows it.
    pub approve: Pair,
    /// Signs requests.
    pub sign_in: Pair,
    /// Signs commits.
    pub commits: Pair,
}

impl Pair {
    /// A key pair made from a seed.
    #[must_use]
    pub fn from_seed(seed: u8) -> Self {
        let private = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
        let key = private.public_key().to_openssh().unwrap().parse().unwrap();
        Self { key, private }
    }

    /// Adds this key's signature.
    pub fn sign(&self, envelope: &mut Envelope, namespace: &str) {
        let signature = self.private.sign(namespace, HashAlg::Sha512, &envelope.pae()).unwrap();
        let mut sig = Vec::new();
        signature.encode(&mut sig).unwrap();
        envelope.add(Signature { keyid: self.key.fingerprint().to_owned(), sig });
    }

    /// An armoured signature, as git stores it.
    #[must_use]
    pub fn armoured(&self, namespace: &str, message: &[u8]) -> String {
        self.private.sign(namespace, HashAlg::Sha512, message).unwrap().to_pem(LineEnding::LF).unwrap()
    }
}

impl Person {
    /// A person whose id comes from a seed, and whose keys come from three seeds, shifted.
    #[must_use]
    pub fn new(label: &'static str, seed: u8, shift: u8) -> Self {
        Self {
            label,
            id: id(seed),
            subject: format!("test:{label}"),
            approve: Pair::from_seed(seed + shift),
            sign_in: Pair::from_seed(seed + shift + 1),
            commits: Pair::from_seed(seed + shift + 2),
        }
    }

    /// The person's address.
    #[must_use]
    pub fn email(&self) -> String {
        format!("{}@example.com", self.label)
    }

    /// The person as a holder of a quorum.
    #[must_use]
    pub fn holder(&self) -> Holder {
        Holder { subject: self.subject.clone(), key: self.approve.key.clone() }
    }

    /// An enrolment with roles, valid for a year.
    #[must_use]
    pub fn enrolment(&self, roles: &[&str]) -> Enrolment {
        let key = |pair: &Pair, purpose| EnrolledKey { key: pair.key.clone(), purposes: vec![purpose] };
        let grant = |role: &&str| Grant { role: name(role), project: None, environment: None };
        let mut grants: Vec<_> = roles.iter().map(grant).collect();
        grants.sort();
        Enrolment {
            v: 1,
            installation: id(1),
            person: self.id,
            subject: self.subject.clone(),
            name: self.label.to_owned(),
            emails: vec![self.email()],
            keys: vec![
                key(&self.approve, Purpose::Approve),
                key(&self.sign_in, Purpose::SignIn),
                key(&self.commits, Purpose::Commit),
            ],
            grants,
            issued: at(-86_400),
            expires: at(300 * 86_400),
            accounts: Vec::new(),
            eligible: Vec::new(),
            passkeys: Vec::new(),
            openpgp: Vec::new(),
        }
    }
}
