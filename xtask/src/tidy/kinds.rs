//! The law of the lanes: outside its file, the tables and the pages, no name of a kind of documents, statements, records or
//! observations occurs in the crates that carry and judge them. So a new kind is one file and one row of a table.
//!
//! The names come from the tables themselves. Files that still break the law are in `KNOWN` with their reason, and the
//! table may only shrink.

use super::{crate_of, is_test};

/// Names of kinds where they may not be, and rows of `KNOWN` that nothing needs any more.
pub fn broken(files: &[(String, String)]) -> Vec<String> {
    let text_of = |wanted: &str| files.iter().find(|(name, _)| name == wanted).map(|(_, text)| text.as_str());
    let kinds: Vec<Kind<'_>> = TABLES.iter().filter_map(|table| text_of(table)).flat_map(kinds_of).collect();
    if kinds.len() < 2 * TABLES.len() {
        return vec![format!("{}: the rows of the kinds are not found", TABLES.join(", "))];
    }
    let judged = files.iter().filter(|(name, _)| {
        let own = kinds.iter().any(|kind| kind.is_in(name)) || TABLES.contains(&name.as_str());
        !own && !is_test(name) && crate_of(name).is_some_and(|own| CRATES.contains(&own))
    });
    let named: Vec<(&str, String)> = judged
        .filter_map(|(name, text)| {
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            Some((name.as_str(), kinds.iter().find_map(|kind| kind.named_in(shipped))?))
        })
        .collect();
    let new = named.iter().filter(|(name, _)| !KNOWN.iter().any(|(known, _)| known == name)).map(|(name, word)| {
        format!("{name}: names `{word}`, a kind: let its file say what is special, and its lane call that through the table")
    });
    let idle = KNOWN.iter().filter(|(known, _)| !named.iter().any(|(name, _)| name == known));
    new.chain(idle.map(|(name, _)| format!("{name}: names no kind any more: remove it from KNOWN in {OWN}")))
        .collect()
}

/// A row of a table: the name in texts, and in the code.
struct Kind<'a> {
    name: &'a str,
    variant: &'a str,
    content: &'a str,
}

/// The rows of a table, such as `"tests" tests: Tests(TestsDocument),`.
fn kinds_of(table: &str) -> impl Iterator<Item = Kind<'_>> {
    table.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("    \"")?.split_once("\" ")?;
        let (variant, content) = rest.strip_suffix("),")?.split_once('(')?;
        let variant = variant.rsplit(' ').next()?;
        Some(Kind { name, variant, content })
    })
}

impl Kind<'_> {
    fn module(&self) -> String {
        self.name.replace('-', "_")
    }

    /// Whether this is the kind's own file, or the file beside it that declares it.
    fn is_in(&self, file: &str) -> bool {
        LANES
            .iter()
            .any(|lane| file == format!("{lane}{}.rs", self.module()) || file == format!("{lane}mod.rs"))
    }

    /// The first name of the kind in a text.
    fn named_in(&self, text: &str) -> Option<String> {
        let (Self { name, variant, content }, module) = (self, self.module());
        let literal = format!("\"{name}\"");
        if text.contains(&literal) {
            return Some(literal);
        }
        let of_enums = ENUMS.iter().map(|of| format!("{of}::{variant}"));
        let of_modules =
            ["document", "statements", "records", "observations"].iter().map(|of| format!("{of}::{module}"));
        of_enums.chain(of_modules).chain([(*content).to_owned()]).find(|word| has_word(text, word))
    }
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, after) =
            (text.get(..at).unwrap_or_default(), text.get(at + word.len()..).unwrap_or_default());
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

const OWN: &str = "xtask/src/tidy/kinds.rs";
const CRATES: [&str; 6] = ["evidence", "domain", "judge", "runner", "server", "wire"];
const LANES: [&str; 4] = [
    "crates/evidence/src/document/",
    "crates/evidence/src/statements/",
    "crates/evidence/src/records/",
    "crates/evidence/src/observations/",
];
const TABLES: [&str; 4] = [
    "crates/evidence/src/document/table.rs",
    "crates/evidence/src/statements/table.rs",
    "crates/evidence/src/records/table.rs",
    "crates/evidence/src/observations/table.rs",
];
const ENUMS: [&str; 6] =
    ["DocumentKind", "AnyDocument", "StatementKind", "Body", "RecordKind", "ObservationKind"];

