//! Fields of the input that each rule of a policy reads, found in the syntax of the policy.
//!
//! The reader follows each expression to the parts of the input that its value may be: through names, elements of lists,
//! comprehensions, functions with their arguments, and other rules. The fields of a rule are those that the conditions of
//! its reasons read, in the body with the reason and in all that the body refers to. The sentence of a reason is no condition.
//!
//! Invariant: this is for people and decides nothing. Its work has a limit, so a policy cannot keep its reader waiting. It
//! omits what a policy hides from a reader of its text: reasons whose code is computed, names that are used before they are
//! bound, aliases of packages, and built-ins that return a part of their arguments, except those in [`PASSING`].

mod parts;

use std::collections::{BTreeMap, BTreeSet};

use parts::{Parts, Scope, step, text};
use regorus::CompiledPolicy;
use regorus::unstable::{AssignOp, Expr, Literal, Query, Rule, RuleBody, RuleHead};

/// Everything that is read of a rule's reasons: fields of the input, and fixed words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReasonReading {
    /// Fields that its conditions read, such as `findings[].severity`.
    pub fields: BTreeSet<String>,
    /// Its sentence; values that differ from release to release are `…`.
    pub what: Option<String>,
    /// Its remedy.
    pub remedy: Option<String>,
}

/// The readings by the code of the reasons.
pub fn by_code(policy: &CompiledPolicy, roots: &[&str]) -> BTreeMap<String, ReasonReading> {
    let mut reader = Reader {
        policy,
        known: BTreeMap::new(),
        open: Vec::new(),
        by_code: BTreeMap::new(),
        texts: BTreeMap::new(),
        steps: 0,
    };
    for root in roots {
        reader.called(root, Vec::new());
    }
    // A field counts as a whole only if no part of it is read.
    let leaves = |fields: BTreeSet<String>| {
        let is_within = |whole: &str, part: &str| {
            part.strip_prefix(whole).is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        let is_leaf = |field: &&String| !fields.iter().any(|other| is_within(field, other));
        fields.iter().filter(is_leaf).cloned().collect()
    };
    let Reader { by_code, mut texts, .. } = reader;
    let reading = |(code, fields): (String, BTreeSet<String>)| {
        let (what, remedy) = texts.remove(&code).unwrap_or_default();
        (code, ReasonReading { fields: leaves(fields), what, remedy })
    };
    by_code.into_iter().map(reading).collect()
}

/// Fields that conditions read.
type Fields = BTreeSet<String>;

struct Reader<'a> {
    policy: &'a CompiledPolicy,
    /// Results of rules and functions, by path and arguments.
    known: BTreeMap<(String, Vec<Parts>), (Parts, Fields)>,
    /// Paths of the rules that are being read.
    open: Vec<String>,
    by_code: BTreeMap<String, Fields>,
    /// Fixed words of sentence and remedy, by code; the first reason of a code counts.
    texts: BTreeMap<String, (Option<String>, Option<String>)>,
    steps: usize,
}

