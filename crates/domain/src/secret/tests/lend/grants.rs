//! What a grant has to be for a secret to be lent by it.

use super::*;

#[test]
fn attack_no_grant_or_one_of_another_secret() {
    assert_eq!(codes(|claim| claim.lend.grants.clear()), ["secret-not-granted"]);
    let other =
        |claim: &mut Claim| claim.granted(|grant| grant.secret = GrantedSecret::Build(secret("shop/other")));
    assert_eq!(codes(other), ["secret-not-granted"]);
}

#[test]
fn attack_a_grant_that_is_not_on_record() {
    let invented = |claim: &mut Claim| claim.lend.grants[0].digest = digest("invented");
    assert_eq!(codes(invented), ["secret-not-granted"]);
    let another = |claim: &mut Claim| {
        let mut statement = grant(|_| ());
        statement.person = bob().id();
        claim.lend.grants[0].statement = Arc::new(statement);
    };
    assert_eq!(codes(another), ["secret-not-granted"], "the state knows it as another person's");
}

#[test]
fn attack_a_grant_was_withdrawn() {
    let withdrawn = |claim: &mut Claim| {
        let digest = claim.lend.grants[0].digest;
        claim.state.apply(&Event::StatusSet(status(vec![digest], Vec::new())), at(9));
    };
    assert_eq!(codes(withdrawn), ["secret-not-granted"]);
}

#[test]
fn attack_a_grant_has_ended_or_begins_later() {
    let end = THURSDAY + 30 * 24 * HOUR;
    assert_eq!(codes(|claim| claim.moment = at(end - 1)), [""; 0]);
    assert_eq!(codes(|claim| claim.moment = at(end)), ["secret-not-granted"]);
    let later = |claim: &mut Claim| {
        claim.granted(|_| ());
        let mut statement = grant(|grant| grant.network = ["host:443".into()].into());
        statement.not_before = at(THURSDAY + 10 * HOUR);
        claim.state.statement.withdraw(&[claim.lend.grants.remove(0).digest]);
        claim.grant(statement);
    };
    assert_eq!(codes(later), ["secret-not-granted"]);
}

#[test]
fn attack_the_key_of_a_grant_is_revoked() {
    let revoked = |claim: &mut Claim| {
        let revocation = Revocation { key: KEY.into(), invalid_since: at(9) };
        claim.state.apply(&Event::StatusSet(status(Vec::new(), vec![revocation])), at(9));
    };
    assert_eq!(codes(revoked), ["secret-not-granted"]);
}

#[test]
fn attack_the_signer_of_a_grant_lost_the_role_or_never_had_it() {
    let enrol = |claim: &mut Claim, role: &str, environment: Option<&str>| {
        let Some(Event::Enrolled(mut enrolled)) = people().into_iter().nth(1) else { unreachable!() };
        enrolled.expires = at(365 * 24 * HOUR);
        let (project, environment) = (Some(name("shop")), environment.map(name));
        enrolled.grants = vec![Grant { role: name(role), project, environment }];
        claim.state.apply(&Event::Enrolled(enrolled), at(9));
    };
    assert_eq!(codes(|claim| enrol(claim, "secret-owner", None)), [""; 0]);
    assert_eq!(codes(|claim| enrol(claim, "developer", None)), ["secret-not-granted"]);
    assert_eq!(codes(|claim| enrol(claim, "secret-owner", Some("staging"))), ["secret-not-granted"]);
    let expired = |claim: &mut Claim| {
        let Some(Event::Enrolled(enrolled)) = people().into_iter().nth(1) else { unreachable!() };
        claim.state.apply(&Event::Enrolled(enrolled), at(9));
    };
    assert_eq!(codes(expired), ["secret-not-granted"], "the enrolment has ended");
}

fn status(withdrawn: Vec<evidence::Digest>, revoked: Vec<Revocation>) -> StatusSet {
    StatusSet {
        number: 2,
        base: digest("base"),
        base_number: 2,
        file: digest("status"),
        expires: at(365 * 24 * HOUR),
        minimum_root: 1,
        root: 1,
        withdrawn,
        revoked,
        barred: Vec::new(),
        frozen: Vec::new(),
    }
}
