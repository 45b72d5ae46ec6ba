# Rules about one finding each, of the build and of checks in the environment before.
package countersign.gate

import rego.v1

# A waived finding counts again from the end of its waiver on.
open_findings := [finding |
	some finding in object.get(input, "findings", [])
	object.get(finding, "state", "open") == "open"
]

confirmed := [finding | some finding in open_findings; not finding.unconfirmed]

# A statement about a finding that became worse does not settle it: the reason says so.
told(finding) := sprintf("%s at %s: %s; %s", [finding.rule, finding.at, finding.message, finding.outgrown]) if {
	finding.outgrown
} else := sprintf("%s at %s: %s", [finding.rule, finding.at, finding.message])

remedy(finding) := sprintf("upgrade to %s or later, through the dependency that brings it in, and run again", [finding.fixed]) if {
	finding.fixed != null
	object.get(finding, "direct", null) == false
} else := sprintf("upgrade to %s or later, and run again", [finding.fixed]) if {
	finding.fixed != null
} else := "mend it and run again"

# The finding that a reason is about, by which `status` and `approve` show the two together.
about(finding) := object.get(finding, "id", null)

secret(finding) := {
	"code": "secret-found",
	"what": told(finding),
	"remedy": "revoke the secret, remove it, and run a commit without it",
	"finding": about(finding),
} if leaked(finding)

# A secret that a scan found.
leaked(finding) if {
	finding.class == "secret"
	not unread(finding)
}

# A scan for secrets did not read a file. It is the only finding of such a scan that names no secret.
unread(finding) if {
	undecided(finding)
	finding.rule == "not-scanned"
}

# Something was not read or could not be compared, so nobody knows what else there is.
undecided(finding) if finding.undecided

unknown(finding) := {
	"code": "finding-undecided",
	"what": told(finding),
	"remedy": "give the scan something that it can read, or have the finding waived",
	"finding": about(finding),
} if {
	undecided(finding)
}

critical(finding) := {
	"code": "finding-critical",
	"what": told(finding),
	"remedy": remedy(finding),
	"finding": about(finding),
} if harmful(finding)

# Something grave that is neither a secret nor a licence.
harmful(finding) if {
	not finding.class in {"secret", "licence"}
	serious(finding)
}

serious(finding) if finding.severity == "critical"

serious(finding) if finding.exploited

licence(finding) := {
	"code": "licence-denied",
	"what": told(finding),
	"remedy": REPLACE,
	"finding": about(finding),
} if {
	finding.class == "licence"
}

# Findings of checks of the release in the environment before.
before_findings := [object.union(finding, {"at": sprintf("%s, in %s", [finding.at, input.before.environment])}) |
	some finding in input.before.findings
]

open_before := [finding |
	some finding in before_findings
	object.get(finding, "state", "open") == "open"
]

weighed := array.concat(open_findings, open_before)

# Reasons about one finding each, of the build and of the environment before: whether it is only suspected, and the reason.
reasons contains [suspicion, problem] if {
	some finding in weighed
	suspicion := object.get(finding, "unconfirmed", false)
	problem := secret(finding)
}

reasons contains [suspicion, problem] if {
	some finding in weighed
	suspicion := object.get(finding, "unconfirmed", false)
	problem := critical(finding)
}

reasons contains [suspicion, problem] if {
	some finding in weighed
	suspicion := object.get(finding, "unconfirmed", false)
	problem := unknown(finding)
}

problems contains problem if {
	some [suspicion, problem] in reasons
	not suspicion
}

suspicions contains problem if {
	some [suspicion, problem] in reasons
	suspicion
}

problems contains problem if {
	some finding in confirmed
	problem := licence(finding)
}
