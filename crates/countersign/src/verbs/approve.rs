//! `countersign approve` and `reject`: verify the evidence under the person's own pin, show it, and sign.
//!
//! Invariant: everything that is shown as proven and everything that is signed comes from verified bytes; the server's
//! own summary is not used for either.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use client::approvers;
use client::clock::now;
use client::dossier::Dossier;
use client::home::Home;
use client::id_prefix::IdPrefix;
use client::pins;
use client::profile::Profile;
use client::random;
use client::request::Parts;
use client::review;
use client::session;
use client::signing::PersonKey;
use domain::gate::GateOutcome;
use evidence::Place;
use evidence::approval::{Approval, Decision, Signed};
use evidence::pin::Pin;
use evidence::request::CLOCK_SKEW_MAX;
use evidence::trust_root::Mode;
use evidence::{CommitId, Digest, Moment, Name};
use judge::Checked;
use serde::Serialize;
use serde_json::json;
use wire::PlaceView;

use super::cancel;
use super::promote::{elsewhere, look, waiting};
use super::rollback::{self, Way};
use super::{DataDir, runtime, words};
use crate::consent::{ask, ask_for};
use crate::failure::Failure;
use crate::operator::Reach;
use crate::output::{self, Output};
use crate::rebuild;
use crate::sending;

/// Arguments of both verbs.
#[derive(Debug, Args)]
pub struct Approve {
    #[command(flatten)]
    data_dir: DataDir,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; default: the only place whose release waits for people.
    place: Option<Place>,
    /// Reason for the decision; it is signed and recorded. Required unless --show or --run is given.
    #[arg(long, value_parser = words)]
    reason: Option<String>,
    /// Change ticket; it is signed and recorded; default: none.
    #[arg(long)]
    ticket: Option<String>,
    /// Rebuild the artifact on this machine first, and sign the digests of the rebuild; default: no rebuild.
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    reach: Reach,
    /// Show the evidence and sign nothing.
    #[arg(long)]
    show: bool,
    /// Sign without asking; default: show the statement and ask.
    #[arg(long)]
    yes: bool,
    /// Agree at an approval node of a run, or reject the run there, instead of deciding on a release: the run's id or its
    /// first digits.
    #[arg(long, requires = "step", conflicts_with_all = ["place", "reason", "ticket", "rebuild", "show"])]
    run: Option<IdPrefix>,
    /// Name of the approval node. Required with --run.
    #[arg(long, requires = "run")]
    step: Option<Name>,
}

#[derive(Debug, Serialize)]
struct ApprovalReport {
    decision: Decision,
    place: Place,
    release: u64,
    artifact: Digest,
    evidence: Digest,
    entry: Option<u64>,
    rebuilt: Option<bool>,
    missing: Vec<String>,
    next: String,
}

/// Verifies the evidence, shows it and signs.
pub fn run(verb: &Approve, decision: Decision, output: Output) -> Result<(), Failure> {
    let home = verb.data_dir.home()?;
    if let (Some(run), Some(step)) = (&verb.run, &verb.step) {
        return at_node(&home, run, step, decision, verb.yes, output);
    }
    let client = session::client(&home)?;
    let runtime = runtime()?;
    let places = runtime.block_on(client.places())?;
    let view = waiting(places.clone(), verb.place.as_ref())?;
    let profile = Profile::of(&home)?;
    let dossier = runtime.block_on(Dossier::fetch(&profile, &client, &view.place))?;
    let (bundle, checked) = (&dossier.bundle, dossier.check()?);
    let judgement = judge::judge_checked(&checked);
    let missing = review::lines("missing", &judgement.reasons);
    let unclear = review::lines("cannot be decided", &judgement.unclear);
    let told = told(&places, &view, decision);
    let end = End::of(&view, bundle.release).filter(|_| decision == Decision::Reject);
    let ends = end.as_ref().map(|end| end.shown(&view)).unwrap_or_default();
    let (summary, files) = (review::summary(&checked), changed_files(&checked));
    let page = format!("{summary}{missing}{unclear}{told}{files}{ends}");
    if verb.show {
        return if output == Output::Text { output::show(&page) } else { Ok(()) };
    }
    if decision == Decision::Approve && checked.root.mode != Mode::Solo {
        let people = runtime.block_on(client.installation())?.people;
        if let Some(own) = approvers::own_change(&checked, &people, profile.person.id()) {
            let what = format!("{}; nothing was signed", own.what);
            return Err(Failure::decided(GateOutcome::Fail, what, vec![own]));
        }
    }
    let reason = verb.reason.clone().ok_or_else(|| {
        Failure::usage("give your reason with --reason; it is signed and kept. `--show` only shows")
    })?;
    if let Some(said) = said_before(&checked, &profile, decision).filter(|_| !verb.rebuild) {
        // If the release is still in progress, the rollback that the rejection asked for did not start: ask for it now.
        return match end {
            Some(end) => end.carry_out(&home, &view, "is rejected already", None, verb.yes, output),
            None => already(&view, &checked, &said, decision, output),
        };
    }
    let rebuilt = if verb.rebuild { Some(same_artifact(&home, verb, &checked)?) } else { None };
    ask(&page, verb.yes, output)?;
    let entry = sign(&home, &profile, &checked, decision, reason, verb.ticket.clone(), rebuilt.clone())?;
    remember(&dossier.pin, &checked)?;
    let mut report = ApprovalReport {
        decision,
        place: view.place.clone(),
        release: bundle.release,
        artifact: bundle.artifact(),
        evidence: checked.evidence,
        entry: Some(entry),
        rebuilt: rebuilt.map(|_| true),
        missing: judgement.codes(),
        next: next(decision, &view.place),
    };
    if decision == Decision::Reject {
        // The gate may have passed since the page was made, so the place is read again.
        let now = runtime.block_on(look(&client, &view.place))?;
        if let Some(end) = End::of(&now, bundle.release) {
            let why = format!("is rejected by entry {entry}");
            return end.carry_out(&home, &now, &why, Some(&ends), verb.yes, output);
        }
        if now.running.is_some_and(|running| running.release == bundle.release) {
            report.next = format!("countersign rollback {}", view.place);
        }
    }
    output.print(&report, |report| {
        format!(
            "\n{:?} of release {} signed, recorded as entry {entry}\nnext: {}",
            report.decision, report.release, report.next
        )
    })
}

