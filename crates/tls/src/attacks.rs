//! Certificates that are wrong in one respect: each is a mutation of one that is believed.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, NameConstraints, PKCS_ECDSA_P256_SHA256, SanType,
};

use crate::authority::{dns, parameters_of_authority};
use crate::tests::{id, installation, meet, now, pinned, said};
use crate::*;

/// An authority that signs what it is told to.
struct Issuing {
    authority: Authority,
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A change of a certificate, its name, and the words with which it is refused.
type Change<'a> = (&'a str, &'a dyn Fn(&mut CertificateParams), &'a str);

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn spiffe(rest: &str) -> SanType {
    uri(&format!("spiffe://{}/{rest}", installation(1)))
}

/// The certificate of a role as the authority issues it.
fn of_role(id: &SpiffeId) -> CertificateParams {
    let mut leaf = CertificateParams::default();
    leaf.subject_alt_names = vec![dns(&id.dns_name()).unwrap(), uri(&id.to_string())];
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    leaf
}

impl Issuing {
    fn new(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut parameters = parameters_of_authority(&installation(1).to_string(), now());
        change(&mut parameters);
        let key = key();
        let pem = parameters.self_signed(&key).unwrap().pem();
        let authority = Authority::from_pem(installation(1), &key.serialize_pem(), &pem).unwrap();
        Self { authority, issuer: Issuer::new(parameters, key), pem }
    }

    /// The identity of a role whose certificate was changed before it was signed.
    fn issues(&self, id: &SpiffeId, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let (key, mut leaf) = (key(), of_role(id));
        change(&mut leaf);
        let leaf = leaf.signed_by(&key, &self.issuer).unwrap().pem();
        Identity::unread(&(leaf + &self.pem), &key.serialize_pem())
    }

    /// The identity of a role that another role signed, as if its certificate were an authority's.
    fn signed_by_a_role(&self, id: &SpiffeId, by: &SpiffeId) -> Identity {
        let (above, below) = (key(), key());
        let role = of_role(by).signed_by(&above, &self.issuer).unwrap().pem();
        let leaf = of_role(id).signed_by(&below, &Issuer::new(of_role(by), above)).unwrap().pem();
        Identity::from_pem(&(leaf + &role + &self.pem), &below.serialize_pem()).unwrap()
    }

    /// The authority's certificate itself.
    fn itself(&self) -> Identity {
        Identity::from_pem(&self.pem, &self.issuer.key().serialize_pem()).unwrap()
    }

    /// The words of a client that asks for the server of this authority.
    async fn asked(&self, shown: &Identity) -> String {
        let served = Served::new(shown, None).unwrap();
        meet(&served, client_config(&pinned(&self.authority), None).unwrap()).await.refusal()
    }

    /// The words of the server about a client with this identity.
    async fn met(&self, shown: &Identity) -> String {
        let own = self.issues(&id(Role::Server, "server"), |_| {});
        let served = Served::new(&own, Some(&self.authority)).unwrap();
        let config = client_config(&pinned(&self.authority), Some(shown)).unwrap();
        said(meet(&served, config).await.server.map(drop))
    }
}

fn alone(usage: ExtendedKeyUsagePurpose) -> impl Fn(&mut CertificateParams) {
    move |leaf| leaf.extended_key_usages = vec![usage.clone()]
}

