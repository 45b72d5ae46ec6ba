package countersign.controls_test

import rego.v1

import data.countersign.gate

# Each rule has a release that keeps its control, and one that breaks it. The releases are in `fixtures_test.rego`.

test_passes_owasp_cicd_1 if not "owasp-cicd-1" in against with input as good

test_fails_owasp_cicd_1 if {
	"owasp-cicd-1" in against with input as with_field("approvals", [])
	"owasp-cicd-1" in against with input as object.union(good, {"mode": "solo"})
	"owasp-cicd-1" in against with input as promoted_by("alice")
	"owasp-cicd-1" in against with input as begun_by_itself
	"owasp-cicd-1" in against with input as object.union(good, {"mode": "solo"})
	"owasp-cicd-1" in against with input as settled_by("alice")
}

test_passes_owasp_cicd_2 if not "owasp-cicd-2" in against with input as good

test_fails_owasp_cicd_2 if {
	"owasp-cicd-2" in against with input as with_field("source", {"signer": "alice", "range": [{"commit": "aa", "signer": null}, {"commit": "bb", "signer": "alice"}]})
	"owasp-cicd-2" in against with input as with_field("source", {"signer": null, "range": []})
}

test_passes_owasp_cicd_3 if not "owasp-cicd-3" in against with input as good

test_fails_owasp_cicd_3 if {
	"owasp-cicd-3" in against with input as with_component({"pinned": false})
	"owasp-cicd-3" in against with input as unreported("dependencies")
	"owasp-cicd-3" in against with input as found({"undecided": true})
}

test_passes_owasp_cicd_4 if {
	not "owasp-cicd-4" in against with input as good
	not "owasp-cicd-4" in against with input as repiped([workflow], ["bob", "carol"])
}

test_fails_owasp_cicd_4 if {
	"owasp-cicd-4" in against with input as found({"class": "configuration", "rule": "github-unpinned-action", "severity": "high"})
	"owasp-cicd-4" in against with input as repiped([workflow], ["bob"])
	"owasp-cicd-4" in against with input as uncompared
}

test_passes_owasp_cicd_5 if not "owasp-cicd-5" in against with input as good

test_fails_owasp_cicd_5 if {
	"owasp-cicd-5" in against with input as built_with({"sandboxes": ["control-group", "watched"]})
	"owasp-cicd-5" in against with input as built_with({"pool": "fork"})
}

test_passes_owasp_cicd_6 if not "owasp-cicd-6" in against with input as good

test_fails_owasp_cicd_6 if {
	"owasp-cicd-6" in against with input as with_field("secrets", [{"step": "publish", "as": "a", "secret": "shop/a"}, {"step": "publish", "as": "b", "secret": "shop/b", "env": "B"}])
	"owasp-cicd-6" in against with input as unreported("secrets")
	"owasp-cicd-6" in against with input as found({"class": "secret"})
	"owasp-cicd-6" in against with input as found_before({"class": "secret"})
}

test_passes_owasp_cicd_7 if not "owasp-cicd-7" in against with input as good

test_fails_owasp_cicd_7 if {
	"owasp-cicd-7" in told with input as with_field("observations", [])
	"owasp-cicd-7" in told with input as measured({"body": {"equal": false, "differences": 2}})
	"owasp-cicd-7" in told with input as measured({"seconds": 90000})
	"owasp-cicd-7" in told with input as measured({"seconds": null})
}

test_passes_owasp_cicd_8 if not "owasp-cicd-8" in against with input as good

test_fails_owasp_cicd_8 if {
	"owasp-cicd-8" in against with input as built_with({"steps": [step({}), step({"network": ["files.example.com"]})]})
}

test_passes_owasp_cicd_9 if not "owasp-cicd-9" in against with input as good

test_fails_owasp_cicd_9 if {
	"owasp-cicd-9" in against with input as built_with({"pipeline": null})
	"owasp-cicd-9" in against with input as built_with({"steps": []})
	"owasp-cicd-9" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}]})
	"owasp-cicd-9" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "a"}]})
	"owasp-cicd-9" in against with input as built_with({"steps": [step({}), step({"equal_outputs": false})]})
}

test_passes_owasp_cicd_10 if not "owasp-cicd-10" in against with input as good

test_fails_owasp_cicd_10 if {
	"owasp-cicd-10" in against with input as with_field("ledger", {"witnesses": 0, "quorum": 1, "same_machine": false})
	"owasp-cicd-10" in against with input as with_field("ledger", {"witnesses": 1, "quorum": 1, "same_machine": true})
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