/// Rebuilds on this machine; the result must equal the runners' artifact.
fn same_artifact(
    home: &Home,
    verb: &Approve,
    checked: &Checked<'_>,
) -> Result<BTreeMap<String, Digest>, Failure> {
    let made = rebuild::rebuild(home, checked.bundle, checked, &verb.reach)?;
    if made.get("manifest.json") != Some(&checked.bundle.artifact()) {
        return Err(Failure::error(
            "your rebuild gives another artifact than the runners; nothing was signed",
        ));
    }
    Ok(made)
}

/// Returns an earlier vote: the same vote of the same person on the same evidence adds nothing, so nothing is signed.
fn already(
    view: &PlaceView,
    checked: &Checked<'_>,
    said: &Approval,
    decision: Decision,
    output: Output,
) -> Result<(), Failure> {
    let word = if decision == Decision::Approve { "approved" } else { "rejected" };
    let (bundle, place) = (checked.bundle, &view.place);
    let (at, next) = (said.not_before.later_by(CLOCK_SKEW_MAX), next(decision, place));
    let known = json!({
        "decision": decision, "place": place, "release": bundle.release, "artifact": bundle.artifact(),
        "evidence": checked.evidence, "entry": null, "already": at, "next": next,
    });
    output.print(&known, |_| {
        let (release, reason) = (bundle.release, shown::line(&said.reason));
        format!("release {release} of {place} is already {word} by you, at {at}: {reason}\nnext: {next}")
    })
}

fn next(decision: Decision, place: &Place) -> String {
    match decision {
        Decision::Approve => format!("countersign promote {place}"),
        Decision::Reject => "countersign status".into(),
    }
}

/// The person's earlier vote on this very release, if it counts.
fn said_before(checked: &Checked<'_>, profile: &Profile, decision: Decision) -> Option<Approval> {
    let given = checked.bundle.approvals.iter().zip(&checked.votes);
    let counts = given.filter(|(_, vote)| vote.decision == decision && vote.void.is_empty());
    let said = counts.filter_map(|(envelope, _)| Signed::read(envelope).ok()).map(|signed| signed.said);
    said.into_iter().find(|said| said.person == profile.person.id())
}

/// The server's statements about the commit at other places, shown beside the evidence. They are not proven, but useful
/// to the person who signs.
fn told(places: &[PlaceView], view: &PlaceView, decision: Decision) -> String {
    let lines = elsewhere(places, view);
    if lines.is_empty() || decision == Decision::Reject {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("\n  {line}")).collect();
    format!("\nbesides, the server says (this is not proven):{lines}")
}

/// The rollback that a rejection needs if the release is in progress: no gate would read the rejection any more.
struct End {
    release: u64,
    way: Result<Way, Failure>,
}

impl End {
    /// `None` if the release is not in progress.
    fn of(view: &PlaceView, release: u64) -> Option<Self> {
        let open = view.open.as_ref().filter(|open| open.release == release);
        open.filter(|open| rollback::is_under_way(open)).map(|_| Self { release, way: Way::of(view, None) })
    }

    fn shown(&self, view: &PlaceView) -> String {
        let release = self.release;
        match &self.way {
            Ok(way) => format!(
                "\n\nrelease {release} is in progress, so a rejection rolls it back:\n{}",
                way.shown(view)
            ),
            Err(failure) => format!(
                "\n\nrelease {release} is in progress, and cannot be rolled back: {}",
                failure.message()
            ),
        }
    }

