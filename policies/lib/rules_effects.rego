# The effect of each rule about reports here: the table `effects` says whether it blocks, warns or is off.
package countersign.gate

import rego.v1

# In solo mode the column `solo` stands for every environment without a column such as `solo/dev`.
column := sprintf("solo/%s", [input.place.environment]) if solo else := input.place.environment

fallback := "solo" if solo else := "other"

# The word of the table for a rule here.
entry(rule) := object.get(row, column, object.get(row, fallback, object.get(row, "other", "block"))) if row := object.get(effects, rule, {})

# A rule that the table does not name, or a word that is misspelt there, blocks.
effect(rule) := word if {
	word := entry(rule)
	word in {"off", "warn"}
} else := "block"

blocks(rule) if effect(rule) == "block"
