package countersign.controls_test

import rego.v1

import data.countersign.gate

# Each rule has a release that keeps its control, and one that breaks it. The releases are in `fixtures_test.rego`.

test_passes_soc2_cc6_1 if not "soc2-cc6-1" in against with input as good

test_fails_soc2_cc6_1 if {
	"soc2-cc6-1" in against with input as unreported("secrets")
	"soc2-cc6-1" in against with input as found({"class": "secret"})
	"soc2-cc6-1" in against with input as found_before({"class": "secret"})
	"soc2-cc6-1" in against with input as differing("secret-in-clear")
}

test_passes_soc2_cc6_2 if not "soc2-cc6-2" in against with input as good

test_fails_soc2_cc6_2 if {
	"soc2-cc6-2" in against with input as with_field("source", {"signer": "alice", "range": [{"commit": "aa", "signer": null}, {"commit": "bb", "signer": "alice"}]})
	"soc2-cc6-2" in against with input as with_field("source", {"signer": null, "range": []})
}

test_passes_soc2_cc6_3 if not "soc2-cc6-3" in against with input as good

test_fails_soc2_cc6_3 if {
	"soc2-cc6-3" in against with input as promoted_by("alice")
	"soc2-cc6-3" in against with input as begun_by_itself
	"soc2-cc6-3" in against with input as object.union(good, {"mode": "solo"})
	"soc2-cc6-3" in against with input as settled_by("alice")
}

test_passes_soc2_cc6_7 if not "soc2-cc6-7" in against with input as good

test_fails_soc2_cc6_7 if {
	"soc2-cc6-7" in against with input as differing("database-without-tls")
	"soc2-cc6-7" in against with input as object.remove(good, ["configuration"])
	"soc2-cc6-7" in against with input as found({"class": "configuration", "rule": "terraform-volume-unencrypted", "severity": "medium"})
}

test_passes_soc2_cc6_8 if not "soc2-cc6-8" in against with input as good

test_fails_soc2_cc6_8 if {
	"soc2-cc6-8" in against with input as built_with({"pipeline": null})
	"soc2-cc6-8" in against with input as built_with({"steps": []})
	"soc2-cc6-8" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}]})
	"soc2-cc6-8" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "a"}]})
	"soc2-cc6-8" in against with input as built_with({"steps": [step({}), step({"equal_outputs": false})]})
	"soc2-cc6-8" in against with input as with_component({"pinned": false})
}

test_passes_soc2_cc7_1 if not "soc2-cc7-1" in against with input as good

test_fails_soc2_cc7_1 if {
	"soc2-cc7-1" in against with input as differing("limit-wider")
	"soc2-cc7-1" in against with input as object.remove(good, ["configuration"])
	"soc2-cc7-1" in against with input as unreported("dependencies")
	"soc2-cc7-1" in against with input as found({"undecided": true})
	"soc2-cc7-1" in against with input as found({"severity": "critical", "fixed": "2.0", "fix_days": 31})
	"soc2-cc7-1" in against with input as found({"severity": "critical", "fixed": "2.0", "fix_days": null, "published_days": null})
}

test_passes_soc2_cc7_2 if not "soc2-cc7-2" in against with input as good

test_fails_soc2_cc7_2 if {
	"soc2-cc7-2" in against with input as with_field("ledger", {"witnesses": 0, "quorum": 1, "same_machine": false})
	"soc2-cc7-2" in against with input as with_field("ledger", {"witnesses": 1, "quorum": 1, "same_machine": true})
}

test_passes_soc2_cc8_1 if not "soc2-cc8-1" in against with input as good

test_fails_soc2_cc8_1 if {
	"soc2-cc8-1" in against with input as with_field("approvals", [])
	"soc2-cc8-1" in against with input as object.union(good, {"mode": "solo"})
	"soc2-cc8-1" in against with input as approved_with({"ticket": null})
	"soc2-cc8-1" in against with input as with_field("tests", {"passed": 3, "flaky": 0, "skipped": 0, "failing": ["adds"], "covers": covers})
	"soc2-cc8-1" in against with input as with_field("tests", {"passed": 0, "flaky": 0, "skipped": 2, "failing": [], "covers": covers})
	"soc2-cc8-1" in against with input as with_field("before", null)
}

test_a_release_that_keeps_all_passes if {
	gate.deny == set() with input as good
	gate.warn == set() with input as good
	count(gate.checks) > 8 with input as good
}

test_other_environments_have_no_such_rules if {
	controlled == set() with input as elsewhere(broken_all)
}

test_alone_the_rules_count_too_in_production if {
	count(controlled) > 0 with input as object.union(broken_all, {"mode": "solo"})
}
