//! Given the state of the places, when a commit is run again, rolled back or thawed, then nothing happens that nobody
//! asked for: no restart, no lost approval, no accidental step forward.

use evidence::receipt::Work;
use evidence::report::ReleaseOutcome;
use evidence::status::Freeze;

use crate::gate::GateOutcome as Verdict;
use crate::identity::StatusSet;
use crate::release::{PlaceState, Promote, Promoted, Retry, Rollback, Stage};
use crate::scenario::{
    agent_report, approve, at, bob, built, codes, commit, deliver, digest, environments, happen, id, name,
    place, propose, proposed, report, run, verdict,
};
use crate::{Command, Event, State};

pub fn standing(state: &State, environment: &str) -> PlaceState {
    state.release.at(&place(environment)).cloned().unwrap_or_default()
}

/// Runs the pipeline of a commit again under another run id and gives the artifact this name.
pub fn run_again(state: &mut State, number: u8, of: u8, manifest: &str, again: Option<bool>) {
    let mut command = run(false);
    (command.take.run, command.take.commit) = (id(number).into(), commit(of));
    (command.seed, command.again) = (id(number), again);
    happen(state, &Command::Run(Box::new(command)));
    for work in [Work::Step(name("build")), Work::Artifact(name("api"))] {
        for runner in ["runner-1", "runner-2"] {
            let report = report(state, runner, work.clone(), manifest);
            happen(state, &Command::Report(Box::new(report)));
        }
    }
}

/// Brings the wanted artifact at a place to its agent's report.
fn brought(state: &mut State, environment: &str, manifest: &str, of: u8, outcome: ReleaseOutcome) {
    let Command::Propose(mut wanted) = propose(environment) else { return };
    wanted.artifact = digest(manifest);
    happen(state, &Command::Propose(wanted));
    let number = standing(state, environment).highest;
    if environment == "production" {
        let promoted =
            Promoted { place: place(environment), release: number, person: bob(), request: digest("p") };
        happen(state, &Command::Promote(Promote { promoted, artifact: None }));
    }
    happen(state, &verdict(environment, number, 1, Verdict::Pass));
    happen(state, &reported(environment, number, manifest, of, outcome));
}

pub fn reported(environment: &str, number: u64, manifest: &str, of: u8, outcome: ReleaseOutcome) -> Command {
    let Command::AgentReport(mut report) = agent_report(environment, number, outcome) else { unreachable!() };
    report.report.artifact = digest(manifest);
    if let Some(running) = &mut report.report.running {
        (running.artifact, running.commit) = (digest(manifest), commit(of));
    }
    Command::AgentReport(report)
}

fn roll_back(environment: &str, from: &str, to: &str, release: u64) -> Command {
    let (place, request) = (place(environment), digest("rollback"));
    let (from, to, release, person) = (digest(from), digest(to), Some(release), bob());
    Command::Rollback(Rollback { place, from, to, release, ends: false, person, request })
}

fn amend(state: &mut State, environment: &str) {
    let amended = environments().into_iter().find_map(|command| match command {
        Command::SetEnvironment(set) if set.environment.place == place(environment) => Some(set),
        _ => None,
    });
    let mut amended = amended.unwrap();
    amended.environment.number = 2;
    happen(state, &Command::SetEnvironment(amended));
}

fn status(state: &mut State, number: u64, frozen: Vec<Freeze>) {
    state.apply(&Event::StatusSet(StatusSet { frozen, ..quiet(number) }), at(10));
}

/// A status without any revocation, freeze or bar.
pub fn quiet(number: u64) -> StatusSet {
    StatusSet {
        number,
        base: digest("base"),
        base_number: 1,
        file: digest("file"),
        expires: at(900),
        minimum_root: 1,
        revoked: Vec::new(),
        withdrawn: Vec::new(),
        barred: Vec::new(),
        frozen: Vec::new(),
        root: 1,
    }
}

fn freeze() -> Vec<Freeze> {
    vec![Freeze { project: name("shop"), service: None, environment: Some(name("dev")) }]
}

