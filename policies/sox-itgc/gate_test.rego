package countersign.gate_test

import rego.v1

import data.countersign.gate

# Rules of single controls have their tests in `controls_test.rego`.
codes(found) := {reason.code | some reason in found; not startswith(reason.code, "sox-")}

approval(name) := {
	"subject": name, "name": name, "roles": ["release-manager"], "hardware": false, "reason": "fine", "ticket": "CHG-1",
	"via": "command-line", "rebuilt": false, "counts": true, "void": [],
}

base := {
	"mode": "team",
	"place": {"project": "shop", "service": "api", "environment": "production", "automatic": false, "after": "staging"},
	"build": {
		"pipeline": "sha256:01",
		"runners": [{"name": "runner-1", "host": "a"}, {"name": "runner-2", "host": "b"}],
		"steps": [{"name": "test", "kind": "run"}],
	},
	"source": {"range": [{"commit": "aa", "signer": "ssh:alice"}]},
	"approvals": [approval("bob"), approval("carol")],
	"people": {"requester": "alice", "promoter": "dan", "behind": ["alice"]},
	"rejections": [],
}

with_field(name, value) := object.union(base, {name: value})

promoted_by(subject) := object.union(base, {"people": {"requester": "alice", "promoter": subject, "behind": ["alice"]}})

separate := "at least 2 people other than the promoter approve, and the promoter is no author of the change"

test_two_approvers_and_a_promoter_pass if {
	codes(gate.deny) == set() with input as base
	separate in gate.checks with input as base
}

test_one_approver_is_too_few if {
	codes(gate.deny) == {"approvals-missing"} with input as with_field("approvals", [approval("bob")])
}

test_an_approval_that_does_not_count_is_none if {
	void := object.union(approval("carol"), {"counts": false, "void": ["its signer is an author of the change"]})
	codes(gate.deny) == {"approvals-missing", "approval-void"} with input as with_field("approvals", [approval("bob"), void])
}

test_an_author_does_not_promote if {
	codes(gate.deny) == {"promoter-wrote"} with input as promoted_by("alice")
}

test_an_approver_does_not_promote if {
	codes(gate.deny) == {"promoter-approved"} with input as promoted_by("bob")
	three := object.union(promoted_by("bob"), {"approvals": [approval("bob"), approval("carol"), approval("erin")]})
	codes(gate.deny) == set() with input as three
	sentences := gate.checks with input as three
	separate in sentences
	every sentence in sentences {
		not contains(sentence, "different people")
	}
}

test_somebody_promotes if {
	codes(gate.deny) == set() with input as promoted_by(null)
	automatic := object.union(promoted_by(null), {"place": {"automatic": true}})
	codes(gate.deny) == {"promoter-missing"} with input as automatic
}

test_a_ticket_is_named if {
	bare := [object.union(approval(name), {"ticket": null}) | some name in ["bob", "carol"]]
	codes(gate.deny) == {"ticket-missing"} with input as with_field("approvals", bare)
}

test_one_person_alone_is_not_separate if {
	"mode-solo" in codes(gate.deny) with input as with_field("mode", "solo")
}

test_other_environments_have_no_such_controls if {
	dev := object.union(base, {"approvals": [], "people": {"promoter": null}, "place": {"environment": "dev"}})
	codes(gate.deny) == set() with input as dev
}
