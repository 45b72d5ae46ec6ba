//! Asks witnesses to cosign each new checkpoint (C2SP tlog-witness, the log's side).
//!
//! Invariant: cosignatures are stored only if they verify under the keys of the current trust root, and only if a quorum
//! signed the same checkpoint. All witnesses are asked at once, so that a silent witness delays nobody: the ledger
//! continues, and the next round asks again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::State;
use evidence::machine::MachineKey;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use ledger::{LedgerError, Tiles};
use tlog::{AddCheckpoint, Checkpoint, Cosignature, Note, NoteSignature, NoteVerifier, consistency_proof};
use tracing::warn;
use wire::innermost;

use crate::readers::Readers;
use crate::shared::Shared;

/// Runs until the server ends: one round after each append, one after a pause if the last round found too few, and one every
/// `REFRESH` if some place has windows: a release or a step of it begins only by a time that witnesses vouch for now.
pub async fn run(shared: Arc<Shared>, urls: Vec<String>) {
    let mut ways = WitnessWays::default();
    let mut sizes = BTreeMap::new();
    let mut complained = false;
    let mut changes = shared.intake.changes();
    let mut done = None;
    loop {
        changes.borrow_and_update();
        let entries = shared.intake.state().entries;
        if done == Some(entries) {
            // The change was the cosignature itself.
            if has_windows(&shared.intake.state()) {
                match tokio::time::timeout(REFRESH, changes.changed()).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(_)) => return,
                    Err(_) => {}
                }
            } else if changes.changed().await.is_err() {
                return;
            } else {
                continue;
            }
        }
        let complete = match round(&shared, &mut ways, &urls, &mut sizes).await {
            Ok(()) => true,
            Err(what) => {
                if !complained {
                    warn!("the newest checkpoint is not witnessed: {what}");
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

/// Whether some place has windows.
fn has_windows(state: &State) -> bool {
    state
        .gate
        .environments()
        .any(|environment| environment.facts.windows.is_some() || environment.facts.preview.is_some())
}

/// Connections to witnesses. Over TLS only a witness that the trust root names is believed to be one.
#[derive(Debug, Default)]
struct WitnessWays(Option<(Vec<MachineKey>, reqwest::Client)>);

impl WitnessWays {
    /// Connections to the witnesses with these keys.
    fn to(&mut self, keys: &[NoteVerifier]) -> Result<reqwest::Client, String> {
        let keys: Vec<_> = keys.iter().map(MachineKey::from).collect();
        if let Some((known, http)) = &self.0
            && *known == keys
        {
            return Ok(http.clone());
        }
        let config = tls::client_config(&tls::Trust::Witness(keys.clone()), None).map_err(text)?;
        let builder = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        let built = builder.no_proxy().tls_backend_preconfigured(config).build();
        let http = built.map_err(|error| format!("witnesses cannot be asked: {error}"))?;
        self.0 = Some((keys, http.clone()));
        Ok(http)
    }
}

async fn round(
    shared: &Arc<Shared>,
    ways: &mut WitnessWays,
    urls: &[String],
    sizes: &mut BTreeMap<String, u64>,
) -> Result<(), String> {
    let (keys, quorum) = anchors(shared).await?;
    let http = &ways.to(&keys)?;
    let mut note = head(shared).await?;
    let checkpoint: Checkpoint = note.text().parse().map_err(text)?;
    let (size, asked) = (checkpoint.size, note.clone());
    let asks = urls.iter().map(|url| {
        let seen = sizes.get(url).copied().unwrap_or(0).min(size);
        let question = ask(shared, http, url, &asked, size, seen);
        async move { (url, question.await) }
    });
    let (mut found, mut answered, mut failures) = (0, Vec::new(), Vec::new());
    let take = |(url, answer): (&String, Result<Vec<NoteSignature>, String>)| {
        match answer {
            Ok(lines) => {
                let before = std::mem::replace(&mut found, take_cosignatures(&mut note, lines, &keys));
                if found == before {
                    failures.push(format!("{url}: it signs by no key that the trust root names"));
                }
                answered.push(url.clone());
            }
            Err(what) => failures.push(format!("{url}: {what}")),
        }
        found >= quorum
    };
    gather(asks.collect(), take, async { tokio::time::sleep(GRACE).await }).await;
    sizes.extend(answered.into_iter().map(|url| (url, size)));
    if found < quorum {
        return Err(too_few(found, quorum, urls.len(), failures));
    }
    shared.intake.witnessed(note).await.map_err(text)
}

/// The sentence about a round in which too few witnesses cosigned. Each one that was asked and did not is among the
/// failures; witnesses that the trust root demands and that this server asks at no address have no failure.
fn too_few(found: usize, quorum: usize, asked: usize, mut failures: Vec<String>) -> String {
    if asked < quorum {
        let asks = match asked {
            0 => "no witness".to_owned(),
            1 => "only one witness".to_owned(),
            _ => format!("only {asked} witnesses"),
        };
        failures.push(format!("this server asks {asks}; start it with `--witness URL` for each witness"));
    }
    let again = if asked == 0 { "" } else { "; asking again" };
    format!("{found} of {quorum} cosigned: {}{again}", failures.join("; "))
}

/// Adds those lines of a witness's answer that verify under known keys, one for each key, and returns the number of keys
/// that cosigned: with two lines of one key no evidence would be valid.
pub fn take_cosignatures(note: &mut Note, lines: Vec<NoteSignature>, keys: &[NoteVerifier]) -> usize {
    for line in lines {
        if known(note, &line, keys) {
            note.extend([line]);
        }
    }
    Cosignature::all(note, keys).map_or(0, |found| found.len())
}

/// The request to a witness that has seen this many entries.
///
/// # Errors
/// `LedgerError` if the ledger cannot be read.
pub fn witness_question(
    readers: &Readers,
    note: &Note,
    old: u64,
    new: u64,
) -> Result<AddCheckpoint, LedgerError> {
    let proof = readers.with(|reader| consistency_proof(&Tiles::new(readers.dir(), reader), old, new))?;
    Ok(AddCheckpoint { old_size: old, proof, note: note.clone() })
}

/// Whether a line of this note verifies under a known key.
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
    mut old_size: u64,
) -> Result<Vec<NoteSignature>, String> {
    for _ in 0..ATTEMPTS {
        let (at, about) = (Arc::clone(shared), note.clone());
        let asked = move || {
            let made = witness_question(at.gatekeeper.readers(), &about, old_size, size);
            made.map_err(text)
        };
        let body = tokio::task::spawn_blocking(asked).await.map_err(text)??.to_string();
        let sent = http.post(format!("{}/add-checkpoint", url.trim_end_matches('/'))).body(body).send();
        let answer = sent.await.map_err(|error| innermost(&error))?;
        let status = answer.status().as_u16();
        let body = bounded(answer).await?;
        match status {
            200 => return NoteSignature::parse_lines(&body).map_err(text),
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

/// Runs all requests at once and collects the results; once they are enough, waits only for `grace`.
async fn gather<T>(
    asks: Vec<impl Future<Output = T>>,
    mut take: impl FnMut(T) -> bool,
    grace: impl Future<Output = ()>,
) {
    let mut asks: FuturesUnordered<_> = asks.into_iter().collect();
    let mut is_enough = false;
    tokio::pin!(grace);
    loop {
        tokio::select! {
            biased;
            answer = asks.next() => match answer {
                Some(answer) => is_enough |= take(answer),
                None => return,
            },
            () = &mut grace, if is_enough => return,
        }
    }
}

/// The text of an answer, which has a few lines.
async fn bounded(mut answer: reqwest::Response) -> Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(text)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(format!("its answer has more than {ANSWER_BYTES_MAX} bytes"));
        }
    }
    String::from_utf8(bytes).map_err(text)
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
/// Age at which the time of the newest checkpoint is renewed: judges accept five minutes.
const REFRESH: Duration = Duration::from_mins(2);
const ATTEMPTS: usize = 3;
/// How long the other witnesses are waited for after a quorum has answered.
const GRACE: Duration = Duration::from_millis(500);
const ANSWER_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use std::future::{pending, ready};
    use std::pin::Pin;

    use tlog::{Checkpoint, CosignatureKey, Hash, NoteSigner, SignatureKind};

    use super::{gather, take_cosignatures, too_few};

    #[test]
    fn a_round_with_too_few_cosignatures_always_names_its_cause() {
        let failed = vec!["http://127.0.0.1:1: status 500: full".to_owned()];
        for (found, quorum, asked, failures, said) in [
            (0, 1, 1, failed.clone(), "0 of 1 cosigned: http://127.0.0.1:1: status 500: full; asking again"),
            (
                0,
                1,
                0,
                Vec::new(),
                "0 of 1 cosigned: this server asks no witness; start it with `--witness URL` for each witness",
            ),
            (
                1,
                2,
                1,
                Vec::new(),
                "1 of 2 cosigned: this server asks only one witness; start it with `--witness URL` for each \
                 witness; asking again",
            ),
        ] {
            assert_eq!(too_few(found, quorum, asked, failures), said);
        }
    }

    /// A witness that answers with two times, or with lines of others, adds only one line, under its own key.
    #[test]
    fn of_each_witness_one_line_is_kept() {
        let ledger = NoteSigner::from_seed("countersign/test", SignatureKind::Ed25519, &[1; 32]).unwrap();
        let [ada, bob, eve] =
            [2, 3, 4].map(|n: u8| CosignatureKey::from_seed(&format!("witness-{n}/test"), &[n; 32]).unwrap());
        let checkpoint =
            Checkpoint { origin: "countersign/test".into(), size: 1, root: Hash::from_bytes([7; 32]) };
        let signed = checkpoint.sign(&ledger).unwrap();
        let at = |key: &CosignatureKey, time| key.cosign(&signed, time).unwrap();
        let keys = [ada.verifier().clone(), bob.verifier().clone()];
        let mut note = signed.clone();
        assert_eq!(take_cosignatures(&mut note, vec![at(&eve, 10), at(&ada, 10), at(&ada, 99)], &keys), 1);
        assert_eq!(take_cosignatures(&mut note, vec![at(&ada, 11), at(&bob, 12)], &keys), 2);
        assert_eq!(note.signatures().len(), 3);
    }

    type Answer = Pin<Box<dyn Future<Output = u8>>>;

    #[tokio::test]
    async fn one_that_never_answers_is_not_waited_for_when_enough_have() {
        let asks: Vec<Answer> = vec![Box::pin(pending()), Box::pin(ready(1)), Box::pin(ready(2))];
        let mut taken = Vec::new();
        let take = |answer| {
            taken.push(answer);
            taken.len() >= 2
        };
        gather(asks, take, ready(())).await;
        assert_eq!(taken, [1, 2]);
    }

    #[tokio::test]
    async fn all_that_answer_in_time_are_taken() {
        let asks: Vec<Answer> = vec![Box::pin(ready(1)), Box::pin(ready(2)), Box::pin(ready(3))];
        let mut taken = Vec::new();
        let take = |answer| {
            taken.push(answer);
            true
        };
        gather(asks, take, pending()).await;
        assert_eq!(taken, [1, 2, 3]);
    }
}
