//! The trust root: groups, machines, witnesses, protected refs.
//!
//! Invariant: mode, ledger, server and every key that is in no file stay as they are.

use evidence::trust_root::{Holder, Machine, Quorum, Site, TrustRoot};
use serde_json::{Value, json};

use super::super::declaration::{Declared, Part};
use super::super::difference::difference;
use super::super::directory::TRUST;
use super::super::fault::{At, Faults};
use super::super::in_force::InForce;
use super::super::leaves::{Leaf, Leaves};
use super::super::step::{FORMER, Plan, Step, Way};
use super::super::trust::GROUPS;
use super::super::values::{self, Handles};
use crate::clock::YEAR;
use crate::error::Error;
use crate::hosts::{self, MachineLine, WitnessLine};
use crate::pools;

pub fn plan(
    declared: &Declared,
    in_force: &InForce,
    handles: &Handles,
    way: Way,
    plan: &mut Plan,
    faults: &mut Faults,
) -> Result<(), Error> {
    let Some(leaves) = &declared.trust else {
        plan.notes.push("no file `trust.yaml`: groups, runners and witnesses are not compared".into());
        return Ok(());
    };
    let old = &in_force.root;
    let leaves = resolved(leaves, old);
    let known = Leaves::of(&values::trust(old, handles));
    plan.rows.extend(difference(&Part::Trust, &leaves, &known, &|_, _| false));
    let wanted = match way.prune {
        true => essential(&known, &leaves).under(&leaves),
        false => known.under(&leaves),
    };
    let root = root(old, &wanted, declared, handles, way, faults)?;
    let same = TrustRoot { version: old.version, issued: old.issued, expires: old.expires, ..root.clone() };
    if same != *old && faults.is_empty() {
        if let Err(error) = root.envelope() {
            faults.add(&At::file(TRUST), error.to_string());
        }
        plan.notes.extend(hosts::uncounted(&root).into_iter().chain(pools::empty(&root)));
        plan.steps.push(Step::Root(Box::new(root)));
    }
    Ok(())
}

/// Values without which no root is sound: they are replaced, and removed only by others of their sort.
fn essential(known: &Leaves, declared: &Leaves) -> Leaves {
    let is_declared = |sort: &str| declared.0.keys().any(|path| path.first().is_some_and(|key| key == sort));
    let is_essential = |path: &[String]| match path.first().map(String::as_str) {
        Some("groups" | "witness-quorum" | "authority") => true,
        Some(sort @ ("runners" | "witnesses")) => !is_declared(sort),
        _ => false,
    };
    Leaves(
        known.0.iter().filter(|(path, _)| is_essential(path)).map(|(a, b)| (a.clone(), b.clone())).collect(),
    )
}

/// Lines of machines and witnesses with host and operator, which stay as they are where a line names none.
pub fn resolved(leaves: &Leaves, root: &TrustRoot) -> Leaves {
    let mut leaves = leaves.clone();
    for (path, leaf) in &mut leaves.0 {
        let [sort, name] = path.as_slice() else { continue };
        let Some(text) = leaf.value.as_str() else { continue };
        let line = match sort.as_str() {
            "runners" => {
                let known = root.runners.iter().find(|runner| runner.name.as_str() == name);
                full(name, text, known, &root.server)
            }
            "witnesses" => text
                .parse::<WitnessLine>()
                .ok()
                .map(|line| values::witness(&line.witness(&root.server.operator))),
            _ => None,
        };
        if let Some(line) = line {
            leaf.value = json!(line);
        }
    }
    leaves
}

/// The line of a machine with everything that it leaves out.
pub fn full(name: &str, line: &str, known: Option<&Machine>, elsewhere: &Site) -> Option<String> {
    let line: MachineLine = format!("{name}={line}").parse().ok()?;
    let machine = match known {
        Some(known) => line.instead_of(known, None),
        None => line.machine(elsewhere),
    };
    Some(values::machine(&machine))
}

