//! The role of a step, on the runner's side: its lease is written down before the holder makes it, and ended after the step.
//!
//! Invariant: a role that was begun is ended, however its step ended.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use evidence::pipeline::{DATABASE_FILE, StepDatabase};
use evidence::seal::WrappedKey;
use evidence::{Id, Moment};
use mint::{Lease, LeaseId, RoleName, Target, Terms, TextError};
use sandbox::SandboxError;
use wire::LentSecret;

use super::protocol::{
    BEGUN, FAILED, Failed, LEASE, LEASE_BYTES_MAX, MINTED, RoleOrder, SealedCredential, read,
};
use crate::leases::{LeaseError, Leases};

/// The role that a step is to have.
pub struct StepRole<'a> {
    target: Target,
    owner: RoleName,
    connections: u32,
    leases: &'a Leases,
    now: fn() -> Moment,
}

impl<'a> StepRole<'a> {
    /// The role in a database of the pipeline.
    ///
    /// # Errors
    /// `TextError` when the text is not the name of a role or database.
    pub fn of(database: &StepDatabase, leases: &'a Leases, now: fn() -> Moment) -> Result<Self, TextError> {
        let target = Target {
            host: database.host.trim_end_matches('.').to_ascii_lowercase(),
            port: database.port(),
            database: database.database.parse()?,
            authority: database.authority.clone(),
        };
        Ok(Self { target, owner: database.owner.parse()?, connections: database.connections(), leases, now })
    }

    /// The order for a step that has so much time. `end` has to be called in any case.
    pub(super) fn order(&self, wall_ms: u64) -> Result<RoleOrder, SandboxError> {
        let failed = |error: String| SandboxError::Holder(format!("the step gets no role: {error}"));
        let id = LeaseId::draw().map_err(|error| failed(error.to_string()))?;
        let seal = self.leases.key(id).map_err(|error| failed(error.to_string()))?;
        let until = (self.now)().later_by(Duration::from_millis(wall_ms) + REVOKING_TIME);
        let terms = Terms { owner: self.owner.clone(), until, connections: self.connections };
        Ok(RoleOrder { id, target: self.target.clone(), terms, seal })
    }

    /// Writes the lease down once the holder has sealed its credential, and waits until the role is made.
    pub(super) fn made(
        &self,
        socket: &UnixStream,
        order: &RoleOrder,
        lent: &[LentSecret],
        (installation, nonce): (Id, Id),
    ) -> Result<(), SandboxError> {
        socket.set_read_timeout(Some(MAKING_TIME)).map_err(lost)?;
        heard(socket, LEASE)?;
        let key: WrappedKey = read(socket, LEASE_BYTES_MAX).map_err(lost)?;
        let credential = lent.iter().find(|lent| lent.name.as_str() == DATABASE_FILE);
        let credential = credential.ok_or_else(|| lost("its credential was not lent"))?.clone();
        let LentSecret { secret, number, sealed, .. } = credential;
        let sealed = SealedCredential { v: 1, installation, nonce, secret, number, sealed, key };
        let credential = serde_json::to_string(&sealed).map_err(lost)?;
        let RoleOrder { id, target, terms, .. } = order.clone();
        self.leases
            .begin(Lease { id, credential, target, terms })
            .map_err(|error: LeaseError| lost(error))?;
        (&*socket).write_all(&[BEGUN]).map_err(lost)?;
        heard(socket, MINTED)
    }

    /// Has the role revoked. Answers with a sentence for the log of the step.
    pub(super) fn end(
        &self,
        id: LeaseId,
        revoke: &dyn Fn(Vec<crate::left_leases::LeftLease>) -> io::Result<crate::left_leases::Revoked>,
    ) -> Option<String> {
        let why = self.leases.end(id, revoke)?;
        Some(format!(
            "the role {} of the database {} may be left; it takes no password after its time, and the runner tries again: {why}",
            id.role(),
            self.target
        ))
    }
}

/// Hears this byte, or why the holder gives up.
fn heard(mut socket: &UnixStream, expected: u8) -> Result<(), SandboxError> {
    let mut tag = [0];
    socket.read_exact(&mut tag).map_err(lost)?;
    match tag {
        [tag] if tag == expected => Ok(()),
        [FAILED] => {
            let failed: Failed = read(socket, LEASE_BYTES_MAX).map_err(lost)?;
            Err(SandboxError::Holder(failed.why))
        }
        _ => Err(lost("its holder sent something else")),
    }
}

fn lost(why: impl std::fmt::Display) -> SandboxError {
    SandboxError::Holder(format!("the step gets no role of its database: {why}"))
}

/// Longest wait for the making of a role.
const MAKING_TIME: Duration = Duration::from_secs(90);
/// After the time of a step and this, its role takes no password any more, also if the database was away when it was revoked.
const REVOKING_TIME: Duration = Duration::from_secs(60);
