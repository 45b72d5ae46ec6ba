# Tables of the rules about reports: the effect of each rule in each environment, limits, and the reports that are read.
package countersign.gate

import rego.v1

# Effect of each rule about reports: it blocks, warns or is off. `other` is every environment that is not named; add
# columns for yours. `solo` is for one person alone, who is stopped by a secret and by missing provenance and warned of the
# rest; `solo/production` would name one environment of it. Let a rule warn before it blocks.
effects := {
	"secret-found": {"production": "block", "other": "block", "solo": "block"},
	"secrets-unscanned": {"production": "warn", "other": "warn", "solo": "warn"},
	"provenance-missing": {"production": "block", "other": "block", "solo": "block"},
	"finding-critical": {"production": "block", "other": "warn", "solo": "warn"},
	"finding-undecided": {"production": "warn", "other": "warn", "solo": "warn"},
	"configuration-out-of-bounds": {"production": "block", "other": "warn", "solo": "warn"},
	"check-failed": {"production": "block", "other": "block", "solo": "warn"},
	"tests-failed": {"production": "block", "other": "block", "solo": "warn"},
	"tests-missing": {"production": "warn", "other": "off", "solo": "warn"},
	"sbom-missing": {"production": "warn", "other": "off", "solo": "warn"},
	"dependencies-unjudged": {"production": "warn", "other": "off", "solo": "warn"},
	"licence-denied": {"production": "warn", "other": "warn", "solo": "warn"},
	"dependency-unpinned": {"production": "warn", "other": "off", "solo": "warn"},
	"destruction-unapproved": {"production": "block", "other": "warn", "solo": "warn"},
	"report-old": {"production": "warn", "other": "off", "solo": "warn"},
	"budget-exceeded": {"production": "warn", "other": "off", "solo": "warn"},
	"fix-overdue": {"production": "warn", "other": "off", "solo": "warn"},
	"fix-undated": {"production": "warn", "other": "off", "solo": "warn"},
	"residency-violated": {"production": "block", "other": "warn", "solo": "warn"},
	"pipeline-changed": {"production": "warn", "other": "off", "solo": "off"},
	"pipeline-uncompared": {"production": "warn", "other": "off", "solo": "off"},
	"cost-exceeded": {"production": "block", "other": "warn", "solo": "warn"},
	# Off until a team sets them: not every project has infrastructure, measures coverage, rolls out in steps, has baselines of hosts or environments that are alike, has versions and labels, or asks more where tools helped.
	"assisted-unreviewed": {"other": "off", "solo": "off"},
	"infrastructure-unscanned": {"other": "off", "solo": "off"},
	"coverage-low": {"other": "off", "solo": "off"},
	"rollout-undone": {"other": "off", "solo": "off"},
	"baseline-differs": {"other": "off", "solo": "off"},
	"environments-differ": {"other": "off", "solo": "off"},
	"version-missing": {"other": "off", "solo": "off"},
	"label-missing": {"other": "off", "solo": "off"},
}

# Class of the data in an environment, in your own words. A budget may be given for a class: `class/restricted`.
classes := {}

limits := {
	# How many findings of a severity are allowed, secrets aside: the lowest number of the rows that name the environment and
	# its class; `other` where neither has a row. A severity that no such row names has no limit.
	"budget": {"production": {"critical": 0, "high": 5}, "other": {"critical": 5}},
	# Days within which a fix has to be taken, by severity.
	"fix_days": {"critical": 30, "high": 60, "exploited": 14},
	# Highest age of a scanner's report and of the knowledge that it rests on.
	"report_days": 30,
	# Lowest share of lines that tests reach, in percent.
	"coverage_percent": 70,
	# Labels that a tag of the artifact must have.
	"labels": [],
	# How many resources a plan may destroy or replace, and how many people in which role let it destroy more.
	"destruction": {"allowed": 0, "approvals": 2, "role": "release-manager"},
	# How many people in which role let files of a pipeline, scripts and manifests of a build, and lockfiles change.
	"pipeline": {"sorts": {"pipeline", "build", "lock"}, "approvals": 2, "role": "release-manager"},
	# How many people in which role let a change come in with which a tool helped: by trailers such as `Assisted-by`, or by these
	# addresses of authors and co-authors.
	"assistance": {"addresses": set(), "approvals": 2, "role": "release-manager"},
	# Highest cost of a plan for a month, and its increase, by currency: {"USD": {"monthly": 5000, "increase": 500}}.
	"cost": {},
	# Regions in which data of each class may be, in the words of `release.yaml` and of environment statements:
	# {"personal": {"eu-central-1", "eu-west-1"}}. `any` is every region.
	"residency": {"public": {"any"}},
	# SPDX identifiers.
	"licences_denied": {"AGPL-3.0-only", "AGPL-3.0-or-later", "BUSL-1.1", "SSPL-1.0"},
}

# Reports are read wherever a step leaves them: 0 runners demand nothing. A team that wants a report to be there raises
# `runners` and names the producer, the digest of the step (`countersign pipeline check` prints it).
reads contains {"kind": "findings", "runners": 0}

reads contains {"kind": "components", "runners": 0}

reads contains {"kind": "tests", "runners": 0}

reads contains {"kind": "coverage", "runners": 0}

reads contains {"kind": "changes", "runners": 0}

# Reports of checks of the release in the environment before.
reads contains {"kind": "findings", "from": "before", "runners": 0}

reads contains {"kind": "tests", "from": "before", "runners": 0}

# Observations of the release by the agents of the environment before. With `hours` it has to be there, and younger.
reads contains {"observation": "rollout-verdict"}

# How the plan that runs in the environment before differs from the one of the release.
reads contains {"parity": true}
