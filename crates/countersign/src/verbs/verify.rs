//! `countersign verify`: judges an evidence bundle offline, against a pinned root, at its quorum time.
//!
//! With `--state` the verifier keeps the newest checkpoint, root and status that it saw: a ledger that was forked or
//! rewound since does not verify, and the newest known status decides what is revoked, withdrawn, barred or frozen.

use std::path::{Path, PathBuf};

use clap::Args;
use client::clock::now;
use client::files;
use client::pinned_review;
use client::pins;
use domain::gate::GateOutcome;
use evidence::Bytes;
use evidence::bundle::Bundle;
use evidence::canonical::CanonicalError;
use evidence::dsse::ENVELOPE_BYTES_MAX;
use evidence::pin::Pin;
use evidence::status::StatusFile;
use evidence::trust_root::Mode;
use evidence::verifier_state::{self, VerifierState};
use judge::{Anchors, Checked, Judgement, PinnedCheckpoint, VerificationContext};
use policy::Reason;
use review::summary;
use serde::Serialize;
use tlog::Checkpoint;

use crate::failure::Failure;
use crate::output::Output;
use crate::remote_tiles;

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// File of the evidence bundle.
    bundle: PathBuf,
    /// File of the trust root to believe, which somebody of the installation writes for you with `countersign trust root
    /// --out FILE`; default: your pinned root.
    #[arg(long)]
    trust_root: Option<PathBuf>,
    /// File in which you keep the newest checkpoint, root and status that you saw; it is created the first time and updated
    /// when a bundle verifies; default: nothing is kept.
    #[arg(long)]
    state: Option<PathBuf>,
    /// File of a newer status, as `countersign trust status --save` writes it; default: the bundle's status.
    #[arg(long)]
    status: Option<PathBuf>,
    /// URL of a server that proves that the ledger continues the one in your state; default: no server is asked.
    #[arg(long, requires = "state")]
    url: Option<String>,
}

#[derive(Debug, Serialize)]
struct Verified {
    trust_root: String,
    root_version: u32,
    mode: Mode,
    witnesses: usize,
    same_machine: bool,
    status: u64,
    judged_at: String,
    place: String,
    release: u64,
    artifact: String,
    commit: String,
    outcome: GateOutcome,
    /// Checks that the policy made. All of them hold only if the outcome is a pass.
    checks: Vec<String>,
    reasons: Vec<String>,
    /// Reasons against it.
    not_held: Vec<Reason>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Reason>,
    since: Vec<String>,
}

/// Verifies the bundle and prints the verdict.
pub fn run(verb: &Verify, output: Output) -> Result<(), Failure> {
    // A final line break that an editor or a mail program added is not part of the evidence and is ignored.
    let bundle = decoded(&verb.bundle, pinned_review::read(&verb.bundle)?.trim_ascii_end())?;
    let state = verb.state.as_deref().map(read_state).transpose()?.flatten();
    let (anchors, mut seen) = eyes(verb, &bundle, state.as_ref())?;
    let given = verb.status.as_deref().map(read_status).transpose()?;
    seen.newer.extend(given.clone());
    if let Some(state) = &state {
        seen.newer.push(state.status.clone());
        seen.ledger = Some(pinned_checkpoint(&state.pin, &bundle, verb.url.as_deref())?);
    }
    let today = VerificationContext { now: Some(now()?), ..seen.clone() };
    let (shown, today) = std::thread::scope(|scope| {
        // The bundle is judged a second time, as of today, to report what has changed since.
        let today = scope.spawn(|| judge::judge(&bundle, &anchors, &today).codes());
        let then = || {
            let checked = judge::check(&bundle, &anchors, &seen)
                .map_err(|reasons| pinned_review::broken(&bundle, reasons))?;
            let judgement = judge::judge_checked(&checked);
            // A status that the person named must be valid, or it would silently not count.
            given.as_ref().map(|given| given.open(&checked.trust.root)).transpose()?;
            let kept = keep(&checked, &bundle, &seen, state.as_ref());
            let summary = summary::summary(&checked);
            Ok::<_, Failure>((verified(&checked, &judgement), judgement, summary, kept))
        };
        (then(), today.join())
    });
    let (mut verified, judgement, summary, kept) = shown?;
    let today = today.map_err(|_| Failure::error("judging for today failed; please report it"))?;
    let then = judgement.codes();
    verified.since = today.into_iter().filter(|code| !then.contains(code)).collect();
    let passed = judgement.outcome == GateOutcome::Pass;
    if let Some(file) = verb.state.as_ref().filter(|_| passed) {
        files::write_private(file, &String::from_utf8_lossy(&kept.encode()?))?;
    }
    if passed || output == Output::Text {
        output.print(&verified, |verified| text(verified, &summary))?;
    }
    Ok(pinned_review::verdict(&judgement)?)
}

