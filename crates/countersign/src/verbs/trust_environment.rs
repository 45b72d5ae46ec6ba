//! `countersign trust environment`: makes or amends the statement of a place, and signs it.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use client::clock::now;
use client::files;
use client::hosts::MachineLine;
use client::pins;
use client::policies;
use client::ports;
use client::project;
use client::request::Parts;
use client::session;
use client::statements;
use evidence::Place;
use evidence::configuration::{Bounds, Configuration};
use evidence::dsse::{ENVELOPE_BYTES_MAX, Envelope};
use evidence::environment::{Class, Environment, SOAK_MS_MAX, SOAK_MS_MIN};
use evidence::pin::{EnvironmentPin, Pin};
use evidence::preview::{COUNT_MAX, NamePattern, NamePatternError, Previews};
use evidence::trust_root::{Machine, Site, TrustRoot};
use evidence::{CommitId, Moment, Name, NameError, address, configuration, policy_files};
use serde_json::json;
use wire::{Client, PlaceView};

use super::trust_drift;
use super::trust_parity;
use super::trust_root::{FORMER_DAYS, former_until};
use super::trust_sign::{Page, sign_page};
use super::trust_statement::{beside, read, write_envelope};
use super::trust_windows;
use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;
use crate::places;
use crate::sending;
use crate::trust;

/// Arguments of `trust environment`.
#[derive(Debug, Args)]
pub struct Amend {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT.
    place: Place,
    /// Directory of policies; default: the current policy, else the built-in one.
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Loopback port of the process; default: the current port.
    #[arg(long, value_parser = places::port)]
    port: Option<u16>,
    /// Variable, NAME=VALUE; an empty value removes it; may be given several times. Other variables keep their values.
    #[arg(long)]
    variable: Vec<String>,
    /// Server of Prometheus that the agent asks for the queries of a rollout, NAME=URL; an empty URL removes it; may be given several
    /// times. Plain HTTP on a loopback address, else `https://`. Other servers stay.
    #[arg(long, value_name = "NAME=URL")]
    prometheus: Vec<String>,
    /// YAML file of bounds for what the release file sets; default: the current bounds, for a new place `{}`.
    #[arg(long)]
    bounds: Option<PathBuf>,
    /// YAML file of rules about drift, or `none`; default: the current rules.
    #[arg(long, value_name = "FILE|none")]
    drift: Option<PathBuf>,
    /// YAML file with the baseline that the hosts of agents have to be equal to, or `none`; default: the current one.
    #[arg(long, value_name = "FILE|none")]
    host_baseline: Option<PathBuf>,
    /// YAML file of values that may differ from the environment before, as `countersign parity` names them (`ignore: [port]`), or
    /// `none`; default: the current ones.
    #[arg(long, value_name = "FILE|none")]
    parity: Option<PathBuf>,
    /// Agent, NAME=KEY,SEAL@HOST as `agent key` prints it; may be given several times; default: the current agents. Without `@HOST` a known agent
    /// stays where it is, and a new one is where the first of the current ones is, else on the server's host.
    #[arg(long, value_name = "NAME=KEY@HOST[/OPERATOR]")]
    agent: Vec<MachineLine>,
    /// Days for which the key that --agent replaces still counts, so that nothing under way ends; 0 ends it at once.
    #[arg(long, value_name = "DAYS", default_value_t = FORMER_DAYS, value_parser = clap::value_parser!(u32).range(0..=90))]
    former_days: u32,
    /// Environment that must run the same artifact first; default: the current one.
    #[arg(long)]
    after: Option<Name>,
    /// Times in which releases may begin: a file of rules, windows that `countersign calendar compile` made, or `none` for
    /// always; default: the current windows.
    #[arg(long, value_name = "FILE|none")]
    windows: Option<PathBuf>,
    /// Time for which the environment before has to run an artifact, such as `30m`, `12h` or `3d`, or `none`; default: the current
    /// one.
    #[arg(long, value_name = "TIME|none")]
    soak: Option<SoakLine>,
    /// Class of the environment, or `none`; in production no release starts automatically; default: the current class.
    #[arg(long, value_name = "preview|development|staging|production|none")]
    class: Option<ClassLine>,
    /// Region in which the place keeps its data, such as `eu-central-1`, or `none`; the policy says which classes of data may be there;
    /// default: the current region.
    #[arg(long, value_name = "REGION|none", value_parser = region)]
    region: Option<RegionLine>,
    /// Make the statement a template: people make previews from it whose names begin so, such as `pr-*`; or `none`, which ends the
    /// previews that there are; default: the current setting. A template has the class `preview`, and no other place names its agents.
    #[arg(long, value_name = "PATTERN|none", value_parser = pattern)]
    previews: Option<PatternLine>,
    /// Highest number of previews at one time, from 1 to 64; default: the current number, else 3.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=i64::from(COUNT_MAX)))]
    preview_count: Option<u32>,
    /// Life of a preview from its last request, such as `30m`, `12h` or `3d`, at most 30 days; default: the current one, else 3d.
    #[arg(long, value_name = "TIME")]
    preview_life: Option<SoakLine>,
    /// Whether releases start automatically, `true` or `false`; default: the current setting.
    #[arg(long)]
    automatic: Option<bool>,
    /// Commit after which the first range begins: its id, or a branch or tag of the current repository; default: the current
    /// one, else `HEAD` of the current repository.
    #[arg(long)]
    baseline: Option<String>,
    /// Make the whole statement anew; only its number is based on the current statement, whose signers may have lost their
    /// rights; default: omitted options keep their current values.
    #[arg(long, requires = "agent")]
    anew: bool,
    /// Show every open time of windows before the signature; default: the next five, and the rules.
    #[arg(long)]
    all: bool,
    /// Sign without asking; default: show the statement and ask.
    #[arg(long)]
    yes: bool,
    /// File to write the statement to, for others to sign; default: the statement is sent.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// The payloads that a statement names by digest.
struct StatementDraft {
    statement: Environment,
    policy: Vec<u8>,
    configuration: Vec<u8>,
    windows: Option<Vec<u8>>,
}

/// A soak time, or none.
#[derive(Clone, Copy, Debug)]
struct SoakLine(Option<u64>);

impl FromStr for SoakLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected =
            || "expected a number with a unit, such as 30m, 12h or 3d, from 1m to 90d, or none".to_owned();
        if text == "none" {
            return Ok(Self(None));
        }
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
        let millis = match unit {
            "m" => 60_000_u64,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(expected()),
        };
        let soak = number.parse::<u64>().ok().and_then(|number| number.checked_mul(millis));
        let soak = soak.filter(|soak| (SOAK_MS_MIN..=SOAK_MS_MAX).contains(soak));
        soak.map(|soak| Self(Some(soak))).ok_or_else(expected)
    }
}

