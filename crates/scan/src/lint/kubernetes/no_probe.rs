//! `k8s-no-probe`. Pods that run to their end have nobody who waits for them.

use evidence::document::findings::Severity;

use super::{Container, Object, Part};
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-no-probe",
        severity: Severity::Low,
        title: "nothing asks whether a container works",
        why: "Without a probe it gets requests before it can answer them, and a process that hangs is never started again.",
        remedy: "write a `readinessProbe`, and a `livenessProbe` if a restart mends it",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    if matches!(object.kind.as_str(), "Job" | "CronJob") {
        return;
    }
    let is_served = |one: &Container<'_>| one.part == Part::Main && one.is_whole();
    let never_restarts = object.pod().and_then(|pod| pod.text_at("restartPolicy")) == Some("Never");
    for container in object.containers().filter(|one| is_served(one) && !never_restarts) {
        let probes = ["readinessProbe", "livenessProbe", "startupProbe"].map(|key| container.node.get(key));
        if probes.into_iter().flatten().all(Marked::is_null) {
            hits.of(container.node, container.about);
        }
    }
}
