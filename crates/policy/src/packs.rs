//! The packs: policies that the program has with it, each to start from.
//!
//! Invariant: every pack is one package. `gate.rego` and `limits.rego` have what teams change; the rules that all packs share
//! are in `release.rego` and, by topic, in `rules_*.rego`; `sentences.rego` has what a verdict says, and `summary.rego` what
//! each rule does, for people. Tables sort after `gate.rego` and before the files with rules, and `rules_verdict.rego` after
//! those whose sets it reads: under `with`, which tests use, the interpreter does not find values of a later file. The page
//! `docs/policy/packs.md` says what each pack shows.

use std::collections::BTreeMap;

/// A policy to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Its name on the command line.
    pub name: &'static str,
    gate: &'static str,
    /// Tables that packs share; absent where `gate.rego` has its own.
    tables: Option<&'static str>,
    tests: &'static str,
}

/// All packs. The first one is that of new installations.
pub const PACKS: [Pack; 3] = [
    Pack {
        name: "default",
        gate: include_str!("../../../policies/default/gate.rego"),
        tables: Some(TABLES),
        tests: include_str!("../../../policies/default/gate_test.rego"),
    },
    Pack {
        name: "pci-dss",
        gate: include_str!("../../../policies/pci-dss/gate.rego"),
        tables: None,
        tests: include_str!("../../../policies/pci-dss/gate_test.rego"),
    },
    Pack {
        name: "sox-itgc",
        gate: include_str!("../../../policies/sox-itgc/gate.rego"),
        tables: Some(TABLES),
        tests: include_str!("../../../policies/sox-itgc/gate_test.rego"),
    },
];

impl Pack {
    /// The pack of new installations.
    pub const DEFAULT: Self = PACKS[0];

    /// The pack of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PACKS.into_iter().find(|pack| pack.name == name)
    }

    /// Files of the policy, by name.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, String> {
        let files = SHARED.into_iter().chain([("gate.rego", self.gate)]);
        let files = files.chain(self.tables.map(|tables| ("limits.rego", tables)));
        files.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    /// Its tests, by name of the file. They are not part of the policy.
    #[must_use]
    pub fn tests(&self) -> BTreeMap<String, String> {
        [("gate_test.rego".to_owned(), self.tests.to_owned())].into()
    }
}

const TABLES: &str = include_str!("../../../policies/lib/limits.rego");

/// Files that are the same in all packs.
const SHARED: [(&str, &str); 13] = [
    ("release.rego", include_str!("../../../policies/lib/release.rego")),
    ("rules_artifact.rego", include_str!("../../../policies/lib/rules_artifact.rego")),
    ("rules_baseline.rego", include_str!("../../../policies/lib/rules_baseline.rego")),
    ("rules_components.rego", include_str!("../../../policies/lib/rules_components.rego")),
    ("rules_effects.rego", include_str!("../../../policies/lib/rules_effects.rego")),
    ("rules_findings.rego", include_str!("../../../policies/lib/rules_findings.rego")),
    ("rules_fixes.rego", include_str!("../../../policies/lib/rules_fixes.rego")),
    ("rules_reports.rego", include_str!("../../../policies/lib/rules_reports.rego")),
    ("rules_rollout.rego", include_str!("../../../policies/lib/rules_rollout.rego")),
    ("rules_tests.rego", include_str!("../../../policies/lib/rules_tests.rego")),
    ("rules_verdict.rego", include_str!("../../../policies/lib/rules_verdict.rego")),
    ("sentences.rego", include_str!("../../../policies/lib/sentences.rego")),
    ("summary.rego", include_str!("../../../policies/lib/summary.rego")),
];
