# Rules about what scanners, tests and package managers reported. The table `effects` says for each rule whether it blocks,
# warns or is off; `limits` has the numbers. Each rule goes through the facts once, so that a thousand
# components cost a thousand steps.
package countersign.gate

import rego.v1

# In solo mode the column `solo` stands for every environment without a column such as `solo/dev`.
column := sprintf("solo/%s", [input.place.environment]) if solo else := input.place.environment

fallback := "solo" if solo else := "other"

# The word of the table for a rule here.
entry(rule) := object.get(row, column, object.get(row, fallback, object.get(row, "other", "block"))) if row := object.get(effects, rule, {})

# A rule that the table does not name, or a word that is misspelt there, blocks.
effect(rule) := word if {
	word := entry(rule)
	word in {"off", "warn"}
} else := "block"

blocks(rule) if effect(rule) == "block"

# A waived finding counts again from the end of its waiver on.
open_findings := [finding |
	some finding in object.get(input, "findings", [])
	object.get(finding, "state", "open") == "open"
]

confirmed := [finding | some finding in open_findings; not finding.unconfirmed]

# A statement about a finding that became worse does not settle it: the reason says so.
told(finding) := sprintf("%s at %s: %s; %s", [finding.rule, finding.at, finding.message, finding.outgrown]) if {
	finding.outgrown
} else := sprintf("%s at %s: %s", [finding.rule, finding.at, finding.message])

remedy(finding) := sprintf("upgrade to %s or later, through the dependency that brings it in, and run again", [finding.fixed]) if {
	finding.fixed != null
	object.get(finding, "direct", null) == false
} else := sprintf("upgrade to %s or later, and run again", [finding.fixed]) if {
	finding.fixed != null
} else := "mend it and run again"

# The finding that a reason is about, by which `status` and `approve` show the two together.
about(finding) := object.get(finding, "id", null)

secret(finding) := {
	"code": "secret-found",
	"what": told(finding),
	"remedy": "revoke the secret, remove it, and run a commit without it",
	"finding": about(finding),
} if {
	finding.class == "secret"
	not unread(finding)
}

# A scan for secrets did not read a file. It is the only finding of such a scan that names no secret.
unread(finding) if {
	undecided(finding)
	finding.rule == "not-scanned"
}

# Something was not read or could not be compared, so nobody knows what else there is.
undecided(finding) if finding.undecided

unknown(finding) := {
	"code": "finding-undecided",
	"what": told(finding),
	"remedy": "give the scan something that it can read, or have the finding waived",
	"finding": about(finding),
} if {
	undecided(finding)
}

critical(finding) := {
	"code": "finding-critical",
	"what": told(finding),
	"remedy": remedy(finding),
	"finding": about(finding),
} if {
	not finding.class in {"secret", "licence"}
	serious(finding)
}

serious(finding) if finding.severity == "critical"

serious(finding) if finding.exploited

licence(finding) := {
	"code": "licence-denied",
	"what": told(finding),
	"remedy": REPLACE,
	"finding": about(finding),
} if {
	finding.class == "licence"
}

REPLACE := "replace the dependency, or have its licence allowed in the policy"

# Findings of checks of the release in the environment before.
before_findings := [object.union(finding, {"at": sprintf("%s, in %s", [finding.at, input.before.environment])}) |
	some finding in input.before.findings
]

open_before := [finding |
	some finding in before_findings
	object.get(finding, "state", "open") == "open"
]

weighed := array.concat(open_findings, open_before)

# Reasons about one finding each, of the build and of the environment before: whether it is only suspected, and the reason.
reasons contains [suspicion, problem] if {
	some finding in weighed
	suspicion := object.get(finding, "unconfirmed", false)
	problem := secret(finding)
}

reasons contains [suspicion, problem] if {
	some finding in weighed
	suspicion := object.get(finding, "unconfirmed", false)
	problem := critical(finding)
}

