# The decision: each problem blocks, warns or is off, and a suspicion only warns. Under `with`, which tests use, the interpreter
# does not find sets of a later file: this file sorts after all others that add to `problems` and `suspicions`.
package countersign.gate

import rego.v1

deny contains problem if {
	some problem in problems
	blocks(problem.code)
}

warn contains problem if {
	some problem in problems
	effect(problem.code) == "warn"
}

# A suspicion blocks nowhere.
warn contains problem if {
	some problem in suspicions
	effect(problem.code) != "off"
}
