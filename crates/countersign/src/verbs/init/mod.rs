//! `countersign init`: makes an installation for SSH public keys that people already have.
//!
//! A crash here leaves behind directories of roles without a data directory. The next `init` names them and does not
//! touch them, since they could belong to data that was moved. The data directory appears last, complete.

mod arguments;
mod first_project;
mod genesis;
mod report;
mod root;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use client::clock::now;
use client::home::Home;
use client::profile::{self, Profile};
use client::{dirs, policies, project, random};
use evidence::rules::UNTESTED;
use evidence::trust_root::TrustRoot;
use evidence::{Id, Moment, Name};
use shown::shell;

pub use self::arguments::Init;
use self::arguments::ModeArgument;
use self::first_project::{FirstProject, first_project};
use self::report::{InitReport, Installation, report, text};
pub use self::report::{MESSAGE, PlaceReport, commit_first};
use self::waiting::WaitingReport;
use super::runtime;
use crate::children::Stop;
use crate::cleanup::Cleanup;
use crate::failure::Failure;
use crate::founders::{Founder, PEOPLE_PAGE, alone, listed, sign};
use crate::output::Output;
use crate::places::{self, Prepared};

/// Makes the installation, or leaves everything as it was.
pub fn run(verb: &Init, output: Output) -> Result<(), Failure> {
    let home = Home::new(verb.data_dir.data.as_deref())?;
    if verb.continues {
        return waiting::go_on(&home, &verb.files, output);
    }
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
    match make(verb, &home, &founders, project, installation)? {
        Made::Founded(report) => output.print(report.as_ref(), text)?,
        Made::Waiting(report) => output.print(&report, waiting::text)?,
    }
    cleanup.keep();
    Ok(())
}

/// Every path that may be created, including the first project's files.
fn paths(home: &Home, installation: Id, project: Option<&FirstProject>) -> Result<Vec<PathBuf>, Failure> {
    let mut new = home.data().as_os_str().to_owned();
    new.push(".new");
    let mut paths = vec![home.data().to_path_buf(), new.into(), home.keys(), home.witness()];
    paths.extend(home.founding().parent().map(std::path::Path::to_path_buf));
    paths.extend([home.runner(1), home.runner(2), dirs::person_dir(installation)?, profile::file()?]);
    if let Some(first) = project {
        let files = first.described.missing.iter().map(|(path, _)| path.clone());
        paths.extend(files);
        let agent = |service: &Name, environment: &Name| home.agent(service, environment);
        paths.extend(places::agent_dirs(&first.described.releases, agent)?);
    }
    Ok(paths)
}

/// Results of `init`.
enum Made {
    Founded(Box<InitReport>),
    Waiting(WaitingReport),
}

fn make(
    verb: &Init,
    home: &Home,
    founders: &[Founder],
    project: Option<FirstProject>,
    installation: Id,
) -> Result<Made, Failure> {
    let now = now()?;
    let (root, signer) = root::root(verb, home, founders, installation, now)?;
    let prepared = prepared(verb, home, &root, project.as_ref(), now)?;
    let mut founding = genesis::founding(root.clone(), founders, &prepared, now)?;
    sign(&mut founding, founders)?;
    if !founding.unsigned()?.is_empty() {
        waiting::keep(home, &founding)?;
        let mut report = waiting::report(home, &founding)?;
        if let Some(first) = &project {
            report.written = first.described.write()?;
            project::keep(&first.name, &first.repository)?;
        }
        return Ok(Made::Waiting(report));
    }
    let pin = genesis::found(home, &founding, signer)?;
    let written = project.as_ref().map(|first| first.described.write()).transpose()?.unwrap_or_default();
    if let Some(first) = &project {
        project::keep(&first.name, &first.repository)?;
    }
    let note = founders.first().map(|first| profile(home, first, installation)).transpose()?.flatten();
    let made = Installation { verb, home, root: &root, founders, prepared: &prepared, pin: &pin };
    let mut report = report(&made, written)?;
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
    Ok(Made::Founded(Box::new(report)))
}

/// Statements of the first project's places; each agent is where the person named it, else on this host.
fn prepared(
    verb: &Init,
    home: &Home,
    root: &TrustRoot,
    project: Option<&FirstProject>,
    now: Moment,
) -> Result<Vec<Prepared>, Failure> {
    let elsewhere: BTreeMap<_, _> =
        verb.agent.iter().map(|line| (line.place.clone(), line.agent.clone())).collect();
    let prepared = match project {
        Some(first) => {
            let of = places::Project {
                name: &first.name,
                releases: &first.described.releases,
                baseline: &first.baseline,
                ports: BTreeSet::new(),
                elsewhere: &elsewhere,
            };
            let agent = |service: &Name, environment: &Name| home.agent(service, environment);
            places::default_places(&of, root, &policies::built_in(), now, |_| false, agent)?
        }
        None => Vec::new(),
    };
    match elsewhere.keys().find(|place| !prepared.iter().any(|made| made.place == **place)) {
        None => Ok(prepared),
        Some(unknown) => {
            let made: Vec<_> = prepared.iter().map(|made| made.place.to_string()).collect();
            let made = if made.is_empty() {
                "none: name its repository with --repository, without --bare".to_owned()
            } else {
                made.join(", ")
            };
            Err(Failure::usage(format!(
                "--agent names `{unknown}`, which is not a place of the first project ({made}); `countersign trust environment` makes other places"
            )))
        }
    }
}

/// Makes the first person's profile, if their keys are on this machine. A profile of another installation stays the
/// current one, and a note says so.
fn profile(home: &Home, first: &Founder, installation: Id) -> Result<Option<String>, Failure> {
    let (Some(sign_in), Some(approval)) = (first.sign_in.file.clone(), first.approval.file.clone()) else {
        return Ok(None);
    };
    let profile = Profile::new(&home.clone().into(), installation, first.id.into(), sign_in, approval);
    let is_there = |current: &Profile| current.data.as_ref().is_none_or(|data| data.exists());
    let Some(current) = Profile::find()?.filter(is_there) else {
        profile.write()?;
        return Ok(None);
    };
    profile.keep()?;
    let data = shell::path(home.data());
    Ok(Some(format!(
        "note: without --data, commands still use installation {}{}; name this one with `--data {data}`, or make it \
         the default with `countersign key use --data {data}`",
        current.installation,
        current.data.map_or_else(String::new, |data| format!(" in {}", data.display()))
    )))
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
    if home.data().is_file() {
        let shown = home.data().display();
        return Err(Failure::error(format!(
            "`{shown}` is a file; --data names a directory that does not exist yet; nothing was changed"
        )));
    }
    if home.data().exists() {
        let what = format!(
            "`{}` exists already; nothing was changed. `countersign project add` adds another project there; --data names another directory for a separate installation",
            home.data().display()
        );
        return Err(Failure::error(what));
    }
    if let Some(command) = home.waiting_founding() {
        let what = format!("`{}` waits for signatures; nothing was changed", home.founding().display());
        return Err(Failure::error(format!("{what}; `{command}` goes on")));
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

/// A note for an installation without a project that nobody asked for with --bare.
const NO_REPOSITORY: &str = "note: this directory is in no git repository, so no project was made: `git init` in your project's \
                             directory, commit something there, and run `countersign project add` there";
