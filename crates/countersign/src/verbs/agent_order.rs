//! `countersign agent show` and `agent apply`: what an agent knows of its place, and a rollback that a person brings to it while the
//! server is away.
//!
//! Invariant: the running agent alone carries an order out; these verbs read its memory, put a file into its directory and wait for
//! its answer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use agent::{KnownHere, Memory, ORDER_FILE, OrderAnswer, Overview, read_answer, read_order};
use clap::Args;
use client::clock;
use client::files::write_private;
use domain::Reason;
use evidence::report::ReleaseOutcome;
use evidence::rollback_order::{BYTES_MAX, RollbackOrder};
use review::ids::short;
use review::place_words::review_codes;
use serde::Serialize;

use super::agent_memory::memory;
use super::runtime;
use crate::failure::Failure;
use crate::output::Output;
use crate::waiting::unless_interrupted;

/// Arguments of `agent show`.
#[derive(Debug, Args)]
pub struct Show {
    /// Directory of the agent.
    #[arg(long)]
    data: PathBuf,
}

/// Arguments of `agent apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// Directory of the agent.
    #[arg(long)]
    data: PathBuf,
    /// Seconds to wait for the agent's answer; the order stays in force after them.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait_seconds: u64,
    /// File that `countersign rollback --out` wrote.
    file: PathBuf,
}

#[derive(Debug, Serialize)]
struct Applied {
    #[serde(flatten)]
    answer: OrderAnswer,
    next: String,
}

/// Shows what an agent knows of its place.
pub fn show(verb: &Show, output: Output) -> Result<(), Failure> {
    output.print(&memory(&verb.data)?.overview(), text)
}

fn text(of: &Overview) -> String {
    let line =
        |known: &KnownHere| format!("release {} of commit {}", known.release, short(known.commit.as_str()));
    let runs = of.running.as_ref().map_or("nothing".to_owned(), line);
    let mut lines = vec![format!("{} at {} runs {runs}", of.agent, of.place)];
    lines.extend(of.rolling.as_ref().map(|known| format!("rolls out {}", line(known))));
    lines.extend(of.before.iter().map(|known| format!("can go back to {}", line(known))));
    lines.extend(of.barred.iter().map(|bar| {
        format!("is barred to the artifact of release {}: {}", bar.release, shown::line(&bar.why))
    }));
    if of.unrecorded > 0 {
        lines.push(format!("the server has not recorded {} returns by hand", of.unrecorded));
    }
    lines.push(format!(
        "has seen release {}, trust root {}, status {}, environment statement {}",
        of.seen_release, of.seen_root, of.seen_status, of.seen_statement
    ));
    lines.join("\n")
}

/// Gives an order to the running agent and waits for its answer.
pub fn apply(verb: &Apply, output: Output) -> Result<(), Failure> {
    let memory = memory(&verb.data)?;
    let order = read(&verb.file)?;
    if order.place() != memory.place {
        return Err(Failure::error(format!(
            "`{}` is an order for {}, and this is the agent of {}; nothing was changed",
            verb.file.display(),
            order.place(),
            memory.place
        )));
    }
    let request = order.request.payload_digest();
    if let Some(answer) = read_answer(&verb.data, &request)? {
        return answered(answer, &memory, output);
    }
    refused(&verb.data, &memory, &order)?;
    match read_order(&verb.data) {
        Ok(Some(other)) if other != order => {
            return Err(Failure::error(
                "the agent has another order that it has not answered; nothing was changed; wait for it",
            ));
        }
        _ => {}
    }
    write_private(&verb.data.join(ORDER_FILE), &String::from_utf8_lossy(&order.encode()?))?;
    let away = disk::lock(&verb.data).is_ok();
    if away {
        return Err(Failure::error(format!(
            "no agent runs in `{}`: it carries the order out when it starts, until the request expires; start it",
            verb.data.display()
        )));
    }
    let waited = async {
        let most = Duration::from_secs(verb.wait_seconds);
        let looked = tokio::time::timeout(most, answer_to(&verb.data, &order)).await;
        looked.unwrap_or_else(|_| {
            Err(Failure::error(format!(
                "no answer after {} seconds; the order stays with the agent, whose log says more; the same command waits on",
                verb.wait_seconds
            )))
        })
    };
    let goes_on = "the order stays with the agent; the same command waits on";
    let answer = runtime()?.block_on(unless_interrupted(waited, goes_on))?;
    answered(answer, &memory, output)
}

async fn answer_to(data: &Path, order: &RollbackOrder) -> Result<OrderAnswer, Failure> {
    let request = order.request.payload_digest();
    loop {
        if let Some(answer) = read_answer(data, &request)? {
            return Ok(answer);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Refuses what the agent would refuse, before it gets the file.
fn refused(data: &Path, memory: &Memory, order: &RollbackOrder) -> Result<(), Failure> {
    let carried = memory.returned.contains_key(&order.request.payload_digest());
    let Some(decision) = memory.refuses(data, order, clock::now()?).filter(|_| !carried) else {
        return Ok(());
    };
    let reasons = decision.reasons.iter().zip(&decision.words);
    let reasons = reasons.map(|(code, words)| Reason::new(code, shown::line(words), LOOK_AT_AGENT)).collect();
    Err(Failure::counted("the agent refuses the order; nothing was changed".into(), reasons))
}

fn answered(answer: OrderAnswer, memory: &Memory, output: Output) -> Result<(), Failure> {
    if answer.outcome != ReleaseOutcome::Running {
        let what = if answer.detail.is_empty() { answer.reasons.join(", ") } else { answer.detail.clone() };
        let reasons =
            answer.reasons.iter().map(|code| Reason::new(code, shown::text(&what), LOOK_AT_AGENT)).collect();
        let message = format!("the agent has not gone back: {}", answer.outcome.name());
        return Err(Failure::counted(message, reasons));
    }
    let (place, release) = (memory.place.clone(), answer.release);
    let next = "the server records it as soon as the agent reaches it; `countersign status` shows it then"
        .to_owned();
    output.print(&Applied { answer, next }, |applied| {
        let review = review_codes(&applied.answer.reasons);
        let review = if review.is_empty() { review } else { format!("\ndue for review: {review}") };
        format!("{place} has gone back, as release {release}{review}\nnext: {}", applied.next)
    })
}

fn read(file: &Path) -> Result<RollbackOrder, Failure> {
    let shown = file.display();
    let (bytes, _) = disk::read_bounded(file, BYTES_MAX as u64)
        .map_err(|error| Failure::error(format!("cannot read `{shown}`: {error}")))?;
    RollbackOrder::decode(&bytes).map_err(|error| {
        Failure::error(format!("`{shown}`: {error}; `countersign rollback --out FILE` writes such a file"))
    })
}

const LOOK_AT_AGENT: &str = "look at `countersign agent show`, and ask for another rollback";
const LOOK_EVERY: Duration = Duration::from_millis(200);
