//! `countersign init`: makes an installation for SSH public keys that people already have.
//!
//! A crash here leaves behind directories of roles without a data directory. The next `init` names them and does not
//! touch them, since they could belong to data that was moved. The data directory appears last, complete.

mod root;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use client::clock::now;
use client::dirs;
use client::files;
use client::home::Home;
use client::onboarding;
use client::pins;
use client::pkcs11::Uri;
use client::policies;
use client::profile::{self, Profile};
use client::project;
use client::random;
use client::review;
use client::shell;
use evidence::pin::{EnvironmentPin, Pin};
use evidence::rules::UNTESTED;
use evidence::status::StatusFile;
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{CommitId, Digest, Id, Moment, Name, environment, status, trust_root};
use ledger::Reader;
use serde::Serialize;

use super::{DataDir, agent, runner, runtime};
use crate::children::Stop;
use crate::cleanup::Cleanup;
use crate::failure::Failure;
use crate::founders::{Founder, PEOPLE_PAGE, alone, enrolments, listed, signed};
use crate::output::Output;
use crate::places::{self, Prepared};
use crate::scaffold::{self, Described};
use crate::trust;

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    data_dir: DataDir,
    /// Mode of the installation, which decides the second-person rules.
    #[arg(long, value_enum, default_value_t)]
    mode: ModeArgument,
    /// Your SSH key, private or public file; default: the key that git signs with, else the first of the usual files in
    /// `~/.ssh`.
    #[arg(long)]
    key: Option<PathBuf>,
    /// Your name; default: git's `user.name`.
    #[arg(long)]
    name: Option<String>,
    /// The email address in your commits; default: git's `user.email`.
    #[arg(long)]
    email: Option<String>,
    /// JSON file that lists the first people and their key files. Required in `team` and `rehearsal` mode, refused in `solo`.
    #[arg(long)]
    people: Option<PathBuf>,
    /// Repository of the first project; default: the repository of the current directory.
    #[arg(long)]
    repository: Option<PathBuf>,
    /// Name of the first project; default: the repository's name.
    #[arg(long)]
    project: Option<Name>,
    /// PKCS#11 URI (RFC 7512) of the ledger's Ed25519 key in a device; default: a key file is made.
    #[arg(long, value_name = "URI")]
    ledger_key: Option<Uri>,
    /// PKCS#11 URI of the key that signs provenance; default: a key file is made.
    #[arg(long, value_name = "URI")]
    provenance_key: Option<Uri>,
    /// PKCS#11 URI of the receipt key of `runner-1`; given again, of `runner-2`; default: key files are made.
    #[arg(long, value_name = "URI")]
    runner_key: Vec<Uri>,
    /// Make no project: neither files in a repository nor environments; default: the first project is made.
    #[arg(long, conflicts_with = "command")]
    bare: bool,
    #[command(flatten)]
    service: scaffold::Service,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ModeArgument {
    /// One person; second-person rules are off.
    #[default]
    Solo,
    /// Second-person rules hold; each role runs on a separate host.
    Team,
    /// Team rules, but roles may share this host.
    Rehearsal,
}

#[derive(Debug, Serialize)]
struct InitReport {
    data: PathBuf,
    installation: Id,
    mode: Mode,
    trust_root: Digest,
    people: Vec<PersonReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<Name>,
    places: Vec<PlaceReport>,
    written: Vec<PathBuf>,
    pin: String,
    next: String,
    /// Lines for people; not part of the JSON.
    #[serde(skip)]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct PersonReport {
    person: Id,
    name: String,
    key: String,
    /// The commands that the other people type under their own account; the first person's profile is made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<String>,
}

/// A place that was made.
#[derive(Debug, Serialize)]
pub struct PlaceReport {
    /// The place.
    pub place: evidence::Place,
    /// The port of its process.
    pub port: Option<u16>,
}