/// A pattern of names, or none.
#[derive(Clone, Debug)]
struct PatternLine(Option<NamePattern>);

fn pattern(text: &str) -> Result<PatternLine, NamePatternError> {
    if text == "none" {
        Ok(PatternLine(None))
    } else {
        text.parse().map(|pattern| PatternLine(Some(pattern)))
    }
}

/// A region, or none.
#[derive(Clone, Debug)]
struct RegionLine(Option<Name>);

fn region(text: &str) -> Result<RegionLine, NameError> {
    if text == "none" { Ok(RegionLine(None)) } else { text.parse().map(|region| RegionLine(Some(region))) }
}

/// The previews that the statement allows.
fn previews(verb: &Amend, old: Option<&Previews>) -> Result<Option<Previews>, Failure> {
    let pattern = match &verb.previews {
        Some(PatternLine(None)) => return Ok(None),
        Some(PatternLine(Some(pattern))) => pattern.clone(),
        None => match old {
            Some(old) => old.pattern.clone(),
            None if verb.preview_count.is_none() && verb.preview_life.is_none() => return Ok(None),
            None => return Err(Failure::usage("--preview-count and --preview-life need --previews PATTERN")),
        },
    };
    let count = verb.preview_count.or(old.map(|old| old.count)).unwrap_or(3);
    let life = verb.preview_life.and_then(|life| life.0).or(old.map(|old| old.ttl_ms));
    Ok(Some(Previews { pattern, count, ttl_ms: life.unwrap_or(PREVIEW_LIFE_MS) }))
}

/// The class: that of a template is `preview`, unless the person names another one, which is refused.
fn class(verb: &Amend, old: Option<Class>, previews: Option<&Previews>) -> Option<Class> {
    let of_template = old.or_else(|| previews.map(|_| Class::Preview));
    verb.class.map_or(of_template, |class| class.0)
}

/// A class of environments, or none.
#[derive(Clone, Copy, Debug)]
struct ClassLine(Option<Class>);

impl FromStr for ClassLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(None));
        }
        let class = serde_json::from_value(json!(text));
        class
            .map(|class| Self(Some(class)))
            .map_err(|_| "preview, development, staging, production or none".to_owned())
    }
}

