//! A server with the documented answers of HashiCorp Vault, because its own program may not be had here
//! (<https://developer.hashicorp.com/vault/api-docs>). It is only as good as the documentation.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::server::{Asked, with_json};

/// Vault as its documentation describes it: an AppRole, a role for tokens, `secret`, `transit` and `database`.
pub struct Vault {
    now: u64,
    logged_in: bool,
    versions: Vec<Option<Value>>,
    sealed: BTreeMap<String, (String, String)>,
    lease: bool,
}

impl Vault {
    pub fn new(now: u64) -> Self {
        Self { now, logged_in: false, versions: Vec::new(), sealed: BTreeMap::new(), lease: false }
    }

    pub fn answer(&mut self, asked: &Asked) -> (u16, String) {
        let (status, value) = self.value(asked);
        (status, value.map_or_else(|| "\r\n".to_owned(), |value| with_json(&value)))
    }

    fn value(&mut self, asked: &Asked) -> (u16, Option<Value>) {
        let body = &asked.body;
        let errors = |status, text: &str| (status, Some(json!({ "errors": [text] })));
        if let Some(method) =
            asked.path.strip_prefix("/v1/auth/").and_then(|rest| rest.strip_suffix("/login"))
        {
            let good = match method {
                "approle" => body["secret_id"] == "84896a0c-1347-aa90-a4f6-aca8b7558780",
                _ => self.believes(body["jwt"].as_str().unwrap()),
            };
            self.logged_in |= good;
            let auth = json!({
                "client_token": "hvs.CAESIJ", "accessor": "2c84f488", "policies": ["default", "dev-policy"],
                "metadata": { "role": "web" }, "lease_duration": 3600, "renewable": true
            });
            return match good {
                true => (200, Some(answered(&json!(null), &auth, ("", 0, false)))),
                false => errors(400, "invalid role or secret ID"),
            };
        }
        if asked.token.as_deref() != Some("hvs.CAESIJ") || !self.logged_in {
            return errors(403, "permission denied");
        }
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/v1/auth/token/revoke-self") => (204, None),
            (_, path) if path.starts_with("/v1/secret/") && !path.contains("/shop/") => {
                errors(403, "1 error occurred:\n\t* permission denied\n\n")
            }
            (method, path) if path.starts_with("/v1/secret/") => self.kv(method, path, body),
            ("POST", "/v1/transit/encrypt/ring") => {
                let sealed = format!("vault:v1:{}", self.sealed.len());
                let part = |name: &str| body[name].as_str().unwrap().to_owned();
                self.sealed.insert(sealed.clone(), (part("plaintext"), part("associated_data")));
                (200, Some(data(&json!({ "ciphertext": sealed, "key_version": 1 }))))
            }
            ("POST", "/v1/transit/decrypt/ring") => {
                match self.sealed.get(body["ciphertext"].as_str().unwrap()) {
                    Some((plain, context)) if body["associated_data"] == **context => {
                        (200, Some(data(&json!({ "plaintext": plain }))))
                    }
                    _ => errors(400, "cipher: message authentication failed"),
                }
            }
            ("GET", "/v1/database/creds/migrate") => {
                self.lease = true;
                let made = json!({ "username": "v-role-migrate-x", "password": "A1a-x" });
                (200, Some(answered(&made, &json!(null), ("database/creds/migrate/2f6a614c", 3600, true))))
            }
            ("PUT", "/v1/sys/leases/renew") if self.lease => (
                200,
                Some(answered(&json!(null), &json!(null), (body["lease_id"].as_str().unwrap(), 60, true))),
            ),
            ("PUT", "/v1/sys/leases/renew") => errors(400, "lease not found"),
            ("PUT", "/v1/sys/leases/revoke") => {
                self.lease = false;
                (204, None)
            }
            _ => (404, Some(json!({ "errors": [] }))),
        }
    }

    fn kv(&mut self, method: &str, path: &str, body: &Value) -> (u16, Option<Value>) {
        let (path, version) = path.split_once("?version=").unwrap_or((path, ""));
        let number = version.parse().unwrap_or(self.versions.len());
        let described = |number: usize, gone: bool| {
            json!({ "created_time": "2018-03-22T02:24:06.945319214Z", "custom_metadata": null, "deletion_time": "",
                    "destroyed": gone, "version": number })
        };
        match (method, path) {
            ("POST", "/v1/secret/data/shop/registry") => {
                if body["options"]["cas"] != self.versions.len() {
                    let text = "check-and-set parameter did not match the current version";
                    return (400, Some(json!({ "errors": [text] })));
                }
                self.versions.push(Some(body["data"].clone()));
                (200, Some(data(&described(self.versions.len(), false))))
            }
            ("GET", "/v1/secret/data/shop/registry") => match self.versions.get(number.wrapping_sub(1)) {
                Some(Some(fields)) => {
                    (200, Some(data(&json!({ "data": fields, "metadata": described(number, false) }))))
                }
                Some(None) => {
                    (404, Some(data(&json!({ "data": null, "metadata": described(number, true) }))))
                }
                None => (404, Some(json!({ "errors": [] }))),
            },
            ("PUT", "/v1/secret/destroy/shop/registry") => {
                for number in body["versions"].as_array().unwrap() {
                    self.versions[usize::try_from(number.as_u64().unwrap()).unwrap() - 1] = None;
                }
                (204, None)
            }
            ("GET", "/v1/secret/metadata/shop/registry") => {
                let all = self.versions.iter().enumerate();
                let all: serde_json::Map<_, _> =
                    all.map(|(at, one)| ((at + 1).to_string(), described(at + 1, one.is_none()))).collect();
                (200, Some(data(&json!({ "cas_required": false, "current_version": 2, "versions": all }))))
            }
            _ => (404, Some(json!({ "errors": [] }))),
        }
    }

    /// The signature itself is the real server's to check; its own test covers it.
    fn believes(&self, token: &str) -> bool {
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let ours = super::Signer::new(1).login("bao", claims["iat"].as_u64().unwrap());
        let openbao::Login::Jwt { token: ours, .. } = ours else { return false };
        ours.as_str() == token && claims["exp"].as_u64().unwrap() > self.now
    }
}

/// The form of every answer: https://developer.hashicorp.com/vault/api-docs#http-status-codes and the examples of each page.
fn answered(data: &Value, auth: &Value, (lease, seconds, renewable): (&str, u64, bool)) -> Value {
    json!({ "request_id": "f0185257", "lease_id": lease, "renewable": renewable, "lease_duration": seconds, "data": data,
            "wrap_info": null, "warnings": null, "auth": auth })
}

fn data(data: &Value) -> Value {
    answered(data, &json!(null), ("", 0, false))
}
