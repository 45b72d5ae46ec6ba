//! Given environments, when statements and verdicts arrive, then each counts once and in order.

use super::{GateOutcome, SetEnvironment};
use crate::Command;
use crate::scenario::{at, built, codes, environments, founded, happen, name, place, propose, verdict};

fn statement(environment: &str) -> SetEnvironment {
    let found = environments().into_iter().find_map(|command| match command {
        Command::SetEnvironment(set) if set.environment.place == place(environment) => Some(set),
        _ => None,
    });
    found.unwrap()
}

fn code(change: impl FnOnce(&mut SetEnvironment)) -> Vec<String> {
    let mut command = statement("production");
    command.environment.number = 2;
    change(&mut command);
    codes(&founded(), &Command::SetEnvironment(command))
}

#[test]
fn statements_rise_and_stand_in_an_order() {
    assert_eq!(code(|_| ()), [""; 0]);
    assert_eq!(code(|set| set.environment.number = 1), ["environment-not-newer"]);
    assert_eq!(code(|set| set.environment.root = 2), ["root-changed"]);
    assert_eq!(code(|set| set.issued = at(10_000)), ["from-the-future"]);
    assert_eq!(code(|set| set.environment.after = Some(name("nowhere"))), ["environment-unknown"]);
    let circle = code(|set| {
        set.environment.place = place("dev");
        set.environment.after = Some(name("production"));
    });
    assert_eq!(circle, ["environment-circle"]);
}

#[test]
fn a_verdict_counts_for_the_generation_that_was_asked_for() {
    let mut state = built();
    happen(&mut state, &propose("dev"));
    assert_eq!(state.gate.outstanding().count(), 1, "dev is automatic");
    for stale in [
        verdict("dev", 1, 2, GateOutcome::Pass),
        verdict("dev", 2, 1, GateOutcome::Pass),
        verdict("staging", 1, 1, GateOutcome::Pass),
    ] {
        assert_eq!(codes(&state, &stale), ["verdict-stale"]);
    }
    happen(&mut state, &verdict("dev", 1, 1, GateOutcome::Undecided));
    assert_eq!(codes(&state, &verdict("dev", 1, 1, GateOutcome::Pass)), ["verdict-stale"], "once");
}
