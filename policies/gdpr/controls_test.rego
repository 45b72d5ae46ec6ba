package countersign.controls_test

import rego.v1

import data.countersign.gate

# Each rule has a release that keeps its control, and one that breaks it. The releases are in `fixtures_test.rego`.

test_passes_gdpr_32_1_a if not "gdpr-32-1-a" in against with input as good

test_fails_gdpr_32_1_a if {
	"gdpr-32-1-a" in against with input as differing("database-without-tls")
	"gdpr-32-1-a" in against with input as object.remove(good, ["configuration"])
	"gdpr-32-1-a" in against with input as found({"class": "configuration", "rule": "terraform-volume-unencrypted", "severity": "medium"})
}

test_passes_gdpr_32_1_b_confidential if not "gdpr-32-1-b-confidential" in against with input as good

test_fails_gdpr_32_1_b_confidential if {
	"gdpr-32-1-b-confidential" in against with input as unreported("secrets")
	"gdpr-32-1-b-confidential" in against with input as found({"class": "secret"})
	"gdpr-32-1-b-confidential" in against with input as found_before({"class": "secret"})
	"gdpr-32-1-b-confidential" in against with input as differing("secret-in-clear")
}

test_passes_gdpr_32_1_b_sound if not "gdpr-32-1-b-sound" in against with input as good

test_fails_gdpr_32_1_b_sound if {
	"gdpr-32-1-b-sound" in against with input as built_with({"pipeline": null})
	"gdpr-32-1-b-sound" in against with input as built_with({"steps": []})
	"gdpr-32-1-b-sound" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}]})
	"gdpr-32-1-b-sound" in against with input as built_with({"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "a"}]})
	"gdpr-32-1-b-sound" in against with input as built_with({"steps": [step({}), step({"equal_outputs": false})]})
}

test_passes_gdpr_32_1_b_available if not "gdpr-32-1-b-available" in against with input as good

test_fails_gdpr_32_1_b_available if {
	"gdpr-32-1-b-available" in against with input as with_field("before", null)
	"gdpr-32-1-b-available" in against with input as before_with({"checks": []})
	"gdpr-32-1-b-available" in against with input as before_with({"checks": [check(true), check(false)]})
}

test_passes_gdpr_32_1_d if not "gdpr-32-1-d" in against with input as good

test_fails_gdpr_32_1_d if {
	"gdpr-32-1-d" in against with input as with_field("tests", {"passed": 3, "flaky": 0, "skipped": 0, "failing": ["adds"], "covers": covers})
	"gdpr-32-1-d" in against with input as with_field("tests", {"passed": 0, "flaky": 0, "skipped": 2, "failing": [], "covers": covers})
	"gdpr-32-1-d" in against with input as unreported("dependencies")
	"gdpr-32-1-d" in against with input as found({"undecided": true})
	"gdpr-32-1-d" in against with input as reported({"knowledge_days": 31})
	"gdpr-32-1-d" in against with input as reported({"undated": 1})
}

test_passes_gdpr_32_2 if not "gdpr-32-2" in against with input as good

test_fails_gdpr_32_2 if {
	"gdpr-32-2" in against with input as found({"severity": "critical"})
	"gdpr-32-2" in against with input as found({"exploited": true})
	"gdpr-32-2" in against with input as found_before({"severity": "critical"})
	"gdpr-32-2" in against with input as found({"severity": "critical", "fixed": "2.0", "fix_days": 31})
	"gdpr-32-2" in against with input as found({"severity": "critical", "fixed": "2.0", "fix_days": null, "published_days": null})
}

test_passes_gdpr_32_4 if not "gdpr-32-4" in against with input as good

test_fails_gdpr_32_4 if {
	"gdpr-32-4" in against with input as with_field("approvals", [])
	"gdpr-32-4" in against with input as object.union(good, {"mode": "solo"})
	"gdpr-32-4" in against with input as promoted_by("alice")
	"gdpr-32-4" in against with input as begun_by_itself
	"gdpr-32-4" in against with input as object.union(good, {"mode": "solo"})
	"gdpr-32-4" in against with input as with_field("source", {"signer": "alice", "range": [{"commit": "aa", "signer": null}, {"commit": "bb", "signer": "alice"}]})
	"gdpr-32-4" in against with input as with_field("source", {"signer": null, "range": []})
}

test_passes_gdpr_44 if {
	not "gdpr-44" in against with input as good
	not "gdpr-44" in against with input as keeping(["personal"], "eu-central-1") with gate.residency_regions as {"personal": {"eu-central-1"}}
}

test_fails_gdpr_44 if {
	"gdpr-44" in against with input as object.remove(good, ["service"])
	"gdpr-44" in against with input as keeping(["public", "personal"], "eu-central-1")
	"gdpr-44" in against with input as keeping(["personal"], "us-east-1") with gate.residency_regions as {"personal": {"eu-central-1"}}
	"gdpr-44" in against with input as keeping(["personal"], null) with gate.residency_regions as {"personal": {"eu-central-1"}}
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
