//! `countersign status`: the installation as its server sees it.

use clap::Args;
use evidence::trust_root::Mode;
use wire::{Client, Installation};

use super::{Place, runtime};
use crate::failure::Failure;
use crate::output::Output;
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
    let client = Client::new(&home.url()?)?;
    let seen = runtime()?.block_on(client.installation())?;
    output.print(&seen, text)
}

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
