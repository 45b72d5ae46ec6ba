//! `gitlab-server-unchecked`.

use evidence::document::findings::Severity;

use super::Pipeline;
use crate::lint::rule::{Facts, Hits, Rule};
use crate::lint::shell::checks::{switches_checks_off, unchecked_servers};

pub const RULE: Rule<Pipeline> = Rule {
    facts: Facts {
        id: "gitlab-server-unchecked",
        severity: Severity::High,
        title: "a job does not check which server answers",
        why: "Anybody on the way can read what the job sends, and give it other files.",
        remedy: "remove the option, and add the missing certificate or host key instead",
        same: &[],
    },
    check,
};

fn check(pipeline: &Pipeline, hits: &mut Hits) {
    for (job, script) in &pipeline.scripts {
        for (line, about) in unchecked_servers(script) {
            hits.at(line, format!("{job}: {about}"));
        }
    }
    for variable in &pipeline.variables {
        if switches_checks_off(&variable.name, &variable.value) {
            hits.at(variable.line, variable.name.clone());
        }
    }
}
