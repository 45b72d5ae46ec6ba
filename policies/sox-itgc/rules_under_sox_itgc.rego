# General IT controls for SOX 404, by practices of COBIT 2019. Each rule is about one control; `controls` says what the control asks for, in our own words, and what the rule
# shows of it. `beyond` has the controls that a release does not show, with the reason, and the fact that is missing where one would do.
package countersign.gate

import rego.v1

regulations contains {
	"regulation": "SOX ITGC", "pack": "sox-itgc", "scope": "changes to programs, and access that changes them, by COBIT 2019 practices, because the law names no controls",
	"encryption": "none by name",
	"access": "duties are separate: nobody makes, approves and promotes a change alone; access is granted and reviewed",
	"logging": "each change can be traced to people and to its ticket; auditors keep their papers for seven years",
	"residency": "none",
}

controls_elsewhere contains {"regulation": "SOX ITGC", "control": "BAI06.01", "code": "approvals-missing", "asks": "changes are judged, ranked and authorised", "shows": "two release managers approve who are neither authors nor requester"}

controls_elsewhere contains {"regulation": "SOX ITGC", "control": "BAI06.03", "code": "ticket-missing", "asks": "the state of each change is tracked and reported", "shows": "an approval names the ticket of the change"}

controls contains {
	"regulation": "SOX ITGC", "control": "BAI06.01", "code": "sox-bai06-01",
	"asks": "changes are judged, ranked and authorised",
	"shows": "enough people approve a change of the files that decide how it is built and shipped",
}

breaches contains breach if {
	gaps := unapproved_pipeline | uncompared_pipeline
	some gap in gaps
	breach := {"code": "sox-bai06-01", "what": sprintf("BAI06.01: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SOX ITGC", "control": "BAI06.04", "code": "sox-bai06-04",
	"asks": "a change is documented when it is closed",
	"shows": "each approval gives its reason",
}

breaches contains breach if {
	some gap in unreasoned
	breach := {"code": "sox-bai06-04", "what": sprintf("BAI06.04: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SOX ITGC", "control": "BAI07.04", "code": "sox-bai07-04",
	"asks": "there is an environment for tests that is like production and apart from it",
	"shows": "the release ran in an environment before, and its checks passed there",
}

breaches contains breach if {
	gaps := untried | unchecked
	some gap in gaps
	breach := {"code": "sox-bai07-04", "what": sprintf("BAI07.04: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SOX ITGC", "control": "BAI07.05", "code": "sox-bai07-05",
	"asks": "changes are tested before they are accepted",
	"shows": "tests passed, and none failed",
}

breaches contains breach if {
	some gap in untested
	breach := {"code": "sox-bai07-05", "what": sprintf("BAI07.05: %s", [gap.what]), "remedy": gap.remedy}
}

controls_elsewhere contains {"regulation": "SOX ITGC", "control": "BAI07.06", "code": "promoter-missing", "asks": "an accepted change is brought into production under control", "shows": "a person promotes it"}

controls contains {
	"regulation": "SOX ITGC", "control": "BAI10.02", "code": "sox-bai10-02",
	"asks": "the settings that systems should have are on record",
	"shows": "the configuration is within its signed bounds",
}

breaches contains breach if {
	some gap in unbounded
	breach := {"code": "sox-bai10-02", "what": sprintf("BAI10.02: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SOX ITGC", "control": "DSS05.04", "code": "sox-dss05-04",
	"asks": "each person who changes something has an identity of their own",
	"shows": "an enrolled key signed every commit of the change",
}

breaches contains breach if {
	some gap in unsigned
	breach := {"code": "sox-dss05-04", "what": sprintf("DSS05.04: %s", [gap.what]), "remedy": gap.remedy}
}

controls_elsewhere contains {"regulation": "SOX ITGC", "control": "DSS06.03", "code": "promoter-wrote", "asks": "duties are separate, and each person has the rights of their duty", "shows": "the promoter is no author of the change"}

controls_elsewhere contains {"regulation": "SOX ITGC", "control": "DSS06.03", "code": "promoter-approved", "asks": "duties are separate, and each person has the rights of their duty", "shows": "two people other than the promoter approve"}

controls_elsewhere contains {"regulation": "SOX ITGC", "control": "DSS06.03", "code": "mode-solo", "asks": "duties are separate, and each person has the rights of their duty", "shows": "author, approver and promoter cannot be one person"}

controls contains {
	"regulation": "SOX ITGC", "control": "DSS06.03", "code": "sox-dss06-03",
	"asks": "duties are separate, and each person has the rights of their duty",
	"shows": "no author of the change settled a finding of it",
}

breaches contains breach if {
	some gap in self_settled
	breach := {"code": "sox-dss06-03", "what": sprintf("DSS06.03: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "SOX ITGC", "control": "DSS06.05", "code": "sox-dss06-05",
	"asks": "events can be traced to those who are accountable for them",
	"shows": "the record of releases is cosigned by witnesses on other hosts",
}

breaches contains breach if {
	some gap in unwitnessed
	breach := {"code": "sox-dss06-05", "what": sprintf("DSS06.05: %s", [gap.what]), "remedy": gap.remedy}
}

beyond contains {
	"regulation": "SOX ITGC", "controls": ["BAI06.02"], "asks": "emergency changes are authorised and reviewed afterwards",
	"why": "the ledger records overrides; the gate is asked before", "fact": "whether an override counts for the release",
}

beyond contains {
	"regulation": "SOX ITGC", "controls": ["BAI07.01", "BAI07.02", "BAI07.03"], "asks": "plans to put in place, migrate data and test",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "SOX ITGC", "controls": ["BAI07.07", "BAI07.08"], "asks": "support after a release, and its review",
	"why": "both come after the decision",
}

beyond contains {
	"regulation": "SOX ITGC", "controls": ["DSS01", "DSS04"], "asks": "operation of jobs, backups and recovery",
	"why": "it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "SOX ITGC", "controls": ["DSS05.05"], "asks": "access to rooms",
	"why": "it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "SOX ITGC", "controls": ["APO07", "APO10"], "asks": "people and vendors",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "SOX ITGC", "controls": ["DSS06.06"], "asks": "information is protected wherever it is used",
	"why": "it is about systems that run, and a release shows only what is about to run",
}