/// Makes the installation, or leaves everything as it was.
pub fn run(verb: &Init, output: Output) -> Result<(), Failure> {
    let home = Home::new(verb.data_dir.data.as_deref())?;
    is_free(&home)?;
    root::devices_answer(verb)?;
    let founders = people(verb)?;
    let project = first_project(verb)?;
    let installation = random::id()?;
    let cleanup = Cleanup::of(paths(&home, installation, project.as_ref())?);
    // Ctrl-C at a passphrase ends `ssh-keygen`; this verb then returns a failure, which removes everything it made.
    let runtime = runtime()?;
    let _stop = {
        let _inside = runtime.enter();
        Stop::listen()?
    };
    let report = make(verb, &home, &founders, project, installation)?;
    output.print(&report, text)?;
    cleanup.keep();
    Ok(())
}

/// Every path that may be created, including the first project's files.
fn paths(home: &Home, installation: Id, project: Option<&FirstProject>) -> Result<Vec<PathBuf>, Failure> {
    let mut new = home.data().as_os_str().to_owned();
    new.push(".new");
    let mut paths = vec![home.data().to_path_buf(), new.into(), home.keys(), home.witness()];
    paths.extend([home.runner(1), home.runner(2), dirs::person_dir(installation)?, profile::file()?]);
    if let Some(first) = project {
        let files = first.described.missing.iter().map(|(path, _)| path.clone());
        paths.extend(files);
        let agent = |service: &Name, environment: &Name| home.agent(service, environment);
        paths.extend(places::agent_dirs(&first.described.releases, agent)?);
    }
    Ok(paths)
}

fn make(
    verb: &Init,
    home: &Home,
    founders: &[Founder],
    project: Option<FirstProject>,
    installation: Id,
) -> Result<InitReport, Failure> {
    let now = now()?;
    let (root, signer) = root::root(verb, home, founders, installation, now)?;
    let prepared = match &project {
        Some(first) => {
            let of = places::Project {
                name: &first.name,
                releases: &first.described.releases,
                baseline: &first.baseline,
            };
            let agent = |service: &Name, environment: &Name| home.agent(service, environment);
            places::default_places(&of, &root, &policies::built_in(), now, |_| false, agent)?
        }
        None => Vec::new(),
    };
    let genesis = genesis(&root, founders, &prepared, installation, now)?;
    if let Some(parent) = home.data().parent() {
        files::private_dir(parent)?;
    }
    server::found(home.data(), signer, &genesis, server::World::default())?;
    let pin = pin_of(home.data(), &root)?;
    pins::write(&pin)?;
    for runner in &root.runners {
        let number = runner.name.as_str().rsplit('-').next().and_then(|number| number.parse().ok());
        runner::write_joined(&home.runner(number.unwrap_or(1)), &runner.name, &pin)?;
    }
    for place in &prepared {
        let rehearsal = root.mode == Mode::Rehearsal;
        agent::write_memory(&place.agent_dir, &place.agent, &place.place, &pin, rehearsal)?;
    }
    let written = project.as_ref().map(|first| first.described.write()).transpose()?.unwrap_or_default();
    if let Some(first) = &project {
        project::keep(&first.name, &first.repository)?;
    }
    let note = founders.first().map(|first| profile(home, first, installation)).transpose()?.flatten();
    let mut report = report(verb, home, &root, founders, &prepared, written, &pin)?;
    report.notes.extend(note);
    if let Some(first) = project {
        report.notes.extend(first.described.kind.map(|kind| format!("taken for: {kind}")));
        report.notes.extend(first.described.untested.then(|| format!("note: {UNTESTED}")));
        report.notes.extend(first.described.notes.iter().cloned());
        report.notes.extend(project::renamed(&first.name, &first.repository));
        report.project = Some(first.name);
    } else if !verb.bare {
        report.notes.push(NO_REPOSITORY.to_owned());
    }
    Ok(report)
}

