//! The network of a step that holds secrets: what its pipeline names, as far as the grants of its secrets name it, too.
//!
//! Invariant: nothing is reached that not both name. A step that neither holds secrets nor gets outputs of one that did reaches
//! what its pipeline names.

use evidence::statements::Reach;
use sandbox::Destination;

/// The destinations of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounded {
    /// Destinations that it reaches.
    pub within: Vec<Destination>,
    /// Destinations that its pipeline names and the grants do not.
    pub beyond: Vec<Destination>,
}

/// Bounds the destinations of a pipeline by those of grants.
pub fn bounded(network: Vec<Destination>, reach: Option<&Reach>) -> Bounded {
    let Some(reach) = reach else { return Bounded { within: network, beyond: Vec::new() } };
    // A destination of a grant that cannot be read bounds the step like one that is not there.
    let granted: Vec<Destination> = reach.iter().filter_map(|to| to.parse().ok()).collect();
    let (within, beyond) = network.into_iter().partition(|to| granted.contains(to));
    Bounded { within, beyond }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(texts: &[&str]) -> Vec<Destination> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn attack_a_step_that_holds_a_secret_reaches_only_what_pipeline_and_grants_name() {
        let network =
            || all(&["registry.example:443", "MIRROR.example.:443", "[2001:db8::1]:443", "db.example:5432"]);
        let reach = |texts: &[&str]| -> Reach { texts.iter().map(|text| (*text).to_owned()).collect() };
        let of = |texts: &[&str]| bounded(network(), Some(&reach(texts))).within;
        assert_eq!(bounded(network(), None).within, network(), "no secret, no bound");
        assert_eq!(of(&[]), [], "a grant without network");
        assert_eq!(of(&["registry.example:443"]), all(&["registry.example:443"]));
        assert_eq!(
            of(&["registry.example:8443", "example:443", "a.registry.example:443"]),
            [],
            "another port or host"
        );
        assert_eq!(
            of(&["mirror.example:443", "[2001:0db8::1]:443"]),
            all(&["mirror.example:443", "[2001:db8::1]:443"])
        );
        assert_eq!(of(&["*", "registry.example", "registry.example:443/x"]), [], "no pattern");
        assert_eq!(of(&["elsewhere.example:443"]), [], "only the grant names it");
        let beyond = bounded(network(), Some(&reach(&["db.example:5432"]))).beyond;
        assert_eq!(beyond.len(), 3, "{beyond:?}");
    }
}
