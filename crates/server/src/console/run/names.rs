//! Names of pieces of work, as people read them.

use wire::WorkKind;

/// The name of a piece of work as people read it: a check's label has its place and release.
pub fn shown_name(kind: WorkKind, name: &str) -> String {
    let parts: Vec<_> = name.split('.').collect();
    match (kind, parts.as_slice()) {
        (WorkKind::Check, [_, environment, release, check]) => {
            format!("{check} in {environment}, release {release}")
        }
        _ => name.to_owned(),
    }
}
