# SLSA 1.1, build track. Each rule is about one control; `controls` says what the control asks for, in our own words, and what the rule
# shows of it. `beyond` has the controls that a release does not show, with the reason, and the fact that is missing where one would do.
package countersign.gate

import rego.v1

regulations contains {
	"regulation": "SLSA", "pack": "slsa", "scope": "each requirement of the build track, up to level 3",
	"encryption": "none",
	"access": "nobody who uses the build service can reach its signing keys (level 3)",
	"logging": "provenance of each artifact says where, when and how it was built",
	"residency": "none",
}

controls contains {
	"regulation": "SLSA", "control": "Consistent build process (L1)", "code": "slsa-1-consistent",
	"asks": "the artifact is built in a consistent way that others can expect",
	"shows": "the artifact comes from a pipeline file with steps, by its digest",
}

breaches contains breach if {
	some gap in unproven
	breach := {"code": "slsa-1-consistent", "what": sprintf("Consistent build process (L1): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SLSA", "control": "Provenance exists (L1)", "code": "slsa-1-exists",
	"asks": "provenance says how the artifact was made",
	"shows": "each step has a receipt",
}

breaches contains breach if {
	some gap in unreceipted
	breach := {"code": "slsa-1-exists", "what": sprintf("Provenance exists (L1): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SLSA", "control": "Hosted (L2)", "code": "slsa-2-hosted",
	"asks": "the build ran on a service, and not on the computer of a person",
	"shows": "the trust root says where each runner is, and the installation is in team mode",
}

breaches contains breach if {
	some gap in unhosted
	breach := {"code": "slsa-2-hosted", "what": sprintf("Hosted (L2): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SLSA", "control": "Provenance is authentic (L2)", "code": "slsa-2-authentic",
	"asks": "users can check who made the provenance, and that nobody changed it",
	"shows": "the record of releases is cosigned by witnesses on other hosts",
}

breaches contains breach if {
	some gap in unwitnessed
	breach := {"code": "slsa-2-authentic", "what": sprintf("Provenance is authentic (L2): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SLSA", "control": "Isolated (L3)", "code": "slsa-3-isolated",
	"asks": "builds do not influence each other, or get influence from outside",
	"shows": "sandboxes limited each step, and no pool for changes that nobody has reviewed built it",
}

breaches contains breach if {
	some gap in unsandboxed
	breach := {"code": "slsa-3-isolated", "what": sprintf("Isolated (L3): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SLSA", "control": "Provenance is unforgeable (L3)", "code": "slsa-3-unforgeable",
	"asks": "people who use the build service cannot forge provenance",
	"shows": "two runners on different hosts made the same artifact",
}

breaches contains breach if {
	some gap in built_once
	breach := {"code": "slsa-3-unforgeable", "what": sprintf("Provenance is unforgeable (L3): %s", [gap.what]), "remedy": gap.remedy}
}

beyond contains {
	"regulation": "SLSA", "controls": ["Choose an appropriate build platform"], "asks": "the producer chooses a service of the level that it needs",
	"why": "people choose; the rules show the level",
}

beyond contains {
	"regulation": "SLSA", "controls": ["Distribute provenance"], "asks": "provenance reaches those who use the artifact",
	"why": "the evidence of each release has it, and `countersign verify` reads it: there is nothing left to ask a release",
}
