//! The client: one request and its answer, with the proofs that both sides demand of each other.
//!
//! Invariant: answers are bounded, and every wait has an end. A person is asked to sign only after the server has answered
//! that the reader is unknown, and only once.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use evidence::dsse::Envelope;
use evidence::introduction::Stated;
use evidence::machine::{MachineKey, MachineSigner};
use evidence::{Digest, Id};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{ClientBuilder, Method, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tls::TransportKey;

use crate::api::{API, BODY_BYTES_MAX, NONCE_HEADER, SOCKET};
use crate::certificate::{CertificateAnswer, CertificateRequest};
use crate::client_error::{ClientError, problem_of, unreadable};
use crate::client_request::ClientRequest;
use crate::identity::{ClientIdentity, Machine, PersonSession};
use crate::message::{IntroductionAnswer, Session};
use crate::proof::{Anchor, AnswerSignature, Question, Reply, Server};
use crate::sign_in::{SignIn, SignInError};
use crate::transport::{self, TlsTransport, Transport, without_tls};
use crate::urls::Urls;
use crate::vitals::Vitals;

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Transport,
    urls: Urls,
    /// Whether it uses the server's Unix socket.
    is_local: bool,
    identity: ClientIdentity,
    /// The anchor by which the server proves its identity; `None` if no proof is demanded.
    server: Option<Server>,
    vitals: Arc<Vitals>,
}