impl Reader<'_> {
    /// The value of a rule, and the fields that its conditions read. Fields behind a reason are kept by its code instead.
    fn called(&mut self, path: &str, arguments: Vec<Parts>) -> (Parts, Fields) {
        let key = (path.to_owned(), arguments);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        if self.open.len() >= DEPTH_MAX || self.open.contains(&key.0) || self.steps > STEPS_MAX {
            return (Parts::default(), Fields::new());
        }
        self.open.push(key.0.clone());
        let (mut value, mut read) = (Parts::default(), Fields::new());
        let package = path.rsplit_once('.').map_or("", |(package, _)| package);
        let policy = self.policy;
        for rule in policy.get_rules().get(path).into_iter().flatten() {
            let Rule::Spec { head, bodies, .. } = rule.as_ref() else { continue };
            let (parts, fields) = self.defined(package, head, bodies, &key.1);
            value = value.join(parts);
            read.extend(fields);
        }
        self.open.pop();
        self.known.insert(key, (value.clone(), read.clone()));
        (value, read)
    }

    /// The same of one definition.
    fn defined(
        &mut self,
        package: &str,
        head: &RuleHead,
        bodies: &[RuleBody],
        arguments: &[Parts],
    ) -> (Parts, Fields) {
        let mut scope = Scope { package, names: BTreeMap::new() };
        let (assigned, is_element) = match head {
            RuleHead::Compr { refr, assign, .. } => {
                (assign.as_ref().map(|assign| &assign.value), matches!(refr.as_ref(), Expr::RefBrack { .. }))
            }
            RuleHead::Set { key, .. } => (key.as_ref(), true),
            RuleHead::Func { args, assign, .. } => {
                args.iter().zip(arguments).for_each(|(name, parts)| scope.bind(name, parts));
                (assign.as_ref().map(|assign| &assign.value), false)
            }
        };
        let all: Vec<_> = if bodies.is_empty() { vec![None] } else { bodies.iter().map(Some).collect() };
        let (mut value, mut read) = (Parts::default(), Fields::new());
        // The conditions of an earlier body decide whether an `else` counts, so `read` grows.
        for body in all {
            let mut scope = scope.clone();
            if let Some(body) = body {
                self.query(&body.query, &mut scope, &mut read);
            }
            let own = body.and_then(|body| body.assign.as_ref()).map(|assign| &assign.value).or(assigned);
            let parts = own.map(|own| self.value(own, &scope, &mut read)).unwrap_or_default();
            let parts = if is_element { parts.wrapped() } else { parts };
            for code in &parts.codes {
                self.by_code.entry(code.clone()).or_default().extend(read.iter().cloned());
            }
            value = value.join(parts);
        }
        if !value.codes.is_empty() {
            read.clear();
        }
        (value, read)
    }

    /// Reads the conditions of a body, and binds its names.
    fn query(&mut self, query: &Query, scope: &mut Scope<'_>, read: &mut Fields) {
        for statement in &query.stmts {
            match &statement.literal {
                Literal::SomeVars { .. } => {}
                Literal::SomeIn { value, collection, .. } => {
                    let item = self.item(collection, scope, read);
                    scope.bind(value, &item);
                }
                Literal::Every { value, domain, query, .. } => {
                    let item = self.item(domain, scope, read);
                    let mut within = scope.clone();
                    within.names.insert(value.text().to_owned(), item);
                    self.query(query, &mut within, read);
                }
                Literal::NotExpr { expr, .. } => {
                    self.value(expr, scope, read);
                }
                Literal::Expr { expr, .. } => match expr.as_ref() {
                    Expr::AssignExpr { op: AssignOp::ColEq, lhs, rhs, .. } => {
                        let parts = self.value(rhs, scope, read);
                        scope.bind(lhs, &parts);
                    }
                    other => {
                        self.value(other, scope, read);
                    }
                },
            }
        }
    }

    /// The value of an expression. The fields that it reads are noted.
    fn value(&mut self, expression: &Expr, scope: &Scope<'_>, read: &mut Fields) -> Parts {
        self.steps = self.steps.saturating_add(1);
        if let Some(path) = self.rule(expression, scope) {
            return self.noted(&path, Vec::new(), read);
        }
        match expression {
            Expr::Var { span, .. } => match scope.names.get(span.text()) {
                Some(parts) => parts.clone(),
                None if span.text() == "input" => Parts::input(),
                None => Parts::default(),
            },
            Expr::RefDot { refr, field, .. } => {
                let of = self.value(refr, scope, read);
                note(of.step(&format!(".{}", field.0.text())), read)
            }
            Expr::RefBrack { refr, index, .. } => {
                self.value(index, scope, read);
                let of = self.value(refr, scope, read);
                note(of.step(&step(index)), read)
            }
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                self.all(items.iter().map(AsRef::as_ref), scope, read).wrapped()
            }
            Expr::Object { fields, .. } => match code(expression) {
                Some(code) => {
                    let code = code.to_owned();
                    let words = |name: &str| self.words(member(expression, name)?, scope);
                    let texts = (words("what"), words("remedy"));
                    self.texts.entry(code.clone()).or_insert(texts);
                    Parts { codes: [code].into(), ..Parts::default() }
                }
                None => self.all(fields.iter().map(|(_, _, value)| value.as_ref()), scope, read).wrapped(),
            },
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                let mut within = scope.clone();
                self.query(query, &mut within, read);
                self.value(term, &within, read).wrapped()
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                let mut within = scope.clone();
                self.query(query, &mut within, read);
                self.value(key, &within, read);
                self.value(value, &within, read).wrapped()
            }
            Expr::Call { fcn, params, .. } => self.call(fcn, params, scope, read),
            Expr::BinExpr { lhs, rhs, .. } | Expr::ArithExpr { lhs, rhs, .. } => {
                self.all([lhs.as_ref(), rhs.as_ref()].into_iter(), scope, read)
            }
            Expr::UnaryExpr { expr, .. } => self.value(expr, scope, read),
            Expr::BoolExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. }
            | Expr::Membership { value: lhs, collection: rhs, .. } => {
                self.all([lhs.as_ref(), rhs.as_ref()].into_iter(), scope, read);
                Parts::default()
            }
            _ => Parts::default(),
        }
    }

    /// The fixed words of a text: a string, the pattern of `sprintf`, or a rule that is one of both.
    fn words(&self, expression: &Expr, scope: &Scope<'_>) -> Option<String> {
        if let Some(path) = self.rule(expression, scope) {
            let rule = self.policy.get_rules().get(&path)?.first()?;
            let Rule::Spec { head: RuleHead::Compr { assign, .. }, .. } = rule.as_ref() else { return None };
            return text(&assign.as_ref()?.value).map(str::to_owned);
        }
        match expression {
            Expr::Call { fcn, params, .. } if dotted(fcn).as_deref() == Some("sprintf") => {
                params.first().and_then(|pattern| text(pattern)).map(without_verbs)
            }
            other => text(other).map(str::to_owned),
        }
    }

    /// The value of a call: of a function of the policy, or of a built-in that returns a part of its arguments.
    fn call<T: AsRef<Expr>>(
        &mut self,
        function: &Expr,
        params: &[T],
        scope: &Scope<'_>,
        read: &mut Fields,
    ) -> Parts {
        let arguments: Vec<_> = params.iter().map(|param| self.value(param.as_ref(), scope, read)).collect();
        let name = dotted(function).unwrap_or_default();
        let own = if name.starts_with("data.") { name.clone() } else { format!("{}.{name}", scope.package) };
        if self.policy.get_rules().contains_key(&own) {
            return self.noted(&own, arguments, read);
        }
        let mut arguments = arguments.into_iter();
        if name == "object.get" {
            let steps = match params.get(1).map(AsRef::as_ref) {
                Some(Expr::Array { items, .. }) => items.iter().map(|item| step(item)).collect(),
                path => path.map(step).into_iter().collect::<Vec<_>>(),
            };
            let of = arguments.next().unwrap_or_default();
            let found = steps.iter().fold(of, |of, name| note(of.step(name), read));
            return found.join(arguments.nth(1).unwrap_or_default());
        }
        if PASSING.contains(&name.as_str()) {
            return arguments.fold(Parts::default(), Parts::join);
        }
        Parts::default()
    }

    /// An element of a list, a set or an object.
    fn item(&mut self, collection: &Expr, scope: &Scope<'_>, read: &mut Fields) -> Parts {
        let all = self.value(collection, scope, read);
        note(all.step("[]"), read)
    }

    fn all<'e>(
        &mut self,
        all: impl Iterator<Item = &'e Expr>,
        scope: &Scope<'_>,
        read: &mut Fields,
    ) -> Parts {
        all.fold(Parts::default(), |found, one| found.join(self.value(one, scope, read)))
    }

    fn noted(&mut self, path: &str, arguments: Vec<Parts>, read: &mut Fields) -> Parts {
        let (parts, fields) = self.called(path, arguments);
        read.extend(fields);
        parts
    }

    /// Path of the rule that an expression refers to.
    fn rule(&self, expression: &Expr, scope: &Scope<'_>) -> Option<String> {
        let path = match expression {
            Expr::Var { span, .. } if !scope.names.contains_key(span.text()) => {
                format!("{}.{}", scope.package, span.text())
            }
            Expr::RefDot { .. } => dotted(expression).filter(|path| path.starts_with("data."))?,
            _ => return None,
        };
        self.policy.get_rules().contains_key(&path).then_some(path)
    }
}