/// Makes the first person's profile. A profile of another installation stays the current one, and a note says so.
fn profile(home: &Home, first: &Founder, installation: Id) -> Result<Option<String>, Failure> {
    let profile = Profile {
        v: 1,
        installation,
        person: first.id.into(),
        data: home.data().to_path_buf(),
        sign_in_key: first.sign_in.file.clone(),
        approval_key: first.approval.file.clone(),
    };
    let Some(current) = Profile::find()?.filter(|current| current.data.exists()) else {
        profile.write()?;
        return Ok(None);
    };
    profile.keep()?;
    let data = shell::path(home.data());
    Ok(Some(format!(
        "note: without --data, commands still use installation {} in {}; name this one with `--data {data}`, or make it \
         the default with `countersign key use --data {data}`",
        current.installation,
        current.data.display()
    )))
}

fn report(
    verb: &Init,
    home: &Home,
    root: &TrustRoot,
    founders: &[Founder],
    prepared: &[Prepared],
    written: Vec<PathBuf>,
    pin: &Pin,
) -> Result<InitReport, Failure> {
    let line = |founder: &Founder| {
        let [approval, sign_in] = [&founder.approval, &founder.sign_in].map(|key| key.key.fingerprint());
        onboarding::key_use(founder.id, approval, sign_in, home.data(), &pin.to_string())
    };
    let person = |(number, founder): (usize, &Founder)| PersonReport {
        person: founder.id,
        name: founder.name.clone(),
        key: founder.approval.key.fingerprint().to_owned(),
        types: (number > 0).then(|| line(founder)),
    };
    Ok(InitReport {
        data: home.data().to_path_buf(),
        installation: root.installation,
        mode: root.mode,
        trust_root: root.digest()?,
        people: founders.iter().enumerate().map(person).collect(),
        places: prepared.iter().map(PlaceReport::of).collect::<Result<_, _>>()?,
        project: None,
        written,
        pin: pin.to_string(),
        next: next(verb, home),
        notes: Vec::new(),
    })
}

impl PlaceReport {
    /// The description of a place, from its statement and configuration.
    pub fn of(prepared: &Prepared) -> Result<Self, Failure> {
        let configuration = evidence::configuration::Configuration::decode(&prepared.configuration)?;
        Ok(Self { place: prepared.place.clone(), port: configuration.port })
    }

    /// A line for people.
    pub fn line(&self) -> String {
        let port = self.port.map_or_else(String::new, |port| format!(", http://127.0.0.1:{port}"));
        format!("place: {}{port}\n", self.place)
    }
}

/// The next step for files that were written.
pub fn commit_first(written: &[PathBuf], next: &str) -> String {
    if written.is_empty() {
        return next.to_owned();
    }
    let files: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
    let force = if written.iter().any(|path| project::is_ignored(path)) { "-f " } else { "" };
    format!(
        "look at {} and commit them with your signature:\n  git add {force}.countersign && git -c gpg.format=ssh commit -S -m 'countersign'\nthen: {next}",
        files.join(" and ")
    )
}

fn text(report: &InitReport) -> String {
    let people: Vec<_> =
        report.people.iter().map(|person| format!("{} ({})", person.name, person.key)).collect();
    let places: String = report.places.iter().map(PlaceReport::line).collect();
    let note = match report.mode {
        Mode::Team => {
            "note: in team mode a witness on the server's host does not count, so no gate can pass yet: run the witness on \
             another host (docs/operating/ceremonies.md, \"A witness on another host\"), or try everything on this host with `--mode rehearsal`\n"
        }
        Mode::Solo | Mode::Rehearsal => "",
    };
    let types = report.people.iter().filter_map(|person| Some((&person.name, person.types.as_ref()?)));
    let types: String =
        types.map(|(name, line)| format!("{name} types, as themselves:\n  {line}\n")).collect();
    let notes: String = report.notes.iter().map(|note| format!("{note}\n")).collect();
    let next = commit_first(&report.written, &report.next);
    format!(
        "made installation {} in {}\nmode: {}\npeople: {}\n{places}trust root: {} (pinned for you)\n{types}{note}{notes}next: {next}",
        report.installation,
        report.data.display(),
        review::assurance(report.mode),
        people.join(", "),
        report.trust_root,
    )
}

