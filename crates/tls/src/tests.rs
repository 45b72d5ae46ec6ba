//! Handshakes in memory: what succeeds, and its mutations.

use std::io;
use std::sync::Arc;

use evidence::machine::MachineSigner;
use evidence::{Digest, Id, Moment};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_rustls::TlsConnector;

use crate::own_authority::WITNESS;
use crate::*;

pub fn now() -> Moment {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Moment::from_millis(u64::try_from(since.as_millis()).unwrap()).unwrap()
}

pub fn installation(byte: u8) -> Id {
    Id::from_random([byte; 16])
}

pub fn id(role: Role, name: &str) -> SpiffeId {
    SpiffeId { installation: installation(1), role, name: name.parse().unwrap() }
}

pub fn issued(authority: &Authority, id: &SpiffeId, at: Moment) -> Identity {
    let key = TransportKey::draw().unwrap();
    Identity::new(&key, authority.issue(id, &[], &key.public().unwrap(), at).unwrap()).unwrap()
}

pub fn trust(authorities: Vec<Digest>) -> Trust {
    Trust::Server { installation: installation(1), authorities }
}

pub fn pinned(authority: &Authority) -> Trust {
    trust(vec![authority.digest()])
}

/// What both sides say of one connection that carries a byte each way.
pub struct Met {
    pub client: io::Result<()>,
    pub server: io::Result<Option<PeerCertificate>>,
}

impl Met {
    pub fn refusal(self) -> String {
        let Self { client, server } = self;
        format!("client: {}; server: {}", said(client), said(server.map(drop)))
    }
}

pub fn said(result: io::Result<()>) -> String {
    result.map_or_else(|error| error.to_string(), |()| "fine".into())
}

pub async fn meet(served: &Served, config: ClientConfig) -> Met {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    meet_over(served, config, ours, theirs).await
}

/// The same over two ends that somebody else connects.
pub async fn meet_over(
    served: &Served,
    config: ClientConfig,
    ours: DuplexStream,
    theirs: DuplexStream,
) -> Met {
    let served = served.clone();
    let server = tokio::spawn(async move {
        let (mut stream, certificate) = accept(&served, theirs).await?;
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        stream.write_all(&byte).await?;
        stream.shutdown().await?;
        Ok(certificate)
    });
    let connector = TlsConnector::from(Arc::new(config));
    let client = async {
        let host = ServerName::try_from("10.0.0.1").unwrap();
        let mut stream = connector.connect(host, ours).await?;
        let mut byte = [7];
        stream.write_all(&byte).await?;
        stream.read_exact(&mut byte).await.map(drop)
    };
    let client = client.await;
    Met { client, server: server.await.unwrap() }
}

