# GDPR, Article 32 (security of processing). Each rule is about one control; `controls` says what the control asks for, in our own words, and what the rule
# shows of it. `beyond` has the controls that a release does not show, with the reason, and the fact that is missing where one would do.
package countersign.gate

import rego.v1

regulations contains {
	"regulation": "GDPR", "pack": "gdpr", "scope": "Article 32, each paragraph; Articles 44 to 49 (transfers) as residency",
	"encryption": "encryption and pseudonyms where the risk asks for them (32(1)(a))",
	"access": "people act on instructions alone (32(4)); no access without right (32(2))",
	"logging": "none by name; the controller has to show that the measures work (5(2), 32(1)(d))",
	"residency": "personal data leave the EEA only under the conditions of Articles 44 to 49",
}

controls contains {
	"regulation": "GDPR", "control": "32(1)(a)", "code": "gdpr-32-1-a",
	"asks": "personal data are encrypted where the risk asks for it",
	"shows": "no variable names a database on another host without TLS, and no scan found that something is not encrypted",
}

breaches contains breach if {
	gaps := plain | unencrypted
	some gap in gaps
	breach := {"code": "gdpr-32-1-a", "what": sprintf("32(1)(a): %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "GDPR", "control": "32(1)(b)", "code": "gdpr-32-1-b-confidential",
	"asks": "systems stay confidential",
	"shows": "a runner looked for secrets and found none, and no variable of the service holds one",
}

breaches contains breach if {
	gaps := exposed | in_clear
	some gap in gaps
	breach := {"code": "gdpr-32-1-b-confidential", "what": sprintf("32(1)(b): %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "GDPR", "control": "32(1)(b)", "code": "gdpr-32-1-b-sound",
	"asks": "systems keep their integrity",
	"shows": "two runners on different hosts made the same artifact",
}

breaches contains breach if {
	gaps := unproven | built_once
	some gap in gaps
	breach := {"code": "gdpr-32-1-b-sound", "what": sprintf("32(1)(b): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "GDPR", "control": "32(1)(b)", "code": "gdpr-32-1-b-available",
	"asks": "systems stay available and withstand faults",
	"shows": "checks of the release passed in the environment before",
}

breaches contains breach if {
	gaps := untried | unchecked
	some gap in gaps
	breach := {"code": "gdpr-32-1-b-available", "what": sprintf("32(1)(b): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "GDPR", "control": "32(1)(d)", "code": "gdpr-32-1-d",
	"asks": "the measures are tested again and again",
	"shows": "tests passed, and a runner judged the dependencies by recent advisories",
}

breaches contains breach if {
	some gap in untested
	breach := {"code": "gdpr-32-1-d", "what": sprintf("32(1)(d): %s", [gap.what]), "remedy": gap.remedy}
}

breaches contains breach if {
	gaps := unjudged | stale
	some gap in gaps
	breach := {"code": "gdpr-32-1-d", "what": sprintf("32(1)(d): %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "GDPR", "control": "32(2)", "code": "gdpr-32-2",
	"asks": "data are protected from loss, change and access without right",
	"shows": "no confirmed finding is critical or known to be exploited, and no fix is overdue",
}

breaches contains breach if {
	gaps := harmed | overdue
	some gap in gaps
	breach := {"code": "gdpr-32-2", "what": sprintf("32(2): %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "GDPR", "control": "32(4)", "code": "gdpr-32-4",
	"asks": "people with access act on instructions alone",
	"shows": "enrolled keys signed the change, somebody else approves it, and its author does not promote it",
}

breaches contains breach if {
	gaps := unreviewed | self_promoted | unsigned
	some gap in gaps
	breach := {"code": "gdpr-32-4", "what": sprintf("32(4): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "GDPR", "control": "44", "code": "gdpr-44",
	"asks": "personal data go to other countries only under the conditions of Articles 45 to 49",
	"shows": "the classes of data of the service are declared, and each may be in the region of the place",
}

breaches contains breach if {
	gaps := undeclared | misplaced
	some gap in gaps
	breach := {"code": "gdpr-44", "what": sprintf("44: %s", [gap.what]), "remedy": gap.remedy}
}

beyond contains {
	"regulation": "GDPR", "controls": ["32(1)"], "asks": "measures fit the risk, the state of the art and the cost",
	"why": "people weigh this: sign the policy that you have weighed",
}

beyond contains {
	"regulation": "GDPR", "controls": ["32(1)(a)"], "asks": "pseudonyms",
	"why": "a release says which classes of data a service has, not in which form it keeps them",
}

beyond contains {
	"regulation": "GDPR", "controls": ["32(1)(c)"], "asks": "data are available again soon after an incident",
	"why": "it is about systems that run, and a release shows only what is about to run", "fact": "the day and the result of the last restore drill",
}

beyond contains {
	"regulation": "GDPR", "controls": ["32(3)"], "asks": "codes of conduct and certificates",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "GDPR", "controls": ["45", "46", "47", "48", "49"], "asks": "conditions under which data may go to another country",
	"why": "people weigh this: name in `limits.residency` the regions that you have weighed",
}
