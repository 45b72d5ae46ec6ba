//! The trust root as this machine knows it: from a file, from a pin, or only from the data directory itself. Without the server's
//! ledger on this machine, the server shows the roots, and they are walked from the pin.
//!
//! Invariant: every result says which of the three it came from. A server is never believed without a pin.

use std::path::Path;

use client::access::Access;
use client::pinned_review::NO_ROOT;
use client::profile::Profile;
use client::{dossier, fetched, pins, session};

use domain::{Event, State};
use evidence::Digest;
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::pin::{EnvironmentPin, Pin};
use evidence::trust_root::TrustRoot;
use ledger::{BLOBS, Blobs, Reader};

use crate::failure::Failure;
use crate::waiting::runtime;

/// The reason why a root is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Belief {
    /// The person named its file.
    File,
    /// Its digest is pinned, or it follows a pinned root.
    #[serde(rename = "pinned")]
    PinnedRoot,
    /// Only the directory under audit names it; nothing confirms it.
    Unpinned,
}

/// The newest root of an installation, and the reason why it is believed.
pub fn root_of(access: &Access) -> Result<(TrustRoot, Belief), Failure> {
    let chain = chain_from(access)?;
    believed(&chain, None)
}

fn chain_from(access: &Access) -> Result<Vec<(Envelope, TrustRoot)>, Failure> {
    match access.ledger() {
        Some(data) => chain(data),
        None => shown(access),
    }
}

/// The same from the ledger of a data directory.
pub fn root_in(data: &Path) -> Result<(TrustRoot, Belief), Failure> {
    believed(&chain(data)?, None)
}

/// The newest root for a person who signs a statement based on it, and that person's pin. Nobody signs on the word of a
/// directory or a server alone, so an unpinned root is an error.
pub fn pinned_root_of(access: &Access) -> Result<(TrustRoot, Pin), Failure> {
    let (root, belief) = root_of(access)?;
    pinned(root, belief)
}

/// The same for a root that was read already.
pub fn pinned(root: TrustRoot, belief: Belief) -> Result<(TrustRoot, Pin), Failure> {
    match (belief, pins::read(root.installation)?) {
        (Belief::PinnedRoot, Some(pin)) => Ok((root, pin)),
        _ => Err(Failure::error(format!(
            "you have pinned nothing of installation {}, so only this data directory says what its trust root is; \
             take the line that `countersign trust pin` prints for a colleague with `countersign trust pin --set`",
            root.installation
        ))),
    }
}

/// The newest root and why it is believed, as an audit reads them from every entry; with every root, oldest first.
pub fn audited_root_of(
    data: &Path,
    file: Option<&Path>,
) -> Result<(TrustRoot, Belief, Vec<TrustRoot>), Failure> {
    let chain = audited_chain(data)?;
    let (root, belief) = believed(&chain, file)?;
    Ok((root, belief, chain.into_iter().map(|(_, root)| root).collect()))
}

fn believed(chain: &[(Envelope, TrustRoot)], file: Option<&Path>) -> Result<(TrustRoot, Belief), Failure> {
    if let Some(file) = file {
        let shown = file.display();
        let bytes =
            std::fs::read(file).map_err(|error| Failure::error(format!("cannot read `{shown}`: {error}")))?;
        let wrong =
            |error: &dyn std::fmt::Display, what: &str| Failure::error(format!("`{shown}`: {error}; {what}"));
        let envelope = Envelope::decode(&bytes).map_err(|error| wrong(&error, NO_ROOT))?;
        let mut root = TrustRoot::open(&envelope).map_err(|error| wrong(&error, NO_ROOT))?;
        for (envelope, next) in chain {
            if next.version > root.version {
                root = root.next(envelope).map_err(|error| wrong(&error, OTHER_ROOT))?;
            }
        }
        return Ok((root, Belief::File));
    }
    let (_, newest) = chain.last().ok_or_else(|| Failure::error("the ledger names no trust root"))?;
    let newest = newest.clone();
    let Some(pin) = pins::read(newest.installation)? else { return Ok((newest, Belief::Unpinned)) };
    let pinned = chain.iter().find(|(_, root)| root.version == pin.root_version);
    match pinned.map(|(_, root)| root.digest()).transpose()? {
        Some(digest) if digest == pin.root => Ok((newest, Belief::PinnedRoot)),
        _ => Err(Failure::error(format!(
            "the data directory does not hold trust root {} (version {}) that you have pinned: it is of another ledger or an old copy, or you pinned a wrong line; ask your colleagues which root is right, and pin it with `countersign trust pin --set LINE --replace`",
            pin.root, pin.root_version
        ))),
    }
}

/// Every root, oldest first, for readers who have pinned older ones; unverified if the server shows them.
pub fn roots_of(access: &Access) -> Result<Vec<Envelope>, Failure> {
    match access.ledger() {
        Some(data) => Ok(chain(data)?.into_iter().map(|(envelope, _)| envelope).collect()),
        None => Ok(runtime()?.block_on(session::client(access)?.roots())?),
    }
}

/// The signed envelope of one version of the root.
pub fn envelope_of(access: &Access, version: u32) -> Result<Envelope, Failure> {
    let found = chain_from(access)?.into_iter().find(|(_, root)| root.version == version);
    found
        .map(|(envelope, _)| envelope)
        .ok_or_else(|| Failure::error(format!("there is no root version {version}")))
}

/// The roots that the server shows, from the pinned one on.
fn shown(access: &Access) -> Result<Vec<(Envelope, TrustRoot)>, Failure> {
    Ok(runtime()?.block_on(fetched::roots(&session::client(access)?, &own_pin(access)?))?)
}

