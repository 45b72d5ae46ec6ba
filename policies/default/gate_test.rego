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
		"pipeline": "sha256:01",
		"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "b"}],
		"steps": [{"name": "test", "kind": "run"}],
	},
	"source": {"range": [{"commit": "aa", "signer": "ssh:alice"}], "pipeline_files": []},
	"approvals": [approval("bob")],
	"rejections": [],
}

with_field(name, value) := object.union(base, {name: value})

test_a_good_release_passes if {
	gate.deny == set() with input as base
	count(gate.checks) > 3 with input as base
}

test_a_step_that_passed_is_said_to_have_passed if {
	some check in gate.checks with input as base
	check == "every step of the pipeline passed, and its receipts lead from the commit to the artifact"
}

scanned := object.union(base, {"build": object.union(base.build, {"steps": [{"name": "scan", "kind": "run", "exit": 1}]})})

test_an_exit_code_that_was_accepted_is_named if {
	sentences := gate.checks with input as scanned
	count([sentence | some sentence in sentences; startswith(sentence, "every step")]) == 1
	some other in sentences
	contains(other, "declares for its reports (`scan`: 1)")
}

test_steps_with_secrets_are_named if {
	lent := with_field("secrets", [{"step": "publish", "as": "token", "secret": "shop/registry/token"}])
	named := [sentence | some sentence in gate.checks; startswith(sentence, "steps with secrets")] with input as lent
	named == ["steps with secrets ran on one runner, and nothing of them is in the artifact: publish (shop/registry/token)"]
	count([sentence | some sentence in gate.checks; startswith(sentence, "steps with secrets")]) == 0 with input as base
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
	one := {"pipeline": "sha256:01", "runners": [{"name": "runner-1", "host": "a"}], "steps": [{"name": "test", "kind": "run"}]}
	codes(gate.deny) == {"runners-too-few"} with input as object.union(base, {"build": one})
}

test_one_runner_is_enough_alone if {
	one := {"pipeline": "sha256:01", "runners": [{"name": "runner-1", "host": "a"}], "steps": [{"name": "test", "kind": "run"}]}
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
	"message": "a query of text", "fixed": null, "fix_days": null, "published_days": null, "component": null,
}

found(changes) := with_field("findings", [object.union(finding, changes)])

