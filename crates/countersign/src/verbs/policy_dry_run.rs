//! `countersign policy dry-run`: the past decisions of gates, made again by a policy that is not in force.
//!
//! Invariant: the verb reads the files of a data directory and writes nothing. A decision that nobody can make again, or that
//! a limit left out, is told apart and never counts as a pass.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::Args;
use client::{clock, policies};
use domain::gate::GateOutcome;
use evidence::{Moment, Name, Place};
use judge::{Comparison, Trial};
use ledger::{BLOBS, Blobs, Reader};
use policy::Bundle;
use serde::Serialize;
use server::{DryRunOrder, DryRunProgress, Tried, TriedDecision};

use super::DataDir;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;

/// Arguments of `policy dry-run`.
#[derive(Debug, Args)]
pub struct DryRunArguments {
    /// Directory of policies.
    dir: PathBuf,
    #[command(flatten)]
    data_dir: DataDir,
    /// Only decisions from then on: a day such as 2026-11-01, a moment, or a time ago such as 90d, 12w or 36h; default: all.
    #[arg(long, value_name = "DATE|DURATION")]
    since: Option<Since>,
    /// Only decisions at this place, PROJECT/SERVICE/ENVIRONMENT, or in each environment of this name; default: everywhere.
    #[arg(long, value_name = "PLACE")]
    environment: Option<Places>,
    /// Most decisions to make again, of which the newest count.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    decisions: u32,
    /// Most minutes to work; the newest decisions come first.
    #[arg(long, value_name = "NUMBER", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=1_440))]
    minutes: u16,
}

/// The beginning of the past that is looked at.
#[derive(Clone, Copy, Debug)]
enum Since {
    At(Moment),
    Ago(Duration),
}

/// The places that are looked at.
#[derive(Clone, Debug)]
enum Places {
    One(Place),
    Environment(Name),
}

/// The answer.
#[derive(Debug, Serialize)]
struct DryRunReport {
    policy: String,
    entries: u64,
    since: Option<Moment>,
    /// Decisions that were asked for.
    decisions: u64,
    /// Decisions that a limit left out, of which nothing is known.
    left_out: u64,
    /// Decisions with the same verdict for the same reasons.
    same: u64,
    /// Decisions without evidence, at which no policy was asked.
    not_asked: u64,
    /// Decisions that nobody can make again.
    unknown: u64,
    /// Releases of which a verdict changes.
    releases: Vec<ReleaseName>,
    /// Codes of reasons in the decisions whose verdict changes.
    rules: Vec<RuleCount>,
    /// Decisions whose verdict changes.
    changes: Vec<Change>,
    /// Decisions with the same verdict, and other reasons or warnings.
    other_reasons: Vec<Change>,
    unknown_decisions: Vec<UnknownDecision>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct ReleaseName {
    place: Place,
    release: u64,
}

/// How often a code comes and goes.
#[derive(Debug, Serialize)]
struct RuleCount {
    code: String,
    comes: u64,
    goes: u64,
}

#[derive(Debug, Serialize)]
struct Change {
    #[serde(flatten)]
    of: ReleaseName,
    entry: u64,
    time: Moment,
    verdict: GateOutcome,
    would_be: GateOutcome,
    come: BTreeSet<String>,
    go: BTreeSet<String>,
    warnings_come: BTreeSet<String>,
    warnings_go: BTreeSet<String>,
}

#[derive(Debug, Serialize)]
struct UnknownDecision {
    #[serde(flatten)]
    of: ReleaseName,
    entry: u64,
    time: Moment,
    verdict: GateOutcome,
    why: String,
}

/// Makes the decisions again and prints those that differ.
pub fn run(verb: &DryRunArguments, output: Output) -> Result<(), Failure> {
    let since = verb.since.map(|since| since.moment(clock::now()?)).transpose()?;
    let home = verb.data_dir.home()?;
    let (files, _) = policies::read(&verb.dir)?;
    let bundle = Bundle::new(files.files)?;
    let gate = policies::compile(&verb.dir, &bundle)?;
    let readers = server::Readers::new(home.data());
    let blobs = Blobs::read_only(&home.data().join(BLOBS));
    let store = server::LedgerStore::new(&readers, &blobs);
    let reader = Reader::open(home.data())?;
    let is_at = |place: &Place| verb.environment.as_ref().is_none_or(|places| places.has(place));
    let decisions_max = usize::try_from(verb.decisions)?;
    let order = DryRunOrder { since, is_at: &is_at, decisions_max };
    let (mut progress, begun) = (Progress::new(output), Instant::now());
    let most = Duration::from_mins(u64::from(verb.minutes));
    let mut said = Said::default();
    let tried = server::dry_run(&reader, &store, gate, &order, |step| {
        said.tell(step, &mut progress);
        begun.elapsed() < most
    })?;
    if tried.asked == 0 {
        return Err(nothing(verb, since, &tried));
    }
    let report = DryRunReport::of(bundle.digest().to_string(), since, tried);
    output.print(&report, DryRunReport::text)?;
    report.undecided(verb)
}

/// The failure of a dry run that has no decision to make again.
fn nothing(verb: &DryRunArguments, since: Option<Moment>, tried: &Tried) -> Failure {
    if tried.recorded == 0 {
        return Failure::error(
            "the ledger has no decision of a gate to make again; `countersign run` makes the first one",
        );
    }
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    let at = verb.environment.as_ref().map(|places| format!(" at {places}")).unwrap_or_default();
    Failure::error(format!(
        "the ledger has no decision of a gate{at}{since}; it has {} in all: change --since or --environment",
        tried.recorded
    ))
}

impl DryRunReport {
    fn of(policy: String, since: Option<Moment>, tried: Tried) -> Self {
        let left_out = tried.asked - tried.tried.len() as u64;
        let mut report = Self {
            policy,
            entries: tried.entries,
            since,
            decisions: tried.asked,
            left_out,
            same: 0,
            not_asked: 0,
            unknown: 0,
            releases: Vec::new(),
            rules: Vec::new(),
            changes: Vec::new(),
            other_reasons: Vec::new(),
            unknown_decisions: Vec::new(),
        };
        for decision in tried.tried {
            report.add(decision);
        }
        let releases: BTreeSet<_> = report.changes.iter().map(|change| change.of.clone()).collect();
        report.releases = releases.into_iter().collect();
        report.rules = rules(&report.changes);
        report.unknown = report.unknown_decisions.len() as u64;
        report
    }