reasons contains [suspicion, problem] if {
	some finding in weighed
	suspicion := object.get(finding, "unconfirmed", false)
	problem := unknown(finding)
}

problems contains problem if {
	some [suspicion, problem] in reasons
	not suspicion
}

suspicions contains problem if {
	some [suspicion, problem] in reasons
	suspicion
}

problems contains problem if {
	some finding in confirmed
	problem := licence(finding)
}

# --- Age and number of findings -----------------------------------------------------------------------------------

# The clock of a fix is the day on which it was released; where nobody says, the day of the advisory.
clock(finding) := finding.fix_days if {
	finding.fix_days != null
} else := finding.published_days if {
	finding.published_days != null
}

# Days within which a fix has to be taken; undefined where the severity has no limit.
fix_within(finding) := min([days |
	some word in [finding.severity, known(finding)]
	days := limits.fix_days[word]
])

known(finding) := "exploited" if finding.exploited else := "not known to be exploited"

problems contains {
	"code": "fix-overdue",
	"what": sprintf("%s; a fix has been there for %d days, %d are allowed", [told(finding), days, most]),
	"remedy": remedy(finding),
	"finding": about(finding),
} if {
	some finding in confirmed
	finding.fixed != null
	most := fix_within(finding)
	days := clock(finding)
	days > most
}

problems contains {
	"code": "fix-undated",
	"what": sprintf("%s; there is a fix, and nothing shows since when: neither its day nor that of the advisory is known", [told(finding)]),
	"remedy": remedy(finding),
	"finding": about(finding),
} if {
	some finding in confirmed
	finding.fixed != null
	fix_within(finding)
	not clock(finding)
}

# Rows of the budget for this environment and for the class of its data.
own_rows := [row |
	some name in [input.place.environment, sprintf("class/%s", [object.get(classes, input.place.environment, "")])]
	row := object.get(limits.budget, name, null)
	row != null
]

budget_rows := own_rows if count(own_rows) > 0 else := [object.get(limits.budget, "other", {})]

severities := {severity | some row in budget_rows; some severity, _ in row}

problems contains {
	"code": "budget-exceeded",
	"what": sprintf("%d findings of severity %s, %d are allowed here", [found, severity, most]),
	"remedy": "mend some of them, or have them waived",
} if {
	some severity in severities
	most := min([number | some row in budget_rows; some name, number in row; name == severity])
	found := count([finding | some finding in confirmed; finding.class != "secret"; finding.severity == severity])
	found > most
}

problems contains {
	"code": "report-old",
	"what": sprintf("report `%s` of step `%s` rests on knowledge that is %d days old, %d are allowed", [report.path, report.step, report.knowledge_days, limits.report_days]),
	"remedy": "have the operator of the runners run `countersign osv sync`, and run the commit again",
} if {
	some report in object.get(input, "reports", [])
	report.knowledge_days != null
	report.knowledge_days > limits.report_days
}

problems contains {
	"code": "report-old",
	"what": sprintf("report `%s` of step `%s`: %d of its %d runners do not say how old their knowledge is", [report.path, report.step, report.undated, report.runners]),
	"remedy": "have the operator of these runners run `countersign osv sync`, and run the commit again",
} if {
	some report in object.get(input, "reports", [])
	report.undated > 0
}

problems contains {
	"code": "report-old",
	"what": sprintf("report `%s` of step `%s` was made %d days ago, %d are allowed", [report.path, report.step, report.days, limits.report_days]),
	"remedy": "run the commit again",
} if {
	some report in object.get(input, "reports", [])
	report.kind == "findings"
	report.days > limits.report_days
}

# --- Missing reports ---------------------------------------------------------------------------------------------

kinds := {report.kind | some report in object.get(input, "reports", [])}

problems contains {
	"code": "sbom-missing",
	"what": "no step reported the components of the artifact",
	"remedy": "let a step report them, for example in CycloneDX",
} if {
	not "components" in kinds
}

