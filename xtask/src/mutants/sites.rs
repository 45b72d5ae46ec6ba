//! Finds the checks in a source file and rewrites the file, so that each one can be disabled.
//!
//! A check is an `if` that ends in a refusal, a call whose only result is `?`, one part of a comparison of many, or a
//! condition that lets something count. Structure (a `let … else`, an arm of a `match`) cannot be removed, so it is not a
//! check.

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, ExprIf, ExprMethodCall, ItemFn, ReturnType, Stmt};

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Line in the file, from 1 on.
    pub line: usize,
    /// Its text, in one line.
    pub text: String,
}

/// A file with switches, numbered from `first` on, and the check of each switch.
pub fn rewrite(source: &str, first: usize) -> Result<(String, Vec<Site>), String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut finder = Finder { source, starts: starts(source), first, sites: Vec::new(), edits: Vec::new() };
    finder.visit_file(&file);
    let mut text = source.to_owned();
    let mut edits = finder.edits;
    // Edits are applied from the end, so that earlier positions stay valid; of two at one position, the first inserted is first.
    edits.sort_by_key(|(at, order, _)| (*at, *order));
    for (at, _, inserted) in edits.iter().rev() {
        text.insert_str(*at, inserted);
    }
    Ok((text, finder.sites))
}

struct Finder<'a> {
    source: &'a str,
    starts: Vec<usize>,
    first: usize,
    sites: Vec<Site>,
    /// Position, order at that position, text.
    edits: Vec<(usize, i64, String)>,
}

