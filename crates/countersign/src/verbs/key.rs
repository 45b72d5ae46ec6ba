//! `countersign key`: which of your keys would be used, and what countersign thinks of a key.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use domain::PersonId;
use evidence::pin::Pin;
use serde::Serialize;

use super::trust::together;
use super::{Place, runtime};
use crate::failure::Failure;
use crate::home::{self, Home, Profile};
use crate::output::Output;
use crate::signing::PersonKey;

/// Subcommands of `key`.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Show a key: yours as it is found out, or the one in a file.
    Show {
        /// Private or public key file.
        file: Option<PathBuf>,
    },
    /// List the keys of everyone who is enrolled, as the server sees them.
    List(Place),
    /// Tell this machine who you are in an installation, and which of your keys you use there.
    Use {
        /// The line of `countersign trust pin`, from somebody you trust. With --data alone, who you were there counts again.
        #[arg(long, requires = "person", required_unless_present = "data")]
        pin: Option<String>,
        /// Your id, as whoever enrolled you was told.
        #[arg(long, requires = "pin")]
        person: Option<PersonId>,
        /// Key that signs approvals and statements, private or public file; found out when left away.
        #[arg(long, requires = "pin")]
        key: Option<PathBuf>,
        /// Key that signs requests; the same when left away, as in solo mode.
        #[arg(long, requires = "pin")]
        sign_in_key: Option<PathBuf>,
        /// The server's data directory on this machine.
        #[arg(long)]
        data: Option<PathBuf>,
    },
}

#[derive(Debug, Serialize)]
struct Shown {
    fingerprint: String,
    public_key: String,
    file: PathBuf,
    hardware: bool,
}

/// Carries out a subcommand.
pub fn run(verb: &Key, output: Output) -> Result<(), Failure> {
    match verb {
        Key::Show { file } => show(file.as_deref(), output),
        Key::List(place) => list(place, output),
        Key::Use { pin: Some(pin), person: Some(person), key, sign_in_key, data } => {
            let approval = key.as_deref().map_or_else(PersonKey::discover, PersonKey::read)?;
            let sign_in = sign_in_key.as_deref().map_or_else(|| Ok(approval.clone()), PersonKey::read)?;
            adopt(pin, *person, approval, sign_in, Home::new(data.as_deref())?, output)
        }
        Key::Use { data, .. } => {
            let home = Home::new(data.as_deref())?;
            let kept = Profile::kept(&home)?.ok_or_else(|| {
                let remedy = "say who you are there with --pin and --person";
                Failure::error(format!("nothing is kept of you at `{}`; {remedy}", home.data().display()))
            })?;
            use_profile(&kept, output)
        }
    }
}

fn list(place: &Place, output: Output) -> Result<(), Failure> {
    let client = place.home()?.client()?;
    let people = runtime()?.block_on(client.installation())?.people;
    output.print(&people, |people| {
        let line = |person: &wire::PersonView| format!("{}  {}", person.person, person.keys.join("  "));
        people.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

fn adopt(
    pin: &str,
    person: PersonId,
    approval: PersonKey,
    sign_in: PersonKey,
    home: Home,
    output: Output,
) -> Result<(), Failure> {
    let new: Pin = pin.trim().parse()?;
    let pin = match home::read_pin(new.installation)? {
        Some(known) => together(&known, new)?,
        None => new,
    };
    home::write_pin(&pin)?;
    let profile = Profile {
        v: 1,
        installation: pin.installation,
        person,
        data: home.data().to_path_buf(),
        sign_in_key: sign_in.file,
        approval_key: approval.file,
    };
    use_profile(&profile, output)
}

/// Makes a profile the current one.
fn use_profile(profile: &Profile, output: Output) -> Result<(), Failure> {
    profile.write()?;
    output.print(profile, |profile| {
        let Profile { person, installation, data, .. } = profile;
        format!(
            "you are person {person} of installation {installation}, whose data directory is `{}`",
            data.display()
        )
    })
}

fn show(file: Option<&Path>, output: Output) -> Result<(), Failure> {
    let found = file.map_or_else(PersonKey::discover, PersonKey::read)?;
    let shown = Shown {
        fingerprint: found.key.fingerprint().to_owned(),
        public_key: found.key.line().to_owned(),
        hardware: found.key.is_hardware(),
        file: found.file,
    };
    output.print(&shown, |shown| {
        let kind = if shown.hardware { "hardware key" } else { "file or agent key" };
        format!("{}\n{}\n{} ({kind})", shown.fingerprint, shown.public_key, shown.file.display())
    })
}
