# Releases for the tests of regulations: one that keeps every control, and functions that break one fact of it.
package countersign.controls_test

import rego.v1

import data.countersign.gate

against := {reason.code | some reason in gate.deny}

told := {reason.code | some reason in gate.warn}

# Codes of rules of regulations alone.
controlled := {code | some control in gate.controls; code := control.code; code in (against | told)}

vote(name) := {
	"subject": name, "name": name, "roles": ["release-manager"], "hardware": true, "reason": "read and tried", "ticket": "CHG-1",
	"via": "command-line", "rebuilt": false, "counts": true, "void": [],
}

step(changes) := object.union(
	{
		"name": "test", "kind": "run", "receipts": 2, "agreed": 0, "equal_outputs": true, "network": [],
		"image": "sha256:02",
	},
	changes,
)

report_of(kind, format) := {
	"kind": kind, "step": "scan", "path": format, "format": format, "producer": "runner", "tool": "t", "runners": 2, "days": 1,
	"knowledge_days": 2, "items": {"components": 1, "sources": 1},
}

covers := ["HIPAA-164.312(a)(2)(iii)", "HIPAA-164.312(b)", "HIPAA-164.312(d)"]

check(passed) := {"name": "smoke", "runners": 1, "passed": passed, "exits": ["code 0"]}

weak := {
	"id": "sha256:00000000000000000000000000000000000000000000000000000000000000aa", "class": "dependency", "rule": "CVE-2026-1",
	"aliases": [], "severity": "low", "score": null, "epss": null, "exploited": false, "unconfirmed": false, "message": "a hole",
	"at": "pkg:cargo/a@1.0.0", "path": null, "line": null, "component": "pkg:cargo/a@1.0.0", "fixed": null,
	"published_days": null, "fix_days": null, "state": "open", "settled_until": null, "settled_by": null, "scope": "runtime",
	"direct": true, "licence": "MIT",
}

piece := {
	"purl": "pkg:cargo/a@1.0.0", "name": "a", "version": "1.0.0", "scope": "runtime", "direct": true, "pinned": true,
	"licence": "MIT",
}

good := {
	"v": 1,
	"mode": "team",
	"place": {
		"project": "shop", "service": "api", "environment": "production", "automatic": false, "after": "staging",
		"owner": "payments", "region": "eu-central-1",
	},
	"service": {"data": ["public"]},
	"source": {"commit": "bb", "signer": "alice", "base": "00", "files": 3, "range": [{"commit": "aa", "signer": "alice"}, {"commit": "bb", "signer": "alice"}], "pipeline_files": []},
	"build": {
		"pipeline": "sha256:01",
		"pool": "protected",
		"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "b"}],
		"steps": [step({}), step({"name": "scan", "kind": "scan"})],
		"sandboxes": ["control-group", "none"],
	},
	"people": {"requester": "alice", "promoter": "dan", "behind": ["alice"]},
	"approvals": [vote("bob"), vote("carol")],
	"rejections": [],
	"before": {
		"environment": "staging", "release": 4, "runs_artifact": true, "checks": [check(true)], "findings": [],
	},
	"ledger": {"witnesses": 1, "quorum": 1, "same_machine": false},
	"configuration": {"differences": []},
	"reports": [
		report_of("findings", "secrets"), report_of("findings", "dependencies"), report_of("findings", "semgrep"),
		report_of("components", "components"), object.union(report_of("tests", "junit"), {"knowledge_days": null}),
	],
	"findings": [weak],
	"components": [piece],
	"tests": {"passed": 3, "flaky": 0, "skipped": 0, "failing": [], "covers": covers},
	"statements": [{"kind": "tag", "by": "bob", "name": "bob", "reason": "a release", "until": null, "body": {"version": "1.4.0"}}],
	"observations": [{
		"kind": "baseline", "agent": "agent-1", "release": null, "seconds": 60,
		"body": {"baseline": "sha256:03", "equal": true, "differences": 0},
	}],
}

with_field(name, value) := object.union(object.remove(good, [name]), {name: value})

built_with(changes) := with_field("build", object.union(object.remove(good.build, object.keys(changes)), changes))

before_with(changes) := with_field("before", object.union(good.before, changes))

approved_with(changes) := with_field("approvals", [object.union(vote(name), changes) | some name in ["bob", "carol"]])

promoted_by(subject) := with_field("people", {"requester": "alice", "promoter": subject, "behind": ["alice", "erin"]})

begun_by_itself := object.union(promoted_by(null), {"place": object.union(good.place, {"automatic": true})})

unowned := with_field("place", object.remove(good.place, ["owner"]))

elsewhere(release) := object.union(release, {"place": object.union(good.place, {"environment": "dev"})})

# A change of these pipeline files that people with these names approve.
repiped(files, names) := object.union(object.remove(good, ["source", "approvals"]), {
	"source": object.union(good.source, {"pipeline_files": files}),
	"approvals": [vote(name) | some name in names],
})

workflow := {"path": ".github/workflows/ci.yml", "sort": "pipeline", "change": "changed"}

uncompared := object.union(object.remove(good, ["source"]), {"source": object.remove(good.source, ["pipeline_files"])})

# Data of these classes at a place in a region; null is a place without one.
keeping(classes, region) := object.union(object.remove(good, ["service", "place"]), {"service": {"data": classes}, "place": object.union(object.remove(good.place, ["region"]), placed_in(region))})

placed_in(region) := {"region": region} if region != null else := {}

# The finding stands between two others.
found(changes) := with_field("findings", [weak, object.union(weak, changes), weak])

found_before(changes) := before_with({"findings": [weak, object.union(weak, changes), weak]})

settled_by(subject) := found({"state": "waiver", "settled_by": subject, "settled_until": "2027-01-01T00:00:00.000Z"})

unreported(format) := with_field("reports", [report | some report in good.reports; report.format != format])

reported(changes) := with_field("reports", array.concat(good.reports, [object.union(report_of("findings", "trivy"), changes)]))

with_component(changes) := with_field("components", [piece, object.union(piece, changes)])

# A difference of a variable alone, which no rule is about by its name.
harmless := "variable-unknown"

differing(code) := with_field("configuration", {"differences": [
	{"name": "A", "code": harmless, "what": "it is not among the variables"},
	{"name": "B", "code": code, "what": "it is not as it should be"},
]})

measured(changes) := with_field("observations", [object.union(good.observations[0], changes)])

without_cover(id) := with_field("tests", object.union(good.tests, {"covers": [one | some one in covers; one != id]}))

broken_all := object.union(good, {
	"approvals": [], "ledger": {"witnesses": 0, "quorum": 0, "same_machine": true}, "before": null, "reports": [],
	"people": {"requester": "alice", "promoter": "alice", "behind": ["alice"]},
})
