package countersign.gate_test

import rego.v1

import data.countersign.gate

codes(found) := {reason.code | some reason in found}

approval(name) := {
	"subject": name, "name": name, "roles": ["release-manager"], "hardware": false, "reason": "fine", "ticket": null,
	"via": "command-line", "rebuilt": false, "counts": true, "void": [],
}

base := {
	"mode": "team",
	"place": {"project": "shop", "service": "api", "environment": "production", "automatic": false, "after": "staging"},
	"build": {
		"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "b"}],
		"steps": [{"name": "test", "kind": "run"}],
	},
	"source": {"range": [{"commit": "aa", "signer": "ssh:alice"}]},
	"approvals": [approval("bob")],
	"rejections": [],
}

with_field(name, value) := object.union(base, {name: value})

test_a_good_release_passes if {
	gate.deny == set() with input as base
	count(gate.checks) > 3 with input as base
}

test_an_exit_code_that_was_accepted_is_named if {
	some check in gate.checks with input as base
	check == "every step of the pipeline passed, and its receipts lead from the commit to the artifact"
	scan := {"build": object.union(base.build, {"steps": [{"name": "scan", "kind": "run", "exit": 1}]})}
	sentences := gate.checks with input as object.union(base, scan)
	count([sentence | some sentence in sentences; startswith(sentence, "every step")]) == 1
	some other in sentences
	contains(other, "declares for its reports (`scan`: 1)")
}

test_nobody_approved if codes(gate.deny) == {"approvals-missing"} with input as with_field("approvals", [])

test_an_approval_in_another_role_does_not_count if {
	other := object.union(approval("bob"), {"roles": ["developer"]})
	codes(gate.deny) == {"approvals-missing"} with input as with_field("approvals", [other])
}

test_an_approval_that_does_not_count_says_why if {
	void := object.union(approval("bob"), {"counts": false, "void": ["it names another artifact"]})
	codes(gate.deny) == {"approvals-missing", "approval-void"} with input as with_field("approvals", [void])
}

input_of(mode, subjects) := object.union(base, {"mode": mode, "people": {"signed_off": subjects}})

test_whoever_signed_it_off_does_not_approve if {
	codes(gate.deny) == {"approvals-missing", "approval-void"} with input as input_of("team", ["ann", "bob"])
	gate.deny == set() with input as input_of("team", ["ann"])
	gate.deny == set() with input as input_of("solo", ["bob"])
}

test_a_page_of_the_server_is_not_enough if {
	page := object.union(approval("bob"), {"via": "browser"})
	codes(gate.deny) == {"browser-only"} with input as with_field("approvals", [page])
}

test_one_runner_is_too_few_in_production if {
	one := {"runners": [{"name": "runner-1", "host": "a"}], "steps": [{"name": "test", "kind": "run"}]}
	codes(gate.deny) == {"runners-too-few"} with input as object.union(base, {"build": one})
}

test_one_runner_is_enough_alone if {
	one := {"runners": [{"name": "runner-1", "host": "a"}], "steps": [{"name": "test", "kind": "run"}]}
	gate.deny == set() with input as object.union(object.union(base, {"build": one}), {"mode": "solo"})
}

test_a_pipeline_without_steps_is_none if {
	none := object.union(base.build, {"steps": [{"name": "people", "kind": "approval"}]})
	codes(gate.deny) == {"steps-missing"} with input as object.union(base, {"build": none})
}

test_a_rejection_stops_it if codes(gate.deny) == {"rejected"} with input as with_field("rejections", [approval("carol")])

test_an_unsigned_commit_in_the_range_stops_it if {
	range := {"range": [{"commit": "aa", "signer": null}]}
	codes(gate.deny) == {"range-unsigned"} with input as with_field("source", range)
}

test_other_environments_need_no_approval if {
	place := object.union(base.place, {"environment": "dev"})
	gate.deny == set() with input as object.union(object.union(base, {"place": place}), {"approvals": []})
}

test_a_configuration_out_of_bounds_does_not_reach_production if {
	difference := {"code": "debug-on", "name": "DEBUG", "what": "it turns a debug mode on"}
	differing := with_field("configuration", {"differences": [difference]})
	codes(gate.deny) == {"configuration-out-of-bounds"} with input as differing
	gate.deny == set() with input as object.union(differing, {"place": {"environment": "staging"}})
}

finding := {
	"class": "code", "rule": "sql", "severity": "critical", "exploited": false, "unconfirmed": false, "at": "a.py:3",
	"message": "a query of text", "fixed": null, "state": "open",
}

found(changes) := with_field("findings", [object.union(finding, changes)])

test_something_critical_does_not_reach_production if {
	codes(gate.deny) == {"finding-critical"} with input as found({})
	codes(gate.deny) == {"finding-critical"} with input as found({"severity": "low", "exploited": true})
	gate.deny == set() with input as found({"severity": "high"})
	gate.deny == set() with input as found({"unconfirmed": true})
	gate.deny == set() with input as object.union(found({}), {"place": {"environment": "staging"}})
}

test_a_waived_finding_stops_nothing if {
	gate.deny == set() with input as found({"state": "waiver"})
	gate.deny == set() with input as found({"class": "secret", "state": "waiver"})
	gate.deny == set() with input as found({"state": "not-affected"})
}

test_a_finding_says_what_mends_it if {
	{reason.remedy | some reason in gate.deny} == {"upgrade to 2.0 or later, and run again"} with input as found({"fixed": "2.0"})
	{reason.remedy | some reason in gate.deny} == {"mend it and run again"} with input as found({})
}

test_a_secret_goes_nowhere if {
	codes(gate.deny) == {"secret-found"} with input as found({"class": "secret"})
	codes(gate.deny) == {"secret-found"} with input as object.union(
		found({"class": "secret"}),
		{"place": {"environment": "staging"}},
	)
}

test_a_failed_test_stops_it if {
	codes(gate.deny) == {"tests-failed"} with input as with_field("tests", {"failing": ["book adds"]})
	gate.deny == set() with input as with_field("tests", {"failing": []})
}

test_reports_are_read_where_they_are if {
	gate.reads == {
		{"kind": "findings", "runners": 0},
		{"kind": "tests", "runners": 0},
		{"kind": "findings", "from": "before", "runners": 0},
		{"kind": "tests", "from": "before", "runners": 0},
	}
}

before(fields) := with_field("before", object.union({"environment": "staging", "runs_artifact": true}, fields))

staged(changes) := before({"findings": [object.union(finding, changes)]})

check(passed) := {"name": "smoke", "runners": 1, "passed": passed, "exits": ["code 0"], "reports": []}

test_something_critical_in_staging_does_not_reach_production if {
	codes(gate.deny) == {"finding-critical"} with input as staged({})
	codes(gate.deny) == {"secret-found"} with input as staged({"class": "secret"})
	gate.deny == set() with input as staged({"unconfirmed": true})
	gate.deny == set() with input as staged({"severity": "high"})
	gate.deny == set() with input as object.union(staged({}), {"place": {"environment": "dev"}})
}

test_a_failed_check_or_test_in_staging_stops_it if {
	codes(gate.deny) == {"check-failed"} with input as before({"checks": [check(true), check(false)]})
	codes(gate.deny) == {"tests-failed"} with input as before({"tests": {"failing": ["service answers"]}})
	gate.deny == set() with input as before({"checks": [check(true)], "tests": {"failing": []}})
	gate.deny == set() with input as with_field("before", null)
}
