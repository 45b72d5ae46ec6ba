//! `countersign approve` and `reject`: verify the evidence under the person's own pin, show it, and sign.
//!
//! Invariant: nothing is signed that was not shown.

use std::collections::BTreeMap;

use clap::Args;
use client::access::Access;
use client::approval::{self, ReplacedVote, Vote};
use client::dossier::Dossier;
use client::foresight::Foresight;
use client::id_prefix::IdPrefix;
use client::profile::Profile;
use client::rejection::NeededRollback;
use client::request::Parts;
use client::{places, session};
use evidence::approval::{Approval, Decision};
use evidence::dsse::Envelope;
use evidence::request::CLOCK_SKEW_MAX;
use evidence::{Digest, Name, Place};
use judge::Checked;
use policy::Reason;
use review::results::Results;
use serde::Serialize;
use serde_json::json;
use wire::{PersonView, PlaceView};

use super::{DataDir, cancel, rollback, runtime, words};
use crate::consent::{ask, ask_for};
use crate::failure::Failure;
use crate::operator::Reach;
use crate::output::{self, Output};
use crate::{rebuild, sending};

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
    /// Codes of the gate's reasons before this decision.
    missing: Vec<String>,
    /// The gate's reasons that are left after an approval, apart from the promotion.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Vec<Reason>>,
    /// The person's earlier vote that this one replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<ReplacedVote>,
    #[serde(flatten)]
    results: Results,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    next: String,
}

