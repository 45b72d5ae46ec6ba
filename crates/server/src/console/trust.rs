//! Trust: the people, machines and statements that decide, and everything that ends.
//!
//! Invariant: people and places are those that the reader may read; the trust root and the status are for every reader.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use evidence::enrolment::Grant;
use evidence::trust_root::{Mode, Quorum, TrustRoot};
use evidence::{Digest, Moment};
use review::ending::{self, Renewal, Sources};
use review::ids::short;
use review::outcome::is_gone;
use review::{ending::named, headline};
use web::model::{Fact, Sheet, SheetList, SheetRow, State};
use wire::{MachineView, PersonView};

use super::reading::{Reading, time};
use super::signing::STATUS_FILE;
use super::situation::Situation;
use super::words::{badge, command, digest_fact, fact};
use super::{exposure, idle, machines, sheets};
use crate::http::freshness::up_to_date;
use crate::http::problem::Failure;

/// The page.
///
/// # Errors
/// `Failure` if views, state or trust root cannot be read.
pub fn trust(at: &Reading<'_>) -> Result<Sheet, Failure> {
    up_to_date(at.shared)?;
    let state = at.shared.intake.state();
    let situation = Situation::read(at, &state)?;
    let root = at.shared.gatekeeper.root(&state)?;
    let people = situation.people_until(at, &state, Moment::LAST);
    let places: Vec<_> = situation.places.iter().collect();
    let exposures = exposure::within(at, &state, &places, READ_MAX)?;
    let idle = idle::statements(&situation.places, &exposures);
    let ends = calendar(at, &situation, &people, &idle);
    let ended = ends.iter().filter(|(end, _)| *end <= at.now).count();
    let soon = ends.iter().filter(|(end, _)| *end <= at.now.later_by(ending::SOON)).count();
    let ends = ends.into_iter().map(|(_, row)| row).collect();
    let root_has_ended = root.expires <= at.now;
    let frozen: Vec<String> = situation.freezes.iter().map(|view| view.freeze.to_string()).collect();
    let counts = (ended, soon.saturating_sub(ended));
    let headline = headline::of_trust(root.version, root_has_ended, counts, &frozen);
    Ok(Sheet {
        headline,
        badge: Some(match root.mode {
            Mode::Team => badge(State::Pass, "team"),
            Mode::Rehearsal => badge(State::Wait, "rehearsal"),
            Mode::Solo => badge(State::Wait, "solo"),
        }),
        sub: vec![format!("installation {}", root.installation), format!("origin {}", at.shared.origin)],
        lists: vec![
            list("Ends", ends, "Nothing ends within a year.", None),
            list("Stopped", stopped(&situation, &state), "Nothing is frozen, barred or revoked.", None),
            list(
                "People",
                people.iter().map(of_person).collect(),
                "Nobody is enrolled whom you may see.",
                Some("countersign trust enrol"),
            ),
            list("Machines", machines(&situation), "No machine is named.", None),
            list(
                "Policies",
                policies(at, &state),
                "No place has a statement.",
                Some("countersign project add"),
            ),
        ],
        facts: vec![("Trust root".to_owned(), of_root(&root)), ("Signers".to_owned(), signers(&root))],
        ..Sheet::default()
    })
}

fn list(title: &str, rows: Vec<SheetRow>, empty: &str, fill: Option<&str>) -> SheetList {
    SheetList { fill: fill.map(command), ..sheets::list(title, rows, ROWS_MAX, empty) }
}

fn row(title: String, notes: Vec<String>) -> SheetRow {
    SheetRow { notes, ..sheets::row(title) }
}

/// Everything that ends within a year, the first one first.
fn calendar(
    at: &Reading<'_>,
    situation: &Situation,
    people: &[PersonView],
    idle: &BTreeSet<Digest>,
) -> Vec<(Moment, SheetRow)> {
    let of = Sources {
        root: situation.root_expires,
        status: situation.status.as_ref(),
        people,
        places: &situation.places,
        idle,
    };
    let shown = |found: ending::Ending| {
        let is_soon = found.end <= at.now.later_by(ending::SOON);
        let mut shown = row(found.what, Vec::new());
        shown.time = Some(time(found.end));
        shown.badge = match found.end <= at.now {
            true => Some(badge(State::Stop, "ended")),
            false => is_soon.then(|| badge(State::Wait, "ends soon")),
        };
        match found.renewal {
            Renewal::Command(line) if is_soon => {
                let (signers, file) = situation.renewal(line);
                shown.commands.extend(signers.commands(line, file));
            }
            Renewal::Command(_) => {}
            Renewal::Words(words) => shown.notes.push(words.to_owned()),
        }
        (found.end, shown)
    };
    ending::within(of, at.now, YEAR).into_iter().map(shown).collect()
}

