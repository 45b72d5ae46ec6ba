//! The pages of rules are made from the rules: `UPDATE_RULES=1` writes them anew.

use std::fmt::Write as _;
use std::path::Path;

use scan::lint::{LANGUAGES, Subject};

const BEGIN: &str = "<!-- rules: written by the test `pages_list_every_rule` with UPDATE_RULES=1 -->\n";

#[test]
fn pages_list_every_rule() {
    for subject in [Subject::Infrastructure, Subject::Pipelines] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/scan/{}.md", subject.as_str()));
        let page = std::fs::read_to_string(&path).unwrap();
        let (head, _) = page.split_once(BEGIN).expect("the page has the mark");
        let expected = format!("{head}{BEGIN}{}", tables(subject));
        if std::env::var_os("UPDATE_RULES").is_some() {
            std::fs::write(&path, &expected).unwrap();
        } else {
            assert_eq!(page, expected, "{}: run the test with UPDATE_RULES=1", path.display());
        }
    }
}

fn tables(subject: Subject) -> String {
    let mut text = String::new();
    for language in LANGUAGES.iter().filter(|language| language.subject == subject) {
        let rules = (language.rules)();
        write!(text, "\n## {} ({} rules)\n\n", language.name, rules.len()).unwrap();
        text.push_str("| rule | severity | what is wrong | why it matters | what to do | also known as |\n|---|---|---|---|---|---|\n");
        for facts in rules {
            let same = if facts.same.is_empty() { "-".to_owned() } else { facts.same.join(", ") };
            let row = [facts.title, facts.why, facts.remedy].map(|text| text.replace('|', "\\|"));
            let [title, why, remedy] = row;
            writeln!(
                text,
                "| `{}` | {} | {title} | {why} | {remedy} | {same} |",
                facts.id,
                facts.severity.as_str()
            )
            .unwrap();
        }
    }
    text
}
