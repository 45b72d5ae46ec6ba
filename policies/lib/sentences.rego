# Sentences of a verdict about what was checked. Each one is true where its rule blocks and has no reason against the release.
# It names findings that statements settle, so that a reader of the verdict alone is not misled.
package countersign.gate

import rego.v1

secrets := [finding | some finding in object.get(input, "findings", []); leaked(finding)]

grave := [finding | some finding in object.get(input, "findings", []); harmful(finding)]

unclear := [finding | some finding in object.get(input, "findings", []); undecided(finding)]

licensed := [finding | some finding in object.get(input, "findings", []); finding.class == "licence"]

secrets_before := [finding | some finding in input.before.findings; leaked(finding)]

grave_before := [finding | some finding in input.before.findings; harmful(finding)]

unclear_before := [finding | some finding in input.before.findings; undecided(finding)]

places(found) := concat(", ", {sprintf("%s at %s", [finding.rule, finding.at]) | some finding in found})

lent := {sprintf("%s (%s)", [one.step, one.secret]) | some one in object.get(input, "secrets", [])}

checks contains sprintf("steps with secrets ran on one runner, and nothing of them is in the artifact: %s", [concat(", ", lent)]) if {
	count(lent) > 0
}

checks contains "no scanner found a secret" if {
	input.findings
	scanned_for_secrets
	blocks("secret-found")
	count(secrets) == 0
}

checks contains sprintf("each secret that a scanner found is settled by a statement that somebody signed, or only suspected: %s", [places(secrets)]) if {
	blocks("secret-found")
	count(secrets) > 0
}

checks contains sprintf("no check in %s found a secret", [input.before.environment]) if {
	input.before.findings
	blocks("secret-found")
	count(secrets_before) == 0
}

checks contains sprintf("each secret that a check in %s found is settled by a statement that somebody signed, or only suspected: %s", [input.before.environment, places(secrets_before)]) if {
	blocks("secret-found")
	count(secrets_before) > 0
}

checks contains "no scanner found anything critical or known to be exploited" if {
	input.findings
	blocks("finding-critical")
	count(grave) == 0
}

checks contains sprintf("each finding that is critical or known to be exploited is settled by a statement that somebody signed, or only suspected: %s", [places(grave)]) if {
	blocks("finding-critical")
	count(grave) > 0
}

checks contains sprintf("no check in %s found anything critical or known to be exploited", [input.before.environment]) if {
	input.before.findings
	blocks("finding-critical")
	count(grave_before) == 0
}

checks contains sprintf("each finding of a check in %s that is critical or known to be exploited is settled by a statement that somebody signed, or only suspected: %s", [input.before.environment, places(grave_before)]) if {
	blocks("finding-critical")
	count(grave_before) > 0
}

checks contains "every scan could decide" if {
	input.findings
	blocks("finding-undecided")
	count(unclear) == 0
}

checks contains sprintf("each scan that could not decide is settled by a statement that somebody signed, or only suspected: %s", [places(unclear)]) if {
	blocks("finding-undecided")
	count(unclear) > 0
}

checks contains sprintf("every check in %s could decide", [input.before.environment]) if {
	input.before.findings
	blocks("finding-undecided")
	count(unclear_before) == 0
}

checks contains sprintf("each check in %s that could not decide is settled by a statement that somebody signed, or only suspected: %s", [input.before.environment, places(unclear_before)]) if {
	blocks("finding-undecided")
	count(unclear_before) > 0
}

checks contains sprintf("every check of the release in %s passed", [input.before.environment]) if {
	input.before.checks
	blocks("check-failed")
}

# Failed tests that a statement settles.
quarantined contains test.test if some test in input.tests.waived

quarantined contains place if {
	some test in input.before.tests.waived
	place := sprintf("%s in %s", [test.test, input.before.environment])
}

skipped := object.get(input, ["tests", "skipped"], 0) + object.get(input, ["before", "tests", "skipped"], 0)

tested if input.tests

tested if input.before.tests

# Reported tests that did not pass and do not stop the release either.
exceptions := array.concat(
	[sprintf("%d that were skipped", [skipped]) | skipped > 0],
	[sprintf("those in quarantine: %s", [concat(", ", quarantined)]) | count(quarantined) > 0],
)

checks contains "every reported test passed" if {
	tested
	blocks("tests-failed")
	count(exceptions) == 0
}

checks contains sprintf("every reported test passed, except %s", [concat(", and ", exceptions)]) if {
	blocks("tests-failed")
	count(exceptions) > 0
}

checks contains "no component has a denied licence" if {
	input.components
	blocks("licence-denied")
	count(licensed) == 0
}

checks contains sprintf("each denied licence that a scanner found is settled by a statement that somebody signed, or only suspected: %s", [places(licensed)]) if {
	blocks("licence-denied")
	count(licensed) > 0
}

checks contains "no list of components names a denied licence" if {
	input.components
	blocks("licence-denied")
	count(licensed) > 0
}

checks contains "a checksum pins every component" if {
	input.components
	blocks("dependency-unpinned")
}

checks contains "the configuration is sound and within its bounds" if {
	input.configuration
	blocks("configuration-out-of-bounds")
}

checks contains sprintf("the rollout of the release in %s is done", [input.before.environment]) if {
	input.before.environment
	blocks("rollout-undone")
}

checks contains "the host of each agent is as its baseline says" if blocks("baseline-differs")

checks contains sprintf("%s runs by the same plan", [input.parity.environment]) if {
	input.parity
	blocks("environments-differ")
}

checks contains sprintf("a plan destroys at most %d resources unless %d people in role %s approve", [limits.destruction.allowed, limits.destruction.approvals, limits.destruction.role]) if {
	input.changes
	blocks("destruction-unapproved")
}

checks contains sprintf("tests reach at least %d percent of the lines", [limits.coverage_percent]) if blocks("coverage-low")

checks contains "the artifact has a semantic version" if blocks("version-missing")

checks contains sprintf("the artifact has the labels %s", [concat(", ", limits.labels)]) if {
	count(limits.labels) > 0
	blocks("label-missing")
}

checks contains "the components of the artifact were reported" if {
	blocks("sbom-missing")
	count(listed) > 0
}

checks contains "a person has said that the artifact has no dependencies" if {
	blocks("sbom-missing")
	count(listed) == 0
	nothing_to_list
}

checks contains "some test passed" if blocks("tests-missing")

checks contains "confirmed findings that nobody settled, secrets aside, are within the budget" if {
	input.findings
	blocks("budget-exceeded")
}

checks contains "no confirmed open finding was left unfixed for longer than allowed" if {
	input.findings
	blocks("fix-overdue")
}

checks contains sprintf("no scanner's report of the build, and no knowledge whose day a runner states, is older than %d days", [limits.report_days]) if {
	input.reports
	blocks("report-old")
}
