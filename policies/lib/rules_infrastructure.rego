# Rules about infrastructure: what a plan destroys, what it costs, and whether a runner judged its files.
package countersign.gate

import rego.v1

# Limits of costs by currency.
cost_limits := limits.cost

# Resources that the plan destroys, those that it makes anew afterwards among them.
destroyed := [resource |
	some resource in object.get(input, ["changes", "resources"], [])
	resource.action in {"delete", "replace"}
]

destroyed_names := [sprintf("%s (%s)", [resource.address, resource.action]) | some resource in array.slice(destroyed, 0, 5)]

# An amount of hundredths as people write it.
money(amount, currency) := sprintf("%d.%02d %s", [(amount - (amount % 100)) / 100, amount % 100, currency])

# People who approved in the role that may let resources be destroyed.
destroyers contains approval.subject if {
	some approval in input.approvals
	approval.counts
	limits.destruction.role in approval.roles
	not approval.subject in signed_off
}

problems contains {
	"code": "destruction-unapproved",
	"what": sprintf("the plan destroys %d resources, %d are allowed with fewer than %d approvals in role %s: %s", [count(destroyed), limits.destruction.allowed, limits.destruction.approvals, limits.destruction.role, concat(", ", destroyed_names)]),
	"remedy": "have more people look at the plan with `countersign approve`, or change it so that it keeps these resources",
} if {
	count(destroyed) > limits.destruction.allowed
	count(destroyers) < limits.destruction.approvals
}

problems contains {
	"code": "cost-exceeded",
	"what": sprintf("the plan costs %s a month, %d are allowed", [money(cost.monthly, cost.currency), cost_limits[cost.currency].monthly]),
	"remedy": "plan less, or have the limit raised in `limits.cost` of the policy",
} if {
	some cost in object.get(input, ["changes", "costs"], [])
	cost.monthly > cost_limits[cost.currency].monthly * 100
}

problems contains {
	"code": "cost-exceeded",
	"what": sprintf("the plan costs %s a month more than before, %d are allowed", [money(increase, cost.currency), cost_limits[cost.currency].increase]),
	"remedy": "plan less, or have the limit raised in `limits.cost` of the policy",
} if {
	some cost in object.get(input, ["changes", "costs"], [])
	is_number(cost.before)
	increase := cost.monthly - cost.before
	increase > cost_limits[cost.currency].increase * 100
}

# A price that nobody knows is not a low one.
problems contains {
	"code": "cost-exceeded",
	"what": sprintf("the price of %d resources of the plan is not known, and a limit of costs in %s is set", [cost.unpriced, cost.currency]),
	"remedy": "let the tool price them, or take the row out of `limits.cost`",
} if {
	some cost in object.get(input, ["changes", "costs"], [])
	cost_limits[cost.currency]
	cost.unpriced > 0
}

problems contains {
	"code": "cost-exceeded",
	"what": sprintf("the cost in %s before the plan is not known, so nobody can tell its increase", [cost.currency]),
	"remedy": "let the tool compare, as `infracost diff` does, or take `increase` out of `limits.cost`",
} if {
	some cost in object.get(input, ["changes", "costs"], [])
	cost_limits[cost.currency].increase
	not is_number(cost.before)
}

# A limit in one currency says nothing about costs in another.
problems contains {
	"code": "cost-exceeded",
	"what": sprintf("the plan is priced in %s, for which no limit is set", [cost.currency]),
	"remedy": "let the tool price in a currency of `limits.cost`, or set a limit for this one",
} if {
	count(cost_limits) > 0
	some cost in object.get(input, ["changes", "costs"], [])
	not cost_limits[cost.currency]
}

problems contains {
	"code": "cost-exceeded",
	"what": "limits of costs are set, and no report prices the plan",
	"remedy": "let a step report them with `infracost: costs.json`",
} if {
	count(cost_limits) > 0
	count(object.get(input, ["changes", "resources"], [])) > 0
	count(object.get(input, ["changes", "costs"], [])) == 0
}

problems contains {
	"code": "infrastructure-unscanned",
	"what": "no runner judged manifests, templates and plans of infrastructure",
	"remedy": "add a step with `scan: [infrastructure, pipelines]` that needs the step with the plan",
} if {
	not runner_judged_infrastructure
}

runner_judged_infrastructure if {
	some report in object.get(input, "reports", [])
	report.producer == "runner"
	report.format == "infrastructure"
}
