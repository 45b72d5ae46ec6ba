# PCI DSS 4.0.1, requirement 6.3.3: patches for critical vulnerabilities are installed within one month of their release.
# The page docs/policy/packs.md says what of it a gate can show and what it cannot.
#
# This file has what differs from team to team. The rules are in `release.rego` and `rules_*.rego`.
package countersign.gate

import rego.v1

# How many runners must have built the same artifact, each by itself.
runners_needed := 2 if {
	production
	not solo
} else := 1

# How many people must approve, and in which role.
approvals_needed := 1 if production else := 0

approver := "release-manager"

# A finding without a fix, or with one that is younger than a month, warns. A fix that is overdue blocks in production. In
# solo mode, too, other environments only warn: nobody could try a fix there otherwise.
effects := {
	"secret-found": {"other": "block", "solo": "block"},
	"secrets-unscanned": {"other": "block", "solo": "block"},
	"provenance-missing": {"other": "block", "solo": "block"},
	"fix-overdue": {"production": "block", "other": "warn", "solo/production": "block", "solo": "warn"},
	"fix-undated": {"production": "block", "other": "warn", "solo/production": "block", "solo": "warn"},
	"finding-critical": {"production": "warn", "other": "warn", "solo": "warn"},
	"finding-undecided": {"production": "block", "other": "warn", "solo/production": "block", "solo": "warn"},
	"report-old": {"production": "block", "other": "warn", "solo/production": "block", "solo": "warn"},
	"sbom-missing": {"production": "block", "other": "warn", "solo/production": "block", "solo": "warn"},
	"configuration-out-of-bounds": {"production": "block", "other": "warn", "solo/production": "block", "solo": "warn"},
	"check-failed": {"production": "block", "other": "block", "solo/production": "block", "solo": "warn"},
	"tests-failed": {"production": "block", "other": "block", "solo/production": "block", "solo": "warn"},
	"tests-missing": {"production": "warn", "other": "off", "solo": "warn"},
	"dependencies-unjudged": {"production": "warn", "other": "off", "solo": "warn"},
	"licence-denied": {"other": "off", "solo": "off"},
	"dependency-unpinned": {"production": "warn", "other": "off", "solo": "warn"},
	"budget-exceeded": {"other": "off", "solo": "off"},
	"destruction-unapproved": {"production": "block", "other": "warn", "solo": "warn"},
	"residency-violated": {"production": "block", "other": "warn", "solo": "warn"},
	"pipeline-changed": {"production": "warn", "other": "off", "solo": "off"},
	"pipeline-uncompared": {"production": "warn", "other": "off", "solo": "off"},
	"assisted-unreviewed": {"other": "off", "solo": "off"},
	"cost-exceeded": {"other": "off", "solo": "off"},
	"infrastructure-unscanned": {"other": "off", "solo": "off"},
	"coverage-low": {"other": "off", "solo": "off"},
	"rollout-undone": {"other": "off", "solo": "off"},
	"baseline-differs": {"other": "off", "solo": "off"},
	"environments-differ": {"other": "off", "solo": "off"},
	"version-missing": {"other": "off", "solo": "off"},
	"label-missing": {"other": "off", "solo": "off"},
}

classes := {}

limits := {
	"budget": {},
	# 6.3.3 demands a month for critical ones. Those of high severity have the same here; give them more days if your
	# own ranking (6.3.1) says so.
	"fix_days": {"critical": 30, "high": 30, "exploited": 30},
	"report_days": 7,
	"coverage_percent": 70,
	"labels": [],
	"destruction": {"allowed": 0, "approvals": 2, "role": "release-manager"},
	"pipeline": {"sorts": {"pipeline", "build", "lock"}, "approvals": 2, "role": "release-manager"},
	"assistance": {"addresses": set(), "approvals": 2, "role": "release-manager"},
	"cost": {},
	"residency": {"public": {"any"}},
	"licences_denied": set(),
}

# In production the runner's own scan of the dependencies has to be there, by every runner that is needed. Reports of
# steps are read besides.
reads contains {"kind": "findings", "format": "dependencies", "producer": "runner", "runners": runners_needed, "days": 7} if production

reads contains {"kind": "components", "format": "components", "producer": "runner", "runners": runners_needed} if production

reads contains {"kind": "findings", "runners": 0}

reads contains {"kind": "components", "runners": 0}

reads contains {"kind": "tests", "runners": 0}

reads contains {"kind": "coverage", "runners": 0}

reads contains {"kind": "changes", "runners": 0}

# Reports of checks of the release in the environment before.
reads contains {"kind": "findings", "from": "before", "runners": 0}

reads contains {"kind": "tests", "from": "before", "runners": 0}

# Observations of the release by the agents of the environment before.
reads contains {"observation": "rollout-verdict"}

# How the plan that runs in the environment before differs from the one of the release.
reads contains {"parity": true}
