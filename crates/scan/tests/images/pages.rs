//! The page of rules is made from the rules: `UPDATE_RULES=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use scan::images::facts;

const BEGIN: &str = "<!-- rules: written by the test `the_page_lists_every_rule` with UPDATE_RULES=1 -->\n";

#[test]
fn the_page_lists_every_rule() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scan/images.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, _) = page.split_once(BEGIN).expect("the page has the mark");
    let mut table = format!("\n## Images ({} rules)\n\n", facts().count());
    table.push_str("| rule | severity | what is wrong | why it matters | what to do | also known as |\n|---|---|---|---|---|---|\n");
    for facts in facts() {
        let same = if facts.same.is_empty() { "-".to_owned() } else { facts.same.join(", ") };
        let [title, why, remedy] =
            [facts.title, facts.why, facts.remedy].map(|text| text.replace('|', "\\|"));
        let severity = facts.severity.as_str();
        writeln!(table, "| `{}` | {severity} | {title} | {why} | {remedy} | {same} |", facts.id).unwrap();
    }
    let expected = format!("{head}{BEGIN}{table}");
    if std::env::var_os("UPDATE_RULES").is_some() {
        std::fs::write(&path, &expected).unwrap();
    } else {
        assert_eq!(page, expected, "{}: run the test with UPDATE_RULES=1", path.display());
    }
}
