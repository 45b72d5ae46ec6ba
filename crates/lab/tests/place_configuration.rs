//! The configuration of a place between releases: only what the policy signers of the agent's own root signed for exactly this
//! place counts, and never an older one.
#![allow(clippy::unwrap_used, reason = "test code")]

use evidence::Bytes;
use evidence::configuration::Configuration;
use evidence::configuration_order::ConfigurationOrder;
use evidence::environment::Environment;
use judge::{VerificationContext, check_configuration};
use lab::{Lab, id};

fn order(lab: &Lab) -> ConfigurationOrder {
    let parts = lab.honest();
    ConfigurationOrder {
        v: 1,
        installation: id(1),
        place: "shop/api/production".parse().unwrap(),
        roots: vec![lab.signed_root(&lab.root(), &[0, 1])],
        statement: parts.environments.last().unwrap().clone(),
        configuration: Bytes(parts.configuration),
    }
}

/// The number of the statement, or the code of the refusal.
fn judged(change: impl FnOnce(&Lab, &mut ConfigurationOrder)) -> Result<u64, String> {
    let lab = Lab::default();
    let mut order = order(&lab);
    change(&lab, &mut order);
    let seen = VerificationContext { root: 1, statement: 1, ..VerificationContext::default() };
    match check_configuration(&order, &lab.anchors(), &seen) {
        Ok(checked) => Ok(checked.statement),
        Err(reasons) => Err(reasons.against.first().unwrap().code.clone()),
    }
}

#[test]
fn a_configuration_that_its_signers_signed_counts() {
    assert_eq!(judged(|_, _| ()), Ok(1));
}

#[test]
fn attack_a_configuration_that_nobody_signed() {
    let refused = |change: fn(&Lab, &mut ConfigurationOrder)| judged(change).unwrap_err();
    assert_eq!(refused(|_, order| order.v = 2), "environment-unsound");
    assert_eq!(refused(|_, order| order.installation = id(2)), "environment-unsound");
    assert_eq!(refused(|_, order| order.place = "shop/api/dev".parse().unwrap()), "environment-unsound");
    let unsigned = |_: &Lab, order: &mut ConfigurationOrder| {
        order.statement = Environment::read(&order.statement).unwrap().envelope().unwrap();
    };
    assert_eq!(refused(unsigned), "environment-unsound");
    let other = |_: &Lab, order: &mut ConfigurationOrder| {
        order.configuration = Bytes(Configuration::default().encode().unwrap());
    };
    assert_eq!(refused(other), "configuration-differs");
    assert_eq!(refused(|_, order| order.roots.clear()), "root-unsound");
}

#[test]
fn attack_an_older_configuration_comes_again() {
    let lab = Lab::default();
    let order = order(&lab);
    let number = Environment::read(&order.statement).unwrap().number;
    let seen = VerificationContext { root: 1, statement: number + 1, ..VerificationContext::default() };
    let refused = check_configuration(&order, &lab.anchors(), &seen).unwrap_err();
    assert_eq!(refused.against.first().unwrap().code, "environment-rollback");
}
