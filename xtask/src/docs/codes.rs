//! Codes of refusals, verdicts, reports and problems: the page `docs/codes.md` has exactly the codes of the program.
//!
//! Invariant: the sources, read as text, decide. A code is written in one of the forms below; a word of the same form that
//! is not a code is listed in `NO_CODES`.

use std::collections::BTreeSet;

use super::page::{Page, Piece};
use crate::tidy::{crate_of, is_test};

/// Codes in a source file.
pub fn of_source(name: &str, text: &str) -> BTreeSet<String> {
    let apart = ["crates/lab/", "crates/sim/", "xtask/"].iter().any(|own| name.starts_with(own));
    let story = name.contains("/demo/") || name.ends_with("_tests.rs") || name.ends_with("/scenario.rs");
    if apart || story || is_test(name) {
        return BTreeSet::new();
    }
    let shipped = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
    let is_noise = |line: &&str| {
        line.trim_start().starts_with("//") || line.contains("rename_all") || line.contains("cfg")
    };
    let lines: Vec<_> = shipped.lines().filter(|line| !is_noise(line)).collect();
    let text = lines.join("\n");
    let found = literals(&text).into_iter().filter(|literal| is_code(name, literal));
    found.map(|literal| literal.word.to_owned()).collect()
}

/// A literal that is one word, with the text before and after it.
struct Literal<'a> {
    before: &'a str,
    word: &'a str,
    after: &'a str,
}

fn literals(text: &str) -> Vec<Literal<'_>> {
    let mut found = Vec::new();
    let quotes: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
    for pair in quotes.windows(2) {
        let [open, close] = *pair else { continue };
        let (before, rest) = text.split_at(open);
        let (word, after) = rest.split_at(close - open);
        let (word, after) = (word.trim_start_matches('"'), after.trim_start_matches('"'));
        if is_word(word.strip_prefix(PROBLEM).unwrap_or(word)) {
            found.push(Literal { before: before.trim_end(), word, after: after.trim_start() });
        }
    }
    found
}

fn is_code(name: &str, Literal { before, word, after }: &Literal<'_>) -> bool {
    if NO_CODES.contains(word) {
        return false;
    }
    if word.starts_with(PROBLEM) {
        return name == "crates/wire/src/problem.rs";
    }
    // `Reason::new("code", ..)`, `Reason { code: "code", .. }`, and `"code": "code"` of a policy.
    let call = before.strip_suffix('(').is_some_and(|before| {
        let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        let callee = start.map_or(before, |at| before.get(at + 1..).unwrap_or_default());
        CALLS.contains(&callee.rsplit_once("reasons.").map_or(callee, |(_, method)| method))
    });
    if call || before.ends_with("code:") || before.ends_with("\"code\":") {
        return true;
    }
    // In crates that decide, every word with a hyphen is a code; elsewhere only one before its sentence, or alone in a
    // branch.
    let hyphened = word.contains('-');
    if crate_of(name).is_some_and(|own| DECIDING.contains(&own)) {
        return hyphened;
    }
    let told = ["crates/client/", "crates/countersign/", "crates/evidence/src/rules/"]
        .iter()
        .any(|own| name.starts_with(own));
    let pair = before
        .strip_suffix('(')
        .is_some_and(|before| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '!'));
    told && hyphened && (pair && after.starts_with(',') || before.ends_with('{') && after.starts_with('}'))
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// Codes of the program that the page does not explain, and codes on pages that the program does not have.
pub fn differing(page: &Page, others: &[&Page], codes: &BTreeSet<String>) -> Vec<String> {
    let rows = rows(page);
    let named: BTreeSet<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    let missing = codes.iter().filter(|code| !named.contains(code.as_str())).map(|code| {
        format!(
            "{}:1: does not explain the code `{code}`, which the sources write: add a row with what it means and what to do, \
             or add the word to NO_CODES in xtask/src/docs/codes.rs",
            page.name
        )
    });
    let mut found: Vec<_> = missing.collect();
    let mut seen = BTreeSet::new();
    for row in rows.iter().filter(|row| !seen.insert(row.text.clone())) {
        found.push(format!(
            "{}:{}: explains `{}` a second time: remove one row",
            page.name, row.line, row.text
        ));
    }
    for page in others.iter().chain([&page]) {
        let unknown = self::rows(page).into_iter().filter(|row| match row.text.strip_suffix('*') {
            Some(start) => !codes.iter().any(|code| code.starts_with(start)),
            None => !codes.contains(&row.text),
        });
        found.extend(unknown.map(|row| {
            let remedy = "write the code that it has now, or remove the row";
            format!(
                "{}:{}: explains the code `{}`, which the sources do not write: {remedy}",
                page.name, row.line, row.text
            )
        }));
    }
    found
}

/// Codes in the first column of tables with the heading `code`.
fn rows(page: &Page) -> Vec<Piece> {
    let mut within = false;
    let mut found = Vec::new();
    for (number, line) in page.text.lines().enumerate() {
        if !line.starts_with('|') {
            within = false;
            continue;
        }
        within |= line.starts_with("| code |");
        let cell = line.split('|').nth(1).filter(|_| within).unwrap_or_default();
        let names = cell.split('`').skip(1).step_by(2);
        found.extend(names.map(|name| Piece { line: number + 1, text: name.to_owned() }));
    }
    found
}

/// Words with a hyphen that pages write as code and that the sources do not contain.
pub fn unknown_words(page: &Page, words: &BTreeSet<String>) -> Vec<String> {
    let names = page.spans().into_iter().filter(|piece| is_word(&piece.text) && piece.text.contains('-'));
    let unknown =
        names.filter(|piece| !words.contains(&piece.text) && !OF_OTHERS.contains(&piece.text.as_str()));
    unknown
        .map(|Piece { line, text }| {
            let remedy = "write the name that it has now, or, for a name of another project, add it to OF_OTHERS in xtask/src/docs/codes.rs";
            format!("{}:{line}: names `{text}`, which the sources do not contain: {remedy}", page.name)
        })
        .collect()
}

