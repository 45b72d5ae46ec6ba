package countersign.controls_test

import rego.v1

import data.countersign.gate

# Each rule has a release that keeps its control, and one that breaks it. The releases are in `fixtures_test.rego`.

test_passes_slsa_1_consistent if not "slsa-1-consistent" in against with input as good

test_fails_slsa_1_consistent if {
	"slsa-1-consistent" in against with input as built_with({"pipeline": null})
	"slsa-1-consistent" in against with input as built_with({"steps": []})
}

test_passes_slsa_1_exists if not "slsa-1-exists" in against with input as good

test_fails_slsa_1_exists if {
	"slsa-1-exists" in against with input as built_with({"steps": [step({}), step({"receipts": 0})]})
}

test_passes_slsa_2_hosted if not "slsa-2-hosted" in against with input as good

test_fails_slsa_2_hosted if {
	"slsa-2-hosted" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": null}]})
	"slsa-2-hosted" in against with input as object.union(good, {"mode": "rehearsal"})
}

test_passes_slsa_2_authentic if not "slsa-2-authentic" in against with input as good

test_fails_slsa_2_authentic if {
	"slsa-2-authentic" in against with input as with_field("ledger", {"witnesses": 0, "quorum": 1, "same_machine": false})
	"slsa-2-authentic" in against with input as with_field("ledger", {"witnesses": 1, "quorum": 1, "same_machine": true})
}

test_passes_slsa_3_isolated if not "slsa-3-isolated" in against with input as good

test_fails_slsa_3_isolated if {
	"slsa-3-isolated" in against with input as built_with({"sandboxes": ["control-group", "watched"]})
	"slsa-3-isolated" in against with input as built_with({"pool": "fork"})
}

test_passes_slsa_3_unforgeable if not "slsa-3-unforgeable" in against with input as good

test_fails_slsa_3_unforgeable if {
	"slsa-3-unforgeable" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}]})
	"slsa-3-unforgeable" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "a"}]})
	"slsa-3-unforgeable" in against with input as built_with({"steps": [step({}), step({"equal_outputs": false})]})
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
