//! An agent tells which versions of secrets of its place it uses: each makes a line, and only what is on record can make one.

use evidence::entry::Actor;
use evidence::records::{AlertSort, Body, SecretUsed};
use evidence::statements::{Scope, StatementKind};

use super::super::{Reading, Tell, ToldVersion, read};
use super::secret;
use crate::gate::AgentKey;
use crate::scenario::{alice, at, digest, name, place, proposed};
use crate::statement::{Stated, StatedSecret};
use crate::{Event, State};

/// Release 1 runs in `dev`, and version 2 of its secret `database` is stated.
fn state() -> State {
    let mut state = proposed();
    let of = place("dev");
    let mut set = state.gate.environment(&of).unwrap().facts.clone();
    set.number += 1;
    set.agents = vec![AgentKey { name: name("agent-1"), key: digest("key of the agent") }];
    state.apply(&Event::EnvironmentSet(set), at(19));
    let scope = Scope {
        project: of.project.clone(),
        service: Some(of.service.clone()),
        environment: Some(of.environment.clone()),
    };
    let stated = Stated {
        statement: digest("statement"),
        kind: StatementKind::DeploySecret,
        person: alice(),
        scope,
        not_before: at(1),
        expires: at(1_000_000),
        envelope: digest("envelope"),
        secret: Some(StatedSecret { place: of, name: name("database"), number: 2, value: digest("value") }),
    };
    state.apply(&Event::Stated(stated), at(20));
    state
}

fn honest(state: &State) -> Tell {
    let release = Some(state.release.at(&place("dev")).unwrap().highest);
    let told = ToldVersion {
        secret: secret("shop/database"),
        name: name("database"),
        number: 2,
        refused: None,
        first: true,
    };
    Tell { agent: name("agent-1"), place: place("dev"), release, versions: vec![told] }
}

fn lines(change: impl FnOnce(&mut Tell)) -> Vec<Body> {
    let state = state();
    let mut tell = honest(&state);
    change(&mut tell);
    let decision = read(&state, &Reading::Tell(Box::new(tell)), at(30));
    assert!(decision.lent.unwrap().is_empty(), "nothing is handed out");
    decision.lines
}

fn used(body: &Body) -> &SecretUsed {
    let Body::SecretUsed(used) = body else { panic!("{body:?}") };
    used
}

#[test]
fn a_version_that_an_agent_uses_is_a_line_and_the_first_one_an_alert() {
    let lines = lines(|_| ());
    let [first, Body::Alert(alert)] = lines.as_slice() else { panic!("{lines:?}") };
    let first = used(first);
    assert_eq!((first.number, first.release, first.allowed), (Some(2), Some(1), true));
    assert_eq!(first.place, Some(place("dev")));
    assert!(matches!(&first.who, Actor::Machine(_)) && first.reasons.is_empty());
    assert_eq!((alert.sort, &alert.place), (AlertSort::FirstUse, &Some(place("dev"))));
    assert!(lines.iter().all(|line| line.check().is_ok()));
    let again = self::lines(|tell| tell.versions[0].first = false);
    assert_eq!(again.len(), 1, "no alert");
}

#[test]
fn a_version_that_an_agent_refuses_is_a_line_with_its_reason() {
    let lines = lines(|tell| tell.versions[0].refused = Some(name("secret-unopened")));
    let [refused] = lines.as_slice() else { panic!("{lines:?}") };
    let refused = used(refused);
    assert!(!refused.allowed && refused.reasons == [name("secret-unopened")].into());
    assert!(lines[0].check().is_ok());
}

/// An agent that invents numbers could otherwise fill the ledger.
#[test]
fn attack_an_agent_tells_what_is_not_on_record() {
    assert_eq!(lines(|_| ()).len(), 2);
    assert_eq!(lines(|tell| tell.agent = name("agent-of-elsewhere")), []);
    assert_eq!(lines(|tell| tell.place = place("production")), []);
    assert_eq!(lines(|tell| tell.release = Some(2)), []);
    assert_eq!(lines(|tell| tell.versions[0].number = 3), []);
    assert_eq!(lines(|tell| tell.versions[0].name = name("mail")), []);
}