    /// Rolls back; asks first if the rollback differs from the one that the person agreed to with the rejection.
    fn carry_out(
        self,
        home: &Home,
        view: &PlaceView,
        why: &str,
        agreed: Option<&str>,
        yes: bool,
        output: Output,
    ) -> Result<(), Failure> {
        let (release, shown) = (self.release, self.shown(view));
        let way = self.way?;
        shown::say(&format!(
            "release {release} {why}; it is in progress at {}, so it is rolled back",
            view.place
        ));
        if agreed != Some(shown.as_str()) {
            ask_for("Roll back?", "nothing was rolled back", shown.trim_start(), yes, output)?;
        }
        rollback::carry_out(home, view, way, Some(&format!("release {release} {why}")), output)
    }
}

/// Agrees at a node of the pipeline to this run of the commit that is shown, and to no other run. The run cannot proceed
/// without the agreement, so a rejection at the node cancels it.
fn at_node(
    home: &Home,
    run: &IdPrefix,
    step: &Name,
    decision: Decision,
    yes: bool,
    output: Output,
) -> Result<(), Failure> {
    let client = session::client(home)?;
    let run = runtime()?.block_on(run.run(&client))?;
    let commit = runtime()?.block_on(client.run(run))?.commit;
    ask(&format!("{decision:?} at node `{step}` of run {run}: commit {commit}"), yes, output)?;
    if decision == Decision::Reject {
        return cancel::send(home, run, output);
    }
    let arguments = json!({ "run": run, "step": step, "commit": commit });
    let sent = sending::send(home, "agree", arguments, Parts::default())?;
    let said = json!({ "run": run, "step": step, "commit": commit, "entry": sent.outcome.entry });
    output.print(&said, |_| {
        format!("agreed at `{step}` to commit {commit}, recorded as entry {}", sent.outcome.entry)
    })
}

fn sign(
    home: &Home,
    profile: &Profile,
    checked: &Checked<'_>,
    decision: Decision,
    reason: String,
    ticket: Option<String>,
    rebuild: Option<BTreeMap<String, Digest>>,
) -> Result<u64, Failure> {
    let now = now()?;
    let bundle = checked.bundle;
    let signed = Signed {
        decision,
        artifact: bundle.artifact(),
        plan: checked.plan,
        said: Approval {
            installation: bundle.installation,
            person: profile.person.id(),
            project: bundle.project.clone(),
            service: bundle.service.clone(),
            environment: bundle.environment.clone(),
            release: bundle.release,
            replaces: checked.proven.proposals.first().and_then(|proposal| proposal.replaces),
            evidence: checked.evidence,
            policy: checked.environment.policy,
            root: checked.root.version,
            checkpoint: checked.proven.checkpoint.to_string(),
            reason,
            ticket,
            not_before: earlier(now),
            expires: now.later_by(VALIDITY),
            nonce: random::id()?,
            via: "command-line".into(),
            rebuild,
        },
    };
    let mut envelope = signed.envelope()?;
    PersonKey::read(&profile.approval_key)?.sign(&mut envelope, decision.namespace())?;
    let arguments = json!({ "statement": envelope.payload_digest() });
    let with = Parts { statements: vec![envelope], ..Parts::default() };
    Ok(sending::send(home, "approve", arguments, with)?.outcome.entry)
}

/// Pins the numbers of the evidence, so that nobody can show older ones next time.
fn remember(pin: &Pin, checked: &Checked<'_>) -> Result<(), Failure> {
    let environments = review::seen_of(checked).beside(&pin.environments);
    let newer = Pin {
        v: 1,
        installation: pin.installation,
        root_version: checked.root.version,
        root: checked.root_digest,
        status: checked.status.number.max(pin.status),
        environments,
        checkpoint: checked.proven.checkpoint.to_string(),
    };
    pins::write(&newer)?;
    Ok(())
}

/// The changed files, from the repository of the current directory, if it has both commits.
fn changed_files(checked: &Checked<'_>) -> String {
    let (base, commit): (&CommitId, &CommitId) = (&checked.base, &checked.source.id);
    // An approver may work in any directory; outside of the repository there is nothing to show.
    let here =
        std::env::current_dir().map_err(client::Error::from).and_then(|dir| client::project::toplevel(&dir));
    let repository = match here {
        Ok(Some(repository)) => repository,
        Ok(None) => return String::new(),
        Err(failure) => return format!("\nfiles changed: they cannot be shown: {failure}"),
    };
    let known = [base, commit].into_iter().all(|id| runner::resolve(&repository, id.as_str()).is_ok());
    match known.then(|| runner::diff_stat(&repository, base, commit)) {
        Some(Ok(stat)) => format!("\nfiles changed:\n{stat}"),
        Some(Err(error)) => format!("\nfiles changed: they cannot be shown: {error}"),
        None => String::new(),
    }
}

/// A time a little before now, so that the approval counts on a machine whose clock is behind.
fn earlier(now: Moment) -> Moment {
    let millis = u64::try_from(CLOCK_SKEW_MAX.as_millis()).unwrap_or_default();
    Moment::from_millis(now.millis().saturating_sub(millis)).unwrap_or(now)
}

/// Validity of an approval.
const VALIDITY: Duration = Duration::from_hours(7 * 24);
