//! Further ways by which a person is known, in an enrolment: accounts of forges, passkeys, OpenPGP certificates. Format:
//! `docs/formats/enrolment.md`.
//!
//! Invariant: a forge's account is named by its id, which stays when the account is renamed. A passkey is a public key of
//! an algorithm that this program can verify. Nothing here verifies a signature.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use serde::{Deserialize, Serialize};

use crate::Bytes;
use crate::domain_name::Domain;
use crate::purpose::Purpose;

/// Highest number of accounts in one enrolment.
pub const ACCOUNTS_MAX: usize = 16;
/// Highest number of passkeys in one enrolment.
pub const PASSKEYS_MAX: usize = 8;
/// Highest number of OpenPGP certificates in one enrolment.
pub const OPENPGP_MAX: usize = 4;

/// An account of a forge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgeAccount {
    /// Host of the forge.
    pub forge: Domain,
    /// Id of the account there, which never changes.
    pub id: AccountId,
}

/// Id of an account of a forge: 1 to 100 printable ASCII characters without a blank.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// A passkey (<https://www.w3.org/TR/webauthn-3/>).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passkey {
    /// Id of the credential, at most 1023 bytes.
    pub credential: Bytes,
    /// Algorithm of its signatures.
    pub algorithm: PasskeyAlgorithm,
    /// Its public key: an uncompressed point for `es256`, 32 bytes for `ed-dsa`, an `RSAPublicKey` (DER) for `rs256`.
    pub key: Bytes,
    /// Purposes of the key, sorted: `sign-in` or `approve`.
    pub purposes: Vec<Purpose>,
}

/// Algorithms of passkeys (<https://www.iana.org/assignments/cose/cose.xhtml#algorithms>: -7, -8, -257).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasskeyAlgorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
}

/// An OpenPGP certificate (<https://www.rfc-editor.org/rfc/rfc9580#section-10.1>), binary, 1 to 8192 bytes. It only
/// signs commits and tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenPgp {
    /// Packets of the certificate.
    pub certificate: Bytes,
}

/// The text is not the id of an account.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not the id of an account: expected 1 to 100 printable characters without a blank")]
pub struct AccountIdError(String);

impl Passkey {
    /// Whether its fields belong together.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let bytes = self.key.0.as_slice();
        let (algorithm, shape): (&'static dyn VerificationAlgorithm, bool) = match self.algorithm {
            // Only the uncompressed form, so that a key has one spelling (<https://www.secg.org/sec1-v2.pdf>, 2.3.3).
            PasskeyAlgorithm::Es256 => {
                (&ECDSA_P256_SHA256_ASN1, bytes.len() == 65 && bytes.first() == Some(&4))
            }
            PasskeyAlgorithm::EdDsa => (&ED25519, bytes.len() == 32),
            PasskeyAlgorithm::Rs256 => (&RSA_PKCS1_2048_8192_SHA256, bytes.len() <= 1100),
        };
        let purposes = !self.purposes.is_empty()
            && self.purposes.is_sorted_by(|a, b| a < b)
            && !self.purposes.contains(&Purpose::Commit);
        let named = (1..=1023).contains(&self.credential.0.len());
        named && purposes && shape && ParsedPublicKey::new(algorithm, bytes).is_ok()
    }
}

impl OpenPgp {
    /// Whether it begins with a public key packet and is not too long.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let bytes = &self.certificate.0;
        // Packet type 6, in the older and in the newer form of a header (<https://www.rfc-editor.org/rfc/rfc9580#section-4.2>).
        let begins = bytes.first().is_some_and(|first| matches!(first, 0x98..=0x9a | 0xc6));
        begins && (2..=8192).contains(&bytes.len())
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sound = (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if sound { Ok(Self(text.to_owned())) } else { Err(AccountIdError(text.chars().take(80).collect())) }
    }
}

impl TryFrom<String> for AccountId {
    type Error = AccountIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0
    }
}