/// Every word of a source file in the form of JSON, YAML and the command line: `StepFailed` and `step_failed` become
/// `step-failed`.
pub fn words(text: &str) -> BTreeSet<String> {
    let each = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-');
    each.filter(|word| !word.is_empty()).map(hyphened).collect()
}

fn hyphened(word: &str) -> String {
    let mut made = String::new();
    for c in word.chars() {
        if c.is_ascii_uppercase() && made.ends_with(|before: char| before.is_ascii_lowercase()) {
            made.push('-');
        }
        made.push(if c == '_' { '-' } else { c.to_ascii_lowercase() });
    }
    made
}

/// Prefix of the types of the API's problems.
const PROBLEM: &str = "tag:countersign,2026:";

/// Functions whose first argument is a code.
const CALLS: [&str; 9] = [
    "Reason::new",
    "one_reason",
    "against",
    "unclear",
    "Judgement::undecided",
    "undecided",
    "refused",
    "refuse",
    "wrong",
];

/// Crates that decide.
const DECIDING: [&str; 3] = ["domain", "judge", "agent"];

/// Words of the same form that are not codes: actions, a role, fields, a thread.
const NO_CODES: [&str; 18] = [
    "server-away",
    "rule-result",
    "preview-remove",
    "verify-full",
    "secret-put",
    "secret-destroy",
    "set-root",
    "set-status",
    "set-environment",
    "release-manager",
    "secret-owner",
    "left-out",
    "namespace-host-proc",
    "service-log",
    "memory-mib",
    "open-files",
    "stop-seconds",
    "debug-on",
];

/// Names of other projects' programs, packages and options.
const OF_OTHERS: [&str; 1] = ["export-ignore"];

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Page {
        Page { name: "docs/codes.md".to_owned(), text: text.to_owned() }
    }

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn each_form_of_a_code_is_found() {
        let cases = [
            ("crates/domain/src/a.rs", "Reason::new(\n    \"expired\", what)"),
            ("crates/judge/src/a.rs", "reasons.against(\"frozen\", what, X)"),
            ("crates/judge/src/a.rs", "file.ok_or(\"file-missing\")"),
            ("crates/server/src/a.rs", "Judgement::undecided(\"no-room\", what)"),
            ("crates/countersign/src/a.rs", "Reason { code: \"gone\".into(), what }"),
            ("crates/client/src/a.rs", "_ => (\n  \"runner-lost\",\n what)"),
            ("crates/evidence/src/rules/mod.rs", "if a { \"file-unsound\" } else {}"),
            ("policies/default/gate.rego", "deny contains {\n\t\"code\": \"too-few\","),
            ("crates/wire/src/problem.rs", "#[serde(rename = \"tag:countersign,2026:key-reused\")]"),
        ];
        for (name, text) in cases {
            assert_eq!(of_source(name, text).len(), 1, "{name}: {text}");
        }
        let others = [
            (
                "crates/domain/src/a.rs",
                "// \"not-a-code\"\n\"release-manager\"\n#[cfg(test)]\nmod tests { \"in-a-test\" }",
            ),
            ("crates/server/src/a.rs", "(\"given-up\", runner)"),
            ("crates/countersign/src/a.rs", "is_one(\"x\"), [\"rev-parse\", \"--git-dir\"]"),
            ("crates/lab/src/a.rs", "Reason::new(\"expired\", what)"),
        ];
        for (name, text) in others {
            assert_eq!(of_source(name, text), BTreeSet::new(), "{name}: {text}");
        }
    }

    #[test]
    fn a_code_without_a_row_and_a_row_without_a_code_are_named() {
        let table = "# A\n\n| code | what it means |\n|---|---|\n| `a-b` | x `other` |\n| `c-d` | y |\n\n| field |\n|---|\n| `z-z` |\n";
        assert_eq!(differing(&page(table), &[], &set(&["a-b", "c-d"])), Vec::<String>::new());
        let found = differing(&page(table), &[], &set(&["a-b", "e-f"]));
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].starts_with("docs/codes.md:1: does not explain the code `e-f`"), "{found:#?}");
        assert!(found[1].starts_with("docs/codes.md:6: explains the code `c-d`"), "{found:#?}");
        let other = Page {
            name: "docs/b.md".to_owned(),
            text: "| code | x |\n|-|-|\n| `a-*`, `q-*` | y |\n".to_owned(),
        };
        let found = differing(&page(table), &[&other], &set(&["a-b", "c-d"]));
        assert!(
            found.len() == 1 && found[0].starts_with("docs/b.md:3: explains the code `q-*`"),
            "{found:#?}"
        );
        let twice = page("| code | x |\n|-|-|\n| `a-b` | y |\n| `a-b` | z |\n");
        let found = differing(&twice, &[], &set(&["a-b"]));
        assert!(found.len() == 1 && found[0].contains(":4: explains `a-b` a second time"), "{found:#?}");
    }

    #[test]
    fn a_name_that_stands_nowhere_is_named() {
        let known = words("struct StepFailed; let run_order = \"key-taken\";");
        let found = unknown_words(
            &page("`step-failed` `run-order`\n`key-taken` `one` `--a-flag` `key-lost`"),
            &known,
        );
        assert!(found.len() == 1 && found[0].starts_with("docs/codes.md:2: names `key-lost`"), "{found:#?}");
    }
}