fn held(environment: &str, release: u64, code: &str) -> Command {
    let Command::RecordVerdict(mut held) = verdict(environment, release, 1, Verdict::Fail) else {
        unreachable!()
    };
    held.judged.reasons = vec![code.into()];
    Command::RecordVerdict(held)
}

fn retry(environment: &str) -> Command {
    Command::Retry(Retry { place: place(environment) })
}

/// The run that is wanted at each place.
pub fn wanted(state: &State) -> Vec<(&'static str, Option<crate::RunId>)> {
    let places = ["dev", "staging", "production"];
    places.map(|place| (place, standing(state, place).wanted.map(|wanted| wanted.run))).to_vec()
}

pub const NOTHING: [(&str, Option<crate::RunId>); 3] =
    [("dev", None), ("staging", None), ("production", None)];

#[test]
fn the_same_commit_again_is_proposed_nowhere_and_loses_no_approval() {
    let mut state = proposed();
    happen(&mut state, &Command::SubmitApproval(Box::new(approve(bob()))));
    let before = state.release.clone();
    run_again(&mut state, 51, 1, "manifest", Some(false));
    assert_eq!((wanted(&state), &state.release), (NOTHING.to_vec(), &before));
    assert_eq!(state.approval.of(&place("production"), 1).count(), 1);
    // Nor once it runs everywhere.
    let promoted = Promoted { place: place("production"), release: 1, person: bob(), request: digest("p") };
    happen(&mut state, &Command::Promote(Promote { promoted, artifact: None }));
    happen(&mut state, &verdict("production", 1, 1, Verdict::Pass));
    happen(&mut state, &agent_report("production", 1, ReleaseOutcome::Running));
    run_again(&mut state, 52, 1, "manifest", Some(false));
    assert_eq!(wanted(&state), NOTHING);
}

#[test]
fn asked_for_again_it_is_released_again_at_every_place() {
    for again in [Some(true), None] {
        let mut state = proposed();
        happen(&mut state, &Command::SubmitApproval(Box::new(approve(bob()))));
        run_again(&mut state, 51, 1, "manifest", again);
        assert_eq!(standing(&state, "dev").wanted.unwrap().run, id(51).into(), "{again:?}");
        brought(&mut state, "dev", "manifest", 1, ReleaseOutcome::Running);
        brought(&mut state, "staging", "manifest", 1, ReleaseOutcome::Running);
        assert_eq!(standing(&state, "staging").running.unwrap().release, 2);
        // The reports of the new run may say more than those that the pending release was approved with.
        assert_eq!(standing(&state, "production").wanted.unwrap().run, id(51).into(), "{again:?}");
    }
}

#[test]
fn a_place_whose_statement_changed_gets_it_again_and_no_other_one_does() {
    let mut state = proposed();
    amend(&mut state, "staging");
    run_again(&mut state, 51, 1, "manifest", Some(false));
    let run = Some(id(51).into());
    assert_eq!(wanted(&state), [("dev", None), ("staging", run), ("production", None)]);
}

/// A plan rests on the statement, so a release that waits is planned again, also if its gate was being judged.
#[test]
fn a_pending_release_is_wanted_again_under_a_new_statement() {
    let first = proposed().release.at(&place("production")).unwrap().open.as_ref().unwrap().facts.run;
    let again = [("dev", None), ("staging", None), ("production", Some(first))];
    let mut state = proposed();
    amend(&mut state, "production");
    assert_eq!(wanted(&state), again);
    for is_amended in [true, false] {
        let mut state = proposed();
        let promoted =
            Promoted { place: place("production"), release: 1, person: bob(), request: digest("p") };
        happen(&mut state, &Command::Promote(Promote { promoted, artifact: None }));
        if is_amended {
            amend(&mut state, "production");
        }
        assert_eq!(wanted(&state), NOTHING, "it is being judged");
        happen(&mut state, &verdict("production", 1, 1, Verdict::Fail));
        assert_eq!(wanted(&state) == again, is_amended, "{:?}", wanted(&state));
    }
}

