//! In whose name a client asks: a machine claims each operation, a person signs in once and reads by the session.
//!
//! Invariant: nobody is asked to sign before the server has said that it does not know who reads, and then once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evidence::claim::Claim;
use evidence::dsse::Envelope;
use evidence::machine::MachineSigner;
use evidence::{Id, Moment, Name};
use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, Response, StatusCode};

use crate::client::{Client, ClientError, unreadable};
use crate::credential::Credential;
use crate::message::Session;
use crate::{API, SOCKET};

/// In whose name a client asks.
#[derive(Clone, Debug)]
pub enum Who {
    Nobody,
    Machine(Arc<Machine>),
    Person(Arc<Signed>),
}

/// A person who signs in when the server asks for it.
#[derive(Debug)]
pub struct Signed {
    sign_in: Box<dyn SignIn>,
    token: Mutex<Option<String>>,
}

/// How a person signs in.
pub trait SignIn: std::fmt::Debug + Send + Sync {
    /// The token of a session that is kept.
    fn kept(&self) -> Option<String>;

    /// A signed request that opens a session at a server.
    ///
    /// # Errors
    /// Why there is none, for the person to read.
    fn request(&self, server: &str) -> Result<Envelope, String>;

    /// Keeps a session for the next time.
    fn keep(&self, session: &Session);
}

/// The machine in whose name a client asks.
#[derive(Debug)]
pub struct Machine {
    /// The installation.
    pub installation: Id,
    /// Its name.
    pub name: Name,
    /// Its key.
    pub signer: MachineSigner,
    /// Its clock.
    pub now: fn() -> Moment,
}

impl Client {
    /// The same client, asking in the name of a machine.
    #[must_use]
    pub fn with_machine(self, machine: Machine) -> Self {
        Self { who: Who::Machine(Arc::new(machine)), ..self }
    }

    /// The same client, asking in the name of a person.
    #[must_use]
    pub fn with_person(self, sign_in: Box<dyn SignIn>) -> Self {
        let token = Mutex::new(sign_in.kept());
        Self { who: Who::Person(Arc::new(Signed { sign_in, token })), ..self }
    }

    /// Adds the claim by which a machine shows who it is.
    pub(crate) fn claimed(
        &self,
        request: RequestBuilder,
        method: &str,
        operation: &str,
    ) -> Result<RequestBuilder, ClientError> {
        let Who::Machine(machine) = &self.who else { return Ok(request) };
        let claim = Claim {
            v: 1,
            installation: machine.installation,
            machine: machine.name.clone(),
            operation: format!("{method} {API}/{operation}"),
            issued: (machine.now)(),
        };
        let signed = claim.sign(&machine.signer).map_err(|error| unreadable(operation, error))?;
        let header = Credential::Claim(signed).header().map_err(|error| unreadable(operation, error))?;
        Ok(request.header(AUTHORIZATION, header))
    }

    /// Asks to read in somebody's name. A person signs in when the server says that nobody is known, once.
    pub(crate) async fn asked(
        &self,
        operation: &str,
        query: &str,
        timeout: Duration,
    ) -> Result<Response, ClientError> {
        let url = format!("{}{API}/{operation}{query}", self.url);
        let mut again = true;
        loop {
            let request = self.http.get(&url).timeout(timeout);
            let request = match &self.who {
                Who::Nobody | Who::Machine(_) => self.claimed(request, "GET", operation)?,
                Who::Person(person) => match person.token() {
                    Some(token) => request.bearer_auth(token),
                    None => request,
                },
            };
            let response = request.send().await.map_err(|source| self.unreachable(source))?;
            match &self.who {
                Who::Person(person) if again && response.status() == StatusCode::UNAUTHORIZED => {
                    self.sign_in(person).await?;
                    again = false;
                }
                _ => return Ok(response),
            }
        }
    }

    async fn sign_in(&self, person: &Signed) -> Result<(), ClientError> {
        let server = if self.is_local { SOCKET } else { &self.url };
        let request = person.sign_in.request(server).map_err(ClientError::SignIn)?;
        let header = Credential::Request(request).header().map_err(|error| unreadable("sessions", error))?;
        let request = self.http.post(format!("{}{API}/sessions", self.url)).header(AUTHORIZATION, header);
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        let session: Session = self.answer("sessions", response).await?;
        person.sign_in.keep(&session);
        *person.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.token);
        Ok(())
    }
}

impl Signed {
    fn token(&self) -> Option<String> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
