//! `countersign init`: makes an installation out of SSH public keys that people already have.
//!
//! What a crash leaves behind: directories of roles without a data directory, which the next `init` names and
//! does not touch, since they could belong to data that was moved. The data directory appears last, complete.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use evidence::dsse::Envelope;
use evidence::enrolment::{EnrolledKey, Enrolment, Grant, Purpose};
use evidence::pin::Pin;
use evidence::status::{Status, StatusFile};
use evidence::trust_root::{
    Holder, LedgerKey, Machine, Mode, Place as Host, Quorum, TrustRoot, Witness, Witnesses,
};
use evidence::{Digest, Id, Moment, Name, enrolment, status, trust_root};
use ledger::Reader;
use serde::{Deserialize, Serialize};

use super::Place;
use crate::clock::{MONTH, YEAR, now};
use crate::failure::Failure;
use crate::home::{self, Home, Profile};
use crate::output::Output;
use crate::signing::{PersonKey, git_config};
use crate::{key_files, random, trust};

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    place: Place,
    /// Which second-person rules hold.
    #[arg(long, value_enum, default_value_t)]
    mode: ModeArgument,
    /// Your SSH key, private or public file; found out when left away.
    #[arg(long)]
    key: Option<PathBuf>,
    /// Your name; git's `user.name` when left away.
    #[arg(long)]
    name: Option<String>,
    /// The address in your commits; git's `user.email` when left away.
    #[arg(long)]
    email: Option<String>,
    /// For `team` and `rehearsal`: a JSON file that lists the first people and their key files.
    #[arg(long)]
    people: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ModeArgument {
    /// One person; second-person rules are off.
    #[default]
    Solo,
    /// Second-person rules hold; roles stand on hosts of their own.
    Team,
    /// Team rules, but roles may share this host.
    Rehearsal,
}

/// One of the first people, as `--people` lists them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonFile {
    name: String,
    emails: Vec<String>,
    /// Signs statements and approvals.
    key: PathBuf,
    /// Signs requests; outside solo mode another key than `key`.
    sign_in_key: PathBuf,
    /// Signs commits; `sign_in_key` when left away.
    #[serde(default)]
    commit_key: Option<PathBuf>,
    roles: Vec<Name>,
}

/// A person with keys that were read.
#[derive(Clone, Debug)]
struct Founder {
    id: Id,
    name: String,
    emails: Vec<String>,
    approval: PersonKey,
    sign_in: PersonKey,
    commit: PersonKey,
    roles: Vec<Name>,
}

#[derive(Debug, Serialize)]
struct Made {
    data: PathBuf,
    installation: Id,
    mode: Mode,
    trust_root: Digest,
    people: Vec<String>,
    pin: String,
    next: String,
}

/// Makes the installation.
pub fn run(verb: &Init, output: Output) -> Result<(), Failure> {
    let home = Home::new(verb.place.data.as_deref())?;
    is_free(&home)?;
    let founders = founders(verb)?;
    let now = now()?;
    let installation = random::id()?;
    let (root, signer) = root(verb, &home, &founders, installation, now)?;
    let genesis = server::Genesis {
        root: signed(root.envelope()?, &founders, root.holders.threshold, trust_root::NAMESPACE)?,
        status: StatusFile {
            base: signed(
                first_status(installation, now).envelope()?,
                &founders,
                root.status.threshold,
                status::NAMESPACE,
            )?,
            tightening: None,
        },
        enrolments: enrolments(&founders, &root, now)?,
    };
    if let Some(parent) = home.data().parent() {
        home::private_dir(parent)?;
    }
    server::found(home.data(), signer, &genesis)?;
    let pin = pin_of(home.data(), &root)?;
    home::write_pin(&pin)?;
    if let Some(first) = founders.first() {
        Profile {
            v: 1,
            installation,
            person: first.id.into(),
            data: home.data().to_path_buf(),
            sign_in_key: first.sign_in.file.clone(),
            approval_key: first.approval.file.clone(),
        }
        .write()?;
    }
    let made = Made {
        data: home.data().to_path_buf(),
        installation,
        mode: root.mode,
        trust_root: root.digest()?,
        people: founders
            .iter()
            .map(|founder| format!("{} ({})", founder.name, founder.approval.key.fingerprint()))
            .collect(),
        pin: pin.to_string(),
        next: next(verb, &home),
    };
    output.print(&made, |made| {
        format!(
            "made installation {} in {}\nmode: {}\npeople: {}\ntrust root: {} (pinned for you)\nnext: {}",
            made.installation,
            made.data.display(),
            trust::assurance(made.mode),
            made.people.join(", "),
            made.trust_root,
            made.next
        )
    })
}

