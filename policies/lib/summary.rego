# Summary of the rules, for `countersign policy explain`: the effect of each one here, and the fields of the input that it
# reads. This set decides nothing. A test compares it with the codes of `deny` and `warn`.
package countersign.gate

import rego.v1

explain contains rule if {
	some code, fields in read_by_reports
	rule := {"code": code, "effect": effect(code), "reads": fields}
}

explain contains rule if {
	some code, fields in read_by_release
	not idle(code)
	rule := {"code": code, "effect": "block", "reads": fields}
}

explain contains rule if {
	some code, fields in read_by_release
	idle(code)
	rule := {"code": code, "effect": "off", "reads": fields}
}

# Rules of `release.rego` that one person alone does not need, or that ask for something where nothing is needed.
idle("range-unsigned") if solo

idle("browser-only") if input.mode != "team"

idle("approvals-missing") if approvals_needed == 0

idle("approval-void") if approvals_needed == 0

read_by_release := {
	"runners-too-few": ["build.runners[].name"],
	"steps-missing": ["build.steps[].kind"],
	"approvals-missing": ["approvals[].name", "approvals[].roles", "approvals[].counts"],
	"approval-void": ["approvals[].name", "approvals[].void", "people.signed_off"],
	"browser-only": ["approvals[].name", "approvals[].via"],
	"rejected": ["rejections[].name", "rejections[].reason"],
	"range-unsigned": ["source.range[].signer"],
}

read_by_reports := {
	"secret-found": ["findings[].class", "findings[].state", "before.findings[].class"],
	"finding-critical": ["findings[].severity", "findings[].exploited", "findings[].state", "before.findings[].severity"],
	"finding-undecided": ["findings[].undecided", "findings[].state", "before.findings[].undecided", "reports[].items.skipped"],
	"licence-denied": ["findings[].class", "components[].licence"],
	"fix-overdue": ["findings[].severity", "findings[].fixed", "findings[].fix_days", "findings[].published_days"],
	"fix-undated": ["findings[].fixed", "findings[].fix_days", "findings[].published_days"],
	"budget-exceeded": ["findings[].severity", "findings[].state"],
	"report-old": ["reports[].days", "reports[].knowledge_days"],
	"sbom-missing": ["reports[].kind", "reports[].items.components", "reports[].items.sources"],
	"dependencies-unjudged": ["reports[].kind", "reports[].format", "reports[].items.components"],
	"provenance-missing": ["build.pipeline"],
	"tests-missing": ["tests.passed", "tests.flaky"],
	"tests-failed": ["tests.failing", "before.tests.failing"],
	"dependency-unpinned": ["components[].pinned"],
	"coverage-low": ["coverage.lines.covered", "coverage.lines.total"],
	"version-missing": ["statements[].kind", "statements[].body.version"],
	"label-missing": ["statements[].kind", "statements[].body.labels"],
	"check-failed": ["before.checks[].name", "before.checks[].passed"],
	"configuration-out-of-bounds": ["configuration.differences[].name", "configuration.differences[].code"],
}
