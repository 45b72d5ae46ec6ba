//! The packs: policies that the program has with it, each to start from.
//!
//! Invariant: every pack is one package. `gate.rego` and `limits.rego` have what teams change; the rules that all packs share
//! are in `release.rego` and, by topic, in `rules_*.rego`; `sentences.rego` has what a verdict says, and `summary.rego` what
//! each rule does, for people. Tables sort after `gate.rego` and before the files with rules, and `rules_verdict.rego` after
//! those whose sets it reads: under `with`, which tests use, the interpreter does not find values of a later file, and no name
//! sorts before `gate.rego`. A pack of a regulation has the rules of its controls in `rules_under_NAME.rego`, which asks for
//! conditions of `rules_topics.rego`. The pages `docs/policy/packs.md` and `docs/policy/regulations.md` say what each pack shows.

use std::collections::BTreeMap;

/// A policy to start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Its name on the command line.
    pub name: &'static str,
    gate: &'static str,
    /// Tables that packs share; absent where `gate.rego` has its own.
    tables: Option<&'static str>,
    /// Rules of a regulation.
    regulation: Option<Regulation>,
    /// Tests of `gate.rego`, if it has rules or numbers that other packs do not have.
    tests: Option<&'static str>,
}

/// The part of a pack that is about the controls of a regulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Regulation {
    /// Name of the file with its rules. It differs from pack to pack, so that a policy may have several.
    file: &'static str,
    rules: &'static str,
    tests: &'static str,
}

/// The pack of a regulation whose directory has this name.
macro_rules! regulation {
    ($dir:literal, $file:literal) => {
        Some(Regulation {
            file: $file,
            rules: include_str!(concat!("../../../policies/", $dir, "/", $file)),
            tests: include_str!(concat!("../../../policies/", $dir, "/controls_test.rego")),
        })
    };
}

/// A pack of a regulation whose numbers and tables are those of `default`.
macro_rules! pack {
    ($name:literal, $file:literal) => {
        Pack {
            name: $name,
            gate: include_str!(concat!("../../../policies/", $name, "/gate.rego")),
            tables: Some(TABLES),
            regulation: regulation!($name, $file),
            tests: None,
        }
    };
}

/// All packs. The first one is that of new installations.
pub const PACKS: [Pack; 11] = [
    Pack {
        name: "default",
        gate: include_str!("../../../policies/default/gate.rego"),
        tables: Some(TABLES),
        regulation: None,
        tests: Some(include_str!("../../../policies/default/gate_test.rego")),
    },
    pack!("fedramp", "rules_under_fedramp.rego"),
    pack!("gdpr", "rules_under_gdpr.rego"),
    pack!("hipaa", "rules_under_hipaa.rego"),
    pack!("iso-27001", "rules_under_iso_27001.rego"),
    pack!("owasp-cicd", "rules_under_owasp_cicd.rego"),
    Pack {
        name: "pci-dss",
        gate: include_str!("../../../policies/pci-dss/gate.rego"),
        tables: None,
        regulation: regulation!("pci-dss", "rules_under_pci_dss.rego"),
        tests: Some(include_str!("../../../policies/pci-dss/gate_test.rego")),
    },
    pack!("slsa", "rules_under_slsa.rego"),
    pack!("soc2", "rules_under_soc2.rego"),
    Pack {
        name: "sox-itgc",
        gate: include_str!("../../../policies/sox-itgc/gate.rego"),
        tables: Some(TABLES),
        regulation: regulation!("sox-itgc", "rules_under_sox_itgc.rego"),
        tests: Some(include_str!("../../../policies/sox-itgc/gate_test.rego")),
    },
    pack!("ssdf", "rules_under_ssdf.rego"),
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
        let own = self.regulation.map(|regulation| (regulation.file, regulation.rules));
        let files = files.chain(own).chain(own.into_iter().flat_map(|_| CONTROLS));
        files.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    /// Its tests, by name of the file. They are not part of the policy.
    #[must_use]
    pub fn tests(&self) -> BTreeMap<String, String> {
        let own = self.tests.map(|tests| ("gate_test.rego", tests));
        let controls = self.regulation.into_iter().flat_map(|regulation| {
            [("controls_test.rego", regulation.tests), ("fixtures_test.rego", FIXTURES)]
        });
        own.into_iter().chain(controls).map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
    }
}

const TABLES: &str = include_str!("../../../policies/lib/limits.rego");

/// Files that are the same in all packs.
const SHARED: [(&str, &str); 16] = [
    ("release.rego", include_str!("../../../policies/lib/release.rego")),
    ("rules_artifact.rego", include_str!("../../../policies/lib/rules_artifact.rego")),
    ("rules_baseline.rego", include_str!("../../../policies/lib/rules_baseline.rego")),
    ("rules_components.rego", include_str!("../../../policies/lib/rules_components.rego")),
    ("rules_effects.rego", include_str!("../../../policies/lib/rules_effects.rego")),
    ("rules_findings.rego", include_str!("../../../policies/lib/rules_findings.rego")),
    ("rules_fixes.rego", include_str!("../../../policies/lib/rules_fixes.rego")),
    ("rules_infrastructure.rego", include_str!("../../../policies/lib/rules_infrastructure.rego")),
    ("rules_pipelines.rego", include_str!("../../../policies/lib/rules_pipelines.rego")),
    ("rules_reports.rego", include_str!("../../../policies/lib/rules_reports.rego")),
    ("rules_residency.rego", include_str!("../../../policies/lib/rules_residency.rego")),
    ("rules_rollout.rego", include_str!("../../../policies/lib/rules_rollout.rego")),
    ("rules_tests.rego", include_str!("../../../policies/lib/rules_tests.rego")),
    ("rules_verdict.rego", include_str!("../../../policies/lib/rules_verdict.rego")),
    ("sentences.rego", include_str!("../../../policies/lib/sentences.rego")),
    ("summary.rego", include_str!("../../../policies/lib/summary.rego")),
];

/// Files that are the same in all packs of a regulation.
const CONTROLS: [(&str, &str); 4] = [
    ("limits_controls.rego", include_str!("../../../policies/lib/limits_controls.rego")),
    ("rules_topics.rego", include_str!("../../../policies/lib/rules_topics.rego")),
    ("rules_topics_tools.rego", include_str!("../../../policies/lib/rules_topics_tools.rego")),
    ("rules_verdict_controls.rego", include_str!("../../../policies/lib/rules_verdict_controls.rego")),
];

/// Releases for the tests of regulations.
const FIXTURES: &str = include_str!("../../../policies/lib/fixtures_test.rego");
