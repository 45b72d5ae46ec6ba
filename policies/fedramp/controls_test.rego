package countersign.controls_test

import rego.v1

import data.countersign.gate

# Each rule has a release that keeps its control, and one that breaks it. The releases are in `fixtures_test.rego`.

test_passes_fedramp_ac_5 if not "fedramp-ac-5" in against with input as good

test_fails_fedramp_ac_5 if {
	"fedramp-ac-5" in against with input as with_field("approvals", [])
	"fedramp-ac-5" in against with input as object.union(good, {"mode": "solo"})
	"fedramp-ac-5" in against with input as promoted_by("alice")
	"fedramp-ac-5" in against with input as begun_by_itself
	"fedramp-ac-5" in against with input as object.union(good, {"mode": "solo"})
	"fedramp-ac-5" in against with input as settled_by("alice")
}

test_passes_fedramp_au_9 if not "fedramp-au-9" in against with input as good

test_fails_fedramp_au_9 if {
	"fedramp-au-9" in against with input as with_field("ledger", {"witnesses": 0, "quorum": 1, "same_machine": false})
	"fedramp-au-9" in against with input as with_field("ledger", {"witnesses": 1, "quorum": 1, "same_machine": true})
}

test_passes_fedramp_cm_2 if not "fedramp-cm-2" in against with input as good

test_fails_fedramp_cm_2 if {
	"fedramp-cm-2" in told with input as with_field("observations", [])
	"fedramp-cm-2" in told with input as measured({"body": {"equal": false, "differences": 2}})
	"fedramp-cm-2" in told with input as measured({"seconds": 90000})
	"fedramp-cm-2" in told with input as measured({"seconds": null})
}

test_passes_fedramp_cm_3 if not "fedramp-cm-3" in against with input as good

test_fails_fedramp_cm_3 if {
	"fedramp-cm-3" in against with input as approved_with({"ticket": null})
}

test_passes_fedramp_cm_3_2 if not "fedramp-cm-3-2" in against with input as good

test_fails_fedramp_cm_3_2 if {
	"fedramp-cm-3-2" in against with input as with_field("tests", {"passed": 3, "flaky": 0, "skipped": 0, "failing": ["adds"], "covers": covers})
	"fedramp-cm-3-2" in against with input as with_field("tests", {"passed": 0, "flaky": 0, "skipped": 2, "failing": [], "covers": covers})
	"fedramp-cm-3-2" in against with input as before_with({"checks": []})
	"fedramp-cm-3-2" in against with input as before_with({"checks": [check(true), check(false)]})
}

test_passes_fedramp_cm_4 if not "fedramp-cm-4" in against with input as good

test_fails_fedramp_cm_4 if {
	"fedramp-cm-4" in against with input as approved_with({"reason": " "})
}

test_passes_fedramp_cm_5 if not "fedramp-cm-5" in against with input as good

test_fails_fedramp_cm_5 if {
	"fedramp-cm-5" in against with input as with_field("source", {"signer": "alice", "range": [{"commit": "aa", "signer": null}, {"commit": "bb", "signer": "alice"}]})
	"fedramp-cm-5" in against with input as with_field("source", {"signer": null, "range": []})
}

test_passes_fedramp_cm_6 if not "fedramp-cm-6" in against with input as good

test_fails_fedramp_cm_6 if {
	"fedramp-cm-6" in against with input as differing("limit-wider")
	"fedramp-cm-6" in against with input as object.remove(good, ["configuration"])
}

test_passes_fedramp_cm_8 if not "fedramp-cm-8" in against with input as good

test_fails_fedramp_cm_8 if {
	"fedramp-cm-8" in against with input as unreported("components")
}

test_passes_fedramp_cm_10 if not "fedramp-cm-10" in against with input as good

test_fails_fedramp_cm_10 if {
	"fedramp-cm-10" in against with input as with_component({"licence": "SSPL-1.0"})
}

test_passes_fedramp_ia_2_1 if not "fedramp-ia-2-1" in against with input as good

test_fails_fedramp_ia_2_1 if {
	"fedramp-ia-2-1" in told with input as approved_with({"hardware": false})
}

