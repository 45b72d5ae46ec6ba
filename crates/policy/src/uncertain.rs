//! Rules whose value may be missing for one element of a list, on which both evaluators have to agree by themselves.
//!
//! The interpreter ends such a rule at the first element for which its head has no value. The machine goes on, but takes the
//! error of a built-in for "no value". So both can come to the same wrong, empty result, and nothing would be against the
//! release.
//!
//! Invariant: a rule that goes through a list has a head that cannot be undefined (names that its body binds, and constants);
//! or it is a set that is compared by itself; or the policy is refused. A function cannot be compared without its arguments,
//! and for single values and objects both evaluators have the same fault. The list is computed from the syntax of the
//! policy, so no policy can keep a rule out of it.

use std::collections::BTreeSet;

use regorus::CompiledPolicy;
use regorus::unstable::{AssignOp, Expr, Literal, Query, Rule, RuleAssign, RuleBody, RuleHead};

/// Rules that need attention.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Uncertain {
    /// Paths of sets that must be compared, such as `data.countersign.gate.problems`.
    pub compared: BTreeSet<String>,
    /// Paths of functions, values and objects that must be refused.
    pub refused: BTreeSet<String>,
}

/// The uncertain rules of a policy.
pub fn uncertain(policy: &CompiledPolicy) -> Uncertain {
    let mut found = Uncertain::default();
    for (path, rules) in policy.get_rules() {
        for rule in rules {
            let Rule::Spec { head, bodies, .. } = rule.as_ref() else { continue };
            let assigned =
                |assign: &Option<RuleAssign>| assign.as_ref().is_none_or(|assign| is_certain(&assign.value));
            let is_certain_else = bodies.iter().all(|body| assigned(&body.assign));
            match head {
                RuleHead::Set { key, .. } => {
                    if key.as_ref().is_none_or(|key| !is_certain(key)) && iterates(bodies, &[]) {
                        found.compared.insert(path.clone());
                    }
                }
                RuleHead::Compr { refr, assign, .. } => {
                    let is_certain_key = match refr.as_ref() {
                        Expr::RefBrack { index, .. } => is_certain(index),
                        _ => true,
                    };
                    let certain = is_certain_key && assigned(assign) && is_certain_else;
                    if !certain && iterates(bodies, &[]) {
                        found.refused.insert(path.clone());
                    }
                }
                RuleHead::Func { args, assign, .. } => {
                    let names: Vec<_> = args.iter().filter_map(|arg| name(arg)).collect();
                    if !(assigned(assign) && is_certain_else) && iterates(bodies, &names) {
                        found.refused.insert(path.clone());
                    }
                }
            }
        }
    }
    found
}

/// Whether an expression always has a value once the body holds.
fn is_certain(expression: &Expr) -> bool {
    match expression {
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().all(|item| is_certain(item)),
        Expr::Object { fields, .. } => {
            fields.iter().all(|(_, key, value)| is_certain(key) && is_certain(value))
        }
        other => is_constant(other) || matches!(other, Expr::Var { .. }),
    }
}

const fn is_constant(expression: &Expr) -> bool {
    matches!(
        expression,
        Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. }
    )
}

fn name(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Var { span, .. } => Some(span.text()),
        _ => None,
    }
}

/// Whether a body may hold for several elements. `bound` are names with one value: those of arguments.
fn iterates(bodies: &[RuleBody], bound: &[&str]) -> bool {
    bodies.iter().any(|body| goes_through(&body.query, bound))
}

fn goes_through(query: &Query, bound: &[&str]) -> bool {
    let mut bound = bound.to_vec();
    bound.extend(query.stmts.iter().filter_map(|statement| match &statement.literal {
        Literal::Expr { expr, .. } => match expr.as_ref() {
            Expr::AssignExpr { op: AssignOp::ColEq, lhs, .. } => name(lhs),
            _ => None,
        },
        _ => None,
    }));
    query.stmts.iter().any(|statement| match &statement.literal {
        Literal::SomeVars { .. } | Literal::SomeIn { .. } => true,
        // The body of `every` and that of `not` hold or do not hold; neither gives values to the head.
        Literal::Every { domain, .. } => may_be_several(domain, &bound),
        Literal::Expr { expr, .. } => may_be_several(expr, &bound),
        Literal::NotExpr { .. } => false,
    })
}

/// Whether an expression may have several values: `list[_]`, `list[i]` with an unbound `i`, `walk`.
fn may_be_several(expression: &Expr, bound: &[&str]) -> bool {
    let several = |expression: &Expr| may_be_several(expression, bound);
    match expression {
        Expr::RefBrack { refr, index, .. } => {
            let is_one = is_constant(index)
                || name(index).is_some_and(|name| bound.contains(&name))
                || matches!(index.as_ref(), Expr::RefDot { .. } | Expr::Call { .. }) && !several(index);
            !is_one || several(refr)
        }
        Expr::RefDot { refr, .. } => several(refr),
        Expr::Call { fcn, params, .. } => {
            name(fcn) == Some("walk") || params.iter().any(|param| several(param))
        }
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().any(|item| several(item)),
        Expr::Object { fields, .. } => fields.iter().any(|(_, key, value)| several(key) || several(value)),
        Expr::UnaryExpr { expr, .. } => several(expr),
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => several(lhs) || several(rhs),
        Expr::Membership { value, collection, .. } => several(value) || several(collection),
        // A comprehension is one value, and the interpreter computes it rightly.
        _ => false,
    }
}
