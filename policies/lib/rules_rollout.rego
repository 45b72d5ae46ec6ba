# Rules about the rollout of the release in the environment before, as its agents observed it.
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