/// Refuses to build where something stands.
fn is_free(home: &Home) -> Result<(), Failure> {
    if home.data().exists() {
        let what = format!(
            "`{}` exists already; nothing was changed. Choose another with --data",
            home.data().display()
        );
        return Err(Failure::error(what));
    }
    if let Some(left) =
        [home.keys(), home.runner(1), home.runner(2), home.witness()].iter().find(|dir| dir.exists())
    {
        let what = format!("`{}` exists without its data directory; nothing was changed", left.display());
        let remedy =
            "it is left from an init that did not finish, or belongs to data that was moved: move it away";
        return Err(Failure::error(format!("{what}; {remedy}")));
    }
    Ok(())
}

fn next(verb: &Init, home: &Home) -> String {
    match verb.place.data {
        Some(_) => format!("countersign up --data {}", home.data().display()),
        None => "countersign up".into(),
    }
}

/// The numbers of an installation as this machine sees them now.
pub fn pin_of(data: &Path, root: &TrustRoot) -> Result<Pin, Failure> {
    let head = Reader::open(data)?.head()?;
    Ok(Pin {
        v: 1,
        installation: root.installation,
        root_version: root.version,
        root: root.digest()?,
        status: trust::fold(data)?.identity.status().map_or(0, |(number, ..)| number),
        environments: Vec::new(),
        checkpoint: head.checkpoint.text().to_owned(),
    })
}

fn founders(verb: &Init) -> Result<Vec<Founder>, Failure> {
    match (verb.mode, &verb.people) {
        (ModeArgument::Solo, None) => Ok(vec![alone(verb)?]),
        (ModeArgument::Solo, Some(_)) => {
            Err(Failure::usage("solo mode is for one person: leave --people away"))
        }
        (_, None) => {
            Err(Failure::usage("team and rehearsal mode need --people FILE with at least two people"))
        }
        (_, Some(file)) => listed(file),
    }
}

fn alone(verb: &Init) -> Result<Founder, Failure> {
    let key = verb.key.as_deref().map_or_else(PersonKey::discover, PersonKey::read)?;
    let lacks = |what, flag| Failure::error(format!("git knows no {what}; give one with {flag}"));
    let name =
        verb.name.clone().or_else(|| git_config("user.name")).ok_or_else(|| lacks("user.name", "--name"))?;
    let email = verb.email.clone().or_else(|| git_config("user.email"));
    let email = email.ok_or_else(|| lacks("user.email", "--email"))?.to_lowercase();
    Ok(Founder {
        id: random::id()?,
        name,
        emails: vec![email],
        approval: key.clone(),
        sign_in: key.clone(),
        commit: key,
        roles: vec!["developer".parse()?, "release-manager".parse()?],
    })
}

fn listed(file: &Path) -> Result<Vec<Founder>, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::error(format!("cannot read `{shown}`: {error}")))?;
    let people: Vec<PersonFile> =
        serde_json::from_str(&text).map_err(|error| Failure::error(format!("`{shown}`: {error}")))?;
    if people.len() < 2 {
        return Err(Failure::usage(format!("`{shown}` lists {} people; team rules need two", people.len())));
    }
    let dir = file.parent().unwrap_or(Path::new("."));
    let founder = |person: PersonFile| {
        let sign_in = PersonKey::read(&dir.join(&person.sign_in_key))?;
        let commit = person.commit_key.map(|file| PersonKey::read(&dir.join(file))).transpose()?;
        let mut emails: Vec<_> = person.emails.iter().map(|email| email.to_lowercase()).collect();
        emails.sort();
        emails.dedup();
        Ok(Founder {
            id: random::id()?,
            name: person.name,
            emails,
            approval: PersonKey::read(&dir.join(&person.key))?,
            commit: commit.unwrap_or_else(|| sign_in.clone()),
            sign_in,
            roles: person.roles,
        })
    };
    people.into_iter().map(founder).collect()
}

