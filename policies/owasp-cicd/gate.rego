# OWASP Top 10 CI/CD Security Risks: what differs from team to team. The rules of the regulation are in `rules_under_owasp_cicd.rego`, what each of them does is in
# `limits_controls.rego`, and the rules that all packs share are in `release.rego` and `rules_*.rego`. The page docs/policy/regulations.md says
# what a release shows of the regulation.
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