#[test]
fn what_failed_or_never_came_is_wanted_again_beyond_where_it_runs() {
    let mut state = built();
    deliver(&mut state, "dev");
    brought(&mut state, "staging", "manifest", 1, ReleaseOutcome::Failed);
    run_again(&mut state, 51, 1, "manifest", Some(false));
    assert_eq!(wanted(&state), [("dev", None), ("staging", Some(id(51).into())), ("production", None)]);
}

/// A state in which commit 1 ran everywhere and commit 2 runs there now.
fn both() -> State {
    let mut state = built();
    for (manifest, of) in [("manifest", 1), ("second", 2)] {
        if of == 2 {
            run_again(&mut state, 52, 2, manifest, Some(false));
        }
        for environment in ["dev", "staging", "production"] {
            brought(&mut state, environment, manifest, of, ReleaseOutcome::Running);
        }
    }
    state
}

#[test]
fn a_rollback_is_of_its_place_and_a_second_one_does_not_go_forward() {
    let mut state = both();
    assert_eq!(
        codes(&state, &roll_back("staging", "second", "manifest", 2)),
        ["return-differs"],
        "another release"
    );
    happen(&mut state, &roll_back("staging", "second", "manifest", 1));
    happen(&mut state, &reported("staging", 3, "manifest", 1, ReleaseOutcome::Running));
    assert_eq!(standing(&state, "staging").running.unwrap().artifact, digest("manifest"));
    assert_eq!(wanted(&state), NOTHING, "production is not rolled back with it");
    assert!(standing(&state, "staging").bars(&digest("second")));
    assert_eq!(codes(&state, &roll_back("staging", "manifest", "second", 2)), ["rolled-back"]);
    // The same commit does not come back by itself. A person who runs it with `--again` gets it.
    run_again(&mut state, 53, 2, "second", Some(false));
    assert_eq!(wanted(&state), NOTHING);
    run_again(&mut state, 54, 2, "second", Some(true));
    brought(&mut state, "dev", "second", 2, ReleaseOutcome::Running);
    assert_eq!(standing(&state, "staging").wanted.unwrap().run, id(54).into());
    assert!(!standing(&state, "staging").bars(&digest("second")));
    // A rollback that an older program requested bars nothing.
    let mut state = both();
    let Command::Rollback(mut old) = roll_back("staging", "second", "manifest", 1) else { return };
    old.release = None;
    happen(&mut state, &Command::Rollback(old));
    happen(&mut state, &reported("staging", 3, "manifest", 1, ReleaseOutcome::Running));
    assert!(standing(&state, "staging").rolled_back.is_empty());
}

#[test]
fn a_rollback_that_was_not_carried_out_bars_nothing() {
    for outcome in [ReleaseOutcome::Refused, ReleaseOutcome::Returned] {
        let mut state = both();
        happen(&mut state, &roll_back("production", "second", "manifest", 1));
        let Command::AgentReport(mut report) = reported("production", 3, "manifest", 1, outcome) else {
            return;
        };
        report.report.running = Some(evidence::report::Running::of(digest("second"), commit(2)));
        happen(&mut state, &Command::AgentReport(report));
        let standing = standing(&state, "production");
        assert_eq!((standing.running.unwrap().artifact, standing.rolled_back.len()), (digest("second"), 0));
    }
}

#[test]
fn what_a_gate_held_for_a_freeze_is_judged_again_once_it_is_lifted() {
    let mut state = built();
    status(&mut state, 1, freeze());
    happen(&mut state, &propose("dev"));
    happen(&mut state, &held("dev", 1, "frozen"));
    assert_eq!(codes(&state, &retry("dev")), ["nothing-frozen"], "it is frozen still");
    status(&mut state, 2, Vec::new());
    assert_eq!(codes(&state, &retry("staging")), ["nothing-frozen"], "nothing is there");
    happen(&mut state, &retry("dev"));
    assert_eq!(standing(&state, "dev").open.unwrap().stage, Stage::Judging);
    assert_eq!(codes(&state, &retry("dev")), ["nothing-frozen"], "once");
    happen(&mut state, &verdict("dev", 1, 2, Verdict::Pass));
    // A release that is held for another reason stays held.
    let mut state = built();
    happen(&mut state, &propose("dev"));
    happen(&mut state, &held("dev", 1, "approvals-missing"));
    assert_eq!(codes(&state, &retry("dev")), ["nothing-frozen"]);
}