/// Verifies the evidence, shows it and signs.
pub fn run(verb: &Approve, decision: Decision, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    if let (Some(run), Some(step)) = (&verb.run, &verb.step) {
        return at_node(&access, run, step, decision, verb.yes, output);
    }
    let client = session::client(&access)?;
    let runtime = runtime()?;
    let known = runtime.block_on(client.places())?;
    let view = places::waiting(known.clone(), verb.place.as_ref())?;
    let profile = Profile::of(&access)?;
    let dossier = runtime.block_on(Dossier::fetch(&profile, &client, &view.place))?;
    let (release, checked) = (dossier.bundle.release, dossier.check()?);
    let people = runtime.block_on(client.installation())?.people;
    let needed = NeededRollback::of(&view, release).filter(|_| decision == Decision::Reject);
    let ends = needed.as_ref().map(|needed| needed.page(&view)).unwrap_or_default();
    let told = approval::told(&known, &view, decision);
    let (page, mut report) = seen(&dossier, &checked, &profile, &people, (decision, &told))?;
    let page = page + &ends;
    if verb.show {
        return match output {
            Output::Text => output::show(&page),
            Output::Json => output.print(&report, |_| String::new()),
        };
    }
    if decision == Decision::Approve {
        approval::refuse_own_change(&checked, &people, &profile)?;
    }
    let reason = verb.reason.clone().ok_or_else(|| {
        Failure::usage("give your reason with --reason; it is signed and kept. `--show` only shows")
    })?;
    let consent = Consent { access: &access, yes: verb.yes, output };
    if let Some(vote) = approval::earlier_vote(&checked, &profile, decision).filter(|_| !verb.rebuild) {
        // If the release is still in progress, the rollback that the rejection asked for did not start: ask for it now.
        return match needed {
            Some(needed) => consent.roll_back(needed, &view, "is rejected already", None),
            None => already(&report, &vote, output),
        };
    }
    let rebuilt = if verb.rebuild { Some(same_artifact(verb, &checked)?) } else { None };
    let question = report.replaces.as_ref().map_or("Sign this?", ReplacedVote::question);
    ask_for(question, "nothing was signed", &page, verb.yes, output)?;
    report.rebuilt = rebuilt.as_ref().map(|_| true);
    let vote = Vote { decision, reason, ticket: verb.ticket.clone(), rebuild: rebuilt };
    let entry = send(&access, approval::sign(&profile, &checked, vote)?)?;
    report.entry = Some(entry);
    approval::remember(&dossier.pin, &checked)?;
    if decision == Decision::Reject {
        // The gate may have passed since the page was made, so the place is read again.
        let now = runtime.block_on(places::look(&client, &view.place))?;
        if let Some(needed) = NeededRollback::of(&now, release) {
            let why = format!("is rejected by entry {entry}");
            return consent.roll_back(needed, &now, &why, Some(&ends));
        }
        if now.running.is_some_and(|running| running.release == release) {
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

/// The page that the person reads, and the same as data.
fn seen(
    dossier: &Dossier,
    checked: &Checked<'_>,
    profile: &Profile,
    people: &[PersonView],
    (decision, told): (Decision, &str),
) -> Result<(String, ApprovalReport), Failure> {
    let judgement = judge::judge_checked(checked);
    let results = Results::of(checked, &judgement);
    let foresight = match decision {
        Decision::Approve => Some(Foresight::of(dossier, profile, people, &results)?),
        Decision::Reject => None,
    };
    let replaces = ReplacedVote::of(checked, profile, decision);
    let page = approval::Page {
        checked,
        judgement: &judgement,
        results: &results,
        foresight: foresight.as_ref(),
        replaced: replaces.as_ref(),
        told,
    };
    let page = page.text(&std::env::current_dir().unwrap_or_default());
    let next = foresight.as_ref().map_or_else(|| "countersign status".to_owned(), |seen| seen.next.clone());
    let report = ApprovalReport {
        decision,
        place: checked.place.clone(),
        release: checked.bundle.release,
        artifact: checked.bundle.artifact(),
        evidence: checked.approvals.evidence,
        entry: None,
        rebuilt: None,
        missing: judgement.codes(),
        warnings: judgement.warned(),
        left: foresight.map(|seen| seen.left),
        replaces,
        results,
        next,
    };
    Ok((page, report))
}

/// Sends a signed vote; returns the number of its entry.
fn send(access: &Access, vote: Envelope) -> Result<u64, Failure> {
    let arguments = json!({ "statement": vote.payload_digest() });
    let parts = Parts { statements: vec![vote], ..Parts::default() };
    Ok(sending::send(access, "approve", arguments, parts)?.outcome.entry)
}

/// Rebuilds on this machine; the result must equal the runners' artifact.
fn same_artifact(verb: &Approve, checked: &Checked<'_>) -> Result<BTreeMap<String, Digest>, Failure> {
    let made = rebuild::rebuild(checked.bundle, checked, &verb.reach)?;
    if made.get("manifest.json") != Some(&checked.bundle.artifact()) {
        return Err(Failure::error(
            "your rebuild gives another artifact than the runners; nothing was signed",
        ));
    }
    Ok(made)
}

/// Returns an earlier vote: the same vote of the same person on the same evidence adds nothing, so nothing is signed.
fn already(report: &ApprovalReport, vote: &Approval, output: Output) -> Result<(), Failure> {
    let word = if report.decision == Decision::Approve { "approved" } else { "rejected" };
    let at = vote.not_before.later_by(CLOCK_SKEW_MAX);
    let mut known = serde_json::to_value(report)?;
    if let Some(known) = known.as_object_mut() {
        known.insert("already".to_owned(), json!(at));
    }
    output.print(&known, |_| {
        let (release, place, next) = (report.release, &report.place, &report.next);
        let reason = shown::line(&vote.reason);
        format!("release {release} of {place} is already {word} by you, at {at}: {reason}\nnext: {next}")
    })
}

/// How the person is asked for the rollback that a rejection needs.
struct Consent<'a> {
    access: &'a Access,
    yes: bool,
    output: Output,
}

impl Consent<'_> {
    /// Rolls back; asks first if the rollback differs from the one that the person agreed to with the rejection.
    fn roll_back(
        &self,
        needed: NeededRollback,
        view: &PlaceView,
        why: &str,
        agreed: Option<&str>,
    ) -> Result<(), Failure> {
        let (release, page) = (needed.release, needed.page(view));
        let rollback = needed.rollback?;
        shown::say(&format!(
            "release {release} {why}; it is in progress at {}, so it is rolled back",
            view.place
        ));
        if agreed != Some(page.as_str()) {
            ask_for("Roll back?", "nothing was rolled back", page.trim_start(), self.yes, self.output)?;
        }
        let why = format!("release {release} {why}");
        rollback::carry_out(self.access, &view.place, rollback, Some(&why), self.output)
    }
}

/// Agrees at a node of the pipeline to this run of the commit that is shown, and to no other run. The run cannot proceed
/// without the agreement, so a rejection at the node cancels it.
fn at_node(
    access: &Access,
    run: &IdPrefix,
    step: &Name,
    decision: Decision,
    yes: bool,
    output: Output,
) -> Result<(), Failure> {
    let client = session::client(access)?;
    let run = runtime()?.block_on(run.run(&client))?;
    let commit = runtime()?.block_on(client.run(run))?.commit;
    ask(&format!("{decision:?} at node `{step}` of run {run}: commit {commit}"), yes, output)?;
    if decision == Decision::Reject {
        return cancel::send(access, run, output);
    }
    let arguments = json!({ "run": run, "step": step, "commit": commit });
    let sent = sending::send(access, "agree", arguments, Parts::default())?;
    let said = json!({ "run": run, "step": step, "commit": commit, "entry": sent.outcome.entry });
    output.print(&said, |_| {
        format!("agreed at `{step}` to commit {commit}, recorded as entry {}", sent.outcome.entry)
    })
}
