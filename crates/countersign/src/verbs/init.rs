//! `countersign init`: makes an installation out of SSH public keys that people already have.
//!
//! What a crash leaves behind: directories of roles without a data directory, which the next `init` names and
//! does not touch, since they could belong to data that was moved. The data directory appears last, complete.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use evidence::pin::{EnvironmentPin, Pin};
use evidence::status::{Status, StatusFile};
use evidence::trust_root::{
    Holder, LedgerKey, Machine, Mode, Place as Host, Quorum, TrustRoot, Witness, Witnesses,
};
use evidence::{CommitId, Digest, Id, Moment, Name, environment, status, trust_root};
use ledger::Reader;
use serde::Serialize;

use super::{Place, agent, runner};
use crate::clock::{MONTH, YEAR, now};
use crate::failure::Failure;
use crate::founders::{Founder, alone, enrolments, listed, signed, subject};
use crate::home::{self, Home, Profile};
use crate::output::Output;
use crate::pkcs11::{self, Uri};
use crate::places::{self, Prepared};
use crate::scaffold::{self, Described};
use crate::{key_files, pack, policies, project, random, trust};

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
    /// Repository of the first project; the one you are in when left away.
    #[arg(long)]
    repository: Option<PathBuf>,
    /// Name of the first project; the repository's when left away.
    #[arg(long)]
    project: Option<Name>,
    /// PKCS#11 URI (RFC 7512) of the ledger's Ed25519 key in a device; a key file is made when left away.
    #[arg(long, value_name = "URI")]
    ledger_key: Option<Uri>,
    /// The same for the key that signs provenance.
    #[arg(long, value_name = "URI")]
    provenance_key: Option<Uri>,
    /// The same for the receipt keys of `runner-1` and then `runner-2`.
    #[arg(long, value_name = "URI")]
    runner_key: Vec<Uri>,
    /// Make no project: neither files in a repository nor environments.
    #[arg(long)]
    bare: bool,
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

#[derive(Debug, Serialize)]
struct Made {
    data: PathBuf,
    installation: Id,
    mode: Mode,
    trust_root: Digest,
    people: Vec<MadePerson>,
    places: Vec<MadePlace>,
    written: Vec<PathBuf>,
    pin: String,
    next: String,
}

#[derive(Debug, Serialize)]
struct MadePerson {
    person: Id,
    name: String,
    key: String,
}

#[derive(Debug, Serialize)]
struct MadePlace {
    place: domain::Place,
    port: Option<u16>,
}

/// Makes the installation.
pub fn run(verb: &Init, output: Output) -> Result<(), Failure> {
    let home = Home::new(verb.place.data.as_deref())?;
    is_free(&home)?;
    devices_answer(verb)?;
    let founders = people(verb)?;
    let project = first_project(verb)?;
    let now = now()?;
    let installation = random::id()?;
    let (root, signer) = root(verb, &home, &founders, installation, now)?;
    let prepared = match &project {
        Some(first) => {
            let policy = policies::built_in();
            places::usual(
                &home,
                &root,
                &first.name,
                &first.described.releases,
                &first.baseline,
                &policy,
                now,
            )?
        }
        None => Vec::new(),
    };
    let genesis = genesis(&root, &founders, &prepared, installation, now)?;
    if let Some(parent) = home.data().parent() {
        home::private_dir(parent)?;
    }
    server::found(home.data(), signer, &genesis, server::World::default())?;
    let pin = pin_of(home.data(), &root)?;
    home::write_pin(&pin)?;
    for runner in &root.runners {
        let number = runner.name.as_str().rsplit('-').next().and_then(|number| number.parse().ok());
        runner::write_joined(&home.runner(number.unwrap_or(1)), &runner.name, &pin)?;
    }
    for place in &prepared {
        let rehearsal = root.mode == Mode::Rehearsal;
        agent::write_memory(&place.agent_dir, &place.agent, &place.place, &pin, rehearsal)?;
    }
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
    let written = project.map(|first| first.described.written).unwrap_or_default();
    let made = made(verb, &home, &root, &founders, &prepared, written, &pin)?;
    output.print(&made, text)
}

fn made(
    verb: &Init,
    home: &Home,
    root: &TrustRoot,
    founders: &[Founder],
    prepared: &[Prepared],
    written: Vec<PathBuf>,
    pin: &Pin,
) -> Result<Made, Failure> {
    let person = |founder: &Founder| MadePerson {
        person: founder.id,
        name: founder.name.clone(),
        key: founder.approval.key.fingerprint().to_owned(),
    };
    let place = |prepared: &Prepared| {
        let configuration = evidence::configuration::Configuration::decode(&prepared.configuration)?;
        Ok::<_, Failure>(MadePlace { place: prepared.place.clone(), port: configuration.port })
    };
    Ok(Made {
        data: home.data().to_path_buf(),
        installation: root.installation,
        mode: root.mode,
        trust_root: root.digest()?,
        people: founders.iter().map(person).collect(),
        places: prepared.iter().map(place).collect::<Result<_, _>>()?,
        written,
        pin: pin.to_string(),
        next: next(verb, home),
    })
}

