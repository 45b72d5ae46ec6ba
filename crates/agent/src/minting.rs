//! The short-lived processes that use the credential of a database: one makes the role of a lease, one renews and one revokes leases.
//!
//! Invariant: the agent itself never opens a credential or sees the password of a role. The process that makes a role writes
//! it into a pipe that the keeper of a step reads. The processes end with the agent, write no core and cannot be traced by
//! others of their user.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use evidence::seal::WrappedKey;
use evidence::{Bytes, Digest, Id, Name, Place};
use mint::{Admin, Lease, LeaseId, Server, Target};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use serde::{Deserialize, Serialize};
use vault::SealSecret;
use zeroize::Zeroizing;

use crate::opened::{MintedVariables, PASSWORD, open_value};

/// By what a process opens the credential of a lease. The sealed value is in it, so that a lease can be revoked although a newer
/// version has replaced this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedCredential {
    /// File of the agent's seal key.
    pub seal: PathBuf,
    /// The installation.
    pub installation: Id,
    /// The place.
    pub place: Place,
    /// The secret.
    pub secret: Name,
    /// Number of its version.
    pub number: u32,
    /// Digest of the sealed value.
    pub value: Digest,
    /// Its key.
    pub key: WrappedKey,
    /// The sealed value.
    pub sealed: Bytes,
}

/// The result for leases that were to be revoked.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Their roles are gone.
    pub gone: Vec<LeaseId>,
    /// Why others may still exist: one reason each at most.
    pub left: Vec<String>,
}

/// Makes the role of a lease: standard input has the lease, standard output gets the variables.
pub fn mint() -> io::Result<()> {
    shut_off()?;
    let lease: Lease = read()?;
    let admin = admin(&lease.credential).map_err(io::Error::other)?;
    let made = runtime()?.block_on(async {
        let server = Server::connect(&lease.target, &admin).await?;
        server.mint(lease.id, &lease.terms).await
    });
    let minted = made.map_err(io::Error::other)?;
    let Target { host, port, database, .. } = &lease.target;
    let variables = BTreeMap::from([
        ("PGHOST", host.clone()),
        ("PGPORT", port.to_string()),
        ("PGDATABASE", database.as_str().to_owned()),
        ("PGUSER", minted.role.clone()),
    ]);
    let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value));
    let password = (PASSWORD.to_owned(), minted.password.to_string());
    let given = MintedVariables { variables: variables.chain([password]).collect() };
    io::stdout().write_all(&Zeroizing::new(serde_json::to_vec(&given)?))
}

/// Revokes leases: standard input has them, standard output gets the result.
pub fn revoke() -> io::Result<()> {
    carry_out(async |server: &Server, leases: &[Lease]| server.revoke(leases).await)
}

/// Gives the roles of leases the time that the leases have: standard input has them, standard output gets the result, in which
/// `gone` are those that were renewed.
pub fn renew() -> io::Result<()> {
    carry_out(async |server: &Server, leases: &[Lease]| {
        let mut left = Vec::new();
        for lease in leases {
            if let Err(error) = server.renew(lease.id, &lease.terms).await {
                left.push(mint::Left { id: lease.id, why: error.to_string() });
            }
        }
        left
    })
}

/// Does something with leases, with one connection for those of one credential and database.
fn carry_out(doing: impl AsyncFn(&Server, &[Lease]) -> Vec<mint::Left>) -> io::Result<()> {
    shut_off()?;
    let leases: Vec<Lease> = read()?;
    let mut together: BTreeMap<(String, Target), Vec<Lease>> = BTreeMap::new();
    for lease in leases {
        together.entry((lease.credential.clone(), lease.target.clone())).or_default().push(lease);
    }
    let runtime = runtime()?;
    let mut revoked = Revoked::default();
    for ((credential, target), leases) in together {
        let done = runtime.block_on(async {
            let admin = admin(&credential)?;
            let server = Server::connect(&target, &admin).await.map_err(|error| error.to_string())?;
            Ok::<_, String>(doing(&server, &leases).await)
        });
        match done {
            Err(why) => revoked.left.push(why),
            Ok(left) => {
                let is_left = |id: &LeaseId| left.iter().any(|one| one.id == *id);
                revoked.gone.extend(leases.iter().map(|lease| lease.id).filter(|id| !is_left(id)));
                revoked.left.extend(left.into_iter().map(|left| format!("{}: {}", left.id.role(), left.why)));
            }
        }
    }
    revoked.left.truncate(REASONS_MAX);
    revoked.left.iter_mut().for_each(|why| why.truncate(why.floor_char_boundary(REASON_BYTES_MAX)));
    io::stdout().write_all(&serde_json::to_vec(&revoked)?)
}

fn admin(credential: &str) -> Result<Admin, String> {
    let sealed: SealedCredential = serde_json::from_str(credential).map_err(|error| error.to_string())?;
    let named = |why: String| format!("secret `{}`, which makes roles: {why}", sealed.secret);
    let line = fs::read_to_string(&sealed.seal).map(Zeroizing::new);
    let line = line.map_err(|error| named(format!("cannot read `{}`: {error}", sealed.seal.display())))?;
    let seal: SealSecret = line.parse().map_err(|error| named(format!("{error}")))?;
    let SealedCredential { installation, place, secret, number, value, key, sealed: bytes, .. } = &sealed;
    let opened = open_value(*installation, place, (secret, *number, *value), key, &seal, &bytes.0)
        .map_err(|error| named(error.to_string()))?;
    Admin::parse(&opened).map_err(|error| named(error.to_string()))
}

/// No core, and no look from outside at what this process opens.
fn shut_off() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

fn read<T: serde::de::DeserializeOwned>() -> io::Result<T> {
    let mut bytes = Vec::new();
    io::stdin().take(INPUT_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// More than the leases that are revoked together have.
const INPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;
const REASONS_MAX: usize = 16;
const REASON_BYTES_MAX: usize = 1_024;