#[test]
fn what_an_agent_refused_for_a_freeze_is_wanted_again_under_a_later_status() {
    let mut state = built();
    status(&mut state, 1, Vec::new());
    happen(&mut state, &propose("dev"));
    happen(&mut state, &verdict("dev", 1, 1, Verdict::Pass));
    let Command::AgentReport(mut refused) = agent_report("dev", 1, ReleaseOutcome::Refused) else { return };
    refused.report.reasons = vec!["frozen".into()];
    happen(&mut state, &Command::AgentReport(refused));
    assert_eq!(
        codes(&state, &retry("dev")),
        ["nothing-frozen"],
        "the agent knows of a freeze that is not here"
    );
    status(&mut state, 2, freeze());
    assert_eq!(codes(&state, &retry("dev")), ["nothing-frozen"]);
    status(&mut state, 3, Vec::new());
    happen(&mut state, &retry("dev"));
    assert_eq!(standing(&state, "dev").wanted.unwrap().artifact, digest("manifest"));
    assert_eq!(codes(&state, &retry("dev")), ["nothing-frozen"], "once");
}

#[test]
fn what_was_rolled_back_during_a_freeze_does_not_come_back_by_its_end() {
    let mut state = both();
    run_again(&mut state, 53, 2, "second", Some(true));
    status(&mut state, 1, freeze());
    let Command::Propose(mut again) = propose("dev") else { return };
    again.artifact = digest("second");
    happen(&mut state, &Command::Propose(again));
    let number = standing(&state, "dev").highest;
    happen(&mut state, &held("dev", number, "frozen"));
    happen(&mut state, &roll_back("dev", "second", "manifest", 1));
    happen(&mut state, &reported("dev", number + 1, "manifest", 1, ReleaseOutcome::Running));
    assert!(standing(&state, "dev").bars(&digest("second")));
    status(&mut state, 2, Vec::new());
    assert_eq!(codes(&state, &retry("dev")), ["nothing-frozen"]);
    assert_eq!(wanted(&state), NOTHING);
}

/// The release that is pending beside the one that was rolled back has the same artifact.
#[test]
fn what_was_rolled_back_is_not_promoted_where_it_stands_open_until_it_is_asked_for_again() {
    let mut state = both();
    let open = |state: &mut State, run: u8| {
        run_again(state, run, 2, "second", Some(true));
        for environment in ["dev", "staging"] {
            brought(state, environment, "second", 2, ReleaseOutcome::Running);
        }
        let Command::Propose(mut wanted) = propose("production") else { unreachable!() };
        wanted.artifact = digest("second");
        happen(state, &Command::Propose(wanted));
        let release = standing(state, "production").open.unwrap().facts.release;
        let promoted = Promoted { place: place("production"), release, person: bob(), request: digest("p") };
        Command::Promote(Promote { promoted, artifact: Some(digest("second")) })
    };
    let promote = open(&mut state, 58);
    let before = standing(&state, "production").before.unwrap().release;
    happen(&mut state, &roll_back("production", "second", "manifest", before));
    let number = standing(&state, "production").highest;
    happen(&mut state, &reported("production", number, "manifest", 1, ReleaseOutcome::Running));
    assert_eq!(codes(&state, &promote), ["rolled-back"]);
    let promote = open(&mut state, 59);
    happen(&mut state, &promote);
}

/// Like `roll_back`, by a person who was told what ends with the rollback.
pub fn go_back(environment: &str, from: &str, to: &str, release: u64) -> Command {
    let Command::Rollback(back) = roll_back(environment, from, to, release) else { unreachable!() };
    Command::Rollback(Rollback { ends: true, ..back })
}

