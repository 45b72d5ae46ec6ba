//! `countersign trust status`: shows, saves and amends the list of revoked, withdrawn, barred and frozen items.

use std::path::PathBuf;

use clap::Args;
use client::access::Access;
use client::clock::{MONTH, now};
use client::files;
use client::id_prefix::IdPrefix;
use client::pins;
use client::profile;
use client::session;
use evidence::status::{Freeze, Revocation, Status, StatusFile};
use evidence::{Digest, Moment};
use serde_json::json;
use shown::shell;
use wire::{PersonView, PlaceView, RunFilter};

use super::status_relay::{NewestStatus, Relays};
use super::trust_sign::sign_status;
use super::trust_statement::{StatementReport, finish_saying};
use super::{DataDir, runtime};
use crate::failure::Failure;
use crate::output::Output;
use crate::trust;

/// Arguments of `trust status`.
#[derive(Debug, Args)]
pub struct Amend {
    #[command(flatten)]
    data_dir: DataDir,
    /// Freeze `PROJECT`, `PROJECT/SERVICE` or `PROJECT/SERVICE/ENVIRONMENT`; may be given several times.
    #[arg(long)]
    freeze: Vec<String>,
    /// Revoke the key with this fingerprint; may be given several times.
    #[arg(long)]
    revoke: Vec<String>,
    /// Withdraw the enrolment or statement with this digest, which `countersign status -o json` shows; may be given several
    /// times.
    #[arg(long)]
    withdraw: Vec<Digest>,
    /// Bar an artifact from running anywhere, by its digest; the first digits are enough if the server shows it.
    #[arg(long)]
    bar: Vec<IdPrefix>,
    /// Lift a freeze; like a renewal it needs the threshold of status signers.
    #[arg(long)]
    unfreeze: Vec<String>,
    /// Time from which the revoked key does not count; signatures that witnesses saw earlier still count; default: no
    /// signature of the key counts, however old.
    #[arg(long, requires = "revoke")]
    since: Option<Moment>,
    /// File to save the status to, for verifiers and agents that cannot get it from the server: the current one, or the amended one,
    /// which is not sent then. No server has to answer.
    #[arg(long, conflicts_with = "out")]
    save: Option<PathBuf>,
    /// Renew the status: the same content, valid for 30 days; needs the threshold of status signers.
    #[arg(long)]
    renew: bool,
    /// Show the JSON of the statement too; default: show only its sentences.
    #[arg(short, long)]
    verbose: bool,
    /// Sign without asking; default: show the status and ask.
    #[arg(long)]
    yes: bool,
    /// File to write the status to, for others to sign; default: the status is sent.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    relays: Relays,
}

/// Arguments of `freeze` and `unfreeze`.
#[derive(Debug, Args)]
pub struct Places {
    #[command(flatten)]
    data_dir: DataDir,
    /// `PROJECT`, `PROJECT/SERVICE` or `PROJECT/SERVICE/ENVIRONMENT`; may be given several times.
    #[arg(required = true, value_name = "PLACE")]
    at: Vec<String>,
    /// Show the JSON of the statement too; default: show only its sentences.
    #[arg(short, long)]
    verbose: bool,
    /// Sign without asking; default: show the status and ask.
    #[arg(long)]
    yes: bool,
    /// File to write the status to, for others to sign; default: the status is sent.
    #[arg(long)]
    out: Option<PathBuf>,
    /// File to save the status to, for agents that cannot get it from the server; it is not sent then, and no server has to answer.
    #[arg(long, conflicts_with = "out")]
    save: Option<PathBuf>,
    #[command(flatten)]
    relays: Relays,
}

/// Freezes places, or lifts their freezes, in the same way as `trust status`.
pub fn freezing(verb: &Places, lifts: bool, output: Output) -> Result<(), Failure> {
    let (freeze, unfreeze) =
        if lifts { (Vec::new(), verb.at.clone()) } else { (verb.at.clone(), Vec::new()) };
    let amend = Amend {
        data_dir: verb.data_dir.clone(),
        freeze,
        unfreeze,
        revoke: Vec::new(),
        withdraw: Vec::new(),
        bar: Vec::new(),
        since: None,
        save: verb.save.clone(),
        renew: false,
        verbose: verb.verbose,
        yes: verb.yes,
        out: verb.out.clone(),
        relays: verb.relays.clone(),
    };
    run(&amend, output)
}

