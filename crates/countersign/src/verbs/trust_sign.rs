//! `countersign trust sign`: shows a statement beside the current one, and adds a signature.
//!
//! Invariant: everything that is signed was shown. Payloads that a statement names by digest lie beside it and are shown
//! too. The current statement is used for comparison only if it is valid under a root that this directory proves, and
//! the page says why that root is believed. Without a current statement, the whole new one is shown.

use std::path::PathBuf;

use clap::Args;
use client::access::Access;
use client::pins;
use client::profile::Profile;
use client::session;
use client::statements;
use evidence::configuration::Configuration;
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::enrolment::{self, Enrolment};
use evidence::environment::{self, Environment};
use evidence::founding::Founding;
use evidence::pin::Pin;
use evidence::policy_files::{self, PolicyFiles};
use evidence::status::{self, Status};
use evidence::trust_root::{self, TrustRoot};
use evidence::windows;
use evidence::{Digest, Id, configuration};
use review::status_words;
use serde::Serialize;
use serde_json::{Value, json};
use similar::TextDiff;

use super::trust_statement::{TOGETHER, attachments, envelope_in, my_key, read, status_file, write_envelope};
use super::windows_page::Extent;
use super::{DataDir, founding_sign, runtime, windows_page};
use crate::consent::ask;
use crate::failure::Failure;
use crate::output::Output;
use crate::trust::{self, Belief};

/// Arguments of `trust sign`.
#[derive(Debug, Args)]
pub struct Sign {
    #[command(flatten)]
    data_dir: DataDir,
    /// File of the statement; it is rewritten with your signature.
    file: PathBuf,
    /// Your key for a founding: its private or public file, or its fingerprint if the file is in `~/.ssh`; default: the one in `~/.ssh` that
    /// may sign it. Other statements are signed by the key of your profile.
    #[arg(long, value_name = "FILE|SHA256:...")]
    key: Option<PathBuf>,
    /// Only show the statement and its changes; default: ask, and sign.
    #[arg(long)]
    show: bool,
    /// Show every open time of windows; default: the next five.
    #[arg(long)]
    all: bool,
    /// Sign without asking; default: show the statement and ask.
    #[arg(long)]
    yes: bool,
}

/// A statement of trust.
enum Statement {
    Root(Box<TrustRoot>),
    Enrolment(Enrolment),
    Status(Status),
    Environment(Environment),
}

/// The readable text of a statement and of the payloads that it names by digest.
#[derive(Default)]
struct Text {
    statement: String,
    /// Files of the policy, one after the other.
    policy: String,
    configuration: String,
    /// Bytes of the windows; empty without windows.
    windows: Vec<u8>,
    /// Digests of policy, configuration and windows, if the statement names them.
    named: Option<(Digest, Digest, Option<Digest>)>,
    /// The statement, if it is a status.
    status: Option<Status>,
}

#[derive(Debug, Serialize)]
struct SignatureReport {
    file: PathBuf,
    digest: Digest,
    statement: Value,
    compared_with: String,
    changes: String,
    signed: bool,
    signatures: usize,
}

