//! Given enrolled people, when they make statements, then these are recorded or refused.

use evidence::statements::{Scope, StatementKind};

use super::{SECRETS_MAX, STATEMENTS_MAX, State, Stated, StatedSecret, SubmitStatement};
use crate::Command;
use crate::scenario::{alice, at, bob, codes, digest, founded, happen, id, name, place};

fn waiver() -> SubmitStatement {
    let scope = Scope { project: name("shop"), service: None, environment: Some(name("production")) };
    let stated = Stated {
        statement: digest("waiver"),
        kind: StatementKind::Waiver,
        person: bob(),
        scope,
        not_before: at(0),
        expires: at(800),
        envelope: digest("waiver envelope"),
        secret: None,
    };
    SubmitStatement { stated, key: "SHA256:2-Approve".into() }
}

fn code(change: impl FnOnce(&mut SubmitStatement)) -> Vec<String> {
    let mut command = waiver();
    change(&mut command);
    codes(&founded(), &Command::SubmitStatement(Box::new(command)))
}

#[test]
fn the_signer_holds_a_role_of_the_kind_and_the_statement_counts_now() {
    assert_eq!(code(|_| ()), [""; 0]);
    assert_eq!(code(|waiver| waiver.stated.person = alice()), [""; 0], "the gate knows who wrote the change");
    assert_eq!(code(|waiver| waiver.stated.person = id(3).into()), ["statement-role-missing"]);
    assert_eq!(code(|waiver| waiver.stated.expires = at(1)), ["expired"]);
    assert_eq!(code(|waiver| waiver.stated.not_before = at(700)), ["expired"]);
}

#[test]
fn a_statement_counts_in_its_scope_until_just_before_its_end() {
    let mut state = founded();
    happen(&mut state, &Command::SubmitStatement(Box::new(waiver())));
    let count = |state: &State, environment: &str, moment| state.at(&place(environment), moment).count();
    assert_eq!(count(&state.statement, "production", at(799)), 1);
    assert_eq!(count(&state.statement, "production", at(800)), 0);
    assert_eq!(count(&state.statement, "staging", at(799)), 0);
    state.statement.withdraw(&[digest("waiver")]);
    assert!(state.statement.is_empty());
}

#[test]
fn attack_a_project_has_a_bounded_number_of_statements_and_ended_ones_leave() {
    let mut state = founded();
    for n in 0..STATEMENTS_MAX {
        let stated = Stated { statement: digest(&n.to_string()), ..waiver().stated };
        state.statement.stated(&stated, 1, at(10));
    }
    let more = Command::SubmitStatement(Box::new(waiver()));
    assert_eq!(codes(&state, &more), ["statements-too-many"]);
    state.statement.stated(&Stated { expires: at(900), ..waiver().stated }, 2, at(800));
    assert_eq!(state.statement.count(&name("shop"), at(0)), 1);
}

fn version(number: u32) -> SubmitStatement {
    let secret = StatedSecret {
        place: place("production"),
        name: name("database"),
        number,
        value: digest(&format!("value {number}")),
    };
    let (kind, scope) =
        (StatementKind::DeploySecret, Scope { service: Some(name("api")), ..waiver().stated.scope });
    let statement = digest(&format!("version {number}"));
    SubmitStatement {
        stated: Stated { statement, kind, scope, secret: Some(secret), ..waiver().stated },
        ..waiver()
    }
}

/// Otherwise somebody could bring a value back that was replaced because it was stolen.
#[test]
fn attack_a_number_of_a_secret_is_used_once() {
    let mut state = founded();
    for number in [1, 2] {
        state.statement.stated(&version(number).stated, 1, at(0));
    }
    assert_eq!(state.statement.secrets_at(&place("production"), at(1)).count(), 1, "the newest one alone");
    state.statement.withdraw(&[digest("version 2")]);
    assert_eq!(state.statement.secrets_at(&place("production"), at(1)).count(), 0);
    assert_eq!(state.statement.numbers(&place("production")), [(name("database"), 2)].into());
    assert!(!state.statement.is_empty());
    let refused = |number| codes(&state, &Command::SubmitStatement(Box::new(version(number))));
    for number in [1, 2, 4, u32::MAX] {
        assert!(refused(number).contains(&"secret-number-taken".into()), "{number}");
    }
    assert!(!refused(3).contains(&"secret-number-taken".into()));
}

#[test]
fn attack_a_place_has_a_bounded_number_of_secrets() {
    let mut state = founded();
    for n in 0..SECRETS_MAX {
        let mut stated = version(1).stated;
        stated.secret.iter_mut().for_each(|secret| secret.name = name(&format!("secret-{n}")));
        state.statement.stated(&Stated { statement: digest(&n.to_string()), ..stated }, 1, at(0));
    }
    let more = codes(&state, &Command::SubmitStatement(Box::new(version(1))));
    assert!(more.contains(&"secrets-too-many".into()), "{more:?}");
}
