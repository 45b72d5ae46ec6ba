# The gate that a new installation starts with. It is asked about every release, with the input described
# in docs/policy/input.md. Copy the directory, change it, test it with `countersign policy test DIR`, and
# have it signed with `countersign trust environment --policy DIR`: until then it decides nothing.
package countersign.gate

import rego.v1

solo if input.mode == "solo"

production if input.place.environment == "production"

# How many runners must have built the same artifact, each by itself.
runners_needed := 2 if {
	production
	not solo
} else := 1

# How many people must approve, and in which role.
approvals_needed := 1 if production else := 0

approver := "release-manager"

# Who signed off a commit of the range has had it in hand: somebody else approves. Who wrote a part of it is barred
# whatever stands here.
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

# In team mode the server's owner must not be able to make approvals in a page of his own.
from_command_line contains approval.subject if {
	some approval in input.approvals
	approval.counts
	approver in approval.roles
	not approval.subject in signed_off
	approval.via == "command-line"
}

checks contains "every step of the pipeline passed, and its receipts lead from the commit to the artifact" if {
	count(accepted) == 0
}

checks contains sprintf("every step of the pipeline passed or ended with a code that it declares for its reports (%s), and its receipts lead from the commit to the artifact", [concat(", ", accepted)]) if {
	count(accepted) > 0
}

# Steps that ended with another code than 0, which their `report-exits` accept because their reports were read.
accepted := [sprintf("`%s`: %d", [step.name, step.exit]) | some step in input.build.steps; step.exit]

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
	"remedy": "have somebody approve who may, what stands open now",
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

checks contains "the configuration is sound and within its bounds" if {
	production
	input.configuration
}

deny contains {
	"code": "configuration-out-of-bounds",
	"what": sprintf("%s: %s", [difference.name, difference.what]),
	"remedy": "correct `release.yaml` or the variables of the place, or have other bounds signed",
} if {
	production
	some difference in input.configuration.differences
}

# Reports of scanners and tests are read wherever a step leaves them: 0 runners demand nothing. A team that wants a report to
# be there raises `runners` and names the producer, the digest of the step (`countersign pipeline check` prints it).
reads contains {"kind": "findings", "runners": 0}

reads contains {"kind": "tests", "runners": 0}

checks contains "no scanner found a secret" if input.findings

checks contains "no scanner found anything critical or known to be exploited" if {
	production
	input.findings
}

checks contains "every reported test passed" if input.tests

confirmed contains finding if {
	some finding in input.findings
	not finding.unconfirmed
}

# A finding that a person waived, or that does not affect the product, is open again from the end of that statement on.
open_finding contains finding if {
	some finding in confirmed
	finding.state == "open"
}

deny contains {
	"code": "secret-found",
	"what": sprintf("%s at %s: %s", [finding.rule, finding.at, finding.message]),
	"remedy": "revoke the secret, remove it, and run a commit without it",
} if {
	some finding in open_finding
	finding.class == "secret"
}

deny contains {
	"code": "finding-critical",
	"what": sprintf("%s at %s: %s", [finding.rule, finding.at, finding.message]),
	"remedy": remedy(finding),
} if {
	production
	some finding in open_finding
	finding.class != "secret"
	serious(finding)
}

serious(finding) if finding.severity == "critical"

serious(finding) if finding.exploited

remedy(finding) := sprintf("upgrade to %s or later, and run again", [finding.fixed]) if {
	finding.fixed != null
} else := "mend it and run again"

deny contains {
	"code": "tests-failed",
	"what": sprintf("test `%s` failed", [test]),
	"remedy": "mend it and run again",
} if {
	some test in input.tests.failing
}

# Checks after deployment: what runners found out about the release in the environment before. The judge itself refuses a
# release of which a declared check has not run.
reads contains {"kind": "findings", "from": "before", "runners": 0}

reads contains {"kind": "tests", "from": "before", "runners": 0}

checks contains sprintf("every check of the release in %s passed", [input.before.environment]) if input.before.checks

checks contains sprintf("no check in %s found anything critical or known to be exploited", [input.before.environment]) if {
	production
	input.before.findings
}

deny contains {
	"code": "check-failed",
	"what": sprintf("check `%s` of the release in %s failed: %s", [check.name, input.before.environment, concat(", ", check.exits)]),
	"remedy": "see `countersign logs`, mend it and run again",
} if {
	some check in input.before.checks
	not check.passed
}

confirmed_before contains finding if {
	some finding in input.before.findings
	not finding.unconfirmed
	finding.state == "open"
}

deny contains {
	"code": "secret-found",
	"what": sprintf("%s at %s, in %s: %s", [finding.rule, finding.at, input.before.environment, finding.message]),
	"remedy": "revoke the secret, remove it, and run a commit without it",
} if {
	some finding in confirmed_before
	finding.class == "secret"
}

deny contains {
	"code": "finding-critical",
	"what": sprintf("%s at %s, in %s: %s", [finding.rule, finding.at, input.before.environment, finding.message]),
	"remedy": remedy(finding),
} if {
	production
	some finding in confirmed_before
	finding.class != "secret"
	serious(finding)
}

deny contains {
	"code": "tests-failed",
	"what": sprintf("test `%s` failed in %s", [test, input.before.environment]),
	"remedy": "mend it and run again",
} if {
	some test in input.before.tests.failing
}
