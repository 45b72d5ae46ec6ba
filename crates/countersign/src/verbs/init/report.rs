//! The answer of `countersign init`, for people and as JSON.

use std::path::{Path, PathBuf};

use client::commit_command::{self, GitSettings};
use client::home::Home;
use client::hosts;
use client::{onboarding, project, root_key};
use evidence::pin::Pin;
use evidence::trust_root::{Mode, TrustRoot};
use evidence::{Digest, Id, Name};
use review::summary::assurance;
use serde::Serialize;
use shown::shell;

use super::arguments::Init;
use crate::failure::Failure;
use crate::founders::Founder;
use crate::places::Prepared;

/// The answer of `init`.
#[derive(Debug, Serialize)]
pub struct InitReport {
    pub data: PathBuf,
    pub installation: Id,
    pub mode: Mode,
    pub trust_root: Digest,
    pub people: Vec<PersonReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<Name>,
    pub places: Vec<PlaceReport>,
    pub written: Vec<PathBuf>,
    /// The command that commits the files that were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    pub pin: String,
    /// File of the vault's root key.
    pub root_key: PathBuf,
    pub next: String,
    /// Lines for people; not part of the JSON.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// A person who was enrolled.
#[derive(Debug, Serialize)]
pub struct PersonReport {
    pub person: Id,
    pub name: String,
    pub key: String,
    /// The commands that the other people type under their own account; the first person's profile is made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<String>,
}

/// A place that was made.
#[derive(Debug, Serialize)]
pub struct PlaceReport {
    /// The place.
    pub place: evidence::Place,
    /// The port of its process.
    pub port: Option<u16>,
}

/// A new installation.
pub struct Installation<'a> {
    pub verb: &'a Init,
    pub home: &'a Home,
    pub root: &'a TrustRoot,
    pub founders: &'a [Founder],
    pub prepared: &'a [Prepared],
    pub pin: &'a Pin,
}

/// The report on a new installation, in whose repository these files were written.
pub fn report(made: &Installation<'_>, written: Vec<PathBuf>) -> Result<InitReport, Failure> {
    let Installation { verb, home, root, founders, prepared, pin } = *made;
    let line = |founder: &Founder| {
        let [approval, sign_in] = [&founder.approval, &founder.sign_in].map(|key| key.key.fingerprint());
        onboarding::key_use(founder.id, approval, sign_in, Some(home.data()), pin)
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
        commit: founders.first().filter(|_| !written.is_empty()).map(commit_by).transpose()?,
        written,
        pin: pin.to_string(),
        root_key: root_key::file(home),
        next: next(verb, home),
        notes: uncounted(root),
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

/// The command with which a founder commits.
fn commit_by(founder: &Founder) -> Result<String, Failure> {
    let person = founder.email().map(|email| (founder.name.as_str(), email));
    let git = GitSettings::read()?;
    let key = founder.commit.file.as_deref().or(git.ssh_key()).unwrap_or(Path::new("KEY"));
    Ok(commit_command::commit(&git, key, person, MESSAGE))
}

/// The next step for files that were written, which this command commits.
pub fn commit_first(written: &[PathBuf], commit: Option<&str>, next: &str) -> String {
    let Some(commit) = commit.filter(|_| !written.is_empty()) else { return next.to_owned() };
    let files: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
    let force = if written.iter().any(|path| project::is_ignored(path)) { "-f " } else { "" };
    format!(
        "look at {} and commit them with your signature:\n  git add {force}.countersign && {commit}\nthen: {next}",
        files.join(" and ")
    )
}

/// The report for people.
pub fn text(report: &InitReport) -> String {
    let people: Vec<_> =
        report.people.iter().map(|person| format!("{} ({})", person.name, person.key)).collect();
    let places: String = report.places.iter().map(PlaceReport::line).collect();
    let types = report.people.iter().filter_map(|person| Some((&person.name, person.types.as_ref()?)));
    let types: String =
        types.map(|(name, line)| format!("{name} types, as themselves:\n  {line}\n")).collect();
    let notes: String = report.notes.iter().map(|note| format!("{note}\n")).collect();
    let next = commit_first(&report.written, report.commit.as_deref(), &report.next);
    format!(
        "made installation {} in {}\nmode: {}\npeople: {}\n{places}trust root: {} (pinned for you)\n{}\n{types}{notes}next: {next}",
        report.installation,
        report.data.display(),
        assurance(report.mode),
        people.join(", "),
        report.trust_root,
        root_key_line(&report.root_key),
    )
}

/// Where the vault's root key lies.
pub fn root_key_line(file: &Path) -> String {
    let why = "without it all secrets are lost, so keep a copy apart from the data directory";
    format!("root key of the vault: {} ({why})", file.display())
}

/// Notes on machines that do not count where they are.
fn uncounted(root: &TrustRoot) -> Vec<String> {
    let mut notes: Vec<_> = hosts::uncounted(root).iter().map(|line| format!("note: {line}")).collect();
    notes.extend((!notes.is_empty()).then(|| REHEARSAL.to_owned()));
    notes
}

fn next(verb: &Init, home: &Home) -> String {
    match verb.data_dir.data {
        Some(_) => format!("countersign up --data {}", shell::path(home.data())),
        None => "countersign up".into(),
    }
}

const REHEARSAL: &str = "note: docs/operating/hosts.md shows how machines join on other hosts; `--mode rehearsal` tries everything on this host";
/// Message of the commit that adds the two files.
pub const MESSAGE: &str = "countersign";