test_something_critical_does_not_reach_production if {
	codes(gate.deny) == {"finding-critical"} with input as found({})
	codes(gate.deny) == {"finding-critical"} with input as found({"severity": "low", "exploited": true})
	gate.deny == set() with input as found({"severity": "high"})
	gate.deny == set() with input as found({"unconfirmed": true})
	gate.deny == set() with input as object.union(found({}), {"place": {"environment": "staging"}})
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

# Codes of the warnings for an input.
warned(release) := codes(warnings) if warnings := gate.warn with input as release

# The same, without what is missing in every release here.
told(release) := warned(release) - {"sbom-missing", "tests-missing", "secrets-unscanned"}

in_staging(release) := object.union(release, {"place": {"environment": "staging"}})

alone(release) := object.union(release, {"mode": "solo"})

test_elsewhere_something_critical_warns if {
	told(found({})) == {"budget-exceeded"}
	told(in_staging(found({}))) == {"finding-critical"}
	told(found({"unconfirmed": true})) == {"finding-critical"}
	told(found({"severity": "medium"})) == set()
}

test_alone_secrets_and_provenance_stop_it_and_the_rest_warns if {
	gate.deny == set() with input as alone(found({}))
	gate.deny == set() with input as alone(in_staging(found({})))
	codes(gate.deny) == {"secret-found"} with input as alone(found({"class": "secret"}))
	codes(gate.deny) == {"secret-found"} with input as alone(in_staging(found({"class": "secret"})))
	warned(alone(base)) == {"sbom-missing", "tests-missing", "secrets-unscanned"}
	told(alone(in_staging(found({})))) == {"finding-critical"}
	told(alone(before({"checks": [smoke(false)]}))) == {"check-failed"}
}

test_a_waived_finding_is_silent if {
	gate.deny == set() with input as found({"state": "waiver"})
	told(found({"state": "waiver"})) == set()
	gate.deny == set() with input as found({"class": "secret", "state": "waiver"})
	gate.deny == set() with input as found({"state": "not-affected"})
	codes(gate.deny) == {"finding-critical"} with input as found({"state": "open"})
}

differing := with_field("configuration", {"differences": [{"name": "DATABASE_URL", "what": "has no TLS"}]})

test_a_configuration_out_of_bounds_stops_it if {
	codes(gate.deny) == {"configuration-out-of-bounds"} with input as differing
	gate.deny == set() with input as alone(differing)
	told(alone(differing)) == {"configuration-out-of-bounds"}
	gate.deny == set() with input as in_staging(differing)
	told(in_staging(differing)) == {"configuration-out-of-bounds"}
}

test_a_configuration_within_bounds_is_said_to_be if {
	sentence := "the configuration is sound and within its bounds"
	sentence in gate.checks with input as with_field("configuration", {"differences": []})
	not sentence in gate.checks with input as base
}

test_evidence_without_a_pipeline_stops_it if {
	unknown := object.union(base, {"build": object.union(base.build, {"pipeline": null})})
	codes(gate.deny) == {"provenance-missing"} with input as unknown
	codes(gate.deny) == {"provenance-missing"} with input as alone(unknown)
}

reported(kinds) := with_field("reports", [report | some kind in kinds; report := {
	"kind": kind, "step": "scan", "path": "out", "days": 0, "knowledge_days": null,
}])

test_what_nobody_reported_warns if {
	warned(base) == {"sbom-missing", "tests-missing", "secrets-unscanned"}
	warned(reported(["components"])) == {"tests-missing", "secrets-unscanned"}
	tested := object.union(reported(["components", "tests"]), {"tests": {"passed": 1, "flaky": 0, "failing": []}})
	warned(tested) == {"secrets-unscanned"}
	warned(object.union(tested, {"reports": array.concat(tested.reports, [for_secrets])})) == set()
	none := object.union(reported(["components", "tests"]), {"tests": {"passed": 0, "flaky": 0, "failing": []}})
	warned(none) == {"tests-missing", "secrets-unscanned"}
	warned(in_staging(base)) == {"secrets-unscanned"}
}

# The scan for secrets by the runner itself.
for_secrets := {
	"kind": "findings", "step": "scan", "path": "secrets", "format": "secrets", "producer": "runner", "days": 0, "knowledge_days": null,
}

test_only_the_scan_of_the_runner_looks_for_secrets if {
	not "secrets-unscanned" in warned(with_field("reports", [for_secrets]))
	"secrets-unscanned" in warned(with_field("reports", [object.union(for_secrets, {"producer": "sha256:02"})]))
	"secrets-unscanned" in warned(with_field("reports", [object.union(for_secrets, {"format": "dependencies"})]))
	none := "no scanner found a secret"
	clean := with_field("findings", [])
	not none in gate.checks with input as clean
	none in gate.checks with input as object.union(clean, {"reports": [for_secrets]})
}

old(changes) := told(with_field("reports", [object.union(
	{"kind": "findings", "step": "scan", "path": "out", "days": 0, "knowledge_days": null},
	changes,
)]))

test_an_old_report_warns if {
	old({}) == set()
	old({"days": 30, "knowledge_days": 30}) == set()
	old({"days": 31}) == {"report-old"}
	old({"knowledge_days": 31}) == {"report-old"}
	old({"kind": "tests", "days": 31}) == set()
	old({"knowledge_days": 3, "undated": 1, "runners": 2}) == {"report-old"}
}

test_a_finding_that_outgrew_its_waiver_says_so if {
	why := "its waiver was signed when it was medium; it is critical now"
	grown := found({"state": "open", "outgrown": why})
	codes(gate.deny) == {"finding-critical"} with input as grown
	{reason.what | some reason in gate.deny} == {sprintf("sql at a.py:3: a query of text; %s", [why])} with input as grown
}

# A list of components that rests on no file, beside a waived finding.
listing_nothing(changes) := object.union(
	with_field("reports", [{
		"kind": "components", "step": "scan", "path": "out", "days": 0, "knowledge_days": null,
		"items": {"components": 0, "sources": 0},
	}]),
	{"findings": [object.union(finding, object.union({"rule": "lockfile-missing", "state": "waiver", "undecided": true}, changes))]},
)

test_no_dependency_is_the_word_of_the_scan if {
	warned(listing_nothing({"class": "supply"})) == {"tests-missing", "secrets-unscanned"}
	warned(listing_nothing({"class": "code"})) == {"sbom-missing", "tests-missing", "secrets-unscanned"}
	warned(listing_nothing({"class": "supply", "undecided": false})) == {"sbom-missing", "tests-missing", "secrets-unscanned"}
}

many(high) := with_field("findings", [object.union(finding, {"severity": "high", "rule": sprintf("r%d", [n])}) |
	some n in numbers.range(1, high)
])

test_a_budget_is_per_severity if {
	told(many(5)) == set()
	told(many(6)) == {"budget-exceeded"}
	told(in_staging(many(6))) == set()
	some warning in gate.warn with input as many(6)
	warning.what == "6 findings of severity high, 5 are allowed here"
}

# The number is allowed on its day, and not on the day after it. Three clocks: the day of the fix; the day of the advisory,
# where that of the fix is unknown; the day on which a report was made.
fixed(changes) := told(found(object.union({"severity": "high", "fixed": "2.0"}, changes)))

test_a_fix_is_taken_in_time if {
	fixed({"fix_days": 60}) == set()
	fixed({"fix_days": 61}) == {"fix-overdue"}
	fixed({"published_days": 61}) == {"fix-overdue"}
	fixed({"published_days": 61, "fix_days": 1}) == set()
	fixed({}) == {"fix-undated"}
	fixed({"exploited": true, "fix_days": 15}) == {"fix-overdue"}
	fixed({"severity": "low", "fix_days": 500}) == set()
	told(found({"severity": "high", "fix_days": 500})) == set()
}

test_an_indirect_dependency_is_upgraded_through_another_one if {
	codes(gate.deny) == {"finding-critical"} with input as found({"fixed": "2.0", "direct": false})
	some reason in gate.deny with input as found({"fixed": "2.0", "direct": false})
	contains(reason.remedy, "through the dependency that brings it in")
}

component(changes) := with_field("components", [object.union(
	{"purl": "pkg:cargo/a@1", "name": "a", "version": "1", "scope": "runtime", "direct": true, "pinned": true, "licence": "MIT"},
	changes,
)])

test_a_denied_licence_warns if {
	told(component({})) == set()
	told(component({"licence": null})) == set()
	told(component({"licence": "AGPL-3.0-only"})) == {"licence-denied"}
	told(component({"licence": "MIT OR AGPL-3.0-only"})) == set()
	told(component({"licence": "SSPL-1.0 OR AGPL-3.0-only"})) == {"licence-denied"}
	told(component({"licence": "MIT AND AGPL-3.0-only"})) == {"licence-denied"}
	told(component({"licence": "AGPL-3.0-only AND (MIT OR BSD-3-Clause)"})) == {"licence-denied"}
	told(component({"licence": "AGPL-3.0-only WITH GCC-exception-3.1"})) == {"licence-denied"}
	told(found({"class": "licence", "severity": "low"})) == {"licence-denied"}
}

test_an_unpinned_component_warns if {
	told(component({"pinned": false})) == {"dependency-unpinned"}
	some warning in gate.warn with input as component({"pinned": false})
	warning.what == "no checksum pins 1 components: pkg:cargo/a@1"
}

test_reports_are_read_where_they_are if {
	gate.reads == {
		{"kind": "findings", "runners": 0},
		{"kind": "components", "runners": 0},
		{"kind": "tests", "runners": 0},
		{"kind": "coverage", "runners": 0},
		{"kind": "changes", "runners": 0},
		{"kind": "findings", "from": "before", "runners": 0},
		{"kind": "tests", "from": "before", "runners": 0},
		{"observation": "rollout-verdict"},
		{"parity": true},
	}
}

planned(fields) := with_field("changes", object.union({"count": {}, "resources": [], "costs": []}, fields))

resource(action) := {"address": sprintf("db.%s", [action]), "sort": "aws_db_instance", "provider": "aws", "action": action, "fields": []}

destroying := planned({"resources": [resource("delete"), resource("replace"), resource("update"), resource("create")]})

test_a_plan_that_destroys_needs_more_people if {
	codes(gate.deny) == {"destruction-unapproved"} with input as destroying
	some reason in gate.deny with input as destroying
	contains(reason.what, "destroys 2 resources, 0 are allowed with fewer than 2 approvals in role release-manager: db.delete (delete), db.replace (replace)")
}

test_two_people_let_a_plan_destroy if {
	codes(gate.deny) == set() with input as object.union(destroying, {"approvals": [approval("bob"), approval("eve")]})
}

# A release with these changed files.
repiped(files) := with_field("source", object.union(base.source, {"pipeline_files": files}))

workflow := {"path": ".github/workflows/ci.yml", "sort": "pipeline", "change": "changed"}

changed_files := [workflow, {"path": "Cargo.lock", "sort": "lock", "change": "added"}]

changed_release := repiped(changed_files)

test_changed_pipeline_files_are_named if {
	codes(gate.deny) == set() with input as changed_release
	"pipeline-changed" in codes(gate.warn) with input as changed_release
	some warning in gate.warn with input as changed_release
	contains(warning.what, "2 files that decide how it is built and shipped changed, and 1 of 2 people in role release-manager approve: .github/workflows/ci.yml (changed), Cargo.lock (added)")
}

test_enough_people_let_pipeline_files_change if {
	approved := object.union(changed_release, {"approvals": [approval("bob"), approval("eve")]})
	not "pipeline-changed" in codes(gate.warn) with input as approved
	some sentence in gate.checks with input as approved
	sentence == "at least 2 people in role release-manager approve the change of files that decide how it is built and shipped: .github/workflows/ci.yml (changed), Cargo.lock (added)"
}

test_people_who_signed_off_or_have_another_role_do_not_let_them_change if {
	other := object.union(approval("eve"), {"roles": ["developer"]})
	"pipeline-changed" in codes(gate.warn) with input as object.union(changed_release, {"approvals": [approval("bob"), other]})
	signed := object.union(changed_release, {"approvals": [approval("bob"), approval("eve")], "people": {"signed_off": ["eve"]}})
	"pipeline-changed" in codes(gate.warn) with input as signed
}

test_sorts_of_files_that_the_limits_do_not_name_may_change if {
	locks := {"sorts": {"pipeline"}, "approvals": 2, "role": "release-manager"}
	changes := repiped([{"path": "Cargo.lock", "sort": "lock", "change": "changed"}])
	not "pipeline-changed" in codes(gate.warn) with input as changes with gate.pipeline_limits as locks
	"pipeline-changed" in codes(gate.warn) with input as changes
}

test_a_source_that_nobody_compared_is_told if {
	uncompared := object.union(object.remove(base, ["source"]), {"source": object.remove(base.source, ["pipeline_files"])})
	"pipeline-uncompared" in codes(gate.warn) with input as uncompared
	count([sentence | some sentence in gate.checks; contains(sentence, "decides how it is built")]) == 0 with input as uncompared
}

test_a_change_of_other_files_is_no_reason if {
	codes(gate.warn) & {"pipeline-changed", "pipeline-uncompared"} == set() with input as repiped([])
	"no file changed that decides how it is built and shipped" in gate.checks with input as repiped([])
}

assisted := with_field("source", {"range": [{"commit": "aa", "signer": "ssh:alice", "assisted": ["Tool 2"]}, {"commit": "bb", "signer": "ssh:alice", "addresses": ["alice@example.com", "bot@example.com"]}]})

test_help_by_tools_is_no_reason_until_a_team_says_so if {
	codes(gate.deny | gate.warn) & {"assisted-unreviewed"} == set() with input as assisted
	helped := codes(gate.problems) with input as assisted
	"assisted-unreviewed" in helped
	some problem in gate.problems with input as assisted
	contains(problem.what, "name 1 tools that helped, and 1 of 2 people in role release-manager approve: Tool 2")
}

known_tools := {"addresses": {"bot@example.com"}, "approvals": 2, "role": "release-manager"}

test_addresses_of_tools_count_where_the_limits_name_them if {
	some problem in gate.problems with input as assisted with gate.assistance_limits as known_tools
	contains(problem.what, "name 2 tools that helped, and 1 of 2 people in role release-manager approve: Tool 2, bot@example.com")
}

assisted_approved := object.union(assisted, {"approvals": [approval("bob"), approval("eve")]})

test_enough_people_let_a_change_with_tools_come_in if {
	not "assisted-unreviewed" in codes(gate.problems) with input as assisted_approved with gate.assistance_limits as known_tools
}

test_a_service_without_data_may_be_anywhere if codes(gate.deny | gate.warn) & {"residency-violated"} == set() with input as base

allowed_regions := {"personal": {"eu-central-1", "eu-west-1"}, "health": {"eu-central-1"}, "public": {"any"}}

# Data of these classes at a place with these fields.
kept(classes, fields) := object.union(with_field("service", {"data": classes}), {"place": object.union(base.place, fields)})

test_data_in_an_allowed_region_pass if {
	row := kept(["health", "personal", "public"], {"region": "eu-central-1"})
	codes(gate.deny) == set() with input as row with gate.residency_regions as allowed_regions
	some sentence in gate.checks with input as row with gate.residency_regions as allowed_regions
	sentence == "data of the classes health, personal, public may be where the place is"
}

test_data_in_another_region_are_a_reason if {
	row := kept(["health", "personal", "public"], {"region": "eu-west-1"})
	codes(gate.deny) == {"residency-violated"} with input as row with gate.residency_regions as allowed_regions
	reasons := [reason.what | some reason in gate.deny] with input as row with gate.residency_regions as allowed_regions
	reasons == ["the service has data of the class `health`, which may be in eu-central-1, and the place is in eu-west-1"]
}

test_nothing_unknown_about_data_passes if {
	some row in [[kept(["health"], {}), "nobody signed in which region"], [kept(["secret"], {"region": "eu-west-1"}), "in no row in which regions"]]
	codes(gate.deny) == {"residency-violated"} with input as row[0] with gate.residency_regions as allowed_regions
	some reason in gate.deny with input as row[0] with gate.residency_regions as allowed_regions
	contains(reason.what, row[1])
}

test_data_that_may_be_anywhere_need_no_region if {
	codes(gate.deny) == set() with input as kept(["public"], {})
}

test_data_at_the_wrong_place_warn_elsewhere if {
	row := kept(["personal"], {"environment": "dev", "region": "us-east-1"})
	codes(gate.deny) == set() with input as row with gate.residency_regions as allowed_regions
	"residency-violated" in codes(gate.warn) with input as row with gate.residency_regions as allowed_regions
}

test_a_plan_that_keeps_everything_passes if {
	codes(gate.deny) == set() with input as planned({"resources": [resource("update"), resource("create")]})
}

test_a_cost_without_a_limit_passes if {
	codes(gate.deny) == set() with input as planned({"costs": [{"currency": "USD", "monthly": 100000, "before": null, "unpriced": 0}]})
}

limited := {"USD": {"monthly": 100, "increase": 10}}

test_a_cost_above_its_limit_is_a_reason if {
	some row in [[10050, 10050, "100.50 USD a month, 100 are"], [5001, 4000, "10.01 USD a month more than before, 10 are"]]
	priced := planned({"costs": [{"currency": "USD", "monthly": row[0], "before": row[1], "unpriced": 0}]})
	codes(gate.deny) == {"cost-exceeded"} with input as priced with gate.cost_limits as limited
	some reason in gate.deny with input as priced with gate.cost_limits as limited
	contains(reason.what, row[2])
}

test_a_cost_at_its_limit_passes if {
	priced := planned({"costs": [{"currency": "USD", "monthly": 10000, "before": 9000, "unpriced": 0}]})
	codes(gate.deny) == set() with input as priced with gate.cost_limits as limited
}

test_a_cost_in_another_currency_is_a_reason if {
	priced := planned({"costs": [{"currency": "EUR", "monthly": 1, "before": 1, "unpriced": 0}]})
	codes(gate.deny) == {"cost-exceeded"} with input as priced with gate.cost_limits as limited
}

test_a_cost_that_nobody_knows_is_a_reason if {
	some row in [[0, 0, 3, "price of 3 resources"], [5000, null, 0, "before the plan is not known"]]
	priced := planned({"costs": [{"currency": "USD", "monthly": row[0], "before": row[1], "unpriced": row[2]}]})
	codes(gate.deny) == {"cost-exceeded"} with input as priced with gate.cost_limits as limited
	some reason in gate.deny with input as priced with gate.cost_limits as limited
	contains(reason.what, row[3])
}

test_a_plan_that_nobody_priced_is_a_reason_where_limits_are_set if {
	codes(gate.deny) == {"cost-exceeded"} with input as planned({"resources": [resource("create")]}) with gate.cost_limits as limited
}

before(fields) := with_field("before", object.union({"environment": "staging", "runs_artifact": true}, fields))

rolled_out(end) := object.union(before({}), {"observations": [{
	"kind": "rollout-verdict", "agent": "agent", "release": 3, "seconds": 60,
	"body": {"verdict": "go", "end": end, "step": 2, "percent": 100, "probes": true, "groups": {}},
}]})

rollout_codes(given) := {problem.code | some problem in gate.problems with input as given; problem.code == "rollout-undone"}

test_a_rollout_that_is_not_done_in_staging_is_a_problem if {
	rollout_codes(rolled_out("done")) == set()
	rollout_codes(rolled_out("")) == {"rollout-undone"}
	rollout_codes(rolled_out("failed")) == {"rollout-undone"}
	rollout_codes(rolled_out("interrupted")) == {"rollout-undone"}
	rollout_codes(before({})) == {"rollout-undone"}
	rollout_codes(base) == set()
}

host(equal) := object.union(base, {"observations": [{
	"kind": "baseline", "agent": "agent", "release": null, "seconds": 60,
	"body": {"baseline": "sha256:00", "equal": equal, "differences": 2},
}]})

host_codes(given) := {problem.code | some problem in gate.problems with input as given; problem.code == "baseline-differs"}

test_a_host_that_differs_or_was_not_measured_is_a_problem if {
	host_codes(host(true)) == set()
	host_codes(host(false)) == {"baseline-differs"}
	host_codes(base) == {"baseline-differs"}
}

test_a_host_that_differs_stops_nothing_by_default if gate.deny == set() with input as host(false)

compared(names) := object.union(before({}), {"parity": {"environment": "staging", "differences": names}})

parity_codes(given) := {problem.code | some problem in gate.problems with input as given; problem.code == "environments-differ"}

test_a_staging_that_differs_is_a_problem if {
	parity_codes(compared([])) == set()
	parity_codes(compared(["memory", "variable MODE"])) == {"environments-differ"}
	parity_codes(before({})) == {"environments-differ"}
	parity_codes(base) == set()
}

test_a_staging_that_differs_stops_nothing_by_default if gate.deny == set() with input as compared(["memory"])

test_a_rollout_that_is_not_done_stops_nothing_by_default if gate.deny == set() with input as rolled_out("failed")

staged(changes) := before({"findings": [object.union(finding, changes)]})

smoke(passed) := {"name": "smoke", "runners": 1, "passed": passed, "exits": ["code 0"], "reports": []}

test_something_critical_in_staging_does_not_reach_production if {
	codes(gate.deny) == {"finding-critical"} with input as staged({})
	codes(gate.deny) == {"secret-found"} with input as staged({"class": "secret"})
	gate.deny == set() with input as staged({"unconfirmed": true})
	gate.deny == set() with input as staged({"severity": "high"})
	gate.deny == set() with input as object.union(staged({}), {"place": {"environment": "dev"}})
}

test_a_failed_check_or_test_in_staging_stops_it if {
	codes(gate.deny) == {"check-failed"} with input as before({"checks": [smoke(true), smoke(false)]})
	codes(gate.deny) == {"tests-failed"} with input as before({"tests": {"failing": ["service answers"]}})
	gate.deny == set() with input as before({"checks": [smoke(true)], "tests": {"failing": []}})
	gate.deny == set() with input as with_field("before", null)
}

test_a_reason_names_its_finding if {
	id := "sha256:0000000000000000000000000000000000000000000000000000000000000001"
	{reason.finding | some reason in gate.deny} == {id} with input as found({"id": id})
	{reason.finding | some reason in gate.deny} == {id} with input as found({"id": id, "class": "secret"})
	{reason.finding | some reason in gate.deny} == {null} with input as found({})
}

# A verdict names what statements settle and what is only suspected, so that nobody reads it as a clean result.
says(release, sentence) if {
	sentences := gate.checks with input as release
	sentence in sentences
}

settled := {"settled", "suspected"}

changes_of("settled") := {"state": "waiver"}

changes_of("suspected") := {"unconfirmed": true}

test_a_secret_that_is_settled_or_suspected_is_named if {
	none := "no scanner found a secret"
	named := "each secret that a scanner found is settled by a statement that somebody signed, or only suspected: sql at a.py:3"
	says(object.union(with_field("findings", []), {"reports": [for_secrets]}), none)
	every way in settled {
		release := object.union(found(object.union(changes_of(way), {"class": "secret"})), {"reports": [for_secrets]})
		says(release, named)
		not says(release, none)
	}
}

test_a_secret_of_a_check_is_named if {
	none := "no check in staging found a secret"
	named := "each secret that a check in staging found is settled by a statement that somebody signed, or only suspected: sql at a.py:3"
	says(before({"findings": []}), none)
	not says(base, none)
	every way in settled {
		release := staged(object.union(changes_of(way), {"class": "secret"}))
		says(release, named)
		not says(release, none)
	}
}

test_something_critical_that_is_settled_or_suspected_is_named if {
	none := "no scanner found anything critical or known to be exploited"
	named := "each finding that is critical or known to be exploited is settled by a statement that somebody signed, or only suspected: sql at a.py:3"
	says(with_field("findings", []), none)
	every way in settled {
		says(found(changes_of(way)), named)
		not says(found(changes_of(way)), none)
	}
}

# The rule about licences warns in this pack, so it blocks here by another table.
strict := {"licence-denied": {"other": "block"}}

test_a_licence_that_is_settled_or_suspected_is_named if {
	none := "no component has a denied licence"
	listed := "no list of components names a denied licence"
	named := "each denied licence that a scanner found is settled by a statement that somebody signed, or only suspected: sql at a.py:3"
	clean := gate.checks with input as component({}) with gate.effects as strict
	none in clean
	not listed in clean
	every way in settled {
		release := object.union(component({}), found(object.union(changes_of(way), {"class": "licence"})))
		sentences := gate.checks with input as release with gate.effects as strict
		named in sentences
		listed in sentences
		not none in sentences
	}
}

test_something_critical_of_a_check_is_named if {
	none := "no check in staging found anything critical or known to be exploited"
	named := "each finding of a check in staging that is critical or known to be exploited is settled by a statement that somebody signed, or only suspected: sql at a.py:3"
	says(before({"findings": []}), none)
	every way in settled {
		says(staged(changes_of(way)), named)
		not says(staged(changes_of(way)), none)
	}
}

test_a_test_in_quarantine_or_skipped_is_named if {
	passed := {"passed": 3, "flaky": 0, "skipped": 0, "failing": []}
	says(with_field("tests", passed), "every reported test passed")
	says(object.union(with_field("tests", passed), {"before": null}), "every reported test passed")
	skipping := with_field("tests", object.union(passed, {"skipped": 2}))
	says(skipping, "every reported test passed, except 2 that were skipped")
	not says(skipping, "every reported test passed")
	waived := object.union(passed, {"waived": [{"test": "book adds"}]})
	says(with_field("tests", waived), "every reported test passed, except those in quarantine: book adds")
	both := object.union(with_field("tests", passed), {"before": {"environment": "staging", "tests": object.union(waived, {"skipped": 1})}})
	says(both, "every reported test passed, except 1 that were skipped, and those in quarantine: book adds in staging")
	not says(both, "every reported test passed")
}
