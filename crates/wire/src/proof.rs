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
use reqwest::{Response, StatusCode};

use crate::api::ANSWER_HEADER;
use crate::message::IntroductionAnswer;

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

    /// Digest of the authority of the installation's certificates that the newest of these roots names, if it names one.
    ///
    /// # Errors
    /// `AnchorError::Roots` when these roots are not to be believed.
    fn authority(&self, roots: &[Envelope], least: u32) -> Result<Option<Digest>, AnchorError> {
        let _ = (roots, least);
        Ok(None)
    }

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
pub enum IntroductionCheckError {
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
    /// The authority that the newest root names.
    authority: Option<Digest>,
}

/// An incoming answer, and the request that its signature must name.
#[derive(Debug)]
pub struct Reply {
    pub response: Response,
    /// `None` if no proof is demanded.
    pub question: Option<Question>,
}

/// The content that the signature of an answer must name, and the key that must have made it.
#[derive(Debug)]
pub struct Question {
    pub nonce: Id,
    /// Method, path and query.
    pub operation: String,
    pub key: MachineKey,
}

/// Status of an answer, and the header with its signature.
#[derive(Debug)]
pub struct AnswerSignature {
    status: StatusCode,
    header: String,
}

impl AnswerSignature {
    /// The signature of a response, which is still to be checked.
    pub fn of(response: &Response) -> Self {
        let header = response.headers().get(ANSWER_HEADER).and_then(|value| value.to_str().ok());
        Self { status: response.status(), header: header.unwrap_or_default().to_owned() }
    }
}

impl Question {
    /// The digest that the signature of an answer to this question states; `None` if the signature is invalid.
    pub fn stated(&self, signature: &AnswerSignature) -> Option<Stated> {
        let status = signature.status.as_u16();
        Answer::stated(self.nonce, &self.operation, status, &signature.header, &self.key)
    }
}

impl Server {
    pub fn new(anchor: Box<dyn Anchor>) -> Self {
        Self(Arc::new(ServerRecord { anchor, proof: Mutex::default() }))
    }

    fn proof(&self) -> MutexGuard<'_, ProofState> {
        self.0.proof.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The introduction, while it is valid.
    pub fn introduction(&self) -> Option<Introduction> {
        let now = self.0.anchor.now();
        self.proof().introduction.clone().filter(|introduction| now <= introduction.expires)
    }

    /// The authority that the newest root names, once the server has introduced itself.
    pub fn authority(&self) -> Option<Digest> {
        self.proof().authority
    }

    /// The client's own time.
    pub fn now(&self) -> Moment {
        self.0.anchor.now()
    }

    /// Forgets the introduction: it has expired, or another process answers, so the server must introduce itself again.
    pub fn forget(&self) {
        self.proof().introduction = None;
    }

    /// Checks that an introduction is signed by the ledger's key, and is of the server at this address.
    pub fn check_introduction(
        &self,
        url: &str,
        introduced: &IntroductionAnswer,
    ) -> Result<Introduction, IntroductionCheckError> {
        let (anchor, least) = (&self.0.anchor, self.proof().root);
        let (ledger, root) = anchor.ledger_key(&introduced.roots, least)?;
        let authority = anchor.authority(&introduced.roots, least)?;
        let said = &introduced.introduction;
        let opened = Introduction::open(said, &ledger, anchor.installation(), anchor.now());
        let opened = opened?;
        opened.is_of(url)?;
        let mut proof = self.proof();
        proof.root = proof.root.max(root);
        proof.authority = authority;
        Ok(opened)
    }

    /// Uses an introduction from now on: the process that showed it has signed an answer with its key.
    pub fn accept(&self, introduction: Introduction) -> Result<(), AnchorError> {
        let root = self.proof().root;
        self.0.anchor.keep_root(root)?;
        self.proof().introduction = Some(introduction);
        Ok(())
    }

    /// A random id for the next request.
    pub fn nonce(&self) -> Result<Id, AnchorError> {
        self.0.anchor.nonce()
    }
}
