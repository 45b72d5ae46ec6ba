# ISO/IEC 27001:2022, Annex A. Each rule is about one control; `controls` says what the control asks for, in our own words, and what the rule
# shows of it. `beyond` has the controls that a release does not show, with the reason, and the fact that is missing where one would do.
package countersign.gate

import rego.v1

regulations contains {
	"regulation": "ISO 27001", "pack": "iso-27001", "scope": "Annex A.8 (technology), each control; of A.5 what a release can show; A.5 to A.7 otherwise as groups",
	"encryption": "rules for cryptography are defined and followed (8.24)",
	"access": "separate duties (5.3), access to source code (8.4), secure authentication (8.5)",
	"logging": "events are recorded, and records are protected (8.15)",
	"residency": "laws and contracts are known and met (5.31), also for personal data (5.34)",
}

controls contains {
	"regulation": "ISO 27001", "control": "A.5.3", "code": "iso-5-3",
	"asks": "duties that conflict are separate",
	"shows": "the promoter is no author of the change, and no author settled a finding of it",
}

breaches contains breach if {
	gaps := self_promoted | self_settled
	some gap in gaps
	breach := {"code": "iso-5-3", "what": sprintf("A.5.3: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.5.9", "code": "iso-5-9",
	"asks": "each asset is listed and has an owner",
	"shows": "the service has an owner",
}

breaches contains breach if {
	some gap in unowned
	breach := {"code": "iso-5-9", "what": sprintf("A.5.9: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.5.21", "code": "iso-5-21",
	"asks": "risks of suppliers of software are managed",
	"shows": "the components are listed, and checksums pin them",
}

breaches contains breach if {
	gaps := unlisted | loose
	some gap in gaps
	breach := {"code": "iso-5-21", "what": sprintf("A.5.21: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.5.32", "code": "iso-5-32",
	"asks": "rights of others in software are respected",
	"shows": "no component has a denied licence",
}

breaches contains breach if {
	some gap in unlicensed
	breach := {"code": "iso-5-32", "what": sprintf("A.5.32: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.8.4", "code": "iso-8-4",
	"asks": "access to source code is managed",
	"shows": "an enrolled key signed every commit of the change",
}

breaches contains breach if {
	some gap in unsigned
	breach := {"code": "iso-8-4", "what": sprintf("A.8.4: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.8.5", "code": "iso-8-5",
	"asks": "people prove who they are by secure means",
	"shows": "approvals are signed by keys in hardware",
}

breaches contains breach if {
	some gap in softkeyed
	breach := {"code": "iso-8-5", "what": sprintf("A.8.5: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.8.8", "code": "iso-8-8",
	"asks": "technical vulnerabilities are known and dealt with",
	"shows": "a runner judged the dependencies by recent advisories, and no fix is overdue",
}

breaches contains breach if {
	gaps := unjudged | stale | overdue
	some gap in gaps
	breach := {"code": "iso-8-8", "what": sprintf("A.8.8: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.8.9", "code": "iso-8-9",
	"asks": "settings are defined, put in place and watched",
	"shows": "the configuration is within its signed bounds",
}

breaches contains breach if {
	some gap in unbounded
	breach := {"code": "iso-8-9", "what": sprintf("A.8.9: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.8.15", "code": "iso-8-15",
	"asks": "events are recorded, and the records are protected",
	"shows": "the record of releases is cosigned by witnesses on other hosts",
}

breaches contains breach if {
	some gap in unwitnessed
	breach := {"code": "iso-8-15", "what": sprintf("A.8.15: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.8.19", "code": "iso-8-19",
	"asks": "software is installed on running systems under control",
	"shows": "two runners on different hosts made the same artifact from a known pipeline",
}

breaches contains breach if {
	gaps := unproven | built_once
	some gap in gaps
	breach := {"code": "iso-8-19", "what": sprintf("A.8.19: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.8.24", "code": "iso-8-24",
	"asks": "cryptography is used by rules",
	"shows": "no variable names a database on another host without TLS, and no scan found that something is not encrypted",
}

breaches contains breach if {
	gaps := plain | unencrypted
	some gap in gaps
	breach := {"code": "iso-8-24", "what": sprintf("A.8.24: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.8.28", "code": "iso-8-28",
	"asks": "code is written by secure principles",
	"shows": "a scanner read the source code, and nobody left a finding of high or critical severity open",
}

breaches contains breach if {
	some gap in attackable
	breach := {"code": "iso-8-28", "what": sprintf("A.8.28: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.8.29", "code": "iso-8-29",
	"asks": "security is tested during development and at acceptance",
	"shows": "tests passed, also checks in the environment before",
}

breaches contains breach if {
	gaps := untested | unchecked
	some gap in gaps
	breach := {"code": "iso-8-29", "what": sprintf("A.8.29: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.8.31", "code": "iso-8-31",
	"asks": "development, tests and production are apart",
	"shows": "the release ran in another environment before",
}

breaches contains breach if {
	some gap in untried
	breach := {"code": "iso-8-31", "what": sprintf("A.8.31: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "ISO 27001", "control": "A.8.32", "code": "iso-8-32",
	"asks": "changes follow rules of change management",
	"shows": "somebody else approves the change and names its ticket",
}

breaches contains breach if {
	gaps := unreviewed | unticketed
	some gap in gaps
	breach := {"code": "iso-8-32", "what": sprintf("A.8.32: %s", [gap.what]), "remedy": gap.remedy}
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.5"], "asks": "rules, roles, suppliers, incidents, continuity",
	"why": "except 5.3, 5.9, 5.21 and 5.32: it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.6", "A.7"], "asks": "people, and rooms and devices",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.1", "A.8.2", "A.8.3", "A.8.18"], "asks": "devices, rights and tools of people on systems",
	"why": "it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.6", "A.8.14"], "asks": "capacity and redundancy",
	"why": "it is about systems that run, and a release shows only what is about to run", "fact": "the number of hosts of a place and their load",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.7"], "asks": "protection from malware",
	"why": "it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.10", "A.8.11", "A.8.12"], "asks": "deletion, masking and leakage of data",
	"why": "a release names classes of data at most, and not what becomes of them",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.13"], "asks": "backups",
	"why": "it is about systems that run, and a release shows only what is about to run", "fact": "the day and the result of the last restore drill",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.16"], "asks": "systems are watched for anomalies",
	"why": "this comes after the decision",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.17"], "asks": "clocks are synchronised",
	"why": "the measurement of a host has the number of differences and not their names", "fact": "`observations[].body.names` of a `baseline`",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.20", "A.8.21", "A.8.22", "A.8.23"], "asks": "networks and their separation",
	"why": "it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.25", "A.8.26", "A.8.27"], "asks": "how software is developed, what it must do, how it is built",
	"why": "they are papers; the other rules show parts of them",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.30"], "asks": "development by others",
	"why": "a release does not say for whom its authors work", "fact": "the organisation of each change author",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.33"], "asks": "data of tests",
	"why": "a release does not say which data an environment has", "fact": "`service.data` of the environment before",
}

beyond contains {
	"regulation": "ISO 27001", "controls": ["A.8.34"], "asks": "systems are protected while they are audited",
	"why": "it is about people and papers of the organisation",
}
