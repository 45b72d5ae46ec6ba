//! The identity under which a client sends requests: a machine signs a claim for each operation; a person signs in once and
//! then reads with a session.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use evidence::claim::Claim;
use evidence::machine::{MachineKey, MachineSigner};
use evidence::{Digest, Id, Moment, Name};
use reqwest::Method;

use crate::client_error::{ClientError, unreadable};
use crate::client_request::ClientRequest;
use crate::credential::Credential;
use crate::sign_in::SignIn;

/// The identity of a client.
#[derive(Clone, Debug)]
pub enum ClientIdentity {
    Nobody,
    Machine(Arc<RwLock<Machine>>),
    Person(Arc<PersonSession>),
}

/// A person who signs in when the server asks for it.
#[derive(Debug)]
pub struct PersonSession {
    pub sign_in: Box<dyn SignIn>,
    token: Mutex<Option<String>>,
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

impl ClientIdentity {
    /// The credential for a request; a machine's names the operation, and the server that it is for.
    pub fn credential(
        &self,
        ask: &ClientRequest<'_>,
        server: Option<MachineKey>,
    ) -> Result<Option<Credential>, ClientError> {
        match (&ask.signed, self) {
            (Some(request), _) => Ok(Some(Credential::Request(request.clone()))),
            (None, Self::Nobody) => Ok(None),
            (None, Self::Machine(machine)) => {
                machine.read().unwrap_or_else(PoisonError::into_inner).claim(ask, server).map(Some)
            }
            (None, Self::Person(person)) => Ok(person.token().map(Credential::Token)),
        }
    }
}

impl Machine {
    fn claim(&self, ask: &ClientRequest<'_>, server: Option<MachineKey>) -> Result<Credential, ClientError> {
        let body = ask.body.as_ref().filter(|_| ask.method == Method::POST);
        let claim = Claim {
            v: 1,
            installation: self.installation,
            machine: self.name.clone(),
            operation: format!("{} {}", ask.method, ask.path),
            issued: (self.now)(),
            server,
            body: body.map(|body| Digest::of(body)),
        };
        let signed = claim.sign(&self.signer);
        signed.map(Credential::Claim).map_err(|error| unreadable(ask.path, error))
    }
}

impl PersonSession {
    /// A person with the token of a stored session, if there is one.
    pub fn new(sign_in: Box<dyn SignIn>) -> Self {
        let token = Mutex::new(sign_in.stored_token());
        Self { sign_in, token }
    }

    /// Replaces the token.
    pub fn set_token(&self, token: String) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    fn token(&self) -> Option<String> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
