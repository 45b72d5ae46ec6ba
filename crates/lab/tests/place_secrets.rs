//! Secrets of a place between releases: a version counts only if a person in the role for it put it at exactly this place.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use evidence::Digest;
use evidence::dsse::Envelope;
use evidence::seal::SealKey;
use evidence::secrets_order::SecretsOrder;
use evidence::statements::{
    Body, Borrower, DeploySecret, GrantedSecret, NAMESPACE, SecretGrant, SecretVersion, Statement,
};
use evidence::status::Revocation;
use judge::{VerificationContext, check_secrets};
use lab::forgery::{self, READERS};
use lab::{Lab, Parts, assemble, at, id, name, said};

/// A release with a secret, whose version Bob put.
fn released() -> (Lab, Parts) {
    let kind = forgery::KINDS.iter().find(|kind| kind.open == "secret-missing").unwrap();
    kind.stated(|_| ())
}

/// The version; the grant is before it.
fn version(parts: &Parts) -> &Envelope {
    parts.statements.last().unwrap()
}

fn put(parts: &Parts) -> Statement {
    Statement::read(version(parts)).unwrap()
}

fn signed(lab: &Lab, statement: &Statement) -> Envelope {
    let mut envelope = statement.envelope().unwrap();
    lab.bob.approve.sign(&mut envelope, NAMESPACE);
    envelope
}

fn changed(statement: &Statement, change: impl FnOnce(&mut SecretVersion)) -> Statement {
    let mut changed = Statement { nonce: id(97), ..statement.clone() };
    if let Body::DeploySecret(DeploySecret(version)) = &mut changed.body {
        change(version);
        changed.subjects = vec![version.value];
    }
    changed
}

fn order(lab: &Lab, parts: &Parts, statement: Envelope) -> SecretsOrder {
    SecretsOrder {
        v: 1,
        installation: id(1),
        place: "shop/api/production".parse().unwrap(),
        numbers: [(name("database"), 2)].into(),
        roots: vec![lab.signed_root(&lab.root(), &[0, 1])],
        status: parts.status.clone(),
        enrolments: {
            let mut enrolments = parts.enrolments.clone();
            enrolments.sort_by_key(Envelope::payload_digest);
            enrolments
        },
        statements: vec![statement],
        grants: parts.statements.iter().filter(|it| is_grant(it)).cloned().collect(),
    }
}

fn is_grant(envelope: &Envelope) -> bool {
    Statement::read(envelope).is_ok_and(|statement| statement.gives().is_some())
}

/// Numbers of the versions that count, and the codes of the others.
fn judged(lab: &Lab, order: &SecretsOrder) -> (Vec<u32>, Vec<String>) {
    let seen = VerificationContext { root: 1, status: 1, ..VerificationContext::default() };
    match check_secrets(order, &lab.anchors(), &seen, at(0)) {
        Ok(checked) => (
            checked.versions.iter().map(|counted| counted.version.number).collect(),
            checked.refused.iter().map(|refused| refused.code.to_owned()).collect(),
        ),
        Err(reasons) => (Vec::new(), reasons.against.iter().map(|reason| reason.code.clone()).collect()),
    }
}

fn refused(change: impl FnOnce(&mut Statement)) -> Vec<String> {
    let (lab, parts) = released();
    let mut statement = put(&parts);
    change(&mut statement);
    let (versions, codes) = judged(&lab, &order(&lab, &parts, signed(&lab, &statement)));
    assert_eq!(versions, Vec::<u32>::new());
    codes
}

#[test]
fn a_version_that_its_owner_put_counts() {
    let (lab, parts) = released();
    assert_eq!(judged(&lab, &order(&lab, &parts, version(&parts).clone())), (vec![2], vec![]));
}

/// The plan names the secret and its lowest number, so approvers have nothing to look at again.
#[test]
fn a_rotation_after_the_approval_leaves_the_approval_as_it_is() {
    let (lab, mut parts) = released();
    let next = changed(&put(&parts), |version| {
        version.number = 3;
        version.value = Digest::of(b"the next sealed value");
    });
    *parts.statements.last_mut().unwrap() = signed(&lab, &next);
    let (bundle, leaves) = assemble(&lab, &parts);
    for reader in READERS {
        assert_eq!(said(&lab, reader, &bundle, &leaves, at(0)), Vec::<String>::new(), "{reader:?}");
    }
}

#[test]
fn attack_a_value_that_the_server_sealed_by_itself() {
    let (lab, parts) = released();
    // The seal key is public, so everybody can seal to it; nobody but an owner can sign that.
    let forged = changed(&put(&parts), |version| version.value = Digest::of(b"sealed by the server"));
    let unsigned = forged.envelope().unwrap();
    assert_eq!(judged(&lab, &order(&lab, &parts, unsigned)), (vec![], vec!["statement-unsound".into()]));
    let mut by_stranger = forged.envelope().unwrap();
    lab.mallory.approve.sign(&mut by_stranger, NAMESPACE);
    assert_eq!(judged(&lab, &order(&lab, &parts, by_stranger)), (vec![], vec!["statement-unsound".into()]));
}