    fn add(&mut self, decision: TriedDecision) {
        let TriedDecision { entry, place, release, moment: time, outcome: verdict, trial } = decision;
        let of = ReleaseName { place, release };
        match trial {
            Trial::NotAsked => self.not_asked += 1,
            Trial::Unknown(error) => {
                let why = error.to_string();
                self.unknown_decisions.push(UnknownDecision { of, entry, time, verdict, why });
            }
            Trial::Compared(compared) if compared.outcome == verdict && !compared.has_other_codes() => {
                self.same += 1;
            }
            Trial::Compared(compared) => {
                let Comparison { outcome: would_be, come, go, warnings_come, warnings_go } = compared;
                let list = if would_be == verdict { &mut self.other_reasons } else { &mut self.changes };
                list.push(Change {
                    of,
                    entry,
                    time,
                    verdict,
                    would_be,
                    come,
                    go,
                    warnings_come,
                    warnings_go,
                });
            }
        }
    }

    /// A failure with exit code 4 if of some decision nobody knows whether it would pass.
    fn undecided(&self, verb: &DryRunArguments) -> Result<(), Failure> {
        let by_policy =
            self.changes.iter().filter(|change| change.would_be == GateOutcome::Undecided).count();
        let mut what = Vec::new();
        if by_policy > 0 {
            let count = shown::counted(by_policy, "decision", "decisions");
            what.push(format!("the policy could not decide {count}"));
        }
        if self.unknown > 0 {
            let count = shown::counted(self.unknown_decisions.len(), "decision", "decisions");
            what.push(format!("{count} cannot be made again"));
        }
        if self.left_out > 0 {
            what.push(format!(
                "{} of {} decisions were left out, because --decisions is {} and --minutes is {}",
                self.left_out, self.decisions, verb.decisions, verb.minutes
            ));
        }
        if what.is_empty() {
            return Ok(());
        }
        Err(Failure::decided(GateOutcome::Undecided, what.join("; "), Vec::new()))
    }

