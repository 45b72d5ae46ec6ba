//! How a person's client reaches the server, and how the person signs in to read.
//!
//! The owner of the server's data directory always connects through the Unix socket in it: connections of others cannot
//! fill it, nobody else can replace it, and it needs no session. Any other person connects over TCP: the server proves
//! its identity under the person's pin, the person signs one request, and the session is kept for the next command. For an
//! installation on another machine, the pin names the server's addresses.
//! Invariant: a session's token lies in the person's own directory, readable by its owner alone.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use domain::PersonId;
use evidence::Id;
use evidence::dsse::Envelope;
use evidence::pin::Pin;
use evidence::request::{NAMESPACE, Request, UNNAMED};
use serde::{Deserialize, Serialize};
use serde_json::json;
use wire::{Client, OPEN_SESSION, SOCKET_FILE, Session, SignIn, SignInError};

use crate::access::Access;
use crate::addresses;
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

/// A client of an installation's server, under the person's name. The owner of its data directory connects through the socket
/// in it only: a program that took over the port of a stopped server gets nothing.
pub fn client(access: &Access) -> Result<Client, Error> {
    let client = match access {
        Access::Host(home) => match socket(home.data())? {
            // The name satisfies the server's check of the host; the socket alone decides which server is reached.
            Some(socket) => Client::at_socket(&socket, "http://localhost")?,
            None => Client::new(&home.url()?)?.with_anchor(Box::new(pinned(home)?)),
        },
        Access::Remote(installation) => addresses::client(&pin(*installation)?)?,
    };
    Ok(match Profile::near(access)? {
        Some(profile) => client.with_person(Box::new(Person::of(&profile))),
        None => client,
    })
}

/// A client of the server that a pin leads to, before anybody has a profile here.
pub fn client_of(pin: &Pin) -> Result<Client, Error> {
    addresses::client(pin)
}

/// The person whom a sign-in key belongs to, as the server that a pin leads to says; the server knows it by one signed request.
pub async fn person_of(pin: &Pin, sign_in_key: &Path, client: Client) -> Result<(PersonId, Client), Error> {
    let person =
        Person { installation: pin.installation, person: None, sign_in_key: sign_in_key.to_path_buf() };
    let client = client.with_person(Box::new(person));
    let found = client.open_session().await?.person.ok_or_else(|| {
        Error::unusable("the server does not say who is enrolled with your key, so it is of an older version; name yourself with --person ID")
    })?;
    Ok((found, client))
}

/// The person's pin of the installation that a data directory belongs to.
fn pinned(home: &Home) -> Result<PinnedRoot, Error> {
    let profile = Profile::of(&Access::Host(home.clone()))?;
    let pin = pin(profile.installation)?;
    PinnedRoot::of(&pin, pin.root_version, &dirs::person_dir(profile.installation)?)
}

fn pin(installation: Id) -> Result<Pin, Error> {
    pins::read(installation)?.ok_or_else(|| {
        Error::unusable(
            "you have pinned nothing, so no server can show you over TCP that it is yours: get the line of \
             `countersign trust pin` from a colleague, then `countersign key use LINE`",
        )
    })
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

/// A person who signs in.
#[derive(Debug)]
struct Person {
    installation: Id,
    /// `None` if the server is to say who the person is.
    person: Option<PersonId>,
    sign_in_key: PathBuf,
}

/// A session as stored on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedSession {
    /// Version of this format; 1.
    v: u8,
    /// The person whose session this is.
    person: PersonId,
    session: Session,
}

impl Person {
    fn of(profile: &Profile) -> Self {
        let sign_in_key = profile.sign_in_key.clone();
        Self { installation: profile.installation, person: Some(profile.person), sign_in_key }
    }

    fn file(&self) -> Result<PathBuf, Error> {
        Ok(dirs::person_dir(self.installation)?.join("session.json"))
    }

    fn signed(&self, server: &str, challenge: &str) -> Result<Envelope, Error> {
        let now = now()?;
        let request = Request {
            v: 1,
            installation: self.installation,
            person: self.person.map_or(UNNAMED, PersonId::id),
            issued: now,
            expires: now.later_by(VALIDITY),
            nonce: random::id()?,
            action: OPEN_SESSION.parse()?,
            arguments: json!({ "server": server, "challenge": challenge }),
        };
        let mut envelope = request.envelope()?;
        PersonKey::read(&self.sign_in_key)?.sign(&mut envelope, NAMESPACE)?;
        Ok(envelope)
    }
}

impl SignIn for Person {
    fn stored_token(&self) -> Option<String> {
        let kept: SavedSession = serde_json::from_slice(&fs::read(self.file().ok()?).ok()?).ok()?;
        let counts = kept.v == 1 && Some(kept.person) == self.person && kept.session.expires > now().ok()?;
        counts.then_some(kept.session.token)
    }

    fn request(&self, server: &str, challenge: &str) -> Result<Envelope, SignInError> {
        self.signed(server, challenge).map_err(|failure| SignInError(failure.to_string()))
    }

    /// Saves a session. A failure is ignored: the next command signs in again.
    fn store(&self, session: &Session) {
        let Some(person) = session.person.or(self.person) else { return };
        let kept = SavedSession { v: 1, person, session: Session { person: None, ..session.clone() } };
        if let (Ok(file), Ok(text)) = (self.file(), serde_json::to_string(&kept)) {
            drop(files::write_private(&file, &text));
        }
    }
}

/// Longest path that `struct sockaddr_un` can hold (unix(7)).
const ADDRESS_BYTES_MAX: usize = 107;
