//! A role that vouches for its own transport: its Ed25519 key, which the trust root names, signs its certificates.
//!
//! Witnesses are reached in this way. They have to answer however long the server, and with it the installation's
//! authority, is down. A certificate's bytes begin with the tag of a sequence (0x30), and a cosigned message with
//! `cosignature/v1`, so a signature over one never passes for one over the other.

use std::sync::{Mutex, MutexGuard, PoisonError};

use evidence::Moment;
use evidence::machine::{MachineKey, MachineSigner};
use rcgen::{Issuer, PKCS_ED25519, PublicKeyData, SignatureAlgorithm, SigningKey};

use crate::authority::{VALIDITY, dns, issued, parameters_of_authority};
use crate::certificate::Chain;
use crate::error::TlsError;
use crate::identity::Identity;
use crate::serve::Served;
use crate::transport_key::TransportKey;

/// A key that signs the certificates of the role that holds it.
#[derive(Debug)]
pub struct OwnAuthority {
    signer: MachineSigner,
    next: Option<MachineSigner>,
}

struct Signer<'a>(&'a MachineSigner);

impl OwnAuthority {
    /// The authority of this key.
    #[must_use]
    pub const fn new(signer: MachineSigner) -> Self {
        Self { signer, next: None }
    }

    /// The same while the key is renewed: the next key vouches for the present one, so that readers who know either of them believe the
    /// certificate.
    #[must_use]
    pub fn with_next(self, next: MachineSigner) -> Self {
        Self { next: Some(next), ..self }
    }

    /// A new key for connections, with a certificate of a day.
    ///
    /// # Errors
    /// `TlsError` when the key, in memory or in a device, does not sign.
    pub fn identity(&self, now: Moment) -> Result<Identity, TlsError> {
        let key = TransportKey::draw()?;
        let parameters = || parameters_of_authority(WITNESS, now);
        let issuer = |signer| Issuer::new(parameters(), Signer(signer));
        let leaf = issued(vec![dns(WITNESS)?], &key.public()?, &issuer(&self.signer), now)?;
        let present = Signer(&self.signer);
        let authorities = match &self.next {
            None => vec![parameters().self_signed(&present)?],
            Some(next) => vec![
                parameters().signed_by(&present, &issuer(next))?,
                parameters().self_signed(&Signer(next))?,
            ],
        };
        let authorities = authorities.iter().map(|certificate| certificate.der().clone());
        Identity::new(&key, Chain::new(std::iter::once(leaf).chain(authorities).collect())?)
    }
}

/// A listener's identity that a key vouches for, which is replaced as time goes on.
#[derive(Debug)]
pub struct OwnIdentity {
    served: Served,
    issued: Mutex<Issued>,
}

/// The authority of the identity that is shown, and when that was issued.
#[derive(Debug)]
struct Issued(OwnAuthority, Moment);

impl OwnIdentity {
    /// The first identity of a listener.
    ///
    /// # Errors
    /// `TlsError` when the key does not sign.
    pub fn new(authority: OwnAuthority, now: Moment) -> Result<Self, TlsError> {
        let served = Served::new(&authority.identity(now)?, None)?;
        Ok(Self { served, issued: Mutex::new(Issued(authority, now)) })
    }

    /// The identity, for a listener.
    #[must_use]
    pub const fn served(&self) -> &Served {
        &self.served
    }

    /// Shows a new identity, if two thirds of the old one's validity are over or the clock ran back; answers whether it did.
    ///
    /// # Errors
    /// `TlsError` when the key does not sign; the old identity stays in use.
    pub fn renew(&self, now: Moment) -> Result<bool, TlsError> {
        let mut issued = self.issued();
        let Issued(authority, since) = &*issued;
        if (*since..=since.later_by(VALIDITY * 2 / 3)).contains(&now) {
            return Ok(false);
        }
        self.served.replace(&authority.identity(now)?);
        issued.1 = now;
        Ok(true)
    }

    /// Shows a new identity of another authority from now on.
    ///
    /// # Errors
    /// `TlsError` when one of its keys does not sign; the old identity and authority stay in use.
    pub fn change(&self, authority: OwnAuthority, now: Moment) -> Result<(), TlsError> {
        let mut issued = self.issued();
        self.served.replace(&authority.identity(now)?);
        *issued = Issued(authority, now);
        Ok(())
    }

    fn issued(&self) -> MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public().as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0
            .key()
            .sign(message)
            .map(|signature| signature.to_vec())
            .map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// Whether a certificate's key is this Ed25519 key (<https://www.rfc-editor.org/rfc/rfc8410#section-4>).
pub fn is_of(certificate: &rustls::pki_types::CertificateDer<'_>, key: &MachineKey) -> bool {
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else { return false };
    parsed.subject_public_key_info().as_ref() == [SPKI_HEAD, key.as_bytes()].concat()
}

/// The name in the certificate of every witness: its key, which the trust root names, tells which one it is.
pub const WITNESS: &str = "witness.countersign.internal";
/// `SubjectPublicKeyInfo` of an Ed25519 key up to its 32 bytes.
const SPKI_HEAD: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