/// Notes the fields that a step has reached.
fn note(parts: Parts, read: &mut Fields) -> Parts {
    let reached = parts.fields.iter().filter(|(field, around)| *around == 0 && !field.is_empty());
    read.extend(reached.map(|(field, _)| field.clone()));
    parts
}

/// The code of an object that is a reason.
fn code(expression: &Expr) -> Option<&str> {
    text(member(expression, "code")?)
}

/// A member of an object.
fn member<'e>(expression: &'e Expr, name: &str) -> Option<&'e Expr> {
    let Expr::Object { fields, .. } = expression else { return None };
    fields.iter().find(|(_, key, _)| text(key) == Some(name)).map(|(_, _, value)| value.as_ref())
}

/// A pattern of `sprintf` with `…` in place of each verb.
fn without_verbs(pattern: &str) -> String {
    let (mut words, mut rest) = (String::new(), pattern.chars());
    while let Some(c) = rest.next() {
        if c != '%' {
            words.push(c);
            continue;
        }
        // A verb ends with a letter; two signs in a row are one sign.
        match rest.by_ref().find(|c| c.is_ascii_alphabetic() || *c == '%') {
            Some('%') => words.push('%'),
            _ => words.push('…'),
        }
    }
    words
}

/// A name with dots, such as `object.get`.
fn dotted(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Var { span, .. } => Some(span.text().to_owned()),
        Expr::RefDot { refr, field, .. } => Some(format!("{}.{}", dotted(refr)?, field.0.text())),
        _ => None,
    }
}

/// Built-ins that return their arguments or elements of them.
const PASSING: [&str; 6] = ["array.concat", "array.slice", "object.union", "sort", "union", "array.reverse"];
/// Number of expressions after which no further rule is read; the packs have some thousands each.
const STEPS_MAX: usize = 20_000;
/// Most rules that refer to each other in a chain.
const DEPTH_MAX: usize = 60;

#[cfg(test)]
mod tests;
