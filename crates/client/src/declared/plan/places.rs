//! Places: one statement for each that differs, the first environments first.
//!
//! Invariant: a value of a statement that no file can say stays as it is. Windows are compiled anew only if their rules say something
//! else, or if they end soon.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use calendar::{Compiler, DAYS_MAX, start_of_day};
use evidence::configuration::Configuration;
use evidence::environment::{self, Environment};
use evidence::trust_root::{Machine, TrustRoot};
use evidence::windows::Windows;
use evidence::{Digest, Moment, Name, Place};
use serde_json::{Value, json};

use super::super::declaration::{Declared, Part};
use super::super::difference::{Row, Sort, difference};
use super::super::fault::Faults;
use super::super::in_force::{InForce, PlaceInForce};
use super::super::leaves::{Leaf, Leaves};
use super::super::places::{DeclaredPlace, Unsound, class, configuration, soak_millis};
use super::super::step::{PlaceDraft, Plan, Step, Way};
use super::super::values;
use super::trust::{full, machine};
use crate::error::Error;
use crate::ports::{TakenPort, free};

pub fn plan(
    declared: &Declared,
    in_force: &InForce,
    way: Way,
    plan: &mut Plan,
    faults: &mut Faults,
) -> Result<(), Error> {
    let mut drafts = BTreeMap::new();
    for (place, of_files) in &declared.places {
        let old = in_force.places.get(place);
        environment_before(place, of_files, declared, in_force, faults);
        let part = Part::Place(place.clone());
        if old.is_none() {
            plan.rows.push(Row::whole(Sort::Add, &part, Some(&of_files.at)));
        }
        // A statement that does not count could be anybody's: nothing of it is taken over.
        let signed = old.filter(|old| old.is_signed);
        let Some((leaves, windows)) = resolved(of_files, signed, declared, in_force, way.now, faults) else {
            continue;
        };
        if old.is_some_and(|old| !old.is_signed && says_more(&old.statement)) {
            faults.add(&of_files.at, UNSIGNED);
        }
        let known = old.map(|old| Leaves::of(&values::place(old))).unwrap_or_default();
        let rows = difference(&part, &leaves, &known, &is_usual);
        let counts = old.is_none_or(|old| counts(old, in_force, plan));
        if !counts {
            plan.rows.push(Row {
                key: "signatures".into(),
                from: Some(json!("too few of the policy signers signed the statement in force")),
                to: Some(json!("a new statement")),
                ..Row::whole(Sort::Change, &part, Some(&of_files.at))
            });
        }
        plan.rows.extend(rows.into_iter().map(|row| told(row, of_files)));
        let making =
            Making { place, of_files, leaves: &leaves, known: &known, declared, in_force, way, counts };
        let Some(draft) = making.draft(windows, faults)? else { continue };
        drafts.insert(place.clone(), draft);
    }
    for place in in_force.places.keys().filter(|place| !declared.places.contains_key(*place)) {
        if declared.has_project(&place.project) {
            plan.rows.push(Row::whole(Sort::Undeclared, &Part::Place(place.clone()), None));
            if way.prune {
                plan.notes
                    .push(format!("{place} stays: no statement ends a place; freeze it, and stop its agent"));
            }
        }
    }
    ports(&drafts, declared, in_force, faults);
    plan.steps.extend(in_order(drafts).into_iter().map(|draft| Step::Place(Box::new(draft))));
    Ok(())
}

/// Two places on one host never have one port.
fn ports(drafts: &BTreeMap<Place, PlaceDraft>, declared: &Declared, in_force: &InForce, faults: &mut Faults) {
    let hosts = |agents: &[Machine]| agents.iter().map(|agent| agent.place.host.clone()).collect();
    let stay = in_force.places.iter().filter(|(place, _)| !drafts.contains_key(*place)).filter_map(
        |(place, old)| {
            let port = old.configuration.port?;
            Some(TakenPort { port, place: place.clone(), hosts: hosts(&old.statement.agents) })
        },
    );
    let come = drafts.iter().filter_map(|(place, draft)| {
        let port = Configuration::decode(&draft.configuration).ok()?.port?;
        Some(TakenPort { port, place: place.clone(), hosts: hosts(&draft.statement.agents) })
    });
    let come: Vec<_> = come.collect();
    let all: Vec<_> = stay.chain(come.iter().cloned()).collect();
    for TakenPort { port, place, hosts } in &come {
        if let (Err(error), Some(of_files)) = (free(&all, place, *port, hosts), declared.places.get(place)) {
            let at = of_files.leaves.get(&["port"]).and_then(|leaf| leaf.at.as_ref());
            faults.add(at.unwrap_or(&of_files.at), error.to_string());
        }
    }
}

