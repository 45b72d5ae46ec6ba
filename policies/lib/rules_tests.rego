# Rules about tests and coverage, and about checks of the release in the environment before.
package countersign.gate

import rego.v1

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