/// Files that name kinds, and why.
const KNOWN: [(&str, &str); 17] = [
    ("crates/domain/src/scenario.rs", "a step of the pipeline in tests has the name of a kind"),
    ("crates/domain/src/secret/lend.rs", "the decision about a loan makes its lines"),
    ("crates/domain/src/secret/show.rs", "the decision about a read by a person makes its lines"),
    ("crates/domain/src/secret/tell.rs", "what an agent tells makes its lines"),
    ("crates/evidence/src/drift.rs", "an answer to drift has the name of a kind"),
    ("crates/evidence/src/pipeline/scan.rs", "the table of scans: each makes a document of one kind"),
    ("crates/evidence/src/rules/tested.rs", "names of directories, one of which is the name of a kind"),
    ("crates/evidence/src/statements/form.rs", "a statement settles findings, whatever its kind"),
    ("crates/evidence/src/statements/rules.rs", "a statement settles findings, whatever its kind"),
    (
        "crates/evidence/src/statements/seen.rs",
        "two kinds of statements are about a finding that the signer saw",
    ),
    (
        "crates/judge/src/input_lanes.rs",
        "findings reach policies joined with their component and the statements about them",
    ),
    ("crates/judge/src/lanes/statements.rs", "a statement is compared with the findings of the evidence"),
    ("crates/runner/src/scans.rs", "the scans by the runner: each makes a document of one kind"),
    ("crates/server/src/console/rollout/shown.rs", "the page of a rollout shows what its agent signed"),
    (
        "crates/server/src/drift_log.rs",
        "operators read in the log how a place differs, as its agents observed it",
    ),
    ("crates/server/src/drift_view.rs", "people see how a place differs, as its agents observed it"),
    ("crates/server/src/rollout_view.rs", "people see how far a rollout is, as its agent observed it"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<String> {
        let table = |rows: &str| format!("kinds! {{\n{rows}}}\n");
        let files = [
            (
                TABLES[0].to_owned(),
                table("    \"tests\" tests: Tests(TestsDocument),\n    \"size\" size: Size(SizeDocument),\n"),
            ),
            (
                TABLES[1].to_owned(),
                table("    \"waiver\" Waiver(Waiver),\n    \"sign-off\" SignOff(SignOff),\n"),
            ),
            (
                TABLES[2].to_owned(),
                table("    \"login\" Login(Login),\n    \"parcel-sent\" ParcelSent(ParcelSent),\n"),
            ),
            (
                TABLES[3].to_owned(),
                table("    \"drift\" Drift(Drift),\n    \"tide-gauge\" TideGauge(TideGauge),\n"),
            ),
            (name.to_owned(), text.to_owned()),
        ];
        broken(&files).into_iter().filter(|line| !line.contains("no kind any more")).collect()
    }

    #[test]
    fn a_name_of_a_kind_outside_its_file_is_found() {
        for text in [
            "let kind = DocumentKind::Size;",
            "use evidence::document::size::Size;",
            "fn a(document: SizeDocument) {}",
            "if kind == \"sign-off\" {}",
            "match body { Body::SignOff(_) => {} }",
            "use evidence::statements::sign_off;",
            "let kind = RecordKind::ParcelSent;",
            "use evidence::records::parcel_sent;",
            "let kind = ObservationKind::TideGauge;",
            "use evidence::observations::tide_gauge;",
        ] {
            assert_eq!(found("crates/judge/src/a.rs", text).len(), 1, "{text}");
            assert_eq!(
                found("crates/client/src/a.rs", text),
                Vec::<String>::new(),
                "people's programs may: {text}"
            );
            assert_eq!(found("crates/judge/tests/a.rs", text), Vec::<String>::new(), "{text}");
            assert_eq!(found("crates/evidence/src/document/size.rs", text), Vec::<String>::new(), "{text}");
            assert_eq!(
                found("crates/evidence/src/statements/sign_off.rs", text),
                Vec::<String>::new(),
                "{text}"
            );
        }
        let own = found("crates/evidence/src/records/parcel_sent.rs", "pub struct ParcelSent;");
        assert_eq!(own, Vec::<String>::new());
        let own = found("crates/evidence/src/observations/tide_gauge.rs", "pub struct TideGauge;");
        assert_eq!(own, Vec::<String>::new());
        let fine = "let MySizeDocument = 1; // DocumentKind::Sizes\n#[cfg(test)]\nmod tests { use x::SizeDocument; }";
        assert_eq!(found("crates/judge/src/a.rs", fine), Vec::<String>::new());
    }

    #[test]
    fn a_table_without_rows_and_an_idle_exception_are_found() {
        assert_eq!(broken(&[]).len(), 1);
        let all = KNOWN.iter().map(|(name, _)| ((*name).to_owned(), String::new()));
        let rows = "    \"tests\" tests: Tests(TestsDocument),\n    \"size\" size: Size(SizeDocument),\n";
        let files: Vec<_> =
            TABLES.iter().map(|table| ((*table).to_owned(), rows.to_owned())).chain(all).collect();
        assert_eq!(broken(&files).len(), KNOWN.len());
    }
}