/// The machine of a full line; a new key counts beside the former one for the usual time.
pub fn machine(
    name: &str,
    line: &str,
    known: Option<&Machine>,
    elsewhere: &Site,
    way: Way,
) -> Result<Machine, Error> {
    if let Some(known) = known.filter(|known| values::machine(known) == line) {
        return Ok(known.clone());
    }
    let line: MachineLine = format!("{name}={line}").parse()?;
    let until = way.now.later_by(FORMER);
    Ok(known.map_or_else(|| line.machine(elsewhere), |known| line.instead_of(known, Some(until))))
}

fn root(
    old: &TrustRoot,
    wanted: &Leaves,
    declared: &Declared,
    handles: &Handles,
    way: Way,
    faults: &mut Faults,
) -> Result<TrustRoot, Error> {
    let mut root = TrustRoot {
        version: old.version + 1,
        issued: way.now,
        expires: way.now.later_by(YEAR),
        ..old.clone()
    };
    for group in GROUPS {
        let quorum = match group {
            "holders" => &mut root.holders,
            "registrars" => &mut root.registrars,
            "policy" => &mut root.policy,
            _ => &mut root.status,
        };
        if let Some(leaf) = wanted.get(&["groups", group, "members"]) {
            quorum.holders = holders(quorum, leaf, declared, handles, faults);
        }
        if let Some(threshold) = number(wanted.get(&["groups", group, "threshold"])) {
            quorum.threshold = threshold;
        }
    }
    let values = wanted.json();
    let of = |key: &str| values.get(key).and_then(Value::as_object).into_iter().flatten();
    root.runners = Vec::new();
    for (name, line) in of("runners") {
        let known = old.runners.iter().find(|runner| runner.name.as_str() == name);
        root.runners.push(machine(name, line.as_str().unwrap_or_default(), known, &old.server, way)?);
    }
    for runner in &mut root.runners {
        let pool = values.get("pools").and_then(|pools| pools.get(runner.name.as_str()));
        runner.pool = pool.cloned().map(serde_json::from_value).transpose()?;
    }
    root.runners.sort();
    root.witnesses.keys = Vec::new();
    for (_, line) in of("witnesses") {
        let line: WitnessLine = line.as_str().unwrap_or_default().parse()?;
        root.witnesses.keys.push(line.witness(&old.server.operator));
    }
    root.witnesses.keys.sort();
    root.witnesses.quorum = number(wanted.get(&["witness-quorum"])).unwrap_or(root.witnesses.quorum);
    let list = |key: &str| values.get(key).cloned().unwrap_or_else(|| json!([]));
    root.protected = serde_json::from_value(list("protected"))?;
    root.authority = wanted.text(&["authority"]).and_then(|text| text.parse().ok()).or(old.authority);
    for (path, leaf) in wanted.0.iter().filter(|(path, _)| path.first().is_some_and(|key| key == "pools")) {
        if let (Some(name), Some(at)) = (path.get(1), &leaf.at)
            && !root.runners.iter().any(|runner| runner.name.as_str() == name)
        {
            faults.add(at, format!("no runner has the name `{name}`; runners are in keys.yaml"));
        }
    }
    Ok(root)
}

/// The people of a group. A key that signs for it already stays as long as its person's file has it.
fn holders(
    old: &Quorum,
    leaf: &Leaf,
    declared: &Declared,
    handles: &Handles,
    faults: &mut Faults,
) -> Vec<Holder> {
    let mut holders = Vec::new();
    for name in leaf.value.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let Some((subject, key)) = handles.0.get(name) else {
            let at = leaf.at.clone().unwrap_or_else(|| At::file(TRUST));
            let known: Vec<_> = handles.0.keys().cloned().collect();
            faults.add(&at, format!("`{name}` is nobody; known are {}", known.join(", ")));
            continue;
        };
        let has = |holder: &Holder| {
            let keys = declared.keys.people.get(name).map(|(_, keys)| keys);
            keys.is_none_or(|keys| keys.iter().any(|known| known.key == holder.key))
        };
        let before = holders.len();
        holders
            .extend(old.holders.iter().filter(|holder| holder.subject == *subject && has(holder)).cloned());
        if holders.len() == before {
            holders.push(Holder { subject: subject.clone(), key: key.clone() });
        }
    }
    holders.sort();
    holders
}

fn number(leaf: Option<&Leaf>) -> Option<u32> {
    leaf.and_then(|leaf| leaf.value.as_u64()).and_then(|number| u32::try_from(number).ok())
}
