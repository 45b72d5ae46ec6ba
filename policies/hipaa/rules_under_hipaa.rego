# HIPAA Security Rule, 45 CFR 164.312 (technical safeguards). Each rule is about one control; `controls` says what the control asks for, in our own words, and what the rule
# shows of it. `beyond` has the controls that a release does not show, with the reason, and the fact that is missing where one would do.
package countersign.gate

import rego.v1

regulations contains {
	"regulation": "HIPAA", "pack": "hipaa", "scope": "164.312, each standard and each specification",
	"encryption": "health data are encrypted where that is reasonable, while kept (a)(2)(iv) and sent (e)(2)(ii)",
	"access": "only people and programs with rights (a)(1), one id for each (a)(2)(i), who prove it (d)",
	"logging": "activity in systems with health data is recorded and examined (b)",
	"residency": "none",
}

controls contains {
	"regulation": "HIPAA", "control": "164.312(a)(1)", "code": "hipaa-312-a-1",
	"asks": "only people and programs with rights have access",
	"shows": "a runner looked for secrets and found none, and no variable of the service holds one",
}

breaches contains breach if {
	gaps := exposed | in_clear
	some gap in gaps
	breach := {"code": "hipaa-312-a-1", "what": sprintf("164.312(a)(1): %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "HIPAA", "control": "164.312(a)(2)(i)", "code": "hipaa-312-a-2-i",
	"asks": "each user has an id by which actions are traced",
	"shows": "an enrolled key of one person signed every commit of the change",
}

breaches contains breach if {
	some gap in unsigned
	breach := {"code": "hipaa-312-a-2-i", "what": sprintf("164.312(a)(2)(i): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "HIPAA", "control": "164.312(a)(2)(iii)", "code": "hipaa-312-a-2-iii",
	"asks": "a session ends after a time without activity",
	"shows": "a test that covers this control passed",
}

breaches contains {
	"code": "hipaa-312-a-2-iii",
	"what": "164.312(a)(2)(iii): no test that passed covers it",
	"remedy": "let a test of it name the control `HIPAA-164.312(a)(2)(iii)` in its report (property `covers`)",
} if not "HIPAA-164.312(a)(2)(iii)" in covered

controls contains {
	"regulation": "HIPAA", "control": "164.312(a)(2)(iv)", "code": "hipaa-312-a-2-iv",
	"asks": "health data that are kept are encrypted",
	"shows": "no scan found storage that is not encrypted",
}

breaches contains breach if {
	some gap in unencrypted
	breach := {"code": "hipaa-312-a-2-iv", "what": sprintf("164.312(a)(2)(iv): %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "HIPAA", "control": "164.312(b)", "code": "hipaa-312-b",
	"asks": "activity in systems with health data is recorded and examined",
	"shows": "a test that covers this control passed, and the record of releases is cosigned by witnesses",
}

breaches contains {
	"code": "hipaa-312-b",
	"what": "164.312(b): no test that passed covers it",
	"remedy": "let a test of it name the control `HIPAA-164.312(b)` in its report (property `covers`)",
} if not "HIPAA-164.312(b)" in covered

breaches contains breach if {
	some gap in unwitnessed
	breach := {"code": "hipaa-312-b", "what": sprintf("164.312(b): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "HIPAA", "control": "164.312(c)(1)", "code": "hipaa-312-c-1",
	"asks": "health data are protected from change and destruction without right",
	"shows": "two runners on different hosts made the same artifact, and somebody else approves it",
}

breaches contains breach if {
	gaps := unproven | built_once | unreviewed
	some gap in gaps
	breach := {"code": "hipaa-312-c-1", "what": sprintf("164.312(c)(1): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "HIPAA", "control": "164.312(d)", "code": "hipaa-312-d",
	"asks": "a person or program that asks for access proves who it is",
	"shows": "a test that covers this control passed",
}

breaches contains {
	"code": "hipaa-312-d",
	"what": "164.312(d): no test that passed covers it",
	"remedy": "let a test of it name the control `HIPAA-164.312(d)` in its report (property `covers`)",
} if not "HIPAA-164.312(d)" in covered

controls contains {
	"regulation": "HIPAA", "control": "164.312(e)(1)", "code": "hipaa-312-e-1",
	"asks": "health data are guarded while they cross a network",
	"shows": "no variable names a database on another host without TLS, and no scan found that something is not encrypted",
}

breaches contains breach if {
	gaps := plain | unencrypted
	some gap in gaps
	breach := {"code": "hipaa-312-e-1", "what": sprintf("164.312(e)(1): %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "HIPAA", "control": "164.312(e)(2)(i)", "code": "hipaa-312-e-1",
	"asks": "a change of sent data is noticed",
	"shows": "TLS shows this too: the same rule",
}

controls contains {
	"regulation": "HIPAA", "control": "164.312(e)(2)(ii)", "code": "hipaa-312-e-1",
	"asks": "sent data are encrypted",
	"shows": "the same rule",
}

beyond contains {
	"regulation": "HIPAA", "controls": ["164.312(a)(2)(ii)"], "asks": "access in an emergency",
	"why": "it is a procedure of people; a passed test that covers it may be named in your own rule",
}

beyond contains {
	"regulation": "HIPAA", "controls": ["164.312(c)(2)"], "asks": "it can be confirmed that health data were not changed",
	"why": "they are in the data of a service, not in the release",
}
