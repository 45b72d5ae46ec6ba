//! How a person's client reaches the server, and how the person signs in to read.
//!
//! The Unix socket in the data directory comes first: connections of others cannot fill it, and whoever owns the
//! directory needs no session there. Otherwise the person signs one request, and the session that it opens is kept for
//! the next command.
//! Invariant: a session's token lies in the person's own directory, readable by its owner alone.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use evidence::dsse::Envelope;
use evidence::request::{self, Request};
use serde::{Deserialize, Serialize};
use serde_json::json;
use wire::{Client, OPEN_SESSION, SOCKET_FILE, Session, SignIn};

use crate::clock::now;
use crate::failure::Failure;
use crate::home::{self, Home, Profile};
use crate::random;
use crate::signing::PersonKey;

/// A client of the server that runs on a data directory, in the person's name.
pub fn client(home: &Home) -> Result<Client, Failure> {
    let client = match Socket::of(home.data()) {
        // The name is for the server's check against other names alone; the socket says where it is.
        Some(socket) => Client::at_socket(&socket.path, "http://localhost")?,
        None => Client::new(&home.url()?)?,
    };
    Ok(match Profile::find()? {
        Some(profile) => client.with_person(Box::new(Person(profile))),
        None => client,
    })
}

/// The process that serves a data directory now, as the kernel tells (SO_PEERCRED, unix(7)).
pub fn serving(data: &Path) -> Option<u32> {
    let socket = Socket::of(data)?;
    let asked = crate::verbs::runtime().ok()?.block_on(async {
        let stream = tokio::net::UnixStream::connect(&socket.path).await?;
        stream.peer_cred()
    });
    asked.ok()?.pid().and_then(|pid| u32::try_from(pid).ok())
}

/// The Unix socket of a server that answers.
struct Socket {
    path: PathBuf,
}

impl Socket {
    fn of(data: &Path) -> Option<Self> {
        let mut path = data.join(SOCKET_FILE);
        if path.as_os_str().len() > ADDRESS_BYTES_MAX {
            // The descriptor stays open for as long as this program runs: the way to the socket leads through it.
            let dir = Box::leak(Box::new(File::open(data).ok()?));
            path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET_FILE}", dir.as_raw_fd()));
        }
        UnixStream::connect(&path).ok()?;
        Some(Self { path })
    }
}

/// A person who signs in with the sign-in key of the profile.
#[derive(Debug)]
struct Person(Profile);

/// A session as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Version of this format; 1.
    v: u8,
    /// Whose it is.
    person: domain::PersonId,
    session: Session,
}

impl Person {
    fn file(&self) -> Result<PathBuf, Failure> {
        Ok(home::person_dir(self.0.installation)?.join("session.json"))
    }

    fn signed(&self, server: &str) -> Result<Envelope, Failure> {
        let now = now()?;
        let request = Request {
            v: 1,
            installation: self.0.installation,
            person: self.0.person.id(),
            issued: now,
            expires: now.later_by(crate::request::VALIDITY),
            nonce: random::id()?,
            action: OPEN_SESSION.parse()?,
            arguments: json!({ "server": server }),
        };
        let mut envelope = request.envelope()?;
        PersonKey::read(&self.0.sign_in_key)?.sign(&mut envelope, request::NAMESPACE)?;
        Ok(envelope)
    }
}

impl SignIn for Person {
    fn kept(&self) -> Option<String> {
        let kept: Kept = serde_json::from_slice(&fs::read(self.file().ok()?).ok()?).ok()?;
        let counts = kept.v == 1 && kept.person == self.0.person && kept.session.expires > now().ok()?;
        counts.then_some(kept.session.token)
    }

    fn request(&self, server: &str) -> Result<Envelope, String> {
        self.signed(server).map_err(|failure| failure.message().to_owned())
    }

    /// Where it cannot be kept, the next command signs in again.
    fn keep(&self, session: &Session) {
        let kept = Kept { v: 1, person: self.0.person, session: session.clone() };
        if let (Ok(file), Ok(text)) = (self.file(), serde_json::to_string(&kept)) {
            drop(home::write_private(&file, &text));
        }
    }
}

/// Longest path that `struct sockaddr_un` holds (unix(7)).
const ADDRESS_BYTES_MAX: usize = 107;
