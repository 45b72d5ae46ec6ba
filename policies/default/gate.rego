# The gate that a new installation starts with. It is asked about every release, with the input described
# in docs/policy/input.md. Copy the directory, change it, test it with `countersign policy test DIR`, and
# have it signed with `countersign trust environment --policy DIR`: until then it decides nothing.
#
# This file has what differs from team to team. The rules are in `release.rego` and `reports.rego`.
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

# What each rule about reports does: it blocks, warns or is off. `other` is every environment that is not named; add
# columns for yours. `solo` is for one person alone; `solo/production` names one environment of it. Let a rule warn before
# it blocks.
modes := {
	"secret-found": {"production": "block", "other": "block", "solo": "block"},
	"provenance-missing": {"production": "block", "other": "block", "solo": "block"},
	"finding-critical": {"production": "block", "other": "warn", "solo/production": "block", "solo": "off"},
	"finding-undecided": {"production": "warn", "other": "warn", "solo": "warn"},
	"configuration-out-of-bounds": {"production": "block", "other": "warn", "solo/production": "block", "solo": "warn"},
	"check-failed": {"production": "block", "other": "block", "solo": "block"},
	"tests-failed": {"production": "block", "other": "block", "solo": "block"},
	"tests-missing": {"production": "warn", "other": "off", "solo": "off"},
	"sbom-missing": {"production": "warn", "other": "off", "solo": "off"},
	"licence-denied": {"production": "warn", "other": "warn", "solo": "warn"},
	"dependency-unpinned": {"production": "warn", "other": "off", "solo": "warn"},
	"report-old": {"production": "warn", "other": "off", "solo": "warn"},
	"budget-exceeded": {"production": "warn", "other": "off", "solo": "off"},
	"fix-overdue": {"production": "warn", "other": "off", "solo": "warn"},
	"fix-undated": {"production": "warn", "other": "off", "solo": "warn"},
}

limits := {
	# How many findings of a severity are allowed, secrets aside. A severity that is not named has no limit.
	"budget": {"production": {"critical": 0, "high": 5}, "other": {"critical": 5}},
	# Days within which a fix has to be taken, by severity.
	"fix_days": {"critical": 30, "high": 60, "exploited": 14},
	# Highest age of a scanner's report and of the knowledge that it rests on.
	"report_days": 30,
	# SPDX identifiers.
	"licences_denied": {"AGPL-3.0-only", "AGPL-3.0-or-later", "BUSL-1.1", "SSPL-1.0"},
}

# Reports are read wherever a step leaves them: 0 runners demand nothing. A team that wants a report to be there raises
# `runners` and names the producer, the digest of the step (`countersign pipeline check` prints it).
reads contains {"kind": "findings", "runners": 0}

reads contains {"kind": "components", "runners": 0}

reads contains {"kind": "tests", "runners": 0}

# What checks of the release in the environment before reported.
reads contains {"kind": "findings", "from": "before", "runners": 0}

reads contains {"kind": "tests", "from": "before", "runners": 0}
