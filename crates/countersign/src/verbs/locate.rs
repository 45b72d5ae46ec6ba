//! `countersign where`: the places that run, await or ran something.
//!
//! Invariant: this shows and decides nothing. It is the server's word about lists that builds made.

use clap::Args;
use client::session;
use wire::{SpotState, SpotView, WhereView};

use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `where`.
#[derive(Debug, Args)]
pub struct Where {
    #[command(flatten)]
    data_dir: DataDir,
    /// A package URL with or without a version, an id such as CVE-2026-1188, a digest of an artifact or a document, or a name
    /// with a version or a range: `serde@1.0.0`, `serde<1.0.1`, `serde>=1.0,<1.2`.
    #[arg(value_name = "PURL|ID|DIGEST|NAME")]
    what: String,
}

/// Asks and prints.
pub fn run(verb: &Where, output: Output) -> Result<(), Failure> {
    let client = session::client(&verb.data_dir.access()?)?;
    let answer = runtime()?.block_on(client.locate(&verb.what))?;
    output.print(&answer, text)
}

fn text(answer: &WhereView) -> String {
    let WhereView { asked, running, waiting, past, spots, more, behind, unread } = answer;
    let mut lines = vec![format!(
        "{asked}: runs in {running}, waits in {waiting}, ran in {past} {}",
        if *past == 1 { "release" } else { "releases" }
    )];
    lines.extend(spots.iter().take(SHOWN_MAX).map(line));
    let rest = spots.len().saturating_sub(SHOWN_MAX);
    lines.extend((rest > 0).then(|| format!("and {rest} more; `-o json` lists them")));
    lines.extend(more.then(|| "the list is not complete: name a version or a range".to_owned()));
    let documents =
        |count: u64| if count == 1 { "1 document".to_owned() } else { format!("{count} documents") };
    lines.extend(
        (*behind > 0).then(|| format!("{} not in the index yet: ask again in a moment", documents(*behind))),
    );
    lines.extend((*unread > 0).then(|| {
        format!("{} could not be read, and nothing is known of their contents", documents(*unread))
    }));
    lines.join("\n")
}

fn line(spot: &SpotView) -> String {
    let release = spot.release.map(|number| format!(" release {number}")).unwrap_or_default();
    let time = match (spot.state, spot.since, spot.until) {
        (SpotState::Ran, Some(since), Some(until)) => format!("ran from {since} to {until}"),
        (SpotState::Waits, ..) => "waits".to_owned(),
        (_, Some(since), _) => format!("runs since {since}"),
        _ => "runs".to_owned(),
    };
    let direct = match spot.direct {
        Some(true) => ", direct",
        Some(false) => ", through others",
        None => "",
    };
    let found = shown::line(&spot.found.join(", "));
    let by = spot.document.map(|document| format!("\n    document {document}")).unwrap_or_default();
    format!("  {}{release} {time}: {found}{direct}{by}", spot.place)
}

const SHOWN_MAX: usize = 50;
