//! Deploy secrets: a person in the role `secret-owner` puts a version of a secret at one place. Only agents of the place
//! can open it.

use serde::{Deserialize, Serialize};

use super::rules::{Content, KindRules, Matter};
use super::scope::Scope;
use super::secret_version::SecretVersion;
use crate::Digest;

/// The version. The only subject of the statement is the sealed value, and its scope is one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploySecret(pub SecretVersion);

impl Content for DeploySecret {
    const RULES: KindRules = KindRules { roles: &["secret-owner"], days_max: 366, bars_authors: false };

    fn fault(&self, subjects: &[Digest]) -> Option<&'static str> {
        self.0.fault(subjects)
    }

    fn fault_in(&self, scope: &Scope) -> Option<&'static str> {
        let is_place = scope.service.is_some() && scope.environment.is_some();
        (!is_place).then_some("a secret is of one place: name service and environment")
    }

    fn concerns(&self, _subjects: &[Digest], matter: &Matter<'_>) -> bool {
        matter.secrets.iter().any(|(_, secret)| **secret == self.0.secret)
    }

    fn secret(&self) -> Option<&SecretVersion> {
        Some(&self.0)
    }

    fn summary(&self) -> String {
        let SecretVersion { secret, number, keys, .. } = &self.0;
        let agents = if keys.len() == 1 { "1 seal key".into() } else { format!("{} seal keys", keys.len()) };
        format!("secret {secret}, version {number}, sealed to {agents}")
    }
}
