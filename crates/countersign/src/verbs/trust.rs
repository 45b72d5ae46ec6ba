//! `countersign trust`: statements of trust; made here, signed by people's keys, and sent as signed requests.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use client::clock::{YEAR, now};
use client::signing::PersonKey;
use client::{dirs, pinned_root, pins, random};
use evidence::enrolment::{EnrolledKey, Enrolment, Grant, Purpose};
use evidence::environment::Environment;
use evidence::status::StatusFile;
use evidence::{Digest, Name, environment};
use serde_json::json;

use super::trust_statement::{attachments, envelope_in, finish, origin_beside, read, send_from, send_status};
use super::{
    DataDir, reached_at, trust_environment, trust_origin, trust_root as trust_root_verb, trust_sign,
    trust_status,
};
use crate::advice;
use crate::failure::Failure;
use crate::founders::misspelled;
use crate::output::Output;
use crate::trust::{self, Named};

/// Subcommands of `trust`.
#[derive(Debug, Subcommand)]
pub enum Trust {
    /// Show the current trust root, write it to a file, or amend it.
    Root(trust_root_verb::Root),
    /// Enrol a person.
    Enrol(Enrol),
    /// Show the current status, or amend it.
    Status(trust_status::Amend),
    /// Make or amend the statement of a place: policy, configuration, agents.
    Environment(trust_environment::Amend),
    /// Begin a new origin with a new ledger key, after a lost key or a restored backup.
    Origin(trust_origin::OriginArguments),
    /// Show a statement in a file and its changes, and add your signature to it.
    Sign(trust_sign::Sign),
    /// Send a statement that has all its signatures.
    Send {
        #[command(flatten)]
        data_dir: DataDir,
        /// File of the statement.
        file: PathBuf,
    },
    /// Print the line by which other people can pin this installation, or pin one yourself.
    Pin(PinLine),
}

/// Arguments of `trust pin`.
#[derive(Debug, Args)]
pub struct PinLine {
    #[command(flatten)]
    data_dir: DataDir,
    /// The line that a colleague gave you; default: your own line is printed.
    #[arg(long)]
    set: Option<String>,
    /// Replace your pin even if it contradicts the line or is newer; default: such a line is refused.
    #[arg(long, requires = "set")]
    replace: bool,
    /// URL at which people on other machines reach the server, the preferred one first; may be given several times; default: as the
    /// server says, else as in your own pin.
    #[arg(long, value_name = "URL", conflicts_with = "set", value_parser = reached_at)]
    address: Vec<String>,
    /// Digest of the certificate of the installation's authority; default: as the trust root says, else as in your own pin.
    #[arg(long, value_name = "DIGEST", conflicts_with = "set")]
    authority: Option<Digest>,
}

/// Arguments of `trust enrol`.
#[derive(Debug, Args)]
pub struct Enrol {
    #[command(flatten)]
    data_dir: DataDir,
    /// Name of the person.
    #[arg(long)]
    name: String,
    /// Email address in the person's commits; may be given several times.
    #[arg(long, required = true)]
    email: Vec<String>,
    /// File of the public key that signs approvals.
    #[arg(long)]
    key: PathBuf,
    /// File of the public key that signs requests and commits; outside solo mode it must differ from --key.
    #[arg(long)]
    sign_in_key: PathBuf,
    /// Role: `ROLE`, `ROLE@PROJECT` or `ROLE@PROJECT/ENVIRONMENT`; may be given several times.
    #[arg(long, required = true)]
    role: Vec<String>,
    /// Subject, an identity that never changes; default: `ssh:` and the key's fingerprint.
    #[arg(long)]
    subject: Option<String>,
    /// File to write the statement to, for others to sign; default: the statement is sent.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Sign without asking; default: show the statement and ask.
    #[arg(long)]
    yes: bool,
}