/// The declared values of a place in the form of those in force.
pub fn compared(declared: &Declared, in_force: &InForce, place: &Place) -> Option<Leaves> {
    let of_files = declared.places.get(place)?;
    let now = crate::clock::now().ok()?;
    let old = in_force.places.get(place).filter(|old| old.is_signed);
    resolved(of_files, old, declared, in_force, now, &mut Faults::default()).map(|(leaves, _)| leaves)
}

/// Whether the statement in force counts, under the root that the plan makes.
fn counts(old: &PlaceInForce, in_force: &InForce, plan: &Plan) -> bool {
    let next = plan.steps.iter().find_map(|step| match step {
        Step::Root(root) => Some(root),
        _ => None,
    });
    let stays = |root: &TrustRoot| {
        root.policy == in_force.root.policy
            || root.policy.signed(&old.envelope, environment::NAMESPACE).is_ok()
    };
    old.is_signed && next.is_none_or(|root| stays(root))
}

/// Whether a statement says something that no file can say.
const fn says_more(statement: &Environment) -> bool {
    !statement.packs.is_empty() || statement.template.is_some() || statement.previews.is_some()
}

/// Values that hold where no file says anything.
fn is_usual(key: &str, value: &Value) -> bool {
    key == "baseline"
        || (key == "automatic" && *value == json!(false))
        || (key == "bounds" && value.as_object().is_some_and(serde_json::Map::is_empty))
}

/// Digests in the words of files.
fn told(mut row: Row, declared: &DeclaredPlace) -> Row {
    if ["policy", "windows"].contains(&row.key.as_str())
        && let Some(path) = declared.leaves.text(&[&row.key])
        && let Some(digest) = row.to.as_ref().and_then(Value::as_str)
    {
        row.to = Some(json!(format!("{path} {digest}")));
    }
    row
}

/// A place that is named as the one before has to be there.
fn environment_before(
    place: &Place,
    of_files: &DeclaredPlace,
    declared: &Declared,
    in_force: &InForce,
    faults: &mut Faults,
) {
    let Some(name) = of_files.leaves.text(&["after"]) else { return };
    let Ok(environment) = name.parse::<Name>() else { return };
    let before = Place { environment, ..place.clone() };
    if !declared.places.contains_key(&before) && !in_force.places.contains_key(&before) {
        let at = of_files.leaves.get(&["after"]).and_then(|leaf| leaf.at.as_ref());
        faults.add(
            at.unwrap_or(&of_files.at),
            format!("there is no place `{before}`, in no file and not in force"),
        );
    }
}

/// The values with digests in the place of paths, and full lines of agents; and the windows, if they are compiled anew.
fn resolved(
    of_files: &DeclaredPlace,
    old: Option<&PlaceInForce>,
    declared: &Declared,
    in_force: &InForce,
    now: Moment,
    faults: &mut Faults,
) -> Option<(Leaves, Option<Vec<u8>>)> {
    let mut leaves = of_files.leaves.clone();
    let mut windows = None;
    let known = old.map(|old| old.statement.agents.as_slice()).unwrap_or_default();
    let elsewhere = known.first().map_or(&in_force.root.server, |agent| &agent.place);
    for (path, leaf) in &mut leaves.0 {
        let Some(text) = leaf.value.as_str() else { continue };
        match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["policy"] => leaf.value = json!(declared.policies.get(text)?.0),
            ["windows"] => match windows_of(&declared.path, text, old, now) {
                Ok((digest, bytes)) => {
                    leaf.value = json!(digest);
                    windows = bytes;
                }
                Err(what) => {
                    faults.add(leaf.at.as_ref().unwrap_or(&of_files.at), what.to_string());
                    return None;
                }
            },
            ["agents", name] => {
                let known = known.iter().find(|agent| agent.name.as_str() == *name);
                if let Some(line) = full(name, text, known, elsewhere) {
                    leaf.value = json!(line);
                }
            }
            _ => {}
        }
    }
    Some((leaves, windows))
}

