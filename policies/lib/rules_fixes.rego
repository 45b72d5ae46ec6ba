# Rules about fixes that nobody took, and about the number of findings.
package countersign.gate

import rego.v1

# The clock of a fix is the day on which it was released; where nobody says, the day of the advisory.
clock(finding) := finding.fix_days if {
	finding.fix_days != null
} else := finding.published_days if {
	finding.published_days != null
}

# Days within which a fix has to be taken; undefined where the severity has no limit.
fix_within(finding) := min([days |
	some word in [finding.severity, known(finding)]
	days := limits.fix_days[word]
])

known(finding) := "exploited" if finding.exploited else := "not known to be exploited"

problems contains {
	"code": "fix-overdue",
	"what": sprintf("%s; a fix has been there for %d days, %d are allowed", [told(finding), days, most]),
	"remedy": remedy(finding),
	"finding": about(finding),
} if {
	some finding in confirmed
	finding.fixed != null
	most := fix_within(finding)
	days := clock(finding)
	days > most
}

problems contains {
	"code": "fix-undated",
	"what": sprintf("%s; there is a fix, and nothing shows since when: neither its day nor that of the advisory is known", [told(finding)]),
	"remedy": remedy(finding),
	"finding": about(finding),
} if {
	some finding in confirmed
	finding.fixed != null
	fix_within(finding)
	not clock(finding)
}

# Rows of the budget for this environment and for the class of its data.
own_rows := [row |
	some name in [input.place.environment, sprintf("class/%s", [object.get(classes, input.place.environment, "")])]
	row := object.get(limits.budget, name, null)
	row != null
]

budget_rows := own_rows if count(own_rows) > 0 else := [object.get(limits.budget, "other", {})]

severities := {severity | some row in budget_rows; some severity, _ in row}

problems contains {
	"code": "budget-exceeded",
	"what": sprintf("%d findings of severity %s, %d are allowed here", [found, severity, most]),
	"remedy": "mend some of them, or have them waived",
} if {
	some severity in severities
	most := min([number | some row in budget_rows; some name, number in row; name == severity])
	found := count([finding | some finding in confirmed; finding.class != "secret"; finding.severity == severity])
	found > most
}
