//! Plans of infrastructure in the report lane: each runner must have planned the same.

use std::collections::{BTreeMap, BTreeSet};

use evidence::document::changes::{Change, ChangeAction, Cost};
use evidence::document::{ChangesDocument, Tool};

use super::documents::{one_saw, signed, with};
use super::row::{Forgery, forged};
use crate::documents::LabDocument;
use crate::files::PIPELINE_CHANGES;
use crate::world::Lab;

pub(super) fn rows() -> Vec<Forgery> {
    vec![
        forged("a plan that destroys a database", "resource-destroyed", |lab, parts| {
            parts.documents.insert(PATH.into(), LabDocument::of(&planned(ChangeAction::Delete)));
            signed(lab, parts, |_| ());
        })
        .in_lab(kept),
        forged("a plan that one runner alone saw", "documents-differ", |lab, parts| {
            parts.documents.insert(PATH.into(), LabDocument::of(&planned(ChangeAction::Update)));
            one_saw(lab, parts, PATH, &LabDocument::of(&planned(ChangeAction::Create)));
        })
        .in_lab(kept),
    ]
}

/// A plan of one resource, with its cost.
fn planned(action: ChangeAction) -> ChangesDocument {
    let mut document = ChangesDocument::new([Tool::new("terraform", Some("1.9.5"))]);
    let change = Change {
        sort: "aws_db_instance".into(),
        provider: "aws".into(),
        action,
        fields: BTreeSet::from(["size".into()]),
    };
    document.resources = BTreeMap::from([("aws_db_instance.orders".into(), change)]);
    document.costs = BTreeMap::from([("EUR".into(), Cost { monthly: 1200, before: Some(900), unpriced: 0 })]);
    document
}

/// A policy that lets no plan destroy.
fn kept(lab: &mut Lab) {
    lab.pipeline = PIPELINE_CHANGES;
    lab.policy = with(
        "reads contains {\"kind\": \"changes\"}
deny contains {\"code\": \"resource-destroyed\", \"what\": \"the plan destroys\", \"remedy\": \"keep it\"} if {
\tinput.changes.count.delete > 0
}
",
    );
}

const PATH: &str = "out/plan.json";