fn own_pin(access: &Access) -> Result<Pin, Failure> {
    Ok(pins::read(Profile::of(access)?.installation)?.ok_or_else(dossier::nothing_pinned)?)
}

/// Computes the state from the whole ledger of a data directory.
pub fn fold(data: &Path) -> Result<State, Failure> {
    let mut state = State::default();
    server::fold(&mut state, &open(data)?)?;
    Ok(state)
}

/// Every root of the ledger, each checked against the one before it.
/// The ledger of a data directory.
fn open(data: &Path) -> Result<Reader, Failure> {
    Reader::open(data).map_err(|error| damaged(data, &error))
}

fn damaged(data: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::error(format!(
        "the ledger in `{}` cannot be read: {error}; if its files are damaged, restore a backup (docs/operating/restore.md)",
        data.display()
    ))
}

fn chain(data: &Path) -> Result<Vec<(Envelope, TrustRoot)>, Failure> {
    let (state, _) = server::state_of(data, &open(data)?)?;
    checked(data, state.identity.roots())
}

/// The same, read from every entry: an audit uses no snapshot, because the server's owner may have made it.
fn audited_chain(data: &Path) -> Result<Vec<(Envelope, TrustRoot)>, Failure> {
    let reader = open(data)?;
    let size = reader.head()?.frontier.size();
    let (mut roots, mut from) = (Vec::new(), 0);
    while from < size {
        for entry in reader.entries(from, size)? {
            from += 1;
            let header = entry.check()?;
            if header.kind == "identity.rooted"
                && let Event::Rooted(rooted) = Event::read(&header.kind, &entry.facts)?
            {
                roots.push(rooted.envelope);
            }
        }
    }
    checked(data, &roots)
}

fn checked(data: &Path, roots: &[Digest]) -> Result<Vec<(Envelope, TrustRoot)>, Failure> {
    let blobs = Blobs::read_only(&data.join(BLOBS));
    let mut chain: Vec<(Envelope, TrustRoot)> = Vec::new();
    for digest in roots {
        let bytes = blobs.read(digest, ENVELOPE_BYTES_MAX as u64).map_err(|error| damaged(data, &error))?;
        let envelope = Envelope::decode(&bytes)?;
        let root = match chain.last() {
            None => TrustRoot::open(&envelope)?,
            Some((_, before)) => before.next(&envelope)?,
        };
        chain.push((envelope, root));
    }
    Ok(chain)
}

const OTHER_ROOT: &str =
    "the data directory is of another installation than this root, or holds another ledger";

/// The way to the server that a person names for a line; what is left out is as the server and the root say, else as in the
/// person's own pin.
#[derive(Debug, Default)]
pub struct Named {
    /// URLs of the server.
    pub addresses: Vec<String>,
    /// Digest of the certificate of the authority.
    pub authority: Option<Digest>,
}

/// The numbers of an installation as this person sees them now, as a pin for somebody else, with the addresses of the server.
pub fn pin_of(access: &Access, named: Named) -> Result<Pin, Failure> {
    let (pin, root, own) = match access.ledger() {
        Some(data) => {
            let (root, _) = root_in(data)?;
            (pin_in(data, &root)?, Some(root.clone()), pins::read(root.installation)?)
        }
        None => {
            let own = own_pin(access)?;
            let roots: Vec<_> = shown(access)?.into_iter().map(|(_, root)| root).collect();
            let pin = runtime()?.block_on(fetched::pin(&session::client(access)?, &roots, &own))?;
            (pin, roots.last().cloned(), Some(own))
        }
    };
    let known = own.as_ref().map(|own| own.addresses.clone()).unwrap_or_default();
    let (told, shown) = told(access).unwrap_or_default();
    let addresses = match (named.addresses.as_slice(), told.as_slice()) {
        ([], []) => known,
        ([], _) => told,
        _ => named.addresses,
    };
    // The root is signed by its holders, so it comes before the server's word.
    let of_root = named.authority.or_else(|| root?.authority);
    let authority = of_root.or(shown).or_else(|| own?.authority);
    let authority = authority.filter(|_| !addresses.is_empty());
    Ok(pin.reached_at(addresses, authority)?)
}

/// The addresses that the server tells, with the authority that is pinned there; `None` if it does not run.
fn told(access: &Access) -> Option<(Vec<String>, Option<Digest>)> {
    let client = session::client(access).ok()?;
    let installation = runtime().ok()?.block_on(client.installation()).ok()?;
    Some((installation.addresses, installation.authority))
}

/// The numbers in the ledger of a data directory, as a pin without addresses.
pub fn pin_in(data: &Path, root: &TrustRoot) -> Result<Pin, Failure> {
    let head = Reader::open(data)?.head()?;
    let state = fold(data)?;
    let mut environments: Vec<_> = state
        .gate
        .environments()
        .map(|set| EnvironmentPin {
            project: set.facts.place.project.clone(),
            service: set.facts.place.service.clone(),
            environment: set.facts.place.environment.clone(),
            number: set.facts.number,
            release: state.release.at(&set.facts.place).map_or(0, |standing| standing.highest),
        })
        .collect();
    environments.sort();
    Ok(Pin {
        v: 1,
        installation: root.installation,
        root_version: root.version,
        root: root.digest()?,
        status: state.identity.status().map_or(0, |(number, ..)| number),
        environments,
        checkpoint: head.checkpoint.text().to_owned(),
        addresses: Vec::new(),
        authority: None,
    })
}
