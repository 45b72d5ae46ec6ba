//! A law of library crates: no public function fails with a string, so that a caller can tell failures apart.
//!
//! Invariant: it looks at what a function answers, be it free, of a type or of a trait, and at nothing else. The binary,
//! this program and the crates that only tests use may answer with words.

use syn::visit::{self, Visit};
use syn::{
    GenericArgument, ImplItemFn, ItemFn, ItemMod, PathArguments, ReturnType, Signature, TraitItemFn, Type,
    TypePath, Visibility,
};

use super::{crate_of, is_test};

/// The first public function of a library's file that answers `Result<_, String>`.
pub fn strings(name: &str, text: &str) -> Option<String> {
    let is_library =
        crate_of(name).is_some_and(|own| !WORDS_ALLOWED.contains(&own)) && name.contains("/src/");
    if !is_library || is_test(name) {
        return None;
    }
    // The compiler complains about what is no Rust.
    let file = syn::parse_file(text).ok()?;
    let mut functions = Functions(None);
    functions.visit_file(&file);
    let found = functions.0?;
    Some(format!("`{found}` answers `Result<_, String>`; a library's failures are an enum of `thiserror`"))
}

/// The first function that breaks the law.
struct Functions(Option<String>);

impl Functions {
    fn look(&mut self, is_public: bool, signature: &Signature) {
        if let (true, None, ReturnType::Type(_, answer)) = (is_public, &self.0, &signature.output) {
            let mut results = Results(false);
            results.visit_type(answer);
            self.0 = results.0.then(|| signature.ident.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.look(matches!(function.vis, Visibility::Public(_)), &function.sig);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.look(matches!(function.vis, Visibility::Public(_)), &function.sig);
    }

    /// A trait's functions are as public as the trait; those of private traits are few enough to follow the law, too.
    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        self.look(true, &function.sig);
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }
}

/// Whether a type holds a `Result` whose failure is a string.
struct Results(bool);

impl<'ast> Visit<'ast> for Results {
    fn visit_type_path(&mut self, path: &'ast TypePath) {
        if let Some(last) = path.path.segments.last()
            && last.ident == "Result"
            && let PathArguments::AngleBracketed(arguments) = &last.arguments
            && let Some(GenericArgument::Type(failure)) = arguments.args.iter().nth(1)
        {
            self.0 |= is_string(failure);
        }
        visit::visit_type_path(self, path);
    }
}

fn is_string(failure: &Type) -> bool {
    match failure {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "String"),
        Type::Reference(reference) => {
            matches!(&*reference.elem, Type::Path(path) if path.path.is_ident("str"))
        }
        Type::Tuple(parts) => parts.elems.iter().any(is_string),
        _ => false,
    }
}

/// The binary, whose `Failure` is for people, and crates of which only tests make use.
const WORDS_ALLOWED: [&str; 3] = ["countersign", "lab", "sim"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_function_of_a_library_fails_with_a_type() {
        let library = "crates/x/src/a.rs";
        for broken in [
            "pub fn a() -> Result<u8, String> {}",
            "pub async fn a() -> Result<Vec<u8>, std::string::String> {}",
            "pub fn a() -> Option<Result<BTreeSet<String>, String>> {}",
            "pub fn a() -> Result<(), (&'static str, String)> {}",
            "pub fn a() -> Result<(), &'static str> {}",
            "impl A { pub fn a(&self) -> Result<(), String> {} }",
            "pub trait A { fn a(&self) -> Result<(), String>; }",
            "mod b { pub fn a() -> Result<(), String> {} }",
        ] {
            let found = strings(library, broken).unwrap_or_default();
            assert!(found.starts_with("`a` answers `Result<_, String>`"), "{broken}: {found}");
            for elsewhere in [
                "crates/sim/src/a.rs",
                "crates/countersign/src/a.rs",
                "crates/x/tests/a.rs",
                "xtask/src/a.rs",
            ] {
                assert_eq!(strings(elsewhere, broken), None, "{elsewhere}: {broken}");
            }
        }
        for fine in [
            "fn a() -> Result<u8, String> {}",
            "pub(crate) fn a() -> Result<u8, String> {}",
            "pub fn a() -> Result<String, Error> {}",
            "pub fn a(b: impl Fn() -> Result<u8, String>) {}",
            "mod tests { pub fn a() -> Result<(), String> {} }",
        ] {
            assert_eq!(strings(library, fine), None, "{fine}");
        }
    }
}
