//! Records of the corpus's releases: settled, pending, rolled back, failed, and one without evidence.

use review::record::Known;

use super::{Corpus, place, shown};
use crate::console::record::{of_state, sheet};

#[test]
fn a_record_is_made_of_each_stage() {
    let corpus = Corpus::new();
    for (entries, environment, number, name) in [
        (23, "dev", 0, "wanted"),
        (42, "production", 1, "running"),
        (64, "dev", 2, "not-working"),
        (99, "production", 2, "held"),
        (110, "production", 3, "rollback"),
        (110, "production", 2, "rolled-back"),
    ] {
        let state = corpus.state(entries);
        let record = corpus
            .at(corpus.time(entries - 1), |at| of_state(at, &state, &place(environment), number).unwrap());
        shown(&format!("record-{name}"), &record);
        super::texts(&format!("record-{name}-text"), record.text());
        let page = sheet(&record);
        assert_eq!(page.headline, record.sentence);
        assert_eq!(page.lists[0].rows.len(), record.steps.len(), "{name}: each step is on the page");
        assert!(record.steps.is_sorted_by_key(|step| step.entry), "{name}");
        let reported = record.steps.iter().find(|step| step.kind == "release.reported");
        assert!(reported.is_none_or(|step| step.known == Known::Signed), "{name}: {reported:?}");
    }
}
