//! A session with a store: one login, the requests under its token, and its end.
//!
//! Invariant: the token is revoked when the session ends, and with it every lease that the session was lent and did not give
//! back. A request is sent once; the caller decides whether to send it again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Method, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::answer::{Body, Clear, Credentials, Fields, KvValue, KvVersion, Lease};
use crate::error::StoreError;
use crate::login::Login;
use crate::path::StorePath;
use crate::place::Place;
use crate::store::Store;

/// A session.
pub struct Session {
    asking: Asking,
    /// The token, as a header that no log shows.
    token: HeaderValue,
    accessor: Option<String>,
    seconds: u64,
    is_ended: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("address", &self.asking.address).finish_non_exhaustive()
    }
}

impl Session {
    /// Logs in.
    ///
    /// # Errors
    /// `StoreError` if the store does not answer or refuses the login.
    pub fn open(place: &Place, login: &Login) -> Result<Self, StoreError> {
        Self::open_until(place, login, None)
    }

    /// Logs in, for requests whose answers have to be here at a time.
    ///
    /// # Errors
    /// `StoreError` if the store does not answer in time or refuses the login.
    pub fn open_until(place: &Place, login: &Login, until: Option<Instant>) -> Result<Self, StoreError> {
        let asking = Asking { until, ..Asking::new(place)? };
        let (path, body) = login.request();
        let answer: Authenticated =
            asking.answer(&Call::new(Method::POST, path, "log in").with(body), None)?;
        let mut token = HeaderValue::from_str(answer.auth.client_token.as_str())
            .map_err(|_| asking.differs("the token is no text of a header"))?;
        token.set_sensitive(true);
        let Authentication { accessor, lease_duration: seconds, .. } = answer.auth;
        let accessor = accessor.filter(|accessor| !accessor.is_empty());
        Ok(Self { asking, token, accessor, seconds, is_ended: false })
    }

    /// Seconds after the login at which the store ends the token, and with it all that was lent; `None` if it never does.
    #[must_use]
    pub fn seconds(&self) -> Option<u64> {
        (self.seconds > 0).then_some(self.seconds)
    }

    /// The token's accessor, by which another session can revoke it, and nothing else; absent for tokens that have none.
    #[must_use]
    pub fn accessor(&self) -> Option<&str> {
        self.accessor.as_deref()
    }

    /// Sets the time at which answers have to be here.
    pub fn lasts_until(&mut self, until: Instant) {
        self.asking.until = Some(until);
    }

    /// Ends the session: the store revokes the token, and what it lent under it.
    ///
    /// # Errors
    /// `StoreError` if the store could not be told; then the token ends by itself.
    pub fn end(mut self) -> Result<(), StoreError> {
        self.is_ended = true;
        self.done(&Call::new(Method::POST, "auth/token/revoke-self".into(), "end the session"))
    }

    fn asked<T: DeserializeOwned>(&self, call: &Call) -> Result<T, StoreError> {
        self.asking.answer(call, Some(&self.token))
    }

    fn done(&self, call: &Call) -> Result<(), StoreError> {
        self.asking.sent(call, Some(&self.token)).map(drop)
    }
}

impl Drop for Session {
    /// A session that was not ended is ended as well as possible: its token ends by itself in any case.
    fn drop(&mut self) {
        if !self.is_ended {
            drop(self.done(&Call::new(Method::POST, "auth/token/revoke-self".into(), "end the session")));
        }
    }
}

impl Store for Session {
    fn read(&self, mount: &StorePath, path: &StorePath, version: Option<u64>) -> Result<KvValue, StoreError> {
        let query = version.map_or_else(String::new, |version| format!("?version={version}"));
        let call = Call::new(Method::GET, format!("{mount}/data/{path}{query}"), "read a secret").at(path);
        let read: Data<KvRead> = self.asked(&call)?;
        let fields = read.data.data.ok_or_else(|| self.asking.absent(path))?;
        let found = read.data.metadata.version;
        if version.is_some_and(|version| version != found) {
            return Err(self.asking.differs("it gives another version than the one that was asked for"));
        }
        Ok(KvValue { fields, version: found })
    }

    fn write(
        &self,
        mount: &StorePath,
        path: &StorePath,
        fields: &Fields,
        newest: u64,
    ) -> Result<u64, StoreError> {
        let fields: BTreeMap<_, _> = fields.iter().map(|(name, value)| (name, value.as_str())).collect();
        let body = json!({ "options": { "cas": newest }, "data": fields });
        let call =
            Call::new(Method::POST, format!("{mount}/data/{path}"), "write a secret").with(body).at(path);
        let written: Result<Data<KvWritten>, StoreError> = self.asked(&call);
        match written {
            Ok(written) => Ok(written.data.version),
            // The interface has no other mark than this sentence.
            Err(StoreError::Failed { address, said, status: 400, .. }) if said.contains("check-and-set") => {
                Err(StoreError::Conflict { address, path: path.to_string(), expected: newest })
            }
            Err(error) => Err(error),
        }
    }

