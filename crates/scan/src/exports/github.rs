//! Annotations of GitHub's workflows: one command for each line
//! (<https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions>).
//!
//! Invariant: a text of the repository ends no command and begins none.

use super::listing::Listing;

/// A line for each finding and each file that was not scanned.
#[must_use]
pub fn github(listing: &Listing) -> String {
    let mut lines = Vec::new();
    for row in &listing.rows {
        let level = if row.is_stopping { "error" } else { "warning" };
        let mut words = Vec::new();
        words.extend(row.file.as_ref().map(|file| format!("file={}", property(file))));
        words.extend(row.line.map(|line| format!("line={line}")));
        words.push(format!("title={}", property(&row.rule)));
        let message = format!("{}; {}", row.message, row.remedy);
        lines.push(format!("::{level} {}::{}", words.join(","), data(&message)));
    }
    for (path, why) in &listing.unread {
        let words = format!("file={},title=not-scanned", property(path));
        lines.push(format!("::error {words}::{}", data(&format!("{path} was not scanned: {why}"))));
    }
    lines.join("\n")
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::listing::Row;

    #[test]
    fn no_text_leaves_its_place() {
        let row = Row {
            id: "sha256:0".into(),
            rule: "a,b::c".into(),
            is_secret: true,
            is_stopping: true,
            score: 8.0,
            file: Some("100%,\n::stop::a: b.txt".into()),
            line: Some(7),
            message: "50%\r\n::error::x".into(),
            remedy: "mend it".into(),
        };
        let warning = Row { is_stopping: false, file: None, line: None, ..row.clone() };
        let unread = vec![("a:b".to_owned(), "broken\n::x".to_owned())];
        let said = github(&Listing { rows: vec![row, warning], unread });
        assert_eq!(
            said,
            "::error file=100%25%2C%0A%3A%3Astop%3A%3Aa%3A b.txt,line=7,title=a%2Cb%3A%3Ac::50%25%0D%0A::error::x; mend it\n\
             ::warning title=a%2Cb%3A%3Ac::50%25%0D%0A::error::x; mend it\n\
             ::error file=a%3Ab,title=not-scanned::a:b was not scanned: broken%0A::x"
        );
    }
}
