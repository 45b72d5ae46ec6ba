//! The inside: draws a key, opens the values, runs the sandbox, masks the log and searches what the step left.
//!
//! Invariant: this process ends with the runner, whatever the runner's end; the kernel ends the step with it. It leaves no core
//! file, other users' processes cannot read its memory, and nothing that it sends has a value.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use evidence::pipeline::DATABASE_FILE;
use mask::{BYTES_MIN, Masker, is_hidden};
use rustix::net::{RecvFlags, recv};
use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal};
use sandbox::{
    Allowance, Egress, Inputs, Reached, Refused, SandboxError, StepOutcome, Stream, read_frame_within,
    send_descriptor,
};
use vault::SealSecret;

use super::hold_error::HoldError;
use super::masked_log::MaskedLog;
use super::protocol::{
    DONE, Done, ERROR, FAILED, Failed, HAS, HAS_NOT, HELLO, OUT, Order, PIECE_BYTES_MAX, REVOKED, Revocation,
    SEARCH, SEARCH_BYTES_MAX, UNWANTED, WORK_BYTES_MAX, WORKSPACE, Work, encoded, read, send,
};
use super::store_values::StoreValues;
use super::{minting, opening, search};

/// Runs a holder, whose standard input is the runner's socket. `init` starts the init process of a sandbox. The return value
/// is the exit code of this process and says nothing about the step.
#[must_use]
pub fn holder_main(init: fn() -> Command) -> u8 {
    let socket = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    let Ok(socket) = socket else { return 1 };
    match hold(&socket, init) {
        Ok(()) => 0,
        Err(error) => {
            let failed = Failed {
                unwanted: matches!(error, HoldError::Sandbox(SandboxError::Unwanted)),
                why: error.to_string(),
            };
            // The runner may be gone. Then there is nobody to tell.
            drop(encoded(&failed).and_then(|bytes| send(&socket, FAILED, &bytes)));
            1
        }
    }
}

fn hold(socket: &UnixStream, init: fn() -> Command) -> Result<(), HoldError> {
    let doing = |what| move |error: io::Error| HoldError::Io(what, error);
    protect().map_err(doing("protect the memory of the secrets"))?;
    let mut drawn = Ok(());
    let secret = SealSecret::filled(|bytes| drawn = SystemRandom::new().fill(bytes));
    drawn.map_err(|_| {
        HoldError::Io("draw a key", io::Error::other("the system's source of randomness failed"))
    })?;
    let public = secret.public().map_err(|error| HoldError::Io("draw a key", io::Error::other(error)))?;
    send(socket, HELLO, public.to_string().as_bytes()).map_err(doing("greet the runner"))?;
    let mut work = match read(socket, WORK_BYTES_MAX).map_err(doing("read the work"))? {
        Order::Step(work) => *work,
        Order::Revoke(Revocation { leases, allowed }) => {
            let revoked = minting::revoked(leases, &egress(&allowed)?);
            let told = encoded(&revoked).and_then(|bytes| send(socket, REVOKED, &bytes));
            return told.map_err(doing("tell what is revoked"));
        }
    };
    let mut stored = StoreValues::read(&work)?;
    open(socket, &mut work, &mut stored, &secret)?;
    // From here on nothing that was sent to this process can be opened.
    drop(secret);
    let masker = Masker::new(work.spec.secrets.iter().map(|secret| secret.bytes.as_slice()))?;
    let outcome = run(socket, &work, &masker, init);
    for left in stored.end() {
        let said = masker.masked(format!("countersign: {left}\n").as_bytes());
        drop(send(socket, ERROR, &said));
    }
    let outcome = outcome?;
    let found = search::found(&outcome.outputs, &work.leaves, &masker, &work.spec.secrets);
    let told = tell(socket, &outcome, found, &masker);
    told.map_err(doing("hand over what the step left"))?;
    answer(socket, &masker).map_err(doing("search for values"))
}

/// Keeps the memory of this process to this process.
fn protect() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // A host that limits locked memory may swap it out; docs/secrets/steps.md says so.
    let _is_locked = sandbox::lock_memory();
    Ok(())
}

/// Opens the values into the specification. In the place of the credential of a database, the step gets the password of a role.
fn open(
    socket: &UnixStream,
    work: &mut Work,
    stored: &mut StoreValues,
    secret: &SealSecret,
) -> Result<(), HoldError> {
    let of = (work.installation, work.nonce);
    for wanted in &mut work.spec.secrets {
        let is_role = work.role.is_some() && wanted.name == DATABASE_FILE;
        // The credential of a database is the vault's: no step gets one itself, wherever it comes from.
        if !is_role && let Some(bytes) = stored.values.remove(&wanted.name) {
            wanted.bytes = bytes;
            continue;
        }
        let lent = work.values.iter().find(|lent| lent.file.as_str() == wanted.name);
        let lent = lent.ok_or_else(|| HoldError::Missing(wanted.name.clone()))?;
        wanted.bytes = match work.role.as_ref().filter(|_| wanted.name == DATABASE_FILE) {
            Some(order) => minting::role(socket, order, (lent, of), secret, &egress(&work.allowed)?)?,
            None => opening::open(lent, of, secret)?.value,
        };
    }
    if let Some(role) = &work.role {
        work.spec.environment.insert("PGUSER".into(), role.id.role());
    }
    work.values.clear();
    work.elsewhere.clear();
    Ok(())
}

