# General IT controls over changes, as auditors of SOX section 404 look for them: two people other
# than the promoter approve, and no author of the change approves or promotes it. The page docs/policy/packs.md says what a gate can show of it.
#
# This file and `limits.rego` have what differs from team to team. Rules that all packs share are in `release.rego` and
# `rules_*.rego`.
package countersign.gate

import rego.v1

# How many runners must have built the same artifact, each by itself.
runners_needed := 2 if {
	production
	not solo
} else := 1

# How many people must approve, and in which role.
approvals_needed := 2 if production else := 0

approver := "release-manager"

# Nobody is alone in solo mode and separate from themselves.
deny contains {
	"code": "mode-solo",
	"what": "in solo mode author, approver and promoter may be one person",
	"remedy": "use an installation in team mode",
} if {
	production
	solo
}

deny contains {
	"code": "promoter-missing",
	"what": "the release begins by itself, so nobody promotes it",
	"remedy": "let the environment statement say `automatic: false`",
} if {
	production
	input.place.automatic
	input.people.promoter == null
}

deny contains {
	"code": "promoter-wrote",
	"what": sprintf("%s promotes it and is an author of the change", [input.people.promoter]),
	"remedy": "let somebody promote it who took no part in the change",
} if {
	production
	input.people.promoter in input.people.behind
}

deny contains {
	"code": "promoter-approved",
	"what": sprintf("%s promotes it and is one of the approvers", [input.people.promoter]),
	"remedy": "let somebody else promote it, or one more person approve",
} if {
	production
	input.people.promoter in counting
	count(counting - {input.people.promoter}) < approvals_needed
}

checks contains sprintf("at least %d people other than the promoter approve, and the promoter is no author of the change", [approvals_needed]) if production

deny contains {
	"code": "ticket-missing",
	"what": "no approval names the ticket of the change",
	"remedy": "approve with `--ticket`",
} if {
	production
	count([approval | some approval in input.approvals; approval.counts; approval.ticket != null]) == 0
}

checks contains "an approval names the ticket of the change" if production

# The rules of this file are about production alone.
idle contains code if {
	not production
	some code in {"mode-solo", "promoter-missing", "promoter-wrote", "promoter-approved", "ticket-missing"}
}
