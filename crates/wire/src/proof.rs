//! Proof of the server's identity: the server introduces itself before anything is sent under somebody's name, and signs
//! each answer.
//!
//! Invariant: if a client has an anchor, an answer without a valid signature does not count, whatever it says, be it a
//! refusal or "not found". Over the server's Unix socket, the directory's permissions prove the identity instead.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evidence::dsse::Envelope;
use evidence::introduction::{Answer, Introduction, IntroductionError, Stated};
use evidence::machine::MachineKey;
use evidence::{Digest, Id, Moment};
use reqwest::{Request, Response, StatusCode};

use crate::client::{Client, ClientError, unreadable};
use crate::message::IntroductionAnswer;
use crate::{ANSWER_HEADER, API, NONCE_HEADER};

/// Why an anchor cannot tell who the server is.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// The roots do not lead from the pin to a ledger's key.
    #[error("{0}")]
    Roots(String),
    /// The version of the newest root cannot be kept.
    #[error("this machine cannot keep which trust root it has shown: {0}")]
    Keep(String),
    /// The system has no randomness to give.
    #[error("{0}")]
    Randomness(String),
}

/// The client's own basis of trust: its pin, its clock, its randomness.
pub trait Anchor: std::fmt::Debug + Send + Sync {
    /// The installation.
    fn installation(&self) -> Id;

    /// The ledger's key in the newest of these roots, and the version of that root, which must be at least `least`.
    ///
    /// # Errors
    /// `AnchorError::Roots` when these roots are not to be believed.
    fn ledger_key(&self, roots: &[Envelope], least: u32) -> Result<(MachineKey, u32), AnchorError>;

    /// Stores that a server has proved itself by a root of this version: an older root is refused at the next start.
    ///
    /// # Errors
    /// `AnchorError::Keep` when that cannot be kept.
    fn keep_root(&self, root: u32) -> Result<(), AnchorError>;

    /// The current time.
    fn now(&self) -> Moment;

    /// A random id.
    ///
    /// # Errors
    /// `AnchorError::Randomness` when the system has none to give.
    fn nonce(&self) -> Result<Id, AnchorError>;
}

/// The known facts about the client's server.
#[derive(Clone, Debug)]
pub struct Server(Arc<ServerRecord>);

#[derive(Debug)]
struct ServerRecord {
    anchor: Box<dyn Anchor>,
    proof: Mutex<ProofState>,
}

/// Why an introduction is not the server's.
#[derive(Debug, thiserror::Error)]
enum IntroductionCheckError {
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    #[error(transparent)]
    Introduction(#[from] IntroductionError),
}

#[derive(Debug, Default)]
struct ProofState {
    introduction: Option<Introduction>,
    /// Highest version of a trust root that was seen.
    root: u32,
}

/// An incoming answer, and the request that its signature must name.
#[derive(Debug)]
pub struct Reply {
    pub response: Response,
    question: Option<Question>,
}

#[derive(Debug)]
struct Question {
    nonce: Id,
    operation: String,
    key: MachineKey,
}

impl Server {
    pub fn new(anchor: Box<dyn Anchor>) -> Self {
        Self(Arc::new(ServerRecord { anchor, proof: Mutex::default() }))
    }

    fn proof(&self) -> MutexGuard<'_, ProofState> {
        self.0.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The introduction, while it is valid.
    fn introduction(&self) -> Option<Introduction> {
        let now = self.0.anchor.now();
        self.proof().introduction.clone().filter(|introduction| now <= introduction.expires)
    }

    /// Forgets the introduction: it has expired, or another process answers, so the server must introduce itself again.
    fn forget(&self) {
        self.proof().introduction = None;
    }

    fn check_introduction(
        &self,
        url: &str,
        introduced: &IntroductionAnswer,
    ) -> Result<Introduction, IntroductionCheckError> {
        let (anchor, least) = (&self.0.anchor, self.proof().root);
        let (ledger, root) = anchor.ledger_key(&introduced.roots, least)?;
        let said = &introduced.introduction;
        let opened = Introduction::open(said, &ledger, anchor.installation(), anchor.now());
        let opened = opened?;
        opened.is_of(url)?;
        let mut proof = self.proof();
        proof.root = proof.root.max(root);
        Ok(opened)
    }
}

impl Client {
    /// The same client, which accepts answers only from the server that this anchor leads to.
    #[must_use]
    pub fn with_anchor(self, anchor: Box<dyn Anchor>) -> Self {
        Self { server: Some(Server::new(anchor)), ..self }
    }

