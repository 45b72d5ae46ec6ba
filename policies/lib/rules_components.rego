# Rules about licences and checksums of components.
package countersign.gate

import rego.v1

REPLACE := "replace the dependency, or have its licence allowed in the policy"

components := object.get(input, "components", [])

# Of alternatives one that is allowed is enough. An expression that mixes `OR` and `AND` is denied if any word of it is.
denied(expression) if {
	not contains(expression, " OR ")
	some word in words(expression)
	word in limits.licences_denied
}

denied(expression) if {
	contains(expression, " OR ")
	contains(expression, " AND ")
	some word in words(expression)
	word in limits.licences_denied
}

denied(expression) if {
	contains(expression, " OR ")
	not contains(expression, " AND ")
	every word in words(expression) {
		word in limits.licences_denied
	}
}

# Identifiers of an SPDX expression, without operators and exceptions.
words(expression) := {word |
	plain := replace(replace(replace(expression, "(", ""), ")", ""), " AND ", " OR ")
	some part in split(plain, " OR ")
	word := trim_space(split(part, " WITH ")[0])
}

# Many components have the same few expressions.
denied_expressions := {expression |
	some expression in {component.licence | some component in components; component.licence != null}
	denied(expression)
}

problems contains {
	"code": "licence-denied",
	"what": sprintf("%s is licensed under %s", [component.purl, component.licence]),
	"remedy": REPLACE,
} if {
	some component in components
	component.licence in denied_expressions
}

unpinned := sort([component.purl | some component in components; not component.pinned])

# The first of a list, and how many more there are.
named(all) := concat(", ", all) if {
	count(all) <= 5
} else := sprintf("%s and %d more", [concat(", ", array.slice(all, 0, 5)), count(all) - 5])

problems contains {
	"code": "dependency-unpinned",
	"what": sprintf("no checksum pins %d components: %s", [count(unpinned), named(unpinned)]),
	"remedy": "commit a lockfile with checksums",
} if {
	count(unpinned) > 0
}
