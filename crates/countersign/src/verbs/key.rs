//! `countersign key`: shows the keys that would be used and what countersign knows of a key.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use client::clock;
use client::home::Home;
use client::id_prefix::IdPrefix;
use client::pins;
use client::profile::Profile;
use client::session;
use client::signing::PersonKey;
use domain::PersonId;
use evidence::enrolment::Purpose;
use evidence::pin::Pin;
use serde::Serialize;

use super::trust::together;
use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;
use crate::trust;

/// Subcommands of `key`.
#[derive(Debug, Subcommand)]
pub enum Key {
    /// Show a key: whether it can be used, and its fingerprint.
    Show {
        /// Private or public key file; default: the key that you would sign with.
        file: Option<PathBuf>,
    },
    /// List the keys of all enrolled people, as the server sees them.
    List(DataDir),
    /// Tell this machine who you are in an installation, and which of your keys you use there.
    Use {
        /// The line that `countersign trust pin` prints, from a person that you trust. Required unless --data is given.
        #[arg(long)]
        pin: Option<String>,
        /// Your person id, which the person who enrolled you was shown. If the data directory is on this machine, its first
        /// digits are enough; default there: the only person who is enrolled with your key.
        #[arg(long, requires = "pin")]
        person: Option<IdPrefix>,
        /// Key that signs approvals and statements: its private or public file, or its fingerprint if the file is in `~/.ssh`;
        /// default: the key that git signs with, else the first of the usual files in `~/.ssh`.
        #[arg(long, requires = "pin", value_name = "FILE|SHA256:...")]
        key: Option<PathBuf>,
        /// Key that signs requests; default: the same key as --key, as in solo mode.
        #[arg(long, requires = "pin", value_name = "FILE|SHA256:...")]
        sign_in_key: Option<PathBuf>,
        /// Without --pin: the data directory of an installation that this machine has a profile for; that profile becomes the
        /// default again. With --pin: the path of that installation's data directory on this machine. Default: the usual path.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

#[derive(Debug, Serialize)]
struct KeyReport {
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
        Key::Use { pin: Some(pin), person, key, sign_in_key, data } => {
            let approval = key.as_deref().map_or_else(PersonKey::discover, PersonKey::given)?;
            let sign_in = sign_in_key.as_deref().map_or_else(|| Ok(approval.clone()), PersonKey::given)?;
            let home = Home::new(data.as_deref())?;
            let pin = beside(pin)?;
            let person = who(person.as_ref(), &approval, &sign_in, &home)?;
            adopt(&pin, person, approval, sign_in, &home, output)
        }
        Key::Use { data: None, .. } => Err(Failure::usage(NO_LINE)),
        Key::Use { data, .. } => {
            let home = Home::new(data.as_deref())?;
            let kept = Profile::kept(&home)?.ok_or_else(|| {
                let remedy = "say who you are there with --pin and --person";
                Failure::error(format!(
                    "this machine has no profile of you for `{}`; {remedy}",
                    home.data().display()
                ))
            })?;
            use_profile(&kept, output)
        }
    }
}

fn list(data_dir: &DataDir, output: Output) -> Result<(), Failure> {
    let client = session::client(&data_dir.home()?)?;
    let people = runtime()?.block_on(client.installation())?.people;
    output.print(&people, |people| {
        let line = |person: &wire::PersonView| format!("{}  {}", person.person, person.keys.join("  "));
        people.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

/// The person with these keys, as far as this machine knows.
fn who(
    given: Option<&IdPrefix>,
    approval: &PersonKey,
    sign_in: &PersonKey,
    home: &Home,
) -> Result<PersonId, Failure> {
    // If the ledger is on another machine or cannot be read, the server checks the person at the first request.
    let Some(state) = trust::fold(home.data()).ok() else {
        let given = given.ok_or_else(|| {
            Failure::usage("--person is required: this machine has no ledger in which to look you up")
        })?;
        return Ok(given.person(std::iter::empty())?);
    };
    let mut people = state.identity.people(clock::now()?);
    let Some(given) = given else {
        let fingerprint = approval.key.fingerprint();
        let mine = people.find(|(_, person)| person.has_key(fingerprint, Purpose::Approve));
        return mine.map(|(id, _)| id).ok_or_else(|| {
            let what = format!(
                "nobody is enrolled with `{}` ({fingerprint}) for approvals",
                approval.file.display()
            );
            Failure::error(format!(
                "{what}; have it enrolled by `countersign trust enrol`, or name another with --key"
            ))
        });
    };
    let roles = |person: &domain::identity::Person| {
        person.grants.iter().map(|grant| grant.role.to_string()).collect::<Vec<_>>().join(", ")
    };
    let id = given.person(people.map(|(id, person)| (id, roles(person))))?;
    let person = state
        .identity
        .enrolled(id)
        .ok_or_else(|| Failure::error(format!("nobody is enrolled as {id}; see `countersign key list`")))?;
    for (key, purpose, flag) in
        [(approval, Purpose::Approve, "--key"), (sign_in, Purpose::SignIn, "--sign-in-key")]
    {
        if !person.has_key(key.key.fingerprint(), purpose) {
            let known = person.keys.iter().filter(|known| known.purposes.contains(&purpose));
            let known: Vec<_> = known.map(|known| known.fingerprint.as_str()).collect();
            return Err(Failure::error(format!(
                "`{}` ({}) is not the key that {id} is enrolled with for this, which is {}; name that one with {flag}",
                key.file.display(),
                key.key.fingerprint(),
                known.join(" or ")
            )));
        }
    }
    Ok(id)
}

/// The pin in the given line, combined with the one that is pinned already.
fn beside(line: &str) -> Result<Pin, Failure> {
    let new: Pin = line.trim().parse()?;
    match pins::read(new.installation)? {
        Some(known) => together(&known, new),
        None => Ok(new),
    }
}

fn adopt(
    pin: &Pin,
    person: PersonId,
    approval: PersonKey,
    sign_in: PersonKey,
    home: &Home,
    output: Output,
) -> Result<(), Failure> {
    pins::write(pin)?;
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
    let report = KeyReport {
        fingerprint: found.key.fingerprint().to_owned(),
        public_key: found.key.line().to_owned(),
        hardware: found.key.is_hardware(),
        file: found.file,
    };
    output.print(&report, |report| {
        let kind = if report.hardware { "hardware key" } else { "file or agent key" };
        format!("{}\n{}\n{} ({kind})", report.fingerprint, report.public_key, report.file.display())
    })
}

const NO_LINE: &str = "give --pin LINE, the line that `countersign trust pin` prints for a person that you trust, to say who you are in an \
                       installation; or --data DIR, to make a profile that this machine has for that directory the default again";