/// Commit 3 is proposed at dev while commit 2 runs there.
pub fn third() -> (State, u64) {
    let mut state = both();
    run_again(&mut state, 53, 3, "third", Some(false));
    let Command::Propose(mut wanted) = propose("dev") else { unreachable!() };
    wanted.artifact = digest("third");
    happen(&mut state, &Command::Propose(wanted));
    let number = standing(&state, "dev").highest;
    (state, number)
}

#[test]
fn what_stands_open_ends_with_a_rollback_and_does_not_go_live_by_itself() {
    for code in ["frozen", "not-witnessed", "approvals-missing"] {
        let (mut state, number) = third();
        status(&mut state, 1, freeze());
        happen(&mut state, &held("dev", number, code));
        happen(&mut state, &go_back("dev", "second", "manifest", 1));
        assert_eq!(standing(&state, "dev").open, None, "{code}: it ended when the rollback was asked for");
        let course = standing(&state, "dev").returning.unwrap().0.course.unwrap();
        assert_eq!((course.ends, course.from_release), (Some(number), 2), "{code}");
        happen(&mut state, &reported("dev", number + 1, "manifest", 1, ReleaseOutcome::Running));
        status(&mut state, 2, Vec::new());
        assert_eq!(codes(&state, &retry("dev")), ["nothing-frozen"], "{code}");
        assert_eq!((wanted(&state), standing(&state, "dev").open), (NOTHING.to_vec(), None), "{code}");
        assert!(!standing(&state, "dev").bars(&digest("third")), "nobody rolled that back");
        // A person who runs its commit again gets it.
        run_again(&mut state, 54, 3, "third", Some(false));
        assert_eq!(standing(&state, "dev").wanted.unwrap().run, id(54).into(), "{code}");
    }
}

#[test]
fn what_waits_for_its_plan_or_was_refused_in_a_freeze_ends_with_a_rollback() {
    let mut state = both();
    run_again(&mut state, 53, 3, "third", Some(false));
    assert!(standing(&state, "dev").wanted.is_some());
    happen(&mut state, &go_back("dev", "second", "manifest", 1));
    assert_eq!(wanted(&state), NOTHING);
    let (mut state, number) = third();
    happen(&mut state, &verdict("dev", number, 1, Verdict::Pass));
    let Command::AgentReport(mut refused) = agent_report("dev", number, ReleaseOutcome::Refused) else {
        return;
    };
    (refused.report.artifact, refused.report.reasons) = (digest("third"), vec!["frozen".into()]);
    refused.report.running = Some(evidence::report::Running::of(digest("second"), commit(2)));
    happen(&mut state, &Command::AgentReport(refused));
    assert!(standing(&state, "dev").frozen.is_some());
    happen(&mut state, &go_back("dev", "second", "manifest", 1));
    happen(&mut state, &reported("dev", number + 1, "manifest", 1, ReleaseOutcome::Running));
    status(&mut state, 3, Vec::new());
    assert_eq!(codes(&state, &retry("dev")), ["nothing-frozen"]);
}