fn text(made: &Made) -> String {
    let people: Vec<_> =
        made.people.iter().map(|person| format!("{} ({})", person.name, person.key)).collect();
    let places: String = made
        .places
        .iter()
        .map(|made| {
            let port = made.port.map_or_else(String::new, |port| format!(", http://127.0.0.1:{port}"));
            format!("place: {}{port}\n", made.place)
        })
        .collect();
    let note = match made.mode {
        Mode::Team => {
            "note: in team mode a witness on the server's host counts for nothing: amend the root with one elsewhere\n"
        }
        Mode::Solo | Mode::Rehearsal => "",
    };
    let mut next = made.next.clone();
    if !made.written.is_empty() {
        let files: Vec<_> = made.written.iter().map(|path| path.display().to_string()).collect();
        next = format!(
            "look at {} and commit them with your signature:\n  git add .countersign && git -c gpg.format=ssh commit -S -m 'countersign'\nthen: {next}",
            files.join(" and ")
        );
    }
    format!(
        "made installation {} in {}\nmode: {}\npeople: {}\n{places}trust root: {} (pinned for you)\n{note}next: {next}",
        made.installation,
        made.data.display(),
        trust::assurance(made.mode),
        people.join(", "),
        made.trust_root,
    )
}

/// The project that an installation starts with.
struct FirstProject {
    name: Name,
    described: Described,
    baseline: CommitId,
}

/// The repository that we are in, described; `None` when we are in none.
fn first_project(verb: &Init) -> Result<Option<FirstProject>, Failure> {
    let here = std::env::current_dir()?;
    let named = verb.repository.is_some() || verb.project.is_some();
    let path = pack::toplevel(verb.repository.as_deref().unwrap_or(&here));
    let Some(path) = path.filter(|_| !verb.bare) else {
        return if named {
            Err(project::repository(verb.repository.as_deref())
                .err()
                .unwrap_or_else(|| Failure::usage("--bare makes no project")))
        } else {
            Ok(None)
        };
    };
    let name = project::name(verb.project.as_ref(), &path)?;
    let baseline = ::runner::resolve(&path, "HEAD").map_err(|_| {
        Failure::error(format!(
            "`{}` has no commit yet: commit something first, or use --bare",
            path.display()
        ))
    })?;
    let described = scaffold::describe(&path, &name)?;
    Ok(Some(FirstProject { name, described, baseline }))
}

/// The statements that found the installation, signed.
fn genesis(
    root: &TrustRoot,
    founders: &[Founder],
    prepared: &[Prepared],
    installation: Id,
    now: Moment,
) -> Result<server::Genesis, Failure> {
    let status = first_status(installation, now).envelope()?;
    let environment = |prepared: &Prepared| {
        let signed = signed(prepared.envelope()?, founders, root.policy.threshold, environment::NAMESPACE)?;
        Ok::<_, Failure>(server::FirstEnvironment {
            statement: signed,
            policy: prepared.policy.clone(),
            configuration: prepared.configuration.clone(),
        })
    };
    Ok(server::Genesis {
        root: signed(root.envelope()?, founders, root.holders.threshold, trust_root::NAMESPACE)?,
        status: StatusFile {
            base: signed(status, founders, root.status.threshold, status::NAMESPACE)?,
            tightening: None,
        },
        enrolments: enrolments(founders, root, now)?,
        environments: prepared.iter().map(environment).collect::<Result<_, _>>()?,
    })
}

fn people(verb: &Init) -> Result<Vec<Founder>, Failure> {
    match (verb.mode, &verb.people) {
        (ModeArgument::Solo, None) => {
            Ok(vec![alone(verb.key.as_deref(), verb.name.as_deref(), verb.email.as_deref())?])
        }
        (ModeArgument::Solo, Some(_)) => {
            Err(Failure::usage("solo mode is for one person: leave --people away"))
        }
        (_, None) => {
            Err(Failure::usage("team and rehearsal mode need --people FILE with at least two people"))
        }
        (_, Some(file)) => listed(file),
    }
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
    let mut left = vec![home.keys(), home.runner(1), home.runner(2), home.witness()];
    if home.data().parent().is_some_and(Path::exists) {
        left.extend(home.roles("agent")?);
    }
    if let Some(left) = left.iter().find(|dir| dir.exists()) {
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
    let state = trust::fold(data)?;
    let mut environments: Vec<_> = state
        .gate
        .environments()
        .map(|set| EnvironmentPin {
            project: set.facts.place.project.clone(),
            service: set.facts.place.service.clone(),
            environment: set.facts.place.environment.clone(),
            number: set.facts.number,
            release: state.release.at(&set.facts.place).map_or(0, |standing| standing.highest),
        })
        .collect();
    environments.sort();
    Ok(Pin {
        v: 1,
        installation: root.installation,
        root_version: root.version,
        root: root.digest()?,
        status: state.identity.status().map_or(0, |(number, ..)| number),
        environments,
        checkpoint: head.checkpoint.text().to_owned(),
    })
}

/// Every key in a device signs, and none is named twice, before anything is made.
fn devices_answer(verb: &Init) -> Result<(), Failure> {
    if verb.runner_key.len() > 2 {
        return Err(Failure::usage(
            "an installation begins with two runners: --runner-key is said twice at most",
        ));
    }
    let mut seen: Vec<([u8; 32], &Uri)> = Vec::new();
    for uri in verb.ledger_key.iter().chain(&verb.provenance_key).chain(&verb.runner_key) {
        let public = pkcs11::open(uri)?.public();
        if let Some((_, other)) = seen.iter().find(|(known, _)| *known == public) {
            let what = format!("`{uri}` and `{other}` are one key; each role needs its own");
            return Err(Failure::error(what));
        }
        seen.push((public, uri));
    }
    Ok(())
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
    let ledger = key_files::make_or_take(&home.keys().join("ledger.pem"), verb.ledger_key.as_ref())?;
    let ledger = key_files::ledger(&ledger, &origin)?;
    let provenance =
        key_files::make_or_take(&home.keys().join("provenance.pem"), verb.provenance_key.as_ref())?;
    let provenance = *provenance.public();
    let mut devices = verb.runner_key.iter();
    let mut runner = |number| -> Result<Machine, Failure> {
        let key = key_files::make_or_take(&home.runner(number).join("key.pem"), devices.next())?;
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

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
