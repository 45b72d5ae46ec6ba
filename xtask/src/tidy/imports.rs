//! What a source file refers to within its crate: the paths of its imports and of its code, from the root of the crate.
//!
//! Invariant: `use` trees, `self`, `super`, modules within a file, names that were imported before and the bodies of macros
//! are seen; what only tests see is not. It reads tokens, so that no name needs to be resolved by a compiler.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path from the root of a crate, one part each.
pub type Route = Vec<String>;

/// What one file says.
#[derive(Debug, Default)]
pub struct Imports {
    /// Paths that its code and its imports name, with the module that names them.
    pub paths: Vec<Route>,
    /// Names that its imports bring in, and what each stands for; `*` is left out.
    pub names: BTreeMap<Route, Route>,
    /// Modules that only tests see.
    pub tests: Vec<Route>,
}

/// The module of a file, by its name from the root of the tree; none outside of `src/`.
pub fn module_of(name: &str) -> Option<Route> {
    let (_, inner) = name.split_once("/src/")?;
    let inner = inner.strip_suffix(".rs")?;
    let mut route: Route = inner.split('/').map(str::to_owned).collect();
    if matches!(route.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        route.pop();
    }
    Some(route)
}

/// Reads a file that is the module `route`. What is no Rust says nothing: the compiler names it.
pub fn read(route: &Route, text: &str) -> Imports {
    let mut imports = Imports::default();
    if let Ok(tokens) = text.parse::<TokenStream>() {
        walk(&tokens.into_iter().collect::<Vec<_>>(), route, &mut imports);
    }
    imports
}

fn walk(tokens: &[TokenTree], route: &Route, found: &mut Imports) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let rest = tokens.get(at..).unwrap_or_default();
        at += match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' && is_for_tests(rest) => {
                skipped(rest, route, found)
            }
            TokenTree::Ident(word) if *word == "use" => import(rest, route, found),
            TokenTree::Ident(word) if *word == "mod" => within(rest, route, found),
            TokenTree::Ident(_) => named(rest, route, found),
            TokenTree::Group(group) => {
                walk(&group.stream().into_iter().collect::<Vec<_>>(), route, found);
                1
            }
            // A field or method, and the rest of a path that begins with a type or, like `::evidence`, with a crate.
            TokenTree::Punct(mark) if mark.as_char() == '.' => 2,
            TokenTree::Punct(_) if is_colons(rest) => 2 + path(rest.get(2..).unwrap_or_default()).1,
            _ => 1,
        };
    }
}

/// Whether an attribute says that only tests see what follows.
fn is_for_tests(tokens: &[TokenTree]) -> bool {
    let text = tokens.get(1).map(ToString::to_string).unwrap_or_default();
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    text == "[cfg(test)]" || text.starts_with("[cfg(all(test,")
}

/// Length of an item that only tests see, and of the attribute before it.
fn skipped(tokens: &[TokenTree], route: &Route, found: &mut Imports) -> usize {
    let word = |at: usize| tokens.get(at).map(ToString::to_string).unwrap_or_default();
    let module = (2..tokens.len().min(8)).find(|at| word(*at) == "mod");
    if let Some(at) = module.filter(|at| word(at + 2) == ";") {
        found.tests.push(joined(route, &[word(at + 1)]));
    }
    let is_import = (2..tokens.len().min(6)).any(|at| word(at) == "use");
    let ends = |token: &TokenTree| match token {
        TokenTree::Punct(mark) => mark.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !is_import,
        _ => false,
    };
    let end = tokens.iter().skip(2).position(ends);
    end.map_or(tokens.len(), |end| end + 3)
}

/// A module within the file has a separate route.
fn within(tokens: &[TokenTree], route: &Route, found: &mut Imports) -> usize {
    if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) = (tokens.get(1), tokens.get(2)) {
        let inner = joined(route, &[name.to_string()]);
        walk(&body.stream().into_iter().collect::<Vec<_>>(), &inner, found);
        return 3;
    }
    2
}

/// A `use` declaration; its length.
fn import(tokens: &[TokenTree], route: &Route, found: &mut Imports) -> usize {
    let is_end = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ';');
    // `use<'a>` in a type captures lifetimes.
    if matches!(tokens.get(1), Some(TokenTree::Punct(mark)) if mark.as_char() == '<') {
        return 1;
    }
    let end = tokens.iter().position(is_end).unwrap_or(tokens.len());
    tree(tokens.get(1..end).unwrap_or_default(), &[], route, found);
    end + 1
}