# A list that rests on no file says nothing about the artifact.
empty(report) if {
	report.items.components == 0
	report.items.sources == 0
}

listed := [report |
	some report in object.get(input, "reports", [])
	report.kind == "components"
	not empty(report)
]

# A person has said that there is no dependency: the finding is that of the scan of the dependencies, as below.
nothing_to_list if {
	some finding in object.get(input, "findings", [])
	finding.rule == "lockfile-missing"
	finding.class == "supply"
	undecided(finding)
	object.get(finding, "state", "open") != "open"
}

problems contains {
	"code": "sbom-missing",
	"what": "no manifest or lockfile was found, so the list of components says nothing",
	"remedy": "commit one; if there is no dependency, have the finding `lockfile-missing` of the scan `dependencies` waived",
} if {
	"components" in kinds
	count(listed) == 0
	not nothing_to_list
}

# A scan of the dependencies has a finding for each such directory, which can be waived. Another tool may name a rule like
# that: only a scan says that something is undecided.
skipped_is_found if {
	some finding in object.get(input, "findings", [])
	finding.rule == "lockfiles-skipped"
	finding.class == "supply"
	undecided(finding)
}

problems contains {
	"code": "finding-undecided",
	"what": sprintf("report `%s` of step `%s` does not name the packages of %d files, which are part of installed packages", [report.path, report.step, report.items.skipped]),
	"remedy": "commit no installed packages, or let the runner scan the dependencies, too",
} if {
	some report in object.get(input, "reports", [])
	report.items.skipped > 0
	not skipped_is_found
}

# Formats of scanners that judge packages. A SARIF report can be of any tool, so it does not count.
judging := {"dependencies", "osv-scanner", "trivy", "grype", "cyclonedx-json", "cyclonedx-xml", "pip-audit", "npm-audit"}

judged if {
	some report in object.get(input, "reports", [])
	report.kind == "findings"
	report.format in judging
}

problems contains {
	"code": "dependencies-unjudged",
	"what": sprintf("no scanner judged the %d packages of report `%s` by advisories", [report.items.components, report.path]),
	"remedy": "run `countersign osv sync`, and add `dependencies` to the scan step of the pipeline",
} if {
	not judged
	some report in listed
	report.items.components > 0
}

# The judge refuses evidence without receipts, and derives the provenance from them again. So this can only be seen if that
# ever changed.
problems contains {
	"code": "provenance-missing",
	"what": "no receipt shows which pipeline made the artifact",
	"remedy": "run the commit on a runner of this installation",
} if {
	object.get(input.build, "pipeline", null) == null
}

problems contains {
	"code": "tests-missing",
	"what": "no step reported a test that passed",
	"remedy": "let a step report its tests, for example as JUnit XML",
} if {
	tests := object.get(input, "tests", {})
	object.get(tests, "passed", 0) + object.get(tests, "flaky", 0) == 0
	count(object.get(tests, "failing", [])) == 0
}

problems contains {
	"code": "tests-failed",
	"what": sprintf("test `%s` failed", [test]),
	"remedy": "mend it and run again",
} if {
	some test in input.tests.failing
}

measured if {
	is_number(input.coverage.lines.covered)
	is_number(input.coverage.lines.total)
}

problems contains {
	"code": "coverage-low",
	"what": "no coverage report",
	"remedy": "let a step report the lines that tests reach",
} if {
	not measured
}

problems contains {
	"code": "coverage-low",
	"what": "the coverage report counts no line",
	"remedy": "let the step measure the lines of the product",
} if {
	input.coverage.lines.total == 0
}

problems contains {
	"code": "coverage-low",
	"what": sprintf("tests reach %d of %d lines, %d percent are needed", [lines.covered, lines.total, limits.coverage_percent]),
	"remedy": "write tests for what the report shows as not reached, and run again",
} if {
	lines := input.coverage.lines
	lines.total > 0
	lines.covered * 100 < limits.coverage_percent * lines.total
}

