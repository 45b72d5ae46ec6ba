# Tables of the rules of regulations: what each of them does in each environment, and limits of your own.
#
# A pack of a regulation has its rules in one file, `rules_under_NAME.rego`. To keep several regulations at once, copy the files
# `rules_under_*.rego` of the other packs beside it: all other files are the same.
package countersign.gate

import rego.v1

# `usual` is for every code without a row: it blocks in production, also where one person works alone, and is off
# elsewhere. Add a row for a code, or a column for an environment. A misspelt word blocks.
control_effects := {
	"usual": {"production": "block", "solo/production": "block", "other": "off"},
	# Not every team has keys in hardware, images for all steps, versions, or a baseline of its hosts. These rules warn until you
	# let them block.
	"fedramp-ia-2-1": {"production": "warn", "solo/production": "warn", "other": "off"},
	"fedramp-cm-2": {"production": "warn", "solo/production": "warn", "other": "off"},
	"iso-8-5": {"production": "warn", "solo/production": "warn", "other": "off"},
	"owasp-cicd-7": {"production": "warn", "solo/production": "warn", "other": "off"},
	"ssdf-ps-3-1": {"production": "warn", "solo/production": "warn", "other": "off"},
	"ssdf-pw-6-2": {"production": "warn", "solo/production": "warn", "other": "off"},
}

control_limits := {
	# Hosts that steps of a build may reach: those of services that somebody in your organisation has reviewed.
	"hosts": set(),
	# Highest age of the measurement of a host, in seconds.
	"measured_seconds": 86400,
}
