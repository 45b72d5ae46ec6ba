# Rules about residency: where each class of data may be. `release.yaml` names the classes of a service, the environment
# statement the region of a place, and `limits.residency` the regions of each class.
package countersign.gate

import rego.v1

residency_regions := limits.residency

data_classes := {class | some class in object.get(input, ["service", "data"], [])}

# Classes that may be in every region.
unbound_classes := {class | some class in data_classes; "any" in residency_regions[class]}

misplaced contains gap if {
	some class in data_classes
	not residency_regions[class]
	gap := {
		"what": sprintf("the service has data of the class `%s`, and the policy says in no row in which regions they may be", [class]),
		"remedy": "have the row added to `limits.residency` of the policy, or correct `data` in release.yaml",
	}
}

misplaced contains gap if {
	some class in data_classes - unbound_classes
	residency_regions[class]
	not input.place.region
	gap := {
		"what": sprintf("the service has data of the class `%s`, and nobody signed in which region the place is", [class]),
		"remedy": "have the policy signers name it with `countersign trust environment --region`",
	}
}

misplaced contains gap if {
	some class in data_classes - unbound_classes
	allowed := residency_regions[class]
	not input.place.region in allowed
	gap := {
		"what": sprintf("the service has data of the class `%s`, which may be in %s, and the place is in %s", [class, concat(", ", allowed), input.place.region]),
		"remedy": "release it to a place in an allowed region, or keep such data out of the service",
	}
}

problems contains problem if {
	some gap in misplaced
	problem := object.union({"code": "residency-violated"}, gap)
}

checks contains sprintf("data of the classes %s may be where the place is", [concat(", ", data_classes)]) if {
	blocks("residency-violated")
	count(data_classes) > 0
	count(misplaced) == 0
}
