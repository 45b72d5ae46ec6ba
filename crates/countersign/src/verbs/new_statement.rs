//! The verbs that sign a statement about a pending release have this in common: verify, show, ask, sign and send.
//!
//! Invariant: nothing is signed that was not shown.

use clap::Args;
use client::dossier::Dossier;
use client::new_statement::{self, NewStatement, Until};
use client::profile::Profile;
use client::request::Parts;
use client::{approval, places, session};
use evidence::statements::{Body, Scope, StatementKind};
use evidence::{Digest, Place};
use judge::Checked;
use review::next_step;
use review::results::Results;
use serde::Serialize;
use serde_json::json;
use wire::{Client, PlaceView};

use super::{DataDir, runtime, words};
use crate::consent::ask;
use crate::failure::Failure;
use crate::output::Output;
use crate::sending;

/// Arguments of these verbs.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    data_dir: DataDir,
    /// Your reason; it is signed and recorded.
    #[arg(long, value_parser = words)]
    reason: String,
    /// The place, PROJECT/SERVICE/ENVIRONMENT; default: the only place whose release waits for people.
    #[arg(long)]
    place: Option<Place>,
    /// Let it count in every environment of the service; default: in that of the place.
    #[arg(long)]
    everywhere: bool,
    /// Sign without asking; default: show the statement and ask.
    #[arg(long)]
    yes: bool,
}

/// The content that a verb gives to its statement.
pub struct Content {
    /// Digests of the things that it is about.
    pub subjects: Vec<Digest>,
    /// The content.
    pub body: Body,
    /// The page that a person reads before the signature.
    pub page: String,
}

/// The content of several statements, and the page about all of them.
pub struct Contents {
    /// Digests of the things that each is about, and its content.
    pub statements: Vec<(Vec<Digest>, Body)>,
    /// The page that a person reads before the signatures.
    pub page: String,
}

/// Statements that were recorded.
pub struct Recorded {
    /// The places where they count.
    pub scope: String,
    /// The statements.
    pub statements: Vec<Made>,
    /// The next command.
    pub next: String,
}

/// A statement that was recorded.
#[derive(Serialize)]
pub struct Made {
    /// Digests of the things that it is about.
    pub subjects: Vec<Digest>,
    /// Digest of the statement.
    pub statement: Digest,
    /// Number of its entry in the ledger.
    pub entry: u64,
}

#[derive(Serialize)]
struct Report {
    kind: StatementKind,
    subjects: Vec<Digest>,
    scope: String,
    statement: Digest,
    until: evidence::Moment,
    entry: u64,
    next: String,
}

/// The place whose release the statement is about, as the server sees it.
pub fn pending(options: &Options) -> Result<(Client, PlaceView), Failure> {
    let client = session::client(&options.data_dir.access()?)?;
    let view = places::pending(runtime()?.block_on(client.places())?, options.place.as_ref())?;
    Ok((client, view))
}

/// Makes a statement of a kind about the pending release.
pub fn run(
    options: &Options,
    until: Until,
    kind: StatementKind,
    output: Output,
    content: impl FnOnce(&Checked<'_>, &Scope) -> Result<Content, Failure>,
) -> Result<(), Failure> {
    let recorded = make(options, until, kind, output, |checked, scope| {
        let Content { subjects, body, page } = content(checked, scope)?;
        Ok(Contents { statements: vec![(subjects, body)], page })
    })?;
    let Recorded { scope, statements, next } = recorded;
    let Some(Made { subjects, statement, entry }) = statements.into_iter().next() else { return Ok(()) };
    let report = Report { kind, subjects, scope, statement, until: until.0, entry, next };
    let effect = if kind == StatementKind::Override { STAY } else { VOID };
    output.print(&report, |report| {
        format!(
            "\n{} in {} until {} in UTC, recorded as entry {}\nstatement: {}\n{effect}\nnext: {}",
            kind.as_str(),
            report.scope,
            report.until,
            report.entry,
            report.statement,
            report.next
        )
    })
}

/// Makes several statements of a kind about the pending release, after one question about all of them. All are signed
/// before the first one is sent.
pub fn make(
    options: &Options,
    until: Until,
    kind: StatementKind,
    output: Output,
    contents: impl FnOnce(&Checked<'_>, &Scope) -> Result<Contents, Failure>,
) -> Result<Recorded, Failure> {
    let access = options.data_dir.access()?;
    new_statement::refuse_long(kind, until)?;
    let client = session::client(&access)?;
    let runtime = runtime()?;
    let view = places::pending(runtime.block_on(client.places())?, options.place.as_ref())?;
    new_statement::refuse_under_way(&view, kind)?;
    let profile = Profile::of(&access)?;
    let dossier = runtime.block_on(Dossier::fetch(&profile, &client, &view.place))?;
    let checked = dossier.check()?;
    new_statement::refuse_own_change(&checked, &profile, kind)?;
    let scope = new_statement::scope(&view.place, options.everywhere);
    let Contents { statements, page } = contents(&checked, &scope)?;
    ask(&format!("{page}\nreason: {}", shown::line(&options.reason)), options.yes, output)?;
    let mut signed = Vec::new();
    for (subjects, body) in statements {
        let (scope, reason) = (scope.clone(), options.reason.clone());
        let new = NewStatement { scope, subjects: subjects.clone(), until, reason, body };
        signed.push((subjects, new_statement::sign(&profile, &checked, new)?));
    }
    let mut recorded = Vec::new();
    for (subjects, statement) in signed {
        let digest = statement.payload_digest();
        let parts = Parts { statements: vec![statement], ..Parts::default() };
        let sent = sending::send(&access, "state", json!({ "statement": digest }), parts)?;
        recorded.push(Made { subjects, statement: digest, entry: sent.outcome.entry });
    }
    approval::remember(&dossier.pin, &checked)?;
    let next = match kind {
        StatementKind::Override => {
            runtime.block_on(after_override(&profile, &client, &view)).unwrap_or_else(|_| status(&view.place))
        }
        // Nobody approves where releases are automatic: there the gate is asked again.
        _ => format!("countersign {} {}", if view.automatic { "promote" } else { "approve" }, view.place),
    };
    Ok(Recorded { scope: scope.to_string(), statements: recorded, next })
}

/// The next step after an override, by what is left against the release now.
async fn after_override(profile: &Profile, client: &Client, view: &PlaceView) -> Result<String, Failure> {
    let dossier = Dossier::fetch(profile, client, &view.place).await?;
    let checked = dossier.check()?;
    let judgement = judge::judge_checked(&checked);
    let left = next_step::left(&judgement);
    let has = |code: &str| left.iter().any(|reason| reason.code == code);
    let (place, number) = (&view.place, checked.bundle.release);
    Ok(match left.as_slice() {
        _ if has("window-closed") || has("soaking") => format!(
            "another release manager who is not behind the change signs the same: countersign override {number} --place {place} \
             --reason WHY"
        ),
        [] if judgement.codes().iter().any(|code| code == "not-promoted") => {
            format!("countersign promote {place}")
        }
        [] => status(place),
        _ => next_step::next(place, &left, &Results::of(&checked, &judgement)),
    })
}

fn status(place: &Place) -> String {
    format!("countersign status {place}")
}

/// The effect of an override on approvals.
const STAY: &str =
    "approvals stay as they are; a release that is held for its time is judged again by itself";
/// The effect of a statement on approvals.
pub const VOID: &str = "approvals from before it do not count any more";
