//! Uses of `with`, which gives another rule another input.
//!
//! Invariant: every statement of every module is looked at, with those inside comprehensions and `every`. The engine's own
//! reader bounds the depth of the syntax, but not that of a chain of references, so nothing here calls itself.

use regorus::CompiledPolicy;
use regorus::unstable::{Expr, Literal, Query, Rule, RuleAssign, RuleBody, RuleHead};

/// Whether a rule of the policy changes the input of another one. A comparison would be about another input.
pub fn changes_input(policy: &CompiledPolicy) -> bool {
    let mut open = Vec::new();
    for module in policy.get_modules() {
        for rule in &module.policy {
            match rule.as_ref() {
                Rule::Spec { head, bodies, .. } => {
                    of_head(head, &mut open);
                    bodies.iter().for_each(|body| of_body(body, &mut open));
                }
                Rule::Default { refr, args, value, .. } => {
                    open.extend([refr, value].into_iter().chain(args).map(|one| Part::Expression(one)));
                }
            }
        }
    }
    while let Some(part) = open.pop() {
        match part {
            Part::Expression(expression) => of_expression(expression, &mut open),
            Part::Query(query) => {
                for statement in &query.stmts {
                    if !statement.with_mods.is_empty() {
                        return true;
                    }
                    of_literal(&statement.literal, &mut open);
                }
            }
        }
    }
    false
}

/// A part of the syntax that has not been looked at.
enum Part<'a> {
    Expression(&'a Expr),
    Query(&'a Query),
}

fn of_head<'a>(head: &'a RuleHead, open: &mut Vec<Part<'a>>) {
    match head {
        RuleHead::Compr { refr, assign, .. } => {
            open.push(Part::Expression(refr));
            of_assignment(assign, open);
        }
        RuleHead::Set { refr, key, .. } => {
            open.extend(key.iter().chain([refr]).map(|one| Part::Expression(one)));
        }
        RuleHead::Func { refr, args, assign, .. } => {
            open.extend(args.iter().chain([refr]).map(|one| Part::Expression(one)));
            of_assignment(assign, open);
        }
    }
}

fn of_assignment<'a>(assign: &'a Option<RuleAssign>, open: &mut Vec<Part<'a>>) {
    open.extend(assign.iter().map(|assign| Part::Expression(&assign.value)));
}

fn of_body<'a>(body: &'a RuleBody, open: &mut Vec<Part<'a>>) {
    of_assignment(&body.assign, open);
    open.push(Part::Query(&body.query));
}

fn of_literal<'a>(literal: &'a Literal, open: &mut Vec<Part<'a>>) {
    match literal {
        Literal::SomeVars { .. } => {}
        Literal::SomeIn { key, value, collection, .. } => {
            open.extend(key.iter().chain([value, collection]).map(|one| Part::Expression(one)));
        }
        Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => open.push(Part::Expression(expr)),
        Literal::Every { domain, query, .. } => {
            open.extend([Part::Expression(domain), Part::Query(query)]);
        }
    }
}

fn of_expression<'a>(expression: &'a Expr, open: &mut Vec<Part<'a>>) {
    match expression {
        Expr::String { .. }
        | Expr::RawString { .. }
        | Expr::Number { .. }
        | Expr::Bool { .. }
        | Expr::Null { .. }
        | Expr::Var { .. } => {}
        Expr::Array { items, .. } | Expr::Set { items, .. } => {
            open.extend(items.iter().map(|one| Part::Expression(one)));
        }
        Expr::Object { fields, .. } => {
            let parts = fields.iter().flat_map(|(_, key, value)| [key, value]);
            open.extend(parts.map(|one| Part::Expression(one)));
        }
        Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
            open.extend([Part::Expression(term), Part::Query(query)]);
        }
        Expr::ObjectCompr { key, value, query, .. } => {
            open.extend([Part::Expression(key), Part::Expression(value), Part::Query(query)]);
        }
        Expr::Call { fcn, params, .. } => {
            open.extend(params.iter().chain([fcn]).map(|one| Part::Expression(one)));
        }
        Expr::UnaryExpr { expr, .. } => open.push(Part::Expression(expr)),
        Expr::RefDot { refr, .. } => open.push(Part::Expression(refr)),
        Expr::RefBrack { refr, index, .. } => {
            open.extend([Part::Expression(refr), Part::Expression(index)]);
        }
        Expr::BinExpr { lhs, rhs, .. }
        | Expr::BoolExpr { lhs, rhs, .. }
        | Expr::ArithExpr { lhs, rhs, .. }
        | Expr::AssignExpr { lhs, rhs, .. } => {
            open.extend([Part::Expression(lhs), Part::Expression(rhs)]);
        }
        Expr::Membership { key, value, collection, .. } => {
            open.extend(key.iter().chain([value, collection]).map(|one| Part::Expression(one)));
        }
    }
}