/// A tree of imports, below the parts that were read before it.
fn tree(tokens: &[TokenTree], before: &[String], route: &Route, found: &mut Imports) {
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
    // `::name` is another crate.
    for branch in tokens.split(is_comma).filter(|branch| !is_colons(branch)) {
        let mut parts = before.to_vec();
        let mut called = None;
        let mut is_leaf = !branch.is_empty();
        for (at, token) in branch.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if *word == "as" => {
                    called = branch.get(at + 1).map(ToString::to_string);
                    break;
                }
                // A module may have the name of a keyword: `r#override` is in `override.rs`.
                TokenTree::Ident(word) => parts.push(word.to_string().trim_start_matches("r#").to_owned()),
                TokenTree::Punct(mark) if mark.as_char() == '*' => parts.push("*".to_owned()),
                TokenTree::Group(group) => {
                    tree(&group.stream().into_iter().collect::<Vec<_>>(), &parts, route, found);
                    is_leaf = false;
                }
                _ => {}
            }
        }
        if !is_leaf {
            continue;
        }
        if parts.len() > 1 && parts.last().is_some_and(|last| last == "self") {
            parts.pop();
        }
        let Some(target) = absolute(&parts, route) else { continue };
        if let Some(name) = called.or_else(|| parts.last().cloned()).filter(|name| name != "*") {
            found.names.insert(joined(route, &[name]), target.clone());
        }
        found.paths.push(target);
    }
}

/// A path in the code; its length.
fn named(tokens: &[TokenTree], route: &Route, found: &mut Imports) -> usize {
    let (parts, length) = path(tokens);
    let whole = (parts.len() > 1).then(|| absolute(&parts, route)).flatten();
    found.paths.extend(whole);
    length
}

/// The names of a path with colons between them, and how many tokens they are.
fn path(tokens: &[TokenTree]) -> (Route, usize) {
    let (mut parts, mut at) = (Route::new(), 0);
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        parts.push(word.to_string());
        at += 1;
        if !is_colons(tokens.get(at..).unwrap_or_default()) {
            break;
        }
        at += 2;
    }
    (parts, at)
}

fn is_colons(tokens: &[TokenTree]) -> bool {
    let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    colon(0) && colon(1)
}

/// The path from the root of the crate. A path that begins with a plain name may begin here.
fn absolute(parts: &[String], route: &Route) -> Option<Route> {
    let (first, rest) = parts.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some(joined(route, rest)),
        "super" => {
            let (_, above) = route.split_last()?;
            match rest.first().map(String::as_str) {
                Some("super") => absolute(rest, &above.to_vec()),
                _ => Some(joined(above, rest)),
            }
        }
        _ => Some(joined(route, parts)),
    }
}

fn joined(route: &[String], parts: &[String]) -> Route {
    [route, parts].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(text: &str) -> Route {
        text.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn every_way_to_name_something_is_seen() {
        let text = "
            use crate::{gate, release::{self, Due as D}, a::*};
            use super::state::State;
            use self::inner::One;
            use ::hidden::Z;
            mod inner { use super::super::other::Two; fn f() { super::g(); } }
            #[cfg(test)]
            use crate::hidden::X;
            #[cfg(test)]
            #[path = \"t.rs\"]
            mod tests;
            #[cfg(test)]
            mod more { use crate::hidden::Y; }
            fn f(x: crate::b::B) -> impl Sized + use<> { x.gate::<u8>(); vec![crate::c::C, child::d(), ::hidden::z()] }
        ";
        let found = read(&route("own::file"), text);
        let paths: Vec<String> = found.paths.iter().map(|path| path.join("::")).collect();
        for path in [
            "gate",
            "release",
            "release::Due",
            "a::*",
            "own::state::State",
            "own::file::inner::One",
            "own::other::Two",
            "own::file::g",
            "b::B",
            "c::C",
            "own::file::child::d",
        ] {
            assert!(paths.contains(&path.to_owned()), "{path}: {paths:?}");
        }
        assert!(!paths.iter().any(|path| path.contains("hidden")), "{paths:?}");
        assert_eq!(found.names.get(&route("own::file::D")), Some(&route("release::Due")));
        assert_eq!(found.tests, [route("own::file::tests")]);
    }

    #[test]
    fn a_file_is_a_module() {
        assert_eq!(module_of("crates/a/src/lib.rs"), Some(route("")));
        assert_eq!(module_of("crates/a/src/b/mod.rs"), Some(route("b")));
        assert_eq!(module_of("crates/a/src/b/c.rs"), Some(route("b::c")));
        assert_eq!(module_of("crates/a/tests/c.rs"), None);
    }
}
