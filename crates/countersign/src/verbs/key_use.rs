//! `countersign key use`: tells this machine who a person is in an installation, and how the server is reached.
//!
//! Invariant: a pin and a profile are written only once the keys are known to be the person's, or the person has named themself.

use std::path::PathBuf;

use clap::Args;
use client::access::Access;
use client::home::Home;
use client::id_prefix::IdPrefix;
use client::profile::Profile;
use client::signing::PersonKey;
use client::{clock, fetched, kept_trust, pins, session};
use domain::PersonId;
use domain::identity::Person;
use evidence::enrolment::Purpose;
use evidence::pin::Pin;
use wire::PersonView;

use super::runtime;
use crate::failure::Failure;
use crate::output::Output;
use crate::trust;

/// Arguments of `key use`.
#[derive(Debug, Args)]
pub struct Use {
    /// The line that `countersign trust pin` prints, from a person that you trust. If it names the server's addresses, the server
    /// may be on another machine. Required unless --data is given.
    #[arg(value_name = "LINE", group = "given")]
    line: Option<String>,
    /// The same line.
    #[arg(long, value_name = "LINE", group = "given")]
    pin: Option<String>,
    /// Your person id, if the server cannot be asked who is enrolled with your key. If its data directory is on this machine, the
    /// first digits are enough; default: the only person who is enrolled with your key.
    #[arg(long, requires = "given")]
    person: Option<IdPrefix>,
    /// Key that signs approvals and statements: its private or public file, or its fingerprint if the file is in `~/.ssh`;
    /// default: the key that git signs with, else the first of the usual files in `~/.ssh`.
    #[arg(long, requires = "given", value_name = "FILE|SHA256:...")]
    key: Option<PathBuf>,
    /// Key that signs requests; default: the same key as --key, as in solo mode.
    #[arg(long, requires = "given", value_name = "FILE|SHA256:...")]
    sign_in_key: Option<PathBuf>,
    /// Without a line: the data directory of an installation that this machine has a profile for; that profile becomes the
    /// default again. With a line: the path of that installation's data directory on this machine. Default: the addresses in the
    /// line, else the usual path.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// The keys of a person.
struct Keys {
    approval: PersonKey,
    sign_in: PersonKey,
}

/// Finds the person, and writes pin and profile.
pub fn run(verb: &Use, output: Output) -> Result<(), Failure> {
    let Some(line) = verb.line.as_ref().or(verb.pin.as_ref()) else {
        return again(verb, output);
    };
    let approval = verb.key.as_deref().map_or_else(PersonKey::discover, PersonKey::given)?;
    let sign_in = verb.sign_in_key.as_deref().map_or_else(|| Ok(approval.clone()), PersonKey::given)?;
    let keys = Keys { approval, sign_in };
    let new: Pin = line.trim().parse()?;
    let pin = match pins::read(new.installation)? {
        Some(known) => pins::together(&known, new.clone())?,
        None => new.clone(),
    };
    let access = match (verb.data.as_deref(), pin.addresses.is_empty()) {
        (None, false) => Access::Remote(pin.installation),
        (data, _) => Access::Host(Home::new(data)?),
    };
    let given = verb.person.as_ref();
    let person = match &access {
        Access::Host(home) => near(given, &keys, home)?,
        Access::Remote(_) => far(given, &keys, &pin)?,
    };
    pins::take(new, false)?;
    let Keys { approval, sign_in } = keys;
    adopt(&Profile::new(&access, pin.installation, person, sign_in.file, approval.file), output)
}

/// Makes the profile that is kept for a data directory the current one again.
fn again(verb: &Use, output: Output) -> Result<(), Failure> {
    let data = verb.data.as_deref().ok_or_else(|| Failure::usage(NO_LINE))?;
    let home = Home::new(Some(data))?;
    let kept = Profile::kept(&Access::Host(home.clone()))?.ok_or_else(|| {
        let remedy = "say who you are there with --pin and --person";
        Failure::error(format!(
            "this machine has no profile of you for `{}`; {remedy}",
            home.data().display()
        ))
    })?;
    adopt(&kept, output)
}

/// The person with these keys, as far as this machine knows.
fn near(given: Option<&IdPrefix>, keys: &Keys, home: &Home) -> Result<PersonId, Failure> {
    // If the ledger is on another machine or cannot be read, the server checks the person at the first request.
    let Some(state) = trust::fold(home.data()).ok() else {
        let given = given.ok_or_else(|| {
            Failure::usage(
                "--person is required: this machine has no ledger in which to look you up, and the line names no address of the server",
            )
        })?;
        return Ok(given.person(std::iter::empty())?);
    };
    let mut people = state.identity.people(clock::now()?);
    let Some(given) = given else {
        let fingerprint = keys.approval.key.fingerprint();
        let mine = people.find(|(_, person)| person.has_key(fingerprint, Purpose::Approve));
        return mine.map(|(id, _)| id).ok_or_else(|| nobody(&keys.approval));
    };
    let roles = |person: &Person| {
        person.grants.iter().map(|grant| grant.role.to_string()).collect::<Vec<_>>().join(", ")
    };
    let id = given.person(people.map(|(id, person)| (id, roles(person))))?;
    let person = state
        .identity
        .enrolled(id)
        .ok_or_else(|| Failure::error(format!("nobody is enrolled as {id}; see `countersign key list`")))?;
    for (key, purpose, flag) in
        [(&keys.approval, Purpose::Approve, "--key"), (&keys.sign_in, Purpose::SignIn, "--sign-in-key")]
    {
        if !person.has_key(key.key.fingerprint(), purpose) {
            let known = person.keys.iter().filter(|known| known.purposes.contains(&purpose));
            let known: Vec<_> = known.map(|known| known.fingerprint.as_str()).collect();
            return Err(not_yours(key, id, &known, flag));
        }
    }
    Ok(id)
}

/// The person with these keys, as the server at the addresses of the pin says. A whole id needs no server, which checks it at the
/// first request.
fn far(given: Option<&IdPrefix>, keys: &Keys, pin: &Pin) -> Result<PersonId, Failure> {
    if let Some(given) = given {
        return Ok(given.person(std::iter::empty())?);
    }
    let client = session::client_of(pin)?;
    let asked = async {
        let (id, client) = session::person_of(pin, &keys.sign_in.file, client).await?;
        // A freeze has to be possible from now on, even if the server never answers again.
        kept_trust::keep(pin, client.roots().await?, &fetched::status_file(&client).await?)?;
        Ok::<_, Failure>((id, client.installation().await?.people))
    };
    let (id, people): (PersonId, Vec<PersonView>) = runtime()?.block_on(asked)?;
    let mine = people.iter().find(|view| view.person == id).ok_or_else(|| nobody(&keys.approval))?;
    if mine.keys.iter().any(|key| key == keys.approval.key.fingerprint()) {
        return Ok(id);
    }
    let known: Vec<_> = mine.keys.iter().map(String::as_str).collect();
    Err(not_yours(&keys.approval, id, &known, "--key"))
}

fn nobody(approval: &PersonKey) -> Failure {
    let (file, fingerprint) = (approval.file.display(), approval.key.fingerprint());
    Failure::error(format!(
        "nobody is enrolled with `{file}` ({fingerprint}) for approvals; have it enrolled by `countersign trust enrol`, or name another \
         with --key"
    ))
}

fn not_yours(key: &PersonKey, person: PersonId, known: &[&str], flag: &str) -> Failure {
    Failure::error(format!(
        "`{}` ({}) is not the key that {person} is enrolled with for this, which is {}; name that one with {flag}",
        key.file.display(),
        key.key.fingerprint(),
        known.join(" or ")
    ))
}

/// Makes a profile the current one.
fn adopt(profile: &Profile, output: Output) -> Result<(), Failure> {
    profile.write()?;
    output.print(profile, |profile| {
        let Profile { person, installation, data, .. } = profile;
        let at = match data {
            Some(data) => format!("whose data directory is `{}`", data.display()),
            None => "whose server is on another machine".to_owned(),
        };
        format!("you are person {person} of installation {installation}, {at}")
    })
}

const NO_LINE: &str = "give the line that `countersign trust pin` prints for a person that you trust, to say who you are in an \
                       installation; or --data DIR, to make a profile that this machine has for that directory the default again";
