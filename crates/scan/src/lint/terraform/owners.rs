//! Which resources others belong to: providers split what a thing is among many resources that name it.

use std::collections::BTreeSet;

use super::resource::{Block, bare, module_of};

/// The resources that others name at a key.
#[derive(Debug, Default)]
pub struct Owners {
    names: BTreeSet<String>,
    addresses: BTreeSet<String>,
    /// Whether one of the others names something that only the apply tells, so that it may be any.
    is_any: bool,
}

impl Owners {
    /// The resources that these name at a key.
    pub fn of<'a>(satellites: impl Iterator<Item = Block<'a>>, key: &str) -> Self {
        let mut owners = Self::default();
        for satellite in satellites {
            owners.add(&satellite, key);
        }
        owners
    }

    /// Whether a resource has such another one, or may have one.
    pub fn may_have(&self, target: &Block<'_>) -> bool {
        self.is_any
            || self.addresses.contains(&bare(target.address()))
            || NAMES.iter().any(|key| target.text(key).is_some_and(|name| self.names.contains(name)))
    }

    fn add(&mut self, satellite: &Block<'_>, key: &str) {
        if let Some(name) = satellite.text(key) {
            self.names.insert(name.to_owned());
        }
        let Some(references) = satellite.references(key) else {
            self.is_any |= satellite.text(key).is_none();
            return;
        };
        let module = module_of(satellite.address());
        for reference in references {
            if INDIRECT.iter().any(|start| reference.starts_with(start)) {
                self.is_any = true;
                continue;
            }
            let plain = bare(reference);
            let mut parts = plain.split('.');
            if let (Some(kind), Some(name)) = (parts.next(), parts.next()) {
                self.addresses.insert(format!("{module}{kind}.{name}"));
            }
        }
    }
}

/// Arguments by which clouds name a resource.
const NAMES: [&str; 5] = ["id", "arn", "bucket", "name", "self_link"];
/// References to what stands for another thing.
const INDIRECT: [&str; 5] = ["var.", "local.", "module.", "each.", "data."];