/// Shows, saves or amends the status.
pub fn run(verb: &Amend, output: Output) -> Result<(), Failure> {
    let access = verb.data_dir.access()?;
    let seen = NewestStatus::newest(&access, &verb.relays, verb.out.is_some() || verb.save.is_some())?;
    let (file, current) = (seen.file(), seen.current.clone());
    let loosens = verb.renew || !verb.unfreeze.is_empty();
    let asked = [verb.freeze.len(), verb.revoke.len(), verb.withdraw.len(), verb.bar.len()];
    if asked == [0; 4] && !loosens {
        if let Some(save) = &verb.save {
            return saved(file, current.number, save, output);
        }
        if verb.relays.is_given() {
            let (_, pin) = trust::pinned(seen.root.clone(), seen.belief)?;
            return seen.give(&pin, output);
        }
        let report = StatementReport { digest: file.base.payload_digest(), statement: current };
        return output
            .print(&report, |report| serde_json::to_string_pretty(&report.statement).unwrap_or_default());
    }
    let withdrawn = if seen.server.is_none() { known(&access, verb)? } else { String::new() };
    let (root, pin) = trust::pinned(seen.root.clone(), seen.belief)?;
    pins::raise(&pin, |pin| pin.status = current.number)?;
    // One signer may tighten alone. A status that loosens, or any status if the threshold is one, is a base.
    let base = (!loosens && root.status.threshold > 1).then(|| file.base.payload_digest());
    let mut amended = amended(verb, seen.with_all_stops(), base)?;
    for bar in &verb.bar {
        amended.barred.push(bar.digest("artifact", || artifacts(&access))?);
    }
    amended.barred.sort();
    amended.barred.dedup();
    if !verb.renew && says_the_same(&amended, &current) {
        let shown = json!({ "unchanged": true, "status": current.number });
        return output.print(&shown, |_| {
            let what = match verb.freeze.as_slice() {
                [] => "all of it is in effect".to_owned(),
                frozen => format!("{} frozen", are(frozen)),
            };
            format!(
                "{what} already, by status {}: nothing was changed, and nothing was signed",
                current.number
            )
        });
    }
    if verb.out.is_none() && amended.base.is_none() && root.status.threshold > 1 {
        return Err(more_signatures(&access, verb, root.status.threshold));
    }
    let mut envelope = amended.envelope()?;
    sign_status(&access, &mut envelope, verb.verbose, verb.yes, output)?;
    if let Some(save) = &verb.save {
        let file = match amended.base {
            Some(_) => StatusFile { tightening: Some(envelope), ..file.clone() },
            None => StatusFile { base: envelope, tightening: None },
        };
        return saved(&file, amended.number, save, output);
    }
    let follows = withdrawn + &follows(verb);
    match &verb.out {
        Some(_) => finish_saying(&access, &envelope, verb.out.as_deref(), &follows, output),
        None => seen.send(&access, &pin, &envelope, &follows, output),
    }
}

/// Withdraws a statement, also one that the server shows no more because a newer one replaced it. A page is shown before the
/// signature, and nothing of the answer.
pub fn withdraw(access: &Access, statement: Digest, yes: bool, output: Output) -> Result<(), Failure> {
    let seen = NewestStatus::newest(access, &Relays::default(), false)?;
    let current = seen.current.clone();
    if current.withdrawn.contains(&statement) {
        return Ok(());
    }
    let (root, pin) = trust::pinned(seen.root.clone(), seen.belief)?;
    pins::raise(&pin, |pin| pin.status = current.number)?;
    let base = (root.status.threshold > 1).then(|| seen.file().base.payload_digest());
    let mut amended = next(seen.with_all_stops(), base)?;
    amended.withdrawn.push(statement);
    amended.withdrawn.sort();
    let mut envelope = amended.envelope()?;
    sign_status(access, &mut envelope, false, yes, output)?;
    seen.deliver(access, &pin, &envelope, "").map(drop)
}

fn saved(file: &StatusFile, number: u64, save: &std::path::Path, output: Output) -> Result<(), Failure> {
    files::write_shared(save, &file.encode()?)?;
    let shown = json!({ "file": save, "status": number });
    output.print(&shown, |_| format!("status {number} saved in `{}`", save.display()))
}

/// A change that loosens needs more signatures: a request with one signature would only be refused.
fn more_signatures(access: &Access, verb: &Amend, needed: u32) -> Failure {
    let again = profile::command(access, &again(verb));
    Failure::error(format!(
        "lifting a freeze or renewing the status needs signatures of {needed} status signers, and this would be one: nothing \
         was signed and nothing was sent. First `{again} --out status.json`; then each other signer, until there are \
         {needed}: `countersign trust sign status.json`; then `{}`",
        profile::command(access, "countersign trust send status.json")
    ))
}