test_passes_fedramp_ia_5 if not "fedramp-ia-5" in against with input as good

test_fails_fedramp_ia_5 if {
	"fedramp-ia-5" in against with input as unreported("secrets")
	"fedramp-ia-5" in against with input as found({"class": "secret"})
	"fedramp-ia-5" in against with input as found_before({"class": "secret"})
	"fedramp-ia-5" in against with input as differing("secret-in-clear")
}

test_passes_fedramp_ra_5 if not "fedramp-ra-5" in against with input as good

test_fails_fedramp_ra_5 if {
	"fedramp-ra-5" in against with input as unreported("dependencies")
	"fedramp-ra-5" in against with input as found({"undecided": true})
}

test_passes_fedramp_ra_5_2 if not "fedramp-ra-5-2" in against with input as good

test_fails_fedramp_ra_5_2 if {
	"fedramp-ra-5-2" in against with input as reported({"knowledge_days": 31})
	"fedramp-ra-5-2" in against with input as reported({"undated": 1})
}

test_passes_fedramp_sa_10 if not "fedramp-sa-10" in against with input as good

test_fails_fedramp_sa_10 if {
	"fedramp-sa-10" in against with input as built_with({"pipeline": null})
	"fedramp-sa-10" in against with input as built_with({"steps": []})
	"fedramp-sa-10" in against with input as built_with({"steps": [step({}), step({"receipts": 0})]})
}

test_passes_fedramp_sa_11 if not "fedramp-sa-11" in against with input as good

test_fails_fedramp_sa_11 if {
	"fedramp-sa-11" in against with input as unreported("semgrep")
	"fedramp-sa-11" in against with input as found({"class": "code", "severity": "high"})
	"fedramp-sa-11" in against with input as found_before({"class": "web", "severity": "high"})
}

test_passes_fedramp_sc_8 if not "fedramp-sc-8" in against with input as good

test_fails_fedramp_sc_8 if {
	"fedramp-sc-8" in against with input as differing("database-without-tls")
	"fedramp-sc-8" in against with input as object.remove(good, ["configuration"])
}

test_passes_fedramp_sc_28 if not "fedramp-sc-28" in against with input as good

test_fails_fedramp_sc_28 if {
	"fedramp-sc-28" in against with input as found({"class": "configuration", "rule": "terraform-volume-unencrypted", "severity": "medium"})
}

test_passes_fedramp_si_2 if not "fedramp-si-2" in against with input as good

test_fails_fedramp_si_2 if {
	"fedramp-si-2" in against with input as found({"severity": "critical"})
	"fedramp-si-2" in against with input as found({"exploited": true})
	"fedramp-si-2" in against with input as found_before({"severity": "critical"})
	"fedramp-si-2" in against with input as found({"severity": "critical", "fixed": "2.0", "fix_days": 31})
	"fedramp-si-2" in against with input as found({"severity": "critical", "fixed": "2.0", "fix_days": null, "published_days": null})
}

test_passes_fedramp_si_7 if not "fedramp-si-7" in against with input as good

test_fails_fedramp_si_7 if {
	"fedramp-si-7" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}]})
	"fedramp-si-7" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "a"}]})
	"fedramp-si-7" in against with input as built_with({"steps": [step({}), step({"equal_outputs": false})]})
}

test_passes_fedramp_sr_3 if not "fedramp-sr-3" in against with input as good

test_fails_fedramp_sr_3 if {
	"fedramp-sr-3" in against with input as with_component({"pinned": false})
}

test_passes_fedramp_sa_9_5 if {
	not "fedramp-sa-9-5" in against with input as good
	not "fedramp-sa-9-5" in against with input as keeping(["cui"], "us-gov-west-1") with gate.residency_regions as {"cui": {"us-gov-west-1"}}
}

test_fails_fedramp_sa_9_5 if {
	"fedramp-sa-9-5" in against with input as object.remove(good, ["service"])
	"fedramp-sa-9-5" in against with input as keeping(["cui"], "us-gov-west-1")
	"fedramp-sa-9-5" in against with input as keeping(["cui"], "us-east-1") with gate.residency_regions as {"cui": {"us-gov-west-1"}}
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