/// Makes or amends the statement, signs it, and sends it or writes it.
pub fn run(verb: &Amend, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let client = session::client(&access)?;
    let runtime = runtime()?;
    let places = runtime.block_on(client.places())?;
    let view = places.iter().find(|view| view.place == verb.place);
    let (root, pin) = trust::pinned_root_of(&access)?;
    let named = match view {
        Some(view) if !verb.anew => runtime.block_on(amended(verb, &client, view, (&root, &pin)))?,
        shown => {
            if verb.agent.is_empty() {
                return Err(unknown(&verb.place, &places));
            }
            new(verb, &root, number_of(&verb.place, shown, &pin)?)?
        }
    };
    if let Some(port) = verb.port {
        let hosts = named.statement.agents.iter().map(|agent| agent.place.host.clone()).collect();
        ports::free(&runtime.block_on(ports::taken(&client, &places))?, &verb.place, port, &hosts)?;
    }
    let mut envelope = named.statement.envelope()?;
    let attached = named.attached();
    let rules = verb.windows.as_deref().map(trust_windows::rules).transpose()?.flatten();
    let page = Page { all: verb.all, rules: rules.as_deref(), ..Page::default() };
    sign_page(&access, &mut envelope, &attached, page, verb.yes, output)?;
    if let Some(out) = &verb.out {
        write_envelope(out, &envelope)?;
        files::write_shared(&beside(out, "policy"), &named.policy)?;
        files::write_shared(&beside(out, "configuration"), &named.configuration)?;
        if let Some(windows) = &named.windows {
            files::write_shared(&beside(out, "windows"), windows)?;
        }
        return output.print(&json!({ "file": out }), |_| {
            let file = out.display();
            format!("wrote {file} with its policy and configuration beside it\nnext: countersign trust sign {file}   (each other signer), then: countersign trust send {file}")
        });
    }
    let statement = serde_json::to_string_pretty(&named.statement)?;
    let arguments = json!({ "statement": envelope.payload_digest() });
    let with = Parts { statements: vec![envelope], attachments: attached, ..Parts::default() };
    let outcome = sending::send(&access, "set-environment", arguments, with)?.outcome;
    output.print(&outcome, |outcome| format!("{statement}\nrecorded as entry {}", outcome.entry))
}

async fn amended(
    verb: &Amend,
    client: &Client,
    view: &PlaceView,
    (root, pin): (&TrustRoot, &Pin),
) -> Result<StatementDraft, Failure> {
    let envelope = Envelope::decode(&client.blob(&view.envelope, ENVELOPE_BYTES_MAX).await?)?;
    let old = statements::statement_in(&envelope, &verb.place, root, Some(pin))?;
    let seen = EnvironmentPin {
        project: old.project.clone(),
        service: old.service.clone(),
        environment: old.environment.clone(),
        number: old.number,
        release: 0,
    };
    pins::raise(pin, |pin| pin.environments = seen.beside(&pin.environments))?;
    let now = now()?;
    let kept = client.blob(&old.configuration, configuration::BYTES_MAX).await?;
    let configuration = change(verb, Configuration::decode(&kept)?)?.encode()?;
    let policy = match &verb.policy {
        Some(dir) => policies::read(dir)?.0.encode()?,
        None => client.blob(&old.policy, policy_files::BYTES_MAX).await?,
    };
    let windows = match (&verb.windows, &old.windows) {
        (Some(named), _) => trust_windows::read_windows(named, now)?,
        (None, Some(digest)) => Some(client.blob(digest, evidence::windows::BYTES_MAX).await?),
        (None, None) => None,
    };
    let previews = previews(verb, old.previews.as_ref())?;
    let statement = Environment {
        number: old.number + 1,
        issued: now,
        policy: evidence::Digest::of(&policy),
        configuration: evidence::Digest::of(&configuration),
        agents: if verb.agent.is_empty() {
            old.agents.clone()
        } else {
            agents(verb, &old.agents, &root.server, now)
        },
        baseline: verb.baseline.as_deref().map_or_else(|| Ok(old.baseline.clone()), commit)?,
        after: verb.after.clone().or_else(|| old.after.clone()),
        automatic: verb.automatic.unwrap_or(old.automatic),
        class: class(verb, old.class, previews.as_ref()),
        previews,
        soak_ms: verb.soak.map_or(old.soak_ms, |soak| soak.0),
        region: verb.region.clone().map_or_else(|| old.region.clone(), |region| region.0),
        windows: windows.as_deref().map(evidence::Digest::of),
        ..old
    };
    Ok(StatementDraft { statement, policy, configuration, windows })
}

/// The current number, 0 if the server shows no statement, for a statement that takes nothing else from the server. If the
/// server lies about the number, the new statement is refused by everybody who has seen a higher one.
fn number_of(at: &Place, shown: Option<&PlaceView>, pin: &Pin) -> Result<u64, Failure> {
    let number = shown.map_or(0, |view| view.statement);
    let seen = statements::seen_of(pin, at).map_or(0, |known| known.number);
    if number < seen || number - seen > LEAP_MAX {
        let what = format!("the server shows statement {number} of {at} as the current one");
        return Err(Failure::error(format!(
            "{what}, and you have seen {seen}; clarify which one is right before you sign"
        )));
    }
    Ok(number)
}

