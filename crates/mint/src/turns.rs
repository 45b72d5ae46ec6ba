//! Two users of a server that take turns: the one that may not log in gets a new password, and once everybody uses it the
//! former one may not log in any more.
//!
//! Invariant: the server itself says whose turn it is: of the two, the user in use alone may log in. While somebody changes
//! them, a lock of the server keeps everybody else away; it ends with the connection. The server gets a verifier and never a password.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::MintError;
use crate::lease::{Admin, Target};
use crate::server::{Server, in_time, is_held};
use crate::statements::{END_SESSIONS, SESSIONS, after_sessions, unless_held};
use crate::text::{RoleName, literal};
use crate::verifier::{Verifier, password};

/// Two users, held by a lock against other rotations.
#[derive(Debug)]
pub struct Turns {
    server: Server,
    target: Target,
    users: [RoleName; 2],
}

impl Turns {
    /// Connects as somebody who may change both users, and takes the lock.
    ///
    /// # Errors
    /// `MintError` if somebody else holds it, or a user does not exist.
    pub async fn take(target: &Target, admin: &Admin, users: [RoleName; 2]) -> Result<Self, MintError> {
        let server = Server::connect(target, admin).await?;
        let turns = Self { server, target: target.clone(), users };
        for _ in 0..LOCK_LOOKS_MAX {
            if turns.is_locked().await? {
                turns.may_log_in().await?;
                return Ok(turns);
            }
            // A lock that a process has just let go of may be there for another moment.
            tokio::time::sleep(LOCK_LOOK).await;
        }
        let [one, other] = turns.names();
        Err(MintError::Taken { at: target.to_string(), one, other })
    }

    /// Whether each of the users may log in.
    ///
    /// # Errors
    /// `MintError` if one of them does not exist.
    pub async fn may_log_in(&self) -> Result<[bool; 2], MintError> {
        let [one, other] = &self.users;
        Ok([self.may(one).await?, self.may(other).await?])
    }

    /// Gives a user a new password, with which it may log in, and tries it.
    ///
    /// # Errors
    /// `MintError`; the user may have a password that nobody knows then.
    pub async fn give(&self, user: &RoleName) -> Result<Zeroizing<String>, MintError> {
        let password = password()?;
        let verifier = Verifier::salted(&password)?;
        let statement = format!("ALTER ROLE {} LOGIN PASSWORD {}", user.quoted(), literal(verifier.as_str()));
        self.server.execute("give a user a new password", &statement).await?;
        Server::connect(&self.target, &Admin { user: user.clone(), password: password.clone() }).await?;
        Ok(password)
    }

    /// Takes a user's password away, and ends its sessions.
    ///
    /// # Errors
    /// `MintError`. The password is gone before the first session ends.
    pub async fn end(&self, user: &RoleName) -> Result<(), MintError> {
        let quoted = user.quoted();
        let statement = format!("ALTER ROLE {quoted} NOLOGIN PASSWORD NULL");
        let taken = self.server.execute(TAKING, &unless_held(&statement)).await;
        // A session of the user may hold the row; then the sessions end first.
        let held = is_held(&taken);
        if !held {
            taken?;
        }
        let names = [user.as_str().to_owned()];
        // Only a member of a role may end its sessions. A membership that was there before stays.
        let is_member = self.server.asked("say who is a member of a user", IS_MEMBER, user.as_str()).await?;
        if is_member != Some(true) {
            let join = format!("GRANT {quoted} TO CURRENT_USER");
            self.server.execute("make its holder a member of a user", &join).await?;
        }
        let forced = match held {
            true => self.server.execute(TAKING, &after_sessions(&names, &statement)).await,
            false => Ok(()),
        };
        let ended = match forced {
            Ok(()) => self.server.end_sessions((END_SESSIONS, SESSIONS), &names).await,
            Err(error) => Err(error),
        };
        if is_member != Some(true) {
            let leave = format!("REVOKE {quoted} FROM CURRENT_USER");
            self.server.execute("end the membership in a user", &leave).await?;
        }
        ended
    }

    async fn is_locked(&self) -> Result<bool, MintError> {
        let [one, other] = self.names();
        // The order in which a recipe names them does not matter.
        let key = if one < other { format!("{one}\n{other}") } else { format!("{other}\n{one}") };
        Ok(self.server.asked("take a lock", LOCK, &key).await? == Some(true))
    }

    async fn may(&self, user: &RoleName) -> Result<bool, MintError> {
        let found = self.server.asked("say whether a user may log in", MAY_LOG_IN, user.as_str()).await?;
        found
            .ok_or_else(|| MintError::Unknown { at: self.target.to_string(), user: user.as_str().to_owned() })
    }

    fn names(&self) -> [String; 2] {
        self.users.each_ref().map(|user| user.as_str().to_owned())
    }
}

const TAKING: &str = "take a user's password away";

impl Server {
    /// The answer of a question about one text: yes or no, or nothing if there is no row.
    async fn asked(
        &self,
        doing: &'static str,
        statement: &str,
        text: &str,
    ) -> Result<Option<bool>, MintError> {
        let rows = in_time(&self.at, self.client.query(statement, &[&text])).await?;
        let rows = rows.map_err(self.failed(doing))?;
        rows.first().map(|row| row.try_get(0)).transpose().map_err(self.failed(doing))
    }
}

/// A lock of a session, so it ends with the connection. The first number is this use's own.
const LOCK: &str = "SELECT pg_try_advisory_lock(1668509555, hashtext($1))";
const MAY_LOG_IN: &str = "SELECT rolcanlogin FROM pg_roles WHERE rolname = $1";
const IS_MEMBER: &str = "SELECT pg_has_role(current_user, $1::name, 'MEMBER')";
const LOCK_LOOK: Duration = Duration::from_millis(50);
const LOCK_LOOKS_MAX: u32 = 40;
