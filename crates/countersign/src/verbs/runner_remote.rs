//! `countersign runner remote`: from where a runner fetches the commits of projects.
//!
//! Invariant: only the operator's own file changes. No secret is an argument or is printed: credentials are files, and a URL
//! with one is refused without being repeated.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use client::files::write_private;
use evidence::Name;
use runner::{OriginError, Origins, REMOTES_FILE, Remote, RemoteKind, Remotes};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// Arguments of `runner remote`.
#[derive(Debug, Args)]
pub struct RemoteArguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Set the remote of a project, in the place of an earlier one. A running runner uses it for its next work.
    Add(Box<Add>),
    /// Show all remotes.
    List {
        /// Directory of the runner.
        #[arg(long)]
        data: PathBuf,
    },
    /// Ask each remote for its branches, with the credentials that the runner uses.
    Check {
        /// Directory of the runner.
        #[arg(long)]
        data: PathBuf,
        /// Only this project; default: all.
        project: Option<Name>,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// Directory of the runner.
    #[arg(long)]
    data: PathBuf,
    /// Name of the project.
    project: Name,
    /// `https://HOST/PATH`, `ssh://USER@HOST/PATH`, or the absolute path of a repository on this machine.
    url: String,
    /// For HTTPS: file with a token or password, which only the runner's user may read.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// For HTTPS: name that belongs to the token; default: `git`.
    #[arg(long, value_name = "NAME", requires = "token_file")]
    token_user: Option<String>,
    /// For HTTPS: certificates of the authorities that the host is believed by; default: those of the system.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// For SSH: file with the private key, which only the runner's user may read.
    #[arg(long, value_name = "FILE")]
    identity_file: Option<PathBuf>,
    /// For SSH: file with the host's key, as `ssh-keyscan` prints it.
    #[arg(long, value_name = "FILE")]
    known_hosts_file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Row {
    project: Name,
    url: String,
    /// Number of branches that the remote showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    branches: Option<usize>,
}

/// Sets, lists or checks remotes.
pub fn run(arguments: &RemoteArguments, output: Output) -> Result<(), Failure> {
    let rows = match &arguments.verb {
        Verb::Add(add) => vec![set(add)?],
        Verb::List { data } => rows(&read(data)?),
        Verb::Check { data, project } => check(data, project.as_ref())?,
    };
    output.print(&serde_json::json!({ "remotes": rows }), |_| {
        let line = |row: &Row| match row.branches {
            Some(count) => format!("{}: {} answers, branches: {count}", row.project, row.url),
            None => format!("{}: {}", row.project, row.url),
        };
        match rows.is_empty() {
            true => "no remote is set; `countersign runner remote add` sets one".to_owned(),
            false => rows.iter().map(line).collect::<Vec<_>>().join("\n"),
        }
    })
}

fn read(data: &Path) -> Result<Remotes, Failure> {
    if !data.is_dir() {
        return Err(Failure::error(format!(
            "`{}` is no directory of a runner; `countersign runner key` makes one",
            data.display()
        )));
    }
    Ok(Remotes::read(&data.join(REMOTES_FILE))?)
}

fn rows(remotes: &Remotes) -> Vec<Row> {
    let row = |(project, remote): (&Name, &Remote)| Row {
        project: project.clone(),
        url: remote.url.clone(),
        branches: None,
    };
    remotes.projects.iter().map(row).collect()
}

fn set(add: &Add) -> Result<Row, Failure> {
    let mut remotes = read(&add.data)?;
    let absolute = |file: &Option<PathBuf>| file.as_ref().map(std::path::absolute).transpose();
    let mut remote = Remote::new(add.url.clone());
    if remote.kind().is_none() && !add.url.contains(':') {
        // A path of this machine, as the operator typed it.
        remote.url = std::path::absolute(&add.url)?.to_string_lossy().into_owned();
    }
    remote.token_file = absolute(&add.token_file)?;
    remote.token_user.clone_from(&add.token_user);
    remote.ca_file = absolute(&add.ca_file)?;
    remote.identity_file = absolute(&add.identity_file)?;
    remote.known_hosts_file = absolute(&add.known_hosts_file)?;
    remote.check(&add.project)?;
    if remote.kind() == Some(RemoteKind::Path) {
        runner::verify(Path::new(&remote.url))?;
    }
    let row = Row { project: add.project.clone(), url: remote.url.clone(), branches: None };
    remotes.projects.insert(add.project.clone(), remote);
    write_private(&add.data.join(REMOTES_FILE), &serde_json::to_string_pretty(&remotes)?)?;
    Ok(row)
}

fn check(data: &Path, only: Option<&Name>) -> Result<Vec<Row>, Failure> {
    let remotes = read(data)?;
    if let Some(project) = only.filter(|project| !remotes.projects.contains_key(*project)) {
        return Err(Failure::error(format!(
            "no remote of project `{project}` is set; `countersign runner remote add` sets one"
        )));
    }
    let origins = Origins::open(data, false);
    let asked = remotes.projects.iter().filter(|(project, _)| only.is_none_or(|only| only == *project));
    let asked = asked.map(|(project, remote)| {
        let branches = Some(origins.branches(project, remote, &remotes)?);
        Ok(Row { project: project.clone(), url: remote.url.clone(), branches })
    });
    Ok(asked.collect::<Result<_, OriginError>>()?)
}
