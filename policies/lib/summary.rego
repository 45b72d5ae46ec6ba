# Summary of the rules, for `countersign policy explain`: the effect of each one here. A rule that this set does not name
# blocks. The set decides nothing. The program itself finds the fields that a rule reads.
package countersign.gate

import rego.v1

explain contains rule if {
	some code, _ in effects
	rule := {"code": code, "effect": effect(code)}
}

explain contains rule if {
	some code in idle
	rule := {"code": code, "effect": "off"}
}

# Rules of `release.rego` that one person alone does not need, or that ask for something where nothing is needed.
idle contains "range-unsigned" if solo

idle contains "browser-only" if input.mode != "team"

idle contains "approvals-missing" if approvals_needed == 0

idle contains "approval-void" if approvals_needed == 0
