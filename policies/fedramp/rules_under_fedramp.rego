# NIST SP 800-53, revision 5, moderate baseline (FedRAMP), controls about software. Each rule is about one control; `controls` says what the control asks for, in our own words, and what the rule
# shows of it. `beyond` has the controls that a release does not show, with the reason, and the fact that is missing where one would do.
package countersign.gate

import rego.v1

regulations contains {
	"regulation": "NIST 800-53", "pack": "fedramp", "scope": "NIST's moderate baseline: each control of the families AU, CM, SA, SI and SR; of the other families, and of what FedRAMP adds, what a release can show",
	"encryption": "data are encrypted while sent (SC-8) and kept (SC-28), by validated modules (SC-13)",
	"access": "least right and separate duties (AC-5, AC-6), several factors (IA-2(1)), restricted changes (CM-5)",
	"logging": "events are recorded, examined and protected (AU family)",
	"residency": "FedRAMP adds SA-9(5): services run and keep data at the places that the agency demands",
}

controls contains {
	"regulation": "NIST 800-53", "control": "AC-5", "code": "fedramp-ac-5",
	"asks": "duties are separate",
	"shows": "somebody else approves the change, and its author does not promote it or settle a finding of it",
}

breaches contains breach if {
	gaps := unreviewed | self_promoted | self_settled
	some gap in gaps
	breach := {"code": "fedramp-ac-5", "what": sprintf("AC-5: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "AU-9", "code": "fedramp-au-9",
	"asks": "records are protected from change and deletion",
	"shows": "the record of releases is cosigned by witnesses on other hosts",
}

breaches contains breach if {
	some gap in unwitnessed
	breach := {"code": "fedramp-au-9", "what": sprintf("AU-9: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "CM-2", "code": "fedramp-cm-2",
	"asks": "a baseline of the settings of systems is kept",
	"shows": "each host of the place was measured lately and is as its signed baseline says",
}

breaches contains breach if {
	some gap in unmeasured
	breach := {"code": "fedramp-cm-2", "what": sprintf("CM-2: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "CM-3", "code": "fedramp-cm-3",
	"asks": "changes are proposed, judged, approved and recorded",
	"shows": "an approval names the ticket of the change",
}

breaches contains breach if {
	some gap in unticketed
	breach := {"code": "fedramp-cm-3", "what": sprintf("CM-3: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "CM-3(2)", "code": "fedramp-cm-3-2",
	"asks": "changes are tested before they are made",
	"shows": "tests passed, also checks in the environment before",
}

breaches contains breach if {
	gaps := untested | unchecked
	some gap in gaps
	breach := {"code": "fedramp-cm-3-2", "what": sprintf("CM-3(2): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "CM-4", "code": "fedramp-cm-4",
	"asks": "the effect of a change is analysed before it is made",
	"shows": "each approval gives its reason",
}

breaches contains breach if {
	some gap in unreasoned
	breach := {"code": "fedramp-cm-4", "what": sprintf("CM-4: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "CM-5", "code": "fedramp-cm-5",
	"asks": "only people with rights make changes",
	"shows": "an enrolled key signed every commit of the change",
}

breaches contains breach if {
	some gap in unsigned
	breach := {"code": "fedramp-cm-5", "what": sprintf("CM-5: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "CM-6", "code": "fedramp-cm-6",
	"asks": "settings are defined, and deviations are approved",
	"shows": "the configuration is within its signed bounds",
}

breaches contains breach if {
	some gap in unbounded
	breach := {"code": "fedramp-cm-6", "what": sprintf("CM-6: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "CM-8", "code": "fedramp-cm-8",
	"asks": "components of a system are listed",
	"shows": "the components of the artifact are listed",
}

breaches contains breach if {
	some gap in unlisted
	breach := {"code": "fedramp-cm-8", "what": sprintf("CM-8: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "CM-10", "code": "fedramp-cm-10",
	"asks": "software is used as its licence allows",
	"shows": "no component has a denied licence",
}

breaches contains breach if {
	some gap in unlicensed
	breach := {"code": "fedramp-cm-10", "what": sprintf("CM-10: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "IA-2(1)", "code": "fedramp-ia-2-1",
	"asks": "privileged people prove who they are by several factors",
	"shows": "approvals are signed by keys in hardware",
}

breaches contains breach if {
	some gap in softkeyed
	breach := {"code": "fedramp-ia-2-1", "what": sprintf("IA-2(1): %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "IA-5(7)", "code": "fedramp-ia-5",
	"asks": "code and settings hold no password in clear (added by FedRAMP)",
	"shows": "a runner looked for secrets and found none, and no variable of the service holds one",
}

breaches contains breach if {
	gaps := exposed | in_clear
	some gap in gaps
	breach := {"code": "fedramp-ia-5", "what": sprintf("IA-5(7): %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "NIST 800-53", "control": "RA-5", "code": "fedramp-ra-5",
	"asks": "systems are scanned for vulnerabilities, and those are dealt with",
	"shows": "a runner judged the dependencies, and every scan could decide",
}

breaches contains breach if {
	some gap in unjudged
	breach := {"code": "fedramp-ra-5", "what": sprintf("RA-5: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "NIST 800-53", "control": "RA-5(2)", "code": "fedramp-ra-5-2",
	"asks": "scanners know recent vulnerabilities",
	"shows": "the advisories that the scans used are recent",
}

breaches contains breach if {
	some gap in stale
	breach := {"code": "fedramp-ra-5-2", "what": sprintf("RA-5(2): %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "NIST 800-53", "control": "SA-10", "code": "fedramp-sa-10",
	"asks": "developers keep changes and versions under control",
	"shows": "receipts show which pipeline made the artifact",
}

breaches contains breach if {
	gaps := unproven | unreceipted
	some gap in gaps
	breach := {"code": "fedramp-sa-10", "what": sprintf("SA-10: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "SA-11", "code": "fedramp-sa-11",
	"asks": "developers test and evaluate security",
	"shows": "a scanner read the source code, and nobody left a finding of high or critical severity open",
}

breaches contains breach if {
	some gap in attackable
	breach := {"code": "fedramp-sa-11", "what": sprintf("SA-11: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "NIST 800-53", "control": "SA-11(1)", "code": "fedramp-sa-11",
	"asks": "source code is analysed by tools (added by FedRAMP)",
	"shows": "the same rule",
}

controls contains {
	"regulation": "NIST 800-53", "control": "SC-8", "code": "fedramp-sc-8",
	"asks": "sent data are protected",
	"shows": "no variable names a database on another host without TLS",
}

breaches contains breach if {
	some gap in plain
	breach := {"code": "fedramp-sc-8", "what": sprintf("SC-8: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "NIST 800-53", "control": "SC-8(1)", "code": "fedramp-sc-8",
	"asks": "sent data are encrypted",
	"shows": "the same rule",
}

controls contains {
	"regulation": "NIST 800-53", "control": "SC-28", "code": "fedramp-sc-28",
	"asks": "data that are kept are protected",
	"shows": "no scan found storage that is not encrypted",
}

breaches contains breach if {
	some gap in unencrypted
	breach := {"code": "fedramp-sc-28", "what": sprintf("SC-28: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "NIST 800-53", "control": "SC-28(1)", "code": "fedramp-sc-28",
	"asks": "data that are kept are encrypted",
	"shows": "the same rule",
}

controls contains {
	"regulation": "NIST 800-53", "control": "SI-2", "code": "fedramp-si-2",
	"asks": "flaws are found, reported and mended in time",
	"shows": "no confirmed finding is critical or known to be exploited, and no fix is overdue",
}

breaches contains breach if {
	gaps := harmed | overdue
	some gap in gaps
	breach := {"code": "fedramp-si-2", "what": sprintf("SI-2: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "NIST 800-53", "control": "SI-7", "code": "fedramp-si-7",
	"asks": "changes of software without right are detected",
	"shows": "two runners on different hosts made the same artifact",
}

breaches contains breach if {
	some gap in built_once
	breach := {"code": "fedramp-si-7", "what": sprintf("SI-7: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "SI-7(1)", "code": "fedramp-si-7",
	"asks": "integrity is checked",
	"shows": "the same rule; the agent checks the digest again before each start",
}

controls contains {
	"regulation": "NIST 800-53", "control": "SR-3", "code": "fedramp-sr-3",
	"asks": "risks of the supply chain are controlled",
	"shows": "checksums pin every component",
}

breaches contains breach if {
	some gap in loose
	breach := {"code": "fedramp-sr-3", "what": sprintf("SR-3: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "NIST 800-53", "control": "SA-9(5)", "code": "fedramp-sa-9-5",
	"asks": "services run and keep data at the places that the agency demands",
	"shows": "the classes of data of the service are declared, and each may be in the region of the place",
}

breaches contains breach if {
	gaps := undeclared | misplaced
	some gap in gaps
	breach := {"code": "fedramp-sa-9-5", "what": sprintf("SA-9(5): %s", [gap.what]), "remedy": gap.remedy}
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["AU-1", "CM-1", "SA-1", "SI-1", "SR-1"], "asks": "policies and procedures",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["AU-2", "AU-3", "AU-3(1)", "AU-8", "AU-12"], "asks": "systems record events, with their time and details",
	"why": "it is about systems that run, and a release shows only what is about to run; a test that covers one may be named in your own rule",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["AU-4", "AU-5", "AU-6", "AU-6(1)", "AU-6(3)", "AU-7", "AU-7(1)", "AU-9(4)", "AU-11"], "asks": "records are stored, examined, reduced and kept",
	"why": "it is about systems that run, and a release shows only what is about to run", "fact": "retention of the ledger",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["CM-2(2)", "CM-2(3)", "CM-2(7)"], "asks": "baselines by tools, old ones kept, and devices for travel",
	"why": "the ledger keeps old baselines; devices are no part of a release",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["CM-3(4)", "CM-4(2)"], "asks": "people of security and privacy take part, and controls are checked after a change",
	"why": "roles of approvers are your own; the check comes after the decision",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["CM-7", "CM-7(1)", "CM-7(2)", "CM-7(5)"], "asks": "only what is needed runs",
	"why": "it is about systems that run, and a release shows only what is about to run", "fact": "the ports and programs that a host allows",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["CM-8(1)", "CM-8(3)", "CM-12", "CM-12(1)"], "asks": "lists are updated, intruders detected, and places of information known",
	"why": "it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["CM-9", "CM-11"], "asks": "a plan for settings, and software that users install",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["SA-2", "SA-3", "SA-4", "SA-4(1)", "SA-4(2)", "SA-4(9)", "SA-4(10)", "SA-5"], "asks": "money, contracts and documents",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["SA-8", "SA-15", "SA-15(3)"], "asks": "principles of engineering, and the process of development",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["SA-9", "SA-9(2)"], "asks": "services of others",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["SA-22"], "asks": "components without support are replaced",
	"why": "advisories say which versions have holes, not which have support", "fact": "`components[].supported_until`",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["SI-2(2)"], "asks": "the state of flaws is determined by tools",
	"why": "it is about systems that run",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["SI-3", "SI-4", "SI-4(2)", "SI-4(4)", "SI-4(5)", "SI-5", "SI-8", "SI-8(2)"], "asks": "malware, monitoring, alerts and spam",
	"why": "it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["SI-7(7)"], "asks": "a detected change leads to the answer to an incident",
	"why": "it comes after the decision",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["SI-10", "SI-11", "SI-16"], "asks": "input, errors and memory of programs",
	"why": "a scanner sees a part, under SA-11; a test that covers one may be named in your own rule",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["SI-12"], "asks": "information is kept and deleted by law",
	"why": "it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["SR-2", "SR-2(1)", "SR-5", "SR-6", "SR-8"], "asks": "plans, purchases, suppliers and notices",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["SR-10", "SR-11", "SR-11(1)", "SR-11(2)", "SR-12"], "asks": "inspection, authenticity and disposal of components",
	"why": "they are about devices; checksums of software are under SR-3",
}

beyond contains {
	"regulation": "NIST 800-53", "controls": ["AC", "AT", "CA", "CP", "IA", "IR", "MA", "MP", "PE", "PL", "PS", "RA", "SC"], "asks": "the other families",
	"why": "except the controls above: it is about systems that run, and a release shows only what is about to run, or it is about people and papers of the organisation",
}
