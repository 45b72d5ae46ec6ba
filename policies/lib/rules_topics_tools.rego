# Conditions that several regulations ask for, by topic: what tools report, the configuration, and the way to production. Each set has
# what is missing and what to do; those about findings have `finding`, too, the id of the finding or null.
package countersign.gate

import rego.v1

confirmed_everywhere := [finding | some finding in weighed; not finding.unconfirmed]

exposed contains gap if {
	not scanned_for_secrets
	gap := {
		"what": "no runner looked for secrets",
		"remedy": "add `secrets` to a scan step of the pipeline, and run a commit with it",
		"finding": null,
	}
}

exposed contains gap if {
	some finding in confirmed_everywhere
	leaked(finding)
	gap := {
		"what": told(finding),
		"remedy": "revoke the secret, remove it, and run a commit without it",
		"finding": about(finding),
	}
}

# Only the runner's own scan counts: what a step reports is the repository's own word.
unjudged contains gap if {
	scans := [report |
		some report in object.get(input, "reports", [])
		report.format == "dependencies"
		report.producer == "runner"
	]
	count(scans) == 0
	gap := {
		"what": "no runner judged the dependencies by advisories",
		"remedy": "run `countersign osv sync`, and add `dependencies` to the scan step of the pipeline",
		"finding": null,
	}
}

unjudged contains gap if {
	some finding in confirmed_everywhere
	undecided(finding)
	gap := {
		"what": told(finding),
		"remedy": "give the scan something that it can read, or have the finding waived",
		"finding": about(finding),
	}
}

stale contains gap if {
	some report in object.get(input, "reports", [])
	report.knowledge_days > limits.report_days
	gap := {
		"what": sprintf("report `%s` of step `%s` rests on knowledge that is %d days old, %d are allowed", [report.path, report.step, report.knowledge_days, limits.report_days]),
		"remedy": "have the operator of the runners run `countersign osv sync`; then type `countersign run --again`",
		"finding": null,
	}
}

stale contains gap if {
	some report in object.get(input, "reports", [])
	report.undated > 0
	gap := {
		"what": sprintf("report `%s` of step `%s`: some of its runners do not say how old their knowledge is", [report.path, report.step]),
		"remedy": "have the operator of these runners run `countersign osv sync`; then type `countersign run --again`",
		"finding": null,
	}
}

harmed contains gap if {
	some finding in confirmed_everywhere
	harmful(finding)
	gap := {"what": told(finding), "remedy": remedy(finding), "finding": about(finding)}
}

overdue contains gap if {
	some finding in confirmed
	finding.fixed != null
	most := fix_within(finding)
	days := clock(finding)
	days > most
	gap := {
		"what": sprintf("%s; a fix has been there for %d days, %d are allowed", [told(finding), days, most]),
		"remedy": remedy(finding),
		"finding": about(finding),
	}
}

overdue contains gap if {
	some finding in confirmed
	finding.fixed != null
	fix_within(finding)
	not clock(finding)
	gap := {
		"what": sprintf("%s; there is a fix, and nothing shows since when", [told(finding)]),
		"remedy": remedy(finding),
		"finding": about(finding),
	}
}

# Formats of scanners that read source code. A SARIF report may be of any tool: remove it here if yours are of others.
code_scanners := {"semgrep", "bandit", "sarif"}

attackable contains gap if {
	scans := [report | some report in object.get(input, "reports", []); report.format in code_scanners]
	count(scans) == 0
	gap := {
		"what": "no step reported what a scanner of source code found",
		"remedy": "let a step run one, and declare its report in the pipeline",
		"finding": null,
	}
}

attackable contains gap if {
	some finding in confirmed_everywhere
	finding.class in {"code", "web"}
	finding.severity in {"critical", "high"}
	gap := {"what": told(finding), "remedy": remedy(finding), "finding": about(finding)}
}

# Findings about files of pipelines: rules of our own scan of such files begin with these words.
pipeline_weak contains gap if {
	some finding in confirmed_everywhere
	finding.class == "configuration"
	finding.severity in {"critical", "high"}
	strings.any_prefix_match(finding.rule, ["github-", "gitlab-", "pipeline-", "script-"])
	gap := {"what": told(finding), "remedy": remedy(finding), "finding": about(finding)}
}

unlisted contains gap if {
	count(listed) == 0
	not nothing_to_list
	gap := {
		"what": "no step reported the components of the artifact",
		"remedy": "add `components` to the scan step of the pipeline, and commit a lockfile",
	}
}

loose contains gap if {
	count(unpinned) > 0
	gap := {
		"what": sprintf("no checksum pins %d components: %s", [count(unpinned), named(unpinned)]),
		"remedy": "commit a lockfile with checksums",
	}
}

