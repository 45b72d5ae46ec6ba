//! The use of a credential that makes roles, inside a holder: a role for the step that follows, or the end of roles that are left.
//!
//! Invariant: no role is made before the runner has written its lease down, with the credential sealed to the key of that lease
//! alone. The credential is overwritten as soon as the role is made. The server of the database is reached only at an address that
//! the operator's rules allow.

use std::fs;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;

use evidence::Id;
use evidence::pipeline::DATABASE_FILE;
use evidence::secret_name::SecretName;
use mint::{Admin, Server, Target};
use sandbox::{Destination, Egress};
use vault::SealSecret;
use zeroize::Zeroizing;

use super::hold_error::{HoldError, RoleError};
use super::opening::{OpenedValue, open};
use super::protocol::{BEGUN, LEASE, Lent, MINTED, RoleOrder, SealedCredential, encoded, send};
use crate::left_leases::{LeftLease, Revoked};

/// Makes the role of a step; answers with its password.
pub fn role(
    socket: &UnixStream,
    order: &RoleOrder,
    (lent, of): (&Lent, (Id, Id)),
    secret: &SealSecret,
    egress: &Egress,
) -> Result<Zeroizing<Vec<u8>>, HoldError> {
    let OpenedValue { value, key, binding } = open(lent, of, secret)?;
    let admin = admin(&lent.secret, &value)?;
    let wrapped = key.wrap(&order.seal, &binding);
    let wrapped = wrapped.map_err(|error| HoldError::Io("seal the credential", io::Error::other(error)))?;
    let runtime = runtime()?;
    // Before the lease: a credential that opens no connection could not end it either.
    let server = runtime.block_on(connected(&order.target, &admin, egress))?;
    drop((value, key, admin));
    let told = encoded(&wrapped).and_then(|bytes| send(socket, LEASE, &bytes)).and_then(|()| begun(socket));
    told.map_err(|error| HoldError::Io("have the lease of a role written down", error))?;
    let made = runtime.block_on(server.mint(order.id, &order.terms)).map_err(RoleError::from)?;
    io::Write::write_all(&mut &*socket, &[MINTED])
        .map_err(|error| HoldError::Io("tell that the role is made", error))?;
    Ok(Zeroizing::new(made.password.as_bytes().to_vec()))
}

/// Whether the lease is written down: the runner says one byte, or is gone.
fn begun(mut socket: &UnixStream) -> io::Result<()> {
    let mut byte = [0];
    io::Read::read_exact(&mut socket, &mut byte)?;
    if byte == [BEGUN] { Ok(()) } else { Err(io::Error::other("the runner does not want it any more")) }
}

/// Revokes leases, each by its own credential.
pub fn revoked(leases: Vec<LeftLease>, egress: &Egress) -> Revoked {
    let mut revoked = Revoked::default();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Revoked { left: vec![error.to_string()], ..revoked },
    };
    for left in leases {
        let id = left.lease.id;
        match runtime.block_on(revoked_one(&left, egress)) {
            Ok(None) => revoked.gone.push(id),
            Ok(Some(why)) => revoked.left.push(format!("{}: {why}", id.role())),
            Err(error) => revoked.left.push(format!("{}: {error}", id.role())),
        }
    }
    revoked.left.iter_mut().for_each(|why| why.truncate(why.floor_char_boundary(REASON_BYTES_MAX)));
    revoked
}

async fn revoked_one(left: &LeftLease, egress: &Egress) -> Result<Option<String>, HoldError> {
    let read = fs::read_to_string(&left.key).map(Zeroizing::new);
    let line = read.map_err(|error| RoleError::Key(left.key.clone(), error))?;
    let secret: SealSecret = line.parse().map_err(|error| RoleError::Damaged(left.key.clone(), error))?;
    let sealed: SealedCredential = serde_json::from_str(&left.lease.credential).map_err(RoleError::Sealed)?;
    let SealedCredential { installation, nonce, secret: name, number, sealed, key, .. } = sealed;
    // The text is a name.
    let file = DATABASE_FILE
        .parse()
        .map_err(|error| HoldError::Io("name the credential", io::Error::other(error)))?;
    let lent = Lent { file, secret: name, number, sealed, key };
    let opened = open(&lent, (installation, nonce), &secret)?;
    let admin = admin(&lent.secret, &opened.value)?;
    let server = connected(&left.lease.target, &admin, egress).await?;
    let left = server.revoke(std::slice::from_ref(&left.lease)).await;
    Ok(left.into_iter().next().map(|left| left.why))
}

fn admin(secret: &SecretName, line: &[u8]) -> Result<Admin, RoleError> {
    Admin::parse(line).map_err(|error| RoleError::Credential(secret.clone(), error))
}

/// Connects to the database at an address that the operator allows.
async fn connected(target: &Target, admin: &Admin, egress: &Egress) -> Result<Server, RoleError> {
    let failed = |why: String| RoleError::Reach(target.clone(), why);
    let to = Destination { host: target.host.clone(), port: target.port };
    let found =
        (target.host.as_str(), target.port).to_socket_addrs().map_err(|error| failed(error.to_string()))?;
    let mut denied = "its name leads to no address".to_owned();
    let mut allowed: Option<IpAddr> = None;
    for address in found {
        match egress.judge(&to, address.ip()) {
            Ok(()) => {
                allowed = Some(address.ip());
                break;
            }
            Err(why) => denied = why.to_string(),
        }
    }
    let address = allowed.ok_or_else(|| failed(denied))?;
    Ok(Server::connect_at(target, admin, Some(address)).await?)
}

fn runtime() -> Result<tokio::runtime::Runtime, HoldError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| HoldError::Io("start a connection", error))
}

const REASON_BYTES_MAX: usize = 1_024;