/// A bundle decoded from the bytes of a file.
pub fn decoded(file: &Path, bytes: &[u8]) -> Result<Bundle, Failure> {
    Bundle::decode(bytes).map_err(|error| {
        let what = match &error {
            CanonicalError::Shape { source, .. } if source.is_eof() => format!(
                "the file is cut: it ends in the middle of the bundle, after {} bytes; have it sent again, whole",
                bytes.len()
            ),
            other @ CanonicalError::Shape { .. } => format!("{other}; {NO_BUNDLE}"),
            other => format!("{other}; somebody changed the file: have it sent again, as it was saved"),
        };
        Failure::error(format!("`{}`: {what}", file.display()))
    })
}

fn text(verified: &Verified, summary: &str) -> String {
    // A policy does not say which of its checks a reason belongs to, so with a reason no check is called held.
    let word = if verified.outcome == GateOutcome::Pass { "held" } else { "looked at" };
    let checks: String = verified.checks.iter().map(|check| format!("\n  {word}: {check}")).collect();
    let against = verified.not_held.iter().take(NOT_HELD_MAX).map(|reason| {
        let [code, what] = [&reason.code, &reason.what].map(|text| shown::below(text));
        format!("\n  not held: {code}: {what}")
    });
    let more = verified.not_held.len().saturating_sub(NOT_HELD_MAX);
    let more = if more == 0 { String::new() } else { format!("\n  not held: {more} more") };
    let checks = format!("{}{more}{checks}", against.collect::<String>());
    let warned = pinned_review::lines("warnings, which stop nothing", &verified.warnings);
    let since: String = verified.since.iter().map(|code| format!("\n  no longer so today: {code}")).collect();
    format!(
        "{summary}\nassurance: {}\njudged at {} under status {}: {:?}{checks}{warned}{since}",
        summary::assurance(verified.mode),
        verified.judged_at,
        verified.status,
        verified.outcome
    )
}

/// The root to believe: a file's, the state's, or that of the person's own pin.
fn eyes(
    verb: &Verify,
    bundle: &Bundle,
    state: Option<&VerifierState>,
) -> Result<(Anchors, VerificationContext), Failure> {
    if let Some(file) = &verb.trust_root {
        let anchors = pinned_review::anchors_of(file)?;
        if state.is_some_and(|state| state.pin.installation != bundle.installation) {
            return Err(Failure::error(
                "the state is of another installation than the bundle; name another file with --state",
            ));
        }
        return Ok((
            anchors.clone(),
            VerificationContext { root: anchors.version, ..VerificationContext::default() },
        ));
    }
    let pin = match state {
        Some(state) => Some(state.pin.clone()),
        None => pins::read(bundle.installation)?,
    };
    let pin = pin.ok_or_else(|| {
        Failure::error(format!(
            "you have pinned no trust root of installation {}: ask somebody whom you know there for the file that `countersign \
             trust root --out FILE` writes, over a way that you trust and not with the bundle, and name it with --trust-root FILE",
            bundle.installation
        ))
    })?;
    // A bundle keeps the verdict of its time: numbers that rose since do not count against it.
    let (anchors, seen) = pinned_review::context_of(&pin, bundle, None);
    Ok((anchors, VerificationContext { root: 0, status: 0, statement: 0, ..seen }))
}

/// The checkpoint of the state, with a consistency proof for the bundle if one is needed.
fn pinned_checkpoint(pin: &Pin, bundle: &Bundle, url: Option<&str>) -> Result<PinnedCheckpoint, Failure> {
    let checkpoint = pin.checkpoint()?;
    let proof = match judge::sizes_to_prove(bundle, &checkpoint) {
        Some((old, new)) => proven(&checkpoint, old, new, url)?,
        None => Vec::new(),
    };
    Ok(PinnedCheckpoint { checkpoint, proof, may_be_older: true })
}

/// The consistency proof between the state's ledger and the bundle's; without a server this fails.
fn proven(kept: &Checkpoint, old: u64, new: u64, url: Option<&str>) -> Result<Vec<Bytes>, Failure> {
    if let Some(url) = url {
        return remote_tiles::consistency(url, old, new);
    }
    let what = format!(
        "your state knows the ledger with {} entries, and nothing proves that the bundle's ledger is the same one",
        kept.size
    );
    let finding = Reason {
        code: "ledger-unproven".into(),
        what: what.clone(),
        remedy: "name a server of this ledger with --url; it need not be believed".into(),
        finding: None,
    };
    Err(Failure::decided(GateOutcome::Undecided, &what, vec![finding]))
}

