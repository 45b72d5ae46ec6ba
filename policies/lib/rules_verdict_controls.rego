# The decision about controls of regulations: each broken one blocks, warns or is off, as the table `control_effects` says. The set
# `controls` has a row for each control that a rule is about, `controls_elsewhere` one for each that a rule of another file is about, `beyond` has those that no rule can show, and
# `breaches` what is against the release. This file sorts after all that add to these sets.
package countersign.gate

import rego.v1

control_row(code) := object.get(control_effects, code, control_effects.usual)

control_entry(code) := object.get(row, column, object.get(row, fallback, object.get(row, "other", "block"))) if row := control_row(code)

control_effect(code) := word if {
	word := control_entry(code)
	word in {"off", "warn"}
} else := "block"

deny contains breach if {
	some breach in breaches
	control_effect(breach.code) == "block"
}

warn contains breach if {
	some breach in breaches
	control_effect(breach.code) == "warn"
}

broken := {breach.code | some breach in breaches}

checks contains sentence if {
	some control in controls
	control_effect(control.code) == "block"
	not control.code in broken
	sentence := sprintf("%s %s: %s", [control.regulation, control.control, control.shows])
}

explain contains rule if {
	some control in controls
	rule := {"code": control.code, "effect": control_effect(control.code)}
}
