//! `countersign init --continue`: unites the copies of a founding that its people have signed, and founds the installation
//! once there are enough of them.
//!
//! Invariant: signatures that arrived are on disk before anything else; each stop leaves a founding that the next call
//! goes on with. A crash after the ledger has begun leaves the founding beside it, and the next call finishes.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use client::clock::now;
use client::home::Home;
use client::{files, onboarding, root_key};
use evidence::enrolment::Purpose;
use evidence::founding::{BYTES_MAX, Founding};
use evidence::pin::Pin;
use evidence::trust_root::{Holder, Mode};
use evidence::{Digest, Id, Moment};
use review::summary::assurance;
use serde::Serialize;
use shown::shell;

use super::genesis;
use super::report::root_key_line;
use crate::failure::Failure;
use crate::output::Output;
use crate::verbs::server::ledger_signer;

/// The answer of `init` while people have to sign.
#[derive(Debug, Serialize)]
pub struct WaitingReport {
    pub data: PathBuf,
    pub installation: Id,
    pub mode: Mode,
    pub trust_root: Digest,
    /// The file that people sign.
    pub founding: PathBuf,
    pub people: Vec<Signer>,
    /// Files that were written into the repository of the first project.
    pub written: Vec<PathBuf>,
    pub next: String,
}

/// A person who may sign.
#[derive(Debug, Serialize)]
pub struct Signer {
    pub name: String,
    pub key: String,
    pub signed: bool,
}

#[derive(Debug, Serialize)]
struct FoundedReport {
    data: PathBuf,
    installation: Id,
    mode: Mode,
    trust_root: Digest,
    people: Vec<FoundedPerson>,
    pin: String,
    /// File of the vault's root key.
    root_key: PathBuf,
    next: String,
}

#[derive(Debug, Serialize)]
struct FoundedPerson {
    person: Id,
    name: String,
    types: String,
}

/// Writes the founding for people to sign.
pub fn keep(home: &Home, founding: &Founding) -> Result<(), Failure> {
    let file = home.founding();
    if let Some(dir) = file.parent() {
        files::private_dir(dir)?;
    }
    Ok(files::write_shared(&file, &founding.encode()?)?)
}

/// The report on a founding that waits.
pub fn report(home: &Home, founding: &Founding) -> Result<WaitingReport, Failure> {
    let root = &founding.root;
    let signed: Vec<_> = root.envelope.signatures().iter().map(|signature| signature.keyid.clone()).collect();
    let name = |subject: &str| {
        let enrolment = founding.enrolments.iter().find(|enrolment| enrolment.said.subject == subject);
        enrolment.map_or_else(|| subject.to_owned(), |enrolment| enrolment.said.name.clone())
    };
    let person = |holder: &Holder| Signer {
        name: name(&holder.subject),
        key: holder.key.fingerprint().to_owned(),
        signed: signed.iter().any(|key| key == holder.key.fingerprint()),
    };
    let holders = root.said.holders.holders.iter();
    Ok(WaitingReport {
        data: home.data().to_path_buf(),
        installation: root.said.installation,
        mode: root.said.mode,
        trust_root: root.said.digest()?,
        founding: home.founding(),
        people: holders.map(person).collect(),
        written: Vec::new(),
        next: format!("countersign init --continue --data {} FILE...", shell::path(home.data())),
    })
}

/// The report for people.
pub fn text(report: &WaitingReport) -> String {
    let file = shell::path(&report.founding);
    let written: String = report
        .written
        .iter()
        .map(|path| format!("wrote {}; commit it with your signature\n", path.display()))
        .collect();
    let signed: Vec<_> = report.people.iter().filter(|it| it.signed).map(|it| it.name.as_str()).collect();
    let signed = if signed.is_empty() { "nobody".to_owned() } else { signed.join(", ") };
    let people = report.people.iter().filter(|it| !it.signed);
    let people: String = people.map(|it| format!("  {} ({})\n", it.name, it.key)).collect();
    format!(
        "prepared installation {} for {}; it begins once its people have signed\nmode: {}\ntrust root: {}\nsigned so far: {signed}\n\
         send {file} to these people:\n{people}each types, on a machine with the own key, and sends the file back:\n  countersign trust sign founding.json --show\n  countersign trust sign founding.json\n{written}next: {}",
        report.installation,
        report.data.display(),
        assurance(report.mode),
        report.trust_root,
        report.next
    )
}