/// Shows the statement, asks, and signs.
pub fn run(verb: &Sign, output: Output) -> Result<(), Failure> {
    let bytes = read(&verb.file)?;
    if Founding::looks_like(&bytes) {
        return founding_sign::run(&verb.file, &bytes, verb.key.as_deref(), (verb.show, verb.yes), output);
    }
    let mut envelope = match bare_root(&bytes) {
        Some(envelope) => envelope,
        None => envelope_in(&verb.file, &bytes)?,
    };
    let statement = Statement::read(&envelope)?;
    let access = verb.data_dir.named()?;
    let installation = Profile::of(&access)?.installation;
    if statement.installation() != installation {
        let what = format!(
            "`{}` is of another installation than yours; --data names the data directory of another one",
            verb.file.display()
        );
        return Err(Failure::error(what));
    }
    let (before, compared_with) = match before(&access, &statement) {
        Ok((before, what)) => (before, what),
        Err(failure) => (Text::default(), format!("nothing: {}", failure.message())),
    };
    let named =
        attachments(&verb.file, statement.has_windows()).map_err(|failure| failure.message().to_owned());
    let new = statement.text(named, &before)?;
    let extent = statement.extent(verb.all || output == Output::Json);
    let changes = new.against(&before, extent)?;
    let mut report = SignatureReport {
        file: verb.file.clone(),
        digest: envelope.payload_digest(),
        statement: statement.json()?,
        compared_with,
        changes,
        signed: false,
        signatures: envelope.signatures().len(),
    };
    let sentences = statement.sentences(&before);
    let page = |report: &SignatureReport| {
        let SignatureReport { digest, compared_with, changes, signatures, .. } = report;
        format!(
            "{}\ndigest: {digest}\nsignatures so far: {signatures}\ncompared with {compared_with}\n{sentences}{changes}",
            statement.title()
        )
    };
    if verb.show {
        return output.print(&report, page);
    }
    ask(&page(&report), verb.yes, output)?;
    let key = my_key(&access)?;
    key.sign(&mut envelope, statement.namespace())?;
    write_envelope(&verb.file, &envelope)?;
    (report.signed, report.signatures) = (true, envelope.signatures().len());
    output.print(&report, |report| {
        format!("signed with {}; {} now", key.key.fingerprint(), shown::many(report.signatures, "signature"))
    })
}

/// A root that nobody has signed yet, as `trust origin` writes it where nobody has a key. An envelope has a signature.
fn bare_root(bytes: &[u8]) -> Option<Envelope> {
    let envelope = Envelope::new(trust_root::PAYLOAD_TYPE, bytes.to_vec());
    TrustRoot::read(&envelope).is_ok().then_some(envelope)
}

/// Shows a statement that was just made beside the current one, asks, and adds the person's signature. `named` has the
/// payloads that it names by digest: policy and configuration of an environment statement.
pub fn sign_shown(
    access: &Access,
    envelope: &mut Envelope,
    named: &[Vec<u8>],
    yes: bool,
    output: Output,
) -> Result<(), Failure> {
    sign_page(access, envelope, named, Page::default(), yes, output)
}

/// The same for a status, which is shown as sentences; its JSON is shown only if the person asks for it.
pub fn sign_status(
    access: &Access,
    envelope: &mut Envelope,
    verbose: bool,
    yes: bool,
    output: Output,
) -> Result<(), Failure> {
    let page = Page { is_short: !verbose && output != Output::Json, ..Page::default() };
    sign_page(access, envelope, &[], page, yes, output)
}

/// How a statement is shown before a signature.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    /// Whether sentences stand for the statement itself.
    pub is_short: bool,
    /// Whether every open time of windows is listed.
    pub all: bool,
    /// Rules of windows, as their author wrote them.
    pub rules: Option<&'a str>,
}

/// The same with a page of the caller's choice.
pub fn sign_page(
    access: &Access,
    envelope: &mut Envelope,
    named: &[Vec<u8>],
    page: Page<'_>,
    yes: bool,
    output: Output,
) -> Result<(), Failure> {
    let statement = Statement::read(envelope)?;
    if !yes || output == Output::Text {
        let (before, compared_with) = match before(access, &statement) {
            Ok((before, what)) => (before, what),
            Err(failure) => (Text::default(), format!("nothing: {}", failure.message())),
        };
        let extent = statement.extent(page.all || output == Output::Json);
        let changes = match page.is_short {
            false => statement.text(Ok(named.to_vec()), &before)?.against(&before, extent)?,
            true => String::new(),
        };
        let rules = page.rules.unwrap_or_default();
        let (digest, sentences) = (envelope.payload_digest(), statement.sentences(&before));
        let page = format!(
            "{}\ndigest: {digest}\ncompared with {compared_with}\n{sentences}{rules}{changes}",
            statement.title()
        );
        ask(&page, yes, output)?;
    }
    Ok(my_key(access)?.sign(envelope, statement.namespace())?)
}