/// The project that an installation starts with.
struct FirstProject {
    name: Name,
    repository: PathBuf,
    described: Described,
    baseline: CommitId,
}

/// The repository of the current directory, described; `None` outside of a repository.
fn first_project(verb: &Init) -> Result<Option<FirstProject>, Failure> {
    let here = std::env::current_dir()?;
    let named = verb.repository.is_some() || verb.project.is_some();
    if verb.bare && named {
        return Err(Failure::usage(
            "with --bare no project is made; omit the options of the project, or omit --bare",
        ));
    }
    let path = project::toplevel(verb.repository.as_deref().unwrap_or(&here))?;
    let Some(path) = path.filter(|_| !verb.bare) else {
        if named {
            project::repository(verb.repository.as_deref())?;
        }
        return Ok(None);
    };
    if project::is_bare(&path) {
        let what = format!("`{}` is a bare repository, in which no files can be written", path.display());
        return Err(Failure::error(format!("{what}; go into a clone of it, or use --bare")));
    }
    let name = project::name(verb.project.as_ref(), &path)?;
    let baseline = ::runner::resolve(&path, "HEAD").map_err(|error| match error {
        ::runner::RepositoryError::Revision(_, words) if words.contains(UNBORN) => Failure::error(format!(
            "`{}` has no commit yet: commit something first, or use --bare",
            path.display()
        )),
        other => other.into(),
    })?;
    let described = scaffold::describe(&path, &name, &verb.service)?;
    Ok(Some(FirstProject { name, repository: path, described, baseline }))
}

/// The statements that found the installation, signed.
fn genesis(
    root: &TrustRoot,
    founders: &[Founder],
    prepared: &[Prepared],
    installation: Id,
    now: Moment,
) -> Result<server::Genesis, Failure> {
    let status = root::first_status(installation, now).envelope()?;
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
        (ModeArgument::Solo, Some(_)) => Err(Failure::usage("solo mode is for one person: omit --people")),
        (_, None) => {
            let what = "team and rehearsal mode require --people FILE with at least two people";
            Err(Failure::usage(format!("{what}; {PEOPLE_PAGE}")))
        }
        (_, Some(file)) => listed(file),
    }
}

/// Fails if the paths of the installation exist already.
fn is_free(home: &Home) -> Result<(), Failure> {
    if home.data().exists() {
        let what = format!(
            "`{}` exists already; nothing was changed. `countersign project add` adds another project there; --data names another directory for a separate installation",
            home.data().display()
        );
        return Err(Failure::error(what));
    }
    match home.left()?.as_slice() {
        [] => Ok(()),
        [first, rest @ ..] => {
            let what = match rest.len() {
                0 => format!("`{}` exists without its data directory", first.display()),
                more => format!("`{}` and {more} more exist without their data directory", first.display()),
            };
            let what = format!("{what}; nothing was changed");
            Err(Failure::error(format!("{what}: {}", home.instead()?)))
        }
    }
}

fn next(verb: &Init, home: &Home) -> String {
    match verb.data_dir.data {
        Some(_) => format!("countersign up --data {}", shell::path(home.data())),
        None => "countersign up".into(),
    }
}

/// The numbers of an installation as this machine sees them now, as a pin.
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

/// A note for an installation without a project that nobody asked for with --bare.
const NO_REPOSITORY: &str = "note: this directory is in no git repository, so no project was made: `git init` in your project's \
                             directory, commit something there, and run `countersign project add` there";
/// Git's message for a branch without a commit.
const UNBORN: &str = "Needed a single revision";
