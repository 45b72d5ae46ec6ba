# Rules about the environment before: the rollout of the release there, as its agents observed it, and how its plan differs.
package countersign.gate

import rego.v1

rollouts := [observation |
	some observation in object.get(input, "observations", [])
	observation.kind == "rollout-verdict"
]

problems contains {
	"code": "rollout-undone",
	"what": sprintf("no agent in %s observed a rollout of the release", [input.before.environment]),
	"remedy": "give the service a strategy with steps in `release.yaml`, and release it there",
} if {
	input.before.environment
	count(rollouts) == 0
}

problems contains {
	"code": "rollout-undone",
	"what": sprintf("the rollout in %s is not done: agent %s says %s at %d percent", [input.before.environment, rollout.agent, rollout.body.verdict, rollout.body.percent]),
	"remedy": "wait until it is done there; after a failed or interrupted rollout release another commit",
} if {
	some rollout in rollouts
	rollout.body.end != "done"
}

problems contains {
	"code": "environments-differ",
	"what": sprintf("the plan that runs in %s was not compared", [input.before.environment]),
	"remedy": "let the agent there report what it runs, and release this artifact there again",
} if {
	input.before.environment
	not input.parity
}

problems contains {
	"code": "environments-differ",
	"what": sprintf("%s differs in %s", [input.parity.environment, concat(", ", input.parity.differences)]),
	"remedy": "make the environments alike, or have the policy signers expect it (`countersign trust environment --parity FILE`)",
} if {
	count(input.parity.differences) > 0
}
