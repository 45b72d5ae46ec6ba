package countersign.controls_test

import rego.v1

import data.countersign.gate

# Each rule has a release that keeps its control, and one that breaks it. The releases are in `fixtures_test.rego`.

test_passes_iso_5_3 if not "iso-5-3" in against with input as good

test_fails_iso_5_3 if {
	"iso-5-3" in against with input as promoted_by("alice")
	"iso-5-3" in against with input as begun_by_itself
	"iso-5-3" in against with input as object.union(good, {"mode": "solo"})
	"iso-5-3" in against with input as settled_by("alice")
}

test_passes_iso_5_9 if not "iso-5-9" in against with input as good

test_fails_iso_5_9 if {
	"iso-5-9" in against with input as unowned
}

test_passes_iso_5_21 if not "iso-5-21" in against with input as good

test_fails_iso_5_21 if {
	"iso-5-21" in against with input as unreported("components")
	"iso-5-21" in against with input as with_component({"pinned": false})
}

test_passes_iso_5_32 if not "iso-5-32" in against with input as good

test_fails_iso_5_32 if {
	"iso-5-32" in against with input as with_component({"licence": "SSPL-1.0"})
}

test_passes_iso_8_4 if not "iso-8-4" in against with input as good

test_fails_iso_8_4 if {
	"iso-8-4" in against with input as with_field("source", {"signer": "alice", "range": [{"commit": "aa", "signer": null}, {"commit": "bb", "signer": "alice"}]})
	"iso-8-4" in against with input as with_field("source", {"signer": null, "range": []})
}

test_passes_iso_8_5 if not "iso-8-5" in against with input as good

test_fails_iso_8_5 if {
	"iso-8-5" in told with input as approved_with({"hardware": false})
}

test_passes_iso_8_8 if not "iso-8-8" in against with input as good

test_fails_iso_8_8 if {
	"iso-8-8" in against with input as unreported("dependencies")
	"iso-8-8" in against with input as found({"undecided": true})
	"iso-8-8" in against with input as reported({"knowledge_days": 31})
	"iso-8-8" in against with input as reported({"undated": 1})
	"iso-8-8" in against with input as found({"severity": "critical", "fixed": "2.0", "fix_days": 31})
	"iso-8-8" in against with input as found({"severity": "critical", "fixed": "2.0", "fix_days": null, "published_days": null})
}

test_passes_iso_8_9 if not "iso-8-9" in against with input as good

test_fails_iso_8_9 if {
	"iso-8-9" in against with input as differing("limit-wider")
	"iso-8-9" in against with input as object.remove(good, ["configuration"])
}

test_passes_iso_8_15 if not "iso-8-15" in against with input as good

test_fails_iso_8_15 if {
	"iso-8-15" in against with input as with_field("ledger", {"witnesses": 0, "quorum": 1, "same_machine": false})
	"iso-8-15" in against with input as with_field("ledger", {"witnesses": 1, "quorum": 1, "same_machine": true})
}

test_passes_iso_8_19 if not "iso-8-19" in against with input as good

test_fails_iso_8_19 if {
	"iso-8-19" in against with input as built_with({"pipeline": null})
	"iso-8-19" in against with input as built_with({"steps": []})
	"iso-8-19" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}]})
	"iso-8-19" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "a"}]})
	"iso-8-19" in against with input as built_with({"steps": [step({}), step({"equal_outputs": false})]})
}

test_passes_iso_8_24 if not "iso-8-24" in against with input as good

test_fails_iso_8_24 if {
	"iso-8-24" in against with input as differing("database-without-tls")
	"iso-8-24" in against with input as object.remove(good, ["configuration"])
	"iso-8-24" in against with input as found({"class": "configuration", "rule": "terraform-volume-unencrypted", "severity": "medium"})
}

test_passes_iso_8_28 if not "iso-8-28" in against with input as good

test_fails_iso_8_28 if {
	"iso-8-28" in against with input as unreported("semgrep")
	"iso-8-28" in against with input as found({"class": "code", "severity": "high"})
	"iso-8-28" in against with input as found_before({"class": "web", "severity": "high"})
}

test_passes_iso_8_29 if not "iso-8-29" in against with input as good

test_fails_iso_8_29 if {
	"iso-8-29" in against with input as with_field("tests", {"passed": 3, "flaky": 0, "skipped": 0, "failing": ["adds"], "covers": covers})
	"iso-8-29" in against with input as with_field("tests", {"passed": 0, "flaky": 0, "skipped": 2, "failing": [], "covers": covers})
	"iso-8-29" in against with input as before_with({"checks": []})
	"iso-8-29" in against with input as before_with({"checks": [check(true), check(false)]})
}

test_passes_iso_8_31 if not "iso-8-31" in against with input as good

test_fails_iso_8_31 if {
	"iso-8-31" in against with input as with_field("before", null)
}

test_passes_iso_8_32 if not "iso-8-32" in against with input as good

test_fails_iso_8_32 if {
	"iso-8-32" in against with input as with_field("approvals", [])
	"iso-8-32" in against with input as object.union(good, {"mode": "solo"})
	"iso-8-32" in against with input as approved_with({"ticket": null})
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