fn is_an_authority(leaf: &mut CertificateParams) {
    leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn has_an_unknown_critical_extension(leaf: &mut CertificateParams) {
    let mut unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
    unknown.set_criticality(true);
    leaf.custom_extensions.push(unknown);
}

fn has_a_common_name_alone(leaf: &mut CertificateParams) {
    leaf.subject_alt_names.clear();
    leaf.distinguished_name = DistinguishedName::new();
    leaf.distinguished_name.push(DnType::CommonName, "10.0.0.1");
}

#[tokio::test]
async fn attack_a_servers_certificate_that_is_wrong_in_one_respect() {
    let issuing = Issuing::new(|_| {});
    let server = id(Role::Server, "server");
    assert_eq!(issuing.asked(&issuing.issues(&server, |_| {})).await, "client: fine; server: fine");
    let clients_alone = alone(ExtendedKeyUsagePurpose::ClientAuth);
    let host = SanType::IpAddress([10, 0, 0, 1].into());
    let no_role = "not exactly one role of an installation";
    let changes: [Change<'_>; 9] = [
        // Each of these also names the host that is asked, as an organisation's certificate would.
        (
            "two roles",
            &|leaf| leaf.subject_alt_names.extend([spiffe("runner/runner-1"), host.clone()]),
            no_role,
        ),
        (
            "a role beside a page",
            &|leaf| leaf.subject_alt_names.extend([uri("https://x"), host.clone()]),
            no_role,
        ),
        (
            "no role of ours",
            &|leaf| leaf.subject_alt_names = vec![spiffe("root/server"), host.clone()],
            no_role,
        ),
        (
            "another spelling",
            &|leaf| leaf.subject_alt_names = vec![uri(&server.to_string().to_uppercase()), host.clone()],
            no_role,
        ),
        (
            "the name of the role without its id",
            &|leaf| drop(leaf.subject_alt_names.pop()),
            "not valid for name",
        ),
        ("a common name alone", &has_a_common_name_alone, "not valid for name"),
        ("for clients alone", &clients_alone, "extended key usage for server authentication"),
        ("an authority's", &is_an_authority, "CaUsedAsEndEntity"),
        ("an unknown critical extension", &has_an_unknown_critical_extension, "UnsupportedCriticalExtension"),
    ];
    for (what, change, reason) in changes {
        let refusal = issuing.asked(&issuing.issues(&server, change)).await;
        assert!(refusal.contains(reason) && !refusal.starts_with("client: fine"), "{what}: {refusal}");
    }
}

#[tokio::test]
async fn attack_a_clients_certificate_that_is_wrong_in_one_respect() {
    let issuing = Issuing::new(|_| {});
    let runner = id(Role::Runner, "runner-1");
    assert_eq!(issuing.met(&issuing.issues(&runner, |_| {})).await, "fine");
    let servers_alone = alone(ExtendedKeyUsagePurpose::ServerAuth);
    let changes: [Change<'_>; 6] = [
        ("two roles", &|leaf| leaf.subject_alt_names.push(spiffe("runner/runner-2")), "names no role"),
        ("no role of ours", &|leaf| leaf.subject_alt_names = vec![spiffe("root/runner-1")], "names no role"),
        ("no id", &|leaf| drop(leaf.subject_alt_names.pop()), "names no role"),
        ("for servers alone", &servers_alone, "extended key usage for client authentication"),
        ("an authority's", &is_an_authority, "CaUsedAsEndEntity"),
        ("an unknown critical extension", &has_an_unknown_critical_extension, "UnsupportedCriticalExtension"),
    ];
    for (what, change, reason) in changes {
        let refusal = issuing.met(&issuing.issues(&runner, change)).await;
        assert!(refusal.contains(reason) && refusal != "fine", "{what}: {refusal}");
    }
}

/// A machine has a genuine certificate and signs another one with its key.
#[tokio::test]
async fn attack_a_role_that_acts_as_an_authority() {
    let issuing = Issuing::new(|_| {});
    let (server, runner) = (id(Role::Server, "server"), id(Role::Runner, "runner-1"));
    let forged = issuing.signed_by_a_role(&server, &runner);
    let refusal = issuing.asked(&forged).await;
    assert!(refusal.contains("EndEntityUsedAsCa"), "{refusal}");
    let refusal = issuing.met(&issuing.signed_by_a_role(&id(Role::Runner, "runner-2"), &runner)).await;
    assert!(refusal.contains("EndEntityUsedAsCa"), "{refusal}");
    // The certificate that pins name is no server's either, whoever has its key.
    let refusal = issuing.asked(&issuing.itself()).await;
    assert!(!refusal.starts_with("client: fine"), "{refusal}");
    let refusal = issuing.met(&issuing.itself()).await;
    assert!(refusal.contains("CaUsedAsEndEntity"), "{refusal}");
}

/// An organisation's authority that may name hosts of one domain alone.
#[tokio::test]
async fn attack_a_name_outside_of_what_its_authority_may_name() {
    let within = |domain: &str| {
        let permitted = vec![GeneralSubtree::DnsName(domain.to_owned())];
        Issuing::new(|authority| {
            authority.name_constraints =
                Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
        })
    };
    let server = id(Role::Server, "server");
    let right = within("countersign.internal");
    assert_eq!(right.asked(&right.issues(&server, |_| {})).await, "client: fine; server: fine");
    let wrong = within("elsewhere.example");
    let refusal = wrong.asked(&wrong.issues(&server, |_| {})).await;
    assert!(refusal.contains("NameConstraintViolation"), "{refusal}");
}