/// Carries out a subcommand.
pub fn run(verb: &Trust, output: Output) -> Result<(), Failure> {
    match verb {
        Trust::Root(verb) => trust_root_verb::run(verb, output),
        Trust::Enrol(verb) => enrol(verb, output),
        Trust::Status(verb) => trust_status::run(verb, output),
        Trust::Origin(verb) => trust_origin::run(verb, output),
        Trust::Environment(verb) => trust_environment::run(verb, output),
        Trust::Sign(verb) => trust_sign::run(verb, output),
        Trust::Send { data_dir, file } => {
            let bytes = read(file)?;
            if let Ok(status) = StatusFile::decode(&bytes) {
                return send_status(&data_dir.access()?, &status, output);
            }
            let envelope = envelope_in(file, &bytes)?;
            let attachments = match envelope.payload_type() {
                environment::PAYLOAD_TYPE => {
                    attachments(file, Environment::read(&envelope)?.windows.is_some())?
                }
                _ => Vec::new(),
            };
            let origin = origin_beside(file)?;
            send_from(&data_dir.access()?, &envelope, attachments, origin.as_ref(), "", output)
        }
        Trust::Pin(verb) => pin(verb, output),
    }
}

fn pin(verb: &PinLine, output: Output) -> Result<(), Failure> {
    if let Some(line) = &verb.set {
        let (pin, path) = pins::take(line.trim().parse()?, verb.replace)?;
        if verb.replace {
            pinned_root::forget(&dirs::person_dir(pin.installation)?)?;
        }
        return output.print(&pin, |pin| {
            format!("pinned trust root {} (version {}) in {}", pin.root, pin.root_version, path.display())
        });
    }
    let access = verb.data_dir.access()?;
    let named = Named { addresses: verb.address.clone(), authority: verb.authority };
    let line = trust::pin_of(&access, named)?.to_string();
    output.print(&json!({ "pin": line }), |_| line.clone())
}

fn enrol(verb: &Enrol, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let (root, _) = trust::root_of(&access)?;
    let (approval, sign_in) = (PersonKey::read(&verb.key)?.key, PersonKey::read(&verb.sign_in_key)?.key);
    let keys = if approval == sign_in {
        let purposes = vec![Purpose::SignIn, Purpose::Approve, Purpose::Commit];
        vec![EnrolledKey { key: approval.clone(), purposes }]
    } else {
        vec![
            EnrolledKey { key: approval.clone(), purposes: vec![Purpose::Approve] },
            EnrolledKey { key: sign_in, purposes: vec![Purpose::SignIn, Purpose::Commit] },
        ]
    };
    let mut emails: Vec<_> = verb.email.iter().map(|email| email.to_lowercase()).collect();
    emails.sort();
    emails.dedup();
    let mut grants = verb.role.iter().map(|text| grant(text)).collect::<Result<Vec<_>, _>>()?;
    grants.sort();
    grants.dedup();
    if let Some(slip) = grants.iter().find_map(|grant| misspelled(&grant.role)) {
        return Err(Failure::error(format!("{} would get the role {slip}", verb.name)));
    }
    let now = now()?;
    for other in advice::with_address(&access, &emails)? {
        shown::say(&format!("warning: {other}"));
    }
    let statement = Enrolment {
        v: 1,
        installation: root.installation,
        person: random::id()?,
        subject: verb.subject.clone().unwrap_or_else(|| format!("ssh:{}", approval.fingerprint())),
        name: verb.name.clone(),
        emails,
        keys,
        grants,
        issued: now,
        expires: now.later_by(YEAR),
        accounts: Vec::new(),
        eligible: Vec::new(),
        passkeys: Vec::new(),
        openpgp: Vec::new(),
    };
    let mut envelope = statement.envelope()?;
    trust_sign::sign_shown(&access, &mut envelope, &[], verb.yes, output)?;
    finish(&access, &envelope, verb.out.as_deref(), output)
}

fn grant(text: &str) -> Result<Grant, Failure> {
    let (role, scope) = text.split_once('@').map_or((text, None), |(role, scope)| (role, Some(scope)));
    let (project, environment) = match scope.map(|scope| scope.split_once('/')) {
        None => (None, None),
        Some(None) => (scope, None),
        Some(Some((project, environment))) => (Some(project), Some(environment)),
    };
    let name = |text: Option<&str>| text.map(str::parse::<Name>).transpose();
    Ok(Grant { role: role.parse()?, project: name(project)?, environment: name(environment)? })
}
