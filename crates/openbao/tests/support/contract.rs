//! A server with the documented answers of HashiCorp Vault, because its own program may not be had here
//! (<https://developer.hashicorp.com/vault/api-docs>). It is only as good as the documentation.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A request: method, path with query, token, body.
pub struct Asked {
    pub method: String,
    pub path: String,
    pub token: Option<String>,
    pub body: Value,
}

/// A server on loopback that answers by a function, and the requests that it got.
pub struct Server {
    pub address: String,
    pub asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts it; it ends with the test's process. An answer is a whole response after the status.
    pub fn start(mut answer: impl FnMut(&Asked) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                seen.lock().unwrap().push(format!("{} {}", request.method, request.path));
                let (status, rest) = answer(&request);
                // The client may hang up before it has read everything.
                let _ = write!(stream, "HTTP/1.1 {status} Status\r\nConnection: close\r\n{rest}");
            }
        });
        Self { address, asked }
    }
}

/// The rest of a response with this JSON.
pub fn with_json(value: &Value) -> String {
    let text = value.to_string();
    format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let header = |name: &str| {
        lines.iter().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = lines.first()?.split(' ');
    Some(Asked {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        token: header("x-vault-token"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

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
