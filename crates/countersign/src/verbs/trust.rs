//! `countersign trust`: statements of trust; made here, signed by people's keys, and sent as signed requests.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use client::clock::{YEAR, now};
use client::dirs;
use client::files;
use client::home::Home;
use client::onboarding;
use client::pinned_root;
use client::pins;
use client::profile::Profile;
use client::random;
use client::request::Parts;
use client::session;
use client::signing::PersonKey;
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::enrolment::{EnrolledKey, Enrolment, Grant, Purpose};
use evidence::pin::Pin;
use evidence::status::{Status, StatusFile};
use evidence::trust_root::TrustRoot;
use evidence::{Digest, Name, enrolment, environment, status, trust_root};
use ledger::{BLOBS, Blobs};
use serde::Serialize;
use serde_json::json;

use super::{
    DataDir, init, runtime, trust_environment, trust_origin, trust_root as trust_root_verb, trust_sign,
    trust_status,
};
use crate::advice;
use crate::failure::Failure;
use crate::founders::misspelled;
use crate::output::Output;
use crate::sending;
use crate::trust;

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
    Pin {
        #[command(flatten)]
        data_dir: DataDir,
        /// The line that a colleague gave you; default: your own line is printed.
        #[arg(long)]
        set: Option<String>,
        /// Replace your pin even if it contradicts the line or is newer; default: such a line is refused.
        #[arg(long, requires = "set")]
        replace: bool,
    },
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

/// A statement with its digest.
#[derive(Debug, Serialize)]
pub struct StatementReport<T> {
    /// Digest of the payload.
    pub digest: Digest,
    /// The statement.
    pub statement: T,
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
                return send_status(&data_dir.home()?, &status, output);
            }
            let envelope = envelope_in(file, &bytes)?;
            let attachments = match envelope.payload_type() {
                environment::PAYLOAD_TYPE => trust_environment::attachments(file)?,
                _ => Vec::new(),
            };
            send(&data_dir.home()?, &envelope, attachments, "", output)
        }
        Trust::Pin { data_dir, set, replace } => pin(data_dir, set.as_deref(), *replace, output),
    }
}

fn pin(data_dir: &DataDir, set: Option<&str>, replace: bool, output: Output) -> Result<(), Failure> {
    if let Some(line) = set {
        let new: Pin = line.trim().parse()?;
        let pin = match pins::read(new.installation)? {
            Some(known) if !replace => together(&known, new)?,
            _ => new,
        };
        let path = pins::write(&pin)?;
        if replace {
            pinned_root::forget(&dirs::person_dir(pin.installation)?)?;
        }
        return output.print(&pin, |pin| {
            format!("pinned trust root {} (version {}) in {}", pin.root, pin.root_version, path.display())
        });
    }
    let home = data_dir.home()?;
    let (root, _) = trust::root_of(home.data(), None)?;
    let pin = init::pin_of(home.data(), &root)?;
    let line = pin.to_string();
    output.print(&json!({ "pin": line }), |_| line.clone())
}

/// The pin of a line combined with the existing pin: no number that was seen is lost.
pub fn together(known: &Pin, new: Pin) -> Result<Pin, Failure> {
    let (old, version) = (known.root_version, new.root_version);
    if version < old {
        let what = format!("you have pinned trust root version {old}, the line is of version {version}");
        return Err(Failure::error(format!("{what}; ask for a new line, or take this one with --replace")));
    }
    if version == old && new.root != known.root {
        let what = format!("you have pinned another trust root of version {version}, {}", known.root);
        return Err(Failure::error(format!(
            "{what}; ask your colleagues which one is right, and pin this one with --replace if it is"
        )));
    }
    let (seen, told) = (known.checkpoint()?, new.checkpoint()?);
    let is_further = seen.origin == told.origin && seen.size > told.size;
    let environments =
        known.environments.iter().fold(new.environments, |all, environment| environment.clone().beside(&all));
    Ok(Pin {
        status: known.status.max(new.status),
        environments,
        checkpoint: if is_further { known.checkpoint.clone() } else { new.checkpoint },
        ..new
    })
}