impl Client {
    /// A client of the server at `url`, for instance `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// `ClientError` if the HTTP library cannot start.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::built(url, transport::builder(), false)
    }

    /// A client of the server on another machine at one of these URLs, for instance `https://10.0.0.1:8443`: the next one
    /// is asked when one cannot be reached. `pinned` is the digest of the installation's authority; a newer root may name
    /// another. It needs an anchor before it is used.
    ///
    /// # Errors
    /// `ClientError` if a URL is not one of TLS, or the libraries cannot start.
    pub fn over_tls(urls: &[String], installation: Id, pinned: Option<Digest>) -> Result<Self, ClientError> {
        let urls = urls.iter().map(|url| url_of(url, "https")).collect::<Result<Vec<_>, _>>()?;
        let transport = Transport::Tls(Arc::new(TlsTransport::new(installation, pinned)?));
        let urls = Urls::new(urls).ok_or_else(|| ClientError::Url(String::new()))?;
        Ok(Self {
            transport,
            urls,
            is_local: false,
            identity: ClientIdentity::Nobody,
            server: None,
            vitals: Arc::default(),
        })
    }

    /// A client that uses the server's Unix socket, at a path of 107 bytes at most.
    ///
    /// # Errors
    /// `ClientError` if the HTTP library cannot start.
    pub fn at_socket(socket: &Path, url: &str) -> Result<Self, ClientError> {
        Self::built(url, transport::builder().unix_socket(socket.to_path_buf()), true)
    }

    /// The URL of the server.
    #[must_use]
    pub fn url(&self) -> &str {
        self.urls.current()
    }

    /// Figures of this process: this client notes when its server has answered.
    #[must_use]
    pub const fn vitals(&self) -> &Arc<Vitals> {
        &self.vitals
    }

    fn built(url: &str, builder: ClientBuilder, is_local: bool) -> Result<Self, ClientError> {
        let url = url_of(url, "http")?;
        match without_tls(builder)?.build() {
            Ok(http) => Ok(Self {
                transport: Transport::Plain(http),
                urls: Urls::one(url),
                is_local,
                identity: ClientIdentity::Nobody,
                server: None,
                vitals: Arc::default(),
            }),
            Err(source) => Err(ClientError::Unreachable { url, source }),
        }
    }

    /// The same client, which sends requests as a machine and accepts answers only from the server.
    #[must_use]
    pub fn with_machine(self, machine: Machine, anchor: Box<dyn Anchor>) -> Self {
        Self { identity: ClientIdentity::Machine(Arc::new(RwLock::new(machine))), ..self }.with_anchor(anchor)
    }

    /// Sends the requests of its machine, and of all clones, with another key from now on.
    pub fn sign_with(&self, signer: MachineSigner) {
        if let ClientIdentity::Machine(machine) = &self.identity {
            machine.write().unwrap_or_else(PoisonError::into_inner).signer = signer;
        }
    }

    /// The same client, which sends requests as a person.
    #[must_use]
    pub fn with_person(self, sign_in: Box<dyn SignIn>) -> Self {
        Self { identity: ClientIdentity::Person(Arc::new(PersonSession::new(sign_in))), ..self }
    }

    /// The same client, which accepts answers only from the server that this anchor leads to.
    #[must_use]
    pub fn with_anchor(self, anchor: Box<dyn Anchor>) -> Self {
        Self { server: Some(Server::new(anchor)), ..self }
    }

    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        operation: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| unreadable(operation, error))?;
        let path = path_of(operation);
        let ask = ClientRequest { body: Some(body.into()), ..ClientRequest::to(Method::POST, &path) };
        self.answer(operation, self.ask(&ask).await?).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, operation: &str) -> Result<T, ClientError> {
        let (before, query) = operation.split_at(operation.find('?').unwrap_or(operation.len()));
        let reply = self
            .send_read(ClientRequest { query, ..ClientRequest::to(Method::GET, &path_of(before)) })
            .await?;
        self.answer(operation, reply).await
    }

    /// Sends one request, once the server has proved its identity.
    pub(crate) async fn ask(&self, ask: &ClientRequest<'_>) -> Result<Reply, ClientError> {
        let key = self.server_key().await?;
        let http = self.http(key).await?;
        let request = self.request(&http, ask, key)?;
        self.send_with_proof(&http, request, key).await
    }

    fn request(
        &self,
        http: &reqwest::Client,
        ask: &ClientRequest<'_>,
        key: Option<MachineKey>,
    ) -> Result<Request, ClientError> {
        let url = format!("{}{}{}", self.urls.current(), ask.path, ask.query);
        let mut request = http.request(ask.method.clone(), url).timeout(ask.timeout);
        if let Some(body) = &ask.body {
            request = request.header(CONTENT_TYPE, ask.kind).body(body.clone());
        }
        if let Some(credential) = self.identity.credential(ask, key)? {
            let header = credential.header().map_err(|error| unreadable(ask.path, error))?;
            request = request.header(AUTHORIZATION, header);
        }
        request.build().map_err(|source| self.unreachable(source))
    }

    /// The connections for a request after the introduction. Over TLS a machine gets its certificate first.
    async fn http(&self, key: Option<MachineKey>) -> Result<reqwest::Client, ClientError> {
        let way = match &self.transport {
            Transport::Plain(http) => return Ok(http.clone()),
            Transport::Tls(way) => way,
        };
        let server = self.server.as_ref().ok_or_else(|| ClientError::Tls(NO_ANCHOR.to_owned()))?;
        let (authority, now) = (way.authority(server.authority())?, server.now());
        let machine = matches!(self.identity, ClientIdentity::Machine(_));
        if let Some(http) = way.ready(authority, machine, now) {
            return Ok(http);
        }
        let _renewing = way.renewing.lock().await;
        if let Some(http) = way.ready(authority, machine, now) {
            return Ok(http);
        }
        let http = way.uncertified(authority)?;
        if !machine {
            way.keep(&http, authority);
            return Ok(http);
        }
        let drawn = TransportKey::draw()?;
        let body = CertificateRequest { key: drawn.public()?.to_base64() };
        let body = serde_json::to_vec(&body).map_err(|error| unreadable(CERTIFICATES, error))?;
        let path = path_of(CERTIFICATES);
        let ask = ClientRequest { body: Some(body.into()), ..ClientRequest::to(Method::POST, &path) };
        let request = self.request(&http, &ask, key)?;
        let reply = self.send_with_proof(&http, request, key).await?;
        let issued: CertificateAnswer = self.answer(CERTIFICATES, reply).await?;
        way.certify(authority, &drawn, &issued.chain, (now, issued.expires))
    }

    pub(crate) async fn answer<T: DeserializeOwned>(
        &self,
        operation: &str,
        reply: Reply,
    ) -> Result<T, ClientError> {
        let (status, bytes) = self.bounded(operation, reply, BODY_BYTES_MAX).await?;
        if !status.is_success() {
            return Err(problem_of(operation, status, &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| unreadable(operation, error))
    }

    /// An answer's status and bytes; the server's signature on them was verified.
    pub(crate) async fn bounded(
        &self,
        operation: &str,
        reply: Reply,
        bytes_max: usize,
    ) -> Result<(StatusCode, Vec<u8>), ClientError> {
        // The signature is checked before the body is read, so that only the server itself can send a large body.
        let stated = self.proven(&reply)?;
        let mut response = reply.response;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|source| self.unreachable(source))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > bytes_max {
                return Err(unreadable(operation, format!("more than {bytes_max} bytes")));
            }
        }
        match stated {
            Some(Stated(Some(digest))) if digest != Digest::of(&bytes) => Err(self.unsigned()),
            // Only these are sent in pieces without a signed digest, because their reader knows their digest.
            Some(Stated(None)) if !PIECES.iter().any(|begin| operation.starts_with(begin)) => {
                Err(self.unsigned())
            }
            _ => {
                if status.is_success() {
                    self.vitals.heard();
                }
                Ok((status, bytes))
            }
        }
    }

    /// Sends a read request. A person signs in once if the server answers that the reader is unknown.
    pub(crate) async fn send_read(&self, ask: ClientRequest<'_>) -> Result<Reply, ClientError> {
        let reply = self.ask(&ask).await?;
        match &self.identity {
            ClientIdentity::Person(person) if reply.response.status() == StatusCode::UNAUTHORIZED => {
                self.proven(&reply)?;
                self.sign_in(person).await?;
                self.ask(&ask).await
            }
            _ => Ok(reply),
        }
    }

    /// Opens a session now, whether reading needs one or not.
    ///
    /// # Errors
    /// `ClientError` if this client is no person's, or no session was opened.
    pub async fn open_session(&self) -> Result<Session, ClientError> {
        match &self.identity {
            ClientIdentity::Person(person) => self.sign_in(person).await,
            _ => Err(SignInError("only a person opens a session".into()).into()),
        }
    }

    async fn sign_in(&self, person: &PersonSession) -> Result<Session, ClientError> {
        if self.server.is_none() && !self.is_local {
            return Err(SignInError(NOTHING_PINNED.into()).into());
        }
        let server = if self.is_local { SOCKET } else { self.urls.current() };
        let challenge = self.fetch_introduction().await?.challenge;
        let request = person.sign_in.request(server, &challenge)?;
        let reply = self
            .ask(&ClientRequest {
                signed: Some(request),
                ..ClientRequest::to(Method::POST, "/api/v1/sessions")
            })
            .await?;
        let session: Session = self.answer("sessions", reply).await?;
        person.sign_in.store(&session);
        person.set_token(session.token.clone());
        Ok(session)
    }

    /// The key of the server's signatures; `None` if no proof is demanded.
    async fn server_key(&self) -> Result<Option<MachineKey>, ClientError> {
        let Some(server) = &self.server else { return Ok(None) };
        if let Some(introduction) = server.introduction() {
            return Ok(Some(introduction.key));
        }
        self.fetch_introduction().await?;
        Ok(server.introduction().map(|introduction| introduction.key))
    }

    /// The trust roots by which the server has just proved itself, oldest first.
    ///
    /// # Errors
    /// `ClientError` if the server is not the one that the anchor leads to; all roots are the server's word if there is no anchor.
    pub async fn roots(&self) -> Result<Vec<Envelope>, ClientError> {
        Ok(self.fetch_introduction().await?.roots)
    }

    /// Requests the server's introduction now.
    async fn fetch_introduction(&self) -> Result<IntroductionAnswer, ClientError> {
        let http = match &self.transport {
            Transport::Plain(http) => http,
            Transport::Tls(way) => way.introducing(),
        };
        let request = http.get(format!("{}{API}/introduction", self.urls.current()));
        let mut request = request.build().map_err(|source| self.unreachable(source))?;
        let Some(server) = &self.server else {
            let response = http.execute(request).await.map_err(|source| self.unreachable(source))?;
            return self.answer("introduction", Reply { response, question: None }).await;
        };
        let nonce = self.add_nonce(server, &mut request)?;
        let operation = operation_of(&request);
        let response = http.execute(request).await.map_err(|source| self.unreachable(source))?;
        let (status, signature) = (response.status(), AnswerSignature::of(&response));
        let (_, bytes) =
            self.bounded("introduction", Reply { response, question: None }, INTRODUCTION_BYTES_MAX).await?;
        let proven = (|| {
            let introduced: IntroductionAnswer = serde_json::from_slice(&bytes).map_err(|_| {
                format!("it answers with status {status} and without an introduction; is it of this version?")
            })?;
            let introduction = server
                .check_introduction(self.urls.current(), &introduced)
                .map_err(|error| error.to_string())?;
            let question = Question { nonce, operation, key: introduction.key };
            match question.stated(&signature) {
                Some(Stated(Some(digest))) if status == StatusCode::OK && digest == Digest::of(&bytes) => {
                    server.accept(introduction).map_err(|error| error.to_string())?;
                    Ok(introduced)
                }
                _ => Err("it shows the server's introduction and cannot sign what it says".to_owned()),
            }
        })();
        proven.map_err(|what| self.unproven(what))
    }

    /// Sends a request whose answer must be signed by this key.
    async fn send_with_proof(
        &self,
        http: &reqwest::Client,
        mut request: Request,
        key: Option<MachineKey>,
    ) -> Result<Reply, ClientError> {
        let question = match (&self.server, key) {
            (Some(server), Some(key)) => {
                let nonce = self.add_nonce(server, &mut request)?;
                Some(Question { nonce, operation: operation_of(&request), key })
            }
            (None, None) => None,
            _ => return Err(self.unproven("it has not introduced itself".into())),
        };
        match http.execute(request).await {
            Ok(response) => Ok(Reply { response, question }),
            Err(source) => {
                self.forget();
                Err(self.unreachable(source))
            }
        }
    }

    fn add_nonce(&self, server: &Server, request: &mut Request) -> Result<Id, ClientError> {
        let nonce = server.nonce().map_err(|error| self.unproven(error.to_string()))?;
        let text = nonce.to_string().parse().map_err(|error| unreadable("nonce", error))?;
        request.headers_mut().insert(NONCE_HEADER, text);
        Ok(nonce)
    }

    /// The digest that the server signed for this answer; `None` if no proof is demanded.
    ///
    /// # Errors
    /// `ClientError::Unproven` if the server did not sign it.
    pub(crate) fn proven(&self, reply: &Reply) -> Result<Option<Stated>, ClientError> {
        let Some(question) = &reply.question else { return Ok(None) };
        match question.stated(&AnswerSignature::of(&reply.response)) {
            Some(stated) => Ok(Some(stated)),
            None => Err(self.unsigned()),
        }
    }

    /// The error for an answer that the introduced server did not sign.
    fn unsigned(&self) -> ClientError {
        self.forget();
        self.unproven("it was started again, or somebody else answers in its place".into())
    }

    /// Forgets what was known of the server: it introduces itself again, and connections begin anew.
    fn forget(&self) {
        if let Some(server) = &self.server {
            server.forget();
        }
        if let Transport::Tls(way) = &self.transport {
            way.forget();
        }
    }

    fn unproven(&self, what: String) -> ClientError {
        ClientError::Unproven { url: self.urls.current().to_owned(), what }
    }

    fn unreachable(&self, source: reqwest::Error) -> ClientError {
        let url = self.urls.current().to_owned();
        self.urls.turn();
        ClientError::Unreachable { url, source }
    }
}

