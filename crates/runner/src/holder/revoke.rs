//! The runner's side of a revocation: a process opens the credentials of leases, and says which roles are gone.
//!
//! Invariant: a process that does not answer in time is ended, and its leases stay in the journal.

use std::io::{self, Read as _};

use sandbox::write_frame;

use super::outer::Holder;
use super::protocol::{
    FAILED, Failed, LEASE_BYTES_MAX, Order, REVOKED, REVOKED_BYTES_MAX, Revocation, encoded, read,
};
use crate::host::{Isolation, NO_SECRETS};
use crate::left_leases::{LeftLease, Revoked};

/// Revokes leases.
///
/// # Errors
/// When no process could do it.
pub fn revoke(leases: Vec<LeftLease>, within: &dyn Isolation) -> io::Result<Revoked> {
    let start = within.holder().ok_or_else(|| io::Error::other(NO_SECRETS))?;
    let holder = Holder::start(start).map_err(io::Error::other)?;
    let order = Order::Revoke(Revocation { leases, allowed: holder.allowed().to_vec() });
    let socket = holder.socket();
    write_frame(socket, &encoded(&order)?)?;
    let mut tag = [0];
    socket.set_read_timeout(Some(REVOKING_TIME))?;
    (&*socket).read_exact(&mut tag)?;
    match tag {
        [REVOKED] => read(socket, REVOKED_BYTES_MAX),
        [FAILED] => Err(io::Error::other(read::<Failed>(socket, LEASE_BYTES_MAX)?.why)),
        _ => Err(io::Error::other("the process that is to revoke sent something else")),
    }
}

/// Longest time for the revocation of some leases; a database that is away takes five seconds.
const REVOKING_TIME: std::time::Duration = std::time::Duration::from_secs(120);
