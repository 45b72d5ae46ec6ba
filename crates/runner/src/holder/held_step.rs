//! A step that a holder runs: the [`Isolation`] of that step, and its way from the order to the end.
//!
//! Invariant: everything but the step itself goes to the isolation around which this one is: reservations, limits, tasks that
//! read reports. A holder that ends without a result is an error, never a step that passed. A role of the step is ended before
//! anybody reads what the step left.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use evidence::{Id, Name};
use sandbox::{
    Input, Outputs, SandboxError, Spec, StepOutcome, Stream, read_frame_within, receive_descriptor,
    send_inputs, write_frame,
};
use stores::StoresError;
use wire::LentSecrets;

use super::outer::{Holder, PATIENCE};
use super::protocol::{
    DONE, DONE_BYTES_MAX, Done, ERROR, Elsewhere, FAILED, Failed, HAS, HAS_NOT, Lent, OUT, Order,
    PIECE_BYTES_MAX, RoleOrder, SEARCH, UNWANTED, WORKSPACE, Work, encoded, read,
};
use super::revoke::revoke;
use super::role::StepRole;
use crate::caps::{Caps, Part};
use crate::host::{IsWanted, Isolation, Log};
use crate::images::Images;
use crate::store_logins::StepLogins;

/// The isolation of one step with secrets.
pub struct HeldStep<'a> {
    within: &'a dyn Isolation,
    holder: Mutex<Holder>,
    installation: Id,
    nonce: Id,
    lent: LentSecrets,
    leaves: Vec<String>,
    role: Option<StepRole<'a>>,
    found: Mutex<Vec<String>>,
    /// After the holder: leases of stores are this step's until it has ended.
    logins: Option<StepLogins<'a>>,
}

impl std::fmt::Debug for HeldStep<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeldStep").field("nonce", &self.nonce).finish_non_exhaustive()
    }
}

impl<'a> HeldStep<'a> {
    /// The isolation of a step whose secrets were lent to this holder, and which leaves these outputs and reports.
    #[must_use]
    pub fn new(
        within: &'a dyn Isolation,
        holder: Holder,
        (installation, nonce): (Id, Id),
        lent: LentSecrets,
        leaves: Vec<String>,
    ) -> Self {
        let found = Mutex::default();
        let (role, logins) = (None, None);
        Self { within, holder: Mutex::new(holder), installation, nonce, lent, leaves, role, found, logins }
    }

    /// The same step, which may log in to stores.
    #[must_use]
    pub fn with_logins(self, logins: StepLogins<'a>) -> Self {
        Self { logins: Some(logins), ..self }
    }

    /// The same for a step that has a role of a database.
    #[must_use]
    pub fn with_role(self, role: Option<StepRole<'a>>) -> Self {
        Self { role, ..self }
    }

    /// Names of the files in which the step gets what was lent.
    pub fn files(&self) -> impl Iterator<Item = &Name> {
        let elsewhere = self.lent.elsewhere.iter().map(|lent| &lent.name);
        self.lent.values.iter().map(|lent| &lent.name).chain(elsewhere)
    }

    /// Secrets that lie in stores, each with a login that was made now: a token ends within minutes.
    fn elsewhere(&self) -> Result<Vec<Elsewhere>, SandboxError> {
        let failed = |error: StoresError| SandboxError::Holder(error.to_string());
        let unnamed = || SandboxError::Holder("the step may log in to no store".into());
        let one = |lent: &wire::LentElsewhere| {
            let access = self.logins.as_ref().ok_or_else(unnamed)?.access(&lent.from).map_err(failed)?;
            Ok(Elsewhere { file: lent.name.clone(), from: lent.from.clone(), access })
        };
        self.lent.elsewhere.iter().map(one).collect()
    }

    fn work(&self, spec: &Spec, allowed: &[String], role: Option<RoleOrder>) -> Result<Work, SandboxError> {
        let lent = self.lent.values.iter().cloned();
        let values = lent.map(|lent| {
            let wire::LentSecret { name, secret, number, sealed, key } = lent;
            Lent { file: name, secret, number, sealed, key }
        });
        Ok(Work {
            installation: self.installation,
            nonce: self.nonce,
            values: values.collect(),
            elsewhere: self.elsewhere()?,
            leases: self.logins.as_ref().map(|logins| logins.leases().to_path_buf()),
            spec: spec.clone(),
            role,
            allowed: allowed.to_vec(),
            leaves: self.leaves.clone(),
        })
    }

