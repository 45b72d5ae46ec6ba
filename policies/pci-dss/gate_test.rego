package countersign.gate_test

import rego.v1

import data.countersign.gate

# Rules of single controls have their tests in `controls_test.rego`.
codes(found) := {reason.code | some reason in found; not startswith(reason.code, "pci-dss-")}

approval(name) := {
	"subject": name, "name": name, "roles": ["release-manager"], "hardware": false, "reason": "fine", "ticket": null,
	"via": "command-line", "rebuilt": false, "counts": true, "void": [],
}

base := {
	"mode": "team",
	"place": {"project": "shop", "service": "api", "environment": "production", "automatic": false, "after": "staging"},
	"build": {
		"pipeline": "sha256:01",
		"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "b"}],
		"steps": [{"name": "test", "kind": "run"}],
	},
	"source": {"range": [{"commit": "aa", "signer": "ssh:alice"}], "pipeline_files": []},
	"approvals": [approval("bob")],
	"rejections": [],
}

with_field(name, value) := object.union(base, {name: value})

report(kind) := {"kind": kind, "step": "scan", "path": "out", "days": 0, "knowledge_days": 1}

# The scan for secrets by the runner itself, which blocks where it is missing.
scanned := object.union(report("findings"), {"step": "secrets", "path": "secrets", "format": "secrets", "producer": "runner"})

complete := object.union(base, {
	"reports": [report("components"), report("findings"), scanned],
	"findings": [],
	"tests": {"passed": 1, "flaky": 0, "failing": []},
})

# A vulnerability with a fix, as a scan of the dependencies reports it.
vulnerable(changes) := object.union(complete, {"findings": [object.union(
	{
		"class": "dependency", "rule": "RUSTSEC-2026-0001", "severity": "critical", "exploited": false, "unconfirmed": false,
		"at": "pkg:cargo/a@1", "message": "a hole", "fixed": "2.0", "fix_days": 31, "published_days": 40, "component": "pkg:cargo/a@1",
	},
	changes,
)]})

test_a_release_without_overdue_fixes_passes if {
	codes(gate.deny) == set() with input as complete
	codes(gate.warn) == set() with input as complete
}

test_a_critical_fix_has_a_month if {
	codes(gate.deny) == {"fix-overdue"} with input as vulnerable({})
	codes(gate.deny) == set() with input as vulnerable({"fix_days": 30})
	codes(gate.warn) == {"finding-critical"} with input as vulnerable({"fix_days": 30})
}

test_high_severity_has_a_month_too if {
	codes(gate.deny) == {"fix-overdue"} with input as vulnerable({"severity": "high"})
	codes(gate.deny) == set() with input as vulnerable({"severity": "medium"})
	codes(gate.deny) == {"fix-overdue"} with input as vulnerable({"severity": "medium", "exploited": true})
}

test_the_advisory_counts_where_the_fix_has_no_date if {
	codes(gate.deny) == {"fix-overdue"} with input as vulnerable({"fix_days": null})
	codes(gate.deny) == set() with input as vulnerable({"fix_days": null, "published_days": 30})
}

test_a_fix_without_any_date_does_not_show_the_month if {
	codes(gate.deny) == {"fix-undated"} with input as vulnerable({"fix_days": null, "published_days": null})
}

test_without_a_fix_it_only_warns if {
	codes(gate.deny) == set() with input as vulnerable({"fixed": null})
	codes(gate.warn) == {"finding-critical"} with input as vulnerable({"fixed": null})
}

# A scan that did not read a lockfile shows nothing about what that file names.
test_what_could_not_be_decided_blocks if {
	codes(gate.deny) == {"finding-undecided"} with input as vulnerable({"severity": "unknown", "fixed": null, "undecided": true})
	codes(gate.deny) == set() with input as vulnerable({"severity": "unknown", "fixed": null, "undecided": true, "state": "waiver"})
	codes(gate.warn) == {"finding-undecided"} with input as object.union(vulnerable({"severity": "unknown", "fixed": null, "undecided": true}), {"place": {"environment": "staging"}})
}

undecided(changes) := vulnerable(object.union({"severity": "unknown", "fixed": null, "undecided": true}, changes))