/// The same command line, without the options that have no effect on the statement.
fn again(verb: &Amend) -> String {
    let others = !(verb.freeze.is_empty()
        && verb.revoke.is_empty()
        && verb.withdraw.is_empty()
        && verb.bar.is_empty()
        && !verb.renew);
    if !others {
        return format!("countersign unfreeze {}", verb.unfreeze.join(" "));
    }
    let option = |name: &str, values: Vec<String>| -> String {
        values.iter().map(|value| format!(" --{name} {}", shell::word(value))).collect()
    };
    let text = |digests: &[Digest]| digests.iter().map(Digest::to_string).collect();
    let mut words = "countersign trust status".to_owned();
    words += &option("freeze", verb.freeze.clone());
    words += &option("unfreeze", verb.unfreeze.clone());
    words += &option("revoke", verb.revoke.clone());
    words += &option("withdraw", text(&verb.withdraw));
    words += &option("bar", verb.bar.iter().map(IdPrefix::to_string).collect());
    words += &option("since", verb.since.iter().map(Moment::to_string).collect());
    words + if verb.renew { " --renew" } else { "" }
}

/// Whether a status stops exactly the same items as the one before it.
fn says_the_same(new: &Status, old: &Status) -> bool {
    let content = |status: &Status| {
        (status.frozen.clone(), status.revoked.clone(), status.withdrawn.clone(), status.barred.clone())
    };
    content(new) == content(old)
}

