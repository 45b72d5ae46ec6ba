//! The order of environments on every page: the way of a release, as far as the places say it.

use std::collections::BTreeSet;

use evidence::{Name, Place};
use wire::PlaceView;

/// Orders places by project and service, and those of a service by the order of environments.
pub fn arrange(places: &mut [PlaceView]) {
    let order = environments(places);
    places.sort_by_cached_key(|view| {
        let Place { project, service, environment } = &view.place;
        let nth = order.iter().position(|name| name == environment);
        (project.clone(), service.clone(), nth)
    });
}

/// Names of all environments: each after those that come before it in some service, otherwise by name.
pub fn environments(places: &[PlaceView]) -> Vec<Name> {
    let mut left: BTreeSet<&Name> = places.iter().map(|view| &view.place.environment).collect();
    let mut ordered: Vec<Name> = Vec::new();
    while !left.is_empty() {
        let waits = |name: &Name| {
            let before = places.iter().filter(|view| view.place.environment == *name);
            before.filter_map(|view| view.after.as_ref()).any(|before| left.contains(before))
        };
        // Services may order two environments in opposite ways; then names decide.
        let next = left.iter().find(|name| !waits(name)).or_else(|| left.first()).copied();
        let Some(next) = next else { break };
        left.remove(next);
        ordered.push(next.clone());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::arrange;

    #[test]
    fn places_stand_in_the_order_of_a_release() {
        let place = |environment: &str, after: Option<&str>| -> wire::PlaceView {
            serde_json::from_value(serde_json::json!({
                "place": format!("shop/api/{environment}"),
                "after": after, "automatic": true, "statement": 1, "envelope": evidence::Digest::of(b""),
                "base": "0".repeat(40), "releases": [], "rolled_back": [], "frozen": false, "agents": [], "wanted": false,
            }))
            .unwrap()
        };
        let mut places =
            [place("dev", None), place("production", Some("staging")), place("staging", Some("dev"))];
        arrange(&mut places);
        assert_eq!(
            places.each_ref().map(|view| view.place.environment.as_str()),
            ["dev", "staging", "production"]
        );
    }
}
