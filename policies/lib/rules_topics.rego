# Conditions that several regulations ask for, by topic: people and the build. Each set has what is missing and what to do; it is
# empty where the condition holds. The files `rules_under_*.rego` say which control asks for which.
package countersign.gate

import rego.v1

# Outside solo mode the judge counts no approval by a change author or by the requester of the run.
unreviewed contains gap if {
	count(counting) == 0
	gap := {
		"what": "nobody but the change authors and the requester approves it",
		"remedy": sprintf("have a person in role %s approve it with `countersign approve`", [approver]),
	}
}

unreviewed contains gap if {
	solo
	gap := {"what": "in solo mode an author may approve their own change", "remedy": "use an installation in team mode"}
}

self_promoted contains gap if {
	solo
	gap := {"what": "in solo mode author, approver and promoter may be one person", "remedy": "use an installation in team mode"}
}

self_promoted contains gap if {
	input.people.promoter in input.people.behind
	gap := {
		"what": sprintf("%s promotes it and is an author of the change", [input.people.promoter]),
		"remedy": "let somebody promote it who took no part in the change",
	}
}

self_promoted contains gap if {
	input.place.automatic
	input.people.promoter == null
	gap := {
		"what": "the release begins by itself, so nobody promotes it",
		"remedy": "let the environment statement say `automatic: false`",
	}
}

# Findings that a statement settles, with those of checks in the environment before.
settled := array.concat(
	[finding | some finding in object.get(input, "findings", []); finding.settled_by],
	[finding | some finding in input.before.findings; finding.settled_by],
)

self_settled contains gap if {
	some finding in settled
	finding.settled_by in input.people.behind
	gap := {
		"what": sprintf("%s settled the finding %s at %s and is an author of the change", [finding.settled_by, finding.rule, finding.at]),
		"remedy": "have the statement signed by somebody who took no part in the change",
	}
}

unsigned contains gap if {
	some commit in input.source.range
	commit.signer == null
	gap := {
		"what": sprintf("commit %s is not signed by anybody who is enrolled", [commit.commit]),
		"remedy": "have its author sign it with an enrolled key",
	}
}

unsigned contains gap if {
	object.get(input.source, "signer", null) == null
	gap := {
		"what": "the released commit is not signed by anybody who is enrolled",
		"remedy": "sign it with an enrolled key, and run it again",
	}
}

unticketed contains gap if {
	count([approval | some approval in input.approvals; approval.counts; approval.ticket != null]) == 0
	gap := {"what": "no approval names the ticket of the change", "remedy": "approve with `--ticket`"}
}

unreasoned contains gap if {
	some approval in input.approvals
	approval.counts
	trim_space(approval.reason) == ""
	gap := {
		"what": sprintf("the approval by %s gives no reason", [approval.name]),
		"remedy": "approve again with `--reason`",
	}
}

softkeyed contains gap if {
	some approval in input.approvals
	approval.counts
	not approval.hardware
	gap := {
		"what": sprintf("%s approves with a key that is not in hardware", [approval.name]),
		"remedy": "enrol a key of a hardware token, and approve with it",
	}
}

unowned contains gap if {
	not input.place.owner
	gap := {"what": "nobody is named as the owner of the service", "remedy": "write `owner` into its part of `release.yaml`"}
}

# Without it no rule about residency has anything to compare.
undeclared contains gap if {
	count(data_classes) == 0
	gap := {
		"what": "release.yaml does not say which classes of data the service has",
		"remedy": "write `data` into its part of release.yaml, such as `data: [personal]`, or `data: [public]` if it has nothing else",
	}
}

unproven contains gap if {
	object.get(input.build, "pipeline", null) == null
	gap := {"what": "no receipt shows which pipeline made the artifact", "remedy": "run the commit on a runner of this installation"}
}

unproven contains gap if {
	count([step | some step in input.build.steps; step.kind == "run"]) == 0
	gap := {"what": "the pipeline runs no step at all", "remedy": "add steps that build and test"}
}

unreceipted contains gap if {
	some step in input.build.steps
	step.kind in {"run", "scan"}
	step.receipts < 1
	gap := {"what": sprintf("step `%s` has no receipt", [step.name]), "remedy": "let the run finish, and release its result"}
}

builders := {runner.name | some runner in input.build.runners}

hosts := {runner.host | some runner in input.build.runners; runner.host != null}

# The operator of the one runner that made something could have made it by hand.
built_once contains gap if {
	count(builders) < 2
	gap := {
		"what": sprintf("%d runner built the artifact, so nothing confirms what it says", [count(builders)]),
		"remedy": "let a second runner build it, on a host of another operator",
	}
}

built_once contains gap if {
	count(builders) > 1
	count(hosts) < 2
	gap := {
		"what": "the runners that built it are not known to be on different hosts",
		"remedy": "name the host of each runner in the trust root (`place`)",
	}
}

built_once contains gap if {
	some step in input.build.steps
	step.equal_outputs == false
	gap := {
		"what": sprintf("step `%s` had different outputs on different runners", [step.name]),
		"remedy": "make the step reproducible: `countersign logs` shows what differs",
	}
}

unhosted contains gap if {
	some runner in input.build.runners
	runner.host == null
	gap := {
		"what": sprintf("the trust root does not say where runner %s is", [runner.name]),
		"remedy": "name its host in the trust root (`place`)",
	}
}

unhosted contains gap if {
	input.mode in {"solo", "rehearsal"}
	gap := {
		"what": sprintf("in %s mode the runners are on the machine of a person", [input.mode]),
		"remedy": "use an installation in team mode, with runners on hosts of their own",
	}
}

unsandboxed contains gap if {
	"watched" in input.build.sandboxes
	gap := {
		"what": "a runner only watched the memory of its steps instead of limiting it by a control group",
		"remedy": "start the runner where it may make control groups",
	}
}

unsandboxed contains gap if {
	input.build.pool in {"fork", "branch"}
	gap := {
		"what": sprintf("runners of the pool `%s` built it, which build changes that nobody has reviewed", [input.build.pool]),
		"remedy": "run the commit in the pool `protected`",
	}
}

imageless contains gap if {
	some step in input.build.steps
	step.kind == "run"
	not step.image
	gap := {
		"what": sprintf("step `%s` used the tools of its runner's host", [step.name]),
		"remedy": "name an `image` by its digest in the pipeline",
	}
}

unreviewed_hosts contains gap if {
	some step in input.build.steps
	some host in object.get(step, "network", [])
	not host in control_limits.hosts
	gap := {
		"what": sprintf("step `%s` reached %s, which is not among the reviewed hosts", [step.name, host]),
		"remedy": "let the step do without it, or have the host reviewed and added to `control_limits.hosts`",
	}
}

lent_openly contains gap if {
	some one in object.get(input, "secrets", [])
	one.env
	gap := {
		"what": sprintf("step `%s` gets the secret %s in a variable, which all its processes inherit", [one.step, one.secret]),
		"remedy": "let the step read the secret from its file",
	}
}

unwitnessed contains gap if {
	object.get(input, ["ledger", "witnesses"], 0) < max([1, object.get(input, ["ledger", "quorum"], 1)])
	gap := {
		"what": "no witness has cosigned the ledger, so its owner could change the record",
		"remedy": "name a witness in the trust root, and start it",
	}
}

unwitnessed contains gap if {
	input.ledger.same_machine
	gap := {
		"what": "a witness is on the host of the server, so one person could change both",
		"remedy": "put the witness on a host that somebody else controls",
	}
}
