//! Given a run that everybody finished alike, then its artifact exists, with all its receipts and entries.

use crate::scenario::{built, digest, name, place, run_id};

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
