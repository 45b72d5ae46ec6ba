# NIST SP 800-218, Secure Software Development Framework 1.1. Each rule is about one control; `controls` says what the control asks for, in our own words, and what the rule
# shows of it. `beyond` has the controls that a release does not show, with the reason, and the fact that is missing where one would do.
package countersign.gate

import rego.v1

regulations contains {
	"regulation": "NIST SSDF", "pack": "ssdf", "scope": "each task of version 1.1",
	"encryption": "none by name (PW.1 and PW.9 leave it to design and defaults)",
	"access": "only people, tools and services with rights reach code (PS.1) and environments (PO.5)",
	"logging": "evidence of the toolchain is kept (PO.3.3), and the provenance of each release (PS.3.2)",
	"residency": "none",
}

controls contains {
	"regulation": "NIST SSDF", "control": "PO.3.3", "code": "ssdf-po-3-3",
	"asks": "tools leave evidence of what they did",
	"shows": "receipts show which pipeline made the artifact",
}

breaches contains breach if {
	gaps := unproven | unreceipted
	some gap in gaps
	breach := {"code": "ssdf-po-3-3", "what": sprintf("PO.3.3: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST SSDF", "control": "PO.5.1", "code": "ssdf-po-5-1",
	"asks": "environments of development and builds are apart and protected",
	"shows": "two runners on different hosts built it, in sandboxes, and no pool for changes that nobody has reviewed",
}

breaches contains breach if {
	gaps := built_once | unsandboxed
	some gap in gaps
	breach := {"code": "ssdf-po-5-1", "what": sprintf("PO.5.1: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST SSDF", "control": "PS.1.1", "code": "ssdf-ps-1-1",
	"asks": "code is protected from access and change without right",
	"shows": "an enrolled key signed every commit of the change",
}

breaches contains breach if {
	some gap in unsigned
	breach := {"code": "ssdf-ps-1-1", "what": sprintf("PS.1.1: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST SSDF", "control": "PS.2.1", "code": "ssdf-ps-2-1",
	"asks": "users can check that a release is the one that was made",
	"shows": "the record of releases is cosigned by witnesses on other hosts",
}

breaches contains breach if {
	some gap in unwitnessed
	breach := {"code": "ssdf-ps-2-1", "what": sprintf("PS.2.1: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST SSDF", "control": "PS.3.1", "code": "ssdf-ps-3-1",
	"asks": "the files and data of each release are kept",
	"shows": "a tag gives the artifact a version",
}

breaches contains breach if {
	some gap in unversioned
	breach := {"code": "ssdf-ps-3-1", "what": sprintf("PS.3.1: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST SSDF", "control": "PS.3.2", "code": "ssdf-ps-3-2",
	"asks": "the provenance of all components of a release is kept and shared",
	"shows": "the components of the artifact are listed",
}

breaches contains breach if {
	some gap in unlisted
	breach := {"code": "ssdf-ps-3-2", "what": sprintf("PS.3.2: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST SSDF", "control": "PW.4.1", "code": "ssdf-pw-4-1",
	"asks": "components are taken from sources that are known to be good",
	"shows": "checksums pin every component",
}

breaches contains breach if {
	some gap in loose
	breach := {"code": "ssdf-pw-4-1", "what": sprintf("PW.4.1: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST SSDF", "control": "PW.4.4", "code": "ssdf-pw-4-4",
	"asks": "components meet requirements through their whole life",
	"shows": "a runner judged the dependencies, and no fix is overdue",
}

breaches contains breach if {
	gaps := unjudged | overdue
	some gap in gaps
	breach := {"code": "ssdf-pw-4-4", "what": sprintf("PW.4.4: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "NIST SSDF", "control": "PW.6.2", "code": "ssdf-pw-6-2",
	"asks": "compilers and their settings are chosen and fixed",
	"shows": "each step ran in an image that is named by its digest",
}

breaches contains breach if {
	some gap in imageless
	breach := {"code": "ssdf-pw-6-2", "what": sprintf("PW.6.2: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST SSDF", "control": "PW.7.2", "code": "ssdf-pw-7-2",
	"asks": "code is reviewed and analysed, and what was found is recorded",
	"shows": "somebody else approves the change, a scanner read its code, and no author settled a finding",
}

breaches contains breach if {
	gaps := unreviewed | self_settled
	some gap in gaps
	breach := {"code": "ssdf-pw-7-2", "what": sprintf("PW.7.2: %s", [gap.what]), "remedy": gap.remedy}
}

breaches contains breach if {
	some gap in attackable
	breach := {"code": "ssdf-pw-7-2", "what": sprintf("PW.7.2: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "NIST SSDF", "control": "PW.8.2", "code": "ssdf-pw-8-2",
	"asks": "programs are tested, and the results are recorded",
	"shows": "tests passed, also checks in the environment before",
}

breaches contains breach if {
	gaps := untested | unchecked
	some gap in gaps
	breach := {"code": "ssdf-pw-8-2", "what": sprintf("PW.8.2: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST SSDF", "control": "PW.9.2", "code": "ssdf-pw-9-2",
	"asks": "settings are secure by default, and written down",
	"shows": "the configuration is within its signed bounds",
}

breaches contains breach if {
	some gap in unbounded
	breach := {"code": "ssdf-pw-9-2", "what": sprintf("PW.9.2: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST SSDF", "control": "RV.1.1", "code": "ssdf-rv-1-1",
	"asks": "information about new vulnerabilities is gathered",
	"shows": "the advisories that the scans used are recent",
}

breaches contains breach if {
	some gap in stale
	breach := {"code": "ssdf-rv-1-1", "what": sprintf("RV.1.1: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "NIST SSDF", "control": "RV.2.2", "code": "ssdf-rv-2-2",
	"asks": "answers to vulnerabilities are planned and carried out",
	"shows": "no confirmed finding is critical or known to be exploited",
}

breaches contains breach if {
	some gap in harmed
	breach := {"code": "ssdf-rv-2-2", "what": sprintf("RV.2.2: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["PO.1.1", "PO.1.2", "PO.1.3"], "asks": "requirements are written down and passed on",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["PO.2.1", "PO.2.2", "PO.2.3"], "asks": "roles, training and commitment",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["PO.3.1", "PO.3.2"], "asks": "tools are chosen and kept safe",
	"why": "which tools are right is decided by people; receipts name those that ran",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["PO.4.1", "PO.4.2"], "asks": "criteria of checks are defined, and information about them is gathered",
	"why": "the signed policy is the criteria, and the evidence is the information: there is nothing left to ask a release",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["PO.5.2"], "asks": "computers of developers are hardened",
	"why": "it is about systems that run, and a release shows only what is about to run", "fact": "the state of each developer's computer",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["PW.1.1", "PW.1.2", "PW.1.3", "PW.2.1"], "asks": "design, risks and reviews of the design",
	"why": "it is about people and papers of the organisation", "fact": "a statement of a person about the design",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["PW.4.2"], "asks": "own components are made for reuse",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["PW.5.1"], "asks": "code follows secure practices",
	"why": "a scanner sees a part, under PW.7.2",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["PW.6.1"], "asks": "tools offer what makes executables safer",
	"why": "which options are right is decided by people", "fact": "the options of each compiler",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["PW.7.1", "PW.8.1"], "asks": "it is decided which reviews and tests are needed",
	"why": "the signed policy is the decision",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["PW.9.1"], "asks": "a secure default of each setting is decided",
	"why": "the signed bounds are the decision",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["RV.1.2", "RV.1.3"], "asks": "code is searched again, and reports are answered",
	"why": "both come after the decision",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["RV.2.1"], "asks": "each vulnerability is analysed",
	"why": "people analyse; statements about findings hold the result",
}

beyond contains {
	"regulation": "NIST SSDF", "controls": ["RV.3.1", "RV.3.2", "RV.3.3", "RV.3.4"], "asks": "causes are found, and the process learns",
	"why": "it is about people and papers of the organisation",
}