/// A server that withholds the status which withdraws a version or a key shows the one before, until that has ended.
#[test]
fn attack_a_version_under_a_status_or_root_that_has_ended() {
    let (lab, parts) = released();
    let order = order(&lab, &parts, version(&parts).clone());
    let root = lab.root();
    let status = order.status.open(&root).unwrap().status.expires;
    let seen = VerificationContext { root: 1, status: 1, ..VerificationContext::default() };
    let codes = |now| match check_secrets(&order, &lab.anchors(), &seen, now) {
        Ok(checked) => vec![checked.versions.len().to_string()],
        Err(reasons) => reasons.against.iter().map(|reason| reason.code.clone()).collect(),
    };
    assert_eq!(codes(at(0)), ["1"]);
    assert_eq!(codes(status), ["status-expired"]);
    assert_eq!(codes(root.expires), ["root-expired"]);
}

#[test]
fn attack_the_signature_of_another_version() {
    let (lab, parts) = released();
    let other = changed(&put(&parts), |version| version.number = 3).envelope().unwrap();
    let json = |envelope: &Envelope| serde_json::to_value(envelope).unwrap();
    let mut swapped = json(&other);
    swapped["signatures"] = json(version(&parts))["signatures"].clone();
    let swapped: Envelope = serde_json::from_value(swapped).unwrap();
    assert_eq!(judged(&lab, &order(&lab, &parts, swapped)), (vec![], vec!["statement-unsound".into()]));
}

#[test]
fn attack_a_version_of_another_place() {
    assert_eq!(refused(|it| it.scope.environment = Some(name("staging"))), ["statement-stray"]);
    assert_eq!(refused(|it| it.scope.service = Some(name("web"))), ["statement-stray"]);
    assert_eq!(refused(|it| it.scope.project = name("yard")), ["statement-stray"]);
}

#[test]
fn attack_a_version_of_another_installation() {
    assert_eq!(refused(|it| it.installation = id(2)), ["statement-unsound"]);
    let (lab, parts) = released();
    let mut other = order(&lab, &parts, version(&parts).clone());
    other.installation = id(2);
    assert_eq!(judged(&lab, &other), (vec![], vec!["statement-unsound".into()]));
}

#[test]
fn attack_a_version_that_has_ended_or_begins_later() {
    assert_eq!(refused(|it| it.expires = at(-60)), ["expired"]);
    assert_eq!(refused(|it| it.not_before = at(60)), ["expired"]);
}

#[test]
fn attack_a_version_under_a_root_that_is_still_to_come() {
    assert_eq!(refused(|it| it.root = 2), ["statement-unsound"]);
}

#[test]
fn attack_a_version_in_the_name_of_somebody_who_is_not_enrolled() {
    assert_eq!(refused(|it| it.person = id(77)), ["statement-unsound"]);
}

#[test]
fn attack_a_version_that_is_withdrawn() {
    let (lab, mut parts) = released();
    let mut status = lab.status();
    status.number = 2;
    status.withdrawn = vec![version(&parts).payload_digest()];
    parts.status = lab.signed_status(&status, &[0, 1]);
    let given = order(&lab, &parts, version(&parts).clone());
    assert_eq!(judged(&lab, &given), (vec![], vec!["statement-withdrawn".into()]));
}

#[test]
fn attack_a_version_by_a_key_that_is_revoked() {
    let (lab, mut parts) = released();
    let mut status = lab.status();
    let key = lab.bob.approve.key.fingerprint().to_owned();
    status.revoked = vec![Revocation { key, invalid_since: at(-3_600) }];
    parts.status = lab.signed_status(&status, &[0, 1]);
    let given = order(&lab, &parts, version(&parts).clone());
    assert_eq!(judged(&lab, &given), (vec![], vec!["statement-unsound".into()]));
}

#[test]
fn attack_a_version_by_a_person_without_the_role() {
    let (lab, mut parts) = released();
    parts.enrolments = vec![lab.signed_enrolment(&lab.bob.enrolment(&["release-manager"]))];
    let given = order(&lab, &parts, version(&parts).clone());
    assert_eq!(judged(&lab, &given), (vec![], vec!["role-missing".into()]));
}

#[test]
fn attack_a_status_or_a_root_that_was_replaced() {
    let (lab, parts) = released();
    let given = order(&lab, &parts, version(&parts).clone());
    let code = |seen: VerificationContext| {
        let judged = check_secrets(&given, &lab.anchors(), &seen, at(0));
        judged.map(|_| ()).map_err(|reasons| reasons.against[0].code.clone())
    };
    let seen = VerificationContext { root: 1, status: 1, ..VerificationContext::default() };
    assert_eq!(code(seen.clone()), Ok(()));
    assert_eq!(code(VerificationContext { status: 5, ..seen.clone() }), Err("status-rollback".into()));
    assert!(code(VerificationContext { root: 2, ..seen }).is_err());
}

