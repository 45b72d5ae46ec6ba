//! `k8s-unsafe-sysctl`.

use evidence::document::findings::Severity;

use super::Object;
use crate::lint::marked::Marked;
use crate::lint::rule::{Facts, Hits, Rule};

pub const RULE: Rule<Object> = Rule {
    facts: Facts {
        id: "k8s-unsafe-sysctl",
        severity: Severity::Medium,
        title: "a pod sets a parameter of the kernel that is not kept apart",
        why: "It changes the host and its other pods, or takes more memory than the pod's limits say.",
        remedy: "remove it from `sysctls`, or set it on nodes for this pod alone",
        same: &[],
    },
    check,
};

fn check(object: &Object, hits: &mut Hits) {
    let sysctls = object.pod().and_then(|pod| pod.at(&["securityContext", "sysctls"]));
    for sysctl in sysctls.map(Marked::items).unwrap_or_default() {
        // The kernel takes both signs between the parts of a name.
        let name = sysctl.text_at("name").unwrap_or_default().replace('/', ".");
        if !name.is_empty() && !SAFE.contains(&name.as_str()) {
            hits.of(sysctl, format!("{}, {name}", object.name));
        }
    }
}

/// Those of <https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/>.
const SAFE: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];