fn enrol(verb: &Enrol, output: Output) -> Result<(), Failure> {
    let home = verb.data_dir.home()?;
    let (root, _) = trust::root_of(home.data(), None)?;
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
    for other in advice::with_address(home.data(), &emails, now)? {
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
    };
    let mut envelope = statement.envelope()?;
    trust_sign::sign_shown(&home, &mut envelope, &[], verb.yes, output)?;
    finish(&home, &envelope, verb.out.as_deref(), output)
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

/// Writes the statement to a file for others, or sends it.
pub fn finish(home: &Home, envelope: &Envelope, out: Option<&Path>, output: Output) -> Result<(), Failure> {
    finish_saying(home, envelope, out, "", output)
}

/// The same, with a text about the effects once the statement is recorded.
pub fn finish_saying(
    home: &Home,
    envelope: &Envelope,
    out: Option<&Path>,
    follows: &str,
    output: Output,
) -> Result<(), Failure> {
    let Some(out) = out else { return send(home, envelope, Vec::new(), follows, output) };
    write_envelope(out, envelope)?;
    output.print(&json!({ "file": out }), |_| {
        let file = out.display();
        format!("wrote {file}\nnext: countersign trust sign {file}   (each other signer), then: countersign trust send {file}")
    })
}

/// Sends a statement inside a signed request.
fn send(
    home: &Home,
    envelope: &Envelope,
    attachments: Vec<Vec<u8>>,
    follows: &str,
    output: Output,
) -> Result<(), Failure> {
    let digest = envelope.payload_digest();
    let (action, arguments, statements) = match envelope.payload_type() {
        trust_root::PAYLOAD_TYPE => ("set-root", json!({ "statement": digest }), vec![envelope.clone()]),
        enrolment::PAYLOAD_TYPE => ("enrol", json!({ "statement": digest }), vec![envelope.clone()]),
        environment::PAYLOAD_TYPE => {
            ("set-environment", json!({ "statement": digest }), vec![envelope.clone()])
        }
        status::PAYLOAD_TYPE if Status::read(envelope)?.base.is_some() => {
            let base = status_file(home)?.base;
            let arguments = json!({ "statement": base.payload_digest(), "tightening": digest });
            ("set-status", arguments, vec![base, envelope.clone()])
        }
        status::PAYLOAD_TYPE => ("set-status", json!({ "statement": digest }), vec![envelope.clone()]),
        other => {
            return Err(Failure::error(format!(
                "statements of type `{other}` cannot be sent by this command"
            )));
        }
    };
    let with = Parts { statements, attachments, ..Parts::default() };
    let outcome = sending::send(home, action, arguments, with)?.outcome;
    if envelope.payload_type() == enrolment::PAYLOAD_TYPE {
        return enrolled(home, &Enrolment::read(envelope)?, &outcome, output);
    }
    output.print(&outcome, |outcome| format!("recorded as entry {}{follows}", outcome.entry))
}

/// Prints the command that the enrolled person types on their own machine.
fn enrolled(
    home: &Home,
    enrolment: &Enrolment,
    outcome: &wire::CommandOutcome,
    output: Output,
) -> Result<(), Failure> {
    let (root, _) = trust::root_of(home.data(), None)?;
    let pin = init::pin_of(home.data(), &root)?;
    let mut said = json!(outcome);
    if let Some(said) = said.as_object_mut() {
        said.insert("person".into(), json!(enrolment.person));
    }
    let fingerprint = |purpose| {
        let key = enrolment.keys.iter().find(|key| key.purposes.contains(&purpose));
        key.map_or_else(String::new, |key| key.key.fingerprint().to_owned())
    };
    let (approve, sign_in) = (fingerprint(Purpose::Approve), fingerprint(Purpose::SignIn));
    let line = onboarding::key_use(enrolment.person, &approve, &sign_in, home.data(), &pin.to_string());
    output.print(&said, |_| {
        format!(
            "{} is enrolled as person {}, recorded as entry {}\nnext: give them this line, which they type as themselves:\n  {line}",
            enrolment.name, enrolment.person, outcome.entry
        )
    })
}

/// Sends a status as `trust status --save` wrote it, base and tightening.
fn send_status(home: &Home, file: &StatusFile, output: Output) -> Result<(), Failure> {
    let tightening = file.tightening.as_ref().map(Envelope::payload_digest);
    let mut arguments = json!({ "statement": file.base.payload_digest() });
    if let (Some(object), Some(tightening)) = (arguments.as_object_mut(), tightening) {
        object.insert("tightening".into(), json!(tightening));
    }
    let statements = [Some(file.base.clone()), file.tightening.clone()].into_iter().flatten().collect();
    let outcome =
        sending::send(home, "set-status", arguments, Parts { statements, ..Parts::default() })?.outcome;
    output.print(&outcome, |outcome| format!("recorded as entry {}", outcome.entry))
}

/// The current status, as a file.
pub fn status_file(home: &Home) -> Result<StatusFile, Failure> {
    let client = session::client(home)?;
    let seen = runtime()?.block_on(client.installation())?;
    let status = seen.status.ok_or_else(|| Failure::error("there is no status yet"))?;
    let bytes =
        Blobs::read_only(&home.data().join(BLOBS)).read(&status.file, 2 * ENVELOPE_BYTES_MAX as u64)?;
    Ok(StatusFile::decode(&bytes)?)
}

/// The key that signs statements.
pub fn my_key(home: &Home) -> Result<PersonKey, Failure> {
    Ok(PersonKey::read(&Profile::of(home)?.approval_key)?)
}

/// Reads a statement from a file.
pub fn read_envelope(file: &Path) -> Result<Envelope, Failure> {
    envelope_in(file, &read(file)?)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::error(format!("cannot read `{}`: {error}", file.display())))
}

fn envelope_in(file: &Path, bytes: &[u8]) -> Result<Envelope, Failure> {
    let envelope = Envelope::decode(bytes)
        .map_err(|error| Failure::error(format!("`{}`: {error}; {NO_STATEMENT}", file.display())))?;
    if envelope.payload_type() == trust_root::PAYLOAD_TYPE {
        TrustRoot::read(&envelope)?;
    }
    Ok(envelope)
}

/// Writes a statement to a file.
pub fn write_envelope(file: &Path, envelope: &Envelope) -> Result<(), Failure> {
    Ok(files::write_shared(file, &envelope.encode()?)?)
}

const NO_STATEMENT: &str =
    "this is no statement as the commands of `countersign trust` write it with --out FILE";
