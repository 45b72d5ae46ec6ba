//! Statements: those in files and not in force are made; one whose end is later in a file is made again.

use evidence::Digest;

use super::super::declaration::{Declared, Part};
use super::super::difference::{Row, Sort};
use super::super::in_force::{InForce, StatementInForce};
use super::super::statements::DeclaredStatement;
use super::super::step::{Plan, Step, Way};
use super::super::values;

pub fn plan(
    declared: &Declared,
    in_force: &InForce,
    way: Way,
    plan: &mut Plan,
    withdrawn: &mut Vec<Digest>,
) -> Vec<Step> {
    let Some(statements) = &declared.statements else {
        plan.notes.push("no directory `statements`: grants and waivers are not compared".into());
        return Vec::new();
    };
    let mut steps = Vec::new();
    for (name, declared) in statements {
        let part = Part::Statement(name.clone());
        let alike: Vec<_> = in_force.statements.iter().filter(|it| says_the_same(declared, it)).collect();
        let latest = alike.iter().map(|it| it.statement.expires).max();
        let until = declared.leaves.get(&["until"]);
        match latest {
            Some(latest) if latest >= declared.statement.expires => continue,
            Some(latest) => plan.rows.push(Row {
                key: "until".into(),
                from: Some(serde_json::json!(latest)),
                to: until.map(|leaf| leaf.value.clone()),
                ..Row::whole(Sort::Change, &part, until.and_then(|leaf| leaf.at.as_ref()))
            }),
            None => plan.rows.push(Row {
                to: Some(declared.statement.body.summary().into()),
                ..Row::whole(Sort::Add, &part, Some(&declared.at))
            }),
        }
        steps.push(Step::Statement(Box::new(declared.statement.clone())));
    }
    for old in &in_force.statements {
        let is_declared = statements.values().any(|declared| says_the_same(declared, old));
        if is_declared || !declared.has_project(&old.statement.scope.project) {
            continue;
        }
        let part = Part::Statement(values::statement_name(&old.statement));
        let words = format!("{} in {}", old.statement.body.summary(), old.statement.scope);
        plan.rows.push(Row { from: Some(words.into()), ..Row::whole(Sort::Undeclared, &part, None) });
        if way.prune {
            withdrawn.push(old.digest);
        }
    }
    steps
}

fn says_the_same(declared: &DeclaredStatement, old: &StatementInForce) -> bool {
    let (new, old) = (&declared.statement, &old.statement);
    (new.scope == old.scope) && (new.subjects == old.subjects) && (new.body == old.body)
}