    fn versions(&self, mount: &StorePath, path: &StorePath) -> Result<BTreeMap<u64, KvVersion>, StoreError> {
        let call = Call::new(Method::GET, format!("{mount}/metadata/{path}"), "list versions").at(path);
        let read: Data<KvVersions> = self.asked(&call)?;
        Ok(read.data.versions)
    }

    fn destroy(&self, mount: &StorePath, path: &StorePath, versions: &[u64]) -> Result<(), StoreError> {
        let body = json!({ "versions": versions });
        self.done(
            &Call::new(Method::PUT, format!("{mount}/destroy/{path}"), "destroy versions")
                .with(body)
                .at(path),
        )
    }

    fn credentials(&self, mount: &StorePath, role: &StorePath) -> Result<Credentials, StoreError> {
        let call = Call::new(Method::GET, format!("{mount}/creds/{role}"), "make credentials").at(role);
        let made: Leased<Made> = self.asked(&call)?;
        let lease = Lease { id: made.lease_id, seconds: made.lease_duration, renewable: made.renewable };
        if lease.id.is_empty() || lease.seconds == 0 {
            return Err(self.asking.differs("the credentials have no lease, so they would never end"));
        }
        Ok(Credentials { lease, username: made.data.username, password: made.data.password })
    }

    fn renew(&self, lease: &Lease, seconds: u64) -> Result<Lease, StoreError> {
        let body = json!({ "lease_id": lease.id, "increment": seconds });
        let call = Call::new(Method::PUT, "sys/leases/renew".into(), "renew a lease").with(body);
        let renewed: Renewed = self.asked(&call)?;
        Ok(Lease { id: renewed.lease_id, seconds: renewed.lease_duration, renewable: renewed.renewable })
    }

    fn revoke(&self, accessor: &str) -> Result<(), StoreError> {
        let body = json!({ "accessor": accessor });
        self.done(&Call::new(Method::POST, "auth/token/revoke-accessor".into(), "revoke a token").with(body))
    }

    fn give_back(&self, lease: &Lease) -> Result<(), StoreError> {
        let body = json!({ "lease_id": lease.id, "sync": true });
        self.done(&Call::new(Method::PUT, "sys/leases/revoke".into(), "revoke a lease").with(body))
    }

    fn encrypt(
        &self,
        mount: &StorePath,
        key: &StorePath,
        bytes: &[u8],
        context: &[u8],
    ) -> Result<String, StoreError> {
        let plain = Zeroizing::new(STANDARD.encode(bytes));
        let body = json!({ "plaintext": plain.as_str(), "associated_data": STANDARD.encode(context) });
        let call = Call::new(Method::POST, format!("{mount}/encrypt/{key}"), "encrypt").with(body).at(key);
        let sealed: Data<Encrypted> = self.asked(&call)?;
        Ok(sealed.data.ciphertext)
    }

    fn decrypt(
        &self,
        mount: &StorePath,
        key: &StorePath,
        sealed: &str,
        context: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let body = json!({ "ciphertext": sealed, "associated_data": STANDARD.encode(context) });
        let call = Call::new(Method::POST, format!("{mount}/decrypt/{key}"), "decrypt").with(body).at(key);
        let opened: Data<Decrypted> = self.asked(&call)?;
        let bytes = STANDARD.decode(opened.data.plaintext.as_str());
        bytes.map(Zeroizing::new).map_err(|_| self.asking.differs("the plain text is not in base64"))
    }
}

/// A request to make.
struct Call {
    method: Method,
    path: String,
    /// The operation in words, for errors.
    act: &'static str,
    /// The path that is said to be absent if nothing is there.
    at: String,
    body: Option<Value>,
}

impl Call {
    fn new(method: Method, path: String, act: &'static str) -> Self {
        Self { method, at: path.clone(), path, act, body: None }
    }

