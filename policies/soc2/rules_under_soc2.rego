# SOC 2, Trust Services Criteria of 2017 with the points of focus of 2022. Each rule is about one control; `controls` says what the control asks for, in our own words, and what the rule
# shows of it. `beyond` has the controls that a release does not show, with the reason, and the fact that is missing where one would do.
package countersign.gate

import rego.v1

regulations contains {
	"regulation": "SOC 2", "pack": "soc2", "scope": "the common criteria CC1 to CC9, each one; availability, confidentiality, integrity of processing and privacy as groups",
	"encryption": "data are protected while they are kept (CC6.1) and sent (CC6.7)",
	"access": "access by role, with separate duties (CC6.1 to CC6.3)",
	"logging": "changes and anomalies are detected and recorded (CC7.1, CC7.2)",
	"residency": "none",
}

controls contains {
	"regulation": "SOC 2", "control": "CC6.1", "code": "soc2-cc6-1",
	"asks": "access to systems and to what they protect is restricted",
	"shows": "a runner looked for secrets and found none, and no variable of the service holds one",
}

breaches contains breach if {
	gaps := exposed | in_clear
	some gap in gaps
	breach := {"code": "soc2-cc6-1", "what": sprintf("CC6.1: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "SOC 2", "control": "CC6.2", "code": "soc2-cc6-2",
	"asks": "people are registered before they get access",
	"shows": "an enrolled key signed every commit of the change",
}

breaches contains breach if {
	some gap in unsigned
	breach := {"code": "soc2-cc6-2", "what": sprintf("CC6.2: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SOC 2", "control": "CC6.3", "code": "soc2-cc6-3",
	"asks": "access follows roles, and duties are separate",
	"shows": "the promoter is no author of the change, and no author settled a finding of it",
}

breaches contains breach if {
	gaps := self_promoted | self_settled
	some gap in gaps
	breach := {"code": "soc2-cc6-3", "what": sprintf("CC6.3: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SOC 2", "control": "CC6.7", "code": "soc2-cc6-7",
	"asks": "data are protected while they are sent and moved",
	"shows": "no variable names a database on another host without TLS, and no scan found that something is not encrypted",
}

breaches contains breach if {
	gaps := plain | unencrypted
	some gap in gaps
	breach := {"code": "soc2-cc6-7", "what": sprintf("CC6.7: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "SOC 2", "control": "CC6.8", "code": "soc2-cc6-8",
	"asks": "software that nobody authorised, or that does harm, is prevented and detected",
	"shows": "two runners on different hosts made the same artifact, and checksums pin its components",
}

breaches contains breach if {
	gaps := unproven | built_once | loose
	some gap in gaps
	breach := {"code": "soc2-cc6-8", "what": sprintf("CC6.8: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SOC 2", "control": "CC7.1", "code": "soc2-cc7-1",
	"asks": "changes of settings and new vulnerabilities are detected",
	"shows": "a runner judged the dependencies, no fix is overdue, and the configuration is within its bounds",
}

breaches contains breach if {
	some gap in unbounded
	breach := {"code": "soc2-cc7-1", "what": sprintf("CC7.1: %s", [gap.what]), "remedy": gap.remedy}
}

breaches contains breach if {
	gaps := unjudged | overdue
	some gap in gaps
	breach := {"code": "soc2-cc7-1", "what": sprintf("CC7.1: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "SOC 2", "control": "CC7.2", "code": "soc2-cc7-2",
	"asks": "systems are watched for anomalies",
	"shows": "the record of releases, in which anomalies are found, is cosigned by witnesses on other hosts",
}

breaches contains breach if {
	some gap in unwitnessed
	breach := {"code": "soc2-cc7-2", "what": sprintf("CC7.2: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SOC 2", "control": "CC8.1", "code": "soc2-cc8-1",
	"asks": "changes are authorised, designed, documented, tested, approved and put in place",
	"shows": "somebody else approves the change and names its ticket, tests passed, and it ran in another environment before",
}

breaches contains breach if {
	gaps := unreviewed | unticketed | untested | untried
	some gap in gaps
	breach := {"code": "soc2-cc8-1", "what": sprintf("CC8.1: %s", [gap.what]), "remedy": gap.remedy}
}

beyond contains {
	"regulation": "SOC 2", "controls": ["CC1.1", "CC1.2", "CC1.3", "CC1.4", "CC1.5"], "asks": "values, boards, structures and people",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "SOC 2", "controls": ["CC2.1", "CC2.2", "CC2.3"], "asks": "information inside and outside",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "SOC 2", "controls": ["CC3.1", "CC3.2", "CC3.3", "CC3.4"], "asks": "risks are named and weighed",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "SOC 2", "controls": ["CC4.1", "CC4.2"], "asks": "controls are evaluated, and defects reported",
	"why": "this product's record is material for it; people evaluate",
}

beyond contains {
	"regulation": "SOC 2", "controls": ["CC5.1", "CC5.2", "CC5.3"], "asks": "controls are chosen and put in force by policies",
	"why": "the signed policy is one of them",
}

beyond contains {
	"regulation": "SOC 2", "controls": ["CC6.4", "CC6.5"], "asks": "access to rooms, and disposal of devices",
	"why": "it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "SOC 2", "controls": ["CC6.6"], "asks": "protection from outside",
	"why": "it is about systems that run, and a release shows only what is about to run", "fact": "the listeners and filters in front of the place",
}

beyond contains {
	"regulation": "SOC 2", "controls": ["CC7.3", "CC7.4", "CC7.5"], "asks": "incidents are judged, answered and recovered from",
	"why": "they come after the decision",
}

beyond contains {
	"regulation": "SOC 2", "controls": ["CC9.1", "CC9.2"], "asks": "interruptions and vendors",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "SOC 2", "controls": ["A1", "C1", "PI1", "P"], "asks": "availability, confidentiality, integrity of processing, privacy",
	"why": "a release names classes of data at most, and not what becomes of them",
}
