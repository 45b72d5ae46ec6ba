package countersign.controls_test

import rego.v1

import data.countersign.gate

# Each rule has a release that keeps its control, and one that breaks it. The releases are in `fixtures_test.rego`.

test_passes_sox_bai06_01 if {
	not "sox-bai06-01" in against with input as good
	not "sox-bai06-01" in against with input as repiped([workflow], ["bob", "carol"])
}

test_fails_sox_bai06_01 if {
	"sox-bai06-01" in against with input as repiped([workflow], ["bob"])
	"sox-bai06-01" in against with input as uncompared
}

test_passes_sox_bai06_04 if not "sox-bai06-04" in against with input as good

test_fails_sox_bai06_04 if {
	"sox-bai06-04" in against with input as approved_with({"reason": " "})
}

test_passes_sox_bai07_04 if not "sox-bai07-04" in against with input as good

test_fails_sox_bai07_04 if {
	"sox-bai07-04" in against with input as with_field("before", null)
	"sox-bai07-04" in against with input as before_with({"checks": []})
	"sox-bai07-04" in against with input as before_with({"checks": [check(true), check(false)]})
}

test_passes_sox_bai07_05 if not "sox-bai07-05" in against with input as good

test_fails_sox_bai07_05 if {
	"sox-bai07-05" in against with input as with_field("tests", {"passed": 3, "flaky": 0, "skipped": 0, "failing": ["adds"], "covers": covers})
	"sox-bai07-05" in against with input as with_field("tests", {"passed": 0, "flaky": 0, "skipped": 2, "failing": [], "covers": covers})
}

test_passes_sox_bai10_02 if not "sox-bai10-02" in against with input as good

test_fails_sox_bai10_02 if {
	"sox-bai10-02" in against with input as differing("limit-wider")
	"sox-bai10-02" in against with input as object.remove(good, ["configuration"])
}

test_passes_sox_dss05_04 if not "sox-dss05-04" in against with input as good

test_fails_sox_dss05_04 if {
	"sox-dss05-04" in against with input as with_field("source", {"signer": "alice", "range": [{"commit": "aa", "signer": null}, {"commit": "bb", "signer": "alice"}]})
	"sox-dss05-04" in against with input as with_field("source", {"signer": null, "range": []})
}

test_passes_sox_dss06_03 if not "sox-dss06-03" in against with input as good

test_fails_sox_dss06_03 if {
	"sox-dss06-03" in against with input as settled_by("alice")
}

test_passes_sox_dss06_05 if not "sox-dss06-05" in against with input as good

test_fails_sox_dss06_05 if {
	"sox-dss06-05" in against with input as with_field("ledger", {"witnesses": 0, "quorum": 1, "same_machine": false})
	"sox-dss06-05" in against with input as with_field("ledger", {"witnesses": 1, "quorum": 1, "same_machine": true})
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
