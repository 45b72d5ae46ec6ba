//! SSH certificates for one lease: a key is drawn, and an authority's key certifies it for minutes
//! (<https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.certkeys>).
//!
//! Invariant: a certificate names its principals, ends by itself after at most [`VALIDITY_MAX`], and permits nothing that was not
//! asked for: no forwarding, no terminal. Its key id is the lease, so a server's log and a list of revoked keys name it. Nothing
//! remains to be dropped at its end: the drawn key is overwritten, and the certificate has ended.

use std::time::Duration;

use evidence::Moment;
use ssh_key::certificate::{Builder, CertType};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};
use zeroize::Zeroizing;

use crate::error::SshError;
use crate::lease::LeaseId;
use crate::verifier::random;

/// Longest validity of a certificate.
pub const VALIDITY_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Highest number of principals of a certificate.
pub const PRINCIPALS_MAX: usize = 16;

/// The rights that a certificate gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshTerms {
    /// Accounts, or names that the server maps to accounts; at least one.
    pub principals: Vec<String>,
    /// Validity from now on.
    pub validity: Duration,
    /// The only command that the server runs with it; absent if the step chooses.
    pub command: Option<String>,
    /// Addresses or networks, such as `10.0.0.0/8`, from which alone it counts; everywhere if empty.
    pub sources: Vec<String>,
    /// Whether the server gives a terminal.
    pub terminal: bool,
}

/// A key with its certificate, for one lease.
pub struct SshCredential {
    /// The private key in OpenSSH's form.
    pub key: Zeroizing<String>,
    /// The certificate, one line, as it lies beside the key in a file that ends with `-cert.pub`.
    pub certificate: String,
}

impl std::fmt::Debug for SshCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SshCredential").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Makes a credential under an authority's private key, in OpenSSH's form and without a passphrase.
///
/// # Errors
/// `SshError` if the authority's key or the terms are unsound.
pub fn certify(
    authority: &str,
    terms: &SshTerms,
    lease: LeaseId,
    now: Moment,
) -> Result<SshCredential, SshError> {
    terms.check()?;
    // The parser's own words could quote a part of the key.
    let authority = PrivateKey::from_openssh(authority).map_err(|_| SshError::Authority)?;
    let can_sign = !authority.is_encrypted() && matches!(authority.key_data(), KeypairData::Ed25519(_));
    if !can_sign {
        return Err(SshError::Authority);
    }
    let seed = Zeroizing::new(random::<32>().map_err(|_| SshError::Randomness)?);
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    let nonce: [u8; 16] = random().map_err(|_| SshError::Randomness)?;
    let from = now.millis() / 1_000;
    let until = from.saturating_add(terms.validity.as_secs());
    let certificate = || -> ssh_key::Result<String> {
        // A server's clock may be a little behind.
        let mut builder =
            Builder::new(nonce, key.public_key().key_data().clone(), from.saturating_sub(SKEW), until)?;
        builder.cert_type(CertType::User)?.key_id(lease.to_string())?;
        for principal in &terms.principals {
            builder.valid_principal(principal)?;
        }
        if let Some(command) = &terms.command {
            builder.critical_option("force-command", command)?;
        }
        if !terms.sources.is_empty() {
            builder.critical_option("source-address", terms.sources.join(","))?;
        }
        if terms.terminal {
            builder.extension("permit-pty", "")?;
        }
        builder.sign(&authority)?.to_openssh()
    };
    let certificate = certificate().map_err(|_| SshError::Terms("they cannot be certified"))?;
    let key = key.to_openssh(LineEnding::LF).map_err(|_| SshError::Terms("the drawn key has no form"))?;
    Ok(SshCredential { key, certificate })
}

impl SshTerms {
    fn check(&self) -> Result<(), SshError> {
        let wrong = |what| Err(SshError::Terms(what));
        // A certificate without principals counts for every account (PROTOCOL.certkeys, "valid principals").
        if self.principals.is_empty() || self.principals.len() > PRINCIPALS_MAX {
            return wrong("name 1 to 16 principals");
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
        if self.principals.iter().any(|name| !(1..=64).contains(&name.len()) || !name.chars().all(is_plain)) {
            return wrong("a principal has 1 to 64 letters, digits, `.`, `_`, `-` and `@`");
        }
        let is_source = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '/');
        if self.sources.len() > 16
            || self.sources.iter().any(|one| one.is_empty() || !one.chars().all(is_source))
        {
            return wrong("a source is an address or a network such as `10.0.0.0/8`, at most 16 of them");
        }
        if self
            .command
            .as_ref()
            .is_some_and(|command| command.is_empty() || command.len() > 4_096 || command.contains('\0'))
        {
            return wrong("a command has 1 to 4,096 bytes and no NUL");
        }
        if self.validity < Duration::from_secs(1) || self.validity > VALIDITY_MAX {
            return wrong("a certificate is valid for 1 second to 24 hours");
        }
        Ok(())
    }
}

/// Seconds that a server's clock may be behind.
const SKEW: u64 = 60;
