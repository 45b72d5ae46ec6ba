//! `cfn-container-privileged`.

use evidence::document::findings::Severity;

use super::Template;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Template> = Rule {
    facts: Facts {
        id: "cfn-container-privileged",
        severity: Severity::High,
        title: "a container of a task has all privileges of its host",
        why: "A process in it can take over the host and all its other containers.",
        remedy: "remove `Privileged`, and add only the capabilities that it needs",
        same: &["CKV_AWS_334"],
    },
    check,
};

fn check(template: &Template, hits: &mut Hits) {
    for task in template.of(&["AWS::ECS::TaskDefinition"]) {
        for container in
            task.items("ContainerDefinitions").iter().filter(|container| container.is_on("Privileged"))
        {
            hits.of(container.place("Privileged"), task.name());
        }
    }
}