/// Makes the roles' keys and the root that names them.
fn root(
    verb: &Init,
    home: &Home,
    founders: &[Founder],
    installation: Id,
    now: Moment,
) -> Result<(TrustRoot, tlog::NoteSigner), Failure> {
    let place =
        || Host { host: host(), operator: founders.first().map(|f| f.name.clone()).unwrap_or_default() };
    let origin = format!("countersign/{installation}");
    let ledger = key_files::ledger(&key_files::make(&home.keys().join("ledger.pem"))?, &origin)?;
    let provenance = *key_files::make(&home.keys().join("provenance.pem"))?.public();
    let runner = |number| -> Result<Machine, Failure> {
        let key = key_files::make(&home.runner(number).join("key.pem"))?;
        Ok(Machine { name: format!("runner-{number}").parse()?, key: *key.public(), place: place() })
    };
    let name = format!("witness/{installation}");
    let witness = key_files::witness(&key_files::make(&home.witness().join("key.pem"))?, &name)?;
    home::write_private(&home.witness().join("name"), &format!("{name}\n"))?;
    home::write_private(&home.witness().join("logs"), &format!("{}\n", ledger.verifier()))?;
    let threshold = if verb.mode == ModeArgument::Solo { 1 } else { 2 };
    let holder = |founder: &Founder| Holder { subject: subject(founder), key: founder.approval.key.clone() };
    let quorum = Quorum { threshold, holders: founders.iter().map(holder).collect() };
    let root = TrustRoot {
        v: 1,
        installation,
        version: 1,
        issued: now,
        expires: now.later_by(YEAR),
        mode: match verb.mode {
            ModeArgument::Solo => Mode::Solo,
            ModeArgument::Team => Mode::Team,
            ModeArgument::Rehearsal => Mode::Rehearsal,
        },
        holders: quorum.clone(),
        registrars: Quorum { threshold: 1, ..quorum.clone() },
        policy: quorum.clone(),
        status: quorum,
        ledger: LedgerKey { vkey: ledger.verifier().to_string(), replaces: None },
        server: place(),
        provenance,
        runners: vec![runner(1)?, runner(2)?],
        witnesses: Witnesses {
            quorum: 1,
            keys: vec![Witness { vkey: witness.verifier().to_string(), place: place() }],
        },
    };
    Ok((root, ledger))
}

fn first_status(installation: Id, now: Moment) -> Status {
    Status {
        v: 1,
        installation,
        number: 1,
        base: None,
        issued: now,
        expires: now.later_by(MONTH),
        minimum_root: 1,
        revoked: Vec::new(),
        withdrawn: Vec::new(),
        barred: Vec::new(),
        frozen: Vec::new(),
    }
}

/// Everyone's enrolment, signed by as many of the others as the root asks for, or by oneself when alone.
fn enrolments(founders: &[Founder], root: &TrustRoot, now: Moment) -> Result<Vec<Envelope>, Failure> {
    let enrol = |founder: &Founder| {
        let statement = Enrolment {
            v: 1,
            installation: root.installation,
            person: founder.id,
            subject: subject(founder),
            name: founder.name.clone(),
            emails: founder.emails.clone(),
            keys: keys(founder),
            grants: grants(&founder.roles),
            issued: now,
            expires: now.later_by(YEAR),
        };
        let others: Vec<_> = founders.iter().filter(|other| other.id != founder.id).cloned().collect();
        let registrars = if root.mode == Mode::Solo { founders } else { &others };
        signed(statement.envelope()?, registrars, root.registrars.threshold, enrolment::NAMESPACE)
    };
    founders.iter().map(enrol).collect()
}

fn grants(roles: &[Name]) -> Vec<Grant> {
    let mut grants: Vec<_> =
        roles.iter().map(|role| Grant { role: role.clone(), project: None, environment: None }).collect();
    grants.sort();
    grants.dedup();
    grants
}

/// One entry for each different key, with all that it is for.
fn keys(founder: &Founder) -> Vec<EnrolledKey> {
    let uses = [
        (&founder.sign_in.key, Purpose::SignIn),
        (&founder.approval.key, Purpose::Approve),
        (&founder.commit.key, Purpose::Commit),
    ];
    let mut keys: Vec<EnrolledKey> = Vec::new();
    for (key, purpose) in uses {
        match keys.iter_mut().find(|known| known.key == *key) {
            Some(known) => known.purposes.push(purpose),
            None => keys.push(EnrolledKey { key: key.clone(), purposes: vec![purpose] }),
        }
    }
    keys
}

fn signed(
    mut envelope: Envelope,
    by: &[Founder],
    threshold: u32,
    namespace: &str,
) -> Result<Envelope, Failure> {
    for founder in by.iter().take(threshold as usize) {
        founder.approval.sign(&mut envelope, namespace)?;
    }
    Ok(envelope)
}

/// Without an identity provider the first key is what stays the same of a person.
fn subject(founder: &Founder) -> String {
    format!("ssh:{}", founder.approval.key.fingerprint())
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
