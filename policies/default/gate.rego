# The gate that a new installation starts with. It is asked about every release, with the input described
# in docs/policy/input.md. Copy the directory, change it, test it with `countersign policy test DIR`, and
# have it signed with `countersign trust environment --policy DIR`: until then it decides nothing.
#
# This file and `limits.rego` have what differs from team to team. The rules are in `release.rego` and `rules_*.rego`.
package countersign.gate

import rego.v1

# How many runners must have built the same artifact, each by itself.
runners_needed := 2 if {
	production
	not solo
} else := 1

# How many people must approve, and in which role.
approvals_needed := 1 if production else := 0

approver := "release-manager"
