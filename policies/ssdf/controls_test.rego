package countersign.controls_test

import rego.v1

import data.countersign.gate

# Each rule has a release that keeps its control, and one that breaks it. The releases are in `fixtures_test.rego`.

test_passes_ssdf_po_3_3 if not "ssdf-po-3-3" in against with input as good

test_fails_ssdf_po_3_3 if {
	"ssdf-po-3-3" in against with input as built_with({"pipeline": null})
	"ssdf-po-3-3" in against with input as built_with({"steps": []})
	"ssdf-po-3-3" in against with input as built_with({"steps": [step({}), step({"receipts": 0})]})
}

test_passes_ssdf_po_5_1 if not "ssdf-po-5-1" in against with input as good

test_fails_ssdf_po_5_1 if {
	"ssdf-po-5-1" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}]})
	"ssdf-po-5-1" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "a"}]})
	"ssdf-po-5-1" in against with input as built_with({"steps": [step({}), step({"equal_outputs": false})]})
	"ssdf-po-5-1" in against with input as built_with({"sandboxes": ["control-group", "watched"]})
	"ssdf-po-5-1" in against with input as built_with({"pool": "fork"})
}

test_passes_ssdf_ps_1_1 if not "ssdf-ps-1-1" in against with input as good

test_fails_ssdf_ps_1_1 if {
	"ssdf-ps-1-1" in against with input as with_field("source", {"signer": "alice", "range": [{"commit": "aa", "signer": null}, {"commit": "bb", "signer": "alice"}]})
	"ssdf-ps-1-1" in against with input as with_field("source", {"signer": null, "range": []})
}

test_passes_ssdf_ps_2_1 if not "ssdf-ps-2-1" in against with input as good

test_fails_ssdf_ps_2_1 if {
	"ssdf-ps-2-1" in against with input as with_field("ledger", {"witnesses": 0, "quorum": 1, "same_machine": false})
	"ssdf-ps-2-1" in against with input as with_field("ledger", {"witnesses": 1, "quorum": 1, "same_machine": true})
}

test_passes_ssdf_ps_3_1 if not "ssdf-ps-3-1" in against with input as good

test_fails_ssdf_ps_3_1 if {
	"ssdf-ps-3-1" in told with input as with_field("statements", [])
}

test_passes_ssdf_ps_3_2 if not "ssdf-ps-3-2" in against with input as good

test_fails_ssdf_ps_3_2 if {
	"ssdf-ps-3-2" in against with input as unreported("components")
}

test_passes_ssdf_pw_4_1 if not "ssdf-pw-4-1" in against with input as good

test_fails_ssdf_pw_4_1 if {
	"ssdf-pw-4-1" in against with input as with_component({"pinned": false})
}

test_passes_ssdf_pw_4_4 if not "ssdf-pw-4-4" in against with input as good

test_fails_ssdf_pw_4_4 if {
	"ssdf-pw-4-4" in against with input as unreported("dependencies")
	"ssdf-pw-4-4" in against with input as found({"undecided": true})
	"ssdf-pw-4-4" in against with input as found({"severity": "critical", "fixed": "2.0", "fix_days": 31})
	"ssdf-pw-4-4" in against with input as found({"severity": "critical", "fixed": "2.0", "fix_days": null, "published_days": null})
}

test_passes_ssdf_pw_6_2 if not "ssdf-pw-6-2" in against with input as good

test_fails_ssdf_pw_6_2 if {
	"ssdf-pw-6-2" in told with input as built_with({"steps": [step({}), {"name": "pack", "kind": "run", "receipts": 2, "equal_outputs": true, "network": []}]})
}

test_passes_ssdf_pw_7_2 if not "ssdf-pw-7-2" in against with input as good

test_fails_ssdf_pw_7_2 if {
	"ssdf-pw-7-2" in against with input as with_field("approvals", [])
	"ssdf-pw-7-2" in against with input as object.union(good, {"mode": "solo"})
	"ssdf-pw-7-2" in against with input as settled_by("alice")
	"ssdf-pw-7-2" in against with input as unreported("semgrep")
	"ssdf-pw-7-2" in against with input as found({"class": "code", "severity": "high"})
	"ssdf-pw-7-2" in against with input as found_before({"class": "web", "severity": "high"})
}

test_passes_ssdf_pw_8_2 if not "ssdf-pw-8-2" in against with input as good

test_fails_ssdf_pw_8_2 if {
	"ssdf-pw-8-2" in against with input as with_field("tests", {"passed": 3, "flaky": 0, "skipped": 0, "failing": ["adds"], "covers": covers})
	"ssdf-pw-8-2" in against with input as with_field("tests", {"passed": 0, "flaky": 0, "skipped": 2, "failing": [], "covers": covers})
	"ssdf-pw-8-2" in against with input as before_with({"checks": []})
	"ssdf-pw-8-2" in against with input as before_with({"checks": [check(true), check(false)]})
}

test_passes_ssdf_pw_9_2 if not "ssdf-pw-9-2" in against with input as good

test_fails_ssdf_pw_9_2 if {
	"ssdf-pw-9-2" in against with input as differing("limit-wider")
	"ssdf-pw-9-2" in against with input as object.remove(good, ["configuration"])
}

test_passes_ssdf_rv_1_1 if not "ssdf-rv-1-1" in against with input as good

test_fails_ssdf_rv_1_1 if {
	"ssdf-rv-1-1" in against with input as reported({"knowledge_days": 31})
	"ssdf-rv-1-1" in against with input as reported({"undated": 1})
}

test_passes_ssdf_rv_2_2 if not "ssdf-rv-2-2" in against with input as good

test_fails_ssdf_rv_2_2 if {
	"ssdf-rv-2-2" in against with input as found({"severity": "critical"})
	"ssdf-rv-2-2" in against with input as found({"exploited": true})
	"ssdf-rv-2-2" in against with input as found_before({"severity": "critical"})
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
