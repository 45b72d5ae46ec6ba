//! The identity under which a client sends requests: a machine signs a claim for each operation; a person signs in once and
//! then reads with a session.
//!
//! Invariant: a person is asked to sign only after the server has answered that the reader is unknown, and only once.

use std::sync::{Arc, Mutex, PoisonError};

use evidence::claim::Claim;
use evidence::dsse::Envelope;
use evidence::machine::{MachineKey, MachineSigner};
use evidence::{Digest, Id, Moment, Name};
use reqwest::{Method, StatusCode};

use crate::SOCKET;
use crate::client::{Client, ClientError, unreadable};
use crate::client_request::ClientRequest;
use crate::credential::Credential;
use crate::message::Session;
use crate::proof::{Anchor, Reply};

/// The identity of a client.
#[derive(Clone, Debug)]
pub enum ClientIdentity {
    Nobody,
    Machine(Arc<Machine>),
    Person(Arc<PersonSession>),
}

/// A person who signs in when the server asks for it.
#[derive(Debug)]
pub struct PersonSession {
    sign_in: Box<dyn SignIn>,
    token: Mutex<Option<String>>,
}

/// Why a person did not sign the request that opens a session; the text is for that person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SignInError(pub String);

/// How a person signs in.
pub trait SignIn: std::fmt::Debug + Send + Sync {
    /// The token of a stored session.
    fn stored_token(&self) -> Option<String>;

    /// A signed request that opens a session at a server.
    ///
    /// # Errors
    /// `SignInError` when the request cannot be signed.
    fn request(&self, server: &str, challenge: &str) -> Result<Envelope, SignInError>;

    /// Stores a session for later commands.
    fn store(&self, session: &Session);
}

/// The machine as which a client sends requests.
#[derive(Debug)]
pub struct Machine {
    /// The installation.
    pub installation: Id,
    /// Name of the machine.
    pub name: Name,
    /// Key of the machine.
    pub signer: MachineSigner,
    /// Clock of the machine.
    pub now: fn() -> Moment,
}

impl Client {
    /// The same client, which sends requests as a machine and accepts answers only from the server.
    #[must_use]
    pub fn with_machine(self, machine: Machine, anchor: Box<dyn Anchor>) -> Self {
        Self { identity: ClientIdentity::Machine(Arc::new(machine)), ..self }.with_anchor(anchor)
    }

    /// The same client, which sends requests as a person.
    #[must_use]
    pub fn with_person(self, sign_in: Box<dyn SignIn>) -> Self {
        let token = Mutex::new(sign_in.stored_token());
        Self { identity: ClientIdentity::Person(Arc::new(PersonSession { sign_in, token })), ..self }
    }

    /// The header that shows the sender; a machine's names the operation.
    pub(crate) fn credential_header(
        &self,
        ask: &ClientRequest<'_>,
        server: Option<MachineKey>,
    ) -> Result<Option<String>, ClientError> {
        let credential = match (&ask.signed, &self.identity) {
            (Some(request), _) => Credential::Request(request.clone()),
            (None, ClientIdentity::Nobody) => return Ok(None),
            (None, ClientIdentity::Machine(machine)) => {
                let claim = Claim {
                    v: 1,
                    installation: machine.installation,
                    machine: machine.name.clone(),
                    operation: format!("{} {}", ask.method, ask.path),
                    issued: (machine.now)(),
                    server,
                    body: ask
                        .body
                        .as_ref()
                        .filter(|_| ask.method == Method::POST)
                        .map(|body| Digest::of(body)),
                };
                let signed = claim.sign(&machine.signer);
                Credential::Claim(signed.map_err(|error| unreadable(ask.path, error))?)
            }
            (None, ClientIdentity::Person(person)) => match person.token() {
                Some(token) => Credential::Token(token),
                None => return Ok(None),
            },
        };
        credential.header().map(Some).map_err(|error| unreadable(ask.path, error))
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

    async fn sign_in(&self, person: &PersonSession) -> Result<(), ClientError> {
        if self.server.is_none() && !self.is_local {
            return Err(SignInError(NOTHING_PINNED.into()).into());
        }
        let server = if self.is_local { SOCKET } else { &self.url };
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
        *person.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.token);
        Ok(())
    }
}

impl PersonSession {
    fn token(&self) -> Option<String> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

const NOTHING_PINNED: &str = "you have pinned nothing by which the server could prove its identity; get the \
                              line of `countersign trust pin` from a colleague, and pin it with `countersign trust pin --set`";
