//! Steps that are held apart because of secrets.
//!
//! Invariant: no step that is held apart leaves a file for an artifact. `check.rs` refuses a pipeline in which one would.

use std::collections::{BTreeMap, BTreeSet};

use super::{Pipeline, Step};
use crate::Name;
use crate::secret_name::SecretName;

impl Step {
    /// The secrets that the step asks for in a run of a project, by the names under which it gets them.
    #[must_use]
    pub fn secrets_in(&self, project: &Name) -> BTreeMap<Name, SecretName> {
        self.secrets.iter().map(|(own, asked)| (own.clone(), asked.secret.in_project(project))).collect()
    }
}

impl Pipeline {
    /// The steps that are held apart: those with secrets, and all that need one of them, directly or by others. They run on one
    /// runner, and nothing of them enters an artifact.
    #[must_use]
    pub fn held_apart(&self) -> BTreeSet<&Name> {
        let mut held = BTreeSet::new();
        for name in self.order() {
            let Some((name, step)) = self.steps.get_key_value(name) else { continue };
            if !step.secrets.is_empty() || step.needs.iter().any(|need| held.contains(need)) {
                held.insert(name);
            }
        }
        held
    }

    /// A step that is held apart, and that some source of an artifact comes from.
    pub(super) fn held_source(&self, steps: &BTreeSet<&Name>) -> Option<&Name> {
        self.held_apart().into_iter().find(|name| steps.contains(name))
    }
}
