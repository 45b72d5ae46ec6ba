//! The status: what is declared is stopped, and what is to be pruned is let go.

use evidence::Digest;
use evidence::status::{Revocation, Status};
use serde_json::Value;

use super::super::declaration::{Declared, Part};
use super::super::difference::{Sort, difference};
use super::super::in_force::InForce;
use super::super::leaves::Leaves;
use super::super::status::freeze;
use super::super::step::{Plan, StatusStep, Step, Way};
use super::super::values;

pub fn plan(declared: &Declared, in_force: &InForce, way: Way, withdrawn: Vec<Digest>, plan: &mut Plan) {
    let old = &in_force.status;
    let mut status = old.clone();
    let mut loosens = false;
    if let Some(leaves) = &declared.status {
        let known = Leaves::of(&values::status(old));
        let rows = difference(&Part::Status, leaves, &known, &|_, _| false);
        loosens = way.prune && rows.iter().any(|row| row.sort == Sort::Undeclared);
        plan.rows.extend(rows);
        let wanted = if way.prune { leaves.clone() } else { known.under(leaves) };
        put(&mut status, &wanted.json());
    } else {
        plan.notes.push("no file `status.yaml`: freezes, bars and revoked keys are not compared".into());
    }
    let later = |new: &Revocation| {
        old.revoked.iter().any(|it| it.key == new.key && it.invalid_since < new.invalid_since)
    };
    loosens |= status.revoked.iter().any(later);
    status.withdrawn.extend(&withdrawn);
    status.withdrawn.sort();
    status.withdrawn.dedup();
    if status != *old {
        plan.steps.push(Step::Status(Box::new(StatusStep { status, loosens, withdrawn })));
    }
}

fn put(status: &mut Status, values: &Value) {
    let keys = |list: &str| {
        let items = values.get(list).and_then(Value::as_object).into_iter().flatten();
        items.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
    };
    status.frozen = keys("frozen").iter().filter_map(|(text, _)| freeze(text)).collect();
    status.frozen.sort();
    status.barred = keys("barred").iter().filter_map(|(text, _)| text.parse().ok()).collect();
    status.barred.sort();
    let revoked = keys("revoked").into_iter();
    status.revoked = revoked
        .filter_map(|(key, since)| {
            Some(Revocation { key, invalid_since: serde_json::from_value(since).ok()? })
        })
        .collect();
    status.revoked.sort();
}