impl Statement {
    fn read(envelope: &Envelope) -> Result<Self, Failure> {
        Ok(match envelope.payload_type() {
            trust_root::PAYLOAD_TYPE => Self::Root(Box::new(TrustRoot::read(envelope)?)),
            enrolment::PAYLOAD_TYPE => Self::Enrolment(Enrolment::read(envelope)?),
            status::PAYLOAD_TYPE => Self::Status(Status::read(envelope)?),
            environment::PAYLOAD_TYPE => Self::Environment(Environment::read(envelope)?),
            other => {
                return Err(Failure::error(format!(
                    "statements of type `{other}` cannot be signed by this command"
                )));
            }
        })
    }

    const fn namespace(&self) -> &'static str {
        match self {
            Self::Root(_) => trust_root::NAMESPACE,
            Self::Enrolment(_) => enrolment::NAMESPACE,
            Self::Status(_) => status::NAMESPACE,
            Self::Environment(_) => environment::NAMESPACE,
        }
    }

    const fn installation(&self) -> Id {
        match self {
            Self::Root(root) => root.installation,
            Self::Enrolment(enrolment) => enrolment.installation,
            Self::Status(status) => status.installation,
            Self::Environment(environment) => environment.installation,
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Root(root) => format!("trust root, version {}", root.version),
            Self::Enrolment(enrolment) => format!("enrolment of {}", enrolment.name),
            Self::Status(status) => {
                let kind = if status.base.is_some() { "a tightening" } else { "a base" };
                format!("status {}, {kind}", status.number)
            }
            Self::Environment(said) => {
                let place = format!("{}/{}/{}", said.project, said.service, said.environment);
                format!("statement {} of {place}", said.number)
            }
        }
    }

    /// The changes of a status, one sentence to a line; empty for other statements, which are shown as they are.
    fn sentences(&self, before: &Text) -> String {
        match self {
            Self::Status(new) => {
                let lines = status_words::sentences(before.status.as_ref(), new);
                lines.iter().map(|line| format!("  {line}\n")).collect()
            }
            Self::Root(_) | Self::Enrolment(_) | Self::Environment(_) => String::new(),
        }
    }

    fn json(&self) -> Result<Value, Failure> {
        Ok(match self {
            Self::Root(root) => json!(root),
            Self::Enrolment(enrolment) => json!(enrolment),
            Self::Status(status) => json!(status),
            Self::Environment(environment) => json!(environment),
        })
    }

    /// The readable text. A payload that did not change may be missing beside the file.
    fn text(&self, beside: Result<Vec<Vec<u8>>, String>, before: &Text) -> Result<Text, Failure> {
        let statement = format!("{:#}\n", self.json()?);
        let Self::Environment(named) = self else { return Ok(Text { statement, ..Text::default() }) };
        let digests = (named.policy, named.configuration, named.windows);
        let shown = match beside {
            Ok(beside) => shown_beside(named, &beside)?,
            Err(_) if before.named == Some(digests) => Text {
                policy: before.policy.clone(),
                configuration: before.configuration.clone(),
                windows: before.windows.clone(),
                ..Text::default()
            },
            Err(what) => return Err(Failure::error(what)),
        };
        Ok(Text { statement, named: Some(digests), ..shown })
    }

    /// How much of its windows is listed: open times are the next ones when it was made.
    const fn extent(&self, all: bool) -> Extent {
        match self {
            Self::Environment(environment) if !all => Extent::Next(environment.issued),
            _ => Extent::All,
        }
    }

    /// Whether it names windows.
    const fn has_windows(&self) -> bool {
        matches!(self, Self::Environment(Environment { windows: Some(_), .. }))
    }
}

/// The readable text of the payloads that a statement names.
fn shown_beside(named: &Environment, beside: &[Vec<u8>]) -> Result<Text, Failure> {
    let digests = [
        ("policy", Some(named.policy)),
        ("configuration", Some(named.configuration)),
        ("windows", named.windows),
    ];
    let digests = digests.into_iter().filter_map(|(what, digest)| Some((what, digest?)));
    for (n, (what, digest)) in digests.enumerate() {
        if beside.get(n).map(|bytes| Digest::of(bytes)) != Some(digest) {
            let what = format!(
                "the {what} beside the statement is not the one that the statement names; {TOGETHER}"
            );
            return Err(Failure::error(what));
        }
    }
    let [policy, configuration, windows @ ..] = beside else { return Ok(Text::default()) };
    Ok(Text {
        policy: files(&PolicyFiles::decode(policy)?),
        configuration: configured(configuration)?,
        windows: windows.first().cloned().unwrap_or_default(),
        ..Text::default()
    })
}