fn are(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

/// The effects of a freeze or of its end.
fn follows(verb: &Amend) -> String {
    let mut said = String::new();
    if !verb.freeze.is_empty() {
        said += &format!(
            "\n{} frozen: nothing is released there. `countersign rollback PLACE` still works; approvals stay, and count once \
             `countersign unfreeze {}` has lifted it",
            are(&verb.freeze),
            verb.freeze.join(" ")
        );
    }
    if !verb.unfreeze.is_empty() {
        said += &format!(
            "\n{} not frozen any more. A release that the freeze held proceeds automatically, with its approvals. If something else \
             runs there since, it is proposed again and needs new approvals. A release that a rollback ended is not proposed again: \
             `countersign run COMMIT` proposes it again",
            are(&verb.unfreeze)
        );
    }
    said
}

/// A freeze of an unknown place, or a withdrawal of an unknown enrolment or statement, would stop nothing while somebody
/// relies on it. The check is skipped for a statement that is written to a file, so that a server cannot prevent a freeze.
/// Returns the effect of each withdrawal, in lines; as the server says it, so it stands on no page that is signed.
fn known(access: &Access, verb: &Amend) -> Result<String, Failure> {
    if verb.freeze.is_empty() && verb.withdraw.is_empty() || verb.out.is_some() || verb.save.is_some() {
        return Ok(String::new());
    }
    let client = session::client(access)?;
    let (places, people) = runtime()?.block_on(async {
        Ok::<_, Failure>((client.places().await?, client.installation().await?.people))
    })?;
    for text in &verb.freeze {
        let freeze = freeze(text)?;
        let covers = |view: &PlaceView| {
            freeze.covers(&view.place.project, &view.place.service, &view.place.environment)
        };
        if !places.iter().any(covers) {
            let names: Vec<_> = places.iter().map(|view| view.place.to_string()).collect();
            return Err(Failure::error(format!(
                "there is no place `{text}`, so nothing would be frozen and nothing was signed; the places that the server shows you \
                 are {}. If it hides one, `--out FILE` signs without asking it",
                names.join(", ")
            )));
        }
    }
    verb.withdraw.iter().map(|digest| withdrawal(digest, &people, &places)).collect()
}

/// The effect of the withdrawal of an enrolment or a statement that the server shows.
fn withdrawal(digest: &Digest, people: &[PersonView], places: &[PlaceView]) -> Result<String, Failure> {
    if let Some(person) = people.iter().find(|person| person.enrolment == *digest) {
        let name = person.name.as_ref().map_or_else(|| person.person.to_string(), |name| shown::line(name));
        return Ok(format!(
            "\nwithdraws the enrolment {digest} of {name}: the person has no rights any more"
        ));
    }
    let mut all = places.iter().flat_map(|view| &view.statements);
    let statement = all.find(|statement| statement.statement == *digest).ok_or_else(|| {
        Failure::error(format!(
            "no enrolment and no statement at a place has the digest `{digest}`, so nothing would be withdrawn and nothing was \
             signed; `countersign status -o json` shows each person's `enrolment` and each `statement`. If the server hides \
             one, `--out FILE` signs without asking it"
        ))
    })?;
    let summary = statement.content.as_ref().map(|content| format!(" ({})", shown::line(&content.summary)));
    Ok(format!(
        "\nwithdraws the statement {digest}: it does not count any more. It is a {}{}",
        shown::line(&statement.kind),
        summary.unwrap_or_default()
    ))
}

/// Artifacts that the server shows: of the newest runs, and at every place.
fn artifacts(access: &Access) -> Result<Vec<Digest>, Failure> {
    let client = session::client(access)?;
    let (runs, places) = runtime()?.block_on(async {
        Ok::<_, Failure>((client.runs(&RunFilter::default()).await?, client.places().await?))
    })?;
    let built = runs.iter().flat_map(|run| run.artifacts.values().copied());
    let at = |view: &PlaceView| {
        let running = view.running.iter().chain(&view.before).map(|running| running.artifact);
        running.chain(view.open.iter().map(|open| open.artifact)).collect::<Vec<_>>()
    };
    Ok(built.chain(places.iter().flat_map(at)).collect())
}

/// The status with the requested changes; without a new base it is a tightening.
fn amended(verb: &Amend, current: Status, base: Option<Digest>) -> Result<Status, Failure> {
    let mut amended = next(current, base)?;
    let since = verb.since.unwrap_or_default();
    for key in &verb.revoke {
        revoke(&mut amended, key, since)?;
    }
    amended.frozen.extend(verb.freeze.iter().map(|text| freeze(text)).collect::<Result<Vec<_>, _>>()?);
    for text in &verb.unfreeze {
        let lifted = freeze(text)?;
        let before = amended.frozen.len();
        amended.frozen.retain(|frozen| *frozen != lifted);
        if amended.frozen.len() == before {
            return Err(Failure::error(format!(
                "`{text}` is not frozen; nothing was changed; `countersign status` shows what is frozen"
            )));
        }
    }
    amended.withdrawn.extend(&verb.withdraw);
    amended.revoked.sort();
    amended.frozen.sort();
    amended.frozen.dedup();
    amended.withdrawn.sort();
    amended.withdrawn.dedup();
    Ok(amended)
}

/// The status after one, with the same content. A new base is valid for a month.
pub fn next(current: Status, base: Option<Digest>) -> Result<Status, Failure> {
    let now = now()?;
    let expires = if base.is_none() { now.later_by(MONTH) } else { current.expires };
    Ok(Status { number: current.number + 1, issued: now, base, expires, ..current })
}

/// Revokes a key from a time on. Only a base may set a later time than before, because that makes signatures count again.
fn revoke(amended: &mut Status, key: &str, since: Moment) -> Result<(), Failure> {
    // A revocation of something that is no key would stop nothing while somebody relies on it.
    let is_person = key.strip_prefix("SHA256:").is_some_and(|rest| rest.len() == FINGERPRINT_CHARS);
    if !is_person && key.parse::<Digest>().is_err() {
        let what = format!(
            "`{key}` is no key: expected a person's fingerprint (`SHA256:...`) or a machine's id (`sha256:...`)"
        );
        return Err(Failure::usage(format!("{what}; `countersign key list` shows the fingerprints")));
    }
    let tightens = amended.base.is_some();
    match amended.revoked.iter_mut().find(|revocation| revocation.key == key) {
        Some(known) if tightens && known.invalid_since < since => Err(Failure::error(format!(
            "`{key}` is revoked since {} already; a later moment lets it count again, which needs `--renew` and the \
             threshold of status signers; nothing was changed",
            known.invalid_since
        ))),
        Some(known) => {
            known.invalid_since = since;
            Ok(())
        }
        None => {
            amended.revoked.push(Revocation { key: key.to_owned(), invalid_since: since });
            Ok(())
        }
    }
}

fn freeze(text: &str) -> Result<Freeze, Failure> {
    let wrong = |error: evidence::NameError| Failure::usage(format!("{error}; {FREEZABLE}"));
    let mut parts = text.split('/');
    let project = parts.next().unwrap_or_default().parse().map_err(wrong)?;
    let service = parts.next().map(str::parse).transpose().map_err(wrong)?;
    let environment = parts.next().map(str::parse).transpose().map_err(wrong)?;
    match parts.next() {
        None => Ok(Freeze { project, service, environment }),
        Some(_) => Err(Failure::usage(format!("`{text}` has more than three parts; {FREEZABLE}"))),
    }
}

const FREEZABLE: &str = "a freeze names PROJECT, PROJECT/SERVICE or PROJECT/SERVICE/ENVIRONMENT";
/// Characters of a SHA-256 digest in base64 without padding, as OpenSSH writes fingerprints.
const FINGERPRINT_CHARS: usize = 43;
