//! `countersign status`: the installation as its server sees it.

use clap::Args;
use evidence::trust_root::Mode;
use serde::Serialize;
use wire::{Installation, PlaceView, RunView};

use super::{Place, runtime};
use crate::failure::Failure;
use crate::output::Output;
use crate::review::short;
use crate::trust;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    place: Place,
}

/// Asks the server and prints what it says.
pub fn run(verb: &Status, output: Output) -> Result<(), Failure> {
    let home = verb.place.home()?;
    let client = home.client()?;
    let seen = runtime()?.block_on(async {
        let (installation, places, runs) =
            (client.installation().await?, client.places().await?, client.runs().await?);
        Ok::<_, Failure>(Seen { installation, places, runs })
    })?;
    output.print(&seen, |seen| {
        format!("{}{}{}", text(&seen.installation), places(&seen.places), runs(&seen.runs))
    })
}

#[derive(Debug, Serialize)]
struct Seen {
    #[serde(flatten)]
    installation: Installation,
    places: Vec<PlaceView>,
    runs: Vec<RunView>,
}

fn places(places: &[PlaceView]) -> String {
    let line = |view: &PlaceView| {
        let running = view.running.as_ref().map_or_else(
            || "nothing runs".to_owned(),
            |now| format!("runs release {} of commit {}", now.release, short(now.commit.as_str())),
        );
        let open = view.open.as_ref().map_or_else(String::new, |open| {
            format!(
                "; release {} of commit {} is {}, {} approvals",
                open.release,
                short(open.commit.as_str()),
                open.stage,
                open.approvals
            )
        });
        let last = view.last.as_ref().filter(|last| !last.reasons.is_empty());
        let last = last.map_or_else(String::new, |last| {
            format!("; last: {}, {}", last.outcome, last.reasons.join(", "))
        });
        format!("  {}: {running}{open}{last}\n", view.place)
    };
    if places.is_empty() {
        String::new()
    } else {
        format!("places:\n{}", places.iter().map(line).collect::<String>())
    }
}

fn runs(runs: &[RunView]) -> String {
    let line = |view: &RunView| {
        let commit = short(view.commit.as_str());
        format!("  {}  {} of {} at {commit}\n", view.run, view.state, view.project)
    };
    let shown = runs.iter().take(RUNS_SHOWN).map(line).collect::<String>();
    if shown.is_empty() { shown } else { format!("runs, the latest first:\n{shown}") }
}

/// Most runs that are shown to people.
const RUNS_SHOWN: usize = 10;

fn text(seen: &Installation) -> String {
    let status = seen.status.as_ref().map_or_else(
        || "none".to_owned(),
        |status| format!("number {}, until {}", status.number, status.expires),
    );
    let people = seen.people.iter().map(|person| {
        let roles: Vec<_> = person.roles.iter().map(ToString::to_string).collect();
        format!("  {}  {}  until {}\n", person.person, roles.join(", "), person.expires)
    });
    let mode: Mode = seen.mode;
    format!(
        "installation {}\nmode: {}\ntrust root: version {}, {}\nledger: {} entries, {} misfits, origin {}\nstatus: {status}\npeople:\n{}",
        seen.installation,
        trust::assurance(mode),
        seen.root_version,
        seen.root,
        seen.entries,
        seen.misfits,
        seen.origin,
        people.collect::<String>()
    )
}