    /// Has the holder run a step, and follows it to its end.
    fn follow(
        &self,
        spec: &Spec,
        inputs: &[Input<'_>],
        (log, wanted): (Log<'_>, IsWanted<'_>),
        role: Option<(&StepRole<'_>, RoleOrder)>,
    ) -> Result<StepOutcome, SandboxError> {
        // Until the step has ended, nothing else speaks to the holder.
        let holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        let socket = holder.socket();
        let ordered = role.as_ref().map(|(_, order)| order.clone());
        let work = Order::Step(Box::new(self.work(spec, holder.allowed(), ordered)?));
        write_frame(socket, &encoded(&work).map_err(lost)?).map_err(lost)?;
        if let Some((role, order)) = &role {
            role.made(socket, order, &self.lent.values, (self.installation, self.nonce))?;
        }
        let given = send_inputs(socket, inputs);
        let deadline = Instant::now() + Duration::from_millis(spec.limits.wall_ms) + SLACK;
        // A holder that does not take its inputs has said why.
        let (done, outputs) = Following { socket, log, wanted, deadline }.follow(given.err())?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = done.found;
        let Done { exit, level, log_truncated, reached, refused, .. } = done;
        Ok(StepOutcome { exit, level, outputs, log_truncated, reached, refused })
    }
}

impl Isolation for HeldStep<'_> {
    fn run(
        &self,
        spec: &Spec,
        inputs: &[Input<'_>],
        log: Log<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<StepOutcome, SandboxError> {
        if spec.secrets.is_empty() {
            return self.within.run(spec, inputs, log, wanted);
        }
        let Some(role) = &self.role else { return self.follow(spec, inputs, (log, wanted), None) };
        let order = role.order(spec.limits.wall_ms)?;
        let id = order.id;
        let done = self.follow(spec, inputs, (log, wanted), Some((role, order)));
        // However the step ended, none of its processes is left.
        if let Some(left) = role.end(id, &|leases| revoke(leases, self.within)) {
            log(Stream::Error, format!("countersign: {left}\n").as_bytes());
        }
        done
    }

    fn found(&self) -> Vec<String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn has_value(&self, bytes: &[u8]) -> Result<bool, SandboxError> {
        let holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        let mut socket = holder.socket();
        let mut answer = [0];
        socket
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| socket.write_all(&[SEARCH]))
            .and_then(|()| write_frame(socket, bytes))
            .and_then(|()| socket.read_exact(&mut answer))
            .map_err(lost)?;
        match answer {
            [HAS] => Ok(true),
            [HAS_NOT] => Ok(false),
            _ => Err(lost("it gave no answer")),
        }
    }

    fn reserve(
        &self,
        bytes: u64,
        log: Log<'_>,
        wanted: IsWanted<'_>,
    ) -> Result<Option<Part<'_>>, SandboxError> {
        self.within.reserve(bytes, log, wanted)
    }

    fn caps(&self) -> Caps {
        self.within.caps()
    }

    fn advisories(&self) -> Option<&Path> {
        self.within.advisories()
    }

    fn images(&self) -> Option<&Images> {
        self.within.images()
    }
}

/// A step that a holder runs, followed to its end.
struct Following<'a> {
    socket: &'a UnixStream,
    log: Log<'a>,
    wanted: IsWanted<'a>,
    deadline: Instant,
}

impl Following<'_> {
    fn follow(&self, not_given: Option<io::Error>) -> Result<(Done, Outputs), SandboxError> {
        let mut workspace = None;
        let mut told = false;
        loop {
            let Some((tag, descriptor)) = self.next(&mut told)? else {
                return Err(not_given.map_or_else(|| lost("it ended without a result"), lost));
            };
            self.socket.set_read_timeout(Some(PATIENCE)).map_err(lost)?;
            match tag {
                OUT | ERROR => {
                    let piece = read_frame_within(self.socket, PIECE_BYTES_MAX).map_err(lost)?;
                    (self.log)(if tag == OUT { Stream::Out } else { Stream::Error }, &piece);
                }
                WORKSPACE => workspace = descriptor,
                DONE => {
                    let done = read(self.socket, DONE_BYTES_MAX).map_err(lost)?;
                    let workspace = workspace.ok_or_else(|| lost("it handed over no workspace"))?;
                    return Ok((done, Outputs::new(workspace)));
                }
                FAILED => {
                    let failed: Failed = read(self.socket, DONE_BYTES_MAX).map_err(lost)?;
                    let why = SandboxError::Holder(failed.why);
                    return Err(if failed.unwanted { SandboxError::Unwanted } else { why });
                }
                _ => return Err(lost("it sent an unknown message")),
            }
        }
    }

    /// The next message; `None` if there is no more. In between, checks the time and whether the step is still wanted.
    fn next(&self, told: &mut bool) -> Result<Option<(u8, Option<OwnedFd>)>, SandboxError> {
        self.socket.set_read_timeout(Some(LOOK_EVERY)).map_err(lost)?;
        loop {
            match receive_descriptor(self.socket) {
                Ok((tag, descriptor)) => return Ok(tag.map(|tag| (tag, descriptor))),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error)
                    if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) =>
                {
                    return Err(lost(error));
                }
                Err(_) => {}
            }
            if Instant::now() >= self.deadline {
                return Err(lost("it did not end in time"));
            }
            if !*told && !(self.wanted)() {
                *told = true;
                // A holder that has just ended does not hear this, and needs not to.
                drop((&*self.socket).write_all(&[UNWANTED]));
            }
        }
    }
}

fn lost(why: impl std::fmt::Display) -> SandboxError {
    SandboxError::Holder(format!(
        "the process that held the step's secrets was lost: {why}; run the commit again"
    ))
}

/// Time for the beginning and the end of a step, beside its own.
const SLACK: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(20);