fn egress(allowed: &[String]) -> Result<Egress, HoldError> {
    let allowed: Result<Vec<Allowance>, _> = allowed.iter().map(|text| text.parse()).collect();
    let failed = |error| HoldError::Io("read the operator's allowances", io::Error::other(error));
    allowed.map(Egress::new).map_err(failed)
}

/// Runs the step, and sends its masked log as it grows.
fn run(
    socket: &UnixStream,
    work: &Work,
    masker: &Masker,
    init: fn() -> Command,
) -> Result<StepOutcome, HoldError> {
    let egress = egress(&work.allowed)?;
    let log = Mutex::new(MaskedLog::new(masker));
    let show = |shown: Vec<u8>, stream| {
        let tag = if stream == Stream::Out { OUT } else { ERROR };
        // A runner that no longer reads has ended the step.
        shown.chunks(PIECE_BYTES_MAX).for_each(|piece| drop(send(socket, tag, piece)));
    };
    for secret in work.spec.secrets.iter().filter(|secret| !is_hidden(&secret.bytes)) {
        let said = format!(
            "countersign: secret `{}` has fewer than {BYTES_MIN} bytes, so the log does not hide it\n",
            secret.name
        );
        show(said.into_bytes(), Stream::Error);
    }
    let ended = AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        let flusher = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                std::thread::park_timeout(LOOK_EVERY);
                // The pieces of one stream are sent in their order, so the log stays locked meanwhile.
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.due(Instant::now()).into_iter().for_each(|(stream, shown)| show(shown, stream));
            }
        });
        let add = |stream, piece: &[u8]| {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            show(log.push(stream, piece, Instant::now()), stream);
        };
        let gone = Cell::new(false);
        let wanted = || {
            gone.set(gone.get() || is_unwanted(socket.as_fd()));
            !gone.get()
        };
        let inputs = Inputs::From(socket);
        let outcome = sandbox::run(init(), &work.spec, inputs, &egress, &add, &wanted);
        ended.store(true, Ordering::Relaxed);
        flusher.thread().unpark();
        outcome
    })?;
    let rest = log.lock().unwrap_or_else(PoisonError::into_inner).end(outcome.log_truncated);
    rest.into_iter().for_each(|(stream, shown)| show(shown, stream));
    Ok(outcome)
}

/// Whether the runner has sent a word, which can only be that it does not want the step any more, or is gone.
fn is_unwanted(socket: BorrowedFd<'_>) -> bool {
    let mut byte = [0];
    match recv(socket, &mut byte[..], RecvFlags::DONTWAIT) {
        Ok(_) => true,
        Err(error) => !matches!(error, rustix::io::Errno::AGAIN | rustix::io::Errno::INTR),
    }
}

fn tell(socket: &UnixStream, outcome: &StepOutcome, found: Vec<String>, masker: &Masker) -> io::Result<()> {
    let masked = |text: &str| String::from_utf8_lossy(&masker.masked(text.as_bytes())).into_owned();
    let reached = outcome.reached.iter().map(|to| Reached { host: masked(&to.host), ..to.clone() });
    let refused = outcome.refused.iter().map(|refused| {
        let mut to = refused.to.clone();
        to.host = masked(&to.host);
        Refused { to, why: masked(&refused.why) }
    });
    let done = Done {
        exit: outcome.exit,
        level: outcome.level.clone(),
        log_truncated: outcome.log_truncated,
        reached: reached.collect(),
        refused: refused.collect(),
        found,
    };
    send_descriptor(socket, WORKSPACE, outcome.outputs.descriptor())?;
    send(socket, DONE, &encoded(&done)?)
}

/// Answers questions until the runner closes the socket.
fn answer(mut socket: &UnixStream, masker: &Masker) -> io::Result<()> {
    let mut tag = [0];
    while io::Read::read(&mut socket, &mut tag)? != 0 {
        if tag == [UNWANTED] {
            // It came when the step had ended.
            continue;
        }
        if tag != [SEARCH] {
            return Ok(());
        }
        let bytes = read_frame_within(socket, SEARCH_BYTES_MAX)?;
        socket.write_all(&[if masker.finds(&bytes) { HAS } else { HAS_NOT }])?;
    }
    Ok(())
}

/// How often the log is looked at for what has waited long enough.
const LOOK_EVERY: Duration = Duration::from_millis(20);
