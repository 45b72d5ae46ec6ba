//! Ways to log in: the operator's choice for a machine.

use serde_json::{Value, json};

use crate::answer::Clear;
use crate::path::StorePath;

/// A login.
#[derive(Clone, Debug)]
pub enum Login {
    /// AppRole (<https://openbao.org/api-docs/auth/approle/>).
    AppRole {
        /// Mount of the method.
        mount: StorePath,
        /// Id of the role.
        role: String,
        /// The role's secret id.
        secret: Clear,
    },
    /// A token that the machine signs (<https://openbao.org/api-docs/auth/jwt/>).
    Jwt {
        /// Mount of the method.
        mount: StorePath,
        /// Name of the role.
        role: String,
        /// The signed token.
        token: Clear,
    },
}

impl Login {
    /// Path and body of the request.
    pub(crate) fn request(&self) -> (String, Value) {
        let (mount, body) = match self {
            Self::AppRole { mount, role, secret } => {
                (mount, json!({ "role_id": role, "secret_id": secret.as_str() }))
            }
            Self::Jwt { mount, role, token } => (mount, json!({ "role": role, "jwt": token.as_str() })),
        };
        (format!("auth/{mount}/login"), body)
    }
}
