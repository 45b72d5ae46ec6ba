# PCI DSS 4.0.1. Each rule is about one control; `controls` says what the control asks for, in our own words, and what the rule
# shows of it. `beyond` has the controls that a release does not show, with the reason, and the fact that is missing where one would do.
package countersign.gate

import rego.v1

regulations contains {
	"regulation": "PCI DSS", "pack": "pci-dss", "scope": "requirement 6 (secure systems and software) item by item; of the other requirements what a release can show",
	"encryption": "strong cryptography for card data that is kept (3.5) and that crosses public networks (4.2)",
	"access": "need to know (7), one id for each person, and more than one factor (8); development apart from production (6.5)",
	"logging": "records of access to card data and of changes to them, which nobody can change, for a year (10)",
	"residency": "none",
}

controls contains {
	"regulation": "PCI DSS", "control": "4.2.1", "code": "pci-dss-4-2-1",
	"asks": "card numbers are encrypted wherever they cross a public network",
	"shows": "no variable names a database on another host without TLS, and no scan found that something is not encrypted",
}

breaches contains breach if {
	gaps := plain | unencrypted
	some gap in gaps
	breach := {"code": "pci-dss-4-2-1", "what": sprintf("4.2.1: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "PCI DSS", "control": "6.2.3", "code": "pci-dss-6-2-3",
	"asks": "own code is examined for weaknesses before it is released",
	"shows": "a scanner read the source code, and nobody left a finding of high or critical severity open",
}

breaches contains breach if {
	some gap in attackable
	breach := {"code": "pci-dss-6-2-3", "what": sprintf("6.2.3: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "PCI DSS", "control": "6.2.3.1", "code": "pci-dss-6-2-3-1",
	"asks": "somebody other than the author reads a change, and a person in charge approves it",
	"shows": "a person who is neither an author of the change nor its requester approves it",
}

breaches contains breach if {
	some gap in unreviewed
	breach := {"code": "pci-dss-6-2-3-1", "what": sprintf("6.2.3.1: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "PCI DSS", "control": "6.2.4", "code": "pci-dss-6-2-4",
	"asks": "known kinds of attack are prevented while software is made",
	"shows": "no confirmed finding is critical or known to be exploited",
}

breaches contains breach if {
	some gap in harmed
	breach := {"code": "pci-dss-6-2-4", "what": sprintf("6.2.4: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "PCI DSS", "control": "6.3.1", "code": "pci-dss-6-3-1",
	"asks": "new vulnerabilities are known and ranked",
	"shows": "a runner judged the dependencies by recent advisories, and every scan could decide",
}

breaches contains breach if {
	gaps := unjudged | stale
	some gap in gaps
	breach := {"code": "pci-dss-6-3-1", "what": sprintf("6.3.1: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "PCI DSS", "control": "6.3.2", "code": "pci-dss-6-3-2",
	"asks": "there is a list of own software and of the components in it",
	"shows": "the components of the artifact are listed",
}

breaches contains breach if {
	some gap in unlisted
	breach := {"code": "pci-dss-6-3-2", "what": sprintf("6.3.2: %s", [gap.what]), "remedy": gap.remedy}
}

controls_elsewhere contains {"regulation": "PCI DSS", "control": "6.3.3", "code": "fix-overdue", "asks": "fixes of critical vulnerabilities are taken within a month", "shows": "no fix of a finding is older than `limits.fix_days` allows"}

controls_elsewhere contains {"regulation": "PCI DSS", "control": "6.3.3", "code": "fix-undated", "asks": "fixes of critical vulnerabilities are taken within a month", "shows": "the age of each fix is known"}

controls contains {
	"regulation": "PCI DSS", "control": "6.5.1", "code": "pci-dss-6-5-1",
	"asks": "each change to production has a reason, an approval, and tests",
	"shows": "the approvals give reasons and a ticket, and tests passed",
}

breaches contains breach if {
	gaps := unticketed | unreasoned | untested
	some gap in gaps
	breach := {"code": "pci-dss-6-5-1", "what": sprintf("6.5.1: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "PCI DSS", "control": "6.5.3", "code": "pci-dss-6-5-3",
	"asks": "environments before production are apart from it",
	"shows": "the release ran in another environment before, and its checks passed there",
}

breaches contains breach if {
	gaps := untried | unchecked
	some gap in gaps
	breach := {"code": "pci-dss-6-5-3", "what": sprintf("6.5.3: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "PCI DSS", "control": "6.5.4", "code": "pci-dss-6-5-4",
	"asks": "people who make changes and people who bring them into production have separate roles",
	"shows": "the promoter is no author of the change",
}

breaches contains breach if {
	some gap in self_promoted
	breach := {"code": "pci-dss-6-5-4", "what": sprintf("6.5.4: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "PCI DSS", "control": "8.6.2", "code": "pci-dss-8-6-2",
	"asks": "passwords of programs are not written into code, scripts or configuration",
	"shows": "a runner looked for secrets and found none, and no variable of the service holds one",
}

breaches contains breach if {
	gaps := exposed | in_clear
	some gap in gaps
	breach := {"code": "pci-dss-8-6-2", "what": sprintf("8.6.2: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "PCI DSS", "control": "10.3.4", "code": "pci-dss-10-3-4",
	"asks": "a change of a record is noticed",
	"shows": "the record of releases is cosigned by witnesses on other hosts",
}

breaches contains breach if {
	some gap in unwitnessed
	breach := {"code": "pci-dss-10-3-4", "what": sprintf("10.3.4: %s", [gap.what]), "remedy": gap.remedy}
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["1", "2", "5", "9"], "asks": "networks, settings of systems, malware and rooms",
	"why": "it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["3"], "asks": "card data that is kept",
	"why": "a release names classes of data at most, and not what becomes of them",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["7", "8"], "asks": "access of people to systems with card data",
	"why": "except 8.6.2: it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["10"], "asks": "records of access to card data",
	"why": "except 10.3.4, for the record of releases: it is about systems that run, and a release shows only what is about to run",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["11", "12"], "asks": "tests of networks, and the policy of the organisation",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["6.1.1", "6.1.2"], "asks": "papers and duties for requirement 6",
	"why": "it is about people and papers of the organisation",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["6.2.1"], "asks": "software is made by a standard, with security in every phase",
	"why": "the standard is a paper; the other rules show parts of it",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["6.2.2"], "asks": "people who write software are trained each year",
	"why": "it is about people and papers of the organisation", "fact": "the date of each change author's training",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["6.4.1", "6.4.2"], "asks": "web applications on the internet are protected from attacks, by a filter in front of them",
	"why": "it is about systems that run, and a release shows only what is about to run", "fact": "whether a filter is in front of the place",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["6.4.3"], "asks": "each script of a payment page is approved and its content is checked",
	"why": "pages in the browser are no part of the evidence", "fact": "the scripts of each page",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["6.5.2"], "asks": "after a large change all requirements are shown to hold again",
	"why": "somebody has to say which change is large", "fact": "whether the change is large",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["6.5.5"], "asks": "real card numbers are not used before production",
	"why": "a release does not say which data an environment has", "fact": "`service.data` of the environment before",
}

beyond contains {
	"regulation": "PCI DSS", "controls": ["6.5.6"], "asks": "test data and accounts are removed before production",
	"why": "they are in the data of a service, not in the release",
}
