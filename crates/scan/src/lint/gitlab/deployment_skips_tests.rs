//! `gitlab-deployment-skips-tests`.
//!
//! <https://docs.gitlab.com/ci/yaml/#when> and <https://docs.gitlab.com/ci/yaml/#needs>.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::marked::{Marked, Value};
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-deployment-skips-tests",
        severity: Severity::Medium,
        title: "a deployment does not wait for what has to pass before it",
        why: "It runs although earlier jobs, such as tests and scans, failed or have not ended.",
        remedy: "remove `when: always` and `needs: []`, or name the tests in `needs`",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for job in pipeline.jobs.iter().filter(|job| job.is_deployment()) {
        let own = job.get("when").into_iter();
        let rules = job.get("rules").map(Marked::items).unwrap_or_default();
        let by_rules = rules.iter().filter_map(|rule| rule.get("when"));
        for when in own.chain(by_rules).filter(|when| when.text() == Some("always")) {
            hits.of(when, format!("{}: when: always", job.name));
        }
        let needs =
            job.get("needs").filter(|needs| matches!(&needs.value, Value::List(items) if items.is_empty()));
        if let Some(needs) = needs {
            hits.of(needs, format!("{}: needs: []", job.name));
        }
    }
}