/// What an agent would run with, from the versions that count.
#[test]
fn attack_another_statement_than_a_version() {
    let (lab, parts) = forgery::KINDS[0].stated(|_| ());
    let given = order(&lab, &parts, version(&parts).clone());
    assert_eq!(judged(&lab, &given), (vec![], vec!["statement-stray".into()]));
    let seal: SealKey = "x25519:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=".parse().unwrap();
    let (lab, parts) = released();
    let given = order(&lab, &parts, version(&parts).clone());
    let seen = VerificationContext { root: 1, status: 1, ..VerificationContext::default() };
    let checked = check_secrets(&given, &lab.anchors(), &seen, at(0)).unwrap();
    assert!(
        checked.versions[0].version.keys.contains_key(&seal),
        "the honest version is sealed to the agent"
    );
}

/// The honest order with a changed grant, which Bob signed.
fn with_grant(change: impl FnOnce(&Lab, &mut Parts, &mut Statement)) -> (Vec<u32>, Vec<String>) {
    let (lab, mut parts) = released();
    let given = parts.statements.iter().find(|it| is_grant(it)).unwrap().clone();
    let mut grant = Statement { nonce: id(98), ..Statement::read(&given).unwrap() };
    change(&lab, &mut parts, &mut grant);
    let mut order = order(&lab, &parts, version(&parts).clone());
    order.grants = vec![signed(&lab, &grant)];
    judged(&lab, &order)
}

#[test]
fn attack_a_rotation_without_a_grant_in_force() {
    let not_granted = (vec![], vec!["secret-not-granted".to_owned()]);
    assert_eq!(with_grant(|_, _, _| ()), (vec![2], vec![]), "a grant that counts");
    let (lab, parts) = released();
    let mut bare = order(&lab, &parts, version(&parts).clone());
    bare.grants.clear();
    assert_eq!(judged(&lab, &bare), not_granted, "no grant");
    assert_eq!(with_grant(|_, _, it| it.expires = at(-60)), not_granted, "one that has ended");
    assert_eq!(with_grant(|_, _, it| it.not_before = at(60)), not_granted, "one that begins later");
    assert_eq!(with_grant(|_, _, it| it.root = 2), not_granted, "one under a root that is still to come");
    assert_eq!(
        with_grant(|_, _, it| it.scope.environment = Some(name("staging"))),
        not_granted,
        "of another place"
    );
    let other = |it: &mut Statement, change: fn(&mut SecretGrant)| {
        if let Body::Grant(grant) = &mut it.body {
            change(grant);
            it.subjects = vec![grant.secret.subject()];
        }
    };
    let service = with_grant(|_, _, it| {
        it.scope.service = Some(name("web"));
        other(it, |grant| grant.to = Borrower::Service(name("web")));
    });
    assert_eq!(service, not_granted, "to another service");
    let secret =
        with_grant(|_, _, it| other(it, |grant| grant.secret = GrantedSecret::Deploy(name("other"))));
    assert_eq!(secret, not_granted, "of another secret");
    let hours =
        with_grant(|_, _, it| other(it, |grant| grant.hours = Some("wed 10:00-10:01".parse().unwrap())));
    assert_eq!(hours, (vec![], vec!["secret-outside-hours".to_owned()]));
}

#[test]
fn attack_a_rotation_after_the_grant_was_withdrawn() {
    let (lab, mut parts) = released();
    let grant = parts.statements.iter().find(|it| is_grant(it)).unwrap().clone();
    let given = order(&lab, &parts, version(&parts).clone());
    assert_eq!(judged(&lab, &given), (vec![2], vec![]));
    let mut status = lab.status();
    status.number = 2;
    status.withdrawn = vec![grant.payload_digest()];
    parts.status = lab.signed_status(&status, &[0, 1]);
    let given = order(&lab, &parts, version(&parts).clone());
    assert_eq!(judged(&lab, &given), (vec![], vec!["secret-not-granted".into()]));
}

#[test]
fn attack_a_grant_that_the_server_made() {
    let (lab, parts) = released();
    let grant = parts.statements.iter().find(|it| is_grant(it)).unwrap();
    let mut forged = Statement { nonce: id(98), ..Statement::read(grant).unwrap() }.envelope().unwrap();
    let mut given = order(&lab, &parts, version(&parts).clone());
    given.grants = vec![forged.clone()];
    assert_eq!(judged(&lab, &given), (vec![], vec!["secret-not-granted".into()]), "unsigned");
    lab.mallory.approve.sign(&mut forged, NAMESPACE);
    given.grants = vec![forged];
    assert_eq!(judged(&lab, &given), (vec![], vec!["secret-not-granted".into()]), "signed by a stranger");
}