#[tokio::test]
async fn both_sides_prove_who_they_are() {
    let authority = Authority::make(installation(1), now()).unwrap();
    let authority =
        Authority::from_pem(installation(1), &authority.key_pem(), &authority.certificate_pem().unwrap())
            .unwrap();
    let served =
        Served::new(&issued(&authority, &id(Role::Server, "server"), now()), Some(&authority)).unwrap();
    let runner = issued(&authority, &id(Role::Runner, "runner-1"), now());
    let met = meet(&served, client_config(&pinned(&authority), Some(&runner)).unwrap()).await;
    met.client.unwrap();
    let shown = met.server.unwrap().unwrap();
    assert_eq!(shown.id, id(Role::Runner, "runner-1"));
    // The connection may outlive the certificate.
    let of = |installation, machine: &str, at| shown.is_of(installation, &machine.parse().unwrap(), at);
    of(installation(1), "runner-1", now()).unwrap();
    for (refused, reason) in [
        (of(installation(1), "runner-1", now().later_by(VALIDITY * 2)), "has expired"),
        (of(installation(1), "runner-2", now()), "and the claim is of `runner-2`"),
        (of(installation(2), "runner-1", now()), "and the claim is of `runner-1`"),
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    // The server's own certificate is no machine's.
    let server = issued(&authority, &id(Role::Server, "runner-1"), now());
    let met = meet(&served, client_config(&pinned(&authority), Some(&server)).unwrap()).await;
    let refused = met.server.unwrap().unwrap().is_of(installation(1), &"runner-1".parse().unwrap(), now());
    assert!(refused.unwrap_err().to_string().contains("/server/runner-1"));
    // A person has no certificate.
    let met = meet(&served, client_config(&pinned(&authority), None).unwrap()).await;
    met.client.unwrap();
    assert!(met.server.unwrap().is_none());
}

#[tokio::test]
async fn a_new_identity_is_shown_from_the_next_connection_on() {
    let (old, new) =
        (Authority::make(installation(1), now()).unwrap(), Authority::make(installation(1), now()).unwrap());
    let served = Served::new(&issued(&old, &id(Role::Server, "server"), now()), Some(&old)).unwrap();
    meet(&served, client_config(&pinned(&old), None).unwrap()).await.client.unwrap();
    served.replace(&issued(&new, &id(Role::Server, "server"), now()));
    meet(&served, client_config(&pinned(&new), None).unwrap()).await.client.unwrap();
    let refusal = meet(&served, client_config(&pinned(&old), None).unwrap()).await.refusal();
    assert!(refusal.contains("is the pinned one"), "{refusal}");
    // What proves itself above the transport needs no authority, and both may be believed for a while.
    meet(&served, client_config(&Trust::Unverified, None).unwrap()).await.client.unwrap();
    let both = trust(vec![old.digest(), new.digest()]);
    meet(&served, client_config(&both, None).unwrap()).await.client.unwrap();
}

#[tokio::test]
async fn attack_servers_that_pose_as_another() {
    let authority = Authority::make(installation(1), now()).unwrap();
    let stranger = Authority::make(installation(1), now()).unwrap();
    let day = VALIDITY;
    let elsewhere = SpiffeId { installation: installation(2), ..id(Role::Server, "server") };
    // RFC 5280, 6.1; RFC 8446, 4.4.2.4; CWE-295, CWE-297, CWE-298.
    for (shown, reason) in [
        (issued(&stranger, &id(Role::Server, "server"), now()), "is the pinned one"),
        (
            issued(&authority, &id(Role::Runner, "runner-1"), now()),
            "and the server of another or no installation was asked for",
        ),
        (issued(&authority, &elsewhere, now()), "and the server of another or no installation was asked for"),
        (issued(&authority, &id(Role::Server, "server"), now().later_by(day)), "not valid yet"),
        (issued(&authority, &id(Role::Server, "server"), earlier(day * 2)), "certificate expired"),
    ] {
        let served = Served::new(&shown, None).unwrap();
        let refusal = meet(&served, client_config(&pinned(&authority), None).unwrap()).await.refusal();
        assert!(refusal.contains(reason), "{refusal}");
    }
}

#[tokio::test]
async fn attack_a_chain_that_carries_the_authority_and_was_signed_by_another() {
    let authority = Authority::make(installation(1), now()).unwrap();
    let stranger = Authority::make(installation(1), now()).unwrap();
    let key = TransportKey::draw().unwrap();
    let forged = stranger.issue(&id(Role::Server, "server"), &[], &key.public().unwrap(), now()).unwrap();
    let genuine = authority.issue(&id(Role::Server, "server"), &[], &key.public().unwrap(), now()).unwrap();
    let beside = vec![forged.certificates()[0].clone(), genuine.certificates()[1].clone()];
    let served = Served::new(&Identity::new(&key, Chain::new(beside).unwrap()).unwrap(), None).unwrap();
    let refusal = meet(&served, client_config(&pinned(&authority), None).unwrap()).await.refusal();
    assert!(refusal.contains("BadSignature") || refusal.contains("signature"), "{refusal}");
}

#[tokio::test]
async fn attack_clients_with_wrong_certificates() {
    let authority = Authority::make(installation(1), now()).unwrap();
    let stranger = Authority::make(installation(1), now()).unwrap();
    let served =
        Served::new(&issued(&authority, &id(Role::Server, "server"), now()), Some(&authority)).unwrap();
    for (shown, reason) in [
        (issued(&stranger, &id(Role::Runner, "runner-1"), now()), "signature"),
        (issued(&authority, &id(Role::Runner, "runner-1"), earlier(VALIDITY * 2)), "expired"),
        (issued(&authority, &id(Role::Runner, "runner-1"), now().later_by(VALIDITY)), "not valid yet"),
    ] {
        let met = meet(&served, client_config(&pinned(&authority), Some(&shown)).unwrap()).await;
        let server = said(met.server.map(drop));
        assert!(server.to_lowercase().contains(reason), "{server}");
        met.client.unwrap_err();
    }
    // A certificate without the private key that belongs to it (CWE-322).
    let chain = issued(&authority, &id(Role::Runner, "runner-1"), now()).chain().clone();
    let error = Identity::new(&TransportKey::draw().unwrap(), chain).unwrap_err();
    assert_eq!(error.to_string(), "the private key does not belong to the certificate");
}

#[tokio::test]
async fn a_witness_vouches_for_itself_without_any_authority() {
    let signer = MachineSigner::from_seed([3; 32]).unwrap();
    let identity = OwnAuthority::new(signer.clone()).identity(now()).unwrap();
    let served = Served::new(&identity, None).unwrap();
    let good = client_config(&Trust::Witness(vec![*signer.public()]), None).unwrap();
    meet(&served, good).await.client.unwrap();
    let other = MachineSigner::from_seed([4; 32]).unwrap();
    for wrong in [Trust::Witness(vec![*other.public()]), trust(vec![Digest::of(b"another")])] {
        let refusal = meet(&served, client_config(&wrong, None).unwrap()).await.refusal();
        assert!(refusal.contains("is the pinned one"), "{refusal}");
    }
    // The authority of an installation is no witness, even one that names the right key in another certificate.
    let authority = Authority::make(installation(1), now()).unwrap();
    let server = Served::new(&issued(&authority, &id(Role::Server, "server"), now()), None).unwrap();
    let asked = client_config(&Trust::Witness(vec![*signer.public()]), None).unwrap();
    let refusal = meet(&server, asked).await.refusal();
    assert!(refusal.contains("is the pinned one"), "{refusal}");
    let old = OwnAuthority::new(signer.clone()).identity(earlier(VALIDITY * 2)).unwrap();
    let asked = client_config(&Trust::Witness(vec![*signer.public()]), None).unwrap();
    let refusal = meet(&Served::new(&old, None).unwrap(), asked).await.refusal();
    assert!(refusal.contains("certificate expired"), "{refusal}");
}

#[tokio::test]
async fn a_witness_renews_its_identity_at_two_thirds_of_a_day() {
    let signer = MachineSigner::from_seed([3; 32]).unwrap();
    let long_ago = earlier(VALIDITY * 2);
    let identity = OwnIdentity::new(OwnAuthority::new(signer.clone()), long_ago).unwrap();
    let config = || client_config(&Trust::Witness(vec![*signer.public()]), None).unwrap();
    assert!(meet(identity.served(), config()).await.refusal().contains("certificate expired"));
    assert!(!identity.renew(long_ago.later_by(VALIDITY * 2 / 3)).unwrap(), "it is young");
    assert!(identity.renew(now()).unwrap());
    meet(identity.served(), config()).await.client.unwrap();
    assert!(!identity.renew(now().later_by(VALIDITY / 2)).unwrap());
    assert!(identity.renew(long_ago).unwrap(), "the clock ran back");
}

/// While a witness renews its key, readers who know either key believe it; those who know neither do not.
#[tokio::test]
async fn a_witness_is_believed_by_its_present_and_by_its_next_key() {
    let [present, next, other] = [3, 4, 5].map(|byte| MachineSigner::from_seed([byte; 32]).unwrap());
    let identity = OwnIdentity::new(OwnAuthority::new(present.clone()), now()).unwrap();
    let refusal = async |signer: &MachineSigner| {
        let config = client_config(&Trust::Witness(vec![*signer.public()]), None).unwrap();
        let met = meet(identity.served(), config).await;
        met.client.is_err().then(|| met.refusal())
    };
    assert_eq!(refusal(&present).await, None);
    assert!(refusal(&next).await.unwrap().contains("is the pinned one"));
    identity.change(OwnAuthority::new(present.clone()).with_next(next.clone()), now()).unwrap();
    assert_eq!((refusal(&present).await, refusal(&next).await), (None, None));
    assert!(refusal(&other).await.unwrap().contains("is the pinned one"));
    identity.change(OwnAuthority::new(next.clone()), now()).unwrap();
    assert!(refusal(&present).await.unwrap().contains("is the pinned one"));
    assert_eq!(refusal(&next).await, None);
    // Nobody becomes a witness by adding the witness's certificate to a chain of another key.
    let honest = OwnAuthority::new(next.clone()).identity(now()).unwrap();
    let forger = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let forger = rcgen::Issuer::new(authority::parameters_of_authority(WITNESS, now()), forger);
    let key = TransportKey::draw().unwrap();
    let names = vec![authority::dns(WITNESS).unwrap()];
    let leaf = authority::issued(names, &key.public().unwrap(), &forger, now()).unwrap();
    let chain = [&[leaf][..], &honest.chain().certificates()[1..]].concat();
    let forged = Identity::new(&key, Chain::new(chain).unwrap()).unwrap();
    let config = client_config(&Trust::Witness(vec![*next.public()]), None).unwrap();
    let refusal = meet(&Served::new(&forged, None).unwrap(), config).await.refusal();
    assert!(refusal.to_lowercase().contains("certificate"), "{refusal}");
}

#[tokio::test]
async fn a_certificate_from_files_is_believed_for_its_host() {
    // An organisation's authority names hosts, not roles.
    let key = rcgen::KeyPair::generate().unwrap();
    let mut organisation = rcgen::CertificateParams::default();
    organisation.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = organisation.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(organisation, &key);
    let of_host = |host: &str| {
        let leaf_key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        let leaf = leaf.signed_by(&leaf_key, &issuer).unwrap();
        Identity::from_pem(&(leaf.pem() + &authority.pem()), &leaf_key.serialize_pem()).unwrap()
    };
    let right = of_host("10.0.0.1");
    let trust = trust(vec![right.chain().authority()]);
    let config = || client_config(&trust, None).unwrap();
    meet(&Served::new(&right, None).unwrap(), config()).await.client.unwrap();
    let refusal = meet(&Served::new(&of_host("10.0.0.2"), None).unwrap(), config()).await.refusal();
    assert!(refusal.contains("not valid for name"), "{refusal}");
    assert_eq!(Chain::from_pem(&right.chain().to_pem()).unwrap(), *right.chain());
    for (bad, reason) in [("", "no certificate"), (&right.chain().to_pem().repeat(5), "more certificates")] {
        let error = Chain::from_pem(bad).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

pub fn earlier(by: std::time::Duration) -> Moment {
    Moment::from_millis(now().millis() - u64::try_from(by.as_millis()).unwrap()).unwrap()
}
