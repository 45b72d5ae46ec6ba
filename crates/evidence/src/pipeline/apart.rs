//! Steps that are held apart because of secrets.
//!
//! Invariant: no step that is held apart leaves a file for an artifact. `check.rs` refuses a pipeline in which one would.

use std::collections::{BTreeMap, BTreeSet};

use super::{DATABASE_FILE, Pipeline, Step, StepDatabase};
use crate::Name;
use crate::secret_name::SecretName;

impl Step {
    /// The secrets that are lent for the step in a run of a project, by the names of their files. The credential of its database
    /// is one of them, although the step gets only the password of a role.
    #[must_use]
    pub fn secrets_in(&self, project: &Name) -> BTreeMap<Name, SecretName> {
        let asked = self.secrets.iter().map(|(own, asked)| (own.clone(), asked.secret.in_project(project)));
        let credential = self.database.as_ref().map(|database| database.credential.in_project(project));
        // The text is a name, so nothing is left out here.
        asked.chain(DATABASE_FILE.parse().ok().zip(credential)).collect()
    }

    /// Whether something is lent for the step.
    #[must_use]
    pub fn has_secrets(&self) -> bool {
        !self.secrets.is_empty() || self.database.is_some()
    }

    /// Every destination that the step connects to directly.
    #[must_use]
    pub fn connects_to(&self) -> BTreeSet<String> {
        self.connect.iter().cloned().chain(self.database.as_ref().map(StepDatabase::destination)).collect()
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
            if step.has_secrets() || step.needs.iter().any(|need| held.contains(need)) {
                held.insert(name);
            }
        }
        held
    }

    /// The steps whose outputs reach a step, directly or by others.
    #[must_use]
    pub fn givers(&self, step: &Name) -> BTreeSet<&Name> {
        let needs = |name: &Name| self.steps.get(name).map(|step| &step.needs).into_iter().flatten();
        let (mut found, mut open) = (BTreeSet::new(), needs(step).collect::<Vec<_>>());
        while let Some(name) = open.pop() {
            let giver = self.steps.get_key_value(name).filter(|(_, giver)| !giver.outputs.is_empty());
            if let Some((name, _)) = giver
                && found.insert(name)
            {
                open.extend(needs(name));
            }
        }
        found
    }

    /// A step that is held apart, and that some source of an artifact comes from.
    pub(super) fn held_source(&self, steps: &BTreeSet<&Name>) -> Option<&Name> {
        self.held_apart().into_iter().find(|name| steps.contains(name))
    }
}
