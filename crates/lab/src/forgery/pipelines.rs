//! Files that decide how a change is built, and tools that helped with it: changed, hidden, or shown as they are.
//!
//! The policy blocks where the rules about them warn or are off.

use std::collections::BTreeMap;

use evidence::Bytes;
use evidence::source_pack::SourcePack;

use super::build::of_message;
use super::row::{Forgery, forged};
use crate::commits::compare;
use crate::files::RELEASE_OWNED;
use crate::parts::Parts;
use crate::world::Lab;

pub(super) fn rows() -> Vec<Forgery> {
    vec![
        forged("a changed pipeline file that one person approved", "pipeline-changed", shown).in_lab(|lab| {
            strict(lab);
            lab.release = RELEASE_OWNED;
        }),
        forged(
            "a changed pipeline file whose trees somebody left out",
            "pipeline-uncompared",
            |lab, parts| {
                shown(lab, parts);
                parts.source.compared = Some([].into());
            },
        )
        .in_lab(|lab| {
            strict(lab);
            lab.release = RELEASE_OWNED;
        }),
        forged("a source in which nobody compared files", "pipeline-uncompared", |_, _| {}).in_lab(strict),
        forged("a source without the commit that runs", "pipeline-uncompared", |lab, parts| {
            shown(lab, parts);
            parts.source.commits.remove(parts.replaces.1.as_str());
        })
        .in_lab(strict),
        forged("a tree to compare that is of no commit", "source-unsound", |lab, parts| {
            shown(lab, parts);
            let other = Lab { release: RELEASE_OWNED, ..Lab::default() }.written("another", &[]).0;
            let trees = parts.source.compared.get_or_insert_default();
            trees.extend(stray(&other, &parts.source.trees));
        })
        .in_lab(strict),
        forged(
            "a change with the help of a tool that one person approved",
            "assisted-unreviewed",
            |lab, parts| {
                of_message(lab, parts, "a change\n\nAssisted-by: a tool\n");
                shown(lab, parts);
            },
        )
        .in_lab(strict),
        forged("a change by an address of a tool that one person approved", "assisted-unreviewed", shown)
            .in_lab(|lab| {
                strict(lab);
                let ada = format!("\"addresses\": {{\"{}\"}}", lab.ada.email());
                replaced(lab, "\"addresses\": set()", &ada);
            }),
    ]
}

/// The rules block in production.
fn strict(lab: &mut Lab) {
    for rule in ["pipeline-changed", "pipeline-uncompared"] {
        replaced(
            lab,
            &format!("\"{rule}\": {{\"production\": \"warn\""),
            &format!("\"{rule}\": {{\"production\": \"block\""),
        );
    }
    replaced(
        lab,
        "\"assisted-unreviewed\": {\"other\": \"off\"",
        "\"assisted-unreviewed\": {\"other\": \"block\"",
    );
}

fn replaced(lab: &mut Lab, was: &str, is: &str) {
    lab.policy.files.values_mut().for_each(|text| *text = text.replace(was, is));
}

/// The pack shows how the commit differs from the one that runs.
fn shown(lab: &Lab, parts: &mut Parts) {
    compare(&mut parts.source, &Lab::new(0).written("the first", &[]).0);
    lab.approve(parts);
}

/// Trees of another pack.
fn stray(other: &SourcePack, known: &BTreeMap<String, Bytes>) -> Vec<(String, Bytes)> {
    let further = other.trees.iter().filter(|(id, _)| !known.contains_key(*id));
    further.map(|(id, tree)| (id.clone(), tree.clone())).collect()
}