fn new(verb: &Amend, root: &TrustRoot, before: u64) -> Result<StatementDraft, Failure> {
    let policy = match &verb.policy {
        Some(dir) => policies::read(dir)?.0,
        None => policies::built_in(),
    };
    let policy = policy.encode()?;
    let bounds = Some(Bounds::default());
    let configuration = change(verb, Configuration { bounds, ..Configuration::default() })?.encode()?;
    let baseline = commit(verb.baseline.as_deref().unwrap_or("HEAD"))?;
    let now = now()?;
    let windows =
        verb.windows.as_deref().map(|named| trust_windows::read_windows(named, now)).transpose()?.flatten();
    let previews = previews(verb, None)?;
    let statement = Environment {
        v: 1,
        installation: root.installation,
        project: verb.place.project.clone(),
        service: verb.place.service.clone(),
        environment: verb.place.environment.clone(),
        number: before + 1,
        issued: now,
        policy: evidence::Digest::of(&policy),
        configuration: evidence::Digest::of(&configuration),
        agents: agents(verb, &[], &root.server, now),
        baseline,
        after: verb.after.clone(),
        automatic: verb.automatic.unwrap_or(previews.is_some()),
        class: class(verb, None, previews.as_ref()),
        soak_ms: verb.soak.and_then(|soak| soak.0),
        region: verb.region.clone().and_then(|region| region.0),
        windows: windows.as_deref().map(evidence::Digest::of),
        packs: Vec::new(),
        template: None,
        previews,
        preview: None,
    };
    Ok(StatementDraft { statement, policy, configuration, windows })
}

impl StatementDraft {
    /// The payloads that the statement names.
    fn attached(&self) -> Vec<Vec<u8>> {
        [&self.policy, &self.configuration].into_iter().chain(&self.windows).cloned().collect()
    }
}

/// The failure for a place without a statement, for which no agent is named either.
fn unknown(place: &Place, known: &[PlaceView]) -> Failure {
    let names: Vec<_> = known.iter().map(|view| view.place.to_string()).collect();
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Failure::usage(format!(
        "there is no place `{place}`; known are {known}. A new place needs an agent: make one with `countersign agent key` \
         and name it with --agent NAME=KEY@HOST"
    ))
}

/// A commit by its id, which needs no repository, or by a name of the current repository.
fn commit(text: &str) -> Result<CommitId, Failure> {
    match text.parse() {
        Ok(id) => Ok(id),
        Err(_) => Ok(runner::resolve(&project::repository(None)?, text)?),
    }
}

fn change(verb: &Amend, mut configuration: Configuration) -> Result<Configuration, Failure> {
    configuration.port = verb.port.or(configuration.port);
    if let Some(path) = &verb.bounds {
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        let bounds = Bounds::parse(&text);
        let bounds = bounds.map_err(|error| Failure::usage(format!("`{}`: {error}", path.display())))?;
        configuration.bounds = Some(bounds);
    }
    if let Some(path) = &verb.parity {
        configuration.parity = trust_parity::read_rules(path)?;
    }
    for text in &verb.prometheus {
        let (name, url) =
            text.split_once('=').ok_or_else(|| Failure::usage(format!("`{text}` is not NAME=URL")))?;
        let name: Name = name.parse().map_err(|error| Failure::usage(format!("`{text}`: {error}")))?;
        if url.is_empty() {
            configuration.prometheus.remove(&name);
        } else {
            address::check(url).map_err(Failure::usage)?;
            configuration.prometheus.insert(name, url.to_owned());
        }
    }
    if let Some(path) = &verb.drift {
        configuration.drift = trust_drift::rules(path)?;
    }
    if let Some(path) = &verb.host_baseline {
        configuration.baseline = trust_drift::baseline(path)?;
    }
    for text in &verb.variable {
        let (name, value) =
            text.split_once('=').ok_or_else(|| Failure::usage(format!("`{text}` is not NAME=VALUE")))?;
        if value.is_empty() {
            configuration.variables.remove(name);
        } else {
            configuration.variables.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(configuration)
}

/// The named agents; one without a host stays where it is, or joins the first of the others.
fn agents(verb: &Amend, before: &[Machine], server: &Site, now: Moment) -> Vec<Machine> {
    let until = former_until(verb.former_days, now);
    let elsewhere = before.first().map_or(server, |agent| &agent.place);
    let agent = |line: &MachineLine| match before.iter().find(|agent| agent.name == line.name) {
        Some(known) => line.instead_of(known, until),
        None => line.machine(elsewhere),
    };
    let mut agents: Vec<_> = verb.agent.iter().map(agent).collect();
    agents.sort();
    agents
}

/// Life of a preview, if nobody says: three days.
const PREVIEW_LIFE_MS: u64 = 3 * 86_400_000;
/// Largest accepted step between two numbers of a place.
const LEAP_MAX: u64 = 10_000;
