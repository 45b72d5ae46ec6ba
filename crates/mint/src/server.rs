//! One connection to a database as somebody who may make roles: makes the role of a lease, and revokes many.
//!
//! Invariant: the connection is plain only where nothing leaves this machine. Every request has a time limit. A lease is
//! revoked in this order: nobody who makes its role, no new session, no session, nothing owned, no role; so a failure in between leaves less than before.

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls};
use zeroize::Zeroizing;

use crate::error::MintError;
use crate::lease::{Admin, Lease, LeaseId, Minted, Target, Terms};
use crate::login::{Watched, Wire};
use crate::statements::{
    self, CONNECTABLE, DEPENDED_ON, END_MAKING, END_SESSIONS, EXISTING, MAKING, SESSIONS, WITH_SESSIONS,
};
use crate::tls::Authority;
use crate::verifier::{Verifier, password};

/// A connection.
#[derive(Debug)]
pub struct Server {
    pub(crate) at: String,
    pub(crate) client: Client,
    /// Drives the connection.
    driver: JoinHandle<()>,
}

/// A lease whose role may still exist.
#[derive(Debug)]
pub struct Left {
    /// The lease.
    pub id: LeaseId,
    /// The reason.
    pub why: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Server {
    /// Connects.
    ///
    /// # Errors
    /// `MintError` says why the database cannot be reached, or may not be.
    pub async fn connect(target: &Target, admin: &Admin) -> Result<Self, MintError> {
        Self::connect_at(target, admin, None).await
    }

    /// Connects, to this address of the host if there is one. A certificate still has to be the host's.
    ///
    /// # Errors
    /// `MintError` says why the database cannot be reached, or may not be.
    pub async fn connect_at(
        target: &Target,
        admin: &Admin,
        address: Option<IpAddr>,
    ) -> Result<Self, MintError> {
        let at = target.to_string();
        let secret = !admin.password.is_empty();
        let mut config = Config::new();
        config.dbname(target.database.as_str()).user(admin.user.as_str()).application_name("countersign");
        if secret {
            config.password(admin.password.as_bytes());
        }
        let failed = |source| MintError::Connect { at: at.clone(), source };
        let (client, driver) = match &target.authority {
            Some(pem) => {
                let mut authority = Authority::of(target, pem, secret)?;
                config.ssl_mode(SslMode::Require);
                let raw = raw(target, address, &at).await?;
                let tls = MakeTlsConnect::<Raw>::make_tls_connect(&mut authority, &target.host);
                let tls = tls.map_err(|source| MintError::Away { at: at.clone(), source })?;
                let connected = in_time(&at, config.connect_raw(raw, tls)).await?;
                let (client, connection) = connected.map_err(failed)?;
                (client, tokio::spawn(async { drop(connection.await) }))
            }
            None if target.is_near() => {
                config.ssl_mode(SslMode::Disable);
                let raw = Watched::new(raw(target, address, &at).await?, secret);
                let connected = in_time(&at, config.connect_raw(raw, NoTls)).await?;
                let (client, connection) = connected.map_err(failed)?;
                (client, tokio::spawn(async { drop(connection.await) }))
            }
            None => return Err(MintError::Clear(at)),
        };
        Ok(Self { at, client, driver })
    }

    /// Makes the role of a lease that the journal has.
    ///
    /// # Errors
    /// `MintError`. The role may exist all the same, so the lease has to be revoked.
    pub async fn mint(&self, id: LeaseId, terms: &Terms) -> Result<Minted, MintError> {
        let password: Zeroizing<String> = password()?;
        let verifier = Verifier::salted(&password)?;
        self.execute("name a session", &statements::name_session(id)).await?;
        self.execute("make a role", &statements::mint(id, terms, &verifier)).await?;
        let role = id.role();
        let row = in_time(&self.at, self.client.query_one(CONNECTABLE, &[&role]))
            .await?
            .map_err(self.failed("say what the role may do"))?;
        if !row.try_get(0).map_err(self.failed("say what the role may do"))? {
            return Err(MintError::Unconnectable(self.at.clone()));
        }
        Ok(Minted { role, password })
    }

    /// Gives the role of a lease the time of these terms.
    ///
    /// # Errors
    /// `MintError`: then its time stays as it was.
    pub async fn renew(&self, id: LeaseId, terms: &Terms) -> Result<(), MintError> {
        self.execute("renew a role", &statements::renew(id, terms)).await
    }

    /// Revokes leases of this database: their sessions end, and their roles are dropped. Answers with those that are left.
    pub async fn revoke(&self, leases: &[Lease]) -> Vec<Left> {
        let mut left = Vec::new();
        for some in leases.chunks(TOGETHER_MAX) {
            if let Err(error) = self.revoke_together(some).await {
                // One role that cannot be dropped does not keep the others.
                if some.len() == 1 {
                    left.extend(some.iter().map(|lease| Left { id: lease.id, why: error.to_string() }));
                    continue;
                }
                for lease in some {
                    if let Err(error) = self.revoke_together(std::slice::from_ref(lease)).await {
                        left.push(Left { id: lease.id, why: error.to_string() });
                    }
                }
            }
        }
        left
    }

    async fn revoke_together(&self, leases: &[Lease]) -> Result<(), MintError> {
        let names: Vec<String> = leases.iter().map(|lease| lease.id.role()).collect();
        self.end_sessions((END_MAKING, MAKING), &names).await?;
        let existing = self.names(EXISTING, &names).await?;
        let leases: Vec<&Lease> = leases.iter().filter(|lease| existing.contains(&lease.id.role())).collect();
        if leases.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = leases.iter().map(|lease| lease.id).collect();
        self.close(&ids).await?;
        let busy = self.names(WITH_SESSIONS, &names).await?;
        let depended_on = self.names(DEPENDED_ON, &names).await?;
        let is_needed = |id: &LeaseId| busy.contains(&id.role()) || depended_on.contains(&id.role());
        let joined: Vec<_> = ids.iter().copied().filter(is_needed).collect();
        if !joined.is_empty() {
            self.execute("make its holder a member of a role", &statements::join(&joined)).await?;
        }
        if !busy.is_empty() {
            self.end_sessions((END_SESSIONS, SESSIONS), &names).await?;
        }
        // A session that has just ended may have made something meanwhile.
        let depended_on = self.names(DEPENDED_ON, &names).await?;
        for lease in leases.iter().filter(|lease| depended_on.contains(&lease.id.role())) {
            self.execute("give away what a role owns", &statements::disown(lease.id, &lease.terms)).await?;
        }
        self.execute("drop a role", &statements::drop_roles(&ids)).await
    }

    /// Lets nobody begin a session as one of these roles any more. A session of a role may hold the row that says so, because
    /// everybody may change their own password: then the sessions end first, and others that come meanwhile stand behind this.
    async fn close(&self, ids: &[LeaseId]) -> Result<(), MintError> {
        let (closing, names) = (statements::close(ids), ids.iter().map(|id| id.role()).collect::<Vec<_>>());
        let closed = self.execute("close a role", &statements::unless_held(&closing)).await;
        if !is_held(&closed) {
            return closed;
        }
        self.execute("make its holder a member of a role", &statements::join(ids)).await?;
        self.execute("end sessions that hold a role", &statements::after_sessions(&names, &closing)).await
    }

    /// Ends sessions, and waits until none is left.
    pub(crate) async fn end_sessions(
        &self,
        (end, left): (&str, &str),
        names: &[String],
    ) -> Result<(), MintError> {
        let count = async |statement: &str| {
            let row = in_time(&self.at, self.client.query_one(statement, &[&names])).await?;
            let row = row.map_err(self.failed("end the sessions of a role"))?;
            row.try_get::<_, i64>(0).map_err(self.failed("end the sessions of a role"))
        };
        for _ in 0..SESSION_LOOKS_MAX {
            if count(left).await? == 0 {
                return Ok(());
            }
            count(end).await?;
            tokio::time::sleep(SESSION_LOOK).await;
        }
        Err(MintError::Slow { at: self.at.clone(), seconds: SESSION_TIME.as_secs() })
    }

    async fn names(&self, statement: &str, names: &[String]) -> Result<BTreeSet<String>, MintError> {
        let rows = in_time(&self.at, self.client.query(statement, &[&names]))
            .await?
            .map_err(self.failed("list roles"))?;
        rows.iter().map(|row| row.try_get(0).map_err(self.failed("list roles"))).collect()
    }

    pub(crate) async fn execute(&self, doing: &'static str, statements: &str) -> Result<(), MintError> {
        match in_time(&self.at, self.client.batch_execute(statements)).await? {
            Ok(()) => Ok(()),
            Err(error) => {
                // Without this, the connection would stay in the transaction that failed.
                drop(in_time(&self.at, self.client.batch_execute("ROLLBACK")).await);
                Err(self.failed(doing)(error))
            }
        }
    }

    pub(crate) fn failed(&self, doing: &'static str) -> impl Fn(tokio_postgres::Error) -> MintError {
        let at = self.at.clone();
        move |source| MintError::Statement { at: at.clone(), doing, source }
    }
}

/// Whether a change failed because somebody holds the row.
pub(crate) fn is_held(done: &Result<(), MintError>) -> bool {
    matches!(done, Err(MintError::Statement { source, .. }) if source.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
}

/// A connection without anything said yet.
type Raw = Box<dyn Wire>;

async fn raw(target: &Target, address: Option<IpAddr>, at: &str) -> Result<Raw, MintError> {
    let Target { host, port, .. } = target;
    let connecting = async {
        if host.starts_with('/') {
            let path = Path::new(host).join(format!(".s.PGSQL.{port}"));
            return Ok::<Raw, io::Error>(Box::new(UnixStream::connect(path).await?));
        }
        let stream = match address {
            Some(address) => TcpStream::connect((address, *port)).await?,
            None => TcpStream::connect((host.as_str(), *port)).await?,
        };
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    };
    let connected = tokio::time::timeout(CONNECT_TIME_MAX, connecting).await;
    let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    connected.map_err(|source| MintError::Away { at: at.to_owned(), source })
}

pub(crate) async fn in_time<T>(at: &str, asked: impl Future<Output = T>) -> Result<T, MintError> {
    let slow = |_| MintError::Slow { at: at.to_owned(), seconds: REQUEST_TIME_MAX.as_secs() };
    tokio::time::timeout(REQUEST_TIME_MAX, asked).await.map_err(slow)
}

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const REQUEST_TIME_MAX: Duration = Duration::from_secs(20);
/// Roles in one statement: each holds a lock of the server, which has 6,400 of them or more by default.
const TOGETHER_MAX: usize = 500;
const SESSION_LOOK: Duration = Duration::from_millis(20);
const SESSION_LOOKS_MAX: u32 = 500;
const SESSION_TIME: Duration = Duration::from_secs(10);
