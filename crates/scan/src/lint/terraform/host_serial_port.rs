//! `terraform-host-serial-port`.

use evidence::document::findings::Severity;

use super::Plan;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Plan> = Rule {
    facts: Facts {
        id: "terraform-host-serial-port",
        severity: Severity::Low,
        title: "the serial port of a host takes connections",
        why: "It can be reached from every address, past all firewalls, by whoever has a key of the host.",
        remedy: "remove `serial-port-enable` from the metadata",
        same: &["CKV_GCP_35"],
    },
    check,
};

fn check(plan: &Plan, hits: &mut Hits) {
    for host in plan.of(&[
        "google_compute_instance",
        "google_compute_instance_template",
        "google_compute_project_metadata",
    ]) {
        let value = host.values.get("metadata").and_then(|metadata| metadata.get("serial-port-enable"));
        let is_on = value.is_some_and(|value| {
            value.as_bool() == Some(true)
                || value.as_str().is_some_and(|text| {
                    matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "y" | "yes")
                })
        });
        if is_on {
            hits.at(0, host.address());
        }
    }
}
