//! A plan for tests.

use std::collections::BTreeMap;

use evidence::plan::{Plan, Probe, ProbeTarget, Target};
use evidence::release_file::Listen;
use evidence::rollout::Strategy;

/// A plan of one process with a port.
pub fn plan() -> Plan {
    Plan {
        v: 1,
        installation: evidence::Id::from_random([1; 16]),
        project: "shop".parse().unwrap(),
        service: "api".parse().unwrap(),
        environment: "dev".parse().unwrap(),
        commit: "a".repeat(40).parse().unwrap(),
        artifact: "api".parse().unwrap(),
        target: Target::Process {
            command: vec!["app".into()],
            port: Some(8_080),
            listen: Listen::Socket,
            stop_ms: 300,
        },
        user: "agent".into(),
        variables: BTreeMap::new(),
        probe: Probe { ask: ProbeTarget::Http("/".into()), attempts: 3, interval_ms: 20 },
        open_files: 77,
        memory_bytes: 4 << 30,
        strategy: Strategy::Replace,
        instances: None,
        on_failure: "return".into(),
        rollout: None,
        secrets: BTreeMap::new(),
        databases: BTreeMap::new(),
        database: None,
        before: Vec::new(),
    }
}