# --- Version and labels -------------------------------------------------------------------------------------------

# Tags of this artifact by release managers.
tags := [statement.body | some statement in object.get(input, "statements", []); statement.kind == "tag"]

versioned := [tag | some tag in tags; semver.is_valid(tag.version)]

problems contains {
	"code": "version-missing",
	"what": "no tag gives the artifact a semantic version",
	"remedy": "have a release manager tag it: `countersign tag`",
} if {
	count(versioned) == 0
}

problems contains {
	"code": "label-missing",
	"what": sprintf("no tag gives the artifact the label `%s`", [label]),
	"remedy": "have a release manager tag it with the label: `countersign tag --label`",
} if {
	some label in limits.labels
	count([tag | some tag in tags; object.get(tag, "labels", {})[label] != ""]) == 0
}

# --- Components ---------------------------------------------------------------------------------------------------

components := object.get(input, "components", [])

# Of alternatives one that is allowed is enough. An expression that mixes `OR` and `AND` is denied if any word of it is.
denied(expression) if {
	not contains(expression, " OR ")
	some word in words(expression)
	word in limits.licences_denied
}

denied(expression) if {
	contains(expression, " OR ")
	contains(expression, " AND ")
	some word in words(expression)
	word in limits.licences_denied
}

denied(expression) if {
	contains(expression, " OR ")
	not contains(expression, " AND ")
	every word in words(expression) {
		word in limits.licences_denied
	}
}

# Identifiers of an SPDX expression, without operators and exceptions.
words(expression) := {word |
	plain := replace(replace(replace(expression, "(", ""), ")", ""), " AND ", " OR ")
	some part in split(plain, " OR ")
	word := trim_space(split(part, " WITH ")[0])
}

# Many components have the same few expressions.
denied_expressions := {expression |
	some expression in {component.licence | some component in components; component.licence != null}
	denied(expression)
}

problems contains {
	"code": "licence-denied",
	"what": sprintf("%s is licensed under %s", [component.purl, component.licence]),
	"remedy": REPLACE,
} if {
	some component in components
	component.licence in denied_expressions
}

unpinned := sort([component.purl | some component in components; not component.pinned])

# The first of a list, and how many more there are.
named(all) := concat(", ", all) if {
	count(all) <= 5
} else := sprintf("%s and %d more", [concat(", ", array.slice(all, 0, 5)), count(all) - 5])

problems contains {
	"code": "dependency-unpinned",
	"what": sprintf("no checksum pins %d components: %s", [count(unpinned), named(unpinned)]),
	"remedy": "commit a lockfile with checksums",
} if {
	count(unpinned) > 0
}

# --- Checks in the environment before -----------------------------------------------------------------------------

# The judge itself refuses a release of which a declared check has not run.
problems contains {
	"code": "check-failed",
	"what": sprintf("check `%s` of the release in %s failed: %s", [check.name, input.before.environment, concat(", ", check.exits)]),
	"remedy": "see `countersign logs`, mend it and run again",
} if {
	some check in input.before.checks
	not check.passed
}

problems contains {
	"code": "tests-failed",
	"what": sprintf("test `%s` failed in %s", [test, input.before.environment]),
	"remedy": "mend it and run again",
} if {
	some test in input.before.tests.failing
}

# --- Configuration ------------------------------------------------------------------------------------------------

problems contains {
	"code": "configuration-out-of-bounds",
	"what": sprintf("%s: %s", [difference.name, difference.what]),
	"remedy": "correct `release.yaml` or the variables of the place, or have other bounds signed",
} if {
	some difference in input.configuration.differences
}

# --- Decision -----------------------------------------------------------------------------------------------------

deny contains problem if {
	some problem in problems
	blocks(problem.code)
}

warn contains problem if {
	some problem in problems
	effect(problem.code) == "warn"
}

# A suspicion blocks nowhere.
warn contains problem if {
	some problem in suspicions
	effect(problem.code) != "off"
}
