package countersign.controls_test

import rego.v1

import data.countersign.gate

# Each rule has a release that keeps its control, and one that breaks it. The releases are in `fixtures_test.rego`.

test_passes_hipaa_312_a_1 if not "hipaa-312-a-1" in against with input as good

test_fails_hipaa_312_a_1 if {
	"hipaa-312-a-1" in against with input as unreported("secrets")
	"hipaa-312-a-1" in against with input as found({"class": "secret"})
	"hipaa-312-a-1" in against with input as found_before({"class": "secret"})
	"hipaa-312-a-1" in against with input as differing("secret-in-clear")
}

test_passes_hipaa_312_a_2_i if not "hipaa-312-a-2-i" in against with input as good

test_fails_hipaa_312_a_2_i if {
	"hipaa-312-a-2-i" in against with input as with_field("source", {"signer": "alice", "range": [{"commit": "aa", "signer": null}, {"commit": "bb", "signer": "alice"}]})
	"hipaa-312-a-2-i" in against with input as with_field("source", {"signer": null, "range": []})
}

test_passes_hipaa_312_a_2_iii if not "hipaa-312-a-2-iii" in against with input as good

test_fails_hipaa_312_a_2_iii if {
	"hipaa-312-a-2-iii" in against with input as without_cover("HIPAA-164.312(a)(2)(iii)")
}

test_passes_hipaa_312_a_2_iv if not "hipaa-312-a-2-iv" in against with input as good

test_fails_hipaa_312_a_2_iv if {
	"hipaa-312-a-2-iv" in against with input as found({"class": "configuration", "rule": "terraform-volume-unencrypted", "severity": "medium"})
}

test_passes_hipaa_312_b if not "hipaa-312-b" in against with input as good

test_fails_hipaa_312_b if {
	"hipaa-312-b" in against with input as without_cover("HIPAA-164.312(b)")
	"hipaa-312-b" in against with input as with_field("ledger", {"witnesses": 0, "quorum": 1, "same_machine": false})
	"hipaa-312-b" in against with input as with_field("ledger", {"witnesses": 1, "quorum": 1, "same_machine": true})
}

test_passes_hipaa_312_c_1 if not "hipaa-312-c-1" in against with input as good

test_fails_hipaa_312_c_1 if {
	"hipaa-312-c-1" in against with input as built_with({"pipeline": null})
	"hipaa-312-c-1" in against with input as built_with({"steps": []})
	"hipaa-312-c-1" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}]})
	"hipaa-312-c-1" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "a"}]})
	"hipaa-312-c-1" in against with input as built_with({"steps": [step({}), step({"equal_outputs": false})]})
	"hipaa-312-c-1" in against with input as with_field("approvals", [])
	"hipaa-312-c-1" in against with input as object.union(good, {"mode": "solo"})
}

test_passes_hipaa_312_d if not "hipaa-312-d" in against with input as good

test_fails_hipaa_312_d if {
	"hipaa-312-d" in against with input as without_cover("HIPAA-164.312(d)")
}

test_passes_hipaa_312_e_1 if not "hipaa-312-e-1" in against with input as good

test_fails_hipaa_312_e_1 if {
	"hipaa-312-e-1" in against with input as differing("database-without-tls")
	"hipaa-312-e-1" in against with input as object.remove(good, ["configuration"])
	"hipaa-312-e-1" in against with input as found({"class": "configuration", "rule": "terraform-volume-unencrypted", "severity": "medium"})
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
