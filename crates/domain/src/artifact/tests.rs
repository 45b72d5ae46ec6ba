//! Given a run that all runners finished with the same result, then its artifact exists, with all its receipts and
//! entries.

use evidence::receipt::Work;

use crate::Command;
use crate::scenario::{built, digest, happen, id, name, place, report, run, run_id};

#[test]
fn an_artifact_names_its_receipts_and_is_wanted_where_nothing_comes_before() {
    let state = built();
    let artifact = state.artifact.get(run_id(), &digest("manifest")).unwrap();
    assert_eq!(artifact.facts.receipts.len(), 4, "a step and the artifact, on two runners");
    assert_eq!(artifact.facts.services, [name("api")]);
    assert!(artifact.entries.is_sorted() && artifact.entries.len() == 6, "{:?}", artifact.entries);
    assert!(state.build.run(run_id()).is_none(), "the run has ended");
    assert!(state.source.of(run_id()).is_some(), "its source is still needed");
    assert!(state.release.at(&place("dev")).unwrap().wanted.is_some());
    assert!(state.release.at(&place("staging")).is_none());
}

#[test]
fn what_nothing_needs_any_more_leaves_the_state() {
    let mut state = built();
    for n in 0..20 {
        // Runs the same commit many times: each new artifact is wanted in dev instead of the previous one.
        let mut command = run(false);
        command.take.run = id(100 + n).into();
        command.seed = id(100 + n);
        happen(&mut state, &Command::Run(Box::new(command)));
        for work in [Work::Step(name("build")), Work::Artifact(name("api"))] {
            for runner in ["runner-1", "runner-2"] {
                let report = report(&state, runner, work.clone(), &format!("manifest {n}"));
                happen(&mut state, &Command::Report(Box::new(report)));
            }
        }
    }
    assert!(state.source.of(run_id()).is_none(), "the first run's source");
    assert!(state.artifact.get(run_id(), &digest("manifest")).is_none(), "and its artifact");
    assert!(state.artifact.get(id(119).into(), &digest("manifest 19")).is_some());
}
