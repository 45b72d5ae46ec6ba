//! `terraform-iam-wildcard`.
//!
//! A statement with `NotAction` allows everything that it does not name, so it is as wide.

use evidence::document::findings::Severity;

use super::Plan;
use super::policies::Sort;
use crate::lint::access::allowing;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-iam-wildcard",
        severity: Severity::Medium,
        title: "a policy allows all actions of a service on every resource",
        why: "The identity can read, change and delete far more than its work needs, and so can whoever gets hold of it.",
        remedy: "name the actions, or the resources, that the identity needs",
        same: &[],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for (block, policy) in plan.policies(&[Sort::Identity]) {
        for statement in allowing(policy).filter(|statement| statement.is_of_all()) {
            let wide = statement.actions().find(|action| action.len() > 2 && action.ends_with(":*"));
            match wide {
                Some(action) => hits.at(0, format!("{}: {action}", block.address())),
                None if statement.is_all_but() => hits.at(0, format!("{}: all but a few", block.address())),
                None => {}
            }
        }
    }
}