/// Adds the signatures of the given copies, and founds the installation if they are enough.
pub fn go_on(home: &Home, copies: &[PathBuf], output: Output) -> Result<(), Failure> {
    let file = home.founding();
    if !file.exists() {
        let what = format!("no founding waits at `{}`; nothing was changed", file.display());
        return Err(Failure::error(format!("{what}; `countersign init --mode team` prepares one")));
    }
    let mut founding = read(&file)?;
    for copy in copies {
        let theirs = read(copy)?;
        founding.unite(theirs).map_err(|error| {
            let what = format!("`{}`: {error}; nothing was founded", copy.display());
            Failure::error(format!("{what}; take the file that was sent out again, and have that one signed"))
        })?;
    }
    if !copies.is_empty() {
        keep(home, &founding)?;
    }
    let lacking = founding.unsigned()?;
    if !lacking.is_empty() {
        return Err(Failure::error(missing(&report(home, &founding)?, &genesis::listed(&lacking))));
    }
    is_fresh(&founding, now()?, home)?;
    let root = founding.root.said.clone();
    let pin = genesis::found(home, &founding, ledger_signer(home, &root)?)?;
    let report = FoundedReport {
        data: home.data().to_path_buf(),
        installation: root.installation,
        mode: root.mode,
        trust_root: root.digest()?,
        people: founding.enrolments.iter().map(|it| person(&it.said, home, &pin)).collect(),
        pin: pin.to_string(),
        root_key: root_key::file(home),
        next: "let the witnesses join by this pin, and start the server, with --tls for other machines; `countersign trust pin` then prints the line by which machines and people join (docs/operating/hosts.md)"
            .to_owned(),
    };
    if let Some(dir) = file.parent() {
        std::fs::remove_dir_all(dir)?;
    }
    output.print(&report, founded)
}

fn person(said: &evidence::enrolment::Enrolment, home: &Home, pin: &Pin) -> FoundedPerson {
    let key = |purpose| said.keys_for(purpose).next().map_or("", |key| key.fingerprint());
    let (approve, sign_in) = (key(Purpose::Approve), key(Purpose::SignIn));
    let types = onboarding::key_use(said.person, approve, sign_in, Some(home.data()), pin);
    FoundedPerson { person: said.person, name: said.name.clone(), types }
}

fn founded(report: &FoundedReport) -> String {
    let people: String = report
        .people
        .iter()
        .map(|it| format!("{} types on this host, as themselves:\n  {}\n", it.name, it.types))
        .collect();
    format!(
        "made installation {} in {}\nmode: {}\ntrust root: {}\n{}\n{people}pin: {}\nnext: {}",
        report.installation,
        report.data.display(),
        assurance(report.mode),
        report.trust_root,
        root_key_line(&report.root_key),
        report.pin,
        report.next
    )
}

fn missing(report: &WaitingReport, lacking: &str) -> String {
    let open: Vec<_> = report.people.iter().filter(|it| !it.signed).map(|it| it.name.as_str()).collect();
    format!(
        "nothing was founded yet: too few people have signed {lacking}; of {} somebody has to sign a copy of `{}` with `countersign trust sign`, then: {}",
        open.join(", "),
        report.founding.display(),
        report.next
    )
}

/// Fails if the first status has ended, because every gate would refuse everything.
fn is_fresh(founding: &Founding, now: Moment, home: &Home) -> Result<(), Failure> {
    let expires = founding.status.said.expires;
    if now < expires {
        return Ok(());
    }
    let what = format!("the founding was signed too late: its first status ended at {expires}");
    Err(Failure::error(format!(
        "{what}; remove it with `rm -r {}` and begin anew",
        shell::path(home.founding().parent().unwrap_or_else(|| Path::new("")))
    )))
}

fn read(file: &Path) -> Result<Founding, Failure> {
    let shown = file.display();
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file);
    let read = opened.and_then(|open| open.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|error| Failure::error(format!("cannot read `{shown}`: {error}")))?;
    Founding::decode(&bytes).map_err(|error| Failure::error(format!("`{shown}`: {error}; {NO_FOUNDING}")))
}

const NO_FOUNDING: &str =
    "this is no copy of a founding as `countersign init` wrote it and `countersign trust sign` signed it";
