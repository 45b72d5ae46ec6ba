//! The installation's authority: it issues the certificates of roles.
//!
//! Invariant: a certificate is valid for a day and names one role. The authority proves transport only; the trust root may
//! name its digest, so that its holders can replace a lost one. The clock comes from the caller.

use std::time::Duration;

use evidence::{Digest, Id, Moment};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PublicKeyData, SanType, SigningKey,
};
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::certificate::Chain;
use crate::error::TlsError;
use crate::identity::Identity;
use crate::spiffe::SpiffeId;
use crate::transport_key::{PublicKey, TransportKey};

/// Validity of a role's certificate.
pub const VALIDITY: Duration = Duration::from_hours(24);

/// The installation's authority.
#[derive(Debug)]
pub struct Authority {
    installation: Id,
    key: TransportKey,
    certificate: CertificateDer<'static>,
}

impl Authority {
    /// Makes an authority.
    ///
    /// # Errors
    /// `TlsError` when there is no randomness, or the certificate cannot be encoded.
    pub fn make(installation: Id, now: Moment) -> Result<Self, TlsError> {
        Self::of_key(installation, TransportKey::draw()?, now)
    }

    /// Makes the certificate of an authority whose key exists.
    ///
    /// # Errors
    /// `TlsError` when the certificate cannot be encoded.
    pub fn of_key(installation: Id, key: TransportKey, now: Moment) -> Result<Self, TlsError> {
        let parameters = parameters_of_authority(&installation.to_string(), now);
        let certificate = parameters.self_signed(key.pair())?.der().clone();
        Ok(Self { installation, key, certificate })
    }

    /// An authority from the texts of its key file and its certificate.
    ///
    /// # Errors
    /// `TlsError` when they are not of one authority.
    pub fn from_pem(installation: Id, key: &str, certificate: &str) -> Result<Self, TlsError> {
        let key = TransportKey::from_pem(key)?;
        let chain = Chain::from_pem(certificate)?;
        let [certificate] = chain.certificates() else { return Err(TlsError::Pair) };
        // The library compares the keys.
        Identity::new(&key, chain.clone())?;
        Ok(Self { installation, key, certificate: certificate.clone() })
    }

    /// Text of the key file, which is secret.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.key.to_pem()
    }

    /// Text of the certificate.
    ///
    /// # Errors
    /// `TlsError::Chain` never happens for one certificate.
    pub fn certificate_pem(&self) -> Result<String, TlsError> {
        Ok(Chain::new(vec![self.certificate.clone()])?.to_pem())
    }

    /// The installation.
    #[must_use]
    pub const fn installation(&self) -> Id {
        self.installation
    }

    /// Digest of the certificate, which pins and roots name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.certificate)
    }

    pub(crate) const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Issues a certificate for a role's public key, and for further hosts by which the role is reached.
    ///
    /// # Errors
    /// `TlsError::Making` when it cannot be encoded.
    pub fn issue(
        &self,
        id: &SpiffeId,
        hosts: &[String],
        key: &PublicKey,
        now: Moment,
    ) -> Result<Chain, TlsError> {
        let issuer =
            Issuer::new(parameters_of_authority(&self.installation.to_string(), now), self.key.pair());
        let mut names = CertificateParams::new(hosts.to_vec())?.subject_alt_names;
        names.push(dns(&id.dns_name())?);
        names.push(SanType::URI(id.to_string().try_into()?));
        let leaf = issued(names, key, &issuer, now)?;
        Chain::new(vec![leaf, self.certificate.clone()])
    }
}

/// A host among the names of a certificate.
pub fn dns(name: &str) -> Result<SanType, TlsError> {
    Ok(SanType::DnsName(name.try_into()?))
}

/// A role's certificate of a day for these names.
pub fn issued(
    names: Vec<SanType>,
    key: &impl PublicKeyData,
    issuer: &Issuer<'_, impl SigningKey>,
    now: Moment,
) -> Result<CertificateDer<'static>, TlsError> {
    let mut leaf = CertificateParams::default();
    leaf.subject_alt_names = names;
    leaf.distinguished_name = named("countersign role");
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    leaf.use_authority_key_identifier_extension = true;
    (leaf.not_before, leaf.not_after) = (earlier(now)?, time_of(now.later_by(VALIDITY))?);
    Ok(leaf.signed_by(key, issuer)?.der().clone())
}

/// The parameters of an authority's certificate. An issuer uses the name and the key's identifier among them.
pub fn parameters_of_authority(of: &str, now: Moment) -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name = named(&format!("countersign {of}"));
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    // Times that cannot be encoded are of no date that a clock shows; the library's own are used then.
    if let (Ok(from), Ok(until)) = (earlier(now), time_of(now.later_by(AUTHORITY_VALIDITY))) {
        (authority.not_before, authority.not_after) = (from, until);
    }
    authority
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Other hosts' clocks may be a little late.
fn earlier(now: Moment) -> Result<OffsetDateTime, TlsError> {
    let skew = u64::try_from(SKEW.as_millis()).unwrap_or_default();
    time_of(Moment::from_millis(now.millis().saturating_sub(skew)).unwrap_or(now))
}

fn time_of(moment: Moment) -> Result<OffsetDateTime, TlsError> {
    let seconds =
        i64::try_from(moment.millis() / 1000).map_err(|error| TlsError::Making(error.to_string()))?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| TlsError::Making(error.to_string()))
}

/// A lost authority is replaced by the root's holders, so its certificate does not have to end early.
const AUTHORITY_VALIDITY: Duration = Duration::from_hours(24 * 365 * 10);
const SKEW: Duration = Duration::from_mins(5);