impl Text {
    /// The changes against the current statement; the whole text if no current statement exists.
    fn against(&self, before: &Self, extent: Extent) -> Result<String, Failure> {
        let windows = windows_page::text(&self.windows, extent)?;
        if before.statement.is_empty() {
            return Ok([&*self.statement, &self.policy, &self.configuration, &windows].concat());
        }
        let windows_before = windows_page::text(&before.windows, extent)?;
        let parts = [
            (&before.statement, &self.statement),
            (&before.policy, &self.policy),
            (&before.configuration, &self.configuration),
            (&windows_before, &windows),
        ];
        let changes = parts
            .map(|(old, new)| TextDiff::from_lines(old, new).unified_diff().context_radius(3).to_string());
        Ok(changes.concat())
    }
}

/// The current statement, and the reason why it is believed.
fn before(access: &Access, statement: &Statement) -> Result<(Text, String), Failure> {
    let (newest, belief) = trust::root_of(access)?;
    let seen = pins::read(newest.installation)?;
    let rests = match belief {
        Belief::File | Belief::PinnedRoot => "the trust root that you have pinned",
        Belief::Unpinned => "the word of this data directory alone; pin its trust root",
    };
    let statement_of = |value: Value| Text { statement: format!("{value:#}\n"), ..Text::default() };
    let (text, what) = match statement {
        Statement::Root(new) => {
            let version = new.version.saturating_sub(1).min(newest.version);
            let old = TrustRoot::read(&trust::envelope_of(access, version)?)?;
            (statement_of(json!(old)), format!("version {version}"))
        }
        Statement::Enrolment(_) => return Err(Failure::error("an enrolment is new, so all of it is shown")),
        Statement::Status(_) => {
            let old = statements::status_in(&status_file(access)?, &newest, seen.as_ref())?;
            let number = format!("status {}", old.number);
            (Text { status: Some(old.clone()), ..statement_of(json!(old)) }, number)
        }
        Statement::Environment(new) => {
            let old = environment_before(access, (&newest, seen.as_ref()), new)?;
            let number = format!("statement {}", old.1);
            (old.0, number)
        }
    };
    Ok((text, format!("{what}, which is in force by {rests}")))
}

/// The current statement of the same place, with its payloads; its signatures are checked.
fn environment_before(
    access: &Access,
    (root, seen): (&TrustRoot, Option<&Pin>),
    new: &Environment,
) -> Result<(Text, u64), Failure> {
    let client = session::client(access)?;
    let runtime = runtime()?;
    let place = new.place();
    let view = runtime.block_on(client.places())?.into_iter().find(|view| view.place == place);
    let view = view.ok_or_else(|| Failure::error("there is no statement of this place yet"))?;
    let fetch = |digest: &Digest, most: usize| runtime.block_on(client.blob(digest, most));
    let envelope = Envelope::decode(&fetch(&view.envelope, ENVELOPE_BYTES_MAX)?)?;
    let old = statements::statement_in(&envelope, &view.place, root, seen)?;
    let policy = PolicyFiles::decode(&fetch(&old.policy, policy_files::BYTES_MAX)?)?;
    let text = Text {
        statement: format!("{:#}\n", json!(old)),
        policy: files(&policy),
        configuration: configured(&fetch(&old.configuration, configuration::BYTES_MAX)?)?,
        windows: match &old.windows {
            Some(digest) => fetch(digest, windows::BYTES_MAX)?,
            None => Vec::new(),
        },
        named: Some((old.policy, old.configuration, old.windows)),
        status: None,
    };
    Ok((text, old.number))
}

/// Policy files one after the other, each under its path.
fn files(policy: &PolicyFiles) -> String {
    policy.files.iter().map(|(path, text)| format!("=== {path}\n{}\n", text.trim_end())).collect()
}

fn configured(bytes: &[u8]) -> Result<String, Failure> {
    Ok(format!("=== configuration\n{:#}\n", json!(Configuration::decode(bytes)?)))
}
