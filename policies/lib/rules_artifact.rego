# Rules about the provenance, the version and the labels of the artifact, and about the configuration that it gets.
package countersign.gate

import rego.v1

# The judge refuses evidence without receipts, and derives the provenance from them again. So this can only be seen if that
# ever changed.
problems contains {
	"code": "provenance-missing",
	"what": "no receipt shows which pipeline made the artifact",
	"remedy": "run the commit on a runner of this installation",
} if {
	object.get(input.build, "pipeline", null) == null
}

# Tags of this artifact by release managers.
tags := [statement.body | some statement in object.get(input, "statements", []); statement.kind == "tag"]

versioned := [tag | some tag in tags; semver.is_valid(tag.version)]

problems contains {
	"code": "version-missing",
	"what": "no tag gives the artifact a semantic version",
	"remedy": "have a release manager tag it: `countersign tag`",
} if {
	count(versioned) == 0
}

problems contains {
	"code": "label-missing",
	"what": sprintf("no tag gives the artifact the label `%s`", [label]),
	"remedy": "have a release manager tag it with the label: `countersign tag --label`",
} if {
	some label in limits.labels
	count([tag | some tag in tags; object.get(tag, "labels", {})[label] != ""]) == 0
}

problems contains {
	"code": "configuration-out-of-bounds",
	"what": sprintf("%s: %s", [difference.name, difference.what]),
	"remedy": "correct `release.yaml` or the variables of the place, or have other bounds signed",
} if {
	some difference in input.configuration.differences
}