/// The path of an operation.
pub fn path_of(operation: &str) -> String {
    format!("{API}/{operation}")
}

/// A URL of one scheme, without a slash at its end.
fn url_of(url: &str, scheme: &str) -> Result<String, ClientError> {
    let url = url.trim_end_matches('/').to_owned();
    match reqwest::Url::parse(&url) {
        Ok(parsed) if parsed.scheme() == scheme && parsed.has_host() => Ok(url),
        _ => Err(ClientError::Url(url)),
    }
}

fn operation_of(request: &Request) -> String {
    let url = request.url();
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    format!("{} {}{query}", request.method(), url.path())
}

/// Operation that issues a machine's certificate.
const CERTIFICATES: &str = "certificates";
const NO_ANCHOR: &str = "nothing is pinned by which the server could prove its identity over TLS";
const NOTHING_PINNED: &str = "you have pinned nothing by which the server could prove its identity; get the \
                              line of `countersign trust pin` from a colleague, and pin it with `countersign trust pin --set`";
/// Beginnings of the operations that answer with the bytes of a digest: blobs, and uploads for a runner.
const PIECES: [&str; 2] = ["blobs/", "work/uploads/"];
/// Largest introduction with its roots, from a server that has not proved itself yet.
const INTRODUCTION_BYTES_MAX: usize = 8 * 1024 * 1024;
