//! `terraform-container-privileged`.

use evidence::document::findings::Severity;

use super::Plan;
use super::containers::containers;
use crate::lint::rule::{Facts, Hits, Rule};
use serde_json::Value;

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-container-privileged",
        severity: Severity::High,
        title: "a container of a task has all privileges of its host",
        why: "A process in it can take over the host and all its other containers.",
        remedy: "remove `privileged`, and add only the capabilities that it needs",
        same: &["CKV_AWS_334", "CKV_AWS_210"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for task in plan.of(&["aws_ecs_task_definition", "aws_batch_job_definition"]) {
        if containers(&task).iter().any(|container| container.get("privileged") == Some(&Value::Bool(true))) {
            hits.at(0, task.address());
        }
    }
}
