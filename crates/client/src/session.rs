//! How a person's client reaches the server, and how the person signs in to read.
//!
//! The owner of the server's data directory always connects through the Unix socket in it: connections of others cannot
//! fill it, nobody else can replace it, and it needs no session. Any other person connects over TCP: the server proves
//! its identity under the person's pin, the person signs one request, and the session is kept for the next command.
//! Invariant: a session's token lies in the person's own directory, readable by its owner alone.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use evidence::dsse::Envelope;
use evidence::request::{NAMESPACE, Request};
use serde::{Deserialize, Serialize};
use serde_json::json;
use wire::{Client, OPEN_SESSION, SOCKET_FILE, Session, SignIn, SignInError};

use crate::clock::now;
use crate::dirs;
use crate::error::Error;
use crate::files;
use crate::home::{self, Home};
use crate::pinned_root::PinnedRoot;
use crate::pins;
use crate::profile::Profile;
use crate::random;
use crate::request::VALIDITY;
use crate::signing::PersonKey;

/// A client of the server that runs on a data directory, under the person's name. The owner of the directory connects
/// through its socket only: a program that took over the port of a stopped server gets nothing.
pub fn client(home: &Home) -> Result<Client, Error> {
    let client = match socket(home.data())? {
        // The name satisfies the server's check of the host; the socket alone decides which server is reached.
        Some(socket) => Client::at_socket(&socket, "http://localhost")?,
        None => Client::new(&home.url()?)?.with_anchor(Box::new(pinned(home)?)),
    };
    Ok(match Profile::near(home)? {
        Some(profile) => client.with_person(Box::new(Person(profile))),
        None => client,
    })
}

/// The person's pin of the installation that a data directory belongs to.
fn pinned(home: &Home) -> Result<PinnedRoot, Error> {
    let profile = Profile::of(home)?;
    let pin = pins::read(profile.installation)?.ok_or_else(|| {
        Error::unusable(
            "you have pinned nothing, so no server can show you over TCP that it is yours: get the line of \
             `countersign trust pin` from a colleague, then `countersign key use --pin LINE --person ID`",
        )
    })?;
    PinnedRoot::of(&pin, pin.root_version, &dirs::person_dir(profile.installation)?)
}

/// The Unix socket of the server in a data directory; `None` if the server runs as another user or on another machine,
/// which is then asked over TCP.
fn socket(data: &Path) -> Result<Option<PathBuf>, Error> {
    let path = way_to_socket(data);
    match UnixStream::connect(&path) {
        Ok(_) => Ok(Some(path)),
        // The server runs as another user.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(None),
        Err(_) if home::has_ledger(data) => Err(home::no_server(data)),
        Err(_) => Ok(None),
    }
}

fn way_to_socket(data: &Path) -> PathBuf {
    let path = data.join(SOCKET_FILE);
    if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
        return path;
    }
    let Ok(dir) = File::open(data) else { return path };
    // The descriptor stays open for as long as this program runs, because the path of the socket leads through it.
    let dir = Box::leak(Box::new(dir));
    PathBuf::from(format!("/proc/self/fd/{}/{SOCKET_FILE}", dir.as_raw_fd()))
}

/// The process that serves a data directory now, as the kernel reports it (SO_PEERCRED, unix(7)).
pub async fn serving(data: &Path) -> Option<u32> {
    let stream = tokio::net::UnixStream::connect(way_to_socket(data)).await.ok()?;
    stream.peer_cred().ok()?.pid().and_then(|pid| u32::try_from(pid).ok())
}

/// A person who signs in with the sign-in key of the profile.
#[derive(Debug)]
struct Person(Profile);

/// A session as stored on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedSession {
    /// Version of this format; 1.
    v: u8,
    /// The person whose session this is.
    person: domain::PersonId,
    session: Session,
}

impl Person {
    fn file(&self) -> Result<PathBuf, Error> {
        Ok(dirs::person_dir(self.0.installation)?.join("session.json"))
    }

    fn signed(&self, server: &str, challenge: &str) -> Result<Envelope, Error> {
        let now = now()?;
        let request = Request {
            v: 1,
            installation: self.0.installation,
            person: self.0.person.id(),
            issued: now,
            expires: now.later_by(VALIDITY),
            nonce: random::id()?,
            action: OPEN_SESSION.parse()?,
            arguments: json!({ "server": server, "challenge": challenge }),
        };
        let mut envelope = request.envelope()?;
        PersonKey::read(&self.0.sign_in_key)?.sign(&mut envelope, NAMESPACE)?;
        Ok(envelope)
    }
}

impl SignIn for Person {
    fn stored_token(&self) -> Option<String> {
        let kept: SavedSession = serde_json::from_slice(&fs::read(self.file().ok()?).ok()?).ok()?;
        let counts = kept.v == 1 && kept.person == self.0.person && kept.session.expires > now().ok()?;
        counts.then_some(kept.session.token)
    }

    fn request(&self, server: &str, challenge: &str) -> Result<Envelope, SignInError> {
        self.signed(server, challenge).map_err(|failure| SignInError(failure.to_string()))
    }

    /// Saves a session. A failure is ignored: the next command signs in again.
    fn store(&self, session: &Session) {
        let kept = SavedSession { v: 1, person: self.0.person, session: session.clone() };
        if let (Ok(file), Ok(text)) = (self.file(), serde_json::to_string(&kept)) {
            drop(files::write_private(&file, &text));
        }
    }
}

/// Longest path that `struct sockaddr_un` can hold (unix(7)).
const ADDRESS_BYTES_MAX: usize = 107;
