# OWASP Top 10 CI/CD Security Risks. Each rule is about one control; `controls` says what the control asks for, in our own words, and what the rule
# shows of it. `beyond` has the controls that a release does not show, with the reason, and the fact that is missing where one would do.
package countersign.gate

import rego.v1

regulations contains {
	"regulation": "OWASP CI/CD", "pack": "owasp-cicd", "scope": "each of the ten risks",
	"encryption": "none by name; secrets do not lie open (6)",
	"access": "nobody pushes to production alone (1); identities and rights are managed (2, 5)",
	"logging": "all that happens in the pipeline is recorded and can be seen (10)",
	"residency": "none",
}

controls contains {
	"regulation": "OWASP CI/CD", "control": "CICD-SEC-1", "code": "owasp-cicd-1",
	"asks": "nobody brings code into production alone",
	"shows": "somebody else approves the change, and its author does not promote it or settle a finding of it",
}

breaches contains breach if {
	gaps := unreviewed | self_promoted | self_settled
	some gap in gaps
	breach := {"code": "owasp-cicd-1", "what": sprintf("CICD-SEC-1: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "OWASP CI/CD", "control": "CICD-SEC-2", "code": "owasp-cicd-2",
	"asks": "identities are managed",
	"shows": "an enrolled key signed every commit of the change",
}

breaches contains breach if {
	some gap in unsigned
	breach := {"code": "owasp-cicd-2", "what": sprintf("CICD-SEC-2: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "OWASP CI/CD", "control": "CICD-SEC-3", "code": "owasp-cicd-3",
	"asks": "dependencies cannot be exchanged or poisoned",
	"shows": "checksums pin every component, and a runner judged them",
}

breaches contains breach if {
	some gap in loose
	breach := {"code": "owasp-cicd-3", "what": sprintf("CICD-SEC-3: %s", [gap.what]), "remedy": gap.remedy}
}

breaches contains breach if {
	some gap in unjudged
	breach := {"code": "owasp-cicd-3", "what": sprintf("CICD-SEC-3: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "OWASP CI/CD", "control": "CICD-SEC-4", "code": "owasp-cicd-4",
	"asks": "a change cannot make the pipeline run what it likes",
	"shows": "no finding of high or critical severity is about a pipeline file, and enough people approve a change of one",
}

breaches contains breach if {
	some gap in pipeline_weak
	breach := {"code": "owasp-cicd-4", "what": sprintf("CICD-SEC-4: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

breaches contains breach if {
	gaps := unapproved_pipeline | uncompared_pipeline
	some gap in gaps
	breach := {"code": "owasp-cicd-4", "what": sprintf("CICD-SEC-4: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "OWASP CI/CD", "control": "CICD-SEC-5", "code": "owasp-cicd-5",
	"asks": "a step reaches only what it needs",
	"shows": "sandboxes limited each step, and no pool for changes that nobody has reviewed built it",
}

breaches contains breach if {
	some gap in unsandboxed
	breach := {"code": "owasp-cicd-5", "what": sprintf("CICD-SEC-5: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "OWASP CI/CD", "control": "CICD-SEC-6", "code": "owasp-cicd-6",
	"asks": "secrets of the pipeline are kept well",
	"shows": "a runner looked for secrets and found none, and steps get secrets in files",
}

breaches contains breach if {
	some gap in lent_openly
	breach := {"code": "owasp-cicd-6", "what": sprintf("CICD-SEC-6: %s", [gap.what]), "remedy": gap.remedy}
}

breaches contains breach if {
	some gap in exposed
	breach := {"code": "owasp-cicd-6", "what": sprintf("CICD-SEC-6: %s", [gap.what]), "remedy": gap.remedy, "finding": gap.finding}
}

controls contains {
	"regulation": "OWASP CI/CD", "control": "CICD-SEC-7", "code": "owasp-cicd-7",
	"asks": "systems of the pipeline are set up securely",
	"shows": "each host of the place was measured lately and is as its signed baseline says",
}

breaches contains breach if {
	some gap in unmeasured
	breach := {"code": "owasp-cicd-7", "what": sprintf("CICD-SEC-7: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "OWASP CI/CD", "control": "CICD-SEC-8", "code": "owasp-cicd-8",
	"asks": "services of others are used under control",
	"shows": "steps reached only hosts that are listed in the signed policy",
}

breaches contains breach if {
	some gap in unreviewed_hosts
	breach := {"code": "owasp-cicd-8", "what": sprintf("CICD-SEC-8: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "OWASP CI/CD", "control": "CICD-SEC-9", "code": "owasp-cicd-9",
	"asks": "artifacts are checked all the way",
	"shows": "two runners on different hosts made the same artifact from a known pipeline",
}

breaches contains breach if {
	gaps := unproven | built_once
	some gap in gaps
	breach := {"code": "owasp-cicd-9", "what": sprintf("CICD-SEC-9: %s", [gap.what]), "remedy": gap.remedy}
}

controls contains {
	"regulation": "OWASP CI/CD", "control": "CICD-SEC-10", "code": "owasp-cicd-10",
	"asks": "all that happens is recorded and can be seen",
	"shows": "the record of releases is cosigned by witnesses on other hosts",
}

breaches contains breach if {
	some gap in unwitnessed
	breach := {"code": "owasp-cicd-10", "what": sprintf("CICD-SEC-10: %s", [gap.what]), "remedy": gap.remedy}
}