    fn text(&self) -> String {
        let since = self.since.map(|since| format!(" since {since}")).unwrap_or_default();
        let mut lines = vec![
            format!("policy {}", self.policy),
            format!(
                "{}{since}: {} with the same verdict for the same reasons, {} with the same verdict for other reasons, {} with another verdict",
                counted(self.decisions, "decision", "decisions"),
                self.same,
                self.other_reasons.len(),
                self.changes.len()
            ),
        ];
        lines.extend((self.not_asked > 0).then(|| {
            format!(
                "{} for which no policy was asked: there was no evidence, or an alert held the gate",
                self.not_asked
            )
        }));
        lines.extend((self.unknown > 0).then(|| format!("{} that nobody can make again", self.unknown)));
        lines.extend((self.left_out > 0).then(|| format!("{} left out", self.left_out)));
        if !self.releases.is_empty() {
            lines.push(format!(
                "{} would change:",
                counted(self.releases.len() as u64, "release", "releases")
            ));
            let rows = self.changes.iter().rev().take(SHOWN_MAX);
            lines.extend(table(rows.map(Change::row).collect()));
            lines.extend(more(self.changes.len()));
            lines.push("rules in them:".to_owned());
            let row = |rule: &RuleCount| {
                [rule.code.clone(), format!("comes {}", rule.comes), format!("goes {}", rule.goes)]
            };
            lines.extend(table(self.rules.iter().map(row).collect()));
        }
        let unknown = self.unknown_decisions.iter().rev();
        let unknown = unknown.take(SHOWN_MAX).map(|at| {
            format!(
                "unknown: {} {} at {} (was {}): {}",
                at.of.place,
                at.of.release,
                at.time,
                at.verdict.name(),
                at.why
            )
        });
        lines.extend(unknown);
        lines.extend(more(self.unknown_decisions.len()));
        lines.join("\n")
    }
}

impl Change {
    fn row(&self) -> [String; 4] {
        let all = [("+", &self.come), ("-", &self.go)].into_iter();
        let codes = all.flat_map(|(sign, codes)| codes.iter().map(move |code| format!("{sign}{code}")));
        [
            format!("{} {}", self.of.place, self.of.release),
            self.time.to_string(),
            format!("{} -> {}", self.verdict.name(), self.would_be.name()),
            codes.collect::<Vec<_>>().join(" "),
        ]
    }
}

/// Number of comings and goings of each code.
fn rules(changes: &[Change]) -> Vec<RuleCount> {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for change in changes {
        change.come.iter().for_each(|code| counts.entry(code).or_default().0 += 1);
        change.go.iter().for_each(|code| counts.entry(code).or_default().1 += 1);
    }
    let count = |(code, (comes, goes)): (&str, _)| RuleCount { code: code.to_owned(), comes, goes };
    counts.into_iter().map(count).collect()
}

/// Rows with columns of one width, indented.
fn table<const N: usize>(rows: Vec<[String; N]>) -> Vec<String> {
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn more(count: usize) -> Option<String> {
    let more = count.saturating_sub(SHOWN_MAX);
    (more > 0).then(|| format!("and {more} more; `-o json` lists all"))
}

fn counted(count: u64, one: &str, several: &str) -> String {
    shown::counted(usize::try_from(count).unwrap_or(usize::MAX), one, several)
}

/// The progress that was told last.
#[derive(Debug, Default)]
struct Said {
    at: u64,
}

impl Said {
    /// Tells each step of some thousand.
    fn tell(&mut self, step: DryRunProgress, progress: &mut Progress) {
        let (now, all, what, every) = match step {
            DryRunProgress::Read(now, all) => (now, all, "entries read", ENTRIES_SAID),
            DryRunProgress::Tried(now, all) => {
                (now as u64, all as u64, "decisions made again", DECISIONS_SAID)
            }
        };
        if now < self.at {
            self.at = 0;
        }
        if all > every && now / every > self.at / every {
            progress.say(format!("{now} of {all} {what}"));
        }
        self.at = now;
    }
}

impl Since {
    fn moment(self, now: Moment) -> Result<Moment, Failure> {
        let since = match self {
            Self::At(moment) => moment,
            Self::Ago(span) => {
                let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
                Moment::from_millis(now.millis().saturating_sub(millis))?
            }
        };
        if since > now {
            return Err(Failure::usage(format!("--since: {since} is in the future; name a day of the past")));
        }
        Ok(since)
    }
}

impl FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((count, hours)) =
            HOURS.iter().find_map(|(unit, hours)| Some((text.strip_suffix(unit)?, hours)))
        {
            let count: u32 = count.parse().map_err(|_| SINCE)?;
            return Ok(Self::Ago(Duration::from_hours(u64::from(count) * hours)));
        }
        let day = || format!("{text}T00:00:00.000Z").parse::<Moment>();
        text.parse::<Moment>().or_else(|_| day()).map(Self::At).map_err(|_| SINCE)
    }
}

impl Places {
    fn has(&self, place: &Place) -> bool {
        match self {
            Self::One(one) => place == one,
            Self::Environment(environment) => place.environment == *environment,
        }
    }
}

impl FromStr for Places {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let one = || text.parse::<Place>().map(Self::One).map_err(|_| PLACES);
        text.parse::<Name>().map(Self::Environment).or_else(|_| one())
    }
}

impl std::fmt::Display for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(place) => place.fmt(f),
            Self::Environment(environment) => environment.fmt(f),
        }
    }
}

const HOURS: [(&str, u64); 3] = [("h", 1), ("d", 24), ("w", 24 * 7)];
const SINCE: &str = "expected a day such as 2026-11-01, a moment such as 2026-11-01T08:00:00.000Z, or a time ago such as 90d, 12w or 36h";
const PLACES: &str = "expected PROJECT/SERVICE/ENVIRONMENT, or the name of an environment";
/// Decisions of a kind that are shown to people.
const SHOWN_MAX: usize = 50;
const ENTRIES_SAID: u64 = 20_000;
const DECISIONS_SAID: u64 = 500;