fn starts(source: &str) -> Vec<usize> {
    std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

impl Finder<'_> {
    /// Byte range of a piece of syntax.
    fn range(&self, span: Span) -> (usize, usize) {
        let at = |place: proc_macro2::LineColumn| {
            let start = self.starts.get(place.line.saturating_sub(1)).copied().unwrap_or_default();
            let line = self.source.get(start..).unwrap_or_default();
            start + line.chars().take(place.column).map(char::len_utf8).sum::<usize>()
        };
        (at(span.start()), at(span.end()))
    }

    fn site(&mut self, span: Span) -> usize {
        let (start, end) = self.range(span);
        let text = self.source.get(start..end).unwrap_or_default();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.sites.push(Site { line: span.start().line, text: text.chars().take(100).collect() });
        self.first + self.sites.len() - 1
    }

    /// Puts `before` and `after` around a piece.
    fn wrap(&mut self, span: Span, before: &str, after: &str) {
        let (start, end) = self.range(span);
        // The outer piece opens first and closes last.
        let width = i64::try_from(end - start).unwrap_or_default();
        self.edits.push((start, -width, before.to_owned()));
        self.edits.push((end, width, after.to_owned()));
    }

    fn lets_through(&mut self, expression: &Expr) {
        let site = self.site(expression.span());
        self.wrap(expression.span(), "((", &format!(") || judge_off({site}))"));
    }

    fn never(&mut self, condition: &Expr) {
        let site = self.site(condition.span());
        if has_let(condition) {
            self.wrap(condition.span(), "", &format!(" && !judge_off({site})"));
        } else {
            self.wrap(condition.span(), "((", &format!(") && !judge_off({site}))"));
        }
    }

    /// Each part of `a && b && …`; or all of `a || b`, or a single comparison.
    fn parts(&mut self, expression: &Expr) {
        match expression {
            Expr::Binary(both) if matches!(both.op, BinOp::And(_)) => {
                self.parts(&both.left);
                self.parts(&both.right);
            }
            Expr::Paren(inner) => self.parts(&inner.expr),
            other => self.lets_through(other),
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_expr_if(&mut self, branch: &'ast ExprIf) {
        match &branch.else_branch {
            None if refuses(&branch.then_branch) => self.never(&branch.cond),
            Some(_) if is_ok(&branch.then_branch) => self.lets_through(&branch.cond),
            _ => {}
        }
        visit::visit_expr_if(self, branch);
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        match statement {
            Stmt::Expr(Expr::Try(tried), Some(semi)) => {
                let span = tried.span();
                let site = self.site(span);
                self.wrap(
                    span.join(semi.span()).unwrap_or(span),
                    &format!("if !judge_off({site}) {{ "),
                    " }",
                );
            }
            Stmt::Local(local) => {
                if let Some(init) = &local.init
                    && let Expr::Binary(both) = &*init.expr
                    && matches!(both.op, BinOp::And(_))
                {
                    self.parts(&init.expr);
                }
            }
            _ => {}
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        if let Expr::Binary(both) = &*closure.body
            && matches!(both.op, BinOp::And(_) | BinOp::Or(_))
        {
            self.parts(&closure.body);
        }
        visit::visit_expr_closure(self, closure);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if call.method == "then_some" && matches!(&*call.receiver, Expr::Paren(_)) {
            self.lets_through(&call.receiver);
        }
        if call.method == "filter"
            && let Some(Expr::Closure(closure)) = call.args.first()
            && !matches!(&*closure.body, Expr::Binary(both) if matches!(both.op, BinOp::And(_) | BinOp::Or(_)))
        {
            self.lets_through(&closure.body);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_array(&mut self, array: &'ast syn::ExprArray) {
        for element in &array.elems {
            if let Expr::Tuple(pair) = element
                && let Some(Expr::Binary(both)) = pair.elems.first()
                && matches!(both.op, BinOp::Eq(_))
                && let Some(first) = pair.elems.first()
            {
                self.lets_through(first);
            }
        }
        visit::visit_expr_array(self, array);
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        let answers = match &function.sig.output {
            ReturnType::Default => String::new(),
            ReturnType::Type(_, kind) => {
                let (start, end) = self.range(kind.span());
                self.source.get(start..end).unwrap_or_default().to_owned()
            }
        };
        if let Some(Stmt::Expr(tail, None)) = function.block.stmts.last() {
            match tail {
                Expr::MethodCall(_) if answers.starts_with("Result<()") => {
                    let site = self.site(tail.span());
                    self.wrap(tail.span(), &format!("if judge_off({site}) {{ return Ok(()); }} "), "");
                }
                Expr::Binary(both) if answers == "bool" && matches!(both.op, BinOp::And(_)) => {
                    self.parts(tail);
                }
                _ => {}
            }
        }
        visit::visit_item_fn(self, function);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        // Code of tests is not a check.
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }
}

fn has_let(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(both) => has_let(&both.left) || has_let(&both.right),
        _ => false,
    }
}

/// Whether a block ends in a refusal, or adds one to the findings.
fn refuses(block: &Block) -> bool {
    struct Refusal(bool);
    impl<'ast> Visit<'ast> for Refusal {
        fn visit_expr_return(&mut self, returned: &'ast syn::ExprReturn) {
            let refusal = match returned.expr.as_deref() {
                Some(Expr::Call(call)) => named(&call.func, &["Err", "broken", "differs", "refused"]),
                Some(Expr::Lit(literal)) => matches!(&literal.lit, syn::Lit::Bool(truth) if !truth.value),
                _ => false,
            };
            self.0 |= refusal;
        }

        fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
            self.0 |= ["against", "unclear"].iter().any(|name| call.method == name);
            self.0 |= call.method == "push"
                && matches!(&*call.receiver, Expr::Path(path) if path.path.is_ident("void"));
            visit::visit_expr_method_call(self, call);
        }
    }
    let mut refusal = Refusal(false);
    refusal.visit_block(block);
    refusal.0
}

fn is_ok(block: &Block) -> bool {
    matches!(block.stmts.last(), Some(Stmt::Expr(Expr::Call(call), None)) if named(&call.func, &["Ok"]))
}

fn named(function: &Expr, names: &[&str]) -> bool {
    matches!(function, Expr::Path(path) if names.iter().any(|name| path.path.is_ident(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "fn check(a: u8) -> Result<(), String> {
    if a > 3 {
        return Err(\"é\".into());
    }
    let same = a == 1 && a != 2;
    sound(a)?;
    if same { Ok(()) } else { Err(String::new()) }
}
";

    #[test]
    fn each_check_gets_a_switch_and_nothing_else_changes() {
        let (text, sites) = rewrite(SOURCE, 5).unwrap();
        let found: Vec<_> = sites.iter().map(|site| (site.line, site.text.as_str())).collect();
        let expected = [(2, "a > 3"), (5, "a == 1"), (5, "a != 2"), (6, "sound(a)?"), (7, "same")];
        assert_eq!(found, expected);
        assert!(text.contains("if ((a > 3) && !judge_off(5)) {"), "{text}");
        assert!(text.contains("((a == 1) || judge_off(6)) && ((a != 2) || judge_off(7))"), "{text}");
        assert!(text.contains("if !judge_off(8) { sound(a)?; }"), "{text}");
        assert!(text.contains("if ((same) || judge_off(9)) { Ok(()) }"), "{text}");
    }
}
