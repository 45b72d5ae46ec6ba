//! Asks witnesses to cosign each new checkpoint (C2SP tlog-witness, the log's side).
//!
//! Invariant: only cosignatures that verify under the keys of the trust root in force are kept, and only
//! when a quorum of them stands on one checkpoint. A witness that does not answer delays nobody: the ledger
//! goes on, and the next round asks again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ledger::{LedgerError, Tiles};
use tlog::{AddCheckpoint, Checkpoint, Cosignature, Note, NoteSignature, NoteVerifier, consistency_proof};

use crate::http::Shared;
use crate::readers::Readers;

/// Runs until the server ends: a round after each append, and one after a pause when the last was short.
pub async fn run(shared: Arc<Shared>, urls: Vec<String>) {
    let built = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build();
    let http = match built {
        Ok(http) => http,
        Err(error) => return eprintln!("warning: witnesses cannot be asked: {error}"),
    };
    let mut sizes = BTreeMap::new();
    let mut complained = false;
    let mut changes = shared.intake.changes();
    let mut done = None;
    loop {
        changes.borrow_and_update();
        let entries = shared.intake.state().entries;
        if done == Some(entries) {
            // What changed was the cosignature itself.
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        }
        let complete = match round(&shared, &http, &urls, &mut sizes).await {
            Ok(()) => true,
            Err(what) => {
                if !complained {
                    eprintln!("warning: the newest checkpoint is not witnessed: {what}; asking again");
                }
                false
            }
        };
        complained = !complete;
        if complete {
            done = Some(entries);
        } else {
            drop(tokio::time::timeout(PAUSE, changes.changed()).await);
        }
    }
}

async fn round(
    shared: &Arc<Shared>,
    http: &reqwest::Client,
    urls: &[String],
    sizes: &mut BTreeMap<String, u64>,
) -> Result<(), String> {
    let (keys, quorum) = anchors(shared).await?;
    let mut note = head(shared).await?;
    let checkpoint: Checkpoint = note.text().parse().map_err(text)?;
    let mut failures = Vec::new();
    for url in urls {
        match ask(shared, http, url, &note, checkpoint.size, sizes).await {
            Ok(lines) => {
                take_cosignatures(&mut note, lines, &keys);
            }
            Err(what) => failures.push(format!("{url}: {what}")),
        }
    }
    let found = Cosignature::all(&note, &keys).map_err(text)?.len();
    if found < quorum {
        return Err(format!("{found} of {quorum} cosigned; {}", failures.join("; ")));
    }
    shared.intake.witnessed(note).await.map_err(text)
}

/// Keeps what verifies under known keys of what a witness answered, and says by how many a note is cosigned.
pub fn take_cosignatures(note: &mut Note, lines: Vec<NoteSignature>, keys: &[NoteVerifier]) -> usize {
    let good: Vec<_> = lines.into_iter().filter(|line| known(note, line, keys)).collect();
    note.extend(good);
    Cosignature::all(note, keys).map_or(0, |found| found.len())
}

/// What a witness is asked that has seen so many entries.
///
/// # Errors
/// `LedgerError` when the ledger cannot be read.
pub fn witness_question(
    readers: &Readers,
    note: &Note,
    old: u64,
    new: u64,
) -> Result<AddCheckpoint, LedgerError> {
    let proof = readers.with(|reader| consistency_proof(&Tiles::new(readers.dir(), reader), old, new))?;
    Ok(AddCheckpoint { old_size: old, proof, note: note.clone() })
}

/// Whether a line verifies under a known key on this note.
fn known(note: &Note, line: &NoteSignature, keys: &[NoteVerifier]) -> bool {
    let mut alone = note.clone();
    alone.extend([line.clone()]);
    let before = Cosignature::all(note, keys).map_or(0, |found| found.len());
    Cosignature::all(&alone, keys).is_ok_and(|found| found.len() > before)
}

async fn ask(
    shared: &Arc<Shared>,
    http: &reqwest::Client,
    url: &str,
    note: &Note,
    size: u64,
    sizes: &mut BTreeMap<String, u64>,
) -> Result<Vec<NoteSignature>, String> {
    let mut old_size = sizes.get(url).copied().unwrap_or(0).min(size);
    for _ in 0..ATTEMPTS {
        let (at, about) = (Arc::clone(shared), note.clone());
        let asked = move || {
            let made = witness_question(at.gatekeeper.readers(), &about, old_size, size);
            made.map_err(text)
        };
        let body = tokio::task::spawn_blocking(asked).await.map_err(text)??.to_string();
        let sent = http.post(format!("{}/add-checkpoint", url.trim_end_matches('/'))).body(body).send();
        let answer = sent.await.map_err(text)?;
        let status = answer.status().as_u16();
        let body = answer.text().await.map_err(text)?;
        match status {
            200 => {
                sizes.insert(url.to_owned(), size);
                return NoteSignature::parse_lines(&body).map_err(text);
            }
            409 => {
                let known: u64 = body.trim().parse().map_err(text)?;
                if known > size {
                    return Err(format!("it has seen {known} entries, this ledger has {size}"));
                }
                old_size = known;
            }
            _ => return Err(format!("status {status}: {}", body.trim())),
        }
    }
    Err("it keeps naming other sizes".into())
}

async fn anchors(shared: &Arc<Shared>) -> Result<(Vec<NoteVerifier>, usize), String> {
    let shared = Arc::clone(shared);
    let read = move || {
        let root = shared.gatekeeper.root(&shared.intake.state()).map_err(text)?;
        Ok((root.witness_keys().map_err(text)?, root.witnesses.quorum as usize))
    };
    tokio::task::spawn_blocking(read).await.map_err(text)?
}

async fn head(shared: &Arc<Shared>) -> Result<Note, String> {
    let shared = Arc::clone(shared);
    let read = move || {
        let head = shared.gatekeeper.readers().with(|reader| reader.head());
        head.map(|head| head.checkpoint).map_err(text)
    };
    tokio::task::spawn_blocking(read).await.map_err(text)?
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

const TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 3;