/// The windows of a file: those in force if they say the same and last, else newly compiled ones.
fn windows_of(
    dir: &Path,
    path: &str,
    old: Option<&PlaceInForce>,
    now: Moment,
) -> Result<(Digest, Option<Vec<u8>>), Error> {
    let file = dir.join(path);
    if path.ends_with(".json") {
        let (bytes, _) = disk::read_bounded(&file, evidence::windows::BYTES_MAX as u64)
            .map_err(|error| Error::unusable(format!("cannot read `{path}`: {error}")))?;
        let bytes = bytes.trim_ascii().to_vec();
        Windows::decode(&bytes)?;
        return Ok((Digest::of(&bytes), Some(bytes)));
    }
    if let (Some(PlaceInForce { windows: Some(known), .. }), Some(digest)) =
        (old, old.and_then(|old| old.statement.windows))
    {
        let days = (known.until.millis() - known.from.millis()) / DAY_MILLIS;
        let again = compiled(&file, known.from, u32::try_from(days).unwrap_or(DAYS_MAX))?;
        let says_the_same =
            again.open == known.open && again.sources == known.sources && again.until == known.until;
        if says_the_same && known.until > now.later_by(RENEWED_BEFORE) {
            return Ok((digest, None));
        }
    }
    let windows = compiled(&file, start_of_day(now), DAYS_MAX)?;
    let bytes = windows.encode()?;
    Ok((Digest::of(&bytes), Some(bytes)))
}

fn compiled(file: &Path, from: Moment, days: u32) -> Result<Windows, Error> {
    let compiler = Compiler { from, days, program: PROGRAM };
    calendar::compile_file(&compiler, file).map_err(|error| Error::unusable(error.to_string()))
}

/// Everything that a statement of a place is made of.
struct Making<'a> {
    place: &'a Place,
    of_files: &'a DeclaredPlace,
    /// Declared values in the form of those in force.
    leaves: &'a Leaves,
    /// Values in force.
    known: &'a Leaves,
    declared: &'a Declared,
    in_force: &'a InForce,
    way: Way,
    /// Whether the statement in force counts.
    counts: bool,
}

