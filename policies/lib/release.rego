# Rules about builds, people and the range. The numbers and the role that they use stand in `gate.rego`.
package countersign.gate

import rego.v1

solo if input.mode == "solo"

production if input.place.environment == "production"

# A person who signed off a commit of the range took part in the change: somebody else approves. Change authors are barred by
# the judge, whatever a policy says.
signed_off contains subject if {
	not solo
	some subject in object.get(input, ["people", "signed_off"], [])
}

counting contains approval.subject if {
	some approval in input.approvals
	approval.counts
	approver in approval.roles
	not approval.subject in signed_off
}

# In team mode the server's owner must not be able to make approvals in a page that the server sent.
from_command_line contains approval.subject if {
	some approval in input.approvals
	approval.counts
	approver in approval.roles
	not approval.subject in signed_off
	approval.via == "command-line"
}

# Steps that ended with another code than 0, which their `report-exits` accept because their reports were read.
accepted := [sprintf("`%s`: %d", [step.name, step.exit]) | some step in input.build.steps; step.exit]

checks contains "every step of the pipeline passed, and its receipts lead from the commit to the artifact" if {
	count(accepted) == 0
}

checks contains sprintf("every step of the pipeline passed or ended with a code that it declares for its reports (%s), and its receipts lead from the commit to the artifact", [concat(", ", accepted)]) if {
	count(accepted) > 0
}

checks contains sprintf("the artifact came out the same on at least %d runners", [runners_needed])

checks contains sprintf("at least %d people in role %s approve", [approvals_needed, approver])

checks contains "nobody rejects"

checks contains "every commit of the range is signed by somebody enrolled" if not solo

deny contains {
	"code": "runners-too-few",
	"what": sprintf("%d runners built the artifact, %d are needed here", [count(input.build.runners), runners_needed]),
	"remedy": "let more runners build it",
} if {
	count(input.build.runners) < runners_needed
}

deny contains {
	"code": "steps-missing",
	"what": "the pipeline runs no step at all",
	"remedy": "add steps that build and test",
} if {
	count([step | some step in input.build.steps; step.kind == "run"]) == 0
}

deny contains {
	"code": "approvals-missing",
	"what": sprintf("%d of %d people in role %s approve", [count(counting), approvals_needed, approver]),
	"remedy": "have them look at it with `countersign approve`",
} if {
	count(counting) < approvals_needed
}

deny contains {
	"code": "approval-void",
	"what": sprintf("the approval by %s does not count: %s", [approval.name, reason]),
	"remedy": "ask a person who may approve it to run `countersign approve`",
} if {
	count(counting) < approvals_needed
	some approval in input.approvals
	some reason in approval.void
}

deny contains {
	"code": "approval-void",
	"what": sprintf("the approval by %s does not count: a commit of the range has their `Signed-off-by`", [approval.name]),
	"remedy": "have somebody approve who took no part in the change",
} if {
	count(counting) < approvals_needed
	some approval in input.approvals
	approval.subject in signed_off
}

deny contains {
	"code": "browser-only",
	"what": "every approval was made in a page that the server sent",
	"remedy": "have one made with `countersign approve`",
} if {
	input.mode == "team"
	approvals_needed > 0
	count(counting) >= approvals_needed
	count(from_command_line) == 0
}

deny contains {
	"code": "rejected",
	"what": sprintf("%s rejects it: %s", [rejection.name, rejection.reason]),
	"remedy": "settle it, or run another commit",
} if {
	some rejection in input.rejections
}

deny contains {
	"code": "range-unsigned",
	"what": sprintf("commit %s is not signed by anybody who is enrolled", [commit.commit]),
	"remedy": "have its author sign it, or merge it by a signed commit of a baseline",
} if {
	not solo
	some commit in input.source.range
	commit.signer == null
}