/// The new state: the newer of what was known and what this bundle shows.
fn keep(
    checked: &Checked<'_>,
    bundle: &Bundle,
    seen: &VerificationContext,
    state: Option<&VerifierState>,
) -> VerifierState {
    let mut newest = seen.newer.iter().chain([&bundle.status]);
    let in_force = newest
        .find(|file| file.open(&checked.trust.root).is_ok_and(|opened| opened.status == checked.trust.status))
        .unwrap_or(&bundle.status);
    let known = state.map(|state| &state.pin);
    let here = pinned_review::seen_of(checked);
    let environments = here.beside(known.map_or(&[], |pin| pin.environments.as_slice()));
    let checkpoint = checked.ledger.proven.checkpoint.clone();
    let older = known
        .and_then(|pin| pin.checkpoint().ok())
        .filter(|kept| kept.origin == checkpoint.origin && kept.size > checkpoint.size);
    let pin = Pin {
        v: 1,
        installation: bundle.installation,
        root_version: checked.trust.root.version,
        root: checked.trust.root_digest,
        status: checked.trust.status.number,
        environments,
        checkpoint: older.unwrap_or(checkpoint).to_string(),
        addresses: Vec::new(),
        authority: None,
    };
    // A bundle from before an amendment of the root must not bring back the older root.
    let pin = match known {
        Some(known) if known.root_version > pin.root_version => {
            Pin { root_version: known.root_version, root: known.root, ..pin }
        }
        _ => pin,
    };
    VerifierState { v: 1, pin, status: in_force.clone() }
}

fn read_state(file: &Path) -> Result<Option<VerifierState>, Failure> {
    match bounded(file, verifier_state::BYTES_MAX as u64)? {
        Some(bytes) => VerifierState::decode(&bytes).map(Some).map_err(|error| {
            let what = "this is no state that `verify --state` keeps; name another file";
            Failure::error(format!("`{}`: {error}; {what}", file.display()))
        }),
        None => Ok(None),
    }
}

/// A status from a file that the person named.
pub fn read_status(file: &Path) -> Result<StatusFile, Failure> {
    let failed = |what: &dyn std::fmt::Display| Failure::error(format!("`{}`: {what}", file.display()));
    let bytes = bounded(file, 2 * ENVELOPE_BYTES_MAX as u64)?
        .ok_or_else(|| failed(&format!("there is no such file; {STATUS_FROM}")))?;
    StatusFile::decode(&bytes).map_err(|error| failed(&format!("{error}; {NO_STATUS}")))
}

/// A file's bytes, if it is there and not too large.
fn bounded(file: &Path, most: u64) -> Result<Option<Vec<u8>>, Failure> {
    let failed = |what: &dyn std::fmt::Display| Failure::error(format!("`{}`: {what}", file.display()));
    match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&error)),
        Ok(found) if found.len() > most => Err(failed(&format!("it has more than {most} bytes"))),
        Ok(_) => std::fs::read(file).map(Some).map_err(|error| failed(&error)),
    }
}

fn verified(checked: &Checked<'_>, judgement: &Judgement) -> Verified {
    Verified {
        trust_root: checked.trust.root_digest.to_string(),
        root_version: checked.trust.root.version,
        mode: checked.trust.root.mode,
        witnesses: checked.ledger.proven.witnesses,
        same_machine: checked.ledger.proven.same_machine,
        status: checked.trust.status.number,
        judged_at: checked.now.to_string(),
        place: checked.place.to_string(),
        release: checked.bundle.release,
        artifact: checked.bundle.artifact().to_string(),
        commit: checked.bundle.source.commit.to_string(),
        outcome: judgement.outcome,
        checks: judgement.checks.clone(),
        reasons: judgement.codes(),
        not_held: judgement.reasons.iter().chain(&judgement.unclear).cloned().collect(),
        warnings: judgement.warnings.clone(),
        since: Vec::new(),
    }
}

/// Most reasons that are shown.
const NOT_HELD_MAX: usize = 20;
const NO_BUNDLE: &str = "this is no evidence as `countersign promote` and `countersign evidence` save it";
const NO_STATUS: &str = "this is no status as `countersign trust status --save FILE` writes it";
const STATUS_FROM: &str = "`countersign trust status --save FILE` writes one";