unlicensed contains gap if {
	some component in components
	component.licence in denied_expressions
	gap := {"what": sprintf("%s is licensed under %s", [component.purl, component.licence]), "remedy": REPLACE}
}

# Words in the names of rules about encryption, of our own scans and of other tools'.
words_of_encryption := ["encrypt", "tls", "ssl", "plain-http", "cleartext", "plaintext"]

encrypted_badly(finding) if {
	finding.class == "configuration"
	name := lower(finding.rule)
	some word in words_of_encryption
	contains(name, word)
}

unencrypted contains gap if {
	some finding in confirmed_everywhere
	encrypted_badly(finding)
	gap := {"what": told(finding), "remedy": remedy(finding), "finding": about(finding)}
}

plain contains gap if {
	some difference in input.configuration.differences
	difference.code == "database-without-tls"
	gap := {
		"what": sprintf("%s: %s", [difference.name, difference.what]),
		"remedy": "reach the database by TLS",
		"finding": null,
	}
}

plain contains gap if {
	not input.configuration
	gap := {
		"what": "the configuration was not looked at, because the place has no bounds",
		"remedy": "have bounds signed: `countersign trust environment --bounds FILE`",
		"finding": null,
	}
}

in_clear contains gap if {
	some difference in input.configuration.differences
	difference.code == "secret-in-clear"
	gap := {
		"what": sprintf("%s: %s", [difference.name, difference.what]),
		"remedy": "put it into the vault, and name it under `secrets` in `release.yaml`",
		"finding": null,
	}
}

unbounded contains gap if {
	some difference in input.configuration.differences
	gap := {
		"what": sprintf("%s: %s", [difference.name, difference.what]),
		"remedy": "correct `release.yaml` or the variables of the place, or have other bounds signed",
	}
}

unbounded contains gap if {
	not input.configuration
	gap := {
		"what": "nothing says what the configuration may be, because the place has no bounds",
		"remedy": "have bounds signed: `countersign trust environment --bounds FILE`",
	}
}

untested contains gap if {
	some test in array.concat(object.get(input, ["tests", "failing"], []), object.get(input, ["before", "tests", "failing"], []))
	gap := {"what": sprintf("test `%s` failed", [test]), "remedy": "mend it and run again"}
}

untested contains gap if {
	tests := object.get(input, "tests", {})
	object.get(tests, "passed", 0) + object.get(tests, "flaky", 0) == 0
	gap := {"what": "no step reported a test that passed", "remedy": "let a step report its tests, for example as JUnit XML"}
}

# Ids of controls that passed tests cover: facts that a team shows about its program by tests that name them.
covered contains id if some id in input.tests.covers

covered contains id if some id in input.before.tests.covers

untried contains gap if {
	not input.before.environment
	gap := {
		"what": "no environment comes before this one, so the release was not tried apart from it",
		"remedy": "let the environment statement name one (`after`)",
	}
}

unchecked contains gap if {
	count(object.get(input, ["before", "checks"], [])) == 0
	gap := {
		"what": "no check of the release ran in the environment before",
		"remedy": "declare checks in `release.yaml`",
	}
}

unchecked contains gap if {
	some check in input.before.checks
	not check.passed
	gap := {
		"what": sprintf("check `%s` failed in the environment before", [check.name]),
		"remedy": "see `countersign logs`, mend it and run again",
	}
}

unversioned contains gap if {
	count(versioned) == 0
	gap := {"what": "no tag gives the artifact a semantic version", "remedy": "have a release manager tag it: `countersign tag`"}
}

# The hosts of the place itself, as its agents measured them. It is read where it is there.
reads contains {"observation": "baseline"} if input.place.environment

unmeasured contains gap if {
	count(host_measures) == 0
	gap := {
		"what": "no agent of this place has measured its host against a baseline",
		"remedy": "sign a baseline with `countersign trust environment --host-baseline`, and wait until the agents have measured it",
	}
}

unmeasured contains gap if {
	some host in host_measures
	not host.body.equal
	gap := {
		"what": sprintf("the host of agent %s differs from its baseline in %d points", [host.agent, host.body.differences]),
		"remedy": "`countersign status` names them: put the host right, or sign another baseline",
	}
}

unmeasured contains gap if {
	some host in host_measures
	old := object.get(host, "seconds", null)
	not recent(old)
	gap := {
		"what": sprintf("the last measurement of the host of agent %s is too old, or its time is unknown", [host.agent]),
		"remedy": "see that its agent runs and reaches the server",
	}
}

recent(seconds) if {
	seconds != null
	seconds <= control_limits.measured_seconds
}
