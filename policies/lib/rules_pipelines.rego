# Rules about files that decide how a change is built and shipped, and about tools that helped with a change.
package countersign.gate

import rego.v1

pipeline_limits := limits.pipeline

assistance_limits := limits.assistance

# Changed files of the sorts that the limits name.
pipeline_changes := [file |
	some file in object.get(input, ["source", "pipeline_files"], [])
	file.sort in pipeline_limits.sorts
]

pipeline_names := concat(", ", [sprintf("%s (%s)", [file.path, file.change]) | some file in array.slice(pipeline_changes, 0, 5)])

# People who approved in the role that may let such files change.
pipeline_approvers contains approval.subject if {
	some approval in input.approvals
	approval.counts
	pipeline_limits.role in approval.roles
	not approval.subject in signed_off
}

unapproved_pipeline contains gap if {
	count(pipeline_changes) > 0
	count(pipeline_approvers) < pipeline_limits.approvals
	gap := {
		"what": sprintf("%d files that decide how it is built and shipped changed, and %d of %d people in role %s approve: %s", [count(pipeline_changes), count(pipeline_approvers), pipeline_limits.approvals, pipeline_limits.role, pipeline_names]),
		"remedy": "have more people look at these files with `countersign approve`, or take the change of them back",
	}
}

uncompared_pipeline contains gap if {
	not input.source.pipeline_files
	gap := {
		"what": "the source pack does not show which files changed since the commit that runs, so nobody can tell if pipeline files did",
		"remedy": "run the commit again from a full clone with this version of countersign; if `run` says that the change is too large, release a part of it first",
	}
}

problems contains problem if {
	some gap in unapproved_pipeline
	problem := object.union({"code": "pipeline-changed"}, gap)
}

problems contains problem if {
	some gap in uncompared_pipeline
	problem := object.union({"code": "pipeline-uncompared"}, gap)
}

checks contains "no file changed that decides how it is built and shipped" if {
	effect("pipeline-changed") != "off"
	input.source.pipeline_files
	count(pipeline_changes) == 0
}

checks contains sprintf("at least %d people in role %s approve the change of files that decide how it is built and shipped: %s", [pipeline_limits.approvals, pipeline_limits.role, pipeline_names]) if {
	effect("pipeline-changed") != "off"
	count(pipeline_changes) > 0
	count(unapproved_pipeline) == 0
}

# Tools by the names in trailers, and by the addresses that the limits name.
helpers contains tool if {
	some commit in input.source.range
	some tool in commit.assisted
}

helpers contains address if {
	some commit in input.source.range
	some address in commit.addresses
	address in assistance_limits.addresses
}

assistance_approvers contains approval.subject if {
	some approval in input.approvals
	approval.counts
	assistance_limits.role in approval.roles
	not approval.subject in signed_off
}

problems contains {
	"code": "assisted-unreviewed",
	"what": sprintf("commits of the change name %d tools that helped, and %d of %d people in role %s approve: %s", [count(helpers), count(assistance_approvers), assistance_limits.approvals, assistance_limits.role, concat(", ", array.slice(sort(helpers), 0, 5))]),
	"remedy": "have more people look at it with `countersign approve`",
} if {
	count(helpers) > 0
	count(assistance_approvers) < assistance_limits.approvals
}