impl Making<'_> {
    fn old(&self) -> Option<&PlaceInForce> {
        self.in_force.places.get(self.place)
    }

    /// The statement in force, if it is signed.
    fn signed(&self) -> Option<&PlaceInForce> {
        self.old().filter(|old| old.is_signed)
    }

    /// The values that are to be in force.
    fn wanted(&self) -> Value {
        let is_signed = self.old().is_none_or(|old| old.is_signed);
        let mut wanted = match self.way.prune || !is_signed {
            true => self.leaves.clone(),
            false => self.known.clone().under(self.leaves),
        };
        for (key, value) in usual(self.signed()) {
            let path = vec![key.to_owned()];
            if !wanted.0.keys().any(|known| known.starts_with(&path)) {
                wanted.0.insert(path, Leaf { value, at: None });
            }
        }
        wanted.json()
    }

    /// The statement; `None` if the one in force says the same, or at a fault.
    fn draft(&self, windows: Option<Vec<u8>>, faults: &mut Faults) -> Result<Option<PlaceDraft>, Error> {
        let values = self.wanted();
        let configuration = match configuration(&values) {
            Ok(configuration) => configuration.encode()?,
            Err(Unsound(what)) => {
                faults.add(&self.of_files.at, what);
                return Ok(None);
            }
        };
        let Some(statement) = self.statement(&values, &configuration, faults)? else { return Ok(None) };
        let old = self.old().map(|old| &old.statement);
        let is_same = old.is_some_and(|old| {
            Environment { number: old.number, issued: old.issued, ..statement.clone() } == *old
        });
        if is_same && self.counts {
            return Ok(None);
        }
        if let Err(error) = statement.envelope() {
            faults.add(&self.of_files.at, error.to_string());
        }
        let kept = || self.signed().and_then(|old| old.windows.as_ref()).map(Windows::encode).transpose();
        let windows = match (&statement.windows, windows) {
            (None, _) => None,
            (Some(_), Some(compiled)) => Some(compiled),
            (Some(_), None) => kept()?,
        };
        let mut of_files = self.declared.policies.values();
        let found = of_files.find(|(digest, _)| *digest == statement.policy).map(|(_, bytes)| bytes);
        let found = found.or_else(|| self.in_force.policies.get(&statement.policy));
        let policy = found.cloned().unwrap_or_default();
        Ok(Some(PlaceDraft { statement, policy, configuration, windows }))
    }

    fn statement(
        &self,
        values: &Value,
        configuration: &[u8],
        faults: &mut Faults,
    ) -> Result<Option<Environment>, Error> {
        let text = |key: &str| values.get(key).and_then(Value::as_str);
        let baseline = text("baseline").and_then(|id| id.parse().ok());
        let policy = text("policy").and_then(|digest| digest.parse().ok());
        let (Some(baseline), Some(policy)) = (baseline, policy) else {
            let what = "`baseline` is missing: the commit after which the first range of changes begins";
            faults.add(&self.of_files.at, what);
            return Ok(None);
        };
        let (place, signed) = (self.place, self.signed().map(|old| &old.statement));
        Ok(Some(Environment {
            v: 1,
            installation: self.in_force.root.installation,
            project: place.project.clone(),
            service: place.service.clone(),
            environment: place.environment.clone(),
            number: self.old().map_or(0, |old| old.statement.number) + 1,
            issued: self.way.now,
            policy,
            configuration: Digest::of(configuration),
            agents: self.agents(values)?,
            baseline,
            after: text("after").and_then(|name| name.parse().ok()),
            automatic: values.get("automatic") == Some(&json!(true)),
            class: text("class").and_then(class),
            soak_ms: text("soak").and_then(soak_millis),
            region: text("region").and_then(|name| name.parse().ok()),
            windows: text("windows").and_then(|digest| digest.parse().ok()),
            packs: signed.map(|old| old.packs.clone()).unwrap_or_default(),
            template: signed.and_then(|old| old.template),
            previews: signed.and_then(|old| old.previews.clone()),
            preview: None,
        }))
    }

    fn agents(&self, values: &Value) -> Result<Vec<Machine>, Error> {
        let known = self.signed().map(|old| old.statement.agents.as_slice()).unwrap_or_default();
        let mut agents = Vec::new();
        for (name, line) in values.get("agents").and_then(Value::as_object).into_iter().flatten() {
            let known = known.iter().find(|agent| agent.name.as_str() == name);
            let line = line.as_str().unwrap_or_default();
            agents.push(machine(name, line, known, &self.in_force.root.server, self.way)?);
        }
        agents.sort();
        Ok(agents)
    }
}

/// Values of a place that no file has to say.
fn usual(old: Option<&PlaceInForce>) -> Vec<(&'static str, Value)> {
    match old {
        None => vec![("bounds", json!({}))],
        Some(old) => {
            let bounds = old
                .configuration
                .bounds
                .as_ref()
                .filter(|bounds| **bounds == evidence::configuration::Bounds::default());
            let baseline = ("baseline", json!(old.statement.baseline));
            std::iter::once(baseline).chain(bounds.map(|_| ("bounds", json!({})))).collect()
        }
    }
}

/// The first environments first. Circles are faults of the files, so what is left at the end has none.
fn in_order(mut drafts: BTreeMap<Place, PlaceDraft>) -> Vec<PlaceDraft> {
    let mut ordered = Vec::new();
    while !drafts.is_empty() {
        let waiting: BTreeSet<_> = drafts.keys().cloned().collect();
        let waits = |draft: &PlaceDraft| {
            let environment = draft.statement.after.clone();
            environment.is_some_and(|environment| {
                waiting.contains(&Place { environment, ..draft.statement.place() })
            })
        };
        let next = drafts.iter().find(|(_, draft)| !waits(draft)).or_else(|| drafts.iter().next());
        let Some(next) = next.map(|(place, _)| place.clone()) else { break };
        ordered.extend(drafts.remove(&next));
    }
    ordered
}

const PROGRAM: &str = concat!("countersign ", env!("CARGO_PKG_VERSION"));
const UNSIGNED: &str = "too few of the policy signers signed the statement in force, and it has packs, a template or previews, which no \
                        file can say: have it signed anew with `countersign trust environment`";
const DAY_MILLIS: u64 = 86_400_000;
/// Windows that end sooner are compiled anew.
const RENEWED_BEFORE: Duration = Duration::from_hours(24 * 60);