test_what_could_not_be_decided_is_named if {
	named := "each scan that could not decide is settled by a statement that somebody signed, or only suspected: RUSTSEC-2026-0001 at pkg:cargo/a@1"
	"every scan could decide" in gate.checks with input as complete
	named in gate.checks with input as undecided({"state": "waiver"})
	named in gate.checks with input as undecided({"unconfirmed": true})
	not "every scan could decide" in gate.checks with input as undecided({"state": "waiver"})
}

test_a_check_that_could_not_decide_is_named if {
	none := "every check in staging could decide"
	staged := object.union(complete, {"before": {"environment": "staging", "findings": undecided({"state": "waiver"}).findings}})
	none in gate.checks with input as object.union(complete, {"before": {"environment": "staging", "findings": []}})
	not none in gate.checks with input as staged
	"each check in staging that could not decide is settled by a statement that somebody signed, or only suspected: RUSTSEC-2026-0001 at pkg:cargo/a@1" in gate.checks with input as staged
}

test_no_dependencies_are_said_by_a_person if {
	listing := object.union(report("components"), {"items": {"components": 0, "sources": 0}})
	missing := undecided({"rule": "lockfile-missing", "class": "supply", "state": "waiver"}).findings
	empty := object.union(complete, {"reports": [listing, report("findings"), scanned], "findings": missing})
	codes(gate.deny) == set() with input as empty
	"a person has said that the artifact has no dependencies" in gate.checks with input as empty
	not "the components of the artifact were reported" in gate.checks with input as empty
	"the components of the artifact were reported" in gate.checks with input as complete
}

test_a_waiver_counts if codes(gate.deny) == set() with input as vulnerable({"state": "waiver"})

test_elsewhere_it_warns if {
	codes(gate.deny) == set() with input as object.union(vulnerable({}), {"place": {"environment": "staging"}})
	codes(gate.warn) == {"finding-critical", "fix-overdue"} with input as object.union(vulnerable({}), {"place": {"environment": "staging"}})
}

test_knowledge_of_a_week_is_needed if {
	old := object.union(complete, {"reports": [report("components"), object.union(report("findings"), {"knowledge_days": 8}), scanned]})
	codes(gate.deny) == {"report-old"} with input as old
}

test_components_are_needed if {
	codes(gate.deny) == {"sbom-missing"} with input as object.union(complete, {"reports": [report("findings"), scanned]})
}

test_the_runner_scans_in_production if {
	some read in gate.reads with input as {"mode": "team", "place": {"environment": "production"}}
	read == {"kind": "findings", "format": "dependencies", "producer": "runner", "runners": 2, "days": 7}
}

test_elsewhere_nothing_is_demanded if {
	reads := gate.reads with input as {"mode": "team", "place": {"environment": "dev"}}
	count([read | some read in reads; read.runners > 0]) == 0
}

test_alone_other_environments_only_warn if {
	dev := object.union(vulnerable({}), {"mode": "solo", "place": {"environment": "dev"}, "reports": [scanned]})
	codes(gate.deny) == set() with input as dev
	codes(gate.warn) == {"finding-critical", "fix-overdue", "sbom-missing"} with input as dev
	alone := object.union(vulnerable({}), {"mode": "solo"})
	codes(gate.deny) == {"fix-overdue"} with input as alone
	failing := {"mode": "solo", "tests": {"passed": 1, "flaky": 0, "failing": ["book adds"]}}
	codes(gate.deny) == {"tests-failed"} with input as object.union(complete, failing)
	leaked := object.union(dev, {"findings": [object.union(dev.findings[0], {"class": "secret"})]})
	"secret-found" in codes(gate.deny) with input as leaked
}

test_a_scan_for_secrets_by_the_runner_is_needed_everywhere if {
	others := [report("components"), report("findings")]
	without := object.union(complete, {"reports": others})
	codes(gate.deny) == {"secrets-unscanned"} with input as without
	codes(gate.deny) == {"secrets-unscanned"} with input as object.union(without, {"place": {"environment": "staging"}})
	codes(gate.deny) == {"secrets-unscanned"} with input as object.union(without, {"mode": "solo", "place": {"environment": "dev"}})
	by_step := object.union(scanned, {"producer": "sha256:02"})
	codes(gate.deny) == {"secrets-unscanned"} with input as object.union(complete, {"reports": array.concat(others, [by_step])})
	of_packages := object.union(scanned, {"format": "dependencies"})
	codes(gate.deny) == {"secrets-unscanned"} with input as object.union(complete, {"reports": array.concat(others, [of_packages])})
}
