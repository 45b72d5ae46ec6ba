# Rules about reports that are old or missing, or that say too little.
package countersign.gate

import rego.v1

problems contains {
	"code": "report-old",
	"what": sprintf("report `%s` of step `%s` rests on knowledge that is %d days old, %d are allowed", [report.path, report.step, report.knowledge_days, limits.report_days]),
	"remedy": "have the operator of the runners run `countersign osv sync`; then type `countersign run --again`",
} if {
	some report in object.get(input, "reports", [])
	report.knowledge_days != null
	report.knowledge_days > limits.report_days
}

problems contains {
	"code": "report-old",
	"what": sprintf("report `%s` of step `%s`: %d of its %d runners do not say how old their knowledge is", [report.path, report.step, report.undated, report.runners]),
	"remedy": "have the operator of these runners run `countersign osv sync`; then type `countersign run --again`",
} if {
	some report in object.get(input, "reports", [])
	report.undated > 0
}

problems contains {
	"code": "report-old",
	"what": sprintf("report `%s` of step `%s` was made %d days ago, %d are allowed", [report.path, report.step, report.days, limits.report_days]),
	"remedy": "type `countersign run --again`",
} if {
	some report in object.get(input, "reports", [])
	report.kind == "findings"
	report.days > limits.report_days
}

kinds := {report.kind | some report in object.get(input, "reports", [])}

problems contains {
	"code": "sbom-missing",
	"what": "no step reported the components of the artifact",
	"remedy": "let a step report them, for example in CycloneDX",
} if {
	not "components" in kinds
}

# A list that rests on no file says nothing about the artifact.
empty(report) if {
	report.items.components == 0
	report.items.sources == 0
}

listed := [report |
	some report in object.get(input, "reports", [])
	report.kind == "components"
	not empty(report)
]

# A person has said that there is no dependency: the finding is that of the scan of the dependencies, as below.
nothing_to_list if {
	some finding in object.get(input, "findings", [])
	finding.rule == "lockfile-missing"
	finding.class == "supply"
	undecided(finding)
	object.get(finding, "state", "open") != "open"
}

problems contains {
	"code": "sbom-missing",
	"what": "no manifest or lockfile was found, so the list of components says nothing",
	"remedy": "commit one; if there is no dependency, have the finding `lockfile-missing` of the scan `dependencies` waived",
} if {
	"components" in kinds
	count(listed) == 0
	not nothing_to_list
}

# A scan of the dependencies has a finding for each such directory, which can be waived. Another tool may name a rule like
# that: only a scan says that something is undecided.
skipped_is_found if {
	some finding in object.get(input, "findings", [])
	finding.rule == "lockfiles-skipped"
	finding.class == "supply"
	undecided(finding)
}

problems contains {
	"code": "finding-undecided",
	"what": sprintf("report `%s` of step `%s` does not name the packages of %d files, which are part of installed packages", [report.path, report.step, report.items.skipped]),
	"remedy": "commit no installed packages, or let the runner scan the dependencies, too",
} if {
	some report in object.get(input, "reports", [])
	report.items.skipped > 0
	not skipped_is_found
}

# Formats of scanners that judge packages. A SARIF report can be of any tool, so it does not count.
judging := {"dependencies", "osv-scanner", "trivy", "grype", "cyclonedx-json", "cyclonedx-xml", "pip-audit", "npm-audit"}

judged if {
	some report in object.get(input, "reports", [])
	report.kind == "findings"
	report.format in judging
}

problems contains {
	"code": "dependencies-unjudged",
	"what": sprintf("no scanner judged the %d packages of report `%s` by advisories", [report.items.components, report.path]),
	"remedy": "run `countersign osv sync`, and add `dependencies` to the scan step of the pipeline",
} if {
	not judged
	some report in listed
	report.items.components > 0
}

# Only the runner's own scan counts: what a step reports is the repository's own word.
scanned_for_secrets if {
	some report in object.get(input, "reports", [])
	report.kind == "findings"
	report.format == "secrets"
	report.producer == "runner"
}

problems contains {
	"code": "secrets-unscanned",
	"what": "no runner looked for secrets",
	"remedy": "add `secrets` to a scan step of the pipeline, and run a commit with it",
} if {
	not scanned_for_secrets
}