#[test]
fn two_bad_releases_in_a_row_are_gone_back_past() {
    let mut state = both();
    run_again(&mut state, 53, 3, "third", Some(false));
    brought(&mut state, "dev", "third", 3, ReleaseOutcome::Running);
    happen(&mut state, &go_back("dev", "third", "second", 2));
    happen(&mut state, &reported("dev", 4, "second", 2, ReleaseOutcome::Running));
    assert_eq!(
        codes(&state, &go_back("dev", "second", "third", 3)),
        ["rolled-back"],
        "that would go forward"
    );
    assert_eq!(
        codes(&state, &go_back("dev", "second", "manifest", 2)),
        ["return-differs"],
        "another release"
    );
    happen(&mut state, &go_back("dev", "second", "manifest", 1));
    happen(&mut state, &reported("dev", 5, "manifest", 1, ReleaseOutcome::Running));
    let now = standing(&state, "dev");
    assert_eq!(
        now.running.as_ref().map(|running| (running.artifact, running.run)),
        Some((digest("manifest"), id(50).into()))
    );
    let past: Vec<_> = now.past().map(|past| past.artifact).collect();
    assert_eq!(past, [digest("second")], "each once, and what was rolled back only as what ran before");
    assert!(now.bars(&digest("second")) && now.bars(&digest("third")));
    // Also in one step, if a person names the release.
    let mut state = both();
    run_again(&mut state, 53, 3, "third", Some(false));
    brought(&mut state, "dev", "third", 3, ReleaseOutcome::Running);
    happen(&mut state, &go_back("dev", "third", "manifest", 1));
    happen(&mut state, &reported("dev", 4, "manifest", 1, ReleaseOutcome::Running));
    assert_eq!(standing(&state, "dev").running.unwrap().artifact, digest("manifest"));
    // A rollback that an older program requested goes back by one step.
    let mut state = both();
    run_again(&mut state, 53, 3, "third", Some(false));
    brought(&mut state, "dev", "third", 3, ReleaseOutcome::Running);
    assert_eq!(codes(&state, &roll_back("dev", "third", "manifest", 1)), ["return-differs"]);
}

#[test]
fn a_release_under_way_is_rolled_back_to_what_runs() {
    for reached in [None, Some(ReleaseOutcome::Returned), Some(ReleaseOutcome::Running)] {
        let (mut state, number) = third();
        happen(&mut state, &verdict("dev", number, 1, Verdict::Pass));
        assert_eq!(
            codes(&state, &go_back("dev", "second", "manifest", 1)),
            ["return-differs"],
            "that is not what ends"
        );
        happen(&mut state, &go_back("dev", "third", "second", 2));
        assert_eq!(codes(&state, &go_back("dev", "third", "second", 2)), ["already-promoted"], "once");
        if let Some(outcome) = reached {
            // The agent was working on the release: it either failed, or ran before the agent heard of the rollback.
            let (runs, of) = if outcome == ReleaseOutcome::Running { ("third", 3) } else { ("second", 2) };
            let Command::AgentReport(mut report) = reported("dev", number, "third", 3, outcome) else {
                return;
            };
            report.report.running = Some(evidence::report::Running::of(digest(runs), commit(of)));
            happen(&mut state, &Command::AgentReport(report));
            assert_eq!(wanted(&state), NOTHING, "{reached:?}: it does not go on to staging");
        }
        happen(&mut state, &reported("dev", number + 1, "second", 2, ReleaseOutcome::Running));
        let now = standing(&state, "dev");
        assert_eq!(
            now.running.as_ref().map(|running| running.artifact),
            Some(digest("second")),
            "{reached:?}"
        );
        assert_eq!((now.open.clone(), wanted(&state)), (None, NOTHING.to_vec()), "{reached:?}");
        let bar = now.rolled_back.first().cloned().unwrap();
        assert_eq!(
            (bar.artifact, bar.commit, bar.release),
            (digest("third"), commit(3), number),
            "{reached:?}"
        );
        assert_eq!(state.misfits, 0);
    }
}

#[test]
fn nobody_waits_for_the_gate_of_a_release_that_is_rolled_back() {
    let (mut state, number) = third();
    assert_eq!(standing(&state, "dev").open.unwrap().stage, Stage::Judging);
    happen(&mut state, &go_back("dev", "third", "second", 2));
    assert_eq!(codes(&state, &verdict("dev", number, 1, Verdict::Pass)), ["verdict-stale"]);
    happen(&mut state, &reported("dev", number + 1, "second", 2, ReleaseOutcome::Running));
    assert_eq!((wanted(&state), standing(&state, "dev").open), (NOTHING.to_vec(), None));
    // The very first release has no predecessor to roll back to.
    let mut state = built();
    happen(&mut state, &propose("dev"));
    assert_eq!(codes(&state, &go_back("dev", "manifest", "second", 1)), ["nothing-before"]);
}
