package countersign.controls_test

import rego.v1

import data.countersign.gate

# Each rule has a release that keeps its control, and one that breaks it. The releases are in `fixtures_test.rego`.

test_passes_pci_dss_4_2_1 if not "pci-dss-4-2-1" in against with input as good

test_fails_pci_dss_4_2_1 if {
	"pci-dss-4-2-1" in against with input as differing("database-without-tls")
	"pci-dss-4-2-1" in against with input as object.remove(good, ["configuration"])
	"pci-dss-4-2-1" in against with input as found({"class": "configuration", "rule": "terraform-volume-unencrypted", "severity": "medium"})
}

test_passes_pci_dss_6_2_3 if not "pci-dss-6-2-3" in against with input as good

test_fails_pci_dss_6_2_3 if {
	"pci-dss-6-2-3" in against with input as unreported("semgrep")
	"pci-dss-6-2-3" in against with input as found({"class": "code", "severity": "high"})
	"pci-dss-6-2-3" in against with input as found_before({"class": "web", "severity": "high"})
}

test_passes_pci_dss_6_2_3_1 if not "pci-dss-6-2-3-1" in against with input as good

test_fails_pci_dss_6_2_3_1 if {
	"pci-dss-6-2-3-1" in against with input as with_field("approvals", [])
	"pci-dss-6-2-3-1" in against with input as object.union(good, {"mode": "solo"})
}

test_passes_pci_dss_6_2_4 if not "pci-dss-6-2-4" in against with input as good

test_fails_pci_dss_6_2_4 if {
	"pci-dss-6-2-4" in against with input as found({"severity": "critical"})
	"pci-dss-6-2-4" in against with input as found({"exploited": true})
	"pci-dss-6-2-4" in against with input as found_before({"severity": "critical"})
}

test_passes_pci_dss_6_3_1 if not "pci-dss-6-3-1" in against with input as good

test_fails_pci_dss_6_3_1 if {
	"pci-dss-6-3-1" in against with input as unreported("dependencies")
	"pci-dss-6-3-1" in against with input as found({"undecided": true})
	"pci-dss-6-3-1" in against with input as reported({"knowledge_days": 31})
	"pci-dss-6-3-1" in against with input as reported({"undated": 1})
}

test_passes_pci_dss_6_3_2 if not "pci-dss-6-3-2" in against with input as good

test_fails_pci_dss_6_3_2 if {
	"pci-dss-6-3-2" in against with input as unreported("components")
}

test_passes_pci_dss_6_5_1 if not "pci-dss-6-5-1" in against with input as good

test_fails_pci_dss_6_5_1 if {
	"pci-dss-6-5-1" in against with input as approved_with({"ticket": null})
	"pci-dss-6-5-1" in against with input as approved_with({"reason": " "})
	"pci-dss-6-5-1" in against with input as with_field("tests", {"passed": 3, "flaky": 0, "skipped": 0, "failing": ["adds"], "covers": covers})
	"pci-dss-6-5-1" in against with input as with_field("tests", {"passed": 0, "flaky": 0, "skipped": 2, "failing": [], "covers": covers})
}

test_passes_pci_dss_6_5_3 if not "pci-dss-6-5-3" in against with input as good

test_fails_pci_dss_6_5_3 if {
	"pci-dss-6-5-3" in against with input as with_field("before", null)
	"pci-dss-6-5-3" in against with input as before_with({"checks": []})
	"pci-dss-6-5-3" in against with input as before_with({"checks": [check(true), check(false)]})
}

test_passes_pci_dss_6_5_4 if not "pci-dss-6-5-4" in against with input as good

test_fails_pci_dss_6_5_4 if {
	"pci-dss-6-5-4" in against with input as promoted_by("alice")
	"pci-dss-6-5-4" in against with input as begun_by_itself
	"pci-dss-6-5-4" in against with input as object.union(good, {"mode": "solo"})
}

test_passes_pci_dss_8_6_2 if not "pci-dss-8-6-2" in against with input as good

test_fails_pci_dss_8_6_2 if {
	"pci-dss-8-6-2" in against with input as unreported("secrets")
	"pci-dss-8-6-2" in against with input as found({"class": "secret"})
	"pci-dss-8-6-2" in against with input as found_before({"class": "secret"})
	"pci-dss-8-6-2" in against with input as differing("secret-in-clear")
}

test_passes_pci_dss_10_3_4 if not "pci-dss-10-3-4" in against with input as good

test_fails_pci_dss_10_3_4 if {
	"pci-dss-10-3-4" in against with input as with_field("ledger", {"witnesses": 0, "quorum": 1, "same_machine": false})
	"pci-dss-10-3-4" in against with input as with_field("ledger", {"witnesses": 1, "quorum": 1, "same_machine": true})
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