    fn with(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    fn at(self, path: &StorePath) -> Self {
        Self { at: path.to_string(), ..self }
    }
}

/// The way to a store.
struct Asking {
    http: Client,
    runtime: tokio::runtime::Runtime,
    base: String,
    address: String,
    /// The time at which answers have to be here.
    until: Option<Instant>,
}

impl Asking {
    fn new(place: &Place) -> Result<Self, StoreError> {
        let failed = |error: &dyn std::fmt::Display| StoreError::Client(error.to_string());
        let mut headers = HeaderMap::new();
        // Proxies of these stores can demand it, so that no page in a browser can ask them.
        headers.insert(HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"));
        if let Some(namespace) = &place.namespace {
            let namespace = HeaderValue::from_str(namespace).map_err(|error| failed(&error))?;
            headers.insert(HeaderName::from_static("x-vault-namespace"), namespace);
        }
        let mut builder = Client::builder()
            .default_headers(headers)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .https_only(!place.is_plain());
        if place.is_plain() {
            // Nobody is asked with TLS, so no certificate is needed.
            builder = builder.tls_certs_only([]);
        } else if let Some(authority) = &place.authority {
            let certificates = Certificate::from_pem_bundle(authority).map_err(|error| failed(&error))?;
            if certificates.is_empty() {
                return Err(StoreError::Client(
                    "the file of the store's authority has no certificate".into(),
                ));
            }
            builder = builder.tls_certs_only(certificates);
        }
        let http = builder.build().map_err(|error| failed(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| failed(&error))?;
        Ok(Self { http, runtime, base: format!("{}v1/", place.url), address: place.host(), until: None })
    }

    fn answer<T: DeserializeOwned>(&self, call: &Call, token: Option<&HeaderValue>) -> Result<T, StoreError> {
        let body = self.sent(call, token)?;
        // The parser's own words could quote a value.
        serde_json::from_slice(body.as_bytes())
            .map_err(|_| self.differs("a field is missing or of another type"))
    }

    /// Sends a request once and reads the answer, if it is a good one.
    fn sent(&self, call: &Call, token: Option<&HeaderValue>) -> Result<Body, StoreError> {
        self.runtime.block_on(async {
            let mut request = self.http.request(call.method.clone(), format!("{}{}", self.base, call.path));
            if let Some(token) = token {
                request = request.header(TOKEN, token);
            }
            if let Some(until) = self.until {
                let left = until.saturating_duration_since(Instant::now());
                request = request.timeout(left.min(ANSWER_TIMEOUT));
            }
            if let Some(body) = &call.body {
                request = request.json(body);
            }
            let response = request.send().await.map_err(|error| self.unreachable(&error))?;
            let status = response.status();
            let body = self.body(response).await?;
            if status.is_success() { Ok(body) } else { Err(self.refusal(call, status, &body)) }
        })
    }

    async fn body(&self, mut response: Response) -> Result<Body, StoreError> {
        let mut body = Body::with_room(ANSWER_BYTES_MAX);
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if !body.add(&piece) {
                return Err(self.differs("it is longer than 2 MiB"));
            }
        }
        Ok(body)
    }

    fn refusal(&self, call: &Call, status: StatusCode, body: &Body) -> StoreError {
        let address = self.address.clone();
        let (act, said) = (call.act.to_owned(), complaint(body));
        match status {
            // A standby says 429, one that starts 472 or 473, a sealed one 503.
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                StoreError::NotReady { address, status: status.as_u16() }
            }
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => StoreError::Refused { address, act, said },
            StatusCode::NOT_FOUND => self.absent(&call.at),
            status if status.is_redirection() => {
                self.differs("it leads elsewhere; write the address of the active store itself")
            }
            // A login that is wrong is a bad request there.
            StatusCode::BAD_REQUEST if call.act == "log in" => StoreError::Refused { address, act, said },
            status => StoreError::Failed { address, act, status: status.as_u16(), said },
        }
    }

    fn absent(&self, path: &impl ToString) -> StoreError {
        StoreError::Absent { address: self.address.clone(), path: path.to_string() }
    }

    fn differs(&self, what: &'static str) -> StoreError {
        StoreError::Answer { address: self.address.clone(), what }
    }

    fn unreachable(&self, error: &reqwest::Error) -> StoreError {
        let mut what = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            what = inner.to_string();
            source = inner.source();
        }
        StoreError::Unreachable { address: self.address.clone(), what: what.chars().take(TEXT_MAX).collect() }
    }
}

/// The store's own complaint: its first errors, in one line.
fn complaint(body: &Body) -> String {
    let errors: Errors = serde_json::from_slice(body.as_bytes()).unwrap_or_default();
    let words: Vec<_> = errors.errors.iter().take(3).flat_map(|error| error.split_whitespace()).collect();
    match words.as_slice() {
        [] => "it says no more".to_owned(),
        words => words.join(" ").chars().take(TEXT_MAX).collect(),
    }
}

#[derive(Default, Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<String>,
}

#[derive(Deserialize)]
struct Authenticated {
    auth: Authentication,
}

#[derive(Deserialize)]
struct Authentication {
    client_token: Clear,
    #[serde(default)]
    accessor: Option<String>,
    #[serde(default)]
    lease_duration: u64,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct KvRead {
    data: Option<Fields>,
    metadata: KvWritten,
}

#[derive(Deserialize)]
struct KvWritten {
    version: u64,
}

#[derive(Deserialize)]
struct KvVersions {
    versions: BTreeMap<u64, KvVersion>,
}

#[derive(Deserialize)]
struct Leased<T> {
    lease_id: String,
    lease_duration: u64,
    renewable: bool,
    data: T,
}

#[derive(Deserialize)]
struct Made {
    username: String,
    password: Clear,
}

#[derive(Deserialize)]
struct Renewed {
    lease_id: String,
    lease_duration: u64,
    renewable: bool,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: Clear,
}

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A value of 1 MiB in base64, with what stands around it.
const ANSWER_BYTES_MAX: usize = 2 << 20;
const TEXT_MAX: usize = 300;
