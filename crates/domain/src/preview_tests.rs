//! Given a template, when requests make and end previews, then slots, names and ends are kept apart, and a preview that was
//! removed is forgotten.

use evidence::observations::ObservationKind;
use evidence::{Digest, Place};

use crate::gate::{EndPreview, EnvironmentSet, MakePreview, PreviewEnding, PreviewMade, SetEnvironment};
use crate::observation::{Observe, Observed};
use crate::scenario::{at, codes, environments, founded, happen, id, name, place, run};
use crate::{Command, State};

fn statement() -> EnvironmentSet {
    let dev = environments().into_iter().find_map(|command| match command {
        Command::SetEnvironment(set) if set.environment.place == place("dev") => Some(set.environment),
        _ => None,
    });
    let mut facts = dev.unwrap();
    facts.agents.iter_mut().for_each(|agent| agent.key = Digest::of(b"the agent of previews"));
    EnvironmentSet { place: place("preview"), after: None, ..facts }
}

fn template() -> SetEnvironment {
    let previews = evidence::preview::Previews { pattern: "pr-*".parse().unwrap(), count: 2, ttl_ms: 60_000 };
    SetEnvironment { environment: EnvironmentSet { previews: Some(previews), ..statement() }, issued: at(0) }
}

fn with_template() -> State {
    let mut state = founded();
    happen(&mut state, &Command::SetEnvironment(template()));
    state
}

/// A request for a preview, as the n-th run.
fn asked(n: u8, environment: &str, slot: u32) -> MakePreview {
    let made = PreviewMade {
        template: name("preview"),
        number: 1,
        slot,
        until: at(10_000),
        person: run(false).take.requester,
    };
    let preview = EnvironmentSet {
        place: place(environment),
        number: 100,
        preview: Some(Box::new(made)),
        ..statement()
    };
    let mut run = run(false);
    run.take.run = id(100 + n).into();
    run.preview = Some(preview.place.clone());
    MakePreview { run, preview }
}

fn code(state: &State, made: MakePreview) -> Vec<String> {
    codes(state, &Command::MakePreview(Box::new(made)))
}

fn removed(at: Place, number: u64) -> Command {
    Command::Observe(Box::new(Observe {
        observed: Observed {
            observation: Digest::of(b"payload"),
            kind: ObservationKind::ALL[0],
            agent: statement().agents[0].name.clone(),
            place: at,
            sequence: 1,
            about: None,
            bars: false,
            holds: false,
            ends: Some(number),
            envelope: Digest::of(b"envelope"),
        },
    }))
}

#[test]
fn slots_names_and_templates_of_previews_are_kept_apart() {
    let mut state = with_template();
    assert_eq!(code(&state, asked(1, "pr-1", 1)), [""; 0]);
    happen(&mut state, &Command::MakePreview(Box::new(asked(1, "pr-1", 1))));
    let later = |mut made: MakePreview| {
        made.preview.number = 101;
        made
    };
    assert_eq!(code(&state, asked(2, "pr-2", 1)), ["preview-slot-taken"]);
    assert_eq!(code(&state, later(asked(2, "pr-1", 2))), ["preview-differs"]);
    assert_eq!(code(&state, later(asked(2, "pr-1", 1))), [""; 0], "a later request brings it on");
    assert_eq!(code(&state, asked(2, "dev", 2)), ["preview-name-taken"]);
    let mut other = asked(2, "pr-2", 2);
    other.preview.preview.as_mut().unwrap().number = 2;
    assert_eq!(code(&state, other), ["template-changed"]);
    let mut over = asked(2, "pr-2", 2);
    over.preview.preview.as_mut().unwrap().until = at(0);
    assert_eq!(code(&state, over), ["preview-late"]);
    let mut older = asked(2, "pr-1", 1);
    older.preview.number = 99;
    assert_eq!(code(&state, older), ["preview-not-newer"], "a clock that is behind takes nothing back");
    let mut unknown = asked(2, "pr-2", 2);
    unknown.run.services.clear();
    assert_eq!(code(&state, unknown), ["preview-service-unknown"]);
}

#[test]
fn a_preview_ends_by_request_and_is_forgotten_once_its_agent_removed_it() {
    let mut state = with_template();
    happen(&mut state, &Command::MakePreview(Box::new(asked(1, "pr-1", 1))));
    let end = |number, person| {
        let ending = PreviewEnding { place: place("pr-1"), number, person, request: Digest::of(b"request") };
        Command::EndPreview(EndPreview { ending })
    };
    let owner = run(false).take.requester;
    assert_eq!(codes(&state, &end(99, owner)), ["no-such-preview"]);
    assert_eq!(codes(&state, &end(100, id(250).into())), ["role-missing"]);
    happen(&mut state, &end(100, owner));
    let mut again = asked(2, "pr-1", 1);
    again.preview.number = 101;
    assert_eq!(code(&state, again), ["preview-ending"]);
    assert_eq!(code(&state, asked(2, "pr-2", 1)), ["preview-slot-taken"], "until it is removed");
    happen(&mut state, &removed(place("pr-1"), 100));
    assert!(state.gate.environment(&place("pr-1")).is_none());
    assert_eq!(code(&state, asked(2, "pr-2", 1)), [""; 0]);
    // An agent cannot remove a place that stays.
    let mut of_dev = removed(place("dev"), 1);
    if let Command::Observe(observe) = &mut of_dev {
        observe.observed.agent = state.gate.environment(&place("dev")).unwrap().facts.agents[0].name.clone();
    }
    happen(&mut state, &of_dev);
    assert!(state.gate.environment(&place("dev")).is_some());
}

#[test]
fn nothing_that_stays_comes_after_a_preview_or_shares_its_agent() {
    let mut state = with_template();
    happen(&mut state, &Command::MakePreview(Box::new(asked(1, "pr-1", 1))));
    let code = |change: &dyn Fn(&mut EnvironmentSet)| {
        let mut facts = EnvironmentSet { place: place("sandbox"), ..statement() };
        facts.agents.iter_mut().for_each(|agent| agent.key = Digest::of(b"another"));
        change(&mut facts);
        codes(&state, &Command::SetEnvironment(SetEnvironment { environment: facts, issued: at(0) }))
    };
    assert_eq!(code(&|_| ()), [""; 0]);
    assert_eq!(code(&|it| it.after = Some(name("pr-1"))), ["preview-as-evidence"]);
    assert_eq!(code(&|it| it.after = Some(name("preview"))), ["preview-as-evidence"]);
    assert_eq!(code(&|it| it.agents = statement().agents), ["preview-agent-shared"]);
    assert_eq!(code(&|it| (it.place, it.number) = (place("pr-1"), 200)), ["preview-name-taken"]);
}
