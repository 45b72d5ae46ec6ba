# Rules about the hosts of the place itself, as its agents measured them against the baseline of its configuration.
package countersign.gate

import rego.v1

host_measures := [observation |
	some observation in object.get(input, "observations", [])
	observation.kind == "baseline"
]

problems contains {
	"code": "baseline-differs",
	"what": "no agent of this place has measured its host against the baseline in force",
	"remedy": "sign a baseline with `countersign trust environment --host-baseline`, and wait until the agents have measured it",
} if {
	count(host_measures) == 0
}

problems contains {
	"code": "baseline-differs",
	"what": sprintf("the host of agent %s differs from its baseline in %d points", [host.agent, host.body.differences]),
	"remedy": "`countersign status` names them: put the host right, or sign another baseline",
} if {
	some host in host_measures
	not host.body.equal
}

# Where the rule counts, each agent of the place has to have measured its host within an hour.
reads contains {"observation": "baseline", "hours": 1} if {
	input.place.environment
	blocks("baseline-differs")
}

reads contains {"observation": "baseline"} if {
	input.place.environment
	effect("baseline-differs") == "warn"
}
