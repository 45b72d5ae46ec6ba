# Sentences of a verdict about what was checked. Each one is true where its rule blocks and has no reason against the release.
# It names findings that statements settle, so that a reader of the verdict alone is not misled.
package countersign.gate

import rego.v1

secrets := [finding |
	some finding in object.get(input, "findings", [])
	finding.class == "secret"
	not undecided(finding)
]

grave := [finding |
	some finding in object.get(input, "findings", [])
	not finding.class in {"secret", "licence"}
	serious(finding)
]

quarantined := {test.test | some test in object.get(input, ["tests", "waived"], [])}

places(found) := concat(", ", {sprintf("%s at %s", [finding.rule, finding.at]) | some finding in found})

checks contains "no scanner found a secret" if {
	input.findings
	blocks("secret-found")
	count(secrets) == 0
}

checks contains sprintf("each secret that a scanner found is settled by a statement that somebody signed: %s", [places(secrets)]) if {
	blocks("secret-found")
	count(secrets) > 0
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

checks contains "every scan could decide" if {
	input.findings
	blocks("finding-undecided")
}

checks contains "every reported test passed" if {
	input.tests
	blocks("tests-failed")
	count(quarantined) == 0
}

checks contains sprintf("every reported test passed, except those in quarantine: %s", [concat(", ", quarantined)]) if {
	blocks("tests-failed")
	count(quarantined) > 0
}

checks contains "no component has a denied licence" if {
	input.components
	blocks("licence-denied")
}

checks contains "a checksum pins every component" if {
	input.components
	blocks("dependency-unpinned")
}

checks contains "the configuration is sound and within its bounds" if {
	input.configuration
	blocks("configuration-out-of-bounds")
}

checks contains sprintf("tests reach at least %d percent of the lines", [limits.coverage_percent]) if blocks("coverage-low")

checks contains "the artifact has a semantic version" if blocks("version-missing")

checks contains sprintf("the artifact has the labels %s", [concat(", ", limits.labels)]) if {
	count(limits.labels) > 0
	blocks("label-missing")
}

checks contains "the components of the artifact were reported" if blocks("sbom-missing")

checks contains "some test passed" if blocks("tests-missing")

checks contains "findings are within the budget" if {
	input.findings
	blocks("budget-exceeded")
}

checks contains "no fix was left for longer than allowed" if {
	input.findings
	blocks("fix-overdue")
}

checks contains sprintf("no report is older than %d days", [limits.report_days]) if {
	input.reports
	blocks("report-old")
}