/// Freezes, bars and revocations of the status in force.
fn stopped(situation: &Situation, state: &domain::State) -> Vec<SheetRow> {
    let frozen = situation.freezes.iter().map(|view| {
        let by = view.by.as_ref().and_then(|by| by.name.clone());
        let mut shown =
            row(format!("{} is frozen", view.freeze), by.map(|by| format!("by {by}")).into_iter().collect());
        shown.badge = Some(badge(State::Frozen, "frozen"));
        shown.time = Some(time(view.time));
        let line = format!("countersign unfreeze {}", view.freeze);
        shown.commands.extend(situation.status_signers.commands(&line, STATUS_FILE));
        shown
    });
    let barred = state.identity.barred().iter().map(|digest| {
        let mut shown = row(
            format!("{} is barred from running anywhere", short(&digest.hex())),
            vec![digest.to_string()],
        );
        shown.badge = Some(badge(State::Stop, "barred"));
        shown
    });
    let revoked = state.identity.revocations().iter().map(|revoked| {
        let mut shown = row(
            format!("Key {} is revoked", shown::brief(&revoked.key, KEY_CHARS)),
            vec!["since".to_owned()],
        );
        shown.badge = Some(badge(State::Stop, "revoked"));
        shown.time = Some(time(revoked.invalid_since));
        shown
    });
    frozen.chain(barred).chain(revoked).collect()
}

fn of_person(person: &PersonView) -> SheetRow {
    let mut roles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for grant in &person.grants {
        roles.entry(grant.role.to_string()).or_default().push(scope(grant));
    }
    let roles = roles.into_iter().map(|(role, scopes)| format!("{role} {}", scopes.join(", ")));
    let keys = shown::many(person.keys.len(), "key");
    let mut shown = row(named(person), roles.chain(std::iter::once(keys)).collect());
    shown.href = Some(format!("/ledger?person={}", person.person));
    shown.time = Some(time(person.expires));
    shown
}

/// The project and environment of a grant, in words.
fn scope(grant: &Grant) -> String {
    match (&grant.project, &grant.environment) {
        (None, None) => "everywhere".to_owned(),
        (Some(project), None) => format!("in {project}"),
        (None, Some(environment)) => format!("in every {environment}"),
        (Some(project), Some(environment)) => format!("in {project}, {environment}"),
    }
}

/// Runners and agents, those that are gone first.
fn machines(situation: &Situation) -> Vec<SheetRow> {
    let of = |kind: String, machine: &MachineView| {
        let shown = row(format!("{kind} {}", machine.name), vec![machines::heard(machine)]);
        (is_gone(machine), SheetRow { badge: Some(machines::presence(machine)), ..shown })
    };
    let runners = situation.runners.iter().map(|runner| of("runner".to_owned(), runner));
    let agents = situation.agents().map(|(view, agent)| of(format!("agent of {}:", view.place), agent));
    let mut all: Vec<_> = runners.chain(agents).collect();
    all.sort_by_key(|(gone, _)| !gone);
    all.into_iter().map(|(_, shown)| shown).collect()
}

/// Policies in force, each with its places.
fn policies(at: &Reading<'_>, state: &domain::State) -> Vec<SheetRow> {
    let mut of: BTreeMap<_, Vec<String>> = BTreeMap::new();
    let readable = state.gate.environments().filter(|set| at.may_read(&set.facts.place.project));
    for set in readable {
        let place = format!("{} (statement {})", set.facts.place, set.facts.number);
        of.entry(set.facts.policy).or_default().push(place);
    }
    let shown = |(digest, places): (Digest, Vec<String>)| {
        let title = format!("Policy {}", short(&digest.hex()));
        SheetRow {
            href: Some("/policies".to_owned()),
            ..row(title, vec![format!("in force at {}", places.join(", "))])
        }
    };
    of.into_iter().map(shown).collect()
}

fn of_root(root: &TrustRoot) -> Vec<Fact> {
    let mut facts = vec![fact("Version", root.version.to_string())];
    facts.extend(root.digest().ok().map(|digest| digest_fact("Digest", &digest)));
    facts
        .push(Fact { whole: Some(root.expires.to_string()), ..fact("Ends", day(&root.expires.to_string())) });
    facts.push(fact("Server", site(&root.server.host, &root.server.operator)));
    for witness in &root.witnesses.keys {
        let name = witness.vkey.split('+').next().unwrap_or_default();
        facts.push(fact(&format!("Witness {name}"), site(&witness.place.host, &witness.place.operator)));
    }
    facts.push(fact(
        "Witnesses needed",
        format!("{} of {}", root.witnesses.quorum, root.witnesses.keys.len()),
    ));
    facts
}

fn site(host: &str, operator: &str) -> String {
    format!("{host}, by {operator}")
}

fn day(moment: &str) -> String {
    moment.get(..10).unwrap_or(moment).to_owned()
}

fn signers(root: &TrustRoot) -> Vec<Fact> {
    let of =
        |name: &str, quorum: &Quorum| fact(name, format!("{} of {}", quorum.threshold, quorum.holders.len()));
    vec![
        of("Trust root", &root.holders),
        of("Enrolments", &root.registrars),
        of("Policies and environments", &root.policy),
        of("Status", &root.status),
    ]
}

/// Most items of one list.
const ROWS_MAX: usize = 200;
/// Most releases whose evidence the page reads for the first time.
const READ_MAX: usize = 12;
const KEY_CHARS: usize = 24;
const YEAR: Duration = Duration::from_hours(24 * 366);