    /// The key of the server's signatures; `None` if no proof is demanded.
    pub(crate) async fn server_key(&self) -> Result<Option<MachineKey>, ClientError> {
        let Some(server) = &self.server else { return Ok(None) };
        if let Some(introduction) = server.introduction() {
            return Ok(Some(introduction.key));
        }
        self.fetch_introduction().await?;
        Ok(server.introduction().map(|introduction| introduction.key))
    }

    /// Requests the server's introduction now.
    pub(crate) async fn fetch_introduction(&self) -> Result<IntroductionAnswer, ClientError> {
        let request = self.http.get(format!("{}{API}/introduction", self.url));
        let mut request = request.build().map_err(|source| self.unreachable(source))?;
        let Some(server) = &self.server else {
            let response = self.http.execute(request).await.map_err(|source| self.unreachable(source))?;
            return self.answer("introduction", Reply { response, question: None }).await;
        };
        let nonce = self.add_nonce(server, &mut request)?;
        let operation = operation_of(&request);
        let response = self.http.execute(request).await.map_err(|source| self.unreachable(source))?;
        let (status, header) = (response.status(), header(&response));
        let (_, bytes) = self.bounded("introduction", Reply { response, question: None }, BYTES_MAX).await?;
        let proven = (|| {
            let introduced: IntroductionAnswer = serde_json::from_slice(&bytes).map_err(|_| {
                format!("it answers with status {status} and without an introduction; is it of this version?")
            })?;
            let introduction =
                server.check_introduction(&self.url, &introduced).map_err(|error| error.to_string())?;
            let stated = Answer::stated(nonce, &operation, status.as_u16(), &header, &introduction.key);
            match stated {
                Some(Stated(Some(digest))) if status == StatusCode::OK && digest == Digest::of(&bytes) => {
                    let root = server.proof().root;
                    server.0.anchor.keep_root(root).map_err(|error| error.to_string())?;
                    server.proof().introduction = Some(introduction);
                    Ok(introduced)
                }
                _ => Err("it shows the server's introduction and cannot sign what it says".to_owned()),
            }
        })();
        proven.map_err(|what| self.unproven(what))
    }

    /// Sends a request whose answer must be signed by this key.
    pub(crate) async fn send_with_proof(
        &self,
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
        match self.http.execute(request).await {
            Ok(response) => Ok(Reply { response, question }),
            Err(source) => {
                if let Some(server) = &self.server {
                    server.forget();
                }
                Err(self.unreachable(source))
            }
        }
    }

    fn add_nonce(&self, server: &Server, request: &mut Request) -> Result<Id, ClientError> {
        let nonce = server.0.anchor.nonce().map_err(|error| self.unproven(error.to_string()))?;
        let text = nonce.to_string().parse().map_err(|error| unreadable("nonce", error))?;
        request.headers_mut().insert(NONCE_HEADER, text);
        Ok(nonce)
    }

    /// The digest that the server signed for this answer; `None` if no proof is demanded.
    ///
    /// # Errors
    /// `ClientError::Unproven` if the server did not sign it.
    pub(crate) fn proven(&self, reply: &Reply) -> Result<Option<Stated>, ClientError> {
        let Some(Question { nonce, operation, key }) = &reply.question else { return Ok(None) };
        let status = reply.response.status().as_u16();
        match Answer::stated(*nonce, operation, status, &header(&reply.response), key) {
            Some(stated) => Ok(Some(stated)),
            None => Err(self.unsigned()),
        }
    }

    /// The error for an answer that the introduced server did not sign.
    pub(crate) fn unsigned(&self) -> ClientError {
        if let Some(server) = &self.server {
            server.forget();
        }
        self.unproven("it was started again, or somebody else answers in its place".into())
    }

    fn unproven(&self, what: String) -> ClientError {
        ClientError::Unproven { url: self.url.clone(), what }
    }
}

fn operation_of(request: &Request) -> String {
    let url = request.url();
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    format!("{} {}{query}", request.method(), url.path())
}

fn header(response: &Response) -> String {
    let header = response.headers().get(ANSWER_HEADER).and_then(|value| value.to_str().ok());
    header.unwrap_or_default().to_owned()
}

/// Largest introduction with its roots, from a server that has not proved itself yet.
const BYTES_MAX: usize = 8 * 1024 * 1024;
